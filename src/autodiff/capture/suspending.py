"""Statements that may be left and entered again: those with a ``yield`` in them, ``try`` and ``with``.

Each is a generator that yields where the user's code does, so ``try`` and ``with`` are the same code
with and without a ``yield`` in them.

An exception that arises while capturing is decided by what the program is specialised for, and its
handler is captured like any other code.  One that arises only when the program runs is a failed
check there: the call is made again in plain Python, or traced for itself.
"""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import floating
from autodiff.capture.assignment import assign
from autodiff.capture.attempts import Closed
from autodiff.capture.calls import call, iterate
from autodiff.capture.frames import UNBOUND, Completion
from autodiff.capture.functions import own_method
from autodiff.capture.generators import (
    STEPS,
    Steps,
    Stopped,
    TracedGenerator,
    delegated,
    finish,
    passing,
    steps,
    suspended,
    suspends,
)
from autodiff.capture.inputs import is_library
from autodiff.capture.interpreter import EXPRESSIONS, STATEMENTS, Frame
from autodiff.capture.origins import keeps_contexts
from autodiff.capture.regions import INTERNAL
from autodiff.capture.sequences import Elements
from autodiff.capture.sourcecode import Known
from autodiff.capture.standing import close_let_go
from autodiff.capture.unrolling import Passes
from autodiff.errors import AutodiffError, ShapeError
from autodiff.ladder import Declined, Rung
from autodiff.later import later
from autodiff.ops.dispatch import known
from autodiff.ops.tracer import Tracer
from autodiff.signals import is_of_operation, is_ours, run_users

if TYPE_CHECKING:
    from autodiff.ops import raising
else:
    raising = later("autodiff.ops.raising")


def _value(frame: Frame, node: ast.expr | None) -> Generator[Any, Any, Any]:
    """The value of an expression that may yield."""
    if node is None:
        return None
    if not suspends(node):
        return passing(frame.evaluate, node)
    if isinstance(node, (ast.Yield, ast.Await)):
        value = yield from _value(frame, node.value)
        return (yield from suspended(value))
    if isinstance(node, ast.YieldFrom):
        inner = yield from _value(frame, node.value)
        if not isinstance(inner, TracedGenerator):
            inner = passing(iter, passing(iterate, frame, inner))
        return (yield from delegated(inner))
    return (yield from _around(frame, node))


# What evaluates all of its operands, in the order of its fields; and what evaluates one of them first.
_EAGER = (
    *(ast.BinOp, ast.UnaryOp, ast.Call, ast.Tuple, ast.List, ast.Set, ast.Subscript, ast.Slice),
    *(ast.Attribute, ast.keyword, ast.JoinedStr, ast.FormattedValue),
)
_FIRST = {ast.BoolOp: "values", ast.Compare: "left", ast.IfExp: "test", ast.NamedExpr: "value"}


def _around(frame: Frame, node: Any) -> Generator[Any, Any, Any]:
    """An expression around a ``yield`` or ``await``: what stands before it is evaluated before it, once."""
    if isinstance(node, ast.NamedExpr):
        value = yield from _value(frame, node.value)
        passing(assign, frame, node.target, value)
        return value
    is_pair = isinstance(node, ast.Compare) and len(node.ops) == 1
    first = None if is_pair else _FIRST.get(type(node))
    if first is None and not (is_pair or isinstance(node, _EAGER)):
        raise Declined("a yield or await inside of an expression", frame.source(node))
    fields: dict[str, Any] = {}
    is_last = False
    for name, part in ast.iter_fields(node):
        parts = part if isinstance(part, list) else [part]
        found = []
        for k, x in enumerate(parts):
            rest = [*parts[k:], *(v for n, v in ast.iter_fields(node) if n not in (*fields, name))]
            is_last = is_last or not any(map(_suspends, rest))
            if is_last or not isinstance(x, (ast.expr, ast.keyword)):
                found.append(x)
            elif first is not None and (name != first or k > 0):
                raise Declined("a yield or await inside of an expression", frame.source(node))
            else:
                found.append((yield from _replaced(frame, x)))
        fields[name] = found if isinstance(part, list) else found[0]
    return passing(frame.evaluate, ast.copy_location(type(node)(**fields), node))


