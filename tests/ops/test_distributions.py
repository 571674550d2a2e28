"""Every distribution of ``scipy.stats``: SciPy's values at all points of the line, and gradients.

The distributions and their parameters are those that SciPy tests its own methods with.
"""

import math
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.stats import _distr_params

import autodiff
from autodiff.errors import AutodiffError, FallbackWarning
from tests.ops.support import ENGINES, differences

engines = pytest.mark.parametrize("engine", ENGINES)
SHAPES: dict[str, tuple[Any, ...]] = {}
for _name, _shapes in (*_distr_params.distcont, *_distr_params.distdiscrete):
    if isinstance(_name, str) and hasattr(stats, _name):
        SHAPES.setdefault(_name, tuple(_shapes))
for _name in ("levy_stable", "studentized_range"):  # numerical throughout
    SHAPES.pop(_name, None)
DISCRETE = {name for name in SHAPES if isinstance(getattr(stats, name), stats.rv_discrete)}
# Parameters without a derivative by them: whole numbers, or no formula is known.
FIXED = {"ncx2": ("df",), "nct": ("df",), "ncf": ("dfn", "dfd"), "gausshyper": ("a", "b", "c"), "ksone": ("n",), "irwinhall": ("n",), "kstwo": ("n",), "zipfian": ("a", "n")}  # fmt: skip
_NUMERICAL = ("cdf", "sf", "logcdf", "logsf", "ppf", "isf")
# Methods without a derivative: code in C, complex numbers, a search.
REFUSED: dict[str, tuple[str, ...]] = {
    "genhyperbolic": _NUMERICAL, "geninvgauss": _NUMERICAL, "vonmises": _NUMERICAL,
    "vonmises_line": _NUMERICAL, "rel_breitwigner": _NUMERICAL,
    "ksone": ("pdf", "logpdf"), "landau": ("pdf", "logpdf"),
    "kstwo": ("pdf", "logpdf", *_NUMERICAL),
}  # fmt: skip
# SciPy's own value is wrong or NaN: an argument of one element stands for all, a power overflows,
# an integral is rough, a logarithm is that of a density that underflows.
BETTER = {("norminvgauss", "sf"), ("norminvgauss", "logcdf"), ("norminvgauss", "logsf"), ("geninvgauss", "logpdf"), ("geninvgauss", "pdf"), ("laplace", "logpdf"), ("skewnorm", "cdf"), ("skewnorm", "logcdf"), ("skewnorm", "logsf"), ("skellam", "logcdf"), ("skellam", "logsf")}  # fmt: skip
METHODS = ("logpdf", "pdf", "logpmf", "pmf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")
SAMPLE = ("alpha", "burr12", "f", "genextreme", "johnsonsu", "ncx2", "truncnorm", "betabinom", "nbinom")  # fmt: skip


def methods(name: str) -> list[str]:
    found = [m for m in METHODS if hasattr(getattr(stats, name), m)]
    return [m for m in found if m not in REFUSED.get(name, ())]


def points(name: str, method: str) -> np.ndarray:
    """Levels, or numbers in the support, at its ends, outside of it, and no numbers."""
    dist, shapes = getattr(stats, name), SHAPES[name]
    if method in ("ppf", "isf"):
        return np.array([0.0, 0.01, 0.3, 0.77, 0.999, 1.0, -1.0, np.nan])
    low, high = dist.support(*shapes)
    ends = [low if np.isfinite(low) else -1e3, high if np.isfinite(high) else 1e3]
    return np.array([*dist.ppf([0.02, 0.3, 0.8, 0.999], *shapes), *ends, ends[0] - 1, np.nan, np.inf, -np.inf])  # fmt: skip


def check_values(name: str, engine: str) -> None:
    dist, shapes = getattr(stats, name), SHAPES[name]
    for method in METHODS:
        f = getattr(dist, method, None)
        if f is None or (name, method) in BETTER:
            continue
        x = points(name, method)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = f(x, *shapes)
            have = autodiff.function(lambda x, f=f: f(x, *shapes), engine=engine)(x)
        np.testing.assert_allclose(have, want, rtol=1e-10, atol=1e-290, err_msg=f"{name}.{method}")


