"""Methods of ufuncs of two complex operands that are no sum or product: one element after the other.

    np.divide.reduce(z)                 z[0] / z[1] / …
    np.subtract.accumulate(z, axis=1)   the same, every step of it
    np.multiply.reduceat(z, [0, 2])     reductions of pieces between known positions
    np.multiply.at(z, [1, 1], 2j)       one store after the other, at known positions

An axis has a size that is known: each element is one operation of the program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.complex_numbers import (
    FOLDS,
    ComplexTracer,
    as_complex,
    call,
    decline,
    joined,
    plain,
)
from autodiff.ops.function_table import functions
from autodiff.ops.known import known
from autodiff.ops.promotion import as_array

_LONGEST = 256


def _lines(ufunc: np.ufunc, what: str, z: ComplexTracer, axis: Any) -> list[Any]:
    """The elements along an axis."""
    if not isinstance(axis, int) or not z.ndim or not isinstance(z.shape[axis % z.ndim], int):
        raise decline(f"np.{ufunc.__name__}.{what} along such an axis")
    lead, count = (slice(None),) * (axis % z.ndim), int(z.shape[axis % z.ndim])
    if not 0 < count <= _LONGEST:
        raise decline(f"np.{ufunc.__name__}.{what} of none, or of so many elements,")
    return [z[(*lead, k)] for k in range(count)]


def _steps(ufunc: np.ufunc, lines: list[Any]) -> list[Any]:
    found = [lines[0]]
    for line in lines[1:]:
        found.append(call(ufunc, (found[-1], line)))
    return found


def _stacked(lines: list[Any], axis: int) -> ComplexTracer:
    pairs = [tuple(map(plain, line.parts)) for line in lines]
    re, im = (functions[np.stack](list(part), axis) for part in zip(*pairs, strict=True))
    return joined(re, im, "array")


def reduce(ufunc: np.ufunc, array: Any, axis: Any = 0, keepdims: bool = False) -> Any:
    """``ufunc.reduce``."""
    z = as_complex(array)
    result = _steps(ufunc, _lines(ufunc, "reduce", z, axis))[-1]
    return _stacked([result], axis) if keepdims else result


def accumulate(ufunc: np.ufunc, array: Any, axis: Any = 0) -> Any:
    """``ufunc.accumulate``."""
    z = as_complex(array)
    return _stacked(_steps(ufunc, _lines(ufunc, "accumulate", z, axis)), axis)


def reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: Any = 0) -> Any:
    """``ufunc.reduceat``; a piece that is none is its start."""
    lines, bounds = _lines(ufunc, "reduceat", as_complex(array), axis), known(as_array(indices))
    if bounds is None or np.any((bounds < 0) | (bounds >= len(lines))):
        raise decline(f"np.{ufunc.__name__}.reduceat at such positions")
    ends = [*bounds[1:].tolist(), len(lines)]
    pieces = [lines[k : max(end, k + 1)] for k, end in zip(bounds.tolist(), ends, strict=True)]
    return _stacked([_steps(ufunc, piece)[-1] for piece in pieces], axis)


def at(ufunc: np.ufunc, z: Any, indices: Any, b: Any) -> None:
    """``ufunc.at`` of one axis of places."""
    places = known(as_array(indices)) if not isinstance(indices, tuple) else None
    if places is None or places.dtype.kind != "i" or places.ndim != 1 or len(places) > _LONGEST:
        raise decline(f"np.{ufunc.__name__}.at such places")
    other = as_complex(b)
    for k, place in enumerate(places.tolist()):
        z[place] = call(ufunc, (z[place], other[k] if other.ndim == z.ndim else other))


FOLDS.update({"reduce": reduce, "accumulate": accumulate, "reduceat": reduceat, "at": at})

__all__ = ["accumulate", "at", "reduce", "reduceat"]
