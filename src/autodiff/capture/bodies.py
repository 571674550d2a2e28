"""The body of a loop under study: what it carries, found by running it on placeholders until nothing new turns up.

    body = Body(frame, run, count, limit, names)      ``names`` are carried to begin with
    body.interpret()                                  runs the body; learns names, types, extents, cells, lists
    body.outcome                                      the last interpretation, from which the loop is made

The first run takes the names that the body assigns; later runs add what else turned out to change, or to change its type or
size.  What cannot be carried raises a ``Bail``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture import choices, staging, structures
from autodiff.capture.contents import is_long
from autodiff.capture.frames import UNBOUND, Maybe, Poison, Scope
from autodiff.capture.holders import has_other_names, is_aliased
from autodiff.capture.interpreter import Frame
from autodiff.capture.kept import Needed, both_types
from autodiff.capture.lists import TracedList
from autodiff.capture.loop_arrays import NUMBER, EvenSize, LoopArrays, Size
from autodiff.capture.members import Form, Members, pool_for
from autodiff.capture.parts import ObjectScope
from autodiff.capture.pools import Pool, Wanted
from autodiff.capture.regions import Outcome, run_region
from autodiff.capture.slots import (
    INT,
    Slot,
    Types,
    as_parts,
    is_listed,
    is_numeric,
    join,
    placeholder,
    same_object,
    slot_of,
    tag_of,
    type_text,
    types_of,
)
from autodiff.capture.stores import INDEX, Store
from autodiff.capture.structures import LeafScope
from autodiff.capture.trace import NotStaged
from autodiff.dims import (
    Dim,
    Extent,
    bounds,
    last_index,
    maximum,
    same,
    same_shape,
    symbols,
    upper_bound,
)
from autodiff.ir.data import ArrayType, Block, Value, free_values, walk
from autodiff.ladder import AmbiguousStore, Bail, Rung
from autodiff.ops.dispatch import extent_of, known
from autodiff.ops.either import VARIES, Either, Kind, Probe, is_array, kinds_of
from autodiff.ops.structural import slice_of
from autodiff.ops.tracer import Cell, Tracer, as_tracer
from autodiff.plain_data import dataclass
from autodiff.signals import Signal

ATTEMPTS = 12
FLAG = Slot(np.dtype(bool), (), "python")


def _peel_for(reason: str) -> Bail:
    """Only the first iteration differs from the others."""
    return Bail(Rung.PEELED, reason)


class Tags:
    """A scope for what no name of the user's stands for: types of numbers, extents of arrays."""

    def __init__(self) -> None:
        self.locals: dict[str, Any] = {}
        self.starts: dict[str, Any] = {}  # before the loop
        self.parent = None


