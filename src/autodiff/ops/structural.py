"""Creation, views and updates: operations that move elements without computing on them.

Kinds and attributes (every extent may be a ``Dim``):

    constant(; value)                      an array or scalar known when the program is built
    iota(; size, dtype)                    0, 1, …, size - 1
    extent_value(; value)                  an extent as an int64 scalar
    broadcast(x; shape, axes)              axis k of x becomes axis axes[k]; extents equal or 1
    reshape(x; shape)                      C order
    transpose(x; axes)                     result axis k is operand axis axes[k]
    slice(x; starts, sizes, steps)         x[start : : step], size elements; size None: the index
                                           ``start``, the axis is dropped
    slice_update(x, v; starts, sizes, steps)   x with that slice replaced by v
    slice_add(x, v; starts, sizes, steps)      x with v added to that slice
    concatenate(*xs; axis)
    gather(x, *indices; axes)              result[j…, rest] = x[indices[0][j], … at axes; rest]
    scatter_update(x, *indices, v; axes)   x with those elements replaced (the last of equals wins)
    scatter_add(x, *indices, v; axes)      x with v added there (equal indices add up)

Slices are in bounds by construction.  Indices of gather and scatter may be negative, as in NumPy;
out of bounds they fail at run time (IndexError in the reference engine, a failed check elsewhere).
Index arrays share one shape S; the result of gather is S followed by the axes not indexed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.dims import Extent, differ, product, same, same_shape
from autodiff.errors import InternalError, ShapeError
from autodiff.ir.data import ArrayType
from autodiff.ops.control import MOST_BYTES
from autodiff.ops.entries import (
    Accumulate,
    Creation,
    Entry,
    Linear,
    Site,
    Update,
    View,
    register,
)
from autodiff.ops.tracer import Tracer, emit_tracer

INT = np.dtype(np.int64)
Starts = tuple[Extent, ...]
Sizes = tuple[Extent | None, ...]


# -- creation -----------------------------------------------------------------------------------
def _constant_rule(types: Any, value: np.ndarray, weak: bool = False) -> tuple[ArrayType, ...]:
    return (ArrayType(value.dtype, value.shape, weak),)


def _iota_rule(types: Any, size: Extent, dtype: np.dtype[Any]) -> tuple[ArrayType, ...]:
    return (ArrayType(np.dtype(dtype), (size,)),)


def _line(size: int, dtype: np.dtype[Any]) -> np.ndarray:
    line = np.arange(size, dtype=dtype)
    if len(line) != size:  # NumPy counts steps in float64: of 2**63 - 1 there are none
        raise MemoryError(f"there is no memory for an array of shape {(size,)}")
    return line


register(
    Entry(
        "constant",
        _constant_rule,
        lambda value, weak=False: value,
        Creation(),
        zero_derivative=True,
    )
)
register(
    Entry(
        "iota",
        _iota_rule,
        _line,
        Creation(),
        zero_derivative=True,
    )
)
register(
    Entry(
        "extent_value",
        lambda types, value: (ArrayType(INT, (), True),),
        lambda value: np.int64(value),
        Creation(),
        zero_derivative=True,
    )
)


def zeros(shape: tuple[Extent, ...], dtype: Any) -> Tracer:
    """An array of zeros (a broadcast constant)."""
    scalar = Tracer.constant(np.zeros((), dtype))
    return broadcast(scalar, shape, ()) if shape else scalar


def zeros_like(x: Tracer) -> Tracer:
    """Zeros with the shape and dtype of ``x``."""
    return zeros(x.value.shape, x.value.dtype)


# -- views --------------------------------------------------------------------------------------
def _broadcast_rule(
    types: Any, shape: tuple[Extent, ...], axes: tuple[int, ...]
) -> tuple[ArrayType, ...]:
    # Native code reads by these shapes alone: an operand that is too short would be read past its end.
    (x,) = types
    if len(axes) != len(x.shape) or any(
        not same(n, 1) and differ(n, shape[axis]) for n, axis in zip(x.shape, axes, strict=True)
    ):
        raise ShapeError(f"{x} does not stretch along axes {axes} of {tuple(shape)}.")
    return (ArrayType(x.dtype, tuple(shape)),)


def _broadcast_meaning(x: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    if math.prod(shape) * x.itemsize > MOST_BYTES:
        raise MemoryError(f"there is no memory for an array of shape {shape}")
    aligned = [1] * len(shape)
    for k, axis in enumerate(axes):
        aligned[axis] = x.shape[k]
    return np.broadcast_to(np.reshape(x, aligned), shape)


def _broadcast_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    shape, axes = site.attributes["shape"], site.attributes["axes"]
    x_shape = site.operands[0].value.shape
    added = tuple(k for k in range(len(shape)) if k not in axes)
    # By algebra alone: an axis that is 1 at run time only is summed over, which does no harm.
    stretched = tuple(
        axes[k] for k, n in enumerate(x_shape) if same(n, 1) and not same(shape[axes[k]], 1)
    )
    ct = reduce_sum(ct, added + stretched)
    return (reshape(ct, x_shape),)


def broadcast(x: Tracer, shape: tuple[Extent, ...], axes: tuple[int, ...]) -> Tracer:
    """Operand axis k becomes result axis ``axes[k]``; its extent is equal or 1."""
    return emit_tracer("broadcast", x, shape=tuple(shape), axes=tuple(axes))


# Whether Python adds what the additions of a sum of floats round off, and those of ints to floats: not of any version.
KEEPS_REST = sum([1e16, 1.0, -1e16]) == 1.0
KEEPS_REST_OF_INTS = sum([1e16, 1, 1.0, -1e16]) == 2.0


def sum_of_items(x: Tracer, of_floats: bool) -> Tracer:
    """The sum over the first axis, by the engine of reference in the order of Python's ``sum``."""
    keeps = of_floats and KEEPS_REST and x.dtype == np.float64
    return emit_tracer("reduce_sum", x, axes=(0,), order="floats" if keeps else "items")


