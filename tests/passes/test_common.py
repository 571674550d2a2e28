"""What common subexpression elimination shares, and between whom."""

import numpy as np

from autodiff.ir import ArrayType, Program, Source
from autodiff.ops.builder import building
from autodiff.passes import eliminate_common_subexpressions

USERS = Source("model.py", 3, 4, 9, "f")
F8 = ArrayType(np.dtype(float), (3,))


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
