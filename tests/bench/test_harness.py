"""The benchmark harness: what it runs is a fair question, and what it prints is what it measured."""

import importlib.util
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import autodiff
from bench import harness, peers, plain, report
from bench.__main__ import work
from bench.catalogue import GROUPS, find

BENCHMARKS = [benchmark for group in GROUPS.values() for benchmark in group]


def test_names_are_unique() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert [find(name).name for name in names] == names


@pytest.mark.parametrize(
    "benchmark", [b for b in BENCHMARKS if "n=1e7" not in b.name], ids=lambda b: b.name
)
def test_plain_numpy_gives_a_finite_scalar_and_leaves_its_arguments(
    benchmark: harness.Benchmark,
) -> None:
    arguments = benchmark.arguments()
    copies = [np.copy(a) for a in arguments]
    assert arguments[0].dtype.kind == "f"
    value = peers.prepare("numpy", benchmark, arguments)(arguments[0])
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


def found(**peers: dict) -> dict:
    return {"name": "one", "family": "F", "moved": None, "flops": None, "peers": peers}


def test_a_disagreement_and_a_failure_are_reported() -> None:
    one = found(
        numpy={"steady": 1.0, "difference": 1e-16},
        jax={"failed": "ValueError: no"},
        torch={"steady": 1.0, "difference": 1e-3},
    )
    assert report.notes(one, 1e-7) == [
        "- one: jax fails: ValueError: no",
        "- one: torch and autodiff differ by 1.0e-03 (relative to the largest entry)",
    ]
    assert report.notes(found(jax={"difference": float("nan")}), 1e-7) != []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.4e-7, "140 ns"), (2.5e-5, "25 µs"), (0.0123, "12.3 ms"), (2.0, "2 s"), (None, "–")],
)
def test_times_have_three_digits_and_a_unit(seconds: float | None, text: str) -> None:
    assert report.seconds_text(seconds) == text


def test_ratios_are_of_the_best_other_peer_that_differentiates() -> None:
    one = found(
        numpy={"steady": 1e-6},
        autodiff={"steady": 2e-6},
        jax={"steady": 8e-6},
        torch={"steady": 6e-6},
        mygrad={"unsuited": "no"},
    )
    assert report.best(one, "steady") == ("torch", 6e-6)
    assert report.ratio(one) == pytest.approx(3.0)
    assert report.ratio(found(autodiff={"steady": 1.0})) is None
    assert report.ratio_text(20e-6, 1e-6) == "20"
    assert report.geometric_mean([1.0, 4.0]) == pytest.approx(2.0)


def test_rows_have_a_cell_for_every_heading_and_the_page_has_every_family() -> None:
    one = found(
        numpy={"steady": 1e-6}, autodiff={"steady": 2e-6, "first": 0.1}, jax={"failed": "x"}
    )
    machine = {"machine": "M", "copy": 1e10, "gemm": 1e10, "peers": list(one["peers"])}
    page = report.document({**machine, "benchmarks": [one]}, {"one": 1e-7})
    assert "## F" in page
    assert "jax fails: x" in page
    for text in (
        report.steady_table([one], machine["peers"], machine),
        report.first_table([one], machine["peers"]),
    ):
        header, rule, cells = text.splitlines()
        assert header.count("|") == rule.count("|") == cells.count("|")


def test_the_check_tells_what_has_fallen() -> None:
    old = found(numpy={"steady": 8.0}, autodiff={"steady": 1.0}, jax={"steady": 4.0})
    same = found(numpy={"steady": 8.0}, autodiff={"steady": 1.2}, jax={"steady": 4.0})
    slower = found(numpy={"steady": 8.0}, autodiff={"steady": 2.0}, jax={"steady": 4.0})
    failed = found(numpy={"steady": 8.0}, autodiff={"failed": "E"}, jax={"steady": 4.0})
    recorded = {"benchmarks": [old]}
    assert report.fallen({"benchmarks": [same]}, recorded) == []
    assert report.fallen({"benchmarks": [slower]}, recorded) == [
        "one: numpy / autodiff is 4, recorded is 8",
        "one: best peer / autodiff is 2, recorded is 4",
    ]
    assert report.fallen({"benchmarks": [failed]}, recorded) == ["one: E"]


@pytest.mark.slow
def test_pictures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    one = {**found(autodiff={"steady": 1e-6}, jax={"steady": 2e-6}), "moved": 800.0}
    size = {**one, "name": "size: f n=1e2", "family": "Sizes"}
    results = {"copy": 1e10, "gemm": 1e10, "peers": ["autodiff", "jax"], "benchmarks": [one, size]}
    made = report.draw(results, tmp_path)
    assert [path.name for path in made] == ["ratios.svg", "sizes.svg", "limits.svg"]
    assert all(path.read_text().startswith("<?xml") for path in made)


def test_a_median_of_samples_is_given() -> None:
    assert 0.0 < harness.steady_time(lambda x: x, np.ones(3), seconds=0.01) < 1e-3


def test_peers_run_the_same_code_and_agree() -> None:
    benchmark = find("call: rosenbrock n=10")
    x = benchmark.arguments()[0]
    value, gradient = peers.prepare("autodiff", benchmark, (x,))(x)
    assert value == pytest.approx(peers.prepare("numpy", benchmark, (x,))(x))
    for peer in ("jax", "autograd", "torch", "mygrad", "pytensor", "casadi"):
        if importlib.util.find_spec(peers.MODULES[peer]) is not None:
            peers.load(peer)
            theirs = peers.prepare(peer, benchmark, (x,))(x)
            assert harness.difference((value, gradient), theirs) < 1e-6
    if shutil.which("cc"):
        theirs = peers.prepare("c", benchmark, (x,))(x)
        assert harness.difference((value, gradient), theirs) < 1e-12
    with pytest.raises(peers.Unsuited):
        peers.prepare("c", find("call: bumps n=100"), (x,))


def test_a_worker_measures_and_tells_what_it_cannot() -> None:
    name = "call: quadratic n=3"
    assert work(sys.executable, "steady", name, "numpy", "0.01")["seconds"] > 0.0
    assert "unsuited" in work(sys.executable, "steady", name, "c", "0.01")


@pytest.mark.parametrize("case", [(f, n) for f in plain.FAMILIES for n in plain.FAMILIES[f]][::11])
def test_cases_beside_plain_python_run_compiled(case: tuple[str, str]) -> None:
    function, arguments, *_ = plain.FAMILIES[case[0]][case[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error", autodiff.FallbackWarning)
        ours = autodiff.function(function)(*arguments)
    found, expected = (autodiff.tree.flatten(x)[0] for x in (ours, function(*arguments)))
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_there_are_many_cases_beside_plain_python() -> None:
    assert sum(map(len, plain.FAMILIES.values())) >= 60
