"""Lists whose first items are of a narrower type than those that a loop appends."""

import warnings

import numpy as np
import pytest

import autodiff


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


def _types(value):
    return [type(v) for v in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "f",
    [
        _sum,
        _one_by_one,
        _first,
        _at_a_number_of_run_time,
        _list,
        _largest,
        _recorded_by_a_closure,
        _counter_in_a_list,
    ],
)
def test_each_item_keeps_its_type(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none runs uncompiled
        for n, k in ((3, 0), (1, 0), (2, 1), (5, 4), (4, -1)):
            got, want = compiled(2.0, n, k), f(2.0, n, k)
            assert _types(got) == _types(want), (n, k)
            np.testing.assert_allclose(got, want, rtol=1e-14)


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
