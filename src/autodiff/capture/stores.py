"""Where the items of lists are that loops append to: an array with a leading axis, and the number of items.

    buffer: float64[n], count: 0        both in storage cells, which loops carry and branches merge

What a list does with its store is in :mod:`autodiff.capture.kept` and :mod:`autodiff.capture.lists`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np

from autodiff.capture.slots import Slot, Types, fit, same_object
from autodiff.dims import Dim, Extent, bounds, minimum, same
from autodiff.ir.data import Value
from autodiff.ladder import Bail, NotStaged, Rung
from autodiff.ops import indexing
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.control import emit_check
from autodiff.ops.dispatch import extent_of, known
from autodiff.ops.either import kinds_of
from autodiff.ops.structural import INT, broadcast, reshape, slice_of, slice_update, zeros
from autodiff.ops.tracer import Cell, Tracer, ViewStep, as_tracer, emit_tracer
from autodiff.plain_data import dataclass

FEW_TRACED = 8  # times as many constants as traced items: an array of constants, and a store of each of these
HELD = (
    "held arrays"  # what an attempt has to know: that arrays in lists are stored into, or exchanged
)


def HeldMatter(reason: str) -> Bail:
    """An array in a list changes, or another takes its place: a copy does not do."""
    return Bail(Rung.LEARNT, reason, needs=(HELD,))


@dataclass(eq=False)
class Rows:
    """What a loop of unknown length appends, while it is staged.

    There is no telling how much room it takes, so each iteration yields its items to be stacked.
    Item number p that the body appends goes to ``values[p]``, and ``taken[p]`` says that it did.
    ``last`` holds the last items of the list, the very last one first, for the body to read.
    """

    values: list[Cell]
    taken: list[Cell]
    last: list[Cell]
    start: Extent  # items before the loop
    next: int = 0


@dataclass(eq=False)
class Store:
    """Where the items of a list are; see the module header."""

    buffer: Cell
    count: Cell
    slot: Slot  # of the items that loops append or store
    # Where items were there before of another type: these, and which of their places hold one of the slot by now; one
    # place more, which does, for those beyond.
    head: Sequence[Any] = ()
    changed: Cell | None = None
    unchanged: Value | None = None  # ... and what that was at first
    # Of ``[number] * n`` of a length known only when the program runs: the number, n, the array.
    repeated: tuple[Any, Extent, Value] | None = None
    rows: Rows | None = None  # in a loop of unknown length
    wanted_rows: int = 1
    wanted_last: int = 0
    pushed: Extent = 0  # at most how many items the body under study has appended
    is_bounded: bool = (
        False  # whether there is room for so many in a loop of unknown length, and no more
    )

    def refuse_more(self) -> None:
        """One more item than there is room for is left to Python."""
        if self.is_bounded:
            fits: Any = np.less(as_tracer(self.length), as_tracer(self.capacity))
            if isinstance(fits, Tracer):
                emit_check(fits.value, "a list that grows further than there is room for")

    @property
    def length(self) -> Extent:
        """How many items there are."""
        return extent_of(Tracer(self.count.value, "python"))

    @property
    def capacity(self) -> Extent:
        """How many items there is room for."""
        return self.buffer.value.type.shape[0]

    @property
    def can_move(self) -> bool:
        """Whether items can change their places: numbers of one type."""
        return self.slot.form != "array" and self.changed is None and self.rows is None

    @property
    def has_holes(self) -> bool:
        """Whether items are None before others take their places: ``[None] * n``."""
        return any(x is None for x in self.head)

    @property
    def has_all_of_before(self) -> bool:
        """Whether the items of another type are still all there."""
        return self.changed is not None and self.changed.value is self.unchanged

    def is_beyond(self, at: Extent) -> bool:
        """Whether there has been no item of another type at a position."""
        if self.changed is None:
            return True
        low, _ = bounds(at - (self.changed.value.type.shape[0] - 1))
        return low is not None and low >= 0

    def is_narrow(self, at: Extent) -> Value:
        """Whether the item at a position is of the other type."""
        flags, at = self._flags(at)
        return emit_tracer("logical_not", Tracer(slice_of(flags, *place(at, FLAG)).value)).value

    def _flags(self, at: Extent) -> tuple[Tracer, Extent]:
        assert self.changed is not None
        flags = Tracer(self.changed.value, "array")
        return flags, minimum(at, flags.shape[0] - 1)

    def types(self) -> Types | None:
        """The types that its numbers may have; None where no number holds all."""
        types: Types | None = Types(self.slot)
        # Most of them are one object.
        head = {id(x): x for x in self.head}.values()
        for item in head if self.repeated is None else self.repeated[:1]:
            # A None is a number of the wide type by the time it is read.
            types = types if item is None or types is None else types.widened(kinds_of(item) or ())
        return None if types is None or types.slot != self.slot else types

    def _filled(self) -> Any:
        """Which places of the head hold numbers."""
        assert self.changed is not None
        there = np.array([*(x is not None for x in self.head), True])
        return np.logical_or(Tracer(self.changed.value, "array"), Tracer.constant(there))

    def refuse_holes(self, at: Extent | None = None) -> None:
        """What is read, at a place or of all, is no None: where it is, Python runs the function."""
        if self.has_holes:
            flags = self._filled()
            if at is not None:
                at = minimum(at, len(self.head))
                flags = slice_of(Tracer(flags.value, "array"), *place(at, FLAG))
            emit_check(as_tracer(np.all(flags)).value, "an item of a list that is None")

    def rows_up_to(self, length: Extent) -> Tracer:
        """The first items as the rows of an array."""
        if self.rows is not None:
            raise NotStaged("a list that grows in a loop of unknown length, as a whole")
        self.refuse_holes()
        x = Tracer(self.buffer.value, "array")
        if not same(length, self.capacity):
            n = len(x.shape)
            x = slice_of(x, (0,) * n, (length, *self.slot.shape), (1,) * n)
        return Tracer(x.value, "array")

    def as_left(self) -> Store:
        """A store that goes on holding what this one does now."""
        changed = None if self.changed is None else Cell(self.changed.value)
        return replace(
            self,
            buffer=Cell(self.buffer.value),
            count=Cell(self.count.value),
            changed=changed,
        )

    def position(self, index: Any) -> Extent:
        """Where the item at an index is."""
        try:
            return indexing.position(extent_of(index), self.length, 0)
        except IndexError:
            raise IndexError("list index out of range") from None

    def item(self, at: Extent) -> Tracer:
        """The number at a position."""
        self.refuse_holes(at)
        return slice_of(Tracer(self.buffer.value, "array"), *place(at, self.slot))

    # -- changes: what else is known of the items follows ---------------------------------------
    def put(self, at: Extent, value: Tracer) -> None:
        """Store an item at a position."""
        x = Tracer(self.buffer.value, "array")
        self.buffer.write(slice_update(x, value, *place(at, self.slot)).value)
        if self.changed is not None and not self.is_beyond(at):
            flags, at = self._flags(at)
            self.changed.write(slice_update(flags, as_tracer(True), *place(at, FLAG)).value)

    def push(self, value: Tracer) -> None:
        """Put an item at the end, where there is room for it."""
        rows = self.rows
        if rows is None:
            self.refuse_more()
            self.put(self.length, value)
            self.pushed = self.pushed + 1
        else:
            rows.values[rows.next].write(value.value)
            rows.taken[rows.next].write(as_tracer(True).value)
            rows.next += 1
            for k in range(len(rows.last) - 1, 0, -1):
                rows.last[k].write(rows.last[k - 1].value)
            if rows.last:
                rows.last[0].write(value.value)
        self.count.write(count_of(self.length + 1))

    def insert(self, at: Extent, value: Tracer) -> None:
        """Put an item before a position, where there is room for it."""
        self.push(value)
        self._shift(at, back=True)
        self.put(at, value)

    def take(self, at: Extent | None = None) -> None:
        """Take an item out: the last one, or that at a position."""
        if at is not None:
            self._shift(at, back=False)
        self.count.write(count_of(self.length - 1))

    def clear(self) -> None:
        """Take all items out."""
        self.count.write(count_of(0))

    def have(self, rows: Tracer) -> None:
        """Have these numbers instead, which are as many."""
        if not same(self.length, self.capacity):
            x = Tracer(self.buffer.value, "array")
            rows = slice_update(x, Tracer(rows.value, "array"), (0,), (rows.shape[0],), (1,))
        self.buffer.write(rows.value)

    def _shift(self, at: Extent, back: bool) -> None:
        """Move the items from a position on by one place: to the back, or to the front over the one there."""
        x, n = Tracer(self.buffer.value, "array"), self.capacity
        moved: Any = (x[:1], x[:-1]) if back else (x[1:], x[-1:])
        moved = emit_tracer("concatenate", *[Tracer(part.value) for part in moved], axis=0)
        if not same(moved.shape[0], n):  # as many items, said in another way
            moved = slice_of(moved, (0,), (n,), (1,))
        places: Any = emit_tracer("iota", size=n, dtype=INT)
        stays: Any = np.less(places, as_tracer(at))
        self.buffer.write(emit_tracer("select", stays, Tracer(x.value), moved).value)

    def reserve(self, needed: Extent) -> None:
        """Make room for ``needed`` items (where the list was made)."""
        low, _ = bounds(self.capacity - needed)
        if low is not None and low >= 0:
            return
        old = Tracer(self.buffer.value, "array")
        shape = self.slot.shape
        buffer = zeros((needed, *shape), self.slot.dtype)
        if not same(self.capacity, 0):
            n = 1 + len(shape)
            sizes = (self.capacity, *shape)
            low, _ = bounds(needed - self.capacity)
            if low is None or low < 0:
                sizes = (self.length, *shape)
                old = slice_of(old, (0,) * n, sizes, (1,) * n)
            buffer = slice_update(buffer, old, (0,) * n, sizes, (1,) * n)
        self.buffer.write(buffer.value)

    def begin_rows(self) -> None:
        """Before a loop of unknown length is interpreted."""
        if self.slot.form == "array" and self.wanted_last:
            raise NotStaged("arrays of a list that grows in a loop of unknown length")
        nothing = zeros(self.slot.shape, self.slot.dtype).value
        last = []
        for k in range(1, self.wanted_last + 1):
            low, _ = bounds(self.length - k)
            x = Tracer(nothing, "array")
            if low is not None and low >= 0:
                x = slice_of(Tracer(self.buffer.value, "array"), *place(self.length - k, self.slot))
            last.append(Cell(fit(x, self.slot)))
        self.rows = Rows(
            [Cell(nothing) for _ in range(self.wanted_rows)],
            [Cell(as_tracer(False).value) for _ in range(self.wanted_rows)],
            last,
            self.length,
        )

    def end_rows(self, trips: Extent, values: Sequence[Value], taken: Sequence[Value]) -> None:
        """After the loop: the items from before it, then what each iteration has appended."""
        assert self.rows is not None
        rows, n = self.rows, len(values)
        self.rows = None
        shape = self.slot.shape
        columns = [reshape(Tracer(v, "array"), (trips, 1, *shape)) for v in values]
        flags = [reshape(Tracer(v, "array"), (trips, 1)) for v in taken]
        new = columns[0] if n == 1 else emit_tracer("concatenate", *columns, axis=1)
        new = Tracer(reshape(new, (trips * n, *shape)).value, "array")
        every = self.length - rows.start
        self.count.write(count_of(rows.start))
        old = self.rows_up_to(rows.start)
        if not same(every, trips * n):
            mask = flags[0] if n == 1 else emit_tracer("concatenate", *flags, axis=1)
            new = new[Tracer(reshape(mask, (trips * n,)).value, "array")]
        if not same(old.shape[0], 0):
            new = emit_tracer("concatenate", old, Tracer(new.value, "array"), axis=0)
        self.buffer.write(new.value)
        self.count.write(count_of(new.shape[0]))


def array_of(items: list[Any], slot: Slot) -> Tracer:
    """The items of a list as the rows of an array."""
    shape = (len(items), *slot.shape)
    if not items:
        return zeros(shape, slot.dtype)
    if not any(isinstance(x, (Tracer, Dim)) for x in items):
        return Tracer.constant(np.array(items, slot.dtype))
    if all(same_object(x, items[0]) for x in items) or _are_one_constant(items):
        row = Tracer(fit(items[0], slot), "array")
        return broadcast(row, shape, tuple(range(1, len(shape))))
    traced = [k for k, x in enumerate(items) if isinstance(x, (Tracer, Dim))]
    if len(traced) * FEW_TRACED <= len(items):  # they are put among the constants
        known = [slot.dtype.type(0) if isinstance(x, (Tracer, Dim)) else x for x in items]
        whole = array_of(known, slot)
        for k in traced:
            whole = slice_update(whole, Tracer(fit(items[k], slot), "array"), *place(k, slot))
        return Tracer(whole.value, "array")
    rows = [reshape(Tracer(fit(x, slot), "array"), (1, *slot.shape)) for x in items]
    joined: Tracer = emit_tracer("concatenate", *rows, axis=0) if len(rows) > 1 else rows[0]
    return joined


def _are_one_constant(items: list[Any]) -> bool:
    """Whether all are constants of one content: ``[np.zeros(3) for _ in range(n)]``."""
    first = known(items[0])
    if first is None:
        return False
    others = (known(x) for x in items[1:])
    return all(
        x is not None and x.dtype == first.dtype and x.tobytes() == first.tobytes() for x in others
    )


def place(at: Extent, slot: Slot) -> tuple[Any, Any, Any]:
    """Starts, sizes and steps of the item at a position."""
    n = 1 + len(slot.shape)
    return (at, *(0,) * (n - 1)), (None, *slot.shape), (1,) * n


def count_of(n: Extent) -> Value:
    """A number of items as a value."""
    return as_tracer(n).value


FLAG = Slot(np.dtype(bool), (), "python")
INDEX = Slot(np.dtype(np.int64), (), "python")


@dataclass(frozen=True)
class ItemStep(ViewStep):
    """The step from a list's store to one of its arrays, which cannot be stored into."""

    at: Extent = 0
    number: Any = field(default=None, compare=False)  # which array it is, where that is carried

    @staticmethod
    def of(at: Extent, slot: Slot) -> ItemStep:
        def read(x: Tracer) -> Tracer:
            return reshape(slice_of(x, *place(at, slot)), slot.shape)

        return ItemStep(read, _refuse_store, at=at)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ItemStep) or not same(self.at, other.at):
            return False
        return self.number is other.number  # which says where it is known

    __hash__ = None  # type: ignore[assignment]


