"""Formulas with derivatives where SciPy's own has none: at the ends of a support, at 0, where it cancels.

    burr.pdf(x, c, d)        c d x**(c d - 1) / (1 + x**c)**(d + 1): SciPy's has negative powers of x, and one for x = 0
    rice.pdf(x, b)           by I0, where the scaled function has a kink at 0; vonmises likewise
    dweibull.pdf(x, c)       a function of abs(x), which may have derivatives where abs has none
    exponweib.sf(x, a, c)    1 - (1 - exp(-x**c))**a: SciPy's has no digit of the base where exp is near 1
    exponpow.logpdf(x, b)    … - (exp(t) - 1 - t), t = x**b: SciPy's cancels for small t
    pearson3.logpdf(x, skew)    the normal density's and a correction: SciPy's terms are 4 / skew**2 large
    exponnorm.logpdf(x, K)   -x**2 / 2 - log(K) - …: SciPy's is a difference of numbers as large as its logarithm
    truncpareto.logsf(x, b, c), truncweibull_min.logcdf(x, c, a, b), …    by the differences of exponents that remain
                             where the probabilities that SciPy subtracts are equal, 0 or infinite

    laplace.logcdf(x), johnsonsu.logpdf(x, a, b), …    by formulas that do not underflow, as what SciPy takes
                             the logarithm of does

The value is SciPy's own.  Densities that are ``exp`` of a sum with ``xlogy`` need no row, see ``log_powers``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import xlogy

from autodiff.ops import special
from autodiff.ops.custom import stop
from autodiff.ops.distributions import RULES, run
from autodiff.ops.quadrature import gauss_legendre
from autodiff.ops.smooth import (
    derived_as,
    exprel,
    log_square,
    near_or_far,
    normal_density,
    of_size,
    polynomial,
    with_slopes,
)
from autodiff.ops.special import _erfcx_partial
from autodiff.ops.special_rows import of

_gammaln, _i0, _i0e, _erfcx, _ndtr, _log_ndtr, _k1e, _betaln = (
    (lambda *x, name=name: special.apply(name, *x))
    for name in (
        "lgamma",
        "scipy_i0",
        "scipy_i0e",
        "scipy_erfcx",
        "scipy_ndtr",
        "scipy_log_ndtr",
        "scipy_k1e",
        "scipy_betaln",
    )
)


def _burr(x: Any, c: Any, d: Any) -> Any:
    # The two forms are one function; each is finite on its side of 1.
    near = np.less(x, 1)
    small, large = np.where(near, x, 0.5), np.where(near, 2.0, x)
    left = small ** (c * d - 1) / (1 + small**c) ** (d + 1)
    right = large ** (-c - 1.0) / (1 + large ** (-c)) ** (d + 1)
    return c * d * np.where(near, left, right)


def scaled_bessel(z: Any) -> Any:
    """``exp(-z) I0(z)`` from 0 on, without the kink that SciPy's function of all numbers has there."""
    end = np.equal(z, 0)
    return np.where(end, np.exp(-z) * _i0(np.where(end, z, 0.0)), _i0e(np.where(end, 1.0, z)))


def _rice(x: Any, b: Any) -> Any:
    return x * np.exp(-(x - b) * (x - b) / 2.0) * scaled_bessel(x * b)


def _log_von_mises(x: Any, kappa: Any) -> Any:
    return -2 * kappa * np.sin(0.5 * x) ** 2 - np.log(2 * np.pi * scaled_bessel(kappa))


def _gamma_both_sides(x: Any, a: Any) -> Any:
    return 0.5 * of_size(lambda size: size ** (a - 1.0) * np.exp(-size - _gammaln(a)), x)


def _weibull_both_sides(x: Any, c: Any) -> Any:
    return 0.5 * of_size(lambda size: c * size ** (c - 1.0) * np.exp(-(size**c)), x)


def _weibull_cdf(x: Any, c: Any) -> Any:
    # Not by abs(x), whose kink would be one of the derivatives.
    right = np.greater(x, 0)
    half = 0.5 * np.exp(-(np.where(right, x, -x) ** c))
    return np.where(right, 1 - half, half)


def _weibull_sf(x: Any, c: Any) -> Any:
    return _weibull_cdf(-x, c)


