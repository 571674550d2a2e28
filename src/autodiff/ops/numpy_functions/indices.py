"""Index arrays of shapes, dtype questions, set operations, and ``np.r_`` and ``np.c_``.

Index arrays depend on sizes alone: where those are known they are ordinary NumPy arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, equal, maximum
from autodiff.ir.data import ArrayType
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.indexing import get_item
from autodiff.ops.known import extent_of
from autodiff.ops.numpy_functions.selection import isin, nonzero, unique
from autodiff.ops.numpy_functions.shapes import array_of, below, concatenate, line, ravel, reshape
from autodiff.ops.promotion import as_array, cast, pointwise, result_dtype, weak_kind
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported


# -- positions in matrices ------------------------------------------------------------------------
def _positions(mask: Tracer) -> tuple[Any, ...]:
    found: tuple[Any, ...] = nonzero(mask)
    return found


@implements(np.tril_indices)
def tril_indices(n: Any, k: int = 0, m: Any = None) -> tuple[Any, ...]:
    """``np.tril_indices``."""
    rows, columns = _sizes(n, m)
    return _positions(below(rows, columns, k))


def _sizes(n: Any, m: Any) -> tuple[Extent, Extent]:
    """Rows and columns, of which a negative number is none."""
    rows = maximum(extent_of(n), 0)
    return rows, rows if m is None else maximum(extent_of(m), 0)


@implements(np.triu_indices)
def triu_indices(n: Any, k: int = 0, m: Any = None) -> tuple[Any, ...]:
    """``np.triu_indices``."""
    rows, columns = _sizes(n, m)
    lower = below(rows, columns, k - 1)
    return _positions(pointwise("logical_not", lower))


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    """``np.tril_indices_from``."""
    rows, columns = as_array(arr).shape
    return tril_indices(rows, k, columns)


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    """``np.triu_indices_from``."""
    rows, columns = as_array(arr).shape
    return triu_indices(rows, k, columns)


@implements(np.diag_indices)
def diag_indices(n: Any, ndim: int = 2) -> tuple[Tracer, ...]:
    """``np.diag_indices``."""
    return (line(extent_of(n)),) * ndim


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> tuple[Tracer, ...]:
    """``np.diag_indices_from``."""
    x = as_array(arr)
    if x.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    if not all(equal(n, x.shape[0]) for n in x.shape):
        raise ValueError("All dimensions of input must be of equal length")
    return diag_indices(x.shape[0], x.ndim)


# -- questions about dtypes -----------------------------------------------------------------------
def _dtype_or_number(x: Any) -> Any:
    kind = weak_kind(x)
    if kind is not None:
        return kind(0)
    return x.dtype if isinstance(x, Tracer) else x


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """``np.result_type``."""
    return np.result_type(*[_dtype_or_number(x) for x in arrays_and_dtypes])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """``np.can_cast``."""
    return np.can_cast(_dtype_or_number(from_), _dtype_or_number(to), casting)


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    """``np.common_type``."""
    return np.common_type(*[np.empty(0, as_array(a).dtype) for a in arrays])


@implements(*([np.astype] if hasattr(np, "astype") else []))
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tracer:
    """``np.astype``."""
    np.astype(np.empty(0), float, device=device)  # its exception
    if isinstance(x, (list, tuple)):
        empty: Any = [] if isinstance(x, list) else ()
        np.astype(empty, float)  # so is this
    result: Tracer = as_array(x).astype(dtype, copy=copy)
    return result


@implements(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Tracer:
    """``np.real_if_close`` of a real array, which is itself; of a number it is an array."""
    return array_of(a)


# -- sets -----------------------------------------------------------------------------------------
@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Tracer:
    """``np.union1d``."""
    return unique(concatenate([ar1, ar2], None))


@implements(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """``np.intersect1d``."""
    # NumPy compares what has the common dtype already, in which unlike integers may be one float.
    if return_indices:
        return _intersection_with_indices(ar1, ar2, assume_unique)
    parts = [ravel(x) if assume_unique else unique(x) for x in (ar1, ar2)]
    line: Any = functions[np.sort](concatenate(parts))
    return get_item(line[:-1], line[1:] == line[:-1])


def _intersection_with_indices(ar1: Any, ar2: Any, assume_unique: bool) -> tuple[Any, Any, Any]:
    """What is in both, and where it stands first in each."""
    if assume_unique:
        parts, firsts = [ravel(x) for x in (ar1, ar2)], []
    else:
        found = [unique(x, return_index=True) for x in (ar1, ar2)]
        parts, firsts = [x for x, _ in found], [at for _, at in found]
    whole = concatenate(parts)
    order: Any = functions[np.argsort](whole, kind="stable")
    line = get_item(whole, order)
    is_common = line[1:] == line[:-1]
    count = as_tracer(parts[0].shape[0])
    first: Any = get_item(order[:-1], is_common)
    second: Any = get_item(order[1:], is_common)
    places = [first, second - count]
    if firsts:
        places = [get_item(x, at) for x, at in zip(firsts, places, strict=True)]
    return get_item(line[:-1], is_common), *places


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Tracer:
    """``np.setdiff1d``."""
    first = ravel(ar1) if assume_unique else unique(ar1)
    return get_item(first, isin(first, ar2, invert=True))


implements(np.unique_values)(lambda x, /: unique(x, equal_nan=False, sorted=False))


# -- np.r_ and np.c_ ------------------------------------------------------------------------------
def _piece(item: Any) -> Tracer:
    if isinstance(item, slice):
        start = 0 if item.start is None else item.start
        if isinstance(item.step, complex):
            made: Tracer = functions[np.linspace](start, item.stop, int(abs(item.step)))
            return made
        ranged: Tracer = functions[np.arange](
            start, item.stop, 1 if item.step is None else item.step
        )
        return ranged
    if isinstance(item, str):
        raise unsupported("np.r_ and np.c_ with a string of directions", "use np.concatenate")
    return as_array(item)


@implements(np.r_)
def row_concatenation(index: Any) -> Tracer:
    """``np.r_[index]`` without directions in a string."""
    items = index if isinstance(index, tuple) else (index,)
    pieces = [_piece(item) for item in items]
    dtype = result_dtype(
        *[item if weak_kind(item) is not None else p for item, p in zip(items, pieces, strict=True)]
    )
    lifted = [reshape(array_of(p), (1,)) if not p.shape else p for p in pieces]
    return concatenate([cast(p, dtype) for p in lifted], 0)


@implements(np.c_)
def column_concatenation(index: Any) -> Tracer:
    """``np.c_[index]`` without directions in a string."""
    items = index if isinstance(index, tuple) else (index,)
    columns = []
    for item in items:
        piece = array_of(_piece(item))
        shape = (*piece.shape, *(1,) * (2 - piece.ndim)) if piece.ndim else (1, 1)
        columns.append(reshape(piece, shape))
    return concatenate(columns, -1)


@implements(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Tracer:
    """``np.apply_over_axes``."""
    x = array_of(a)
    for axis in np.atleast_1d(axes):
        k = int(axis) if axis >= 0 else int(axis) + x.ndim
        reduced, ndim = array_of(func(x, k)), x.ndim
        x = reduced if reduced.ndim == ndim else functions[np.expand_dims](reduced, k)
        if x.ndim != ndim:
            raise ValueError("function is not returning an array of the correct shape")
    return x


def _poly_of_matrix(a: Any) -> Any:
    return np.real(np.poly(a)).astype(a.dtype)


register(
    Entry(
        "poly_of_matrix",
        lambda types: (ArrayType(types[0].dtype, (types[0].shape[0] + 1,)),),
        _poly_of_matrix,
        Kernel("poly_of_matrix"),
        zero_derivative=True,
    )
)


def _characteristic(matrix: Any) -> Any:
    """NumPy's value, which is made of eigenvalues; the derivative is that of the coefficients themselves.

    Eigenvalues that are equal have none, but the coefficients are polynomials of the elements:
    Leverrier's recursion, ``c_k = -tr(a m_k) / k`` with ``m_{k+1} = a m_k + c_k`` (D. Faddeev and V. Faddeeva, 1963).
    """
    a = cast(matrix, np.result_type(matrix.dtype, np.float64))
    n: Any = a.shape[0]
    unit = np.eye(n)
    last: Any = Tracer.constant(unit)
    found: list[Any] = [functions[np.ones]((), a.dtype)]
    for k in range(1, n + 1):
        product: Any = functions[np.matmul](a, last)
        found.append(functions[np.trace](product) * (-1.0 / k))
        last = product + found[-1] * unit
    smooth: Any = functions[np.stack](found)
    value: Any = emit_tracer("poly_of_matrix", stop(a))
    return value + (smooth - stop(smooth))


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """``np.poly`` of given zeros, or the characteristic polynomial of a matrix."""
    zeros = array_of(seq_of_zeros)
    if zeros.ndim == 2 and isinstance(zeros.shape[0], int) and 0 < zeros.shape[0] == zeros.shape[1]:
        return _characteristic(zeros)
    if not zeros.ndim:
        np.poly(np.zeros(()))  # NumPy's exception
    n = zeros.shape[0]
    if zeros.ndim == 1 and isinstance(n, int) and n == 0:
        return 1.0
    if zeros.ndim != 1 or isinstance(n, Dim):
        raise unsupported("np.poly of a run-time number of zeros", "multiply the factors")
    zeros = cast(zeros, np.mintypecode(zeros.dtype.char))
    result: Any = functions[np.ones]((1,), zeros.dtype)
    for k in range(n):
        factor = functions[np.array]([1, pointwise("negative", zeros[k])], zeros.dtype)
        result = functions[np.convolve](result, factor)
    return result


@implements(np.iterable)
def iterable(y: Any) -> bool:
    """``np.iterable``: whether it has axes."""
    return bool(y.shape) if isinstance(y, Tracer) else np.iterable(y)
