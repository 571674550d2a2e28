"""Sums over shards on a real cluster of Dask's: order, data that stay, workers that die or lack what they need."""

import os
import pickle
import signal
import time

import numpy as np
import pytest

pytest.importorskip("distributed")
pytestmark = pytest.mark.interop

from distributed import Client, LocalCluster  # noqa: E402

from autodiff import distributed, optimize  # noqa: E402
from autodiff.errors import ArgumentError, WorkerError  # noqa: E402

X = np.cos(1.7 * np.arange(300.0) ** 1.1).reshape(100, 3)
Y = np.tanh(X @ np.array([0.5, -1.0, 2.0])) + 0.01 * np.cos(np.arange(100.0))
SHARDS = list(zip(np.array_split(X, 7), np.array_split(Y, 7), strict=True))
POINT = np.array([0.1, 0.2, 0.3])


def loss(p, x, y):
    return np.sum((np.tanh(x @ p) - y) ** 2)


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as made:
        yield made


@pytest.fixture
def client(cluster):
    with Client(cluster) as made:
        yield made


def test_a_cluster_gives_the_bits_of_one_process(client):
    there = distributed.sum_over(loss, SHARDS, client)
    here = distributed.sum_over(loss, SHARDS)
    for ours, theirs in zip(
        there.value_and_gradient(POINT), here.value_and_gradient(POINT), strict=True
    ):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()
    product = there.hessian_vector(POINT, _tensors=np.ones(3))
    assert product.tobytes() == here.hessian_vector(POINT, _tensors=np.ones(3)).tobytes()
    assert repr(there) == "<SumOver of loss, 7 shards on a cluster>"


def test_minimize_rows_models_and_map_run_there(client):
    found = optimize.minimize(distributed.sum_over(loss, SHARDS, client), POINT, method="BFGS")
    np.testing.assert_allclose(
        found.x, optimize.minimize(loss, POINT, (X, Y), method="BFGS").x, rtol=1e-6
    )
    rows = distributed.rows_over(lambda p, x, y: np.tanh(x @ p) - y, SHARDS, client)
    np.testing.assert_allclose(optimize.least_squares(rows, POINT).x, found.x, rtol=1e-4)
    model = distributed.model_over(lambda x, a, k: a * np.exp(-k * x), np.split(Y, 4), client)
    best, _ = optimize.curve_fit(model, None, 2 * np.exp(-0.7 * Y), p0=[1.0, 1.0])
    np.testing.assert_allclose(best, [2, 0.7])
    pids = distributed.map(lambda _: os.getpid(), range(8), client)
    assert os.getpid() not in pids and len(pids) == 8


def test_functions_of_a_notebook_bring_their_text(client):
    import linecache

    text = "def cell(p, x):\n    total = 0.0\n    for v in x:\n        if v > 0:\n            total += (p * v) ** 2\n    return total\n"
    linecache.cache["<cell 7>"] = (len(text), None, text.splitlines(keepends=True), "<cell 7>")
    names = {"__name__": "__main__", "np": np}
    exec(compile(text, "<cell 7>", "exec"), names)
    objective = distributed.sum_over(
        names["cell"], [np.array([1.0, -1.0]), np.array([2.0])], client
    )
    assert objective.gradient(3.0) == 30
    assert distributed.map(_warnings_of_capture, [(names["cell"],)], client) == [[]]


def _warnings_of_capture(function):
    import warnings

    import autodiff

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        autodiff.gradient(function, wrt="p")(3.0, np.array([1.0, 2.0]))
    return [str(w.message) for w in seen]


def test_large_functions_and_large_sums_stay_on_the_workers(client):
    weight = np.cos(np.arange(40_000.0))

    def weighted(p, x):
        return np.sum(weight * p * x[0] + p**2)

    objective = distributed.sum_over(weighted, [(np.array([k]),) for k in (1.0, 2.0, 4.0)], client)
    p = np.ones(40_000)
    np.testing.assert_allclose(objective.gradient(p), 7 * weight + 6 * p)


