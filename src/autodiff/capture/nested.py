"""Functions with a derivative by hand inside of captured code: one operation with two regions.

The function's body and its rule are each interpreted into a region of a ``custom`` operation, on
parameters that stand for the arguments, the results and their cotangents or tangents.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.capture.interpreter import Frame, Scope
from autodiff.capture.regions import Outcome, fit, is_numeric, run_region, slot_of
from autodiff.capture.sourcecode import Syntax
from autodiff.capture.trace import Declined, Trace
from autodiff.dims import same_shape
from autodiff.errors import ArgumentError
from autodiff.ir.data import ArrayType, Value
from autodiff.ops.dispatch import broadcast_to, cast
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer


def call_frame(trace: Trace) -> Frame:
    """A frame for calls that no statement of the user's makes."""
    node = ast.parse("lambda: None", mode="eval").body
    assert isinstance(node, ast.Lambda)
    syntax = Syntax(node, "<call>", frozenset(), frozenset(), frozenset(), False)
    return Frame(trace, Scope(syntax, {}, {}, None), "<call>")


def inline_custom(
    trace: Trace, function: Callable[..., Any], rule: Callable[..., Any], mode: str, args: list[Any]
) -> Any:
    """Record a call of ``function`` whose derivative is ``rule``."""
    from autodiff.capture.calls import call

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
    if not is_numeric(primal.value):
        raise Declined("a function with a custom gradient must return one array or number")
    with trace.builder.reopened(primal.block):
        slot = slot_of(primal.value)
        primal.block.outputs = [fit(primal.value, slot)]
    derived = _rule_region(frame, rule, mode, operands, forms, slot, filled, traced)
    (result,) = trace.builder.emit(
        "custom",
        tuple([t.value for t in operands]),
        {"rule": mode},
        (slot.type,),
        (primal.block, derived.block),
    )
    return Tracer(result, slot.form)


def _refuse(outcome: Outcome) -> None:
    if outcome.raised is not None:
        raise outcome.raised
    if outcome.cells or outcome.names:
        raise Declined("a function with a custom gradient that changes what is outside of it")


def _rule_region(
    frame: Frame,
    rule: Callable[..., Any],
    mode: str,
    operands: Sequence[Tracer],
    forms: Sequence[Any],
    slot: Any,
    filled: Callable[[Sequence[Any]], list[Any]],
    traced: Sequence[int],
) -> Outcome:
    from autodiff.capture.calls import call

    known = [Value(t.type) for t in operands]
    y = Value(slot.type)
    plain = [ArrayType(t.dtype, t.shape) for t in operands]
    vectors = (
        [Value(ArrayType(slot.dtype, slot.shape))] if mode == "vjp" else [Value(t) for t in plain]
    )
    inputs = filled([Tracer(v, form) for v, form in zip(known, forms, strict=True)])
    given = [Tracer(v) for v in vectors]
    vector: Any = given[0] if len(given) == 1 else tuple(given)

    def thunk() -> Any:
        return call(
            frame, rule, [vector, Tracer(y, slot.form), *inputs], {}, frame.scope.syntax.node
        )

    outcome = run_region(frame, thunk, [*known, y, *vectors])
    _refuse(outcome)
    wanted = plain if mode == "vjp" else [ArrayType(slot.dtype, slot.shape)]
    if outcome.value is None:
        raise ArgumentError(
            f"the {mode} rule of a custom gradient gives None.",
            remedy="return the cotangent of each argument (one alone, several as a tuple)"
            if mode == "vjp"
            else "return the tangent of the result",
        )
    results = outcome.value if isinstance(outcome.value, (tuple, list)) else (outcome.value,)
    if mode == "vjp" and len(results) == len(inputs) != len(traced):
        results = [results[k] for k in traced]
    if len(results) != len(wanted):
        raise TypeError(
            f"the {mode} rule gives {len(results)} results where {len(wanted)} are needed"
        )
    with frame.trace.builder.reopened(outcome.block):
        outcome.block.outputs = [_fitted(r, t) for r, t in zip(results, wanted, strict=True)]
    return outcome


def _fitted(result: Any, type: ArrayType) -> Value:
    if result is None:
        return zeros(type.shape, type.dtype).value
    tracer = as_tracer(result)
    if not same_shape(tracer.shape, type.shape):
        tracer = broadcast_to(tracer, type.shape)
    return tracer.value if tracer.dtype == type.dtype else cast(tracer, type.dtype).value
