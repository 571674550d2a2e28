"""More of ``scipy.linalg`` on traced arrays: functions of matrices, bands, Riccati equations.

    matrix_function(a; name, options)   logm, cosm, …: the derivative is the corner of the function
                                        of [[a, e], [0, a]] (N. Higham, Functions of Matrices, eq. 3.16)
    eigenvalues of bands                those of the dense matrix
    riccati(x, a, g, q), discrete_riccati(x, a, b, q, r)
                                        x, which SciPy found, as the solution of the equation

Where SciPy's routine finds a value from another form of the matrix, its value is kept, and differentiated as what it
solves: the linear equation that the differentials satisfy (A. Kao and G. Hennequin, 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.dims import Dim
from autodiff.ir.data import ArrayType
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import check, known
from autodiff.ops.linear_algebra import mm, t
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import as_array, cast, doubles
from autodiff.ops.scipy_linalg import (
    IsComplex,
    _band_transpose,
    _square,
    _sylvester,
    heed_finite,
    routine_type,
    solve_banded,
    toeplitz,
)
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported

# -- values of routines ------------------------------------------------------------------------------
_ROUTINES: dict[str, Callable[..., Any]] = {
    "eigh_tridiagonal": linalg.eigh_tridiagonal,
    "eig_banded": lambda a, lower: linalg.eig_banded(a, lower),
    "solve_continuous_are": linalg.solve_continuous_are,
    "solve_discrete_are": linalg.solve_discrete_are,
    "qr_delete": linalg.qr_delete,
    "qr_insert": linalg.qr_insert,
    "qr_update": linalg.qr_update,
}

register(
    Entry(
        "scipy_routine",
        lambda types, name, results, how: results,
        lambda *operands, name, results, how: _ROUTINES[name](*operands, **dict(how)),
        Kernel("scipy_routine"),
        zero_derivative=True,
        kept=True,
    )
)


def _routine(name: str, operands: Any, results: tuple[ArrayType, ...], **how: Any) -> Any:
    stopped = [stop(x) for x in operands]
    return emit_tracer(
        "scipy_routine", *stopped, name=name, results=results, how=tuple(how.items())
    )


# -- functions of matrices ---------------------------------------------------------------------------
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "logm": linalg.logm,
    "cosm": linalg.cosm,
    "sinm": linalg.sinm,
    "tanm": linalg.tanm,
    "signm": linalg.signm,
    "fractional_matrix_power": linalg.fractional_matrix_power,
}


def _of_pairs(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a real matrix that stands for a complex one, of which it is real but for rounding."""

    def real(a: Any, *options: Any) -> Any:
        found = np.asarray(function(a, *options))
        small = 1e-9 * np.max(np.abs(found), initial=0.0)
        return found.real if np.max(np.abs(found.imag), initial=0.0) <= small else found

    return real


# Of the real matrix of twice the size of a complex one: by names of their own.
OF_PAIRS = ("logm", "signm", "fractional_matrix_power")
_PAIRED = {f"paired_{name}": _of_pairs(FUNCTIONS[name]) for name in OF_PAIRS}


def _function_meaning(a: Any, name: str, options: Any) -> Any:
    found = (_PAIRED.get(name) or FUNCTIONS[name])(a, *options)
    if np.iscomplexobj(found):
        if np.any(found.imag):
            raise IsComplex(f"the result of {name} is complex")
        found = found.real
    return np.asarray(found, a.dtype)


def _function(a: Any, site: Site) -> Any:
    return emit_tracer("matrix_function", a, **site.attributes)


def _corner(a: Any, direction: Any, site: Site) -> Any:
    n = a.shape[-1]
    block = np.block([[a, direction], [np.zeros_like(a), a]])
    return _function(block, site)[:n, n:]


register(
    Entry(
        "matrix_function",
        lambda types, name, options: (types[0],),
        _function_meaning,
        Kernel("matrix_function"),
        Rules(
            lambda site, tangents: (_corner(site.operands[0], tangents[0], site),),
            lambda site, cts: (_corner(t(site.operands[0]), cts[0], site),),
        ),
        kept=True,
    )
)


