"""Routines that ``scipy.linalg.blas`` and ``scipy.linalg.lapack`` give out, of traced matrices.

    dgemm(alpha, a, b, trans_a=1)     alpha aᵀ b
    dtrtrs(l, b, lower=1)             (x, 0): the triangular solve, and that it went well
    dpotrf(a, lower=1)                (c, 0): the Cholesky factor, zeros beside it

By NumPy's operations, in the precision of the routine.  A routine says by a number (``info``) what went wrong: 0 here,
and where it is another one, plain Python runs.  So it does where a routine overwrites an argument, or is given a vector
by steps through an array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import blas, lapack

from autodiff.ops.function_table import functions
from autodiff.ops.known import check
from autodiff.ops.linear_algebra import t, triangular_solve
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.python_numbers import number
from autodiff.ops.tracer import Tracer
from autodiff.ops.ufuncs import unsupported

_PRECISIONS: dict[str, np.dtype[Any]] = {"s": np.dtype(np.float32), "d": np.dtype(np.float64)}
_UNIT = {"offx": 0, "incx": 1, "offy": 0, "incy": 1, "n": None, "lda": None}


class Arguments:
    """What a routine is given beside its matrices: flags, and the precision that it computes in."""

    def __init__(self, name: str, dtype: np.dtype[Any], given: dict[str, Any]) -> None:
        self.dtype = dtype
        self._given = given
        for option, value in given.items():
            overwrites = option.startswith("overwrite_") and value
            steps = option in _UNIT and value not in (_UNIT[option], None)
            if isinstance(value, Tracer) and option not in ("alpha", "beta", "a", "c", "y"):
                raise unsupported(f"{name} with a traced {option}=", "give a number")
            if overwrites or steps:
                raise unsupported(f"{name} with {option}={value}", "leave it out")

    def flag(self, name: str, default: int = 0) -> int:
        """A flag of the routine, by the name it has in BLAS."""
        return int(self._given.get(name, default))

    def array(self, x: Any) -> Any:
        """An operand in the routine's precision."""
        return cast(as_array(x), self.dtype)

    def other(self, name: str) -> Any:
        """What a routine adds to, where it is given one; else None."""
        given = self._given.get(name)
        return None if given is None else self.array(given)

    def added(self, product: Any, name: str) -> Any:
        """``product + beta c``, where a routine is given one."""
        other = self.other(name)
        if other is None:
            return product
        return product + self.array(self._given.get("beta", 0.0)) * other

    def matrix(self, x: Any) -> Any:
        """One matrix."""
        found = self.array(x)
        if found.ndim != 2:
            raise ValueError("a routine of BLAS needs a matrix")
        return found

    def triangle(self, x: Any, unit: str = "diag") -> tuple[Any, bool]:
        """The triangle of a matrix that is read, and whether it is the lower one."""
        a, lower = self.matrix(x), bool(self.flag("lower"))
        if self.flag(unit):
            strict: Any = np.tril(a, -1) if lower else np.triu(a, 1)
            return strict + functions[np.eye](a.shape[0], dtype=self.dtype), lower
        return (np.tril(a) if lower else np.triu(a)), lower

    def symmetric(self, x: Any) -> Any:
        """The symmetric matrix of which one triangle is read."""
        half, lower = self.triangle(x, unit="")
        return half + t(np.tril(half, -1) if lower else np.triu(half, 1))


def _turned(x: Any, flag: int) -> Any:
    return t(x) if flag else x


def _mm(a: Any, b: Any) -> Any:
    return functions[np.matmul](a, b)


# -- BLAS -------------------------------------------------------------------------------------------
def _gemm(how: Arguments, alpha: Any, a: Any, b: Any) -> Any:
    left, right = (
        _turned(how.matrix(x), how.flag(f"trans_{k}")) for k, x in zip("ab", (a, b), strict=True)
    )
    return how.added(how.array(alpha) * _mm(left, right), "c")


def _gemv(how: Arguments, alpha: Any, a: Any, x: Any) -> Any:
    product = _mm(_turned(how.matrix(a), how.flag("trans")), how.array(x))
    return how.added(how.array(alpha) * product, "y")


def _symm(how: Arguments, alpha: Any, a: Any, b: Any) -> Any:
    whole, other = how.symmetric(a), how.matrix(b)
    product = _mm(other, whole) if how.flag("side") else _mm(whole, other)
    return how.added(how.array(alpha) * product, "c")