def log_less(v: Any) -> Any:
    """``log(1 - exp(-v))``, which is its own inverse but for the signs."""
    near = np.less(v, _LOG_TWO)
    close = np.log(-np.expm1(-np.where(near, v, 0.5)))
    return np.where(near, close, np.log1p(-np.exp(-np.where(near, 1.0, v))))


def _powered_weibull(x: Any, a: Any, c: Any) -> tuple[Any, Any, Any]:
    """Where the base is the smaller part of 1, its power there, and the logarithm of that elsewhere."""
    u = x**c
    near = np.less(u, _LOG_TWO)
    below = np.where(near, x, 0.5) ** (a * c) * exprel(-np.where(near, u, 0.5)) ** a
    return near, below, a * log_less(np.where(near, 1.0, u))


def _powered_weibull_cdf(*x: Any) -> Any:
    near, below, logarithm = _powered_weibull(*x)
    return np.where(near, below, np.exp(logarithm))


def _powered_weibull_sf(*x: Any) -> Any:
    near, below, logarithm = _powered_weibull(*x)
    return np.where(near, 1 - below, -np.expm1(logarithm))


def _powered_weibull_logpdf(x: Any, a: Any, c: Any) -> Any:
    # SciPy's has a power of 1 - exp(-u), which is u for small u, beside one of x.
    near, inside, outside, u = _in_two(x, x**c)
    left = xlogy(a * c - 1, inside) + (a - 1) * np.log(exprel(-np.where(near, u, 0.5)))
    right = (a - 1) * log_less(np.where(near, 1.0, u)) + (c - 1) * np.log(outside)
    return np.log(a * c) - u + np.where(near, left, right)


def _powered_weibull_pdf(x: Any, a: Any, c: Any) -> Any:
    near, inside, outside, u = _in_two(x, x**c)
    left = inside ** (a * c - 1) * exprel(-np.where(near, u, 0.5)) ** (a - 1)
    right = np.exp((a - 1) * log_less(np.where(near, 1.0, u))) * outside ** (c - 1)
    return a * c * np.exp(-u) * np.where(near, left, right)


def _powered_weibull_logcdf(x: Any, a: Any, c: Any) -> Any:
    near, inside, _, u = _in_two(x, x**c)
    left = c * np.log(inside) + np.log(exprel(-np.where(near, u, 0.5)))
    return a * np.where(near, left, log_less(np.where(near, 1.0, u)))


def _powered_weibull_logsf(*x: Any) -> Any:
    near, below, logarithm = _powered_weibull(*x)
    right = log_less(-np.where(near, -1.0, logarithm))
    return np.where(near, np.log1p(-np.where(near, below, 0.0)), right)


def _in_two(x: Any, u: Any) -> tuple[Any, Any, Any, Any]:
    """Where ``u`` is small, ``x`` there and elsewhere, with harmless numbers in the other half, and ``u``."""
    near = np.less(u, _LOG_TWO)
    return near, np.where(near, x, 0.5), np.where(near, 2.0, x), u


# exp(t) - 1 - t = t**2 sum t**k / (k + 2)!
_SECOND_REST = [1 / factorial(k + 2) for k in range(24)]


def _second_rest(t: Any) -> Any:
    """``exp(t) - 1 - t``, whose terms cancel near 0."""
    return near_or_far(
        np.abs(t) < 1.5,
        t,
        1.5,
        lambda t: t * t * polynomial(t, _SECOND_REST),
        lambda t: np.exp(t) - 1 - t,
    )


def _exponential_power_logcdf(x: Any, b: Any) -> Any:
    t = x**b
    near, inside, _, v = _in_two(x, np.expm1(t))
    small = np.where(near, t, 0.5)
    left = b * np.log(inside) + np.log(exprel(small)) + np.log(exprel(-np.expm1(small)))
    return np.where(near, left, log_less(np.where(near, 1.0, v)))


def _powered_weibull_quantile(log_level: Any, a: Any, c: Any) -> Any:
    return (-log_less(-log_level / a)) ** (1 / c)


_ROOT_TWO = float(np.sqrt(2))
_LOG_TWO = float(np.log(2))


