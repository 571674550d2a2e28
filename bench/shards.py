"""A sum over shards: what a call costs on threads and on a local cluster of Dask's, and how it scales.

    python -m bench.shards

A logistic loss of 20 parameters, in 8 shards of 100, 10,000 and 100,000 rows; value and gradient by one call of the whole, by
the threads of this process, and by clusters of 1 and 2 processes of one thread. The least of several calls, after one that
compiles, in turns. Dask comes with the extra `dask`; without it its columns stay empty.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

# One thread each. Must precede the import of NumPy.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402

import autodiff  # noqa: E402
from autodiff import distributed  # noqa: E402

ROWS = (100, 10_000, 100_000)
SHARDS = 8
PROCESSES = (1, 2)


def loss(p: Any, x: Any, y: Any) -> Any:
    return np.sum(np.logaddexp(0, -y * (x @ p)))


def data(rows: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SHARDS, rows, 20))
    y = np.sign(x @ np.ones(20) + rng.standard_normal((SHARDS, rows)))
    return list(zip(x, y, strict=True))


def least(call: Callable[[], Any], seconds: float = 1.0) -> float:
    """The least time of a call, of as many as take `seconds`, after two that compile."""
    call(), call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def clusters(stack: ExitStack) -> dict[str, Any]:
    """Clients of local clusters, by the number of processes; none without Dask."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return {}
    found = {}
    for count in PROCESSES:
        cluster = stack.enter_context(
            LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")
        )
        found[f"{count} process{'es' * (count > 1)}"] = stack.enter_context(Client(cluster))
    return found


def main() -> None:
    p = np.zeros(20)
    with ExitStack() as stack:
        clients = clusters(stack)
        names = ["one call", "threads", *clients]
        print(f"| rows a shard | {' | '.join(names)} |")
        print(f"| --- |{' --- |' * len(names)}")
        for rows in ROWS:
            shards = data(rows)
            x, y = (np.concatenate(parts) for parts in zip(*shards, strict=True))
            whole = autodiff.value_and_gradient(loss, wrt="p")
            times = [least(lambda x=x, y=y: whole(p, x, y))]
            for client in (None, *clients.values()):
                objective = distributed.sum_over(loss, shards, client)
                times.append(least(lambda o=objective: o.value_and_gradient(p)))
            print(f"| {rows:,} | {' | '.join(f'{1e3 * t:.3g} ms' for t in times)} |")


if __name__ == "__main__":
    main()
