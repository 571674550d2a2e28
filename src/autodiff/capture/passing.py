"""Python's functions that go through what a loop can go through: each is that loop.

    all(x > 0 for x in xs)       for x in xs: if not x > 0: result = False; break
    functools.reduce(f, xs)      for x in xs[1:]: result = f(result, x)
    sorted(xs, key=f)            the rows of an array, by ``np.argsort`` of the keys
    heapq.heappush(heap, x)      heap.append(x), then x goes up while what is above it is greater

So a list of numbers gives one program for all lengths (:mod:`~autodiff.capture.given`), as long as
loops over it do.  A sequence of a few items, or of items that no loop can carry, is gone through by
Python.

The loops are written here as text, and interpreted as if they stood where the function is called.
"""

from __future__ import annotations

import ast
import bisect
import functools
import heapq
import itertools
import math
import operator
from collections.abc import Callable, ValuesView
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture import library_in_python, python_builtins
from autodiff.capture.calls import SPECIAL, answer_later, call, iterate
from autodiff.capture.conditions import truth
from autodiff.capture.contents import columns_of, layout_of, with_columns
from autodiff.capture.frames import ComprehensionScope
from autodiff.capture.functions import run_text
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.given import TracedTuple
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import Iterating, TracedIterator
from autodiff.capture.library import call_library
from autodiff.capture.lists import (
    TracedList,
    in_order,
    is_stored,
    order_of,
    ordered,
    rows_of,
    separate,
)
from autodiff.capture.operators import own_truth
from autodiff.capture.records import Number, Several, Typed, has_lists
from autodiff.capture.sequences import LazySequence, lazy_sequence
from autodiff.capture.slots import is_numeric
from autodiff.capture.stores import INDEX
from autodiff.dims import Dim, bounds
from autodiff.ladder import Bail
from autodiff.later import later
from autodiff.ops.either import Either, is_array
from autodiff.ops.known import check, known
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer, as_tracer
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture import comprehensions, iterating, loops
    from autodiff.ops import python_builtins as rules
else:
    rules = later("autodiff.ops.python_builtins")
    loops = later("autodiff.capture.loops")
    comprehensions = later("autodiff.capture.comprehensions")
    iterating = later("autodiff.capture.iterating")


MOST_EXCHANGED = 8  # items of a list that are put in order one by one


def lazily(frame: Frame, sequence: Any) -> LazySequence | None:
    """What is gone through, as a sequence, if a loop shall be made."""
    if not frame.trace.tier.rolls:
        return None
    lazy = lazy_sequence(frame, sequence)
    return lazy if lazy is not None and comprehensions.is_long(lazy) else None


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
    after = loops.roll_or_peel(Frame(frame.trace, scope, frame.name), loop, sequence)
    if isinstance(after, Bail):
        return None
    after()
    return scope.locals


def whole(frame: Frame, sequence: Any) -> Any:
    """The list of what is gone through, where a loop makes it; else the sequence itself."""
    if not isinstance(sequence, (LazySequence, TracedIterator)):
        return sequence
    lazy = lazily(frame, sequence)
    if lazy is None:
        return sequence
    made = frame.trace.fresh(frame.trace.new_list())
    found = run_loop(frame, "for item in sequence:\n    made.append(item)", lazy, made=made)
    return sequence if found is None else made


def _taking_all(function: Any) -> Callable[..., Any]:
    """A function that goes through all of its argument, before anything else happens."""
    handler = python_builtins.FUNCTIONS.get(function)

    def run(frame: Frame, *args: Any, **words: Any) -> Any:
        args = (whole(frame, args[0]), *args[1:]) if args else args
        if handler is not None:
            return handler(frame, *args, **words)
        if function in (math.fsum, math.prod) and args and isinstance(args[0], Iterating):
            args = (SPECIAL[list](frame, args[0]), *args[1:])
        return call_library(frame, function, list(args), words, frame.scope.syntax.node)

    return run


