"""The functions that a user hands to SciPy as programs of their own, and what SciPy returns as values.

    lambda z: z**2 - x      the program  f(z, x),  and x, which is read

The function is interpreted into a region on placeholders for its arguments.  The region becomes a
program of its own, which takes whatever it reads as further inputs.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff.capture.calls import call
from autodiff.capture.interpreter import Frame
from autodiff.capture.regions import run_region
from autodiff.capture.tiers import STAGED, EagerBuilder
from autodiff.capture.trace import Declined, Trace
from autodiff.dims import Dim, same_shape, symbols
from autodiff.ir.copying import copy_operation, copy_value
from autodiff.ir.data import ArrayType, Block, Program, Value, free_values, walk
from autodiff.ops import dispatch
from autodiff.ops.either import Either
from autodiff.ops.entries import ENTRIES
from autodiff.ops.solvers import FLOAT, Solver
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Form, StoredList, Tracer, as_tracer, emit_tracer
from autodiff.plain_data import dataclass

NUMBER = ArrayType(FLOAT, (), True)
NUMPY_NUMBER = ArrayType(FLOAT, ())


@functools.cache
def _signature(function: Any) -> inspect.Signature:
    return inspect.signature(function)


def bound(function: Any, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name."""
    try:
        return dict(_signature(function).bind(*args, **kwargs).arguments)
    except TypeError:
        raise Declined(f"{function.__name__} with these arguments") from None


# -- the user's function as a program ----------------------------------------------------------------
def closed_program(block: Block, name: str) -> tuple[Program, list[Value]]:
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


def call_of(
    frame: Frame,
    function: Any,
    args: Sequence[Any],
    node: ast.AST,
    named: dict[str, Any] | None = None,
) -> Any:
    """A call of the user's function."""
    return call(frame, function, list(args), dict(named or {}), node)


def captured(
    frame: Frame,
    function: Any,
    arguments: Sequence[Tracer],
    extra: Sequence[Any],
    node: ast.AST,
    parameters: Sequence[Value] = (),
    thunk: Callable[[], Any] | None = None,
) -> Any:
    """The region of a call of the user's function, with its result not yet among the outputs.

    Its parameters are ``parameters``, by default the arguments.  ``thunk`` calls it another way.
    """
    trace = frame.trace
    naming, trace.naming = trace.naming, None
    tier, trace.tier = trace.tier, STAGED  # on placeholders, no branch can be taken for good
    try:
        outcome = run_region(
            frame,
            thunk or (lambda: call_of(frame, function, [*arguments, *extra], node)),
            parameters or [x.value for x in arguments],
        )
    finally:
        trace.naming, trace.tier = naming, tier
    if outcome.raised is not None or outcome.cells or outcome.names:
        raise Declined("a function that raises, or changes what is outside of it")
    if any(ENTRIES[op.kind].has_effect and op.kind != "check" for op in walk(outcome.block)):
        raise Declined("a function that does more than compute")
    return outcome


def number_program(
    frame: Frame,
    function: Any,
    form: Form,
    extra: Sequence[Any],
    node: ast.AST,
    beside: int = 0,
) -> tuple[Program, list[Value]]:
    """A function from a number to a number, and to ``beside`` of its derivatives beside it."""
    parameter = Value(NUMBER if form == "python" else NUMPY_NUMBER, "z")
    outcome = captured(frame, function, [Tracer(parameter, form)], extra, node)
    with frame.trace.builder.reopened(outcome.block):
        results = [as_float(x) for x in _parts(outcome.value, 1 + beside)]
        if any(result.shape for result in results):
            raise Declined("a function whose result is no number")
        outcome.block.outputs = [result.value for result in results]
    return closed_program(outcome.block, getattr(function, "__name__", "f"))


def _parts(value: Any, count: int) -> list[Any]:
    """What a function returned: one thing, or so many in a tuple or list."""
    if count == 1:
        return [value]
    if not isinstance(value, (tuple, list)) or len(value) != count:
        raise Declined("a function that does not return its derivatives beside its value")
    return list(value)


def array_program(
    frame: Frame,
    function: Any,
    x: Tracer,
    extra: Sequence[Any],
    shapes: Sequence[Any],
    node: ast.AST,
    own: Any,
    less_unknown: bool,
) -> tuple[Program, list[Value]]:
    """A function of a vector with arrays of ``shapes`` as results.

    The function takes the vector as an array of shape ``own``, if given, and a first result of that
    shape is made a vector.  ``less_unknown``: minus the one that was taken.
    """
    parameter = Value(ArrayType(FLOAT, x.shape), "z")
    z = Tracer(parameter, "array")

    def thunk() -> Any:
        given = z if own is None else reshape(z, own)
        return call_of(frame, function, [given, *extra], node)

    outcome = captured(frame, function, [z], extra, node, thunk=thunk)
    with frame.trace.builder.reopened(outcome.block):
        parts = zip(_parts(outcome.value, len(shapes)), shapes, strict=True)
        first, *others = [array_of(value, shape) for value, shape in parts]
        if shapes[0] is own:
            first = reshape(first, z.shape)
        if less_unknown:
            first = emit_tracer("subtract", first, z)
        outcome.block.outputs = [first.value, *(other.value for other in others)]
    return closed_program(outcome.block, getattr(function, "__name__", "f"))


def array_of(value: Any, shape: Any) -> Tracer:
    """An array of floats of ``shape``; a number stands for an array of one."""
    result = as_float(value)
    if not result.shape:
        result = reshape(result, (1,) * len(shape))
    if not same_shape(result.shape, shape):
        raise Declined("a function of other than as many results as unknowns")
    return result


