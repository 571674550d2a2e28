"""Programs that change what they have used, whose derivatives other tools are known to get silently wrong.

Each is here since some tool of the field (operator overloading with in-place stores, recorded traces, source
transformation, checkpointed loops) returns a wrong number for it, or did.  A program comes with its derivative
written by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import ArgumentError

X = np.array([0.5, -1.5, 2.0, 0.25])


@dataclass(frozen=True)
class Case:
    """A function of an array, and its gradient."""

    function: Callable[..., Any]
    derivative: Callable[..., Any]


CASES: dict[str, Case] = {}


def derivative(of: Callable[..., Any]) -> Callable[..., Any]:
    """Mark the derivative of a function by hand."""

    def mark(by_hand: Callable[..., Any]) -> Callable[..., Any]:
        CASES[of.__name__] = Case(of, by_hand)
        return by_hand

    return mark


# -- arrays that are overwritten after use --------------------------------------------------------------
def overwritten_after_use(x):
    y = np.sin(x)
    total = np.sum(y * y)
    y[:] = 0.0
    return total + np.sum(y)


@derivative(overwritten_after_use)
def _(x):
    return 2 * np.sin(x) * np.cos(x)


def product_overwrites_a_factor(x):
    y = x * 1.0
    y *= y
    y *= y
    return np.sum(y)


@derivative(product_overwrites_a_factor)
def _(x):
    return 4 * x**3


def argument_overwritten_in_a_loop(x):
    y = x.copy()
    for k in range(3):
        old = y[0] * y[-1]
        y[1:] = y[:-1] * y[1:]
        y[0] = old
    return np.sum(y)


@derivative(argument_overwritten_in_a_loop)
def _(x):
    def step(y, jacobian):
        new, rows = y.copy(), jacobian.copy()
        for i in range(len(y)):
            new[i] = y[i - 1] * y[i]
            rows[i] = y[i] * jacobian[i - 1] + y[i - 1] * jacobian[i]
        return new, rows

    y, jacobian = x.copy(), np.eye(len(x))
    for _ in range(3):
        y, jacobian = step(y, jacobian)
    return jacobian.sum(axis=0)


# -- loops ----------------------------------------------------------------------------------------------
def nested_loops_of_run_time_length(x):
    n, total, y = 0, 0.0, x[0]
    while y < 3.0:
        for k in range(n % 3):
            y = y + 0.1 * x[k] ** 2
        y = y + 0.5
        total = total + y * x[1]
        n += 1
    return total


@derivative(nested_loops_of_run_time_length)
def _(x):
    n, y, total = 0, x[0], 0.0
    slope_y, slope = np.eye(len(x))[0], np.zeros(len(x))
    while y < 3.0:
        for k in range(n % 3):
            y = y + 0.1 * x[k] ** 2
            slope_y = slope_y + 0.2 * x[k] * np.eye(len(x))[k]
        y = y + 0.5
        total = total + y * x[1]
        slope = slope + slope_y * x[1] + y * np.eye(len(x))[1]
        n += 1
    return slope


def set_before_a_loop_and_read_after_it(x):
    kept = x[0]
    for v in x:
        last = v * kept
        kept = v
    return last * kept


@derivative(set_before_a_loop_and_read_after_it)
def _(x):
    return np.array([0.0, 0.0, x[3] ** 2, 2 * x[3] * x[2]])


def rotation_of_references(x):
    a, b, c = x * 1.0, x * 2.0, x * 3.0
    for k in range(4):
        a, b, c = b, c, a
        a[k] = a[k] * b[k]
    return np.sum(a * b + c)


@derivative(rotation_of_references)
def _(x):
    arrays = [[x * 1.0, np.ones(4)], [x * 2.0, 2 * np.ones(4)], [x * 3.0, 3 * np.ones(4)]]
    for k in range(4):
        arrays = [*arrays[1:], arrays[0]]
        (a, da), (b, db), _ = arrays
        da[k] = da[k] * b[k] + a[k] * db[k]
        a[k] = a[k] * b[k]
    (a, da), (b, db), (_, dc) = arrays
    return da * b + a * db + dc


def double_buffer(x):
    old, new = x.copy(), np.zeros_like(x)
    for _ in range(5):
        new[1:-1] = old[:-2] * 0.5 + old[2:] * old[1:-1]
        new[0], new[-1] = old[0], old[-1]
        old, new = new, old
    return np.sum(old) + 2 * np.sum(new)


@derivative(double_buffer)
def _(x):
    n = len(x)
    old, new = [x.copy(), np.eye(n)], [np.zeros(n), np.zeros((n, n))]
    for _ in range(5):
        (y, dy), (z, dz) = old, new
        z[1:-1] = y[:-2] * 0.5 + y[2:] * y[1:-1]
        dz[1:-1] = dy[:-2] * 0.5 + dy[2:] * y[1:-1, None] + y[2:, None] * dy[1:-1]
        z[0], z[-1], dz[0], dz[-1] = y[0], y[-1], dy[0], dy[-1]
        old, new = new, old
    return old[1].sum(axis=0) + 2 * new[1].sum(axis=0)


def indexed_by_the_variable_of_a_checkpointed_loop(x):
    y = x[0]
    for k in autodiff.checkpoint(range(len(x))):
        y = np.sin(y) * x[k] + y * x[k - 1]
    return y


@derivative(indexed_by_the_variable_of_a_checkpointed_loop)
def _(x):
    y, slope, unit = x[0], np.eye(len(x))[0], np.eye(len(x))
    for k in range(len(x)):
        slope = np.cos(y) * x[k] * slope + np.sin(y) * unit[k] + slope * x[k - 1] + y * unit[k - 1]
        y = np.sin(y) * x[k] + y * x[k - 1]
    return slope


def left_by_break_after_a_store(x):
    y = np.zeros(len(x))
    for k in range(len(x)):
        y[k] = x[k] ** 2
        if x[k] > 1.0:
            break
        y[k] = 3 * x[k]
    return np.sum(y)


@derivative(left_by_break_after_a_store)
def _(x):
    end = np.append(np.flatnonzero(x > 1.0), len(x))[0]
    at = np.arange(len(x))
    return np.where(at < end, 3.0, np.where(at == end, 2 * x, 0.0))


# -- one array, several ways to it ----------------------------------------------------------------------
def view_stored_through(x):
    y = x * 1.0
    front, back = y[:3], y[1:]
    front *= 2.0
    back *= front
    return np.sum(y)


@derivative(view_stored_through)
def _(x):
    y = np.array([2 * x[0], 2 * x[1], 2 * x[2], x[3]])
    front = y[:3].copy()
    slope = np.zeros(4)
    slope[0] = 2.0 + y[1] * 2.0
    slope[1] = front[0] * 2.0 + y[2] * 2.0
    slope[2] = front[1] * 2.0 + y[3] * 2.0
    slope[3] = front[2]
    return slope


def one_array_under_two_names(x):
    y = x.copy()
    z = y
    z[0] = y[1] * y[2]
    return y[0] * z[1]


@derivative(one_array_under_two_names)
def _(x):
    return np.array([0.0, 2 * x[1] * x[2], x[1] ** 2, 0.0])


# -- branches -------------------------------------------------------------------------------------------
def inactive_guard(x):
    total = 0.0
    for v in x:
        if v > 0:
            total = total + np.log(v)
    return total


@derivative(inactive_guard)
def _(x):
    return np.where(x > 0, 1 / np.where(x > 0, x, 1.0), 0.0)


def chosen_and_stored(x):
    a, b = x * 2.0, x * 3.0
    chosen = a if x[0] > 0 else b
    chosen[1] = x[1] ** 2
    return np.sum(a) + np.sum(b)


@derivative(chosen_and_stored)
def _(x):
    slope = np.full(4, 5.0)
    slope[1] = (3.0 if x[0] > 0 else 2.0) + 2 * x[1]
    return slope


def stored_on_one_path(x):
    y = np.sqrt(x * x + 1)
    if x[0] > 0:
        y[0] = 0.0
    return np.sum(y * y)


@derivative(stored_on_one_path)
def _(x):
    slope = 2 * x
    if x[0] > 0:
        slope = slope * np.array([0.0, 1.0, 1.0, 1.0])
    return slope


def test_there_is_a_derivative_for_each() -> None:
    assert len(CASES) == 14


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", CASES)
def test_the_derivative_is_the_one_by_hand(name, engine) -> None:
    case = CASES[name]
    gradient = autodiff.gradient(case.function, engine=engine)
    value = autodiff.function(case.function, engine=engine)
    for x in (X, -X, X[::-1].copy()):  # one object for all paths
        given = x.copy()
        expected = case.derivative(x)
        assert value(x) == pytest.approx(case.function(x.copy()), rel=1e-13)
        np.testing.assert_allclose(gradient(x), expected, rtol=1e-12, atol=1e-12)
        direction = np.array([1.0, -2.0, 0.5, 3.0])
        _, along = autodiff.jvp(case.function, (x,), (direction,), engine=engine)
        assert along == pytest.approx(expected @ direction, rel=1e-12, abs=1e-12)
        assert np.array_equal(x, given)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_one_array_given_twice(engine) -> None:
    def f(a, b):
        a[0] = a[1] * b[2]
        return np.sum(a * b)

    gradient = autodiff.gradient(f, engine=engine)
    separate = gradient(X.copy(), X.copy())
    np.testing.assert_allclose(separate[0], [0, X[1] + X[2] * X[0], X[2], X[3]])
    np.testing.assert_allclose(separate[1], [X[1] * X[2], X[1], X[2] + X[0] * X[1], X[3]])
    x = X.copy()
    y = x.copy()
    assert autodiff.function(f, engine=engine)(x, x) == pytest.approx(f(y, y))
    np.testing.assert_array_equal(x, y)
    x = X.copy()
    with pytest.raises(ArgumentError, match="two arrays share memory"):
        gradient(x, x)  # no store has one derivative by either name
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_an_argument_that_a_closure_holds_too(engine) -> None:
    held = X.copy()

    def f(a):
        held[0] = 2.0
        return np.sum(a * held)

    x = X.copy()
    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(x), [2.0, *X[1:]])
    assert held[0] == 2.0
    held[:] = X
    assert autodiff.function(f, engine=engine)(held) == pytest.approx(4.0 + X[1:] @ X[1:])
    assert held[0] == 2.0
