"""What ``scipy.interpolate`` does with knots and coefficients of FITPACK's, ``(t, c, k)``, on traced ones.

    splder((t, c, k))        differences of the coefficients over distances of the knots
    insert(x, (t, c, k))     the same spline with one more knot: each new coefficient lies between two old ones
    spalde(x, (t, c, k))     the derivatives of all orders at one place

Sources: L. Schumaker, Spline Functions: Basic Theory (1981), chapter 5; W. Boehm, Inserting new knots into B-spline
curves (1980).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import _fitpack_impl

from autodiff.ops.function_table import at_one_of, functions, implements
from autodiff.ops.interpolation import spline
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check, require
from autodiff.ops.promotion import as_array, cast, doubles, select
from autodiff.ops.ufuncs import unsupported


def _joined(*parts: Any) -> Any:
    return functions[np.concatenate](parts)


@implements(_fitpack_impl.splder)
def splder(tck: Any, n: Any = 1, xp: Any = None) -> Any:
    """``scipy.interpolate.splder`` of knots and coefficients."""
    t, c, k = tck
    if not isinstance(n, int) or not isinstance(k, int):
        raise unsupported("splder of traced orders", "give numbers")
    if n < 0:
        return interpreted(_fitpack_impl.splantider, tck, -n)
    if n > k:
        raise ValueError(
            f"Order of derivative (n = {n!r}) must be <= order of spline (k = {tck[2]!r})"
        )
    t, c = doubles(t), doubles(c)
    for _ in range(n):
        width: Any = t[k + 1 : -1] - t[1 : -k - 1]
        error = ValueError(
            f"The spline has internal repeated knots and is not differentiable {n} times"
        )
        require(functions[np.all](width > 0), error)
        for _ in c.shape[1:]:
            width = functions[np.expand_dims](width, -1)
        c = (c[1 : -1 - k] - c[: -2 - k]) * k / width
        c = _joined(c, functions[np.zeros]((k, *c.shape[1:])))
        t, k = t[1:-1], k - 1
    return t, c, k


@implements(at_one_of("scipy.interpolate._fitpack._insert", "scipy.interpolate._fitpack.insert"))
def _inserted(per: Any, t: Any, c: Any, k: Any, x: Any, m: Any) -> tuple[Any, Any, int]:
    """Knots and coefficients with a knot that is there ``m`` times more."""
    if per or not isinstance(k, int) or not isinstance(m, int):
        raise unsupported("insert of this form", "leave out per=, and give numbers")
    knots, place = doubles(t), as_array(x)
    count = knots.shape[0] - k - 1
    held = doubles(c)[:count]
    check((place >= knots[k]) & (place <= knots[count]), "a knot between the ends of a spline")
    for _ in range(m):
        # Of the coefficients that the new knot is beyond, or not yet at, the share is 1 or 0.
        first, last = knots[: count + 1], knots[k : k + count + 1]
        width: Any = last - first
        same = width == 0.0
        part: Any = (place - first) / select(same, 1.0, width, np.float64)
        part = select(same, cast(place >= first, np.float64), np.clip(part, 0.0, 1.0), np.float64)
        before, after = _joined(held[:1], held), _joined(held, held[-1:])
        held = part * after + (1.0 - part) * before
        below = functions[np.sum](knots <= place)
        at = np.arange(count + k + 2)
        longer, shifted = _joined(knots, knots[-1:]), _joined(knots[:1], knots)
        knots = select(
            at < below, longer, select(np.equal(at, below), place, shifted, np.float64), np.float64
        )
        count += 1
    return knots, _joined(held, functions[np.zeros](k + 1)), 0


class _Derivatives:
    """``_fitpack.spalde``."""

    def __call__(self, t: Any, c: Any, k1: Any, x: Any) -> tuple[Any, int]:
        if not isinstance(k1, int):
            raise unsupported("spalde of a traced degree", "give a number")
        knots, place = doubles(t), doubles(x)
        count = knots.shape[0] - k1
        check((place >= knots[k1 - 1]) & (place <= knots[count]), "a place inside of a spline")
        held = doubles(c)[:count]
        at = functions[np.reshape](place, (1,))
        found = [spline(knots, held, k1 - 1, at, nu) for nu in range(k1)]
        return _joined(*found), 0


functions[at_one_of("scipy.interpolate._dfitpack.spalde", "scipy.interpolate._fitpack.spalde")] = (
    _Derivatives()
)

__all__ = ["splder"]
