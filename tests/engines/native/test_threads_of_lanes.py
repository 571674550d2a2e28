"""The lanes of a batch on several threads: each has the value that it has on one, to the last bit."""

import signal
import threading
import time
import warnings

import numpy as np
import pytest

import autodiff
from autodiff.engines.native import threads as nest_threads

pytestmark = pytest.mark.skipif(not nest_threads.SUPPORTED, reason="needs pthreads")


@pytest.fixture
def every_batch_is_large(monkeypatch):
    monkeypatch.setattr(nest_threads, "LARGE_WORK", 1)


def fit(p, t, y):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


def branches(p, t, y):
    total = 0.0
    for k in range(len(t)):
        r = p[0] * np.exp(-p[1] * t[k]) + p[2] - y[k]
        total += r * r if abs(r) < 1.0 else 2.0 * abs(r) - 1.0
    return total


def own_numbers_of_steps(p, t, y):
    x, steps = p[0], 0
    while abs(x) > 1e-3 and steps < int(abs(y[0]) * 20):
        x = x * 0.9 + p[1] * 0.01
        steps += 1
    return x + np.sum(t) * 0.0


def own_sizes(p, t, y):
    n = int(abs(y[0]) * 3) % 9
    return np.sum(np.exp(t[:n]) * p[0]) + np.sum(np.sort(y[:n] * p[1]))


def a_matrix(p, t, y):
    table = np.outer(y, t) + np.eye(len(t)) * (5.0 + p[0] ** 2)
    return np.sum(np.linalg.solve(table, y) * t) + np.linalg.slogdet(table)[1]


def an_array(p, t, y):
    rows = np.zeros((len(t), 3))
    for k in range(len(t)):
        rows[k] = p * t[k] + y[k]
    return np.sum(rows**2)


def a_batch_within(p, t, y):
    return np.sum(autodiff.vmap(lambda a: np.sum(np.exp(-a * t)))(y) * p[0])


def special(p, t, y):
    from scipy.special import gammaln, jv

    return np.sum(gammaln(np.abs(y) + 1.0) * p[0] + jv(1.5, np.abs(t * p[1])))


LANES = [
    fit,
    branches,
    own_numbers_of_steps,
    own_sizes,
    a_matrix,
    an_array,
    a_batch_within,
    special,
]


def data(rng, lanes):
    return (
        rng.uniform(0.5, 2.0, (lanes, 3)),
        np.linspace(0.0, 1.0, 10),
        rng.normal(size=(lanes, 10)),
    )


@pytest.mark.usefixtures("every_batch_is_large")
@pytest.mark.parametrize("derivative", [False, True], ids=["value", "gradient"])
@pytest.mark.parametrize("f", LANES, ids=lambda f: f.__name__)
def test_lanes_are_those_of_one_thread(f, derivative, rng):
    one = autodiff.gradient(f, wrt="p") if derivative else f
    single = autodiff.vmap(one, in_axes=(0, None, 0))
    for threads in (2, 5):
        batch = autodiff.vmap(one, in_axes=(0, None, 0), threads=threads)
        for lanes in (23, 5, 2, 1, 0):
            arguments = data(rng, lanes)
            np.testing.assert_array_equal(batch(*arguments), single(*arguments))
        assert "@ad.parallel" in batch.llvm(*data(rng, 23))


@pytest.mark.usefixtures("every_batch_is_large")
def test_several_results_and_shared_ones(rng):
    def f(p, t, y):
        return {"sum": np.sum(p) + t[0], "row": y * p[0], "number": 3, "whole": np.arange(4) * t[1]}

    arguments = data(rng, 11)
    found = autodiff.vmap(f, in_axes=(0, None, 0), threads=3)(*arguments)
    expected = autodiff.vmap(f, in_axes=(0, None, 0))(*arguments)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.usefixtures("every_batch_is_large")
