"""Memory layout of traced arrays: whether NumPy would give a view or make a copy.

A tracer's strides are found by repeating its view steps on a dummy array that has the strides of
the storage; the dummy is made with ``as_strided`` on a tiny buffer and never read.

    set_layout(x, array)        x stands for an array with these strides
    keep_order(result, x, y)    a new array laid out as NumPy lays out the result of x and y
    layout(x)                   the dummy
    lay_out(result, "F", x)     a new array in the order that was asked for

Programs are compiled for arguments in C order. What was decided by the order of an argument, or of
an array laid out like one, is noted in the builder: such a program is not run for another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, UndecidedExtent, evaluate
from autodiff.ops import builder as _builder
from autodiff.ops.tracer import Tracer

Array = np.ndarray[Any, Any]
_SINCE_2_1 = tuple(int(part) for part in np.__version__.split(".")[:2]) >= (2, 1)


def representative(n: Extent) -> int:
    """A size that stands for a symbolic extent when strides are compared: never 0 or 1."""
    if isinstance(n, int):
        return n
    return max(abs(evaluate(n, lambda symbol: 97 + id(symbol) % 1009)), 2)


def strided(a: Array, shape: Sequence[Extent], strides: Sequence[int]) -> Array:
    """A dummy array with these sizes and strides; its elements are never read."""
    sizes = [representative(n) for n in shape]
    return np.lib.stride_tricks.as_strided(a, sizes, list(strides), writeable=False)


def set_layout(x: Tracer, array: Array) -> None:
    """Remember that the storage of ``x`` has the strides of ``array``."""
    x.cell.strides = None if array.flags.c_contiguous else array.strides


def _dense(shape: Sequence[Extent], order: Sequence[int], itemsize: int) -> list[int]:
    """Strides without gaps, axes from slowest to fastest as in ``order``."""
    strides = [0] * len(shape)
    step = itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= max(representative(shape[axis]), 1)
    return strides


def _order(strides: Sequence[int]) -> list[int]:
    return sorted(range(len(strides)), key=lambda k: -abs(strides[k]))


def layout(x: Tracer) -> Array:
    """A dummy array with the sizes and strides of ``x``; symbolic sizes have generic values."""
    if x.cell.follows:
        _builder.current_builder().ordered_copies = True
    return memory(x)


def note_order(x: Tracer) -> None:
    """Values depend on the order of ``x`` in memory."""
    if x.cell.follows:
        _builder.current_builder().ordered_values = True


def memory(x: Tracer) -> Array:
    """The dummy, where nothing is decided by it."""
    shape, strides = x.cell.value.shape, x.cell.strides
    itemsize = x.cell.value.dtype.itemsize
    if strides is None:
        strides = tuple(_dense(shape, range(len(shape)), itemsize))
    elif any(isinstance(n, Dim) for n in shape):
        strides = tuple(_dense(shape, _order(strides), itemsize))
    dummy = strided(np.empty(1, x.cell.value.dtype), shape, strides)
    for view in x.path:
        if view.relayout is None:
            return np.empty(0, x.dtype)
        dummy = view.relayout(dummy)
        if dummy is None:  # the generic values of the sizes do not fit each other
            raise UndecidedExtent("the order in memory of a view with sizes read at run time")
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
    if not x.path and x.cell.strides is None:
        if x.cell.follows:
            _builder.current_builder().ordered_views.append(x.cell)
        return True
    return bool(layout(x).flags.c_contiguous)


def is_f_ordered(x: Tracer) -> bool:
    """Whether the elements lie in Fortran order without gaps."""
    if not x.path and x.cell.strides is None and x.ndim < 2:
        return is_c_ordered(x)
    return bool(layout(x).flags.f_contiguous)


def order_of(order: str | None, *operands: Any) -> str:
    """``"C"``, ``"F"`` or ``"K"`` for an argument ``order=``: "A" is decided by the operands."""
    chosen = "K" if order is None else order.upper()
    if chosen == "A":
        arrays = [x for x in operands if isinstance(x, Tracer) and x.ndim > 1]
        for x in arrays:
            note_order(x)
        fortran = arrays and all(memory(x).flags.fnc for x in arrays)
        return "F" if fortran else "C"
    if chosen not in ("C", "F", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    return chosen


def lies_in(x: Tracer, order: str | None) -> bool:
    """Whether an array is in the order that was asked for, so that NumPy need not copy it."""
    chosen = order_of(order, x)
    if chosen == "K":
        return True
    note_order(x)
    return is_c_ordered(x) if chosen == "C" else is_f_ordered(x)


def lay_out(result: Tracer, order: str | None, *operands: Any) -> Tracer:
    """Lay a new array out in the order that was asked for; "K" is that of the operands."""
    chosen = order_of(order, *operands)
    if chosen == "K":
        return keep_order(result, *operands)
    if chosen == "F" and result.ndim > 1:
        backwards = range(result.ndim)[::-1]
        result.cell.strides = tuple(_dense(result.shape, backwards, result.dtype.itemsize))
    return result


def keep_order(result: Tracer, *operands: Any) -> Tracer:
    """Lay a new array out as NumPy's order "K" does, asking its iterator about tiny look-alikes."""
    ndim = result.ndim
    if ndim < 2:
        return result
    arrays = [x for x in operands if isinstance(x, Tracer) and x.ndim > 1]
    result.cell.follows = any(x.cell.follows for x in arrays)
    if all((not x.path and x.cell.strides is None) or memory(x).flags.c_contiguous for x in arrays):
        return result
    tiny: list[Any] = [_look_alike(x) for x in operands if isinstance(x, Tracer) and x.shape]
    flags: list[Any] = [["readonly"]] * len(tiny) + [["writeonly", "allocate"]]
    iterator = np.nditer([*tiny, None], [], flags, op_dtypes=[None] * len(tiny) + [tiny[0].dtype])
    order = _order(iterator.operands[-1].strides)
    if order != list(range(ndim)):
        result.cell.strides = tuple(_dense(result.shape, order, result.dtype.itemsize))
    return result


def _look_alike(x: Tracer) -> Array:
    """An array of extents at most 2 whose axes lie in memory in the order those of ``x`` do."""
    order = _order(memory(x).strides)
    sizes = [1 if isinstance(n, int) and n <= 1 else 2 for n in x.shape]
    made = np.zeros([sizes[k] for k in order])
    return made.transpose([order.index(k) for k in range(len(order))])
