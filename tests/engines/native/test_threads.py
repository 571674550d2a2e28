"""Loop nests on several threads: the results of one, whatever the size and the number of threads."""

import concurrent.futures
import multiprocessing

import numpy as np
import pytest

import autodiff
from autodiff.engines.native import threads as nest_threads

pytestmark = pytest.mark.skipif(not nest_threads.SUPPORTED, reason="needs pthreads")


@pytest.fixture
def every_nest_is_large(monkeypatch):
    monkeypatch.setattr(nest_threads, "LARGE", 1)


def elementwise(x):
    return np.exp(np.sin(x)) * np.where(x > 0, x, 0.5)


def sums(x):
    return np.sum(np.tanh(x)) + np.mean(x * x) + np.sum(x[1:] * x[:-1])


def other_reductions(x):
    return (
        np.max(x, initial=-9.0),
        np.min(np.sin(x), initial=9.0),
        np.prod(2 * np.arange(len(x)) + 1),
        np.any(x > 2),
        np.all(x < 9),
    )


def rows(x):
    table = np.multiply.outer(np.arange(1.0, 4.0), x)
    shifted = np.exp(table - table.max(axis=1, keepdims=True, initial=-50.0))
    return shifted / shifted.sum(axis=1, keepdims=True)


def columns(x):
    table = np.outer(x, np.arange(1.0, 6.0))
    return table.sum(axis=0), np.sqrt(table**2).sum(axis=1), table.T.copy()


def pieces(x):
    return (
        np.roll(x, 1) - 2 * x + np.roll(x, -1),
        np.concatenate([x[::-1], [3.0], 2 * x]),
        np.pad(x, 2),
    )


def stores(x):
    y = np.zeros(2 * len(x))
    y[::2] = x
    y[1::2] += np.cos(x)
    y[: len(x)] *= 2.0
    return y


def repeated_places(x):
    y = np.zeros(3)
    np.add.at(y, np.arange(len(x)) % 3, x)
    y[np.arange(len(x)) % 3] += x
    return y


def in_a_loop(x):
    u = x.copy()
    for _ in range(5):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return u


def other_types(x):
    n = np.arange(len(x))
    return (n * n).sum(), x.astype(np.float32) * np.float32(0.5), (n % 3 == 0).sum(), n // 2


FUNCTIONS = [
    elementwise,
    sums,
    other_reductions,
    rows,
    columns,
    pieces,
    stores,
    repeated_places,
    in_a_loop,
    other_types,
]


@pytest.mark.usefixtures("every_nest_is_large")
@pytest.mark.parametrize("threads", [2, 5])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_are_those_of_numpy(f, threads, rng):
    compiled = autodiff.function(f, threads=threads)
    for size in (1000, 3, 17, 0, 1):  # the second length makes it a symbol
        x = rng.standard_normal(size)
        found, expected = compiled(x), f(x)
        single = not isinstance(expected, tuple)
        for a, b in zip(
            [found] if single else found, [expected] if single else expected, strict=True
        ):
            assert np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    assert "@chunk" in compiled.llvm(np.ones(1000))


@pytest.mark.usefixtures("every_nest_is_large")
@pytest.mark.parametrize(
    "f",
    [elementwise, sums, rows, pieces, stores, repeated_places, in_a_loop],
    ids=lambda f: f.__name__,
)
def test_gradients_are_those_of_one_thread(f, rng):
    def total(x):
        results = f(x)
        return sum(np.sum(r * r) for r in (results if isinstance(results, tuple) else (results,)))

    one, many = autodiff.gradient(total), autodiff.gradient(total, threads=3)
    for size in (500, 8, 3):
        x = rng.standard_normal(size)
        np.testing.assert_allclose(many(x), one(x), rtol=1e-11, atol=1e-12)


def test_a_sum_does_not_depend_on_scheduling(rng):
    x = rng.standard_normal(400_001)
    compiled = autodiff.function(lambda x: np.sum(np.sin(x)), threads=4)
    first = compiled(x)
    assert first == pytest.approx(np.sum(np.sin(x)), rel=1e-12)
    assert all(compiled(x) == first for _ in range(20))


def test_small_nests_are_not_cut():
    compiled = autodiff.function(elementwise, threads=4)
    assert "@chunk" not in compiled.llvm(np.ones(1000))
    assert "@chunk" in compiled.llvm(np.ones(nest_threads.LARGE))
    assert "@chunk" not in autodiff.function(elementwise).llvm(np.ones(nest_threads.LARGE))


@pytest.mark.usefixtures("every_nest_is_large")
def test_products_of_pieces_may_be_out_of_range():
    x = np.repeat([1e-200, 1e200], 100)  # 0, then infinity
    assert autodiff.function(np.prod, threads=2)(x) == np.prod(x) == 0.0


def test_calls_from_several_threads_at_once(rng):
    x = rng.standard_normal(200_000)
    compiled = autodiff.value_and_gradient(sums, threads=3)
    value, slope = compiled(x)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for other, other_slope in pool.map(lambda _: compiled(x), range(40)):
            assert other == value
            np.testing.assert_array_equal(other_slope, slope)


def _in_a_child(x, connection):
    connection.send(float(autodiff.function(sums, threads=2)(x)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_after_use(rng):
    x = rng.standard_normal(200_000)
    value = autodiff.function(sums, threads=2)(x)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_in_a_child, args=(x, theirs))
    child.start()
    assert ours.poll(60)
    assert ours.recv() == value
    child.join(10)
    assert child.exitcode == 0
