"""``numpy.fft`` and ``scipy.fft``: the transforms of real and complex traced arrays.

    rfft(x, n=8, norm="ortho")    x cropped or padded to 8, one ``rfft`` operation, a complex result

The n-dimensional transforms go axis by axis, in NumPy's order.  Helpers such as ``fftshift`` and
``fftfreq`` are plain Python on arrays and are followed into.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.dims import Dim, at_least, maximum
from autodiff.ops import fourier
from autodiff.ops.complex_numbers import (
    ComplexTracer,
    as_complex,
    conjugate,
    decline,
    from_pair,
    is_complex,
    joined,
)
from autodiff.ops.function_table import functions
from autodiff.ops.known import compare, decide, extent_of, require
from autodiff.ops.marks import note_deprecated
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.tracer import Tracer
from autodiff.ops.ufuncs import unsupported

_NORMS = {None: "backward", "backward": "backward", "ortho": "ortho", "forward": "forward"}


def _norm(norm: Any) -> str:
    if norm not in _NORMS:
        raise ValueError(f'Invalid norm value {norm}; should be "backward","ortho" or "forward".')
    return _NORMS[norm]


def _operand(x: Any) -> Any:
    """An array-like as an array of floats that have transforms, or complex."""
    if is_complex(x):
        return as_complex(x)
    x = Tracer(as_array(x).value, "array")
    dtype = np.result_type(x.dtype, np.float32) if x.dtype.kind == "f" else np.float64
    return Tracer(cast(x, dtype).value, "array")


def _length(n: Any) -> Any:
    """A number of points, which is not below 1; decided at run time where it is open."""
    n = extent_of(n)
    refusal = ValueError(f"Invalid number of FFT data points ({n}) specified.")
    if isinstance(n, Dim):
        if not decide(lambda: at_least(n, 1)):
            require(compare("greater_equal", n, 1), refusal)
    elif n < 1:
        raise refusal
    return n


def _fitted(x: Any, n: Any, axis: int) -> Any:
    """``x`` with ``n`` elements along an axis: cropped, or padded with zeros."""
    length = x.shape[axis]
    if n is None:
        _length(length)
        return x
    n = _length(n)
    if isinstance(x, ComplexTracer):
        return joined(*(_fitted(part, n, axis) for part in x.parts))
    fits = decide(lambda: at_least(length, n))
    if not fits:
        width: list[tuple[Any, Any]] = [(0, 0)] * x.ndim
        width[axis] = (0, n - length if fits is False else maximum(n - length, 0))
        x = functions[np.pad](x, width)
    return Tracer(_part(x, axis, slice(0, n)).value, "array")


def _part(x: Any, axis: int, part: slice) -> Any:
    return x[(slice(None),) * axis + (part,)]


def _axis(x: Any, axis: Any) -> int:
    return int(normalize_axis_index(axis, x.ndim))


def _complex(x: Any, n: Any, axis: int, norm: str, inverse: bool) -> ComplexTracer:
    x = _fitted(x, n, axis)
    pair = as_complex(x).pair
    return from_pair(fourier.fft(pair, axis, inverse, norm), "array")


def _refuse_out(out: Any) -> None:
    if out is not None:
        raise decline("np.fft.hfft with out=")


def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> ComplexTracer:
    """``np.fft.fft``."""
    _refuse_out(out)
    x = _operand(a)
    return _complex(x, n, _axis(x, axis), _norm(norm), False)


def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> ComplexTracer:
    """``np.fft.ifft``."""
    _refuse_out(out)
    x = _operand(a)
    return _complex(x, n, _axis(x, axis), _norm(norm), True)


def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> ComplexTracer:
    """``np.fft.rfft``."""
    _refuse_out(out)
    x = _operand(a)
    if isinstance(x, ComplexTracer):
        raise decline("np.fft.rfft")
    axis = _axis(x, axis)
    x = _fitted(x, n, axis)
    if isinstance(x.shape[axis], Dim):  # half of the transform of complex numbers
        return _part(
            _complex(x, None, axis, _norm(norm), False), axis, slice(0, x.shape[axis] // 2 + 1)
        )
    return from_pair(fourier.rfft(x, axis, _norm(norm)), "array")


def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Tracer:
    """``np.fft.irfft``."""
    _refuse_out(out)
    x = _operand(a)
    axis = _axis(x, axis)
    if n is None:
        n = (extent_of(x.shape[axis]) - 1) * 2
    n = _length(n)
    half = as_complex(_fitted(x, n // 2 + 1, axis))
    if isinstance(n, Dim):  # with the frequencies that mirror the others
        mirrored = _part(half, axis, slice(1, n - n // 2))
        mirrored = np.conj(np.flip(mirrored, axis))
        whole = np.concatenate([half, mirrored], axis)
        return Tracer(_complex(whole, None, axis, _norm(norm), True).parts[0].value, "array")
    pair = half.pair
    return Tracer(fourier.irfft(pair, axis, n, _norm(norm)).value, "array")


def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Tracer:
    """``np.fft.hfft``: the inverse of the conjugate, with the norm of the other direction."""
    _refuse_out(out)
    x = as_complex(_operand(a))
    return irfft(joined(*conjugate(x.parts), "array"), n, axis, fourier.SWAPPED[_norm(norm)])


def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """``np.fft.ihfft``."""
    _refuse_out(out)
    found = rfft(a, n, axis, fourier.SWAPPED[_norm(norm)])
    return joined(*conjugate(found.parts), "array")


# -- several axes -----------------------------------------------------------------------------------
def _sizes(x: Any, s: Any, axes: Any, real_inverse: bool = False) -> tuple[list[Any], list[int]]:
    """The length along each axis (None: as it is) and the axes, as NumPy completes them."""
    if s is not None and (axes is None or None in s):
        note_deprecated()
    if axes is None:
        axes = list(range(-len(s), 0)) if s is not None else list(range(-x.ndim, 0))
    axes = [axes] if isinstance(axes, int) else list(axes)
    sizes: list[Any] = [None] * len(axes) if s is None else list(s)
    if len(sizes) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    sizes = [None if n is None or n == -1 else n for n in sizes]
    if real_inverse and sizes and sizes[-1] is None:
        sizes[-1] = (extent_of(x.shape[axes[-1]]) - 1) * 2
    return sizes, axes


def _over_axes(x: Any, sizes: Sequence[Any], axes: Sequence[int], norm: Any, inverse: bool) -> Any:
    if not axes:  # NumPy's array of a number
        return ComplexTracer(x.parts, "array") if is_complex(x) else Tracer(x.value, "array")
    x = as_complex(x)
    for n, axis in zip(reversed(sizes), reversed(axes), strict=True):
        x = _complex(x, n, _axis(x, axis), _norm(norm), inverse)
    return x


def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """``np.fft.fftn``."""
    _refuse_out(out)
    x = _operand(a)
    return _over_axes(x, *_sizes(x, s, axes), norm, False)


def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """``np.fft.ifftn``."""
    _refuse_out(out)
    x = _operand(a)
    return _over_axes(x, *_sizes(x, s, axes), norm, True)


def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """``np.fft.rfftn``."""
    _refuse_out(out)
    x = _operand(a)
    sizes, axes = _sizes(x, s, axes)
    if len({k % x.ndim for k in axes}) < len(axes):  # an axis twice: as long as it is before
        sizes = [x.shape[k] if n is None else n for n, k in zip(sizes, axes, strict=True)]
    return _over_axes(rfft(x, sizes[-1], axes[-1], norm), sizes[:-1], axes[:-1], norm, False)


def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Tracer:
    """``np.fft.irfftn``."""
    _refuse_out(out)
    x = _operand(a)
    sizes, axes = _sizes(x, s, axes, real_inverse=True)
    for n, axis in zip(sizes[:-1], axes[:-1], strict=True):
        x = _complex(x, n, _axis(x, axis), _norm(norm), True)
    return irfft(x, sizes[-1], axes[-1], norm)


def _refuse_repeats(x: Any, axes: Any) -> None:
    """SciPy goes along an axis twice in an order of its own."""
    for given in axes if isinstance(axes, tuple) and axes and np.ndim(axes[0]) else (axes,):
        if isinstance(given, (list, tuple)) and all(type(k) is int for k in given):
            if len({k % max(_operand(x).ndim, 1) for k in given}) < len(given):
                raise unsupported("a transform along one axis twice", "transform twice")


def of_scipy(function: Any) -> Any:
    """The transform as ``scipy.fft`` calls it; how it is computed makes no difference."""

    def run(*args: Any, **named: Any) -> Any:
        if named.get("plan") is not None:
            raise NotImplementedError("Passing a precomputed plan is not yet supported")
        options = {k: x for k, x in named.items() if k in ("n", "s", "axis", "axes", "norm")}
        _refuse_repeats(named["x"] if "x" in named else args[0], options.get("axes", args[2:3]))
        return function(*args[:4], *([named["x"]] if "x" in named else []), **options)

    return run


def _two(function: Any) -> Any:
    def run(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
        return function(a, s, axes, norm, out)

    return run


TRANSFORMS: dict[str, Any] = {
    "fft": fft, "ifft": ifft, "rfft": rfft, "irfft": irfft, "hfft": hfft, "ihfft": ihfft,
    "fftn": fftn, "ifftn": ifftn, "rfftn": rfftn, "irfftn": irfftn,
    "fft2": _two(fftn), "ifft2": _two(ifftn), "rfft2": _two(rfftn), "irfft2": _two(irfftn),
}  # fmt: skip


def _into(function: Any) -> Any:
    """A transform that may be stored into an array."""

    @functools.wraps(function)
    def run(*args: Any, **named: Any) -> Any:
        out = named.pop("out", args[4] if len(args) > 4 else None)
        found = function(*args[:4], **named)
        if out is None:
            return found
        fits = isinstance(out, Tracer) and out.form == "array" and tuple(out.shape) == found.shape
        if not fits or not np.can_cast(found.dtype, out.dtype, "same_kind"):
            raise decline("a Fourier transform with this out=")  # which NumPy refuses
        out[...] = found
        return out

    return run


# np.fft.hfft lets its array as it is.
TRANSFORMS = {k: f if k == "hfft" else _into(f) for k, f in TRANSFORMS.items()}


def _of_axes(function: Any) -> Any:
    """The transform as NumPy calls it, whose axes are a sequence; SciPy takes one axis as well."""

    @functools.wraps(function)
    def run(*args: Any, **named: Any) -> Any:
        axes = named["axes"] if "axes" in named else args[2] if len(args) > 2 else None
        if isinstance(axes, int):
            lengths = named.get("s", args[1] if len(args) > 1 else None)
            raise TypeError(
                "'numpy.int64' object is not iterable" if lengths is None else "object of type 'int' has no len()"
            )  # fmt: skip
        return function(*args, **named)

    return run


for _name, _function in TRANSFORMS.items():
    functions[getattr(np.fft, _name)] = _of_axes(_function) if _name[-1] in "n2" else _function
