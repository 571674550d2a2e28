"""Creation, views, updates and reductions in JAX, also of arrays whose size is found at run time.

    slice           lax.slice, lax.dynamic_slice; a gather where its size is not known
    slice_update    lax.dynamic_update_slice; a scatter that drops what lies beyond the size
    reduce_sum      what lies beyond the size is replaced by 0 first

``x[:n]`` with an ``n`` that the program computes is held in an array as large as ``x``.  Everything
here keeps to one rule: elements beyond the size mean nothing, so they are neither reduced nor
written anywhere, and an index array's surplus entries point at nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from autodiff.dims import same
from autodiff.engines.jax.translation import FAILING, Translation, fit, is_known, translates
from autodiff.ir.data import Operation, Value
from autodiff.ops.structural import index_of

INT64 = np.dtype(np.int64)


# -- creation ---------------------------------------------------------------------------------------
@translates("constant")
def _constant(t: Translation, operation: Operation) -> Any:
    return np.asarray(operation.attributes["value"])


@translates("iota")
def _iota(t: Translation, operation: Operation) -> Any:
    (size,) = t.shape_of(operation.result)
    return lax.iota(np.dtype(operation.attributes["dtype"]), size)


@translates("extent_value")
def _extent_value(t: Translation, operation: Operation) -> Any:
    found = t.extent(operation.attributes["value"])
    return np.int64(found) if isinstance(found, int) else found


# -- views --------------------------------------------------------------------------------------------
@translates("broadcast")
def _broadcast(t: Translation, operation: Operation) -> Any:
    (value,) = operation.operands
    x, shape, axes = (
        jnp.asarray(t[value]),
        t.shape_of(operation.result),
        operation.attributes["axes"],
    )
    wanted = operation.attributes["shape"]
    held = []
    for k, axis in enumerate(axes):
        n = value.shape[k]
        if same(n, 1):
            held.append(1)
            continue
        if not same(n, wanted[axis]):
            size = t.extent(n)
            if isinstance(size, int) and size == 1:
                held.append(1)
                continue
            if not isinstance(size, int):  # 1 or that of the result, as the run will tell
                whole = fit(x, (*x.shape[:k], shape[axis], *x.shape[k + 1 :]))
                first = lax.slice_in_dim(whole, 0, 1, axis=k)
                x = jnp.where(size == 1, jnp.broadcast_to(first, whole.shape), whole)
        held.append(shape[axis])
    return lax.broadcast_in_dim(fit(x, tuple(held)), shape, axes)


def _without_ones(shape: Sequence[Any]) -> list[Any]:
    return [n for n in shape if not same(n, 1)]


@translates("reshape")
def _reshape(t: Translation, operation: Operation) -> Any:
    (value,) = operation.operands
    x, result = jnp.asarray(t[value]), operation.result
    shape = t.shape_of(result)
    open_in, open_out = t.open_axes(value), t.open_axes(result)
    if not open_in and not open_out:
        count = math.prod(shape)
        if x.size != count:  # where a check has failed, or that is never reached
            x = fit(jnp.ravel(x), (count,))
        return jnp.reshape(x, shape)
    one, other = _without_ones(value.shape), _without_ones(result.shape)
    if len(one) == len(other) and all(map(same, one, other)):
        middle = tuple([t._held(n) for n in one])
        kept = tuple([t._held(n) if not same(n, 1) else 1 for n in value.shape])
        return jnp.reshape(fit(x, kept), middle).reshape(shape)
    # Element by element: the position in C order, by the sizes that the arrays have at this run.
    position = _position(t, result, shape)
    index = []
    for n in reversed([t.extent(n) for n in value.shape]):
        divisor = jnp.maximum(jnp.asarray(n, INT64), 1)
        index.append(position % divisor)
        position = position // divisor
    return x.at[tuple(reversed(index))].get(mode="clip")


def _position(t: Translation, value: Value, shape: tuple[int, ...]) -> Any:
    """The number of each element in C order."""
    position: Any = jnp.zeros(shape, INT64)
    stride: Any = np.int64(1)
    for axis in reversed(range(len(shape))):
        position = position + lax.broadcasted_iota(INT64, shape, axis) * stride
        stride = stride * jnp.asarray(t.extent(value.shape[axis]), INT64)
    return position


@translates("transpose")
def _transpose(t: Translation, operation: Operation) -> Any:
    return lax.transpose(jnp.asarray(t[operation.operands[0]]), operation.attributes["axes"])


class _Slice:
    """Starts, sizes and steps of a slice: integers, or traced where the run tells."""

    def __init__(self, t: Translation, operation: Operation) -> None:
        attributes = operation.attributes
        self.starts = [t.extent(n) for n in attributes["starts"]]
        self.steps = [t.extent(n) for n in attributes["steps"]]
        self.sizes = [None if n is None else t.extent(n) for n in attributes["sizes"]]
        self.most = [None if n is None else t._held(n) for n in attributes["sizes"]]

    @property
    def is_static(self) -> bool:
        """Whether all of it is known."""
        parts = (*self.starts, *self.steps, *[n for n in self.sizes if n is not None])
        return all(isinstance(n, int) for n in parts)

    @property
    def is_block(self) -> bool:
        """Whether it is a block of neighbours, of a known size, that starts anywhere."""
        return all(
            size is None or (isinstance(size, int) and isinstance(step, int) and step == 1)
            for size, step in zip(self.sizes, self.steps, strict=True)
        )

    @property
    def block(self) -> tuple[int, ...]:
        """The shape of that block, dropped axes kept."""
        return tuple([1 if n is None else n for n in self.most])

    @property
    def kept(self) -> tuple[int, ...]:
        """The shape of the result."""
        return tuple([n for n in self.most if n is not None])

    def index(self, shape: tuple[int, ...] | None = None) -> tuple[Any, ...]:
        """Index arrays, one an axis.

        Of an array of this shape, if it is given, what lies beyond the size of the slice points at
        nothing: one past the end of the axis, where nothing is written.
        """
        found = []
        at, rank = 0, len(self.kept)
        ends = [None] * len(self.starts) if shape is None else shape
        for start, size, step, most, end in zip(
            self.starts, self.sizes, self.steps, self.most, ends, strict=True
        ):
            if most is None:
                found.append(jnp.asarray(start, INT64))
                continue
            line = lax.iota(INT64, most)
            places = jnp.asarray(start, INT64) + line * jnp.asarray(step, INT64)
            if end is not None and not isinstance(size, int):
                places = jnp.where(line < size, places, end)
            along = [1] * rank
            along[at] = most
            found.append(places.reshape(along))
            at += 1
        return tuple(found)


def _is_within(s: _Slice, shape: tuple[int, ...]) -> bool:
    """Whether a slice that is known lies in its array: else this is never reached, or has failed."""
    for start, size, step, n in zip(s.starts, s.sizes, s.steps, shape, strict=True):
        last = start if size is None else start + (size - 1) * step
        if size != 0 and not (0 <= start < n and 0 <= last < n):
            return False
    return True


@translates("slice")
def _slice(t: Translation, operation: Operation) -> Any:
    x, s = t[operation.operands[0]], _Slice(t, operation)
    if s.is_static and _is_within(s, np.shape(x)):
        return (x if is_known(x) else jnp.asarray(x))[index_of(s.starts, s.sizes, s.steps)]
    x = jnp.asarray(x)
    if s.is_block and all(n <= m for n, m in zip(s.block, x.shape, strict=True)):
        starts = [jnp.asarray(n, INT64) for n in s.starts]
        return lax.dynamic_slice(x, starts, s.block).reshape(s.kept)
    if any(n == 0 for n in x.shape):
        return jnp.zeros(s.kept, x.dtype)
    return x.at[s.index()].get(mode="clip")


@translates("slice_update", "slice_add")
def _slice_update(t: Translation, operation: Operation) -> Any:
    x, v = (jnp.asarray(t[o]) for o in operation.operands)
    adds = operation.kind == "slice_add"
    s = _Slice(t, operation)
    v = fit(v, s.kept)
    if s.is_static and _is_within(s, x.shape) and not t.open_axes(operation.operands[1]):
        at = x.at[index_of(s.starts, s.sizes, s.steps)]
        return at.add(v) if adds else at.set(v)
    if s.is_block and all(n <= m for n, m in zip(s.block, x.shape, strict=True)):
        starts = [jnp.asarray(n, INT64) for n in s.starts]
        v = v.reshape(s.block)
        if adds:
            v = v + lax.dynamic_slice(x, starts, s.block)
        return lax.dynamic_update_slice(x, v, starts)
    if not x.size or not v.size:  # never reached, or nothing is written
        return x
    index = s.index(x.shape)
    return x.at[index].add(v, mode="drop") if adds else x.at[index].set(v, mode="drop")


@translates("concatenate")
def _concatenate(t: Translation, operation: Operation) -> Any:
    axis, result = operation.attributes["axis"], operation.result
    shape = t.shape_of(result)
    parts, sizes = [], []
    for value in operation.operands:
        size = t.extent(value.shape[axis])
        held = size if isinstance(size, int) else t.most(value.shape[axis])
        parts.append(fit(t[value], (*shape[:axis], held, *shape[axis + 1 :])))
        sizes.append(size)
    if all(isinstance(n, int) for n in sizes):
        return lax.concatenate(parts, axis)
    whole = jnp.zeros(shape, result.dtype)
    start: Any = np.int64(0)
    for part, size in zip(parts, sizes, strict=True):
        line = lax.iota(INT64, part.shape[axis])
        places = jnp.where(line < size, start + line, shape[axis])
        whole = whole.at[(slice(None),) * axis + (places,)].set(part, mode="drop")
        start = start + size
    return whole


# -- gather and scatter ---------------------------------------------------------------------------
FAILING.update(("gather", "scatter_update", "scatter_add"))
_IN_BOUNDS = ("argsort", "iota", "nonzero", "argmax", "argmin")


def _positions(
    t: Translation, x: Value, indices: Sequence[Value], axes: Sequence[int], drop: bool
) -> tuple[Any, ...]:
    """Index arrays in ``0 … n - 1``; out of bounds the run fails."""
    found = []
    for value, axis in zip(indices, axes, strict=True):
        n, index = t.extent(x.shape[axis]), t[value]
        message = f"an index is out of bounds for axis {axis}"
        if is_known(index) and isinstance(n, int):
            t.require(bool(np.all((index >= -n) & (index < n))), message)
            wrapped = np.where(index < 0, index.astype(INT64) + n, index)
            found.append(np.clip(wrapped, 0, max(n - 1, 0)))
            continue
        index = jnp.asarray(index).astype(INT64)
        beyond = t.open_axes(value)
        if not _is_inside(value, x, axis):
            fits = (index >= -n) & (index < n)
            t.require(jnp.all(t.filled(value, fits, True)), message)
            index = jnp.where(index < 0, index + n, index)
        if beyond:  # one past the end is nowhere
            index = t.filled(value, index, t._held(x.shape[axis]) if drop else 0)
        found.append(index)
    return tuple(found)


def _is_inside(value: Value, x: Value, axis: int) -> bool:
    """Whether indices come from an operation that gives positions along that very axis."""
    owner = value.owner
    while owner is not None and owner.kind in ("broadcast", "reshape", "transpose"):
        owner = owner.operands[0].owner
    if owner is None or owner.kind not in _IN_BOUNDS:
        return False
    if owner.kind == "iota":
        return same(owner.result.shape[0], x.shape[axis])
    of = owner.operands[0]
    if owner.kind == "nonzero":
        return any(
            found is value and same(of.shape[k], x.shape[axis])
            for k, found in enumerate(owner.results)
        )
    return same(of.shape[owner.attributes["axis"]], x.shape[axis])


def _axes_first(x: Any, axes: Sequence[int]) -> tuple[Any, tuple[int, ...]]:
    order = (*axes, *[k for k in range(x.ndim) if k not in axes])
    return lax.transpose(x, order), tuple([order.index(k) for k in range(x.ndim)])


@translates("gather")
def _gather(t: Translation, operation: Operation) -> Any:
    value, *indices = operation.operands
    axes = operation.attributes["axes"]
    index = _positions(t, value, indices, axes, drop=False)
    if is_known(t[value]) and all(map(is_known, index)):
        return np.transpose(t[value], _order(t[value], axes))[index]
    x, _ = _axes_first(jnp.asarray(t[value]), axes)
    if any(n == 0 for n in x.shape[: len(axes)]):
        return jnp.zeros(
            (*jnp.broadcast_shapes(*[i.shape for i in index]), *x.shape[len(axes) :]), x.dtype
        )
    return x.at[index].get(mode="clip")


def _order(x: Any, axes: Sequence[int]) -> tuple[int, ...]:
    return (*axes, *[k for k in range(x.ndim) if k not in axes])


@translates("scatter_add")
def _scatter_add(t: Translation, operation: Operation) -> Any:
    value, *indices, v = operation.operands
    index = _positions(t, value, indices, operation.attributes["axes"], drop=True)
    x, back = _axes_first(jnp.asarray(t[value]), operation.attributes["axes"])
    return lax.transpose(x.at[index].add(_as_rows(t, v, index, x), mode="drop"), back)


@translates("scatter_update")
def _scatter_update(t: Translation, operation: Operation) -> Any:
    value, *indices, v = operation.operands
    axes = operation.attributes["axes"]
    index = _positions(t, value, indices, axes, drop=True)
    x, back = _axes_first(jnp.asarray(t[value]), axes)
    if not _are_unlike(index, x.shape[: len(axes)]):
        # In XLA any of the writers of an element may be the last; in NumPy it is the last in order.
        shape = jnp.broadcast_shapes(*[i.shape for i in index])
        order = jnp.arange(int(np.prod(shape)), dtype=INT64).reshape(shape)
        table = jnp.full(x.shape[: len(axes)], -1, INT64).at[index].max(order, mode="drop")
        last = table.at[index].get(mode="fill", fill_value=-1) == order
        index = (jnp.where(last, index[0], x.shape[0]), *index[1:])
    return lax.transpose(x.at[index].set(_as_rows(t, v, index, x), mode="drop"), back)


def _as_rows(t: Translation, v: Value, index: Sequence[Any], x: Any) -> Any:
    """What is written, in the shape in which the elements it goes to are held."""
    shape = jnp.broadcast_shapes(*[np.shape(i) for i in index])
    rest = x.shape[len(index) :]
    given = jnp.asarray(t[v])
    # Operands of the same sizes, but for axes of extent 1, may be held in different shapes.
    wanted = (*shape, *rest)
    held = tuple([1 if n == 1 else m for n, m in zip(given.shape, wanted, strict=True)])
    return jnp.broadcast_to(fit(given, held), wanted)


def _are_unlike(index: Sequence[Any], shape: Sequence[int]) -> bool:
    """Whether no two entries are equal, for certain."""
    if not all(map(is_known, index)):
        return all(np.size(i) <= 1 for i in index)
    flat = np.ravel_multi_index([np.ravel(i) for i in np.broadcast_arrays(*index)], tuple(shape))
    return len(np.unique(flat)) == flat.size


# -- reductions -----------------------------------------------------------------------------------
def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def _sum(x: Any, axes: tuple[int, ...]) -> Any:
    if x.dtype == bool:
        return jnp.any(x, axis=axes)
    return jnp.sum(x, axis=axes, dtype=x.dtype)


def _prod(x: Any, axes: tuple[int, ...]) -> Any:
    if x.dtype == bool:
        return jnp.all(x, axis=axes)
    return jnp.prod(x, axis=axes, dtype=x.dtype)


_REDUCTIONS: dict[str, tuple[Callable[[Any, tuple[int, ...]], Any], Callable[[Any], Any]]] = {
    "reduce_sum": (_sum, lambda dtype: 0),
    "reduce_prod": (_prod, lambda dtype: 1),
    "reduce_max": (lambda x, axes: jnp.max(x, axis=axes), _lowest),
    "reduce_min": (lambda x, axes: jnp.min(x, axis=axes), _highest),
    "reduce_any": (lambda x, axes: jnp.any(x != 0, axis=axes), lambda dtype: 0),
    "reduce_all": (lambda x, axes: jnp.all(x != 0, axis=axes), lambda dtype: 1),
}


@translates(*_REDUCTIONS)
def _reduce(t: Translation, operation: Operation) -> Any:
    (value,) = operation.operands
    function, identity = _REDUCTIONS[operation.kind]
    x = t.filled(value, t[value], identity(value.dtype))
    axes = tuple(operation.attributes["axes"])
    if operation.kind in ("reduce_max", "reduce_min") and any(x.shape[k] == 0 for k in axes):
        return jnp.full(t.shape_of(operation.result), identity(value.dtype), x.dtype)
    return function(x, axes)


@translates("argmax", "argmin")
def _arg_extremum(t: Translation, operation: Operation) -> Any:
    (value,) = operation.operands
    axis = operation.attributes["axis"]
    largest = operation.kind == "argmax"
    fill = (_lowest if largest else _highest)(value.dtype)
    x = t.filled(value, t[value], fill)
    return (lax.argmax if largest else lax.argmin)(x, axis, INT64)


@translates("cumulative_sum", "cumulative_prod")
def _cumulative(t: Translation, operation: Operation) -> Any:
    (value,) = operation.operands
    sums = operation.kind == "cumulative_sum"
    x = t.filled(value, t[value], 0 if sums else 1)
    run = lax.cumsum if sums else lax.cumprod
    axis, reverse = operation.attributes["axis"], operation.attributes["reverse"]
    if x.dtype == bool:
        return run(x.astype(np.int32), axis=axis, reverse=reverse) != 0
    return run(x, axis=axis, reverse=reverse)


# -- order ------------------------------------------------------------------------------------------
@translates("sort")
def _sort(t: Translation, operation: Operation) -> Any:
    x = _sortable(t, operation)
    return lax.sort(x, dimension=operation.attributes["axis"])


def _sortable(t: Translation, operation: Operation) -> Any:
    """The operand, with what lies beyond its size last."""
    (value,) = operation.operands
    fill = np.nan if value.dtype.kind == "f" else _highest(value.dtype)
    return t.filled(value, t[value], fill)


@translates("argsort")
def _argsort(t: Translation, operation: Operation) -> Any:
    x, axis = _sortable(t, operation), operation.attributes["axis"]
    line = lax.broadcasted_iota(INT64, x.shape, axis)
    return lax.sort((x, line), dimension=axis, is_stable=True, num_keys=1)[1]


@translates("searchsorted")
def _searchsorted(t: Translation, operation: Operation) -> Any:
    a, v = operation.operands
    x = t.filled(a, t[a], np.nan if a.dtype.kind == "f" else _highest(a.dtype))
    found = jnp.searchsorted(x, jnp.asarray(t[v]), side=operation.attributes["side"])
    n = t.extent(a.shape[0])
    return jnp.minimum(found.astype(INT64), jnp.asarray(n, INT64))


@translates("nonzero")
def _nonzero(t: Translation, operation: Operation) -> Any:
    (value,) = operation.operands
    size = t._held(operation.attributes["size"])
    mask = t.filled(value, t[value], 0) != 0
    found = jnp.nonzero(mask, size=size, fill_value=0)
    return tuple([x.astype(INT64) for x in found])
