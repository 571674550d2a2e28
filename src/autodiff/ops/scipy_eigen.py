"""Eigenvalues and eigenvectors of ``scipy.linalg``: some of them, of two matrices, from the left.

    eigh(a, subset_by_index=[0, 1]), eigh(a, b), eigvalsh(a, subset_by_value=[0, 1])
    eig(a, left=True), eig(a, b), eigvals(a, b)

Values are those of the routine that SciPy takes.  Derivatives are those of a full decomposition of one matrix, of
which the same vectors span the same spaces:

    a v = λ b v, b = l lᵀ        (l⁻¹ a l⁻ᵀ) (lᵀ v) = λ (lᵀ v)
    a v = λ b v                  (b⁻¹ a) v = λ v
    uᴴ a = λ uᴴ                  u = the columns of v⁻ᴴ

The full one has SciPy's vectors for its own where SciPy gives them: of equal eigenvalues any basis of their span will
do, but one that is another than that of the result cannot be told apart by the order of the eigenvalues
(:mod:`autodiff.differentiate.spectra`).

Source: G. Golub and C. Van Loan, *Matrix Computations* (2013), 7.1.1, 8.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.ir.data import ArrayType
from autodiff.ops import complex_forms, complex_linalg, decompositions
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_numbers import decline, from_pair, plain
from autodiff.ops.custom import stop
from autodiff.ops.decompositions import eigh_rules
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.fourier import in_pairs
from autodiff.ops.function_table import functions, implements
from autodiff.ops.linear_algebra import t
from autodiff.ops.promotion import cast
from autodiff.ops.scipy_linalg import (
    _for_routine,
    _plain,
    _square,
    _symmetric,
    heed_finite,
    solve_triangular,
)
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer, is_traced
from autodiff.ops.ufuncs import unsupported
from autodiff.ops.vertices import Call

Array = Any


def _one(a: Any, name: str, routine: bool = True) -> Tracer:
    x = _for_routine(a) if routine else _square(a)
    if x.ndim != 2:
        raise unsupported(f"scipy.linalg.{name} of a stack of matrices", "use np.linalg, or a loop")
    return x


def _called(name: str, run: Any, operands: Sequence[Any], types: Sequence[ArrayType]) -> Any:
    return emit_tracer(
        "called", *operands, call=Call(f"scipy.linalg.{name}", run), types=tuple(types)
    )


# -- of symmetric matrices ------------------------------------------------------------------------------------------
def _place(all_of_them: Any, some: Any) -> int:
    """Where some eigenvalues, neighbours of each other, are among all."""
    starts = range(len(all_of_them) - len(some) + 1)
    return min(starts, key=lambda k: np.sum(np.abs(all_of_them[k : k + len(some)] - some)))


def _some(x: Array, y: Array | None, how: dict[str, Any]) -> tuple[Array, ...]:
    """SciPy's eigenvalues and vectors among all, the same vectors as those of one matrix, the first one's place, their number."""
    n = x.shape[0]
    if not isinstance(n, int):
        raise unsupported(
            "scipy.linalg.eigh of this form and of run-time size", "use np.linalg.eigh"
        )
    lower = how["lower"]

    def run(values: Sequence[Any]) -> Sequence[Any]:
        w, v = linalg.eigh(*values, **how)
        every, basis = (w, v) if len(w) == n else linalg.eigh(*values, lower=lower)
        first = _place(every, w) if len(w) else 0
        factor = np.eye(n)
        if len(values) == 2:
            factor = linalg.cholesky(values[1], lower=lower)
            factor = factor if lower else factor.T
        known = every.copy()
        known[first : first + len(w)] = w
        vectors = np.zeros((n, n))
        vectors[:, first : first + len(w)] = v
        basis = _completed(every, factor.T @ basis, factor.T @ v, first)
        return known, vectors, basis, np.array(first), np.array(len(w))

    square = ArrayType(x.dtype, (n, n))
    types = [ArrayType(x.dtype, (n,)), square, square, *[ArrayType(INT, ())] * 2]
    found: tuple[Array, ...] = _called("eigh", run, [x] if y is None else [x, y], types)
    return found


def _completed(w: Array, basis: Array, some: Array, first: int) -> Array:
    """All eigenvectors, with ``some`` in the place of those from ``first`` on, which may be turned within equal eigenvalues."""
    chosen = slice(first, first + some.shape[1])
    given = np.zeros(len(w), bool)
    given[chosen] = True
    found = basis.copy()
    found[:, chosen] = some
    for equal in decompositions._sets(w):
        free = np.arange(len(w))[equal][~given[equal]]
        if len(free) and given[equal].any():
            rest = basis[:, equal] - some @ (some.T @ basis[:, equal])
            found[:, free] = np.linalg.svd(rest)[0][:, : len(free)]
    return found


def _push_found(site: Site, tangents: tuple[Any, ...]) -> Sequence[Any]:
    return eigh_rules.jvp(site, tangents[:1])


def _pull_found(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*eigh_rules.vjp(site, cts), None, None)


# Eigenvalues and vectors of a matrix that are known already.
register(
    Entry(
        "eigen_found",
        lambda types: (types[1], types[2]),
        lambda a, w, v: (np.asarray(w), np.asarray(v)),
        Kernel("eigen_found"),
        Rules(_push_found, _pull_found),
    )
)


def _reduced(x: Array, y: Array | None, lower: bool) -> tuple[Array, Array | None]:
    """The symmetric matrix that has the eigenvalues, and the factor l of the second one."""
    x = _symmetric(x, lower)
    if y is None:
        return x, None
    factor = functions[np.linalg.cholesky](_symmetric(y, lower))
    inner = solve_triangular(factor, x, lower=True)
    return t(solve_triangular(factor, t(inner), lower=True)), factor


def _index_range(subset: Any, n: Any) -> None:
    low, high = map(int, subset)
    if not 0 <= low <= high < n:
        raise ValueError(
            "Requested eigenvalue indices are not valid. Valid range is "
            f"[0, {n - 1}] and start <= end, but start={low}, end={high} is given"
        )


@implements(linalg.eigh)
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, type: int = 1,
    subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None, **options: Any
) -> Any:  # fmt: skip
    """``scipy.linalg.eigh``."""
    _plain(options)
    if is_traced([lower, type, subset_by_index, subset_by_value, driver]) or type != 1:
        raise unsupported("scipy.linalg.eigh of this form", "write the problem as a v = w b v")
    x = _one(a, "eigh")
    y = None if b is None else cast(_one(b, "eigh"), x.dtype)
    if subset_by_index is not None:
        _index_range(subset_by_index, x.shape[0])
    is_usual = b is None and driver is None and subset_by_value is None
    if is_usual and (subset_by_index is None or eigvals_only):
        triangle = {} if lower else {"upper": True}  # the signs of vectors differ
        values, vectors = emit_tracer("symmetric_eigen", x, **triangle)
        if subset_by_index is not None:
            values = values[int(subset_by_index[0]) : int(subset_by_index[1]) + 1]
        return values if eigvals_only else (values, vectors)
    how = {"lower": bool(lower), "subset_by_index": subset_by_index}
    how |= {"subset_by_value": subset_by_value, "driver": driver}
    known, vectors, found, first, count = _some(x, y, how)
    if subset_by_value is None:
        low, high = (0, x.shape[0] - 1) if subset_by_index is None else map(int, subset_by_index)
        first, count = low, high - low + 1
    chosen = slice(first, first + count)
    matrix, factor = _reduced(x, y, bool(lower))
    if eigvals_only:
        exact, _ = emit_tracer("symmetric_eigen", matrix)
        return derived_as(known[chosen], exact[chosen])
    values, basis = emit_tracer("eigen_found", matrix, known, found)
    if factor is not None:
        moved: Array = solve_triangular(factor, basis, trans=1, lower=True)
        rounded = solve_triangular(factor, stop(found), trans=1, lower=True)
        basis = moved + stop(vectors - rounded)  # SciPy's to the last bit
    return values[chosen], basis[:, chosen]


@implements(linalg.eigvalsh)
def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, **options: Any) -> Any:
    """``scipy.linalg.eigvalsh``."""
    return eigh(a, b, lower=lower, eigvals_only=True, **options)


# -- of general matrices --------------------------------------------------------------------------------------------
def _pairs_of(n: Any, dtype: Any, *shape: Any) -> ArrayType:
    return ArrayType(dtype, (*shape, n, 2))


def _derived(value: Array, formula: Array) -> Array:
    """Complex numbers with the derivative of others."""
    return from_pair(derived_as(value.pair, formula.pair), "array")


def _matching(found: Any, wanted: Any) -> Any:
    """For each eigenvalue that is wanted the place of the nearest one that was found, each once."""
    left = np.array(found)
    order = np.empty(len(wanted), np.int64)
    for k, w in enumerate(wanted):
        order[k] = np.argmin(np.where(np.isnan(left), np.inf, np.abs(left - w)))
        left[order[k]] = np.nan
    return order


def _complex(pair: Any) -> Any:
    return pair[..., 0] + 1j * pair[..., 1]


def _of_two(a: Any, b: Any, name: str) -> tuple[Array, Array, Array]:
    """SciPy's eigenvalues of two real matrices, vectors of the derived problem in their order, and the matrices."""
    x, y = _one(a, name, False), _one(b, name, False)
    dtype = np.result_type(x.dtype, y.dtype)
    x, y = cast(x, dtype), cast(y, dtype)
    found = _in_order(name, (x, y), functions[np.linalg.solve](y, x), lambda values: values)
    return *found, (x, y)


