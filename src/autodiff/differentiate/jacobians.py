"""Full Jacobians: all rows by reverse mode, or all columns by forward mode, in one program.

    reverse_jacobian(f(x) -> y)  ==  f'(x) -> for k in size(y): pull(one_hot(k)), stacked
    forward_jacobian(f(x) -> y)  ==  f'(x) -> for k in size(x): push(one_hot(k)), stacked

The primal runs once, before the loop; only the sweep is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff.differentiate.activity import propagate, useful
from autodiff.differentiate.checkpoints import in_segments
from autodiff.differentiate.forward import Forward
from autodiff.differentiate.reverse import Cotangents, Reverse
from autodiff.differentiate.spectra import has_vectors
from autodiff.dims import product
from autodiff.ir.data import Program, Value, walk
from autodiff.ops.builder import building
from autodiff.ops.control import INT, emit_for
from autodiff.ops.structural import reshape, transpose
from autodiff.ops.tracer import Tracer, emit_tracer


def _one_hot(k: Value, like: Value) -> Tracer:
    """An array like ``like`` with a 1 at flat position ``k``."""
    if not like.shape:
        return Tracer.constant(np.ones((), like.dtype))
    count = product(like.shape)
    line = emit_tracer("iota", size=count, dtype=INT)
    hot = np.equal(line, Tracer(k, "array")).astype(like.dtype)
    return reshape(hot, like.shape)


def reverse_jacobian(program: Program, wrt: Sequence[int], outputs: Sequence[int]) -> Program:
    """Jacobians ``d output / d input`` of shape (*output, *input), output by output."""
    program = in_segments(program)
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        active = {program.inputs[k] for k in wrt}
        propagate(program.block, active)
        wanted = {program.outputs[k] for k in outputs}
        sweep = Reverse(builder, active, useful(program.block, active, wanted))
        sweep.forward(program.block)
        inputs = [program.inputs[k] for k in wrt]
        results: list[Value] = []
        for number in outputs:
            value = sweep.primal(program.outputs[number])
            count = product(value.shape)
            with builder.region() as body:
                k = builder.index(count)
                cotangents: Cotangents = {value: _one_hot(k, value)}
                sweep.backward(cotangents)
                body.outputs = [sweep.dense(v, cotangents) for v in inputs]
            stacks = emit_for(count, (), body)
            results += [
                reshape(Tracer(stack, "array"), (*value.shape, *v.shape)).value
                for stack, v in zip(stacks, inputs, strict=True)
            ]
        builder.block.outputs = results
        return Program(builder.block, f"{program.name}_jacobian")


def forward_jacobian(program: Program, wrt: Sequence[int], outputs: Sequence[int]) -> Program:
    """As :func:`reverse_jacobian`, computed column by column."""
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        inputs = [program.inputs[k] for k in wrt]
        active = set(inputs)
        propagate(program.block, active)
        sweep = Forward(builder, active)
        sweep.run_primal(program.block)
        columns: list[list[Tracer]] = []
        for v in inputs:
            count = product(v.shape)
            with builder.region() as body:
                k = builder.index(count)
                tangents = sweep.push({v: _one_hot(k, v).value}, program.block)
                body.outputs = [tangents(program.outputs[n]) for n in outputs]
            stacks = emit_for(count, (), body)
            column = []
            for stack, n in zip(stacks, outputs, strict=True):
                y = program.outputs[n]
                ndim = len(y.shape)
                moved = transpose(Tracer(stack, "array"), (*range(1, ndim + 1), 0))
                column.append(reshape(moved, (*sweep.primal(y).shape, *v.shape)))
            columns.append(column)
        builder.block.outputs = [
            columns[j][i].value for i in range(len(outputs)) for j in range(len(inputs))
        ]
        return Program(builder.block, f"{program.name}_jacobian")


def jacobian(
    program: Program, wrt: Sequence[int], outputs: Sequence[int], mode: str = "auto"
) -> Program:
    """Jacobians by forward or reverse ``mode``; "auto": whichever needs fewer sweeps.

    Of unknown sizes it is reverse mode.  Forward mode runs loops and branches again for each column:
    what is printed or drawn in one must happen once, so that such a program is swept in reverse,
    whatever is asked for.  So is one with eigenvectors: where eigenvalues are equal, forward mode turns
    the vectors for each direction, so not for several at once.
    """
    rows = sum(_size(program.outputs[k]) for k in outputs)
    columns = sum(_size(program.inputs[k]) for k in wrt)
    forward = mode == "forward" or (mode == "auto" and columns <= rows)
    # Forward mode turns vectors of equal eigenvalues for each direction, so not for several at once.
    forward = forward and not calls_host_inside(program) and not has_vectors(program)
    sweep = forward_jacobian if forward else reverse_jacobian
    return sweep(program, wrt, outputs)


def calls_host_inside(program: Program) -> bool:
    """Whether a loop or branch calls Python."""
    regions = [region for op in program.block.operations for region in op.regions]
    return any(op.kind == "host_call" for region in regions for op in walk(region))


def _size(value: Value) -> int:
    size = product(value.shape)
    return size if isinstance(size, int) else 1 << 40
