"""``np.linalg`` of float32 is computed in float64 and rounded once, as NumPy does it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff

N = 20
_A = np.random.default_rng(0).normal(size=(N, N))
A = _A.astype(np.float32)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "inv": lambda a: np.linalg.inv(a),
    "solve": lambda a: np.linalg.solve(a, a[0]),
    "det": lambda a: np.linalg.det(a),
    "slogdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": lambda a: np.linalg.cholesky(a @ a.T + np.eye(N, dtype=a.dtype)),
    "eigh": lambda a: np.linalg.eigh(a)[0],
    "eigvalsh": lambda a: np.linalg.eigvalsh(a),
    "svd": lambda a: np.linalg.svd(a)[1],
    "svdvals": lambda a: np.linalg.svdvals(a),
    "qr": lambda a: np.linalg.qr(a)[1],
    "pinv": lambda a: np.linalg.pinv(a[:, :5]),
    "lstsq": lambda a: np.linalg.lstsq(a[:, :5], a[0], rcond=None)[0],
    "norm": lambda a: np.linalg.norm(a, 2),
    "cond": lambda a: np.linalg.cond(a),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_those_of_double_precision_rounded(name: str, engine: str) -> None:
    f = FUNCTIONS[name]
    want, got = f(A), autodiff.function(f, engine=engine)(A)
    assert type(got) is type(want) and got.dtype == want.dtype == np.float32
    assert np.max(np.abs(got - want)) <= 4 * np.finfo(np.float32).eps * np.max(np.abs(want))


# Singular in single precision: 1 + 2**-24 is 1.
NEARLY = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-23]], np.float32)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_rank_and_singularity_are_those_of_double_precision(engine: str) -> None:
    def rank(a):
        return np.linalg.lstsq(a, a[0], rcond=None)[2]

    def guarded(a):
        try:
            return np.linalg.inv(a)
        except np.linalg.LinAlgError:
            return np.zeros_like(a)

    assert autodiff.function(rank, engine=engine)(NEARLY) == rank(NEARLY) == 2
    for a in (NEARLY, np.ones((2, 2), np.float32)):
        np.testing.assert_allclose(
            autodiff.function(guarded, engine=engine)(a), guarded(a), rtol=1e-6
        )


def test_derivatives_have_the_dtype_of_the_matrix() -> None:
    single = autodiff.gradient(lambda a: np.sum(np.linalg.inv(a)[0]))(A)
    double = autodiff.gradient(lambda a: np.sum(np.linalg.inv(a)[0]))(A.astype(float))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, atol=1e-4 * np.max(np.abs(double)))
