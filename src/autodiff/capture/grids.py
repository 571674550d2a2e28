"""Interpolation in several dimensions: on grids, by radial functions, by triangles."""

from __future__ import annotations

import functools
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.capture.interpolants import (
    DEGREES,
    Called,
    Interpolant,
    Knotted,
    array_of,
    double_of,
    options_left,
)
from autodiff.capture.interpreter import Frame
from autodiff.capture.trace import Declined
from autodiff.dims import same_shape
from autodiff.ops.interpolation import (
    KERNELS,
    Fit,
    coefficients,
    fitted,
    knots,
    linear_weights,
    nearest_weights,
    on_grid,
    on_triangles,
    radial,
    spline,
)
from autodiff.ops.known import check
from autodiff.ops.tracer import Tracer
from autodiff.plain_data import dataclass


def _points_of(given: Any, d: Any) -> Any:
    """Points of shape (…, d), from an array or from coordinates, one array for each axis.

    Coordinates that are numbers are one point, of which the value has no axis; an array of one axis
    is a row of points.
    """
    if isinstance(given, tuple) and len(given) == 1:
        given = given[0]
    if isinstance(given, tuple):
        parts = np.broadcast_arrays(*[array_of(x) for x in given])
        points: Any = double_of(np.stack(list(parts), axis=-1))
    else:
        points = double_of(given)
        if len(points.shape) == 1 and (d == 1 or points.shape[0] == d):
            points = np.reshape(points, (-1, d))
    if not points.shape or points.shape[-1] != d:
        raise Declined("an interpolator at points of other dimensions")
    return points


@dataclass(frozen=True)
class _Grid:
    """What a ``RegularGridInterpolator`` is made of; of a spline ``values`` are its coefficients."""

    grids: tuple[Any, ...]
    values: Any
    method: str
    bounds_error: bool
    fill: Any

    def at(self, points: Any) -> Any:
        """Values at points, of shape (…, d); or at coordinates, one array for each axis."""
        d = len(self.grids)
        points = _points_of(points, d)
        flat = np.reshape(points, (-1, d))
        found: Any = on_grid(
            self.grids,
            self.values,
            flat,
            [self.weights(g, flat[:, k]) for k, g in enumerate(self.grids)],
        )
        inside: Any = None
        for k, grid in enumerate(self.grids):
            here = (flat[:, k] >= grid[0]) & (flat[:, k] <= grid[-1])
            inside = here if inside is None else inside & here
        if self.bounds_error:
            whole: Any = np.all(inside)
            check(whole, "a point outside of the interpolation range")
        elif self.fill is not None:
            rows = np.reshape(inside, (-1, *[1] * (found.ndim - 1)))
            found = np.where(rows, found, self.fill)
        lost = np.reshape(np.any(np.isnan(flat), axis=1), (-1, *[1] * (found.ndim - 1)))
        found = np.where(lost, np.nan, found)
        return np.reshape(found, (*points.shape[:-1], *self.values.shape[d:]))

    def weights(self, grid: Any, points: Any) -> Any:
        """How much each place of an axis counts at each point."""
        if self.method == "linear":
            return linear_weights(grid, points)
        if self.method == "nearest":
            return nearest_weights(grid, points)
        k, n = DEGREES[self.method], grid.shape[0]
        return spline(knots(_axis_fit(k), n + k + 1, grid), Tracer.constant(np.eye(n)), k, points)


def _axis_fit(k: int) -> Fit:
    make = sys.modules["scipy.interpolate"].make_interp_spline
    return Fit("RegularGridInterpolator", functools.partial(make, k=k))


def _grid_coefficients(grid: _Grid) -> Any:
    """The coefficients of splines on a grid, as SciPy's iteration finds them."""
    k = DEGREES[grid.method]
    exact = grid.values
    for axis, places in enumerate(grid.grids):  # linear in the values, axis by axis
        moved = np.moveaxis(exact, axis, 0)
        found = coefficients(_axis_fit(k), (places.shape[0],), places, moved)
        exact = np.moveaxis(found, 0, axis)
    cls = sys.modules["scipy.interpolate"].RegularGridInterpolator

    def make(first: Any, values: Any, *others: Any) -> Any:
        return Knotted(None, cls((first, *others), values, grid.method)._spline._c)

    first, *others = grid.grids
    fit = Fit("RegularGridInterpolator", make)
    return fitted(fit, exact, first, grid.values, *others)


def grid_interpolant(function: Any, grid: _Grid) -> Interpolant:
    """What stands for an interpolator on a grid."""

    def at(x: Any, method: Any = None) -> Any:
        if method is not None and method != grid.method:
            raise Declined("an interpolator by another method than its own")
        return grid.at(x)

    return Called(function, at)


