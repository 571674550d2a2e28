"""What a loop goes through, lazily: how many items there are, and the item at a position.

    for a, b in zip(xs, ys)      LazySequence(minimum(len(xs), len(ys)), lambda k: (xs[k], ys[k]))

A loop over such a sequence can be one loop of the program: its body takes the item at the loop's index.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.capture.gathered import group_of, whole_of
from autodiff.capture.interpreter import Frame
from autodiff.capture.iterators import TracedIterator
from autodiff.capture.lists import TracedList
from autodiff.capture.trace import Declined
from autodiff.dims import (
    Dim,
    Extent,
    maximum,
)
from autodiff.later import later
from autodiff.ops.builder import current_block, current_builder
from autodiff.ops.dispatch import extent_of
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.capture import ragged, words
else:
    ragged = later("autodiff.capture.ragged")
    words = later("autodiff.capture.words")

LONGEST_OF_WORDS = 8  # strings whose loops are left to Python
LONGEST_UNROLLED = 4  # iterations; longer loops are worth the second look that rolling takes


@dataclass
class LazySequence:
    """Something a loop goes through: how many items, and the item at a (traced) position."""

    count: Extent
    item: Callable[[Any], Any]
    lists: tuple[TracedList, ...] = ()  # what it goes through, which must keep its length
    checkpointed: bool = False  # whether a loop over it shall keep little for reverse mode
    source: Any = None  # the iterator of which it is what is left

    def __iter__(self) -> Iterator[Any]:
        count = self.count
        if isinstance(count, Dim):
            count = int(as_tracer(count)._concrete())
        # One by one: the loop's body may store into what is still to come.
        return (self.item(k) for k in range(count))

    def __len__(self) -> int:
        return self.count if isinstance(self.count, int) else int(as_tracer(self.count)._concrete())

    def shifted(self, by: Any) -> LazySequence:
        """The sequence without its first items."""
        item, first = self.item, as_tracer(by) if isinstance(by, Dim) else by
        count = self.count - extent_of(by)
        return replace(self, count=count, item=lambda k: item(k + first), source=None)


@dataclass
class Elements(LazySequence):
    """The elements that ``np.nditer`` goes through; a context manager as well.

    ``place`` tells of the number of an element its index, or those that were asked for (``multi_index``, ``index``);
    they are of the element that was taken last.
    """

    place: Callable[[str, Any], Any] | None = None
    _current: Any = None

    def __post_init__(self) -> None:
        item = self.item

        def taken(k: Any) -> Any:
            self._current = (k, current_block())
            return item(k)

        self.item = taken

    def __iter__(self) -> Iterator[Any]:
        yield from LazySequence.__iter__(self)
        self._current = None  # past the end there is no place

    def _at(self, kind: str) -> Any:
        k, block = self._current if self._current is not None else (None, None)
        if self.place is None or block is None or not current_builder().is_open(block):
            raise Declined("the place of np.nditer outside of its loop")
        return self.place(kind, k)

    @property
    def multi_index(self) -> Any:
        """The index of the element."""
        return self._at("multi_index")

    @property
    def index(self) -> Any:
        """Its number in C order or in that of Fortran."""
        return self._at("index")

    @property
    def itersize(self) -> Any:
        """How many elements there are."""
        return as_tracer(self.count) if isinstance(self.count, Dim) else self.count


def lazy_range(*arguments: Any) -> LazySequence:
    """``range`` with traced bounds."""
    limits = [extent_of(a) for a in arguments]
    start, stop = (0, limits[0]) if len(limits) == 1 else limits[:2]
    step = limits[2] if len(limits) == 3 else 1
    if not isinstance(step, int):
        step = int(as_tracer(step)._concrete())
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    gap = stop - start if step > 0 else start - stop
    count = maximum((gap + abs(step) - 1) // abs(step), 0)

    def item(k: Any) -> Any:
        first = as_tracer(start) if isinstance(start, Dim) else start
        return first + k * step if step != 1 else first + k

    return LazySequence(count, item)


def lazy_sequence(frame: Frame, source: Any) -> LazySequence | None:
    """A lazy view of what a loop goes through, or None where only Python can go through it."""
    if isinstance(source, LazySequence):
        return source
    if isinstance(source, TracedIterator):
        return source.left(frame)
    if isinstance(source, range):
        start, step = source.start, source.step
        return LazySequence(len(source), lambda k: start + k * step if (start or step != 1) else k)
    whole = whole_of(frame.trace, source)
    if whole is not None:
        source = whole
    if isinstance(source, TracedList) and source.is_stored():
        return LazySequence(source.extent, lambda k: source[k], source.parts())
    if isinstance(source, Tracer) and source.shape:
        return LazySequence(source.shape[0], lambda k: source[k])
    if type(source) in (list, tuple, TracedList, str) and len(source) > LONGEST_OF_WORDS:
        if words.are_words(frame.trace, source):
            names = words.lifted(frame.trace, source)
            return LazySequence(len(names), lambda k: words.word_at(frame.trace, names, k))
    group = group_of(frame.trace, source)
    if group is not None:
        return LazySequence(len(group.objects), group.at)
    arrays = None
    if type(source) in (list, tuple, TracedList) and len(source) > LONGEST_UNROLLED:
        if isinstance(source[0], Tracer) and source[0].shape:
            arrays = ragged.ragged_of(frame.trace, source)
    return None if arrays is None else LazySequence(len(arrays.items), arrays.at)


def worth_rolling(sequence: LazySequence, body: Sequence[ast.stmt]) -> bool:
    """Whether a loop is long enough, or of unknown length.

    Copies of a body that has loops of its own are large: those are not made.  Where a handler ends the
    loop, one loop compiles that as well.
    """
    if isinstance(sequence.count, Dim):
        return True
    nested = any(isinstance(n, (ast.For, ast.While, ast.Try)) for s in body for n in ast.walk(s))
    return sequence.count > (1 if nested else LONGEST_UNROLLED)


__all__ = [
    "LONGEST_UNROLLED",
    "Elements",
    "LazySequence",
    "lazy_range",
    "lazy_sequence",
    "worth_rolling",
]
