"""Methods of ``scipy.sparse`` that give or set single elements, where these carry derivatives.

    find(A)           rows, columns and numbers of the elements that are not 0, in SciPy's order
    A.setdiag(v, k)   in place, of matrices by rows or columns: elements that were none before are made
    A.todia()         of matrices by rows, columns or elements
    A.diagonal(k)     of matrices by elements: of the same matrix by rows
    D.toarray()       of matrices by diagonals, of which none is left out as it is 0
    D @ E             of two of them

Which elements there are SciPy says at each call, of a matrix that holds the numbers of its elements in their
place (:mod:`~autodiff.ops.scipy_sparse_structure`); what was moved is then a gather.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import _base, _compressed, _coo, _dia, _sparsetools

from autodiff.ladder import NotStaged
from autodiff.ops.control import CheckFailed
from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array
from autodiff.ops.scipy_sparse_structure import (
    Plan,
    elements_of,
    parts_of,
    placed,
    rows_of,
    structure,
)
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer

Array = Any


def _refuse_repeats(name: str, matrix: Any) -> None:
    """Where several elements are in one place SciPy adds what is here their numbers: Python is asked."""
    rows, columns = matrix.tocoo().coords
    places = rows * np.int64(matrix.shape[1]) + columns
    if len(np.unique(places)) < len(places):
        raise CheckFailed(f"{name} of a matrix with several elements in one place")


# -- find -----------------------------------------------------------------------------------------------------
def _found(shape: tuple[int, int], operands: Sequence[Any]) -> Sequence[Any]:
    """Rows, columns and positions of the elements that are not 0, and the place of each element among them."""
    rows, columns, data = operands
    numbers = np.arange(1.0, len(data) + 1)
    numbers[data == 0] = 0.0
    kept = numbers != 0.0  # not what there is room for beside the elements, which is 0
    matrix = sp.coo_array((numbers[kept], (rows[kept], columns[kept])), shape=shape)
    _refuse_repeats("find", matrix)
    i, j, found = sp.find(matrix)
    taken = found.astype(np.int64) - 1
    places = np.full(len(data), -1)
    places[taken] = np.arange(len(taken))
    return i, j, taken, places


@implements(sp.find)
def find(A: Any) -> tuple[Array, Array, Array]:
    """``scipy.sparse.find``; the derivative by an element that is 0 is an error."""
    if not sp.issparse(A) or len(A.shape) != 2:
        raise NotStaged("find of something else than a sparse matrix")
    matrix = interpreted(rows_of, A)  # where several elements meet in one place they are added
    rows, columns, data = elements_of(matrix)
    lengths = ("elements", "elements", "elements", ("of", 2))
    plan = Plan("find", lambda values: _found(A.shape, values), lengths)
    i, j, taken, places = structure(plan, [rows, columns, data])
    kind = matrix.indices.dtype
    return i.astype(kind), j.astype(kind), placed("find", data, places)[taken]


# -- diagonals --------------------------------------------------------------------------------------------------
def _with_diagonal(
    kind: Any, shape: tuple[int, int], k: int, operands: Sequence[Any]
) -> Sequence[Any]:
    """Ends and indices of a matrix whose diagonal is set, which number each element is, and each that was."""
    ends, indices, values = operands
    count, room = int(ends[-1]), len(indices)
    matrix = kind((np.arange(float(count)), indices[:count].copy(), ends.copy()), shape=shape)
    _refuse_repeats("setdiag", matrix)
    rows, columns = matrix.tocoo().coords
    at = np.minimum(rows, columns) if values.shape else np.zeros(count, np.int64)
    is_set = (columns - rows == k) & (at < values.size)
    old = np.arange(room)
    old[:count][is_set] = room + at[is_set]
    new = room + np.arange(float(values.size))
    matrix.setdiag(new if values.shape else new[0], k)
    return matrix.indptr, matrix.indices, matrix.data.astype(np.int64), old


def _store(self: Any, old: Any, ends: Any, indices: Any, data: Any) -> None:
    """As SciPy does: what is there is set in place, then there are new arrays.  Interpreted."""
    self.data[:] = old
    self.indptr, self.indices, self.data = ends, indices, data


@implements(_compressed._cs_matrix._setdiag)
def set_diagonal(self: Any, values: Any, k: int) -> None:
    """What ``setdiag`` does to a matrix by rows or columns."""
    values = as_array(values)
    ends, indices, data = parts_of(self)
    if values.dtype != FLOAT or len(values.shape) > 1:
        raise NotStaged(f"a diagonal of {values.dtype}")
    kind = sp.csr_array if self.format == "csr" else sp.csc_array
    shape, kind_of_indices = self.shape, indices.dtype
    lengths = (ends.shape[0], "elements", "elements", ("of", 1))
    plan = Plan("setdiag", lambda given: _with_diagonal(kind, shape, k, given), lengths)
    *lines, taken, old = structure(plan, [ends, indices, values])
    numbers = np.concatenate([data, values.reshape(-1)])
    new_ends, new_indices = [x.astype(kind_of_indices) for x in lines]
    interpreted(_store, self, numbers[old], new_ends, new_indices, numbers[taken])


def _by_rows(self: Any, k: int) -> Any:
    """Interpreted."""
    return self.tocsr().diagonal(k)


@implements(_coo._coo_base.diagonal)
def _diagonal(self: Any, k: int = 0) -> Any:
    if len(self.shape) != 2:
        raise NotStaged("a diagonal of a sparse array of other than two axes")
    return interpreted(_by_rows, self, k)


# -- diagonals -------------------------------------------------------------------------------------------------
def _on_diagonals(form: str, shape: tuple[int, int], operands: Sequence[Any]) -> Sequence[Any]:
    """The diagonals that have elements, and the place of each element on them, one diagonal after the other."""
    first, second, data = operands
    if form == "coo":
        rows, columns = first, second
    else:
        count = int(first[-1])
        lines = np.repeat(np.arange(len(first) - 1), np.diff(first))
        rows, columns = (lines, second[:count]) if form == "csr" else (second[:count], lines)
    if len(columns) == 0 or int(columns.max()) + 1 != shape[1]:  # SciPy makes them shorter
        raise CheckFailed("a matrix by diagonals, of one whose last column is empty")
    diagonals, which = np.unique(columns.astype(np.int64) - rows, return_inverse=True)
    places = which * shape[1] + columns
    beyond = np.full(len(data) - len(places), len(diagonals) * shape[1])
    return diagonals, np.concatenate([places, beyond])


def _as_diagonals(self: Any, data: Any, diagonals: Any) -> Any:
    return self._dia_container((data, diagonals), shape=self.shape)


@implements(_coo._coo_base.todia)
@implements(_base._spbase.todia)
def _todia(self: Any, copy: bool = False) -> Any:
    if self.format not in ("csr", "csc", "coo") or self.ndim != 2:
        raise NotStaged(f"a matrix of the form {self.format!r} by diagonals")
    parts, form, shape = parts_of(self), self.format, self.shape
    plan = Plan(
        "a matrix by diagonals",
        lambda values: _on_diagonals(form, shape, values),
        ("diagonals", ("of", 2)),
    )
    diagonals, places = structure(plan, parts, 1)
    size = diagonals.shape[0] * shape[1]
    flat: Array = Tracer(zeros((size + 1,), FLOAT).value, "array")
    np.add.at(flat, places, parts[2])
    data = flat[:size].reshape(diagonals.shape[0], shape[1])
    kind = parts[1].dtype
    return interpreted(_as_diagonals, self, data, diagonals.astype(kind))


def _whole(self: Any, order: Any, out: Any) -> Any:
    """As SciPy's own method; interpreted."""
    return self.tocoo(copy=False).toarray(order=order, out=out)