@dataclass(eq=False)
class Body:
    """A loop body under study: what it carries, and its last interpretation."""

    frame: Frame
    run: Callable[[Value], None]
    count: Extent | None  # of iterations, where it is known before
    limit: Extent | None  # more iterations there will not be
    names: dict[tuple[Any, str], Slot] = field(default_factory=dict)
    # Of names whose extents change: those that do, by axis.  Their slots have the extents at entry.
    sizes: dict[tuple[Scope, str], dict[int, Size | EvenSize]] = field(default_factory=dict)
    placed: dict[tuple[Scope, str], Value] = field(default_factory=dict)  # what names stand for
    cells: list[Cell] = field(default_factory=list)
    # Lists that the body changes, with at most how many items it appends to them; what they were.
    lists: dict[TracedList, Extent] = field(default_factory=dict)
    before: dict[TracedList, tuple[list[Any], Store | None]] = field(default_factory=dict)
    # Numbers of items that grow by the same in every iteration: their start and step.
    inductive: dict[Cell, tuple[Extent, Extent]] = field(default_factory=dict)
    uneven: set[Cell] = field(default_factory=set)
    temporaries: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    # Of temporaries that not every iteration binds: the name that tells whether one has.
    latches: dict[tuple[Scope, str], tuple[Scope, str]] = field(default_factory=dict)
    # Of temporaries that are arrays: the name that tells which, where that matters.
    which: dict[tuple[Scope, str], tuple[Scope, str]] = field(default_factory=dict)
    # Of temporaries whose size depends on the iteration: their shape in terms of the index.
    lasts: dict[tuple[Scope, str], tuple[Extent, ...]] = field(default_factory=dict)
    halves: list[Any] = field(default_factory=list)  # of complex temporaries, and of objects
    # Names of tuples, lists, dicts and objects, whose leaves are among ``names``.
    structures: dict[tuple[Scope, str], LeafScope] = field(default_factory=dict)
    # Of names that may have an object that a pass has made: what stands for it between passes.
    renewed: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    passed: dict[int, Any] = field(default_factory=dict)  # all of these objects
    sharing: set[tuple[Scope, str]] = field(
        default_factory=set
    )  # other names that have one of them
    # Lists among them: what they were before the loop, and what they may be at the end of the last pass.
    begun: dict[tuple[Scope, str], TracedList] = field(default_factory=dict)
    ends: dict[tuple[Scope, str], list[Any]] = field(default_factory=dict)
    # Those that may be known otherwise as well when a pass begins, which no pass may change.
    shared: set[tuple[Scope, str]] = field(default_factory=set)
    has_two_types: bool = False  # whether the numbers of a list among them are of two types
    passing: frozenset[str] = frozenset()  # variables that only the body knows
    stand_ins: dict[tuple[Scope, str], Any] = field(default_factory=dict)  # in the body
    # Of names whose numbers are of one type in some iterations and of another one in others: the
    # narrow type, and the name that tells whether a number is of it.
    narrow: dict[tuple[Scope, str], Kind] = field(default_factory=dict)
    tags: dict[tuple[Scope, str], tuple[Any, str]] = field(default_factory=dict)
    tag_scope: Tags = field(default_factory=Tags)
    # What numbers are that are constants before the loop; those that were taken for it.
    constants: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    taken: list[Any] = field(default_factory=list)
    attempts: int = 0
    requests: int = 0
    needed: Bail | None = None  # the last of them
    restless: bool = False
    home: Block | None = None
    index: Value | None = None  # of the pass that is interpreted
    outcome: Outcome | None = None
    parameters: list[Value] = field(default_factory=list)
    numbers: dict[tuple[Any, str], Value] = field(default_factory=dict)  # what names were, in it

    def __post_init__(self) -> None:
        trace = self.frame.trace
        self.mark = trace.decisions.mark()
        self.arrays = LoopArrays(trace.heap, trace.builder, self.tag_scope, self._carry_number)
        for key in list(self.names):
            start = key[0].locals[key[1]]
            self._take_types(key, types_of(start))
            kinds = kinds_of(start)
            if kinds is not None and len(kinds) == 1:
                self.constants[key] = kinds[0].constant

    def _carry_number(self, key: tuple[Any, str]) -> None:
        self.names[key] = NUMBER

    def _take_arrays(self) -> None:
        """Take up the names that are carried as arrays, before placeholders stand for them."""
        for key, slot in self.names.items():
            start = key[0].locals.get(key[1])
            if slot.form == "array" and key not in self.arrays.names and is_array(start):
                self.arrays.begin(key, start, is_aliased(self.frame, *key, start))

    def _take_types(self, key: tuple[Any, str], types: Types) -> None:
        """Carry a name in a slot, and with it of which type it is, if there are two."""
        self.names[key] = types.slot
        if types.narrow is None:
            return
        self.narrow[key] = types.narrow
        tag = self.tags.setdefault(key, (self.tag_scope, f"<type {len(self.tags)} of {key[1]}>"))
        self.tag_scope.starts[tag[1]] = tag_of(key[0].locals[key[1]], types)
        self.names[tag] = FLAG

    def is_asked(self, problem: Bail) -> bool:
        """Whether it is this loop that has to carry more."""
        return problem.rung is Rung.CARRIED and problem.needs[0] is self

    def stands(self, node: ast.AST) -> None:
        """Note that the loop is in the program."""
        taken = Rung.ROLLED if self.needed is None else Rung.CARRIED
        trace = self.frame.trace
        trace.decisions.take(taken, self.needed or "", self.frame.source(node))

    def _types(self, key: tuple[Scope, str]) -> tuple[Types, list[Kind] | None]:
        """The types that a name is carried in, and the kinds of what it is known to be."""
        types = Types(self.names[key], self.narrow.get(key))
        if types.narrow is None:  # as at the start, which may be a constant
            return types, kinds_of(key[0].locals.get(key[1]))
        return types, types.kinds()

    def bind(self, index: Value | None) -> list[Value]:
        """Parameters for the carries; called before each interpretation."""
        values = [] if index is None else [index]
        most = {size.key: size.most for size in self.carried_sizes()}
        for key, slot in self.names.items():
            type = ArrayType(slot.dtype, self.room(key)) if key in self.sizes else slot.type
            values.append(Value(type, _hint(key[1])))
            if key in most:
                values[-1].low, values[-1].high = 0, most[key]
        for cell in self.cells:
            values.append(Value(_plain(cell.value.type)))
            if cell in self.frame.trace.counts:
                values[-1].low = self._least(cell)
        return values

    def enter(self, parameters: Sequence[Value], index: Value | None = None) -> None:
        """Put the placeholders in place (inside the region)."""
        n = len(self.names)
        self.index = index
        given = self.numbers = dict(zip(self.names, parameters[:n], strict=True))
        self._take_arrays()
        for (key, slot), value in zip(self.names.items(), parameters[:n], strict=True):
            scope, name = key
            owner = scope.scope if isinstance(scope, LeafScope) else scope
            if isinstance(owner, ObjectScope):
                self.frame.trace.parts.save_scope(owner)
            if key in self.sizes:
                k = None if index is None else Dim.symbol(index)
                value = leading(value, self.shape(key, k, given))
            self.placed[key] = value
            scope.locals[name] = placeholder(value, slot)
        if self.attempts == 0:
            for key in self.names.keys() - self.narrow.keys():
                self._probe(key)
        for key, kind in self.narrow.items():
            scope, name = key
            wide = Tracer(self.placed[key], self.names[key].form)
            scope.locals[name] = Either(wide, self.placed[self.tags[key]], kind)
        for cell, value in zip(self.cells, parameters[n:], strict=True):
            cell.write(value)
        for cell, (start, step) in self.inductive.items():
            assert index is not None
            cell.write(as_tracer(start + step * Dim.symbol(index)).value)
        self.arrays.enter(self.placed, index)
        self.ends.clear()
        for scope, name in self.structures:
            self.stand_ins[scope, name] = scope.locals[name]
            if (scope, name) in self.shared:
                self.frame.trace.hold([scope.locals[name]])

    def _tell_apart(self) -> None:
        """A name that the body has bound to the array of before the loop again has changed."""
        for key, start in self.arrays.starts.items():
            scope, name = key
            if scope.locals.get(name) is start:
                scope.locals[name] = Tracer(start.cell, "array", start.path)

    def _probe(self, key: tuple[Scope, str]) -> None:
        """In a first look, let a number that is a constant at the start pass for it."""
        scope, name = key
        constant = self.constants.get(key, VARIES)
        if constant is not VARIES:
            slot = self.names[key]
            scope.locals[name] = Probe(self.placed[key], slot.form, constant, self.taken)

    # -- extents that change with the iteration
    def shape(
        self,
        key: tuple[Scope, str],
        k: Extent | None,
        numbers: Mapping[tuple[Any, str], Value],
    ) -> tuple[Extent, ...]:
        """The shape of a variable before iteration ``k``, in which the carried numbers are ``numbers``."""
        sizes, shape = self.sizes[key], self.names[key].shape
        return tuple(
            [sizes[axis].before(k, numbers) if axis in sizes else n for axis, n in enumerate(shape)]
        )

    def room(self, key: tuple[Scope, str]) -> tuple[Extent, ...]:
        """The largest extents that a variable has in any iteration."""
        sizes, shape = self.sizes[key], self.names[key].shape
        return tuple([sizes[axis].room if axis in sizes else n for axis, n in enumerate(shape)])

    def carried_sizes(self) -> Iterator[Size]:
        """The extents that are numbers of the loop."""
        for sizes in self.sizes.values():
            yield from (size for size in sizes.values() if isinstance(size, Size))

    def _carry_extents(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Take up that extents of a variable are what the body makes of them; False where it cannot.

        Where an extent is at first, it is the largest, unless the body turns out to make it larger.
        """
        if not slot.shape or slot.form != end.form or slot.dtype != end.dtype:
            return False
        if len(slot.shape) != len(end.shape):
            return False
        known = self.sizes.get(key, {})
        sizes = self.sizes[key] = {k: s for k, s in known.items() if isinstance(s, Size)}
        for axis, (m, n) in _axes(slot, end):
            if m != n and axis not in sizes:
                name = self.tag_scope, f"<extent {axis} of {key[1]} {len(self.names)}>"
                self.tag_scope.starts[name[1]] = m
                self.names[name] = NUMBER
                sizes[axis] = Size(name, m, m)
        return True

    def _fits_sizes(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Whether extents at the end of the body are within the room; else more is made, once."""
        assert self.outcome is not None
        fits = True
        for axis, size in [*self.sizes[key].items()]:
            assert isinstance(size, Size)
            after = end.shape[axis]
            self.outcome.names[size.key] = after
            if _surely_fits(after, size.room):
                continue
            before = Dim.symbol(self.numbers[size.key])
            more = upper_bound(after - before, defined(self.outcome))
            if more is None:
                raise _peel_for(f"{key[1]!r}, whose size does not change evenly")
            more = maximum(more, 0)
            if _surely_fits(size.most + more, size.room):
                continue
            if self.limit is None or size.most != size.room:
                raise _peel_for(f"{key[1]!r}, whose size does not change evenly")
            room = slot.shape[axis] + more * self.limit
            self.sizes[key][axis] = replace(size, most=room - more, room=room)
            fits = False
        return fits

    def _grow(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Take up that a variable's extents change with the iteration; False where not evenly."""
        if key in self.sizes or self.count is None or len(slot.shape) != len(end.shape):
            return False
        if not slot.shape or slot.form != end.form or slot.dtype != end.dtype:
            return False
        assert self.outcome is not None
        inside = defined(self.outcome)
        differing = [(axis, m, n - m) for axis, (m, n) in _axes(slot, end) if m != n]
        if any(symbols(step) & inside for _, _, step in differing):
            return False
        self.sizes[key] = {
            axis: EvenSize(m, step, maximum(m, m + step * self.count))
            for axis, m, step in differing
        }
        return True

    # -- lists that the body appends to or stores into
    def take(self, needed: Bail) -> None:
        """Give lists a store, of items like those that the body appends."""
        self.requests += 1
        self.needed = needed
        for target, slot in needed.needs[1]:
            self._take(target, slot)

    def _take(self, target: TracedList, slot: Needed) -> None:
        if self.requests > 2 * ATTEMPTS:
            raise NotStaged("a list of items of different types")
        self._note_before(target)
        if isinstance(slot, Pool):
            self._forget_stores(target)  # its items are a row's from now on
            slot.take(target)
            return
        if isinstance(slot, Wanted):
            for item in target:
                self._note_before(item)
                self._forget_stores(item)
            self._forget_stores(target)
            target.make_rows(slot)
            return
        if isinstance(slot, Members):
            target.make_members(slot)
            self._take(target.parts()[0], INDEX)
            return
        if isinstance(slot, Form):
            pool = pool_for(target, slot)
            target.make_members(pool)
            for name, one in slot.slots.items():
                self._take(pool.columns[name], one)
            self._take(target.parts()[0], INDEX)
            return
        items, store = self.before[target]
        if isinstance(slot, str):
            self._forget_stores(target)
            target.restore(items, store)
            target.queue = slot == "queue"
            return
        if slot is None:
            slot = both_types(items)
        if isinstance(slot, Types):
            for part in target.parts():
                self.lists.pop(part, None)  # what the body changes are its columns from now on
            target.restore(items, store)
            target.make_typed(slot)
            return
        wanted = (1, 0)
        if target.store is not None:
            wanted = target.store.wanted_rows, target.store.wanted_last
        if store is None or store.repeated is not None:
            target.restore(items, store)
            target.make_store(slot)
        elif slot is not None and slot != store.slot:
            raise NotStaged("a list of items of different types")
        if target.store is not None and store is None:
            assert target.store is not None
            target.store.wanted_rows, target.store.wanted_last = wanted
        self.lists.setdefault(target, 0)
        self._reserve(target)

    def _note_before(self, target: TracedList) -> None:
        if target not in self.before:
            items = list(target) if target.store is None and target.columns is None else []
            self.before[target] = (items, target.store)

    def _reserve(self, target: TracedList) -> None:
        """Room for what all iterations append."""
        step = self.lists[target]
        assert target.store is not None
        if self.limit is None:
            target.store.begin_rows()
        elif not same(step, 0):
            target.store.reserve(target.store.length + step * self.limit)

    @contextmanager
    def lists_restored(self) -> Iterator[None]:
        """Where the loop cannot be made, its lists are as they were before."""
        try:
            yield
        except Signal:
            for target, (items, store) in self.before.items():
                if store is not None:
                    store.rows = None
                if target.store is not store or target.columns is not None:
                    target.restore(items, store)
            raise

    def _learn_pushed(self, outcome: Outcome) -> bool:
        changed = False
        for target, step in self.lists.items():
            assert target.store is not None
            if self.limit is None:
                continue
            pushed = upper_bound(target.store.pushed, defined(outcome))
            if pushed is None:
                raise NotStaged("a list that grows by an unknown number in each iteration")
            low, _ = bounds(step - pushed)
            if low is None or low < 0:
                self.lists[target] = maximum(step, pushed)
                self._reserve(target)
                changed = True
        return changed

    def _learn_count(self, cell: Cell, outcome: Outcome) -> bool:
        """Whether the number of a list's items grows by the same in every iteration."""
        if self.count is None or cell in self.uneven or cell in self.cells:
            return False
        end = _count_of(outcome.cells[cell])
        if cell in self.inductive:
            start, step = self.inductive[cell]
            if same(end, start + step * (Dim.symbol(self.parameters[0]) + 1)):
                return True
            del self.inductive[cell]
            self.uneven.add(cell)
            return False
        start = _count_of(cell.value)
        step = end - start
        if symbols(step) & defined(outcome):
            self.uneven.add(cell)
            return False
        self.inductive[cell] = (start, step)
        self.restless = True
        return True

    def _least(self, count: Cell) -> int:
        """At least how many items a list has whose number is carried."""
        for target in self.lists:
            store = target.store
            if store is not None and store.count is count and store.rows is not None:
                return bounds(store.rows.start)[0] or 0
        return 0

    def row_cells(self) -> list[Cell]:
        """The cells whose content each iteration yields, to be stacked: items, then flags."""
        stores = [target.store for target in self.lists]
        rows = [s.rows for s in stores if s is not None and s.rows is not None]
        return [cell for r in rows for cell in (*r.values, *r.taken)]

    def end_rows(self, trips: Value, stacks: Sequence[Value]) -> None:
        """Give the lists what a loop of unknown length has appended."""
        left = list(stacks)
        for target in self.lists:
            if target.store is not None and target.store.rows is not None:
                n = len(target.store.rows.values)
                target.store.end_rows(Dim.symbol(trips), left[:n], left[n : 2 * n])
                left = left[2 * n :]

    def interpret(self, through: Sequence[TracedList] = ()) -> None:
        """Run the body until what it changes is stable; the lists it goes through keep their length."""
        self.home = self.frame.trace.builder.block
        self._interpret()
        if self.lists and self._is_concrete():
            raise NotStaged("nothing in the loop depends on inputs: Python runs it")
        for source in through:  # Python would go on
            count = None if source.store is None else source.store.count
            if count in self.cells or count in self.inductive:
                raise NotStaged("a loop appends to the list it goes through")

    def _is_concrete(self) -> bool:
        """Whether everything the body computes follows from constants."""
        assert self.outcome is not None
        if isinstance(self.count, Dim) or isinstance(self.limit, Dim):
            return False
        used = [Tracer(v, "array") for v in free_values(self.outcome.block)]
        used += [Tracer(cell.value, "array") for cell in self.cells]
        starts = [
            scope.locals.get(name) for scope, name in self.names if scope is not self.tag_scope
        ]
        return all(known(x) is not None for x in (*used, *starts)) and not any(
            operation.kind == "host_call" for operation in walk(self.outcome.block)
        )

    def _interpret(self) -> None:
        rolling = self.frame.trace.rolling
        self.attempts = 0
        while self.attempts < ATTEMPTS:
            for target in self.lists:
                assert target.store is not None
                target.store.pushed = 0
                if target.store.rows is not None:
                    target.store.rows.next = 0
            outside = {t: t.store.pushed for body in rolling for t in body.lists}
            request = None
            rolling.append(self)
            try:
                self.taken.clear()
                settled = self._attempt() and not self.taken
                self.attempts += 1
            except Bail as needed:
                if not self.is_asked(needed):
                    raise
                settled, request = False, needed
            finally:
                rolling.pop()
            if request is not None:
                self.take(request)
            for target, pushed in outside.items():
                # Each of the inner loop's iterations appends that much to an outer loop's list.
                each = target.store.pushed - pushed
                if settled and not same(each, 0):
                    if self.limit is None:
                        raise NotStaged("a list that grows in a loop of unknown length")
                    target.store.pushed = pushed + each * self.limit
                elif not settled:
                    target.store.pushed = pushed
            if settled:
                return
        raise NotStaged("what the loop changes does not settle")

    def _attempt(self) -> bool:
        """Run the body once; whether it changed nothing but what was known."""
        index = Value(ArrayType(INT, (), True), "k")
        index.low = 0
        index.high = None if self.count is None else last_index(self.count)
        parameters = self.bind(index)

        def thunk(parameters: list[Value] = parameters, index: Value = index) -> None:
            self.enter(parameters[1:], index)
            self.run(index)
            if self.renewed:
                self._renumber()
            self._tell_apart()

        trace = self.frame.trace
        trace.decisions.back_to(self.mark)
        starts = [self.begun[key] for key in self.shared]
        trace.hold(starts)
        try:
            outcome = run_region(self.frame, thunk, parameters, self._settle, self.is_done, True)
        except Bail as problem:
            if problem.rung is not Rung.UNROLLED or not (self.narrow or self.has_two_types):
                raise
            # It may be that a type was needed that differs at first.
            raise Bail(Rung.PEELED, problem.reason, problem.source) from None
        finally:
            trace.let_go(starts)
        if outcome.raised is not None:
            raise NotStaged(f"the loop body raises {type(outcome.raised).__name__}")
        self.outcome, self.parameters = outcome, parameters
        return not self._learn(outcome)

    def _learn(self, outcome: Outcome) -> bool:
        """Take up what the last run changed beyond the carries; whether there was anything."""
        changed = False
        self.temporaries = {}
        self.passed.update((id(x), x) for x in self.renewed.values())
        for key, end in outcome.names.items() if self.passed else ():
            if key not in self.renewed and structures.holds(self.frame.trace, end, self.passed):
                self.sharing.add(key)
                outcome.entangled.add(key)
        changed |= self._learn_shared(outcome)
        for key in self.structures:
            changed |= self._spread(key, outcome)
        for key, end in list(outcome.names.items()):
            if key in self.names:
                changed |= self._widen(key, self.names[key], end)
                continue
            scope, name = key
            start = scope.locals.get(name, UNBOUND)
            if start is UNBOUND and isinstance(scope, ObjectScope):
                raise _peel_for(f"the attribute {name!r} that the first pass makes")
            if isinstance(start, Maybe) and start.is_read:
                # What a pass finds is what the pass before has left.
                raise _peel_for(f"{name!r}, which may not be bound before the loop")
            if start is UNBOUND or isinstance(start, (Poison, Maybe)):
                if key in self.sharing and not self.is_done(key):
                    changed |= self._take_temporary(key, end)
                self.temporaries[key] = end
            elif not same_object(start, end):
                if not is_numeric(end):
                    self._take_structure(key, start, end, outcome)
                    changed = True
                    continue
                if not is_numeric(start):
                    raise _peel_for(f"{name!r}, a {type_text(start)} before the loop")
                self._take_types(key, types_of(start))
                self._widen(key, self.names[key], end)
                changed = True
        self.restless = False
        rows = self.row_cells()
        for cell in outcome.cells:
            if cell in rows:
                continue
            if cell.listed:
                raise AmbiguousStore("a store into an array that is an item of a list")
            if cell in self.frame.trace.counts and self._learn_count(cell, outcome):
                continue
            if cell not in self.cells:
                self.cells.append(cell)
                changed = True
        changed |= self.restless | self._learn_pushed(outcome)
        changed |= self.arrays.learn(outcome, {*self.sizes}, defined(outcome))
        self.arrays.note_repeats(outcome)
        self._check_listed(outcome)
        if not changed:
            self.arrays.leave(outcome)
        return changed

    def _take_structure(
        self, key: tuple[Scope, str], start: Any, end: Any, outcome: Outcome
    ) -> None:
        """Carry the leaves of a tuple, list, dict or object that the body binds anew."""
        (scope, name), trace = key, self.frame.trace
        chosen, end, kind = end, choices.alike(end, start), type_text(end)
        if structures.parts_of(trace, end) is None or structures.is_cyclic(trace, start):
            if self._take_number(key, start, chosen):
                return
            raise NotStaged(f"the loop changes {name!r}, a {kind}")
        # A change under the other name, in the body or later, would not show in what is made anew.
        low = None if self.count is None else bounds(self.count)[0]
        surely_runs = low is not None and low > 0
        parts = [*structures.mutable(trace, start)]
        shared = has_other_names(self.frame, scope, name, start, surely_runs) or any(
            trace.is_given(part) and (part in self.before or not surely_runs)
            for part in parts
            if isinstance(part, TracedList)
        )
        if shared and isinstance(start, TracedList) and self._may_share(start):
            self.shared.add(key)
            shared = False
        for part in parts if not shared else ():
            self._let_go(part)
        if (shared or key in outcome.entangled) and self._take_number(key, start, chosen):
            return
        known = structures.matched(trace, start, end)
        if not structures.are_alike(trace, known, end):
            raise _peel_for(f"{name!r}, of which the first pass changes the structure")
        if shared:
            raise NotStaged(f"the loop changes {name!r}, a {kind} with other names")
        if isinstance(start, TracedList) and is_long(known):
            self.begun[key] = start
        self._begin_structure(key, known)

    def _take_number(self, key: tuple[Scope, str], start: Any, end: Any) -> bool:
        """Carry which object a name has by its number: one from before the loop, or one that stands for those of passes."""
        trace = self.frame.trace
        found = choices.together(trace, start, end)
        sharing = key in self.sharing and key not in self.renewed
        if isinstance(key[0], ObjectScope) and any(key[0].obj is x for x in self.renewed.values()):
            raise NotStaged("the loop links objects that it makes")
        if sharing or (found is None and key not in self.renewed and choices.is_new(end)):
            slot = choices.stand_in(trace, next(choices.objects_of(start)))
            found = None if slot is None else choices.together(trace, start, slot)
            if found is not None:
                self.renewed[key] = slot
        if found is None or found is start:
            return False
        self._begin_structure(key, found)
        return True

    def _take_temporary(self, key: tuple[Scope, str], end: Any) -> bool:
        """Have what a pass binds first, and others have as well, be known by its number after the loop; whether it was not."""
        alike = [x for x in self.renewed.values() if choices.class_of(x) is choices.class_of(end)]
        if key in self.renewed or not alike:
            raise NotStaged(f"the loop chooses the object {key[1]!r}, which is read after it")
        self.renewed[key] = choices.stand_in(self.frame.trace, alike[0])
        return True

    def _renumber(self) -> None:
        """At the end of a pass, have names that may have an object of the pass have what stands for it.

        Of names that have one object it is what stands for that of the first.  What stands for an object holds what that
        does, and nobody but these names has it.
        """
        trace = self.frame.trace
        stand_ins = list(self.renewed.values())
        ends = [scope.locals.get(name, UNBOUND) for scope, name in self.renewed]
        if any(
            choices.class_of(x) is not choices.class_of(y)
            for x, y in zip(ends, stand_ins, strict=True)
        ):
            raise NotStaged("the loop chooses among objects of different classes")
        held = [containers.attributes_of(staging.chosen_object(self.frame, x)) for x in ends]
        before = list[tuple[Any, Any]]()
        for (scope, name), end, slot in zip(self.renewed, ends, stand_ins, strict=True):
            objects, _ = choices.numbered(trace, end)
            passing = [x for x in objects.values() if id(x) in trace.made[-1]]
            self.passed.update((id(x), x) for x in passing)
            mine = [x for x in objects.values() if any(x is y for y in (*passing, *stand_ins))]
            before.append((end, slot))
            scope.locals[name] = choices.renumbered(trace, end, mine, before)
        for slot, attributes in zip(stand_ins, held, strict=True):
            for name, value in attributes.items():
                trace.changing(slot, None, name)
                containers.set_attributes(slot, {name: value})

    def _may_share(self, x: TracedList) -> bool:
        """Whether a list may be carried by its contents while it is known otherwise as well: if no pass changes it."""
        return is_long(x) and x not in self.before and not self.frame.trace.distinguish_arrays

    def _begin_structure(self, key: tuple[Scope, str], start: Any) -> None:
        """Carry the leaves of what a name stands for from now on, before the loop."""
        (scope, name), trace = key, self.frame.trace
        if start is not scope.locals[name]:
            if isinstance(scope, ObjectScope):
                trace.parts.save_scope(scope)
            scope.locals[name] = start
            self.has_two_types |= not choices.is_known(start)
        leaves = self.structures.get(key) or structures.LeafScope(trace, scope, name)
        self.structures[key] = leaves
        found = structures.leaves_of(trace, start)
        for stale in [k for k in self.names if k[0] is leaves and k[1] not in found]:
            del self.names[stale]  # of a list that was carried item by item
            self.narrow.pop(stale, None)
        for at, leaf in found.items():
            known, slot = self.names.get((leaves, at)), slot_of(leaf)
            if known is None or known.dtype != slot.dtype or len(known.shape) != len(slot.shape):
                self._take_types((leaves, at), types_of(leaf))

    def _let_go(self, target: Any) -> None:
        """A list that was to be changed by the body is only read by it: another one takes its place there."""
        if not isinstance(target, TracedList) or target not in self.before:
            return
        self._forget_stores(target)
        items, store = self.before[target]
        if target.store is not store or target.columns is not None:
            target.restore(items, store)

    def _forget_stores(self, target: TracedList) -> None:
        """Carry nothing more of what a list, or its columns, would have appended or stored."""
        for part in target.parts():
            if self.lists.pop(part, None) is None or part.store is None:
                continue
            part.store.rows = None
            for cell in (part.store.buffer, part.store.count, part.store.changed):
                if cell is None:
                    continue
                if cell in self.cells:
                    self.cells.remove(cell)
                self.inductive.pop(cell, None)

    def _settle(self, key: tuple[Scope, str], value: Any) -> Any:
        """Of a choice between what a name was before and something new: an object that holds what it does.

        The name is the only one of either, or the loop is refused.
        """
        stand_in, trace = self.stand_ins.get(key), self.frame.trace
        if isinstance(value, TracedList):
            self.ends[key] = trace.chosen_from(value)
        like = stand_in if key in self.structures else value
        by_number = key in self.structures and choices.is_known(stand_in)
        if self._is_of_pass(value, stand_in) and not by_number and not self.is_done(key):
            return staging.chosen_object(self.frame, value)
        if choices.is_known(like) or (
            not choices.is_choice(value) and not structures.is_cyclic(trace, value)
        ):
            return structures.matched(trace, value, like)
        return value

    def _is_of_pass(self, value: Any, stand_in: Any) -> bool:
        """Whether each of the objects that a branch chose among has been made in this pass, or stands for that of before."""
        if not choices.is_known(value) or issubclass(choices.class_of(value), (list, dict)):
            return False
        made = self.frame.trace.made[-1]
        return all(x is stand_in or made.get(id(x)) is x for x in choices.objects_of(value))

    def is_done(self, key: tuple[Scope, str]) -> bool:
        """Whether a variable is bound anew by each pass before it is read, and by nobody after the loop."""
        scope, name = key
        if scope is self.frame.scope:
            return name in self.passing
        return (scope, name) in self.frame.passing

    def _learn_shared(self, outcome: Outcome) -> bool:
        """Find lists that two names may have at the end of a pass, or a name and something else; whether any is new."""
        count = len(self.shared)
        for key in self.begun:
            # What only the body knows by then is bound anew before it is read.
            others = outcome.entangled - {*self.begun} if key in outcome.entangled else set()
            is_held = any(scope.locals.get(name, UNBOUND) is not UNBOUND for scope, name in others)
            if is_held or self._known_otherwise(key, outcome) or self._may_be_given(key):
                if not self._may_share(self.stand_ins[key]):
                    raise NotStaged(f"the loop gives {key[1]!r} parts that have other names")
                self.shared.add(key)
        return len(self.shared) > count

    def _known_otherwise(self, key: tuple[Scope, str], outcome: Outcome) -> bool:
        """Whether the list that a name has at the end of a pass may be another name's, or from outside."""
        others = [x for other in self.begun if other != key for x in self._ends_of(other)]
        return any(
            id(x) not in outcome.made or any(x is other for other in others)
            for x in self._ends_of(key)
        )

    def refuse_shared(self, key: tuple[Scope, str]) -> None:
        """A list that only the body knows is kept for what follows the loop: nobody else may have it that changes it."""
        assert self.outcome is not None
        if self.frame.trace.distinguish_arrays and (
            key in self.outcome.entangled or self._known_otherwise(key, self.outcome)
        ):
            raise NotStaged(f"the loop gives {key[1]!r} parts that have other names")

    def _may_be_given(self, key: tuple[Scope, str]) -> bool:
        """Whether a name may have an argument's list all the time."""
        keeps = any(x is self.stand_ins[key] for x in self._ends_of(key))
        return keeps and self.frame.trace.is_given(self.begun[key])

    def _ends_of(self, key: tuple[Scope, str]) -> list[Any]:
        return self.ends.get(key) or [self.stand_ins.get(key)]

    def share_results(self, ran: Any) -> None:
        """After the loop lists that may be one, or one from before the loop, refuse to change."""
        assert self.outcome is not None
        found = {key: key[0].locals.get(key[1]) for key in {**self.begun, **self.ends}}
        values = {key: x.value if isinstance(x, Maybe) else x for key, x in found.items()}
        lists = {key: x for key, x in values.items() if isinstance(x, TracedList)}
        for key, result in lists.items():
            known = []
            for x in self._ends_of(key):
                known += [
                    y
                    for other, y in lists.items()
                    if other != key and any(x is end for end in self._ends_of(other))
                ]
                known += [] if id(x) in self.outcome.made else [x]
                if key in self.shared and x is self.stand_ins[key]:
                    known.append(self.begun[key])
            if key in self.shared and ran is not True:
                known.append(self.begun[key])
            if known:
                self.frame.trace.make_ambiguous(known, result)

    def _spread(self, key: tuple[Scope, str], outcome: Outcome) -> bool:
        """The leaves of a structure at the end of the body, as variables of their own.

        Lists in it that are items of other lists by then are so at the start of a pass and after the loop too: whether any
        was not known to be.
        """
        trace = self.frame.trace
        end = outcome.names.pop(key, UNBOUND)
        if end is UNBOUND:  # as it was
            return False
        start = key[0].locals[key[1]]
        alike = structures.are_alike(trace, start, end)
        wider = start if alike else structures.matched(trace, start, end)
        entangled = key in outcome.entangled and key not in self.begun
        if choices.is_known(start):
            entangled = key in self.sharing and key not in self.renewed
        if entangled or not structures.are_alike(trace, wider, end):
            if self._take_number(key, start, end):
                return True
            raise NotStaged(f"the loop gives {key[1]!r} parts that have other names, or others")
        if not alike:
            self._begin_structure(key, wider)
            return True
        for at, leaf in structures.leaves_of(trace, end).items():
            outcome.names[self.structures[key], at] = leaf
        return structures.hold_items(trace, start, end)

    def _widen(self, key: tuple[Scope, str], slot: Slot, end: Any) -> bool:
        if as_parts(end) is not None or (isinstance(end, Either) and not is_numeric(end)):
            raise _peel_for(f"{key[1]!r}, which the first pass makes complex")
        if not is_numeric(end):
            raise NotStaged(f"the loop makes {key[1]!r} a {type_text(end)}")
        found = slot_of(end)
        if key in self.sizes:
            if not self._has_sizes(key, slot, found):
                return True
            found = Slot(found.dtype, slot.shape, found.form)
        known, kinds = self._types(key)
        if key in self.sizes:
            wider = join(known, Types(found))
        else:
            wider = join(known, types_of(end), (kinds, kinds_of(end)))
        if wider is None:
            if self._grow(key, slot, found) or self._carry_extents(key, slot, found):
                return True
            raise _peel_for(f"{key[1]!r} of another type or shape before the loop")
        if wider == known:
            if key in self.narrow:
                assert self.outcome is not None
                self.outcome.names[self.tags[key]] = tag_of(end, wider)
            return False
        self._take_types(key, wider)
        return True

    def _has_sizes(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Whether a variable whose extents change has, at the end of the body, those it is taken to have."""
        if any(isinstance(size, EvenSize) for size in self.sizes[key].values()):
            if same_shape(end.shape, self.shape(key, Dim.symbol(self.parameters[0]) + 1, {})):
                return True
        elif all(m == n or k in self.sizes[key] for k, (m, n) in _axes(slot, end)):
            return self._fits_sizes(key, slot, end)
        if not self._carry_extents(key, slot, end):
            raise _peel_for(f"{key[1]!r}, whose size does not change evenly")
        return False

    def _check_listed(self, outcome: Outcome) -> None:
        """An array that the body stores into and binds anew must not be an item of a list then."""
        for key in self.names:
            if self.placed.get(key) in outcome.stored and is_listed(outcome.names.get(key)):
                raise AmbiguousStore("a store into an array that is an item of a list")


def _count_of(value: Value) -> Extent:
    return extent_of(Tracer(value, "python"))


def _hint(name: str) -> str | None:
    return name if name.isidentifier() else None


def _plain(type: ArrayType) -> ArrayType:
    return ArrayType(type.dtype, type.shape)


def _surely_fits(extent: Extent, room: Extent) -> bool:
    """Whether ranges show that an extent is within the room, whatever the run."""
    low, _ = bounds(room - extent)
    return low is not None and low >= 0


def _axes(a: Slot, b: Slot) -> Iterator[tuple[int, tuple[Extent, Extent]]]:
    """The extents of two arrays of as many axes, by axis."""
    return enumerate(zip(a.shape, b.shape, strict=True))


def leading(value: Value, shape: tuple[Extent, ...]) -> Value:
    """The elements of an array from the first one on, as many as ``shape`` says."""
    n = len(shape)
    return slice_of(Tracer(value, "array"), (0,) * n, shape, (1,) * n).value


def defined(outcome: Outcome) -> set[Value]:
    """The values that a region knows and nobody outside of it."""
    found = set(outcome.block.parameters)
    for operation in outcome.block.operations:
        found.update(operation.results)
    return found


__all__ = ["ATTEMPTS", "FLAG", "Body", "Tags", "defined", "leading"]
