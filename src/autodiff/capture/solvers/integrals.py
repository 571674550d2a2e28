"""SciPy's integrators of functions in captured code: one operation, with the integrand in it.

quad(lambda t: t * x, 0, 1)         integral(0, 1, x; programs=(f(t, x),))
dblquad(f, 0, 1, 0, lambda x: x)    integral(0, 1; programs=(integral(0, x; programs=(f(y, x),)),))

Integrals in several dimensions are integrals of integrals, as they are in SciPy.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.functions import call_function
from autodiff.capture.interpreter import Frame
from autodiff.capture.slots import Slot, fit
from autodiff.capture.solvers.minima import NotKept
from autodiff.capture.solvers.programs import (
    NUMBER,
    Inlined,
    as_float,
    bound,
    call_of,
    captured,
    closed_program,
    further_arguments,
    number_program,
    numbers,
    presented,
)
from autodiff.capture.trace import Declined
from autodiff.ir.data import Program, Value
from autodiff.ops.complex_numbers import as_complex, joined
from autodiff.ops.integrals import Like, Quadrature
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.solvers import FLOAT, calling_from
from autodiff.ops.tracer import Tracer, is_traced
from autodiff.plain_data import dataclass

Range = Callable[[Sequence[Any]], Sequence[Any]]


# -- one dimension --------------------------------------------------------------------------------------
def integrate(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.quad``: the integral and the estimate of its error."""
    given = bound(function, args, kwargs)
    is_full, is_complex = given.pop("full_output", False), given.pop("complex_func", False)
    if is_traced([is_full, is_complex]) or (is_full and is_complex):
        raise Declined("a complex integral with more than an integral")
    integrand, limits = _callable(given.pop("func")), [given.pop("a"), given.pop("b")]
    extra = further_arguments(frame, given)
    call = replace(call_of_integrator(frame, function, "quad"), is_full=bool(is_full))

    def integrated(function: Any) -> list[Tracer]:
        program, read = number_program(frame, function, "python", extra, node)
        if not (read or is_traced([*limits, *frame.trace.deep(given).values()])):
            raise Declined("quad of constants")
        return emitted(frame, call, limits, dict(given), program, read, None)

    if is_complex:  # SciPy integrates both parts too, each by itself
        parts = [Inlined(lambda *a, k=k: _part(frame, integrand, a, k, node)) for k in (0, 1)]
        real, imaginary = map(integrated, parts)
        return tuple([joined(re, im, "python") for re, im in zip(real, imaginary, strict=True)])
    found = integrated(integrand)
    return (*found, NotKept()) if is_full else tuple(found)


def _part(frame: Frame, integrand: Any, args: Sequence[Any], which: int, node: ast.AST) -> Any:
    """The real (0) or the imaginary part (1) of what an integrand returns."""
    value = as_complex(call_of(frame, integrand, args, node))
    return value.imag if which else value.real


