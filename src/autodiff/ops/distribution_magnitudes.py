"""Formulas for shape parameters and arguments of all sizes, where SciPy's own overflow or cancel.

    burr12.logsf(x, c, d)    -d log(1 + x**c): the power overflows, and the logarithm does not
    burr.sf(x, c, d)         1 - (1 + x**-c)**-d, whose slope by d is rounded off where x**-c is small beside 1
    kappa3.cdf(x, a)         x (a + x**a)**(-1 / a), a power of a number near 1
    bradford.cdf(x, c)       log(1 + c x) / log(1 + c), whose slope by c is a difference of equal numbers for small c
    argus.logpdf(x, chi)     by Kummer's function, which is 1 at chi = 0: SciPy's logarithms go to infinity there
    f.logpdf(x, m, n)        by deviances and what Stirling's series leaves: log-gammas agree in most digits

The value is SciPy's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import lgamma
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import xlogy

from autodiff.ops import special
from autodiff.ops.custom import stop
from autodiff.ops.distribution_ends import (
    enter,
    log_less,
    log_logistic,
    log_rest,
    log_small_exponential,
    stirling_rest,
)
from autodiff.ops.distribution_formulas import steps
from autodiff.ops.distributions import run
from autodiff.ops.function_table import implements
from autodiff.ops.gamma_functions import digamma_step
from autodiff.ops.promotion import as_array
from autodiff.ops.smooth import (
    derived_as,
    log1p_ratio,
    near_or_far,
    polynomial,
    with_slope,
    with_slopes,
)

_LOG_TWO_PI = float(np.log(2 * np.pi))


def _gammainc(a: Any, x: Any) -> Any:
    return special.apply("scipy_gammainc", a, x)


# -- powers, by their logarithms beyond 1 --------------------------------------------------------------------
def _log_one_plus(x: Any, c: Any) -> Any:
    """``log(1 + x**c)`` for positive c."""
    near = np.less(x, 1)
    small, large = np.where(near, x, 0.5), np.where(near, 2.0, x)
    return np.where(near, np.log1p(small**c), c * np.log(large) + np.log1p(large**-c))


def _log_one_plus_inverse(x: Any, c: Any) -> Any:
    """``log(1 + x**-c)`` for positive c."""
    near = np.less(x, 1)
    small, large = np.where(near, x, 0.5), np.where(near, 2.0, x)
    return np.where(near, np.log1p(small**c) - c * np.log(small), np.log1p(large**-c))


def _log_burr(x: Any, c: Any, d: Any) -> Any:
    near = np.less(x, 1)
    small, large = np.where(near, x, 0.5), np.where(near, 2.0, x)
    left = xlogy(c * d - 1, small) - (d + 1) * np.log1p(small**c)
    right = -(c + 1) * np.log(large) - (d + 1) * np.log1p(large**-c)
    return np.log(c * d) + np.where(near, left, right)


def _log_burr12(x: Any, c: Any, d: Any) -> Any:
    return np.log(c * d) + xlogy(c - 1, x) - (d + 1) * _log_one_plus(x, c)


def _log_mielke(x: Any, k: Any, s: Any) -> Any:
    return np.log(k) + xlogy(k - 1, x) - (1 + k / s) * _log_one_plus(x, s)


def _log_mielke_cdf(x: Any, k: Any, s: Any) -> Any:
    near = np.less(x, 1)
    small, large = np.where(near, x, 0.5), np.where(near, 2.0, x)
    left = k * np.log(small) - k / s * np.log1p(small**s)
    return np.where(near, left, -k / s * np.log1p(large**-s))


def _log_kappa3_cdf(x: Any, a: Any) -> Any:
    near = np.less(x**-a, 1 / a)  # then the logarithm is proportional to the power
    power = np.where(near, x, 1.0) ** -np.where(near, a, 0.5)
    far = np.logaddexp(0.0, np.log(a) - a * np.log(x)) / a
    return np.where(near, -power * log1p_ratio(np.where(near, a, 0.5) * power), -far)


def _log_kappa3_sf(x: Any, a: Any) -> Any:
    level = np.log(a) - a * np.log(x)
    small = np.less(level, -40.0)
    return np.where(
        small, level - np.log(a), log_less(-_log_kappa3_cdf(np.where(small, 1.0, x), a))
    )


# -- parameters near 0 ---------------------------------------------------------------------------------------
def _half_logistic_step(x: Any, c: Any) -> Any:
    """``-log(1 - c x) / c``."""
    return steps(x, -c)


def _log_half_logistic(x: Any, c: Any) -> Any:
    w = _half_logistic_step(x, c)
    return np.log(2.0) - (1 - c) * w - 2 * np.log1p(np.exp(-w))


def _log_half_logistic_cdf(x: Any, c: Any) -> Any:
    w = _half_logistic_step(x, c)
    near = np.less(w, 1.0)
    small = np.log(np.tanh(0.5 * np.where(near, w, 1.0)))
    sf = 2 / (1 + np.exp(np.where(near, 1.0, w)))
    return np.where(near, small, np.log1p(-sf))


def _bradford_cdf(x: Any, c: Any) -> Any:
    return x * log1p_ratio(c * x) / log1p_ratio(c)


# Kummer's M(1, 5/2, t), by which P(3/2, t) = t**(3/2) exp(-t) M / Γ(5/2)  (DLMF 8.5.1).
_KUMMER = [1.0]
for _k in range(24):
    _KUMMER.append(_KUMMER[-1] / (2.5 + _k))
_ARGUS = float(2.5 * np.log(2.0) - 0.5 * _LOG_TWO_PI + lgamma(2.5))


def _log_kummer(t: Any) -> Any:
    return np.log(polynomial(t, _KUMMER))


def _log_of_half_chi(t: Any) -> Any:
    return np.log(_gammainc(1.5 + 0.0 * t, t))


def _argus_factor(chi: Any) -> Any:
    """The logarithm of the factor that depends on chi alone, of ``x sqrt(y) exp(-chi**2 y / 2)`` with y = 1 - x**2."""
    t = 0.5 * chi * chi
    return near_or_far(
        np.less(t, 1.0),
        t,
        1.0,
        lambda t: _ARGUS + t - _log_kummer(t),
        lambda t: _ARGUS - lgamma(2.5) + 1.5 * np.log(t) - _log_of_half_chi(t),
    )


def _argus(x: Any, chi: Any) -> Any:
    y = (1.0 - x) * (1.0 + x)
    return x * np.sqrt(y) * np.exp(_argus_factor(chi) - 0.5 * chi * chi * y)


def _log_argus(x: Any, chi: Any) -> Any:
    y = (1.0 - x) * (1.0 + x)
    return _argus_factor(chi) + np.log(x) + 0.5 * np.log1p(-x * x) - 0.5 * chi * chi * y


def _log_argus_sf(x: Any, chi: Any) -> Any:
    t, y = 0.5 * chi * chi, (1.0 - x) * (1.0 + x)
    near = np.less(t, 1.0)
    small, large = np.where(near, t, 0.0), np.where(near, 1.0, t)
    left = 1.5 * np.log1p(-x * x) + small * x * x + _log_kummer(small * y) - _log_kummer(small)
    return np.where(near, left, _log_of_half_chi(large * y) - _log_of_half_chi(large))


# -- large parameters ----------------------------------------------------------------------------------------
def _deviance(w: Any, logarithm: Any) -> Any:
    """``w - log(1 + w)``, where that logarithm is given, which is right also where w is -1 to the last digit."""
    near = np.less(np.abs(w), 0.3)
    return np.where(near, log_rest(np.where(near, w, 0.0)), w - logarithm)


def _log_f(x: Any, m: Any, n: Any) -> Any:
    p, q, r = 0.5 * m, 0.5 * n, n / m
    step, down = (x - 1) / (x + r), np.log1p(r) - np.log(x + r)
    deviance = p * _deviance(r * step, np.log(x) + down) + q * _deviance(-step, down)
    stirling = stirling_rest(p + q) - stirling_rest(p) - stirling_rest(q)
    return 0.5 * (np.log(p) - np.log1p(1 / r) - _LOG_TWO_PI) - np.log(x) - deviance + stirling


def _f_density(x: Any, m: Any, n: Any) -> Any:
    end = np.equal(x, 0)  # SciPy's has a power there
    inside = np.exp(_log_f(np.where(end, 1.0, x), m, n))
    return np.where(end, run(stats.f._pdf, (np.where(end, x, 0.0), m, n)), inside)


def _f_probability(method: str, sign: float, x: Any, m: Any, n: Any) -> Any:
    """SciPy's, but for the slope by x: the argument of its incomplete beta function may be 1 to the last digit."""
    own = run(getattr(stats.f, f"_{method}"), (stop(x), m, n))
    return own + with_slope(0.0 * x, x, sign * np.exp(_log_f(x, m, n)))


