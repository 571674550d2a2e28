"""Factors of complex matrices as LAPACK packs them, and of bands, under ``scipy.linalg``.

    complex_lu(a) -> (packed, order, pivots)    zgetrf, with the rules of real matrices in complex numbers
    lu_solve, cho_factor, cholesky_banded, solveh_banded, eigvals_banded, pinvh, qr_multiply, matrix_balance

What is here beyond that operation is made of the functions of :mod:`autodiff.ops.complex_linalg`: bands by the
dense matrix, as those of real numbers are.  Filled in by :mod:`autodiff.ops.complex_scipy_linalg`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.dims import Dim, equal, minimum
from autodiff.ir.data import ArrayType
from autodiff.ops import complex_linalg
from autodiff.ops.complex_linalg import _given, _h, _matrix, _pair, _register, _t
from autodiff.ops.complex_numbers import (
    NOT_HOLOMORPHIC,
    as_complex,
    decline,
    from_pair,
    is_complex,
    plain,
)
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, Site, register
from autodiff.ops.fourier import in_pairs, whole
from autodiff.ops.function_table import functions
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import cast
from autodiff.ops.reflections import complex_qr
from autodiff.ops.scipy_linalg import _Blocks, _lu_meaning, _of_cho_factor, _order_of
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer

_IGNORED = frozenset(
    "overwrite_a overwrite_b check_finite overwrite_ab overwrite_a_band overwrite_qr "
    "overwrite_qru overwrite_qruv overwrite_c".split()
)


def _heed(name: str, options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - _IGNORED)
    if unknown:
        raise decline(f"scipy.linalg.{name} with " + ", ".join(unknown))


def _one(a: Any, name: str, square: bool = True) -> Any:
    z = _matrix(a, square=square)
    if z.ndim != 2:
        raise decline(f"scipy.linalg.{name} of a stack of matrices")
    return z


def _solve(a: Any, b: Any) -> Any:
    return complex_linalg.solve(a, b)


def _right(a: Any, b: Any) -> Any:
    """``b a⁻¹``."""
    return _t(_solve(_t(a), _t(b)))


# -- LU -------------------------------------------------------------------------------------------------
def _triangles(packed: Any) -> tuple[Any, Any]:
    return np.tril(packed, -1) + np.eye(packed.shape[0]), np.triu(packed)


def _lu_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of L U = A, as :func:`autodiff.ops.scipy_linalg._lu_jvp`."""
    packed, order = _given(site.results[0]), site.results[1]
    blocks = _Blocks(packed.shape)
    square, l_below, u_beside = blocks.of(packed)
    lower, upper = _triangles(square)
    da, da_below, da_beside = blocks.of(_given(tangents[0])[order])
    inner = _right(upper, _solve(lower, da))
    d_lower, d_upper = lower @ np.tril(inner, -1), np.triu(inner) @ upper
    if da_below is not None:
        da_below = _right(upper, da_below - l_below @ d_upper)
    if da_beside is not None:
        da_beside = _solve(lower, da_beside - d_lower @ u_beside)
    return _pair(blocks.joined(d_lower + d_upper, da_below, da_beside)), None, None


def _lu_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    if cts[0] is None:
        return (None,)
    packed, order = _given(site.results[0]), site.results[1]
    blocks = _Blocks(packed.shape)
    square, l_below, u_beside = blocks.of(packed)
    lower, upper = _triangles(square)
    ct, ct_below, ct_beside = blocks.of(_given(cts[0]))
    ct_lower, ct_upper = np.tril(ct, -1), np.triu(ct)
    if ct_below is not None:
        ct_below = _right(_h(upper), ct_below)
        ct_upper = np.triu(ct_upper - _h(l_below) @ ct_below)
    if ct_beside is not None:
        ct_beside = _solve(_h(lower), ct_beside)
        ct_lower = np.tril(ct_lower - ct_beside @ _h(u_beside), -1)
    middle = np.tril(_h(lower) @ ct_lower, -1) + np.triu(ct_upper @ _h(upper))
    middle = _right(_h(upper), _solve(_h(lower), middle))
    return (_pair(blocks.joined(middle, ct_below, ct_beside)[np.argsort(order)]),)