def is_item(x: Tracer) -> bool:
    """Whether an array is, or may be, (a view of) one that was read from a list's store."""
    if isinstance(x, ComplexTracer):
        return any(map(is_item, x.parts))
    chosen: Any = x.cell  # of what a loop or branch chose, if it is that
    return any(isinstance(step, ItemStep) for step in x.path) or any(
        map(is_item, getattr(chosen, "arrays", ()))
    )


def is_unknown(x: Tracer) -> bool:
    """Whether a loop or branch chose an array of which nothing tells which one it is."""
    if isinstance(x, ComplexTracer):
        return any(map(is_unknown, x.parts))
    return getattr(x.cell, "reference", x) is None


def _refuse_store(parent: Tracer, new: Tracer) -> Tracer:
    raise HeldMatter("a store into an array of a list")


# -- results --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ListPlan:
    """How a list of the result is made of the program's outputs.

    ``buffer``, ``count`` and ``changed`` are numbers of outputs, ``length`` the number of items
    where that is known.
    """

    buffer: int
    length: int | None
    count: int | None
    form: str
    # Items that are not as the buffer has them, as leaves of the result.  ``repeated``: all are
    # this one.
    head: tuple[tuple[Any, ...], ...]
    repeated: tuple[Any, ...] | None
    changed: int | None
    kind: type = list  # or tuple

    @property
    def is_whole(self) -> bool:
        """Whether the items are those of the buffer, all of them and no others."""
        parts = (self.length, self.count, self.head, self.repeated, self.changed)
        return parts == (None, None, (), None, None)

    def build(
        self, outputs: Any, leaf: Callable[[tuple[Any, ...]], Any], made: dict[Any, Any]
    ) -> Any:
        """The list; ``leaf`` makes one of the result."""
        n = self.length  # if neither this nor a count is known: all
        if n is None and self.count is not None:
            n = int(outputs[self.count])
        array = np.asarray(outputs[self.buffer])[:n]
        if self.form == "python":
            items = array.tolist()
        elif self.form == "scalar":
            items = list(array)
        else:
            items = [np.array(row) for row in array]
        changed = None if self.changed is None else np.asarray(outputs[self.changed])
        head = self.head[:n]
        if self.repeated is not None and changed is not None:
            head = (self.repeated,) * min(len(items), len(changed) - 1)
        for k, item in enumerate(head):
            if changed is None or not changed[k]:
                items[k] = leaf(item)
        return items if self.kind is list else self.kind(items)


__all__ = [
    "FLAG",
    "HELD",
    "INDEX",
    "HeldMatter",
    "ItemStep",
    "ListPlan",
    "Rows",
    "Store",
    "array_of",
    "count_of",
    "is_item",
    "place",
]
