"""Distribution functions of ``scipy.special`` and their inverses, by rows of a table.

    gdtr(a, b, x) = gammainc(b, a x)        by a: x density(b, a x), by b: the slope by the shape, …
    gdtria(p, b, x)                         its inverse: 1 / (∂F/∂a) and -(∂F/∂b) / (∂F/∂a)

All are incomplete gamma and beta functions (DLMF 8.2, 8.17) at some argument; those that count
events cut what they count, so that they are constant in it by pieces, while inverses by the count
solve the equation in which it is a real number.  Noncentral ones are sums over Poisson weights of
central ones: the derivative by the noncentrality is a difference of neighbours.

Source: N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions 2 (1995).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.by_parameter import beyond, by_parameter
from autodiff.ops.incomplete_functions import beta_slopes, shape_slope
from autodiff.ops.smooth import beyond_infinity, near_or_far, polynomial
from autodiff.ops.special import (
    _ROOT_TWO_PI,
    _beta_density,
    _boxcox_by_power,
    _f,
    _gamma_density,
    apply,
    scaled_power,
)
from autodiff.ops.special_rows import inverse, of, row

_P, _LEVEL = (0.5, 3.0), (0.1, 0.9)


def _shape(a: Any, x: Any) -> Any:
    return shape_slope(a, x)


def _shapes(a: Any, b: Any, x: Any, rest: Any = None) -> tuple[Any, Any]:
    return beta_slopes(a, b, x, rest)


def _gamma(a: Any, x: Any) -> Any:
    """∂/∂x of gammainc."""
    return _gamma_density(None, a, x)


def _beta(a: Any, b: Any, x: Any) -> Any:
    """∂/∂x of betainc."""
    return _beta_density(None, a, b, x)


def _negative(*rules: Any) -> tuple[Any, ...]:
    """The rules of the complement."""
    return tuple([(lambda *x, r=r: -r(*x)) if callable(r) else r for r in rules])


# -- gamma, chi-squared, Poisson ------------------------------------------------------------------------
inverse("gammaincinv", "gammainc", 1, (_P, _LEVEL))
inverse("gammainccinv", "gammaincc", 1, (_P, _LEVEL))


def _gamma_times(factor: Any, b: Any, x: Any) -> Any:
    """``factor`` times the density, which falls faster at infinity than any power grows."""
    endless = np.isinf(x)
    return np.where(endless, 0.0, np.where(endless, 1.0, factor) * _gamma(b, x))


_GDTR = (
    lambda y, a, b, x: _gamma_times(x, b, a * x),
    lambda y, a, b, x: _shape(b, a * x),
    lambda y, a, b, x: _gamma_times(a, b, a * x),
)
row("gdtr", _GDTR, (_P, _P, _P), "DLMF 8.2.4")
row("gdtrc", _negative(*_GDTR), (_P, _P, _P), "DLMF 8.2.4")
inverse("gdtria", "gdtr", 0, (_LEVEL, _P, _P))
inverse("gdtrib", "gdtr", 1, (_P, _LEVEL, _P))
inverse("gdtrix", "gdtr", 2, (_P, _P, _LEVEL))
_CHDTR = (
    lambda y, v, x: 0.5 * _shape(0.5 * v, 0.5 * x),
    lambda y, v, x: 0.5 * _gamma(0.5 * v, 0.5 * x),
)
row("chdtr", _CHDTR, (_P, _P), "DLMF 8.2.4")
row("chdtrc", _negative(*_CHDTR), (_P, _P), "DLMF 8.2.4")
inverse("chdtri", "chdtrc", 1, (_P, _LEVEL))
inverse("chdtriv", "chdtr", 0, (_LEVEL, _P))
_PDTRC = (
    lambda y, k, m: _shape(k + 1, m),
    lambda y, k, m: _gamma(k + 1, m),
)
_PDTR = _negative(*_PDTRC)


def _cut(rule: Any, counts: int = 1) -> Any:
    """A rule of counts that SciPy cuts, which are the first operands; counts may be integers."""

    def partial(y: Any, *operands: Any) -> Any:
        whole = [np.floor(1.0 * x) for x in operands[:counts]]
        return rule(y, *whole, *[1.0 * x for x in operands[counts:]])

    return partial


_COUNTS = ((2.2, 2.8), (0.5, 3.0))
row("pdtr", (None, _cut(_PDTR[1])), _COUNTS, "DLMF 8.4.10")
row("pdtrc", (None, _cut(_PDTRC[1])), _COUNTS, "DLMF 8.4.10")
inverse("pdtri", "pdtr", 1, ((2.0, 2.0), _LEVEL))
inverse("pdtrik", (lambda k, m: _f("gammaincc")(k + 1, m), _PDTR), 0, (_LEVEL, (2.0, 5.0)))


# -- beta, F, Student's, binomial -----------------------------------------------------------------------
inverse("betaincinv", "betainc", 2, (_P, _P, _LEVEL))
inverse("betainccinv", "betaincc", 2, (_P, _P, _LEVEL))
inverse("btdtria", "betainc", 0, (_LEVEL, _P, _LEVEL))
inverse("btdtrib", "betainc", 1, (_P, _LEVEL, _LEVEL))


def _ratio_density(m: Any, n: Any, x: Any) -> Any:
    """The density of the F distribution."""
    a, b, r = 0.5 * m, 0.5 * n, m / n

    def finite(x: Any) -> Any:
        # (r x)**a / (1 + r x)**(a + b) / x B(a, b); of large r x by its inverse, where the powers cancel
        far = np.greater(r * x, 1) & np.isfinite(r * x)
        z, place = np.where(far, 1.0, x), np.where(far, x, 1 / np.where(far, 1.0, r))
        scale = a * np.log(r) - (a + b) * np.log1p(r * z) - apply("scipy_betaln", a, b)
        power = -a * np.log1p(1 / (r * place)) - b * np.log1p(r * place)
        return np.where(
            far,
            np.exp(power - apply("scipy_betaln", a, b)) / place,
            scaled_power(np.where(far, 1.0, a - 1), np.where(far, 0.0, scale), z),
        )

    return beyond_infinity(x, 0.0, finite)


def _shares(r: Any, z: Any) -> tuple[Any, Any]:
    """``r z / (1 + r z)`` and what is left of 1, each to all of its digits."""
    most = np.greater(z, 1 / r)
    ratio = np.where(most, 1 / r / np.where(most, z, 1.0), np.where(most, 1.0, z) * r)
    small, large = ratio / (1 + ratio), 1 / (1 + ratio)
    return np.where(most, large, small), np.where(most, small, large)


def _fdtr_by(number: int) -> Any:
    """The derivative by the degrees of freedom of the numerator or of the denominator."""

    def partial(y: Any, m: Any, n: Any, x: Any) -> Any:
        none = np.equal(x, 0) | np.isinf(
            x
        )  # where the function is 0 or 1 for all degrees of freedom
        z = np.where(none, 1.0, x)
        by_shape = _shapes(0.5 * m, 0.5 * n, *_shares(m / n, z))[number]
        density = z * _ratio_density(m, n, z)
        return np.where(none, 0.0, 0.5 * by_shape + (-density / n if number else density / m))

    return partial


_FDTR = (_fdtr_by(0), _fdtr_by(1), lambda y, m, n, x: _ratio_density(m, n, x))
row("fdtr", _FDTR, (_P, _P, _P), "DLMF 8.17.1")
row("fdtrc", _negative(*_FDTR), (_P, _P, _P), "DLMF 8.17.1")
inverse("fdtri", "fdtr", 2, (_P, _P, _LEVEL))
inverse("fdtridfd", "fdtr", 1, ((2.0, 3.0), (0.4, 0.5), (1.0, 1.1)))
inverse("stdtrit", "stdtr", 1, (_P, _LEVEL))
inverse("stdtridf", "stdtr", 0, ((0.7, 0.8), (0.8, 1.0)))

_BDTRC = (  # of real k and n
    lambda y, k, n, p: _shapes(k + 1, n - k, p)[0] - _shapes(k + 1, n - k, p)[1],
    lambda y, k, n, p: _shapes(k + 1, n - k, p)[1],
    lambda y, k, n, p: _beta(k + 1, n - k, p),
)
_BDTR = _negative(*_BDTRC)
_BINOMIAL = (lambda k, n, p: _f("betaincc")(k + 1, n - k, p), _BDTR)
_TRIALS = ((2.0, 2.0), (5.0, 5.0), _LEVEL)
row("bdtr", (None, None, _cut(_BDTR[2], 2)), _TRIALS, "DLMF 8.17.5")
row("bdtrc", (None, None, _cut(_BDTRC[2], 2)), _TRIALS, "DLMF 8.17.5")
inverse("bdtri", "bdtr", 2, _TRIALS)
inverse("bdtrik", _BINOMIAL, 0, ((0.3, 0.7), (5.0, 7.0), (0.3, 0.6)))
inverse("bdtrin", _BINOMIAL, 1, ((2.0, 3.0), (0.3, 0.7), (0.3, 0.6)))
_NBDTR = (  # of real k and n
    lambda y, k, n, p: _shapes(n, k + 1, p)[1],
    lambda y, k, n, p: _shapes(n, k + 1, p)[0],
    lambda y, k, n, p: _beta(n, k + 1, p),
)
_NEGATIVE_BINOMIAL = (lambda k, n, p: _f("betainc")(n, k + 1, p), _NBDTR)
row("nbdtr", (None, None, _cut(_NBDTR[2], 2)), _TRIALS, "DLMF 8.17.24")
row("nbdtrc", (None, None, _cut(_negative(*_NBDTR)[2], 2)), _TRIALS, "DLMF 8.17.24")
inverse("nbdtri", "nbdtr", 2, _TRIALS)
inverse("nbdtrik", _NEGATIVE_BINOMIAL, 0, ((0.3, 0.7), (5.0, 7.0), (0.3, 0.6)))
inverse("nbdtrin", _NEGATIVE_BINOMIAL, 1, ((2.0, 3.0), (0.3, 0.7), (0.3, 0.6)))


# -- noncentral ones ------------------------------------------------------------------------------------
_ncf = of("ncf_pdf")


def _ncx2(x: Any, k: Any, c: Any) -> Any:
    """The density, also where SciPy's routine has lost it: by a Bessel function (DLMF 10.25)."""
    value = of("ncx2_pdf")(x, k, c)
    lost = np.equal(value, 0) & np.greater(x, 0) & np.greater(c, 0) & np.isfinite(x)
    x_, k_, c_ = np.where(lost, x, 1.0), np.where(lost, k, 2.0), np.where(lost, c, 1.0)
    order, root = 0.5 * k_ - 1, np.sqrt(x_) - np.sqrt(c_)
    scale = 0.5 * order * np.log(x_ / c_) - 0.5 * root * root
    argument = np.sqrt(x_ * c_)
    # SciPy's has no value far out, where it is its limit (DLMF 10.40.1, and 10.41 for the order).
    huge = np.greater(argument, 1e9)
    limit = np.exp(-0.5 * order * order / argument) / np.sqrt(2 * np.pi * argument)
    bessel = np.where(huge, limit, _f("ive")(order, np.where(huge, 1.0, argument)))
    # Of a large order it underflows where the power beside it overflows: the first term of its series.
    none = np.less(bessel, 1e-300)
    far = np.where(none, order, 1.0)
    series = far * np.log(0.5 * argument) - apply("lgamma", far + 1) - argument
    series = series + argument * argument / (4 * (far + 1))
    factor = np.exp(np.where(none, scale + series, scale))
    return np.where(lost, 0.5 * factor * np.where(none, 1.0, bessel), value)


