"""Determinants and adjugates, with derivatives at singular matrices too.

    determinant(a)      det' in the direction E is tr(adj(a) E)                    (Jacobi, 1841)
    adjugate(a)         det(a) inverse(a); where a is singular, of a block form
    singular_bases(a) -> (left, right, lead, rest, pick, fill, scale)               for the block form

The adjugate is a polynomial of the elements, finite where the inverse is not: of rank one at rank
n - 1, zero below.  Orthogonal matrices with ``left a right = b`` and det(left) det(right) = 1 put the
three smallest singular values last; with them *constant*, b is linear in a, and by blocks of n - 3
and 3 rows

    b = [p q; r w],   c = w - r inverse(p) q,   det(b) = det(p) det(c)
    adj(b) = det(p) (det(c) p⁻ + (1 - p⁻ b) m (1 - b p⁻)),   p⁻ = inverse(p) and m = adj(c), in their blocks

p is regular and adj(c) a polynomial, so this is the adjugate near a as well, and so are its derivatives.  Where p
is singular too, the rank is at most n - 4, and the determinant and its first three derivatives are zero.

First derivatives use the block form at matrices that are exactly singular: otherwise determinant and inverse come
from one factorisation, which is exact for a matrix nearby.  Further ones use it from a condition number of 1e8 on, as
differences of products with the inverse cancel.  Not here: fourth derivatives at rank n - 4 and below, which are taken to be zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType
from autodiff.ops.builder import current_builder
from autodiff.ops.control import emit_cond
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.linear_algebra import mm, t
from autodiff.ops.smooth import derived_as
from autodiff.ops.tracer import Tracer, emit_tracer

_LARGE_CONDITION = 1e8
_LAST = 3  # singular values in the block that may be singular


# -- bases, constant in derivatives -----------------------------------------------------------------
def _bases_rule(types: Any) -> tuple[ArrayType, ...]:
    (a,) = types
    *batch, n, _ = a.shape
    ends = ((n, n), (n, n), (n,), (n, n), (_LAST, n), (_LAST, _LAST), ())
    return tuple([ArrayType(a.dtype, (*batch, *end)) for end in ends])


def _bases_meaning(a: Any) -> tuple[Any, ...]:
    *batch, n, _ = a.shape
    u, s, vh = np.linalg.svd(a)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vh)) if a.size else np.ones(batch)
    left = np.swapaxes(u, -1, -2).copy()
    left[..., :1, :] *= sign[..., None, None]
    few = min(n, _LAST)
    lead = np.broadcast_to(np.arange(n) < n - few, (*batch, n)).copy()
    scale = np.ones(batch, a.dtype)
    if n > _LAST:
        tiny = s[..., n - _LAST - 1] <= n * np.finfo(a.dtype).eps * s[..., 0]
        lead &= ~tiny[..., None]
        scale = np.where(tiny, 0.0, 1.0)
    pick, fill = np.zeros((_LAST, n)), np.eye(_LAST)
    pick[np.arange(few), np.arange(n - few, n)] = 1.0
    fill[np.arange(few), np.arange(few)] = 0.0
    rest = np.eye(n) * ~lead[..., None, :]
    results = (
        left, np.swapaxes(vh, -1, -2), lead, rest,
        np.broadcast_to(pick, (*batch, _LAST, n)), np.broadcast_to(fill, (*batch, _LAST, _LAST)), scale,
    )  # fmt: skip
    return tuple([np.array(x, a.dtype) for x in results])


register(
    Entry(
        "singular_bases",
        _bases_rule,
        _bases_meaning,
        Kernel("singular_bases"),
        zero_derivative=True,
    )
)


# -- the adjugate -----------------------------------------------------------------------------------
def _block_form(a: Any) -> Any:
    """The adjugate of matrices that may be singular."""
    left, right, lead, rest, pick, fill, scale = emit_tracer("singular_bases", a)
    b = mm(mm(left, a), right)
    both = lead[..., :, None] * lead[..., None, :]
    p = b * both + rest
    sign, logabs = emit_tracer("slogdet", p)
    inverse = emit_tracer("inverse", p) * both
    c = mm(mm(pick, b - mm(mm(b, inverse), b)), t(pick)) + fill
    small, det = _of_three(c)
    m = mm(mm(t(pick), small), pick)
    left_over = m - mm(inverse, mm(b, m))
    inner = det[..., None, None] * inverse + left_over - mm(mm(left_over, b), inverse)
    size = (scale * sign * np.exp(logabs))[..., None, None]
    return mm(mm(right, size * inner), left)


def _of_three(c: Any) -> tuple[Any, Any]:
    """Adjugate and determinant of matrices of three rows: products of the rows."""
    x, y, z = (c[..., k, :] for k in range(3))

    def cross(u: Any, v: Any) -> Any:
        ahead, back = (
            (np.roll(w, -1, axis=-1) for w in (u, v)),
            (np.roll(w, -2, axis=-1) for w in (u, v)),
        )
        (u1, v1), (u2, v2) = ahead, back
        return u1 * v2 - u2 * v1

    first = cross(y, z)
    return np.stack([first, cross(z, x), cross(x, y)], axis=-1), np.sum(x * first, axis=-1)


def _by_inverse(a: Any) -> Any:
    """The adjugate of regular matrices."""
    sign, logabs = emit_tracer("slogdet", a)
    return (sign * np.exp(logabs))[..., None, None] * emit_tracer("inverse", a)


def _where(predicate: Any, then: Callable[[Any], Any], orelse: Callable[[Any], Any], a: Any) -> Any:
    builder = current_builder()
    blocks = []
    for side in (then, orelse):
        with builder.region() as block:
            block.outputs = [side(a).value]
        blocks.append(block)
    (result,) = emit_cond(predicate.value, *blocks)
    return Tracer(result, "array")


def _is_singular(a: Any) -> Any:
    return np.any(emit_tracer("slogdet", a)[0] == 0)


def _regular(a: Any) -> Any:
    """The adjugate of regular matrices, for further derivatives."""
    inverse = emit_tracer("inverse", a)
    squares = (np.sum(x * x, axis=(-2, -1)) for x in (a, inverse))
    size, inverse_size = squares
    bound = _LARGE_CONDITION if a.dtype == np.float64 else 1e3
    return _where(np.any(size * inverse_size > bound**2), _block_form, _by_inverse, a)


def adjugate(a: Any) -> Any:
    """The adjugate (transposed matrix of cofactors) of square matrices."""
    value = _where(_is_singular(a), _block_form, _by_inverse, a)
    smooth = _where(_is_singular(a), _block_form, _regular, a)
    return derived_as(value, smooth)


# -- the determinant ----------------------------------------------------------------------------------
def _push(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    return (np.sum(t(adjugate(site.operands[0])) * tangents[0], axis=(-2, -1)),)


def _pull(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    return (cts[0][..., None, None] * t(adjugate(site.operands[0])),)


# Never run: its value is that by pivots, which is there anyway.
register(
    Entry(
        "determinant",
        lambda types: (ArrayType(types[0].dtype, types[0].shape[:-2]),),
        np.linalg.det,
        Kernel("determinant"),
        Rules(_push, _pull),
    )
)


def determinant(a: Any) -> Any:
    """The determinant of square matrices: the product of the pivots."""
    sign, logabs = emit_tracer("slogdet", a)
    return derived_as(sign * np.exp(logabs), emit_tracer("determinant", a))