def eigvals_of_complex(a: Any, b: Any) -> Array:
    """``scipy.linalg.eigvals`` of two matrices, one of which is complex."""
    x, y = complex_linalg._matrix(a, square=True), complex_linalg._matrix(b, square=True)
    pairs = [x.pair, y.pair]
    return _in_order("eigvals", pairs, complex_linalg.solve(y, x), _as_complex)[0]


def _in_order(name: str, given: Sequence[Array], one: Array, made: Any) -> tuple[Array, Array]:
    """The eigenvalues of two matrices and the vectors of ``one`` that has them all, as SciPy orders them."""
    exact, vectors = complex_linalg.eigen(one)
    n, dtype = exact.shape[0], given[0].dtype
    kind = np.result_type(dtype, np.complex64)

    def run(values: Sequence[Any]) -> Any:
        return (in_pairs(linalg.eigvals(*made(values)).astype(kind)),)

    value = from_pair(_called(name, run, given, [_pairs_of(n, dtype)]), "array")
    order = _called(
        name,
        lambda values: (_matching(*map(_complex, values)),),
        [exact.pair, value.pair],
        [ArrayType(INT, (n,))],
    )
    return _derived(value, exact[order]), vectors[:, order]


def _options(options: dict[str, Any]) -> None:
    if options.pop("homogeneous_eigvals", False):
        raise unsupported("scipy.linalg.eig with homogeneous_eigvals=True", "leave it out")
    _plain(options)


