"""Indexing: ``x[index]`` and ``x[index] = value`` with everything NumPy takes as an index.

    get_item(x, (i, slice(None, k)))     a view of x: slice operation with starts, sizes, steps
    get_item(x, [2, 0, 2])               a copy: gather
    set_item(x, mask, 0.0)               select(mask, 0.0, x) into x's storage

Integers may be traced or symbolic (a loop index, an argument): they are checked against the axis
at run time unless their range proves them in bounds, and wrap around when negative.  Basic
indexing gives views, advanced indexing copies, exactly as in NumPy; the axes of an advanced
result stand where NumPy puts them.  Errors are NumPy's, with its messages.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, at_least, equal, maximum, minimum, same, same_shape
from autodiff.errors import ArgumentError
from autodiff.ir.data import ArrayType
from autodiff.ops import structural
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_numbers import as_stored
from autodiff.ops.control import emit_for
from autodiff.ops.either import put_into
from autodiff.ops.known import (
    check,
    compare,
    decide,
    extent_of,
    is_integer,
    known,
    require_equal,
    type_name,
    within_reach,
)
from autodiff.ops.layout import remember, representative, strided
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    check_number,
    constant,
    describe,
    operand,
    pointwise,
    select,
    shape_error,
    shape_of,
    weak_kind,
)
from autodiff.ops.protocol import protocol
from autodiff.ops.reductions import true_positions
from autodiff.ops.structural import INT, gather, reshape, scatter_add, scatter_update, transpose
from autodiff.ops.tracer import Form, Tracer, ViewStep, as_tracer, emit_tracer
from autodiff.plain_data import dataclass
from autodiff.signals import Signal

Shape = tuple[Extent, ...]
_INVALID = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean "
    "arrays are valid indices"
)


# -- the parts of an index ------------------------------------------------------------------------
@dataclass(frozen=True)
class Array:
    """An integer index array, or a boolean mask that is not known yet (``ndim`` axes)."""

    indices: Any
    is_mask: bool = False
    extent: int | None = None  # of the axis, where the positions come from a known mask

    @property
    def consumes(self) -> int:
        """How many axes of the indexed array it stands for."""
        return self.indices.ndim if self.is_mask else 1


def parse(index: Any, x: Tracer) -> list[Any]:
    """The items of an index, one per axis: extents, slices, None, :class:`Array`."""
    parts = index if isinstance(index, tuple) else (index,)
    items: list[Any] = []
    for part in parts:
        items += _items(part)
    consumed = sum(_consumes(item) for item in items)
    if consumed > x.ndim:
        if x.form == "scalar":
            raise IndexError("invalid index to scalar variable.")
        raise IndexError(
            f"too many indices for array: array is {x.ndim}-dimensional, but {consumed} were indexed"
        )
    gaps = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(gaps) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = gaps[0] if gaps else len(items)
    items[at : at + 1] = [slice(None)] * (x.ndim - consumed)
    return items


def _consumes(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    return item.consumes if isinstance(item, Array) else 1


def _items(part: Any) -> list[Any]:
    if part is None or part is Ellipsis or isinstance(part, slice):
        return [part]
    if is_integer(part):
        return [extent_of(part)]
    if isinstance(part, range):
        part = np.arange(part.start, part.stop, part.step, dtype=INT)
    if isinstance(part, (list, tuple)) and len(part) == 0:
        return [Array(np.zeros(0, INT))]
    if not isinstance(part, (list, tuple, np.ndarray, np.generic, bool, Tracer)):
        raise IndexError(_INVALID)
    array = as_array(part)
    if array.dtype.kind not in "iub":
        if isinstance(part, (list, tuple, np.ndarray)) or array.shape:
            raise IndexError("arrays used as indices must be of integer (or boolean) type")
        raise IndexError(_INVALID)
    folded = known(array)
    if array.dtype.kind == "b":
        if folded is None:
            return [Array(array, True)]
        return [Array(i, extent=n) for i, n in zip(np.nonzero(folded), folded.shape, strict=True)]
    return [Array(array if folded is None else folded)]


def _is_truth(part: Any) -> bool:
    if isinstance(part, (Tracer, np.ndarray)):
        return part.dtype.kind == "b" and not part.shape
    return isinstance(part, (bool, np.bool))


def _axes_for_truths(x: Tracer, index: Any) -> tuple[Tracer, Any]:
    """A truth value as index is a mask of one element on a new axis: ``x[None][[truth]]``."""
    parts = index if isinstance(index, tuple) else (index,)
    if not any(_is_truth(part) for part in parts):
        return x, index
    wide: list[Any] = []
    masks: list[Any] = []
    for part in parts:
        if _is_truth(part):
            wide.append(None)
            masks.append(reshape(as_array(part), (1,)))
        else:
            axes = 1 if part is None else sum(_consumes(item) for item in _items(part))
            wide += [Ellipsis] if part is Ellipsis else [slice(None)] * axes
            masks.append(slice(None) if part is None else part)
            if part is None:
                wide[-1] = None
    if not _has_ellipsis(tuple(wide)):
        wide.append(Ellipsis)
    return get_item(Tracer(x.value, "array") if x.form == "scalar" else x, tuple(wide)), tuple(
        masks
    )


# -- integers and slices ---------------------------------------------------------------------------
def position(k: Extent, n: Extent, axis: int) -> Extent:
    """An integer index as a start in ``0 … n - 1``; checked at run time where it is open."""
    message = f"index {k} is out of bounds for axis {axis} with size {n}"
    sign = decide(lambda: at_least(k, 0))
    if sign is None:
        value = as_tracer(k)
        wrapped = select(pointwise("less", value, 0), pointwise("add", value, n), value)
        check(compare("greater_equal", Dim.symbol(wrapped.value), 0), message, IndexError)
        check(compare("less", Dim.symbol(wrapped.value), n), message, IndexError)
        wrapped.value.low, wrapped.value.high = 0, n - 1
        return Dim.symbol(wrapped.value)
    start = k if sign else k + n
    bound = (lambda: at_least(n, start + 1)) if sign else (lambda: at_least(start, 0))
    is_inside = decide(bound)
    if is_inside is False:  # user code may read the message
        k, n = _at_this_call(k), _at_this_call(n)
        raise IndexError(f"index {k} is out of bounds for axis {axis} with size {n}")
    if is_inside is None:
        inside = compare("less", start, n) if sign else compare("greater_equal", start, 0)
        check(inside, message, IndexError)
    return start


def _at_this_call(n: Extent) -> Extent:
    """A number as it is at this call, where that is known."""
    if not isinstance(n, Dim):
        return n
    try:
        return int(as_tracer(n)._concrete())
    except (Signal, ArgumentError):  # in a loop: it has many values
        return n


def _wrap(value: Any, n: Extent) -> Extent:
    """A slice bound counted from the start; it may still lie outside of the axis."""
    k = extent_of(value)
    sign = decide(lambda: at_least(k, 0))
    if sign is None:
        v = as_tracer(k)
        return Dim.symbol(select(pointwise("less", v, 0), pointwise("add", v, n), v).value)
    return k if sign else k + n


def _clamped(k: int) -> int:
    return min(max(k, -(1 << 40)), 1 << 40)


def clip(item: slice, n: Extent) -> tuple[Extent, Extent, Extent]:
    """Start, size and step of a slice on an axis of extent ``n``, as Python clips it."""
    step = 1 if item.step is None else within_reach(extent_of(item.step))
    if isinstance(step, int) and step == 0:
        raise ValueError("slice step cannot be zero")
    parts = [None if v is None else within_reach(extent_of(v)) for v in (item.start, item.stop)]
    if isinstance(n, int) and isinstance(step, int) and not any(isinstance(v, Dim) for v in parts):
        first, last, _ = slice(parts[0], parts[1], step).indices(n)
        return first, len(range(first, last, step)), step
    # Beyond the ends of an array, and from one end to the other in one step, all numbers mean the same.
    step = step if isinstance(step, Dim) else _clamped(step)
    parts = [v if v is None or isinstance(v, Dim) else _clamped(v) for v in parts]
    start, stop = (None if v is None else _wrap(v, n) for v in parts)
    if at_least(step, 1):
        first_ = 0 if start is None else maximum(start, 0)
        last_ = n if stop is None else minimum(maximum(stop, 0), n)
        # Of a start beyond the end there is nothing either way: so x[1:] and x[:-1] are max(n - 1, 0).
        return minimum(first_, n), maximum((last_ - first_ + step - 1) // step, 0), step
    if not at_least(-1, step):
        raise ValueError("slice step cannot be zero")
    first_ = n - 1 if start is None else minimum(maximum(start, -1), n - 1)
    last_ = -1 if stop is None else minimum(maximum(stop, -1), n - 1)
    return first_, maximum((first_ - last_ - step - 1) // -step, 0), step


@dataclass(frozen=True)
class Basic:
    """The slice part of an index, one start, size (None: dropped) and step per axis of ``x``.

    ``shape`` is that of the result, with new axes; ``sources`` gives for each of its axes the axis
    of ``x`` it comes from, or None.
    """

    starts: Shape
    sizes: tuple[Extent | None, ...]
    steps: Shape
    shape: Shape
    sources: tuple[int | None, ...]

    def is_whole(self, of: Shape) -> bool:
        """Whether every element is selected, in order."""
        return all(
            n is not None and same(n, m) and same(step, 1)
            for n, m, step in zip(self.sizes, of, self.steps, strict=True)
        )

    def read(self, x: Tracer) -> Tracer:
        """The selected elements."""
        if not self.is_whole(x.shape):
            x = structural.slice_of(x, self.starts, self.sizes, self.steps)
        return reshape(x, self.shape)

    def write(self, x: Tracer, new: Tracer) -> Tracer:
        """``x`` with the selected elements replaced."""
        new = reshape(new, structural.kept_shape(self.sizes))
        if self.is_whole(x.shape):
            return new
        return structural.slice_update(x, new, self.starts, self.sizes, self.steps)


def basic(items: Sequence[Any], x: Tracer, advanced: bool = False) -> Basic:
    """The slice part; axes of index arrays stay whole, new axes are left out where ``advanced``."""
    starts: list[Extent] = []
    sizes: list[Extent | None] = []
    steps: list[Extent] = []
    shape: list[Extent] = []
    sources: list[int | None] = []
    axis = 0
    for item in items:
        if item is None:
            if not advanced:
                shape.append(1)
                sources.append(None)
            continue
        for _ in range(_consumes(item)):
            n = x.shape[axis]
            start: Extent = 0
            size: Extent | None = n
            step: Extent = 1
            if isinstance(item, slice):
                start, size, step = clip(item, n)
            elif isinstance(item, (int, Dim)):
                start, size = position(item, n, axis), None
            starts.append(start)
            sizes.append(size)
            steps.append(step)
            if size is not None:
                shape.append(size)
                sources.append(axis)
            axis += 1
    return Basic(tuple(starts), tuple(sizes), tuple(steps), tuple(shape), tuple(sources))


def compose(outer: Basic, inner: Basic) -> Basic | None:
    """The slice of ``x`` that is ``x[outer][inner]``, so that a store touches those elements only."""
    starts, sizes, steps = list(outer.starts), list(outer.sizes), list(outer.steps)
    for k, source in enumerate(outer.sources):
        size = inner.sizes[k]
        if source is None:
            if size is not None and not (isinstance(size, int) and size == 1):
                return None
            continue
        starts[source] = outer.starts[source] + inner.starts[k] * outer.steps[source]
        sizes[source] = size
        steps[source] = outer.steps[source] * inner.steps[k]
    sources = tuple(None if k is None else outer.sources[k] for k in inner.sources)
    return Basic(tuple(starts), tuple(sizes), tuple(steps), inner.shape, sources)


def _rooted(x: Tracer, selection: Basic) -> tuple[Tracer, Basic]:
    """The array and slice that ``x[selection]`` is when slices of slices are merged."""
    last = x.path[-1] if x.path else None
    if isinstance(last, SliceStep) and last.selection is not None:
        merged = compose(last.selection, selection)
        if merged is not None:
            return Tracer(x.cell, "array", x.path[:-1]), merged
    return x, selection


@dataclass(frozen=True)
class SliceStep(ViewStep):
    """A view step that knows its slice, so that ``a[i] += v`` need not store twice."""

    selection: Basic | None = None

    def moved(self, starts: tuple[Extent, ...]) -> SliceStep:
        """The same slice that begins elsewhere."""
        assert self.selection is not None
        return slice_step(replace(self.selection, starts=starts))


def slice_step(selection: Basic) -> SliceStep:
    """The view step of a slice with new axes."""

    def relayout(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        kept = [
            stride * (step if isinstance(step, int) else 2)
            for stride, size, step in zip(a.strides, selection.sizes, selection.steps, strict=True)
            if size is not None
        ]
        inner = strided(a, structural.kept_shape(selection.sizes), kept)
        return inner.reshape(tuple(representative(n) for n in selection.shape))

    count = len(selection.starts)

    def repeat(a: np.ndarray[Any, Any], numbers: Sequence[int]) -> np.ndarray[Any, Any]:
        index: list[Any] = []
        for k, size in enumerate(selection.sizes):
            start, size_, step = numbers[k], numbers[count + k], numbers[2 * count + k]
            stop: int | None = start + size_ * step
            if size_ and stop is not None and stop < 0:
                stop = None
            index.append(start if size is None else slice(start, stop, step))
        kept = a[(*index, ...)]
        return kept[tuple([None if k is None else slice(None) for k in selection.sources] + [...])]

    sizes = [1 if size is None else size for size in selection.sizes]
    extents = (*selection.starts, *sizes, *selection.steps)
    return SliceStep(selection.read, selection.write, relayout, repeat, extents, selection)


# -- advanced indexing ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Advanced:
    """Index arrays along ``axes`` of the sliced array, and where their axes go in the result."""

    selection: Basic
    indices: tuple[Tracer, ...]
    axes: tuple[int, ...]
    order: tuple[int, ...]
    shape: Shape

    def read(self, x: Tracer) -> Tracer:
        """The selected elements, a copy."""
        inner = gather(self.selection.read(x), self.indices, self.axes)
        return reshape(transpose(inner, self.order), self.shape)

    def arrange(self, new: Tracer, gathered: Shape) -> Tracer:
        """A value of the result's shape as gather lays it out."""
        moved = tuple(gathered[k] for k in self.order)
        inverse = tuple(self.order.index(k) for k in range(len(self.order)))
        return transpose(reshape(new, moved), inverse)

    def update(self, x: Tracer, new: Tracer, scatter: Any) -> Tracer:
        """``x`` with the selected elements replaced by, or increased by, ``new``."""
        inner = self.selection.read(x)
        rest = tuple(n for k, n in enumerate(inner.shape) if k not in self.axes)
        new = self.arrange(new, self.indices[0].shape + rest)
        return self.selection.write(x, scatter(inner, self.indices, new, self.axes))


