"""Orthogonal polynomials of SciPy, and hypergeometric functions, by rows of a table.

The derivative of a classical polynomial is one of a lower degree and higher parameters, that of a
hypergeometric function one of higher parameters (DLMF chapters 13, 15, 18), so all orders of
derivatives by x follow.  By degree and parameters there is no such formula: ``by_parameter``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.by_parameter import beyond, by_parameter, power_of, whole_degree
from autodiff.ops.known import known
from autodiff.ops.smooth import unknown_slope
from autodiff.ops.special import _f, _strong
from autodiff.ops.special_rows import row

_gegenbauer, _jacobi, _laguerre = (
    _f(f"eval_{name}") for name in ("gegenbauer", "jacobi", "genlaguerre")
)
_chebyu, _shifted = _f("eval_chebyu"), _f("eval_sh_jacobi")


def _lowered(polynomial: Any, surplus: Any = lambda a: a) -> Any:
    """A polynomial of a degree that derivatives have lowered.

    Below degree 0 it is 0, of which SciPy's formula makes NaN at some degrees, or at and below ``x == -1``.  By the
    degree it is no constant there.  ``surplus`` says of a parameter how far above -1 the polynomial is
    regular: for negative degrees beyond that, which only SciPy's own symmetries reach, its value stands.
    """

    def value(n: Any, a: Any, *rest: Any) -> Any:
        whole = np.equal(n, np.floor(n)) & np.less(n, 0) & np.greater(n + surplus(a), -1)
        none = whole & (np.less(n, -1) | np.less_equal(rest[-1], -1))
        return np.where(none, unknown_slope(n), polynomial(np.where(none, 0.0, n), a, *rest))

    return value


_lower_gegenbauer = _lowered(_gegenbauer, lambda a: 2 * a - 1)
_lower_jacobi, _lower_laguerre = _lowered(_jacobi), _lowered(_laguerre)


def _lower_chebyu(n: Any, x: Any) -> Any:
    """Those of the second kind, of which only that of degree -1 is 0."""
    none = np.equal(n, -1) & np.less_equal(x, -1)
    return np.where(none, unknown_slope(n), _chebyu(np.where(none, 0.0, n), x))


_DEGREE, _X = (2.0, 5.0), (-0.8, 0.8)


def _lower(n: Any) -> Any:
    """The degree below; of 0 again 0, whose polynomial is multiplied with 0."""
    return np.where(np.equal(n, 0), n, n - 1)


def _by_degree(n: Any, *rest: Any) -> Any:
    # cos(n arccos x), or x**n
    return np.pi + np.log1p(np.abs(rest[-1]))


def _chebyt_by_degree(y: Any, n: Any, x: Any) -> Any:
    """That of ``cos(n arccos x)``, left of the middle, where SciPy's values have nine digits (DLMF 18.5.1)."""
    left = np.greater(x, -1) & np.less(x, 0.5)
    angle = np.arccos(np.where(left, x, 0.0))
    general = by_parameter(_f("eval_chebyt"), 0, _by_degree)
    return np.where(left, -angle * np.sin(n * angle), general(y, n, np.where(left, 1.0, x)))


def _by_x(name: str, rule: Any, source: str, x: tuple[float, float] = _X) -> None:
    # SciPy's Hermite polynomials have whole degrees only.
    whole = name.startswith("hermite")
    by_degree = None if whole else by_parameter(_f(f"eval_{name}"), 0, _by_degree)
    if name == "chebyt":
        by_degree = _chebyt_by_degree
    row(f"eval_{name}", (by_degree, rule), (_DEGREE, x), source)


# -- derivatives by x, of polynomials of the variable itself, half of it, and 2 x - 1 ------------------------
_FEW_DIGITS = 1e-5


def _whole(n: Any) -> Any:
    return np.equal(n, np.floor(n))


def _is_whole(n: Any) -> bool:
    degree = known(n)
    return degree is not None and bool(np.all(_whole(degree)))


