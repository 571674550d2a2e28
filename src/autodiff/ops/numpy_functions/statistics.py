"""Order statistics, histograms, covariance."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.dims import Dim, at_least, maximum, product
from autodiff.ir.data import ArrayType
from autodiff.ops import structural
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import check, compare, decide, extent_of, known, require, require_equal
from autodiff.ops.marks import marked, note_deprecated
from autodiff.ops.numpy_functions.shapes import array_of, ravel
from autodiff.ops.promotion import (
    as_array,
    broadcast_to,
    cast,
    cast_safely,
    constant,
    pointwise,
    select,
    weak_kind,
)
from autodiff.ops.python_numbers import number
from autodiff.ops.structural import scatter_add
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer
from autodiff.ops.ufuncs import as_output, unsupported, write_out
from autodiff.ops.vertices import Call


def _sorted_first(
    a: Any, axis: Any, as_float: bool = True
) -> tuple[Tracer, tuple[int, ...], tuple[Any, ...]]:
    """The array sorted along one axis in front, the axes it is made of, the shape with them as 1."""
    flat, axes, kept = _lines(a, axis, as_float)
    return emit_tracer("sort", flat, axis=0), axes, kept


def _lines(
    a: Any, axis: Any, as_float: bool = True
) -> tuple[Tracer, tuple[int, ...], tuple[Any, ...]]:
    """The same, not sorted."""
    x = array_of(a)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    kept = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
    if not x.shape:
        x, axes = ravel(x), (0,)
    x = x if x.dtype.kind == "f" or not as_float else cast(x, np.float64)
    rest = [k for k in range(x.ndim) if k not in axes]
    moved = structural.transpose(Tracer(x.value, "array"), (*axes, *rest))
    n = product(tuple(x.shape[k] for k in axes))
    return structural.reshape(moved, (n, *(x.shape[k] for k in rest))), axes, kept


def _finish(
    result: Tracer,
    kept: tuple[Any, ...],
    keepdims: bool,
    lead: int,
    out: Any,
    casting: str = "same_kind",
) -> Tracer:
    if keepdims:
        result = structural.reshape(result, (*result.shape[:lead], *kept))
    result = Tracer(result.value, "array" if result.shape else "scalar")
    target = as_output(out)
    return result if target is None else write_out(result, target, casting)


def _never_empty(x: Tracer) -> Tracer:
    """Sorted lines; those that may be of no numbers have a NaN, which sorts last, behind them."""
    if decide(lambda: at_least(x.shape[0], 1)):
        return x
    behind = functions[np.full]((1, *x.shape[1:]), np.nan, x.dtype)
    longer: Tracer = functions[np.concatenate]([x, behind], 0)
    return longer


@implements(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Tracer:
    """``np.median``."""
    x, _, kept = _sorted_first(a, axis)
    n = x.shape[0]
    nothing = None if decide(lambda: at_least(n, 1)) else marked(compare("equal", n, 0))
    x, last = _never_empty(x), maximum(n - 1, 0)
    middle = x[last // 2]
    if not (isinstance(n, int) and n % 2):
        middle = pointwise("multiply", pointwise("add", middle, x[n // 2]), 0.5)
    middle = pointwise("add", middle, 0.0)  # NumPy's is a mean, which is never -0.0
    is_nan = pointwise("isnan", x[last])  # NaN sorts last and spreads
    if nothing is not None:
        is_nan = pointwise("logical_or", is_nan, nothing)
    middle = select(is_nan, constant(np.nan, x.dtype), middle, x.dtype)
    if isinstance(out, tuple):
        raise TypeError("return arrays must be of ArrayType")
    if out is not None and as_output(out).ndim != (len(kept) if keepdims else middle.ndim):
        raise ValueError("the output of np.median is never stretched")  # in NumPy's words: NumPy
    return _finish(middle, kept, keepdims, 0, out, "unsafe")


def _virtual(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    # Hyndman & Fan, Sample Quantiles in Statistical Packages, 1996
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def _nearest_from(place: Any, stays: Callable[[Any], Any]) -> Any:
    """The position below where ``stays`` says so, else the one above; never below the first."""
    below = np.floor(place)
    return np.maximum(np.where((place == below) & stays(below), below, below + 1), 0)


# Where the quantile q of n sorted numbers lies; the second group picks one of the numbers.
_BETWEEN: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda n, q: (n - 1) * q,
    "midpoint": lambda n, q: 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q)),
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "interpolated_inverted_cdf": _virtual(0, 1),
    "hazen": _virtual(0.5, 0.5),
    "weibull": _virtual(0, 0),
    "median_unbiased": _virtual(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _virtual(3 / 8.0, 3 / 8.0),
}
_PICKED: dict[str, Callable[[Any, Any], Any]] = {
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.rint((n - 1) * q),
    "inverted_cdf": lambda n, q: _nearest_from(n * q - 1, lambda below: True),
    "closest_observation": lambda n, q: _nearest_from(n * q - 1 - 0.5, lambda k: k % 2 == 1),
}
# How far between two neighbours, where that is not the fraction of the position.
_FRACTIONS: dict[str, Callable[[Any], Any]] = {
    "midpoint": lambda t: np.where(t == 0, 0.0, 0.5),
    "averaged_inverted_cdf": lambda t: np.where(t == 0, 0.5, 1.0),
}


@implements(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, *, weights: Any = None, **options: Any,
) -> Tracer:  # fmt: skip
    """``np.quantile`` by any of its methods."""
    _require_shares(q, 1, "Quantiles must be in the range [0, 1]")
    return _quantile(a, q, axis, out, method, keepdims, weights)


def _require_shares(q: Any, most: int, message: str) -> None:
    share = as_array(q)
    if share.dtype.kind == "c" or share.ndim > 2:
        raise ValueError("q must be a scalar or 1d")
    inside = pointwise(
        "logical_and", pointwise("greater_equal", share, 0), pointwise("less_equal", share, most)
    )
    require(functions[np.all](inside), ValueError(message))


def _quantile(
    a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: bool, weights: Any
) -> Tracer:
    if weights is not None:
        return _weighted(np.quantile, a, q, axis, out, method, keepdims, weights)
    if method not in _BETWEEN and method not in _PICKED:
        np.quantile(np.zeros(1), 0.5, method=method)  # type: ignore[call-overload]  # its exception
    given = array_of(a).dtype
    share = _share_of(q, given)
    dtype, found = _types_of_place(share, given, method)
    interpolates = method in _BETWEEN and found is None
    if given.kind == "b" and (interpolates or (method in _BETWEEN and method != "linear")):
        pointwise("subtract", array_of(a), array_of(a))  # NumPy's exception
    x, _, kept = _sorted_first(a, axis, interpolates)
    weight = x.dtype if _is_weak(share) else dtype
    share = cast(share, dtype)
    n = x.shape[0]
    if interpolates:
        place = _BETWEEN[method](as_tracer(n), share)
        result = _interpolated(x, place, weight, _FRACTIONS.get(method))
        if given.kind != "f" and not _is_weak(share):
            result = cast(result, np.result_type(given, dtype))
    else:
        picked = _PICKED["lower" if found is not None else method]
        result = _at(x, picked(as_tracer(n), share))
        result = result if found is None else cast(result, found)
    if x.dtype.kind == "f":
        last = pointwise("isnan", x[n - 1])
        result = select(last, constant(np.nan, result.dtype), result, result.dtype)
    return _finish(result, kept, keepdims, share.ndim, out)


@functools.cache
def _takes_shares_as_given() -> bool:
    """Whether this NumPy computes with shares in their own dtype, and takes numbers of Python's for weak ones."""
    kept: Any = np.quantile(np.zeros(2, np.float32), np.float64(0.5))
    return bool(kept.dtype == np.float64)


