"""The C routines behind ``scipy.sparse``, on traced arrays; loaded when that module is in use.

``scipy.sparse`` is Python, which is followed, around routines that store into their last argument.
They are made here of gathers and scatters, so that derivatives follow for all that is built on them:
by vectors, and by the elements of a matrix.  Its arrays of indices are read like any others, at
every call.

    csr_matvec, csc_matvec, coo_matvec, dia_matvec, bsr_matvec     y += A x
    csr_matvecs, csc_matvecs, coo_matmat_dense, dia_matvecs, …     Y += A X, in rows of X
    csr_todense, coo_todense                                       B += A
    coo_tocsr, csr_sort_indices, csr_sum_duplicates                elements in the order of their rows
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import _sparsetools, _sputils

from autodiff.ops.function_table import implements
from autodiff.ops.known import check
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer


def _order(count: int) -> Any:
    """The numbers of the elements."""
    return emit_tracer("iota", size=count, dtype=INT)


def _wide(indices: Any) -> Any:
    """Indices with room for positions in a full matrix."""
    return Tracer(cast(as_array(indices), np.int64).value, "array")


def _count(x: Any) -> Any:
    """How many rows an array has: an integer, or an extent of the program, which nobody asks for."""
    return x.shape[0]


def _may_have(x: Any) -> bool:
    """Whether an array may have elements."""
    count = _count(x)
    return not isinstance(count, int) or count != 0


@implements(_sputils.get_index_dtype)
def get_index_dtype(arrays: Any = (), maxval: Any = None, check_contents: bool = False) -> Any:
    """The type of indices: that traced numbers fit into the smaller one is checked at each run."""
    if isinstance(maxval, Tracer):
        check(_fit(maxval), "more elements than indices of 32 bits count")
        maxval = None
    known = []
    for x in (arrays,) if isinstance(arrays, (np.ndarray, Tracer)) else arrays:
        if check_contents and isinstance(x, Tracer) and x.dtype.kind in "iu":
            check(_fit(x), "an index that 32 bits do not hold")
        else:
            known.append(np.empty(0, x.dtype) if isinstance(x, Tracer) else x)
    return _sputils.get_index_dtype(tuple(known), maxval, check_contents)


@implements(_sputils.is_pydata_spmatrix)
def is_pydata_spmatrix(m: Any) -> bool:
    """Whether it is an array of the package ``sparse``; which modules are loaded is not asked then."""
    return not isinstance(m, Tracer) and bool(_sputils.is_pydata_spmatrix(m))


def _fit(x: Any) -> Any:
    """Whether all numbers of an array are those of 32 bits."""
    limits = np.iinfo(np.int32)
    return as_tracer(np.all((x >= limits.min) & (x <= limits.max)))


def owners(ends: Any, count: int, lines: int) -> tuple[Any, Any]:
    """The line of each of ``count`` elements, and whether it belongs to one.

    Arrays may have room for more elements than the matrix has: those stand behind the last line.
    """
    order = _order(count)
    at = np.searchsorted(ends, order, side="right") - 1
    return np.minimum(at, lines - 1), order < ends[lines]


def add_at(result: Any, rows: Any, columns: Any, data: Any, x: Any, valid: Any = None) -> None:
    """``result[rows] += data * x[columns]``, where ``valid``."""
    if valid is not None:
        columns = np.where(valid, columns, 0)
        rows = np.where(valid, rows, 0)
    taken = x[columns]
    terms = data * taken if taken.ndim == 1 else data[:, None] * taken
    if valid is not None:
        terms = np.where(valid if taken.ndim == 1 else valid[:, None], terms, 0)
    np.add.at(result, rows, terms)


@implements(_sparsetools.csr_matvec)
def csr_matvec(m: int, n: int, ends: Any, indices: Any, data: Any, x: Any, result: Any) -> None:
    """The product of a matrix by rows with a vector is added to ``result``."""
    if m and n and _may_have(data):
        rows, valid = owners(ends, _count(data), m)
        add_at(result, rows, indices, data, x, valid)


@implements(_sparsetools.csc_matvec)
def csc_matvec(m: int, n: int, ends: Any, indices: Any, data: Any, x: Any, result: Any) -> None:
    """The product of a matrix by columns with a vector is added to ``result``."""
    if m and n and _may_have(data):
        columns, valid = owners(ends, _count(data), n)
        add_at(result, indices, columns, data, x, valid)


@implements(_sparsetools.csr_matvecs)
def csr_matvecs(
    m: int, n: int, count: int, ends: Any, indices: Any, data: Any, x: Any, result: Any
) -> None:
    """As ``csr_matvec``, for ``count`` vectors that are columns of ``x``, which is given flat."""
    csr_matvec(m, n, ends, indices, data, x.reshape(n, count), result.reshape(m, count))


@implements(_sparsetools.csc_matvecs)
def csc_matvecs(
    m: int, n: int, count: int, ends: Any, indices: Any, data: Any, x: Any, result: Any
) -> None:
    """As ``csc_matvec``, for ``count`` vectors that are columns of ``x``, which is given flat."""
    csc_matvec(m, n, ends, indices, data, x.reshape(n, count), result.reshape(m, count))


@implements(_sparsetools.coo_matvec)
def coo_matvec(count: int, rows: Any, columns: Any, data: Any, x: Any, result: Any) -> None:
    """The product of a matrix by elements with a vector is added to ``result``."""
    if count != 0:
        add_at(result, rows, columns, data, x)


@implements(_sparsetools.coo_matmat_dense)
def coo_matmat_dense(
    count: int, vectors: int, rows: Any, columns: Any, data: Any, x: Any, result: Any
) -> None:
    """As ``coo_matvec``, for vectors that are columns of ``x``, which is given flat."""
    if vectors and count != 0:
        add_at(result, rows, columns, data, x.reshape(x.shape[0] // vectors, vectors))


@implements(_sparsetools.coo_todense)
def coo_todense(
    m: int, n: int, count: int, rows: Any, columns: Any, data: Any, result: Any, fortran: int
) -> None:
    """The elements of a matrix by elements are added to ``result``, which is given flat."""
    if count != 0:
        rows, columns = _wide(rows), _wide(columns)
        np.add.at(result, columns * m + rows if fortran else rows * n + columns, data)


@implements(_sparsetools.coo_todense_nd)
def coo_todense_nd(
    strides: Any, count: int, axes: int, coords: Any, data: Any, result: Any, fortran: int
) -> None:
    """The same of any number of axes; ``coords`` are those of all axes one after the other."""
    if count != 0:
        at = _wide(coords).reshape(axes, -1)
        np.add.at(result, np.sum(at * np.asarray(strides)[:, None], axis=0), data)


def _add_diagonals(m: int, n: int, offsets: Any, diagonals: Any, x: Any, result: Any) -> None:
    """``diagonals[k, j]`` stands in column j and row ``j - offsets[k]``, if there is one."""
    columns = np.arange(min(diagonals.shape[1], n))
    data = diagonals[:, : len(columns)]
    rows = columns - _wide(offsets)[:, None]
    valid = (rows >= 0) & (rows < m)
    rows = np.where(valid, rows, 0)
    if x.ndim > 1:
        valid, data = valid[:, :, None], data[:, :, None]
    np.add.at(result, rows, np.where(valid, data * x[: len(columns)], 0))


@implements(_sparsetools.dia_matvec)
def dia_matvec(
    m: int, n: int, count: int, length: int, offsets: Any, diagonals: Any, x: Any, result: Any
) -> None:
    """The product of a matrix by diagonals with a vector is added to ``result``."""
    if count != 0 and length != 0 and m and n:
        _add_diagonals(m, n, offsets, diagonals, x, result.reshape(m))


@implements(_sparsetools.dia_matvecs)
def dia_matvecs(
    m: int,
    n: int,
    count: int,
    length: int,
    offsets: Any,
    diagonals: Any,
    vectors: int,
    x: Any,
    result: Any,
) -> None:
    """As ``dia_matvec``, for vectors that are columns of ``x``."""
    if count != 0 and length != 0 and m and n and vectors:
        _add_diagonals(m, n, offsets, diagonals, x, result)


@implements(_sparsetools.bsr_matvec)
def bsr_matvec(
    m: int, n: int, height: int, width: int, ends: Any, indices: Any, data: Any, x: Any, result: Any
) -> None:
    """The product of a matrix by rows of blocks with a vector is added to ``result``."""
    bsr_matvecs(m, n, 1, height, width, ends, indices, data, x, result)


@implements(_sparsetools.bsr_matvecs)
def bsr_matvecs(
    m: int,
    n: int,
    vectors: int,
    height: int,
    width: int,
    ends: Any,
    indices: Any,
    data: Any,
    x: Any,
    result: Any,
) -> None:
    """As ``bsr_matvec``, for vectors that are columns of ``x``, which is given flat."""
    count = indices.shape[0]
    if m and n and vectors and count != 0:
        rows, valid = owners(ends, count, m)
        rows, columns = np.where(valid, rows, 0), np.where(valid, indices, 0)
        terms = data.reshape(count, height, width) @ x.reshape(n, width, vectors)[columns]
        terms = np.where(valid[:, None, None], terms, 0)
        np.add.at(result.reshape(m, height, vectors), rows, terms)


@implements(_sparsetools.csr_todense)
def csr_todense(m: int, n: int, ends: Any, indices: Any, data: Any, result: Any) -> None:
    """The elements of a matrix by rows are added to ``result``."""
    if m and n and _may_have(data):
        rows, valid = owners(ends, _count(data), m)
        rows, columns = np.where(valid, rows, 0), np.where(valid, indices, 0)
        np.add.at(result, (rows, columns), np.where(valid, data, 0))


@implements(_sparsetools.csr_diagonal)
def csr_diagonal(k: int, m: int, n: int, ends: Any, indices: Any, data: Any, result: Any) -> None:
    """The elements of diagonal ``k`` of a matrix by rows are added to ``result``."""
    if m and n and _may_have(data):
        rows, valid = owners(ends, _count(data), m)
        valid = valid & (indices - rows == k)
        place = np.where(valid, rows if k >= 0 else indices, 0)
        np.add.at(result, place, np.where(valid, data, 0))


@implements(_sparsetools.expandptr)
def expandptr(lines: int, ends: Any, result: Any) -> None:
    """The line of each element."""
    if _may_have(result):
        result[:] = np.searchsorted(ends, _order(_count(result)), side="right") - 1


# -- from elements to rows ------------------------------------------------------------------------------
def _lines(ends: Any, count: int) -> Any:
    """The line of each element; of those behind the last line, the number of lines."""
    return np.searchsorted(ends, _order(count), side="right") - 1


@implements(_sparsetools.coo_tocsr)
def coo_tocsr(
    m: int,
    n: int,
    count: int,
    rows: Any,
    columns: Any,
    data: Any,
    ends: Any,
    indices: Any,
    elements: Any,
) -> None:
    """Elements in the order of their rows, those of a row as they stand."""
    order = np.argsort(rows, kind="stable")
    indices[:] = columns[order]
    elements[:] = data[order]
    ends[:] = np.searchsorted(rows[order], _order(m + 1))


def _ascend(m: int, ends: Any, indices: Any, strictly: bool) -> Any:
    count = _count(indices)
    if isinstance(count, int) and count < 2:
        return True
    lines = _lines(ends, count)
    before, after = indices[:-1], indices[1:]
    good = before < after if strictly else before <= after
    return np.all(good | (lines[1:] != lines[:-1]) | (lines[1:] == m))


@implements(_sparsetools.csr_has_sorted_indices)
def csr_has_sorted_indices(m: int, ends: Any, indices: Any) -> Any:
    """Whether the elements of each row are in the order of their columns."""
    return _ascend(m, ends, indices, False)


@implements(_sparsetools.csr_has_canonical_format)
def csr_has_canonical_format(m: int, ends: Any, indices: Any) -> Any:
    """Whether they are, and no two stand in one place."""
    return _ascend(m, ends, indices, True) & np.all(ends[1:] >= ends[:-1])


@implements(_sparsetools.csr_sort_indices)
def csr_sort_indices(m: int, ends: Any, indices: Any, data: Any) -> None:
    """Elements of each row in the order of their columns."""
    order = np.lexsort((indices, _lines(ends, _count(indices))))
    indices[:], data[:] = indices[order], data[order]


@implements(_sparsetools.csr_sum_duplicates)
def csr_sum_duplicates(m: int, n: int, ends: Any, indices: Any, data: Any) -> None:
    """Elements in one place, which follow each other, become their sum; what is left over comes last."""
    count = _count(indices)
    if isinstance(count, int) and count < 2:
        return
    lines = _lines(ends, count)
    new = np.append(True, (lines[1:] != lines[:-1]) | (indices[1:] != indices[:-1]))
    counted = np.cumsum(new)
    places = counted - 1
    sums, columns = np.zeros_like(data), np.zeros_like(indices)
    np.add.at(sums, places, data)
    columns[places] = indices
    indices[:], data[:] = columns, sums
    ends[:] = np.append(0, counted)[ends]


@implements(_sparsetools.csr_tocsc)
def csr_tocsc(
    m: int, n: int, ends: Any, indices: Any, data: Any, new_ends: Any, rows: Any, elements: Any
) -> None:
    """The elements of a matrix by rows in the order of their columns, those of a column by rows."""
    count = _count(data)
    if isinstance(count, int) and not count:
        new_ends[:] = 0
        return
    lines = _lines(ends, count)
    columns = np.where(lines < m, indices, n)  # what is no element comes last
    order = np.argsort(columns, kind="stable")
    room = _count(rows)
    taken = order[: room if isinstance(room, int) else as_tracer(room)]
    rows[:], elements[:] = lines[taken], data[taken]
    new_ends[:] = np.searchsorted(columns[order], _order(n + 1))


@implements(_sparsetools.bsr_transpose)
def bsr_transpose(
    m: int,
    n: int,
    height: int,
    width: int,
    ends: Any,
    indices: Any,
    data: Any,
    new_ends: Any,
    new_indices: Any,
    result: Any,
) -> None:
    """The blocks of a matrix by rows of blocks, each transposed, in the order of their columns."""
    blocks = data.reshape(indices.shape[0], height, width).transpose(0, 2, 1)
    moved = np.empty(blocks.shape, blocks.dtype)
    csr_tocsc(m, n, ends, indices, blocks, new_ends, new_indices, moved)
    result[:] = moved.reshape(-1)
