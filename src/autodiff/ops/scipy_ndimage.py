"""The C routines behind ``scipy.ndimage``, on traced arrays; loaded when that module is in use.

``scipy.ndimage`` is Python, which is followed, around a few routines that store into ``output``.
They are made here of operations, so that derivatives follow for all that is built on them: by arrays, weights,
coordinates and matrices.

    correlate1d, correlate, uniform_filter1d     :mod:`autodiff.ops.correlation`
    min_or_max_filter, rank_filter               the largest, smallest, … of shifted arrays
    spline_filter1d                              linear along one axis: :mod:`autodiff.ops.linear_maps`
    fourier_filter, fourier_shift                a factor of each frequency
    geometric_transform, zoom_shift              B-splines of the coordinates times elements there

Source: P. Thévenaz, T. Blu, M. Unser, Interpolation revisited (2000), and ``ni_interpolation.c``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import scipy.ndimage
from scipy import LowLevelCallable
from scipy.ndimage import _nd_image, _rank_filter_1d

from autodiff.dims import Dim
from autodiff.ops.complex_functions import implements_complex
from autodiff.ops.complex_numbers import as_complex
from autodiff.ops.correlation import PLACES, correlate, extended, number_of
from autodiff.ops.function_table import functions, implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check, known
from autodiff.ops.layout import lay_out
from autodiff.ops.linear_maps import LineMap, along
from autodiff.ops.promotion import as_array, cast, doubles, pointwise, select
from autodiff.ops.tracer import Tracer
from autodiff.ops.ufuncs import unsupported, write_out

# The numbers that SciPy's Python hands to C.
_MODES = ("nearest", "wrap", "reflect", "mirror", "constant", "grid-wrap", "grid-constant")


def _mode(code: Any, of_filter: bool = True) -> str:
    name = _MODES[int(code)]
    return name.removeprefix("grid-") if of_filter else name


def _image(x: Any) -> Tracer:
    """An input of SciPy's C code, which knows no float16."""
    a = as_array(x)
    if a.dtype == np.float16:
        raise RuntimeError("array type dtype('float16') not supported")
    return a


def _store(output: Any, result: Any) -> None:
    write_out(result, output, "unsafe")


def _store_rounded(output: Any, result: Any) -> None:
    """Of an interpolated value an integer array takes the nearest integer it can hold."""
    if output.dtype.kind in "iu":
        limits = np.iinfo(output.dtype)
        result = np.trunc(result + np.where(result > 0, 0.5, -0.5))
        result = np.clip(result, float(limits.min), float(limits.max))
    _store(output, result)


# -- filters ----------------------------------------------------------------------------------------
def _around(size: Any, origin: Any) -> tuple[Any, Any]:
    """How far a window reaches to the left and to the right."""
    left = size // 2 + int(origin)
    return left, size - 1 - left


@implements(_nd_image.correlate1d)
def _correlate1d(
    x: Any, weights: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any
) -> None:
    a, w = doubles(_image(x)), doubles(weights)
    k = int(axis) % a.ndim
    sizes = [(0, 0)] * k + [_around(w.shape[0], origin)] + [(0, 0)] * (a.ndim - 1 - k)
    shape = (1,) * k + (w.shape[0],) + (1,) * (a.ndim - 1 - k)
    _store(
        output, correlate(extended(a, sizes, _mode(mode), cval), functions[np.reshape](w, shape))
    )


@implements(_nd_image.correlate)
def _correlate(x: Any, weights: Any, output: Any, mode: Any, cval: Any, origins: Any) -> None:
    a, w = doubles(_image(x)), doubles(weights)
    sizes = [_around(n, o) for n, o in zip(w.shape, origins, strict=True)]
    _store(output, correlate(extended(a, sizes, _mode(mode), cval), w))


@implements(_nd_image.uniform_filter1d)
def _uniform(x: Any, size: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any) -> None:
    # Sums first: those of integers are exact, and are cut when they are stored.
    sums: Any = Tracer(functions[np.zeros](output.shape).value, "array")
    _correlate1d(x, np.ones(int(size)), axis, sums, mode, cval, origin)
    _store(output, sums / float(int(size)))


def _part(x: Any, start: int, n: Any, axis: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, start + n),)]


