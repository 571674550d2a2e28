"""The verifier: each broken rule is found, named, and blamed on the stage; good programs pass."""

from collections.abc import Callable

import numpy as np
import pytest

from autodiff.dims import Dim
from autodiff.errors import InternalError
from autodiff.ir import ArrayType, Block, Operation, Program, Value, verify
from autodiff.ops.builder import building, emit
from autodiff.ops.control import INT, emit_for
from autodiff.ops.entries import type_rule_of

FLOAT = np.dtype(float)
SCALAR = ArrayType(FLOAT, ())


def good() -> Program:
    with building() as builder:
        x = builder.parameter(ArrayType(FLOAT, (3,)), "x")
        start = builder.parameter(SCALAR, "s")
        with builder.region() as body:
            k = builder.parameter(ArrayType(INT, ()), "k")
            s = builder.parameter(SCALAR, "s")
            element = emit("slice", (x,), starts=(Dim.symbol(k),), sizes=(None,), steps=(1,))
            body.outputs = [emit("add", (s, element)), element]
        total, stack = emit_for(3, (start,), body)
        builder.block.outputs = [emit("add", (total, start)), stack]
    return Program(builder.block, "good")


def test_a_good_program_passes_and_is_returned() -> None:
    program = good()
    assert verify(program, type_rule_of) is program


def loop(program: Program) -> Block:
    return next(op for op in program.block.operations if op.kind == "for").regions[0]


def use_before_definition(program: Program) -> None:
    program.block.operations.reverse()


def value_of_a_region_used_outside(program: Program) -> None:
    program.block.outputs[0] = loop(program).operations[0].result


def operation_twice(program: Program) -> None:
    program.block.operations.append(program.block.operations[0])


def parameter_twice(program: Program) -> None:
    body = loop(program)
    body.parameters.append(body.parameters[0])


def output_from_nowhere(program: Program) -> None:
    program.block.outputs.append(Value(SCALAR, "nowhere"))


def extent_of_a_parameter_from_nowhere(program: Program) -> None:
    stranger = Value(ArrayType(INT, ()), "n")
    program.inputs.append(Value(ArrayType(FLOAT, (Dim.symbol(stranger),)), "z"))


def attribute_from_nowhere(program: Program) -> None:
    stranger = Value(ArrayType(INT, ()), "n")
    loop(program).operations[0].attributes["starts"] = (Dim.symbol(stranger),)


def owner_forgotten(program: Program) -> None:
    program.block.operations[-1].result.owner = None


def wrong_shape(program: Program) -> None:
    program.block.operations[-1].result.type = ArrayType(FLOAT, (7,))


def wrong_dtype(program: Program) -> None:
    program.block.operations[-1].result.type = ArrayType(np.dtype(np.float32), ())


def wrong_number_of_results(program: Program) -> None:
    last = program.block.operations[-1]
    last.results = (last.results[0], Value(SCALAR))
    last.results[1].owner = last


DAMAGE: list[tuple[Callable[[Program], None], str]] = [
    (use_before_definition, "add uses <value: float64> before its definition"),
    (value_of_a_region_used_outside, "output <value: float64> is undefined"),
    (operation_twice, "is defined twice"),
    (parameter_twice, "<k: int64> is defined twice"),
    (output_from_nowhere, "output <nowhere: float64> is undefined"),
    (extent_of_a_parameter_from_nowhere, "the extent n of parameter <z: float64[n]> is undefined"),
    (attribute_from_nowhere, "slice uses <n: int64> before its definition"),
    (owner_forgotten, "<value: float64> does not know its operation add"),
    (wrong_shape, "add gives float64, but its result is declared float64[7]"),
    (wrong_dtype, "add gives float64, but its result is declared float32"),
    (wrong_number_of_results, "add has 2 results, not 1"),
]


@pytest.mark.parametrize(("damage", "complaint"), DAMAGE, ids=lambda x: getattr(x, "__name__", ""))
def test_damage_is_found_and_blamed(damage: Callable[[Program], None], complaint: str) -> None:
    program = good()
    damage(program)
    with pytest.raises(InternalError) as caught:
        verify(program, type_rule_of, "a_pass")
    text = str(caught.value)
    assert text.startswith("AD900: invalid program after a_pass: ")
    assert complaint in text.split("\n")[0]
    assert "def good(" in text


def test_types_are_checked_only_with_a_rule() -> None:
    program = good()
    wrong_dtype(program)
    assert verify(program) is program


def test_sibling_regions_see_nothing_of_each_other() -> None:
    p, x = Value(ArrayType(np.dtype(bool), ()), "p"), Value(SCALAR, "x")
    first = Block(operations=[Operation("sin", (x,), {}, (Value(SCALAR),))])
    first.outputs = [first.operations[0].result]
    second = Block(outputs=list(first.outputs))
    cond = Operation("cond", (p,), {}, (Value(SCALAR),), (first, second))
    with pytest.raises(InternalError, match="is undefined"):
        verify(Program(Block([p, x], [cond], [cond.result])))