def _some(sequence: LazySequence) -> bool:
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
        if not isinstance(sequence, (list, tuple, StoredList, Tracer, comprehensions.Foreseen)):
            # What is behind the item that decides is not asked for.
            text = library_in_python.any_of if stop else library_in_python.all_of
            return run_text(frame.trace, text, iterating.over(frame, sequence))
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
def _reduce(frame: Frame, function: Any, sequence: Any, *initial: Any) -> Any:
    node = frame.scope.syntax.node
    if isinstance(sequence, TracedGenerator):
        reduced = library_in_python.reduced if initial else library_in_python.reduced_from_first
        return run_text(frame.trace, reduced, function, *initial, sequence)
    lazy = lazily(frame, sequence)
    rest = sequence
    if lazy is not None and (initial or _some(lazy)):
        if not initial:
            initial = (lazy.item(0),)
            rest = lazy = _behind_first(frame, lazy)
        text = "for item in sequence:\n    result = function(result, item)"
        found = run_loop(frame, text, lazy, function=function, result=initial[0])
        if found is not None:
            return found["result"]
    return functools.reduce(
        lambda a, b: call(frame, function, [a, b], {}, node), iterate(frame, rest), *initial
    )


def _behind_first(frame: Frame, lazy: LazySequence) -> LazySequence:
    """A sequence without its first item, which has been taken."""
    source = lazy.source
    if source is None:
        return lazy.shifted(1)
    source.move(1, False)
    return lazy_sequence(frame, source) or lazy.shifted(1)


# -- order ---------------------------------------------------------------------------------------------
def _sorted(frame: Frame, sequence: Any, /, *, key: Any = None, reverse: Any = False) -> Any:
    node = frame.scope.syntax.node
    given = sequence = whole(frame, sequence)
    if key is not None and isinstance(sequence, range) and lazily(frame, sequence) is not None:
        sequence = frame.trace.fresh(frame.trace.new_list())
        sequence.fill(Tracer.constant(np.array(given)), INDEX)
    if not isinstance(sequence, (list, tuple)) or isinstance(sequence, TracedTuple):
        given = sequence = SPECIAL[list](frame, sequence)
    if frame.trace.tier.rolls and not frame.trace.is_external(sequence):
        items, is_open = rows_of(sequence), layout_of(sequence) is not None
        keys = sequence
        if key is not None:
            keys = _keys(frame, sequence, key) if is_open or items is not None else None
        columns = _columns_in_order(sequence, keys, bool(reverse))
        if columns is not None:
            return with_columns(sequence, columns)
        if key is None and items is None and isinstance(sequence, list) and not is_stored(sequence):
            told = in_order(list(list.__iter__(sequence)), bool(reverse))
            if told is not None:
                return frame.trace.fresh(frame.trace.new_list(told))
        found = None if items is None else rows_of(keys)
        if items is not None and found is not None:
            rows = ordered(items[0], found[0], bool(reverse))
            made: Any = frame.trace.fresh(frame.trace.new_list())
            if isinstance(sequence, TracedList) and sequence.is_stored():  # a row of a pool
                made.fill(rows, items[1])
            else:
                list.extend(made, separate(rows, items[1]))
            return made
        if keys is None and key is not None and _may_be_exchanged(frame, sequence):
            keys = _keys(frame, sequence, key)
            told = _by_exchanges(frame, list(sequence), keys, bool(reverse))
            if told is not None:
                return frame.trace.fresh(frame.trace.new_list(told))
        if key is not None and keys is not None:
            key = functools.partial(next, iter(keys))  # which have been asked for, in this order
    words = {} if key is None else {"key": key}
    return call_library(frame, sorted, [given], {**words, "reverse": reverse}, node)


def _sort(frame: Frame, target: TracedList, *args: Any, **words: Any) -> None:
    """``xs.sort(key=f)``."""
    key, reverse = words.get("key"), words.get("reverse", False)
    if not args and key is not None and frame.trace.tier.rolls and layout_of(target) is not None:
        keys = _keys(frame, target, key)
        columns = _columns_in_order(target, keys, bool(reverse))
        if columns is not None:
            target.reorder(columns)
            return
        words = {**words, "key": functools.partial(next, iter(keys))}
    elif not args and key is not None and _may_be_exchanged(frame, target):
        keys = _keys(frame, target, key)
        told = _by_exchanges(frame, list(target), keys, bool(reverse))
        if told is not None:
            target.put_in_order(told)
            return
        words = {**words, "key": functools.partial(next, iter(keys))}
    call_library(frame, target.sort, list(args), words, frame.scope.syntax.node)


def _may_be_exchanged(frame: Frame, items: Any) -> bool:
    """Whether there are so few items of a list in a branch or loop that they may be exchanged one by one."""
    if not (frame.trace.tier.rolls and frame.trace.builder.stack):
        return False
    return (
        not (is_stored(items) or frame.trace.is_external(items))
        and 2 <= len(items) <= MOST_EXCHANGED
    )


