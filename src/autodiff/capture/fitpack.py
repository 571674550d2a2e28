"""Splines of FITPACK: ``splrep``, ``splev``, ``UnivariateSpline`` and the surfaces."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.capture.interpolants import (
    BEYOND,
    EXTRAPOLATION,
    Interpolant,
    Knotted,
    data_of,
    double_of,
    fixed_knots,
    one_number,
    options_left,
)
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.programs import (
    for_derivatives,
)
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, same_shape
from autodiff.ops.interpolation import (
    Fit,
    coefficients,
    fitted,
    integral_of_spline,
    knots,
    spline,
    surface,
    tensor_pieces,
    tensor_spline,
)
from autodiff.ops.known import check
from autodiff.ops.python_numbers import number
from autodiff.ops.smooth import derived_as
from autodiff.ops.smoothing import by_knots, chosen, moving
from autodiff.ops.solvers import calling_from
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer


def by_fitpack(t: Any, c: Any, k: int, ext: int, points: Any, nu: int) -> Any:
    """``splev``: a B-spline, that beyond its ends goes on, is zero, or stays."""
    if nu > k:
        raise Declined("a derivative of a higher order than the spline's degree")
    n = t.shape[0] - k - 1
    flat = np.reshape(points, (-1,))
    low, high = t[k], t[n]
    inside = (flat >= low) & (flat <= high)
    at = np.clip(flat, low, high) if ext == 3 else flat
    found = spline(t, c[:n], k, at, nu)
    if ext == 1:
        found = np.where(inside, found, 0.0)
    return np.reshape(found, points.shape)


class Fitpack(Interpolant):
    """An interpolator that takes FITPACK's word for what is beyond its ends."""

    def at(self, x: Any, nu: Any = 0, ext: Any = None) -> Any:
        """Values or derivatives at points."""
        ext = self.extrapolate if ext is None else EXTRAPOLATION.get(ext)
        if not isinstance(nu, int) or nu < 0 or ext is None:
            raise Declined("an interpolator at options known only at run time")
        t, c, k = self.parts
        return by_fitpack(t, c, k, ext, double_of(x), self.order + nu)

    def integral(self, a: Any, b: Any) -> Any:
        """The integral between two points, of a spline that is 0 beyond its ends."""
        if self.order:
            raise Declined("the integral of a derivative")
        t, c, k = self.parts
        return _integral_by_fitpack(t, c, k, a, b)


def _integral_by_fitpack(t: Any, c: Any, k: int, a: Any, b: Any) -> Any:
    n = t.shape[0] - k - 1
    a, b = (np.clip(one_number(x), t[k], t[n]) for x in (a, b))
    knots_of_whole, whole = integral_of_spline(t, c[:n], k)
    first, last = (spline(knots_of_whole, whole, k + 1, x) for x in (a, b))
    return number(last - first, float)  # FITPACK's own result is one of Python's


