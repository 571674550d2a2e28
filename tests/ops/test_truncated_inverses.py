"""Derivatives of pseudo-inverses and least squares that cut off singular values that are not 0."""

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff.testing import check_gradient
from tests.capture.support import kinds, program_of

rng = np.random.default_rng(5)


def matrix(m, n, values):
    u = np.linalg.qr(rng.normal(size=(m, m)))[0]
    v = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return u[:, : len(values)] * values @ v[: len(values)]


B = rng.normal(size=5)
FUNCTIONS = {
    "pinv": lambda a: np.linalg.pinv(a, 0.5),
    "rtol": lambda a: np.linalg.pinv(a, rtol=0.5),
    "scipy pinv": lambda a: scipy.linalg.pinv(a, rtol=0.5),
    "pinvh": lambda a: scipy.linalg.pinvh(a.T @ a, rtol=0.3),
    "hermitian": lambda a: np.linalg.pinv(a.T @ a, rtol=0.3, hermitian=True),
    "lstsq": lambda a: np.linalg.lstsq(a, B[: a.shape[0]], rcond=0.5)[0],
    "lstsq of a matrix": lambda a: np.linalg.lstsq(a, np.outer(B[: a.shape[0]], B[:2]), rcond=0.5)[0],
    "scipy lstsq": lambda a: scipy.linalg.lstsq(a, B[: a.shape[0]], cond=0.5)[0],
    "complex": lambda a: np.linalg.pinv(a + 0.3j * a[::-1], rtol=0.6).real,
    "stack": lambda a: np.linalg.pinv(np.stack([a, 2 * a, a[::-1]]), rcond=0.5),
}  # fmt: skip
MATRICES = {
    "square": matrix(3, 3, [3.0, 2.0, 1.0]),
    "tall": matrix(5, 3, [3.0, 1.2, 0.8]),
    "wide": matrix(2, 4, [3.0, 1.0]),
    "nothing cut off": matrix(4, 3, [3.0, 2.5, 2.0]),
}


def total(f):
    def weighted(a):
        found = f(a)
        return np.sum(np.cos(np.arange(found.size) + 1.0).reshape(found.shape) * found)

    return weighted


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("of", MATRICES)
def test_derivatives_are_those_of_the_truncated_problem(name, of):
    f, a, step = total(FUNCTIONS[name]), MATRICES[of], 1e-6
    if name == "scipy lstsq" and of == "tall":  # its residuals are an array of another rank
        with pytest.raises(autodiff.UnsupportedError, match="the rank is full"):
            autodiff.gradient(f, engine="numpy")(a)
        return
    slope = autodiff.gradient(f, engine="numpy")(a)
    for _ in range(2):
        d = rng.normal(size=a.shape)
        expected = (f(a + step * d) - f(a - step * d)) / (2 * step)
        np.testing.assert_allclose(np.sum(slope * d), expected, rtol=2e-6, atol=1e-7)
        found = autodiff.jvp(f, (a,), (d,), engine="numpy")[1]
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["pinv", "lstsq", "stack"])
def test_compiled_derivatives_are_the_same(name):
    f, a = total(FUNCTIONS[name]), MATRICES["tall"]
    expected = autodiff.gradient(f, engine="numpy")(a)
    np.testing.assert_allclose(autodiff.gradient(f)(a), expected, rtol=1e-9, atol=1e-11)


def test_second_derivatives_of_a_truncated_inverse():
    a = MATRICES["square"]
    total = lambda a: np.sum(np.linalg.pinv(a, 0.5)[:2] ** 2)  # noqa: E731
    slope, d, step = autodiff.gradient(total, engine="numpy"), rng.normal(size=(3, 3)), 1e-5
    expected = (slope(a + step * d) - slope(a - step * d)) / (2 * step)
    np.testing.assert_allclose(
        autodiff.hessian_vector(total, engine="numpy")(a, _tensors=d),
        expected,
        rtol=1e-6,
        atol=1e-8,
    )


def test_second_derivatives_where_nothing_is_cut_off_and_values_are_equal():
    check_gradient(
        lambda a: np.sum(autodiff.gradient(lambda b: np.linalg.pinv(b)[0, 1] * b[0, 0])(a) ** 2),
        np.eye(3) + 0.0,
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "f",
    [
        lambda a, m: np.sum(np.linalg.pinv(a, rtol=None)[0]),
        lambda a, m: np.sum(np.linalg.pinv(a[a[:, 0] > m], rtol=None) ** 2),
        lambda a, m: np.sum(np.linalg.lstsq(a[a[:, 0] > m], a[a[:, 0] > m, 1] ** 2)[0]),
    ],
    ids=["rtol of known size", "rtol of run-time size", "lstsq of run-time size"],
)
def test_a_cutoff_by_the_size_of_the_matrix_has_derivatives(f, engine, dtype):
    a = np.array(
        [[1.0, 2.0, -1.0], [0.5, -1.0, 2.0], [-1.0, 0.3, 0.7], [2.0, 0.1, 1.5], [0.7, 1.1, 0.9]]
    )
    slope = autodiff.gradient(f, wrt="a", engine=engine)(a.astype(dtype), -0.5)
    tolerance = (
        {"rtol": 1e-6, "atol": 1e-7} if dtype == np.float64 else {"rtol": 1e-3, "atol": 1e-4}
    )
    h = 1e-6
    for i, j in np.ndindex(*a.shape):
        step = np.zeros_like(a)
        step[i, j] = h
        expected = (f(a + step, -0.5) - f(a - step, -0.5)) / (2 * h)
        np.testing.assert_allclose(slope[i, j], expected, **tolerance)
    assert slope.dtype == dtype


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: np.polyfit(x, y, 2),
        lambda x, y: np.sum(np.linalg.lstsq(np.vander(x, 3), y)[3] * np.arange(1.0, 4.0)),
        lambda x, y: scipy.linalg.pinv(np.outer(x, y) + np.outer(y, x * x), return_rank=True)[0],
        lambda x, y: np.sum(np.linalg.lstsq(np.vander(x, 3), y)[0]) + np.linalg.lstsq(np.vander(x, 3), y)[3][1],
    ],
    ids=["polyfit", "singular values", "rank", "both"],
)  # fmt: skip
def test_an_inverse_and_its_singular_values_are_one_decomposition(f, engine):
    x, y = np.array([0.3, 1.0, 1.7, 2.2, 3.1]), np.array([1.0, -0.5, 0.4, 2.0, 1.2])
    if engine == "numpy":
        assert kinds(program_of(f, x, y))["svd"] == 0
    np.testing.assert_allclose(autodiff.function(f, engine=engine)(x, y), f(x, y), rtol=1e-11)
    summed, d, h = (lambda x: np.sum(np.cos(f(x, y)))), np.cos(np.arange(5.0)), 1e-6
    expected = (summed(x + h * d) - summed(x - h * d)) / (2 * h)
    slope = autodiff.gradient(summed, engine=engine)(x)
    np.testing.assert_allclose(np.sum(slope * d), expected, rtol=1e-6)
    np.testing.assert_allclose(
        autodiff.jvp(summed, (x,), (d,), engine=engine)[1], expected, rtol=1e-6
    )
