"""What a process pays before its first number, and what programs cost to compile: processor time, of processes of their own.

    python -m bench.first_calls [--repeats N] [--against FOLDER] [--large]

`--against` names the `src` folder of another version: both take turns, and the ratio is told. `--large` adds programs of
many lines. Milliseconds of processor time (of all threads), the median of the processes; bytecode files are written, as
an installer does, before the first of them. Three states of the disk:

    nothing       no cache (`AUTODIFF_CACHE=0`)
    warm machine  another function was compiled before, by another process
    on disk       this function was
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HEAD = """
import resource, sys
import numpy as np
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000
def small(x): return np.sum(np.sin(x) ** 2)
def other(x): return np.sum(np.cos(x) * x)
def before(x): return np.sum(np.sin(x) * np.cos(x) * x)
X = np.array([1.0, 2.0, 3.0])
"""

KALMAN = """
def f(q, ys):
    a, h = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([1.0, 0.0])
    m, p, total = np.zeros(2), np.eye(2), 0.0
    for y in ys:
        m, p = a @ m, a @ p @ a.T + np.exp(q[0]) * np.eye(2)
        s = h @ p @ h + np.exp(q[1])
        k, e = p @ h / s, y - h @ m
        m, p = m + k * e, p - np.outer(k, h @ p)
        total = total + np.log(s) + e * e / s
    return total
ARGS = np.array([-1.0, -2.0]), np.sin(np.arange(50.0))
"""
KEPLER = """
def f(p, t):
    total = 0.0
    for time in t:
        mean = p[0] * time + p[1]
        e = mean
        for _ in range(10):
            e = e - (e - p[2] * np.sin(e) - mean) / (1.0 - p[2] * np.cos(e))
        if np.cos(e) > 0.0:
            total = total + (np.sqrt(1.0 - p[2] ** 2) * np.sin(e) - 0.1) ** 2
        else:
            total = total + (np.cos(e) - p[2]) ** 2
    return total
ARGS = np.array([1.0, 0.1, 0.3]), np.linspace(0.0, 10.0, 40)
"""
LSTM = """
def sigmoid(x): return 1.0 / (1.0 + np.exp(-x))
def f(w, u, b, xs):
    h = c = np.zeros(8)
    total = 0.0
    for x in xs:
        z = w @ x + u @ h + b
        i, o, r = sigmoid(z[:8]), sigmoid(z[8:16]), sigmoid(z[16:24])
        c = r * c + i * np.tanh(z[24:])
        h = o * np.tanh(c)
        total = total + np.sum((h - x[0]) ** 2)
    return total