def as_float(value: Any) -> Tracer:
    """An array of floats of what a function returned, as ``np.asarray`` makes of it."""
    array = dispatch.functions[np.asarray](_widened(value))
    if not isinstance(array, Tracer) or array.dtype.kind not in "fiub":
        raise Declined("a function whose result is not made of numbers")
    if (
        array.dtype.itemsize > FLOAT.itemsize
    ):  # which some of SciPy's algorithms keep, and others refuse
        raise Declined("long doubles in what SciPy calls or is given")
    if array.dtype != FLOAT or array.value.type.weak:
        array = array.astype(FLOAT)
    return array


def _widened(x: Any) -> Any:
    """Numbers whose type depends on the path as numbers of the type that holds both."""
    if isinstance(x, StoredList) and x.is_stored():
        return x
    if isinstance(x, (list, tuple)):
        return [_widened(item) for item in x]
    return x.wide if isinstance(x, Either) else x


@dataclass(frozen=True)
class Inlined:
    """A function of capture's own in the place of one of the user's."""

    function: Callable[..., Any]

    def __autodiff_inline__(self, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        return self.function(*args)

    def __call__(self, *args: Any) -> Any:
        """As in capture, where alone it is called."""
        return self.function(*args)


def with_names(frame: Frame, function: Any, named: dict[str, Any], node: ast.AST) -> Inlined:
    """The function with some arguments given by name."""
    return Inlined(lambda *args: call_of(frame, function, args, node, named))


def further_arguments(frame: Frame, given: dict[str, Any]) -> tuple[Any, ...]:
    """The further arguments of the user's functions, which SciPy hands on."""
    extra = frame.trace.deep(given.pop("args", ()))
    return extra if isinstance(extra, tuple) else (extra,)


def reading(program: Program, own: Sequence[Value], read: Sequence[Value]) -> Program:
    """The program with an input for each value that it or another one reads."""
    first = len(program.inputs) - len(own)
    by_value = dict(zip(own, program.inputs[first:], strict=True))
    mapping = dict(by_value)
    more = [by_value.get(v) or copy_value(v, mapping) for v in read]
    block = Block([*program.inputs[:first], *more], program.block.operations, program.outputs)
    return Program(block, program.name)


@contextmanager
def for_derivatives(trace: Trace) -> Iterator[None]:
    """What is computed in here is for derivatives: where none is asked for, nothing of it is done."""
    builder, source = trace.builder, trace.builder.source
    eager = builder if isinstance(builder, EagerBuilder) and builder.at_once else None
    if source is not None:
        builder.source = source.derivative()
    if eager is not None:
        eager.at_once = False
    try:
        yield
    finally:
        builder.source = source
        if eager is not None:
            eager.at_once = True


# -- solutions ------------------------------------------------------------------------------------
def emit_solution(
    name: str,
    x: Any,
    program: Program,
    read: Sequence[Value],
    trace: Trace,
    relative: float = 1e-5,
    is_pointwise: bool = False,
) -> Tracer:
    """A number or vector that is a zero of a program, and moves as that says.

    ``relative``: what share of it a step of Newton's may be; ``is_pointwise``: a vector of zeros, each by itself.
    """
    is_system = bool(x.shape)
    solver = Solver(
        _first, name, (), 1, lambda arrays: {"x": arrays[0]}, lambda result: (result,),
        ("n" if is_system else x.value.type,), is_system, 0.0, _first, (), relative=relative,
        is_pointwise=is_pointwise,
    )  # fmt: skip
    attributes = {"solver": solver, "programs": (program,)}
    (value, _) = trace.builder.emit("root", (x.value, *read), attributes)
    return presented(value)


def _first(function: Any, keywords: dict[str, Any]) -> Any:
    """What stands for SciPy's call: the solution is among the operands."""
    return keywords["x"]


# -- arguments and results ------------------------------------------------------------------------
def presented(value: Value) -> Tracer:
    """A result as the user's code sees it."""
    if value.shape:
        return Tracer(value, "array")
    return Tracer(value, "python" if value.type.weak else "scalar")


def numbers(x: Any) -> Any:
    """Sizes known only at run time as numbers."""
    if isinstance(x, list) or type(x) is tuple:
        items = [numbers(item) for item in x]
        return tuple(items) if type(x) is tuple else items
    if isinstance(x, dict):
        return {k: numbers(v) for k, v in x.items()}
    return as_tracer(x) if isinstance(x, Dim) else x


def _is_leaf(x: Any) -> bool:
    return isinstance(x, (bool, int, float, np.ndarray, np.generic))


def paths_of(x: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the numbers and arrays are in what SciPy returns."""
    if _is_leaf(x):
        yield path
    elif isinstance(x, (dict, tuple)):
        for key, item in x.items() if isinstance(x, dict) else enumerate(x):
            yield from paths_of(item, (*path, key))
    elif not (x is None or isinstance(x, str)):
        raise Declined(f"a root finder that returns a {type(x).__name__}")


def at(x: Any, path: tuple[Any, ...]) -> Any:
    """The part of what SciPy returns at a path of keys and positions."""
    for key in path:
        x = x[key]
    return x


def rebuilt(trace: Any, x: Any, results: dict[Any, Tracer], path: tuple[Any, ...]) -> Any:
    """``x`` with the results of each run in place of its numbers and arrays."""
    if path in results:
        return results[path]
    if isinstance(x, tuple):
        items = [rebuilt(trace, item, results, (*path, k)) for k, item in enumerate(x)]
        made: Any = getattr(type(x), "_make", tuple)  # of a named tuple
        return made(items)
    if isinstance(x, dict):
        whole = dict.__new__(type(x))
        for key, item in x.items():
            dict.__setitem__(whole, key, rebuilt(trace, item, results, (*path, key)))
        return trace.fresh(whole)
    return x
