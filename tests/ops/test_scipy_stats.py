"""``scipy.stats`` in captured code: densities and distribution functions, with derivatives."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import autodiff
from tests.ops.calls import A, K, P, S, T, X, Y, both_tests

# A function, and arguments to call it with.
CASES = [
    (lambda x: stats.norm.logpdf(x), (X,)),
    (lambda x, y, p: stats.norm.logpdf(x, y, p), (X, Y, P)),
    (lambda x, t: stats.norm.logpdf(x, loc=t, scale=2.0), (X, T)),
    (lambda x: stats.norm.pdf(x), (X,)),
    (lambda x, t: stats.norm.cdf(x, scale=t), (X, T)),
    (lambda x: stats.norm.sf(x), (X,)),
    (lambda x: stats.norm.logcdf(x), (X,)),
    (lambda x: stats.norm.logsf(x), (X,)),
    (lambda p: stats.norm.ppf(np.exp(-p)), (P,)),
    (lambda t: stats.norm.logpdf(t), (T,)),
    (lambda x, t: stats.norm(t, 2.0).logpdf(x), (X, T)),
    (lambda x: stats.norm(0.0, 2.0).logpdf(x), (X,)),
    (lambda x, y, p: stats.norm(y, p).cdf(x), (X, Y, P)),
    (lambda t: stats.norm(0.0, 2.0).cdf(t), (T,)),
    (lambda p: stats.expon.logpdf(p), (P,)),
    (lambda p, t: stats.expon.cdf(p, scale=t), (P, T)),
    (lambda p: stats.expon.sf(p), (P,)),
    (lambda p: stats.uniform.cdf(p / 4), (P,)),
    (lambda x: stats.laplace.logpdf(x), (X,)),
    (lambda x: stats.laplace.cdf(x), (X,)),
    (lambda x: stats.logistic.logpdf(x), (X,)),
    (lambda x: stats.logistic.cdf(x), (X,)),
    (lambda x: stats.cauchy.logpdf(x), (X,)),
    (lambda x: stats.cauchy.cdf(x), (X,)),
    (lambda p: stats.halfnorm.logpdf(p), (P,)),
    (lambda p: stats.halfnorm.cdf(p), (P,)),
    (lambda x: stats.gumbel_r.logpdf(x), (X,)),
    (lambda x: stats.gumbel_r.cdf(x), (X,)),
    (lambda p: stats.rayleigh.logpdf(p), (P,)),
    (lambda p, t: stats.gamma.logpdf(p, t), (P, T)),
    (lambda p, t: stats.gamma.logpdf(p, 2.0, scale=t), (P, T)),
    (lambda p: stats.gamma.cdf(p, 2.0), (P,)),
    (lambda p, t: stats.invgamma.logpdf(p, t), (P, T)),
    (lambda p, t: stats.chi2.logpdf(p, t), (P, T)),
    (lambda p: stats.chi2.cdf(p, 3.0), (P,)),
    (lambda t, p: stats.beta.logpdf(np.exp(-p), t, 2.0), (T, P)),
    (lambda p: stats.beta.cdf(np.exp(-p), 1.5, 2.0), (P,)),
    (lambda x, t: stats.t.logpdf(x, t), (X, T)),
    (lambda x: stats.t.cdf(x, 3.0), (X,)),
    (lambda x: stats.t(3.0).logpdf(x), (X,)),
    (lambda p: stats.lognorm.logpdf(p, 0.5), (P,)),
    (lambda p, t: stats.lognorm.cdf(p, 0.5, scale=t), (P, T)),
    (lambda p, t: stats.weibull_min.logpdf(p, t), (P, T)),
    (lambda t, p: stats.pareto.logpdf(p + 1, t), (T, P)),
    (lambda k, t: stats.poisson.logpmf(k, t), (K, T)),
    (lambda k, t: stats.poisson.pmf(k, t), (K, T)),
    (lambda k, t: stats.poisson(t).logpmf(k), (K, T)),
    (lambda t: stats.bernoulli.logpmf(np.array([0, 1, 1]), np.exp(-t)), (T,)),
    (lambda k, t: stats.binom.logpmf(k, 5, np.exp(-t)), (K, T)),
    (lambda k: stats.binom.pmf(k, 5, 0.3), (K,)),
    (lambda k, t: stats.geom.logpmf(k + 1, np.exp(-t)), (K, T)),
    (lambda k, t: stats.nbinom.logpmf(k, 3.5, np.exp(-t)), (K, T)),
    (lambda a, y, s: stats.multivariate_normal.logpdf(y[:3], s[0], a), (A, Y, S)),
    (lambda s, a: stats.multivariate_normal.logpdf(s, s[0], a), (S, A)),
    (lambda s, a: stats.multivariate_normal.logpdf(s, None, a), (S, A)),
    (lambda s: stats.multivariate_normal.logpdf(s, cov=2.0, mean=s[0]), (S,)),
    (lambda s: stats.multivariate_normal.logpdf(s, cov=np.array([1.0, 2.0, 3.0]), mean=s[0]), (S,)),
    (lambda s, a: stats.multivariate_normal.pdf(s, s[0], a), (S, A)),
    (lambda s: stats.multivariate_normal(np.zeros(3), np.eye(3) * 2.0).logpdf(s), (S,)),
    (lambda t: stats.multivariate_normal.logpdf(t, 0.0, 2.0), (T,)),
    (lambda y: stats.multivariate_normal.logpdf(y, 0.0, 2.0), (Y,)),
    (lambda p: stats.gmean(p), (P,)),
    (lambda y: stats.skew(y), (Y,)),
    (lambda y: stats.kurtosis(y), (Y,)),
    (lambda y: stats.sem(y), (Y,)),
]  # fmt: skip

test_value, test_derivatives = both_tests(CASES)


@pytest.mark.parametrize("options", [{}, {"rank": None}, {"rank": False, "additive": False}])
def test_a_weighted_tau_is_scipys_and_constant(options: dict[str, Any]) -> None:
    x = np.cos(np.arange(12.0) ** 2).reshape(2, 6)
    f = lambda x: stats.weightedtau(x[0], x[1], **options).statistic  # noqa: E731
    found, wanted = autodiff.function(f, on_fallback="error")(x), f(x)
    assert (type(found), found) == (type(wanted), wanted)
    np.testing.assert_array_equal(autodiff.gradient(f)(x), 0)


def test_parameters_of_a_frozen_distribution_are_read_at_every_call() -> None:
    for name in ("cdf", "logpdf", "ppf", "sf"):
        frozen = stats.norm(1.0, scale=2.0)

        def f(x, frozen=frozen, name=name):
            return getattr(frozen, name)(x)

        compiled = autodiff.function(f)
        for change in (
            lambda d: None,
            lambda d: d.kwds.update(scale=3.0),
            lambda d: setattr(d, "args", (0.5,)),
            lambda d: setattr(d, "kwds", {"scale": np.float64(0.5)}),
        ):
            change(frozen)
            np.testing.assert_allclose(compiled(0.3), f(0.3), 1e-13)


MEDIANS = [
    (stats.norm, ()), (stats.laplace, ()), (stats.logistic, ()), (stats.cauchy, ()), (stats.t, (2.5,)),
    (stats.gennorm, (1.3,)), (stats.gennorm, (3.0,)), (stats.genlogistic, (0.4,)), (stats.hypsecant, ()),
    (stats.skewcauchy, (0.3,)), (stats.laplace_asymmetric, (1.0,)),
]  # fmt: skip


@pytest.mark.parametrize(("dist", "shapes"), MEDIANS)
def test_slopes_where_the_sign_changes(dist, shapes) -> None:
    # By abs(x) and sign(x), whose kinks cancel, they would be 0.
    def slope(name, x):
        return autodiff.gradient(lambda x: getattr(dist, name)(x, *shapes), engine="numpy")(x)

    for x in (0.0, float(dist.median(*shapes))):
        density = dist.pdf(x, *shapes)
        assert slope("cdf", x) == pytest.approx(density, rel=1e-10)
        assert slope("sf", x) == pytest.approx(-density, rel=1e-10)
        assert slope("logcdf", x) == pytest.approx(density / dist.cdf(x, *shapes), rel=1e-10)
    median = dist.pdf(dist.median(*shapes), *shapes)
    assert slope("ppf", 0.5) == pytest.approx(1 / median, rel=1e-10)
    assert slope("isf", 0.5) == pytest.approx(-1 / median, rel=1e-10)


@pytest.mark.parametrize("c", [0.4, 2.5])
def test_a_generalised_logistic_density_is_smooth_at_zero(c) -> None:
    def f(x):
        return stats.genlogistic.logpdf(x, c)

    first = autodiff.gradient(f, engine="numpy")
    assert first(0.0) == pytest.approx(-1 + (c + 1) / 2, rel=1e-12)
    assert autodiff.gradient(first, engine="numpy")(0.0) == pytest.approx(-(c + 1) / 4, rel=1e-12)
