"""What the body of a loop carries: variables in the types, and arrays in the extents, that they have in all passes.

    y = 0; for v in xs: y += v              y: float64, which holds the 0 as well
    for k in range(n): u = u[:-1]           u: float64[n], of which n - k elements count

What else is carried is found in :mod:`autodiff.capture.carried_lists` and :mod:`autodiff.capture.carried_objects`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from functools import partial
from typing import Any

import numpy as np

from autodiff.capture.frames import Scope
from autodiff.capture.holders import is_aliased
from autodiff.capture.interpreter import Frame
from autodiff.capture.kept import Contents
from autodiff.capture.lists import TracedList
from autodiff.capture.loop_arrays import NUMBER, EvenSize, LoopArrays, Size
from autodiff.capture.regions import Outcome, defined
from autodiff.capture.slots import Slot, Types, tag_of, types_of
from autodiff.capture.structures import LeafScope
from autodiff.dims import Dim, Extent, bounds, maximum, same_shape, symbols, upper_bound
from autodiff.ir.data import Block, Value
from autodiff.ladder import Bail, Rung
from autodiff.ops.either import Kind, is_array, kinds_of
from autodiff.ops.structural import slice_of
from autodiff.ops.tracer import Cell, Tracer
from autodiff.plain_data import dataclass

ATTEMPTS = 12
FLAG = Slot(np.dtype(bool), (), "python")


def peel_first(reason: str) -> Bail:
    """Only the first iteration differs from the others."""
    return Bail(Rung.PEELED, reason)


class Tags:
    """A scope for what no name of the user's stands for: types of numbers, extents of arrays."""

    def __init__(self) -> None:
        self.locals: dict[str, Any] = {}
        self.starts: dict[str, Any] = {}  # before the loop
        self.parent = None