def _symv(how: Arguments, alpha: Any, a: Any, x: Any) -> Any:
    return how.added(how.array(alpha) * _mm(how.symmetric(a), how.array(x)), "y")


def _syrk(how: Arguments, alpha: Any, a: Any) -> Any:
    """One triangle of a product; the other stays what it was."""
    x = _turned(how.matrix(a), how.flag("trans"))
    whole: Any = how.added(how.array(alpha) * _mm(x, t(x)), "c")
    lower = how.flag("lower")
    half: Any = np.tril(whole) if lower else np.triu(whole)
    before = how.other("c")
    if before is None:
        return half
    return half + (np.triu(before, 1) if lower else np.tril(before, -1))


def _outer(how: Arguments, alpha: Any, x: Any, y: Any) -> Any:
    column = functions[np.expand_dims](how.array(x), 1)
    return how.array(alpha) * (column * how.array(y))


def _ger(how: Arguments, alpha: Any, x: Any, y: Any) -> Any:
    """A matrix and an outer product."""
    product, before = _outer(how, alpha, x, y), how.other("a")
    return product if before is None else before + product


def _syr(how: Arguments, alpha: Any, x: Any) -> Any:
    return _syr2(how, how.array(alpha) / 2, x, x)


def _syr2(how: Arguments, alpha: Any, x: Any, y: Any) -> Any:
    """One triangle of a matrix and a symmetric product; the other stays what it was."""
    whole = _outer(how, alpha, x, y)
    whole = whole + t(whole)
    half: Any = np.tril(whole) if how.flag("lower") else np.triu(whole)
    before = how.other("a")
    return half if before is None else before + half


def _trmm(how: Arguments, alpha: Any, a: Any, b: Any) -> Any:
    half, _ = how.triangle(a)
    half, other = _turned(half, how.flag("trans_a")), how.matrix(b)
    product = _mm(other, half) if how.flag("side") else _mm(half, other)
    return how.array(alpha) * product


def _trsm(how: Arguments, alpha: Any, a: Any, b: Any) -> Any:
    half, lower = how.triangle(a)
    turned, right = bool(how.flag("trans_a")), how.array(alpha) * how.matrix(b)
    if how.flag("side"):  # x op(a) = b
        return t(triangular_solve(half, t(right), lower, not turned))
    return triangular_solve(half, right, lower, turned)


def _trmv(how: Arguments, a: Any, x: Any) -> Any:
    half, _ = how.triangle(a)
    return _mm(_turned(half, how.flag("trans")), how.array(x))


def _trsv(how: Arguments, a: Any, x: Any) -> Any:
    half, lower = how.triangle(a)
    column = functions[np.expand_dims](how.array(x), 1)
    return triangular_solve(half, column, lower, bool(how.flag("trans")))[:, 0]


def _dot(how: Arguments, x: Any, y: Any) -> Any:
    return number(_mm(how.array(x), how.array(y)), float)


def _nrm2(how: Arguments, x: Any) -> Any:
    return number(functions[np.linalg.norm](how.array(x)), float)


def _asum(how: Arguments, x: Any) -> Any:
    return number(functions[np.sum](np.abs(how.array(x))), float)


# -- LAPACK ---------------------------------------------------------------------------------------------
def _potrf(how: Arguments, a: Any) -> tuple[Any, int]:
    x, lower = how.matrix(a), bool(how.flag("lower"))
    factor: Any = functions[np.linalg.cholesky](x, upper=not lower)
    if not how.flag("clean", 1):
        factor = factor + (np.triu(x, 1) if lower else np.tril(x, -1))
    return factor, 0


def _potrs(how: Arguments, c: Any, b: Any) -> tuple[Any, int]:
    half, lower = how.triangle(c, unit="")
    first = triangular_solve(half, how.matrix(b), lower, not lower)
    return triangular_solve(half, first, lower, lower), 0


def _potri(how: Arguments, c: Any) -> tuple[Any, int]:
    """One triangle of the inverse; the other keeps what the factor had."""
    x, lower = how.matrix(c), bool(how.flag("lower"))
    identity = functions[np.eye](x.shape[0], dtype=how.dtype)
    check(functions[np.all](np.diagonal(x) != 0.0), "a factor that is not singular")
    whole, _ = _potrs(how, x, identity)
    if lower:
        return np.tril(whole) + np.triu(x, 1), 0
    return np.triu(whole) + np.tril(x, -1), 0


