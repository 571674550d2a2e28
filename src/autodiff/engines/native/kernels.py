"""Native routines: products by BLAS, factorisations and solves by LAPACK, and those of ``scans``.

    dot_general        gemm, batch by batch; operands that are transposes or slices in memory with
                       one unit stride are passed as they lie
    cholesky           potrf           solve      getrf, getrs         factorises   potrf or getrf
    triangular_solve   trsm            inverse    getrf, getri         slogdet   getrf
    eigenvalues        syevd, without vectors            pseudo_inverse   NumPy's svd, gemm

Decompositions with vectors, transforms and sorting are NumPy's own functions (`routines`).

The routines are Fortran's: matrices by columns, arguments by pointer, 32-bit integers.  A matrix
by rows is the transpose of the same memory by columns, so a product c = a b is asked for as
c' = b' a' and so on; each routine below says what it asks for.  Factorisations are those of the very
matrix, copied by columns as NumPy copies it: rounding decides what is singular or not positive definite,
and whether an infinite element becomes an infinity or NaN.  LAPACK's ``info`` becomes a failed check.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, bounds, maximum, minimum, product, same
from autodiff.engines.native import routines, scans, sizes, small_matrices
from autodiff.engines.native.elements import Indices
from autodiff.engines.native.generator import Factors, Generator, Scope
from autodiff.engines.native.planning import is_small_product
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.storage import Buffer, linear, row_strides
from autodiff.engines.native.views import Strided, group, strided
from autodiff.engines.native.writer import literal, register_type
from autodiff.ir.data import ArrayType, Operation, Value, walk

_INT32 = np.dtype(np.int32)
_BLOCK = 32  # columns that LAPACK works on at once


def write(g: Generator, operation: Operation) -> bool:
    """Write the routine of an operation and bind its results; False where there is none."""
    routine = _ROUTINES.get(operation.kind)
    return routine is not None and routine(g, operation)


# -- calling Fortran ----------------------------------------------------------------------------------
def _letter(dtype: np.dtype) -> str | None:
    return {"f8": "d", "f4": "s"}.get(f"{dtype.kind}{dtype.itemsize}")


class _Fortran:
    """Arguments by pointer: characters and numbers are put into stack slots."""

    def __init__(self, g: Generator, dtype: np.dtype) -> None:
        self.g = g
        self.dtype = dtype
        self.type = register_type(dtype)
        self.letter = _letter(dtype)

    def integer(self, extent: Extent) -> str:
        """A pointer to an integer argument; a size that Fortran's integers do not hold fails."""
        w = self.g.w
        name = w.extent(extent)
        if isinstance(extent, int):
            if not -(2**31) <= extent < 2**31:
                self.g.fail_unless("false", sizes.TOO_LARGE, None)
                name = "0"
            return self._slot("i32", name)
        narrow = w.op(f"trunc i64 {name} to i32", name)
        if sizes.magnitude(self.g, extent) >= 2**31:
            wide = w.op(f"sext i32 {narrow} to i64", narrow)
            self.g.fail_unless(
                w.op(f"icmp eq i64 {wide}, {name}", wide, name), sizes.TOO_LARGE, None
            )
        return self._slot("i32", narrow)

    def character(self, c: str) -> str:
        """A pointer to a character argument."""
        return self._slot("i8", str(ord(c)))

    def number(self, value: float) -> str:
        """A pointer to a number."""
        return self._slot(self.type, literal(value, self.dtype))

    def _slot(self, type: str, name: str) -> str:
        slot = self.g.w.slot(type)
        self.g.w.line(f"store {type} {name}, ptr {slot}")
        return slot

    def pointer(
        self, buffer: Buffer, position: Extent = 0, count: Extent | None = None, used: Extent = 1
    ) -> str:
        """A pointer to an element, for a routine that goes through ``count`` elements from there."""
        return self.g.memory.address(buffer, position, count, used)

    def call(self, routine: str, *arguments: str) -> None:
        """Call ``<letter><routine>``."""
        name = f"{self.letter}{routine}"
        self.g.w.declare(name, "void", ", ".join(["ptr"] * len(arguments)))
        self.g.w.line(f"call void @{name}({', '.join(f'ptr {a}' for a in arguments)})")

    def info(self) -> str:
        """A slot for the result code."""
        return self._slot("i32", "0")

    def require(self, info: str, operation: Operation, message: str) -> None:
        """Fail where the result code is not 0."""
        code = self.g.w.here(f"load i32, ptr {info}")
        good = self.g.w.here(f"icmp eq i32 {code}, 0")
        self.g.fail_unless(good, message, operation.source)


