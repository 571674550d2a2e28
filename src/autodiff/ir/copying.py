"""Copying operations and blocks with values replaced, extents included.

``mapping`` sends old values to new ones; a value that is absent stands for itself.  An operation
that nothing in the mapping touches is shared rather than copied: operations are never changed.
"""

from __future__ import annotations

from typing import Any

from autodiff.dims import Dim, Extent, rename, symbols
from autodiff.ir.data import ArrayType, Block, Operation, Value, uses

Mapping = dict[Value, Value]


class Renaming(dict[Value, Value]):
    """A mapping of a whole program: many operations have one extent, whose answer is found once."""

    __slots__ = ("extents",)

    def __init__(self) -> None:
        super().__init__()
        self.extents: dict[Dim, tuple[Mapping, Extent]] = {}


def map_extent(extent: Extent, mapping: Mapping) -> Extent:
    """An extent with its symbols replaced."""
    if type(mapping) is not Renaming or not isinstance(extent, Dim):
        return rename(extent, mapping)
    names = {s: mapping[s] for s in symbols(extent) if s in mapping}
    known = mapping.extents.get(extent)
    if known is None or known[0] != names:
        known = mapping.extents[extent] = names, rename(extent, mapping)
    return known[1]


def map_attribute(attribute: Any, mapping: Mapping) -> Any:
    """An attribute with the symbols of its extents replaced."""
    if isinstance(attribute, Dim):
        return map_extent(attribute, mapping)
    if isinstance(attribute, tuple):
        return tuple([map_attribute(item, mapping) for item in attribute])
    return attribute


def map_type(type: ArrayType, mapping: Mapping) -> ArrayType:
    """A type with the symbols of its extents replaced."""
    if type.is_static:
        return type
    return ArrayType(type.dtype, tuple([map_extent(n, mapping) for n in type.shape]), type.weak)


def copy_value(value: Value, mapping: Mapping) -> Value:
    """A new value of the (mapped) type of ``value``, entered in the mapping."""
    new = Value(map_type(value.type, mapping), value.hint)
    new.low = None if value.low is None else map_extent(value.low, mapping)
    new.high = None if value.high is None else map_extent(value.high, mapping)
    mapping[value] = new
    return new


def copy_operation(
    operation: Operation, mapping: Mapping, share: bool = True, given: Mapping | None = None
) -> Operation:
    """The operation on mapped operands; its results are entered in ``mapping`` when copied.

    In its regions, operations with a result in ``given`` are left out: that is what it is.
    """
    if share and not operation.regions and mapping.keys().isdisjoint(uses(operation)):
        return operation
    operands = tuple([mapping.get(v, v) for v in operation.operands])
    attributes = {k: map_attribute(v, mapping) for k, v in operation.attributes.items()}
    regions = tuple([copy_block(region, mapping, given) for region in operation.regions])
    results = tuple([copy_value(v, mapping) for v in operation.results])
    return Operation(operation.kind, operands, attributes, results, regions, operation.source)


def copy_block(block: Block, mapping: Mapping, given: Mapping | None = None) -> Block:
    """A block with new parameters and new operations throughout."""
    new = Block()
    new.parameters = [copy_value(p, mapping) for p in block.parameters]
    for operation in block.operations:
        if given and operation.results and operation.results[0] in given:
            mapping.update({v: given[v] for v in operation.results})
            continue
        new.operations.append(copy_operation(operation, mapping, share=False, given=given))
    new.outputs = [mapping.get(v, v) for v in block.outputs]
    return new
