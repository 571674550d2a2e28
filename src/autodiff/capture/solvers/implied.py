"""Solutions that a residual defines, however they were found: ``autodiff.implicit`` in captured code.

    x = solve(p),  residual(x, p) = 0      root(x, *read; programs=(residual(z, *read),))

The solution is what the user's code gives, as it is given; nothing of how it was found is differentiated.
Its numbers, of all arrays of a container, are the unknowns, and those of the residual the equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.calls import call, verdicts
from autodiff.capture.interpreter import Frame
from autodiff.capture.nested import call_frame, of_rule
from autodiff.capture.origins import type_of
from autodiff.capture.solvers.programs import as_float, captured, closed_program, emit_solution
from autodiff.capture.trace import Trace
from autodiff.dims import differ, product
from autodiff.errors import ArgumentError, ShapeError
from autodiff.ir.data import ArrayType, Program, Source, Value
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.custom import stop
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class Definition:
    """A solver of the user's own, and what is zero at what it gives."""

    solve: Callable[..., Any]
    residual: Callable[..., Any]

    def __str__(self) -> str:
        return f"implicit({_name(self.solve)}, {_name(self.residual)})"


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def solution(trace: Trace, given: Definition, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The solution, as a value of the program that moves as the residual says."""
    frame, source = call_frame(trace), trace.builder.source
    node = frame.scope.syntax.node
    with _without_derivative(trace):
        found = call(
            frame,
            given.solve,
            [_stopped(x) for x in args],
            {name: _stopped(x) for name, x in kwargs.items()},
            node,
        )
    trace.builder.source = source
    found = trace.deep(found)
    leaves, structure = tree.flatten(found) if tree.is_container(found) else ([found], None)
    unknowns = [_unknown(given, x, source) for x in leaves]
    parts = [stop(reshape(x, (product(x.shape),))) for x in unknowns]
    whole: Any = parts[0] if len(parts) == 1 else np.concatenate(parts)
    forms = [x.form if isinstance(x, Tracer) else "python" for x in leaves]
    is_number = structure is None and not unknowns[0].shape
    if is_number:
        whole = stop(unknowns[0])

    def shaped(vector: Any) -> Any:
        """The solution, from all of its numbers as a vector."""
        pieces = [vector] if is_number else _pieces(vector, unknowns)
        pieces = [Tracer(x.value, form) for x, form in zip(pieces, forms, strict=True)]
        return pieces[0] if structure is None else tree.unflatten(structure, pieces)

    def verdict() -> Exception | None:
        return verdicts.verdict(trace, given.residual, [found, *args], kwargs)

    def residual(*of: Any) -> Any:
        with of_rule(verdict):
            return call(frame, given.residual, list(of), kwargs, node)

    with of_rule(verdict):
        program, read = _equations(frame, given, whole, shaped, args, residual, source)
    if not read:
        return shaped(whole)
    return shaped(emit_solution(str(given), whole, program, read, trace))


@contextmanager
def _without_derivative(trace: Trace) -> Iterator[None]:
    """Nothing in here carries derivatives: of how a solution is found none is asked."""
    carrying, trace.differentiable = trace.differentiable, set()
    try:
        yield
    finally:
        trace.differentiable = carrying | trace.differentiable


def _stopped(x: Any) -> Any:
    if isinstance(x, Tracer):
        return stop(x) if not x.shape else x
    return x


def _unknown(given: Definition, x: Any, source: Source | None) -> Tracer:
    """An array or number of the solution."""
    if isinstance(x, ComplexTracer):
        raise ArgumentError(
            f"the solver of {given} gives a complex number, not a real one.",
            source=source,
            remedy="return real numbers, such as the real and the imaginary part",
        )
    if not isinstance(x, (Tracer, np.ndarray, np.generic, float)):
        raise ArgumentError(
            f"the solver of {given} gives a {type_of(x).__name__}, not an array or a number.",
            source=source,
            remedy="return real numbers, arrays of them, or a container of these",
        )
    tracer = as_tracer(x)
    if tracer.dtype != FLOAT:
        raise ArgumentError(
            f"the solver of {given} gives an array of {tracer.dtype}, not of float64.",
            source=source,
            remedy="return real numbers in double precision",
        )
    return tracer


def _pieces(vector: Any, like: Sequence[Tracer]) -> list[Any]:
    """A vector as arrays of the shapes of others."""
    pieces, at = [], 0
    for x in like:
        size: Any = product(x.shape)
        pieces.append(reshape(vector[at : at + size], x.shape))
        at = at + size
    return pieces


def _equations(
    frame: Frame,
    given: Definition,
    whole: Any,
    shaped: Callable[[Any], Any],
    args: Sequence[Any],
    residual: Callable[..., Any],
    source: Source | None,
) -> tuple[Program, list[Value]]:
    """The residual as a function of all unknowns, with as many results."""
    parameter = Value(ArrayType(FLOAT, whole.shape), "z")
    z = Tracer(parameter, "array" if whole.shape else "scalar")

    node = frame.scope.syntax.node
    thunk = lambda: residual(shaped(z), *args)  # noqa: E731
    outcome = captured(frame, given.residual, [z], (), node, thunk=thunk)
    with frame.trace.builder.reopened(outcome.block):
        value = outcome.value
        leaves = tree.flatten(value)[0] if isinstance(value, dict) else [value]
        parts = [as_float(_residual(given, x, source)) for x in leaves]
        flat: list[Any] = [reshape(x, (product(x.shape),)) for x in parts]
        vector: Any = flat[0] if len(flat) == 1 else np.concatenate(flat)
        if differ(vector.shape[0], product(whole.shape)):
            raise ShapeError(
                f"the residual of {given} has {vector.shape[0]} elements where the solution has "
                f"{product(whole.shape)}.",
                code="AD202",
                source=source,
                remedy="return one equation for each number of the solution",
            )
        outcome.block.outputs = [reshape(vector, whole.shape).value]
    return closed_program(outcome.block, _name(given.residual))


def _residual(given: Definition, x: Any, source: Source | None) -> Any:
    if x is None:
        raise ArgumentError(
            f"the residual of {given} gives None.",
            source=source,
            remedy="return one equation for each number of the solution",
        )
    return x


__all__ = ["Definition", "solution"]
