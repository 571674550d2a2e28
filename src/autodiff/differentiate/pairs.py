"""Derivatives of complex results and by complex arguments, which programs hold as pairs.

    f(z) = u + i v,  z = x + i y       to a program: (x, y) -> (u, v), along last axes of length 2

Everything here is made of derivatives by the parts.  The gradient of ``u`` is the pair (u_x, u_y).
Where f is holomorphic, the Cauchy-Riemann equations u_x = v_y and u_y = -v_x make it

    df/dz = u_x + i v_x = u_x - i u_y,

the conjugate of that pair, so that one sweep gives the whole derivative, and derivatives of it the
second ones.  Whether f is holomorphic is seen from the operations that are not: capture notes what
takes a real part, a modulus or a conjugate (:class:`NotHolomorphic`), and :func:`broken_by`
finds one whose value the result depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autodiff.differentiate.activity import propagate
from autodiff.ir.data import Block, Program, Value
from autodiff.ops.builder import NotHolomorphic, building
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.structural import transpose
from autodiff.ops.tracer import Tracer


def with_outputs(
    program: Program,
    changed: Mapping[int, Callable[[Tracer], Tracer]],
    added: Sequence[tuple[int, Callable[[Tracer], Tracer]]] = (),
) -> Program:
    """A program with functions applied to some outputs, and others of its outputs added."""
    with building() as builder:
        builder.block = Block(list(program.inputs), list(program.block.operations), [])
        outputs = [
            changed[k](Tracer(v, "array")).value if k in changed else v
            for k, v in enumerate(program.outputs)
        ]
        more = [make(Tracer(program.outputs[k], "array")).value for k, make in added]
        builder.block.outputs = [*outputs, *more]
    return Program(builder.block, program.name)


def real_part(pair: Tracer) -> Tracer:
    """The real parts of pairs."""
    return pair[..., 0]


def conjugate(pair: Tracer) -> Tracer:
    """Pairs with the imaginary parts negated; 0 is no -0."""
    signs = constant(np.array([1.0, -1.0]), pair.dtype)
    return pointwise("add", pointwise("multiply", pair, signs), constant(0.0, pair.dtype))


def pairs_last(axis: int) -> Callable[[Tracer], Tracer]:
    """Put the axis of pairs, of the result of a Jacobian by real arguments, to the end."""

    def move(x: Tracer) -> Tracer:
        rest = [k for k in range(x.ndim) if k != axis]
        return transpose(Tracer(x.value, "array"), (*rest, axis))

    return move


def broken_by(
    program: Program, inputs: Sequence[int], notes: Sequence[NotHolomorphic]
) -> NotHolomorphic | None:
    """What makes the outputs of a program no holomorphic functions of some inputs, if anything does."""
    active = {program.inputs[k] for k in inputs}
    propagate(program.block, active)
    for note in notes:
        reached: set[Value] = {v for v in note.values if v in active}
        if not reached:
            continue
        propagate(program.block, reached)
        if any(v in reached for v in program.outputs):
            return note
    return None


__all__ = ["broken_by", "conjugate", "pairs_last", "real_part", "with_outputs"]
