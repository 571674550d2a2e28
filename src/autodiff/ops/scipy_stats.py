"""Densities and distribution functions of ``scipy.stats``; loaded when that module is in use.

    norm.logpdf(x, loc, scale)          a formula in z = (x - loc) / scale
    norm(loc, scale).cdf(x)             the same of a frozen distribution
    multivariate_normal.logpdf(x, mean, cov)    by a Cholesky factor

As in SciPy: minus infinity (or 0) outside of the support, NaN for parameters out of range, results
in float64.  Distributions and methods without a formula here are left to plain Python.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import numpy as np
from scipy import stats
from scipy._lib._util import check_random_state
from scipy.special import _ufuncs
from scipy.stats import _continuous_distns
from scipy.stats._distn_infrastructure import rv_sample

from autodiff.ops import (
    distribution_ends,
    distribution_formulas,
    distribution_magnitudes,
    distribution_routines,
    distribution_urns,
    distributions,
    scipy_multivariate,
    scipy_statistics,
    special,
)
from autodiff.ops import distribution_moments as moments
from autodiff.ops.distribution_moments import stats_of
from autodiff.ops.distributions import Distribution, Formula
from autodiff.ops.function_table import implements
from autodiff.ops.gamma_functions import digamma_step
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array, cast, select
from autodiff.ops.scipy_functions import betaln, expit, log_expit, logit, ndtr, xlog1py, xlogy
from autodiff.ops.smooth import log_square, of_size
from autodiff.ops.tracer import HoldsTracers, Tracer
from autodiff.ops.ufuncs import unsupported

_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))
_LOG_ROOT_TWO_PI = float(np.log(_ROOT_TWO_PI))
_LOG_PI = float(np.log(np.pi))
_ROOT_TWO = float(np.sqrt(2))
_INF = float("inf")


def _ufunc(name: str) -> Formula:
    return lambda *operands: special.apply(f"scipy_{name}", *operands)


_gammainc, _gammaincc, _gammaln = _ufunc("gammainc"), _ufunc("gammaincc"), _ufunc("gammaln")
_gammainccinv = _ufunc("gammainccinv")
_betainc, _betaincc = _ufunc("betainc"), _ufunc("betaincc")
_binom, _poch = _ufunc("binom"), _ufunc("poch")
_log_ndtr, _ndtri, _stdtr = _ufunc("log_ndtr"), _ufunc("ndtri"), _ufunc("stdtr")


def _boost(name: str, partials: tuple[Formula, ...], domain: Any, otherwise: Formula) -> Formula:
    """A density that SciPy has as a ufunc for its own use; ``otherwise`` in versions without it."""
    if not hasattr(_ufuncs, f"_{name}"):
        return otherwise
    special.enter_ufunc(name, partials, domain, f"scipy.special._ufuncs._{name}")
    return _ufunc(name)


def _student(z: Any, df: Any) -> Any:
    normal = np.isinf(df)
    n = np.where(normal, 1.0, df)
    # Not a difference of log-gammas: poch is the quotient itself.
    factor = np.log(_poch(0.5 * n, 0.5)) - 0.5 * (np.log(n) + _LOG_PI)
    # Whose square, or that by its slope, overflows; a root before the square would cost digits elsewhere.
    far = (np.abs(z) > 1e150) | (np.abs(z) > 1e15 * np.sqrt(n))
    near = np.where(far, 1.0, z)
    beyond = log_square(np.where(far, z, 1.0) / np.sqrt(n))
    logarithm = np.where(far, beyond, np.log1p(near * near / n))
    return np.where(normal, _log_gaussian(z), factor - (n + 1) / 2 * logarithm)


def _log_gaussian(z: Any) -> Any:
    return -0.5 * z * z - _LOG_ROOT_TWO_PI


def _cauchy_quantile(q: Any) -> Any:
    # tan(pi (q - 1/2)); near the ends by their distance, which is exact.
    low, high = q < 0.25, q > 0.75
    left = -1 / np.tan(np.pi * np.where(low, q, 0.5))
    right = 1 / np.tan(np.pi * np.where(high, 1 - q, 0.5))
    middle = np.tan(np.pi * np.where(low | high, 0.0, q - 0.5))
    return np.where(low, left, np.where(high, right, middle))


def _laplace_cdf(z: Any) -> Any:
    # Not by abs(z), whose kink would be one of the derivatives.
    half = 0.5 * np.exp(select(z > 0, -z, z))
    return select(z > 0, 1 - half, half)


def _generalized_normal_log_density(z: Any, b: Any) -> Any:
    return _log_peak(b) - of_size(lambda size: size**b, z)


def _generalized_normal_cdf(z: Any, b: Any) -> Any:
    # Near the median an odd function is a power of abs(z) and a sign, which have no derivative, and
    # abs(z)**b may underflow: there z (1 - abs(z)**b / (b + 1)) times the density at 0.
    near = np.abs(z) ** b < 1e-9
    sign = np.sign(z)
    w = np.where(near, 1.0, np.abs(z)) ** b
    sides = 0.5 + 0.5 * sign - 0.5 * sign * _gammaincc(1 / b, w)
    x = np.where(near, z, 0.0)
    middle = x * (1 - of_size(lambda size: size**b, x) / (b + 1)) * np.exp(_log_peak(b))
    return np.where(near, 0.5 + middle, sides)


def _log_peak(b: Any) -> Any:
    """The logarithm of the density of the generalised normal distribution at 0."""
    return np.log(0.5 * b) - _gammaln(1 / b)


def _generalized_normal_quantile(q: Any, b: Any) -> Any:
    middle = np.equal(q, 0.5)
    sign, level = np.sign(q - 0.5), np.where(middle, 0.25, q)
    w = _gammainccinv(1 / b, 1.0 + sign - 2.0 * sign * level)
    sides = sign * np.where(middle, 1.0, w) ** (1 / b)
    slope = np.exp(-_generalized_normal_log_density(0.0 * q, b))
    return np.where(middle, slope * (q - 0.5), sides)


def _laplace_quantile(q: Any) -> Any:
    high = q > 0.5
    half = 2 * np.where(high, 1 - q, q)
    return np.where(high, -np.log(half), np.log(half))


def _log_binomial(k: Any, n: Any, p: Any) -> Any:
    # Log-gammas agree in most digits for large n: only where the coefficient itself overflows.
    coefficient = _binom(n, k)
    finite = np.isfinite(coefficient)
    apart = _gammaln(n + 1.0) - (_gammaln(k + 1.0) + _gammaln(n - k + 1.0))
    logarithm = np.where(finite, np.log(np.where(finite, coefficient, 1.0)), apart)
    return logarithm + xlogy(k, p) + xlog1py(n - k, -p)


def _log_negative_binomial(k: Any, n: Any, p: Any) -> Any:
    # Where n and k differ so much that log-gammas cancel, the beta function does not.
    unequal = (n > 1e6 * (k + 1)) | (k + 1 > 1e6 * n)
    joint = -np.log(n + k) - betaln(n, k + 1.0)
    apart = _gammaln(n + k) - _gammaln(k + 1.0) - _gammaln(n)
    return np.where(unequal, joint, apart) + n * np.log(p) + xlog1py(k, -p)


# -- SciPy's own densities (Boost's), and their derivatives -----------------------------------------
def _over(a: Any, x: Any) -> Any:
    """``a / x``, 0 where ``a`` is 0."""
    zero = np.equal(a, 0)
    return np.where(zero, 0.0, a / np.where(zero, 1.0, x))


def _beta_end(y: Any, x: Any, a: Any, total: Any, below: Formula) -> Any:
    """``y (a - 1) / x``; at the end x = 0 by the density of a lower parameter."""
    end = np.equal(x, 0)
    smooth = end & np.greater(a, 1)
    lower = (total - 1) * below(np.where(smooth, a - 1, 1.0))
    return np.where(smooth, lower, y * _over(a - 1, x))


def _beta_slope(y: Any, x: Any, a: Any, b: Any) -> Any:
    left = _beta_end(y, x, a, a + b, lambda lower: _beta_density(x, lower, b))
    return left - _beta_end(y, 1 - x, b, a + b, lambda lower: _beta_density(x, a, lower))


def _where_positive(y: Any, value: Any) -> Any:
    """``y * value``, 0 where the density is."""
    zero = np.equal(y, 0)
    return np.where(zero, 0.0, y * np.where(zero, 0.0, value))


_beta_density = _boost(
    "beta_pdf",
    (
        _beta_slope,
        lambda y, x, a, b: _where_positive(y, np.log(x) + digamma_step(a, b)),
        lambda y, x, a, b: _where_positive(y, np.log1p(-x) + digamma_step(b, a)),
    ),
    ((0.2, 0.8), (0.5, 3.0), (0.5, 3.0)),
    lambda x, a, b: np.exp(xlog1py(b - 1.0, -x) + xlogy(a - 1.0, x) - betaln(a, b)),
)


def _fewer(density: Formula, k: Any, n: Any, p: Any) -> Any:
    """The density at k, 0 outside of 0 … n."""
    inside = np.greater_equal(k, 0) & np.less_equal(k, n)
    return np.where(inside, density(np.where(inside, k, 0.0), np.where(inside, n, 1.0), p), 0.0)


def _binomial_slope(y: Any, k: Any, n: Any, p: Any) -> Any:
    # Not y (k / p - (n - k) / (1 - p)), which has no value at p = 0 and 1.
    less = _fewer(_binomial, k - 1, n - 1, p)
    return n * (less - _fewer(_binomial, k, n - 1, p))


_binomial = _boost(
    "binom_pmf",
    (
        lambda y, k, n, p: _where_positive(
            y, digamma_step(k + 1, n - 2 * k) + np.log(p) - np.log1p(-p)
        ),
        lambda y, k, n, p: _where_positive(y, digamma_step(n - k + 1, k) + np.log1p(-p)),
        _binomial_slope,
    ),
    ((2.0, 2.0), (5.0, 5.0), (0.2, 0.8)),
    lambda k, n, p: np.exp(_log_binomial(k, n, p)),
)


def _negative_binomial_slope(y: Any, k: Any, n: Any, p: Any) -> Any:
    positive = np.greater(k, 0)
    before = _negative_binomial(np.where(positive, k - 1, 0.0), n + 1, p)
    return n / p * (y - np.where(positive, before, 0.0))


_negative_binomial = _boost(
    "nbinom_pmf",
    (
        lambda y, k, n, p: _where_positive(y, digamma_step(k + 1, n - 1) + np.log1p(-p)),
        lambda y, k, n, p: _where_positive(y, digamma_step(n, k) + np.log(p)),
        _negative_binomial_slope,
    ),
    ((2.0, 2.0), (2.0, 5.0), (0.2, 0.8)),
    lambda k, n, p: np.exp(_log_negative_binomial(k, n, p)),
)


# By the class of SciPy's distribution object; densities are those of its documentation.
_TABLE: dict[type, Distribution] = {
    type(stats.norm): Distribution(
        (), _log_gaussian, density=lambda z: np.exp(-0.5 * z * z) / _ROOT_TWO_PI,
        cdf=ndtr, sf=lambda z: ndtr(-z), logcdf=_log_ndtr, logsf=lambda z: _log_ndtr(-z),
        ppf=_ndtri, isf=lambda q: -_ndtri(q),
    ),
    type(stats.expon): Distribution(
        (), lambda z: -z, 0.0, cdf=lambda z: -np.expm1(-z), sf=lambda z: np.exp(-z),
        logsf=lambda z: -z, ppf=lambda q: -np.log1p(-q), isf=lambda q: -np.log(q),
    ),
    type(stats.uniform): Distribution((), lambda z: 0 * z, 0.0, 1.0, cdf=lambda z: z, ppf=lambda q: q),
    type(stats.laplace): Distribution(
        (), lambda z: -np.abs(z) - float(np.log(2)), density=lambda z: 0.5 * np.exp(-np.abs(z)),
        cdf=_laplace_cdf, sf=lambda z: _laplace_cdf(-z),
        ppf=_laplace_quantile, isf=lambda q: -_laplace_quantile(q),
    ),
    type(stats.logistic): Distribution(
        # Not by abs(z), whose kink would be one of the derivatives.
        (), lambda z: -np.logaddexp(0.0, z) - np.logaddexp(0.0, -z),
        cdf=expit, sf=lambda z: expit(-z), logcdf=log_expit, logsf=lambda z: log_expit(-z),
        ppf=logit, isf=lambda q: -logit(q),
    ),
    type(stats.genlogistic): Distribution(  # neither
        ("c",), lambda z, c: np.log(c) + c * log_expit(z) + log_expit(-z)
    ),
    type(stats.gennorm): Distribution(
        ("beta",), _generalized_normal_log_density,
        cdf=_generalized_normal_cdf, sf=lambda z, b: _generalized_normal_cdf(-z, b),
        ppf=_generalized_normal_quantile, isf=lambda q, b: -_generalized_normal_quantile(q, b),
    ),
    type(stats.cauchy): Distribution(
        (), lambda z: -_LOG_PI - log_square(z), density=lambda z: 1.0 / np.pi / (1.0 + z * z),
        cdf=lambda z: np.arctan2(1.0, -z) / np.pi, sf=lambda z: np.arctan2(1.0, z) / np.pi,
        ppf=_cauchy_quantile, isf=lambda q: -_cauchy_quantile(q),
    ),
    type(stats.halfnorm): Distribution(
        (), lambda z: 0.5 * float(np.log(2 / np.pi)) - 0.5 * z * z, 0.0,
        density=lambda z: float(np.sqrt(2 / np.pi)) * np.exp(-0.5 * z * z),
        cdf=lambda z: special.apply("erf", z / _ROOT_TWO), sf=lambda z: 2 * ndtr(-z),
        ppf=lambda q: _ndtri((1 + q) / 2), isf=lambda q: -_ndtri(q / 2),
    ),
    type(stats.gumbel_r): Distribution(
        (), lambda z: -z - np.exp(-z), cdf=lambda z: np.exp(-np.exp(-z)),
        logcdf=lambda z: -np.exp(-z), sf=lambda z: -np.expm1(-np.exp(-z)),
        ppf=lambda q: -np.log(-np.log(q)), isf=lambda q: -np.log(-np.log1p(-q)),
    ),
    type(stats.rayleigh): Distribution(
        (), lambda z: np.log(z) - 0.5 * z * z, 0.0, open=True, cdf=lambda z: -np.expm1(-0.5 * z * z),
        sf=lambda z: np.exp(-0.5 * z * z), logsf=lambda z: -0.5 * z * z,
        ppf=lambda q: np.sqrt(-2 * np.log1p(-q)), isf=lambda q: np.sqrt(-2 * np.log(q)),
    ),
    type(stats.gamma): Distribution(
        ("a",), lambda z, a: xlogy(a - 1.0, z) - z - _gammaln(a), 0.0,
        cdf=lambda z, a: _gammainc(a, z), sf=lambda z, a: _gammaincc(a, z),
    ),
    type(stats.invgamma): Distribution(
        ("a",), lambda z, a: -(a + 1) * np.log(z) - _gammaln(a) - 1.0 / z, 0.0, open=True,
        cdf=lambda z, a: _gammaincc(a, 1.0 / z), sf=lambda z, a: _gammainc(a, 1.0 / z),
    ),
    type(stats.chi2): Distribution(
        ("df",), lambda z, df: xlogy(0.5 * df - 1, z) - 0.5 * z - _gammaln(0.5 * df) - float(np.log(2)) * df / 2,
        0.0, cdf=lambda z, df: _gammainc(0.5 * df, 0.5 * z), sf=lambda z, df: _gammaincc(0.5 * df, 0.5 * z),
    ),
    type(stats.beta): Distribution(
        ("a", "b"), lambda z, a, b: xlog1py(b - 1.0, -z) + xlogy(a - 1.0, z) - betaln(a, b), 0.0, 1.0,
        density=_beta_density,
        cdf=lambda z, a, b: _betainc(a, b, z), sf=lambda z, a, b: _betaincc(a, b, z),
    ),
    type(stats.t): Distribution(
        ("df",), _student, cdf=lambda z, df: _stdtr(df, z), sf=lambda z, df: _stdtr(df, -z),
    ),
    type(stats.lognorm): Distribution(
        ("s",), lambda z, s: -(np.log(z) ** 2) / (2 * s**2) - np.log(s * z * _ROOT_TWO_PI), 0.0, open=True,
        cdf=lambda z, s: ndtr(np.log(z) / s), sf=lambda z, s: ndtr(-np.log(z) / s),
        logcdf=lambda z, s: _log_ndtr(np.log(z) / s), logsf=lambda z, s: _log_ndtr(-np.log(z) / s),
        ppf=lambda q, s: np.exp(s * _ndtri(q)), isf=lambda q, s: np.exp(-s * _ndtri(q)),
    ),
    type(stats.weibull_min): Distribution(
        ("c",), lambda z, c: np.log(c) + xlogy(c - 1.0, z) - z**c, 0.0,
        density=lambda z, c: c * z ** (c - 1.0) * np.exp(-(z**c)),
        cdf=lambda z, c: -np.expm1(-(z**c)), sf=lambda z, c: np.exp(-(z**c)), logsf=lambda z, c: -(z**c),
        ppf=lambda q, c: (-np.log1p(-q)) ** (1.0 / c), isf=lambda q, c: (-np.log(q)) ** (1.0 / c),
    ),
    type(stats.pareto): Distribution(
        ("b",), lambda z, b: np.log(b) - (b + 1) * np.log(z), 1.0, inner=2.0,
        density=lambda z, b: b * z ** (-b - 1.0),
        cdf=lambda z, b: -np.expm1(-b * np.log(z)), sf=lambda z, b: z**-b,
        ppf=lambda q, b: (1 - q) ** (-1.0 / b), isf=lambda q, b: q ** (-1.0 / b),
    ),
    type(stats.poisson): Distribution(
        ("mu",), lambda k, mu: xlogy(k, mu) - _gammaln(k + 1.0) - mu, 0.0, inner=0.0,
        valid=lambda mu: [mu >= 0], discrete=True,
    ),
    type(stats.bernoulli): Distribution(
        ("p",), lambda k, p: xlogy(k, p) + xlog1py(1.0 - k, -p), 0.0, 1.0, inner=0.0,
        density=lambda k, p: k * p + (1.0 - k) * (1.0 - p),
        valid=lambda p: [p >= 0, p <= 1], discrete=True,
    ),
    type(stats.binom): Distribution(
        ("n", "p"), _log_binomial, 0.0, lambda n, p: n, inner=0.0, density=_binomial,
        valid=lambda n, p: [n >= 0, np.equal(np.floor(n), n), p >= 0, p <= 1], discrete=True,
    ),
    type(stats.geom): Distribution(
        ("p",), lambda k, p: xlog1py(k - 1.0, -p) + np.log(p), 1.0, inner=1.0,
        density=lambda k, p: np.exp(xlog1py(k - 1.0, -p)) * p,
        valid=lambda p: [p > 0, p <= 1], discrete=True,
    ),
    type(stats.nbinom): Distribution(
        ("n", "p"), _log_negative_binomial, 0.0, inner=0.0, density=_negative_binomial,
        valid=lambda n, p: [n > 0, p > 0, p <= 1], discrete=True,
    ),
}  # fmt: skip


_TABLE.update(distribution_formulas.TABLE)


def _float(x: Any) -> Any:
    return cast(as_array(x), np.float64)


def _parameters(
    distribution: Distribution, args: tuple[Any, ...], kwds: dict[str, Any]
) -> tuple[list[Any], Any, Any]:
    """Shape parameters, location and scale of a call."""
    names = [*distribution.shapes, "loc", *([] if distribution.discrete else ["scale"])]
    given: dict[str, Any] = {"loc": 0.0, "scale": 1.0}
    if len(args) > len(names):
        raise TypeError("too many parameters of a distribution")
    given.update(zip(names, args, strict=False))
    for name, value in kwds.items():
        if name not in names:
            raise TypeError(f"a distribution got an unexpected keyword argument '{name}'")
        given[name] = value
    missing = [name for name in distribution.shapes if name not in given]
    if missing:
        raise TypeError(f"missing a shape parameter of a distribution: '{missing[0]}'")
    return (
        [_float(given[n]) for n in distribution.shapes],
        _float(given["loc"]),
        _float(given["scale"]),
    )


def _bound(value: Any, shapes: list[Any]) -> Any:
    return value(*shapes) if callable(value) else value


def _valid(distribution: Distribution, shapes: list[Any], scale: Any) -> Any:
    """Whether the parameters are in their ranges."""
    fine = scale > 0
    for claim in distribution.valid(*shapes):
        fine = fine & claim
    return fine


def _density(distribution: Distribution, log: bool, x: Any, args: Any, kwds: Any) -> Tracer:
    shapes, loc, scale = _parameters(distribution, args, kwds)
    point = _float(x)
    z = (point - loc) / scale
    low, high = _bound(distribution.low, shapes), _bound(distribution.high, shapes)
    inside: Any = (z > low) & (z < high) if distribution.open else (z >= low) & (z <= high)
    if distribution.discrete:
        inside = inside & np.equal(np.floor(z), z)
    z = select(inside, z, _bound(distribution.inner, shapes), np.float64)
    known = _valid(distribution, shapes, scale) & np.equal(point, point)
    given = shapes
    if distribution.density is not None:  # SciPy's own may raise for parameters out of range
        pairs = zip(distribution.shapes, shapes, strict=True)
        shapes = [select(known, s, 0.5 if n == "p" else 1.0, np.float64) for n, s in pairs]
    value: Any
    if log:
        value = distribution.log_density(z, *shapes)
        value = value if distribution.discrete else value - np.log(scale)
    else:
        formula = distribution.density or (lambda *x: np.exp(distribution.log_density(*x)))
        value = formula(z, *shapes)
        value = value if distribution.discrete else value / scale
    value = select(inside, value, -np.inf if log else 0.0, np.float64)
    return distributions.answer(known, value, point, *given, loc, scale)


def _probability(
    dist: Any, distribution: Distribution, name: str, x: Any, args: Any, kwds: Any
) -> Tracer | None:
    """``cdf``, ``sf`` and their logarithms; None without a formula."""
    formula = getattr(distribution, name)
    if distribution.discrete or (formula is None and distribution.cdf is None):
        return None
    shapes, loc, scale = _parameters(distribution, args, kwds)
    point = _float(x)
    z = (point - loc) / scale
    low, high = _bound(distribution.low, shapes), _bound(distribution.high, shapes)
    above: Any = z >= high
    below: Any = z <= low
    safe = select(above | below, _bound(distribution.inner, shapes), z, np.float64)
    if formula is None:
        value: Any = distribution.cdf(safe, *shapes)  # type: ignore[misc]
        other = distribution.sf(safe, *shapes) if distribution.sf else 1 - value
        if name in ("sf", "logsf"):
            value, other = other, value
        if name.startswith("log"):
            value = distributions.logarithm(dist, name, value, other, safe, *shapes)
    else:
        value = formula(safe, *shapes)
    ends = (0.0, 1.0) if name in ("cdf", "logcdf") else (1.0, 0.0)
    if name.startswith("log"):
        ends = tuple(0.0 if e else -_INF for e in ends)  # type: ignore[assignment]
    value = distributions.at_ends(name, below, above, ends, value)
    known = _valid(distribution, shapes, scale) & np.equal(point, point)
    return distributions.answer(known, value, point, *shapes, loc, scale)


def _quantile(distribution: Distribution, name: str, q: Any, args: Any, kwds: Any) -> Tracer | None:
    formula = getattr(distribution, name)
    if formula is None:
        return None
    shapes, loc, scale = _parameters(distribution, args, kwds)
    level = _float(q)
    inside: Any = (level > 0) & (level < 1)
    value: Any = formula(select(inside, level, 0.5, np.float64), *shapes)
    low, high = _bound(distribution.low, shapes), _bound(distribution.high, shapes)
    ends = (low, high) if name == "ppf" else (high, low)
    value = select(np.equal(level, 0), ends[0], value, np.float64)
    value = select(np.equal(level, 1), ends[1], value, np.float64) * scale + loc
    known = _valid(distribution, shapes, scale) & (level >= 0) & (level <= 1)
    return distributions.answer(known, value, level, *shapes, loc, scale)


def _evaluate(dist: Any, name: str, x: Any, args: Any, kwds: Any) -> Tracer:
    formulas = _TABLE.get(type(dist))
    result: Tracer | None = None
    if formulas is not None:
        if name in ("pdf", "logpdf", "pmf", "logpmf"):
            if formulas.discrete == name.endswith("pmf"):
                result = _density(formulas, name.startswith("log"), x, args, kwds)
        elif name in ("ppf", "isf"):
            result = _quantile(formulas, name, x, args, kwds)
        else:
            result = _probability(dist, formulas, name, x, args, kwds)
    if result is None:
        result = distributions.evaluate(dist, name, x, args, kwds)
    if result is None:
        title = type(dist).__name__.removesuffix("_gen")
        raise unsupported(f"scipy.stats.{title}.{name}", "write its formula")
    return result


def _method(name: str) -> Formula:
    return lambda self, x, *args, **kwds: _evaluate(self, name, x, args, kwds)


_FROZEN, _FROZEN_COUNT = type(stats.norm()), type(stats.poisson(1.0))


class Frozen(HoldsTracers):
    """A distribution with traced parameters, as ``norm(loc, scale)`` gives it."""

    def __init__(self, dist: Any, args: tuple[Any, ...], kwds: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = dist, args, kwds
        self.python_type = _FROZEN_COUNT if isinstance(dist, stats.rv_discrete) else _FROZEN

    def __getattr__(self, name: str) -> Any:
        if name in _NAMES:
            return lambda x: _evaluate(self.dist, name, x, self.args, self.kwds)
        if name == "stats":
            return lambda moments="mv": stats_of(
                self.dist, *self.args, moments=moments, **self.kwds
            )
        if name in _FOLLOWED:
            return functools.partial(_FOLLOWED[name], self)
        method = _OF_ALL.get(name)
        if method is None:
            raise unsupported(
                f"{name} of a distribution with traced parameters", "write its formula"
            )
        return lambda *first, **words: method(self.dist, *first, *self.args, **words, **self.kwds)


def _expected(
    frozen: Frozen, func: Any = None, lb: Any = None, ub: Any = None, conditional: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    """``expect`` of a distribution with traced parameters: SciPy's code, a quadrature or a sum."""
    discrete = isinstance(frozen.dist, stats.rv_discrete)
    shapes, loc, scale = distributions.parameters(
        frozen.dist, frozen.args, frozen.kwds, scaled=not discrete
    )
    places = (loc,) if discrete else (loc, scale)
    return interpreted(
        frozen.dist.expect, func, tuple(shapes), *places, lb, ub, conditional, **options
    )


