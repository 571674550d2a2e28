"""Which text a code object was compiled from.

A file may be edited after it was imported, an ``<stdin>`` may be typed into twice, a debugger or a
decorator may have replaced the code: the text that a file name leads to need not be that of the
code that runs.  So a text is believed only after it was compiled and gave the very same code:

    code that runs ──┬── text as it was when a function of the file was first transformed ──┐ compiled:
                     ├── text in ``linecache``, as it was when something first asked for it ├─ the same
                     └── text of the file now ──────────────────────────────────────────────┘ code?

Same means: instructions, constants (nested code too), names, arguments, flags and handlers; line
numbers and file names may differ.  Only the statement around the function is compiled, without the
other members of the classes it stands in, so that a large file costs no more than a small one.

Where no text fits, the function is one without source, and Python itself runs it.  That is also
what happens to code that an import hook has changed, except for the assertions that pytest
rewrites, which are rewritten here as well.
"""

from __future__ import annotations
import __future__

import ast
import copy
import inspect
import linecache
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import field
from types import CodeType, FunctionType
from typing import Any

from autodiff.plain_data import dataclass
from autodiff.sameness import same_value
from autodiff.stack import in_new_thread, lock_of_the_process

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

MAXIMUM_TEXTS = 3  # of one file: as it was, as it was edited
_OBSOLETE = inspect.CO_NESTED  # the flag of ``nested_scopes``, which means something else by now
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag & ~_OBSOLETE


@dataclass(eq=False)
class Unit:
    """A statement that is compiled alone, within the classes around it."""

    statement: ast.stmt
    classes: tuple[ast.ClassDef, ...]
    # By flags, and by whether the imports of the file were compiled along.
    codes: dict[tuple[int, bool], list[CodeType]] = field(default_factory=dict)

    @property
    def lines(self) -> range:
        """The lines of the statement and its decorators."""
        first = _first_line(self.statement)
        return range(first, (self.statement.end_lineno or first) + 1)


@dataclass(eq=False)
class Tree:
    """The functions of a text, by the line they begin on (that of the first decorator).

    Those of a unit are found when something is asked about one of its lines: files are long, and few of
    their functions are ever asked for.
    """

    file: str
    level: int  # of optimisation: from 1 on there are no assertions
    imported: list[ast.alias]  # what the module imports: calls of it compile to other instructions
    units: dict[Unit, None]  # whose functions were not looked for
    source: bytes | None  # where assertions are rewritten
    by_line: dict[int, list[tuple[FunctionNode, Unit]]] = field(default_factory=dict)
    # The units on lines that nothing was asked about; made when something is.
    unasked: dict[int, list[Unit]] | None = None

    def at(self, line: int) -> list[tuple[FunctionNode, Unit]]:
        """The functions that begin on a line."""
        with _lock:
            if self.unasked is None:
                self.unasked = {}
                for unit in self.units:
                    for each in unit.lines:
                        self.unasked.setdefault(each, []).append(unit)
            asked = [unit for unit in self.unasked.pop(line, ()) if unit in self.units]
            for unit in asked:
                del self.units[unit]
            self._index(asked)
        return self.by_line.get(line, [])

    def elsewhere(self, code: CodeType) -> list[tuple[FunctionNode, Unit]]:
        """Functions of the same name on other lines: an edit above has moved them."""
        with _lock:
            units, self.units = list(self.units), {}
            self._index(units)
        return [
            (node, unit)
            for line, places in self.by_line.items()
            if line != code.co_firstlineno
            for node, unit in places
            if getattr(node, "name", "<lambda>") == code.co_name
        ]

    def _index(self, units: Sequence[Unit]) -> None:
        if self.source is not None:
            units = _with_assertions_rewritten(units, self.source, self.file)
        for unit in units:
            for node in ast.walk(unit.statement):
                if isinstance(node, FunctionNode):
                    self.by_line.setdefault(_first_line(node), []).append((node, unit))


def _first_line(node: Any) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


@dataclass(eq=False)
class Text:
    """What a file held at some time; its trees are made when they are needed."""

    lines: tuple[str, ...]
    trees: dict[Any, Tree] = field(default_factory=dict)  # by level of optimisation, or "rewritten"


