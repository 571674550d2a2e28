"""Generators that a loop goes through at once: what the loop does with a value is done where it is yielded.

    def path(x):                        for p in path(1.0):          as if it were
        for v in values:                    total += p
            x = x * a + v                                            for v in values:
            yield x                                                      x = x * a + v
                                                                         p = x; total += p

A generator of the user's stands still between its values, which no loop of a program can.  Where nobody but one loop, or a
function that takes all values (``sum``, ``list``), has it, it need not: Python runs the same statements in the same order.
So the loops of a generator are loops of the program.

Not so where the generator would see the difference: a ``yield`` in a ``try`` or ``with``, one whose value is used, a
``return`` in the body of the loop.
"""

from __future__ import annotations

import ast
import copy
import inspect
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any

from autodiff.capture import choices, functions, library_in_python
from autodiff.capture.assignment import assign
from autodiff.capture.calls import (
    AT_ONCE,
    TAKES_ALL,
    asked_for_items,
    asks_length,
    call,
    iterator_of,
)
from autodiff.capture.frames import Completion, Scope
from autodiff.capture.functions import Closure
from autodiff.capture.generators import (
    Stopped,
    TracedGenerator,
    passing,
    suspends,
)
from autodiff.capture.interpreter import EXPRESSIONS, Frame
from autodiff.capture.iterators import TracedIterator
from autodiff.capture.loops import Ended, is_used_elsewhere, unroll_for
from autodiff.capture.origins import is_library
from autodiff.capture.sequences import LazySequence
from autodiff.later import later
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer

if TYPE_CHECKING:
    from autodiff.capture import rolling, staging
else:
    rolling = later("autodiff.capture.rolling")
    staging = later("autodiff.capture.staging")

# No names that a program could have.
ITEM = "<item>"  # of a ``yield from``
LEFT = "<left>"  # whether a loop has been left since the generator ends there


class Pushed(ast.expr):
    """What stands in the place of a ``yield``: the value is handed on, and it is asked whether that was enough."""

    _fields = ("value",)

    def __init__(self, value: ast.expr | None, take: Callable[[Any], Any]) -> None:
        super().__init__()
        self.value = value
        self.take = take


def _push(frame: Frame, node: Pushed) -> Any:
    value = None if node.value is None else frame.evaluate(node.value)
    return passing(node.take, value)


EXPRESSIONS[Pushed] = _push


def can_push(frame: Frame, x: Any, node: ast.AST | None, may_end: bool = False) -> bool:
    """Whether an object is a generator that has not begun, that nobody else has, and that would not see who takes its values.

    ``node`` is the expression that has given it: a variable may have it that nothing else reads.  ``may_end`` tells
    whether it may be left before its end, so that whoever asks it then would get more.
    """
    if type(x) is not TracedGenerator or x.body is None or not frame.trace.tier.rolls:
        return False
    if inspect.getgeneratorstate(x.steps) != inspect.GEN_CREATED:
        return False
    if x.home is not frame.trace.made[-1] or not _only_yields(x.body[1].body):
        return False
    return not is_used_elsewhere(frame, [x], x, node, may_end)


def _only_yields(statements: Sequence[ast.stmt]) -> bool:
    """Whether a generator does nothing with its suspensions but to hand out values, and stands in no ``try`` then."""
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(
            statement.value, (ast.Yield, ast.YieldFrom)
        ):
            if statement.value.value is not None and suspends(statement.value.value):
                return False
        elif isinstance(statement, (ast.If, ast.For, ast.While)):
            head = statement.iter if isinstance(statement, ast.For) else statement.test
            if suspends(head):
                return False
            if not _only_yields(statement.body) or not _only_yields(statement.orelse):
                return False
        elif suspends(statement):
            return False
    return True


def run_loop(frame: Frame, node: ast.For, x: TracedGenerator) -> Completion | None:
    """``for target in generator: body``."""
    ends = staging.escapes(node.body)
    body = [*_ended(node.body), ast.Return(_constant(False, node))]
    ast.copy_location(body[-1], node)

    def take(value: Any) -> Any:
        assign(frame, node.target, value)
        completion = frame.within("function", body)
        return None if completion is None else completion.value

    names = rolling.passing_names(frame, node, (node.target,))
    passing = frame.passing | {(frame.scope, name) for name in names}
    _run(frame, x, take, "break" in ends, passing)
    return None if "break" in ends else frame.execute(node.orelse)


