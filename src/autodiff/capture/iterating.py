"""Python's functions that give iterators: ``iter``, ``zip``, ``map``, ``filter``, those of ``itertools``.

    zip(xs, ys), enumerate(xs), map(f, xs)      a sequence that a loop can be rolled over
    filter(f, xs), takewhile(f, xs), zip(g())   a generator, into which a loop can be run
    groupby, product, tee, ...                  Python's own, which asks ours item by item

Nothing is taken, and no function is called, before an item is asked for.
"""

from __future__ import annotations

import itertools
import operator
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture import library_in_python
from autodiff.capture.access import load_item
from autodiff.capture.calls import SPECIAL, call, is_asked, iterate
from autodiff.capture.functions import own_method, run_text
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import Iterating, TracedIterator, named
from autodiff.capture.library import call_library
from autodiff.capture.origins import type_of
from autodiff.capture.sequences import LazySequence, lazy_sequence
from autodiff.dims import (
    Dim,
    Extent,
    UndecidedExtent,
    at_least,
    bounds,
    maximum,
    minimum,
    same,
)
from autodiff.later import later
from autodiff.ops.dispatch import builtin_functions, extent_of
from autodiff.ops.known import type_name
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer, as_tracer
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture import staging
else:
    staging = later("autodiff.capture.staging")

ENDLESS = 2**62  # items of an iterator that does not end, where a number has to stand for that


# -- the iterators -------------------------------------------------------------------------------------
class OverSequence(TracedIterator):
    """``iter(xs)`` of a list, a tuple, a range, a string or an array."""

    def __init__(self, frame: Frame, sequence: Any) -> None:
        super().__init__(frame.trace)
        self.frame = frame
        self.sequence = sequence
        self.taken: Any = 0

    def steps(self) -> Iterator[Any]:
        items = iterate(self.frame, self.sequence)
        if not (isinstance(self.taken, int) and self.taken == 0):
            whole = lazy_sequence(self.frame, self.sequence)
            assert whole is not None  # a loop has gone through some of it
            items = whole.shifted(self.taken)
        for item in items:
            self.taken = self.taken + 1
            yield item
        self.has_ended = True

    def rest(self, frame: Frame) -> LazySequence | None:
        whole = lazy_sequence(frame, self.sequence)
        if whole is None or (isinstance(self.taken, int) and self.taken == 0):
            return whole
        return whole.shifted(self.taken)

    def move(self, count: Any, ends: bool) -> None:
        self.taken = self.taken + count
        self.running = None
        self.has_ended = ends


