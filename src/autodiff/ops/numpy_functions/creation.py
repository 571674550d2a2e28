"""Arrays made from sizes and numbers: zeros, arange, linspace, eye, np.array of traced scalars.

These do not dispatch by themselves; capture looks them up here when an argument is traced or a
size is symbolic.  Where everything is concrete the result is a constant of the program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import Extent, at_least, bounds, maximum
from autodiff.ops import structural
from autodiff.ops.function_table import functions, implements
from autodiff.ops.indexing import _fit_value
from autodiff.ops.known import (
    check,
    compare,
    decide,
    extent_of,
    is_integer,
    known,
    natural,
    require,
    type_name,
    within_reach,
)
from autodiff.ops.layout import lay_out, lies_in
from autodiff.ops.numpy_functions.shapes import array_of, as_shape, below, expand_dims, line, ravel
from autodiff.ops.promotion import (
    as_array,
    cast,
    check_number,
    constant,
    operand,
    pointwise,
    result_dtype,
    select,
    stack_sequence,
    supported,
    weak_kind,
)
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.ops.ufuncs import unsupported


def _dtype(dtype: Any, default: Any = np.float64) -> np.dtype[Any]:
    return supported(default if dtype is None else dtype)


def _filled(shape: Any, value: Tracer) -> Tracer:
    extents = as_shape(shape)
    for n in extents:
        natural(n)
    result = structural.broadcast(value, extents, ()) if extents else value
    return Tracer(result.value, "array")


@implements(np.zeros)
def zeros(
    shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Tracer:
    """``np.zeros``."""
    return lay_out(_filled(shape, constant(0, _dtype(dtype))), order or "C")


@implements(np.empty)
def empty(
    shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Tracer:
    """``np.empty``: zeros, so that every run gives the same."""
    return lay_out(_filled(shape, constant(0, _dtype(dtype))), order or "C")


@implements(np.ones)
def ones(
    shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Tracer:
    """``np.ones``."""
    return lay_out(_filled(shape, constant(1, _dtype(dtype))), order or "C")


@implements(np.full)
def full(
    shape: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Tracer:
    """``np.full``."""
    value = operand(fill_value)
    kind = weak_kind(value)
    found = np.asarray(value) if type(value) is int else value  # uint64 of what int64 cannot hold
    dtype = _dtype(dtype, np.dtype(kind) if kind not in (None, int) else found.dtype)
    if kind is int:
        check_number(value, dtype)
    return lay_out(_spread(cast(value, dtype), as_shape(shape)), order or "C")


def _spread(value: Tracer, shape: Any) -> Tracer:
    if not value.shape:
        return _filled(shape, value)
    return Tracer(_fit_value(value, shape, value.dtype).value, "array")


def _like(a: Any, dtype: Any, shape: Any) -> tuple[Any, np.dtype[Any]]:
    x = as_array(a)
    return (x.shape if shape is None else as_shape(shape)), _dtype(dtype, x.dtype)


@implements(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tracer:
    """``np.zeros_like``."""
    extents, dtype = _like(a, dtype, shape)
    result = _filled(extents, constant(0, dtype))
    return lay_out(result, order, *([a] if shape is None else []))


@implements(np.ones_like)
def ones_like(
    a: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Tracer:
    """``np.ones_like``."""
    extents, dtype = _like(a, dtype, shape)
    result = _filled(extents, constant(1, dtype))
    return lay_out(result, order, *([a] if shape is None else []))


@implements(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Tracer:  # fmt: skip
    """``np.full_like``."""
    extents, dtype = _like(a, dtype, shape)
    value = operand(fill_value)
    if weak_kind(value) is int:
        check_number(value, dtype)
    result = _spread(cast(value, dtype), extents)
    return lay_out(result, order, *([a] if shape is None else []))


def _check_numbers(x: Any, dtype: np.dtype[Any], is_item: bool = False) -> None:
    """Raise where an array of integers cannot hold a number; of NumPy's own, where a list has it."""
    if isinstance(x, (list, tuple)) and dtype.kind in "iu":
        for item in x:
            _check_numbers(item, dtype, is_item=True)
    elif isinstance(x, Tracer) and (x.form == "python" or (is_item and dtype.kind == "i")):
        check_number(x, dtype)
    elif type(x) in (int, float) and dtype.kind in "iu":
        np.array(x, dtype)  # NumPy's exception where the dtype cannot hold it


