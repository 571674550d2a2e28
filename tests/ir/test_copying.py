"""Copying: what the mapping touches is new, what it does not touch is shared, extents included."""

import numpy as np

from autodiff.dims import Dim
from autodiff.ir import ArrayType, Block, Operation, Program, Value, free_values, verify, walk
from autodiff.ir.copying import (
    copy_block,
    copy_operation,
    copy_value,
    map_attribute,
    map_extent,
    map_type,
)

FLOAT, INT = np.dtype(float), np.dtype(np.int64)
SCALAR, COUNT = ArrayType(FLOAT, ()), ArrayType(INT, ())


def test_extents_and_attributes_follow_the_mapping() -> None:
    n, m = Value(COUNT, "n"), Value(COUNT, "m")
    extent = 2 * Dim.symbol(n) + 1
    mapping = {n: m}
    assert map_extent(extent, mapping) == 2 * Dim.symbol(m) + 1
    assert map_extent(extent, {}) is extent
    assert map_extent(3, mapping) == 3
    assert map_attribute(((extent, 1), "name"), mapping) == ((2 * Dim.symbol(m) + 1, 1), "name")
    type = ArrayType(FLOAT, (extent,), False)
    assert map_type(type, mapping).shape == (2 * Dim.symbol(m) + 1,)
    assert map_type(SCALAR, mapping) is SCALAR


def test_a_copied_value_keeps_hint_and_range() -> None:
    n = Value(COUNT, "n")
    k = Value(COUNT, "k")
    k.low, k.high = 0, Dim.symbol(n) - 1
    m = Value(COUNT, "m")
    mapping = {n: m}
    new = copy_value(k, mapping)
    assert (new.hint, new.low, new.high) == ("k", 0, Dim.symbol(m) - 1)
    assert mapping[k] is new


def test_an_untouched_operation_is_shared() -> None:
    x = Value(SCALAR, "x")
    sine = Operation("sin", (x,), {}, (Value(SCALAR),))
    assert copy_operation(sine, {}) is sine
    assert copy_operation(sine, {}, share=False) is not sine
    y = Value(SCALAR, "y")
    mapping = {x: y}
    new = copy_operation(sine, mapping)
    assert new.operands == (y,)
    assert mapping[sine.result] is new.result
    assert sine.operands == (x,)


def loop() -> tuple[Program, Operation]:
    x, n = Value(SCALAR, "x"), Value(COUNT, "n")
    k, s = Value(COUNT, "k"), Value(SCALAR, "s")
    add = Operation("add", (s, x), {}, (Value(SCALAR),))
    body = Block([k, s], [add], [add.result])
    operation = Operation("for", (x,), {"count": Dim.symbol(n)}, (Value(SCALAR),), (body,))
    return Program(Block([x, n], [operation], [operation.result])), operation


def test_regions_are_never_shared() -> None:
    program, operation = loop()
    new = copy_operation(operation, {})
    assert new is not operation
    assert not set(new.regions[0].parameters) & set(operation.regions[0].parameters)
    defined = {v for op in walk(program.block) for v in op.results}
    assert not defined & {v for op in walk(Block(operations=[new])) for v in op.results}


def test_two_copies_of_a_block_live_in_one_program() -> None:
    program, operation = loop()
    second = copy_operation(operation, {})
    program.block.operations.append(second)
    program.block.outputs.append(second.result)
    verify(program)


def test_free_values_of_a_copied_block_are_mapped() -> None:
    _, operation = loop()
    (body,) = operation.regions
    (x,) = free_values(body)
    y = Value(SCALAR, "y")
    assert free_values(copy_block(body, {x: y})) == [y]
    assert free_values(copy_block(body, {})) == [x]
