"""What a location of the heap holds, and how two such things become one.

    Leaf(v)                a number or array that the program computes
    To(object)             that object
    Choice(p, a, b)        ``a`` where ``p`` holds when the program runs, else ``b``

References are in normal form: no choice is between equal things, none asks what one around it has answered.
:meth:`Logic.join` is the one place where two of them meet: it merges branches, reads through a choice, and makes a store
through a choice the conditional store that it is.

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

MOST_CHOICES = 8  # things that one reference may be; beyond, the path is decided


class Algebra(TruthValues, Protocol):
    """How leaves are computed with."""

    def select(self, predicate: Any, a: Any, b: Any) -> Any:
        """The leaf that is ``a`` where a truth value holds, else ``b``; Refused where there is none."""


# -- references -------------------------------------------------------------------------------------
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


Reference = Leaf | To | Choice


def alternatives(reference: Reference) -> Iterator[Leaf | To]:
    """Everything that a reference may be, the same thing perhaps twice."""
    if isinstance(reference, Choice):
        yield from alternatives(reference.a)
        yield from alternatives(reference.b)
    else:
        yield reference


def objects_of(reference: Reference) -> list[Any]:
    """The objects that a reference may be, the same one perhaps twice."""
    if isinstance(reference, To):
        return [reference.object]
    return [found.object for found in alternatives(reference) if isinstance(found, To)]


class Logic(Predicates):
    """References over an algebra."""

    algebra: Algebra
    most_choices = MOST_CHOICES

    def same(self, a: Any, b: Any) -> bool:
        """Whether two references surely are one."""
        if a is b:
            return True
        if type(a) is not type(b):
            return False
        if isinstance(a, To) and isinstance(b, To):
            return a.object is b.object
        if isinstance(a, Leaf) and isinstance(b, Leaf):
            return a.value is b.value or bool(
                self.algebra.key(a.value) == self.algebra.key(b.value)
            )
        if isinstance(a, Choice) and isinstance(b, Choice):
            return a.predicate is b.predicate and self.same(a.a, b.a) and self.same(a.b, b.b)
        return False

    def known(self, reference: Any, path: Any) -> Any:
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
        return reference

    def _taken(self, p: Predicate, path: Any) -> bool | None:
        """Whether ``p`` holds wherever ``path`` does, or nowhere there; else None."""
        if self.implies(path, p):
            return True
        return False if self.both(path, p) is False else None

    def join(self, p: Any, a: Any, b: Any) -> Any:
        """``a`` where ``p`` holds, else ``b``."""
        p = self.of(p)
        if isinstance(p, bool):
            return a if p else b
        a, b = self.known(a, p), self.known(b, self.negated(p))
        return a if self.same(a, b) else self.joined(p, a, b)

    def joined(self, p: Node, a: Any, b: Any) -> Any:
        """``a`` where ``p`` holds, else ``b``, which are not the same."""
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

    def number(self, reference: Any) -> Any:
        """The leaf that a reference is; None of anything else."""
        return reference.value if isinstance(reference, Leaf) else None

    def identical(self, a: Any, b: Any) -> Predicate:
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


__all__ = [
    "Algebra",
    "Choice",
    "Leaf",
    "Logic",
    "Reference",
    "Refused",
    "To",
    "alternatives",
    "objects_of",
]