def _trtrs(how: Arguments, a: Any, b: Any) -> tuple[Any, int]:
    half, lower = how.triangle(a, unit="unitdiag")
    check(functions[np.all](np.diagonal(half) != 0.0), "a triangle that is not singular")
    return triangular_solve(half, how.matrix(b), lower, bool(how.flag("trans"))), 0


def _trtri(how: Arguments, c: Any) -> tuple[Any, int]:
    half, lower = how.triangle(c, unit="unitdiag")
    check(functions[np.all](np.diagonal(half) != 0.0), "a triangle that is not singular")
    x = how.matrix(c)
    found: Any = triangular_solve(
        half, functions[np.eye](x.shape[0], dtype=how.dtype), lower, False
    )
    if how.flag("unitdiag"):  # whose diagonal is not looked at
        found = (np.tril(found, -1) if lower else np.triu(found, 1)) + functions[np.diag](
            np.diagonal(x)
        )
    return found + (np.triu(x, 1) if lower else np.tril(x, -1)), 0


# By name: the routine, and how f2py calls what it takes, in order.
_ROUTINES: dict[str, tuple[Callable[..., Any], str]] = {
    "gemm": (_gemm, "alpha a b beta c trans_a trans_b overwrite_c"),
    "gemv": (_gemv, "alpha a x beta y offx incx offy incy trans overwrite_y"),
    "symm": (_symm, "alpha a b beta c side lower overwrite_c"),
    "symv": (_symv, "alpha a x beta y offx incx offy incy lower overwrite_y"),
    "syrk": (_syrk, "alpha a beta c trans lower overwrite_c"),
    "ger": (_ger, "alpha x y incx incy a overwrite_x overwrite_y overwrite_a"),
    "syr": (_syr, "alpha x lower incx offx n a overwrite_a"),
    "syr2": (_syr2, "alpha x y lower incx offx incy offy n a overwrite_a"),
    "trmm": (_trmm, "alpha a b side lower trans_a diag overwrite_b"),
    "trsm": (_trsm, "alpha a b side lower trans_a diag overwrite_b"),
    "trmv": (_trmv, "a x offx incx lower trans diag overwrite_x"),
    "trsv": (_trsv, "a x incx offx lower trans diag overwrite_x"),
    "dot": (_dot, "x y n offx incx offy incy"),
    "nrm2": (_nrm2, "x n offx incx"),
    "asum": (_asum, "x n offx incx"),
    "potrf": (_potrf, "a lower clean overwrite_a"),
    "potrs": (_potrs, "c b lower overwrite_b"),
    "potri": (_potri, "c lower overwrite_c"),
    "trtrs": (_trtrs, "a b lower trans unitdiag lda overwrite_b"),
    "trtri": (_trtri, "c lower unitdiag overwrite_c"),
}


def _entered(name: str, dtype: np.dtype[Any], rule: Callable[..., Any], words: list[str]) -> Any:
    needed = rule.__code__.co_argcount - 1

    def routine(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(words) or set(kwargs) - set(words):
            raise unsupported(f"scipy.linalg's {name} with these arguments", "name them")
        given = dict(zip(words, args, strict=False)) | kwargs
        operands = [given.pop(word) for word in words[:needed] if word in given]
        if len(operands) < needed:
            raise TypeError(f"{name} needs {', '.join(words[:needed])}")
        return rule(Arguments(name, dtype, given), *operands)

    return routine


def _enter() -> None:
    for name, (rule, words) in _ROUTINES.items():
        for letter, dtype in _PRECISIONS.items():
            library = blas if hasattr(blas, letter + name) else lapack
            made = _entered(letter + name, dtype, rule, words.split())
            functions[getattr(library, letter + name)] = made


def _chosen(choose: Callable[..., Any]) -> Callable[..., Any]:
    """What gives out routines by the dtypes of arrays: of others that are like the traced ones."""

    def function(names: Any, arrays: Any = (), *args: Any, **options: Any) -> Any:
        given = [as_array(x) for x in arrays]
        return choose(names, [np.empty((1,) * x.ndim, x.dtype) for x in given], *args, **options)

    return function


_enter()
for _choose in (blas.get_blas_funcs, lapack.get_lapack_funcs):
    functions[_choose] = _chosen(_choose)

__all__ = ["Arguments"]
