"""Run the benchmarks and print, or write, their table.

    python -m bench [WORD...] [--write] [--seconds S] [--repeats N]

Every measurement happens in a process of its own (`worker.py`), one at a time.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.catalogue import GROUPS
from bench.harness import PEERS, SINGLE_THREAD, Benchmark

ROOT = Path(__file__).parents[1]
TIMEOUT = 180.0  # seconds for one worker


def work(*arguments: str) -> dict[str, Any]:
    """Run a worker; return what it reports, or {"error": reason}. Its compilation cache starts empty."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, **SINGLE_THREAD, "AUTODIFF_CACHE_DIR": cache}
        environment.pop("AUTODIFF_CHECK", None)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        command = [sys.executable, "-m", "bench.worker", *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"more than {TIMEOUT:.0f} s"}
    if done.returncode != 0:
        return {
            "error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][
                :160
            ]
        }
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def measure(benchmark: Benchmark, peers: list[str], seconds: float, repeats: int) -> dict[str, Any]:
    """Steady times of all peers, first calls and memory of those that compile."""
    steady = work("steady", benchmark.name, str(seconds), *peers)
    if (
        "error" in steady
    ):  # one peer took the process down or hung: measure the others without autodiff
        failed = {"autodiff": steady["error"]}
        steady = work(
            "steady", benchmark.name, str(seconds), *(p for p in peers if p != "autodiff")
        )
        steady.setdefault("failed", {}).update(failed)
    result: dict[str, Any] = {
        "times": steady.get("times", {}),
        "failed": steady.get("failed", {}),
        "difference": steady.get("difference", {}),
        "first": {},
        "warm": {},
        "bytes": {},
    }
    compiled = [p for p in peers if p != "numpy" and p in result["times"]]
    for kind, flags in (("first", ()), ("warm", ("--warm",))):
        reports: dict[str, list[dict[str, Any]]] = {p: [] for p in compiled}
        for _ in range(repeats):
            for peer in compiled:
                reports[peer].append(work("first", benchmark.name, peer, *flags))
        for peer, found in reports.items():
            good = [r for r in found if "error" not in r]
            if good:
                result[kind][peer] = statistics.median(r["seconds"] for r in good)
                if kind == "first":
                    result["bytes"][peer] = statistics.median(r["bytes"] for r in good)
            else:
                result["failed"].setdefault(peer, found[-1]["error"])
    return result


def seconds_text(seconds: float | None) -> str:
    """Three significant digits with a unit."""
    if seconds is None:
        return "–"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return (
                f"{seconds / scale:.3g} {unit}"
                if seconds / scale < 999.5
                else f"{seconds / scale:.0f} {unit}"
            )
    return f"{seconds / 1e-9:.0f} ns"


def ratio_text(theirs: float | None, ours: float | None) -> str:
    return "–" if theirs is None or ours is None else f"{theirs / ours:.3g}"


def megabytes_text(size: float | None) -> str:
    return "–" if size is None else f"{size / 2**20:.0f} MB"


def row(benchmark: Benchmark, result: dict[str, Any]) -> list[str]:
    times, first, warm, memory = result["times"], result["first"], result["warm"], result["bytes"]
    return [
        benchmark.name,
        seconds_text(times.get("numpy")),
        seconds_text(times.get("autodiff")) if "autodiff" not in result["failed"] else "fails",
        seconds_text(times.get("jax")),
        ratio_text(times.get("jax"), times.get("autodiff")),
        "–" if benchmark.goal is None else f"{benchmark.goal:g}",
        seconds_text(first.get("autodiff")),
        seconds_text(first.get("jax")),
        seconds_text(warm.get("autodiff")),
        seconds_text(warm.get("jax")),
        megabytes_text(memory.get("autodiff")),
        megabytes_text(memory.get("jax")),
    ]


HEADINGS = [
    "benchmark", "NumPy (value)", "autodiff", "JAX", "JAX / autodiff", "goal",
    "first call, autodiff", "JAX", "next function, autodiff", "JAX", "memory, autodiff", "JAX",
]  # fmt: skip


def table(rows: list[list[str]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "| --- |" + " ---: |" * (len(HEADINGS) - 1)]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows])


def notes(benchmark: Benchmark, result: dict[str, Any]) -> list[str]:
    """What the row cannot show: failures, and disagreements of value or gradient with JAX."""
    lines = [
        f"- {benchmark.name}: {peer} fails: {reason}" for peer, reason in result["failed"].items()
    ]
    for peer, difference in result["difference"].items():
        if not difference <= benchmark.tolerance:
            lines.append(
                f"- {benchmark.name}: {peer} and JAX differ by {difference:.1e} (relative to the largest entry)"
            )
    return lines


def machine() -> str:
    """The processor and the versions that were measured."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in information.read_text().splitlines()
            if "model name" in line
        ]
        cpu = names[0] if names else cpu
    versions = [f"Python {platform.python_version()}"]
    for package in ("numpy", "scipy", "llvmlite", "jax"):
        if importlib.util.find_spec(package) is not None:
            versions.append(f"{package} {importlib.metadata.version(package)}")
    return f"{cpu}, one thread on one core; {', '.join(versions)}."


EXPLANATION = """\
Value and gradient with respect to the first argument, NumPy arrays in and out, double precision. Steady calls are medians of
interleaved turns in one process; NumPy's column is the value alone. `JAX / autodiff` is the ratio of the steady times, `goal` the
least ratio the project aims at. First call: from the function to its first value and gradient in a fresh process, imports done,
no cache. Next function: the same after an unrelated function was compiled in that process. Seconds are processor time of all
threads of the process, which other programs of the machine do not change much. Memory: how far the process rose above imports and
arguments. How each is measured, and the code of every version, is in `bench/`."""


def document(rows: dict[str, list[list[str]]], remarks: list[str]) -> str:
    parts = ["# Benchmark results", "Written by `python -m bench --write`.", machine(), EXPLANATION]
    for group, lines in rows.items():
        parts += [f"## {group}", table(lines)]
    if remarks:
        parts += ["## Failures and disagreements", "\n".join(remarks)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure autodiff against NumPy and JAX."
    )
    parser.add_argument("words", nargs="*", help="only benchmarks whose names contain one of these")
    parser.add_argument("--write", action="store_true", help="write bench/RESULTS.md")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="time for the steady calls of one benchmark"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="fresh processes for each first call"
    )
    options = parser.parse_args()
    if options.write and options.words:
        parser.error("--write needs all benchmarks: name none")
    peers = [p for p in PEERS if importlib.util.find_spec(p) is not None]
    rows: dict[str, list[list[str]]] = {}
    remarks: list[str] = []
    print("\n".join(table([]).splitlines()), flush=True)
    for group, benchmarks in GROUPS.items():
        for benchmark in benchmarks:
            if options.words and not any(word in benchmark.name for word in options.words):
                continue
            result = measure(benchmark, peers, options.seconds, options.repeats)
            rows.setdefault(group, []).append(row(benchmark, result))
            remarks += notes(benchmark, result)
            print("| " + " | ".join(rows[group][-1]) + " |", flush=True)
    if remarks:
        print("\n" + "\n".join(remarks))
    if options.write:
        (ROOT / "bench" / "RESULTS.md").write_text(document(rows, remarks), encoding="utf-8")


if __name__ == "__main__":
    main()
