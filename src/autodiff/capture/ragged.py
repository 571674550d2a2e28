"""Lists from outside of arrays of different lengths: one loop goes through all, over one array and where each begins.

    for g in groups:                  flat: float64[n], starts: int64[m], sizes: int64[m]
        s += np.var(g)          =>    for k in range(m): s += np.var(flat[starts[k] : starts[k] + sizes[k]])

The items are copies, made where the list is first gone through, so nobody may see it: they are items of a list to whatever asks
which array one is or stores into one (``Cell.listed``), and copies of an argument to what the function gives back or keeps
(``given``).  Where it shows, the function is captured once more, with the arrays one by one.

Not here: arrays that the function makes or changes, of other dtypes or numbers of axes, fewer than ``tables.FEWEST``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autodiff.capture.stores import INDEX, count_of, place
from autodiff.dims import Dim, Extent, maximum, minimum, same, same_shape
from autodiff.ladder import NotStaged
from autodiff.ops.known import extent_of
from autodiff.ops.structural import reshape, slice_of
from autodiff.ops.tracer import Cell, Tracer, emit_tracer
from autodiff.plain_data import dataclass
from autodiff.tables import FEWEST

if TYPE_CHECKING:
    from autodiff.capture.trace import Trace


@dataclass(frozen=True, eq=False)
class Ragged:
    """Arrays of a list one after the other, and where each of them lies."""

    source: Sequence[Any]
    items: tuple[Tracer, ...]
    flat: Tracer
    starts: Tracer
    sizes: Tracer
    least: Extent
    most: Extent
    is_ragged: ClassVar = True  # so what needs a size to be known has the arrays one by one

    def at(self, index: Any) -> Any:
        """The array at a position: itself, or what stands for it."""
        if not isinstance(index, Tracer):
            return _items(self.source)[index]
        if not self.is_as_it_was():
            raise NotStaged("a loop over a list of arrays that the loop changes")
        start, size = (_item(column, index) for column in (self.starts, self.sizes))
        size = minimum(maximum(size, self.least), self.most)
        rest = self.flat.shape[1:]
        n = len(rest)
        found = slice_of(self.flat, (start, *(0,) * n), (size, *rest), (1,) * (n + 1))
        made = Tracer(found.value, "array")
        made.cell.listed = True
        return made

    def is_as_it_was(self) -> bool:
        """Whether the list still has these arrays."""
        now = _items(self.source)
        return len(now) == len(self.items) and all(map(operator.is_, now, self.items))


def _items(source: Sequence[Any]) -> Sequence[Any]:
    """What a list holds, without asking it."""
    return tuple(list.__iter__(source)) if isinstance(source, list) else source


def _item(column: Tracer, index: Tracer) -> Extent:
    at = extent_of(index)
    found = slice_of(Tracer(column.value, "array"), *place(at, INDEX))
    return extent_of(Tracer(found.value, "python"))


def _column(numbers: Sequence[Extent]) -> Tracer:
    """Sizes as an array."""
    if not any(isinstance(n, Dim) for n in numbers):
        return Tracer.constant(np.array(numbers, np.int64))
    rows = [reshape(Tracer(count_of(n), "array"), (1,)) for n in numbers]
    joined: Tracer = emit_tracer("concatenate", *rows, axis=0)
    return joined


def ragged_of(trace: Trace, source: Any) -> Ragged | None:
    """The arrays that a loop goes through, if they are arguments or from outside, unchanged, and differ in their lengths."""
    if not _may_be(trace, source):
        return None
    items = tuple(_items(source))
    key = f"arrays of the list {id(source)}"
    known: Any = trace.gathered.get(key)
    if known is not None and known.is_as_it_was() and trace.builder.is_open(known.flat.cell.block):
        return known
    if not _are_alike(trace, items):
        return None
    extents = [x.shape[0] for x in items]
    if all(same(n, extents[0]) for n in extents):
        return None
    flat = emit_tracer("concatenate", *[Tracer(x.value) for x in items], axis=0)
    flat = Tracer(flat.value, "array")
    starts: list[Extent] = [0]
    for n in extents[:-1]:
        starts.append(starts[-1] + n)
    least, most = extents[0], extents[0]
    for n in extents[1:]:
        least, most = minimum(least, n), maximum(most, n)
    found = Ragged(source, items, flat, _column(starts), _column(extents), least, most)
    trace.gathered[key] = found
    trace.copied[Cell(flat.value)] = None
    return found


def _are_alike(trace: Trace, items: Sequence[Any]) -> bool:
    """Whether all are arrays of one dtype and number of axes, as they were given."""
    cells = {id(record.cell) for record in trace.inputs}
    for x in items:
        if type(x) is not Tracer or x.form != "array" or not x.shape or x.path:
            return False
        if id(x.cell) not in cells or x.cell.version or x.cell.listed:
            return False
        if x.dtype != items[0].dtype or not same_shape(x.shape[1:], items[0].shape[1:]):
            return False
    return True


def _may_be(trace: Trace, source: Any) -> bool:
    """Whether the items of a list may be copies in this attempt."""
    if not trace.tier.rolls or not trace.gathers or len(_items(source)) < FEWEST:
        return False
    if getattr(source, "store", None) is not None or getattr(source, "columns", None) is not None:
        return False
    if trace.naming is not None and (trace.naming.paths or trace.naming.objects):
        return False
    return not (trace.distinguish_arrays or trace.holds_arrays or trace.numbering.is_carried)


__all__ = ["Ragged", "ragged_of"]
