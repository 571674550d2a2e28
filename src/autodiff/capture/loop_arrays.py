"""Which arrays the names are that a loop binds anew: before, in and after it.

    y = y * 2               y is another array after each iteration; before the first one it is what it was
    best = m[k]             a row of m: at which place is a number that the loop carries
    if c: best = y          the array that y is, or that of before: the loop carries a number for each array

The loop carries what such an array holds, whatever it is; here it is found out, round by round, how to tell in the
next iteration and after the loop *which* array it is.  The ways, from the one that costs nothing on:

    OWN       nobody else holds it: in the loop, and after it, a storage of its own stands for it
    FIRST     the array of before in the first iteration, then one that the iteration before has made
    PLACED    a view of one array, at places that are carried
    TOKEN     a number is carried, which is the same of two names where these are one array
    UNKNOWN   it may be a part of others: read as long as nothing is stored into these, never stored into

Ways only go up from round to round.  What a way makes of a name is a choice of the heap, so a store in the loop or
after it reaches what it reaches in Python.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from enum import IntEnum
from functools import partial
from typing import Any

import numpy as np

from autodiff.capture.arrays import Arrays, Chosen, Equal, array_of, moved, place_of
from autodiff.capture.heap import Object
from autodiff.capture.predicates import Predicate, Refused
from autodiff.capture.references import Choice, Reference, To, objects_of
from autodiff.capture.regions import Outcome
from autodiff.capture.slots import Slot, is_listed
from autodiff.dims import Dim, Extent, same, same_shape, symbols
from autodiff.ir.data import Value
from autodiff.ops.builder import Builder, emit
from autodiff.ops.either import is_array
from autodiff.ops.indexing import SliceStep
from autodiff.ops.tracer import Cell, Tracer, ViewStep, as_tracer
from autodiff.plain_data import dataclass

NUMBER = Slot(np.dtype(np.int64), (), "python")
Key = tuple[Any, str]


class Way(IntEnum):
    """How it is told which array a name is; see the module header."""

    OWN = 0
    FIRST = 1
    PLACED = 2
    TOKEN = 3
    UNKNOWN = 4


@dataclass(frozen=True)
class Size:
    """An extent that a loop carries: in which number, and at most how large it is."""

    key: tuple[Any, str]
    most: Extent  # before an iteration
    room: Extent  # before, in and after any of them

    def before(self, k: Extent | None, numbers: Mapping[tuple[Any, str], Value]) -> Extent:
        """The extent before iteration ``k``, in which the carried numbers are ``numbers``."""
        return Dim.symbol(numbers[self.key])


@dataclass(frozen=True)
class EvenSize:
    """An extent that changes by the same in every iteration, so that nothing need be carried."""

    start: Extent
    step: Extent
    room: Extent

    def before(self, k: Extent | None, numbers: Mapping[tuple[Any, str], Value]) -> Extent:
        """The extent before iteration ``k``."""
        assert k is not None
        return self.start + self.step * k


@dataclass(eq=False)
class _Name:
    """A name that the loop binds to arrays."""

    key: Key
    start: Reference  # before the loop
    is_loose: bool  # whether anything else holds that array
    way: Way
    token: str = ""  # the name that carries its number
    which: str = ""  # the name that carries the number by which lists and results know it (capture.numbering)
    # Of a view: the names that carry where it lies, by step and axis.
    places: dict[tuple[int, int], str] = field(default_factory=dict)
    end: Reference | None = None  # at the end of the body


class LoopArrays:
    """The arrays of one loop.

    ``scope`` is that of the numbers that are carried in addition, ``carry`` adds one of them.
    """

    def __init__(self, heap: Arrays, builder: Builder, scope: Any, carry: Callable[[Key], None]):
        self.heap, self.builder, self.scope, self.carry = heap, builder, scope, carry
        self.names: dict[Key, _Name] = {}
        self.starts: dict[Key, Tracer] = {}  # what they are before the loop
        self.lasting: list[Object] = []  # arrays of before that have a number
        self.defined: set[Value] = set()
        self.index: Value | None = None
        self.results: dict[Key, Tracer] = {}  # after the loop
        self.kept: dict[Object, Tracer] = {}  # ... the arrays that the last iteration has made
        self.earlier: dict[_Name, Tracer] = {}  # ... those of the iteration before
        self.shared: set[Cell] = set()  # storages of which several temporaries are parts
        self.heads: dict[Cell, _Name] = {}  # what the body finds in the place of a storage
        self.owners: dict[Cell, _Name] = {}  # storages that stand for names, in the body

    def begin(self, key: Key, start: Tracer, is_loose: Callable[[], bool]) -> None:
        """Take up a name, with what it is before the loop: of one that is known, if that has become an item of a pool."""
        if self.starts.get(key) is start:
            return
        name, reference = self.names.get(key), self.heap.reference(start)
        self.starts[key] = start
        if name is None:
            loose = is_loose()
            self.names[key] = _Name(key, reference, loose, Way.FIRST if loose else Way.OWN)
            return
        name.start, name.is_loose = reference, True
        if name.way is Way.PLACED:
            name.way = Way.UNKNOWN
        if name.way is Way.TOKEN:
            self.lasting += [x for x in objects_of(reference) if x not in self.lasting]
        self._raise(name, Way.FIRST)

    # -- in the body
    def enter(self, values: dict[Key, Value], index: Value | None) -> None:
        """Put the arrays in place, given what all carried names hold."""
        cells = self._new_cells(values)
        is_first = None
        heads = {}
        if index is not None:  # in the body, not in the condition of a ``while``
            self.index, is_first = index, self.heap.logic.of(Equal(index, 0))
            self.owners = {cell: name for name, cell in cells.items()}
        for name, tracer in self._bound(values, is_first, cells):
            name.key[0].locals[name.key[1]] = tracer
            self._give_number(name, tracer.cell, values)
            heads[tracer.cell] = name
        if index is not None:
            self.heads = heads

    def _new_cells(self, values: dict[Key, Value]) -> dict[_Name, Cell]:
        """The storages that stand for the names."""
        cells = {name: Cell(values[name.key]) for name in self.names.values()}
        for name, cell in cells.items():
            self._give_number(name, cell, values)
        return cells

    def _give_number(self, name: _Name, cell: Cell, values: dict[Key, Value]) -> None:
        """Have a storage know which array it is of."""
        if name.which:
            cell.number = Tracer(values[self.scope, name.which], "python")
        elif self.heap.numbering.is_carried:
            cell.number = 0  # in a first look

    def _bound(
        self, values: dict[Key, Value], is_first: Predicate | None, cells: dict[_Name, Cell]
    ) -> Iterator[tuple[_Name, Tracer]]:
        """The arrays that the names are; ``is_first`` tells whether these are those of before."""
        known: list[tuple[_Name, Reference]] = []
        for name, cell in cells.items():
            try:
                reference = self._reference(name, cell, values, is_first, known)
            except Refused:
                name.way, reference = Way.UNKNOWN, None
            if reference is None:
                others = set(cells.values()) - {cell}
                before = None if is_first is False and self._is_replaced(name) else name.start
                yield name, self._part(values[name.key], [before, name.end], others)
            elif isinstance(reference, To) and reference.object.like.cell is cell:
                yield name, Tracer(cell, "array")
            else:
                yield name, Tracer(Chosen(self.heap, reference, values[name.key]), "array")
            if name.way is Way.TOKEN and reference is not None:
                known.append((name, reference))

    def _is_replaced(self, name: _Name) -> bool:
        """Whether each pass binds a name to an array that it has made."""
        return name.end is not None and all(
            self._owner(x) is None and not self._lasts(x) and not isinstance(x.like.cell, Chosen)
            for x in objects_of(name.end)
        )

    def _reference(
        self,
        name: _Name,
        cell: Cell,
        values: dict[Key, Value],
        is_first: Predicate | None,
        known: Sequence[tuple[_Name, Reference]],
    ) -> Reference | None:
        join = self.heap.logic.join
        own = self.heap.object_of(cell)
        if name.way is Way.OWN:
            return To(own)
        if name.way is Way.FIRST and is_first is not None:
            own.born = self.heap.logic.both(self.heap.path, self.heap.logic.negated(is_first))
            return join(is_first, name.start, To(own))
        if name.way is Way.PLACED:
            assert isinstance(name.start, To)
            view = name.start.object.like
            at: dict[tuple[int, int], Extent]
            at = {where: Dim.symbol(values[self.scope, tag]) for where, tag in name.places.items()}
            return To(self.heap.object_of(view.cell, moved(view.path, at)))
        if name.way is not Way.TOKEN:
            return None
        found: Reference = To(own)
        mine = values[self.scope, name.token]
        for other, reference in known:
            if _alike(values[other.key], values[name.key]):
                same_number = Equal(mine, values[self.scope, other.token])
                found = join(same_number, reference, found)
        for k, x in enumerate(self.lasting):
            if _alike(x.like.cell.value if not x.like.path else x.like.value, values[name.key]):
                found = join(Equal(mine, k), To(x), found)
        return found

    def _part(
        self, content: Value, references: Sequence[Reference | None], cells: set[Cell]
    ) -> Tracer:
        """An array of which it is not known of which others it is a part."""
        found: dict[Cell, None] = dict.fromkeys(cells)
        for reference in references:
            for x in () if reference is None else objects_of(reference):
                if self._lasts(x):
                    cell = x.like.cell
                    found.update(cell.cells if isinstance(cell, Chosen) else {cell: None})
        return Tracer(Chosen(self.heap, None, content, found), "array")

    def _lasts(self, x: Object) -> bool:
        """Whether an array is older than the loop."""
        block = x.like.cell.block
        return block is None or self.builder.is_open(block)

    # -- what a round teaches
    def learn(self, outcome: Outcome, uneven: set[Key], defined: set[Value]) -> bool:
        """Take up which arrays the names are at the end; whether anything is new.

        Of ``uneven`` names the size depends on the iteration; ``defined`` are the values of the body.
        """
        self.defined = defined
        for name in self.names.values():
            end: Any = outcome.names.get(name.key)
            name.end = self.heap.reference(array_of(end)) if is_array(end) else None
        before = [(name.way, len(name.places)) for name in self.names.values()], len(self.lasting)
        for name in self.names.values():
            self._raise(name, self._way_of(name, name.key in uneven))
        after = [(name.way, len(name.places)) for name in self.names.values()], len(self.lasting)
        return self._carry_numbers() or before != after

    def _carry_numbers(self) -> bool:
        """Carry of each name which array it is, where that matters; whether of any that was not."""
        if not self.heap.numbering.is_carried:
            return False
        new = [name for name in self.names.values() if not name.which]
        for name in new:
            name.which = f"<which {name.key[1]} {id(name)}>"
            self.carry((self.scope, name.which))
        return bool(new)

    def note_repeats(self, outcome: Outcome) -> None:
        """Find arrays that are items of lists already when a pass begins in which they become items."""
        for cell, name in self.heads.items():
            end = outcome.names.get(name.key)
            if cell.listed and (end is None or is_listed(end)):
                self.heap.numbering.repeats = True

    def _raise(self, name: _Name, way: Way) -> None:
        if way <= name.way:
            return
        name.way = way
        if way is Way.TOKEN:
            name.token = f"<array {len(self.names)} {len(self.lasting)} {name.key[1]} {id(name)}>"
            self.carry((self.scope, name.token))
            self.lasting += [x for x in objects_of(name.start) if x not in self.lasting]

    def _owner(self, x: Object) -> _Name | None:
        return self.owners.get(x.like.cell)

    def _way_of(self, name: _Name, is_uneven: bool) -> Way:
        """The way that what a name is at the end needs."""
        if name.end is None:
            return name.way
        way = self._way_among(name, objects_of(name.end))
        if is_uneven and (name.is_loose or way > Way.FIRST):
            return Way.UNKNOWN
        return way

    def _way_among(self, name: _Name, found: Sequence[Object]) -> Way:
        if any(isinstance(x.like.cell, Chosen) for x in found):
            return Way.UNKNOWN
        overlap = self._overlap(name)
        if overlap is Way.UNKNOWN:
            return overlap
        own = [x for x in found if self._owner(x) is name]
        lasting = [x for x in found if self._lasts(x)]
        if any(x.like.path for x in own):
            return Way.UNKNOWN if name.is_loose else name.way
        if len(own) + len(lasting) == len(found) and (lasting or name.way is Way.FIRST):
            if name.way <= Way.PLACED and self._is_placed(name, lasting):
                return Way.PLACED
        way = max(overlap, name.way)
        for x in lasting:
            if not self._is_visible(x):
                return Way.UNKNOWN
            if x not in self.lasting:
                self.lasting.append(x)
            way = max(way, Way.TOKEN)
        if own and name.way is not Way.OWN:
            way = max(way, Way.TOKEN)
        for x in found:
            owner = self._owner(x)
            if owner is None or owner is name:
                continue
            if x.like.path and owner.is_loose:
                return Way.UNKNOWN
            if owner.is_loose or name.is_loose or way is Way.TOKEN or owner.way >= Way.PLACED:
                way = max(way, Way.TOKEN)
                self._raise(owner, Way.TOKEN)
        return way

    def _overlap(self, name: _Name) -> Way:
        """The way that a name needs since others may be the same array at the end, or have a part in it."""
        assert name.end is not None
        way = Way.OWN
        for other in self.names.values():
            if other is name or other.end is None:
                continue
            mine = dict.fromkeys(objects_of(name.end))
            others = dict.fromkeys(objects_of(other.end))
            may_be_one = False
            for x in mine:
                for y in others:
                    if x.like.cell is not y.like.cell or self._lasts(x):
                        continue
                    if x is not y:
                        return Way.UNKNOWN
                    may_be_one = True
            if may_be_one and way is not Way.TOKEN:
                if self.heap.logic.identical(name.end, other.end) is not False:
                    way = Way.TOKEN
        return way

    def _is_visible(self, x: Object) -> bool:
        """Whether it is known outside of the body where a view lies."""
        extents = [n for s in x.like.path for n in (*s.extents, getattr(s, "at", 0))]
        numbers = [getattr(s, "number", None) for s in x.like.path]
        if any(isinstance(n, Tracer) and n.value in self.defined for n in numbers):
            return False
        return not any(symbols(n) & self.defined for n in extents if isinstance(n, Dim))

    def _is_placed(self, name: _Name, found: Sequence[Object]) -> bool:
        """Whether all are the view of before, but at other places; notes which places differ."""
        if not isinstance(name.start, To):
            return False
        like, places = name.start.object.like, set(name.places)
        for x in found:
            differing = _differing(like.path, x.like.path) if x.like.cell is like.cell else None
            if differing is None:
                return False
            places |= differing
        for step, axis in sorted(places - set(name.places)):
            tag = name.places[step, axis] = f"<place {step} {axis} of {name.key[1]} {id(name)}>"
            self.carry((self.scope, tag))
        return True

    # -- numbers that are carried
    def leave(self, outcome: Outcome) -> None:
        """Say what the numbers are at the end of the body, and before the loop."""
        births: dict[Object, int] = {}
        tokens = [name for name in self.names.values() if name.way is Way.TOKEN]
        for x in [x for name in tokens for x in objects_of(name.end or name.start)]:
            if self._is_birth(x):
                births.setdefault(x, len(births))
        for name in self.names.values():
            if name.which:
                self._leave_number(name, outcome)
            end = name.end or name.start
            if name.way is Way.TOKEN:
                token = (self.scope, name.token)
                self.scope.starts[name.token] = self._number(
                    name.start, lambda x: as_tracer(self.lasting.index(x)).value
                )
                with self.builder.reopened(outcome.block):
                    outcome.names[token] = self._number(end, lambda x: self._token(x, births))
            elif name.token:  # no longer
                self.scope.starts[name.token] = outcome.names[self.scope, name.token] = 0
            for where, tag in name.places.items():
                self._leave_place(name, where, tag, outcome)

    def _leave_number(self, name: _Name, outcome: Outcome) -> None:
        start, end = self.starts[name.key], outcome.names.get(name.key)
        which = (self.scope, name.which)
        self.scope.starts[name.which] = Tracer(self.heap.numbering.value_of(start), "python")
        if end is None:  # as it was
            outcome.names[which] = self.scope.locals[name.which]
            return
        with self.builder.reopened(outcome.block):
            outcome.names[which] = Tracer(self.heap.numbering.value_of(end), "python")

    def _leave_place(self, name: _Name, where: tuple[int, int], tag: str, outcome: Outcome) -> None:
        if name.way is not Way.PLACED:  # no longer
            self.scope.starts[tag] = outcome.names[self.scope, tag] = 0
            return

        def at_end(x: Object) -> Value:
            if self._owner(x) is name:
                value: Value = self.scope.locals[tag].value
                return value
            return place_of(x, where)

        self.scope.starts[tag] = self._number(name.start, lambda x: place_of(x, where))
        with self.builder.reopened(outcome.block):
            outcome.names[self.scope, tag] = self._number(name.end or name.start, at_end)

    def _is_birth(self, x: Object) -> bool:
        return not self._lasts(x) and (bool(x.like.path) or self._owner(x) is None)

    def _token(self, x: Object, births: dict[Object, int]) -> Value:
        owner = self._owner(x)
        if x in self.lasting:
            return as_tracer(self.lasting.index(x)).value
        if owner is not None and not x.like.path:
            value: Value = self.scope.locals[owner.token].value
            return value
        assert self.index is not None
        first = len(self.lasting) + births[x]
        index: Any = Tracer(self.index, "python")
        number: Any = index * len(births) + first
        return as_tracer(number).value

    def _number(self, reference: Reference, number: Callable[[Object], Value]) -> Tracer:
        """A number of the array that a reference is."""

        def of(r: Reference) -> Value:
            if isinstance(r, Choice):
                return emit("select", (self.heap.value_of(r.predicate), of(r.a), of(r.b)))
            assert isinstance(r, To)
            return number(r.object)

        return Tracer(of(reference), "python")

    # -- after the loop
    def after(self, values: dict[Key, Value], ran: Any) -> dict[Key, Tracer]:
        """The arrays that the names are; ``ran`` tells whether there was an iteration."""
        is_first: Predicate = False
        if ran is not True:
            is_first = self.heap.logic.negated(ran.value)
        cells = self._new_cells(values)
        for name, tracer in self._bound(values, is_first, cells):
            self._give_number(name, tracer.cell, values)
            if tracer.cell.number is None and name.way is Way.UNKNOWN and self._is_replaced(name):
                # Asked for where the result may have that of before.
                own = To(self.heap.object_of(cells[name]))
                found = self.heap.logic.join(is_first, name.start, own)
                tracer.cell.number = partial(self.heap.numbering.of_reference, found)
            self.results[name.key] = tracer
            if isinstance(name.end, To) and self._is_birth(name.end.object):
                self.kept.setdefault(name.end.object, tracer)
        return self.results

    def take_temporaries(self, ends: Sequence[Tracer]) -> None:
        """Find the storages of which several arrays are parts whose names the body binds first."""
        found = {x for end in ends for x in objects_of(self.heap.reference(array_of(end)))}
        times = Counter(x.like.cell for x in found)
        self.shared = {cell for cell, n in times.items() if n > 1}

    def temporary(
        self, end: Tracer, content: Value, is_latched: bool, trips: Callable[[], Value]
    ) -> Tracer:
        """An array whose name the body binds first, after the loop; latched if not in each iteration.

        ``trips`` gives the number of iterations.
        """
        reference = self.heap.reference(array_of(end))
        found = objects_of(reference)
        if isinstance(reference, To) and not is_latched:
            x = reference.object
            if x in self.kept:
                return self.kept[x]
            if self._lasts(x) and self._is_visible(x):
                return Tracer(Chosen(self.heap, reference, content), "array")
        before = self.heads.get(array_of(end).cell)
        if (
            before is not None
            and before.way is Way.FIRST
            and not (array_of(end).path or is_latched)
        ):
            return self._of_the_last_but_one(before, content, trips)
        ends = {x.like.cell for n in self.names.values() for x in objects_of(n.end or n.start)}
        if not any(self._may_be_elsewhere(x, ends | self.shared) for x in found):
            made = Tracer(content, "array")
            if isinstance(reference, To) and not is_latched:
                self.kept[reference.object] = made
            return made
        owners = [owner for x in found if (owner := self._owner(x)) is not None]
        cells: set[Cell] = set()
        for tracer in (*self.results.values(), *self.kept.values()):
            cell = tracer.cell
            cells.update(cell.cells if isinstance(cell, Chosen) else {cell})
        return self._part(content, [reference, *[owner.start for owner in owners]], cells)

    def _of_the_last_but_one(
        self, name: _Name, content: Value, trips: Callable[[], Value]
    ) -> Tracer:
        """What a name was at the start of the last iteration, and is no longer."""
        if name not in self.earlier:
            only_one = self.heap.logic.of(Equal(trips(), 1))
            made = self.heap.object_of(Cell(content))
            made.born = self.heap.logic.both(self.heap.path, self.heap.logic.negated(only_one))
            reference = self.heap.logic.join(only_one, name.start, To(made))
            self.earlier[name] = Tracer(Chosen(self.heap, reference, content), "array")
        return self.earlier[name]

    def _may_be_elsewhere(self, x: Object, cells: set[Cell]) -> bool:
        """Whether something else may hold an array that a temporary is, or a part of it."""
        if x.like.cell in cells or isinstance(x.like.cell, Chosen) or self._lasts(x):
            return True
        owner = self._owner(x)
        return owner is not None and owner.is_loose


def _alike(a: Value, b: Value) -> bool:
    return a.dtype == b.dtype and same_shape(a.shape, b.shape)


def _differing(a: Sequence[ViewStep], b: Sequence[ViewStep]) -> set[tuple[int, int]] | None:
    """The places in which two views differ, by step and axis; None where they differ otherwise."""
    found: set[tuple[int, int]] = set()
    if len(a) != len(b):
        return None
    for k, (s, t) in enumerate(zip(a, b, strict=True)):
        if s is t or s == t:
            continue
        if not isinstance(s, SliceStep) or type(s) is not type(t):
            return None
        p, q = s.selection, t.selection
        if p is None or q is None or p.sources != q.sources or not same_shape(p.steps, q.steps):
            return None
        if not same_shape(_sizes(p.sizes), _sizes(q.sizes)) or not same_shape(p.shape, q.shape):
            return None
        pairs = enumerate(zip(p.starts, q.starts, strict=True))
        found |= {(k, axis) for axis, (m, n) in pairs if not same(m, n)}
    return found


def _sizes(sizes: Sequence[Extent | None]) -> tuple[Extent, ...]:
    return tuple([-1 if n is None else n for n in sizes])


__all__ = ["EvenSize", "LoopArrays", "Size", "Way"]