def check_gradients(name: str, method: str) -> None:
    """By the point, the shapes, the location and the scale."""
    dist, shapes = getattr(stats, name), SHAPES[name]
    f, located = getattr(dist, method), (0.3,) if name in DISCRETE else (0.3, 1.3)
    if name in DISCRETE:
        located = (2,)
    with np.errstate(all="ignore"):
        point = 0.37 if method in ("ppf", "isf") else dist.ppf(0.37, *shapes, *located)
    names = [] if not dist.shapes else [n.strip() for n in dist.shapes.split(",")]
    values = [float(point), *shapes, *located]
    whole = name in DISCRETE and method not in ("ppf", "isf")
    active = [
        k for k, v in enumerate(values)
        if isinstance(v, float) and not (k == 0 and whole)
        and not (0 < k <= len(names) and names[k - 1] in FIXED.get(name, ()))
    ]  # fmt: skip
    if not active:
        return

    def of(x):
        full = list(values)
        for n, k in enumerate(active):
            full[k] = x[n]
        return f(*full)

    at = np.array([values[k] for k in active])
    found = autodiff.gradient(of, engine="numpy")(at)
    if name in DISCRETE and method in ("ppf", "isf"):
        np.testing.assert_array_equal(found, 0.0)  # constant by pieces
        return
    for n, k in enumerate(active):
        step = 1e-3 * max(abs(at[n]), 0.1)

        def moved(t: float, n: int = n) -> list[np.ndarray]:
            return [np.asarray(of([*at[:n], at[n] + t, *at[n + 1 :]]))]

        with np.errstate(all="ignore"):
            (want,) = differences(moved, step)
        if np.isfinite(want):
            np.testing.assert_allclose(found[n], want, rtol=3e-5, atol=1e-6, err_msg=f"{name}.{method} {k}")  # fmt: skip


@engines
@pytest.mark.parametrize("name", SAMPLE[:4])
def test_values(name: str, engine: str) -> None:
    check_values(name, engine)


@pytest.mark.parametrize("name", SAMPLE)
def test_gradients(name: str) -> None:
    few = ("logpdf", "logpmf", "cdf", *(() if name in DISCRETE else ("ppf",)))
    for method in [m for m in methods(name) if m in few]:
        check_gradients(name, method)


@engines
@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_values_of_all(name: str, engine: str) -> None:
    check_values(name, engine)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_gradients_of_all(name: str) -> None:
    for method in methods(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FallbackWarning)  # a search among whole numbers
            warnings.simplefilter("ignore", RuntimeWarning)
            check_gradients(name, method)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_derivative_is_refused(name: str) -> None:
    dist, shapes = getattr(stats, name), SHAPES[name]
    for method in REFUSED[name]:
        point = 0.37 if method in ("ppf", "isf") else float(dist.ppf(0.37, *shapes))
        f = getattr(dist, method)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            g = autodiff.gradient(lambda x, f=f: f(x, *shapes))
            with pytest.raises(AutodiffError):
                g(point)


@engines
def test_draws_by_odds_and_chances(engine: str) -> None:
    """Masses of all counts add up to 1, whatever the odds; a chance moves mass up by one."""
    counts, chances = np.arange(8), np.array([0.2, 0.7, 0.4])
    for dist in (stats.nchypergeom_fisher, stats.nchypergeom_wallenius):
        f = lambda odds, dist=dist: dist.pmf(counts, 20, 7, 9, odds)  # noqa: E731
        np.testing.assert_allclose(autodiff.function(f, engine=engine)(1.7), f(1.7), rtol=1e-14)
        slopes = autodiff.jacobian(f, engine=engine)(1.7)
        np.testing.assert_allclose(np.sum(slopes), 0.0, atol=1e-12)
        (want,) = differences(lambda t, f=f: [f(1.7 + t)], 1e-3)
        np.testing.assert_allclose(slopes, want, rtol=1e-6, atol=1e-8)
    g = lambda p: stats.poisson_binom.pmf(np.arange(4), p)  # noqa: E731
    slopes = autodiff.jacobian(g, engine=engine)(chances)
    others = g(chances[1:])
    np.testing.assert_allclose(slopes[:, 0], np.append(0, others[:3]) - others, atol=1e-15)


# -- parameters at which SciPy has another formula ---------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "method"),
    [("genpareto", "logpdf"), ("genpareto", "ppf"), ("genextreme", "logpdf"), ("genextreme", "cdf"), ("skewnorm", "logpdf")],
)  # fmt: skip
def test_shape_zero_is_no_exception(name: str, method: str) -> None:
    """The gradient is that of shapes nearby."""
    f = getattr(getattr(stats, name), method)
    gradient = autodiff.gradient(lambda x, c: f(x, c))
    np.testing.assert_allclose(gradient(0.3, 0.0), gradient(0.3, 1e-9), rtol=1e-8)


def test_a_slope_that_is_not_known_is_no_number() -> None:
    gradient = autodiff.gradient(lambda x, c: stats.ncx2.logpdf(x, 3.0, c))
    by_x, by_shape = gradient(0.3, 0.0)
    np.testing.assert_allclose(by_x, gradient(0.3, 1e-4)[0], rtol=1e-3)
    assert np.isnan(by_shape)


def test_slopes_of_noncentral_variables_where_the_density_is_lost_are_numbers() -> None:
    for x, k, c in ((7.5, 21000.0, 1.056), (1e32, 2.0, 0.6), (3.0, 600.0, 20.0)):
        found = autodiff.gradient(lambda x, k, c: stats.ncx2.cdf(x, k, c), wrt=(0, 2))(x, k, c)
        np.testing.assert_array_equal(found, 0.0)
    found = autodiff.gradient(lambda x, b: stats.rice.cdf(x, b), wrt=(0, 1))(1e16, 0.77)
    np.testing.assert_array_equal(found, 0.0)