def _checked(sure: Any, slope: Any, leading: Any, bend: Any, *terms: Any) -> Any:
    """The slope; NaN where the differential equation, ``leading * bend + sum(terms) = 0``, fails to five digits.

    Polynomials of whole degrees, ``sure``, are right by recurrence.  SciPy has polynomials of degrees that are not whole, and hypergeometric functions, by series that
    cancel or transformations that overflow: the value may be right, and no digit of the function of which the slope is made.
    """
    first = leading * bend
    size = np.abs(first) + sum(np.abs(term) for term in terms)
    finite = np.less(size, np.inf)
    right = (
        sure | np.equal(leading, 0) | (finite & (np.abs(first + sum(terms)) <= _FEW_DIGITS * size))
    )
    # A factor, so that derivatives of the derivative know of it.
    return slope * np.where(right, 1.0, np.nan)


def _gegenbauer_slope(y: Any, n: Any, a: Any, x: Any) -> Any:
    slope = 2 * a * _lower_gegenbauer(n - 1, a + 1, x)
    if _is_whole(n):
        return slope
    bend = 4 * a * (a + 1) * _lower_gegenbauer(n - 2, a + 2, x)
    return _checked(
        _whole(n), slope, 1 - x * x, bend, -(2 * a + 1) * x * slope, n * (n + 2 * a) * y
    )


def _chebyt_slope(y: Any, n: Any, x: Any) -> Any:
    slope = n * _lower_chebyu(n - 1, x)
    if _is_whole(n):
        return slope
    bend = 2.0 * n * _lower_gegenbauer(n - 2, 2.0, x)
    return _checked(_whole(n), slope, 1 - x * x, bend, -x * slope, n * n * y)


def _laguerre_slope(y: Any, n: Any, a: Any, x: Any) -> Any:
    slope = -_lower_laguerre(n - 1, a + 1, x)
    if _is_whole(n):
        return slope
    return _checked(
        _whole(n), slope, x, _lower_laguerre(n - 2, a + 2, x), (a + 1 - x) * slope, n * y
    )


def _jacobi_slope(y: Any, n: Any, a: Any, b: Any, x: Any) -> Any:
    m = n + a + b + 1
    slope = 0.5 * m * _lower_jacobi(n - 1, a + 1, b + 1, x)
    if _is_whole(n):
        return slope
    bend = 0.25 * m * (m + 1) * _lower_jacobi(n - 2, a + 2, b + 2, x)
    return _checked(_whole(n), slope, 1 - x * x, bend, (b - a - (a + b + 2) * x) * slope, n * m * y)


def _shifted_slope(y: Any, n: Any, p: Any, q: Any, x: Any) -> Any:
    slope = n * _shifted(_lower(n), p + 2, q + 1, x)
    if _is_whole(n):
        return slope
    bend = n * (n - 1) * _shifted(n - 2, p + 4, q + 2, x)
    return _checked(_whole(n), slope, x * (1 - x), bend, (q - (p + 1) * x) * slope, n * (n + p) * y)


