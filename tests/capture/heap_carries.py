"""Loops: what one iteration leaves to the next, found by running the body on placeholders.

    carried = carry(heap, body, region, index)      runs the body until nothing new turns up, at most 4 times
    carried.slots                                   type, start, placeholder and end of each number that is carried
    carried.finish(results, ran)                    what the heap holds after the loop

Each location that the body changes, of the objects that are older than the loop, has a *shape*
(:mod:`tests.capture.heap_shapes`): what of it may differ between iterations.  Shapes only become more general from round to
round.  A loop in a loop begins with the shapes that it had in the round before of the loop around it, so that the
innermost body is run a number of times that grows with the depth of nesting, not with a power of it.

In the body a *stand-in* takes the place of the object that a structure is.  That is right if two locations hold one object
before the loop exactly where they do at the end of the body, and nothing else holds it: equal position in the
numbering, equal identity (virtual states of PyPy: Ardö, Bolz, Fijałkowski, DLS 2012).  Such structures are
*tight*.  The others are *loose*: somebody else may hold the object too, ``x = x0`` before the loop or ``best = x`` in
it.  Of these the body may read everything, for what is read is the same whoever else holds it; where it stores into
one or asks which it is, the loop is refused.  A slot carries a token of which object each loose structure is, so
that after the loop it is known who shares what.

A rotation (``a, b = b, a``) of objects that nobody else holds is tight and is carried by contents; it is told
(:attr:`Carried.rotations`), as is a rotation that makes the loop refused (:class:`Rotation`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from autodiff.capture.predicates import Refused
from tests.capture.heap_entries import Entry, Heap, Location, Made, Object
from tests.capture.heap_kinds import Order
from tests.capture.heap_merge import take
from tests.capture.heap_references import (
    MOST_CHOICES,
    UNBOUND,
    Choice,
    Leaf,
    Logic,
    Maybe,
    Reference,
    Static,
    To,
    alternatives,
    bound,
    objects_of,
)
from tests.capture.heap_shapes import (
    Growth,
    LoopAlgebra,
    Memory,
    Number,
    OneOf,
    Perhaps,
    Rotation,
    Same,
    Shape,
    Slot,
    Structure,
)

ROUNDS = 4
DEEPEST = 60  # objects within objects that are carried by their parts
S = TypeVar("S", bound="Shape")


def carry(
    heap: Heap,
    body: Callable[[], object],
    region: Callable[[Callable[[], None]], object],
    index: Any,
    site: Any = None,
) -> Carried:
    """Find out what a loop carries; the heap is as before.

    ``region(round)`` runs a round where what it computes becomes the body of the loop, which a later round replaces.
    ``index`` is the leaf of the iteration's number, ``site`` where the loop stands.  Refused where a loop of the program cannot do what Python does.
    """
    carried = Carried(heap, index)
    around = heap.loops[-1] if heap.loops else None
    memory = None if around is None else around.memory_of(site)
    if memory is not None:
        carried.begin_with(memory)
    before = heap.snapshot()
    for _ in range(ROUNDS):
        heap.loops.append(carried)
        try:
            region(lambda: carried.attempt(body))
        except BaseException:
            heap.undo(before)
            raise
        finally:
            heap.loops.pop()
        if carried.is_settled:
            if memory is not None:
                memory.shapes, memory.inner = dict(carried.shapes), carried.inner
            carried.start_slots()
            return carried
    raise Refused("what the loop changes does not settle")


class Carried:
    """What a loop carries; see the module header."""

    def __init__(self, heap: Heap, index: Any) -> None:
        self.heap = heap
        self.logic: Logic = heap.logic
        self.algebra: LoopAlgebra = heap.logic.algebra  # type: ignore[assignment]
        self.index = index
        self.older = heap.objects  # objects with lower numbers are older than the loop
        self.shapes: dict[Location, Shape] = {}
        self.structures: list[Structure] = []
        self.slots: list[Slot] = []
        self.tokens: dict[Structure, Slot] = {}
        self.lasting: list[Object] = []  # objects older than the loop that a token may mean
        self.round = 0
        self.depth = 0  # of the structure that is looked at
        self.is_settled = False
        self.inner: dict[Any, Memory] = {}  # what is remembered of the loops in the body
        self.times: Counter[Any] = Counter()  # how often each came by in this round
        self.changes: dict[Location, Entry | None] = {}
        self.tables: dict[Object, dict[Any, Entry | None]] = {}

    # -- loops in a loop ----------------------------------------------------------------------------
    def memory_of(self, site: Any) -> Memory:
        """What is remembered of a loop in the body, by where it stands and how often it came by this round."""
        self.times[site] += 1
        return self.inner.setdefault((site, self.times[site]), Memory())

    def begin_with(self, memory: Memory) -> None:
        """Begin with the shapes of another round of the loop around this one."""
        self.inner = memory.inner
        again: dict[tuple[Any, ...], Structure] = {}
        for location, shape in memory.shapes.items():
            self.at = location
            found = self._again(shape, self.heap.read(location), again)
            if found is not None:
                self.shapes[location] = found

    def _again(
        self, shape: Shape, start: Reference | None, again: dict[tuple[Any, ...], Structure]
    ) -> Shape | None:
        """A shape like another one of what there is now; None where it cannot be."""
        x = None if start is None or start is UNBOUND else bound(start)[0]
        if isinstance(shape, Number):
            return shape if x is None or self.logic.number(x) is not None else None
        if isinstance(shape, Perhaps):
            inner = self._again(shape.inner, x, again)
            return None if inner is None else Perhaps(inner)
        if not isinstance(shape, Structure) or x is None or not self._alike(x):
            return None
        if self.heap.keys(objects_of(x)[0]) != list(shape.parts):
            return None
        key = (shape, *_key(x))
        if key not in again:
            made = again[key] = Structure(objects_of(x)[0], x, [self.at])
            self.structures.append(made)
            for name, part in shape.parts.items():
                held = self.heap.read_through(x, name)
                made.parts[name] = self._again(part, held, again) or Same(held)
        return again[key]

    # -- a round ----------------------------------------------------------------------------------
    def attempt(self, body: Callable[[], object]) -> None:
        """Run the body once on placeholders, and take up what it changed."""
        heap = self.heap
        self.round += 1
        self.times.clear()
        self.is_settled = True
        before = heap.snapshot()
        self._enter()
        entered, asked = heap.snapshot(), heap.asked
        heap.asked = set()
        try:
            body()
        finally:
            asked_here, heap.asked = heap.asked, asked | heap.asked
        written = {location.object for location in heap.changed(entered)}
        self.births = (entered.objects, heap.objects)
        self.changes = take(heap, before).changes
        self.tables = {}
        for (x, key), entry in self.changes.items():
            self.tables.setdefault(x, {})[key] = entry
        self._refuse_moved()
        self._learn()
        self._loosen()
        # A loop in the body must know of the objects that are not this one's alone.
        if self.inner and any(s.stand.is_shared < s.is_loose for s in self._standing() if s.stand):
            self.is_settled = False
        if self.is_settled:
            self._refuse_loose(written, asked_here)
            self._end_slots()

    def _enter(self) -> None:
        """Put placeholders in place."""
        self.slots = []

        def leaf(type: Any) -> Any:
            self.slots.append(Slot(type, self.algebra.placeholder(type)))
            return self.slots[-1].placeholder

        objects: dict[Structure, Object] = {}
        self.since: dict[Location, int | None] = {}
        for location, shape in self.shapes.items():
            if not isinstance(shape, Same):
                self.heap.write(location, self._made(shape, leaf, objects))
                entry = self.heap.entry(*location)
                self.since[location] = None if entry is None else entry.since
        for structure in self.structures:
            structure.stand = objects.get(structure)
            if structure.stand is not None:
                structure.stand.is_shared = structure.is_loose

    def _refuse_moved(self) -> None:
        """Keys that are removed and stored again come in another order from iteration to iteration."""
        for location, after in self.changes.items():
            if location.object.kind.order is Order.STORES and after is not None:
                before = self.since.get(location, ...)
                if before is ...:
                    entry = self.heap.entry(*location)
                    before = after.since if entry is None else entry.since
                if after.since != before and after.reference is not UNBOUND:
                    raise Refused(
                        f"a loop that removes the key {location.key!r} and stores it again"
                    )

    def _made(
        self, shape: Shape, leaf: Callable[[Any], Any], objects: dict[Structure, Object]
    ) -> Reference:
        """A reference of a shape, of leaves in the order of the slots, and of ``objects`` once made."""
        if isinstance(shape, Same):
            return shape.reference
        if isinstance(shape, Number):
            return Leaf(leaf(shape.type))
        if isinstance(shape, Perhaps):
            flag = leaf(self._flag_type())
            return self.logic.maybe(self._made(shape.inner, leaf, objects), flag)
        if isinstance(shape, OneOf):
            which = leaf(self._count_type())
            found = shape.references[0]
            for k, other in enumerate(shape.references[1:], 1):
                found = self.logic.join(self._is(which, k), other, found)
            return found
        if shape not in objects:
            made = objects[shape] = self.heap.new(shape.like.kind, Made(), shape.like.like)
            for key, part in shape.parts.items():
                self.heap.write((made, key), self._made(part, leaf, objects))
        return To(objects[shape])

    def _flag_type(self) -> Any:
        return self.algebra.type_of(self.algebra.lift(True))

    def _count_type(self) -> Any:
        return self.algebra.type_of(self.algebra.lift(0))

    def _is(self, which: Any, k: int) -> Any:
        return self.algebra.equal(which, self.algebra.lift(k))

    # -- what a round teaches ---------------------------------------------------------------------
    def _learn(self) -> None:
        roots = [x for x in self.changes if x.object.number < self.older and x not in self.shapes]
        roots.sort(key=lambda x: (e.since or 0) if (e := self.changes[x]) is not None else 0)
        starts = [(location, self.heap.read(location)) for location in [*self.shapes, *roots]]
        for location, start in starts:
            if location.object.kind.is_sequence and start is UNBOUND:
                raise Growth(location.object)
            if location.object.kind.is_sequence and bound(self._after(location))[1] is not True:
                raise Growth(location.object)
        # Objects that nothing holds but the locations that the loop carries.
        own = Counter(x for _, start in starts for x in objects_of(start))
        self.own = {x for x, n in own.items() if _is_held(x, n)}
        self.by_start: dict[tuple[Object, ...], list[Structure]] = {}
        for s in self.structures:
            s.end, s.visits = UNBOUND, 0
        for location, start in starts:
            self.at = location
            end = self._after(location)
            self.shapes[location] = self._general(self.shapes.get(location), start, end)
        held_here = self._held_here()
        for location in roots:  # through a stand-in from now on
            if location.object in held_here:
                del self.shapes[location]

    def _held_here(self) -> set[Object]:
        """Objects that only locations hold that the loop carries."""
        visits: Counter[Object] = Counter()
        for s in self.structures:
            for x in objects_of(s.start or UNBOUND):
                visits[x] += s.visits
        return {x for x, n in visits.items() if _is_held(x, n)}

    def _standing(self) -> list[Structure]:
        """The structures that have a stand-in, of a round that has settled."""
        return [s for s in self.structures if s.stand is not None]

    def _after(self, location: Location) -> Reference:
        """What a location holds at the end of the body."""
        if location not in self.changes:
            return self.heap.read(location)
        entry = self.changes[location]
        return UNBOUND if entry is None else self.heap.known(entry.reference)

    def _after_through(self, reference: Reference, key: Any) -> Reference:
        if isinstance(reference, Choice):
            a, b = (self._after_through(part, key) for part in (reference.a, reference.b))
            return self.logic.join(reference.predicate, a, b)
        assert isinstance(reference, To)
        return self._after(Location(reference.object, key))

    def _keys_after(self, x: Object) -> list[Any]:
        """The keys of an object at the end of the body, in order."""
        table = self.tables.get(x, {})
        kept = [k for k in self.heap.keys(x) if k not in table]
        changed = [
            (e.since if e.since is not None else -1, k)
            for k, e in table.items()
            if e is not None and e.reference is not UNBOUND
        ]
        if x.kind.order is not Order.STORES:
            return [*kept, *[k for _, k in changed]]
        entries = [((e.since if (e := self.heap.entry(x, k)) else None) or -1, k) for k in kept]
        return [k for _, k in sorted([*entries, *changed], key=lambda pair: pair[0])]

    def _new(self, shape: S) -> S:
        self.is_settled = False
        return shape

    def _general(self, shape: Shape | None, start: Reference | None, end: Reference) -> Shape:
        """A shape of what a location holds before the loop and after the body, and of ``shape``."""
        s, has_s = (None, start is None) if start is None or start is UNBOUND else bound(start)
        e, has_e = bound(end)
        if isinstance(shape, (Same, type(None))) and start is not None:
            if self.logic.same(start, end):
                return shape or Same(start)
        if not isinstance(shape, Perhaps) and has_s is True and has_e is True:
            return self._of_bound(shape, s, e)
        inner = shape.inner if isinstance(shape, Perhaps) else shape
        if isinstance(inner, Same) and inner.reference is UNBOUND:
            inner = None
        if has_e is not False:
            found = self._of_bound(inner, s, e)
        else:
            found = inner or Same(s if s is not None else UNBOUND)
        if isinstance(shape, Perhaps) and found is shape.inner:
            return shape
        return self._new(Perhaps(found))

    def _of_bound(self, shape: Shape | None, s: Reference | None, e: Reference) -> Shape:
        if isinstance(shape, Structure):
            return self._structure(shape, s, e)
        if isinstance(shape, OneOf):
            if self._lasts(e):
                return self._one_of(shape, shape.references, e)
            return self._structure(None, s, e)
        if isinstance(shape, Number):
            return self._number(shape, shape.type, e)
        assert not isinstance(shape, Perhaps)
        known = s if s is not None else None if shape is None else shape.reference
        if known is None:
            return self._of_end(e)
        if self.logic.same(known, e):
            return shape or Same(known)
        number = self.logic.number(known)
        if number is not None and self.logic.number(e) is not None:
            return self._number(None, self.algebra.type_of(number), e)
        if self._lasts(known) and self._lasts(e):
            own = {*objects_of(known), *objects_of(e)} <= self.own
            if not own or not self._alike(known, e):
                return self._one_of(None, (known,), e)
        return self._structure(None, s, e)

    def _of_end(self, e: Reference) -> Shape:
        """The shape of what is not bound before the loop."""
        number = self.logic.number(e)
        if number is not None:
            return self._new(Number(self.algebra.type_of(number)))
        if not self._lasts(e):
            return self._structure(None, None, e)
        found = tuple(self._distinct(e))
        return self._new(Same(e) if len(found) == 1 else OneOf(found))

    def _number(self, shape: Number | None, type: Any, e: Reference) -> Number:
        leaf = self.logic.number(e)
        wider = None if leaf is None else self.algebra.widened(type, self.algebra.type_of(leaf))
        if wider is None:
            raise Refused(f"{self._name()} changes its type")
        return shape if shape is not None and wider == shape.type else self._new(Number(wider))

    def _lasts(self, reference: Reference) -> bool:
        """Whether a reference is to things that are older than the loop."""
        return all(
            isinstance(x, Static) or (isinstance(x, To) and x.object.number < self.older)
            for x in alternatives(reference)
        )

    def _distinct(self, *references: Reference) -> list[Reference]:
        found: list[Reference] = []
        for reference in references:
            for x in alternatives(reference):
                if not any(self.logic.same(x, other) for other in found):
                    found.append(x)
        return found

    def _one_of(self, shape: OneOf | None, known: Sequence[Reference], e: Reference) -> OneOf:
        found = tuple(self._distinct(*known, e))
        if len(found) > MOST_CHOICES:
            raise Refused(f"{self._name()} may be one of more than {MOST_CHOICES} objects")
        return shape if shape and len(found) == len(shape.references) else self._new(OneOf(found))

    def _name(self) -> str:
        return repr(self.at.key)

    # -- structures
    def _alike(self, *references: Reference | None) -> bool:
        """Whether references are to objects of one kind, with the same keys."""
        found = [
            (x, after)
            for after, reference in enumerate(references)
            for x in alternatives(reference or UNBOUND)
        ]
        if not all(isinstance(x, To) for x, _ in found):
            return False
        first = found[0][0].object  # type: ignore[union-attr]
        keys = self.heap.keys(first) if references[0] is not None else self._keys_after(first)
        for x, after in found:
            other = x.object  # type: ignore[union-attr]
            if other.kind is not first.kind or not first.kind.alike(first.like, other.like):
                return False
            mine = self._keys_after(other) if after else self.heap.keys(other)
            if mine != keys and (first.kind.order is Order.STORES or set(mine) != set(keys)):
                return False
        return True

    def _structure(self, shape: Structure | None, s: Reference | None, e: Reference) -> Structure:
        if not self._alike(s, e):
            raise Refused(f"{self._name()} becomes another kind of object, or one with other parts")
        if shape is None or shape.round == self.round:
            found = self._known_structure(s, e)
            if found is not None:
                found.visits += 1
                return found if found is shape else self._new(found)
            made = Structure(objects_of(e)[0], s, [self.at], dict(shape.parts) if shape else {})
            self.structures.append(made)
            shape = self._new(made)
        shape.round, shape.end, shape.visits = self.round, e, 1
        self.by_start.setdefault(_key(s), []).append(shape)
        keys = self._keys_after(objects_of(e)[0])
        if shape.parts and shape.like.kind.order is Order.STORES and list(shape.parts) != keys:
            raise Refused(f"{self._name()} becomes an object with other keys")
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused(f"{self._name()} holds objects within objects without end")
        for key in keys:
            start = None if s is None else self.heap.read_through(s, key)
            shape.parts[key] = self._general(
                shape.parts.get(key), start, self._after_through(e, key)
            )
        self.depth -= 1
        if shape.like.kind.is_sequence and any(
            isinstance(x, Perhaps) for x in shape.parts.values()
        ):
            raise Growth(shape.like)
        return shape

    def _known_structure(self, s: Reference | None, e: Reference) -> Structure | None:
        for known in self.by_start.get(_key(s), ()):
            same = self.logic.same(known.start or UNBOUND, s or UNBOUND)
            if same and self.logic.same(known.end, e):
                return known
        return None

    # -- who else holds what
    def _loosen(self) -> None:
        """Find the structures that other locations may hold too."""
        current = [s for s in self.structures if s.stand is not None or s.round == self.round]
        held_here = self._held_here()
        stands = {s.stand: s for s in current if s.stand is not None}
        starts = Counter(x for s in current for x in set(objects_of(s.start or UNBOUND)))
        ends = Counter(x for s in current for x in set(objects_of(s.end)))
        for s in current:
            old = objects_of(s.start or UNBOUND)
            met = objects_of(s.end)
            old += [x for x in met if x.number < self.older]
            s.is_loose = any(x not in held_here or starts[x] > 1 for x in old) or any(
                ends[x] > 1 for x in met
            )
        pending = [s for s in current if s.is_loose]
        while pending:  # what a loose structure may be next is loose, and what it holds
            s = pending.pop()
            parts = [x.inner if isinstance(x, Perhaps) else x for x in s.parts.values()]
            for other in (*parts, *map(stands.get, objects_of(s.end))):
                if isinstance(other, Structure) and not other.is_loose:
                    other.is_loose = True
                    pending.append(other)

    def _refuse_loose(self, written: set[Object], asked: set[Object]) -> None:
        for s in self._standing():
            if not s.is_loose:
                continue
            old = [
                x
                for x in (*objects_of(s.start or UNBOUND), *objects_of(s.end))
                if x.number < self.older
            ]
            if s.stand in asked or s.stand in written or any(x in written for x in old):
                cycle = next((c for c in self.rotations if s in c), None)
                if cycle is not None:
                    raise Rotation(cycle)
                what = "asks which object it is" if s.stand in asked else "stores into it"
                name = f"{s.names[0].key!r}"
                raise Refused(
                    f"a loop that binds {name} anew and {what}: it has other names as well"
                )

    @property
    def rotations(self) -> list[tuple[Structure, ...]]:
        """Cycles of structures each of which becomes what the next one was."""
        stands = {s.stand: s for s in self._standing()}
        after = {
            s: stands[s.end.object]
            for s in self._standing()
            if isinstance(s.end, To) and s.end.object in stands
        }
        found: list[tuple[Structure, ...]] = []
        for first in after:
            cycle, s = [first], after[first]
            while s in after and s not in cycle:
                cycle.append(s)
                s = after[s]
            if s is first and len(cycle) > 1 and not any(first in known for known in found):
                found.append(tuple(cycle))
        return found

    # -- slots ------------------------------------------------------------------------------------
    def _leaves(
        self, shape: Shape, x: Reference | None, at_end: bool, seen: set[Structure]
    ) -> Iterator[Any]:
        """The leaves of what has a shape, before the loop or at the end of the body, as the slots come."""
        x, has = (None, False) if x is None or x is UNBOUND else bound(x)
        if isinstance(shape, Perhaps):
            yield self.logic.leaf(has)
            yield from self._leaves(shape.inner, None if has is False else x, at_end, seen)
        elif isinstance(shape, Number):
            yield self.algebra.filler(shape.type) if x is None else self.logic.number(x)
        elif isinstance(shape, OneOf):
            yield self.algebra.lift(0) if x is None else self._which(shape, x)
        elif isinstance(shape, Structure) and shape not in seen:
            seen.add(shape)
            whole = shape.end if at_end else shape.start or UNBOUND
            for key, inner in shape.parts.items():
                part = None
                if whole is not UNBOUND:
                    part = (self._after_through if at_end else self.heap.read_through)(whole, key)
                yield from self._leaves(inner, part, at_end, seen)

    def _which(self, shape: OneOf, reference: Reference) -> Any:
        if isinstance(reference, Choice):
            a, b = (Leaf(self._which(shape, part)) for part in (reference.a, reference.b))
            return self.logic.number(self.logic.join(reference.predicate, a, b))
        k = next(k for k, known in enumerate(shape.references) if self.logic.same(known, reference))
        return self.algebra.lift(k)

    def _end_slots(self) -> None:
        seen: set[Any] = set()
        ends = [
            leaf
            for location, shape in self.shapes.items()
            for leaf in self._leaves(shape, self._after(location), True, seen)
        ]
        for slot, end in zip(self.slots, ends, strict=True):
            slot.end = end
        loose = [s for s in self._standing() if s.is_loose]
        self.lasting = []
        for s in loose:
            for x in (*objects_of(s.start or UNBOUND), *objects_of(s.end)):
                if x.number < self.older and x not in self.lasting:
                    self.lasting.append(x)
        type = self._count_type()
        self.tokens = {s: Slot(type, self.algebra.placeholder(type)) for s in loose}
        for s, slot in self.tokens.items():
            slot.end = self._token(s.end)

    def start_slots(self) -> None:
        """What the slots begin with; outside of the loop."""
        seen: set[Any] = set()
        starts = [
            leaf
            for location, shape in self.shapes.items()
            for leaf in self._leaves(shape, self.heap.read(location), False, seen)
        ]
        for slot, start in zip(self.slots, starts, strict=True):
            slot.start = start
        for s, slot in self.tokens.items():
            slot.start = self.algebra.lift(0) if s.start is None else self._token(s.start)
        self.slots += self.tokens.values()

    def _token(self, reference: Reference) -> Any:
        """The number of the object that a loose structure is: each object has another one."""
        if isinstance(reference, Choice):
            a, b = (Leaf(self._token(part)) for part in (reference.a, reference.b))
            return self.logic.number(self.logic.join(reference.predicate, a, b))
        assert isinstance(reference, To)
        x = reference.object
        for s, slot in self.tokens.items():
            if s.stand is x:
                return slot.placeholder
        if x in self.lasting:
            return self.algebra.lift(1 + self.lasting.index(x))
        first, end = self.births
        offset = 1 + len(self.lasting) + x.number - first
        return self.algebra.numbered(self.index, end - first, offset)

    # -- after the loop -----------------------------------------------------------------------------
    def finish(self, results: Sequence[Any], ran: Any) -> None:
        """Have the heap hold what the loop leaves; ``ran`` is whether there was an iteration."""
        left = iter(results)
        made: dict[Structure, Object] = {}
        whole = {
            x: self._made(shape, lambda _: next(left), made)
            for x, shape in self.shapes.items()
            if not isinstance(shape, Same)
        }
        tokens = dict(zip(self.tokens, left, strict=True))
        objects: dict[Object, Reference] = {}
        for k, s in enumerate(self.tokens):
            objects[made[s]] = self._after_loop(
                s, tokens, list(self.tokens)[:k], ran, made, objects
            )
        for location, reference in whole.items():
            if isinstance(reference, Maybe) and ran is True:
                if bound(self._after(location))[1] is True:
                    reference = reference.reference
            self.heap.write(location, self._exchanged(reference, objects))
        for x in made.values():
            for key, entry in list(x.entries.items()):
                found = self._exchanged(entry.reference, objects)
                if found is not entry.reference:
                    self.heap.write((x, key), found)

    def _exchanged(self, reference: Reference, objects: dict[Object, Reference]) -> Reference:
        if isinstance(reference, To):
            return objects.get(reference.object, reference)
        if isinstance(reference, Maybe):
            inner = self._exchanged(reference.reference, objects)
            return reference if inner is reference.reference else Maybe(inner, reference.predicate)
        return reference

    def _after_loop(
        self,
        s: Structure,
        tokens: dict[Structure, Any],
        before: Sequence[Structure],
        ran: Any,
        made: dict[Structure, Object],
        objects: dict[Object, Reference],
    ) -> Reference:
        """The object that a loose structure is: an older one, that of another structure, or its own."""
        found: Reference = To(made[s])
        mine = self._may_be(s, ran)
        for other in before:
            if mine & self._may_be(other, ran):
                same = self.algebra.equal(tokens[s], tokens[other])
                found = self.logic.join(same, objects[made[other]], found)
        for k, x in enumerate(self.lasting):
            if x in mine:
                found = self.logic.join(self._is(tokens[s], 1 + k), To(x), found)
        return found

    def _may_be(self, s: Structure, ran: Any) -> set[Object]:
        """The objects that a structure may be after the loop: older ones, and those born in the body."""
        stands = {other.stand: other for other in self._standing()}
        found: set[Object] = set()
        pending, seen = [s], {s}
        while pending:
            current = pending.pop()
            met = objects_of(current.end)
            if ran is not True or current is not s or any(x in stands for x in met):
                met = met + objects_of(current.start or UNBOUND)
            for x in met:
                other = stands.get(x)
                if other is None:
                    found.add(x)
                elif other not in seen:
                    seen.add(other)
                    pending.append(other)
        return found


def _is_held(x: Object, times: int) -> bool:
    """Whether nothing holds an object but so many locations."""
    return x.is_made and not x.is_shared and x.holders <= times


def _key(reference: Reference | None) -> tuple[Object, ...]:
    return tuple(objects_of(reference or UNBOUND))


__all__ = ["ROUNDS", "Carried", "Growth", "LoopAlgebra", "Rotation", "Slot", "carry"]
