"""Forms of complex matrices under ``scipy.linalg``: Hessenberg, Schur, generalised Schur, LDL.

    hessenberg(a) -> (h, q)      a = q h qᴴ, by reflections, which say every phase
    schur(a) -> (t, z)           a = z t zᴴ
    qz(a, b) -> (s, t, q, z)     a = q s zᴴ, b = q t zᴴ, the diagonal of t real
    ldl(a) -> (l, d, order)      a = l d lᴴ, or l d lᵀ

To first order a unitary factor turns: dz = z x, with x skew-Hermitian.  That dt stays 0 below the diagonal are
linear equations for the elements of x below its own, as for real matrices in :mod:`autodiff.ops.scipy_forms`.
The diagonal of x are the phases of the columns of z: LAPACK's iteration leaves some that no equation tells, so
that a result has a derivative if it does not depend on them.  Reverse mode sees whether it does, and
refuses it at run time; forward mode could not see it.

Source: G. Golub and C. Van Loan, *Matrix Computations* (2013), 4.4, 7.4, 7.7; M. Konstantinov, P. Petkov and
N. Christov, "Nonlocal perturbation analysis of the Schur system of a matrix" (1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops import complex_linalg
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_factors import _heed, _one, _right, _solve
from autodiff.ops.complex_linalg import _given, _h, _pair, _register, _t
from autodiff.ops.complex_numbers import (
    NOT_HOLOMORPHIC,
    as_complex,
    decline,
    from_pair,
    plain,
)
from autodiff.ops.control import emit_refusal
from autodiff.ops.custom import stop
from autodiff.ops.decompositions import noise
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.fourier import in_pairs, whole
from autodiff.ops.function_table import functions
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check
from autodiff.ops.python_numbers import number
from autodiff.ops.reflections import reduce_complex_to_hessenberg
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer

Matrix = Any


def _of_size(a: Any, name: str) -> Matrix:
    """One square matrix of a size that is known, of complex numbers."""
    z = _one(a, name)
    if not isinstance(z.shape[0], int):
        raise decline(f"scipy.linalg.{name} of run-time size")
    return z


def hessenberg(a: Any, calc_q: bool = False, **options: Any) -> Any:
    """``scipy.linalg.hessenberg``."""
    _heed("hessenberg", options)
    z = _of_size(a, "hessenberg")
    n = z.shape[0]
    if not n:
        raise decline("scipy.linalg.hessenberg of nothing")
    if n <= 2:  # SciPy returns what it is given
        return (z, functions[np.eye](n)) if calc_q else z
    h, q = interpreted(reduce_complex_to_hessenberg, z)
    return (h, q) if calc_q else h


# -- phases that nothing tells ------------------------------------------------------------------------
_REMEDY = (
    "use the columns only in combinations that are the same for every phase, such as moduli and "
    "projectors, or write the function of the matrix without its factors (np.linalg.eigvals, scipy.linalg.expm)"
)


def no_phases_in_forward_mode(name: str) -> DerivativeError:
    """The error of tangents of columns with phases of LAPACK's own."""
    return DerivativeError(
        f"the columns of scipy.linalg.{name} of complex matrices have phases of LAPACK's own, and no "
        "derivative in forward mode.",
        code="AD305",
        source=current_builder().source,
        remedy="use reverse mode (autodiff.gradient, autodiff.vjp)",
    )


def refuse_phases(turns: Any, sizes: Any, name: str) -> None:
    """Refuse at run time where a result changes as columns are multiplied by numbers of modulus 1."""
    error = DerivativeError(
        f"the columns of scipy.linalg.{name} of complex matrices have phases of LAPACK's own, and the "
        "result depends on them.",
        code="AD305",
        source=current_builder().source,
        remedy=_REMEDY,
    )
    limit = float(np.finfo(sizes.dtype).eps) ** 0.5
    turn: Any = np.max(np.abs(turns), initial=0.0)
    emit_refusal((turn > limit * np.max(sizes, initial=0.0)).value, error)


def _refuse_equal(near: Any, name: str) -> None:
    error = DerivativeError(
        f"derivatives of the factors of scipy.linalg.{name} where eigenvalues are equal: the factors "
        "turn freely there.",
        code="AD305",
        source=current_builder().source,
        remedy="write the function of the matrix without its factors (scipy.linalg.expm, sqrtm, "
        "np.linalg.eigvals)",
    )
    emit_refusal(near.value, error)


