"""The search that SciPy calls ``toms748``, one value of the function a step.

    a, b             the bracket, in which the sign changes
    d, e             the last two places that it lost, with which inverse cubic interpolation has four

A pass of SciPy's asks the function at ``k`` interpolated places, at one beyond the better end, and in the middle where
that did not halve the bracket.  ``phase`` is which of these the next value is.  All is computed in SciPy's order, so
that each place is SciPy's to the last bit, also where its code asks at one place twice.

Source: G. E. Alefeld, F. A. Potra, Y. Shi, "Algorithm 748: enclosing zeros of continuous functions", ACM Transactions on
Mathematical Software 21 (1995).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.ops.standing import EPSILON
from autodiff.passes.rewrite import either

Number = Any  # a tracer of a number
where: Callable[..., Number] = np.where
# Where the next value is asked for: at either end, at the first secant, at an interpolated place, at the last of
# these, beyond the better end, in the middle.
AT_A, AT_B, FIRST, INNER, LAST, BEYOND, MIDDLE = range(7)
NAMES = ("a", "b", "fa", "fb", "d", "fd", "e", "fe", "width")


def step(now: dict[str, Number], fx: Number, k: int, xtol: float, rtol: float) -> dict[str, Number]:
    """What the value at ``now["next"]`` makes of a bracket: the new one, and where to ask then.

    ``k`` is the number of interpolated places, 1 or 2.  ``ended`` tells that a pass of SciPy's is over, ``passes`` how
    many begun there are.
    """
    x, phase = now["next"], now["phase"]
    at = [np.equal(phase, p) for p in range(7)]
    fa, fb = where(at[AT_A], fx, now["fa"]), where(at[AT_B], fx, now["fb"])
    a, b, begins = now["a"], now["b"], at[AT_A] | at[AT_B]
    # The end on whose side the value lies is lost; d and e are the last two that were.
    left = ~begins & (np.sign(fa) * np.sign(fx) > 0)
    right = ~begins & ~left
    e, fe = where(begins, now["e"], now["d"]), where(begins, now["fe"], now["fd"])
    d, fd = (
        where(left, a, where(right, b, now["d"])),
        where(left, fa, where(right, fb, now["fd"])),
    )
    a, fa, b, fb = (
        where(left, x, a), where(left, fx, fa), where(right, x, b), where(right, fx, fb),
    )  # fmt: skip
    middle = (a + b) / 2.0

    bisects = at[BEYOND] & (b - a > 0.5 * now["width"])
    ended = at[FIRST] | at[MIDDLE] | (at[BEYOND] & ~bisects)
    near = np.abs(a - b) <= xtol + rtol * np.abs(b)
    goes_on = ended & ~(near & ~at[FIRST])
    inner, jumps = (goes_on | at[INNER], at[LAST]) if k > 1 else (goes_on, at[INNER])

    ends, values = (a, b), (fa, fb)
    interpolated = either(
        inner,
        lambda: _interpolated(ends, values, (d, fd), (e, fe), goes_on, at[FIRST], x),
        lambda: x,
    )
    further = either(jumps, lambda: _beyond(ends, values, middle, xtol, rtol), lambda: x)
    first = either(at[AT_B], lambda: _secant(ends, values, middle), lambda: x)
    place = where(inner, interpolated, where(jumps, further, where(bisects, middle, first)))
    then = where(goes_on, INNER, where(inner, LAST, where(jumps, BEYOND, MIDDLE)))
    return {
        "a": a, "b": b, "fa": fa, "fb": fb, "d": d, "fd": fd, "e": e, "fe": fe,
        "width": where(goes_on, b - a, now["width"]),
        "passes": now["passes"] + where(goes_on, where(at[FIRST], 2, 1), 0),
        "next": where(at[AT_A], b, place),
        "phase": where(at[AT_A], AT_B, where(at[AT_B], FIRST, then)),
        "ended": ended & ~at[FIRST], "near": near, "middle": middle,
    }  # fmt: skip


def _inside(c: Number, ends: Sequence[Number]) -> Number:
    return (ends[0] < c) & (c < ends[1])


def _secant(ends: Sequence[Number], values: Sequence[Number], middle: Number) -> Number:
    (x0, x1), (f0, f1) = ends, values
    c = either(
        np.abs(f1) > np.abs(f0),
        lambda: (-f0 / f1 * x1 + x0) / (1 - f0 / f1),
        lambda: (-f1 / f0 * x0 + x1) / (1 - f1 / f0),
    )
    return where(_inside(c, ends), c, middle)


def _interpolated(
    ends: Sequence[Number],
    values: Sequence[Number],
    lost: Sequence[Number],
    before: Sequence[Number],
    is_first: Number,
    has_three: Number,
    last: Number,
) -> Number:
    """A place between the ends by inverse cubic interpolation; without one, by Newton's steps on a parabola.

    The second of a pass is the first once more, as SciPy has it, where it finds no other.
    """
    heights = (*values, lost[1], before[1])
    apart = ~has_three
    for k, f in enumerate(heights):
        apart = apart & np.isfinite(f) & (f != 0.0)
        for other in heights[k + 1 :]:
            apart = apart & ~(np.abs(f - other) <= 32 * EPSILON)
    cubic: Number = either(
        apart, lambda: _neville(heights, (*ends, lost[0], before[0])), lambda: ends[0] * 1.0
    )
    bent = lambda: either(  # noqa: E731
        is_first, lambda: _parabola(ends, values, lost), lambda: last * 1.0
    )
    return either(_inside(cubic, ends), lambda: cubic * 1.0, bent)


def _neville(heights: Sequence[Number], places: Sequence[Number]) -> Number:
    """At height 0, the polynomial by which places follow from heights."""
    n = len(heights)
    q, d = list(places), list(places)
    corrections = []
    for k in range(1, n):
        alpha = [d[i] - q[i - 1] for i in range(k, n)]
        apart = [heights[i - k] - heights[i] for i in range(k, n)]
        new_q = [(heights[i] - 0.0) / apart[i - k] * alpha[i - k] for i in range(k, n)]
        new_d = [(heights[i - k] - 0.0) / apart[i - k] * alpha[i - k] for i in range(k, n)]
        q, d = q[:k] + new_q, d[:k] + new_d
        corrections.append(q[-1])
    total = corrections[0]
    for more in corrections[1:]:
        total = total + more
    return total + places[-1]


def _parabola(
    ends: Sequence[Number], values: Sequence[Number], lost: Sequence[Number], steps: int = 2
) -> Number:
    """Newton's steps on the parabola through both ends and the place lost last."""
    (a, b), (fa, fb), (d, fd) = ends, values, lost
    slope = (fb - fa) / (b - a)
    bend = ((fd - fb) / (d - b) - slope) / (d - a)

    def stepped() -> Number:
        r, stays = where(np.sign(bend) * np.sign(fa) > 0, a, b), np.not_equal(a, a)
        for _ in range(steps):
            height = (bend * (r - b) + slope) * (r - a) + fa
            after = r - height / (slope + bend * (2 * r - a - b))
            good, was_good = _inside(after, ends), _inside(r, ends)
            r = where(stays, r, where(good, after, where(was_good, r, (a + b) / 2.0)))
            stays = stays | ~good
        return r

    return either(np.equal(bend, 0.0), lambda: a - fa / slope, stepped)


def _beyond(
    ends: Sequence[Number], values: Sequence[Number], middle: Number, xtol: float, rtol: float
) -> Number:
    """Twice the secant's way from the better end, not further than the middle."""
    (a, b), (fa, fb) = ends, values
    at_a = np.abs(fa) < np.abs(fb)
    u, fu = where(at_a, a, b), where(at_a, fa, fb)
    other, f_other = where(at_a, b, a), where(at_a, fb, fa)
    c = u - 2 * fu / ((fb - fa) / (b - a))
    # Hardly away from the end: by the tolerance, or a share of the bracket where its other end is much higher.
    sign = where(at_a, 1.0, -1.0)
    aside = u + (sign * np.abs(c) * rtol + sign * xtol)
    much = np.frexp(fu)[1] < np.frexp(f_other)[1] - 50
    moved = where(much, (31 * u + other) / 32, aside)
    moved = where(_inside(moved, ends), moved, middle)
    far = np.abs(c - u) > 0.5 * (b - a)
    return where(far, middle, where(np.abs(c - u) <= EPSILON * np.abs(u), moved, c))


__all__ = ["NAMES", "step"]
