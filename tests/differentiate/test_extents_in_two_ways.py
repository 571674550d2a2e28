"""Extents that are one, written in two ways: ``n - i`` of an array, and the 3 that a tuple of it has."""

import warnings

import numpy as np
import pytest

import autodiff


def solved(x):
    n, total = len(x), 0.0
    for i in range(n - 1):
        matrix = 3.0 * np.eye(n - i) + 0.1 * np.outer(x[i:], x[: n - i]) ** 2
        z = np.linalg.solve(matrix, np.multiply(tuple(x[: n - i]), 0.5))
        total += z @ z
    return total


def multiplied(x):
    n, total = len(x), 0.0
    for i in range(n - 1):
        z = (np.outer(x[i:], x[i:]) ** 2) @ np.multiply(tuple(x[: n - i]), 0.5)
        z = np.multiply(tuple(z), 2.0) * np.maximum(x[i:], z)
        total += z @ z + np.multiply(tuple(z), 2.0) @ x[i:]
    return total


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", [solved, multiplied])
def test_cotangents_have_the_extents_of_their_values(f, engine):
    gradient = autodiff.gradient(f, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (3, 4, 5, 3):
            x = np.arange(1.0, n + 1) / 10
            d, h = np.cos(x), 1e-6
            slope = autodiff.jvp(f, (x,), (d,), engine=engine)[1]
            assert gradient(x) @ d == pytest.approx(slope, rel=1e-12)
            assert slope == pytest.approx((f(x + h * d) - f(x - h * d)) / (2 * h), rel=1e-6)
