"""How each corpus program is compiled: a loop that unrolls anew, or a branch under a new guard, is seen.

``golden/decisions.txt`` has a line a program: the loops by rung (``short``: unrolled as they have few passes), the branches of which one path was
taken, the conditionals, loops, host calls and guards of the captured program.  ``make golden``
rewrites it; the diff is the review.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from autodiff.capture import Captured
from autodiff.capture.loops import FEW_PASSES
from autodiff.capture.trace import GUARD
from autodiff.compiled import Compiled
from autodiff.dims import UndecidedExtent
from autodiff.ir import walk
from autodiff.ladder import Bail, Rung
from autodiff.tracebacks import is_internal
from autodiff.transform.plans import Transformation

from .registry import Program, load

KINDS = {"cond": "conditional", "for": "for", "while": "while", "host_call": "host call"}


def captured(program: Program) -> Captured:
    """What is captured for the first call, with lists of numbers as arrays where that goes."""
    arguments = program.arguments(0)
    compiled = Compiled(program.function, Transformation(), engine="numpy")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return compiled.first_way(compiled.captured, arguments.args, arguments.kwargs)


def line_of(program: Program) -> str:
    """The program's name, and what was decided for it."""
    try:
        found = captured(program)
    except (Bail, UndecidedExtent) as problem:
        return f"{program.name}: uncompiled, {problem}"
    strange = [d for d in found.decisions if d.source is not None and is_internal(d.source.file)]
    assert not strange, f"{program.name}: lines that are not the user's: {strange}"
    parts = []
    few = [d for d in found.decisions if d.reason == FEW_PASSES]
    if few:
        parts.append(f"{len({d.source for d in few})} short")
    for rung in Rung:
        taken = [d for d in found.decisions if d.rung is rung and d not in few]
        passes = sum(d.count for d in taken)
        places = len({d.source for d in taken})
        if taken:
            often = f" ({passes} passes)" if rung is Rung.UNROLLED else ""
            parts.append(f"{places} {rung.name.lower()}{often}")
    operations = list(walk(found.program.block))
    counts = Counter(KINDS[op.kind] for op in operations if op.kind in KINDS)
    counts["guard"] = sum(
        op.kind == "check" and op.attributes["message"] == GUARD for op in operations
    )
    parts += [f"{n} {word}" for word in (*KINDS.values(), "guard") if (n := counts[word])]
    return f"{program.name}: {', '.join(parts) or 'straight'}"


def lines() -> str:
    """The decisions of every program, a line each."""
    return "\n".join(map(line_of, load()))


def test_decisions_are_those_that_were_reviewed(golden: Callable[[str, str], None]) -> None:
    """In a process of its own, since some programs keep what earlier calls left."""
    command = "from tests.programs.test_decisions import lines; print(lines())"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    golden("decisions.txt", done.stdout)
