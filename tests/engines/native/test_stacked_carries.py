"""A value that a loop both carries on and stacks reaches both places."""

import numpy as np
import pytest

import autodiff


def columns(a: np.ndarray) -> float:
    """The reverse loop reads every state of q: the forward loop stacks what it carries."""
    m, n = a.shape
    q = np.zeros((m, n))
    s = 0.0
    for k in range(n):
        q[:, k] = a[:, k] * 2
        for j in range(n):
            s += np.sum(q[:, k] * a[:, j])
    return s


def gram_schmidt(a0: np.ndarray) -> float:
    a = a0.copy()
    m, n = a.shape
    q = np.zeros((m, n))
    r = np.zeros((n, n))
    for k in range(n):
        r[k, k] = np.sqrt(np.dot(a[:, k], a[:, k]))
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, n):
            r[k, j] = np.dot(q[:, k], a[:, j])
            a[:, j] -= r[k, j] * q[:, k]
    return np.sum(q[0]) + np.sum(r * r * r)


@pytest.mark.parametrize("program", [columns, gram_schmidt])
@pytest.mark.parametrize("shape", [(4, 3), (8, 8), (20, 10)])
def test_a_value_carried_and_stacked_reaches_both_places(
    program, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    a = rng.normal(size=shape)
    native = autodiff.value_and_gradient(program, engine="native")
    reference = autodiff.value_and_gradient(program, engine="numpy")(a)
    for _ in range(2):  # what memory holds differs from call to call
        value, gradient = native(a)
        np.testing.assert_allclose(value, reference[0], rtol=1e-12)
        np.testing.assert_allclose(gradient, reference[1], rtol=1e-9, atol=1e-10)
