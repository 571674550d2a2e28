"""Loops that the user marks with ``checkpoint``: in segments, of which only the starts are kept.

    for k in n:  x' = body(k, x)       for s in n/c:
                                  =>       for j in c:  x' = body(s c + j, x)       c = the root of n

Reverse mode keeps the carries at the start of each segment, and on the way back runs one segment at
a time again, with its residuals (``reverse_control``).  Memory is that of ``n/c + c`` iterations
in place of ``n``, for one more run of the loop.

    while test(x):  x = body(x)    =>    while test(x):                          segment s
                                             while test(x) and j < s + c:  x = body(x)

How long a while loop is nobody knows before, so each segment is one iteration longer than the last:
of n iterations there are about the root of 2 n segments, none of which is longer than that.

Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 12.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, maximum, minimum
from autodiff.ir.copying import Mapping, copy_operation, copy_value, map_attribute, map_type
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, walk
from autodiff.ops.builder import Builder, building, emit
from autodiff.ops.control import INT, emit_for, emit_while
from autodiff.ops.entries import ENTRIES
from autodiff.ops.structural import slice_update, zeros
from autodiff.ops.tracer import Tracer, as_tracer

SHORTEST = 9  # iterations; of fewer, segments would save nothing


def in_segments(program: Program) -> Program:
    """The program with its marked loops in segments."""
    if not any(_is_marked(operation) for operation in walk(program.block)):
        return program
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        mapping: Mapping = {}
        _copy(builder, program.block, mapping)
        builder.block.outputs = [mapping.get(v, v) for v in program.outputs]
        return Program(builder.block, program.name)


def _is_marked(operation: Operation) -> bool:
    """Whether a loop is marked and may run twice: it draws no random numbers and calls no Python for a value."""
    if not operation.attributes.get("checkpointed", False):
        return False
    if operation.kind == "while":
        inside = [op for region in operation.regions for op in walk(region)]
        stacks = len(operation.results) - 1 > len(operation.operands)
        return not stacks and not any(ENTRIES[op.kind].has_effect and op.results for op in inside)
    count = operation.attributes["count"]
    inner = walk(operation.regions[0])
    return (isinstance(count, Dim) or count >= SHORTEST) and not any(
        ENTRIES[op.kind].has_effect and op.results for op in inner
    )


def _copy(builder: Builder, block: Block, mapping: Mapping) -> None:
    for operation in block.operations:
        if _is_marked(operation) and operation.kind == "while":
            _segment_of_any_length(builder, operation, mapping)
        elif _is_marked(operation):
            _segment(builder, operation, mapping)
        elif any(_is_marked(inner) for region in operation.regions for inner in walk(region)):
            builder.block.operations.append(_copy_with_regions(builder, operation, mapping))
        else:
            # Not shared: what refers to it in an extent is copied as well.
            builder.block.operations.append(copy_operation(operation, mapping))


def _copy_with_regions(builder: Builder, operation: Operation, mapping: Mapping) -> Operation:
    regions = []
    for region in operation.regions:
        with builder.region() as block:
            block.parameters = [copy_value(p, mapping) for p in region.parameters]
            _copy(builder, region, mapping)
            block.outputs = [mapping.get(v, v) for v in region.outputs]
        regions.append(block)
    operands = tuple([mapping.get(v, v) for v in operation.operands])
    attributes = {k: map_attribute(v, mapping) for k, v in operation.attributes.items()}
    results = tuple([copy_value(v, mapping) for v in operation.results])
    return Operation(
        operation.kind, operands, attributes, results, tuple(regions), operation.source
    )


def _root(count: Extent) -> Extent:
    """The length of a segment: the least integer whose square is not below the count."""
    if isinstance(count, int):
        return math.isqrt(count - 1) + 1
    positive: Any = np.maximum(as_tracer(count), 1)
    value: Value = np.ceil(np.sqrt(positive.astype(np.float64))).astype(INT).value
    value.low = 1
    return Dim.symbol(value)


def _segment(builder: Builder, operation: Operation, mapping: Mapping) -> None:
    body = operation.regions[0]
    n = len(operation.operands)
    count: Extent = map_attribute(operation.attributes["count"], mapping)
    length = _root(count)
    # What the body would stack is stored into arrays that the loops carry.
    stacks = [
        zeros((count, *map_type(v.type, mapping).shape), v.dtype).value for v in body.outputs[n:]
    ]
    starts = (*(mapping.get(v, v) for v in operation.operands), *stacks)
    with builder.region() as outer:
        s = _index(builder, (count + length - 1) // length)
        carried = [builder.parameter(ArrayType(v.dtype, v.shape)) for v in starts]
        first = Dim.symbol(s) * length
        steps = maximum(minimum(length, count - first), 0)
        with builder.region() as inner:
            j = _index(builder, steps)
            k = emit("extent_value", value=first + Dim.symbol(j))
            k.low, k.high = 0, count - 1
            local = dict(mapping)
            local[body.parameters[0]] = k
            for parameter in body.parameters[1:]:
                inner.parameters.append(copy_value(parameter, local))
            arrays = [builder.parameter(ArrayType(v.dtype, v.shape)) for v in stacks]
            _copy(builder, body, local)
            found = [local.get(v, v) for v in body.outputs]
            inner.outputs = found[:n] + [
                _with_row(array, k, row) for array, row in zip(arrays, found[n:], strict=True)
            ]
        outer.outputs = list(
            emit_for(steps, tuple(carried), inner, operation.source, run_again=True)
        )
    results = emit_for((count + length - 1) // length, starts, outer, operation.source)
    mapping.update(zip(operation.results, results, strict=True))


def _segment_of_any_length(builder: Builder, operation: Operation, mapping: Mapping) -> None:
    """A while loop as one of while loops; the first carry of both counts iterations."""
    test, body = operation.regions
    starts = [mapping.get(v, v) for v in operation.operands]
    zero = Tracer.constant(np.zeros((), INT)).value

    def carried() -> tuple[Value, list[Value]]:
        """Parameters for the number of iterations so far and for what the loop carries."""
        total = builder.parameter(ArrayType(INT, ()), "n")
        total.low = 0
        return total, [builder.parameter(ArrayType(v.dtype, v.shape)) for v in starts]

    def holds(values: list[Value]) -> Value:
        """The condition."""
        local = {**mapping, **dict(zip(test.parameters, values, strict=True))}
        for inner in test.operations:
            builder.block.operations.append(copy_operation(inner, local, share=False))
        return local.get(test.outputs[0], test.outputs[0])

    with builder.region() as outer_test:
        _, values = carried()
        outer_test.outputs = [holds(values)]
    with builder.region() as outer:
        segment = builder.parameter(ArrayType(INT, ()), "s")
        segment.low = 0
        first, values = carried()
        before: Any = Tracer(first, "array")
        limit = before + Tracer(segment, "array") + SHORTEST
        with builder.region() as inner_test:
            total, now = carried()
            more: Any = np.logical_and(
                np.less(Tracer(total, "array"), limit), Tracer(holds(now), "array")
            )
            inner_test.outputs = [more.value]
        with builder.region() as inner:
            builder.parameter(ArrayType(INT, ()), "j").low = 0
            total, now = carried()
            local = {**mapping, **dict(zip(body.parameters, [total, *now], strict=True))}
            _copy(builder, body, local)
            done: Any = Tracer(total, "array")
            inner.outputs = [(done + 1).value, *(local.get(v, v) for v in body.outputs)]
        found = emit_while((first, *values), inner_test, inner, operation.source)
        outer.outputs = list(found[1:])
    _, total, *results = emit_while((zero, *starts), outer_test, outer, operation.source)
    total.low = 0
    mapping.update(zip(operation.results, [total, *results], strict=True))


def _index(builder: Builder, count: Extent) -> Value:
    k = builder.parameter(ArrayType(INT, ()), "k")
    k.low, k.high = 0, count - 1
    return k


def _with_row(array: Value, k: Value, row: Value) -> Value:
    starts: tuple[Extent, ...] = (Dim.symbol(k), *[0] * len(row.shape))
    steps = (1,) * len(starts)
    return slice_update(
        Tracer(array, "array"), Tracer(row, "array"), starts, (None, *row.shape), steps
    ).value


__all__ = ["in_segments"]
