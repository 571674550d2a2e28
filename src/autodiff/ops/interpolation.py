"""Piecewise polynomials and B-splines at traced points, in plain NumPy on tracers.

    piecewise(c, x, points)      sum over j of c[-1 - j, i] (p - x[i])**j, where x[i] <= p < x[i + 1]
    spline(t, c, k, points)      spline of degree k on the knots t, by the recurrence of B-splines
    straight(x, y, points)       ``interp1d`` by straight lines
    interpolation(x, y; fit)     coefficients of ``CubicSpline`` or ``make_interp_spline``, linear in y

They follow the code of ``scipy.interpolate``: which interval holds a point, in which order terms are added,
what is NaN.  In a point they are polynomials, so their derivatives are those of the operations.

Source: C. de Boor, *A Practical Guide to Splines*, revised ed. (2001), chapters IX and X.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.dims import Extent
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Rules, register
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import emit_tracer
from autodiff.plain_data import dataclass

Array = Any  # a tracer or an array
Extrapolate = bool | str


def _as_points(points: Array) -> Array:
    return np.reshape(points, (-1,)).astype(np.float64)


def _wrapped(points: Array, start: Array, stop: Array) -> Array:
    return start + (points - start) % (stop - start)


def _only_inside(value: Array, inside: Array) -> Array:
    """``value`` where ``inside`` holds, else NaN; its derivative likewise."""
    factor = np.where(inside, 1.0, np.nan)
    return value * np.reshape(factor, (*factor.shape, *[1] * (value.ndim - 1)))


def _shaped(value: Array, points: Array, axis: int) -> Array:
    """Values by points as SciPy gives them: in the place of the interpolated axis."""
    value = np.reshape(value, (*points.shape, *value.shape[1:]))
    n = points.ndim
    if not axis:
        return value
    order = list(range(value.ndim))
    return np.transpose(value, order[n : n + axis] + order[:n] + order[n + axis :])


def piecewise(
    c: Array, x: Array, points: Array, nu: int = 0, extrapolate: Extrapolate = True, axis: int = 0
) -> Array:
    """The ``nu``-th derivative of a piecewise polynomial; ``c`` and ``x`` as in ``PPoly``, x rising."""
    p = _as_points(points)
    if extrapolate == "periodic":
        p = _wrapped(p, x[0], x[-1])
    interval = np.clip(np.searchsorted(x, p, "right") - 1, 0, x.shape[0] - 2)
    step = p - x[interval]
    order = c.shape[0]
    power: Array = None  # of the step, which is 1 at first
    total: Array = 0.0 if nu < order else zeros((*p.shape, *c.shape[2:]), float)
    for k in range(nu, order):
        factor = 1.0
        for j in range(k, k - nu, -1):
            factor *= j
        coefficient = c[order - 1 - k][interval]
        term = coefficient if power is None else coefficient * _column(power, coefficient)
        total = total + term * factor
        power = step if power is None else power * step
    if extrapolate is True and nu < order - 1:  # what is not a number is none in the step
        return _shaped(total, points, axis)
    inside = ~np.isnan(p) if extrapolate is True else (p >= x[0]) & (p <= x[-1])
    return _shaped(_only_inside(total, inside), points, axis)


def _column(a: Array, like: Array) -> Array:
    return np.reshape(a, (*a.shape, *[1] * (like.ndim - a.ndim)))


def spline(
    t: Array,
    c: Array,
    k: int,
    points: Array,
    nu: int = 0,
    extrapolate: Extrapolate = True,
    axis: int = 0,
) -> Array:
    """The ``nu``-th derivative of a B-spline; ``t``, ``c`` and ``k`` as in ``BSpline``."""
    n = t.shape[0] - k - 1
    p = _as_points(points)
    low, high = t[k], t[n]
    if extrapolate == "periodic":
        p = _wrapped(p, low, high)
    inside = ~np.isnan(p) if extrapolate is True else (p >= low) & (p <= high)
    interval = np.clip(np.searchsorted(t[: n + 1], p, "right") - 1, k, n - 1)
    if nu > k:
        nothing: Array = zeros((*p.shape, *c.shape[1:]), float)
        # SciPy no longer looks at the points where the order is higher still.
        return _shaped(_only_inside(nothing, inside) if nu == k + 1 else nothing, points, axis)
    functions = _basis(t, k, nu, p, interval)
    total: Array = 0.0
    for j, function in enumerate(functions):
        coefficient = c[interval - k + j]
        total = total + coefficient * _column(function, coefficient)
    return _shaped(_only_inside(total, inside), points, axis)


def _basis(t: Array, k: int, nu: int, p: Array, interval: Array) -> list[Array]:
    """The ``nu``-th derivatives of the ``k + 1`` B-splines that live on an interval."""
    zero: Array = zeros(p.shape, float)
    values: list[Array] = [zero + 1.0]
    for degree in range(1, k + 1):
        lower, values = values, [zero] * (degree + 1)
        for n in range(1, degree + 1):
            right, left = t[interval + n], t[interval + n - degree]
            if degree <= k - nu:
                w = _quotient(lower[n - 1], right - left)
                values[n - 1] = values[n - 1] + w * (right - p)
                values[n] = w * (p - left)
            else:
                w = _quotient(degree * lower[n - 1], right - left)
                values[n - 1] = values[n - 1] - w
                values[n] = w
    return values


def _quotient(a: Array, width: Array) -> Array:
    """``a / width``, and 0 over an interval without width, on which no function lives."""
    empty = width == 0
    return np.where(empty, 0.0, a / np.where(empty, 1.0, width))


def straight(x: Array, y: Array, points: Array) -> Array:
    """Straight lines between the rows of ``y``, also beyond the ends."""
    above = np.clip(np.searchsorted(x, points), 1, x.shape[0] - 1)
    below = above - 1
    slope = (y[above] - y[below]) / _column(x[above] - x[below], y)
    return slope * _column(points - x[below], y) + y[below]


def filled(value: Array, outside: Array, fill: Array) -> Array:
    """``value``, by rows, with ``fill`` where ``outside`` holds; what becomes NaN has derivative NaN."""
    rows = np.reshape(outside, (-1, 1))
    fill = np.reshape(fill, (-1,))
    lost = rows & np.isnan(fill)
    return np.where(rows & ~lost, fill, value * np.where(lost, np.nan, 1.0))


# -- coefficients of data that carry derivatives ---------------------------------------------------
@dataclass(frozen=True)
class Fit:
    """A function of SciPy's that makes an interpolator of data, linear in the values ``y``."""

    function: Callable[..., Any]
    options: tuple[tuple[str, Any], ...]

    def __call__(self, x: Any, y: Any) -> Any:
        """The interpolator."""
        return self.function(x, y, **dict(self.options))

    @property
    def degree(self) -> int | None:
        """Of a B-spline; None: a piecewise polynomial."""
        if self.function.__name__ == "CubicSpline":
            return None
        return int(dict(self.options).get("k", 3))

    @property
    def leading(self) -> int:
        """How many axes of the coefficients stand for the first one of the values."""
        return 2 if self.degree is None else 1

    def shape(self, shape: tuple[Extent, ...]) -> tuple[Extent, ...]:
        """The shape of the coefficients, from that of the values."""
        return shape if self.degree is not None else (4, shape[0] - 1, *shape[1:])