@contextmanager
def _batches(g: Generator, shape: Sequence[Extent]) -> Iterator[tuple[Extent, ...]]:
    """Loops over the leading axes; indices of the batch."""
    if not shape:
        yield ()
        return
    with g.w.scope(), g.w.loop(0, shape[0]) as index:
        # What is written in the loop stays there: checks and calls happen in order.
        with g.w.scope(), _batches(g, shape[1:]) as rest:
            yield (Dim.symbol(index), *rest)


# -- products -------------------------------------------------------------------------------------------
def _free(ndim: int, *used: Sequence[int]) -> tuple[int, ...]:
    taken = {k for axes in used for k in axes}
    return tuple(k for k in range(ndim) if k not in taken)


class _Matrix:
    """An operand of gemm: rows and columns in memory with one unit stride."""

    def __init__(
        self,
        buffer: Buffer,
        offset: Extent,
        batch: Sequence[Extent],
        by_rows: bool,
        leading: Extent,
    ) -> None:
        self.buffer = buffer
        self.offset = offset
        self.batch = tuple(batch)  # strides of the batch axes
        self.by_rows = by_rows
        self.leading = leading

    def pointer(self, f: _Fortran, indices: Indices, rows: Extent, columns: Extent) -> str:
        """Where the matrix of a batch begins."""
        position = self.offset
        for i, stride in zip(indices, self.batch, strict=True):
            position = position + i * stride
        lines, line = (rows, columns) if self.by_rows else (columns, rows)
        count = (lines - 1) * self.leading + line
        return f.pointer(self.buffer, position, count, rows * columns)


def _is_int(n: Extent, value: int) -> bool:
    return isinstance(n, int) and n == value


def _as_matrix(
    s: Strided, batch: Sequence[int], rows: Sequence[int], columns: Sequence[int]
) -> _Matrix | None:
    grouped_rows = group([s.shape[k] for k in rows], [s.strides[k] for k in rows])
    grouped_columns = group([s.shape[k] for k in columns], [s.strides[k] for k in columns])
    if grouped_rows is None or grouped_columns is None:
        return None
    (m, row_stride), (n, column_stride) = grouped_rows, grouped_columns
    strides = [s.strides[k] for k in batch]
    for by_rows, unit, leading, count, least in (
        (True, column_stride, row_stride, m, n),
        (False, row_stride, column_stride, n, m),
    ):
        if not _is_int(unit, 1):
            continue
        if _is_int(count, 1):
            leading = least
        if isinstance(leading, int) and leading < 0:
            continue
        if isinstance(leading, int) and isinstance(least, int) and leading < least:
            continue
        if isinstance(leading, Dim) and not _surely_at_least(leading, least):
            continue
        return _Matrix(s.buffer, s.offset, strides, by_rows, maximum(leading, 1))
    return None


def _surely_at_least(a: Extent, b: Extent) -> bool:
    low, _ = bounds(a - b)
    return same(a, b) or (low is not None and low >= 0)


def _operand(
    g: Generator, value: Value, batch: Sequence[int], rows: Sequence[int], columns: Sequence[int]
) -> _Matrix:
    """The operand as it lies in memory, or a copy in order batch, rows, columns."""
    place = strided(g, value)
    if place is not None and place.buffer.dtype == value.dtype:
        matrix = _as_matrix(place, batch, rows, columns)
        if matrix is not None:
            return matrix
    order = (*batch, *rows, *columns)
    shape = tuple([value.shape[k] for k in order])
    if order == tuple(range(len(order))):
        buffer = g.buffer(value)
    else:
        view = Operation(
            "transpose", (value,), {"axes": order}, (Value(ArrayType(value.dtype, shape)),)
        )
        buffer = g.memory.allocate(value.dtype, shape)
        g.store(view.result, buffer)
    n = len(batch)
    strides = row_strides(shape)
    leading = product(shape[n + len(rows) :])
    return _Matrix(buffer, 0, strides[:n], True, maximum(leading, 1))