def _share_of(q: Any, given: Any) -> Tracer:
    """The shares; numbers of Python's beside data that are none may be like NumPy's."""
    share = as_array(q)
    if share.form == "python" and given.kind != "f" and not _takes_shares_as_given():
        return Tracer(share.value, "scalar")
    return share


def _types_of_place(share: Tracer, given: Any, method: str) -> tuple[Any, Any]:
    """In which dtype NumPy computes where a quantile lies; that of the result where it is an end of the data.

    Shares that are integers, 0 and 1, tell of the ends.
    """
    wide = given if given.kind == "f" else np.dtype(np.float64)
    if not _takes_shares_as_given() and given.kind == "f":
        # Numbers of Python's, of which np.float64 is one, have the dtype of floating-point data.
        if share.form == "python" or (share.form == "scalar" and share.dtype == np.float64):
            return given, None
    if share.dtype.kind == "f":
        return share.dtype, None
    if method == "linear" or method not in _BETWEEN:
        return np.dtype(np.float64), given if method == "linear" else None
    place = np.asarray(_BETWEEN[method](2, np.zeros((), share.dtype))).dtype
    return np.dtype(np.float64), wide if _is_weak(share) else np.result_type(given, place)


def _is_weak(share: Tracer) -> bool:
    return share.form == "python" and share.dtype.kind != "b"


