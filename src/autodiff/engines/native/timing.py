"""Where a kernel spends its time: a clock read before and after each node.

    runner = compile.TimedRunner(program)
    outputs = runner(arrays)
    for part in runner.parts(): print(part.operations, part.ticks, part.times)

A node is what ``planning`` made of some operations: a nest of loops, a routine, a loop or branch of the
program.  What nodes inside of a loop or branch take is theirs, not its.  Numbers alone (``scalar`` nodes)
are not timed, reading the clock takes longer: their time is part of that of the loop around them, whose
``numbers`` they are.  The first part is the kernel itself, which all others are inside of.

The clock is the processor's: cycles of constant length on x86 (``rdtsc``), the system counter on Arm.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING

from autodiff.ir.data import Operation
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native.generator import Generator
    from autodiff.engines.native.planning import Node

COUNTS = "timing.counts"


@dataclass
class Part:
    """What one node is made of, and how long it took: ticks of the clock, and how often it ran."""

    kind: str  # kernel, or of the node: nest, step
    operations: list[Operation]
    inside: int | None  # the number of the part around it
    numbers: list[Operation] = field(default_factory=list)
    ticks: int = 0
    times: int = 0


class Timer:
    """The parts of a kernel that is being written."""

    def __init__(self) -> None:
        self.parts = [Part("kernel", [], None)]
        self.open = [0]
        self.ticks = 0  # from the begin of the first run to the end of the last

    @contextmanager
    def whole(self, g: Generator) -> Iterator[None]:
        """Write the kernel between two readings of the clock, which are kept as well."""
        before = _read(g)
        yield
        after = _read(g)
        _count(g, 0, g.w.here(f"sub i64 {after}, {before}"))
        first, last = [_place(g, 2 * len(self.parts) + k) for k in range(2)]
        old = g.w.here(f"load i64, ptr {first}")
        is_first = g.w.here(f"icmp eq i64 {old}, 0")
        g.w.line(
            f"store i64 {g.w.here(f'select i1 {is_first}, i64 {before}, i64 {old}')}, ptr {first}"
        )
        g.w.line(f"store i64 {after}, ptr {last}")

    @contextmanager
    def measured(self, g: Generator, node: Node) -> Iterator[None]:
        """Write a node between two readings of the clock."""
        operations = _operations(node)
        if node.kind == "scalar":
            self.parts[self.open[-1]].numbers += operations
            yield
            return
        number = len(self.parts)
        self.parts.append(Part(node.kind, operations, self.open[-1]))
        before = _read(g)
        self.open.append(number)
        yield
        self.open.pop()
        _count(g, number, g.w.here(f"sub i64 {_read(g)}, {before}"))

    def note(self, counts: Sequence[int]) -> None:
        """Take the counters: the ticks of a part are less what parts inside of it took."""
        for number, part in enumerate(self.parts):
            part.ticks, part.times = counts[2 * number], counts[2 * number + 1]
        for number, part in enumerate(self.parts):
            if part.inside is not None:
                self.parts[part.inside].ticks -= counts[2 * number]
        first, last = counts[2 * len(self.parts) :]
        self.ticks = last - first

    def definition(self) -> str:
        """The counters: ticks and times of each part; when the first run began and the last ended."""
        return f"@{COUNTS} = global [{2 * len(self.parts) + 2} x i64] zeroinitializer"


def _place(g: Generator, at: int) -> str:
    return g.w.here(f"getelementptr i64, ptr @{COUNTS}, i64 {at}")


def _count(g: Generator, number: int, ticks: str) -> None:
    """Add to the counters of a part."""
    for at, more in ((2 * number, ticks), (2 * number + 1, "1")):
        place = _place(g, at)
        old = g.w.here(f"load i64, ptr {place}")
        g.w.line(f"store i64 {g.w.here(f'add i64 {old}, {more}')}, ptr {place}")


def _operations(node: Node) -> list[Operation]:
    if node.operation is not None:
        return [node.operation]
    return [root.value.owner for root in node.roots if root.value.owner is not None]


def _read(g: Generator) -> str:
    # On Arm a program may not read the processor's cycles.
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    name = "llvm.readcyclecounter" if is_x86 else "llvm.readsteadycounter"
    g.w.declared.setdefault(name, f"declare i64 @{name}()")
    return g.w.here(f"call i64 @{name}()")