def _dot_general(g: Generator, operation: Operation) -> bool:
    a, b = operation.operands
    if _letter(a.dtype) is None:
        return False
    (ca, cb), (ba, bb) = operation.attributes["contract"], operation.attributes["batch"]
    free_a, free_b = _free(len(a.shape), ca, ba), _free(len(b.shape), cb, bb)
    result = operation.result
    place = g.destination(result)
    left, right = _operand(g, a, ba, free_a, ca), _operand(g, b, bb, cb, free_b)
    m = product(tuple([a.shape[k] for k in free_a]))
    n = product(tuple([b.shape[k] for k in free_b]))
    inner = product(tuple([a.shape[k] for k in ca]))
    f = _Fortran(g, a.dtype)
    nb = len(ba)
    strides = row_strides(result.shape)[:nb]
    with _batches(g, result.shape[:nb]) as indices:
        position: Extent = 0
        for i, stride in zip(indices, strides, strict=True):
            position = position + i * stride
        if is_small_product(operation):
            _small_product(
                g, left, right, indices, g.memory.address(place, position, m * n), (m, inner, n)
            )
        else:
            # By columns: c' (n × m) = b' (n × k) a' (k × m).
            f.call(
                "gemm",
                f.character("N" if right.by_rows else "T"),
                f.character("N" if left.by_rows else "T"),
                f.integer(n), f.integer(m), f.integer(inner),
                f.number(1.0), right.pointer(f, indices, inner, n), f.integer(right.leading),
                left.pointer(f, indices, m, inner), f.integer(left.leading),
                f.number(0.0), f.pointer(place, position, m * n), f.integer(maximum(n, 1)),
            )  # fmt: skip
    g.bind(result, place)
    return True


def _small_product(
    g: Generator, a: _Matrix, b: _Matrix, indices: Indices, to: str, sizes: tuple[Any, Any, Any]
) -> None:
    """Multiply matrices of known sizes."""
    f = _Fortran(g, a.buffer.dtype)
    given = []
    for matrix, rows, columns in ((a, *sizes[:2]), (b, *sizes[1:])):
        leading = g.w.extent(matrix.leading)
        strides = (leading, "1") if matrix.by_rows else ("1", leading)
        given.append((matrix.pointer(f, indices, rows, columns), *strides))
    small_matrices.product(g.w, a.buffer.dtype, sizes, given[0], given[1], to)


# -- LAPACK -----------------------------------------------------------------------------------------------
def _copy(g: Generator, value: Value, place: Buffer | None = None) -> Buffer:
    place = place or g.memory.allocate(value.dtype, value.shape)
    g.store(value, place)
    return place


def _transposed_copy(g: Generator, value: Value) -> Buffer:
    """A matrix copied by columns."""
    *batch, n, k = value.shape
    place = g.memory.allocate(value.dtype, (*batch, k, n))
    axes = len(batch)
    matrix = _operand(g, value, range(axes), (axes,), (axes + 1,))
    if not matrix.by_rows:
        view = Operation(
            "transpose", (value,), {"axes": (*range(axes), axes + 1, axes)},
            (Value(ArrayType(value.dtype, place.shape)),),
        )  # fmt: skip
        return _copy(g, view.result, place)
    f = _Fortran(g, value.dtype)
    with _batches(g, batch) as indices:
        to = g.memory.address(place, _matrix_at(indices, n, k, batch), n * k)
        small_matrices.turn(
            g.w, value.dtype, matrix.pointer(f, indices, n, k), matrix.leading, to, n, k
        )
    return place


def _turn_back(g: Generator, by_columns: Buffer, place: Buffer, result: Value) -> Buffer:
    """What lies by columns, by rows in the place of a result."""
    *batch, n, k = result.shape
    with _batches(g, batch) as indices:
        at = _matrix_at(indices, n, k, batch)
        pointers = (g.memory.address(b, at, n * k) for b in (by_columns, place))
        small_matrices.turn(g.w, result.dtype, next(pointers), n, next(pointers), k, n)
    return place


def _matrix_at(indices: Indices, n: Extent, m: Extent, shape: Sequence[Extent]) -> Extent:
    return linear((*indices, 0, 0), (*shape, n, m)) if indices else 0


def _each_small(
    g: Generator, operation: Operation, message: str, call: Callable[..., str], *widths: int
) -> bool:
    """Have ``call`` write the result of each matrix: of pointers to the operands and the result; ``widths``: their columns."""
    *batch, n, _ = operation.operands[0].shape
    places = [*map(g.buffer, operation.operands), g.destination(operation.result)]
    with _batches(g, batch) as indices:
        pointers = [
            g.memory.address(place, _matrix_at(indices, n, width, batch), n * width)
            for place, width in zip(places, widths, strict=True)
        ]
        code = call(*pointers)
        g.fail_unless(g.w.op(f"icmp eq i32 {code}, 0", code), message, operation.source)
    g.bind(operation.result, places[-1])
    return True


