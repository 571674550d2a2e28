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


# Functions of several elements: a point, and the gradient, or None for NaN in each place that is None.
NO = None
PROGRAMS: dict[str, tuple[Callable[[Any], Any], list[float], list[float | None]]] = {
    # a quotient of what is out of range
    "inf by inf": (lambda x: np.sum(x**3) / np.sum(x**2), [np.inf, 1.0], [NO, NO]),
    "overflow by overflow": (lambda x: np.sum(x**3) / np.sum(x**2), [1e200, 1.0], [NO, NO]),
    "0 by 0": (lambda x: np.sum(x**3) / np.sum(x**2), [0.0, 0.0], [NO, NO]),
    "softmax": (lambda x: (np.exp(x) / np.exp(x).sum())[0], [1000.0, 999.0], [NO, NO]),
    "softmax of small": (lambda x: (np.exp(x) / np.exp(x).sum())[0], [-1000.0, -999.0], [NO, NO]),
    "logistic": (lambda x: np.sum(np.exp(x) / (1 + np.exp(x))), [800.0, -800.0], [NO, 0.0]),
    "tanh": (lambda x: np.sum(np.sinh(x) / np.cosh(x)), [800.0, 700.0], [NO, 0.0]),
    # a pole behind a slope of 0
    "1 by a product": (lambda x: 1 / np.prod(x), [0.0, 2.0, 3.0], [-np.inf, NO, NO]),
    "1 by a product of zeros": (lambda x: 1 / np.prod(x), [0.0, 0.0, 3.0], [NO, NO, NO]),
    "log of a product": (lambda x: np.log(np.prod(x)), [0.0, 2.0], [np.inf, NO]),
    "log of a square": (lambda x: np.sum(np.log(x**2)), [0.0, 1.0], [NO, 2.0]),
    "log of exp": (lambda x: np.log(np.sum(np.exp(x))), [-1000.0, -999.0], [NO, NO]),
    "log of a density": (lambda x: np.sum(np.log(np.exp(-0.5 * x * x))), [40.0, 1.0], [NO, -1.0]),
    "by a length": (lambda x: x[0] / np.sqrt(x @ x), [0.0, 0.0], [NO, NO]),
    "by a norm": (lambda x: x[0] / np.linalg.norm(x), [1e-200, 1e-200], [NO, NO]),
    "a pole elsewhere": (lambda x: np.log(x[0]) + x[1], [0.0, 2.0], [np.inf, 1.0]),
    "not chosen": (lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)), [-1.0, 2.0], [0.0, 0.5]),
    "not chosen quotient": (lambda x: np.sum(np.where(x > 0, x * x / (x * x), x)), [0.0, 2.0], [1.0, 0.0]),
    # what grows ever slower, of what is out of range
    "log of a sum of exp": (lambda x: np.log(np.sum(np.exp(x))), [1000.0, 999.0], [NO, NO]),
    "softplus": (lambda x: np.sum(np.log1p(np.exp(x))), [800.0, -800.0], [NO, 0.0]),
    "length by hand": (lambda x: np.sum(np.sqrt(x * x + 1)), [1e200, 0.0], [NO, 0.0]),
    "length at infinity": (lambda x: np.sum(np.sqrt(x * x + 1)), [np.inf, 0.0], [NO, 0.0]),
    "root of a square": (lambda x: np.sum(np.sqrt(x**2)), [0.0, 1e200], [0.0, NO]),
    "norm": (np.linalg.norm, [1e200, -2e200], [NO, NO]),
    "root of what is given": (lambda x: np.sum(np.sqrt(x) + np.log(x)), [np.inf, 1.0], [0.0, 1.5]),
    # what fades
    "logistic by hand": (lambda x: np.sum(1 / (1 + np.exp(-x))), [-800.0, np.inf], [0.0, 0.0]),
    "bump": (lambda x: np.sum(np.exp(-1 / x**2)), [0.0, 1.0], [0.0, 2 * np.exp(-1.0)]),
    "density": (lambda x: np.sum(-0.5 * ((x - 1.0) / 2.0) ** 2), [1e200, 1.0], [-2.5e199, 0.0]),
    "shifted softmax": (
        lambda x: (np.exp(x - x.max()) / np.exp(x - x.max()).sum())[0], [1e3, -1e3], [0.0, 0.0]),
    "logsumexp": (special.logsumexp, [1e3, 1e3], [0.5, 0.5]),
    # norms of other orders, far out and at zero
    **{f"norm {p} at 0": (lambda x, p=p: np.linalg.norm(x, p), [0.0, 0.0], [0.0, 0.0])
       for p in (1, 1.5, 3, 0.5, -1, -3, np.inf, -np.inf)},
    **{f"norm {p} at {s}": (
        lambda x, p=p: np.linalg.norm(x, p), [s, -2 * s], list(right))
       for s in (1e200, 1e-200)
       for p, right in {
           1: (1.0, -1.0), np.inf: (0.0, -1.0), -np.inf: (1.0, 0.0), -1: (4 / 9, -1 / 9),
           3: (9 ** (-2 / 3), -4 * 9 ** (-2 / 3)), -3: (1.125 ** (-4 / 3), -(1.125 ** (-4 / 3)) / 16),
       }.items()},
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_modes_agree_where_values_are_out_of_range(name: str) -> None:
    f, point, right = PROGRAMS[name]
    x = np.array(point)
    expected = np.array([np.nan if r is None else r for r in right])
    backwards = autodiff.gradient(f, engine="numpy")(x)
    np.testing.assert_allclose(backwards, expected, rtol=1e-13)
    forwards = [autodiff.jvp(f, (x,), (e,), engine="numpy")[1] for e in np.eye(x.size)]
    np.testing.assert_allclose(forwards, expected, rtol=1e-13)