@pytest.mark.parametrize("q", [1e-100, 1e-20, 0.3])
def test_slopes_of_quantiles_of_small_complements_are_not_zero(q: float) -> None:
    f = stats.skewnorm.isf
    right = -1 / stats.skewnorm.pdf(f(q, 4.0), 4.0)
    assert autodiff.gradient(lambda q: f(q, 4.0))(q) == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("method", ["pdf", "logpdf", "cdf", "sf", "ppf", "isf"])
def test_small_skewness_is_no_exception(method: str) -> None:
    """SciPy takes the normal distribution there: its value, and the slopes of Pearson's."""
    f = getattr(stats.pearson3, method)
    gradient = autodiff.gradient(lambda x, c: f(x, c))
    for skew in (1e-9, 1e-5, 1e-3):
        np.testing.assert_allclose(gradient(0.3, skew), gradient(0.3, 0.0), rtol=3e-3)
    # d/ds of the density (1 + s (x**3 - 3 x) / 6) phi(x) at s = 0
    if method == "pdf":
        slope = (0.3**3 - 0.9) / 6 * stats.norm.pdf(0.3)
        np.testing.assert_allclose(gradient(0.3, 0.0)[1], slope, rtol=1e-12)


@engines
@pytest.mark.parametrize("df", [0.3, 2.5, 27.4, 50.0])
def test_slopes_of_student_near_its_median(df: float, engine: str) -> None:
    """By degrees of freedom and then by the place they are those of the density by degrees of freedom."""
    by_df = autodiff.gradient(lambda x, df: np.sum(stats.t.cdf(x, df)), wrt=1, engine=engine)
    mixed = autodiff.gradient(by_df, wrt=0, engine=engine)
    x = np.array([0.0, 1e-100, -1e-16, 1e-5, 0.02])
    of_density = autodiff.jacobian(lambda df: stats.t.pdf(x, df))(df)
    np.testing.assert_allclose(mixed(x, df), of_density, rtol=1e-9)
    quantile = autodiff.gradient(lambda q, df: stats.t.ppf(q, df), wrt=1, engine=engine)
    slope = autodiff.gradient(quantile, wrt=0, engine=engine)(0.5, df)
    np.testing.assert_allclose(slope, -of_density[0] / stats.t.pdf(0.0, df) ** 2, rtol=1e-9)


@engines
@pytest.mark.parametrize("method", ["ppf", "isf"])
def test_a_median_that_is_0_for_all_shapes(method: str, engine: str) -> None:
    f = getattr(stats.dgamma, method)
    by_shape = autodiff.gradient(lambda q, a: f(q, a), wrt=1, engine=engine)
    assert by_shape(0.5, 1.7) == 0.0
    step = (f(0.6, 1.7 + 1e-5) - f(0.6, 1.7 - 1e-5)) / 2e-5
    np.testing.assert_allclose(by_shape(0.6, 1.7), step, rtol=1e-6)


@engines
def test_the_entropy_of_student_by_arrays_of_degrees_of_freedom(engine: str) -> None:
    df, f = np.array([0.3, 2.7, 99.0, 100.0, 1e4, np.inf]), lambda df: stats.t.entropy(df)
    np.testing.assert_allclose(autodiff.function(f, engine=engine)(df), f(df), rtol=1e-15)
    found = autodiff.gradient(lambda df: np.sum(f(df)), engine=engine)(df)
    step = 1e-5 * df[:-1]
    differences = (f(df[:-1] + step) - f(df[:-1] - step)) / (2 * step)
    np.testing.assert_allclose(found, [*differences, 0.0], rtol=1e-6)


@engines
def test_slopes_where_scipys_density_is_lost(engine: str) -> None:
    """It gives 0 close to 0 and far out, or raises, where the distribution function has a value."""
    slope = lambda f, *x: autodiff.gradient(f, wrt=0, engine=engine)(*x)  # noqa: E731
    close = (1e-5, 7.75)
    right = stats.rice.pdf(*close)
    assert slope(lambda x, b: stats.rice.cdf(x, b), *close) == pytest.approx(right, rel=1e-12)
    assert slope(lambda x, b: stats.rice.logcdf(x, b), *close) == pytest.approx(2e5, rel=1e-8)
    far, step = (1500.0, 14.0, 240.45), 0.5
    right = (stats.nct.sf(1500.0 + step, *far[1:]) - stats.nct.sf(1500.0 - step, *far[1:])) / (2 * step)  # fmt: skip
    assert slope(lambda x, n, c: stats.nct.sf(x, n, c), *far) == pytest.approx(right, rel=1e-4)
    with pytest.raises(OverflowError):
        stats.nct.pdf(-1000.0, 400.0, 3.0)
    every = autodiff.gradient(lambda x, n, c: stats.nct.cdf(x, n, c), engine=engine)
    assert every(-1000.0, 400.0, 3.0) == (0.0, 0.0, 0.0)