def _cholesky(g: Generator, operation: Operation) -> bool:
    (a,) = operation.operands
    if _letter(a.dtype) is None:
        return False
    *batch, n, _ = a.shape
    upper = operation.attributes.get("upper", False)
    if small := small_matrices.small(g.w, a.dtype, batch, n):
        call = functools.partial(small_matrices.cholesky, g.w, n=small[0], upper=upper)
        return _each_small(g, operation, "Matrix is not positive definite", call, *small, *small)
    # Of the upper triangle the operand is the transpose, which by rows is the very matrix by columns.
    matrix = _copy(g, a, g.destination(operation.result)) if upper else _transposed_copy(g, a)
    f = _Fortran(g, a.dtype)
    with _batches(g, batch) as indices:
        start = _matrix_at(indices, n, n, batch)
        info = f.info()
        f.call(
            "potrf", f.character("U" if upper else "L"), f.integer(n), f.pointer(matrix, start, n * n),
            f.integer(maximum(n, 1)), info,
        )  # fmt: skip
        f.require(info, operation, "Matrix is not positive definite")
    place = matrix
    if not upper:
        place = _turn_back(g, matrix, g.destination(operation.result), operation.result)
    with _batches(g, batch) as indices:
        start = _matrix_at(indices, n, n, batch)
        with g.w.scope(), g.w.loop(0, n) as i:
            with g.w.loop(Dim.symbol(i) + 1, n) as j:
                position = start + Dim.symbol(i) * n + Dim.symbol(j)
                g.memory.store(literal(0.0, a.dtype), place, position)
    g.bind(operation.result, place)
    return True


def _factorised(
    g: Generator, f: _Fortran, matrix: Buffer, start: Extent, n: Extent
) -> tuple[Buffer, str]:
    """LU factors of a matrix by columns; the pivots and the result code."""
    pivots = g.memory.allocate(_INT32, (n,))
    info = f.info()
    f.call(
        "getrf", f.integer(n), f.integer(n), f.pointer(matrix, start, n * n), f.integer(maximum(n, 1)),
        f.pointer(pivots), info,
    )  # fmt: skip
    return pivots, info


def _substituted(
    g: Generator, f: _Fortran, transposed: str, factors: Buffer, pivots: Buffer, right: Buffer,
    starts: tuple[Extent, Extent], sizes: tuple[Extent, Extent],
) -> None:  # fmt: skip
    """Solve with LU factors, in place of the right-hand sides by columns."""
    (n, k), rows = sizes, maximum(sizes[0], 1)
    f.call(
        "getrs", f.character(transposed), f.integer(n), f.integer(k), f.pointer(factors, starts[0], n * n),
        f.integer(rows), f.pointer(pivots), f.pointer(right, starts[1], n * k), f.integer(rows), f.info(),
    )  # fmt: skip


def _matrix_of(operation: Operation) -> tuple[Value, bool]:
    """The matrix whose factors an operation needs, and whether it is given its transpose.

    What the user wrote is rounded as NumPy rounds it, by factors of the very matrix.
    """
    a = operation.operands[0]
    owner = a.owner
    if operation.is_derived and owner is not None and owner.kind == "transpose":
        if tuple(owner.attributes["axes"]) == (1, 0):
            return owner.operands[0], True
    return a, False


def _kept_factors(g: Generator, matrix: Value) -> Factors | None:
    scope: Scope | None = g.scope
    while scope is not None:
        if matrix in scope.factors:
            return scope.factors[matrix]
        scope = scope.parent
    return None


def _keep_factors(g: Generator, a: Value, matrix: Buffer, pivots: Buffer, info: str) -> None:
    """Keep the factors of a single matrix where a later step needs them: a derivative as a rule."""
    scope = g.scope
    if not _is_factored_again(g, a):
        return
    for buffer in (matrix, pivots):
        kept = Value(ArrayType(buffer.dtype, buffer.shape))
        g.bind(kept, buffer)
        scope.protected.add(kept)
    scope.factors[a] = Factors(matrix, pivots, info)


def _is_factored_again(g: Generator, a: Value) -> bool:
    plan, scope = g.scope.plan, g.scope
    if plan is None or len(a.shape) != 2:
        return False
    later = [node.operation for node in plan.ordered[scope.now + 1 :] if node.operation is not None]
    inside = (inner for op in later for region in op.regions for inner in walk(region))
    return any(op.kind in _BY_LU and _matrix_of(op)[0] is a for op in chain(later, inside))


_BY_LU = ("solve", "inverse", "slogdet", "well_conditioned")