def _as_they_are(values: Any) -> Any:
    return values


def _as_complex(values: Any) -> Any:
    return map(_complex, values)


def _as_scipy_has_them(
    given: Sequence[Array], vectors: Array, left: bool, right: bool, which: int, made: Any
) -> Array:
    """Vectors of length 1 as SciPy's routine gives them, ``which`` of its results.

    The largest component of each is real; of real ones the sign is SciPy's.
    """
    n, dtype = vectors.shape[0], given[0].dtype
    kind = np.result_type(dtype, np.complex64)

    def run(values: Sequence[Any]) -> Any:
        found = linalg.eig(*made(values), left=left, right=right)[which].astype(kind)
        at = np.argmax(np.abs(found), axis=0)
        largest = found[at, np.arange(n)]
        return in_pairs(found), at, in_pairs(largest / np.abs(largest))

    types = [_pairs_of(n, dtype, n), ArrayType(INT, (n,)), _pairs_of(n, dtype)]
    value, at, phase = _called("eig", run, given, types)
    length = np.sqrt(np.sum(np.abs(vectors) ** 2, axis=0))
    largest = vectors[at, np.arange(n)]
    turn = np.abs(largest) / largest * from_pair(phase, "array") / length
    return _derived(from_pair(value, "array"), vectors * turn)


def _with_phases(
    given: Sequence[Array], vectors: Array, left: bool, which: int, made: Any
) -> Array:
    """Vectors of length 1 of two matrices, whose phases are those of LAPACK's iteration."""
    n, dtype = vectors.shape[0], given[0].dtype
    kind = np.result_type(dtype, np.complex64)

    def run(values: Sequence[Any]) -> Any:
        return (in_pairs(linalg.eig(*made(values), left=left)[which].astype(kind)),)

    value = from_pair(_called("eig", run, given, [_pairs_of(n, dtype, n)]), "array")
    length = np.sqrt(np.sum(np.abs(vectors) ** 2, axis=0))
    return complex_forms.phased(value, vectors / length, "eig")


