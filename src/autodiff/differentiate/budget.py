"""``checkpoint="auto"``: loops in as few segments as a budget of memory asks for.

    derive(program)    ==>    derive(program with some loops marked), whose tape is within the budget

The tape is what loops keep of each iteration for the way back.  How much that is, is seen from the
derived program: a loop of the function has a number there (``tape``), and stacks, whose bytes are
known.  Where they are too many, the loop that keeps most is cut into segments
(:mod:`~autodiff.differentiate.checkpoints`), then into segments of segments, and so on.  A level costs
one more run of the loop, so none is made that is not needed.

Where sizes are symbols, their values at this call decide, and the program checks that the bytes of
another call are within the budget too; else that call has a program of its own.

How long a ``while`` loop is, nobody knows before it runs: it is in segments in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from autodiff.differentiate.checkpoints import Segments, can_be_cut
from autodiff.dims import Dim, Extent, evaluate, product, symbols
from autodiff.errors import MemoryBudgetError
from autodiff.ir.copying import Mapping as Values
from autodiff.ir.copying import copy_operation
from autodiff.ir.data import Block, Operation, Program, Value, walk
from autodiff.ops.builder import building
from autodiff.ops.control import GUARD, emit_check
from autodiff.ops.entries import ENTRIES
from autodiff.ops.evaluate import run_operation
from autodiff.ops.tracer import as_tracer, emit_tracer
from autodiff.plain_data import dataclass

MOST_LEVELS = 4  # of segments within segments: 10**6 iterations then keep some 80
_WORTH = 0.9  # what a further level may keep at most, as a share of what was kept without it

T = TypeVar("T")


def within_budget(
    program: Program,
    budget: int,
    known: Mapping[Value, Any],
    derive: Callable[[Program], T],
    program_of: Callable[[T], Program],
) -> T:
    """What ``derive`` makes of a program whose loops are cut so that the tape is within the budget.

    Parameters
    ----------
    program : Program
        What is differentiated.
    budget : int
        Bytes.
    known : mapping
        What symbols of its inputs are at this call.
    derive : callable
        From a program to what is made of it; ``program_of`` gives the derived program in that.

    Raises
    ------
    MemoryBudgetError
        Where no segments are enough.
    """
    numbered, loops = _numbered(program)
    if not loops:
        return derive(numbered)
    cuts = _Cuts(loops)
    while True:
        cuts.mark()
        found = derive(numbered)
        tape = _measured(program_of(found), known)
        if tape.total <= budget:
            _guarded(program_of(found), tape, budget)
            _without_numbers(program_of(found))
            return found
        number = cuts.chosen(tape)
        if number is None:
            raise _too_large(tape, budget, loops)
        cuts.further(number, tape)


def in_segments_throughout(program: Program) -> Program:
    """The program with each loop marked: for where the sizes of a call are not known."""
    copy, loops = _numbered(program)
    _without_numbers(copy)
    for operation in loops:
        operation.attributes["checkpointed"] = Segments()
    return copy


def _numbered(program: Program) -> tuple[Program, list[Operation]]:
    """A copy of a program whose loops have numbers, and these loops."""
    with building() as builder:
        builder.block.parameters = list(program.inputs)
        mapping: Values = {}
        for operation in program.block.operations:
            builder.block.operations.append(copy_operation(operation, mapping, share=False))
        builder.block.outputs = [mapping.get(v, v) for v in program.outputs]
        copy = Program(builder.block, program.name)
    loops = [op for op in walk(copy.block) if op.kind in ("for", "while")]
    for number, operation in enumerate(loops):
        operation.attributes["tape"] = number  # of an operation that was made here
    return copy, loops


# -- how much is kept -------------------------------------------------------------------------------
@dataclass
class _Tape:
    """What the loops of a derived program keep."""

    total: int
    of_loop: dict[int, int]  # bytes at most at a time, by the number of a loop
    ratio: dict[int, float]  # bytes an iteration by those of what the loop carries
    stacks: list[tuple[Operation, list[Value]]]  # of loops in the outermost block


def _measured(program: Program, known: Mapping[Value, Any]) -> _Tape:
    value_of = _Evaluated(known)
    of_loop: dict[int, int] = {}
    ratio: dict[int, float] = {}

    def kept(block: Block) -> int:
        """The bytes of all stacks of a block, and those that its largest loop has while it runs."""
        total, within = 0, 0
        for operation in block.operations:
            for region in operation.regions:
                within = max(within, kept(region))
            if operation.attributes.get("tape") is None:
                continue
            number = operation.attributes["tape"]
            size = sum(value_of.bytes(v) for v in _stacks(operation))
            total += size
            of_loop[number] = max(of_loop.get(number, 0), size)
            if number not in ratio and operation.kind == "for" and size:
                count = max(value_of.extent(operation.attributes["count"]) or 1, 1)
                carried = sum(value_of.bytes(v) for v in operation.operands)
                ratio[number] = size / count / max(carried, 8)
        return total + within

    total = kept(program.block)
    stacks = [(op, _stacks(op)) for op in program.block.operations if "tape" in op.attributes]
    return _Tape(total, of_loop, ratio, stacks)


def _stacks(operation: Operation) -> list[Value]:
    """The results of a loop that have a row for each iteration."""
    first = len(operation.operands) + (operation.kind == "while")
    return list(operation.results[first:])


class _Evaluated:
    """Sizes at this call, as far as they follow from what is known of its inputs."""

    def __init__(self, known: Mapping[Value, Any]) -> None:
        self.found: dict[Value, int | None] = {}
        self.known = known

    def extent(self, extent: Extent) -> int | None:
        if isinstance(extent, int):
            return extent
        values = {s: self.symbol(s) for s in symbols(extent)}
        if any(v is None for v in values.values()):
            return None
        return evaluate(extent, lambda s: values[s] or 0)

    def symbol(self, value: Value) -> int | None:
        if value not in self.found:
            self.found[value] = None
            at_call = self.known.get(value)
            if at_call is not None:
                self.found[value] = int(at_call[0])
            elif value.owner is not None:
                result = self._computed(value.owner)
                if result is not None:
                    self.found[value] = int(result[value.owner.results.index(value)])
            elif value.high is not None:  # an index: at most that
                self.found[value] = self.extent(value.high)
        return self.found[value]

    def _computed(self, operation: Operation) -> Sequence[Any] | None:
        """The results of arithmetic on numbers whose values are known."""
        entry = ENTRIES[operation.kind]
        if operation.regions or entry.has_effect or any(v.shape for v in operation.results):
            return None
        environment: dict[Value, Any] = {}
        extents = [n for n in operation.attributes.values() if isinstance(n, Dim)]
        for value in (*operation.operands, *(s for n in extents for s in symbols(n))):
            found = self._number(value)
            if found is None:
                return None
            environment[value] = found
        return run_operation(operation, environment)

    def _number(self, value: Value) -> Any:
        if value.shape:
            return None
        if value.owner is not None and value not in self.known:
            result = self._computed(value.owner)
            return None if result is None else result[value.owner.results.index(value)]
        number = self.symbol(value)
        return None if number is None else np.asarray(number, value.dtype)

    def bytes(self, value: Value) -> int:
        """The bytes of an array; 0 where nobody knows them."""
        return (self.extent(product(value.shape)) or 0) * value.dtype.itemsize


# -- what is cut --------------------------------------------------------------------------------------
class _Cuts:
    """In how many levels of segments each loop is."""

    def __init__(self, loops: Sequence[Operation]) -> None:
        self.loops = loops
        self.able = {k for k, op in enumerate(loops) if can_be_cut(op)}
        self.segments = {k: Segments() for k in self.able if loops[k].kind == "while"}
        self.before: dict[int, int] = {}  # what was kept when a loop was cut the last time

    def mark(self) -> None:
        """Mark the loops."""
        for number, segments in self.segments.items():
            self.loops[number].attributes["checkpointed"] = segments

    def chosen(self, tape: _Tape) -> int | None:
        """The number of the loop that keeps most, of those that may keep less."""
        able = [
            number
            for number, size in tape.of_loop.items()
            if size and number in self.able and self.loops[number].kind == "for"
        ]
        for number in sorted(able, key=tape.of_loop.__getitem__, reverse=True):
            levels = self.segments.get(number, Segments(0)).levels
            worth = number not in self.before or tape.total < _WORTH * self.before[number]
            if levels < MOST_LEVELS and worth:
                return number
        return None

    def further(self, number: int, tape: _Tape) -> None:
        """One more level of segments."""
        self.before[number] = tape.total
        given = self.segments.get(number)
        if given is None:
            ratio = min(max(tape.ratio.get(number, 1.0), 1e-6), 1e6)
            given = Segments(0, ratio)
        self.segments[number] = Segments(given.levels + 1, given.ratio)


def _too_large(tape: _Tape, budget: int, loops: Sequence[Operation]) -> MemoryBudgetError:
    number = max(tape.of_loop, key=tape.of_loop.__getitem__)
    return MemoryBudgetError(
        f"the way back of the derivative keeps {tape.total:,} bytes, also where its loops are in "
        f"segments, and memory={budget:,} is less.",
        source=loops[number].source,
        remedy="give it more memory; draws of random numbers, loops inside of branches and results "
        "that are returned row by row are kept whole",
    )


# -- other sizes ---------------------------------------------------------------------------------------
def _guarded(program: Program, tape: _Tape, budget: int) -> None:
    """Have the program check, before each loop, that what is kept up to there is within the budget."""
    total: Extent = 0
    checks: list[tuple[Operation, Extent]] = []
    for operation, values in tape.stacks:
        for value in values:
            if _known_before(operation, value):
                total = total + product(value.shape) * value.dtype.itemsize
        if isinstance(total, Dim) and values:
            checks.append((operation, total))
    for operation, extent in checks:
        with building() as builder:
            smaller = emit_tracer("less_equal", as_tracer(extent), as_tracer(budget))
            emit_check(smaller.value, GUARD)
        at = program.block.operations.index(operation)
        program.block.operations[at:at] = builder.block.operations


def _known_before(operation: Operation, value: Value) -> bool:
    """Whether the size of a stack is known when its loop begins, as that of a while loop is not."""
    return not any(s in operation.results for n in value.shape for s in symbols(n))


def _without_numbers(program: Program) -> None:
    """Take the numbers of loops away again."""
    for operation in walk(program.block):
        operation.attributes.pop("tape", None)


__all__ = ["in_segments_throughout", "within_budget"]