# -- by the point the density itself -------------------------------------------------------------------------
def _symmetric_beta(method: str, sign: float, x: Any, c: Any) -> Any:
    """Of ``rdist``: by c a single slope of the incomplete beta function, where SciPy's formula has two that cancel."""
    at: Any = stop(x)
    half = special.apply("scipy_betainc", 0.5 + 0.0 * c, 0.5 * c, at * at)
    by_shape = derived_as(run(getattr(stats.rdist, f"_{method}"), (at, stop(c))), 0.5 * sign * np.sign(at) * half)  # fmt: skip
    return by_shape + with_slope(0.0 * x, x, sign * run(stats.rdist._pdf, (x, c)))


def _semicircle(method: str, sign: float, x: Any) -> Any:
    own = run(getattr(stats.semicircular, f"_{method}"), (stop(x),))
    return with_slope(own, x, sign * 2.0 / np.pi * np.sqrt((1.0 - x) * (1.0 + x)))


def _rise(a: Any, m: Any) -> Any:
    """0, with the slopes of ``log(gamma(a + m) / gamma(a))``."""
    return with_slopes(0.0 * (a + m), a, m, digamma_step(a, m), special.digamma(a + m))


def _beta_binomial(k: Any, n: Any, a: Any, b: Any) -> Any:
    """The slopes of ``logpmf``, in which quotients of beta functions of large parameters cancel."""
    k = np.floor(k)
    return _rise(n - k + 1, 0.0 * n + k) + _rise(a, k + 0.0 * a) + _rise(b, n - k) - _rise(a + b, n)


