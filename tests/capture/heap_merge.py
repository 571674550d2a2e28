"""Branches: two outcomes of one start become one heap.

    with heap.assuming(p, True):
        then = run(heap, side)                  what one side changed; undone
    with heap.assuming(p, False):
        orelse = run(heap, other_side)
    merge(heap, p, then, orelse)

Each location that either side changed holds the join of what they left in it; the cost is that of what they changed.

Objects made on one side exist on that side only, so what they hold needs no join.  An object made on one side and one
made on the other never exist together: where they stand in the same place and look alike, one object stands for both,
and holds the joins of what they hold.  Which are paired is a matter of what comes out simpler, never of what is right:
any pairing that pairs each object with one other is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff.capture.predicates import Refused
from autodiff.plain_data import dataclass
from tests.capture.heap_entries import Entry, Heap, Location, Object, Snapshot
from tests.capture.heap_kinds import Order
from tests.capture.heap_references import UNBOUND, Choice, Maybe, Reference, To

Table = dict[Any, Entry | None]  # what a side left of an object, by key


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a region left: the locations it changed, the objects it made, and its value."""

    since: Snapshot
    changes: dict[Location, Entry | None]
    end: int  # objects that there were at its end
    values: tuple[Reference, ...] = ()

    def made(self, x: Object) -> bool:
        """Whether the region made an object."""
        return self.since.objects <= x.number < self.end


def take(heap: Heap, since: Snapshot, values: Iterable[Reference] = ()) -> Outcome:
    """What has been changed since a snapshot, which is then undone."""
    changes = {location: change.after for location, change in heap.changed(since).items()}
    if heap.checking:
        heap.verify(since)
    heap.undo(since)
    return Outcome(since, changes, heap.objects, tuple(values))


def run(heap: Heap, region: Callable[[], Iterable[Reference]]) -> Outcome:
    """Interpret a region, which gives its values; what it did is undone, also where it raises."""
    since = heap.snapshot()
    try:
        values = region()
    except BaseException:
        heap.undo(since)
        raise
    return take(heap, since, values)


def merge(heap: Heap, p: Any, then: Outcome, orelse: Outcome) -> list[Reference]:
    """Have the heap hold what ``then`` left where ``p`` holds, else what ``orelse`` did; the joined values."""
    before = heap.snapshot()
    try:
        return _Merge(heap, p, then, orelse).run()
    except Refused:
        heap.undo(before)
        raise


