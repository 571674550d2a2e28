"""Formulas of distributions whose own code in SciPy is not to be interpreted, by rows of a table.

That code has one formula for a single value of a parameter (``c = 0``), and so no derivative by it
there; or it is written in C; or it stores into arrays where masks hold.

    genpareto, genextreme     by log(1 + u) / u, which is smooth at 0
    truncnorm                 by logarithms of differences of the normal distribution function
    geninvgauss, genhyperbolic    by Bessel functions, which have derivatives by their order, too
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import gamma

from autodiff.ops import special
from autodiff.ops.distributions import MOMENTS, Distribution
from autodiff.ops.quadrature import gauss_legendre
from autodiff.ops.smooth import polynomial
from autodiff.ops.special_rows import of, private_exists

_INF = float("inf")
_LOG_ROOT_TWO_PI = float(0.5 * np.log(2 * np.pi))
_SERIES = [(-1.0) ** k / (k + 1) for k in range(26)]


def _f(name: str) -> Any:
    return lambda *operands: special.apply(f"scipy_{name}", *operands)


_log_ndtr, _ndtr, _kve = _f("log_ndtr"), _f("ndtr"), _f("kve")
_boxcox, _boxcox1p = _f("boxcox"), _f("boxcox1p")


# -- extreme values -------------------------------------------------------------------------------------
def steps(z: Any, c: Any) -> Any:
    """``log(1 + c z) / c``, z where c is 0."""
    u = c * np.where(np.equal(c, 0) & np.isinf(z), 0.0, z)
    near = np.abs(u) < 0.1
    series = z * polynomial(np.where(near, u, 0.0), _SERIES)
    far = np.isposinf(u) & np.isfinite(z)  # where the product overflows, the logarithm does not
    size = np.log(np.abs(np.where(far, z, 1.0))) + np.log(np.abs(np.where(far, c, 1.0)))
    logarithm = np.where(far, size, np.log1p(np.where(near | far, 1.0, u)))
    return np.where(near, series, logarithm / np.where(near, 1.0, c))


def _end(c: Any) -> Any:
    """``1 / c``, infinite where c is 0."""
    zero = np.equal(c, 0)
    return np.where(zero, _INF, 1 / np.where(zero, 1.0, c))


_GENPARETO = Distribution(
    ("c",),
    lambda z, c: -(c + 1) * steps(z, c),
    0.0,
    lambda c: np.where(np.less(c, 0), -_end(c), _INF),
    inner=0.0,
    cdf=lambda z, c: -np.expm1(-steps(z, c)),
    sf=lambda z, c: np.exp(-steps(z, c)),
    logsf=lambda z, c: -steps(z, c),
    ppf=lambda q, c: -_boxcox1p(-q, -c),
    isf=lambda q, c: -_boxcox(q, -c),
    valid=lambda c: [np.isfinite(c)],
)


def _reduced(z: Any, c: Any) -> Any:
    """``log(1 - c z) / c``, -z where c is 0."""
    return -steps(z, -c)


def _log_extreme(z: Any, c: Any) -> Any:
    edge = np.equal(c * z, 1)  # where SciPy has it 0, and for c = 1 its limit
    y = _reduced(np.where(edge, 0.0, z), c)
    end = np.isposinf(y)  # where the density vanishes
    y = np.where(end, 0.0, y)
    inside = np.where(end, -_INF, (1 - c) * y - np.exp(y))
    return np.where(edge, np.where(np.equal(c, 1), z - 1.0, -_INF), inside)


_GENEXTREME = Distribution(
    ("c",),
    _log_extreme,
    lambda c: np.where(np.less(c, 0), _end(c), -_INF),
    lambda c: np.where(np.greater(c, 0), _end(c), _INF),
    inner=0.0,
    cdf=lambda z, c: np.exp(-np.exp(_reduced(z, c))),
    sf=lambda z, c: -np.expm1(-np.exp(_reduced(z, c))),
    logcdf=lambda z, c: -np.exp(_reduced(z, c)),
    ppf=lambda q, c: -_boxcox(-np.log(q), c),
    isf=lambda q, c: -_boxcox(-np.log1p(-q), c),
    valid=lambda c: [np.isfinite(c)],
)


def _four(z: Any, h: Any, k: Any) -> tuple[Any, Any]:
    """``log(1 - k z) / k`` and the logarithm of the distribution function."""
    y = _reduced(z, k)
    return y, steps(-np.exp(y), h)


def _four_low(h: Any, k: Any) -> Any:
    positive = np.greater(h, 0)
    bounded = _boxcox(np.where(positive, h, 1.0), -k)
    return np.where(positive, bounded, np.where(np.less(k, 0), _end(k), -_INF))


def _four_inner(h: Any, k: Any) -> Any:
    low = _four_low(h, k)
    return np.where(np.isfinite(low), low, np.where(np.greater(k, 0), _end(k), 1.0) - 1.0)


# Its extremes are genextreme (h = 0) and genpareto (h = 1) (Hosking, 1994).
_KAPPA4 = Distribution(
    ("h", "k"),
    lambda z, h, k: (1 - k) * _four(z, h, k)[0] + (1 - h) * _four(z, h, k)[1],
    _four_low,
    lambda h, k: np.where(np.greater(k, 0), _end(k), _INF),
    inner=_four_inner,
    cdf=lambda z, h, k: np.exp(_four(z, h, k)[1]),
    sf=lambda z, h, k: -np.expm1(_four(z, h, k)[1]),
    logcdf=lambda z, h, k: _four(z, h, k)[1],
    ppf=lambda q, h, k: -_boxcox(-_boxcox(q, h), k),
    isf=lambda q, h, k: -_boxcox(-_boxcox1p(-q, h), k),
    valid=lambda h, k: [np.equal(h, h), np.equal(k, k)],
)


# -- the truncated normal distribution ------------------------------------------------------------------
def _log_difference(p: Any, q: Any) -> Any:
    """``log(exp(p) - exp(q))`` for q below p (Mächler, 2012)."""
    d = q - p
    small = d > -float(np.log(2))
    near = np.log(-np.expm1(np.where(small, d, -1.0)))
    return p + np.where(small, near, np.log1p(-np.exp(np.where(small, -1.0, d))))


def _log_mass(a: Any, b: Any) -> Any:
    """The logarithm of the normal probability of a … b, by the tail in which it lies."""
    left, right = np.less_equal(b, 0), np.greater(a, 0)
    middle = ~(left | right)
    low = _log_difference(_log_ndtr(np.where(left, b, -1.0)), _log_ndtr(np.where(left, a, -2.0)))
    high = _log_difference(
        _log_ndtr(np.where(right, -a, -1.0)), _log_ndtr(np.where(right, -b, -2.0))
    )
    inner = np.log1p(-_ndtr(np.where(middle, a, -1.0)) - _ndtr(np.where(middle, -b, -1.0)))
    return np.where(left, low, np.where(right, high, inner))


def _truncated_log_cdf(z: Any, a: Any, b: Any) -> Any:
    whole = _log_mass(a, b)
    below, above = _log_mass(a, z) - whole, _log_mass(z, b) - whole
    near_one = below > -0.1
    return np.where(near_one, np.log1p(-np.exp(np.where(near_one, above, -1.0))), below)


def _truncated_log_sf(z: Any, a: Any, b: Any) -> Any:
    whole = _log_mass(a, b)
    below, above = _log_mass(a, z) - whole, _log_mass(z, b) - whole
    near_one = above > -0.1
    return np.where(near_one, np.log1p(-np.exp(np.where(near_one, below, -1.0))), above)


def _truncated_ppf(q: Any, a: Any, b: Any) -> Any:
    left, whole = np.less(a, 0), _log_mass(a, b)
    low = np.logaddexp(_log_ndtr(np.where(left, a, -1.0)), np.log(q) + whole)
    high = np.logaddexp(_log_ndtr(np.where(left, -1.0, -b)), np.log1p(-q) + whole)
    quantile = _f("ndtri_exp")(np.where(left, low, high))
    return np.where(left, quantile, -quantile)


def _truncated_isf(q: Any, a: Any, b: Any) -> Any:
    left, whole = np.less(b, 0), _log_mass(a, b)
    low = np.logaddexp(_log_ndtr(np.where(left, a, -1.0)), np.log1p(-q) + whole)
    high = np.logaddexp(_log_ndtr(np.where(left, -1.0, -b)), np.log(q) + whole)
    quantile = _f("ndtri_exp")(np.where(left, low, high))
    return np.where(left, quantile, -quantile)


_TRUNCNORM = Distribution(
    ("a", "b"),
    lambda z, a, b: -0.5 * z * z - _LOG_ROOT_TWO_PI - _log_mass(a, b),
    lambda a, b: a,
    lambda a, b: b,
    inner=lambda a, b: np.where(np.isfinite(a), a, np.where(np.isfinite(b), b, 0.0)),
    cdf=lambda z, a, b: np.exp(_truncated_log_cdf(z, a, b)),
    sf=lambda z, a, b: np.exp(_truncated_log_sf(z, a, b)),
    logcdf=_truncated_log_cdf,
    logsf=_truncated_log_sf,
    ppf=_truncated_ppf,
    isf=_truncated_isf,
    valid=lambda a, b: [np.less(a, b)],
)


# -- by Bessel functions --------------------------------------------------------------------------------
def _log_k(v: Any, x: Any) -> Any:
    """The logarithm of K_v(x); where that overflows it is NaN, as in SciPy."""
    scaled = _kve(v, x)
    return np.log(np.where(np.isposinf(scaled), np.nan, scaled)) - x


_GENINVGAUSS = Distribution(
    ("p", "b"),
    lambda z, p, b: (p - 1) * np.log(z) - 0.5 * b * (z + 1 / z) - float(np.log(2)) - _log_k(p, b),
    0.0,
    open=True,
    valid=lambda p, b: [np.equal(p, p), b > 0],
)


def _log_generalized_hyperbolic(z: Any, p: Any, a: Any, b: Any) -> Any:
    square = (a - b) * (a + b)
    scale = 0.5 * p * np.log(square) - _LOG_ROOT_TWO_PI - (p - 0.5) * np.log(a)
    root = np.hypot(1.0, z)
    return (
        scale - _log_k(p, np.sqrt(square)) + b * z + _log_k(p - 0.5, a * root)
        + (p - 0.5) * np.log(root)
    )  # fmt: skip


_GENHYPERBOLIC = Distribution(
    ("p", "a", "b"),
    _log_generalized_hyperbolic,
    inner=0.0,
    valid=lambda p, a, b: [np.less(np.abs(b), a)],
)

# -- what SciPy corrects where masks hold ---------------------------------------------------------------


def _skew_tail(z: Any, a: Any) -> Any:
    """The distribution function far to the left, for positive a: an integral of one sign.

    Over the range in which the integrand is more than e^-40 of its value at z.
    """
    square = 1 + a * a
    reach = 80 / square / (np.abs(z) + np.sqrt(z * z + 80 / square))
    column = lambda v: np.reshape(v, (*np.shape(v), 1))  # noqa: E731
    nodes, weights = gauss_legendre()
    t = column(z) - column(reach) * nodes
    terms = np.exp(-0.5 * t * t + _log_ndtr(column(a) * t))
    return reach * np.sum(terms * weights, axis=-1) * float(np.sqrt(2 / np.pi))


def _skew_cdf(z: Any, a: Any) -> Any:
    value = of("skewnorm_cdf")(z, 0.0 * z, 1.0 + 0.0 * z, a)
    small = np.less(value, 1e-6) & np.greater(a, 0)
    tail = _skew_tail(np.where(small, z, -1.0), np.where(small, a, 1.0))
    return np.clip(np.where(small, tail, value), 0, 1)


def _skew_log_density(z: Any, a: Any) -> Any:
    return float(np.log(2)) - 0.5 * z * z - _LOG_ROOT_TWO_PI + _log_ndtr(a * z)


_SKEWNORM = Distribution(
    ("a",),
    _skew_log_density,
    cdf=_skew_cdf,
    sf=lambda z, a: _skew_cdf(-z, -a),
    valid=lambda a: [np.isfinite(a)],
)


def _inverse_gaussian(z: Any, mu: Any) -> Any:
    return -_LOG_ROOT_TWO_PI - 1.5 * np.log(z) - (z / mu - 1) ** 2 / (2 * z)


# Its quantiles are SciPy's, which searches where its routine finds none.
_INVGAUSS = Distribution(("mu",), _inverse_gaussian, 0.0, open=True)
_WALD = Distribution((), lambda z: _inverse_gaussian(z, 1.0), 0.0, open=True)

TABLE: dict[type, Distribution] = {
    type(stats.genpareto): _GENPARETO,
    type(stats.genextreme): _GENEXTREME,
    type(stats.truncnorm): _TRUNCNORM,
    type(stats.geninvgauss): _GENINVGAUSS,
    type(stats.genhyperbolic): _GENHYPERBOLIC,
    type(stats.kappa4): _KAPPA4,
    type(stats.invgauss): _INVGAUSS,
    type(stats.wald): _WALD,
}
if private_exists("skewnorm_cdf"):
    TABLE[type(stats.skewnorm)] = _SKEWNORM


# -- moments ------------------------------------------------------------------------------------------------
_gammainc, _betaln = _f("gammainc"), _f("betaln")


def _crystal_moment(n: int, beta: Any, m: Any) -> Any:
    """A power below -beta and a normal density above: infinite for ``m <= n + 1``."""
    exists = np.greater(m, n + 1)
    m = np.where(exists, m, n + 2.0)
    slope, half = m / beta, np.exp(-0.5 * beta * beta)
    whole = slope / (m - 1) * half + float(np.sqrt(2 * np.pi)) * _ndtr(beta)
    sign, order = (-1) ** n, 0.5 * (n + 1)
    inner = 2 ** (0.5 * (n - 1)) * float(gamma(order)) * (1.0 + sign * _gammainc(order + 0.0 * beta, 0.5 * beta * beta))  # fmt: skip
    outer: Any = 0.0
    for k in range(n + 1):
        term = comb(n, k) * (-1) ** k * (slope - beta) ** (n - k)
        outer = outer + term / (m - k - 1) * slope ** (k + 1)
    return np.where(exists, (half * outer + inner) / whole, _INF)


def _skew_t_moment(n: int, a: Any, b: Any) -> Any:
    """Jones and Faddy (2003), eq. 4."""
    exists = np.greater(a, 0.5 * n) & np.greater(b, 0.5 * n)
    a, b = np.where(exists, a, n + 1.0), np.where(exists, b, n + 1.0)
    total: Any = 0.0
    for i in range(n + 1):
        term = np.exp(_betaln(a + 0.5 * n - i, b - 0.5 * n + i) - _betaln(a, b))
        total = total + (-1) ** i * comb(n, i) * term
    return np.where(exists, (a + b) ** (0.5 * n) / 2**n * total, np.nan)


def _exponential_mean(function: Callable[..., Any], *shapes: Any) -> Any:
    """``∫ function(u, *shapes) e⁻ᵘ du`` over positive numbers, by the trapezoidal rule in the logarithm of u.

    Both ends decay as exponentials, and no singularity is nearer than π/2: a step of 1/4 leaves e⁻³⁹.
    """
    places = np.arange(-45.0, 4.25, 0.25)
    u = np.exp(places)
    weights = 0.25 * u * np.exp(-u)
    columns = [np.reshape(s, (*np.shape(s), 1)) for s in shapes]
    return np.sum(function(u, *columns) * weights, axis=-1)


# Of the survival function e^-u their quantiles are these functions of u.
def _gompertz_moment(n: int, c: Any) -> Any:
    return _exponential_mean(lambda u, c: np.log1p(u / c) ** n, c)


def _exponpow_moment(n: int, b: Any) -> Any:
    return _exponential_mean(lambda u, b: np.log1p(u) ** (n / b), b)


MOMENTS.update({
    "crystalball": _crystal_moment, "jf_skew_t": _skew_t_moment, "gompertz": _gompertz_moment,
    "exponpow": _exponpow_moment,
})  # fmt: skip
