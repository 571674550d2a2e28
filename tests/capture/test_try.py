"""``try``: a body that raises nothing is compiled; where something is raised, plain Python decides."""

import math
import warnings

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
    assert [value(2.0), value(0.0)] == [0.5, -5.0]
    assert autodiff.gradient(errors_of_numpy, engine=engine)(2.0) == -0.25
    with uncompiled_allowed(), pytest.raises(autodiff.UnsupportedError, match="errstate"):
        autodiff.gradient(errors_of_numpy, engine=engine)(0.0)


class _Context:
    def __init__(self, suppresses):
        self.suppresses = suppresses

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.kind = kind
        return self.suppresses


def _stops_in_with(x):
    with _Context(False):
        return next(iter([])) * x


def _stops_in_try(x):
    try:
        return next(iter([])) * x
    except ValueError:
        return 1
    finally:
        x = 2


def _stops_and_is_caught(x):
    try:
        with _Context(False) as context:
            raise StopIteration(3)
    except StopIteration as stop:
        return x * stop.value, context.kind


def _stops_and_is_suppressed(x):
    with _Context(True):
        raise StopIteration
    return x


def _stops_in_a_generator(x):
    def numbers():
        yield 1
        with _Context(False):
            next(iter([]))

    return sum(numbers()) * x


def _stops_in_a_generator_and_is_caught(x):
    def numbers():
        yield 1
        next(iter([]))

    try:
        return sum(numbers()) * x
    except RuntimeError as error:
        return x * 2, str(error), type(error.__cause__)


class _Refuses:
    def __iter__(self):
        raise StopIteration("none")


def _stops_where_a_loop_begins(x):
    def numbers():
        yield x
        for v in _Refuses():
            yield v

    return sum(numbers())


def _stops_while_another_is_handled(x):
    try:
        {}["missing"]
    except KeyError:
        with _Context(False):
            next(iter([]))


def _ends_a_generator(x):
    def numbers():
        for _ in range(3):
            try:
                yield next(given)
            except StopIteration:
                return

    given = iter([x, x])
    return sum(numbers())


@pytest.mark.parametrize(
    "f",
    [
        _stops_in_with,
        _stops_in_try,
        _stops_and_is_caught,
        _stops_and_is_suppressed,
        _stops_in_a_generator,
        _stops_in_a_generator_and_is_caught,
        _ends_a_generator,
        _stops_where_a_loop_begins,
        _stops_while_another_is_handled,
    ],
)
def test_a_stop_iteration_goes_where_it_goes_in_python(f) -> None:
    def outcome(function):
        try:
            return function(2.0)
        except (StopIteration, RuntimeError) as error:
            causes = type(error.__cause__), type(error.__context__), error.__suppress_context__
            return type(error), str(error), causes

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome(autodiff.function(f)) == outcome(f)
