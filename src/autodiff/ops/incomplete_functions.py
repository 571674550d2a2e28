"""Incomplete gamma and beta functions' derivatives by their shapes, by rules on integrals that do not cancel.

    P(a, x) = 1/Γ(a) ∫_0^x t^(a-1) e^-t dt            dP/da = 1/Γ(a) ∫_0^x t^(a-1) e^-t (log t - ψ(a)) dt

The last factor changes its sign at about t = a, and the integral over all t is 0.  So for x below a it is taken from 0
to x (t = x e^-u), for x above it is taken from x to infinity (t = x e^u), and all terms have one sign.
For small a and x, what is left of the first one without its power series' first term is taken:

    dP/da = x^a / Γ(a + 1) [log x - ψ(a + 1) + ∫_0^∞ e^-au (e^-t - 1) (a log x - a ψ(a) - a u) du]

The integrands are entire functions that fall by e^40 over the range of Gauss's rule, whose 64 nodes leave a relative error
of 1e-13 (1e-12 where P or 1 - P is below 1e-80, as SciPy's x^a e^-x / Γ(a) has).

    I_x(a, b): dI/da = 1/B(a, b) ∫_0^x t^(a-1) (1-t)^(b-1) (log t - ψ(a) + ψ(a + b)) dt

likewise, from x to 1 where x is beyond the change of sign, and without the first term for small x; by b it is that of 1 - I_(1-x)(b, a).  The integrand may have a
singularity close to x, so the rule is the double exponential one, with t = x e^-u and u = w exp(s - e^-s): 1e-13 as well, where
rounding in x^a (1-x)^b / B(a, b) allows it.

A derivative of a rule is the rule for the derivative: second ones are as good but where they cancel.

Source: H. Takahasi and M. Mori, Double exponential formulas for numerical integration (1974).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.custom import stop
from autodiff.ops.gamma_functions import digamma_step
from autodiff.ops.quadrature import gauss_legendre
from autodiff.ops.smooth import polynomial, unknown_slope
from autodiff.ops.special import apply, at_infinite_shape, digamma
from autodiff.ops.tracer import Tracer

_STEPS = np.linspace(-4.0, 4.0, 96)
DOUBLE_NODES = np.exp(_STEPS - np.exp(-_STEPS))
DOUBLE_WEIGHTS = DOUBLE_NODES * (1 + np.exp(-_STEPS)) * (_STEPS[1] - _STEPS[0])
_SMALL_SHAPE, _SMALL_X = 2.0, 1.5


def shape_slope(a: Any, x: Any) -> Any:
    """The derivative of ``gammainc(a, x)`` by ``a``; 0 at the ends, where P is 0 or 1 for all a, or all x."""
    inside = np.greater_equal(a, 0) & np.greater(x, 0) & np.isfinite(a) & np.isfinite(x)
    a_, x_ = np.where(inside, a, 1.0), np.where(inside, x, 1.0)
    at_end = np.greater(a, 0) & np.isfinite(a) & (np.equal(x, 0) | np.isposinf(x))
    at_end = at_end | (np.isposinf(a) & np.greater_equal(x, 0) & np.isfinite(x))
    return np.where(inside, _slope(a_, x_), np.where(at_end, 0.0, np.nan))


def _slope(a: Any, x: Any) -> Any:
    above = np.greater(x, a) & np.greater_equal(x, _SMALL_X)
    small = np.less(a, _SMALL_SHAPE) & ~above
    level = np.log(x) - digamma(a + 1)
    by_a = a * level + 1  # a (log x - ψ(a)), also where a is 0
    sign = np.where(above, 1.0, -1.0)
    nodes, weights = gauss_legendre()
    u = _column(_constant(_range(a, x, above, small))) * nodes
    a1, x1, sign1 = _column(a), _column(x), _column(sign)
    change = np.expm1(sign1 * u)  # t / x - 1
    left = np.exp(-a1 * u) * np.expm1(-x1 * (1 + change))
    whole = np.exp(sign1 * a1 * u - x1 * change)
    integrand = np.where(_column(small), left, -sign1 * whole) * (_column(by_a) + sign1 * a1 * u)
    integral = _constant(_range(a, x, above, small)) * np.sum(integrand * weights, axis=-1)
    few = np.less(a, _SMALL_SHAPE)
    power = np.exp(a * np.log(x) - apply("lgamma", a + 1))  # x^a / Γ(a + 1), for few
    density = apply("scipy_igam_fac", np.where(few, 2.0, a), x) / np.where(few, 2.0, a)
    whole = np.where(few, power * np.exp(-x), density) * integral
    return np.where(small, power * (level + integral), whole)


def _range(a: Any, x: Any, above: Any, small: Any) -> Any:
    """Up to where the integrand is more than ``e^-40`` of what it is at 0."""
    more = np.where(above, x - a, 0.0)
    gaussian = 80 / (more + np.sqrt(more * more + 80 * x))
    upper = np.minimum(gaussian, np.log1p(44 / x) + 0.3)
    less = np.where(above, 0.0, 2 * (a - x) - 40)
    lower = 160 / (less + np.sqrt(less * less + 320 * np.where(small, 1.0, a)))
    return np.where(small, 42 / (1 + a), np.where(above, upper, lower))


def beta_slopes(a: Any, b: Any, x: Any, rest: Any = None) -> tuple[Any, Any]:
    """The derivatives of ``betainc(a, b, x)`` by ``a`` and by ``b``; 0 where it is 0 or 1 all around.

    ``rest`` is 1 - x, where that is known to more digits than the difference.
    """
    none_a, none_b = (
        np.equal(a, 0),
        np.equal(b, 0),
    )  # where it is 1, or 0, for the other of any size
    positive = np.greater_equal(a, 0) & np.greater_equal(b, 0) & ~(none_a & none_b)
    y = 1 - x if rest is None else rest
    inside = positive & np.greater(x, 0) & np.greater(y, 0) & np.isfinite(a) & np.isfinite(b)
    a_, b_, x_, y_ = (np.where(inside, v, 0.5) for v in (a, b, x, y))
    at_end = np.greater(a, 0) & np.greater(b, 0) & (np.equal(x, 0) | np.equal(y, 0))
    outside = np.where(at_end | at_infinite_shape(a, b, x), 0.0, np.nan)
    right = np.greater(x_, 0.5)  # each logarithm by the smaller one of the two
    log_x = np.where(right, np.log1p(-np.where(right, y_, 0.5)), np.log(x_))
    log_y = np.where(right, np.log(y_), np.log1p(-np.where(right, 0.5, x_)))
    lower, upper = (x_, log_x), (y_, log_y)
    # The mixed derivative is not 0 where one of them is.
    by_a = np.where(
        none_b, unknown_slope(b), _beta_slope(a_, np.where(none_b, 0.5, b_), lower, upper)
    )
    by_b = np.where(
        none_a, unknown_slope(a), -_beta_slope(b_, np.where(none_a, 0.5, a_), upper, lower)
    )
    return np.where(inside, by_a, outside), np.where(inside, by_b, outside)


def _beta_slope(a: Any, b: Any, lower: Any, upper: Any) -> Any:
    """The derivative by ``a``; ``lower`` and ``upper`` are x and 1 - x with their logarithms."""
    (x, log_x), (y, log_y) = lower, upper
    none = np.equal(a, 0)  # where 1 / B is 0 and the mean of log t infinite: a times it is -1
    mean = -digamma_step(np.where(none, 1.0, a), b)  # of log t
    beyond = digamma_step(a + 1, b - 1)  # a B(a, b), and a times the mean, have no pole at 0
    first = log_x + beyond
    small = np.less(a, _SMALL_SHAPE) & np.less_equal(x, 0.5) & np.less_equal(b * x, 1.5)
    above = (np.greater(log_x, mean) | none) & ~small
    p, q = np.where(above, b, a), np.where(above, a, b)
    z, rest = np.where(above, y, x), np.where(above, x, y)  # t, or 1 - t, is z e^-u
    log_z, log_rest = np.where(above, log_y, log_x), np.where(above, log_x, log_y)
    width = np.where(small, 1 / (1 + a), _beta_range(p, q, z, rest) / 45)
    width = _constant(width)
    u = _column(width) * DOUBLE_NODES
    other = _column(rest) - _column(z) * np.expm1(-u)  # 1 - z e^-u
    growth = _column(q - 1) * np.log(other / _column(rest))
    log_t = np.where(_column(above), np.log(other), _column(log_x) - u)
    excess = 1 + _column(a) * (log_t + _column(beyond))  # a times what log t is above its mean
    whole = np.exp(growth - _column(p) * u) * excess
    change = np.expm1(_column(b - 1) * np.log1p(-_column(x) * np.exp(-u)))
    left = np.exp(-_column(a) * u) * change * excess
    terms = np.where(_column(small), left, whole)
    integral = width * np.sum(terms * DOUBLE_WEIGHTS, axis=-1)
    front = -apply("scipy_betaln", a + 1, b) - np.log(a + b)
    density = np.exp(p * log_z + (q - 1) * log_rest + front)
    power = np.exp(a * log_x + front)
    return np.where(
        small, power * (first + integral), np.where(above, -1.0, 1.0) * density * integral
    )


def _beta_range(p: Any, q: Any, z: Any, rest: Any) -> Any:
    """Up to where ``e^-pu ((1 - z e^-u) / (1 - z))^(q - 1)`` is more than ``e^-40``."""
    growing = np.greater(q, 1)
    slower = 2 * (p * rest - np.where(growing, q - 1, 0.0) * z) - 40
    root = np.sqrt(slower * slower + 320 * p * rest)
    positive = np.greater(slower, 0)
    far = 160 * rest / np.where(positive, slower + root, 1.0)
    near = np.where(positive, 0.0, root - slower) / (2 * p)
    return np.where(growing, np.where(positive, far, near), 45 / p)


# log(1 + u) - u / (1 + u) = sum over k > 1 of (-1)**k (k - 1) / k u**k
_LOG_LESS = [(-1.0) ** k * (k - 1) / k for k in range(2, 26)]
# (ψ((n + 1) / 2) - ψ(n / 2) - 1 / n) / 2 by powers of n**-2 (DLMF 5.11.2), for many degrees of freedom
_STEP_LESS = (1 / 4, -1 / 8, 1 / 4, -17 / 16, 31 / 4)
_MANY = 30
_TURN = 1.55  # about where the derivative of the density changes its sign, further out for few


def student_is_inside(n: Any, t: Any) -> Any:
    """Where the derivative of the density has one sign from 0 to t, and no pole nearby."""
    return np.abs(t) < np.minimum(_TURN, np.sqrt(n))


def student_slope(n: Any, t: Any) -> Any:
    """The derivative of Student's distribution function by the degrees of freedom.

    For 30 of them and more, or where ``student_is_inside``: the integral of the density's derivative
    over one sign, 0 … t or t … ∞.  That by the incomplete beta function is a difference of two numbers
    of which the terms of order 1/n, and near t = 0 those of order ``t log t``, agree.
    """
    inner, size = student_is_inside(n, t), np.abs(t)
    far = np.sqrt(n * np.expm1(np.log1p(size * size / n) + 80 / (n + 1)))
    low = np.where(inner, 0.0, size)
    width = np.where(inner, t, far - size)
    nodes, weights = gauss_legendre()
    s = _column(low) + _column(width) * nodes
    m = _column(n)
    u = s * s / m
    near = np.less(u, 0.15)
    series = polynomial(np.where(near, u, 0.0), _LOG_LESS) * u * u
    v = np.where(near, 1.0, u)
    excess = np.where(near, series, np.log1p(v) - v / (1 + v))
    growth = _column(_student_step(n)) - 0.5 * excess + 0.5 * u / (m * (1 + u))
    total = np.sum(np.exp(-0.5 * (m + 1) * np.log1p(u)) * growth * weights, axis=-1)
    factor = apply("scipy_poch", 0.5 * n, 0.5 + 0.0 * n) / np.sqrt(np.pi * n)
    return np.where(inner, 1.0, -np.sign(t)) * factor * width * total


def _student_step(n: Any) -> Any:
    """``(ψ((n + 1) / 2) - ψ(n / 2) - 1 / n) / 2``."""
    many = np.greater_equal(n, _MANY)
    r = 1 / np.where(many, n, 1e10) ** 2
    few = np.where(many, 1.0, n)
    direct = 0.5 * digamma_step(0.5 * few, 0.5 + 0.0 * few) - 0.5 / few
    return np.where(many, polynomial(r, _STEP_LESS) * r, direct)


def _column(v: Any) -> Any:
    return np.reshape(v, (*v.shape, 1))


def _constant(v: Any) -> Any:
    return stop(v) if isinstance(v, Tracer) else v


__all__ = ["beta_slopes", "shape_slope", "student_is_inside", "student_slope"]