def _by_exchanges(frame: Frame, items: list[Any], keys: Any, reverse: bool) -> list[Any] | None:
    """Items in the order of their keys, which are exchanged under conditions: the items are what they were, no copies.

    None where Python compares the keys, or something else than numbers.
    """
    keys = list(keys)
    if not all(is_numeric(x) and not is_array(x) for x in keys) or not any(
        isinstance(x, Either) or (isinstance(x, Tracer) and known(x) is None) for x in keys
    ):
        return None
    text = library_in_python.exchanged_to_fall if reverse else library_in_python.exchanged_to_rise
    for key in keys:
        number = key.wide if isinstance(key, Either) else as_tracer(key)
        if number.dtype.kind == "f":
            no_nan: Any = np.logical_not(np.isnan(number))
            check(no_nan, "an order of numbers one of which is NaN")
    for end in range(1, len(items)):
        for k in range(end, 0, -1):
            around = slice(k - 1, k + 1)
            items[around], keys[around] = run_text(frame.trace, text, *items[around], *keys[around])
    return items


def _columns_in_order(x: Any, keys: Any, reverse: bool) -> list[Tracer] | None:
    """The columns of a list whose items are in arrays, in order; None where Python must compare items."""
    layout, known = layout_of(x), layout_of(keys)
    if layout is None or (layout.template is not None and has_lists(layout.template)):
        return None
    if known is None or not _are_compared(known.template):
        return None
    of_key = columns_of(keys)[:1] if isinstance(known.template, Typed) else columns_of(keys)
    order = order_of([Tracer(column.value, "array") for column in of_key], reverse)
    return [Tracer(column.value, "array")[order] for column in columns_of(x)]


def _are_compared(template: Any) -> bool:
    """Whether items are numbers, or tuples of numbers, which are compared one after the other."""
    if isinstance(template, Several):
        return issubclass(template.cls, tuple) and all(type(p) is Number for p in template.parts)
    return template is None or isinstance(template, Typed)


def _keys(frame: Frame, sequence: Any, key: Any) -> Any:
    """A list of the keys of items, each asked for once, in order."""
    lazy, node = lazily(frame, sequence), frame.scope.syntax.node
    made: Any = frame.trace.new_list()
    text = "for item in sequence:\n    made.append(key(item))"
    if lazy is not None and run_loop(frame, text, lazy, made=made, key=key) is not None:
        return made
    return [call(frame, key, [x], {}, node) for x in iterate(frame, sequence)]


def _extreme(function: Any, sign: str) -> Callable[..., Any]:
    def run(frame: Frame, *args: Any, **words: Any) -> Any:
        one = len(args) == 1 and set(words) <= {"key", "default"}
        if one and isinstance(args[0], HoldsTracers) and args[0].is_keyed:
            args = (iterate(frame, args[0]),)
        lazy = lazily(frame, args[0]) if one else None
        if lazy is not None and "default" in words:
            if not _some(lazy):
                return words["default"]
            words = {name: x for name, x in words.items() if name != "default"}
        key = words.get("key")
        if lazy is not None and key is None:
            args = (whole(frame, args[0]),)
        elif lazy is not None and _some(lazy):
            return _extreme_by(frame, lazy, key, sign)
        items = args[0] if one else args
        if key is None and _have_records_of_arrays(items):  # of which Python compares what decides
            key = library_in_python.itself
        if key is not None and (
            one
            and isinstance(items, Iterating)
            or _have_arrays(items)
            or key is library_in_python.itself
        ):
            text, is_better = library_in_python.extreme_by, _BETTER[sign]
            empty, best = run_text(frame.trace, text, key, items, is_better)
            if not run_users(bool, empty):
                return best
            args = ([],)
        return call_library(frame, function, list(args), words, frame.scope.syntax.node)

    return run


def _have_arrays(items: Any) -> bool:
    """Whether arrays are among what is compared by a key, of which the best is one of them, not a copy."""
    if isinstance(items, Tracer):
        return len(items.shape) > 1
    if isinstance(items, TracedList) and items.is_stored():
        return False
    return isinstance(items, (list, tuple, ValuesView)) and any(map(is_array, items))


def _have_records_of_arrays(items: Any) -> bool:
    """Whether tuples are compared that hold arrays beside what is compared first."""
    if isinstance(items, TracedList) and items.is_elsewhere():
        slots = [part.store.slot for part in items.parts() if part.store is not None]
        is_tuple = isinstance(items.template, Several) and issubclass(items.template.cls, tuple)
        return is_tuple and any(slot.form == "array" for slot in slots)
    if not isinstance(items, (list, tuple)) or not items:
        return False
    return all(type(x) is tuple and any(map(is_array, x)) for x in items)


