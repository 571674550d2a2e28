"""Lists that loops append to: their items in one array, so that a loop over them is one loop.

A list that captured code makes is a :class:`TracedList`.  It is an ordinary list until a staged
loop has to change it or to read it at a traced position.  Then its items move to a *store*: one
array with a leading axis, and the number of items,

    xs = []                                 buffer: float64[n], count: 0
    for i in range(n):              =>      for k: buffer = slice_update(buffer, v, k); count + 1
        xs.append(v)
    np.array(xs)                            buffer

both in storage cells, so that loops carry them, branches merge them and regions undo them like
arrays that are stored into.  Whoever asks the list for its items reads the buffer.

All items that a loop appends or stores have one dtype, shape and form; else the loop is unrolled,
as before.  The items that were there before may be of a narrower kind (``xs = [0]``); they are
kept, so that a list that is returned has them as they were.  Numbers whose type depends on the
path, ``max(0.0, x)``, go to two such lists: of values, and of bools that tell their type.

An array in a list is the array that was appended, not a copy.  The store holds copies, so from
then on neither the array nor the item may be stored into: that raises ``AmbiguousStore``, and the
call is captured again without stores for lists of arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from autodiff.capture.records import (
    Complex,
    Number,
    Template,
    Typed,
    as_array,
    build,
    freeze_lists,
    has_lists,
    looks_like,
    numbers,
    template_of,
    width,
)
from autodiff.capture.regions import (
    Slot,
    Types,
    fit,
    is_numeric,
    same_object,
    slot_of,
    types_of,
    widest,
)
from autodiff.dims import (
    Dim,
    Extent,
    UndecidedExtent,
    at_least,
    bounds,
    maximum,
    minimum,
    same,
    symbols,
)
from autodiff.ir.data import Value
from autodiff.ladder import AmbiguousStore, Bail, Declined, NotStaged, Rung
from autodiff.ops import indexing
from autodiff.ops.builder import current_block
from autodiff.ops.control import emit_check
from autodiff.ops.dispatch import cast, extent_of
from autodiff.ops.either import Either, Kind, is_array, kinds_of
from autodiff.ops.structural import broadcast, reshape, slice_of, slice_update, zeros
from autodiff.ops.tracer import (
    Cell,
    Form,
    StoredList,
    Tracer,
    ViewStep,
    as_tracer,
    emit_tracer,
)
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.capture.trace import Trace

MOST_COPIES = 64  # of a list in an array, by repetition
FEW = 64  # items of different types, or arrays, that a loop may carry one by one


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
    head: list[Any]  # the items that were there when the store was made, as they were
    # Where the head is of other types: which of its places hold what was stored later; one place
    # more, for stores beyond the head.
    changed: Cell | None
    unchanged: Value | None  # ... and what that is when none does
    # Of ``[number] * n`` of a length known only when the program runs: the number, n, the array.
    repeated: tuple[Any, Extent, Value] | None = None
    rows: Rows | None = None  # in a loop of unknown length
    wanted_rows: int = 1
    wanted_last: int = 0
    pushed: Extent = 0  # at most how many items the body under study has appended

    @property
    def length(self) -> Extent:
        """How many items there are."""
        return extent_of(Tracer(self.count.value, "python"))

    @property
    def capacity(self) -> Extent:
        """How many items there is room for."""
        return self.buffer.value.type.shape[0]


class TracedList(StoredList):
    """A list made by captured code; see the module header."""

    __slots__ = ("block", "columns", "frozen", "store", "template", "trace")

    def __new__(cls, items: Iterable[Any] = (), trace: Trace | None = None) -> Any:
        """A list; a plain one where Python's library makes one like it, by ``type(x)(items)``."""
        return cls.python_type(items) if trace is None else super().__new__(cls)

    def __init__(self, items: Iterable[Any], trace: Trace) -> None:
        super().__init__(items)
        self.trace = trace
        self.block = current_block()  # where it was made: there it may change without ado
        self.store: Store | None = None
        # Of a list of tuples or lists: the lists of their numbers, and what an item looks like.
        self.columns: tuple[TracedList, ...] | None = None
        self.template: Template | None = None
        self.frozen = False  # an item of a list that keeps a copy of it

    # -- columns ------------------------------------------------------------------------------
    def is_stored(self) -> bool:
        """Whether items are in traced arrays."""
        if self.columns is not None:
            return any(column.store is not None for column in self.columns)
        return self.store is not None

    def is_even(self) -> bool:
        """Whether all of it is."""
        return all(part.store is not None for part in self.parts())

    def parts(self) -> tuple[TracedList, ...]:
        """The lists of numbers that it is made of: its columns, or itself."""
        return (self,) if self.columns is None else self.columns

    @property
    def extent(self) -> Extent:
        """How many items there are."""
        first = self.parts()[0]
        return list.__len__(first) if first.store is None else first.store.length

    def _split(self, item: Any) -> bool:
        """Keep the numbers of tuples or lists like ``item`` in columns; False where that cannot be."""
        template = template_of(item)
        if template is None or isinstance(template, (Number, Typed)):
            return False
        return self._split_as(template)

    @property
    def is_complex(self) -> bool:  # type: ignore[override]
        """Whether the columns are the parts of complex numbers."""
        return isinstance(self.template, Complex)

    def _split_as(self, template: Template) -> bool:
        head = list(self._plain_items())
        if self.frozen or not all(looks_like(template, known) for known in head):
            return False
        if has_lists(template) and self.trace.distinguish_arrays:
            return False
        if any(self.trace.parts.holds_changed(known) for known in head):
            return False  # what a region has stored into an item, it puts back
        columns = list(zip(*[numbers(template, known) for known in head], strict=True))
        for known in head:
            freeze_lists(known)
        made = [self._new(column) for column in columns or [()] * width(template)]
        for column in made:
            column.block = self.block
        list.clear(self)
        self.template, self.columns = template, tuple(made)
        return True

    def make_typed(self, types: Types) -> None:
        """Keep numbers of two types in columns, each in its own (where the list was made)."""
        store = self.store
        kinds: list[Any] = [kinds_of(x) for x in self._plain_items()]
        if store is not None:
            kinds = [[Kind(store.slot.dtype, store.slot.form)]]
            if store.slot.form == "array" or store.changed is not None or store.rows is not None:
                raise NotStaged("a list of items of different types")
        for kind in kinds:
            joined = None if kind is None else types.widened(kind)
            if joined is None:
                raise NotStaged("a list of items of different types")
            types = joined
        template = Typed(types)
        if store is None:
            if not self._split_as(template):
                raise NotStaged("a list of items of different types")
            return
        slot = types.slot
        is_narrow = as_tracer(kinds[0][0].is_type(template.narrow))
        values = cast(Tracer(store.buffer.value, "array"), slot.dtype)
        tags = broadcast(is_narrow, (store.capacity,), ())
        made = []
        for content, one in ((values, slot), (tags, _FLAG)):
            column = self._new(())
            column.block = self.block
            count = Cell(store.count.value)
            column.store = Store(Cell(content.value), count, one, [], None, None)
            self.trace.counts.add(count)
            made.append(column)
        self.store, self.template, self.columns = None, template, tuple(made)

    def _needs_types(self, item: Any) -> None:
        """Have the loop begin with columns that hold ``item`` in its own type as well."""
        kinds = kinds_of(item)
        if isinstance(self.template, Typed) and kinds is not None:
            joined = self.template.types.widened(kinds)
        else:
            joined = types_of(item) if isinstance(item, Either) else None
        if joined is None:
            raise NotStaged("a list of items of different types")
        self.request(joined)

    def _append_record(self, item: Any) -> None:
        assert self.columns is not None and self.template is not None
        if not looks_like(self.template, item):
            if isinstance(self.template, Typed) and not self.is_here():
                self._needs_types(item)
            self._settle("an item of another kind")
            list.append(self, item)
            return
        found = list(numbers(self.template, item))
        freeze_lists(item)
        if not self.is_here():
            changes = [
                (column, slot_of(x))
                for column, x in zip(self.columns, found, strict=True)
                if column.store is None
            ]
            if changes:
                self.request_all(changes)
        for column, x in zip(self.columns, found, strict=True):
            column.append(x)

    def _record(self, index: Any) -> Any:
        assert self.columns is not None and self.template is not None
        return build(self.template, iter([column[index] for column in self.columns]), self)

    def frozen_list(self, items: Sequence[Any]) -> TracedList:
        """A list that is (a copy of) an item of this one."""
        made = self._new(items)
        made.frozen = True
        return made

    def frozen_rows(self, rows: Tracer, slot: Slot) -> TracedList:
        """A list, of the rows of an array, that is an item of this one."""
        made = self.frozen_list(())
        content = Tracer(rows.value, "array")
        made.store = Store(Cell(content.value), Cell(_count(rows.shape[0])), slot, [], None, None)
        self.trace.counts.add(made.store.count)
        return made

    def _refuse_frozen(self) -> None:
        self.trace.refuse_held(self)
        if self.frozen:
            raise AmbiguousStore("a change of a list that is an item of a list")

    # -- the store ----------------------------------------------------------------------------
    def is_here(self) -> bool:
        """Whether the code that runs now is in the region that the list was made in."""
        return self.block is self.trace.builder.block

    def request(self, items: Slot | Types | None) -> None:
        """Have the loop that is staged from where the list was made begin with a store for it."""
        self.request_all([(self, items)])

    def request_all(self, changes: Sequence[tuple[TracedList, Slot | Types | None]]) -> None:
        """The same for several lists that were made together."""
        for body in self.trace.rolling:
            if body.home is self.block:
                raise Bail(Rung.CARRIED, "it changes a list", needs=(body, changes))
        raise NotStaged("a change of a list inside of a branch")

    def can_store(self) -> bool:
        """Whether a loop being staged could give the list a store."""
        if self.columns is None and len(self) and not is_numeric(list.__getitem__(self, 0)):
            self._split(list.__getitem__(self, 0))
        if self.columns is not None:
            return all(column.can_store() for column in self.columns)
        return any(body.home is self.block for body in self.trace.rolling) and bool(
            len(self) and all(is_numeric(x) for x in self._plain_items())
        )

    def _plain_items(self) -> Iterator[Any]:
        return list.__iter__(self)

    def make_store(self, slot: Slot | None) -> None:
        """Move the items to a store (where the list was made)."""
        if self.store is not None:
            self._widen(slot)
            return
        head = list(self._plain_items())
        if not all(is_numeric(x) for x in head) or (slot is None and not head):
            raise NotStaged("a list of other things than numbers and arrays")
        whole = slot or slot_of(head[0])
        for item in head:
            wider = widest(whole, slot_of(item))
            if wider is None or (slot is not None and wider != slot):
                raise NotStaged("a list of items of different types")
            whole = wider
        if any(symbols(n) - set(self.trace.extents.values()) for n in whole.shape):
            raise NotStaged("a list of arrays whose size depends on the loop")
        if whole.form == "array" and self.trace.distinguish_arrays:
            raise NotStaged("a list of arrays that are stored into")
        n = len(head)
        buffer = _array_of(head, whole)
        for item in head:
            if is_array(item):
                item.cell.listed = True
        uneven = any(slot_of(x) != whole for x in head)
        flags = zeros((n + 1,), bool).value if uneven else None
        changed = None if flags is None else Cell(flags)
        count = Cell(as_tracer(n).value)
        self.store = Store(Cell(buffer.value), count, whole, head, changed, flags)
        self.trace.counts.add(self.store.count)
        list.clear(self)

    def restore(self, items: list[Any], store: Store | None) -> None:
        """Go back to an earlier state."""
        self.store, self.columns, self.template = store, None, None
        list.__init__(self, items)

    def reserve(self, needed: Extent) -> None:
        """Make room for ``needed`` items (where the list was made)."""
        store = self.store
        assert store is not None
        low, _ = bounds(store.capacity - needed)
        if low is not None and low >= 0:
            return
        old = Tracer(store.buffer.value, "array")
        shape = store.slot.shape
        buffer = zeros((needed, *shape), store.slot.dtype)
        if not same(store.capacity, 0):
            n = 1 + len(shape)
            sizes = (store.capacity, *shape)
            low, _ = bounds(needed - store.capacity)
            if low is None or low < 0:
                sizes = (store.length, *shape)
                old = slice_of(old, (0,) * n, sizes, (1,) * n)
            buffer = slice_update(buffer, old, (0,) * n, sizes, (1,) * n)
        store.buffer.write(buffer.value)

    def whole(self) -> Tracer | None:
        """The items as one array, where they are in a store."""
        if self.columns is not None and self.template is not None:
            found = [column._rows_up_to(self.extent) for column in self.columns]
            known = [x for x in found if x is not None]
            return as_array(self.template, iter(known)) if len(known) == len(found) else None
        return self._rows_up_to(self.extent)

    def is_numbers(self) -> bool:
        """Whether the items are the numbers of one array and nothing else."""
        store = self.store
        if store is None or store.head or store.changed is not None or store.rows is not None:
            return False
        return store.slot.form != "array"

    def numbers(self) -> Tracer | None:
        """That array, if so."""
        if self.store is None or not self.is_numbers():
            return None
        return self._rows_up_to(self.store.length)

    def fill(self, rows: Tracer, slot: Slot) -> None:
        """Have the rows of an array as items (of a list without any)."""
        content = Tracer(rows.value, "array")
        self.store = Store(Cell(content.value), Cell(_count(rows.shape[0])), slot, [], None, None)
        self.trace.counts.add(self.store.count)

    def with_rows(self, rows: Tracer) -> TracedList:
        """A list like this one of numbers, with the rows of an array as items."""
        assert self.store is not None
        made = self._new(())
        made.fill(rows, self.store.slot)
        return made

    def places_of(self, item: Any) -> Tracer | None:
        """Which of the numbers of one array equal a number; None where Python must compare."""
        rows = self.numbers()
        if rows is None or isinstance(item, Either) or not is_numeric(item) or is_array(item):
            return None
        if slot_of(item).dtype.kind == "f":  # Python finds a NaN by its identity
            no_nan: Any = np.logical_not(np.isnan(as_tracer(item)))
            emit_check(no_nan.value, "a search for NaN")
        equal: Any = np.equal(rows, Tracer(as_tracer(item).value, "scalar"))
        return equal

    def joined(self, other: Any) -> TracedList | None:
        """The items, then those of another list: of numbers of one type, as one array."""
        both = self._rows_beside(other)
        if both is not None:
            return self.with_rows(emit_tracer("concatenate", *both, axis=0))
        if not isinstance(other, TracedList) or self.is_stored():
            return None
        both = other._rows_beside(list(self._plain_items()))
        if both is None:
            return None
        return other.with_rows(emit_tracer("concatenate", *both[::-1], axis=0))

    def _rows_beside(self, other: Any) -> tuple[Tracer, Tracer] | None:
        rows = self.numbers()
        if rows is None or self.store is None:
            return None
        if isinstance(other, TracedList) and other.is_stored():
            more, store = other.numbers(), other.store
            if more is None or store is None or store.slot != self.store.slot:
                return None
            return rows, more
        items = list(other)
        if not all(is_numeric(x) and not isinstance(x, Either) for x in items):
            return None
        if any(slot_of(x) != self.store.slot for x in items):
            return None
        return rows, _array_of(items, self.store.slot)

    def _rows_up_to(self, length: Extent) -> Tracer | None:
        store = self.store
        if store is None:
            return None
        if store.rows is not None:
            raise NotStaged("a list that grows in a loop of unknown length, as a whole")
        x = Tracer(store.buffer.value, "array")
        if not same(length, store.capacity):
            n = len(x.shape)
            x = slice_of(x, (0,) * n, (length, *store.slot.shape), (1,) * n)
        return Tracer(x.value, "array")

    def as_array(self) -> Tracer | None:
        """What ``np.array`` makes of the items: of none, float64 of shape (0,)."""
        whole = self.whole()
        if whole is None or (len(whole.shape) == 1 and whole.dtype == np.float64):
            return whole
        try:
            some = at_least(self.extent, 1)
        except UndecidedExtent:
            filled: Any = np.greater(as_tracer(self.extent), 0)
            emit_check(filled.value, "an array of an empty list")
            some = True
        return whole if some else Tracer.constant(np.array([]))

    @property
    def item_form(self) -> Form:
        """What its rows are to the user's code."""
        if isinstance(self.template, Complex):
            return self.template.form
        return "array" if self.store is None else self.store.slot.form

    def _fitting(self, item: Any) -> Value:
        """An item as the store holds it."""
        assert self.store is not None
        slot = slot_of(item) if is_numeric(item) else None
        if slot is None:
            raise NotStaged("a list of other things than numbers and arrays")
        if isinstance(item, Either):
            self._needs_types(item)
        if slot != self.store.slot:
            self.request(slot)
        if is_array(item):
            item.cell.listed = True
        return fit(item, slot)

    def _can_hold(self, item: Any) -> bool:
        """Whether the store, perhaps a wider one, can have an item (where the list was made)."""
        if not is_numeric(item) or isinstance(item, Either):
            return False
        try:
            self._widen(slot_of(item))
        except Bail as problem:
            if problem.rung is not Rung.UNROLLED:
                raise
            return False
        return True

    def _position(self, index: Any) -> Extent:
        assert self.store is not None
        try:
            return indexing.position(extent_of(index), self.store.length, 0)
        except IndexError:
            raise IndexError("list index out of range") from None

    def _item(self, index: Any) -> Any:
        store = self.store
        assert store is not None
        at = self._position(index)
        if store.rows is not None:
            row = self._row(store, store.rows, at)
            if row is not None:
                return row
        if isinstance(at, int) and at < len(store.head) and self.is_here():
            if store.changed is None or store.changed.value is store.unchanged:
                return store.head[at]
        typed = self.typed() if self.is_here() else None
        if typed is None:
            return self._at(at)
        template, *columns = typed
        return template.of(*[slice_of(x, *_place(at, _FLAG)).value for x in columns])

    def typed(self) -> tuple[Typed, Tracer, Tracer] | None:
        """Of numbers of two types, those types, the values and whether they are of the narrow type."""
        if self.columns is not None:
            if not isinstance(self.template, Typed):
                return None
            values, tags = (column._rows_up_to(self.extent) for column in self.columns)
            return None if values is None or tags is None else (self.template, values, tags)
        store = self.store
        if store is None or store.changed is None or store.rows is not None:
            return None
        known = store.head if store.repeated is None else [store.repeated[0]]
        types: Types | None = Types(store.slot)
        for item in known:
            assert types is not None
            types = types.widened(kinds_of(item) or ())
            if types is None or types.slot != store.slot:
                return None  # no number holds both
        assert types is not None
        if types.narrow is None:
            return None
        template = Typed(types)
        size = store.changed.value.type.shape[0] - 1
        tags = broadcast(as_tracer(False), (maximum(size, store.capacity),), ())
        is_narrow = emit_tracer(
            "logical_not", slice_of(Tracer(store.changed.value, "array"), (0,), (size,), (1,))
        )
        if store.repeated is None:
            own = np.array([template.parts_of(item)[1] for item in known])
            if not own.all():
                is_narrow = emit_tracer("logical_and", is_narrow, Tracer.constant(own))
        tags = slice_update(tags, Tracer(is_narrow.value, "array"), (0,), (size,), (1,))
        whole = self.whole()
        assert whole is not None
        return template, whole, slice_of(tags, (0,), (store.length,), (1,))

    @property
    def is_of_one_type(self) -> bool:
        """Whether no item is of another type than the rows."""
        if isinstance(self.template, Typed):
            return False
        store = self.store
        return store is None or store.changed is None

    def _at(self, at: Extent) -> Any:
        store = self.store
        assert store is not None
        if store.slot.form == "array":
            return Tracer(store.buffer, "array", (_ItemStep.of(at, store.slot),))
        x = slice_of(Tracer(store.buffer.value, "array"), *_place(at, store.slot))
        return Tracer(fit(x, store.slot), store.slot.form)

    def _settle(self, what: str) -> None:
        """Be an ordinary list again, for what a store cannot do."""
        self._refuse_frozen()
        if self.store is not None or self.columns is not None:
            if not self.is_here():
                raise NotStaged(f"{what} of a list inside of a branch or loop")
            items = list(self)
            self.store = self.columns = None
            list.extend(self, items)
        elif not self.is_here():
            raise NotStaged(f"{what} of a list inside of a branch or loop")

    # -- what lists do ------------------------------------------------------------------------
    def append(self, item: Any) -> None:
        """Put an item at the end."""
        self._refuse_frozen()
        if self.columns is not None:
            self._append_record(item)
            return
        if self.store is None:
            if self.is_here():
                list.append(self, item)
                return
            if isinstance(item, Either):
                self._needs_types(item)
            if not is_numeric(item):
                if self._split(item):
                    self._append_record(item)
                    return
                raise NotStaged("a list of other things than numbers and arrays")
            self.request(slot_of(item))
            return
        store = self.store
        fits = is_numeric(item) and slot_of(item) == store.slot and not isinstance(item, Either)
        if self.is_here() and not fits:
            self._settle("an item of another type")
            list.append(self, item)
            return
        value = Tracer(self._fitting(item), "array")
        if store.rows is not None:
            self._append_row(store, store.rows, value)
            return
        length = store.length
        if self.is_here():
            self.reserve(length + 1)
        elif not any(self in body.lists for body in self.trace.rolling):
            self.request(store.slot)
        x = Tracer(store.buffer.value, "array")
        store.buffer.write(slice_update(x, value, *_place(length, store.slot)).value)
        store.count.write(_count(length + 1))
        store.pushed = store.pushed + 1

    def _append_row(self, store: Store, rows: Rows, value: Tracer) -> None:
        if self not in self.trace.rolling[-1].lists:
            raise NotStaged("a list that grows in a loop inside of a loop of unknown length")
        if rows.next >= len(rows.values):
            store.wanted_rows = rows.next + 1
            self.request(store.slot)
        rows.values[rows.next].write(value.value)
        rows.taken[rows.next].write(as_tracer(True).value)
        rows.next += 1
        for k in range(len(rows.last) - 1, 0, -1):
            rows.last[k].write(rows.last[k - 1].value)
        if rows.last:
            rows.last[0].write(value.value)
        store.count.write(_count(store.length + 1))

    def _row(self, store: Store, rows: Rows, at: Extent) -> Any:
        """An item, in a loop of unknown length: one of the last, or from before the loop."""
        low, _ = bounds(rows.start - 1 - at)
        if low is not None and low >= 0:
            return None
        back = store.length - at
        if not isinstance(back, int):
            raise NotStaged("an item of a list that grows in a loop of unknown length")
        if back > len(rows.last):
            store.wanted_last = back
            self.request(store.slot)
        return Tracer(rows.last[back - 1].value, store.slot.form)

    def begin_rows(self) -> None:
        """Before a loop of unknown length is interpreted (where the list was made)."""
        store = self.store
        assert store is not None
        if store.slot.form == "array" and store.wanted_last:
            raise NotStaged("arrays of a list that grows in a loop of unknown length")
        nothing = zeros(store.slot.shape, store.slot.dtype).value
        last = []
        for k in range(1, store.wanted_last + 1):
            low, _ = bounds(store.length - k)
            x = Tracer(nothing, "array")
            if low is not None and low >= 0:
                x = slice_of(
                    Tracer(store.buffer.value, "array"), *_place(store.length - k, store.slot)
                )
            last.append(Cell(fit(x, store.slot)))
        store.rows = Rows(
            [Cell(nothing) for _ in range(store.wanted_rows)],
            [Cell(as_tracer(False).value) for _ in range(store.wanted_rows)],
            last,
            store.length,
        )

    def end_rows(self, trips: Extent, values: Sequence[Value], taken: Sequence[Value]) -> None:
        """After the loop: the items from before it, then what each iteration has appended."""
        store = self.store
        assert store is not None and store.rows is not None
        rows, n = store.rows, len(values)
        store.rows = None
        shape = store.slot.shape
        columns = [reshape(Tracer(v, "array"), (trips, 1, *shape)) for v in values]
        flags = [reshape(Tracer(v, "array"), (trips, 1)) for v in taken]
        new = columns[0] if n == 1 else emit_tracer("concatenate", *columns, axis=1)
        new = Tracer(reshape(new, (trips * n, *shape)).value, "array")
        every = store.length - rows.start
        store.count.write(_count(rows.start))
        old = self.whole()
        assert old is not None
        if not same(every, trips * n):
            mask = flags[0] if n == 1 else emit_tracer("concatenate", *flags, axis=1)
            new = new[Tracer(reshape(mask, (trips * n,)).value, "array")]
        if not same(old.shape[0], 0):
            new = emit_tracer("concatenate", old, Tracer(new.value, "array"), axis=0)
        store.buffer.write(new.value)
        store.count.write(_count(new.shape[0]))

    def extend(self, items: Iterable[Any]) -> None:
        """Append each of ``items``."""
        if self.store is None and self.columns is None and self.is_here() and not self.frozen:
            list.extend(self, items)
            return
        for item in list(items):
            self.append(item)

    def __iadd__(self, items: Iterable[Any]) -> TracedList:  # type: ignore[misc]
        self.extend(items)
        return self

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Take an item out."""
        self._refuse_frozen()
        if self.columns is not None and self.template is not None and index == -1:
            found = [column.pop() for column in self.columns]
            return build(self.template, iter(found), self)
        store = self.store
        last = isinstance(index, int) and index == -1
        if store is None or not last or self.is_here() or store.slot.form == "array":
            if store is None and not self.is_here() and last and self.can_store():
                self.request(None)
            self._settle("pop")
            return list.pop(self, index)
        if store.rows is not None:
            raise NotStaged("pop of a list that grows in a loop of unknown length")
        item = self._item(-1)
        store.count.write(_count(store.length - 1))
        return item

    def __setitem__(self, index: Any, item: Any) -> None:
        self._refuse_frozen()
        if self.columns is not None:
            self._set_record(index, item)
            return
        if self.store is None:
            if self.is_here():
                known = index.__index__() if isinstance(index, Tracer) else index
                list.__setitem__(self, known, item)
                return
            if not is_numeric(item) or isinstance(index, slice) or not len(self):
                raise NotStaged("a change of a list inside of a branch or loop")
            # What a region has changed as variables stays variables until its end.
            parts = self.trace.parts
            if isinstance(index, int) and (parts.holds_changed(self) or self._is_few_arrays(item)):
                known = index % list.__len__(self) if -len(self) <= index < len(self) else index
                if parts.save(self, known):
                    list.__setitem__(self, known, item)
                    return
            if isinstance(item, Either):
                self._needs_types(item)
            self.request(slot_of(item))
            return
        store = self.store
        if store.rows is not None:
            raise NotStaged("a store into a list that grows in a loop of unknown length")
        if self.is_here() and not self._can_hold(item):
            self._settle("a store of an item of another type")
            self[index] = item
            return
        if isinstance(index, slice) or store.slot.form == "array":
            self._settle("a store")
            list.__setitem__(self, index, item)
            return
        value = Tracer(self._fitting(item), "array")
        store = self.store
        at = self._position(index)
        x = Tracer(store.buffer.value, "array")
        store.buffer.write(slice_update(x, value, *_place(at, store.slot)).value)
        if store.changed is not None:
            self._note_changed(store.changed, at)
        elif isinstance(at, int) and at < len(store.head) and self.is_here():
            store.head[at] = item
        else:
            self._forget_head()

    def _is_few_arrays(self, item: Any) -> bool:
        """Whether the items are variables of their own, rather than the rows of one array."""
        items = [item, *self._plain_items()]
        if len(items) > 1 + FEW:
            return False
        return all(is_numeric(x) for x in items) and (
            any(slot_of(x).form == "array" for x in items) or len({slot_of(x) for x in items}) > 1
        )

    def _set_record(self, index: Any, item: Any) -> None:
        assert self.columns is not None and self.template is not None
        if isinstance(index, slice) or not looks_like(self.template, item):
            if isinstance(self.template, Typed) and not isinstance(index, slice):
                if not self.is_here():
                    self._needs_types(item)
            self._settle("a store of an item of another kind")
            self[index] = item
            return
        found = list(numbers(self.template, item))
        freeze_lists(item)
        for column, x in zip(self.columns, found, strict=True):
            column[index] = x

    def _note_changed(self, changed: Cell, at: Extent) -> None:
        """Remember that a place of the head holds another item now."""
        flags = Tracer(changed.value, "array")
        place = minimum(at, changed.value.type.shape[0] - 1)
        changed.write(slice_update(flags, as_tracer(True), *_place(place, _FLAG)).value)

    def _forget_head(self) -> None:
        """All items of the head are as the store has them: of one type."""
        assert self.store is not None
        self.store.head = []

    def __getitem__(self, index: Any) -> Any:
        if self.columns is not None:
            return self._part(index) if isinstance(index, slice) else self._record(index)
        if self.store is None:
            if isinstance(index, Tracer) and not self.is_here() and self.can_store():
                if self.columns is not None:
                    return self[index]
                self.request(None)
            result = list.__getitem__(self, index)
            return self._new(result) if isinstance(index, slice) else result
        if isinstance(index, slice):
            return self._part(index)
        return self._item(index)

    def _part(self, index: slice) -> TracedList:
        if self.columns is not None:
            made = self._new(())
            made.template = self.template
            made.columns = tuple([column[index] for column in self.columns])
            return made
        x = self.whole()
        assert x is not None and self.store is not None
        if self.store.changed is not None:
            return self._new(list(self)[index])
        part = x[index]
        n = part.shape[0]
        if isinstance(n, int) and not self.store.head:
            pass
        elif self.store.head and any(slot_of(h) != self.store.slot for h in self.store.head):
            return self._new(list(self)[index])
        new = self._new(())
        slot = self.store.slot
        content = Tracer(part.value, "array")
        new.store = Store(Cell(content.value), Cell(_count(n)), slot, [], None, None)
        self.trace.counts.add(new.store.count)
        return new

    def _widen(self, slot: Slot | None) -> None:
        """``[number] * n`` for items of another type, which the number can be taken for."""
        store = self.store
        assert store is not None
        if slot is None or slot == store.slot:
            return
        if store.repeated is None or store.repeated[2] is not store.buffer.value:
            raise NotStaged("a list of items of different types")
        item, n, _ = store.repeated
        if widest(slot, slot_of(item)) != slot:
            raise NotStaged("a list of items of different types")
        content = broadcast(Tracer(fit(item, slot), "array"), (n,), ())
        flags = zeros((n + 1,), bool).value
        repeated = (item, n, content.value)
        count = Cell(store.count.value)
        self.store = Store(Cell(content.value), count, slot, [], Cell(flags), flags, repeated)
        self.trace.counts.add(count)

    def _new(self, items: Iterable[Any]) -> TracedList:
        return TracedList(items, self.trace)

    def __len__(self) -> int:
        length = self.extent
        return length if isinstance(length, int) else int(as_tracer(length)._concrete())

    def __bool__(self) -> bool:
        if self.is_stored():
            low, high = bounds(self.extent)
            if low is not None and low >= 1:
                return True
            if high is not None and high <= 0:
                return False
        return len(self) > 0

    def __iter__(self) -> Iterator[Any]:
        # The length anew each time: what the items are for may append, and may make the store.
        k = 0
        while k < len(self):
            if self.columns is not None:
                yield self._record(k)
            else:
                yield list.__getitem__(self, k) if self.store is None else self._item(k)
            k += 1

    def __reversed__(self) -> Iterator[Any]:
        return iter(list(self)[::-1])

    def __contains__(self, item: Any) -> bool:
        return item in list(self)

    def count(self, item: Any) -> Any:
        """How many items equal ``item``."""
        places = self.places_of(item)
        if places is None:
            return list(self).count(item)
        return Tracer(fit(np.sum(places), _INDEX), "python")

    def index(self, item: Any, *limits: Any) -> Any:
        """Where the first of them is."""
        places = None if limits else self.places_of(item)
        if places is None:
            return list(self).index(item, *limits)
        emit_check(as_tracer(np.any(places)).value, "an item that is not in the list")
        return Tracer(fit(np.argmax(places), _INDEX), "python")

    def reverse(self) -> None:
        """Turn the order round."""
        rows = self.numbers()
        if rows is None or not self.is_here() or self.frozen:
            self._settle("reverse")
            list.reverse(self)
            return
        assert self.store is not None
        self.trace.refuse_held(self)
        self.store.buffer.write(rows[::-1].value)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, list) and not (isinstance(other, TracedList) and other.is_stored()):
            empty = self.extent if list.__len__(other) == 0 else None
            if isinstance(empty, Dim):  # ``xs == []``
                return Tracer(as_tracer(np.equal(as_tracer(empty), 0)).value, "python")
        return list(self) == (list(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> Any:
        equal = self == other
        if isinstance(equal, Tracer):
            return Tracer(as_tracer(np.logical_not(equal)).value, "python")
        return not equal

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, list):
            return NotImplemented
        joined = self.joined(other)
        return self._new(list(self) + list(other)) if joined is None else joined

    def __radd__(self, other: Any) -> Any:
        if not isinstance(other, list):
            return NotImplemented
        joined = self._new(other).joined(self)
        return self._new(list(other) + list(self)) if joined is None else joined

    def __mul__(self, times: Any) -> Any:
        if isinstance(times, Tracer):
            if times.form == "array":
                return NotImplemented  # NumPy takes the list for an array
            whole = times.given_as_int()
            if whole is not None:
                return self._new(list(self) * whole)
            if times.form == "scalar" and times.dtype.kind not in "iu":
                return NotImplemented  # NumPy says why not
            n = extent_of(times)
            if isinstance(n, Dim) and self.store is None and list.__len__(self) == 1:
                (item,) = self._plain_items()
                if is_numeric(item) and slot_of(item).form != "array":
                    return self._repeated(item, maximum(n, 0))
            times = times.__index__()
        rows = self.numbers()
        if rows is not None and type(times) is int and 0 < times <= MOST_COPIES:
            return self.with_rows(emit_tracer("concatenate", *[rows] * times, axis=0))
        return self._new(list(self) * times)

    __rmul__ = __mul__

    def _repeated(self, item: Any, n: Extent) -> TracedList:
        """``[number] * n`` of a length known only when the program runs."""
        new = self._new(())
        slot = slot_of(item)
        content = broadcast(Tracer(fit(item, slot), "array"), (n,), ())
        repeated = (item, n, content.value)
        new.store = Store(Cell(content.value), Cell(_count(n)), slot, [], None, None, repeated)
        self.trace.counts.add(new.store.count)
        return new

    def __imul__(self, times: Any) -> TracedList:
        self._settle("repetition")
        list.__imul__(self, int(times))
        return self

    def with_items(self, items: Iterable[Any]) -> TracedList:
        """A list made where this one was, of other items."""
        made = self._new(items)
        made.block, made.frozen = self.block, self.frozen
        return made

    def copy(self) -> TracedList:
        """A list of the same items."""
        if self.store is None and self.columns is None:
            return self._new(self)
        return self._part(slice(None))

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> TracedList:
        if self.is_stored():
            return self.copy()
        made = memo[id(self)] = self._new(())
        list.extend(made, [deepcopy(item, memo) for item in self])
        return made

    def __repr__(self) -> str:
        return repr(list(self))

    __str__ = __repr__


TracedList.__name__ = "list"  # what errors call it


def _array_of(items: list[Any], slot: Slot) -> Tracer:
    """The items of a list as the rows of an array."""
    shape = (len(items), *slot.shape)
    if not items:
        return zeros(shape, slot.dtype)
    if not any(isinstance(x, (Tracer, Dim)) for x in items):
        return Tracer.constant(np.array(items, slot.dtype))
    if all(same_object(x, items[0]) for x in items):
        row = Tracer(fit(items[0], slot), "array")
        return broadcast(row, shape, tuple(range(1, len(shape))))
    rows = [reshape(Tracer(fit(x, slot), "array"), (1, *slot.shape)) for x in items]
    joined: Tracer = emit_tracer("concatenate", *rows, axis=0) if len(rows) > 1 else rows[0]
    return joined


def _place(at: Extent, slot: Slot) -> tuple[Any, Any, Any]:
    """Starts, sizes and steps of the item at a position."""
    n = 1 + len(slot.shape)
    return (at, *(0,) * (n - 1)), (None, *slot.shape), (1,) * n


def _count(n: Extent) -> Value:
    return as_tracer(n).value


_FLAG = Slot(np.dtype(bool), (), "python")
_INDEX = Slot(np.dtype(np.int64), (), "python")


@dataclass(frozen=True)
class _ItemStep(ViewStep):
    """The step from a list's store to one of its arrays, which cannot be stored into."""

    at: Extent = 0

    @staticmethod
    def of(at: Extent, slot: Slot) -> _ItemStep:
        def read(x: Tracer) -> Tracer:
            return reshape(slice_of(x, *_place(at, slot)), slot.shape)

        return _ItemStep(read, _refuse_store, at=at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ItemStep) and same(self.at, other.at)

    __hash__ = None  # type: ignore[assignment]


