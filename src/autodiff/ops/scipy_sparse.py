"""The C routines behind ``scipy.sparse``, on traced arrays; loaded when that module is in use.

``scipy.sparse`` is Python, which is followed, around routines that store into their last argument.
They are made here of gathers and scatters, so that derivatives follow for all that is built on them:
by vectors, and by the elements of a matrix.  Its arrays of indices are read like any others, at
every call.

    csr_matvec, csc_matvec, coo_matvec, dia_matvec, bsr_matvec     y += A x
    csr_matvecs, csc_matvecs, coo_matmat_dense, dia_matvecs, …     Y += A X, in rows of X
    csr_todense, coo_todense                                       B += A
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import _sparsetools

from autodiff.ops.function_table import implements
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer


def _order(count: int) -> Any:
    """The numbers of the elements."""
    return emit_tracer("iota", size=count, dtype=INT)


def _wide(indices: Any) -> Any:
    """Indices with room for positions in a full matrix."""
    return Tracer(cast(as_array(indices), np.int64).value, "array")


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
    if m and n and len(data) != 0:
        rows, valid = owners(ends, len(data), m)
        add_at(result, rows, indices, data, x, valid)


@implements(_sparsetools.csc_matvec)
def csc_matvec(m: int, n: int, ends: Any, indices: Any, data: Any, x: Any, result: Any) -> None:
    """The product of a matrix by columns with a vector is added to ``result``."""
    if m and n and len(data) != 0:
        columns, valid = owners(ends, len(data), n)
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
    if m and n and len(data) != 0:
        rows, valid = owners(ends, len(data), m)
        rows, columns = np.where(valid, rows, 0), np.where(valid, indices, 0)
        np.add.at(result, (rows, columns), np.where(valid, data, 0))


@implements(_sparsetools.csr_diagonal)
def csr_diagonal(k: int, m: int, n: int, ends: Any, indices: Any, data: Any, result: Any) -> None:
    """The elements of diagonal ``k`` of a matrix by rows are added to ``result``."""
    if m and n and len(data) != 0:
        rows, valid = owners(ends, len(data), m)
        valid = valid & (indices - rows == k)
        place = np.where(valid, rows if k >= 0 else indices, 0)
        np.add.at(result, place, np.where(valid, data, 0))


@implements(_sparsetools.expandptr)
def expandptr(lines: int, ends: Any, result: Any) -> None:
    """The line of each element."""
    if len(result) != 0:
        result[:] = np.searchsorted(ends, _order(len(result)), side="right") - 1
