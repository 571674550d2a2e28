"""Algebraic simplification beyond what the golden programs show: products with diagonal matrices."""

import numpy as np
import pytest

import autodiff

B = np.arange(16.0).reshape(4, 4) / 7.0 - 1.0
DEFINITE = B @ B.T + 5.0 * np.eye(4)
# A function of a matrix, and how many products its gradient has.
OF_DIAGONALS = {
    "on the left": (lambda a: np.sum(np.diag(a @ B) ** 2), 1),
    "on the right": (lambda a: np.sum(np.diag(B @ a) ** 3), 1),
    "transposed": (lambda a: np.sum(np.diag(B.T @ a.T) * np.arange(4.0)), 1),
    "factor": (lambda a: np.sum(np.log(np.diag(np.linalg.cholesky(a)))), 0),
    "trace": (lambda a: np.trace(a @ a @ B), 4),
    "beside others": (lambda a: np.sum(np.diag(a @ B)) + np.sum((a @ B) ** 2), 2),
    "second diagonal": (lambda a: np.sum(np.diag(a @ B, 1) ** 2), 2),
    "a part of it": (lambda a: np.sum(np.diag(a @ B)[1:] ** 2), 1),
    "not square": (lambda a: np.sum(np.diag(a[:3] @ B) ** 2), 2),
}


@pytest.mark.parametrize("name", OF_DIAGONALS)
def test_products_with_the_cotangent_of_a_diagonal(name: str) -> None:
    f, count = OF_DIAGONALS[name]
    gradient = autodiff.value_and_gradient(f)
    value, slope = gradient(DEFINITE)
    np.testing.assert_allclose(value, f(DEFINITE), rtol=1e-13)
    shift = np.cos(np.arange(16.0)).reshape(4, 4)
    step = 1e-5
    if name == "factor":
        shift = shift + shift.T
    slant = (f(DEFINITE + step * shift) - f(DEFINITE - step * shift)) / (2 * step)
    np.testing.assert_allclose(np.sum(slope * shift), slant, rtol=1e-7)
    text = str(gradient.cache[-1].plan.program)
    assert text.count("= dot_general(") == count, text


def test_what_the_user_multiplies_by_a_diagonal_matrix_is_left_as_it_is() -> None:
    a = np.array([[1.0, np.inf], [2.0, 3.0]])

    def f(d):
        zeros = np.zeros(4)
        zeros[::3] += d
        return a @ zeros.reshape(2, 2)

    compiled = autodiff.function(f)
    d = np.array([1.0, 2.0])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(compiled(d), f(d))  # infinity times zero is NaN