class Strided(OverSequence):
    """``itertools.islice(xs, start, stop, step)`` of a list, a tuple, a range or an array."""

    def __init__(self, frame: Frame, sequence: Any, start: int, stop: int | None, step: int):
        super().__init__(frame, sequence)
        self.limits = start, stop, step

    def steps(self) -> Iterator[Any]:
        start, stop, step = self.limits
        items: Any = iterate(self.frame, self.sequence)
        items = itertools.islice(items, start + _concrete(self.taken) * step, stop, step)
        for item in items:
            self.taken = self.taken + 1
            yield item
        self.has_ended = True

    def rest(self, frame: Frame) -> LazySequence | None:
        whole = lazy_sequence(frame, self.sequence)
        if whole is None:
            return None
        start, stop, step = self.limits
        count, item = whole.count, whole.item
        count = count if stop is None else minimum(count, stop)
        count = maximum((count - start + step - 1) // step, 0)
        own = replace(whole, count=count, item=lambda k: item(k * step + start))
        return own if isinstance(self.taken, int) and self.taken == 0 else own.shifted(self.taken)


class Backwards(TracedIterator):
    """``reversed(xs)`` of a list or array: from what was the last item on, as the items are then."""

    def __init__(self, frame: Frame, sequence: Any, count: Any) -> None:
        super().__init__(frame.trace)
        self.frame = frame
        self.sequence = sequence
        self.count = count  # of items that are left

    def steps(self) -> Iterator[Any]:
        count = self.count
        self.count = _concrete(count)
        node = self.frame.scope.syntax.node
        whole = self.sequence if isinstance(self.sequence, LazySequence) else None
        while 0 < self.count <= len(self.sequence):
            self.count -= 1
            if whole is not None:
                yield whole.item(self.count)
            else:
                yield load_item(self.frame, self.sequence, self.count, node)
        self.has_ended = True

    def rest(self, frame: Frame) -> LazySequence | None:
        whole = lazy_sequence(frame, self.sequence)
        if whole is None or not same(whole.count, self.count):
            return None
        last = whole.count - 1
        item, at = whole.item, as_tracer(last) if isinstance(last, Dim) else last
        return replace(whole, item=lambda k: item(at - k))

    def move(self, count: Any, ends: bool) -> None:
        self.count = self.count - count
        self.running = None
        self.has_ended = ends


class Repeated(TracedIterator):
    """``itertools.count(start, step)`` of ints."""

    def __init__(self, frame: Frame, item: Callable[[Any], Any], count: int = ENDLESS) -> None:
        super().__init__(frame.trace)
        self.item = item
        self.count = count  # of items that are left
        self.taken: Any = 0

    def steps(self) -> Iterator[Any]:
        while self.count > 0:
            taken = self.taken
            self.move(1, False)
            yield self.item(taken)
        self.has_ended = True

    def rest(self, frame: Frame) -> LazySequence | None:
        taken, item = self.taken, self.item
        return LazySequence(self.count, lambda k: item(k + taken))

    def move(self, count: Any, ends: bool) -> None:
        self.taken = self.taken + count
        if self.count != ENDLESS:
            self.count -= count


class Zipped(TracedIterator):
    """``zip(xs, ys)``."""

    def __init__(
        self, frame: Frame, sources: tuple[Any, ...], given: Sequence[Any], strict: bool
    ) -> None:
        super().__init__(frame.trace, sources)
        # Whether nobody but this one may go on with what it takes its items from.
        self.is_alone = not any(a is b for a, b in zip(sources, given, strict=True))
        self.shortest = 0  # which of them ends first, where that may be seen
        self.strict = strict

    def steps(self) -> Iterator[Any]:
        return zip(*self.sources, strict=self.strict)

    def rest(self, frame: Frame) -> LazySequence | None:
        parts = [_left(frame, x) for x in self.sources]
        found = [part for part in parts if part is not None]
        finite = [part.count for part in found if part.count != ENDLESS]
        if len(found) < len(parts) or not finite:
            return None
        if self.strict and not all(same(part.count, finite[0]) for part in found):
            return None
        if not self.is_alone and not self._knows_shortest([part.count for part in found]):
            return None
        count = finite[0]
        for other in finite[1:]:
            count = minimum(count, other)
        lists = tuple([x for part in found for x in part.lists])
        return LazySequence(count, lambda k: tuple([part.item(k) for part in found]), lists)

    def _knows_shortest(self, counts: Sequence[Extent]) -> bool:
        """Whether it is known which of several ends first: of each one asked before it, an item is lost.

        Of that item no function may have been called.
        """
        try:
            self.shortest = next(
                k for k, n in enumerate(counts) if all(at_least(other, n) for other in counts)
            )
        except UndecidedExtent:
            return False
        return all(isinstance(x, (OverSequence, Repeated)) for x in self.sources[: self.shortest])

    def move(self, count: Any, ends: bool) -> None:
        for k, source in enumerate(self.sources):
            is_lost = ends and k < self.shortest
            source.move(count + 1 if is_lost else count, ends and k == self.shortest)
        self.running = None


class Longest(TracedIterator):
    """``itertools.zip_longest(xs, ys, fillvalue=x)``."""

    def __init__(self, frame: Frame, sources: tuple[Any, ...], filling: Any) -> None:
        super().__init__(frame.trace, sources)
        self.filling = filling
        self.counts: list[Extent] = []  # of items that are left of each, when it was last asked

    def steps(self) -> Iterator[Any]:
        return itertools.zip_longest(*self.sources, fillvalue=self.filling)

    def rest(self, frame: Frame) -> LazySequence | None:
        parts = [_left(frame, x) for x in self.sources]
        found = [part for part in parts if part is not None]
        if not parts or len(found) < len(parts) or any(x.count == ENDLESS for x in found):
            return None
        self.counts = [part.count for part in found]
        count, node = self.counts[0], frame.scope.syntax.node
        for other in self.counts[1:]:
            count = maximum(count, other)

        def item(part: LazySequence, k: Any) -> Any:
            low, _ = bounds(part.count - count)
            if low is not None and low >= 0:
                return part.item(k)
            is_there: Any = np.less(k, as_tracer(part.count))
            if not isinstance(is_there, Tracer):
                return part.item(k) if is_there else self.filling
            filling = self.filling
            return staging.stage_choice(
                frame, is_there, lambda: part.item(k), lambda: filling, node
            )

        lists = tuple([x for part in found for x in part.lists])
        return LazySequence(count, lambda k: tuple([item(part, k) for part in found]), lists)

    def move(self, count: Any, ends: bool) -> None:
        for source, left in zip(self.sources, self.counts, strict=True):
            source.move(minimum(extent_of(count), left), ends)
        self.running = None


class Numbered(TracedIterator):
    """``enumerate(xs, start)``."""

    def __init__(self, frame: Frame, source: Any, start: Any) -> None:
        super().__init__(frame.trace, (source,))
        self.number = start

    def steps(self) -> Iterator[Any]:
        for item in self.sources[0]:
            number = self.number
            self.number = number + 1
            yield number, item

    def rest(self, frame: Frame) -> LazySequence | None:
        part = _left(frame, self.sources[0])
        if part is None:
            return None
        item, start = part.item, self.number
        plain = isinstance(start, int) and start == 0
        return replace(part, item=lambda k: (k if plain else k + start, item(k)))

    def move(self, count: Any, ends: bool) -> None:
        self.number = self.number + count
        self.sources[0].move(count, ends)
        self.running = None


class Mapped(TracedIterator):
    """``map(f, xs)``, ``map(f, xs, ys)`` and ``itertools.starmap(f, rows)``."""

    def __init__(self, frame: Frame, source: Any, of_item: Callable[[Any], Any]) -> None:
        super().__init__(frame.trace, (source,))
        self.of_item = of_item

    def steps(self) -> Iterator[Any]:
        return map(self.of_item, self.sources[0])

    def rest(self, frame: Frame) -> LazySequence | None:
        part = _left(frame, self.sources[0])
        if part is None:
            return None
        item = part.item
        return replace(part, item=lambda k: self.of_item(item(k)))

    def move(self, count: Any, ends: bool) -> None:
        self.sources[0].move(count, ends)
        self.running = None


class Sliced(TracedIterator):
    """``itertools.islice(xs, count)``."""

    def __init__(self, frame: Frame, source: Any, count: int) -> None:
        super().__init__(frame.trace, (source,))
        self.count = count

    def steps(self) -> Iterator[Any]:
        self.count = _concrete(self.count)
        while self.count > 0:
            self.count -= 1
            try:
                item = next(self.sources[0])
            except StopIteration:
                self.count = 0
                break
            yield item
        self.has_ended = True

    def rest(self, frame: Frame) -> LazySequence | None:
        part = _left(frame, self.sources[0])
        if part is None:
            return None
        count = extent_of(self.count)
        try:  # which of the two ends it, is decided for this call, under a guard
            return replace(part, count=count if at_least(part.count, count) else part.count)
        except UndecidedExtent:
            return None

    def move(self, count: Any, ends: bool) -> None:
        self.sources[0].move(count, False)
        self.count = self.count - count
        self.has_ended = ends
        self.running = None


def _concrete(count: Any) -> int:
    return int(as_tracer(count)._concrete()) if isinstance(count, (Dim, Tracer)) else count


def _left(frame: Frame, source: Any) -> LazySequence | None:
    return source.left(frame) if isinstance(source, TracedIterator) else None


# -- iter ------------------------------------------------------------------------------------------------
def over(frame: Frame, x: Any) -> Any:
    """``iter(x)``."""
    trace = frame.trace
    if isinstance(x, (TracedIterator, TracedGenerator)):
        return x
    if isinstance(x, (LazySequence, range, StoredList)) or (isinstance(x, Tracer) and x.shape):
        return _over_sequence(frame, x)
    if isinstance(x, Tracer) and x.form != "array":
        raise TypeError(f"'{type_name(x)}' object is not iterable")
    if isinstance(x, HoldsTracers) and x.is_keyed:
        return iterate(frame, x)
    if isinstance(x, (list, tuple, str)) and own_method(frame, x, "__iter__") is None:
        return _over_sequence(frame, x)
    return trace.fresh(run_users(iter, iterate(frame, x)))


_ITERATORS: dict[type, type] = {
    list: type(iter(list[Any]())),
    tuple: type(iter(())),
    range: type(iter(range(0))),
    str: type(iter("")),
}


def _over_sequence(frame: Frame, x: Any) -> Any:
    of = type_of(x)
    known = (
        kind for cls, kind in _ITERATORS.items() if isinstance(of, type) and issubclass(of, cls)
    )
    kind = next(known, type(iter(np.zeros(1))))
    return noted(frame, named(OverSequence, kind)(frame, x))


def noted(frame: Frame, made: Any) -> Any:
    """An iterator that captured code has made."""
    return frame.trace.fresh(made)


def _iter(frame: Frame, *arguments: Any) -> Any:
    if len(arguments) == 2 and callable(arguments[0]):
        return by_text(frame, type(iter(int, 1)), library_in_python.until, *arguments)
    if len(arguments) != 1:
        return run_users(iter, *arguments)
    return over(frame, arguments[0])


def _next(frame: Frame, *arguments: Any) -> Any:
    if 1 <= len(arguments) <= 2:
        method = own_method(frame, arguments[0], "__next__")
        if method is not None:
            try:
                return call(frame, method, [arguments[0]], {}, frame.scope.syntax.node)
            except StopIteration:
                if len(arguments) == 1:
                    raise
                return arguments[1]
    if not arguments or not isinstance(arguments[0], Iterating):
        return call_library(frame, next, list(arguments), {}, frame.scope.syntax.node)
    iterator = arguments[0]
    whole = lazy_sequence(frame, iterator) if frame.trace.tier.rolls else None
    if not isinstance(iterator, TracedIterator) or whole is None or len(arguments) > 2:
        return run_users(next, *arguments)
    if not isinstance(whole.count, Dim):
        return run_users(next, *arguments)
    if bool(np.greater(as_tracer(whole.count), 0)):  # under a guard
        item = whole.item(0)
        iterator.move(1, False)
        return item
    if len(arguments) == 2:
        return arguments[1]
    raise StopIteration


def by_text(frame: Frame, kind: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    """An iterator of a class of Python's, by one of the texts."""
    made = run_text(frame.trace, function, *arguments)
    made.kind = kind
    return made


def _is_generator(x: Any) -> bool:
    return isinstance(x, TracedGenerator)


# -- zip, enumerate, reversed ------------------------------------------------------------------------
def _zip(frame: Frame, *given: Any, strict: bool = False) -> Any:
    return zipped(frame, given, zip, bool(strict))


def zipped(frame: Frame, given: Sequence[Any], kind: type, strict: bool = False) -> Any:
    """The iterator of rows of what is given."""
    positions = [k for k, x in enumerate(given) if _is_generator(x)]
    others = [x for x in given if not _is_generator(x)]
    if len(positions) == 1 and positions[0] < 2 and not strict and all(map(is_indexed, others)):
        if positions[0] == 0:
            return by_text(frame, kind, library_in_python.zipped_after, given[0], tuple(given[1:]))
        first, iterator, *rest = given
        text = library_in_python.zipped_before
        return by_text(frame, kind, text, first, iterator, tuple(rest))
    sources = tuple([over(frame, x) for x in given])
    return noted(frame, named(Zipped, kind)(frame, sources, given, strict))


def is_indexed(x: Any) -> bool:
    """Whether an object is gone through by positions, and nothing else of it is asked for."""
    return (
        type(x) in (list, tuple, range)
        or isinstance(x, StoredList)
        or (isinstance(x, Tracer) and bool(x.shape))
    )


def _enumerate(frame: Frame, iterable: Any, start: Any = 0) -> Any:
    start = _number_of_start(frame, start)
    if _is_generator(iterable):
        return by_text(frame, enumerate, library_in_python.numbered, iterable, start)
    return noted(frame, named(Numbered, enumerate)(frame, over(frame, iterable), start))


def _number_of_start(frame: Frame, start: Any) -> Any:
    """What ``enumerate`` counts from: an ``int``, whatever it is given."""
    start = frame.trace.as_index(start)
    if isinstance(start, Dim):
        return start
    if isinstance(start, Tracer) and not start.shape:
        if start.dtype.kind in "iu" or (start.dtype.kind == "b" and start.form == "python"):
            return builtin_functions[int](start)
    run_users(enumerate, (), start)  # raises Python's error
    return run_users(operator.index, start)


def _reversed(frame: Frame, sequence: Any) -> Any:
    node = frame.scope.syntax.node
    method = own_method(frame, sequence, "__reversed__")
    if method is not None:
        return call(frame, method, [sequence], {}, node)
    if isinstance(sequence, range):
        return over(frame, sequence[::-1])
    if isinstance(sequence, (TracedIterator, TracedGenerator)):
        raise TypeError(f"'{type_of(sequence).__name__}' object is not reversible")
    whole = lazy_sequence(frame, sequence) if frame.trace.tier.rolls else None
    if whole is not None:
        return noted(frame, named(Backwards, reversed)(frame, sequence, whole.count))
    if isinstance(sequence, list) and type(sequence) is not list:
        # A list's own method, which asks nothing of a class below it.
        count = list.__len__(sequence)
        if own_method(frame, sequence, "__getitem__") is not None or count != len(sequence):
            return noted(frame, iter(list(list.__iter__(sequence))[::-1]))
        return noted(frame, named(Backwards, reversed)(frame, sequence, count))
    if type(sequence) in (list, tuple, deque) or isinstance(sequence, (list, Tracer)):
        if isinstance(sequence, deque):
            return noted(frame, iter(list(iterate(frame, sequence))[::-1]))
        return noted(frame, named(Backwards, reversed)(frame, sequence, len(sequence)))
    if own_method(frame, sequence, "__getitem__") is not None:
        count = call(frame, len, [sequence], {}, node)
        return by_text(frame, reversed, library_in_python.backwards, sequence, count)
    if isinstance(sequence, tuple):
        return noted(frame, named(Backwards, reversed)(frame, sequence, len(sequence)))
    run_users(reversed, sequence)  # raises Python's error where it cannot be
    return noted(frame, iter(list(iterate(frame, sequence))[::-1]))


# -- map, filter ---------------------------------------------------------------------------------------
def _map(frame: Frame, function: Any, *given: Any) -> Any:
    if not given:
        return run_users(map, function)  # raises Python's error
    node = frame.scope.syntax.node
    source = given[0] if len(given) == 1 else zipped(frame, given, map)
    if _is_generator(source):
        text = library_in_python.mapped if len(given) == 1 else library_in_python.starmapped
        return by_text(frame, map, text, function, source)
    if len(given) == 1:
        return noted(
            frame,
            named(Mapped, map)(
                frame, over(frame, source), lambda x: call(frame, function, [x], {}, node)
            ),
        )
    return noted(
        frame,
        named(Mapped, map)(frame, source, lambda row: call(frame, function, list(row), {}, node)),
    )


def _starmap(frame: Frame, function: Any, iterable: Any) -> Any:
    if _is_generator(iterable):
        return by_text(frame, itertools.starmap, library_in_python.starmapped, function, iterable)
    node = frame.scope.syntax.node

    def of_row(row: Any) -> Any:
        return call(frame, function, list(iterate(frame, row)), {}, node)

    return noted(frame, named(Mapped, itertools.starmap)(frame, over(frame, iterable), of_row))


def _filter(frame: Frame, function: Any, iterable: Any) -> Any:
    source = over(frame, iterable)
    if function is None:
        return by_text(frame, filter, library_in_python.kept_if_true, source)
    return by_text(frame, filter, library_in_python.kept, function, source)


# -- itertools -----------------------------------------------------------------------------------------
def _filterfalse(frame: Frame, function: Any, iterable: Any) -> Any:
    source = over(frame, iterable)
    if function is None:
        return by_text(frame, itertools.filterfalse, library_in_python.kept_if_false, source)
    return by_text(frame, itertools.filterfalse, library_in_python.kept_if_not, function, source)


def _compress(frame: Frame, data: Any, selectors: Any) -> Any:
    return by_text(
        frame, itertools.compress, library_in_python.selected, zipped(frame, (data, selectors), zip)
    )


def _takewhile(frame: Frame, function: Any, iterable: Any) -> Any:
    return by_text(
        frame, itertools.takewhile, library_in_python.while_true, function, over(frame, iterable)
    )


def _dropwhile(frame: Frame, function: Any, iterable: Any) -> Any:
    return by_text(
        frame, itertools.dropwhile, library_in_python.from_false, function, over(frame, iterable)
    )


def _chain(frame: Frame, *iterables: Any) -> Any:
    return by_text(frame, itertools.chain, library_in_python.chained, iterables)


def _chain_from(frame: Frame, iterables: Any) -> Any:
    return by_text(frame, itertools.chain, library_in_python.chained, over(frame, iterables))


def _accumulate(frame: Frame, iterable: Any, func: Any = None, *, initial: Any = None) -> Any:
    function = operator.add if func is None else func
    source = over(frame, iterable)
    if initial is not None:
        return by_text(
            frame, itertools.accumulate, library_in_python.accumulated, function, initial, source
        )
    nothing = object()
    return by_text(
        frame,
        itertools.accumulate,
        library_in_python.accumulated_from_first,
        function,
        source,
        nothing,
    )


def _pairwise(frame: Frame, iterable: Any) -> Any:
    return by_text(
        frame, itertools.pairwise, library_in_python.paired, over(frame, iterable), object()
    )


def _islice(frame: Frame, iterable: Any, *limits: Any) -> Any:
    limits = frame.trace.as_index(limits)
    run_users(itertools.islice, (), *limits)  # raises Python's error
    start, stop, step = (0, *limits, 1) if len(limits) == 1 else (*limits, None)[:3]
    if start or step not in (1, None) or stop is None:
        if is_indexed(iterable):
            made = named(Strided, itertools.islice)
            return noted(frame, made(frame, iterable, start or 0, stop, step or 1))
        return noted(frame, itertools.islice(over(frame, iterable), *limits))
    if _is_generator(iterable) and stop > 0:
        return by_text(frame, itertools.islice, library_in_python.first_of, iterable, stop)
    return noted(frame, named(Sliced, itertools.islice)(frame, over(frame, iterable), stop))


def _count(frame: Frame, start: Any = 0, step: Any = 1) -> Any:
    if not (type(start) is type(step) is int):
        return noted(frame, run_users(itertools.count, start, step))
    made = named(Repeated, itertools.count)
    return noted(frame, made(frame, lambda k: start + k * step))


def _zip_longest(frame: Frame, *given: Any, fillvalue: Any = None) -> Any:
    sources = tuple([over(frame, x) for x in given])
    return noted(frame, named(Longest, itertools.zip_longest)(frame, sources, fillvalue))


def by_python(function: Any) -> Callable[..., Any]:
    """One that Python runs: it asks iterators of ours."""

    def run(frame: Frame, *args: Any, **words: Any) -> Any:
        takes = [over(frame, x) if is_asked(frame, x) else x for x in args]
        return call_library(frame, function, takes, words, frame.scope.syntax.node)

    return run


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    iter: _iter,
    next: _next,
    zip: _zip,
    enumerate: _enumerate,
    reversed: _reversed,
    map: _map,
    filter: _filter,
    itertools.starmap: _starmap,
    itertools.filterfalse: _filterfalse,
    itertools.compress: _compress,
    itertools.takewhile: _takewhile,
    itertools.dropwhile: _dropwhile,
    itertools.chain: _chain,
    itertools.chain.from_iterable: _chain_from,
    itertools.accumulate: _accumulate,
    itertools.pairwise: _pairwise,
    itertools.islice: _islice,
    itertools.count: _count,
    itertools.zip_longest: _zip_longest,
    itertools.groupby: by_python(itertools.groupby),
}

SPECIAL.update(FUNCTIONS)

__all__ = [
    "OverSequence",
    "Repeated",
    "by_python",
    "by_text",
    "is_indexed",
    "noted",
    "over",
    "zipped",
]