class _Merge:
    def __init__(self, heap: Heap, p: Any, then: Outcome, orelse: Outcome) -> None:
        self.heap, self.p, self.then, self.orelse = heap, p, then, orelse
        self.start = then.since.objects
        self.stores = then.since.stores
        # By object, the keys that a side changed.
        self.tables = tuple(_by_object(side) for side in (then, orelse))
        self.pairs: dict[Object, Object] = {}  # from those of ``then`` to those of ``orelse``
        self.stands: dict[Object, Object] = {}  # for those of ``orelse``

    def run(self) -> list[Reference]:
        heap = self.heap
        values = list(zip(self.then.values, self.orelse.values, strict=True))
        self._pair(values)
        for x in self._changed_objects():
            if x in self.stands:
                continue  # with the one that stands for it
            self._merge_object(x)
        return [heap.logic.join(self.p, a, mapped(b, self.stands)) for a, b in values]

    def _changed_objects(self) -> list[Object]:
        return list({**self.tables[0], **self.tables[1]})

    # -- which objects one stands for
    def _pair(self, values: Sequence[tuple[Reference, Reference]]) -> None:
        """Find alike objects in the same places, from what is older than the branch on."""
        then, orelse = self.tables
        pending = list(values)
        for x in self._changed_objects():
            if x.number < self.start:
                pending += [
                    (e.reference, o.reference)
                    for key, e in then.get(x, {}).items()
                    if e is not None and (o := orelse.get(x, {}).get(key)) is not None
                ]
        pending.reverse()
        while pending:
            a, b = pending.pop()
            if (
                not isinstance(a, To)
                or not isinstance(b, To)
                or not self._may_pair(a.object, b.object)
            ):
                continue
            self.pairs[a.object], self.stands[b.object] = b.object, a.object
            a.object.born = self.heap.logic.choose(a.object.born, True, b.object.born)
            mine, other = then.get(a.object, {}), orelse.get(b.object, {})
            pending += [
                (e.reference, o.reference)
                for k, e in reversed(mine.items())
                if e is not None and (o := other[k]) is not None
            ]

    def _may_pair(self, a: Object, b: Object) -> bool:
        if a in self.pairs or b in self.stands or a.kind is not b.kind:
            return False
        if not (self.then.made(a) and self.orelse.made(b)) or not (a.is_made and b.is_made):
            return False
        if not a.kind.alike(a.like, b.like):
            return False
        mine, other = (list(t.get(x, {})) for t, x in zip(self.tables, (a, b), strict=True))
        if a.kind.order is Order.STORES:
            return mine == other  # keys in one order
        return mine == other or set(mine) == set(other)

    # -- joining
    def _merge_object(self, x: Object) -> None:
        heap = self.heap
        twin = self.pairs.get(x, x)
        first, second = self.tables[0].get(x, {}), self.tables[1].get(twin, {})
        keys = list({**first, **second})
        if x.number >= self.start and twin is x:  # of one side alone
            for key, left in {**first, **second}.items():
                if left is not None:
                    heap.write((x, key), mapped(left.reference, self.stands))
            return
        for key in self._in_order(x, keys, first, second):
            a = self._after(x, key, first)
            b = mapped(self._after(twin, key, second), self.stands)
            heap.write((x, key), heap.logic.join(self.p, a, b))

    def _after(self, x: Object, key: Any, changes: Table) -> Reference:
        if key not in changes:
            return self.heap.read((x, key))
        entry = changes[key]
        return UNBOUND if entry is None else entry.reference

    def _in_order(self, x: Object, keys: list[Any], first: Table, second: Table) -> list[Any]:
        """The keys, such that those that are new come in the order in which both sides have them."""
        if x.kind.order is not Order.STORES or x.number >= self.start:
            return keys
        new = [_stored_since(table, self.stores) for table in (first, second)]
        for mine, table in ((new[0], second), (new[1], first)):
            for key in mine:
                entry = table.get(key, self.heap.entry(x, key))
                if entry is not None and _is_kept(entry, self.stores):
                    raise Refused(
                        f"a {x.kind} in which a branch stores a key anew that it has removed"
                    )
        ordered = _common_order(*new)
        for key in ordered:  # their places are those of now, not those from before the branch
            if self.heap.entry(x, key) is not None:
                self.heap.write((x, key), UNBOUND)
        last = set(ordered)
        return [key for key in keys if key not in last] + ordered


def _is_kept(entry: Entry, stores: int) -> bool:
    """Whether a key is bound, and was before a moment."""
    is_old = entry.since is None or entry.since < stores
    return is_old and entry.reference is not UNBOUND


def _stored_since(changes: dict[Any, Entry | None], stores: int) -> list[Any]:
    """The keys that were stored after a moment, in their order."""
    found = [
        (e.since, k)
        for k, e in changes.items()
        if e is not None
        and e.since is not None
        and e.since >= stores
        and e.reference is not UNBOUND
    ]
    return [key for _, key in sorted(found, key=lambda pair: pair[0])]


def _common_order(a: list[Any], b: list[Any]) -> list[Any]:
    """An order in which both lists are in order."""
    found: list[Any] = []
    in_a, in_b, j = set(a), set(b), 0
    for key in a:
        if key in in_b:
            while j < len(b) and b[j] != key:
                if b[j] in in_a:
                    raise Refused("a branch gives keys in another order than its other side")
                found.append(b[j])
                j += 1
            if j == len(b):
                raise Refused("a branch gives keys in another order than its other side")
            j += 1
        found.append(key)
    return found + [key for key in b[j:] if key not in in_a]


def _by_object(outcome: Outcome) -> dict[Object, Table]:
    """The changes of each object, of those that the region made in the order in which Python shows them."""
    found: dict[Object, Table] = {}
    for (x, key), entry in outcome.changes.items():
        found.setdefault(x, {})[key] = entry
    for x, table in found.items():
        if outcome.made(x) and x.kind.order is Order.STORES:
            since = {key: e.since or 0 for key, e in table.items() if e is not None}
            found[x] = {key: table[key] for key in sorted(since, key=since.__getitem__)}
    return found


def mapped(reference: Reference, objects: dict[Any, Any]) -> Reference:
    """A reference with other objects in place of some."""
    if isinstance(reference, To):
        other = objects.get(reference.object)
        return reference if other is None else To(other)
    if isinstance(reference, Choice):
        return Choice(
            reference.predicate, mapped(reference.a, objects), mapped(reference.b, objects)
        )
    if isinstance(reference, Maybe):
        return Maybe(mapped(reference.reference, objects), reference.predicate)
    return reference


__all__ = ["Outcome", "merge", "run", "take"]