r = np.random.default_rng(0)
ARGS = tuple(r.standard_normal(s) for s in ((32, 4), (32, 8), (32,), (20, 4)))
"""


def scalars(count: int) -> str:
    """A function of so many lines of numbers."""
    lines = ["def f(x):", "    v0, v1 = x[0], x[1]"]
    kinds = ("v{0} * v{1} + 0.5", "np.sin(v{0}) + v{1}", "v{0} - v{1} / (1.0 + v{0} * v{0})")
    lines += [f"    v{k} = {kinds[k % 3].format(k - 1, k - 2)}" for k in range(2, count + 2)]
    return "\n".join([*lines, f"    return v{count + 1}", "ARGS = (np.array([0.5, 0.25]),)"])


def vectors(count: int) -> str:
    """A function of so many lines of `sin`, `cumsum` and `sort`."""
    kinds = ("np.sin(y)", "np.cumsum(y) * 0.1", "np.sort(y)")
    lines = ["def f(y):", *[f"    y = {kinds[k % 3]}" for k in range(count)]]
    return "\n".join([*lines, "    return np.sum(y)", "ARGS = (np.linspace(0.0, 1.0, 100),)"])


FIRST = f"""{HEAD}
start = cpu()
import autodiff
autodiff.gradient(FUNCTION)(X)
print(cpu() - start)
"""
NEXT = f"""{HEAD}
import autodiff
autodiff.gradient(before)(X)
start = cpu()
autodiff.gradient(FUNCTION)(X)
print(cpu() - start)
"""
PROGRAM = """
import autodiff
autodiff.gradient(before)(X)
start = cpu()
autodiff.KIND(f)(*ARGS)
print(cpu() - start)
"""


def program(text: str, kind: str = "gradient") -> str:
    """A process that has compiled something, and then compiles this."""
    return HEAD + text + PROGRAM.replace("KIND", kind)


# A process, the state of the disk, and milliseconds to reach.
ROWS: dict[str, tuple[str, str, float | None]] = {
    "import numpy": (f"{HEAD}print(cpu())", "nothing", None),
    "first gradient, nothing on disk": (FIRST.replace("FUNCTION", "small"), "nothing", 50),
    "first gradient, warm machine": (FIRST.replace("FUNCTION", "small"), "warm machine", 50),
    "first gradient, on disk": (FIRST.replace("FUNCTION", "small"), "on disk", 25),
    "next function, nothing on disk": (NEXT.replace("FUNCTION", "other"), "nothing", 10),
    "Kalman filter, gradient": (program(KALMAN), "nothing", 150),
    "Kepler's equation, gradient": (program(KEPLER), "nothing", 150),
    "LSTM, gradient": (program(LSTM), "nothing", 150),
}
LARGE: dict[str, tuple[str, str, float | None]] = {
    "500 scalar lines, value": (program(scalars(500), "function"), "nothing", 300),
    "500 scalar lines, gradient": (program(scalars(500)), "nothing", 800),
    "20 lines of sin, cumsum, sort, gradient": (program(vectors(20)), "nothing", None),
    "40 lines of sin, cumsum, sort, gradient": (program(vectors(40)), "nothing", None),
    "80 lines of sin, cumsum, sort, gradient": (program(vectors(80)), "nothing", 1500),
}


class Version:
    """One version of the package, with caches of its own."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.caches: dict[str, Path] = {}

    def milliseconds(self, text: str, state: str) -> float:
        """What a process prints that finds the disk in a state."""
        file = self.folder / "process.py"
        file.write_text(text)
        settings = {k: v for k, v in os.environ.items() if not k.startswith(("AUTODIFF", "PYTHON"))}
        settings |= {
            "PYTHONPATH": str(self.source),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        if state == "nothing":
            settings["AUTODIFF_CACHE"] = "0"
        else:
            cache = self.folder / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(
                self._prepared(settings, "small" if state == "on disk" else "before"), cache
            )
            settings["AUTODIFF_CACHE_DIR"] = str(cache)
        return float(_output([sys.executable, str(file)], settings))

    def _prepared(self, settings: dict[str, str], function: str) -> Path:
        """The cache that a process leaves which has compiled a function."""
        if function not in self.caches:
            folder = self.folder / function
            file = self.folder / "process.py"
            text = file.read_text()
            file.write_text(FIRST.replace("FUNCTION", function))
            _output([sys.executable, str(file)], {**settings, "AUTODIFF_CACHE_DIR": str(folder)})
            file.write_text(text)
            self.caches[function] = folder
        return self.caches[function]


def _output(command: list[str], settings: dict[str, str]) -> str:
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> int:
    """Measure and print; the exit status is the number of rows above what is to be reached."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.first_calls", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--repeats", type=int, default=7, help="processes of each row")
    parser.add_argument("--against", type=Path, help="the src folder of another version")
    parser.add_argument("--large", action="store_true", help="programs of many lines, too")
    options = parser.parse_args()
    sources = [options.against] if options.against else []
    sources.append(Path(__file__).parent.parent / "src")
    rows = ROWS | (LARGE if options.large else {})
    print(
        f"| | {'before | ' * (len(sources) - 1)}now | to reach |\n| --- |{' ---: |' * (len(sources) + 1)}"
    )
    missed = 0
    with tempfile.TemporaryDirectory() as place:
        versions = []
        for k, source in enumerate(sources):
            folder = Path(place) / str(k)
            folder.mkdir()
            versions.append(Version(source.resolve(), folder))
        for name, (text, state, goal) in rows.items():
            found: list[list[float]] = [[] for _ in versions]
            for k in range(options.repeats + 1):
                for times, version in zip(found, versions, strict=True):
                    spent = version.milliseconds(text, state)
                    if k:  # the first writes bytecode files
                        times.append(spent)
            medians = [statistics.median(times) for times in found]
            missed += goal is not None and medians[-1] > goal
            told = " | ".join(f"{m:.1f}" for m in medians)
            print(f"| {name} | {told} | {'' if goal is None else f'{goal:g}'} |", flush=True)
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
