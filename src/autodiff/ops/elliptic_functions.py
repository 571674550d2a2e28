"""Elliptic integrals and Jacobi's functions, by rows of a table (DLMF chapters 19 and 22).

Derivatives by the parameter are written with Carlson's symmetric integrals, whose terms have one
sign, where the formulas of the textbooks subtract: with s = sin φ, c = cos φ and Δ² = 1 - m s²,

    ∂F/∂m = s³/6 R_D(c², 1, Δ²)            ∂E/∂m = -s³/6 R_D(c², Δ², 1)        for abs(φ) <= π/2

and beyond it by the quasi-period.  Derivatives of Carlson's integrals are differences of others,
divided by the distance of two arguments (the Euler-Poisson equation, DLMF 19.18.13); where that
distance is small they are integrals by the trapezoidal rule, see :func:`_integral`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.smooth import polynomial
from autodiff.ops.special import (
    _ELLIPK_SLOPE,
    _ellipe_partial,
    _ellipk_partial,
    _f,
    ellipe,
)
from autodiff.ops.special_rows import of, row, rows

rf, rd, rg, rj, rc = (_f(f"ellipr{letter}") for letter in "fdgjc")
_SIDES = ((0.5, 2.0), (3.0, 4.0), (5.0, 6.0))


# -- Carlson's integrals ------------------------------------------------------------------------------
_STEP = 0.42
_GRID = _STEP * np.arange(-176.0, 64.0)


def _integral(arguments: tuple[tuple[Any, float], ...]) -> Any:
    """The integral of the product of ``(t + a)**-e`` over positive t, for pairs ``(a, e)``.

    Of ``t = scale * exp(u)`` the integrand is analytic for abs(imag u) < π and falls exponentially, so
    the trapezoidal rule in u of step 0.42 errs by exp(-2π²/0.42) (Trefethen and Weideman, 2014).
    """
    scale = sum(a for a, _ in arguments) / len(arguments)
    t = np.reshape(scale, (*np.shape(scale), 1)) * np.exp(_GRID)
    total: Any = t
    for a, e in arguments:
        total = total * np.power(np.reshape(a, (*np.shape(a), 1)) + t, -e)
    return _STEP * np.sum(total, axis=-1)


def _near(a: Any, b: Any) -> Any:
    return np.abs(a - b) < 0.02 * (np.abs(a) + np.abs(b))


def _rf_slope(x: Any, y: Any, z: Any) -> Any:
    """∂R_F/∂z (DLMF 19.18.1)."""
    return -rd(x, y, z) / 6


def _rd_slope(x: Any, y: Any, z: Any) -> Any:
    """∂R_D/∂x: (R_D(y, z, x) - R_D(x, y, z)) / 2(x - z)."""
    near = _near(x, z)
    x_, y_, z_ = (np.where(near, v, other) for v, other in ((x, 1.0), (y, 1.0), (z, 1.0)))
    integral = -0.75 * _integral(((x_, 1.5), (y_, 0.5), (z_, 1.5)))
    apart = np.where(near, 1.0, x - z)
    return np.where(near, integral, 0.5 * (rd(y, z, x) - rd(x, y, z)) / apart)


def _rd_by_last(y: Any, a: Any, b: Any, c: Any) -> Any:
    """∂R_D/∂z; as R_D is homogeneous of degree -3/2."""
    return -(1.5 * y + _times_slope(a, b, c) + _times_slope(b, a, c)) / c


def _times_slope(x: Any, y: Any, z: Any) -> Any:
    """``x ∂R_D/∂x``, which is 0 at 0: there the slope is infinite as the root of 1/x."""
    none = np.equal(x, 0)
    return np.where(none, 0.0, x * _rd_slope(np.where(none, z, x), y, z))


def _rj_slope(y: Any, x: Any, others: tuple[Any, Any], p: Any) -> Any:
    """∂R_J/∂x: (R_D(…, x) - R_J) / 2(x - p)."""
    near = _near(x, p)
    arguments = [np.where(near, v, 1.0) for v in (x, *others, p)]
    integral = -0.75 * _integral(
        ((arguments[0], 1.5), (arguments[1], 0.5), (arguments[2], 0.5), (arguments[3], 1.0))
    )
    apart = np.where(near, 1.0, x - p)
    return np.where(near, integral, 0.5 * (rd(*others, x) - y) / apart)


def _rj_by_last(y: Any, a: Any, b: Any, c: Any, p: Any) -> Any:
    """∂R_J/∂p; as R_J is homogeneous of degree -3/2."""
    total = a * _rj_slope(y, a, (b, c), p) + b * _rj_slope(y, b, (a, c), p)
    return -(1.5 * y + total + c * _rj_slope(y, c, (a, b), p)) / p


def _rc_by_x(y: Any, a: Any, b: Any) -> Any:
    # R_C(x, y) = R_F(x, y, y); for negative y, a principal value, by DLMF 19.18.15.
    negative = np.less(b, 0)
    positive = np.where(negative, 1.0, b)
    apart = np.where(negative, b - a, -1.0)
    other = (y - 1 / np.sqrt(a)) / (2 * apart)
    return np.where(negative, other, -rd(positive, positive, a) / 6)


def _rc_by_y(y: Any, a: Any, b: Any) -> Any:
    negative = np.less(b, 0)
    positive = np.where(negative, 1.0, b)
    apart = np.where(negative, b - a, -1.0)
    other = -(0.5 * y + a * (y - 1 / np.sqrt(np.where(negative, a, 1.0))) / (2 * apart)) / b
    return np.where(negative, other, -rd(np.where(negative, 1.0, a), positive, positive) / 3)


def _rg_slope(x: Any, y: Any, z: Any) -> Any:
    """∂R_G/∂z: (R_F - z R_D(x, y, z) / 3) / 4."""
    return 0.25 * (rf(x, y, z) - z * rd(x, y, z) / 3)


row(
    "elliprf",
    (
        lambda v, x, y, z: _rf_slope(y, z, x),
        lambda v, x, y, z: _rf_slope(x, z, y),
        lambda v, x, y, z: _rf_slope(x, y, z),
    ),
    _SIDES,
    "DLMF 19.18.1",
)
row(
    "elliprd",
    (
        lambda v, x, y, z: _rd_slope(x, y, z),
        lambda v, x, y, z: _rd_slope(y, x, z),
        _rd_by_last,
    ),
    _SIDES,
    "DLMF 19.18.13",
)
row(
    "elliprg",
    (
        lambda v, x, y, z: _rg_slope(y, z, x),
        lambda v, x, y, z: _rg_slope(x, z, y),
        lambda v, x, y, z: _rg_slope(x, y, z),
    ),
    _SIDES,
    "DLMF 19.18.4",
)
row(
    "elliprj",
    (
        lambda v, x, y, z, p: _rj_slope(v, x, (y, z), p),
        lambda v, x, y, z, p: _rj_slope(v, y, (x, z), p),
        lambda v, x, y, z, p: _rj_slope(v, z, (x, y), p),
        _rj_by_last,
    ),
    (*_SIDES, (1.0, 2.0)),
    "DLMF 19.18.13",
)
row("elliprc", (_rc_by_x, _rc_by_y), ((0.5, 2.0), (3.0, 4.0)), "DLMF 19.2.17")


# -- Legendre's integrals -----------------------------------------------------------------------------
def _reduced(phi: Any) -> tuple[Any, Any]:
    """How often π goes into φ, and sin and cos of the rest with the sign of the rest."""
    turns = np.rint(phi / np.pi)
    even = np.equal(turns - 2 * np.floor(0.5 * turns), 0)
    return turns, np.where(even, 1.0, -1.0)


def _delta_squared(phi: Any, m: Any) -> Any:
    s, c = np.sin(phi), np.cos(phi)
    return np.where(np.less(m, 0.5), 1 - m * s * s, c * c + (1 - m) * s * s)


def _f_by_m(phi: Any, m: Any) -> Any:
    """∂F(φ, m)/∂m."""
    turns, sign = _reduced(phi)
    s, c = sign * np.sin(phi), np.cos(phi)
    none = np.equal(turns, 0)  # where K may be infinite
    whole = np.where(none, 0.0, 2 * turns * _ellipk_partial(None, np.where(none, 0.5, m)))
    return s**3 * rd(c * c, 1.0, _delta_squared(phi, m)) / 6 + whole


def _e_by_m(phi: Any, m: Any) -> Any:
    """∂E(φ, m)/∂m."""
    turns, sign = _reduced(phi)
    s, c = sign * np.sin(phi), np.cos(phi)
    none = np.equal(turns, 0)
    whole = np.where(none, 0.0, 2 * turns * _ellipe_partial(None, np.where(none, 0.5, m)))
    return whole - s**3 * rd(c * c, _delta_squared(phi, m), 1.0) / 6


row(
    "ellipkinc",
    (
        lambda y, phi, m: 1 / np.sqrt(_delta_squared(phi, m)),
        lambda y, phi, m: _f_by_m(phi, m),
    ),
    ((0.3, 2.5), (0.1, 0.8)),
    "DLMF 19.25.5",
)
row(
    "ellipeinc",
    (
        lambda y, phi, m: np.sqrt(_delta_squared(phi, m)),
        lambda y, phi, m: _e_by_m(phi, m),
    ),
    ((0.3, 2.5), (0.1, 0.8)),
    "DLMF 19.25.9",
)


def _km1_partial(y: Any, p: Any) -> Any:
    close = np.abs(1 - p) < 0.15
    m = np.where(close, 0.5, 1 - p)
    q = np.where(close, 0.5, p)  # exact where m is rounded
    series = -polynomial(np.where(close, 1 - p, 0.0), _ELLIPK_SLOPE)
    return np.where(close, series, (_f("ellipkm1")(q) - ellipe(m) / q) / (2 * m))


row("ellipkm1", (_km1_partial,), ((0.1, 0.9),), "DLMF 19.4.1")


_FAR_APART = 1e-10


def _agm_slope(a: Any, b: Any) -> Any:
    """The derivative of the mean by ``b``: of π a / 2 K(1 - b²/a²) (DLMF 19.8.5)."""
    none = np.equal(a, 0)  # then the mean is 0 for each b
    q = b / np.where(none, 1.0, a)
    # Of sizes so different that squares are out of range the mean is π a / 2 log(4 a / b), or the same the other way round.
    below, above = np.less(q, _FAR_APART) & np.greater(q, 0), np.greater(q, 1 / _FAR_APART)
    part = np.where(below, q, np.where(above, 1 / np.where(above, q, 1.0), 0.5))
    r = 1 / (np.log(4.0) - np.log(part))
    near = np.where(below | above, 1.0, q)
    k = _f("ellipkm1")(near * near)
    close = -np.pi * near * _km1_partial(None, near * near) / (k * k)
    apart = 0.5 * np.pi * np.where(below, r * r / part, r - r * r)
    return np.where(none, 0.0, np.where(below | above, apart, close))


row(
    "agm",
    (lambda y, a, b: _agm_slope(b, a), lambda y, a, b: _agm_slope(a, b)),
    ((0.5, 2.0), (0.5, 2.0)),
    "DLMF 19.8.5",
)


# -- Jacobi's functions: sn, cn, dn, am ---------------------------------------------------------------
def _jacobi(k: int) -> Any:
    return of(f"ellipj.{k}")


def _am_by_m(u: Any, m: Any) -> Any:
    """The derivative of the amplitude by m, as u = F(am, m)."""
    return -_jacobi(2)(u, m) * _f_by_m(_jacobi(3)(u, m), m)


def _dn_by_m(y: Any, u: Any, m: Any) -> Any:
    sn, cn = _jacobi(0)(u, m), _jacobi(1)(u, m)
    return -sn * (0.5 * sn + m * cn * _am_by_m(u, m)) / y


rows(
    "ellipj",
    (
        (
            lambda y, u, m: _jacobi(1)(u, m) * _jacobi(2)(u, m),
            lambda y, u, m: _jacobi(1)(u, m) * _am_by_m(u, m),
        ),
        (
            lambda y, u, m: -_jacobi(0)(u, m) * _jacobi(2)(u, m),
            lambda y, u, m: -_jacobi(0)(u, m) * _am_by_m(u, m),
        ),
        (lambda y, u, m: -m * _jacobi(0)(u, m) * _jacobi(1)(u, m), _dn_by_m),
        (lambda y, u, m: _jacobi(2)(u, m), lambda y, u, m: _am_by_m(u, m)),
    ),
    ((0.3, 2.0), (0.1, 0.8)),
    "DLMF 22.13.1",
)
