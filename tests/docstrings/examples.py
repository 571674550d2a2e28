"""Functions made of the examples in docstrings.

    >>> x = np.array([1.0, 2.0])        def example(x):
    >>> y = np.exp(x)             ->        y = np.exp(x)
    >>> y.sum()                             out1 = y.sum()
                                            return [y, out1]

A block is what stands between two paragraphs of text. Arrays and floating-point numbers that earlier blocks left
behind, and those that a block makes of literals, are arguments of its function; all that is a number, or made of
numbers, is a result. What raises in plain Python, draws a picture or writes files is left out.
"""

import ast
import contextlib
import copy
import dataclasses
import doctest
import importlib
import inspect
import io
import linecache
import re
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import special

MODULES = (
    "numpy numpy.linalg numpy.fft numpy.random numpy.ma numpy.polynomial numpy.polynomial.polynomial "
    "numpy.polynomial.chebyshev numpy.polynomial.legendre numpy.polynomial.laguerre "
    "numpy.polynomial.hermite numpy.polynomial.hermite_e numpy.lib.stride_tricks numpy.lib.scimath "
    "numpy.lib.array_utils numpy.lib.mixins numpy.lib.recfunctions numpy.char numpy.strings numpy.rec "
    "scipy.cluster.hierarchy scipy.cluster.vq scipy.constants scipy.differentiate scipy.fft "
    "scipy.fftpack scipy.integrate scipy.interpolate scipy.linalg scipy.ndimage scipy.optimize "
    "scipy.signal scipy.signal.windows scipy.sparse scipy.sparse.csgraph scipy.sparse.linalg "
    "scipy.spatial scipy.spatial.distance scipy.spatial.transform scipy.special scipy.stats "
    "scipy.stats.contingency scipy.stats.mstats scipy.stats.qmc scipy.stats.sampling"
).split()

# Statements with these names draw, or need what is not there.
_PICTURES = frozenset(
    "plt ax ax1 ax2 ax3 axes axs fig matplotlib mpl ascent face electrocardiogram pooch datasets "
    "help info timeit time dendrogram".split()
)
_MAKERS = frozenset(
    "array asarray arange linspace ones zeros eye identity full logspace geomspace".split()
)
_RANDOM = re.compile(r"default_rng\(\)|RandomState\(\)")


@dataclasses.dataclass(frozen=True)
class Example:
    """One block: where it stands, its text as a function, the arguments, and what else it reads."""

    name: str
    number: int
    text: str
    arguments: dict[str, Any]
    others: dict[str, Any]

    def function(self) -> Callable[..., Any]:
        """The function, in names of its own: what it changes among them, no other call sees."""
        file = f"<docstring of {self.name}, block {self.number}>"
        linecache.cache[file] = (len(self.text), None, self.text.splitlines(keepends=True), file)
        names = {**_copied(self.others), "__name__": "docstring"}
        exec(compile(self.text, file, "exec"), names)
        return names["example"]  # type: ignore[no-any-return]


def _copied(names: dict[str, Any]) -> dict[str, Any]:
    """Copies, so that generators, lists and splines are as they were; modules and classes are shared."""
    memo: dict[int, Any] = {}
    found = {}
    for name, value in names.items():
        try:
            found[name] = copy.deepcopy(value, memo)
        except Exception:  # of modules, files, views of memory
            found[name] = value
    return found


def is_numeric(x: Any, depth: int = 0) -> bool:
    """Whether something is a number, an array of numbers, or made of them."""
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind in "biufc" and type(x) in (np.ndarray, type(x[()] if not x.ndim else x))
    if isinstance(x, (tuple, list)):
        return bool(x) and depth < 4 and all(is_numeric(item, depth + 1) for item in x)
    if isinstance(x, dict) and not hasattr(x, "toarray"):  # a sparse array of keys is no dict
        return bool(x) and depth < 4 and all(is_numeric(item, depth + 1) for item in x.values())
    return isinstance(x, (bool, int, float, complex))


def _is_argument(x: Any) -> bool:
    if type(x) is np.ndarray:
        return x.dtype.kind in "iufc" and x.size < 100_000
    return type(x) is float