def eig_of_complex(
    a: Any, b: Any = None, left: bool = False, right: bool = True, **options: Any
) -> Any:
    """``scipy.linalg.eig`` of one complex matrix, or of two of which one is."""
    _options(options)
    x = complex_linalg._matrix(a, square=True)
    if b is None:
        values, vectors = complex_linalg.eig_results(x)
        given, below = [x.pair], vectors
    else:
        y = complex_linalg._matrix(b, square=True)
        given = [x.pair, y.pair]
        values, vectors = _in_order("eigvals", given, complex_linalg.solve(y, x), _as_complex)
        below = np.matmul(y, vectors)
    if not (left or right):
        return values
    if x.ndim != 2 or (b is not None and not right):
        raise decline("scipy.linalg.eig with left eigenvectors alone, of two matrices")
    found = [values]
    if left:
        rows = np.swapaxes(complex_linalg.inv(below), -1, -2).conj()
        if b is None:
            found.append(_as_scipy_has_them(given, rows, left, right, 1, _as_complex))
        else:
            found.append(_with_phases(given, rows, left, 1, _as_complex))
    if right:
        found.append(vectors if b is None else _with_phases(given, vectors, left, -1, _as_complex))
    return tuple(found)


def eigh_of_complex(
    a: Any, b: Any, lower: bool, how: dict[str, Any], chosen: slice
) -> tuple[Array, Array]:
    """``scipy.linalg.eigh`` of two Hermitian matrices, or some of its vectors: SciPy's, with the derivative of a formula.

    The first elements of the vectors are real before they are transformed back, the last ones where the upper
    triangle is read, because the reduction to tridiagonal form begins there.
    """
    matrix = complex_linalg._hermitian(a if lower else a.conj().swapaxes(-1, -2))
    given, factor = [a.pair], None
    if b is not None:
        other = complex_linalg._hermitian(b if lower else b.conj().swapaxes(-1, -2))
        given.append(b.pair)
        factor = complex_linalg.cholesky(other)
        half = complex_linalg.solve(factor, matrix)
        matrix = complex_linalg.solve(factor, half.conj().swapaxes(-1, -2))
    values, vectors = complex_linalg._eigh_of(matrix, "L" if lower else "U", scipy=True)
    if factor is not None:
        vectors = complex_linalg.solve(factor.conj().swapaxes(-1, -2), vectors)
    values, vectors = values[chosen], vectors[:, chosen]
    n, count, dtype = a.shape[0], values.shape[0], a.part_dtype

    def run(pairs: Sequence[Any]) -> Any:
        w, v = linalg.eigh(*_as_complex(pairs), lower=lower, **how)
        return w, in_pairs(v)

    types = [ArrayType(dtype, (count,)), ArrayType(dtype, (n, count, 2))]
    w, pair = _called("eigh", run, given, types)
    found = from_pair(pair, "array")
    side = np.sign(stop(plain(np.sum(found.conj() * vectors, 0).real)))
    exact = plain((vectors * side).pair)
    site = {"name": "scipy.linalg.eigh", "source": current_builder().source}
    exact = emit_tracer("distinct", exact, exact, pair, **site)
    return derived_as(w, plain(values)), _derived(found, from_pair(exact, "array"))


@implements(linalg.eig)
def eig(a: Any, b: Any = None, left: bool = False, right: bool = True, **options: Any) -> Any:
    """``scipy.linalg.eig``: complex eigenvalues, and vectors, real where all eigenvalues are.

    Complex vectors of two matrices have any phase: a result has a derivative where it does not depend on it.
    """
    _options(options)
    if b is not None:
        values, vectors, given = _of_two(a, b, "eig")
    else:
        x = _one(a, "eig", False) if left else _square(a)
        values, vectors = complex_linalg.eig_results(x)
        given = (x,)
    if not (left or right):
        return values
    is_real = bool(functions[np.all](values.imag == 0))
    if b is not None and not right:  # SciPy leaves left ones alone of any length
        raise unsupported("left eigenvectors of two matrices alone", "use those of solve(b, a)")
    found = [values]
    with_phases = b is not None and not is_real
    if left:
        below = vectors if b is None else np.matmul(given[1], vectors)
        rows = np.swapaxes(complex_linalg.inv(below), -1, -2).conj()
        if with_phases:
            found.append(_with_phases(given, rows, left, 1, _as_they_are))
        else:
            found.append(_as_scipy_has_them(given, rows, left, right, 1, _as_they_are))
    if right:
        if with_phases:
            vectors = _with_phases(given, vectors, left, -1, _as_they_are)
        elif b is not None:
            vectors = _as_scipy_has_them(given, vectors, left, right, -1, _as_they_are)
        found.append(vectors)
    return (values, *(v.real if is_real else v for v in found[1:]))


@implements(linalg.eigvals)
def eigvals(a: Any, b: Any = None, **options: Any) -> Any:
    """``scipy.linalg.eigvals``: complex."""
    _options(options)
    if b is not None:
        return _of_two(a, b, "eigvals")[0]
    return complex_linalg.eigen(_square(a))[0]


heed_finite()

__all__ = ["eig", "eigh", "eigvals", "eigvalsh"]