def _factorises(g: Generator, operation: Operation) -> bool:
    """Whether all matrices have factors, found with the very routine that is about to be called."""
    (a,) = operation.operands
    if _letter(a.dtype) is None:
        return False
    *batch, n, _ = a.shape
    routine = operation.attributes["routine"]
    by_lu, upper = routine == "lu", routine == "upper cholesky"
    factors = _copy(g, a) if upper else _transposed_copy(g, a)
    f = _Fortran(g, a.dtype)
    good = g.w.slot("i1")
    g.w.line(f"store i1 true, ptr {good}")
    with _batches(g, batch) as indices:
        start = _matrix_at(indices, n, n, batch)
        if by_lu:
            _, info = _factorised(g, f, factors, start, n)
        else:
            info = f.info()
            place = f.pointer(factors, start, n * n)
            triangle = f.character("U" if upper else "L")
            f.call("potrf", triangle, f.integer(n), place, f.integer(maximum(n, 1)), info)
        code = g.w.here(f"load i32, ptr {info}")
        fine = g.w.here(f"icmp eq i32 {code}, 0")
        before = g.w.here(f"load i1, ptr {good}")
        both = g.w.op(f"and i1 {before}, {fine}", before, fine)
        g.w.line(f"store i1 {both}, ptr {good}")
    g.bind(operation.result, Element(g.w.here(f"load i1, ptr {good}"), np.dtype(bool)))
    return True


def _well_conditioned(g: Generator, operation: Operation) -> bool:
    """Whether all matrices have factors, and an estimate of their condition within a limit."""
    a, norm = operation.operands
    if _letter(a.dtype) is None:
        return False
    *batch, n, _ = a.shape
    by_lu = operation.attributes["routine"] == "lu"
    known = _kept_factors(g, a) if by_lu else None
    factors = _transposed_copy(g, a) if known is None else known.matrix
    norms = g.buffer(norm)
    work = g.memory.allocate(a.dtype, (4 * n,))
    integers = g.memory.allocate(_INT32, (n,))
    f = _Fortran(g, a.dtype)
    good = g.w.slot("i1")
    g.w.line(f"store i1 true, ptr {good}")
    with _batches(g, batch) as indices:
        start = _matrix_at(indices, n, n, batch)
        place, rows = f.pointer(factors, start, n * n), f.integer(maximum(n, 1))
        if known is not None:
            info = known.info
        elif by_lu:
            _, info = _factorised(g, f, factors, start, n)
        else:
            info = f.info()
            f.call("potrf", f.character("L"), f.integer(n), place, rows, info)
        estimate, end = f.number(0.0), f.info()
        size = f.pointer(norms, linear(indices, tuple(batch)) if indices else 0)
        kind = f.character("1" if by_lu else "L")
        f.call(
            "gecon" if by_lu else "pocon", kind, f.integer(n), place, rows, size, estimate,
            f.pointer(work), f.pointer(integers), end,
        )  # fmt: skip
        code = g.w.here(f"load i32, ptr {info}")
        fine = g.w.here(f"icmp eq i32 {code}, 0")
        limit = literal(operation.attributes["limit"], a.dtype)
        found = g.w.here(f"load {f.type}, ptr {estimate}")
        enough = g.w.here(f"fcmp ogt {f.type} {found}, {limit}")
        before = g.w.here(f"load i1, ptr {good}")
        both = g.w.here(f"and i1 {fine}, {enough}")
        g.w.line(f"store i1 {g.w.here(f'and i1 {before}, {both}')}, ptr {good}")
    g.bind(operation.result, Element(g.w.here(f"load i1, ptr {good}"), np.dtype(bool)))
    return True


def _solve(g: Generator, operation: Operation) -> bool:
    a, b = operation.operands
    if _letter(a.dtype) is None:
        return False
    *batch, n, k = b.shape
    root, is_transpose = _matrix_of(operation)
    known = _kept_factors(g, root)
    small = small_matrices.small(g.w, a.dtype, batch, n, k)
    if small and known is None and not _is_factored_again(g, a):
        rows, sides = small
        call = functools.partial(small_matrices.solve, g.w, n=rows, k=sides)
        return _each_small(g, operation, "Singular matrix", call, rows, sides, sides)
    factors = _transposed_copy(g, a) if known is None else known.matrix
    # By columns a right-hand side lies in one piece: with one column that is b as it is.
    single = _is_int(k, 1)
    right = _copy(g, b, g.destination(operation.result)) if single else _transposed_copy(g, b)
    f = _Fortran(g, a.dtype)
    with _batches(g, batch) as indices:
        start = _matrix_at(indices, n, n, batch)
        if known is None:
            pivots, info = _factorised(g, f, factors, start, n)
        else:
            pivots, info = known.pivots, known.info
        f.require(info, operation, "Singular matrix")
        if known is None:
            _keep_factors(g, a, factors, pivots, info)
        transposed = "T" if known is not None and is_transpose else "N"
        starts = start, _matrix_at(indices, n, k, batch)
        _substituted(g, f, transposed, factors, pivots, right, starts, (n, k))
    if not single:
        right = _turn_back(g, right, g.destination(operation.result), operation.result)
    g.bind(operation.result, right)
    return True


