"""``scipy.linalg`` on traced arrays; loaded when the user's program has imported that module.

Solves, factorisations and structured matrices, mostly by the operations behind ``np.linalg``:

    lu(a) -> (packed, permutation, pivots)    as LAPACK's getrf
    symmetric_eigen(a; upper) -> (w, v)       SciPy's routine, whose signs of vectors differ (eigh: scipy_eigen)
    expm(a)                                   Fréchet derivatives by blocks
    solve_banded(ab, b; lower, upper)         SciPy's layout of bands

Rules: M. Giles (2008), as in :mod:`autodiff.ops.linear_algebra`; N. Higham, Functions of Matrices
(2008), eq. 3.16, for the exponential of a block matrix.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.dims import Dim, equal, minimum
from autodiff.ir.data import ArrayType
from autodiff.ops import linear_algebra as primitives
from autodiff.ops.decompositions import eigh_rules
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import check, compare, require, require_equal
from autodiff.ops.layout import lies_in
from autodiff.ops.linear_algebra import mm, t
from autodiff.ops.matrix_exponential import exponential
from autodiff.ops.numpy_functions.linear_algebra import float_matrix
from autodiff.ops.numpy_functions.shapes import array_of, line, ravel
from autodiff.ops.promotion import as_array, cast, pointwise, shape_error
from autodiff.ops.python_numbers import number
from autodiff.ops.scipy_solve import solved
from autodiff.ops.structural import INT, slice_add, slice_of, slice_update, zeros
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported


def _square(a: Any) -> Tracer:
    x = float_matrix(a, square=False)
    if not require_equal(x.shape[-1], x.shape[-2], "expected a square matrix"):
        raise ValueError("expected square matrix")
    return x


_SINGLE = frozenset("?bBhHef")  # the dtypes of which SciPy takes the routine of float32


def routine_type(*arrays: Tracer) -> np.dtype[Any]:
    """The dtype of the LAPACK routine that SciPy takes for these arrays."""
    return np.dtype(np.float32 if all(x.dtype.char in _SINGLE for x in arrays) else np.float64)


def _for_routine(a: Any, square: bool = True) -> Tracer:
    """The matrix in the dtype of SciPy's routine for it."""
    x = array_of(a)
    x = cast(x, routine_type(x)) if x.dtype.kind in "iub" else x
    return _square(x) if square else float_matrix(x, square=False)


def _plain(options: dict[str, Any]) -> None:
    """Only options that say how to work, not what to compute."""
    unknown = set(options) - {
        "overwrite_a",
        "overwrite_b",
        "check_finite",
        "lapack_driver",
        "driver",
    }
    if unknown:
        raise unsupported(f"scipy.linalg with the option {min(unknown)!r}", "use NumPy's function")


# -- solving --------------------------------------------------------------------------------------
def _symmetric(x: Tracer, lower: bool) -> Tracer:
    """The symmetric matrix whose one triangle is read."""
    half: Any = np.tril(x) if lower else np.triu(x)
    return half + t(np.tril(x, -1) if lower else np.triu(x, 1))


@implements(linalg.solve)
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Tracer:  # fmt: skip
    """``scipy.linalg.solve``."""
    x = _square(a)
    if assume_a not in _STRUCTURES:
        raise ValueError(f"{assume_a} is not a recognized matrix structure")
    kind = _STRUCTURES[assume_a]
    if kind == "symmetric":
        x = _symmetric(x, lower)
    elif kind in ("lower", "upper"):
        x = functions[np.tril if kind == "lower" else np.triu](x)
    elif kind is not None:
        x = _band(x, kind)
    right = array_of(b)
    dtype = np.result_type(array_of(a).dtype, right.dtype)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    system = cast(x, dtype), cast(right, dtype)
    return solved(*system, assume_a, bool(transposed), bool(check_finite))


# What of a matrix is read: a triangle that is mirrored, one triangle, so many diagonals, all.
_STRUCTURES: dict[str | None, Any] = {
    None: None, "gen": None, "general": None, "banded": None, "diagonal": 0, "tridiagonal": 1,
    "pos": "symmetric", "positive definite": "symmetric", "sym": "symmetric",
    "symmetric": "symmetric", "her": "symmetric", "hermitian": "symmetric",
    "lower triangular": "lower", "upper triangular": "upper",
}  # fmt: skip


