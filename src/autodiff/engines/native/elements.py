"""One element of a value: loads, views as index arithmetic, pointwise operations.

    element(g, v, (i, j))     the Element v[i, j], computed where the loops that are open reach it

Indices are extents over loop indices, so that views compose by algebra: the element of
``x[1:][i]`` is ``x[i + 1]``.  A single index into a value of several axes is a position in C
order.  Everything is remembered by (value, indices): what two results of a nest have in common is
computed once.

Pieces (concatenate, slice_update, slice_add) choose by the range of the index where it decides,
and by a select otherwise, with the index moved into range for the side that is not taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.dims import Dim, Extent, bounds, maximum, minimum, same
from autodiff.engines.native.scalars import BOOL, Element
from autodiff.engines.native.storage import Buffer, linear, unflatten
from autodiff.engines.native.writer import LoopIndex, extent_key, literal
from autodiff.ir.data import Operation, Value
from autodiff.ops.entries import ENTRIES, Pointwise

if TYPE_CHECKING:
    from autodiff.engines.native.generator import Generator

Indices = tuple[Extent, ...]
_INT64 = np.dtype(np.int64)


def element(g: Generator, value: Value, indices: Indices) -> Element:
    """The element of ``value`` at ``indices`` (or at a position, given one index)."""
    key = (value, tuple([extent_key(i) for i in indices]))
    found = g.w.recall(key)
    if found is None:
        binding = g.lookup(value)
        if isinstance(binding, Element):
            return binding
        found = read(g, binding, indices) if binding is not None else _compute(g, value, indices)
        g.w.remember(key, found, found.name)
    return found


def read(g: Generator, buffer: Buffer, indices: Indices) -> Element:
    """An element of a buffer."""
    if len(indices) == 1:
        position = indices[0]
    else:
        position = linear(indices, buffer.shape)
    return Element(g.memory.load(buffer, position, g.in_nest), buffer.dtype)


def _compute(g: Generator, value: Value, indices: Indices) -> Element:
    operation = value.owner
    if operation is None:
        raise AssertionError(f"{value!r} has no storage")
    rule = _RULES.get(operation.kind)
    if rule is not None:
        if len(indices) == 1 and len(value.shape) != 1 and operation.kind not in _BY_POSITION:
            indices = unflatten(indices[0], value.shape)
        return rule(g, operation, indices)
    return pointwise(g, operation, indices)


def pointwise(g: Generator, operation: Operation, indices: Indices) -> Element:
    """An element of a pointwise operation."""
    lowering = ENTRIES[operation.kind].lowering
    if not isinstance(lowering, Pointwise):
        raise AssertionError(f"{operation.kind} has no elements of its own")
    operands = [element(g, x, indices if x.shape else ()) for x in operation.operands]
    g.s.may_fuse, g.s.may_reorder = operation.is_derived, operation.is_sum
    g.s.may_warn = not operation.result.type.weak
    g.s.is_running = operation in g.running
    result = lowering.scalar(g.s, *operands, **operation.attributes)
    g.s.may_reorder = g.s.is_running = False
    dtype = operation.result.dtype
    return result if result.dtype == dtype else g.s.cast(result, dtype)


# -- creation -----------------------------------------------------------------------------------
def _constant(g: Generator, operation: Operation, indices: Indices) -> Element:
    array = operation.attributes["value"]
    first = array.reshape(-1)[0] if array.size else array.dtype.type(0)
    if array.size <= 1 or is_splat(array):
        return Element(literal(first, array.dtype), array.dtype)
    if all(isinstance(i, int) for i in indices):
        item = array.reshape(-1)[indices[0]] if len(indices) == 1 else array[indices]
        return Element(literal(item, array.dtype), array.dtype)
    return read(g, g.constant_buffer(operation.result, array), indices)


def is_splat(array: np.ndarray) -> bool:
    """Whether all elements are the same bits."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.size > 0 and bool(
        (flat.view(np.uint8).reshape(flat.size, -1) == flat[:1].view(np.uint8)).all()
    )


def _iota(g: Generator, operation: Operation, indices: Indices) -> Element:
    index = Element(g.w.extent(indices[0]), _INT64)
    dtype = operation.result.dtype
    if isinstance(indices[0], int):
        return Element(literal(indices[0], dtype), dtype)
    return g.s.cast(index, dtype)


def _extent_value(g: Generator, operation: Operation, indices: Indices) -> Element:
    return Element(g.w.extent(operation.attributes["value"]), _INT64)


# -- views ----------------------------------------------------------------------------------------
def _broadcast(g: Generator, operation: Operation, indices: Indices) -> Element:
    (x,) = operation.operands
    if not x.shape:
        return element(g, x, ())
    shape = operation.result.shape
    if len(indices) == 1 and len(shape) != 1:
        indices = unflatten(indices[0], shape)
    chosen = []
    for n, axis in zip(x.shape, operation.attributes["axes"], strict=True):
        chosen.append(0 if isinstance(n, int) and n == 1 else indices[axis])
    return element(g, x, tuple(chosen))


