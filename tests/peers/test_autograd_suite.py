"""What stands for autograd while its own suite is run: it finds what is wrong."""

import numpy as np
import pytest

import autodiff
from tests.peers.autograd_suite import check_grads, combo_check, grad

X = np.array([0.3, -1.2])


def test_right_derivatives_are_found_right() -> None:
    check_grads(lambda a, b: a * np.sin(b), (0, 1))(X, 1 + 0.5j)
    check_grads(lambda pair: pair["a"] * pair["b"][0])({"a": X, "b": [2.0, 1.0]})
    combo_check(np.sum, (0,), order=1)([X, X[None]], axis=[None, 0])


def test_wrong_derivatives_are_found_wrong() -> None:
    wrong = autodiff.custom_gradient(lambda x: x**2, vjp=lambda ct, y, x: 3.0 * x * ct)
    with pytest.raises(AssertionError, match="gradient"):
        check_grads(wrong, order=1)(X)


def test_gradients_are_those_of_autograd() -> None:
    np.testing.assert_allclose(grad(lambda x: np.sum(x, keepdims=True))(X), np.ones(2))
    by_both = grad(lambda x, y: x * y, (1, 0))(2.0, 3.0)
    np.testing.assert_allclose(by_both, (2.0, 3.0))
    z = np.array([1 + 2j])
    np.testing.assert_allclose(grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * np.conj(z))
