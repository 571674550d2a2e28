"""Functions of sparse matrices that decide where elements are: sums, products, slices, blocks.

    A + B, A - B, A.multiply(B)      elements of both, in the places that SciPy gives the result
    A @ B                            a product for each pair of elements that meet
    vstack, tril, …                  elements that are moved (A[1:3] in scipy_sparse_indexing)
    D.tocsr(), diags_array(…, format="csc")

Which elements a result has, SciPy says at each run: ``structure`` calls it, and gives where the
elements stand and which ones they are made of, arrays of integers as long as SciPy makes them.  The
elements are made by gathers and sums of traced arrays, so derivatives follow.

SciPy leaves out of a sum what happens to be 0.  The value is that of SciPy; the element's derivative
has then no place, so that asking for one is an error at run time (``placed``), not a zero.

Elements that are moved are found by what SciPy makes of their numbers, 1 … n, and of the squares of
these: where two of them are added, one is not the square of the other.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import _compressed, _dia, _sparsetools, _sputils

from autodiff.dims import Dim, Extent, product
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType, Source, Value
from autodiff.ladder import NotStaged
from autodiff.ops.builder import current_builder
from autodiff.ops.control import CheckFailed
from autodiff.ops.entries import Entry, Kernel, Rules, register
from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import known
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.scipy_sparse import owners
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer
from autodiff.plain_data import dataclass

_INT, FLOAT = np.dtype(np.int64), np.dtype(float)
Array = Any
Length = int | str | tuple[str, int] | tuple[str, int, str]
Parts = tuple[np.ndarray, ...]
"""The arrays of indices of a matrix, and its elements."""


# -- where elements are -------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Plan:
    """What SciPy is asked for: arrays, mostly of integers, some of lengths that are known only then.

    Parameters
    ----------
    name : str
        What the user calls it.
    run : callable
        From the values of the operands to the arrays.
    lengths : tuple
        Their lengths: a number, the name of one that is found when it runs, ``("of", k)``, as many as
        operand k has elements, ``("after", k)``, one more, or ``("beside", k, name)``, k more than the named one.
    dtype : dtype
        Of the arrays.
    """

    name: str
    run: Callable[[Sequence[Any]], Sequence[Any]]
    lengths: tuple[Length, ...]
    dtype: np.dtype[Any] = _INT
    last: threading.local = field(default_factory=threading.local)

    def __repr__(self) -> str:
        return self.name

    def unknown(self) -> list[str]:
        """The names of the lengths that are found when it runs."""
        return list(dict.fromkeys(n for n in self.lengths if isinstance(n, str)))

    def types(self, given: Sequence[ArrayType], sizes: Sequence[Extent]) -> tuple[ArrayType, ...]:
        """The types of the arrays, by those of the operands and the lengths that were found."""
        found = dict(zip(self.unknown(), sizes, strict=True))

        def extent(length: Length) -> Extent:
            if isinstance(length, tuple) and len(length) == 3:
                return found[length[2]] + length[1]
            if isinstance(length, tuple):
                return product(given[length[1]].shape) + (length[0] == "after")
            return found[length] if isinstance(length, str) else length

        return tuple([ArrayType(self.dtype, (extent(n),)) for n in self.lengths])


def _sizes_meaning(*operands: Any, plan: Plan) -> tuple[np.ndarray, ...]:
    """The lengths; what was found waits for the ``structure`` of the same call."""
    found = [np.ascontiguousarray(x, plan.dtype) for x in plan.run(operands)]
    plan.last.found = [np.asarray(x).tobytes() for x in operands], found
    by_name = {n: len(x) for n, x in zip(plan.lengths, found, strict=True)}
    return tuple([np.asarray(by_name[name], _INT) for name in plan.unknown()])


def _structure_meaning(
    *operands: Any, plan: Plan, sizes: tuple[int, ...]
) -> tuple[np.ndarray, ...]:
    before, found = plan.last.__dict__.pop("found", (None, None))
    if before != [np.asarray(x).tobytes() for x in operands]:
        found = [np.ascontiguousarray(x, plan.dtype) for x in plan.run(operands)]
    return tuple(found)


register(
    Entry(
        "structure_sizes",
        lambda types, plan: (ArrayType(_INT, ()),) * len(plan.unknown()),
        _sizes_meaning,
        Kernel("structure_sizes"),
        zero_derivative=True,
    )
)
register(
    Entry(
        "structure",
        lambda types, plan, sizes: plan.types(types, sizes),
        _structure_meaning,
        Kernel("structure"),
        zero_derivative=True,
    )
)


def structure(plan: Plan, operands: Sequence[Any], low: int = 0) -> list[Array]:
    """What the plan finds at each run, of lengths that are at least ``low``."""
    values: tuple[Value, ...] = tuple([as_array(x).value for x in operands])
    sizes = current_builder().emit("structure_sizes", values, {"plan": plan})
    for size in sizes:
        size.low = low
    attributes = {"plan": plan, "sizes": tuple([Dim.symbol(size) for size in sizes])}
    return [Tracer(v, "array") for v in current_builder().emit("structure", values, attributes)]


# -- elements that SciPy leaves out --------------------------------------------------------------------
def _placed_meaning(
    data: Any, places: Any, derivative: bool, name: str, source: Source | None
) -> Any:
    if derivative and np.any((places < 0) & (np.asarray(data) != 0)):
        raise _left_out(name, source)
    return data


def _left_out(name: str, source: Source | None) -> DerivativeError:
    return DerivativeError(
        f"{name} leaves out elements that are 0, whose derivative would be lost.",
        code="AD302",
        source=source,
        remedy="say which elements there are, as csr_array((data, (i, j))) does, or start from a "
        "point where they are not 0",
    )


def _kept_meaning(ct: Any, places: Any, name: str, source: Source | None) -> Any:
    if np.any(places < 0):
        raise _left_out(name, source)
    return ct


def _placed_jvp(site: Any, tangents: Any) -> Any:
    given = {**site.attributes, "derivative": True}
    return (emit_tracer("placed", tangents[0], site.operands[1], **given),)


def _placed_vjp(site: Any, cotangents: Any) -> Any:
    how = {k: site.attributes[k] for k in ("name", "source")}
    return (emit_tracer("all_placed", cotangents[0], site.operands[1], **how), None)


def _first_type(types: tuple[ArrayType, ...], **attributes: Any) -> tuple[ArrayType, ...]:
    return (ArrayType(types[0].dtype, types[0].shape),)


register(
    Entry("placed", _first_type, _placed_meaning, Kernel("placed"), Rules(_placed_jvp, _placed_vjp))
)
register(
    Entry(
        "all_placed",
        _first_type,
        _kept_meaning,
        Kernel("all_placed"),
        Rules(
            lambda site, ts: (
                emit_tracer("all_placed", ts[0], site.operands[1], **site.attributes),
            ),
            lambda site, cts: (
                emit_tracer("all_placed", cts[0], site.operands[1], **site.attributes),
                None,
            ),
        ),
    )
)


def placed(name: str, data: Any, places: Any) -> Array:
    """Elements that stand at ``places``; -1: the result has no such place, since they are 0."""
    source = current_builder().source
    return emit_tracer("placed", as_array(data), places, derivative=False, name=name, source=source)


# -- parts of matrices -------------------------------------------------------------------------------------
def by_lines(matrix: Any) -> Any:
    """The arrays of a matrix by rows or columns; interpreted."""
    return matrix.indptr, matrix.indices, matrix.data


def _by_elements(matrix: Any) -> Any:
    return (*matrix.coords, matrix.data)


def _by_diagonals(matrix: Any) -> Any:
    return matrix.offsets, matrix.data


_READ = {"csr": by_lines, "csc": by_lines, "coo": _by_elements}


def parts_of(matrix: Any) -> list[Array]:
    """The indices and the elements of a matrix, which are read at every call."""
    parts = _any_parts_of(matrix)
    if parts[-1].dtype != np.float64:
        raise NotStaged(f"a sparse array of {parts[-1].dtype}")
    return parts


def _any_parts_of(matrix: Any) -> list[Array]:
    read = _READ.get(matrix.format)
    if read is None:
        raise NotStaged(f"a sparse array of the form {matrix.format!r}")
    return [as_array(x) for x in interpreted(read, matrix)]


def _both_parts_of(a: Any, b: Any) -> list[Array]:
    """The parts of two matrices, with elements of the type that both have together."""
    first, second = _any_parts_of(a), _any_parts_of(b)
    if not _are_double(first[-1], second[-1]):
        raise NotStaged(f"sparse arrays of {first[-1].dtype} and {second[-1].dtype}")
    return [*first[:-1], cast(first[-1], FLOAT), *second[:-1], cast(second[-1], FLOAT)]


def index_kind(*arrays: Array) -> np.dtype[Any]:
    """The type of the indices of what is made of several matrices, of those among their arrays."""
    return np.result_type(*[x.dtype for x in arrays if x.dtype.kind in "iu"])


def _are_double(*arrays: Array) -> bool:
    """Whether SciPy computes with arrays of these types in double precision."""
    kinds = [x.dtype for x in arrays]
    return all(kind.kind in "biuf" for kind in kinds) and np.result_type(*kinds) == FLOAT


def _in_rows(parts: Parts, shape: tuple[int, int], data: Any = None) -> Any:
    """A matrix by rows, with what stands behind its last row left off."""
    ends, indices, elements = parts
    count = int(ends[-1])
    given = elements if data is None else data
    whole = (given[:count], indices[:count].astype(_INT), ends.astype(_INT))
    return sp.csr_array(whole, shape=shape)


def _rows(matrix: Any) -> np.ndarray:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _whole(places: np.ndarray, length: int, beyond: int) -> np.ndarray:
    """Places of as many elements as there is room for."""
    return np.concatenate([places, np.full(length - len(places), beyond)])


# -- sums, differences and products by elements --------------------------------------------------------------
_COMBINED: dict[str, Callable[[Array, Array], Array]] = {
    "_plus_": lambda a, b: a + b,
    "_minus_": lambda a, b: a - b,
    "_elmul_": lambda a, b: a * b,
    "_maximum_": lambda a, b: np.maximum(a, b),
    "_minimum_": lambda a, b: np.minimum(a, b),
}
_NAMES = {"_plus_": "a sum of sparse arrays", "_minus_": "a difference of sparse arrays",
          "_elmul_": "a product of sparse arrays", "_maximum_": "a maximum of sparse arrays",
          "_minimum_": "a minimum of sparse arrays"}  # fmt: skip


def _union(op: str, shape: tuple[int, int], operands: Sequence[Any]) -> Sequence[Any]:
    """Ends, indices, and the place of each element of either matrix.

    ``count`` is the place of what the result has not, since the other matrix has not got it, or has more or less
    than it.
    """
    a, b = (_in_rows(tuple(operands[k : k + 3]), shape) for k in (0, 3))
    size = a.nnz + b.nnz
    ends, indices, data = np.empty(shape[0] + 1, _INT), np.empty(size, _INT), np.empty(size)
    kernel = getattr(_sparsetools, f"csr{op}csr")
    kernel(*shape, a.indptr, a.indices, a.data, b.indptr, b.indices, b.data, ends, indices, data)
    count = int(ends[-1])
    lines = np.repeat(np.arange(shape[0]), np.diff(ends))
    keys = lines * shape[1] + indices[:count]
    order = np.argsort(keys, kind="stable")
    own = [_rows(x) * shape[1] + x.indices for x in (a, b)]
    places = []
    for key, other, x, given in zip(own, own[::-1], (a, b), operands[2::3], strict=True):
        at = np.searchsorted(keys[order], key)
        found = np.isin(key, keys)
        shared = np.ones(len(key), bool)
        if op == "_elmul_":
            shared = np.isin(key, other)
        elif op in ("_maximum_", "_minimum_"):
            shared = x.data == 0  # else what is left out is not the one that counts
        place = np.where(shared, -1, count)
        place[found] = order[at[found]]
        places.append(_whole(place, len(given), count))
    return ends, indices[:count], *places


def _combine(self: Any, other: Any, op: str) -> Any:
    """As SciPy's method of the same meaning; interpreted."""
    if other.format != self.format:
        other = other.asformat(self.format)
    shape = self._swap(self._shape_as_2d)
    ends, indices, data = combined(op, shape, self, other)
    return self.__class__((data, indices, ends), shape=self.shape)