def _band(x: Tracer, width: int) -> Any:
    return functions[np.triu](functions[np.tril](x, width), -width)


@implements(linalg.inv)
def inv(a: Any, **options: Any) -> Tracer:
    """``scipy.linalg.inv``."""
    _plain(options)
    return functions[np.linalg.inv](_for_routine(a))


@implements(linalg.det)
def det(a: Any, **options: Any) -> Any:
    """``scipy.linalg.det``: a NumPy scalar of float64."""
    _plain(options)
    return functions[np.linalg.det](cast(_square(a), np.float64))


@implements(linalg.lstsq)
def lstsq(a: Any, b: Any, cond: Any = None, **options: Any) -> Any:
    """``scipy.linalg.lstsq``."""
    _plain(options)
    right = array_of(b)
    dtype = routine_type(array_of(a), right)
    x = cast(float_matrix(a, square=False), dtype)
    limit = float(np.finfo(dtype).eps) if cond is None else cond
    solution, residuals, rank, values = functions[np.linalg.lstsq](x, cast(right, dtype), limit)
    rank = number(rank, int)
    if solution.ndim == 1 and not (isinstance(residuals.shape[0], int) and residuals.shape[0] == 0):
        # One number, but an empty array below full rank, which plain Python then returns.
        check(compare("equal", residuals.shape[0], 1), "the rank is full")
        residuals = functions[np.sum](residuals)
    return solution, residuals, rank_of_lstsq(rank), values


def rank_of_lstsq(rank: Any) -> Tracer:
    """A rank in the type that SciPy gives it: 1.18 and newer NumPy's."""
    of_python = _type_of_rank() is int
    whole = emit_tracer("cast", number(rank, int), dtype=np.dtype(np.int64), weak=of_python)
    return Tracer(whole.value, "python" if of_python else "scalar")


@functools.cache
def _type_of_rank() -> type:
    return type(linalg.lstsq(np.eye(1), np.ones(1))[2])


@implements(linalg.pinv)
def pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, **options: Any
) -> Any:
    """``scipy.linalg.pinv``."""
    _plain(options)
    x = _for_routine(a, square=False)
    sizes = [n for n in x.shape if isinstance(n, int)]
    if len(sizes) < x.ndim:
        raise unsupported("scipy.linalg.pinv of run-time size", "use np.linalg.pinv")
    limit = max(sizes) * float(np.finfo(x.dtype).eps) if rtol is None else rtol
    if atol is not None or isinstance(limit, Tracer):
        inverse, rank = _pinv_beyond(x, 0.0 if atol is None else atol, limit)
        return (inverse, rank) if return_rank else inverse
    inverse, values = emit_tracer("pseudo_inverse", x, rcond=float(limit))
    if not return_rank:
        return inverse
    large = pointwise("greater", values, pointwise("multiply", values[..., :1], limit))
    return inverse, functions[np.sum](large)