_DOUBLE = ("logm", "fractional_matrix_power")  # whatever the matrix is


def _matrix_function(name: str) -> Callable[..., Any]:
    def function(A: Any, *options: Any) -> Any:
        x = _square(A)
        values = tuple([known(as_array(v)) for v in options])
        # ``disp`` of the others is going to be no option.
        has_other = bool(options) and name != "fractional_matrix_power"
        if x.ndim != 2 or has_other or any(v is None for v in values):
            raise unsupported(f"scipy.linalg.{name} of this form", "pass one matrix, and numbers")
        numbers = tuple([float(v) for v in values if v is not None])
        x = cast(x, np.float64) if name in _DOUBLE else x
        return emit_tracer("matrix_function", x, name=name, options=numbers)

    return function


for _name, _scipy in FUNCTIONS.items():
    implements(_scipy)(_matrix_function(_name))


# -- eigenvalues of bands -------------------------------------------------------------------------------
def _eigen(matrix: Any, name: str, operands: Any, eigvals_only: bool, **how: Any) -> Any:
    """By the dense matrix; signs of vectors are those that SciPy's routine gives."""
    values, vectors = emit_tracer("symmetric_eigen", matrix)
    if eigvals_only:
        return values
    n = matrix.shape[0]
    types = (ArrayType(np.dtype(np.float64), (n,)), ArrayType(np.dtype(np.float64), (n, n)))
    _, wanted = _routine(name, operands, types, **how)
    sign = np.where(functions[np.sum](stop(vectors) * wanted, axis=0) < 0, -1.0, 1.0)
    vectors = vectors * sign
    near: Any = np.abs(stop(vectors) - wanted) <= 1e-6
    check(functions[np.all](near), "eigenvectors that are those of SciPy's routine but for signs")
    return values, vectors


def _as_routine(found: Any, *arrays: Tracer) -> Any:
    """What was computed in double precision, in that of the routine that SciPy takes."""
    dtype = routine_type(*arrays)
    return tuple(cast(x, dtype) for x in found) if type(found) is tuple else cast(found, dtype)


def _diagonal(x: Any, k: int) -> Any:
    return functions[np.diag](x, k)


def _dense(bands: Any, lower: bool) -> Any:
    """The symmetric matrix of which one half of the bands is given."""
    width, n = bands.shape
    if isinstance(width, Dim) or isinstance(n, Dim):
        raise unsupported("bands of run-time size", "use the dense matrix")
    rows = [bands[k, : n - k] if lower else bands[width - 1 - k, k:] for k in range(min(width, n))]
    total = _diagonal(rows[0], 0)
    for k, row in enumerate(rows[1:], 1):
        total = total + _diagonal(row, k) + _diagonal(row, -k)
    return total


def _all_of(select: Any) -> None:
    if select not in ("a", "all", 0):
        raise unsupported(
            "a selection of eigenvalues", "take all of them, and a part of the result"
        )


@implements(linalg.eigh_tridiagonal)
def eigh_tridiagonal(
    d: Any, e: Any, eigvals_only: bool = False, select: Any = "a", *args: Any, **options: Any
) -> Any:
    """``scipy.linalg.eigh_tridiagonal``."""
    _all_of(select)
    main, side = doubles(d), doubles(e)
    matrix = _diagonal(main, 0) + _diagonal(side, 1) + _diagonal(side, -1)
    found = _eigen(matrix, "eigh_tridiagonal", (main, side), eigvals_only)
    return _as_routine(found, array_of(d), array_of(e))


@implements(linalg.eigvalsh_tridiagonal)
def eigvalsh_tridiagonal(d: Any, e: Any, select: Any = "a", *args: Any, **options: Any) -> Any:
    """``scipy.linalg.eigvalsh_tridiagonal``."""
    return eigh_tridiagonal(d, e, True, select)


