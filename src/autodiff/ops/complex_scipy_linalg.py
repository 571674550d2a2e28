"""More of ``scipy.linalg`` on traced complex arrays.

    logm, sqrtm, cosm, …, solve_sylvester, solve_continuous_are    the real function of [[X, -Y], [Y, X]]
    toeplitz, hankel, block_diag, …                                of each part
    solve_triangular, cho_solve, solve_toeplitz, rq, funm           by other functions of complex matrices

A function that is a power series with real coefficients, or the only solution of an equation with such coefficients,
has of the real matrix of twice the size the value that belongs to that of the complex one.

Hessenberg, Schur and LDL forms are in :mod:`autodiff.ops.complex_forms`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.dims import Dim, at_least, equal
from autodiff.ops import complex_factors, complex_forms, complex_linalg
from autodiff.ops.complex_linalg import _embedded, _h, _halves, _matrix
from autodiff.ops.complex_numbers import NOT_HOLOMORPHIC, as_complex, decline, joined, plain
from autodiff.ops.function_table import functions
from autodiff.ops.known import check, known
from autodiff.ops.promotion import as_array, pointwise
from autodiff.ops.scipy_eigen import eig_of_complex, eigh_of_complex, eigvals_of_complex
from autodiff.ops.scipy_matrices import OF_PAIRS
from autodiff.ops.tracer import emit_tracer

_IGNORED = frozenset(("overwrite_a", "overwrite_b", "check_finite", "disp", "balanced"))


def _only(options: dict[str, Any], name: str) -> None:
    unknown = {k for k, v in options.items() if k not in _IGNORED or (k == "disp" and not v)}
    if unknown:
        raise decline(f"scipy.linalg.{name} with " + ", ".join(sorted(unknown)))


def _one(a: Any, name: str, square: bool = True) -> Any:
    z = _matrix(a, square=square)
    if z.ndim != 2:
        raise decline(f"scipy.linalg.{name} of a stack of matrices")
    return z


# -- by real matrices of twice the size -----------------------------------------------------------------------
def _of_series(name: str) -> Callable[..., Any]:
    """A function of a matrix."""

    def function(A: Any, *given: Any, **options: Any) -> Any:
        _only(options, name)
        z = _one(A, name)
        n = z.shape[-1]
        if name in OF_PAIRS:
            values = tuple([known(as_array(v)) for v in given])
            if any(v is None for v in values):
                raise decline(f"scipy.linalg.{name} of run-time order")
            numbers = tuple([float(v) for v in values if v is not None])
            found = emit_tracer(
                "matrix_function", _embedded(z), name=f"paired_{name}", options=numbers
            )
        else:
            found = functions[getattr(linalg, name)](_embedded(z), *given)
        return _halves(found[:, :n], n, -2)

    return function


def _of_equation(name: str, wanted: int) -> Callable[..., Any]:
    """The solution of an equation in matrices, of the size of the argument ``wanted``."""

    def function(*matrices: Any, **options: Any) -> Any:
        more = {k: options.pop(k) for k in ("e", "s") if options.get(k) is not None}
        _only({k: v for k, v in options.items() if v is not None}, name)
        given = [_one(a, name, square=False) for a in matrices]
        rows, columns = given[wanted].shape
        others = {k: _embedded(_one(z, name, square=False)) for k, z in more.items()}
        found = functions[getattr(linalg, name)](*[_embedded(z) for z in given], **others)
        return _halves(found[:, :columns], rows, -2)

    return function


# -- of each part -----------------------------------------------------------------------------------------------
def _of_parts(name: str) -> Callable[..., Any]:

    def function(*arrays: Any) -> Any:
        parts = [[plain(p) for p in as_complex(a).parts] for a in arrays]
        real = functions[getattr(linalg, name)]
        re, im = (real(*column) for column in zip(*parts, strict=True))
        return joined(re, im, "array")

    return function


_toeplitz_of_parts = _of_parts("toeplitz")
_hankel_of_parts = _of_parts("hankel")


def toeplitz(c: Any, r: Any = None) -> Any:
    """``scipy.linalg.toeplitz``, whose row is the conjugate of the column where it is not given."""
    return _toeplitz_of_parts(c, as_complex(c).conj() if r is None else r)


def hankel(c: Any, r: Any = None) -> Any:
    """``scipy.linalg.hankel``."""
    return _hankel_of_parts(c) if r is None else _hankel_of_parts(c, r)


# -- systems ------------------------------------------------------------------------------------------------------
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **options: Any
) -> Any:
    """``scipy.linalg.solve_triangular``; only one triangle is read."""
    _only(options, "solve_triangular")
    z = _one(a, "solve_triangular")
    half = (np.tril if lower else np.triu)(z, (-1 if lower else 1) if unit_diagonal else 0)
    if unit_diagonal:
        half = half + np.eye(z.shape[-1])
    if trans in (1, "T"):
        half = np.swapaxes(half, -1, -2)
    elif trans in (2, "C"):
        half = _h(half)
    elif trans not in (0, "N"):
        raise decline(f"scipy.linalg.solve_triangular with trans={trans}")
    return complex_linalg.solve(half, b)


def cho_solve(c_and_lower: Any, b: Any, **options: Any) -> Any:
    """``scipy.linalg.cho_solve``."""
    _only(options, "cho_solve")
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, first, trans=2 if lower else 0, lower=lower)


def solve_toeplitz(c_or_cr: Any, b: Any, **options: Any) -> Any:
    """``scipy.linalg.solve_toeplitz``, by the dense matrix."""
    _only(options, "solve_toeplitz")
    column, row = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    return complex_linalg.solve(toeplitz(column, row), b)


# -- factors and functions ------------------------------------------------------------------------------------------
def rq(a: Any, mode: str = "full", **options: Any) -> Any:
    """``scipy.linalg.rq`` of a square matrix: the QR factors of the one that is turned about its other diagonal."""
    _only(options, "rq")
    z = _one(a, "rq", square=False)
    if mode not in ("full", "r", "economic") or not equal(*z.shape):
        raise decline("scipy.linalg.rq of this form")
    q, r = complex_linalg.qr(_h(z[::-1, ::-1]), "reduced")
    upper, rows = _h(r)[::-1, ::-1], _h(q)[::-1, ::-1]
    return upper if mode == "r" else (upper, rows)


def solve_banded(l_and_u: Any, ab: Any, b: Any, **options: Any) -> Any:
    """``scipy.linalg.solve_banded``: real bands of twice the number, as numbers lie in memory."""
    _only({k: v for k, v in options.items() if k != "overwrite_ab"}, "solve_banded")
    lower, upper = map(int, l_and_u)
    dtype = np.result_type(as_complex(ab).dtype, as_complex(b).dtype)
    re, im = as_complex(ab, dtype).parts
    right = as_complex(b, dtype)
    count, n = lower + upper + 1, right.shape[0]
    if tuple(re.shape) != (count, n):
        raise decline("scipy.linalg.solve_banded of such bands")  # which SciPy refuses
    nothing = functions[np.zeros_like](plain(re)[:1])

    def beside(first: Any, second: Any) -> Any:
        return functions[np.reshape](functions[np.stack]([first, second], 1), (2 * count, n))

    even = functions[np.concatenate]([beside(plain(re), plain(im)), nothing])
    odd = functions[np.concatenate]([beside(pointwise("negative", plain(im)), plain(re)), nothing])
    # An even column begins one row lower: its first number is that of the diagonal.
    even = functions[np.concatenate]([nothing, even[:-1]])
    bands = functions[np.reshape](functions[np.stack]([even, odd], -1), (2 * count + 1, 2 * n))
    flat = functions[np.stack](list(map(plain, right.parts)), 1)
    rest = tuple(right.shape[1:])
    flat = functions[np.reshape](flat, (2 * n, *rest))
    found = functions[linalg.solve_banded]((2 * lower + 1, 2 * upper + 1), bands, flat)
    pairs = functions[np.reshape](found, (n, 2, *rest))
    return joined(pairs[:, 0], pairs[:, 1], "array")


def funm(A: Any, func: Callable[..., Any], disp: bool = True) -> Any:
    """``scipy.linalg.funm`` of a matrix with eigenvectors, by these."""
    if not disp:
        raise decline("scipy.linalg.funm with disp=False")
    z = _one(A, "funm")
    values, vectors = complex_linalg.eig_results(z)
    check_apart(z, values)
    return np.matmul(vectors * func(values), complex_linalg.inv(vectors))


def check_apart(x: Any, values: Any) -> None:
    """Where eigenvalues are close and the matrix is not normal, SciPy says that it may be inaccurate."""
    n = x.shape[0]
    distances = np.abs(values[:, None] - values[None, :]) + functions[np.diag](np.abs(values))
    square = np.sum(np.abs(x) ** 2) - np.sum(np.abs(values) ** 2)
    beyond = n * np.sqrt(np.maximum(square, 0.0))
    check(1000 * np.min(distances) > beyond, "the eigenvalues of a matrix are apart")


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """``scipy.linalg.norm``."""
    _only(options, "norm")
    return np.linalg.norm(as_complex(a), ord, axis, keepdims)


def eigvals(a: Any, b: Any = None, **options: Any) -> Any:
    """``scipy.linalg.eigvals``."""
    _only(options, "eigvals")
    return complex_linalg.eigen(a)[0] if b is None else eigvals_of_complex(a, b)


def eig(a: Any, b: Any = None, left: bool = False, right: bool = True, **options: Any) -> Any:
    """``scipy.linalg.eig``."""
    _only(options, "eig")
    return eig_of_complex(a, b, left, right)


def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, type: int = 1,
    subset_by_index: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """``scipy.linalg.eigh`` of one matrix or of two, some of its vectors or all, or values."""
    _only({k: v for k, v in options.items() if v is not None}, "eigh")
    z: Any = _one(a, "eigh")
    if type != 1:
        raise decline("scipy.linalg.eigh of this form")
    if not eigvals_only and b is None and subset_by_index is None:
        return complex_linalg._eigh_of(z, "L" if lower else "U", scipy=True)
    if not eigvals_only:
        return _eigh_of_scipy(z, b, bool(lower), subset_by_index)
    matrix = complex_linalg._hermitian(z if lower else _h(z))
    if b is not None:
        other = complex_linalg._hermitian(_one(b, "eigh") if lower else _h(_one(b, "eigh")))
        factor = complex_linalg.cholesky(other)
        matrix = complex_linalg.solve(factor, _h(complex_linalg.solve(factor, matrix)))
    values: Any = complex_linalg.eigvalsh(matrix)
    return values if subset_by_index is None else values[_chosen(z, subset_by_index)]


def _chosen(z: Any, subset: Any) -> slice:
    first, last = map(int, subset)
    if not 0 <= first <= last or not at_least(z.shape[0], last + 1):
        raise decline("such a subset of eigenvalues")  # which SciPy refuses
    return slice(first, last + 1)


def _eigh_of_scipy(z: Any, b: Any, lower: bool, subset: Any) -> Any:
    """Vectors of two matrices, or some of them."""
    if isinstance(z.shape[0], Dim):
        raise decline("scipy.linalg.eigh of this form and of run-time size")
    other: Any = None if b is None else as_complex(_one(b, "eigh"), z.dtype)
    chosen = slice(0, z.shape[0]) if subset is None else _chosen(z, subset)
    return eigh_of_complex(z, other, lower, {"subset_by_index": subset}, chosen)


def eigvalsh(a: Any, b: Any = None, **options: Any) -> Any:
    """``scipy.linalg.eigvalsh``."""
    return eigh(a, b, eigvals_only=True, **options)


_SERIES = ("logm", "sqrtm", "cosm", "sinm", "tanm", "signm", "fractional_matrix_power")
_EQUATIONS = {
    "solve_sylvester": 2, "solve_continuous_lyapunov": 1, "solve_lyapunov": 1,
    "solve_continuous_are": 0, "solve_discrete_are": 0,
}  # fmt: skip


_WITH_CONJUGATES = tuple([name for name in _EQUATIONS if name != "solve_sylvester"])


def of_scipy() -> dict[Any, Callable[..., Any]]:
    """The functions of ``scipy.linalg`` that are here."""
    NOT_HOLOMORPHIC.update(
        getattr(linalg, name) for name in ("rq", "eigh", "eigvalsh", *_WITH_CONJUGATES)
    )
    found: dict[Any, Callable[..., Any]] = {
        getattr(linalg, name): _of_series(name) for name in _SERIES
    }
    for name, wanted in _EQUATIONS.items():
        if getattr(linalg, name) in functions:
            found[getattr(linalg, name)] = _of_equation(name, wanted)
    for name in ("block_diag", "circulant"):
        found[getattr(linalg, name)] = _of_parts(name)
    own = (
        solve_banded,
        toeplitz,
        hankel,
        solve_triangular,
        cho_solve,
        solve_toeplitz,
        rq,
        funm,
        norm,
        eig,
        eigh,
        eigvals,
        eigvalsh,
    )
    found |= complex_factors.of_scipy()
    found |= {getattr(linalg, form.__name__): form for form in complex_forms.FORMS}
    return found | {getattr(linalg, function.__name__): function for function in own}


__all__ = ["check_apart", "of_scipy"]