def combined(op: str, shape: tuple[int, int], a: Any, b: Any) -> tuple[Array, Array, Array]:
    """Ends, indices and elements of a sum, difference or product of two matrices by lines."""
    operands = _both_parts_of(a, b)
    lengths: tuple[Length, ...] = (shape[0] + 1, "elements", ("of", 2), ("of", 5))
    name = _NAMES[op]
    plan = Plan(name, lambda values: _union(op, shape, values), lengths)
    ends, indices, *places = structure(plan, operands)
    count = indices.shape[0]
    sides = []
    for data, place in zip(operands[2::3], places, strict=True):
        side = Tracer(zeros((count + 1,), FLOAT).value, "array")
        np.add.at(side, np.where(place < 0, count, place), placed(name, data, place))
        sides.append(side[:count])
    kind = index_kind(*(operands[k] for k in (0, 1, 3, 4)))
    return ends.astype(kind), indices.astype(kind), _COMBINED[op](*sides)


@implements(_compressed._cs_matrix._binopt)
def _binopt(self: Any, other: Any, op: str) -> Any:
    if op not in _COMBINED:
        raise NotStaged(f"{op.strip('_')} of two sparse arrays")
    return interpreted(_combine, self, other, op)


# -- products of matrices ------------------------------------------------------------------------------------
def _pairs(
    first: tuple[int, int], second: tuple[int, int], operands: Sequence[Any]
) -> Sequence[Any]:
    """Ends, indices, and for each pair of elements that meet: which ones, and their place."""
    a, b = _in_rows(tuple(operands[:3]), first), _in_rows(tuple(operands[3:]), second)
    m, n = first[0], second[1]
    size = _sparsetools.csr_matmat_maxnnz(m, n, a.indptr, a.indices, b.indptr, b.indices)
    ends, indices, data = np.zeros(m + 1, _INT), np.empty(size, _INT), np.empty(size)
    if size:
        _sparsetools.csr_matmat(
            m, n, a.indptr, a.indices, a.data, b.indptr, b.indices, b.data, ends, indices, data
        )
    count = int(ends[-1])
    meets = np.diff(b.indptr)[a.indices]
    left = np.repeat(np.arange(a.nnz), meets)
    offsets = np.arange(len(left)) - np.repeat(np.cumsum(meets) - meets, meets)
    right = np.repeat(b.indptr[a.indices], meets) + offsets
    keys = np.repeat(np.arange(m), np.diff(ends)) * n + indices[:count]
    order = np.argsort(keys, kind="stable")
    wanted = _rows(a)[left] * n + b.indices[right]
    if not np.all(np.isin(wanted, keys)):
        raise CheckFailed("a product of sparse arrays that leaves out what is 0")
    places = order[np.searchsorted(keys[order], wanted)]
    return ends, indices[:count], left, right, places