def _nct(t: Any, n: Any, c: Any) -> Any:
    """The density; far out, where SciPy's routine gives 0 or raises, by the distribution function.

    ``f(t; n) = n / t (F(t sqrt(1 + 2 / n); n + 2) - F(t; n))`` (Johnson, Kotz and Balakrishnan, 31.2),
    of the tail on the side of t.
    """
    right = np.greater(t, 0)
    tail = np.where(right, of("nct_sf")(t, n, c), of("nctdtr")(n, c, t))
    none = np.equal(tail, 0)  # and the density with it
    t_, n_, c_ = np.where(none, 1.0, t), np.where(none, 5.0, n), np.where(none, 0.5, c)
    value = of("nct_pdf")(t_, n_, c_)
    lost = np.equal(value, 0) & ~none & ~np.equal(t, 0)
    t_, n_, c_ = np.where(lost, t, 1.0), np.where(lost, n, 5.0), np.where(lost, c, 0.5)
    wide = t_ * np.sqrt(1 + 2 / n_)
    of_tail = np.where(
        right,
        of("nct_sf")(t_, n_, c_) - of("nct_sf")(wide, n_ + 2, c_),
        of("nctdtr")(n_ + 2, c_, wide) - of("nctdtr")(n_, c_, t_),
    )
    return np.where(none, 0.0, np.where(lost, n_ / t_ * of_tail, value))


