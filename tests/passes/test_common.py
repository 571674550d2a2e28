"""What common subexpression elimination shares, and between whom."""

import numpy as np

from autodiff.ir import ArrayType, Program, Source
from autodiff.ops.builder import building
from autodiff.ops.control import INT, emit_for
from autodiff.passes import eliminate_common_subexpressions, eliminate_dead_code

USERS = Source("model.py", 3, 4, 9, "f")
F8 = ArrayType(np.dtype(float), (3,))
INDEX = ArrayType(INT, ())


def products(*sources: Source) -> list[str]:
    """Which product of ``x`` with itself each source's product is, after the pass."""
    with building() as builder:
        x = builder.parameter(F8, "x")
        for source in sources:
            builder.source = source
            builder.block.outputs += builder.emit("multiply", (x, x), {})
    program = eliminate_common_subexpressions(Program(builder.block))
    return [v.owner.source for v in program.outputs]


def test_a_derivative_uses_the_value_of_the_user() -> None:
    assert products(USERS, USERS.derivative()) == [USERS, USERS]


def test_the_user_is_not_given_what_a_derivative_rounded() -> None:
    derived = USERS.derivative()
    assert products(derived, USERS) == [derived, USERS]
    assert products(derived, USERS, derived, USERS) == [derived, USERS, USERS, USERS]
    assert products(derived, derived) == [derived, derived]


def test_a_loop_stacks_a_value_once() -> None:
    with building() as builder:
        x = builder.parameter(F8, "x")
        with builder.region() as body:
            builder.parameter(INDEX, "k")
            builder.parameter(F8, "carry")
            square, *_ = builder.emit("multiply", (x, x), {})
            body.outputs = [square, square, x, square]
        builder.block.outputs = list(emit_for(5, (x,), body))
    program = eliminate_common_subexpressions(Program(builder.block))
    carried, first, second, third = program.outputs
    assert third is first and len({carried, first, second}) == 3
    assert eliminate_dead_code(program).block.operations[0].regions[-1].outputs.count(square) == 2
