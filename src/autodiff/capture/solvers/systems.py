"""Iterative linear solvers and exponentials of ``scipy.sparse.linalg`` in captured code.

    cg(A, b) … gmres, lsqr        x, the solution of A x = b, or of least squares
    expm_multiply(A, B)           e**A B
    spsolve_triangular(A, b)
    LinearOperator(shape, f)      f is the user's function, which is interpreted

The value is SciPy's own.  The derivative does not follow the iteration: it is that of the equations that
hold at the result.  With a matrix these are solved once more, directly (``derived_as``), where a
derivative is asked for; of a ``LinearOperator`` the function says what is zero (``root``), and above some
size its products alone are used.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import call_library
from autodiff.capture.opaque import is_sparse
from autodiff.capture.solvers.programs import (
    as_float,
    bound,
    call_of,
    captured,
    closed_program,
    for_derivatives,
    numbers,
    presented,
    reading,
)
from autodiff.capture.trace import Declined
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.ops.interpreting import interpreted
from autodiff.ops.scipy_sparse import add_at
from autodiff.ops.scipy_sparse_structure import elements_of, rows_of, solved_by_elements
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import FLOAT, Solver, calling_from
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer, is_traced
from autodiff.ops.vertices import Call
from autodiff.plain_data import dataclass

Array = Any
_INT = np.dtype(np.int64)


def _linalg() -> Any:
    return sys.modules["scipy.sparse.linalg"]


# -- matrices and operators -----------------------------------------------------------------------------
def make_operator(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``LinearOperator`` of functions, of which SciPy would ask the dtype by calling one of them."""
    if len(args) > 4 or kwargs.get("dtype") is not None:
        return NotImplemented
    functions = [*args[1:], *(v for k, v in kwargs.items() if k not in ("shape", "dtype"))]
    if not any(callable(f) for f in functions):
        return NotImplemented
    return call_library(frame, function, args, {**kwargs, "dtype": FLOAT}, node)


def is_operator(x: Any) -> bool:
    """Whether it is a ``LinearOperator``."""
    return isinstance(x, _linalg().LinearOperator)


@dataclass(frozen=True)
class _Sparse:
    """A sparse matrix, and row, column and number of each element, found once for all products."""

    matrix: Any
    shape: tuple[int, ...]
    rows: Any
    columns: Any
    data: Any

    def product(self, z: Any, transposed: bool) -> Any:
        """``A z``, or ``Aᵀ z``, each sum in the order of the elements, as SciPy adds them."""
        into, of = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        shape = (self.shape[1 if transposed else 0], *z.shape[1:])
        result = Tracer(zeros(shape, FLOAT).value, "array")
        add_at(result, into, of, self.data, z)
        return result

    def sizes(self) -> Any:
        """The sum of the magnitudes of each column."""
        result: Any = Tracer(zeros(self.shape[1:], FLOAT).value, "array")
        np.add.at(result, self.columns, np.abs(self.data))
        return result


def _product(frame: Frame, matrix: Any, z: Any, node: ast.AST, transposed: bool = False) -> Any:
    """``A z`` in captured code, or ``Aᵀ z``."""
    if isinstance(matrix, _Sparse):
        return matrix.product(z, transposed)
    if is_operator(matrix):
        return call_of(frame, matrix.rmatvec if transposed else matrix.matvec, [z], node)
    return interpreted(_of_transposed if transposed else _of_matrix, matrix, z)


def _prepared(matrix: Any) -> Any:
    return _Sparse(matrix, matrix.shape, *elements_of(matrix)) if is_sparse(matrix) else matrix


def _of_matrix(matrix: Any, z: Any) -> Any:
    return matrix @ z


def _of_transposed(matrix: Any, z: Any) -> Any:
    return matrix.T @ z


