"""Some eigenvalues and singular values of large matrices in captured code.

    eigsh(A, k)        λ, v with A v = λ v and |v| = 1, A symmetric, or an operator
    eigsh(A, k, M)     λ, v with A v = λ M v and v · M v = 1
    eigs(A, k)         the same of any matrix, complex
    svds(A, k)         u, s, v with A v = s u and Aᵀ u = s v

The value is SciPy's own, found by an iteration.  The derivative is that of the equations which hold at
it, by two steps of Newton's from what was found (``derived_as``).  The phase of a complex vector is
whatever the iteration made it, so that vectors of ``eigs`` have none.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.programs import as_float, bound, for_derivatives
from autodiff.capture.solvers.systems import (
    called_with,
    is_operator,
    matrix_of,
    parts_of,
    product_of,
    refuse,
    zero_of,
)
from autodiff.capture.trace import Declined
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops.complex_numbers import joined
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array
from autodiff.ops.scipy_sparse_structure import elements_of, solved_by_elements
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import FLOAT
from autodiff.ops.tracer import emit_tracer
from autodiff.ops.vertices import Call

Array = Any


# -- eigenvalues ----------------------------------------------------------------------------------------
def eigenvalues(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``eigsh`` of a symmetric matrix: some eigenvalues, and the vectors of length 1 if wanted."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    refuse(given, "Minv", "OPinv", "rng")
    if given.get("mode", "normal") not in ("normal", "cayley"):
        raise Declined("eigsh in another mode")
    if is_operator(given["A"]):
        return _of_operator(frame, function, given, node)
    mass = given.pop("M", None)
    matrix, (n, _), k, kind = _asked(frame, function, given)
    if mass is not None:
        mass, sizes = matrix_of(frame, mass)
        own = FLOAT if is_operator(mass) else parts_of(mass)[0].dtype
        if is_operator(mass) or kind != FLOAT or own != FLOAT or sizes != (n, n):
            raise Declined("eigsh with a second matrix of another kind")
    with_vectors = _option(frame, function, given, "return_eigenvectors")
    given["return_eigenvectors"] = with_vectors
    types = (ArrayType(kind, (k,)), ArrayType(kind, (n, k)))
    found_by = _called(frame, function, matrix, given, "return_eigenvectors", types, mass)
    (values,), (vectors,) = found_by
    name, source = "scipy.sparse.linalg.eigsh", trace.builder.source
    with for_derivatives(trace):
        pairs = [_doubled(x) for x in (values, vectors)]
        whole: Array = as_float(interpreted(_refined, _wide(matrix, kind), mass, *pairs, n, k))
        found: Array = np.concatenate([pairs[0][None, :], pairs[1]])
        whole = emit_tracer("distinct", whole, whole, found, name=name, source=source)
        whole = whole.astype(kind)
    values = derived_as(values, whole[0])
    if not with_vectors:
        return values
    return values, derived_as(vectors, whole[1:])


def _doubled(x: Any) -> Any:
    """Interpreted too.  In double precision, in which derivatives are found."""
    return x.astype(np.float64)


def _wide(matrix: Any, kind: Any) -> Any:
    """The matrix in double precision."""
    return matrix if kind == FLOAT else interpreted(_doubled, matrix)


def _asked(
    frame: Frame, function: Any, given: dict[str, Any]
) -> tuple[Any, tuple[int, ...], int, Any]:
    """The matrix, its shape, how many values are asked for, and the type of its elements."""
    given_matrix = given.pop("A")
    matrix, shape = matrix_of(frame, given_matrix)
    count = given.get("k", 6)
    if is_operator(matrix) or not isinstance(count, int):
        raise Declined(
            f"{function.__name__} of an operator, or of as many vectors as run time says"
        )
    is_full = matrix is not given_matrix
    own = as_array(frame.trace.deep(given_matrix)) if is_full else parts_of(matrix)[0]
    if own.dtype not in (FLOAT, np.float32):
        raise Declined(f"{function.__name__} of a matrix of {own.dtype}")
    matrix = own if is_full and own.dtype != FLOAT else matrix  # SciPy's value is of that type
    return matrix, shape, count, own.dtype


def _called(
    frame: Frame, function: Any, matrix: Any, given: dict[str, Any], option: str, types: tuple[ArrayType, ...],
    mass: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The values and the vectors that SciPy finds, in parts where they are complex.

    Without vectors it gives the values in another order: those of the derivative are of a second call.
    """
    count = 2 if len(types) == 4 else 1

    def emitted(run: Any, kinds: tuple[ArrayType, ...], *operands: Any) -> tuple[Any, ...]:
        call = Call(f"scipy.sparse.linalg.{function.__name__}", run)
        found = emit_tracer("called", *operands, call=call, types=kinds)
        return found if len(kinds) > 1 else (found,)

    def parts(arrays: Any) -> list[Any]:
        if len(arrays) == 3:
            arrays = [arrays[1], arrays[0], arrays[2]]
        return [part for x in arrays for part in ((x.real, x.imag) if count == 2 else (x,))]

    call, operands = called_with(frame, function, matrix, parts_of(matrix), given, mass)
    if given[option]:
        found = emitted(lambda arrays: parts(call.run(arrays)), types, *operands)
        return found[:count], found[count:]
    values = emitted(lambda arrays: parts(call.run(arrays)), types[:count], *operands)
    once_more = {**given, option: True}
    again, _ = called_with(frame, function, matrix, parts_of(matrix), once_more, mass)

    def matched(arrays: Any) -> list[Any]:
        return _matched(arrays[-count:], parts(again.run(arrays[:-count])))

    with for_derivatives(frame.trace):
        return values, emitted(matched, types[count:], *operands, *values)


