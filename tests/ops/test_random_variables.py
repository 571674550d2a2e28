"""Random variables of ``scipy.stats`` as objects: values as SciPy's, slopes as those of differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import autodiff
from tests.ops.support import ENGINES

if not hasattr(stats, "Normal"):
    pytest.skip("of newer versions of SciPy", allow_module_level=True)

engines = pytest.mark.parametrize("engine", ENGINES)
pytestmark = pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
W = np.linspace(-1.0, 1.2, 4)
Normal: Any = stats.Normal
FIXED = Normal(mu=0.3, sigma=1.2)
GAMMA = stats.make_distribution(stats.gamma)(a=2.1)
MIXTURE = stats.Mixture([FIXED, stats.Logistic()], weights=[0.3, 0.7])
TRUNCATED = stats.truncate(FIXED, lb=-1.0, ub=2.0)


def of(*values: Any) -> Any:
    return np.stack(values)


def moments(X: Any) -> Any:
    return of(
        X.mean(), X.variance(), X.standard_deviation(), X.skewness(), X.kurtosis(), X.moment(3)
    )


def functions(X: Any, x: Any, p: Any) -> Any:
    return of(X.pdf(x), X.logpdf(x), X.cdf(x), X.logcdf(x), X.ccdf(x), X.logccdf(x), X.cdf(0.1, x), X.icdf(p))  # fmt: skip


CASES: dict[str, Callable[[Any], Any]] = {
    "normal": lambda t: functions(Normal(mu=t, sigma=1.5), 0.7, 0.1 * t),
    "two limits": lambda t: of(
        Normal(mu=t, sigma=1.0).logcdf(-20.0, -19.0), Normal(mu=t, sigma=1.0).cdf(19.0, 20.0),
        Normal(mu=t, sigma=1.0).cdf(2.0, 1.0), Normal(mu=t, sigma=1.0).logccdf(1.0, t),
    ),
    "arrays": lambda t: Normal(mu=t * W, sigma=np.array([1.0, 0.5, 2.0, t])).logpdf(W[:, None]),
    "uniform": lambda t: stats.Uniform(a=-0.5, b=t).pdf(W * t),
    "binomial": lambda t: stats.Binomial(n=5, p=0.1 * t).logpmf(np.arange(6)),
    "moments": lambda t: moments(Normal(mu=t, sigma=t)),
    "entropy, median, mode": lambda t: of(*[
        getattr(Normal(mu=t, sigma=t), name)() for name in ("entropy", "median", "mode")
    ]),
    "gamma": lambda t: functions(stats.make_distribution(stats.gamma)(a=t), 1.3, 0.1 * t),
    "gamma, moments": lambda t: moments(stats.make_distribution(stats.gamma)(a=t)),
    "scaled": lambda t: functions(2 - Normal(mu=t, sigma=1.5) * t, 0.7, 0.1 * t),
    "scaled, moments": lambda t: moments(Normal(mu=t, sigma=1.5) / t + 1),
    "truncated": lambda t: functions(stats.truncate(Normal(mu=t, sigma=1.0), lb=-1.0, ub=t), 0.7, 0.1 * t),
    "absolute": lambda t: stats.abs(Normal(mu=t, sigma=1.0)).logpdf(W + 1.1),
    "quantiles": lambda t: of(
        stats.abs(Normal(mu=t, sigma=1.0)).icdf(0.3), stats.abs(FIXED).iccdf(0.1 * t), MIXTURE.iccdf(0.1 * t),
        stats.order_statistic(GAMMA, r=2, n=4).icdf(0.1 * t),
    ),
    "exponential": lambda t: of(*[getattr(stats.exp(Normal(mu=t, sigma=1.0)), n)(0.6) for n in ("logpdf", "cdf", "icdf")]),
    "logarithm": lambda t: stats.log(stats.Uniform(a=1.0, b=t + 3)).cdf(W),
    "order statistic": lambda t: stats.order_statistic(Normal(mu=t, sigma=1.0), n=4, r=2).pdf(W),
    "mixture": lambda t: functions(stats.Mixture([Normal(mu=t, sigma=1.0), Normal()], weights=[t / 5, 1 - t / 5]), 0.7, 0.1 * t),
    "mixture, moments": lambda t: moments(stats.Mixture([Normal(mu=t, sigma=1.0), Normal()], weights=[0.3, 0.7])),
    "at a traced place": lambda t: of(
        FIXED.pdf(t), GAMMA.logccdf(t), MIXTURE.logcdf(t), TRUNCATED.logpdf(t / 4), stats.abs(FIXED).cdf(t),
        stats.exp(FIXED).pdf(t), (3 - 2 * FIXED).logcdf(t), (-FIXED).ccdf(t), TRUNCATED.icdf(t / 9),
        stats.order_statistic(GAMMA, r=2, n=4).logpdf(t), stats.log(GAMMA).logpdf(t - 2),
    ),
    "multiples of a fixed one": lambda t: moments(2 - FIXED * t),
}  # fmt: skip
FAST = ("normal", "absolute")
names = [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in CASES]


@engines
@pytest.mark.parametrize("name", names)
def test_values_and_slopes(name: str, engine: str) -> None:
    f, t, step = CASES[name], 2.5, 1e-6
    compiled = autodiff.function(f, engine=engine)
    for place in (t, 0.9 * t):
        np.testing.assert_allclose(compiled(place), f(place), rtol=1e-11, atol=1e-13)
    slopes = (f(t + step) - f(t - step)) / (2 * step)
    fine = np.isfinite(slopes)
    pushed = autodiff.jvp(f, (t,), (1.0,), engine=engine)[1]
    np.testing.assert_allclose(pushed[fine], slopes[fine], rtol=1e-6, atol=1e-7)
    g = autodiff.gradient(lambda t: np.sum(np.where(fine, f(t), 0.0)), engine=engine)
    np.testing.assert_allclose(g(t), np.sum(slopes[fine]), rtol=1e-6, atol=1e-7)
    bend = (g(t + 1e-5) - g(t - 1e-5)) / 2e-5
    (curve,) = autodiff.jvp(lambda t: (g(t),), (t,), (1.0,), engine=engine)[1]
    np.testing.assert_allclose(curve, bend, rtol=1e-4, atol=1e-5)


SPECIAL: dict[str, Callable[[], Any]] = {
    "normal": lambda: Normal(mu=0.5, sigma=2.0),
    "negative scale": lambda: Normal(mu=0.5, sigma=-2.0),
    "uniform": lambda: stats.Uniform(a=-1.0, b=2.0),
    "gamma": lambda: stats.make_distribution(stats.gamma)(a=1.0),
    "truncated": lambda: stats.truncate(Normal(), lb=-1.0, ub=2.0),
    "truncated, closed": lambda: stats.truncate(stats.Uniform(a=-2.0, b=3.0), lb=-1.0, ub=2.0),
    "absolute": lambda: stats.abs(Normal()),
    "exponential": lambda: stats.exp(Normal()),
    "reflected": lambda: 3 - stats.Uniform(a=0.0, b=1.0),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "name",
    [
        n if n in ("normal", "uniform", "reflected") else pytest.param(n, marks=pytest.mark.slow)
        for n in SPECIAL
    ],
)
def test_ends_of_supports_and_of_levels_are_as_in_scipy(name: str) -> None:
    x = np.array([-1.0, 2.0, 0.0, -2.0, 3.0, -np.inf, np.nan, np.inf])
    p = np.array([0.0, 1.0, 1.1, -0.1, np.nan])

    def f(x: Any, p: Any) -> Any:
        X = SPECIAL[name]()
        return X.pdf(x), X.logpdf(x), X.cdf(x), X.logccdf(x), X.icdf(p), X.iccdf(p)

    with np.errstate(all="ignore"):
        wanted = f(x, p)
    for found, value in zip(autodiff.function(f)(x, p), wanted, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-11, atol=1e-15)


def test_what_has_no_formula_is_named() -> None:
    def f(t: Any) -> Any:
        return stats.truncate(Normal(mu=t, sigma=1.0), lb=-1.0).mean()

    with pytest.raises(
        autodiff.UnsupportedError, match="a moment of a random variable that is truncated"
    ):
        autodiff.gradient(f)(0.5)
