"""Zeros keep NumPy's sign, and slopes at infinity and at zero their limits, by both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import autodiff

ENGINES = ("numpy", "native")
FLOATS = (np.float16, np.float32, np.float64)
MIXED = (0.0, -0.0, 1.0, -0.0, 0.0, np.nan, -1.0)

VALUES: dict[str, Callable[[Any], Any]] = {
    "maximum": lambda x: np.maximum(x, x[::-1]),
    "maximum of a number": lambda x: np.maximum(x, 0.0),
    "maximum with a number first": lambda x: np.maximum(-0.0, x),
    "minimum": lambda x: np.minimum(x, x[::-1]),
    "minimum of a number": lambda x: np.minimum(x, -0.0),
    "clip": lambda x: np.clip(x, 0.0, 1.0),
    "clip at -0.0": lambda x: np.clip(x, -1.0, -0.0),
    "clip from below alone": lambda x: np.clip(x, 0.0, None),
    "clip by arrays": lambda x: np.clip(x, -x[::-1], 1.0 + x[::-1] * x[::-1]),
    "sum of a number": lambda x: np.sum(x[1]),
    "sum along no axis": lambda x: np.sum(x, axis=()),
    "mean of a number": lambda x: np.mean(x[1]),
    "median": lambda x: np.median(x[1:2]),
    "cumsum": lambda x: np.cumsum(x[1:5:2]),
}


def bits(value: Any) -> tuple[Any, ...]:
    """Dtype, elements and signs, of NaN neither."""
    array = np.atleast_1d(value)
    return array.dtype, [(str(e), bool(np.signbit(e))) if e == e else "nan" for e in array]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", VALUES)
def test_signs_of_zeros_are_those_of_numpy(name: str, dtype: Any, engine: str) -> None:
    x = np.array(MIXED, dtype)
    f = VALUES[name]
    assert bits(autodiff.function(f, engine=engine)(x)) == bits(f(x))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_powers_of_arrays_by_a_half_are_square_roots(dtype: Any, engine: str) -> None:
    x = np.array([-0.0, 0.0, 4.0, np.inf, -np.inf, -1.0], dtype)
    powers: tuple[Callable[[Any], Any], ...] = (lambda x: x**0.5, lambda x: np.power(x, 0.5))
    for f in powers:
        with np.errstate(invalid="ignore"):
            assert bits(autodiff.function(f, engine=engine)(x)) == bits(f(x))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("ufunc", (np.minimum, np.maximum))
def test_running_extrema_keep_the_zero_that_numpy_keeps(
    ufunc: Any, dtype: Any, engine: str
) -> None:
    for x in ([0.0, -0.0], [-0.0, 0.0], [1.0, -0.0, 0.0, -0.0, -1.0], [-1.0, 0.0, -0.0, 1.0]):
        given = np.array(x, dtype)
        found = autodiff.function(lambda x: ufunc.accumulate(x), engine=engine)(given)
        assert bits(found) == bits(ufunc.accumulate(given))


@pytest.mark.parametrize("engine", ENGINES)
def test_powers_of_float16_by_a_half_are_roots_as_operators_only(engine: str) -> None:
    x = np.array([-0.0, 0.0, 4.0, np.inf, -np.inf], np.float16)
    powers: tuple[Callable[[Any], Any], ...] = (lambda x: x**0.5, lambda x: np.power(x, 0.5))
    for f in powers:
        with np.errstate(invalid="ignore"):
            assert bits(autodiff.function(f, engine=engine)(x)) == bits(f(x))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("function", [special.logsumexp, special.softmax, special.log_softmax])
def test_sums_of_exponentials_at_infinity(function: Any, dtype: Any, engine: str) -> None:
    for x in ([1.0, 2.0], [np.inf, 1.0], [-np.inf, 1.0], [-np.inf, -np.inf], [np.nan, 1.0]):
        given = np.array(x, dtype)
        with np.errstate(all="ignore"):
            found = autodiff.function(function, engine=engine)(given)
            expected = function(given)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_polynomial_at_infinity_is_what_horners_scheme_gives(engine: str) -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 2.0])
    for p in ([1.0, 0.0, -0.0], [-0.0], [3.0], [-0.0, -0.0]):
        with np.errstate(invalid="ignore"):
            found = autodiff.function(lambda x, p=p: np.polyval(p, x), engine=engine)(x)
            assert bits(found) == bits(np.polyval(p, x))


INF = np.inf
SLOPES: tuple[tuple[Any, tuple[float, float], int, float], ...] = (
    (np.hypot, (0.0, INF), 1, 1.0),
    (np.hypot, (0.0, -INF), 1, -1.0),
    (np.hypot, (2.0, INF), 0, 0.0),
    (np.hypot, (3.0, 4.0), 0, 0.6),
    (np.power, (0.0, INF), 0, 0.0),
    (np.float_power, (0.5, INF), 0, 0.0),
    (special.pseudo_huber, (0.0, 2.0), 0, 2.0),
    (special.pseudo_huber, (0.0, -2.0), 0, 2.0),
    (special.pseudo_huber, (0.0, 0.0), 0, 0.0),
    (special.pseudo_huber, (0.0, 0.0), 1, 0.0),
    (special.boxcox, (0.0, 0.0), 1, INF),
)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("row", SLOPES, ids=lambda r: f"{r[0].__name__}{r[1]} by {r[2]}")
def test_slopes_at_the_ends_are_limits(row: Any, engine: str) -> None:
    f, args, position, slope = row
    direction = [float(k == position) for k in range(2)]

    def called(a: Any, b: Any) -> Any:
        return f(a, b)

    with np.errstate(all="ignore"):
        forward = autodiff.jvp(called, args, tuple(direction), engine=engine)[1]
        backward = autodiff.gradient(called, wrt=position, engine=engine)(*args)
    assert (forward, backward) == (slope, slope)


def test_a_running_maximum_is_taken_as_numpy_takes_it_of_nan() -> None:
    def largest(x: Any) -> Any:
        best = x[0]
        for k in range(len(x)):
            best = np.maximum(best, x[k])
        return best

    compiled = autodiff.function(largest, engine="native")
    assert compiled(np.arange(9.0)) == 8.0
    assert np.isnan(compiled(np.array([1.0, np.nan, 3.0])))
