"""The process that measures one benchmark and prints what it found as JSON.

    python -m bench.worker steady NAME SECONDS PEER...
    python -m bench.worker first NAME PEER [--warm]

Started by `python -m bench` with the threads limited in the environment; holds itself to one core. `--warm` compiles an
unrelated function first, so that the compiler is loaded and warm: what a second function of a program costs.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import Any

import numpy as np

from bench import harness
from bench.catalogue import find


def stay_on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def reason(error: BaseException) -> str:
    text = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}"[:160]


def measure_steady(name: str, seconds: float, peers: list[str]) -> dict[str, Any]:
    """Times by peer, the disagreement with JAX, and the reason of each peer that failed."""
    benchmark = find(name)
    arguments = benchmark.arguments()
    x = arguments[0]
    calls, results, failed = {}, {}, {}
    for peer in peers:
        try:
            harness.load(peer)
            call = harness.prepare(peer, benchmark, arguments)
            results[peer] = call(x)
            calls[peer] = call
        except (
            Exception
        ) as error:  # a peer that fails is a result of the benchmark, and is reported
            failed[peer] = reason(error)
            traceback.print_exc()
    report: dict[str, Any] = {"failed": failed}
    if "jax" in results:
        report["difference"] = {
            peer: harness.difference(results[peer] if peer != "numpy" else (results[peer],), theirs)
            for peer in results
            if peer != "jax"
            for theirs in [results["jax"] if peer != "numpy" else results["jax"][:1]]
        }
    report["times"] = harness.steady_times(calls, x, seconds) if calls else {}
    return report


def measure_first(name: str, peer: str, warm: bool) -> dict[str, Any]:
    """Seconds of the first call and the bytes by which memory rose."""
    benchmark = find(name)
    arguments = benchmark.arguments()
    harness.load(peer)
    if warm:
        other = harness.Benchmark(
            "other", _other, harness.same_code_in_jax(_other), _other_arguments
        )
        harness.prepare(peer, other, _other_arguments())(_other_arguments()[0])
    before = harness.resident_bytes()
    start = time.process_time()
    call = harness.prepare(peer, benchmark, arguments)
    call(arguments[0])
    seconds = time.process_time() - start
    for _ in range(2):  # steady calls can peak higher than the first
        call(arguments[0])
    return {"seconds": seconds, "bytes": max(0, harness.peak_bytes() - before)}


def _other(x: Any) -> Any:
    return np.sum(np.sin(x) * x) + np.sum(np.exp(-x))


def _other_arguments() -> tuple[Any, ...]:
    return (np.linspace(0.0, 1.0, 7),)


def main(arguments: list[str]) -> None:
    stay_on_one_core()
    mode, name, *rest = arguments
    if mode == "steady":
        report = measure_steady(name, float(rest[0]), rest[1:])
    else:
        report = measure_first(name, rest[0], warm="--warm" in rest)
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1:])