def test_gradients_through_a_batch(rng):
    """The sum over lanes, and what lanes share, are added up in order on one thread."""
    p, t, y = data(rng, 40)

    def total(p, t):
        return np.sum(autodiff.vmap(fit, in_axes=(0, None, 0))(p, t, y))

    one = autodiff.gradient(total, wrt=("p", "t"))(p, t)
    many = autodiff.gradient(total, wrt=("p", "t"), threads=4)(p, t)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("every_batch_is_large")
def test_draws_are_in_the_order_of_the_lanes():
    def f(x, rng):
        return x + rng.normal(size=2).sum()

    batch = autodiff.vmap(f, in_axes=(0, None), threads=4)
    x = np.arange(20.0)
    generator = np.random.default_rng(3)
    expected = [f(a, generator) for a in x]
    np.testing.assert_array_equal(batch(x, np.random.default_rng(3)), expected)
    np.testing.assert_array_equal(batch(x, np.random.default_rng(3)), expected)


@pytest.mark.usefixtures("every_batch_is_large")
@pytest.mark.parametrize("lane", [0, 7, 19])
def test_a_lane_that_fails_raises_as_it_does_alone(lane):
    def f(x, k):
        return x[k] * 2.0

    batch = autodiff.vmap(f, threads=4)
    x = np.ones((20, 3))
    places = np.zeros(20, int)
    np.testing.assert_array_equal(batch(x, places), 2.0 * np.ones(20))
    places[lane:] = 5
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 3"):
        batch(x, places)
    places[:] = 1
    np.testing.assert_array_equal(batch(x, places), 2.0 * np.ones(20))


@pytest.mark.usefixtures("every_batch_is_large")
@pytest.mark.parametrize("lane", [0, 19])
def test_a_lane_that_divides_by_zero_warns(lane):
    batch = autodiff.vmap(lambda x: np.log(x).sum(), threads=4)
    x = np.ones((20, 3))
    batch(x)
    x[lane] = 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
        assert batch(x)[lane] == -np.inf


def test_small_batches_stay_on_one_thread(monkeypatch, rng):
    """Threads that are never made cannot fail: the choice is made at run time, by the work."""
    batch = autodiff.vmap(fit, in_axes=(0, None, 0), threads=4)
    text = batch.llvm(*data(rng, 100))
    assert "select i1" in text.split("define i32 @kernel")[1].split("@ad.parallel")[0]
    assert "@ad.parallel" not in autodiff.vmap(fit, in_axes=(0, None, 0)).llvm(*data(rng, 100))


def test_a_large_nest_within_a_lane_is_cut_instead():
    batch = autodiff.vmap(lambda x: np.exp(x).sum(), threads=2)
    text = batch.llvm(np.ones((3, nest_threads.LARGE)))
    assert text.count("define internal void @chunk") == 1
    assert "%statuses" not in text


@pytest.mark.usefixtures("every_batch_is_large")
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.parametrize("threads", [2, 5])
def test_a_handler_ends_a_batch(threads):
    class Late(Exception):
        pass

    def late(number, frame):
        raise Late("too long")

    def slow(x):
        for _ in range(10**6):
            x = np.sin(x) + 0.1
        return x

    batch = autodiff.vmap(slow, threads=threads)
    batch(np.ones(3)[:0])
    batch.llvm(np.ones(3000))
    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Late, match="too long"):
            batch(np.ones(3000))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert threading.active_count() == len(threading.enumerate())


def test_lanes_run_side_by_side(rng):
    """The work of two threads is counted as two threads': more processor time than time."""
    import os

    if (os.cpu_count() or 1) < 2:
        pytest.skip("needs two processors")
    batch = autodiff.vmap(branches, in_axes=(0, None, 0), threads=2)
    arguments = data(rng, 100_000)
    batch(*arguments)
    own, whole = time.thread_time(), time.process_time()
    with warnings.catch_warnings():
        batch(*arguments)
    own, whole = time.thread_time() - own, time.process_time() - whole
    assert own < 0.75 * whole
