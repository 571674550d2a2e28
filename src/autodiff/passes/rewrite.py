"""Rebuilding a program operation by operation: the frame that passes share.

``rebuild(program, visit)`` walks every block in order; ``visit(operation, scope)`` gets each
operation with its operands already replaced and returns the values to use for its results, or
None to keep it.  A scope knows the block being built and its parent, so that a pass can keep
tables per block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.ir.copying import Mapping, Renaming, copy_value, map_attribute
from autodiff.ir.data import Block, Operation, Program, Value, uses
from autodiff.ops.builder import current_builder
from autodiff.ops.control import emit_cond
from autodiff.ops.tracer import Tracer


class Scope:
    """A block under construction, and a table for the pass that builds it."""

    def __init__(self, block: Block, parent: Scope | None = None) -> None:
        self.block = block
        self.parent = parent
        self.table: dict[Any, Any] = {}

    def find(self, key: Any) -> Any:
        """Look a key up in this scope and the enclosing ones."""
        scope: Scope | None = self
        while scope is not None:
            if key in scope.table:
                return scope.table[key]
            scope = scope.parent
        return None


Visit = Callable[[Operation, Scope], Sequence[Value] | None]


def rebuild(program: Program, visit: Visit) -> Program:
    """The program with every operation passed through ``visit``."""
    block = _block(program.block, Renaming(), visit, None, keep_parameters=True)
    return Program(block, program.name)


def _block(
    old: Block, mapping: Mapping, visit: Visit, parent: Scope | None, keep_parameters: bool
) -> Block:
    new = Block()
    new.parameters = (
        list(old.parameters)
        if keep_parameters
        else [copy_value(p, mapping) for p in old.parameters]
    )
    scope = Scope(new, parent)
    for operation in old.operations:
        changed = operation.regions or not mapping.keys().isdisjoint(uses(operation))
        current = _mapped(operation, mapping, visit, scope) if changed else operation
        replacement = visit(current, scope)
        if replacement is None:
            new.operations.append(current)
            replacement = current.results
        for value, result in zip(operation.results, replacement, strict=True):
            if value is not result:
                mapping[value] = result
    new.outputs = [mapping.get(v, v) for v in old.outputs]
    return new


def _mapped(operation: Operation, mapping: Mapping, visit: Visit, scope: Scope) -> Operation:
    operands = tuple([mapping.get(v, v) for v in operation.operands])
    attributes = {k: map_attribute(v, mapping) for k, v in operation.attributes.items()}
    # Parameters of regions are renewed, so that a block is never shared by two programs.
    regions = tuple(
        [_block(r, mapping, visit, scope, keep_parameters=False) for r in operation.regions]
    )
    results = tuple([copy_value(v, mapping) for v in operation.results])
    return Operation(operation.kind, operands, attributes, results, regions, operation.source)


def either(holds: Any, then: Callable[[], Any], orelse: Callable[[], Any]) -> Tracer:
    """The number that one of two sides computes, which alone is run."""
    regions = []
    for side in (then, orelse):
        with current_builder().region() as region:
            region.outputs = [side().value]
        regions.append(region)
    return Tracer(emit_cond(holds.value, *regions)[0], "scalar")


def append(
    scope: Scope, kind: str, operands: tuple[Value, ...], like: Operation, **attributes: Any
) -> Value:
    """Append a one-result operation with the result type of ``like``, and return its result."""
    result = Value(like.results[0].type, like.results[0].hint)
    scope.block.operations.append(Operation(kind, operands, attributes, (result,), (), like.source))
    return result
