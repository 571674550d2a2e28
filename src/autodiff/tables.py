"""Lists of records among the arguments: one array for each number that a record has.

    [{"t": 0.0, "y": 1.5}, {"t": 0.1, "y": 1.4}, …]      columns t: float64[n], y: float64[n]
    [(x0, np.array([…])), (x1, np.array([…])), …]         columns float64[n], float64[n, k]
    [[4.0, 1.0], [1.0, 3.0], …]                           one column, float64[n, 2]

A record is a tuple, a named tuple, a list of numbers, a dict, a dataclass or an array, and of records within it;
all of them have the same parts, of the same types.  To optree a table is a node with its columns as
children, so what is made of the columns (a derivative, say) is a list of records again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.plain_data import dataclass

FEWEST = 8  # records that make a table
LARGEST = 1 << 20  # numbers in a column of arrays: more are not copied
LARGEST_INT = 2**62


@dataclass(frozen=True)
class Scalar:
    """A number of a type: ``float``, ``int``, ``bool`` or ``np.float64``."""

    kind: type


@dataclass(frozen=True)
class Array:
    """An array in C order."""

    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Numbers:
    """A list of numbers of one type."""

    kind: type


@dataclass(frozen=True)
class Fixed:
    """A string or None, the same in all records."""

    value: str | None


@dataclass(frozen=True)
class Record:
    """A tuple, named tuple, dict or dataclass: its class, the names of its parts, and what they are."""

    cls: type
    names: tuple[Any, ...]
    parts: tuple[Part, ...]

    def make(self, items: Sequence[Any]) -> Any:
        """The record of these parts."""
        if self.cls is tuple:
            return tuple(items)
        if self.cls is dict:
            return dict(zip(self.names, items, strict=True))
        if issubclass(self.cls, tuple):
            return containers.tuple_of(self.cls, items)
        # Not through __init__, which may compute or check with values that are traced here.
        made = containers.new_instance(self.cls)
        containers.set_attributes(made, dict(zip(self.names, items, strict=True)))
        return made


Part = Scalar | Array | Numbers | Fixed | Record
_DTYPES: dict[type, type] = {
    float: np.float64,
    np.float64: np.float64,
    int: np.int64,
    bool: np.bool_,
}


@dataclass(frozen=True)
class Layout:
    """What a list or tuple of records looks like."""

    cls: type
    part: Part


@dataclass(frozen=True)
class Column:
    """One of the floats that each record of a layout has, to be read of the records one by one."""

    layout: Layout
    number: int

    @property
    def record(self) -> Record:
        """What each row is."""
        part = self.layout.part
        assert isinstance(part, Record)
        return part


def columns_of(layout: Layout) -> list[Column]:
    """The columns, where each record is a tuple, dict or dataclass of floats; else none."""
    part = layout.part
    if not isinstance(part, Record) or Scalar(float) not in part.parts or len(set(part.parts)) > 1:
        return []
    if not issubclass(part.cls, tuple) and containers.slots_of(part.cls):
        return []
    return [Column(layout, number) for number in range(len(part.parts))]


class Table:
    """A list of records as its columns; :func:`records` is the list again."""

    __slots__ = ("columns", "layout")

    def __init__(self, layout: Layout, columns: Sequence[Any]) -> None:
        self.layout = layout
        self.columns = list(columns)


def table_of(obj: Any, kinds: str, fewest: int = FEWEST) -> Table | None:
    """The table that a list or tuple is, if it is one; ``kinds``: those of its columns' dtypes."""
    if type(obj) not in (list, tuple) or len(obj) < fewest:
        return None
    if type(obj[0]) in _DTYPES or len(obj[0] if hasattr(obj[0], "__len__") else ()) > LARGEST:
        return None
    columns: list[np.ndarray] = []
    part = _describe(obj, columns)
    if part is None or not columns or any(column.dtype.kind not in kinds for column in columns):
        return None
    return Table(Layout(type(obj), part), columns)


def _describe(items: Sequence[Any], columns: list[np.ndarray]) -> Part | None:
    """What all of some objects look like, and their columns; None where they differ."""
    kinds = set(map(type, items))
    if len(kinds) > 1:
        return None
    (kind,) = kinds
    if kind in _DTYPES:
        if kind is int and (max(items) >= LARGEST_INT or min(items) <= -LARGEST_INT):
            return None
        columns.append(np.array(items, _DTYPES[kind]))
        return Scalar(kind)
    first = items[0]
    if first is None or kind is str:
        return Fixed(first) if all(x == first for x in items) else None
    if kind is np.ndarray:
        return _describe_arrays(items, columns)
    if kind is list:
        return _describe_lists(items, columns)
    found = _names_of(kind, first)
    if found is None or not all(_names_of(kind, x) == found for x in items):
        return None
    if kind is dict:
        values: Iterator[Any] = ([x[name] for x in items] for name in found)
    elif issubclass(kind, tuple):
        values = zip(*map(tuple.__iter__, items), strict=True)
    else:
        values = ([containers.attribute_of(x, name) for x in items] for name in found)
    parts = []
    for column in values:
        part = _describe(column, columns)
        if part is None:
            return None
        parts.append(part)
    return Record(kind, found, tuple(parts))


