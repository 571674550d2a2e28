"""Facts about virtual values: where their pieces meet, and where they lie in memory."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.dims import Extent, same
from autodiff.engines.native.elements import _match_axes
from autodiff.engines.native.generator import Generator
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.storage import Buffer, row_strides
from autodiff.ir.data import Operation, Value
from autodiff.ops.entries import ENTRIES, Creation, Pointwise
from autodiff.plain_data import dataclass


# -- pieces -----------------------------------------------------------------------------------------
def breakpoints(g: Generator, value: Value, axis: int, points: set[int]) -> None:
    """Add the indices along ``axis`` where the way an element is computed changes."""
    pending = [(value, axis, 0)]
    seen = set(pending)
    while pending:
        v, k, shift = pending.pop()
        if g.lookup(v) is not None and v is not value or v.owner is None:
            continue
        found: list[tuple[Value, int, int]] = []
        _step(v.owner, k, shift, points, found)
        for item in found:
            if item not in seen and item[0].shape:
                seen.add(item)
                pending.append(item)


def _step(
    operation: Operation,
    axis: int,
    shift: int,
    points: set[int],
    found: list[tuple[Value, int, int]],
) -> None:
    """The operands to follow: index ``p`` of the operand is index ``p + shift`` of the nest."""
    kind, attributes, operands = operation.kind, operation.attributes, operation.operands
    if isinstance(ENTRIES[kind].lowering, Pointwise):
        found.extend((x, axis, shift) for x in operands)
    elif kind == "broadcast":
        x = operands[0]
        if axis in attributes["axes"]:
            k = attributes["axes"].index(axis)
            if same(x.shape[k], operation.result.shape[axis]):
                found.append((x, k, shift))
    elif kind == "transpose":
        found.append((operands[0], attributes["axes"][axis], shift))
    elif kind == "reshape":
        shape = operands[0].shape
        matched = _match_axes(
            tuple(range(len(operation.result.shape))), operation.result.shape, shape
        )
        for k, (n, origin) in enumerate(zip(shape, matched or (), strict=False)):
            if origin == axis and not same(n, 1):
                found.append((operands[0], k, shift))
    elif kind == "slice":
        k = _kept_axes(attributes["sizes"])[axis]
        start, step = attributes["starts"][k], attributes["steps"][k]
        if isinstance(start, int) and isinstance(step, int) and step == 1:
            found.append((operands[0], k, shift - start))
    elif kind == "concatenate":
        _concatenate_step(operation, axis, shift, points, found)
    elif kind in ("slice_update", "slice_add"):
        _update_step(operation, axis, shift, points, found)


def _concatenate_step(
    operation: Operation,
    axis: int,
    shift: int,
    points: set[int],
    found: list[tuple[Value, int, int]],
) -> None:
    start: Extent = 0
    for x in operation.operands:
        if axis != operation.attributes["axis"]:
            found.append((x, axis, shift))
        elif isinstance(start, int):
            found.append((x, axis, shift + start))
            points.add(start + shift)
            start = start + x.shape[axis]


def _update_step(
    operation: Operation,
    axis: int,
    shift: int,
    points: set[int],
    found: list[tuple[Value, int, int]],
) -> None:
    x, v = operation.operands
    attributes = operation.attributes
    start, size = attributes["starts"][axis], attributes["sizes"][axis]
    found.append((x, axis, shift))
    if isinstance(start, int):
        points.add(start + shift)
        if size is None:
            points.add(start + shift + 1)
        elif isinstance(size, int):
            points.add(start + size + shift)
            found.append((v, _kept_axes(attributes["sizes"]).index(axis), shift + start))


def _kept_axes(sizes: Sequence[Extent | None]) -> list[int]:
    return [k for k, size in enumerate(sizes) if size is not None]


# -- positions ----------------------------------------------------------------------------------------
def is_flat_now(g: Generator, value: Value) -> bool:
    """Whether elements can be computed from their position, by the bindings that exist now."""
    pending, seen = [value], set()
    while pending:
        v = pending.pop()
        if v in seen or len(v.shape) <= 1 and v is value:
            continue
        seen.add(v)
        if g.lookup(v) is not None or v.owner is None:
            continue
        lowering = ENTRIES[v.owner.kind].lowering
        if v.owner.kind == "reshape" or isinstance(lowering, Pointwise):
            pending.extend(v.owner.operands)
        elif v.owner.kind == "broadcast" and v.owner.operands[0].shape == ():
            continue
        elif not isinstance(lowering, Creation):
            return False
    return True


# -- strided memory -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Strided:
    """A value that lies in memory: offset and strides in elements from the buffer's start."""

    buffer: Buffer
    offset: Extent
    shape: tuple[Extent, ...]
    strides: tuple[Extent, ...]


def strided(g: Generator, value: Value) -> Strided | None:
    """How a value lies in memory, if it does: a buffer, or slices and transposes of one."""
    binding = g.lookup(value)
    if isinstance(binding, Element):
        return None
    if isinstance(binding, Buffer):
        return Strided(binding, 0, value.shape, row_strides(value.shape))
    operation = value.owner
    if operation is None or operation.kind not in ("transpose", "slice", "reshape"):
        return None
    inner = strided(g, operation.operands[0])
    if inner is None:
        return None
    attributes = operation.attributes
    if operation.kind == "transpose":
        strides = tuple([inner.strides[a] for a in attributes["axes"]])
        return Strided(inner.buffer, inner.offset, value.shape, strides)
    if operation.kind == "reshape":
        return _reshaped(inner, value.shape)
    offset = inner.offset
    kept: list[Extent] = []
    for start, size, step, stride in zip(
        attributes["starts"], attributes["sizes"], attributes["steps"], inner.strides, strict=True
    ):
        offset = offset + start * stride
        if size is not None:
            kept.append(step * stride)
    return Strided(inner.buffer, offset, value.shape, tuple(kept))


def _reshaped(inner: Strided, shape: tuple[Extent, ...]) -> Strided | None:
    if all(same(a, b) for a, b in zip(inner.strides, row_strides(inner.shape), strict=True)):
        return Strided(inner.buffer, inner.offset, shape, row_strides(shape))
    matched = _match_axes(tuple(range(len(inner.shape))), inner.shape, shape)
    if matched is None:
        return None
    by_axis: list[Extent] = []
    for n, k in zip(shape, matched, strict=True):
        is_one = isinstance(n, int) and n == 1
        assert isinstance(k, int)
        by_axis.append(0 if is_one else inner.strides[k])
    return Strided(inner.buffer, inner.offset, shape, tuple(by_axis))


def group(shape: Sequence[Extent], strides: Sequence[Extent]) -> tuple[Extent, Extent] | None:
    """Size and stride of axes taken as one in C order, if memory has them so."""
    size: Extent = 1
    stride: Extent | None = None
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if isinstance(n, int) and n == 1:
            continue
        if stride is None:
            stride = s
        elif not same(stride * size, s):
            return None
        size = size * n
    return size, 1 if stride is None else stride
