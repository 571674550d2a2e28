"""Interpolators of ``scipy.interpolate`` in captured code, at points that may carry derivatives.

    spline(x), spline(x, 1)     the arrays of ``spline`` are read at every call
    spline.derivative()         an :class:`Interpolant` of a higher order
    CubicSpline(x, y)           of traced ``y``, in which its coefficients are linear

An interpolator made outside of the function may be changed there: what it is made of are inputs of the
program.  How they are evaluated is in :mod:`autodiff.ops.interpolation`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import sys
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import numpy as np

from autodiff.capture.access import load_attribute
from autodiff.capture.fitpack import (
    Fitpack,
    Surface,
    by_fit,
    by_fitpack,
    of_tensor,
    spline_at,
    spline_integral,
    surface_on_grid,
    surface_through,
    tensor_of_pieces,
    tensor_of_splines,
)
from autodiff.capture.grids import (
    grid_interpolant,
    grid_of,
    griddata,
    interpn_at,
    interpolant_on_grid,
    radial_interpolant,
    radial_interpolator,
    triangulated,
)
from autodiff.capture.interpolants import (
    BEYOND,
    Called,
    Interpolant,
    Twofold,
    array_of,
    data_of,
    double_of,
    fixed_knots,
    fixed_number,
    of_linear,
    one_number,
    options_left,
)
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.programs import (
    for_derivatives,
)
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, UndecidedExtent, same_shape
from autodiff.ladder import Bail
from autodiff.ops.complex_numbers import as_complex, is_complex, joined, plain
from autodiff.ops.either import Either
from autodiff.ops.interpolation import (
    Fit,
    akima_slopes,
    bernstein,
    coefficients,
    filled,
    fitted,
    hermite,
    knots,
    monotone_slopes,
    piecewise,
    shaped,
    spline,
    straight,
)
from autodiff.ops.known import check
from autodiff.ops.smoothing import penalised
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer, is_traced

_METHODS = (
    "derivative", "antiderivative", "integrate", "integral", "ev", "__call__", "roots", "solve",
)  # fmt: skip


def attempt(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """What an interpolator, or a method of it, gives; NotImplemented for anything else."""
    interpolate = sys.modules.get("scipy.interpolate")
    if interpolate is None:
        return NotImplemented
    owner, method = function, "at"
    if isinstance(function, MethodType):
        owner, method = function.__self__, function.__name__
        if method not in _METHODS:
            return NotImplemented
        method = "at" if method == "__call__" else method
    try:
        name = getattr(function, "__name__", "")
        if name in OF_DATA and getattr(interpolate, name, None) is function:
            return _of_traced_data(frame, name, function, args, kwargs)
        if not (is_traced([*args, *kwargs.values()]) or frame.trace.is_external(owner)):
            return NotImplemented
        found = _found(frame, interpolate, owner, node)
        # A number of one of two types: as a double they are one point.
        args = [x.wide if isinstance(x, Either) else x for x in args]
        return NotImplemented if found is None else getattr(found, method)(*args, **kwargs)
    except (Bail, UndecidedExtent) as problem:
        if isinstance(problem, Bail) and problem.needs is not None:
            raise
        return NotImplemented


def _read(frame: Frame, owner: Any, name: str, node: ast.AST) -> Any:
    value = load_attribute(frame, owner, name, node)
    if name.removeprefix("_") == "c" and is_complex(value):
        return value
    if isinstance(value, (np.ndarray, Tracer)):
        value = array_of(value)
        if value.dtype != np.float64:
            raise Declined("an interpolator of other than double precision")
    return value


def _part(frame: Frame, owner: Any, name: str, node: ast.AST) -> Any:
    """What a piecewise polynomial or spline is made of, wherever this version of SciPy keeps it."""
    if getattr(owner, "_delegate_to", None) is not None:  # SciPy 1.18: in an object of its own
        owner = _read(frame, owner, "_delegate_to", node)
    return _read(frame, owner, f"_{name}" if hasattr(owner, f"_{name}") else name, node)


def _items(frame: Frame, row: tuple[Any, ...]) -> list[Any]:
    """The items of a tuple that an interpolator holds, which another one holds at another call."""
    path = frame.trace.paths.get(id(row))
    if path is None:
        return list(row)
    return [frame.trace.lift(x, path.item(k)) for k, x in enumerate(row)]


def _found(frame: Frame, interpolate: Any, owner: Any, node: ast.AST) -> Interpolant | None:
    """An interpolator of SciPy's as an :class:`Interpolant`."""

    def read(name: str) -> Any:
        return _read(frame, owner, name, node)

    def part(name: str) -> Any:
        return _part(frame, owner, name, node)

    call = getattr(type(owner), "__call__", None)  # noqa: B004 - the function itself
    for pieces, evaluate in ((interpolate.PPoly, _piecewise), (interpolate.BPoly, _bernstein)):
        if isinstance(owner, pieces) and call is pieces.__call__:
            c, x, axis = part("c"), part("x"), part("axis")
            check(np.greater_equal(x[-1], x[0]), "break points that fall")
            beyond = part("extrapolate")
            make = functools.partial(_pieces, type(owner), evaluate, x, axis, beyond)
            return of_linear(c, make)
    if isinstance(owner, interpolate.BSpline) and call is interpolate.BSpline.__call__:
        t, c, k, axis = part("t"), part("c"), part("k"), part("axis")
        beyond, degree = part("extrapolate"), int(k)
        parts = lambda c: (t, c, degree, axis)  # noqa: E731
        return of_linear(c, lambda c: Interpolant(type(owner), _spline, parts(c), beyond, degree))
    if isinstance(owner, interpolate.UnivariateSpline):
        ext, (t, c, k) = read("ext"), _items(frame, read("_eval_args"))
        if type(owner).__call__ is interpolate.UnivariateSpline.__call__ and ext != 2:
            return Fitpack(
                type(owner), by_fitpack, (double_of(t), double_of(c), int(k)), ext, int(k)
            )
    if isinstance(owner, interpolate.BivariateSpline):
        if type(owner).__call__ is interpolate.BivariateSpline.__call__:
            tx, ty, c = (double_of(x) for x in _items(frame, read("tck"))[:3])
            return Surface(type(owner), (tx, ty), c, tuple([int(k) for k in read("degrees")]))
    if type(owner) in (interpolate.NdPPoly, interpolate.NdBSpline):
        return _tensor(frame, owner, node)
    if type(owner) is interpolate.RegularGridInterpolator and not owner._descending_dimensions:
        names = {"points": "grid", "values": "_values", "fill_value": "fill_value"}
        found = {name: read(own) for name, own in names.items()}
        found = {**found, "method": read("method"), "bounds_error": read("bounds_error")}
        solved = None if owner._spline is None else _part(frame, read("_spline"), "c", node)
        return grid_interpolant(type(owner), grid_of(found, solved))
    if type(owner) is interpolate.RBFInterpolator and owner.neighbors is None:
        shape, kernel, epsilon = owner.d_shape, read("kernel"), read("epsilon")
        powers = np.array(owner.powers)
        if owner.d_dtype is float or owner.d_dtype == np.float64:
            return radial_interpolant(
                type(owner), read("y"), read("_coeffs"), shape, kernel, float(epsilon), powers
            )
    if type(owner) is interpolate.interp1d:
        return Interpolant(
            type(owner), _of_one_dimension(frame, interpolate, owner, node), (), True
        )
    return None