def _reshape(g: Generator, operation: Operation, indices: Indices) -> Element:
    (x,) = operation.operands
    if not x.shape:
        return element(g, x, ())
    shape = operation.result.shape
    if len(indices) != 1 or len(shape) == 1:
        matched = _match_axes(indices, shape, x.shape)
        if matched is not None:
            return element(g, x, matched)
    position = indices[0] if len(indices) == 1 else linear(indices, shape)
    return element(g, x, (position,))


def _match_axes(indices: Indices, shape: Indices, target: Indices) -> Indices | None:
    """The indices into ``target`` where it differs from ``shape`` by axes of extent 1 only."""
    proper = [(i, n) for i, n in zip(indices, shape, strict=True) if not _is_one(n)]
    result: list[Extent] = []
    for n in target:
        if _is_one(n):
            result.append(0)
        elif proper and same(proper[0][1], n):
            result.append(proper.pop(0)[0])
        else:
            return None
    return None if proper else tuple(result)


def _is_one(n: Extent) -> bool:
    return isinstance(n, int) and n == 1


def _transpose(g: Generator, operation: Operation, indices: Indices) -> Element:
    (x,) = operation.operands
    chosen: list[Extent] = [0] * len(x.shape)
    for i, axis in zip(indices, operation.attributes["axes"], strict=True):
        chosen[axis] = i
    return element(g, x, tuple(chosen))


def slice_indices(
    starts: Sequence[Extent],
    sizes: Sequence[Extent | None],
    steps: Sequence[Extent],
    indices: Indices,
) -> Indices:
    """Where the element ``indices`` of a slice lies in the array."""
    result: list[Extent] = []
    rest = iter(indices)
    for start, size, step in zip(starts, sizes, steps, strict=True):
        result.append(start if size is None else start + step * next(rest))
    return tuple(result)


def _slice(g: Generator, operation: Operation, indices: Indices) -> Element:
    return element(g, operation.operands[0], slice_indices(**operation.attributes, indices=indices))


def _is_nonnegative(e: Extent) -> bool | None:
    """Whether an extent is at least 0, where its range tells."""
    low, high = bounds(e)
    if low is not None and low >= 0:
        return True
    if high is not None and high < 0:
        return False
    return None


def _holds(g: Generator, e: Extent) -> Element:
    """Whether an extent is at least 0, at run time."""
    name = g.w.extent(e)
    return Element(g.w.op(f"icmp sge i64 {name}, 0", name), BOOL)


def _into_range(i: Extent, size: Extent) -> Extent:
    return maximum(minimum(i, size - 1), 0)


def _concatenate(g: Generator, operation: Operation, indices: Indices) -> Element:
    axis = operation.attributes["axis"]
    parts = [x for x in operation.operands if x.shape[axis] is not None]
    parts = [x for x in parts if not (isinstance(x.shape[axis], int) and x.shape[axis] == 0)]

    def part(number: int, i: Extent) -> Element:
        x = parts[number]
        n = x.shape[axis]
        if number == len(parts) - 1:
            return element(g, x, (*indices[:axis], i, *indices[axis + 1 :]))
        inside = _is_nonnegative(n - 1 - i)
        if inside is False:
            return part(number + 1, i - n)
        if inside is True:
            return element(g, x, (*indices[:axis], i, *indices[axis + 1 :]))
        condition = _holds(g, n - 1 - i)
        here = element(g, x, (*indices[:axis], minimum(i, n - 1), *indices[axis + 1 :]))
        return g.s.select(condition, here, part(number + 1, maximum(i - n, 0)))

    return part(0, indices[axis])


def _product(g: Generator, operation: Operation, indices: Indices) -> Element:
    """An element of a product that sums few terms."""
    a, b = operation.operands
    (ca, cb), (ba, bb) = operation.attributes["contract"], operation.attributes["batch"]
    at_a: list[Extent] = [0] * len(a.shape)
    at_b: list[Extent] = [0] * len(b.shape)
    rest = iter(indices)
    for i, j in zip(ba, bb, strict=True):
        at_a[i] = at_b[j] = next(rest)
    for at, taken in ((at_a, (*ba, *ca)), (at_b, (*bb, *cb))):
        for k in range(len(at)):
            if k not in taken:
                at[k] = next(rest)
    total: Element | None = None
    for contracted in np.ndindex(*[a.shape[k] for k in ca]):
        for i, j, k in zip(ca, cb, contracted, strict=True):
            at_a[i] = at_b[j] = k
        x, y = element(g, a, tuple(at_a)), element(g, b, tuple(at_b))
        if x.dtype.kind == "b":
            term = g.s.and_(x, y)
            total = term if total is None else g.s.or_(total, term)
        else:
            # NumPy's own products of matrices fuse with the sum.
            g.s.may_fuse = operation.is_derived or bool(ca)
            term = g.s.mul(x, y)
            total = term if total is None else g.s.add(total, term)
    assert total is not None
    return total