def integrate_vectors(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.quad_vec``: the integral of an array, and the estimate of its error."""
    given = bound(function, args, kwargs)
    if given.pop("full_output", False) or given.get("workers", 1) != 1:
        raise Declined("quad_vec with more than an integral, or with workers")
    if callable(given.get("norm")):
        raise Declined("quad_vec with a norm of the user's own")
    integrand, limits = given.pop("f"), [given.pop("a"), given.pop("b")]
    parameter = Value(NUMBER, "t")
    extra = further_arguments(frame, given)
    outcome = captured(frame, _callable(integrand), [Tracer(parameter, "python")], extra, node)
    with frame.trace.builder.reopened(outcome.block):
        result = as_float(outcome.value)
        outcome.block.outputs = [result.value]
        own = as_array(outcome.value).dtype
    program, read = closed_program(outcome.block, getattr(integrand, "__name__", "f"))
    if not (read or is_traced(limits)):
        raise Declined("quad_vec of constants")
    kind = own if own.kind == "f" else FLOAT
    if isinstance(outcome.value, (list, tuple)):
        raise Declined("quad_vec of a list, which SciPy cannot add")
    call = replace(call_of_integrator(frame, function, "quad_vec"), is_vector=True)
    is_array = isinstance(outcome.value, (Tracer, np.ndarray)) and bool(result.shape)
    like = result.shape if is_array else None
    integral, error = emitted(frame, call, limits, given, program, read, like)
    value = outcome.value
    is_numpy = isinstance(value, np.generic) or (
        isinstance(value, Tracer) and value.form != "python"
    )
    if not (is_numpy or is_array):  # of Python's numbers the sum is one of Python's
        return integral, error
    # SciPy adds in the precision of the integrand, of which our sum is rounded to the last digit.
    return Tracer(cast(integral, kind).value, "array" if is_array else "scalar"), error


def _callable(integrand: Any) -> Any:
    if not callable(integrand):
        raise Declined("an integrator of something else than a function")
    return integrand


def call_of_integrator(frame: Frame, function: Any, name: str) -> Quadrature:
    """A call of an integrator on the user's line."""
    source = frame.trace.builder.source
    return Quadrature(
        function, f"scipy.integrate.{name}", 0, dict, calling_from(source), source=source
    )


def emitted(
    frame: Frame,
    call: Quadrature,
    limits: Sequence[Any],
    given: dict[str, Any],
    program: Program,
    read: Sequence[Value],
    like: Like,
) -> list[Tracer]:
    """The integral and the estimate of its error, at every run."""
    trace, operands = frame.trace, Operands()
    given = {name: numbers(trace.deep(x)) for name, x in given.items() if x is not None}
    weight, variable = given.pop("weight", None), given.pop("wvar", None)
    if weight is not None and not isinstance(weight, str):
        raise Declined("a weight known only at run time")
    one = weight in ("cos", "sin", "cauchy")
    if one:  # the first of the further operands, by which there is a derivative
        operands.template(as_float(variable))
    elif weight is not None:
        given["wvar"] = variable
    template = operands.template(given)

    def keywords(values: Sequence[Any]) -> dict[str, Any]:
        made: dict[str, Any] = template(tuple(values))
        return {**made, "wvar": float(values[0])} if one else made

    ends = [as_float(x) for x in limits]
    if any(end.shape for end in ends):
        raise Declined("an integral between arrays")
    values = (*(t.value for t in (*ends, *operands.tracers)), *read)
    if not operands.tracers:  # the same at every call, of which an inner integral has many
        fixed = keywords(())
        call = replace(call, count=0, keywords=lambda values: fixed, weight=weight)
    else:
        call = replace(call, count=len(operands.tracers), keywords=keywords, weight=weight)
    attributes = {"programs": (program,), "like": (like,), "options": call, "watches": None}
    results = [Tracer(v) for v in trace.builder.emit("integral", values, attributes)]
    shaped = [r if r.shape else presented(fit(r, Slot(FLOAT, (), "python"))) for r in results]
    return shaped


# -- several dimensions -----------------------------------------------------------------------------------
def integrate_in_two(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.dblquad``."""
    given = bound(function, args, kwargs)
    low, high = given["gfun"], given["hfun"]
    ranges: list[Range] = [
        lambda x: [_limit(frame, f, x[:1], node) for f in (low, high)],
        lambda x: [given["a"], given["b"]],
    ]
    return _of_tolerances(frame, "dblquad", given, ranges, node)


def integrate_in_three(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.tplquad``."""
    given = bound(function, args, kwargs)
    ranges: list[Range] = [
        lambda x: [_limit(frame, given[f], [x[1], x[0]], node) for f in ("qfun", "rfun")],
        lambda x: [_limit(frame, given[f], x[:1], node) for f in ("gfun", "hfun")],
        lambda x: [given["a"], given["b"]],
    ]
    return _of_tolerances(frame, "tplquad", given, ranges, node)


def _limit(frame: Frame, limit: Any, args: Sequence[Any], node: ast.AST) -> Any:
    return call_of(frame, limit, args, node) if callable(limit) else limit


def _of_tolerances(
    frame: Frame, name: str, given: dict[str, Any], ranges: Sequence[Range], node: ast.AST
) -> Any:
    options = {k: given.get(k, 1.49e-8) for k in ("epsabs", "epsrel")}
    extra = frame.trace.deep(given.get("args", ()))
    if not isinstance(extra, tuple):
        raise Declined(f"{name} with arguments that are no tuple")
    nested = _Nested(frame, name, given["func"], ranges, [lambda x: options] * len(ranges), node)
    return nested.whole(extra)


def integrate_in_many(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.nquad``."""
    given = bound(function, args, kwargs)
    is_full = given.get("full_output", False)
    if is_traced([is_full]):
        raise Declined("nquad that may give more than an integral")
    ranges = frame.trace.deep(given["ranges"])
    extra = frame.trace.deep(given.get("args") or ())
    options = frame.trace.deep(given.get("opts")) or {}
    if not isinstance(ranges, (list, tuple)) or not isinstance(extra, (list, tuple)):
        raise Declined("nquad of ranges that are no list")
    options = [options] * len(ranges) if isinstance(options, dict) else list(options)
    if len(options) != len(ranges):
        raise Declined("nquad with options for other than each of its integrals")

    def called(x: Any) -> Callable[[Sequence[Any]], Any]:
        if callable(x):
            return lambda values: call_of(frame, x, values, node)
        return lambda values: x

    of_each = [called(x) for x in ranges]
    nested = _Nested(frame, "nquad", given["func"], of_each, [called(x) for x in options], node)
    found = nested.whole(extra)
    return (*found, NotKept()) if is_full else found


@dataclass(frozen=True)
class _Nested:
    """An integral of integrals.

    ``ranges`` and ``options``, from the innermost to the outermost, are functions of the variables
    of the integrals around and of the further arguments.
    """

    frame: Frame
    name: str
    function: Any
    ranges: Sequence[Range]
    options: Sequence[Callable[[Sequence[Any]], dict[str, Any]]]
    node: ast.AST

    def whole(self, extra: Sequence[Any]) -> tuple[Any, ...]:
        """The integral, and the largest estimate of an error of any."""
        errors = threading.local()
        return tuple(self.at(len(self.ranges) - 1, list(extra), errors))

    def at(self, level: int, around: list[Any], errors: threading.local) -> list[Tracer]:
        """The integral of a level, 0 the innermost."""
        limits = self.ranges[level](around)
        if not isinstance(limits, (list, tuple)) or len(limits) != 2:
            raise Declined("a range that is no pair")
        given = dict(self.options[level](around))
        if "points" in given:
            if is_traced([*limits, *given["points"]]):
                raise Declined("break points of an integral with limits known only at run time")
            given["points"] = [x for x in given["points"] if limits[0] <= x <= limits[1]]
        integrand: Any = _callable(self.function)
        if level:
            integrand = Inlined(lambda t, *more: self.at(level - 1, [t, *more], errors)[0])
        program, read = number_program(self.frame, integrand, "python", around, self.node)
        outermost = level == len(self.ranges) - 1
        if outermost and not (read or is_traced(list(limits))):
            raise Declined(f"{self.name} of constants")
        call = call_of_integrator(self.frame, sys.modules["scipy.integrate"].quad, self.name)
        call = replace(call, errors=errors, is_outer=outermost)
        return emitted(self.frame, call, limits, given, program, read, None)


def integrate_by_nodes(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.fixed_quad``: a sum of values of the function, which SciPy's Python says."""
    return call_function(frame.trace, function, args, kwargs)


INTEGRATORS: dict[str, Callable[..., Any]] = {
    "fixed_quad": integrate_by_nodes,
    "quad": integrate,
    "quad_vec": integrate_vectors,
    "dblquad": integrate_in_two,
    "tplquad": integrate_in_three,
    "nquad": integrate_in_many,
}

__all__ = ["INTEGRATORS", "call_of_integrator", "emitted"]