def _lu_of_pair(pair: Any) -> Any:
    packed, order, pivots = _lu_meaning(whole(pair))
    return in_pairs(packed), order, pivots


_register(
    "complex_lu",
    lambda types: (
        types[0],
        ArrayType(INT, types[0].shape[:1]),
        ArrayType(np.dtype(np.int32), (minimum(*types[0].shape[:2]),)),
    ),
    _lu_of_pair,
    _lu_jvp,
    _lu_vjp,
)


def _lu(a: Any, name: str) -> tuple[Any, Any, Any]:
    packed, order, pivots = emit_tracer("complex_lu", plain(_one(a, name, square=False).pair))
    return from_pair(packed, "array"), Tracer(order.value, "array"), Tracer(pivots.value, "array")


def lu_factor(a: Any, **options: Any) -> Any:
    """``scipy.linalg.lu_factor``."""
    _heed("lu_factor", options)
    packed, _, pivots = _lu(a, "lu_factor")
    return packed, pivots


def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, **options: Any) -> Any:
    """``scipy.linalg.lu_solve``."""
    _heed("lu_solve", options)
    packed, pivots = lu_and_piv
    if trans not in (0, 1, 2) or is_complex(pivots):
        raise decline(f"scipy.linalg.lu_solve with trans={trans}")
    lower, upper = _triangles(as_complex(packed))
    order, right = _order_of(array_of(pivots)), as_complex(b)
    if not trans:
        return _solve(upper, _solve(lower, right[order]))
    turned = _h if trans == 2 else _t
    return _solve(turned(lower), _solve(turned(upper), right))[functions[np.argsort](order)]


def lu(a: Any, permute_l: bool = False, p_indices: bool = False, **options: Any) -> Any:
    """``scipy.linalg.lu``."""
    _heed("lu", options)
    packed, order, _ = _lu(a, "lu")
    square, below, beside = _Blocks(packed.shape).of(packed)
    lower, upper = _triangles(square)
    if below is not None:
        lower = np.concatenate([lower, below], 0)
    if beside is not None:
        upper = np.concatenate([upper, beside], 1)
    back = cast(functions[np.argsort](order), np.int32)
    if permute_l:
        return lower[back], upper
    if p_indices:
        return back, lower, upper
    unit = functions[np.eye](packed.shape[0], dtype=packed.part_dtype)
    return unit[back], lower, upper


# -- Cholesky -------------------------------------------------------------------------------------------
def _upper(a: Any) -> Any:
    """The upper factor of a Hermitian matrix, of which the upper triangle is read."""
    return _h(complex_linalg.cholesky(_h(a)))


def cho_factor(a: Any, lower: bool = False, **options: Any) -> Any:
    """``scipy.linalg.cho_factor``; see that of real matrices for what the other triangle holds."""
    _heed("cho_factor", options)
    z: Any = _one(a, "cho_factor")
    factor: Any = complex_linalg.cholesky(z) if lower else _upper(z)
    clears, kind = _of_cho_factor()
    is_lower = kind(bool(lower))
    if clears and not options.get("overwrite_a"):
        return factor, is_lower
    rest: Any = np.triu(z, 1) if lower else np.tril(z, -1)
    return factor + rest, is_lower


# -- QR --------------------------------------------------------------------------------------------------
def qr(
    a: Any, mode: str = "full", pivoting: bool = False, lwork: Any = None, **options: Any
) -> Any:
    """``scipy.linalg.qr``."""
    _heed("qr", options)
    z: Any = _one(a, "qr", square=False)
    if mode not in ("full", "r", "economic"):
        raise decline(f"scipy.linalg.qr in mode={mode!r}")
    order: tuple[Any, ...] = ()
    if pivoting:
        pivots: Any = emit_tracer("complex_pivots", stop(plain(z.pair)))
        order = (Tracer(pivots.value, "array"),)
        z = z[:, order[0]]
    q, r = complex_qr(z, mode != "economic", complex_linalg.thin_qr)
    return (r, *order) if mode == "r" else (q, r, *order)


register(
    Entry(
        "complex_pivots",
        lambda types: (ArrayType(np.dtype(np.int32), types[0].shape[1:2]),),
        lambda pair: linalg.qr(whole(pair), mode="r", pivoting=True)[1],
        Kernel("complex_pivots"),
        zero_derivative=True,
    )
)