def _by_degrees(function: Any, k: int) -> Any:
    """By degrees of freedom, of which 0 is a pole."""
    return by_parameter(function, k, lambda *x: beyond(x[k]))


# p(x; k) is the mean over Poisson counts j of the density of k + 2j degrees of freedom, whose logarithmic
# derivative is (k/2 + j - 1) / x - 1/2; the mean of j times it is c/2 times that of k + 2.
row(
    "ncx2_pdf",
    (
        lambda y, x, k, c: y * ((0.5 * k - 1) / x - 0.5) + 0.5 * c / x * _ncx2(x, k + 2, c),
        _by_degrees(_ncx2, 1),
        lambda y, x, k, c: 0.5 * (_ncx2(x, k + 2, c) - y),
    ),
    ((0.5, 5.0), (1.0, 4.0), _P),
    "Johnson, Kotz and Balakrishnan, 29.4",
    private=True,
)
_CHNDTR = (
    lambda y, x, k, c: _ncx2(x, k, c),
    _by_degrees(of("chndtr"), 1),
    lambda y, x, k, c: -_ncx2(x, k + 2, c),
)
_NONCENTRAL = ((0.5, 5.0), (1.0, 4.0), _P)
row("chndtr", _CHNDTR, _NONCENTRAL, "Johnson, Kotz and Balakrishnan, 29.3")
inverse("chndtrix", "chndtr", 0, (_LEVEL, (1.0, 4.0), _P))
inverse("chndtridf", "chndtr", 1, ((0.5, 5.0), (0.2, 0.4), _P))
inverse("chndtrinc", "chndtr", 2, ((3.0, 6.0), (1.0, 2.0), (0.3, 0.5)))