def _multiply(self: Any, other: Any) -> Any:
    """As SciPy's method of the same meaning; interpreted."""
    if other.format != self.format:
        other = other.asformat(self.format)
    shape = (self.shape[0], other.shape[1])
    s, o = self._swap((self, other))
    ends, indices, data = multiplied(self._swap(self.shape), self._swap(other.shape), s, o, self)
    return self.__class__((data, indices, ends), shape=shape)


def multiplied(
    one: tuple[int, int], other: tuple[int, int], a: Any, b: Any, self: Any
) -> tuple[Array, Array, Array]:
    """Ends, indices and elements of a product of two matrices by lines, of these shapes as such."""
    first, second = (one, other) if a is self else (other, one)
    operands = _both_parts_of(a, b)
    lengths = (first[0] + 1, "elements", "pairs", "pairs", "pairs")
    plan = Plan("a product of sparse arrays", lambda values: _pairs(first, second, values), lengths)
    ends, indices, left, right, places = structure(plan, operands)
    data = Tracer(zeros(indices.shape, FLOAT).value, "array")
    np.add.at(data, places, operands[2][left] * operands[5][right])
    kind = index_kind(*(operands[k] for k in (0, 1, 3, 4)))
    return ends.astype(kind), indices.astype(kind), data


@implements(_compressed._cs_matrix._matmul_sparse)
def _matmul_sparse(self: Any, other: Any) -> Any:
    if self.ndim != 2 or other.ndim != 2:
        raise NotStaged("a product of sparse arrays with one axis")
    return interpreted(_multiply, self, other)


