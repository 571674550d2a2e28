"""Choosing elements: where, clip, select, take, sorting and searching, comparisons of arrays.

np.where(c, a, b)        select(c, a, b)
np.take_along_axis       gather with full index arrays
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.dims import Dim, at_least, product
from autodiff.ops.function_table import functions, implements
from autodiff.ops.indexing import _fit_value, get_item, set_item
from autodiff.ops.known import check, compare, decide, known, require, require_equal, type_name
from autodiff.ops.layout import keep_order, lay_out
from autodiff.ops.numpy_functions.shapes import (
    array_of,
    as_shape,
    axis_or_none,
    line,
    moveaxis,
    ravel,
    require_countable,
    reshape,
)
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    check_number,
    mask_of,
    operand,
    pointwise,
    result_dtype,
    select,
    weak_kind,
)
from autodiff.ops.reductions import along_axis, true_positions
from autodiff.ops.structural import INT, gather, scatter_update, zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer
from autodiff.ops.ufuncs import as_output, call, loop_of, unsupported, write_out

_NOT_GIVEN = np._NoValue


CUTS_NUMBERS = np.lib.NumpyVersion(np.__version__) < "2.5.0"  # np.where, to the array's dtype


def _chosen(x: Any, dtype: np.dtype[Any]) -> Any:
    """A number that an array of integers may not hold."""
    if CUTS_NUMBERS and type(x) is int and dtype.kind in "iu" and abs(x) < 2**63:
        return np.int64(x).astype(dtype)
    if not CUTS_NUMBERS:
        check_number(x, dtype)
    return x


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """``np.where`` with three arguments; with one, of a known condition."""
    if not choices:
        return nonzero(condition)
    if len(choices) != 2:
        raise ValueError("either both or neither of x and y should be given")
    dtype = result_dtype(*choices)
    there, elsewhere = [_chosen(x, dtype) for x in choices]
    result = select(condition, there, elsewhere, dtype)
    # np.where of scalars gives an array without axes.
    return keep_order(Tracer(result.value, "array"), condition, *choices)


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Any, ...]:
    """``np.nonzero``: of a traced array, index arrays whose size is counted at run time."""
    x = array_of(a)
    if not x.shape:
        raise ValueError(
            "Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d(scalar).nonzero() instead."
        )
    found = known(x)
    if found is not None:
        return tuple(as_array(i) for i in np.nonzero(found))
    return true_positions(cast(x, bool))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """``np.flatnonzero``."""
    return nonzero(ravel(a))[0]


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """``np.argwhere``."""
    x = array_of(a)
    return functions[np.transpose](functions[np.stack](nonzero(x)))


def _is_nan(x: Tracer) -> Tracer:
    return pointwise("isnan", x)


def _flat_order(x: Tracer) -> tuple[Tracer, Tracer, Tracer]:
    """The stable order of a vector, the sorted vector, and where it differs from the one before."""
    order = _sorted("argsort", x, 0, algorithm="stable")
    values = take(x, order, 0)
    before = functions[np.roll](values, 1)
    differs = pointwise("not_equal", values, before)
    return order, values, differs


def _row_order(x: Tracer) -> tuple[Tracer, Tracer, Tracer]:
    """The same of the rows of a matrix, in lexicographic order."""
    columns = _known_size(x.shape[1], "np.unique of rows")
    keys = [x[:, k] for k in range(columns - 1, -1, -1)]
    order = lexsort(keys) if keys else line(x.shape[0])
    rows = take(x, order, 0)
    before = functions[np.roll](rows, 1, 0)
    return order, rows, functions[np.any](pointwise("not_equal", rows, before), axis=1)


# Since version 2.3 a table finds the values, in an order of its own.
_HAS_TABLE = hasattr(np.lib._arraysetops_impl, "_unique_hash")


@implements(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: Any = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """``np.unique``: those that differ from the one before in sorted order."""
    x = array_of(ar)
    shape, k = x.shape, 0
    values_only = not (return_index or return_inverse or return_counts)
    if _HAS_TABLE and not sorted and values_only and x.dtype.kind != "f":
        raise unsupported(
            "np.unique with sorted=False of what is no floating-point number",
            "leave the option away: the order is that of a table inside of NumPy",
        )
    if axis is None or (x.ndim == 1 and normalize_axis_index(axis, 1) == 0):
        flat = ravel(x)
        order, values, differs = _flat_order(flat)
        if x.dtype.kind == "f" and equal_nan:
            # All NaN count as one; they are last.
            both = pointwise("logical_and", _is_nan(values), _is_nan(functions[np.roll](values, 1)))
            differs = pointwise("logical_and", differs, pointwise("logical_not", both))
        inverse_shape = shape if axis is None else None
    else:
        k = normalize_axis_index(axis, x.ndim)
        moved = moveaxis(x, k, 0)
        flat = reshape(moved, (moved.shape[0], product(moved.shape[1:])))
        order, values, differs = _row_order(flat)
        inverse_shape = None
    count = flat.shape[0]
    first = pointwise("equal", line(count), 0)
    chosen = pointwise("logical_or", first, differs)
    found = get_item(values, chosen)
    if x.ndim > 1 and axis is not None:
        found = moveaxis(reshape(found, (found.shape[0], *moved.shape[1:])), 0, k)
    if values_only:
        return found
    results: list[Any] = [found]
    if return_index:
        results.append(get_item(order, chosen))
    if return_inverse:
        place = pointwise("subtract", functions[np.cumsum](chosen), 1)
        inverse = Tracer(scatter_update(zeros((count,), INT), (order,), place, (0,)).value, "array")
        results.append(inverse if inverse_shape is None else reshape(inverse, inverse_shape))
    if return_counts:
        (starts,) = nonzero(chosen)
        ends = functions[np.append](starts[1:], count)
        results.append(pointwise("subtract", ends, starts))
    return tuple(results)


def _unique_parts(names: str) -> Callable[..., Any]:
    """``np.unique_counts`` and the like: every NaN on its own, an inverse of the operand's shape."""
    kind = getattr(np.lib._arraysetops_impl, f"Unique{names.title()}Result")
    wanted = {"all": ("index", "inverse", "counts")}.get(names, (names,))

    def run(x: Any, /) -> Any:
        options = {f"return_{name}": name in wanted for name in ("index", "inverse", "counts")}
        return kind(*unique(x, **options, equal_nan=False))

    return run