def _names_of(kind: type, obj: Any) -> tuple[Any, ...] | None:
    """The names of a record's parts."""
    if kind is dict:
        return tuple(obj) if all(type(key) is str for key in obj) else None
    if kind is tuple:
        return tuple(range(len(obj)))
    if issubclass(kind, tuple):
        return getattr(kind, "_fields", None) if containers.is_plain_tuple(obj) else None
    if containers.is_record(obj) and containers.is_plain_record(kind):
        # What it holds besides its fields would not be in a record made anew.
        names = names_of_class(kind)
        held = tuple(containers.attributes_of(obj))  # slots come in an order of Python's own
        return (
            names
            if held == names or (containers.slots_of(kind) and set(held) == set(names))
            else None
        )
    return None


def names_of_class(cls: Any) -> tuple[str, ...]:
    """The names of a dataclass's fields."""
    return tuple([f.name for f in dataclasses.fields(cls)])


def _describe_arrays(items: Sequence[Any], columns: list[np.ndarray]) -> Part | None:
    first = items[0]
    alike = all(
        x.shape == first.shape and x.dtype == first.dtype and x.flags.c_contiguous for x in items
    )
    native = first.dtype.kind in "fiub" and first.dtype.itemsize <= 8 and first.dtype.isnative
    if not alike or not native or not first.ndim or first.size * len(items) > LARGEST:
        return None
    columns.append(np.array(items))
    return Array(first.dtype)


def _describe_lists(items: Sequence[Any], columns: list[np.ndarray]) -> Part | None:
    kinds = {type(x) for row in items for x in row}
    if len(kinds) != 1 or len(set(map(len, items))) != 1:
        return None
    (kind,) = kinds
    if kind not in (float, np.float64):
        return None  # ints and flags in a list are shapes, axes, indices
    columns.append(np.array(items, np.float64))
    return Numbers(kind)


def records(table: Table) -> list[Any] | tuple[Any, ...]:
    """The list or tuple of records that a table stands for."""
    columns = iter(table.columns)
    count = len(table.columns[0])
    return table.layout.cls(_items(table.layout.part, columns, count))


def _items(part: Part, columns: Iterator[Any], count: int) -> list[Any]:
    if isinstance(part, Scalar):
        column = next(columns)
        return list(column) if part.kind is np.float64 else np.asarray(column).tolist()
    if isinstance(part, Array):
        return [np.array(row) for row in next(columns)]
    if isinstance(part, Numbers):
        rows = next(columns)
        return [list(row) for row in rows] if part.kind is np.float64 else rows.tolist()
    if isinstance(part, Fixed):
        return [part.value] * count
    parts = [_items(p, columns, count) for p in part.parts]
    return [part.make(row) for row in zip(*parts, strict=True)]


def classes_of(part: Part) -> set[type]:
    """The classes of the objects in a record that can change."""
    if isinstance(part, Array):
        return {np.ndarray}
    if isinstance(part, Numbers):
        return {list}
    if not isinstance(part, Record):
        return set()
    own = set() if issubclass(part.cls, tuple) else {part.cls}
    return own.union(*map(classes_of, part.parts))


def names(layout: Layout) -> tuple[str, ...]:
    """How the columns are called, in order: ``[:]['t']``."""
    return tuple(_names(layout.part, "[:]"))


def _names(part: Part, text: str) -> Iterator[str]:
    if isinstance(part, Record):
        by_attribute = part.cls is not dict and part.cls is not tuple
        for name, inner in zip(part.names, part.parts, strict=True):
            yield from _names(inner, f"{text}.{name}" if by_attribute else f"{text}[{name!r}]")
    elif not isinstance(part, Fixed):
        yield text


_registered: list[bool] = []


def register(*namespaces: str) -> None:
    """Have optree know tables, in some namespaces."""
    if _registered:
        return
    import optree

    def flatten(table: Any) -> tuple[tuple[Any, ...], Layout, tuple[str, ...]]:
        return tuple(table.columns), table.layout, names(table.layout)

    def unflatten(layout: Any, children: Any) -> Any:
        table = Table(layout, children)
        # Of anything else than numbers it stays a table: tracers, plans.
        return records(table) if all(type(x) is np.ndarray for x in table.columns) else table

    cls: Any = Table  # which optree's annotations take for no container
    for namespace in namespaces:
        optree.register_pytree_node(cls, flatten, unflatten, namespace=namespace)
    _registered.append(True)


__all__ = ["FEWEST", "Array", "Fixed", "Layout", "Numbers", "Part", "Record", "Scalar", "Table"]
__all__ += ["classes_of", "names", "names_of_class", "records", "register", "table_of"]