def _matched(asked: Any, found: list[Any]) -> list[Any]:
    """The vectors of values that were found in another order; NaN of those that were not.

    The conjugate of a value of a real matrix has the conjugate vector.
    """
    count = len(asked)
    wanted, values = (x[0] if count == 1 else x[0] + 1j * x[1] for x in (asked, found))
    straight = np.abs(wanted[:, None] - values)
    mirrored = np.abs(wanted[:, None] - values.conj())
    either = np.minimum(straight, mirrored)
    at, number = np.argmin(either, axis=1), np.arange(len(wanted))
    turned = mirrored[number, at] < straight[number, at]
    least = 1e-6 if wanted.dtype.itemsize >= 8 * count else 1e-3
    near = either[number, at] <= least * np.max(np.abs(wanted))
    kept = np.where(near, 1.0, np.nan)
    if count == 2:
        return [found[2][:, at] * kept, found[3][:, at] * np.where(turned, -kept, kept)]
    left = found[1][:, at] * kept
    return [left] if len(found) == 2 else [left, found[2][at] * kept[:, None]]


def _option(frame: Frame, function: Any, given: dict[str, Any], name: str) -> Any:
    found = frame.trace.deep(given.get(name, True))
    if not isinstance(found, (bool, str)):
        raise Declined(f"{function.__name__} of an option known only at run time")
    return found


def _refined(matrix: Any, mass: Any, values: Any, vectors: Any, n: Any, k: Any) -> Any:
    """Interpreted.  Two steps of Newton's from each pair, of A v - λ M v = 0 and v · M v = 1.

    The pair itself is taken as a constant, so one step has the first derivative and two have the first
    three.
    """
    columns = []
    place = np.arange(n)
    last = np.full(n, n)
    is_sparse = hasattr(matrix, "format") and (mass is None or hasattr(mass, "format"))
    if not is_sparse:
        matrix = matrix.toarray() if hasattr(matrix, "format") else matrix
        mass = mass.toarray() if hasattr(mass, "format") else mass
    for j in range(k):
        value, v = values[j], vectors[:, j]
        for _ in range(2):
            w = v if mass is None else mass @ v
            error = np.concatenate([matrix @ v - value * w, np.array([0.5 * (v @ w - 1.0)])])
            if is_sparse:
                rows, across, elements = elements_of(matrix)
                if mass is None:
                    down, along, weights = place, place, np.ones(n)
                else:
                    down, along, weights = elements_of(mass)
                data = np.concatenate([elements, -value * weights, -w, w])
                rows = np.concatenate([rows, down, place, last])
                across = np.concatenate([across, along, last, place])
                step = solved_by_elements(data, rows, across, error)
            else:
                weight = np.eye(n) if mass is None else mass
                top = np.concatenate([matrix - value * weight, -w[:, None]], axis=1)
                bottom = np.concatenate([w, np.zeros(1)])[None, :]
                step = np.linalg.solve(np.concatenate([top, bottom]), error)
            v, value = v - step[:n], value - step[n]
        columns.append(np.concatenate([np.array([value]), v]))
    return np.stack(columns, axis=1)


