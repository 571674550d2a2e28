"""Compressed Jacobians: products with one 0-1 vector for each colour, in one program.

    forward_products(f(x) -> y)  ==  f(x, p, cx) -> for k in range(p): push(cx == k)
    reverse_products(f(x) -> y)  ==  f(x, p, cy) -> for k in range(p): pull(cy == k)
    both_products(f(x) -> y)     ==  f(x, p, cx, q, cy) -> those of the one, then those of the other

Columns that no row has in common share a colour, so that one product holds the elements of all of
them (Curtis, Powell, Reid 1974).  Which columns have which colour is an input, an integer for each
element; so is the number of colours, as the extent of an array.  The primal runs once, before the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.differentiate.activity import propagate, useful
from autodiff.differentiate.checkpoints import in_segments
from autodiff.differentiate.forward import Forward
from autodiff.differentiate.jacobians import calls_host_inside
from autodiff.differentiate.reverse import Cotangents, Reverse
from autodiff.differentiate.rules import accumulate
from autodiff.differentiate.spectra import has_vectors
from autodiff.dims import Dim, Extent, symbols
from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import ArrayType, Block, Program, Value
from autodiff.ops.builder import Builder, building
from autodiff.ops.control import INT, emit_for
from autodiff.ops.tracer import Tracer


def _colours(builder: Builder, values: Sequence[Value]) -> tuple[Extent, list[Value]]:
    """Inputs that say how many colours there are, and which one each element of the values has."""
    count = builder.parameter(ArrayType(INT, (), True), "p")
    count.low = 0
    extent = Dim.symbol(count)
    builder.parameter(ArrayType(INT, (extent,)), "colours")
    return extent, [builder.parameter(ArrayType(INT, v.shape), _hint(v)) for v in values]


def _hint(value: Value) -> str | None:
    return "c" + value.hint if value.hint else None


def _seed(k: Value, colours: Value, like: Value) -> Value:
    """1 for each element that has colour ``k``."""
    hot: Any = np.equal(Tracer(colours, "array"), Tracer(k, "array"))
    seed: Value = hot.astype(like.dtype).value
    return seed


def forward_products(program: Program, wrt: Sequence[int], outputs: Sequence[int]) -> Program:
    """Tangents of the outputs, of shape (p, *output), for the colours of the elements of inputs."""
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        inputs = [program.inputs[k] for k in wrt]
        extent, colours = _colours(builder, inputs)
        active = set(inputs)
        propagate(program.block, active)
        sweep = Forward(builder, active)
        sweep.run_primal(program.block)
        with builder.region() as body:
            k = builder.index(extent)
            seeds = {v: _seed(k, c, v) for v, c in zip(inputs, colours, strict=True)}
            tangents = sweep.push(seeds, program.block)
            body.outputs = [tangents(program.outputs[n]) for n in outputs]
        builder.block.outputs = list(emit_for(extent, (), body))
        return Program(builder.block, f"{program.name}_products")


def reverse_products(program: Program, wrt: Sequence[int], outputs: Sequence[int]) -> Program:
    """Cotangents of the inputs, of shape (p, *input), for the colours of the elements of outputs."""
    program = in_segments(program)
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        extent, colours = _colours(builder, [program.outputs[k] for k in outputs])
        inputs = [program.inputs[k] for k in wrt]
        active = set(inputs)
        propagate(program.block, active)
        wanted = {program.outputs[k] for k in outputs}
        sweep = Reverse(builder, active, useful(program.block, active, wanted))
        sweep.forward(program.block)
        with builder.region() as body:
            k = builder.index(extent)
            cotangents: Cotangents = {}
            for number, c in zip(outputs, colours, strict=True):
                value = sweep.primal(program.outputs[number])
                seed = Tracer(_seed(k, c, value), "array")
                # The same value may be returned twice.
                cotangents[value] = accumulate(cotangents.get(value), seed, seed)
            sweep.backward(cotangents)
            body.outputs = [sweep.dense(v, cotangents) for v in inputs]
        builder.block.outputs = list(emit_for(extent, (), body))
        return Program(builder.block, f"{program.name}_products")


def both_products(program: Program, wrt: Sequence[int], outputs: Sequence[int]) -> Program:
    """Those of :func:`forward_products` and then those of :func:`reverse_products`."""
    forward, reverse = (
        make(program, wrt, outputs) for make in (forward_products, reverse_products)
    )
    # An operation may stand in both as it is.
    mapping: Mapping = {}
    block = reverse.block
    operations = [copy_operation(x, mapping, share=False) for x in block.operations]
    extra = block.parameters[len(program.inputs) :]
    return Program(
        Block(
            [*forward.inputs, *extra],
            [*forward.block.operations, *operations],
            [*forward.outputs, *(mapping.get(v, v) for v in block.outputs)],
        ),
        forward.name,
    )


def products_modes(program: Program, outputs: Sequence[int]) -> tuple[bool, bool]:
    """Whether there are forward products, and whether there are reverse ones.

    Forward mode runs loops and branches again for each product, where what is printed or drawn must
    happen once, and turns vectors of equal eigenvalues for each direction.  Reverse mode needs a colour for
    each element of a result, hence its size before the call.
    """
    given = set(program.inputs)
    sized = all(s in given for n in outputs for e in program.outputs[n].shape for s in symbols(e))
    return not calls_host_inside(program) and not has_vectors(program), sized