def _scaled_tail(z: Any) -> tuple[Any, Any, Any]:
    """Where z is negative, and ``exp(z**2 / 2)`` times the normal distribution function with its slope there."""
    left = np.less(z, 0)
    t = np.where(left, -z, 1.0) / _ROOT_TWO
    tail = _erfcx(t)
    return left, 0.5 * tail, -0.5 / _ROOT_TWO * _erfcx_partial(tail, t)


def _log_exponnorm(x: Any, K: Any) -> Any:
    z = x - 1 / K
    left, tail, _ = _scaled_tail(z)
    direct = (0.5 / K - x) / K + _log_ndtr(np.where(left, 1.0, z))
    return np.where(left, -0.5 * x * x + np.log(tail), direct) - np.log(K)


def _exponnorm_probability(sign: float, x: Any, K: Any) -> Any:
    """Nothing, with the slopes of the distribution function: by x the density, by K less of it than cancels."""
    density = np.exp(_log_exponnorm(x, K))
    z = x - 1 / K
    left, tail, slope = _scaled_tail(z)
    right = np.where(left, 1.0, z)
    excess = np.where(left, slope / tail, right + normal_density(right) / _ndtr(right))
    return with_slopes(0.0 * density, x, K, sign * density, -sign * density * excess / K)


# -- Pearson's third kind, as a correction of the normal distribution ----------------------------------
# log(1 + z) = z - z**2 sum (-z)**k / (k + 2);  the rest of Stirling's series for log(gamma), by 1 / a.
_LOG_REST = [(-1.0) ** k / (k + 2) for k in range(40)]
_STIRLING = [
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
    1 / 156,
    -3617 / 122400,
]
_BY_INTEGRAL = 0.25  # up to this skewness the slopes of gammainc cancel, and an integral does not


def _log_rest_ratio(z: Any) -> Any:
    """``(z - log(1 + z)) / z**2``, whose terms cancel near 0."""
    return near_or_far(
        np.abs(z) < 0.3,
        z,
        0.5,
        lambda z: polynomial(z, _LOG_REST),
        lambda z: (z - np.log1p(z)) / (z * z),
    )


def log_rest(z: Any) -> Any:
    """``z - log(1 + z)``."""
    near = np.abs(z) < 0.3
    small, large = np.where(near, z, 0.0), np.where(near, 0.5, z)
    return np.where(near, small * small * polynomial(small, _LOG_REST), large - np.log1p(large))


def _stirling_rest(inverse: Any) -> Any:
    """What ``log(gamma(a))`` is more than ``(a - 1/2) log(a) - a + log(2 pi) / 2``, by 1 / a."""
    return near_or_far(
        np.abs(inverse) < 0.08,
        inverse,
        0.5,
        lambda v: v * polynomial(v * v, _STIRLING),
        lambda v: _gammaln(1 / v) + (1 / v - 0.5) * np.log(v) + 1 / v - 0.5 * np.log(2 * np.pi),
    )


def stirling_rest(a: Any) -> Any:
    """What ``log(gamma(a))`` is more than Stirling's formula."""
    return _stirling_rest(1 / a)


def _pearson_logpdf(x: Any, skew: Any) -> Any:
    """``-x**2 g(z) - log(1 + z) - …`` with z = skew x / 2, which is smooth at skew = 0.

    In SciPy's terms of the size 4 / skew**2 cancel.
    """
    z = 0.5 * skew * x
    rest, stirling = (
        _log_rest_ratio(z),
        _stirling_rest(0.25 * skew * skew),
    )  # of the gamma distribution's shape
    return -x * x * rest - np.log1p(z) - stirling - 0.5 * np.log(2 * np.pi)


