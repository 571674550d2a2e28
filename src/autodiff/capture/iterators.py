"""Iterators of Python's: what has been taken is gone, what is left may be one loop of the program.

    pairs = zip(map(f, xs), ys)      f is called when a pair is asked for, not here
    first = next(pairs)              one item each of xs and ys is gone
    for p, q in pairs: ...           a loop over what is left, which calls f in each pass
    list(pairs)                      []

An iterator gives its items one by one, as Python's do (``steps``).  Where it goes through sequences
of which the item at any position can be told (:mod:`~autodiff.capture.sequences`), it also tells
what is ``left`` as such a sequence: a loop that goes through all of that is a loop of the program,
and moves the iterator to its end.

Which iterators there are, :mod:`autodiff.capture.iterating` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.ladder import NotStaged
from autodiff.signals import run_users

if TYPE_CHECKING:
    from autodiff.capture.sequences import LazySequence
    from autodiff.capture.trace import Trace


class Iterating:
    """What stands for an iterator of Python's."""

    kind: Any = object  # its class in plain Python

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError


class TracedIterator(Iterating):
    """An iterator of Python's that captured code has made.

    It moves on, so it cannot be asked for items in a branch or loop body that is interpreted into a
    region of its own and undone, unless it was made there.
    """

    def __init__(self, trace: Trace, sources: tuple[Any, ...] = ()) -> None:
        self.trace = trace
        self.sources = sources  # the iterators that it takes its items from
        self.home = trace.made[-1]
        self.running: Iterator[Any] | None = None
        self.has_ended = False

    def steps(self) -> Iterator[Any]:
        """What is left, item by item."""
        raise NotImplementedError

    def rest(self, frame: Any) -> LazySequence | None:
        """What is left as a sequence, of one that may be asked; None where it has to be taken item by item."""
        raise NotImplementedError

    def left(self, frame: Any) -> LazySequence | None:
        """What is left as a sequence; None where it can only be taken item by item."""
        if self.has_ended or not self.is_here() or self.is_tangled():
            return None
        found = self.rest(frame)
        return None if found is None else replace(found, source=self)

    def move(self, count: Any, ends: bool) -> None:
        """A loop has taken ``count`` items of what was left, and perhaps has asked for one more in vain."""
        raise NotImplementedError

    def is_here(self) -> bool:
        """Whether the code that runs may ask it for items."""
        return self.trace.made[-1] is self.home

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self.is_here():
            raise NotStaged("an iterator is advanced inside of a branch or loop")
        self.trace.touch()
        if self.running is None:
            self.running = self.steps()
        return run_users(next, self.running)

    def origins(self) -> list[Any]:
        """All iterators that items are taken from, this one too."""
        found: list[Any] = [self]
        for source in self.sources:
            found += source.origins() if isinstance(source, TracedIterator) else [source]
        return found

    def is_tangled(self) -> bool:
        """Whether one iterator is asked by several, so that who asks first matters: ``zip(it, it)``."""
        origins = [id(x) for x in self.origins()]
        return len(set(origins)) < len(origins)


_KINDS: dict[tuple[type, type], type] = {}


def named(cls: type[TracedIterator], kind: type) -> Callable[..., Any]:
    """The class of iterators of ours that Python's errors call as they call ``kind``."""
    known = _KINDS.get((cls, kind))
    if known is None:
        known = _KINDS[cls, kind] = type(kind.__name__, (cls,), {"kind": kind})
    return known


__all__ = ["Iterating", "TracedIterator", "named"]
