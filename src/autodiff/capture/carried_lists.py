"""Lists that the body of a loop appends to or stores into: the arrays that hold their items are carried.

for v in xs: ys.append(v * t)           ys: float64[n], and how many items there are
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from autodiff.capture.carries import ATTEMPTS, Carries, peel_first
from autodiff.capture.kept import Contents, Needed, both_types
from autodiff.capture.lists import TracedList
from autodiff.capture.members import Form, Joining, Members, member, pool_for
from autodiff.capture.pools import Pool, Wanted
from autodiff.capture.records import Ref
from autodiff.capture.regions import Outcome, defined
from autodiff.capture.slots import Slot, Types, slot_of
from autodiff.capture.stores import INDEX
from autodiff.capture.trace import NotStaged
from autodiff.dims import Dim, Extent, bounds, maximum, same, symbols, upper_bound
from autodiff.ir.data import Value
from autodiff.ladder import Bail
from autodiff.ops.dispatch import extent_of
from autodiff.ops.either import kinds_of
from autodiff.ops.tracer import Cell, Tracer
from autodiff.signals import Signal

LEAST_ROOM = 1024  # items of a list that a loop of unknown length puts in and takes out


class CarriedLists(Carries):
    """The lists that a loop changes, with room for what all passes append."""

    def take(self, needed: Bail) -> None:
        """Give lists a store, of items like those that the body appends."""
        self.requests += 1
        self.needed = needed
        for target, slot in needed.needs[1]:
            self._take(target, slot)
            if target.is_stored():  # and no more item by item
                for key in [k for k in self.names if getattr(k[0], "obj", None) is target]:
                    del self.names[key]
                    self.narrow.pop(key, None)

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
        if isinstance(slot, Joining):
            try:
                with self._put_anew(slot.pool):
                    slot.pool.number(slot.item)
            except Bail as problem:
                raise peel_first(problem.reason) from None
            return
        if isinstance(slot, (Members, Form)):
            parts = list[Any]()
            self._take_members(target, slot, [], parts)
            for part, one in parts:
                self._take(part, one)
            return
        self._take_numbers(target, slot)

    def _take_numbers(self, target: TracedList, slot: Slot | Types | str | None) -> None:
        """Give a list a store of numbers or arrays."""
        before = self.before[target]
        items, store = before.items, before.store
        if before.columns is not None:
            if not same(target.extent, 0):
                raise NotStaged("a list of items of different types")
            before = Contents([], None, None, None)
        is_bounded = slot == "room" or (target.store is not None and target.store.is_bounded)
        if slot == "room" and target.store is not None:
            self._forget_stores(target)
            slot = target.store.slot
        if isinstance(slot, str):
            self._forget_stores(target)
            target.restore(before)
            target.queue = slot == "queue"
            return
        if slot is None or isinstance(slot, Slot):
            slot = both_types(items, slot)
        if isinstance(slot, Types):
            for part in target.parts():
                self.lists.pop(part, None)  # what the body changes are its columns from now on
            target.restore(before)
            target.make_typed(slot)
            return
        wanted = (1, 0)
        if target.store is not None:
            wanted = target.store.wanted_rows, target.store.wanted_last
        if store is None or store.repeated is not None:
            target.restore(before)
            target.make_store(slot)
        elif slot is not None and slot != store.slot:
            raise NotStaged("a list of items of different types")
        assert target.store is not None
        if store is None:
            target.store.wanted_rows, target.store.wanted_last = wanted
        target.store.is_bounded = is_bounded
        self.lists.setdefault(target, 0)
        self._reserve(target)

    def _take_members(
        self, target: TracedList, slot: Members | Form, new: list[Members], parts: list[Any]
    ) -> None:
        """Have the items of a list be members, those that are parts of them too; ``parts``: the lists of what is none.

        Parts of one form are members of one pool, among those that are ``new``.
        """
        self._note_before(target)
        pool: Any = slot
        if isinstance(slot, Members) and isinstance(target.template, Ref):
            self._leave_pool(target.template.pool)
        if isinstance(slot, Form):
            pool = next((known for known in new if known.form == slot), None)
        if pool is not None:
            is_told = pool in new or all(member(item) is not None for item in target)
            with nullcontext() if is_told else self._put_anew(pool):
                target.make_members(pool)
        elif isinstance(slot, Form):
            pool = pool_for(target, slot)
            new.append(pool)
            target.make_members(pool)
            for name, one in pool.form.slots.items():
                if isinstance(one, (Form, Members)):
                    self._take_members(pool.columns[name], one, new, parts)
                else:
                    parts.append((pool.columns[name], one))
        parts.append((target.parts()[0], INDEX))

    def made_pool(self, target: TracedList) -> bool:
        """Whether this loop has made the items of a list members."""
        return target in self.before and self.before[target].columns is None

    def _leave_pool(self, pool: Any) -> None:
        """Have the items that this loop has made members of a pool be what they were before it."""
        lists = [x for x in self.before if isinstance(x.template, Ref) and x.template.pool is pool]
        for target in [*lists, *pool.all_columns()]:
            self._forget_stores(target)
        for target in lists:
            target.restore(self.before[target])
        self._undo_names(self.named, pool)

    @contextmanager
    def _put_anew(self, pool: Members) -> Iterator[None]:
        """Have columns hold more when the loop begins than they did when it was first asked for."""
        wanted: list[tuple[Any, Slot | Types | None]] = []
        for column in pool.all_columns():
            before = self.before.get(column)
            if before is None or before.store is not None or before.columns is not None:
                raise NotStaged("an object that is put into a list beside those of a loop before")
            types = column.template.types if column.columns is not None else None
            if types is None and column.store is not None:
                types = column.store.slot
            self._forget_stores(column)
            column.restore(before)
            wanted.append((column, types))
        yield
        for column, types in wanted:
            before = self.before[column] = column.contents()
            if types is not None:
                self._take(column, _holding(types, before.items))

    def _room(self) -> Extent:
        """For how many items there is room in a loop of unknown length: a few for each number that is given."""
        room: Extent = LEAST_ROOM
        for given in self.frame.trace.inputs:
            size: Extent = 1
            for extent in given.value.type.shape:
                size = size * extent
            room = room + 2 * size
        return room

    def _note_before(self, target: TracedList) -> None:
        if target not in self.before:
            self.before[target] = target.contents()
            if target.store is not None:
                target.store.is_bounded = False

    def _reserve(self, target: TracedList) -> None:
        """Room for what all iterations append."""
        step = self.lists[target]
        assert target.store is not None
        if target.store.is_bounded:
            more = 0 if self.limit is None else step * self.limit
            target.store.reserve(target.store.length + self._room() + more)
        elif self.limit is None:
            target.store.begin_rows()
        elif not same(step, 0):
            target.store.reserve(target.store.length + step * self.limit)

    @contextmanager
    def lists_restored(self) -> Iterator[None]:
        """Where the loop cannot be made, its lists, and the names of what became members, are as they were before."""
        known = self.named = len(self.frame.trace.renamed)
        try:
            yield
        except Signal:
            for target, before in self.before.items():
                if before.store is not None:
                    before.store.rows = None
                if target.store is not before.store or target.columns is not before.columns:
                    target.restore(before)
            self._undo_names(known)
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

    def most_items(self, count: Cell) -> Extent | None:
        """At most how many items a list has after the loop whose number is carried, where that is known."""
        if self.limit is None:
            return None
        for target, step in self.lists.items():
            if target.store is not None and target.store.count is count:
                return _count_of(count.value) + step * self.limit
        return None

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

    def _let_go(self, target: Any) -> bool:
        """A list that was to be changed by the body is only read by it: another one takes its place there.

        Whether its items were members, and are what they were before.
        """
        if not isinstance(target, TracedList) or target not in self.before:
            return False
        self._forget_stores(target)
        before = self.before[target]
        if target.store is before.store and target.columns is before.columns:
            return False
        pool = getattr(target.template, "pool", None)
        target.restore(before)
        if not isinstance(pool, Members) or before.columns is not None:
            return False
        if any(getattr(other.template, "pool", None) is pool for other in self.before):
            raise NotStaged("a list that is bound anew, and whose items are those of another one")
        self._undo_names(0, pool)
        return True

    def _undo_names(self, since: int, pool: Members | None = None) -> None:
        """Have what was renamed by then, for a pool or any, hold what it did: there are no members."""
        renamed = self.frame.trace.renamed
        kept = []
        for entry in reversed(renamed[since:]):
            of, table, name, before, row = entry
            if pool is not None and of is not pool:
                kept.append(entry)
            elif table.get(name) is row:
                table[name] = before
        renamed[since:] = reversed(kept)

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


def _holding(types: Slot | Types, items: Sequence[Any]) -> Slot | Types:
    """What a column holds that holds some items more, each in its own type."""
    for item in items:
        if isinstance(types, Types) or slot_of(item) != types:
            held = types if isinstance(types, Types) else Types(types)
            known = held.widened(kinds_of(item) or ())
            if known is None:
                raise NotStaged("a list of items of different types")
            types = known
    return types


def _count_of(value: Value) -> Extent:
    return extent_of(Tracer(value, "python"))


__all__ = ["CarriedLists"]