# -- diagonals ------------------------------------------------------------------------------------------------
def _off_diagonals(form: str, shape: tuple[int, int], operands: Sequence[Any]) -> Sequence[Any]:
    """Indices of a matrix by diagonals in another form, and the place of each number on a diagonal."""
    offsets, data = operands
    matrix = sp.dia_array((np.ones(data.shape), offsets), shape=shape)
    real = sp.dia_array((data, offsets), shape=shape)
    result = real.asformat(form)
    rows, columns = result.tocoo().coords
    width = data.shape[1]
    lines = np.searchsorted(offsets[order := np.argsort(offsets)], columns - rows)
    taken = order[lines] * width + columns
    places = np.full(data.size, len(taken))
    inside = matrix.tocoo()
    lines = np.searchsorted(offsets[order], inside.coords[1] - inside.coords[0])
    places[order[lines] * width + inside.coords[1]] = -1
    places[taken] = np.arange(len(taken))
    found = (result.indptr, result.indices) if form == "csr" else (rows, columns)
    return (*found, taken, places)


def _as_rows(self: Any) -> Any:
    """As SciPy's method of the same meaning; interpreted."""
    ends, indices, data = off_diagonals("csr", self)
    return self._csr_container((data, indices, ends), shape=self.shape)


def _as_elements(self: Any, kind: Any) -> Any:
    """As SciPy's method of the same meaning; interpreted."""
    rows, columns, data = off_diagonals("coo", self)
    return self._coo_container((data, (rows, columns)), shape=self.shape)


