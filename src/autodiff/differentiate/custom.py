"""Differentiating operations whose derivative is given by hand (see autodiff.ops.custom).

The primal region is put in place; the rule's region is put where the derivative is needed.  A
missing rule is the transpose of the given one, which is linear in its last parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.differentiate.activity import propagate, useful
from autodiff.differentiate.reverse import Cotangents, Pull, Reverse, add
from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import Block, Operation, Value
from autodiff.ops.builder import Builder, emit
from autodiff.ops.structural import zeros_like
from autodiff.ops.tracer import Tracer


def inline(
    builder: Builder, block: Block, arguments: Sequence[Value], mapping: Mapping
) -> list[Value]:
    """Put the operations of a region in place of its parameters' ``arguments``."""
    local = {**mapping, **dict(zip(block.parameters, arguments, strict=True))}
    for operation in block.operations:
        builder.block.operations.append(copy_operation(operation, local, share=False))
    return [local.get(v, v) for v in block.outputs]


def _own_results(
    builder: Builder, primal: Block, operands: Sequence[Value], mapping: Mapping
) -> list[Value]:
    """The results of a primal region, as values of their own.

    A function that gives its argument gives the same value: what others contribute to the cotangent of that
    must not pass through the rule.
    """
    before = len(builder.block.operations)
    results = inline(builder, primal, operands, mapping)
    made = {v for operation in builder.block.operations[before:] for v in operation.results}
    return [
        v if v in made else emit("cast", (v,), dtype=v.type.dtype, weak=v.type.weak)
        for v in results
    ]


def _dense(ct: Tracer | None, like: Value) -> Value:
    return (zeros_like(Tracer(like, "array")) if ct is None else ct).value


def reverse(sweep: Reverse, operation: Operation) -> Pull:
    """Emit the primal; the pull applies the rule, or the transpose of the jvp rule."""
    primal, rule = operation.regions
    operands = [sweep.primal(v) for v in operation.operands]
    results = _own_results(sweep.builder, primal, operands, sweep.mapping)
    sweep.mapping.update(zip(operation.results, results, strict=True))
    outer = dict(sweep.mapping)

    def pull(cotangents: Cotangents) -> None:
        cts = [cotangents.pop(v, None) for v in results]
        if all(ct is None for ct in cts):
            return
        dense = [_dense(ct, v) for ct, v in zip(cts, results, strict=True)]
        if operation.attributes["rule"] == "vjp":
            pulled = inline(sweep.builder, rule, [*operands, *results, *dense], outer)
        else:
            pulled = _transposed(sweep.builder, rule, [*operands, *results], dense, outer)
        for old, value, ct in zip(operation.operands, operands, pulled, strict=True):
            if old in sweep.active:
                add(cotangents, value, Tracer(ct, "array"))

    return pull


def push(
    builder: Builder,
    operation: Operation,
    operands: Sequence[Value],
    results: Sequence[Value],
    tangents: Sequence[Value],
    mapping: Mapping,
) -> list[Value]:
    """Tangents of the results: the jvp rule, or the transpose of the vjp rule."""
    rule = operation.regions[1]
    if operation.attributes["rule"] == "jvp":
        return inline(builder, rule, [*operands, *results, *tangents], mapping)
    return _transposed(builder, rule, [*operands, *results], tangents, mapping)


def _transposed(
    builder: Builder,
    rule: Block,
    known: Sequence[Value],
    vectors: Sequence[Value],
    mapping: Mapping,
) -> list[Value]:
    """The transpose of a rule's linear map applied to ``vectors``.

    The map takes the rule's last parameters to its outputs; reverse mode at zero transposes it.
    """
    linear = rule.parameters[len(known) :]
    active = set(linear)
    propagate(rule, active)
    local = {**mapping, **dict(zip(rule.parameters, known, strict=False))}
    for parameter in linear:
        local[parameter] = zeros_like(Tracer(parameter, "array")).value
    sweep = Reverse(builder, active, useful(rule, active, set(rule.outputs)), local, recompute=True)
    sweep.leaving = rule.outputs
    sweep.forward(rule)
    cotangents: Cotangents = {}
    for value, vector in zip(rule.outputs, vectors, strict=True):
        if value in active:
            add(cotangents, sweep.primal(value), Tracer(vector, "array"))
    sweep.backward(cotangents)
    return [_dense(cotangents.get(local[p]), p) for p in linear]
