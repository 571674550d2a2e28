"""Functions with a derivative by hand inside of captured code: one operation with two regions.

The function's body and its rule are each interpreted into a region of a ``custom`` operation, on
parameters that stand for the arguments, the results and their cotangents or tangents.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff.capture.arrays import Chosen, array_of
from autodiff.capture.calls import call, verdicts
from autodiff.capture.frames import Scope
from autodiff.capture.functions import Closure
from autodiff.capture.interpreter import Frame
from autodiff.capture.origins import type_of
from autodiff.capture.regions import INTERNAL, Outcome, run_region
from autodiff.capture.slots import fit, is_numeric, slot_of
from autodiff.capture.sourcecode import Syntax
from autodiff.capture.trace import Declined, Trace
from autodiff.dims import Extent, UndecidedExtent, equal
from autodiff.errors import ArgumentError, AutodiffError, ShapeError, is_signal_handlers
from autodiff.ir.data import ArrayType, Value
from autodiff.ops.dispatch import cast
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.plain_data import dataclass
from autodiff.signals import RuleFailed, refuse_ours


def call_frame(trace: Trace) -> Frame:
    """A frame for calls that no statement of the user's makes."""
    node = ast.parse("lambda: None", mode="eval").body
    assert isinstance(node, ast.Lambda)
    syntax = Syntax(node, "<call>", frozenset(), frozenset(), False)
    return Frame(trace, Scope(syntax, {}, {}, None), "<call>")


def inline_custom(
    trace: Trace, function: Callable[..., Any], rule: Callable[..., Any], mode: str, args: list[Any]
) -> Any:
    """Record a call of ``function`` whose derivative is ``rule``."""
    frame = call_frame(trace)
    traced = [k for k, a in enumerate(args) if isinstance(a, Tracer)]
    if not traced:
        return call(frame, function, args, {}, frame.scope.syntax.node)
    operands = [as_tracer(args[k]) for k in traced]
    forms = [t.form for t in operands]

    def filled(values: Sequence[Any]) -> list[Any]:
        made = list(args)
        for k, value in zip(traced, values, strict=True):
            made[k] = value
        return made

    parameters = [Value(t.type) for t in operands]
    inputs = [Tracer(v, form) for v, form in zip(parameters, forms, strict=True)]
    node = frame.scope.syntax.node
    primal = run_region(frame, lambda: call(frame, function, filled(inputs), {}, node), parameters)
    _refuse(primal)
    if any(t.cell.version for t in inputs):
        raise Declined("a function with a custom gradient that changes its argument")
    if not is_numeric(primal.value):
        raise Declined("a function with a custom gradient must return one array or number")
    with trace.builder.reopened(primal.block):
        slot = slot_of(primal.value)
        primal.block.outputs = [fit(primal.value, slot)]
    named = _Rule(function, rule, mode, trace.builder.source)
    with of_rule(lambda: _verdict(frame, named, primal.value, args)):
        derived = _rule_region(frame, named, operands, forms, slot, filled, traced)
    (result,) = trace.builder.emit(
        "custom",
        tuple([t.value for t in operands]),
        {"rule": mode},
        (slot.type,),
        (primal.block, derived.block),
    )
    known = isinstance(primal.value, Tracer) and slot.form == "array"
    part_of = [k for k, t in enumerate(inputs) if known and array_of(primal.value).cell is t.cell]
    if not part_of:
        return Tracer(result, slot.form)
    # It gave its argument, or a part of it: neither may be stored into from now on.
    whole = operands[part_of[0]].cell
    cells = whole.cells if isinstance(whole, Chosen) else {whole: None}
    return Tracer(Chosen(trace.heap, None, result, dict(cells)), "array")


def is_differentiated(trace: Trace) -> bool:
    """Whether a derivative is taken of what is captured, so that rules by hand are asked for."""
    return trace.derivative or trace.derivatives > 0


