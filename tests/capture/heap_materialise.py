"""From the heap to Python's objects: results, what is kept outside, what a library is given.

    made = plan(heap, [reference])              while capturing: what is reached, as data
    made.build(run)                             at a run: the objects, and what the user's objects become

Each object that is made is made once, whichever way it is reached; objects are made first and filled afterwards, so what
is shared is shared and a circle is a circle.  What a branch chose is what it chose, no copy.  An object from outside is
itself, and its locations that the function has changed are stored to, in the order in which keys came up.

The parts of a tuple must be there before it is: it is made as soon as they are.  Every circle has something in it
that can change.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, Protocol

from autodiff.capture.heap import CONTENT
from autodiff.errors import InternalError
from autodiff.plain_data import dataclass
from tests.capture.heap_entries import Heap, Object, Snapshot
from tests.capture.heap_kinds import ARRAY
from tests.capture.heap_originals import part_of
from tests.capture.heap_references import (
    UNBOUND,
    Choice,
    Leaf,
    Maybe,
    Reference,
    Static,
    objects_of,
)


class Run(Protocol):
    """What is known when the program has run."""

    def holds(self, predicate: Any) -> bool:
        """Whether a predicate holds."""

    def value(self, leaf: Any) -> Any:
        """The number that a leaf is."""

    def existing(self, object: Object, /) -> Any:
        """The object of the user's that one from outside, or an argument, is."""

    def array(self, object: Object, content: Any) -> Any:
        """A new array with a content, a leaf."""


@dataclass(frozen=True)
class Plan:
    """What is built: the roots, what is held by what is made, what is stored to the user's objects."""

    roots: tuple[Reference, ...]
    made: dict[Object, tuple[tuple[Any, Reference], ...]]
    stores: tuple[
        tuple[Object, Any, Reference], ...
    ]  # an object of the user's, a key, what it holds
    refilled: dict[
        Object, tuple[tuple[Any, Reference], ...]
    ]  # lists of the user's with other lengths

    def build(self, run: Run) -> list[Any]:
        """The objects that the roots are, once the user's own have been stored to."""
        return _Building(self, run).build()


def plan(heap: Heap, roots: Sequence[Reference], since: Snapshot | None = None) -> Plan:
    """What it takes to build references, and to store what outside objects have come to hold since a moment."""
    stores, refilled = _changes(heap, since)
    pending = [
        *roots,
        *(r for _, _, r in stores),
        *(r for items in refilled.values() for _, r in items),
    ]
    made: dict[Object, tuple[tuple[Any, Reference], ...]] = {}
    while pending:
        for x in objects_of(pending.pop()):
            if x.is_made and x not in made:
                made[x] = tuple((key, heap.read((x, key))) for key in heap.keys(x))
                pending += [reference for _, reference in made[x]]
    return Plan(tuple(roots), made, tuple(stores), refilled)


def _changes(
    heap: Heap, since: Snapshot | None
) -> tuple[list[tuple[Object, Any, Reference]], dict[Object, tuple[tuple[Any, Reference], ...]]]:
    found: list[tuple[int, Object, Any, Reference]] = []
    refilled: dict[Object, tuple[tuple[Any, Reference], ...]] = {}
    for (x, key), change in ({} if since is None else heap.changed(since)).items():
        if x.is_made or change.after is None:
            continue
        before = None if change.before is None else change.before.since
        moved = change.before is not None and change.after.since != before
        if x.kind.is_sequence and (moved or change.before is None or _may_be_unbound(change.after)):
            refilled[x] = tuple((k, heap.read((x, k))) for k in heap.keys(x))
        if moved:  # removed and stored again: it comes last
            found.append((-1, x, key, UNBOUND))
        is_new = moved or change.before is None
        found.append((change.after.since or 0 if is_new else -1, x, key, change.after.reference))
    found.sort(key=lambda store: store[0])
    return [(x, key, r) for _, x, key, r in found if x not in refilled], refilled


def _may_be_unbound(entry: Any) -> bool:
    return entry.reference is UNBOUND or isinstance(entry.reference, Maybe)


class _Building:
    def __init__(self, plan: Plan, run: Run) -> None:
        self.plan, self.run = plan, run
        self.known: dict[Object, Any] = {}
        self.empty: list[Object] = []  # made, and not filled yet

    def build(self) -> list[Any]:
        plan = self.plan
        roots = [self.of(reference) for reference in plan.roots]
        refilled = [(x, self._held(items)) for x, items in plan.refilled.items()]
        stores = [(x, key, self.of(reference)) for x, key, reference in plan.stores]
        while self.empty:
            x = self.empty.pop()
            self._fill(self.known[x], x, self._held(plan.made[x]))
        for x, held in refilled:
            self._fill(self.run.existing(x), x, held)
        for x, key, value in stores:
            _store(self.run.existing(x), x, key, value)
        return roots

    def _held(self, items: Sequence[tuple[Any, Reference]]) -> list[tuple[Any, Any]]:
        found = [(key, self.of(reference)) for key, reference in items]
        return [(key, value) for key, value in found if value is not UNBOUND]

    def of(self, reference: Reference) -> Any:
        """What a reference is in this run."""
        while isinstance(reference, (Choice, Maybe)):
            holds = self.run.holds(reference.predicate)
            if isinstance(reference, Maybe):
                reference = reference.reference if holds else UNBOUND
            else:
                reference = reference.a if holds else reference.b
        if isinstance(reference, Static):
            return reference.value
        if isinstance(reference, Leaf):
            return self.run.value(reference.value)
        if reference is UNBOUND:
            return UNBOUND
        (x,) = objects_of(reference)
        if x not in self.known:
            self.known[x] = self._made(x)
        return self.known[x]

    def _made(self, x: Object) -> Any:
        if not x.is_made:
            return self.run.existing(x)
        if x.kind is ARRAY:
            ((_, content),) = self.plan.made[x]
            return self.run.array(x, content)
        row = x.kind.container
        if row is None:
            raise InternalError(f"{x.kind} have no object of their own")
        if row.empty is not None:
            self.empty.append(x)
            return row.empty(x.like)
        held = self._held(self.plan.made[x])
        return row.make(x.like, [key for key, _ in held], [value for _, value in held])

    def _fill(self, obj: Any, x: Object, held: list[tuple[Any, Any]]) -> None:
        row = x.kind.container
        assert row is not None and row.fill is not None
        row.fill(obj, [key for key, _ in held], [value for _, value in held])


def _store(obj: Any, x: Object, key: Any, value: Any) -> None:
    """Let an object of the user's hold something else, past what its class says about stores."""
    if key is CONTENT:
        obj[...] = value
    elif x.kind.name in ("instance", "namespace"):
        if value is not UNBOUND:
            object.__setattr__(obj, key, value)
        elif part_of(x.kind, obj, key) is not UNBOUND:
            object.__delattr__(obj, key)
    else:
        base: Any = next(c for c in (list, deque, OrderedDict, dict) if isinstance(obj, c))
        if value is not UNBOUND:
            base.__setitem__(obj, key, value)
        elif part_of(x.kind, obj, key) is not UNBOUND:
            base.__delitem__(obj, key)


__all__ = ["Plan", "Run", "plan"]