_by_x("legendre", lambda y, n, x: _gegenbauer_slope(y, n, 0.5, x), "DLMF 18.9.19")
_by_x("chebyt", _chebyt_slope, "DLMF 18.9.21")
_by_x("chebyu", lambda y, n, x: _gegenbauer_slope(y, n, 1.0, x), "DLMF 18.9.19")
_by_x("chebyc", lambda y, n, x: _chebyt_slope(0.5 * y, n, 0.5 * x), "DLMF 18.9.21")
_by_x("chebys", lambda y, n, x: 0.5 * _gegenbauer_slope(y, n, 1.0, 0.5 * x), "DLMF 18.9.19")
_by_x("sh_legendre", lambda y, n, x: 2.0 * _gegenbauer_slope(y, n, 0.5, 2 * x - 1), "DLMF 18.9.19", (0.1, 0.9))  # fmt: skip
_by_x("sh_chebyt", lambda y, n, x: 2.0 * _chebyt_slope(y, n, 2 * x - 1), "DLMF 18.9.21", (0.1, 0.9))  # fmt: skip
_by_x("sh_chebyu", lambda y, n, x: 2.0 * _gegenbauer_slope(y, n, 1.0, 2 * x - 1), "DLMF 18.9.19", (0.1, 0.9))  # fmt: skip
_by_x("hermite", lambda y, n, x: 2.0 * n * _f("eval_hermite")(_lower(n), x), "DLMF 18.9.25")
_by_x("hermitenorm", lambda y, n, x: n * _f("eval_hermitenorm")(_lower(n), x), "DLMF 18.9.27")
_by_x("laguerre", lambda y, n, x: _laguerre_slope(y, n, 0.0, x), "DLMF 18.9.23")
_P = (0.5, 2.0)
row(
    "eval_gegenbauer",
    (
        by_parameter(_gegenbauer, 0, _by_degree, 1.0),
        by_parameter(_gegenbauer, 1, lambda n, a, x: whole_degree(n, beyond(a + 0.5)), 1.0),
        _gegenbauer_slope,
    ),
    (_DEGREE, _P, _X),
    "DLMF 18.9.19",
)
row(
    "eval_genlaguerre",
    (
        by_parameter(_laguerre, 0, _by_degree),
        by_parameter(
            _laguerre, 1, lambda n, a, x: np.maximum(whole_degree(n, beyond(a + 1)), power_of(x))
        ),
        _laguerre_slope,
    ),
    (_DEGREE, _P, _X),
    "DLMF 18.9.23",
)
row(
    "eval_jacobi",
    (
        by_parameter(_jacobi, 0, _by_degree, 1.0),
        by_parameter(_jacobi, 1, lambda n, a, b, x: whole_degree(n, beyond(a + 1)), 1.0),
        by_parameter(_jacobi, 2, lambda n, a, b, x: np.maximum(whole_degree(n, beyond(b + 1)), power_of(x)), 1.0),
        _jacobi_slope,
    ),
    (_DEGREE, _P, _P, _X),
    "DLMF 18.9.15",
)  # fmt: skip
row(
    "eval_sh_jacobi",
    (
        by_parameter(_shifted, 0, _by_degree),
        by_parameter(
            _shifted,
            1,
            lambda n, p, q, x: np.maximum(
                whole_degree(n, beyond(p - q + 1)), beyond(p + np.maximum(n, 0.0))
            ),
        ),
        by_parameter(
            _shifted,
            2,
            lambda n, p, q, x: whole_degree(n, np.maximum(beyond(p - q + 1), beyond(q))),
        ),
        _shifted_slope,
    ),
    (_DEGREE, (3.0, 4.0), (0.5, 2.0), (0.1, 0.9)),
    "DLMF 18.9.15",
)


# -- Legendre functions of the first kind --------------------------------------------------------------
def _by_degree_of_order(m: Any, v: Any, x: Any) -> Any:
    return np.pi + np.log1p(np.abs(x))


def _lpmv_partial(y: Any, m: Any, v: Any, x: Any) -> Any:
    end = np.equal(np.abs(x), 1) & np.greater_equal(m, 0)
    z = np.where(end, 0.0, x)
    below = _f("lpmv")(m, np.where(np.less(v, 1), -v, v - 1), z)  # P of degree -v - 1 is that of v
    inside = (v * z * y - (v + m) * below) / (z * z - 1)
    return np.where(end, _lpmv_at_end(np.where(end, m, 0.0), v, np.where(end, x, 0.0)), inside)


def _lpmv_at_end(m: Any, v: Any, x: Any) -> Any:
    """The derivative of ``(-1)**m (2m - 1)!! (1 - x**2)**(m/2)`` times a polynomial (DLMF 14.7.11, 18.9.19)."""
    n = np.where(np.less(v, 0), -v - 1, v)  # P of degree -v - 1 is that of v
    none, square = np.equal(m, 0), (1 - x) * (1 + x)
    power = np.power(np.where(none, 1.0, square), np.where(none, 1.0, 0.5 * m - 1))
    by_power = -m * x * power * _lower_gegenbauer(n - m, m + 0.5, x)
    rest = np.power(square, 0.5 * m) * (2 * m + 1) * _lower_gegenbauer(n - m - 1, m + 1.5, x)
    scale = (-2.0) ** m * _f("poch")(0.5, 1.0 * m)
    return scale * (by_power + rest)


