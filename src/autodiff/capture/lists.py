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
as before.  The items that were there before may be of a narrower kind (``xs = [0]``); the store
knows where they still are, and they are read in their own type.  Numbers whose type depends on the
path, ``max(0.0, x)``, go to two such lists: of values, and of bools that tell their type.

An array in a list is the array that was appended, not a copy.  The store holds copies, so from
then on neither the array nor the item may be stored into: where one is, the call is captured again
with arrays that are rows of a pool (:class:`~autodiff.capture.members.HeldArrays`).  Which array it is, a number beside
the copy tells where it matters (:mod:`autodiff.capture.numbering`).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np

from autodiff.capture import choices, contents
from autodiff.capture.kept import FEW, KeptList
from autodiff.capture.members import Members, member
from autodiff.capture.pools import refuse_new_length
from autodiff.capture.records import Ref, Typed, build, looks_like
from autodiff.capture.slots import Slot, Types, fit, is_numeric, slot_of, types_of
from autodiff.capture.stores import FLAG, INDEX, HeldMatter, Store, array_of, count_of
from autodiff.dims import Dim, Extent, bounds, maximum, minimum
from autodiff.ladder import Declined, NotStaged
from autodiff.ops import dispatch
from autodiff.ops.control import emit_check
from autodiff.ops.dispatch import extent_of
from autodiff.ops.either import Either, Kind, kinds_of
from autodiff.ops.known import check
from autodiff.ops.structural import broadcast
from autodiff.ops.tracer import Cell, StoredList, Tracer, as_tracer, emit_tracer
from autodiff.plain_data import dataclass
from autodiff.signals import run_users

MOST_COPIES = 64  # of a list in an array, by repetition

At: TypeAlias = Literal["end", "place", "any"]


@dataclass(frozen=True)
class Change:
    """A change of what a list holds, wherever it has its items.

    ``plain`` makes it in an ordinary list, ``stored`` in the store of one; None where no store can have it.  Both are
    given the new items too.
    """

    name: str
    plain: Callable[..., Any]
    stored: Callable[..., Any] | None = None
    at: At = "any"  # which of the items it concerns
    by_run: bool = False  # at a position that only the run knows
    resizes: bool = True
    by_column: bool = True  # whether columns can be changed one by one
    gives: bool = False  # whether an item is the result


def _is_record(x: Any) -> bool:
    """Whether it is a tuple of numbers and arrays."""
    return type(x) is tuple and bool(x) and all(map(is_numeric, x))


def _with(method: Callable[..., Any], first: Any, x: TracedList, *items: Any) -> Any:
    return method(x, first, *items)