# Where a probability underflows, and its logarithm is minus infinity in SciPy: the derivatives by the point and the shapes.
_FAR_NORMAL = 2.0 + 4.0 * np.arcsinh(1e8)
FAR_LOGARITHMS: list[tuple[str, str, tuple[float, ...], tuple[float, ...]]] = [
    ("laplace", "logcdf", (-1e5,), (1.0,)), ("laplace", "logsf", (1e5,), (-1.0,)),
    ("laplace_asymmetric", "logcdf", (-1e5, 0.5), (2.0, 4e5 + 3.2)),
    ("laplace_asymmetric", "logsf", (1e5, 0.5), (-0.5, -1e5 - 0.8)),
    ("hypsecant", "logcdf", (-1e5,), (1.0,)), ("hypsecant", "logsf", (1e5,), (-1.0,)),
    ("gumbel_r", "logsf", (1e5,), (-1.0,)), ("gumbel_l", "logcdf", (-1e5,), (1.0,)),
    ("genlogistic", "logsf", (1e3, 0.5), (-1.0, 2.0)), ("halflogistic", "logsf", (1e4,), (-1.0,)),
    ("gompertz", "logsf", (10.0, 0.5), (-0.5 * np.exp(10.0), -np.expm1(10.0))),
    ("weibull_min", "logcdf", (1e-200, 2.0), (2e200, np.log(1e-200))),
    ("weibull_max", "logsf", (-1e-200, 2.0), (-2e200, np.log(1e-200))),
    ("invweibull", "logcdf", (1e-3, 2.0), (2e9, np.log(1e-3) * 1e6)),
    ("invweibull", "logsf", (1e200, 2.0), (-2e-200, -np.log(1e200))),
    ("dweibull", "logcdf", (-1e3, 2.0), (2e3, -np.log(1e3) * 1e6)), ("pareto", "logsf", (1e200, 2.0), (-2e-200, -np.log(1e200))),
    ("hypsecant", "logpdf", (-1e4,), (1.0,)), ("foldnorm", "logpdf", (100.0, 0.5), (-99.5, 99.5)),
    ("invweibull", "logpdf", (1e-3, 2.0), (2e9 - 3e3, 0.5 - np.log(1e-3) * (1 - 1e6))),
    ("moyal", "logpdf", (-20.0,), (0.5 * np.expm1(20.0),)), ("loglaplace", "logpdf", (1e200, 2.0), (-3e-200, 0.5 - np.log(1e200))),
    ("johnsonsu", "logpdf", (1e8, 2.0, 4.0), (-1e-8 - 4e-8 * _FAR_NORMAL, -_FAR_NORMAL, 0.25 - _FAR_NORMAL * np.arcsinh(1e8))),
    ("powernorm", "logcdf", (-150.0, 4.0), (150.0 + 1 / 150.0 - 2 / 150.0**3 + 10 / 150.0**5, 0.25)), ("planck", "logpmf", (1e4, 0.5), (0.0, 1 / np.expm1(0.5) - 1e4)),
]  # fmt: skip
_LOST: list[tuple[str, str, tuple[float, ...]]] = [
    ("gamma", "logsf", (1e5, 2.0)), ("beta", "logcdf", (1e-8, 1e4, 0.6)), ("chi2", "logcdf", (0.3, 1e8)),
    ("t", "logcdf", (-150.0, 1e8)), ("kstwobign", "logpdf", (50.0,)), ("poisson", "logsf", (1000.0, 0.6)), ("nbinom", "logcdf", (2.0, 1e5, 0.4)),
]  # fmt: skip


def of(count: int, f: Any) -> Any:
    """``f`` with as many parameters."""
    return [lambda a: f(a), lambda a, b: f(a, b), lambda a, b, c: f(a, b, c)][count - 1]


def _slopes_in_both_modes(f: Any, point: tuple[float, ...], engine: str) -> np.ndarray:
    count = len(point)
    backwards = autodiff.gradient(f, wrt=tuple(range(count)), engine=engine)(*point)
    forwards = [autodiff.jvp(f, point, tuple(np.eye(count)[k]), engine=engine)[1] for k in range(count)]  # fmt: skip
    return np.array([np.ravel(backwards), forwards])


@engines
def test_logarithms_of_probabilities_that_underflow(engine: str) -> None:
    for name, method, point, right in (*FAR_LOGARITHMS, *[(*row, np.nan) for row in _LOST]):
        own = getattr(getattr(stats, name), method)
        with np.errstate(all="ignore"):
            f = of(len(point), own)
            assert autodiff.function(f, engine=engine)(*point) == own(*point) == -np.inf
            found = _slopes_in_both_modes(f, point, engine)
        np.testing.assert_allclose(found, np.broadcast_to(right, found.shape), rtol=1e-13, err_msg=f"{name}.{method}")  # fmt: skip