@implements(_nd_image.min_or_max_filter1d)
def _extreme1d(
    x: Any, size: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any, minimum: Any
) -> None:
    a: Any = Tracer(_image(x).value, "array")
    k, width = int(axis) % a.ndim, int(size)
    choose = np.minimum if minimum else np.maximum
    n = a.shape[k]
    sizes = [(0, 0)] * k + [_around(width, origin)] + [(0, 0)] * (a.ndim - 1 - k)
    # Of a window twice as wide, from two windows; at last of two that overlap.
    best, reached = extended(a, sizes, _mode(mode), cval), 1
    while reached < width:
        step = min(reached, width - reached)
        length = n + width - reached - step
        best = choose(_part(best, 0, length, k), _part(best, step, length, k))
        reached += step
    _store(output, best)


def _neighbours(
    x: Any, footprint: Any, mode: str, cval: Any, origins: Any, instead: float
) -> list[Any]:
    """Shifted arrays, one for each element of the footprint; ``instead`` of those not in it."""
    a: Any = Tracer(as_array(x).value, "array")
    mask: Any = Tracer(cast(as_array(footprint), bool).value, "array")
    sizes = [_around(n, o) for n, o in zip(mask.shape, origins, strict=True)]
    whole = extended(a, sizes, mode, cval)
    constant = known(mask)
    found = []
    for place in np.ndindex(*mask.shape):
        if constant is not None and not constant[place]:
            continue
        part = whole[tuple(slice(i, i + n) for i, n in zip(place, a.shape, strict=True))]
        found.append(part if constant is not None else select(mask[place], part, instead, a.dtype))
    return found


def _extreme_of(dtype: Any, largest: bool) -> Any:
    """The largest or smallest number of a dtype."""
    if dtype.kind == "f":
        return np.inf if largest else -np.inf
    if dtype.kind == "b":
        return largest
    return int(np.iinfo(dtype).max if largest else np.iinfo(dtype).min)


@implements(_nd_image.min_or_max_filter)
def _extreme(
    x: Any, footprint: Any, structure: Any, output: Any, mode: Any, cval: Any, origins: Any,
    minimum: Any,
) -> None:  # fmt: skip
    shape: Any = as_array(footprint).shape
    a = _image(x) if structure is None else doubles(_image(x))
    instead = _extreme_of(a.dtype, bool(minimum))
    constant = known(as_array(footprint))
    found = _neighbours(a, footprint, _mode(mode), cval, origins, instead)
    if structure is not None:
        places = [p for p in np.ndindex(*shape) if constant is None or constant[p]]
        heights: Any = doubles(structure)
        signed = -heights if minimum else heights
        found = [x + signed[p] for x, p in zip(found, places, strict=True)]
    function = np.min if minimum else np.max
    _store(output, functions[function](functions[np.stack](found), 0))


@implements(_nd_image.rank_filter)
def _rank(
    x: Any, rank: Any, footprint: Any, output: Any, mode: Any, cval: Any, origins: Any
) -> None:
    last = _extreme_of(_image(x).dtype, True)
    found = _neighbours(x, footprint, _mode(mode), cval, origins, last)
    ordered: Any = functions[np.sort](functions[np.stack](found), 0)
    _store(output, ordered[rank])


@implements(_rank_filter_1d.rank_filter)
def _rank1d(x: Any, rank: Any, size: Any, output: Any, mode: Any, cval: Any, origin: Any) -> None:
    _rank(x, rank, np.ones(int(size), bool), output, mode, cval, [origin])


# -- by the user's function -------------------------------------------------------------------------
def _refuse_compiled(function: Any) -> None:
    if isinstance(function, LowLevelCallable):
        raise unsupported("a filter by a function in C", "write it in Python")


def _of_each(function: Any, windows: Any, args: Any, kwargs: Any) -> Any:
    found = np.zeros(len(windows))
    for k in range(len(windows)):
        found[k] = function(windows[k], *args, **kwargs)
    return found


@implements(_nd_image.generic_filter)
def _generic(
    x: Any, function: Any, footprint: Any, output: Any, mode: Any, cval: Any, origins: Any,
    args: Any = (), kwargs: Any = None,
) -> None:  # fmt: skip
    _refuse_compiled(function)
    if known(as_array(footprint)) is None:
        raise unsupported("generic_filter with a traced footprint", "give it as it is")
    a = doubles(_image(x))
    windows: Any = functions[np.stack](
        _neighbours(a, footprint, _mode(mode), cval, origins, 0.0), -1
    )
    rows = functions[np.reshape](windows, (-1, windows.shape[-1]))
    found = interpreted(_of_each, function, rows, args, kwargs or {})
    _store(output, functions[np.reshape](found, windows.shape[:-1]))