def _tensor(frame: Frame, owner: Any, node: ast.AST) -> Interpolant | None:
    """An interpolator of several variables."""
    c, beyond = double_of(_part(frame, owner, "c", node)), _read(frame, owner, "extrapolate", node)
    if hasattr(owner, "x"):
        rows = _items(frame, _read(frame, owner, "x", node))
        return tensor_of_pieces(type(owner), c, [double_of(x) for x in rows], bool(beyond))
    if not hasattr(owner, "_len_t"):
        return None
    counts, degrees = (
        [int(n) for n in np.array(frame.trace.concrete(load_attribute(frame, owner, name, node)))]
        for name in ("_len_t", "_k")
    )
    knots_of = _read(frame, owner, "_t", node)
    t = [knots_of[d, :n] for d, n in enumerate(counts)]
    return tensor_of_splines(type(owner), t, c, degrees, bool(beyond))


def _pieces(cls: type, evaluate: Any, x: Any, axis: int, beyond: Any, c: Any) -> Interpolant:
    return Interpolant(cls, evaluate, (c, x, axis), beyond)


def _piecewise(c: Any, x: Any, axis: int, points: Any, nu: int, extrapolate: Any) -> Any:
    return piecewise(c, x, points, nu, extrapolate, axis)


def _bernstein(c: Any, x: Any, axis: int, points: Any, nu: int, extrapolate: Any) -> Any:
    if nu > c.shape[0]:
        raise Declined("a derivative of an order at which SciPy raises")
    return bernstein(c, x, points, nu, extrapolate, axis)