def _program(
    frame: Frame, shape: tuple[Any, ...], apply: Callable[[Any], Any], node: ast.AST
) -> tuple[Program, list[Value]]:
    """A function of a vector as a program of its own."""
    parameter = Value(ArrayType(FLOAT, shape), "z")
    z = Tracer(parameter, "array")
    outcome = captured(frame, apply, [z], (), node, thunk=lambda: apply(z))
    with frame.trace.builder.reopened(outcome.block):
        value = as_float(outcome.value)
        if len(value.shape) != 1:
            raise Declined("a linear operator whose products are no vectors")
        outcome.block.outputs = [value.value]
    return closed_program(outcome.block, "product")


def _vector(frame: Frame, x: Any) -> Tracer:
    array = as_float(frame.trace.deep(x))
    if len(array.shape) != 1:
        raise Declined("a right-hand side that is no vector")
    return array


def matrix_of(frame: Frame, x: Any) -> tuple[Any, tuple[int, ...]]:
    """A matrix, sparse or full, or an operator, and its shape."""
    if is_sparse(x) and x.format in ("lil", "dok", "bsr"):
        x = interpreted(rows_of, x)
    if not (is_sparse(x) or is_operator(x)):
        x = as_float(frame.trace.deep(x))
    shape = tuple(x.shape)
    if len(shape) != 2 or not all(isinstance(n, int) for n in shape):
        raise Declined("a matrix of a size known only at run time")
    return x, shape


class Solved:
    """One call of an iterative solver: programs of its products, and what SciPy makes of them."""

    def __init__(
        self,
        frame: Frame,
        function: Any,
        matrix: Any,
        shape: tuple[int, ...],
        b: Tracer,
        given: dict[str, Any],
        node: ast.AST,
    ) -> None:
        self.frame, self.function, self.node = frame, function, node
        self.b = b
        self.shape = shape
        matrix = _prepared(matrix)
        self.matrix = matrix
        self.programs = [
            _program(frame, shape[1:], lambda z: _product(frame, matrix, z, node), node)
        ]
        self.names = ["A"]
        if function.__name__ in _TRANSPOSED:
            self._add("At", shape[:1], lambda z: _product(frame, matrix, z, node, True))
        preconditioner = given.pop("M", None)
        if preconditioner is not None:
            made, size = matrix_of(frame, preconditioner)
            if function.__name__ in _TRANSPOSED:
                raise Declined("a preconditioner of a method that transposes it")
            made = _prepared(made)
            self._add("M", size[1:], lambda z: _product(frame, made, z, node))
        self.given = given

    def _add(self, name: str, shape: tuple[int, ...], apply: Callable[[Any], Any]) -> None:
        self.names.append(name)
        self.programs.append(_program(self.frame, shape, apply, self.node))

    def run(
        self, kinds: Sequence[ArrayType | str], names: Sequence[str], equations: Any
    ) -> list[Tracer]:
        """What SciPy returns; the first is zero of ``equations``, if given."""
        trace, operands = self.frame.trace, Operands()
        operands.template(self.b)
        template = operands.template({k: numbers(trace.deep(v)) for k, v in self.given.items()})
        function, shape, m, n = self.function, self.shape, *self.shape
        operator = _linalg().LinearOperator
        calling = calling_from(trace.builder.source)

        def call(functions: dict[str, Any]) -> Any:
            given = dict(functions)
            products = {"matvec": given.pop("A"), "rmatvec": given.pop("At", None)}
            given["A"] = operator(shape, dtype=FLOAT, **products)
            if "M" in given:
                given["M"] = operator((m, n), matvec=given.pop("M"), dtype=FLOAT)
            return calling(function, given)

        call.__name__ = function.__name__

        def keywords(arrays: Sequence[Any]) -> dict[str, Any]:
            return {**template(tuple(arrays)), "b": np.array(arrays[0])}

        programs = [*self.programs, *([] if equations is None else [equations])]
        read = list(dict.fromkeys(v for _, values in programs for v in values))
        closed = [reading(program, values, read) for program, values in programs]
        solver = Solver(
            call,
            f"scipy.sparse.linalg.{function.__name__}",
            tuple(self.names),
            len(operands.tracers),
            keywords,
            lambda result: tuple(result),
            tuple(kinds),
            True,
            0.0,
            lambda f, given: f(given),
            tuple(names),
            -1 if equations is None else len(closed) - 1,
            relative=1e-2,  # a linear equation has the same derivative everywhere
        )
        values = (*(t.value for t in operands.tracers), *read)
        if all(v.owner is not None and v.owner.kind == "constant" for v in values):
            raise Declined("a linear system of constants")
        attributes = {"solver": solver, "programs": tuple(closed)}
        found = trace.builder.emit("root", values, attributes)
        return [presented(v) for v in found[:-1]]