def _pearson_probability(method: str, x: Any, skew: Any) -> Any:
    """``cdf`` or ``sf``, by the skewness the integral of the density's slope from here to the nearer end."""
    own = run(getattr(stats.pearson3, f"_{method}"), (x, skew))
    sign = 1.0 if method == "cdf" else -1.0
    narrow = np.less(np.abs(skew), _BY_INTEGRAL)
    s, nodes, weights = np.where(narrow, skew, 0.1), *gauss_legendre()
    inside = np.greater(0.5 * s * x, -1)
    at = np.where(inside, x, 0.0)
    z = 0.5 * s * at
    size = np.where(np.equal(at, 0), 1.0, np.abs(at))
    length = np.minimum(14.0, 45.0 * (1 + z) / size)
    end = np.where(np.less(z, 0), size * (1 + z) / np.where(np.less(z, 0), -z, 1.0), 14.0)
    length = np.minimum(length, end)
    side = np.where(np.less(at, 0), -1.0, 1.0)
    column = lambda v: np.reshape(v, (*np.shape(v), 1))  # noqa: E731
    places = column(at) + column(side * length) * nodes
    total = np.sum(_pearson_slope(places, column(s)) * weights, axis=-1)
    slope = np.where(inside, -side * length * total, 0.0)
    density = np.exp(_pearson_logpdf(at, s)) * np.where(inside, 1.0, 0.0)
    smooth = with_slopes(0.0 * own, x, s, sign * density, sign * slope)
    return derived_as(own, np.where(narrow, smooth, own))


def _pearson_quantile(method: str, level: Any, skew: Any) -> Any:
    """``ppf`` or ``isf``, with the derivatives of two steps of Newton's method."""
    own = run(getattr(stats.pearson3, f"_{method}"), (level, skew))
    probability, sign = ("cdf", 1.0) if method == "ppf" else ("sf", -1.0)
    x: Any = stop(own)
    for _ in range(2):
        excess = _pearson_probability(probability, x, skew) - level
        x = x - sign * excess / np.exp(_pearson_logpdf(x, skew))
    return derived_as(own, x)


def _pearson_slope(x: Any, skew: Any) -> Any:
    """The derivative of the density by the skewness."""
    z = 0.5 * skew * x
    bend = near_or_far(
        np.abs(z) < 0.3,
        z,
        0.5,
        lambda z: polynomial(z, [k * c for k, c in enumerate(_LOG_REST)][1:]),
        lambda z: (1 / (1 + z) - 2 * (z - np.log1p(z)) / (z * z)) / z,
    )
    inverse = 0.25 * skew * skew
    of_stirling = [(2 * k + 1) * c for k, c in enumerate(_STIRLING)]
    stirling = 0.5 * skew * polynomial(inverse * inverse, of_stirling)
    logarithm = -0.5 * x * x * x * bend - 0.5 * x / (1 + z) - stirling
    return np.exp(_pearson_logpdf(x, skew)) * logarithm


# -- truncated: of (below, above), the logarithms of two probabilities, the smaller one is not 1 less the other ----
def _log_below(parts: tuple[Any, Any]) -> Any:
    below, above = parts
    small = np.less(below, -_LOG_TWO)
    return np.where(small, below, np.log1p(-np.exp(np.where(small, -1.0, above))))


def _below(parts: tuple[Any, Any]) -> Any:
    below, above = parts
    small = np.less(below, -_LOG_TWO)
    return np.where(small, np.exp(below), -np.expm1(np.where(small, -1.0, above)))


def _log_growth(b: Any, length: Any) -> Any:
    """``log(b / (1 - exp(-b length)))``, which is ``-log(length)`` for small b."""
    near = np.less(b * length, 1.0)
    small, other = np.where(near, b, 1.0), np.where(near, 1.0, b)
    short, long = np.where(near, length, 1.0), np.where(near, 1.0, length)
    series = -np.log(short) - np.log(exprel(-small * short))
    return np.where(near, series, np.log(other) - log_less(other * long))


def _truncated_pareto(x: Any, b: Any, c: Any) -> tuple[Any, Any]:
    # That of a negative b is the same seen from the other end.
    size, length, start, rest = _pareto_lengths(x, b, c)
    whole = _log_growth(size, length)
    near = whole - _log_growth(size, start)
    far = whole - _log_growth(size, rest)
    rises = np.less(b, 0)
    return near - size * np.where(rises, rest, 0.0), far - size * np.where(rises, 0.0, start)


def _pareto_lengths(x: Any, b: Any, c: Any) -> tuple[Any, Any, Any, Any]:
    """The size of b, and the logarithms of c, of x, and of the one by the other."""
    return np.abs(b), np.log(c), np.log(x), np.log1p((c - x) / x)