for _names in ("all", "counts", "inverse"):
    implements(getattr(np, f"unique_{_names}"))(_unique_parts(_names))


@implements(np.clip)
def clip(
    a: Any, a_min: Any = _NOT_GIVEN, a_max: Any = _NOT_GIVEN, out: Any = None, *,
    min: Any = _NOT_GIVEN, max: Any = _NOT_GIVEN, **options: Any,
) -> Tracer:  # fmt: skip
    """``np.clip``: ``minimum(maximum(a, a_min), a_max)``, with the options of its ufunc."""
    bounds = {"a_min": a_min, "a_max": a_max, "min": min, "max": max}
    given: dict[str, Any] = {
        name: bound for name, bound in bounds.items() if bound is not _NOT_GIVEN
    }
    none: dict[str, Any] = dict.fromkeys(given)
    np.clip(np.empty(0), **none)  # its exception if they do not go together
    low = given.get("a_min", given.get("min"))
    high = given.get("a_max", given.get("max"))
    x = as_array(a) if weak_kind(a) is None else a
    if low is None and high is None:
        return call(np.positive, (x,), out, **options)
    chosen = mask_of(options.pop("where", True))
    order, _ = options.pop("order", "K"), options.pop("subok", True)
    target, limits = as_output(out), [v for v in (low, high) if v is not None]
    dtype = result_dtype(x, *limits)
    if options or target is not None:
        ufunc = np.maximum if high is None else np.minimum if low is None else _CLIP
        dtype = loop_of(ufunc, [operand(v) for v in (x, *limits)], target, **options)[-1]
    result = cast(x, dtype)
    swapped = _keeps_equal(low, high) and dtype.itemsize > 2
    for name, limit in (("maximum", low), ("minimum", high)):
        if limit is not None:
            pair = (result, _limit(limit, dtype, name))
            result = pointwise(name, *(pair[::-1] if swapped else pair))
    result = lay_out(result, order, x, *limits)
    if target is not None:
        return write_out(result, target, options.get("casting", "same_kind"), where=chosen)
    # Elsewhere the elements have no values.
    return result if chosen is True else select(chosen, result, result, dtype)


