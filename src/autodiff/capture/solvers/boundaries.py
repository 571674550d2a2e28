"""SciPy's ``solve_bvp`` in captured code: one operation, with the equations and conditions in it.

The mesh is what SciPy makes of it: constant but for its ends.  On it states and parameters move as the
equations of collocation say; the spline through them is made of states that carry derivatives.
"""

from __future__ import annotations

import ast
import functools
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.minima import NotKept
from autodiff.capture.solvers.programs import (
    array_of,
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
from autodiff.capture.trace import Declined, Trace
from autodiff.dims import Dim, product
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.ops.boundaries import Boundary
from autodiff.ops.custom import stop
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import FLOAT, calling_from
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, emit_tracer

_INT = np.dtype(np.int64)
Array = Any


def _starting(trace: Trace, given: dict[str, Any]) -> tuple[Tracer, Tracer, Tracer]:
    """The mesh, the states on it and the parameters to begin with, taken out of the arguments."""
    x0, y0 = (as_float(trace.deep(given.pop(k))) for k in ("x", "y"))
    parameters = given.pop("p", None)
    p0 = as_float(np.zeros(0) if parameters is None else trace.deep(parameters))
    if [len(v.shape) for v in (x0, y0, p0)] != [1, 2, 1]:
        raise Declined("solve_bvp with arrays of other shapes")
    return x0, y0, p0


def solve_boundary_problem(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.solve_bvp``."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    if refused := [k for k in ("S", "verbose") if given.pop(k, None)]:
        raise Declined(f"solve_bvp with {', '.join(refused)}")
    fun, bc = given.pop("fun"), given.pop("bc")
    has_parameters = given.get("p") is not None
    x0, y0, p0 = _starting(trace, given)
    n, k = y0.shape[0], p0.shape[0]
    if not (isinstance(n, int) and isinstance(k, int)):
        raise Declined("solve_bvp with as many states as run time says")
    functions = {"fun": (fun, _right_side), "bc": (bc, _conditions)}
    for name, made_by in (("fun_jac", _slopes_of_right_side), ("bc_jac", _slopes_of_conditions)):
        if (slopes := given.pop(name, None)) is not None:
            functions[name] = (slopes, made_by)
    programs = [made_by(frame, f, n, k, has_parameters, node) for f, made_by in functions.values()]
    operands = Operands()
    for tracer in (x0, y0, p0):
        operands.template(tracer)
    template = operands.template({name: numbers(trace.deep(v)) for name, v in given.items()})
    calling = calling_from(trace.builder.source)

    def run(functions: dict[str, Any], values: Sequence[Any]) -> Any:
        made = {**template(tuple(values)), **functions, "x": np.array(values[0])}
        made["y"] = np.array(values[1])
        if has_parameters:
            made["p"] = np.array(values[2])
        return calling(function, made)

    call = Boundary(run, tuple(functions), len(operands.tracers), n, k, trace.builder.source)
    read = list(dict.fromkeys(v for _, values in programs for v in values))
    closed = tuple([reading(program, values, read) for program, values in programs])
    values = (*(t.value for t in operands.tracers), *read)
    if all(v.owner is not None and v.owner.kind == "constant" for v in values):
        raise Declined("a boundary value problem of constants")
    attributes: dict[str, Any] = {"call": call, "programs": closed}
    (count,) = trace.builder.emit("boundary_size", values, attributes)
    count.low = 2
    found = trace.builder.emit("boundary", values, {**attributes, "size": Dim.symbol(count)})
    x, y, p, slope, residuals, iterations = [presented(v) for v in found]
    x = _moving(x, x0)
    y, p = emit_tracer(
        "collocated",
        Tracer(count, "python"), x, stop(y), stop(p), *(Tracer(v) for v in read),
        programs=closed, source=trace.builder.source,
    )  # fmt: skip
    with for_derivatives(trace):
        exact = as_float(call_of(frame, fun, [x, y, *([p] if has_parameters else [])], node))
    slope = derived_as(slope, exact)
    made = dict.__new__(_result_class())
    parts = {
        "sol": Spline(x, y, slope), "p": p if has_parameters else None, "x": x,
        "y": y, "yp": slope, "rms_residuals": emit_tracer("stop_gradient", residuals),
        "niter": iterations, "status": 0, "message": NotKept(), "success": True,
    }  # fmt: skip
    dict.update(made, parts)
    return trace.fresh(made)


def _result_class() -> Any:
    return sys.modules["scipy.integrate._bvp"].BVPResult


def _moving(x: Tracer, x0: Tracer) -> Tracer:
    """The mesh, which moves with its ends."""
    fixed: Any = stop(x)
    first, last = fixed[0], fixed[-1]
    share = (fixed - first) / (last - first)
    ends: Any = x0
    moved = derived_as(fixed, ends[0] + share * (ends[-1] - ends[0]))
    return Tracer(moved.value, "array")


class Spline:
    """``sol`` of a result: the cubic spline through the states with their slopes, at any points."""

    def __init__(self, x: Any, y: Any, slope: Any) -> None:
        h = x[1:] - x[:-1]
        rise = (y[:, 1:] - y[:, :-1]) / h
        bend = (slope[:, :-1] + slope[:, 1:] - 2 * rise) / h
        self.x = x
        self.c = [y[:, :-1], slope[:, :-1], (rise - slope[:, :-1]) / h - bend, bend / h]

    def __autodiff_inline__(self, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        given = dict(zip(("x", "nu", "extrapolate"), args, strict=False)) | kwargs
        points: Any = as_float(given.pop("x"))
        order = given.pop("nu", 0)
        if given.pop("extrapolate", None) not in (None, True) or given or order not in (0, 1, 2, 3):
            raise Declined("a spline with these options")
        flat: Any = reshape(points, (product(points.shape),))
        last: Any = self.c[0].shape[1] - 1
        at: Any = np.searchsorted(self.x, stop(flat), side="right") - 1
        at = np.minimum(np.maximum(at, 0), last)
        s = flat - self.x[at]
        total, power = 0.0 * s, 0.0 * s + 1.0
        for degree in range(order, 4):
            factor = math.perm(degree, order)
            total = total + self.c[degree][:, at] * (power * factor if factor > 1 else power)
            power = power * s
        return reshape(total, (total.shape[0], *points.shape))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As in capture, where alone it is called."""
        return self.__autodiff_inline__(None, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Declined(f"{name} of a solution")


Made = tuple[Program, list[Value]]


def _program(
    frame: Frame,
    function: Any,
    node: ast.AST,
    first: list[Value],
    shapes: Sequence[Any],
    names: str,
    results: Sequence[Any],
) -> Made:
    """A function of three arrays, or two where there are no parameters, with results of these shapes."""
    values = [Value(ArrayType(FLOAT, s), name) for s, name in zip(shapes, names, strict=False)]
    values += [Value(ArrayType(FLOAT, (0,)), "p")] * (3 - len(values))
    given = [Tracer(v, "array") for v in values][: len(shapes)]

    def thunk() -> Any:
        return call_of(frame, function, given, node)

    outcome = captured(frame, function, given, (), node, [*first, *values], thunk)
    with frame.trace.builder.reopened(outcome.block):
        parts = [outcome.value] if len(results) == 1 else list(outcome.value)
        arrays = [array_of(x, shape) for x, shape in zip(parts, results, strict=True)]
        outcome.block.outputs = [x.value for x in arrays]
    return closed_program(outcome.block, getattr(function, "__name__", "f"))


def _right_side(
    frame: Frame,
    fun: Any,
    n: int,
    k: int,
    has_parameters: bool,
    node: ast.AST,
    slopes: bool = False,
) -> Made:
    """f(x, y, p) at any number of nodes, which comes first; or its slopes by y and p there."""
    count = Value(ArrayType(_INT, ()), "m")
    count.low = 1
    m: Any = Dim.symbol(count)
    shapes: list[Any] = [(m,), (n, m), (k,)][: 3 if has_parameters else 2]
    results: list[Any] = [(n, m)]
    if slopes:
        results = [(n, n, m), (n, k, m)][: len(shapes) - 1]
    return _program(frame, fun, node, [count], shapes, "xyp", results)


def _conditions(
    frame: Frame, bc: Any, n: int, k: int, has_parameters: bool, node: ast.AST, slopes: bool = False
) -> Made:
    """g(y(a), y(b), p), or its slopes by each of them."""
    shapes = [(n,), (n,), (k,)][: 3 if has_parameters else 2]
    results = [(n + k, *shape) for shape in shapes] if slopes else [(n + k,)]
    return _program(frame, bc, node, [], shapes, "abp", results)


_slopes_of_right_side = functools.partial(_right_side, slopes=True)
_slopes_of_conditions = functools.partial(_conditions, slopes=True)

__all__ = ["solve_boundary_problem"]
