"""SciPy's root finders and integrators in captured code: one operation, with the user's function in it.

    brentq(lambda z: z**2 - x, 0, 2)      root(0, 2, x; programs=(f(z, x),))

The function is interpreted into a region on a placeholder for its argument.  The region becomes a
program of its own, which takes whatever it reads as further inputs: so a new value of what it
reads compiles nothing, and a derivative by it has a rule.  A call of another kind, or of a
function that does more than compute, goes the way of any call of a library.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autodiff.capture.effects import Operands
from autodiff.capture.interpreter import Frame
from autodiff.capture.regions import Slot, fit, run_region
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, UndecidedExtent, product, same_shape, symbols
from autodiff.errors import AutodiffError, InternalError
from autodiff.ir.copying import copy_operation, copy_value
from autodiff.ir.data import ArrayType, Block, Program, Value, free_values, walk
from autodiff.ladder import Bail
from autodiff.ops import dispatch
from autodiff.ops.entries import ENTRIES
from autodiff.ops.evaluate import bound_program
from autodiff.ops.solvers import FLOAT, Quadrature, Solver, calling_from, solve
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import (
    Form,
    Tracer,
    as_tracer,
    is_traced,
)

_NUMBER = ArrayType(FLOAT, (), True)
_NUMPY_NUMBER = ArrayType(FLOAT, ())


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


_BRACKETS = _RootFinder(("f",))
ROOT_FINDERS: dict[str, _RootFinder] = {
    "brentq": _BRACKETS,
    "brenth": _BRACKETS,
    "bisect": _BRACKETS,
    "ridder": _BRACKETS,
    "toms748": _RootFinder(("f",), "scalar"),
    "newton": _RootFinder(("func", "fprime", "fprime2"), "scalar", "tol"),
    "root_scalar": _RootFinder(("f", "fprime", "fprime2"), results=None),
    "fsolve": _RootFinder(("func", "fprime"), "array", "xtol", True),
    "root": _RootFinder(("fun", "jac"), "array", "tol", True, None),
}
# Of ``root_scalar``: what hands NumPy's numbers to the function.
_OPEN_METHODS = ("newton", "secant", "halley", "toms748")


def attempt(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """The result of a call of a solver or integrator; NotImplemented where it is none of these."""
    name = getattr(function, "__name__", "")
    handler = _handler(function, name)
    if handler is None:
        return NotImplemented
    try:
        return handler(frame, function, args, kwargs, node)
    except InternalError:
        raise
    except (Bail, UndecidedExtent, AutodiffError) as problem:
        if isinstance(problem, Bail) and problem.needs is not None:
            raise
        return NotImplemented  # what is known of the call is told on its ordinary way


def _handler(function: Any, name: str) -> Callable[..., Any] | None:
    for module, names, handler in (
        ("scipy.optimize", ROOT_FINDERS, _find_root),
        ("scipy.integrate", ("quad",), _integrate),
    ):
        if name in names and getattr(sys.modules.get(module), name, None) is function:
            return handler
    return None


@functools.cache
def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(function)


def _bound(function: Any, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(_signature(function).bind(*args, **kwargs).arguments)
    except TypeError:
        raise Declined(f"{function.__name__} with these arguments") from None


# -- the user's function as a program ----------------------------------------------------------------
def _closed(block: Block, name: str) -> tuple[Program, list[Value]]:
    """A region as a program of its own, and the values from outside that it takes beside its own."""
    found: dict[Value, None] = {}
    for value in free_values(block):
        for extent in value.shape:
            found.update(dict.fromkeys(symbols(extent)))
        found[value] = None
    constants = [v for v in found if v.owner is not None and v.owner.kind == "constant"]
    read = [v for v in found if v not in constants]
    mapping: dict[Value, Value] = {}
    inputs = [copy_value(v, mapping) for v in read]
    operations = [copy_operation(v.owner, mapping, share=False) for v in constants if v.owner]
    parameters = [copy_value(p, mapping) for p in block.parameters]
    operations += [copy_operation(op, mapping, share=False) for op in block.operations]
    outputs = [mapping.get(v, v) for v in block.outputs]
    return Program(Block([*parameters, *inputs], operations, outputs), name), read


def _captured(
    frame: Frame, function: Any, parameter: Tracer, extra: Sequence[Any], node: ast.AST
) -> Any:
    """The region of a call of the user's function, with its result not yet among the outputs."""
    from autodiff.capture.calls import call

    trace = frame.trace
    naming, trace.naming = trace.naming, None
    try:
        outcome = run_region(
            frame,
            lambda: call(frame, function, [parameter, *extra], {}, node),
            [parameter.value],
        )
    finally:
        trace.naming = naming
    if outcome.raised is not None or outcome.cells or outcome.names:
        raise Declined("a function that raises, or changes what is outside of it")
    if any(ENTRIES[op.kind].has_effect and op.kind != "check" for op in walk(outcome.block)):
        raise Declined("a function that does more than compute")
    return outcome