def _truncated_pareto_logpdf(x: Any, b: Any, c: Any) -> Any:
    size, length, start, rest = _pareto_lengths(x, b, c)
    return _log_growth(size, length) - start - size * np.where(np.less(b, 0), rest, start)


def _step_of_power(a: Any, b: Any, c: Any) -> Any:
    """``b**c - a**c``, also of neighbours."""
    close = np.less(b, 2 * a)
    lower = np.where(close, a, 1.0)
    steps = lower**c * np.expm1(c * np.log1p((np.where(close, b, 1.5) - lower) / lower))
    return np.where(close, steps, b**c - np.where(close, 0.0, a) ** c)


def _truncated_weibull(x: Any, c: Any, a: Any, b: Any) -> tuple[Any, Any]:
    start, whole = _step_of_power(a, x, c), log_less(_step_of_power(a, b, c))
    return log_less(start) - whole, log_less(_step_of_power(x, b, c)) - start - whole


def _truncated_weibull_logpdf(x: Any, c: Any, a: Any, b: Any) -> Any:
    whole = log_less(_step_of_power(a, b, c))
    return np.log(c) + xlogy(c - 1, x) - _step_of_power(a, x, c) - whole


def _log_gaussian(z: Any) -> Any:
    return -0.5 * z * z - 0.5 * np.log(2 * np.pi)


def _log_powernorm(x: Any, c: Any) -> Any:
    return np.log(c) + _log_gaussian(x) + (c - 1) * _log_ndtr(-x)


def _powernorm_logcdf(x: Any, c: Any) -> Any:
    far = np.less(x, -30.0)  # where log(1 - p) is -p
    near = np.log(-_log_ndtr(-np.where(far, 0.0, x)))
    return log_small_exponential(np.log(c) + np.where(far, _log_ndtr(x), near))


def _boltzmann_mass(k: Any, a: Any, n: Any) -> Any:
    return np.exp(-a * np.floor(k)) * exprel(-a) / exprel(-a * n) / n


def _boltzmann_cdf(k: Any, a: Any, n: Any) -> Any:
    m = np.floor(k) + 1
    return m / n * exprel(-a * m) / exprel(-a * n)


def _boltzmann_sf(k: Any, a: Any, n: Any) -> Any:
    m = np.floor(k) + 1
    return (n - m) / n * np.exp(-a * m) * exprel(-a * (n - m)) / exprel(-a * n)


def _zipf_logpmf(k: Any, a: Any) -> Any:
    return -a * np.log(k) - np.log(special.apply("scipy_zeta", a, 1.0 + 0.0 * a))


def _zipfian_logpmf(k: Any, a: Any, n: Any) -> Any:
    one, order, count = 1.0 + 0.0 * (a + k), a + 0.0 * k, np.floor(n) + 0.0 * (a + k)
    return -a * np.log(np.floor(k)) + np.log(of("normalized_gen_harmonic")(one, one, count, order))


# -- logarithms of probabilities, which do not underflow where these do ---------------------------------------
def log_small_exponential(log_u: Any) -> Any:
    """``log(1 - exp(-u))``, which is the logarithm of u where that is small."""
    tiny = np.less(log_u, -40.0)
    return np.where(tiny, log_u, log_less(np.exp(np.where(tiny, 0.0, log_u))))


def _double_exponential(x: Any, left: Any, right: Any) -> Any:
    """Of a density ``exp(-left |x|)`` on the left and ``exp(-right x)`` on the right, the logarithm from the left."""
    below, total = np.less(x, 0), left + right
    rise = np.log(right / total) + left * np.where(below, x, 0.0)
    return np.where(below, rise, np.log1p(-left / total * np.exp(-right * np.where(below, 0.0, x))))


def _log_secant(x: Any) -> Any:
    far = np.less(x, -40.0)  # where the arctangent is its argument
    return np.log(2 / np.pi) + np.where(far, x, np.log(np.arctan(np.exp(np.where(far, 0.0, x)))))


def _log_normal_tail(x: Any) -> Any:
    """The logarithm of twice the normal probability beyond x."""
    return _LOG_TWO + _log_ndtr(-x)