def _suspends(x: Any) -> bool:
    return any(map(_suspends, x)) if isinstance(x, list) else isinstance(x, ast.AST) and suspends(x)


def _replaced(frame: Frame, x: Any) -> Generator[Any, Any, Any]:
    """An operand with its value in its place."""
    if isinstance(x, (ast.Starred, ast.FormattedValue, ast.Slice)) and _suspends(x):
        raise Declined("a yield or await inside of an expression", frame.source(x))
    if isinstance(x, ast.Constant):
        return x
    if isinstance(x, (ast.keyword, ast.Starred)):
        value = yield from _replaced(frame, x.value)
        fields = (
            {"arg": x.arg, "value": value}
            if isinstance(x, ast.keyword)
            else {"value": value, "ctx": x.ctx}
        )
        return ast.copy_location(type(x)(**fields), x)
    value = yield from _value(frame, x)
    return ast.copy_location(Known(value=value), x)


_STANDS_STILL = "a yield or await in it"

EXPRESSIONS[Known] = lambda frame, node: node.value


def _expression(frame: Frame, node: ast.Expr) -> Steps:
    yield from _value(frame, node.value)
    return None


def _assign(frame: Frame, node: Any) -> Steps:
    value = yield from _value(frame, node.value)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        passing(assign, frame, target, value)
    return None


def _return(frame: Frame, node: ast.Return) -> Steps:
    value = yield from _value(frame, node.value)
    return Completion("return", value)


def _if(frame: Frame, node: ast.If) -> Steps:
    test = yield from _value(frame, node.test)
    taken = passing(run_users, bool, test)
    if frame.trace.tier.stages(test) and known(test) is None:
        frame.trace.decisions.take(Rung.GUARDED, _STANDS_STILL, frame.source(node))
    return (yield from steps(frame, node.body if taken else node.orelse))


def _for(frame: Frame, node: ast.For) -> Steps:
    source = yield from _value(frame, node.iter)
    passes = Passes(frame, node, _STANDS_STILL)
    for item in passing(iterate, frame, source):
        passing(assign, frame, node.target, item)
        completion = yield from steps(frame, node.body)
        if passes.left_by(completion):
            return completion.after_loop
    passes.end()
    return (yield from steps(frame, node.orelse))


def _while(frame: Frame, node: ast.While) -> Steps:
    passes = Passes(frame, node, _STANDS_STILL)
    while (yield from _value(frame, node.test)):
        completion = yield from steps(frame, node.body)
        if passes.left_by(completion):
            return completion.after_loop
    passes.end()
    return (yield from steps(frame, node.orelse))


def _holding(frame: Frame, x: Any, inner: Steps) -> Steps:
    """Statements that run while another one, which is not done yet, holds ``x``."""
    in_hand = frame.trace.in_hand
    in_hand.append(x)
    try:
        return (yield from inner)
    finally:
        # A generator may be closed when the capture is over and has let go of everything.
        for k in [k for k, held in enumerate(in_hand) if held is x][-1:]:
            del in_hand[k]


# -- try -----------------------------------------------------------------------------------------------
def is_users(error: BaseException) -> bool:
    """Whether an exception is one that the user's code would meet in plain Python."""
    if isinstance(error, (ShapeError, Stopped)):
        return True
    return not isinstance(error, (*INTERNAL, AutodiffError)) and not is_ours(error)


def _unwinds(frame: Frame, error: BaseException) -> bool:
    """Whether an exception has the user's clean-up run on its way out.

    One of ours has it where effects are real: a lock that was taken is released.  Elsewhere it
    ends the capture, and nothing has happened yet.
    """
    users = isinstance(error, (Exception, GeneratorExit)) and is_users(error)
    return users or not frame.trace.tier.holds_back


def as_users(frame: Frame, error: BaseException) -> BaseException:
    """An exception as the user's handler sees it: NumPy's where an operation says it."""
    if isinstance(error, Stopped):
        return error.error
    if not isinstance(error, ShapeError):
        return error
    if is_of_operation(error):
        return ValueError(error.message)
    if frame.trace.raised is not None and frame.trace.raised[0] is error:
        error.source = None  # which was noted on its way
    return error


