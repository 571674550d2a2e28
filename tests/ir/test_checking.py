"""The verifier: each broken rule is found, named, and blamed on the stage; good programs pass."""

from collections.abc import Callable

import numpy as np
import pytest

from autodiff.differentiate import vjp
from autodiff.dims import Dim, deciding, equal
from autodiff.errors import InternalError
from autodiff.ir import ArrayType, Block, Operation, Program, Value, verify
from autodiff.ops.builder import building, emit
from autodiff.ops.control import INT, emit_cond, emit_for
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


# -- regions and views -----------------------------------------------------------------------------
VECTOR, SHORT = ArrayType(FLOAT, (3,)), ArrayType(FLOAT, (2,))


def stretched_too_short() -> Program:
    with building() as builder:
        x = builder.parameter(VECTOR, "x")
        y = emit("broadcast", (x,), shape=(5, 3), axes=(1,))
        builder.block.outputs = [y]
    operation = y.owner
    assert operation is not None
    operation.operands = (builder.parameter(SHORT, "z"),)
    return Program(builder.block, "short")


def branches_of_two_shapes() -> Program:
    with building() as builder:
        p = builder.parameter(ArrayType(np.dtype(bool), ()), "p")
        x, z = builder.parameter(VECTOR, "x"), builder.parameter(SHORT, "z")
        blocks = []
        for value in (x, x):
            with builder.region() as block:
                block.outputs = [value]
            blocks.append(block)
        (result,) = emit_cond(p, *blocks)
        blocks[1].outputs = [z]
        builder.block.outputs = [result]
    return Program(builder.block, "branches")


def carry_that_shrinks() -> Program:
    with building() as builder:
        x, z = builder.parameter(VECTOR, "x"), builder.parameter(SHORT, "z")
        with builder.region() as body:
            builder.parameter(ArrayType(INT, ()), "k")
            body.outputs = [builder.parameter(VECTOR, "c")]
        (result,) = emit_for(3, (x,), body)
        body.outputs = [z]
        builder.block.outputs = [result]
    return Program(builder.block, "carry")


def row_that_does_not_fit_its_stack() -> Program:
    with building() as builder:
        x, z = builder.parameter(VECTOR, "x"), builder.parameter(SHORT, "z")
        with builder.region() as body:
            builder.parameter(ArrayType(INT, ()), "k")
            body.outputs = [x]
        (stack,) = emit_for(3, (), body)
        body.outputs = [z]
        builder.block.outputs = [stack]
    return Program(builder.block, "stack")


def rule_of_another_shape(mode: str) -> Program:
    with building() as builder:
        x, z = builder.parameter(VECTOR, "x"), builder.parameter(SHORT, "z")
        with builder.region() as primal:
            primal.outputs = [builder.parameter(VECTOR)]
        with builder.region() as rule:
            for _ in range(3):
                builder.parameter(VECTOR)
            rule.outputs = [z]
        (y,) = builder.emit("custom", (x,), {"rule": mode}, (VECTOR,), (primal, rule))
        builder.block.outputs = [y]
    return Program(builder.block, "rule")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (stretched_too_short, "broadcast: float64[2] does not stretch along axes (1,) of (5, 3)."),
        (
            branches_of_two_shapes,
            "cond: what a branch yields have a value of float64[2] where float64[3] is declared.",
        ),
        (
            carry_that_shrinks,
            "for: what a loop carries on have a value of float64[2] where float64[3] is declared.",
        ),
        (
            row_that_does_not_fit_its_stack,
            "for: what a loop stacks have a value of float64[2] where float64[3,3] is declared.",
        ),
        (
            lambda: rule_of_another_shape("vjp"),
            "custom: what the rule gives have a value of float64[2] where float64[3] is declared.",
        ),
        (
            lambda: rule_of_another_shape("jvp"),
            "custom: what the rule gives have a value of float64[2] where float64[3] is declared.",
        ),
    ],
)
def test_shapes_that_native_code_would_believe_are_found(
    make: Callable[[], Program], complaint: str
) -> None:
    with pytest.raises(InternalError) as caught:
        verify(make(), type_rule_of, "the test")
    assert f"invalid program after the test: {complaint}" in str(caught.value)


def test_a_cotangent_of_another_shape_is_found_while_differentiating(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTODIFF_CHECK", "1")
    program = rule_of_another_shape("vjp")
    with pytest.raises(
        InternalError, match=r"adds a contribution of shape \(2,\) to the cotangent"
    ):
        vjp(program, [0], [0])


# -- sizes ----------------------------------------------------------------------------------------
def _never(relation: str, difference: Dim) -> bool:
    raise AssertionError(f"asked whether {difference} {relation} 0")


def _of_sizes() -> Program:
    """x + x[:m] under the promise m = n that a check of the program makes."""
    with building() as builder:
        n, m = (builder.parameter(ArrayType(INT, (), True), name) for name in "nm")
        x = builder.parameter(ArrayType(FLOAT, (Dim.symbol(n),)), "x")
        part = emit("slice", (x,), starts=(0,), sizes=(Dim.symbol(m),), steps=(1,))
        fitted = emit("broadcast", (part,), shape=(Dim.symbol(n),), axes=(0,))
        builder.block.outputs = [emit("add", (x, fitted))]
    return Program(builder.block, "sizes")


def test_a_check_of_sizes_that_are_open_asks_nobody() -> None:
    program = _of_sizes()
    with deciding(_never):
        verify(program, type_rule_of)


def test_a_sum_of_sizes_that_are_only_equal_at_a_run_is_invalid() -> None:
    program = _of_sizes()
    x, part = program.inputs[2], program.block.operations[0].result
    program.block.operations[-1].operands = (x, part)
    with deciding(lambda *_: True), pytest.raises(InternalError, match="operand shapes"):
        verify(program, type_rule_of)


def test_a_type_rule_that_asks_is_told_so() -> None:
    def rule(operation: Operation) -> None:
        equal(operation.results[0].shape[0], 3)

    with deciding(_never), pytest.raises(InternalError, match="asks for a decision"):
        verify(_of_sizes(), rule)
