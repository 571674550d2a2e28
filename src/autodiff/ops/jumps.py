"""Where a program jumps: what decides in it, looked at along a line.

    watched(program, moving)    the program with one more result: the state of what decides in it
    Observer(evaluate)          the state and the results at places, and where they jump

What decides are comparisons and roundings that depend on the values ``moving``.  Their state is a number
that is the same where all of them are: those of a pass of a loop are stacked, those of a branch are results of
it, and all are mixed into 64 bits.  A watched program is compiled like any other.

A derivative that is an integral along a line, of time or of an integrand, says nothing of a jump on the
way: the place of the jump moves with what is differentiated, and the result with it.  Programs in which
nothing decides pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim
from autodiff.ir.copying import Mapping, copy_operation, copy_value, map_attribute
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, free_values, uses
from autodiff.ops.builder import building, current_builder
from autodiff.ops.entries import ENTRIES, Partials
from autodiff.ops.tracer import Tracer, emit_tracer

_INT = np.dtype(np.int64)


def watched(program: Program, moving: set[Value], along: Value | None = None) -> Program | None:
    """The program with its state as last result, an int64; None where nothing decides.

    What decides depends on any of the inputs ``moving``, and on ``along`` where that is given.
    """
    found = _deciding(program, moving)
    if found and along is not None:
        found &= _deciding(program, {along})
    if not found:
        return None
    with building() as builder:
        mapping: Mapping = {}
        builder.block.parameters = list(program.inputs)
        state = _watch(program.block, found, mapping)
        outputs = [mapping.get(v, v) for v in program.outputs]
        builder.block.outputs = [*outputs, state.value]
    return Program(builder.block, program.name)


def _watch(block: Block, found: set[Value], mapping: Mapping) -> Any:
    """Append the operations of a block; the state of what decides in it."""
    states: list[Any] = []
    for operation in block.operations:
        if operation.kind == "custom":  # is what its primal program computes
            primal = operation.regions[0]
            given = [mapping.get(v, v) for v in operation.operands]
            mapping.update(zip(primal.parameters, given, strict=True))
            states.append(_watch(primal, found, mapping))
            outputs = [mapping.get(v, v) for v in primal.outputs]
            mapping.update(zip(operation.results, outputs, strict=True))
        elif operation.regions and not found.isdisjoint(_defined(operation)):
            states.append(_watch_regions(operation, found, mapping))
        else:
            current_builder().block.operations.append(copy_operation(operation, mapping))
        for value in operation.results:
            if value in found:
                states.append(_bits(Tracer(mapping.get(value, value), "array")))
    return _mixed(states)


def _watch_regions(operation: Operation, found: set[Value], mapping: Mapping) -> Any:
    """Append an operation with regions, which yield their states too; the state of all of them."""
    builder = current_builder()
    regions = []
    for region in operation.regions:
        with builder.region() as block:
            block.parameters = [copy_value(v, mapping) for v in region.parameters]
            state = _watch(region, found, mapping)
            block.outputs = [mapping.get(v, v) for v in region.outputs]
            if operation.kind != "while" or region is operation.regions[-1]:
                block.outputs.append(state.value)  # what a test decides shows in the trips
        regions.append(block)
    operands = tuple([mapping.get(v, v) for v in operation.operands])
    attributes = {k: map_attribute(v, mapping) for k, v in operation.attributes.items()}
    results = [copy_value(v, mapping) for v in operation.results]
    shape: tuple[Any, ...] = ()
    if operation.kind == "for":
        shape = (attributes["count"],)
    elif operation.kind == "while":
        shape = (Dim.symbol(results[0]),)
    last = Value(ArrayType(_INT, shape))
    builder.block.operations.append(
        Operation(
            operation.kind,
            operands,
            attributes,
            (*results, last),
            tuple(regions),
            operation.source,
        )
    )
    return _bits(Tracer(last, "array"))


def _defined(operation: Operation) -> Iterable[Value]:
    """The values that are defined in the regions of an operation."""
    for region in operation.regions:
        yield from region.parameters
        for inner in region.operations:
            yield from inner.results
            yield from _defined(inner)


# Odd numbers without a pattern (Steele, Lea and Flood 2014, Fast splittable pseudorandom number generators).
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = 0xBF58476D1CE4E5B9 - 2**64


def _mixed(states: Sequence[Any]) -> Any:
    """One number of several, whose order counts."""
    total: Any = Tracer.constant(np.int64(0))
    for number, state in enumerate(states, 1):
        total = total + state * np.int64(_odd(number))
    return total


def _odd(number: int) -> int:
    x = number * _GOLDEN % 2**64
    x = (x ^ (x >> 30)) * (_MIX + 2**64) % 2**64
    return (x ^ (x >> 27) | 1) - 2**63


def _bits(x: Any) -> Any:
    """A number for the elements of an array, whose order counts."""
    if x.dtype.kind == "f":
        # What is rounded is a whole number, or so large that it is its own rounding.
        x = np.where(np.isnan(x), -3.0, np.clip(x, -(2.0**53), 2.0**53) * 2.0)
    x = x.astype(_INT)
    if x.ndim == 0:
        return x
    line: Any = np.reshape(x, (-1,))
    place: Any = emit_tracer(
        "iota", size=line.shape[0], dtype=_INT
    )  # of which size, the run may say
    weight = (place + np.int64(1)) * np.int64(_MIX)
    weight = (weight ^ (weight >> np.int64(31))) * np.int64(_MIX)
    return np.sum(line * (weight | np.int64(1)))


def _deciding(program: Program, moving: set[Value]) -> set[Value]:
    """The values that decide what the results are, and depend on any of ``moving``."""
    moving, found, read = set(moving), set[Value](), _reaching(program)

    def visit(block: Block) -> None:
        for operation in block.operations:
            entry = ENTRIES[operation.kind]
            if not any(v in moving for v in operation.operands):
                if not any(v in moving for r in operation.regions for v in free_values(r)):
                    continue
            for region in operation.regions:
                moving.update(region.parameters)
                visit(region)
            moving.update(operation.results)
            steps = isinstance(entry.derivative, Partials) and not any(entry.derivative.rules)
            for value in read.intersection(operation.results):
                if value.dtype.kind in "biu" or steps or entry.zero_derivative:
                    found.add(value)

    visit(program.block)
    return found


def _reaching(program: Program) -> set[Value]:
    """The values that reach the results: what a check alone reads decides whether there are any."""
    found: set[Value] = set()

    def visit(block: Block, wanted: set[Value]) -> None:
        found.update(wanted)
        for operation in reversed(block.operations):
            if operation.kind == "check" or found.isdisjoint(operation.results):
                continue
            found.update(uses(operation))
            for region in operation.regions:
                visit(region, set(region.outputs))

    visit(program.block, set(program.outputs))
    return found


class Observer:
    """Looks at a watched program at places, which are what ``evaluate`` takes."""

    def __init__(self, evaluate: Callable[..., Sequence[Any]]) -> None:
        self.evaluate = evaluate

    def look(self, *place: Any) -> tuple[int, Sequence[Any]]:
        """The state of what decides, and the results."""
        with np.errstate(all="ignore"):
            *results, state = self.evaluate(*place)
        return int(state), results

    def jump(
        self,
        low: float,
        high: float,
        place: Callable[[float], Sequence[Any]],
        scale: float = 0.0,
    ) -> float | None:
        """Where the results jump between two parameters of a line that have other states, if they do.

        ``scale`` is how large they are elsewhere: a density that underflows to 0 does not jump.
        """
        begin = self.look(*place(low))[0]
        for _ in range(60):
            middle = 0.5 * (low + high)
            if self.look(*place(middle))[0] == begin:
                low = middle
            else:
                high = middle
        for before, after in zip(
            self.look(*place(low))[1], self.look(*place(high))[1], strict=True
        ):
            size = np.maximum(np.abs(before), np.abs(after))
            least = 1e-10 * max(np.max(size, initial=0.0), scale)
            if np.any(np.abs(after - before) > 1e-6 * size + least):
                return high
        return None


__all__ = ["Observer", "watched"]
