"""Direct solution of sparse systems; loaded when ``scipy.sparse.linalg`` is in use.

    spsolve(A, b)                       A by rows or by columns; of another form it is made so, as SciPy does
    splu(A).solve(b), factorized(A)(b)  A by columns, or made so
    lu.solve(b)                         of a factorisation made outside of the function
    inv(A), expm(A)                     SciPy's matrix; its elements move as those of the full one

    sparse_solve(data, indices, ends, b; by_columns, transposed)     A x = b, or A^T x = b
    factored_solve(b; factors, transposed)                           of an object of SciPy's

Both are SciPy's SuperLU.  The factors of the matrices solved with last are kept: the derivative of a
solution is that of two more solutions with the same matrix.  Of A x = b, dx = A^-1 (db - dA x), and
the cotangents are b' = A^-T x', A' = -b' x^T on the elements that A has (M. Giles, "Collected matrix
derivative results", 2008, section 2.2.3).
"""

from __future__ import annotations

import hashlib
import warnings
from typing import Any

import numpy as np
from scipy.sparse import SparseEfficiencyWarning, csc_array, csr_array, issparse
from scipy.sparse.linalg import SuperLU, expm, factorized, inv, splu, spsolve

from autodiff.dims import differ
from autodiff.errors import InternalError
from autodiff.ir.data import ArrayType, Source
from autodiff.ladder import NotStaged
from autodiff.ops.builder import current_builder
from autodiff.ops.entries import Entry, Kernel, Linear, Rules, Site, register
from autodiff.ops.function_table import implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.scipy_linalg import expm as full_exponential
from autodiff.ops.scipy_sparse import add_at, owners
from autodiff.ops.scipy_sparse_structure import Plan, of_lines, parts_of, placed, structure
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import calling_from
from autodiff.ops.structural import zeros_like
from autodiff.ops.tracer import HoldsTracers, Tracer, emit_tracer, is_traced

Options = tuple[tuple[str, Any], ...]
Said = tuple[str, Source | None]  # what SciPy warns of, and the line on which the user called it
_KEPT = 4  # factorisations
_FACTORS: dict[bytes, Any] = {}


