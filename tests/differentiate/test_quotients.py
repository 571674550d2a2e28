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
