"""Reductions and cumulative functions with NumPy's axes, dtypes, ``where``, ``initial``, ``ddof``.

    np.mean(x, axis=0)     reduce_sum / extent
    np.max(x, where=m)     reduce_max(select(m, x, initial))

Result dtypes are NumPy's: sums and products of small integers and bools are 64-bit integers, means
of integers float64.  A result without axes is a NumPy scalar.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.dims import Dim, Extent, at_least, equal, maximum, product, same_shape
from autodiff.later import later
from autodiff.ops import structural
from autodiff.ops.fatal import refuse_objects, require_axis
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import check, compare, decide, require, require_equal
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    check_number,
    constant,
    describe,
    fit,
    mask_of,
    pointwise,
    select,
)
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import as_output, call, write_out

if TYPE_CHECKING:
    from autodiff.ops import marks
    from autodiff.ops.numpy_functions import shapes
else:
    marks = later("autodiff.ops.marks")  # few reductions may have nothing to reduce
    shapes = later("autodiff.ops.numpy_functions.shapes")

_NOT_GIVEN = np._NoValue
Axes = tuple[int, ...]


def _axes(axis: Any, ndim: int, ufunc: bool = False) -> Axes:
    if axis is None:
        return tuple(range(ndim))
    if ufunc and ndim == 0 and _is_axis_of_a_number(axis):
        return ()
    return tuple(sorted(shapes.axes_in_c(axis, ndim)))


def _is_axis_of_a_number(axis: Any) -> bool:
    """NumPy's ufuncs reduce a number along an axis that it does not have."""
    return hasattr(type(axis), "__index__") and axis in (0, -1)


def _given(option: Any) -> bool:
    return option is not None and option is not _NOT_GIVEN


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype sums and products of ``dtype`` are taken in."""
    if dtype.kind in "bi" and dtype.itemsize < 8:
        return np.dtype(np.int64)
    if dtype.kind == "u" and dtype.itemsize < 8:
        return np.dtype(np.uint64)
    return dtype


def _finish(
    result: Tracer, x: Tracer, axes: Axes, keepdims: Any, out: Any, ufunc: str = "add"
) -> Tracer:
    """Keep reduced axes as 1 where asked; into ``out`` where given."""
    if _given(keepdims) and keepdims:
        shape = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
        result = structural.reshape(result, shape)
    result = Tracer(result.value, "array" if result.shape else "scalar")
    return _into(result, _output(out), ufunc)


def _output(out: Any) -> Any:
    """The array that ``out=`` names; a tuple of one, as ufuncs take it, is none to a reduction."""
    if isinstance(out, tuple):
        raise TypeError("output must be an array")
    return as_output(out)


def _into(result: Tracer, out: Tracer | None, ufunc: str = "add") -> Tracer:
    """Store a reduction in ``out``, which is never stretched, or return it."""
    if out is None:
        return result
    if out.ndim != result.ndim:
        raise ValueError(
            f"output parameter for reduction operation {ufunc} has the wrong number of dimensions: "
            f"Found {out.ndim} but expected {result.ndim}"
        )
    for m, n in zip(out.shape, result.shape, strict=True):
        if not require_equal(m, n, "output operand has the wrong shape"):
            raise ValueError(
                f"output operand has the wrong shape: found {describe(out.shape)} but expected "
                f"{describe(result.shape)}"
            )
    return write_out(result, out, "unsafe")


def _loop_dtype(x: Tracer, dtype: Any, out: Any) -> np.dtype[Any]:
    """The dtype in which NumPy sums or multiplies: the result's, unless ``dtype`` says otherwise."""
    if dtype is not None:
        return np.dtype(dtype)
    target = _output(out)
    return _wide(x.dtype) if target is None else np.result_type(x.dtype, target.dtype)


def _masked(x: Tracer, where: Any, neutral: Any) -> Tracer:
    if not _given(where) or where is True:
        return x
    if as_array(mask_of(where)).ndim > x.ndim:
        raise ValueError("input operand has more dimensions than allowed by the axis remapping")
    return select(where, x, constant(neutral, x.dtype), x.dtype)


def _plain(x: Tracer) -> Tracer:
    return Tracer(x.value, "array")


