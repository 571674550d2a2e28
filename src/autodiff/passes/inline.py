"""Inlining: an operation with a derivative given by hand becomes its primal.

    y = custom(x): region 0(a): … yield b      =>      … the operations of region 0 on x …

Runs first: after differentiation nobody asks for the rule any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import Operation, Program, Value, walk
from autodiff.passes.rewrite import Scope, rebuild


def inline_custom(program: Program) -> Program:
    """Put the primal of every custom operation in its place."""
    if not any(operation.kind == "custom" for operation in walk(program.block)):
        return program
    return rebuild(program, _visit)


def _visit(operation: Operation, scope: Scope) -> Sequence[Value] | None:
    if operation.kind != "custom":
        return None
    primal = operation.regions[0]
    mapping: Mapping = dict(zip(primal.parameters, operation.operands, strict=True))
    for inner in primal.operations:
        scope.block.operations.append(copy_operation(inner, mapping, share=False))
    return [mapping.get(v, v) for v in primal.outputs]
