"""Comprehensions and generator expressions: loops with a scope of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator, Iterator
from typing import Any

from autodiff.capture.access import (
    as_key,
)
from autodiff.capture.assignment import assign
from autodiff.capture.calls import call, dict_made, dict_made_like, iterate
from autodiff.capture.frames import ComprehensionScope, Scope
from autodiff.capture.generators import Stopped, TracedGenerator, passing
from autodiff.capture.inputs import is_library
from autodiff.capture.interpreter import EXPRESSIONS, Frame
from autodiff.capture.iterators import TracedIterator
from autodiff.capture.loops import roll_or_peel, run_at_once
from autodiff.capture.operators import (
    own_truth,
)
from autodiff.capture.sequences import LONGEST_UNROLLED, LazySequence, lazy_sequence
from autodiff.capture.trace import Declined
from autodiff.capture.unrolling import Passes
from autodiff.dims import Dim
from autodiff.ladder import Bail
from autodiff.ops.tracer import Tracer
from autodiff.signals import door, run_users

_FEW = "a comprehension of few items, or over objects"


# -- comprehensions ---------------------------------------------------------------------------------
def _comprehension(
    frame: Frame,
    node: Any,
    elements: Callable[[Frame], Any],
    source: Any = None,
    why: Bail | str = _FEW,
) -> Iterator[Any]:
    targets: set[str] = set()
    for generator in node.generators:
        targets.update(n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name))
    inner = Frame(frame.trace, ComprehensionScope(frame.scope, frozenset(targets)), frame.name)
    first = frame.evaluate(node.generators[0].iter) if source is None else source
    return _generate(inner, node.generators, 0, elements, first, Passes(frame, node, why))


@door
def _suspended(value: Any) -> Iterator[Any]:
    """A value of a generator expression: what is thrown in where it stands is the user's."""
    yield value


def _generate(
    frame: Frame, generators: Any, depth: int, elements: Any, first: Any, passes: Passes
) -> Iterator[Any]:
    if depth == len(generators):
        yield from _suspended(passing(elements, frame))
        return
    generator = generators[depth]
    if generator.is_async:
        raise Declined("asynchronous comprehensions")
    source = first if depth == 0 else passing(frame.evaluate, generator.iter)
    for item in passing(iterate, frame, source):
        assign(frame, generator.target, item)
        if all(passing(_holds, frame, condition) for condition in generator.ifs):
            yield from _generate(frame, generators, depth + 1, elements, None, passes)
        if depth == 0:
            passes.made()
    if depth == 0:
        passes.end()


def _holds(frame: Frame, condition: ast.expr) -> bool:
    return run_users(bool, own_truth(frame, frame.evaluate(condition)))


def _all_of(items: Iterator[Any]) -> list[Any]:
    """The items of a comprehension, which raises what it raises."""
    try:
        return list(items)
    except Stopped as stopped:
        error = stopped.error
    raise error  # here, for in the handler its context would become ours


def _as_generator(items: Iterator[Any]) -> Generator[Any, Any, None]:
    """The items of a generator, of which a StopIteration is a mistake."""
    try:
        yield from items
    except Stopped as stopped:
        raise RuntimeError("generator raised StopIteration") from stopped.error


def list_comprehension(frame: Frame, node: ast.ListComp | ast.GeneratorExp) -> Any:
    """``[x for ...]``: one loop of the program, or its items one by one."""
    rolled = _rolled_comprehension(frame, node)
    if rolled is not None:
        return rolled
    items = _all_of(_comprehension(frame, node, lambda inner: inner.evaluate(node.elt)))
    return frame.trace.fresh(frame.trace.new_list(items))


_RESULT = "<list>"  # no name that a program could have
_SOURCES = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.BinOp, ast.ListComp)


