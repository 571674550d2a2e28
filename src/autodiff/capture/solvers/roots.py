"""SciPy's root finders in captured code: one operation, with the user's function in it.

brentq(lambda z: z**2 - x, 0, 2)      root(0, 2, x; programs=(f(z, x),))
fixed_point(lambda z: cos(x * z), 1)  root(1, x; programs=(f(z, x), f(z, x) - z))
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.minima import NotKept
from autodiff.capture.solvers.programs import (
    NUMBER,
    NUMPY_NUMBER,
    array_program,
    as_float,
    at,
    bound,
    further_arguments,
    number_program,
    numbers,
    paths_of,
    presented,
    reading,
    rebuilt,
)
from autodiff.capture.trace import Declined
from autodiff.dims import product
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.ladder import Bail
from autodiff.ops.control import CheckFailed
from autodiff.ops.evaluate import bound_program
from autodiff.ops.solvers import FLOAT, Solver, calling_from, solve
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Form, Tracer
from autodiff.plain_data import dataclass

Shape = tuple[Any, ...]


@dataclass(frozen=True)
class _RootFinder:
    """How one of SciPy's root finders is called.

    ``form`` is what it hands to its functions and returns: Python's number or NumPy's.
    """

    functions: tuple[str, ...]
    form: Form = "python"
    tolerance: str = "xtol"
    is_system: bool = False
    results: str | None = "full_output"  # what asks for more than the zero; None: always there
    start: str = "x0"
    keeps_shape: bool = False  # of the start: what the function is given and what it returns
    is_fixed_point: bool = False  # f(z) = z is solved
    is_relative: bool = False  # whether the tolerance is a share of the unknown


_BRACKETS = _RootFinder(("f",))
ROOT_FINDERS: dict[str, _RootFinder] = {
    "brentq": _BRACKETS,
    "brenth": _BRACKETS,
    "bisect": _BRACKETS,
    "ridder": _BRACKETS,
    "toms748": _RootFinder(("f",), "scalar"),
    "newton": _RootFinder(("func", "fprime", "fprime2"), "scalar", "tol"),
    "root_scalar": _RootFinder(("f", "fprime", "fprime2"), results=None),
    "fsolve": _RootFinder(("func", "fprime"), "array", "xtol", True, is_relative=True),
    "root": _RootFinder(("fun", "jac"), "array", "tol", True, None, is_relative=True),
    "fixed_point": _RootFinder(("func",), "array", "xtol", True, "", "x0", True, True, True),
    **dict.fromkeys(
        (
            "broyden1",
            "broyden2",
            "anderson",
            "linearmixing",
            "diagbroyden",
            "excitingmixing",
            "newton_krylov",
        ),
        _RootFinder(("F",), "array", "x_tol", True, "", "xin", True),
    ),
}
# Of ``root_scalar``: what hands NumPy's numbers to the function.
_OPEN_METHODS = ("newton", "secant", "halley", "toms748")


def find_root(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A zero of the user's function, or of a system, with whatever else the call asks for."""
    rule = ROOT_FINDERS[function.__name__]
    given = bound(function, args, kwargs)
    rule = _of_many_starts(frame, rule, given)
    functions = {name: given.pop(name) for name in rule.functions if name in given}
    functions = {name: f for name, f in functions.items() if f is not None}
    # Flags say that the function returns its derivatives beside its value.
    flags = {name: f for name, f in functions.items() if not callable(f)}
    if not all(isinstance(f, bool) for f in flags.values()) or rule.functions[0] in flags:
        raise Declined("a root finder with something else in place of a function")
    functions = {name: f for name, f in functions.items() if name not in flags}
    beside = sum(flags.values())
    if beside and (given.get("method") or "hybr") not in _GIVEN_DERIVATIVES:
        raise Declined("a method that takes no derivative, given one")
    extra = further_arguments(frame, given)
    _refuse_options(given)
    form = rule.form
    if function.__name__ == "root_scalar" and (
        given.get("method") in _OPEN_METHODS
        or (given.get("method") is None and given.get("bracket") is None)
    ):
        form = "scalar"
    operands = Operands()
    shape: Shape = ()
    if rule.is_system:
        programs, shape = _of_system(frame, rule, functions, given, operands, extra, node, beside)
    else:
        programs = [number_program(frame, f, form, extra, node, beside) for f in functions.values()]
        _refuse_single_precision(given)
    given |= {name: True for name, asked in flags.items() if asked}
    found = _emit_root(frame, function, rule, form, tuple(functions), given, operands, programs)
    if not rule.keeps_shape or not isinstance(found, Tracer):
        return found
    return Tracer(reshape(found, shape).value, "array")


