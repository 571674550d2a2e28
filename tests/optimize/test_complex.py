"""Optimisers of complex and mixed parameters, which are moved by their parts."""

from typing import Any

import numpy as np
import pytest

from autodiff import optimize

TARGET = np.array([1 + 2j, -0.5j, 3 - 1j])


def _loss(p: Any) -> Any:
    z, b = p["z"], p["b"]
    return np.sum(np.abs(z - TARGET) ** 2 * (1 + np.abs(z - TARGET) ** 2)) + (b - 2) ** 2


@pytest.mark.parametrize(
    "method",
    [
        "BFGS",
        "trust-exact",
        *(
            pytest.param(m, marks=pytest.mark.slow)
            for m in ("L-BFGS-B", "CG", "Newton-CG", "trust-ncg", "trust-constr", "TNC")
        ),
    ],  # fmt: skip
)
def test_minimise_over_complex_and_real_parameters(method: str) -> None:
    start = {"z": np.zeros(3, complex), "b": 0.5}
    result = optimize.minimize(_loss, start, method=method)
    assert result.x["z"].dtype == complex and type(result.x["b"]) is float
    np.testing.assert_allclose(result.x["z"], TARGET, atol=2e-3)
    np.testing.assert_allclose(result.x["b"], 2, atol=2e-3)


def test_minimise_over_a_complex_number_and_a_complex_array() -> None:
    for start in (0.5j, np.array([0.5j]), np.array([0.5j], np.complex64)):
        result = optimize.minimize(lambda z: np.sum(np.abs(z - (1 + 2j)) ** 2), start)
        np.testing.assert_allclose(result.x, 1 + 2j, atol=1e-3)
        assert np.iscomplexobj(result.x)


def test_root_of_a_complex_function() -> None:
    def f(z: Any) -> Any:
        return np.stack([z[0] ** 2 - 1j * z[1], np.conj(z[1]) - 2 - z[0]])

    result = optimize.root(f, np.array([0.3 + 1j, 1 - 1j]))
    np.testing.assert_allclose(f(result.x), 0, atol=1e-9)


def test_least_squares_of_complex_residuals() -> None:
    t = np.linspace(0, 1, 12)
    data = (2 - 1j) * np.exp((-0.5 + 3j) * t)

    def residuals(p: Any) -> Any:
        return p[0] * np.exp(p[1] * t) - data

    result = optimize.least_squares(residuals, np.array([1.5 - 0.5j, -0.3 + 2.5j]))
    np.testing.assert_allclose(result.x, [2 - 1j, -0.5 + 3j], rtol=1e-6)

    def by_real(q: Any) -> Any:
        return (q[0] + 1j * q[1]) * np.exp((q[2] + 1j * q[3]) * t) - data

    result = optimize.least_squares(by_real, np.array([1.5, -0.5, -0.3, 2.5]))
    np.testing.assert_allclose(result.x, [2, -1, -0.5, 3], rtol=1e-6)