def _drawn(frozen: Frozen, size: Any = None, random_state: Any = None) -> Any:
    """``rvs`` of a distribution with traced parameters."""
    return _draw(frozen.dist, *frozen.args, size=size, random_state=random_state, **frozen.kwds)


def _draw(self: Any, *args: Any, random_state: Any = None, **kwds: Any) -> Any:
    """``dist.rvs`` of traced parameters: SciPy's own draw, in its units, then scaled and moved."""
    shapes, loc, scale, size = self._parse_args_rvs(*args, **kwds)
    return interpreted(_draw_in_units, self, shapes, loc, scale, size, random_state)


def _draw_in_units(
    self: Any, shapes: Any, loc: Any, scale: Any, size: Any, random_state: Any
) -> Any:
    if not np.all(np.logical_and(self._argcheck(*shapes), scale >= 0)):
        raise ValueError("Domain error in arguments.")
    if np.all(scale == 0):
        return loc * np.ones(size, "d")
    generator = self._random_state if random_state is None else check_random_state(random_state)
    values = self._rvs(*shapes, size=size, random_state=generator) * scale + loc
    if isinstance(self, stats.rv_discrete) and not isinstance(self, rv_sample):
        return int(values) if size == () else values.astype(np.int64)
    return values


# Methods of a frozen distribution that are SciPy's code of all of its parameters.
_FOLLOWED: dict[str, Formula] = {"expect": _expected, "rvs": _drawn}
_NAMES = ("pdf", "logpdf", "pmf", "logpmf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf")
for _name in _NAMES:
    for _base in (stats.rv_continuous, stats.rv_discrete):
        if hasattr(_base, _name):
            implements(getattr(_base, _name))(_method(_name))


