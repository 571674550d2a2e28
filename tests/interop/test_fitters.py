"""iminuit, lmfit, emcee and scikit-learn with functions and derivatives from here; their errors beside those of `fit`."""

import multiprocessing
import os

import numpy as np
import pytest

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("error::autodiff.FallbackWarning")]

import autodiff  # noqa: E402
from autodiff import distributed, interop, optimize  # noqa: E402

T = np.linspace(0, 5, 40)
NOISE = 0.05 * np.cos(37 * np.arange(40.0))
Y = 3 * np.exp(-0.7 * T) + 0.5 + NOISE


def decay(t, a, k, c):
    return a * np.exp(-k * t) + c


# -- iminuit ---------------------------------------------------------------------------------------
def chi_square(a, k, c):
    return np.sum(((decay(T, a, k, c) - Y) / 0.05) ** 2)


@pytest.mark.filterwarnings(
    "ignore:overflow encountered:RuntimeWarning"
)  # in plain steps of Minuit's
@pytest.mark.parametrize("strategy", [0, 1, 2])
def test_iminuit_takes_gradient_and_hessian(strategy):
    iminuit = pytest.importorskip("iminuit")
    plain = iminuit.Minuit(chi_square, a=1.0, k=0.1, c=0.0)
    given = iminuit.Minuit(
        autodiff.function(chi_square), a=1.0, k=0.1, c=0.0,
        grad=autodiff.gradient(chi_square), hessian=autodiff.hessian(chi_square),
    )  # fmt: skip
    for minuit in (plain, given):
        minuit.strategy = strategy
        minuit.migrad()
        if strategy == 0:
            minuit.hesse()
    assert given.valid
    np.testing.assert_allclose(given.values, plain.values, atol=2e-3)
    assert given.ngrad > 0 and given.nhessian > 0
    assert given.nfcn < plain.nfcn
    exact = np.linalg.inv(np.array(autodiff.hessian(chi_square)(*given.values)) / 2)
    np.testing.assert_allclose(np.array(given.covariance), exact, rtol=1e-9)


def test_intervals_and_contours_are_those_of_minos():
    iminuit = pytest.importorskip("iminuit")
    minuit = iminuit.Minuit(chi_square, a=1.0, k=0.1, c=0.0, grad=autodiff.gradient(chi_square))
    minuit.migrad()
    minuit.hesse()
    minuit.minos(cl=0.9)
    result = optimize.fit(
        decay,
        (T, Y),
        {"a": 1.0, "k": 0.1, "c": 0.0},
        sigma=0.05,
        absolute_sigma=True,
        errors="hessian",
    )
    for name, (low, high) in result.intervals(0.9).items():
        merror = minuit.merrors[name]
        assert low - result.values[name] == pytest.approx(merror.lower, rel=2e-2)
        assert high - result.values[name] == pytest.approx(merror.upper, rel=2e-2)
        assert result.errors[name] == pytest.approx(minuit.errors[name], rel=1e-2)
    theirs = minuit.mncontour("a", "k", cl=0.68, size=20)
    ours = result.contour("a", "k", level=0.68, points=20)
    np.testing.assert_allclose(ours.min(axis=0), theirs.min(axis=0), rtol=1e-2)
    np.testing.assert_allclose(ours.max(axis=0), theirs.max(axis=0), rtol=1e-2)


# -- lmfit -----------------------------------------------------------------------------------------
def peak(x, amp, cen, wid):
    return amp * np.exp(-((x - cen) ** 2) / (2 * wid**2))


def line(x, slope, offset=0.0):
    return slope * x + offset


def peaks(lmfit):
    x = np.linspace(0, 10, 80)
    y = peak(x, 3, 4, 0.8) + peak(x, 1.5, 7, 1.6) + line(x, 0.1, 1) + 0.02 * np.cos(50 * x)
    model = lmfit.Model(peak, prefix="a_") + lmfit.Model(peak, prefix="b_") + lmfit.Model(line)
    params = model.make_params(a_amp=2, a_cen=3.7, a_wid=1, b_amp=1, b_cen=6.8, slope=0, offset=1)
    params["a_amp"].set(min=0, max=10)
    params["a_wid"].set(min=0.1)
    params["b_wid"].set(expr="2 * a_wid + 0 * sqrt(b_cen)")
    params["offset"].set(vary=False)
    return model, params, x, y


@pytest.mark.parametrize("method", ["leastsq", "least_squares"])
@pytest.mark.parametrize("weights", [None, 1 + 0.1 * np.arange(80)], ids=["none", "each"])
def test_lmfit_through_bounds_and_expressions(method, weights):
    lmfit = pytest.importorskip("lmfit")
    model, params, x, y = peaks(lmfit)
    plain = model.fit(y, params, x=x, weights=weights, method=method)
    given = model.fit(
        y,
        params,
        x=x,
        weights=weights,
        method=method,
        fit_kws={"Dfun": interop.lmfit_jacobian(model)},
    )
    assert given.success and given.nfev < plain.nfev
    for name in params:
        assert given.params[name].value == pytest.approx(plain.params[name].value, rel=1e-5)
        assert given.params[name].stderr == pytest.approx(plain.params[name].stderr, rel=1e-3)


