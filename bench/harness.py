"""What a benchmark is, and how its peers are called and timed.

A `Benchmark` is one scalar-valued computation, as plain NumPy and as a JAX user would write it by hand. Measured is the
value and gradient with respect to the first argument, which comes in and goes out as a NumPy array for every peer; the
other arguments are data, and JAX gets them on its device once. Double precision, one thread, one core.

- Steady call: the peers take turns, a few milliseconds each, and the median over the turns is reported, so a slow spell of
  the machine hits all alike. Plain NumPy is timed on the value alone.
- First call: from the function to its first value and gradient, in a fresh process, imports done (all modules loaded, JAX's
  backend started), nothing cached.
- Peak memory: how far the resident set of that process rose above what imports and arguments took.

Seconds are processor time of all threads of the process.  On one core that is the time that passes,
less what other programs of the machine take.

Values and gradients of the peers are compared before anything is timed.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import itertools
import os
import pkgutil
import resource
import statistics
import time
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PEERS = ("numpy", "autodiff", "jax")
SAMPLE_SECONDS = 0.005  # one turn of one peer: many times the clock's resolution
AGREEMENT = 1e-7  # largest difference of values and gradients, relative to the largest entry

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


def same_code_in_jax(function: Callable[..., Any]) -> Callable[[], Callable[..., Any]]:
    """For code without stores and loops: the same code with `np` bound to jax.numpy."""

    def build() -> Callable[..., Any]:
        import jax.numpy as jnp

        names = {**function.__globals__, "np": jnp}
        return types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__
        )

    return build


def load(peer: str) -> None:
    """Do the imports of a peer, so that first calls are timed without them."""
    if peer == "autodiff":
        package = importlib.import_module("autodiff")
        # Running uncompiled is not what is measured: it counts as a failure.
        warnings.simplefilter("error", package.FallbackWarning)
        for module in pkgutil.walk_packages(package.__path__, "autodiff."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        for name in (
            "llvmlite.binding",
            "scipy.linalg.cython_blas",
            "scipy.linalg.cython_lapack",
            "optree",
        ):
            importlib.import_module(name)
    elif peer == "jax":
        jax = importlib.import_module("jax")
        for name in ("jax.numpy", "jax.lax", "jax.scipy.linalg"):
            importlib.import_module(name)
        jax.devices()


def prepare(peer: str, benchmark: Benchmark, arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    """The peer's function of the first argument alone, to (value, gradient); plain NumPy's to the value."""
    function, data = benchmark.function, arguments[1:]
    if peer == "numpy":
        return lambda x: function(x, *data)
    if peer == "autodiff":
        autodiff = importlib.import_module("autodiff")
        if not data:
            compiled: Callable[[Any], Any] = autodiff.value_and_gradient(function)
            return compiled
        compiled = autodiff.value_and_gradient(
            function, wrt=next(iter(inspect.signature(function).parameters))
        )
        return lambda x: compiled(x, *data)
    import jax

    value_and_grad = jax.jit(jax.value_and_grad(benchmark.jax()))
    on_device = tuple(jax.device_put(a) for a in data)

    def call(x: Any) -> tuple[float, np.ndarray]:
        value, gradient = value_and_grad(x, *on_device)
        return float(value), np.asarray(gradient)

    return call


def calls_a_sample(call: Callable[[Any], Any], x: Any) -> int:
    """How many calls take about SAMPLE_SECONDS."""
    count = 1
    while (seconds := time_calls(call, x, count)) < SAMPLE_SECONDS / 4:
        count *= 4
    return max(1, round(count * SAMPLE_SECONDS / seconds))


def time_calls(call: Callable[[Any], Any], x: Any, count: int) -> float:
    start = time.process_time()
    for _ in itertools.repeat(None, count):
        call(x)
    return time.process_time() - start


def steady_times(
    calls: dict[str, Callable[[Any], Any]], x: Any, seconds: float
) -> dict[str, float]:
    """Median seconds a call of each peer, the peers taking turns for about `seconds`."""
    counts = {peer: calls_a_sample(call, x) for peer, call in calls.items()}
    samples: dict[str, list[float]] = {peer: [] for peer in calls}
    gc.collect()
    gc.disable()
    stop = time.perf_counter() + seconds
    while time.perf_counter() < stop or len(next(iter(samples.values()))) < 5:
        for peer, call in calls.items():
            samples[peer].append(time_calls(call, x, counts[peer]) / counts[peer])
    gc.enable()
    return {peer: statistics.median(values) for peer, values in samples.items()}


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