def _of_each_line(function: Any, lines: Any, length: Any, args: Any, kwargs: Any) -> Any:
    found = np.zeros((len(lines), length))
    for k in range(len(lines)):
        line = np.zeros(length)
        function(lines[k], line, *args, **kwargs)
        found[k] = line
    return found


@implements(_nd_image.generic_filter1d)
def _generic1d(
    x: Any, function: Any, size: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any,
    args: Any = (), kwargs: Any = None,
) -> None:  # fmt: skip
    _refuse_compiled(function)
    a = doubles(_image(x))
    k, length = int(axis) % a.ndim, a.shape[int(axis)]
    sizes = [(0, 0)] * k + [_around(int(size), origin)] + [(0, 0)] * (a.ndim - 1 - k)
    lines: Any = functions[np.moveaxis](extended(a, sizes, _mode(mode), cval), k, -1)
    rows = functions[np.reshape](lines, (-1, lines.shape[-1]))
    found = interpreted(_of_each_line, function, rows, length, args, kwargs or {})
    shaped = functions[np.reshape](found, (*lines.shape[:-1], length))
    _store(output, functions[np.moveaxis](shaped, -1, k))


# -- of spectra -------------------------------------------------------------------------------------
def _frequencies(shape: Any, n: int, axis: int) -> list[Any]:
    """Of each axis the frequencies of its elements, as columns; ``axis`` is that of a real transform of ``n`` numbers."""
    if any(isinstance(m, Dim) for m in shape):
        raise unsupported("a Fourier filter of run-time size", "give arrays of one shape")
    found = []
    for k, m in enumerate(shape):
        halved = n >= 0 and k == axis
        f = np.arange(m) / max(n, 1) if halved else np.fft.fftfreq(max(m, 1))[:m]
        found.append(f.reshape([-1 if j == k else 1 for j in range(len(shape))]))
    return found


def _uniform_response(size: Any, f: Any) -> Any:
    turn = np.pi * size * f
    still = f == 0
    return np.where(still, 1.0, np.sin(turn) / np.where(still, 1.0, turn))


# By SciPy's number of a filter, what an axis of it does to a frequency.
_RESPONSES: dict[int, Callable[[Any, Any], Any]] = {
    0: lambda sigma, f: np.exp(-2.0 * (np.pi * sigma * f) ** 2),
    1: _uniform_response,
}


def _response(shape: Any, sizes: Any, n: int, axis: int, kind: int) -> Any:
    """The factors of a filter: SciPy's own, of traced sizes those of its formula."""
    columns, scales = _frequencies(shape, n, axis), known(as_array(sizes))
    if scales is not None:
        factors = np.empty(shape)
        _nd_image.fourier_filter(np.ones(shape), scales, n, axis, factors, kind)
        return factors
    if kind not in _RESPONSES:
        raise unsupported("a Fourier filter of traced size", "pass a number")
    return math.prod([_RESPONSES[kind](sizes[k], f) for k, f in enumerate(columns)])


@implements(_nd_image.fourier_filter)
def _fourier(x: Any, sizes: Any, n: Any, axis: Any, output: Any, kind: Any) -> None:
    a = as_array(x)
    _store(output, a * _response(a.shape, sizes, int(n), int(axis), int(kind)))


@implements_complex(_nd_image.fourier_filter)
def _fourier_of_spectrum(x: Any, sizes: Any, n: Any, axis: Any, output: Any, kind: Any) -> None:
    output[...] = as_complex(x) * _response(x.shape, sizes, int(n), int(axis), int(kind))


@implements(_nd_image.fourier_shift)
@implements_complex(_nd_image.fourier_shift)
def _shifted_spectrum(x: Any, shifts: Any, n: Any, axis: Any, output: Any) -> None:
    columns = _frequencies(x.shape, int(n), int(axis))
    turn: Any = sum([as_array(shifts)[k] * f for k, f in enumerate(columns)])
    output[...] = as_complex(x) * np.exp(-2j * np.pi * turn)


# -- splines ----------------------------------------------------------------------------------------
def _spline_lines(lines: Any, order: int, mode: str) -> Any:
    return scipy.ndimage.spline_filter1d(lines, order, 0, mode=mode)


