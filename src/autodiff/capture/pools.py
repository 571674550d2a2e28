"""Lists that are items of lists, and change: rows of one array, each known by its number.

    m = [row[:] for row in rows]        pool: float64[n, k], the rows that there are; m: int64[n], their numbers
    m[i], m[j] = m[j], m[i]             two stores of numbers
    m[i][j] = v                         a store into the pool, which every other name of the row sees

A *row* is a list whose store is a row of a pool.  Whichever lists hold it, and whatever variables, they hold its number:
so two of them are one list exactly where they are in plain Python, however a loop or branch has chosen.  Rows
have numbers of one type, all as many, and keep their length; a new one is put at the pool's end.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.capture.members import copy_of_members
from autodiff.capture.slots import Slot
from autodiff.capture.stores import FLAG, Store, array_of, count_of
from autodiff.dims import Extent, same
from autodiff.ir.data import Value
from autodiff.ladder import AmbiguousStore, Bail, NotStaged, Rung
from autodiff.ops.dispatch import extent_of
from autodiff.ops.either import Kind, union
from autodiff.ops.structural import slice_of, slice_update
from autodiff.ops.tracer import Cell, StoredList, Tracer, as_tracer
from autodiff.plain_data import dataclass

KEYS = "keys"  # what an attempt has to know: that dicts are Python's own
ROWS = "rows"  # what an attempt has to know: that items of lists which are lists may be shared, or change


def RowsMatter(reason: str) -> Bail:
    """It matters which list an item of a list is: a copy of its items does not do."""
    return Bail(Rung.LEARNT, reason, needs=(ROWS,))


@dataclass(frozen=True)
class TypesOfRows:
    """What an attempt has to know: that rows hold numbers of these types as well."""

    kinds: tuple[Kind, ...]


def TypesMatter(kinds: Sequence[Kind]) -> Bail:
    """A number of another type is stored into a row."""
    reason = "a store of a number of another type into a list that is an item of a list"
    return Bail(Rung.LEARNT, reason, needs=(TypesOfRows(tuple(kinds)),))


@dataclass(eq=False)
class Pool:
    """The rows that there are: a list of arrays that no code of the user's has.

    Of rows with numbers of two types a second pool tells which type each number is of.
    """

    rows: Any  # a list in a store
    slot: Slot  # of the numbers in a row
    length: Extent  # of a row
    template: Any = None  # of numbers of two types: what they are (``records.Typed``)
    tags: Pool | None = None
    is_own: bool = False  # whether the rows are items of one list alone, and are carried with it
    first: Kind | None = None  # what the numbers are of lists that become rows, all of them

    @property
    def block(self) -> Any:
        """Where it was made."""
        return self.rows.block

    @property
    def content(self) -> Tracer:
        """All rows, with room for those to come."""
        if self.rows.store.rows is not None:
            raise NotStaged("items of lists that change in a loop of unknown length")
        return Tracer(self.rows.store.buffer.value, "array")

    def whole(self, numbers: Tracer) -> Tracer | None:
        """The rows of some numbers as one array; None where NumPy would make another type of them."""
        types = None if self.template is None else self.template.types.slot.dtype
        if types is not None and types != np.result_type(*self.template.dtypes()):
            return None
        rows: Tracer = self.content[Tracer(numbers.value, "array")]
        return rows

    def row(self, number: Any) -> Any:
        """The row of a number."""
        made = self.rows._new(())
        self._be(made, number)
        return made

    def _be(self, item: Any, number: Any) -> None:
        """Have a list without items be the row of a number."""
        if self.tags is None:
            item.store = RowStore(self, number)
            return
        columns = []
        for pool in (self, self.tags):
            column = self.rows._new(())
            column.is_column, column.store = True, RowStore(pool, number)
            columns.append(column)
        item.store, item.template, item.columns = None, self.template, tuple(columns)

    def kinds(self) -> list[Kind]:
        """The types of the numbers in rows."""
        if self.template is None:
            return [Kind(self.slot.dtype, self.slot.form)]
        found: list[Kind] = self.template.types.kinds()
        return found

    def fits(self, item: Any) -> bool:
        """Whether a list is a row, or can become one."""
        known = row_of(item)
        if known is not None:
            return known.pool is self
        found = shape_of_row(item)
        if found is None or not same(found[1], self.length):
            return False
        return self.holds(found[0])

    def holds(self, kinds: Sequence[Kind]) -> bool:
        """Whether numbers of these types are numbers of rows."""
        return union(self.kinds(), kinds) == self.kinds()

    def number(self, item: Any) -> Any:
        """The number of a list, which becomes a row where it is none."""
        known = row_of(item)
        return self.take(item) if known is None else known.number

    def take(self, item: Any) -> Any:
        """Make a list a row, where it was made; its number."""
        item.trace.refuse_held(item)
        if not item.is_here():
            item.request(self)
        length = self.rows.extent
        number = length if isinstance(length, int) else Tracer(as_tracer(length).value, "python")
        self.note(item.kinds())
        pools = [self] if self.tags is None else [self, self.tags]
        for pool, content in zip(pools, contents(item, self.slot, self.template), strict=True):
            pool.rows.append(Tracer(content.value, "array"))
        self.take_as(item, number)
        return number

    def note(self, kinds: Sequence[Kind] | None) -> None:
        """Note what numbers a list has that becomes a row."""
        kind = kinds[0] if kinds and len(kinds) == 1 else Kind(self.slot.dtype, self.slot.form)
        self.first = kind if self.first is None else self.first.joined(kind)

    def take_as(self, item: Any, number: Any) -> None:
        """Have a list be the row of a number, which holds its items."""
        list.clear(item)
        self._be(item, number)

    @property
    def can_be_own(self) -> bool:
        """Whether they may be carried with the one list that has them."""
        return True

    def inner(self) -> list[Any]:
        """The pools of what rows hold: they hold numbers."""
        return []

    def holders(self) -> list[Any]:
        """The lists that rows are made of, which may have rows of other pools as items: none."""
        return []

    def lists(self) -> list[Any]:
        """The lists of arrays that rows are made of."""
        return [self.rows] if self.tags is None else [self.rows, self.tags.rows]

    def layout(self) -> tuple[Any, ...]:
        """What two pools have in common of which one can be in the place of the other."""
        return self.slot, self.length, self.template

    def of_lists(self, lists: Sequence[Any]) -> Pool:
        """A pool like this one of other rows, which are items of one list alone."""
        tags = None if self.tags is None else replace(self.tags, rows=lists[1])
        return replace(self, rows=lists[0], tags=tags, is_own=True, first=None)

    def copy(self) -> Pool:
        """A pool of copies of all rows."""
        tags = None if self.tags is None else self.tags.copy()
        return replace(self, rows=self.rows.copy(), tags=tags)


def contents(item: Any, slot: Slot, template: Any) -> list[Tracer]:
    """The numbers of a list that becomes a row; of two types, which type each is of as well."""
    if template is not None:
        found: list[Tracer] = item.in_types(template)
        return found
    if item.store is None:
        return [array_of(list(list.__iter__(item)), slot)]
    return [item.store.rows_up_to(item.extent)]


def make_pool(home: Any, wanted: Wanted, items: Sequence[Any], template: Any) -> Pool:
    """A pool of some lists, made where the list ``home`` was; ``template``: of numbers of two types."""
    for item in items:
        item.trace.refuse_held(item)
    kinds = [item.kinds() for item in items]
    columns = [contents(item, wanted.slot, template) for item in items]
    made = []
    for k, one in enumerate((wanted.slot,) if template is None else (wanted.slot, FLAG)):
        slot = Slot(one.dtype, (wanted.length,), "array")
        rows = home._new(())
        rows.block = home.block
        rows.fill(array_of([Tracer(found[k].value, "array") for found in columns], slot), slot)
        made.append(Pool(rows, one, wanted.length))
    pool = made[0]
    if template is not None:
        pool.template, pool.tags = template, made[1]
    for number, item in enumerate(items):
        pool.note(kinds[number])
        pool.take_as(item, number)
    return pool


def copy_of(x: Any, clones: dict[Any, tuple[Any, Any]]) -> Any:
    """``copy.deepcopy`` of a row, or of a list of rows: of a pool of its own; None of anything else.

    ``clones`` has the pools of one copy, so that what is one list before is one after it.
    """
    members = copy_of_members(x, clones)
    if members is not None:
        return members
    row, pool = row_of(x), pool_of(x)
    if pool is None:
        return None
    if pool not in clones:
        clones[pool] = (pool, pool.copy())
    clone: Pool = clones[pool][1]
    if row is not None:
        return clone.row(row.number)
    made = x.copy()
    made.template = replace(x.template, pool=clone)
    return made


class _Content:
    """What a row holds, where lists look for the storage of their items."""

    def __init__(self, pool: Pool, at: Extent) -> None:
        self.pool = pool
        self.place = ((at, 0), (None, pool.length), (1, 1))

    @property
    def value(self) -> Value:
        """The numbers of the row."""
        return slice_of(self.pool.content, *self.place).value

    def write(self, value: Value) -> None:
        """Give the row other numbers."""
        changed = slice_update(self.pool.content, Tracer(value, "array"), *self.place)
        self.pool.rows.store.buffer.write(changed.value)


class RowStore(Store):
    """The store of a row: the part of its pool that has the row's number."""

    def __init__(self, pool: Pool, number: Any) -> None:
        self.at = extent_of(number)
        content: Any = _Content(pool, self.at)
        super().__init__(content, Cell(count_of(pool.length)), pool.slot, [], None, None)
        self.pool = pool
        self.number = number  # an int, or a value of the program

    @property
    def length(self) -> Extent:
        """How many numbers a row has."""
        return self.pool.length

    @property
    def capacity(self) -> Extent:
        """As many as it has."""
        return self.pool.length

    def item(self, at: Extent) -> Tracer:
        """The number at a position."""
        return slice_of(self.pool.content, (self.at, at), (None, None), (1, 1))

    def put(self, at: Extent, value: Tracer) -> None:
        """Store a number."""
        changed = slice_update(self.pool.content, value, (self.at, at), (None, None), (1, 1))
        self.pool.rows.store.buffer.write(changed.value)