def _awaits_warnings(node: ast.Try) -> bool:
    """Whether a handler is for warnings that are errors: whether they are, the program does not know."""
    for handler in node.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for kind in kinds:
            name = getattr(kind, "id", None) or getattr(kind, "attr", None)
            if name in ("RuntimeWarning", "Warning"):
                return True
    return False


def refuse_warnings(frame: Frame, node: ast.Try) -> None:
    """Decline a handler of warnings: whether they are errors is not known to a program."""
    if _awaits_warnings(node):
        raise Declined(
            "a handler of warnings, which are errors only under filters", frame.source(node)
        )


def run_try(frame: Frame, node: ast.Try, body: Steps | None = None) -> Steps:
    """A ``try``; ``body`` runs its statements."""
    refuse_warnings(frame, node)
    try:
        try:
            completion = yield from _tried(frame, steps(frame, node.body) if body is None else body)
        except (Exception, GeneratorExit) as error:
            if not is_users(error):
                raise
            completion = yield from _handle(frame, node, as_users(frame, error))
        else:
            if completion is None:
                completion = yield from steps(frame, node.orelse)
    except BaseException as error:
        if not _unwinds(frame, error):
            raise
        arose = frame.trace.builder.source
        ending = yield from _holding(frame, error, steps(frame, node.finalbody))
        frame.trace.builder.source = arose
        if ending is not None and is_users(error):
            return ending
        raise
    ending = yield from _holding(frame, completion, steps(frame, node.finalbody))
    return ending if ending is not None else completion


def _tried(frame: Frame, body: Steps) -> Steps:
    """What somebody waits for that may be raised in it."""
    frame.trace.tried += 1
    try:
        return (yield from body)
    finally:
        frame.trace.tried -= 1


def _handle(frame: Frame, node: ast.Try, error: BaseException) -> Steps:
    if frame.trace.standing:  # what the statements had in hand is let go before the handler runs
        import traceback  # which a first call can do without

        traceback.clear_frames(error.__traceback__)
        close_let_go(frame.trace)
    for handler in node.handlers:
        kinds = BaseException if handler.type is None else passing(frame.evaluate, handler.type)
        if not isinstance(error, kinds):
            continue
        if handler.name:
            frame.store(handler.name, error)
        frame.errors.append(error)
        try:
            return (yield from _holding(frame, error, steps(frame, handler.body)))
        finally:
            frame.errors.pop()
            if handler.name:
                frame.store(handler.name, UNBOUND)
    raise Stopped(error) if isinstance(error, StopIteration) else error


# -- with ----------------------------------------------------------------------------------------------
def _with(frame: Frame, node: ast.With) -> Steps:
    return (yield from _with_items(frame, node, 0))


def _with_items(frame: Frame, node: ast.With, position: int) -> Steps:
    if position == len(node.items):
        return (yield from steps(frame, node.body))
    item = node.items[position]
    manager = passing(frame.evaluate, item.context_expr)
    if not _is_followed(frame, manager):
        raise Declined("np.errstate that raises or calls", frame.source(node))
    enter, leave = _protocol(frame, manager, node)
    entered = passing(enter)
    completion: Completion | None = None
    filtered, builder = frame.trace.filtered, frame.trace.builder
    depth, quiet, strict = len(filtered), builder.quiet, builder.strict
    builder.quiet = floating.quiet_in(manager, quiet)
    builder.strict = floating.strict_in(manager, strict)
    if builder.strict:
        builder.heed = raising.heed
    if isinstance(manager, warnings.catch_warnings):
        filtered.append(False)
    try:
        if item.optional_vars is not None:
            passing(assign, frame, item.optional_vars, entered)
        inner = _holding(frame, manager, _with_items(frame, node, position + 1))
        seen = entered if item.optional_vars is not None else None
        with _closed(frame, manager), _recorded(frame, manager, seen):
            completion = yield from _tried(frame, inner)
    except BaseException as error:
        if not _unwinds(frame, error):
            if is_harmless_context(manager):
                passing(leave, None)
            raise
        builder.strict = strict
        arose = frame.trace.builder.source
        suppressed = passing(leave, as_users(frame, error))
        frame.trace.builder.source = arose
        if not suppressed or not is_users(error):
            raise
        return None
    finally:
        del filtered[depth:]
        builder.quiet, builder.strict = quiet, strict
    passing(leave, None)
    return completion


