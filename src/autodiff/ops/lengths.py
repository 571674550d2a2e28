"""Euclidean lengths over axes, with derivatives of all orders that do not cancel.

    with_length(y, x)    y, the root of the sum of squares of x; its slope is the unit vector x / y
    with_turn(u, x)      u = x / y, which turns by (dx - u (u . dx)) / y

As the root of a sum a length has the second derivative 1/y - x x / y**3, of which nothing is left where
one element is most of the length: for that element 1 - u u is the sum of the squares of the others, and
dx - u (u . dx) is what they have part in.  Both operations are their first operand; ``simplify`` drops
them from what is not differentiated again.  A vector of length 0 has no direction: there all derivatives are 0.
Where the length is infinite, as the squares of finite numbers may be, they are NaN.

Not here: roots of sums that the user has written, which are differentiated as such.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.promotion import select
from autodiff.ops.smooth import inverse_length
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, emit_tracer

# Of the square of the length: an element that has more is treated apart.
_MOST = 0.6


def _first_type(types: Any, axes: Any) -> tuple[ArrayType, ...]:
    return (types[0],)


def _first(y: Any, x: Any, axes: Any) -> Any:
    return np.asarray(y)


def _spread(y: Any, x: Any, axes: Any) -> Any:
    """What is reduced over ``axes``, kept or not, as one number for each of their elements."""
    kept = tuple([1 if k in axes else n for k, n in enumerate(x.shape)])
    return np.broadcast_to(reshape(y, kept), x.shape)


def _total(x: Any, axes: Any) -> Any:
    return _spread(emit_tracer("reduce_sum", x, axes=axes), x, axes)


def _unit(site: Site) -> Any:
    """The direction of the operand: 0 where it has none."""
    y, x = site.operands
    axes = site.attributes["axes"]
    length: Any = Tracer(y.value, "array")
    inverse = inverse_length(select(length == np.inf, np.nan, length))
    unit = emit_tracer("strong_multiply", _spread(inverse, x, axes), x)
    return emit_tracer("with_turn", unit, x, axes=axes)


def _length_jvp(site: Site, tangents: Any) -> Any:
    dx = tangents[1]
    if dx is None:
        return (None,)
    total = emit_tracer("reduce_sum", _unit(site) * dx, axes=site.attributes["axes"])
    return (reshape(total, site.result.shape),)


def _length_vjp(site: Site, cts: Any) -> Any:
    (ct,) = cts
    unit = _unit(site)
    spread = _spread(ct, unit, site.attributes["axes"])
    return None, emit_tracer("strong_multiply", spread, unit)


def _turn(site: Site, dx: Any) -> Any:
    """How a direction turns; symmetric, so that it is its own transpose."""
    u, x = site.result, site.operands[1]
    axes = site.attributes["axes"]
    largest = u * u > _MOST  # of one element, if any
    others: Any = select(largest, 0.0, u)
    beside = _total(others * dx, axes)
    along = _total(u * dx, axes)
    turned = select(largest, dx * _total(others * others, axes) - u * beside, dx - u * along)
    length = np.sqrt(_total(x * x, axes))
    return emit_tracer("strong_multiply", inverse_length(length), turned)


register(
    Entry(
        "with_length",
        _first_type,
        _first,
        Kernel("with_length"),
        Rules(_length_jvp, _length_vjp),
    )
)
register(
    Entry(
        "with_turn",
        _first_type,
        _first,
        Kernel("with_turn"),
        Rules(
            lambda site, tangents: (None if tangents[1] is None else _turn(site, tangents[1]),),
            lambda site, cts: (None, _turn(site, cts[0])),
        ),
    )
)


def with_length(y: Any, x: Any, axes: tuple[int, ...]) -> Tracer:
    """``y``, with the derivatives of the length of ``x`` over ``axes``."""
    result: Tracer = emit_tracer("with_length", y, x, axes=tuple(axes))
    return result