def _number_program(
    frame: Frame, function: Any, form: Form, extra: Sequence[Any], node: ast.AST
) -> tuple[Program, list[Value]]:
    """A function from a number to a number."""
    parameter = Value(_NUMBER if form == "python" else _NUMPY_NUMBER, "z")
    outcome = _captured(frame, function, Tracer(parameter, form), extra, node)
    with frame.trace.builder.reopened(outcome.block):
        result = _as_float(outcome.value)
        if result.shape:
            raise Declined("a function whose result is no number")
        outcome.block.outputs = [result.value]
    return _closed(outcome.block, getattr(function, "__name__", "f"))


def _array_program(
    frame: Frame, function: Any, x: Tracer, extra: Sequence[Any], shape: Any, node: ast.AST
) -> tuple[Program, list[Value]]:
    """A function from a vector to an array of ``shape``."""
    parameter = Value(ArrayType(FLOAT, x.shape), "z")
    outcome = _captured(frame, function, Tracer(parameter, "array"), extra, node)
    with frame.trace.builder.reopened(outcome.block):
        result = _as_float(outcome.value)
        if not result.shape:
            result = reshape(result, (1,))
        if not same_shape(result.shape, shape):
            raise Declined("a function of other than as many results as unknowns")
        outcome.block.outputs = [result.value]
    return _closed(outcome.block, getattr(function, "__name__", "f"))


def _as_float(value: Any) -> Tracer:
    array = dispatch.functions[np.asarray](value)
    if not isinstance(array, Tracer) or array.dtype.kind not in "fiub":
        raise Declined("a function whose result is not made of numbers")
    if array.dtype != FLOAT or array.value.type.weak:
        array = array.astype(FLOAT)
    return array


