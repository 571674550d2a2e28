"""``linprog``, ``milp``, ``nnls`` and ``lsq_linear`` in captured code: SciPy's values, and the equations that hold.

    x, _ = nnls(A, b)      x = derived_as(called(A, b), solution of the equations of its free unknowns)

The value is SciPy's.  The formula beside it gives the derivative, of first and higher order; nothing of
it is computed where none is asked for.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.minima import NotKept, bounds_of
from autodiff.capture.solvers.programs import as_float, bound, for_derivatives, numbers
from autodiff.capture.trace import Declined
from autodiff.dims import Extent
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.control import CheckFailed
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import FLOAT, calling_from
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer, is_traced
from autodiff.ops.vertices import Call, least_squares_vertex, program_vertex

_INT = np.dtype(np.int64)
Array = Any


def _array(x: Any, *dimensions: int) -> Tracer:
    array = as_float(x)
    if len(array.shape) not in dimensions or not array.value.type.is_static:
        raise Declined("a linear problem of a size known only at run time, or of other arrays")
    return array


def _called(
    frame: Frame,
    function: Any,
    arrays: dict[str, Tracer],
    given: dict[str, Any],
    names: Sequence[str],
    types: Sequence[ArrayType],
) -> list[Array]:
    """What SciPy returns, by the names of its parts."""
    trace, operands = frame.trace, Operands()
    if not is_traced(list(arrays.values())):
        raise Declined("a linear problem of constants")
    for array in arrays.values():
        operands.template(array)
    template = operands.template({k: numbers(trace.deep(v)) for k, v in given.items()})
    calling, keys = calling_from(trace.builder.source), list(arrays)

    def run(values: Sequence[Any]) -> list[Any]:
        made = {**template(tuple(values)), **dict(zip(keys, map(np.array, values), strict=False))}
        result = calling(function, made)
        if isinstance(result, tuple):
            return list(result)
        if not result.success:
            raise CheckFailed(f"{function.__name__}: {result.message}")
        return [_part(result, name) for name in names]

    call = Call(f"scipy.optimize.{function.__name__}", run)
    found = emit_tracer("called", *operands.tracers, call=call, types=tuple(types))
    return list(found)


def _part(result: Any, name: str) -> Any:
    for key in name.split("."):
        result = result[key]
    return result


def _strict(name: str, source: Source | None, slack: Array, force: Array) -> Array:
    return emit_tracer("strict", as_tracer(slack), as_tracer(force), name=name, source=source)


def _result(frame: Frame, parts: dict[str, Any]) -> Any:
    made = dict.__new__(sys.modules["scipy.optimize"].OptimizeResult)
    for name, value in parts.items():
        dict.__setitem__(made, name, value)
    return frame.trace.fresh(made)


def _number(x: Array) -> Tracer:
    return Tracer(x.value, "python")


# -- least squares ------------------------------------------------------------------------------------------
def solve_nonnegative(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.nnls``: the solution, and the norm of the residual."""
    given = bound(function, args, kwargs)
    a, b = _array(frame.trace.deep(given.pop("A")), 2), _array(frame.trace.deep(given.pop("b")), 1)
    types = (ArrayType(FLOAT, (a.shape[1],)), ArrayType(FLOAT, ()))
    x, norm = _called(frame, function, {"A": a, "b": b}, given, (), types)
    matrix, right = _plain(a), _plain(b)
    name, source = f"scipy.optimize.{function.__name__}", frame.trace.builder.source
    sides = as_float(np.zeros(a.shape[1])), as_float(np.full(a.shape[1], np.inf))
    with for_derivatives(frame.trace):
        exact = _between(matrix, right, x, sides, name, source)
        length = np.linalg.norm(matrix @ exact - right)
    return derived_as(x, exact), Tracer(derived_as(norm, length).value, "python")


def _between(
    matrix: Array, right: Array, x: Array, sides: tuple[Array, Array], name: str, source: Any
) -> Array:
    """The least squares solution near ``x`` between two sides, as the equations of those say that hold."""
    slope, curved = matrix.T @ (matrix @ x - right), matrix.T @ matrix
    free, low = emit_tracer("free", x, slope, curved, *sides, x, slope, name=name, source=source)
    at = np.where(low > 0, *sides)
    return least_squares_vertex(matrix, right, at, free, name, source)


