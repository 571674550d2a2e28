"""Finding the syntax tree of a function: definitions, methods, lambdas (several on one line).

``syntax_of(function)`` gives the tree with absolute line and column numbers, or None where there
is no source (code made by ``exec``, the interactive prompt before 3.13) or where none of the texts
known gives the code that runs (:mod:`autodiff.capture.texts`).
A lambda is found among those on its line by the positions its bytecode carries
(``code.co_positions``), so that ``f, g = lambda x: x, lambda x: 2 * x`` are told apart.

Names like ``__weight`` inside of a class are spelt out as Python spells them, ``_Model__weight``.
"""

from __future__ import annotations

import ast
import inspect
from types import CodeType, FunctionType
from typing import Any

from autodiff.capture.generated import generated
from autodiff.capture.texts import FunctionNode, find_text
from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class Syntax:
    """The tree of one function and the file its positions refer to."""

    node: FunctionNode
    file: str
    assigned: frozenset[str]
    globals: frozenset[str]
    is_generator: bool


# By identity: code objects of equal text in two files compare equal.
_BY_CODE: dict[int, tuple[CodeType, Syntax | None]] = {}


def syntax_of(function: FunctionType) -> Syntax | None:
    """The syntax of ``function``, or None where its source cannot be found."""
    code = function.__code__
    known = _BY_CODE.get(id(code))
    if known is None:
        known = _BY_CODE[id(code)] = (code, _find(function))
    return known[1]


def describe(node: FunctionNode, file: str) -> Syntax:
    """The syntax record of a function node (also of functions defined inside others)."""
    scan = _Scan()
    body = node.body if isinstance(node.body, list) else [node.body]
    for statement in body:
        scan.visit(statement)
    for argument in _arguments(node.args):
        scan.assigned.add(argument.arg)
    return Syntax(
        node,
        file,
        frozenset(scan.assigned - scan.global_names - scan.nonlocal_names),
        frozenset(scan.global_names),
        scan.is_generator or isinstance(node, ast.AsyncFunctionDef),
    )


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    extra = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


class Known(ast.expr):
    """An expression whose value is known."""

    _fields = ()

    def __init__(self, value: Any = None) -> None:
        super().__init__()
        self.value = value


class _Visitor(ast.NodeVisitor):
    """Visits the terms of a sum, whose tree is nested as deep as there are terms, in a loop."""

    def visit_BinOp(self, node: ast.BinOp) -> None:
        left: ast.expr = node
        while type(left) is ast.BinOp:
            self.visit(left.right)
            left = left.left
        self.visit(left)


class _Scan(_Visitor):
    """Names a function body assigns itself, without those of nested functions."""

    def __init__(self) -> None:
        self.assigned: set[str] = set()
        self.global_names: set[str] = set()
        self.nonlocal_names: set[str] = set()
        self.is_generator = False

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.assigned.add(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.assigned.add(node.name)
        for expression in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if expression is not None:
                self.visit(expression)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.assigned.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for expression in (*node.args.defaults, *node.args.kw_defaults):
            if expression is not None:
                self.visit(expression)

    def _comprehension(self, node: ast.AST) -> None:
        # A comprehension's targets are its own, except those of := inside it.
        for child in ast.walk(node):
            if isinstance(child, ast.NamedExpr):
                self.assigned.add(child.target.id)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_Global(self, node: ast.Global) -> None:
        self.global_names.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocal_names.update(node.names)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.assigned.add(alias.asname or alias.name.split(".")[0])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self.assigned.add(alias.asname or alias.name)

    def _named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.assigned.add(node.name)
        self.generic_visit(node)

    visit_ExceptHandler = visit_MatchAs = visit_MatchStar = _named

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.assigned.add(node.rest)
        self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield) -> None:
        self.is_generator = True

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self.is_generator = True


# What ``@np.errstate(…)`` makes of a function, said as a ``with``: NumPy writes out what entering does.
# A function that it calls is left out: an ``errstate`` that calls one is not compiled.
_UNDER_A_STATE = """
def inner(*args, **kwargs):
    with errstate(
        all=self._all, divide=self._divide, over=self._over, under=self._under, invalid=self._invalid
    ):
        return func(*args, **kwargs)
"""


def _find(function: FunctionType) -> Syntax | None:
    if function.__code__.co_qualname == "errstate.__call__.<locals>.inner":
        (inner,) = ast.parse(_UNDER_A_STATE).body
        assert isinstance(inner, ast.FunctionDef)
        return describe(inner, function.__code__.co_filename)
    match = find_text(function)
    if match is None:
        written = generated(function)
        return None if written is None else describe(written, function.__code__.co_filename)
    if not match.has_assertions:
        for node in match.nodes:
            _WithoutAssertions().visit(node)
    return _choose(match.code, match.nodes, match.file)


