"""Compare random programs with plain Python for some time.

    python -m tests.programs.fuzz --minutes 10 --seed 0
    python -m tests.programs.fuzz --seed 1234 --count 1 --engine native     # one program again

Prints each program that differs, shrunk; then counts, and for each part of the grammar how often programs
with it were compiled, how often they ran plainly, and why.

Programs run in forked processes, some at a time: a crash is a mismatch like others.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("AUTODIFF_CHECK", "1")

from .checks import Failure, is_tame, judge
from .programs import Program, generate
from .shrink import HEADER, shrink

BATCH = 10  # programs a process
PATIENCE = 600.0  # seconds without a word from a process
ENGINES = ("native", "numpy")


def program_of(seed: int, statements: int = 0, depth: int = 2) -> Program:
    """The first tame program of a seed; of one to four statements where their number is not given."""
    choose = random.Random(seed)
    while True:
        program = generate(choose, statements or choose.randrange(1, 5), depth)
        if is_tame(program):
            return program


def report_on(seed: int, engine: str, seconds: float) -> dict[str, Any]:
    """What became of one program."""
    program = program_of(seed)
    found: dict[str, Any] = {"features": sorted(program.features)}
    outcome = judge(program, engine)
    if not isinstance(outcome, Failure):
        seen = {
            "reasons": [*outcome.reasons],
            "refused": [*outcome.refused],
            "allowed": [*outcome.allowed],
            "ways": sorted(outcome.ways),
        }
        counts = {"raised": outcome.raised, "calls": outcome.calls, "gradients": outcome.gradients}
        return {**found, **seen, **counts, "specialisations": outcome.specialisations}
    kind = outcome.kind

    def fails(trial: Program) -> bool:
        again = judge(trial, engine, kind)
        return isinstance(again, Failure) and again.kind == kind

    best = shrink(program, fails, seconds) if kind != "TimeoutError" else program
    again = judge(best, engine, kind)
    text = again.text if isinstance(again, Failure) else outcome.text
    source = f"{best.source[best.source.index(HEADER) :]}# arguments of seed {best.seed}"
    return {**found, "failed": kind, "text": text, "source": source}


def reports(seeds: Iterator[tuple[int, str]], seconds: float) -> Iterator[dict[str, Any]]:
    """What became of each program, in batches that have a process each."""
    batch: list[tuple[int, str]] = []
    while True:
        while len(batch) < BATCH and (more := next(seeds, None)) is not None:
            batch.append(more)
        if not batch:
            return
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            work(batch, seconds, writer)
        os.close(writer)
        done = 0
        for line in lines_of(reader):
            number, engine = batch[done]
            done += 1
            yield {"seed": number, "engine": engine, **json.loads(line)}
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if done < len(batch):
            number, engine = batch[done]
            lost = {"failed": "crash", "text": "the process died, or hung", "features": []}
            source = program_of(number).source
            yield {"seed": number, "engine": engine, **lost, "source": source}
        batch = batch[done + 1 :]


def work(batch: list[tuple[int, str]], seconds: float, writer: int) -> None:
    """The life of a child."""
    for seed, engine in batch:
        os.write(writer, (json.dumps(report_on(seed, engine, seconds)) + "\n").encode())
    os._exit(0)


def lines_of(reader: int) -> Iterator[str]:
    """Lines from a child, until it ends or says nothing for long."""
    rest = b""
    while select.select([reader], [], [], PATIENCE)[0] and (more := os.read(reader, 1 << 16)):
        *whole, rest = (rest + more).split(b"\n")
        for line in whole:
            yield line.decode()


@dataclass
class Tally:
    """What a run has found."""

    programs: Counter[str] = field(default_factory=Counter)  # by engine
    failed: Counter[str] = field(default_factory=Counter)  # by kind
    compiled: Counter[str] = field(default_factory=Counter)  # by feature
    plain: Counter[str] = field(default_factory=Counter)
    staged: Counter[str] = field(default_factory=Counter)
    specialised: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)

    def add(self, report: dict[str, Any]) -> None:
        """Count one program."""
        self.programs[report["engine"]] += 1
        if "failed" in report:
            self.failed[report["failed"]] += 1
            return
        (self.plain if report["reasons"] else self.compiled).update(report["features"])
        for way in report["ways"]:
            (self.staged if way == "staged" else self.specialised).update(report["features"])
        self.sums["programs that run plainly"] += bool(report["reasons"])
        for name in ("calls", "raised", "gradients", "specialisations"):
            self.sums[name] += report[name]
        self.reasons.update({general(reason) for reason in report["reasons"]})
        self.sums.update(f"with a known limit: {what}" for what in report["allowed"])
        self.refused.update({general(reason) for reason in report["refused"]})

    def __str__(self) -> str:
        lines = [
            f"programs {dict(self.programs)}, {dict(self.sums)}",
            "compiled  plainly   staged  specialised",
        ]
        for feature in sorted({*self.compiled, *self.plain}):
            counts = (self.compiled, self.plain, self.staged, self.specialised)
            lines.append(" ".join(f"{c[feature]:8}" for c in counts) + f"  {feature}")
        for title, counts in (("run plainly", self.reasons), ("no gradient", self.refused)):
            lines += [f"{title}:", *(f"{n:8}  {text}" for text, n in counts.most_common(25))]
        return "\n".join([*lines, f"mismatches {dict(self.failed)}"])


def general(reason: str) -> str:
    """A reason without what differs from program to program."""
    return re.sub(r"\(.*, line \d+\)|<[^>]*>|line \d+|\n.*", "", reason, flags=re.DOTALL)[:110]


def main(arguments: list[str]) -> int:
    """Run, print what differs, and the tally; the exit code says whether anything did."""
    parser = argparse.ArgumentParser(prog="python -m tests.programs.fuzz")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--count", type=int, default=10**9, help="at most so many programs")
    parser.add_argument("--engine", choices=ENGINES, help="by default each in turn")
    parser.add_argument("--shrink", type=float, default=120.0, help="seconds for each mismatch")
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes

    def seeds() -> Iterator[tuple[int, str]]:
        for seed in range(options.seed, options.seed + options.count):
            if time.monotonic() > end:
                return
            yield seed, options.engine or ENGINES[seed % len(ENGINES)]

    tally = Tally()
    for report in reports(seeds(), options.shrink):
        tally.add(report)
        done = tally.programs.total()
        if done % 50 == 0:
            print(f"{done} programs, mismatches {dict(tally.failed)}", file=sys.stderr, flush=True)
        if "failed" in report:
            print(f"--- seed {report['seed']}, engine {report['engine']}: {report['text']}")
            print(report["source"], flush=True)
    print(tally)
    return int(bool(tally.failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
