"""Loops that the user marks with ``checkpoint``: in segments, of which only the starts are kept.

    for k in n:  x' = body(k, x)       for s in n/c:
                                  =>       for j in c:  x' = body(s c + j, x)       c = the root of n

Reverse mode keeps the carries at the start of each segment, and on the way back runs one segment at
a time again, with its residuals (``reverse_control``).  Memory is that of ``n/c + c`` iterations
in place of ``n``, for one more run of the loop.  A mark may ask for segments within segments
(:class:`Segments`): with d levels about the root of degree d + 1 of n, for d more runs.

What the iterations draw, or have Python compute, is had once, by a loop before that one, which keeps it:

    for k in n:  x' = body(x, draw())  =>  for k in n:  d[k] = draw()
                                           for k in n:  x' = body(x, d[k])       in segments

    while test(x):  x = body(x)    =>    while test(x):                          segment s
                                             while test(x) and j < s + c:  x = body(x)

How long a while loop is nobody knows before, so each segment is one iteration longer than the last:
of n iterations there are about the root of 2 n segments, none of which is longer than that.

Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 12.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, maximum, minimum, symbols
from autodiff.ir.copying import Mapping, copy_operation, copy_value, map_attribute, map_type
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, walk
from autodiff.ops.builder import Builder, building, emit
from autodiff.ops.control import INT, emit_for, emit_while
from autodiff.ops.entries import ENTRIES
from autodiff.ops.structural import slice_of, slice_update, zeros
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.plain_data import dataclass

SHORTEST = 9  # iterations; of fewer, segments would save nothing


@dataclass(frozen=True)
class Segments:
    """How a loop is cut: ``levels`` of segments within segments.

    ``ratio`` is the memory that an iteration keeps, as a share of that of the start of a segment.
    """

    levels: int = 1
    ratio: float = 1.0

    def lengths(self, count: Extent) -> list[Extent]:
        """Those of the segments of each level, from the outermost.

        Where each level is cut into q pieces and the last has L iterations, q**d L = n, and
        d q starts and L iterations are kept: least where q is ratio L.
        """
        if self == Segments():
            return [_root(count)]
        pieces = (count * self.ratio) if isinstance(count, int) else None
        if pieces is not None:
            q = min(max(math.ceil(pieces ** (1 / (self.levels + 1))), 1), count)
            lengths: list[Extent] = []
            for _ in range(self.levels):
                count = -(-count // q)
                lengths.append(count)
            return lengths
        n: Any = np.maximum(as_tracer(count), 1).astype(np.float64)
        many = np.ceil((n * self.ratio) ** (1 / (self.levels + 1)))
        many = np.minimum(np.maximum(many, 1.0), n)
        found: list[Extent] = []
        for _ in range(self.levels):
            n = np.ceil(n / many)
            value: Value = n.astype(INT).value
            value.low = 1
            found.append(Dim.symbol(value))
        return found


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
    """Whether a loop is marked and can be in segments."""
    mark = operation.attributes.get("checkpointed", False)
    return bool(mark) and can_be_cut(operation)


def can_be_cut(operation: Operation) -> bool:
    """Whether a loop may run twice, once what it draws is had by another one."""
    if operation.kind == "while":
        inside = [op for region in operation.regions for op in walk(region)]
        stacks = len(operation.results) - 1 > len(operation.operands)
        return not stacks and not any(map(_is_drawing, inside))
    count = operation.attributes["count"]
    if not isinstance(count, Dim) and count < SHORTEST:
        return False
    body = operation.regions[0]
    drawing = [op for op in walk(body) if _is_drawing(op)]
    inside_of_it = {v for op in walk(body) for v in op.results} | set(body.parameters)
    return all(op in body.operations for op in drawing) and not any(
        symbols(n) & inside_of_it for op in drawing for v in op.results for n in v.shape
    )


def _is_drawing(operation: Operation) -> bool:
    """Whether an operation draws random numbers, or has Python compute something."""
    return ENTRIES[operation.kind].has_effect and bool(operation.results)


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
    """A counted loop as one of loops."""
    body = operation.regions[0]
    n = len(operation.operands)
    count: Extent = map_attribute(operation.attributes["count"], mapping)
    mark = operation.attributes["checkpointed"]
    lengths = (mark if isinstance(mark, Segments) else Segments()).lengths(count)
    drawn = _drawn_before(builder, operation, count, mapping)
    # What the body would stack is stored into arrays that the loops carry.
    stacks = [
        zeros((count, *map_type(v.type, mapping).shape), v.dtype).value for v in body.outputs[n:]
    ]
    starts = (*(mapping.get(v, v) for v in operation.operands), *stacks)
    marks: dict[str, Any] = {"tape": operation.attributes.get("tape")}

    def passes(first: Extent, steps: Extent, starts: Sequence[Value]) -> Sequence[Value]:
        """The iterations of one segment of the last level."""
        with builder.region() as inner:
            j = builder.index(steps)
            k = emit("extent_value", value=first + Dim.symbol(j))
            k.low, k.high = 0, count - 1
            local = dict(mapping)
            local[body.parameters[0]] = k
            for parameter in body.parameters[1:]:
                inner.parameters.append(copy_value(parameter, local))
            arrays = [builder.parameter(ArrayType(v.dtype, v.shape)) for v in stacks]
            for value, rows in drawn.items():
                local[value] = _row_of(rows, k, map_type(value.type, local))
            _copy(builder, _without(body, drawn), local)
            found = [local.get(v, v) for v in body.outputs]
            inner.outputs = found[:n] + [
                _with_row(array, k, row) for array, row in zip(arrays, found[n:], strict=True)
            ]
        return emit_for(steps, tuple(starts), inner, operation.source, run_again=True, **marks)

    def segments(
        level: int, first: Extent, steps: Extent, starts: Sequence[Value]
    ) -> Sequence[Value]:
        """The iterations from ``first`` on, in segments of this level and those below."""
        if level == len(lengths):
            return passes(first, steps, starts)
        length = lengths[level]
        number = (steps + length - 1) // length
        with builder.region() as outer:
            s = builder.index(number)
            carried = [builder.parameter(ArrayType(v.dtype, v.shape)) for v in starts]
            begin = Dim.symbol(s) * length
            rest = maximum(minimum(length, steps - begin), 0)
            outer.outputs = list(segments(level + 1, first + begin, rest, carried))
        return emit_for(
            number, tuple(starts), outer, operation.source, run_again=level > 0, **marks
        )

    results = segments(0, 0, count, starts)
    mapping.update(zip(operation.results, results, strict=True))


def _drawn_before(
    builder: Builder, operation: Operation, count: Extent, mapping: Mapping
) -> dict[Value, Value]:
    """What the iterations of a loop draw, by rows: each value of the body with its rows.

    The loop that draws is the loop itself, less what nobody reads then.  It has the effects
    too, in order; what fails, fails in the other one.
    """
    body = operation.regions[0]
    drawn = [v for op in body.operations if _is_drawing(op) for v in op.results]
    if not drawn:
        return {}
    local = dict(mapping)
    with builder.region() as block:
        block.parameters = [copy_value(p, local) for p in body.parameters]
        for inner in body.operations:
            if inner.kind != "check":
                block.operations.append(copy_operation(inner, local, share=False))
        n = len(operation.operands)
        block.outputs = [local.get(v, v) for v in (*body.outputs[:n], *drawn)]
    starts = tuple([mapping.get(v, v) for v in operation.operands])
    results = emit_for(count, starts, block, operation.source)
    return dict(zip(drawn, results[n:], strict=True))


def _without(body: Block, drawn: dict[Value, Value]) -> Block:
    """The body less what the loop that draws has done."""
    if not drawn:
        return body
    return Block(body.parameters, _without_effects(body.operations), body.outputs)


def _without_effects(operations: Sequence[Operation]) -> list[Operation]:
    """The operations less the effects in them, but for checks."""
    kept = []
    for op in operations:
        if ENTRIES[op.kind].has_effect and op.kind != "check":
            continue
        regions = tuple(
            [Block(r.parameters, _without_effects(r.operations), r.outputs) for r in op.regions]
        )
        kept.append(
            Operation(op.kind, op.operands, op.attributes, op.results, regions, op.source)
            if regions
            else op
        )
    return kept


def _segment_of_any_length(builder: Builder, operation: Operation, mapping: Mapping) -> None:
    """A while loop as one of while loops; the first carry of both counts iterations."""
    test, body = operation.regions
    starts = [mapping.get(v, v) for v in operation.operands]
    zero = Tracer.constant(np.zeros((), INT)).value
    marks: dict[str, Any] = {"tape": operation.attributes.get("tape")}

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
        found = emit_while((first, *values), inner_test, inner, operation.source, **marks)
        outer.outputs = list(found[1:])
    _, total, *results = emit_while((zero, *starts), outer_test, outer, operation.source, **marks)
    total.low = 0
    mapping.update(zip(operation.results, [total, *results], strict=True))


def _row_of(rows: Value, k: Value, type: ArrayType) -> Value:
    starts: tuple[Extent, ...] = (Dim.symbol(k), *[0] * len(type.shape))
    return slice_of(Tracer(rows, "array"), starts, (None, *type.shape), (1,) * len(starts)).value


def _with_row(array: Value, k: Value, row: Value) -> Value:
    starts: tuple[Extent, ...] = (Dim.symbol(k), *[0] * len(row.shape))
    steps = (1,) * len(starts)
    return slice_update(
        Tracer(array, "array"), Tracer(row, "array"), starts, (None, *row.shape), steps
    ).value


__all__ = ["Segments", "can_be_cut", "in_segments"]