@implements(_nd_image.spline_filter1d)
def _spline_filter1d(x: Any, order: Any, axis: Any, output: Any, mode: Any) -> None:
    name = _mode(mode, of_filter=False)
    options = (("order", int(order)), ("mode", name))
    _store(output, along(doubles(_image(x)), LineMap(_spline_lines, options), int(axis)))


def _weights(cc: Any, order: int) -> tuple[Any, list[Any]]:
    """The first element that a B-spline around ``cc`` reaches, and its values at this one and the next."""
    start = np.floor(cc) if order % 2 else np.floor(cc + 0.5)
    t = cc - start + (0.0 if order % 2 else 0.5)  # 0 … 1 between two knots
    values: list[Any] = [1.0]
    for d in range(1, order + 1):
        below = [0.0, *values, 0.0]
        values = [((t + d - j) * below[j] + (j + 1 - t) * below[j + 1]) / d for j in range(d + 1)]
    return start.astype(np.int64) - order // 2, values


def _inside_by(mode: str, c: Any, n: Any) -> Any:
    """A coordinate brought inside of an axis of ``n`` elements, as ``map_coordinate`` in C does."""
    if mode in ("constant", "grid-constant", "nearest"):
        return c  # of the last one, the elements that are read are those nearest
    if mode == "grid-wrap":
        low = c + n * (np.trunc((-1 - c) / n) + 1)
        high = c - n * np.trunc(c / n)
        return np.where(c < 0, low, np.where(c > n - 1, high, c))
    single = n <= 1
    if mode == "wrap":
        period = np.maximum(n - 1, 1)
        turned = c + period * (np.trunc(-c / period) + 1)
        high = c - period * np.trunc(c / period)
        return np.where(c < 0, np.where(single, 0.0, turned), np.where(c > n - 1, high, c))
    if mode == "mirror":
        period = np.maximum(2 * n - 2, 1)
        size = np.abs(c)
        size = size - period * np.trunc(size / period)
        size = np.where(size >= n, period - size, size)
        return np.where((c < 0) | (c > n - 1), np.where(single, 0.0, size), c)
    period = 2 * n
    size = np.where(c < 0, np.maximum(-c - 1, -1.0), c)
    size = size - period * np.trunc(size / period)
    size = np.where(size >= n, period - size - 1, size)
    return np.where((c < 0) | (c > n - 1), size, c)


def _reads(mode: str) -> str:
    """How elements beyond the ends are found that a spline around an inner point reaches."""
    return {"constant": "mirror", "wrap": "mirror", "grid-wrap": "wrap"}.get(mode, mode)


class _Axis:
    """Along one axis: which elements are read, their weights, and where ``cval`` stands instead."""

    def __init__(self, c: Any, n: Any, order: int, mode: str, npad: int) -> None:
        size = number_of(n)
        at = _inside_by(mode, c + float(npad), size)
        self.outside = (at < 0) | (at > size - 1) if mode == "constant" else None
        if self.outside is not None:
            at = np.clip(at, 0.0, size - 1.0)
        start, self.weights = _weights(at, order)
        self.beyond: list[Any] = []
        self.places = []
        for k in range(order + 1):
            place = start + k
            if mode == "grid-constant":
                self.beyond.append((place < 0) | (place > size - 1))
                self.places.append(np.clip(place, 0, size - 1))
            else:
                self.beyond.append(None)
                self.places.append(PLACES[_reads(mode)](place, size))


def _masked(value: Any, mask: Any, cval: Any) -> Any:
    return value if mask is None else select(mask, cval, value, np.float64)


def _either(masks: Sequence[Any]) -> Any:
    found = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else found | mask
    return found


@implements(_nd_image.geometric_transform)
def _geometric(
    x: Any, mapping: Any, coordinates: Any, matrix: Any, offset: Any, output: Any, order: Any,
    mode: Any, cval: Any, npad: Any, args: Any = (), kwargs: Any = None,
) -> None:  # fmt: skip
    a: Any = doubles(_image(x))
    name, shape = _mode(mode, of_filter=False), output.shape
    if mapping is not None:
        at = _mapped(mapping, shape, args or (), kwargs or {})
    elif coordinates is not None:
        given: Any = doubles(coordinates)
        at = [given[k] for k in range(a.ndim)]
    else:
        at = _affine(doubles(matrix), doubles(offset), shape)
    for c in at:  # as an index, what is not finite is what the processor makes of it
        check(functions[np.all](pointwise("isfinite", c)), "coordinates that are finite")
    axes = [_Axis(c, n, int(order), name, int(npad)) for c, n in zip(at, a.shape, strict=True)]
    total: Any = 0.0
    for choice in product(range(int(order) + 1), repeat=a.ndim):
        term = a[tuple(axis.places[k] for axis, k in zip(axes, choice, strict=True))]
        term = _masked(
            term, _either([axis.beyond[k] for axis, k in zip(axes, choice, strict=True)]), cval
        )
        for axis, k in zip(axes, choice, strict=True):
            term = term * axis.weights[k]
        total = total + term
    _store_rounded(output, _masked(total, _either([axis.outside for axis in axes]), cval))