def _pinv_beyond(x: Tracer, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """The pseudo-inverse by singular values beyond ``atol + rtol times the largest``, and how many they are."""
    for share in (atol, rtol):
        positive = pointwise("greater_equal", as_array(share), 0)
        require(positive, ValueError("atol and rtol values must be positive."))
    u, values, vh = functions[np.linalg.svd](x, full_matrices=False)
    relative = pointwise("multiply", values[..., :1], cast(as_array(rtol), x.dtype))
    limit = pointwise("add", cast(as_array(atol), x.dtype), relative)
    large: Any = pointwise("greater", values, limit)
    factors: Any = np.where(large, 1 / np.where(large, values, 1.0), 0.0)
    inverse = mm(t(vh) * factors[..., None, :], t(u))
    return cast(inverse, x.dtype), functions[np.sum](large)


@implements(linalg.pinvh)
def pinvh(a: Any, *, lower: bool = True, return_rank: bool = False, **options: Any) -> Any:
    """``scipy.linalg.pinvh``."""
    found = pinv(_symmetric(_for_routine(a), lower), return_rank=return_rank, **options)
    return (found[0], number(found[1], int)) if return_rank else found


# -- triangles and Cholesky -------------------------------------------------------------------------
@implements(linalg.solve_triangular)
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **options: Any
) -> Tracer:
    """``scipy.linalg.solve_triangular``; only one triangle is read."""
    _plain(options)
    x, right = _square(a), array_of(b)
    dtype = routine_type(array_of(a), right)
    x, right = cast(x, dtype), cast(right, dtype)
    if not require_equal(right.shape[0], x.shape[0], "shapes of a and b are incompatible"):
        raise ValueError(f"shapes of a {x.shape} and b {right.shape} are incompatible")
    if unit_diagonal:
        x = _unit(x, lower)
    column: Any = right if right.ndim > 1 else right[:, None]
    if not isinstance(trans, str) and trans not in (0, 1, 2):
        raise unsupported(f"scipy.linalg.solve_triangular with trans={trans}", "pass 0, 1 or 2")
    transposed = trans in (1, 2, "T", "C")
    result = primitives.triangular_solve(x, column, bool(lower), transposed)
    return result if right.ndim > 1 else result[:, 0]


def _unit(x: Tracer, lower: bool) -> Tracer:
    """The triangle of a matrix with ones on the diagonal."""
    strict: Any = np.tril(x, -1) if lower else np.triu(x, 1)
    return strict + functions[np.eye](x.shape[0], dtype=x.dtype)


@implements(linalg.cholesky)
def cholesky(a: Any, lower: bool = False, **options: Any) -> Tracer:
    """``scipy.linalg.cholesky``; upper by default."""
    _plain(options)
    return functions[np.linalg.cholesky](_for_routine(a), upper=not lower)


@implements(linalg.cho_factor)
def cho_factor(a: Any, lower: bool = False, **options: Any) -> tuple[Tracer, Any]:
    """``scipy.linalg.cho_factor``: the other triangle keeps what it held; from SciPy 1.18 on in memory of its own it is 0."""
    _plain(options)
    x = _for_routine(a)
    factor: Any = cholesky(x, lower)
    clears, kind = _of_cho_factor()
    is_lower = kind(bool(lower))
    if clears and x.dtype == array_of(a).dtype and not options.get("overwrite_a"):
        return factor, is_lower
    rest: Any = np.triu(x, 1) if lower else np.tril(x, -1)
    return factor + rest, is_lower


@functools.cache
def _of_cho_factor() -> tuple[bool, Any]:
    """Whether this SciPy clears the other triangle, and what makes of a bool what it returns beside."""
    factor, is_lower = linalg.cho_factor(np.array([[4.0, 1.0], [1.0, 4.0]]))
    return factor[1, 0] == 0.0, bool if isinstance(is_lower, bool) else np.asarray


@implements(linalg.cho_solve)
def cho_solve(c_and_lower: Any, b: Any, **options: Any) -> Tracer:
    """``scipy.linalg.cho_solve``."""
    _plain(options)
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans=0 if lower else 1, lower=lower)
    return solve_triangular(c, first, trans=1 if lower else 0, lower=lower)


# -- LU ---------------------------------------------------------------------------------------------
def _lu_meaning(a: Any) -> Any:
    packed, pivots = linalg.lu_factor(a)
    order = np.arange(len(a))
    for k, j in enumerate(pivots):
        order[[k, j]] = order[[j, k]]
    return packed, order, pivots


def _triangles(packed: Any) -> tuple[Any, Any]:
    return _unit(packed, True), np.triu(packed)


class _Blocks:
    """The square part of a matrix, which its rows and columns have in common, and what is below or beside it."""

    def __init__(self, shape: Any) -> None:
        self.n = minimum(*shape)
        self.is_tall, self.is_wide = (not equal(n, self.n) for n in shape)

    def of(self, x: Any) -> tuple[Any, Any, Any]:
        """The square part, the rows below, the columns beside it."""
        n = self.n
        return x[:n, :n], x[n:, :n] if self.is_tall else None, x[:n, n:] if self.is_wide else None

    def joined(self, square: Any, below: Any, beside: Any) -> Any:
        """The matrix of these parts."""
        if below is not None:
            return np.concatenate([square, below], 0)
        return square if beside is None else np.concatenate([square, beside], 1)