def run_at_once(frame: Frame, node: ast.For, source: Any) -> Ended | None:
    """A loop over a generator that can be run into it."""
    x = entered(frame, source)
    if may_loop(frame, node, x):
        return Ended(run_loop(frame, node, x))
    if x is not source:  # what ``__iter__`` has given
        return Ended(
            unroll_for(frame, node, x, "a generator that Python goes through item by item")
        )
    return None


def may_loop(frame: Frame, node: ast.For, x: Any) -> bool:
    """Whether a loop over an object can be run so."""
    if type(x) is not TracedGenerator or suspends_in(node.body):
        return False
    ends = staging.escapes(node.body)
    return (
        "return" not in ends
        and not ("break" in ends and node.orelse)
        and can_push(frame, x, node.iter, "break" in ends)
    )


def suspends_in(statements: Sequence[ast.stmt]) -> bool:
    """Whether there is a ``yield`` or ``await`` in statements."""
    return any(map(suspends, statements))


def collected(frame: Frame, x: Any, node: ast.AST, with_length: bool = False) -> Any:
    """The list of the values of a generator, for a function that takes them all; anything else as it is."""
    given, x = x, entered(frame, x)
    if with_length and x is not given:
        asks_length(frame, given)
    argument = node.args[0] if isinstance(node, ast.Call) and node.args else None
    if not can_push(frame, x, argument):
        return x
    made = frame.trace.fresh(frame.trace.new_list())
    _run(frame, x, made.append, held=made)
    return made


def _pairs(frame: Frame, x: Any, node: ast.AST) -> Any:
    """What ``dict`` is given: of an object with an ``__iter__`` it may ask for ``keys`` instead."""
    return collected(frame, x, node) if type(x) is TracedGenerator else x


def entered(frame: Frame, x: Any) -> Any:
    """What a loop goes through of an object whose class has an ``__iter__`` of the user's: a generator, perhaps."""
    kinds = (Tracer, StoredList, LazySequence, TracedGenerator, TracedIterator)
    if choices.is_choice(x) or isinstance(x, kinds):
        return x
    if isinstance(x, HoldsTracers) and x.is_keyed:
        return x.through()  # type: ignore[attr-defined]
    method = functions.own_method(frame, x, "__iter__")
    if isinstance(method, Closure) or (isinstance(method, FunctionType) and not is_library(method)):
        made = call(frame, method, [x], {}, frame.scope.syntax.node)
        return iterator_of(frame, made)
    if method is None and asked_for_items(frame, x):
        return functions.run_text(frame.trace, library_in_python.of_sequence, x)
    return x


def _run(
    frame: Frame,
    x: TracedGenerator,
    take: Callable[[Any], Any],
    may_end: bool = False,
    passing: frozenset[tuple[Scope, str]] = frozenset(),
    held: Any = None,
) -> None:
    """Run a generator to its end, or until ``take`` says that it has enough."""
    assert x.body is not None
    inner, node = x.body
    x.steps.close()  # whoever asks it from now on finds it ended
    syntax = inner.scope.syntax
    inner.scope.syntax = replace(syntax, assigned=syntax.assigned | {ITEM, LEFT})
    whole = copy.copy(node)
    stays = _assigned(LEFT, False, node.body[0])
    whole.body = [stays, *_pushing(node.body, take, may_end), _left(node.body[-1])]
    inner.is_pushed, inner.passing = True, passing
    holders = [frame.scope, held]  # what those may have who take the values
    frame.trace.in_hand.append(holders)
    frame.trace.is_alone = True
    try:
        functions.run_body(inner, whole)
    except Stopped as stopped:
        raise stopped.error from None
    except StopIteration as error:
        if x.kind is GeneratorType:  # Python's own iterators end there
            raise RuntimeError("generator raised StopIteration") from error
    finally:
        frame.trace.in_hand[:] = [x for x in frame.trace.in_hand if x is not holders]