# Far out, of shapes that overflow, at ends and of a support without a point: the value is SciPy's.
CORNERS: list[tuple[str, str, tuple[float, ...]]] = [
    ("genpareto", "cdf", (1e300, 1e10)), ("genpareto", "sf", (1e300, 1e10)),
    ("genextreme", "logpdf", (1e-5, 1e5)), ("genextreme", "pdf", (0.5, 2.0)), ("genextreme", "pdf", (1.0, 1.0)),
    ("kappa4", "cdf", (1e-5, 60.0, 1e5)), ("kappa4", "sf", (1e-5, 60.0, 1e5)),
    ("geninvgauss", "logpdf", (1.0, 1e5, 1e-5)), ("geninvgauss", "pdf", (2.0, 1e5, 0.3)),
    ("invgauss", "ppf", (1e-20, 1e-5)), ("invgauss", "isf", (0.3, 0.7)), ("wald", "ppf", (0.99,)),
    ("bernoulli", "logcdf", (1.0, -1.0)), ("bernoulli", "cdf", (1.0, -1.0)),
    ("dpareto_lognorm", "logsf", (1e100, 3.0, 2.5, 0.3, 2.0)),
]  # fmt: skip


@engines
def test_values_in_corners(engine: str) -> None:
    for name, method, point in CORNERS:
        f = getattr(getattr(stats, name), method)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            have = autodiff.function(lambda *x, f=f: f(*x), engine=engine)(*point)
            np.testing.assert_allclose(
                have, f(*point), rtol=1e-12, err_msg=f"{name}.{method}{point}"
            )


@pytest.mark.parametrize("method", ["ppf", "isf"])
def test_quantiles_of_the_inverse_gaussian_distribution(method: str) -> None:
    f = getattr(stats.invgauss, method)
    by_level, by_mu = autodiff.gradient(lambda q, mu: f(q, mu))(0.3, 0.7)
    sign = 1 if method == "ppf" else -1
    np.testing.assert_allclose(by_level, sign / stats.invgauss.pdf(f(0.3, 0.7), 0.7), rtol=1e-10)
    step = 1e-5
    np.testing.assert_allclose(
        by_mu, (f(0.3, 0.7 + step) - f(0.3, 0.7 - step)) / (2 * step), rtol=1e-7
    )


# -- distributions of the user's ----------------------------------------------------------------------------
class Exponential(stats.rv_continuous):
    """With a density alone: SciPy integrates it, and searches for quantiles."""

    def _pdf(self, x, rate):
        return rate * np.exp(-rate * x)


@engines
def test_a_distribution_of_the_user(engine: str) -> None:
    own = Exponential(a=0.0, name="own", shapes="rate")
    x = np.array([0.5, 1.5, -1.0])
    f = lambda x, rate: own.logpdf(x, rate, 0.0, 2.0)  # noqa: E731
    np.testing.assert_allclose(autodiff.function(f, engine=engine)(x, 0.7), f(x, 0.7), rtol=1e-14)
    by_rate = autodiff.gradient(lambda rate: np.sum(f(x[:2], rate)), engine=engine)(0.7)
    np.testing.assert_allclose(by_rate, 2 / 0.7 - np.sum(x[:2] / 2), rtol=1e-13)


@engines
def test_what_a_distribution_of_the_user_reads_is_read_at_every_call(engine: str) -> None:
    class Own(stats.rv_continuous):
        def _pdf(self, x):
            return self.rate * np.exp(-self.rate * x)

    own = Own(a=0.0, name="own")
    own.rate = 2.0
    f = autodiff.function(lambda x: own.pdf(x), engine=engine)
    assert f(1.0) == pytest.approx(own.pdf(1.0))
    own.rate = 3.0
    assert f(1.0) == pytest.approx(own.pdf(1.0))
    own.a = 2.0
    assert f(1.0) == own.pdf(1.0) == 0.0
    Own._pdf = lambda self, x: 5 * np.exp(-x)
    assert f(2.5) == pytest.approx(own.pdf(2.5))


@engines
def test_scalars_in_a_loop(engine: str) -> None:
    def total(x, c):
        value = 0.0
        for i in range(len(x)):
            value += stats.gompertz.logpdf(x[i], c)
        return value

    x = np.linspace(0.1, 2.0, 7)
    want = np.sum(stats.gompertz.logpdf(x, 0.4))
    np.testing.assert_allclose(autodiff.function(total, engine=engine)(x, 0.4), want, rtol=1e-14)