class _Turns:
    """Elements below the diagonal as vectors, and what turns by them do to triangular matrices."""

    def __init__(self, n: int) -> None:
        self.at = np.tril_indices(n, -1)
        places = np.full((n, n), len(self.at[0]))  # of the elements; the last one is 0
        places[self.at] = np.arange(len(self.at[0]))
        self.places = Tracer.constant(places)
        rows, columns = self.at
        self.same_rows = Tracer.constant(np.equal.outer(rows, rows))
        self.same_columns = Tracer.constant(np.equal.outer(columns, columns))

    def vector(self, x: Matrix) -> Any:
        """The elements below the diagonal."""
        rows, columns = (Tracer.constant(i) for i in self.at)
        return x[rows, columns]

    def lower(self, v: Any) -> Matrix:
        """The matrix with these elements below the diagonal."""
        return np.concatenate([v, v[:1] * 0])[self.places]

    def images(self, s: Matrix) -> tuple[Any, Any]:
        """Elements below the diagonal of ``x s`` and of ``s x``, a column for each one of x."""
        rows, columns = self.at
        first = s[Tracer.constant(columns[None, :]), Tracer.constant(columns[:, None])]
        second = s[Tracer.constant(rows[:, None]), Tracer.constant(rows[None, :])]
        return first * self.same_rows, second * self.same_columns


def _below(ct_x: Matrix) -> Matrix:
    """What a skew-Hermitian matrix with given elements below its diagonal is multiplied with."""
    return ct_x - _h(ct_x)


def _phases(ct_x: Matrix) -> Any:
    return np.diagonal(ct_x).imag


def _phased_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The cotangent of the same columns with other phases."""
    value, exact = _given(site.result), _given(site.operands[1])
    ct = _given(cts[0])
    refuse_phases(np.sum(np.conj(value) * ct, 0).imag, np.abs(ct), site.attributes["name"])
    turn = np.sum(np.conj(value) * exact, 0)
    # Not taken as a constant: what is made of it does not depend on phases either.
    return None, _pair(ct * turn / np.abs(turn))


register(
    Entry(
        "phased",
        lambda types, name: (types[0],),
        lambda value, exact, name: value,
        Kernel("phased"),
        Rules(lambda site, tangents: _no_tangents(site), _phased_vjp),
    )
)


def _no_tangents(site: Site) -> Sequence[Any]:
    raise no_phases_in_forward_mode(site.attributes["name"])


def phased(value: Matrix, exact: Matrix, name: str) -> Matrix:
    """Columns with the derivative of others, which are the same but for their phases."""
    pairs = [plain(as_complex(z).pair) for z in (value, exact)]
    return from_pair(emit_tracer("phased", *pairs, name=name), "array")


# -- the Schur form -----------------------------------------------------------------------------------
def _schur_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    t, z = (_given(x) for x in site.results)
    w = np.diagonal(t)
    n = w.shape[0]
    gaps = np.abs(w[:, None] - w[None, :]) + np.eye(n) * 1e300
    _refuse_equal(np.any(gaps <= noise(np.abs(w))), "schur")
    ct_t, ct_z = (_given(ct) for ct in cts)
    ct_t = t * 0 if ct_t is None else np.triu(ct_t)
    ct_x = _h(t) @ ct_t - ct_t @ _h(t)
    size = np.abs(ct_t) @ np.abs(_h(t))
    if ct_z is not None:
        ct_x = ct_x + _h(z) @ ct_z
        size = size + np.abs(_h(z)) @ np.abs(ct_z)
    refuse_phases(_phases(ct_x), size, "schur")
    turns = _Turns(n)
    left, right = turns.images(t)
    found = _solve(_h(left - right), turns.vector(_below(ct_x)))
    return (_pair(z @ (ct_t + turns.lower(found)) @ _h(z)),)


def _schur_meaning(pair: Any, sort: str | None) -> Any:
    t, z = linalg.schur(whole(pair), output="complex", sort=sort)[:2]
    return in_pairs(t), in_pairs(z)


def _refusing(name: str) -> Any:
    def refuse(site: Site, tangents: tuple[Any, ...]) -> Sequence[Any]:
        raise no_phases_in_forward_mode(name)

    return refuse


_register(
    "complex_schur",
    lambda types, sort: (types[0], types[0]),
    _schur_meaning,
    _refusing("schur"),
    _schur_vjp,
)


_INSIDE: dict[str, Any] = {
    "lhp": lambda w: w.real < 0, "rhp": lambda w: w.real >= 0,
    "iuc": lambda w: np.abs(w) <= 1, "ouc": lambda w: np.abs(w) > 1,
}  # fmt: skip


def schur(
    a: Any, output: str = "real", lwork: Any = None, overwrite_a: bool = False, sort: Any = None,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.schur``, the complex form."""
    z = _of_size(a, "schur")
    if output not in ("real", "r", "complex", "c") or sort not in (None, *_INSIDE) or not z.size:
        raise decline("scipy.linalg.schur of this form")
    found = emit_tracer("complex_schur", plain(z.pair), sort=sort)
    t, basis = (from_pair(x, "array") for x in found)
    if sort is None:
        return t, basis
    return t, basis, number(functions[np.sum](_INSIDE[sort](np.diagonal(t))), int)


