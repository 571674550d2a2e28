"""Derivatives of the first to third order at special points, against mpmath.

A rule that picks a constant where operands are equal or zero has the right first derivative there and
a wrong second one; so has a formula that cancels.  Every smooth operation is in the table below with
the points where its formula might be special: zeros, ties, ends of the domain, where series and closed
formula meet, and arguments far out.  A new operation without a row fails
``test_every_smooth_operation_has_a_row``.

A function of several arguments is differentiated along lines through the point, so that mixed
derivatives count too.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special, stats

import autodiff
from autodiff.ops import special as special_entries
from autodiff.ops.entries import ENTRIES, Partials

mp = mpmath.mp


@dataclass(frozen=True)
class Row:
    """A function, the same of mpmath, and points; ``fixed`` arguments are not varied."""

    function: Callable[..., Any]
    exact: Callable[..., Any]
    points: tuple[tuple[float, ...], ...]
    fixed: tuple[int, ...] = ()
    orders: int = 3
    rtol: float = 1e-9


def _one(*points: float) -> tuple[tuple[float, ...], ...]:
    return tuple((p,) for p in points)


def _log1p(x: Any) -> Any:
    return mpmath.log(1 + x)


def _expit(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _logaddexp(a: Any, b: Any) -> Any:
    return mpmath.log(mpmath.exp(a) + mpmath.exp(b))


def _sinc(x: Any) -> Any:
    return mpmath.sincpi(x)


def _diric(x: Any, n: int) -> Any:
    """A sum of cosines."""
    return sum(mpmath.cos((k - mpmath.mpf(n - 1) / 2) * x) for k in range(n)) / n


def _exprel(x: Any) -> Any:
    return mpmath.expm1(x) / x if x else mpmath.mpf(1)


def _boxcox(x: Any, k: Any) -> Any:
    return mpmath.log(x) * _exprel(k * mpmath.log(x))


def _likelihood(k: Any) -> Any:
    """Of the power ``k`` that makes 2, 3 and 5 normal."""
    y = [_boxcox(mpmath.mpf(x), k) for x in (2, 3, 5)]
    variance = sum((v - sum(y) / 3) ** 2 for v in y) / 3
    return (k - 1) * mpmath.log(30) - 1.5 * mpmath.log(variance)


def _inv_boxcox(y: Any, k: Any) -> Any:
    ratio = mpmath.log(1 + k * y) / (k * y) if k * y else mpmath.mpf(1)
    return mpmath.exp(y * ratio)


def _digamma(x: Any) -> Any:
    return mpmath.digamma(x)


def _ndtri(p: Any) -> Any:
    return mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)


def _log_ndtr(x: Any) -> Any:
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


def _erfcx(x: Any) -> Any:
    return mpmath.exp(x * x) * mpmath.erfc(x)


def _dawsn(x: Any) -> Any:
    return mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x)


def _jacobi(n: Any, a: Any, b: Any, x: Any) -> Any:
    """By its sum of powers (DLMF 18.5.8), which has no pole in the parameters."""
    degree = int(n)
    return mpmath.fsum(
        mpmath.binomial(degree + a, degree - k)
        * mpmath.binomial(degree + b, k)
        * ((x - 1) / 2) ** k
        * ((x + 1) / 2) ** (degree - k)
        for k in range(degree + 1)
    )


def _scaled(function: Callable[..., Any], sign: int) -> Callable[..., Any]:
    return lambda x: mpmath.exp(sign * x) * function(x)


def _student(df: Any, t: Any) -> Any:
    # The distribution function by its integral, whose derivative is the density.
    c = mpmath.gamma((df + 1) / 2) / mpmath.gamma(df / 2) / mpmath.sqrt(df * mpmath.pi)
    return mpmath.mpf(1) / 2 + c * t * mpmath.hyp2f1(0.5, (df + 1) / 2, 1.5, -t * t / df)


def _gammainc(a: Any, x: Any) -> Any:
    # The power series (DLMF 8.7.1), which also holds to the left of 0.
    return mpmath.power(x, a) * mpmath.rgamma(a + 1) * mpmath.hyp1f1(a, a + 1, -x)


def _fdtr(m: Any, n: Any, x: Any) -> Any:
    # One less the power series of the incomplete beta function of n / (n + m x) (DLMF 8.17.7).
    p, q, w = n / 2, m / 2, n / (n + m * x)
    return 1 - w**p / p / mpmath.beta(p, q) * mpmath.hyp2f1(p, 1 - q, p + 1, w)


def _powered_weibull_sf(x: Any, a: Any, c: Any) -> Any:
    return 1 - (-mpmath.expm1(-(x**c))) ** a


def _powered_weibull_ppf(q: Any, a: Any, c: Any) -> Any:
    return (-mpmath.log(1 - q ** (1 / a))) ** (1 / c)


def _powered_weibull_pdf(x: Any, a: Any, c: Any) -> Any:
    return a * c * (-mpmath.expm1(-(x**c))) ** (a - 1) * mpmath.exp(-(x**c)) * x ** (c - 1)


def _pearson_logpdf(x: Any, s: Any) -> Any:
    shape, y = 4 / s**2, 2 * x / s + 4 / s**2
    return mpmath.log(abs(2 / s)) + (shape - 1) * mpmath.log(y) - y - mpmath.loggamma(shape)


def _exponpow_logpdf(x: Any, b: Any) -> Any:
    return mpmath.log(b) + (b - 1) * mpmath.log(x) + 1 + x**b - mpmath.exp(x**b)


def _exponnorm_logpdf(x: Any, k: Any) -> Any:
    tail = mpmath.erfc((1 / k - x) / mpmath.sqrt(2)) / 2
    return (0.5 / k - x) / k + mpmath.log(tail) - mpmath.log(k)


def _exponnorm_cdf(x: Any, k: Any) -> Any:
    return mpmath.ncdf(x) - k * mpmath.exp(_exponnorm_logpdf(x, k))


def _t_logpdf(t: Any) -> Any:
    return -2 * mpmath.log(1 + t * t / 3)


def _truncated_pareto(x: Any, b: Any, c: Any) -> tuple[Any, Any, Any]:
    """Density, and the probabilities below and above."""
    whole = 1 - c**-b
    return b * x ** (-b - 1) / whole, (1 - x**-b) / whole, (x**-b - c**-b) / whole


def _truncated_weibull(x: Any, c: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    start, end, here = (mpmath.exp(-(v**c)) for v in (a, b, x))
    whole = start - end
    return c * x ** (c - 1) * here / whole, (start - here) / whole, (here - end) / whole


def _truncated(name: str, exact: Callable[..., Any], points: Any) -> "dict[str, Row]":
    """Rows of the methods of a distribution."""
    dist = getattr(stats, name)
    rows = {f"{name}.cdf": Row(dist.cdf, lambda *x: exact(*x)[1], points, rtol=1e-8)}
    for k, method in enumerate(("logpdf", "logcdf", "logsf")):
        logarithm = lambda *x, k=k: mpmath.log(exact(*x)[k])  # noqa: E731
        rows[f"{name}.{method}"] = Row(getattr(dist, method), logarithm, points, rtol=1e-8)
    return rows


def _harmonic(n: int, a: Any) -> Any:
    return mpmath.fsum(mpmath.mpf(k) ** -a for k in range(1, n + 1))


LINE = (-1e3, -30.0, -1.5, -1.0, -1e-3, 0.0, 1e-8, 1e-3, 0.5, 1.0, 1.5, 2.0, 25.0)
UNIT = (-0.999, -0.5, -1e-8, 0.0, 1e-3, 0.5, 0.999)
POSITIVE = (1e-8, 0.5, 1.0, 2.0, 3.0, 50.0, 1e8)
TIES = ((0.0, 0.0), (1.0, 1.0), (-3.0, -3.0), (0.0, 1e-9), (2.0, -30.0), (1e8, 1e8), (0.0, 80.0))

WEIBULL = ((1e-8, 1.0, 2.0), (1e-8, 0.5, 3.0), (0.3, 2.9, 1.95), (2.0, 1.5, 0.7))
POWERS = ((1e-8, 2.0), (1e-3, 1.0), (0.3, 2.697), (1.5, 0.5))
LENGTHS = ((1.0, 1.0), (1e-200, 1.0), (1e9, 1.0), (1.0, -1e9), (1e60, 3e60), (-1e-60, 1e-60))
SCALED = (0.5, 20.0, 39.9, 40.1, 1e3)  # on both sides of where their slopes are Hankel's series

UFUNCS: dict[str, Row] = {
    "add": Row(np.add, lambda a, b: a + b, TIES),
    "subtract": Row(np.subtract, lambda a, b: a - b, TIES),
    "multiply": Row(np.multiply, lambda a, b: a * b, TIES),
    "divide": Row(np.divide, lambda a, b: a / b, ((0.0, 1.0), (1.0, 1.0), (2.0, -3.0), (0.0, 1e8))),
    "power": Row(
        np.power,
        lambda a, b: mpmath.power(a, b),
        ((1.0, 0.0), (2.0, 0.0), (1.0, 1.0), (2.0, 3.0), (0.5, -1.0), (3.0, 2.0)),
    ),
    "float_power": Row(np.float_power, lambda a, b: mpmath.power(a, b), ((1.0, 0.0), (2.0, 3.0))),
    "negative": Row(np.negative, lambda x: -x, _one(0.0, 1.0)),
    "positive": Row(np.positive, lambda x: x, _one(0.0, 1.0)),
    "absolute": Row(np.absolute, abs, _one(-1.0, 2.0)),
    "fabs": Row(np.fabs, abs, _one(-1.0, 2.0)),
    "reciprocal": Row(np.reciprocal, lambda x: 1 / x, _one(-2.0, 1e-3, 1.0)),
    "square": Row(np.square, lambda x: x * x, _one(*LINE)),
    "sqrt": Row(np.sqrt, mpmath.sqrt, _one(*POSITIVE)),
    "cbrt": Row(np.cbrt, mpmath.cbrt, _one(*POSITIVE)),
    "hypot": Row(np.hypot, mpmath.hypot, (*LENGTHS, (0.0, 1.0), (2.0, 0.0))),
    "exp": Row(np.exp, mpmath.exp, _one(-80.0, -1.0, 0.0, 1.0)),
    "exp2": Row(np.exp2, lambda x: mpmath.power(2, x), _one(-80.0, 0.0, 1.0)),
    "expm1": Row(np.expm1, mpmath.expm1, _one(-80.0, -50.0, -1e-9, 0.0, 1.0)),
    "log": Row(np.log, mpmath.log, _one(*POSITIVE)),
    "log2": Row(np.log2, lambda x: mpmath.log(x, 2), _one(*POSITIVE)),
    "log10": Row(np.log10, mpmath.log10, _one(*POSITIVE)),
    "log1p": Row(np.log1p, _log1p, _one(-0.999, -1e-9, 0.0, 1.0, 1e8)),
    "logaddexp": Row(np.logaddexp, _logaddexp, TIES),
    "logaddexp2": Row(
        np.logaddexp2, lambda a, b: mpmath.log(mpmath.power(2, a) + mpmath.power(2, b), 2), TIES
    ),
    "sin": Row(np.sin, mpmath.sin, _one(-1.0, 0.0, 1.0)),
    "cos": Row(np.cos, mpmath.cos, _one(-1.0, 0.0, 1.0)),
    "tan": Row(np.tan, mpmath.tan, _one(-1.0, 0.0, 1.0)),
    "arcsin": Row(np.arcsin, mpmath.asin, _one(*UNIT)),
    "arccos": Row(np.arccos, mpmath.acos, _one(*UNIT)),
    "arctan": Row(np.arctan, mpmath.atan, _one(*LINE, 1e9, 1e60)),
    "arctan2": Row(
        np.arctan2, mpmath.atan2, (*LENGTHS, (0.0, 1.0), (1.0, 0.0), (-2.0, 0.5), (0.0, 1e9))
    ),
    "sinh": Row(np.sinh, mpmath.sinh, _one(-2.0, 0.0, 80.0)),
    "cosh": Row(np.cosh, mpmath.cosh, _one(-2.0, 0.0, 80.0)),
    "tanh": Row(np.tanh, mpmath.tanh, _one(-100.0, -25.0, -1e-3, 0.0, 0.5, 20.0, 100.0)),
    "arcsinh": Row(np.arcsinh, mpmath.asinh, _one(*LINE, -1e9, 1e60)),
    "arccosh": Row(np.arccosh, mpmath.acosh, _one(1.001, 2.0, 1e9, 1e60)),
    "arctanh": Row(np.arctanh, mpmath.atanh, _one(*UNIT)),
    "deg2rad": Row(np.deg2rad, mpmath.radians, _one(0.0, 1.0)),
    "rad2deg": Row(np.rad2deg, mpmath.degrees, _one(0.0, 1.0)),
    "radians": Row(np.radians, mpmath.radians, _one(0.0, 1.0)),
    "degrees": Row(np.degrees, mpmath.degrees, _one(0.0, 1.0)),
}
# Piecewise linear, or with a derivative by convention: tested with the conventions.
KINKED = {
    "remainder", "fmod", "maximum", "minimum", "fmax", "fmin", "copysign", "heaviside", "nextafter",
}  # fmt: skip

ENTRY_ROWS: dict[str, Row] = {
    "erf": Row(special.erf, mpmath.erf, _one(-5.0, 0.0, 0.5, 5.0)),
    "erfc": Row(special.erfc, mpmath.erfc, _one(-5.0, 0.0, 0.5, 20.0)),
    "lgamma": Row(special.gammaln, mpmath.loggamma, _one(1e-3, 1.0, 1.4616321449683623, 2.0, 1e6)),
    "tgamma": Row(special.gamma, mpmath.gamma, _one(1e-3, 1.0, 1.4616321449683623, 2.0, 30.0)),
    "scipy_erfinv": Row(special.erfinv, mpmath.erfinv, _one(-0.9, 0.0, 0.5)),
    "scipy_erfcx": Row(special.erfcx, _erfcx, _one(-2.0, 0.0, 1.0, 9.9, 10.1, 1e4), rtol=1e-7),
    "scipy_erfcinv": Row(special.erfcinv, lambda x: mpmath.erfinv(1 - x), _one(0.5, 1.0, 1.5)),
    "scipy_ndtri": Row(special.ndtri, _ndtri, _one(0.1, 0.5, 0.9)),
    "scipy_log_ndtr": Row(
        special.log_ndtr, _log_ndtr, _one(-30.0, -20.1, -19.9, -1.0, 0.0, 1.0, 5.0), rtol=1e-8
    ),
    "scipy_rgamma": Row(special.rgamma, mpmath.rgamma, _one(-3.0, -1.0, 0.0, 0.25, 0.5, 1.0, 5.0)),
    "scipy_dawsn": Row(special.dawsn, _dawsn, _one(-1.0, 0.0, 1e-3, 9.9, 10.1, 1e4), rtol=1e-7),
    "scipy_j0": Row(special.j0, lambda x: mpmath.besselj(0, x), _one(-1.0, 0.0, 1e-3, 2.0)),
    "scipy_j1": Row(special.j1, lambda x: mpmath.besselj(1, x), _one(-1.0, 0.0, 1e-3, 2.0)),
    "scipy_y0": Row(special.y0, lambda x: mpmath.bessely(0, x), _one(0.5, 2.0)),
    "scipy_y1": Row(special.y1, lambda x: mpmath.bessely(1, x), _one(0.5, 2.0)),
    "scipy_i0": Row(special.i0, lambda x: mpmath.besseli(0, x), _one(-1.0, 0.0, 1e-3, 2.0)),
    "scipy_i1": Row(special.i1, lambda x: mpmath.besseli(1, x), _one(-1.0, 0.0, 1e-3, 2.0)),
    "scipy_i0e": Row(special.i0e, _scaled(lambda x: mpmath.besseli(0, x), -1), _one(*SCALED)),
    "scipy_i1e": Row(special.i1e, _scaled(lambda x: mpmath.besseli(1, x), -1), _one(*SCALED)),
    "scipy_k0": Row(special.k0, lambda x: mpmath.besselk(0, x), _one(0.5, 2.0)),
    "scipy_k1": Row(special.k1, lambda x: mpmath.besselk(1, x), _one(0.5, 2.0)),
    "scipy_k0e": Row(special.k0e, _scaled(lambda x: mpmath.besselk(0, x), 1), _one(*SCALED)),
    "scipy_k1e": Row(special.k1e, _scaled(lambda x: mpmath.besselk(1, x), 1), _one(*SCALED)),
    "scipy_exp1": Row(special.exp1, mpmath.e1, _one(0.5, 2.0, 20.0)),
    "scipy_expi": Row(special.expi, mpmath.ei, _one(0.5, 2.0, 20.0)),
    "scipy_ellipk": Row(
        special.ellipk, mpmath.ellipk, _one(-1.0, -1e-3, 0.0, 1e-8, 0.149, 0.151, 0.9)
    ),
    "scipy_ellipe": Row(
        special.ellipe, mpmath.ellipe, _one(-1.0, -1e-3, 0.0, 1e-8, 0.149, 0.151, 0.9)
    ),
    "scipy_jv": Row(
        special.jv, mpmath.besselj, ((0.0, 0.0), (1.0, 0.0), (2.0, 1e-3), (2.5, 1.0)), (0,)
    ),
    "scipy_yv": Row(special.yv, mpmath.bessely, ((1.0, 1.0), (2.5, 2.0)), (0,)),
    "scipy_iv": Row(
        special.iv, mpmath.besseli, ((0.0, 0.0), (1.0, 0.0), (2.0, 1e-3), (2.5, 1.0)), (0,)
    ),
    "scipy_kv": Row(special.kv, mpmath.besselk, ((1.0, 1.0), (2.5, 2.0)), (0,)),
    "scipy_ive": Row(
        special.ive,
        lambda v, x: mpmath.exp(-x) * mpmath.besseli(v, x),
        ((1.0, 1.0), (2.5, 2.0), (2.5, 41.0), (4.0, 65.0)),
        (0,),
    ),
    "scipy_kve": Row(
        special.kve,
        lambda v, x: mpmath.exp(x) * mpmath.besselk(v, x),
        ((1.0, 1.0), (2.5, 2.0), (2.5, 41.0), (4.0, 65.0)),
        (0,),
    ),
    "scipy_expn": Row(
        special.expn, mpmath.expint, ((0.0, 1.0), (1.0, 1.0), (2.0, 0.5), (5.0, 2.0)), (0,)
    ),
    "scipy_zeta": Row(special.zeta, mpmath.zeta, ((2.0, 1.0), (3.0, 0.5)), (0,)),
    "scipy_gammainc": Row(
        special.gammainc,
        _gammainc,
        ((1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (1.0, 1e-3), (2.5, 1.0), (300.0, 300.0)),
        (0,),
    ),
    "scipy_gammaincc": Row(
        special.gammaincc,
        lambda a, x: 1 - _gammainc(a, x),
        ((1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (2.5, 1.0)),
        (0,),
    ),
    "scipy_betainc": Row(
        special.betainc,
        lambda a, b, x: mpmath.betainc(a, b, 0, x, regularized=True),
        ((2.0, 3.0, 0.0), (1.0, 1.0, 0.0), (1.0, 2.0, 0.0), (3.0, 2.0, 0.5), (2.5, 1.5, 0.3)),
        (0, 1),
    ),
    "scipy_betaincc": Row(
        special.betaincc,
        lambda a, b, x: 1 - mpmath.betainc(a, b, 0, x, regularized=True),
        ((2.0, 3.0, 0.0), (1.0, 1.0, 0.0), (3.0, 2.0, 0.5), (2.5, 1.5, 0.3)),
        (0, 1),
    ),
    "scipy_kn": Row(special.kn, mpmath.besselk, ((1.0, 1.0), (2.0, 2.0)), (0,)),
    "scipy_yn": Row(special.yn, mpmath.bessely, ((1.0, 1.0), (2.0, 2.0)), (0,)),
    "scipy_ndtr": Row(special.ndtr, mpmath.ncdf, _one(-5.0, 0.0, 0.5, 5.0)),
    "scipy_boxcox": Row(
        special.boxcox, _boxcox, ((1.0, 0.0), (2.0, 0.0), (2.0, 1e-9), (1.0, 2.0), (2.0, -1.5))
    ),
    "scipy_boxcox1p": Row(
        special.boxcox1p,
        lambda x, k: _boxcox(1 + x, k),
        ((0.0, 0.0), (1.0, 0.0), (1.0, 1e-9), (0.0, 2.0), (1.0, -1.5)),
    ),
    "scipy_pseudo_huber": Row(
        special.pseudo_huber,
        lambda d, r: d * d * (mpmath.sqrt(1 + (r / d) ** 2) - 1),
        ((1.0, 0.0), (2.0, 1e-3), (2.0, 5.0), (1.0, 1e9), (1e9, 1.0), (1e-3, -1e4)),
    ),
    "scipy_struve": Row(
        special.struve,
        mpmath.struveh,
        ((0.0, 0.0), (0.0, 0.7), (1.0, 0.0), (2.0, 0.0), (3.0, 0.7)),
        (0,),
    ),
    "scipy_modstruve": Row(
        special.modstruve,
        mpmath.struvel,
        ((0.0, 0.0), (0.0, 0.7), (1.0, 0.0), (2.0, 0.0), (3.0, 0.7)),
        (0,),
    ),
    "scipy_powm1": Row(
        special.powm1,
        lambda x, p: mpmath.power(x, p) - 1,
        ((2.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 2.0), (3.0, -1.5)),
    ),
    "scipy_inv_boxcox": Row(
        special.inv_boxcox,
        lambda x, p: mpmath.exp(mpmath.log1p(p * x) / p) if p else mpmath.exp(x),
        ((0.3, 0.5), (2.0, 1.0), (-0.2, 2.0)),
    ),
    "scipy_stdtr": Row(special.stdtr, _student, ((3.0, 0.0), (3.0, 1.0), (1.0, -2.0)), (0,)),
}

FUNCTIONS: dict[str, Row] = {
    "sinc": Row(np.sinc, _sinc, _one(-1.0, 0.0, 1e-8, 1e-3, 0.1, 0.63, 0.64, 1.0, 2.0)),
    "diric of 5": Row(
        lambda x: special.diric(x, 5),
        lambda x: _diric(x, 5),
        _one(-2.0, 0.0, 1e-8, 1e-3, 0.0399, 0.0401, 1.0, 2 * math.pi),
    ),
    "diric of 4": Row(
        lambda x: special.diric(x, 4),
        lambda x: _diric(x, 4),
        _one(0.0, 1e-4, 3.0, 2 * math.pi, -6 * math.pi),
    ),
    "i0": Row(np.i0, lambda x: mpmath.besseli(0, x), _one(-1.0, 0.0, 1e-3, 2.0)),
    "expit": Row(special.expit, _expit, _one(-80.0, -30.0, 0.0, 1e-3, 30.0, 80.0)),
    "log_expit": Row(special.log_expit, lambda x: -_log1p(mpmath.exp(-x)), _one(-80.0, 0.0, 30.0)),
    "softplus": Row(special.softplus, lambda x: _log1p(mpmath.exp(x)), _one(-30.0, 0.0, 80.0)),
    "logit": Row(special.logit, lambda p: mpmath.log(p / (1 - p)), _one(0.1, 0.5, 0.9)),
    "xlogy": Row(
        special.xlogy,
        lambda x, y: x * mpmath.log(y),
        ((0.0, 2.0), (0.0, 1.0), (1.0, 1.0), (-1.0, 0.5)),
    ),
    "entr": Row(special.entr, lambda x: -x * mpmath.log(x), _one(0.1, 1.0, 30.0)),
    "rel_entr": Row(
        special.rel_entr,
        lambda x, y: x * mpmath.log(x / y),
        ((1.0, 1.0), (0.5, 2.0), (2.0, 3.0), (1e-9, 1e9)),
    ),
    "kl_div": Row(
        special.kl_div,
        lambda x, y: x * mpmath.log(x / y) - x + y,
        ((1.0, 1.0), (0.5, 2.0), (2.0, 3.0), (1e-9, 1e9)),
    ),
    "xlog1py": Row(
        special.xlog1py,
        lambda x, y: x * _log1p(y),
        ((0.0, 2.0), (0.0, 0.0), (1.0, 0.0), (-1.0, 0.5)),
    ),
    "pseudo_huber": Row(
        special.pseudo_huber,
        lambda d, r: d * d * (mpmath.sqrt(1 + (r / d) ** 2) - 1),
        ((1.0, 0.0), (2.0, 1.0)),
    ),
    "huber": Row(special.huber, lambda d, r: r * r / 2, ((1.0, 0.0), (2.0, 1.0))),
    "exprel": Row(
        special.exprel, _exprel, _one(-30.0, -1.51, -1.49, -1e-3, 0.0, 1e-8, 1e-3, 1.49, 1.51)
    ),
    "exp10": Row(special.exp10, lambda x: mpmath.power(10, x), _one(0.0, 1.0)),
    "cosm1": Row(special.cosm1, lambda x: mpmath.cos(x) - 1, _one(0.0, 1e-8, 1.0)),
    "boxcox": Row(
        special.boxcox, _boxcox, ((1.0, 0.0), (2.0, 0.0), (2.0, 1e-6), (1.0, 1.0), (0.5, 3.0))
    ),
    "boxcox1p": Row(
        special.boxcox1p,
        lambda x, k: _boxcox(1 + x, k),
        ((0.0, 0.0), (1.0, 0.0), (2.0, 1e-6), (0.0, 1.0)),
    ),
    "inv_boxcox": Row(
        special.inv_boxcox, _inv_boxcox, ((0.0, 0.0), (1.0, 0.0), (0.5, 1e-6), (1.0, 1.0))
    ),
    "digamma": Row(special.digamma, _digamma, _one(-0.5, 0.5, 1.0, 1.4616321449683623, 100.0)),
    "ndtr": Row(special.ndtr, mpmath.ncdf, _one(-5.0, 0.0, 5.0)),
    "beta": Row(special.beta, mpmath.beta, ((1.0, 1.0), (2.0, 0.5))),
    "betaln": Row(
        special.betaln, lambda a, b: mpmath.log(mpmath.beta(a, b)), ((1.0, 1.0), (2.0, 0.5))
    ),
    "modf": Row(lambda x: np.modf(x)[0], lambda x: x, _one(0.0, 0.5)),
    "squared absolute": Row(lambda x: np.abs(x) ** 2, lambda x: x * x, _one(-1.0, 0.0, 1.0)),
    "absolute to the fourth": Row(lambda x: np.abs(x) ** 4, lambda x: x**4, _one(-1.0, 0.0, 1.0)),
    "product of absolutes": Row(lambda x: np.abs(x) * np.abs(x), lambda x: x * x, _one(0.0, 1.0)),
    "squared hypot": Row(lambda x, y: np.hypot(x, y) ** 2, lambda x, y: x * x + y * y, TIES[:3]),
    "squared root": Row(lambda x: np.sqrt(x) ** 2, lambda x: x, _one(0.0, 1.0)),
    "root to the fourth": Row(lambda x: np.sqrt(x) ** 4, lambda x: x * x, _one(0.0, 1.0)),
    "cubed cube root": Row(lambda x: np.cbrt(x) ** 3, lambda x: x, _one(0.0, -1.0)),
    "half power to the fourth": Row(lambda x: (x**0.5) ** 4, lambda x: x * x, _one(0.0, 1.0)),
    "square of a scaled absolute": Row(
        lambda x: (-np.abs(x) / 2.0) ** 2, lambda x: x * x / 4, _one(-1.0, 0.0, 1.0)
    ),
    "product with two absolutes": Row(
        lambda x: 3.0 * np.abs(x) * np.abs(x), lambda x: 3 * x * x, _one(-1.0, 0.0, 1.0)
    ),
    "cube of a scaled cube root": Row(
        lambda x: (2.0 * np.cbrt(x)) ** 3, lambda x: 8 * x, _one(0.0, -1.0)
    ),
    "square of a quotient by a variable": Row(
        lambda x, y: (np.hypot(x, y) / (1.0 + x)) ** 2,
        lambda x, y: (x * x + y * y) / (1 + x) ** 2,
        ((0.0, 0.0), (1.0, 2.0)),
    ),
    "square of zero": Row(lambda x: x**2, lambda x: x * x, _one(0.0, -1.0)),
    "fifth power": Row(lambda x: x**5.0, lambda x: x**5, _one(0.0, -1.0)),
    "cube": Row(lambda x: np.power(x, 3), lambda x: x**3, _one(0.0, -1.0)),
    "log cosh": Row(
        lambda x: np.logaddexp(x, -x), lambda x: mpmath.log(2 * mpmath.cosh(x)), _one(0.0, 2.0)
    ),
    "t.logpdf": Row(lambda x: stats.t.logpdf(x, 3.0), _t_logpdf, _one(0.0, 1.0, 1e6, 1e60)),
    "cauchy.logpdf": Row(stats.cauchy.logpdf, lambda x: -_log1p(x * x), _one(0.0, 1.0, 1e6, 1e60)),
    "logistic.logpdf": Row(
        stats.logistic.logpdf, lambda x: -x - 2 * _log1p(mpmath.exp(-x)), _one(-3.0, 0.0, 3.0)
    ),
    "fdtr far out": Row(
        special.fdtr, _fdtr, ((29.0, 0.3, 1e11), (29.0, 0.3, 2.3e19), (2.0, 3.0, 1e4)), orders=2
    ),
    "exponweib.cdf": Row(
        stats.exponweib.cdf,
        lambda *a: 1 - _powered_weibull_sf(*a),
        ((1e-8, 0.29, 1.95), (2e-6, 2.9e-5, 1.95), (2.0, 2.9, 1.95)),
    ),
    "exponweib.sf": Row(
        stats.exponweib.sf,
        _powered_weibull_sf,
        (
            (1e-8, 0.29, 1.95),
            (2e-6, 2.9e-5, 1.95),
            (1e-4, 2.9, 1.95),
            (2.0, 2.9, 1.95),
            (5.0, 30.0, 0.5),
        ),
    ),
    "exponweib.ppf": Row(
        stats.exponweib.ppf,
        _powered_weibull_ppf,
        ((0.5, 2892.0, 1.95), (1 - 1e-6, 2892.0, 1.95), (0.3, 0.5, 1.5)),
    ),
    "exponweib.isf": Row(
        stats.exponweib.isf,
        lambda p, a, c: _powered_weibull_ppf(1 - p, a, c),
        ((1e-3, 2.9e-5, 1.95), (0.3, 0.5, 1.5), (1e-6, 2.0, 3.0)),
    ),
    "exponweib.pdf": Row(stats.exponweib.pdf, _powered_weibull_pdf, WEIBULL),
    "exponweib.logpdf": Row(
        stats.exponweib.logpdf, lambda *a: mpmath.log(_powered_weibull_pdf(*a)), WEIBULL
    ),
    "exponweib.logcdf": Row(
        stats.exponweib.logcdf, lambda *a: mpmath.log(1 - _powered_weibull_sf(*a)), WEIBULL
    ),
    "exponweib.logsf": Row(
        stats.exponweib.logsf, lambda *a: mpmath.log(_powered_weibull_sf(*a)), WEIBULL
    ),
    "exponpow.pdf": Row(
        stats.exponpow.pdf, lambda x, b: mpmath.exp(_exponpow_logpdf(x, b)), POWERS
    ),
    "exponpow.logpdf": Row(stats.exponpow.logpdf, _exponpow_logpdf, POWERS),
    "exponpow.logcdf": Row(
        stats.exponpow.logcdf,
        lambda x, b: mpmath.log(-mpmath.expm1(-mpmath.expm1(x**b))),
        POWERS,
    ),
    "exponpow.logsf": Row(
        stats.exponpow.logsf, lambda x, b: -mpmath.expm1(x**b), (*POWERS, (3.0, 2.697))
    ),
    "pearson3.logpdf": Row(
        stats.pearson3.logpdf, _pearson_logpdf, ((0.3, 1e-3), (-3.0, -0.2), (1.5, 0.1), (0.3, 2.0))
    ),
    "pearson3.cdf": Row(
        stats.pearson3.cdf,
        lambda x, s: mpmath.gammainc(4 / s**2, 0, 2 * x / s + 4 / s**2, regularized=True),
        ((-0.5, 0.05), (0.3, 0.1), (-7.5, 0.2), (0.3, 2.0)),
        orders=2,
    ),
    "exponnorm.logpdf": Row(
        stats.exponnorm.logpdf,
        _exponnorm_logpdf,
        ((-1e4, 1.5), (-20.0, 1.5), (1.0, 1.5), (30.0, 0.5)),
        rtol=1e-8,
    ),
    "exponnorm.cdf": Row(
        stats.exponnorm.cdf,
        _exponnorm_cdf,
        ((-20.0, 1.5), (-1.0, 0.02), (1.0, 1.5), (9.0, 0.5)),
        rtol=1e-8,
    ),
    "exponnorm.sf": Row(
        stats.exponnorm.sf,
        lambda x, k: 1 - _exponnorm_cdf(x, k),
        ((-20.0, 1.5), (-1.0, 0.02), (1.0, 1.5), (30.0, 0.5)),
        rtol=1e-8,
    ),
    "powernorm.logcdf": Row(
        stats.powernorm.logcdf,
        lambda x, c: mpmath.log1p(-(mpmath.ncdf(-x) ** c)),
        ((0.0, 1.0), (-10.0, 1e-3), (2.0, 3.0)),
        rtol=1e-8,
    ),
    # Where the other terms are far below 1.
    "zipf.logpmf": Row(
        lambda a: stats.zipf.logpmf(1000, a),
        lambda a: -a * mpmath.log(1000) - mpmath.log(mpmath.zeta(a)),
        _one(1.5, 30.0, 200.0),
        rtol=1e-8,
    ),
    "zipfian.pmf": Row(
        lambda a: stats.zipfian.pmf(1, a, 5),
        lambda a: 1 / _harmonic(5, a),
        _one(0.3, 30.0),
        orders=2,
        rtol=1e-8,
    ),
    "zipfian.logpmf": Row(
        lambda a: stats.zipfian.logpmf(3, a, 5),
        lambda a: -a * mpmath.log(3) - mpmath.log(_harmonic(5, a)),
        _one(0.3, 30.0),
        orders=2,
        rtol=1e-8,
    ),
    "zipfian.logcdf": Row(
        lambda a: stats.zipfian.logcdf(3, a, 5),
        lambda a: mpmath.log(_harmonic(3, a) / _harmonic(5, a)),
        _one(0.3, 30.0),
        orders=2,
        rtol=1e-8,
    ),
    # One element is most of the length, two are, and all alike.
    "norm": Row(
        lambda *x: np.linalg.norm(np.stack(x), axis=0),
        lambda *x: mpmath.sqrt(mpmath.fsum(v * v for v in x)),
        ((1e9, 1.0, 2.0), (1.0, -1e9, 1e3), (1e9, 1e9, 1.0), (1.0, 1.0, 1.0), (1e60, 0.0, 1e-60)),
    ),
    **_truncated(
        "truncpareto",
        _truncated_pareto,
        (
            (1.5, 2.0, 3.0),
            (1.5, -2.0, 3.0),
            (1e3, 1e-4, 1e5),
            (2.0, 700.0, 5.0),
            (2.0, -700.0, 5.0),
        ),
    ),
    **_truncated(
        "truncweibull_min",
        _truncated_weibull,
        (
            (1.5, 2.0, 1.0, 3.0),
            (40.0, 2.0, 30.0, 50.0),
            (1.2, 0.01, 1.0, 3.0),
            (5.0, 3.0, 4.0, 6.0),
        ),
    ),
}

ROWS = {**UFUNCS, **ENTRY_ROWS, **FUNCTIONS}


def test_every_smooth_operation_has_a_row() -> None:
    """A new operation is in the table, or its kinks are among the conventions."""
    missing = [
        name
        for name, entry in ENTRIES.items()
        if entry.ufunc is not None
        and isinstance(entry.derivative, Partials)
        and name not in UFUNCS
        and name not in KINKED
    ]
    kernels = [f"scipy_{name}" for name, _, _ in special_entries._KERNELS]
    missing += [name for name in kernels if name not in ENTRY_ROWS]
    assert not missing


def _directions(row: Row) -> list[tuple[float, ...]]:
    """Lines through a point: along each axis, and across."""
    count = len(row.points[0])
    free = [k for k in range(count) if k not in row.fixed]
    found = [tuple(float(k == axis) for k in range(count)) for axis in free]
    if len(free) > 1:
        found += [
            tuple(1.0 * (k in free) for k in range(count)),
            tuple(float(k in free) * (-1.0) ** k * (1 + k) for k in range(count)),
        ]
    return found


@functools.cache  # once for all modes
def _expected(name: str) -> np.ndarray:
    """Derivatives of order 1 to 3 by mpmath, for each point and direction."""
    row, table = ROWS[name], []
    with mpmath.workdps(200):
        for point in row.points:
            for direction in _directions(row):
                exact = [mpmath.mpf(p) for p in point]

                def along(t: Any, exact: Any = exact, direction: Any = direction) -> Any:
                    return row.exact(*[p + t * d for p, d in zip(exact, direction, strict=True)])

                h = mpmath.mpf(10) ** -15 * (min(1, max(map(abs, exact))) or 1)
                values = [mpmath.re(along(k * h)) for k in (-3, -2, -1, 0, 1, 2, 3)]
                table.append([float(d) for d in _central(values, h)])
    found = np.array(table).T
    return np.where(np.abs(found) < 1e-100, 0.0, found)  # what the differences leave of 0


def _central(f: list[Any], h: Any) -> tuple[Any, Any, Any]:
    """Central differences of order four or more, on numbers of 200 digits (Fornberg, 1988)."""
    first = (-f[0] + 9 * f[1] - 45 * f[2] + 45 * f[4] - 9 * f[5] + f[6]) / (60 * h)
    second = (
        2 * f[0] - 27 * f[1] + 270 * f[2] - 490 * f[3] + 270 * f[4] - 27 * f[5] + 2 * f[6]
    ) / (180 * h**2)
    third = (f[0] - 8 * f[1] + 13 * f[2] - 13 * f[4] + 8 * f[5] - f[6]) / (8 * h**3)
    return first, second, third


def _lines(row: Row) -> Callable[[np.ndarray], Any]:
    points, directions = (np.array(x).T for x in zip(*_places(row), strict=True))

    def along(t: np.ndarray) -> Any:
        arguments = [
            p if k in row.fixed else p + t * d
            for k, (p, d) in enumerate(zip(points, directions, strict=True))
        ]
        return row.function(*arguments)

    return along


def _places(row: Row) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    return [(p, d) for p in row.points for d in _directions(row)]


def _reverse(f: Callable[..., Any]) -> Callable[..., Any]:
    return autodiff.gradient(lambda t: np.sum(f(t)), engine="numpy")


def _forward(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t: autodiff.jvp(f, (t,), (np.ones_like(t),))[1]


ONE_IN = 3
MODES = {
    "reverse over reverse": (_reverse, _reverse, _reverse),
    "forward over forward": (_forward, _forward, _forward),
    "forward over reverse": (_reverse, _forward, _forward),
}


_LONG = ("scipy_k1e", "scipy_k0e", "scipy_kve")  # each takes 20 seconds


def _sampled() -> list[Any]:
    """Every row in reverse mode, one in three in each other mode and to third order, which costs most; the rest is slow."""
    rows = []
    for k, name in enumerate(ROWS):
        for turn, mode in enumerate(MODES):
            is_slow = (turn and (k + turn) % ONE_IN) or name in _LONG
            marks = pytest.mark.slow if is_slow else ()
            most = ROWS[name].orders
            orders = min(most, 3 if k % 3 == 0 else 2)
            rows.append(pytest.param(name, mode, orders, marks=marks, id=f"{name}-{mode}"))
            if orders < most:
                whole = pytest.param(
                    name, mode, most, marks=pytest.mark.slow, id=f"{name}-{mode}, all"
                )
                rows.append(whole)
    return rows


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # of SciPy's own value
@pytest.mark.parametrize(("name", "mode", "orders"), _sampled())
def test_derivatives_to_third_order(name: str, mode: str, orders: int) -> None:
    row = ROWS[name]
    f = _lines(row)
    expected = _expected(name)
    t = np.zeros(expected.shape[1])
    for order, transform in enumerate(MODES[mode][:orders]):
        f = transform(f)
        found = autodiff.function(f, engine="numpy")(t) if mode.startswith("forward") else f(t)
        right = expected[order]
        # Tiny ones are compared relative to themselves, zeros to the derivatives of other orders.
        near = np.max(np.abs(expected), axis=0)
        near = np.where(near == 0, 1.0, near)
        allowed = row.rtol * 10**order * np.where(np.abs(right) < 1e-14 * near, near, np.abs(right))
        wrong = ~(np.abs(found - right) <= allowed)
        assert not wrong.any(), [
            (order + 1, where, found[k], right[k])
            for k, where in enumerate(_places(row))
            if wrong[k]
        ]


# What is compiled is what the test above has compared with exact numbers: one row in three, the rest is slow.
@pytest.mark.parametrize(
    "name", [pytest.param(x, marks=pytest.mark.slow if k % 3 else ()) for k, x in enumerate(ROWS)]
)
def test_second_derivatives_in_machine_code(name: str) -> None:
    """The native engine computes what the reference engine does, zeros and ties included."""
    f = _lines(ROWS[name])
    t = np.zeros(len(_places(ROWS[name])))
    first = autodiff.gradient(lambda t: np.sum(f(t)))
    for engine_rtol, g in ((1e-10, first), (1e-8, autodiff.gradient(lambda t: np.sum(first(t))))):
        reference = autodiff.function(g, engine="numpy")(t)
        scale = np.where(np.abs(reference) < 1e-14, 1.0, np.abs(reference))
        assert np.all(np.abs(g(t) - reference) <= engine_rtol * scale)


# Derivatives at infinity are the limits: function, point, first derivative; the second is 0.
AT_INFINITY = [
    (np.tanh, np.inf, 0.0), (np.tanh, -np.inf, 0.0), (np.arctan, np.inf, 0.0),
    (np.arctan, -np.inf, 0.0), (np.arcsinh, np.inf, 0.0), (np.arccosh, np.inf, 0.0),
    (np.log, np.inf, 0.0), (np.log1p, np.inf, 0.0), (np.sqrt, np.inf, 0.0),
    (np.exp, -np.inf, 0.0), (np.expm1, -np.inf, -0.0), (np.exp2, -np.inf, 0.0),
    (special.expit, np.inf, 0.0), (special.expit, -np.inf, 0.0), (special.erf, np.inf, 0.0),
    (special.softplus, -np.inf, 0.0), (special.log_expit, np.inf, 0.0),
    (special.ndtr, np.inf, 0.0), (special.ndtr, -np.inf, 0.0), (special.log_ndtr, np.inf, 0.0),
    (special.digamma, np.inf, 0.0), (special.rgamma, np.inf, 0.0), (special.kolmogorov, np.inf, 0.0),
    (special.i0e, np.inf, 0.0), (special.i0e, -np.inf, 0.0), (special.i1e, np.inf, 0.0),
    (special.k0e, np.inf, 0.0), (special.k1e, np.inf, 0.0), (special.wrightomega, np.inf, 1.0),
    (lambda x: special.sici(x)[0], np.inf, 0.0), (lambda x: special.sici(x)[1], np.inf, 0.0),
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(("function", "x", "slope"), AT_INFINITY)
def test_limits_at_infinity(function: Any, x: float, slope: float, engine: str) -> None:
    first = autodiff.gradient(lambda x: function(x), engine=engine)
    assert first(x) == slope
    assert autodiff.gradient(lambda x: first(x), engine=engine)(x) == 0.0
    np.testing.assert_array_equal(
        autodiff.jvp(lambda v: autodiff.jvp(function, (v,), (1.0,))[1], (x,), (1.0,))[1], 0.0
    )


# Products of an infinity and a zero: what is a limit is one, what is none is NaN, in both modes.
NO_NUMBERS = (0.0, 1.0, 2.0, np.inf, -np.inf, np.nan, -1.0)
SLOPES_AT_INFINITY: dict[str, tuple[Any, tuple[float, ...], tuple[float, ...]]] = {
    "xlogy": (special.xlogy, (2.0, np.inf), (np.inf, 0.0)),
    "xlogy, no limit": (special.xlogy, (np.inf, np.inf), (np.inf, np.nan)),
    "xlog1py": (special.xlog1py, (2.0, np.inf), (np.inf, 0.0)),
    "entr": (special.entr, (np.inf,), (-np.inf,)),
    "entr at 0": (special.entr, (0.0,), (0.0,)),
    "rel_entr": (special.rel_entr, (np.inf, 2.0), (np.inf, -np.inf)),
    "rel_entr far": (special.rel_entr, (2.0, np.inf), (-np.inf, 0.0)),
    "kl_div": (special.kl_div, (np.inf, 2.0), (np.inf, -np.inf)),
    "kl_div far": (special.kl_div, (2.0, np.inf), (-np.inf, 1.0)),
}


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("name", SLOPES_AT_INFINITY)
def test_limits_of_entropies_at_infinity(name: str, engine: str) -> None:
    function, point, slopes = SLOPES_AT_INFINITY[name]
    wrt = tuple(range(len(point)))
    with np.errstate(all="ignore"):
        found = autodiff.gradient(function, wrt=wrt, engine=engine)(*point)
    np.testing.assert_array_equal(found, slopes)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "function", [special.xlogy, special.xlog1py, special.entr, special.rel_entr, special.kl_div]
)
def test_entropies_have_one_derivative_in_both_modes(function: Any, engine: str) -> None:
    grids = np.meshgrid(*(NO_NUMBERS,) * function.nin)
    points = [np.ravel(grid) for grid in grids]
    with np.errstate(all="ignore"):
        total = (
            (lambda x: np.sum(function(x)))
            if function.nin == 1
            else (lambda x, y: np.sum(function(x, y)))
        )
        wrt = tuple(range(function.nin))
        backwards = autodiff.gradient(total, wrt=wrt, engine=engine)(*points)
        for k, slope in enumerate(backwards if function.nin > 1 else [backwards]):
            directions = tuple(np.full(p.shape, float(j == k)) for j, p in enumerate(points))
            forwards = autodiff.jvp(function, tuple(points), directions, engine=engine)[1]
            np.testing.assert_array_equal(forwards, slope)


@pytest.mark.parametrize("ufunc", [np.logaddexp, np.logaddexp2])
@pytest.mark.parametrize("x", [np.inf, -np.inf])
def test_equal_infinities_share_equally(ufunc: Any, x: float) -> None:
    assert autodiff.gradient(ufunc)(x, x) == (0.5, 0.5)


# A function of an array that is a polynomial or smooth at the point, and the point.
OF_ARRAYS: dict[str, tuple[Callable[..., Any], Callable[..., Any], np.ndarray]] = {
    "prod": (np.prod, lambda x: x[0] * x[1] * x[2] * x[3], np.array([0.0, 0.0, 2.0, 0.0])),
    "cumprod": (
        lambda x: np.sum(np.cumprod(x)),
        lambda x: x[0] + x[0] * x[1] + x[0] * x[1] * x[2],
        np.array([0.0, 0.0, 2.0]),
    ),
    "det": (
        lambda x: np.linalg.det(np.reshape(x, (3, 3))),
        lambda x: (
            x[0] * (x[4] * x[8] - x[5] * x[7])
            - x[1] * (x[3] * x[8] - x[5] * x[6])
            + x[2] * (x[3] * x[7] - x[4] * x[6])
        ),
        np.zeros(9),
    ),
    "squared norm": (
        lambda x: np.linalg.norm(x) ** 2,
        lambda x: x[0] ** 2 + x[1] ** 2,
        np.zeros(2),
    ),
    "product of norms": (
        lambda x: np.linalg.norm(x) * np.linalg.norm(x),
        lambda x: x[0] ** 2 + x[1] ** 2,
        np.zeros(2),
    ),
    "logaddexp.reduce": (
        np.logaddexp.reduce,
        lambda x: mpmath.log(mpmath.exp(x[0]) + mpmath.exp(x[1]) + mpmath.exp(x[2])),
        np.zeros(3),
    ),
    "logsumexp": (
        special.logsumexp,
        lambda x: mpmath.log(mpmath.exp(x[0]) + mpmath.exp(x[1]) + mpmath.exp(x[2])),
        np.array([1.0, 1.0, 1.0]),
    ),
    "softmax": (
        lambda x: special.softmax(x)[0],
        lambda x: 1 / (1 + mpmath.exp(x[1] - x[0]) + mpmath.exp(x[2] - x[0])),
        np.zeros(3),
    ),
    "matrix_power": (
        lambda x: np.linalg.matrix_power(np.reshape(x, (2, 2)), 3)[0, 0],
        lambda x: x[0] ** 3 + 2 * x[0] * x[1] * x[2] + x[1] * x[2] * x[3],
        np.zeros(4),
    ),
    "norm of order 4": (
        lambda x: np.linalg.norm(x, 4),
        lambda x: mpmath.root(x[0] ** 4 + x[1] ** 4, 4),
        np.array([1.0, 0.0]),
    ),
}


def _along(function: Any, point: np.ndarray, direction: np.ndarray) -> Callable[[Any], Any]:
    return lambda t: function(point + t * direction)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_functions_of_arrays_along_lines(name: str) -> None:
    function, exact, point = OF_ARRAYS[name]
    rng = np.random.default_rng(7)
    for direction in rng.normal(size=(3, *point.shape)):
        f: Any = _along(function, point, direction)
        with mpmath.workdps(200):
            h = mpmath.mpf(10) ** -15
            start, step = ([mpmath.mpf(v) for v in x] for x in (point, direction))
            line = [
                exact([p + k * h * d for p, d in zip(start, step, strict=True)])
                for k in range(-3, 4)
            ]
            expected = [float(d) for d in _central(line, h)]
        for order in range(3):
            f = autodiff.gradient(f, engine="numpy")
            np.testing.assert_allclose(f(0.0), expected[order], rtol=1e-9, atol=1e-9)


NORMS = [(np.zeros(3), p) for p in (None, 0.5, 1, 1.5, 2, 3, 4, np.inf, -np.inf)]
NORMS += [(np.zeros((2, 2)), p) for p in (None, 1, 2, -2, np.inf, "fro", "nuc")]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(("x", "order"), NORMS, ids=str)
def test_norms_have_derivative_0_at_zero(x: np.ndarray, order: Any, engine: str) -> None:
    slope = autodiff.gradient(lambda x: np.linalg.norm(x, order), engine=engine)
    np.testing.assert_array_equal(slope(x), np.zeros_like(x))


@pytest.mark.parametrize("order", [1.5, 3, 4, 7.5])
@pytest.mark.parametrize("size", [1e-200, 1e-100, 1.0, 1e100, 1e200])
def test_norms_of_tiny_and_huge_vectors(order: float, size: float) -> None:
    x = np.array([0.0, 1.0, -2.0])
    slope = autodiff.gradient(lambda x: np.linalg.norm(x, order))
    np.testing.assert_allclose(slope(size * x), slope(x), rtol=1e-12)


def test_the_hessian_of_a_logistic_loss_at_zero_weights() -> None:
    x, y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 1.0]]), np.array([1.0, -1.0, 1.0])
    loss = lambda w: np.sum(np.logaddexp(0.0, -y * (x @ w)))  # noqa: E731
    np.testing.assert_allclose(autodiff.hessian(loss)(np.zeros(2)), x.T @ x / 4)


def test_the_derivative_of_heaviside_by_its_value_at_zero() -> None:
    assert autodiff.gradient(np.heaviside, wrt=(0, 1))(0.0, 0.5) == (0.0, 1.0)


def test_mixed_derivatives_of_a_power_at_exponent_zero() -> None:
    by_base = autodiff.gradient(lambda a, b: a**b, wrt=0)
    assert autodiff.gradient(lambda b: by_base(2.0, b))(0.0) == 0.5


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_exprel_and_its_derivatives_are_infinite_where_exp_is(engine):
    x = np.array([np.inf, 1e308, 1001.0, 720.0, -np.inf, -1e308])
    right = np.array([np.inf, np.inf, np.inf, np.inf, 0.0, 1e-308])
    with np.errstate(all="ignore"):
        got = autodiff.function(lambda v: special.exprel(v), engine=engine)(x)
        np.testing.assert_array_equal(got, special.exprel(x))
        np.testing.assert_array_equal(got, right)
        slope = autodiff.gradient(lambda v: np.sum(special.exprel(v)), engine=engine)
        np.testing.assert_array_equal(slope(x), [np.inf, np.inf, np.inf, np.inf, 0.0, 0.0])


# Where a function ends with an infinite slope, or has a pole: its derivatives of order 1 to 3.
AT_ENDS = [
    (np.arcsin, 1.0, (np.inf, np.inf, np.inf)), (np.arcsin, -1.0, (np.inf, -np.inf, np.inf)),
    (np.arccos, 1.0, (-np.inf, -np.inf, -np.inf)), (np.arccos, -1.0, (-np.inf, np.inf, -np.inf)),
    (np.arccosh, 1.0, (np.inf, -np.inf)), (np.arctanh, 1.0, (np.inf, np.inf, np.inf)),
    (special.gammaln, 0.0, (-np.inf, np.inf, -np.inf)), (special.digamma, 0.0, (np.inf, -np.inf, np.inf)),
    (special.ellipk, 1.0, (np.inf,)), (special.expi, np.inf, (np.inf, np.inf, np.inf)),
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(("function", "x", "right"), AT_ENDS)
@pytest.mark.filterwarnings("ignore:divide by zero")  # the value is infinite, and NumPy says so
def test_infinite_slopes_at_ends(function: Any, x: float, right: Any, engine: str) -> None:
    f = lambda x: function(x)  # noqa: E731
    for expected in right:
        f = autodiff.gradient(f, engine=engine)
        assert f(x) == expected


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("exponent", [0.5, 1 / 3, 0.9])
def test_fractional_powers_have_derivative_0_at_zero(exponent: float, engine: str) -> None:
    """As roots have: the length ``(v @ v)**0.5`` has that of ``norm(v)``, also by a traced exponent."""
    known = autodiff.gradient(lambda v: (v @ v) ** exponent, engine=engine)
    traced = autodiff.gradient(lambda v, p: np.sum(v * v) ** p, wrt=0, engine=engine)
    np.testing.assert_array_equal(known(np.zeros(3)), 0.0)
    np.testing.assert_array_equal(traced(np.zeros(3), exponent), 0.0)
    assert autodiff.gradient(lambda x: x**exponent, engine=engine)(0.0) == 0.0


@pytest.mark.parametrize("x", [-1e3, -1e6, -1e9])
def test_third_derivative_of_log_ndtr_far_to_the_left(x: float) -> None:
    f: Any = special.log_ndtr
    for _ in range(3):
        f = _forward(f)
    found = autodiff.function(f, engine="numpy")(np.array([x]))
    r = 1 / x
    np.testing.assert_allclose(found, -2 * r**3 * (1 - 12 * r * r), rtol=1e-9)


@pytest.mark.parametrize(("name", "sign"), [("i0e", -1), ("i1e", -1), ("k0e", -1), ("k1e", -1)])
def test_slopes_of_scaled_bessel_functions_far_out(name: str, sign: int) -> None:
    """Differences of functions that agree to all digits give nothing there; the slope is -y / 2x."""
    function = getattr(special, name)
    for x in (1e10, 1e16, 1e100):
        slope = autodiff.gradient(lambda x: function(x))(x)
        np.testing.assert_allclose(slope, sign * 0.5 * function(x) / x, rtol=1e-9)


# -- where a factor is infinite and another is zero, and the whole is smooth ---------------------------------
# A function of one number, the same of mpmath, points; of None the derivative is 0.
SMOOTH_ALL_THE_SAME: dict[str, tuple[Any, Any, tuple[float, ...]]] = {
    "factorial": (special.factorial, mpmath.factorial, (0.0, 1.0, 0.5, 3.0)),
    "factorial of an array": (
        lambda x: special.factorial(x * np.ones(1))[0], mpmath.factorial, (0.0, 1.0, 2.5)
    ),
    "triang by its mode": (
        lambda c: stats.triang.pdf(0.1, c), lambda c: 0.2 / c, (0.2, 0.4, 0.9)
    ),
    "triang right of its mode": (
        lambda c: stats.triang.logpdf(0.8, c), lambda c: mpmath.log(0.4 / (1 - c)), (0.2, 0.4)
    ),
    "log of triang by its mode": (
        lambda c: stats.triang.logpdf(0.1, c), lambda c: mpmath.log(0.2 / c), (0.2, 0.4, 0.9)
    ),
    "poch": (lambda a: special.poch(a, 2.5), lambda a: mpmath.rf(a, 2.5), (0.0, -1.0, -2.0, -3.0, -0.9, 0.1, -7.0, 1.5)),
    "poch of a whole step": (lambda a: special.poch(a, 3.0), lambda a: a * (a + 1) * (a + 2), (0.0, -1.0, -2.0, -3.0, -5.0, 2.0)),
    "poch by its step": (lambda m: special.poch(-2.0, m), None, (0.5, 2.5)),
    "binom left of zero": (
        lambda k: special.binom(5.0, k), lambda k: mpmath.binomial(5, k), (-1.0, -2.0, -0.7, 0.0, 5.0, 6.0)
    ),
    "binom by its first left of zero": (
        lambda n: special.binom(n, -1.5), lambda n: mpmath.binomial(n, -1.5), (0.3, 2.0, 5.0)
    ),
    "beta at a pole": (lambda a: special.beta(a, 1.0), lambda a: 1 / a, (-1.0, -2.0, 0.5)),
    "mean with zero": (lambda b: special.agm(0.0, b), None, (0.5, 2.0)),
    "mean of zero": (lambda b: special.agm(b, 0.0), None, (0.5, 2.0)),
    "F by the numerator at zero": (lambda m: special.fdtr(m, 1.0, 0.0), None, (1.0, 3.0)),
    "F by the denominator at zero": (lambda n: special.fdtr(1.0, n, 0.0), None, (1.0, 3.0)),
    "R_D of zero": (
        lambda z: special.elliprd(0.0, 2.0, z), lambda z: mpmath.elliprd(0, 2, z), (1.0, 2.0, 7.0)
    ),
    "R_D of a second zero": (
        lambda z: special.elliprd(2.0, 0.0, z), lambda z: mpmath.elliprd(2, 0, z), (1.0, 2.0, 7.0)
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("name", SMOOTH_ALL_THE_SAME)
def test_derivatives_where_infinity_meets_zero(name: str, engine: str) -> None:
    function, exact, points = SMOOTH_ALL_THE_SAME[name]
    slope = autodiff.gradient(function, engine=engine, on_fallback="error")
    value = autodiff.function(function, engine=engine, on_fallback="error")
    for x in points:
        right = 0.0 if exact is None else float(mpmath.diff(exact, x))
        assert np.isclose(slope(x), right, rtol=1e-9, atol=1e-12)
        assert np.isclose(autodiff.jvp(function, (x,), (1.0,))[1], right, rtol=1e-9, atol=1e-12)
        assert np.isclose(value(x), function(x), rtol=1e-14, atol=0)


@pytest.mark.parametrize("a", [30.0, 1e8, 1e16, 1e20])
@pytest.mark.parametrize("away", [-2.0, 0.0, 1.5])
def test_densities_of_large_shapes(a: float, away: float) -> None:
    """``x**(a - 1) e**-x / gamma(a)``, whose factors cancel: of a = 1e16 all digits."""
    x = a + away * np.sqrt(a)
    with mpmath.workdps(120):
        b = mpmath.mpf(a)
        exact = lambda x: mpmath.exp((b - 1) * mpmath.log(x) - x - mpmath.loggamma(b))  # noqa: E731
        terms = mpmath.taylor(exact, mpmath.mpf(x), 2, h=b * mpmath.mpf(10) ** -40)
        right = [float(terms[k] * math.factorial(k)) for k in range(3)]
    f = lambda x: special.gammainc(a, x)  # noqa: E731
    for k in range(3):
        f = autodiff.gradient(f, engine="numpy")
        np.testing.assert_allclose(f(x), right[k], rtol=1e-9)


@pytest.mark.parametrize("m", [50.0, 1e10, 1e16, 1e100, 1e200])
@pytest.mark.parametrize("x", [0.6, 1.3, 40.0])
def test_the_f_distribution_of_many_degrees_of_freedom(m: float, x: float) -> None:
    with mpmath.workdps(250):
        a, b, r = mpmath.mpf(m) / 2, mpmath.mpf(1), mpmath.mpf(m) / 2
        exact = lambda x: mpmath.exp(  # noqa: E731
            a * mpmath.log(r * x) - (a + b) * mpmath.log(1 + r * x) + mpmath.log(a) - mpmath.log(x)
        )
        terms = mpmath.taylor(exact, mpmath.mpf(x), 1, h=mpmath.mpf(10) ** -30)
    density = autodiff.gradient(lambda x: special.fdtr(m, 2.0, x), engine="numpy")
    np.testing.assert_allclose(density(x), float(terms[0]), rtol=1e-10)
    np.testing.assert_allclose(autodiff.gradient(density)(x), float(terms[1]), rtol=1e-9)


@pytest.mark.parametrize("m", [0, 2, 4])
@pytest.mark.parametrize("v", [0, 1, 2, 5])
def test_legendre_functions_at_their_ends(m: int, v: int) -> None:
    """Of even orders they are polynomials (DLMF 14.7.8)."""
    line = np.polynomial.Legendre.basis(v).convert(kind=np.polynomial.Polynomial).deriv(m)
    whole = np.polynomial.Polynomial([1.0, 0.0, -1.0]) ** (m // 2) * line
    backward = forward = lambda x: special.lpmv(m, float(v), x)
    x = np.array([1.0, -1.0, 0.3])
    for order in (1, 2, 3):
        backward, forward = _reverse(backward), _forward(forward)
        right = whole.deriv(order)(x)
        np.testing.assert_allclose(backward(x), right, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(
            autodiff.function(forward, engine="numpy")(x), right, rtol=1e-11, atol=1e-11
        )


@pytest.mark.parametrize(
    ("n", "a", "b", "x"),
    [
        (1, -1.0, 0.0, 0.3),
        (1, 0.0, -1.0, 0.3),
        (3, 0.5, 1.5, -0.3),
        (2, 0.0, 0.0, 1.0),
        (1, -1.0, 1.0, 1.0),
    ],
)
def test_jacobi_polynomials_by_parameters_at_poles_of_other_degrees(
    n: int, a: float, b: float, x: float
) -> None:
    exact = lambda a, b: _jacobi(n, a, b, mpmath.mpf(x))  # noqa: E731
    right = [float(mpmath.diff(exact, (a, b), which)) for which in ((1, 0), (0, 1))]
    found = autodiff.gradient(lambda a, b: special.eval_jacobi(n, a, b, x), engine="numpy")(a, b)
    np.testing.assert_allclose(found, right, rtol=1e-11, atol=1e-11)
    p, q = a + b + 1, b + 1  # the shifted ones of the same exponents
    of_shifted = lambda p, q: (
        _jacobi(n, p - q, q - 1, 2 * mpmath.mpf(x) - 1) / mpmath.binomial(2 * n + p - 1, n)
    )  # noqa: E731
    right = [float(mpmath.diff(of_shifted, (p, q), which)) for which in ((1, 0), (0, 1))]
    found = autodiff.gradient(lambda p, q: special.eval_sh_jacobi(n, p, q, x), engine="numpy")(p, q)
    np.testing.assert_allclose(found, right, rtol=1e-11, atol=1e-11)


def test_a_derivative_by_a_parameter_at_a_singularity_is_no_number() -> None:
    slope = autodiff.gradient(lambda a: special.eval_jacobi(0.5, a, 0.5, 0.3), engine="numpy")
    with np.errstate(all="ignore"):
        assert np.isnan(slope(-1.0)) and np.isfinite(slope(-0.9))


@pytest.mark.parametrize(("p", "right"), [(0.5, (0.0, 0.5, 0.0)), (1.0, (1.0, 0.0, 0.0))])
def test_inv_boxcox_at_its_end(p: float, right: tuple[float, ...]) -> None:
    """``(1 + p x)**(1 / p)`` of a base of 0."""
    f, g = (lambda x: special.inv_boxcox(x, p)), (lambda x: special.inv_boxcox1p(x, p))
    for k in range(3):
        f, g = autodiff.gradient(f, engine="numpy"), autodiff.gradient(g, engine="numpy")
        assert f(-1 / p) == g(-1 / p) == right[k]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_polygamma_gives_arrays_of_float64(order: int, engine: str) -> None:
    def f(x: Any) -> Any:
        return special.polygamma(order, x)

    for x in (2.0, np.float32(3.0), np.array(1.5), np.array([1.0, 2.0], np.float32), 2):
        have, want = autodiff.function(f, engine=engine, on_fallback="error")(x), f(x)
        assert type(have) is type(want)
        assert (have.dtype, have.shape) == (want.dtype, want.shape)
        assert np.allclose(have, want, rtol=1e-14)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_factorials_as_in_scipy(engine: str) -> None:
    numbers = (0.0, 1.0, -1.0, -0.5, 3, 0, np.float64(1.0), np.nan)
    arrays = (np.array([0.0, 1.0, 2.5, -1.0, np.nan]), np.array([0, 1, 3]), np.array(2.0))
    for x in (*numbers, *arrays, np.array([1.0, 2.0], np.float32)):
        want = special.factorial(x)
        have = autodiff.function(lambda x: special.factorial(x), engine=engine)(x)
        assert type(have) is type(want)
        assert (have.dtype, have.shape) == (want.dtype, want.shape)
        assert np.allclose(have, want, rtol=1e-14, equal_nan=True)


# -- where the square of a denominator over- or underflows, and the derivatives do not ------------------------
FAR_QUOTIENTS: dict[str, tuple[Any, Any, tuple[float, ...]]] = {
    "log of cosh": (lambda x: np.log(np.cosh(x)), lambda x: mpmath.log(mpmath.cosh(x)), (300.0, 400.0, -400.0, 700.0)),
    "log of 1 + exp": (lambda x: np.log(1 + np.exp(x)), lambda x: mpmath.log(1 + mpmath.exp(x)), (360.0, 700.0)),
    "log1p of exp": (lambda x: np.log1p(np.exp(x)), lambda x: mpmath.log1p(mpmath.exp(x)), (360.0, 700.0)),
    "log of squares": (lambda x: np.log(1 + x * x), lambda x: mpmath.log(1 + x * x), (1e60, 1e78, 1e100)),
    "log1p of squares": (lambda x: np.log1p(x**2), lambda x: mpmath.log1p(x * x), (1e60, 1e78, 1e100)),
    "log2 of a square": (lambda x: np.log2(x**2), lambda x: mpmath.log(x * x, 2), (1e-100, 1e-80, 1e80, 1e100)),
    "log10 of a square": (lambda x: np.log10(x**2), lambda x: mpmath.log(x * x, 10), (1e-100, 1e100)),
    "sech": (lambda x: 1 / np.cosh(x), mpmath.sech, (200.0, 300.0, -300.0)),
    "reciprocal of cosh": (lambda x: np.reciprocal(np.cosh(x)), mpmath.sech, (200.0, 300.0)),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + mpmath.exp(-x)), (-100.0, -250.0, -350.0)),
    "Lorentz": (lambda x: 1 / (1 + x**2), lambda x: 1 / (1 + x * x), (1e20, 1e40)),
    "powers": (lambda x: x**3 / x**2, lambda x: x, (1e80, 1e90, 1e-60, 1e-90)),
    "products": (lambda x: x * x / x, lambda x: x, (1e110, 1e150, 1e-110, 1e-150)),
    "log of a sum": (
        lambda x: np.log(np.sum(np.exp(np.array([x, -x])))), lambda x: mpmath.log(2 * mpmath.cosh(x)), (360.0, 400.0)
    ),
    "huge over far": (lambda x: 1e200 / x, lambda x: 1e200 / x, (1e80, 1e120)),
    "tiny over near": (lambda x: 1e-200 / x, lambda x: 1e-200 / x, (1e-110, 1e-80)),
}  # fmt: skip

# Where also the slope by a denominator is out of range, and what it is multiplied with next makes up for
# it: function, the same of mpmath, points, the orders that are right.
FAR_SLOPES: dict[str, tuple[Any, Any, tuple[float, ...], int]] = {
    "sech": (lambda x: 1 / np.cosh(x), mpmath.sech, (400.0, -400.0, 700.0), 3),
    "csch": (lambda x: 1 / np.sinh(x), mpmath.csch, (400.0, -400.0, 700.0), 3),
    "reciprocal of a reciprocal": (lambda x: np.reciprocal(np.reciprocal(x)), lambda x: x, (1e300, 1e-300), 1),
    "reciprocal of cosh": (lambda x: np.reciprocal(np.cosh(x)), mpmath.sech, (400.0, 700.0), 3),
    "power of cosh": (lambda x: np.cosh(x) ** -1, mpmath.sech, (400.0, 700.0), 3),
    "second power of cosh": (lambda x: np.cosh(x) ** -2.0, lambda x: mpmath.sech(x) ** 2, (300.0, 350.0), 3),
    "root of cosh": (lambda x: np.cosh(x) ** -0.5, lambda x: mpmath.sech(x) ** 0.5, (600.0, -700.0), 3),
    "power of a power": (lambda x: (x**4) ** -0.25, lambda x: 1 / x, (1e70, 1e-70), 1),
    "logistic": (lambda x: 1 / (1 + np.exp(x)), lambda x: 1 / (1 + mpmath.exp(x)), (400.0, 600.0), 3),
    "logistic of a large numerator": (lambda x: 1e10 / (1 + np.exp(x)), lambda x: 1e10 / (1 + mpmath.exp(x)), (400.0,), 3),
    "Fermi": (lambda x: x / (1 + np.exp(x)), lambda x: x / (1 + mpmath.exp(x)), (400.0, 600.0), 3),
    "Planck": (lambda x: x**3 / np.expm1(x), lambda x: x**3 / mpmath.expm1(x), (400.0, 600.0), 3),
    "Lorentz": (lambda x: 1 / (1 + x**2), lambda x: 1 / (1 + x * x), (1e80, 1e100), 1),
    "Lorentz as a power": (lambda x: (1 + x**2) ** -1.0, lambda x: 1 / (1 + x * x), (1e80, 1e100), 1),
    "log of a square and one": (lambda x: np.log(x**2 + 1), lambda x: mpmath.log(x * x + 1), (1e107, 1e120, 1e140), 2),
    "arccosh of a square and one": (lambda x: np.arccosh(1 + x * x), lambda x: mpmath.acosh(1 + x * x), (1e5, 1e100, 1e140), 2),
    "arcsinh of a square": (lambda x: np.arcsinh(x * x), lambda x: mpmath.asinh(x * x), (1e-3, 1e5, 1e100, 1e140), 2),
    "Cauchy of a square": (lambda x: stats.cauchy.logpdf(x * x), lambda x: -mpmath.log1p(x**4), (1e-3, 1e5, 1e70), 3),
    "where": (
        lambda x: 1 / np.where(x > 0, np.cosh(x), np.exp(-x)), mpmath.sech, (400.0, 700.0), 2
    ),
    "quotient of powers": (lambda x: x**3 / (1 + x**2) ** 2, lambda x: x**3 / (1 + x * x) ** 2, (1e30, 1e50), 3),
    "quotient of powers of powers": (lambda x: x**20 / (1 + x**0.5) ** 40, lambda x: x**20 / (1 + mpmath.sqrt(x)) ** 40, (1.6e9,), 3),
    "quotient of traced powers": (
        lambda x: x ** (20.0 + 0.0 * x) / (1 + x**0.5) ** (40.0 + 0.0 * x),
        lambda x: x**20 / (1 + mpmath.sqrt(x)) ** 40, (1.6e9,), 2,
    ),
    "mean": (lambda x: np.mean(1 / np.cosh(x * np.ones(2))), mpmath.sech, (400.0,), 3),
    "traced exponent": (
        lambda x: np.power(np.cosh(x), -1.0 + 0.0 * x), mpmath.sech, (400.0,), 1
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("name", FAR_SLOPES)
@pytest.mark.filterwarnings("ignore")
def test_derivatives_where_slopes_by_denominators_underflow(name: str, engine: str) -> None:
    """Relative to the terms that are added up: the value over x, over x squared, …, or itself."""
    function, exact, points, orders = FAR_SLOPES[name]
    backward, forward = function, lambda x: autodiff.jvp(function, (x,), (1.0,), engine=engine)[1]
    for order in range(1, orders + 1):
        backward = autodiff.gradient(backward, engine=engine)
        for x in points:
            with mpmath.workdps(60):
                step = abs(x) * mpmath.mpf(10) ** -25
                right = float(mpmath.diff(exact, mpmath.mpf(x), order, h=step))
                size = max(abs(right), float(abs(exact(mpmath.mpf(x))) / abs(x) ** order))
            assert abs(backward(x) - right) <= 1e-11 * size, (x, order)
            assert order > 1 or abs(forward(x) - right) <= 1e-11 * size, x


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("name", FAR_QUOTIENTS)
@pytest.mark.filterwarnings("ignore")
def test_derivatives_where_squares_of_denominators_overflow(name: str, engine: str) -> None:
    """Relative to the terms that are added up: the value over x, over x squared, …, or itself."""
    function, exact, points = FAR_QUOTIENTS[name]
    backward = [function]
    for _ in range(3):
        backward.append(autodiff.gradient(backward[-1], engine=engine))
    with mpmath.workdps(400):
        for x in points:
            terms = mpmath.taylor(exact, mpmath.mpf(x), 3, h=abs(x) * mpmath.mpf(10) ** -60)
            for order in (1, 2, 3):
                right = float(terms[order] * math.factorial(order))
                slope = float(abs(terms[1]))
                size = max(abs(right), slope, slope / abs(x) ** (order - 1))
                if size / abs(x) ** 2 > 1e300:  # the cotangent of what is divided by does not fit
                    break
                assert abs(backward[order](x) - right) <= 1e-12 * size, (x, order)
            pushed = autodiff.jvp(
                autodiff.gradient(function, engine=engine), (x,), (1.0,), engine=engine
            )[1]
            right = float(terms[2] * 2)
            assert abs(pushed - right) <= 1e-12 * max(
                abs(right), float(abs(terms[1])), float(abs(terms[1])) / abs(x)
            )


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_constant_exponent_made_by_a_product_with_zero(engine: str) -> None:
    """The logarithm of a negative base is no number, and is multiplied by a derivative that is 0."""
    f = lambda x: np.power(x, 2.0 + 0 * x)  # noqa: E731
    assert autodiff.gradient(f, engine=engine)(-1.0) == -2.0
    assert autodiff.jvp(f, (-1.0,), (1.0,), engine=engine)[1] == -2.0


# Where the function is at its limit: the derivatives of order 1 and 2, in both modes.
AT_LIMITS: dict[str, tuple[Callable[..., Any], float, float, float]] = {
    "gammainc": (lambda x: special.gammainc(3.0, x), np.inf, 0.0, 0.0),
    "gammaincc": (lambda x: special.gammaincc(0.5, x), np.inf, 0.0, 0.0),
    "gammainc of a square": (lambda x: special.gammainc(3.0, x * x), 1e200, 0.0, 0.0),
    "gammainc of exp": (lambda x: special.gammainc(3.0, np.exp(x)), 800.0, 0.0, 0.0),
    "chdtr": (lambda x: special.chdtr(3.0, x), np.inf, 0.0, 0.0),
    "chdtrc": (lambda x: special.chdtrc(3.0, x), np.inf, 0.0, 0.0),
    "gdtr": (lambda x: special.gdtr(2.0, 3.0, x), np.inf, 0.0, 0.0),
    "gdtr by a": (lambda a: special.gdtr(a, 3.0, 2.0), np.inf, 0.0, 0.0),
    "gdtr by b": (lambda b: special.gdtr(2.0, b, np.inf), 2.0, 0.0, 0.0),
    "fdtr": (lambda x: special.fdtr(3.0, 4.0, x), np.inf, 0.0, 0.0),
    "fdtrc": (lambda x: special.fdtrc(3.0, 4.0, x), np.inf, 0.0, 0.0),
    "fdtr by m": (lambda m: special.fdtr(m, 4.0, np.inf), 3.0, 0.0, 0.0),
    "fdtrc by n": (lambda n: special.fdtrc(2.0, n, np.inf), 3.0, 0.0, 0.0),
    "pdtr": (lambda m: special.pdtr(3, m), np.inf, 0.0, 0.0),
    "zeta": (lambda x: special.zeta(x, 1.0), np.inf, 0.0, 0.0),
    "zeta below 1": (lambda x: special.zeta(x, 0.5), np.inf, np.inf, np.inf),
    "zetac": (special.zetac, np.inf, 0.0, 0.0),
    "Voigt": (lambda x: special.voigt_profile(x, 1.0, 1.0), -np.inf, 0.0, 0.0),
    "Voigt by s": (lambda s: special.voigt_profile(np.inf, s, 1.0), 1.0, 0.0, 0.0),
    "lambertw": (lambda x: special.lambertw(x).real, np.inf, 0.0, 0.0),
    "pseudo_huber": (lambda x: special.pseudo_huber(2.0, x), np.inf, 2.0, 0.0),
    "pseudo_huber to the left": (lambda x: special.pseudo_huber(2.0, x), -np.inf, -2.0, 0.0),
    "ellipk": (special.ellipk, -np.inf, 0.0, 0.0), "ellipe": (special.ellipe, -np.inf, 0.0, 0.0),
    "poisson": (lambda m: stats.poisson.cdf(3, m), np.inf, 0.0, 0.0),
    "loggamma": (lambda x: stats.loggamma.cdf(x, 3.0), 800.0, 0.0, 0.0),
    "chi": (lambda x: stats.chi.cdf(x, 3.0), 1e200, 0.0, 0.0),
    "maxwell": (lambda x: stats.maxwell.cdf(x), 1e200, 0.0, 0.0),
    "nakagami": (lambda x: stats.nakagami.cdf(x, 2.0), 1e200, 0.0, 0.0),
    "gengamma": (lambda x: stats.gengamma.cdf(x, 2.0, 3.0), 1e150, 0.0, 0.0),
    "invgamma": (lambda x: stats.invgamma.cdf(x, 2.0), 1e-310, 0.0, 0.0),
    # what tends to a number is made of what is infinite there, and has an infinite slope
    "exp": (lambda x: np.exp(-x * x), np.inf, 0.0, 0.0),
    "exp2": (lambda x: np.exp2(-(x**2)), -np.inf, 0.0, 0.0),
    "expm1": (lambda x: np.expm1(-(x**2)), np.inf, 0.0, 0.0),
    "tanh": (lambda x: np.tanh(x * x), np.inf, 0.0, 0.0),
    "arctan": (lambda x: np.arctan(np.exp(x)), 800.0, 0.0, 0.0),
    "erf": (lambda x: special.erf(x * x), np.inf, 0.0, 0.0),
    "erfc": (lambda x: special.erfc(x * x), np.inf, 0.0, 0.0),
    "ndtr": (lambda x: special.ndtr(x**3), np.inf, 0.0, 0.0),
    "normal density": (lambda x: stats.norm.pdf(x**2), np.inf, 0.0, 0.0),
    "expit": (lambda x: special.expit(x**3), -np.inf, 0.0, 0.0),
    "logistic by hand": (lambda x: 1 / (1 + np.exp(-x)), -800.0, 0.0, 0.0),
    "sech by hand": (lambda x: 1 / np.cosh(x), 800.0, 0.0, 0.0),
    "quotient": (lambda x: 1 / (1 + x**2), np.inf, 0.0, 0.0),
    "reciprocal": (lambda x: np.reciprocal(x**2), np.inf, 0.0, 0.0),
    "logaddexp": (lambda x: np.logaddexp(0.0, -(x**2)), np.inf, 0.0, 0.0),
    "softplus": (lambda x: special.softplus(-(x**2)), np.inf, 0.0, 0.0),
    # shapes at infinity
    "gammainc by a": (lambda a: special.gammainc(a, 1.0), np.inf, 0.0, 0.0),
    "gammainc by x for infinite a": (lambda x: special.gammainc(np.inf, x), 1.0, 0.0, 0.0),
    "gammaincc by a": (lambda a: special.gammaincc(a, 0.0), np.inf, 0.0, 0.0),
    "betainc by a": (lambda a: special.betainc(a, 2.0, 0.3), np.inf, 0.0, 0.0),
    "betainc by b": (lambda b: special.betainc(2.0, b, 0.3), np.inf, 0.0, 0.0),
    "betainc by b for infinite a": (lambda b: special.betainc(np.inf, b, 0.3), 2.0, 0.0, 0.0),
    "betainc by x for infinite a": (lambda x: special.betainc(np.inf, 2.0, x), 0.3, 0.0, 0.0),
    "betaincc by x for infinite b": (lambda x: special.betaincc(2.0, np.inf, x), 0.3, 0.0, 0.0),
    "betainc by b for a zero": (lambda b: special.betainc(0.0, b, 0.3), 2.0, 0.0, 0.0),
    "betainc by x for b zero": (lambda x: special.betainc(2.0, 0.0, x), 0.3, 0.0, 0.0),
    "stdtr by df": (lambda n: special.stdtr(n, 1.0), np.inf, 0.0, 0.0),
    "t.sf by df": (lambda n: stats.t.sf(1.0, n), np.inf, 0.0, 0.0),
    "t.ppf by df": (lambda n: stats.t.ppf(0.9, n), np.inf, 0.0, 0.0),
    "t.logpdf by df": (lambda n: stats.t.logpdf(0.9, n), np.inf, 0.0, 0.0),
    "t.var by df": (lambda n: stats.t.var(n), np.inf, 0.0, 0.0),
    "t.std by df": (lambda n: stats.t.std(n), np.inf, 0.0, 0.0),
    "t.entropy by df": (lambda n: stats.t.entropy(n), np.inf, 0.0, 0.0),
    "gamma.cdf by shape": (lambda a: stats.gamma.cdf(2.0, a), np.inf, 0.0, 0.0),
}  # fmt: skip


def _normal_density(x: float) -> float:
    return float(np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_student_of_infinitely_many_degrees_is_normal(engine: str) -> None:
    slope = autodiff.gradient(lambda x: special.stdtr(np.inf, x), engine=engine)
    for x in (-2.0, 0.0, 1.0):
        np.testing.assert_allclose(slope(x), _normal_density(x), rtol=1e-14)
        np.testing.assert_allclose(autodiff.gradient(slope, engine=engine)(x), -x * _normal_density(x), rtol=1e-14)  # fmt: skip
    quantile = autodiff.gradient(lambda q: stats.t.ppf(q, np.inf), engine=engine)
    np.testing.assert_allclose(quantile(0.9), 1 / _normal_density(stats.norm.ppf(0.9)), rtol=1e-13)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("x", [0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("b", [0.3, 1.0, 2.0, 40.0])
def test_betainc_by_a_shape_that_is_zero(b: float, x: float, engine: str) -> None:
    """``1 - I`` is ``a`` times the incomplete beta function of 1 - x, b and 0, and a bit."""
    with mpmath.workdps(50):
        slope = lambda b: -mpmath.betainc(b, 0, 0, 1 - mpmath.mpf(x))  # noqa: E731
        right, mixed = float(slope(b)), float(mpmath.diff(slope, b))
        a = mpmath.mpf(10) ** -12
        y = 1 - mpmath.mpf(x)
        exact = lambda a: -mpmath.betainc(b, a, 0, y, regularized=True)  # noqa: E731
        second = float((exact(2 * a) - 2 * exact(a)) / a**2)
    by_a = autodiff.gradient(lambda a, b, x: special.betainc(a, b, x), wrt=0, engine=engine)
    np.testing.assert_allclose(by_a(0.0, b, x), right, rtol=1e-12)
    np.testing.assert_allclose(autodiff.gradient(by_a, wrt=1, engine=engine)(0.0, b, x), mixed, rtol=1e-10)  # fmt: skip
    np.testing.assert_allclose(autodiff.gradient(by_a, wrt=0, engine=engine)(0.0, b, x), second, rtol=1e-8)  # fmt: skip
    by_b = autodiff.gradient(lambda a, b, x: special.betaincc(a, b, x), wrt=1, engine=engine)
    np.testing.assert_allclose(by_b(b, 0.0, 1 - x), right, rtol=1e-12)


@pytest.mark.parametrize("a", [1e-12, 1e-15, 1e-300])
def test_betainc_by_a_shape_near_zero(a: float) -> None:
    """As by one of 0: the terms of 1 / a cancel."""
    by_a = autodiff.gradient(lambda a: special.betainc(a, 0.3, 0.9), engine="numpy")
    second = autodiff.gradient(by_a, engine="numpy")
    np.testing.assert_allclose(by_a(a), by_a(0.0), rtol=1e-10)
    np.testing.assert_allclose(second(a), second(0.0), rtol=1e-10)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", AT_LIMITS)
@pytest.mark.filterwarnings("ignore")
def test_derivatives_where_functions_are_at_their_limits(name: str, engine: str) -> None:
    function, x, first, second = AT_LIMITS[name]
    slope = autodiff.gradient(function, engine=engine)
    assert slope(x) == first
    assert autodiff.jvp(function, (x,), (1.0,), engine=engine)[1] == first
    assert autodiff.gradient(slope, engine=engine)(x) == second


TRANSFORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[float, ...]]] = {
    "yeojohnson": (
        lambda k: np.sum(stats.yeojohnson(np.array([2.0, -1.0]), k)),
        lambda k: _boxcox(mpmath.mpf(3), k) - _boxcox(mpmath.mpf(2), 2 - k),
        (-0.5, 0.0, 1.0, 2.0),
    ),
    "boxcox_llf": (
        lambda k: stats.boxcox_llf(k, np.array([2.0, 3.0, 5.0])), _likelihood, (0.0, 1e-5, 1.0)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_power_transforms_depend_on_the_power_where_it_is_special(name: str) -> None:
    f, exact, powers = TRANSFORMS[name]
    slope = autodiff.gradient(f, engine="numpy")
    curvature = autodiff.gradient(slope, engine="numpy")
    for power in powers:
        found = [autodiff.function(f, engine="numpy")(power), slope(power), curvature(power)]
        with mpmath.workdps(60):
            expected = [float(mpmath.diff(exact, mpmath.mpf(power), n)) for n in range(3)]
        np.testing.assert_allclose(found, expected, rtol=1e-8)
