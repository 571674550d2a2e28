"""Which array something is: one of several, decided when the program runs; and how two such things become one.

    To(object)             that object
    Choice(p, a, b)        ``a`` where ``p`` holds when the program runs, else ``b``

References are in normal form: no choice is between equal things, none asks what one around it has answered.
:meth:`Logic.join` is the one place where two of them meet.

What objects hold is not known here: an :class:`Algebra` computes with it.  Predicates are those of
:mod:`autodiff.capture.predicates`; wherever one is asked for, a truth value of the program or a bool serves too.

The normal form of values where paths meet is that of Gated Single Assignment (Ottenstein, Ballance, MacCabe,
PLDI 1990); weak and strong updates are those of Chase, Wegman and Zadeck (PLDI 1990).
"""

from __future__ import annotations

from typing import Any, Protocol

from autodiff.capture.predicates import Node, Predicate, Predicates, Refused, TruthValues
from autodiff.plain_data import dataclass

MOST_CHOICES = 32  # objects that one reference may be; beyond, the path is decided


class Algebra(TruthValues, Protocol):
    """How what objects hold is computed with."""

    def select(self, predicate: Any, a: Any, b: Any) -> Any:
        """What is ``a`` where a truth value holds, else ``b``."""


# -- references -------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class To:
    """An object of the heap."""

    object: Any


@dataclass(frozen=True, eq=False)
class Choice:
    """One of two references, decided when the program runs."""

    predicate: Node
    a: Reference
    b: Reference


Reference = To | Choice


def objects_of(reference: Reference) -> list[Any]:
    """The objects that a reference may be, the same one perhaps twice."""
    if isinstance(reference, To):
        return [reference.object]
    return [*objects_of(reference.a), *objects_of(reference.b)]


class Logic(Predicates):
    """References over an algebra."""

    algebra: Algebra

    def same(self, a: Reference, b: Reference) -> bool:
        """Whether two references surely are one."""
        if a is b:
            return True
        if isinstance(a, To) and isinstance(b, To):
            return a.object is b.object
        if isinstance(a, Choice) and isinstance(b, Choice):
            return a.predicate is b.predicate and self.same(a.a, b.a) and self.same(a.b, b.b)
        return False

    def known(self, reference: Any, path: Any) -> Any:
        """What a reference is where a predicate holds."""
        if isinstance(reference, Choice):
            taken = self.taken(reference.predicate, path)
            if taken is not None:
                return self.known(reference.a if taken else reference.b, path)
            a = self.known(reference.a, self.both(path, reference.predicate))
            b = self.known(reference.b, self.both(path, self.negated(reference.predicate)))
            if a is reference.a and b is reference.b:
                return reference
            return a if self.same(a, b) else Choice(reference.predicate, a, b)
        return reference

    def taken(self, p: Predicate, path: Any) -> bool | None:
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
        made = Choice(p, a, b)
        found = objects_of(made)
        if len({id(x) for x in found}) > MOST_CHOICES or len(found) > 2 * MOST_CHOICES:
            raise Refused(f"a value that may be one of more than {MOST_CHOICES} objects")
        return made

    def select(self, p: Any, a: Any, b: Any) -> Any:
        """What is ``a`` where ``p`` holds, else ``b``: things that the program computes."""
        p = self.of(p)
        if isinstance(p, bool):
            return a if p else b
        if a is b or self.algebra.key(a) == self.algebra.key(b):
            return a
        if p.high is False and p.low is True:  # of a negated atom
            return self.algebra.select(p.atom, b, a)
        return self.algebra.select(self.leaf(p), a, b)

    def identical(self, a: Reference, b: Reference) -> Predicate:
        """``a is b`` of two references."""
        return self._identical(a, b, {})

    def _identical(self, a: Any, b: Any, known: dict[tuple[int, int], Predicate]) -> Predicate:
        if not isinstance(a, Choice):
            a, b = b, a
        if not isinstance(a, Choice):
            return self.same(a, b)
        key = id(a), id(b)
        found = known.get(key)  # what was chosen is often chosen among again
        if found is None:
            parts = [self._identical(part, b, known) for part in (a.a, a.b)]
            found = known[key] = self.choose(a.predicate, *parts)
        return found


__all__ = ["Algebra", "Choice", "Logic", "Reference", "Refused", "To", "objects_of"]
