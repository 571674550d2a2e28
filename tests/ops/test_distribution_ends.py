"""Densities at the ends of their support and at 0: the derivatives are those of the density inside.

A density that is written by the logarithm of a power, or by abs(x), is smooth at 0 for some parameters
(gamma with a = 2 has the slope 1 there, dweibull with c = 3 the second derivative 3), which the chain rule does not see.
"""

import warnings
from collections.abc import Callable
from math import factorial
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special, stats

import autodiff
from tests.ops.support import ENGINES
from tests.ops.test_distributions import DISCRETE, REFUSED, SHAPES

engines = pytest.mark.parametrize("engine", ENGINES)

# The density, and its derivatives of order 1 to 3 at 0.
AT_ZERO: dict[str, tuple[Callable[[Any], Any], tuple[float, float, float]]] = {
    "gamma 1": (lambda x: stats.gamma.pdf(x, 1.0), (-1, 1, -1)),
    "gamma 2": (lambda x: stats.gamma.pdf(x, 2.0), (1, -2, 3)),
    "gamma 3": (lambda x: stats.gamma.pdf(x, 3.0), (0, 1, -3)),
    "gamma 5/2": (lambda x: stats.gamma.pdf(x, 2.5), (0, np.inf, -np.inf)),
    "erlang": (lambda x: stats.erlang.pdf(x, 3), (0, 1, -3)),
    "chi2 2": (lambda x: stats.chi2.pdf(x, 2.0), (-0.25, 0.125, -0.0625)),
    "chi2 4": (lambda x: stats.chi2.pdf(x, 4.0), (0.25, -0.25, 0.1875)),
    "chi 3": (lambda x: stats.chi.pdf(x, 3.0), (0, 2 * np.sqrt(2 / np.pi), 0)),
    "nakagami 1": (lambda x: stats.nakagami.pdf(x, 1.0), (2, 0, -12)),
    "gengamma": (lambda x: stats.gengamma.pdf(x, 1.0, 2.0), (2, 0, -12)),
    "F": (lambda x: stats.f.pdf(x, 4.0, 5.0), (5.6, -40.32, 266.112)),
    "burr12": (lambda x: stats.burr12.pdf(x, 2.0, 4.0), (8, 0, -240)),
    "burr": (lambda x: stats.burr.pdf(x, 2.0, 1.0), (2, 0, -24)),
    "fisk": (lambda x: stats.fisk.pdf(x, 1.0), (-2, 6, -24)),
    "exponpow": (lambda x: stats.exponpow.pdf(x, 2.0), (2, 0, 0)),
    "rice": (lambda x: stats.rice.pdf(x, 0.0), (1, 0, -3)),
    "rice 1": (lambda x: stats.rice.pdf(x, 1.0), (np.exp(-0.5), 0, -1.5 * np.exp(-0.5))),
    "weibull": (lambda x: stats.weibull_min.pdf(x, 2.0), (2, 0, -12)),
    "gennorm": (lambda x: stats.gennorm.pdf(x, 2.0), (0, -2 / np.sqrt(np.pi), 0)),
    "gennorm by a traced shape": (
        lambda x: stats.gennorm.logpdf(x, 4.0 + 0.0 * x), (0, 0, 0)),
    "dgamma 3": (lambda x: stats.dgamma.pdf(x, 3.0), (0, 0.5, 0)),
    "dgamma 2": (lambda x: stats.dgamma.pdf(x, 2.0), (0, -1, 0)),
    "dweibull 3": (lambda x: stats.dweibull.pdf(x, 3.0), (0, 3, 0)),
    "dweibull cdf": (lambda x: stats.dweibull.cdf(x, 1.0), (0.5, 0.5, 0.5)),
    "dweibull sf": (lambda x: stats.dweibull.sf(x, 1.0), (-0.5, 0.5, -0.5)),
    "own": (lambda x: np.exp(special.xlogy(2.0, x) - x), (0, 2, -6)),
    "own pair": (lambda x: np.exp(special.xlogy(1.0, x) + special.xlog1py(1.0, -x)), (1, -2, 0)),
    "own of a difference": (lambda x: np.exp(1.0 - special.xlogy(-1.0, x)), (np.e, 0, 0)),
    "poisson": (lambda x: stats.poisson.pmf(2, x), (0, 1, -3)),
    "poisson 1": (lambda x: stats.poisson.pmf(1, x), (1, -2, 3)),
    "bernoulli": (lambda p: stats.bernoulli.cdf(0, p), (-1, 0, 0)),
}  # fmt: skip