def inline_plainly(
    trace: Trace, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """Call what has a derivative by hand where none is asked for."""
    frame = call_frame(trace)
    return call(frame, function, list(args), dict(kwargs), frame.scope.syntax.node)


@contextmanager
def of_rule(verdict: Callable[[], Exception | None]) -> Iterator[None]:
    """Run what only derivatives ask for: what is raised there belongs to their caller.

    ``verdict()`` is what it raises in plain Python, None if that is not known.
    """
    try:
        yield
    except (*INTERNAL, MemoryError, RecursionError):
        raise
    except Exception as error:
        refuse_ours(error)
        if is_signal_handlers(error):
            raise
        failure = error
    else:
        return
    said: Exception | None = failure
    if not isinstance(failure, AutodiffError):
        try:
            said = verdict()
        except verdicts.Unasked:
            said = None
    raise RuleFailed(said or failure, said is not None)


def _verdict(frame: Frame, rule: _Rule, y: Any, args: Sequence[Any]) -> Exception | None:
    """What a rule raises in plain Python, of arguments like these."""
    vector = [y] if rule.mode == "vjp" else [a for a in args if isinstance(a, Tracer)]
    given = [vector[0] if len(vector) == 1 else tuple(vector), y, *args]
    if not isinstance(rule.rule, Closure):
        return verdicts.verdict(frame.trace, rule.rule, given, {})

    def interpreted(*plain: Any) -> None:
        node = frame.scope.syntax.node
        outcome = run_region(frame, lambda: call(frame, rule.rule, list(plain), {}, node))
        if outcome.raised is not None:
            raise outcome.raised

    return verdicts.verdict(frame.trace, interpreted, given, {})


def _refuse(outcome: Outcome) -> None:
    if outcome.raised is not None:
        raise outcome.raised
    if outcome.cells or outcome.names:
        raise Declined("a function with a custom gradient that changes what is outside of it")


@dataclass(frozen=True)
class _Rule:
    """A rule, the function it belongs to, and where that is called."""

    function: Callable[..., Any]
    rule: Callable[..., Any]
    mode: str
    source: Any

    def __str__(self) -> str:
        return f"the {self.mode} rule {_name(self.rule)} of {_name(self.function)}"

    def argument(self, number: int) -> str:
        """How the function calls one of its arguments."""
        try:
            names = list(inspect.signature(self.function).parameters)
        except (TypeError, ValueError):
            names = []
        return names[number] if number < len(names) else str(number)


def _are(count: int) -> str:
    return f"{count} is" if count == 1 else f"{count} are"


def _name(function: Any) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    code = getattr(function, "__code__", None)
    if name != "<lambda>" or code is None:
        return f"'{name}'"
    return f"'<lambda>' (line {code.co_firstlineno})"


def _rule_region(
    frame: Frame,
    rule: _Rule,
    operands: Sequence[Tracer],
    forms: Sequence[Any],
    slot: Any,
    filled: Callable[[Sequence[Any]], list[Any]],
    traced: Sequence[int],
) -> Outcome:
    known = [Value(t.type) for t in operands]
    y = Value(slot.type)
    plain = [ArrayType(t.dtype, t.shape) for t in operands]
    of_result = ArrayType(slot.dtype, slot.shape)
    pulls = rule.mode == "vjp"
    vectors = [Value(of_result)] if pulls else [Value(t) for t in plain]
    inputs = filled([Tracer(v, form) for v, form in zip(known, forms, strict=True)])
    given = [Tracer(v) for v in vectors]
    vector: Any = given[0] if len(given) == 1 else tuple(given)

    def thunk() -> Any:
        return call(
            frame, rule.rule, [vector, Tracer(y, slot.form), *inputs], {}, frame.scope.syntax.node
        )

    outcome = run_region(frame, thunk, [*known, y, *vectors])
    _refuse(outcome)
    if outcome.value is None:
        raise ArgumentError(
            f"{rule} gives None.",
            source=rule.source,
            remedy="return the cotangent of each argument (one alone, several as a tuple; None among "
            "several is zero)"
            if pulls
            else "return the tangent of the result",
        )
    wanted = plain if pulls else [of_result]
    places = [f"argument {rule.argument(k)}" for k in traced] if pulls else ["the result"]
    results = outcome.value if isinstance(outcome.value, (tuple, list)) else (outcome.value,)
    if pulls and len(results) == len(inputs) != len(traced):
        results = [results[k] for k in traced]
    if len(results) != len(wanted):
        what = "cotangents" if pulls else "tangents"
        raise ShapeError(
            f"{rule} gives {len(results)} {what} where {_are(len(wanted))} needed.",
            code="AD202",
            source=rule.source,
            remedy="return one for each argument, several as a tuple, or None for zero"
            if pulls
            else "return the tangent of the result, or None for zero",
        )
    with frame.trace.builder.reopened(outcome.block):
        outcome.block.outputs = [
            _fitted(r, t, rule, place) for r, t, place in zip(results, wanted, places, strict=True)
        ]
    return outcome


def _fitted(result: Any, type: ArrayType, rule: _Rule, place: str) -> Value:
    """What a rule gives, which must have the shape of what it belongs to; its dtype is cast."""
    if result is None:
        return zeros(type.shape, type.dtype).value
    what = "cotangent" if rule.mode == "vjp" else "tangent"
    is_array = isinstance(result, (Tracer, np.ndarray)) and not isinstance(
        result, np.ma.MaskedArray
    )
    if not is_array and not is_numeric(result):
        raise ShapeError(
            f"{rule} gives a {type_of(result).__name__} as the {what} of {place}.",
            code="AD202",
            source=rule.source,
            remedy="return an array or a number, or None for zero",
        )
    dtype = result.dtype if is_array else as_tracer(result).dtype
    if dtype.kind not in "fiub":
        raise ShapeError(
            f"{rule} gives a {what} of dtype {dtype} for {place}, which has {type.dtype}.",
            code="AD202",
            source=rule.source,
            remedy="return real numbers",
        )
    # Cast as it is: engines need not have elements of the dtype that Python gave (long doubles).
    known = isinstance(result, np.ndarray)
    tracer = as_tracer(result.astype(type.dtype) if known else result)
    # Where sizes are known only when the program runs, this call's decide, under a guard.
    try:
        fits = len(tracer.shape) == len(type.shape) and all(
            equal(m, n) for m, n in zip(tracer.shape, type.shape, strict=True)
        )
    except UndecidedExtent:
        reason = f"{rule} gives a {what} of a size that depends on values for {place}, which has "
        raise Declined(f"{reason}shape {_shape(type.shape)}", rule.source) from None
    if not fits:
        raise ShapeError(
            f"{rule} gives a {what} of shape {_shape(tracer.shape)} for {place}, "
            f"which has shape {_shape(type.shape)}.",
            code="AD202",
            source=rule.source,
            remedy=f"return a {what} of the same shape, or None for zero",
        )
    return tracer.value if tracer.dtype == type.dtype else cast(tracer, type.dtype).value


def _shape(shape: Sequence[Extent]) -> str:
    listed = ", ".join(map(str, shape))
    return f"({listed},)" if len(shape) == 1 else f"({listed})"
