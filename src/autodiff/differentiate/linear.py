"""A program apart from its derivative, which is linear in the tangents.

    linearized(f(x) -> y)  ==  x -> (y, kept)   and   (kept, dx) -> dy

What the derivative reads of the program's values is kept, so that many tangents are pushed with one
run of the program.  In forward mode a loop computes values and tangents side by side; in reverse they
stand apart, so the derivative is cut off there: what depends on the cotangents is the linear map
``pull``, and its transpose, by reverse mode once more, is the map of tangents.  No value of ``pull``
itself is needed for that, as it is linear.
"""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.differentiate.custom import inline
from autodiff.differentiate.reverse import vjp
from autodiff.dims import symbols
from autodiff.ir.copying import Mapping, copy_block, copy_value
from autodiff.ir.data import Block, Operation, Program, Value, free_values, uses
from autodiff.ops.builder import building
from autodiff.ops.structural import zeros


def linearized(
    program: Program, wrt: Sequence[int], outputs: Sequence[int]
) -> tuple[Program, Program]:
    """The program that also gives what the derivative reads, and that derivative.

    The first has the outputs of ``program``, then what is kept.  The second has what is kept as
    inputs, then a tangent for each of ``wrt``; its outputs are the tangents of ``outputs``.
    """
    whole = vjp(program, wrt, outputs)
    count = len(program.inputs)
    own, cotangents = whole.inputs[:count], whole.inputs[count:]
    values, pulled = whole.outputs[: len(program.outputs)], whole.outputs[len(program.outputs) :]
    before, after = _apart(whole.block.operations, cotangents)
    constants = [operation for operation in before if operation.kind == "constant"]
    pull = Block(list(cotangents), [*constants, *after], list(pulled))
    kept = _with_symbols(free_values(pull))
    first = Program(Block(own, before, [*values, *kept]), program.name)
    return first, _transposed(pull, kept, f"{program.name}_linear")


def _apart(
    operations: Sequence[Operation], inputs: Sequence[Value]
) -> tuple[list[Operation], list[Operation]]:
    """Operations that do not depend on values, and those that do."""
    dependent = set(inputs)
    before: list[Operation] = []
    after: list[Operation] = []
    for operation in operations:
        read = {*uses(operation), *(v for r in operation.regions for v in free_values(r))}
        if dependent.isdisjoint(read):
            before.append(operation)
        else:
            after.append(operation)
            dependent.update(operation.results)
    return before, after


def _with_symbols(values: Sequence[Value]) -> list[Value]:
    """The values, each after those that its shape is told by."""
    found: dict[Value, None] = {}

    def take(value: Value) -> None:
        for extent in value.shape:
            for symbol in symbols(extent):
                if symbol is not value:
                    take(symbol)
        found[value] = None

    for value in values:
        take(value)
    return list(found)


def _transposed(pull: Block, kept: Sequence[Value], name: str) -> Program:
    """The transpose of a linear map of cotangents, where they are zero."""
    mapping: Mapping = {}
    inputs = [copy_value(v, mapping) for v in kept]
    alone = copy_block(pull, mapping)
    count, number = len(inputs), len(alone.parameters)
    alone.parameters = [*inputs, *alone.parameters]
    transposed = vjp(
        Program(alone, name),
        range(count, count + number),
        range(len(alone.outputs)),
        keep_values=False,
    )
    tangents = transposed.inputs[count + number :]
    with building() as builder:
        builder.block.parameters = [*inputs, *tangents]
        nothing = [zeros(v.shape, v.dtype).value for v in transposed.inputs[count : count + number]]
        builder.block.outputs = inline(
            builder, transposed.block, [*inputs, *nothing, *tangents], {}
        )
        return Program(builder.block, name)


__all__ = ["linearized"]
