"""What follows from NumPy's order of complex numbers, beyond sorts and extremes.

    np.partition(z, 2), np.lexsort((z, x))      positions that NumPy finds, elements taken from there
    np.searchsorted(z, w)                       positions, of which there is no derivative
    np.unique_all(z)                            the same of ranks, whole numbers in the order of z
    np.nanmax(z), np.nanmedian(z)               of the elements that are numbers

Filled into the table of :mod:`autodiff.ops.complex_functions`, which loads this module when one of them is met.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType
from autodiff.ops.complex_followed import median
from autodiff.ops.complex_functions import _axis_of, _taken
from autodiff.ops.complex_numbers import (
    TABLE,
    ComplexTracer,
    as_complex,
    call,
    decline,
    is_complex,
    joined,
    plain,
)
from autodiff.ops.entries import Entry, Kernel, register
from autodiff.ops.fourier import whole
from autodiff.ops.function_table import entering, functions
from autodiff.ops.known import check, require
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.tracer import Tracer, emit_tracer

_INT = np.dtype(np.int64)


def _positions(name: str, shape: Callable[..., Any], meaning: Callable[..., Any]) -> None:
    """An operation on pairs whose result is whole numbers."""
    register(
        Entry(
            name,
            lambda types, **how: (ArrayType(_INT, shape(*[t.shape for t in types], **how)),),
            lambda *pairs, **how: np.asarray(meaning(*map(whole, pairs), **how), _INT),
            Kernel(name),
            zero_derivative=True,
        )
    )


_positions(
    "complex_argpartition",
    lambda a, kth, axis: a[:-1],
    lambda z, kth, axis: np.argpartition(z, kth, axis),
)
_positions(
    "complex_searchsorted",
    lambda a, v, side: v[:-1],
    lambda z, w, side: np.searchsorted(z, w, side),
)
_positions(
    "complex_lexsort",
    lambda keys, axis: keys[1:-1],
    lambda keys, axis: np.lexsort(tuple(keys), axis),
)
_positions(
    "complex_ranks",
    lambda a: a[:-1],
    lambda z: np.unique(z, return_inverse=True)[1].reshape(z.shape),
)


def _found(name: str, *pairs: Any, **how: Any) -> Tracer:
    found: Tracer = emit_tracer(name, *[plain(p) for p in pairs], **how)
    return Tracer(found.value, "array" if found.shape else "scalar")


_enters = entering(TABLE)


# -- positions ----------------------------------------------------------------------------------------
@_enters(np.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Tracer:
    """``np.argpartition``."""
    if isinstance(kth, Tracer):
        raise decline("np.argpartition at run-time positions")
    z, at = _axis_of(as_complex(a), axis)
    places = tuple(np.ravel(kth).tolist())
    return _found("complex_argpartition", z.pair, kth=places, axis=at)


@_enters(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> ComplexTracer:
    """``np.partition``."""
    z, at = _axis_of(as_complex(a), axis)
    return _taken(z, argpartition(z, kth, at), at)


@_enters(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Tracer:
    """``np.searchsorted``."""
    z, w = as_complex(a), as_complex(v)
    if z.ndim != 1 or side not in ("left", "right"):
        raise decline("np.searchsorted of this form")
    if sorter is not None:
        z = TABLE[np.take](z, sorter)
    dtype = np.result_type(z.dtype, w.dtype)
    z, w = as_complex(z, dtype), as_complex(w, dtype)
    return _found("complex_searchsorted", z.pair, w.pair, side=side)


@_enters(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Tracer:
    """``np.lexsort``: the last key decides first."""
    several = [as_complex(key) for key in keys]
    if not all(key.ndim and key.shape == several[0].shape for key in several):
        raise decline("np.lexsort of such keys")
    stacked = TABLE[np.stack](several)
    return _found("complex_lexsort", stacked.pair, axis=int(axis))


# -- those that differ ----------------------------------------------------------------------------------
def _of_ranks(z: ComplexTracer) -> dict[str, Any]:
    """What ``np.unique`` gives, of the ranks of the elements."""
    check(_all(_is_number(z)), "numbers alone")
    ranks = _found("complex_ranks", z.pair)
    _, index, inverse, counts = functions[np.unique](ranks, True, True, True)
    flat = TABLE[np.ravel](z)
    re, im = (plain(part)[index] for part in flat.parts)
    inverse = functions[np.reshape](inverse, z.shape)
    return {
        "values": joined(re, im, "array"),
        "indices": index,
        "inverse": inverse,
        "counts": counts,
    }


@_enters(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: Any = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """``np.unique`` of elements; where one is no number, plain Python decides which stay."""
    z = as_complex(ar)
    if axis is not None and z.ndim != 1:
        raise decline("np.unique of rows")
    wanted = {"indices": return_index, "inverse": return_inverse, "counts": return_counts}
    if not any(wanted.values()):
        return _values(z)
    found = _of_ranks(z)
    return (found["values"], *[found[name] for name, given in wanted.items() if given])


def _values(z: ComplexTracer) -> ComplexTracer:
    """Those that differ from the one before, in order."""
    ordered = TABLE[np.sort](TABLE[np.ravel](z))
    check(_all(_is_number(ordered)), "numbers alone")
    if ordered.shape[0] == 0:
        return ordered
    changed = call(np.not_equal, (ordered[1:], ordered[:-1]))
    first = functions[np.concatenate]([functions[np.ones](1, dtype=bool), changed])
    re, im = (plain(x)[first] for x in ordered.parts)
    return joined(re, im, "array")


def _unique_parts(function: Any, names: str) -> Callable[..., Any]:
    def run(x: Any, /) -> Any:
        found = _of_ranks(as_complex(x))
        return type(function(np.zeros(1)))(*[found[name] for name in names.split()])

    return run


for _name, _parts in {
    "unique_all": "values indices inverse counts",
    "unique_counts": "values counts",
    "unique_inverse": "values inverse",
}.items():
    TABLE[getattr(np, _name)] = _unique_parts(getattr(np, _name), _parts)


@_enters(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """``np.array_equiv``: equal once they are broadcast."""
    one, other = as_complex(a1), as_complex(a2)
    try:
        np.broadcast_shapes(one.shape, other.shape)
    except (TypeError, ValueError):
        if all(isinstance(n, int) for n in (*one.shape, *other.shape)):
            return False
        raise decline("np.array_equiv of run-time shapes") from None
    return _all(call(np.equal, (one, other)))


# -- of the elements that are numbers -------------------------------------------------------------------
def _is_number(z: ComplexTracer) -> Any:
    return pointwise("logical_not", call(np.isnan, (z,)))


def _all(condition: Any) -> Any:
    return functions[np.all](condition)


def _without_nan(z: ComplexTracer, worst: float) -> ComplexTracer:
    """NaN replaced by what comes last in the order."""
    beyond = as_complex(complex(worst, worst), z.dtype)
    found: ComplexTracer = TABLE[np.where](_is_number(z), z, beyond)
    return found


def _nan_extreme(name: str, worst: float) -> Callable[..., Any]:
    extreme = getattr(np, name.removeprefix("nan"))

    def run(a: Any, axis: Any = None, out: Any = None, keepdims: Any = np._NoValue) -> Any:
        if out is not None:
            raise decline(f"np.{name} with out=")
        z = as_complex(a)
        some = functions[np.any](_is_number(z), axis=axis)
        check(_all(some), "a number in every slice")  # NumPy warns
        return TABLE[extreme](_without_nan(z, worst), axis=axis, keepdims=keepdims)

    return run


def _nan_position(name: str, worst: float) -> Callable[..., Any]:
    position = getattr(np, name.removeprefix("nan"))

    def run(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = np._NoValue) -> Any:
        if out is not None:
            raise decline(f"np.{name} with out=")
        z = as_complex(a)
        some = functions[np.any](_is_number(z), axis=axis)
        require(_all(some), ValueError("All-NaN slice encountered"))
        beyond = constant(worst, z.part_dtype)  # as NumPy replaces them: the imaginary part is 0
        other = joined(beyond, constant(0.0, z.part_dtype))
        return TABLE[position](
            TABLE[np.where](_is_number(z), z, other), axis=axis, keepdims=keepdims
        )

    return run


for _name, _worst in (("max", -np.inf), ("min", np.inf)):
    TABLE[getattr(np, f"nan{_name}")] = _nan_extreme(f"nan{_name}", _worst)
    TABLE[getattr(np, f"nanarg{_name}")] = _nan_position(f"nanarg{_name}", _worst)


@_enters(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """``np.nanmedian`` along axes on which every element is a number."""
    z = as_complex(a)
    check(_all(_is_number(z)), "a median of numbers")
    return median(z, axis, out, overwrite_input, bool(keepdims) and keepdims is not np._NoValue)


# -- counts with complex weights ----------------------------------------------------------------------
@_enters(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """``np.histogram`` of real data with complex weights: of each part."""
    if is_complex(a) or not is_complex(weights) or is_complex(bins):
        raise decline("np.histogram of complex data")
    parts = [
        functions[np.histogram](a, bins, range, None, plain(part))
        for part in as_complex(weights).parts
    ]
    counts, edges = joined(parts[0][0], parts[1][0], "array"), parts[0][1]
    if not density:
        return counts, edges
    widths = functions[np.diff](edges)
    return call(np.divide, (call(np.divide, (counts, widths)), TABLE[np.sum](counts))), edges


# -- of several arrays ----------------------------------------------------------------------------------
@_enters(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """``np.polymul``; NumPy drops leading zeros, which changes the length."""
    for c in map(as_complex, (a1, a2)):
        if c.ndim == 1 and not (isinstance(c.shape[0], int) and c.shape[0] < 2):
            check(call(np.not_equal, (c[0], 0)), "a leading coefficient is zero")
    return TABLE[np.convolve](a1, a2)


TABLE[np.apply_along_axis] = functions[np.apply_along_axis]


@_enters(np.shares_memory, np.may_share_memory)
def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    """``np.shares_memory``: as the real parts do."""
    parts = [x.parts[0] if isinstance(x, ComplexTracer) else x for x in (a, b)]
    found: bool = functions[np.shares_memory](*parts)
    return found


__all__ = ["histogram", "lexsort", "partition", "searchsorted"]
