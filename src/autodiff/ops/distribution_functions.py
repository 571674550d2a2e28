"""Ufuncs that SciPy has for its distributions' own use, by rows of a table.

Counts are cut or integers: constant by pieces.  Quantiles follow by the implicit rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops import special_rows
from autodiff.ops.by_parameter import by_parameter
from autodiff.ops.cumulative_functions import (
    _BDTR,
    _BDTRC,
    _CHNDTR,
    _NBDTR,
    _NCFDTR,
    _NCTDTR,
    _by_degrees,
    _cut,
    _negative,
    kolmogorov_bend,
    kolmogorov_slope,
)
from autodiff.ops.special import _ROOT_TWO_PI, _beta_density, _beta_slope, _f
from autodiff.ops.special_rows import Domain, Rule, of, private_exists

_P, _LEVEL = (0.5, 3.0), (0.1, 0.9)
_Rules = tuple[Rule | str | None, ...]


def _row(name: str, rules: _Rules, domain: Domain, source: str) -> None:
    """A row, in versions of SciPy that have the function."""
    if private_exists(name):
        special_rows.row(name, rules, domain, source, private=True)


def _solution(name: str, function: Rule, rules: _Rules, domain: Domain) -> None:
    """The quantile ``name(p, *parameters)`` of ``function(x, *parameters)``."""
    if private_exists(name):
        special_rows.inverse(name, (function, rules), 0, domain, private=True)


def _reordered(rules: _Rules, order: tuple[int, ...]) -> _Rules:
    """Rules of a function whose argument k is the argument ``order[k]`` of another one."""

    def moved(rule: Rule) -> Rule:
        def partial(y: Any, *x: Any) -> Any:
            return rule(y, *[x[order.index(k)] for k in range(len(order))])

        return partial

    picked = [rules[k] for k in order]
    return tuple([moved(r) if callable(r) else r for r in picked])


# -- continuous -----------------------------------------------------------------------------------------
_row("log1mexp", (lambda y, x: -1 / np.expm1(-x),), ((-2.0, -0.1),), "DLMF 4.2.19")


def _cosine_density(y: Any, x: Any) -> Any:
    return np.cos(0.5 * x) ** 2 / np.pi  # (1 + cos(x)) / 2 pi, which cancels near the ends


_row("cosine_cdf", (_cosine_density,), ((-3.0, 3.0),), "definition")
_solution("cosine_invcdf", of("cosine_cdf"), (_cosine_density,), (_LEVEL,))
_BETA = (
    lambda y, x, a, b: _beta_density(y, a, b, x),
    lambda y, x, a, b: _beta_slope(0, 1.0)(y, a, b, x),
    lambda y, x, a, b: _beta_slope(1, 1.0)(y, a, b, x),
)
_solution("beta_ppf", lambda x, a, b: _f("betainc")(a, b, x), _BETA, (_LEVEL, _P, _P))


def _scaled(rule: Rule) -> _Rules:
    """By x, location and scale, of the density of the standardised variable."""
    return (
        lambda y, x, m, s: rule((x - m) / s) / s,
        lambda y, x, m, s: -rule((x - m) / s) / s,
        lambda y, x, m, s: -(x - m) / s * rule((x - m) / s) / s,
    )


_LOCATED: Domain = ((0.2, 0.8), (-1.0, 1.0), _P)
_CAUCHY = _scaled(lambda z: 1 / (np.pi * (1 + z * z)))
_solution("cauchy_ppf", lambda x, m, s: np.arctan2(1.0, -(x - m) / s) / np.pi, _CAUCHY, _LOCATED)
_solution("cauchy_isf", lambda x, m, s: np.arctan2(1.0, (x - m) / s) / np.pi, _negative(*_CAUCHY), _LOCATED)  # fmt: skip


# Scaled Landau variables are shifted: the distribution function is that of (x - m) / s - 2/π log s.
_LANDAU = (
    lambda y, x, m, s: of("landau_pdf")(x, m, s),
    lambda y, x, m, s: -of("landau_pdf")(x, m, s),
    lambda y, x, m, s: -(2 / np.pi + (x - m) / s) * of("landau_pdf")(x, m, s),
)
_AROUND: Domain = ((-2.0, 4.0), (-1.0, 1.0), _P)


def _landau_growth(x: Any, m: Any, s: Any) -> Any:
    # exp(-exp(-z - 1)) on the left, where z = (x - m) / s
    z = np.clip((x - m) / s, -6.0, 1e3)
    return (2.0 + 1.5 * np.exp(-1 - z)) * np.maximum(1 / s, 1e-3)


def _landau_by_x(y: Any, x: Any, m: Any, s: Any) -> Any:
    return by_parameter(of("landau_pdf"), 0, _landau_growth)(y, x, m, s)


_row(
    "landau_pdf",
    (
        _landau_by_x,
        lambda y, x, m, s: -_landau_by_x(y, x, m, s),
        # The density is that of (x - m) / s - 2/π log s, over s.
        lambda y, x, m, s: -y / s - (2 / np.pi + (x - m) / s) * _landau_by_x(y, x, m, s),
    ),
    _AROUND,
    "the characteristic function is entire",
)
_row("landau_cdf", _LANDAU, _AROUND, "its density")
_row("landau_sf", _negative(*_LANDAU), _AROUND, "its density")
_solution("landau_ppf", of("landau_cdf"), _LANDAU, _LOCATED)
_solution("landau_isf", of("landau_sf"), _negative(*_LANDAU), _LOCATED)


def _skew_density(z: Any, a: Any) -> Any:
    return 2 / _ROOT_TWO_PI * np.exp(-0.5 * z * z) * _f("ndtr")(a * z)


_SKEW = (
    lambda y, x, m, s, a: _skew_density((x - m) / s, a) / s,
    lambda y, x, m, s, a: -_skew_density((x - m) / s, a) / s,
    lambda y, x, m, s, a: -(x - m) / (s * s) * _skew_density((x - m) / s, a),
    lambda y, x, m, s, a: -np.exp(-0.5 * ((x - m) / s) ** 2 * (1 + a * a)) / (np.pi * (1 + a * a)),
)
_SKEWED: Domain = ((-1.0, 1.0), (-0.5, 0.5), _P, (-2.0, 2.0))
_row("skewnorm_cdf", _SKEW, _SKEWED, "Azzalini (1985)")
_solution("skewnorm_ppf", of("skewnorm_cdf"), _SKEW, (_LEVEL, *_SKEWED[1:]))
_solution(
    "skewnorm_isf",
    # The distribution function of what is mirrored: 1 - cdf is 0 far out, where there is a solution.
    lambda x, m, s, a: of("skewnorm_cdf")(2 * m - x, m, s, -a),
    _negative(*_SKEW),
    (_LEVEL, *_SKEWED[1:]),
)

# -- noncentral -----------------------------------------------------------------------------------------
_CHI: Domain = ((0.5, 5.0), (1.0, 4.0), _P)
_row("ncx2_sf", _negative(*_CHNDTR), _CHI, "Johnson, Kotz and Balakrishnan, 29.3")
_solution("ncx2_isf", of("ncx2_sf"), _negative(*_CHNDTR), (_LEVEL, *_CHI[1:]))
_NCT = _reordered(_NCTDTR, (2, 0, 1))
_STUDENT: Domain = ((-1.0, 2.0), (2.0, 5.0), (-1.0, 1.0))
_row("nct_sf", _negative(*_NCT), _STUDENT, "Johnson, Kotz and Balakrishnan, 31.2")
_solution("nct_isf", of("nct_sf"), _negative(*_NCT), (_LEVEL, *_STUDENT[1:]))
_NCF = _reordered(_NCFDTR, (3, 0, 1, 2))
_NCF_SF: _Rules = (
    _negative(_NCF[0])[0],
    _by_degrees(of("ncf_sf"), 1),
    _by_degrees(of("ncf_sf"), 2),
    lambda y, x, m, n, c: 0.5 * (of("ncf_sf")(x * m / (m + 2), m + 2, n, c) - y),
)
_RATIO: Domain = (_P, (1.0, 4.0), (2.0, 5.0), _P)
_row("ncf_sf", _NCF_SF, _RATIO, "Johnson, Kotz and Balakrishnan, 30.3")
_solution("ncf_isf", of("ncf_sf"), _NCF_SF, (_LEVEL, *_RATIO[1:]))

# -- Kolmogorov's and Smirnov's ---------------------------------------------------------------------------
_row(
    "kolmogp", (lambda y, x: kolmogorov_bend(x),), ((0.4, 1.8),), "Marsaglia, Tsang and Wang (2003)"
)
_KOLMOGOROV = (lambda y, x: -kolmogorov_slope(x),)
_row("kolmogc", _KOLMOGOROV, ((0.4, 1.8),), "Marsaglia, Tsang and Wang (2003)")
_solution("kolmogci", of("kolmogc"), _KOLMOGOROV, (_LEVEL,))
_SMIRNOV = (None, lambda y, n, x: -of("smirnovp")(n, x))
_row("smirnovc", _SMIRNOV, ((5.0, 5.0), (0.15, 0.5)), "its own slope")
if private_exists("smirnovci"):
    special_rows.inverse(
        "smirnovci", (of("smirnovc"), _SMIRNOV), 1, ((5.0, 5.0), (0.1, 0.8)), private=True
    )

# -- discrete -------------------------------------------------------------------------------------------


_REAL: Domain = ((2.0, 2.0), (3.0, 5.0), _LEVEL)


def _of_count(rules: _Rules) -> _Rules:
    return (None, *[_cut(rule) for rule in rules[1:]])


_row("binom_cdf", _of_count(_BDTR), _REAL, "DLMF 8.17.5")
_row("binom_sf", _of_count(_BDTRC), _REAL, "DLMF 8.17.5")
_row("nbinom_cdf", _of_count(_NBDTR), _REAL, "DLMF 8.17.24")
_row("nbinom_sf", _of_count(_negative(*_NBDTR)), _REAL, "DLMF 8.17.24")
for _name in ("binom_ppf", "binom_isf", "nbinom_ppf", "nbinom_isf"):
    _row(_name, (None,) * 3, (_LEVEL, (5.0, 5.0), (0.3, 0.6)), "piecewise constant")
for _name in ("hypergeom_pmf", "hypergeom_cdf", "hypergeom_sf"):
    _row(_name, (None,) * 4, ((2.0, 2.0), (4.0, 4.0), (5.0, 5.0), (9.0, 9.0)), "of integers")


def _harmonic_growth(n: Any) -> Any:
    return 1.5 + np.log(np.maximum(n, 1.0))  # of a sum of k**-a


_row(
    "gen_harmonic",
    (None, by_parameter(of("gen_harmonic"), 1, lambda n, a: _harmonic_growth(n))),
    ((5.0, 5.0), (0.5, 2.0)),
    "a sum of powers",
)


def _share_by_order(y: Any, j: Any, k: Any, n: Any, a: Any) -> Any:
    # The share of the first terms is 1 less that of the others, whose slope may be tiny beside 1.
    others = np.less_equal(j, 1) & np.less(k, n)
    start, end = np.where(others, k + 1.0, j), np.where(others, n, k)
    shares = by_parameter(of("normalized_gen_harmonic"), 3, lambda j, k, n, a: _harmonic_growth(n))
    slope = shares(y, start, end, n, a) * np.where(others, -1.0, 1.0)
    return np.where(np.less_equal(j, 1) & np.greater_equal(k, n), 0.0, slope)


_row(
    "normalized_gen_harmonic",
    (*(None,) * 3, _share_by_order),
    ((2.0, 2.0), (4.0, 4.0), (5.0, 5.0), (0.5, 2.0)),
    "a sum of powers",
)


# -- moments and masses, and an exponential integral -----------------------------------------------------
_digamma = _f("digamma")
_row("nbinom_mean", (lambda y, n, p: (1 - p) / p, lambda y, n, p: -n / (p * p)), (_P, _LEVEL), "n (1 - p) / p")  # fmt: skip
_row(
    "nbinom_variance",
    (lambda y, n, p: (1 - p) / (p * p), lambda y, n, p: n * (p - 2) / p**3),
    (_P, _LEVEL),
    "n (1 - p) / p²",
)
_row(
    "ncf_mean",
    (
        lambda y, m, n, c: -n * c / (m * m * (n - 2)),
        lambda y, m, n, c: np.where(np.equal(y, y), -2 * (m + c) / (m * (n - 2) ** 2), y),
        lambda y, m, n, c: n / (m * (n - 2)),
    ),
    ((1.0, 3.0), (4.0, 8.0), _P),
    "n (m + c) / (m (n - 2))",
)


def _nct_mean_by_degrees(y: Any, df: Any, nc: Any) -> Any:
    return 0.5 * y * (1 / df + _digamma(0.5 * (df - 1)) - _digamma(0.5 * df))


_row(
    "nct_mean",
    (
        _nct_mean_by_degrees,
        lambda y, df, nc: (
            np.sqrt(0.5 * df) * np.exp(_f("gammaln")(0.5 * (df - 1)) - _f("gammaln")(0.5 * df))
        ),
    ),
    ((3.0, 8.0), _P),
    "Johnson, Kotz and Balakrishnan, 31.7",
)


def _nct_variance(number: int) -> Any:
    """By the degrees of freedom or the noncentrality c: ``(1 + c²) n / (n - 2)`` less the squared mean."""

    def partial(y: Any, n: Any, c: Any) -> Any:
        mean = of("nct_mean")(n, c)
        if number:
            scale = of("nct_mean")(n, 1.0 + 0.0 * c)  # the mean is linear in c
            return 2 * c * n / (n - 2) - 2 * mean * scale
        return -2 * (1 + c * c) / (n - 2) ** 2 - 2 * mean * _nct_mean_by_degrees(mean, n, c)

    return partial


_row("nct_variance", (_nct_variance(0), _nct_variance(1)), ((3.0, 8.0), _P), "Johnson, Kotz and Balakrishnan, 31.7")  # fmt: skip


def _ncf_variance(number: int) -> Any:
    """Of ``2 (n / m)² ((m + c)² + (m + 2 c) (n - 2)) / (n - 2)² / (n - 4)``."""

    def partial(y: Any, m: Any, n: Any, c: Any) -> Any:
        scale = 2 * (n / m) ** 2 / ((n - 2) ** 2 * (n - 4))
        if number == 0:
            return scale * (2 * (m + c) + n - 2) - 2 * y / m
        if number == 1:
            return y * (2 / n - 2 / (n - 2) - 1 / (n - 4)) + scale * (m + 2 * c)
        return scale * 2 * (m + c + n - 2)

    return partial


_row(
    "ncf_variance",
    (_ncf_variance(0), _ncf_variance(1), _ncf_variance(2)),
    ((1.0, 3.0), (5.0, 8.0), _P),
    "Johnson, Kotz and Balakrishnan, 30.4",
)
# F(x) = ∫ exp(-t) x / (x + t) dt; beyond 8 its slope is that integral's, by Laguerre's rule, as its parts cancel.
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(40)


def _scaled_exp1_slope(y: Any, x: Any) -> Any:
    far = np.greater(x, 8.0)
    near = np.where(far, 1.0, x)
    column = np.reshape(np.where(far, x, 8.0), (*np.shape(x), 1))
    beyond = np.sum(_NODES / (column + _NODES) ** 2 * _WEIGHTS, axis=-1)
    return np.where(far, beyond, y * (1 + 1 / near) - 1)


_row("scaled_exp1", (_scaled_exp1_slope,), ((0.5, 20.0),), "DLMF 6.2.2")