def _of_operator(
    frame: Frame, function: Any, given: dict[str, Any], node: ast.AST
) -> tuple[Any, Any]:
    """Eigenvalues and vectors of an operator: zeros of A v - λ v and of |v|² - 1."""
    matrix, (n, width) = matrix_of(frame, given.pop("A"))
    k = given.get("k", 6)
    if (
        not isinstance(k, int)
        or n != width
        or any(given.get(x) is not None for x in ("M", "sigma"))
    ):
        raise Declined("eigsh of an operator and of another matrix")
    if _option(frame, function, given, "return_eigenvectors") is not True:
        raise Declined("eigsh of an operator without vectors")
    apply = product_of(frame, matrix, node)

    def equations(z: Any) -> Any:
        values, vectors = z[:k], z[k:].reshape(n, k)
        parts = []
        for j in range(k):
            v = vectors[:, j]
            parts += [apply(v) - values[j] * v, as_array(0.5 * (v @ v - 1.0)).reshape(1)]
        return np.concatenate(parts)

    def packed(found: Any) -> tuple[Any, ...]:
        return (np.concatenate([found[0], found[1].ravel()]),)

    whole = zero_of(frame, function, (n, apply), (k * (n + 1), equations), packed, given, node)
    return whole[:k], whole[k:].reshape(n, k)