class _Hoist(ast.NodeTransformer):
    """Arrays made of literals, and floating-point literals in calls, become arguments."""

    def __init__(self, lists: bool) -> None:
        self.lists = lists
        self.found: dict[str, Any] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802
        return node

    visit_Lambda = visit_ClassDef = visit_ListComp = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815

    def _argument(self, value: Any) -> ast.expr:
        name = f"arg{len(self.found) + 1}"
        self.found[name] = value
        return ast.Name(name, ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            if function.value.id == "np" and function.attr in _MAKERS and _is_literal(node):
                with contextlib.suppress(Exception):
                    value = eval(ast.unparse(node), {"np": np})
                    if _is_argument(value):
                        return self._argument(value)
        node = self.generic_visit(node)  # type: ignore[assignment]
        for k, argument in enumerate(node.args):
            if isinstance(argument, ast.Constant) and type(argument.value) is float:
                node.args[k] = self._argument(argument.value)
            elif self.lists and isinstance(argument, ast.List) and _is_literal(argument):
                with contextlib.suppress(Exception):
                    value = np.array(eval(ast.unparse(argument), {"np": np}))
                    if value.size and _is_argument(value):
                        node.args[k] = self._argument(value)
        return node


def _is_literal(made: ast.Call | ast.List) -> bool:
    keywords = [k.value for k in made.keywords] if isinstance(made, ast.Call) else []
    parts = [*made.args, *keywords] if isinstance(made, ast.Call) else [made]
    return all(
        isinstance(node, (ast.Constant, ast.List, ast.Tuple, ast.UnaryOp, ast.USub, ast.Load, ast.Name, ast.Attribute))
        and (not isinstance(node, ast.Name) or node.id in ("np", "float", "int", "complex"))
        for part in parts for node in ast.walk(part)
    )  # fmt: skip


def blocks(doc: str) -> Iterator[list[str]]:
    """The statements of a docstring, by block."""
    try:
        found = doctest.DocTestParser().parse(doc)
    except ValueError:
        return
    block: list[str] = []
    for part in found:
        if isinstance(part, doctest.Example):
            block.append(part.source)
        elif part.strip() and block:
            yield block
            block = []
    if block:
        yield block


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _loaded(node: ast.AST) -> set[str]:
    found = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    changed = [n.target for n in ast.walk(node) if isinstance(n, ast.AugAssign)]
    return found | {t.id for t in changed if isinstance(t, ast.Name)}


def _stored(node: ast.AST) -> list[str]:
    return [
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]


class _Runner:
    """Plain Python, statement by statement: what is kept, and what it leaves behind."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"np": np, "__name__": "docstring"}
        self.gone: set[str] = set()

    def block(self, sources: list[str], name: str, number: int) -> Example | None:
        """The function of a block; None where it has no numbers."""
        before = _copied(self.names)
        kept: list[ast.stmt] = []
        results: list[str] = []
        for source in sources:
            source = _RANDOM.sub(lambda m: m[0].replace("()", "(3)"), source)
            try:
                statements = ast.parse(source).body
            except SyntaxError:
                continue
            for statement in statements:
                self._statement(statement, name, number, kept, results)
        numbers = [r for r in dict.fromkeys(results) if is_numeric(self.names.get(r))]
        found = self._examples(kept, numbers, before, name, number) if numbers else None
        for result in [n for n in self.names if re.fullmatch(r"out\d+_", n)]:
            del self.names[result]
        return found

    def _examples(self, *parts: Any) -> Example | None:
        """With lists of literals as arguments, too, where plain Python takes arrays instead."""
        for lists in (True, False):
            example = self._example(*parts, lists)
            if example is None:
                return None
            with quiet(), contextlib.suppress(Exception):
                example.function()(**_copied(example.arguments))
                return example
        return None

    def _statement(
        self, statement: ast.stmt, name: str, number: int, kept: list[ast.stmt], results: list[str]
    ) -> None:
        used = _names(statement)
        if used & (_PICTURES | self.gone) or _imports(statement) & _PICTURES:
            self.gone.update(_stored(statement))
            return
        if isinstance(statement, ast.Expr):
            target = f"out{len(kept) + 1}_"
            tried: ast.stmt = ast.Assign([ast.Name(target, ast.Store())], statement.value)
        else:
            tried = statement
        text = ast.unparse(ast.fix_missing_locations(tried))
        file = f"<docstring of {name}, block {number}, {text[:60]}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        try:
            with quiet():
                exec(compile(text, file, "exec"), self.names)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self.gone.update(set(_stored(statement)) - set(self.names))
            return
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            return
        if isinstance(statement, ast.Expr) and not is_numeric(self.names[target]):
            tried = statement
        kept.append(tried)
        results.extend(_stored(tried))

    def _example(
        self,
        kept: list[ast.stmt],
        numbers: list[str],
        before: dict[str, Any],
        name: str,
        number: int,
        lists: bool,
    ) -> Example | None:
        hoist = _Hoist(lists)
        body = [hoist.visit(copy.deepcopy(statement)) for statement in kept]
        work = (ast.Call, ast.BinOp, ast.UnaryOp, ast.Subscript, ast.Compare)
        if not any(isinstance(n, work) for s in body for n in ast.walk(s)):
            return None
        body.append(ast.parse(f"return [{', '.join(numbers)}]").body[0])
        used: set[str] = set()
        for statement in reversed(body[:-1]):  # what is read before it is written
            used = (used - set(_stored(statement))) | _loaded(statement)
        arguments = {n: v for n, v in before.items() if n in used and _is_argument(v)}
        arguments |= hoist.found
        module = {n: v for n, v in self.names.items() if isinstance(v, (types.ModuleType, type))}
        imported = {
            n: v for n, v in self.names.items() if n not in before and n not in numbers
            and (callable(v) and getattr(v, "__module__", "") != "docstring")
        }  # fmt: skip
        stored = {n for s in kept for n in _stored(s)}
        others = {n: v for n, v in (imported | module | before).items() if n not in arguments}
        local = {
            n for n in stored & used if n in others
        }  # a local name that begins as what was there
        head = ", ".join([*arguments, *[f"{n}={n}" for n in sorted(local)]])
        inside = "\n".join(ast.unparse(ast.fix_missing_locations(s)) for s in body)
        text = f"def example({head}):\n" + "".join(f"    {line}\n" for line in inside.split("\n"))
        return Example(name, number, text, arguments, others)


def _imports(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        module = getattr(statement, "module", "") or ""
        return {part for alias in statement.names for part in alias.name.split(".")} | set(
            module.split(".")
        )
    return set()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing printed, nothing warned, no errors of special functions, NumPy's generator in a known state."""
    state = np.get_printoptions()
    np.random.seed(11)
    with warnings.catch_warnings(), np.errstate(all="ignore"), special.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                yield
            finally:
                np.set_printoptions(**state)


def examples_of(name: str, doc: str) -> list[Example]:
    """The functions of a docstring."""
    runner = _Runner()
    found = []
    for number, block in enumerate(blocks(doc)):
        example = runner.block(block, name, number + 1)
        if example is not None:
            found.append(example)
    return found


def docstrings() -> dict[str, str]:
    """Every public callable, and method of a public class, with examples: name -> docstring."""
    found: dict[str, str] = {}
    seen: set[str] = set()

    def add(name: str, thing: Any) -> None:
        try:
            doc = inspect.getdoc(thing)
        except Exception:
            return
        if doc and ">>>" in doc and doc not in seen:
            seen.add(doc)
            found[name] = doc

    for module_name in MODULES:
        module = importlib.import_module(module_name)
        names = getattr(module, "__all__", None) or [
            n for n in dir(module) if not n.startswith("_")
        ]
        for name in sorted(set(names)):
            with warnings.catch_warnings():  # of names that are about to go
                warnings.simplefilter("ignore", DeprecationWarning)
                thing = getattr(module, name, None)
            if not callable(thing):
                continue
            add(f"{module_name}.{name}", thing)
            owner = (
                thing
                if inspect.isclass(thing)
                else type(thing)
                if module_name == "scipy.stats"
                else None
            )
            if owner is None or issubclass(owner, Warning | BaseException):
                continue
            for attribute in sorted(vars(owner)):
                if not attribute.startswith("_"):
                    add(f"{module_name}.{name}.{attribute}", getattr(owner, attribute, None))
    return found