def reduce_sum(x: Tracer, axes: tuple[int, ...]) -> Tracer:
    """Sum over ``axes``, which are dropped."""
    return emit_tracer("reduce_sum", x, axes=tuple(axes)) if axes else x


register(
    Entry("broadcast", _broadcast_rule, _broadcast_meaning, View(), Linear(_broadcast_transpose))
)


def _reshaped_type(types: Sequence[ArrayType], shape: tuple[Extent, ...]) -> tuple[ArrayType]:
    """The type of a reshaped array; native code reads as many elements as the shape has."""
    size, wanted = product(types[0].shape), product(shape)
    if isinstance(size, int) and isinstance(wanted, int) and size != wanted:
        raise ValueError(f"cannot reshape array of size {size} into shape {tuple(shape)}")
    return (ArrayType(types[0].dtype, tuple(shape)),)


def reshape(x: Tracer, shape: tuple[Extent, ...]) -> Tracer:
    """Reshape in C order."""
    if same_shape(tuple(shape), x.value.shape):
        return x
    return emit_tracer("reshape", x, shape=tuple(shape))


register(
    Entry(
        "reshape",
        _reshaped_type,
        lambda x, shape: np.reshape(x, shape),
        View(),
        Linear(lambda site, ct: (reshape(ct, site.operands[0].value.shape),)),
    )
)


def transpose(x: Tracer, axes: tuple[int, ...]) -> Tracer:
    """Permute axes: result axis k is operand axis ``axes[k]``."""
    if tuple(axes) == tuple(range(len(axes))):
        return x
    return emit_tracer("transpose", x, axes=tuple(axes))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    inverse = [0] * len(axes)
    for k, axis in enumerate(axes):
        inverse[axis] = k
    return tuple(inverse)


register(
    Entry(
        "transpose",
        lambda types, axes: (ArrayType(types[0].dtype, tuple(types[0].shape[a] for a in axes)),),
        lambda x, axes: np.transpose(x, axes),
        View(),
        Linear(lambda site, ct: (transpose(ct, _inverse(site.attributes["axes"])),)),
    )
)


def kept_shape(sizes: Sizes) -> tuple[Extent, ...]:
    """Shape of a slice: the sizes of the axes that are kept."""
    return tuple([n for n in sizes if n is not None])


def index_of(
    starts: Sequence[int], sizes: Sequence[int | None], steps: Sequence[int]
) -> tuple[Any, ...]:
    """The NumPy index that selects a slice of given integers."""
    index: list[Any] = []
    for start, size, step in zip(starts, sizes, steps, strict=True):
        if size is None:
            index.append(start)
        elif size <= 0:
            index.append(slice(0, 0, 1))
        else:
            stop = start + step * size
            index.append(slice(start, stop if stop >= 0 else None, step))
    return tuple(index)


