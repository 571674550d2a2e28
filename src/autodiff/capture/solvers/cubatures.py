"""SciPy's newer integrators in captured code: ``tanhsinh`` and ``cubature``.

    tanhsinh(lambda t: t * x, 0, 1)     integral(0, 1, x; programs=(f(t, x),))
    cubature(f, [0, 0], [1, x])         SciPy's cubature, and an integral of integrals for derivatives

Functions of arrays are captured as functions of one number, or one point.  The integral of a derivative is found by
``tanhsinh`` with the same options; of a cubature by ``quad_vec``, which stops where rounding is all that is left: a
derivative may be 0, which no relative tolerance reaches.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.integrals import call_of_integrator, emitted
from autodiff.capture.solvers.minima import NotKept
from autodiff.capture.solvers.programs import (
    NUMBER,
    as_float,
    bound,
    call_of,
    captured,
    closed_program,
    for_derivatives,
    further_arguments,
    number_program,
)
from autodiff.capture.trace import Declined
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.ops.integrals import by_cubature, by_tanhsinh
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, is_traced

_USUAL: dict[str, Any] = {"log": False, "preserve_shape": False, "callback": None, "workers": 1}


def _plain_options(frame: Frame, given: dict[str, Any]) -> tuple[Any, ...]:
    """The further arguments; of the options those are left that say how to integrate."""
    for name, usual in _USUAL.items():
        x = given.pop(name, usual)
        if is_traced([x]) or not (x is None or x is usual or x == usual):
            raise Declined(f"an integrator with {name}")
    return further_arguments(frame, given)


def integrate_elements(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``tanhsinh`` of a function of numbers, between numbers."""
    given = bound(function, args, kwargs)
    extra = _plain_options(frame, given)
    limits = [given.pop("a"), given.pop("b")]
    if any(np.shape(x) for x in (*limits, *extra)):
        raise Declined("tanhsinh of arrays")
    program, read = number_program(frame, given.pop("f"), "scalar", extra, node)
    if not (read or is_traced(limits)):
        raise Declined("tanhsinh of constants")
    call = replace(call_of_integrator(frame, by_tanhsinh, "tanhsinh"), is_vector=True)
    found = emitted(frame, call, limits, given, program, read, None)
    integral, error = (Tracer(x.value, "scalar") for x in found)
    made = {"integral": integral, "error": error}
    result = dict.__new__(sys.modules["scipy._lib._util"]._RichResult)
    others = dict.fromkeys(("success", "status", "nfev", "maxlevel"), NotKept())
    for key, x in {**made, **others}.items():
        dict.__setitem__(result, key, x)
    return frame.trace.fresh(result)


# -- cubature -------------------------------------------------------------------------------------------
class _Cubature:
    """One call of ``cubature``."""

    def __init__(self, frame: Frame, function: Any, extra: Sequence[Any], node: ast.AST) -> None:
        self.frame, self.function, self.extra, self.node = frame, function, extra, node
        inner = sys.modules["scipy.integrate"].quad_vec
        self.call, self.inner = (
            replace(call_of_integrator(frame, f, "cubature"), is_vector=True)
            for f in (by_cubature, inner)
        )

    def at(self, point: Any) -> Tracer:
        """What the user's function gives at a point."""
        given = np.reshape(point, (1, -1))
        found: Any = as_float(call_of(self.frame, self.function, [given, *self.extra], self.node))
        if not found.shape or found.shape[0] != 1:
            raise Declined("an integrand that does not give one value a point")
        return as_float(found[0])

    def program(self, parameter: Value, form: Any, thunk: Any) -> tuple[Program, list[Value]]:
        """A program of a number or a point."""
        z = Tracer(parameter, form)
        outcome = captured(self.frame, None, [z], (), self.node, thunk=lambda: thunk(z))
        with self.frame.trace.builder.reopened(outcome.block):
            outcome.block.outputs = [as_float(outcome.value).value]
        return closed_program(outcome.block, getattr(self.function, "__name__", "f"))

    def nested(
        self, limits: Sequence[Sequence[Any]], given: dict[str, Any], around: list[Any]
    ) -> list[Tracer]:
        """The integral over the coordinates that are left, of which the derivatives are those wanted."""
        k = len(around)

        def inner(t: Tracer) -> Tracer:
            point = [*around, t]
            if len(point) < len(limits):
                return self.nested(limits, given, point)[0]
            return self.at(np.stack([as_float(x) for x in point]))

        program, read = self.program(Value(NUMBER, "t"), "python", inner)
        like = program.outputs[0].shape or None
        return emitted(self.frame, self.inner, limits[k], dict(given), program, read, like)

    def whole(self, low: Tracer, high: Tracer, given: dict[str, Any]) -> list[Tracer]:
        """SciPy's value and error."""
        n = low.shape[0]
        parameter = Value(ArrayType(FLOAT, (n,)), "z")
        program, read = self.program(parameter, "array", self.at)
        if not (read or is_traced([low, high])):
            raise Declined("cubature of constants")
        like = program.outputs[0].shape or None
        ends = {**given, "ends": (low, high)}
        return emitted(self.frame, self.call, [0.0, 1.0], ends, program, read, like)


def integrate_over_box(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``cubature`` over up to three coordinates."""
    given = bound(function, args, kwargs)
    extra = _plain_options(frame, given)
    if given.get("points") or not isinstance(given.get("rule", "gk21"), str):
        raise Declined("cubature with points, or with a rule of the user's own")
    low, high = (as_float(frame.trace.deep(given.pop(name))) for name in ("a", "b"))
    if len(low.shape) != 1 or low.shape != high.shape or low.shape[0] not in (1, 2, 3):
        raise Declined("cubature over more than three coordinates")
    one = _Cubature(frame, given.pop("f"), extra, node)
    value, error = one.whole(low, high, given)
    count: Any = low.shape[0]
    limits = [(low[k], high[k]) for k in range(count)]
    with for_derivatives(frame.trace):
        formula = one.nested(limits, {"epsrel": given.get("rtol", 1e-8)}, [])[0]
    value = derived_as(value, formula)
    value = value if value.shape else Tracer(reshape(value, ()).value, "scalar")
    made = sys.modules["scipy.integrate._cubature"].CubatureResult.__new__(
        sys.modules["scipy.integrate._cubature"].CubatureResult
    )
    vars(made).update(
        estimate=value, error=error, status=NotKept(), regions=NotKept(), subdivisions=NotKept(),
        atol=given.get("atol", 0), rtol=given.get("rtol", 1e-8),
    )  # fmt: skip
    return frame.trace.fresh(made)


CUBATURES: dict[str, Callable[..., Any]] = {
    "tanhsinh": integrate_elements,
    "cubature": integrate_over_box,
}

__all__ = ["CUBATURES"]