@implements(linalg.eig_banded)
def eig_banded(
    a_band: Any, lower: bool = False, eigvals_only: bool = False, overwrite_a_band: bool = False,
    select: Any = "a", *args: Any, **options: Any,
) -> Any:  # fmt: skip
    """``scipy.linalg.eig_banded`` of real bands."""
    _all_of(select)
    bands = doubles(a_band)
    matrix = _dense(bands, bool(lower))
    found = _eigen(matrix, "eig_banded", (bands,), eigvals_only, lower=bool(lower))
    return _as_routine(found, array_of(a_band))


@implements(linalg.eigvals_banded)
def eigvals_banded(
    a_band: Any, lower: bool = False, overwrite_a_band: bool = False, select: Any = "a", *args: Any,
    **options: Any,
) -> Any:  # fmt: skip
    """``scipy.linalg.eigvals_banded`` of real bands."""
    return eig_banded(a_band, lower, True, select=select)


# -- Cholesky factors of bands ------------------------------------------------------------------------
@implements(linalg.cholesky_banded)
def cholesky_banded(
    ab: Any, overwrite_ab: bool = False, lower: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.cholesky_banded``, by the dense matrix."""
    bands = doubles(ab)
    factor = functions[np.linalg.cholesky](_dense(bands, bool(lower)), upper=not lower)
    width, n = bands.shape
    rows = []
    for k in range(width):
        offset = k if lower else width - 1 - k
        row = functions[np.diagonal](factor, -offset if lower else offset)
        pad = (0, offset) if lower else (offset, 0)
        rows.append(functions[np.pad](row, pad))
    found = functions[np.stack](rows)
    # The corners, which belong to no element, stay what they are.
    column = np.arange(n)[None, :] + np.arange(width)[:, None] - (width - 1)
    outside = column < 0 if not lower else np.arange(n)[None, :] + np.arange(width)[:, None] >= n
    return _as_routine(functions[np.where](outside, bands, found), array_of(ab))


@implements(linalg.cho_solve_banded)
def cho_solve_banded(
    cb_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.cho_solve_banded``: two triangular systems."""
    factor, lower = cb_and_lower
    bands = doubles(factor)
    width = bands.shape[0] - 1
    if lower:
        first = solve_banded((width, 0), bands, b)
        return solve_banded((0, width), _band_transpose(bands, width, 0), first)
    first = solve_banded((width, 0), _band_transpose(bands, 0, width), b)
    return solve_banded((0, width), bands, first)


# -- Toeplitz systems --------------------------------------------------------------------------------------
@implements(linalg.solve_toeplitz)
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """``scipy.linalg.solve_toeplitz``, by the dense matrix."""
    column, row = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    return functions[np.linalg.solve](toeplitz(column, row), array_of(b))


# -- orthogonal factors -----------------------------------------------------------------------------------
@implements(linalg.qr_multiply)
def qr_multiply(
    a: Any, c: Any, mode: str = "right", pivoting: bool = False, conjugate: bool = False,
    overwrite_a: bool = False, overwrite_c: bool = False,
) -> Any:  # fmt: skip
    """``scipy.linalg.qr_multiply`` of real matrices."""
    if pivoting or mode not in ("left", "right"):
        raise unsupported("scipy.linalg.qr_multiply with pivoting", "leave it out")
    q, r = functions[np.linalg.qr](doubles(a), "reduced")
    other = doubles(c)
    if not isinstance(q.shape[0], int) or q.shape[0] < q.shape[1]:
        raise unsupported("scipy.linalg.qr_multiply of this shape", "use scipy.linalg.qr")
    left = mode == "left"
    if other.ndim == 1:
        return functions[np.matmul](q, other) if left else functions[np.matmul](other, q), r
    return (mm(q, other) if left else mm(other, q)), r


# -- Riccati equations --------------------------------------------------------------------------------------
def _outer(x: Any, y: Any, s: Any) -> Any:
    """The cotangent of ``x`` where ``yᵀ x + xᵀ y`` has the cotangent ``s``."""
    return mm(y, s + t(s))


def _riccati_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    _, a, g, _ = site.operands
    (x,) = site.results
    _, da, dg, right = tangents
    if da is not None:
        moved = mm(t(da), x) + mm(x, da)
        right = moved if right is None else right + moved
    if dg is not None:
        moved = -mm(mm(x, dg), x)
        right = moved if right is None else right + moved
    closed = a - mm(g, x)
    return (_sylvester(t(closed), closed, -right),)


def _riccati_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    _, a, g, _ = site.operands
    (x,) = site.results
    closed = a - mm(g, x)
    s = -_sylvester(closed, t(closed), cts[0])
    return None, _outer(a, x, s), -mm(mm(x, s), x), s


# aᵀ x + x a - x g x + q = 0
register(
    Entry(
        "riccati",
        lambda types: (types[0],),
        lambda x, a, g, q: np.array(x),
        Kernel("riccati"),
        Rules(_riccati_jvp, _riccati_vjp),
    )
)


def _stein(a: Any, q: Any) -> Any:
    """The solution of ``x = a x aᵀ + q``, of all elements at once, as SciPy's for small matrices."""
    n = a.shape[0]
    system = functions[np.eye](n * n, dtype=q.dtype) - functions[np.kron](a, a)
    return np.reshape(functions[np.linalg.solve](system, np.reshape(q, (n * n,))), (n, n))


def _gain(x: Any, a: Any, b: Any, r: Any) -> Any:
    return functions[np.linalg.solve](r + mm(mm(t(b), x), b), mm(mm(t(b), x), a))


def _discrete_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    _, a, b, _, r = site.operands
    (x,) = site.results
    _, da, db, right, dr = tangents
    gain = _gain(x, a, b, r)
    closed = a - mm(b, gain)
    turned = None if db is None else -mm(db, gain)
    turned = da if turned is None else turned if da is None else turned + da
    if turned is not None:
        moved = mm(mm(t(turned), x), closed)
        moved = moved + t(moved)
        right = moved if right is None else right + moved
    if dr is not None:
        moved = mm(mm(t(gain), dr), gain)
        right = moved if right is None else right + moved
    return (_stein(t(closed), right),)


def _discrete_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    _, a, b, _, r = site.operands
    (x,) = site.results
    gain = _gain(x, a, b, r)
    closed = a - mm(b, gain)
    s = _stein(closed, cts[0])
    ct_a = _outer(a, mm(x, closed), s)
    return None, ct_a, -mm(ct_a, t(gain)), s, mm(mm(gain, s), t(gain))


# aᵀ x a - x - aᵀ x b (r + bᵀ x b)⁻¹ bᵀ x a + q = 0
register(
    Entry(
        "discrete_riccati",
        lambda types: (types[0],),
        lambda x, *operands: np.array(x),
        Kernel("discrete_riccati"),
        Rules(_discrete_jvp, _discrete_vjp),
    )
)


def _equation(name: str, operands: Any, rest: Any) -> tuple[Any, tuple[Any, ...]]:
    if any(v is not None for v in rest):
        raise unsupported(f"scipy.linalg.{name} with e= or s=", "transform the equation before")
    given = tuple([doubles(v) for v in operands])
    return _routine(name, given, (given[2].type,)), given


@implements(linalg.solve_continuous_are)
def solve_continuous_are(
    a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True
) -> Any:
    """``scipy.linalg.solve_continuous_are`` without ``e`` and ``s``."""
    x, (a, b, q, r) = _equation("solve_continuous_are", (a, b, q, r), (e, s))
    g = mm(b, functions[np.linalg.solve](r, t(b)))
    return emit_tracer("riccati", x, a, g, q)


@implements(linalg.solve_discrete_are)
def solve_discrete_are(
    a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True
) -> Any:
    """``scipy.linalg.solve_discrete_are`` without ``e`` and ``s``."""
    x, (a, b, q, r) = _equation("solve_discrete_are", (a, b, q, r), (e, s))
    return emit_tracer("discrete_riccati", x, a, b, q, r)


heed_finite()

__all__ = ["eig_banded", "eigh_tridiagonal", "solve_continuous_are", "solve_discrete_are"]
