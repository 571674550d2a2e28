"""Interpolants: what stands for an interpolator of SciPy inside of a function, and how its data are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.naming import capturing
from autodiff.capture.nested import call_frame
from autodiff.capture.solvers.programs import (
    captured,
    closed_program,
    emit_solution,
)
from autodiff.capture.trace import Declined
from autodiff.dims import same_shape
from autodiff.ir.data import ArrayType, Value
from autodiff.ops import dispatch
from autodiff.ops.complex_numbers import as_complex, is_complex, joined, plain
from autodiff.ops.interpolation import (
    Fit,
    crossings,
    integral_of_pieces,
    integral_of_spline,
    knots,
)
from autodiff.ops.tracer import Tracer, is_traced
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
        return self.evaluate(*self.parts, array_of(x), self.order + nu, given)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What a solver of SciPy's is given is called by it."""
        return self.at(*args, **kwargs)

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
        if issubclass(self.cls, sys.modules["scipy.interpolate"].BPoly):
            raise Declined("the antiderivative of a polynomial in Bernstein's basis")
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
        a, b = one_number(a), one_number(b)
        if self.degree is not None and not goes_on:
            a, b = (np.clip(x, *self._ends()) for x in (a, b))
        whole = self.antiderivative()
        first, last = (whole.at(x, 0, True if self.degree is not None else goes_on) for x in (a, b))
        return Tracer((last - first).value, "array")  # without axes

    def solve(self, y: Any = 0.0, discontinuity: Any = True, extrapolate: Any = None) -> Any:
        """Where the piecewise polynomial has a value: places that move as that says."""
        goes_on = self.extrapolate if extrapolate is None else extrapolate
        is_sum = issubclass(self.cls, sys.modules["scipy.interpolate"].PPoly)
        if not is_sum or len(self.parts[0].shape) != 2:
            raise Declined("where a spline has a value, or several piecewise polynomials")
        if is_traced([discontinuity, goes_on]):
            raise Declined("roots with options known only at run time")
        (c, x, _), value = self.parts, one_number(y)
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


class Twofold(Interpolant):
    """An interpolator of complex values: one of the real parts, one of the imaginary parts."""

    def __init__(self, re: Interpolant, im: Interpolant) -> None:
        super().__init__(re.cls, re.evaluate, (), re.extrapolate)
        self.both = re, im

    def _joined(self, of_one: Callable[[Interpolant], Any]) -> Any:
        re, im = map(of_one, self.both)
        return joined(re, im, re.form)

    def _each(self, of_one: Callable[[Interpolant], Interpolant]) -> Interpolant:
        return Twofold(*map(of_one, self.both))

    def at(self, *args: Any, **kwargs: Any) -> Any:
        """Values or derivatives at points."""
        return self._joined(lambda one: one.at(*args, **kwargs))

    def derivative(self, nu: Any = 1) -> Interpolant:
        """The derivative, as an interpolator."""
        return self._each(lambda one: one.derivative(nu))

    def antiderivative(self, nu: Any = 1) -> Interpolant:
        """The antiderivative, as an interpolator."""
        return self._each(lambda one: one.antiderivative(nu))

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral between two points; SciPy has that of piecewise polynomials alone."""
        if self.both[0].degree is not None:
            raise Declined("the integral of a spline of complex values")
        return self._joined(lambda one: one.integrate(a, b, extrapolate))

    def solve(self, y: Any = 0.0, discontinuity: Any = True, extrapolate: Any = None) -> Any:
        """SciPy has no roots of these."""
        raise Declined("roots of an interpolator of complex values")


def of_linear(values: Any, make: Callable[[Any], Interpolant]) -> Interpolant:
    """``make(values)``, of an interpolator that is linear in them, which may be complex."""
    if not is_complex(values):
        return make(values)
    re, im = (make(plain(part)) for part in as_complex(values).parts)
    return Twofold(re, im)


def array_of(x: Any) -> Tracer:
    """Points as an array of floats."""
    array: Tracer = dispatch.functions[np.asarray](x)
    if not isinstance(array, Tracer) or array.dtype.kind not in "fiub":
        raise Declined("an interpolator at what are no numbers")
    return array if array.dtype.kind == "f" else array.astype(float)


def options_left(given: dict[str, Any], **known: tuple[Any, ...]) -> dict[str, Any]:
    """The options left, each of which has one of the values that are known."""
    for option, value in given.items():
        if isinstance(value, Tracer) or value not in known.get(option, ()):
            raise Declined(f"an interpolator of traced data with this {option}")
    return given


def double_of(x: Any) -> Tracer:
    """Data in double precision."""
    array = array_of(x)
    if array.dtype != np.float64:
        raise Declined("an interpolator of other than double precision")
    return array


def data_of(given: dict[str, Any], *names: str) -> list[Any]:
    """Arrays by name: places, and values at them."""
    places, *values = [double_of(given.pop(name)) for name in names]
    for array in values:
        if (
            not array.shape
            or len(places.shape) != 1
            or not same_shape(places.shape, array.shape[:1])
        ):
            raise Declined("an interpolator of data of other shapes")
    return [places, *values]


BEYOND = (True, False)


def one_number(x: Any) -> Tracer:
    """A number in double precision."""
    found = double_of(x)
    if found.shape:
        raise Declined("an interpolator with an array in place of a number")
    return found


def fixed_number(name: str, x: Tracer) -> Any:
    """Places by which there is no derivative."""
    return knots(Fit(name, lambda x, y: Knotted(x, None)), x.shape[0], x)


def fixed_knots(frame: Frame, name: str, t: Tracer) -> tuple[Any, np.ndarray]:
    """Knots that are given: by which there is no derivative, and as they are at this call."""
    where = np.array(frame.trace.concrete(t))
    return knots(Fit(name, lambda t, y: Knotted(t, y)), t.shape[0], t), where


# -- FITPACK ------------------------------------------------------------------------------------------------
EXTRAPOLATION = {0: 0, "extrapolate": 0, 1: 1, "zeros": 1, 3: 3, "const": 3}


@dataclass(frozen=True)
class Knotted:
    """Knots and coefficients of a spline."""

    t: Any
    c: Any


# -- in several dimensions --------------------------------------------------------------------------------------
DEGREES = {"slinear": 1, "cubic": 3, "quintic": 5}


class Called(Interpolant):
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
