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
MIXTURE = stats.Mixture([FIXED, getattr(stats, "Logistic", stats.Normal)()], weights=[0.3, 0.7])
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
        Normal(mu=t, sigma=1.0).logcdf(-20.0, -19.0).real, Normal(mu=t, sigma=1.0).cdf(19.0, 20.0),
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


@pytest.mark.parametrize("n", [10, np.array([3, 4])])
def test_supports_of_counts_are_floats(n: Any) -> None:
    X = stats.Binomial(n=n, p=0.3)
    for f, args in (
        (lambda: X.support(), ()),
        (lambda p: stats.Binomial(n=n, p=p).support(), (0.3,)),
    ):
        for found, wanted in zip(autodiff.function(f)(*args), f(*args), strict=True):
            assert (type(found), found.dtype) == (type(wanted), wanted.dtype)
            np.testing.assert_array_equal(found, wanted)


def test_what_has_no_formula_is_named() -> None:
    def f(t: Any) -> Any:
        return stats.truncate(Normal(mu=t, sigma=1.0), lb=-1.0).mean()

    with pytest.raises(
        autodiff.UnsupportedError, match="a moment of a random variable that is truncated"
    ):
        autodiff.gradient(f)(0.5)


UNIFORM: Callable[[Any], Any] = lambda t: stats.Uniform(a=-t, b=2.0)
KINDS: dict[str, Callable[[Any], Any]] = {
    "normal": lambda t: Normal(mu=t, sigma=1.7),
    "uniform": UNIFORM,
    "gamma": lambda t: stats.make_distribution(stats.gamma)(a=t),
    "scaled": lambda t: 2 * Normal(mu=t, sigma=1.7) + 1,
    "reflected": lambda t: 1 - 2 * UNIFORM(t),
    "truncated": lambda t: stats.truncate(Normal(mu=t), -1, 2),
    "truncated, closed": lambda t: stats.truncate(UNIFORM(t), -0.1, 1),
    "order statistic": lambda t: stats.order_statistic(Normal(mu=t), r=1, n=3),
    "order statistic, closed": lambda t: stats.order_statistic(UNIFORM(t), r=2, n=3),
    "absolute": lambda t: stats.abs(Normal(mu=t, sigma=1.7)),
    "absolute, closed": lambda t: stats.abs(UNIFORM(t)),
    "absolute, of gamma": lambda t: stats.abs(stats.make_distribution(stats.gamma)(a=t)),
    "exponential": lambda t: stats.exp(Normal(mu=t)),
    "exponential, closed": lambda t: stats.exp(UNIFORM(t)),
    "logarithm": lambda t: stats.log(stats.Uniform(a=t, b=2.0)),
    "mixture": lambda t: stats.Mixture([UNIFORM(t), stats.Uniform(a=3.0, b=4.0)]),
}  # fmt: skip
BRIEF = ("normal", "uniform", "absolute, closed", "exponential, closed")
some = [n if n in BRIEF else pytest.param(n, marks=pytest.mark.slow) for n in KINDS]
P = np.array([0.0, 1.0, 0.3, 1e-9, 1 - 1e-9, -0.1, 1.1, np.nan])
FAR = np.array([800.0, -800.0, 0.0, 1e300, -1e300, np.inf, -np.inf, 2.0, 0.7, -0.7, np.nan])


def _same(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted) and found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-13)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", some)
def test_quantiles_and_functions_at_their_ends(name: str) -> None:
    closed = "closed" in name or name in ("uniform", "reflected", "logarithm", "mixture")
    for methods, places in ((("icdf", "iccdf"), P), (("pdf", "logpdf", "cdf", "ccdf"), FAR)):
        for method in methods:
            if name == "mixture" and method == "iccdf":
                continue  # which SciPy finds by a search in the gap
            for x in (places, 0.0, 1.0, 800.0):
                f = lambda t, x, method=method: getattr(KINDS[name](t), method)(x)  # noqa: E731
                with np.errstate(all="ignore"):
                    _same(autodiff.function(f)(0.7, x), f(0.7, x))
    assert (
        closed
        or np.isinf(autodiff.function(lambda t: KINDS[name](t).icdf(1.0))(0.7))
        or "trunc" in name
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", ["cdf", "ccdf", "logcdf", "logccdf"])
@pytest.mark.parametrize("name", some)
def test_two_limits_in_either_order(name: str, method: str) -> None:
    if name == "mixture" and method == "logcdf":
        return  # SciPy raises TypeError
    f = lambda t, x, y: getattr(KINDS[name](t), method)(x, y)  # noqa: E731
    x = np.array([0.2, 1.0, 0.5, 1.5])
    for pair in ((x, x[::-1].copy()), (0.4, 0.2), (0.2, 0.4)):
        found, wanted = autodiff.function(f)(0.7, *pair), f(0.7, *pair)
        if name == "absolute, closed":  # where SciPy integrates across a jump
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-3)
        else:
            _same(found, wanted)
    slope = (f(0.7 + 1e-6, 0.6, 0.4) - f(0.7 - 1e-6, 0.6, 0.4)) / 2e-6
    found = autodiff.jvp(lambda t: f(t, 0.6, 0.4).real, (0.7,), (1.0,))[1]
    if np.isfinite(slope):  # SciPy's probabilities may be a little above 1
        np.testing.assert_allclose(found, slope.real, rtol=1e-5, atol=1e-8)


def test_quantiles_of_a_mixture_of_equal_parts_have_slopes() -> None:
    f = lambda t: stats.Mixture([Normal(mu=t), Normal(mu=t)]).icdf(0.3)  # noqa: E731
    np.testing.assert_allclose(autodiff.gradient(f)(0.7), 1.0, rtol=1e-9)