def _index_arrays(items: Sequence[Any], x: Tracer) -> tuple[list[Tracer], list[int]]:
    """The index arrays and their axes in the sliced array, where those of integers are gone."""
    arrays: list[Tracer] = []
    axes: list[int] = []
    axis = kept = 0
    for item in items:
        if isinstance(item, Array):
            arrays.append(_checked(item, x.shape[axis], axis))
            axes.append(kept)
        axis += item is not None
        kept += item is not None and not isinstance(item, (int, Dim))
    return arrays, axes


def _checked(item: Array, n: Extent, axis: int) -> Tracer:
    """An index array as int64; a known one is checked now and made non-negative."""
    if item.extent is not None:
        _check_mask_extent(item.extent, n, axis)
    if isinstance(item.indices, Tracer):
        return cast(item.indices, INT)
    index = np.asarray(item.indices)
    if isinstance(n, int):
        outside = index[(index < -n) | (index >= n)]
        if outside.size:
            raise IndexError(
                f"index {outside.flat[0]} is out of bounds for axis {axis} with size {n}"
            )
        index = np.where(index < 0, index + n, index)
    return constant(index, INT)


def _check_mask_extent(extent: Extent, n: Extent, axis: int) -> None:
    if not require_equal(extent, n, "boolean index did not match indexed array"):
        raise IndexError(
            f"boolean index did not match indexed array along axis {axis}; size of axis is {n} "
            f"but size of corresponding boolean axis is {extent}"
        )