def _slice_rule(types: Any, starts: Starts, sizes: Sizes, steps: Starts) -> tuple[ArrayType, ...]:
    if not len(starts) == len(sizes) == len(steps) == len(types[0].shape):
        raise InternalError("slice: one start, size and step per axis")
    return (ArrayType(types[0].dtype, kept_shape(sizes)),)


def _slice_meaning(x: Any, starts: Any, sizes: Any, steps: Any) -> Any:
    return x[index_of(starts, sizes, steps)]


def slice_of(x: Tracer, starts: Starts, sizes: Sizes, steps: Starts) -> Tracer:
    """A slice by start, size (None: index) and step per axis."""
    return emit_tracer("slice", x, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps))


def slice_update(x: Tracer, v: Tracer, starts: Starts, sizes: Sizes, steps: Starts) -> Tracer:
    """``x`` with a slice replaced by ``v``."""
    return emit_tracer(
        "slice_update", x, v, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps)
    )


def slice_add(x: Tracer, v: Tracer, starts: Starts, sizes: Sizes, steps: Starts) -> Tracer:
    """``x`` with ``v`` added to a slice."""
    return emit_tracer(
        "slice_add", x, v, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps)
    )


register(
    Entry(
        "slice",
        _slice_rule,
        _slice_meaning,
        View(),
        Linear(lambda site, ct: (Accumulate(lambda acc: slice_add(acc, ct, **site.attributes)),)),
    )
)


# -- updates ------------------------------------------------------------------------------------
def _update_rule(types: Any, starts: Starts, sizes: Sizes, steps: Starts) -> tuple[ArrayType, ...]:
    x, v = types
    shape = kept_shape(sizes)
    if x.dtype != v.dtype or len(v.shape) != len(shape):
        raise InternalError(f"slice update: {v} does not fit the slice {shape} of {x}")
    return (ArrayType(x.dtype, x.shape),)


def _slice_update_meaning(x: Any, v: Any, starts: Any, sizes: Any, steps: Any) -> Any:
    result = np.array(x)
    result[index_of(starts, sizes, steps)] = v
    return result


def _slice_add_meaning(x: Any, v: Any, starts: Any, sizes: Any, steps: Any) -> Any:
    result = np.array(x)
    result[index_of(starts, sizes, steps)] += v
    return result


def _slice_update_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    v = site.operands[1]
    need_x, need_v = site.needed
    ct_v = slice_of(ct, **site.attributes) if need_v else None
    ct_x = slice_update(ct, zeros_like(v), **site.attributes) if need_x else None
    return ct_x, ct_v


def _slice_add_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    return ct, slice_of(ct, **site.attributes) if site.needed[1] else None


register(
    Entry(
        "slice_update",
        _update_rule,
        _slice_update_meaning,
        Update(),
        Linear(_slice_update_transpose, (0, 1)),
    )
)
register(
    Entry(
        "slice_add",
        _update_rule,
        _slice_add_meaning,
        Update(),
        Linear(_slice_add_transpose, (0, 1)),
    )
)


def _concatenate_rule(types: Any, axis: int) -> tuple[ArrayType, ...]:
    first = types[0]
    total: Extent = 0
    for t in types:
        total = total + t.shape[axis]
    return (ArrayType(first.dtype, first.shape[:axis] + (total,) + first.shape[axis + 1 :]),)


def _concatenate_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    axis = site.attributes["axis"]
    cts: list[Any] = []
    start: Extent = 0
    for x, needed in zip(site.operands, site.needed, strict=True):
        shape = x.value.shape
        starts = tuple(start if k == axis else 0 for k in range(len(shape)))
        cts.append(slice_of(ct, starts, shape, (1,) * len(shape)) if needed else None)
        start = start + shape[axis]
    return tuple(cts)


register(
    Entry(
        "concatenate",
        _concatenate_rule,
        lambda *xs, axis: np.concatenate(xs, axis=axis),
        View(),
        Linear(_concatenate_transpose),
    )
)


