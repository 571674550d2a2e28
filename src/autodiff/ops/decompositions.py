"""Spectral and orthogonal decompositions.

    eigh(a) -> (w, v)           of the symmetric matrix whose lower triangle is read
    svd(a) -> (u, s, vh)        thin: k = min(m, n) columns
    qr(a) -> (q, r)             reduced, m >= n
    pseudo_inverse(a; rcond)

The leading axes are batch axes.  Eigenvectors and singular vectors have derivatives only where
the eigenvalues or singular values are distinct; derivatives of the values alone do not need that.
Rules: M. Giles, "Collected matrix derivative results" (2008); J. Townsend, "Differentiating the
singular value decomposition" (2016); S. Walter and L. Lehmann, "Algorithmic differentiation of
linear algebra functions with application in optimum experimental design" (2010), for QR;
G. Golub and V. Pereyra, "The differentiation of pseudo-inverses" (1973).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import Extent
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.linear_algebra import mm, t
from autodiff.ops.tracer import emit_tracer


def _diagonal(x: Any) -> Any:
    return np.diagonal(x, axis1=-2, axis2=-1)


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


def _inverse_gaps(w: Any) -> Any:
    """``1 / (w_j - w_i)`` off the diagonal, 0 on it."""
    gaps = w[..., None, :] - w[..., :, None]
    same = (
        np.eye(w.shape[-1], dtype=bool)
        if isinstance(w.shape[-1], int)
        else _symbolic_eye(w.shape[-1])
    )
    return np.where(same, 0.0, 1 / np.where(same, 1.0, gaps)).astype(w.dtype)


def _symbolic_eye(n: Extent) -> Any:
    line = emit_tracer("iota", size=n, dtype=np.dtype(np.int64))
    return np.equal(line[:, None], line)


# -- symmetric eigenvalues ------------------------------------------------------------------------
def _eigh_rule(types: Any) -> tuple[ArrayType, ...]:
    (a,) = types
    return ArrayType(a.dtype, a.shape[:-1]), ArrayType(a.dtype, a.shape)


def _eigh_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    w, v = site.results
    da = np.tril(tangents[0]) + t(np.tril(tangents[0], -1))
    inner = mm(mm(t(v), da), v)
    return _diagonal(inner), mm(v, _inverse_gaps(w) * inner)


def _eigh_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    w, v = site.results
    ct_w, ct_v = cts
    total: Any = None
    if ct_w is not None:
        total = mm(v * ct_w[..., None, :], t(v))
    if ct_v is not None:
        total = _plus(total, mm(mm(v, _inverse_gaps(w) * mm(t(v), ct_v)), t(v)))
    # Only the lower triangle is read: the cotangent of the upper one is folded onto it.
    return (np.tril(total) + np.tril(t(total), -1),)


eigh_rules = Rules(_eigh_jvp, _eigh_vjp)
register(
    Entry(
        "eigh",
        _eigh_rule,
        lambda a: tuple(np.linalg.eigh(a)),
        Kernel("eigh"),
        eigh_rules,
    )
)


# -- singular values ------------------------------------------------------------------------------
def _svd_rule(types: Any) -> tuple[ArrayType, ...]:
    (a,) = types
    *lead, m, n = a.shape
    k = n if m >= n else m
    return (
        ArrayType(a.dtype, (*lead, m, k)),
        ArrayType(a.dtype, (*lead, k)),
        ArrayType(a.dtype, (*lead, k, n)),
    )


def _svd_meaning(a: Any) -> Any:
    return tuple(np.linalg.svd(a, full_matrices=False))


def _outside(u: Any, x: Any) -> Any:
    """The part of ``x`` outside of the columns of ``u``."""
    return x - mm(u, mm(t(u), x))


def _svd_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    u, s, vh = site.results
    v, da = t(vh), tangents[0]
    inner = mm(mm(t(u), da), v)
    column, row = s[..., :, None], s[..., None, :]
    gaps = _inverse_gaps(s * s)
    du = mm(u, gaps * (inner * row + column * t(inner)))
    dv = mm(v, gaps * (column * inner + t(inner) * row))
    m, n = site.operands[0].shape[-2:]
    if m > n:
        du = du + _outside(u, mm(da, v)) / row
    if n > m:
        dv = dv + _outside(v, mm(t(da), u)) / row
    return du, _diagonal(inner), t(dv)


def _svd_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    u, s, vh = site.results
    v = t(vh)
    ct_u, ct_s, ct_vh = cts
    row, column = s[..., None, :], s[..., :, None]
    total: Any = None
    if ct_s is not None:
        total = mm(u * ct_s[..., None, :], vh)
    if ct_u is not None or ct_vh is not None:
        gaps = _inverse_gaps(s * s)
        m, n = site.operands[0].shape[-2:]
    if ct_u is not None:
        inner = mm(t(u), ct_u)
        total = _plus(total, mm(mm(u, gaps * (inner - t(inner)) * row), vh))
        if m > n:
            total = total + mm(_outside(u, ct_u) / row, vh)
    if ct_vh is not None:
        ct_v = t(ct_vh)
        inner = mm(t(v), ct_v)
        total = _plus(total, mm(mm(u, column * gaps * (inner - t(inner))), vh))
        if n > m:
            total = total + mm(u, t(_outside(v, ct_v) / row))
    return (total,)


register(Entry("svd", _svd_rule, _svd_meaning, Kernel("svd"), Rules(_svd_jvp, _svd_vjp)))


# -- QR -------------------------------------------------------------------------------------------
def _qr_rule(types: Any) -> tuple[ArrayType, ...]:
    (a,) = types
    *lead, m, n = a.shape
    k = n if m >= n else m
    return ArrayType(a.dtype, (*lead, m, k)), ArrayType(a.dtype, (*lead, k, n))


def _over_r(x: Any, r: Any) -> Any:
    """``x r^-1``."""
    return t(emit_tracer("triangular_solve", r, t(x), lower=False, transposed=True))


def _tall_only(site: Site) -> None:
    m, n = site.operands[0].shape[-2:]
    if not m >= n:
        from autodiff.errors import DerivativeError

        raise DerivativeError(
            "np.linalg.qr of a matrix with fewer rows than columns has no derivative",
            remedy="factorise the transposed matrix",
        )


def _qr_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    _tall_only(site)
    q, r = site.results
    scaled = _over_r(tangents[0], r)
    inner = mm(t(q), scaled)
    lower = np.tril(inner, -1)
    rotation = lower - t(lower)
    return mm(q, rotation) + scaled - mm(q, inner), mm(inner - rotation, r)


def _qr_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    _tall_only(site)
    q, r = site.results
    ct_q, ct_r = cts
    inner: Any = None
    if ct_r is not None:
        inner = mm(r, t(ct_r))
    if ct_q is not None:
        inner = _plus(inner, -mm(t(ct_q), q))
    symmetric = np.tril(inner) + t(np.tril(inner, -1))
    total = _plus(ct_q, mm(q, symmetric))
    # total r^-T
    return (t(emit_tracer("triangular_solve", r, t(total), lower=False, transposed=False)),)


register(
    Entry("qr", _qr_rule, lambda a: tuple(np.linalg.qr(a)), Kernel("qr"), Rules(_qr_jvp, _qr_vjp))
)


# -- pseudo-inverse -------------------------------------------------------------------------------
def _pinv_rule(types: Any, rcond: float | None) -> tuple[ArrayType, ...]:
    (a,) = types
    return (ArrayType(a.dtype, (*a.shape[:-2], a.shape[-1], a.shape[-2])),)


def _pinv_jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    a, p, da = site.operands[0], site.result, tangents[0]
    first = mm(mm(p, da), p)
    second = mm(mm(p, t(p)), t(da))
    third = mm(t(da), mm(t(p), p))
    return (-first + second - mm(mm(second, a), p) + third - mm(p, mm(a, third)),)


def _pinv_vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    a, p, ct = site.operands[0], site.result, cts[0]
    # The transposes of the three terms of the jvp, in order; a p and p a are symmetric.
    first = mm(mm(t(p), ct), t(p))
    spread = mm(t(ct), mm(p, t(p)))
    second = spread - mm(a, mm(p, spread))
    spread = mm(mm(t(p), p), t(ct))
    third = spread - mm(mm(spread, p), a)
    return (-first + second + third,)


register(
    Entry(
        "pseudo_inverse",
        _pinv_rule,
        lambda a, rcond: np.linalg.pinv(a, rcond) if rcond is not None else np.linalg.pinv(a),
        Kernel("pseudo_inverse"),
        Rules(_pinv_jvp, _pinv_vjp),
    )
)
