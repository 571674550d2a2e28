"""The ladder: how a piece of the user's program is compiled, and what is tried where that fails.

    rung         what stands in the program                        who goes on there
    ROLLED       one loop, however often it runs                   rolling.roll_for, roll_while
    CARRIED      the same, which carries more: a list's items      bodies.Body
    LEARNT       all of the function again, knowing more of it     capture.capture
    PEELED       the first pass by itself, a loop for the rest     loops.run_for, run_while
    UNROLLED     the body, once for each pass                      loops.run_for, run_while
    GUARDED      the path of this call, under a guard              staging.stage_if, stage_choice
    UNCOMPILED   none: this call's path is traced as it runs       compiled.fallback
    PLAIN        none: Python and NumPy do it                      compiled.fallback, Trace.rerun

What cannot be done as it was tried raises a :class:`Bail`, the one exception that capture uses to
say something to itself.  It names the highest rung that is left; whoever goes on there undoes what
was tried and takes it up, everyone else lets it pass:

    a loop      goes on at CARRIED (of its own lists), PEELED and UNROLLED
    a branch    goes on at GUARDED from UNROLLED downwards: this call's path may leave out what
                cannot be unrolled, or not be compiled at all
    a capture   goes on at LEARNT; what else reaches its end has the call run uncompiled

No rung is taken in silence: each one is a :class:`Decision` with its reason and line, in
``Captured.decisions``, and ``explain`` shows it; a call that runs uncompiled has no program, and its
``FallbackWarning`` tells reason and line.  Seven things are no bails: a comparison of sizes
that is open until the program runs (``dims.UndecidedExtent``: whoever asked emits a check, or has
the sizes fixed), what a program says at a run (``ops.control.CheckFailed``), that a run is too
long for NumPy (``ops.evaluate.TooManySteps``), what the heap does not know how to join
(``capture.predicates.Refused``), what ends a generator that stands still when a capture is over
(``capture.standing.Over``: nothing goes on behind it), what carries a GeneratorExit to where the
user's code stands still (``Closing``, beside it), and what a derivative by hand raises
(``signals.RuleFailed``), which is for the caller of the derivative.  Whose exception any other one
is, tells :mod:`autodiff.signals`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from enum import IntEnum
from typing import Any

from autodiff.plain_data import dataclass
from autodiff.signals import Arose, Signal


class Rung(IntEnum):
    """The ways to compile a piece of a program, the best first."""

    ROLLED = 0
    CARRIED = 1
    LEARNT = 2
    PEELED = 3
    UNROLLED = 4
    GUARDED = 5
    UNCOMPILED = 6
    PLAIN = 7


class Bail(Signal):
    """What was tried cannot be done: the highest rung that is left, why, and at which line.

    ``needs`` is what the next attempt has to know: of CARRIED, the loop and what its lists hold; of
    LEARNT, the places outside that change, or None where it is that arrays have to be told apart.
    """

    arose: Arose | None = None

    def __init__(self, rung: Rung, reason: str, source: Any = None, needs: Any = None) -> None:
        super().__init__(reason)
        self.rung = rung
        self.reason = reason
        self.source = source
        self.needs = needs

    def at(self, source: Any) -> Bail:
        """Say at which line, unless that is known."""
        self.source = self.source or source
        return self


def NotStaged(reason: str, source: Any = None) -> Bail:
    """What can be no part of one loop or conditional: unrolled, or left out, it may go."""
    return Bail(Rung.UNROLLED, reason, source)


def Declined(reason: str, source: Any = None) -> Bail:
    """What cannot be compiled wherever it stands: only a path that leaves it out may go."""
    return Bail(Rung.UNCOMPILED, reason, source)


def AmbiguousStore(reason: str) -> Bail:
    """Which of several arrays or lists is meant matters: no branch or loop may choose among them."""
    return Bail(Rung.LEARNT, reason)


# -- what was decided -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Decision:
    """One rung that was taken: why, for which loop, branch or line, and how often."""

    rung: Rung
    reason: str = ""
    source: Any = None  # of type autodiff.ir.Source
    count: int = 1  # of UNROLLED: passes; of the others: how often it was decided

    def text(self, file: str = "") -> str:
        """One line; where it is in another file than ``file``, the file is named."""
        at = "an unknown line" if self.source is None else f"line {self.source.line}"
        if self.source is not None and self.source.file != file:
            at = f"{os.path.basename(self.source.file)}, {at}"
        said = _SAID[self.rung].format(at=at, count=self.count)
        often = (
            f" ({self.count} times)" if self.count > 1 and "{count}" not in _SAID[self.rung] else ""
        )
        return f"{said}{often}: {self.reason}" if self.reason else f"{said}{often}"

    def __str__(self) -> str:
        return self.text()


_SAID = {  # of what is in a program, or in the path of a call that was traced
    Rung.ROLLED: "loop at {at} is one loop",
    Rung.CARRIED: "loop at {at} is one loop that carries more",
    Rung.LEARNT: "captured again for {at}",
    Rung.PEELED: "loop at {at} ran its first pass by itself",
    Rung.UNROLLED: "loop at {at} unrolled {count} times",
    Rung.GUARDED: "branch at {at} took one path under a guard",
    Rung.PLAIN: "{at} ran as plain Python",
}


class Decisions:
    """The rungs taken in one capture, in order; those of attempts that are undone are taken back."""

    def __init__(self, before: Iterable[Decision] = ()) -> None:
        self.taken = list(before)

    def take(self, rung: Rung, problem: Bail | str, source: Any, count: int = 1) -> None:
        """Note that a loop, branch or line at ``source`` goes on at a rung."""
        self.taken.append(Decision(rung, _reason(problem, source), source, count))

    def mark(self) -> int:
        """Where to go back to."""
        return len(self.taken)

    def back_to(self, mark: int) -> None:
        """Take back what was decided since."""
        del self.taken[mark:]

    def all(self) -> tuple[Decision, ...]:
        """Each decision once, with how often it was taken."""
        found: dict[Decision, int] = {}
        for decision in self.taken:
            one = replace(decision, count=0)
            found[one] = found.get(one, 0) + decision.count
        return tuple([replace(one, count=count) for one, count in found.items()])


def _reason(problem: Bail | str, source: Any) -> str:
    """Why, with the line it is about where that is another one than the loop's or branch's own."""
    if isinstance(problem, str):
        return problem
    at = problem.source
    if at is None or source is None or (at.file, at.line) == (source.file, source.line):
        return problem.reason
    file = "" if at.file == source.file else f"{os.path.basename(at.file)}, "
    return f"{problem.reason} ({file}line {at.line})"


__all__ = ["AmbiguousStore", "Bail", "Decision", "Decisions", "Declined", "NotStaged", "Rung"]