# -- gather and scatter -------------------------------------------------------------------------
def _rest(shape: Sequence[Any], axes: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(n for k, n in enumerate(shape) if k not in axes)


def _gather_rule(types: Any, axes: tuple[int, ...]) -> tuple[ArrayType, ...]:
    x, indices = types[0], types[1:]
    if len(indices) != len(axes):
        raise InternalError("gather: one index array per indexed axis")
    return (ArrayType(x.dtype, indices[0].shape + _rest(x.shape, axes)),)


def _first(x: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    return axes + tuple(k for k in range(x.ndim) if k not in axes)


def _gather_meaning(x: Any, *indices: Any, axes: tuple[int, ...]) -> Any:
    return np.transpose(x, _first(x, axes))[tuple(indices)]


def _scatter_rule(types: Any, axes: tuple[int, ...]) -> tuple[ArrayType, ...]:
    x, v = types[0], types[-1]
    if x.dtype != v.dtype or len(types) != len(axes) + 2:
        raise InternalError("scatter: operands do not fit")
    return (ArrayType(x.dtype, x.shape),)


def _scatter_update_meaning(x: Any, *rest: Any, axes: tuple[int, ...]) -> Any:
    result = np.array(x)
    np.transpose(result, _first(x, axes))[tuple(rest[:-1])] = rest[-1]
    return result


def _scatter_add_meaning(x: Any, *rest: Any, axes: tuple[int, ...]) -> Any:
    result = np.array(x)
    np.add.at(np.transpose(result, _first(x, axes)), tuple(rest[:-1]), rest[-1])
    return result


def gather(x: Tracer, indices: Sequence[Tracer], axes: tuple[int, ...]) -> Tracer:
    """Elements at integer index arrays along ``axes``."""
    return emit_tracer("gather", x, *indices, axes=tuple(axes))


def scatter_update(
    x: Tracer, indices: Sequence[Tracer], v: Tracer, axes: tuple[int, ...]
) -> Tracer:
    """``x`` with the elements at the index arrays replaced by ``v``."""
    return emit_tracer("scatter_update", x, *indices, v, axes=tuple(axes))


def scatter_add(x: Tracer, indices: Sequence[Tracer], v: Tracer, axes: tuple[int, ...]) -> Tracer:
    """``x`` with ``v`` added at the index arrays."""
    return emit_tracer("scatter_add", x, *indices, v, axes=tuple(axes))


def _gather_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    indices = site.operands[1:]
    return (
        Accumulate(lambda acc: scatter_add(acc, indices, ct, site.attributes["axes"])),
        *(None,) * len(indices),
    )


def _last_writer(site: Site, ct: Any) -> Any:
    """1 where an element of ``v`` is the one that stayed, 0 where an equal index came later."""
    x, indices, v = site.operands[0], site.operands[1:-1], site.operands[-1]
    axes = site.attributes["axes"]
    count = v.value.shape
    total: Extent = 1
    for n in count:
        total = total * n
    order = reshape(emit_tracer("iota", size=total, dtype=INT), count)
    winners = scatter_update(zeros(x.value.shape, INT), indices, order, axes)
    return np.equal(gather(winners, indices, axes), order)


def _scatter_update_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    indices, v = site.operands[1:-1], site.operands[-1]
    axes = site.attributes["axes"]
    ct_x = scatter_update(ct, indices, zeros_like(v), axes) if site.needed[0] else None
    ct_v = None
    if site.needed[-1]:
        ct_v = np.where(
            _last_writer(site, ct), gather(ct, indices, axes), np.zeros((), ct.dtype)[()]
        )
    return (ct_x, *(None,) * len(indices), ct_v)


def _scatter_add_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    indices = site.operands[1:-1]
    ct_v = gather(ct, indices, site.attributes["axes"]) if site.needed[-1] else None
    return (ct, *(None,) * len(indices), ct_v)


register(Entry("gather", _gather_rule, _gather_meaning, View(), Linear(_gather_transpose, (0,))))
register(
    Entry(
        "scatter_update",
        _scatter_rule,
        _scatter_update_meaning,
        Update(),
        Linear(_scatter_update_transpose, (0, -1)),
    )
)
register(
    Entry(
        "scatter_add",
        _scatter_rule,
        _scatter_add_meaning,
        Update(),
        Linear(_scatter_add_transpose, (0, -1)),
    )
)