def _factors(
    data: np.ndarray, indices: np.ndarray, ends: np.ndarray, size: int, options: Options = ()
) -> Any:
    """The factors of a matrix given by columns, of the kept ones if it is among them."""
    digest = hashlib.blake2b(repr(options).encode(), digest_size=32)
    for array in (data, indices, ends):
        digest.update(array.dtype.str.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    key = digest.digest()
    found = _FACTORS.get(key)
    if found is None:
        matrix = csc_array((data, indices, ends), shape=(size, size), copy=True)
        matrix.sum_duplicates()
        try:
            found = splu(matrix, **{k: _thawed(v) for k, v in options})
        except RuntimeError as error:  # SciPy warns, and gives NaN: plain Python is asked
            raise np.linalg.LinAlgError(str(error)) from None
        while len(_FACTORS) >= _KEPT:
            _FACTORS.pop(next(iter(_FACTORS)), None)
        _FACTORS[key] = found
    return found


def _solved(factors: Any, b: np.ndarray, transposed: bool) -> np.ndarray:
    solution: np.ndarray = factors.solve(np.asarray(b, order="F"), "T" if transposed else "N")
    return np.ascontiguousarray(solution)


# -- sparse_solve -----------------------------------------------------------------------------------
def _saying(text: str | None) -> Said | None:
    return None if text is None else (text, current_builder().source)


def _warn(text: str) -> None:
    warnings.warn(text, SparseEfficiencyWarning, stacklevel=2)


def _solve_type(types: Any, **attributes: Any) -> tuple[ArrayType, ...]:
    data, _, ends, b = types
    if data.dtype != b.dtype or len(b.shape) not in (1, 2) or differ(ends.shape[0], b.shape[0] + 1):
        raise InternalError("sparse_solve: operands do not fit")
    return (ArrayType(b.dtype, b.shape),)


def _solve_meaning(
    data: Any,
    indices: Any,
    ends: Any,
    b: Any,
    by_columns: bool,
    transposed: bool,
    options: Options = (),
    says: Said | None = None,
) -> Any:
    """``options``: those of ``splu``; ``says``: what SciPy warns of where the user called it."""
    if says is not None:
        calling_from(says[1])(_warn, {"text": says[0]})
    if not b.size:
        return np.zeros(b.shape, b.dtype)
    # A matrix by rows is the transposed one by columns.
    return _solved(_factors(data, indices, ends, len(b), options), b, transposed == by_columns)


def _solve(site: Site, data: Any, b: Any, turned: bool = False) -> Tracer:
    _, indices, ends, _ = site.operands
    attributes = site.attributes
    return emit_tracer(
        "sparse_solve",
        data,
        indices,
        ends,
        b,
        by_columns=attributes["by_columns"],
        transposed=attributes["transposed"] != turned,
        options=attributes.get("options", ()),
    )


def _places(site: Site) -> tuple[Any, Any, Any]:
    """Row and column of each element of the matrix that is solved with, and whether it is one."""
    data, indices, ends, b = [Tracer(x.value, "array") for x in site.operands]
    count: Any = data.value.shape[0]
    size: Any = b.value.shape[0]
    lines, valid = owners(ends, count, size)
    lines, others = np.where(valid, lines, 0), np.where(valid, indices, 0)
    by_columns = site.attributes["by_columns"] != site.attributes["transposed"]
    return (others, lines, valid) if by_columns else (lines, others, valid)


def _solve_jvp(site: Site, tangents: Any) -> Any:
    d_data, _, _, d_b = tangents
    data, x = site.operands[0], Tracer(site.result.value, "array")
    change = d_b
    if d_data is not None:
        rows, columns, valid = _places(site)
        product: Any = Tracer(zeros_like(x).value, "array")
        add_at(product, rows, columns, d_data, x, valid)
        change = -product if d_b is None else d_b - product
    return (_solve(site, data, change),)


def _solve_vjp(site: Site, cotangents: Any) -> Any:
    (ct,) = cotangents
    data, x = site.operands[0], Tracer(site.result.value, "array")
    ct_b = _solve(site, data, ct, turned=True)
    ct_data = None
    if site.needed[0]:
        rows, columns, valid = _places(site)
        products = ct_b[rows] * x[columns]
        if products.ndim > 1:
            products = np.sum(products, axis=1)
        ct_data = np.where(valid, -products, np.zeros((), x.dtype)[()])
    return ct_data, None, None, ct_b if site.needed[3] else None


register(
    Entry(
        "sparse_solve",
        _solve_type,
        _solve_meaning,
        Kernel("sparse_solve"),
        Rules(_solve_jvp, _solve_vjp),
    )
)


# -- factored_solve ---------------------------------------------------------------------------------
def _factored_type(types: Any, factors: Any, transposed: bool) -> tuple[ArrayType, ...]:
    (b,) = types
    if len(b.shape) not in (1, 2) or differ(b.shape[0], factors.shape[0]):
        raise InternalError("factored_solve: the right-hand side does not fit")
    return (ArrayType(b.dtype, b.shape),)


register(
    Entry(
        "factored_solve",
        _factored_type,
        lambda b, factors, transposed: _solved(factors, b, transposed),
        Kernel("factored_solve"),
        Linear(
            lambda site, ct: (
                emit_tracer(
                    "factored_solve",
                    ct,
                    factors=site.attributes["factors"],
                    transposed=not site.attributes["transposed"],
                ),
            )
        ),
    )
)


# -- SciPy's functions ------------------------------------------------------------------------------
class Factors(HoldsTracers):
    """What ``splu`` gives of a matrix that is traced: it solves."""

    python_type = SuperLU

    def __init__(
        self, parts: tuple[Any, ...], shape: tuple[int, int], options: Options, says: Said | None
    ) -> None:
        self._parts, self._options, self._says = parts, options, says
        self.shape = shape

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """The solution of A x = b, or A^T x = b."""
        b = _right_side(rhs, self.shape[0])
        says, self._says = self._says, None  # it is the factorisation that warns
        data, indices, ends = self._parts
        transposed = _is_transposed(trans)
        return _of_matrix(data, indices, ends, b, True, transposed, self._options, says)


def _is_transposed(trans: Any) -> bool:
    if trans not in ("N", "T", "H"):
        raise ValueError("trans must be N, T, or H")
    return bool(trans != "N")


def _right_side(rhs: Any, size: int) -> Tracer:
    b = as_array(rhs)
    if b.ndim not in (1, 2) or differ(b.value.shape[0], size):
        raise ValueError("b is of incompatible size")
    if b.dtype != np.float64:
        raise NotStaged(f"a sparse solution in {b.dtype}")
    return b


def _of_matrix(
    data: Any,
    indices: Any,
    ends: Any,
    b: Any,
    by_columns: bool,
    transposed: bool,
    options: Options = (),
    says: Said | None = None,
) -> Tracer:
    data = as_array(data)
    if data.dtype.kind not in "fiub" or np.promote_types(data.dtype, b.dtype) != np.float64:
        raise NotStaged(f"a sparse solution in {data.dtype} and {b.dtype}")
    return emit_tracer(
        "sparse_solve",
        cast(data, np.float64),
        as_array(indices),
        as_array(ends),
        cast(b, np.float64),
        by_columns=by_columns,
        transposed=transposed,
        **({"options": options} if options else {}),
        **({"says": says} if says else {}),
    )


def _parts_of(matrix: Any) -> tuple[Any, ...]:
    """What is read of a matrix: interpreted, so that it is read again at every call."""
    return matrix.format, matrix.data, matrix.indices, matrix.indptr, matrix.shape


def _columns_of(matrix: Any) -> Any:
    """The same matrix by columns, as SciPy makes it of another form; interpreted."""
    return matrix.tocsc()


def _parts(matrix: Any, formats: tuple[str, ...]) -> tuple[Any, ...]:
    """What is read of a matrix, and whether it had to be put by columns, of which SciPy warns."""
    if not issparse(matrix):
        raise NotStaged("a sparse solution with a matrix that is not sparse")
    is_other = matrix.format not in formats
    if is_other:
        matrix = interpreted(_columns_of, matrix)
    found: tuple[Any, ...] = interpreted(_parts_of, matrix)
    if found[4][0] != found[4][1]:
        raise NotStaged("a sparse solution with a matrix that is not square")
    return (*found, is_other)


@implements(spsolve)
def solve_sparse(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """``spsolve``: the value of a right-hand side of one column is a vector."""
    form, data, indices, ends, shape, is_other = _parts(A, ("csr", "csc"))
    says = _saying("spsolve requires A be CSC or CSR matrix format" if is_other else None)
    if issparse(b):
        if b.shape[1] != 1:
            return _columns_solved(A, b, says)
        b = interpreted(_as_full, b)
    b = as_array(b)
    if b.ndim not in (1, 2) or differ(b.value.shape[0], shape[0]):
        raise ValueError(f"matrix - rhs dimension mismatch ({shape} - {b.value.shape[0]})")
    x = _of_matrix(data, indices, ends, b, form == "csc", False, says=says)
    return x.reshape(-1) if b.ndim == 2 and b.value.shape[1] == 1 else x


_MOST = 200  # columns of a sparse right-hand side, each of which SciPy solves for by itself


def _columns_solved(A: Any, b: Any, says: Said | None) -> Any:
    """``spsolve`` with a sparse right-hand side: a sparse solution, of what is not 0."""
    if b.shape[1] > _MOST or b.format != "csc":
        raise NotStaged("a sparse right-hand side of many columns, or of another form")
    _, data, indices, ends, shape, is_other = _parts(A, ("csc",))
    says = says or _saying("splu converted its input to CSC format" if is_other else None)
    factors, full = Factors((data, indices, ends), shape, (), says), interpreted(_as_full, b)
    columns: Any = np.stack([factors.solve(full[:, j]) for j in range(b.shape[1])], axis=1)
    cls = type(A) if A.format in ("csr", "csc") else csc_array
    n, m = b.shape
    lines = n if cls is type(A) and A.format == "csr" else m

    def run(values: Any) -> Any:
        found, pattern = cls(values[0]), values[1:]
        of_matrix, of_right = (
            csc_array((np.ones(int(ends[-1])), places[: int(ends[-1])], ends), shape=size)
            for ends, places, size in ((*pattern[:2], (n, n)), (*pattern[2:], (n, m)))
        )
        may = (_may_be_other_than_zero(of_matrix).astype(float) @ of_right.toarray()) > 0
        whole = found.tocoo()
        places = np.where(may, -1.0, 0.0)
        places[whole.row, whole.col] = 0.0
        return found.indptr, found.indices, whole.row * m + whole.col, places.ravel(), found.data

    lengths: Any = (lines + 1, "elements", "elements", n * m, "elements")
    plan = Plan("scipy.sparse.linalg.spsolve", run, lengths, np.dtype(float))
    right = interpreted(_parts_of, b)
    *whole, _ = structure(plan, tuple(map(as_array, (columns, ends, indices, right[3], right[2]))))
    starts, others, taken, places = (x.astype(np.int64) for x in whole)
    exact = placed(plan.name, columns.reshape(-1), places)[taken]
    return interpreted(of_lines, cls, (starts, others), exact, (n, m))


@implements(splu)
def factors_of(
    A: Any,
    permc_spec: Any = None,
    diag_pivot_thresh: Any = None,
    relax: Any = None,
    panel_size: Any = None,
    options: Any = None,
) -> Factors:
    """``splu``; how pivots are chosen makes no difference to derivatives."""
    given = {
        "permc_spec": permc_spec, "diag_pivot_thresh": diag_pivot_thresh, "relax": relax,
        "panel_size": panel_size, "options": options,
    }  # fmt: skip
    if is_traced(list(given.values())):
        raise NotStaged("splu with options known only at run time")
    how = tuple([(k, _frozen(v)) for k, v in given.items() if v is not None])
    _, data, indices, ends, shape, is_other = _parts(A, ("csc",))
    says = _saying("splu converted its input to CSC format" if is_other else None)
    return Factors((data, indices, ends), shape, how, says)


def _frozen(x: Any) -> Any:
    """A dict of options as what attributes may be."""
    return tuple(sorted(x.items())) if isinstance(x, dict) else x


def _thawed(x: Any) -> Any:
    return dict(x) if isinstance(x, tuple) else x


@implements(factorized)
def solver_of(A: Any) -> Any:
    """``factorized``."""
    return factors_of(A).solve


@implements(SuperLU.solve)
def solve_with(factors: Any, rhs: Any, trans: str = "N") -> Tracer:
    """``lu.solve`` of a factorisation of SciPy's, which never changes."""
    b = _right_side(rhs, factors.shape[0])
    return emit_tracer("factored_solve", b, factors=factors, transposed=_is_transposed(trans))


# -- functions of matrices ----------------------------------------------------------------------------
def _as_full(matrix: Any) -> Any:
    return matrix.toarray()


def _may_be_other_than_zero(matrix: Any) -> np.ndarray:
    """Where a function of a matrix may have elements: where a path leads along those of the matrix.

    The inverse and the exponential are polynomials of the matrix (Cayley and Hamilton).
    """
    n = matrix.shape[0]
    reached: np.ndarray = np.eye(n) + (matrix != 0).toarray() > 0
    for _ in range(n.bit_length()):
        reached = reached.astype(float) @ reached > 0
    return reached


def _function_of(name: str, function: Any, formula: Any, A: Any) -> Any:
    """A function of a matrix: SciPy's value and pattern, and the derivative of a formula.

    What SciPy leaves out as it is 0, but might be there, has no derivative, and says so.
    """
    if not issparse(A) or A.format not in ("csr", "csc") or A.shape[0] != A.shape[1]:
        raise NotStaged(f"{name} of a matrix that is not square, or of another form")
    parts, cls, n = parts_of(A), type(A), A.shape[0]

    def run(values: Any) -> Any:
        ends, indices, data = values
        count = int(ends[-1])
        whole = (data[:count], indices[:count], ends)
        found = function(cls(whole, shape=(n, n)))
        found = found.tocsr() if A.format == "csr" else found.tocsc()
        lines = np.repeat(np.arange(n), np.diff(found.indptr))
        rows, columns = (lines, found.indices) if A.format == "csr" else (found.indices, lines)
        ones = csr_array if A.format == "csr" else csc_array
        may = _may_be_other_than_zero(ones((np.ones(count), *whole[1:]), shape=(n, n)))
        places = np.where(may, -1.0, 0.0)
        places[rows, columns] = 0.0
        return found.indptr, found.indices, rows * n + columns, places.ravel(), found.data

    lengths: Any = (n + 1, "elements", "elements", n * n, "elements")
    plan = Plan(f"scipy.sparse.linalg.{name}", run, lengths, np.dtype(float))
    *whole, data = structure(plan, parts)
    ends, indices, taken, places = (x.astype(np.int64) for x in whole)
    full: Any = formula(interpreted(_as_full, A))
    exact = placed(plan.name, full.reshape(-1), places)[taken]
    kind = parts[0].dtype
    given = (ends.astype(kind), indices.astype(kind))
    return interpreted(of_lines, cls, given, derived_as(data, exact), (n, n))


@implements(inv)
def inverse(A: Any) -> Any:
    """``inv``."""
    return _function_of("inv", inv, np.linalg.inv, A)


@implements(expm)
def exponential(A: Any) -> Any:
    """``expm``."""
    return _function_of("expm", expm, full_exponential, A)
