"""Indices of sparse matrices: slices, elements, and elements at several indices.

    A[1:3], A[:, columns], A[rows]     elements that are moved
    A[2, 3]                            a sum over what may stand there
    A[rows, columns]                   elements that are found; a sparse result leaves out what is 0

Arrays of indices may be known only when the program runs; SciPy is asked then, as for all that
:mod:`autodiff.ops.scipy_sparse_structure` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import _coo, _index

from autodiff.dims import Dim
from autodiff.ladder import NotStaged
from autodiff.ops.control import CheckFailed
from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import known
from autodiff.ops.scipy_sparse import owners
from autodiff.ops.scipy_sparse_structure import (
    Form,
    Length,
    Plan,
    moved,
    of_elements,
    parts_of,
    placed,
    rows_of,
    structure,
    zeros_of,
)
from autodiff.ops.tracer import Tracer, is_traced
from autodiff.plain_data import dataclass

_INT = np.dtype(np.int64)
Array = Any


def _as_known(item: Any) -> Any:
    """An index as NumPy has it, where it is made of constants."""
    if not isinstance(item, Tracer):
        return item
    found = known(item)
    return item if found is None else found if found.ndim else found[()]


@dataclass(frozen=True, eq=False)
class _Key:
    """An index, in which None stands for each array that is known only when it runs."""

    items: tuple[Any, ...]
    places: tuple[int, ...]  # of these arrays
    is_tuple: bool

    def of(self, arrays: Sequence[Any]) -> Any:
        """The index with arrays in their places."""
        items = list(self.items)
        for place, array in zip(self.places, arrays, strict=True):
            items[place] = array
        return tuple(items) if self.is_tuple else items[0]


def _is_unknown(x: Any) -> bool:
    return isinstance(x, Tracer) and bool(x.shape) and x.dtype.kind == "i"


def _has_unknown(items: Sequence[Any]) -> bool:
    items = [x for x in items if not _is_unknown(x)]
    ends = [
        x for item in items if isinstance(item, slice) for x in (item.start, item.stop, item.step)
    ]
    return is_traced([*items, *ends]) or any(isinstance(x, Dim) for x in (*items, *ends))


def _numbered(key: Any, form: Form, indices: Sequence[Any], count: int) -> Any:
    """Numbers of elements, from 1, in the places that an index gives them."""
    numbers = np.arange(1.0, count + 1)
    found, check = (form.of(indices, x)[key] for x in (numbers, numbers**2))
    data, square = (x.data if sp.issparse(x) else np.ravel(x) for x in (found, check))
    if not np.array_equal(data**2, square):
        raise CheckFailed("elements of a sparse array in one place")
    return found, np.rint(data).astype(_INT) - 1


def _sampled(key: Any, form: Form, parts: Sequence[Any]) -> Sequence[np.ndarray]:
    """Where SciPy has elements, which ones they are, and -1 for each that it leaves out as it is 0."""
    *indices, data = parts
    found = form.of(indices, data)[key].tocoo()
    number, which = _numbered(key, form, indices, len(data))
    flat, own = (np.ravel_multi_index(x.tocoo().coords, x.shape) for x in (number, found))
    order = np.argsort(flat)
    taken = which[order[np.searchsorted(flat[order], own)]]
    places = np.zeros(len(data), _INT)
    places[which[~np.isin(flat, own)]] = -1
    return (*found.coords, taken, places)


def _picked(self: Any, key: _Key, arrays: Sequence[Array]) -> Any:
    """Elements at several indices; in a sparse array SciPy leaves out those that are 0."""
    example = type(self)(self.shape, dtype=float)[key.of([zeros_of(x) for x in arrays])]
    matrix = self if self.format in ("csr", "csc", "coo") else interpreted(rows_of, self)
    parts, form = parts_of(matrix), Form(type(matrix), matrix.format, matrix.shape)
    name, count = "an index of a sparse array", len(parts)
    operands = [*parts, *arrays]
    if not sp.issparse(example):
        if not isinstance(self, sp.sparray):
            raise NotStaged("elements of a sparse matrix at several indices")

        def run(values: Sequence[Any]) -> Sequence[np.ndarray]:
            at, size = key.of(values[count:]), len(values[count - 1])
            return (_numbered(at, form, values[: count - 1], size)[1],)

        (which,) = structure(Plan(name, run, (example.size,)), operands)
        found = np.where(which >= 0, parts[-1][np.maximum(which, 0)], 0.0)
        return found.reshape(example.shape)
    axes = len(example.shape)
    lengths: tuple[Length, ...] = (("elements",) * (axes + 1)) + (("of", count - 1),)
    plan = Plan(name, lambda x: _sampled(key.of(x[count:]), form, x[:count]), lengths)
    *indices, taken, places = structure(plan, operands)
    given: list[Array] = [x.astype(parts[0].dtype) for x in indices]
    data = placed(name, parts[-1], places)[taken]
    return interpreted(of_elements, type(example), given, data, example.shape)


_OF_COO = vars(_coo._coo_base).get("__getitem__")  # SciPy 1.16 has none


@implements(_index.IndexMixin.__getitem__, *([] if _OF_COO is None else [_OF_COO]))
def _getitem(self: Any, key: Any) -> Any:
    items = tuple(map(_as_known, key)) if isinstance(key, tuple) else (_as_known(key),)
    if _has_unknown(items):
        raise NotStaged("an element of a sparse array at an index known only at run time")
    if self.format in ("lil", "dok"):  # of which SciPy makes arrays of the same form
        raise NotStaged(f"an index known only at run time of the form {self.format!r}")
    places = tuple([k for k, x in enumerate(items) if _is_unknown(x)])
    arrays = [items[k] for k in places]
    kept = tuple([None if k in places else x for k, x in enumerate(items)])
    own = _Key(kept, places, isinstance(key, tuple))
    if sum(isinstance(x, (list, np.ndarray)) or _is_unknown(x) for x in items) > 1:
        return _picked(self, own, arrays)
    example = type(self)(self.shape, dtype=float)[own.of([zeros_of(x) for x in arrays])]
    if sp.issparse(example):
        name = "an index of a sparse array"
        return moved(name, lambda x, *given: x[own.of(given)], [self], arrays)
    rows = self if self.format == "csr" and self.ndim == 2 else None
    if rows is None:
        if self.ndim != 2:
            raise NotStaged("an element of a sparse array of one axis")
        rows = interpreted(rows_of, self)
    ends, indices, data = parts_of(rows)
    i, j = (int(k) % n for k, n in zip(items, self.shape, strict=True))
    lines, valid = owners(ends, data.shape[0], self.shape[0])
    return np.sum(np.where(valid & (lines == i) & (indices == j), data, 0.0))
