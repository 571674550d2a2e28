"""Spectral and orthogonal decompositions.

    eigh(a; upper) -> (w, v)    of the symmetric matrix whose lower (upper) triangle is read
    svd(a) -> (u, s, vh)        thin: k = min(m, n) columns
    svd_rest(a, basis) -> rest     the vectors that complete u, or the transposed vh, to a basis
    eigh_turned(w, v, da; upper) -> (v, equal)    the basis in which ``da`` is diagonal, of the
    svd_turned(u, s, vh, da) -> (u, vh, equal)    span of each set of equal values
    qr(a) -> (q, r)             reduced, m >= n
    pseudo_inverse(a; rcond) -> (p, s)    with the singular values; "sizes": the rounding of the larger size

The leading axes are batch axes.  Eigenvectors and singular vectors have derivatives only where
the eigenvalues or singular values are distinct; derivatives of the values alone do not need that.
Where some are equal a smooth function of the matrix still has a derivative; how it is found is in
``autodiff.differentiate.spectra``.
Rules: M. Giles, "Collected matrix derivative results" (2008); J. Townsend, "Differentiating the
singular value decomposition" (2016); S. Walter and L. Lehmann, "Algorithmic differentiation of
linear algebra functions with application in optimum experimental design" (2010), for QR;
G. Golub and V. Pereyra, "The differentiation of pseudo-inverses" (1973); Yu. Daletskii and S. Krein,
"Integration and differentiation of functions of Hermitian operators" (1965), where values are cut off.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, maximum, minimum
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops.builder import current_builder
from autodiff.ops.control import emit_cond, emit_refusal
from autodiff.ops.entries import Entry, Kernel, Partials, Pointwise, Rules, Site, register
from autodiff.ops.linear_algebra import mm, t
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer


def _diagonal(x: Any) -> Any:
    return np.diagonal(x, axis1=-2, axis2=-1)


def _h(x: Any) -> Any:
    """The transpose; of a complex matrix the conjugate one."""
    return t(x) if x.dtype.kind == "f" else t(x).conj()


def _times(a: Any, b: Any) -> Any:
    """The product of real, or of complex, matrices."""
    return mm(a, b) if a.dtype.kind == "f" else a @ b


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _inverse(w: Any, table: Any) -> Any:
    """``1 / table`` for pairs of values, 0 where the table is 0 to what is known of them."""
    none = np.abs(table) <= noise(w)[..., None]
    return np.where(none, 0.0, 1 / np.where(none, 1.0, table)).astype(w.dtype)


def noise(w: Any) -> Any:
    """How well LAPACK knows eigenvalues or singular values: to the last bits of the largest."""
    epsilon = float(np.finfo(w.dtype).eps)
    n = w.shape[-1]
    size: Any = as_tracer(n) if isinstance(n, Dim) else n
    return 8 * size * epsilon * np.max(np.abs(w), axis=-1, keepdims=True, initial=0.0)


def _inverse_gaps(w: Any) -> Any:
    """``1 / (w_j - w_i)`` for pairs of different values."""
    return _inverse(w, w[..., None, :] - w[..., :, None])


def _symbolic_eye(n: Extent) -> Any:
    line = emit_tracer("iota", size=n, dtype=np.dtype(np.int64))
    return np.equal(line[:, None], line)


# -- bases of the spans of equal values -------------------------------------------------------------
def _sets(w: Any) -> list[slice]:
    """Where neighbours in a monotonous vector are equal, to what is known of them."""
    close = np.abs(np.diff(w)) <= noise(w)
    sets, start = [], 0
    for k in range(1, len(w) + 1):
        if k == len(w) or not close[k - 1]:
            if k - start > 1:
                sets.append(slice(start, k))
            start = k
    return sets


def _each(stacks: tuple[Any, ...], turn: Any) -> Any:
    """Apply ``turn`` to each matrix of some stacks, in place; whether any was turned."""
    lead = stacks[0].shape[:-1] if stacks[0].ndim < stacks[1].ndim else stacks[0].shape[:-2]
    found = False
    for index in np.ndindex(*lead):
        found |= turn(*[x[index] for x in stacks])
    return np.asarray(found)


def eigh_turned(w: Any, v: Any, da: Any, upper: bool) -> Any:
    """The basis in which ``da`` is diagonal, of arrays; whether it is another."""
    v = np.array(v)

    def turn(w: Any, v: Any, da: Any) -> bool:
        sets = _sets(w)
        for equal in sets:
            basis = v[:, equal]
            below = np.tril(da, -1)
            hermitian = below + below.conj().T + np.diag(np.diag(da).real)
            inner = basis.conj().T @ hermitian @ basis
            v[:, equal] = basis @ np.linalg.eigh(inner)[1]
        return bool(sets)

    return v, _each((w, v, np.swapaxes(da, -1, -2) if upper else da), turn)


def svd_turned(u: Any, s: Any, vh: Any, da: Any) -> Any:
    """The bases in which ``da`` is diagonal, of arrays; whether they are others."""
    u, vh = np.array(u), np.array(vh)

    def turn(s: Any, u: Any, vh: Any, da: Any) -> bool:
        tiny = s <= noise(s)
        sets = _sets(s)
        last = len(s) - 1
        if tiny.any() and not (sets and sets[-1].stop > last):
            sets.append(slice(last, last + 1))  # the sign, or the phase, of a 0 by itself
        for equal in sets:
            left, right = u[:, equal], vh[equal]
            inner = left.conj().T @ da @ right.conj().T
            if tiny[equal].all():
                # The two sides turn by themselves.
                p, _, qh = np.linalg.svd(inner)
                u[:, equal], vh[equal] = left @ p, qh @ right
            else:
                turned = np.linalg.eigh(inner + inner.conj().T)[1]
                u[:, equal], vh[equal] = left @ turned, turned.conj().T @ right
        return bool(sets)

    found = _each((s, u, vh, da), turn)
    return u, vh, found


FLAG = ArrayType(np.dtype(bool), ())


def turned_rules(operands: tuple[int, ...], count: int) -> Rules:
    """The derivative of the vectors that were turned, which are none where nothing is equal."""

    def push(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
        _refuse(site.results[-1])
        return (*[tangents[k] for k in operands], None)

    def pull(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
        _refuse(site.results[-1])
        found: list[Any] = [None] * count
        for k, ct in zip(operands, cts, strict=False):
            found[k] = ct
        return tuple(found)

    return Rules(push, pull)


register(
    Entry(
        "eigh_turned",
        lambda types, upper: (types[1], FLAG),
        eigh_turned,
        Kernel("eigh_turned"),
        turned_rules((1,), 3),
    )
)
register(
    Entry(
        "svd_turned",
        lambda types: (types[0], types[2], FLAG),
        svd_turned,
        Kernel("svd_turned"),
        turned_rules((0, 2), 4),
    )
)


def _refuse(equal: Any) -> None:
    """Raise at run time where values are equal, for what has first derivatives only."""
    error = DerivativeError(
        "second derivatives of eigenvectors or singular vectors where eigenvalues or singular "
        "values are equal.",
        code="AD305",
        source=current_builder().source,
        remedy="write the function of the matrix without its vectors (scipy.linalg.expm, "
        "np.linalg.inv, matrix_power), or take its first derivatives only",
    )
    emit_refusal(equal.value, error)


def _first_order_partial(y: Any, x: Any, equal: Any) -> float:
    _refuse(equal)
    return 1.0


register(
    Entry(
        "first_order",
        lambda types: (types[0],),
        lambda x, equal: np.asarray(x),
        Pointwise(lambda s, x, equal: x),
        Partials((_first_order_partial, None)),
    )
)


# -- symmetric eigenvalues ------------------------------------------------------------------------
def _eigh_rule(types: Any, upper: bool = False) -> tuple[ArrayType, ...]:
    a = types[0]
    return ArrayType(a.dtype, a.shape[:-1]), ArrayType(a.dtype, a.shape)


def _eigh_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    w, v = site.results[:2]
    da = t(tangents[0]) if site.attributes.get("upper") else tangents[0]
    da = np.tril(da) + t(np.tril(da, -1))
    inner = mm(mm(t(v), da), v)
    return _diagonal(inner), mm(v, _inverse_gaps(w) * inner)


def _eigh_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    w, v = site.results
    skew = None if cts[1] is None else _inverse_gaps(w) * antisymmetric(mm(t(v), cts[1]))
    return eigh_pull(site, cts[0], skew)


def antisymmetric(x: Any) -> Any:
    """``(x - xᴴ) / 2``: what of the cotangent of vectors, in their own basis, counts."""
    return 0.5 * (x - _h(x))


def eigh_whole(v: Any, ct_w: Any, skew: Any) -> Any:
    """The cotangent of the whole matrix, from those of eigenvalues and of turns between eigenvectors."""
    total: Any = None
    if ct_w is not None:
        total = _times(v * ct_w[..., None, :], _h(v))
    if skew is not None:
        total = _plus(total, _times(_times(v, skew), _h(v)))
    return total


def eigh_pull(site: Site, ct_w: Any, skew: Any) -> tuple[Any, ...]:
    """The cotangent of the matrix of which one triangle is read."""
    total = eigh_whole(site.results[1], ct_w, skew)
    # Only the lower triangle is read: the cotangent of the upper one is folded onto it.
    folded = np.tril(total) + np.tril(t(total), -1)
    return (t(folded) if site.attributes.get("upper") else folded,)


def _eigh_meaning(a: Any, upper: bool = False) -> Any:
    return tuple(np.linalg.eigh(a, "U" if upper else "L"))


eigh_rules = Rules(_eigh_jvp, _eigh_vjp)
register(Entry("eigh", _eigh_rule, _eigh_meaning, Kernel("eigh"), eigh_rules))
# Of a program that is not differentiated any more, see ``passes.dead``.
register(
    Entry(
        "eigenvalues",
        lambda types, upper=False: _eigh_rule(types)[:1],
        lambda a, upper=False: np.linalg.eigvalsh(a, "U" if upper else "L"),
        Kernel("eigenvalues"),
    )
)


# -- singular values ------------------------------------------------------------------------------
def _svd_rule(types: Any) -> tuple[ArrayType, ...]:
    (a,) = types
    *lead, m, n = a.shape
    k = minimum(m, n)
    return (
        ArrayType(a.dtype, (*lead, m, k)),
        ArrayType(a.dtype, (*lead, k)),
        ArrayType(a.dtype, (*lead, k, n)),
    )


def _svd_meaning(a: Any) -> Any:
    return tuple(np.linalg.svd(a, full_matrices=False))


def _outside(u: Any, x: Any) -> Any:
    """The part of ``x`` outside of the columns of ``u``."""
    return x - _times(u, _times(_h(u), x))


def _pairs(s: Any) -> tuple[Any, Any]:
    """``1 / (s_j - s_i)`` and ``1 / (s_j + s_i)``, 0 where that is infinite.

    Not ``1 / (s_j**2 - s_i**2)``: what is infinite where two are equal is apart from what is not.
    """
    return _inverse_gaps(s), _inverse(s, s[..., None, :] + s[..., :, None])


def _svd_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    """Tangents of the factors; nothing turns within the span of equal singular values."""
    u, s, vh = site.results[:3]
    v, da = _h(vh), tangents[0]
    inner = _times(_times(_h(u), da), v)
    gaps, sums = _pairs(s)
    even, odd = 0.5 * gaps * (inner + _h(inner)), 0.5 * sums * (inner - _h(inner))
    du, dv = _times(u, even + odd), _times(v, even - odd)
    row = s[..., None, :]
    m, n = site.operands[0].shape[-2:]
    if m > n:
        du = du + _outside(u, _times(da, v)) / row
    if n > m:
        dv = dv + _outside(v, _times(_h(da), u)) / row
    ds = _diagonal(inner)
    return du, ds if ds.dtype.kind == "f" else ds.real, _h(dv)


def _svd_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    if cts[0] is None and cts[2] is None:
        return svd_pull(site, cts[1], None, None, None)
    s = site.results[1]
    both, apart, outside = svd_turns(site, cts[0], cts[2])
    gaps, sums = _pairs(s)
    if outside is not None:
        outside = outside / s[..., None, :]
    return svd_pull(site, cts[1], gaps * both, sums * apart, outside)


def svd_turns(site: Site, ct_u: Any, ct_vh: Any) -> tuple[Any, Any, Any]:
    """Cotangents of turns: of both sides alike, against each other, and out of the columns."""
    u, _, vh = site.results
    m, n = site.operands[0].shape[-2:]
    of_u = None if ct_u is None else antisymmetric(_times(_h(u), ct_u))
    of_v = None if ct_vh is None else antisymmetric(_times(vh, _h(ct_vh)))
    outside = None
    if ct_u is not None and m > n:
        outside = _outside(u, ct_u)
    if ct_vh is not None and n > m:
        outside = _outside(_h(vh), _h(ct_vh))
    return _plus(of_u, of_v), _plus(of_u, None if of_v is None else -of_v), outside


def svd_pull(site: Site, ct_s: Any, both: Any, apart: Any, outside: Any) -> tuple[Any, ...]:
    """The cotangent of the matrix, from those of singular values and of turns of vectors."""
    u, _, vh = site.results
    m, n = site.operands[0].shape[-2:]
    total: Any = None
    if ct_s is not None:
        total = _times(u * ct_s[..., None, :], vh)
    if both is not None:
        total = _plus(total, _times(_times(u, both + apart), vh))
    if outside is not None:
        total = total + (_times(outside, vh) if m > n else _times(u, _h(outside)))
    return (total,)


svd_rules = Rules(_svd_jvp, _svd_vjp)  # of the factors of a complex matrix as well
register(Entry("svd", _svd_rule, _svd_meaning, Kernel("svd"), svd_rules))
register(
    Entry(
        "singular_values",
        lambda types: _svd_rule(types)[1:2],
        np.linalg.svdvals,
        Kernel("singular_values"),
    )
)


# Of a matrix that is not square, the vectors that complete those of the thin form to a basis.  They
# turn against the others as the matrix changes; how they turn among themselves is nobody's choice.
def _svd_rest_rule(types: Any) -> tuple[ArrayType, ...]:
    a, basis = types
    *lead, size, k = basis.shape
    return (ArrayType(a.dtype, (*lead, size, size - k)),)


def _svd_rest_meaning(a: Any, basis: Any) -> Any:
    u, s, vh = np.linalg.svd(a)
    k = s.shape[-1]
    return u[..., k:] if a.shape[-2] > k else np.swapaxes(vh[..., k:, :], -1, -2)


def _svd_rest_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    (rest,), basis, tangent = site.results, site.operands[1], tangents[1]
    if tangent is None:
        return (None,)
    if rest.shape[-1] == 1:  # one vector has no other to turn against
        return (-mm(basis, mm(t(tangent), rest)),)
    raise no_rest_in_forward_mode()


def no_rest_in_forward_mode() -> DerivativeError:
    """The error of tangents of vectors that complete a basis."""
    return DerivativeError(
        "the singular vectors that complete a basis have no derivative in forward mode.",
        code="AD305",
        source=current_builder().source,
        remedy="give full_matrices=False, or use reverse mode (autodiff.gradient, autodiff.vjp)",
    )


def _svd_rest_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    (rest,), basis, ct = site.results, site.operands[1], cts[0]
    inner = mm(t(rest), ct)
    refuse_chosen_rest(np.abs(inner - t(inner)), np.abs(inner))
    return None, -mm(rest, mm(t(ct), basis))


def refuse_chosen_rest(turns: Any, sizes: Any) -> None:
    """Refuse at run time where a result changes as the vectors that complete a basis turn among themselves."""
    turn: Any = np.max(turns, initial=0.0)
    size: Any = np.max(sizes, initial=0.0)
    error = DerivativeError(
        "the singular vectors that complete a basis have no derivative, and the result depends on "
        "which were chosen.",
        code="AD305",
        source=current_builder().source,
        remedy="give full_matrices=False, or use these vectors only in combinations that are the "
        "same for every basis of their span, such as the projector on it",
    )
    epsilon = float(np.finfo(sizes.dtype).eps)
    emit_refusal((turn > epsilon**0.5 * size).value, error)


register(
    Entry(
        "svd_rest",
        _svd_rest_rule,
        _svd_rest_meaning,
        Kernel("svd_rest"),
        Rules(_svd_rest_jvp, _svd_rest_vjp),
    )
)


# -- QR -------------------------------------------------------------------------------------------
def _qr_rule(types: Any) -> tuple[ArrayType, ...]:
    (a,) = types
    *lead, m, n = a.shape
    k = minimum(m, n)
    return ArrayType(a.dtype, (*lead, m, k)), ArrayType(a.dtype, (*lead, k, n))


def _over_r(x: Any, r: Any) -> Any:
    """``x r^-1``."""
    return t(emit_tracer("triangular_solve", r, t(x), lower=False, transposed=True))


def _split(site: Site, *arrays: Any) -> tuple[Any, ...]:
    """The columns that make q, of a, r and other arrays, and the rest of them; None where there is none."""
    m, n = site.operands[0].shape[-2:]
    k = site.results[0].shape[-1]
    given = (site.operands[0], site.results[1], *arrays)
    if isinstance(m, int) and isinstance(n, int) and m >= n:
        return (*given, *(None for _ in given))
    # Of a size that is known at run time only the rest may have no columns.
    first = [None if x is None else x[..., :k] for x in given]
    return (*first, *(None if x is None else x[..., k:] for x in given))


def _qr_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    _, r, da, beside, _, da_beside = _split(site, tangents[0])
    q = site.results[0]
    scaled = _over_r(da, r)
    inner = mm(t(q), scaled)
    lower = np.tril(inner, -1)
    rotation = lower - t(lower)
    dq, dr = mm(q, rotation) + scaled - mm(q, inner), mm(inner - rotation, r)
    if beside is None:
        return dq, dr
    return dq, np.concatenate([dr, mm(t(dq), beside) + mm(t(q), da_beside)], -1)


def _qr_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    _, r, ct_r, beside, _, ct_beside = _split(site, cts[1])
    q, ct_q = site.results[0], cts[0]
    if ct_beside is not None:
        ct_q = _plus(ct_q, mm(beside, t(ct_beside)))
    inner: Any = None
    if ct_r is not None:
        inner = mm(r, t(ct_r))
    if ct_q is not None:
        inner = _plus(inner, -mm(t(ct_q), q))
    symmetric = np.tril(inner) + t(np.tril(inner, -1))
    total = _plus(ct_q, mm(q, symmetric))
    # total r^-T
    ct = t(emit_tracer("triangular_solve", r, t(total), lower=False, transposed=False))
    if beside is None:
        return (ct,)
    rest = np.zeros_like(beside) if ct_beside is None else mm(q, ct_beside)
    return (np.concatenate([ct, rest], -1),)


register(
    Entry("qr", _qr_rule, lambda a: tuple(np.linalg.qr(a)), Kernel("qr"), Rules(_qr_jvp, _qr_vjp))
)


# -- pseudo-inverse -------------------------------------------------------------------------------
def _pinv_rule(types: Any, rcond: float | str | None) -> tuple[ArrayType, ...]:
    (a,) = types
    inverse = ArrayType(a.dtype, (*a.shape[:-2], a.shape[-1], a.shape[-2]))
    return inverse, _svd_rule(types)[1]


def _pinv_meaning(a: Any, rcond: Any) -> Any:
    """``np.linalg.pinv``, step by step, with the singular values it finds on the way."""
    if rcond is None:
        rcond = 1e-15
    elif rcond == "sizes":
        rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps
    if not a.size:
        return np.swapaxes(a, -1, -2), np.linalg.svdvals(a)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    large = s > np.asarray(rcond)[..., None] * np.max(s, axis=-1, keepdims=True)
    factors = np.where(large, np.divide(1, s, where=large, out=np.zeros_like(s)), 0)
    inverse = np.matmul(np.swapaxes(vh, -1, -2), factors[..., None] * np.swapaxes(u, -1, -2))
    return inverse.astype(a.dtype, copy=False), s


def _pinv_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    a, p, da = site.operands[0], site.result, tangents[0]
    first = mm(mm(p, da), p)
    second = mm(mm(p, t(p)), t(da))
    third = mm(t(da), mm(t(p), p))
    dp = -first + second - mm(mm(second, a), p) + third - mm(p, mm(a, third))
    u, _, vh = emit_tracer("svd", a)
    return dp + t(_of_what_is_cut_off(site, da)), _diagonal(mm(mm(t(u), da), t(vh)))


def _of_what_is_cut_off(site: Site, d: Any) -> Any:
    """What singular values that are cut off although they are not 0 add to the derivative.

    With such values, sigma_j, the pseudo-inverse is that of the matrix of the others, sigma_i, whose
    spaces turn into those of the values cut off.  By the theorem of Daletskii and Krein (1965) for
    f(x) = 1/x, 0 where x is cut off, of the matrix [[0, a], [a', 0]], to d = u e v' belongs

        (e_ji + e_ij sigma_j / sigma_i) / (sigma_i^2 - sigma_j^2)    at ji, and the same at ij transposed,

    of which the formula for values of 0 has e_ji / sigma_i^2 already.  The map is its own transpose.
    """
    a, p, rcond = site.operands[0], site.result, site.attributes["rcond"]
    left = np.abs(a - mm(mm(a, p), a))
    exact = 1e3 * float(np.finfo(a.dtype).eps)  # of less the formula for 0 is right to rounding
    builder, blocks = current_builder(), []
    for is_cut in (True, False):
        with builder.region() as block:
            found = _turned_spaces(a, d, rcond) if is_cut else np.zeros_like(d)
            block.outputs = [found.value]
        blocks.append(block)
    if any(isinstance(n, int) and n == 0 for n in a.shape):
        return np.zeros_like(d)
    some = np.max(left) > exact * np.max(np.abs(a))
    (result,) = emit_cond(some.value, *blocks)
    return Tracer(result, "array")


def _turned_spaces(a: Any, d: Any, rcond: Any) -> Any:
    u, s, vh = emit_tracer("svd", a)
    if rcond == "sizes":
        size: Any = as_tracer(maximum(*a.shape[-2:]))
        rcond = size * float(np.finfo(a.dtype).eps)
    is_large = s > s[..., :1] * (1e-15 if rcond is None else rcond)
    large, small = s[..., :, None], s[..., None, :]
    pair = is_large[..., :, None] & ~is_large[..., None, :]
    large, small = np.where(pair, large, 1.0), np.where(pair, small, 0.0)
    gap = (large - small) * (large + small)
    same, turned = (small / large) ** 2 / gap, small / large / gap
    e = mm(mm(t(u), d), t(vh))
    return mm(mm(u, (same + t(same)) * e + (turned + t(turned)) * t(e)), vh)


def _pinv_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    a, p, (ct, ct_s) = site.operands[0], site.result, cts
    of_values: Any = None
    if ct_s is not None:
        u, _, vh = emit_tracer("svd", a)
        of_values = mm(u * ct_s[..., None, :], vh)
    if ct is None:
        return (of_values,)
    # The transposes of the three terms of the jvp, in order; a p and p a are symmetric.
    first = mm(mm(t(p), ct), t(p))
    spread = mm(t(ct), mm(p, t(p)))
    second = spread - mm(a, mm(p, spread))
    spread = mm(mm(t(p), p), t(ct))
    third = spread - mm(mm(spread, p), a)
    return (_plus(-first + second + third + _of_what_is_cut_off(site, t(ct)), of_values),)


register(
    Entry(
        "pseudo_inverse",
        _pinv_rule,
        _pinv_meaning,
        Kernel("pseudo_inverse"),
        Rules(_pinv_jvp, _pinv_vjp),
    )
)
