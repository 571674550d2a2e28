"""Lists by their contents: what a loop carries of a list that it binds anew in every iteration.

    for x in xs:                            carry  float64[n], the numbers of ``row``
        row = [x * t for t in row]

Whoever has nothing but a list that nobody else has can tell it from another one by its items alone.  So a loop carries
these, as arrays without an identity of their own, and a pass begins with a list made anew of them.  Numbers of two types
are two arrays, values and which type each is of, as in lists that loops fill (:mod:`autodiff.capture.records`).

Of a list of lists, which are rows of a pool, or of objects, which are members of one, these are carried as well where each pass
makes a pool anew:

    new = [row[:] for row in grid]; …       carry  int64[n], which rows the items are, and float64[n, k], the rows
    grid = new
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.capture.records import Ref, Template, Typed
from autodiff.capture.slots import Slot, Types, is_numeric
from autodiff.capture.stores import FLAG, array_of
from autodiff.ladder import NotStaged
from autodiff.ops.builder import asks
from autodiff.ops.dispatch import cast
from autodiff.ops.either import Kind, kinds_of, union
from autodiff.ops.structural import broadcast
from autodiff.ops.tracer import StoredList, Tracer, as_tracer, emit_tracer
from autodiff.plain_data import dataclass

MOST_SINGLE = 8  # numbers of a list that a loop carries one by one, if nothing has them in an array


@dataclass(frozen=True)
class Layout:
    """How a list keeps its items: what an item looks like, and the types of the columns."""

    cls: type
    template: Template | None  # None: the items are the numbers of the one column
    slots: tuple[Slot, ...]
    rows: Any = None  # what the rows or members are that are carried with it (``pool.layout``)


@asks
def layout_of(x: Any) -> Layout | None:
    """How a list keeps its items, if all of them are in arrays as they are."""
    kept: Any = x
    if not isinstance(x, StoredList) or x.python_type is not list:
        return None
    if kept.row is not None or not kept.is_even():
        return None
    slots = []
    for part in kept.parts():
        store = part.store
        assert store is not None
        if store.changed is not None or store.rows is not None or store.slot.form == "array":
            return None
        slots.append(store.slot)
    return Layout(type(x), kept.template if kept.columns is not None else None, tuple(slots))


@asks
def _with_rows(x: Any) -> Layout | None:
    """How a list of rows or members keeps its items and these; None of any other list."""
    layout = layout_of(x)
    if layout is None or not isinstance(x.template, Ref) or not x.template.pool.can_be_own:
        return None
    slots = []
    for part in x.template.pool.lists():
        store = part.store
        if store is None or store.rows is not None or store.changed is not None:
            return None
        slots.append(Slot(store.slot.dtype, store.slot.shape, "array"))
    return Layout(layout.cls, None, (*layout.slots, *slots), x.template.pool.layout())


def has_own_rows(x: Any) -> bool:
    """Whether the rows that are the items of a list are items of no other one, and are carried with it."""
    return isinstance(x, StoredList) and isinstance(x.template, Ref) and x.template.pool.is_own


@asks
def carried_layout(x: Any) -> Layout | None:
    """How a loop carries a list by its contents: with its rows, if these are its own."""
    return _with_rows(x) if has_own_rows(x) else layout_of(x)


def carried_columns(x: Any) -> list[Tracer]:
    """What a loop carries of a list: the numbers of each column, and its own rows."""
    return [*columns_of(x), *(_rows_of(x) if has_own_rows(x) else [])]


def _rows_of(x: Any) -> list[Tracer]:
    lists = x.template.pool.lists()
    return [Tracer(one.store.rows_up_to(one.extent).value, "scalar") for one in lists]


def with_carried(like: Any, columns: Sequence[Any]) -> Any:
    """A new list like another one, of what a loop carries."""
    layout = carried_layout(like)
    assert layout is not None
    return _list_of(like, layout, columns)


@asks
def carried_joint(x: Any, other: Any) -> Layout | None:
    """How a loop carries a list that is one of these at the start of a pass, the other one at its end."""
    first, second = _with_rows(x), _with_rows(other)
    if first is not None and second is not None and x.template.pool is not other.template.pool:
        return first if first == second else None
    if has_own_rows(x):  # which items that are lists of their own are not
        return None if second is None else carried_layout(x)
    return joint(x, other)


def carried_together(x: Any, other: Any) -> Any:
    """The list as a loop carries it that may be the other one in another pass; None where it cannot."""
    layout = carried_joint(x, other)
    if layout is None or layout.rows is None:
        return None if layout is None else together(x, other)
    return x if has_own_rows(x) else own_rows(x)


def own_rows(x: Any) -> Any:
    """A copy of a list of rows that has its rows to itself; None where they cannot be had."""
    layout = _with_rows(x)
    return None if layout is None else _list_of(x, layout, [*columns_of(x), *_rows_of(x)])


def template_as_left(x: Any) -> Any:
    """What the items of a list are when the region ends: its own rows go on holding what they do now.

    Of two lists that have the rows of one pool then, what they have is one pool again.
    """
    if not has_own_rows(x):
        return x.template
    pool, known = x.template.pool, x.trace.left_pools
    if any(part.store is None for part in pool.lists()):
        raise NotStaged("items of several types in objects that a loop keeps in a list")
    now = tuple([part.store.buffer.value for part in pool.lists()])
    made = next((made for of, then, made in known if of is pool and then == now), None)
    if made is None:
        made = pool.of_lists([part.as_left() for part in pool.lists()])
        known.append((pool, now, made))
    return Ref(made)


def columns_of(x: Any) -> list[Tracer]:
    """The numbers of each column, as they are now, as a value that is no array of the user's."""
    whole = [part.store.rows_up_to(x.extent) for part in x.parts() if part.store is not None]
    return [Tracer(column.value, "scalar") for column in whole]