def _of_parameters(name: str) -> Formula:
    rule = moments.OF_PARAMETERS[name]
    return lambda self, *args, **kwds: rule(moments.Standardised(self, args, kwds))


def _interval(self: Any, confidence: Any, *args: Any, **kwds: Any) -> tuple[Any, Any]:
    """``dist.interval``: the quantiles of equal tails."""
    tail = (1.0 - confidence) / 2
    low, high = (_evaluate(self, "ppf", q, args, kwds) for q in (tail, (1.0 + confidence) / 2))
    return low, high


# Methods of a distribution that are not asked at a point.
_OF_ALL: dict[str, Formula] = {
    **{name: _of_parameters(name) for name in moments.OF_PARAMETERS},
    "stats": moments.stats_of,
    "moment": moments.moment_of,
    "median": lambda self, *args, **kwds: _evaluate(self, "ppf", 0.5, args, kwds),
    "interval": _interval,
    "freeze": lambda self, *args, **kwds: Frozen(self, args, kwds),
}
for _name, _rule in _OF_ALL.items():
    implements(getattr(stats.rv_continuous, _name))(_rule)


for _base in (stats.rv_continuous, stats.rv_discrete):
    implements(_base.rvs)(_draw)


def _freezing(dist: Any) -> Formula:
    return lambda *args, **kwds: Frozen(dist, args, kwds)