def _second_moment_of_a_period(kappa: float) -> float:
    def part(x: float) -> float:
        return x * x * math.exp(kappa * math.cos(x))

    whole = integrate.quad(part, -math.pi, math.pi, epsabs=1e-13)[0]
    return whole / (2 * math.pi * float(special.i0(kappa)))


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_moments_of_a_periodic_density_are_not_its_integral_over_all_numbers(engine: Any) -> None:
    def variance(kappa: Any) -> Any:
        return stats.vonmises.var(kappa, 0.0, 1.3)

    value = variance(2.0)
    assert value == pytest.approx(1.3**2 * _second_moment_of_a_period(2.0), rel=1e-12)
    assert autodiff.function(variance, engine=engine)(2.0) == pytest.approx(value, rel=1e-14)
    (want,) = differences(lambda t: [1.3**2 * _second_moment_of_a_period(2.0 + t)], 1e-3)
    np.testing.assert_allclose(autodiff.gradient(variance, engine=engine)(2.0), want, rtol=1e-7)
    slope = autodiff.gradient(lambda s: stats.vonmises.var(2.0, 0.0, s), engine=engine)(1.3)
    np.testing.assert_allclose(slope, 2 * value / 1.3, rtol=1e-12)


def _mean_of_quantiles(h: float, k: float) -> float:
    """The mean of ``kappa4``, which SciPy takes a second for; in t with level ``1 - t**4``."""

    def part(t: float) -> float:
        return (1 - (-math.expm1(h * math.log1p(-(t**4))) / h) ** k) / k * 4 * t**3

    return float(integrate.quad(part, 0, 1, epsabs=1e-12, epsrel=1e-12)[0])


@pytest.mark.parametrize("method", ["mean", "entropy"])
def test_means_over_levels(method: str) -> None:
    """Of the distribution with four parameters by both shapes, where they are 0, too (Euler's constant)."""
    f = getattr(stats.kappa4, method)
    plain = _mean_of_quantiles if method == "mean" else f
    for h, k in ((0.1, 0.1), (0.3, -0.2)):
        by_h, by_k = autodiff.gradient(lambda h, k: f(h, k), engine="numpy")(h, k)
        (want_h, want_k) = differences(lambda t, h=h, k=k: [plain(h + t, k), plain(h, k + t)], 1e-3)
        np.testing.assert_allclose((by_h, by_k), (want_h, want_k), rtol=1e-6)
    slopes = autodiff.gradient(lambda h, k: f(h, k), engine="numpy")(0.0, 0.0)
    want = (-0.5, -np.euler_gamma) if method == "entropy" else (0.5, -0.9890559953279725)
    np.testing.assert_allclose(slopes, want, rtol=1e-10)


@pytest.mark.parametrize("c", [0.0, 1e-9, -1e-7, 2e-6])
def test_moments_of_an_extreme_value_have_no_slope_that_is_rounding(c: float) -> None:
    def moments(c: Any) -> Any:
        return np.array([*stats.genextreme.stats(c, moments="mvsk")])

    compiled = autodiff.function(moments)
    np.testing.assert_allclose(compiled(c), moments(c), rtol=1e-12)
    assert np.isnan(autodiff.jacobian(moments)(c)).all()


@pytest.mark.parametrize(
    ("name", "method", "lost", "kept"),
    [("bradford", "mean", 1e-8, 0.1), ("bradford", "var", 1e-3, 0.5), ("truncexpon", "mean", 1e-8, 0.1), ("chi", "var", 1e8, 50.0)],
)  # fmt: skip
def test_moments_of_terms_that_cancel_have_no_slope_that_is_rounding(
    name: str, method: str, lost: float, kept: float
) -> None:
    exact = {
        ("bradford", "mean"): lambda c: (c - mpmath.log1p(c)) / (c * mpmath.log1p(c)),
        ("bradford", "var"): lambda c: ((c + 2) * mpmath.log1p(c) - 2 * c) / (2 * c * mpmath.log1p(c) ** 2),
        ("truncexpon", "mean"): lambda b: 1 - b / mpmath.expm1(b),
        ("chi", "var"): lambda n: n - 2 * mpmath.rf(n / 2, 0.5) ** 2,
    }[name, method]  # fmt: skip
    own = getattr(getattr(stats, name), method)
    slope = autodiff.gradient(lambda c: own(c), engine="numpy")
    assert np.isnan(slope(lost)) and np.isfinite(autodiff.function(lambda c: own(c), engine="numpy")(lost))  # fmt: skip
    with mpmath.workdps(40):
        right = float(mpmath.diff(exact, kept))
    assert slope(kept) == pytest.approx(right, rel=1e-6)


def test_moments_of_an_extreme_value_have_slopes_away_from_0() -> None:
    def moments(c: Any) -> Any:
        return np.array([*stats.genextreme.stats(c, moments="mvsk")])

    slopes = autodiff.jacobian(moments)(0.1)
    expected = (moments(0.1 + 1e-5) - moments(0.1 - 1e-5)) / 2e-5
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)


@pytest.mark.parametrize("skew", [0.0, 0.5])
def test_moments_of_pearson3_have_slopes_by_its_skewness(skew: float) -> None:
    def moments(skew: Any) -> Any:
        return np.array([*stats.pearson3.stats(skew, 0.5, 1.3, moments="mvsk")])

    slopes = autodiff.jacobian(moments)(skew)
    np.testing.assert_allclose(slopes, [0.0, 0.0, 1.0, 3 * skew], rtol=1e-12)