def log_logistic(x: Any, c: Any) -> Any:
    """The logarithm of ``log(1 + exp(-x))`` times c."""
    far = np.greater(x, 40.0)
    return np.log(c) + np.where(far, -x, np.log(np.logaddexp(0.0, -np.where(far, 0.0, x))))


def _log_weibull_tail(x: Any, c: Any) -> Any:
    size = np.where(np.less(x, 0), -x, x)
    return -_LOG_TWO - size**c


def _log_two_sided_weibull(x: Any, c: Any) -> Any:
    left = np.less(x, 0)
    other = np.log1p(-0.5 * np.exp(-(np.where(left, 1.0, x) ** c)))
    return np.where(left, _log_weibull_tail(np.where(left, x, -1.0), c), other)


# By name and method.
_LOGARITHMS: dict[tuple[str, str], Callable[..., Any]] = {
    ("alpha", "logcdf"): lambda x, a: _log_ndtr(a - 1 / x) - _log_ndtr(a),
    ("dweibull", "logcdf"): _log_two_sided_weibull,
    ("dweibull", "logsf"): lambda x, c: _log_two_sided_weibull(-x, c),
    ("fatiguelife", "logcdf"): lambda x, c: _log_ndtr((x - 1) / np.sqrt(x) / c),
    ("fatiguelife", "logsf"): lambda x, c: _log_ndtr((1 - x) / np.sqrt(x) / c),
    ("genlogistic", "logsf"): lambda x, c: log_small_exponential(log_logistic(x, c)),
    ("gibrat", "logcdf"): lambda x: _log_ndtr(np.log(x)),
    ("gibrat", "logsf"): lambda x: _log_ndtr(-np.log(x)),
    ("gompertz", "logsf"): lambda x, c: -c * np.expm1(x),
    ("gumbel_l", "logcdf"): lambda x: log_small_exponential(x),
    ("gumbel_r", "logsf"): lambda x: log_small_exponential(-x),
    ("halflogistic", "logsf"): lambda x: _LOG_TWO - np.logaddexp(0.0, x),
    ("halfnorm", "logsf"): _log_normal_tail,
    ("hypsecant", "logcdf"): _log_secant,
    ("hypsecant", "logsf"): lambda x: _log_secant(-x),
    ("invweibull", "logcdf"): lambda x, c: -(x**-c),
    ("invweibull", "logsf"): lambda x, c: log_small_exponential(-c * np.log(x)),
    ("johnsonsb", "logcdf"): lambda x, a, b: _log_ndtr(a + b * (np.log(x) - np.log1p(-x))),
    ("johnsonsb", "logsf"): lambda x, a, b: _log_ndtr(-a - b * (np.log(x) - np.log1p(-x))),
    ("johnsonsu", "logcdf"): lambda x, a, b: _log_ndtr(a + b * np.arcsinh(x)),
    ("johnsonsu", "logsf"): lambda x, a, b: _log_ndtr(-a - b * np.arcsinh(x)),
    ("laplace", "logcdf"): lambda x: _double_exponential(x, 1.0, 1.0),
    ("laplace", "logsf"): lambda x: _double_exponential(-x, 1.0, 1.0),
    ("laplace_asymmetric", "logcdf"): lambda x, k: _double_exponential(x, 1 / k, k),
    ("laplace_asymmetric", "logsf"): lambda x, k: _double_exponential(-x, k, 1 / k),
    ("levy", "logcdf"): lambda x: _log_normal_tail(1 / np.sqrt(x)),
    ("levy_l", "logsf"): lambda x: _log_normal_tail(1 / np.sqrt(-x)),
    ("moyal", "logcdf"): lambda x: _log_normal_tail(np.exp(-0.5 * x)),
    ("pareto", "logsf"): lambda x, b: -b * np.log(x),
    ("weibull_max", "logsf"): lambda x, c: log_small_exponential(c * np.log(-x)),
    ("weibull_min", "logcdf"): lambda x, c: log_small_exponential(c * np.log(x)),
}


# -- logarithms of densities that SciPy takes of the densities themselves ---------------------------------------
def _log_cosh(u: Any) -> Any:
    near = np.less(np.abs(u), 1.0)
    far = np.where(near, 1.0, u)
    return np.where(near, np.log(np.cosh(np.where(near, u, 0.0))), np.logaddexp(far, -far) - _LOG_TWO)  # fmt: skip


