"""One heap: which object is this, and what does it hold now.

    Object(like)                identity, such as that of an array; ``like`` is what it stands for
    heap.read(object)           what it holds
    heap.write(object, value)   ... from now on

What objects hold is the affair of the heap that derives from this one (:class:`autodiff.capture.arrays.Arrays`).  A store
through a :class:`~autodiff.capture.references.Choice` is a conditional store to each of its objects.  Within a branch
(:meth:`Heap.assuming`) what the branch decided is known, so a choice on it is no choice there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autodiff.capture.predicates import Predicate
from autodiff.capture.references import Algebra, Logic, Reference, To


class Object:
    """Something with identity; ``like`` is what it stands for."""

    __slots__ = ("born", "like")

    def __init__(self, like: Any, born: Predicate = True) -> None:
        self.like = like
        self.born = born  # the paths on which it exists


class Heap(ABC):
    """Locations and what they hold; see the module header."""

    def __init__(self, algebra: Algebra) -> None:
        self.logic = Logic(algebra)
        self.path: Predicate = True  # what the branches around have decided

    @abstractmethod
    def read(self, object: Any) -> Any:
        """What an object holds."""

    @abstractmethod
    def write(self, object: Any, value: Any) -> None:
        """Let an object hold something else."""

    def known(self, reference: Reference) -> Reference:
        """A reference with the choices taken that the branches around have decided."""
        return self.logic.known(reference, self.path)

    def read_through(self, reference: Reference) -> Any:
        """What an object holds that is one of several."""
        if isinstance(reference, To):
            return self.read(reference.object)
        a, b = (self.read_through(part) for part in (reference.a, reference.b))
        return self.logic.select(reference.predicate, a, b)

    def decided(self, p: Any) -> Predicate:
        """A predicate, or whether it holds where that is known on this path."""
        p = self.logic.of(p)
        taken = self.logic.taken(p, self.path)
        return p if taken is None else taken

    def write_through(self, reference: Reference, value: Any, where: Predicate = True) -> None:
        """Let each object hold ``value`` where it is that one."""
        if isinstance(reference, To):
            made, old = reference.object, self.read(reference.object)
            # An object that exists nowhere else needs no condition.
            if not self.logic.implies(self.logic.both(self.path, made.born), where):
                value = self.logic.select(where, value, old)
            self.write(made, value)
        else:
            p, both = reference.predicate, self.logic.both
            self.write_through(reference.a, value, both(where, p))
            self.write_through(reference.b, value, both(where, self.logic.negated(p)))

    @contextmanager
    def assuming(self, predicate: Any, holds: bool = True) -> Iterator[None]:
        """Interpret a path on which it is known whether a predicate holds."""
        before = self.path
        self.path = self.logic.both(before, predicate if holds else self.logic.negated(predicate))
        try:
            yield
        finally:
            self.path = before


__all__ = ["Heap", "Object"]