def advanced(items: Sequence[Any], x: Tracer) -> Advanced:
    """The advanced index that ``items`` make on ``x``."""
    arrays, axes = _index_arrays(items, x)
    try:
        common = broadcast_shapes(*[a.shape for a in arrays])
    except ValueError:
        listed = " ".join(describe(a.shape) for a in arrays)
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {listed} "
        ) from None
    selection = basic(items, x, advanced=True)
    places = [k for k, item in enumerate(items) if isinstance(item, (Array, int, Dim))]
    adjacent = places[-1] - places[0] + 1 == len(places)
    # Axes of gather's result (index axes, then those of the slice) in the order NumPy gives.
    s = len(common)
    kept_axes = [k for k in range(len(selection.shape)) if k not in axes]
    order: list[int] = [] if adjacent else list(range(s))
    shape: list[Extent] = [] if adjacent else list(common)
    kept = 0
    for k, item in enumerate(items):
        if adjacent and k == places[0]:
            order += range(s)
            shape += common
        if item is None:
            shape.append(1)
        elif isinstance(item, slice):
            order.append(s + kept)
            shape.append(selection.shape[kept_axes[kept]])
            kept += 1
    indices = tuple(broadcast_to(a, common) if a.shape else _spread(a, common) for a in arrays)
    return Advanced(selection, indices, tuple(axes), tuple(order), tuple(shape))


