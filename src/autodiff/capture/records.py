"""What the items of a list look like that are tuples or lists: a template, and one column a number.

    xs.append((k, [x, y]))        template (number, [number, number]), columns: ks, xs, ys

A list of such items keeps its numbers in columns, which are lists of numbers as ``lists`` has them;
an item is put together when it is read.  Tuples do not change, so nobody can tell.  Of a list that
is an item only a copy is kept: from then on it may not change, nor may what is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.regions import Slot, is_numeric
from autodiff.dims import Extent, same
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, emit_tracer

if TYPE_CHECKING:
    from autodiff.capture.lists import TracedList


@dataclass(frozen=True)
class Number:
    """A number or an array."""


@dataclass(frozen=True)
class Several:
    """A tuple, a named tuple or a list of parts."""

    cls: type
    parts: tuple[Template, ...]

    def make(self, items: Sequence[Any]) -> Any:
        """The tuple of these items."""
        return self.cls(*items) if hasattr(self.cls, "_fields") else self.cls(items)


@dataclass(frozen=True)
class Rows:
    """A list whose items are in a store: an array of so many rows."""

    length: Extent
    slot: Slot

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Rows) and self.slot == other.slot and same(self.length, other.length)
        )

    __hash__ = None  # type: ignore[assignment]


Template = Number | Several | Rows


def template_of(item: Any) -> Template | None:
    """What an item looks like; None where no columns can hold it."""
    from autodiff.capture.lists import TracedList

    if is_numeric(item):
        return Number()
    if isinstance(item, TracedList):
        if item.columns is not None:
            return None
        if item.store is not None:
            return None if item.store.rows is not None else Rows(item.extent, item.store.slot)
        cls: type = list
    elif type(item) is tuple or (isinstance(item, tuple) and hasattr(item, "_fields")):
        cls = type(item)
    else:
        return None
    parts = [template_of(part) for part in item]
    if not parts or any(part is None for part in parts):
        return None
    return Several(cls, tuple([part for part in parts if part is not None]))


def has_lists(template: Template) -> bool:
    """Whether an item is or holds a list, which could change."""
    if isinstance(template, Several):
        return template.cls is list or any(has_lists(part) for part in template.parts)
    return isinstance(template, Rows)


def numbers(template: Template, item: Any) -> Iterator[Any]:
    """The numbers of an item that looks like the template, in order."""
    if isinstance(template, Several):
        for part, inner in zip(template.parts, item, strict=True):
            yield from numbers(part, inner)
    elif isinstance(template, Rows):
        yield item.whole()
    else:
        yield item


def freeze_lists(item: Any) -> None:
    """Have the lists that an item is made of refuse to change."""
    from autodiff.capture.lists import TracedList

    if isinstance(item, TracedList):
        item.frozen = True
    if isinstance(item, (tuple, TracedList)) and not (
        isinstance(item, TracedList) and item.store is not None
    ):
        for part in item:
            freeze_lists(part)


def build(template: Template, found: Iterator[Any], home: TracedList) -> Any:
    """The item made of numbers."""
    if isinstance(template, Several):
        items = [build(part, found, home) for part in template.parts]
        return home.frozen_list(items) if template.cls is list else template.make(items)
    if isinstance(template, Rows):
        return home.frozen_rows(next(found), template.slot)
    return next(found)


def as_array(template: Template, columns: Iterator[Tracer]) -> Tracer | None:
    """All items as one array, as ``np.array`` makes it; None where their parts differ in shape."""
    if not isinstance(template, Several):
        return next(columns)
    parts = [as_array(part, columns) for part in template.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    shape = known[0].shape
    for part in known[1:]:
        if len(part.shape) != len(shape) or not all(map(same, part.shape, shape)):
            return None
    dtype = np.result_type(*[part.dtype for part in known])
    rows = [
        reshape(part if part.dtype == dtype else part.astype(dtype), (shape[0], 1, *shape[1:]))
        for part in known
    ]
    joined: Tracer = emit_tracer("concatenate", *rows, axis=1) if len(rows) > 1 else rows[0]
    return Tracer(joined.value, "array")


@dataclass(frozen=True)
class RecordPlan:
    """How a list of tuples or lists in the result is made of the lists that its columns are."""

    template: Template
    columns: tuple[Any, ...]  # plans of lists, with ``build``

    def build(self, outputs: Any) -> list[Any]:
        """The list."""
        columns = [column.build(outputs) for column in self.columns]
        return [_plain(self.template, iter(row)) for row in zip(*columns, strict=True)]


def _plain(template: Template, found: Iterator[Any]) -> Any:
    if isinstance(template, Several):
        return template.make([_plain(part, found) for part in template.parts])
    if isinstance(template, Rows):
        row = next(found)
        if template.slot.form == "python":
            return row.tolist()
        return list(row) if template.slot.form == "scalar" else [np.array(x) for x in row]
    return next(found)


__all__ = [
    "Number", "RecordPlan", "Rows", "Several", "Template", "as_array", "build", "freeze_lists",
    "has_lists", "numbers", "template_of",
]  # fmt: skip