SLOW_BETWEEN = {"nchypergeom_fisher", "nchypergeom_wallenius"}  # SciPy searches for each number
BETWEEN = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW_BETWEEN else ())
    for name in sorted(DISCRETE)
]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("name", ["skellam", "dlaplace", "poisson"])
@pytest.mark.filterwarnings("ignore")
def test_discrete_ones_at_both_infinities_are_what_scipy_makes_of_them(
    name: str, engine: str
) -> None:
    dist, shapes = getattr(stats, name), [float(s) for s in SHAPES[name]]
    for method in ("cdf", "sf", "logcdf", "logsf"):
        for place in (-np.inf, np.inf):
            f = lambda k, shapes, method=method: getattr(dist, method)(k, *shapes)  # noqa: E731
            right = f(place, shapes)
            np.testing.assert_equal(autodiff.function(f, engine=engine)(place, shapes), right)
            by_place, by_shapes = autodiff.gradient(f, engine=engine)(place, shapes)
            slopes = [by_place, *by_shapes]
            np.testing.assert_array_equal(slopes, np.nan if np.isnan(right) else 0.0)


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.filterwarnings("ignore")
def test_between_whole_numbers_discrete_ones_are_what_scipy_makes_of_them(name: str) -> None:
    """Most formulas of SciPy's cut the number, ``hypergeom``, ``logser`` and ``yulesimon`` do not."""
    dist, shapes = getattr(stats, name), SHAPES[name]
    middle = float(dist.median(*shapes))
    points = np.array([middle - 0.3, middle, middle + 0.4, middle + 1.7])
    for method in ("pmf", "logpmf", "cdf", "sf", "logcdf", "logsf"):
        f = lambda k, method=method: getattr(dist, method)(k, *shapes)  # noqa: E731
        found = autodiff.function(f, engine="numpy")(points)
        np.testing.assert_allclose(found, f(points), rtol=1e-10, err_msg=method)


def _log_beta(a: Any, b: Any) -> Any:
    return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)


@pytest.mark.parametrize("name", ["betabinom", "betanbinom"])
def test_beta_binomial_masses_of_large_parameters(name: str) -> None:
    f = getattr(stats, name)
    rest = (3, 3) if name == "betabinom" else (5, 2)
    exact = lambda a: _log_beta(rest[0] - (name == "betabinom") + a, rest[1] + a) - _log_beta(a, a)  # noqa: E731
    for a in (0.3, 4.0, 1e4, 1e8):
        with mpmath.workdps(60):
            right = float(mpmath.diff(exact, a, h=a * mpmath.mpf(10) ** -20))
        for method, factor in (("logpmf", 1.0), ("pmf", f.pmf(2, 5, a, a))):
            own = getattr(f, method)
            found = autodiff.gradient(lambda a, own=own: own(2, 5, a, a), engine="numpy")(a)
            assert found == pytest.approx(right * factor, rel=1e-6)


def _argus_logpdf(x: Any, chi: Any) -> Any:
    half = mpmath.gammainc(1.5, 0, chi * chi / 2, regularized=True) / 2
    return 3 * mpmath.log(chi) - mpmath.log(half) - chi * chi * (1 - x * x) / 2 + mpmath.log(x * mpmath.sqrt(1 - x * x))  # fmt: skip


def _f_logpdf(x: Any, m: Any, n: Any) -> Any:
    beta = mpmath.loggamma(m / 2) + mpmath.loggamma(n / 2) - mpmath.loggamma((m + n) / 2)
    return (
        m / 2 * mpmath.log(m / n)
        + (m / 2 - 1) * mpmath.log(x)
        - (m + n) / 2 * mpmath.log1p(m * x / n)
        - beta
    )


