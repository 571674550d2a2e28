"""Functions of two operands on a grid of zeros, tiny and huge numbers, infinities and NaN.

The value is NumPy's to the bit; both modes and both engines give the same partial derivatives, which are
the limits of the formula, worked out with many digits, wherever there is one.  Where the value is NaN no
derivative is a number but those of what is linear in an operand (``conventions-at-kinks.md``).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

import autodiff

pytestmark = pytest.mark.filterwarnings("ignore")

POINTS = (0.0, 1.0, 1e-300, 0.5, 2.0, 3.0, 1e300, np.inf)
GRID = (*POINTS, *[-x for x in POINTS], np.nan)
A, B = (np.array(x) for x in zip(*itertools.product(GRID, GRID), strict=True))
ENGINES = ("numpy", "native")
Formula = Callable[[Any, Any], Any]


def _one(a: Any, b: Any) -> Any:
    return mpmath.mpf(1)


def _power(a: Any, b: Any) -> Any:
    """``a**b`` by logarithms; ZeroDivisionError where it is no real number or has no one sign."""
    if a == 0:
        if b < 0:
            raise ZeroDivisionError
        return mpmath.mpf(b == 0)
    exponent = b * mpmath.log(abs(a))
    far = (
        abs(exponent) > 1e5
    )  # then any number will do that is out of range with all else of the grid
    size = mpmath.exp(exponent) if not far else mpmath.mpf(10) ** int(9000 * mpmath.sign(exponent))
    if a > 0:
        return size
    if abs(b) > 1e300 or b != mpmath.nint(b):
        raise ZeroDivisionError
    return -size if int(b) % 2 else size


def _log(x: Any) -> Any:
    if x <= 0:
        raise ZeroDivisionError
    return mpmath.log(x)


# The partial derivatives, where there is a formula; None: modes and engines are compared alone.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Formula | None, Formula | None]] = {
    "add": (np.add, _one, _one),
    "subtract": (np.subtract, _one, lambda a, b: -_one(a, b)),
    "multiply": (np.multiply, lambda a, b: b, lambda a, b: a),
    "divide": (np.divide, lambda a, b: 1 / b, lambda a, b: -a / b / b),
    "power": (np.power, lambda a, b: b * _power(a, b - 1), lambda a, b: _power(a, b) * _log(a)),
    "float_power": (
        np.float_power,
        lambda a, b: b * _power(a, b - 1),
        lambda a, b: _power(a, b) * _log(a),
    ),
    "hypot": (
        np.hypot,
        lambda a, b: a / mpmath.sqrt(a * a + b * b),
        lambda a, b: b / mpmath.sqrt(a * a + b * b),
    ),
    "arctan2": (
        np.arctan2,
        lambda a, b: b / (a * a + b * b),
        lambda a, b: -a / (a * a + b * b),
    ),
    "logaddexp": (
        np.logaddexp,
        lambda a, b: 1 / (1 + _power(mpmath.e, b - a)),
        lambda a, b: 1 / (1 + _power(mpmath.e, a - b)),
    ),
    "logaddexp2": (
        np.logaddexp2,
        lambda a, b: 1 / (1 + _power(mpmath.mpf(2), b - a)),
        lambda a, b: 1 / (1 + _power(mpmath.mpf(2), a - b)),
    ),
    "xlogy": (special.xlogy, lambda a, b: _log(b), lambda a, b: a / b),
    "xlog1py": (special.xlog1py, lambda a, b: _log(1 + b), lambda a, b: a / (1 + b)),
    "boxcox": (special.boxcox, lambda a, b: _power(a, b - 1), None),
    "boxcox1p": (special.boxcox1p, lambda a, b: _power(1 + a, b - 1), None),
    "copysign": (np.copysign, None, None),
    "fmod": (np.fmod, None, None),
    "remainder": (np.remainder, None, None),
    "heaviside": (np.heaviside, None, None),
    "maximum": (np.maximum, None, None),
    "fmin": (np.fmin, None, None),
    "nextafter": (np.nextafter, None, None),
    "huber": (special.huber, None, None),
    "pseudo_huber": (special.pseudo_huber, None, None),
}
_FAR = (400, 900, 2000)
_PATHS = (((0, 0), (1, 1)), ((1, 0), (2, 1)), ((0, 1), (1, 2)))


def _limit(formula: Formula, a: float, b: float) -> float | None:
    """The limit of a formula where operands are infinite; None where there is none, or none is real."""

    def far(x: float, k: int) -> Any:
        return mpmath.sign(x) * mpmath.mpf(10) ** _FAR[k] if np.isinf(x) else mpmath.mpf(x)

    found = set()
    for path in _PATHS:
        try:
            values = [formula(far(a, i), far(b, j)) for i, j in path]
        except ZeroDivisionError:
            return None
        first, last = values
        if max(abs(first), abs(last)) < mpmath.mpf(10) ** -700:
            found.add(0.0)
        elif first == last or abs(first - last) < 1e-30 * abs(first):
            found.add(float(last))
        elif abs(last) > abs(first):
            found.add(float(mpmath.sign(last)) * np.inf)
        else:
            found.add(0.0 if abs(last) < 1e-300 or abs(last) < abs(first) / 1.5 else float(last))
    return found.pop() if len(found) == 1 else None


@functools.cache
def _limits(name: str, k: int) -> tuple[float | None, ...]:
    formula = FUNCTIONS[name][1 + k]
    if formula is None:
        return (None,) * len(A)
    with mpmath.workprec(1200):
        return tuple(
            None if np.isnan(a) or np.isnan(b) else _limit(formula, a, b)
            for a, b in zip(A, B, strict=True)
        )


def _derivatives(name: str, engine: str) -> tuple[Any, Any, Any]:
    """Value, partial derivatives backwards, and forwards."""
    f = FUNCTIONS[name][0]
    both = lambda a, b: f(a, b)  # noqa: E731
    ones, zeros = np.ones_like(A), np.zeros_like(A)
    value = autodiff.function(both, engine=engine)(A, B)
    back = autodiff.gradient(lambda a, b: np.sum(f(a, b)), wrt=(0, 1), engine=engine)(A, B)
    forth = [
        autodiff.jvp(both, (A, B), d, engine=engine)[1] for d in ((ones, zeros), (zeros, ones))
    ]
    return value, back, forth


def _same_numbers(found: Any, right: Any) -> np.ndarray:
    """Equal to rounding, zeros and numbers that are not normal alike, NaN where NaN is."""
    close = np.isclose(found, right, rtol=1e-13, atol=1e-305, equal_nan=True)
    return np.asarray(close)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_numpys_and_both_modes_agree(name: str, engine: str) -> None:
    value, back, forth = _derivatives(name, engine)
    right = FUNCTIONS[name][0](A, B)
    error = 0.0 if engine == "numpy" else 4e-16
    # To the bit; machine code computes powers and logarithms to a unit in the last place (rounding.md).
    np.testing.assert_allclose(value, right, rtol=error, atol=error)
    same = (np.signbit(value) == np.signbit(right)) | np.isnan(right)
    assert same.all(), [*zip(A[~same], B[~same], strict=True)]
    for one, other in zip(back, forth, strict=True):
        same = _same_numbers(one, other)
        assert same.all(), [*zip(A[~same], B[~same], one[~same], other[~same], strict=True)]


def _convention(name: str, k: int, a: float, b: float) -> float | None:
    """What is fixed where there is no derivative, or an infinite one (``conventions-at-kinks.md``)."""
    if name in ("power", "float_power"):
        if a == 0 and (k == 1 or 0 < b < 1):
            return 0.0
        if (
            np.isinf(a) and 0 < abs(b) < 1e-16
        ):  # of infinity to almost 0 the formula is far from its limit
            return 0.0 if k == 0 else np.nan if a < 0 else 0.0 if b < 0 else np.inf
        if k == 1 and a < 0:
            return np.nan
    if name in ("hypot", "arctan2") and ((a == 0 and b == 0) or (np.isinf(a) and np.isinf(b))):
        return 0.0
    if name.startswith("logaddexp") and a == b and np.isinf(a):
        return 0.5
    if name.startswith("xlog") and k == 0 and a == 0:
        inside = b if name == "xlogy" else 1 + b
        if not 0 < inside < np.inf:
            return 0.0
    if name == "divide" and k == 1 and np.isinf(a) and np.isinf(b):
        return 0.0
    return None


@pytest.mark.parametrize("name", [n for n, row in FUNCTIONS.items() if any(row[1:])])
def test_derivatives_are_limits_of_the_formula(name: str) -> None:
    value, back, _ = _derivatives(name, "numpy")
    wrong = []
    for k in (0, 1):
        for a, b, y, found, limit in zip(A, B, value, back[k], _limits(name, k), strict=True):
            fixed = _convention(name, k, a, b)
            right = limit if fixed is None else fixed
            if right is None or (np.isnan(y) and np.isnan(found)):
                continue
            if not _same_numbers(found, right):
                wrong.append((k, a, b, y, found, right))
    assert not wrong