# -- sums and products --------------------------------------------------------------------------
def _accumulate(kind: str, ufunc: str, neutral: int) -> Callable[..., Tracer]:
    def reduce(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NOT_GIVEN,
        initial: Any = _NOT_GIVEN, where: Any = _NOT_GIVEN,
    ) -> Tracer:  # fmt: skip
        x = _plain(as_array(a))
        if dtype is not None and kind == "reduce_prod" and np.dtype(dtype) != object:
            refuse_objects("a product in another dtype", out)
        axes = _axes(axis, x.ndim, ufunc=True)
        wide = _loop_dtype(x, dtype, out)
        total = _masked(cast(x, wide), where, neutral)
        total = broadcast_to(total, broadcast_shapes(total.shape, x.shape)) if x.shape else total
        if axes:
            total = emit_tracer(kind, total, axes=axes)
        elif kind == "reduce_sum" and wide.kind == "f":
            total = pointwise(
                "add", total, constant(0, wide)
            )  # NumPy begins with 0: -0.0 turns 0.0
        if _given(initial):
            check_number(initial, wide)
            total = pointwise(ufunc, total, cast(initial, wide))
        return _finish(total, x, axes, keepdims, out, ufunc)

    return reduce


sum_ = implements(np.sum)(_accumulate("reduce_sum", "add", 0))
prod = implements(np.prod)(_accumulate("reduce_prod", "multiply", 1))


# -- extrema ------------------------------------------------------------------------------------
def _extreme(name: str, ufunc: str) -> Callable[..., Tracer]:
    def reduce(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = _NOT_GIVEN,
        initial: Any = _NOT_GIVEN, where: Any = _NOT_GIVEN,
    ) -> Tracer:  # fmt: skip
        x = _plain(as_array(a))
        axes = _axes(axis, x.ndim, ufunc=True)
        if _given(where) and where is not True:
            if not _given(initial):
                raise ValueError(
                    f"reduction operation '{ufunc}' does not have an identity, so to use a where "
                    "mask one has to specify 'initial'"
                )
            x = select(mask_of(where), x, cast(initial, x.dtype), x.dtype)
        if _given(initial):
            check_number(initial, x.dtype)
            first = cast(initial, x.dtype)
            result = _extreme_or(name, ufunc, x, axes, first)
        else:
            _check_not_empty(
                x, axes, f"zero-size array to reduction operation {ufunc} which has no identity"
            )
            result = emit_tracer(name, x, axes=axes) if axes else x
        return _finish(result, x, axes, keepdims, out, ufunc)

    return reduce


def _extreme_or(name: str, ufunc: str, x: Tracer, axes: Axes, first: Tracer) -> Tracer:
    empty = any(isinstance(x.shape[k], int) and x.shape[k] == 0 for k in axes)
    if empty:
        shape = tuple(n for k, n in enumerate(x.shape) if k not in axes)
        return structural.broadcast(first, shape, ()) if shape else first
    n = product(tuple(x.shape[k] for k in axes))
    if not isinstance(n, int) and decide(lambda: at_least(n, 1)) is not True:
        # One element more, which is beyond all others: there may be none.
        row = tuple(1 if k == axes[0] else m for k, m in enumerate(x.shape))
        last = structural.broadcast(_beyond(x.dtype, ufunc == "maximum"), row, ())
        x = as_array(shapes.concatenate([last, x], axes[0]))
    return pointwise(ufunc, first, emit_tracer(name, x, axes=axes) if axes else x)


def _beyond(dtype: np.dtype[Any], low: bool) -> Tracer:
    """The least number of a type, or the largest."""
    if dtype.kind == "f":
        return constant(-np.inf if low else np.inf, dtype)
    if dtype.kind == "b":
        return constant(not low, dtype)
    limits = np.iinfo(dtype)
    return constant(limits.min if low else limits.max, dtype)


def _check_not_empty(x: Tracer, axes: Axes, message: str) -> None:
    n = product(tuple(x.shape[k] for k in axes))
    if isinstance(n, int):
        if n == 0:
            raise ValueError(message)
        return
    known = decide(lambda: at_least(n, 1))
    if known is False:
        raise ValueError(message)
    if known is None:
        check(compare("greater_equal", n, 1), message)