def is_item(x: Tracer) -> bool:
    """Whether an array is (a view of) one that was read from a list's store."""
    return any(isinstance(step, _ItemStep) for step in x.path)


def _refuse_store(parent: Tracer, new: Tracer) -> Tracer:
    raise AmbiguousStore("a store into an array of a list")


def _method(name: str) -> Callable[..., Any]:
    plain = getattr(list, name)

    def method(self: TracedList, *args: Any, **kwargs: Any) -> Any:
        self._settle(name)
        return plain(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in ("insert", "remove", "clear", "sort", "__delitem__"):
    setattr(TracedList, _name, _method(_name))


def _reading(name: str) -> Callable[..., Any]:
    def method(self: TracedList, *args: Any) -> Any:
        others = [list(x) if isinstance(x, TracedList) else x for x in args]
        return getattr(list(self), name)(*others)

    method.__name__ = name
    return method


for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    setattr(TracedList, _name, _reading(_name))


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

    def build(self, outputs: Any, leaf: Callable[[tuple[Any, ...]], Any]) -> Any:
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


def refuse_open_length(target: TracedList) -> None:
    """Lists of unknown length have no leaves that a derivative could be taken of."""
    if isinstance(target.extent, Dim):
        raise Declined("a list in the result whose length is known only when it runs")