@implements(np.array)
def array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: str = "K", subok: bool = False,
    ndmin: int = 0, ndmax: int = 0, like: Any = None,
) -> Tracer:  # fmt: skip
    """``np.array`` of numbers, arrays and nested sequences, traced or not."""
    given = object.form == "array" if isinstance(object, Tracer) else False
    if ndmax and (isinstance(object, (list, tuple)) or ndmax < as_array(object).ndim):
        raise unsupported("np.array with ndmax", "give arrays, or leave ndmax out")
    if dtype is not None:
        _check_numbers(object, _dtype(dtype))
    if isinstance(object, (list, tuple)):
        x = stack_sequence(object, None if dtype is None else _dtype(dtype))
    else:
        x = as_array(object) if dtype is None else cast(operand(object), _dtype(dtype))
    # np._CopyMode.IF_NEEDED, which NumPy's and SciPy's own functions pass, has no truth.
    kept = given and x.dtype == object.dtype and (copy is np._CopyMode.IF_NEEDED or not copy)
    if kept and lies_in(object, order):
        x = object
    else:
        x = lay_out(Tracer(x.value, "array"), order, object)
    if ndmin:
        np.array(0, ndmin=ndmin)  # NumPy's exception
    while x.ndim < ndmin:
        x = expand_dims(x, 0)
    return x


@implements(np.asarray, np.asanyarray)
def asarray(
    a: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    device: Any = None,
    copy: Any = None,
    like: Any = None,
) -> Tracer:
    """``np.asarray``: an array as it is, anything else a new array."""
    return array(a, dtype, copy=bool(copy), order=order)


@implements(np.asarray_chkfinite)
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Tracer:
    """``np.asarray_chkfinite``."""
    x = array(a, dtype, copy=False, order=order)
    if x.dtype.kind == "f":
        finite = functions[np.all](pointwise("isfinite", x))
        require(finite, ValueError("array must not contain infs or NaNs"))
    return x


@implements(np.ascontiguousarray)
def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Tracer:
    """``np.ascontiguousarray``: with one axis at least."""
    return array(a, dtype, copy=False, order="C", ndmin=1)


@implements(np.asfortranarray)
def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Tracer:
    """``np.asfortranarray``: with one axis at least."""
    return array(a, dtype, copy=False, order="F", ndmin=1)


@implements(np.require)
def require_array(
    a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None
) -> Tracer:
    """``np.require``."""
    asked = {text.upper() for text in requirements or ()}
    np.require(np.empty(0), requirements=requirements)  # its exception
    order = "K"
    if asked & {"C", "C_CONTIGUOUS", "CONTIGUOUS"}:
        order = "C"
    elif asked & {"F", "F_CONTIGUOUS", "FORTRAN"}:
        order = "F"
    return array(a, dtype, copy=bool(asked & {"O", "OWNDATA"}), order=order)


