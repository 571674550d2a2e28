"""What a benchmark is, and how its peers are called and timed.

A `Benchmark` is one scalar-valued computation, as plain NumPy and as a JAX user would write it by hand. Measured is the
value and gradient with respect to the first argument, which comes in and goes out as a NumPy array for every peer; the
other arguments are data, and JAX gets them on its device once. Double precision, one thread, one core.

- Steady call: each peer in a process of its own; the processes take turns, and the least of the turns' medians counts, so
  a slow spell of the machine hits all alike. Plain NumPy is timed on the value alone.
- First call: from the function to its first value and gradient, in a fresh process, imports done (all modules loaded, JAX's
  backend started), nothing cached.
- Peak memory: how far the resident set of that process rose above what imports and arguments took.

Seconds are processor time of all threads of the process.  On one core that is the time that passes,
less what other programs of the machine take.

Values and gradients of the peers are compared before anything is timed.
"""

from __future__ import annotations

import gc
import itertools
import os
import resource
import statistics
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_SECONDS = 0.005  # one turn of one peer: many times the clock's resolution
AGREEMENT = 1e-7  # largest difference of values and gradients, relative to the largest entry

clock: Callable[[], float] = time.process_time

SINGLE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
}


@dataclass(frozen=True)
class Benchmark:
    """One computation: `function(*arguments())` is a float; `jax()` builds the same for JAX.

    `goal` is the least ratio of JAX's steady time to autodiff's that the project sets itself; None where it sets none.
    """

    name: str
    function: Callable[..., Any]
    jax: Callable[[], Callable[..., Any]]
    arguments: Callable[[], tuple[Any, ...]]
    goal: float | None = None
    tolerance: float = AGREEMENT
    portable: bool = False  # whether the code is the same for every peer
    second: bool = False  # measured is a product of the Hessian and the first argument, and 0 stands for the value
    threads: int = 1  # of autodiff; the others have one
    moved: float | None = None  # bytes that must be read and written
    flops: float | None = None  # of matrix products
    c: str | None = None  # `double value_and_gradient(const double *x, long n, double *gradient)`


def same_code_in_jax(function: Callable[..., Any]) -> Callable[[], Callable[..., Any]]:
    """For code without stores and loops: the same code with `np` bound to jax.numpy."""

    def build() -> Callable[..., Any]:
        import jax.numpy as jnp

        names = {**function.__globals__, "np": jnp}
        return types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__
        )

    return build


def calls_a_sample(call: Callable[[Any], Any], x: Any) -> int:
    """How many calls take about SAMPLE_SECONDS."""
    count = 1
    while (seconds := time_calls(call, x, count)) < SAMPLE_SECONDS / 4:
        count *= 4
    return max(1, round(count * SAMPLE_SECONDS / seconds))


def time_calls(call: Callable[[Any], Any], x: Any, count: int) -> float:
    start = clock()
    for _ in itertools.repeat(None, count):
        call(x)
    return clock() - start


def steady_time(call: Callable[[Any], Any], x: Any, seconds: float) -> float:
    """Median seconds a call, in samples for about `seconds`."""
    count = calls_a_sample(call, x)
    samples: list[float] = []
    gc.collect()
    gc.disable()
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop or len(samples) < 5:
        samples.append(time_calls(call, x, count) / count)
    gc.enable()
    return statistics.median(samples)


def copy_bandwidth() -> float:
    """Bytes a second that a copy of a large array reads and writes."""
    source = np.ones(2**23)
    target = np.empty_like(source)
    best = min(time_calls(lambda x: np.copyto(target, x), source, 1) for _ in range(10))
    return 2 * source.nbytes / best


def gemm_rate() -> float:
    """Floating-point operations a second of a product of large matrices."""
    a = np.ones((1000, 1000))
    return 2 * 1000**3 / min(time_calls(lambda x: x @ x, a, 1) for _ in range(5))


def difference(ours: tuple[Any, Any], theirs: tuple[Any, Any]) -> float:
    """The largest difference of two (value, gradient) pairs, each relative to its largest entry."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        if a.shape != b.shape:
            return float("inf")
        worst = max(worst, float(np.max(np.abs(a - b)) / (np.max(np.abs(b)) or 1.0)))
    return worst


def resident_bytes() -> int:
    """The resident set now, where the system tells (Linux); otherwise its peak so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return peak_bytes()


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