def with_columns(like: Any, columns: Sequence[Any]) -> Any:
    """A new list in the layout of another one."""
    layout = layout_of(like)
    assert layout is not None
    return _list_of(like, layout, columns)


def _list_of(home: Any, layout: Layout, columns: Sequence[Any]) -> Any:
    made = home._new(())
    made.frozen = home.frozen
    if layout.rows is not None:
        pool, kept = home.template.pool, []
        for one, column in zip(pool.lists(), columns[1:], strict=True):
            kept.append(home._new(()))
            kept[-1].fill(as_tracer(column), one.store.slot)
        pool = pool.of_lists(kept)
        made.have_columns(Ref(pool), layout.slots[:1], columns[:1])
    elif layout.template is None:
        made.fill(as_tracer(columns[0]), layout.slots[0])
    else:
        made.have_columns(layout.template, layout.slots, columns)
    return home.trace.fresh(made)


def is_long(x: Any) -> bool:
    """Whether a list has so many items that a loop does not carry them one by one."""
    return isinstance(x, StoredList) and (x.is_stored() or list.__len__(x) > MOST_SINGLE)


@asks
def joint(x: Any, other: Any) -> Layout | None:
    """How one list would keep its items, if it could hold those of the other one as well; None where nothing holds both."""
    first = layout_of(x)
    if first is not None and first == layout_of(other):
        return first
    if x.row is not None or x.python_type is not list or other.python_type is not list:
        return None  # a tuple that is one array is the user's own
    mine, others = kinds_of_numbers(x), kinds_of_numbers(other)
    kinds = None if mine is None or others is None else union(mine, others)
    if mine is None or kinds is None:
        return None
    slot = Slot(kinds[0].dtype, (), kinds[0].form)
    template = Typed(Types(slot, kinds[1])) if len(kinds) == 2 else None
    return Layout(type(x), template, (slot,) if template is None else (slot, FLAG))


def together(x: Any, other: Any) -> Any:
    """The list, with its items in arrays that could hold those of the other one as well; itself where that is so.

    None where nothing holds both.
    """
    layout = joint(x, other)
    if layout is None or layout == layout_of(x):
        return None if layout is None else x
    types = layout.template
    columns = typed(x, types) if isinstance(types, Typed) else [_values(x, layout.slots[0])]
    return _list_of(x, layout, columns)


def joined(x: Any, other: Any) -> Any:
    """The items of two lists of numbers, one of which is in arrays, of types that both hold; None of others."""
    if not (x.is_stored() or other.is_stored()):
        return None
    x, other = (y if y.row is None else y.copy() for y in (x, other))
    first, second = together(x, other), together(other, x)
    if first is None or second is None or layout_of(first) != layout_of(second):
        return None
    pairs = zip(columns_of(first), columns_of(second), strict=True)
    made = with_columns(first, [emit_tracer("concatenate", *pair, axis=0) for pair in pairs])
    made.frozen = False
    return made


@asks
def kinds_of_numbers(x: Any) -> list[Kind] | None:
    """The types of the numbers in a list, the widest first; None of what else it may hold."""
    if x.columns is not None:
        return x.template.types.kinds() if isinstance(x.template, Typed) and x.is_even() else None
    store = x.store
    if store is None:
        return _kinds_of_items(list(list.__iter__(x)))
    if store.rows is not None or store.slot.form == "array" or x.row is not None:
        return None
    if store.repeated is not None and store.repeated[2] is store.buffer.value:
        return kinds_of(store.repeated[0])
    types = store.types()
    return None if types is None else types.kinds()


def _kinds_of_items(items: Sequence[Any]) -> list[Kind] | None:
    found: list[Kind] | None = None
    for item in items:
        kinds = kinds_of(item) if is_numeric(item) else None
        if kinds is None or kinds[0].form == "array":
            return None
        found = kinds if found is None else union(found, kinds)
        if found is None:
            return None
    return found


def _values(x: Any, slot: Slot) -> Tracer:
    """The numbers of a list, which are of one type."""
    if x.store is None:
        return array_of(list(list.__iter__(x)), slot)
    return x.store.rows_up_to(x.extent)


def typed(x: Any, template: Typed) -> list[Tracer]:
    """The numbers of a list in the wide type, and which of them are of the narrow one."""
    slot = template.types.slot
    if x.store is None and x.columns is None:
        pairs = [template.parts_of(item) for item in list.__iter__(x)]
        return [
            array_of([value for value, _ in pairs], slot),
            array_of([tag for _, tag in pairs], FLAG),
        ]
    known = x.typed()
    if known is not None:
        swapped = not known[0].narrow.is_type(template.narrow)
        tags: Any = np.logical_not(known[2]) if swapped else known[2]
        return [cast(known[1], slot.dtype), Tracer(tags.value, "array")]
    assert x.store is not None
    values = x.store.rows_up_to(x.extent)
    length = values.shape[0]
    own = Kind(x.store.slot.dtype, x.store.slot.form)
    is_narrow = as_tracer(own.is_type(template.narrow))
    return [cast(values, slot.dtype), broadcast(is_narrow, (length,), ())]


__all__ = [
    "Layout",
    "carried_columns",
    "carried_joint",
    "carried_layout",
    "carried_together",
    "columns_of",
    "has_own_rows",
    "is_long",
    "joined",
    "joint",
    "kinds_of_numbers",
    "layout_of",
    "own_rows",
    "together",
    "typed",
    "with_carried",
    "with_columns",
]
