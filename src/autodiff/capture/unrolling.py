"""Loops that Python runs pass by pass: how often, why, and a warning before there are too many.

    passes = Passes(frame, node, "a loop over objects")
    for item in items:
        ...                 # the body, interpreted once more
        passes.made()
    passes.end()            # loop at line 12 unrolled 60 times: a loop over objects

Each pass adds its operations to the program, and the time to compile them grows faster than their
number.  So the warning counts operations, not seconds: it comes at the same pass on every machine.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, TypeGuard

from autodiff.errors import UnrollWarning, locate
from autodiff.ladder import Bail, Rung
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture.frames import Completion
    from autodiff.capture.interpreter import Frame

MOST_OPERATIONS = 4000  # of one unrolled loop; their gradient takes about three seconds to compile
_REMEDY = (
    "let the loop change only numbers, arrays and lists that keep their types and sizes, or write it "
    "with array operations; use_cache=False compiles nothing, and runs each call as it is"
)


class Passes:
    """The passes of one loop that is unrolled; ``reason`` may become known on the way."""

    def __init__(self, frame: Frame, node: ast.AST, reason: Bail | str) -> None:
        self.frame = frame
        self.node = node
        self.reason = reason
        self.count = 0
        self.before = frame.trace.builder.emitted

    def made(self) -> None:
        """One more pass has been interpreted."""
        self.count += 1
        trace = self.frame.trace
        made = trace.builder.emitted - self.before
        known = not trace.tier.reusable or UnrollWarning.code in trace.warned
        if made > MOST_OPERATIONS and not known:
            self._warn(made)
            trace.warned.add(UnrollWarning.code)

    def left_by(self, completion: Completion | None) -> TypeGuard[Completion]:
        """One more pass has been interpreted; whether it leaves the loop, which ends then."""
        self.made()
        if completion is None or not completion.leaves_loop:
            return False
        self.end()
        return True

    def end(self) -> None:
        """The loop has ended; a decision if its passes are in the program."""
        trace = self.frame.trace
        if trace.tier.reusable and trace.builder.emitted > self.before:
            source = self.frame.source(self.node)
            trace.decisions.take(Rung.UNROLLED, self.reason, source, self.count)

    def _warn(self, made: int) -> None:
        source = self.frame.source(self.node)
        end = _end_of_head(self.node)
        if end is not None and self.frame.called_at is None:
            source = replace(source, end_column=end)
        reason = self.reason if isinstance(self.reason, str) else self.reason.reason
        text = (
            f"{UnrollWarning.code}: this loop is unrolled, because of {reason}: its first "
            f"{self.count} passes are {made} operations, which take long to compile.\n"
            f"{locate(source)}\n  Remedy: {_REMEDY}"
        )
        # Of the line of the loop; as an error, if the user has it so, it ends the capture.
        run_users(warnings.warn_explicit, text, UnrollWarning, source.file, source.line)


def _end_of_head(node: ast.AST) -> int | None:
    """Where the expression ends that a loop goes through or tests, if in the loop's first line."""
    head = getattr(node, "iter", None) or getattr(node, "test", None)
    if head is None or head.end_lineno != getattr(node, "lineno", None):
        return None
    end: int | None = head.end_col_offset
    return end


__all__ = ["MOST_OPERATIONS", "Passes"]