def _spread(scalar: Tracer, shape: Shape) -> Tracer:
    return structural.broadcast(scalar, shape, ()) if shape else scalar


def _has_arrays(items: Sequence[Any]) -> bool:
    return any(isinstance(item, Array) for item in items)


def _mask_of(items: Sequence[Any]) -> Array | None:
    masks = [item for item in items if isinstance(item, Array) and item.is_mask]
    return masks[0] if masks else None


# -- reading and writing ---------------------------------------------------------------------------
def get_item(x: Tracer, index: Any) -> Tracer:
    """``x[index]``: a view, a copy, or a scalar, as NumPy gives it."""
    if x.form == "python":
        raise TypeError(f"'{type_name(x)}' object is not subscriptable")
    x, index = _axes_for_truths(x, index)
    items = parse(index, x)
    if _has_arrays(items):
        taken = advanced(_located(items, x), x).read(Tracer(x.value, "array"))
        return remember(operator.getitem, (x, index), {}, taken)
    parts = index if isinstance(index, tuple) else (index,)
    is_scalar = not any(part is Ellipsis for part in parts)
    x, selection = _rooted(x, basic(items, x))
    if x.form == "scalar" or (is_scalar and not selection.shape):
        form: Form = "scalar" if is_scalar and not selection.shape else "array"
        return Tracer(selection.read(Tracer(x.value, "array")).value, form)
    return x.follow(slice_step(selection))


