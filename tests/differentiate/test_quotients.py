"""Slopes of quotients by the divisor: what they cost."""

import re

import numpy as np
import pytest

import autodiff

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
