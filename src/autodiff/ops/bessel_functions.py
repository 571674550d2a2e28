"""Bessel functions and their like: Airy, Kelvin, Struve, spherical, their integrals; by rows of a table.

Each derivative is a formula in functions of the same tables (DLMF chapters 9, 10 and 11), so all
orders of derivatives follow.  By the order there is no such formula: ``by_parameter``.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from autodiff.ops.by_parameter import beyond, by_parameter, of_order
from autodiff.ops.smooth import beyond_infinity, exprel, near_or_far, polynomial, sine_ratio
from autodiff.ops.special import _f, i0, j0, jv, k0, rgamma, y0, yv
from autodiff.ops.special_rows import of, row, rows


# -- Airy functions ---------------------------------------------------------------------------------
def _airy(k: int) -> Any:
    return of(f"airy.{k}")


def _airye(k: int) -> Any:
    return of(f"airye.{k}")


def _root(x: Any) -> Any:
    """The square root of positive x, 0 of others, with a derivative everywhere."""
    positive = np.greater(x, 0)
    return np.where(positive, np.sqrt(np.where(positive, x, 1.0)), 0.0)


_AIRY = ((-3.0, 3.0),)
rows(
    "airy",
    (
        (lambda y, x: _airy(1)(x),),
        (lambda y, x: x * _airy(0)(x),),
        (lambda y, x: _airy(3)(x),),
        (lambda y, x: x * _airy(2)(x),),
    ),
    _AIRY,
    "DLMF 9.2.1",
)
# Ai and Ai' times exp(2/3 x**(3/2)), NaN for x < 0; Bi and Bi' divided by it where x > 0.
rows(
    "airye",
    (
        (lambda y, x: _airye(1)(x) + np.sqrt(x) * y,),
        (lambda y, x: x * _airye(0)(x) + np.sqrt(x) * y,),
        (lambda y, x: _airye(3)(x) - _root(x) * y,),
        (lambda y, x: x * _airye(2)(x) - _root(x) * y,),
    ),
    ((0.3, 3.0),),
    "DLMF 9.2.1",
)
rows(
    "itairy",
    (
        (lambda y, x: _airy(0)(x),),
        (lambda y, x: _airy(2)(x),),
        (lambda y, x: _airy(0)(-x),),
        (lambda y, x: _airy(2)(-x),),
    ),
    ((0.3, 3.0),),
    "DLMF 9.10.1",
)


# -- Kelvin functions: w'' = i w - w' / x (DLMF 10.61.3) ---------------------------------------------
def _kelvin_ratio(shift: int) -> Any:
    """ber'(x) / x or bei'(x) / x: near 0 by their series (DLMF 10.65.1)."""
    ks = range(1 - shift, 9)
    terms = [
        (-1.0) ** k * (2 * k + shift) / 2 / factorial(2 * k + shift) ** 2 * 0.5 ** (4 * k + 2 * shift - 2)
        for k in ks
    ]  # fmt: skip
    function = _f("beip" if shift else "berp")

    def near(x: Any) -> Any:
        square = x * x
        total = polynomial(square * square, terms)
        return total if shift else square * total

    return lambda x: near_or_far(np.abs(x) < 1.0, x, 1.0, near, lambda x: function(x) / x)


_ber_ratio, _bei_ratio = _kelvin_ratio(0), _kelvin_ratio(1)
_NUMBERS, _POSITIVE = ((-3.0, 3.0),), ((0.3, 3.0),)
row("ber", (lambda y, x: _f("berp")(x),), _NUMBERS, "definition")
row("bei", (lambda y, x: _f("beip")(x),), _NUMBERS, "definition")
row("berp", (lambda y, x: -_f("bei")(x) - _ber_ratio(x),), _NUMBERS, "DLMF 10.61.3")
row("beip", (lambda y, x: _f("ber")(x) - _bei_ratio(x),), _NUMBERS, "DLMF 10.61.3")
row("ker", (lambda y, x: _f("kerp")(x),), _POSITIVE, "definition")
row("kei", (lambda y, x: _f("keip")(x),), _POSITIVE, "definition")
row("kerp", (lambda y, x: -_f("kei")(x) - y / x,), _POSITIVE, "DLMF 10.61.3")
row("keip", (lambda y, x: _f("ker")(x) - y / x,), _POSITIVE, "DLMF 10.61.3")


# -- Struve functions -------------------------------------------------------------------------------
struve, modstruve = _f("struve"), _f("modstruve")


def struve_term(v: Any, x: Any) -> Any:
    """``(x / 2)**v / (sqrt(pi) Γ(v + 3/2))``."""
    return np.power(0.5 * x, v) * rgamma(v + 1.5) / float(np.sqrt(np.pi))


def _struve_slope(function: Any, sign: float) -> Any:
    """The mean of two recurrences, of which one alone holds at order 0, where the other has a pole at 0 (DLMF 11.4)."""

    def partial(y: Any, v: Any, x: Any) -> Any:
        none, zero = np.equal(v, 0), np.equal(x, 0)
        # The term is a power over a gamma function, which are out of range for large orders.
        large = np.greater(v, 100)
        w = np.where(none | large, 1.0, v)
        mean = 0.5 * (function(w - 1, x) + sign * function(w + 1, x) + struve_term(w, x))
        # y / x, multiplied by an order that is 0 but has a derivative
        ratio = np.where(zero, 2 / np.pi, y / np.where(zero, 1.0, x))
        mean = np.where(large, function(v - 1, x) - v * ratio, mean)
        return np.where(none, v * ratio + sign * function(v + 1, x) + struve_term(v, x), mean)

    return partial


_ORDERED = ((1.0, 3.0), (0.5, 4.0))
for _name, _function, _sign, _source in (
    ("struve", struve, -1.0, "DLMF 11.4.27"),
    ("modstruve", modstruve, 1.0, "DLMF 11.4.28"),
):
    row(
        _name,
        (by_parameter(_function, 0, of_order), _struve_slope(_function, _sign)),
        _ORDERED,
        _source,
    )
# H(x) / x = 2 / pi times the sum of (-1)**k x**2k / ((2k + 1)!!)**2  (DLMF 11.2.1)
_STRUVE = [
    (-1.0) ** k * 2 / np.pi / float(np.prod(np.arange(1.0, 2 * k + 2, 2))) ** 2 for k in range(14)
]


def _struve_ratio(x: Any) -> Any:
    return near_or_far(
        np.abs(x) < 2.0, x, 2.0,
        lambda x: polynomial(x * x, _STRUVE), lambda x: struve(0.0, x) / x,
    )  # fmt: skip


row("itstruve0", (lambda y, x: struve(0.0, x),), _POSITIVE, "DLMF 11.7.1")
row("it2struve0", (lambda y, x: -_struve_ratio(x),), _POSITIVE, "DLMF 11.7.3")
row("itmodstruve0", (lambda y, x: modstruve(0.0, x),), _POSITIVE, "DLMF 11.7.5")


# -- integrals of Bessel functions --------------------------------------------------------------------
# (1 - J0(x)) / x = -sum over k > 0 of (-1)**k (x/2)**2k / k!**2 / x  (DLMF 10.2.2), I0 without signs
_J0_LESS = [-((-1.0) ** k) * 0.25**k / factorial(k) ** 2 for k in range(1, 15)]
_I0_LESS = [0.25**k / factorial(k) ** 2 for k in range(1, 15)]


def _less(series: list[float], far: Any) -> Any:
    return lambda y, x: near_or_far(
        np.abs(x) < 2.0, x, 2.0, lambda x: x * polynomial(x * x, series), far
    )


rows(
    "itj0y0",
    ((lambda y, x: j0(x),), (lambda y, x: y0(x),)),
    ((0.5, 4.0),),
    "DLMF 10.22.8",
)
rows(
    "iti0k0",
    ((lambda y, x: i0(x),), (lambda y, x: k0(x),)),
    ((0.5, 3.0),),
    "DLMF 10.43.1",
)
rows(
    "it2j0y0",
    ((_less(_J0_LESS, lambda x: (1 - j0(x)) / x),), (lambda y, x: -y0(x) / x,)),
    ((0.5, 4.0),),
    "DLMF 10.22.39",
)
rows(
    "it2i0k0",
    ((_less(_I0_LESS, lambda x: (i0(x) - 1) / x),), (lambda y, x: -k0(x) / x,)),
    ((0.5, 3.0),),
    "DLMF 10.43.2",
)
besselpoly = _f("besselpoly")


def _besselpoly_partial(y: Any, a: Any, p: Any, v: Any) -> Any:
    zero = np.equal(v, 0)
    above = besselpoly(a, p + 1, v + 1)
    below = besselpoly(a, p + 1, np.where(zero, 1.0, v - 1))
    return np.where(zero, -2.0 * above, below - above)


row(
    "besselpoly",
    (
        _besselpoly_partial,
        by_parameter(besselpoly, 1, lambda a, p, v: beyond(p + v + 1)),
        by_parameter(
            besselpoly, 2, lambda a, p, v: np.maximum(beyond(p + v + 1), of_order(v, 2 * a))
        ),
    ),
    ((0.5, 2.0), (1.0, 2.0), (1.0, 2.0)),
    "DLMF 10.6.1",
)

# Scaled by exp(-abs(imag z)), which is 1 of real z.
for _name, _plain in (("jve", jv), ("yve", yv)):
    row(
        _name,
        (
            by_parameter(_f(_name), 0, of_order),
            lambda y, v, x, f=_plain: 0.5 * (f(v - 1, x) - f(v + 1, x)),
        ),
        ((1.0, 3.0), (1.0, 4.0)),
        "DLMF 10.6.1",
    )


# -- spherical Bessel functions: (2n + 1) f' = n f(n - 1) ∓ (n + 1) f(n + 1)  (DLMF 10.51.2, 10.51.5) ----
def _spherical(name: str, below: float, above: float) -> None:
    slope = _f(f"spherical_{name}_d")

    def second(y: Any, n: Any, x: Any) -> Any:
        lower = slope(np.where(np.equal(n, 0), n, n - 1), x)
        return (below * n * lower + above * (n + 1) * slope(n + 1, x)) / (2.0 * n + 1)

    domain = ((1.0, 3.0), (1.0, 4.0))
    equations = "DLMF 10.51.2" if name in ("jn", "yn") else "DLMF 10.51.5"
    row(f"spherical_{name}", (None, lambda y, n, x: slope(n, x)), domain, equations, private=True)
    row(f"spherical_{name}_d", (None, second), domain, equations, private=True)


for _name, _below, _above in (("jn", 1, -1), ("yn", 1, -1), ("in", 1, 1), ("kn", -1, -1)):
    _spherical(_name, _below, _above)


# -- sine, cosine, exponential integrals --------------------------------------------------------------
rows(
    "sici",
    (
        (lambda y, x: beyond_infinity(x, 0.0, sine_ratio),),
        (lambda y, x: beyond_infinity(x, 0.0, lambda x: np.cos(x) / x),),
    ),
    _POSITIVE,
    "DLMF 6.2.9",
)
# sinh(x) / x as a mean of two that do not cancel
rows(
    "shichi",
    ((lambda y, x: 0.5 * (exprel(x) + exprel(-x)),), (lambda y, x: np.cosh(x) / x,)),
    _POSITIVE,
    "DLMF 6.2.15",
)
rows(
    "fresnel",
    (
        (lambda y, x: np.sin(0.5 * np.pi * x * x),),
        (lambda y, x: np.cos(0.5 * np.pi * x * x),),
    ),
    ((-2.0, 2.0),),
    "DLMF 7.2.7",
)