def product_of(frame: Frame, matrix: Any, node: ast.AST) -> Callable[[Any], Any]:
    """The product of a matrix or operator with a vector, in captured code."""
    return lambda z: _product(frame, matrix, z, node)


def zero_of(
    frame: Frame,
    function: Any,
    product: tuple[int, Callable[[Any], Any]],
    equations: tuple[int, Callable[[Any], Any]],
    packed: Callable[[Any], tuple[Any, ...]],
    given: dict[str, Any],
    node: ast.AST,
) -> Tracer:
    """What SciPy's function of an operator finds, as one vector, which is zero of equations.

    ``product``, ``equations``: of how many numbers, and what it is of them.
    """
    trace, operands = frame.trace, Operands()
    (n, apply), (size, zero) = product, equations
    operands.template(Tracer(zeros((size,), FLOAT).value, "array"))
    template = operands.template({k: numbers(trace.deep(v)) for k, v in given.items()})
    operator, calling = _linalg().LinearOperator, calling_from(trace.builder.source)

    def call(given: dict[str, Any]) -> Any:
        made = operator((n, n), matvec=given.pop("A"), dtype=FLOAT)
        return calling(function, {"A": made, **given})

    call.__name__ = function.__name__
    programs = [_program(frame, (n,), apply, node), _program(frame, (size,), zero, node)]
    read = list(dict.fromkeys(v for _, values in programs for v in values))
    closed = [reading(program, values, read) for program, values in programs]
    solver = Solver(
        call,
        f"scipy.sparse.linalg.{function.__name__}",
        ("A",),
        len(operands.tracers),
        lambda arrays: template(tuple(arrays)),
        packed,
        (ArrayType(FLOAT, (size,)),),
        True,
        0.0,
        lambda f, given: f(given),
        (),
        1,
        relative=1e-2,
    )
    values = (*(t.value for t in operands.tracers), *read)
    if not read:
        raise Declined("an operator of constants")
    found = trace.builder.emit("root", values, {"solver": solver, "programs": tuple(closed)})
    return presented(found[0])


_TRANSPOSED = ("bicg", "qmr", "lsqr", "lsmr")
SQUARE = ("cg", "cgs", "bicg", "bicgstab", "gmres", "lgmres", "minres", "qmr", "gcrotmk", "tfqmr")
_NUMBER, _COUNT = ArrayType(FLOAT, (), True), ArrayType(_INT, (), True)