@implements(_base._spbase.toarray)
def _toarray(self: Any, order: Any = None, out: Any = None) -> Array:
    if self.format != "dia" or out is not None or len(self.shape) != 2:
        return interpreted(_whole, self, order, out)
    offsets, data = (as_array(x) for x in interpreted(_diagonals, self))
    m, n = self.shape
    columns = np.arange(min(data.shape[1], n))
    rows = columns - offsets.astype(np.int64)[:, None]
    is_inside = (rows >= 0) & (rows < m)
    full: Array = Tracer(zeros((m, n), data.dtype).value, "array")
    if m and n:
        at = np.where(is_inside, rows * n + columns, 0)
        np.add.at(full.reshape(-1), at, np.where(is_inside, data[:, : len(columns)], 0))
    return full


def _diagonals(self: Any) -> Any:
    return self.offsets, self.data


def _meetings(
    shapes: tuple[int, int, int], widths: tuple[int, int], width: int, operands: Sequence[Any]
) -> Sequence[Any]:
    """The diagonals of a product, and which two elements each of its terms is made of, and its place.

    ``shapes``: rows, those of the second factor, columns; ``widths``: how long diagonals are kept.
    """
    (m, inner, n), first, second = shapes, *operands
    offsets, data = _sparsetools.dia_matmat(
        m, inner, len(first), widths[0], first, np.ones((len(first), widths[0])),
        n, len(second), widths[1], second, np.ones((len(second), widths[1])),
    )  # fmt: skip
    if data.size != len(offsets) * width:
        raise CheckFailed("a product by diagonals of another length")
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    i, k, j = one[:, None, None], other[None, :, None], np.arange(n)
    middle, place = j - k, np.searchsorted(offsets, i + k) * width + j
    row = middle - i
    meet = (row >= 0) & (row < m) & (middle >= 0) & (middle < min(inner, widths[0]))
    meet &= j < widths[1]
    factor, another, _ = np.nonzero(meet)
    at = np.broadcast_to(middle, meet.shape)[meet], np.broadcast_to(j, meet.shape)[meet]
    left, right = factor * widths[0] + at[0], another * widths[1] + at[1]
    return offsets, left, right, place[meet]