_GIVEN_DERIVATIVES = ("hybr", "lm", "newton", "halley")


def _of_many_starts(frame: Frame, rule: _RootFinder, given: dict[str, Any]) -> _RootFinder:
    """The row for ``newton`` from an array of starts, which solves an equation for each."""
    if rule is not ROOT_FINDERS["newton"]:
        return rule
    start = given["x0"] = frame.trace.deep(given["x0"])
    many = isinstance(start, (list, tuple)) or bool(np.shape(start))
    if not many:
        return rule
    if product(as_float(start).shape) == 1:
        raise Declined("newton from an array of one start")
    return replace(rule, form="array", is_system=True, keeps_shape=True)


def _refuse_options(given: dict[str, Any]) -> None:
    if given.get("callback") is not None or given.get("band") is not None:
        raise Declined("a root finder with a callback or a band")
    if given.get("col_deriv"):
        raise Declined("a Jacobian by columns")


def _refuse_single_precision(given: dict[str, Any]) -> None:
    """Numbers of less than double precision, of which SciPy keeps the type; and arrays of starts."""
    for x in given.values():
        if isinstance(x, (Tracer, np.ndarray, np.generic)) and (
            x.shape or (x.dtype.kind == "f" and x.dtype != FLOAT)
        ):
            raise Declined("a root finder from arrays, or in single precision")


def _of_system(
    frame: Frame,
    rule: _RootFinder,
    functions: dict[str, Any],
    given: dict[str, Any],
    operands: Operands,
    extra: Sequence[Any],
    node: ast.AST,
    beside: int,
) -> tuple[list[tuple[Program, list[Value]]], Shape]:
    """The programs of a system, and the shape of its start, which becomes the first operand."""
    start = as_float(frame.trace.deep(given.pop(rule.start)))
    if not rule.keeps_shape and len(start.shape) != 1:
        if given.get("method", "hybr") not in ("hybr", "lm"):
            raise Declined("a method that does not make a vector of its start")
    n = product(start.shape)
    x0 = reshape(start, (n,))
    operands.template(x0)
    first, *others = functions.values()
    shape = start.shape if rule.keeps_shape else (n,)

    def program(f: Any, shapes: Sequence[Shape], less_unknown: bool = False) -> Any:
        return array_program(frame, f, x0, extra, shapes, node, shape, less_unknown)

    programs = [program(first, [shape, *[(n, n)] * beside])]
    programs += [program(f, [shape if rule.keeps_shape else (n, n)]) for f in others]
    if rule.is_fixed_point:
        programs.append(program(first, [shape], True))
    return programs, start.shape


def _emit_root(
    frame: Frame,
    function: Any,
    rule: _RootFinder,
    form: Form,
    names: tuple[str, ...],
    given: dict[str, Any],
    operands: Operands,
    programs: Sequence[tuple[Program, list[Value]]],
) -> Any:
    trace = frame.trace
    template = operands.template({k: numbers(v) for k, v in trace.deep(given).items()})

    def keywords(arrays: Sequence[Any]) -> dict[str, Any]:
        made: dict[str, Any] = template(tuple(arrays))
        if rule.is_system:
            made[rule.start] = np.array(arrays[0])
        return made

    read = list(dict.fromkeys(v for _, values in programs for v in values))
    closed = [reading(program, values, read) for program, values in programs]
    values = (*(t.value for t in operands.tracers), *read)
    tolerance = given.get(rule.tolerance)
    solver = Solver(
        function,
        f"scipy.optimize.{function.__name__}",
        names,
        len(operands.tracers),
        keywords,
        lambda result: (result,),
        ("n",) if rule.is_system else (NUMBER if form == "python" else NUMPY_NUMBER,),
        rule.is_system,
        float(tolerance) if isinstance(tolerance, (int, float)) else 0.0,
        calling_from(trace.builder.source),
        (),
        len(closed) - 1 if rule.is_fixed_point else 0,
        is_relative=rule.is_relative,
    )
    if all(v.owner is not None and v.owner.kind == "constant" for v in values):
        raise Declined("a root finder of constants")
    if rule.results is not None and not given.get(rule.results):  # of "" there is none
        return _emitted(frame, solver, closed, values)[0]
    return _with_all_results(frame, solver, closed, values)


