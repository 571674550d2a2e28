"""The gamma function's relatives, whose values are SciPy's and whose derivatives do not cancel.

    gammaln, gamma, digamma, beta, betaln, binom, poch, …      entries, one a line
    digamma_step(a, b)      digamma(a + b) - digamma(a), accurate where the two agree in most digits

The derivative of ``betaln(a, b)`` by ``a`` is a difference of digammas, -0.5e-10 at (1e10, 0.5): a
difference of two numbers near 23 has no digit of it right to more than 1e-6.  So it is written as a
step, a sum of terms that are proportional to ``b`` each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.special import apply, digamma, enter_ufunc

# B(2k) / 2k for k = 1, 2, …, with the signs of the asymptotic series of digamma (A&S 6.3.18):
# digamma(x) = log x - 1 / 2x - sum over k of these times x**-2k.
_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)
_SHIFT = 10  # from there on the series above is right to the last bit


def _cotangent(reflected: Any, x: Any) -> Any:
    """``pi cot(pi x)`` where an argument is reflected, else 0."""
    # Of the distance from the nearest pole, which is exact; 1/2, where the cotangent is 0, elsewhere.
    angle = np.pi * np.where(reflected, x - np.rint(x), 0.5)
    return np.where(reflected, np.pi * np.cos(angle) / np.sin(angle), 0.0)


def trigamma(x: Any) -> Any:
    """The derivative of digamma: recurrence, then the asymptotic series (A&S 6.4.6, 6.4.12, 6.4.7)."""
    left = np.less(x, 0)
    z = np.where(left, 1 - x, x)
    total = 0.0
    for k in range(_SHIFT):
        # The square of a quotient: the other way round squares over- and underflow.
        term = 1 / (z + k)
        total = total + term * term
    r = 1 / (z + _SHIFT)
    square, series = r * r, 0.0
    for k, c in reversed(list(enumerate(_SERIES, 1))):
        series = (series + 2 * k * c) * square
    value = total + r * (1 + series) + 0.5 * square
    angle = np.pi * np.where(left, x - np.rint(x), 0.5)
    slope = np.pi / np.sin(angle)
    return np.where(left, slope * slope - value, value)


def digamma_step(a: Any, b: Any) -> Any:
    """``digamma(a + b) - digamma(a)``, without a subtraction where both arguments are positive.

    Negative ones are reflected (A&S 6.3.7).
    """
    c = a + b
    # The cotangents of arguments that are a whole number apart are equal, and infinite at poles.
    whole = np.equal(b, np.rint(b)) & np.less_equal(a, 0) & np.less_equal(c, 0)
    left_a, left_c = np.less(a, 0) | whole, np.less(c, 0) | whole
    low, high = np.where(left_a, 1 - a, a), np.where(left_c, 1 - c, c)
    step = np.where(left_a | left_c, high - low, b)
    total = _near(low, high, step) + _asymptotic(low + _SHIFT, high + _SHIFT, step)
    apart = np.logical_not(whole)
    return total - (_cotangent(left_c & apart, c) - _cotangent(left_a & apart, a))


def _near(low: Any, high: Any, step: Any) -> Any:
    """What the recurrence up to the asymptotic series adds: 1/(a + k) - 1/(a + b + k)."""
    total = 0.0
    for k in range(_SHIFT):
        # Two quotients: the product of the denominators may over- or underflow.
        total = total + step / (high + k) / (low + k)
    return total


def _asymptotic(low: Any, high: Any, step: Any) -> Any:
    """The difference of the asymptotic series, term by term."""
    # log(high / low): near 1 from the step, else from the quotient, where it is not near 1.
    near = np.less(np.abs(step), 0.5 * low)
    close, far = np.where(near, step, 0.0) / low, np.where(near, 1.0, high / low)
    logarithm = np.where(near, np.log1p(close), np.log(far))
    u, v = 1 / low, 1 / high
    difference = step * v * u  # u - v
    # (P(u²) - P(v²)) / (u² - v²) by Horner's scheme for divided differences.
    square_u, square_v = u * u, v * v
    value, divided = _SERIES[-1], 0.0
    for c in _SERIES[-2::-1]:
        value, divided = value * square_u + c, divided * square_v + value
    # One more, for the power of u² that P has in front.
    divided = divided * square_v + value
    return logarithm + 0.5 * difference + difference * (u + v) * divided


def _poch_by_first(y: Any, a: Any, m: Any) -> Any:
    """∂(a)_m/∂a; near the zeros of 1 / gamma(a) by reflection, y = gamma(a + m) gamma(1 - a) sin(πa) / π."""
    c = a + m
    smooth = np.greater(c, 0) | np.greater(np.abs(c - np.rint(c)), 0.2)
    close = np.less(np.abs(a - np.rint(a)), 0.2) & np.less(a, 0.25) & np.greater(a, -80.0)
    near = close & smooth & np.less(np.abs(c), 80.0)
    b, d = np.where(near, a, -0.5), np.where(near, c, 1.0)
    angle = np.pi * (b - 2.0 * np.rint(0.5 * b))
    size = apply("scipy_gamma", d) * apply("scipy_gamma", 1.0 - b)
    turned = np.sin(angle) / np.pi * (digamma(d) - digamma(1.0 - b)) + np.cos(angle)
    first, step = np.where(near, 1.0, a), np.where(near, 1.0, m)
    return np.where(near, size * turned, y * digamma_step(first, step))


def _binom_slope(y: Any, n: Any, k: Any) -> tuple[Any, Any]:
    # A k that is negative is one beyond n from the other side: binom(n, k) = binom(n, n - k).
    below = np.less(k, -0.5) & np.greater(n, -1.0)
    by_n, by_k = _binom_slope_above(y, n, np.where(below, n - k, k))
    return np.where(below, by_n + by_k, by_n), np.where(below, -by_k, by_k)


def _binom_slope_above(y: Any, n: Any, k: Any) -> tuple[Any, Any]:
    # 1 / gamma(n - k + 1) has its zeros where k is larger than n: y is 0 times the infinity of digamma.
    # There by reflection: y = sin(pi (n - k + 1)) / pi * beta(n + 1, k - n).
    beyond = np.greater(k - n, 0.5) & np.greater(n, -1.0)
    m, j = np.where(beyond, n, 2.0), np.where(beyond, k, 3.0)
    turn = m - j + 1.0
    angle = np.pi * (turn - 2.0 * np.rint(0.5 * turn))
    size, cosine, sine = apply("scipy_beta", m + 1.0, j - m), np.cos(angle), np.sin(angle) / np.pi
    by_n = size * (cosine + sine * (digamma(m + 1.0) - digamma(j - m)))
    by_k = size * (sine * (digamma(j - m) - digamma(j + 1.0)) - cosine)
    n, k = np.where(beyond, 3.0, n), np.where(beyond, 1.0, k)
    return (
        np.where(beyond, by_n, y * digamma_step(n - k + 1, k)),
        np.where(beyond, by_k, y * digamma_step(k + 1, n - 2 * k)),
    )


_POSITIVE = ((0.5, 4.0), (0.5, 4.0))
_BOOST = "scipy.special._ufuncs."


def _log_less_digamma(x: Any, a: Any) -> Any:
    """``log(x) - digamma(a)``; of large numbers that are near each other by what they are apart."""
    near = np.greater(a, 1e3) & np.less(np.abs(x - a), 0.5 * a)
    b = np.where(near, a, 1e3)
    r = 1 / b  # log(b) - digamma(b) is r/2 + r**2/12 - r**4/120 + r**6/252 (A&S 6.3.18)
    step = r * (0.5 + r * (1 / 12 - r * r * (1 / 120 - r * r / 252)))
    by_ratio = np.log1p(np.where(near, x - a, 0.0) / b) + step
    return np.where(near, by_ratio, np.log(x) - digamma(np.where(near, 1.0, a)))


# The ufunc, its partial derivatives, where the tests sample; for a ufunc of another place, where.
for _entry in (
    ("gammaln", (lambda y, x: digamma(x),), ((0.3, 6.0),)),
    # Of a real number, NaN below 0.
    ("loggamma", (lambda y, x: np.where(np.less(x, 0), np.nan, digamma(x)),), ((0.3, 6.0),)),
    ("gamma", (lambda y, x: y * digamma(x),), ((0.3, 4.0),)),
    ("digamma", (lambda y, x: trigamma(x),), ((0.3, 4.0),)),
    ("gammasgn", (None,), ((0.3, 4.0),)),
    ("beta", (lambda y, a, b: -y * digamma_step(a, b), lambda y, a, b: -y * digamma_step(b, a)), _POSITIVE),
    ("betaln", (lambda y, a, b: -digamma_step(a, b), lambda y, a, b: -digamma_step(b, a)), _POSITIVE),
    ("binom", (lambda y, n, k: _binom_slope(y, n, k)[0], lambda y, n, k: _binom_slope(y, n, k)[1]),
     ((3.0, 6.0), (0.5, 2.5))),
    ("poch", (_poch_by_first, lambda y, a, m: y * digamma(a + m)), _POSITIVE),
    ("logit", (lambda y, x: 1 / (x * (1 - x)),), ((0.1, 0.9),)),
    # x**a e**-x / gamma(a)
    ("igam_fac", (lambda y, a, x: y * _log_less_digamma(x, a), lambda y, a, x: y * ((a - x) / x)), _POSITIVE,
     _BOOST + "_igam_fac"),
):  # fmt: skip
    enter_ufunc(*_entry)