# -- the generalised Schur form -----------------------------------------------------------------------
def _qz_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    s, t, q, z = (_given(x) for x in site.results)
    ct_s, ct_t, ct_q, ct_z = (None if ct is None else _given(ct) for ct in cts)
    ct_s = s * 0 if ct_s is None else np.triu(ct_s)
    ct_t = t * 0 if ct_t is None else np.triu(ct_t)
    # ds = da - x s + s y, dt = db - x t + t y, with x and y the turns of q and z.
    ct_x = -(ct_s @ _h(s) + ct_t @ _h(t))
    ct_y = _h(s) @ ct_s + _h(t) @ ct_t
    size = np.abs(ct_s) @ np.abs(_h(s)) + np.abs(ct_t) @ np.abs(_h(t))
    if ct_q is not None:
        ct_x, size = ct_x + _h(q) @ ct_q, size + np.abs(_h(q)) @ np.abs(ct_q)
    if ct_z is not None:
        ct_y, size = ct_y + _h(z) @ ct_z, size + np.abs(_h(z)) @ np.abs(ct_z)
    refuse_phases(_phases(ct_x) + _phases(ct_y), size, "qz")
    # The phases of q and z differ by what keeps the diagonal of t real.
    diagonal = np.diagonal(t).real
    none: Any = np.any(diagonal <= noise(np.abs(diagonal)))
    _refuse_equal(none, "qz")
    apart = np.diag(1j * _phases(ct_x) / diagonal)
    ct_t, ct_x, ct_y = ct_t + apart, ct_x - apart @ _h(t), ct_y + _h(t) @ apart
    turns = _Turns(s.shape[0])
    rows = [np.concatenate([a, -b], 1) for a, b in (turns.images(s), turns.images(t))]
    system = np.concatenate(rows, 0)
    values: Any = complex_linalg.svdvals(stop_complex(system))
    least = float(np.finfo(values.dtype).eps) * 64 * s.shape[0]
    _refuse_equal(np.any(values[-1:] <= least * values[:1]), "qz")
    both = np.concatenate([turns.vector(_below(ct_x)), turns.vector(_below(ct_y))])
    found = _solve(_h(system), both)
    count = both.shape[0] // 2
    ct_a, ct_b = ct_s + turns.lower(found[:count]), ct_t + turns.lower(found[count:])
    return tuple([_pair(q @ ct @ _h(z)) for ct in (ct_a, ct_b)])


def stop_complex(z: Matrix) -> Matrix:
    """A complex array without its derivative."""
    return from_pair(stop(plain(z.pair)), "array")


def _qz_meaning(a: Any, b: Any, sort: str | None) -> Any:
    a, b = whole(a), whole(b)
    if sort is None:
        found = linalg.qz(a, b, output="complex")
    else:
        s, t, _, _, q, z = linalg.ordqz(a, b, sort=sort, output="complex")
        found = s, t, q, z
    return tuple(in_pairs(x) for x in found)


_register("complex_qz", lambda types, sort: (types[0],) * 4, _qz_meaning, _refusing("qz"), _qz_vjp)


