"""The benchmark harness: what it runs is a fair question, and what it prints is what it measured."""

import numpy as np
import pytest

from bench import harness
from bench.__main__ import notes, ratio_text, row, seconds_text, table
from bench.catalogue import GROUPS, find

BENCHMARKS = [benchmark for group in GROUPS.values() for benchmark in group]


def test_names_are_unique() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert [find(name).name for name in names] == names


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda b: b.name)
def test_plain_numpy_gives_a_finite_scalar_and_leaves_its_arguments(
    benchmark: harness.Benchmark,
) -> None:
    arguments = benchmark.arguments()
    copies = [np.copy(a) for a in arguments]
    assert arguments[0].dtype == np.float64
    value = harness.prepare("numpy", benchmark, arguments)(arguments[0])
    assert np.shape(value) == ()
    assert np.isfinite(value)
    for argument, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(argument, copy)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((1.0, [1.0, 2.0]), (1.0, [1.0, 2.0]), 0.0),
        ((1.0, [1.0, 2.0]), (1.0, [1.5, 2.0]), 0.25),
        ((3.0, [0.0]), (2.0, [0.0]), 0.5),
        ((1.0, [1.0]), (1.0, [1.0, 1.0]), np.inf),
    ],
)
def test_difference_is_relative_to_the_largest_entry(
    ours: tuple, theirs: tuple, expected: float
) -> None:
    assert harness.difference(ours, theirs) == expected


def test_a_disagreement_and_a_failure_are_reported() -> None:
    result = {"failed": {"jax": "ValueError: no"}, "difference": {"numpy": 1e-16, "autodiff": 1e-3}}
    name = BENCHMARKS[0].name
    assert notes(BENCHMARKS[0], result) == [
        f"- {name}: jax fails: ValueError: no",
        f"- {name}: autodiff and JAX differ by 1.0e-03 (relative to the largest entry)",
    ]
    assert notes(BENCHMARKS[0], {"failed": {}, "difference": {"autodiff": float("nan")}}) != []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.4e-7, "140 ns"), (2.5e-5, "25 µs"), (0.0123, "12.3 ms"), (2.0, "2 s"), (None, "–")],
)
def test_times_have_three_digits_and_a_unit(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text


def test_ratio_is_theirs_over_ours() -> None:
    assert ratio_text(20e-6, 1e-6) == "20"
    assert ratio_text(None, 1e-6) == "–"


def test_a_row_has_a_cell_for_every_heading() -> None:
    result = {"times": {"numpy": 1e-3}, "failed": {}, "first": {}, "warm": {}, "bytes": {}}
    header, rule, cells = table([row(BENCHMARKS[0], result)]).splitlines()
    assert header.count("|") == rule.count("|") == cells.count("|")


def test_steady_times_orders_a_slow_and_a_fast_call() -> None:
    x = np.ones(3)
    calls = {"slow": lambda x: [x + i for i in range(200)], "fast": lambda x: x}
    times = harness.steady_times(calls, x, seconds=0.01)
    assert times["fast"] < times["slow"]