def _moment(power: int, n: Any, c: Any, t: Any) -> Any:
    """The mean of ``V**power φ(t V - c)``, where n V² is chi-squared of n degrees of freedom.

    A power of V is a change of the degrees of freedom to m = n + power - 1.
    """
    m = n + (power - 1)
    if power == 1:
        return _nct(t, n, c)
    half = 0.5 * (power - 1)
    ratio = np.exp(
        apply("lgamma", 0.5 * m) - apply("lgamma", 0.5 * n)
        + half * float(np.log(2)) + 0.5 * np.log(m) - 0.5 * power * np.log(n)
    )  # fmt: skip
    return ratio * _nct(t * np.sqrt(m / n), m, c)


row(
    "nct_pdf",
    (
        lambda y, t, n, c: c * _moment(2, n, c, t) - t * _moment(3, n, c, t),
        _by_degrees(_nct, 1),
        lambda y, t, n, c: t * _moment(2, n, c, t) - c * y,
    ),
    ((-1.0, 2.0), (2.0, 5.0), (-1.0, 1.0)),
    "Johnson, Kotz and Balakrishnan, 31.2",
    private=True,
)


def _nctdtr_by_nc(y: Any, n: Any, c: Any, t: Any) -> Any:
    # The mean of -φ(t V - c), a density of one degree of freedom less, where there is one.
    enough = np.greater(n, 1)
    other = by_parameter(of("nctdtr"), 1, lambda n, c, t: 1.5 + np.abs(c))(y, n, c, t)
    return np.where(enough, -_moment(0, np.where(enough, n, 2.0), c, t), other)