@pytest.mark.native_one_in(3)
@engines
@pytest.mark.parametrize("name", AT_ZERO)
def test_derivatives_at_zero(name: str, engine: str) -> None:
    f, right = AT_ZERO[name]
    with np.errstate(all="ignore"):
        assert autodiff.function(f, engine=engine)(0.0) == f(0.0)
        for k, expected in enumerate(right if engine == "numpy" else right[:2]):
            f = autodiff.gradient(f, engine=engine)
            np.testing.assert_allclose(f(0.0), expected, rtol=1e-12, atol=1e-12, err_msg=str(k))


def test_powers_by_logarithms_of_arrays_and_in_single_precision() -> None:
    x, p = np.array([0.0, 0.5, 2.0]), np.array([[1.0], [2.0]])
    f = lambda x, p: np.exp(special.xlogy(p, x) - x)  # noqa: E731
    have = autodiff.function(f)(x, p)
    np.testing.assert_allclose(have, f(x, p), rtol=1e-15)
    by_x, by_p = autodiff.gradient(lambda x, p: np.sum(f(x, p)))(x, p)
    np.testing.assert_allclose(
        by_x, np.sum((p * x ** (p - 1) - x**p) * np.exp(-x), axis=0), rtol=1e-14
    )
    logs = np.log(np.where(x > 0, x, 1.0))
    np.testing.assert_allclose(by_p, np.sum(f(x, p) * logs, axis=1, keepdims=True), rtol=1e-14)
    single = autodiff.gradient(lambda x: np.sum(f(x, np.float32(2.0))))(x.astype(np.float32))
    assert single.dtype == np.float32


@pytest.mark.parametrize("k", [1, 4])
def test_a_gamma_density_is_a_power_at_zero(k: int) -> None:
    f: Any = lambda x: stats.gamma.pdf(x, k + 1.0)  # noqa: E731
    for _ in range(k):
        f = autodiff.gradient(f, engine="numpy")
    np.testing.assert_allclose(f(0.0), factorial(k) / special.gamma(k + 1.0), rtol=1e-12)