max_ = implements(np.max, np.amax)(_extreme("reduce_max", "maximum"))
min_ = implements(np.min, np.amin)(_extreme("reduce_min", "minimum"))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = _NOT_GIVEN) -> Tracer:
    """``np.ptp``."""
    most = max_(a, axis=axis, out=out, keepdims=keepdims)  # the difference is computed in `out`
    least = min_(a, axis=axis, keepdims=keepdims)
    return pointwise("subtract", most, least) if out is None else np.subtract(most, least, out=out)


def _truth(kind: str, ufunc: str, neutral: bool) -> Callable[..., Tracer]:
    def reduce(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = _NOT_GIVEN,
        *,
        where: Any = _NOT_GIVEN,
    ) -> Tracer:
        refuse_objects(f"np.{kind.removeprefix('reduce_')}", out)
        x = _masked(cast(_plain(as_array(a)), bool), where, neutral)
        axes = _axes(axis, x.ndim, ufunc=True)
        result = emit_tracer(kind, x, axes=axes) if axes else x
        return _finish(result, x, axes, keepdims, out, ufunc)

    return reduce


any_ = implements(np.any)(_truth("reduce_any", "logical_or", False))
all_ = implements(np.all)(_truth("reduce_all", "logical_and", True))


def _position(kind: str) -> Callable[..., Tracer]:
    def reduce(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _NOT_GIVEN) -> Tracer:
        x, axis = _plain(as_array(a)), shapes.axis_or_none(axis)
        flat = shapes.ravel(x) if axis is None or not x.shape else x
        k = 0 if axis is None else normalize_axis_index(axis, flat.ndim)
        _check_not_empty(flat, (k,), f"attempt to get {kind} of an empty sequence")
        axes = tuple(range(x.ndim)) if axis is None else (k,)
        result = _finish(emit_tracer(kind, flat, axis=k), x, axes, keepdims, None)
        target = _output(out)
        if target is None:
            return result
        if not np.can_cast(target.dtype, np.intp, "safe"):
            raise TypeError(
                f"Cannot cast array data from {target.dtype!r} to {np.dtype(np.intp)!r} according to "
                "the rule 'safe'"
            )
        if target.ndim != result.ndim or not all(
            require_equal(m, n, f"output array does not match result of np.{kind}.")
            for m, n in zip(target.shape, result.shape, strict=True)
        ):
            raise ValueError(f"output array does not match result of np.{kind}.")
        return write_out(result, target, "unsafe")

    return reduce


argmax = implements(np.argmax)(_position("argmax"))
argmin = implements(np.argmin)(_position("argmin"))


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Tracer:
    """``np.count_nonzero``."""
    return sum_(cast(_plain(as_array(a)), bool), axis=axis, keepdims=keepdims)


# -- moments ------------------------------------------------------------------------------------
def _count(x: Tracer, axes: Axes, where: Any, keepdims: bool) -> Any:
    """How many elements each result is made of: an extent, or a traced count under ``where``."""
    if not _given(where) or where is True:
        n: Extent = product(tuple(x.shape[k] for k in axes))
        return n
    mask = fit(as_array(mask_of(where)), np.dtype(bool), x.shape)
    if not mask.shape and x.shape:
        mask = structural.broadcast(mask, x.shape, ())
    return sum_(mask, axis=axes, dtype=np.int64, keepdims=keepdims)


def _divide(total: Tracer, count: Any) -> Tracer:
    """``total / count`` in the dtype of ``total``: for integers the quotient is cut off.

    NumPy warns of nothing to divide by from Python.
    """
    dtype = total.dtype
    if not isinstance(count, (int, Dim)) or not decide(lambda: at_least(count, 1)):
        count = as_array(count)
        nothing = marks.marked(pointwise("less_equal", count, 0))
        count = select(nothing, constant(0, count.dtype), count)
    if dtype.kind != "f":
        return cast(pointwise("divide", total, count), dtype)
    return pointwise("divide", total, cast(count, dtype), dtypes=(dtype,) * 3)


def _sum_dtype(x: Tracer, dtype: Any, out: Tracer | None) -> np.dtype[Any]:
    """The dtype a mean or variance is summed in: float64 for integers, float32 for float16."""
    if _given(dtype):
        return np.dtype(dtype)
    if x.dtype.kind != "f":
        return np.dtype(np.float64)
    if x.dtype == np.float16:
        return np.dtype(np.float32)
    return x.dtype if out is None else np.result_type(x.dtype, out.dtype)


