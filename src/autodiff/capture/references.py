"""What a location of the heap holds, and how two such things become one.

    Static(x)              an ordinary Python value that cannot change and does not depend on inputs
    Leaf(v)                a number that the program computes
    To(object)             that object
    Choice(p, a, b)        ``a`` where ``p`` holds when the program runs, else ``b``
    UNBOUND                nothing: the name is not bound, the key not there
    Maybe(reference, p)    ``reference`` where ``p`` holds, else nothing

References are in normal form: ``Maybe`` stands outside of ``Choice``, no choice is between equal things, none
asks what one around it has answered.  :func:`join` is the one place where two of them meet: it merges branches, reads
through a choice, and makes a store through a choice the conditional store that it is.

What leaves are is not known here: an :class:`Algebra` computes with them.  Predicates are those of
:mod:`autodiff.capture.predicates`; wherever one is asked for, a truth value of the program or a bool serves too.

The normal form of values where paths meet is that of Gated Single Assignment (Ottenstein, Ballance, MacCabe,
PLDI 1990); weak and strong updates are those of Chase, Wegman and Zadeck (PLDI 1990).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from autodiff.capture.predicates import Node, Predicate, Predicates, Refused, TruthValues
from autodiff.plain_data import dataclass
from autodiff.sameness import same_value

MOST_CHOICES = 8  # things that one reference may be; beyond, the path is decided


class Algebra(TruthValues, Protocol):
    """How leaves are computed with."""

    def select(self, predicate: Any, a: Any, b: Any) -> Any:
        """The leaf that is ``a`` where a truth value holds, else ``b``; Refused where there is none."""


# -- references -------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Static:
    """An ordinary Python value that cannot change and does not depend on inputs."""

    value: Any


@dataclass(frozen=True, eq=False)
class Leaf:
    """A number that the program computes."""

    value: Any


@dataclass(frozen=True, eq=False)
class To:
    """An object of the heap."""

    object: Any


@dataclass(frozen=True, eq=False)
class Choice:
    """One of two references that are bound, decided when the program runs."""

    predicate: Node
    a: Reference
    b: Reference


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


def alternatives(reference: Reference) -> Iterator[Static | Leaf | To]:
    """Everything that a reference may be, the same thing perhaps twice."""
    if isinstance(reference, Choice):
        yield from alternatives(reference.a)
        yield from alternatives(reference.b)
    elif isinstance(reference, Maybe):
        yield from alternatives(reference.reference)
    elif not isinstance(reference, Unbound):
        yield reference


def objects_of(reference: Reference) -> list[Any]:
    """The objects that a reference may be, the same one perhaps twice."""
    if isinstance(reference, To):
        return [reference.object]
    if isinstance(reference, (Static, Leaf, Unbound)):
        return []
    return [found.object for found in alternatives(reference) if isinstance(found, To)]


def bound(reference: Reference) -> tuple[Reference, Predicate]:
    """What is held where something is, and the predicate of whether something is."""
    if isinstance(reference, Maybe):
        return reference.reference, reference.predicate
    return reference, reference is not UNBOUND


class Logic(Predicates):
    """References over an algebra."""

    algebra: Algebra
    most_choices = MOST_CHOICES

    def same(self, a: Reference, b: Reference) -> bool:
        """Whether two references surely are one."""
        if a is b:
            return True
        if type(a) is not type(b):
            return False
        if isinstance(a, To) and isinstance(b, To):
            return a.object is b.object
        if isinstance(a, Static) and isinstance(b, Static):
            return is_one_value(a.value, b.value)
        if isinstance(a, Leaf) and isinstance(b, Leaf):
            return a.value is b.value or bool(
                self.algebra.key(a.value) == self.algebra.key(b.value)
            )
        if isinstance(a, Maybe) and isinstance(b, Maybe):
            return a.predicate is b.predicate and self.same(a.reference, b.reference)
        if isinstance(a, Choice) and isinstance(b, Choice):
            return a.predicate is b.predicate and self.same(a.a, b.a) and self.same(a.b, b.b)
        return False

    def known(self, reference: Reference, path: Any) -> Reference:
        """What a reference is where a predicate holds."""
        if isinstance(reference, Choice):
            taken = self._taken(reference.predicate, path)
            if taken is not None:
                return self.known(reference.a if taken else reference.b, path)
            a = self.known(reference.a, self.both(path, reference.predicate))
            b = self.known(reference.b, self.both(path, self.negated(reference.predicate)))
            if a is reference.a and b is reference.b:
                return reference
            return a if self.same(a, b) else Choice(reference.predicate, a, b)
        if isinstance(reference, Maybe):
            taken = self._taken(reference.predicate, path)
            if taken is False:
                return UNBOUND
            inner = self.known(reference.reference, self.both(path, reference.predicate))
            if taken is None:
                unchanged = inner is reference.reference
                return reference if unchanged else Maybe(inner, reference.predicate)
            return inner
        return reference

    def _taken(self, p: Predicate, path: Any) -> bool | None:
        """Whether ``p`` holds wherever ``path`` does, or nowhere there; else None."""
        if self.implies(path, p):
            return True
        return False if self.both(path, p) is False else None

    def join(self, p: Any, a: Reference, b: Reference) -> Reference:
        """``a`` where ``p`` holds, else ``b``."""
        p = self.of(p)
        if isinstance(p, bool):
            return a if p else b
        a, b = self.known(a, p), self.known(b, self.negated(p))
        if self.same(a, b):
            return a
        (x, has_a), (y, has_b) = bound(a), bound(b)
        found = y if has_a is False else x if has_b is False else self._join_bound(p, x, y)
        return self.maybe(found, self.choose(p, has_a, has_b))

    def _join_bound(self, p: Node, a: Reference, b: Reference) -> Reference:
        if self.same(a, b):
            return a
        x, y = self.number(a), self.number(b)
        if x is not None and y is not None:
            if p.high is False and p.low is True:  # of a negated atom
                return Leaf(self.algebra.select(p.atom, y, x))
            return Leaf(self.algebra.select(self.leaf(p), x, y))
        made = Choice(p, a, b)
        found = list(alternatives(made))
        different = {id(x.object) if isinstance(x, To) else id(x) for x in found}
        most = self.most_choices
        if len(different) > most or len(found) > 2 * most:
            raise Refused(f"a value that may be one of more than {most} objects")
        return made

    def number(self, reference: Reference) -> Any:
        """The leaf that a reference is, also that of an ordinary number; None of anything else."""
        if isinstance(reference, Leaf):
            return reference.value
        return self.algebra.lift(reference.value) if isinstance(reference, Static) else None

    def maybe(self, reference: Reference, p: Any) -> Reference:
        """``reference`` where ``p`` holds, else nothing."""
        p = self.of(p)
        if isinstance(p, bool):
            return reference if p else UNBOUND
        return Maybe(self.known(reference, p), p)

    def identical(self, a: Reference, b: Reference) -> Predicate:
        """``a is b`` of two references that are bound."""
        if isinstance(a, Choice):
            return self.choose(a.predicate, self.identical(a.a, b), self.identical(a.b, b))
        if isinstance(b, Choice):
            return self.identical(b, a)
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
    "UNBOUND", "Algebra", "Choice", "Leaf", "Logic", "Maybe", "Reference", "Refused",
    "Static", "To", "Unbound", "alternatives", "bound", "is_one_value", "objects_of",
]  # fmt: skip
