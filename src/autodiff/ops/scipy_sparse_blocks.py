"""Matrices by rows of blocks of which the elements carry derivatives.

    A.tocsr(), A.tocoo(), A.toarray()      elements that are moved; zeros of blocks are elements
    A + B, A - B, A.multiply(B)            blocks of both, in the places that SciPy gives the result
    A.diagonal(k), A.sum(axis)             of the same matrix by rows

Which blocks there are SciPy says at each call (:mod:`~autodiff.ops.scipy_sparse_structure`).  A product of two
such matrices is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import _bsr

from autodiff.ladder import NotStaged
from autodiff.ops.control import CheckFailed
from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array
from autodiff.ops.scipy_sparse_structure import (
    Plan,
    by_lines,
    index_kind,
    of_elements,
    of_lines,
    parts_of,
    placed,
    rows_of,
    structure,
)
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer

Array = Any
_NAMES = {
    "_plus_": "a sum of sparse arrays",
    "_minus_": "a difference of sparse arrays",
    "_elmul_": "a product of sparse arrays",
}


def _parts(matrix: Any) -> list[Array]:
    parts = [as_array(x) for x in interpreted(by_lines, matrix)]
    if parts[-1].dtype != FLOAT:
        raise NotStaged(f"a sparse array of {parts[-1].dtype}")
    return parts


def _of(shape: tuple[int, int], parts: Sequence[np.ndarray], data: Any = None) -> Any:
    """A matrix of its parts, without what there is room for beside its blocks."""
    ends, indices, own = parts
    count = int(ends[-1])
    given = own if data is None else data
    return sp.bsr_array((given[:count], indices[:count].copy(), ends.copy()), shape=shape)


# -- other forms --------------------------------------------------------------------------------------------
def _unfolded(form: str, shape: tuple[int, int], operands: Sequence[Any]) -> Sequence[Any]:
    """Indices of the matrix in another form, and which number of the blocks each element is."""
    numbers = np.arange(float(operands[2].size)).reshape(operands[2].shape)
    found = _of(shape, operands, numbers).asformat(form)
    indices = found.coords if form == "coo" else (found.indptr, found.indices)
    return (*indices, found.data.astype(np.int64))


def _as(form: str, self: Any) -> Any:
    parts, shape = _parts(self), self.shape
    lengths = ("elements" if form == "coo" else shape[0] + 1, "elements", "elements")
    plan = Plan(f"to{form}", lambda values: _unfolded(form, shape, values), lengths)
    *indices, taken = structure(plan, parts)
    kind = parts[1].dtype
    given: list[Array] = [x.astype(kind) for x in indices]
    cls, make = (
        (self._coo_container, of_elements) if form == "coo" else (self._csr_container, of_lines)
    )
    return interpreted(make, cls, given, parts[2].reshape(-1)[taken], shape)


@implements(_bsr._bsr_base.tocsr)
def _tocsr(self: Any, copy: bool = False) -> Any:
    return _as("csr", self)


@implements(_bsr._bsr_base.tocoo)
def _tocoo(self: Any, copy: bool = True) -> Any:
    return _as("coo", self)


def _diagonal_of_rows(self: Any, k: int) -> Any:
    """Interpreted."""
    return self.tocsr().diagonal(k)


@implements(_bsr._bsr_base.diagonal)
def _diagonal(self: Any, k: int = 0) -> Any:
    return interpreted(_diagonal_of_rows, self, k)


def _folded(
    shape: tuple[int, int], blocks: tuple[int, int], operands: Sequence[Any]
) -> Sequence[Any]:
    """Ends and indices of the blocks of a matrix by rows, and the place of each element among their numbers."""
    ends, indices, data = operands
    count = int(ends[-1])
    numbers = np.arange(1.0, count + 1)
    matrix = sp.csr_array((numbers, indices[:count].copy(), ends.copy()), shape=shape)
    found = matrix.tobsr(blocksize=blocks)
    flat = found.data.reshape(-1)
    places = np.full(len(data), flat.size)
    taken = np.flatnonzero(flat)
    if len(taken) < count or np.any(flat > count):
        raise CheckFailed("blocks of a matrix with several elements in one place")
    places[flat[taken].astype(np.int64) - 1] = taken
    return found.indptr, found.indices, places


def _blocks_of(matrix: Any, blocks: tuple[int, int]) -> list[Array]:
    """The parts of a matrix by blocks of a size."""
    if matrix.format == "bsr" and matrix.blocksize == blocks:
        return _parts(matrix)
    rows = matrix if matrix.format == "csr" else interpreted(rows_of, matrix)
    parts, shape = parts_of(rows), matrix.shape
    lengths = (shape[0] // blocks[0] + 1, "blocks", ("of", 2))
    plan = Plan("a matrix by blocks", lambda values: _folded(shape, blocks, values), lengths)
    ends, indices, places = structure(plan, parts)
    size = indices.shape[0] * blocks[0] * blocks[1]
    flat: Array = Tracer(zeros((size + 1,), FLOAT).value, "array")
    np.add.at(flat, places, parts[2])
    kind = parts[1].dtype
    return [ends.astype(kind), indices.astype(kind), flat[:size].reshape(indices.shape[0], *blocks)]


# -- sums and products by elements ------------------------------------------------------------------------------
def _union(op: str, shape: tuple[int, int], operands: Sequence[Any]) -> Sequence[Any]:
    """Ends, indices, and the place of each block of either matrix; -1: SciPy leaves it out, as it is 0."""
    one, other = (_of(shape, operands[k : k + 3]) for k in (0, 3))
    found = one._binopt(other, op)
    rows = shape[1] // one.blocksize[1]

    def keys(x: Any) -> np.ndarray:
        lines = np.repeat(np.arange(len(x.indptr) - 1), np.diff(x.indptr))
        numbers: np.ndarray = lines * rows + x.indices.astype(np.int64)
        return numbers

    known, count = keys(found), len(found.indices)
    order = np.argsort(known, kind="stable")
    places = []
    for own, another, parts in ((one, other, operands[:3]), (other, one, operands[3:])):
        key = keys(own)
        if len(np.unique(key)) < len(key):
            raise CheckFailed("several blocks in one place")
        is_there = np.isin(key, known)
        place = np.full(len(key), -1)
        if op == "_elmul_":
            place[~np.isin(key, keys(another))] = count
        place[is_there] = order[np.searchsorted(known[order], key[is_there])]
        places.append(np.concatenate([place, np.full(len(parts[1]) - len(key), count)]))
    return found.indptr, found.indices, *places


def _made_of_blocks(self: Any, data: Any, indices: Any, ends: Any) -> Any:
    """Interpreted."""
    return self.__class__((data, indices, ends), shape=self.shape)


@implements(_bsr._bsr_base._binopt)
def _binopt(self: Any, other: Any, op: str, in_shape: Any = None, out_shape: Any = None) -> Any:
    if op not in _NAMES:
        raise NotStaged(f"{op.strip('_')} of two sparse arrays by blocks")
    shape, blocks, name = self.shape, self.blocksize, _NAMES[op]
    operands = [*_parts(self), *_blocks_of(other, blocks)]
    lengths = (shape[0] // blocks[0] + 1, "blocks", ("of", 1), ("of", 4))
    plan = Plan(name, lambda values: _union(op, shape, values), lengths)
    ends, indices, *places = structure(plan, operands)
    count = indices.shape[0]
    sides = []
    for data, place in zip(operands[2::3], places, strict=True):
        side: Array = Tracer(zeros((count + 1, *blocks), FLOAT).value, "array")
        exact = placed(name, data, place[:, None, None])
        np.add.at(side, np.where(place < 0, count, place), exact)
        sides.append(side[:count])
    one, another = sides
    data = one * another if op == "_elmul_" else one + another if op == "_plus_" else one - another
    kind = index_kind(*(operands[k] for k in (0, 1, 3, 4)))
    return interpreted(_made_of_blocks, self, data, indices.astype(kind), ends.astype(kind))


__all__: list[str] = []
