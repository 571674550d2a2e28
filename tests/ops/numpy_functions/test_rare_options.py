"""Options that few calls give: values and derivatives are NumPy's and SciPy's."""

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff.testing import check_gradient

rng = np.random.default_rng(0)
S = rng.normal(size=(3, 3)) @ np.diag([1.0, 2.0, 3.0]) + np.eye(3)
X = rng.normal(size=5)
CALLS = {
    "odd": (lambda x: np.pad(x, 3, mode="reflect", reflect_type="odd"), X),
    "odd, far": (lambda x: np.pad(x, (7, 9), mode="reflect", reflect_type="odd"), X),
    "odd, symmetric": (lambda x: np.pad(x, (2, 11), mode="symmetric", reflect_type="odd"), X),
    "odd, matrix": (lambda x: np.pad(x, ((1, 2), (6, 0)), mode="reflect", reflect_type="odd"), S),
    "matmul": (lambda a: np.matmul(a, a, axes=[(0, 1), (1, 0), (0, 1)]), S),
    "matmul stacks": (lambda a: np.matmul(np.stack([a, 2 * a]), a, axes=[(2, 1), (0, 1), (0, 1)]), S),
    "matmul dtype": (lambda a: np.matmul(a, a, dtype=np.float64), S),
    "vecdot": (lambda a: np.vecdot(a, 2 * a, axes=[0, 0]), S),
    "pinv": (lambda a: scipy.linalg.pinv(a, return_rank=True)[0], S),
    "rank": (lambda a: a[0, 0] * scipy.linalg.pinv(a, return_rank=True)[1], S),
    "pinvh": (lambda a: scipy.linalg.pinvh(a + a.T, return_rank=True)[0], S),
    "eigvalsh": (lambda a: scipy.linalg.eigvalsh(a @ a.T, subset_by_index=[1, 2]), S),
    "eigh": (lambda a: scipy.linalg.eigh(a @ a.T, subset_by_index=[0, 1], eigvals_only=True), S),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_rare_options(name):
    f, x = CALLS[name]
    for engine in ("numpy", "native"):
        np.testing.assert_allclose(
            autodiff.function(f, engine=engine)(x), f(x), rtol=1e-11, atol=1e-13
        )

    def total(x):
        found = f(x)
        return np.sum(np.cos(np.arange(found.size)).reshape(found.shape) * found)

    check_gradient(total, x)


def test_ranks_are_the_numbers_of_scipy():
    for f in (
        lambda a: scipy.linalg.pinv(a, return_rank=True)[1],
        lambda a: scipy.linalg.pinvh(a @ a.T, return_rank=True)[1],
    ):
        found, expected = autodiff.function(f)(S), f(S)
        assert (type(found), found) == (type(expected), expected)


def test_reflections_of_what_is_not_finite_stay_where_they_are():
    f = lambda x: np.pad(x, 2, mode="reflect", reflect_type="odd")  # noqa: E731
    x = np.array([1.0, 2.0, np.inf, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(autodiff.function(f)(x), f(x))
