"""Shape functions: views of an array with other axes, and arrays joined, split and repeated.

    np.reshape(x, (2, -1))     a view step of x where NumPy gives a view, else a copy
    np.concatenate([x, y])     a concatenate operation

Views share their storage with ``x``; stores through either are seen by both.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.dims import Dim, Extent, at_least, equal, maximum, minimum, product, same_shape
from autodiff.ops import structural
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import (
    check,
    compare,
    decide,
    extent_of,
    known,
    natural,
    require,
    require_equal,
    type_name,
    within_reach,
)
from autodiff.ops.layout import (
    is_c_ordered,
    is_f_ordered,
    lay_out,
    lies_in,
    memory,
    note_order,
    noted_copy,
    noted_view,
    order_of,
    representative,
    reshape_view,
)
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    constant,
    contains_tracer,
    describe,
    pointwise,
    result_dtype,
    select,
    shape_error,
)
from autodiff.ops.structural import INT, slice_of
from autodiff.ops.tracer import Tracer, ViewStep, as_tracer, emit_tracer, whole_of
from autodiff.ops.ufuncs import as_output, unsupported, write_out

Shape = tuple[Extent, ...]


def viewed(x: Tracer, step: ViewStep) -> Tracer:
    """A view of an array; of a scalar, which has no storage of its own, a new array."""
    if x.form == "array":
        return x.follow(step)
    return Tracer(step.read(Tracer(x.value, "array")).value, "array")


def axis_or_none(axis: Any) -> int | None:
    """An axis, or None, for which NumPy's functions in C have a number."""
    if axis is None:
        return None
    if is_bool(axis):
        raise TypeError("an integer is required for the axis")
    index = operator.index(axis)
    return None if index == np.iinfo(np.intc).min else index


def array_of(x: Any) -> Tracer:
    """``np.asarray(x)``: tracers of form array as they are."""
    x = as_array(x)
    return x if x.form == "array" else Tracer(x.value, "array")


def is_bool(x: Any) -> bool:
    """Whether a number is a bool, which is an int to Python and to NumPy's functions in C is none."""
    return isinstance(x, (bool, np.bool)) or (
        isinstance(x, Tracer) and not x.shape and x.dtype.kind == "b"
    )


def axes_in_c(axis: Any, ndim: int) -> tuple[int, ...]:
    """One axis or a tuple of axes, as NumPy's functions in C take them."""
    if isinstance(axis, list):
        raise TypeError("'list' object cannot be interpreted as an integer")
    found = []
    for k in axis if isinstance(axis, tuple) else (axis,):
        if is_bool(k):
            raise TypeError("an integer is required")
        found.append(normalize_axis_index(operator.index(k), ndim))
    return normalize_axis_tuple(tuple(found), ndim, "axis")


def as_shape(shape: Any) -> Shape:
    """A shape argument (an integer or a sequence of them) as extents."""
    if isinstance(shape, bool):
        np.zeros(shape)  # NumPy's exception
    if isinstance(shape, (list, tuple)):
        return tuple([_size(n) for n in shape])
    if isinstance(shape, np.ndarray) and shape.ndim == 1:
        return tuple([_size(n) for n in shape])
    if isinstance(shape, Tracer) and shape.ndim == 1:
        return tuple([_size(shape[k]) for k in range(len(shape))])
    return (extent_of(shape) if is_bool(shape) else _size(shape),)


def _size(n: Any) -> Extent:
    if is_bool(n):
        raise TypeError("an integer is required")
    if type(n) is int and not -(2**63) <= n < 2**63:
        raise ValueError("Maximum allowed dimension exceeded")
    return extent_of(n)


# -- reshape --------------------------------------------------------------------------------------
def _asked(shape: Shape, open_axes: list[int]) -> str:
    """A shape with -1 as NumPy's message writes it: not at all in front, else ``newaxis``."""
    texts = ["newaxis" if k in open_axes else str(n) for k, n in enumerate(shape)]
    if 0 in open_axes:
        texts = texts[1:]
    return f"({','.join(texts)}{',' if len(shape) == 1 else ''})"


