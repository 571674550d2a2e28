"""Functions that handle floating-point errors themselves: what is an error is not known beforehand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import autodiff

X = np.array([0.5, -1.5, 2.0])
ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
pytestmark = pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")


def filtered(x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.log(x).sum()
        except RuntimeWarning:
            return x[0] * 7.0


def filtered_by_name(x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings(action="error")
        try:
            return np.log(x).sum()
        except Exception:
            return x[0] * 7.0


def awaited(x: Any) -> Any:
    try:
        return np.log(x).sum()
    except (ZeroDivisionError, RuntimeWarning):
        return x[0] * 7.0


def raised(x: Any) -> Any:
    try:
        return np.log(x).sum()
    except FloatingPointError:
        return x[0] * 7.0


@ENGINES
@pytest.mark.parametrize("f", [filtered, filtered_by_name, awaited])
def test_a_warning_that_is_an_error_is_handled_as_in_plain_python(f: Any, engine: str) -> None:
    value, slope = (t(f, engine=engine) for t in (autodiff.function, autodiff.gradient))
    for x in (np.abs(X), X, np.abs(X)):
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            assert value(x) == f(x)
            with pytest.raises(autodiff.UnsupportedError, match="warnings"):
                slope(x)


def counted(x: Any) -> Any:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        y = np.log(x - x[0])
    return len(found) * x.sum() + y[1]


def counted_and_raised(x: Any) -> Any:
    found: list[Any] = []
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            if np.log(x - x[0]).sum() < 0.0:
                raise ValueError(x)
    except ValueError:
        pass
    return len(found) * x.sum()


def counted_of_its_own(x: Any) -> Any:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warnings.warn("one", stacklevel=1)
        warnings.warn("two", stacklevel=1)
    return len(found) * x.sum()


def silenced(x: Any) -> Any:
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        y = np.log(x - x[0])
    return y[1] * x.sum()


@pytest.mark.parametrize("f", [counted, counted_and_raised])
def test_a_derivative_by_warnings_that_numpy_gives_is_refused(f: Any) -> None:
    assert autodiff.function(f, engine="numpy")(np.abs(X)) == f(np.abs(X))
    with pytest.raises(autodiff.UnsupportedError, match="records what NumPy warns of"):
        autodiff.gradient(f, engine="numpy")(np.abs(X))


def test_warnings_of_the_function_are_recorded_in_derivatives() -> None:
    for f in (counted_of_its_own, silenced):
        assert autodiff.check_gradient(f, np.abs(X), engine="numpy").agrees


@ENGINES
def test_a_derivative_under_an_errstate_that_raises_is_of_the_path_taken(engine: str) -> None:
    value, slope = (t(raised, engine=engine) for t in (autodiff.function, autodiff.gradient))
    for _ in range(2):
        with np.errstate(all="raise"):
            assert value(X) == raised(X) == 3.5
            with pytest.raises(autodiff.UnsupportedError, match="handles a floating-point error"):
                slope(X)
            np.testing.assert_allclose(slope(np.abs(X)), 1.0 / np.abs(X))
        with np.errstate(all="ignore"):
            expected = np.where(X > 0, 1.0 / X, np.nan)  # where log is no number, its slope is none
            np.testing.assert_array_equal(slope(X), expected)


# -- an errstate of the function's own that raises -------------------------------------------------------
def strict(**kinds: str) -> Any:
    return np.errstate(**kinds)


def divided(x: Any) -> Any:
    with strict(divide="raise"):
        return np.sum(1.0 / x)


def in_a_loop(x: Any) -> Any:
    total = 0.0
    with strict(over="raise", invalid="raise"):
        for k in range(len(x)):
            total = total + np.exp(x[k]) * np.sqrt(x[k])
    return total


def summed(x: Any) -> Any:
    with strict(over="raise"):
        return np.sum(x * x) + x @ x


def vanishing(x: Any) -> Any:
    with strict(all="raise"):
        return np.sum(np.exp(-x) * x**2)


def cast(x: Any) -> Any:
    with strict(all="raise"):
        return np.sum(x * x.astype(int))


def single(x: Any) -> Any:
    with strict(over="raise"):
        return np.sum(x.astype(np.float32).astype(float) * x)


def half_of_it(x: Any) -> Any:
    with strict(all="raise"):
        y = x * 3.0
        with strict(divide="ignore", over="ignore"):
            y = y + 1.0 / x
    return np.sum(y / x)


@np.errstate(invalid="raise")
def decorated(x: Any) -> Any:
    return np.sum(np.log(x))


ROOTS = np.sqrt([1.0, 2.0])

# Where nothing is raised, the derivative there, and where NumPy raises.
STRICT = [
    (divided, [1.0, 2.0], [-1.0, -0.25], [0.0, 2.0]),
    (in_a_loop, [1.0, 2.0], np.exp([1.0, 2.0]) * (ROOTS + 0.5 / ROOTS), [1.0, -2.0]),
    (in_a_loop, [1.0, 2.0], np.exp([1.0, 2.0]) * (ROOTS + 0.5 / ROOTS), [1.0, 1000.0]),
    (summed, [1.0, 2.0], [4.0, 8.0], [1.2e154, 1.2e154]),
    (vanishing, [1.0, 0.0], [np.exp(-1.0), 0.0], [1.0, 800.0]),
    (cast, [1.5, 2.5], [1.0, 2.0], [np.nan, 2.0]),
    (cast, [1.5, 2.5], [1.0, 2.0], [1e300, 2.0]),
    (single, [1.5, 2.5], [3.0, 5.0], [1e300, 2.0]),
    (half_of_it, [1.0, 2.0], [-2.0, -0.25], [1e308, 2.0]),
    (decorated, [1.0, 2.0], [1.0, 0.5], [-1.0, 2.0]),
]


@ENGINES
@pytest.mark.parametrize(
    ("f", "fine", "slopes", "wrong"), STRICT, ids=[r[0].__name__ for r in STRICT]
)
def test_what_numpy_raises_within_an_errstate_is_raised(
    f: Any, fine: list[float], slopes: list[float], wrong: list[float], engine: str
) -> None:
    given: dict[str, Any] = {"engine": engine, "on_fallback": "error"}
    value, slope = autodiff.function(f, **given), autodiff.gradient(f, **given)
    with pytest.raises(FloatingPointError) as plain:
        f(np.array(wrong))
    for _ in range(2):
        np.testing.assert_allclose(value(np.array(fine)), f(np.array(fine)), rtol=1e-14)
        np.testing.assert_allclose(slope(np.array(fine)), slopes, rtol=1e-14)
        for compiled in (value, slope):
            with pytest.raises(FloatingPointError) as ours:
                compiled(np.array(wrong))
            assert str(ours.value) == str(plain.value)


@ENGINES
def test_a_state_that_a_call_sets_raises_in_a_derivative_too(engine: str) -> None:
    def f(x: Any) -> Any:
        before = np.seterr(all="raise")
        try:
            return np.sum(1.0 / x)
        finally:
            np.seterr(**before)

    value, slope = (t(f, engine=engine) for t in (autodiff.function, autodiff.gradient))
    assert value(np.abs(X)) == f(np.abs(X))
    with pytest.raises(FloatingPointError):
        value(np.zeros(2))
    for x in (np.zeros(2), X):
        with pytest.raises((FloatingPointError, autodiff.UnsupportedError)):
            slope(x)


@ENGINES
def test_a_function_under_a_decorating_errstate_is_compiled(engine: str) -> None:
    @np.errstate(all="ignore")
    def f(x: Any, power: int = 2) -> Any:
        return np.sum(np.where(x > 0, np.log(x), 0.0) ** power)

    given: dict[str, Any] = {"engine": engine, "on_fallback": "error"}
    for x in (X, np.abs(X), -X):
        assert autodiff.function(f, **given)(x, power=3) == pytest.approx(f(x, power=3))
        expected = np.where(x > 0, 2 * np.log(np.abs(x)) / x, 0.0)
        np.testing.assert_allclose(autodiff.gradient(f, **given)(x), expected)