def off_diagonals(form: str, matrix: Any) -> list[Array]:
    """Indices and elements of a matrix by diagonals in another form."""
    offsets, data = (as_array(x) for x in interpreted(_by_diagonals, matrix))
    if data.dtype != np.float64:
        raise NotStaged(f"a sparse array of {data.dtype}")
    shape = matrix.shape
    flat: Array = data.reshape(-1)
    first: Length = shape[0] + 1 if form == "csr" else "elements"
    lengths: tuple[Length, ...] = (first, "elements", "elements", ("of", 1))
    name = "a matrix of diagonals"
    plan = Plan(name, lambda values: _off_diagonals(form, shape, values), lengths)
    *indices, taken, places = structure(plan, [offsets, data])
    kind = offsets.dtype
    return [*(x.astype(kind) for x in indices), placed(name, flat, places)[taken]]


@implements(_dia._dia_base.tocsr)
def _dia_tocsr(self: Any, copy: bool = False) -> Any:
    return interpreted(_as_rows, self)


@implements(_dia._dia_base.tocoo)
def _dia_tocoo(self: Any, copy: bool = False) -> Any:
    return interpreted(_as_elements, self, None)


# -- elements that are moved -----------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Form:
    """What a matrix is but for its elements and where they are."""

    cls: type
    format: str
    shape: tuple[int, ...]

    def empty(self) -> Any:
        """A matrix of this form without elements."""
        return self.cls(self.shape, dtype=float)

    def of(self, indices: Sequence[np.ndarray], data: np.ndarray) -> Any:
        """A matrix of this form."""
        if self.format == "coo":
            return self.cls((data, tuple(indices)), shape=self.shape)
        ends, columns = indices
        count = int(ends[-1])
        return self.cls((data[:count], columns[:count], ends), shape=self.shape)


def _indices(matrix: Any) -> tuple[np.ndarray, ...]:
    return matrix.coords if matrix.format == "coo" else (matrix.indptr, matrix.indices)


def _replayed(
    function: Callable[..., Any], forms: Sequence[Form], result: Form, operands: Sequence[Any]
) -> Sequence[Any]:
    """Where the elements of the result are, and which of all elements of the matrices they are."""
    numbered, squared, first, at = [], [], 1.0, 0
    for form in forms:
        width = form.format == "coo" and len(form.shape) or 2
        indices, data = operands[at : at + width], operands[at + width]
        numbers = first + np.arange(len(data))
        numbered.append(form.of(indices, numbers))
        squared.append(form.of(indices, numbers**2))
        first, at = first + len(data), at + width + 1
    found, check = (function(*x, *operands[at:]) for x in (numbered, squared))
    if found.format != result.format or found.shape != result.shape:
        raise CheckFailed("a sparse array of another form than before")
    if not np.array_equal(found.data**2, check.data):
        raise CheckFailed("elements of a sparse array in one place")
    return (*_indices(found), np.rint(found.data).astype(_INT) - 1)