def _beta_negative_binomial(k: Any, n: Any, a: Any, b: Any) -> Any:
    k = np.floor(k)
    return _rise(n, 0.0 * n + k) + _rise(a, n) + _rise(b, k + 0.0 * b) - _rise(a + b, n + k)


def _mass(name: str, slopes: Callable[..., Any]) -> Callable[..., Any]:
    own = getattr(stats, name)._logpmf
    return lambda *x: np.exp(derived_as(run(own, x), slopes(*x)))


def _half_normal_power_cdf(x: Any, b: Any) -> Any:
    # Of a power that underflows the incomplete gamma function knows nothing.
    peak = np.log(b) - special.apply("lgamma", 1 / b)
    near = x**b < 1e-17
    right = _gammainc(1 / b, np.where(near, 1.0, x) ** b)
    return np.where(near, np.where(near, x, 0.0) * np.exp(peak), right)


def _of_logarithms(
    name: str, cdf: Callable[..., Any] | None, sf: Callable[..., Any] | None
) -> dict[tuple[str, str], Callable[..., Any]]:
    """Rows of a distribution by the logarithm of one of its probabilities, for that and for the other."""
    rows: dict[tuple[str, str], Callable[..., Any]] = {}
    for method, other, logarithm in (("cdf", "sf", cdf), ("sf", "cdf", sf)):
        if logarithm is not None:
            rows[name, f"log{method}"] = logarithm
            rows[name, method] = lambda *x, f=logarithm: np.exp(f(*x))
            rows.setdefault((name, other), lambda *x, f=logarithm: -np.expm1(f(*x)))
    return rows


