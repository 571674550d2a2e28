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


def rows(a0: np.ndarray) -> float:
    """The reverse loop reads the matrix after both stores, and a row from between them."""
    a, x = a0.copy(), a0[:, 0].copy()
    for _ in range(len(x)):
        a[1] *= a[2]
        a[0] *= a[1]
        if a[0, 1] > 0:
            x[:] = a[:, 1]
    return np.sum(a) + np.sum(x)


@pytest.mark.parametrize("program", [columns, gram_schmidt, rows])
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


@pytest.mark.parametrize("program", [columns, gram_schmidt, rows])
def test_through_one_object_for_all_sizes(program, rng: np.random.Generator) -> None:
    native, reference = (autodiff.gradient(program, engine=e) for e in ("native", "numpy"))
    for shape in [(4, 3), (5, 3), (8, 4), (3, 2), (4, 3)]:
        a = rng.normal(size=shape)
        np.testing.assert_allclose(native(a), reference(a), rtol=1e-9, atol=1e-10)
