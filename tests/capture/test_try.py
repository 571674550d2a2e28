"""``try``: a body that raises nothing is compiled; where something is raised, plain Python decides."""

import math

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, same, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)


def never_raises(x):
    try:
        y = np.sum(x * x)
    except ValueError:
        y = 0.0
    else:
        y = y + 1
    finally:
        z = 2.0
    return y * z


def domain(x):
    try:
        y = math.sqrt(x)
    except ValueError:
        y = -x
    return y * 3


def overflow(x):
    try:
        return math.exp(x)
    except OverflowError:
        return 2 * x


def power(x):
    try:
        return x**-1.0
    except ZeroDivisionError:
        return 5 * x


def division(x):
    try:
        y = 1 / x
    except ZeroDivisionError:
        return 7.0 + x
    return y


def in_a_loop(x):
    total = 0.0
    for k in range(len(x)):
        try:
            total += math.log(x[k])
        except ValueError:
            total -= x[k]
    return total


def shapes(x):
    try:
        return x.reshape(2, 3).sum()
    except ValueError:
        return 5 * x.sum()


def raised_by_the_user(x):
    try:
        if x > 0:
            raise KeyError("positive")
        y = x
    except KeyError:
        y = 2 * x
    return y


def returns_inside(x):
    try:
        if x > 0:
            return 2 * x
    except KeyError:
        pass
    return 3 * x


def breaks_inside(x):
    for _ in range(5):
        try:
            if x > 3:
                break
            x = 2 * x
        finally:
            x = x + 1
    return x


def errors_of_numpy(x):
    with np.errstate(divide="raise"):
        try:
            return 1 / np.float64(x)
        except FloatingPointError:
            return -5.0


# function, then pairs of an argument and the derivative there
CASES = [
    (never_raises, [(np.array([1.0, 2.0]), np.array([4.0, 8.0]))]),
    (domain, [(4.0, 0.75), (-1.0, -3.0)]),
    (overflow, [(0.0, 1.0), (1000.0, 2.0)]),
    (power, [(2.0, -0.25), (0.0, 5.0)]),
    (division, [(2.0, -0.25), (0.0, 1.0)]),
    (in_a_loop, [(np.array([1.0, 2.0]), np.array([1.0, 0.5])), (np.array([1.0, -2.0]), np.array([1.0, -1.0]))]),
    (shapes, [(np.ones(6), np.ones(6)), (np.ones(3), 5 * np.ones(3))]),
    (raised_by_the_user, [(1.0, 2.0), (-1.0, 1.0)]),
    (returns_inside, [(1.0, 2.0), (-1.0, 3.0)]),
    (breaks_inside, [(1.0, 4.0), (10.0, 1.0)]),
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("f", [f for f, _ in CASES], ids=lambda f: f.__name__)
def test_values_and_derivatives(f, engine) -> None:
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    with uncompiled_allowed():
        for x, derivative in dict(CASES)[f] * 2:
            same(value(x), f(x))
            same(slope(x), derivative)


@pytest.mark.parametrize("f", [never_raises, returns_inside, breaks_inside])
def test_a_body_that_raises_nothing_is_compiled(f) -> None:
    x = dict(CASES)[f][0][0]
    same(autodiff.function(f, on_fallback="error")(x), f(x))


@over_engines
def test_numpy_errors_that_are_asked_for_are_raised_or_refused(engine) -> None:
    value = autodiff.function(errors_of_numpy, engine=engine)
    with pytest.warns(autodiff.FallbackWarning, match="errstate"):
        assert [value(2.0), value(0.0)] == [0.5, -5.0]
    with uncompiled_allowed(), pytest.raises(autodiff.UnsupportedError, match="errstate"):
        autodiff.gradient(errors_of_numpy, engine=engine)(0.0)
