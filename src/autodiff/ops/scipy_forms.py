"""Forms of matrices under ``scipy.linalg``: Hessenberg, Schur, generalised Schur, RQ, LDL, balanced.

    schur(a; sort) -> (t, z)            a = z t zᵀ
    qz(a, b) -> (s, t, q, z)            a = q s zᵀ, b = q t zᵀ
    ldl(a) -> (l, d, permutation)       a = l d lᵀ

What an orthogonal factor may do to first order is turn: dz = z x, with x skew.  The elements below the
diagonal of ``dt = zᵀ da z - (x t - t x)`` stay 0, which are as many linear equations as x has
unknowns.  In a block of two of a real Schur form, which has a pair of complex eigenvalues, LAPACK
makes the diagonal constant: that is the equation of such a block.  The equations are solved as one
dense system of n(n-1)/2 unknowns.  Equal eigenvalues leave x open: such derivatives are refused at run time.

The Hessenberg form and the complete QR factorisation are made of reflections (:mod:`autodiff.ops.reflections`).

Source: G. Golub and C. Van Loan, *Matrix Computations* (2013), 5.1, 7.4, 7.7; M. Konstantinov, P. Petkov and
N. Christov, "Nonlocal perturbation analysis of the Schur system of a matrix" (1994).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.dims import equal
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops import complex_linalg
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_numbers import TABLE, from_pair, is_complex, joined
from autodiff.ops.complex_scipy_linalg import check_apart
from autodiff.ops.control import emit_refusal
from autodiff.ops.custom import stop
from autodiff.ops.decompositions import noise
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check
from autodiff.ops.linear_algebra import mm, t
from autodiff.ops.numpy_functions.linear_algebra import float_matrix
from autodiff.ops.python_numbers import number
from autodiff.ops.reflections import complete_qr, reduce_to_hessenberg
from autodiff.ops.scipy_linalg import _square, heed_finite
from autodiff.ops.scipy_linalg import qr as _thin_qr
from autodiff.ops.scipy_matrices import FUNCTIONS
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported


def _one(a: Any, name: str) -> Tracer:
    """One square matrix of a size that is known."""
    x = _square(a)
    if x.ndim != 2 or not isinstance(x.shape[0], int):
        raise unsupported(f"scipy.linalg.{name} of this form", "pass one matrix of fixed size")
    return x


# -- reflections ------------------------------------------------------------------------------------
@implements(linalg.hessenberg)
def hessenberg(
    a: Any, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.hessenberg``, of matrices that SciPy does not have to balance."""
    x = _one(a, "hessenberg")
    h, q = interpreted(reduce_to_hessenberg, x)
    return (h, q) if calc_q else h


@implements(linalg.qr)
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.qr``."""
    x: Any = float_matrix(a, square=False)
    if not pivoting and (mode == "economic" or x.ndim != 2 or equal(*x.shape)):
        return _thin_qr(a, mode=mode)
    m, n = x.shape
    if mode == "raw" or not (isinstance(m, int) and isinstance(n, int)):
        form = "in mode='raw'" if mode == "raw" else "of a matrix of run-time size"
        raise unsupported(f"scipy.linalg.qr {form}", "use mode='economic'")
    order = None
    if pivoting:
        order = emit_tracer("pivots", stop(x))
        x = x[:, order]
    if m <= n or mode == "economic":
        q, r = functions[np.linalg.qr](x)
    else:
        q, r = complete_qr(x)
    found = (r,) if mode == "r" else (q, r)
    return found if order is None else (*found, order)


register(
    Entry(
        "pivots",
        lambda types: (ArrayType(np.dtype(np.int32), types[0].shape[1:]),),
        lambda a: linalg.qr(a, mode="r", pivoting=True)[1],
        Kernel("pivots"),
        zero_derivative=True,
    )
)


@implements(linalg.rq)
def rq(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", check_finite: bool = True
) -> Any:  # fmt: skip
    """``scipy.linalg.rq``: the QR factors of the matrix that is turned about its other diagonal."""
    x: Any = float_matrix(a, square=False)
    m, n = x.shape[-2:]
    if x.ndim != 2 or mode not in ("full", "r", "economic") or not isinstance(m - n, int) or m > n:
        raise unsupported("scipy.linalg.rq of this form", "use scipy.linalg.qr")
    turned = t(x[::-1, ::-1])
    q, r = complete_qr(turned) if mode != "economic" and m < n else functions[np.linalg.qr](turned)
    upper, rows = t(r)[::-1, ::-1], t(q)[::-1, ::-1]
    return upper if mode == "r" else (upper, rows)


# -- equations of turns -----------------------------------------------------------------------------
class Turns:
    """The skew matrices of size n as vectors of their elements below the diagonal, and back."""

    def __init__(self, n: int) -> None:
        self.n = n
        rows, columns = np.tril_indices(n, -1)
        self.rows: Any = Tracer.constant(rows)
        self.columns: Any = Tracer.constant(columns)
        self.count = len(rows)
        self.places = np.full((n, n), self.count)  # of the elements; the last one is 0
        self.places[rows, columns] = np.arange(self.count)

    def lower(self, v: Any) -> Any:
        """The matrix with these elements below the diagonal."""
        longer = functions[np.concatenate]([v, functions[np.zeros](1, dtype=v.dtype)])
        return longer[Tracer.constant(self.places)]

    def skew(self, v: Any) -> Any:
        below = self.lower(v)
        return below - t(below)

    def vector(self, x: Any) -> Any:
        """What ``⟨skew(v), x⟩`` is the product of with ``v``."""
        return (x - t(x))[self.rows, self.columns]

    def images(self, s: Any, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Elements of ``x s`` and of ``s x``, a row for each, a column for each unknown of x."""
        i, j = self.rows, self.columns

        def same(a: Any, b: Any) -> Any:
            return np.equal(a[:, None], b).astype(s.dtype)

        first = same(rows, i) * t(s[j][:, columns]) - same(rows, j) * t(s[i][:, columns])
        second = same(columns, j) * s[rows][:, i] - same(columns, i) * s[rows][:, j]
        return first, second


