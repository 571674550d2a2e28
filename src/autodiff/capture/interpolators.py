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
from dataclasses import replace
from types import MethodType
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.naming import capturing
from autodiff.capture.nested import call_frame
from autodiff.capture.solvers.programs import (
    captured,
    closed_program,
    emit_solution,
    for_derivatives,
)
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, UndecidedExtent, same_shape
from autodiff.ir.data import ArrayType, Value
from autodiff.ladder import Bail
from autodiff.ops import dispatch
from autodiff.ops.either import Either
from autodiff.ops.interpolation import (
    KERNELS,
    Fit,
    akima_slopes,
    coefficients,
    crossings,
    filled,
    fitted,
    hermite,
    integral_of_pieces,
    integral_of_spline,
    knots,
    linear_weights,
    monotone_slopes,
    nearest_weights,
    on_grid,
    on_triangles,
    piecewise,
    radial,
    spline,
    straight,
    surface,
)
from autodiff.ops.known import check
from autodiff.ops.python_numbers import number
from autodiff.ops.smooth import derived_as
from autodiff.ops.smoothing import by_knots, chosen, penalised
from autodiff.ops.solvers import calling_from
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer, is_traced
from autodiff.plain_data import dataclass


class Interpolant:
    """An interpolator with traced parts: ``evaluate(*parts, points, order, extrapolate)``.

    ``cls``: what it is to ``isinstance``.  ``degree``: of a B-spline, which has no derivatives of
    higher orders.
    """

    def __init__(
        self,
        cls: type,
        evaluate: Callable[..., Any],
        parts: tuple[Any, ...],
        extrapolate: Any,
        degree: int | None = None,
        order: int = 0,
    ) -> None:
        self.cls = cls
        self.evaluate = evaluate
        self.parts = parts
        self.extrapolate = extrapolate
        self.degree = degree
        self.order = order

    def at(self, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
        """Values or derivatives at points."""
        given = self.extrapolate if extrapolate is None else extrapolate
        if not isinstance(nu, int) or nu < 0 or isinstance(given, Tracer):
            raise Declined("an interpolator at options known only at run time")
        given = given if given == "periodic" else bool(given)
        return self.evaluate(*self.parts, _array(x), self.order + nu, given)

    def derivative(self, nu: Any = 1) -> Interpolant:
        """The derivative, as an interpolator."""
        if not isinstance(nu, int):
            raise Declined("a derivative of an order known only at run time")
        if nu < 0:
            return self.antiderivative(-nu)
        left = nu if self.degree is None else self.degree - self.order
        if nu > left:
            raise ValueError(
                f"Order of derivative (n = {nu}) must be <= order of spline (k = {left})"
            )
        return type(self)(
            self.cls, self.evaluate, self.parts, self.extrapolate, self.degree, self.order + nu
        )

    def antiderivative(self, nu: Any = 1) -> Interpolant:
        """The antiderivative that is 0 where the interpolator begins, as an interpolator."""
        if not isinstance(nu, int):
            raise Declined("an antiderivative of an order known only at run time")
        if nu < 0:
            return self.derivative(-nu)
        made = self
        for _ in range(nu):
            made = made._integral()
        return made

    def _integral(self) -> Interpolant:
        if self.order or self.extrapolate == "periodic":
            raise Declined("the antiderivative of a derivative, or of a periodic interpolator")
        if self.degree is None:
            c, x, axis = self.parts
            parts: tuple[Any, ...] = (integral_of_pieces(c, x), x, axis)
        else:
            t, c, *others = self.parts
            parts = (*integral_of_spline(t, c, self.degree), self.degree + 1, *others[1:])
        degree = None if self.degree is None else self.degree + 1
        cls = sys.modules["scipy.interpolate"].PPoly if self.degree is None else self.cls
        return type(self)(cls, self.evaluate, parts, self.extrapolate, degree)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral between two points; of a B-spline that does not go on, as if it were 0 beyond."""
        goes_on = self.extrapolate if extrapolate is None else extrapolate
        if not isinstance(goes_on, bool):
            raise Declined("the integral of a periodic interpolator")
        a, b = _number(a), _number(b)
        if self.degree is not None and not goes_on:
            a, b = (np.clip(x, *self._ends()) for x in (a, b))
        whole = self.antiderivative()
        first, last = (whole.at(x, 0, True if self.degree is not None else goes_on) for x in (a, b))
        return Tracer((last - first).value, "array")  # without axes

    def solve(self, y: Any = 0.0, discontinuity: Any = True, extrapolate: Any = None) -> Any:
        """Where the piecewise polynomial has a value: places that move as that says."""
        goes_on = self.extrapolate if extrapolate is None else extrapolate
        if self.degree is not None or len(self.parts[0].shape) != 2:
            raise Declined("where a spline has a value, or several piecewise polynomials")
        if is_traced([discontinuity, goes_on]):
            raise Declined("roots with options known only at run time")
        (c, x, _), value = self.parts, _number(y)
        options = {"order": self.order, "jumps": bool(discontinuity), "beyond": goes_on is True}
        found = crossings(c, x, value, **options)
        trace = capturing()
        assert trace is not None
        frame = call_frame(trace)
        node = frame.scope.syntax.node
        parameter = Value(ArrayType(np.dtype(float), found.shape), "z")
        z: Any = Tracer(parameter, "array")

        def difference() -> Any:
            return self.at(z, 0, True) - value

        outcome = captured(frame, self, [z], (), node, [parameter], difference)
        with frame.trace.builder.reopened(outcome.block):
            outcome.block.outputs = [outcome.value.value]
        program, read = closed_program(outcome.block, "difference")
        name = "solve of a piecewise polynomial"
        return Tracer(emit_solution(name, found, program, read, frame.trace).value, "array")

    def roots(self, discontinuity: Any = True, extrapolate: Any = None) -> Any:
        """Where the piecewise polynomial is zero."""
        return self.solve(0.0, discontinuity, extrapolate)

    def _ends(self) -> tuple[Any, Any]:
        t, k = self.parts[0], self.degree
        assert k is not None
        return t[k], t[t.shape[0] - k - 1]

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self.cls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Declined(f"{name} of an interpolator made of traced values")

    def __autodiff_inline__(self, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        return self.at(*args, **kwargs)


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


def _array(x: Any) -> Tracer:
    array: Tracer = dispatch.functions[np.asarray](x)
    if not isinstance(array, Tracer) or array.dtype.kind not in "fiub":
        raise Declined("an interpolator at what are no numbers")
    return array if array.dtype.kind == "f" else array.astype(float)


def _read(frame: Frame, owner: Any, name: str, node: ast.AST) -> Any:
    from autodiff.capture.expressions import load_attribute

    value = load_attribute(frame, owner, name, node)
    if isinstance(value, (np.ndarray, Tracer)):
        value = _array(value)
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
    if isinstance(owner, interpolate.PPoly) and call is interpolate.PPoly.__call__:
        c, x, axis = part("c"), part("x"), part("axis")
        check(np.greater_equal(x[-1], x[0]), "break points that fall")
        return Interpolant(type(owner), _piecewise, (c, x, axis), part("extrapolate"))
    if isinstance(owner, interpolate.BSpline) and call is interpolate.BSpline.__call__:
        t, c, k, axis = part("t"), part("c"), part("k"), part("axis")
        return Interpolant(type(owner), _spline, (t, c, int(k), axis), part("extrapolate"), int(k))
    if isinstance(owner, interpolate.UnivariateSpline):
        ext, (t, c, k) = read("ext"), _items(frame, read("_eval_args"))
        if type(owner).__call__ is interpolate.UnivariateSpline.__call__ and ext != 2:
            return _Fitpack(type(owner), _by_fitpack, (_double(t), _double(c), int(k)), ext, int(k))
    if isinstance(owner, interpolate.BivariateSpline):
        if type(owner).__call__ is interpolate.BivariateSpline.__call__:
            tx, ty, c = (_double(x) for x in _items(frame, read("tck"))[:3])
            return _Surface(type(owner), (tx, ty), c, tuple([int(k) for k in read("degrees")]))
    if type(owner) is interpolate.RegularGridInterpolator and not owner._descending_dimensions:
        names = {"points": "_grid", "values": "_values", "fill_value": "fill_value"}
        found = {name: read(own) for name, own in names.items()}
        found = {**found, "method": read("method"), "bounds_error": read("bounds_error")}
        solved = None if owner._spline is None else _part(frame, read("_spline"), "c", node)
        return _grid_interpolant(type(owner), _grid(found, solved))
    if type(owner) is interpolate.RBFInterpolator and owner.neighbors is None:
        shape, kernel, epsilon = owner.d_shape, read("kernel"), read("epsilon")
        powers = np.array(owner.powers)
        if owner.d_dtype is float or owner.d_dtype == np.float64:
            return _radial_interpolant(
                type(owner), read("y"), read("_coeffs"), shape, kernel, float(epsilon), powers
            )
    if type(owner) is interpolate.interp1d:
        return Interpolant(
            type(owner), _of_one_dimension(frame, interpolate, owner, node), (), True
        )
    return None


def _piecewise(c: Any, x: Any, axis: int, points: Any, nu: int, extrapolate: Any) -> Any:
    return piecewise(c, x, points, nu, extrapolate, axis)


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
    return OF_DATA[name](frame, function, given)


def _only(given: dict[str, Any], **known: tuple[Any, ...]) -> dict[str, Any]:
    """The options left, each of which has one of the values that are known."""
    for option, value in given.items():
        if isinstance(value, Tracer) or value not in known.get(option, ()):
            raise Declined(f"an interpolator of traced data with this {option}")
    return given


def _double(x: Any) -> Tracer:
    array = _array(x)
    if array.dtype != np.float64:
        raise Declined("an interpolator of other than double precision")
    return array


def _data(given: dict[str, Any], *names: str) -> list[Any]:
    """Arrays by name: places, and values at them."""
    places, *values = [_double(given.pop(name)) for name in names]
    for array in values:
        if (
            not array.shape
            or len(places.shape) != 1
            or not same_shape(places.shape, array.shape[:1])
        ):
            raise Declined("an interpolator of data of other shapes")
    return [places, *values]


_BEYOND = (True, False)


def _cubic(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    axis = _first_axis(given)
    x, y = _data(given, "x", "y")
    conditions = given.pop("bc_type", "not-a-knot")
    options = dict(_only(given, extrapolate=(*_BEYOND, "periodic")))
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
        values.append(_double(one[1]))
        if not same_shape(values[-1].shape, y.shape[1:]):
            raise Declined("a condition at the end of a spline of another shape")

    def fit(units: Sequence[float] | None) -> Fit:
        """With the values that are given, or as many numbers in their place."""

        def make(x: Any, y: Any, *values: Any) -> Any:
            given = values if units is None else [np.full(np.shape(y)[1:], u) for u in units]
            rest = iter(zip(orders, given, strict=True))
            pair = tuple([next(rest) if one is None else one for one in fixed])
            return function(x, y, bc_type=pair)

        return Fit("CubicSpline", make)

    formula = coefficients(fit([0.0] * len(values)), extents, x, y)
    at_rest = zeros(y.shape, float)
    for k, value in enumerate(values):
        units = [1.0 if other == k else 0.0 for other in range(len(values))]
        formula = formula + coefficients(fit(units), extents, x, at_rest) * value
    return fitted(fit(None), formula, x, y, *values)


def _first_axis(given: dict[str, Any]) -> int:
    """The axis of the values along which they are given, which becomes the first one."""
    axis = given.pop("axis", 0)
    if not isinstance(axis, int):
        raise Declined("an interpolator along an axis known only at run time")
    if not axis:
        return 0
    values: Any = _array(given["y"])
    given["y"] = np.moveaxis(values, axis, 0)
    return axis % len(values.shape)


def _chosen_slopes(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """Cubics of slopes that are given, or that SciPy chooses."""
    name = function.__name__
    hermite_too = ("dydx",) if name == "CubicHermiteSpline" else ()
    x, y, *more = _data(given, "x", "y", *hermite_too)
    options = dict(_only(given, extrapolate=_BEYOND, axis=(0,), method=("akima", "makima")))
    if name == "Akima1DInterpolator":
        slopes = akima_slopes(x, y, options.get("method", "akima"))
    else:
        slopes = more[0] if more else monotone_slopes(x, y)
    make = Fit(name, functools.partial(function, **options))
    c = fitted(make, hermite(x, y, slopes), x, y, *more)
    beyond = options.get("extrapolate", name != "Akima1DInterpolator")
    return Interpolant(function, _piecewise, (c, x, 0), beyond)


def _b_spline(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """A B-spline whose coefficients are linear in the data."""
    cls = sys.modules["scipy.interpolate"].BSpline
    x, y = _data(given, "x", "y")
    if function.__name__ == "make_lsq_spline":
        t = _double(given.pop("t"))
        k = _only(given, k=(0, 1, 2, 3, 4, 5), axis=(0,)).get("k", 3)
        if not isinstance(t.shape[0], int):
            raise Declined("a spline of a number of knots known only at run time")
        count = t.shape[0] - k - 1
        t, where = _fixed_knots(frame, "make_lsq_spline", t)
        fit = Fit("make_lsq_spline", lambda x, y: function(x, y, where, k))
        return Interpolant(cls, _spline, (t, coefficients(fit, (count,), x, y), k, 0), True, k)
    options = dict(_only(given, k=(1, 2, 3, 4, 5), bc_type=(*_CONDITIONS, "periodic"), axis=(0,)))
    if options.get("bc_type") == "periodic":
        k = options.get("k", 3)
        check(as_tracer(np.all(y[0] == y[-1])), "the same value at both ends of a period")
        fit = Fit("make_interp_spline", functools.partial(_closed, function, k=k))
        c = coefficients(fit, (x.shape[0] + k - 1,), x, y)
        return Interpolant(
            cls, _spline, (knots(fit, x.shape[0] + 2 * k, x), c, k, 0), "periodic", k
        )
    k, usual = options.get("k", 3), options.get("bc_type", _CONDITIONS[0]) == _CONDITIONS[0]
    if not usual and k != 3:
        raise Declined("a spline of another degree with conditions at its ends")
    count = x.shape[0] if usual else x.shape[0] + 2
    fit = Fit(function.__name__, functools.partial(function, **options))
    c, t = coefficients(fit, (count,), x, y), knots(fit, count + k + 1, x)
    return Interpolant(cls, _spline, (t, c, k, 0), True, k)


def _smoothing_spline(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``make_smoothing_spline``: the natural spline through values that a formula says."""
    interpolate = sys.modules["scipy.interpolate"]
    x, y = _data(given, "x", "y")
    lam, w = given.pop("lam", None), given.pop("w", None)
    _only(given, axis=(0,))
    if lam is None and len(y.shape) != 1:
        raise Declined("smoothing splines of several rows, each as smooth as SciPy chooses")
    n = x.shape[0]
    w = np.add(zeros((n,), np.dtype(float)), 1.0) if w is None else _double(w)
    if lam is not None:
        lam = _number(lam)
        possible: Any = np.greater_equal(lam, 0.0)
        check(possible, "a negative penalty")
    positive: Any = np.all(np.greater(w, 0.0))
    check(positive, "weights that are not positive")
    places = _fixed(function.__name__, x)
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


def _number(x: Any) -> Tracer:
    found = _double(x)
    if found.shape:
        raise Declined("an interpolator with an array in place of a number")
    return found


def _fixed(name: str, x: Tracer) -> Any:
    """Places by which there is no derivative."""
    return knots(Fit(name, lambda x, y: _Knotted(x, None)), x.shape[0], x)


def _fixed_knots(frame: Frame, name: str, t: Tracer) -> tuple[Any, np.ndarray]:
    """Knots that are given: by which there is no derivative, and as they are at this call."""
    where = np.array(frame.trace.concrete(t))
    return knots(Fit(name, lambda t, y: _Knotted(t, y)), t.shape[0], t), where


def _of_parts(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``PPoly`` and ``BSpline`` of their own coefficients."""
    beyond = given.pop("extrapolate", True)
    _only({"extrapolate": beyond}, extrapolate=(*_BEYOND, "periodic"))
    if function.__name__ == "PPoly":
        c, x = _double(given.pop("c")), _double(given.pop("x"))
        check(np.greater_equal(x[-1], x[0]), "break points that fall")
        parts: tuple[Any, ...] = (c, x, _only(given, axis=(0,)).get("axis", 0))
        return Interpolant(function, _piecewise, parts, beyond)
    t, c, k = _double(given.pop("t")), _double(given.pop("c")), given.pop("k")
    if not isinstance(k, int) or _only(given, axis=(0,)).get("axis"):
        raise Declined("a spline of a degree known only at run time")
    return Interpolant(function, _spline, (t, c, k, 0), beyond, k)


def _line(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``interp1d`` of one row of data."""
    x, y = _data(given, "x", "y")
    if len(y.shape) != 1:
        raise Declined("interp1d of traced rows")
    kind, fill = given.pop("kind", "linear"), given.pop("fill_value", np.nan)
    raises, is_sorted = given.pop("bounds_error", None), given.pop("assume_sorted", False)
    _only(given, axis=(-1, 0), copy=(True, False))
    beyond = isinstance(fill, str)
    if isinstance(fill, tuple) or not isinstance(kind, str) or (beyond and kind in _STEPS):
        raise Declined("interp1d of traced data with these options")
    if not is_sorted:
        order: Any = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    values = _of_kind(x, y, kind, beyond)

    def at(points: Any) -> Any:
        points = _double(points)
        flat = np.reshape(points, (-1,))
        found = values(flat)
        if not beyond:
            outside: Any = (flat < x[0]) | (flat > x[-1])
            if raises is None or raises:
                inside: Any = np.all(~outside)
                check(inside, "a point outside of the interpolation range")
            rows = np.reshape(found, (-1, 1))
            found = np.reshape(filled(rows, outside, as_tracer(float(fill))), (-1,))
        return np.reshape(found, points.shape)

    return _Called(function, at)


_ORDERS = {"slinear": 1, "quadratic": 2, "cubic": 3}
_STEPS = ("nearest", "nearest-up", "previous", "next")


_SIDES: dict[str, Any] = {"nearest": "left", "nearest-up": "right"}


def _of_kind(x: Any, y: Any, kind: str, beyond: bool) -> Callable[[Any], Any]:
    """How ``interp1d`` finds values at points."""
    last = x.shape[0] - 1
    if kind == "linear":
        if beyond:
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
    if kind == "previous":
        return lambda points: y[np.clip(np.searchsorted(x, points, "right"), 1, last + 1) - 1]
    if kind == "next":
        return lambda points: y[np.clip(np.searchsorted(x, points, "left"), 0, last)]
    raise Declined("interp1d of this kind")


# -- FITPACK ------------------------------------------------------------------------------------------------
_EXTRAPOLATION = {0: 0, "extrapolate": 0, 1: 1, "zeros": 1, 3: 3, "const": 3}


def _by_fitpack(t: Any, c: Any, k: int, ext: int, points: Any, nu: int) -> Any:
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


class _Fitpack(Interpolant):
    """An interpolator that takes FITPACK's word for what is beyond its ends."""

    def at(self, x: Any, nu: Any = 0, ext: Any = None) -> Any:
        """Values or derivatives at points."""
        ext = self.extrapolate if ext is None else _EXTRAPOLATION.get(ext)
        if not isinstance(nu, int) or nu < 0 or ext is None:
            raise Declined("an interpolator at options known only at run time")
        t, c, k = self.parts
        return _by_fitpack(t, c, k, ext, _double(x), self.order + nu)

    def integral(self, a: Any, b: Any) -> Any:
        """The integral between two points, of a spline that is 0 beyond its ends."""
        if self.order:
            raise Declined("the integral of a derivative")
        t, c, k = self.parts
        return _integral_by_fitpack(t, c, k, a, b)


def _integral_by_fitpack(t: Any, c: Any, k: int, a: Any, b: Any) -> Any:
    n = t.shape[0] - k - 1
    a, b = (np.clip(_number(x), t[k], t[n]) for x in (a, b))
    knots_of_whole, whole = integral_of_spline(t, c[:n], k)
    first, last = (spline(knots_of_whole, whole, k + 1, x) for x in (a, b))
    return number(last - first, float)  # FITPACK's own result is one of Python's


def _by_fit(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
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
    x, y = _data(given, "x", "y")
    w, k, ext = given.pop("w", None), given.pop("k", 3), given.pop("ext", 0)
    _only(given, per=(0, False), task=(0,), full_output=(0, False), check_finite=_BEYOND)
    ext = _EXTRAPOLATION.get(ext)
    if ext is None or not isinstance(k, int) or len(y.shape) != 1:
        raise Declined("a spline with options of another kind")
    n = x.shape[0]
    w = np.add(zeros((n,), np.dtype(float)), 1.0) if w is None else _double(w)
    if smooth is None:  # as many degrees of freedom as there are data, or for splrep somewhat fewer
        count: Any = emit_tracer("extent", size=n) if isinstance(n, Dim) else float(n)
        smooth = count - np.sqrt(2 * count) if name == "splrep" else count
    s = _number(as_tracer(smooth))
    values = (x, y, w, s)
    source = trace.builder.source

    def make(x: Any, y: Any, w: Any, s: Any) -> Any:
        made = calling_from(source)(function, {"x": x, "y": y, "w": w, "k": k, "s": float(s)})
        return made if isinstance(made, tuple) else made._eval_args

    t, found = chosen(name, make, k, values)
    with for_derivatives(trace):
        exact = by_knots(t, found, k, _fixed(name, x), y, w, s)
        site = {"name": f"scipy.interpolate.{name}", "source": source}
        exact = emit_tracer("agrees", exact, exact, found, **site)
    c = derived_as(found, exact)
    if name == "splrep":
        return t, np.concatenate([c, zeros((k + 1,), np.dtype(float))]), k
    return _Fitpack(function, _by_fitpack, (t, c, k), ext, k)


def _linear_fit(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``splrep`` and the splines of FITPACK, where they pass through the data or have given knots."""
    name = function.__name__
    x, y = _data(given, "x", "y")
    k = given.pop("k", 3)
    if not isinstance(k, int):
        raise Declined("a spline of a degree known only at run time")
    ext = _EXTRAPOLATION.get(given.pop("ext", 0))
    t = given.pop("t", None)
    _only(given, per=(0, False), task=(0, -1), full_output=(0, False), check_finite=_BEYOND)
    if ext is None or len(y.shape) != 1:
        raise Declined("a spline with options of another kind")
    if t is None:
        count = x.shape[0] + k + 1
        more: dict[str, Any] = (
            {"k": k} if name == "InterpolatedUnivariateSpline" else {"k": k, "s": 0}
        )
    else:
        fixed, where = _fixed_knots(frame, name, _double(t))
        count, more = len(where) + 2 * (k + 1), {"k": k, "t": where}
    fit = Fit(name, functools.partial(_made_by_fitpack, function, more))
    whole = coefficients(fit, (count - k - 1,), x, y)
    places = knots(fit, count, x)
    if t is not None:  # for what is refused of the knots inside
        places = np.concatenate([places[: k + 1], fixed, places[count - k - 1 :]])
    if name == "splrep":
        return places, np.concatenate([whole, zeros((k + 1,), np.dtype(float))]), k
    return _Fitpack(function, _by_fitpack, (places, whole, k), ext, k)


@dataclass(frozen=True)
class _Knotted:
    t: Any
    c: Any


def _made_by_fitpack(function: Any, options: dict[str, Any], x: Any, y: Any) -> _Knotted:
    """Knots and coefficients; of a matrix of data those of each column."""
    columns = [y] if np.ndim(y) == 1 else list(np.transpose(y))
    found = []
    for column in columns:
        made = function(x, column, **options)
        t, c, k = made if isinstance(made, tuple) else made._eval_args
        found.append(c[: len(t) - k - 1])
    return _Knotted(t, found[0] if np.ndim(y) == 1 else np.stack(found, axis=1))


def _evaluated(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``splev`` at points, of the knots, the coefficients and the degree of a spline."""
    tck, nu = given["tck"], given.get("der", 0)
    if not isinstance(tck, tuple) or len(tck) != 3 or not isinstance(tck[2], int):
        raise Declined("splev of something else than knots, coefficients and a degree")
    ext = _EXTRAPOLATION.get(given.get("ext", 0))
    if ext is None or not isinstance(nu, int):
        raise Declined("splev with options of another kind")
    return _by_fitpack(_double(tck[0]), _double(tck[1]), tck[2], ext, _double(given["x"]), nu)


def _integrated(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    """``splint``: the integral of a spline that is 0 beyond its ends."""
    tck = given.pop("tck")
    _only({k: v for k, v in given.items() if k not in ("a", "b")}, full_output=(0, False))
    if not isinstance(tck, tuple) or len(tck) != 3 or not isinstance(tck[2], int):
        raise Declined("splint of something else than knots, coefficients and a degree")
    return _integral_by_fitpack(_double(tck[0]), _double(tck[1]), tck[2], given["a"], given["b"])


class _Surface(Interpolant):
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
        x, y = _double(x), _double(y)
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


def _surface_through(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    """``RectBivariateSpline`` through its data, in which its coefficients are linear, axis by axis."""
    x, y, z = (_double(given.pop(name)) for name in ("x", "y", "z"))
    degrees = given.pop("kx", 3), given.pop("ky", 3)
    _only(given, s=(0,), maxit=(20,))
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
        return _Knotted((tx, ty), np.reshape(c, z.shape))

    c: Any = fitted(Fit("RectBivariateSpline", made), exact, x, z, y)
    ends = []
    for places, k in ((x, degrees[0]), (y, degrees[1])):
        fit = Fit(
            "RectBivariateSpline", functools.partial(_made_by_fitpack, make, {"k": k, "s": 0})
        )
        ends.append(knots(fit, places.shape[0] + k + 1, places))
    return _Surface(function, (ends[0], ends[1]), np.reshape(c, (-1,)), degrees)


# -- in several dimensions --------------------------------------------------------------------------------------
_DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}


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
        if isinstance(points, tuple):
            parts = np.broadcast_arrays(*[_array(x) for x in points])
            points = np.stack(list(parts), axis=-1)
        points = _double(points)
        d = len(self.grids)
        if not points.shape:
            raise Declined("an interpolator at points of other dimensions")
        if len(points.shape) == 1 and d == 1 and points.shape[0] != 1:
            points = np.reshape(points, (-1, 1))
        if not points.shape or points.shape[-1] != d:
            raise Declined("an interpolator at points of other dimensions")
        if len(points.shape) == 1:
            points = np.reshape(points, (1, d))
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
        k, n = _DEGREES[self.method], grid.shape[0]
        return spline(knots(_axis_fit(k), n + k + 1, grid), Tracer.constant(np.eye(n)), k, points)


def _axis_fit(k: int) -> Fit:
    make = sys.modules["scipy.interpolate"].make_interp_spline
    return Fit("RegularGridInterpolator", functools.partial(make, k=k))


def _grid_coefficients(grid: _Grid) -> Any:
    """The coefficients of splines on a grid, as SciPy's iteration finds them."""
    k = _DEGREES[grid.method]
    exact = grid.values
    for axis, places in enumerate(grid.grids):  # linear in the values, axis by axis
        moved = np.moveaxis(exact, axis, 0)
        found = coefficients(_axis_fit(k), (places.shape[0],), places, moved)
        exact = np.moveaxis(found, 0, axis)
    cls = sys.modules["scipy.interpolate"].RegularGridInterpolator

    def make(first: Any, values: Any, *others: Any) -> Any:
        return _Knotted(None, cls((first, *others), values, grid.method)._spline._c)

    first, *others = grid.grids
    fit = Fit("RegularGridInterpolator", make)
    return fitted(fit, exact, first, grid.values, *others)


def _grid_interpolant(function: Any, grid: _Grid) -> Interpolant:
    def at(x: Any, method: Any = None) -> Any:
        if method is not None and method != grid.method:
            raise Declined("an interpolator by another method than its own")
        return grid.at(x)

    return _Called(function, at)


class _Called(Interpolant):
    """An interpolator that is nothing but called."""

    def __init__(self, cls: type, call: Callable[..., Any]) -> None:
        super().__init__(cls, call, (), True)

    def at(self, *args: Any, **kwargs: Any) -> Any:
        """Values at points."""
        return self.evaluate(*args, **kwargs)

    def derivative(self, nu: Any = 1) -> Interpolant:
        """Not known of these."""
        raise Declined("the derivative of an interpolator that is nothing but called")

    antiderivative = derivative


def _grid(given: dict[str, Any], solved: Any = None) -> _Grid:
    """A grid with its values, and the coefficients of its splines where SciPy has ``solved`` for them."""
    grids, values = [_double(x) for x in given.pop("points")], _double(given.pop("values"))
    method = given.pop("method", "linear")
    raises, fill = given.pop("bounds_error", True), given.pop("fill_value", np.nan)
    _only(given)
    if method not in ("linear", "nearest", *_DEGREES) or not isinstance(raises, bool):
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
    if method not in _DEGREES:
        return made
    return replace(made, values=_grid_coefficients(made) if solved is None else solved)


def _on_grid(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    return _grid_interpolant(function, _grid(given))


def _interpn(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    at = given.pop("xi")
    return _grid(given).at(at)


_SCALE_FREE = ("linear", "thin_plate_spline", "cubic", "quintic")


def _radial(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    y, d = _double(given.pop("y")), _double(given.pop("d"))
    kernel = given.pop("kernel", "thin_plate_spline")
    epsilon = given.pop("epsilon", 1.0 if kernel in _SCALE_FREE else None)
    smoothing, degree = given.pop("smoothing", 0.0), given.pop("degree", None)
    _only(given)
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
    return _radial_interpolant(function, y, c, d.shape[1:], kernel, float(epsilon), powers)


def _radial_fit(function: Any, options: dict[str, Any], y: Any, d: Any) -> _Knotted:
    return _Knotted(None, np.array(function(y, d, **options)._coeffs))


def _radial_interpolant(
    cls: Any, y: Any, c: Any, shape: Any, kernel: str, epsilon: float, powers: Any
) -> Interpolant:
    def at(x: Any) -> Any:
        points = _double(x)
        if len(points.shape) != 2:
            raise Declined("radial functions at points that are no matrix")
        found = radial(y, c, points, kernel, epsilon, powers)
        return np.reshape(found, (points.shape[0], *shape))

    return _Called(cls, at)


def _triangulated(frame: Frame, function: Any, given: dict[str, Any]) -> Interpolant:
    places, values = _double(given.pop("points")), _double(given.pop("values"))
    fill, rescale = given.pop("fill_value", np.nan), given.pop("rescale", False)
    _only(given)
    if (
        len(places.shape) != 2
        or not isinstance(rescale, bool)
        or not isinstance(fill, (int, float))
    ):
        raise Declined("an interpolator on triangles with these options")

    def at(*x: Any) -> Any:
        given = x[0] if len(x) == 1 else x
        if isinstance(given, tuple):
            given = np.stack(list(np.broadcast_arrays(*[_array(v) for v in given])), axis=-1)
        points = _double(given)
        d: Any = places.shape[1]
        if not points.shape or points.shape[-1] != d:
            raise Declined("an interpolator at points of other dimensions")
        flat: Any = np.reshape(points, (-1, d))
        found = on_triangles(places, values, flat, rescale, fill)
        shape = points.shape[:-1] or (1,)
        return np.reshape(found, (*shape, *values.shape[1:]))

    return _Called(function, at)


def _griddata(frame: Frame, function: Any, given: dict[str, Any]) -> Any:
    at = given.pop("xi")
    if given.pop("method", "linear") != "linear" or len(_array(given["points"]).shape) != 2:
        raise Declined("griddata by this method")
    return _triangulated(frame, function, given).at(at)


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
    "BSpline": _of_parts,
    "UnivariateSpline": _by_fit,
    "InterpolatedUnivariateSpline": _by_fit,
    "LSQUnivariateSpline": _by_fit,
    "splrep": _by_fit,
    "splev": _evaluated,
    "splint": _integrated,
    "RectBivariateSpline": _surface_through,
    "RegularGridInterpolator": _on_grid,
    "interpn": _interpn,
    "RBFInterpolator": _radial,
    "LinearNDInterpolator": _triangulated,
    "griddata": _griddata,
}

__all__ = ["Interpolant", "attempt"]