_TEXTS: dict[str, list[Text]] = {}  # by file, newest first
_lock = lock_of_the_process()


@dataclass(frozen=True)
class Match:
    """Code compiled from a text that is the same as the code that runs, and where it stands."""

    code: CodeType
    nodes: list[FunctionNode]
    file: str
    has_assertions: bool


def keep_text(function: Any, lines: Sequence[str] | None = None) -> None:
    """Keep the text of a function's file as it is now, most often as it was imported.

    ``lines``: as it was before.
    """
    if isinstance(function, FunctionType):
        file = function.__code__.co_filename
        if file not in _TEXTS:
            now = linecache.getlines(file, function.__globals__) if lines is None else lines
            _remember(file, now)


def find_text(function: FunctionType) -> Match | None:
    """Where the code of a function stands, in a text that it was compiled from."""
    code = function.__code__
    for text in _texts_of(function):
        for variant in _variants(code):
            try:
                found = _match(text, _tree(text, code.co_filename, variant), code)
            except (SyntaxError, ValueError, RecursionError):
                continue
            if found is not None:
                return found
    return None


# -- texts ----------------------------------------------------------------------------------------
def _remember(file: str, lines: Sequence[str]) -> Text | None:
    """The text with these lines, or None if there are none or they are known."""
    known = _TEXTS.setdefault(file, [])
    lines = tuple(lines)
    if not lines or any(text.lines == lines for text in known):
        return None
    known.insert(0, Text(lines))
    del known[MAXIMUM_TEXTS:]
    return known[0]


def _texts_of(function: FunctionType) -> Iterator[Text]:
    """The texts that a function may be from, the likeliest first."""
    code = function.__code__
    file = code.co_filename
    yield from list(_TEXTS.get(file, ()))
    # The modules that Python starts with are compiled into it; most of their files are there all the same.
    read = function.__globals__.get("__file__") or file if file.startswith("<frozen ") else file
    text = _remember(file, linecache.getlines(read, function.__globals__))
    if text is not None:
        yield text
    linecache.checkcache(read)
    text = _remember(file, linecache.getlines(read, function.__globals__))
    if text is not None:
        yield text
    if not _TEXTS[file]:  # notebook cells on some versions
        try:
            text = _remember(file, inspect.findsource(code)[0])
        except (OSError, TypeError):
            return
        if text is not None:
            yield text


def _variants(code: CodeType) -> Iterator[int | str]:
    """How a text may have been compiled: levels of optimisation, and what pytest makes of it."""
    yield sys.flags.optimize
    if any(name.startswith("@py") for name in _all_names(code)):
        yield "rewritten"
    yield from (level for level in (0, 1, 2) if level != sys.flags.optimize)


def _all_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    yield from code.co_varnames
    yield from code.co_cellvars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_names(constant)


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were given when Python compiled it
        return _parsed_quietly(text)