# -- sequences of numbers -------------------------------------------------------------------------
@implements(np.arange)
def arange(
    *args: Any, dtype: Any = None, device: Any = None, like: Any = None, **named: Any
) -> Tracer:
    """``np.arange``: integer bounds may be symbolic; float bounds must be known."""
    start, stop, step, dtype_ = _arange_arguments(args, named)
    dtype = dtype_ if dtype is None else dtype
    if all(is_integer(v) for v in (start, stop, step)):
        low, high, by = extent_of(start), extent_of(stop), extent_of(step)
        from autodiff.ops.indexing import maximum

        # A longer step goes beyond the end at once as well; so its negative is within 64 bits.
        by = min(max(by, -(1 << 62)), 1 << 62) if isinstance(by, int) else within_reach(by)
        forward = at_least(by, 1)
        if not forward and not at_least(-1, by):
            raise ZeroDivisionError("division by zero")
        count = maximum((high - low + by - 1) // by if forward else (low - high - by - 1) // -by, 0)
        wanted = _dtype(dtype, _arange_dtype(start, stop, step))
        if wanted.kind in "fc" and not (_is_exact(low) and _is_exact(by)):
            return _progression(count, low, _sum_of_integers(low, by), wanted)
        _require_that_both_fit(start, step, pointwise("add", low, by), count, wanted)
        positions = line(count)
        if not (isinstance(by, int) and by == 1):
            positions = pointwise("multiply", positions, by)
        if not (isinstance(low, int) and low == 0):
            positions = pointwise("add", positions, low)
        return Tracer(cast(positions, wanted).value, "array")
    return _float_arange(start, stop, step, dtype)


def _arange_arguments(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    values = dict(zip(("start", "stop", "step", "dtype"), args, strict=False)) | named
    if "stop" not in values or values["stop"] is None:
        values["start"], values["stop"] = 0, values["start"]
    return values.get("start", 0), values["stop"], values.get("step", 1), values.get("dtype")


def _arange_dtype(*bounds: Any) -> np.dtype[Any]:
    """At least int64, and Python numbers count as what they are: float32 bounds give float64."""
    return np.result_type(np.int64, *[as_array(b).dtype for b in bounds])


def _float_arange(start: Any, stop: Any, step: Any, dtype: Any) -> Tracer:
    """Traced float bounds: the count is a run-time size, ``ceil((stop - start) / step)``."""
    wanted = _dtype(dtype, _arange_dtype(start, stop, step))
    count = _exact_count(start, stop, step)
    if count is None:
        count = _rounded_count(start, stop, step)
    second = pointwise("add", start, step)
    check(pointwise("isfinite", second), "the second element of an arange is not finite")
    return _progression(count, operand(start), second, wanted)


def _is_exact(n: Any) -> bool:
    """Whether multiples and sums of an integer, as many as memory holds, are exact in floating point."""
    return isinstance(n, int) and abs(n) < 1 << 12


def _sum_of_integers(a: Any, b: Any) -> Tracer:
    """Their sum as float64, beyond 2**63 as well (Python's integers have no end)."""
    a, b = as_tracer(a), as_tracer(b)
    total = pointwise("add", a, b)
    beyond = _is_beyond(a, b, total)
    whole = cast(cast(total, np.uint64), np.float64)
    return select(beyond, whole, cast(total, np.float64), np.dtype(np.float64))


def _is_beyond(a: Any, b: Any, total: Any) -> Any:
    """Whether the sum of integers does not fit into int64."""
    return pointwise("logical_and", pointwise("greater", b, 0), pointwise("less", total, a))


def _require_that_both_fit(
    start: Any, step: Any, second: Any, count: Extent, wanted: np.dtype[Any]
) -> None:
    """Python's integers that the first elements are made of are refused by NumPy where they are too large."""
    if wanted.kind not in "iu" or weak_kind(start) is None or weak_kind(step) is None:
        return
    if wanted.itemsize == 8:
        if not (isinstance(start, int) and isinstance(step, int) and start + step < 1 << 63):
            fits = pointwise("logical_not", _is_beyond(start, step, second))
            few = compare("less_equal", count, 1)
            check(pointwise("logical_or", fits, few), "an integer out of bounds for int64")
        return
    limits = np.iinfo(wanted)
    for k, x in enumerate((start, second)):
        if weak_kind(x) is not None and not (isinstance(x, int) and _fits(x, limits)):
            inside = pointwise(
                "logical_and",
                pointwise("less_equal", limits.min, x),
                pointwise("less_equal", x, limits.max),
            )
            few = compare("less_equal", count, k)  # there is no such element
            check(pointwise("logical_or", inside, few), f"an integer out of bounds for {wanted}")


def _fits(x: int, limits: np.iinfo[Any]) -> bool:
    return int(limits.min) <= x <= int(limits.max)


def _progression(count: Extent, first: Any, second: Any, wanted: np.dtype[Any]) -> Tracer:
    """The elements of an arange from the first two of them.

    NumPy converts these and goes on by their difference, in the arithmetic of the dtype (of float32 for float16):
    ``first + (second - first) k``.
    """
    own = wanted
    if wanted.kind == "c":
        own = np.dtype(np.float32 if wanted.itemsize == 8 else np.float64)
    first, second = cast(first, own), cast(second, own)
    if own == np.float16:
        own = np.dtype(np.float32)
        first, second = cast(first, own), cast(second, own)
    delta = pointwise("subtract", second, first)
    steps = pointwise("multiply", cast(line(count), own), delta)
    return Tracer(cast(pointwise("add", steps, first), wanted).value, "array")


_LONGEST = 1 << 40  # more elements than memory holds


def _exact_count(start: Any, stop: Any, step: Any) -> Extent | None:
    """The count of integer bounds and a step such as -2.0 or 0.25, as algebra on sizes.

    None of others.  Up to 2**53, the quotient is rounded to an integer only where it is one, so that
    NumPy's count in floating point is this one.
    """
    by = known(as_array(step))
    if by is None or by.ndim or not by or not np.isfinite(by):
        return None
    above, below = float(by).as_integer_ratio()
    if below > 1 << 10 or abs(above) > 1 << 20 or not _are_int64(start, stop):
        return None
    distance = (extent_of(stop) - extent_of(start)) * (below if above > 0 else -below)
    low, high = bounds(distance)
    if low is None or low < -_LONGEST or high is None or high > _LONGEST:
        size = pointwise("absolute", as_tracer(distance))
        check(pointwise("less", size, _LONGEST), "arange: an array of more elements than there are")
    return maximum((distance + abs(above) - 1) // abs(above), 0)


def _are_int64(*numbers: Any) -> bool:
    """Whether the difference of integers is that of 64 bits, as NumPy computes it."""
    return all(is_integer(x) and as_tracer(x).dtype == np.int64 for x in numbers)


def _rounded_count(start: Any, stop: Any, step: Any) -> Extent:
    quotient = pointwise("divide", pointwise("subtract", stop, start), step)
    length = pointwise("ceil", quotient)
    # The text is NumPy's: the run fails, and plain Python tells.  Of nan no comparison holds.
    check(
        pointwise("less", pointwise("absolute", length), 2.0**53), "arange: cannot compute length"
    )
    check(pointwise("not_equal", step, 0), "float division by zero")
    # A step so long that the quotient is 0 has the first element alone, if it goes towards `stop`.
    towards = pointwise("logical_not", pointwise("signbit", quotient))
    vanishes = pointwise("logical_and", pointwise("equal", quotient, 0.0), towards)
    one = pointwise("logical_and", vanishes, pointwise("not_equal", start, stop))
    count = cast(pointwise("maximum", pointwise("maximum", length, 0.0), one), np.int64)
    count.value.low = 0
    return extent_of(count)


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """``np.linspace``."""
    n = extent_of(num)
    message = f"Number of samples, {n}, must be non-negative."
    require(compare("greater_equal", n, 0), ValueError(message))
    n = maximum(n, 0)
    div = n - 1 if endpoint else n
    first, last = operand(start), operand(stop)
    working = np.dtype(result_dtype(first, last, float(0)))
    first, last = cast(first, working), cast(last, working)
    delta = pointwise("subtract", last, first)
    positions = cast(line(n), working)
    if delta.shape:
        positions = structural.reshape(positions, (n,) + (1,) * delta.ndim)
    one_by_one = pointwise("add", pointwise("multiply", positions, delta), first)
    nowhere = constant(np.nan, working)
    several = decide(lambda: at_least(div, 1))
    if several is None and retstep:  # without a step, nan is a Python float
        check(compare("greater", div, 0), "np.linspace has no step")
    if several is False:
        step, y = nowhere, one_by_one
    else:
        step = pointwise("divide", delta, cast(div, working))
        y = pointwise("add", pointwise("multiply", positions, step), first)
        if endpoint:  # the last element is exactly `stop`
            y = select(pointwise("equal", positions, cast(div, working)), last, y, working)
        if several is None:
            some = compare("greater", div, 0)
            step, y = select(some, step, nowhere, working), select(some, y, one_by_one, working)
    result = _linspace_finish(y, dtype, axis)
    if several is False and retstep:
        return result, float("nan")
    return (result, step) if retstep else result


def _linspace_finish(y: Tracer, dtype: Any, axis: int) -> Tracer:
    if axis != 0:
        y = functions[np.moveaxis](y, 0, axis)
    if dtype is not None:
        wanted = _dtype(dtype)
        y = cast(pointwise("floor", y) if wanted.kind in "iu" else y, wanted)
    return Tracer(y.value, "array")


@implements(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Tracer:
    """``np.logspace``."""
    y = pointwise("power", base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else cast(y, _dtype(dtype))


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Tracer:
    """``np.geomspace``."""
    first, last = operand(start), operand(stop)
    wide = result_dtype(first, last, np.float64)
    first, last = cast(first, wide), cast(last, wide)
    for end in (first, last):
        nonzero = functions[np.all](pointwise("not_equal", end, 0))
        require(nonzero, ValueError("Geometric sequence cannot include zero"))
    sign = pointwise("sign", first)
    logs = [pointwise("log10", pointwise("divide", v, sign)) for v in (first, last)]
    y = logspace(logs[0], logs[1], num, endpoint)
    n = extent_of(num)
    positions = structural.reshape(line(n), (n,) + (1,) * (y.ndim - 1))
    first, last = (pointwise("divide", v, sign) for v in (first, last))
    if endpoint:
        y = select(pointwise("equal", positions, n - 1), last, y)
    y = select(pointwise("equal", positions, 0), first, y)
    return _linspace_finish(pointwise("multiply", sign, y), dtype, axis)


# -- matrices and grids -----------------------------------------------------------------------------
@implements(np.eye)
def eye(
    N: Any, M: Any = None, k: Any = 0, dtype: Any = float, order: str = "C", *,
    device: Any = None, like: Any = None,
) -> Tracer:  # fmt: skip
    """``np.eye``."""
    m, n = (natural(k) for k in as_shape((N, N if M is None else M)))
    rows = structural.reshape(line(m), (m, 1))
    if not isinstance(k, int):
        within_reach(extent_of(k))
    shifted = rows if isinstance(k, int) and k == 0 else pointwise("add", rows, k)
    return Tracer(cast(pointwise("equal", shifted, line(n)), _dtype(dtype)).value, "array")


@implements(np.identity)
def identity(n: Any, dtype: Any = None, *, like: Any = None) -> Tracer:
    """``np.identity``."""
    return eye(n, dtype=_dtype(dtype))


@implements(np.tri)
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = float, *, like: Any = None) -> Tracer:
    """``np.tri``."""
    m = maximum(extent_of(N), 0)
    n = m if M is None else maximum(extent_of(M), 0)
    return Tracer(cast(below(m, n, k), _dtype(dtype)).value, "array")


@implements(np.meshgrid)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> list[Tracer] | tuple[Tracer, ...]:
    """``np.meshgrid``."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    n = len(xi)
    order = list(range(n))
    if indexing == "xy" and n > 1:
        order[0], order[1] = 1, 0
    if not copy:  # views of what is given
        lines = [
            functions[np.reshape](x, (*(1,) * at, -1, *(1,) * (n - 1 - at)))
            for x, at in zip(xi, order, strict=True)
        ]
        return lines if sparse else functions[np.broadcast_arrays](*lines)
    lines = [ravel(x) for x in xi]
    shape: list[Any] = [0] * n
    for x, place in zip(lines, order, strict=True):
        shape[place] = x.shape[0]
    grids = []
    for x, place in zip(lines, order, strict=True):
        narrow = tuple(x.shape[0] if k == place else 1 for k in range(n))
        grid = (
            structural.reshape(x, narrow)
            if sparse
            else structural.broadcast(x, tuple(shape), (place,))
        )
        grids.append(Tracer(grid.value, "array"))
    return tuple(grids)


@implements(np.indices)
def indices(dimensions: Any, dtype: Any = int, sparse: bool = False) -> Any:
    """``np.indices``."""
    if not as_array(dimensions).ndim:
        raise TypeError(f"'{type_name(dimensions)}' object is not iterable")
    shape = tuple([natural(n) for n in as_shape(dimensions)])
    grids = []
    for k, n in enumerate(shape):
        x = cast(line(n), _dtype(dtype))
        narrow = tuple(n if d == k else 1 for d in range(len(shape)))
        grid = structural.reshape(x, narrow) if sparse else structural.broadcast(x, shape, (k,))
        grids.append(Tracer(grid.value, "array"))
    return tuple(grids) if sparse else functions[np.stack](grids)


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Tracer, ...]:
    """``np.ix_``."""
    arrays = []
    for a in map(array_of, args):
        if a.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        arrays.append(functions[np.nonzero](a)[0] if a.dtype.kind == "b" else a)
    return tuple(
        functions[np.reshape](x, (1,) * k + (x.shape[0],) + (1,) * (len(args) - k - 1))
        for k, x in enumerate(arrays)
    )


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Tracer:
    """``np.vander``."""
    a = array_of(x)
    if a.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    n = natural(extent_of(N)) if N is not None else a.shape[0]
    powers = line(n) if increasing else pointwise("subtract", n - 1, line(n))
    wide = np.result_type(a.dtype, np.int64)
    column = structural.reshape(cast(a, wide), (a.shape[0], 1))
    return pointwise("power", column, cast(powers, wide))


@implements(np.fromfunction)
def fromfunction(
    function: Any, shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any
) -> Any:
    """``np.fromfunction``."""
    grids = indices(shape, dtype=dtype)
    return function(*[grids[k] for k in range(len(as_shape(shape)))], **kwargs)
