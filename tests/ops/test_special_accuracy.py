"""Special functions and distributions are as accurate as SciPy's, at every magnitude.

What is SciPy's own C function must give SciPy's bits.  A formula of ours must be within a few units
in the last place of SciPy's value, or else hardly further from the right one (mpmath) than SciPy is:
where a sum of logarithms cancels, one unit in a logarithm is many in the result, for both.
"""

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special, stats

import autodiff
from autodiff.ops.gamma_functions import digamma_step, trigamma
from tests.ops.support import ENGINES

engines = pytest.mark.parametrize("engine", ENGINES)
MAGNITUDES = (1e-300, 1e-100, 1e-16, 1e-5, 0.3, 0.5, 1.0, 1.7, 2.0, 5.5, 30.0, 171.0, 1e3, 1e8, 1e16, 1e100, 1e300)  # fmt: skip
SPECIAL = (0.0, -0.0, -1.0, -2.0, -0.5, -3.3, -10.999999, -1e10, np.inf, -np.inf, np.nan)
ALL = MAGNITUDES + SPECIAL
FEW = (1e-300, 1e-10, 0.3, 1.0, 2.0, 7.5, 1e3, 1e10, 1e300, 0.0, -0.5, -2.0, -1e5, np.inf, -np.inf, np.nan)  # fmt: skip
ORDERS = (-3.0, -1.0, 0.0, 0.5, 1.0, 1.7, 2.0, 10.0, 60.0, np.nan)
SMALL = (1e-300, 1e-10, 0.3, 1.0, 2.0, 7.5, 50.0, 700.0, 0.0, -0.5, -2.0, np.inf, np.nan)

# The function, and where its arguments are taken from: SciPy's own C functions.
OWN: dict[str, tuple[tuple[float, ...], ...]] = {
    **dict.fromkeys(
        "gammaln loggamma gamma rgamma digamma erfinv erfcinv erfcx ndtr ndtri log_ndtr logit dawsn j0 j1 y0 y1 "
        "i0 i1 i0e i1e k0 k1 k0e k1e exp1 expi ellipk ellipe".split(),
        ((*ALL, 0.5009212919681838, 1.46163214, 0.9999, -0.504),),
    ),
    **dict.fromkeys(("beta", "betaln", "binom", "poch", "gammainc", "gammaincc", "stdtr", "pseudo_huber", "boxcox", "boxcox1p"), (FEW, FEW)),
    **dict.fromkeys(("jv", "yv", "iv", "kv", "ive", "kve", "kn", "yn", "expn"), (ORDERS, SMALL)),
    **dict.fromkeys(("betainc", "betaincc"), (FEW[:8], FEW[:8], (0.0, 1e-10, 0.3, 0.9, 1.0, np.nan))),
}  # fmt: skip


def grid(*values: tuple[float, ...]) -> list[np.ndarray]:
    return [np.array(column) for column in zip(*itertools.product(*values), strict=True)]


