"""`pytensor_op`: graphs with derivatives, and a model of PyMC's whose likelihood is NumPy code."""

import numpy as np
import pytest

pytensor = pytest.importorskip("pytensor")
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("error::autodiff.FallbackWarning")]

import pytensor.tensor as pt  # noqa: E402

from autodiff.interop import pytensor_op  # noqa: E402

X = np.array([0.5, -0.7, 1.2])


def in_numpy(x, w):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0:
            total += w * x[k] ** 3
        else:
            total += np.sin(x[k]) * w**2
    return total


def in_pytensor(x, w):
    return pt.sum(pt.switch(x > 0, w * x**3, pt.sin(x) * w**2))


def evaluated(make, *arguments):
    inputs = [pt.dvector(), pt.dscalar()]
    results = [
        pytensor.function(inputs, make(f, *inputs), mode="FAST_COMPILE")(*arguments)
        for f in (pytensor_op(in_numpy), in_pytensor)
    ]
    return results


@pytest.mark.parametrize(
    "make",
    [
        lambda f, x, w: f(x, w),
        lambda f, x, w: pytensor.grad(f(x, w), x),
        lambda f, x, w: pytensor.grad(f(x, w), w),
        lambda f, x, w: pytensor.gradient.hessian(f(x, w), x),
        lambda f, x, w: pytensor.gradient.Rop(f(x, w), x, pt.ones_like(x)),
        lambda f, x, w: pytensor.grad(pt.exp(f(pt.sin(x), w**2)), x),
    ],
    ids=["value", "grad", "grad of number", "hessian", "R_op", "composed"],
)
def test_values_and_derivatives(make):
    ours, theirs = evaluated(make, X, 1.5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_arrays_as_results_and_a_wrong_number_of_axes():
    x = pt.dvector()
    op = pytensor_op(lambda x: np.cumsum(x**2), ndim=1)
    f = pytensor.function([x], pytensor.grad(pt.sum(op(x)), x))
    np.testing.assert_allclose(f(X), 2 * X * [3, 2, 1])
    with pytest.raises(ValueError, match=r"say pytensor_op\(f, ndim=1\)"):
        pytensor.function([x], pytensor_op(lambda x: x**2)(x))(X)


def test_a_likelihood_in_numpy_is_sampled_by_pymc_with_nuts():
    pymc = pytest.importorskip("pymc")
    t = np.linspace(0, 3, 25)
    y = 2.0 * np.exp(-0.8 * t) + 0.05 * np.cos(17 * t)

    def log_likelihood(a, k, s):
        off = (y - a * np.exp(-k * t)) / s
        return -0.5 * np.sum(off**2) - len(t) * np.log(s)

    def sampled(potential):
        with pymc.Model():
            a, k = pymc.Normal("a", 1, 2), pymc.HalfNormal("k", 2)
            s = pymc.HalfNormal("s", 0.5)
            pymc.Potential("data", potential(a, k, s))
            return pymc.sample(
                draws=300,
                tune=300,
                chains=1,
                random_seed=3,
                progressbar=False,
                compute_convergence_checks=False,
            ).posterior

    def in_their_words(a, k, s):
        return -0.5 * pt.sum(((y - a * pt.exp(-k * t)) / s) ** 2) - len(t) * pt.log(s)

    ours, theirs = sampled(pytensor_op(log_likelihood)), sampled(in_their_words)
    for name in ("a", "k", "s"):
        spread = float(theirs[name].std())
        assert float(ours[name].mean()) == pytest.approx(
            float(theirs[name].mean()), abs=0.5 * spread
        )
        assert float(ours[name].std()) == pytest.approx(spread, rel=0.4)
    assert float(ours["k"].mean()) == pytest.approx(0.8, abs=0.1)