for _name in dir(stats):
    _dist = getattr(stats, _name)
    if isinstance(_dist, (stats.rv_continuous, stats.rv_discrete)):
        implements(_dist)(_freezing(_dist))


# SciPy's formulas choose by masks; under its name in older versions.
_lazyselect = getattr(importlib.import_module("scipy._lib._util"), "_lazyselect", None)
if _lazyselect is not None:
    implements(_lazyselect)(distributions.lazyselect)

# Masses that SciPy's own code asks for in a sum.
for _name, _mass in (("binom_pmf", _binomial), ("nbinom_pmf", _negative_binomial)):
    if hasattr(_ufuncs, f"_{_name}"):
        implements(getattr(_ufuncs, f"_{_name}"))(_mass)


@implements(_continuous_distns._log_diff)
def _log_difference(log_p: Any, log_q: Any) -> Any:
    """``log(exp(log_p) - exp(log_q))``, of which SciPy's code takes the real part of the exponential."""
    low = log_q > log_p
    d = np.where(low, log_p - log_q, log_q - log_p)
    value = np.where(low, log_q, log_p) + np.log(-np.expm1(np.where(np.equal(d, 0), -1.0, d)))
    imaginary = np.where(low, np.pi, 0.0)
    return value + 1j * imaginary


__all__ = [
    "Frozen",
    "distribution_ends",
    "distribution_magnitudes",
    "distribution_routines",
    "distribution_urns",
    "scipy_multivariate",
    "scipy_statistics",
]