def _coefficients(x: Any, y: Any, fit: Fit) -> Any:
    return fit(x, y).c


def _values(x: Any, c: Any, fit: Fit) -> Any:
    """The transpose of :func:`_coefficients` in ``y``."""
    unit = fit(x, np.eye(len(x))).c
    axes = range(unit.ndim - 1)
    return np.moveaxis(np.tensordot(c, unit, (tuple(axes), tuple(axes))), -1, 0)


def _by_x(site: Any) -> DerivativeError:
    return DerivativeError(
        f"scipy.interpolate.{site.attributes['fit'].function.__name__} has derivatives by the values "
        "it interpolates and the points where it is evaluated, not by where the values are given.",
        remedy="pass the places through autodiff.stop_gradient if no derivative should flow",
    )


def _rules(kind: str, transpose: str) -> Rules:
    """Linear in the second operand, with ``transpose`` as its transpose."""

    def jvp(site: Any, tangents: Any) -> Any:
        if tangents[0] is not None:
            raise _by_x(site)
        return (emit_tracer(kind, site.operands[0], tangents[1], **site.attributes),)

    def vjp(site: Any, cts: Any) -> Any:
        if site.needed[0]:
            raise _by_x(site)
        return None, emit_tracer(transpose, site.operands[0], cts[0], **site.attributes)

    return Rules(jvp, vjp)


register(
    Entry(
        "interpolation",
        lambda types, fit: (ArrayType(types[1].dtype, fit.shape(types[1].shape)),),
        _coefficients,
        Kernel("interpolation"),
        _rules("interpolation", "interpolation_back"),
        kept=True,
    )
)
register(
    Entry(
        "interpolation_back",
        lambda types, fit: (
            ArrayType(types[1].dtype, (types[0].shape[0], *types[1].shape[fit.leading :])),
        ),
        _values,
        Kernel("interpolation_back"),
        _rules("interpolation_back", "interpolation"),
    )
)
register(
    Entry(
        "interpolation_knots",
        lambda types, fit: (ArrayType(types[0].dtype, (types[0].shape[0] + fit.degree + 1,)),),
        lambda x, fit: fit(x, np.zeros(len(x))).t,
        Kernel("interpolation_knots"),
        Rules(lambda site, tangents: _refuse(site), lambda site, cts: _refuse(site)),
    )
)


def _refuse(site: Any) -> Any:
    raise _by_x(site)


__all__ = ["filled", "piecewise", "spline", "straight"]
