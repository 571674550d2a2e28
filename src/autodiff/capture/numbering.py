"""Which array is it, as a number of the program: where arrays that lists hold, or a branch chose, may be one.

    h.append(x); h.append(x)         columns of h: contents, numbers
    return h, x                      each number is one array, made once; that of an argument is the argument

An array outside of loops has a number that is known.  In a loop it is made of the indices, so that each pass has others;
what a loop carries of a name is its number beside its content (:mod:`~autodiff.capture.loop_arrays`), and a branch gives
the number of what it chose.  Numbers are carried where a first capture has found that they matter (``ARRAYS``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from autodiff.capture.arrays import Arrays, Chosen, array_of
from autodiff.capture.heap import Object
from autodiff.capture.references import Choice, Reference, To
from autodiff.dims import Extent, bounds
from autodiff.ir.data import Value
from autodiff.ladder import Bail, NotStaged, Rung
from autodiff.ops.builder import Builder, emit
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.known import check
from autodiff.ops.tracer import Cell, Tracer, as_tracer
from autodiff.plain_data import dataclass

# Plans of results by the number of an array, and whether it is complex (whose real part has that number too).
Known: TypeAlias = dict[tuple[int, bool], tuple[Any, ...]]
ARRAYS = "arrays"  # what an attempt has to know: that arrays in lists of the result may be one
SITES = 2**12  # places where arrays are made
BITS = 50  # of a number, for the indices of the loops around such a place
MOST_LOOPS = 4  # around one


def ArraysMatter(reason: str) -> Bail:
    """It matters which array an item of a list is: a copy does not do."""
    return Bail(Rung.LEARNT, reason, needs=(ARRAYS,))


class Numbering:
    """The numbers of the arrays of one capture; ``rolling`` are the loops that are being studied."""

    def __init__(self, heap: Arrays, builder: Builder, rolling: Sequence[Any]) -> None:
        self.heap, self.builder, self.rolling = heap, builder, rolling
        self.is_carried = False  # whether loops, branches and lists carry them
        self.sites: dict[Object, int] = {}
        # Signs that it may matter: an array became an item twice, or a list is of items of another one.
        self.repeats = self.derives = False
        self.keeps = False  # whether passes of loops, or sides of branches, keep arrays outside
        self.kept: dict[int, Callable[[], Any]] = {}  # the arrays of inputs, in a run
        self.known: Known = {}  # how results have arrays with a known number

    def forget(self) -> None:
        """Let go of all arrays."""
        self.sites.clear()

    def of(self, x: Tracer) -> Any:
        """The number of an array: an int, or a value of the program."""
        x = array_of(x.parts[0] if isinstance(x, ComplexTracer) else x)
        if not x.path and x.cell.number is not None:
            return x.cell.number() if callable(x.cell.number) else x.cell.number
        if isinstance(x.cell, Chosen) and x.cell.reference is None:
            raise NotStaged("an array that is a part of others, in a list")
        return self.of_reference(self.heap.reference(x))

    def value_of(self, x: Tracer | Reference) -> Value:
        """The number as a value, of an array or of a reference to one."""
        return as_tracer(self.of(x) if isinstance(x, Tracer) else self.of_reference(x)).value

    def of_reference(self, reference: Reference) -> Any:
        """The number of the array that a reference leads to."""
        if isinstance(reference, Choice):
            a, b = self.of_reference(reference.a), self.of_reference(reference.b)
            if isinstance(a, int) and isinstance(b, int) and a == b:
                return a
            sides = as_tracer(a).value, as_tracer(b).value
            test = self.heap.value_of(reference.predicate)
            return Tracer(emit("select", (test, *sides)), "python")
        assert isinstance(reference, To)
        return self._of_object(reference.object)

    def _of_object(self, x: Object) -> Any:
        cell, path = x.like.cell, x.like.path
        if not path and cell.number is not None:
            return cell.number() if callable(cell.number) else cell.number
        if path and getattr(path[-1], "number", None) is not None:
            return path[-1].number
        if path and self.rolling:
            raise NotStaged("a view that is an item of a list")  # each pass makes another one
        site = self.sites.setdefault(x, len(self.sites))
        indices = self._indices(cell)
        if site >= SITES:
            raise NotStaged("so many arrays, in a list")
        if not indices:
            return site
        number: Any = 0
        passes = 2 ** (BITS // len(indices))
        for index in indices:
            if index.high is None or not _surely_at_most(index.high, passes - 1):
                check(
                    np.less(Tracer(index, "python"), passes), "arrays of so many passes, in a list"
                )
            number = number * passes + Tracer(index, "python")
        return Tracer(as_tracer(number * SITES + site).value, "python")

    def _indices(self, cell: Cell) -> list[Value]:
        """Those of the loops in whose pass an array was made, outermost first."""
        blocks = [*self.builder.stack, self.builder.block]
        if cell.block is None:
            return []
        made = _first(blocks, cell.block)
        if made is None:
            raise NotStaged("an array of a branch, in a list")
        around = []
        for body in self.rolling:
            home = _first(blocks, body.home)
            if home is not None and made > home:
                around.append(body)
        if any(body.index is None for body in around) or len(around) > MOST_LOOPS:
            raise NotStaged("an array of a loop in loops, in a list")
        return [body.index for body in around]

    @staticmethod
    def knows(x: Tracer) -> bool:
        """Whether an array's number is carried, as that of an item of a list or of what a loop or branch chose."""
        if x.path:
            return getattr(x.path[-1], "number", None) is not None
        return x.cell.number is not None

    @staticmethod
    def item(content: Tracer, number: Any) -> Tracer:
        """An item of a list, of its content and its number."""
        if not (content.path and hasattr(content.path[-1], "number")):
            return content  # as it was before there was a store
        *steps, last = content.path
        step: Any = last
        return Tracer(content.cell, "array", (*steps, replace(step, number=number)))

    def same(self, a: Tracer, b: Tracer) -> Any:
        """``a is b`` of two arrays: a bool, or a traced one."""
        equal: Any = np.equal(self.of(a), self.of(b))
        if not isinstance(equal, Tracer):
            return bool(equal)
        return Tracer(as_tracer(equal).value, "python")

    def note_item(self, x: Tracer) -> None:
        """An array becomes an item of a list in a store."""
        cells = x.cell.cells if isinstance(x.cell, Chosen) else {x.cell: None}
        if x.cell.listed or x.path or any(map(self._is_of_many_passes, cells)):
            self.repeats = True
        x.cell.listed = True

    def _is_of_many_passes(self, cell: Cell) -> bool:
        """Whether an array was made before a loop that is being staged, which has it in each pass."""
        blocks = [*self.builder.stack, self.builder.block]
        made = None if cell.block is None else _first(blocks, cell.block)
        homes = [_first(blocks, body.home) for body in self.rolling]
        return any(home is not None and home >= (made or 0) for home in homes)