def _spline(t: Any, c: Any, k: int, axis: int, points: Any, nu: int, extrapolate: Any) -> Any:
    return spline(t, c, k, points, nu, extrapolate, axis)


def _of_one_dimension(
    frame: Frame, interpolate: Any, owner: Any, node: ast.AST
) -> Callable[..., Any]:
    """``interp1d``: how it finds values, and what stands beyond the ends."""

    def read(name: str) -> Any:
        return _read(frame, owner, name, node)

    kind, x, y = read("_kind"), read("x"), read("_y")
    axis, shape = owner._y_axis, owner._y_extra_shape
    last = x.shape[0] - 1
    if isinstance(last, Dim):
        raise Declined("interp1d of data of a size known only at run time")

    def values(points: Any) -> Any:
        if kind == "linear":
            if owner._call is interpolate.interp1d._call_linear_np:
                return np.interp(points, x, np.reshape(y, (-1,)))
            return straight(x, y, points)
        if kind in ("nearest", "nearest-up"):
            at = np.clip(np.searchsorted(read("x_bds"), points, read("_side")), 0, last)
            return y[at]
        if kind in ("previous", "next"):
            first = int(read("_ind"))
            at = np.searchsorted(read("_x_shift"), points, read("_side"))
            return y[np.clip(at, 1 - first, last + 1 - first) + first - 1]
        found = _found(frame, interpolate, read("_spline"), node)
        if found is None or getattr(owner, "_call", None) is not interpolate.interp1d._call_spline:
            raise Declined("interp1d of this kind")
        return found.at(points)

    def evaluate(points: Any, nu: int, extrapolate: Any) -> Any:
        if nu or points.dtype != np.float64:
            raise Declined("interp1d in single precision, or with a derivative")
        flat = np.reshape(points, (-1,))
        found = np.reshape(values(flat), (flat.shape[0], math.prod(shape)))
        if not read("_extrapolate"):
            below, above = flat < x[0], flat > x[-1]
            if read("bounds_error"):
                inside: Any = np.all(~(below | above))
                check(inside, "a point outside of the interpolation range")
            found = filled(found, below, read("_fill_value_below"))
            found = filled(found, above, read("_fill_value_above"))
        found = np.reshape(found, (*points.shape, *shape))
        n = points.ndim
        if not axis or not n:
            return found
        order = list(range(found.ndim))
        return np.transpose(found, order[n : n + axis] + order[:n] + order[n + axis :])

    return evaluate


# -- made of traced data --------------------------------------------------------------------------------
def _of_traced_data(
    frame: Frame, name: str, function: Any, args: list[Any], kwargs: dict[str, Any]
) -> Any:
    """An interpolator of traced data, by the rows of ``OF_DATA``; or what a function of one gives."""
    try:
        given = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except TypeError:
        return NotImplemented
    # None is what is left out, but as a fill: there it says that the interpolator goes on.
    given = {k: v for k, v in frame.trace.deep(given).items() if v is not None or k == "fill_value"}
    if not is_traced(list(given.values())):
        return NotImplemented
    if any(map(is_complex, given.values())):
        return _of_complex_data(frame, name, function, given)
    return OF_DATA[name](frame, function, given)


# What an interpolator is linear in, where its values may be complex; those that fill beyond the ends.
_LINEAR_IN: dict[str, tuple[str, ...]] = {
    "CubicSpline": ("y",),
    "CubicHermiteSpline": ("y", "dydx"),
    "make_interp_spline": ("y",),
    "make_lsq_spline": ("y",),
    "interp1d": ("y",),
    "PPoly": ("c",),
    "BPoly": ("c",),
    "BSpline": ("c",),
    "NdBSpline": ("c",),
    "NdPPoly": ("c",),
    "RBFInterpolator": ("d",),
    **dict.fromkeys(
        ("RegularGridInterpolator", "interpn", "LinearNDInterpolator", "griddata"), ("values",)
    ),
}
_FILLED = ("interp1d", "RegularGridInterpolator", "interpn", "LinearNDInterpolator", "griddata")


