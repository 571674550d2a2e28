"""The transforms of ``scipy.fft``, entered once that module is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.fft

from autodiff.ops import fourier
from autodiff.ops.complex_functions import TABLE
from autodiff.ops.complex_numbers import ComplexTracer, as_complex, decline, joined
from autodiff.ops.cosine_transforms import INVERSE, trigonometric
from autodiff.ops.function_table import functions
from autodiff.ops.numpy_functions.fourier import (
    TRANSFORMS,
    _axis,
    _fitted,
    _norm,
    _operand,
    _sizes,
    of_scipy,
)
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import cast
from autodiff.ops.scipy_linalg import routine_type
from autodiff.ops.tracer import Tracer

for _name, _transform in TRANSFORMS.items():
    functions[getattr(scipy.fft, _name)] = TABLE[getattr(scipy.fft, _name)] = of_scipy(_transform)
for _name in ("fftshift", "ifftshift"):
    TABLE[getattr(scipy.fft, _name)] = TABLE[getattr(np.fft, _name)]


# -- Hermitian transforms along several axes ----------------------------------------------------------
def hfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Tracer:
    """``scipy.fft.hfftn``: the inverse of the conjugate, with the norm of the other direction."""
    z: Any = as_complex(_operand(x))
    found: Tracer = TRANSFORMS["irfftn"](z.conj(), s, axes, fourier.SWAPPED[_norm(norm)])
    return found


def ihfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """``scipy.fft.ihfftn``."""
    return TRANSFORMS["rfftn"](x, s, axes, fourier.SWAPPED[_norm(norm)]).conj()


def _two(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
        return function(x, s, axes, norm)

    return run


for _name, _transform in (
    ("hfftn", hfftn), ("ihfftn", ihfftn), ("hfft2", _two(hfftn)), ("ihfft2", _two(ihfftn)),
):  # fmt: skip
    functions[getattr(scipy.fft, _name)] = TABLE[getattr(scipy.fft, _name)] = of_scipy(_transform)


# -- cosine and sine transforms -----------------------------------------------------------------------
def _along(x: Any, axis: int, how: tuple[bool, bool, int, Any, Any]) -> Any:
    """One transform along an axis; of complex numbers part by part."""
    sine, inverse, kind, norm, orthogonalize = how
    if isinstance(kind, Tracer) and kind.dtype.kind in "iu":
        kind = int(kind)  # with a guard
    if kind not in INVERSE:
        raise ValueError("type must be an integer between 1 and 4")
    norm = _norm(norm)
    if orthogonalize is None:
        orthogonalize = norm == "ortho"
    if inverse:
        kind, norm = INVERSE[kind], fourier.SWAPPED[norm]
    n = x.shape[axis]
    if isinstance(n, int) and n < (2 if kind == 1 and not sine else 1):
        raise ValueError(f"DCT-I is not defined for len < 2, got {n}" if n else "zero elements")

    def one(part: Any) -> Tracer:
        found = trigonometric(
            Tracer(part.value, "array"), axis, sine, kind, norm, bool(orthogonalize)
        )
        return Tracer(found.value, "array")

    if isinstance(x, ComplexTracer):
        re, im = map(one, x.parts)
        return joined(re, im, "array")
    return one(x)


def _one_axis(sine: bool, inverse: bool) -> Callable[..., Any]:
    def run(
        x: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, orthogonalize: Any = None,
    ) -> Any:  # fmt: skip
        x = _operand(x)
        axis = _axis(x, axis)
        return _along(_fitted(x, n, axis), axis, (sine, inverse, type, norm, orthogonalize))

    return run


def _several_axes(sine: bool, inverse: bool) -> Callable[..., Any]:
    def run(
        x: Any, type: int = 2, s: Any = None, axes: Any = None, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, orthogonalize: Any = None,
    ) -> Any:  # fmt: skip
        x = _operand(x)
        sizes, along = _sizes(x, s, axes)
        for n, axis in zip(sizes, (_axis(x, k) for k in along), strict=True):
            x = _along(_fitted(x, n, axis), axis, (sine, inverse, type, norm, orthogonalize))
        return x

    return run


for _sine in (False, True):
    for _inverse in (False, True):
        _name = f"{'i' if _inverse else ''}d{'s' if _sine else 'c'}t"
        for _full, _make in ((_name, _one_axis), (f"{_name}n", _several_axes)):
            _function: Any = getattr(scipy.fft, _full)
            functions[_function] = TABLE[_function] = _make(_sine, _inverse)


# -- Hankel transforms --------------------------------------------------------------------------------
def _hankel(inverse: bool) -> Callable[..., Any]:
    """``scipy.fft.fht`` and ``ifht``, of parameters that shape the program."""

    def run(a: Any, dln: Any, mu: Any, offset: Any = 0.0, bias: Any = 0.0) -> Any:
        dln, mu, offset, bias = (float(x) for x in (dln, mu, offset, bias))  # with guards
        a = _operand(a)
        dtype = np.float64 if isinstance(a, ComplexTracer) else routine_type(array_of(a))
        n = a.shape[-1]
        if not isinstance(n, int) or isinstance(a, ComplexTracer):
            raise decline("a Hankel transform of complex numbers, or of run-time size")
        steps = (np.arange(n) - (n - 1) / 2) * dln
        u = scipy.fft._fftlog_backend.fhtcoeff(
            n, dln, mu, offset=offset, bias=bias, inverse=inverse
        )
        if bias != 0:
            a = a * np.exp(bias * (steps + offset) if inverse else -bias * steps)
        spectrum = TRANSFORMS["rfft"](a)
        spectrum = spectrum / np.conj(u) if inverse else spectrum * u
        found = TRANSFORMS["irfft"](spectrum, n)[..., ::-1]
        if bias != 0:
            found = found * np.exp(bias * steps if inverse else -bias * (steps + offset))
        return cast(found, dtype)

    return run


functions[scipy.fft.fht], functions[scipy.fft.ifht] = _hankel(False), _hankel(True)