def _weighted(
    function: Any, a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: bool, weights: Any
) -> Tracer:
    """A quantile with weights, which is one of the numbers: NumPy says which one.

    A weight moves it by jumps only, so that the derivative by it is 0.
    """
    x, share, given = array_of(a), as_array(q), array_of(weights)
    shapes: list[Any] = [x.shape, share.shape, given.shape]
    sizes = [n for shape in shapes for n in shape]
    if not all(isinstance(n, int) for n in sizes) or 0 in sizes:
        raise unsupported("a weighted quantile of run-time size", "give arrays of one shape")
    example = np.zeros(shapes[0]), np.full(shapes[1], 0.5), axis
    whole = {"keepdims": keepdims, "method": method, "weights": np.ones(shapes[2])}
    is_array = isinstance(function(*example, **whole), np.ndarray)  # or it raises
    flat, _, kept = _lines(x, axis, False)
    rest = flat.shape[1:]

    def run(values: Any) -> Any:
        lines, shares, whole, *weighs = values
        wanted = function(whole, shares, axis, method=method, weights=weighs[0])
        wanted = np.reshape(wanted, (-1, 1, *lines.shape[1:]))
        same = (lines == wanted) | (np.isnan(lines) & np.isnan(wanted))
        return (np.argmax(same, axis=1),)

    places = emit_tracer(
        "called", *(flat, share, x, given), call=Call(f"np.{function.__name__}", run),
        types=(ArrayType(structural.INT, (max(product(share.shape), 1), *rest)),),
    )  # fmt: skip
    result: Any = functions[np.take_along_axis](flat, places, 0)
    found = _finish(result.reshape((*share.shape, *rest)), kept, keepdims, share.ndim, out)
    return Tracer(found.value, "array") if is_array and out is None else found


def _at(x: Tracer, place: Tracer) -> Tracer:
    index = cast(place, np.int64)
    return functions[np.take](x, index, axis=0)


def _interpolated(
    x: Tracer, place: Tracer, weight: Any, fraction: Callable[[Any], Any] | None
) -> Tracer:
    floor = pointwise("floor", place)
    last = x.shape[0] - 1

    def inside(k: Any) -> Tracer:
        return pointwise("minimum", pointwise("maximum", k, 0), last)

    low, high = _at(x, inside(floor)), _at(x, inside(pointwise("add", floor, 1)))
    t = pointwise("subtract", place, floor)
    t = cast(fraction(t), t.dtype) if fraction is not None else _weight(place, t, last)
    if x.ndim > 1 and t.shape:
        t = structural.reshape(t, t.shape + (1,) * (x.ndim - 1))
    return _lerp(low, high, t, weight)


def _lerp(low: Tracer, high: Tracer, t: Tracer, weight: Any) -> Tracer:
    """Between two numbers, from the nearer one, so that both ends are exact; ``weight`` is the dtype of factors."""
    step = pointwise("subtract", high, low)
    rest = cast(pointwise("subtract", 1, t), weight)
    forward = pointwise("add", low, pointwise("multiply", step, cast(t, weight)))
    backward = pointwise("subtract", high, pointwise("multiply", step, rest))
    return select(pointwise("greater_equal", t, 0.5), backward, forward)


def _weight(place: Tracer, t: Tracer, last: Any) -> Tracer:
    """How far beyond the lower neighbour: at the last element NumPy counts from the end, at -1.

    The neighbours are the same there; only the sign of a zero depends on it.
    """
    at_end = pointwise("greater_equal", place, last)
    return select(at_end, pointwise("add", place, 1), t, t.dtype)


