"""Which corpus programs fail, grouped by cause.

    python -m tests.programs.report numpy straight        # engine, then a word: feature or theme
    python -m tests.programs.report native branches loops

Runs the checks of ``test_corpus`` one after the other, each under a time limit, and prints every
distinct error with the programs it struck; the last line counts.  Longer than pytest's summary is
what it leaves out: tracebacks.
"""

from __future__ import annotations

import contextlib
import io
import re
import signal
import sys
import time
from collections import defaultdict
from typing import Any

from . import test_corpus
from .registry import Program, load

SECONDS = 30  # for one check of one program
CHECKS = {
    "value": test_corpus.test_function_gives_what_numpy_gives,
    "gradient": test_corpus.test_gradient_agrees_with_differences,
    "hessian": test_corpus.test_hessian_vector_agrees_with_differences_of_gradients,
}


def chosen(words: list[str]) -> list[Program]:
    """Programs whose name contains, or whose features include, one of the words; all for none."""
    return [
        program
        for program in load()
        if not words or any(word in program.name or word in program.features for word in words)
    ]


def checks_of(program: Program) -> list[str]:
    """The names of the checks that apply."""
    return ["value"] + ["gradient"] * program.differentiable + ["hessian"] * program.smooth


def failure(check: str, program: Program, engine: str) -> str | None:
    """Run one check; the error's text without what differs from program to program."""
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            CHECKS[check](program, engine)
    except Exception as error:
        text = f"{type(error).__name__}: {error}".strip()
        lines = [line for line in text.splitlines() if line.strip()] or [text]
        first = lines[0] if "Not equal" not in text else f"{lines[0]} wrong numbers"
        first = first.replace(program.name, "").replace(program.function.__name__, "f")
        return re.sub(r"at input \d+|\(/.*|line \d+|<.*>", "…", first)[:180]
    finally:
        signal.alarm(0)
    return None


def overrun(*_: Any) -> None:
    """Answer the alarm."""
    raise TimeoutError(f"more than {SECONDS} s")


def main(arguments: list[str]) -> int:
    """Print the report; the exit code says whether anything failed."""
    engine, *words = arguments or ["numpy"]
    signal.signal(signal.SIGALRM, overrun)
    causes: dict[tuple[str, str], list[str]] = defaultdict(list)
    done: dict[str, int] = defaultdict(int)
    spent: dict[str, float] = defaultdict(float)
    for program in chosen(words):
        for check in checks_of(program):
            start = time.perf_counter()
            cause = failure(check, program, engine)
            done[check] += 1
            spent[check] += time.perf_counter() - start
            if cause is not None:
                causes[check, cause].append(program.name)
    for (check, cause), names in sorted(causes.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4} {check}: {cause}\n       {' '.join(names)}")
    failed = {check: sum(len(n) for (c, _), n in causes.items() if c == check) for check in done}
    parts = [f"{c} {done[c] - failed[c]}/{done[c]} in {spent[c]:.0f} s" for c in done]
    print(f"{engine}: {', '.join(parts)}")
    return int(bool(causes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