def row_of(x: Any) -> RowStore | None:
    """The row that a list is, if it is one."""
    return x.row if isinstance(x, StoredList) else None


def pool_of(x: Any) -> Pool | None:
    """The pool that a list is a row of, or that its items are."""
    row = row_of(x)
    if row is not None:
        return row.pool
    pool = getattr(x.template, "pool", None) if isinstance(x, StoredList) else None
    return pool if isinstance(pool, Pool) else None


def refuse_new_length(x: Any, what: str) -> None:
    """A row is about to change its length, or to hold what no row can.

    A loop that does it is unrolled; outside of it, so are those that fill the list.
    """
    row = row_of(x)
    if row is not None:
        reason = f"{what} of a list that is an item of a list"
        raise AmbiguousStore(reason) if row.pool.rows.is_here() else NotStaged(reason)


def shape_of_row(item: Any) -> tuple[list[Kind], Extent] | None:
    """The types of the numbers in a list, and how many there are, if it is a row or can become one."""
    if not isinstance(item, StoredList) or item.python_type is not list:
        return None
    kept: Any = item
    if item.row is not None:
        return item.row.pool.kinds(), item.row.pool.length
    if kept.frozen or id(item) in kept.trace.given:
        return None
    kinds = kept.kinds()
    return (kinds, kept.extent) if kinds else None