def moved(
    name: str, function: Callable[..., Any], matrices: Sequence[Any], given: Sequence[Array] = ()
) -> Any:
    """``function(*matrices, *given)``, which moves elements or leaves some out, whatever they are.

    ``given``: arrays of integers of known shapes.
    """
    matrices = [x if x.format in _READ else interpreted(entries_of, x) for x in matrices]
    parts = [_any_parts_of(x) for x in matrices]
    if not _are_double(*(part[-1] for part in parts)):
        raise NotStaged(f"{name} of arrays of other types")
    parts = [[*part[:-1], cast(part[-1], FLOAT)] for part in parts]
    forms = [Form(type(x), x.format, x.shape) for x in matrices]
    example = function(*(form.empty() for form in forms), *(zeros_of(x) for x in given))
    if not sp.issparse(example) or example.format not in _READ:
        raise NotStaged(f"{name} with a result of another form")
    result = Form(type(example), example.format, example.shape)
    lengths: tuple[Length, ...] = (len(_indices(example)[0]), "elements", "elements")
    if result.format == "coo":
        lengths = ("elements",) * (len(result.shape) + 1)
    plan = Plan(name, lambda values: _replayed(function, forms, result, values), lengths)
    *indices, taken = structure(plan, [*(x for part in parts for x in part), *given])
    data: Array = np.concatenate([part[-1] for part in parts])
    kind = index_kind(*(x for part in parts for x in part[:-1]))
    found: list[Array] = [x.astype(kind) for x in indices]
    make = of_elements if result.format == "coo" else of_lines
    return interpreted(make, result.cls, found, data[taken], result.shape)


def zeros_of(x: Array) -> np.ndarray:
    """An index of the shape of one that is known only when it runs."""
    if not all(isinstance(n, int) for n in x.shape):
        raise NotStaged("an index of a sparse array of a size known only at run time")
    return np.zeros(x.shape, x.dtype)


def rows_of(matrix: Any) -> Any:
    """The same matrix by rows; interpreted."""
    return matrix.tocsr()


def entries_of(matrix: Any) -> Any:
    """The same matrix by elements, as SciPy makes it of a form that it does not know; interpreted."""
    return matrix.tocoo()


def of_elements(cls: Any, indices: Any, data: Any, shape: Any) -> Any:
    """A matrix of its elements; interpreted."""
    return cls((data, tuple(indices)), shape=shape)


def of_lines(cls: Any, indices: Any, data: Any, shape: Any) -> Any:
    """A matrix of its lines; interpreted."""
    return cls((data, indices[1], indices[0]), shape=shape)


def diagonals_of(matrix: Any) -> Any:
    """The same matrix by diagonals; interpreted."""
    return matrix.todia()


def _moves(name: str, whole: Callable[..., Any], blocks: Any, format: str | None) -> Any:
    """A function of blocks in a list, or in a list of lists."""
    if format == "dia":  # SciPy makes it of elements, too
        return interpreted(diagonals_of, _moves(name, whole, blocks, "coo"))

    def sparse(x: Any) -> Any:
        if x is None or sp.issparse(x):
            return x
        if isinstance(x, (list, tuple)):
            return list(map(sparse, x))
        value = known(x) if isinstance(x, (Tracer, np.ndarray)) else None
        if value is None:  # the zeros in it would be left out
            raise NotStaged(f"{name} of arrays that are not sparse")
        return sp.coo_array(np.atleast_2d(value))

    nested = list(map(sparse, blocks))
    flat = [x for row in nested for x in (row if isinstance(row, list) else [row])]
    matrices = [x for x in flat if x is not None]

    def function(*given: Any) -> Any:
        left = iter(given)

        def put(x: Any) -> Any:
            return None if x is None else next(left)

        arranged = [[put(x) for x in row] if isinstance(row, list) else put(row) for row in nested]
        return whole(arranged, format=format)

    return moved(name, function, matrices)