def _by_rows_of(self: Any, other: Any) -> Any:
    """As SciPy's own method; interpreted."""
    return self.tocsr()._matmul_sparse(other)


def _of_diagonals(self: Any, data: Any, offsets: Any, shape: Any) -> Any:
    """Interpreted."""
    return self._dia_container((data, offsets), shape=shape)


@implements(_dia._dia_base._matmul_sparse)
def _matmul_sparse(self: Any, other: Any) -> Any:
    if other.format != "dia":
        return interpreted(_by_rows_of, self, other)
    shape = self.shape[0], other.shape[1]
    if 0 in self.shape or 0 in other.shape:
        return self._dia_container(shape)
    operands = [as_array(x) for matrix in (self, other) for x in interpreted(_diagonals, matrix)]
    offsets, data, _, other_data = operands
    if data.dtype != FLOAT or other_data.dtype != FLOAT:
        raise NotStaged(f"a product of sparse arrays of {data.dtype} and {other_data.dtype}")
    kept: Any = data.shape[1], other_data.shape[1]
    sizes, width = (*self.shape, shape[1]), min(shape[1], kept[1])
    lengths = ("diagonals", "pairs", "pairs", "pairs")
    plan = Plan(
        "a product by diagonals", lambda given: _meetings(sizes, kept, width, given), lengths
    )
    found, left, right, places = structure(plan, operands[::2])
    count = found.shape[0]
    flat: Array = Tracer(zeros((count * width,), FLOAT).value, "array")
    np.add.at(flat, places, data.reshape(-1)[left] * other_data.reshape(-1)[right])
    kind = offsets.dtype
    return interpreted(_of_diagonals, self, flat.reshape(count, width), found.astype(kind), shape)


__all__ = ["find", "set_diagonal"]
