"""Branches and loops.

Loops over concrete sequences run in Python, one pass of the interpreter an iteration.  A branch
or loop condition that depends on inputs takes the path of this call, with a guard in the program
that sends a call which would take the other path to a capture of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.capture.interpreter import Completion, Frame, assign
from autodiff.ops.tracer import Tracer


def stage_if(
    frame: Frame, node: ast.If, test: Tracer, rest: Sequence[ast.stmt]
) -> Completion | None:
    """An ``if`` on a traced value."""
    return frame.execute(node.body if bool(test) else node.orelse)


def stage_choice(
    frame: Frame, test: Tracer, then: Callable[[], Any], orelse: Callable[[], Any], node: ast.AST
) -> Any:
    """A conditional expression on a traced value."""
    return then() if bool(test) else orelse()


def stage_boolean(frame: Frame, value: Tracer, node: ast.BoolOp, position: int) -> Any:
    """``and`` / ``or`` whose operand at ``position`` is traced."""
    stop_at = isinstance(node.op, ast.Or)
    current: Any = value
    for part in node.values[position + 1 :]:
        if bool(current) == stop_at:
            return current
        current = frame.evaluate(part)
    return current


def assert_traced(frame: Frame, test: Tracer, node: ast.Assert) -> None:
    """``assert`` on a traced value."""
    if not bool(test):
        raise AssertionError(*([] if node.msg is None else [frame.evaluate(node.msg)]))


def run_for(frame: Frame, node: ast.For) -> Completion | None:
    """A ``for`` loop."""
    from autodiff.capture.calls import iterate

    for item in iterate(frame, frame.evaluate(node.iter)):
        assign(frame, node.target, item)
        completion = frame.execute(node.body)
        if completion is not None:
            if completion.kind == "break":
                return None
            if completion.kind == "return":
                return completion
    return frame.execute(node.orelse)


def run_while(frame: Frame, node: ast.While) -> Completion | None:
    """A ``while`` loop."""
    while frame.evaluate(node.test):
        completion = frame.execute(node.body)
        if completion is not None:
            if completion.kind == "break":
                return None
            if completion.kind == "return":
                return completion
    return frame.execute(node.orelse)