def _of_any_value(kinds: Sequence[Kind]) -> list[Kind]:
    """The types for numbers of any value, where the wide one holds all of these."""
    free = [Kind(kind.dtype, kind.form) for kind in kinds]
    return union(free[:1], free[1:]) or [*kinds]


@dataclass(frozen=True)
class Wanted:
    """What a list needs whose items are to be rows: of which types and length; the pool, if there is one."""

    kinds: tuple[Kind, ...]  # the widest first
    length: Extent
    pool: Pool | None

    @property
    def slot(self) -> Slot:
        """The type that holds the numbers."""
        return Slot(self.kinds[0].dtype, (), self.kinds[0].form)

    @staticmethod
    def by(items: Sequence[Any], also: Sequence[Kind] = ()) -> Wanted | None:
        """What lists need, with numbers of more types; None where they cannot be rows of one pool."""
        found = [shape_of_row(item) for item in items]
        first = found[0]
        kinds = None if first is None else first[0]
        for shape in found[1:]:
            if first is None or kinds is None or shape is None or not same(shape[1], first[1]):
                return None
            kinds = union(kinds, shape[0])
        if first is None or kinds is None:
            return None
        known = [row_of(item) for item in items]
        pools = {row.pool for row in known if row is not None}
        if len(pools) > 1:
            return None
        pool = next(iter(pools), None)
        if pool is None:
            kinds = _of_any_value((union(kinds, also) if also else None) or kinds)
        elif not pool.holds(kinds):
            return None
        return Wanted(tuple(kinds), first[1], pool)


@functools.lru_cache(64)
def stored_in_loops(function: ast.AST) -> frozenset[str]:
    """The names of which loops store into items of items: ``m[i][j] = x``."""
    loops = [n for n in ast.walk(function) if isinstance(n, (ast.For, ast.While))]
    stored = [
        n.value.value
        for loop in loops
        for n in ast.walk(loop)
        if isinstance(n, ast.Subscript)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Subscript)
    ]
    return frozenset([x.id for x in stored if isinstance(x, ast.Name)])


__all__ = [
    "ROWS",
    "Pool",
    "RowStore",
    "RowsMatter",
    "TypesMatter",
    "TypesOfRows",
    "Wanted",
    "copy_of",
    "make_pool",
    "pool_of",
    "refuse_new_length",
    "row_of",
    "stored_in_loops",
]