def grid_of(given: dict[str, Any], solved: Any = None) -> _Grid:
    """A grid with its values, and the coefficients of its splines where SciPy has ``solved`` for them."""
    grids, values = [double_of(x) for x in given.pop("points")], double_of(given.pop("values"))
    method = given.pop("method", "linear")
    raises, fill = given.pop("bounds_error", True), given.pop("fill_value", np.nan)
    options_left(given)
    if method not in ("linear", "nearest", *DEGREES) or not isinstance(raises, bool):
        raise Declined("an interpolator on a grid by this method")
    shape = tuple([g.shape[0] for g in grids])
    if not same_shape(shape, values.shape[: len(grids)]) or not all(
        isinstance(n, int) and n > 1 for n in shape
    ):
        raise Declined("an interpolator on a grid of sizes known only at run time")
    for grid in grids:
        rising: Any = np.all(grid[1:] > grid[:-1])
        check(rising, "a grid that does not rise")
    made = _Grid(tuple(grids), values, method, raises, fill)
    if method not in DEGREES:
        return made
    return replace(made, values=_grid_coefficients(made) if solved is None else solved)


def interpolant_on_grid(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``RegularGridInterpolator``."""
    return grid_interpolant(function, grid_of(given))


def interpn_at(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``interpn``."""
    at = given.pop("xi")
    grid = grid_of(given)
    points = _points_of(at, len(grid.grids))
    if len(points.shape) == 1:  # one point is a row of one here
        points = np.reshape(points, (1, -1))
    return grid.at(points)


_SCALE_FREE = ("linear", "thin_plate_spline", "cubic", "quintic")


def radial_interpolator(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``RBFInterpolator`` through traced data."""
    y, d = double_of(given.pop("y")), double_of(given.pop("d"))
    kernel = given.pop("kernel", "thin_plate_spline")
    epsilon = _option(frame, given.pop("epsilon", 1.0 if kernel in _SCALE_FREE else None))
    smoothing = _option(frame, given.pop("smoothing", 0.0))
    degree = given.pop("degree", None)
    options_left(given)
    known = isinstance(epsilon, (int, float)) and isinstance(smoothing, (int, float))
    if not known or kernel not in KERNELS or not all(isinstance(n, int) for n in y.shape):
        raise Declined("radial functions with options known only at run time")
    options = {"kernel": kernel, "epsilon": epsilon, "smoothing": smoothing, "degree": degree}
    count: Any = y.shape[0]
    dimensions: Any = y.shape[1]
    anywhere = np.random.default_rng(0).random(
        (count, dimensions)
    )  # the powers follow from the shape
    powers = np.array(function(anywhere, np.zeros(count), **options).powers)
    fit = Fit("RBFInterpolator", functools.partial(_radial_fit, function, options))
    flat: Any = np.reshape(d, (count, -1))
    c = coefficients(fit, (count + len(powers),), y, flat)
    return radial_interpolant(function, y, c, d.shape[1:], kernel, float(epsilon), powers)


def _option(frame: Frame, x: Any) -> Any:
    """A number that shapes an interpolant, guarded where it is one of each call."""
    is_number = isinstance(x, Tracer) and not x.shape and x.dtype.kind in "if"
    if not is_number or frame.trace.differentiated(x.value):
        return x
    return frame.trace.concrete(x, leaves=True)


def _radial_fit(function: Any, options: dict[str, Any], y: Any, d: Any) -> Knotted:
    return Knotted(None, np.array(function(y, d, **options)._coeffs))


def radial_interpolant(
    cls: Any, y: Any, c: Any, shape: Any, kernel: str, epsilon: float, powers: Any
) -> Interpolant:
    """What stands for a sum of radial functions and a polynomial."""

    def at(x: Any) -> Any:
        points = double_of(x)
        if len(points.shape) != 2:
            raise Declined("radial functions at points that are no matrix")
        found = radial(y, c, points, kernel, epsilon, powers)
        return np.reshape(found, (points.shape[0], *shape))

    return Called(cls, at)


def triangulated(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``LinearNDInterpolator``."""
    places, values = double_of(given.pop("points")), double_of(given.pop("values"))
    fill, rescale = given.pop("fill_value", np.nan), given.pop("rescale", False)
    options_left(given)
    if len(places.shape) != 2 or not isinstance(rescale, bool) or np.ndim(fill) != 0:
        raise Declined("an interpolator on triangles with these options")

    def at(*x: Any) -> Any:
        d: Any = places.shape[1]
        points = _points_of(x, d)
        flat: Any = np.reshape(points, (-1, d))
        found = on_triangles(places, values, flat, rescale, fill)
        return np.reshape(found, (*points.shape[:-1], *values.shape[1:]))

    return Called(function, at)


def griddata(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``griddata``, linear."""
    at = given.pop("xi")
    if given.pop("method", "linear") != "linear" or len(array_of(given["points"]).shape) != 2:
        raise Declined("griddata by this method")
    return triangulated(frame, function, given).at(at)
