"""The error and gamma functions, and scipy.special on traced arrays."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import special

import autodiff
from autodiff.ops.control import CheckFailed
from autodiff.ops.dispatch import builtin_functions
from autodiff.ops.special import digamma
from autodiff.ops.tracer import Tracer
from tests.ops.support import ENGINES, check_derivatives, check_value, run

X = np.array([[0.3, 1.7, 2.4], [0.9, 3.1, 0.55]])
P = np.array([0.2, 0.7, 0.55])
engines = pytest.mark.parametrize("engine", ENGINES)


def plain(function):
    """SciPy's function; pure Python ones of it do not dispatch and are looked up."""
    from autodiff.ops.dispatch import functions

    def call(x, *rest, **options):
        return (functions.get(function) if isinstance(x, Tracer) else function)(x, *rest, **options)

    return call


CASES = {
    "erf": (special.erf, X - 1),
    "erfc": (special.erfc, X - 1),
    "erfinv": (special.erfinv, P),
    "gammaln": (special.gammaln, X),
    "gamma": (special.gamma, X),
    "digamma": (special.digamma, X),
    "digamma below 1/2": (special.psi, X - 2.15),
    "expit": (special.expit, 10 * (X - 1)),
    "logit": (special.logit, P),
    "log_expit": (special.log_expit, X - 1),
    "xlogy": (special.xlogy, X, X[::-1]),
    "xlog1py": (special.xlog1py, X, X[::-1]),
    "entr": (special.entr, X),
    "ndtr": (special.ndtr, X - 1),
    "beta": (special.beta, X, X[::-1]),
    "betaln": (special.betaln, X, X[::-1]),
    "logsumexp": (plain(special.logsumexp), X),
    "logsumexp axis": (lambda x: plain(special.logsumexp)(x, axis=1, keepdims=True), X),
    "logsumexp weights": (
        lambda x: plain(special.logsumexp)(x, axis=0, b=np.array([1.0, 2.0, 3.0])),
        X,
    ),
    "softmax": (lambda x: plain(special.softmax)(x, axis=1), X),
    "log_softmax": (lambda x: plain(special.log_softmax)(x, axis=-1), X),
}


@engines
@pytest.mark.parametrize("name", CASES)
def test_value(name: str, engine: str) -> None:
    f, *arguments = CASES[name]
    check_value(f, *arguments, engine=engine, rtol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    f, *arguments = CASES[name]
    check_derivatives(f, *arguments)


@pytest.mark.parametrize("name", ["erf", "erfc", "gammaln", "expit"])
def test_float32_stays(name: str) -> None:
    check_value(CASES[name][0], X.astype(np.float32))


def test_digamma_against_scipy() -> None:
    x = np.concatenate([np.linspace(0.01, 40, 200), -np.linspace(0.1, 9.9, 50) - 0.003])
    np.testing.assert_allclose(digamma(x), special.digamma(x), rtol=2e-13, atol=2e-14)


def test_extreme_arguments() -> None:
    x = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0, np.inf, -np.inf])
    check_value(
        lambda x: [special.expit(x), special.log_expit(x), special.erfc(x), special.ndtr(x)], x
    )
    check_value(lambda x: plain(special.logsumexp)(x[:4]), x)


@pytest.mark.parametrize("name", ["erf", "erfc", "gamma", "lgamma"])
@pytest.mark.parametrize("x", [0.5, 2.5, -0.5, 1.0])
def test_functions_of_math(name: str, x: float) -> None:
    f = getattr(math, name)
    np.testing.assert_allclose(run(builtin_functions[f], x), f(x), rtol=1e-14)
    check_derivatives(lambda v: builtin_functions[f](v) if isinstance(v, Tracer) else f(v), x)


@pytest.mark.parametrize(
    ("name", "x"), [("gamma", 0.0), ("gamma", -2.0), ("lgamma", -1.0), ("gamma", 200.0)]
)
def test_poles_fail_at_run_time(name: str, x: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        getattr(math, name)(x)
    with pytest.raises(CheckFailed):
        run(builtin_functions[getattr(math, name)], x)


@pytest.mark.parametrize(("n", "k"), [(0.0, 2.0), (1.0, 2.0), (1.0, 3.0), (2.0, 5.0), (0.0, 1.0)])
def test_binomial_coefficients_that_are_zero_have_slopes(n: float, k: float) -> None:
    def polynomial(n: Any) -> Any:
        return np.prod([(n - j) / (j + 1) for j in range(int(k))])

    def f(n: Any) -> Any:
        return special.binom(n, k)

    for order in (1, 2):
        f, polynomial = (autodiff.gradient(g, engine="numpy") for g in (f, polynomial))
        assert f(n) == pytest.approx(polynomial(n), rel=1e-12, abs=1e-14), f"order {order}"