# -- root finders ------------------------------------------------------------------------------------
def _find_root(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    rule = ROOT_FINDERS[function.__name__]
    given = _bound(function, args, kwargs)
    functions = {name: given.pop(name) for name in rule.functions if name in given}
    functions = {name: f for name, f in functions.items() if f is not None}
    if not all(callable(f) for f in functions.values()):
        raise Declined("a root finder with a flag in place of a function")
    extra = _extra(frame, given)
    _refuse_options(given)
    form = rule.form
    if function.__name__ == "root_scalar" and (
        given.get("method") in _OPEN_METHODS
        or (given.get("method") is None and given.get("bracket") is None)
    ):
        form = "scalar"
    operands = Operands()
    if rule.is_system:
        programs = _of_system(frame, functions, given, operands, extra, node)
    else:
        programs = [_number_program(frame, f, form, extra, node) for f in functions.values()]
        _refuse_single_precision(given)
    return _emit_root(frame, function, rule, form, tuple(functions), given, operands, programs)


def _extra(frame: Frame, given: dict[str, Any]) -> tuple[Any, ...]:
    """The further arguments of the user's functions, which SciPy hands on."""
    extra = frame.trace.deep(given.pop("args", ()))
    return extra if isinstance(extra, tuple) else (extra,)


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
    functions: dict[str, Any],
    given: dict[str, Any],
    operands: Operands,
    extra: Sequence[Any],
    node: ast.AST,
) -> list[tuple[Program, list[Value]]]:
    """The programs of a system; its start becomes the first operand, as a vector."""
    start = _as_float(frame.trace.deep(given["x0"]))
    if len(start.shape) != 1 and given.get("method", "hybr") not in ("hybr", "lm"):
        raise Declined("a method that does not make a vector of its start")
    n = product(start.shape)
    given["x0"] = reshape(start, (n,))
    operands.template(given["x0"])
    first, *others = functions.values()
    programs = [_array_program(frame, first, given["x0"], extra, (n,), node)]
    for jacobian in others:
        programs.append(_array_program(frame, jacobian, given["x0"], extra, (n, n), node))
    return programs


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
    start = given.pop("x0") if rule.is_system else None
    template = operands.template({k: _numbers(v) for k, v in trace.deep(given).items()})

    def keywords(arrays: Sequence[Any]) -> dict[str, Any]:
        made: dict[str, Any] = template(tuple(arrays))
        if start is not None:
            made["x0"] = np.array(arrays[0])
        return made

    read = list(dict.fromkeys(v for _, values in programs for v in values))
    closed = [_reading(program, values, read) for program, values in programs]
    values = (*(t.value for t in operands.tracers), *read)
    tolerance = given.get(rule.tolerance)
    solver = Solver(
        function,
        f"scipy.optimize.{function.__name__}",
        names,
        len(operands.tracers),
        keywords,
        lambda result: (result,),
        ("n",) if rule.is_system else (_NUMBER if form == "python" else _NUMPY_NUMBER,),
        rule.is_system,
        float(tolerance) if isinstance(tolerance, (int, float)) else 0.0,
        calling_from(trace.builder.source),
        (),
    )
    if all(v.owner is not None and v.owner.kind == "constant" for v in values):
        raise Declined("a root finder of constants")
    if rule.results is not None and not given.get(rule.results):
        return _emitted(frame, solver, closed, values)[0]
    return _with_all_results(frame, solver, closed, values)


def _emitted(
    frame: Frame, solver: Solver, programs: Sequence[Program], values: tuple[Value, ...]
) -> list[Tracer]:
    """What a root finder returns that is wanted, at every run."""
    attributes = {"solver": solver, "programs": tuple(programs)}
    return [_presented(v) for v in frame.trace.builder.emit("root", values, attributes)]


def _presented(value: Value) -> Tracer:
    if value.shape:
        return Tracer(value, "array")
    return Tracer(value, "python" if value.type.weak else "scalar")


def _numbers(x: Any) -> Any:
    """Sizes known only at run time as numbers."""
    if isinstance(x, list) or type(x) is tuple:
        items = [_numbers(item) for item in x]
        return tuple(items) if type(x) is tuple else items
    if isinstance(x, dict):
        return {k: _numbers(v) for k, v in x.items()}
    return as_tracer(x) if isinstance(x, Dim) else x


def _reading(program: Program, own: Sequence[Value], read: Sequence[Value]) -> Program:
    """The program with an input for each value that it or another one reads."""
    first = len(program.inputs) - len(own)
    by_value = dict(zip(own, program.inputs[first:], strict=True))
    mapping = dict(by_value)
    more = [by_value.get(v) or copy_value(v, mapping) for v in read]
    block = Block([*program.inputs[:first], *more], program.block.operations, program.outputs)
    return Program(block, program.name)


# -- results beyond the zero ------------------------------------------------------------------------
_FLAGS = ("converged", "success", "status", "ier")