def by_fit(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``splrep`` and the splines of FITPACK: through the data, of given knots, or smoothing."""
    name = function.__name__
    smooth, weighted = given.get("s"), given.get("w") is not None
    if smooth is None and name == "splrep":
        smooth = 0 if not weighted or "t" in given else None
    elif smooth is None and name != "UnivariateSpline":
        smooth = 0
    given.pop("s", None)
    if not isinstance(smooth, Tracer) and smooth == 0 and not weighted:
        return _linear_fit(frame, function, given)
    if "t" in given:
        raise Declined("a spline of given knots with weights")
    return _smoothing_fit(frame, function, given, smooth)


def _smoothing_fit(frame: Frame, function: Any, given: dict[str, Any], smooth: Any) -> Any:
    """A spline of FITPACK's whose knots are chosen by the data."""
    name, trace = function.__name__, frame.trace
    x, y = data_of(given, "x", "y")
    w, k, ext = given.pop("w", None), given.pop("k", 3), given.pop("ext", 0)
    options_left(given, per=(0, False), task=(0,), full_output=(0, False), check_finite=BEYOND)
    ext = EXTRAPOLATION.get(ext)
    if ext is None or not isinstance(k, int) or len(y.shape) != 1:
        raise Declined("a spline with options of another kind")
    n = x.shape[0]
    w = np.add(zeros((n,), np.dtype(float)), 1.0) if w is None else double_of(w)
    if smooth is None:  # as many degrees of freedom as there are data, or for splrep somewhat fewer
        count: Any = emit_tracer("extent", size=n) if isinstance(n, Dim) else float(n)
        smooth = count - np.sqrt(2 * count) if name == "splrep" else count
    s = one_number(as_tracer(smooth))
    values = (x, y, w, s)
    source = trace.builder.source

    def make(x: Any, y: Any, w: Any, s: Any) -> Any:
        made = calling_from(source)(function, {"x": x, "y": y, "w": w, "k": k, "s": float(s)})
        return made if isinstance(made, tuple) else made._eval_args

    t, found = chosen(name, make, k, values)
    with for_derivatives(trace):
        title = f"scipy.interpolate.{name}"
        t = moving(t, x, title, source)
        exact = by_knots(t, found, k, x, y, w, s)
        exact = emit_tracer("agrees", exact, exact, found, name=title, source=source)
    c = derived_as(found, exact)
    if name == "splrep":
        return t, np.concatenate([c, zeros((k + 1,), np.dtype(float))]), k
    return Fitpack(function, by_fitpack, (t, c, k), ext, k)


def _linear_fit(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``splrep`` and the splines of FITPACK, where they pass through the data or have given knots."""
    name = function.__name__
    x, y = data_of(given, "x", "y")
    k = given.pop("k", 3)
    if not isinstance(k, int):
        raise Declined("a spline of a degree known only at run time")
    ext = EXTRAPOLATION.get(given.pop("ext", 0))
    t = given.pop("t", None)
    options_left(given, per=(0, False), task=(0, -1), full_output=(0, False), check_finite=BEYOND)
    if ext is None or len(y.shape) != 1:
        raise Declined("a spline with options of another kind")
    if t is None:
        count = x.shape[0] + k + 1
        more: dict[str, Any] = (
            {"k": k} if name == "InterpolatedUnivariateSpline" else {"k": k, "s": 0}
        )
    else:
        fixed, where = fixed_knots(frame, name, double_of(t))
        count, more = len(where) + 2 * (k + 1), {"k": k, "t": where}
    fit = Fit(name, functools.partial(_made_by_fitpack, function, more))
    whole = coefficients(fit, (count - k - 1,), x, y)
    places = knots(fit, count, x)
    if t is not None:  # for what is refused of the knots inside
        places = np.concatenate([places[: k + 1], fixed, places[count - k - 1 :]])
    if name == "splrep":
        return places, np.concatenate([whole, zeros((k + 1,), np.dtype(float))]), k
    return Fitpack(function, by_fitpack, (places, whole, k), ext, k)


def _made_by_fitpack(function: Any, options: dict[str, Any], x: Any, y: Any) -> Knotted:
    """Knots and coefficients; of a matrix of data those of each column."""
    columns = [y] if np.ndim(y) == 1 else list(np.transpose(y))
    found = []
    for column in columns:
        made = function(x, column, **options)
        t, c, k = made if isinstance(made, tuple) else made._eval_args
        found.append(c[: len(t) - k - 1])
    return Knotted(t, found[0] if np.ndim(y) == 1 else np.stack(found, axis=1))


def spline_at(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``splev`` at points, of the knots, the coefficients and the degree of a spline."""
    tck, nu = given["tck"], given.get("der", 0)
    if not isinstance(tck, tuple) or len(tck) != 3 or not isinstance(tck[2], int):
        raise Declined("splev of something else than knots, coefficients and a degree")
    ext = EXTRAPOLATION.get(given.get("ext", 0))
    if ext is None or not isinstance(nu, int):
        raise Declined("splev with options of another kind")
    return by_fitpack(double_of(tck[0]), double_of(tck[1]), tck[2], ext, double_of(given["x"]), nu)


def spline_integral(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``splint``: the integral of a spline that is 0 beyond its ends."""
    tck = given.pop("tck")
    options_left({k: v for k, v in given.items() if k not in ("a", "b")}, full_output=(0, False))
    if not isinstance(tck, tuple) or len(tck) != 3 or not isinstance(tck[2], int):
        raise Declined("splint of something else than knots, coefficients and a degree")
    return _integral_by_fitpack(
        double_of(tck[0]), double_of(tck[1]), tck[2], given["a"], given["b"]
    )


class Surface(Interpolant):
    """A spline of FITPACK's of two variables."""

    def __init__(
        self, cls: type, knots_of: tuple[Any, Any], c: Any, degrees: tuple[int, ...]
    ) -> None:
        super().__init__(cls, surface, (knots_of, c, degrees), True)

    def at(self, *args: Any, **kwargs: Any) -> Any:
        """Values on the grid of two rows of coordinates, or at points."""
        return self._at(*args, **kwargs)

    def _at(self, x: Any, y: Any, dx: Any = 0, dy: Any = 0, grid: Any = True) -> Any:
        knots_of, c, degrees = self.parts
        if not (isinstance(dx, int) and isinstance(dy, int) and isinstance(grid, bool)):
            raise Declined("a spline of two variables with options known only at run time")
        if not (0 <= dx < degrees[0] + (not dx) and 0 <= dy < degrees[1] + (not dy)):
            raise Declined("a derivative of a higher order than the spline's degree")
        x, y = double_of(x), double_of(y)
        if grid:
            x, y = np.reshape(x, (-1, 1)), np.reshape(y, (1, -1))
            for row in (x[1:] >= x[:-1], y[:, 1:] >= y[:, :-1]):
                rising: Any = np.all(row)
                check(rising, "coordinates of a grid that do not rise")
        x, y = np.broadcast_arrays(x, y)
        flat = np.reshape(x, (-1,)), np.reshape(y, (-1,))
        found: Any = np.reshape(surface(knots_of, c, degrees, flat, (dx, dy)), x.shape)
        return Tracer(found.value, "array")

    def ev(self, xi: Any, yi: Any, dx: Any = 0, dy: Any = 0) -> Any:
        """Values at points."""
        return self._at(xi, yi, dx, dy, False)

    def derivative(self, nu: Any = 1) -> Interpolant:
        """Not known of these."""
        raise Declined("the derivative of a spline of two variables, as a spline")

    antiderivative = derivative


def surface_on_grid(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``bisplev`` at a grid, of the knots, the coefficients and the degrees of a surface."""
    tck, x, y = given["tck"], double_of(given["x"]), double_of(given["y"])
    if not isinstance(tck, (list, tuple)) or len(tck) != 5 or len(x.shape) > 1 or len(y.shape) > 1:
        raise Declined("bisplev of something else than knots, coefficients and degrees")
    tx, ty, c = map(double_of, tck[:3])
    made = Surface(function, (tx, ty), c, (tck[3], tck[4]))
    if not all(isinstance(k, int) for k in tck[3:]):
        raise Declined("a spline of a degree known only at run time")
    z = made.at(x, y, given.get("dx", 0), given.get("dy", 0))
    if z.shape[0] != 1:
        return z
    return z[0] if z.shape[1] != 1 else z[0, 0]


class Tensor(Interpolant):
    """``NdBSpline`` or ``NdPPoly``: ``evaluate(points, nu, extrapolate)``, the dimensions, the shape of a value."""

    def __init__(
        self, cls: type, evaluate: Any, dimensions: int, trailing: tuple[Any, ...], beyond: bool
    ) -> None:
        super().__init__(cls, evaluate, (dimensions, trailing), beyond)

    def at(self, xi: Any, nu: Any = None, extrapolate: Any = None) -> Any:
        """Values or partial derivatives at points, whose coordinates lie along the last axis."""
        dimensions, trailing = self.parts
        orders = [0] * dimensions if nu is None else list(nu)
        beyond = self.extrapolate if extrapolate is None else extrapolate
        if not all(isinstance(n, int) and n >= 0 for n in orders) or isinstance(beyond, Tracer):
            raise Declined("an interpolator at options known only at run time")
        if isinstance(xi, tuple):  # as NdPPoly takes coordinates
            xi = np.stack(np.broadcast_arrays(*map(double_of, xi)), -1)
        points = double_of(xi)
        if not points.shape or points.shape[-1] != dimensions or len(orders) != dimensions:
            raise Declined("points of another number of coordinates")
        flat = np.reshape(points, (-1, dimensions))
        found: Any = self.evaluate(flat, orders, bool(beyond))
        shaped: Any = np.reshape(found, (*points.shape[:-1], *trailing))
        return Tracer(shaped.value, "array")

    def derivative(self, nu: Any = 1) -> Interpolant:
        """Not known of these."""
        raise Declined("the derivative of a spline of several variables, as a spline")

    antiderivative = derivative


def _rising(xs: Sequence[Any]) -> None:
    for x in xs:
        rising: Any = np.all(x[1:] >= x[:-1])
        check(rising, "knots that fall")


def tensor_of_splines(
    cls: type, t: Sequence[Any], c: Any, degrees: Sequence[int], beyond: bool
) -> Tensor:
    """``NdBSpline`` of its parts."""
    d = len(t)
    fits = len(c.shape) >= d and len(degrees) == d
    if not fits or not same_shape(
        c.shape[:d], tuple([x.shape[0] - k - 1 for x, k in zip(t, degrees, strict=False)])
    ):
        raise Declined("knots, coefficients and degrees that do not fit")

    def evaluate(points: Any, nu: Sequence[int], extrapolate: bool) -> Any:
        if any(n > k for n, k in zip(nu, degrees, strict=True)):
            raise Declined("a derivative of a higher order than the spline's degree")
        return tensor_spline(t, c, degrees, points, nu, extrapolate)

    return Tensor(cls, evaluate, d, tuple(c.shape[d:]), beyond)


def tensor_of_pieces(cls: type, c: Any, xs: Sequence[Any], beyond: bool) -> Tensor:
    """``NdPPoly`` of its parts."""
    d = len(xs)
    fits = len(c.shape) >= 2 * d and all(isinstance(k, int) for k in c.shape[:d])
    if not fits or not same_shape(c.shape[d : 2 * d], tuple([x.shape[0] - 1 for x in xs])):
        raise Declined("break points and coefficients that do not fit")

    def evaluate(points: Any, nu: Sequence[int], extrapolate: bool) -> Any:
        return tensor_pieces(c, xs, points, nu, extrapolate)

    return Tensor(cls, evaluate, d, tuple(c.shape[2 * d :]), beyond)


def of_tensor(frame: Frame, function: Any, given: dict[str, Any]) -> Tensor:
    """``NdBSpline`` and ``NdPPoly`` that the function makes."""
    beyond = given.get("extrapolate", True)
    rows = given["t"] if "t" in given else given["x"]
    if not isinstance(rows, (list, tuple)) or not isinstance(beyond, bool):
        raise Declined("a spline of several variables of this form")
    rows, c = [double_of(x) for x in rows], double_of(given["c"])
    _rising(rows)
    if "t" not in given:
        return tensor_of_pieces(function, c, rows, beyond)
    k = given["k"]
    degrees = [k] * len(rows) if isinstance(k, int) else list(k)
    if not all(isinstance(k, int) and k >= 0 for k in degrees):
        raise Declined("a spline of a degree known only at run time")
    return tensor_of_splines(function, rows, c, degrees, beyond)


def surface_through(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``RectBivariateSpline`` through its data, in which its coefficients are linear, axis by axis."""
    x, y, z = (double_of(given.pop(name)) for name in ("x", "y", "z"))
    degrees = given.pop("kx", 3), given.pop("ky", 3)
    options_left(given, s=(0,), maxit=(20,))
    if not all(isinstance(k, int) and 1 <= k <= 5 for k in degrees):
        raise Declined("a spline of a degree known only at run time")
    if not same_shape((*x.shape, *y.shape), z.shape) or not all(
        isinstance(n, int) for n in z.shape
    ):
        raise Declined("a spline on a grid of sizes known only at run time")
    make = sys.modules["scipy.interpolate"].splrep
    exact: Any = z
    for places, k in ((x, degrees[0]), (y, degrees[1])):  # each time the first axis goes last
        along = functools.partial(_made_by_fitpack, make, {"k": k, "s": 0})
        fit = Fit("RectBivariateSpline", along)
        exact = np.transpose(coefficients(fit, (places.shape[0],), places, exact))

    def made(x: Any, z: Any, y: Any) -> Any:
        tx, ty, c = function(x, y, z, kx=degrees[0], ky=degrees[1]).tck
        return Knotted((tx, ty), np.reshape(c, z.shape))

    c: Any = fitted(Fit("RectBivariateSpline", made), exact, x, z, y)
    ends = []
    for places, k in ((x, degrees[0]), (y, degrees[1])):
        fit = Fit(
            "RectBivariateSpline", functools.partial(_made_by_fitpack, make, {"k": k, "s": 0})
        )
        ends.append(knots(fit, places.shape[0] + k + 1, places))
    return Surface(function, (ends[0], ends[1]), np.reshape(c, (-1,)), degrees)