def _in_output(total: Tracer, out: Tracer | None) -> Tracer:
    """A sum that is divided where it is stored, in the dtype of ``out``."""
    return total if out is None else cast(total, out.dtype)


@implements(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NOT_GIVEN, *,
    where: Any = _NOT_GIVEN,
) -> Tracer:  # fmt: skip
    """``np.mean``."""
    x = _plain(as_array(a))
    if not _given(dtype) and x.dtype == np.float16:  # summed in float32
        refuse_objects("a mean of float16", out)
    target = _output(out)
    axes = _axes(axis, x.ndim)
    keep = _given(keepdims) and bool(keepdims)
    wide = _sum_dtype(x, dtype, target)
    total = _in_output(sum_(x, axis=axes, dtype=wide, keepdims=keep, where=where), target)
    result = _divide(total, _count(x, axes, where, keep))
    if x.dtype == np.float16 and not _given(dtype) and target is None:
        result = cast(result, x.dtype)
    return _into(result, target)


@implements(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = _NOT_GIVEN, *, where: Any = _NOT_GIVEN, mean: Any = _NOT_GIVEN,
    correction: Any = _NOT_GIVEN,
) -> Tracer:  # fmt: skip
    """``np.var``."""
    return _variance(a, axis, dtype, out, ddof, keepdims, where, mean, correction)


def _variance(
    a: Any, axis: Any, dtype: Any, out: Any, ddof: Any, keepdims: Any, where: Any, mean: Any,
    correction: Any, of_too_few: float | None = None,
) -> Tracer:  # fmt: skip
    """``of_too_few``: the variance of ``ddof`` numbers or less, instead of a division by zero."""
    x, target = _plain(as_array(a)), _output(out)
    axes = _axes(axis, x.ndim)
    wide = _sum_dtype(x, dtype, target)
    if correction is not _NOT_GIVEN:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if _given(mean):
        center = mean
    else:
        total = sum_(x, axis=axes, dtype=wide, keepdims=True, where=where)
        center = _divide(total, _count(x, axes, where, True))
    deviation = pointwise("subtract", x, center)
    keep = _given(keepdims) and bool(keepdims)
    total = sum_(
        pointwise("multiply", deviation, deviation),
        axis=axes, dtype=wide, keepdims=keep, where=where,
    )  # fmt: skip
    count = _count(x, axes, where, keep)
    if isinstance(count, (int, Dim)) and isinstance(ddof, int):
        freedom: Any = maximum(count - ddof, 0)
    else:
        freedom = pointwise("maximum", pointwise("subtract", count, ddof), 0)
    result = _divide(_in_output(total, target), freedom)
    if of_too_few is not None:
        enough = pointwise("greater", freedom, 0)
        result = select(enough, result, constant(of_too_few, result.dtype))
    if x.dtype == np.float16 and not _given(dtype) and target is None:
        result = cast(result, x.dtype)
    return _into(result, target)


def _nan_variance(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = _NOT_GIVEN, *, where: Any = _NOT_GIVEN, mean: Any = _NOT_GIVEN,
    correction: Any = _NOT_GIVEN,
) -> Tracer:  # fmt: skip
    """What ``np.nanvar`` makes of numbers without NaN: NaN where there are too few."""
    few = math.nan if as_array(a).dtype.kind == "f" else None
    return _variance(a, axis, dtype, out, ddof, keepdims, where, mean, correction, few)


def _deviation(variance_of: Callable[..., Tracer]) -> Callable[..., Tracer]:
    def run(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, *args: Any, **options: Any
    ) -> Tracer:
        variance = variance_of(a, axis, dtype, out, *args, **options)
        if out is not None:  # the root is taken in `out`
            return np.sqrt(variance, out=out)  # type: ignore[return-value]
        root = pointwise("sqrt", variance)
        if variance.dtype.kind != "f":
            if variance.shape:  # NumPy's exception: the root is stored where the variance was
                np.sqrt.resolve_dtypes((variance.dtype, variance.dtype))
            root = cast(root, variance.dtype)
        return root

    return run


std = implements(np.std)(_deviation(var))


