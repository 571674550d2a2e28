"""Generators and coroutines of the user's: code that stands still and goes on.

``steps(frame, statements)`` runs statements as a Python generator, which yields where they yield;
a statement without a ``yield`` goes to the interpreter's ordinary handlers.  So a generator of the
user's is a generator of ours (:class:`TracedGenerator`), a coroutine is a generator that yields
what it awaits.  What each statement with a ``yield`` does is in :mod:`autodiff.capture.suspending`.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from types import GeneratorType
from typing import Any

from autodiff.capture import library_in_python
from autodiff.capture.frames import Completion
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import Iterating
from autodiff.capture.standing import Closing, close, end, ends_with_more, leave_scope
from autodiff.capture.trace import Declined, NotStaged, Trace
from autodiff.signals import Signal, door, run_users

Steps = Generator[Any, Any, Completion | None]
STEPS: dict[type, Callable[[Frame, Any], Steps]] = {}  # of statements that may be left and entered


class Stopped(Signal):
    """A StopIteration of the user's on its way through generators of ours.

    Python makes a RuntimeError of one that leaves a generator, and ours run code that is none.
    """

    def __init__(self, error: StopIteration) -> None:
        super().__init__(error)
        self.error = error


def passing(function: Callable[..., Any], /, *arguments: Any) -> Any:
    """Call what runs the user's code, from a generator of ours."""
    try:
        return function(*arguments)
    except StopIteration as error:
        raise Stopped(error) from None


@door
def suspended(value: Any) -> Generator[Any, Any, Any]:
    """A ``yield`` of the user's: what is thrown in is the user's."""
    try:
        return (yield value)
    except Closing as closing:
        error = closing.error
    try:
        raise error
    finally:
        del error  # whose traceback has this frame


@door
def _handed_on(item: Any) -> Generator[Any, Any, Any]:
    """One value of an iterator that a generator delegates to; what is thrown in is the user's."""
    return (yield item)


def delegated(inner: Any) -> Generator[Any, Any, Any]:
    """``yield from`` an iterator: an end from outside ends that first, and is then met here."""
    steps = inner.steps if isinstance(inner, TracedGenerator) else None
    try:
        if steps is None:
            return (yield from inner)
        action, given = steps.send, None
        while True:
            try:
                item = action(given)
            except StopIteration as stop:
                return stop.value
            try:
                action, given = steps.send, (yield from _handed_on(item))
            except (Closing, GeneratorExit):
                raise
            except BaseException as error:
                action, given = steps.throw, error
    except Closing as closing:
        ending = closing.error
    except GeneratorExit as error:
        ending = error
    try:
        if steps is not None:
            close(steps)
        elif hasattr(inner, "close"):
            inner.close()
        raise ending
    finally:
        del ending


@door
def _nothing() -> Generator[Any, Any, Any]:
    yield from ()


@door
def _instance_of(kind: type) -> BaseException:
    """The exception that Python throws for a class, or its exception for what is none."""
    try:
        _nothing().throw(kind)
    except BaseException as made:
        if isinstance(made, kind):
            return made.with_traceback(None)
        raise
    raise AssertionError("a generator that does not raise what is thrown into it")


class TracedGenerator(Iterating):
    """A generator of the user's, run by the interpreter.

    It stands still between its values, so it cannot be resumed in a branch or loop body that is
    interpreted into a region of its own and undone.
    """

    def __init__(
        self,
        trace: Trace,
        steps: Generator[Any, Any, Any],
        body: tuple[Frame, ast.FunctionDef] | None = None,
    ) -> None:
        self.trace = trace
        self.steps = steps
        self.body = body  # the function that it is of, and the frame
        self.home = trace.made[-1]
        self.is_seen_to_end = body is not None and ends_with_more(body[1])
        self.kind: Any = GeneratorType  # of Python's functions that are interpreted: their own

    def _resume(self, action: Callable[..., Any], *arguments: Any) -> Any:
        if self.trace.made[-1] is not self.home:
            raise NotStaged("a generator is resumed inside of a branch or loop")
        source = self.trace.builder.source
        self.trace.touch()
        if self.is_seen_to_end:
            self.trace.standing[id(self.steps)] = self.steps, self.home
        # What is raised ends it: it cannot go on as if nothing had been.
        attempts, self.trace.attempts = self.trace.attempts, []
        try:
            return action(*arguments)
        except StopIteration as stop:
            raise StopIteration(*() if stop.value is None else (stop.value,)) from None
        finally:
            self.trace.attempts = attempts
            self.trace.builder.source = source
            if self.is_seen_to_end and inspect.getgeneratorstate(self.steps) == inspect.GEN_CLOSED:
                self.trace.standing.pop(id(self.steps), None)

    def __del__(self) -> None:
        # Nobody has it any more: it is closed when the statement ends, where that can be followed.
        if id(self.steps) in self.trace.standing:
            self.trace.let_go_of.append(self.trace.standing[id(self.steps)])

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._resume(self.steps.__next__)

    def send(self, value: Any) -> Any:
        """Resume with a value of the ``yield``."""
        if value is not None and inspect.getgeneratorstate(self.steps) == inspect.GEN_CREATED:
            run_users(_nothing().send, value)  # Python's exception
        return self._resume(self.steps.send, value)

    def throw(self, *error: Any) -> Any:
        """Resume with an exception."""
        if len(error) == 1 and isinstance(error[0], type):
            error = (_instance_of(error[0]),)
        if isinstance(error[0], GeneratorExit):
            return self._resume(end, self.steps, error[0])
        return self._resume(self.steps.throw, *error)

    def close(self) -> None:
        """End it."""
        self._resume(close, self.steps)


