"""SciPy's ``solve_ivp`` and ``odeint`` in captured code: one operation, with the right-hand side in it.

    solve_ivp(lambda t, y: -x * y, (0, 1), y0)      ivp(0, 1, y0, …, x; programs=(f(t, y, x),))

What the call returns is known before it is run, but for numbers and arrays: it is the result of an
integration that reached its end.  One that did not is left to plain Python when it happens.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.programs import (
    NUMBER,
    NUMPY_NUMBER,
    array_of,
    as_float,
    bound,
    captured,
    closed_program,
    numbers,
    presented,
    reading,
    rebuilt,
)
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, Extent
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.ops.control import CheckFailed
from autodiff.ops.odes import Problem
from autodiff.ops.solvers import FLOAT, calling_from
from autodiff.ops.tracer import Form, Tracer

_METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")
_INT = np.dtype(np.int64)


# -- solve_ivp ------------------------------------------------------------------------------------------
def solve_initial_value_problem(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.solve_ivp``."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    given.update(given.pop("options", {}))
    method = given.pop("method", "RK45")
    refused = [k for k in ("events", "dense_output", "vectorized") if _is_asked(given.pop(k, None))]
    if refused or not isinstance(method, str) or method not in _METHODS:
        raise Declined(f"solve_ivp with {', '.join(refused) or 'a method of another kind'}")
    extra = trace.deep(given.pop("args", None))
    if not (extra is None or isinstance(extra, (tuple, list))):
        raise Declined("solve_ivp with arguments that are no tuple")
    t_span = _two(trace.deep(given.pop("t_span")))
    y0 = _vector(trace.deep(given.pop("y0")))
    times = trace.deep(given.pop("t_eval", None))
    functions = {"fun": given.pop("fun")}
    if callable(given.get("jac")):
        functions["jac"] = given.pop("jac")
    if set(given) - {"rtol", "atol", "max_step", "first_step", "min_step", "jac"}:
        raise Declined("solve_ivp with options of another kind")
    call = _Call(frame, functions, y0, extra or (), node)
    tolerances = [("rtol", 1e-3), ("atol", 1e-6), ("max_step", np.inf)]
    arguments = [*t_span, y0, _vector([] if times is None else times)]
    keywords = call.arguments(arguments, given, tolerances)
    run = _run(function, method, times is not None, keywords, call)
    return call.emitted(
        "scipy.integrate.solve_ivp", method, run, _OF_RESULT, times is not None, True
    )


def _is_asked(x: Any) -> bool:
    return x is not None and x is not False


def _run(
    function: Any, method: str, has_times: bool, keywords: Any, call: _Call
) -> Callable[[dict[str, Any], Sequence[Any]], Any]:
    calling = calling_from(call.frame.trace.builder.source)

    def run(functions: dict[str, Any], values: Sequence[Any]) -> Any:
        start, end, y0, times = values[:4]
        given = {**functions, **keywords(values), "t_span": (float(start), float(end))}
        given |= {"y0": np.array(y0), "method": method}
        if has_times:
            given["t_eval"] = np.array(times)
        return calling(function, given)

    return run


@functools.cache
def _finished() -> Any:
    """What solve_ivp returns of a problem that it has solved."""
    return sys.modules["scipy.integrate"].solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0])


def _of_result(result: Any) -> tuple[Any, ...]:
    if result.status != 0:
        raise CheckFailed(f"solve_ivp stopped early: {result.message}")
    return (result.y, result.t, result.nfev, result.njev, result.nlu)


_COUNT = ArrayType(_INT, (), True)
_OF_RESULT = (_of_result, (("nfev", _COUNT), ("njev", _COUNT), ("nlu", _COUNT)))


# -- odeint -----------------------------------------------------------------------------------------------
def solve_by_odeint(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.odeint``."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    time_first = bool(given.pop("tfirst", False))
    refused = ("full_output", "col_deriv", "printmessg", "tcrit", "ml", "mu")
    if any(_is_asked(given.pop(k, None)) for k in refused):
        raise Declined("odeint with more than states, or with critical times or bands")
    extra = trace.deep(given.pop("args", ()))
    y0, times = trace.deep(given.pop("y0")), _vector(trace.deep(given.pop("t")))
    y0 = as_float(y0)
    y0 = y0.reshape((1,)) if not y0.shape else _vector(y0)
    functions = {"func": given.pop("func")}
    if given.get("Dfun") is not None:
        functions["Dfun"] = given.pop("Dfun")
    call = _Call(
        frame, functions, y0, extra if isinstance(extra, tuple) else (extra,), node, time_first
    )
    maximum = given.pop("hmax", 0.0)
    if isinstance(maximum, Tracer):
        raise Declined("odeint with a largest step known only at run time")
    tolerances = [("rtol", _OF_ODEINT), ("atol", _OF_ODEINT)]
    arguments = [times[0], times[-1], y0, times]
    keywords = call.arguments(arguments, given, tolerances, float(maximum) or np.inf)
    calling = calling_from(trace.builder.source)

    def run(functions: dict[str, Any], values: Sequence[Any]) -> Any:
        made = {
            **functions,
            **keywords(values),
            "y0": np.array(values[2]),
            "t": np.array(values[3]),
        }
        return calling(function, made | {"hmax": maximum, "tfirst": time_first})

    return call.emitted(
        "scipy.integrate.odeint", "LSODA", run, (lambda y: (y,), ()), True, time_first
    )


_OF_ODEINT = 1.49012e-8


# -- both --------------------------------------------------------------------------------------------------
def _two(x: Any) -> list[Tracer]:
    items = list(x) if isinstance(x, (tuple, list)) else [x[0], x[1]] if np.shape(x) == (2,) else []
    found = [as_float(item) for item in items]
    if len(found) != 2 or any(item.shape for item in found):
        raise Declined("an interval that is not two numbers")
    return found


def _vector(x: Any) -> Tracer:
    array = as_float(x)
    if len(array.shape) != 1:
        raise Declined("states or times that are no vector")
    return array


class _Call:
    """One call of an integrator: the programs of the user's functions and the operands."""

    def __init__(
        self,
        frame: Frame,
        functions: dict[str, Any],
        y0: Tracer,
        extra: Sequence[Any],
        node: ast.AST,
        time_first: bool = True,
    ) -> None:
        if not all(callable(f) for f in functions.values()):
            raise Declined("an integrator with something else in place of a function")
        self.frame = frame
        self.names = tuple(functions)
        self.time_first = time_first
        self.operands = Operands()
        n = y0.shape[0]
        shapes: list[tuple[Extent, ...]] = [(n,), (n, n)]
        self.programs = [
            self._program(f, y0, extra, shape, node)
            for f, shape in zip(functions.values(), shapes, strict=False)
        ]

    def _program(
        self, function: Any, y0: Tracer, extra: Sequence[Any], shape: Any, node: ast.AST
    ) -> tuple[Program, list[Value]]:
        """A function of time and state, in the order of the program: the time first."""
        form: Form = "scalar" if self.time_first else "python"
        time = Value(NUMPY_NUMBER if form == "scalar" else NUMBER, "t")
        state = Value(ArrayType(FLOAT, y0.shape), "y")
        t, y = Tracer(time, form), Tracer(state, "array")
        order = [t, y] if self.time_first else [y, t]
        outcome = captured(self.frame, function, order, extra, node, [time, state])
        with self.frame.trace.builder.reopened(outcome.block):
            outcome.block.outputs = [array_of(outcome.value, shape).value]
        return closed_program(outcome.block, getattr(function, "__name__", "f"))

    def arguments(
        self,
        first: Sequence[Tracer],
        given: dict[str, Any],
        tolerances: Sequence[tuple[str, float]],
        *fixed: float,
    ) -> Callable[[Sequence[Any]], dict[str, Any]]:
        """Make operands of all that is given; from their values to the options of the call.

        ``tolerances`` are options with defaults that the derivative needs too, as it does ``fixed``.
        """
        trace = self.frame.trace
        asked = [name for name, _ in tolerances if given.get(name) is not None]
        numbers_given = [
            as_float(trace.deep(given.pop(k)) if k in asked else v) for k, v in tolerances
        ]
        for tracer in (*first, *numbers_given, *map(as_float, fixed)):
            self.operands.template(tracer)
        makes = self.operands.template({k: numbers(trace.deep(v)) for k, v in given.items()})
        names = [name for name, _ in tolerances]

        def keywords(values: Sequence[Any]) -> dict[str, Any]:
            made: dict[str, Any] = dict(makes(tuple(values)))
            for name, value in zip(names, values[4:], strict=False):
                if name in asked:
                    made[name] = np.array(value) if np.ndim(value) else float(value)
            return made

        return keywords

    def emitted(
        self,
        name: str,
        method: str,
        run: Callable[[dict[str, Any], Sequence[Any]], Any],
        results: tuple[Callable[[Any], tuple[Any, ...]], tuple[tuple[str, ArrayType], ...]],
        has_times: bool,
        time_first: bool,
    ) -> Any:
        trace = self.frame.trace
        read = list(dict.fromkeys(v for _, values in self.programs for v in values))
        programs = tuple([reading(program, values, read) for program, values in self.programs])
        values = (*(t.value for t in self.operands.tracers), *read)
        if all(v.owner is not None and v.owner.kind == "constant" for v in values):
            raise Declined("an initial value problem of constants")
        leaves, others = results
        in_columns = name.endswith("solve_ivp")
        problem = Problem(
            name, method, self.names, len(self.operands.tracers), run, leaves, others,
            has_times, in_columns, time_first, trace.builder.source,
        )  # fmt: skip
        attributes: dict[str, Any] = {"problem": problem, "programs": programs}
        size: Extent = self.operands.tracers[3].shape[0]
        if not has_times:
            (count,) = trace.builder.emit("ivp_size", values, attributes)
            count.low = 2  # an integration has a start and an end
            size = Dim.symbol(count)
        found = trace.builder.emit("ivp", values, {**attributes, "size": size})
        tracers = [presented(v) for v in found]
        if not in_columns:
            return tracers[0]
        names = ["y", "t", *(other for other, _ in others)]
        parts = {(k,): tracer for k, tracer in zip(names, tracers, strict=True)}
        return rebuilt(trace, _finished(), parts, ())


__all__ = ["solve_by_odeint", "solve_initial_value_problem"]