def _lu_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of L U = A, dL U + L dU = dA: in the square part L⁻¹ dA U⁻¹ is a lower and an upper triangle."""
    packed, order, _ = site.results
    blocks = _Blocks(packed.shape)
    square, l_below, u_beside = blocks.of(packed)
    lower, upper = _triangles(square)
    da, da_below, da_beside = blocks.of(tangents[0][order])
    inner = primitives.triangular_solve(lower, da, True, False)
    inner = t(primitives.triangular_solve(upper, t(inner), False, True))
    d_lower, d_upper = mm(lower, np.tril(inner, -1)), mm(np.triu(inner), upper)
    if da_below is not None:
        rest = da_below - mm(l_below, d_upper)
        da_below = t(primitives.triangular_solve(upper, t(rest), False, True))
    if da_beside is not None:
        rest = da_beside - mm(d_lower, u_beside)
        da_beside = primitives.triangular_solve(lower, rest, True, False)
    return blocks.joined(d_lower + d_upper, da_below, da_beside), None, None


def _lu_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    if cts[0] is None:
        return (None,)
    packed, order, _ = site.results
    blocks = _Blocks(packed.shape)
    square, l_below, u_beside = blocks.of(packed)
    lower, upper = _triangles(square)
    ct, ct_below, ct_beside = blocks.of(cts[0])
    ct_lower, ct_upper = np.tril(ct, -1), np.triu(ct)
    if ct_below is not None:
        ct_below = t(primitives.triangular_solve(upper, t(ct_below), False, False))
        ct_upper = np.triu(ct_upper - mm(t(l_below), ct_below))
    if ct_beside is not None:
        ct_beside = primitives.triangular_solve(lower, ct_beside, True, True)
        ct_lower = np.tril(ct_lower - mm(ct_beside, t(u_beside)), -1)
    middle = np.tril(mm(t(lower), ct_lower), -1) + np.triu(mm(ct_upper, t(upper)))
    middle = primitives.triangular_solve(lower, middle, True, True)
    middle = t(primitives.triangular_solve(upper, t(middle), False, False))
    return (blocks.joined(middle, ct_below, ct_beside)[np.argsort(order)],)


register(
    Entry(
        "lu",
        lambda types: (
            types[0],
            ArrayType(INT, types[0].shape[:1]),
            ArrayType(np.dtype(np.int32), (minimum(*types[0].shape),)),
        ),
        _lu_meaning,
        Kernel("lu"),
        Rules(_lu_jvp, _lu_vjp),
    )
)


def _lu(a: Any) -> tuple[Tracer, Tracer, Tracer]:
    x = _for_routine(a, square=False)
    if x.ndim != 2:
        raise unsupported("an LU factorisation of a stack of matrices", "write a loop")
    found: tuple[Tracer, Tracer, Tracer] = emit_tracer("lu", x)
    return found


@implements(linalg.lu_factor)
def lu_factor(a: Any, **options: Any) -> tuple[Tracer, Tracer]:
    """``scipy.linalg.lu_factor``."""
    _plain(options)
    packed, _, pivots = _lu(a)
    return packed, pivots


@implements(linalg.lu_solve)
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, **options: Any) -> Tracer:
    """``scipy.linalg.lu_solve``."""
    _plain(options)
    if trans not in (0, 1, 2):
        raise unsupported(f"scipy.linalg.lu_solve with trans={trans}", "pass 0, 1 or 2")
    packed, pivots = (array_of(v) for v in lu_and_piv)
    lower, upper = _triangles(packed)
    order = _order_of(pivots)
    right = array_of(b)
    if not trans:
        first = solve_triangular(lower, right[order], lower=True)
        return solve_triangular(upper, first)
    first = solve_triangular(upper, right, trans=1)
    return solve_triangular(lower, first, trans=1, lower=True)[functions[np.argsort](order)]


def _order_of(pivots: Tracer) -> Tracer:
    """The permutation that a sequence of interchanges makes."""
    n = pivots.shape[0]
    if isinstance(n, Dim):
        raise unsupported("scipy.linalg.lu_solve of run-time size", "use np.linalg.solve")
    order: Any = Tracer(functions[np.arange](n).value, "array")
    for k in range(n):
        j = pivots[k]
        held = order[j], order[k]
        order[k], order[j] = held
    return order


@implements(linalg.lu)
def lu(a: Any, permute_l: bool = False, p_indices: bool = False, **options: Any) -> Any:
    """``scipy.linalg.lu``."""
    _plain(options)
    packed, order, _ = _lu(a)
    square, below, beside = _Blocks(packed.shape).of(packed)
    lower, upper = _triangles(square)
    if below is not None:
        lower = functions[np.concatenate]([lower, below], 0)
    if beside is not None:
        upper = functions[np.concatenate]([upper, beside], 1)
    back = cast(functions[np.argsort](order), np.int32)
    if permute_l:
        return lower[back], upper
    if p_indices:
        return back, lower, upper
    return functions[np.eye](packed.shape[0], dtype=packed.dtype)[back], lower, upper


# -- orthogonal and spectral -------------------------------------------------------------------------
@implements(linalg.qr)
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.qr`` without pivoting."""
    if pivoting or mode == "raw":
        raise unsupported("scipy.linalg.qr with pivoting or mode='raw'", "use np.linalg.qr")
    x = _for_routine(a, square=False)
    if 0 in x.shape and array_of(a).dtype.kind != "f":
        raise unsupported("scipy.linalg.qr of no integers", "pass floats")  # it returns integers
    square = equal(x.shape[-1], x.shape[-2])
    if mode == "r":
        if not square:
            raise unsupported("scipy.linalg.qr with mode='r' of a tall matrix", "use np.linalg.qr")
        return (functions[np.linalg.qr](x, "r"),)
    return tuple(
        functions[np.linalg.qr](x, "reduced" if mode == "economic" or square else "complete")
    )