def _triangular_solve(g: Generator, operation: Operation) -> bool:
    a, b = operation.operands
    if _letter(a.dtype) is None:
        return False
    *batch, n, k = b.shape
    lower, transposed = operation.attributes["lower"], operation.attributes["transposed"]
    if small := small_matrices.small(g.w, a.dtype, batch, n, k):
        rows, sides = small
        step, line = (rows, 1) if transposed else (1, rows)
        call = functools.partial(
            small_matrices.triangular_solve,
            g.w, n=rows, k=sides, step=step, line=line, lower=lower != transposed,
        )  # fmt: skip
        return _each_small(g, operation, "Singular matrix", call, rows, sides, sides)
    matrix = _operand(g, a, range(len(batch)), (len(batch),), (len(batch) + 1,))
    place = _copy(g, b, g.destination(operation.result))
    f = _Fortran(g, a.dtype)
    by_columns = not matrix.by_rows
    with _batches(g, batch) as indices:
        base = matrix.offset
        for i, stride in zip(indices, matrix.batch, strict=True):
            base = base + i * stride
        _require_diagonal(g, operation, matrix, base, n)
        # a x = b by rows is x' a' = b' by columns, and memory by rows is a' already.
        f.call(
            "trsm", f.character("R"), f.character("U" if lower != by_columns else "L"),
            f.character("T" if transposed != by_columns else "N"), f.character("N"),
            f.integer(k), f.integer(n), f.number(1.0),
            matrix.pointer(f, indices, n, n), f.integer(matrix.leading),
            f.pointer(place, _matrix_at(indices, n, k, batch), n * k), f.integer(maximum(k, 1)),
        )  # fmt: skip
    g.bind(operation.result, place)
    return True


def _require_diagonal(
    g: Generator, operation: Operation, matrix: _Matrix, base: Extent, n: Extent
) -> None:
    """A zero on the diagonal is a singular matrix, as for NumPy's solve."""
    good = g.w.slot("i1")
    g.w.line(f"store i1 true, ptr {good}")
    with g.w.scope(), g.w.loop(0, n) as i:
        position = base + Dim.symbol(i) * (matrix.leading + 1)
        dtype = matrix.buffer.dtype
        x = Element(g.memory.load(matrix.buffer, position, False), dtype)
        nonzero = g.s.ne(x, g.s.constant(0.0, x))
        old = g.w.here(f"load i1, ptr {good}")
        both = g.w.op(f"and i1 {old}, {nonzero.name}", old, nonzero.name)
        g.w.line(f"store i1 {both}, ptr {good}")
    g.fail_unless(g.w.here(f"load i1, ptr {good}"), "Singular matrix", operation.source)


def _copy_memory(g: Generator, source: Buffer, to: Buffer, start: Extent, count: Extent) -> None:
    """Copy elements as they lie."""
    read, write = (g.memory.address(buffer, start, count) for buffer in (source, to))
    size = g.w.extent(count * source.dtype.itemsize)
    name = g.w.declare("memcpy", "ptr", "ptr, ptr, i64")
    g.w.here(f"call ptr {name}(ptr {write}, ptr {read}, i64 {size})")


def _store_identity(g: Generator, place: Buffer, start: Extent, n: Extent) -> None:
    one, zero = literal(1.0, place.dtype), literal(0.0, place.dtype)
    with g.w.scope(), g.w.loop(0, n * n) as i:
        g.memory.store(zero, place, start + Dim.symbol(i))
    with g.w.scope(), g.w.loop(0, n) as i:
        g.memory.store(one, place, start + Dim.symbol(i) * (n + 1))


def _inverse(g: Generator, operation: Operation) -> bool:
    (a,) = operation.operands
    if _letter(a.dtype) is None:
        return False
    *batch, n, _ = a.shape
    known = _kept_factors(g, a)
    small = small_matrices.small(g.w, a.dtype, batch, n)
    if small and known is None and not _is_factored_again(g, a):
        call = functools.partial(small_matrices.inverse, g.w, n=small[0])
        return _each_small(g, operation, "Singular matrix", call, *small, *small)
    factors = _transposed_copy(g, a) if known is None else known.matrix
    inverse = g.memory.allocate(a.dtype, a.shape)
    f = _Fortran(g, a.dtype)
    with _batches(g, batch) as indices:
        start = _matrix_at(indices, n, n, batch)
        if known is None:
            pivots, info = _factorised(g, f, factors, start, n)
        else:
            pivots, info = known.pivots, known.info
        f.require(info, operation, "Singular matrix")
        if known is None:
            _keep_factors(g, a, factors, pivots, info)
        _invert(g, f, factors, pivots, inverse, start, n)
    place = g.destination(operation.result)
    g.bind(operation.result, _turn_back(g, inverse, place, operation.result))
    return True