row(
    "lpmv",
    ("m", by_parameter(_f("lpmv"), 1, _by_degree_of_order), _lpmv_partial),
    ((1.0, 1.0), (2.0, 4.0), _X),
    "DLMF 14.10.5",
)


def _away_from_1(z: Any) -> Any:
    """A power of ``1 - z``."""
    return 1.5 + np.abs(np.log(np.maximum(np.abs(1 - z), 1e-30)))


# -- hypergeometric functions ---------------------------------------------------------------------------
_hyp0f1, _hyp1f1, _hyp2f1, _hyperu = (_f(n) for n in ("hyp0f1", "hyp1f1", "hyp2f1", "hyperu"))


def _confluent_slope(y: Any, a: Any, b: Any, x: Any) -> Any:
    slope = a / b * _hyp1f1(a + 1, b + 1, x)
    bend = a / b * (a + 1) / (b + 1) * _hyp1f1(a + 2, b + 2, x)
    return _checked(False, slope, x, bend, (b - x) * slope, -a * y)


def _hypergeometric_slope(y: Any, a: Any, b: Any, c: Any, z: Any) -> Any:
    slope = a * b / c * _hyp2f1(a + 1, b + 1, c + 1, z)
    bend = a * b / c * (a + 1) * (b + 1) / (c + 1) * _hyp2f1(a + 2, b + 2, c + 2, z)
    return _checked(False, slope, z * (1 - z), bend, (c - (a + b + 1) * z) * slope, -a * b * y)


row(
    "hyp0f1",
    (
        by_parameter(_hyp0f1, 0, lambda v, z: np.maximum(beyond(v), power_of(z))),
        lambda y, v, z: _hyp0f1(v + 1, z) / v,
    ),
    ((0.5, 3.0), (-2.0, 2.0)),
    "DLMF 16.3.1",
)
row(
    "hyp1f1",
    (
        by_parameter(_hyp1f1, 0, lambda a, b, x: power_of(x)),
        by_parameter(_hyp1f1, 1, lambda a, b, x: np.maximum(beyond(b), power_of(x))),
        _confluent_slope,
    ),
    ((0.5, 3.0), (0.5, 3.0), (-2.0, 2.0)),
    "DLMF 13.3.15",
)
row(
    "hyp2f1",
    (
        by_parameter(_hyp2f1, 0, lambda a, b, c, z: _away_from_1(z)),
        by_parameter(_hyp2f1, 1, lambda a, b, c, z: _away_from_1(z)),
        by_parameter(_hyp2f1, 2, lambda a, b, c, z: np.maximum(beyond(c), _away_from_1(z))),
        _hypergeometric_slope,
    ),
    ((0.5, 3.0), (0.5, 3.0), (0.5, 3.0), (-0.7, 0.7)),
    "DLMF 15.5.1",
)
row(
    "hyperu",
    (
        by_parameter(_hyperu, 0, lambda a, b, x: 1.5 + np.abs(np.log(x))),
        by_parameter(_hyperu, 1, lambda a, b, x: 1.5 + np.abs(np.log(x))),
        lambda y, a, b, x: _strong(-a, _hyperu(a + 1, b + 1, x)),
    ),
    ((0.5, 3.0), (0.5, 3.0), (0.5, 3.0)),
    "DLMF 13.3.22",
)


def _by_wright(function: Any) -> tuple[Any, Any]:
    return (
        by_parameter(function, 0, lambda a, b, x: beyond(a)),
        by_parameter(function, 1, lambda a, b, x: beyond(b)),
    )


_wright, _log_wright = _f("wright_bessel"), _f("log_wright_bessel")
row(
    "wright_bessel",
    (*_by_wright(_wright), lambda y, a, b, x: _wright(a, a + b, x)),
    ((0.5, 2.0), (0.5, 3.0), (0.5, 3.0)),
    "DLMF 10.46.1",
)
row(
    "log_wright_bessel",
    (*_by_wright(_log_wright), lambda y, a, b, x: np.exp(_log_wright(a, a + b, x) - y)),
    ((0.5, 2.0), (0.5, 3.0), (0.5, 3.0)),
    "DLMF 10.46.1",
)
