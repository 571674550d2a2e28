"""SciPy's ``solve_ivp`` and ``odeint`` in captured code: one operation, with the right-hand side in it.

    solve_ivp(lambda t, y: -x * y, (0, 1), y0)      ivp(0, 1, y0, …, x; programs=(f(t, y, x),))

What the call returns is known before it is run, but for numbers and arrays: it is the result of an
integration that reached its end, or an event that ends it.  One that did not is left to plain Python when it happens.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.access import load_attribute
from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.minima import NotKept
from autodiff.capture.solvers.patterns import made_structure, structure_of
from autodiff.capture.solvers.programs import (
    NUMBER,
    NUMPY_NUMBER,
    array_of,
    as_float,
    bound,
    call_of,
    captured,
    closed_program,
    emit_solution,
    for_derivatives,
    numbers,
    presented,
    reading,
    rebuilt,
)
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, Extent, product
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.later import later
from autodiff.ops import dispatch
from autodiff.ops.complex_numbers import is_complex, joined, parts_of
from autodiff.ops.compressed import compressed
from autodiff.ops.control import CheckFailed, emit_for
from autodiff.ops.custom import stop
from autodiff.ops.known import check
from autodiff.ops.odes import END, START, STATE, TIMES, Problem
from autodiff.ops.python_numbers import number
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import FLOAT, calling_from
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Form, Tracer, emit_tracer
from autodiff.plain_data import dataclass
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture.solvers import handed
else:
    handed = later("autodiff.capture.solvers.handed")

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
    # In columns SciPy asks for the differences of a Jacobian only, one column after the other otherwise.
    in_columns = _is_asked(given.pop("vectorized", None))
    events, dense = given.pop("events", None), given.pop("dense_output", False)
    if not isinstance(method, str) or method not in _METHODS:
        raise Declined("solve_ivp with a method of another kind")
    extra = trace.deep(given.pop("args", None))
    if not (extra is None or isinstance(extra, (tuple, list))):
        if isinstance(extra, Tracer) and extra.form != "array":
            run_users(function, np.negative, (0, 1), [1.0], args=1.0)  # SciPy's own exception
        raise Declined("solve_ivp with arguments that are no tuple")
    t_span = _two(trace.deep(given.pop("t_span")))
    y0 = trace.deep(given.pop("y0"))
    in_pairs = is_complex(y0)
    y0 = _pairs(y0) if in_pairs else _vector(y0)
    times = trace.deep(given.pop("t_eval", None))
    functions = {"fun": given.pop("fun")}
    if in_pairs:
        _refuse_of_complex(given, in_columns)
    if callable(given.get("jac")):
        functions["jac"] = given.pop("jac")
    if given.get("jac_sparsity") is not None:
        given["jac_sparsity"] = structure_of(given["jac_sparsity"])
        if trace.handing is not None and given.get("jac") is None and "jac" not in functions:
            functions |= handed.for_structure(frame, node, functions["fun"], method, in_columns)
    options = ("rtol", "atol", "max_step", "first_step", "min_step", "jac", "jac_sparsity")
    if set(given).difference(options) or callable(given.get("jac")):
        raise Declined("solve_ivp with options of another kind")
    call = _Call(frame, functions, y0, extra or (), node, in_columns=in_columns, in_pairs=in_pairs)
    tolerances = [("rtol", 1e-3), ("atol", 1e-6), ("max_step", np.inf)]
    arguments = [*t_span, y0, _vector([] if times is None else times)]
    keywords = call.arguments(arguments, given, tolerances)
    has_times = times is not None
    run = _run(function, method, has_times, keywords, call)
    name = "scipy.integrate.solve_ivp"
    if events is None and not dense:
        return call.result(call.problem(name, method, run, _OF_RESULT, has_times, True))
    problem = call.problem(name, method, run, _OF_RESULT, has_times, True)
    at = Solution(call, replace(problem, run=_run(function, method, True, keywords, call)))
    if events is None:
        result = call.result(problem)
        last = arguments[1]
    else:
        result, last = _with_events(call, problem, at, events, extra or (), node)
    if dense:
        dict.__setitem__(result, "sol", Dense(at, arguments[0], last))
    return result


def _pairs(y0: Any) -> Tracer:
    """A complex vector as its real parts, then its imaginary ones."""
    whole = joined(*parts_of(y0, FLOAT))
    if len(whole.shape) != 1:
        raise Declined("complex states that are no vector")
    pair: Tracer = dispatch.functions[np.concatenate](list(whole.parts))
    return pair


def _refuse_of_complex(given: dict[str, Any], in_columns: bool) -> None:
    """Decline what is said of complex states one by one, or of their Jacobian."""
    if in_columns or any(given.get(k) is not None for k in ("jac", "jac_sparsity")):
        raise Declined("solve_ivp of complex states with a Jacobian, or in columns")
    absolute = given.get("atol", 0.0)
    if absolute.shape if isinstance(absolute, Tracer) else np.shape(absolute):
        raise Declined("solve_ivp of complex states with a tolerance for each")


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
        if call.in_pairs:
            given["y0"] = _joined(given["y0"])
            given["fun"] = _of_pairs(given["fun"])
        if "jac_sparsity" in given:
            structure = made_structure(given["jac_sparsity"], (len(y0), len(y0)))
            if "products" in given:
                given["jac"] = compressed(structure, given.pop("products"))
                structure = None
            given["jac_sparsity"] = structure
        if has_times:
            given["t_eval"] = np.array(times)
        result = calling(function, given)
        if call.in_pairs:
            result.y = np.concatenate([result.y.real, result.y.imag])
            if result.y_events is not None:
                result.y_events = [_apart(y) for y in result.y_events]
        return result

    return run


def _joined(pair: Any) -> Any:
    half = len(pair) // 2
    return pair[:half] + 1j * pair[half:]


def _apart(states: Any) -> Any:
    """Complex states, one row each, as pairs; of no state at all there are no columns either."""
    return np.concatenate([states.real, states.imag], axis=-1) if np.ndim(states) > 1 else states


def _of_pairs(function: Any) -> Any:
    """What SciPy calls with complex states, from a function of pairs."""

    def slope(t: Any, y: Any) -> Any:
        return _joined(function(t, np.concatenate([y.real, y.imag])))

    return slope


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

    return call.result(
        call.problem("scipy.integrate.odeint", "LSODA", run, (lambda y: (y,), ()), True, time_first)
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
        in_columns: bool = False,
        in_pairs: bool = False,
    ) -> None:
        if not all(callable(f) for f in functions.values()):
            raise Declined("an integrator with something else in place of a function")
        self.frame = frame
        self.names = self.own = tuple(functions)
        self.time_first = time_first
        self.in_columns = in_columns
        self.in_pairs = in_pairs  # whether the states are complex, the real parts before the others
        self.operands = Operands()
        n = y0.shape[0]
        self.programs = []
        for name, f in functions.items():
            if name == "products":  # of states and a direction
                both = Tracer(Value(ArrayType(FLOAT, (2 * n,))), "array")
                self.programs.append(self.program(f, both, extra, (n,), node))
            else:
                is_slope = bool(self.programs)
                shape: tuple[Extent, ...] = (n, n) if is_slope else (n,)
                self.programs.append(
                    self.program(f, y0, extra, shape, node, in_columns and not is_slope)
                )

    def program(
        self,
        function: Any,
        y0: Tracer,
        extra: Sequence[Any],
        shape: Any,
        node: ast.AST,
        in_columns: bool = False,
    ) -> tuple[Program, list[Value]]:
        """A function of time and state, in the order of the program: the time first.

        ``in_columns``: it takes and returns states as columns of a matrix.
        """
        form: Form = "scalar" if self.time_first else "python"
        time = Value(NUMPY_NUMBER if form == "scalar" else NUMBER, "t")
        state = Value(ArrayType(FLOAT, y0.shape), "y")
        t, y = Tracer(time, form), Tracer(state, "array")
        if in_columns:
            n: Any = y0.shape[0]

            def columns() -> Any:
                return call_of(self.frame, function, [t, reshape(y, (n, 1)), *extra], node)

            outcome = captured(self.frame, function, [t, y], extra, node, [time, state], columns)
        elif self.in_pairs:

            def whole() -> Any:
                return call_of(self.frame, function, [t, self.whole(y), *extra], node)

            outcome = captured(self.frame, function, [t, y], extra, node, [time, state], whole)
        else:
            order = [t, y] if self.time_first else [y, t]
            outcome = captured(self.frame, function, order, extra, node, [time, state])
        with self.frame.trace.builder.reopened(outcome.block):
            if in_columns:
                value = reshape(array_of(outcome.value, (*shape, 1)), shape)
            elif shape is None:  # a number
                value = reshape(as_float(outcome.value), ())
            elif self.in_pairs:
                value = array_of(_pairs(outcome.value), shape)
            else:
                value = array_of(outcome.value, shape)
            outcome.block.outputs = [value.value]
        return closed_program(outcome.block, getattr(function, "__name__", "f"))

    def whole(self, states: Any, axis: int = 0) -> Any:
        """States as the user sees them."""
        if not self.in_pairs:
            return states
        half: Any = states.shape[axis] // 2
        at = (slice(None),) * axis
        return joined(states[(*at, slice(half))], states[(*at, slice(half, None))], "array")

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

    def problem(
        self,
        name: str,
        method: str,
        run: Callable[[dict[str, Any], Sequence[Any]], Any],
        results: tuple[Callable[[Any], tuple[Any, ...]], tuple[tuple[str, ArrayType], ...]],
        has_times: bool,
        time_first: bool,
    ) -> Problem:
        """The call as an attribute of operations."""
        leaves, others = results
        return Problem(
            name, method, self.names, len(self.operands.tracers), run, leaves, others,
            has_times, name.endswith("solve_ivp"), time_first, self.frame.trace.builder.source,
        )  # fmt: skip

    def values(self) -> tuple[tuple[Value, ...], tuple[Program, ...]]:
        """The operands, and the programs, each of which reads all that is read."""
        read = list(dict.fromkeys(v for _, values in self.programs for v in values))
        programs = tuple([reading(program, values, read) for program, values in self.programs])
        values = (*(t.value for t in self.operands.tracers), *read)
        if all(v.owner is not None and v.owner.kind == "constant" for v in values):
            raise Declined("an initial value problem of constants")
        return values, programs

    def result(self, problem: Problem) -> Any:
        """What SciPy returns, as values of the program."""
        trace = self.frame.trace
        values, programs = self.values()
        attributes: dict[str, Any] = {"problem": problem, "programs": programs}
        size: Extent = self.operands.tracers[3].shape[0]
        if not problem.has_times:
            (count,) = trace.builder.emit("ivp_size", values, attributes)
            count.low = 2  # an integration has a start and an end
            size = Dim.symbol(count)
        found = trace.builder.emit("ivp", values, {**attributes, "size": size})
        tracers = [presented(v) for v in found]
        if not problem.in_columns:
            return tracers[0]
        tracers[0] = self.whole(tracers[0])
        names = ["y", "t", *(other for other, _ in problem.others)]
        parts = {(k,): tracer for k, tracer in zip(names, tracers, strict=True)}
        return rebuilt(trace, _finished(), parts, ())


# -- the solution at other times, and events -----------------------------------------------------------------
@dataclass(frozen=True)
class Solution:
    """The solution of an initial value problem, at times that are asked for."""

    call: _Call
    problem: Problem

    def at(self, times: Any, end: Any) -> Any:
        """The states at rising (or falling) times up to an end, one column each."""
        trace = self.call.frame.trace
        values, programs = self.call.values()
        operands = list(values)
        operands[END], operands[TIMES] = end.value, times.value
        # Without the programs of events, which come last, and whatever they read beside.
        problem = replace(self.problem, has_times=True, events=0, callbacks=self.call.own)
        attributes = {"problem": problem, "programs": programs[: len(self.call.own)]}
        found = trace.builder.emit(
            "ivp_at", tuple(operands), {**attributes, "size": times.shape[0]}
        )
        return Tracer(found[0], "array")


class Dense:
    """``sol`` of a result: the solution at any times in between, by the steps of one more integration."""

    def __init__(self, solution: Solution, start: Any, end: Any) -> None:
        self.solution = solution
        self.start = start
        self.end = end

    def __autodiff_inline__(self, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        (t,) = (*args, *kwargs.values())
        times: Any = as_float(t)
        if len(times.shape) > 1:
            raise Declined("a solution at times that are no vector")
        flat: Any = reshape(times, (product(times.shape),))
        sign: Any = np.where(self.end >= self.start, 1.0, -1.0)
        inside: Any = np.all((sign * flat >= sign * self.start) & (sign * flat <= sign * self.end))
        check(inside, "a time outside of the solution")
        order: Any = np.argsort(sign * flat, kind="stable")
        back: Any = np.argsort(order, kind="stable")
        states = self.solution.call.whole(self.solution.at(flat[order], self.end)[:, back])
        return states if times.shape else states[:, 0]

    def __call__(self, t: Any) -> Any:
        """As in capture, where alone it is called."""
        return self.__autodiff_inline__(None, (t,), {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Declined(f"{name} of a solution")


def _looking(call: _Call, problem: Problem, marks: Sequence[dict[str, Any]]) -> Problem:
    """The problem whose run looks for events, with the attributes that their functions have."""
    names = tuple([f"event {k}" for k in range(len(marks))])

    def run(given: dict[str, Any], values: Sequence[Any]) -> Any:
        looked_at = [
            _event(given.pop(name), mark, call.in_pairs)
            for name, mark in zip(names, marks, strict=True)
        ]
        return problem.run({**given, "events": looked_at}, values)

    callbacks = (*call.names, *names)
    return replace(problem, run=run, callbacks=callbacks, events=len(marks), leaves=_until_event)


def _with_events(
    call: _Call,
    problem: Problem,
    solution: Solution,
    events: Any,
    extra: Sequence[Any],
    node: ast.AST,
) -> tuple[Any, Any]:
    """The result of a call that looks for events, and the time at which it stops.

    The numbers are SciPy's.  An event's time moves as the equation says that it solves, the states
    there as the solution does at times that move.
    """
    frame, trace = call.frame, call.frame.trace
    functions = [events] if callable(events) else list(events)
    marks = [_marks(frame, f, node) for f in functions]
    y0 = call.operands.tracers[STATE]
    call.programs += [call.program(f, y0, extra, None, node) for f in functions]
    problem = _looking(call, problem, marks)
    values, programs = call.values()
    attributes: dict[str, Any] = {"problem": problem, "programs": programs}
    counts = trace.builder.emit("events_size", values, attributes)
    counts[0].low = 1
    for count in counts[1:]:
        count.low = 0
    sizes = tuple([Dim.symbol(count) for count in counts])
    found = trace.builder.emit("events", values, {**attributes, "sizes": sizes})
    y, t = map(presented, found[:2])
    nfev, njev, nlu, status = (number(presented(v), int) for v in found[2:6])
    at = [presented(v) for v in found[6:]]
    last = _last(call, status, at[: len(functions)])
    times = [
        _moving(call, solution, f, extra, x, last, node)
        for f, x in zip(functions, at[: len(functions)], strict=True)
    ]
    # One of them is last; others may be at the same moment, and move otherwise.
    ending = [x for x, mark in zip(times, marks, strict=True) if mark.get("terminal")]
    with for_derivatives(trace):
        states = [solution.at(x, last).T for x in times]
        ends = _moving_times(call, problem, t, ending, last)
        whole = solution.at(ends, last)
    states = [derived_as(y, exact) for y, exact in zip(at[len(functions) :], states, strict=True)]
    states = [call.whole(x, 1) for x in states]
    parts = {
        ("y",): call.whole(derived_as(y, whole)), ("t",): derived_as(t, ends), ("nfev",): nfev, ("njev",): njev,
        ("nlu",): nlu, ("status",): status,
    }  # fmt: skip
    result = rebuilt(trace, _finished(), parts, ())
    for name, value in (("t_events", times), ("y_events", states), ("message", NotKept())):
        dict.__setitem__(result, name, value)
    return result, last


def _marks(frame: Frame, event: Any, node: ast.AST) -> dict[str, Any]:
    """What is said of an event: whether it ends the integration, and in which direction it counts."""
    found = {}
    for name in ("terminal", "direction"):
        try:
            found[name] = load_attribute(frame, event, name, node)
        except AttributeError:
            continue
        if isinstance(found[name], Tracer):
            found[name] = frame.trace.concrete(found[name])
    return found


def _event(function: Any, marks: dict[str, Any], in_pairs: bool) -> Any:
    def event(t: Any, y: Any) -> float:
        return float(function(t, np.concatenate([y.real, y.imag]) if in_pairs else y))

    for name, value in marks.items():
        setattr(event, name, value)
    return event


def _until_event(result: Any) -> tuple[Any, ...]:
    if result.status < 0:
        raise CheckFailed(f"solve_ivp stopped early: {result.message}")
    return (result.y, result.t, result.nfev, result.njev, result.nlu)


def _moving(
    call: _Call,
    solution: Solution,
    event: Any,
    extra: Sequence[Any],
    times: Any,
    last: Any,
    node: ast.AST,
) -> Any:
    """The times of an event, which move as its function says, that is zero there."""
    frame, trace = call.frame, call.frame.trace
    count = times.shape[0]
    parameter = Value(ArrayType(FLOAT, (count,)), "t")
    z: Any = Tracer(parameter, "array")
    stopped = stop(last)

    def equations() -> Any:
        # A step of Newton's from an event that ends the integration may go beyond it.
        sign: Any = np.where(
            np.greater_equal(stopped, stop(call.operands.tracers[START])), 1.0, -1.0
        )
        reached: Any = np.concatenate([reshape(stopped, (1,)), stop(z)])
        states = call.whole(solution.at(z, sign * np.max(sign * reached)))
        with trace.builder.region() as body:
            k = trace.builder.parameter(ArrayType(_INT, ()), "k")
            k.low, k.high = 0, count - 1
            here = Tracer(k, "array")
            value = as_float(call_of(frame, event, [z[here], states[:, here], *extra], node))
            body.outputs = [reshape(value, ()).value]
        return Tracer(emit_for(count, (), body)[0], "array")

    outcome = captured(frame, event, [z], (), node, [parameter], equations)
    with trace.builder.reopened(outcome.block):
        outcome.block.outputs = [outcome.value.value]
    program, read = closed_program(outcome.block, getattr(event, "__name__", "event"))
    # It is as far from the event of the solution as the states are: how far is told of these.
    moved = emit_solution(
        "an event of scipy.integrate.solve_ivp", stop(times), program, read, trace, relative=0.1,
        is_pointwise=True,
    )  # fmt: skip
    return Tracer(moved.value, "array")


def _last(call: _Call, status: Any, events: Sequence[Any]) -> Any:
    """Where the integration ended: at its end, or at the furthest event."""
    start, end = (stop(call.operands.tracers[k]) for k in (START, END))
    sign: Any = np.where(np.greater_equal(end, start), 1.0, -1.0)
    reached: Any = np.concatenate([reshape(start, (1,)), *events])
    return np.where(np.equal(status, 1), sign * np.max(sign * reached), end)


def _moving_times(call: _Call, problem: Problem, t: Any, events: Sequence[Any], last: Any) -> Any:
    """The times of a result: given ones, or constants but for the two ends."""
    operands = call.operands.tracers
    if problem.has_times:
        return operands[TIMES][: t.shape[0]]
    end: Any = operands[END]
    total, hits = 0.0 * end, 0.0 * end
    for times in events:  # the end is where the event was that ended it
        hit: Any = np.where(times == last, 1.0, 0.0)
        total, hits = total + np.sum(hit * times), hits + np.sum(hit)
    at_end = np.where((end == last) | (hits == 0), end, total / np.maximum(hits, 1.0))
    line = emit_tracer("iota", size=t.shape[0], dtype=_INT)
    first = np.where(np.equal(line, 0), operands[START], stop(t))
    return np.where(np.equal(line, t.shape[0] - 1), at_end, first)


__all__ = ["solve_by_odeint", "solve_initial_value_problem"]
