"""One heap: which object is this, and what does it hold now.

    Object(like)                identity, such as that of an array; ``like`` is what it stands for
    heap.read((object, key))    the reference that a location holds
    heap.write((object, key), r)    ... from now on

What objects hold is the affair of the heaps that derive from this one (:class:`autodiff.capture.arrays.Arrays`).  A store
through a :class:`~autodiff.capture.references.Choice` is a conditional store to each of its objects.  Within a branch
(:meth:`Heap.assuming`) what the branch decided is known, so a choice on it is no choice there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autodiff.capture.predicates import Predicate
from autodiff.capture.references import Algebra, Choice, Logic, Reference, To
from autodiff.errors import InternalError


class Content:
    """The key of what an array's memory holds."""

    def __repr__(self) -> str:
        return "CONTENT"


CONTENT = Content()


class Object:
    """Something with identity; ``like`` is what it stands for."""

    __slots__ = ("born", "like")

    def __init__(self, like: Any, born: Predicate = True) -> None:
        self.like = like
        self.born = born  # the paths on which it exists


class Heap(ABC):
    """Locations and what they hold; see the module header."""

    logic_over = Logic

    def __init__(self, algebra: Algebra) -> None:
        self.logic = self.logic_over(algebra)
        self.path: Predicate = True  # what the branches around have decided

    @abstractmethod
    def read(self, location: tuple[Any, Any]) -> Reference:
        """What a location holds, as far as it is known on the path that is interpreted."""

    @abstractmethod
    def write(self, location: tuple[Any, Any], reference: Reference) -> None:
        """Let a location hold something else."""

    def known(self, reference: Any) -> Any:
        """A reference with the choices taken that the branches around have decided."""
        return self.logic.known(reference, self.path)

    def read_through(self, reference: Any, key: Any) -> Any:
        """What an object holds that is one of several."""
        if isinstance(reference, To):
            return self.read((reference.object, key))
        if isinstance(reference, Choice):
            a, b = (self.read_through(part, key) for part in (reference.a, reference.b))
            return self.known(self.logic.join(reference.predicate, a, b))
        raise InternalError("a read of something that is no object")

    def decided(self, p: Any) -> Predicate:
        """A predicate, or whether it holds where that is known on this path."""
        p = self.logic.of(p)
        if self.logic.implies(self.path, p):
            return True
        return False if self.logic.both(self.path, p) is False else p

    def update_through(
        self,
        reference: Reference,
        key: Any,
        change: Callable[[Reference], Reference],
        where: Predicate = True,
    ) -> None:
        """Let ``change`` say, of what each object holds, what it shall hold where it is that one."""
        if isinstance(reference, To):
            place = (reference.object, key)
            old = self.read(place)
            new = change(old)
            # An object that exists nowhere else needs no condition.
            if not self.logic.implies(self.logic.both(self.path, reference.object.born), where):
                new = self.logic.join(where, new, old)
            self.write(place, new)
        elif isinstance(reference, Choice):
            p, both = reference.predicate, self.logic.both
            self.update_through(reference.a, key, change, both(where, p))
            self.update_through(reference.b, key, change, both(where, self.logic.negated(p)))
        else:
            raise InternalError("a store into something that is no object")

    @contextmanager
    def assuming(self, predicate: Any, holds: bool = True) -> Iterator[None]:
        """Interpret a path on which it is known whether a predicate holds."""
        before = self.path
        self.path = self.logic.both(before, predicate if holds else self.logic.negated(predicate))
        try:
            yield
        finally:
            self.path = before


__all__ = ["CONTENT", "Content", "Heap", "Object"]
