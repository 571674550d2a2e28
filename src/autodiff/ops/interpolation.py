"""Piecewise polynomials and B-splines at traced points, in plain NumPy on tracers.

    piecewise(c, x, points)      sum over j of c[-1 - j, i] (p - x[i])**j, where x[i] <= p < x[i + 1]
    spline(t, c, k, points)      spline of degree k on the knots t, by the recurrence of B-splines
    straight(x, y, points)       ``interp1d`` by straight lines
    interpolation(x, y; fit)     coefficients of ``CubicSpline`` and the like, linear in y
    fitted(x, y, …; fit)         coefficients as SciPy makes them, with the derivative of a formula
    on_grid(grids, v, points)    ``RegularGridInterpolator``
    radial(...)                  ``RBFInterpolator``
    on_triangles(...)            ``LinearNDInterpolator``

They follow the code of ``scipy.interpolate``: which interval holds a point, in which order terms are added,
what is NaN.  In a point they are polynomials, so their derivatives are those of the operations.

Source: C. de Boor, *A Practical Guide to Splines*, revised ed. (2001), chapters IX and X.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy

from autodiff.dims import Dim, Extent
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops.builder import current_builder
from autodiff.ops.control import CheckFailed
from autodiff.ops.entries import Entry, Kernel, Rules, register
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import as_tracer, emit_tracer
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


def shaped(value: Array, points: Array, axis: int) -> Array:
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
        return shaped(total, points, axis)
    inside = ~np.isnan(p) if extrapolate is True else (p >= x[0]) & (p <= x[-1])
    return shaped(_only_inside(total, inside), points, axis)


def _difference(c: Array, a: int, nu: int) -> Array:
    """The ``nu``-th difference of the coefficients from ``c[a]`` on."""
    total: Array = 0.0
    for j in range(nu + 1):
        total = total + c[a + j] * (-1.0) ** (j + nu) * float(math.comb(nu, j))
    return total


def bernstein(
    c: Array, x: Array, points: Array, nu: int = 0, extrapolate: Extrapolate = True, axis: int = 0
) -> Array:
    """The ``nu``-th derivative of a piecewise polynomial in Bernstein's basis; as in ``BPoly``, x rising.

    That of the sum of c_a C(k, a) s^a (1 - s)^(k - a) has the differences of c as coefficients (R. Farouki,
    "The Bernstein polynomial basis: a centennial retrospective", 2012, section 3).
    """
    p = _as_points(points)
    if extrapolate == "periodic":
        p = _wrapped(p, x[0], x[-1])
    interval = np.clip(np.searchsorted(x, p, "right") - 1, 0, x.shape[0] - 2)
    width = x[1:] - x[:-1]
    order = c.shape[0] - 1
    rows = [_difference(c, a, nu) * math.perm(order, nu) for a in range(order + 1 - nu)]
    rows = rows or [0.0 * c[0]]
    s = (p - x[interval]) / width[interval]
    k = len(rows) - 1
    total: Array = 0.0
    for a, row in enumerate(rows):
        term = row[interval] * float(math.comb(k, a))
        for share in (*[1 - s] * (k - a), *[s] * a):  # in SciPy's order
            term = term * _column(share, term)
        total = total + term
    if nu:
        total = total / _column(width[interval] ** nu, total)
    inside = ~np.isnan(p) if extrapolate is True else (p >= x[0]) & (p <= x[-1])
    return shaped(_only_inside(total, inside), points, axis)


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
    last = as_tracer(n - 1) if isinstance(n, Dim) else n - 1
    interval: Array = np.clip(np.searchsorted(t[: n + 1], p, "right") - 1, k, last)
    if nu > k:
        nothing: Array = zeros((*p.shape, *c.shape[1:]), float)
        # SciPy no longer looks at the points where the order is higher still.
        return shaped(_only_inside(nothing, inside) if nu == k + 1 else nothing, points, axis)
    functions = _basis(t, k, nu, p, interval)
    total: Array = 0.0
    for j, function in enumerate(functions):
        coefficient = c[interval - k + j]
        total = total + coefficient * _column(function, coefficient)
    return shaped(_only_inside(total, inside), points, axis)


def surface(
    knots_of: tuple[Array, Array],
    c: Array,
    degrees: tuple[int, int],
    points: tuple[Array, Array],
    nu: tuple[int, int] = (0, 0),
) -> Array:
    """Of FITPACK, at points of one axis each: a spline of two variables, which stays beyond its ends."""
    found, places = [], []
    for t, k, p, order in zip(knots_of, degrees, points, nu, strict=True):
        n = t.shape[0] - k - 1
        at = np.clip(p, t[k], t[n])
        last = as_tracer(n - 1) if isinstance(n, Dim) else n - 1
        interval: Array = np.clip(np.searchsorted(t[: n + 1], at, "right") - 1, k, last)
        found.append(_basis(t, k, order, at, interval))
        places.append(interval - k)
    width = knots_of[1].shape[0] - degrees[1] - 1
    total: Array = 0.0
    for i, of_x in enumerate(found[0]):
        row = (places[0] + i) * width + places[1]
        for j, of_y in enumerate(found[1]):
            total = total + c[row + j] * of_x * of_y
    return total


def tensor_spline(
    knots_of: Sequence[Array],
    c: Array,
    degrees: Sequence[int],
    points: Array,
    nu: Sequence[int],
    extrapolate: bool,
) -> Array:
    """A sum of products of B-splines of one variable each, as ``NdBSpline``; ``points`` has a row for each place."""
    factors, places, inside = [], [], points[:, 0] == points[:, 0]
    for d, (t, k, order) in enumerate(zip(knots_of, degrees, nu, strict=True)):
        p, n = points[:, d], t.shape[0] - k - 1
        last = as_tracer(n - 1) if isinstance(n, Dim) else n - 1
        interval: Array = np.clip(np.searchsorted(t[: n + 1], p, "right") - 1, k, last)
        factors.append(_basis(t, k, order, p, interval))
        places.append(interval - k)
        inside = inside & (p == p if extrapolate else (p >= t[k]) & (p <= t[n]))
    return _only_inside(_of_products(c, factors, places), inside)


def tensor_pieces(
    c: Array, xs: Sequence[Array], points: Array, nu: Sequence[int], extrapolate: bool
) -> Array:
    """A polynomial of several variables on each piece of a grid, as ``NdPPoly``."""
    dimensions, inside = len(xs), points[:, 0] == points[:, 0]
    factors, places = [], []
    for d, (x, order) in enumerate(zip(xs, nu, strict=True)):
        p, k = points[:, d], c.shape[d]
        last = x.shape[0] - 2
        last = as_tracer(last) if isinstance(last, Dim) else last
        interval: Array = np.clip(np.searchsorted(x, p, "right") - 1, 0, last)
        step = p - x[interval]
        factors.append(
            [
                math.perm(e, order) * step ** (e - order) if e >= order else step * 0.0
                for e in range(k - 1, -1, -1)
            ]
        )
        places.append(interval)
        inside = inside & (p == p if extrapolate else (p >= x[0]) & (p <= x[-1]))
    total: Array = 0.0
    for powers in itertools.product(*[range(c.shape[d]) for d in range(dimensions)]):
        coefficient = c[powers][tuple(places)]
        weight = math.prod(f[j] for f, j in zip(factors, powers, strict=True))
        total = total + coefficient * _column(weight, coefficient)
    return _only_inside(total, inside)


def _of_products(c: Array, factors: Sequence[Sequence[Array]], places: Sequence[Array]) -> Array:
    total: Array = 0.0
    for steps in itertools.product(*[range(len(f)) for f in factors]):
        coefficient = c[tuple([p + j for p, j in zip(places, steps, strict=True)])]
        weight = math.prod(f[j] for f, j in zip(factors, steps, strict=True))
        total = total + coefficient * _column(weight, coefficient)
    return total


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


def integral_of_pieces(c: Array, x: Array) -> Array:
    """Coefficients of the antiderivative of a piecewise polynomial that is 0 at the first point."""
    order = c.shape[0]
    raised: Array = np.stack([c[j] / (order - j) for j in range(order)])
    width = _column(x[1:] - x[:-1], c[0])
    whole: Array = 0.0
    for j in range(order):
        whole = (whole + raised[j]) * width
    start: Array = np.concatenate([0 * whole[:1], np.cumsum(whole, axis=0)[:-1]])
    return np.concatenate([raised, start[None]])


def integral_of_spline(t: Array, c: Array, k: int) -> tuple[Array, Array]:
    """Knots and coefficients of the antiderivative of a B-spline that is 0 at the first knot."""
    n = t.shape[0] - k - 1
    parts = c[:n] * _column(t[k + 1 :] - t[:n], c) / (k + 1)
    whole = np.concatenate([0 * parts[:1], np.cumsum(parts, axis=0)])
    return np.concatenate([t[:1], t, t[-1:]]), whole


# How SciPy rounds the lines of `interp1d`.
FROM_BOTH_ENDS = tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 18)


def straight(x: Array, y: Array, points: Array) -> Array:
    """Straight lines between the rows of ``y``, also beyond the ends."""
    above = np.clip(np.searchsorted(x, points), 1, x.shape[0] - 1)
    below = above - 1
    if FROM_BOTH_ENDS:
        width = x[above] - x[below]
        left, right = (points - x[below]) / width, (x[above] - points) / width
        return _column(left, y) * y[above] + _column(right, y) * y[below]
    slope = (y[above] - y[below]) / _column(x[above] - x[below], y)
    return slope * _column(points - x[below], y) + y[below]


def filled(value: Array, outside: Array, fill: Array) -> Array:
    """``value``, by rows, with ``fill`` where ``outside`` holds; what becomes NaN has derivative NaN."""
    rows = np.reshape(outside, (-1, 1))
    fill = np.reshape(fill, (-1,))
    lost = rows & np.isnan(fill)
    return np.where(rows & ~lost, fill, value * np.where(lost, np.nan, 1.0))


# -- slopes of data, as SciPy chooses them -----------------------------------------------------------
def hermite(x: Array, y: Array, slopes: Array) -> Array:
    """Coefficients of the cubics of given values and slopes, as ``CubicHermiteSpline`` has them."""
    width = _column(x[1:] - x[:-1], y)
    slope = (y[1:] - y[:-1]) / width
    t = (slopes[:-1] + slopes[1:] - 2 * slope) / width
    return np.stack([t / width, (slope - slopes[:-1]) / width - t, slopes[:-1], y[:-1]])


def monotone_slopes(x: Array, y: Array) -> Array:
    """The slopes of ``PchipInterpolator``: harmonic means, 0 at extremes of the data."""
    h = _column(x[1:] - x[:-1], y)
    m = (y[1:] - y[:-1]) / h
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    signs = np.sign(m)
    flat = (signs[1:] != signs[:-1]) | (m[1:] == 0) | (m[:-1] == 0)
    before, after = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    left, right = np.where(flat, 1.0, m[:-1]), np.where(flat, 1.0, m[1:])
    mean = (before / left + after / right) / (before + after)
    inner = np.where(flat, 0.0, 1.0 / mean)
    ends = [
        _end_slope(h[:1], h[1:2], m[:1], m[1:2]),
        _end_slope(h[-1:], h[-2:-1], m[-1:], m[-2:-1]),
    ]
    return np.concatenate([ends[0], inner, ends[1]])


def _end_slope(h0: Array, h1: Array, m0: Array, m1: Array) -> Array:
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    lost = np.sign(d) != np.sign(m0)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3.0 * np.abs(m0))
    return np.where(lost, 0.0, np.where(steep, 3.0 * m0, d))


def akima_slopes(x: Array, y: Array, method: str) -> Array:
    """The slopes of ``Akima1DInterpolator``: means of neighbouring slopes, by how little they change."""
    m = (y[1:] - y[:-1]) / _column(x[1:] - x[:-1], y)
    if y.shape[0] == 2:
        return np.concatenate([m, m])
    first, last = 2.0 * m[:1] - m[1:2], 2.0 * m[-1:] - m[-2:-1]
    m = np.concatenate([2.0 * first - m[:1], first, m, last, 2.0 * last - m[-1:]])
    change = np.abs(m[1:] - m[:-1])
    f1, f2 = change[2:], change[:-2]
    if method == "makima":
        size = np.abs(m[1:] + m[:-1])
        f1, f2 = f1 + 0.5 * size[2:], f2 + 0.5 * size[:-2]
    both = f1 + f2
    known = both > 1e-9 * np.max(both)
    share = f2 / np.where(known, both, 1.0)
    return np.where(known, m[1:-2] + share * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))


# -- in several dimensions -----------------------------------------------------------------------------
def on_grid(
    grids: Sequence[Array], values: Array, points: Array, weights: Sequence[Array]
) -> Array:
    """Sums over the corners, or over a whole axis, of values by weights of each axis.

    ``weights[k]`` of shape (points, len(grids[k])): how much each place of an axis counts at a point.
    """
    total: Array = values
    trailing = values.ndim - len(grids)
    for number, w in enumerate(
        weights
    ):  # the first axis left is summed over; points come to stand last
        if not number:
            total = np.moveaxis(np.tensordot(w, total, ((1,), (0,))), 0, -1)
        else:
            total = np.sum(
                total * np.reshape(w.T, (w.shape[1], *[1] * (total.ndim - 2), -1)), axis=0
            )
    return np.moveaxis(total, -1, 0) if trailing else total


def linear_weights(grid: Array, points: Array) -> Array:
    """Of the two places around a point, those of a straight line; beyond the ends it goes on."""
    below: Array = np.clip(np.searchsorted(grid, points, "right") - 1, 0, grid.shape[0] - 2)
    t = (points - grid[below]) / (grid[below + 1] - grid[below])
    line = emit_tracer("iota", size=grid.shape[0], dtype=np.dtype(np.int64))
    low = np.equal(line[None, :], below[:, None])
    high = np.equal(line[None, :], below[:, None] + 1)
    return np.where(low, (1 - t)[:, None], 0.0) + np.where(high, t[:, None], 0.0)


def nearest_weights(grid: Array, points: Array) -> Array:
    """1 at the place that is nearest to a point."""
    below: Array = np.clip(np.searchsorted(grid, points, "right") - 1, 0, grid.shape[0] - 2)
    t = (points - grid[below]) / (grid[below + 1] - grid[below])
    nearest: Array = np.where(t <= 0.5, below, below + 1)
    line = emit_tracer("iota", size=grid.shape[0], dtype=np.dtype(np.int64))
    return np.where(np.equal(line[None, :], nearest[:, None]), 1.0, 0.0)


# Of squared distances.
KERNELS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda s: -np.sqrt(s),
    "thin_plate_spline": lambda s: np.where(
        s == 0, 0.0, 0.5 * s * np.log(np.where(s == 0, 1.0, s))
    ),
    "cubic": lambda s: s * np.sqrt(s),
    "quintic": lambda s: -(s**2) * np.sqrt(s),
    "multiquadric": lambda s: -np.sqrt(s + 1),
    "inverse_multiquadric": lambda s: 1 / np.sqrt(s + 1),
    "inverse_quadratic": lambda s: 1 / (s + 1),
    "gaussian": lambda s: np.exp(-s),
}


def radial(
    y: Array, coefficients: Array, points: Array, kernel: str, epsilon: float, powers: Any
) -> Array:
    """Sums of kernels around the places ``y``, and of monomials of the points, of shape (m, columns)."""
    apart = points[:, None, :] - y[None, :, :]
    around = KERNELS[kernel](np.sum(apart**2, axis=2) * epsilon**2)
    low, high = np.min(y, axis=0), np.max(y, axis=0)
    scale = np.where(high == low, 1.0, (high - low) / 2)
    scaled = (points - (high + low) / 2) / scale
    parts = [around]
    for row in powers:
        term: Array = np.ones(points.shape[0])
        for k, power in enumerate(row):
            if power:
                term = term * scaled[:, k] ** int(power)
        parts.append(np.reshape(term, (-1, 1)))
    return np.concatenate(parts, axis=1) @ coefficients


def on_triangles(places: Array, values: Array, points: Array, rescale: bool, fill: float) -> Array:
    """Linear in each simplex of the triangulation of the places; ``fill`` outside."""
    corners, inside = emit_tracer("simplex", places, points, rescale=rescale)
    vertices = places[corners]  # of shape (points, d + 1, d)
    sides = np.transpose(vertices[:, 1:] - vertices[:, :1], (0, 2, 1))
    offset = points - vertices[:, 0]
    shares = np.linalg.solve(sides, offset[:, :, None])[:, :, 0]
    first = 1 - np.sum(shares, axis=1)
    weights: Array = np.concatenate([first[:, None], shares], axis=1)
    at = values[corners]
    weights = np.reshape(weights, (*weights.shape, *[1] * (at.ndim - 2)))
    found = np.sum(at * weights, axis=1)
    inside = np.reshape(inside, (-1, *[1] * (found.ndim - 1)))
    return np.where(inside, found, fill)


def _simplex_meaning(places: Any, points: Any, rescale: bool) -> tuple[np.ndarray, np.ndarray]:
    from scipy.interpolate import LinearNDInterpolator

    made = LinearNDInterpolator(places, np.zeros(len(places)), rescale=rescale)
    moved = (points - made.offset) / made.scale if rescale else points
    found = made.tri.find_simplex(np.ascontiguousarray(moved))
    # A point outside of all is given some simplex that has a volume, so that there are numbers.
    return made.tri.simplices[np.maximum(found, 0)].astype(np.int64), found >= 0


register(
    Entry(
        "simplex",
        lambda types, rescale: (
            ArrayType(np.dtype(np.int64), (types[1].shape[0], types[0].shape[1] + 1)),
            ArrayType(np.dtype(bool), (types[1].shape[0],)),
        ),
        _simplex_meaning,
        Kernel("simplex"),
        zero_derivative=True,
    )
)


# -- where a piecewise polynomial has a value -------------------------------------------------------
def _places(c: Any, x: Any, y: Any, order: int, jumps: bool, beyond: bool) -> np.ndarray:
    pieces = scipy.interpolate.PPoly(np.array(c), np.array(x))
    if order:
        pieces = pieces.derivative(order)
    found: np.ndarray = pieces.solve(float(y), jumps, beyond)
    if np.isnan(found).any():
        raise CheckFailed("a piecewise polynomial that is constant over an interval")
    return found


register(
    Entry(
        "places_size",
        lambda types, **options: (ArrayType(np.dtype(np.int64), ()),),
        lambda c, x, y, **options: np.asarray(len(_places(c, x, y, **options)), np.int64),
        Kernel("places_size"),
        zero_derivative=True,
    )
)
register(
    Entry(
        "places",
        lambda types, size, **options: (ArrayType(types[0].dtype, (size,)),),
        lambda c, x, y, size, **options: _places(c, x, y, **options),
        Kernel("places"),
        zero_derivative=True,
        kept=True,
    )
)


def crossings(c: Array, x: Array, y: Array, **options: Any) -> Array:
    """Where piecewise polynomials have the value ``y``, as constants; as many as there are."""
    operands = tuple([v.value for v in (c, x, y)])
    (count,) = current_builder().emit("places_size", operands, options)
    count.low = 0
    return emit_tracer("places", c, x, y, size=Dim.symbol(count), **options)


# -- coefficients of data that carry derivatives ---------------------------------------------------
@dataclass(frozen=True)
class Fit:
    """A function of SciPy's that makes an interpolator of data.

    Parameters
    ----------
    name : str
        What the user calls it.
    make : callable
        ``make(x, *data)``: an object with the coefficients ``c``, and the knots ``t`` of a B-spline.

    The first extents of the coefficients, which stand for the first one of the values, are an attribute
    ``extents`` of the operations.
    """

    name: str
    make: Callable[..., Any]


def _coefficients(x: Any, y: Any, fit: Fit, extents: Any) -> Any:
    return fit.make(x, y).c


def _values(x: Any, c: Any, fit: Fit, extents: Any) -> Any:
    """The transpose of :func:`_coefficients` in ``y``."""
    unit = fit.make(x, np.eye(len(x))).c
    axes = range(unit.ndim - 1)
    return np.moveaxis(np.tensordot(c, unit, (tuple(axes), tuple(axes))), -1, 0)


def _by_x(site: Any) -> DerivativeError:
    return DerivativeError(
        f"scipy.interpolate.{site.attributes['fit'].name} has derivatives by the values "
        "it interpolates and the points where it is evaluated, not by where the values are given.",
        source=current_builder().source,
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
        lambda types, fit, extents: (ArrayType(types[1].dtype, (*extents, *types[1].shape[1:])),),
        _coefficients,
        Kernel("interpolation"),
        _rules("interpolation", "interpolation_back"),
        kept=True,
    )
)
register(
    Entry(
        "interpolation_back",
        lambda types, fit, extents: (
            ArrayType(types[1].dtype, (types[0].shape[0], *types[1].shape[len(extents) :])),
        ),
        _values,
        Kernel("interpolation_back"),
        _rules("interpolation_back", "interpolation"),
    )
)
register(
    Entry(
        "interpolation_knots",
        lambda types, fit, extents: (ArrayType(types[0].dtype, extents),),
        lambda x, fit, extents: fit.make(x, np.zeros(len(x))).t,
        Kernel("interpolation_knots"),
        Rules(lambda site, tangents: _refuse(site), lambda site, cts: _refuse(site)),
    )
)
register(
    Entry(
        "fitted",
        lambda types, fit, extents: (ArrayType(types[1].dtype, (*extents, *types[1].shape[1:])),),
        lambda x, *data, fit, extents: fit.make(x, *data).c,
        Kernel("fitted"),
        zero_derivative=True,
        kept=True,
    )
)


def coefficients(fit: Fit, extents: tuple[Extent, ...], x: Array, y: Array) -> Array:
    """The coefficients of data ``y``, in which they are linear."""
    return emit_tracer("interpolation", x, y, fit=fit, extents=extents)


def knots(fit: Fit, count: Extent, x: Array) -> Array:
    """The knots of a B-spline."""
    return emit_tracer("interpolation_knots", x, fit=fit, extents=(count,))


def fitted(fit: Fit, formula: Array, x: Array, *data: Array) -> Array:
    """The coefficients as SciPy makes them, with the derivative of a formula for them."""
    extents = formula.shape[: 1 + formula.ndim - data[0].ndim]
    return derived_as(emit_tracer("fitted", x, *data, fit=fit, extents=extents), formula)


def _refuse(site: Any) -> Any:
    raise _by_x(site)


__all__ = [
    "KERNELS",
    "Fit",
    "akima_slopes",
    "bernstein",
    "coefficients",
    "crossings",
    "filled",
    "fitted",
    "hermite",
    "integral_of_pieces",
    "integral_of_spline",
    "knots",
    "linear_weights",
    "monotone_slopes",
    "nearest_weights",
    "on_grid",
    "on_triangles",
    "piecewise",
    "radial",
    "spline",
    "straight",
    "surface",
    "tensor_pieces",
    "tensor_spline",
]