def _qz_of(name: str, A: Any, B: Any, output: str, sort: str | None) -> tuple[Any, ...]:
    a, b = _of_size(A, name), _of_size(B, name)
    if output not in ("real", "r", "complex", "c") or a.dtype != b.dtype or not a.size:
        raise decline(f"scipy.linalg.{name} of this form")
    found = emit_tracer("complex_qz", plain(a.pair), plain(b.pair), sort=sort)
    return tuple([from_pair(x, "array") for x in found])


def qz(
    A: Any, B: Any, output: str = "real", lwork: Any = None, sort: Any = None,
    overwrite_a: bool = False, overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.qz``, the complex form."""
    if sort is not None:
        raise decline("scipy.linalg.qz with sort=")
    return _qz_of("qz", A, B, output, None)


def ordqz(
    A: Any, B: Any, sort: Any = "lhp", output: str = "real", overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.ordqz``, the complex form."""
    if sort not in _INSIDE:
        raise decline("scipy.linalg.ordqz by a function")
    s, t, q, z = _qz_of("ordqz", A, B, output, sort)
    return s, t, np.diagonal(s), np.diagonal(t), q, z


# -- L D Lᴴ -------------------------------------------------------------------------------------------
def _ldl_parts(site: Site) -> tuple[Any, ...]:
    """Both factors, what the first one is on the right, and where each of them may change."""
    factor, d = _given(site.results[0]), _given(site.results[1])
    n = d.shape[0]
    lower, hermitian = site.attributes["lower"], site.attributes["hermitian"]
    apart = (d.real != 0) | (d.imag != 0)
    block = (np.tril if lower else np.triu)(apart, -1 if lower else 1)
    beside = block | _t(block) | np.eye(n, dtype=bool)
    side = np.tril(np.ones((n, n)), -1) if lower else np.triu(np.ones((n, n)), 1)
    return factor, d, (_h if hermitian else _t)(factor), beside * 1.0, side * (1.0 - block)


def _ldl_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    factor, d, right, beside, side = _ldl_parts(site)
    inner = _right(right, _solve(factor, _given(tangents[0])))
    return _pair(factor @ _right(d, inner * side)), _pair(inner * beside), None


def _ldl_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    factor, d, right, beside, side = _ldl_parts(site)
    inner = d * 0
    if cts[0] is not None:
        inner = inner + _right(_h(d), _h(factor) @ _given(cts[0])) * side
    if cts[1] is not None:
        inner = inner + _given(cts[1]) * beside
    return (_pair(_solve(_h(factor), _right(_h(right), inner))),)


def _ldl_meaning(pair: Any, lower: bool, hermitian: bool) -> Any:
    factor, d, order = linalg.ldl(whole(pair), lower=lower, hermitian=hermitian)
    return in_pairs(factor), in_pairs(d), order


_register(
    "complex_ldl",
    lambda types, **how: (types[0], types[0], ArrayType(INT, types[0].shape[:1])),
    _ldl_meaning,
    _ldl_jvp,
    _ldl_vjp,
)


def ldl(A: Any, lower: bool = True, hermitian: bool = True, **options: Any) -> Any:
    """``scipy.linalg.ldl``, of which one triangle is read."""
    _heed("ldl", options)
    z = _of_size(A, "ldl")
    if not z.size:
        raise decline("scipy.linalg.ldl of nothing")
    lower, hermitian = bool(lower), bool(hermitian)
    if hermitian:
        is_real: Any = np.all(np.diagonal(z).imag == 0)
        check(is_real, "a diagonal that is not real, of which SciPy warns")
        matrix = complex_linalg._hermitian(z if lower else _h(z))
    else:
        half, rest = (np.tril(z), np.tril(z, -1)) if lower else (np.triu(z), np.triu(z, 1))
        matrix = half + _t(rest)
    found: Any = emit_tracer("complex_ldl", plain(matrix.pair), lower=lower, hermitian=hermitian)
    factor, d = (from_pair(x, "array") for x in found[:2])
    return factor, d, Tracer(found[2].value, "array")


NOT_HOLOMORPHIC.update((linalg.hessenberg, linalg.schur, linalg.qz, linalg.ordqz, linalg.ldl))
FORMS = (hessenberg, schur, qz, ordqz, ldl)

__all__ = ["FORMS", "hessenberg", "ldl", "ordqz", "phased", "qz", "schur"]