enter({
    ("burr", "logpdf"): _log_burr,
    **_of_logarithms("burr", lambda x, c, d: -d * _log_one_plus_inverse(x, c), None),
    ("burr", "logsf"): lambda x, c, d: log_small_exponential(log_logistic(c * np.log(x), d)),
    ("fisk", "logpdf"): lambda x, c: _log_burr(x, c, 1.0),
    ("fisk", "cdf"): lambda x, c: np.exp(-_log_one_plus_inverse(x, c)),
    ("fisk", "sf"): lambda x, c: np.exp(-_log_one_plus(x, c)),
    ("fisk", "logcdf"): lambda x, c: -_log_one_plus_inverse(x, c),
    ("fisk", "logsf"): lambda x, c: -_log_one_plus(x, c),
    ("burr12", "logpdf"): _log_burr12,
    ("burr12", "pdf"): lambda x, c, d: np.exp(_log_burr12(x, c, d)),
    **_of_logarithms("burr12", None, lambda x, c, d: -d * _log_one_plus(x, c)),
    ("burr12", "logcdf"): lambda x, c, d: log_small_exponential(log_logistic(-c * np.log(x), d)),
    ("mielke", "logpdf"): _log_mielke,
    **_of_logarithms("mielke", _log_mielke_cdf, None),
    ("mielke", "logsf"): lambda x, k, s: log_small_exponential(log_logistic(s * np.log(x), k / s)),
    **_of_logarithms("kappa3", _log_kappa3_cdf, None),
    ("kappa3", "logsf"): _log_kappa3_sf,
    ("genhalflogistic", "logpdf"): _log_half_logistic,
    ("genhalflogistic", "cdf"): lambda x, c: np.tanh(0.5 * _half_logistic_step(x, c)),
    ("genhalflogistic", "sf"): lambda x, c: 1 - np.tanh(0.5 * _half_logistic_step(x, c)),
    ("genhalflogistic", "logcdf"): _log_half_logistic_cdf,
    ("genhalflogistic", "logsf"): lambda x, c: (
        np.log(2.0) - np.logaddexp(0.0, _half_logistic_step(x, c))
    ),
    ("bradford", "cdf"): _bradford_cdf,
    ("bradford", "sf"): lambda x, c: 1 - _bradford_cdf(x, c),
    ("argus", "pdf"): _argus,
    ("argus", "logpdf"): _log_argus,
    **_of_logarithms("argus", None, _log_argus_sf),
    ("f", "logpdf"): _log_f,
    ("f", "pdf"): _f_density,
    ("f", "cdf"): functools.partial(_f_probability, "cdf", 1.0),
    ("f", "sf"): functools.partial(_f_probability, "sf", -1.0),
    ("genlogistic", "cdf"): lambda x, c: np.exp(-c * np.logaddexp(0.0, -x)),
    ("genlogistic", "sf"): lambda x, c: -np.expm1(-c * np.logaddexp(0.0, -x)),
    ("halfgennorm", "cdf"): _half_normal_power_cdf,
    ("betabinom", "logpmf"): _beta_binomial,
    ("betabinom", "pmf"): _mass("betabinom", _beta_binomial),
    ("betanbinom", "logpmf"): _beta_negative_binomial,
    ("betanbinom", "pmf"): _mass("betanbinom", _beta_negative_binomial),
    ("rdist", "cdf"): functools.partial(_symmetric_beta, "cdf", 1.0),
    ("rdist", "sf"): functools.partial(_symmetric_beta, "sf", -1.0),
    ("semicircular", "cdf"): functools.partial(_semicircle, "cdf", 1.0),
    ("semicircular", "sf"): functools.partial(_semicircle, "sf", -1.0),
})  # fmt: skip


# -- of directions -------------------------------------------------------------------------------------------
def _bessel_ratio(order: float, x: Any) -> Any:
    """``I(order + 1, x) / I(order, x)`` for positive x, near 0 by their series (DLMF 10.25.2)."""

    def series(b: float, t: Any) -> Any:
        terms = [1.0]
        for k in range(12):
            terms.append(terms[-1] / (k + 1) / (b + k))
        return polynomial(t, terms)

    def scaled(v: float, x: Any) -> Any:
        return special.apply("scipy_ive", v + 0.0 * x, x)

    return near_or_far(
        np.less(x, 1.0),
        x,
        1.0,
        lambda x: (
            0.5
            * x
            / (order + 1)
            * series(order + 2, 0.25 * x * x)
            / series(order + 1, 0.25 * x * x)
        ),
        lambda x: scaled(order + 1, x) / scaled(order, x),
    )


@implements(type(stats.vonmises_fisher)._log_norm_factor)
def norm_factor(self: Any, dim: int, kappa: Any) -> Any:
    """SciPy's, whose terms go to infinity for small concentrations, where the slope is that of a quotient."""
    half = 0.5 * dim
    x: Any = as_array(kappa)
    bessel = np.log(special.apply("scipy_ive", half - 1 + 0.0 * x, x))
    value = 0.5 * (dim - 2) * np.log(x) - half * _LOG_TWO_PI - bessel - x
    return with_slope(value, x, -_bessel_ratio(half - 1, x))
