"""``scipy.fftpack``, the older transforms: those of ``scipy.fft`` by other names, entered once that module is in use.

    rfft(x)      real and imaginary parts of the half spectrum, one after the other in one real array
    dct, idct    without a factor where no norm is given, also of the inverse
    diff(x)      derivatives of periodic sequences: spectra times powers of i k

Formulas: the docstrings of SciPy's functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft
import scipy.fftpack

from autodiff.ops.complex_functions import TABLE
from autodiff.ops.complex_numbers import decline, is_complex
from autodiff.ops.function_table import functions
from autodiff.ops.numpy_functions.fourier import _operand
from autodiff.ops.tracer import Tracer
from autodiff.ops.ufuncs import unsupported


def _enter(name: str, function: Callable[..., Any]) -> None:
    found = getattr(scipy.fftpack, name)
    functions[found] = TABLE[found] = function


def _newer(name: str) -> Callable[..., Any]:
    """A transform of ``scipy.fft``, of real or complex operands."""
    function = getattr(scipy.fft, name)
    functions.get(function)  # which enters those of that module

    def run(x: Any, *args: Any) -> Any:
        return (TABLE if is_complex(x) else functions)[function](x, *args)

    return run


def _one_axis(name: str) -> Callable[..., Any]:
    newer = _newer(name)

    def run(x: Any, n: Any = None, axis: int = -1, overwrite_x: bool = False) -> Any:
        return newer(x, n, axis)

    return run


def _axes(name: str, usual: Any) -> Callable[..., Any]:
    newer = _newer(name)

    def run(x: Any, shape: Any = None, axes: Any = usual, overwrite_x: bool = False) -> Any:
        return newer(x, shape, axes)

    return run


for _name in ("fft", "ifft"):
    _enter(_name, _one_axis(_name))
    _enter(f"{_name}n", _axes(f"{_name}n", None))
    _enter(f"{_name}2", _axes(f"{_name}2", (-2, -1)))


# -- half spectra in real arrays ------------------------------------------------------------------------
def _last(x: Any, axis: int, n: Any) -> Any:
    """A real array, the axis last, of ``n`` elements."""
    z: Any = _operand(x)
    if is_complex(z):
        raise TypeError("1st argument must be real sequence")
    z = np.moveaxis(z, axis, -1)
    size = z.shape[-1]
    if not isinstance(size, int):
        raise unsupported("scipy.fftpack along an axis of run-time size", "use scipy.fft")
    n = size if n is None else int(n)
    if n > size:
        return np.pad(z, [(0, 0)] * (z.ndim - 1) + [(0, n - size)])
    return z[..., :n]


def rfft(x: Any, n: Any = None, axis: int = -1, overwrite_x: bool = False) -> Any:
    """``scipy.fftpack.rfft``."""
    given = _last(x, axis, n)
    half = functions[scipy.fft.rfft](given)
    pairs = np.stack([half.real, half.imag], -1)
    size = given.shape[-1]
    flat = np.reshape(pairs, (*half.shape[:-1], -1))
    packed = np.concatenate([flat[..., :1], flat[..., 2 : size + 1]], -1)
    return np.moveaxis(packed, -1, axis)


def irfft(x: Any, n: Any = None, axis: int = -1, overwrite_x: bool = False) -> Any:
    """``scipy.fftpack.irfft``."""
    given = _last(x, axis, n)
    size = given.shape[-1]
    nothing = np.zeros_like(given[..., :1])
    parts = [given[..., :1], nothing, given[..., 1:]]
    flat = np.concatenate(parts if size % 2 else [*parts, nothing], -1)
    found = TABLE[scipy.fft.irfft](flat[..., ::2] + 1j * flat[..., 1::2], size)
    return np.moveaxis(found, -1, axis)


_enter("rfft", rfft)
_enter("irfft", irfft)


# -- cosine and sine transforms ---------------------------------------------------------------------------
_OTHER = {1: 1, 2: 3, 3: 2, 4: 4}


def _trigonometric(name: str, inverse: bool) -> Callable[..., Any]:
    newer = _newer(name)

    def run(
        x: Any, type: int = 2, n: Any = None, axis: Any = -1, norm: Any = None, overwrite_x: bool = False
    ) -> Any:  # fmt: skip
        return newer(x, _OTHER[type] if inverse else type, n, axis, norm)

    return run


def _of_several(name: str, inverse: bool) -> Callable[..., Any]:
    newer = _newer(name)

    def run(
        x: Any, type: int = 2, shape: Any = None, axes: Any = None, norm: Any = None,
        overwrite_x: bool = False,
    ) -> Any:  # fmt: skip
        return newer(x, _OTHER[type] if inverse else type, shape, axes, norm)

    return run


for _name in ("dct", "dst"):
    for _inverse in (False, True):
        _enter(f"i{_name}" if _inverse else _name, _trigonometric(_name, _inverse))
        _enter(f"i{_name}n" if _inverse else f"{_name}n", _of_several(f"{_name}n", _inverse))


# -- periodic sequences ---------------------------------------------------------------------------------
def _times(x: Any, factors: Callable[[Any, bool], Any]) -> Any:
    """The sequence whose spectrum is that of ``x`` times ``factors(k, whether there is a middle one)``."""
    z: Any = _operand(x)
    if z.ndim != 1 or not isinstance(z.shape[0], int):
        raise unsupported("scipy.fftpack of this form", "pass one sequence of fixed size")
    n = z.shape[0]
    k = np.rint(np.fft.fftfreq(n) * n)
    found = np.fft.ifft(np.fft.fft(z) * factors(k, n % 2 == 0))
    return found if is_complex(z) else found.real


def _without_middle(factors: Any, k: Any, even: bool) -> Any:
    """No component is its own opposite."""
    if even:
        factors = factors * (np.abs(k) != len(k) // 2)
    return factors


def diff(x: Any, order: Any = 1, period: Any = None, _cache: Any = None) -> Any:
    """``scipy.fftpack.diff``."""
    if isinstance(order, Tracer) or int(order) != order:
        raise decline("scipy.fftpack.diff of run-time order")
    order = int(order)
    if order == 0:
        return _operand(x)
    scale: Any = 1.0 if period is None else 2 * np.pi / period

    def factors(k: Any, even: bool) -> Any:
        powers = (1j * np.where(k == 0, 1.0, k)) ** order * (k != 0)
        return _without_middle(powers, k, even) * scale**order

    return _times(x, factors)


def shift(x: Any, a: Any, period: Any = None, _cache: Any = None) -> Any:
    """``scipy.fftpack.shift``: ``x`` at places moved by ``a``."""
    angle: Any = a if period is None else a * 2 * np.pi / period

    def factors(k: Any, even: bool) -> Any:
        turns = np.exp(1j * (k * angle))
        if not even:
            return turns
        middle = np.abs(k) == len(k) // 2  # where SciPy takes cosine and sine as one real factor
        return np.where(middle, turns.real - turns.imag, turns)

    return _times(x, factors)


def hilbert(x: Any, _cache: Any = None) -> Any:
    """``scipy.fftpack.hilbert``."""
    return _times(x, lambda k, even: _without_middle(1j * np.sign(k), k, even))


def ihilbert(x: Any, _cache: Any = None) -> Any:
    """``scipy.fftpack.ihilbert``."""
    return -hilbert(x)


for _name, _function in (
    ("diff", diff), ("shift", shift), ("hilbert", hilbert), ("ihilbert", ihilbert),
):  # fmt: skip
    _enter(_name, _function)

__all__ = ["diff", "hilbert", "irfft", "rfft", "shift"]
