"""A branch of ``np.where`` that is not taken leaves no NaN in any derivative, of first or second order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

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


# What is not chosen has the derivative 0, also where its own, or that of what comes next, is infinite.
CHOSEN: dict[str, tuple[Callable[..., Any], float, float]] = {
    "maximum": (lambda x: np.maximum(np.log(x), 1.0), 0.0, 0.0),
    "minimum": (lambda x: np.minimum(np.reciprocal(x), 3.0), 0.0, 0.0),
    "fmax": (lambda x: np.fmax(x, np.power(x, 3)), -1e200, 1.0),
    "fmin": (lambda x: np.fmin(x, np.exp(x)), 800.0, 1.0),
    "clip": (lambda x: np.clip(np.log1p(x), -2.0, 1.0), -1.0, 0.0),
    "heaviside": (lambda x: np.heaviside(2.0, np.log(x)), 0.0, 0.0),
    "log of maximum": (lambda x: np.log(np.maximum(0.0 * x, x)), -1.0, 0.0),
    "log of minimum": (lambda x: np.log(np.minimum(x - 1.0, 2 * x)), 1.0, np.inf),
}
# Where a slope is 0 and the next one infinite the derivative is not known.
LOST: dict[str, tuple[Callable[..., Any], float]] = {
    "arcsin": (lambda x: np.arcsin(1 - x * x), 0.0),
    "arccos": (lambda x: np.arccos(np.cos(x)), 0.0),
    "arccosh": (lambda x: np.arccosh(np.cosh(x)), 0.0),
    "arctanh": (lambda x: np.arctanh(np.tanh(x)), 800.0),
    "log": (lambda x: np.log(x * x), 0.0),
    "logit": (lambda x: special.logit(1 - x**2), 0.0),
    "ndtri": (lambda x: special.ndtri(x**2), 0.0),
    "erfinv": (lambda x: special.erfinv(1 - x**2), 0.0),
    "ellipk": (lambda x: special.ellipk(1 - x**2), 0.0),
    "gammaln": (lambda x: special.gammaln(x**2), 0.0),
    "k0": (lambda x: special.k0(x**2), 0.0),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHOSEN)
def test_what_is_not_chosen_has_no_derivative(name: str) -> None:
    f, x, slope = CHOSEN[name]
    at = np.array([x])
    for g, v in ((f, x), (lambda x: np.sum(f(x)), at)):
        found = autodiff.gradient(g, engine="numpy")(v)
        pushed = autodiff.jvp(g, (v,), (np.ones_like(v),), engine="numpy")[1]
        assert np.all(found == slope) and np.all(pushed == slope)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LOST)
def test_a_slope_of_zero_hides_no_pole_in_either_mode(name: str) -> None:
    f, x = LOST[name]
    at = np.array([x, 0.3])
    for mode in ("reverse", "forward"):
        found = autodiff.jacobian(f, mode=mode, engine="numpy")(at)
        assert np.isnan(found[0, 0]) and np.isfinite(found[1, 1])
        assert found[0, 1] == 0 and found[1, 0] == 0


@pytest.mark.filterwarnings("ignore")
def test_a_mean_over_a_deviation_that_is_zero_is_known_in_no_mode() -> None:
    """The deviation has the derivative 0 there by convention, and what is divided by it a pole."""

    def ratio(x: Any) -> Any:
        return np.mean(x) / np.std(x)

    for mode in ("reverse", "forward"):
        slope = lambda x, mode=mode: autodiff.jacobian(ratio, mode=mode, engine="numpy")(x)  # noqa: E731
        assert np.all(np.isnan(slope(np.ones(3))))
        for outer in ("reverse", "forward"):
            bend = autodiff.jacobian(slope, mode=outer, engine="numpy")(np.ones(3))
            assert np.all(np.isnan(bend))
