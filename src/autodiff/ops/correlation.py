"""Correlation of arrays of any number of axes, and how arrays go on beyond their ends.

    correlate(x, w)              y[i] = sum over k of x[i + k] w[k]; only where w lies inside of x
    extended(x, sizes, "mirror") x with elements before and after along each axis

Correlation is linear in either operand, and its transposes are correlations again.  Arrays go on as
``scipy.ndimage`` says; which element stands where is an index, so that its transpose is a sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Bilinear, Entry, Kernel, Site, register
from autodiff.ops.function_table import functions
from autodiff.ops.promotion import as_array, pointwise, select
from autodiff.ops.structural import INT, slice_update, zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer


# -- the operation --------------------------------------------------------------------------------
def _rule(types: Any) -> tuple[ArrayType, ...]:
    x, w = types
    shape = tuple(m - n + 1 for m, n in zip(x.shape, w.shape, strict=True))
    return (ArrayType(x.dtype, shape),)


def _meaning(x: Any, w: Any) -> Any:
    shape = tuple(m - n + 1 for m, n in zip(x.shape, w.shape, strict=True))
    if not math.prod(shape) or not w.size:
        return np.zeros(shape, x.dtype)
    from scipy import ndimage, signal

    long = [k for k, n in enumerate(w.shape) if n != 1]
    if len(long) == 1 and x.dtype.kind == "f":
        (axis,) = long
        whole = ndimage.correlate1d(x, w.ravel(), axis, mode="constant")
        start = w.size // 2
        return np.take(whole, np.arange(start, start + shape[axis]), axis)
    with np.errstate(all="ignore"):
        found = signal.correlate(x, w, "valid", "direct")
    if np.all(np.isfinite(found)) or np.all(w):
        return found
    return _by_terms(x, w, shape)


def _by_terms(x: Any, w: Any, shape: tuple[int, ...]) -> Any:
    """The sum of the terms whose weight is not 0: infinite elements stay out of the others."""
    total = np.zeros(shape, x.dtype)
    for place in zip(*np.nonzero(w), strict=True):
        part = tuple(slice(k, k + n) for k, n in zip(place, shape, strict=True))
        total += x[part] * w[place]
    return total


def _transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    x, w = site.operands
    ct_x = ct_w = None
    if site.needed[0]:
        sizes = [(n - 1, n - 1) for n in w.shape]
        ct_x = correlate(padded(ct, sizes), np.flip(w))
    if site.needed[1]:
        ct_w = correlate(Tracer(x.value, "array"), Tracer(ct.value, "array"))
    return ct_x, ct_w


register(Entry("correlate", _rule, _meaning, Kernel("correlate"), Bilinear(_transpose)))


def correlate(x: Any, w: Any) -> Tracer:
    """``y[i] = sum over k of x[i + k] w[k]``, of arrays of one dtype and number of axes."""
    found: Tracer = emit_tracer("correlate", x, w)
    return found


def padded(x: Any, sizes: Sequence[tuple[Extent, Extent]]) -> Tracer:
    """``x`` with zeros before and after along each axis."""
    shape = tuple(a + n + b for (a, b), n in zip(sizes, x.shape, strict=True))
    starts = tuple(a for a, _ in sizes)
    return slice_update(zeros(shape, x.dtype), x, starts, x.shape, (1,) * x.ndim)


# -- beyond the ends ---------------------------------------------------------------------------------
def _nearest(i: Any, n: Any) -> Any:
    return np.clip(i, 0, n - 1)


def _wrapped(i: Any, n: Any) -> Any:
    return i % n


def _reflected(i: Any, n: Any) -> Any:
    place = i % (2 * n)
    return np.where(place < n, place, 2 * n - 1 - place)


def _mirrored(i: Any, n: Any) -> Any:
    period = np.maximum(2 * n - 2, 1)
    place = i % period
    return np.where(place < n, place, period - place)


# By the names of scipy.ndimage: from an index to that of the element which stands there.
PLACES: dict[str, Callable[[Any, Any], Any]] = {
    "nearest": _nearest,
    "wrap": _wrapped,
    "reflect": _reflected,
    "mirror": _mirrored,
}


def number_of(n: Extent) -> Any:
    """An extent in arithmetic with arrays."""
    return as_tracer(n) if isinstance(n, Dim) else n


def extended(x: Any, sizes: Sequence[tuple[Extent, Extent]], mode: str, cval: Any = 0.0) -> Tracer:
    """``x`` with elements before and after along each axis; by ``mode``, or ``cval``."""
    result: Any = Tracer(as_array(x).value, "array")
    for axis, (before, after) in enumerate(sizes):
        if isinstance(before, int) and isinstance(after, int) and not before and not after:
            continue
        n = result.shape[axis]
        index = functions[np.arange](-before, n + after, dtype=INT)
        place = PLACES["nearest" if mode == "constant" else mode](index, number_of(n))
        moved = functions[np.take](result, place, axis)
        if mode == "constant":
            inside: Any = pointwise("equal", index, place)
            inside = inside.reshape((-1,) + (1,) * (result.ndim - 1 - axis))
            moved = select(inside, moved, cval, result.dtype)
        result = Tracer(moved.value, "array")
    return result


__all__ = ["PLACES", "correlate", "extended", "number_of", "padded"]
