"""Functions of ``math`` for integers, of integers that only a run knows.

math.factorial(k)     an element of the table of those that 64 bits hold; beyond it, plain Python
math.comb(n, k)       of Pascal's triangle, likewise
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from autodiff.ops.builder import constant
from autodiff.ops.function_table import implements_builtin
from autodiff.ops.known import check, extent_of
from autodiff.ops.promotion import as_array, cast, pointwise, select
from autodiff.ops.python_numbers import INT, number
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.ops.ufuncs import unsupported

_LAST_FACTORIAL = 20  # 21! has 66 bits
_LAST_ROW = 66  # of Pascal's triangle; the middle of the next one has 64 bits


def _integers(name: str, *args: Any) -> list[Tracer]:
    """Arguments as traced integers."""
    found = [as_array(x) for x in args]
    if any(x.shape or x.dtype.kind not in "iub" or x.dtype == np.uint64 for x in found):
        raise unsupported(f"math.{name} of what is no integer", "convert it with int()")
    return [cast(x, INT) for x in found]


def _within(k: Tracer, last: int, name: str) -> None:
    inside = pointwise(
        "logical_and", pointwise("greater_equal", k, 0), pointwise("less_equal", k, last)
    )
    check(inside, f"math.{name} beyond 64 bits")


@functools.cache
def _triangle() -> np.ndarray:
    rows = range(_LAST_ROW + 1)
    return np.array([[math.comb(n, k) for k in rows] for n in rows], INT)


def _entry(table: np.ndarray, *index: Tracer) -> Any:
    return number(Tracer(constant(table), "array")[index], int)


@implements_builtin(math.factorial)
def factorial(n: Any) -> Any:
    """``math.factorial``."""
    (n,) = _integers("factorial", n)
    _within(n, _LAST_FACTORIAL, "factorial")
    return _entry(np.array([math.factorial(k) for k in range(_LAST_FACTORIAL + 1)], INT), n)


@implements_builtin(math.comb)
def comb(n: Any, k: Any) -> Any:
    """``math.comb``."""
    n, k = _integers("comb", n, k)
    _within(n, _LAST_ROW, "comb")
    _within(k, _LAST_ROW, "comb")
    return _entry(_triangle(), n, k)


@implements_builtin(math.perm)
def perm(n: Any, k: Any = None) -> Any:
    """``math.perm``: a quotient of factorials."""
    if k is None:
        return factorial(n)
    n, k = _integers("perm", n, k)
    _within(n, _LAST_FACTORIAL, "perm")
    _within(k, 2**62, "perm")
    left = pointwise("subtract", n, k)
    none = pointwise("less", left, 0)
    chosen = factorial(select(none, 0, left, INT))
    ratio = pointwise("floor_divide", factorial(n), chosen)
    return number(select(none, 0, ratio, INT), int)


@implements_builtin(math.isqrt)
def isqrt(n: Any) -> Any:
    """``math.isqrt``: the root in floating point, which is off by one at most."""
    (n,) = _integers("isqrt", n)
    _within(n, 2**62, "isqrt")
    root = cast(pointwise("sqrt", cast(n, np.dtype(float))), INT)
    above = pointwise("greater", pointwise("multiply", root, root), n)
    root = select(above, pointwise("subtract", root, 1), root, INT)
    following = pointwise("add", root, 1)
    fits = pointwise("less_equal", pointwise("multiply", following, following), n)
    return number(select(fits, following, root, INT), int)


@implements_builtin(math.gcd)
def gcd(*integers: Any) -> Any:
    """``math.gcd`` of known integers."""
    return math.gcd(*[int(_known_integer(v)) for v in integers])


def _known_integer(x: Any) -> Any:
    extent = extent_of(x)
    return extent if isinstance(extent, int) else as_tracer(extent).__index__()
