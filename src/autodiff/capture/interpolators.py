"""Interpolators of ``scipy.interpolate`` in captured code, at points that may carry derivatives.

    spline(x), spline(x, 1)     the arrays of ``spline`` are read at every call
    spline.derivative()         an :class:`Interpolant` of a higher order
    CubicSpline(x, y)           of traced ``y``, in which its coefficients are linear

An interpolator made outside of the function may be changed there: what it is made of are inputs of the
program.  How they are evaluated is in :mod:`autodiff.ops.interpolation`.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, UndecidedExtent, same_shape
from autodiff.ladder import Bail
from autodiff.ops import dispatch
from autodiff.ops.either import Either
from autodiff.ops.interpolation import Fit, filled, piecewise, spline, straight
from autodiff.ops.known import check
from autodiff.ops.tracer import Tracer, emit_tracer, is_traced


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
        if not isinstance(nu, int) or nu < 0:
            raise Declined("the antiderivative of an interpolator")
        left = nu if self.degree is None else self.degree - self.order
        if nu > left:
            raise ValueError(
                f"Order of derivative (n = {nu}) must be <= order of spline (k = {left})"
            )
        order = self.order + nu
        return Interpolant(
            self.cls, self.evaluate, self.parts, self.extrapolate, self.degree, order
        )

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
        if method not in ("derivative", "__call__"):
            return NotImplemented
        method = "at" if method == "__call__" else method
    try:
        if function in (interpolate.CubicSpline, interpolate.make_interp_spline):
            return _of_traced_data(frame, function, args, kwargs)
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


def _found(frame: Frame, interpolate: Any, owner: Any, node: ast.AST) -> Interpolant | None:
    """An interpolator of SciPy's as an :class:`Interpolant`."""

    def read(name: str) -> Any:
        return _read(frame, owner, name, node)

    call = getattr(type(owner), "__call__", None)  # noqa: B004 - the function itself
    if isinstance(owner, interpolate.PPoly) and call is interpolate.PPoly.__call__:
        c, x, axis = read("_c"), read("_x"), read("axis")
        check(np.greater_equal(x[-1], x[0]), "break points that fall")
        return Interpolant(type(owner), _piecewise, (c, x, axis), read("extrapolate"))
    if isinstance(owner, interpolate.BSpline) and call is interpolate.BSpline.__call__:
        t, c, k, axis = read("_t"), read("_c"), read("k"), read("axis")
        return Interpolant(type(owner), _spline, (t, c, int(k), axis), read("extrapolate"), int(k))
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
        found = _found(frame, interpolate, owner._spline, node)
        if found is None or getattr(owner, "_call", None) is not interpolate.interp1d._call_spline:
            raise Declined("interp1d of this kind")
        return found.at(points)

    def evaluate(points: Any, nu: int, extrapolate: Any) -> Any:
        if nu or points.dtype != np.float64:
            raise Declined("interp1d in single precision, or with a derivative")
        flat = np.reshape(points, (-1,))
        found = np.reshape(values(flat), (flat.shape[0], -1))
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


def _of_traced_data(frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """An interpolator of traced data, of which its coefficients are a linear function."""
    names = list(inspect.signature(function).parameters)
    given = frame.trace.deep(dict(zip(names, args, strict=False)) | kwargs)
    x, y = given.pop("x", None), given.pop("y", None)
    if x is None or not is_traced([x, y]):
        return NotImplemented
    places, values = _array(x), _array(y)
    known: dict[str, tuple[Any, ...]] = {
        "bc_type": ("not-a-knot", "natural", "clamped", None),
        "extrapolate": (None, True, False),
    }
    if function.__name__ == "make_interp_spline":
        known = {"k": (1, 2, 3, 4, 5), "bc_type": ("not-a-knot", None), "axis": (0,)}
    if any(option not in known.get(name, (0,)) for name, option in given.items()):
        raise Declined("an interpolator of traced data with these options")
    if not values.shape or len(places.shape) != 1 or not same_shape(places.shape, values.shape[:1]):
        raise Declined("an interpolator of data of other shapes")
    if places.dtype != np.float64 or values.dtype != np.float64:
        raise Declined("an interpolator of other than double precision")
    fit = Fit(function, tuple(given.items()))
    c = emit_tracer("interpolation", places, values, fit=fit)
    if fit.degree is None:
        beyond = given.get("extrapolate")
        return Interpolant(function, _piecewise, (c, places, 0), True if beyond is None else beyond)
    t = emit_tracer("interpolation_knots", places, fit=fit)
    cls = sys.modules["scipy.interpolate"].BSpline
    return Interpolant(cls, _spline, (t, c, fit.degree, 0), True, fit.degree)


__all__ = ["Interpolant", "attempt"]