@implements(linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, **options: Any) -> Any:
    """``scipy.linalg.svd``."""
    _plain(options)
    found = functions[np.linalg.svd](_for_routine(a, square=False), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@implements(linalg.svdvals)
def svdvals(a: Any, **options: Any) -> Tracer:
    """``scipy.linalg.svdvals``."""
    _plain(options)
    return functions[np.linalg.svd](_for_routine(a, square=False), compute_uv=False)


register(
    Entry(
        "symmetric_eigen",
        lambda types, upper=False: (ArrayType(types[0].dtype, types[0].shape[:-1]), types[0]),
        lambda a, upper=False: tuple(linalg.eigh(a, lower=not upper)),
        Kernel("symmetric_eigen"),
        eigh_rules,
    )
)
register(
    Entry(
        "symmetric_eigenvalues",
        lambda types, upper=False: (ArrayType(types[0].dtype, types[0].shape[:-1]),),
        lambda a, upper=False: linalg.eigvalsh(a, lower=not upper),
        Kernel("symmetric_eigenvalues"),
    )
)


# -- the matrix exponential ----------------------------------------------------------------------------
def _frechet(a: Any, direction: Any) -> Any:
    """The derivative of expm at ``a``: the corner of ``expm([[a, direction], [0, a]])``."""
    n = a.shape[-1]
    block = np.block([[a, direction], [np.zeros_like(a), a]])
    return expm(block)[:n, n:]


register(
    Entry(
        "expm",
        lambda types: (types[0],),
        exponential,
        Kernel("expm"),
        Rules(
            lambda site, tangents: (_frechet(site.operands[0], tangents[0]),),
            lambda site, cts: (_frechet(t(site.operands[0]), cts[0]),),
        ),
    )
)


@implements(linalg.expm)
def expm(A: Any) -> Tracer:
    """``scipy.linalg.expm`` of one matrix."""
    x = _square(A)
    if x.ndim != 2:
        raise unsupported("scipy.linalg.expm of a stack of matrices", "write a loop")
    result: Tracer = emit_tracer("expm", x)
    return result


# -- Sylvester equations and the matrix square root ------------------------------------------------------
def _sylvester(a: Any, b: Any, q: Any) -> Any:
    found: Any = emit_tracer("sylvester", a, b, q)
    return found


def _sylvester_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    a, b, _ = site.operands
    (x,) = site.results
    da, db, right = tangents
    if da is not None:
        right = -mm(da, x) if right is None else right - mm(da, x)
    if db is not None:
        right = -mm(x, db) if right is None else right - mm(x, db)
    return (_sylvester(a, b, right),)


def _sylvester_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    a, b, _ = site.operands
    (x,) = site.results
    ct_q = _sylvester(t(a), t(b), cts[0])
    return -mm(ct_q, t(x)), -mm(t(x), ct_q), ct_q


# a x + x b = q; source of the derivatives: implicit differentiation of the equation.
register(
    Entry(
        "sylvester",
        lambda types: (types[2],),
        lambda a, b, q: linalg.solve_sylvester(a, b, q),
        Kernel("sylvester"),
        Rules(_sylvester_jvp, _sylvester_vjp),
    )
)


@implements(linalg.solve_sylvester)
def solve_sylvester(a: Any, b: Any, q: Any) -> Tracer:
    """``scipy.linalg.solve_sylvester`` of real matrices."""
    left, right, middle = (float_matrix(v, square=False) for v in (a, b, q))
    dtype = np.result_type(left.dtype, right.dtype, middle.dtype)
    result: Tracer = _sylvester(*(cast(v, dtype) for v in (left, right, middle)))
    return result


@implements(linalg.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a: Any, q: Any) -> Tracer:
    """``scipy.linalg.solve_continuous_lyapunov``: ``a x + x a.T = q``."""
    x = _square(a)
    return solve_sylvester(x, t(x), q)


functions[linalg.solve_lyapunov] = solve_continuous_lyapunov


class IsComplex(ValueError):
    """A function of a real matrix is not real."""


def _sqrtm_meaning(a: Any) -> Any:
    root = linalg.sqrtm(a)
    if np.iscomplexobj(root):
        raise IsComplex("the square root of the matrix is complex")
    return np.asarray(root, a.dtype)


# y y = a, hence y dy + dy y = da.
register(
    Entry(
        "sqrtm",
        lambda types: (types[0],),
        _sqrtm_meaning,
        Kernel("sqrtm"),
        Rules(
            lambda site, tangents: (_sylvester(site.results[0], site.results[0], tangents[0]),),
            lambda site, cts: (_sylvester(t(site.results[0]), t(site.results[0]), cts[0]),),
        ),
    )
)


@implements(linalg.sqrtm)
def sqrtm(A: Any, **options: Any) -> Tracer:
    """``scipy.linalg.sqrtm`` of one matrix."""
    _plain(options)
    x = _square(A)
    if x.ndim != 2:
        raise unsupported("scipy.linalg.sqrtm of a stack of matrices", "write a loop")
    result: Tracer = emit_tracer("sqrtm", x)
    return result


# -- bands -----------------------------------------------------------------------------------------------
def _bands(lower: int, upper: int, n: Any) -> Iterator[tuple[int, Any, Any, Any]]:
    """Each band that a matrix of size n has: its place, start of its columns and of its rows, length."""
    for k in range(lower + upper + 1):
        offset = upper - k
        if not isinstance(n, int) or abs(offset) < n:
            yield k, max(offset, 0), max(-offset, 0), n - abs(offset)


def _band_product(ab: Any, x: Any, lower: int, upper: int) -> Any:
    """The banded matrix times the columns of ``x``."""
    n = x.shape[0]
    total = zeros(x.shape, x.dtype)
    for k, column, row, size in _bands(lower, upper, n):
        term = ab[k, column : column + size][:, None] * x[column : column + size]
        total = slice_add(total, term, (row, 0), (size, x.shape[1]), (1, 1))
    return total


def _band_transpose(ab: Any, lower: int, upper: int) -> Any:
    """The bands of the transposed matrix."""
    n = ab.shape[1]
    result = zeros(ab.shape, ab.dtype)
    for k, column, row, size in _bands(lower, upper, n):
        piece = slice_of(ab, (k, column), (1, size), (1, 1))
        result = slice_update(result, piece, (lower + upper - k, row), (1, size), (1, 1))
    return result


def _banded(ab: Any, b: Any, lower: int, upper: int) -> Any:
    return emit_tracer("solve_banded", ab, b, lower=lower, upper=upper)


def _banded_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    (ab, _), x, (dab, db) = site.operands, site.result, tangents
    lower, upper = site.attributes["lower"], site.attributes["upper"]
    right = db
    if dab is not None:
        moved = _band_product(dab, x, lower, upper)
        right = -moved if right is None else right - moved
    return (_banded(ab, right, lower, upper),)


def _banded_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    (ab, _), x = site.operands, site.result
    lower, upper = site.attributes["lower"], site.attributes["upper"]
    ct_b = _banded(_band_transpose(ab, lower, upper), cts[0], upper, lower)
    ct_ab = None
    if site.needed[0]:
        n = x.shape[0]
        ct_ab = zeros(ab.shape, ab.dtype)
        for k, column, row, size in _bands(lower, upper, n):
            term = -np.sum(ct_b[row : row + size] * x[column : column + size], axis=1)
            ct_ab = slice_update(ct_ab, term[None, :], (k, column), (1, size), (1, 1))
    return ct_ab, ct_b


register(
    Entry(
        "solve_banded",
        lambda types, lower, upper: (types[1],),
        lambda ab, b, lower, upper: linalg.solve_banded((lower, upper), ab, b),
        Kernel("solve_banded"),
        Rules(_banded_jvp, _banded_vjp),
    )
)


@implements(linalg.solve_banded)
def solve_banded(l_and_u: Any, ab: Any, b: Any, **options: Any) -> Tracer:
    """``scipy.linalg.solve_banded``."""
    _plain({k: v for k, v in options.items() if k != "overwrite_ab"})
    lower, upper = (int(n) for n in l_and_u)
    bands, right = array_of(ab), array_of(b)
    if not require_equal(bands.shape[-1], right.shape[0], "shapes of ab and b are not compatible."):
        raise shape_error("shapes of ab and b are not compatible.")
    if bands.shape[0] != lower + upper + 1:
        raise ValueError(
            f"invalid values for the number of lower and upper diagonals: l+u+1 ({lower + upper + 1}) "
            f"does not equal ab.shape[0] ({bands.shape[0]})"
        )
    dtype = np.result_type(bands.dtype, right.dtype, np.float32)
    if "f" not in (bands.dtype.kind, right.dtype.kind):
        dtype = np.dtype(np.float64)
    bands, right = cast(bands, dtype), cast(right, dtype)
    column: Any = right if right.ndim > 1 else right[:, None]
    result = _banded(bands, column, lower, upper)
    return result if right.ndim > 1 else result[:, 0]


@implements(linalg.solveh_banded)
def solveh_banded(ab: Any, b: Any, *args: Any, lower: bool = False, **options: Any) -> Tracer:
    """``scipy.linalg.solveh_banded``: the other bands are mirrored."""
    bands = array_of(ab)
    width = bands.shape[0] - 1
    if not isinstance(width, int) or args:
        raise unsupported("scipy.linalg.solveh_banded of this form", "use solve_banded")
    given: Any = cast(bands, np.result_type(bands.dtype, np.float32))
    rows = [given[k] for k in range(width + 1)]
    if lower:
        rows = rows[::-1]
    # Rows run from the outermost band to the diagonal; those below are the same, shifted.
    mirrored = []
    for k in range(width - 1, -1, -1):
        distance = width - k
        row = rows[k]
        if lower:
            mirrored.append(row)
            rows[k] = np.roll(row, distance)
        else:
            mirrored.append(np.roll(row, -distance))
    return solve_banded((width, width), functions[np.stack]([*rows, *mirrored]), b, **options)


# -- structured matrices -----------------------------------------------------------------------------------
@implements(linalg.block_diag)
def block_diag(*arrs: Any) -> Tracer:
    """``scipy.linalg.block_diag`` of matrices."""
    blocks = [functions[np.atleast_2d](array_of(a)) for a in arrs]
    if any(x.ndim > 2 for x in blocks):
        raise unsupported("scipy.linalg.block_diag of stacks of matrices", "write a loop")
    dtype = np.result_type(*[x.dtype for x in blocks])
    shape = (sum(x.shape[0] for x in blocks), sum(x.shape[1] for x in blocks))
    result: Any = Tracer(zeros(shape, dtype).value, "array")
    row, column = 0, 0
    for x in blocks:
        result[row : row + x.shape[0], column : column + x.shape[1]] = x
        row, column = row + x.shape[0], column + x.shape[1]
    return result


def _vector(x: Any) -> Tracer:
    array = array_of(x)
    if array.ndim > 1:
        raise unsupported("a structured matrix from more than a vector", "write a loop")
    return ravel(array)


@implements(linalg.toeplitz)
def toeplitz(c: Any, r: Any = None) -> Tracer:
    """``scipy.linalg.toeplitz``: element (i, j) depends on i - j."""
    first = _vector(c)
    row = first if r is None else _vector(r)
    values = functions[np.concatenate]([functions[np.flip](row[1:]), first])
    m, n = first.shape[0], row.shape[0]
    index: Any = line(m)[:, None] - line(n) + (n - 1)
    return values[index]


@implements(linalg.circulant)
def circulant(c: Any) -> Tracer:
    """``scipy.linalg.circulant``."""
    first = _vector(c)
    n = first.shape[0]
    index: Any = (line(n)[:, None] - line(n)) % n
    return first[index]


@implements(linalg.hankel)
def hankel(c: Any, r: Any = None) -> Tracer:
    """``scipy.linalg.hankel``: element (i, j) depends on i + j."""
    first = _vector(c)
    last = functions[np.zeros_like](first) if r is None else _vector(r)
    values = functions[np.concatenate]([first, last[1:]])
    index: Any = line(first.shape[0])[:, None] + line(last.shape[0])
    return values[index]


@implements(linalg.norm)
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, **options: Any
) -> Tracer:
    """``scipy.linalg.norm``: a Python float where SciPy asks BLAS or LAPACK."""
    _plain(options)
    x = as_array(a)
    result = functions[np.linalg.norm](x, ord, axis, keepdims)
    if x.dtype.char not in "fd" or axis is not None or keepdims or 0 in x.shape:
        return result
    of_vector = x.ndim == 1 and (ord is None or ord == 2)
    of_matrix = x.ndim == 2 and ord in (1, np.inf) and lies_in(x, "C") != lies_in(x, "F")
    return number(result, float) if of_vector or of_matrix else result


