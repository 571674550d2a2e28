"""A thousand small gradients: one batch against a loop over the compiled gradient, and against JAX.

    python -m bench.many_at_once

Each row is a least-squares fit with few parameters, whose gradient is taken at 1,000 points with data of
their own: by `vmap(gradient(f))`, by `np.stack([g(p, t, y) for ...])` with the compiled `g = gradient(f)`, and by
`jax.jit(jax.vmap(jax.grad(f)))` where JAX is installed. Times are of the whole batch, the least of several taken in
turns in one process, and the two ratios are of these. It fails where a batch is less than `GOAL` times
faster than the loop.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

# One thread each. Must precede the import of NumPy.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402

import autodiff  # noqa: E402
from bench.harness import same_code_in_jax  # noqa: E402

LANES = 1000
GOAL = 5.0
TURNS = 15


def line(p: Any, t: Any, y: Any) -> Any:
    return np.sum((p[0] + p[1] * t - y) ** 2)


def decay(p: Any, t: Any, y: Any) -> Any:
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


def logistic(p: Any, t: Any, y: Any) -> Any:
    return np.mean(np.logaddexp(0.0, -y * (p[0] + p[1] * t + p[2] * t**2)))


def robust(p: Any, t: Any, y: Any) -> Any:
    """Squares near the data and absolute values far from it (Huber 1964), point by point."""
    total = 0.0
    for k in range(len(t)):
        r = p[0] * np.exp(-p[1] * t[k]) + p[2] - y[k]
        if abs(r) < 1.0:
            total += r * r
        else:
            total += 2.0 * abs(r) - 1.0
    return total


# Functions, how many points, whether the same code is JAX's.
FITS: list[tuple[Callable[..., Any], int, bool]] = [
    (line, 10, True),
    (decay, 10, True),
    (decay, 50, True),
    (logistic, 20, True),
    (robust, 20, False),
]


def ways(f: Callable[..., Any], in_jax: bool) -> list[Callable[..., Any]]:
    """The batch, the loop, and JAX if it is there: from parameters, times and data to gradients."""
    slope = autodiff.gradient(f, wrt="p")
    found = [
        autodiff.vmap(slope, in_axes=(0, None, 0)),
        lambda p, t, y: np.stack([slope(a, t, b) for a, b in zip(p, y, strict=True)]),
    ]
    if in_jax and importlib.util.find_spec("jax") is not None:
        import jax

        batch = jax.jit(jax.vmap(jax.grad(same_code_in_jax(f)()), in_axes=(0, None, 0)))
        found.append(lambda *arguments: np.asarray(batch(*arguments)))
    return found


def least_times(calls: list[Callable[..., Any]], arguments: tuple[Any, ...]) -> list[float]:
    """The least time of each way, in turns, once it has run."""
    results = [call(*arguments) for call in calls]
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-9, atol=1e-9)
    best = [float("inf")] * len(calls)
    for _ in range(TURNS):
        for k, call in enumerate(calls):
            began = time.perf_counter()
            call(*arguments)
            best[k] = min(best[k], time.perf_counter() - began)
    return best


def main() -> int:
    """Print the table; return 1 if a batch is not as much faster than the loop as it should be."""
    print("fit       points   vmap us   loop us    JAX us  loop / vmap  JAX / vmap")
    rng = np.random.default_rng(0)
    short = 0
    for f, points, in_jax in FITS:
        t = np.linspace(0.0, 1.0, points)
        arguments = rng.normal(size=(LANES, 3)), t, rng.normal(size=(LANES, points))
        batch, loop, *jax = least_times(ways(f, in_jax), arguments)
        short += loop < GOAL * batch
        theirs = f"{jax[0] * 1e6:9.1f}" if jax else "        -"
        ratio = f"{jax[0] / batch:11.1f}" if jax else "          -"
        print(
            f"{f.__name__:<10}{points:6d} {batch * 1e6:9.1f} {loop * 1e6:9.1f} {theirs} "
            f"{loop / batch:12.1f} {ratio}",
            flush=True,
        )
    return 1 if short else 0


if __name__ == "__main__":
    raise SystemExit(main())
