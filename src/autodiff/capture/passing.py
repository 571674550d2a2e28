"""Python's functions that go through what a loop can go through: each is that loop.

    all(x > 0 for x in xs)       for x in xs: if not x > 0: result = False; break
    map(f, xs, ys)               for row in zip(xs, ys): made.append(f(*row))
    functools.reduce(f, xs)      for x in xs[1:]: result = f(result, x)
    sorted(xs, key=f)            the rows of an array, by ``np.argsort`` of the keys

So a list of numbers gives one program for all lengths (:mod:`~autodiff.capture.given`), as long as
loops over it do.  A sequence of a few items, or of items that no loop can carry, is gone through by
Python.

The loops are written here as text, and interpreted as if they stood where the function is called.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from autodiff.capture import python_builtins
from autodiff.capture.calls import SPECIAL, call, iterate
from autodiff.capture.conditions import truth
from autodiff.capture.expressions import is_long, own_truth
from autodiff.capture.frames import ComprehensionScope
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import call_library
from autodiff.capture.lists import TracedList, ordered, rows_of, separate
from autodiff.capture.loops import IN_TURN, roll_or_peel
from autodiff.capture.regions import Slot, is_numeric
from autodiff.capture.sequences import LazySequence, lazy_sequence, lazy_zip
from autodiff.capture.trace import is_iterator
from autodiff.dims import Dim, bounds
from autodiff.ladder import Bail
from autodiff.ops.either import is_array
from autodiff.ops.tracer import Tracer, as_tracer


def lazily(frame: Frame, *sequences: Any) -> LazySequence | None:
    """What is gone through, as one sequence (of tuples, if there are several), if a loop shall be made."""
    if not frame.trace.tier.rolls:
        return None
    lazy = lazy_sequence(frame, sequences[0]) if len(sequences) == 1 else lazy_zip(frame, sequences)
    return lazy if lazy is not None and is_long(lazy) else None


def run_loop(
    frame: Frame, text: str, sequence: LazySequence, **known: Any
) -> dict[str, Any] | None:
    """The variables of a loop over ``sequence``, ``for item in …``; None where it cannot be rolled."""
    loop = ast.parse(text).body[0]
    assert isinstance(loop, ast.For)
    here = frame.trace.builder.source
    for part in ast.walk(loop):
        if isinstance(part, (ast.expr, ast.stmt)):
            part.lineno = part.end_lineno = 1 if here is None else here.line
            part.col_offset = 0 if here is None else here.column
            part.end_col_offset = 1 if here is None else here.end_column
    names = {n.id for n in ast.walk(loop) if isinstance(n, ast.Name)}
    scope = ComprehensionScope(frame.scope, frozenset(names))
    scope.locals.update(known)
    after = roll_or_peel(Frame(frame.trace, scope, frame.name), loop, sequence)
    if isinstance(after, Bail):
        return None
    after()
    return scope.locals


def _made_by(frame: Frame, text: str, sequence: LazySequence, **known: Any) -> Any:
    """The list that a loop has filled, as what is gone through once; None where there is no loop."""
    made = frame.trace.fresh(frame.trace.new_list())
    if run_loop(frame, text, sequence, made=made, **known) is None:
        return None
    return _gone_through(frame, made)


def _gone_through(frame: Frame, made: Any) -> Any:
    """A list that nobody else has, as what is gone through once."""
    lazy = lazy_sequence(frame, made)
    return iter(list(made)) if lazy is None else replace(lazy, whole=made)


def whole(frame: Frame, sequence: Any) -> Any:
    """The list of what is gone through, where a loop makes it; else the sequence itself."""
    if not isinstance(sequence, LazySequence):
        return sequence
    if sequence.whole is not None:
        return sequence.whole
    lazy = lazily(frame, sequence)
    if lazy is None:
        return sequence
    found = _made_by(frame, "for item in sequence:\n    made.append(item)", lazy)
    return found.whole if isinstance(found, LazySequence) else sequence


def _taking_all(function: Any) -> Callable[..., Any]:
    """A function that goes through all of its argument, before anything else happens."""
    handler = python_builtins.FUNCTIONS.get(function)

    def run(frame: Frame, *args: Any, **words: Any) -> Any:
        args = (whole(frame, args[0]), *args[1:]) if args else args
        if handler is not None:
            return handler(frame, *args, **words)
        return call_library(frame, function, list(args), words, frame.scope.syntax.node)

    return run


def _some(frame: Frame, sequence: LazySequence) -> bool:
    """Whether there are items: decided at this call where it depends on the list."""
    low, _ = bounds(sequence.count)
    if low is not None and low > 0:
        return True
    count = sequence.count
    return bool(np.greater(as_tracer(count), 0)) if isinstance(count, Dim) else count > 0


# -- truth -------------------------------------------------------------------------------------------
_ANY = "for item in sequence:\n    if item:\n        result = True\n        break"
_ALL = "for item in sequence:\n    if not item:\n        result = False\n        break"


def _any_all(stop: bool) -> Callable[..., Any]:
    def run(frame: Frame, sequence: Any) -> Any:
        lazy = lazily(frame, sequence)
        if lazy is not None:
            found = run_loop(frame, _ANY if stop else _ALL, lazy, result=not stop)
            if found is not None:
                return found["result"]
        result: Any = not stop
        for item in iterate(frame, sequence):
            if isinstance(item, Tracer):
                item = truth(item)
                joined = np.logical_or(result, item) if stop else np.logical_and(result, item)
                result = Tracer(joined.value, "python")
            elif bool(own_truth(frame, item)) == stop:
                return stop
        return result

    return run


# -- functions of the items ----------------------------------------------------------------------------
def _map(frame: Frame, function: Any, *sequences: Any) -> Any:
    node = frame.scope.syntax.node
    lazy = lazily(frame, *sequences) if sequences else None
    if lazy is not None:
        row = "*item" if len(sequences) > 1 else "item"
        text = f"for item in sequence:\n    made.append(function({row}))"
        made = _made_by(frame, text, lazy, function=function)
        if made is not None:
            return made
    found = (
        call(frame, function, list(items), {}, node)
        for items in zip(*[iterate(frame, s) for s in sequences], strict=False)
    )
    return _at_once(found, sequences)


def _starmap(frame: Frame, function: Any, sequence: Any) -> Any:
    lazy = lazily(frame, sequence)
    if lazy is not None:
        text = "for item in sequence:\n    made.append(function(*item))"
        made = _made_by(frame, text, lazy, function=function)
        if made is not None:
            return made
    node = frame.scope.syntax.node
    found = (call(frame, function, list(row), {}, node) for row in iterate(frame, sequence))
    return _at_once(found, (sequence,))


def _at_once(found: Iterator[Any], sequences: Sequence[Any]) -> Iterator[Any]:
    """All there is to go through; one by one where that takes items from an iterator."""
    return found if any(is_iterator(s) for s in sequences) else iter(list(found))


def _filter(frame: Frame, function: Any, sequence: Any) -> Any:
    node = frame.scope.syntax.node
    lazy = lazily(frame, sequence)
    if lazy is not None:
        test = "item" if function is None else "function(item)"
        text = f"for item in sequence:\n    if {test}:\n        made.append(item)"
        made = _made_by(frame, text, lazy, function=function)
        if made is not None:
            return made
    found = (
        x
        for x in iterate(frame, sequence)
        if own_truth(frame, x if function is None else call(frame, function, [x], {}, node))
    )
    return _at_once(found, (sequence,))


def _reduce(frame: Frame, function: Any, sequence: Any, *initial: Any) -> Any:
    node = frame.scope.syntax.node
    lazy = lazily(frame, sequence)
    if lazy is not None and (initial or _some(frame, lazy)):
        start, rest = (initial[0], lazy) if initial else (lazy.item(0), lazy.shifted(1))
        text = "for item in sequence:\n    result = function(result, item)"
        found = run_loop(frame, text, rest, function=function, result=start)
        if found is not None:
            return found["result"]
    return functools.reduce(
        lambda a, b: call(frame, function, [a, b], {}, node), iterate(frame, sequence), *initial
    )


def _accumulate(frame: Frame, sequence: Any, function: Any = None, *, initial: Any = None) -> Any:
    node = frame.scope.syntax.node
    function = operator.add if function is None else function
    lazy = lazily(frame, sequence)
    if lazy is not None and (initial is not None or _some(frame, lazy)):
        start, rest = (initial, lazy) if initial is not None else (lazy.item(0), lazy.shifted(1))
        made = frame.trace.fresh(frame.trace.new_list([start]))
        text = "for item in sequence:\n    result = function(result, item)\n    made.append(result)"
        if run_loop(frame, text, rest, function=function, result=start, made=made) is not None:
            return _gone_through(frame, made)
    found = itertools.accumulate(
        iterate(frame, sequence),
        lambda a, b: call(frame, function, [a, b], {}, node),
        initial=initial,
    )
    return _at_once(found, (sequence,))


def _pairwise(frame: Frame, sequence: Any) -> Any:
    lazy = lazily(frame, sequence)
    low = None if lazy is None else bounds(lazy.count)[0]
    if lazy is not None and low is not None and low > 0:
        item = lazy.item
        return LazySequence(lazy.count - 1, lambda k: (item(k), item(k + 1)), lazy.lists)
    return itertools.pairwise(iterate(frame, sequence))


# -- functions that a loop calls in turn ----------------------------------------------------------------
def called_in_turn(frame: Frame, node: ast.For) -> Any:
    """What ``for y in map(f, xs)`` goes through, each ``f(x)`` in its pass; None of other loops.

    So it is for ``filter``, unless the test is one of the item and of what the body leaves alone.
    """
    made = node.iter
    if not isinstance(made, ast.Call) or not isinstance(made.func, ast.Name) or made.keywords:
        return None
    if made.func.id not in ("map", "filter") or len(made.args) < 2:
        return None
    if any(isinstance(x, ast.Starred) for x in made.args):
        return None
    of = frame.evaluate(made.func)
    if of not in (map, filter):
        return None
    function, *sources = [frame.evaluate(x) for x in made.args]
    if of is filter and len(sources) == 1:
        takes = is_iterator(sources[0]) or isinstance(sources[0], TracedGenerator)
        if not takes and _is_apart(frame, made.args[0], node.body):
            return call(frame, filter, [function, sources[0]], {}, made)
        return _kept_in_turn(frame, function, sources[0], made)
    source = sources[0] if len(sources) == 1 else call(frame, zip, sources, {}, made)
    alone = len(sources) == 1
    sequence = lazy_sequence(frame, source) if frame.trace.tier.rolls else None

    def of_item(item: Any) -> Any:
        return call(frame, function, [item] if alone else list(item), {}, made)

    if sequence is None:
        return map(of_item, iterate(frame, source))
    item = sequence.item
    return replace(sequence, item=lambda k: of_item(item(k)), whole=None)


def _kept_in_turn(frame: Frame, function: Any, source: Any, node: ast.Call) -> Iterator[Any]:
    for x in iterate(frame, source):
        if own_truth(frame, x if function is None else call(frame, function, [x], {}, node)):
            yield x


def _is_apart(frame: Frame, test: ast.expr, body: Sequence[ast.stmt]) -> bool:
    """Whether a test says the same whenever it is asked: a lambda of names that the body does not bind, and of modules."""
    if isinstance(test, ast.Constant):
        return True
    if not isinstance(test, ast.Lambda):
        return False
    bound = {
        n.id
        for statement in body
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    mine = {x.arg for x in test.args.args}
    modules = set[ast.AST]()
    for part in ast.walk(test.body):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            if isinstance(frame.scope.globals.get(part.value.id), ModuleType):
                modules |= {part, part.value}
    for part in ast.walk(test.body):
        if isinstance(part, ast.Name) and part.id not in mine and part not in modules:
            if part.id in bound or not _is_number(frame, part):
                return False
        elif (
            isinstance(part, ast.Call)
            and part.func not in modules
            or isinstance(part, (ast.Attribute, ast.NamedExpr, ast.Lambda))
            and part not in modules
        ):
            return False
    return True


def _is_number(frame: Frame, node: ast.Name) -> bool:
    owner = frame.scope.owner(node.id)
    return (
        owner is not None
        and is_numeric(owner.locals.get(node.id))
        and not is_array(owner.locals[node.id])
    )


# -- order ---------------------------------------------------------------------------------------------
def _sorted(frame: Frame, sequence: Any, /, *, key: Any = None, reverse: Any = False) -> Any:
    node = frame.scope.syntax.node
    sequence = whole(frame, sequence)
    if not isinstance(sequence, (list, tuple)):
        sequence = SPECIAL[list](frame, sequence)
    if frame.trace.tier.rolls and not frame.trace.is_external(sequence):
        items = rows_of(sequence)
        if items is not None:
            keys = items[0] if key is None else _keys(frame, sequence, key)
            if keys is not None:
                rows = ordered(items[0], keys, bool(reverse))
                return _list_of(frame, sequence, rows, items[1])
    words = {} if key is None else {"key": key}
    return call_library(frame, sorted, [sequence], {**words, "reverse": reverse}, node)


def _keys(frame: Frame, sequence: Any, key: Any) -> Tracer | None:
    lazy = lazily(frame, sequence)
    if lazy is None:
        node = frame.scope.syntax.node
        found = rows_of([call(frame, key, [x], {}, node) for x in sequence])
        return None if found is None else found[0]
    made: Any = frame.trace.new_list()
    text = "for item in sequence:\n    made.append(key(item))"
    if run_loop(frame, text, lazy, made=made, key=key) is None:
        return None
    rows: Tracer | None = made.numbers()
    return rows


def _list_of(frame: Frame, like: Any, rows: Tracer, slot: Slot) -> Any:
    """A list of the rows of an array."""
    if isinstance(like, TracedList) and like.is_stored():
        made: Any = frame.trace.new_list()
        made.fill(rows, slot)
    else:
        made = frame.trace.new_list(separate(rows, slot))
    frame.trace.fresh(made)
    return made


def _extreme(function: Any, sign: str) -> Callable[..., Any]:
    def run(frame: Frame, *args: Any, **words: Any) -> Any:
        one = len(args) == 1 and set(words) <= {"key", "default"}
        lazy = lazily(frame, args[0]) if one else None
        if lazy is not None and "default" in words:
            if not _some(frame, lazy):
                return words["default"]
            words = {name: x for name, x in words.items() if name != "default"}
        args = (whole(frame, args[0]), *args[1:]) if lazy is not None else args
        key = words.get("key")
        if lazy is not None and key is not None and _some(frame, lazy):
            first, node = lazy.item(0), frame.scope.syntax.node
            text = (
                "for item in sequence:\n    value = key(item)\n"
                f"    if value {sign} least:\n        result = item\n        least = value"
            )
            least = call(frame, key, [first], {}, node)
            known = {"key": key, "result": first, "least": least}
            found = run_loop(frame, text, lazy.shifted(1), **known)
            if found is not None:
                return found["result"]
        return call_library(frame, function, list(args), words, frame.scope.syntax.node)

    return run


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    any: _any_all(True),
    all: _any_all(False),
    map: _map,
    filter: _filter,
    sorted: _sorted,
    min: _extreme(min, "<"),
    max: _extreme(max, ">"),
    functools.reduce: _reduce,
    itertools.accumulate: _accumulate,
    itertools.pairwise: _pairwise,
    itertools.starmap: _starmap,
    **{f: _taking_all(f) for f in (list, tuple, sum, math.fsum, math.prod, np.array, np.asarray)},
}

SPECIAL.update(FUNCTIONS)

IN_TURN.append(called_in_turn)

__all__ = ["FUNCTIONS"]
