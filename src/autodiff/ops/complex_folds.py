"""Methods of ufuncs of two complex operands that are no sum or product: one element after the other.

    np.divide.reduce(z)                 z[0] / z[1] / …
    np.subtract.accumulate(z, axis=1)   the same, every step of it
    np.multiply.reduceat(z, [0, 2])     reductions of pieces between known positions
    np.multiply.at(z, [1, 1], 2j)       one store after the other, at known positions

An axis has a size that is known: each element is one operation of the program.
"""

from __future__ import annotations

from collections.abc import Callable
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
    truth,
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
    """``ufunc.at`` at known places."""
    several = indices if isinstance(indices, tuple) else (indices,)
    found: list[Any] = [
        None if isinstance(k, slice) or k is Ellipsis or k is None else known(as_array(k))
        for k in several
    ]
    if any(k is None or k.dtype.kind not in "iu" for k in found):
        raise decline(f"np.{ufunc.__name__}.at such places")
    places = np.broadcast_arrays(*found)
    shape = places[0].shape
    if places[0].size > _LONGEST:
        raise decline(f"np.{ufunc.__name__}.at so many places")
    other: Any = np.broadcast_to(as_complex(b), (*shape, *z.shape[len(several) :]))
    for index in np.ndindex(*shape):
        place = tuple([int(k[index]) for k in places])
        z[place] = call(ufunc, (z[place], other[index]))


# What asks of elements whether they are 0 asks that first.
_OF_TRUTH = frozenset((np.logical_and, np.logical_or, np.logical_xor))


def _by_truth(method: str, fold: Callable[..., Any]) -> Callable[..., Any]:
    def run(ufunc: np.ufunc, array: Any, *args: Any, **options: Any) -> Any:
        if ufunc in _OF_TRUTH:
            return getattr(ufunc, method)(truth(as_complex(array)), *args, **options)
        return fold(ufunc, array, *args, **options)

    return run


FOLDS["at"] = at
for _function in (reduce, accumulate, reduceat):
    FOLDS[_function.__name__] = _by_truth(_function.__name__, _function)

__all__ = ["accumulate", "at", "reduce", "reduceat"]