def _enter_block_functions() -> None:
    for function in (sp.vstack, sp.hstack, sp.block_array, sp.bmat, sp.block_diag):

        def entered(
            blocks: Any, format: Any = None, dtype: Any = None, whole: Any = function
        ) -> Any:
            name = f"scipy.sparse.{whole.__name__}"
            if dtype is not None:
                raise NotStaged(f"{name} with a dtype")
            return _moves(name, whole, blocks, format)

        implements(function)(entered)
    for function in (sp.tril, sp.triu):

        def part(A: Any, *args: Any, whole: Any = function, **options: Any) -> Any:
            if not sp.issparse(A):
                raise NotStaged(f"{whole.__name__} of an array that is not sparse")
            name = f"scipy.sparse.{whole.__name__}"
            return moved(name, lambda x: whole(x, *args, **options), [A])

        implements(function)(part)


_enter_block_functions()


# -- Kronecker products ------------------------------------------------------------------------------------------
def _kron_pairs(
    form: str | None, forms: Sequence[Form], result: Form, operands: Sequence[Any]
) -> Sequence[Any]:
    """Where the elements of the product are, and the two that each is the product of."""
    widths = [3 for _ in forms]
    parts = [operands[: widths[0]], operands[widths[0] :]]
    ones = [f.of(p[:2], np.ones(len(p[2]))) for f, p in zip(forms, parts, strict=True)]
    numbers = [f.of(p[:2], 1.0 + np.arange(len(p[2]))) for f, p in zip(forms, parts, strict=True)]
    first, second = sp.kron(numbers[0], ones[1], form), sp.kron(ones[0], numbers[1], form)
    if first.format != result.format:
        raise CheckFailed("a Kronecker product in another form than before")
    if any(
        int(x.data.max(initial=0)) > len(p[2]) for x, p in zip((first, second), parts, strict=True)
    ):
        raise CheckFailed("elements of a sparse array in one place")
    return (*_indices(first), *(np.rint(x.data).astype(_INT) - 1 for x in (first, second)))


def _rows_or_self(matrix: Any) -> Any:
    return matrix if matrix.format == "csr" else interpreted(rows_of, matrix)


def _kron_of_blocks(A: Any, B: Any) -> Any:
    """As SciPy makes it, where most of B is filled; interpreted."""
    shape = (A.shape[0] * B.shape[0], A.shape[1] * B.shape[1])
    count = A.indptr[-1]
    data = A.data[:count][:, None, None] * B.toarray()
    return A._bsr_container((data, A.indices[:count], A.indptr), shape=shape)


@implements(sp.kron)
def _kron(A: Any, B: Any, format: str | None = None) -> Any:
    if not (sp.issparse(A) and sp.issparse(B)) or A.ndim != 2 or B.ndim != 2:
        raise NotStaged("a Kronecker product of arrays that are not sparse")
    if format == "dia":
        return interpreted(diagonals_of, _kron(A, B, "coo"))
    matrices = [x if x.format in _READ else interpreted(entries_of, x) for x in (A, B)]
    parts = [_any_parts_of(x) for x in matrices]
    if not _are_double(*(part[-1] for part in parts)):
        raise NotStaged("a Kronecker product of arrays of other types")
    parts = [[*part[:-1], cast(part[-1], FLOAT)] for part in parts]
    if format in (None, "bsr"):
        by_elements = matrices[1].format == "coo"
        count: Any = parts[1][-1].shape[0] if by_elements else parts[1][0][-1]
        if bool(as_tracer(2 * count) >= math.prod(B.shape)):  # guarded; SciPy makes blocks then
            return interpreted(_kron_of_blocks, _rows_or_self(matrices[0]), matrices[1])
    forms = [Form(type(x), x.format, x.shape) for x in matrices]
    example = sp.kron(forms[0].empty(), forms[1].empty(), format)
    if example.format not in _READ:
        raise NotStaged("a Kronecker product in another form")
    result = Form(type(example), example.format, example.shape)
    first: Length = "elements" if result.format == "coo" else len(_indices(example)[0])
    lengths = (first, "elements", "elements", "elements")
    run: Callable[[Sequence[Any]], Sequence[Any]] = lambda values: _kron_pairs(  # noqa: E731
        format, forms, result, values
    )
    plan = Plan("scipy.sparse.kron", run, lengths)
    *indices, left, right = structure(plan, [x for part in parts for x in part])
    kind = index_kind(*(x for part in parts for x in part[:-1]))
    given: list[Array] = [x.astype(kind) for x in indices]
    make = of_elements if result.format == "coo" else of_lines
    data = parts[0][-1][left] * parts[1][-1][right]
    return interpreted(make, result.cls, given, data, result.shape)


