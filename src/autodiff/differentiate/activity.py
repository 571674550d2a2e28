"""Which values carry derivatives: those that depend on an active input and are floating point.

``propagate(block, active)`` adds the active values of a block (nested regions included) to the
set ``active``; a loop carry is active when its start or what the body yields for it is.
``useful(block, active, wanted)`` tells which of them the wanted outputs depend on.
"""

from __future__ import annotations

from autodiff.errors import DerivativeError
from autodiff.ir.data import Block, Operation, Value, free_values
from autodiff.ops.entries import ENTRIES, Linear


def propagate(block: Block, active: set[Value]) -> None:
    """Add to ``active`` every value of ``block`` that carries a derivative."""
    for operation in block.operations:
        if operation.regions:
            _propagate_control(operation, active)
            continue
        if ENTRIES[operation.kind].zero_derivative:
            continue
        operands = differentiable_operands(operation)
        if any(v in active for v in operands):
            active.update(v for v in operation.results if v.type.is_float)


def differentiable_operands(operation: Operation) -> tuple[Value, ...]:
    """Operands through which derivatives flow."""
    derivative = ENTRIES[operation.kind].derivative
    if isinstance(derivative, Linear) and derivative.arguments is not None:
        return tuple([operation.operands[k] for k in derivative.arguments])
    return operation.operands


def _propagate_control(operation: Operation, active: set[Value]) -> None:
    if operation.kind == "custom":
        _refuse_lost(operation, active)
        if any(v in active for v in operation.operands):
            active.update(v for v in operation.results if v.type.is_float)
        return
    if operation.kind == "cond":
        for region in operation.regions:
            propagate(region, active)
        for k, value in enumerate(operation.results):
            if value.type.is_float and any(r.outputs[k] in active for r in operation.regions):
                active.add(value)
        return
    body = operation.regions[-1]
    n = len(operation.operands)
    carries = body.parameters[1:]
    active.update(
        p
        for p, v in zip(carries, operation.operands, strict=True)
        if v in active and p.type.is_float
    )
    while True:
        propagate(body, active)
        new = [
            p
            for p, v in zip(carries, body.outputs, strict=False)
            if v in active and p not in active
        ]
        if not new:
            break
        active.update(new)
    first = 1 if operation.kind == "while" else 0
    for k, value in enumerate(operation.results[first:]):
        source = carries[k] if k < n else body.outputs[k]
        if source in active and value.type.is_float:
            active.add(value)


def _refuse_lost(operation: Operation, active: set[Value]) -> None:
    """A rule gives the derivative by its arguments: by anything else, it would be lost."""
    primal = operation.regions[0]
    if active.isdisjoint(free_values(primal)):
        return
    inside = set(active)
    propagate(primal, inside)
    if any(v in inside for v in primal.outputs):
        raise DerivativeError(
            "a function with a custom gradient reads a value that carries a derivative and is no "
            "argument of it, so that this derivative would be lost.",
            code="AD302",
            source=operation.source,
            remedy="pass the value as an argument, or through autodiff.stop_gradient if no "
            "derivative should flow",
        )


def loop_carry_activity(operation: Operation, active: set[Value]) -> list[bool]:
    """For each carry of a loop, whether it is active."""
    return [p in active for p in operation.regions[-1].parameters[1:]]


def useful(block: Block, active: set[Value], wanted: set[Value]) -> set[Value]:
    """Active values that the wanted values depend on, within ``block``."""
    needed = {v for v in wanted if v in active}
    for operation in reversed(block.operations):
        if not any(v in needed for v in operation.results):
            continue
        needed.update(v for v in operation.operands if v in active)
        for region in operation.regions:
            needed.update(v for v in free_values(region) if v in active)
    return needed