_NCTDTR = (_by_degrees(of("nctdtr"), 0), _nctdtr_by_nc, lambda y, n, c, t: _nct(t, n, c))
row(
    "nctdtr",
    _NCTDTR,
    ((2.0, 5.0), (-1.0, 1.0), (-1.0, 2.0)),
    "Johnson, Kotz and Balakrishnan, 31.2",
)
inverse("nctdtridf", "nctdtr", 0, ((0.4, 0.5), (0.5, 0.6), (0.4, 0.5)))
inverse("nctdtrinc", "nctdtr", 1, ((2.0, 5.0), (0.2, 0.8), (0.5, 2.0)))
inverse("nctdtrit", "nctdtr", 2, ((2.0, 5.0), (-1.0, 1.0), (0.2, 0.8)))


def _ncf_next(x: Any, m: Any, n: Any, c: Any) -> Any:
    """The same sum of densities, of one event more."""
    less = m / (m + 2)
    return less * _ncf(x * less, m + 2, n, c)


def _ncf_by_x(y: Any, x: Any, m: Any, n: Any, c: Any) -> Any:
    q = m / (n + m * x)
    return y * ((0.5 * m - 1) / x - 0.5 * (m + n) * q) + 0.5 * c * (1 / x - q) * _ncf_next(
        x, m, n, c
    )


row(
    "ncf_pdf",
    (
        _ncf_by_x,
        _by_degrees(_ncf, 1),
        _by_degrees(_ncf, 2),
        lambda y, x, m, n, c: 0.5 * (_ncf_next(x, m, n, c) - y),
    ),
    (_P, (1.0, 4.0), (2.0, 5.0), _P),
    "Johnson, Kotz and Balakrishnan, 30.3",
    private=True,
)
_NCFDTR = (
    _by_degrees(of("ncfdtr"), 0),
    _by_degrees(of("ncfdtr"), 1),
    lambda y, m, n, c, x: 0.5 * (_f("ncfdtr")(m + 2, n, c, x * m / (m + 2)) - y),
    lambda y, m, n, c, x: _ncf(x, m, n, c),
)
_RATIO = ((1.0, 4.0), (2.0, 5.0), _P, _P)
row("ncfdtr", _NCFDTR, _RATIO, "Johnson, Kotz and Balakrishnan, 30.3")
inverse("ncfdtri", "ncfdtr", 3, ((1.0, 4.0), (2.0, 5.0), _P, _LEVEL))
inverse("ncfdtridfn", "ncfdtr", 0, ((0.4, 0.5), (2.0, 5.0), (0.5, 0.6), (1.0, 1.2)))
inverse("ncfdtridfd", "ncfdtr", 1, ((1.0, 4.0), (0.4, 0.5), (0.5, 0.6), (1.0, 1.2)))
inverse("ncfdtrinc", "ncfdtr", 2, ((1.0, 2.0), (2.0, 5.0), (0.2, 0.4), (2.0, 3.0)))


# -- normal ---------------------------------------------------------------------------------------------
def _normal_quantile_slope(z: Any) -> Any:
    return _ROOT_TWO_PI * np.exp(0.5 * z * z)