@dataclass(eq=False)
class Carries:
    """What a loop carries; fields of the body under study."""

    frame: Frame
    run: Callable[[Value], None]
    count: Extent | None  # of iterations, where it is known before
    limit: Extent | None  # more iterations there will not be
    names: dict[tuple[Any, str], Slot] = field(default_factory=dict)
    # Of names whose extents change: those that do, by axis.  Their slots have the extents at entry.
    sizes: dict[tuple[Scope, str], dict[int, Size | EvenSize]] = field(default_factory=dict)
    placed: dict[tuple[Scope, str], Value] = field(default_factory=dict)  # what names stand for
    cells: list[Cell] = field(default_factory=list)
    # Lists that the body changes, with at most how many items it appends to them; what they were.
    lists: dict[TracedList, Extent] = field(default_factory=dict)
    before: dict[TracedList, Contents] = field(default_factory=dict)
    named: int = 0  # how many names had become members' by then (``findings.Findings.renamed``)
    # Numbers of items that grow by the same in every iteration: their start and step.
    inductive: dict[Cell, tuple[Extent, Extent]] = field(default_factory=dict)
    uneven: set[Cell] = field(default_factory=set)
    temporaries: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    # Of temporaries that not every iteration binds: the name that tells whether one has.
    latches: dict[tuple[Scope, str], tuple[Scope, str]] = field(default_factory=dict)
    # Of temporaries that are arrays: the name that tells which, where that matters.
    which: dict[tuple[Scope, str], tuple[Scope, str]] = field(default_factory=dict)
    # Of temporaries whose size depends on the iteration: their shape in terms of the index.
    lasts: dict[tuple[Scope, str], tuple[Extent, ...]] = field(default_factory=dict)
    halves: list[Any] = field(default_factory=list)  # of complex temporaries, and of objects
    # Names of tuples, lists, dicts and objects, whose leaves are among ``names``.
    structures: dict[tuple[Scope, str], LeafScope] = field(default_factory=dict)
    # Of names that may have an object that a pass has made: what stands for it between passes.
    renewed: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    passed: dict[int, Any] = field(default_factory=dict)  # all of these objects
    sharing: set[tuple[Scope, str]] = field(
        default_factory=set
    )  # other names that have one of them
    # Lists among them: what they were before the loop, and what they may be at the end of the last pass.
    begun: dict[tuple[Scope, str], TracedList] = field(default_factory=dict)
    ends: dict[tuple[Scope, str], list[Any]] = field(default_factory=dict)
    # Those that may be known otherwise as well when a pass begins, which no pass may change.
    shared: set[tuple[Scope, str]] = field(default_factory=set)
    given_on: list[Any] = field(default_factory=list)  # what passes may leave under these names
    enlisted: dict[tuple[Scope, str], Any] = field(
        default_factory=dict
    )  # names of members, and in which pool
    kept: set[tuple[Scope, str]] = field(
        default_factory=set
    )  # names that have after a pass what passes keep outside
    has_two_types: bool = False  # whether the numbers of a list among them are of two types
    # Whether it reads items of lists that may be from before, of another type: from before all of them; whether it
    # is checked that none is.
    reads_types: bool = False
    reads_first: bool = False
    reads_one_type: bool = False
    passing: frozenset[str] = frozenset()  # variables that only the body knows
    stand_ins: dict[tuple[Scope, str], Any] = field(default_factory=dict)  # in the body
    # What names have before a pass, by where, and all that they may have there after one.
    whereabouts: dict[tuple[Scope, str], tuple[dict[str, Any], dict[str, list[Any]]]] = field(
        default_factory=dict
    )
    # Of names whose numbers are of one type in some iterations and of another one in others: the
    # narrow type, and the name that tells whether a number is of it.
    narrow: dict[tuple[Scope, str], Kind] = field(default_factory=dict)
    tags: dict[tuple[Scope, str], tuple[Any, str]] = field(default_factory=dict)
    tag_scope: Tags = field(default_factory=Tags)
    # What numbers are that are constants before the loop; those that were taken for it.
    constants: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    taken: list[Any] = field(default_factory=list)
    attempts: int = 0
    requests: int = 0
    needed: Bail | None = None  # the last of them
    restless: bool = False
    home: Block | None = None
    depth: int = 0  # of its region among those that are open
    index: Value | None = None  # of the pass that is interpreted
    outcome: Outcome | None = None
    parameters: list[Value] = field(default_factory=list)
    numbers: dict[tuple[Any, str], Value] = field(default_factory=dict)  # what names were, in it

    def __post_init__(self) -> None:
        trace = self.frame.trace
        self.mark = trace.decisions.mark()
        self.chosen = frozenset(
            trace.ambiguous.keys() - trace.in_passes.keys()
        )  # lists and dicts that branches chose before the loop
        self.arrays = LoopArrays(trace.heap, trace.builder, self.tag_scope, self._carry_number)
        for key in list(self.names):
            start = key[0].locals[key[1]]
            self._take_types(key, types_of(start))
            kinds = kinds_of(start)
            if kinds is not None and len(kinds) == 1:
                self.constants[key] = kinds[0].constant

    def _carry_number(self, key: tuple[Any, str]) -> None:
        self.names[key] = NUMBER

    def _take_arrays(self) -> None:
        """Take up the names that are carried as arrays, before placeholders stand for them."""
        for key, slot in self.names.items():
            start = key[0].locals.get(key[1])
            if slot.form == "array" and is_array(start):
                self.arrays.begin(key, start, partial(is_aliased, self.frame, *key, start))

    def _take_types(self, key: tuple[Any, str], types: Types) -> None:
        """Carry a name in a slot, and with it of which type it is, if there are two."""
        self.names[key] = types.slot
        if types.narrow is None:
            return
        self.narrow[key] = types.narrow
        tag = self.tags.setdefault(key, (self.tag_scope, f"<type {len(self.tags)} of {key[1]}>"))
        self.tag_scope.starts[tag[1]] = tag_of(key[0].locals[key[1]], types)
        self.names[tag] = FLAG

    def _types(self, key: tuple[Scope, str]) -> tuple[Types, list[Kind] | None]:
        """The types that a name is carried in, and the kinds of what it is known to be."""
        types = Types(self.names[key], self.narrow.get(key))
        if types.narrow is None:  # as at the start, which may be a constant
            return types, kinds_of(key[0].locals.get(key[1]))
        return types, types.kinds()

    def shape(
        self, key: tuple[Scope, str], k: Extent | None, numbers: Mapping[tuple[Any, str], Value]
    ) -> tuple[Extent, ...]:
        """The shape of a variable before iteration ``k``, in which the carried numbers are ``numbers``."""
        sizes, shape = self.sizes[key], self.names[key].shape
        return tuple(
            [sizes[axis].before(k, numbers) if axis in sizes else n for axis, n in enumerate(shape)]
        )

    def room(self, key: tuple[Scope, str]) -> tuple[Extent, ...]:
        """The largest extents that a variable has in any iteration."""
        sizes, shape = self.sizes[key], self.names[key].shape
        return tuple([sizes[axis].room if axis in sizes else n for axis, n in enumerate(shape)])

    def carried_sizes(self) -> Iterator[Size]:
        """The extents that are numbers of the loop."""
        for sizes in self.sizes.values():
            yield from (size for size in sizes.values() if isinstance(size, Size))

    def _carry_extents(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Take up that extents of a variable are what the body makes of them; False where it cannot.

        Where an extent is at first, it is the largest, unless the body turns out to make it larger.
        """
        if not slot.shape or slot.form != end.form or slot.dtype != end.dtype:
            return False
        if len(slot.shape) != len(end.shape):
            return False
        known = self.sizes.get(key, {})
        sizes = self.sizes[key] = {k: s for k, s in known.items() if isinstance(s, Size)}
        for axis, (m, n) in _axes(slot, end):
            if m != n and axis not in sizes:
                name = self.tag_scope, f"<extent {axis} of {key[1]} {len(self.names)}>"
                self.tag_scope.starts[name[1]] = m
                self.names[name] = NUMBER
                sizes[axis] = Size(name, m, m)
        return True

    def _fits_sizes(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Whether extents at the end of the body are within the room; else more is made, once."""
        assert self.outcome is not None
        fits = True
        for axis, size in [*self.sizes[key].items()]:
            assert isinstance(size, Size)
            after = end.shape[axis]
            self.outcome.names[size.key] = after
            if _surely_fits(after, size.room):
                continue
            before = Dim.symbol(self.numbers[size.key])
            more = upper_bound(after - before, defined(self.outcome))
            if more is None:
                raise peel_first(f"{key[1]!r}, whose size does not change evenly")
            more = maximum(more, 0)
            if _surely_fits(size.most + more, size.room):
                continue
            if self.limit is None or size.most != size.room:
                raise peel_first(f"{key[1]!r}, whose size does not change evenly")
            room = slot.shape[axis] + more * self.limit
            self.sizes[key][axis] = replace(size, most=room - more, room=room)
            fits = False
        return fits

    def _grow(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Take up that a variable's extents change with the iteration; False where not evenly."""
        if key in self.sizes or self.count is None or len(slot.shape) != len(end.shape):
            return False
        if not slot.shape or slot.form != end.form or slot.dtype != end.dtype:
            return False
        assert self.outcome is not None
        inside = defined(self.outcome)
        differing = [(axis, m, n - m) for axis, (m, n) in _axes(slot, end) if m != n]
        if any(symbols(step) & inside for _, _, step in differing):
            return False
        self.sizes[key] = {
            axis: EvenSize(m, step, maximum(m, m + step * self.count))
            for axis, m, step in differing
        }
        return True

    def _has_sizes(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Whether a variable whose extents change has, at the end of the body, those it is taken to have."""
        if any(isinstance(size, EvenSize) for size in self.sizes[key].values()):
            if same_shape(end.shape, self.shape(key, Dim.symbol(self.parameters[0]) + 1, {})):
                return True
        elif all(m == n or k in self.sizes[key] for k, (m, n) in _axes(slot, end)):
            return self._fits_sizes(key, slot, end)
        if not self._carry_extents(key, slot, end):
            raise peel_first(f"{key[1]!r}, whose size does not change evenly")
        return False


def _surely_fits(extent: Extent, room: Extent) -> bool:
    """Whether ranges show that an extent is within the room, whatever the run."""
    low, _ = bounds(room - extent)
    return low is not None and low >= 0


def _axes(a: Slot, b: Slot) -> Iterator[tuple[int, tuple[Extent, Extent]]]:
    """The extents of two arrays of as many axes, by axis."""
    return enumerate(zip(a.shape, b.shape, strict=True))


def leading(value: Value, shape: tuple[Extent, ...]) -> Value:
    """The elements of an array from the first one on, as many as ``shape`` says."""
    n = len(shape)
    return slice_of(Tracer(value, "array"), (0,) * n, shape, (1,) * n).value


__all__ = ["ATTEMPTS", "FLAG", "Carries", "Tags", "leading", "peel_first"]