# -- updates that are not in memory -------------------------------------------------------------
def _membership(
    g: Generator, operation: Operation, indices: Indices
) -> tuple[bool | Element, Indices]:
    """Whether an element lies in the updated slice, and its indices there."""
    attributes = operation.attributes
    conditions: list[Element] = []
    inner: list[Extent] = []
    for i, start, size, step in zip(
        indices, attributes["starts"], attributes["sizes"], attributes["steps"], strict=True
    ):
        count = 1 if size is None else size
        if size is not None and not (isinstance(step, int) and step == 1):
            raise AssertionError("a virtual update has step 1")
        j = i - start
        for distance in (j, count - 1 - j):
            inside = _is_nonnegative(distance)
            if inside is False:
                return False, ()
            if inside is None:
                conditions.append(_holds(g, distance))
                j = _into_range(j, count)
        if size is not None:
            inner.append(j)
    if not conditions:
        return True, tuple(inner)
    condition = conditions[0]
    for other in conditions[1:]:
        condition = g.s.and_(condition, other)
    return condition, tuple(inner)


def _slice_update(g: Generator, operation: Operation, indices: Indices) -> Element:
    x, v = operation.operands
    inside, inner = _membership(g, operation, indices)
    if inside is False or _is_empty(v):
        return element(g, x, indices)
    if inside is True:
        return element(g, v, inner)
    assert isinstance(inside, Element)
    return g.s.select(inside, element(g, v, inner), element(g, x, indices))


def _slice_add(g: Generator, operation: Operation, indices: Indices) -> Element:
    x, v = operation.operands
    inside, inner = _membership(g, operation, indices)
    old = element(g, x, indices)
    if inside is False or _is_empty(v):
        return old
    new = element(g, v, inner)
    g.s.may_fuse = operation.is_derived
    if _is_zero(old):
        total = new
    else:
        total = g.s.or_(old, new) if old.dtype.kind == "b" else g.s.add(old, new)
    if inside is True:
        return total
    assert isinstance(inside, Element)
    return g.s.select(inside, total, old)


def _is_empty(v: Value) -> bool:
    return any(isinstance(n, int) and n == 0 for n in v.shape)


def _is_zero(e: Element) -> bool:
    # 0.0 + x is x but for the sign of a zero, which no accumulated cotangent distinguishes.
    return e.name in ("0x0000000000000000", "0", "false", "0xH0000")


# -- gather -----------------------------------------------------------------------------------------
def wrapped_index(g: Generator, index: Element, n: Extent) -> Extent:
    """An index of a gather as an extent: negative ones count from the end."""
    if index.name.lstrip("-").isdigit():
        i = int(index.name)
        return i if i >= 0 else n + i
    raw = g.s.cast(index, _INT64)
    if index.dtype.kind == "i":
        size = g.w.extent(n)
        negative = g.w.op(f"icmp slt i64 {raw.name}, 0", raw.name)
        shifted = g.w.op(f"add i64 {raw.name}, {size}", raw.name, size)
        name = g.w.op(
            f"select i1 {negative}, i64 {shifted}, i64 {raw.name}", negative, shifted, raw.name
        )
    else:
        name = raw.name
    symbol = g.w.recall(("index", name))
    if symbol is None:
        symbol = LoopIndex(name, 0, n - 1)
        g.w.remember(("index", name), symbol, name)
    return Dim.symbol(symbol)


def gathered(g: Generator, operation: Operation, shape: Indices, indices: Indices) -> Indices:
    """The indices into the gathered (or scattered) array of shape ``shape``."""
    axes = operation.attributes["axes"]
    index_arrays = operation.operands[1 : 1 + len(axes)]
    lead = len(index_arrays[0].shape)
    chosen: dict[int, Extent] = {}
    for axis, index_array in zip(axes, index_arrays, strict=True):
        index = element(g, index_array, indices[:lead])
        chosen[axis] = wrapped_index(g, index, shape[axis])
    rest = iter(indices[lead:])
    return tuple([chosen[k] if k in chosen else next(rest) for k in range(len(shape))])


def _gather(g: Generator, operation: Operation, indices: Indices) -> Element:
    x = operation.operands[0]
    return element(g, x, gathered(g, operation, x.shape, indices))


_BY_POSITION = frozenset({"constant", "broadcast", "reshape"})
_RULES: dict[str, Any] = {
    "constant": _constant,
    "iota": _iota,
    "extent_value": _extent_value,
    "broadcast": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "concatenate": _concatenate,
    "slice_update": _slice_update,
    "slice_add": _slice_add,
    "gather": _gather,
    "dot_general": _product,
}