# -- systems of elements ---------------------------------------------------------------------------------------------
def elements_of(matrix: Any) -> tuple[Array, Array, Array]:
    """Row, column and number of each element of a matrix; what there is room for beside is 0."""
    if matrix.format == "dia":
        return _elements_of_diagonals(*interpreted(_by_diagonals, matrix), *matrix.shape)
    if matrix.format not in _READ:
        matrix = interpreted(rows_of, matrix)
    first, second, data = parts_of(matrix)
    if matrix.format == "coo":
        return first, second, data
    lines, valid = owners(first, data.shape[0], first.shape[0] - 1)
    at = [np.where(valid, x, 0).astype(_INT) for x in (lines, second)]
    rows, columns = at if matrix.format == "csr" else at[::-1]
    return rows, columns, np.where(valid, data, 0.0)


def _elements_of_diagonals(offsets: Any, data: Any, m: int, n: int) -> tuple[Array, Array, Array]:
    offsets, data = as_array(offsets), as_array(data)
    if data.dtype != FLOAT:
        raise NotStaged(f"a sparse array of {data.dtype}")
    columns = np.arange(min(data.shape[1], n))
    rows = columns - offsets.astype(_INT)[:, None]
    valid = (rows >= 0) & (rows < m)
    found = [np.where(valid, x, 0).reshape(-1) for x in (rows, columns)]
    return found[0], found[1], np.where(valid, data[:, : len(columns)], 0.0).reshape(-1)


def _in_order(operands: Sequence[Any]) -> Sequence[Any]:
    columns, b = operands
    n = len(b)
    order = np.argsort(columns, kind="stable")
    return np.searchsorted(columns[order], np.arange(n + 1)), order


def solved_by_elements(
    data: Any, rows: Any, columns: Any, b: Any, transposed: bool = False
) -> Array:
    """The solution x of A x = b, or Aᵀ x = b, of a matrix by elements; those in one place are added."""
    plan = Plan("a sparse system", _in_order, (("after", 1), ("of", 0)))
    ends, order = structure(plan, [columns, b])
    given = [as_array(x) for x in (data[order], rows[order], ends, b)]
    return emit_tracer("sparse_solve", *given, by_columns=True, transposed=transposed)


# -- sums by lines -------------------------------------------------------------------------------------------------
def _sums(self: Any, ones: Any, is_left: bool) -> Any:
    return ones @ self if is_left else self @ ones


@implements(_compressed._cs_matrix.sum)
def _sum(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    axes = (axis,) if isinstance(axis, int) else axis
    usual = dtype is None or np.dtype(dtype) == self.dtype == FLOAT
    if not usual or out is not None or self.ndim != 2:
        raise NotStaged("a sum of a sparse matrix with these options")
    if axes is None or len(axes) == 2:
        rows = self if self.format != "bsr" else interpreted(rows_of, self)
        ends, _, data = _any_parts_of(rows)
        return np.sum(data[: ends[-1]])
    if axes is not None and len(axes) == 1 and not isinstance(self, sp.sparray):
        raise NotStaged("a sum of a sparse matrix, which is a np.matrix")
    is_left = axes[0] % 2 == 0
    ones = np.ones(self.shape[0 if is_left else 1], _sputils.get_sum_dtype(self.dtype))
    return interpreted(_sums, self, ones, is_left)


__all__ = [
    "Form",
    "Plan",
    "combined",
    "elements_of",
    "entries_of",
    "index_kind",
    "moved",
    "multiplied",
    "of_elements",
    "of_lines",
    "parts_of",
    "placed",
    "rows_of",
    "solved_by_elements",
    "structure",
    "zeros_of",
]