def start(frame: Frame, node: Any) -> Any:
    """What a call of a generator function or coroutine function gives."""
    if isinstance(node, ast.AsyncFunctionDef):
        frame.trace.tier.decline("a coroutine", frame.source(node))
        if any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in own_nodes(node.body)):
            raise Declined("an asynchronous generator", frame.source(node))
        return _coroutine(_body(frame, node))
    body = None if isinstance(node, ast.Lambda) else (frame, node)
    return TracedGenerator(frame.trace, _body(frame, node), body)


def _body(frame: Frame, node: Any) -> Generator[Any, Any, Any]:
    statements = node.body
    if isinstance(node, ast.Lambda):
        statements = [ast.copy_location(ast.Return(node.body), node.body)]
    with frame.trace.noting():
        try:
            completion = yield from steps(frame, statements)
        except Stopped as stopped:
            if frame.scope.globals is vars(library_in_python):
                return None  # Python's own iterators end where a function that they call raises it
            raise RuntimeError("generator raised StopIteration") from stopped.error
    leave_scope(frame.trace, frame.scope, node)
    return None if completion is None else completion.value


async def _coroutine(body: Generator[Any, Any, Any]) -> Any:
    action, argument = body.send, None
    while True:
        try:
            awaited = action(argument)
        except StopIteration as stop:
            return stop.value
        try:
            action, argument = body.send, await awaited
        except Exception as error:
            action, argument = body.throw, error


# -- statements ----------------------------------------------------------------------------------------
def steps(frame: Frame, statements: Sequence[ast.stmt]) -> Steps:
    """Run statements, yielding where they yield."""
    for statement in statements:
        if isinstance(statement, (ast.Try, ast.With)) or suspends(statement):
            if not STEPS:
                importlib.import_module("autodiff.capture.suspending")  # which enters them
            handler = STEPS.get(type(statement))
            if handler is None:
                kind = type(statement).__name__
                raise Declined(f"a yield or await in {kind} statements", frame.source(statement))
            completion = yield from handler(frame, statement)
        else:
            completion = passing(frame.within, "barrier", [statement])
        if completion is not None:
            return completion
    return None


def finish(running: Steps) -> Completion | None:
    """The completion of steps that do not yield."""
    try:
        next(running)
    except StopIteration as stop:
        completion: Completion | None = stop.value
        return completion
    except Stopped as stopped:
        error = stopped.error
    else:
        raise AssertionError("statements without a yield have yielded")
    raise error  # here, for in the handler its context would become ours


SUSPENSIONS = (ast.Yield, ast.YieldFrom, ast.Await)


def own_nodes(statements: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of statements without those of functions defined in them."""
    for node in statements:
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield from own_nodes(list(ast.iter_child_nodes(node)))


def suspends(node: ast.AST) -> bool:
    """Whether there is a ``yield`` or ``await`` in a node."""
    return any(isinstance(n, SUSPENSIONS) for n in own_nodes([node]))


def make_context(frame: Frame, function: Any, args: Any, kwargs: Any, node: ast.AST) -> Any:
    """What a function decorated with ``contextlib.contextmanager`` returns."""
    from autodiff.capture.calls import call

    made = call(frame, function, list(args), dict(kwargs), node)
    return contextlib._GeneratorContextManager(lambda: made, (), {})


__all__ = [
    "Stopped",
    "TracedGenerator",
    "delegated",
    "finish",
    "make_context",
    "passing",
    "start",
    "steps",
    "suspended",
    "suspends",
]
