"""Memory layout of traced arrays: whether NumPy would give a view or make a copy.

A tracer's strides are found by repeating its view steps on a dummy array that has the strides of
the storage; the dummy is made with ``as_strided`` on a tiny buffer and never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.dims import Extent
from autodiff.ops.function_table import functions
from autodiff.ops.indexing import representative, strided
from autodiff.ops.tracer import Tracer

Array = np.ndarray[Any, Any]
_SINCE_2_1 = tuple(int(part) for part in np.__version__.split(".")[:2]) >= (2, 1)


def layout(x: Tracer) -> Array:
    """A dummy array with the sizes and strides of ``x``; symbolic sizes have generic values."""
    shape = x.cell.value.shape
    order = x.cell.order or tuple(range(len(shape)))
    strides = [0] * len(shape)
    step = x.dtype.itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= max(representative(shape[axis]), 1)
    dummy = strided(np.empty(1, x.dtype), shape, strides)
    for view in x.path:
        if view.relayout is None:
            return np.empty(0, x.dtype)
        dummy = view.relayout(dummy)
    return dummy


def reshape_view(a: Array, shape: Sequence[Extent]) -> Array | None:
    """The view of a dummy array with another shape, or None where NumPy would copy."""
    sizes = tuple(representative(n) for n in shape)
    if not _SINCE_2_1:
        view = a.view()
        try:
            view.shape = sizes
        except AttributeError:
            return None
        return view
    try:
        return a.reshape(sizes, copy=False)
    except ValueError:
        return None


def is_c_ordered(x: Tracer) -> bool:
    """Whether the elements lie in C order without gaps."""
    return (not x.path and x.cell.order is None) or bool(layout(x).flags.c_contiguous)


def is_f_ordered(x: Tracer) -> bool:
    """Whether the elements lie in Fortran order without gaps."""
    if not x.path and x.cell.order is None:
        return x.ndim < 2
    return bool(layout(x).flags.f_contiguous)


functions["layout"] = layout