def _log_levy(x: Any) -> Any:
    return -0.5 * np.log(2 * np.pi) - 1.5 * np.log(x) - 0.5 / x


def _log_skew_student(x: Any, a: Any, b: Any) -> Any:
    right, total = np.greater_equal(x, 0), a + b
    size = np.where(right, x, -x)
    most = np.log1p(size / np.sqrt(total + x * x))
    least = -log_square(size / np.sqrt(total)) - most  # the logarithm of 1 - y, which cancels
    up, down = np.where(right, most, least), np.where(right, least, most)
    return (a + 0.5) * up + (b + 0.5) * down - (total - 1) * _LOG_TWO - _betaln(a, b) - 0.5 * np.log(total)  # fmt: skip


def _log_inverse_gauss(x: Any, a: Any, b: Any) -> Any:
    length = np.hypot(1.0, x)
    middle = np.sqrt((a - b) * (a + b)) + b * x - a * length
    return np.log(a / np.pi) + np.log(_k1e(a * length)) - 0.5 * log_square(x) + middle


_LOG_DENSITIES: dict[tuple[str, str], Callable[..., Any]] = {
    ("foldnorm", "logpdf"): lambda x, c: (
        _LOG_TWO + _log_cosh(c * x) - 0.5 * (x * x + c * c) - 0.5 * np.log(2 * np.pi)
    ),
    ("hypsecant", "logpdf"): lambda x: -float(np.log(np.pi)) - _log_cosh(x),
    ("invweibull", "logpdf"): lambda x, c: np.log(c) - (c + 1) * np.log(x) - x**-c,
    ("jf_skew_t", "logpdf"): _log_skew_student,
    ("johnsonsb", "logpdf"): lambda x, a, b: (
        np.log(b) - np.log(x) - np.log1p(-x) + _log_gaussian(a + b * (np.log(x) - np.log1p(-x)))
    ),
    ("johnsonsu", "logpdf"): lambda x, a, b: (
        np.log(b) - 0.5 * log_square(x) + _log_gaussian(a + b * np.arcsinh(x))
    ),
    ("kappa3", "logpdf"): lambda x, a: (
        np.log(a) - (a + 1) / a * np.logaddexp(np.log(a), a * np.log(x))
    ),
    ("levy", "logpdf"): _log_levy,
    ("levy_l", "logpdf"): lambda x: _log_levy(-x),
    ("loglaplace", "logpdf"): lambda x, c: (
        np.log(0.5 * c) + np.where(np.less(x, 1), c - 1, -c - 1) * np.log(x)
    ),
    ("moyal", "logpdf"): lambda x: -0.5 * (x + np.exp(-x)) - 0.5 * np.log(2 * np.pi),
    ("norminvgauss", "logpdf"): _log_inverse_gauss,
    ("rice", "logpdf"): lambda x, b: np.log(x) - 0.5 * (x - b) ** 2 + np.log(scaled_bessel(x * b)),
    ("boltzmann", "logpmf"): lambda k, a, n: np.log(_boltzmann_mass(0.0, a, n)) - a * np.floor(k),
    ("dlaplace", "logpmf"): lambda k, a: np.log(np.tanh(0.5 * a)) - a * np.abs(np.floor(k)),
    ("logser", "logpmf"): lambda k, p: (
        np.floor(k) * np.log(p) - np.log(np.floor(k)) - np.log(-np.log1p(-p))
    ),
    ("planck", "logpmf"): lambda k, a: np.log(-np.expm1(-a)) - a * np.floor(k),
}


def _truncated(
    name: str, parts: Callable[..., tuple[Any, Any]], logpdf: Callable[..., Any]
) -> dict[tuple[str, str], Callable[..., Any]]:
    """Rows of a distribution of which the density and (below, above) are given by their logarithms."""
    return {
        (name, "logpdf"): logpdf,
        (name, "pdf"): lambda *x: np.exp(logpdf(*x)),
        (name, "logcdf"): lambda *x: _log_below(parts(*x)),
        (name, "logsf"): lambda *x: _log_below(parts(*x)[::-1]),
        (name, "cdf"): lambda *x: _below(parts(*x)),
        (name, "sf"): lambda *x: _below(parts(*x)[::-1]),
    }