# -- of matrices that are not symmetric --------------------------------------------------------------------
def complex_eigenvalues(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``eigs``: the eigenvalues, and vectors without a derivative if wanted."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    refuse(given, "M", "Minv", "OPinv", "OPpart", "rng")
    matrix, (n, _), k, kind = _asked(frame, function, given)
    with_vectors = _option(frame, function, given, "return_eigenvectors")
    given["return_eigenvectors"] = with_vectors
    types = (ArrayType(kind, (k,)),) * 2 + (ArrayType(kind, (n, k)),) * 2
    (re, im), (v_re, v_im) = _called(frame, function, matrix, given, "return_eigenvectors", types)
    name, source = "scipy.sparse.linalg.eigs", trace.builder.source
    with for_derivatives(trace):
        pairs = [_doubled(x) for x in (re, im, v_re, v_im)]
        whole: Array = as_float(interpreted(_refined_pairs, _wide(matrix, kind), *pairs, n, k))
        found: Array = np.stack(pairs[:2])
        whole = emit_tracer("distinct", whole, whole, found, name=name, source=source)
        whole = whole.astype(kind)
    values = joined(derived_as(re, whole[0]), derived_as(im, whole[1]), "array")
    if not with_vectors:
        return values
    refusal = DerivativeError(
        f"{name} has a derivative by its eigenvalues, not by its eigenvectors: their phase is "
        "whatever the iteration made it.",
        source=source,
        remedy="of a symmetric matrix use eigsh; of a small one numpy.linalg.eig",
    )
    # They depend on the matrix, as the values do.
    zero = whole[0, 0] - whole[0, 0]
    with for_derivatives(trace):
        parts = [emit_tracer("refusing", x + zero, refusal=refusal) for x in (v_re, v_im)]
    return values, joined(derived_as(v_re, parts[0]), derived_as(v_im, parts[1]), "array")


def _refined_pairs(matrix: Any, re: Any, im: Any, v_re: Any, v_im: Any, n: Any, k: Any) -> Any:
    """Interpreted.  As ``_refined``, of λ = a + b i and v = p + q i, whose phase stays where it was.

    A p - a p + b q = 0,  A q - b p - a q = 0,  |v|² = 1,  Im(v₀ᴴ v) = 0
    """
    columns = []
    place = np.arange(n)
    for j in range(k):
        a, b, p, q = re[j], im[j], v_re[:, j], v_im[:, j]
        p0, q0 = p, q
        for _ in range(2):
            first, second = matrix @ p - a * p + b * q, matrix @ q - b * p - a * q
            length = 0.5 * (p @ p + q @ q - 1.0)
            error = np.concatenate([first, second, np.array([length, p0 @ q - q0 @ p])])
            if hasattr(matrix, "format"):
                rows, across, elements = elements_of(matrix)
                one = np.ones(n)
                data: Array = [elements, elements, -a * one, -a * one, b * one, -b * one]
                data = np.concatenate([*data, -p, -q, q, -p, p, q, -q0, p0])
                low, last = place + n, np.full(n, 2 * n)
                down: Array = [rows, rows + n, place, low, place, low, place, low, place, low]
                down = np.concatenate([*down, last, last, last + 1, last + 1])
                along: Array = [
                    across,
                    across + n,
                    place,
                    low,
                    low,
                    place,
                    last,
                    last,
                    last + 1,
                    last + 1,
                ]
                along = np.concatenate([*along, place, low, place, low])
                step = solved_by_elements(data, down, along, error)
            else:
                unit, none = np.eye(n), np.zeros((1, 2))
                top = np.concatenate([matrix - a * unit, b * unit, -p[:, None], q[:, None]], axis=1)
                middle = np.concatenate(
                    [-b * unit, matrix - a * unit, -q[:, None], -p[:, None]], axis=1
                )
                bottom = np.concatenate([np.concatenate([p, q])[None, :], none], axis=1)
                phase = np.concatenate([np.concatenate([-q0, p0])[None, :], none], axis=1)
                step = np.linalg.solve(np.concatenate([top, middle, bottom, phase]), error)
            p, q = p - step[:n], q - step[n : 2 * n]
            a, b = a - step[2 * n], b - step[2 * n + 1]
        columns.append(np.stack([a, b]))
    return np.stack(columns, axis=1)


# -- singular values --------------------------------------------------------------------------------------
def singular_values(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``svds``: the singular values, and the vectors of either side that are wanted."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    refuse(given, "rng", "random_state", "options")
    matrix, (m, n), k, kind = _asked(frame, function, given)
    wanted = _option(frame, function, given, "return_singular_vectors")
    given["return_singular_vectors"] = bool(wanted)  # SciPy leaves out one side of what it has
    types = (ArrayType(kind, (k,)), ArrayType(kind, (m, k)), ArrayType(kind, (k, n)))
    (s,), (u, vt) = _called(frame, function, matrix, given, "return_singular_vectors", types)
    name, source = "scipy.sparse.linalg.svds", trace.builder.source
    with for_derivatives(trace):
        sides = interpreted(_both_sides, _wide(matrix, kind), m, n)
        both: Array = np.concatenate([_doubled(u), _doubled(vt).T]) * np.sqrt(0.5)
        whole: Array = as_float(interpreted(_refined, sides, None, _doubled(s), both, m + n, k))
        found: Array = np.concatenate([_doubled(s)[None, :], both])
        whole = emit_tracer("distinct", whole, whole, found, name=name, source=source)
        whole = whole.astype(kind)
    s = derived_as(s, whole[0])
    if not wanted:
        return s
    length = kind.type(np.sqrt(2.0))
    left, right = whole[1 : m + 1] * length, whole[m + 1 :].T * length
    u = None if wanted == "vh" else derived_as(u, left)
    return u, s, None if wanted == "u" else derived_as(vt, right)


def _both_sides(matrix: Any, m: Any, n: Any) -> Any:
    """Interpreted.  [0 A; Aᵀ 0] has the eigenvalues s, with the vectors (u, v) / √2."""
    if not hasattr(matrix, "format"):
        top = np.concatenate([np.zeros((m, m)), matrix], axis=1)
        return np.concatenate([top, np.concatenate([matrix.T, np.zeros((n, n))], axis=1)])
    import scipy.sparse as sp

    rows, columns, elements = elements_of(matrix)
    data = np.concatenate([elements, elements])
    places = (np.concatenate([rows, columns + m]), np.concatenate([columns + m, rows]))
    return sp.coo_array((data, places), shape=(m + n, m + n)).tocsr()


ROWS: dict[str, Callable[..., Any]] = {
    "eigsh": eigenvalues,
    "eigs": complex_eigenvalues,
    "svds": singular_values,
}

__all__ = ["ROWS"]
