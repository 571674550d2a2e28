"""Discrete Fourier transforms along one axis, of pairs of real and imaginary parts.

    fft(x; axis, inverse, norm)     x: (…, n, …, 2) -> the same shape
    rfft(x; axis, norm)             x: (…, n, …) real -> (…, n // 2 + 1, …, 2)
    irfft(x; axis, n, norm)         x: (…, n // 2 + 1, …, 2) -> (…, n, …) real

The last axis of length 2 holds the parts as NumPy stores complex numbers, so that the meaning is
NumPy's own function on a view.  ``norm`` is ``backward``, ``ortho`` or ``forward``.

All three are linear, hence transposes of one another.  The matrix F of the forward transform is
symmetric; as a map of pairs its transpose is the conjugate of F with the same factor: the transform in the
other direction, with ``backward`` and ``forward`` exchanged.  ``irfft`` counts each inner
frequency twice, once for its mirror image, which the transposes make up for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Linear, Site, register
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, emit_tracer

SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
_WHOLE = {
    np.dtype(np.longdouble): np.clongdouble,
    np.dtype(np.float32): np.complex64,
    np.dtype(np.float64): np.complex128,
}


def whole(pair: Any) -> Any:
    """The complex array that a pair is in memory."""
    return np.ascontiguousarray(pair).view(_WHOLE[pair.dtype])[..., 0]


def in_pairs(z: Any) -> Any:
    """The real array that a complex one is in memory."""
    z = np.asarray(z)
    return np.ascontiguousarray(z).view(z.real.dtype).reshape(*z.shape, 2)


# -- complex to complex ---------------------------------------------------------------------------
def _fft_meaning(x: Any, axis: int, inverse: bool, norm: str) -> Any:
    z = whole(x)
    if not z.size:
        return np.zeros_like(x)
    function: Callable[..., Any] = np.fft.ifft if inverse else np.fft.fft
    return in_pairs(function(z, axis=axis, norm=norm))


def fft(x: Tracer, axis: int, inverse: bool, norm: str) -> Tracer:
    """The transform of a pair, in one direction or the other."""
    return emit_tracer("fft", x, axis=axis, inverse=inverse, norm=norm)


def _fft_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    how = site.attributes
    return (fft(ct, how["axis"], not how["inverse"], SWAPPED[how["norm"]]),)


register(
    Entry(
        "fft",
        lambda types, axis, inverse, norm: (ArrayType(types[0].dtype, types[0].shape),),
        _fft_meaning,
        Kernel("fft"),
        Linear(_fft_transpose),
    )
)


# -- real to complex, and back ------------------------------------------------------------------------
def _rfft_rule(types: Any, axis: int, norm: str) -> tuple[ArrayType, ...]:
    (x,) = types
    return (ArrayType(x.dtype, (*x.shape[:axis], x.shape[axis] // 2 + 1, *x.shape[axis + 1 :], 2)),)


def _rfft_meaning(x: Any, axis: int, norm: Any) -> Any:
    if not x.size:
        return np.zeros((*x.shape[:axis], x.shape[axis] // 2 + 1, *x.shape[axis + 1 :], 2), x.dtype)
    return in_pairs(np.fft.rfft(x, axis=axis, norm=norm))


def rfft(x: Tracer, axis: int, norm: str) -> Tracer:
    """The transform of a real array, as a pair."""
    return emit_tracer("rfft", x, axis=axis, norm=norm)


def _inner(x: Any, axis: int, n: int, factor: float) -> Any:
    """A pair with the frequencies multiplied that have a mirror image among ``n``."""
    factors = np.full(n // 2 + 1, factor)
    factors[0] = 1.0
    if n % 2 == 0:
        factors[-1] = 1.0
    shape = (n // 2 + 1,) + (1,) * (x.ndim - axis - 1)
    return pointwise("multiply", x, reshape(constant(factors, x.dtype), shape))


def _rfft_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    axis, norm = site.attributes["axis"], site.attributes["norm"]
    n = site.operands[0].value.shape[axis]
    return (irfft(_inner(ct, axis, n, 0.5), axis, n, SWAPPED[norm]),)


register(
    Entry("rfft", _rfft_rule, _rfft_meaning, Kernel("rfft"), Linear(_rfft_transpose)),
)


def _irfft_rule(types: Any, axis: int, n: int, norm: str) -> tuple[ArrayType, ...]:
    (x,) = types
    return (ArrayType(x.dtype, (*x.shape[:axis], n, *x.shape[axis + 1 : -1])),)


def _irfft_meaning(x: Any, axis: int, n: int, norm: Any) -> Any:
    if not x.size:
        return np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 : -1]), x.dtype)
    return np.fft.irfft(whole(x), n, axis=axis, norm=norm)


def irfft(x: Tracer, axis: int, n: int, norm: str) -> Tracer:
    """The real array of ``n`` elements along an axis whose transform is a pair."""
    return emit_tracer("irfft", x, axis=axis, n=n, norm=norm)


def _irfft_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    axis, n, norm = (site.attributes[name] for name in ("axis", "n", "norm"))
    return (_inner(rfft(ct, axis, SWAPPED[norm]), axis, n, 2.0),)


register(
    Entry("irfft", _irfft_rule, _irfft_meaning, Kernel("irfft"), Linear(_irfft_transpose)),
)