def _invert(
    g: Generator, f: _Fortran, factors: Buffer, pivots: Buffer, place: Buffer, start: Extent, n: Extent
) -> None:  # fmt: skip
    """The inverse of LU factors, by columns.

    ``getri`` takes the least time, but overflows where NumPy's substitution does not, and answers with other
    infinities and NaN: what is not finite before or after is substituted.
    """
    number = g.w.number()
    _copy_memory(g, factors, place, start, n * n)
    work, info = g.memory.allocate(factors.dtype, (n * _BLOCK,)), f.info()
    f.call(
        "getri", f.integer(n), f.pointer(place, start, n * n), f.integer(maximum(n, 1)), f.pointer(pivots),
        f.pointer(work), f.integer(maximum(n * _BLOCK, 1)), info,
    )  # fmt: skip
    code = g.w.here(f"load i32, ptr {info}")
    good = g.w.here(f"icmp eq i32 {code}, 0")
    for buffer in (factors, place):
        finite = small_matrices.is_finite(g.w, buffer.dtype, f.pointer(buffer, start, n * n), n * n)
        good = g.w.here(f"and i1 {good}, {finite}")
    g.w.branch(good, f"inverted{number}", f"substituted{number}")
    g.w.label(f"substituted{number}")
    with g.w.scope():
        _store_identity(g, place, start, n)
        _substituted(g, f, "N", factors, pivots, place, (start, start), (n, n))
    g.w.line(f"br label %inverted{number}")
    g.w.label(f"inverted{number}")


def _eigenvalues(g: Generator, operation: Operation) -> bool:
    """Eigenvalues alone, whose signs and order no choice of vectors decides; ``eigh`` is NumPy's own."""
    (a,) = operation.operands
    if _letter(a.dtype) is None:
        return False
    *batch, n, _ = a.shape
    # NumPy hands the matrix itself to the routine, by columns: the same triangle rounds the same way.
    matrix, place = _transposed_copy(g, a), g.destination(operation.result)
    room = n * (_BLOCK + 2) + 1
    work, integers = g.memory.allocate(a.dtype, (room,)), g.memory.allocate(_INT32, (1,))
    f = _Fortran(g, a.dtype)
    triangle = "U" if operation.attributes.get("upper") else "L"
    with _batches(g, batch) as indices:
        info = f.info()
        at = linear((*indices, 0), operation.result.shape)
        f.call(
            "syevd", f.character("N"), f.character(triangle), f.integer(n),
            f.pointer(matrix, _matrix_at(indices, n, n, batch), n * n), f.integer(maximum(n, 1)),
            f.pointer(place, at, n), f.pointer(work, 0, room), f.integer(room),
            f.pointer(integers), f.integer(1), info,
        )  # fmt: skip
        f.require(info, operation, "Eigenvalues did not converge")
    g.bind(operation.result, place)
    return True


def _pseudo_inverse(g: Generator, operation: Operation) -> bool:
    """``np.linalg.pinv``: of the singular values those that are not small are inverted."""
    (a,), rcond = operation.operands, operation.attributes["rcond"]
    if rcond == "sizes":
        sizes = [n for n in a.shape[-2:] if isinstance(n, int)]
        if len(sizes) < 2:
            return False
        rcond = max(sizes) * float(np.finfo(a.dtype).eps)
    found = routines.thin_svd(g, operation, operation.results[1])
    if found is None:
        return False
    u, s, vh = found
    *batch, m, n = a.shape
    k = minimum(m, n)
    scaled, place = g.memory.allocate(a.dtype, (k, m)), g.destination(operation.results[0])
    f = _Fortran(g, a.dtype)
    with _batches(g, batch) as indices:
        at_s, at_u = linear((*indices, 0), s.shape), linear((*indices, 0, 0), u.shape)
        largest = Element(g.memory.load(s, at_s, False), a.dtype)
        cutoff = g.s.mul(g.s.constant(1e-15 if rcond is None else rcond, largest), largest)
        with g.w.scope(), g.w.loop(0, k) as i:
            x = Element(g.memory.load(s, at_s + Dim.symbol(i), False), a.dtype)
            one, zero = g.s.constant(1.0, x), g.s.constant(0.0, x)
            factor = g.s.select(g.s.gt(x, cutoff), g.s.div(one, x), zero)
            with g.w.loop(0, m) as j:
                of_u = g.memory.load(u, at_u + Dim.symbol(j) * k + Dim.symbol(i), False)
                product = g.s.mul(factor, Element(of_u, a.dtype))
                g.memory.store(product.name, scaled, Dim.symbol(i) * m + Dim.symbol(j))
        at_vh = linear((*indices, 0, 0), vh.shape)
        at = linear((*indices, 0, 0), operation.results[0].shape)
        f.call(
            "gemm", f.character("N"), f.character("T"), f.integer(m), f.integer(n), f.integer(k),
            f.number(1.0), f.pointer(scaled, 0, k * m), f.integer(m), f.pointer(vh, at_vh, k * n), f.integer(n),
            f.number(0.0), f.pointer(place, at, n * m), f.integer(m),
        )  # fmt: skip
    g.bind(operation.results[0], place)
    g.bind(operation.results[1], s)
    return True