def compiled(f: Callable[..., Any], engine: str, *arguments: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # An order that is not whole is cut, which SciPy and so the program warn of.
        warnings.filterwarnings("ignore", "floating point number truncated")
        return autodiff.function(f, engine=engine)(*arguments)


def plain(f: Callable[..., Any], *arguments: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        return f(*arguments)


def of(count: int, f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with as many parameters."""
    return [lambda a: f(a), lambda a, b: f(a, b), lambda a, b, c: f(a, b, c), lambda a, b, c, d: f(a, b, c, d)][count - 1]  # fmt: skip


@engines
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OWN)
def test_scipys_functions_give_scipys_bits(name: str, dtype: type, engine: str) -> None:
    with np.errstate(over="ignore", under="ignore"):
        f, arguments = getattr(special, name), [x.astype(dtype) for x in grid(*OWN[name])]
    want, have = plain(f, *arguments), compiled(of(len(arguments), f), engine, *arguments)
    assert have.dtype == want.dtype
    np.testing.assert_array_equal(have, want)


# The function, where its arguments are taken from, and the right value: formulas of ours.
mp = mpmath.mp
UNIT = (1e-300, 1e-20, 1e-5, 0.3, 0.5, 0.75, 0.999, 1 - 1e-10)
REAL = (*MAGNITUDES, *[-x for x in MAGNITUDES], 0.0, -np.inf, np.inf, np.nan)
POSITIVE = (1e-100, 1e-10, 0.3, 1.0, 2.5, 40.0, 1e5, 1e10, 1e100)


def log_gaussian(x):
    return -x * x / 2 - mp.log(2 * mp.pi) / 2


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def log_student(x, n):
    return -(n + 1) / 2 * mp.log1p(x * x / n) - mp.log(n) / 2 - log_beta(n / 2, mp.mpf(1) / 2)


def log_binomial(k, n, p):
    return -mp.log(n + 1) - log_beta(n - k + 1, k + 1) + k * mp.log(p) + (n - k) * mp.log1p(-p)


def log_negative_binomial(k, n, p):
    return -mp.log(n + k) - log_beta(n, k + 1) + n * mp.log(p) + k * mp.log1p(-p)


def log_gamma_density(x, a):
    return (a - 1) * mp.log(x) - x - mp.loggamma(a)


def log_beta_density(x, a, b):
    return (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - log_beta(a, b)


def log1p_exp(x):
    return mp.log1p(mp.exp(x))


FORMULAS: dict[str, tuple[Callable[..., Any], tuple[tuple[float, ...], ...], Callable[..., Any]]] = {
    "erf": (special.erf, (REAL,), mp.erf),
    "erfc": (special.erfc, (REAL,), mp.erfc),
    "expit": (special.expit, (REAL,), lambda x: 1 / (1 + mp.exp(-x))),
    "log_expit": (special.log_expit, (REAL,), lambda x: -log1p_exp(-x)),
    "xlogy": (special.xlogy, (FEW, FEW), lambda x, y: x * mp.log(y)),
    "xlog1py": (special.xlog1py, (FEW, FEW), lambda x, y: x * mp.log1p(y)),
    "entr": (special.entr, (FEW,), lambda x: -x * mp.log(x)),
    "rel_entr": (special.rel_entr, (FEW, (*FEW, 0.3000001)), lambda x, y: x * mp.log(x / y)),
    "kl_div": (special.kl_div, (FEW, (*FEW, 0.3000001)), lambda x, y: x * mp.log(x / y) - x + y),
    "exp10": (special.exp10, (REAL,), lambda x: mp.mpf(10) ** x),
    "cosm1": (special.cosm1, ((1e-300, 1e-10, 1e-3, 0.3, 2.0, 6.2, 1e3, 1e10, np.inf, np.nan),), lambda x: mp.cos(x) - 1),
    "comb": (special.comb, ((2.0, 5.0, 60.0, 1e3, 1e6, 1e12, 1e16), (0.0, 1.0, 2.0, 3.0, 30.0, 70.0)), mp.binomial),
    "huber": (special.huber, (FEW, FEW), None),
    "norm.logpdf": (stats.norm.logpdf, (REAL,), log_gaussian),
    "norm.pdf": (stats.norm.pdf, (REAL,), lambda x: mp.exp(log_gaussian(x))),
    "norm.cdf": (stats.norm.cdf, (REAL,), mp.ncdf),
    "norm.sf": (stats.norm.sf, (REAL,), lambda x: mp.ncdf(-x)),
    "t.logpdf": (stats.t.logpdf, (REAL, POSITIVE), log_student),
    "t.pdf": (stats.t.pdf, (REAL, POSITIVE), lambda x, n: mp.exp(log_student(x, n))),
    "cauchy.logpdf": (stats.cauchy.logpdf, (REAL,), lambda x: -mp.log(mp.pi) - mp.log1p(x * x)),
    "cauchy.pdf": (stats.cauchy.pdf, (REAL,), lambda x: 1 / (mp.pi * (1 + x * x))),
    "cauchy.cdf": (stats.cauchy.cdf, (REAL,), lambda x: (mp.pi - mp.acot(x)) / mp.pi if x > 0 else -mp.acot(x) / mp.pi if x < 0 else mp.mpf(1) / 2),
    "cauchy.ppf": (stats.cauchy.ppf, (UNIT,), lambda q: -1 / mp.tan(mp.pi * q) if q != 0.5 else mp.mpf(0)),
    "cauchy.isf": (stats.cauchy.isf, (UNIT,), lambda q: 1 / mp.tan(mp.pi * q) if q != 0.5 else mp.mpf(0)),
    "beta.logpdf": (stats.beta.logpdf, (UNIT, POSITIVE, POSITIVE), log_beta_density),
    "beta.pdf": (stats.beta.pdf, (UNIT[2:], POSITIVE[1:8], POSITIVE[1:8]), lambda *a: mp.exp(log_beta_density(*a))),
    "gamma.logpdf": (stats.gamma.logpdf, (POSITIVE, POSITIVE), log_gamma_density),
    "gamma.pdf": (stats.gamma.pdf, (POSITIVE, POSITIVE), lambda *a: mp.exp(log_gamma_density(*a))),
    "chi2.logpdf": (stats.chi2.logpdf, (POSITIVE, POSITIVE), lambda x, n: log_gamma_density(x / 2, n / 2) - mp.log(2)),
    "lognorm.logpdf": (stats.lognorm.logpdf, (POSITIVE, (0.1, 1.0, 20.0)), lambda x, s: log_gaussian(mp.log(x) / s) - mp.log(s * x)),
    "logistic.logpdf": (stats.logistic.logpdf, (REAL,), lambda x: -abs(x) - 2 * log1p_exp(-abs(x))),
    "logistic.logcdf": (stats.logistic.logcdf, (REAL,), lambda x: -log1p_exp(-x)),
    "gumbel_r.sf": (stats.gumbel_r.sf, (REAL[:17],), lambda x: -mp.expm1(-mp.exp(-x))),
    "halfnorm.sf": (stats.halfnorm.sf, (MAGNITUDES,), lambda x: mp.erfc(x / mp.sqrt(2))),
    "t.logcdf": (stats.t.logcdf, (REAL, (1.0, 2.0, 50.0)), None),
    "gamma.logsf": (stats.gamma.logsf, ((0.0, *POSITIVE), (0.3, 2.0, 50.0)), None),
    "rayleigh.logcdf": (stats.rayleigh.logcdf, ((0.0, 0.3, 7.5, np.inf),), None),
    "rayleigh.pdf": (stats.rayleigh.pdf, ((-1.0, 0.0, 0.3, 7.5, np.inf, np.nan),), None),
    "invgamma.pdf": (stats.invgamma.pdf, ((0.0, 0.3, 7.5, np.inf), (-1.0, 0.3, 50.0, np.nan)), lambda x, a: mp.exp(-(a + 1) * mp.log(x) - mp.loggamma(a) - 1 / x)),
    "lognorm.pdf": (stats.lognorm.pdf, ((-1.0, 0.0, 0.3, 7.5), (-1.0, 0.3, 2.0, np.nan)), lambda x, s: mp.exp(log_gaussian(mp.log(x) / s)) / (s * x)),
    "nbinom.pmf out of range": (stats.nbinom.pmf, (FEW[3:], (-1.0, 0.0, 0.3, 50.0, np.nan), (-0.1, 0.0, 0.3, 1.0, 1.1, np.nan)), lambda *a: mp.exp(log_negative_binomial(*a))),
    "laplace.ppf": (stats.laplace.ppf, (UNIT,), lambda q: -mp.log(2 * (1 - q)) if q > 0.5 else mp.log(2 * q)),
    "pareto.cdf": (stats.pareto.cdf, ((1.0, 1 + 1e-10, 2.0, 1e10), (0.3, 2.0, 1e5)), lambda x, b: -mp.expm1(-b * mp.log(x))),
    "weibull_min.pdf": (stats.weibull_min.pdf, (POSITIVE, (0.3, 1.0, 2.5)), lambda x, c: c * x ** (c - 1) * mp.exp(-(x**c))),
    "poisson.logpmf": (stats.poisson.logpmf, ((0.0, 1.0, 7.0, 1e3), (1e-10, 0.3, 8.0, 1e3, 1e10)), lambda k, m: k * mp.log(m) - m - mp.loggamma(k + 1)),
    "bernoulli.pmf": (stats.bernoulli.pmf, ((0.0, 1.0), UNIT), lambda k, p: p if k else 1 - p),
    "binom.pmf": (stats.binom.pmf, ((0.0, 1.0, 2.0, 30.0), (30.0, 1e3, 1e10), (1e-10, 0.3, 0.999)), lambda *a: mp.exp(log_binomial(*a))),
    "binom.logpmf": (stats.binom.logpmf, ((0.0, 1.0, 2.0, 30.0), (30.0, 1e3, 1e10), (1e-10, 0.3, 0.999)), log_binomial),
    "nbinom.pmf": (stats.nbinom.pmf, ((0.0, 1.0, 30.0, 1e5), (1e-5, 0.3, 5.0, 1e10), (0.3, 0.999)), lambda *a: mp.exp(log_negative_binomial(*a))),
    "nbinom.logpmf": (stats.nbinom.logpmf, ((0.0, 1.0, 30.0, 1e5), (1e-5, 0.3, 5.0, 1e10), (0.3, 0.999)), log_negative_binomial),
    "geom.pmf": (stats.geom.pmf, ((1.0, 2.0, 1e3), (1e-10, 0.3, 0.999)), lambda k, p: mp.exp((k - 1) * mp.log1p(-p)) * p),
}  # fmt: skip


def error(value: float, right: Any) -> Any:
    """The distance from the right value, in units of the last place of that."""
    if np.isnan(value):
        return mp.inf
    nearest = float(right)
    if not np.isfinite(value) or not np.isfinite(nearest):
        return mp.mpf(0) if value == nearest else mp.inf
    return abs(mp.mpf(float(value)) - right) / mp.mpf(float(np.spacing(abs(nearest))))


@engines
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_are_as_accurate_as_scipys(name: str, engine: str) -> None:
    f, values, exact = FORMULAS[name]
    arguments = grid(*values)
    want, have = plain(f, *arguments), compiled(of(len(arguments), f), engine, *arguments)
    assert have.dtype == want.dtype
    worse = []
    for point in zip(have, want, *arguments, strict=True):
        value, scipys, *at = (float(x) for x in point)
        if value == scipys or (np.isnan(value) and np.isnan(scipys)):
            continue
        if np.isfinite(scipys) and abs(value - scipys) <= 4 * np.spacing(abs(scipys)):
            continue
        assert exact is not None and np.isfinite(at).all(), f"{at}: {value}, in SciPy {scipys}"
        with mp.workdps(60 if max(map(abs, at)) < 1e20 else 700):
            right = exact(*[mp.mpf(x) for x in at])
            if error(value, right) > 2 * error(scipys, right) + 4:
                worse.append(f"{at}: {value}, in SciPy {scipys}, right {float(right)}")
    assert not worse, "\n".join(worse)


# -- derivatives that are differences of nearly equal terms ------------------------------------------
SLOPES: dict[str, tuple[Callable[..., Any], tuple[tuple[float, ...], ...], Callable[..., Any]]] = {
    "betaln": (special.betaln, (POSITIVE[1:8], POSITIVE[1:8]), lambda a, b: mp.digamma(a) - mp.digamma(a + b)),
    "cauchy.logpdf": (stats.cauchy.logpdf, ((1e-10, 0.5, 1.0, 3.0, 1e10, 1e150),), lambda x: -2 * x / (1 + x * x)),
    "gammaln": (special.gammaln, ((1e-5, 0.3, 1.46163214, 20.0, 1e10, -3.3),), mp.digamma),
    "digamma": (special.digamma, ((1e-5, 0.3, 1.46163214, 20.0, 1e10, -3.3, -10.999999),), lambda x: mp.psi(1, x)),
    "logit": (special.logit, ((1e-10, 0.3, 0.5, 0.9),), lambda x: 1 / (x * (1 - x))),
    "poch": (special.poch, ((0.3, 5.0, 1e8), (0.5, 1e-8)), lambda a, m: mp.rf(a, m) * (mp.digamma(a + m) - mp.digamma(a))),
    "boxcox": (lambda p, x: special.boxcox(x, p), ((1e-10, 0.05, 0.3, 2.0), (1e-5, 0.9, 3.0)), lambda p, x: (x**p * mp.log(x) - (x**p - 1) / p) / p),
    "binom": (special.binom, ((5.5, 60.0, 1e8), (0.5, 3.0)), lambda n, k: mp.binomial(n, k) * (mp.digamma(n + 1) - mp.digamma(n - k + 1))),
}  # fmt: skip


@engines
@pytest.mark.parametrize("name", SLOPES)
def test_derivatives_do_not_cancel(name: str, engine: str) -> None:
    f, values, exact = SLOPES[name]
    arguments = grid(*values)
    total = of(len(arguments), lambda *x: np.sum(f(*x)))
    slope = autodiff.gradient(total, wrt=0, engine=engine)(*arguments)
    for value, *at in zip(slope, *arguments, strict=True):
        with mp.workdps(60):
            right = exact(*[mp.mpf(float(x)) for x in at])
            assert error(float(value), right) < 40, (at, value, float(right))


@pytest.mark.parametrize("a", [1e-300, 1e-10, 0.3, 1.0, 2.5, 17.0, 1e3, 1e8, 1e15, -0.5, -3.3])
def test_digamma_step_against_mpmath(a: float) -> None:
    # Negative arguments are reflected: there a small step does cancel.
    steps = (1e-12, 0.75, 1.25, 50.0, 1e6, 1e14, 1e200)
    with mp.workdps(700), np.errstate(divide="ignore", over="ignore"):
        for b in steps if a > 0 else steps[1:]:
            right = mp.digamma(mp.mpf(a) + mp.mpf(b)) - mp.digamma(mp.mpf(a))
            assert error(float(digamma_step(np.float64(a), np.float64(b))), right) < 16, b
        assert error(float(trigamma(np.float64(a))), mp.psi(1, mp.mpf(a))) < 16


@engines
@pytest.mark.parametrize("weights", [None, np.array([2.0, 1.0, 1.0])])
def test_logsumexp_of_one_large_term(weights: np.ndarray | None, engine: str) -> None:
    """The logarithm of 1 and a little is the little; infinities and signs are SciPy's."""
    rows = [(0.0, -50.0, -60.0), (1.0, 1.0, 1.0), (-np.inf, 2.0, 2.0), (-np.inf,) * 3, (np.inf, 1.0, 0.0), (np.nan, 1.0, 0.0)]  # fmt: skip
    x = np.array(rows)
    f = lambda x: special.logsumexp(x, axis=1, b=weights, return_sign=True)
    with np.errstate(all="ignore"):
        for want, have in zip(f(x), autodiff.function(f, engine=engine)(x), strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-15)


@engines
@pytest.mark.parametrize(
    "weights", list(itertools.product((1.0, -1.0, 0.0, 2.0, -0.5), repeat=2))[::3]
)
def test_logsumexp_with_weights_is_scipys(weights: tuple[float, float], engine: str) -> None:
    """Also where one term is nearly all, where weights cancel, and where an infinite term has the weight 0."""
    x = np.array(
        list(itertools.product((0.0, -68.0, 1.0, 700.0, -np.inf, np.inf, np.nan), repeat=2))
    )
    b = np.broadcast_to(np.array(weights), x.shape).copy()
    both = lambda x, b: special.logsumexp(x, axis=1, b=b, return_sign=True)
    alone = lambda x, b: special.logsumexp(x, axis=1, b=b)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for f in (both, lambda x, b: (alone(x, b),)):
            for want, have in zip(f(x, b), autodiff.function(f, engine=engine)(x, b), strict=True):
                np.testing.assert_allclose(have, want, rtol=1e-15)


def test_logsumexp_has_derivatives_by_weights_that_are_zero() -> None:
    f = lambda x, b: special.logsumexp(x, b=b)
    by_x, by_b = autodiff.gradient(f)(np.array([0.0, 1.0, -1.0]), np.array([1.0, 0.0, 1.0]))
    total = 1 + np.exp(-1)
    np.testing.assert_allclose(by_x, [1 / total, 0.0, np.exp(-1) / total], rtol=1e-15)
    np.testing.assert_allclose(by_b, np.exp([0.0, 1.0, -1.0]) / total, rtol=1e-15)


@engines
@pytest.mark.parametrize("name", ["gammasgn", "entr", "cosm1"])
def test_signs_are_scipys(name: str, engine: str) -> None:
    """Also the sign of a zero, and NaN where SciPy has no sign."""
    f, x = getattr(special, name), np.array([0.0, -1.0, -2.0, -1.5, -2.5, 1.0, np.nan, np.inf, -np.inf, -1e100])  # fmt: skip
    want, have = plain(f, x), compiled(lambda x: f(x), engine, x)
    zero = want == 0
    np.testing.assert_array_equal(np.signbit(have[zero]), np.signbit(want[zero]))
    np.testing.assert_array_equal(np.isnan(have), np.isnan(want))
    if name == "gammasgn":
        np.testing.assert_array_equal(have, want)