def test_machine_code_agrees_where_values_are_out_of_range() -> None:
    def f(x: Any) -> Any:
        return 1 / np.prod(x), np.log(np.sum(np.exp(1e3 * x))), np.sum(np.sqrt(x * x + 1e300) * x)

    for x in (np.array([0.0, 2.0]), np.array([np.inf, 0.0]), np.array([-1.0, -2.0])):
        for k in range(3):
            part = lambda x, k=k: f(x)[k]  # noqa: E731
            reference = autodiff.gradient(part, engine="numpy")(x)
            np.testing.assert_allclose(autodiff.gradient(part)(x), reference, rtol=1e-13)
            for e in np.eye(2):
                reference = autodiff.jvp(part, (x,), (e,), engine="numpy")[1]
                np.testing.assert_allclose(autodiff.jvp(part, (x,), (e,))[1], reference, rtol=1e-13)


ONE = (
    np.exp, np.log, np.sqrt, np.sin, np.tanh, np.square, np.log1p, np.expm1, np.arctan, np.cosh,
    np.arcsinh, np.reciprocal, lambda x: -x, lambda x: x + 1, lambda x: x**3, lambda x: x**-2,
)  # fmt: skip
TWO = (np.multiply, np.divide, np.add)
FAR_AND_NEAR = (1e-3, 0.5, 1.0, 3.0, 40.0, 800.0, 1e8, 1e200, -0.5, -40.0, -800.0, -1e200)


def _expression(seed: int) -> Callable[[Any], Any]:
    """Two to four functions, one after the other, some of which meet in a product, quotient or sum."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(len(ONE), size=rng.integers(2, 5))
    joined = rng.random() < 0.5
    join = TWO[rng.integers(len(TWO))]

    def f(x: Any) -> Any:
        result = x
        for k in steps[: len(steps) - int(joined)]:
            result = ONE[k](result)
        return join(result, ONE[steps[-1]](x)) if joined else result

    return f


@pytest.mark.parametrize(
    "seed", [pytest.param(s, marks=pytest.mark.slow if s >= 20 else ()) for s in range(300)]
)
def test_modes_of_random_expressions_agree_where_the_value_is_finite(seed: int) -> None:
    f, x = _expression(seed), np.array(FAR_AND_NEAR)
    finite = np.isfinite(f(x))
    backwards = autodiff.gradient(lambda x: np.sum(f(x)), engine="numpy")(x)[finite]
    forwards = autodiff.jvp(f, (x,), (np.ones_like(x),), engine="numpy")[1][finite]
    np.testing.assert_allclose(forwards, backwards, rtol=1e-9, atol=1e-300)