def _fit_value(value: Any, shape: Shape, dtype: Any) -> Tracer:
    """A value to store: cast as NumPy assigns, leading axes of extent 1 dropped, broadcast."""
    value = operand(value)
    if weak_kind(value) is not None:
        check_number(value, np.dtype(dtype))
    if isinstance(value, Tracer) and len(value.shape) > len(shape):
        extra = len(value.shape) - len(shape)
        if all(equal(n, 1) for n in value.shape[:extra]):
            value = reshape(Tracer(value.value, "array"), value.shape[extra:])
    old = shape_of(value)
    fits = len(old) <= len(shape) and all(
        (isinstance(m, int) and m == 1) or require_equal(m, n, "could not broadcast input array")
        for m, n in zip(old[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise shape_error(
            f"could not broadcast input array from shape {describe(old)} into shape {describe(shape)}"
        )
    value = cast(value, dtype)
    return value if same_shape(value.shape, shape) else broadcast_to(value, shape)


def set_item(x: Tracer, index: Any, value: Any) -> None:
    """``x[index] = value``, in place."""
    if x.form != "array":
        raise TypeError(f"'{type_name(x)}' object does not support item assignment")
    value = as_stored(put_into(x.dtype, value), x.dtype)
    x, index = _axes_for_truths(x, index)
    items = parse(index, x)
    mask = _mask_of(items)
    if mask is not None:
        if _store_mask(x, items, mask, value):
            return
        items = _located(items, x)
    if _has_arrays(items):
        where = advanced(items, x)
        new = _fit_value(value, where.shape, x.dtype)
        x.write(where.update(Tracer(x.value, "array"), new, scatter_update).value)
        return
    x, selection = _rooted(x, basic(items, x))
    if _is_own_view(x, value, selection):
        return
    if not selection.shape and not _has_ellipsis(index):
        _check_element(operand(value))
    if x.dtype.kind == "i":
        check_number(value, x.dtype)
    new = _fit_value(value, selection.shape, x.dtype)
    x.write(selection.write(Tracer(x.value, "array"), new).value)


def _is_own_view(x: Tracer, value: Any, selection: Basic) -> bool:
    """Whether ``value`` is the very view ``x[selection]``: ``a[i] += v`` has already stored it."""
    if not isinstance(value, Tracer) or value.cell is not x.cell or not value.path:
        return False
    last = value.path[-1]
    return (
        value.path[:-1] == x.path
        and isinstance(last, SliceStep)
        and last.selection is not None
        and _same_selection(last.selection, selection)
    )


def _same_selection(a: Basic, b: Basic) -> bool:
    def same_items(p: Sequence[Any], q: Sequence[Any]) -> bool:
        return all(
            m is n or (m is not None and n is not None and same(m, n))
            for m, n in zip(p, q, strict=True)
        )

    return (
        len(a.starts) == len(b.starts)
        and len(a.shape) == len(b.shape)
        and all(
            same_items(p, q)
            for p, q in (
                (a.starts, b.starts),
                (a.sizes, b.sizes),
                (a.steps, b.steps),
                (a.shape, b.shape),
            )
        )
    )


def _located(items: list[Any], x: Tracer) -> list[Any]:
    """Traced masks replaced by the positions where they hold; their number is a run-time size."""
    located: list[Any] = []
    axis = 0
    for item in items:
        if isinstance(item, Array) and item.is_mask:
            for d, n in enumerate(item.indices.shape):
                _check_mask_extent(n, x.shape[axis + d], axis + d)
            located += [Array(positions) for positions in true_positions(item.indices)]
        else:
            located.append(item)
        axis += _consumes(item)
    return located


def _store_mask(x: Tracer, items: list[Any], mask: Array, value: Any) -> bool:
    """A store through a traced mask of a value that is the same for every element it selects.

    Such a store is a select between the value and the old elements.  Returns False, and does
    nothing, where the value has one element for each selected one.
    """
    if sum(isinstance(item, Array) for item in items) > 1 or None in items:
        return False
    before = sum(isinstance(item, slice) for item in items[: items.index(mask)])
    after = sum(isinstance(item, slice) for item in items) - before
    value = operand(value)
    if weak_kind(value) is not None:
        check_number(value, x.dtype)
    extra = shape_of(value)[: max(len(shape_of(value)) - after, 0)]
    if not all(isinstance(n, int) and n == 1 for n in extra):
        return False
    if extra:
        value = reshape(Tracer(value.value, "array"), value.shape[len(extra) :])
    rest: list[Any] = []
    for item in items:
        rest += [slice(None)] * item.consumes if isinstance(item, Array) else [item]
    if not _has_ellipsis(tuple(rest)):
        rest.append(Ellipsis)  # a view, also of an array without axes
    target = get_item(x, tuple(rest))
    m: Tracer = mask.indices
    for k, n in enumerate(m.shape):
        _check_mask_extent(n, target.shape[before + k], before + k)
    spread = reshape(m, m.shape + (1,) * after)
    new = select(spread, cast(value, x.dtype), Tracer(target.value, "array"), x.dtype)
    target.write(broadcast_to(new, target.shape).value)
    return True


def _has_ellipsis(index: Any) -> bool:
    return any(i is Ellipsis for i in (index if isinstance(index, tuple) else (index,)))


def _check_element(value: Any) -> None:
    """NumPy refuses what it refuses to store as one element, with its own words."""
    shape = shape_of(value)
    if shape:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            sizes = [n if isinstance(n, int) and n < 2 else 2 for n in shape]
            np.zeros(1)[0] = np.zeros(sizes)


def update_at(ufunc: np.ufunc, x: Tracer, index: Any, value: Any) -> None:
    """``ufunc.at(x, index, value)``: unbuffered, equal indices count each time."""
    items = _located(parse(index, x), x)
    if ufunc in (np.add, np.subtract) and not _is_cast_back(x, value):
        whole = Tracer(x.value, "array")
        if not _has_arrays(items):
            view = basic(items, x)
            new = _fit_value(value, view.shape, x.dtype)
            x.write(view.write(whole, pointwise(ufunc.__name__, view.read(whole), new)).value)
            return
        where = advanced(items, x)
        new = _fit_value(value, where.shape, x.dtype)
        new = pointwise("negative", new) if ufunc is np.subtract else new
        x.write(where.update(whole, new, scatter_add).value)
        return
    _update_one_by_one(ufunc, x, index, value)


def _is_cast_back(x: Tracer, value: Any) -> bool:
    """Whether sums are of another kind than the elements: each is cast back, one after the other."""
    loop = np.result_type(x.dtype, as_array(value).dtype)
    return loop != x.dtype and (x.dtype.kind == "b" or (x.dtype.kind in "iu" and loop.kind == "f"))


def _update_one_by_one(ufunc: np.ufunc, x: Tracer, index: Any, value: Any) -> None:
    """``ufunc.at`` as a loop over the indexed elements, in order."""
    total = x.size
    numbers = reshape(emit_tracer("iota", size=total, dtype=INT), x.shape)
    chosen = get_item(Tracer(numbers.value, "array"), index)
    count: Extent = 1
    for n in chosen.shape:
        count = count * n
    positions = reshape(Tracer(chosen.value, "array"), (count,))
    operands = []
    if value is not None:
        operands = [reshape(_fit_value(value, chosen.shape, as_array(value).dtype), (count,))]
    flat = reshape(Tracer(x.value, "array"), (total,))
    with current_builder().region() as body:
        k = current_builder().parameter(ArrayType(INT, ()), "k")
        carry = current_builder().parameter(flat.value.type)
        k.low, k.high = 0, count - 1
        place = _element(positions, Dim.symbol(k))
        place.value.low, place.value.high = 0, total - 1
        where = (Dim.symbol(place.value),)
        item = structural.slice_of(Tracer(carry, "array"), where, (None,), (1,))
        given = (item, *(_element(v, Dim.symbol(k)) for v in operands))
        new = protocol.apply_ufunc(ufunc, "__call__", given, {})
        stored = structural.slice_update(
            Tracer(carry, "array"), cast(new, x.dtype), where, (None,), (1,)
        )
        body.outputs = [stored.value]
    (result,) = emit_for(count, (flat.value,), body)
    x.write(reshape(Tracer(result, "array"), x.shape).value)


def _element(x: Tracer, k: Extent) -> Tracer:
    return structural.slice_of(x, (k,), (None,), (1,))
