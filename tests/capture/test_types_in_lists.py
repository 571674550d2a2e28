"""Lists whose first items are of a narrower type than those that a loop appends."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest

import autodiff
from autodiff.api import Function
from autodiff.capture import loops


def _iterates(x, n):
    seen = []
    for _ in range(n):
        seen.append(x)
        x = np.cos(x)
    return seen


def _sum(x, n, k):
    return sum(_iterates(x, n))


def _one_by_one(x, n, k):
    total = 0
    for v in _iterates(x, n):
        total = total + v
    return total


def _first(x, n, k):
    return _iterates(x, n)[0]


def _at_a_number_of_run_time(x, n, k):
    return _iterates(x, n)[k]


def _list(x, n, k):
    return _iterates(x, n)


def _largest(x, n, k):
    return max(_iterates(x, n))


def _recorded_by_a_closure(x, n, k):
    seen = []

    def record(value):
        seen.append(value)

    for _ in range(n):
        record(x)
        x = np.cos(x)
    return sum(seen) + len(seen)


def _counter_in_a_list(x, n, k):
    total = [0.0]

    def add(value):
        total[0] += value

    for v in np.arange(n) * x:
        add(v)
    return total[0]


def _extremes(x, n, k):
    seen = _iterates(x, n)
    return max(seen), min(seen), np.array(seen), seen[n // 2]


def _numbers_that_a_branch_gives(x, n, k):
    kept = []
    for v in x * np.linspace(-1, 1, n):
        kept.append(v if v > 0 else 0)
    return kept, sum(kept), min(kept)


def _state_before_the_loop(x, n, k):
    kept, state = [], 0
    for i in range(n):
        kept.append(state)
        if np.sin(x * i) > 0:
            state = state + np.float64(x)
    return kept, sum(kept), max(kept)


def _table_of_best(x, n, k):
    best = [0.0] * (n + 1)
    for i in range(n):
        for j in range(n, i % 3, -1):
            best[j] = max(best[j], best[j - 1 - i % 3] + np.float64(x * (i - 2)))
    return best, best[k], best[-1]


def _pairs(x, n, k):
    seen = []
    for i in range(n):
        seen.append((i, x))
        x = np.exp(-x)
    return seen


def _changed_after_the_loop(x, n, k):
    seen = _iterates(x, n)
    last = seen.pop()
    seen.append(last * 2)
    seen[0] = 3
    return seen, last, sorted(seen)


def _while(x, n, k):
    seen = []
    while abs(x) > 1e-3 and len(seen) < n:
        seen.append(x)
        x = np.sin(x) * 0.5
    return seen, len(seen), sum(seen)


def _types(value):
    if isinstance(value, (list, tuple)):
        return [_types(v) for v in value]
    return type(value)


def _flat(value):
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in _flat(v)]
    return list(np.ravel(value))


FUNCTIONS = [
    _sum,
    _one_by_one,
    _first,
    _at_a_number_of_run_time,
    _list,
    _largest,
    _recorded_by_a_closure,
    _counter_in_a_list,
    _extremes,
    _numbers_that_a_branch_gives,
    _state_before_the_loop,
    _table_of_best,
    _pairs,
    _changed_after_the_loop,
    _while,
]


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("x", [2.0, -0.5, np.float64(2.0)])
def test_each_item_keeps_its_type(f, x, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none runs uncompiled
        for n, k in ((3, 0), (1, 0), (2, 1), (5, 4), (4, -1)):
            got, want = compiled(x, n, k), f(x, n, k)
            assert _types(got) == _types(want), (n, k)
            np.testing.assert_allclose(_flat(got), _flat(want), rtol=1e-14)


@pytest.mark.parametrize("f", [f for f in FUNCTIONS if f not in (_changed_after_the_loop,)])
def test_lists_of_two_types_are_one_loop(f) -> None:
    """As many operations for a long list as for a short one."""
    short, long = (str(autodiff.function(f).ir(2.0, n, 0)).count("\n") for n in (5, 50))
    assert short == long


def test_a_table_of_best_values_is_one_loop_for_its_gradient() -> None:
    def f(x, n, k):
        return _table_of_best(x, n, k)[2]

    short, long = (str(autodiff.gradient(f, wrt="x").ir(1.5, n, 0)).count("\n") for n in (6, 60))
    assert short == long
    assert autodiff.check_gradient(f, 1.5, 6, 0, wrt="x")


def _best_of_a_table(x):
    table = [0.0]
    for v in x:
        table.append(table[-1] * 0.5 + v)
    return max(table)


def test_the_largest_item_has_its_own_type() -> None:
    compiled = autodiff.function(_best_of_a_table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in (np.array([-1.0, 2.0, 3.0]), -np.ones(7), np.linspace(-1, 1, 300)):
            got, want = compiled(x), _best_of_a_table(x)
            assert type(got) is type(want)
            assert got == want
    np.testing.assert_allclose(
        autodiff.gradient(_best_of_a_table)(np.array([-1.0, 2.0, 3.0])), [0.25, 0.5, 1.0]
    )


HEADS = {
    "an int or a float, by path": lambda x: max(1, x),
    "of two float types, by path": lambda x: np.float64(2.0) if x < 1.0 else x,
    "a bool or a float, by path": lambda x: x if x > 1.0 else True,
    "complex or a float, by path": lambda x: x if x > 1.0 else x * 1j,
    "an int": lambda x: 3,
    "a bool": lambda x: x > 1.0,
    "a NumPy float": lambda x: np.float64(x),
    "single precision": lambda x: np.float32(x),
    "complex": lambda x: x * 2j,
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("kind", HEADS)
def test_what_stood_in_a_list_before_a_loop_comes_out_as_it_was(kind, engine) -> None:
    make = HEADS[kind]

    def appended(x, values):
        items = [0.5, make(x), x]
        for v in values:
            items.append(v)
        return items

    def stored(x, values):
        items = [make(x), 0.5, x, *[0.0] * 9]
        for k in range(len(values)):
            items[k + 3] = values[k] * x
        return items

    values = np.arange(1.0, 9.0)
    for f in (appended, stored):
        compiled = autodiff.function(f, engine=engine)
        for x in (1.5, 0.25, 3.0):
            found, expected = compiled(x, values), f(x, values)
            assert [type(item) for item in found] == [type(item) for item in expected], (f, x)
            assert found == expected, (f, x)


class Pair(NamedTuple):
    x: float
    v: float


def kept_in_an_attempt(x, c, n, offset):
    """A list that is split into columns in a loop that is given up: the columns are of before it."""
    other = Pair(c, offset - c)
    chosen = Pair(x[2], 3.1 - x[0])
    kept, w, i = [], 0.0, 0
    chosen = chosen if x[0] > 1.5 else other
    for i in range(n):
        chosen = other if x[1] * w < 2.5 else chosen
    parts = [1.0]
    i = 0
    while i < n and w < 60:
        other = Pair(chosen.v, other.x)
        try:
            w += 1 / c
            kept.append(other)
            w = w * 0.5 + x[1]
        except ZeroDivisionError:
            parts = [x[0], 3.0]
        i += 1
    w += parts[0]
    for pair in kept:
        w = w * 0.9 + pair.x * 1.3 + pair.v
    return w


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_what_splits_a_list_stays_where_the_loop_around_it_is_given_up(engine):
    compiled = autodiff.function(kept_in_an_attempt, engine=engine)
    for x in ([1.03, 2.07, 3.11], [2.13, -1.07, 0.57]):
        for n in (3, 0, 5):
            given = (np.array(x), 1.53, n, 1.25)
            assert compiled(*given) == kept_in_an_attempt(*given)
    assert autodiff.check_gradient(lambda x: kept_in_an_attempt(x, 1.53, 3, 1.25), np.array(x))


def total_of_appended(x, values):
    items = [1, 2]
    for v in values:
        items.append(v * x)
    total = 0
    for v in items:
        total += v
    return total, items


def total_of_stored(x, values):
    items = [0] * len(values)
    for i in range(len(values)):
        items[i] = values[i] * x
    total = 0
    for v in items:
        total += v
    return total, items


def total_of_ints_replaced(x, values):
    items = list(range(12))
    for i in range(len(values)):
        items[i] = items[i] * values[i] * x
    total = 0
    for i in range(len(values)):
        total += items[i] * i
    return total, items


def product(x, values):
    items = [3, 5]
    for v in values:
        items.append(v * x)
    found = 1
    for v in items:
        found = found * v
    return found, items


def read_before_stored(x, values):
    items = [0] * 5
    total = 0
    for k in range(len(values)):
        total += items[k % 5]
        items[k % 5] = x
    return total, items


def each(x, values):
    items = [1, 2]
    for v in values:
        items.append(x * v)
    return items[0], [v for v in items], items[::-1]


LOOPS = (total_of_appended, total_of_stored, total_of_ints_replaced, product, read_before_stored, each)  # fmt: skip


def types_of(found):
    return [*map(types_of, found)] if isinstance(found, (list, tuple)) else type(found)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", LOOPS)
def test_loops_over_ints_beside_floats_are_loops(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x, n in ((1.5, 9), (0.5, 9), (2.0, 11)):
        values = np.linspace(0.5, 1.5, n)
        found, expected = compiled(x, values), f(x, values)
        np.testing.assert_allclose(np.hstack(found), np.hstack(expected))
        assert types_of(found) == types_of(expected)
    assert "unrolled" not in compiled.explain(1.5, np.linspace(0.5, 1.5, 9))


@pytest.mark.parametrize("f", [f for f in LOOPS if f is not each])
def test_derivatives_of_loops_over_ints_beside_floats(f) -> None:
    values = np.linspace(0.5, 1.5, 9)

    def first(x, values):
        return f(x, values)[0]

    expected = (first(1.2 + 1e-6, values) - first(1.2 - 1e-6, values)) / 2e-6
    assert autodiff.gradient(first, wrt="x")(1.2, values) == pytest.approx(expected, rel=1e-7)
    tangent = autodiff.jvp(first, (1.2, values), (1.0,), wrt="x")[1]
    assert tangent == pytest.approx(expected, rel=1e-7)


def test_an_item_of_before_where_no_type_holds_the_sum_is_left_to_python() -> None:
    def f(x, values):
        items = [1] * 9
        for i in range(len(values)):
            if values[i] > 1.0:
                items[i] = values[i] * x
        total = 0
        for v in items:
            total += v
        return total

    compiled = autodiff.function(f)
    for values in (np.linspace(1.1, 2.0, 9), np.linspace(0.1, 1.5, 9), np.linspace(0.1, 0.5, 9)):
        found, expected = compiled(1.5, values), f(1.5, values)
        assert found == pytest.approx(expected)
        assert type(found) is type(expected)


def narrowed(x, n, v):
    l = [n, 2, x]
    for _ in range(n):
        l = list(map(lambda e: e + sum(l), l))
    l.append(v[0])
    while len(l) > n:
        l.pop()
    for _ in range(n):
        for _ in range(2):
            for _ in range(2):
                if v[1] > 9.0 * x:
                    break
                l = [e * x for e in l]
                l = [e for e in l if e > 1]
    return l


def test_loops_that_do_not_settle_are_not_tried_in_each_pass_of_those_around(monkeypatch):
    passes, plain = [], loops._peeled
    monkeypatch.setattr(loops, "_peeled", lambda *args: passes.append(args[1]) or plain(*args))
    compiled = Function(narrowed)
    for x, n in ((0.4, 2), (2.2, 5)):
        given = x, n, np.array([x, 1.1, 1.0])
        assert repr(compiled(*given)) == repr(narrowed(*given))
    assert len(passes) <= 20  # 147 where each pass tries anew