def _with_all_results(
    frame: Frame, solver: Solver, programs: Sequence[Program], values: tuple[Value, ...]
) -> Any:
    """The whole of what a root finder returns.

    It has the form that it has at this call.  Texts in it follow from flags, which are guarded.
    """
    trace = frame.trace
    arrays = [trace.evaluate(v)[0] for v in values]
    evaluators = [functools.partial(bound_program, program) for program in programs]
    example, _ = solve(arrays, solver, evaluators)
    found = list(_paths(example))
    zeros = [p for p in found if p == (0,) or p[-1] in ("x", "root")]
    paths = [zeros[0], *(p for p in found if p not in zeros)]
    unknowns = np.size(_at(example, zeros[0]))
    fixed = solver.is_system and values[0].type.is_static
    whole = replace(
        solver,
        leaves=lambda result: tuple([_at(result, path) for path in paths]),
        types=tuple([_leaf_type(_at(example, p), p, solver, unknowns, fixed) for p in paths]),
        others=tuple([str(p[-1]) for p in paths[1:]]),
    )
    results = dict(zip(paths, _emitted(frame, whole, programs, values), strict=False))
    results.update(dict.fromkeys(zeros, results[zeros[0]]))
    for path, tracer in results.items():
        if path and path[-1] in _FLAGS or (path == (2,) and solver.is_system):
            trace.concrete(tracer)  # guarded
    return _rebuilt(trace, example, results, ())


def _is_leaf(x: Any) -> bool:
    return isinstance(x, (bool, int, float, np.ndarray, np.generic))


def _paths(x: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the numbers and arrays are in what SciPy returns."""
    if _is_leaf(x):
        yield path
    elif isinstance(x, (dict, tuple)):
        for key, item in x.items() if isinstance(x, dict) else enumerate(x):
            yield from _paths(item, (*path, key))
    elif not (x is None or isinstance(x, str)):
        raise Declined(f"a root finder that returns a {type(x).__name__}")


def _at(x: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        x = x[key]
    return x


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


def _rebuilt(trace: Any, x: Any, results: dict[Any, Tracer], path: tuple[Any, ...]) -> Any:
    """``x`` with the results of each run in place of its numbers and arrays."""
    if path in results:
        return results[path]
    if isinstance(x, tuple):
        return tuple([_rebuilt(trace, item, results, (*path, k)) for k, item in enumerate(x)])
    if isinstance(x, dict):
        made = dict.__new__(type(x))
        for key, item in x.items():
            dict.__setitem__(made, key, _rebuilt(trace, item, results, (*path, key)))
        return trace.fresh(made)
    return x


# -- integrators -------------------------------------------------------------------------------------
def _integrate(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.quad``: the integral and the estimate of its error."""
    trace = frame.trace
    given = _bound(function, args, kwargs)
    integrand, limits = given.pop("func"), [given.pop("a"), given.pop("b")]
    extra = _extra(frame, given)
    options = {name: x for name, x in trace.deep(given).items() if name != "full_output"}
    if given.get("full_output") or given.get("complex_func") or given.get("weight") is not None:
        raise Declined("quad with more than an integral, or with a weight")
    if is_traced(list(options.values())) or not callable(integrand):
        raise Declined("quad with options known only at run time")
    program, read = _number_program(frame, integrand, "python", extra, node)
    ends = [_as_float(x) for x in limits]
    if any(end.shape for end in ends) or not (read or is_traced(limits)):
        raise Declined("quad of constants, or between arrays")
    values = (*(end.value for end in ends), *read)
    attributes = {
        "programs": (program,),
        "like": (None,),
        "options": Quadrature(function, options, calling_from(trace.builder.source)),
    }
    results = [Tracer(v) for v in trace.builder.emit("integral", values, attributes)]
    return tuple([_presented(fit(r, Slot(FLOAT, (), "python"))) for r in results])


__all__ = ["ROOT_FINDERS", "attempt"]