@implements(np.average)
def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: Any = _NOT_GIVEN,
) -> Any:
    """``np.average``."""
    x = shapes.array_of(a)
    if axis is not None:
        axis = normalize_axis_tuple(axis, x.ndim, argname="axis")
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        # NumPy divides the sizes as Python does.
        require(compare("greater", result.size, 0), ZeroDivisionError("division by zero"))
        n = _count(x, _axes(axis, x.ndim), True, False)
        scale = cast(n, result.dtype)
    else:
        w = _weights_along(shapes.array_of(weights), x, axis)
        dtype = np.result_type(x.dtype, w.dtype, *([] if x.dtype.kind == "f" else [np.float64]))
        w = broadcast_to(cast(w, dtype), x.shape)
        scale = sum_(w, axis, keepdims=keepdims)
        nonzero = pointwise("not_equal", scale, 0)
        require(
            functions[np.all](nonzero),
            ZeroDivisionError("Weights sum to zero, can't be normalized"),
        )
        result = pointwise(
            "divide", sum_(pointwise("multiply", x, w), axis, keepdims=keepdims), scale
        )
    if not returned:
        return result
    full = scale if same_shape(scale.shape, result.shape) else broadcast_to(scale, result.shape)
    return result, full


def _weights_along(w: Tracer, x: Tracer, axis: Any) -> Tracer:
    """Weights of the shape of ``x``, or of its axes ``axis``, laid along them."""
    message = "Shape of weights must be consistent with shape of a along specified axis."
    pairs = zip(w.shape, x.shape, strict=False)
    alike = [decide(lambda pair=pair: equal(*pair)) for pair in pairs]  # type: ignore[misc]
    if w.ndim == x.ndim and False not in alike:
        places: tuple[int, ...] = tuple(range(x.ndim))
    elif axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    else:
        places = normalize_axis_tuple(axis, x.ndim, argname="axis")
    if len(places) != w.ndim:
        raise ValueError(message)
    for n, k in zip(w.shape, places, strict=True):
        if not require_equal(n, x.shape[k], message):
            raise ValueError(message)
    order = sorted(range(w.ndim), key=lambda d: places[d])
    shape = tuple(x.shape[k] if k in places else 1 for k in range(x.ndim))
    return structural.reshape(structural.transpose(w, tuple(order)), shape)


