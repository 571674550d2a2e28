"""Predicates: what is known only when the program runs, as binary decision diagrams over its truth values.

    p and not p              False             both(p, negated(p))
    (p and q) or (p and r)   p and (q or r)    one diagram, whichever way it came about

Equal predicates are one object, so that a choice that a branch around has decided is no choice, and questions end.
Diagrams are ordered and reduced (Bryant, IEEE Transactions on Computers C-35, 1986); an atom is a truth value of the
program, known by its key, in the order in which atoms come up.  Nothing is computed in the program before
:meth:`Predicates.leaf` asks for it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

from autodiff.signals import Signal

MOST_NODES = 200_000  # of all diagrams; conditions that need more are decided


class Refused(Signal):
    """What the heap cannot say: the path is decided, or the loop unrolled; the text says why."""

    @property
    def reason(self) -> str:
        """Why."""
        return str(self)


class TruthValues(Protocol):
    """How the truth values of the program are computed with."""

    def key(self, leaf: Any) -> Hashable:
        """What two leaves have in common if and only if they surely are one value."""

    def lift(self, x: Any) -> Any:
        """The leaf that an ordinary number or bool is; None of anything else."""

    def negated(self, p: Any) -> Any:
        """The leaf that is true where ``p`` is not."""

    def both(self, p: Any, q: Any) -> Any:
        """The leaf that is true where both are."""

    def either(self, p: Any, q: Any) -> Any:
        """The leaf that is true where one of them is."""


class Node:
    """``high`` where the atom holds, else ``low``."""

    __slots__ = ("atom", "high", "low", "rank")

    def __init__(self, rank: int, atom: Any, high: Predicate, low: Predicate) -> None:
        self.rank = rank
        self.atom = atom
        self.high = high
        self.low = low

    def __repr__(self) -> str:
        return f"({self.atom} ? {self.high} : {self.low})"


Predicate = bool | Node


class Predicates:
    """The predicates of one capture."""

    def __init__(self, algebra: TruthValues) -> None:
        self.algebra = algebra
        self.atoms: dict[Hashable, Node] = {}
        self.nodes: dict[tuple[int, Predicate, Predicate], Node] = {}
        self.chosen: dict[tuple[Predicate, Predicate, Predicate], Predicate] = {}

    def of(self, p: Any) -> Predicate:
        """A bool, a predicate, or a truth value of the program as a predicate."""
        if isinstance(p, (bool, Node)):
            return p
        key = self.algebra.key(p)
        found = self.atoms.get(key)
        if found is None:
            found = self.atoms[key] = Node(len(self.atoms), p, True, False)
            self.nodes[found.rank, True, False] = found
        return found

    def choose(self, p: Any, q: Any, r: Any) -> Predicate:
        """``q`` where ``p`` holds, else ``r``."""
        p, q, r = self.of(p), self.of(q), self.of(r)
        if isinstance(p, bool):
            return q if p else r
        if q is r:
            return q
        if q is True and r is False:
            return p
        key = (p, q, r)
        found = self.chosen.get(key)
        if found is None:
            first = min((x for x in key if isinstance(x, Node)), key=lambda x: x.rank)
            high = self.choose(*(_side(x, first.rank, True) for x in key))
            low = self.choose(*(_side(x, first.rank, False) for x in key))
            found = self.chosen[key] = self._node(first, high, low)
        return found

    def _node(self, like: Node, high: Predicate, low: Predicate) -> Predicate:
        if high is low:
            return high
        key = (like.rank, high, low)
        if key not in self.nodes:
            if len(self.nodes) >= MOST_NODES:
                raise Refused("conditions that depend on too many others")
            self.nodes[key] = Node(like.rank, like.atom, high, low)
        return self.nodes[key]

    def negated(self, p: Any) -> Predicate:
        """Not ``p``."""
        return self.choose(p, False, True)

    def both(self, p: Any, q: Any) -> Predicate:
        """``p`` and ``q``."""
        return self.choose(p, q, False)

    def implies(self, p: Any, q: Any) -> bool:
        """Whether ``q`` holds wherever ``p`` does."""
        return self.choose(p, q, True) is True

    def leaf(self, p: Any) -> Any:
        """A predicate as a truth value of the program, which is computed here."""
        known: dict[Node, Any] = {}
        algebra = self.algebra

        def made(x: Predicate) -> Any:
            if isinstance(x, bool):
                return algebra.lift(x)
            if x not in known:
                known[x] = one(x)
            return known[x]

        def one(x: Node) -> Any:
            if x.high is False:
                rest = algebra.negated(x.atom)
                return rest if x.low is True else algebra.both(rest, made(x.low))
            if x.low is False:
                return x.atom if x.high is True else algebra.both(x.atom, made(x.high))
            if x.high is True:
                return algebra.either(x.atom, made(x.low))
            if x.low is True:
                return algebra.either(algebra.negated(x.atom), made(x.high))
            high = algebra.both(x.atom, made(x.high))
            return algebra.either(high, algebra.both(algebra.negated(x.atom), made(x.low)))

        return made(self.of(p))


def _side(x: Predicate, rank: int, holds: bool) -> Predicate:
    if isinstance(x, bool) or x.rank != rank:
        return x
    return x.high if holds else x.low


__all__ = ["Node", "Predicate", "Predicates", "Refused", "TruthValues"]