@implements(np.percentile)
def percentile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False, *, weights: Any = None, **options: Any,
) -> Tracer:  # fmt: skip
    """``np.percentile``."""
    _require_shares(q, 100, "Percentiles must be in the range [0, 100]")
    return _quantile(a, _hundredth(a, q), axis, out, method, keepdims, weights)


def _hundredth(a: Any, q: Any) -> Tracer:
    share, given, form = as_array(q), array_of(a).dtype, as_array(q).form
    hundred: Any = 100
    if not _takes_shares_as_given():
        hundred = given.type(100) if given.kind == "f" else 100
        form = "array" if form == "scalar" else form
    divided = pointwise("divide", share, hundred)
    return Tracer(divided.value, "scalar" if share.dtype.kind == "b" else form)


def _without_nan_quantile(
    x: Tracer, share: Tracer, weight: Any, kept: tuple[Any, ...], keepdims: bool, out: Any
) -> Tracer:
    """Quantiles of the numbers of each sorted line; NaN, which sorts last, is not counted."""
    x = _never_empty(x)
    numbers = functions[np.sum](pointwise("logical_not", pointwise("isnan", x)), axis=0)
    nothing = marked(pointwise("equal", numbers, 0))
    last = pointwise("maximum", pointwise("subtract", numbers, 1), 0)
    if share.ndim:
        share = structural.reshape(share, share.shape + (1,) * last.ndim)
    place = pointwise("multiply", share, cast(last, share.dtype))
    floor = pointwise("floor", place)
    low = _along(x, floor)
    high = _along(x, pointwise("minimum", pointwise("add", floor, 1), last))
    t = _weight(place, pointwise("subtract", place, floor), last)
    between = _lerp(low, high, t, weight)
    return _finish(
        select(nothing, constant(np.nan, between.dtype), between),
        kept,
        keepdims,
        share.ndim - last.ndim if share.ndim else 0,
        out,
    )


def _along(x: Tracer, place: Tracer) -> Tracer:
    """Element ``place[q, j]`` of line j, for every q."""
    index = cast(place, np.int64)
    extra = index.ndim - (x.ndim - 1)
    flat = structural.reshape(index, (product(index.shape[:extra]), *index.shape[extra:]))
    picked = functions[np.take_along_axis](x, flat, axis=0)
    return structural.reshape(picked, index.shape)


@implements(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: Any = False, **options: Any,
) -> Tracer:  # fmt: skip
    """``np.nanquantile`` by linear interpolation."""
    if options.get("weights") is not None:
        return _weighted(np.nanquantile, a, q, axis, out, method, keepdims, options["weights"])
    if method != "linear":
        raise unsupported("np.nanquantile with a method", "use the method 'linear'")
    _require_shares(q, 1, "Quantiles must be in the range [0, 1]")
    if array_of(a).dtype.kind == "b":
        np.nanquantile(np.zeros(2, bool), 0.5)  # its exception
    keep = bool(keepdims) and keepdims is not np._NoValue
    given = array_of(a).dtype
    share = _share_of(q, given)
    dtype, found = _types_of_place(share, given, method)
    if given.kind != "f":  # none is NaN
        return _quantile(a, q, axis, out, method, keep, None)
    x, _, kept = _sorted_first(a, axis)
    weight = x.dtype if found is not None or _is_weak(share) else dtype
    return _without_nan_quantile(x, cast(share, dtype), weight, kept, keep, out)