# By name and method: SciPy's value with the derivatives of these.
_ENDS: dict[tuple[str, str], Callable[..., Any]] = {
    ("burr", "pdf"): _burr,
    ("fisk", "pdf"): lambda x, c: _burr(x, c, 1.0),
    ("rice", "pdf"): _rice,
    ("vonmises", "pdf"): lambda x, kappa: np.exp(_log_von_mises(x, kappa)),
    ("vonmises", "logpdf"): _log_von_mises,
    ("dgamma", "pdf"): _gamma_both_sides,
    ("dweibull", "pdf"): _weibull_both_sides,
    ("dweibull", "cdf"): _weibull_cdf,
    ("dweibull", "sf"): _weibull_sf,
    ("exponweib", "cdf"): _powered_weibull_cdf,
    ("exponweib", "sf"): _powered_weibull_sf,
    ("exponweib", "pdf"): _powered_weibull_pdf,
    ("exponweib", "logpdf"): _powered_weibull_logpdf,
    ("exponweib", "logcdf"): _powered_weibull_logcdf,
    ("exponweib", "logsf"): _powered_weibull_logsf,
    ("exponpow", "pdf"): lambda x, b: b * x ** (b - 1) * np.exp(-_second_rest(x**b)),
    ("exponpow", "logpdf"): lambda x, b: np.log(b) + xlogy(b - 1, x) - _second_rest(x**b),
    ("exponpow", "logcdf"): _exponential_power_logcdf,
    ("exponpow", "logsf"): lambda x, b: -np.expm1(x**b),
    ("exponweib", "ppf"): lambda q, a, c: _powered_weibull_quantile(np.log(q), a, c),
    ("exponweib", "isf"): lambda p, a, c: _powered_weibull_quantile(np.log1p(-p), a, c),
    ("pearson3", "logpdf"): _pearson_logpdf,
    ("pearson3", "pdf"): lambda x, skew: np.exp(_pearson_logpdf(x, skew)),
    ("exponnorm", "logpdf"): _log_exponnorm,
    ("exponnorm", "pdf"): lambda x, K: np.exp(_log_exponnorm(x, K)),
    ("exponnorm", "cdf"): lambda x, K: _exponnorm_probability(1.0, x, K),
    ("exponnorm", "sf"): lambda x, K: _exponnorm_probability(-1.0, x, K),
    ("powernorm", "logcdf"): _powernorm_logcdf,
    ("powernorm", "pdf"): lambda x, c: np.exp(_log_powernorm(x, c)),
    ("boltzmann", "pmf"): _boltzmann_mass,
    ("boltzmann", "cdf"): _boltzmann_cdf,
    ("boltzmann", "sf"): _boltzmann_sf,
    ("zipf", "logpmf"): _zipf_logpmf,
    ("zipfian", "logpmf"): _zipfian_logpmf,
    **_truncated("truncpareto", _truncated_pareto, _truncated_pareto_logpdf),
    **_truncated("truncweibull_min", _truncated_weibull, _truncated_weibull_logpdf),
}


def _rule(name: str, method: str, formula: Callable[..., Any]) -> Callable[..., Any]:
    own = getattr(getattr(stats, name), f"_{method}")
    bases = (stats.rv_continuous, stats.rv_discrete)
    default = any(own.__func__ is getattr(base, f"_{method}", None) for base in bases)
    if default and method.startswith("log"):
        return formula  # whose value is not SciPy's: `distributions` has it
    return lambda *x: derived_as(run(own, x), formula(*x))


def enter(formulas: dict[tuple[str, str], Callable[..., Any]]) -> None:
    """SciPy's values with the derivatives of formulas, by name and method."""
    RULES.update({key: _rule(*key, formula) for key, formula in formulas.items()})


enter(_ENDS | _LOGARITHMS | _LOG_DENSITIES)
for _method in ("cdf", "sf"):
    RULES["pearson3", _method] = functools.partial(_pearson_probability, _method)
for _method in ("ppf", "isf"):
    RULES["pearson3", _method] = functools.partial(_pearson_quantile, _method)