def _of_complex_data(frame: Frame, name: str, function: Any, given: dict[str, Any]) -> Any:
    """The same of real parts, and of imaginary ones."""
    names = _LINEAR_IN.get(name, ())
    beside = {k for k, v in given.items() if is_complex(v)} - {*names, "fill_value"}
    if not names or beside or given.get("method") == "pchip":
        raise Declined("an interpolator of complex numbers")
    if not isinstance(given.get("bc_type", ""), str):
        raise Declined("a spline of complex numbers with other conditions at its ends")

    def part(which: int) -> Any:
        one = dict(given)
        for k in set(names) & set(given):
            one[k] = plain(as_complex(given[k]).parts[which])
        fill = given.get("fill_value", np.nan)
        if name in _FILLED and isinstance(fill, (int, float, complex, tuple)):
            ends = [complex(x) for x in (fill if isinstance(fill, tuple) else (fill,))]
            parts = [x.imag if which else x.real for x in ends]
            one["fill_value"] = tuple(parts) if isinstance(fill, tuple) else parts[0]
        return OF_DATA[name](frame, function, one)

    re, im = part(0), part(1)
    return Twofold(re, im) if isinstance(re, Interpolant) else joined(re, im, re.form)


def _cubic(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    axis = _first_axis(given)
    x, y = data_of(given, "x", "y")
    conditions = given.pop("bc_type", "not-a-knot")
    options = dict(options_left(given, extrapolate=(*BEYOND, "periodic")))
    beyond = options.get("extrapolate", "periodic" if conditions == "periodic" else True)
    extents = (4, x.shape[0] - 1)
    if not isinstance(conditions, str):
        c = _with_conditions(function, extents, x, y, conditions)
    elif conditions == "periodic":
        check(as_tracer(np.all(y[0] == y[-1])), "the same value at both ends of a period")
        # Linear also in values that differ there, of which the transpose asks.
        make = functools.partial(_closed, function)
        c = coefficients(Fit("CubicSpline", make), extents, x, y)
    elif conditions in _CONDITIONS:
        fit = Fit("CubicSpline", functools.partial(function, bc_type=conditions, **options))
        c = coefficients(fit, extents, x, y)
    else:
        raise Declined("a spline with other conditions at its ends")
    return Interpolant(function, _piecewise, (c, x, axis), beyond)


_CONDITIONS = ("not-a-knot", "natural", "clamped")


def _closed(function: Any, x: Any, y: Any, **options: Any) -> Any:
    return function(x, np.concatenate([y[:-1], y[:1]]), bc_type="periodic", **options)


def _with_conditions(
    function: Any, extents: tuple[Any, ...], x: Any, y: Any, conditions: Any
) -> Any:
    """The coefficients of a cubic spline whose first or second derivatives at its ends are given."""
    if not isinstance(conditions, (tuple, list)) or len(conditions) != 2:
        raise Declined("conditions at the ends of a spline that are no pair")
    orders: list[Any] = []  # of the derivatives that are given
    values: list[Any] = []
    fixed: list[Any] = []  # at each end: None where it is among the values
    for one in conditions:
        if isinstance(one, str) and one in _CONDITIONS:
            fixed.append(one)
            continue
        if not isinstance(one, (tuple, list)) or len(one) != 2 or one[0] not in (1, 2):
            raise Declined("a condition at the end of a spline of another kind")
        fixed.append(None)
        orders.append(int(one[0]))
        values.append(double_of(one[1]))
        if not same_shape(values[-1].shape, y.shape[1:]):
            raise Declined("a condition at the end of a spline of another shape")

    def make(x: Any, y: Any, given: Sequence[Any]) -> Any:
        rest = iter(zip(orders, given, strict=True))
        pair = tuple([next(rest) if one is None else one for one in fixed])
        return function(x, y, bc_type=pair)

    return _with_derivatives("CubicSpline", make, extents, x, y, values)[0]


def _with_derivatives(
    name: str, make: Any, extents: tuple[Any, ...], x: Any, y: Any, values: list[Any]
) -> tuple[Any, Fit]:
    """The coefficients of a spline that is linear in data and in derivatives at its ends, and how it is made.

    ``make`` is given the derivatives as a list.
    """

    def fit(units: Sequence[float] | None) -> Fit:
        """With the values that are given, or as many numbers in their place."""

        def made(x: Any, y: Any, *values: Any) -> Any:
            given = values if units is None else [np.full(np.shape(y)[1:], u) for u in units]
            return make(x, y, given)

        return Fit(name, made)

    formula = coefficients(fit([0.0] * len(values)), extents, x, y)
    at_rest = zeros(y.shape, float)
    for k, value in enumerate(values):
        units = [1.0 if other == k else 0.0 for other in range(len(values))]
        formula = formula + coefficients(fit(units), extents, x, at_rest) * value
    return fitted(fit(None), formula, x, y, *values), fit([0.0] * len(values))


_AT_REST = {"natural": 2, "clamped": 1}  # of the derivative that is zero


def _by_ends(function: Any, k: int, x: Any, y: Any, conditions: Any) -> tuple[Any, Any]:
    """Coefficients and knots of ``make_interp_spline`` with derivatives of any order at its ends."""
    orders: list[list[int]] = []
    values: list[Any] = []
    for end in conditions:
        if isinstance(end, str) and end in _AT_REST:
            end = [(_AT_REST[end], np.zeros(y.shape[1:]))]
        elif end is None:
            end = []
        if not isinstance(end, (list, tuple)) or not all(len(one) == 2 for one in end):
            raise Declined("a condition at the end of a spline of another kind")
        orders.append([int(order) for order, _ in end])
        values += [double_of(value) for _, value in end]
    if any(not same_shape(value.shape, y.shape[1:]) for value in values):
        raise Declined("a condition at the end of a spline of another shape")

    def make(x: Any, y: Any, given: Sequence[Any]) -> Any:
        rest = iter(given)
        ends = tuple([[(order, next(rest)) for order in end] or None for end in orders])
        return function(x, y, k=k, bc_type=ends)

    count = x.shape[0] + len(values)
    c, fit = _with_derivatives(function.__name__, make, (count,), x, y, values)
    return c, knots(fit, count + k + 1, x)


def _first_axis(given: dict[str, Any]) -> int:
    """The axis of the values along which they are given, which becomes the first one."""
    axis = given.pop("axis", 0)
    if not isinstance(axis, int):
        raise Declined("an interpolator along an axis known only at run time")
    if not axis:
        return 0
    values: Any = array_of(given["y"])
    for name in given.keys() & {"y", "dydx"}:
        rows: Any = array_of(given[name])
        given[name] = np.moveaxis(rows, axis, 0)
    return axis % len(values.shape)


def _chosen_slopes(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """Cubics of slopes that are given, or that SciPy chooses."""
    name = function.__name__
    hermite_too = ("dydx",) if name == "CubicHermiteSpline" else ()
    axis = _first_axis(given)
    x, y, *more = data_of(given, "x", "y", *hermite_too)
    options = dict(options_left(given, extrapolate=BEYOND, method=("akima", "makima")))
    if name == "Akima1DInterpolator":
        slopes = akima_slopes(x, y, options.get("method", "akima"))
    else:
        slopes = more[0] if more else monotone_slopes(x, y)
    make = Fit(name, functools.partial(function, **options))
    c = fitted(make, hermite(x, y, slopes), x, y, *more)
    beyond = options.get("extrapolate", name != "Akima1DInterpolator")
    return Interpolant(function, _piecewise, (c, x, axis), beyond)


def _b_spline(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """A B-spline whose coefficients are linear in the data."""
    cls = sys.modules["scipy.interpolate"].BSpline
    axis = _first_axis(given)
    x, y = data_of(given, "x", "y")
    if function.__name__ == "make_lsq_spline":
        t = double_of(given.pop("t"))
        k = options_left(given, k=(0, 1, 2, 3, 4, 5)).get("k", 3)
        if not isinstance(t.shape[0], int):
            raise Declined("a spline of a number of knots known only at run time")
        count = t.shape[0] - k - 1
        t, where = fixed_knots(frame, "make_lsq_spline", t)
        fit = Fit("make_lsq_spline", lambda x, y: function(x, y, where, k))
        return Interpolant(cls, _spline, (t, coefficients(fit, (count,), x, y), k, axis), True, k)
    if isinstance(given.get("bc_type"), (tuple, list)) and len(given["bc_type"]) == 2:
        conditions = given.pop("bc_type")
        k = options_left(given, k=(1, 2, 3, 4, 5)).get("k", 3)
        c, t = _by_ends(function, k, x, y, conditions)
        return Interpolant(cls, _spline, (t, c, k, axis), True, k)
    options = dict(options_left(given, k=(1, 2, 3, 4, 5), bc_type=(*_CONDITIONS, "periodic")))
    if options.get("bc_type") == "periodic":
        k = options.get("k", 3)
        check(as_tracer(np.all(y[0] == y[-1])), "the same value at both ends of a period")
        fit = Fit("make_interp_spline", functools.partial(_closed, function, k=k))
        c = coefficients(fit, (x.shape[0] + k - 1,), x, y)
        return Interpolant(
            cls, _spline, (knots(fit, x.shape[0] + 2 * k, x), c, k, axis), "periodic", k
        )
    k, usual = options.get("k", 3), options.get("bc_type", _CONDITIONS[0]) == _CONDITIONS[0]
    if not usual and k != 3:
        raise Declined("a spline of another degree with conditions at its ends")
    count = x.shape[0] if usual else x.shape[0] + 2
    fit = Fit(function.__name__, functools.partial(function, **options))
    c, t = coefficients(fit, (count,), x, y), knots(fit, count + k + 1, x)
    return Interpolant(cls, _spline, (t, c, k, axis), True, k)


def _smoothing_spline(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``make_smoothing_spline``: the natural spline through values that a formula says."""
    interpolate = sys.modules["scipy.interpolate"]
    x, y = data_of(given, "x", "y")
    lam, w = given.pop("lam", None), given.pop("w", None)
    options_left(given, axis=(0,))
    if lam is None and len(y.shape) != 1:
        raise Declined("smoothing splines of several rows, each as smooth as SciPy chooses")
    n = x.shape[0]
    w = np.add(zeros((n,), np.dtype(float)), 1.0) if w is None else double_of(w)
    if lam is not None:
        lam = one_number(lam)
        possible: Any = np.greater_equal(lam, 0.0)
        check(possible, "a negative penalty")
    positive: Any = np.all(np.greater(w, 0.0))
    check(positive, "weights that are not positive")
    places = fixed_number(function.__name__, x)
    natural = functools.partial(interpolate.make_interp_spline, k=3, bc_type="natural")
    t = knots(Fit(function.__name__, natural), n + 6, x)
    source = frame.trace.builder.source
    with for_derivatives(frame.trace):
        exact, how_smooth, begun = penalised(places, y, w, lam)
        if lam is None:
            site = {"name": "scipy.interpolate.make_smoothing_spline", "source": source}
            exact = emit_tracer("agrees", exact, how_smooth, begun, **site)
    fit = Fit(function.__name__, functools.partial(_smoothed, function))
    c = fitted(fit, exact, x, y, w, *([] if lam is None else [lam]))
    return Interpolant(interpolate.BSpline, _spline, (t, c, 3, 0), True, 3)


def _smoothed(function: Any, x: Any, y: Any, w: Any, lam: Any = None) -> Any:
    return function(x, y, w, lam=None if lam is None else float(lam))


def _of_parts(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``PPoly``, ``BPoly`` and ``BSpline`` of their own coefficients."""
    beyond = given.pop("extrapolate", True)
    options_left({"extrapolate": beyond}, extrapolate=(*BEYOND, "periodic"))
    if function.__name__ in ("PPoly", "BPoly"):
        c, x = double_of(given.pop("c")), double_of(given.pop("x"))
        check(np.greater_equal(x[-1], x[0]), "break points that fall")
        parts: tuple[Any, ...] = (c, x, options_left(given, axis=(0,)).get("axis", 0))
        evaluate = _piecewise if function.__name__ == "PPoly" else _bernstein
        return Interpolant(function, evaluate, parts, beyond)
    t, c, k = double_of(given.pop("t")), double_of(given.pop("c")), given.pop("k")
    if not isinstance(k, int) or options_left(given, axis=(0,)).get("axis"):
        raise Declined("a spline of a degree known only at run time")
    return Interpolant(function, _spline, (t, c, k, 0), beyond, k)


def _line(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``interp1d``."""
    given.setdefault("axis", -1)
    axis = _first_axis(given)
    x, y = data_of(given, "x", "y")
    kind, fill = given.pop("kind", "linear"), given.pop("fill_value", np.nan)
    raises, is_sorted = given.pop("bounds_error", None), given.pop("assume_sorted", False)
    options_left(given, copy=(True, False))
    beyond = isinstance(fill, str)
    ends = fill if isinstance(fill, tuple) else (fill, fill)
    known = isinstance(kind, (str, int)) and len(ends) == 2
    if not known or any(np.shape(end) for end in ends) or (beyond and kind in _STEPS):
        raise Declined("interp1d of traced data with these options")
    below, above = ends if beyond else map(double_of, ends)
    if not is_sorted:
        order: Any = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    values = _of_kind(x, y, kind, beyond)

    def at(points: Any) -> Any:
        points = double_of(points)
        flat = np.reshape(points, (-1,))
        found = values(flat)
        if not beyond:
            outside: Any = flat < x[0], flat > x[-1]
            if raises is None or raises:
                inside: Any = np.all(~(outside[0] | outside[1]))
                check(inside, "a point outside of the interpolation range")
            rows = filled(np.reshape(found, (flat.shape[0], -1)), outside[0], below)
            found = np.reshape(filled(rows, outside[1], above), found.shape)
        return shaped(found, points, axis)

    return Called(function, at)


_ORDERS: dict[str | int, int] = {"slinear": 1, "quadratic": 2, "cubic": 3}
_ORDERS |= {k: k for k in range(1, 6)}
_STEPS = ("nearest", "nearest-up", "previous", "next")


_SIDES: dict[str, Any] = {"nearest": "left", "nearest-up": "right"}


def _of_kind(x: Any, y: Any, kind: str | int, beyond: bool) -> Callable[[Any], Any]:
    """How ``interp1d`` finds values at points."""
    last = x.shape[0] - 1
    if kind == "linear":
        if beyond or len(y.shape) > 1:
            return lambda points: straight(x, y, points)
        return lambda points: np.interp(points, x, y)
    if kind in _ORDERS:
        k = _ORDERS[kind]
        make = sys.modules["scipy.interpolate"].make_interp_spline
        fit = Fit("interp1d", functools.partial(make, k=k, check_finite=False))
        t, c = knots(fit, last + k + 2, x), coefficients(fit, (last + 1,), x, y)
        return lambda points: spline(t, c, k, points)
    if kind in ("nearest", "nearest-up"):
        bounds, side = x[1:] / 2.0 + x[:-1] / 2.0, _SIDES[kind]
        return lambda points: y[np.clip(np.searchsorted(bounds, points, side), 0, last)]
    if kind in ("zero", 0):
        t = np.concatenate([x, x[-1:]])
        return lambda points: spline(t, y, 0, points)
    if kind == "previous":
        return lambda points: y[np.clip(np.searchsorted(x, points, "right"), 1, last + 1) - 1]
    if kind == "next":
        return lambda points: y[np.clip(np.searchsorted(x, points, "left"), 0, last)]
    raise Declined("interp1d of this kind")


OF_DATA: dict[str, Callable[..., Any]] = {
    "CubicSpline": _cubic,
    "PchipInterpolator": _chosen_slopes,
    "Akima1DInterpolator": _chosen_slopes,
    "CubicHermiteSpline": _chosen_slopes,
    "make_interp_spline": _b_spline,
    "make_lsq_spline": _b_spline,
    "make_smoothing_spline": _smoothing_spline,
    "interp1d": _line,
    "PPoly": _of_parts,
    "BPoly": _of_parts,
    "BSpline": _of_parts,
    "UnivariateSpline": by_fit,
    "InterpolatedUnivariateSpline": by_fit,
    "LSQUnivariateSpline": by_fit,
    "splrep": by_fit,
    "splev": spline_at,
    "splint": spline_integral,
    "bisplev": surface_on_grid,
    "NdBSpline": of_tensor,
    "NdPPoly": of_tensor,
    "RectBivariateSpline": surface_through,
    "RegularGridInterpolator": interpolant_on_grid,
    "interpn": interpn_at,
    "RBFInterpolator": radial_interpolator,
    "LinearNDInterpolator": triangulated,
    "griddata": griddata,
}

__all__ = ["Interpolant", "attempt"]