def _complete(shape: Shape, x: Tracer) -> Shape:
    """Replace -1, or any negative number, and check the number of elements."""
    open_axes = [k for k, n in enumerate(shape) if isinstance(n, int) and n < 0]
    if len(open_axes) > 1:
        raise shape_error("can only specify one unknown dimension")
    if not open_axes and same_shape(shape, x.shape):
        return shape
    for n in shape:
        if isinstance(n, Dim):  # -1 at run time would stand for what is left
            natural(n)
    if open_axes:
        k = open_axes[0]
        others = product(shape[:k] + shape[k + 1 :])
        empty = isinstance(others, int) and others == 0
        nothing = isinstance(others, Dim) and decide(lambda: equal(others, 0))
        if nothing or empty:  # of which nothing is a multiple
            raise shape_error(
                f"cannot reshape array of size {x.size} into shape {_asked(shape, open_axes)}"
            )
        shape = (*shape[:k], x.size // others, *shape[k + 1 :])
    if not require_equal(product(shape), x.size, "cannot reshape array"):
        raise shape_error(
            f"cannot reshape array of size {x.size} into shape {_asked(shape, open_axes)}"
        )
    return shape


def _reshape_step(shape: Shape) -> ViewStep:
    def relayout(a: Any) -> Any:
        return reshape_view(a, shape)

    return ViewStep(
        lambda p: structural.reshape(p, shape),
        lambda p, new: structural.reshape(new, p.shape),
        relayout,
        lambda a, sizes: a.reshape(tuple(sizes)),
        shape,
    )


@implements(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: Any = None) -> Tracer:
    """``np.reshape``: a view where NumPy gives one."""
    x = array_of(a)
    if order.upper() == "K":
        raise ValueError("order 'K' is not permitted for reshaping")
    if order_of(order, x) == "F":
        target = _complete(as_shape(shape), x)
        return transpose(reshape(transpose(x), target[::-1], copy=copy))
    target = _complete(as_shape(shape), x)
    # A vector has one stride, so that every shape of it is a view.
    gaps = x.ndim > 1 and not is_c_ordered(x) and reshape_view(memory(x), target) is None
    if copy is True or gaps:
        if copy is False:
            raise ValueError("Unable to avoid creating a copy while reshaping.")
        made = Tracer(structural.reshape(x, target).value, "array")
        return noted_copy(made, x) if gaps else made
    view = viewed(x, _reshape_step(target))
    # Of an array in another order it may be a copy, if not of a vector, whatever its stride.
    return noted_view(view, x) if x.ndim > 1 else view


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Tracer:
    """``np.ravel``."""
    x = array_of(a)
    if not x.shape:
        return reshape(x, (1,))
    chosen = order_of(order, x)
    if chosen == "K" and x.ndim > 1:  # as the elements lie in memory
        note_order(x)
        strides = memory(x).strides
        axes = sorted(range(x.ndim), key=lambda k: -abs(strides[k]))
        return ravel(transpose(x, axes) if axes != list(range(x.ndim)) else x)
    # A view only where there are no gaps, unlike that of a reshape.
    dense = is_f_ordered(x) if chosen == "F" else is_c_ordered(x)
    chosen = "F" if chosen == "F" else "C"
    if dense:
        return noted_view(reshape(x, (x.size,), order=chosen), x)
    return noted_copy(reshape(x, (x.size,), order=chosen, copy=True), x)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Tracer:
    """``np.expand_dims``."""
    x = array_of(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    places = normalize_axis_tuple(axes, x.ndim + len(axes))
    rest = iter(x.shape)
    shape = tuple(1 if k in places else next(rest) for k in range(x.ndim + len(axes)))
    return viewed(x, _reshape_step(shape))


def _not_a_number(a: Any) -> Tracer:
    """An array or NumPy scalar as it is, a Python number as an array."""
    x = as_array(a)
    return Tracer(x.value, "array") if x.form == "python" else x


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Tracer:
    """``np.squeeze``."""
    x = _not_a_number(a)
    if axis is None:
        # A symbolic extent is not 1 unless a guard says so.
        axes = tuple(k for k, n in enumerate(x.shape) if decide(lambda n=n: equal(n, 1)))  # type: ignore[misc]
    else:
        axes = axes_in_c(axis, x.ndim)
        if not all(require_equal(x.shape[k], 1, "cannot squeeze") for k in axes):
            raise shape_error(
                "cannot select an axis to squeeze out which has size not equal to one"
            )
    if not axes:
        return x
    return viewed(x, _reshape_step(tuple(n for k, n in enumerate(x.shape) if k not in axes)))


# -- permutations of axes ---------------------------------------------------------------------------
@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Tracer:
    """``np.transpose``: always a view."""
    x = _not_a_number(a)
    if not x.shape and axes in (None, ()):
        return x
    if axes is None:
        order = tuple(range(x.ndim))[::-1]
    else:
        if len(axes) != x.ndim:
            raise ValueError("axes don't match array")
        if any(map(is_bool, axes)):
            raise TypeError("an integer is required")
        order = tuple(normalize_axis_index(operator.index(k), x.ndim) for k in axes)
        if len(set(order)) != x.ndim:
            raise ValueError("repeated axis in transpose")
    inverse = tuple(order.index(k) for k in range(len(order)))
    step = ViewStep(
        lambda p: structural.transpose(p, order),
        lambda p, new: structural.transpose(new, inverse),
        lambda d: np.transpose(d, order),
        lambda a, sizes: np.transpose(a, order),
    )
    return viewed(x, step)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Tracer:
    """``np.matrix_transpose``."""
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Tracer:
    """``np.swapaxes``."""
    x = as_array(a)
    order = list(range(x.ndim))
    i, j = (normalize_axis_index(operator.index(k), x.ndim) for k in (axis1, axis2))
    order[i], order[j] = order[j], order[i]
    return transpose(x, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Tracer:
    """``np.moveaxis``."""
    x = as_array(a)
    start = normalize_axis_tuple(source, x.ndim, "source")
    end = normalize_axis_tuple(destination, x.ndim, "destination")
    if len(start) != len(end):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [k for k in range(x.ndim) if k not in start]
    for place, axis in sorted(zip(end, start, strict=True)):
        order.insert(place, axis)
    return transpose(x, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Tracer:
    """``np.rollaxis``."""
    x = as_array(a)
    axis = normalize_axis_index(axis, x.ndim)
    place = start + x.ndim if start < 0 else start
    if not 0 <= place <= x.ndim:
        raise np.exceptions.AxisError(
            f"'start' arg requires {-x.ndim} <= start < {x.ndim + 1}, but {start} was passed in"
        )
    start = place
    order = [k for k in range(x.ndim) if k != axis]
    order.insert(start - (axis < start), axis)
    return transpose(x, order)


# -- broadcasting -----------------------------------------------------------------------------------
@implements(np.broadcast_to)
def broadcast_to_(array: Any, shape: Any, subok: bool = False) -> Tracer:
    """``np.broadcast_to``: a read-only view."""
    x = array_of(array)
    negative = "all elements of broadcast shape must be non-negative"
    if isinstance(shape, (list, tuple)) and any(type(n) is int and n < 0 for n in shape):
        raise ValueError(negative)
    target = tuple([natural(n, negative) for n in as_shape(shape)])
    try:
        fits = same_shape(broadcast_shapes(x.shape, target), target)
    except ValueError:
        fits = False
    if not fits:
        raise shape_error(
            "operands could not be broadcast together with remapped shapes [original->remapped]: "
            f"{describe(x.shape)}  and requested shape {describe(target)}"
        )
    step = ViewStep(
        lambda p: broadcast_to(p, target),
        None,
        lambda d: np.broadcast_to(d, tuple(representative(n) for n in target)),
        lambda a, sizes: np.broadcast_to(a, tuple(sizes)),
        target,
    )
    return viewed(x, step)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Tracer, ...]:
    """``np.broadcast_arrays``."""
    arrays = [array_of(a) for a in args]
    shape = broadcast_shapes(*[x.shape for x in arrays])
    if all(same_shape(x.shape, shape) for x in arrays):
        return tuple(arrays)
    step = ViewStep(
        lambda p: broadcast_to(p, shape),
        None,
        lambda d: np.broadcast_to(d, tuple(representative(n) for n in shape)),
        _as_broadcast,
        shape,
    )
    return tuple(viewed(x, step) for x in arrays)


def _as_broadcast(a: np.ndarray, sizes: Any) -> np.ndarray:
    """NumPy's view, which warns of stores."""
    return np.broadcast_arrays(a, np.broadcast_to(np.empty(()), tuple(sizes)))[0]


@implements(np.broadcast_shapes)
def broadcast_shapes_(*shapes: Any) -> tuple[Any, ...]:
    """``np.broadcast_shapes``."""
    given = [as_shape(s) for s in shapes]
    for n in (n for s in given for n in s):
        require(compare("greater_equal", n, 0), ValueError("negative dimensions are not allowed"))
    shape = broadcast_shapes(*given)
    require_countable(shape, "broadcast dimensions too large.")
    return tuple([_number(n) for n in shape])


def require_countable(shape: Shape, message: str) -> None:
    """As many elements as a 64-bit integer can tell, or NumPy's ValueError."""
    sizes = [n for n in shape if not isinstance(n, int)]
    known_part = math.prod(n for n in shape if isinstance(n, int))
    if not sizes:
        if known_part > np.iinfo(np.intp).max:
            raise ValueError(message)
        return
    count: Any = float(known_part)
    for n in sizes:
        count = pointwise("multiply", count, cast(as_array(as_tracer(n)), np.float64))
    check(pointwise("less", count, 2.0**62), message)  # products are rounded: plain NumPy answers


def _number(n: Extent) -> Any:
    """An extent as the user's code sees it, a Python int."""
    return as_tracer(n) if isinstance(n, Dim) else n


@implements(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    """``np.atleast_1d``."""
    return _at_least(1, arrays, lambda x: reshape(x, (1,)))


@implements(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    """``np.atleast_2d``."""
    return _at_least(2, arrays, lambda x: reshape(x, (1, 1)) if not x.shape else expand_dims(x, 0))


@implements(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    """``np.atleast_3d``."""

    def lift(x: Tracer) -> Tracer:
        shapes: list[Shape] = [(1, 1, 1), (1, *x.shape, 1), (*x.shape, 1)]
        return reshape(x, shapes[x.ndim])

    return _at_least(3, arrays, lift)


def _at_least(n: int, arrays: Sequence[Any], lift: Callable[[Tracer], Tracer]) -> Any:
    results = tuple(array_of(a) if as_array(a).ndim >= n else lift(array_of(a)) for a in arrays)
    return results[0] if len(results) == 1 else results


# -- joining ------------------------------------------------------------------------------------
@implements(np.concatenate, np.concat)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Tracer:
    """``np.concatenate``."""
    if out is not None and dtype is not None:
        raise TypeError(
            "concatenate() only takes `out` or `dtype` as an argument, but both were provided."
        )
    whole = whole_of(arrays)
    if whole is not None:
        x = _joined_rows(whole, axis)
        x = x if dtype is None else cast(x, np.dtype(dtype))
        out = as_output(out)
        return x if out is None else write_out(x, out, casting)
    xs, axis = [as_array(a) for a in arrays], axis_or_none(axis)
    if not xs:
        raise ValueError("need at least one array to concatenate")
    joint = result_dtype(*arrays) if axis is None else None  # Python numbers are weak
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    ndim = xs[0].ndim
    if not ndim:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = normalize_axis_index(axis, ndim)
    for k, x in enumerate(xs):
        _check_joint(xs[0], x, k, axis)
    given = dtype is not None
    dtype = np.dtype(dtype) if given else joint or result_dtype(*xs)
    for x in xs if given else ():
        if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(
                f"Cannot cast array data from {x.dtype!r} to {dtype!r} according to the rule "
                f"'{casting}'"
            )
    joined = [cast(x, dtype) for x in xs]
    result = joined[0] if len(joined) == 1 else emit_tracer("concatenate", *joined, axis=axis)
    result = Tracer(result.value, "array")
    out = as_output(out)
    return result if out is None else write_out(result, out, casting)


def _joined_rows(whole: Tracer, axis: Any) -> Tracer:
    """The rows of an array, joined along their axis ``axis``."""
    _require_rows(whole, "need at least one array to concatenate")
    if whole.ndim == 1:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    if axis is None:
        return reshape(whole, (-1,))
    axis = normalize_axis_index(axis, whole.ndim - 1)
    moved = moveaxis(whole, 0, axis)
    shape = moved.shape
    joined = structural.reshape(
        Tracer(moved.value, "array"),
        (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]),
    )
    return Tracer(joined.value, "array")


def _require_rows(whole: Tracer, message: str) -> None:
    positive = decide(lambda: at_least(whole.shape[0], 1))
    if positive is None:
        check(compare("greater", whole.shape[0], 0), message)
    elif not positive:
        raise ValueError(message)


def _check_joint(first: Tracer, x: Tracer, k: int, axis: int) -> None:
    if x.ndim != first.ndim:
        raise shape_error(
            "all the input array dimensions except for the concatenation axis must match exactly, "
            f"but along dimension 0, the array at index 0 has {first.ndim} dimension(s) and the "
            f"array at index {k} has {x.ndim} dimension(s)"
        )
    for d, (m, n) in enumerate(zip(first.shape, x.shape, strict=True)):
        if d != axis and not require_equal(m, n, "concatenate: sizes differ"):
            raise shape_error(
                "all the input array dimensions except for the concatenation axis must match "
                f"exactly, but along dimension {d}, the array at index 0 has size {m} and the "
                f"array at index {k} has size {n}"
            )


@implements(np.stack)
def stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Tracer:
    """``np.stack``."""
    whole = whole_of(arrays)
    if whole is not None and out is None:
        _require_rows(whole, "need at least one array to stack")
        stacked = moveaxis(whole, 0, axis)
        return stacked if dtype is None else cast(stacked, np.dtype(dtype))
    xs = [as_array(a) for a in arrays]
    if not xs:
        raise ValueError("need at least one array to stack")
    if len({x.ndim for x in xs}) > 1:
        raise shape_error("all input arrays must have the same shape")
    return concatenate([expand_dims(x, axis) for x in xs], axis, out, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tracer:
    """``np.hstack``."""
    whole = whole_of(tup)
    if whole is not None:
        joined = whole if whole.ndim == 1 else _joined_rows(whole, 0 if whole.ndim == 2 else 1)
        return joined if dtype is None else cast(joined, np.dtype(dtype))
    xs = [atleast_1d(x) for x in tup]
    return concatenate(xs, 0 if xs[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@implements(np.vstack, *([np.vstack] if "row_stack" in np.__dict__ else []))
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tracer:
    """``np.vstack``."""
    whole = whole_of(tup)
    if whole is not None:
        rows = expand_dims(whole, 1) if whole.ndim == 1 else whole
        joined = rows if whole.ndim <= 2 else _joined_rows(whole, 0)
        return joined if dtype is None else cast(joined, np.dtype(dtype))
    return concatenate([atleast_2d(x) for x in tup], 0, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> Tracer:
    """``np.dstack``."""
    return concatenate([atleast_3d(x) for x in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Tracer:
    """``np.column_stack``."""
    whole = whole_of(tup)
    if whole is not None:
        columns = expand_dims(whole, 0) if whole.ndim == 1 else moveaxis(whole, 0, 1)
        return columns if whole.ndim <= 2 else _joined_rows(whole, 1)
    xs = [array_of(x) for x in tup]
    return concatenate([transpose(atleast_2d(x)) if x.ndim < 2 else x for x in xs], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Tracer:
    """``np.append``."""
    if axis is None:
        return concatenate([ravel(arr), ravel(values)], 0)
    return concatenate([arr, values], axis)


@implements(np.block)
def block(arrays: Any) -> Tracer:
    """``np.block``."""

    def depth_of(x: Any) -> int:
        return 1 + depth_of(x[0]) if isinstance(x, list) else 0

    def leaves(x: Any) -> list[Any]:
        return (
            [leaf for item in x for leaf in leaves(item)] if isinstance(x, list) else [as_array(x)]
        )

    def nested(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return type(x)([nested(item) for item in x])
        return np.zeros((0,) * max(as_array(x).ndim, 1))

    np.block(nested(arrays))  # its exception, of what is no nest of equal depth
    depth = depth_of(arrays)
    if not depth:
        return functions[np.copy](array_of(arrays), "C")
    ndim = max(depth, *(x.ndim for x in leaves(arrays)))

    def join(x: Any, level: int) -> Tracer:
        if not isinstance(x, list):
            x = array_of(x)
            return reshape(x, (1,) * (ndim - x.ndim) + x.shape)
        return concatenate([join(item, level + 1) for item in x], ndim - depth + level)

    return join(arrays, 0)


# -- splitting ----------------------------------------------------------------------------------
_MOST_PARTS = 100_000


def _are_positions(x: Any) -> bool:
    """Whether an array is split at positions, rather than into so many parts."""
    return isinstance(x, (list, tuple, np.ndarray)) or (isinstance(x, Tracer) and x.ndim > 0)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    """``np.array_split``: views."""
    x = array_of(ary)
    axis = normalize_axis_index(axis, x.ndim)
    n = x.shape[0 if isinstance(ary, (list, tuple)) else axis]  # a sequence is asked for its length
    if _are_positions(indices_or_sections):
        inner = [extent_of(v) for v in indices_or_sections]
        bounds: list[Any] = [0, *inner, n]
    else:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.")
        if sections > _MOST_PARTS:
            raise unsupported("np.array_split into so many parts", "reshape the array")
        each, extra = n // sections, n % sections
        bounds = [0]
        for k in range(sections):
            more = decide(lambda k=k: at_least(extra, k + 1))  # type: ignore[misc]
            bounds.append(bounds[-1] + each + int(bool(more)))
    lead = (slice(None),) * axis
    return [x[(*lead, slice(a, b))] for a, b in pairwise(bounds)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    """``np.split``."""
    if not _are_positions(indices_or_sections):
        n, sections = as_array(ary).shape[axis], indices_or_sections
        whole = int(sections) == sections
        if not (whole and require_equal(n % int(sections), 0, "array split does not divide")):
            raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """``np.hsplit``."""
    return split(ary, indices_or_sections, 0 if as_array(ary).ndim == 1 else 1)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """``np.vsplit``."""
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """``np.dsplit``."""
    return split(ary, indices_or_sections, 2)


@implements(*([np.unstack] if hasattr(np, "unstack") else []))
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tracer, ...]:
    """``np.unstack``."""
    moved = moveaxis(x, axis, 0)
    return tuple(moved[k] for k in range(len(moved)))


# -- repetition and order ---------------------------------------------------------------------------
def _as_ints(counts: Any) -> Any:
    """Counts of which Python's functions take bools for ints."""
    return (
        [int(n) if is_bool(n) else n for n in counts] if type(counts) in (list, tuple) else counts
    )


@implements(np.tile)
def tile(A: Any, reps: Any) -> Tracer:
    """``np.tile``."""
    x = array_of(A)
    counts = tuple([natural(n) for n in as_shape(_as_ints(reps))])
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + x.shape
    # Each axis n becomes (count, n), then they are merged.
    target = tuple(v for pair in zip(counts, shape, strict=True) for v in pair)
    places = tuple(2 * (ndim - x.ndim + k) + 1 for k in range(x.ndim))
    spread = structural.broadcast(x, target, places)
    merged = tuple(c * n for c, n in zip(counts, shape, strict=True))
    return Tracer(structural.reshape(spread, merged).value, "array")


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Tracer:
    """``np.repeat``; the counts of an array of counts must be known."""
    x, axis = array_of(a), axis_or_none(axis)
    if axis is None:
        x, axis = ravel(x), 0
    if x.ndim == 0:
        x = ravel(x)
    axis = normalize_axis_index(axis, x.ndim)
    counts = known(repeats) if not isinstance(repeats, Dim) else None
    if counts is not None and counts.dtype.kind not in "iub":
        _refuse_counts(repeats, counts)
    if counts is not None and counts.size > 1:
        index = np.repeat(np.arange(x.shape[axis]), counts)
        result: Tracer = x[(slice(None),) * axis + (index,)]
        return result
    if counts is None and isinstance(repeats, Tracer) and repeats.shape:
        return _repeated(x, array_of(repeats), axis)
    count = extent_of(repeats) if counts is None else int(counts.reshape(-1)[0])
    natural(count, "repeats may not contain negative values.")
    n = x.shape[axis]
    wide = (*x.shape[: axis + 1], count, *x.shape[axis + 1 :])
    places = tuple(k if k <= axis else k + 1 for k in range(x.ndim))
    spread = structural.broadcast(x, wide, places)
    shape = (*x.shape[:axis], n * count, *x.shape[axis + 1 :])
    return Tracer(structural.reshape(spread, shape).value, "array")


def _refuse_counts(repeats: Any, counts: np.ndarray[Any, Any]) -> None:
    """Raise what NumPy raises of counts that are no integers: it takes numbers of Python's, and no arrays."""
    if isinstance(repeats, (float, complex, np.generic)):
        np.repeat(0.0, type(repeats)(0))  # type: ignore[arg-type]
    elif not isinstance(repeats, (list, tuple)):
        np.repeat(np.zeros(counts.size), np.zeros_like(counts))


def _repeated(x: Tracer, counts: Tracer, axis: int) -> Tracer:
    """``np.repeat`` with a count for each element, known at run time only."""
    if counts.dtype.kind not in "iub" or counts.dtype == np.uint64:
        raise TypeError(
            f"Cannot cast array data from {counts.dtype!r} to dtype('int64') according to the rule "
            "'safe'"
        )
    if counts.ndim != 1:
        raise ValueError("object too deep for desired array")
    counts = cast(counts, INT)
    natural = functions[np.all](pointwise("greater_equal", counts, 0))
    check(natural, "repeats may not contain negative values.")
    m, n = counts.shape[0], x.shape[axis]
    if isinstance(m, int) and m == 1:
        counts = broadcast_to(counts, (n,))
    elif not require_equal(m, n, "operands could not be broadcast together"):
        raise ValueError(f"operands could not be broadcast together with shape ({n},) ({m},)")
    ends = functions[np.cumsum](counts)
    total = functions[np.sum](counts)
    total.value.low = 0
    places = functions[np.searchsorted](ends, line(Dim.symbol(total.value)), "right")
    result: Tracer = functions[np.take](x, places, axis)
    return result


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Tracer:
    """``np.resize``: repeats the elements to fill the shape."""
    if np.ndim(new_shape) == 0 and type_name(new_shape).endswith("ndarray"):
        iter(new_shape)  # NumPy's exception
    x, shape = ravel(a), as_shape(new_shape)
    for n in shape:
        natural(n, "all elements of `new_shape` must be non-negative")
    total = product(shape)
    if isinstance(x.size, int) and x.size == 0:
        return Tracer(structural.zeros(shape, x.dtype).value, "array")
    if isinstance(x.size, Dim):  # of none NumPy makes zeros
        check(compare("greater_equal", x.size, 1), "np.resize of an array without elements")
    copies = -(-total // x.size) if isinstance(total, int) else (total + x.size - 1) // x.size
    return reshape(tile(x, copies)[:total], shape)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Tracer:
    """``np.flip``: a view with negative steps."""
    x = array_of(m)
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    result: Tracer = x[tuple(slice(None, None, -1 if k in axes else 1) for k in range(x.ndim))]
    return result


@implements(np.fliplr)
def fliplr(m: Any) -> Tracer:
    """``np.fliplr``."""
    if as_array(m).ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Tracer:
    """``np.flipud``."""
    if as_array(m).ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Tracer:
    """``np.rot90``."""
    x = array_of(m)
    first, second = normalize_axis_tuple(axes, x.ndim)
    k %= 4
    if k == 0:
        result: Tracer = x[...]
        return result
    if k == 2:
        return flip(x, (first, second))
    if k == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Tracer:
    """``np.roll``."""
    x = array_of(a)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(axes) == 1 and len(shifts) > 1:
        axes = axes * len(shifts)
    for k, s in zip(axes, shifts, strict=True):
        n = x.shape[k]
        if isinstance(n, int) and n == 0:
            continue
        cut = (-within_reach(extent_of(s))) % maximum(n, 1)  # an empty axis stays as it is
        if isinstance(cut, int) and cut == 0:
            continue
        lead = (slice(None),) * k
        x = concatenate([x[(*lead, slice(cut, None))], x[(*lead, slice(None, cut))]], k)
    return Tracer(x.value, "array")


# -- padding ------------------------------------------------------------------------------------
@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Tracer:
    """``np.pad``; lengths of what is added are known."""
    x = array_of(array)
    if isinstance(mode, str):  # NumPy's exception for what does not belong to the mode
        np.pad(np.ones(2), 0, mode, **dict.fromkeys(options, 1))  # type: ignore[call-overload]
    pairs = _pairs(pad_width, x.ndim)
    known_widths = [n for pair in pairs for n in pair if not isinstance(n, (Dim, Tracer))]
    traced = len(known_widths) < 2 * len(pairs)
    if not traced and x.ndim and np.asarray(known_widths).dtype.kind != "i":
        raise TypeError("`pad_width` must be of integral type.")
    widths = [tuple(map(_pad_width, pair)) for pair in pairs]
    if mode in ("constant", "empty"):
        values = _pairs(options.get("constant_values", 0), x.ndim)
        return _pad_constant(x, widths, values)
    if mode == "linear_ramp":
        return _pad_ramp(x, widths, _pairs(options.get("end_values", 0), x.ndim))
    if mode in ("maximum", "minimum", "mean", "median"):
        for k, (n, width) in enumerate(zip(x.shape, widths, strict=True)):
            if n == 0 if isinstance(n, int) else not decide(functools.partial(at_least, n, 1)):
                some = compare("greater_equal", n, 1)
                for w in width:  # an axis to which nothing is added may be empty
                    require(
                        pointwise("logical_or", some, compare("equal", w, 0)),
                        ValueError(
                            f"can't extend empty axis {k} using modes other than 'constant' or 'empty'"
                        ),
                    )
        lengths = options.get("stat_length")
        pairs = [(None, None)] * x.ndim if lengths is None else _pairs(lengths, x.ndim)
        for length in {n for pair in pairs for n in pair if n is not None}:
            natural(extent_of(length), "index can't contain negative values")
            if mode in ("maximum", "minimum"):
                some = compare("greater", extent_of(length), 0)
                require(some, ValueError("stat_length of 0 yields no value for padding"))
        return _pad_statistic(x, widths, getattr(np, mode[:3] if "imum" in mode else mode), pairs)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise unsupported(
            f"np.pad with mode {mode!r} is not available on traced arrays", "pad by hand"
        )
    is_odd = options.get("reflect_type", "even") == "odd" and mode in ("reflect", "symmetric")
    for axis, (before, after) in enumerate(widths):
        if before == 0 and after == 0:
            continue
        n = x.shape[axis]
        if isinstance(n, Dim):
            raise unsupported(
                f"np.pad with mode {mode!r} of an axis of run-time size", "pad by hand"
            )
        if isinstance(before, Dim) or isinstance(after, Dim):
            raise unsupported(f"np.pad with mode {mode!r} by a width of run time", "pad by hand")
        if is_odd:
            x = _reflected_at_ends(x, axis, (before, after), mode)
            continue
        # What NumPy does to the positions is what it does to the elements.
        index = np.pad(np.arange(n), (before, after), mode=mode)
        x = x[(slice(None),) * axis + (index,)]
    return Tracer(x.value, "array")


def _reflected_at_ends(x: Any, axis: int, width: tuple[int, int], mode: str) -> Any:
    """Padded by ``2 * edge - x`` and what repeats it: a sum of few elements of each line.

    Which ones, and how often, NumPy tells of the rows of a unit matrix.
    """
    n = x.shape[axis]
    rows = np.pad(np.eye(n, dtype=np.int64), (width, (0, 0)), mode=mode, reflect_type="odd")  # type: ignore[call-overload]
    order = np.argsort(rows == 0, axis=1, kind="stable")  # the elements that count come first
    total = None
    for index in order.T[: max(int(np.count_nonzero(rows, axis=1).max(initial=1)), 1)]:
        counts = rows[np.arange(len(rows)), index].reshape((-1,) + (1,) * (x.ndim - axis - 1))
        taken = x[(slice(None),) * axis + (index,)]
        part = np.where(counts == 0, x.dtype.type(0), taken * counts.astype(x.dtype))
        total = part if total is None else total + part
    return x if total is None else total


def _pad_width(width: Any) -> Any:
    if not isinstance(width, (int, Dim, Tracer)):
        return width  # NumPy says what is wrong with it
    return natural(extent_of(width), "index can't contain negative values")


def _pairs(given: Any, ndim: int) -> list[tuple[Any, Any]]:
    if contains_tracer(given) or isinstance(given, Tracer):
        rows = given if isinstance(given, (list, tuple)) else [(given, given)] * ndim
        if not isinstance(rows[0], (list, tuple)):
            rows = [tuple(rows) if len(rows) == 2 else (rows[0], rows[0])] * ndim
        return [(r[0], r[-1]) for r in (rows * ndim if len(rows) == 1 else rows)]
    if isinstance(given, dict):
        by_axis = {k % ndim: v for k, v in given.items()}
        entries = [by_axis.get(k, 0) for k in range(ndim)]
        return [(v, v) if np.ndim(v) == 0 else tuple(v) for v in entries]
    table = np.broadcast_to(given, (ndim, 2)).tolist()
    return [(a, b) for a, b in table]


def _pad_constant(
    x: Tracer, widths: list[tuple[Any, Any]], values: list[tuple[Any, Any]]
) -> Tracer:
    same = {v for pair in values for v in pair if not isinstance(v, Tracer)}
    uniform = len(same) == 1 and not any(isinstance(v, Tracer) for pair in values for v in pair)
    if uniform:
        shape = tuple(b + n + a for n, (b, a) in zip(x.shape, widths, strict=True))
        if not shape:
            return x
        base = structural.broadcast(constant(next(iter(same)), x.dtype), shape, ())
        starts = tuple(b for b, _ in widths)
        filled = structural.slice_update(base, x, starts, x.shape, (1,) * x.ndim)
        return Tracer(filled.value, "array")
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, values, strict=True)):
        sides = []
        for width, v in ((before, low), (after, high)):
            shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
            sides.append(structural.broadcast(cast(v, x.dtype), shape, ()))
        x = concatenate([sides[0], x, sides[1]], axis)
    return x


def _pad_ramp(x: Tracer, widths: Sequence[Any], ends: Sequence[Any]) -> Tracer:
    """Ramps from ``ends`` to the first and the last element."""
    for axis, ((before, after), (low, high)) in enumerate(zip(widths, ends, strict=True)):
        edges = [x[_along(axis, slice(0, 1))], x[_along(axis, slice(-1, None))]]
        sides = []
        for width, end, edge in ((before, low, edges[0]), (after, high, edges[1])):
            ramp = functions[np.linspace](
                end, squeeze(edge, axis), width, endpoint=False, dtype=x.dtype, axis=axis
            )
            sides.append(ramp)
        x = concatenate([sides[0], x, flip(sides[1], axis)], axis)
    return x


def _pad_statistic(
    x: Tracer, widths: Sequence[Any], statistic: Any, lengths: Sequence[Any]
) -> Tracer:
    """The maximum, minimum, mean or median of the elements next to each end."""
    for axis, ((before, after), (first, last)) in enumerate(zip(widths, lengths, strict=True)):
        parts = [
            x if first is None else x[_along(axis, slice(0, first))],
            x if last is None else x[_along(axis, slice(maximum(x.shape[axis] - last, 0), None))],
        ]
        sides = []
        for width, part in zip((before, after), parts, strict=True):
            value = functions[statistic](part, axis=axis, keepdims=True)
            if x.dtype.kind in "iu" and value.dtype.kind == "f":
                value = pointwise("rint", value)
            sides.append(repeat(cast(value, x.dtype), width, axis))
        x = concatenate([sides[0], x, sides[1]], axis)
    return x


def _along(axis: int, index: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (index,)


# -- windows ------------------------------------------------------------------------------------
def _check_windows(count: Extent) -> None:
    message = "window shape cannot be larger than input array shape"
    if isinstance(count, int):
        if count < 1:
            raise ValueError(message)
        return
    inside = decide(lambda: at_least(count, 1))
    if inside is None:
        check(compare("greater_equal", count, 1), message)
    elif not inside:
        raise ValueError(message)


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Tracer:
    """``sliding_window_view``: a view with the positions in each window as last axes."""
    a = array_of(x)
    sizes = as_shape(window_shape)
    if axis is None:
        axes: tuple[int, ...] = tuple(range(a.ndim))
        if len(sizes) != a.ndim:
            raise ValueError(
                "Since axis is None, must provide window_shape for all dimensions of `x`; got "
                f"{len(sizes)} window_shape elements and `x.ndim` is {a.ndim}."
            )
    else:
        axes = normalize_axis_tuple(axis, a.ndim, allow_duplicate=True)
        if len(sizes) != len(axes):
            raise ValueError(
                f"Must provide matching length window_shape and axis; got {len(sizes)} "
                f"window_shape elements and {len(axes)} axes elements."
            )
    if any(isinstance(n, int) and n < 0 for n in sizes):
        raise ValueError("`window_shape` cannot contain negative values")

    def windows(p: Tracer) -> Tracer:
        for k, n in zip(axes, sizes, strict=True):
            count = p.shape[k] - n + 1
            _check_windows(count)
            start = structural.reshape(line(count), (count, 1))
            index = pointwise("add", start, line(n))
            lead = tuple(range(k))
            p = structural.gather(p, (index,), (k,))  # window axes first, then the others
            rest = tuple(range(2, p.ndim))
            order = (*(rest[j] for j in lead), 0, *(rest[j] for j in range(k, len(rest))), 1)
            p = structural.transpose(p, order)
        return p

    def real(p: np.ndarray[Any, Any], extents: Any) -> np.ndarray[Any, Any]:
        return np.lib.stride_tricks.sliding_window_view(
            p, tuple(extents), axes, writeable=writeable
        )

    def store(p: Tracer, value: Tracer) -> Tracer:  # elements are in several windows
        raise unsupported("a store into sliding_window_view", "store into the array itself")

    layout = tuple([representative(n) for n in sizes])
    return viewed(
        a, ViewStep(windows, store if writeable else None, lambda p: real(p, layout), real, sizes)
    )


@implements(np.lib.stride_tricks.as_strided)
def as_strided(
    x: Any, shape: Any = None, strides: Any = None, subok: bool = False, writeable: bool = True
) -> Tracer:
    """``as_strided`` of an array in C order, within the array's own elements."""
    a = array_of(x)
    sizes = a.shape if shape is None else as_shape(shape)
    steps = functions["strides"](a) if strides is None else as_shape(strides)
    refused = unsupported("as_strided beyond windows of an array in C order", "index the array")
    lies = all(isinstance(s, int) and s >= 0 and s % a.itemsize == 0 for s in steps)
    if len(steps) != len(sizes) or not lies or not lies_in(a, "C"):
        raise refused
    fixed: list[Any] = list(steps)  # integers
    jumps = [s // a.itemsize for s in fixed]
    for n in sizes:
        if decide(lambda n=n: at_least(n, 1)) is not True:  # type: ignore[misc]
            raise refused
    last: Any = sum((n - 1) * s for n, s in zip(sizes, jumps, strict=True))
    inside = decide(lambda: at_least(a.size, last + 1))
    if inside is None:
        check(compare("less", last, a.size), "as_strided reaches beyond the array")
    elif not inside:
        raise refused
    # No element is reached twice: each step goes beyond what the faster axes cover.
    covered: Any = 0
    distinct = True
    for n, s in sorted(zip(sizes, jumps, strict=True), key=lambda pair: pair[1]):
        distinct = distinct and decide(lambda s=s, c=covered: at_least(s, c + 1)) is True  # type: ignore[misc]
        covered = covered + (n - 1) * s

    def places() -> Tracer:
        index: Any = structural.zeros(sizes, INT)
        for k, s in enumerate(jumps):
            along = structural.broadcast(line(sizes[k]), sizes, (k,))
            index = pointwise("add", index, pointwise("multiply", along, s))
        return cast(index, INT)

    def read(p: Tracer) -> Tracer:
        return structural.gather(structural.reshape(p, (p.size,)), (places(),), (0,))

    def write(p: Tracer, new: Tracer) -> Tracer:
        if not distinct:
            raise unsupported("a store into overlapping windows", "store into the array itself")
        flat = structural.reshape(p, (p.size,))
        return structural.reshape(structural.scatter_update(flat, (places(),), new, (0,)), p.shape)

    def real(p: np.ndarray[Any, Any], extents: Any) -> np.ndarray[Any, Any]:
        return np.lib.stride_tricks.as_strided(p, extents, fixed, writeable=writeable)

    shapes = tuple([representative(n) for n in sizes])
    step = ViewStep(read, write if writeable else None, lambda p: real(p, shapes), real, sizes)
    return viewed(a, step)


# -- diagonals and triangles ------------------------------------------------------------------------
def _diagonal_slice(x: Tracer, offset: int) -> Tracer:
    """The diagonal of the last two axes: a slice with step n + 1 of the flattened matrices."""
    m, n = x.shape[-2:]
    lead = x.shape[:-2]
    flat = structural.reshape(x, (*lead, m * n))
    start: Extent
    if offset >= 0:
        start, size = minimum(offset, n), maximum(minimum(m, n - offset), 0)
    else:
        start, size = minimum(-offset, m) * n, maximum(minimum(m + offset, n), 0)
    if isinstance(size, int) and size == 0:
        start = 0
    zeros = (0,) * len(lead)
    return slice_of(flat, (*zeros, start), (*lead, size), (*(1 for _ in lead), n + 1))


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tracer:
    """``np.diagonal``: a read-only view."""
    x, offset = array_of(a), operator.index(offset)
    np.diagonal(np.zeros((1, 1)), offset)  # NumPy's exception for what is no C int
    if x.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    i, j = normalize_axis_index(axis1, x.ndim), normalize_axis_index(axis2, x.ndim)
    if i == j:
        raise ValueError("axis1 and axis2 cannot be the same")
    order = (*(k for k in range(x.ndim) if k not in (i, j)), i, j)
    step = ViewStep(
        lambda p: _diagonal_slice(structural.transpose(p, order), offset),
        None,
        lambda d: np.diagonal(d, offset, i, j),
        lambda a, sizes: np.diagonal(a, offset, i, j),
    )
    return viewed(x, step)


def diagonal_view(x: Tracer, i: int, j: int) -> Tracer:
    """The diagonal of two axes of one length, moved last, as a view that may be stored to."""
    order = (*(k for k in range(x.ndim) if k not in (i, j)), i, j)
    inverse = tuple(order.index(k) for k in range(len(order)))
    n = x.shape[i]

    def write(p: Tracer, new: Tracer) -> Tracer:
        mask = functions[np.eye](n, dtype=bool)
        spread = structural.reshape(new, (*new.shape, 1))
        kept = structural.transpose(p, order)
        return structural.transpose(select(mask, spread, kept, p.dtype), inverse)

    step = ViewStep(
        lambda p: _diagonal_slice(structural.transpose(p, order), 0),
        write,
        lambda d: np.diagonal(d, 0, i, j),
    )
    return viewed(x, step)


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Tracer:
    """``np.linalg.diagonal``."""
    return diagonal(x, offset, -2, -1)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Tracer:
    """``np.diag``."""
    x = array_of(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    return diagflat(x, k)


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Tracer:
    """``np.diagflat``: a matrix with a given diagonal."""
    x = ravel(v)
    k = extent_of(k)
    above, under = maximum(k, 0), maximum(-k, 0)
    n = x.shape[0] + above + under
    flat = structural.zeros((n * n,), x.dtype)
    start = above + under * n
    flat = structural.slice_update(flat, x, (start,), x.shape, (n + 1,))
    return Tracer(structural.reshape(flat, (n, n)).value, "array")


def line(n: Extent) -> Tracer:
    """``np.arange(n)`` as an operation."""
    result: Tracer = emit_tracer("iota", size=n, dtype=INT)
    return result


def below(m: Extent, n: Extent, k: Any) -> Tracer:
    """``np.tri(m, n, k, bool)``: true on and below the k-th diagonal."""
    rows = structural.reshape(line(m), (m, 1))
    if isinstance(k, (list, tuple)) or as_array(k).dtype.kind not in "iu" or as_array(k).ndim:
        raise unsupported("a diagonal that is not an integer", "pass an integer")
    if isinstance(k, int):
        np.tri(1, 1, k)  # NumPy's exception for what is beyond 64 bits
        k = min(max(k, -(1 << 31)), 1 << 31)  # no array is as large
    else:
        within_reach(extent_of(k))
    if not (isinstance(k, int) and k == 0):
        rows = pointwise("add", rows, k)
    return pointwise("greater_equal", rows, line(n))


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> Tracer:
    """``np.tril``."""
    x = array_of(m)
    rows, columns = _matrix_extents(x)
    return Tracer(select(below(rows, columns, k), x, constant(0, x.dtype), x.dtype).value, "array")


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> Tracer:
    """``np.triu``."""
    x = array_of(m)
    rows, columns = _matrix_extents(x)
    return Tracer(
        select(below(rows, columns, k - 1), constant(0, x.dtype), x, x.dtype).value, "array"
    )


def _matrix_extents(x: Tracer) -> tuple[Extent, Extent]:
    # NumPy stretches a vector to a square matrix of equal rows.
    return (x.shape[-1], x.shape[-1]) if x.ndim == 1 else (x.shape[-2], x.shape[-1])


# -- copies and questions about shape -----------------------------------------------------------------
@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Tracer:
    """``np.copy``."""
    x = array_of(a)
    return lay_out(Tracer(x.value, "array"), order, x)


@implements(np.shape)
def shape(a: Any) -> tuple[Any, ...]:
    """``np.shape``."""
    return tuple([_number(n) for n in as_array(a).shape])


@implements(np.ndim)
def ndim(a: Any) -> int:
    """``np.ndim``."""
    return as_array(a).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> Any:
    """``np.size``."""
    x = as_array(a)
    if axis is None:
        return _number(x.size)
    axes = normalize_axis_tuple(axis, x.ndim)
    return _number(product(tuple(x.shape[k] for k in axes)))


@implements(np.may_share_memory, np.shares_memory)
def may_share_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """``np.may_share_memory``, of an array and itself, or where one of two was made here."""
    given = isinstance(a, Tracer) and isinstance(b, Tracer)
    if given and "array" not in (a.form, b.form):
        return False  # numbers, of which NumPy makes arrays
    if not given or max_work is not None:
        if max_work is None:
            return False
    elif a.cell is b.cell and a.path == b.path and decide(lambda: at_least(a.size, 1)):
        return True
    elif a.cell is not b.cell and not (a.cell.follows and b.cell.follows):
        return False
    # Views of one array, or two arrays from outside, which may be views of one.
    raise unsupported("whether two arrays share memory", "compare where they come from")
