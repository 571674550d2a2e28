"""Steps of a block that are not loop nests: updates in place, kernels, control flow, effects.

An update writes into the buffer of its first operand when nobody reads the old value later, and
into a copy otherwise.  Virtual values that were computed from the old value and are still wanted
are computed into memory first where that is the smaller copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, bounds, product, same
from autodiff.engines.native import control_flow, host, kernels
from autodiff.engines.native.elements import Indices, element, gathered, slice_indices
from autodiff.engines.native.generator import Generator
from autodiff.engines.native.nests import Job, emit, store_job
from autodiff.engines.native.planning import Plan
from autodiff.engines.native.scalars import BOOL, Element
from autodiff.engines.native.storage import Buffer, linear
from autodiff.engines.native.views import is_flat_now
from autodiff.ir.data import Operation, Value
from autodiff.ops.entries import ENTRIES, Kernel, Pointwise

WriteBlock = Callable[[Generator, Plan], None]


def write_step(g: Generator, operation: Operation, write_block: WriteBlock) -> None:
    """Write a step and bind its results."""
    kind = operation.kind
    if kind in ("cond", "for", "while"):
        control_flow.write(g, operation, write_block)
    elif kind in ("slice_update", "slice_add"):
        _write_slice(g, operation)
    elif kind in ("scatter_update", "scatter_add"):
        _write_scatter(g, operation)
    elif kind == "gather":
        _write_gather(g, operation)
    elif kind == "concatenate":
        _write_concatenate(g, operation)
    elif kind == "check":
        predicate = g.lookup(operation.operands[0])
        assert isinstance(predicate, Element)
        g.fail_unless(predicate.name, operation.attributes["message"], operation.source)
    elif kind == "sized":
        pass  # the block has begun with it (sizes)
    elif isinstance(ENTRIES[kind].lowering, Kernel) and kernels.write(g, operation):
        pass
    else:
        host.write(g, operation)


# -- updates in place -------------------------------------------------------------------------------
def updated_buffer(g: Generator, operation: Operation) -> Buffer:
    """The buffer an update may write into, holding the old value."""
    x = operation.operands[0]
    binding = g.lookup(x)
    if isinstance(binding, Buffer):
        if g.may_overwrite(x) or _save_readers(g, operation, binding):
            return binding
    place = g.destination(operation.result)
    g.store(x, place)
    return place


def _save_readers(g: Generator, operation: Operation, buffer: Buffer) -> bool:
    """Compute what is still wanted of the old value into memory, if smaller than a copy of it."""
    x, scope = operation.operands[0], g.scope
    plan = scope.plan
    if plan is None or x not in scope.bindings or not buffer.slot.writable or x in plan.kept:
        return False
    if x in plan.sinks or x in scope.protected:  # the plan does not list readers of the latter
        return False
    wanted: dict[Value, None] = {}
    now = plan.position[operation.result]
    for node in plan.ordered[scope.now + 1 :]:
        if x not in node.reads:
            continue
        pending: list[Value] = []
        for root in node.roots:
            owner = root.value.owner
            pending += (
                [root.value] if root.value in plan.virtual or owner is None else owner.operands
            )
        if node.operation is not None:
            pending += [*node.operation.operands, *plan.region_values.get(node.operation, ())]
        if not _frontier(g, plan, x, pending, now, wanted):
            return False
    kept = [v for v in (*plan.kept, *plan.sinks) if v in plan.virtual and x in plan.leaves(v)]
    if not _frontier(g, plan, x, kept, now, wanted):
        return False
    if not _is_smaller(sum_of(wanted), product(x.shape)):
        return False
    for value in wanted:
        g.materialise(value)
        scope.protected.add(value)
    return True


def _frontier(
    g: Generator, plan: Plan, x: Value, pending: list[Value], now: int, wanted: dict[Value, None]
) -> bool:
    """Collect the virtual values defined before ``now`` that read ``x``; False if x itself is read."""
    seen: set[Value] = set()
    while pending:
        v = pending.pop()
        if v is x:
            return False
        if v in seen or v not in plan.virtual or x not in plan.leaves(v) or g.lookup(v) is not None:
            continue
        seen.add(v)
        if plan.position[v] < now:
            wanted[v] = None
        else:
            assert v.owner is not None
            pending.extend(v.owner.operands)
    return True


def sum_of(values: dict[Value, None]) -> Extent:
    """Elements of several values together."""
    total: Extent = 0
    for v in values:
        total = total + product(v.shape)
    return total


def _is_smaller(a: Extent, b: Extent) -> bool:
    low, _ = bounds(b - a)
    return low is not None and low >= 0


def safe_source(g: Generator, value: Value, place: Buffer, same_index: bool) -> Value:
    """``value``, computed into memory first where writing ``place`` would disturb computing it."""
    slots = g.leaf_slots(value)
    if place.slot in slots and not (same_index and slots[place.slot]):
        binding = g.lookup(value)
        if isinstance(binding, Buffer):  # the buffer itself: a copy of it
            copy = g.memory.allocate(value.dtype, value.shape)
            g.store(value, copy)
            copied = Value(value.type, value.hint)
            g.bind(copied, copy)
            return copied
        g.materialise(value)
    return value


def _reads_same_slice(g: Generator, value: Value, operation: Operation) -> bool:
    """Whether ``value`` reads the updated array only through the very slice that is written."""
    x = operation.operands[0]
    pending, seen = [value], set()
    while pending:
        v = pending.pop()
        if v in seen or not v.shape:
            continue
        seen.add(v)
        if v is x:
            return False
        if g.lookup(v) is not None or v.owner is None:
            binding, base = g.lookup(v), g.lookup(x)
            if (
                isinstance(binding, Buffer)
                and isinstance(base, Buffer)
                and binding.slot is base.slot
            ):
                return False
            continue
        if v.owner.kind == "slice" and v.owner.operands[0] is x:
            if not _same_attributes(v.owner.attributes, operation.attributes):
                return False
            continue
        if not isinstance(ENTRIES[v.owner.kind].lowering, Pointwise):
            if g.lookup(x) is not None and x in g.leaves(v):
                return False
            continue
        pending.extend(v.owner.operands)
    return True


def _same_attributes(a: dict[str, Any], b: dict[str, Any]) -> bool:
    for key in ("starts", "sizes", "steps"):
        for m, n in zip(a[key], b[key], strict=True):
            if (m is None) != (n is None) or (m is not None and not same(m, n)):
                return False
    return True


def _finish(g: Generator, operation: Operation, place: Buffer) -> None:
    g.bind(operation.result, place)


def _write_slice(g: Generator, operation: Operation) -> None:
    v = operation.operands[1]
    same_slice = _reads_same_slice(g, v, operation)
    place = updated_buffer(g, operation)
    if not same_slice:
        v = safe_source(g, v, place, False)
    job = _store_region(g, v, place, operation.attributes)
    job.adds, job.may_fuse = operation.kind == "slice_add", operation.is_derived
    emit(g, [job])
    _finish(g, operation, place)


def _store_region(g: Generator, v: Value, place: Buffer, attributes: dict[str, Any]) -> Job:
    def position(indices: Indices) -> Extent:
        return linear(slice_indices(**attributes, indices=indices), place.shape)

    job = store_job(g, v, place, False)
    job.position = position
    job.whole = False
    return job


def _write_concatenate(g: Generator, operation: Operation) -> None:
    axis = operation.attributes["axis"]
    place = g.destination(operation.result)
    start: Extent = 0
    for x in operation.operands:
        n = x.shape[axis]
        rank = len(x.shape)
        attributes = {
            "starts": tuple([start if k == axis else 0 for k in range(rank)]),
            "sizes": x.shape,
            "steps": (1,) * rank,
        }
        emit(g, [_store_region(g, x, place, attributes)])
        start = start + n
    _finish(g, operation, place)


# -- gather and scatter -------------------------------------------------------------------------------
def check_indices(g: Generator, operation: Operation) -> None:
    """Fail where an index of a gather or scatter is out of bounds (one pass over the indices)."""
    axes = operation.attributes["axes"]
    x = operation.operands[0]
    for axis, index in zip(axes, operation.operands[1 : 1 + len(axes)], strict=True):
        n = x.shape[axis]
        if _known_in_bounds(index, n):
            continue

        def inside(indices: Indices, index: Value = index, n: Extent = n) -> Element:
            i = g.s.cast(element(g, index, indices), np.dtype(np.int64))
            size = Element(g.w.extent(n), i.dtype)
            if index.dtype.kind == "u":
                return Element(
                    g.w.op(f"icmp ult i64 {i.name}, {size.name}", i.name, size.name), BOOL
                )
            # -n <= i < n, as one unsigned comparison
            shifted = g.s.add(i, size)
            twice = g.w.extent(n * 2)
            return Element(
                g.w.op(f"icmp ult i64 {shifted.name}, {twice}", shifted.name, twice), BOOL
            )

        if index.shape:
            flat = is_flat_now(g, index)
            axes_all = frozenset(range(len(index.shape)))
            order = tuple(range(len(index.shape)))
            job = Job(index.shape, inside, None, order, "all", axes_all, flat=flat)
            emit(g, [job])
            assert job.result is not None
            condition = job.result.name
        else:
            with g.w.scope():
                condition = inside(()).name
        message = f"index is out of bounds for axis {axis}"
        if isinstance(n, int):
            message += f" with size {n}"
        g.fail_unless(condition, message, operation.source)


def _known_in_bounds(index: Value, n: Extent) -> bool:
    """Indices that are constants, or counted off, need no check at run time."""
    operation = index.owner
    while operation is not None and operation.kind in ("broadcast", "reshape", "transpose"):
        operation = operation.operands[0].owner
    if operation is None:
        return False
    if operation.kind == "iota":
        return _is_smaller(operation.attributes["size"], n)
    if operation.kind == "constant" and isinstance(n, int):
        array = operation.attributes["value"]
        return array.size == 0 or bool(array.min() >= -n and array.max() < n)
    if operation.kind == "extent_value":
        value = operation.attributes["value"]
        low, _ = bounds(value)
        room, _ = bounds(n - 1 - value)
        return low is not None and low >= 0 and room is not None and room >= 0
    return False


def _write_gather(g: Generator, operation: Operation) -> None:
    check_indices(g, operation)
    plan = g.scope.plan
    if plan is not None and plan.is_virtual(operation.result):
        return
    place = g.destination(operation.result)
    g.store(operation.result, place)
    _finish(g, operation, place)


def _write_scatter(g: Generator, operation: Operation) -> None:
    check_indices(g, operation)
    v = operation.operands[-1]
    place = updated_buffer(g, operation)
    v = safe_source(g, v, place, False)
    for index in operation.operands[1:-1]:
        if place.slot in g.leaf_slots(index):
            g.materialise(index)

    def position(indices: Indices) -> Extent:
        return linear(gathered(g, operation, place.shape, indices), place.shape)

    job = store_job(g, v, place, False)
    job.domain = operation.operands[1].shape + _rest(operation)
    job.order = tuple(range(len(job.domain)))
    job.position = position
    job.whole = False
    job.in_turn = True
    job.adds, job.may_fuse = operation.kind == "scatter_add", operation.is_derived
    job.source = None
    job.compute = lambda indices: element(g, v, indices if v.shape else ())
    emit(g, [job])
    _finish(g, operation, place)


def _rest(operation: Operation) -> tuple[Extent, ...]:
    axes = operation.attributes["axes"]
    return tuple([n for k, n in enumerate(operation.operands[0].shape) if k not in axes])


__all__ = ["Dim", "check_indices", "write_step"]