_CLIP: np.ufunc = np._core.umath.clip  # type: ignore[attr-defined]


def _keeps_equal(low: Any, high: Any) -> bool:
    """Whether NumPy keeps what equals a limit, with its sign of zero: of two limits that are numbers."""
    return all(limit is not None and as_array(limit).ndim == 0 for limit in (low, high))


def _limit(value: Any, dtype: np.dtype[Any], ufunc: str) -> Tracer:
    """A limit in the dtype of the result; a Python int may lie beyond it on the outer side."""
    limit = operand(value)
    if weak_kind(value) is int and dtype.kind in "iu":
        outermost = np.iinfo(dtype).min if ufunc == "maximum" else np.iinfo(dtype).max
        if isinstance(limit, (Tracer, Dim)):
            limit = as_array(limit)
            if np.can_cast(dtype, np.int64, "safe"):
                limit = pointwise(ufunc, limit, int(outermost))
            check_number(Tracer(limit.value, "python"), dtype)
        else:
            limit = max(limit, int(outermost)) if ufunc == "maximum" else min(limit, int(outermost))
            np.array(limit, dtype)  # NumPy's exception
    return cast(limit, dtype)


@implements(np.select)
def select_(condlist: Any, choicelist: Any, default: Any = 0) -> Tracer:
    """``np.select``: the first condition that holds decides."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    for k, condition in enumerate(condlist):
        if as_array(condition).dtype.kind != "b":
            raise TypeError(f"invalid entry {k} in condlist: should be boolean ndarray")
    dtype = result_dtype(*choicelist, default)
    result: Any = cast(operand(default), dtype)
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = select(condition, choice, result, dtype)
    return Tracer(result.value, "array")


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Tracer:
    """``np.choose``."""
    index = _safe_index(as_array(a))
    options = [choices[k] for k in range(len(choices))]
    np.choose(0, [0], mode=mode)  # type: ignore[call-overload]  # its exception
    if mode == "raise":
        _require_within(index, len(options), "invalid entry in choice array")
    if mode == "clip":
        index = clip(index, 0, len(options) - 1)
    elif mode == "wrap":
        index = pointwise("remainder", index, len(options))
    dtype = result_dtype(*options)
    result: Any = cast(operand(options[-1]), dtype)
    for k in range(len(options) - 2, -1, -1):
        result = select(pointwise("equal", index, k), options[k], result, dtype)
    shape = broadcast_shapes(index.shape, *[as_array(v).shape for v in options])
    result = Tracer(broadcast_to(result, shape).value, "array" if shape else "scalar")
    target = as_output(out)
    return result if target is None else write_out(result, target)


def _safe_index(index: Tracer) -> Tracer:
    """Integers for indexing; what cannot be cast safely raises as in NumPy."""
    if not np.can_cast(index.dtype, INT, "safe"):
        raise TypeError(
            f"Cannot cast array data from {index.dtype!r} to {INT!r} according to the rule 'safe'"
        )
    return cast(index, INT)


def _require_within(index: Any, n: Any, message: str) -> None:
    inside = pointwise(
        "logical_and", pointwise("greater_equal", index, 0), pointwise("less", index, n)
    )
    require(functions[np.all](inside), ValueError(message))


# -- taking and putting -----------------------------------------------------------------------------
def _bounded(indices: Any, n: Any, mode: str) -> Any:
    np.take([0], 0, mode=mode)  # type: ignore[call-overload]  # its exception
    if mode == "raise":
        return indices
    if mode == "wrap":
        return pointwise("remainder", indices, n)
    return clip(indices, 0, pointwise("subtract", n, 1))


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Tracer:
    """``np.take``."""
    x, axis = array_of(a), axis_or_none(axis)
    if axis is None:
        x, axis = ravel(x), 0
    k = normalize_axis_index(axis, x.ndim)
    index = _bounded(_safe_index(as_array(indices)), x.shape[k], mode)
    result = get_item(x, (slice(None),) * k + (index,))
    result = Tracer(result.value, "array" if result.shape else "scalar")
    target = as_output(out)
    return result if target is None else write_out(result, target)


@implements(np.put)
def put(a: Tracer, ind: Any, v: Any, mode: str = "raise") -> None:
    """``np.put``: stores at flat positions; the values repeat as needed."""
    if not isinstance(a, Tracer) or a.form == "python":
        raise TypeError(f"argument 1 must be numpy.ndarray, not {type_name(a)}")
    if a.form == "scalar":  # NumPy stores into an array of its own
        a = Tracer(a.value, "array")
    index = array_of(ind)
    require(
        pointwise("logical_or", compare("greater", a.size, 0), compare("equal", index.size, 0)),
        IndexError("cannot replace elements of an empty array"),
    )
    index = ravel(array_of(_bounded(ind, a.size, mode)))
    if weak_kind(v) is None:
        if not isinstance(v, Tracer):
            v = functions[np.array](v, a.dtype)
        filled = decide(lambda: at_least(v.size, 1))
        if filled is False:
            return  # there is nothing to store
        if filled is None:
            check(compare("greater", v.size, 0), "np.put of nothing")
        values = functions[np.resize](v, index.shape)
    else:
        check_number(v, a.dtype)
        values = functions[np.full](index.shape, v, a.dtype)
    flat = ravel(Tracer(a.value, "array"))
    set_item(flat, index, values)
    a.write(reshape(flat, a.shape).value)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Tracer:
    """``np.take_along_axis``."""
    x, index = array_of(arr), array_of(indices)
    if index.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if axis is None:
        if index.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        x, axis = ravel(x), 0
    k = normalize_axis_index(axis, x.ndim)
    x, index = _stretched(x, index, k)
    grids = along_axis(x.shape, k, cast(index, INT))
    return gather(x, grids, tuple(range(x.ndim)))


def _stretched(x: Tracer, index: Tracer, k: int) -> tuple[Tracer, Tracer]:
    if x.ndim != index.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    common = broadcast_shapes(
        tuple(1 if d == k else n for d, n in enumerate(x.shape)),
        tuple(1 if d == k else n for d, n in enumerate(index.shape)),
    )
    x = broadcast_to(x, tuple(x.shape[k] if d == k else n for d, n in enumerate(common)))
    index = broadcast_to(
        index, tuple(index.shape[k] if d == k else n for d, n in enumerate(common))
    )
    return x, index


@implements(np.put_along_axis)
def put_along_axis(arr: Tracer, indices: Any, values: Any, axis: Any) -> None:
    """``np.put_along_axis``."""
    if axis is None:
        if array_of(indices).ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        put(arr, indices, values)
        return
    if array_of(indices).dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    k = normalize_axis_index(axis, arr.ndim)
    x, index = _stretched(Tracer(arr.value, "array"), array_of(indices), k)
    grids = along_axis(x.shape, k, cast(index, INT))
    new = _fit_value(values, index.shape, arr.dtype)
    arr.write(scatter_update(x, grids, new, tuple(range(x.ndim))).value)


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Tracer:
    """``np.compress``."""
    (index,) = nonzero(condition)
    return take(a, index, axis, out)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Tracer:
    """``np.extract``."""
    (index,) = nonzero(ravel(array_of(condition)))
    return take(ravel(array_of(arr)), index)


def _known_size(n: Any, what: str) -> int:
    if not isinstance(n, int):
        raise unsupported(f"{what} along an axis of run-time size", "use slices and np.concatenate")
    return n


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Tracer:
    """``np.delete`` at known positions."""
    x = array_of(arr)
    if axis is None:
        x, axis = ravel(x), 0
    k = normalize_axis_index(axis, x.ndim)
    positions = None if isinstance(obj, slice) else as_array(obj)
    found = None if positions is None else known(positions)
    if positions is not None and found is None and positions.dtype.kind == "b":
        return functions[np.compress](pointwise("logical_not", positions), x, k)
    if positions is not None and (found is None or isinstance(x.shape[k], Dim)):
        if not _is_one(positions):
            raise unsupported("np.delete at traced positions", "build the array with np.where")
        place = _place(positions, x.shape[k], 0, f"an index out of bounds for axis {k}")
        line: Any = functions[np.arange](x.shape[k] - 1)
        behind = cast(pointwise("greater_equal", line, place), line.dtype)
        return take(x, pointwise("add", line, behind), k)
    n = _known_size(x.shape[k], "np.delete")
    removed: Any = obj if positions is None else found
    kept = np.delete(np.arange(n), removed)
    return take(x, kept, k)


def _is_one(positions: Tracer) -> bool:
    """Whether positions are one integer."""
    shape = positions.shape
    return positions.dtype.kind in "iu" and (not shape or shape == (1,))


def _place(position: Tracer, size: Any, beyond: int, message: str) -> Any:
    """One position from the front, where NumPy takes it: from ``-size`` to ``size - 1 + beyond``."""
    place: Any = cast(functions[np.reshape](position, ()), np.int64)
    n: Any = as_tracer(size) if isinstance(size, Dim) else size
    inside = pointwise(
        "logical_and",
        pointwise("greater_equal", place, -n),
        pointwise("less", place, n + beyond),
    )
    check(inside, message)
    return select(pointwise("less", place, 0), place + n, place, np.dtype(np.int64))


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Tracer:
    """``np.insert`` at known positions."""
    x = array_of(arr)
    if axis is None:
        x, axis = ravel(x), 0
    k = normalize_axis_index(axis, x.ndim)
    n = _known_size(x.shape[k], "np.insert")
    positions = known(as_array(obj)) if not isinstance(obj, slice) else np.arange(n)[obj]
    if positions is None:
        return _insert_at(x, as_array(obj), values, k, n)
    kept = isinstance(values, (Tracer, np.ndarray, np.generic)) and weak_kind(values) is None
    v = array_of(values if kept else functions[np.array](values, x.dtype))
    count = positions.size
    if count == 1:
        v = functions[np.array](v, ndmin=x.ndim)
        v = v if positions.ndim else moveaxis(v, 0, k)
        count = _known_size(v.shape[k], "np.insert")
    # Marks where inserted elements come to stand: position n + j means value j.
    marks = np.insert(
        np.arange(n), positions if positions.ndim else int(positions), n + np.arange(count)
    )
    target = (*x.shape[:k], count, *x.shape[k + 1 :])
    added = Tracer(_fit_value(v, target, x.dtype).value, "array")
    return take(functions[np.concatenate]([x, added], k), marks, k)


def _insert_at(x: Tracer, position: Tracer, values: Any, k: int, n: int) -> Tracer:
    """``np.insert`` at one position that is known only when the program runs."""
    if not _is_one(position):
        raise unsupported("np.insert at traced positions", "build the array with np.concatenate")
    place = _place(position, n, 1, f"an index out of bounds for axis {k} with size {n}")
    v = functions[np.array](cast(array_of(values), x.dtype), ndmin=x.ndim)
    v = v if position.shape else moveaxis(v, 0, k)
    count = _known_size(v.shape[k], "np.insert")
    added = Tracer(_fit_value(v, (*x.shape[:k], count, *x.shape[k + 1 :]), x.dtype).value, "array")
    line: Any = functions[np.arange](n + count)
    before = pointwise("less", line, place)
    inserted = pointwise("less", line, place + count)
    after = select(inserted, line - place + n, line - count, line.dtype)
    marks = select(before, line, after, line.dtype)
    return take(functions[np.concatenate]([x, added], k), marks, k)


# -- stores -------------------------------------------------------------------------------------
@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """``np.copyto``."""
    dst = as_output(dst)
    value = operand(src)
    np.copyto(np.empty(0), np.empty(0), casting)  # type: ignore[arg-type]  # its exception
    _check_cast(value, dst.dtype, casting)
    if where is True:
        dst[...] = value
        return
    new = _fit_value(value, dst.shape, dst.dtype)
    where = mask_of(where)
    mask = broadcast_to(as_array(where), dst.shape) if as_array(where).shape else as_array(where)
    dst.write(select(mask, new, Tracer(dst.value, "array"), dst.dtype).value)


def _check_cast(value: Any, dtype: np.dtype[Any], casting: str) -> None:
    """Raise what NumPy raises where a value may not be cast so; Python numbers by their kind."""
    x = as_array(value)
    if weak_kind(value) is not None:
        allowed = np.can_cast(np.result_type(dtype, weak_kind(value)), dtype, "same_kind")
    else:
        allowed = np.can_cast(x.dtype, dtype, casting)  # type: ignore[arg-type]
    if not allowed:
        what = "array data" if x.shape else "scalar"
        raise TypeError(
            f"Cannot cast {what} from {x.dtype!r} to {dtype!r} according to the rule '{casting}'"
        )


def _new_values(values: Any, dtype: np.dtype[Any]) -> Tracer:
    """What is to be stored: an array that can be cast safely, or numbers that the dtype can hold."""
    if isinstance(values, (Tracer, np.ndarray, np.generic)) and weak_kind(values) is None:
        x = as_array(values)
        _check_cast(x, dtype, "safe")
        return Tracer(cast(x, dtype).value, "array")
    made: Tracer = functions[np.array](values, dtype)
    return made


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """``np.fill_diagonal`` of a matrix (or of an array with equal extents)."""
    a = as_output(a)
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if a.ndim > 2:
        message = "All dimensions of input must be of equal length"
        if not all(require_equal(n, a.shape[0], message) for n in a.shape):
            raise ValueError(message)
        index = line(a.shape[0])
        a[(index,) * a.ndim] = val
        return
    columns = a.shape[1]
    step = columns + 1
    stop = None if wrap else columns * columns
    flat = ravel(Tracer(a.value, "array"))
    place = flat[:stop:step] if stop is not None else flat[::step]
    value = operand(val)
    if isinstance(value, Tracer) and value.shape:
        value = functions[np.resize](value, place.shape)
    place[...] = value
    a.write(reshape(Tracer(flat.value, "array"), a.shape).value)


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """``np.putmask``: value k of the repeated values goes to element k."""
    if not isinstance(a, Tracer) or a.form != "array":
        raise TypeError("putmask: first argument must be an array")
    message = "putmask: mask and data must be the same size"
    if not require_equal(as_array(mask).size, a.size, message):
        raise ValueError(message)
    mask = reshape(ravel(array_of(mask)), a.shape)
    v = _new_values(values, a.dtype)
    if v.shape:
        v = functions[np.resize](v, a.shape)
    a.write(select(mask, cast(v, a.dtype), Tracer(a.value, "array"), a.dtype).value)


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """``np.place``: value k of the repeated values goes to the k-th element that is masked."""
    if not isinstance(arr, Tracer) or arr.form != "array":
        raise TypeError(f"place() argument 1 must be numpy.ndarray, not {type_name(arr)}")
    a = arr
    m = ravel(cast(array_of(mask), bool))
    if not require_equal(m.shape[0], a.size, "place: mask and data must be the same size"):
        raise ValueError("place: mask and data must be the same size")
    values = ravel(_new_values(vals, a.dtype))
    if isinstance(values.shape[0], int) and values.shape[0] == 0:
        require(
            functions[np.all](pointwise("logical_not", m)),
            ValueError("Cannot insert from an empty array!"),
        )
        return
    order = functions[np.clip](pointwise("subtract", functions[np.cumsum](m), 1), 0, None)
    count: Any = values.shape[0]
    if not isinstance(count, int):  # there may be none when it runs, and something to index
        some = compare("not_equal", count, 0)
        none = functions[np.all](pointwise("logical_not", m))
        error = ValueError("Cannot insert from an empty array!")
        require(pointwise("logical_or", some, none), error)
        values = functions[np.concatenate]([values, functions[np.zeros](1, dtype=values.dtype)])
        count = pointwise("maximum", as_array(count), 1)
    new = reshape(values[pointwise("remainder", order, count)], a.shape)
    a.write(
        select(reshape(m, a.shape), cast(new, a.dtype), Tracer(a.value, "array"), a.dtype).value
    )


# -- sorting and searching ---------------------------------------------------------------------------
@implements(np.sort)
def sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Tracer:
    """``np.sort``."""
    np.sort(np.empty(0), kind=kind, order=order, stable=stable)  # its exception
    if stable or kind in ("stable", "mergesort"):  # equal elements, 0.0 and -0.0, in their order
        x, k = (ravel(a), 0) if axis is None else (array_of(a), axis)
        return take_along_axis(x, argsort(x, k, "stable"), k)
    return _sorted("sort", a, axis)


@implements(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Tracer:
    """``np.argsort``: equal elements come as NumPy leaves them, which differs from kind to kind."""
    np.argsort(np.empty(0), kind=kind, order=order, stable=stable)  # its exception
    return _sorted("argsort", a, axis, algorithm="stable" if stable else kind)


@implements(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Tracer:
    """``np.partition``."""
    np.partition(np.empty(1), 0, kind=kind, order=order)  # type: ignore[call-overload]  # its exception
    if axis is None:
        a, axis = ravel(a), -1
    return take_along_axis(a, _partitioned("partition_order", a, kth, axis), axis)


@implements(np.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Tracer:
    """``np.argpartition``."""
    np.partition(np.empty(1), 0, kind=kind, order=order)  # type: ignore[call-overload]  # its exception
    return _partitioned("argpartition", a, kth, axis)


def _sorted(operation: str, a: Any, axis: Any, **attributes: Any) -> Tracer:
    x = Tracer(array_of(a).value, "array")
    if operation in ("argsort", "argpartition"):
        axis = axis_or_none(axis)
    if axis is None:
        x, axis = ravel(x), 0
    if x.ndim == 0 and operation == "argsort":
        x = ravel(x)
    k = normalize_axis_index(axis, x.ndim)
    result: Tracer = emit_tracer(operation, x, axis=k, **attributes)
    return result


def _partitioned(operation: str, a: Any, kth: Any, axis: Any) -> Tracer:
    """A partition at known places; the elements between them are arranged as NumPy does it."""
    x = array_of(a)
    if operation == "argpartition":
        axis = axis_or_none(axis)
    if axis is None:
        x, axis = ravel(x), 0
    n = x.shape[normalize_axis_index(axis, x.ndim)]
    places = known(as_array(kth))
    if places is None:
        raise unsupported(f"np.{operation} at traced positions", "use np.sort or np.argsort")
    for place in np.ravel(places).tolist():
        message = f"kth(={place}) out of bounds ({n})"
        least = place + 1 if place >= 0 else -place
        inside = decide(lambda least=least: at_least(n, least))  # type: ignore[misc]
        if inside is None:
            check(compare("greater_equal", n, least), message)
        elif not inside:
            raise ValueError(message)
    return _sorted(operation, x, axis, kth=tuple(np.ravel(places).tolist()))


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Tracer:
    """``np.lexsort``: stable sorts by each key in turn."""
    rows = [array_of(keys[k]) for k in range(len(keys))]
    for row in rows[1:]:
        if row.ndim != rows[0].ndim or not all(
            require_equal(m, n, "all keys need to be the same shape")
            for m, n in zip(row.shape, rows[0].shape, strict=True)
        ):
            raise ValueError("all keys need to be the same shape")
    k = normalize_axis_index(axis, rows[0].ndim)
    order = argsort(rows[0], k, "stable")
    for row in rows[1:]:
        order = take_along_axis(order, argsort(take_along_axis(row, order, k), k, "stable"), k)
    return order


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Tracer:
    """``np.searchsorted``: positions in a sorted vector."""
    x, value = array_of(a), as_array(v)
    if sorter is not None:
        message = "sorter.size must equal a.size"
        if not require_equal(as_array(sorter).size, x.size, message):
            raise ValueError(message)
        x = take(x, sorter)
    if x.ndim != 1:
        raise ValueError("object too deep for desired array")
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    dtype = np.result_type(x.dtype, value.dtype)
    result: Tracer = emit_tracer("searchsorted", cast(x, dtype), cast(value, dtype), side=side)
    return Tracer(result.value, "array" if result.shape else "scalar")


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Tracer:
    """``np.digitize``."""
    edges = array_of(bins)
    steps = functions[np.diff](cast(edges, np.result_type(edges.dtype, np.int8)))
    rising = functions[np.all](pointwise("greater_equal", steps, 0))
    falling = functions[np.all](pointwise("less_equal", steps, 0))
    require(
        pointwise("logical_or", rising, falling),
        ValueError("bins must be monotonically increasing or decreasing"),
    )
    side = "left" if right else "right"
    if known(rising):
        return searchsorted(edges, x, side)
    place = searchsorted(select(rising, edges, edges[::-1], edges.dtype), x, side)
    from_the_end = pointwise("subtract", edges.shape[0], place)
    return Tracer(select(rising, place, from_the_end, INT).value, place.form)


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, **kind: Any
) -> Tracer:
    """``np.isin``."""
    options = {"assume_unique": assume_unique, "invert": invert, **kind}
    x, test = as_array(element), ravel(array_of(test_elements))
    np.isin(np.empty(0, x.dtype), np.empty(0, test.dtype), **options)  # its exception
    hits = functions[np.any](pointwise("equal", reshape(x, (*x.shape, 1)), test), axis=-1)
    result = pointwise("logical_not", hits) if invert else hits
    return Tracer(result.value, "array")


# -- comparisons of whole arrays ---------------------------------------------------------------------
@implements(np.isclose)
def isclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Tracer:
    """``np.isclose``."""
    x, y = as_array(a), as_array(b)
    if y.dtype.kind != "f":
        y = cast(y, np.float64)
    bound = pointwise("add", atol, pointwise("multiply", rtol, pointwise("absolute", y)))
    near = pointwise("less_equal", pointwise("absolute", pointwise("subtract", x, y)), bound)
    result = pointwise(
        "logical_or",
        pointwise("logical_and", near, pointwise("isfinite", y)),
        pointwise("equal", x, y),
    )
    if equal_nan:
        both = pointwise(
            "logical_and", pointwise("isnan", cast(x, np.float64)), pointwise("isnan", y)
        )
        result = pointwise("logical_or", result, both)
    return result


def python_bool(x: Tracer) -> Tracer:
    """A truth value in the form of Python's ``bool``."""
    return Tracer(x.value, "python")


