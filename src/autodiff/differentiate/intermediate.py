"""Derivatives by a value inside of a program: by what is added to it.

    perturbed(f(x) -> z, (v,))  ==  f'(x, d) -> z, with v + d in the place of v
    unperturbed(g(x, d), 1)     ==  g(x, 0)

The derivative by ``d`` at ``d = 0`` is the derivative by ``v``, total through everything that
depends on it; since ``d`` is an ordinary input, every transformation applies.  The zero is the
negative one, the exact neutral element of addition: ``x + -0.0`` is ``x`` also where ``x`` is a
zero of either sign (IEEE 754-2019, section 6.3), so values are not changed in a single bit, and
``simplify`` removes the addition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff.dims import symbols
from autodiff.errors import UnsupportedError
from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import Block, Program, Value, free_values
from autodiff.ops.builder import building
from autodiff.ops.structural import broadcast
from autodiff.ops.tracer import Tracer


def perturbed(program: Program, values: Sequence[Value]) -> Program:
    """The program with an input more for each of ``values``, added to it wherever it is used.

    The values are results of operations of the program's outermost block, of floating point.
    """
    known = {*program.inputs, *free_values(program.block)}
    for value in values:
        for extent in value.shape:
            if any(s not in known for s in symbols(extent)):
                raise UnsupportedError(
                    "a value whose size is known only when the program runs cannot be "
                    "differentiated by.",
                    source=value.owner.source if value.owner is not None else None,
                    remedy="differentiate by an array that it is computed from",
                )
    with building() as builder:
        builder.block = Block(list(program.inputs))
        deltas = {v: builder.parameter(v.type, f"d_{v.hint}" if v.hint else None) for v in values}
        mapping: Mapping = {}
        for operation in program.block.operations:
            new = copy_operation(operation, mapping)
            builder.block.operations.append(new)
            for old, result in zip(operation.results, new.results, strict=True):
                if old in deltas:
                    (mapping[old],) = builder.emit(
                        "add", (result, deltas[old]), {}, (old.type,), (), operation.source
                    )
        builder.block.outputs = [mapping.get(v, v) for v in program.outputs]
        return Program(builder.block, program.name)


def unperturbed(program: Program, first: int, count: int) -> Program:
    """The program with zeros for ``count`` inputs from number ``first`` on."""
    with building() as builder:
        inputs = program.inputs
        builder.block = Block([*inputs[:first], *inputs[first + count :]])
        mapping: Mapping = {}
        for value in inputs[first : first + count]:
            zero = Tracer.constant(np.array(-0.0, value.dtype))
            mapping[value] = broadcast(zero, value.shape, ()).value if value.shape else zero.value
        for operation in program.block.operations:
            builder.block.operations.append(copy_operation(operation, mapping))
        builder.block.outputs = [mapping.get(v, v) for v in program.outputs]
        return Program(builder.block, program.name)