# Shapes and arguments of which SciPy's own formulas are not to be differentiated: the function in many digits, and where.
ALL_SIZES: dict[tuple[str, str], tuple[Any, list[tuple[float, ...]]]] = {
    ("argus", "logpdf"): (_argus_logpdf, [(0.3, 1e-8), (0.999, 1e-3), (0.3, 1.4), (0.3, 1e3)]),
    ("boltzmann", "logcdf"): (lambda k, a, n: mpmath.log(mpmath.expm1(-a * (k + 1)) / mpmath.expm1(-a * n)), [(2.0, 1e-8, 19.0), (2.0, 1.4, 19.0)]),
    ("bradford", "cdf"): (lambda x, c: mpmath.log1p(c * x) / mpmath.log1p(c), [(1 - 1e-8, 1e-8), (0.3, 1e-3), (0.5, 1e8)]),
    ("burr", "cdf"): (lambda x, c, d: (1 + x**-c) ** -d, [(38.5, 10.5, 4.3), (1e5, 10.5, 0.5), (1e-3, 2.0, 3.0)]),
    ("burr", "logpdf"): (lambda x, c, d: mpmath.log(c * d) - (c + 1) * mpmath.log(x) - (d + 1) * mpmath.log1p(x**-c), [(1e-8, 1e4, 4.3), (30.0, 2.0, 3.0)]),
    ("burr12", "logsf"): (lambda x, c, d: -d * mpmath.log1p(x**c), [(38.5, 1e4, 4.0), (1e5, 1e8, 4.0), (0.3, 2.0, 1e8)]),
    ("mielke", "logsf"): (lambda x, k, s: mpmath.log(-mpmath.expm1(-k / s * mpmath.log1p(x**-s))), [(1e5, 10.4, 4.6), (0.3, 10.4, 4.6), (1e8, 1e-8, 40.0)]),
    ("kappa3", "logcdf"): (lambda x, a: mpmath.log(x) - mpmath.log(a + x**a) / a, [(1e-3, 1e-8), (1e8, 1e-8), (3.0, 40.0)]),
    ("genhalflogistic", "logcdf"): (lambda x, c: mpmath.log(mpmath.tanh(-mpmath.log1p(-c * x) / c / 2)), [(1e-8, 0.77), (1e-5, 1e-3), (0.5, 1e-8)]),
    ("genlogistic", "cdf"): (lambda x, c: (1 + mpmath.exp(-x)) ** -c, [(38.5, 0.4), (150.0, 0.5), (-3.0, 1e-8)]),
    ("powernorm", "pdf"): (lambda x, c: c * mpmath.npdf(x) * mpmath.ncdf(-x) ** (c - 1), [(38.0, 1e-8), (3.0, 4.0)]),
    ("rdist", "cdf"): (lambda x, c: (1 + mpmath.sign(x) * mpmath.betainc(0.5, c / 2, 0, x * x, regularized=True)) / 2, [(-0.998, 1e-8), (0.3, 1e-8), (0.3, 3.0)]),
    ("semicircular", "sf"): (lambda x: 0.5 - (x * mpmath.sqrt(1 - x * x) + mpmath.asin(x)) / mpmath.pi, [(-0.99999998,), (0.3,), (1 - 1e-10,)]),
    ("t", "logpdf"): (lambda x, n: mpmath.loggamma((n + 1) / 2) - mpmath.loggamma(n / 2) - mpmath.log(n * mpmath.pi) / 2 - (n + 1) / 2 * mpmath.log1p(x * x / n), [(6.7e149, 1e-8), (1e30, 1e-8), (1e7, 1e12), (3.0, 1e8)]),
    ("f", "logpdf"): (_f_logpdf, [(38.5, 1e12, 18.0), (0.3, 29.0, 1e12), (1.7, 1e8, 1e8), (0.3, 0.5, 1e-8), (1e88, 29.0, 1e-3)]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "method"), ALL_SIZES)
def test_slopes_by_shapes_of_all_sizes(name: str, method: str) -> None:
    exact, points = ALL_SIZES[name, method]
    count, own = len(points[0]), getattr(getattr(stats, name), method)
    columns = [np.array(column) for column in zip(*points, strict=True)]
    with np.errstate(all="ignore"):
        f = of(count, lambda *x: np.sum(own(*x)))
        found = np.atleast_2d(autodiff.gradient(f, wrt=tuple(range(count)), engine="numpy")(*columns))  # fmt: skip
    for n, point in enumerate(points):
        for k in range(count) if name != "boltzmann" else (1,):
            with mpmath.workdps(120):
                step = mpmath.mpf(point[k]) * mpmath.mpf(10) ** -40
                x = [mpmath.mpf(v) for v in point]
                up, down = (exact(*x[:k], x[k] + s, *x[k + 1 :]) for s in (step, -step))
                right = float((up - down) / (2 * step))
            assert found[k, n] == pytest.approx(right, rel=1e-6), (point, k)


@pytest.mark.parametrize("dim", [2, 3, 10])
@engines
def test_directions_of_small_concentrations(dim: int, engine: str) -> None:
    mean, x = np.eye(dim)[0], 0.6 * np.eye(dim)[0] + 0.8 * np.eye(dim)[1]
    f = lambda kappa: stats.vonmises_fisher.logpdf(x, mean, kappa)  # noqa: E731
    for kappa in (1e-20, 1e-8, 0.3, 0.999, 1.001, 40.0):
        with mpmath.workdps(40):
            bessel = [mpmath.besseli(mpmath.mpf(dim) / 2 - 1 + k, kappa) for k in (0, 1)]
            right = 0.6 - float(bessel[1] / bessel[0])
        assert autodiff.function(f, engine=engine)(kappa) == pytest.approx(f(kappa), rel=1e-14)
        found = _slopes_in_both_modes(f, (kappa,), engine)
        np.testing.assert_allclose(found, right, rtol=1e-13, err_msg=str(kappa))