# -- cumulative ---------------------------------------------------------------------------------
def _cumulative(kind: str) -> Callable[..., Tracer]:
    def run(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
        x, axis = _plain(as_array(a)), shapes.axis_or_none(axis)
        if axis is None or not x.shape:
            x, axis = shapes.ravel(x), 0 if axis is None else axis
        k = normalize_axis_index(axis, x.ndim)
        wide = _loop_dtype(x, dtype, out)
        result = emit_tracer(kind, cast(x, wide), axis=k, reverse=False)
        target = _output(out)
        require_axis(result.ndim, target, describe(result.shape))
        return _into(result, target)

    return run


cumsum = implements(np.cumsum)(_cumulative("cumulative_sum"))
cumprod = implements(np.cumprod)(_cumulative("cumulative_prod"))


def _cumulative_with_start(function: Callable[..., Tracer], neutral: int) -> Callable[..., Tracer]:
    def run(
        x: Any,
        /,
        *,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        include_initial: bool = False,
    ) -> Tracer:
        a = shapes.array_of(x)
        a = a if a.shape else shapes.ravel(a)
        if axis is None and a.ndim > 1:
            raise ValueError(
                "For arrays which have more than one dimension ``axis`` argument is required."
            )
        k = normalize_axis_index(axis or 0, a.ndim)
        result = function(a, k, dtype)
        if include_initial:
            shape = (*a.shape[:k], 1, *a.shape[k + 1 :])
            start = structural.broadcast(constant(neutral, result.dtype), shape, ())
            result = functions[np.concatenate]([start, result], k)
        target = as_output(out)
        require_axis(result.ndim, target, describe(result.shape))
        return _into(result, target)

    return run


if hasattr(np, "cumulative_sum"):
    implements(np.cumulative_sum)(_cumulative_with_start(cumsum, 0))
    implements(np.cumulative_prod)(_cumulative_with_start(cumprod, 1))


@implements(np.diff)
def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = _NOT_GIVEN, append: Any = _NOT_GIVEN
) -> Tracer:
    """``np.diff``."""
    x = shapes.array_of(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    k = normalize_axis_index(axis, x.ndim)
    parts = [_edge(prepend, x, k), x, _edge(append, x, k)]
    parts = [p for p in parts if p is not None]
    if len(parts) > 1:
        x = functions[np.concatenate](parts, k)
    lead = (slice(None),) * k
    for _ in range(n):
        ufunc = "not_equal" if x.dtype.kind == "b" else "subtract"
        x = pointwise(ufunc, x[(*lead, slice(1, None))], x[(*lead, slice(None, -1))])
    return x


def _edge(value: Any, x: Tracer, axis: int) -> Any:
    if not _given(value):
        return None
    edge = as_array(value)
    if edge.shape:
        return edge
    return structural.broadcast(
        Tracer(edge.value, "array"), (*x.shape[:axis], 1, *x.shape[axis + 1 :]), ()
    )


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tracer:
    """``np.ediff1d``."""
    x = Tracer(shapes.ravel(shapes.array_of(ary)).value, "array")
    parts = [pointwise("subtract", x[1:], x[:-1])]
    for name, ends in (("to_begin", to_begin), ("to_end", to_end)):
        if ends is None:
            continue
        given = shapes.array_of(ends)
        if not np.can_cast(given.dtype, x.dtype, "same_kind"):
            raise TypeError(
                f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule."
            )
        parts.insert(0 if name == "to_begin" else len(parts), cast(shapes.ravel(given), x.dtype))
    result: Tracer = functions[np.concatenate](parts)
    return result


@implements(np.linalg.trace)
def matrix_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tracer:
    """``np.linalg.trace``: of the matrices of a stack."""
    return trace(x, offset, -2, -1, dtype)


@implements(np.trace)
def trace(
    a: Any,
    offset: int = 0,
    axis1: int | None = None,
    axis2: int | None = None,
    dtype: Any = None,
    out: Any = None,
) -> Tracer:
    """``np.trace``."""
    return sum_(
        shapes.diagonal(a, offset, 0 if axis1 is None else axis1, 1 if axis2 is None else axis2),
        -1,
        dtype,
        out,
    )


# -- NaN-aware reductions -----------------------------------------------------------------------
def _without_nan(x: Tracer, neutral: Any) -> Tracer:
    if x.dtype.kind != "f":
        return x
    return select(pointwise("isnan", x), constant(neutral, x.dtype), x, x.dtype)


@implements(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NOT_GIVEN,
    initial: Any = _NOT_GIVEN, where: Any = _NOT_GIVEN,
) -> Tracer:  # fmt: skip
    """``np.nansum``."""
    return sum_(_without_nan(shapes.array_of(a), 0), axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _NOT_GIVEN,
    initial: Any = _NOT_GIVEN, where: Any = _NOT_GIVEN,
) -> Tracer:  # fmt: skip
    """``np.nanprod``."""
    return prod(_without_nan(shapes.array_of(a), 1), axis, dtype, out, keepdims, initial, where)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """``np.nancumsum``."""
    return cumsum(_without_nan(shapes.array_of(a), 0), axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """``np.nancumprod``."""
    return cumprod(_without_nan(shapes.array_of(a), 1), axis, dtype, out)


def _numbers(x: Tracer) -> Any:
    """Mask of the elements that are not NaN; None where the dtype has no NaN."""
    return pointwise("logical_not", pointwise("isnan", x)) if x.dtype.kind == "f" else _NOT_GIVEN


def _nan_moment(function: Callable[..., Tracer]) -> Callable[..., Tracer]:
    def run(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, *args: Any, **options: Any
    ) -> Tracer:
        x = shapes.array_of(a)
        if dtype is not None and x.dtype.kind == "f" and np.dtype(dtype).kind not in "fc":
            raise TypeError("If a is inexact, then dtype must be inexact")
        target = _output(out)
        if target is not None and x.dtype.kind == "f" and target.dtype.kind not in "fc":
            raise TypeError("If a is inexact, then out must be inexact")
        if x.dtype.kind == "f" and x.ndim == 0 and _is_axis_of_a_number(axis):
            axis = None  # NumPy sums by a ufunc, to which a number has such an axis
        mask = _numbers(x)
        if _given(options.get("where")) and mask is not _NOT_GIVEN:
            mask = pointwise("logical_and", mask, options["where"])
        elif mask is _NOT_GIVEN:
            mask = options.get("where", _NOT_GIVEN)
        options["where"] = mask
        return function(_without_nan(x, 0), axis, dtype, out, *args, **options)

    return run


nanmean = implements(np.nanmean)(_nan_moment(mean))
nanvar = implements(np.nanvar)(_nan_moment(_nan_variance))
nanstd = implements(np.nanstd)(_nan_moment(_deviation(_nan_variance)))


def _nan_extreme(
    function: Callable[..., Tracer], ufunc: str, worst: float
) -> Callable[..., Tracer]:
    def run(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = _NOT_GIVEN,
        initial: Any = _NOT_GIVEN, where: Any = _NOT_GIVEN,
    ) -> Tracer:  # fmt: skip
        x = shapes.array_of(a)
        options = {"initial": initial, "where": where}
        if x.dtype.kind != "f":
            return function(x, axis, out, keepdims, **options)
        is_array = isinstance(a, Tracer) and a.form == "array"  # reduced by a ufunc
        target = as_output(out) if is_array else _output(out)
        result = function(_without_nan(x, worst), axis, None, keepdims, **options)
        if _given(initial):
            return _into(result, target, ufunc)
        nothing = marks.marked(all_(pointwise("isnan", x), axis, keepdims=keepdims))
        result = select(nothing, constant(np.nan, x.dtype), result, x.dtype)
        return _into(result, target, ufunc)

    return run


nanmax = implements(np.nanmax)(_nan_extreme(max_, "fmax", -np.inf))
nanmin = implements(np.nanmin)(_nan_extreme(min_, "fmin", np.inf))


def _nan_position(function: Callable[..., Tracer], worst: float) -> Callable[..., Tracer]:
    def run(a: Any, axis: Any = None, *args: Any, **options: Any) -> Tracer:
        x = shapes.array_of(a)
        if x.dtype.kind == "f":
            number = any_(pointwise("logical_not", pointwise("isnan", x)), axis)
            require(all_(number), ValueError("All-NaN slice encountered"))
        return function(_without_nan(x, worst), axis, *args, **options)

    return run


implements(np.nanargmax)(_nan_position(argmax, -np.inf))
implements(np.nanargmin)(_nan_position(argmin, np.inf))


def running(ufunc: np.ufunc, x: Tracer, axis: int) -> Tracer:
    """``ufunc.accumulate`` of an associative ufunc by doubling steps (Hillis and Steele, 1986)."""
    n: Any = x.shape[axis]
    moved = shapes.moveaxis(x, axis, 0)
    step = 1
    while step < n:
        # In this order, as NumPy: of a zero and a negative one the operands' places decide.
        later = call(ufunc, (moved[:-step], moved[step:]))
        moved = functions[np.concatenate]([moved[:step], later], 0)
        step *= 2
    return Tracer(shapes.moveaxis(moved, 0, axis).value, "array")


functions["accumulate"] = running


# -- NumPy scalars ------------------------------------------------------------------------------
def _of_scalars(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    """The function, which gives a scalar of a NumPy scalar also where it stores in ``out``.

    NumPy calls the scalar's own method there, which returns scalars only.
    """

    @functools.wraps(function)
    def run(a: Any, *args: Any, **options: Any) -> Any:
        result = function(a, *args, **options)
        out = options.get("out", args[place - 1] if len(args) >= place else None)
        is_scalar = isinstance(a, np.generic) or (isinstance(a, Tracer) and a.form == "scalar")
        if out is None or not is_scalar or result.shape:
            return result
        return Tracer(result.value, "scalar")

    return run


# The place of ``out`` among the arguments.
_METHODS_OF_SCALARS = (
    (np.sum, 3), (np.prod, 3), (np.mean, 3), (np.std, 3), (np.var, 3),
    (np.max, 2), (np.amax, 2), (np.min, 2), (np.amin, 2), (np.all, 2), (np.any, 2),
    (np.argmax, 2), (np.argmin, 2),
)  # fmt: skip
functions.update({f: _of_scalars(functions[f], place) for f, place in _METHODS_OF_SCALARS})
