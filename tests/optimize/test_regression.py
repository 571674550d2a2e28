"""`least_squares` and `curve_fit`."""

import numpy as np
import pytest
from scipy import optimize
from scipy.sparse import issparse

from autodiff.optimize import curve_fit, evaluation, least_squares


def rosenbrock_residuals(x):
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def decay(x, a, k, c):
    return a * np.exp(-k * x) + c


X = np.linspace(0, 4, 40)
NOISE = 0.02 * np.sin(37 * X)  # any fixed disturbance will do


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_residuals_vanish(method):
    result = least_squares(rosenbrock_residuals, [-1.2, 1.0], method=method)
    np.testing.assert_allclose(result.x, 1, rtol=1e-10)
    assert result.jac.shape == (2, 2)


def test_the_jacobian_is_exact():
    x = np.array([-1.2, 1.0])
    result = least_squares(rosenbrock_residuals, x, max_nfev=1)
    np.testing.assert_allclose(result.jac, [[24, 10], [-1, 0]], rtol=1e-15)


def test_arguments_keywords_and_containers():
    def residuals(p, x, *, power):
        return p["a"] * x**power + p["b"] - (3 * x**2 - 1)

    result = least_squares(residuals, {"a": 0.5, "b": np.zeros(1)}, args=(X,), kwargs={"power": 2})
    assert result.x["a"] == pytest.approx(3)
    np.testing.assert_allclose(result.x["b"], [-1])
    assert result.jac.shape == (40, 2)


def test_residuals_of_any_shape_and_robust_losses():
    target = np.arange(4.0).reshape(2, 2)
    result = least_squares(lambda w: w - target, np.zeros((2, 2)), loss="soft_l1")
    np.testing.assert_allclose(result.x, target, atol=1e-7)


def test_bounds_hold():
    result = least_squares(rosenbrock_residuals, [-1.2, 1.0], bounds=([-2, -2], [0.5, 2]))
    np.testing.assert_allclose(result.x, [0.5, 0.25], rtol=1e-6)


def test_a_given_jacobian_and_differences_by_name_are_used():
    calls = []

    def jacobian(x):
        calls.append(1)
        return np.array([[-20 * x[0], 10], [-1, 0]])

    least_squares(rosenbrock_residuals, [-1.2, 1.0], jac=jacobian)
    assert calls
    exact = least_squares(rosenbrock_residuals, [-1.2, 1.0], max_nfev=1)
    approximate = least_squares(rosenbrock_residuals, [-1.2, 1.0], jac="2-point", max_nfev=1)
    assert 0 < np.max(np.abs(exact.jac - approximate.jac)) < 1e-5


def test_history_has_costs_and_gradient_norms():
    result = least_squares(rosenbrock_residuals, [-1.2, 1.0], history=True)
    assert len(result.history) == result.nfev
    assert result.history.values[0] == pytest.approx(12.1)
    assert result.history.gradient_norms[0] == pytest.approx(107.8)


def test_curve_fit_returns_what_scipy_returns():
    y = decay(X, 2.5, 1.3, 0.5) + NOISE
    parameters, covariance = curve_fit(decay, X, y, p0=(1, 1, 1))
    expected, expected_covariance = optimize.curve_fit(decay, X, y, p0=(1, 1, 1), jac="3-point",
                                                       method="trf", ftol=1e-14, xtol=1e-14,
                                                       gtol=1e-14)  # fmt: skip
    np.testing.assert_allclose(parameters, expected, rtol=1e-6)
    np.testing.assert_allclose(covariance, expected_covariance, rtol=1e-5)


def test_curve_fit_counts_the_parameters_of_the_model():
    y = decay(X, 2.5, 1.3, 0.5)
    parameters, _ = curve_fit(decay, X, y)
    np.testing.assert_allclose(parameters, [2.5, 1.3, 0.5], rtol=1e-8)


@pytest.mark.parametrize(
    "options",
    [{"bounds": (0, 5)}, {"sigma": 1 + X}, {"method": "dogbox"}, {"sigma": np.eye(40) * 2}],
    ids=["bounds", "sigma", "method", "covariance"],
)
def test_curve_fit_takes_scipys_options(options):
    y = decay(X, 2.5, 1.3, 0.5) + NOISE
    ours, _ = curve_fit(decay, X, y, p0=(1, 1, 1), **options)
    reference, _ = optimize.curve_fit(decay, X, y, p0=(1, 1, 1), **options)
    np.testing.assert_allclose(ours, reference, rtol=1e-5)


def test_curve_fit_full_output_and_star_parameters():
    def polynomial(x, *c):
        return c[0] + c[1] * x

    parameters, _, info, message, flag = curve_fit(
        polynomial, X, 2 + 3 * X, p0=[0.0, 0.0], full_output=True
    )
    np.testing.assert_allclose(parameters, [2, 3])
    assert info["nfev"] > 0
    assert flag in (1, 2, 3, 4)


def test_curve_fit_takes_several_predictors():
    both = np.stack([X, X**2])
    parameters, _ = curve_fit(lambda x, a, b: a * x[0] + b * x[1], both, 2 * X + 5 * X**2)
    np.testing.assert_allclose(parameters, [2, 5])


def test_a_large_and_empty_jacobian_is_sparse(monkeypatch):
    def residuals(x):
        return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])

    monkeypatch.setattr(evaluation, "_MANY", 100)
    start = np.full(120, 0.9)
    found = least_squares(residuals, start, history=True)
    assert issparse(found.jac)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-6)
    assert found.history.values[-1] < 1e-12
    # What is small, most of it filled, or solved with exactly, is not.
    assert type(least_squares(residuals, start[:20]).jac) is np.ndarray
    assert type(least_squares(lambda x: x * np.sum(x), start).jac) is np.ndarray
    assert type(least_squares(residuals, start, tr_solver="exact").jac) is np.ndarray
