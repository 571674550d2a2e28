"""Functions of NumPy whose own Python is followed where an operand is complex, and some made of these.

    np.poly(z), np.logspace(z, w)      the code of NumPy, on traced complex arrays
    np.nansum(z)                       an element is left out as a whole
    np.median(z), np.unique(z)         by the order of NumPy's sort

Filled into the table of :mod:`autodiff.ops.complex_functions`, which imports this module.  What such
code asks for that complex arrays do not have is declined as it is anywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ops.complex_numbers import (
    TABLE,
    ComplexTracer,
    as_complex,
    call,
    decline,
    is_complex,
    joined,
)
from autodiff.ops.function_table import functions
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check
from autodiff.ops.promotion import pointwise
from autodiff.ops.tracer import Tracer

# Those of np and of np.linalg that are Python, and give what NumPy gives when followed.
_FOLLOWED = """
    unstack extract diag_indices_from tril_indices_from triu_indices_from apply_over_axes piecewise
    poly polyder polyint polyfit sinc logspace geomspace corrcoef cov average
    nanprod nanstd nanvar nancumsum nancumprod nanmean cumulative_sum cumulative_prod astype
    union1d intersect1d setdiff1d setxor1d isin polyadd polysub
    linalg.cross linalg.diagonal linalg.trace linalg.matrix_transpose linalg.matmul linalg.outer
    linalg.matrix_norm linalg.vector_norm linalg.tensordot linalg.tensorinv linalg.vecdot
""".split()


def _enter() -> None:
    for path in _FOLLOWED:
        found: Any = np
        for name in path.split("."):
            found = getattr(found, name, None)
        code: Any = getattr(found, "__wrapped__", found)
        if hasattr(code, "__code__"):
            TABLE[found] = functools.partial(interpreted, code)


_enter()


def _enters(function: Any) -> Callable[[Any], Any]:
    def enter(implementation: Any) -> Any:
        TABLE[function] = implementation
        return implementation

    return enter


@_enters(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, **options: Any) -> Any:
    """``np.nansum``: an element with a part that is no number counts as 0."""
    z = as_complex(a)
    numbers = TABLE[np.where](call(np.isnan, (z,)), as_complex(0.0, z.dtype), z)
    return TABLE[np.sum](numbers, axis=axis, dtype=dtype, **options)


def _parts(x: Any) -> Any:
    """Both parts of an array, with its memory where it is traced."""
    return (x if isinstance(x, ComplexTracer) else as_complex(x)).parts


def _each(function: Any) -> Callable[..., Any]:
    """A function that gives an array for each that it takes, which are real where these are."""

    def run(*arrays: Any, **options: Any) -> Any:
        pairs = [_parts(x) if is_complex(x) else (x, None) for x in arrays]
        re, im = (
            functions[function](*[x if y is None else (x, y)[k] for x, y in pairs], **options)
            for k in (0, 1)
        )
        if len(arrays) == 1 and isinstance(re, Tracer):
            return ComplexTracer((re, im), "array")
        found = zip(re, im, pairs, strict=True)
        made = [a if y is None else ComplexTracer((a, b), "array") for a, b, (_, y) in found]
        return made if isinstance(re, list) else tuple(made)  # a list of a sparse meshgrid of views

    return run


for _name in ("broadcast_arrays", "meshgrid", "atleast_1d", "atleast_2d", "atleast_3d"):
    TABLE[getattr(np, _name)] = _each(getattr(np, _name))


@_enters(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    """``np.lib.stride_tricks.sliding_window_view``."""
    windows = functions[np.lib.stride_tricks.sliding_window_view]
    re, im = (windows(part, window_shape, axis, **options) for part in _parts(x))
    return ComplexTracer((re, im), "array")  # views of the parts


@_enters(np.arange)
def arange(*args: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.arange`` in a complex dtype, between real numbers."""
    if dtype is None or any(map(is_complex, args)) or options:
        raise decline("np.arange between such numbers")
    part = np.zeros((), dtype).real.dtype
    re = functions[np.arange](*args, dtype=part)
    return joined(re, functions[np.zeros_like](re), "array")


@_enters(np.isscalar)
def isscalar(element: Any) -> bool:
    """``np.isscalar``."""
    return getattr(element, "form", "python") != "array"


@_enters(np.require)
def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    """``np.require``, of what an array of the program always has."""
    several = requirements if isinstance(requirements, (list, tuple, str)) else ()
    if like is not None or any(str(x)[:1].upper() in "FE" for x in several):
        raise decline("np.require of this form")
    return TABLE[np.asarray](a, dtype)


@_enters(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    """``np.median``, of numbers in NumPy's order."""
    z = as_complex(a)
    if out is not None:
        raise decline("np.median with out=")
    if isinstance(axis, tuple):
        axes = np.lib.array_utils.normalize_axis_tuple(axis, z.ndim)
        rest = tuple(range(z.ndim - len(axes)))
        moved = TABLE[np.moveaxis](z, axes, range(len(rest), z.ndim))
        flat = TABLE[np.reshape](moved, (*[moved.shape[k] for k in rest], -1))
        found = median(flat, -1)
        return TABLE[np.expand_dims](found, tuple(sorted(axes))) if keepdims else found
    whole = axis is None
    ordered = TABLE[np.sort](TABLE[np.ravel](z) if whole else z, axis=-1 if whole else axis)
    at = ordered.ndim - 1 if whole else int(np.lib.array_utils.normalize_axis_index(axis, z.ndim))
    n = ordered.shape[at]
    if not isinstance(n, int) or n == 0:
        raise decline("np.median of run-time size, or of none")
    check(_all(pointwise("logical_not", call(np.isnan, (ordered,)))), "a median of numbers")
    middle = ordered[(slice(None),) * at + (slice((n - 1) // 2, n // 2 + 1),)]
    found = TABLE[np.mean](middle, axis=at)
    if not keepdims:
        return found
    return TABLE[np.reshape](
        found, tuple([1 if whole or k == at else m for k, m in enumerate(z.shape)])
    )


def _all(condition: Any) -> Any:
    return functions[np.all](condition)


__all__ = ["median"]