def _pushing(
    statements: Sequence[ast.stmt],
    take: Callable[[Any], Any],
    may_end: bool,
    in_loop: bool = False,
) -> list[ast.stmt]:
    """The statements of a generator with what is done in the place of each ``yield``."""
    made: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield):
            pushed = ast.copy_location(Pushed(statement.value.value, take), statement.value)
            one: ast.stmt = ast.Expr(pushed)
            if may_end:
                one = ast.If(pushed, _ending(statement, in_loop), [])
            made.append(ast.copy_location(one, statement))
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.YieldFrom):
            target = ast.copy_location(ast.Name(ITEM, ast.Store()), statement)
            item = ast.copy_location(ast.Name(ITEM, ast.Load()), statement)
            inner = ast.copy_location(
                ast.Expr(ast.copy_location(ast.Yield(item), statement)), statement
            )
            loop = ast.For(target, statement.value.value, [inner], [])
            made += _pushing_loop(ast.copy_location(loop, statement), take, may_end, in_loop)
        elif isinstance(statement, ast.Return):  # what it returns is nobody's
            if statement.value is not None:
                made.append(ast.copy_location(ast.Expr(statement.value), statement))
            made += _ending(statement, in_loop)
        elif isinstance(statement, (ast.For, ast.While)):
            made += _pushing_loop(statement, take, may_end, in_loop)
        elif isinstance(statement, ast.If):
            changed = copy.copy(statement)
            changed.body = _pushing(statement.body, take, may_end, in_loop)
            changed.orelse = _pushing(statement.orelse, take, may_end, in_loop)
            made.append(changed)
        else:
            made.append(statement)
    return made


def _pushing_loop(
    loop: ast.For | ast.While, take: Callable[[Any], Any], may_end: bool, in_loop: bool
) -> list[ast.stmt]:
    """A loop of a generator; what ends the generator in it leaves the loop, and then what is around it."""
    changed = copy.copy(loop)
    changed.body = _pushing(loop.body, take, may_end, in_loop=True)
    changed.orelse = _pushing(loop.orelse, take, may_end, in_loop)
    inside = [n for statement in changed.body for n in ast.walk(statement)]
    if not any(isinstance(n, ast.Name) and n.id == LEFT for n in inside):
        return [changed]
    left = ast.copy_location(ast.Name(LEFT, ast.Load()), loop)
    return [changed, ast.copy_location(ast.If(left, _ending(loop, in_loop), []), loop)]


def _ending(at: ast.stmt, in_loop: bool) -> list[ast.stmt]:
    """The end of a generator: a loop can be left as one of the program, which a ``return`` in it may be not."""
    if not in_loop:
        return [_left(at)]
    return [_assigned(LEFT, True, at), ast.copy_location(ast.Break(), at)]


def _assigned(name: str, value: bool, at: ast.stmt) -> ast.stmt:
    target = ast.copy_location(ast.Name(name, ast.Store()), at)
    return ast.copy_location(ast.Assign([target], _constant(value, at)), at)


def _left(at: ast.stmt) -> ast.Return:
    """The end of a generator, as a return of a number, which a loop of a program can carry."""
    return ast.copy_location(ast.Return(ast.copy_location(ast.Constant(0), at)), at)


def _ended(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The body of a loop as that of a function which tells whether the loop has ended."""
    made: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, (ast.Break, ast.Continue)):
            is_end = isinstance(statement, ast.Break)
            made.append(ast.copy_location(ast.Return(_constant(is_end, statement)), statement))
        elif isinstance(statement, (ast.For, ast.While)):
            loop = copy.copy(statement)
            loop.orelse = _ended(statement.orelse)
            made.append(loop)
        else:
            changed = copy.copy(statement)
            for name, part in _blocks(statement):
                setattr(changed, name, part)
            made.append(changed)
    return made


def _blocks(statement: ast.stmt) -> Iterator[tuple[str, Any]]:
    """The statements inside of one, as parts of the body of a function."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return
    for name in ("body", "orelse", "finalbody"):
        part = getattr(statement, name, None)
        if isinstance(part, list) and part:
            yield name, _ended(part)
    for name in ("handlers", "cases"):
        parts = []
        for part in getattr(statement, name, ()):
            changed = copy.copy(part)
            changed.body = _ended(part.body)
            parts.append(changed)
        if parts:
            yield name, parts


def _constant(value: bool, at: ast.AST) -> ast.Constant:
    return ast.copy_location(ast.Constant(value), at)


AT_ONCE.append(run_at_once)
for _function in (sum, min, max, set, frozenset, deque, math.fsum, math.prod):
    TAKES_ALL[_function] = collected
TAKES_ALL[dict] = _pairs
for _maker in (list, tuple, sorted):
    TAKES_ALL[_maker] = partial(collected, with_length=True)

__all__ = ["can_push", "collected", "run_at_once"]
