"""Calls of the tables with vectors whose length is known at run time alone: what a mask selects.

    np.interp(t, y, e)     ->     np.interp(t, y[y > limit], e[e > limit])

What is computed of a selection is what NumPy computes of it, its exceptions included, and nothing ends in
an error of the library's own.
"""

import ast
import copy
import linecache
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import autodiff
from autodiff.errors import AutodiffError
from tests.coverage.measure import ARGUMENTS, CONSTANTS, Row, _modules, agree

VECTORS = frozenset("y w e".split())
# Everything, what is above 0, and nothing.
LIMITS = (-10.0, 0.0, 10.0)


class _Selecting(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in VECTORS:
            return node
        return ast.parse(f"{node.id}[{node.id} > limit]", mode="eval").body


def names_of(row: Row) -> list[str]:
    """The arguments that a call reads."""
    tree = ast.walk(ast.parse(row.call))
    found = {node.id for node in tree if isinstance(node, ast.Name)}
    return [name for name in ARGUMENTS if name in found]


def takes_a_vector(row: Row) -> bool:
    """Whether a call is one of a vector, without draws."""
    return bool(VECTORS.intersection(names_of(row))) and "rng" not in row.call


def function_of(row: Row) -> Callable[..., Any]:
    """The call as a function of what it reads and of the limit."""
    tree = _Selecting().visit(ast.parse(row.call))
    *before, last = ast.unparse(tree).split("\n")
    names = ", ".join([*names_of(row), "limit"])
    text = "\n    ".join([f"def f({names}):", *before, f"return {last}"]) + "\n"
    file = f"<selection {row.space}.{row.name}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    space = _modules() | copy.deepcopy(CONSTANTS)
    if row.at:
        space["AT"] = eval(row.at, space | ARGUMENTS)
    exec(compile(text, file, "exec"), space)
    made: Callable[..., Any] = space["f"]
    return made


def _outcome(f: Callable[..., Any], *given: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = f(*copy.deepcopy(given))
        except Exception as error:
            found = error
    return found, [str(w.message) for w in caught]


def wrong(row: Row, engine: str) -> Iterator[str]:
    """What is wrong with a call of selections."""
    f = function_of(row)
    compiled = autodiff.function(f, engine=engine)
    for limit in LIMITS:
        given = [*(ARGUMENTS[name] for name in names_of(row)), limit]
        expected, _ = _outcome(f, *given)
        found, told = _outcome(compiled, *given)
        yield from (f"{limit}: {text}" for text in told if "internal error of autodiff" in text)
        if isinstance(expected, Exception) or isinstance(found, Exception):
            kind = type(expected)
            same = isinstance(found, kind) and (
                str(found) == str(expected) or isinstance(found, AutodiffError)
            )
            if not same:
                yield f"{limit}: {found!r} for {expected!r}"
            continue
        difference = _difference(found, expected)
        if difference:
            yield f"{limit}: {difference}"


def _difference(found: Any, expected: Any) -> str:
    try:
        alike = agree(found, expected)
    except (TypeError, ValueError):  # of what is no number
        return ""
    return "" if alike else f"{found!r} for {expected!r}"


__all__ = ["LIMITS", "VECTORS", "function_of", "names_of", "np", "takes_a_vector", "wrong"]
