"""Building programs from plain functions for the tests of this folder, and running them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.engines.numpy import compile_program as numpy_engine
from autodiff.ir import ArrayType, Program, verify
from autodiff.ops.builder import building
from autodiff.ops.entries import type_rule_of
from autodiff.ops.tracer import Tracer, as_tracer

# An engine is one more line here: name -> compile_program.
ENGINES: dict[str, Callable[[Program], Callable[[Sequence[Any]], list[Any]]]] = {
    "numpy": numpy_engine,
}


def parameter_of(builder: Any, x: Any, k: int) -> Tracer:
    """A program parameter in the place of a number, NumPy scalar or array."""
    array = np.asarray(x)
    weak = type(x) in (int, float)
    value = builder.parameter(ArrayType(array.dtype, array.shape, weak), f"x{k}")
    form = "python" if type(x) in (int, float, bool) else "scalar" if isinstance(x, np.generic) else "array"
    return Tracer(value, form)


def leaves(result: Any) -> list[Any]:
    """The arrays of a result: itself, or the items of a tuple or list."""
    if isinstance(result, (tuple, list)):
        return [leaf for item in result for leaf in leaves(item)]
    return [result]


def trace_with_result(f: Callable[..., Any], *examples: Any) -> tuple[Program, Any]:
    """The program of ``f`` at arguments like ``examples``, and what ``f`` returned."""
    with building() as builder:
        result = f(*[parameter_of(builder, x, k) for k, x in enumerate(examples)])
        builder.block.outputs = [as_tracer(leaf).value for leaf in leaves(result)]
    program = Program(builder.block, getattr(f, "__name__", "f"))
    return verify(program, type_rule_of, "tracing"), result


def trace(f: Callable[..., Any], *examples: Any) -> Program:
    """The program of ``f`` at arguments like ``examples``."""
    return trace_with_result(f, *examples)[0]


def run(f: Callable[..., Any], *arguments: Any, engine: str = "numpy") -> Any:
    """``f`` of the arguments by way of a program and an engine, forms restored."""
    program, result = trace_with_result(f, *arguments)
    outputs = ENGINES[engine](program)([np.asarray(x) for x in arguments])
    shaped = [_in_form(o, leaf) for o, leaf in zip(outputs, leaves(result), strict=True)]
    if not isinstance(result, (tuple, list)):
        return shaped[0]
    return tuple(shaped)


def _in_form(output: Any, leaf: Any) -> Any:
    form = leaf.form if isinstance(leaf, Tracer) else as_tracer_form(leaf)
    array = np.asarray(output)
    if form == "array":
        return array
    return array[()] if form == "scalar" else array[()].item()


def as_tracer_form(x: Any) -> str:
    """The form of something that is not traced."""
    return "array" if isinstance(x, np.ndarray) else "scalar" if isinstance(x, np.generic) else "python"