# -- systems and eigenvalues of which one triangle is read ------------------------------------------------
def _of_structure(z: Any, structure: str, lower: bool) -> Any:
    """The matrix that SciPy takes it for."""
    if structure in ("her", "hermitian", "pos", "positive definite"):
        return complex_linalg._hermitian(z if lower else _h(z))
    if structure in ("sym", "symmetric"):
        half, rest = (np.tril(z), np.tril(z, -1)) if lower else (np.triu(z), np.triu(z, 1))
        return half + _t(rest)
    if structure in ("diagonal", "tridiagonal"):
        width = 0 if structure == "diagonal" else 1
        return np.triu(np.tril(z, width), -width)
    if structure in ("upper triangular", "lower triangular"):
        return np.triu(z) if structure.startswith("upper") else np.tril(z)
    if structure in ("gen", "general", "banded"):
        return z
    raise decline(f"scipy.linalg.solve with assume_a={structure!r}")


def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """``scipy.linalg.solve``."""
    if transposed:
        raise decline("scipy.linalg.solve with transposed=True")  # which SciPy refuses
    z: Any = _matrix(a, square=True)
    return _solve(z if assume_a is None else _of_structure(z, assume_a, lower), as_complex(b))


# -- bands ----------------------------------------------------------------------------------------------
def _width_and_size(bands: Any) -> tuple[int, int]:
    width, n = bands.shape
    if isinstance(width, Dim) or isinstance(n, Dim):
        raise decline("bands of run-time size")
    return width, n


def _dense(bands: Any, lower: bool) -> Any:
    """The Hermitian matrix of which one half of the bands is given."""
    width, n = _width_and_size(bands)
    rows = [bands[k, : n - k] if lower else bands[width - 1 - k, k:] for k in range(min(width, n))]
    total = np.diag(rows[0].real) + 0j
    for k, row in enumerate(rows[1:], 1):
        above, below = (row.conj(), row) if lower else (row, row.conj())
        total = total + np.diag(above, k) + np.diag(below, -k)
    return total


def _triangle(bands: Any, lower: bool) -> Any:
    """The triangle of which the bands are given."""
    width, n = _width_and_size(bands)
    total: Any = 0
    for k in range(min(width, n)):
        row = bands[k, : n - k] if lower else bands[width - 1 - k, k:]
        total = total + np.diag(row, -k if lower else k)
    return total


def _bands(ab: Any) -> Any:
    bands = as_complex(ab)
    if bands.ndim != 2:
        raise decline("bands of several matrices")
    return as_complex(bands, np.result_type(bands.dtype, np.complex64))


