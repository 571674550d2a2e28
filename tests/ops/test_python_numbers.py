"""Operators and comparisons of traced Python numbers follow Python, checks stand where Python raises."""

import operator

import numpy as np
import pytest

from autodiff.ops.control import CheckFailed
from tests.ops.support import check_derivatives, check_value, run

OPERATORS = {
    name: getattr(operator, name)
    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "lt",
        "le",
        "gt",
        "ge",
        "eq",
        "ne",
    )
}
NUMBERS = [0, 1, 7, -3, 2.5, -0.5, 0.0, True, False, 1e200, 3_000_000_000, float("inf"), 10**17]


def outcome(f, *arguments):
    """What Python gives: the value, or the exception's type; complex results count as failures."""
    try:
        result = f(*arguments)
    except ArithmeticError as error:
        return type(error)
    except ValueError as error:
        return type(error)
    if isinstance(result, complex) or (isinstance(result, int) and abs(result) >= 2**63):
        return OverflowError
    return result


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("a", NUMBERS, ids=str)
def test_binary_operator(name: str, a: object) -> None:
    for b in NUMBERS:
        compare_with_python(name, a, b)


def compare_with_python(name: str, a: object, b: object) -> None:
    f = OPERATORS[name]
    if name == "pow" and isinstance(a, int) and isinstance(b, int) and abs(a) > 1 and b > 99:
        with pytest.raises(CheckFailed):  # plain Python would take for ever
            run(f, a, b)
        return
    want = outcome(f, a, b)
    if isinstance(want, type) or (
        name == "pow" and isinstance(a, int) and isinstance(b, int) and b < 0
    ):
        # The type of a power depends on the exponent's sign: such a program asks to be rerun.
        with pytest.raises(CheckFailed):
            run(f, a, b)
        return
    for have in (run(f, a, b), run(lambda a: f(a, b), a)):
        assert type(have) is type(want), (a, b)
        np.testing.assert_allclose(have, want, rtol=1e-15, err_msg=f"{a} {name} {b}")


def test_a_known_negative_exponent_of_an_integer_gives_a_float() -> None:
    check_value(lambda a: a**-2, 4)
    with pytest.raises(CheckFailed):
        run(lambda a: a**-2, 0)


@pytest.mark.parametrize("f", [operator.neg, operator.pos, abs, lambda a: -a + abs(a)])
@pytest.mark.parametrize("a", [3, -3, 2.5, -2.5, True, 0.0])
def test_unary_operator(f, a) -> None:
    check_value(f, a)


@pytest.mark.parametrize("a", [5, -6, True])
def test_bits(a) -> None:
    check_value(lambda a: [a & 3, a | 8, a ^ 1, 12 >> 1, a << 2, (a + 7) >> 1], a)
    if not isinstance(a, bool):
        check_value(lambda a: ~a, a)


def test_bools_stay_bools_under_bitwise_operators() -> None:
    check_value(lambda a, b: [a & b, a | b, a ^ b, (a < b) & (a == b)], True, False)


def test_integers_beyond_64_bits_are_never_silently_wrong() -> None:
    def fibonacci(a, b):
        for _ in range(60):
            a, b = b, a + b
        return a

    check_value(fibonacci, 0, 1)
    with pytest.raises(CheckFailed, match="the integer exceeds 64 bits"):
        run(fibonacci, 10**10, 10**10)
    with pytest.raises(CheckFailed, match="the integer exceeds 64 bits"):
        run(lambda a, b: a * b, 10**10, 10**10)
    with pytest.raises(CheckFailed, match="the integer exceeds 64 bits"):
        run(lambda a: a**a, 30)


def test_numpy_functions_of_python_numbers_give_numpy_scalars() -> None:
    check_value(lambda a, b: [np.sin(a), np.add(a, b), np.divide(a, b), np.less(a, b)], 2, 3)
    check_value(lambda a: [np.sqrt(a), np.maximum(a, 1)], 2.5)


def test_python_numbers_are_weak_beside_arrays() -> None:
    x = np.ones(2, np.float32)
    check_value(lambda a, x: [a * x, x + a, x[0] * a, np.where(x > 0, a, x)], 2.5, x)
    check_value(lambda k, x: [k * x, x**k], 2, x)


def test_attributes_of_python_numbers() -> None:
    check_value(lambda a: [a.real, a.conjugate(), a.imag], 2.5)
    with pytest.raises(AttributeError, match="'float' object has no attribute 'sum'"):
        run(lambda a: a.sum(), 2.5)
    with pytest.raises(AttributeError, match="'int' object has no attribute 'shape_'"):
        run(lambda a: a.shape_, 2)


def test_unsupported_operands_raise_as_in_python() -> None:
    with pytest.raises(TypeError, match="unsupported operand type"):
        run(lambda a: a @ a, 2.5)
    with pytest.raises(TypeError, match="unsupported operand type"):
        run(lambda a: a + "x", 2.5)


def test_derivatives() -> None:
    check_derivatives(lambda a, b: a * b + a / b - a**b + a % b + a // b, 2.5, 1.5)
    check_derivatives(lambda a: a**2 + 2.0**a, 1.5)
