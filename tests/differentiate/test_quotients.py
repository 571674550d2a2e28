"""Slopes of quotients by the divisor: what they cost."""

import re

import numpy as np
import pytest

import autodiff
from autodiff.differentiate import vjp
from autodiff.passes import optimize
from tests.ops.support import trace

A = np.linspace(0.5, 1.5, 7)


def products(f, *args):
    """Lines of the derivative that multiply arrays, and those that multiply numbers."""
    lines = str(autodiff.gradient(f).ir(*args)).splitlines()
    found = [line for line in lines if re.search(r"= (strong_)?multiply\(", line)]
    return sum("float64[7]" in line for line in found), sum(
        "float64[7]" not in line for line in found
    )


def test_beside_arrays_a_number_that_divides_multiplies_the_sum():
    def f(p):
        return np.sum(A**2 / p)

    assert autodiff.gradient(f)(2.0) == pytest.approx(-np.sum(A**2) / 4, rel=1e-14)
    arrays, numbers = products(f, 2.0)
    assert arrays <= 1 and numbers == 1  # A**2; by the reciprocal


def test_of_two_slopes_one_product_is_shared():
    def f(x, y):
        return np.sum((x / y) ** 3)

    found = autodiff.gradient(f)(A, A + 1.0)
    ratio = A / (A + 1.0)
    np.testing.assert_allclose(found[0], 3 * ratio**2 / (A + 1.0), rtol=1e-14)
    np.testing.assert_allclose(found[1], -3 * ratio**3 / (A + 1.0), rtol=1e-14)
    arrays, _ = products(f, A, A + 1.0)
    assert arrays <= 4  # the square, times 3, by the reciprocal, by the quotient


def test_the_gradient_of_a_long_program_grows_as_the_program():
    # Cotangents that are sums keep their parts for the next slope: of short programs, or each would be multiplied many times.
    def operations(lines):
        space = {"np": np}
        body = ["def chain(x):", "    a, b = x[0], x[1]"]
        body += ["    a, b = b - a / (1.0 + b * b), np.sin(b) + a * b"] * lines
        exec("\n".join([*body, "    return b"]), space)
        program = trace(space["chain"], np.array([0.5, 0.25]))
        program = optimize(vjp(program, [0], [0], seed_ones=True, keep_values=False))
        return len(program.block.operations)

    short, long = operations(40), operations(80)
    assert (
        long - short < 40 * 24
    )  # operations a line, seven of them the function's; 31 with all parts kept


X = np.array([400.0, 399.0])
# The reciprocal of a number that is made of an array: of both modes only one forms the product of slopes.
FAR_OUT = {
    "sum of cosh": (lambda x: 1 / np.sum(np.cosh(x)), X),
    "sum of a tiny exp": (lambda x: 1 / np.sum(np.exp(x)), -X),
    "sum of squares": (lambda x: 1 / np.sum(x**2), np.array([1e-80, 2e-80])),
    "product": (lambda x: 1 / np.prod(x), np.array([1e100, 3e100])),
    "dot": (lambda x: 1 / (x @ x), np.array([1e100, 2e100])),
    "einsum": (lambda x: 1 / np.einsum("i,i", x, x), np.array([1e100, 2e100])),
    "mean": (lambda x: np.reciprocal(np.mean(np.exp(x))), X),
    "power": (lambda x: np.sum(np.exp(x)) ** -1.5, X / 1.5),
    "exp of log": (lambda x: np.exp(-np.log(np.sum(np.exp(x)))), X),
    "maximum": (lambda x: 1 / np.max(np.exp(x)), X),
    "norm": (lambda x: 1 / np.linalg.norm(np.exp(x)), np.array([300.0, 299.0])),
    "cumulative": (lambda x: 1 / np.cumprod(x)[-1], np.array([1e100, 3e100])),
    "one more": (lambda x: 1 / (1 + np.sum(np.exp(x))), X),
    "element by sum": (lambda x: x[0] / np.sum(np.exp(x)), X),
    "elements by sum": (lambda x: np.sum(x / np.sum(np.exp(x))), X),
    "sum by sum": (lambda x: np.sum(np.exp(0.5 * x)) / np.sum(np.exp(x)), X),
    "columns": (lambda x: np.sum(1 / np.sum(np.exp(np.outer(x, np.ones(2))))), X),
    "chosen": (lambda x: 1 / np.sum(np.where(x > 399.5, np.exp(x), 1.0)), X),
}


@pytest.mark.parametrize("name", FAR_OUT)
def test_a_number_that_divides_is_multiplied_last(name: str) -> None:
    f, x = FAR_OUT[name]
    forwards = [
        autodiff.jvp(f, (x,), (direction,), engine="numpy")[1] for direction in np.eye(len(x))
    ]
    assert np.all(np.isfinite(forwards)) and np.any(forwards)
    found = autodiff.gradient(f, engine="numpy")(x)
    np.testing.assert_allclose(found, forwards, rtol=1e-12)


def test_what_has_a_number_in_common_is_multiplied_by_it_once():
    def f(x):
        return np.sum(x**3) / np.sum(x**2)

    total = np.sum(A**2)
    right = (3 * A**2 - np.sum(A**3) / total * 2 * A) / total
    np.testing.assert_allclose(autodiff.gradient(f)(A), right, rtol=1e-14)
    arrays, _ = products(f, A)
    assert arrays <= 6  # x*x, x*x*x, 2*x, 3*x*x, by the quotient, by the reciprocal


@pytest.mark.parametrize("outer", [np.log, np.reciprocal, lambda y: 1 / y])
def test_where_a_pole_is_chosen_a_slope_of_zero_does_not_hide_it(outer):
    def f(x):
        square = x * x
        return outer(np.where(square == 0, np.sqrt(square), square))

    with np.errstate(all="ignore"):
        assert np.isnan(autodiff.gradient(f, engine="numpy")(0.0))
