"""Everyday loops do not unroll: one program of one size for all lengths, with its derivatives, on each engine."""

import itertools
import re
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.capture import carried_lists
from autodiff.ladder import Rung
from tests.capture.loop_programs import PROGRAMS
from tests.capture.support import ENGINES, captured, kinds, same


def data(n: int) -> np.ndarray:
    return np.sin(np.arange(n) * 1.7) + 1.6


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_loop_is_a_loop_whatever_the_length(name: str) -> None:
    few, many = (captured(PROGRAMS[name], data(n)) for n in (20, 40))
    assert kinds(few.program) == kinds(many.program)
    long = [d for d in many.decisions if d.rung is Rung.UNROLLED and d.count > 6]
    assert not long, long[0].text()


# On the native engine, which takes longer to compile; the others are slow tests.
NATIVE = ("pairs_of_items", "longer_first", "records_in_order", "tree_on_a_stack", "knapsack")
ROWS = [
    pytest.param(
        name, engine, marks=[pytest.mark.slow] if engine == "native" and name not in NATIVE else []
    )
    for name in PROGRAMS
    for engine in ENGINES
]


@pytest.mark.parametrize(("name", "engine"), ROWS)
def test_values_and_derivatives_for_all_lengths(name: str, engine: str) -> None:
    f = PROGRAMS[name]
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for n in (20, 21, 33):
        x, d, e = data(n), np.cos(np.arange(n)), 1e-6
        same(value(x), f(x))
        difference = (f(x + e * d) - f(x - e * d)) / (2 * e)
        assert slope(x) @ d == pytest.approx(difference, rel=1e-5, abs=1e-6)
    _, tangent = autodiff.jvp(f, (x,), (d,), engine=engine)
    assert tangent == pytest.approx(difference, rel=1e-5, abs=1e-6)
    assert len(value.cache) <= 2, "a program for each length"


# -- what Python sees of iterators that end, and of what changes -----------------------------------------
def changed_behind_tee(x):
    x = x.copy()
    first, second = itertools.tee(x)
    total = 0.0
    for k, a in enumerate(first):
        total += a
        x[k] = 0.0
    return total + sum(b * b for b in second)


def changed_behind_cycle(x):
    weights, total = [1.0, 2.0, 3.0], 0.0
    turns = itertools.cycle(weights)
    for v, w in zip(x, turns, strict=False):
        total = total * 0.9 + v * w
        weights[0] = 7.0
    return total + next(turns) + len(weights)


def left_of_both(x):
    first, second = itertools.tee(x)
    next(second)
    total = sum([a * b for a, b in zip(first, second, strict=False)])
    return total + 100 * len(list(first)) + 1000 * len(list(second))


WEIGHTS = [0.5, 1.5]


def by_global(x):
    return sum(a * w for a, w in itertools.product(x, WEIGHTS))


@pytest.mark.parametrize("f", [changed_behind_tee, changed_behind_cycle, left_of_both])
def test_items_that_are_kept_are_those_that_were_taken(f: Callable[..., Any]) -> None:
    for n in (12, 13, 14):
        same(autodiff.function(f)(data(n)), f(data(n)))


def test_items_from_outside_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    f = autodiff.function(by_global)
    f(data(12))
    monkeypatch.setitem(globals(), "WEIGHTS", [2.0, 3.0])
    same(f(data(12)), by_global(data(12)))


def test_a_stack_that_grows_beyond_its_room_is_left_to_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carried_lists, "LEAST_ROOM", -77)  # three, of this argument
    f, x = PROGRAMS["halves_on_a_stack"], data(40)
    same(autodiff.function(f)(x), f(x))
    assert autodiff.gradient(f)(x) == pytest.approx(2 * x)


def filled_at_even_places(x):
    y = [None] * len(x)
    for i in range(0, len(x), 2):
        y[i] = x[i] * 2
    return y


def first_of_another_type(x):
    y = [None] * len(x)
    y[0] = 1.0
    for i in range(1, len(x)):
        y[i] = y[i - 1] * 0.9 + x[i]
    return y


def remembered_once(x):
    known, total = [None] * 5, 0.0
    for i in range(len(x)):
        if known[i % 5] is None:
            known[i % 5] = x[i] ** 2
        total += known[i % 5]
    return total


def too_few(x):
    y = [None] * len(x)
    for i in range(len(x)):
        if x[i] > 1.0:
            y[i] = x[i] * 2
    total = 0.0
    for i in range(len(x)):
        total += y[i]
    return total


@pytest.mark.parametrize(
    "f", [filled_at_even_places, first_of_another_type, remembered_once, too_few]
)
def test_none_stays_where_nothing_is_stored(f: Callable[..., Any]) -> None:
    for x in (data(12), data(12) + 2):
        try:
            expected = f(x)
        except TypeError as error:
            with pytest.raises(TypeError, match=re.escape(str(error))):
                autodiff.function(f)(x)
        else:
            same(autodiff.function(f)(x), expected)


def mean_of_two_types(x):
    kept = []
    for v in x:
        kept.append(v if v > 1.5 else 0.5)
    return statistics.mean(kept)


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_a_mean_of_floats_and_numpy_s_is_of_the_type_that_python_gives() -> None:
    for x in (data(12), data(12) - 2):
        same(autodiff.function(mean_of_two_types)(x), mean_of_two_types(x))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x: itertools.combinations(x, -1), "r must be non-negative"),
        (lambda x: itertools.product(x, repeat=-1), "repeat argument cannot be negative"),
        (lambda x: range(len(x))[len(x) + int(x[0] > 0)] * x[0], "range object index out of range"),
    ],
)
def test_python_s_errors(call: Callable[..., Any], error: str) -> None:
    for run in (call, autodiff.function(lambda x: call(x) and x[0])):
        with pytest.raises((ValueError, IndexError), match=error):
            run(data(12))
