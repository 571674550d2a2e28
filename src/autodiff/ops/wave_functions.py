"""Mathieu, parabolic cylinder and spheroidal functions, and elementary ones, by rows of a table.

SciPy gives a wave function together with its derivative: that of the first is the second, and that
of the second follows from the differential equation.  By orders and parameters there is
no such formula: ``by_parameter``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.by_parameter import by_parameter
from autodiff.ops.quadrature import gauss_legendre
from autodiff.ops.smooth import beyond_infinity, log1p_ratio
from autodiff.ops.special import _TWO_OVER_SQRT_PI, _f, _strong, apply
from autodiff.ops.special_rows import of, row, rows

_DEGREES = float(np.pi / 180)


# -- Mathieu functions ----------------------------------------------------------------------------------
# The derivative of a characteristic value is the mean of the potential's derivative over the squared
# function (Hellmann and Feynman): 2/π ∫ cos 2x ce² dx, of a periodic function by equal steps.
_TURN = np.arange(256) * (2 * np.pi / 256)


def _level_by_q(name: str) -> Any:
    def partial(y: Any, m: Any, q: Any) -> Any:
        column = lambda v: np.reshape(v, (*np.shape(v), 1))  # noqa: E731
        angles = _TURN / _DEGREES + 0.0 * column(q)
        value = of(f"mathieu_{name}.0")(column(m), column(q), angles)
        return np.sum(np.cos(2 * _TURN) * value * value, axis=-1) * (4 / 256)

    return partial


row("mathieu_a", (None, _level_by_q("cem")), ((2.0, 2.0), (0.5, 2.0)), "DLMF 28.2, 28.4.9")
row("mathieu_b", (None, _level_by_q("sem")), ((2.0, 2.0), (0.5, 2.0)), "DLMF 28.2, 28.4.9")


def _mathieu(name: str, level: Any, modified: bool) -> None:
    def second(y: Any, m: Any, q: Any, x: Any) -> Any:
        value, a = of(f"mathieu_{name}.0")(m, q, x), level(m, q)
        if modified:  # DLMF 28.20.1
            return (a - 2 * q * np.cosh(2 * x)) * value
        return (2 * q * np.cos(2 * _DEGREES * x) - a) * value * _DEGREES  # of degrees, DLMF 28.2.1

    def first(y: Any, m: Any, q: Any, x: Any) -> Any:
        slope = of(f"mathieu_{name}.1")(m, q, x)
        return slope if modified else slope * _DEGREES

    domain = ((2.0, 2.0), (0.5, 2.0), (0.5, 1.0) if modified else (10.0, 70.0))

    def distance(q: Any) -> Any:
        # Characteristic values have branch points, the closest ones at q = ±1.4688i (DLMF 28.7);
        # modified functions have one at 0, as Bessel functions of sqrt(q).
        return q if modified else np.hypot(q, 1.4688)

    by_q = [
        by_parameter(of(f"mathieu_{name}.{k}"), 1, lambda m, q, x: 6 / distance(q)) for k in (0, 1)
    ]
    rows(
        f"mathieu_{name}",
        ((None, by_q[0], first), (None, by_q[1], second)),
        domain,
        "DLMF 28.2.1, 28.20.1",
    )


for _name, _level, _modified in (
    ("cem", _f("mathieu_a"), False), ("sem", _f("mathieu_b"), False),
    ("modcem1", _f("mathieu_a"), True), ("modcem2", _f("mathieu_a"), True),
    ("modsem1", _f("mathieu_b"), True), ("modsem2", _f("mathieu_b"), True),
):  # fmt: skip
    _mathieu(_name, _level, _modified)


# -- parabolic cylinder functions -------------------------------------------------------------------------
def _parabolic(name: str, potential: Any, growth: Any, source: str) -> None:
    def by_order(part: int) -> Any:
        return by_parameter(of(f"{name}.{part}"), 0, growth)

    rows(
        name,
        (
            (by_order(0), lambda y, v, x: of(f"{name}.1")(v, x)),
            (by_order(1), lambda y, v, x: potential(v, x) * of(f"{name}.0")(v, x)),
        ),
        ((0.5, 3.0), (0.5, 3.0)),
        source,
    )


def _entire(v: Any, x: Any) -> Any:
    return 2.0 + np.log1p(np.abs(v) + np.abs(x))


_parabolic("pbdv", lambda v, x: 0.25 * x * x - v - 0.5, _entire, "DLMF 12.2.4")
_parabolic("pbvv", lambda v, x: 0.25 * x * x - v - 0.5, _entire, "DLMF 12.2.2")
# Its factors Γ(1/4 ± ia/2) have poles at a = ±i/2 (DLMF 12.14.4).
_parabolic("pbwa", lambda a, x: a - 0.25 * x * x, lambda a, x: 6 / np.hypot(a, 0.5), "DLMF 12.14.1")


# -- spheroidal wave functions ----------------------------------------------------------------------------


def _level_by_c(name: str, sign: float) -> Any:
    """``±2 c ∫ x² S² dx / ∫ S² dx``, likewise."""

    def partial(y: Any, m: Any, n: Any, c: Any) -> Any:
        column = lambda v: np.reshape(v, (*np.shape(v), 1))  # noqa: E731
        nodes, weights = gauss_legendre()
        t = 2 * nodes - 1
        value = of(f"{name}.0")(*[column(v) for v in (m, n, c)], t + 0.0 * column(c))
        square = value * value * weights
        return sign * 2 * c * np.sum(t**2 * square, axis=-1) / np.sum(square, axis=-1)

    return partial


_CV = ((1.0, 1.0), (2.0, 2.0), (0.5, 2.0))
row("pro_cv", (None, None, _level_by_c("pro_ang1", 1.0)), _CV, "DLMF 30.2.1")
row("obl_cv", (None, None, _level_by_c("obl_ang1", -1.0)), _CV, "DLMF 30.2.1")


def _prolate(value: Any, slope: Any, m: Any, c: Any, level: Any, x: Any) -> Any:
    z = 1 - x * x  # DLMF 30.2.1
    return (2 * x * slope - (level - c * c * x * x - m * m / z) * value) / z


def _oblate(value: Any, slope: Any, m: Any, c: Any, level: Any, x: Any) -> Any:
    z = 1 - x * x
    return (2 * x * slope - (level + c * c * x * x - m * m / z) * value) / z


def _oblate_radial(value: Any, slope: Any, m: Any, c: Any, level: Any, x: Any) -> Any:
    z = 1 + x * x  # the same at an imaginary argument
    return ((level - c * c * x * x - m * m / z) * value - 2 * x * slope) / z


def _spheroidal(name: str, cv: str, equation: Any, x: tuple[float, float]) -> None:
    """The function and the one that is given the characteristic value.

    That may be any number, for which the equation need not hold.

    Without an equation no derivative by x: SciPy's radial functions of the second kind have no digits
    right near 1 (their Wronskian with those of the first kind is not 1 / c(x² ∓ 1)).
    """
    level = _f(cv)
    domain = ((1.0, 1.0), (2.0, 2.0), (0.5, 2.0))

    def second(y: Any, m: Any, n: Any, c: Any, x: Any) -> Any:
        return equation(of(f"{name}.0")(m, n, c, x), y, m, c, level(m, n, c), x)

    fixed = (None, None, "c")
    if equation is None:
        rows(name, ((*fixed, "x"),) * 2, (*domain, x), "refused")
        rows(f"{name}_cv", ((*fixed, "cv", "x"),) * 2, (*domain, (5.0, 6.0), x), "refused")
        return
    by_c = [
        by_parameter(of(f"{name}.{k}"), 2, lambda m, n, c, x: 6 / np.hypot(c, 1.5)) for k in (0, 1)
    ]
    rows(
        name,
        ((None, None, by_c[0], lambda y, *x: of(f"{name}.1")(*x)), (None, None, by_c[1], second)),
        (*domain, x),
        "DLMF 30.2.1",
    )
    rows(
        f"{name}_cv",
        (
            (*fixed, "cv", lambda y, *x: of(f"{name}_cv.1")(*x)),
            (*fixed, "cv", "x"),
        ),
        (*domain, (5.0, 6.0), x),
        "DLMF 30.2.1",
    )


for _name, _cv, _equation, _x in (
    ("pro_ang1", "pro_cv", _prolate, (0.2, 0.8)), ("pro_rad1", "pro_cv", _prolate, (1.2, 2.0)),
    ("pro_rad2", "pro_cv", None, (1.2, 2.0)), ("obl_ang1", "obl_cv", _oblate, (0.2, 0.8)),
    ("obl_rad1", "obl_cv", _oblate_radial, (0.5, 2.0)), ("obl_rad2", "obl_cv", None, (0.5, 2.0)),
):  # fmt: skip
    _spheroidal(_name, _cv, _equation, _x)


# -- elementary functions ---------------------------------------------------------------------------------
_ANGLE = ((10.0, 80.0),)
row("sindg", (lambda y, x: _DEGREES * _f("cosdg")(x),), _ANGLE, "DLMF 4.20.1")
row("cosdg", (lambda y, x: -_DEGREES * _f("sindg")(x),), _ANGLE, "DLMF 4.20.2")
row("tandg", (lambda y, x: _DEGREES * (1 + y * y),), _ANGLE, "DLMF 4.20.3")
row("cotdg", (lambda y, x: -_DEGREES * (1 + y * y),), _ANGLE, "DLMF 4.20.6")
row(
    "radian",
    (
        lambda y, d, m, s: _DEGREES + 0.0 * y,
        lambda y, d, m, s: _DEGREES / 60 + 0.0 * y,
        lambda y, d, m, s: _DEGREES / 3600 + 0.0 * y,
    ),
    ((10.0, 80.0), (0.0, 60.0), (0.0, 60.0)),
    "definition",
)
row("round", (None,), ((0.1, 0.4),), "piecewise constant")
row("erfi", (lambda y, x: _TWO_OVER_SQRT_PI * np.exp(x * x),), ((-1.5, 1.5),), "DLMF 7.2.1")
row(
    "wrightomega",
    (lambda y, x: beyond_infinity(y, 1.0, lambda y: y / (1 + y)),),
    ((-2.0, 3.0),),
    "Corless and Jeffrey (2002)",
)
row("exp10", (lambda y, x: float(np.log(10)) * y,), ((-1.0, 1.0),), "DLMF 4.2.26")


def _spence_partial(y: Any, z: Any) -> Any:
    # log(z) / (1 - z), -1 at 1
    far = np.less(z, 0.5)
    w = np.where(far, z, 0.5)
    return np.where(far, np.log(w) / (1 - w), -log1p_ratio(np.where(far, 1.0, z) - 1))


row("spence", (_spence_partial,), ((0.3, 3.0),), "DLMF 25.12.2")


def _powm1_by_exponent(y: Any, x: Any, p: Any) -> Any:
    zero = np.equal(x, 0)
    base = np.where(zero, 1.0, x)
    return np.where(zero, 0.0, np.power(base, p) * np.log(base))  # y may be -1 to the last digit


row(
    "powm1",
    (lambda y, x, p: _strong(p, np.power(x, p - 1)), _powm1_by_exponent),
    ((0.5, 2.0), (-1.0, 2.0)),
    "DLMF 4.2.26",
)


# -- Riemann's zeta function --------------------------------------------------------------------------------
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
)  # fmt: skip
_TERMS = 14


def zeta_by_order(s: Any, q: Any) -> Any:
    """The derivative of Hurwitz's zeta function by s: of its Euler-Maclaurin sum (DLMF 25.11.5).

    Each term is a power of q + k with a factor that is a polynomial of s, so the derivative is a sum of
    logarithms, of one sign beyond q + k = 1.
    """
    endless = np.isposinf(s) & np.less_equal(q, 1)  # where only q**-s is left, whose base may be 1
    at_end = np.where(np.less(q, 1), np.exp(s), 0.0)
    return np.where(endless, at_end, _zeta_by_order(np.where(endless, 2.0, s), q))


def _zeta_by_order(s: Any, q: Any) -> Any:
    total: Any = 0.0
    for k in range(_TERMS):
        logarithm = np.log(q + k)
        total = total - logarithm * np.exp(-s * logarithm)
    end = q + _TERMS
    logarithm = np.log(end)
    power = np.exp(-s * logarithm)  # end**-s
    less = s - 1
    total = total - power * (end * (logarithm + 1 / less) / less + 0.5 * logarithm)
    factor: Any = s  # s (s + 1) … (s + 2j - 2), and its derivative
    slope: Any = 1.0 + 0.0 * s
    factorial = 2.0
    for j, bernoulli in enumerate(_BERNOULLI, 1):
        if j > 1:
            first, second = s + (2 * j - 3), s + (2 * j - 2)
            slope = slope * first * second + factor * (first + second)
            factor = factor * first * second
            factorial *= (2 * j - 1) * (2 * j)
        scaled = power * end ** (1.0 - 2 * j) * (bernoulli / factorial)
        total = total + scaled * (slope - factor * logarithm)
    return total


def _riemann_partial(y: Any, s: Any) -> Any:
    # Below -1/2 by reflection, ζ(s) = 2 (2π)**(s-1) sin(πs/2) Γ(1-s) ζ(1-s) (DLMF 25.4.1).
    left = np.less(s, -0.5)
    z = np.where(left, s, -1.0)
    w = 1 - z
    scale = 2 * np.exp((z - 1) * float(np.log(2 * np.pi))) * apply("tgamma", w)
    # The angle from the nearest even number, where the sine is 0.
    angle = 0.5 * np.pi * z
    zeta = _f("riemann_zeta")(w)
    inner = zeta * (float(np.log(2 * np.pi)) - apply("scipy_digamma", w)) - zeta_by_order(
        w, 1.0 + 0 * w
    )
    reflected = scale * (0.5 * np.pi * np.cos(angle) * zeta + np.sin(angle) * inner)
    right = np.where(left, 2.0, s)
    one = 1.0 + 0.0 * np.where(np.isinf(right), 2.0, right)
    return np.where(left, reflected, zeta_by_order(right, one))


row("riemann_zeta", (_riemann_partial,), ((1.5, 4.0),), "DLMF 25.2.9", private=True)
row("zetac", (_riemann_partial,), ((1.5, 4.0),), "DLMF 25.2.9")