def _plain(x: Tracer) -> Array:
    """As code on arrays takes it."""
    return x


def fit_isotonic(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.isotonic_regression``: means of blocks, which SciPy chooses by comparing them."""
    given, trace = bound(function, args, kwargs), frame.trace
    y, increasing = _array(trace.deep(given["y"]), 1), given.get("increasing", True)
    n: Any = y.shape[0]
    weights = trace.deep(given.get("weights"))
    w = _array(np.ones(n) if weights is None else weights, 1)
    if is_traced([increasing]) or w.shape != y.shape or not is_traced([y, weights]):
        raise Declined("an isotonic regression of constants, or of other arrays")
    calling = calling_from(trace.builder.source)

    def run(values: Sequence[Any]) -> list[Any]:
        made = {"y": values[0], "increasing": increasing}
        found = calling(function, made if weights is None else {**made, "weights": values[1]})
        return [found.x, np.repeat(np.arange(len(found.blocks) - 1), np.diff(found.blocks))]

    call = Call("scipy.optimize.isotonic_regression", run)
    types = (ArrayType(FLOAT, (n,)), ArrayType(_INT, (n,)))
    x, block = emit_tracer("called", y, w, call=call, types=types)
    with for_derivatives(trace):
        total, mass = (Tracer(zeros((n,), FLOAT).value, "array") for _ in range(2))
        np.add.at(_plain(total), block, _plain(w) * _plain(y))
        np.add.at(_plain(mass), block, _plain(w))
        exact = total[block] / mass[block]
    return _result(frame, {"x": derived_as(x, exact), "weights": NotKept(), "blocks": NotKept()})


def solve_with_bounds(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.lsq_linear``."""
    given = bound(function, args, kwargs)
    a, b = _array(frame.trace.deep(given.pop("A")), 2), _array(frame.trace.deep(given.pop("b")), 1)
    m, n = a.shape
    bounds = frame.trace.deep(given.pop("bounds", (-np.inf, np.inf)))
    lower, upper = bounds_of(frame, bounds, n)
    names = ("x", "cost", "fun", "optimality", "active_mask", "nit", "status")
    number = ArrayType(FLOAT, ())
    types = (
        ArrayType(FLOAT, (n,)), number, ArrayType(FLOAT, (m,)), number, ArrayType(_INT, (n,)),
        ArrayType(_INT, ()), ArrayType(_INT, ()),
    )  # fmt: skip
    arrays = {"A": a, "b": b, "lower": lower, "upper": upper}
    found = _called(frame, _with_pair(function), arrays, given, names, types)
    x, cost, residual, optimality, _, nit, status = found
    matrix, right, low, high = map(_plain, (a, b, lower, upper))
    name, source = f"scipy.optimize.{function.__name__}", frame.trace.builder.source
    with for_derivatives(frame.trace):
        exact = _between(matrix, right, x, (low, high), name, source)
        left = matrix @ exact - right
        half = 0.5 * np.sum(left**2)
    parts = {
        "x": derived_as(x, exact), "fun": derived_as(residual, left),
        "cost": Tracer(derived_as(cost, half).value, "scalar"),
        "optimality": Tracer(optimality.value, "scalar"), "active_mask": NotKept(), "nit": _number(nit),
        "status": _number(status), "message": NotKept(), "success": True,
        "unbounded_sol": NotKept(),
    }  # fmt: skip
    return _result(frame, parts)


def _with_pair(function: Any) -> Any:
    def call(lower: Any, upper: Any, **keywords: Any) -> Any:
        return function(bounds=(lower, upper), **keywords)

    call.__name__ = function.__name__
    return call


# -- linear programs --------------------------------------------------------------------------------------
def _bounds(frame: Frame, given: dict[str, Any], n: int) -> Any:
    """The bounds of a linear program, taken out of the arguments: a pair for all unknowns, or one for each."""
    bounds = given.pop("bounds", (0, None))
    one = isinstance(bounds, (tuple, list)) and len(bounds) == 2
    if one and not any(isinstance(x, (tuple, list)) for x in bounds):
        bounds = [tuple(bounds)] * n
    return bounds_of(frame, bounds, n, pairs=True)


def solve_program(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.linprog``."""
    trace = frame.trace
    given = {k: trace.deep(v) for k, v in bound(function, args, kwargs).items() if v is not None}
    method = given.get("method", "highs")
    if set(given) & {"callback", "x0"} or not str(method).startswith("highs"):
        raise Declined("a linear program with these options")
    c = _array(given.pop("c"), 1)
    n: Any = c.shape[0]
    equal, below = (_pair_of(given, kind, n) for kind in ("eq", "ub"))
    lower, upper = _bounds(frame, given, n)
    e, u = equal[1].shape[0], below[1].shape[0]
    arrays = {"c": c, "A_eq": equal[0], "b_eq": equal[1], "A_ub": below[0], "b_ub": below[1]}
    arrays |= {"lower": lower, "upper": upper}
    if given.get("integrality") is not None:
        return _in_integers(
            frame, _with_pairs(function), arrays, given, n, ("slack", "con"), (u, e)
        )
    names = (
        "x", "fun", "slack", "con", "ineqlin.marginals", "eqlin.marginals", "lower.marginals",
        "upper.marginals", "nit",
    )  # fmt: skip
    vector = {size: ArrayType(FLOAT, (size,)) for size in (n, e, u)}
    types = (
        vector[n], ArrayType(FLOAT, ()), vector[u], vector[e], vector[u], vector[e], vector[n],
        vector[n], ArrayType(_INT, ()),
    )  # fmt: skip
    found = _called(frame, _with_pairs(function), arrays, given, names, types)
    x, cost, slack, _, by_below, by_equal, by_lower, by_upper, nit = found
    low, high, plain = _plain(lower), _plain(upper), _plain(c)
    name, source = "scipy.optimize.linprog", trace.builder.source
    below_low, above = x - low, high - x
    with for_derivatives(trace):
        nearest = np.minimum(np.minimum(below_low, above), 1e30)
        free = _strict(name, source, nearest, np.abs(by_lower) + np.abs(by_upper))
        loose = _strict(name, source, slack, np.abs(by_below))
        is_low: Array = np.less(below_low, above)
        exact, force_equal, force_below = program_vertex(
            plain, equal, below, np.where(is_low, low, high), free, loose, name, source
        )
        reduced = plain - equal[0].T @ force_equal - below[0].T @ force_below
        at_low = np.where(is_low, 1.0, 0.0) * (1 - free)
        room = below[1] - below[0] @ exact
        sides = [exact - low, at_low * reduced, high - exact, (1 - free - at_low) * reduced]
        total = plain @ exact
    parts = {
        "x": derived_as(x, exact),
        "fun": Tracer(derived_as(cost, total).value, "python"),
        "slack": derived_as(slack, room),
        "con": found[3],
        "success": True, "status": 0, "message": NotKept(), "nit": _number(nit),
        "ineqlin": _multipliers(frame, derived_as(slack, room), by_below, force_below),
        "eqlin": _multipliers(frame, found[3], by_equal, force_equal),
        "lower": _multipliers(frame, derived_as(below_low, sides[0]), by_lower, sides[1]),
        "upper": _multipliers(frame, derived_as(above, sides[2]), by_upper, sides[3]),
        "mip_node_count": NotKept(), "mip_dual_bound": NotKept(), "mip_gap": NotKept(),
    }  # fmt: skip
    return _result(frame, parts)


# -- integers -----------------------------------------------------------------------------------------------
def solve_in_integers(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.milp`` of integers alone: the solution is constant, its value moves with the costs."""
    trace = frame.trace
    given = {k: v for k, v in bound(function, args, kwargs).items() if v is not None}
    c = _array(trace.deep(given.pop("c")), 1)
    n: Any = c.shape[0]
    bounds = given.pop("bounds", (0.0, np.inf))
    lower, upper = bounds_of(frame, trace.deep(bounds), n)
    arrays = {"c": c, "lower": lower, "upper": upper}
    constraints = given.pop("constraints", ())
    if not isinstance(constraints, (list, tuple)) or _is_one(constraints):
        constraints = [constraints]
    for k, one in enumerate(constraints):
        for name, value in zip(("A", "lb", "ub"), _three(frame, one), strict=True):
            arrays[f"{name} {k}"] = _array(value, 0, 1, 2)
    given = {k: trace.deep(v) for k, v in given.items()}
    return _in_integers(frame, _with_constraints(function, len(constraints)), arrays, given, n)


def _is_one(constraints: Any) -> bool:
    """Whether it is the three parts of one constraint."""
    return len(constraints) == 3 and not any(
        type(x) is sys.modules["scipy.optimize"].LinearConstraint or isinstance(x, tuple)
        for x in constraints
    )


def _three(frame: Frame, one: Any) -> list[Any]:
    if isinstance(one, (list, tuple)) and len(one) == 3:
        return [frame.trace.deep(x) for x in one]
    if type(one) is not sys.modules["scipy.optimize"].LinearConstraint:
        raise Declined("milp with a constraint of another kind")
    path, found = frame.trace.paths.get(id(one)), []
    for name in ("A", "lb", "ub"):
        value = vars(one)[name]
        if path is not None:  # from outside, where it may be changed
            value = frame.trace.lift(value, path.attribute(name))
        found.append(frame.trace.deep(value))
    return found


def _with_constraints(function: Any, count: int) -> Any:
    def call(lower: Any, upper: Any, **keywords: Any) -> Any:
        optimize = sys.modules["scipy.optimize"]
        parts = [[keywords.pop(f"{name} {k}") for name in ("A", "lb", "ub")] for k in range(count)]
        return function(
            bounds=optimize.Bounds(lower, upper),
            constraints=[optimize.LinearConstraint(*x) for x in parts],
            **keywords,
        )

    call.__name__ = function.__name__
    return call


def _in_integers(
    frame: Frame,
    function: Any,
    arrays: dict[str, Tracer],
    given: dict[str, Any],
    n: int,
    more: Sequence[str] = (),
    sizes: Sequence[Extent] = (),
) -> Any:
    """The result of a program all of whose unknowns are integers."""
    integrality = given.get("integrality")
    if is_traced([integrality]) or not np.all(np.asarray(integrality, float) == 1):
        raise Declined("milp with unknowns that are no integers, or that may be either")
    types = (
        ArrayType(FLOAT, (n,)), ArrayType(FLOAT, ()), *(ArrayType(FLOAT, (size,)) for size in sizes),
    )  # fmt: skip
    x, cost, *others = _called(frame, function, arrays, given, ("x", "fun", *more), types)
    plain = _plain(arrays["c"])
    with for_derivatives(frame.trace):
        total = plain @ x
    parts = {"x": x, "fun": Tracer(derived_as(cost, total).value, "python")}
    parts |= dict(zip(more, others, strict=True))
    parts |= {"success": True, "status": 0}
    names = ("message", "nit", "mip_node_count", "mip_dual_bound", "mip_gap", "crossover_nit")
    parts |= {name: NotKept() for name in names}
    return _result(frame, parts)


def _multipliers(frame: Frame, residual: Array, found: Array, exact: Array) -> Any:
    return _result(frame, {"residual": residual, "marginals": derived_as(found, exact)})


def _pair_of(given: dict[str, Any], kind: str, n: int) -> tuple[Tracer, Tracer]:
    """A matrix and a right-hand side; without rows where none are given."""
    matrix, right = given.pop(f"A_{kind}", None), given.pop(f"b_{kind}", None)
    if matrix is None or right is None:
        return as_float(np.zeros((0, n))), as_float(np.zeros(0))
    a, b = _array(matrix, 2), _array(right, 0, 1)
    if not b.shape:
        b = as_float(np.reshape(b, (1,)))
    if a.shape != (b.shape[0], n):
        raise Declined("a linear program of matrices of other sizes")
    return a, b


def _with_pairs(function: Any) -> Any:
    def call(lower: Any, upper: Any, **keywords: Any) -> Any:
        rows = {
            k: v for k, v in keywords.items() if len(np.shape(v)) == 0 or np.shape(v)[0] or k == "c"
        }
        return function(bounds=np.stack([lower, upper], 1), **rows)

    call.__name__ = function.__name__
    return call


__all__ = ["solve_in_integers", "solve_nonnegative", "solve_program", "solve_with_bounds"]
