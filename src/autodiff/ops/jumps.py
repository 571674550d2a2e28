"""Where a program jumps: what decides in it, looked at along a line.

    switches(program, moving)      the comparisons and roundings that depend on the values ``moving``
    Observer(found, read).look(t)  what each of them is at a place, in order, and the results there

A derivative that is an integral along a line, of time or of an integrand, says nothing of a jump on the
way: the place of the jump moves with what is differentiated, and the result with it.  Programs in which
nothing decides pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import evaluate
from autodiff.ir.data import Block, Program, Value, free_values, uses
from autodiff.ops.entries import ENTRIES, Partials
from autodiff.ops.evaluate import run_block
from autodiff.plain_data import dataclass


@dataclass(frozen=True, eq=False)
class Switches:
    """The values of a program that decide, and depend on what is differentiated."""

    program: Program
    values: frozenset[Value]

    def __repr__(self) -> str:
        return f"{len(self.values)} of {self.program.name}"


def switches(program: Program, moving: set[Value], along: Value | None = None) -> Switches | None:
    """The values that decide and depend on inputs ``moving``, and on ``along``; None if there are none."""
    found = _deciding(program, moving)
    if found and along is not None:
        found &= _deciding(program, {along})
    return Switches(program, frozenset(found)) if found else None


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


class _Record(dict[Value, Any]):
    """An environment that notes what the switches are, in the order of execution."""

    def __init__(self, found: Switches) -> None:
        super().__init__()
        self.found = found
        self.seen: list[bytes] = []

    def __setitem__(self, value: Value, x: Any) -> None:
        if value in self.found.values:
            self.seen.append(np.asarray(x).tobytes())
        super().__setitem__(value, x)


class Observer:
    """Looks at switches at places: values of the first inputs of their program."""

    def __init__(self, found: Switches, own: int, read: Sequence[Any]) -> None:
        self.found = found
        self.own = found.program.inputs[:own]
        self.read = dict(zip(found.program.inputs[own:], read, strict=False))

    def look(self, *place: Any) -> tuple[list[bytes], list[Any]]:
        """The switches, and the results of the program; a vector may be longer than it is needed."""
        record = _Record(self.found)
        record.update({v: np.asarray(x, v.dtype) for v, x in self.read.items()})
        for v, x in zip(self.own, place, strict=True):
            part = x if not v.shape else x[: evaluate(v.shape[0], lambda value: int(record[value]))]
            record.update({v: np.array(part, v.dtype)})
        with np.errstate(all="ignore"):
            results = run_block(self.found.program.block, record)
        return record.seen, results

    def jump(
        self,
        low: float,
        high: float,
        place: Callable[[float], Sequence[Any]],
        scale: float = 0.0,
    ) -> float | None:
        """Where the results jump between two parameters of a line that have other switches, if they do.

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


__all__ = ["Observer", "Switches", "switches"]
