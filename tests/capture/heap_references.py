"""References of every kind of object: those of captures, ordinary values, and nothing at all.

    Static(x)              an ordinary Python value that cannot change and does not depend on inputs
    UNBOUND                nothing: the name is not bound, the key not there
    Maybe(reference, p)    ``reference`` where ``p`` holds, else nothing

``Maybe`` stands outside of ``Choice``.  What arrays need of this is :mod:`autodiff.capture.references`, on which it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autodiff.capture import references
from autodiff.capture.predicates import Node, Predicate, Refused
from autodiff.capture.references import MOST_CHOICES, Algebra, Choice, Leaf, To
from autodiff.plain_data import dataclass
from autodiff.sameness import same_value


@dataclass(frozen=True, eq=False)
class Static:
    """An ordinary Python value that cannot change and does not depend on inputs."""

    value: Any


class Unbound:
    """Nothing is held."""

    def __repr__(self) -> str:
        return "UNBOUND"


@dataclass(frozen=True, eq=False)
class Maybe:
    """A reference where a predicate holds, nothing where it does not."""

    reference: Reference
    predicate: Node


UNBOUND = Unbound()
Reference = Static | Leaf | To | Choice | Unbound | Maybe


def alternatives(reference: Any) -> Iterator[Any]:
    """Everything that a reference may be, the same thing perhaps twice."""
    inner = reference.reference if isinstance(reference, Maybe) else reference
    if not isinstance(inner, Unbound):
        yield from references.alternatives(inner)


def objects_of(reference: Any) -> list[Any]:
    """The objects that a reference may be, the same one perhaps twice."""
    return [found.object for found in alternatives(reference) if isinstance(found, To)]


def bound(reference: Reference) -> tuple[Reference, Predicate]:
    """What is held where something is, and the predicate of whether something is."""
    if isinstance(reference, Maybe):
        return reference.reference, reference.predicate
    return reference, reference is not UNBOUND


class Logic(references.Logic):
    """References of every kind over an algebra."""

    def same(self, a: Any, b: Any) -> bool:
        if isinstance(a, Static) and isinstance(b, Static):
            return is_one_value(a.value, b.value)
        if isinstance(a, Maybe) and isinstance(b, Maybe):
            return a.predicate is b.predicate and self.same(a.reference, b.reference)
        return super().same(a, b)

    def known(self, reference: Any, path: Any) -> Any:
        if not isinstance(reference, Maybe):
            return super().known(reference, path)
        taken = self._taken(reference.predicate, path)
        if taken is False:
            return UNBOUND
        inner = self.known(reference.reference, self.both(path, reference.predicate))
        if taken is None:
            unchanged = inner is reference.reference
            return reference if unchanged else Maybe(inner, reference.predicate)
        return inner

    def joined(self, p: Node, a: Any, b: Any) -> Any:
        (x, has_a), (y, has_b) = bound(a), bound(b)
        if has_a is False or has_b is False:
            found = y if has_a is False else x
        else:
            found = x if self.same(x, y) else super().joined(p, x, y)
        return self.maybe(found, self.choose(p, has_a, has_b))

    def number(self, reference: Any) -> Any:
        """The leaf that a reference is, also that of an ordinary number; None of anything else."""
        if isinstance(reference, Static):
            return self.algebra.lift(reference.value)
        return super().number(reference)

    def maybe(self, reference: Reference, p: Any) -> Reference:
        """``reference`` where ``p`` holds, else nothing."""
        p = self.of(p)
        if isinstance(p, bool):
            return reference if p else UNBOUND
        return Maybe(self.known(reference, p), p)

    def identical(self, a: Any, b: Any) -> Predicate:
        """``a is b`` of two references that are bound."""
        if isinstance(a, Choice) or isinstance(b, Choice):
            return super().identical(a, b)
        if isinstance(a, Leaf) or isinstance(b, Leaf):
            if isinstance(a, To) or isinstance(b, To):
                return False
            if self.same(a, b):
                return True
            raise Refused("whether two computed numbers are one object")
        return self.same(a, b)


def is_one_value(a: Any, b: Any) -> bool:
    """Whether two ordinary values are one: the same object, or numbers or text that nothing tells apart."""
    plain = (bool, int, float, complex, str, bytes)
    return a is b or (isinstance(a, plain) and same_value(a, b))


__all__ = [
    "MOST_CHOICES", "UNBOUND", "Algebra", "Choice", "Leaf", "Logic", "Maybe", "Reference", "Refused",
    "Static", "To", "Unbound", "alternatives", "bound", "is_one_value", "objects_of",
]  # fmt: skip
