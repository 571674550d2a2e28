"""Linear systems of derivatives with many unknowns, of which products alone are computed.

    J u = b,  J = f_z at z      the root of  u ↦ J(z, p) u - b,  found by GMRES

The solution is one more ``root``, so it has a derivative by the same rule, and no matrix is formed for
it either.  How it is found is in autodiff.ops.solvers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.differentiate.forward import jvp
from autodiff.differentiate.odes import put_in_place
from autodiff.differentiate.reverse import vjp
from autodiff.ir.copying import Mapping, copy_value
from autodiff.ir.data import Program, Source, Value
from autodiff.ops.builder import building, current_builder
from autodiff.ops.solvers import FORMED, linear_solver
from autodiff.ops.structural import zeros_like
from autodiff.ops.tracer import Tracer

Array = Any  # a tracer, with which the rules compute as with an array


def is_large(x: Array) -> bool:
    """Whether no matrix is formed for an unknown: it has many numbers, or nobody knows how many."""
    shape = x.shape
    return len(shape) == 1 and (not isinstance(shape[0], int) or shape[0] > FORMED)


def solution(
    program: Program,
    b: Array,
    point: Sequence[Array],
    transposed: bool,
    tolerance: float,
    name: str,
    source: Source | None,
    is_checked: bool = False,
) -> Array:
    """``J⁻¹ b``, or ``J⁻ᵀ b``: J is the derivative of a program by its first input, at a point.

    ``is_checked``: a singular J is looked for, and is an error.
    """
    if transposed:
        derived = vjp(program, [0], [0], keep_values=False)
    else:
        derived = jvp(program, [True, *[False] * (len(program.inputs) - 1)])
    with building() as builder:
        mapping: Mapping = {}
        z, *read = program.inputs
        copies = [copy_value(v, mapping) for v in read]
        at = copy_value(z, mapping)
        u, right = (Value(at.type, name) for name in ("u", "b"))
        builder.block.parameters = [u, right, at, *copies]
        given = [Tracer(v, "array") for v in (at, *copies, u)]
        product = put_in_place(derived, given)[-1]
        difference: Array = product - Tracer(right, "array")
        builder.block.outputs = [difference.value]
        equation = Program(builder.block, f"{program.name}_linear")
    solver = linear_solver(name, tolerance, is_checked, source)
    attributes = {"solver": solver, "programs": (equation,)}
    values = tuple([t.value for t in (zeros_like(b), b, *point)])
    return Tracer(current_builder().emit("root", values, attributes)[0], "array")


def turn(
    program: Program, step: Array, point: Sequence[Array], name: str, source: Source | None
) -> Array:
    """``J⁻¹ (J' s - J s)``: J' is the derivative a step s of Newton's further, at z - s.

    As large as a part of s where the zero is one of higher order, and much smaller elsewhere, however
    unknowns and equations are scaled.
    """
    derived = jvp(program, [True, *[False] * (len(program.inputs) - 1)])
    z, *read = point
    here, there = (put_in_place(derived, [at, *read, step])[-1] for at in (z, z - step))
    return solution(program, there - here, point, False, 1e-2, name, source)


__all__ = ["is_large", "solution", "turn"]