def cholesky_banded(
    ab: Any, overwrite_ab: bool = False, lower: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.cholesky_banded``, by the dense matrix."""
    bands = _bands(ab)
    matrix = _dense(bands, bool(lower))
    factor: Any = complex_linalg.cholesky(matrix) if lower else _upper(matrix)
    width, n = _width_and_size(bands)
    rows: list[Any] = []
    for k in range(width):
        offset = k if lower else width - 1 - k
        row = np.diagonal(factor, -offset if lower else offset)
        rows.append(np.pad(row, (0, offset) if lower else (offset, 0)))
    # The corners, which belong to no element, stay what they are.
    column = np.arange(n)[None, :] + np.arange(width)[:, None]
    outside = column >= n if lower else column < width - 1
    return np.where(outside, bands, np.stack(rows))


def cho_solve_banded(
    cb_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.cho_solve_banded``."""
    factor, lower = cb_and_lower
    half = _triangle(_bands(factor), bool(lower))
    if not lower:
        half = _h(half)
    return _solve(_h(half), _solve(half, as_complex(b)))


def solveh_banded(
    ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.solveh_banded``."""
    return _solve(_dense(_bands(ab), bool(lower)), as_complex(b))


def eigvals_banded(
    a_band: Any, lower: bool = False, overwrite_a_band: bool = False, select: Any = "a", *more: Any,
    **options: Any,
) -> Any:  # fmt: skip
    """``scipy.linalg.eigvals_banded`` of Hermitian bands."""
    if select not in ("a", "all", 0) or more or set(options) - {"check_finite"}:
        raise decline("a selection of eigenvalues")
    return complex_linalg.eigvalsh(_dense(_bands(a_band), bool(lower)))


def eig_banded(
    a_band: Any, lower: bool = False, eigvals_only: bool = False, *more: Any, **options: Any
) -> Any:
    """``scipy.linalg.eig_banded`` without vectors, whose phases are those of another routine."""
    if not eigvals_only or more:
        raise decline("scipy.linalg.eig_banded with vectors")
    return eigvals_banded(a_band, lower, **options)


# -- pseudo-inverses and bases ----------------------------------------------------------------------------
def pinvh(
    a: Any, *, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.pinvh`` of a matrix whose small eigenvalues are left out as SciPy leaves them out."""
    if return_rank or atol is not None:
        raise decline("scipy.linalg.pinvh with atol= or return_rank=")
    z: Any = _one(a, "pinvh")
    hermitian = complex_linalg._hermitian(z if lower else _h(z))
    n = max(z.shape)
    cut = n * float(np.finfo(z.part_dtype).eps) if rtol is None else rtol
    return complex_linalg.pinv(hermitian, rcond=cut)


def qr_multiply(
    a: Any, c: Any, mode: str = "right", pivoting: bool = False, conjugate: bool = False,
    overwrite_a: bool = False, overwrite_c: bool = False,
) -> Any:  # fmt: skip
    """``scipy.linalg.qr_multiply``."""
    z: Any = _one(a, "qr_multiply", square=False)
    if pivoting or mode not in ("left", "right") or not equal(*z.shape):
        raise decline("scipy.linalg.qr_multiply of this form")
    q, r = complex_linalg.qr(z)
    q = q.conj() if conjugate else q
    other: Any = as_complex(c)
    return (q @ other if mode == "left" else other @ q), r


def matrix_balance(
    A: Any, permute: bool = True, scale: bool = True, separate: bool = False,
    overwrite_a: bool = False,
) -> Any:  # fmt: skip
    """``scipy.linalg.matrix_balance``: scales are powers of two and jump."""
    z: Any = _one(A, "matrix_balance")
    if not isinstance(z.shape[0], int):
        raise decline("scipy.linalg.matrix_balance of run-time size")
    how = {"permute": bool(permute), "scale": bool(scale)}
    found: Any = emit_tracer("complex_balance", stop(plain(z.pair)), **how)
    scales, order = (Tracer(x.value, "array") for x in found)
    factors: Any = scales
    balanced = z[order][:, order] * (1 / factors)[:, None] * factors
    if separate:
        return balanced, (scales, order)
    return balanced, functions[np.diag](scales)[functions[np.argsort](order)]


def _balance_meaning(pair: Any, permute: bool, scale: bool) -> Any:
    z = whole(pair)
    _, (scales, order) = linalg.matrix_balance(z, permute=permute, scale=scale, separate=True)
    return np.asarray(scales, pair.dtype), np.asarray(order, np.int64)


_register(
    "complex_balance",
    lambda types, permute, scale: (
        ArrayType(types[0].dtype, types[0].shape[:1]),
        ArrayType(INT, types[0].shape[:1]),
    ),
    _balance_meaning,
    lambda site, tangents: (None, None),
    lambda site, cts: (None,),
)

_OWN: tuple[Callable[..., Any], ...] = (
    lu_factor, lu_solve, lu, cho_factor, cholesky_banded, cho_solve_banded, solveh_banded,
    eigvals_banded, eig_banded, pinvh, qr_multiply, matrix_balance, qr, solve,
)  # fmt: skip


def of_scipy() -> dict[Any, Callable[..., Any]]:
    """The functions of ``scipy.linalg`` that are here."""
    real = (
        cho_factor,
        cholesky_banded,
        solveh_banded,
        eigvals_banded,
        pinvh,
        qr_multiply,
        qr,
    )
    NOT_HOLOMORPHIC.update(getattr(linalg, function.__name__) for function in real)
    NOT_HOLOMORPHIC.update((linalg.eig_banded, linalg.cho_solve_banded))
    return {getattr(linalg, function.__name__): function for function in _OWN}


__all__ = ["of_scipy"]