def _surely_at_most(n: Extent, most: int) -> bool:
    """Whether ranges show that an extent is no larger."""
    _, high = bounds(n)
    return high is not None and high <= most


def _first(blocks: Sequence[Any], block: Any) -> int | None:
    return next((k for k, known in enumerate(blocks) if known is block), None)


@dataclass(frozen=True)
class ArrayPlan:
    """An array of the result that others may be: which number it has, and how it is made if none of these is."""

    number: int
    is_output: bool
    content: tuple[Any, ...]
    known: Known
    is_complex: bool

    def build(
        self, outputs: Any, leaf: Callable[[tuple[Any, ...]], Any], made: dict[Any, Any]
    ) -> Any:
        """The array; ``leaf`` makes one of the result."""
        number = int(outputs[self.number]) if self.is_output else self.number
        key = number, self.is_complex
        return one_array(self.known, key, lambda: leaf(self.content), leaf, made)


def one_array(
    known: Known,
    key: tuple[int, bool],
    content: Callable[[], Any],
    leaf: Callable[[tuple[Any, ...]], Any],
    made: dict[Any, Any],
) -> Any:
    """The array of a number, which ``made`` has if it was made for this result."""
    if (ARRAYS, key) not in made:
        made[ARRAYS, key] = leaf(known[key]) if key in known else content()
    return made[ARRAYS, key]


__all__ = ["ARRAYS", "ArrayPlan", "ArraysMatter", "Numbering", "one_array"]