def test_the_jacobian_of_lmfit_of_complex_models_and_options():
    lmfit = pytest.importorskip("lmfit")

    def resonance(f, f0, q, scale=1.0):
        return scale / (1 + 1j * q * (f / f0 - f0 / f))

    f = np.linspace(0.5, 1.5, 50)
    model = lmfit.Model(resonance, independent_vars=["f"])
    params = model.make_params(f0=1.1, q={"value": 3.0, "min": 0}, scale=1.2)
    found = model.fit(
        resonance(f, 1.0, 5.0, 2.0), params, f=f, fit_kws={"Dfun": interop.lmfit_jacobian(model)}
    )
    assert found.params["q"].value == pytest.approx(5) and found.params[
        "scale"
    ].value == pytest.approx(2)


def test_intervals_of_fit_are_those_of_lmfit():
    lmfit = pytest.importorskip("lmfit")
    model = lmfit.Model(decay)
    theirs = model.fit(Y, model.make_params(a=1, k=0.1, c=0), t=T)
    ours = optimize.fit(decay, (T, Y), {"a": 1.0, "k": 0.1, "c": 0.0})
    for name, steps in theirs.conf_interval(sigmas=[1]).items():
        low, high = ours.interval(name)
        assert low == pytest.approx(steps[0][1], rel=1e-4)
        assert high == pytest.approx(steps[-1][1], rel=1e-4)
        assert ours.errors[name] == pytest.approx(theirs.params[name].stderr, rel=1e-3)
    for statistic, ours_is in (
        ("chisqr", "chi_square"),
        ("redchi", "reduced_chi_square"),
        ("aic", "aic"),
        ("bic", "bic"),
        ("rsquared", "r_squared"),
    ):
        assert getattr(ours, ours_is) == pytest.approx(getattr(theirs, statistic), rel=1e-6)


# -- emcee -----------------------------------------------------------------------------------------
def log_probability(p):
    return -0.5 * np.sum(((decay(T, p[0], p[1], p[2]) - Y) / 0.05) ** 2)


compiled_probability = autodiff.function(log_probability)


def of_shard(p, t, y):
    return -0.5 * np.sum(((decay(t, p[0], p[1], p[2]) - y) / 0.05) ** 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("form", ["compiled", "shards"])
def test_emcee_with_a_pool_of_forked_processes(form):
    emcee = pytest.importorskip("emcee")
    shards = list(zip(np.split(T, 4), np.split(Y, 4), strict=True))
    target = compiled_probability if form == "compiled" else distributed.sum_over(of_shard, shards)
    best = optimize.fit(decay, (T, Y), {"a": 1.0, "k": 0.1, "c": 0.0}).vector
    start = best + 1e-2 * np.random.default_rng(0).normal(size=(12, 3))
    target(best)  # compiled here: the children have it
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sampler = emcee.EnsembleSampler(12, 3, target, pool=pool)
        sampler.random_state = np.random.RandomState(1).get_state()
        sampler.run_mcmc(start, 200)
    found = sampler.get_chain(discard=100, flat=True)
    np.testing.assert_allclose(found.mean(axis=0), best, atol=0.05)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(backend):
    joblib = pytest.importorskip("joblib")
    slope = autodiff.gradient(lambda x: np.sum(np.sin(x) ** 2))
    jobs = [np.full(3, float(k)) for k in range(6)]
    found = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(slope)(x) for x in jobs)
    np.testing.assert_allclose(found, np.sin(2 * np.array(jobs)), rtol=1e-13)


# -- scikit-learn ----------------------------------------------------------------------------------
def test_an_estimator_of_scikit_learn_that_is_fitted_with_exact_gradients():
    sklearn = pytest.importorskip("sklearn")
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
    from sklearn.model_selection import cross_val_score

    class Quantile(RegressorMixin, BaseEstimator):
        """Linear quantile regression with a smooth loss."""

        def __init__(self, quantile=0.5, width=0.005):
            self.quantile, self.width = quantile, width

        def fit(self, X, y):
            def loss(p):
                off = y - X @ p[1:] - p[0]
                return np.sum(self.quantile * off + self.width * np.logaddexp(0, -off / self.width))

            self.coef_ = optimize.minimize(loss, np.zeros(X.shape[1] + 1), method="BFGS").x
            return self

        def predict(self, X):
            return X @ self.coef_[1:] + self.coef_[0]

    assert sklearn.__version__
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = X @ [1.0, -2.0] + 0.3 + 0.1 * rng.normal(size=120)
    assert cross_val_score(Quantile(), X, y, cv=3).min() > 0.95
    low, high = Quantile(0.1).fit(X, y).predict(X), Quantile(0.9).fit(X, y).predict(X)
    assert np.mean((y > low) & (y < high)) == pytest.approx(0.8, abs=0.06)

    def optimizer(objective, start, bounds):  # scikit-learn's own objective and gradient
        found = optimize.minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B")
        return found.x, found.fun

    process = GaussianProcessRegressor(kernels.RBF() + kernels.WhiteKernel(), optimizer=optimizer)
    assert process.fit(X, y).score(X, y) > 0.95