@implements(np.allclose)
def allclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Tracer:
    """``np.allclose``: a Python bool."""
    return python_bool(functions[np.all](isclose(a, b, rtol, atol, equal_nan)))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """``np.array_equal``: a Python bool."""
    x, y = as_array(a1), as_array(a2)
    if x.ndim != y.ndim or not all(m == n for m, n in zip(x.shape, y.shape, strict=True)):
        return False
    same = pointwise("equal", x, y)
    if equal_nan:
        both = pointwise("logical_and", _is_nan(x), _is_nan(y))
        same = pointwise("logical_or", same, both)
    return python_bool(functions[np.all](same))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """``np.array_equiv``."""
    x, y = as_array(a1), as_array(a2)
    try:
        broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return python_bool(functions[np.all](pointwise("equal", x, y)))


@implements(np.ravel_multi_index)
def ravel_multi_index(
    multi_index: Any, dims: Any, mode: str | tuple[str, ...] = "raise", order: str = "C"
) -> Tracer:
    """``np.ravel_multi_index``."""
    shape = as_shape(dims)
    if len(multi_index) != len(shape):
        raise ValueError(f"parameter multi_index must be a sequence of length {len(shape)}")
    if any(as_array(multi_index[k]).dtype.kind not in "iu" for k in range(len(shape))):
        raise TypeError("only int indices permitted")
    require_countable(
        shape, "invalid dims: array size defined by dims is larger than the maximum possible size."
    )
    axes = range(len(shape)) if order == "C" else range(len(shape))[::-1]
    modes = tuple(mode) if isinstance(mode, (tuple, list)) else (mode,) * len(shape)
    if len(modes) != len(shape):
        raise ValueError(
            f"list of clipmodes has wrong length ({len(modes)} instead of {len(shape)})"
        )
    result: Any = 0
    for k in axes:
        if modes[k] == "raise":
            _require_within(multi_index[k], shape[k], "invalid entry in coordinates array")
        index = _bounded(multi_index[k], shape[k], modes[k])
        result = pointwise("add", pointwise("multiply", result, shape[k]), index)
    return result


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Tracer, ...]:
    """``np.unravel_index``."""
    extents = as_shape(shape)
    rest: Any = as_array(indices)
    if rest.dtype.kind not in "iu":
        raise TypeError("only int indices permitted")
    _require_within(rest, product(extents), "index is out of bounds for array")
    found: list[Tracer] = []
    for n in extents[::-1] if order == "C" else extents:
        found.append(pointwise("remainder", rest, n))
        rest = pointwise("floor_divide", rest, n)
    return tuple(found[::-1] if order == "C" else found)