def _rolled_comprehension(frame: Frame, node: ast.ListComp | ast.GeneratorExp) -> Any:
    """The list of a long comprehension, made by a loop that appends; None where it is not one."""
    if not frame.trace.tier.rolls or any(g.is_async for g in node.generators):
        return None
    if not isinstance(node.generators[0].iter, _SOURCES):
        return None
    source = frame.evaluate(node.generators[0].iter)
    append = ast.Call(
        ast.Attribute(ast.Name(_RESULT, ast.Load()), "append", ast.Load()), [node.elt], []
    )
    made = frame.trace.fresh(frame.trace.new_list())
    found = _rolled(frame, node, source, ast.Expr(append), made)
    if isinstance(found, Scope):
        return made
    return _unrolled_comprehension(frame, node, source, found)


def _rolled(frame: Frame, node: Any, source: Any, body: ast.stmt, start: Any) -> Scope | Bail | str:
    """The scope of a loop over ``source`` that does ``body``, or why there is none."""
    sequence = lazy_sequence(frame, source)
    if sequence is None and isinstance(source, (list, tuple, dict, set, str)):
        return _FEW
    targets = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
    scope = ComprehensionScope(frame.scope, frozenset((*targets, _RESULT)))
    scope.locals[_RESULT] = start
    loop = _nested_loops(node, body, node.generators[0].iter)
    inner = Frame(frame.trace, scope, frame.name)
    if sequence is None and run_at_once(inner, loop, source) is not None:
        return scope
    if sequence is None or not (is_long(sequence) or _makes_objects(inner, node, sequence)):
        return _FEW
    after = roll_or_peel(inner, loop, sequence)
    if isinstance(after, Bail):
        return after
    after()
    return scope


def _makes_objects(frame: Frame, node: ast.ListComp | ast.GeneratorExp, sequence: Any) -> bool:
    """Whether a list gets more than a few objects of a class of the user's.

    Such a list is made for loops that go through it, in one another often, which are one loop if it is.
    """
    made = node.elt
    if sequence.count <= LONGEST_UNROLLED or not isinstance(node, ast.ListComp):
        return False
    if not (isinstance(made, ast.Call) and isinstance(made.func, ast.Name)):
        return False
    cls = frame.evaluate(made.func)
    return isinstance(cls, type) and not is_library(cls)


def rolled_truth(frame: Frame, node: ast.GeneratorExp, stop: bool) -> Any:
    """``any(…)`` or ``all(…)`` of a long comprehension, by a loop that ends early; else its items."""
    first = node.generators[0]
    if not frame.trace.tier.rolls or len(node.generators) > 1 or first.is_async:
        return frame.evaluate(node)
    if not isinstance(first.iter, _SOURCES):
        return frame.evaluate(node)
    source = frame.evaluate(first.iter)
    if isinstance(source, (TracedIterator, TracedGenerator)):
        return generator_expression(frame, node, source)
    test = node.elt if stop else ast.UnaryOp(ast.Not(), node.elt)
    found = ast.Assign([ast.Name(_RESULT, ast.Store())], ast.Constant(stop))
    body = ast.If(test, [found, ast.Break()], [])
    scope = _rolled(frame, node, source, body, not stop)
    if isinstance(scope, Scope):
        return scope.locals[_RESULT]
    items = _comprehension(frame, node, lambda inner: inner.evaluate(node.elt), source, scope)
    if isinstance(source, (list, tuple, range, Tracer, LazySequence)) and _says_only(node):
        return Foreseen(items)
    return frame.trace.fresh(items)


