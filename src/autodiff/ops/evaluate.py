"""Running operations by their NumPy meaning: the ground truth of every engine.

``run_block`` runs a block on an environment of arrays, control flow by Python's own.  The
reference engine is a thin wrapper around it; capture uses it to know a value at this call, where what
acts on the world must not be done: the program will do it (``without_effects``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np

from autodiff.dims import Dim, evaluate
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value
from autodiff.ops.control import Refusal, fitted_result
from autodiff.ops.entries import ENTRIES
from autodiff.signals import Signal

Environment = dict[Value, Any]

Draw = Callable[[Any, Sequence[Any]], Sequence[Any]]


class NeedsEffect(Signal):
    """A value depends on what acts on the world, at a run that must not act."""


def _refuse(function: Any, arguments: Sequence[Any]) -> Sequence[Any]:
    raise NeedsEffect


# Where effects are left out: how values are had that only an effect gives.
_draws: ContextVar[Draw | None] = ContextVar("autodiff_draws", default=None)


@contextmanager
def without_effects(draw: Draw = _refuse) -> Iterator[None]:
    """Run operations for their values alone: nothing is shown, drawn or raised by the user's code.

    ``draw``: what gives the results of a host call, from its function and its arguments.
    """
    token = _draws.set(draw)
    try:
        yield
    finally:
        _draws.reset(token)


def run_block(block: Block, environment: Environment) -> list[Any]:
    """Run a block whose parameters are bound; the values of its outputs."""
    for operation in block.operations:
        results = run_operation(operation, environment)
        for value, result in zip(operation.results, results, strict=True):
            environment[value] = result
    return [environment[v] for v in block.outputs]


def run_operation(operation: Operation, environment: Environment) -> Sequence[Any]:
    """The results of one operation."""
    control = _CONTROL.get(operation.kind)
    if control is not None:
        return control(operation, environment)
    arguments = [environment[v] for v in operation.operands]
    draw = _draws.get() if operation.kind == "host_call" else None
    if draw is not None:
        if isinstance(operation.attributes["function"], Refusal):
            raise NeedsEffect
        return draw(operation.attributes["function"], arguments) if operation.results else ()
    attributes = {k: resolve(v, environment) for k, v in operation.attributes.items()}
    result = ENTRIES[operation.kind].meaning(*arguments, **attributes)
    if len(operation.results) == 1 and not isinstance(result, tuple):
        dtype = operation.results[0].type.dtype
        if getattr(result, "dtype", None) != dtype:
            result = np.asarray(result, dtype)
        return (result,)
    if operation.kind == "host_call":
        for value, made in zip(operation.results, result, strict=True):
            type = ArrayType(value.dtype, resolve(value.shape, environment))
            fitted_result(made, type, operation.attributes["function"].__name__)
    return result


def bound_program(program: Program, *read: Any) -> Callable[[Any], list[Any]]:
    """A program as a function of its first input, the others given."""
    first, *others = program.inputs
    known = {v: np.asarray(x, v.dtype) for x, v in zip(read, others, strict=True)}
    return lambda z: run_block(program.block, {**known, first: np.asarray(z, first.dtype)})


def resolve(attribute: Any, environment: Environment) -> Any:
    """An attribute with every extent replaced by its integer, a program by a function."""
    if isinstance(attribute, Dim):
        return evaluate(attribute, lambda value: environment[value])
    if isinstance(attribute, Program):
        return partial(bound_program, attribute)
    if isinstance(attribute, tuple):
        return tuple([resolve(item, environment) for item in attribute])
    return attribute


def _run_cond(operation: Operation, environment: Environment) -> Sequence[Any]:
    then, orelse = operation.regions
    return run_block(then if environment[operation.operands[0]] else orelse, environment)


def _stack(rows: list[list[Any]], values: Sequence[Value], environment: Environment) -> list[Any]:
    stacks = []
    for k, value in enumerate(values):
        if rows:
            stacks.append(np.stack([np.asarray(row[k]) for row in rows]))
        else:
            shape = resolve(tuple(value.type.shape[1:]), environment)
            stacks.append(np.zeros((0, *shape), value.type.dtype))
    return stacks


def _run_body(
    body: Block, k: int, carries: list[Any], environment: Environment
) -> tuple[list[Any], list[Any]]:
    environment.update(zip(body.parameters, [np.int64(k), *carries], strict=True))
    outputs = run_block(body, environment)
    return outputs[: len(carries)], outputs[len(carries) :]


def _run_for(operation: Operation, environment: Environment) -> Sequence[Any]:
    (body,) = operation.regions
    carries = [environment[v] for v in operation.operands]
    rows = []
    for k in range(resolve(operation.attributes["count"], environment)):
        carries, row = _run_body(body, k, carries, environment)
        rows.append(row)
    return carries + _stack(rows, operation.results[len(carries) :], environment)


def _run_while(operation: Operation, environment: Environment) -> Sequence[Any]:
    test, body = operation.regions
    carries = [environment[v] for v in operation.operands]
    rows: list[list[Any]] = []
    while True:
        environment.update(zip(test.parameters, carries, strict=True))
        if not run_block(test, environment)[0]:
            break
        carries, row = _run_body(body, len(rows), carries, environment)
        rows.append(row)
    stacks = _stack(rows, operation.results[1 + len(carries) :], environment)
    return [np.int64(len(rows)), *carries, *stacks]


def _run_custom(operation: Operation, environment: Environment) -> Sequence[Any]:
    primal = operation.regions[0]
    arguments = [environment[v] for v in operation.operands]
    environment.update(zip(primal.parameters, arguments, strict=True))
    return run_block(primal, environment)


_CONTROL: dict[str, Callable[[Operation, Environment], Sequence[Any]]] = {
    "cond": _run_cond,
    "for": _run_for,
    "while": _run_while,
    "custom": _run_custom,
}