@contextlib.contextmanager
def _closed(frame: Frame, manager: Any) -> Iterator[None]:
    """Nothing passes the end of a ``with`` unseen, unless that does nothing."""
    attempts = frame.trace.attempts
    if is_harmless_context(manager) and not isinstance(manager, contextlib.suppress):
        yield
        return
    attempts.append(Closed())
    try:
        yield
    finally:
        attempts.pop()


@contextlib.contextmanager
def _recorded(frame: Frame, manager: Any, record: Any) -> Iterator[None]:
    """Of a list that warnings are recorded in, the trace of a call knows those that NumPy does not give."""
    operations, source = frame.trace.builder.block.operations, frame.trace.builder.source
    before, records = len(operations), isinstance(manager, warnings.catch_warnings)

    def refuse() -> None:
        if records and record is not None and len(operations) > before:
            raise Declined("warnings.catch_warnings that records what NumPy warns of", source)

    try:
        yield
    except BaseException as error:
        if is_users(error):
            refuse()
        raise
    refuse()


def _protocol(
    frame: Frame, manager: Any, node: ast.AST
) -> tuple[Callable[[], Any], Callable[[BaseException | None], Any]]:
    """How a context manager is entered and left: interpreted where the user's class defines it."""
    if isinstance(manager, Elements):  # stores have been made when it is left, and before
        return lambda: manager, lambda error: None
    enter, leave = own_method(frame, manager, "__enter__"), own_method(frame, manager, "__exit__")
    if is_harmless_context(manager) or is_captured_context(manager):
        enter = leave = None
    elif (
        enter is None
        or leave is None
        or (is_library(type(manager)) and not keeps_contexts(type(manager)))
    ):
        reason = f"the context manager {type(manager).__name__}"
        frame.trace.tier.decline(reason, frame.source(node))
        enter = leave = None

    def on_entry() -> Any:
        if enter is None:
            return manager.__enter__()
        return call(frame, enter, [manager], {}, node)

    def on_exit(error: BaseException | None) -> Any:
        given = (None, None, None) if error is None else (type(error), error, error.__traceback__)
        if leave is None:
            return manager.__exit__(*given)
        answer = call(frame, leave, [manager, *given], {}, node)
        return bool(answer) if isinstance(answer, Tracer) else answer

    return on_entry, on_exit


def is_harmless_context(manager: Any) -> bool:
    """Context managers that may be entered while capturing: they change how NumPy warns, or nothing."""
    kinds = (np.errstate, warnings.catch_warnings, contextlib.nullcontext, contextlib.suppress)
    return isinstance(manager, kinds)


def _is_followed(frame: Frame, manager: Any) -> bool:
    """Whether a program does what a context asks of NumPy.

    Where an ``errstate`` raises, the operations are checked (:mod:`autodiff.ops.raising`), of which the path of
    one call has none; what is called, printed or logged is NumPy's own business.
    """
    if not isinstance(manager, np.errstate):
        return True
    names = ("all", "divide", "over", "under", "invalid")
    chosen = {getattr(manager, f"_{n}", None) for n in names}
    if frame.trace.tier.reusable:
        return chosen.isdisjoint(("call", "print", "log"))
    return chosen.isdisjoint(("call", "print", "log", "raise"))


def is_captured_context(manager: Any) -> bool:
    """Whether a manager made by ``contextlib.contextmanager`` runs a generator of ours."""
    kind = contextlib._GeneratorContextManager
    return isinstance(manager, kind) and isinstance(manager.gen, TracedGenerator)


STEPS.update(
    {
        ast.Expr: _expression,
        ast.Assign: _assign,
        ast.AnnAssign: _assign,
        ast.Return: _return,
        ast.If: _if,
        ast.For: _for,
        ast.While: _while,
        ast.Try: run_try,
        ast.With: _with,
    }
)

STATEMENTS[ast.With] = lambda frame, node: finish(_with(frame, node))

__all__ = ["as_users", "is_users", "run_try"]
