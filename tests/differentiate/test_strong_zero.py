"""A branch of ``np.where`` that is not taken leaves no NaN in any derivative, of first or second order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff

# The function (NaN or infinite where it is not selected) with its first and second derivative.
MASKED: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "log": (lambda x: np.log(x), lambda x: 1 / x, lambda x: -1 / x**2),
    "sqrt": (lambda x: np.sqrt(x), lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5),
    "power": (lambda x: x**1.5, lambda x: 1.5 * x**0.5, lambda x: 0.75 * x**-0.5),
    "divide": (lambda x: 1 / (x - abs(x) + 2 * (x > 0)), lambda x: 0 * x, lambda x: 0 * x),
    "product": (
        lambda x: np.log(x) * np.sqrt(x),
        lambda x: x**-0.5 * (1 + 0.5 * np.log(x)),
        lambda x: -0.25 * x**-1.5 * np.log(x),
    ),
}
X = np.array([0.5, -2.0, 3.0])


def by_hand(derivative: Callable[..., Any]) -> np.ndarray:
    return np.array([derivative(x) if x > 0 else 0.0 for x in X])


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("name", MASKED)
@pytest.mark.filterwarnings("ignore:invalid value")  # NumPy takes both branches
def test_a_branch_not_taken_leaves_no_nan(name: str, engine: str) -> None:
    inner, first, second = MASKED[name]

    def total(x):
        return np.sum(np.where(x > 0, inner(x), 0.0))

    gradient = autodiff.gradient(total, engine=engine)(X)
    np.testing.assert_allclose(gradient, by_hand(first), rtol=1e-12, atol=1e-14)
    hv = autodiff.hessian_vector(total, engine=engine)(X, _tensors=np.ones(3))
    np.testing.assert_allclose(hv, by_hand(second), rtol=1e-12, atol=1e-14)
    hessian = autodiff.hessian(total, engine=engine)(X)
    np.testing.assert_allclose(hessian, np.diag(by_hand(second)), rtol=1e-12, atol=1e-14)
