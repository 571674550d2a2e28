"""What a library draws, reads or writes out of sight happens at every call: no constant of the program."""

from __future__ import annotations

import random
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.optimize
import scipy.sparse
import scipy.spatial.transform
import scipy.stats

import autodiff

X = np.array([0.5, -1.5, 2.0])
ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
pytestmark = pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")


def drawn_in_a_branch(a: Any, rng: Any) -> Any:
    """Numbers of a generator that the caller has seeded, in a branch whose sides are of different sizes."""
    if a > 0:
        y = np.ones(3) * (a + scipy.stats.norm.rvs(size=2, random_state=rng).sum())
    else:
        y = np.ones(2) * a
    return y.sum() + rng.normal()


def drawn_in_a_loop(x: Any, rng: Any) -> Any:
    total = 0.0
    for k in range(5):
        if x[2] > k:
            total = total * x[0] + scipy.stats.norm.rvs(size=2, random_state=rng).sum()
        total = total + scipy.stats.gamma.rvs(2.0, x[1], x[2], random_state=rng)
    return total


GLOBAL: dict[str, Callable[[Any], Any]] = {  # NumPy's and Python's own generators
    "rvs": lambda x: scipy.stats.norm.rvs(size=3).sum() * x[0],
    "rvs of a place": lambda x: scipy.stats.norm.rvs(loc=x[0], size=3).sum() * x[0],
    "frozen": lambda x: scipy.stats.norm(0, 1).rvs(3).sum() * x[0],
    "many variables": lambda x: scipy.stats.multivariate_normal.rvs([0, 0], size=3).sum() * x[0],
    "resampled": lambda x: scipy.stats.gaussian_kde([1.0, 2.0, 4.0]).resample(3).sum() * x[0],
    "search": lambda x: (
        x[0]
        * scipy.optimize.differential_evolution(
            lambda v: (v[0] - 1.0) ** 2, [(-2.0, 2.0)], maxiter=1, polish=False
        ).x[0]
    ),
    "statistics": lambda x: sum(statistics.NormalDist().samples(3)) * x[0],
}
SAMPLE = (
    "generator in a branch",
    "generator in a loop",
    "frozen",
    "statistics",
    "rotation",
    "save",
    "tofile",
)
ENTROPY: dict[str, Callable[[Any], Any]] = {  # of the operating system
    "sobol": lambda x: scipy.stats.qmc.Sobol(2).random(4).sum() * x[0],
    "rotation": lambda x: scipy.spatial.transform.Rotation.random().as_quat().sum() * x[0],
    "sample": lambda x: scipy.stats.Normal().sample(3).sum() * x[0],
}
FIXED: dict[str, Callable[[Any], Any]] = {
    "rvs": lambda x: scipy.stats.norm.rvs(size=3, random_state=1).sum() * x[0],
    "sobol": lambda x: scipy.stats.qmc.Sobol(2, rng=3).random(4).sum() * x[0],
    "generator in a branch": lambda x: drawn_in_a_branch(x[0], np.random.default_rng(1)),
    "generator in a loop": lambda x: drawn_in_a_loop(x, np.random.RandomState(1)),
    # The library makes a generator of the seed, which is not the same object at every call.
    "followed": lambda x: scipy.stats.matrix_normal.rvs(
        np.eye(2) * x[0], np.eye(2), np.eye(2), random_state=1
    ).sum(),
}


def rows(table: dict[str, Any]) -> Any:
    slow = pytest.mark.slow
    marked = [name if name in SAMPLE else pytest.param(name, marks=slow) for name in table]
    return pytest.mark.parametrize("name", marked)


@ENGINES
@rows(GLOBAL)
def test_draws_are_those_of_plain_python(name: str, engine: str) -> None:
    f = GLOBAL[name]
    value, both = (
        transform(f, engine=engine)
        for transform in (autodiff.function, autodiff.value_and_gradient)
    )

    def three(g: Callable[[Any], Any]) -> list[Any]:
        np.random.seed(3)
        random.seed(3)
        return [g(X) for _ in range(3)]

    expected = three(f)
    assert len(set(map(float, expected))) == 3
    np.testing.assert_allclose(three(value), expected, rtol=1e-14)
    np.testing.assert_allclose([v for v, _ in three(both)], expected, rtol=1e-14)


@rows(ENTROPY)
def test_draws_without_a_seed_differ(name: str) -> None:
    value = autodiff.function(ENTROPY[name])
    assert len({float(value(X)) for _ in range(3)}) == 3


@pytest.mark.parametrize("name", FIXED)
def test_draws_with_a_seed_are_constants(name: str) -> None:
    value = autodiff.function(FIXED[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error", autodiff.FallbackWarning)
        for _ in range(2):
            assert value(X) == pytest.approx(FIXED[name](X))


# -- files ------------------------------------------------------------------------------------------------
def loaded(x: Any, path: Any) -> Any:
    return np.sum(np.load(path) * x)


def stored_into(x: Any, path: Any) -> Any:
    w = np.load(path)
    w[0] = x[1]
    return np.sum(w)


@ENGINES
@pytest.mark.parametrize("f", [loaded, stored_into])
def test_a_file_is_read_at_every_call(f: Any, engine: str, tmp_path: Path) -> None:
    path = str(tmp_path / "w.npy")

    def read(x: Any) -> Any:
        return f(x, path)

    value, slope = (t(read, engine=engine) for t in (autodiff.function, autodiff.gradient))
    for w in (np.ones(3), np.arange(3.0), np.full((2, 3), 2.0), np.ones(3, np.float32), np.ones(1)):
        np.save(path, w)
        assert value(X) == pytest.approx(read(X))
        steps = 1e-3 * np.eye(3)
        expected = np.array([(read(X + h) - read(X - h)) / 2e-3 for h in steps])
        np.testing.assert_allclose(slope(X), expected, atol=1e-3)


WRITERS: dict[str, Callable[[str], None]] = {
    "save": lambda path: np.save(path, np.arange(3.0)),
    "savez": lambda path: np.savez(path, a=1.0),
    "savetxt": lambda path: np.savetxt(path, [1.0, 2.0]),
    "tofile": lambda path: np.ma.zeros(3).data.tofile(path),
    "memmap": lambda path: np.memmap(path, mode="w+", shape=(3,)).flush(),
    "savemat": lambda path: scipy.io.savemat(path, {"a": 1.0}),
}


@rows(WRITERS)
def test_a_file_is_written_at_every_call(name: str, tmp_path: Path) -> None:
    write = WRITERS[name]

    def f(x: Any) -> Any:
        write(str(tmp_path / "written"))
        return x[0]

    value = autodiff.function(f)
    for _ in range(2):
        assert value(X) == X[0]
        (made,) = tmp_path.iterdir()
        made.unlink()