def _slogdet(g: Generator, operation: Operation) -> bool:
    (a,) = operation.operands
    if _letter(a.dtype) is None:
        return False
    batch, n = a.shape[:-2], a.shape[-1]
    sign, logarithm = operation.results
    known = _kept_factors(g, a)
    factors = _transposed_copy(g, a) if known is None else known.matrix
    places = [
        g.destination(v) if v.shape else g.memory.allocate(v.dtype, ()) for v in (sign, logarithm)
    ]
    f = _Fortran(g, a.dtype)
    with _batches(g, batch) as indices:
        start = _matrix_at(indices, n, n, batch)
        if known is None:
            pivots, info = _factorised(g, f, factors, start, n)
            _keep_factors(g, a, factors, pivots, info)
        else:
            pivots, info = known.pivots, known.info
        totals = _log_determinant(g, factors, start, (pivots, info), n)
        position = linear(indices, batch) if indices else 0
        for place, total in zip(places, totals, strict=True):
            g.memory.store(total.name, place, position)
    for value, place in zip((sign, logarithm), places, strict=True):
        if value.shape:
            g.bind(value, place)
        else:
            g.bind(value, Element(g.memory.load(place, 0, False), value.dtype))
    return True


def _log_determinant(
    g: Generator, factors: Buffer, start: Extent, found: tuple[Buffer, str], n: Extent
) -> tuple[Element, Element]:
    """Sign and logarithm as NumPy sums them up; of a singular matrix 0 and -inf."""
    dtype = factors.dtype
    pivots, info = found
    type = register_type(dtype)
    slots = [g.w.slot(type), g.w.slot(type)]
    for slot, value in zip(slots, (1.0, 0.0), strict=True):
        g.w.line(f"store {type} {literal(value, dtype)}, ptr {slot}")
    s = g.s
    with g.w.scope(), g.w.loop(0, n) as i:
        x = Element(g.memory.load(factors, start + Dim.symbol(i) * (n + 1), False), dtype)
        pivot = Element(g.memory.load(pivots, Dim.symbol(i), False), _INT32)
        here = s.cast(Element(g.w.extent(Dim.symbol(i) + 1), np.dtype(np.int64)), _INT32)
        old_sign, old_log = (Element(g.w.here(f"load {type}, ptr {slot}"), dtype) for slot in slots)
        zero, one = s.constant(0.0, x), s.constant(1.0, x)
        step = s.select(s.lt(x, zero), s.neg(one), one)
        step = s.select(s.ne(pivot, here), s.neg(step), step)
        new_sign = s.mul(old_sign, step)
        new_log = s.add(old_log, s.call("log", s.abs(x)))
        for slot, new in zip(slots, (new_sign, new_log), strict=True):
            g.w.line(f"store {type} {new.name}, ptr {slot}")
    code = Element(g.w.here(f"load i32, ptr {info}"), _INT32)
    regular = s.eq(code, s.constant(0, code))
    sums = (Element(g.w.here(f"load {type}, ptr {slot}"), dtype) for slot in slots)
    sign, logarithm = (
        s.select(regular, x, s.constant(value, x))
        for x, value in zip(sums, (0.0, -np.inf), strict=True)
    )
    return sign, logarithm


_ROUTINES: dict[str, Callable[[Generator, Operation], bool]] = {
    "dot_general": _dot_general,
    "cholesky": _cholesky,
    "factorises": _factorises,
    "well_conditioned": _well_conditioned,
    "solve": _solve,
    "triangular_solve": _triangular_solve,
    "inverse": _inverse,
    "eigenvalues": _eigenvalues,
    "slogdet": _slogdet,
    "pseudo_inverse": _pseudo_inverse,
    **scans.ROUTINES,
    **routines.ROUTINES,
}