@implements(np.nanpercentile)
def nanpercentile(a: Any, q: Any, *args: Any, **options: Any) -> Tracer:
    """``np.nanpercentile``."""
    _require_shares(q, 100, "Percentiles must be in the range [0, 100]")
    return nanquantile(a, _hundredth(a, q), *args, **options)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Tracer:
    """``np.nanmedian``: the mean of the middle two of the numbers that are not NaN."""
    x, _, kept = _sorted_first(a, axis)
    x = _never_empty(x)
    count = functions[np.sum](pointwise("logical_not", pointwise("isnan", x)), axis=0)
    last = pointwise("maximum", pointwise("subtract", count, 1), 0)
    low = _along(x, pointwise("floor_divide", last, 2))
    high = _along(x, pointwise("minimum", pointwise("floor_divide", count, 2), last))
    half = pointwise("multiply", pointwise("add", low, high), 0.5)
    odd = pointwise("equal", pointwise("remainder", count, 2), 1)
    middle = select(odd, low, half, x.dtype)
    nothing = marked(pointwise("equal", count, 0))
    middle = select(nothing, constant(np.nan, x.dtype), middle)
    middle = pointwise("add", middle, 0.0)  # as NumPy's, which is a mean
    if isinstance(out, tuple):
        raise TypeError("'tuple' object does not support item assignment")
    keep = bool(keepdims) and keepdims is not np._NoValue
    return _finish(middle, kept, keep, 0, out, "unsafe")


# -- covariance ---------------------------------------------------------------------------------
@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Tracer:  # fmt: skip
    """``np.cov``."""
    if ddof is not None and not isinstance(ddof, (int, np.integer)):
        whole = pointwise("equal", ddof, pointwise("trunc", ddof))
        require(whole, ValueError("ddof must be integer"))
    for name, given in (("m", m), ("y", y)):
        if given is not None and as_array(given).ndim > 2:
            raise ValueError(f"{name} has more than 2 dimensions")
    x = functions[np.array](m, ndmin=2)
    if not rowvar and as_array(m).ndim != 1:
        x = functions[np.transpose](x)
    if y is not None:
        other = functions[np.array](y, ndmin=2)
        if not rowvar and as_array(y).ndim != 1:
            other = functions[np.transpose](other)
        x = functions[np.concatenate]([x, other], 0)
    if dtype is not None and np.dtype(dtype).kind != "f":
        raise unsupported("np.cov in integers is not available on traced arrays", "use floats")
    dtype = np.result_type(x.dtype, np.float64) if dtype is None else np.dtype(dtype)
    x = cast(x, dtype)
    if ddof is None:
        ddof = 0 if bias else 1
    weights = _weights(fweights, aweights, x.shape[1])
    if weights is None:
        mean, total = functions[np.mean](x, axis=1), x.shape[1]
        norm: Any = as_tracer(total) - ddof  # as Python's integers
    else:
        mean, total = functions[np.average](x, axis=1, weights=weights, returned=True)
        total = total[0]
        norm = _weighted_norm(total, weights, aweights, ddof)
    deviation = pointwise("subtract", x, functions[np.expand_dims](mean, 1))
    weighted = deviation if weights is None else pointwise("multiply", deviation, weights)
    deviation = cast(deviation, dtype)
    product_ = functions[np.dot](deviation, functions[np.transpose](weighted))
    too_few = marked(pointwise("less_equal", norm, 0))
    freedom = select(too_few, constant(0, norm.dtype), norm)
    scaled = pointwise("multiply", product_, pointwise("divide", 1.0, cast(freedom, np.float64)))
    return functions[np.squeeze](Tracer(cast(scaled, dtype).value, "array"))


def _weights(fweights: Any, aweights: Any, n: Any) -> Any:
    given = []
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        x = as_array(w)
        if name == "fweights":
            whole = functions[np.all](pointwise("equal", x, pointwise("rint", x)))
            require(whole, TypeError("fweights must be integer"))
        if x.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        message = f"incompatible numbers of samples and {name}"
        if not require_equal(x.shape[0], n, message):
            raise RuntimeError(message)
        natural = functions[np.all](pointwise("greater_equal", x, 0))
        require(natural, ValueError(f"{name} cannot be negative"))
        given.append(x)
    if not given:
        return None
    weights = cast(given[0], np.float64)
    return pointwise("multiply", weights, given[1]) if len(given) > 1 else weights


def _weighted_norm(total: Any, weights: Any, aweights: Any, ddof: Any) -> Any:
    if ddof == 0:
        return total
    if aweights is None:
        return pointwise("subtract", total, ddof)
    squares = functions[np.sum](pointwise("multiply", weights, as_array(aweights)))
    return pointwise(
        "subtract", total, pointwise("divide", pointwise("multiply", ddof, squares), total)
    )


