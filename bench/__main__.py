"""Run the benchmarks on every tool that is installed, and print, write, draw or check what was measured.

    python -m bench [WORD...] [--peers P,Q] [--python PEER=PATH] [--seconds S] [--rounds N] [--repeats N]
                    [--json FILE] [--pictures FOLDER] [--check FILE] [--write]

Every measurement happens in a process of its own (`worker.py`), one at a time. `--python` names the interpreter of a
peer that is installed elsewhere; `--repeats 0` leaves first calls out. `--check` compares with the ratios recorded in a file
that `--json` wrote (`bench/recorded.json`), and fails where one has fallen. `python -m bench.plain` lists where compiled
functions are slower than plain ones; `many_at_once`, `sparse_derivatives`, `scipy_loops`, `solver_jacobians`, `shards` and `gpu` are programs of
their own: batches, sparse derivatives, searches with SciPy, exact Jacobians for its solvers, sums over shards, and JAX on a device.
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

import numpy as np

from bench import report
from bench.catalogue import GROUPS
from bench.harness import SINGLE_THREAD, Benchmark, difference
from bench.peers import MODULES, PEERS

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "bench" / "recorded.json"
PAGE = ROOT / "bench" / "RESULTS-peers.md"
TIMEOUT = 180.0  # seconds for one worker


def work(python: str, *arguments: str) -> dict[str, Any]:
    """Run a worker; return what it reports, or {"error": reason}. Its compilation cache starts empty."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, **SINGLE_THREAD, "AUTODIFF_CACHE_DIR": cache}
        environment.pop("AUTODIFF_CHECK", None)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        command = [python, "-m", "bench.worker", *arguments]
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
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def is_installed(python: str, module: str) -> bool:
    """Whether an interpreter finds a module."""
    code = f"import importlib.util as u; raise SystemExit(u.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def measure(
    benchmark: Benchmark, pythons: dict[str, str], seconds: float, rounds: int, repeats: int
) -> dict[str, Any]:
    """What each peer takes for one benchmark; the peers take turns."""
    entries: dict[str, dict[str, Any]] = {peer: {} for peer in pythons}
    with tempfile.TemporaryDirectory() as folder:
        files = {peer: str(Path(folder) / f"{peer}.npz") for peer in pythons}
        for _ in range(rounds):
            for peer, python in pythons.items():
                entry = entries[peer]
                if "failed" in entry or "unsuited" in entry:
                    continue
                found = work(python, "steady", benchmark.name, peer, str(seconds), files[peer])
                if "seconds" in found:
                    entry["steady"] = min(found["seconds"], entry.get("steady", float("inf")))
                else:
                    entry["failed" if "error" in found else "unsuited"] = next(iter(found.values()))
        _compare(entries, files)
    for kind, flags in (("first", ()), ("warm", ("--warm",))):
        for peer, python in pythons.items():
            if peer == "numpy" or "steady" not in entries[peer]:
                continue
            found_all = [
                work(python, "first", benchmark.name, peer, *flags) for _ in range(repeats)
            ]
            good = [r for r in found_all if "seconds" in r]
            if good:
                entries[peer][kind] = statistics.median(r["seconds"] for r in good)
                if kind == "first":
                    entries[peer]["bytes"] = statistics.median(r["bytes"] for r in good)
    return {
        "name": benchmark.name,
        "moved": benchmark.moved,
        "flops": benchmark.flops,
        "peers": entries,
    }


def _compare(entries: dict[str, dict[str, Any]], files: dict[str, str]) -> None:
    """Note how far values and gradients of the peers are from autodiff's."""
    if "steady" not in entries.get("autodiff", {}):
        return
    with np.load(files["autodiff"]) as ours:
        for peer, entry in entries.items():
            if peer == "autodiff" or "steady" not in entry:
                continue
            with np.load(files[peer]) as theirs:
                names = ("value",) if peer == "numpy" else ("value", "gradient")
                pairs = [(theirs[n], ours[n]) for n in names]
                if peer == "numpy" and not ours["value"].any():
                    continue  # of a second derivative there is no value
                entry["difference"] = difference(*zip(*pairs, strict=True))  # type: ignore[arg-type]


def machine(pythons: dict[str, str]) -> str:
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
    for package in ("numpy", "scipy", "llvmlite"):
        versions.append(f"{package} {importlib.metadata.version(package)}")
    for peer, python in pythons.items():
        if peer not in ("numpy", "autodiff", "c"):
            code = f"import importlib.metadata as m; print(m.version({MODULES[peer]!r}))"
            found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
            versions.append(f"{peer} {found.stdout.strip()}")
    return f"{cpu}, one thread on one core; {', '.join(versions)}."


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure autodiff against NumPy and other tools."
    )
    parser.add_argument("words", nargs="*", help="only benchmarks whose names contain one of these")
    parser.add_argument("--peers", default=",".join(PEERS), help="which tools, of those installed")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH")
    parser.add_argument("--seconds", type=float, default=0.5, help="of steady calls in a round")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each peer")
    parser.add_argument("--repeats", type=int, default=3, help="processes for each first call")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--pictures", type=Path, help="draw them into this folder (matplotlib)")
    parser.add_argument("--check", type=Path, help="fail where ratios are less than in this file")
    parser.add_argument(
        "--write", action="store_true", help=f"write bench/{PAGE.name} and {RECORDED.name}"
    )
    return parser.parse_args()


def main() -> int:
    options = _options()
    elsewhere = dict(text.split("=", 1) for text in options.python)
    wanted = [p for p in options.peers.split(",") if p in PEERS]
    pythons = {p: elsewhere.get(p, sys.executable) for p in wanted}
    pythons = {p: python for p, python in pythons.items() if is_installed(python, MODULES[p])}
    results: dict[str, Any] = {
        "machine": machine(pythons),
        "peers": list(pythons),
        **work(sys.executable, "machine"),
        "benchmarks": [],
    }
    tolerances = {}
    for family, benchmarks in GROUPS.items():
        for benchmark in benchmarks:
            if options.words and not any(word in benchmark.name for word in options.words):
                continue
            found = measure(benchmark, pythons, options.seconds, options.rounds, options.repeats)
            results["benchmarks"].append({**found, "family": family})
            tolerances[benchmark.name] = benchmark.tolerance
            times = [f"{p} {report.cell(found, p)}" for p in pythons if found["peers"][p]]
            print(f"{benchmark.name}: {', '.join(times)}", flush=True)
            if options.json:  # what was measured stays, whatever comes after
                options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("\n" + report.document(results, tolerances))
    if options.write:
        RECORDED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        text = report.document(results, tolerances)
        PAGE.write_text(text, encoding="utf-8")
    if options.pictures:
        report.draw(results, options.pictures)
    if options.check:
        worse = report.fallen(results, json.loads(options.check.read_text(encoding="utf-8")))
        print("\n".join(worse) or "no ratio has fallen")
        return bool(worse)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