def _blocks(s: Any, turns: Turns) -> Any:
    """Of the elements below the diagonal, which are in a block of two."""
    beside: Any = np.equal(turns.rows - turns.columns, 1)
    return beside & np.not_equal(s[turns.rows, turns.columns], 0)


def _refuse_open(open_: Any, name: str) -> None:
    error = DerivativeError(
        f"derivatives of the factors of scipy.linalg.{name} where eigenvalues are equal, or of a block "
        "that is a rotation: the factors turn freely there.",
        code="AD305",
        source=current_builder().source,
        remedy="write the function of the matrix without its factors (scipy.linalg.expm, sqrtm, "
        "np.linalg.eigvals)",
    )
    emit_refusal(open_.value, error)


def _solve(a: Any, b: Any) -> Any:
    return functions[np.linalg.solve](a, b)


# -- the Schur form ---------------------------------------------------------------------------------
def _refuse_equal(s: Any, turns: Turns, block: Any) -> None:
    """Where two eigenvalues are equal, to what is known of them, or a block commutes with turns."""
    w = from_pair(emit_tracer("real_eig", stop(s))[0], "array")
    near = noise(np.abs(w))
    gaps = np.abs(w[:, None] - w) + np.eye(turns.n) * 1e300
    apart = np.abs(s[turns.rows, turns.columns] + s[turns.columns, turns.rows])
    turning = block & (apart <= near)
    _refuse_open(functions[np.any](gaps <= near) | functions[np.any](turning), "schur")


def _chosen(s: Any, block: Any, turns: Turns) -> Any:
    """What stays 0: elements below the diagonal; of a block the difference on the diagonal."""
    r, c = turns.rows, turns.columns
    return np.where(block, s[r, r] - s[c, c], s[r, c])


def _placed(v: Any, block: Any, turns: Turns) -> Any:
    """The adjoint of :func:`_chosen`."""
    below = turns.lower(np.where(block, 0.0, v))
    beside = turns.lower(np.where(block, v, 0.0))
    main = functions[np.sum](beside, 1) - functions[np.sum](beside, 0)
    return below + functions[np.diag](main)


def _schur_system(s: Any, turns: Turns, block: Any) -> Any:
    r, c = turns.rows, turns.columns
    at = [a - b for a, b in (turns.images(s, x, y) for x, y in ((r, c), (r, r), (c, c)))]
    return np.where(block[:, None], at[1] - at[2], at[0])


def _schur_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    s, z = site.results[:2]
    turns = Turns(s.shape[0])
    block = _blocks(s, turns)
    _refuse_equal(s, turns, block)
    moved = mm(mm(t(z), tangents[0]), z)
    x = turns.skew(_solve(_schur_system(s, turns, block), _chosen(moved, block, turns)))
    return moved - (mm(x, s) - mm(s, x)), mm(z, x)