@pytest.mark.filterwarnings("ignore:.*an argument is a DataFrame:autodiff.FallbackWarning")
@pytest.mark.parametrize("form", ["delayed", "array", "arrays", "dataframe"])
def test_collections_of_dask(client, form):
    import dask
    import dask.array as da

    if form == "delayed":
        shards = [dask.delayed(lambda k=k: SHARDS[k])() for k in range(7)]
        function = loss
    elif form == "arrays":
        shards, function = (da.from_array(X, chunks=(30, 3)), da.from_array(Y, chunks=30)), loss
    elif form == "array":
        shards = da.from_array(np.column_stack([X, Y]), chunks=(30, 4))
        function = of_columns
    else:
        dd = pytest.importorskip("dask.dataframe")
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": Y})
        shards, function = dd.from_pandas(frame, npartitions=3), of_frame
    whole = loss(POINT, X, Y)
    assert distributed.sum_over(function, shards, client)(POINT) == pytest.approx(whole, rel=1e-13)
    assert distributed.sum_over(function, shards)(POINT) == pytest.approx(whole, rel=1e-13)


def of_columns(p, rows):
    return loss(p, rows[:, :3], rows[:, 3])


def of_frame(p, frame):
    return loss(p, frame[["a", "b", "c"]].to_numpy(), frame["y"].to_numpy())


def test_a_worker_that_is_killed_in_the_middle_of_a_fit_is_survived(cluster):
    with Client(cluster) as client:
        objective = distributed.sum_over(loss, SHARDS, client)
        undisturbed = optimize.minimize(objective, POINT, method="BFGS")
        before = set(client.run(os.getpid).values())
        calls = []

        def kill_one(x):
            calls.append(x)
            if len(calls) == 3:
                os.kill(min(before), signal.SIGKILL)

        found = optimize.minimize(objective, POINT, method="BFGS", callback=kill_one)
        assert found.x.tobytes() == undisturbed.x.tobytes()
        assert found.nfev == undisturbed.nfev
        for _ in range(100):
            if len(client.scheduler_info()["workers"]) == 2:
                break
            time.sleep(0.1)
        assert set(client.run(os.getpid).values()) != before


def _forget():
    import sys

    sys.modules["autodiff"] = None


def _remember():
    import sys

    del sys.modules["autodiff"]


def test_a_worker_without_the_package_is_named(cluster):
    with Client(cluster) as client:
        client.run(_forget_by_value(_forget))
        try:
            with pytest.raises(
                WorkerError,
                match=r"AD603: the worker tcp://.* has no autodiff[\s\S]*install autodiff-numpy in",
            ):
                distributed.sum_over(loss, SHARDS, client)
        finally:
            client.run(_forget_by_value(_remember))
        assert distributed.sum_over(loss, SHARDS, client)(POINT) > 0


def _forget_by_value(function):
    from types import FunctionType

    return FunctionType(function.__code__, {"__builtins__": __builtins__}, "by_value")


def test_what_cannot_be_is_said(client):
    import dask
    import dask.array as da

    with pytest.raises(ArgumentError, match="client is a str, not a dask.distributed.Client"):
        distributed.sum_over(loss, SHARDS, "tcp://127.0.0.1:1")
    with pytest.raises(ArgumentError, match=r"2 x 3 chunks has no order of shards"):
        distributed.sum_over(loss, da.from_array(X, chunks=(50, 1)), client)
    with pytest.raises(ArgumentError, match="the collections have 2, 4 partitions"):
        distributed.sum_over(
            loss, (da.from_array(X, chunks=(50, 3)), da.from_array(Y, chunks=25)), client
        )
    with pytest.raises(ArgumentError, match="one delayed object is one shard"):
        distributed.sum_over(loss, dask.delayed(X), client)
    with pytest.raises(ArgumentError, match="cannot be pickled"):
        pickle.dumps(distributed.sum_over(loss, SHARDS, client))


def is_aligned(x, y):
    return x.flags.aligned and y.flags.aligned


def test_arrays_are_aligned_where_they_stay(client):
    odd = [(X[:n], Y[:n]) for n in range(1, 30)]
    objective = distributed.sum_over(loss, odd, client)
    assert all(objective._backend.gathered(_flags))


def _flags(program, shard):
    return is_aligned(*shard)