class _WithoutAssertions(ast.NodeTransformer):
    """What optimisation leaves of a tree, in place: no assertions, and ``__debug__`` is false."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return ast.copy_location(ast.Pass(), node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Constant(False), node) if node.id == "__debug__" else node


class _Mangle(_Visitor):
    """Spell out the private names of a class (Python reference, 6.2.2) in the trees visited.

    In place; a tree may be visited again, since what is spelt out is no private name any more.
    Names of keyword arguments in calls stay as they are, as Python leaves them.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def name(self, name: str) -> str:
        private = name.startswith("__") and not name.endswith("__") and "." not in name
        stem = self.owner.lstrip("_")
        return f"_{stem}{name}" if private and stem else name

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outside)
        inside = _Mangle(node.name)
        for statement in node.body:
            inside.visit(statement)
        node.name = self.name(node.name)

    def generic_visit(self, node: ast.AST) -> None:
        for attribute in _PRIVATE.get(type(node), ()):
            value = getattr(node, attribute)
            if isinstance(value, str):
                setattr(node, attribute, self.name(value))
            elif isinstance(value, list):
                setattr(node, attribute, [self.name(name) for name in value])
        super().generic_visit(node)


# Where the trees of statements and expressions hold names.
_PRIVATE: dict[type, tuple[str, ...]] = {
    ast.Name: ("id",),
    ast.Attribute: ("attr",),
    ast.arg: ("arg",),
    ast.FunctionDef: ("name",),
    ast.AsyncFunctionDef: ("name",),
    ast.Global: ("names",),
    ast.Nonlocal: ("names",),
    ast.alias: ("asname",),
    ast.ExceptHandler: ("name",),
    ast.MatchAs: ("name",),
    ast.MatchStar: ("name",),
    ast.MatchMapping: ("rest",),
}


def _owner(code: CodeType) -> str | None:
    """The innermost class that the code is written in: ``C`` of ``C.method.<locals>.inner``."""
    parts = code.co_qualname.split(".")
    for name, following in zip(reversed(parts[:-1]), reversed(parts[1:]), strict=True):
        if following != "<locals>" and name != "<locals>":
            return name
    return None


def _choose(code: CodeType, nodes: list[FunctionNode], file: str) -> Syntax | None:
    owner = _owner(code)
    mangle = None if owner is None else _Mangle(owner)
    if code.co_name == "<lambda>":
        lambdas = [n for n in nodes if isinstance(n, ast.Lambda)]
        if len(lambdas) > 1:
            lambdas = [n for n in lambdas if _body_position(n) == _code_position(code, n)]
            # A lambda around this one holds its code as well: the innermost comes first.
            lambdas.sort(key=_body_position, reverse=True)
        nodes = [n for n in lambdas if len(_arguments(n.args)) == _argument_count(code)]
    else:
        # A definition inside of a method may have been spelt out with the method.
        names = {code.co_name, mangle.name(code.co_name) if mangle else code.co_name}
        nodes = [n for n in nodes if not isinstance(n, ast.Lambda) and n.name in names]
    if not nodes:
        return None
    if mangle is not None:
        for part in (nodes[0].args, *_body(nodes[0])):
            mangle.visit(part)
    return describe(nodes[0], file)


def _body(node: FunctionNode) -> list[ast.AST]:
    return [node.body] if isinstance(node, ast.Lambda) else list(node.body)


def _argument_count(code: CodeType) -> int:
    flags = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + flags


def _body_position(node: ast.Lambda) -> tuple[int, int]:
    return node.body.lineno, node.body.col_offset


def _code_position(code: CodeType, node: ast.Lambda) -> tuple[int, int] | None:
    """The smallest (line, column) of the code's instructions that lies inside the lambda's body."""
    positions = [
        (line, column)
        for line, _, column, _ in code.co_positions()
        if line is not None
        and column is not None
        and (line, column) >= (node.lineno, node.col_offset + 1)
    ]
    inside = [p for p in positions if p >= _body_position(node)]
    outside = [p for p in positions if p < _body_position(node)]
    if outside or not inside:
        return None
    body = node.body
    end = (body.end_lineno or body.lineno, body.end_col_offset or 0)
    return _body_position(node) if all(p < end for p in inside) else None
