"""Rolling loops: one interpretation of the body becomes a ``for`` or ``while`` of the program.

The body runs on placeholders for the variables and storage cells that it changes.  What it
changes is found by running it: the first run takes the names it assigns, later runs add what else
turned out to change or to change its type (``s = 0`` that becomes a float), until nothing new
turns up.  Where only the first iteration differs (``y = 0; y += array``, ``previous = None``) it
is peeled off.  A ``break`` or ``return`` becomes a variable that ends the loop.

    for i in range(n): s += x[i]     =>     s' = for(s, count=n): yield s + slice(x, k)

Anything that cannot be done this way raises a ``Bail`` (:mod:`autodiff.ladder`), before the program is
changed.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from types import CodeType, FunctionType, ModuleType, TracebackType
from typing import Any

import numpy as np

from autodiff.capture import choices, staging, structures
from autodiff.capture.arrays import Chosen
from autodiff.capture.assignment import assign
from autodiff.capture.conditions import truth
from autodiff.capture.frames import UNBOUND, Completion, Maybe, Scope
from autodiff.capture.interpreter import Frame
from autodiff.capture.lists import Store, TracedList
from autodiff.capture.loop_arrays import NUMBER, LoopArrays
from autodiff.capture.parts import ObjectScope, Parts
from autodiff.capture.regions import (
    INT,
    Outcome,
    Slot,
    Types,
    as_parts,
    cells_of,
    fit,
    is_listed,
    is_numeric,
    join,
    live_scopes,
    placeholder,
    run_region,
    same_object,
    slot_of,
    tag_of,
    type_text,
    types_of,
    undoing,
)
from autodiff.capture.sourcecode import Known, Syntax, _Scan
from autodiff.capture.structures import LeafScope
from autodiff.capture.trace import Declined, NotStaged, Trace
from autodiff.dims import (
    Dim,
    Extent,
    bounds,
    last_index,
    maximum,
    minimum,
    same,
    same_shape,
    substitute,
    symbols,
    upper_bound,
)
from autodiff.ir.data import ArrayType, Block, Operation, Value, free_values, walk
from autodiff.ladder import AmbiguousStore, Bail, Rung
from autodiff.ops.builder import Builder, emit
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.control import emit_for, emit_while
from autodiff.ops.dispatch import extent_of, known
from autodiff.ops.either import VARIES, Either, Kind, Probe, is_array, kinds_of
from autodiff.ops.structural import slice_of, slice_update, zeros
from autodiff.ops.tracer import Cell, Tracer, as_tracer
from autodiff.plain_data import dataclass
from autodiff.signals import Signal

LONGEST_UNROLLED = 4  # iterations; longer loops are worth the second look that rolling takes
ATTEMPTS = 12


class Poison:
    """A name that only a loop body knows: its value after the loop is not kept."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _peel_for(reason: str) -> Bail:
    """Only the first iteration differs from the others."""
    return Bail(Rung.PEELED, reason)


After = Callable[[], Completion | None]  # what is left to do once a loop stands in the program


class _Halves:
    """A scope for the parts of a complex variable that the body binds first."""

    def __init__(self, scope: Any, name: str, form: Any) -> None:
        self.locals: dict[str, Any] = {}
        self.parent = None
        self.scope = scope
        self.name = name
        self.form = form

    def join(self) -> None:
        """Bind the variable to the number or array of both parts."""
        re, im = self.locals["real"], self.locals["imag"]
        if isinstance(re, Maybe):
            whole = ComplexTracer((re.value, im.value), self.form)
            self.scope.locals[self.name] = Maybe(re.bound, whole)
        elif isinstance(re, Poison) or isinstance(im, Poison):
            self.scope.locals[self.name] = Poison(self.name)
        else:
            self.scope.locals[self.name] = ComplexTracer((re, im), self.form)


@dataclass(frozen=True)
class _Size:
    """An extent that a loop carries: in which number, and at most how large it is."""

    key: tuple[Any, str]
    most: Extent  # before an iteration
    room: Extent  # before, in and after any of them


class _Tags:
    """A scope for what no name of the user's stands for: types of numbers, extents of arrays."""

    def __init__(self) -> None:
        self.locals: dict[str, Any] = {}
        self.starts: dict[str, Any] = {}  # before the loop
        self.parent = None


# -- sequences --------------------------------------------------------------------------------------
@dataclass
class LazySequence:
    """Something a loop goes through: how many items, and the item at a (traced) position."""

    count: Extent
    item: Callable[[Any], Any]
    lists: tuple[TracedList, ...] = ()  # what it goes through, which must keep its length
    checkpointed: bool = False  # whether a loop over it shall keep little for reverse mode
    whole: TracedList | None = None  # all items, where a loop has made them

    def __iter__(self) -> Iterator[Any]:
        count = self.count
        if isinstance(count, Dim):
            count = int(as_tracer(count)._concrete())
        # One by one: the loop's body may store into what is still to come.
        return (self.item(k) for k in range(count))

    def __len__(self) -> int:
        return self.count if isinstance(self.count, int) else int(as_tracer(self.count)._concrete())

    def shifted(self, by: int) -> LazySequence:
        """The sequence without its first items."""
        item = self.item
        return replace(self, count=self.count - by, item=lambda k: item(k + by), whole=None)

    def check_unchanged(self, body: _Body) -> None:
        """Refuse a body that appends to what the loop goes through: Python would go on."""
        for source in self.lists:
            count = None if source.store is None else source.store.count
            if count in body.cells or count in body.inductive:
                raise NotStaged("a loop appends to the list it goes through")