# -- numbers that are not finite ---------------------------------------------------------------------
# What SciPy looks into where ``check_finite`` is true, as it is by default; factors come in pairs with what they are.
_LOOKED_INTO = frozenset({"a", "b", "ab", "a_band", "A", "B", "d", "e", "c_or_cr"})
_FACTORS = frozenset({"c_and_lower", "cb_and_lower"})


def heed_finite() -> None:
    """Have the functions entered so far refuse what is not finite, where SciPy's refuse it."""
    for function, inner in list(functions.items()):
        module = getattr(function, "__module__", None)
        if isinstance(module, str) and module.startswith("scipy.linalg"):
            parameters = inspect.signature(function)
            if "check_finite" in parameters.parameters and not hasattr(inner, "__wrapped__"):
                functions[function] = _heeding(inner, parameters)


def _heeding(inner: Callable[..., Any], parameters: inspect.Signature) -> Callable[..., Any]:
    @functools.wraps(inner)
    def heeding(*args: Any, **options: Any) -> Any:
        given = parameters.bind(*args, **options).arguments
        if given.get("check_finite", True):
            for name, x in given.items():
                if name in _FACTORS:
                    _require_finite(x[0])
                elif name == "c_or_cr" and isinstance(x, tuple):
                    for vector in x:
                        _require_finite(vector)
                elif name in _LOOKED_INTO and x is not None:
                    _require_finite(x)
        return inner(*args, **options)

    return heeding


def _require_finite(x: Any) -> None:
    traced = isinstance(x, (Tracer, list, tuple))
    (functions[np.asarray_chkfinite] if traced else np.asarray_chkfinite)(x)


heed_finite()
