"""Distributions of several variables, moments, and kernel estimates: SciPy's values, and derivatives."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import stats

import autodiff
from autodiff.errors import FallbackWarning
from tests.ops.support import ENGINES, differences, leaves

engines = pytest.mark.parametrize("engine", ENGINES)
_rng = np.random.default_rng(3)
S = _rng.normal(size=(3, 3))
A, B = S @ S.T + np.eye(3), 2 * np.eye(3)
W = _rng.normal(size=12)
T = 2.5

# Functions of a matrix and a number.
CASES: dict[str, Callable[[Any, Any], Any]] = {
    "normal": lambda s, t: stats.multivariate_normal.logpdf(s, s[0], A * t),
    "normal of equal variances": lambda s, t: stats.multivariate_normal.pdf(s, s[0], t),
    "normal entropy": lambda s, t: stats.multivariate_normal.entropy(s[0], A * t),
    "frozen normal": lambda s, t: stats.multivariate_normal(s[0], A * t).logpdf(s),
    "t": lambda s, t: stats.multivariate_t.logpdf(s, s[0], A, t),
    "t of a point": lambda s, t: stats.multivariate_t.pdf(s[0], s[1], B * t, t),
    "t entropy": lambda s, t: stats.multivariate_t.entropy(s[0], A * t, t),
    "wishart": lambda s, t: stats.wishart.logpdf(A, t + 4, A + B * t),
    "inverse wishart": lambda s, t: stats.invwishart.logpdf(A * t, t + 4, A + B * t),
    "inverse wishart density": lambda s, t: stats.invwishart.pdf(A, t + 4, A + B * t),
    "inverse wishart entropy": lambda s, t: stats.invwishart.entropy(t + 4, A + B * t),
    "matrix normal": lambda s, t: stats.matrix_normal.logpdf(s, 0.3 * S, A * t, B),
    "dirichlet": lambda s, t: stats.dirichlet.logpdf(np.array([0.2, 0.5, 0.3]), np.abs(s[0]) + t),
    "multinomial": lambda s, t: stats.multinomial.logpmf(np.array([2, 1]), 3, [0.1 * t, 1 - 0.1 * t]),
    "kernels of data": lambda s, t: stats.gaussian_kde(s.ravel() * t)(s[0]),
    "kernels of planes": lambda s, t: stats.gaussian_kde(
        np.concatenate([s.ravel(), W * t])[:20].reshape(2, 10), weights=np.abs(W[:10]) * t
    )(s[:2]),
    "kernels at points": lambda s, t: stats.gaussian_kde(W, 0.3).logpdf(s[0] * t),
    "kernel width": lambda s, t: stats.gaussian_kde(W, 0.1 * t).pdf(s[0]),
    "moments": lambda s, t: [stats.gamma(t).mean(), stats.gamma(t, s[0, 0]).var(), stats.beta.std(t, t + 1)],
    "four moments": lambda s, t: stats.gamma.stats(t, s[0, 0], moments="mvsk"),
    "moments of arrays": lambda s, t: stats.weibull_min.mean(np.abs(s) + t, s),
    "third moment": lambda s, t: np.log(stats.gamma.moment(3, t, loc=s[0, 0], scale=t)),
    "integrated moments": lambda s, t: stats.powernorm.mean(t),
    "entropies": lambda s, t: [stats.gamma.entropy(t, scale=t), stats.norm.entropy(0.0, np.abs(s)), stats.poisson.entropy(t)],
    "medians": lambda s, t: [stats.gamma.median(t), *stats.norm(s[0, 0], t).interval(0.9)],
    "normal box": lambda s, t: stats.multivariate_normal.cdf(s[:, :2], s[0, :2], A[:2, :2] * t),
    "frozen normal box": lambda s, t: stats.multivariate_normal(s[0, :2], A[:2, :2] * t).cdf(
        s[:2, :2], lower_limit=s[2, :2] - 1
    ),
    "normal below a number": lambda s, t: stats.multivariate_normal.logcdf(s[0, 0], 0.1 * t, t),
    "marginal normal": lambda s, t: stats.multivariate_normal(s[0], A * t).marginal([0, 2]).pdf(s[:, :2]),
    "kernels in a box": lambda s, t: stats.gaussian_kde(
        np.concatenate([s.ravel(), W * t])[:20].reshape(2, 10)
    ).integrate_box([-1.0, -0.5], [1.5, 2.0]),
    "integrated tails": lambda s, t: [
        stats.geninvgauss.cdf(np.abs(s), t, 1.5), stats.genhyperbolic.sf(s, 0.5, t, 0.3 * t),
    ],
    "searched quantiles": lambda s, t: [
        stats.geninvgauss.ppf(1 / (1 + np.exp(s[0])), t, 1.5), stats.irwinhall.isf(0.1 * t, 5),
        stats.genhyperbolic.isf(0.1 * t, 0.5, t, s[0, 0]),
    ],
    "integrated entropies": lambda s, t: [
        stats.genhyperbolic.entropy(0.5, t, 0.3 * t), stats.geninvgauss.entropy(t, 1.5),
        stats.exponpow.entropy(t), stats.nct.entropy(t + 8, 0.2 * t),
    ],
    "summed entropies": lambda s, t: [
        stats.zipf.entropy(t + 4), stats.nbinom.entropy(t, 0.2 * t), stats.binom.entropy(5, 0.2 * t),
    ],
    "moments by formula": lambda s, t: [
        stats.crystalball.mean(0.5 * t, t + 4), stats.crystalball.var(0.5 * t, t + 4),
        stats.jf_skew_t.mean(t, t + 1), stats.jf_skew_t.var(t + 1, t + 3), stats.loguniform.mean(0.1, t),
    ],
    "moments by a quadrature": lambda s, t: [
        stats.gompertz.mean(0.4 * t), stats.gompertz.mean(np.abs(s) + 0.1, s, t), stats.exponpow.mean(t),
        stats.exponpow.mean(0.5 * t, s),
    ],
    "frozen expectations": lambda s, t: [
        *stats.gamma(t).stats("mvsk"), stats.gamma(t).expect(lambda v: v * v),
        stats.norm(s[0, 0], t).expect(np.cos, lb=-1.0, ub=2.0),
    ],
    "normal draws": lambda s, t: stats.multivariate_normal.rvs(s[0], A * t, 2, random_state=1),
    "one normal draw": lambda s, t: stats.multivariate_normal.rvs(s[0, 0], t, random_state=1),
    "frozen normal draws": lambda s, t: stats.multivariate_normal(s[0], A * t).rvs(2, random_state=np.random.default_rng(3)),
    "normal draws by a factor": lambda s, t: stats.multivariate_normal.rvs(
        s[0], stats.Covariance.from_cholesky(np.linalg.cholesky(A * t)), (2, 2), random_state=1
    ),
    "draws of matrices": lambda s, t: [
        stats.invwishart.rvs(5, A * t, 2, random_state=1),
        stats.wishart.rvs(5, A * t, random_state=1), stats.matrix_normal.rvs(s, A, B * t, random_state=1),
    ],
    "frozen draws": lambda s, t: [
        stats.norm(s[0], t).rvs(random_state=1), stats.gamma(2.5, scale=t).rvs(3, random_state=1),
    ],
    "resampled kernels": lambda s, t: stats.gaussian_kde(s.ravel() * t).resample(3, seed=1),
    "supports": lambda s, t: [*stats.truncnorm.support(-t, t, s[0, 0]), *stats.uniform(t).support()],
}  # fmt: skip
if hasattr(stats, "matrix_t"):
    CASES["draws of matrix t"] = lambda s, t: stats.matrix_t.rvs(s, A, B * t, 4, random_state=1)
    CASES["matrix t"] = lambda s, t: stats.matrix_t.logpdf(s, 0.3 * S, A, B * t, t + 1)
SAMPLE = ("t", "kernels of data", "four moments", "normal box")
names = [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.slow) for n in CASES]


# From a generator that SciPy makes of a seed, with parameters that a draw by rejection, or of integers, needs:
# run uncompiled.
UNCOMPILED: dict[str, Callable[[Any, Any], Any]] = {
    "draws of normal and inverse gamma": lambda s, t: stats.normal_inverse_gamma.rvs(
        s[0, 0], t, 3.0, t, random_state=1
    ),
    "resampled kernels with weights": lambda s, t: stats.gaussian_kde(
        s[0], weights=np.array([1.0, 2.0, 3.0]) + 1e-9 * t
    ).resample(2, seed=np.random.RandomState(2)),
    "frozen draws of integers": lambda s, t: stats.poisson(t + 1e-9 * s[0, 0]).rvs(2, random_state=1) * t,
}  # fmt: skip


@engines
@pytest.mark.parametrize("name", names)
def test_values(name: str, engine: str) -> None:
    f = CASES[name]
    for s, t in ((S, T), (S[::-1] + 0.1, 3.25)):
        have, want = leaves(autodiff.function(f, engine=engine)(s, t)), leaves(f(s, t))
        for h, w in zip(have, want, strict=True):
            assert np.shape(h) == np.shape(w)
            np.testing.assert_allclose(h, w, rtol=1e-9)


@pytest.mark.parametrize("name", names)
def test_derivatives(name: str) -> None:
    """Gradient, jvp and Hessian product of the sum of sines of the results."""

    def total(s: Any, t: Any) -> Any:
        return sum(np.sum(np.sin(part)) for part in leaves(CASES[name](s, t)))

    ds, dt = np.cos(np.arange(9.0)).reshape(3, 3), 0.7
    gradient = autodiff.gradient(total, wrt=(0, 1), engine="numpy")

    def along(found: Any) -> Any:
        return np.sum(found[0] * ds) + found[1] * dt

    (slope,) = differences(lambda h: [np.asarray(total(S + h * ds, T + h * dt))], 1e-4)
    np.testing.assert_allclose(along(gradient(S, T)), slope, rtol=1e-6, atol=1e-7)
    pushed = autodiff.jvp(total, (S, T), (ds, dt))[1]
    np.testing.assert_allclose(pushed, slope, rtol=1e-6, atol=1e-7)
    (bend,) = differences(lambda h: [np.asarray(along(gradient(S + h * ds, T + h * dt)))], 1e-3)
    product = autodiff.hessian_vector(total, wrt=(0, 1), engine="numpy")
    np.testing.assert_allclose(along(product(S, T, _tensors=(ds, dt))), bend, rtol=1e-5, atol=1e-6)


@engines
def test_of_arrays_an_integral_is_plain_python(engine: str) -> None:
    f = lambda a: stats.powernorm.mean(a)  # noqa: E731
    with pytest.warns(FallbackWarning, match=r"powernorm\.moment of arrays"):
        have = autodiff.function(f, engine=engine)(np.array([1.5, 2.5]))
    np.testing.assert_allclose(have, f(np.array([1.5, 2.5])), rtol=1e-12)


@engines
def test_parameters_out_of_range_have_no_moments(engine: str) -> None:
    f = lambda a: stats.gamma.mean(a)  # noqa: E731
    have = autodiff.function(f, engine=engine)(np.array([1.5, -1.0]))
    np.testing.assert_array_equal(have, [1.5, np.nan])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "student"])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_boxes_of_any_size(name: str, size: int) -> None:
    """SciPy draws its points from three variables on, or from two: some digits of its values."""
    low = np.array([-1.0, -2.0, -np.inf, -0.5])[:size]
    frame = np.cos(np.arange(16.0) ** 2).reshape(4, 4)
    cov = (frame @ frame.T + np.eye(4))[:size, :size]

    def f(x: Any, cov: Any) -> Any:
        if name == "normal":
            return stats.multivariate_normal.cdf(x, 0.1 + 0 * x, cov, lower_limit=low, rng=1)
        return stats.multivariate_t.cdf(
            x, 0.1 + 0 * x, cov, 3.5, lower_limit=low, random_state=1, maxpts=40000
        )

    at = (np.array([0.3, 0.5, -0.2, 0.9])[:size], cov)
    direction = (np.cos(np.arange(size)), np.sin(np.arange(size * size)).reshape(size, size))
    np.testing.assert_allclose(autodiff.function(f)(*at), f(*at), rtol=1e-12)
    gradient = autodiff.gradient(f, wrt=(0, 1))(*at)
    along = sum(np.sum(g * d) for g, d in zip(gradient, direction, strict=True))
    ends = [f(*[a + h * d for a, d in zip(at, direction, strict=True)]) for h in (1e-3, -1e-3)]
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / 2e-3, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(autodiff.jvp(f, at, direction)[1], along, rtol=1e-3, atol=1e-5)


def _of_rank_two(x: Any, b: Any) -> Any:
    cov = b @ b.T
    return stats.multivariate_normal.logpdf(x @ b.T, 0.1 * b[:, 0], cov, allow_singular=True)


@pytest.mark.slow
@engines
def test_a_singular_covariance(engine: str) -> None:
    x, b = np.array([[0.3, -0.2], [1.0, 0.4]]), np.array([[1.0, 0.2], [0.5, -1.0], [0.3, 0.8]])
    np.testing.assert_allclose(autodiff.function(_of_rank_two, engine=engine)(x, b), _of_rank_two(x, b), rtol=1e-10)  # fmt: skip
    beside = lambda x: stats.multivariate_normal.logpdf(
        x, cov=np.diag([1.0, 2.0, 0.0]), allow_singular=True
    )  # noqa: E731
    points = np.array([[0.1, 0.2, 0.0], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(autodiff.function(beside, engine=engine)(points), beside(points))
    f = lambda x, b: np.sum(_of_rank_two(x, b) ** 2)  # noqa: E731
    g = autodiff.gradient(f, wrt=(0, 1), engine=engine)
    d = (np.cos(x), np.sin(b))
    ends = [f(x + h * d[0], b + h * d[1]) for h in (1e-6, -1e-6)]
    along = lambda x, b: sum(np.sum(p * q) for p, q in zip(g(x, b), d, strict=True))  # noqa: E731
    np.testing.assert_allclose(along(x, b), (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
    bend = (
        along(x + 1e-5 * d[0], b + 1e-5 * d[1]) - along(x - 1e-5 * d[0], b - 1e-5 * d[1])
    ) / 2e-5
    np.testing.assert_allclose(autodiff.jvp(along, (x, b), d)[1], bend, rtol=1e-4)


def test_a_box_has_no_derivative_by_degrees_of_freedom() -> None:
    f = lambda df: stats.multivariate_t.cdf([0.3, 0.5], [0.0, 0.1], np.eye(2), df, random_state=1)  # noqa: E731
    with pytest.raises(autodiff.DerivativeError, match="no derivative by its degrees of freedom"):
        autodiff.gradient(f)(3.0)


@engines
def test_a_box_with_limits_in_the_other_order(engine: str) -> None:
    f = lambda x, low: stats.multivariate_normal.cdf(x, cov=A[:2, :2], lower_limit=low)  # noqa: E731
    x, low = S[:2, :2], np.array([0.3, -np.inf])
    np.testing.assert_allclose(autodiff.function(f, engine=engine)(x, low), f(x, low), rtol=1e-12)
    cube = lambda x: stats.multivariate_normal.cdf(x, cov=A, rng=np.random.default_rng(1))  # noqa: E731
    with pytest.warns(FallbackWarning, match="by the points of a generator"):
        assert autodiff.function(cube, engine=engine)(S[0]) == cube(S[0])


@engines
def test_limits_are_stretched_as_scipy_stretches_them(engine: str) -> None:
    """Student's points also along the variables, as Dunnett's test has them."""
    x, low = np.array([0.3, 0.8]), np.array([[-1.0, 0.5], [-2.0, -np.inf]])
    f = lambda x: stats.multivariate_normal.cdf(x, cov=A[:2, :2], lower_limit=low)  # noqa: E731
    np.testing.assert_allclose(autodiff.function(f, engine=engine)(x), f(x), rtol=1e-12)
    f = lambda x: stats.multivariate_t.cdf(x[:1, None], shape=A, df=4, random_state=1)  # noqa: E731
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    np.testing.assert_allclose(compiled(x), f(x), rtol=1e-12)
    f = lambda x: stats.multivariate_normal.cdf(x[:, None], cov=A[:2, :2])  # noqa: E731
    with pytest.raises(IndexError, match="out of bounds"):
        f(x)
    with pytest.raises(IndexError, match="out of bounds"):
        autodiff.function(f, engine=engine)(x)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: stats.multivariate_normal(0 * x, A, seed=1).cdf(x), "points of a generator"),
        (lambda x: stats.multivariate_t(0 * x, A, 4, seed=1).cdf(x), "points of a generator"),
        (lambda x: stats.multivariate_normal(cov=A).cdf([x, 2 * x], rng=1), "points by one seed"),
        (
            lambda x: stats.multivariate_t.cdf([x, 2 * x], shape=A, df=4, random_state=1),
            "points by one seed",
        ),
    ],
)
def test_points_that_one_generator_draws_are_scipys(f: Any, reason: str) -> None:
    compiled = autodiff.function(f)
    with pytest.warns(FallbackWarning, match=reason):
        np.testing.assert_array_equal(compiled(S[0]), f(S[0]))


@engines
def test_a_frozen_normal_draws_as_it_was_told(engine: str) -> None:
    f = lambda x: stats.multivariate_normal(0 * x, A, maxpts=2000, abseps=1e-2).cdf(x, rng=1)  # noqa: E731
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    np.testing.assert_allclose(compiled(S[0]), f(S[0]), rtol=1e-13)


def test_what_scipy_computes_by_a_routine_of_its_own_says_so() -> None:
    """By the place the density is the derivative; by a parameter there is none."""
    f = lambda x: stats.studentized_range.cdf(x, 3.0, 10.0)  # noqa: E731
    np.testing.assert_allclose(
        autodiff.gradient(f)(2.5), stats.studentized_range.pdf(2.5, 3.0, 10.0), rtol=1e-9
    )
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(lambda k: stats.studentized_range.cdf(2.5, k, 10.0))(3.0)
    assert str(caught.value).startswith(
        "AD302: scipy.stats.studentized_range has no derivative by its shape parameters: SciPy computes "
        "it by a routine of its own."
    )


TESTS: dict[str, Callable[[Any], Any]] = {
    "pearsonr": lambda w: stats.pearsonr(w[:6], w[6:]),
    "linregress": lambda w: stats.linregress(w[:6], w[6:])[:3],
    "repeated medians": lambda w: stats.siegelslopes(w[:6], w[6:])[:2],
    "separate medians": lambda w: stats.siegelslopes(w[:6], w[6:], method="separate")[:2],
    "spearmanr": lambda w: stats.spearmanr(w[:6], w[6:])[0],
    "ttest_1samp": lambda w: stats.ttest_1samp(w, 0.3),
    "ttest_ind": lambda w: stats.ttest_ind(w[:5], w[5:], equal_var=False).pvalue,
    "f_oneway": lambda w: stats.f_oneway(w[:4], w[4:8], w[8:]).pvalue,
    "chisquare": lambda w: stats.chisquare(w * w).statistic,
    "normaltest": lambda w: stats.normaltest(w).statistic,
    "describe": lambda w: stats.describe(w).kurtosis,
}


@pytest.mark.parametrize("name", [n if n == "pearsonr" else pytest.param(n, marks=pytest.mark.slow) for n in TESTS])  # fmt: skip
def test_tests_are_followed(name: str) -> None:
    """With the tuples and the small classes that SciPy makes of their results."""
    data = np.concatenate([W, W[::-1] ** 2])[:12] if name != "normaltest" else np.tile(W, 2)[:20]

    def total(w: Any) -> Any:
        return sum(np.sum(np.sin(part)) for part in leaves(tuple(np.atleast_1d(TESTS[name](w)))))

    have = autodiff.function(TESTS[name])(data)
    for h, w in zip(leaves(have), leaves(TESTS[name](data)), strict=True):
        np.testing.assert_allclose(h, w, rtol=1e-10)
    direction = np.cos(np.arange(data.size * 1.0))
    found = np.sum(autodiff.gradient(total, engine="numpy")(data) * direction)
    (slope,) = differences(lambda h: [np.asarray(total(data + h * direction))], 1e-4)
    np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("kappa", "x"),
    [(4.0, 1.4)]
    + [
        pytest.param(kappa, x, marks=pytest.mark.slow)
        for kappa in (0.3, 4.0, 40.0, 900.0)
        for x in (-2.9, -0.2, 0.05, 1.4)
    ],
)
def test_the_von_mises_function_has_mpmaths_slopes(kappa: float, x: float) -> None:
    """By its concentration too, of which there is no formula."""

    def function(k, t):
        density = lambda s: mpmath.exp(k * (mpmath.cos(s) - 1))  # noqa: E731
        norm = 2 * mpmath.pi * mpmath.besseli(0, k) * mpmath.exp(-k)
        width = 12 / mpmath.sqrt(k)
        points = [s for s in (-width, 0, width) if -mpmath.pi < s < t]
        return mpmath.quad(density, [-mpmath.pi, *points, t]) / norm

    by_kappa, by_x = autodiff.gradient(lambda k, t: stats.vonmises.cdf(t, k))(kappa, x)
    with mpmath.workdps(30):
        expected = (
            mpmath.diff(lambda k: function(k, x), kappa),
            mpmath.diff(lambda t: function(kappa, t), x),
        )
    largest = 0.3 / kappa  # of the slope by the concentration
    np.testing.assert_allclose(by_kappa, float(expected[0]), rtol=1e-9, atol=1e-13 * largest)
    np.testing.assert_allclose(by_x, float(expected[1]), rtol=1e-9, atol=1e-14)


# -- shapes that do not fit ---------------------------------------------------------------------------------
ONES, UNIT = np.ones, np.eye
MISFITS: dict[str, Callable[[Any], Any]] = {
    "rows alone": lambda t: stats.matrix_normal.logpdf(t * UNIT(2), rowcov=UNIT(2)),
    "rows alone, density": lambda t: stats.matrix_normal.pdf(t * ONES((2, 3)), rowcov=UNIT(2)),
    "neither": lambda t: stats.matrix_normal.logpdf(t * ONES((2, 3))),
    "a number of rows": lambda t: stats.matrix_normal.logpdf(t * ONES((2, 3)), None, t, UNIT(3)),
    "other columns": lambda t: stats.matrix_normal.logpdf(t * ONES((2, 3)), None, UNIT(2), UNIT(2)),
    "no square": lambda t: stats.matrix_normal.pdf(t * ONES((2, 3)), None, ONES((2, 3)), UNIT(3)),
    "mean of another shape": lambda t: stats.matrix_normal.logpdf(t * ONES((2, 3)), ONES((1, 3)), UNIT(2), UNIT(3)),
    "mean that is a vector": lambda t: stats.matrix_normal.logpdf(t * ONES((2, 3)), ONES(3)),
    "normal of more variables": lambda t: stats.multivariate_normal.logpdf(t * ONES(2), cov=UNIT(3)),
    "normal of as many points": lambda t: stats.multivariate_normal.pdf(t * ONES((4, 2)), cov=UNIT(4)),
    "normal mean that is a matrix": lambda t: stats.multivariate_normal.pdf(t * ONES(3), ONES((1, 3)), UNIT(3)),
    "t of more variables": lambda t: stats.multivariate_t.pdf(t * ONES(2), shape=UNIT(3)),
    "inverse wishart": lambda t: stats.invwishart.logpdf(t * UNIT(2), 4, UNIT(3)),
    "few degrees of freedom": lambda t: stats.invwishart.logpdf(t * UNIT(3), 1, UNIT(3)),
}  # fmt: skip
if hasattr(stats, "matrix_t"):
    MISFITS["spread of rows alone"] = lambda t: stats.matrix_t.logpdf(
        t * UNIT(2), row_spread=UNIT(2)
    )


@engines
@pytest.mark.parametrize("name", MISFITS)
def test_shapes_that_do_not_fit_are_the_error_that_they_are_in_scipy(
    name: str, engine: str
) -> None:
    with pytest.raises(ValueError):
        MISFITS[name](0.5)
    with pytest.raises(ValueError):
        autodiff.function(MISFITS[name], engine=engine)(0.5)


@engines
def test_a_number_as_a_covariance_has_the_size_of_the_mean(engine: str) -> None:
    def f(t: Any) -> Any:
        return stats.matrix_normal.logpdf(t * ONES((2, 3)), np.zeros((2, 3)), t, 2.0)

    assert np.isclose(autodiff.function(f, engine=engine, on_fallback="error")(0.5), f(0.5))


def test_the_entropy_wants_a_mean_of_its_size():
    cov = np.eye(3) + 0.1
    for f in (
        lambda y: stats.multivariate_normal.entropy(y[y > 0][:3], cov),
        lambda y: stats.multivariate_normal(y[y > 0][:3], cov).entropy(),
        lambda y: stats.multivariate_normal.entropy(y[:3], cov),
    ):
        compiled = autodiff.function(f)
        for y in ([1.0, 2, 3, 4], [1.0, -2, 3, -4], [1.0, 2, -3, 4], [1.0, 2], [-1.0, -2, -3, -4]):
            y = np.array(y)
            try:
                expected = f(y)
            except ValueError as error:
                with pytest.raises(ValueError) as found:
                    compiled(y)
                assert str(found.value) == str(error)
            else:
                assert abs(compiled(y) - expected) < 1e-14


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("name", UNCOMPILED)
def test_values_and_derivatives_of_what_runs_uncompiled(name: str) -> None:
    f = UNCOMPILED[name]
    for have, want in zip(leaves(autodiff.function(f)(S, T)), leaves(f(S, T)), strict=True):
        np.testing.assert_array_equal(have, want)
    total = lambda s, t: sum(np.sum(np.sin(part)) for part in leaves(f(s, t)))  # noqa: E731
    by_s, by_t = autodiff.gradient(total, wrt=(0, 1))(S, T)
    ds, dt = np.cos(np.arange(9.0)).reshape(3, 3), 0.7
    (slope,) = differences(lambda h: [np.asarray(total(S + h * ds, T + h * dt))], 1e-4)
    np.testing.assert_allclose(np.sum(by_s * ds) + by_t * dt, slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("shape", [1e-3, 0.3, 2.5, 1e3])
def test_moments_by_a_quadrature_are_exact(shape: float, order: int) -> None:
    """To rounding, where SciPy's integral has eight digits."""
    found = autodiff.function(lambda c: stats.gompertz.moment(order, c))(shape)
    ends = [0, *mpmath.linspace(1e-3, 1, 4), 5, 20, 60, 200]
    wanted = mpmath.quad(lambda u: mpmath.log1p(u / shape) ** order * mpmath.exp(-u), ends)
    assert found == pytest.approx(float(wanted), rel=1e-12)
