"""Loops whose test is known and whose end is not: ``while True`` until something has converged."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autodiff
from autodiff import tree
from tests.capture.support import ENGINES

engines = pytest.mark.parametrize("engine", ENGINES)


def returned(x):
    w = math.log(1 + x)
    while True:
        e = math.exp(w)
        step = (w * e - x) / (e * (w + 1))
        w -= step
        if abs(step) < 1e-14 * (1 + abs(w)):
            return w


def broken(x):
    while 1:
        x = 0.5 * x + 1
        if x < 2.5:
            break
    return x * x


def limited(x):
    n = 0
    while n < 60:
        x, n = 0.5 * x + 1, n + 1
        if x < 2.5:
            break
    else:
        raise RuntimeError("no convergence")
    return x * n


def in_a_loop(x):
    total = 0.0
    for k in range(6):
        y = x + k
        while True:
            y = 0.5 * y + 1
            if y < 2.5:
                break
            if y > 500:
                return -y
        total += y
    return total


def by_a_helper(x):
    def settled(y):
        while True:
            y = 0.5 * y + 1
            if y < 2.5:
                return y

    return sum([settled(x + k) for k in range(3)])


class State:
    def __init__(self, x):
        self.x, self.n = x, 0


def of_an_object(x):
    state = State(x)
    while True:
        state.x *= 0.7
        state.n += 1
        if state.x < 1:
            return state.x * state.n


ONE_PROGRAM = [returned, broken, limited, in_a_loop, by_a_helper, of_an_object]
STARTS = (1e-3, 0.5, 3.0, 10.0, 1000.0)


@engines
@pytest.mark.parametrize("f", ONE_PROGRAM)
def test_one_program_for_any_number_of_passes(f: Callable[..., Any], engine: str) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x in STARTS:
        have, want = compiled(x), f(x)
        assert type(have) is type(want)
        assert have == pytest.approx(want, rel=1e-15)
    assert len(compiled.cache) == 1


@pytest.mark.parametrize("f", ONE_PROGRAM)
def test_derivatives(f: Callable[..., Any]) -> None:
    for x in (3.3, 40.0):
        want = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        assert autodiff.gradient(f, engine="numpy")(x) == pytest.approx(want, rel=1e-6)


def collected(x):
    found = []
    while True:
        found.append(x)
        x = 0.5 * x + 0.3
        if x < 1:
            return sum(found) + len(found)


def counted(x):
    k, found = 0, []
    while True:
        k += 1
        found.append(x * k)
        if k >= 3:
            break
    return sum(found) * len(found)


def printing(x):
    while True:
        print(x)
        x *= 0.5
        if x < 1:
            return x


def failing(x):
    n = 0
    while True:
        n, x = n + 1, x * 1.1
        if n > 5:
            raise RuntimeError(f"{x:.3f} after {n}")
        if x > 8:
            return x


@engines
@pytest.mark.parametrize("f", [collected, counted, printing, failing])
def test_the_first_pass_is_looked_at_without_a_trace(
    f: Callable[..., Any], engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def outcome(g: Callable[..., Any], x: float) -> Any:
        try:
            value = repr(g(x))
        except RuntimeError as error:
            value = str(error)
        return value, capsys.readouterr().out

    compiled = autodiff.function(f, engine=engine)
    for x in (3.0, 7.5, 0.25, 3.0):
        assert outcome(compiled, x) == outcome(f, x)


@engines
def test_effects_outside_are_those_of_one_run(engine: str) -> None:
    log: list[float] = []
    count, generator = {"n": 0}, np.random.default_rng(3)

    def f(x):
        while True:
            log.append(float(x))
            count["n"] += 1
            x *= generator.random()
            if x < 0.1:
                return x

    def run(g: Callable[..., Any]) -> Any:
        log.clear()
        count["n"] = 0
        generator.bit_generator.state = np.random.default_rng(3).bit_generator.state
        return [g(5.0), g(2.0)], list(log), count["n"], generator.random()

    assert run(autodiff.function(f, engine=engine)) == run(f)


# -- tuples that are returned from inside ------------------------------------------------------------
class Found(NamedTuple):
    place: Any
    value: Any


def first_above(x):
    for i in range(len(x)):
        if x[i] > 3.0:
            return i, x[i] * x[i]
    return -1, x[0]


def one_of_two(x):
    for i in range(len(x)):
        if x[i] > 3.0:
            return i, x[i] * 2.0
        if x[i] < -3.0:
            return -i, 5.0 * x[i]
    return -1, x[0]


def within_two(x):
    for i in range(len(x)):
        for j in range(len(x)):
            if x[i] + x[j] > 5.0:
                return (i, j), x[i] * x[j]
    return (-1, -1), 0.0


def named(x):
    i = 0
    while True:
        if x[i] > 3.0:
            return Found(i, (x[i] ** 2, True))
        i += 1
        if i >= len(x):
            return Found(i, (x[0], False))


def handled(x):
    for i in range(len(x)):
        try:
            if x[i] > 3.0:
                raise ValueError
        except ValueError:
            return i, x[i] ** 3, x
    return -1, 1.0, 2.0 * x


def found_twice(x):
    i, first = first_above(x)
    j, last = first_above(x[::-1])
    return i + j, first * last


TUPLES = [first_above, one_of_two, within_two, named, handled, found_twice]
GIVEN = [
    np.arange(9.0),
    np.arange(9.0)[::-1].copy(),
    np.zeros(9),
    -np.arange(9.0),
    np.eye(9)[8] * 7,
]


@engines
@pytest.mark.parametrize("f", TUPLES, ids=lambda f: f.__name__)
def test_a_tuple_is_returned_by_one_program(f: Callable[..., Any], engine: str) -> None:
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for x in GIVEN:
        found, expected = compiled(x.copy()), f(x.copy())
        assert type(found) is type(expected)
        np.testing.assert_equal(repr(found), repr(expected))
    assert len(compiled.cache) == 1


@pytest.mark.parametrize("f", TUPLES, ids=lambda f: f.__name__)
def test_derivatives_of_tuples_that_are_returned(f: Callable[..., Any]) -> None:
    def total(x):
        return np.sum([np.sum(part) for part in tree.parts(f(x))])

    slope = autodiff.gradient(lambda x: sum(np.sum(p) for p in _flat(f(x))), engine="numpy")
    for x in (GIVEN[0] + 0.25, GIVEN[1] + 0.25):
        steps = 1e-6 * np.eye(9)
        expected = [(total(x + h) - total(x - h)) / 2e-6 for h in steps]
        np.testing.assert_allclose(slope(x), expected, rtol=1e-6, atol=1e-7)


def _flat(x: Any) -> Any:
    return [p for item in x for p in _flat(item)] if isinstance(x, tuple) else [x]


@engines
def test_a_draw_ends_a_loop_that_returns_a_tuple(engine: str) -> None:
    def f(x, rng):
        total = 0.0
        while True:
            drawn = rng.random()
            if drawn < 0.2:
                return total, x * drawn
            total += x * drawn

    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for seed in range(5):
        one, other = np.random.default_rng(seed), np.random.default_rng(seed)
        assert compiled(1.5, one) == f(1.5, other)
        assert one.random() == other.random()


@engines
@pytest.mark.parametrize("other", [None, (1, 2, 3), (1, "a"), [1, 2.0]], ids=repr)
def test_returns_that_do_not_merge_are_those_of_the_path(other: Any, engine: str) -> None:
    def f(x):
        for i in range(len(x)):
            if x[i] > 3.0:
                return i, x[i]
            if x[i] < -3.0:
                return other
        return x[:2].sum(), x[1:]

    compiled = autodiff.function(f, engine=engine)
    for x in GIVEN:
        assert repr(compiled(x)) == repr(f(x))
