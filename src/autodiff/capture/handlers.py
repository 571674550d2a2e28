"""``try``: what may be raised for values of the run is a branch of the program.

    try:                                 ok = v != 0
        total += 1 / v            =>     cond(ok): total + 1 / v
    except ZeroDivisionError:                else: total - 1
        total -= 1

The body runs statement by statement.  Where a statement turns out to raise unless something holds
(:mod:`autodiff.capture.attempts`), it is undone, and a branch is made: on one side the statement runs again, which then
does not raise, with what follows; on the other one the handler.  Either side ends as in any branch, with a
``return``, ``break`` or ``continue`` too.

What cannot be a branch is a check: the statement has changed something before it raises, a loop within the body
raises, the handler looks at a text that only NumPy knows.  Plain Python then runs the handler.
"""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING, Any

from autodiff.capture.attempts import Attempt, meets
from autodiff.capture.frames import Completion
from autodiff.capture.generators import Steps, finish, passing
from autodiff.capture.interpreter import STATEMENTS, Frame
from autodiff.capture.regions import undoing
from autodiff.capture.suspending import refuse_warnings, run_try
from autodiff.ladder import Bail, Rung
from autodiff.later import later
from autodiff.ops.builder import Raised
from autodiff.ops.dispatch import known
from autodiff.ops.tracer import Tracer

if TYPE_CHECKING:
    from autodiff.capture import staging
else:
    staging = later("autodiff.capture.staging")


def _try(frame: Frame, node: ast.Try) -> Completion | None:
    refuse_warnings(frame, node)
    trace = frame.trace
    if not trace.tier.reusable:
        return finish(run_try(frame, node))
    if trace.builder.raising is None:
        trace.builder.raising = partial(meets, trace)
    ends = staging.ends_of(frame, [node])
    return _attempt(frame, node, 0, 0, not ends or staging.can_end(frame, ends))


def _attempt(
    frame: Frame, node: ast.Try, start: int, assumed: int, branches: bool
) -> Completion | None:
    """Run a ``try`` whose body has come as far as to statement ``start``."""
    attempt = Attempt(frame, node, start, assumed, branches)
    try:
        return finish(run_try(frame, node, _body(attempt)))
    except Bail as problem:
        if not attempt.is_met(problem):
            raise
        _, value, error, handler = problem.needs
        test = Tracer(value, "python")
    at, count = attempt.position, attempt.assumed

    def goes_on(branches: bool = branches, count: int = count + 1) -> Completion | None:
        return _attempt(frame, node, at, count, branches)

    def handled() -> Completion | None:
        if node.finalbody or handler.name:
            return finish(run_try(frame, node, _raising(error)))
        return _handle(frame, handler, error)

    decided = known(test)
    if decided is not None:
        return goes_on() if decided else handled()
    ends = staging.ends_of(frame, [node])
    rests = list(frame.rests) if ends else []
    try:
        with undoing(frame):
            return staging.branch(
                frame,
                test,
                lambda: staging.side(frame, goes_on, rests),
                lambda: staging.side(frame, handled, rests),
                ends=bool(ends),
            )
    except Bail as problem:
        if problem.rung < Rung.UNROLLED:
            raise
    return goes_on(False, count)


def _handle(frame: Frame, handler: ast.ExceptHandler, error: Raised) -> Completion | None:
    """A handler after which nothing is left to do: its statements may end it as those of any side."""
    frame.errors.append(_made(error))
    try:
        return frame.execute(handler.body)
    finally:
        frame.errors.pop()


def _made(error: Raised) -> Any:
    return error.__new__(error) if isinstance(error, type) else error


def _body(attempt: Attempt) -> Steps:
    """The statements of the body that are left."""
    frame, body = attempt.frame, attempt.node.body
    for position in range(attempt.position, len(body)):
        with attempt.statement(position):
            completion: Any = passing(frame.within, "barrier", [body[position]])
        if completion is not None:
            return completion
    return None
    yield


def _raising(error: Raised) -> Steps:
    """A body that raises."""
    raise _made(error)
    yield


STATEMENTS[ast.Try] = _try

__all__: list[str] = []