def lazy_range(*arguments: Any) -> LazySequence:
    """``range`` with traced bounds."""
    limits = [extent_of(a) for a in arguments]
    start, stop = (0, limits[0]) if len(limits) == 1 else limits[:2]
    step = limits[2] if len(limits) == 3 else 1
    if not isinstance(step, int):
        step = int(as_tracer(step)._concrete())
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    gap = stop - start if step > 0 else start - stop
    count = maximum((gap + abs(step) - 1) // abs(step), 0)

    def item(k: Any) -> Any:
        first = as_tracer(start) if isinstance(start, Dim) else start
        return first + k * step if step != 1 else first + k

    return LazySequence(count, item)


def lazy_sequence(frame: Frame, source: Any) -> LazySequence | None:
    """A lazy view of what a loop goes through, or None where only Python can go through it."""
    if isinstance(source, LazySequence):
        return source
    if isinstance(source, range):
        start, step = source.start, source.step
        return LazySequence(len(source), lambda k: start + k * step if (start or step != 1) else k)
    if isinstance(source, TracedList) and source.is_stored():
        return LazySequence(source.extent, lambda k: source[k], source.parts())
    if isinstance(source, Tracer) and source.shape:
        return LazySequence(source.shape[0], lambda k: source[k])
    return None


def lazy_zip(frame: Frame, sources: Sequence[Any]) -> LazySequence | None:
    """``zip`` of lazy sequences."""
    lazy = [lazy_sequence(frame, s) for s in sources]
    if not lazy or any(s is None for s in lazy):
        return None
    count = lazy[0].count  # type: ignore[union-attr]
    for s in lazy[1:]:
        count = minimum(count, s.count)  # type: ignore[union-attr]
    lists = tuple(x for s in lazy for x in s.lists)  # type: ignore[union-attr]
    return LazySequence(count, lambda k: tuple(s.item(k) for s in lazy), lists)  # type: ignore[union-attr]


def worth_rolling(sequence: LazySequence, body: Sequence[ast.stmt] = ()) -> bool:
    """Whether a loop is long enough, or of unknown length.

    Copies of a body that has loops of its own are large: those are not made.  Where a handler ends the
    loop, one loop compiles that as well.
    """
    if isinstance(sequence.count, Dim):
        return True
    nested = any(isinstance(n, (ast.For, ast.While, ast.Try)) for s in body for n in ast.walk(s))
    return sequence.count > (1 if nested else LONGEST_UNROLLED)


# -- finding what a body changes ----------------------------------------------------------------------
@dataclass(eq=False)
class _Body:
    """A loop body under study: what it carries, and its last interpretation."""

    frame: Frame
    run: Callable[[Value], None]
    count: Extent | None  # of iterations, where it is known before
    limit: Extent | None  # more iterations there will not be
    names: dict[tuple[Any, str], Slot] = field(default_factory=dict)
    # Of names whose extents change by the same in every iteration: by how much, per axis.  Their
    # slots have the extents at entry.
    steps: dict[tuple[Scope, str], tuple[Extent, ...]] = field(default_factory=dict)
    # Of names whose extents change otherwise: those that do, by axis.
    sizes: dict[tuple[Scope, str], dict[int, _Size]] = field(default_factory=dict)
    placed: dict[tuple[Scope, str], Value] = field(default_factory=dict)  # what names stand for
    cells: list[Cell] = field(default_factory=list)
    # Lists that the body changes, with at most how many items it appends to them; what they were.
    lists: dict[TracedList, Extent] = field(default_factory=dict)
    before: dict[TracedList, tuple[list[Any], Store | None]] = field(default_factory=dict)
    # Numbers of items that grow by the same in every iteration: their start and step.
    inductive: dict[Cell, tuple[Extent, Extent]] = field(default_factory=dict)
    uneven: set[Cell] = field(default_factory=set)
    temporaries: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    # Of temporaries that not every iteration binds: the name that tells whether one has.
    latches: dict[tuple[Scope, str], tuple[Scope, str]] = field(default_factory=dict)
    # Of temporaries whose size depends on the iteration: their shape in terms of the index.
    lasts: dict[tuple[Scope, str], tuple[Extent, ...]] = field(default_factory=dict)
    halves: list[Any] = field(default_factory=list)  # of complex temporaries, and of objects
    # Names of tuples, lists, dicts and objects, whose leaves are among ``names``.
    structures: dict[tuple[Scope, str], LeafScope] = field(default_factory=dict)
    passing: frozenset[str] = frozenset()  # variables that only the body knows
    stand_ins: dict[tuple[Scope, str], Any] = field(default_factory=dict)  # in the body
    # Of names whose numbers are of one type in some iterations and of another one in others: the
    # narrow type, and the name that tells whether a number is of it.
    narrow: dict[tuple[Scope, str], Kind] = field(default_factory=dict)
    tags: dict[tuple[Scope, str], tuple[Any, str]] = field(default_factory=dict)
    tag_scope: _Tags = field(default_factory=_Tags)
    # What numbers are that are constants before the loop; those that were taken for it.
    constants: dict[tuple[Scope, str], Any] = field(default_factory=dict)
    taken: list[Any] = field(default_factory=list)
    attempts: int = 0
    requests: int = 0
    needed: Bail | None = None  # the last of them
    restless: bool = False
    home: Block | None = None
    outcome: Outcome | None = None
    parameters: list[Value] = field(default_factory=list)
    numbers: dict[tuple[Any, str], Value] = field(default_factory=dict)  # what names were, in it

    def __post_init__(self) -> None:
        trace = self.frame.trace
        self.mark = trace.decisions.mark()
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
            if slot.form == "array" and key not in self.arrays.names and is_array(start):
                self.arrays.begin(key, start, _is_aliased(self.frame, *key, start))

    def _take_types(self, key: tuple[Any, str], types: Types) -> None:
        """Carry a name in a slot, and with it of which type it is, if there are two."""
        self.names[key] = types.slot
        if types.narrow is None:
            return
        self.narrow[key] = types.narrow
        tag = self.tags.setdefault(key, (self.tag_scope, f"<type {len(self.tags)} of {key[1]}>"))
        self.tag_scope.starts[tag[1]] = tag_of(key[0].locals[key[1]], types)
        self.names[tag] = _FLAG

    def is_asked(self, problem: Bail) -> bool:
        """Whether it is this loop that has to carry more."""
        return problem.rung is Rung.CARRIED and problem.needs[0] is self

    def stands(self, node: ast.AST) -> None:
        """Note that the loop is in the program."""
        taken = Rung.ROLLED if self.needed is None else Rung.CARRIED
        trace = self.frame.trace
        trace.decisions.take(taken, self.needed or "", self.frame.source(node))

    def _types(self, key: tuple[Scope, str]) -> tuple[Types, list[Kind] | None]:
        """The types that a name is carried in, and the kinds of what it is known to be."""
        types = Types(self.names[key], self.narrow.get(key))
        if types.narrow is None:  # as at the start, which may be a constant
            return types, kinds_of(key[0].locals.get(key[1]))
        return types, types.kinds()

    def bind(self, index: Value | None) -> list[Value]:
        """Parameters for the carries; called before each interpretation."""
        values = [] if index is None else [index]
        most = {size.key: size.most for sizes in self.sizes.values() for size in sizes.values()}
        for key, slot in self.names.items():
            type = ArrayType(slot.dtype, self.room(key)) if self.is_sized(key) else slot.type
            values.append(Value(type, _hint(key[1])))
            if key in most:
                values[-1].low, values[-1].high = 0, most[key]
        for cell in self.cells:
            values.append(Value(_plain(cell.value.type)))
            if cell in self.frame.trace.counts:
                values[-1].low = self._least(cell)
        return values

    def enter(self, parameters: Sequence[Value], index: Value | None = None) -> None:
        """Put the placeholders in place (inside the region)."""
        n = len(self.names)
        given = self.numbers = dict(zip(self.names, parameters[:n], strict=True))
        self._take_arrays()
        for (key, slot), value in zip(self.names.items(), parameters[:n], strict=True):
            scope, name = key
            owner = scope.scope if isinstance(scope, LeafScope) else scope
            if isinstance(owner, ObjectScope):
                self.frame.trace.parts.save_scope(owner)
            if key in self.steps:
                assert index is not None
                value = _leading(value, self.shape(key, Dim.symbol(index)))
            elif key in self.sizes:
                value = _leading(value, self.shape_of(key, given))
            self.placed[key] = value
            scope.locals[name] = placeholder(value, slot)
        if self.attempts == 0:
            for key in self.names.keys() - self.narrow.keys():
                self._probe(key)
        for key, kind in self.narrow.items():
            scope, name = key
            wide = Tracer(self.placed[key], self.names[key].form)
            scope.locals[name] = Either(wide, self.placed[self.tags[key]], kind)
        for cell, value in zip(self.cells, parameters[n:], strict=True):
            cell.write(value)
        for cell, (start, step) in self.inductive.items():
            assert index is not None
            cell.write(as_tracer(start + step * Dim.symbol(index)).value)
        self.arrays.enter(self.placed, index)
        for scope, name in self.structures:
            self.stand_ins[scope, name] = scope.locals[name]

    def _tell_apart(self) -> None:
        """A name that the body has bound to the array of before the loop again has changed."""
        for key, start in self.arrays.starts.items():
            scope, name = key
            if scope.locals.get(name) is start:
                scope.locals[name] = Tracer(start.cell, "array", start.path)

    def _probe(self, key: tuple[Scope, str]) -> None:
        """In a first look, let a number that is a constant at the start pass for it."""
        scope, name = key
        constant = self.constants.get(key, VARIES)
        if constant is not VARIES:
            slot = self.names[key]
            scope.locals[name] = Probe(self.placed[key], slot.form, constant, self.taken)

    # -- extents that change with the iteration
    def shape(self, key: tuple[Scope, str], k: Extent) -> tuple[Extent, ...]:
        """The shape of a variable before iteration ``k``."""
        start, steps = self.names[key].shape, self.steps[key]
        return tuple([n + step * k for n, step in zip(start, steps, strict=True)])

    def room(self, key: tuple[Scope, str]) -> tuple[Extent, ...]:
        """The largest extents that a variable has in any iteration."""
        if key in self.sizes:
            known = self.sizes[key]
            shape = self.names[key].shape
            return tuple([known[k].room if k in known else n for k, n in enumerate(shape)])
        assert self.count is not None  # linear: in the first iteration, or after the last
        last = self.shape(key, self.count)
        return tuple([maximum(m, n) for m, n in zip(self.names[key].shape, last, strict=True)])

    def is_sized(self, key: tuple[Scope, str]) -> bool:
        """Whether a variable's extents change, so that an array of the largest ones holds it."""
        return key in self.steps or key in self.sizes

    def shape_of(
        self, key: tuple[Scope, str], numbers: Mapping[tuple[Any, str], Value]
    ) -> tuple[Extent, ...]:
        """The shape of a variable whose extents are carried, in ``numbers``."""
        sizes = self.sizes[key]
        return tuple(
            [
                Dim.symbol(numbers[sizes[k].key]) if k in sizes else n
                for k, n in enumerate(self.names[key].shape)
            ]
        )

    def _carry_extents(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Take up that extents of a variable are what the body makes of them; False where it cannot.

        Where an extent is at first, it is the largest, unless the body turns out to make it larger.
        """
        if slot.form != "array" or end.form != "array" or slot.dtype != end.dtype:
            return False
        if len(slot.shape) != len(end.shape):
            return False
        self.steps.pop(key, None)
        sizes = self.sizes.setdefault(key, {})
        for axis, (m, n) in enumerate(zip(slot.shape, end.shape, strict=True)):
            if m != n and axis not in sizes:
                name = self.tag_scope, f"<extent {axis} of {key[1]} {len(self.names)}>"
                self.tag_scope.starts[name[1]] = m
                self.names[name] = NUMBER
                sizes[axis] = _Size(name, m, m)
        return True

    def _fits_sizes(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Whether extents at the end of the body are within the room; else more is made, once."""
        assert self.outcome is not None
        fits = True
        for axis, size in self.sizes[key].items():
            after = end.shape[axis]
            self.outcome.names[size.key] = after
            if _surely_fits(after, size.room):
                continue
            before = Dim.symbol(self.numbers[size.key])
            more = upper_bound(after - before, _defined(self.outcome))
            if more is None:
                raise _peel_for(f"{key[1]!r}, whose size does not change evenly")
            more = maximum(more, 0)
            if _surely_fits(size.most + more, size.room):
                continue
            if self.limit is None or size.most != size.room:
                raise _peel_for(f"{key[1]!r}, whose size does not change evenly")
            room = slot.shape[axis] + more * self.limit
            self.sizes[key][axis] = replace(size, most=room - more, room=room)
            fits = False
        return fits

    def _grow(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Take up that a variable's extents change with the iteration; False where not evenly."""
        if key in self.steps or self.count is None or len(slot.shape) != len(end.shape):
            return False
        if slot.form != "array" or end.form != "array" or slot.dtype != end.dtype:
            return False
        assert self.outcome is not None
        inside = _defined(self.outcome)
        steps = tuple([n - m for m, n in zip(slot.shape, end.shape, strict=True)])
        if any(symbols(step) & inside for step in steps):
            return False
        self.steps[key] = steps
        self.names[key] = Slot(slot.dtype, slot.shape, "array")
        return True

    # -- lists that the body appends to or stores into
    def take(self, needed: Bail) -> None:
        """Give lists a store, of items like those that the body appends."""
        self.requests += 1
        self.needed = needed
        for target, slot in needed.needs[1]:
            self._take(target, slot)

    def _take(self, target: TracedList, slot: Slot | Types | None) -> None:
        if self.requests > 2 * ATTEMPTS:
            raise NotStaged("a list of items of different types")
        if target not in self.before:
            self.before[target] = (list(target) if target.store is None else [], target.store)
        items, store = self.before[target]
        if isinstance(slot, Types):
            for part in target.parts():
                self.lists.pop(part, None)  # what the body changes are its columns from now on
            target.restore(items, store)
            target.make_typed(slot)
            return
        wanted = (1, 0)
        if target.store is not None:
            wanted = target.store.wanted_rows, target.store.wanted_last
        if store is None or store.repeated is not None:
            target.restore(items, store)
            target.make_store(slot)
        elif slot is not None and slot != store.slot:
            raise NotStaged("a list of items of different types")
        if target.store is not None and store is None:
            assert target.store is not None
            target.store.wanted_rows, target.store.wanted_last = wanted
        self.lists.setdefault(target, 0)
        self._reserve(target)

    def _reserve(self, target: TracedList) -> None:
        """Room for what all iterations append."""
        step = self.lists[target]
        assert target.store is not None
        if self.limit is None:
            target.begin_rows()
        elif not same(step, 0):
            target.reserve(target.store.length + step * self.limit)

    @contextmanager
    def lists_restored(self) -> Iterator[None]:
        """Where the loop cannot be made, its lists are as they were before."""
        try:
            yield
        except Signal:
            for target, (items, store) in self.before.items():
                if store is not None:
                    store.rows = None
                if target.store is not store or target.columns is not None:
                    target.restore(items, store)
            raise

    def _learn_pushed(self, outcome: Outcome) -> bool:
        changed = False
        for target, step in self.lists.items():
            assert target.store is not None
            if self.limit is None:
                continue
            pushed = upper_bound(target.store.pushed, _defined(outcome))
            if pushed is None:
                raise NotStaged("a list that grows by an unknown number in each iteration")
            low, _ = bounds(step - pushed)
            if low is None or low < 0:
                self.lists[target] = maximum(step, pushed)
                self._reserve(target)
                changed = True
        return changed

    def _learn_count(self, cell: Cell, outcome: Outcome) -> bool:
        """Whether the number of a list's items grows by the same in every iteration."""
        if self.count is None or cell in self.uneven or cell in self.cells:
            return False
        end = _count_of(outcome.cells[cell])
        if cell in self.inductive:
            start, step = self.inductive[cell]
            if same(end, start + step * (Dim.symbol(self.parameters[0]) + 1)):
                return True
            del self.inductive[cell]
            self.uneven.add(cell)
            return False
        start = _count_of(cell.value)
        step = end - start
        if symbols(step) & _defined(outcome):
            self.uneven.add(cell)
            return False
        self.inductive[cell] = (start, step)
        self.restless = True
        return True

    def _least(self, count: Cell) -> int:
        """At least how many items a list has whose number is carried."""
        for target in self.lists:
            store = target.store
            if store is not None and store.count is count and store.rows is not None:
                return bounds(store.rows.start)[0] or 0
        return 0

    def row_cells(self) -> list[Cell]:
        """The cells whose content each iteration yields, to be stacked: items, then flags."""
        stores = [target.store for target in self.lists]
        rows = [s.rows for s in stores if s is not None and s.rows is not None]
        return [cell for r in rows for cell in (*r.values, *r.taken)]

    def end_rows(self, trips: Value, stacks: Sequence[Value]) -> None:
        """Give the lists what a loop of unknown length has appended."""
        left = list(stacks)
        for target in self.lists:
            if target.store is not None and target.store.rows is not None:
                n = len(target.store.rows.values)
                target.end_rows(Dim.symbol(trips), left[:n], left[n : 2 * n])
                left = left[2 * n :]

    def interpret(self, check: Callable[[_Body], None] | None = None) -> None:
        """Run the body until what it changes is stable; ``check`` may refuse what came out."""
        self.home = self.frame.trace.builder.block
        self._interpret()
        if self.lists and self._is_concrete():
            raise NotStaged("nothing in the loop depends on inputs: Python runs it")
        if check is not None:
            check(self)

    def _is_concrete(self) -> bool:
        """Whether everything the body computes follows from constants."""
        assert self.outcome is not None
        if isinstance(self.count, Dim) or isinstance(self.limit, Dim):
            return False
        used = [Tracer(v, "array") for v in free_values(self.outcome.block)]
        used += [Tracer(cell.value, "array") for cell in self.cells]
        starts = [
            scope.locals.get(name) for scope, name in self.names if scope is not self.tag_scope
        ]
        return all(known(x) is not None for x in (*used, *starts)) and not any(
            operation.kind == "host_call" for operation in walk(self.outcome.block)
        )

    def _interpret(self) -> None:
        rolling = self.frame.trace.rolling
        self.attempts = 0
        while self.attempts < ATTEMPTS:
            for target in self.lists:
                assert target.store is not None
                target.store.pushed = 0
                if target.store.rows is not None:
                    target.store.rows.next = 0
            outside = {t: t.store.pushed for body in rolling for t in body.lists}
            request = None
            rolling.append(self)
            try:
                self.taken.clear()
                settled = self._attempt() and not self.taken
                self.attempts += 1
            except Bail as needed:
                if not self.is_asked(needed):
                    raise
                settled, request = False, needed
            finally:
                rolling.pop()
            if request is not None:
                self.take(request)
            for target, pushed in outside.items():
                # Each of the inner loop's iterations appends that much to an outer loop's list.
                each = target.store.pushed - pushed
                if settled and not same(each, 0):
                    if self.limit is None:
                        raise NotStaged("a list that grows in a loop of unknown length")
                    target.store.pushed = pushed + each * self.limit
                elif not settled:
                    target.store.pushed = pushed
            if settled:
                return
        raise NotStaged("what the loop changes does not settle")

    def _attempt(self) -> bool:
        """Run the body once; whether it changed nothing but what was known."""
        index = Value(ArrayType(INT, (), True), "k")
        index.low = 0
        index.high = None if self.count is None else last_index(self.count)
        parameters = self.bind(index)

        def thunk(parameters: list[Value] = parameters, index: Value = index) -> None:
            self.enter(parameters[1:], index)
            self.run(index)
            self._tell_apart()

        self.frame.trace.decisions.back_to(self.mark)
        try:
            outcome = run_region(self.frame, thunk, parameters, self._settle, self._is_done)
        except Bail as problem:
            if problem.rung is not Rung.UNROLLED or not self.narrow:
                raise
            # It may be that a type was needed that differs at first.
            raise Bail(Rung.PEELED, problem.reason, problem.source) from None
        if outcome.raised is not None:
            raise NotStaged(f"the loop body raises {type(outcome.raised).__name__}")
        self.outcome, self.parameters = outcome, parameters
        return not self._learn(outcome)

    def _learn(self, outcome: Outcome) -> bool:
        """Take up what the last run changed beyond the carries; whether there was anything."""
        changed = False
        self.temporaries = {}
        for key in self.structures:
            self._spread(key, outcome)
        for key, end in list(outcome.names.items()):
            if key in self.names:
                changed |= self._widen(key, self.names[key], end)
                continue
            scope, name = key
            start = scope.locals.get(name, UNBOUND)
            if start is UNBOUND and isinstance(scope, ObjectScope):
                raise _peel_for(f"the attribute {name!r} that the first pass makes")
            if isinstance(start, Maybe) and start.is_read:
                # What a pass finds is what the pass before has left.
                raise _peel_for(f"{name!r}, which may not be bound before the loop")
            if start is UNBOUND or isinstance(start, (Poison, Maybe)):
                if isinstance(end, choices.Left) and not self._is_done(key):
                    raise NotStaged(f"the loop chooses the object {name!r}, which is read after it")
                self.temporaries[key] = end
            elif not same_object(start, end):
                if not is_numeric(end):
                    self._take_structure(key, start, end, outcome)
                    changed = True
                    continue
                if not is_numeric(start):
                    raise _peel_for(f"{name!r}, a {type_text(start)} before the loop")
                self._take_types(key, types_of(start))
                self._widen(key, self.names[key], end)
                changed = True
        self.restless = False
        rows = self.row_cells()
        for cell in outcome.cells:
            if cell in rows:
                continue
            if cell.listed:
                raise AmbiguousStore("a store into an array that is an item of a list")
            if cell in self.frame.trace.counts and self._learn_count(cell, outcome):
                continue
            if cell not in self.cells:
                self.cells.append(cell)
                changed = True
        changed |= self.restless | self._learn_pushed(outcome)
        changed |= self.arrays.learn(outcome, {*self.steps, *self.sizes}, _defined(outcome))
        self._check_listed(outcome)
        if not changed:
            self.arrays.leave(outcome)
        return changed

    def _take_structure(
        self, key: tuple[Scope, str], start: Any, end: Any, outcome: Outcome
    ) -> None:
        """Carry the leaves of a tuple, list, dict or object that the body binds anew."""
        (scope, name), trace = key, self.frame.trace
        end, kind = choices.alike(end, start), type_text(end)
        if structures.parts_of(trace, end) is None or structures.is_cyclic(trace, start):
            raise NotStaged(f"the loop changes {name!r}, a {kind}")
        if not structures.are_alike(trace, start, end):
            raise _peel_for(f"{name!r}, of which the first pass changes the structure")
        # A change under the other name, in the body or later, would not show in what is made anew.
        if _has_other_names(self.frame, scope, name, start):
            raise NotStaged(f"the loop changes {name!r}, a {kind} with other names")
        leaves = structures.LeafScope(trace, scope, name)
        self.structures[key] = leaves
        for at, leaf in structures.leaves_of(trace, start).items():
            self._take_types((leaves, at), types_of(leaf))

    def _settle(self, key: tuple[Scope, str], value: Any) -> Any:
        """Of a choice between what a name was before and something new: an object that holds what it does.

        The name is the only one of either, or the loop is refused.
        """
        stand_in, trace = self.stand_ins.get(key), self.frame.trace
        if not choices.is_choice(value) or key not in self.structures:
            return value
        objects = list(choices.objects_of(value))
        if not all(x is stand_in or trace.made[-1].get(id(x)) is x for x in objects):
            return value
        return staging.chosen_object(self.frame, value)

    def _is_done(self, key: tuple[Scope, str]) -> bool:
        """Whether a variable is bound anew by each pass before it is read, and by nobody after the loop."""
        scope, name = key
        return scope is self.frame.scope and name in self.passing

    def _spread(self, key: tuple[Scope, str], outcome: Outcome) -> None:
        """The leaves of a structure at the end of the body, as variables of their own."""
        trace = self.frame.trace
        end = outcome.names.pop(key, UNBOUND)
        if end is UNBOUND:  # as it was
            return
        start = key[0].locals[key[1]]
        if key in outcome.entangled or not structures.are_alike(trace, start, end):
            raise NotStaged(f"the loop gives {key[1]!r} parts that have other names, or others")
        for at, leaf in structures.leaves_of(trace, end).items():
            outcome.names[self.structures[key], at] = leaf

    def _widen(self, key: tuple[Scope, str], slot: Slot, end: Any) -> bool:
        if as_parts(end) is not None or (isinstance(end, Either) and not is_numeric(end)):
            raise _peel_for(f"{key[1]!r}, which the first pass makes complex")
        if not is_numeric(end):
            raise NotStaged(f"the loop makes {key[1]!r} a {type_text(end)}")
        found = slot_of(end)
        if self.is_sized(key):
            if not self._has_sizes(key, slot, found):
                return True
            found = Slot(found.dtype, slot.shape, found.form)
        known, kinds = self._types(key)
        if self.is_sized(key):
            wider = join(known, Types(found))
        else:
            wider = join(known, types_of(end), (kinds, kinds_of(end)))
        if wider is None:
            if self._grow(key, slot, found) or self._carry_extents(key, slot, found):
                return True
            raise _peel_for(f"{key[1]!r} of another type or shape before the loop")
        if wider == known:
            if key in self.narrow:
                assert self.outcome is not None
                self.outcome.names[self.tags[key]] = tag_of(end, wider)
            return False
        self._take_types(key, wider)
        return True

    def _has_sizes(self, key: tuple[Scope, str], slot: Slot, end: Slot) -> bool:
        """Whether a variable whose extents change has, at the end of the body, those it is taken to have."""
        if key in self.steps:
            if same_shape(end.shape, self.shape(key, Dim.symbol(self.parameters[0]) + 1)):
                return True
        elif all(m == n or k in self.sizes[key] for k, (m, n) in _axes(slot, end)):
            return self._fits_sizes(key, slot, end)
        if not self._carry_extents(key, slot, end):
            raise _peel_for(f"{key[1]!r}, whose size does not change evenly")
        return False

    def _check_listed(self, outcome: Outcome) -> None:
        """An array that the body stores into and binds anew must not be an item of a list then."""
        for key in self.names:
            if self.placed.get(key) in outcome.stored and is_listed(outcome.names.get(key)):
                raise AmbiguousStore("a store into an array that is an item of a list")


def _is_aliased(frame: Frame, scope: Scope, name: str, tracer: Tracer) -> bool:
    """Whether an array that a name stands for may be reached otherwise as well."""
    cells = cells_of(tracer).keys()
    if isinstance(tracer.cell, Chosen) and tracer.cell.reference is None:
        return True
    if any(record.cell in cells for record in frame.trace.inputs):
        return True

    def is_such(x: Any) -> bool:
        return isinstance(x, Tracer) and any(cell in cells for cell in cells_of(x))

    return _reach(frame.trace, live_scopes(frame), is_such, (scope, name))


MOST_LOOKED_AT = 20_000  # objects; an array is taken to be among more
# What leads to no other name of an array, or to everything that the trace has.
_OPAQUE = (
    *(Trace, Parts, Builder, Block, Value, Operation, Cell, Syntax),
    *(ModuleType, type, CodeType, TracebackType, np.ufunc),
)


def _reach(
    trace: Trace, objects: list[Any], is_such: Callable[[Any], bool], but: tuple[Scope, str]
) -> bool:
    """Whether from objects one can be reached that is such.

    By the references that Python's garbage collector sees: containers, attributes, closures,
    iterators, suspended generators; ``but`` is a variable that does not count.  What was there before
    the call is passed over, however much it is: nothing made or traced here is stored into it.
    """
    (scope, name), objects, seen = but, list(objects), set[int]()
    if isinstance(scope, LeafScope):  # the leaves beside it, and what else there is
        objects += [v for key, v in scope.locals.items() if key != name]
        scope, name = scope.scope, scope.name
    while objects:
        x = objects.pop()
        if is_such(x):
            return True
        if isinstance(x, Tracer) or not gc.is_tracked(x) or isinstance(x, _OPAQUE) or id(x) in seen:
            continue
        if trace.is_external(x):
            continue
        seen.add(id(x))
        if len(seen) > MOST_LOOKED_AT:
            return True
        if isinstance(x, Scope):
            objects += [v for key, v in x.locals.items() if x is not scope or key != name]
            objects += [x.parent, x.closure]
        elif isinstance(scope, ObjectScope) and (x is scope.obj or x is scope.table):
            objects += [v for key, v in scope.table.items() if key != name]
        elif isinstance(x, FunctionType):  # not its globals
            objects += [x.__closure__, x.__defaults__, x.__kwdefaults__, x.__dict__]
        elif isinstance(x, ast.AST):  # a suspended generator puts values into its statements
            objects += [inner.value for inner in ast.walk(x) if isinstance(inner, Known)]
        else:
            objects += gc.get_referents(x)
    return False


def _has_other_names(frame: Frame, scope: Scope, name: str, x: Any) -> bool:
    """Whether a list, dict or object of the structure that a name stands for is known otherwise as well."""
    mine = {id(part) for part in structures.mutable(frame.trace, x)}
    return structures.is_known_elsewhere(frame.trace, x, iter(_tables(frame))) or _reach(
        frame.trace, live_scopes(frame), lambda other: id(other) in mine, (scope, name)
    )


def _tables(frame: Frame) -> list[Any]:
    """What variables mean, and the parts of all objects that the captured code has made."""
    tables: list[Any] = [scope.locals for scope in live_scopes(frame)]
    for made in frame.trace.made:
        for obj in made.values():
            if isinstance(obj, (list, tuple)):
                tables.append(dict(enumerate(list.__iter__(obj) if isinstance(obj, list) else obj)))
            else:
                tables.append(obj if isinstance(obj, dict) else getattr(obj, "__dict__", {}))
    return tables


def _count_of(value: Value) -> Extent:
    return extent_of(Tracer(value, "python"))


def _hint(name: str) -> str | None:
    return name if name.isidentifier() else None


def _plain(type: ArrayType) -> ArrayType:
    return ArrayType(type.dtype, type.shape)


def _surely_fits(extent: Extent, room: Extent) -> bool:
    """Whether ranges show that an extent is within the room, whatever the run."""
    low, _ = bounds(room - extent)
    return low is not None and low >= 0


def _axes(a: Slot, b: Slot) -> Iterator[tuple[int, tuple[Extent, Extent]]]:
    """The extents of two arrays of as many axes, by axis."""
    return enumerate(zip(a.shape, b.shape, strict=True))


# -- making the loop --------------------------------------------------------------------------------
def _leading(value: Value, shape: tuple[Extent, ...]) -> Value:
    """The elements of an array from the first one on, as many as ``shape`` says."""
    n = len(shape)
    return slice_of(Tracer(value, "array"), (0,) * n, shape, (1,) * n).value


def _with_leading(room: Value, value: Value) -> Value:
    """``room`` with its first elements replaced by the whole of ``value``."""
    n = len(value.shape)
    whole, part = Tracer(room, "array"), Tracer(value, "array")
    return slice_update(whole, part, (0,) * n, value.shape, (1,) * n).value


def _starts(body: _Body) -> list[Value]:
    values = []
    for key, slot in body.names.items():
        scope, name = key
        start = scope.starts[name] if isinstance(scope, _Tags) else scope.locals[name]
        value = fit(start, slot)
        if body.is_sized(key) and not same_shape(slot.shape, body.room(key)):
            value = _with_leading(zeros(body.room(key), slot.dtype).value, value)
        values.append(value)
    return values + [cell.value for cell in body.cells]


def _keep_temporaries(body: _Body) -> tuple[list[tuple[Scope, str]], list[Slot], list[Value]]:
    """Names first bound in the body whose last value can be carried out of the loop."""
    assert body.outcome is not None
    inside = _defined(body.outcome)
    keys, slots, starts = [], [], []
    _halve_temporaries(body)
    _spread_temporaries(body)
    for key, end in body.temporaries.items():
        if isinstance(end, Maybe) and key[1].startswith("<result"):
            end = body.outcome.names[key] = end.value  # read only where the loop has returned
        latched = isinstance(end, Maybe)
        if isinstance(end, Maybe):
            end = end.value
        if not is_numeric(end) or (latched and isinstance(end, Either)):
            continue
        slot = slot_of(end)
        if any(symbols(n) & inside for n in slot.shape if isinstance(n, Dim)):
            room = None if latched else _room_of_last(body, slot, inside)
            if room is None:
                continue
            body.lasts[key] = slot.shape
            slot = Slot(slot.dtype, room, slot.form)
        keys.append(key)
        slots.append(slot)
        start = zeros(slot.shape, slot.dtype).value
        starts.append(fit(Tracer(start, slot.form), slot))
        if isinstance(end, Either):
            tag = body.tags[key] = (key[0], f"<type of {key[1]}>")
            body.outcome.names[tag] = Tracer(end.is_narrow, "python")
            body.narrow[key] = end.narrow
            keys.append(tag)
            slots.append(_FLAG)
            starts.append(fit(False, _FLAG))
        if latched:
            # Not every iteration binds it: it keeps its value, and whether it was ever bound.
            flag = (key[0], f"<bound {key[1]}>")
            body.latches[key] = flag
            body.outcome.names[flag] = body.outcome.names[key].bound
            keys.append(flag)
            slots.append(_FLAG)
            starts.append(fit(False, _FLAG))
    return keys, slots, starts


def _halve_temporaries(body: _Body) -> None:
    """Take complex temporaries apart, each into two real ones."""
    assert body.outcome is not None
    body.halves = []
    for key, end in list(body.temporaries.items()):
        number = as_parts(end.value if isinstance(end, Maybe) else end)
        if number is None:
            continue
        halves: Any = _Halves(*key, number.form)
        body.halves.append(halves)
        del body.temporaries[key]
        for name, part in zip(("real", "imag"), number.parts, strict=True):
            half = Maybe(end.bound, part) if isinstance(end, Maybe) else part
            if isinstance(end, Maybe) and key[1].startswith("<result"):
                half = part  # read only where the loop has returned
            body.temporaries[halves, name] = body.outcome.names[halves, name] = half


class _LastObject:
    """A scope for the leaves of an object that the body binds first, which nobody else has at its end."""

    def __init__(self, trace: Trace, key: tuple[Scope, str], end: Any) -> None:
        self.locals: dict[str, Any] = {}
        self.parent = None
        self.trace, self.key, self.end = trace, key, end

    def join(self) -> None:
        """Bind the variable to an object made of the leaves."""
        scope, name = self.key
        leaves = {at: x.value if isinstance(x, Maybe) else x for at, x in self.locals.items()}
        if len(leaves) < len(structures.leaves_of(self.trace, self.end)) or any(
            isinstance(x, Poison) for x in leaves.values()
        ):
            scope.locals[name] = Poison(name)
            return
        made = structures.rebuilt(self.trace, self.end, lambda at, old: leaves[at])
        bound = [x.bound for x in self.locals.values() if isinstance(x, Maybe)]
        scope.locals[name] = Maybe(bound[0], made) if bound else made


def _spread_temporaries(body: _Body) -> None:
    """Take objects that the body binds first apart into their leaves."""
    assert body.outcome is not None
    for key, end in list(body.temporaries.items()):
        if not isinstance(end, choices.Instance) or key in body.outcome.entangled:
            continue
        if body._is_done(key) or structures.is_cyclic(body.frame.trace, end):
            continue
        leaves = structures.leaves_of(body.frame.trace, end)
        if not leaves or not structures.is_plain(body.frame.trace, end):
            continue
        whole: Any = _LastObject(body.frame.trace, key, end)
        body.halves.append(whole)
        del body.temporaries[key]
        for at, leaf in leaves.items():
            body.temporaries[whole, at] = body.outcome.names[whole, at] = leaf


def _room_of_last(body: _Body, slot: Slot, inside: set[Value]) -> tuple[Extent, ...] | None:
    """The largest extents of an array whose size depends on the iteration; None where unknown."""
    if body.count is None or _runs(body.count) is not True:
        return None
    index = body.parameters[0]
    if any(symbols(n) & inside - {index} for n in slot.shape if isinstance(n, Dim)):
        return None
    room = [upper_bound(n, {index}) for n in slot.shape]
    if any(n is None for n in room):
        return None
    return tuple([maximum(n, 0) for n in room if n is not None])


def _at(shape: tuple[Extent, ...], index: Value, k: Extent) -> tuple[Extent, ...]:
    """A shape in terms of the loop's index, in iteration ``k``."""
    return tuple([substitute(n, lambda s: k if s is index else Dim.symbol(s)) for n in shape])


_FLAG = Slot(np.dtype(bool), (), "python")


def _defined(outcome: Outcome) -> set[Value]:
    found = set(outcome.block.parameters)
    for operation in outcome.block.operations:
        found.update(operation.results)
    return found


def _finish(body: _Body, keys: list[tuple[Scope, str]], slots: list[Slot]) -> None:
    """Fill in the outputs of the body's block, temporaries as extra carries."""
    assert body.outcome is not None
    block, outcome = body.outcome.block, body.outcome
    with body.frame.trace.builder.reopened(block):
        outputs = []
        for (key, slot), parameter in zip(body.names.items(), block.parameters[1:], strict=False):
            end = outcome.names.get(key, UNBOUND)
            value = parameter if end is UNBOUND else fit(end, slot)
            sized = end is not UNBOUND and body.is_sized(key)
            outputs.append(_with_leading(parameter, value) if sized else value)
        for cell, parameter in zip(
            body.cells, block.parameters[1 + len(body.names) :], strict=True
        ):
            outputs.append(outcome.cells.get(cell, parameter))
        for key, slot in zip(keys, slots, strict=True):
            parameter = Value(slot.type)
            block.parameters.append(parameter)
            outputs.append(_temporary(body, key, slot, parameter))
    block.outputs = outputs


def _temporary(body: _Body, key: tuple[Scope, str], slot: Slot, before: Value) -> Value:
    """What a name first bound in the body is after an iteration; ``before`` is what it was."""
    assert body.outcome is not None
    end = body.outcome.names[key]
    if key in body.latches:
        new = emit("select", (end.bound.value, fit(end.value, slot), before))
        return fit(Tracer(new, slot.form), slot)
    if key in body.latches.values():
        return fit(Tracer(emit("logical_or", (end.value, before)), "python"), slot)
    value = fit(end, slot)
    return _with_leading(before, value) if key in body.lasts else value


def _bind_results(
    body: _Body,
    results: Sequence[Value],
    keys: list[tuple[Scope, str]],
    slots: list[Slot],
    ran: Any,
    trips: Callable[[], Value],
) -> None:
    """Give names and cells their values after the loop; ``ran`` tells whether it ran at all."""
    names, cells = len(body.names), len(body.cells)
    held: dict[Any, Value] = {}
    numbers_of = dict(zip(body.names, results, strict=False))
    for sizes in body.sizes.values():
        for size in sizes.values():
            numbers_of[size.key].low, numbers_of[size.key].high = 0, size.room
    for key, value in zip(body.names, results[:names], strict=True):
        if key in body.steps:
            assert body.count is not None
            value = _leading(value, body.shape(key, body.count))
        elif key in body.sizes:
            value = _leading(value, body.shape_of(key, numbers_of))
        held[key] = value
    for cell, value in zip(body.cells, results[names : names + cells], strict=True):
        if cell in body.frame.trace.counts:
            value.low = 0
        cell.write(value)
    for cell, (start, step) in body.inductive.items():
        assert body.count is not None
        cell.write(as_tracer(start + step * body.count).value)
    numbers = {key: Tracer(held[key], slot.form) for key, slot in body.names.items()}
    after = {**numbers, **body.arrays.after(held, ran)}
    for key, tracer in after.items():
        if is_listed(_end_of(body, key)):
            tracer.cell.listed = True
        key[0].locals[key[1]] = _of_types(body, key, tracer, after, ran)
    temporaries = dict(zip(keys, results[names + cells :], strict=True))
    body.arrays.take_temporaries([x for key in keys if is_array(x := _end_of(body, key))])
    tags = set(body.tags.values())
    for key, slot in zip(keys, slots, strict=True):
        scope, name = key
        if key in body.latches.values() or key in tags:
            continue
        value = temporaries[key]
        if key in body.lasts:
            assert body.count is not None
            value = _leading(value, _at(body.lasts[key], body.parameters[0], body.count - 1))
        last = Tracer(value, slot.form)
        if slot.form == "array":
            end = _end_of(body, key)
            last = body.arrays.temporary(end, value, key in body.latches, trips)
            if is_listed(end):
                last.cell.listed = True
        if key in body.narrow:
            last = Either(last, temporaries[body.tags[key]], body.narrow[key])
        if key in body.latches:
            bound = Tracer(temporaries[body.latches[key]], "python")
            scope.locals[name] = Maybe(bound, last)
        else:
            scope.locals[name] = last if ran is True else Maybe(ran, last)
    for scope, name in body.temporaries:
        if (scope, name) not in keys:
            scope.locals[name] = Poison(name)
    for halves in body.halves:
        halves.join()


def _of_types(
    body: _Body, key: tuple[Scope, str], tracer: Tracer, after: dict[Any, Tracer], ran: Any
) -> Tracer:
    """A variable after the loop, which may be of one of two types."""
    assert body.outcome is not None
    if key not in body.narrow:
        return tracer
    tag = body.tags[key]
    start, end = body.tag_scope.starts[tag[1]], body.outcome.names.get(tag)
    is_narrow = after[tag].value
    if end is False:  # of the wide type after every iteration
        if ran is True:
            return tracer
        if start is True:
            is_narrow = emit("logical_not", (ran.value,))
    return Either(tracer, is_narrow, body.narrow[key])


def _end_of(body: _Body, key: tuple[Scope, str]) -> Any:
    """What a name is at the end of the body, where it is bound."""
    assert body.outcome is not None
    end = body.outcome.names.get(key)
    return end.value if isinstance(end, Maybe) else end


def _assigned(statements: Sequence[ast.stmt]) -> set[str]:
    scan = _Scan()
    for statement in statements:
        scan.visit(statement)
    return scan.assigned


def _initial_names(
    frame: Frame, statements: Sequence[ast.stmt], targets: Sequence[str] = ()
) -> dict[tuple[Scope, str], Slot]:
    """Carries to begin with: numbers and arrays that the body assigns anew."""
    found = {}
    for name in sorted(_assigned(statements) | set(targets)):
        scope = frame.scope.owner(name)
        value = UNBOUND if scope is None else scope.locals.get(name, UNBOUND)
        if scope is not None and is_numeric(value) and not _only_in_place(statements, name, value):
            found[scope, name] = slot_of(value)
    return found


def _passing(frame: Frame, node: ast.For | ast.While) -> frozenset[str]:
    """The variables that a loop's body binds, that are unbound before it, and that nothing else reads."""
    table, bound = frame.scope.locals, _assigned(node.body)
    inside = {id(inner) for statement in node.body for inner in ast.walk(statement)}
    read = {
        inner.id
        for inner in ast.walk(frame.scope.syntax.node)
        if isinstance(inner, ast.Name)
        and isinstance(inner.ctx, ast.Load)
        and id(inner) not in inside
    }
    return frozenset(
        name for name in bound if table.get(name, UNBOUND) is UNBOUND and name not in read
    )


def _only_in_place(statements: Sequence[ast.stmt], name: str, value: Any) -> bool:
    """Whether an array's name is only a target of ``+=`` and the like: the array itself changes."""
    if not is_array(value):
        return False
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
                parents = [
                    n
                    for n in ast.walk(statement)
                    if isinstance(n, ast.AugAssign) and n.target is node
                ]
                if not parents:
                    return False
    return True


# -- for ----------------------------------------------------------------------------------------------
def roll_for(frame: Frame, node: ast.For, sequence: LazySequence) -> After:
    """A ``for`` loop over a lazy sequence as one loop of the program; what is left to do then."""
    with undoing(frame):
        return _roll_for(frame, node, sequence)


def _roll_for(frame: Frame, node: ast.For, sequence: LazySequence) -> After:
    ends = staging.escapes(node.body) - {"continue"}
    if ends:
        return _roll_for_with_end(frame, node, sequence)

    def run(index: Value) -> None:
        assign(frame, node.target, sequence.item(Tracer(index, "python")))
        frame.within("staged loop", node.body)

    count = sequence.count
    body = _Body(frame, run, count, count, _initial_names(frame, node.body))
    body.passing = _passing(frame, node)
    with body.lists_restored():
        body.interpret(sequence.check_unchanged)
        frame.at(node)
        keys, slots, fillers = _keep_temporaries(body)
        _finish(body, keys, slots)
        assert body.outcome is not None
        carries = tuple(_starts(body) + fillers)
        results = emit_for(count, carries, body.outcome.block, checkpointed=sequence.checkpointed)
    _bind_results(
        body, results, keys, slots, _runs(sequence.count), lambda: as_tracer(sequence.count).value
    )
    body.stands(node)
    return lambda: frame.execute(node.orelse)


def _runs(count: Extent) -> Any:
    """Whether a loop of ``count`` iterations runs at all: True, or a traced bool."""
    low, _ = bounds(count)
    if low is not None and low >= 1:
        return True
    positive: Any = np.greater(as_tracer(count), 0)
    return Tracer(positive.value, "python")


# -- while, and loops with an early end ---------------------------------------------------------------
@dataclass(frozen=True)
class _Flags:
    """Names of the variables that end a staged loop."""

    stop: str
    returned: str
    result: str


def _flags(node: ast.AST) -> _Flags:
    return _Flags(f"<break {id(node):x}>", f"<returned {id(node):x}>", f"<result {id(node):x}>")


def roll_while(frame: Frame, node: ast.While) -> After:
    """A ``while`` loop as one loop of the program; what is left to do then."""
    with undoing(frame):
        return _roll_conditional(
            frame, node, lambda: frame.evaluate(node.test), lambda: None, lambda: None
        )


def _roll_for_with_end(frame: Frame, node: ast.For, sequence: LazySequence) -> After:
    counter = f"<position {id(node):x}>"
    table = frame.scope.locals
    table[counter] = 0
    count = sequence.count

    def test() -> Any:
        limit = as_tracer(count) if isinstance(count, Dim) else count
        return frame.scope.locals[counter] < limit

    def before() -> None:
        position = frame.scope.locals[counter]
        if isinstance(position, Tracer):
            position.value.low, position.value.high = 0, last_index(count)
        assign(frame, node.target, sequence.item(position))

    def after() -> None:
        frame.scope.locals[counter] = frame.scope.locals[counter] + 1

    try:
        return _roll_conditional(
            frame, node, test, before, after, (counter,), count, sequence.check_unchanged
        )
    finally:
        frame.scope.locals.pop(counter, None)


def _roll_conditional(
    frame: Frame,
    node: ast.For | ast.While,
    test: Callable[[], Any],
    before: Callable[[], None],
    after: Callable[[], None],
    extra: Sequence[str] = (),
    limit: Extent | None = None,
    check: Callable[[_Body], None] | None = None,
) -> After:
    flags = _flags(node)
    ends = staging.escapes(node.body) - {"continue"}
    names = _initial_names(frame, node.body)
    stops = [n for n, kind in ((flags.stop, "break"), (flags.returned, "return")) if kind in ends]
    for name in stops:
        frame.scope.locals[name] = False
    for name in (*extra, *stops):
        names[frame.scope, name] = slot_of(frame.scope.locals[name])
    try:
        body, keys, slots, results = _make_while(
            frame, node, names, test, before, after, stops, flags, limit, check
        )
    except Signal:
        for name in (flags.stop, flags.returned, flags.result):
            frame.scope.locals.pop(name, None)
        raise
    trips = results[0]
    ran = _runs(extent_of(Tracer(trips, "python")))
    stacks = len(results) - len(body.row_cells())
    _bind_results(body, results[1:stacks], keys, slots, ran, lambda: trips)
    body.end_rows(trips, results[stacks:])
    body.stands(node)
    for name in set(stops) - _taken_ends(body, stops):
        frame.scope.locals.pop(name)
    return _after_loop(frame, node, flags)


def _make_while(
    frame: Frame,
    node: ast.For | ast.While,
    names: dict[tuple[Scope, str], Slot],
    test: Callable[[], Any],
    before: Callable[[], None],
    after: Callable[[], None],
    stops: Sequence[str],
    flags: _Flags,
    limit: Extent | None,
    check: Callable[[_Body], None] | None,
) -> tuple[_Body, list[tuple[Scope, str]], list[Slot], tuple[Value, ...]]:
    def run(index: Value) -> None:
        before()
        saved, frame.loop_flags = frame.loop_flags, flags
        try:
            completion = frame.within("staged loop", node.body)
            if completion is not None:
                staging.record_end(frame, completion)
        finally:
            frame.loop_flags = saved
        after()

    body = _Body(frame, run, None, limit, names)
    body.passing = _passing(frame, node)
    with body.lists_restored():
        tested = _with_condition(body, node, check, lambda: _continues(frame, node, test, stops))
        counted = isinstance(node, ast.For) and not _taken_ends(body, stops)
        return _emit_while(body, tested, limit if counted else None)


def _taken_ends(body: _Body, stops: Sequence[str]) -> set[str]:
    """The flags of the ways out that a pass may take: a handler may never be reached."""
    assert body.outcome is not None
    before = dict(zip(body.names, body.parameters[1:], strict=False))
    after = {name: body.outcome.names.get((body.frame.scope, name)) for name in stops}
    return {
        name
        for name, flag in after.items()
        if flag is not None and as_tracer(flag).value is not before[body.frame.scope, name]
    }


def _with_condition(
    body: _Body,
    node: ast.AST,
    check: Callable[[_Body], None] | None,
    condition: Callable[[], Any],
) -> Outcome:
    """Interpret the body and the condition, which may need more of a list than the body does."""
    frame, rolling = body.frame, body.frame.trace.rolling
    for _ in range(ATTEMPTS):
        body.interpret(check)
        frame.at(node)
        parameters = body.bind(None)

        def thunk(parameters: list[Value] = parameters) -> Any:
            body.enter(parameters)
            return condition()

        rolling.append(body)
        try:
            return run_region(frame, thunk, parameters)
        except Bail as needed:
            if not body.is_asked(needed):
                raise
            request = needed
        finally:
            rolling.pop()
        body.take(request)
    raise NotStaged("what the loop changes does not settle")


def _emit_while(
    body: _Body, tested: Outcome, count: Extent | None
) -> tuple[_Body, list[tuple[Scope, str]], list[Slot], tuple[Value, ...]]:
    frame = body.frame
    if tested.raised is not None:
        raise NotStaged(f"the loop condition raises {type(tested.raised).__name__}")
    known_names = {*body.names, *body.structures}
    if any(key not in known_names for key in tested.names) or any(
        c not in body.cells for c in tested.cells
    ):
        raise NotStaged("the loop condition changes variables")
    with frame.trace.builder.reopened(tested.block):
        tested.block.outputs = [as_tracer(tested.value).value]
    keys, slots, fillers = _keep_temporaries(body)
    _finish(body, keys, slots)
    tested.block.parameters += [Value(slot.type) for slot in slots]
    assert body.outcome is not None
    stacked = body.row_cells()
    outcome = body.outcome
    outcome.block.outputs += [outcome.cells.get(cell, cell.value) for cell in stacked]
    carries = tuple(_starts(body) + fillers)
    if count is not None:  # nothing ends it early
        results = emit_for(count, carries, outcome.block)
        return body, keys, slots, (as_tracer(count).value, *results)
    return body, keys, slots, emit_while(carries, tested.block, outcome.block)


def _continues(frame: Frame, node: ast.AST, test: Callable[[], Any], stops: Sequence[str]) -> Any:
    """The condition of another pass: nothing ended the loop, and the user's own condition."""

    def own() -> Any:
        value = test()
        return truth(value) if isinstance(value, Tracer) else bool(value)

    if not stops:
        return own()
    ended: Any = frame.scope.locals[stops[0]]
    for name in stops[1:]:
        ended = Tracer(np.logical_or(ended, frame.scope.locals[name]).value, "python")
    return staging.stage_choice(
        frame, Tracer(np.logical_not(ended).value, "python"), own, lambda: False, node
    )


def _after_loop(frame: Frame, node: ast.For | ast.While, flags: _Flags) -> After:
    """The ``else`` clause, and a ``return`` from inside of the loop."""
    table = frame.scope.locals
    stopped = table.pop(flags.stop, None)
    returned = table.pop(flags.returned, None)
    result = table.pop(flags.result, None)
    if isinstance(result, Maybe):
        result = result.value
    if isinstance(result, Poison):
        raise Declined("a result returned from inside of a loop that is not a number or an array")
    completion = None
    if returned is not None:
        completion = _return_from_loop(frame, node, returned, result, stopped)
    elif node.orelse and stopped is None:
        return lambda: frame.execute(node.orelse)
    elif node.orelse:
        finished = Tracer(np.logical_not(stopped).value, "python")
        branch = ast.copy_location(ast.If(ast.Constant(True), node.orelse, []), node)
        completion = staging.stage_if(frame, branch, finished)
    return lambda: completion


def _return_from_loop(
    frame: Frame, node: ast.For | ast.While, returned: Any, result: Any, stopped: Any
) -> Completion | None:
    rests = [*frame.rests]

    def otherwise() -> Completion | None:
        if node.orelse:
            finished: Any = True if stopped is None else np.logical_not(stopped)
            if finished is True:
                completion = frame.execute(node.orelse)
            else:
                branch = ast.copy_location(ast.If(ast.Constant(True), node.orelse, []), node)
                completion = staging.stage_if(frame, branch, Tracer(finished.value, "python"))
            if completion is not None:
                return completion
        return frame.execute_rests(rests)

    def give() -> Completion | None:
        return Completion("return", result)

    if frame.boundary not in ("function", "staged loop"):
        return give() if bool(returned) else None
    if frame.boundary == "function":
        return staging.branch(frame, returned, give, otherwise, ends=True)
    return staging.branch(
        frame,
        returned,
        lambda: staging.record_end(frame, Completion("return", result)),
        lambda: _recorded(frame, otherwise()),
        ends=True,
    )


def _recorded(frame: Frame, completion: Completion | None) -> Completion | None:
    return None if completion is None else staging.record_end(frame, completion)


__all__ = [
    "LONGEST_UNROLLED",
    "LazySequence",
    "Poison",
    "lazy_range",
    "lazy_sequence",
    "lazy_zip",
    "roll_for",
    "roll_while",
]
