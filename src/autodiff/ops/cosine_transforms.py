"""Discrete cosine and sine transforms along one axis, and their transposes.

    trigonometric(x; axis, sine, type, norm, orthogonalize)     x: (…, n, …) real, of the same shape

The meaning is ``scipy.fft.dct`` or ``dst``.  They are linear, hence transposes of one another: type II
of type III, types I and IV of themselves.  In SciPy's convention a few elements are counted once where
the others are counted twice, which the transposes make up for: the first one of a cosine transform of type II
or III, the last one of a sine transform, both ends of a cosine transform of type I.  Orthogonalised
transforms are symmetric without that.

Formulas: the definitions in SciPy's documentation; S. A. Martucci, "Symmetric convolution and the
discrete sine and cosine transforms" (1994).
"""

from __future__ import annotations

import importlib
from typing import Any

from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Linear, Site, register
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.tracer import Tracer, emit_tracer

INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}


def _meaning(x: Any, axis: int, sine: bool, type: int, norm: str, orthogonalize: bool) -> Any:
    if not x.size:
        return x.copy()
    module = importlib.import_module("scipy.fft")
    function = module.dst if sine else module.dct
    return function(x, type, axis=axis, norm=norm, orthogonalize=orthogonalize)


def trigonometric(
    x: Tracer, axis: int, sine: bool, type: int, norm: str, orthogonalize: bool
) -> Tracer:
    """The cosine or sine transform of an array of floats."""
    return emit_tracer(
        "trigonometric",
        x,
        axis=axis,
        sine=sine,
        type=type,
        norm=norm,
        orthogonalize=orthogonalize,
    )


def _scaled(x: Any, axis: int, ends: tuple[int, ...], factor: float) -> Any:
    """``x`` with its first or last elements along an axis multiplied."""
    for end in ends:
        lead = (slice(None),) * axis
        inner, edge = (slice(1, None), slice(0, 1)) if end == 0 else (slice(0, -1), slice(-1, None))
        parts = [pointwise("multiply", x[(*lead, edge)], constant(factor, x.dtype))]
        parts.insert(1 if end == 0 else 0, x[(*lead, inner)])
        x = emit_tracer("concatenate", *(Tracer(p.value, "array") for p in parts), axis=axis)
    return x


def _transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    how = dict(site.attributes)
    axis, kind, sine = how["axis"], how["type"], how["sine"]
    how["type"] = INVERSE[kind]
    if how["orthogonalize"]:
        return (trigonometric(ct, **how),)
    ends: tuple[int, ...] = () if sine else (0, -1)
    if kind in (2, 3):
        ends = (-1,) if sine else (0,)
    if kind == 4:
        ends = ()
    before = {1: 2.0, 2: 2.0}.get(kind)
    after = {1: 0.5, 3: 0.5}.get(kind)
    ct = Tracer(ct.value, "array")
    if before is not None:
        ct = _scaled(ct, axis, ends, before)
    found = trigonometric(ct, **how)
    return (found if after is None else _scaled(found, axis, ends, after),)


register(
    Entry(
        "trigonometric",
        lambda types, **how: (ArrayType(types[0].dtype, types[0].shape),),
        _meaning,
        Kernel("trigonometric"),
        Linear(_transpose),
    )
)

__all__ = ["INVERSE", "trigonometric"]
