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
then on neither the array nor the item may be stored into: where one is, the call is captured again
with arrays that are rows of a pool (:class:`~autodiff.capture.members.HeldArrays`).  Which array it is, a number beside
the copy tells where it matters (:mod:`autodiff.capture.numbering`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from autodiff.capture import choices, contents
from autodiff.capture.kept import FEW, KeptList
from autodiff.capture.pools import refuse_new_length
from autodiff.capture.records import Typed, build, looks_like
from autodiff.capture.slots import Slot, Types, fit, is_numeric, slot_of, types_of
from autodiff.capture.stores import FLAG, INDEX, HeldMatter, Rows, Store, array_of, count_of, place
from autodiff.dims import Dim, Extent, bounds, maximum, minimum, same
from autodiff.ladder import Declined, NotStaged
from autodiff.ops import dispatch
from autodiff.ops.control import emit_check
from autodiff.ops.dispatch import extent_of
from autodiff.ops.either import Either, Kind, kinds_of
from autodiff.ops.known import check
from autodiff.ops.structural import INT, broadcast, slice_of, slice_update
from autodiff.ops.tracer import Cell, StoredList, Tracer, as_tracer, emit_tracer

if TYPE_CHECKING:
    pass

MOST_COPIES = 64  # of a list in an array, by repetition


class TracedList(KeptList):
    """A list made by captured code; see the module header."""

    __slots__ = ()

    def append(self, item: Any) -> None:
        """Put an item at the end."""
        self._refuse_frozen()
        refuse_new_length(self, "append")
        if self.columns is not None:
            self._append_record(item)
            return
        if self.store is None:
            if self.is_free(last=True):
                list.append(self, item)
                return
            if isinstance(item, Either):
                self._needs_types(item)
            if self._is_split(item):
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
            store.reserve(length + 1)
        elif not any(self in body.lists for body in self.trace.rolling):
            self.request(store.slot)
        store.refuse_more()
        store.put(length, value)
        low, _ = bounds(length - len(store.head))
        if store.changed is None and (low is None or low < 0):
            self._forget_head()  # something was taken out before
        store.count.write(count_of(length + 1))
        store.pushed = store.pushed + 1

    def _append_row(self, store: Store, rows: Rows, value: Tracer) -> None:
        if self not in self.trace.rolling[-1].lists:
            self.ask_for_room("more loops for")
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
        store.count.write(count_of(store.length + 1))

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
        refuse_new_length(self, "pop")
        if self.columns is not None and self.template is not None:
            found = [column.pop(index) for column in self.columns]
            return build(self.template, iter(found), self)
        last = isinstance(index, int) and index == -1
        if not isinstance(index, Tracer) and self.is_free(last):
            return list.pop(self, index)
        if self.store is None and not self.is_here() and self.can_store():
            if self.columns is not None:
                return self.pop(index)
            self.request(None)
        if (last and self.is_here()) or not self._can_shift():
            self._settle("pop")
            return list.pop(self, index)
        store = self.store
        assert store is not None
        self.ask_for_room("pop of")
        try:
            item = self._item(index)
        except IndexError:
            empty = isinstance(store.length, int) and store.length == 0
            raise IndexError("pop from empty list" if empty else "pop index out of range") from None
        if not last:
            self._shift(store.position(index), back=False)
        store.count.write(count_of(store.length - 1))
        return item

    def __delitem__(self, index: Any) -> None:
        self._refuse_frozen()
        refuse_new_length(self, "del")
        if not isinstance(index, Tracer) and self.is_free(last=False):
            list.__delitem__(self, index)
        elif isinstance(index, slice) or self.store is None or not self._can_shift():
            self._settle("del")
            list.__delitem__(self, index)
        else:
            try:
                self.pop(index)
            except IndexError:
                raise IndexError("list assignment index out of range") from None

    def _can_shift(self) -> bool:
        """Whether the items are numbers in a store that can be moved there."""
        store = self.store
        return store is not None and store.slot.form != "array" and store.changed is None

    def _shift(self, at: Extent, back: bool) -> None:
        """Move the items from a position on by one place: to the back, or to the front over the one there."""
        store = self.store
        assert store is not None
        self._forget_head()
        x, n = Tracer(store.buffer.value, "array"), store.capacity
        moved: Any = (x[:1], x[:-1]) if back else (x[1:], x[-1:])
        moved = emit_tracer("concatenate", *[Tracer(part.value) for part in moved], axis=0)
        if not same(moved.shape[0], n):  # as many items, said in another way
            moved = slice_of(moved, (0,), (n,), (1,))
        places: Any = emit_tracer("iota", size=n, dtype=INT)
        stays: Any = np.less(places, as_tracer(at))
        store.buffer.write(emit_tracer("select", stays, Tracer(x.value), moved).value)

    def insert(self, index: SupportsIndex, item: Any) -> None:
        """Put an item before a position."""
        self._refuse_frozen()
        refuse_new_length(self, "insert")
        template, columns = self.template, self.columns
        if columns is not None and template is not None and looks_like(template, item):
            for column, x in zip(columns, [*self._numbers_of(item)], strict=True):
                column.insert(index, x)
            return
        if not isinstance(index, Tracer) and self.is_free(last=False):
            list.insert(self, index, item)
            return
        if self.store is None and not self.is_here():
            if not self._is_split(item):
                self.request(slot_of(item))
            elif self.columns is None and self._split(item):
                self.insert(index, item)
                return
        fits = is_numeric(item) and not isinstance(item, Either)
        if self.is_here() or not fits or not self._can_shift():
            self._settle("insert")
            list.insert(self, index, item)
            return
        store = self.store
        assert store is not None
        self.ask_for_room("insert into")
        at = _insertion(extent_of(index), store.length)
        self.append(item)
        self._shift(at, back=True)
        store.put(at, Tracer(self._fitting(item), "array"))

    def sort(self, *, key: Any = None, reverse: Any = False) -> None:
        """Put the items in order."""
        self._refuse_frozen()
        if key is None and isinstance(reverse, bool):
            rows = self._moved_rows()
            if rows is not None:
                self._put_back(ordered(rows, rows, reverse))
                return
            items = None if self.is_stored() else in_order(list(self), reverse)
            if items is not None and self.is_free(last=False):
                list.__setitem__(self, slice(None), items)
                return
        if self.is_free(last=False):
            list.sort(self, key=key, reverse=reverse)
            return
        if key is None and not self.is_stored() and not self.is_here() and self.can_store():
            self.request_all([(part, None) for part in self.parts()])
        self._settle("sort")
        list.sort(self, key=key, reverse=reverse)

    def __setitem__(self, index: Any, item: Any) -> None:
        self._refuse_frozen()
        self._ask_for_types(item)
        if self.columns is not None:
            self._set_record(index, item)
            return
        if self.store is None:
            if self.is_here():
                known = index.__index__() if isinstance(index, Tracer) else index
                list.__setitem__(self, known, item)
                return
            if isinstance(item, StoredList) and not isinstance(index, slice):
                self._ask_for_rows(item)
            few = self._is_few(item)
            if not (few or is_numeric(item)) or isinstance(index, slice) or not len(self):
                raise NotStaged("a change of a list inside of a branch or loop")
            # What a region has changed as variables stays variables until its end.
            parts = self.trace.parts
            if isinstance(index, int) and (few or parts.holds_changed(self)):
                known = index % list.__len__(self) if -len(self) <= index < len(self) else index
                if parts.save(self, known):
                    list.__setitem__(self, known, item)
                    return
            if not is_numeric(item):
                raise NotStaged("a change of a list of objects at a place that only the run knows")
            if isinstance(item, Either):
                self._needs_types(item)
            if self._is_split(item) and self._split(item):
                self[index] = item
                return
            self.request(slot_of(item))
            return
        store = self.store
        self.ask_for_room("a store into")
        if self.is_here() and not self._can_hold(item):
            self._settle("a store of an item of another type")
            self[index] = item
            return
        if isinstance(index, slice) or store.slot.form == "array":
            if not (isinstance(index, slice) or self.is_here() or self.trace.holds_arrays):
                raise HeldMatter("another array in the place of one in a list")
            self._settle("a store")
            list.__setitem__(self, index, item)
            return
        value = Tracer(self._fitting(item), "array")
        store = self.store
        at = store.position(index)
        store.put(at, value)
        if store.changed is not None:
            self._note_changed(store.changed, at)
        elif isinstance(at, int) and at < len(store.head) and self.is_here():
            store.head[at] = item
        else:
            self._forget_head()

    def _is_few(self, item: Any) -> bool:
        """Whether the items are variables of their own, rather than the rows of one array or pool."""
        items = [item, *self._plain_items()]
        if len(items) > 1 + FEW:
            return False
        if all(choices.is_object(self.trace, x) for x in items):
            return True
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
        found = list(self._numbers_of(item))
        for column, x in zip(self.columns, found, strict=True):
            column[index] = x

    def _note_changed(self, changed: Cell, at: Extent) -> None:
        """Remember that a place of the head holds another item now."""
        flags = Tracer(changed.value, "array")
        within = minimum(at, changed.value.type.shape[0] - 1)
        changed.write(slice_update(flags, as_tracer(True), *place(within, FLAG)).value)

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
            for column in made.columns:
                column.is_column = True
            return made
        if self.store is not None and self.store.has_holes:
            self._settle("a part")
            return self._new(list.__getitem__(self, index))
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
        return self.with_rows(part)

    def _new(self, items: Iterable[Any]) -> TracedList:
        made: TracedList = self.trace.fresh(TracedList(items, self.trace))
        return made

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
        return Tracer(fit(np.sum(places), INDEX), "python")

    def index(self, item: Any, *limits: Any) -> Any:
        """Where the first of them is."""
        places = None if limits else self.places_of(item)
        if places is None:
            return list(self).index(item, *limits)
        emit_check(as_tracer(np.any(places)).value, "an item that is not in the list")
        return Tracer(fit(np.argmax(places), INDEX), "python")

    def reverse(self) -> None:
        """Turn the order round."""
        self._refuse_frozen()
        if self.is_free(last=False):
            list.reverse(self)
            return
        rows = self._moved_rows()
        if rows is None:
            self._settle("reverse")
            list.reverse(self)
            return
        self._put_back(rows[::-1])

    def reorder(self, columns: Sequence[Tracer]) -> None:
        """Have the same items in another order."""
        self._refuse_frozen()
        for part, rows in zip(self.parts(), columns, strict=True):
            part._forget_head()
            part._put_back(rows)

    def _moved_rows(self) -> Tracer | None:
        """The numbers in the store, which are about to change their places."""
        if self.store is None or self.store.rows is not None or not self._can_shift():
            return None
        self._forget_head()
        return self.numbers()

    def _put_back(self, rows: Tracer) -> None:
        """Have these numbers instead, which are as many."""
        store = self.store
        assert store is not None
        if not same(store.length, store.capacity):
            x = Tracer(store.buffer.value, "array")
            rows = slice_update(x, Tracer(rows.value, "array"), (0,), (rows.shape[0],), (1,))
        store.buffer.write(rows.value)

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
        if joined is None:
            joined = contents.joined(self, other if type(other) is TracedList else self._new(other))
        return self._new(list(self) + list(other)) if joined is None else joined

    def __radd__(self, other: Any) -> Any:
        if not isinstance(other, list):
            return NotImplemented
        joined = self._new(other).joined(self)
        if joined is None:
            joined = contents.joined(self._new(other), self)
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
            if times.dtype.kind == "f":
                raise TypeError("can't multiply sequence by non-int of type 'float'")
            n = extent_of(times)
            if isinstance(n, Dim) and self.store is None and list.__len__(self) == 1:
                (item,) = self._plain_items()
                item = item.decided() if isinstance(item, Either) else item
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
        new.store = Store(Cell(content.value), Cell(count_of(n)), slot, [], None, None, repeated)
        self.trace.counts.add(new.store.count)
        return new

    def __imul__(self, times: Any) -> TracedList:
        self._settle("repetition")
        list.__imul__(self, operator.index(times))
        return self

    def together(self, other: Any) -> Any:
        """The list, with its items in arrays that could hold those of another list as well; None where none can."""
        return contents.together(self, other) if isinstance(other, TracedList) else None

    def kinds(self) -> list[Kind] | None:
        """The types of the numbers that it holds, the widest first; None of what else it may hold."""
        return contents.kinds_of_numbers(self)

    def in_types(self, template: Typed) -> list[Tracer]:
        """The numbers in the wide type, and which of them are of the narrow one."""
        return contents.typed(self, template)

    def columns_now(self) -> list[Tracer]:
        """What these arrays hold."""
        return contents.columns_of(self)

    def with_columns(self, columns: Sequence[Any]) -> Any:
        """A new list like this one, of the items in these."""
        return contents.with_columns(self, columns)

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


def _method(name: str) -> Callable[..., Any]:
    plain = getattr(list, name)

    def method(self: TracedList, *args: Any, **kwargs: Any) -> Any:
        self._refuse_frozen()
        refuse_new_length(self, name)
        if not self.is_free(last=False):
            self._settle(name)
        return plain(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in ("remove", "clear"):
    setattr(TracedList, _name, _method(_name))


def _reading(name: str) -> Callable[..., Any]:
    def method(self: TracedList, *args: Any) -> Any:
        others = [list(x) if isinstance(x, TracedList) else x for x in args]
        return getattr(list(self), name)(*others)

    method.__name__ = name
    return method


for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    setattr(TracedList, _name, _reading(_name))


def _insertion(at: Extent, length: Extent) -> Extent:
    """Where an item goes that is inserted at an index: at an end, where there is no such place."""
    low, high = bounds(at)
    if low is not None and low >= 0:
        return minimum(at, length)
    if high is not None and high < 0:
        return maximum(length + at, 0)
    index: Any = as_tracer(at)
    n: Any = as_tracer(length)
    back, front = np.maximum(index + n, 0), np.minimum(index, n)
    return extent_of(Tracer(fit(np.where(index < 0, back, front), INDEX), "python"))


def rows_of(items: Any) -> tuple[Tracer, Slot] | None:
    """Numbers of one type as the rows of an array, with that type."""
    if isinstance(items, TracedList):
        rows = items.numbers()
        if rows is not None and items.store is not None:
            return rows, items.store.slot
        if items.is_stored():
            return None
    found = list(items)
    if len(found) < 2 or not any(isinstance(x, Tracer) for x in found):
        return None
    if not all(isinstance(x, (Tracer, float)) and not isinstance(x, Either) for x in found):
        return None
    slots = {slot_of(x) for x in found}
    (slot, *others) = slots
    if others or slot.form == "array" or slot.dtype.kind != "f":
        return None
    return dispatch.functions[np.array](found), slot


def ordered(rows: Tracer, keys: Tracer, backwards: bool) -> Tracer:
    """Rows in the order of their keys, equal ones in the order they have."""
    return rows[order_of([keys], backwards)]


def order_of(keys: Sequence[Tracer], backwards: bool) -> Any:
    """The places of rows in the order of their keys, the first one first; equal ones in the order they have."""
    for key in keys:
        if key.dtype.kind == "f":
            no_nan = np.logical_not(np.any(np.isnan(key)))
            check(no_nan, "an order of numbers one of which is NaN")
    keys = [key[::-1] for key in keys] if backwards else keys
    order: Any = np.argsort(keys[-1], kind="stable")
    for key in keys[-2::-1]:
        order = order[np.argsort(key[order], kind="stable")]
    last: Any = as_tracer(keys[0].shape[0] - 1)
    return last - order[::-1] if backwards else order


def in_order(items: list[Any], backwards: bool) -> list[Any] | None:
    """Numbers of one type, or of two, in order; None where Python must compare them."""
    rows = rows_of(items)
    if rows is not None:
        return separate(ordered(rows[0], rows[0], backwards), rows[1])
    if len(items) < 2 or not any(isinstance(x, Tracer) for x in items):
        return None
    types: Types | None = None
    for x in items:
        kinds = kinds_of(x) if is_numeric(x) else None
        if kinds is None or any(kind.dtype.kind != "f" for kind in kinds):
            return None
        types = types_of(x) if types is None else types.widened(kinds)
        if types is None:
            return None
    if types is None or types.narrow is None or types.slot.form == "array":
        return None
    template = Typed(types)
    values, tags = zip(*map(template.parts_of, items), strict=True)
    keys = array_of(list(values), types.slot)
    is_narrow = ordered(array_of(list(tags), FLAG), keys, backwards)
    keys = ordered(keys, keys, backwards)
    return [template.of(keys[k].value, is_narrow[k].value) for k in range(len(items))]


def separate(rows: Tracer, slot: Slot) -> list[Any]:
    """The numbers of an array one by one."""
    count = rows.shape[0]
    assert isinstance(count, int)
    known = [Tracer(rows[k].value, "scalar") for k in range(count)]
    return [x.item() if slot.form == "python" else x for x in known]


def refuse_open_length(target: TracedList) -> None:
    """Lists of unknown length have no leaves that a derivative could be taken of."""
    if isinstance(target.extent, Dim):
        raise Declined("a list in the result whose length is known only when it runs")