def _schur_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    s, z = site.results[:2]
    turns = Turns(s.shape[0])
    block = _blocks(s, turns)
    _refuse_equal(s, turns, block)
    ct_s = functions[np.zeros_like](s) if cts[0] is None else cts[0]
    ct_x = -(mm(ct_s, t(s)) - mm(t(s), ct_s))
    if cts[1] is not None:
        ct_x = ct_x + mm(t(z), cts[1])
    found = _solve(t(_schur_system(s, turns, block)), turns.vector(ct_x))
    return (mm(mm(z, ct_s + _placed(found, block, turns)), t(z)),)


register(
    Entry(
        "schur",
        lambda types, sort: (types[0], types[0]),
        lambda a, sort: linalg.schur(a, sort=sort)[:2],
        Kernel("schur"),
        Rules(_schur_jvp, _schur_vjp),
    )
)


@implements(linalg.schur)
def schur(
    a: Any, output: str = "real", lwork: Any = None, overwrite_a: bool = False, sort: Any = None,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.schur``, the real form."""
    x = _one(a, "schur")
    if output not in ("real", "r") or sort not in (None, "lhp", "rhp", "iuc", "ouc"):
        raise unsupported("scipy.linalg.schur of this form", "leave out output= and sort=")
    form, basis = emit_tracer("schur", x, sort=sort)
    if sort is None:
        return form, basis
    w = from_pair(emit_tracer("real_eig", stop(form))[0], "array")
    inside: Any = {
        "lhp": lambda: w.real < 0, "rhp": lambda: w.real >= 0,
        "iuc": lambda: np.abs(w) <= 1, "ouc": lambda: np.abs(w) > 1,
    }[sort]()  # fmt: skip
    return form, basis, number(functions[np.sum](inside), int)


# -- the generalised Schur form -----------------------------------------------------------------------
def _qz_equations(s: Any, u: Any, turns: Turns, block: Any) -> Any:
    """The system of the turns of both factors: of s below the diagonal, then of t.

    Of a block of two, whose element of s is free, t stays 0 above the diagonal too.
    """
    r, c = turns.rows, turns.columns

    def of(matrix: Any, rows: Any, columns: Any) -> Any:
        left, right = turns.images(matrix, rows, columns)
        return functions[np.concatenate]([left, -right], -1)

    first = np.where(block[:, None], of(u, c, r), of(s, r, c))
    return functions[np.concatenate]([first, of(u, r, c)], 0)


def _refuse_singular(system: Any) -> None:
    values = functions[np.linalg.svd](stop(system), compute_uv=False)
    size = float(np.finfo(system.dtype).eps) * 64 * system.shape[0]
    _refuse_open(functions[np.any](values[-1] <= size * values[0]), "qz")


def _qz_parts(site: Site) -> tuple[Any, ...]:
    s, u, q, z = site.results
    turns = Turns(s.shape[0])
    block = _blocks(s, turns)
    system = _qz_equations(s, u, turns, block)
    _refuse_singular(system)
    return s, u, q, z, turns, block, system


def _qz_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    s, u, q, z, turns, block, system = _qz_parts(site)
    r, c = turns.rows, turns.columns
    zero = functions[np.zeros_like](s)
    da, db = (zero if d is None else mm(mm(t(q), d), z) for d in tangents)
    first = np.where(block, db[c, r], da[r, c])
    found = _solve(system, functions[np.concatenate]([first, db[r, c]]))
    x, y = turns.skew(found[: turns.count]), turns.skew(found[turns.count :])
    ds, du = (d - (mm(x, m) - mm(m, y)) for d, m in ((da, s), (db, u)))
    return ds, du, mm(q, x), mm(z, y)


def _qz_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    s, u, q, z, turns, block, system = _qz_parts(site)
    zero = functions[np.zeros_like](s)
    ct_s, ct_u, ct_q, ct_z = (zero if ct is None else ct for ct in cts)
    ct_x = mm(t(q), ct_q) - mm(ct_s, t(s)) - mm(ct_u, t(u))
    ct_y = mm(t(z), ct_z) + mm(t(s), ct_s) + mm(t(u), ct_u)
    both = functions[np.concatenate]([turns.vector(ct_x), turns.vector(ct_y)])
    found = _solve(t(system), both)
    first, second = found[: turns.count], found[turns.count :]
    ct_a = ct_s + turns.lower(np.where(block, 0.0, first))
    above = t(turns.lower(np.where(block, first, 0.0)))
    ct_b = ct_u + turns.lower(second) + above
    return tuple([mm(mm(q, ct), t(z)) for ct in (ct_a, ct_b)])


def _qz_meaning(a: Any, b: Any, sort: str | None = None) -> Any:
    if sort is None:
        return tuple(linalg.qz(a, b))
    s, u, _, _, q, z = linalg.ordqz(a, b, sort=sort)
    return s, u, q, z


register(
    Entry(
        "qz",
        lambda types, sort=None: (types[0],) * 4,
        _qz_meaning,
        Kernel("qz"),
        Rules(_qz_jvp, _qz_vjp),
    )
)


@implements(linalg.qz)
def qz(
    A: Any, B: Any, output: str = "real", lwork: Any = None, sort: Any = None,
    overwrite_a: bool = False, overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.qz``, the real form."""
    a, b = _one(A, "qz"), _one(B, "qz")
    if output not in ("real", "r") or sort is not None or a.dtype != b.dtype:
        raise unsupported("scipy.linalg.qz of this form", "leave out output= and sort=")
    found: tuple[Any, ...] = emit_tracer("qz", a, b)
    return found


@implements(linalg.ordqz)
def ordqz(
    A: Any, B: Any, sort: Any = "lhp", output: str = "real", overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.ordqz``, the real form, of matrices with real eigenvalues."""
    a, b = _one(A, "ordqz"), _one(B, "ordqz")
    if output not in ("real", "r") or not isinstance(sort, str) or a.dtype != b.dtype:
        raise unsupported(
            "scipy.linalg.ordqz of this form", "leave out output=, and name the order"
        )
    s, u, q, z = emit_tracer("qz", a, b, sort=sort)
    turns = Turns(s.shape[0])
    if bool(functions[np.any](_blocks(s, turns))):  # of which LAPACK scales α and β
        raise unsupported("scipy.linalg.ordqz with a pair of complex eigenvalues", "use qz")
    alpha, beta = functions[np.diagonal](s), functions[np.diagonal](u)
    return s, u, joined(alpha, functions[np.zeros_like](alpha), "array"), beta, q, z


# -- L D Lᵀ -------------------------------------------------------------------------------------------
def _ldl_parts(site: Site) -> tuple[Any, ...]:
    lower, d, order = site.results
    turns = Turns(d.shape[0])
    block = turns.lower(_blocks(d, turns).astype(d.dtype))  # below the diagonal
    beside = block + t(block) + functions[np.eye](d.shape[0], dtype=d.dtype)
    below = np.tril(functions[np.ones_like](d), -1) - block
    return lower, d, order, beside, below


def _ldl_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    lower, d, _, beside, below = _ldl_parts(site)
    inner = t(_solve(lower, t(_solve(lower, tangents[0]))))
    return mm(lower, t(_solve(d, t(inner * below)))), inner * beside, None


def _ldl_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    lower, d, _, beside, below = _ldl_parts(site)
    inner = functions[np.zeros_like](d)
    if cts[0] is not None:
        inner = inner + t(_solve(d, t(mm(t(lower), cts[0])))) * below
    if cts[1] is not None:
        inner = inner + cts[1] * beside
    return (t(_solve(t(lower), t(_solve(t(lower), inner)))),)


register(
    Entry(
        "ldl",
        lambda types: (types[0], types[0], ArrayType(INT, types[0].shape[:1])),
        lambda a: tuple(linalg.ldl(a)),
        Kernel("ldl"),
        Rules(_ldl_jvp, _ldl_vjp),
    )
)


@implements(linalg.ldl)
def ldl(
    A: Any, lower: bool = True, hermitian: bool = True, overwrite_a: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.ldl`` of a symmetric matrix, of which the lower triangle is read."""
    x: Any = _one(A, "ldl")
    if not lower:
        raise unsupported("scipy.linalg.ldl with lower=False", "pass the transposed matrix")
    below: Any = np.tril(x, -1)
    found: tuple[Any, ...] = emit_tracer("ldl", np.tril(x) + t(below))
    return found


# -- balancing ------------------------------------------------------------------------------------------
def _balance_meaning(a: Any, permute: bool, scale: bool) -> Any:
    _, (scales, order) = linalg.matrix_balance(a, permute=permute, scale=scale, separate=True)
    return np.asarray(scales, a.dtype), np.asarray(order, np.int64)


# Scales are powers of two and jump.
register(
    Entry(
        "balance",
        lambda types, permute, scale: (
            ArrayType(types[0].dtype, types[0].shape[:1]),
            ArrayType(INT, types[0].shape[:1]),
        ),
        _balance_meaning,
        Kernel("balance"),
        zero_derivative=True,
    )
)


@implements(linalg.matrix_balance)
def matrix_balance(
    A: Any, permute: bool = True, scale: bool = True, separate: bool = False,
    overwrite_a: bool = False,
) -> Any:  # fmt: skip
    """``scipy.linalg.matrix_balance``."""
    x: Any = _one(A, "matrix_balance")
    scales, order = emit_tracer("balance", stop(x), permute=bool(permute), scale=bool(scale))
    balanced = x[order][:, order] * (1 / scales)[:, None] * scales
    if separate:
        return balanced, (scales, order)
    back = functions[np.argsort](order)
    return balanced, functions[np.diag](scales)[back]


# -- functions of general matrices ------------------------------------------------------------------------
_REAL = 1e6 * float(np.finfo(np.float64).eps)  # what SciPy takes for the rounding of 0


@implements(linalg.funm)
def funm(A: Any, func: Callable[..., Any], disp: bool = True) -> Any:
    """``scipy.linalg.funm`` of a matrix with eigenvectors, by these; real where SciPy makes it so."""
    if not disp:
        raise unsupported("scipy.linalg.funm with disp=False", "leave it out")
    x = _one(A, "funm")
    values, vectors = complex_linalg.eig_results(x)
    check_apart(x, values)
    found = np.matmul(vectors * func(values), complex_linalg.inv(vectors))
    return found.real if bool(functions[np.all](np.abs(found.imag) <= _REAL)) else found


# -- angles between subspaces ---------------------------------------------------------------------------
def _span(a: Any) -> Any:
    """An orthonormal basis of the columns of a matrix of full rank, as ``scipy.linalg.orth`` gives it."""
    x: Any = a if is_complex(a) else float_matrix(a, square=False)
    if x.ndim != 2 or not all(isinstance(n, int) for n in x.shape):
        raise unsupported(
            "scipy.linalg.subspace_angles of this form", "pass matrices of fixed size"
        )
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    tiny = float(np.finfo(s.dtype).eps) * max(x.shape)
    check(np.min(s) > tiny * np.max(s), "a matrix of full rank")
    return u


@implements(linalg.subspace_angles)
def subspace_angles(A: Any, B: Any) -> Any:
    """``scipy.linalg.subspace_angles``: by the sine where the cosine is near 1."""
    first, second = _span(A), _span(B)
    if first.shape[0] != second.shape[0]:
        raise ValueError(
            f"A and B must have the same number of rows, got {first.shape[0]} and {second.shape[0]}"
        )
    both: Any = np.swapaxes(first, 0, 1).conj() @ second
    cosines = np.linalg.svd(both, compute_uv=False)
    if first.shape[1] >= second.shape[1]:
        apart = second - first @ both
    else:
        apart = first - second @ np.swapaxes(both, 0, 1).conj()
    near = cosines**2 >= 0.5
    sines = np.linalg.svd(apart, compute_uv=False)
    by_sine = np.arcsin(np.clip(np.where(near, sines, 0.0), -1.0, 1.0))
    return np.where(
        near, by_sine, np.arccos(np.clip(np.where(near, 0.0, cosines[::-1]), -1.0, 1.0))
    )


TABLE[linalg.subspace_angles] = subspace_angles


# -- stacks of matrices -----------------------------------------------------------------------------------
def _each(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one matrix, of the matrices along leading axes."""

    def stacked(A: Any, *options: Any, **more: Any) -> Any:
        if is_complex(A):
            return function(A, *options, **more)
        x: Any = float_matrix(A)
        if x.ndim == 2 or not all(isinstance(n, int) for n in x.shape[:-2]) or 0 in x.shape:
            return function(A, *options, **more)
        found = [
            function(x[index], *options, **more) for index in np.ndindex(*map(int, x.shape[:-2]))
        ]
        joined: Any = functions[np.stack](found)
        return np.reshape(joined, (*x.shape[:-2], *joined.shape[1:]))

    return stacked


for _scipy in (linalg.expm, linalg.sqrtm, *map(FUNCTIONS.get, ("cosm", "sinm", "tanm"))):
    implements(_scipy)(_each(functions[_scipy]))

heed_finite()

__all__ = ["funm", "hessenberg", "ldl", "qr", "qz", "rq", "schur", "subspace_angles"]