# No number where the density has a derivative: SciPy's functions are cut there, or the formula's limit is not known.
NO_NUMBER = {"ncf", "ncx2", "exponweib", "genextreme", "kappa4", "dpareto_lognorm"}
# A kink, or a support that does not contain its end, beyond which the density is constant.
OF_ONE_SIDE = {"laplace", "gennorm", "skewcauchy"}
_STEP = 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n in SHAPES if n not in DISCRETE | NO_NUMBER | {"irwinhall"}]
)
def test_densities_at_the_ends_of_their_support(name: str) -> None:
    if "pdf" in REFUSED.get(name, ()):
        pytest.skip("has no derivative")
    dist, shapes = getattr(stats, name), SHAPES[name]
    rows = set()
    for value in (None, 1.0, 2.0, 3.0, 4.0):
        for at in range(max(len(shapes), 1)):
            s = [float(x) for x in shapes]
            if value is not None and s:
                s[at] = value
            with np.errstate(all="ignore"):
                if not np.all(dist._argcheck(*[np.array(x) for x in s])):
                    continue
                low, high = dist.support(*s)
            rows |= {
                (float(x), *s) for x in (0.0, low, high) if np.isfinite(x) and low <= x <= high
            }
    places = np.array(sorted(rows)).T
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = autodiff.gradient(
            lambda t, x, *s: np.sum(dist.pdf(x + t, *s)), wrt=0, engine="numpy"
        )
        second = autodiff.gradient(lambda t, *a: np.sum(first(t, *a)), wrt=0, engine="numpy")
        for order, slope in enumerate((first, second), 1):
            if not places.size:
                break
            at = {
                t: slope(np.full(places.shape[1], t), *places)
                for t in (0.0, -_STEP, _STEP, -_STEP / 16, _STEP / 16)
            }
            for j, place in enumerate(places.T):
                low, high = dist.support(*place[1:])
                is_open = dist.pdf(place[0], *place[1:]) == 0 and place[0] in (low, high)
                sides = [
                    at[t / 16][j] for t in (-_STEP, _STEP)
                    if low < place[0] + t < high and abs(at[t][j] - at[t / 16][j]) <= 2e-2 * abs(at[t / 16][j]) + 2e-3
                ]  # fmt: skip
                if (
                    not sides
                    or not np.isfinite(dist.pdf(place[0], *place[1:]))
                    or name in OF_ONE_SIDE
                ):
                    continue
                allowed = [
                    *sides,
                    np.mean(sides),
                    *(
                        [0.0]
                        if is_open
                        and type(dist)._support_mask is not stats.rv_continuous._support_mask
                        else []
                    ),
                ]
                found = at[0.0][j]
                close = any(abs(found - v) <= 2e-2 * abs(v) + 2e-3 for v in allowed) or np.isinf(
                    found
                )
                assert close, (order, place, found, sides)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("b", [0.7, 1.0, 2.6, 13.0])
def test_gennorm_near_its_median(b: float, engine: str) -> None:
    """Where ``abs(x)**b`` underflows, and on both sides of where the series begins."""
    cdf = lambda x: stats.gennorm.cdf(x, b)  # noqa: E731
    slope = autodiff.gradient(cdf, engine=engine)
    bend = autodiff.gradient(slope, engine=engine)
    by_shape = autodiff.gradient(lambda x, b: stats.gennorm.cdf(x, b), wrt="b", engine=engine)
    with mpmath.workdps(60):
        for x in (1e-100, -1e-100, 1e-9 ** (1 / b) * 0.9, 1e-9 ** (1 / b) * 1.1, -0.3):
            z, power = mpmath.mpf(x), abs(mpmath.mpf(x)) ** b
            peak = lambda b: b / (2 * mpmath.gamma(1 / mpmath.mpf(b)))  # noqa: E731
            density = float(peak(b) * mpmath.exp(-power))
            np.testing.assert_allclose(autodiff.function(cdf, engine=engine)(x), cdf(x), rtol=1e-15)
            np.testing.assert_allclose(slope(x), density, rtol=1e-12)
            right = float(-b * power / z) * density
            assert abs(bend(x) - right) <= 1e-11 * abs(right) + 1e-15 * (1 + b) * density / abs(
                x
            )  # of the terms
            exact = lambda b: (
                mpmath.sign(z) * mpmath.gammainc(1 / b, 0, abs(z) ** b, regularized=True) / 2
            )  # noqa: E731
            right = float(mpmath.diff(exact, mpmath.mpf(b)))
            np.testing.assert_allclose(by_shape(x, b), right, rtol=1e-9)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("x", [1e-100, 1e-20, 0.5])
def test_second_derivatives_of_incomplete_gamma_functions_of_powers(x: float, engine: str) -> None:
    """Of x**(a - 1) with a below 1 the slope overflows, and the derivative of the power is as small."""
    second = autodiff.gradient(autodiff.gradient(lambda x: stats.nakagami.cdf(x, 0.3), engine=engine), engine=engine)  # fmt: skip
    with mpmath.workdps(40):
        nu, z = mpmath.mpf(0.3), mpmath.mpf(x)
        density = 2 * nu**nu / mpmath.gamma(nu) * z ** (2 * nu - 1) * mpmath.exp(-nu * z * z)
        right = float(density * ((2 * nu - 1) / z - 2 * nu * z))
    np.testing.assert_allclose(second(x), right, rtol=1e-11)
