"""Running operations by their NumPy meaning: the ground truth of every engine.

``run_block`` runs a block on an environment of arrays, control flow by Python's own.  The
reference engine is a thin wrapper around it; capture uses it to know a value at this call, where what
acts on the world must not be done: the program will do it (``without_effects``).  There a loop may take
so many steps (``at_most``) that an engine had better run it, as a program of its own (``as_program``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np

from autodiff.dims import Dim, evaluate, symbols
from autodiff.ir.copying import Mapping, copy_block, copy_operation, copy_value
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, free_values, uses
from autodiff.ladder import NotStaged
from autodiff.ops.builder import Builder, building
from autodiff.ops.control import Refusal, emit_check, fitted_result
from autodiff.ops.entries import ENTRIES
from autodiff.ops.nonfinite import Finder, watcher
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import as_tracer
from autodiff.signals import Signal

Environment = dict[Value, Any]

Draw = Callable[[Any, Sequence[Any]], Sequence[Any]]

_steps_left: ContextVar[list[int] | None] = ContextVar("steps_left", default=None)


class TooManySteps(Signal):
    """A run that was given a number of operations needs more."""


def _refuse(function: Any, arguments: Sequence[Any]) -> Sequence[Any]:
    raise NotStaged("the result of a random draw or clock is needed by Python")


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


@contextmanager
def at_most(steps: int) -> Iterator[None]:
    """Run operations, those in loops counted at every iteration, as long as they are no more.

    Raises
    ------
    TooManySteps
        When a run needs more.
    """
    token = _steps_left.set([steps])
    try:
        yield
    finally:
        _steps_left.reset(token)


def run_block(block: Block, environment: Environment) -> list[Any]:
    """Run a block whose parameters are bound; the values of its outputs."""
    left = _steps_left.get()
    if left is not None:
        left[0] -= 1 + len(block.operations)
        if left[0] < 0:
            raise TooManySteps
    finder = watcher()
    for operation in block.operations:
        if finder is None:
            results = run_operation(operation, environment)
        else:
            results = _run_watched(finder, operation, environment)
        for value, result in zip(operation.results, results, strict=True):
            environment[value] = result
    return [environment[v] for v in block.outputs]


def _run_watched(finder: Finder, operation: Operation, environment: Environment) -> Sequence[Any]:
    before = finder.begin(operation)
    operands = [environment[v] for v in operation.operands]
    results = tuple(run_operation(operation, environment))
    finder.end(before, operands, results)
    return results


def run_operation(operation: Operation, environment: Environment) -> Sequence[Any]:
    """The results of one operation."""
    control = _CONTROL.get(operation.kind)
    if control is not None:
        return control(operation, environment)
    arguments = [environment[v] for v in operation.operands]
    draw = _draws.get() if operation.kind == "host_call" else None
    if draw is not None:
        if isinstance(operation.attributes["function"], Refusal):
            raise NotStaged("the result of a random draw or clock is needed by Python")
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


def bound_program(program: Program, *read: Any) -> Callable[..., list[Any]]:
    """A program as a function of its first inputs, the last ones given."""
    own = program.inputs[: len(program.inputs) - len(read)]
    others = program.inputs[len(own) :]
    known = {v: np.asarray(x, v.dtype) for x, v in zip(read, others, strict=True)}

    def evaluate(*arguments: Any) -> list[Any]:
        given = {v: np.asarray(x, v.dtype) for x, v in zip(arguments, own, strict=True)}
        return run_block(program.block, {**known, **given})

    return evaluate


def all_uses(operation: Operation) -> list[Value]:
    """The values from outside that an operation uses, in its regions too."""
    found = dict.fromkeys(uses(operation))
    for region in operation.regions:
        found.update(dict.fromkeys(free_values(region)))
    return list(found)


def as_program(operation: Operation) -> tuple[Program, list[Value]]:
    """An operation as a program of its own that acts on nothing, and the values that it takes.

    Where the operation would need what acts on the world, a check of the program fails.
    """
    taken: dict[Value, None] = {}
    mapping: Mapping = {}
    builder = Builder()

    def take(value: Value) -> None:
        if value not in taken:
            for symbol in (s for n in value.shape for s in symbols(n)):
                take(symbol)
            taken[value] = None
            builder.block.parameters.append(copy_value(value, mapping))

    for value in all_uses(operation):
        take(value)
    copied = copy_operation(operation, mapping, share=False)
    block = builder.block
    block.operations.append(copied)
    block.outputs = list(copied.results)
    _leave_out_effects(block)
    return Program(block, operation.kind), list(taken)


def _leave_out_effects(block: Block) -> None:
    """Put a check that fails, and zeros, for what acts on the world and gives or raises something."""
    mapping: Mapping = {}
    with building() as builder:
        for operation in block.operations:
            for region in operation.regions:
                _leave_out_effects(region)
            if operation.kind != "host_call":
                copied = copy_operation(operation, mapping)
                copied.attributes = {k: _harmless(v) for k, v in copied.attributes.items()}
                builder.block.operations.append(copied)
            elif operation.results or isinstance(operation.attributes["function"], Refusal):
                emit_check(as_tracer(False).value, "needs what acts on the world")
                for result in operation.results:
                    mapping[result] = zeros(result.shape, result.dtype).value
    block.operations = builder.block.operations
    block.outputs = [mapping.get(v, v) for v in block.outputs]


def _harmless(attribute: Any) -> Any:
    """An attribute; a program among them without what acts on the world."""
    if not isinstance(attribute, Program):
        return attribute
    block = copy_block(attribute.block, {})
    _leave_out_effects(block)
    return Program(block, attribute.name)


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
    finder = watcher()
    if finder is not None:
        finder.begin_pass(k)
    outputs = run_block(body, environment)
    if finder is not None:
        finder.passes.pop()
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