_BETTER = {"<": operator.lt, ">": operator.gt}


def _extreme_by(frame: Frame, lazy: LazySequence, key: Any, sign: str) -> Any:
    """What a loop finds that calls ``key`` for each item in turn."""
    first = lazy.item(0)
    rest = _behind_first(frame, lazy)
    text = (
        "for item in sequence:\n    value = key(item)\n"
        f"    if value {sign} least:\n        result = item\n        least = value"
    )
    least = call(frame, key, [first], {}, frame.scope.syntax.node)
    found = run_loop(frame, text, rest, key=key, result=first, least=least)
    if found is not None:
        return found["result"]
    best = library_in_python.best_by
    return run_text(frame.trace, best, key, rest.source or rest, _BETTER[sign], first, least)


# -- heaps and lists in order ---------------------------------------------------------------------------------------------
def _of_heap(function: Any, text: Callable[..., Any]) -> Callable[..., Any]:
    def run(frame: Frame, *args: Any, **words: Any) -> Any:
        if args and isinstance(args[0], TracedList) and not words:
            return run_text(frame.trace, text, *args)
        return call_library(frame, function, list(args), words, frame.scope.syntax.node)

    return run


def _first(reverse: bool) -> Callable[..., Any]:
    """``nsmallest`` and ``nlargest``: the first of the items in order."""

    def run(frame: Frame, n: Any, iterable: Any, key: Any = None) -> Any:
        node = frame.scope.syntax.node
        found = call(frame, sorted, [iterable], {"key": key, "reverse": reverse}, node)
        return found[: max(frame.trace.as_index(n), 0)]

    return run


def _is_less(frame: Frame, a: Any, b: Any) -> Any:
    """``a < b``, of which nothing but its truth is asked: of tuples of numbers without a branch."""
    if _is_row(a) and _is_row(b):
        return rules.goes_before(np.less, a, b)
    return call(frame, operator.lt, [a, b], {}, frame.scope.syntax.node)


def _is_row(x: Any) -> bool:
    """Whether an item is a tuple of numbers, one of which the run computes."""
    if type(x) is not tuple or not any(isinstance(part, Tracer) for part in x):
        return False
    return all(
        is_numeric(part) and not is_array(part) and not isinstance(part, Either) for part in x
    )


def by_its_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of a function that is its text, interpreted."""
    return lambda frame, *args: run_text(frame.trace, function, *args)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    any: _any_all(True),
    all: _any_all(False),
    sorted: _sorted,
    min: _extreme(min, "<"),
    max: _extreme(max, ">"),
    functools.reduce: _reduce,
    TracedList.sort: _sort,
    **{
        getattr(heapq, text.__name__): _of_heap(getattr(heapq, text.__name__), text)
        for text in (
            library_in_python.heapify,
            library_in_python.heappush,
            library_in_python.heappop,
            library_in_python.heapreplace,
            library_in_python.heappushpop,
        )
    },
    bisect.insort_left: _of_heap(bisect.insort_left, library_in_python.insort_left),
    bisect.insort_right: _of_heap(bisect.insort_right, library_in_python.insort_right),
    library_in_python.sift_down: by_its_text(library_in_python.sift_down),
    library_in_python.is_less: _is_less,
    library_in_python.sift_up: by_its_text(library_in_python.sift_up),
    heapq.nsmallest: _first(reverse=False),
    heapq.nlargest: _first(reverse=True),
    **{f: _taking_all(f) for f in (list, tuple, sum, math.fsum, math.prod, np.array, np.asarray)},
}

SPECIAL.update(FUNCTIONS)

answer_later(
    "autodiff.capture.iterating",
    iter, next, zip, enumerate, reversed, map, filter, itertools.starmap, itertools.filterfalse,
    itertools.compress, itertools.takewhile, itertools.dropwhile, itertools.chain,
    itertools.chain.from_iterable, itertools.accumulate, itertools.pairwise, itertools.islice,
    itertools.count, itertools.zip_longest, itertools.groupby,
)  # fmt: skip
answer_later(
    "autodiff.capture.combining",
    itertools.product,
    itertools.combinations,
    itertools.combinations_with_replacement,
    itertools.permutations,
    itertools.cycle,
    itertools.tee,
)

__all__ = ["FUNCTIONS"]