inverse("ndtri_exp", "log_ndtr", 0, ((-5.0, -0.1),))
row(
    "nrdtrimn",
    (
        lambda y, p, s, x: -s * _normal_quantile_slope((x - y) / s),
        lambda y, p, s, x: -(x - y) / s,
        lambda y, p, s, x: 1.0 + 0.0 * x,
    ),
    (_LEVEL, _P, (-2.0, 2.0)),
    "x - s ndtri(p)",
)
row(
    "nrdtrisd",
    (
        lambda y, m, p, x: -y / (x - m),
        lambda y, m, p, x: -y * y / (x - m) * _normal_quantile_slope((x - m) / y),
        lambda y, m, p, x: y / (x - m),
    ),
    ((-1.0, 0.0), (0.6, 0.9), (1.0, 2.0)),
    "(x - m) / ndtri(p)",
)
row(
    "owens_t",
    (
        lambda y, h, a: -np.exp(-0.5 * h * h) * apply("erf", a * h / float(np.sqrt(2))) / (2 * _ROOT_TWO_PI),
        lambda y, h, a: np.exp(-0.5 * h * h * (1 + a * a)) / (2 * np.pi * (1 + a * a)),
    ),
    ((-2.0, 2.0), (-2.0, 2.0)),
    "Owen (1956)",
)  # fmt: skip


# -- Kolmogorov's and Smirnov's ---------------------------------------------------------------------------
def _halves(x: Any) -> tuple[Any, Any, Any]:
    """Whether x is small, and x in the series for small and in that for large numbers."""
    small = np.less(x, 0.9)
    return small, np.where(small & np.greater(x, 0), x, 0.9), np.where(small, 0.9, x)


def kolmogorov_slope(x: Any) -> Any:
    """By the alternating series where x is large, by its theta transform (DLMF 20.7.30) where small."""
    small, low, high = _halves(np.where(np.isinf(x), 0.0, x))
    near: Any = 0.0
    for k in range(1, 6):
        c = ((2 * k - 1) * np.pi) ** 2 / 8
        near = near + np.exp(-c / (low * low)) * (2 * c / (low * low) - 1)
    far: Any = 0.0
    for k in range(1, 7):
        far = far + (-1.0) ** k * 8 * k * k * np.exp(-2.0 * k * k * high * high)
    value = np.where(small, -_ROOT_TWO_PI / (low * low) * near, far * high)
    return np.where(np.greater(x, 0) & np.isfinite(x), value, 0.0)


def kolmogorov_bend(x: Any) -> Any:
    """The second derivative, likewise."""
    small, low, high = _halves(x)
    u: Any = 1 / low
    near: Any = 0.0
    for k in range(1, 6):
        c = ((2 * k - 1) * np.pi) ** 2 / 8
        q = c * u * u
        near = near + np.exp(-q) * u * (10 * q - 2 - 4 * q * q)
    far: Any = 0.0
    for k in range(1, 7):
        e = 2.0 * k * k * high * high
        far = far + (-1.0) ** k * 8 * k * k * np.exp(-e) * (1 - 2 * e)
    value = np.where(small, _ROOT_TWO_PI * u * u * near, far)
    return np.where(np.greater(x, 0), value, 0.0)


row(
    "kolmogorov",
    (lambda y, x: kolmogorov_slope(x),),
    ((0.4, 1.8),),
    "Marsaglia, Tsang and Wang (2003)",
)
inverse("kolmogi", "kolmogorov", 0, (_LEVEL,))
_FEW = 32


def _smirnov_bend(y: Any, n: Any, x: Any) -> Any:
    """The second derivative: of up to 32 numbers, of the terms of the sum; of more it is smooth but near 0.

    Terms ``C(n, j) x (x + j/n)**(j-1) (1 - x - j/n)**(n-j)``, as long as the last base is positive.
    """
    few = np.less_equal(n, _FEW) & np.greater(x, 0)
    column = lambda v: np.reshape(v, (*np.shape(v), 1))  # noqa: E731
    m, u = column(np.where(few, n, float(_FEW))), column(np.where(few, x, 0.5))
    j = np.arange(float(_FEW))
    v = u + j / m
    inside = np.less(v, 1.0) & np.less(j, m)
    w = np.where(inside, 1.0 - v, 0.5)
    term = (
        of("binom")(m + 0.0 * j, j + 0.0 * m) * u * v ** (j - 1) * w ** np.where(inside, m - j, 0)
    )
    slope = 1 / u + (j - 1) / v - (m - j) / w
    bend = term * (slope * slope - 1 / u**2 - (j - 1) / v**2 - (m - j) / w**2)
    return np.where(few, np.sum(np.where(inside, bend, 0.0), axis=-1), _smooth_bend(y, n, x))