def _parsed_quietly(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except RecursionError:  # how deep a tree may be depends on how deep the stack is
        return in_new_thread(0, ast.parse, text)


def _tree(text: Text, file: str, variant: int | str) -> Tree:
    tree = text.trees.get(variant)
    if tree is None:
        source = "".join(text.lines)
        module = _parsed(source)
        units = [unit for statement in module.body for unit in _units(statement, ())]
        imported = list(_imported(module.body))
        level = variant if isinstance(variant, int) else sys.flags.optimize
        rewritten = source.encode() if variant == "rewritten" else None
        if rewritten is not None:
            nothing = Unit(ast.parse("0").body[0], ())
            around = _with_assertions_rewritten([nothing], rewritten, file)
            imported += _imported([unit.statement for unit in around])
        tree = text.trees[variant] = Tree(file, level, imported, dict.fromkeys(units), rewritten)
    return tree


def _with_assertions_rewritten(units: Sequence[Unit], source: bytes, file: str) -> list[Unit]:
    """Do to the assertions what pytest did to them when it imported the file."""
    rewrite = sys.modules.get("_pytest.assertion.rewrite")
    if rewrite is None:
        return list(units)
    hooks = [h for h in sys.meta_path if isinstance(h, rewrite.AssertionRewritingHook)]
    config = hooks[0].config if hooks else None
    found = []
    for unit in units:
        module = ast.Module([unit.statement], [])
        rewrite.rewrite_asserts(module, source, file, config)
        found += [Unit(statement, unit.classes) for statement in module.body]
    return found


def _units(statement: ast.stmt, classes: tuple[ast.ClassDef, ...]) -> Iterator[Unit]:
    if not isinstance(statement, ast.ClassDef):
        yield Unit(statement, classes)
        return
    for inner in statement.body:
        yield from _units(inner, (*classes, statement))
    header = copy.copy(statement)  # there may be a lambda among its bases or decorators
    header.body = [ast.copy_location(ast.Pass(), statement)]
    yield Unit(header, classes)


def _imported(statements: Sequence[ast.AST]) -> Iterator[ast.alias]:
    """A name for each that is imported outside of functions and classes."""
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                name = alias.asname or alias.name.split(".")[0]
                if name != "*" and getattr(statement, "module", "") != "__future__":
                    yield ast.alias("sys", name)
        elif not isinstance(
            statement, (ast.expr, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        ):
            yield from _imported(list(ast.iter_child_nodes(statement)))


# -- code -----------------------------------------------------------------------------------------
def _match(text: Text, tree: Tree, code: CodeType) -> Match | None:
    """The place in a tree whose code is the same; on the line that the code says, or on another."""
    flags = code.co_flags & _FUTURE
    for asked in (lambda: tree.at(code.co_firstlineno), lambda: tree.elsewhere(code)):
        places = asked()
        units = dict.fromkeys(unit for _, unit in places)
        found = [c for unit in units for c in _codes(tree, unit, flags, True) if same_code(c, code)]
        if not found and tree.imported:
            # What runs a file in parts, as tools that draw galleries do, compiles most of them apart
            # from its imports.
            found = [
                c for unit in units for c in _codes(tree, unit, flags, False) if same_code(c, code)
            ]
        if found:
            where = list(code.co_positions())
            found.sort(key=lambda c: list(c.co_positions()) != where)
            # Assertions that pytest rewrote are interpreted as they were written.
            written = _tree(text, tree.file, tree.level)
            nodes = [node for node, _ in written.at(found[0].co_firstlineno)]
            return Match(found[0], nodes, tree.file, tree.level == 0)
    return None


def _codes(tree: Tree, unit: Unit, flags: int, imports: bool) -> list[CodeType]:
    """The code of every function in a unit, compiled once, after the imports of the file or alone."""
    known = unit.codes.get((flags, imports))
    if known is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were given when the file was imported
            given = (_module(tree, unit, imports), tree.file, "exec", flags, True, tree.level)
            try:
                whole = compile(*given)
            except RecursionError:
                whole = in_new_thread(0, compile, *given)
        known = unit.codes[flags, imports] = list(_nested(whole))
    return known


def _module(tree: Tree, unit: Unit, with_imports: bool) -> ast.Module:
    """The unit as a module of its own."""
    statement = unit.statement
    for around in reversed(unit.classes):
        alone = copy.copy(around)
        alone.bases, alone.keywords, alone.decorator_list = [], [], []
        alone.body = [statement]
        statement = alone
    aliases = tree.imported if with_imports else ()
    imports = [ast.copy_location(ast.Import([a]), statement) for a in aliases]
    for place in imports:
        ast.fix_missing_locations(place)
    return ast.Module([*imports, statement], [])


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


_COMPARED = (
    "co_name",
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_exceptiontable",
)


def same_code(a: CodeType, b: CodeType) -> bool:
    """Whether two code objects do the same, wherever they stand."""
    if a is b:
        return True
    return all(getattr(a, name) == getattr(b, name) for name in _COMPARED) and _same_constants(
        a.co_consts, b.co_consts
    )


def _same_constants(a: Any, b: Any) -> bool:
    """Equality that tells 1 from True and 1.0, and 0.0 from -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, CodeType):
        return same_code(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same_constants, a, b))
    return same_value(a, b)