class Foreseen:
    """Items that may all be asked for, whether Python would or not: nobody can tell."""

    def __init__(self, items: Iterator[Any]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return self.items


# What is compared and computed without a call, and without an exception that a value decides.
_HARMLESS = (
    *(ast.Compare, ast.UnaryOp, ast.BoolOp, ast.Name, ast.Constant),
    *(ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context),
)


def _says_only(node: ast.GeneratorExp) -> bool:
    """Whether a condition on the items of a sequence does nothing else, so that it does not matter of how many it is asked."""
    parts = [node.elt, *node.generators[0].ifs]
    return all(is_harmless(part) for outer in parts for part in ast.walk(outer))


def is_harmless(node: ast.AST, more: tuple[type, ...] = ()) -> bool:
    """Whether a part of an expression only names, compares, adds or multiplies; ``more``: or is one of these."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, (ast.Add, ast.Sub, ast.Mult))
    return isinstance(node, (*_HARMLESS, *more))


def is_long(sequence: Any) -> bool:
    """Whether a sequence has so many items, or an unknown number, that a loop is made of them."""
    return isinstance(sequence.count, Dim) or sequence.count > LONGEST_UNROLLED_COMPREHENSION


LONGEST_UNROLLED_COMPREHENSION = 8


def _unrolled_comprehension(frame: Frame, node: Any, source: Any, why: Bail | str) -> Any:
    found = _comprehension(frame, node, lambda inner: inner.evaluate(node.elt), source, why)
    items = _all_of(found)
    return frame.trace.fresh(frame.trace.new_list(items))


def set_comprehension(frame: Frame, node: ast.SetComp) -> Any:
    """``{x for ...}``."""
    return frame.trace.fresh(
        set(
            _all_of(
                _comprehension(frame, node, lambda inner: as_key(inner, inner.evaluate(node.elt)))
            )
        )
    )


def dict_comprehension(frame: Frame, node: ast.DictComp) -> Any:
    """``{key: value for ...}``."""

    def pair(inner: Frame) -> tuple[Any, Any]:
        return as_key(inner, inner.evaluate(node.key)), inner.evaluate(node.value)

    source = None
    if isinstance(node.generators[0].iter, _SOURCES) and frame.trace.has_keyed:
        source = frame.evaluate(node.generators[0].iter)
        made = dict_made_like(frame, node, source)
        if made is not None:
            place = ast.Subscript(ast.Name(_RESULT, ast.Load()), node.key, ast.Store())
            store = ast.Assign([place], node.value)
            if isinstance(_rolled(frame, node, source, store, made), Scope):
                return made
            made.refuse_unknown("a comprehension")
    return dict_made(frame, node, dict(_all_of(_comprehension(frame, node, pair, source))))


_FIRST = "<first>"


def generator_expression(frame: Frame, node: ast.GeneratorExp, source: Any = None) -> Any:
    """A generator like the user's own: a loop may be run into it, else it stands still between items."""
    source = frame.evaluate(node.generators[0].iter) if source is None else source
    first = call(frame, iter, [source], {}, node)
    items = _comprehension(frame, node, lambda inner: inner.evaluate(node.elt), first)
    steps = _as_generator(items)
    if any(g.is_async for g in node.generators):
        return frame.trace.fresh(steps)
    targets = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
    scope = ComprehensionScope(frame.scope, frozenset((*targets, _FIRST)))
    scope.locals[_FIRST] = first
    body = _nested_loops(node, ast.Expr(ast.Yield(node.elt)), ast.Name(_FIRST, ast.Load()))
    function = ast.FunctionDef("<genexpr>", _NO_ARGUMENTS, [body], [])
    ast.copy_location(function, node)
    return TracedGenerator(frame.trace, steps, (Frame(frame.trace, scope, frame.name), function))


_NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])


def _nested_loops(node: Any, body: ast.stmt, first: ast.expr) -> ast.For:
    """The loops of a comprehension, the outermost over ``first``, with ``body`` in the innermost."""
    for g in reversed(node.generators):
        for condition in reversed(g.ifs):
            body = ast.If(condition, [body], [])
        body = ast.For(g.target, first if g is node.generators[0] else g.iter, [body], [])
    for part in ast.walk(body):
        if isinstance(part, (ast.expr, ast.stmt)) and not hasattr(part, "lineno"):
            ast.copy_location(part, node)
    assert isinstance(body, ast.For)
    return body


EXPRESSIONS.update(
    {
        ast.ListComp: list_comprehension,
        ast.SetComp: set_comprehension,
        ast.DictComp: dict_comprehension,
        ast.GeneratorExp: generator_expression,
    }
)