def _emitted(
    frame: Frame, solver: Solver, programs: Sequence[Program], values: tuple[Value, ...]
) -> list[Tracer]:
    """What a root finder returns that is wanted, at every run."""
    attributes = {"solver": solver, "programs": tuple(programs)}
    return [presented(v) for v in frame.trace.builder.emit("root", values, attributes)]


# -- results beyond the zero ------------------------------------------------------------------------
_FLAGS = ("converged", "success", "status", "ier")


def _with_all_results(
    frame: Frame, solver: Solver, programs: Sequence[Program], values: tuple[Value, ...]
) -> Any:
    """The whole of what a root finder returns.

    It has the form that it has at this call.  Texts in it follow from flags, which are guarded.
    """
    trace = frame.trace
    try:
        arrays = [trace.evaluate(v)[0] for v in values]
    except Bail:
        kind = _OBJECTS.get(solver.name)
        if kind is None:
            raise
        return _bare(frame, solver, programs, values, *kind)
    evaluators = [functools.partial(bound_program, program) for program in programs]
    example, _ = solve(arrays, solver, evaluators)
    found = list(paths_of(example))
    zeros = [p for p in found if p == (0,) or p[-1] in ("x", "root")]
    paths = [zeros[0], *(p for p in found if p not in zeros)]
    unknowns = np.size(at(example, zeros[0]))
    fixed = solver.is_system and values[0].type.is_static
    whole = replace(
        solver,
        leaves=lambda result: tuple([at(result, path) for path in paths]),
        types=tuple([_leaf_type(at(example, p), p, solver, unknowns, fixed) for p in paths]),
        others=tuple([str(p[-1]) for p in paths[1:]]),
    )
    results = dict(zip(paths, _emitted(frame, whole, programs, values), strict=False))
    results.update(dict.fromkeys(zeros, results[zeros[0]]))
    for path, tracer in results.items():
        if path and path[-1] in _FLAGS or (path == (2,) and solver.is_system):
            trace.concrete(tracer)  # guarded
    return rebuilt(trace, example, results, ())


# Of what returns an object: its class, the names of the zero and of the flag that it is one, and others.
_OBJECTS = {
    "scipy.optimize.root": (
        "OptimizeResult", "x", "success",
        ("message", "status", "fun", "nfev", "njev", "nit", "fjac", "r", "qtf", "cov_x", "method"),
    ),
    "scipy.optimize.root_scalar": (
        "RootResults", "root", "converged", ("flag", "iterations", "function_calls", "method"),
    ),
}  # fmt: skip


def _bare(
    frame: Frame,
    solver: Solver,
    programs: Sequence[Program],
    values: tuple[Value, ...],
    kind: str,
    zero: str,
    flag: str,
    others: Sequence[str],
) -> Any:
    """In a loop or branch: the object with the zero alone, of a call that found one."""

    def leaves(result: Any) -> tuple[Any, ...]:
        if not result[flag]:
            said = result.get("message") or result.get("flag")
            raise CheckFailed(f"{solver.name}: {said}")
        return (result[zero],)

    x = _emitted(frame, replace(solver, leaves=leaves), programs, values)[0]
    result = dict.__new__(getattr(sys.modules["scipy.optimize"], kind))
    for name in others:
        dict.__setitem__(result, name, NotKept())
    dict.__setitem__(result, flag, True)
    dict.__setitem__(result, zero, x)
    return frame.trace.fresh(result)


def _leaf_type(
    x: Any, path: tuple[Any, ...], solver: Solver, unknowns: int, fixed: bool
) -> ArrayType | str:
    """The type of a part of the result; ``fixed``: the number of unknowns is known."""
    array = np.asarray(x)
    if array.dtype.kind not in "fib" or array.dtype.itemsize > 8:
        raise Declined("a root finder that returns other than numbers")
    if not array.shape:
        return ArrayType(array.dtype, (), not isinstance(x, (np.ndarray, np.generic)))
    if solver.is_system and array.dtype == FLOAT:
        if path[-1] == "r" and array.size == unknowns * (unknowns + 1) // 2:
            return "triangle"
        if array.shape in ((unknowns,), (unknowns, unknowns)):
            return "n" * array.ndim
    if not fixed:
        raise Declined("a root finder that returns arrays of other shapes than its unknown's")
    return ArrayType(array.dtype, array.shape)


__all__ = ["ROOT_FINDERS", "find_root"]