def solve_iteratively(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``cg`` and its like: the solution, and whether it was found."""
    given = bound(function, args, kwargs)
    refuse(given, "callback", "callback_type", "M1", "M2", "outer_v", "CU", "show", "check")
    matrix, shape = matrix_of(frame, given.pop("A"))
    b = _vector(frame, given.pop("b"))
    if shape[0] != shape[1] or b.shape != shape[:1]:
        raise Declined("a system of other sizes")
    shift: Any = None
    if "shift" in given:  # minres solves A x - shift x = b
        shift = given["shift"] = as_float(frame.trace.deep(given["shift"]))
    solved = Solved(frame, function, matrix, shape, b, given, node)

    def residual(z: Any) -> Any:
        left = _product(frame, solved.matrix, z, node) - b
        return left if shift is None else left - shift * z

    equations = None
    if is_operator(matrix):
        equations = _program(frame, shape[1:], residual, node)
    x, info = solved.run(("n", _COUNT), ("info",), equations)
    if not is_operator(matrix):
        x = _by_formula(frame, function, x, _solution, matrix, b, shift)
    return x, info


def refuse(given: dict[str, Any], *names: str) -> None:
    """Decline a call that is given any of these options; take them out of the others."""
    for name in names:
        value = given.pop(name, None)
        if value is not None and value is not False:
            raise Declined(f"a linear solver with {name}")


def _by_formula(frame: Frame, function: Any, x: Any, formula: Any, *args: Any) -> Tracer:
    """``x``, with the derivative of a formula; a warning where the two are not the same."""
    name, source = f"scipy.sparse.linalg.{function.__name__}", frame.trace.builder.source
    with for_derivatives(frame.trace):
        exact = as_float(interpreted(formula, *args))
        checked = emit_tracer("agrees", exact, exact, x, name=name, source=source)
    made: Tracer = derived_as(x, checked)
    return Tracer(made.value, x.form)


def _solution(matrix: Any, b: Any, shift: Any) -> Any:
    """Interpreted."""
    from scipy.sparse.linalg import spsolve

    if shift is not None:
        n = b.shape[0]
        if not hasattr(matrix, "format"):
            return np.linalg.solve(matrix - shift * np.eye(n), b)
        rows, columns, elements = elements_of(matrix)
        place = np.arange(n)
        data = np.concatenate([elements, -shift * np.ones(n)])
        at = np.concatenate([rows, place]), np.concatenate([columns, place])
        return solved_by_elements(data, at[0], at[1], b)
    if hasattr(matrix, "format"):
        return spsolve(matrix if matrix.format in ("csr", "csc") else matrix.tocsr(), b)
    return np.linalg.solve(matrix, b)


# -- least squares --------------------------------------------------------------------------------------
LEAST_SQUARES = {
    "lsqr": ("istop", "itn", "r1norm", "r2norm", "anorm", "acond", "arnorm", "xnorm", "var"),
    "lsmr": ("istop", "itn", "normr", "normar", "norma", "conda", "normx"),
}


def solve_least_squares(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``lsqr`` and ``lsmr``."""
    given = bound(function, args, kwargs)
    refuse(given, "show", "calc_var")
    matrix, shape = matrix_of(frame, given.pop("A"))
    b = _vector(frame, given.pop("b"))
    damp: Any = as_float(frame.trace.deep(given.pop("damp", 0.0)))
    if b.shape != shape[:1] or damp.shape:
        raise Declined("least squares of other sizes")
    given["damp"] = damp
    names = LEAST_SQUARES[function.__name__]
    m, n = shape
    kinds = [_COUNT if name in ("istop", "itn") else _NUMBER for name in names]
    if names[-1] == "var":
        kinds[-1] = ArrayType(FLOAT, (n,))
    solved = Solved(frame, function, matrix, shape, b, given, node)

    def normal(z: Any) -> Any:
        """Zero at the least squares: Aᵀ(A z - b) + damp² z."""
        left = _product(frame, solved.matrix, z, node) - b
        return _product(frame, solved.matrix, left, node, True) + damp * damp * z

    if is_operator(matrix) and m < n:
        raise Declined("least squares of an operator with more unknowns than equations")
    equations = _program(frame, (n,), normal, node) if is_operator(matrix) else None
    first = ArrayType(FLOAT, (n,))
    x, *others = solved.run((first, *kinds), names, equations)
    if not is_operator(matrix):
        x = _by_formula(frame, function, x, _least_squares, matrix, b, damp, m, n)
    return (x, *others)


def _least_squares(matrix: Any, b: Any, damp: Any, m: Any, n: Any) -> Any:
    """Interpreted.  [1 A; Aᵀ -damp²] [r; x] = [b; 0], with the least x where there are several."""
    right = np.concatenate([b, np.zeros(n)])
    if not hasattr(matrix, "format"):
        if m < n:
            wide = np.concatenate([damp * damp * np.eye(m) + matrix @ matrix.T])
            return matrix.T @ np.linalg.solve(wide, b)
        return np.linalg.solve(matrix.T @ matrix + damp * damp * np.eye(n), matrix.T @ b)
    rows, columns, elements = elements_of(matrix)
    one, other = np.arange(m), np.arange(n) + m
    if m >= n:
        diagonal = np.concatenate([np.ones(m), -damp * damp * np.ones(n)])
    else:  # x = Aᵀ y and A x + damp² y = b
        diagonal = np.concatenate([damp * damp * np.ones(m), -np.ones(n)])
    data = np.concatenate([diagonal, elements, elements])
    down = np.concatenate([one, other, rows, columns + m])
    across = np.concatenate([one, other, columns + m, rows])
    return solved_by_elements(data, down, across, right)[m:]


# -- calls on the arrays of a matrix ------------------------------------------------------------------
def parts_of(matrix: Any) -> list[Array]:
    """The arrays that a matrix is made of."""
    if not is_sparse(matrix):
        return [matrix]
    read = {"coo": _elements, "dia": _diagonals}.get(matrix.format, _lines)
    if read is _lines and matrix.format not in ("csr", "csc"):
        raise Declined(f"a sparse array of the form {matrix.format!r}")
    return [as_tracer(x) for x in interpreted(read, matrix)]


def _lines(matrix: Any) -> Any:
    return matrix.data, matrix.indices, matrix.indptr


def _elements(matrix: Any) -> Any:
    return matrix.data, *matrix.coords


def _diagonals(matrix: Any) -> Any:
    return matrix.data, matrix.offsets


def made_of(cls: Any, form: str, shape: Any, arrays: Sequence[np.ndarray]) -> Any:
    """A matrix of the arrays that :func:`parts_of` gives."""
    data, *others = arrays
    if form == "coo":
        return cls((data, tuple(others)), shape=shape)
    if form == "dia":
        return cls((data, others[0]), shape=shape)
    if not others:
        return data
    count = int(others[1][-1])
    return cls((data[:count], others[0][:count], others[1]), shape=shape)


def called_with(
    frame: Frame,
    function: Any,
    matrix: Any,
    parts: Sequence[Any],
    given: dict[str, Any],
    mass: Any = None,
) -> tuple[Call, list[Tracer]]:
    """SciPy's call as an operation on the arrays of a matrix, of a second one ``M``, and on what else is given."""
    trace, operands = frame.trace, Operands()
    others = [] if mass is None else parts_of(mass)
    for part in (*parts, *others):
        operands.template(part)
    template = operands.template({k: numbers(trace.deep(v)) for k, v in given.items()})
    if not is_traced([*parts, *others, *given.values()]):
        raise Declined("a matrix of constants")
    calling = calling_from(trace.builder.source)
    how, how_mass = [
        (type(x), getattr(x, "format", ""), getattr(x, "shape", ())) for x in (matrix, mass)
    ]
    count = len(parts)

    def run(values: Sequence[Any]) -> list[Any]:
        arrays = [np.array(x) for x in values[: count + len(others)]]
        made = made_of(*how, arrays[:count])
        second = {"M": made_of(*how_mass, arrays[count:])} if others else {}
        result = calling(function, {"A": made, **second, **template(tuple(values))})
        return list(result) if isinstance(result, tuple) else [result]

    return Call(f"scipy.sparse.linalg.{function.__name__}", run), list(operands.tracers)


# -- exponentials, triangles ------------------------------------------------------------------------------
def exponential_times(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``expm_multiply`` of a matrix, at one time or at several that are evenly spaced."""
    given = bound(function, args, kwargs)
    matrix, shape = matrix_of(frame, given.pop("A"))
    right = as_float(frame.trace.deep(given.pop("B")))
    if is_operator(matrix):
        raise Declined("expm_multiply of an operator")
    if len(right.shape) not in (1, 2) or right.shape[0] != shape[1]:
        raise Declined("expm_multiply of other sizes")
    options = {k: v for k, v in given.items() if v is not None}
    times = options.keys() - {"traceA"}
    kind, span = right.value.type, None
    if times:
        count, has_end = options.get("num"), options.get("endpoint", True)
        if not isinstance(count, int) or count < 2 or not isinstance(has_end, bool):
            raise Declined("expm_multiply at times whose number is known only at run time")
        if not {"start", "stop"} <= times:
            raise Declined("expm_multiply between times that are not given")
        for name in ("start", "stop"):
            options[name] = as_float(frame.trace.deep(options[name]))
        kind = ArrayType(FLOAT, (count, *right.shape))
        span = options["start"], options["stop"], count, has_end
    call, operands = called_with(frame, function, matrix, parts_of(matrix), {"B": right, **options})
    found = emit_tracer("called", *operands, call=call, types=(kind,))
    found = found[0] if isinstance(found, (list, tuple)) else found
    return _by_formula(frame, function, found, _exponential, _prepared(matrix), right, span)


def _exponential(matrix: Any, right: Any, span: Any) -> Any:
    """Interpreted.  e**A B, or e**(t A) B at times from one to another."""
    if span is None:
        return _taylor(matrix, right, 1.0)
    start, stop, count, has_end = span
    step = (stop - start) / (count - 1 if has_end else count)
    found = [_taylor(matrix, right, start)]
    for _ in range(count - 1):
        found.append(_taylor(matrix, found[-1], step))
    return np.stack(found)


def _taylor(matrix: Any, right: Any, time: Any) -> Any:
    """Interpreted.  e**(t A / s) s times, each by its series: s makes the norm of t A / s at most 1."""
    is_sparse = hasattr(matrix, "sizes")
    size = matrix.sizes() if is_sparse else np.abs(matrix).sum(axis=0)
    steps = int(np.ceil(np.max(size) * abs(time))) + 1
    total = right
    for _ in range(steps):
        term = total
        for j in range(1, 20):  # 1 / 20! is below the rounding error
            product = matrix.product(term, False) if is_sparse else matrix @ term
            term = product * (time / (j * steps))
            total = total + term
    return total


def solve_triangular(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``spsolve_triangular``."""
    given = bound(function, args, kwargs)
    matrix, _ = matrix_of(frame, given.pop("A"))
    right = as_float(frame.trace.deep(given.pop("b")))
    refuse(given, "overwrite_A", "overwrite_b", "unit_diagonal")
    if not is_sparse(matrix) or len(right.shape) not in (1, 2):
        raise Declined("spsolve_triangular of other arrays")
    lower = given.get("lower", True)
    if not isinstance(lower, bool):
        raise Declined("spsolve_triangular of an option known only at run time")
    call, operands = called_with(frame, function, matrix, parts_of(matrix), {"b": right, **given})
    found = emit_tracer("called", *operands, call=call, types=(right.value.type,))
    found = found[0] if isinstance(found, (list, tuple)) else found
    return _by_formula(frame, function, found, _of_triangle, matrix, right, lower)


def _of_triangle(matrix: Any, right: Any, lower: Any) -> Any:
    """Interpreted.  SciPy looks at one triangle alone."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import spsolve

    part = sp.tril(matrix, format="csr") if lower else sp.triu(matrix, format="csr")
    return spsolve(part, right)


ROWS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(SQUARE, solve_iteratively),
    **dict.fromkeys(LEAST_SQUARES, solve_least_squares),
    "expm_multiply": exponential_times,
    "spsolve_triangular": solve_triangular,
    "LinearOperator": make_operator,
}

__all__ = [
    "ROWS",
    "called_with",
    "is_operator",
    "matrix_of",
    "parts_of",
    "product_of",
    "refuse",
    "zero_of",
]