@implements(np.corrcoef)
def corrcoef(
    x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None, **options: Any
) -> Tracer:
    """``np.corrcoef``."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.shape:
        return Tracer(pointwise("divide", c, c).value, "scalar")
    deviation = pointwise("sqrt", functions[np.diagonal](c))
    c = pointwise("divide", c, functions[np.expand_dims](deviation, 1))
    c = pointwise("divide", c, functions[np.expand_dims](deviation, 0))
    return functions[np.clip](c, -1, 1)


# -- counting -----------------------------------------------------------------------------------
@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Tracer:
    """``np.bincount``: the size is the largest number plus one, at run time where x is traced."""
    index = array_of(x)
    if index.dtype.kind not in "iub":
        raise TypeError(
            f"Cannot cast array data from {index.dtype!r} to dtype('int64') according to the rule 'safe'"
        )
    if index.ndim != 1:
        deep = "deep" if index.ndim else "small depth"
        raise ValueError(f"object {'too' if index.ndim else 'of too'} {deep} for desired array")
    if index.dtype == np.uint64:
        raise TypeError(
            "Cannot cast array data from dtype('uint64') to dtype('int64') according to the rule 'safe'"
        )
    if weights is not None and not (
        as_array(weights).ndim == 1
        and require_equal(
            as_array(weights).shape[0],
            index.shape[0],
            "The weights and list don't have the same length.",
        )
    ):
        raise ValueError("The weights and list don't have the same length.")
    index = cast(index, np.int64)
    natural = functions[np.all](pointwise("greater_equal", index, 0))
    require(natural, ValueError("'list' argument must have no negative elements"))
    least = extent_of(minlength)
    require(compare("greater_equal", least, 0), ValueError("'minlength' must not be negative"))
    found = known(index)
    if found is not None:
        size: Any = max(int(found.max()) + 1 if found.size else 0, int(minlength))
    else:
        largest = functions[np.max](index, initial=-1)
        count = pointwise("maximum", pointwise("add", largest, 1), extent_of(minlength))
        count.value.low = 0
        size = Dim.symbol(count.value)
    dtype = np.dtype(np.int64 if weights is None else np.float64)
    zeros = structural.zeros((size,), dtype)
    ones = constant(1, dtype) if weights is None else cast_safely(weights, dtype)
    return scatter_add(
        zeros, (index,), broadcast_to(ones, index.shape) if ones.shape else _all(ones, index), (0,)
    )


def _all(one: Tracer, like: Tracer) -> Tracer:
    return structural.broadcast(one, like.shape, ())


def _check_weights(a: Any, weights: Any) -> None:
    if weights is None:
        return
    shape, wanted = as_array(weights).shape, as_array(a).shape
    message = "weights should have the same shape as a."
    if len(shape) != len(wanted) or not all(
        require_equal(m, n, message) for m, n in zip(shape, wanted, strict=True)
    ):
        raise ValueError(message)


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Tracer:
    """``np.histogram_bin_edges`` for a number of bins, or given edges."""
    _check_weights(a, weights)
    return _bin_edges(a, bins, range, as_data=True)


def _bin_edges(a: Any, bins: Any, range: Any, as_data: bool) -> Tracer:
    """The edges; ``as_data``: in a dtype that holds the data, too."""
    if isinstance(bins, str):
        raise unsupported("np.histogram with a named rule for bins", "give the number of bins")
    if as_array(bins).ndim == 1:
        edges = array_of(bins)
        rising = functions[np.all](pointwise("less_equal", edges[:-1], edges[1:]))
        message = "`bins` must increase monotonically, when an array"
        require(rising, ValueError(message))
        return edges
    if as_array(bins).ndim:
        raise ValueError("`bins` must be 1d, when an array")
    require(
        compare("greater_equal", extent_of(bins), 1),
        ValueError("`bins` must be positive, when an integer"),
    )
    if range is None and isinstance(as_array(a).size, int) and as_array(a).size == 0:
        range = (0, 1)
    if range is None:
        low, high = functions[np.min](a), functions[np.max](a)
        finite = pointwise("logical_and", pointwise("isfinite", low), pointwise("isfinite", high))
        check(finite, "the autodetected range is not finite")
    else:
        low, high = as_tracer(range[0]), as_tracer(range[1])
        ordered = pointwise("less_equal", low, high)
        require(ordered, ValueError("max must be larger than min in range parameter."))
        finite = pointwise("logical_and", pointwise("isfinite", low), pointwise("isfinite", high))
        require(finite, ValueError(f"supplied range of [{range[0]}, {range[1]}] is not finite"))
    dtype: Any = None
    if as_data:
        given = [as_array(a), *(x for x in (low, high) if weak_kind(x) is None)]
        dtype = np.result_type(*[x.dtype for x in given])
        dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    same = pointwise("equal", low, high)
    first = select(same, pointwise("subtract", low, 0.5), low)
    last = select(same, pointwise("add", high, 0.5), high)
    # Of a number of Python's and a float32 NumPy makes float32.
    ends = [
        number(x, float) if weak_kind(end) is not None else x
        for x, end in ((first, low), (last, high))
    ]
    edges = functions[np.linspace](*ends, pointwise("add", bins, 1), dtype=dtype)
    rising = pointwise("less", edges[:-1], edges[1:])
    check(functions[np.all](rising), "too many bins for the range")
    return edges


@implements(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """``np.histogram``: counts are constant where the data moves within its bin."""
    _check_weights(a, weights)
    x = ravel(a)
    if x.dtype.kind == "b":
        note_deprecated()  # taken as integers
    edges = histogram_bin_edges(x, bins, range, None)
    n = edges.shape[0] - 1
    place = pointwise("subtract", functions[np.searchsorted](edges, x, "right"), 1)
    # The last bin includes its right edge.
    place = select(pointwise("equal", x, edges[n]), n - 1, place)
    inside = pointwise(
        "logical_and", pointwise("greater_equal", place, 0), pointwise("less", place, n)
    )
    dtype = np.dtype(np.int64) if weights is None else as_array(weights).dtype
    amount = constant(1, dtype) if weights is None else ravel(weights)
    amount = select(inside, amount, constant(0, dtype), dtype)
    index = functions[np.clip](place, 0, n - 1)
    counts = scatter_add(structural.zeros((n,), dtype), (index,), amount, (0,))
    if not density:
        return counts, edges
    widths = pointwise("multiply", functions[np.diff](edges), functions[np.sum](counts))
    return pointwise("divide", counts, widths), edges


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """``np.histogramdd``: one bin for each point, of those between the edges along all axes."""
    points: Any = array_of(sample)
    if isinstance(sample, (list, tuple)) or points.ndim != 2:
        points = functions[np.transpose](functions[np.atleast_2d](points))
    axes = points.shape[1]
    several = bins if isinstance(bins, (list, tuple)) else [bins] * int(axes)
    ranges = [None] * int(axes) if range is None else range
    if len(several) != axes:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if len(ranges) != axes:
        raise ValueError("range argument must have one entry per dimension")
    edges, places, inside = [], [], None
    for k, (each, limits) in enumerate(zip(several, ranges, strict=True)):
        x = points[:, k]
        edge = _bin_edges(x, each, limits, as_data=False)
        edge = edge if edge.dtype.kind == "f" or array_of(each).ndim else cast(edge, np.float64)
        n = edge.shape[0] - 1
        place: Any = functions[np.searchsorted](edge, x, "right") - 1
        place = select(pointwise("equal", x, edge[n]), n - 1, place)
        within: Any = (place >= 0) & (place < n)
        inside = within if inside is None else inside & within
        places.append(functions[np.clip](place, 0, n - 1))
        edges.append(edge)
    amount = constant(1.0, np.float64)
    if weights is not None:
        amount = cast_safely(ravel(weights), np.float64)
    amount = select(inside, amount, constant(0.0, np.float64), np.float64)
    shape = tuple(e.shape[0] - 1 for e in edges)
    counts: Any = scatter_add(
        structural.zeros(shape, np.float64),
        tuple(places),
        amount,
        tuple(np.arange(len(edges)).tolist()),
    )
    counts = Tracer(counts.value, "array")
    if density:
        total: Any = functions[np.sum](counts)
        for k, edge in enumerate(edges):
            widths = functions[np.diff](edge)
            column = (1,) * k + (widths.shape[0],) + (1,) * (len(edges) - 1 - k)
            counts = counts / functions[np.reshape](widths, column)
        counts = counts / total
    return counts, edges