def _affine(matrix: Any, offset: Any, shape: Sequence[Any]) -> list[Any]:
    """The coordinates of the output's elements, ``matrix @ index + offset``."""
    lines = [
        functions[np.arange](n).astype(np.float64).reshape((-1,) + (1,) * (len(shape) - 1 - k))
        for k, n in enumerate(shape)
    ]
    found = []
    for row in range(matrix.shape[0]):
        c: Any = offset[row]
        for k, line in enumerate(lines):
            c = c + line * matrix[row, k]
        found.append(functions[np.broadcast_to](c, shape))
    return found


def _mapped(mapping: Callable[..., Any], shape: Sequence[Any], args: Any, kwargs: Any) -> list[Any]:
    """The coordinates that the user's function gives for each element of the output."""
    if any(isinstance(n, Dim) for n in shape):
        raise unsupported("geometric_transform of run-time size", "use map_coordinates")
    rows = [mapping(index, *args, **kwargs) for index in np.ndindex(*shape)]
    columns = [
        functions[np.stack]([doubles(c) for c in column]) for column in zip(*rows, strict=True)
    ]
    return [functions[np.reshape](column, tuple(shape)) for column in columns]


@implements(_nd_image.zoom_shift)
def _zoom_shift(
    x: Any, zoom: Any, shift: Any, output: Any, order: Any, mode: Any, cval: Any, npad: Any,
    grid_mode: Any,
) -> None:  # fmt: skip
    result: Any = doubles(_image(x))
    name = _mode(mode, of_filter=False)
    scales = None if zoom is None else doubles(zoom)
    shifts = None if shift is None else doubles(shift)
    outside = []
    for k, n in enumerate(output.shape):
        c: Any = functions[np.arange](n).astype(np.float64)
        if shifts is not None:
            c = c + shifts[k]
        if scales is not None:
            c = (c + 0.5) * scales[k] - 0.5 if grid_mode else c * scales[k]
        axis = _Axis(c, result.shape[k], int(order), name, int(npad))
        result = _contracted(result, axis, k, cval)
        if axis.outside is not None:
            outside.append(_as_column(axis.outside, k, len(output.shape)))
    _store_rounded(output, _masked(result, _either(outside), cval))


def _as_column(x: Any, axis: int, ndim: int) -> Any:
    return x.reshape((-1,) + (1,) * (ndim - 1 - axis))


def _contracted(x: Any, axis: _Axis, k: int, cval: Any) -> Any:
    """The sum over the elements read along axis ``k``."""
    total: Any = 0.0
    for place, weight, beyond in zip(axis.places, axis.weights, axis.beyond, strict=True):
        term = functions[np.take](x, place, k)
        mask = None if beyond is None else _as_column(beyond, k, x.ndim)
        term = _masked(term, mask, cval)
        total = total + (
            term if isinstance(weight, float) else term * _as_column(weight, k, x.ndim)
        )
    return total


# -- affine maps ------------------------------------------------------------------------------------
_AFFINE: Any = scipy.ndimage.affine_transform


def affine_transform(
    input: Any, matrix: Any, offset: Any = 0.0, output_shape: Any = None, output: Any = None,
    order: int = 3, mode: str = "constant", cval: Any = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """``scipy.ndimage.affine_transform``: how the matrix lies in memory, which SciPy asks, makes no difference."""
    given = [
        lay_out(functions[np.array](x), "C") if isinstance(x, (Tracer, list, tuple)) else x
        for x in (matrix, offset)
    ]
    return interpreted(_AFFINE, input, *given, output_shape, output, order, mode, cval, prefilter)


implements(_AFFINE)(affine_transform)
implements_complex(_AFFINE)(affine_transform)