_smooth_bend = by_parameter(
    of("smirnovp"),
    1,
    lambda n, x: 4 * (n * np.abs(x) + np.sqrt(n)) + 6 / np.maximum(np.abs(x), 1e-300),
)
row(
    "smirnovp",
    (None, _smirnov_bend),
    ((5.0, 5.0), (0.15, 0.5)),
    "Birnbaum and Tingey (1951)",
    private=True,
)
row(
    "smirnov",
    (None, lambda y, n, x: of("smirnovp")(n, x)),
    ((5.0, 5.0), (0.15, 0.5)),
    "its own slope",
)
inverse("smirnovi", "smirnov", 1, ((5.0, 5.0), (0.1, 0.8)))


# -- transformations ----------------------------------------------------------------------------------------
# The derivative of log(1 + u) / u = sum of (-u)**k / (k + 1)
_LOG1P_SLOPE = [(-1.0) ** k * k / (k + 1) for k in range(1, 24)]


def _log1p_ratio_slope(u: Any) -> Any:
    return near_or_far(
        np.abs(u) < 0.15, u, 0.5,
        lambda u: polynomial(u, _LOG1P_SLOPE),
        lambda u: (u / (1 + u) - np.log1p(u)) / (u * u),
    )  # fmt: skip


def _inverse_boxcox_slopes(value: Any, x: Any, p: Any) -> tuple[Any, Any]:
    """Of ``value = (1 + p x)**(1/p)``; at its end, where that is a power of 0, as of a power."""
    whole = 1 + p * x
    end = np.equal(whole, 0)
    power = np.power(np.where(end, whole, 1.0), 1 / np.where(end, p, 1.0) - 1)
    u = np.where(end, 0.0, p * x)
    by_p = np.where(end, power * x / np.where(end, p, 1.0), value * x * x * _log1p_ratio_slope(u))
    return np.where(end, power, value / np.where(end, 1.0, whole)), by_p


def _enter_inverse_boxcox() -> None:
    for name, shift in (("inv_boxcox", 0.0), ("inv_boxcox1p", 1.0)):
        row(
            name,
            (
                lambda y, x, p, shift=shift: _inverse_boxcox_slopes(y + shift, x, p)[0],
                lambda y, x, p, shift=shift: _inverse_boxcox_slopes(y + shift, x, p)[1],
            ),
            (_P, (-0.25, 0.5)),
            "(1 + p x)**(1/p)",
        )


_enter_inverse_boxcox()


def _lambda_ends(p: Any) -> Any:
    inside = np.greater(p, 0) & np.less(p, 1)
    return inside, np.where(inside, p, 0.5)


def _tukey_by_x(y: Any, x: Any, p: Any) -> Any:
    inside, v = _lambda_ends(y)
    return np.where(inside, 1 / (np.power(v, p - 1) + np.power(1 - v, p - 1)), 0.0)


def _tukey_by_shape(y: Any, x: Any, p: Any) -> Any:
    inside, v = _lambda_ends(y)
    by_shape = _boxcox_by_power(np.log(v), p) - _boxcox_by_power(np.log1p(-v), p)
    return np.where(inside, -by_shape / (np.power(v, p - 1) + np.power(1 - v, p - 1)), 0.0)


row("tklmbda", (_tukey_by_x, _tukey_by_shape), ((-1.0, 1.0), (-0.5, 0.8)), "Tukey (1962)")