class TracedList(KeptList):
    """A list made by captured code; see the module header."""

    __slots__ = ()

    # -- the door: every change of what the list holds goes through it ----------------------------
    def _change(self, change: Change, *items: Any) -> Any:
        """Change the items, wherever they are: as they are, in columns, or in a store."""
        self._refuse_frozen()
        if change.resizes:
            refuse_new_length(self, change.name)
        if self._is_plain_for(change):
            return change.plain(self, *items)
        if self.columns is not None:
            return self._change_columns(change, items)
        if self.store is None:
            return self._change_later(change, items)
        if change.at != "end" or not items:
            self.ask_for_room(f"{change.name} of")
        if change.stored is None or (self.is_here() and not all(map(self.can_hold, items))):
            return self._change_plainly(change, items)
        store = self.store  # which holds items of a wider type than that of before, perhaps
        can_be_stored = store.can_move if change.at == "any" else store.slot.form != "array"
        if not (can_be_stored or (items and change.at == "end")):
            for body in self.trace.rolling if store.changed is not None else ():
                body.reads_first = True  # after a pass or several, items of one type are left
            return self._change_plainly(change, items)
        values = [Tracer(self._fitting(item), "array") for item in items]
        return change.stored(self, store, *values)

    def _is_plain_for(self, change: Change) -> bool:
        """Whether the change is made as in any list."""
        if change.by_run:
            return False
        if change.at == "place":
            return self._is_plain()
        return self.is_free(change.at == "end")

    def _change_plainly(self, change: Change, items: Sequence[Any]) -> Any:
        """Make the change in an ordinary list, where the list can be one again."""
        self._settle(change.name)
        return change.plain(self, *items)

    def _change_columns(self, change: Change, items: Sequence[Any]) -> Any:
        """Make the change in each column, with its part of the items."""
        assert self.columns is not None and self.template is not None
        if isinstance(self.template, Typed) and self.is_here():
            self.template = self.template.of_any_value(items)
        for item in items:
            self._ask_for_pool_of(item)
        is_alike = all(looks_like(self.template, item) for item in items)
        if change.stored is None or not (change.by_column and is_alike):
            for item in () if self.is_here() or change.stored is None else items:
                if isinstance(self.template, Typed):
                    self._needs_types(item)
                if isinstance(item, StoredList) and item.is_stored():
                    self._split_anew()
            return self._change_plainly(change, items)
        parts = [list(self._numbers_of(item)) for item in items]
        new = [
            (column, slot_of(part))
            for found in parts
            for column, part in zip(self.columns, found, strict=True)
            if column.store is None and not self.is_here()
        ]
        if new:
            self.request_all(new)
        given = zip(*parts, strict=True) if parts else ((),) * len(self.columns)
        found = [
            column._change(change, *part) for column, part in zip(self.columns, given, strict=True)
        ]
        return build(self.template, iter(found), self) if change.gives else None

    def _ask_for_pool_of(self, item: Any) -> None:
        """Where the loop has made a pool for the items, and one is a member of an older one: have them be of that."""
        known, template = member(item), self.template
        if known is None or self.is_here() or not isinstance(template, Ref):
            return
        pool, is_new = template.pool, any(body.made_pool(self) for body in self.trace.rolling)
        if is_new and pool is not known[0] and isinstance(pool, Members):
            if pool.form == known[0].form:
                self.request(known[0])

    def _change_later(self, change: Change, items: Sequence[Any]) -> Any:
        """Ask the loop that is staged for a store to make the change in, where there is none yet."""
        if self.is_here() or change.stored is None:
            return self._change_plainly(change, items)
        for item in items:
            if isinstance(item, Either):
                self._needs_types(item)
            if self._is_split(item):
                if self._split(item):
                    return self._change(change, *items)
                raise NotStaged("a list of other things than numbers and arrays")
            self.request(slot_of(item))
        if self.can_store():
            if self.columns is not None:
                return self._change(change)
            self.request(None)
        return self._change_plainly(change, items)

    def make_room(self, store: Store) -> None:
        """Have room for one more item, or ask the loop that is staged to begin with more."""
        rows = store.rows
        if rows is not None:
            if self not in self.trace.rolling[-1].lists:
                self.ask_for_room("more loops for")
            if rows.next >= len(rows.values):
                store.wanted_rows = rows.next + 1
                self.request(store.slot)
        elif self.is_here():
            store.reserve(store.length + 1)
        elif not any(self in body.lists for body in self.trace.rolling):
            self.request(store.slot)

    def append(self, item: Any) -> None:
        """Put an item at the end."""
        self._change(APPEND, item)

    def extend(self, items: Iterable[Any]) -> None:
        """Append each of ``items``."""
        if self._is_plain():
            self._refuse_frozen()
            list.extend(self, items)
            return
        for item in list(items):
            self.append(item)

    def __iadd__(self, items: Iterable[Any]) -> TracedList:  # type: ignore[misc]
        self.extend(items)
        return self

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Take an item out."""
        is_last = isinstance(index, int) and index == -1

        def stored(x: TracedList, store: Store) -> Any:
            try:
                item = x._item(index)
            except IndexError:
                empty = isinstance(store.length, int) and store.length == 0
                raise IndexError(
                    "pop from empty list" if empty else "pop index out of range"
                ) from None
            store.take(None if is_last else store.position(index))
            return item

        at: At = "end" if is_last else "any"
        plain = functools.partial(_with, list.pop, index)
        return self._change(Change("pop", plain, stored, at, isinstance(index, Tracer), gives=True))

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            self._change(Change("del", functools.partial(_with, list.__delitem__, index)))
            return
        try:
            self.pop(index)
        except IndexError:
            raise IndexError("list assignment index out of range") from None

    def insert(self, index: SupportsIndex, item: Any) -> None:
        """Put an item before a position."""

        def stored(x: TracedList, store: Store, value: Tracer) -> None:
            at = _insertion(extent_of(index), store.length)
            x.make_room(store)
            store.insert(at, value)

        plain = functools.partial(_with, list.insert, index)
        self._change(Change("insert", plain, stored, by_run=isinstance(index, Tracer)), item)

    def sort(self, *, key: Any = None, reverse: Any = False) -> None:
        """Put the items in order."""

        def plain(x: TracedList) -> None:
            items = in_order(list(x), reverse) if is_told else None
            if items is None:
                list.sort(x, key=key, reverse=reverse)
            else:
                list.__setitem__(x, slice(None), items)

        def stored(_: TracedList, store: Store) -> None:
            rows = store.rows_up_to(store.length)
            store.have(ordered(rows, rows, reverse))

        is_told = key is None and isinstance(reverse, bool)
        change = Change("sort", plain, stored if is_told else None, resizes=False, by_column=False)
        self._change(change)

    def put_in_order(self, items: list[Any]) -> None:
        """Have the items in this order, which somebody has found."""
        plain = functools.partial(_with, list.__setitem__, slice(None))
        self._change(Change("sort", lambda x: plain(x, items), resizes=False, by_column=False))

    def reverse(self) -> None:
        """Turn the order round."""
        self._change(REVERSE)

    def clear(self) -> None:
        """Take all items out."""
        self._change(CLEAR)

    def remove(self, item: Any) -> None:
        """Take the first item out that equals ``item``."""

        def stored(x: TracedList, store: Store) -> None:
            store.take(extent_of(x.index(item)))

        can_store = is_numeric(item) and not isinstance(item, Either)
        plain = functools.partial(_with, list.remove, item)
        self._change(Change("remove", plain, stored if can_store else None, by_column=False))

    def __imul__(self, times: Any) -> TracedList:
        plain = functools.partial(_with, list.__imul__, operator.index(times))
        self._change(Change("repetition", plain))
        return self

    def reorder(self, columns: Sequence[Tracer]) -> None:
        """Have the same items in another order."""
        self._refuse_frozen()
        for part, rows in zip(self.parts(), columns, strict=True):
            assert part.store is not None
            part.store.have(rows)

    def __setitem__(self, index: Any, item: Any) -> None:
        if isinstance(index, slice):
            plain = functools.partial(_with, list.__setitem__, index)
            self._change(Change("a store", lambda x: plain(x, item)))
            return
        self._refuse_frozen()
        self._ask_for_types(item)
        if self.columns is None and not self.is_here():
            if self.store is None and self._set_part(index, item):
                return
            is_array = self.store is not None and self.store.slot.form == "array"
            if is_array and not self.trace.holds_arrays:
                raise HeldMatter("another array in the place of one in a list")

        def stored(_: TracedList, store: Store, value: Tracer) -> None:
            store.put(store.position(index), value)

        plain = functools.partial(_with, list.__setitem__, index)
        self._change(Change("a store", plain, stored, "place", resizes=False), item)

    def _is_plain(self) -> bool:
        return self.columns is None and self.store is None and self.is_here()

    def _set_part(self, index: Any, item: Any) -> bool:
        """Store into one of the items that a region has as variables; False where an array has to hold them."""
        if isinstance(item, StoredList):
            self._ask_for_rows(item)
        few = self._is_few(item)
        if not (few or is_numeric(item)) or not len(self):
            raise NotStaged("a change of a list inside of a branch or loop")
        # What a region has changed as variables stays variables until its end.
        parts = self.trace.parts
        if isinstance(index, int) and (few or parts.holds_changed(self)):
            known = index % list.__len__(self) if -len(self) <= index < len(self) else index
            if parts.save(self, known):
                list.__setitem__(self, known, item)
                return True
        if not is_numeric(item):
            raise NotStaged("a change of a list of objects at a place that only the run knows")
        return False

    def _is_few(self, item: Any) -> bool:
        """Whether the items are variables of their own, rather than the rows of one array or pool."""
        items = [item, *self._plain_items()]
        if len(items) > 1 + FEW:
            return False
        if all(choices.is_object(self.trace, x) or _is_record(x) for x in items):
            return True
        return all(is_numeric(x) for x in items) and (
            any(slot_of(x).form == "array" for x in items) or len({slot_of(x) for x in items}) > 1
        )

    def __getitem__(self, index: Any) -> Any:
        if self.store is None and self.columns is None:
            if isinstance(index, Tracer) and not self.is_here() and self.can_store():
                if self.columns is not None:
                    return self[index]
                self.request(None)
            result = list.__getitem__(self, index)
            return self._new(result) if isinstance(index, slice) else result
        if isinstance(index, slice):
            return self._part(index)
        return self._item(index) if self.columns is None else self._record(index)

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
            typed = self.typed() if isinstance(self.extent, Dim) else None
            if typed is None:
                return self._new(list(self)[index])
            template, *columns = typed
            made = self._new(())
            made.have_columns(template, (self.store.slot, FLAG), [x[index] for x in columns])
            return made
        return self.with_rows(x[index])

    def _new(self, items: Iterable[Any]) -> TracedList:
        made: TracedList = self.trace.fresh(TracedList(items, self.trace))
        return made

    def is_elsewhere(self) -> bool:
        """Whether no item is in the list itself."""
        return self.columns is not None or self.store is not None

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
            yield self[k]
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
        joined = contents.joined(self, other if type(other) is TracedList else self._new(other))
        return self._new(list(self) + list(other)) if joined is None else joined

    def __radd__(self, other: Any) -> Any:
        return self._new(other) + self if isinstance(other, list) else NotImplemented

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
        new._keep(Store(Cell(content.value), Cell(count_of(n)), slot, repeated=repeated))
        return new

    def kinds(self) -> list[Kind] | None:
        """The types of the numbers that it holds, the widest first; None of what else it may hold."""
        return contents.kinds_of_numbers(self)

    def in_types(self, template: Typed) -> list[Tracer]:
        """The numbers in the wide type, and which of them are of the narrow one."""
        return contents.typed(self, template)

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


def is_stored(x: Any) -> bool:
    """Whether ``x`` is a list whose items are in an array of the program."""
    return isinstance(x, StoredList) and x.is_stored()


def _pushed(x: TracedList, store: Store, value: Tracer) -> None:
    x.make_room(store)
    store.push(value)


def _reversed(_: TracedList, store: Store) -> None:
    store.have(store.rows_up_to(store.length)[::-1])


APPEND = Change("append", list.append, _pushed, "end")
REVERSE = Change("reverse", list.reverse, _reversed, resizes=False)
CLEAR = Change("clear", list.clear, lambda _, store: store.clear(), "end")


def _reading(name: str) -> Callable[..., Any]:
    def method(self: TracedList, *args: Any) -> Any:
        for x in args:
            kind = getattr(x, "python_type", type(x))
            if {kind, self.python_type} == {list, tuple}:  # which have no order
                run_users(getattr(operator, name), self.python_type(), kind())
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
