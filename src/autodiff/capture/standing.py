"""Generators that stand still and are let go: Python runs their ``finally`` and leaves their ``with`` there and then.

    def lines():                          next(lines())           the generator has no other name: it is closed
        try: yield 1                      log.append(2)           at the end of the statement that lets it go
        finally: log.append(1)

Who has one is what Python's own counts of references say, since the interpreter holds objects where the user's code
does.  What is let go inside of a branch that is not its own, or stands still when a branch or the function ends, is not
followed: the path is decided, or plain Python runs.  When a capture is over, what is left of them is ended unseen.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

from autodiff.capture.frames import Scope
from autodiff.ladder import Declined, NotStaged
from autodiff.signals import Signal, door, run_users


class Over(Signal):
    """Ends a generator of a capture that is over: nothing of the user's runs on its way."""


class Closing(Signal):
    """A GeneratorExit on its way to where the user's code stands still.

    Python ends each of our generators by itself, whatever one within it makes of its end.
    """

    def __init__(self, error: GeneratorExit) -> None:
        super().__init__(error)
        self.error = error


def end(steps: Any, error: GeneratorExit) -> Any:
    """Throw an end into a generator of the user's."""
    stands_still = inspect.getgeneratorstate(steps) == inspect.GEN_SUSPENDED
    try:
        return run_users(steps.throw, Closing(error) if stands_still else error)
    finally:
        del error  # whose traceback has this frame


@door
def close(steps: Any) -> None:
    """Close a generator of the user's, as Python does."""
    if inspect.getgeneratorstate(steps) != inspect.GEN_SUSPENDED:
        steps.close()
        return
    error = GeneratorExit()
    try:
        end(steps, error)
    except (GeneratorExit, StopIteration):
        return
    finally:
        error.with_traceback(None)  # it would keep what the frames hold
    raise RuntimeError("generator ignored GeneratorExit")


def ends_with_more(node: ast.AST) -> bool:
    """Whether somebody can tell when a generator with this body ends."""
    kinds = (
        ast.Try,
        ast.With,
        ast.TryStar,
        ast.YieldFrom,
    )  # of the last one: who it asks for its items
    return any(isinstance(part, kinds) for part in ast.walk(node))


def close_let_go(trace: Any) -> None:
    """Close the generators that nobody has any more."""
    while trace.let_go_of:
        steps, home = trace.let_go_of[0]
        if not any(home is made for made in trace.made):  # of a branch that was given up
            del trace.let_go_of[0]
            _end(trace, steps)
            continue
        if home is not trace.made[-1]:
            raise NotStaged("a generator is let go inside of a branch or loop")
        del trace.let_go_of[0], trace.standing[id(steps)]
        _close(trace, steps)


def _close(trace: Any, steps: Any) -> None:
    source, attempts = trace.builder.source, trace.attempts
    trace.touch()
    trace.attempts = []
    try:
        close(steps)
    except Signal:
        raise
    except Exception as error:  # Python writes that it ignores it
        raise Declined("an exception in a generator that is let go") from error
    finally:
        trace.attempts, trace.builder.source = attempts, source


def _end(trace: Any, steps: Any) -> None:
    """End a generator without a word."""
    trace.standing.pop(id(steps), None)
    attempts, tried, trace.attempts = trace.attempts, trace.tried, []
    try:
        run_users(steps.throw, Over())
    except BaseException:
        pass
    finally:
        trace.attempts, trace.tried = attempts, tried


def leave_scope(trace: Any, scope: Scope, node: ast.AST) -> None:
    """A function ends: its variables let go of what they have, but those that functions in it may read."""
    if not trace.standing:
        return
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp)
    inner = [x for x in ast.walk(node) if isinstance(x, functions) and x is not node]
    read = {x.id for part in inner for x in ast.walk(part) if isinstance(x, ast.Name)}
    for name in [name for name in scope.locals if name not in read]:
        del scope.locals[name]


def refuse_standing(trace: Any, home: Any) -> None:
    """A generator must not stand still where the branch or loop ends in which it was made."""
    if any(known is home for _, known in trace.standing.values()):
        raise NotStaged("a generator stands still at the end of a branch or loop")


def end_all(trace: Any) -> None:
    """The function has ended: those that stand still would be closed after its result."""
    close_let_go(trace)
    if trace.standing and trace.tier.holds_back:
        raise Declined("a generator that stands still when the function ends")
    for steps, _ in list(trace.standing.values()):
        trace.standing.pop(id(steps))
        _close(trace, steps)


def forget(trace: Any) -> None:
    """The capture is over."""
    for steps, _ in list(trace.standing.values()):
        _end(trace, steps)
    trace.let_go_of.clear()


__all__ = [
    "Closing",
    "Over",
    "close",
    "close_let_go",
    "end",
    "end_all",
    "ends_with_more",
    "forget",
    "leave_scope",
    "refuse_standing",
]
