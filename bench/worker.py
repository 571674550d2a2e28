"""The process that measures one peer on one benchmark and prints what it found as JSON.

    python -m bench.worker steady NAME PEER SECONDS [FILE]    seconds a call; value and gradient into FILE
    python -m bench.worker first NAME PEER [--warm]           seconds of the first call, and memory
    python -m bench.worker machine                            what a copy and a product of matrices reach

Started by `python -m bench` with the threads limited in the environment; holds itself to one core. `--warm` compiles an
unrelated function first, so that the compiler is loaded and warm: what a second function of a program costs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np

from bench import harness, peers
from bench.catalogue import find


def stay_on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def measure_steady(name: str, peer: str, seconds: float, file: str | None) -> dict[str, Any]:
    """Seconds a call, after value and gradient were put into a file to be compared."""
    benchmark = find(name)
    arguments = benchmark.arguments()
    peers.load(peer)
    call = peers.prepare(peer, benchmark, arguments)
    result = call(arguments[0])
    if file is not None:
        value, gradient = (result, np.zeros(0)) if peer == "numpy" else result
        np.savez(file, value=np.asarray(value), gradient=np.asarray(gradient))
    return {"seconds": harness.steady_time(call, arguments[0], seconds)}


def measure_first(name: str, peer: str, warm: bool) -> dict[str, Any]:
    """Seconds of the first call and the bytes by which memory rose."""
    benchmark = find(name)
    arguments = benchmark.arguments()
    peers.load(peer)
    if warm:
        other = harness.Benchmark(
            "other", _other, harness.same_code_in_jax(_other), _other_arguments, portable=True
        )
        peers.prepare(peer, other, _other_arguments())(_other_arguments()[0])
    before = harness.resident_bytes()
    start = time.process_time()
    call = peers.prepare(peer, benchmark, arguments)
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
    mode, *rest = arguments
    report: dict[str, Any]
    if mode == "machine":
        stay_on_one_core()
        report = {"copy": harness.copy_bandwidth(), "gemm": harness.gemm_rate()}
    else:
        name, peer, *rest = rest
        if find(name).threads == 1:
            stay_on_one_core()
        else:  # the time that passes: what threads save
            harness.clock = time.perf_counter
        try:
            if mode == "steady":
                report = measure_steady(name, peer, float(rest[0]), *rest[1:2] or [None])
            else:
                report = measure_first(name, peer, warm="--warm" in rest)
        except peers.Unsuited as reason:
            report = {"unsuited": str(reason)}
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1:])
