"""Which array is it: arrays as objects of the heap, and arrays that one of several stands for.

    z = x if c else y           z holds Choice(c, To(x), To(y)); what it reads is select(c, x, y)
    z[0] = 3                    a store to x where c holds, and to y where it does not
    z is x                      c

An array object is a storage and the view steps that lead through it, in ``like``; what it holds lies in the storage
(:class:`~autodiff.ops.tracer.Cell`), since each result of an operation is one.  A tracer of a chosen array has a
:class:`Chosen` in place of a storage, which reads and stores through its reference.  As long as nothing has been
stored into any of its arrays, it is what the branch gave, and nothing is computed.

Where branches meet, :class:`ArrayMerge` finds out which arrays the names hold: an array that a side has made gets a
storage beside the ``cond``, which holds what the side left in it; one from before is itself.  What cannot be said
outside (a view at a place that the branch has computed) is read as long as that is the same, and refused then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autodiff.capture.heap import Heap, Object
from autodiff.capture.predicates import Node, Predicate, Refused
from autodiff.capture.references import Choice, Reference, To, objects_of
from autodiff.dims import Dim, Extent, symbols
from autodiff.ir.data import Block, Value
from autodiff.ladder import NotStaged
from autodiff.ops import builder as _builder
from autodiff.ops.builder import Builder, constant, emit
from autodiff.ops.indexing import SliceStep
from autodiff.ops.layout import is_laid_out, memory
from autodiff.ops.promotion import select
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Cell, Tracer, ViewStep, as_tracer
from autodiff.plain_data import dataclass

Put = Callable[[Any], None]
Where = tuple[int, int]  # of a place of a view: the step and the axis


@dataclass(frozen=True)
class Equal:
    """Whether two integers are equal: a truth value that is not computed before it is asked for."""

    a: Value
    b: Value | int


def _value(p: Value | Equal) -> Value:
    if isinstance(p, Equal):
        other = p.b if isinstance(p.b, Value) else as_tracer(p.b).value
        return emit("equal", (p.a, other))
    return p


class _Values:
    """Values of the program, as the heap computes with them."""

    def key(self, leaf: Value | Equal) -> Value | Equal:
        return leaf

    def lift(self, x: Any) -> Any:
        return constant(x) if isinstance(x, bool) else None

    def negated(self, p: Any) -> Value:
        return emit("logical_not", (_value(p),))

    def both(self, p: Any, q: Any) -> Value:
        return emit("logical_and", (_value(p), _value(q)))

    def either(self, p: Any, q: Any) -> Value:
        return emit("logical_or", (_value(p), _value(q)))

    def select(self, predicate: Any, a: Value, b: Value) -> Value:
        test, arrays = Tracer(_value(predicate), "python"), (Tracer(x, "array") for x in (a, b))
        return select(test, *arrays).value


class Arrays(Heap):
    """The heap of arrays."""

    def __init__(self) -> None:
        super().__init__(_Values())
        self.of_cell: dict[Cell, list[Object]] = {}
        self.numbering: Any = None  # of its arrays (capture.numbering)

    def forget(self) -> None:
        """Let go of all arrays."""
        self.of_cell.clear()
        self.numbering.forget()

    def value_of(self, p: Predicate) -> Value:
        """A predicate as a truth value of the program, computed here."""
        return _value(self.logic.leaf(p))

    def object_of(self, cell: Cell, path: tuple[ViewStep, ...] = ()) -> Object:
        """The array with a storage and a path: always the same one."""
        found = self.of_cell.setdefault(cell, [])
        for known in found:
            if known.like.path == path:
                return known
        made = Object(Tracer(cell, "array", path), found[0].born if found else True)
        found.append(made)
        return made

    def reference(self, x: Tracer) -> Reference:
        """Which array a tracer is, as far as it is known on this path."""
        if not isinstance(x.cell, Chosen) or x.cell.reference is None:
            return To(self.object_of(x.cell, x.path))
        return self._viewed(self.known(x.cell.reference), x.path)

    def _viewed(self, reference: Reference, path: tuple[ViewStep, ...]) -> Reference:
        if isinstance(reference, Choice):
            a, b = (self._viewed(part, path) for part in (reference.a, reference.b))
            return Choice(reference.predicate, a, b)
        assert isinstance(reference, To)
        whole = reference.object.like
        return To(self.object_of(whole.cell, (*whole.path, *path))) if path else reference

    def read(self, object: Object) -> Value:
        """What an array holds."""
        return object.like.value

    def write(self, object: Object, value: Value) -> None:
        """Replace what an array holds."""
        object.like.write(value)


def cells_of_reference(reference: Reference) -> dict[Cell, None]:
    """The storages of the arrays that a reference may be."""
    found: dict[Cell, None] = {}
    for x in objects_of(reference):
        cell = x.like.cell
        found.update(cell.cells if isinstance(cell, Chosen) else {cell: None})
    return found


class Chosen(Cell):
    """Stands for the storage of an array that is one of several; ``reference`` tells which.

    None where that cannot be said: then it is a part of ``cells``, and neither it nor these may be stored into
    while it is in use.
    """

    __slots__ = ("cells", "first", "heap", "last", "layout_matters", "reference")
    origin = None  # its arrays have theirs
    seen_by = ()

    def __init__(
        self,
        heap: Arrays,
        reference: Reference | None,
        content: Value,
        cells: dict[Cell, None] | None = None,
    ) -> None:
        self.heap = heap
        self.reference = reference
        self.block = _builder.current_block()
        self.cells = cells_of_reference(reference) if reference is not None else cells or {}
        self.layout_matters = False
        self.number = None
        self.first = self.last = self._note(content)

    def _note(self, content: Value) -> tuple[Value, list[tuple[Cell, Value]], Block]:
        """What it holds, and as of which contents of the storages; known in the open block."""
        return content, [(c, c.value) for c in self.cells], _builder.current_builder().block

    def _known(self) -> Value | None:
        """What it holds, unless something has been stored since."""
        is_open = _builder.current_builder().is_open
        for content, since, home in (self.last, self.first):
            if is_open(home) and all(c.value is v for c, v in since):
                return content
        return None

    @property
    def value(self) -> Value:  # type: ignore[override]
        """What the array holds now."""
        found = self._known()
        if found is None:
            reference = self._decided("a store into an array that another one, read later, may be")
            found = self.heap.read_through(reference)
            self.last = self._note(found)
        return found

    def write(self, value: Value) -> None:
        """Store to each of the arrays, where it is that one."""
        reference = self._decided("a store into an array that is a part of others")
        locked = [any(s.write is None for s in x.like.path) for x in objects_of(reference)]
        if any(locked) and not all(locked):
            raise NotStaged("a store into an array that on some paths cannot be stored into")
        self.heap.write_through(reference, value)
        self.last = self._note(value)

    def _decided(self, what: str) -> Reference:
        if self.reference is None:
            raise NotStaged(what)
        if self.layout_matters:
            raise NotStaged(f"{what}, of arrays that lie differently in memory")
        return self.heap.known(self.reference)

    @staticmethod
    def lost(like: Chosen) -> Chosen:
        """What a region leaves of an array of which it is not known what it holds."""
        made = Chosen(like.heap, None, like.last[0])
        made.first = made.last = (like.last[0], [], Block())
        return made

    @property
    def is_stale(self) -> bool:
        """Whether it cannot be told what it holds."""
        return self.reference is None and self._known() is None

    @property
    def arrays(self) -> list[Tracer]:
        """What it may be."""
        return [] if self.reference is None else [x.like for x in objects_of(self.reference)]

    @property
    def version(self) -> int:  # type: ignore[override]
        """How often one of its arrays was stored into."""
        return sum(c.version for c in self.cells)

    @property
    def strides(self) -> tuple[int, ...] | None:  # type: ignore[override]
        """Those of all its arrays; where these differ, it may not change from now on."""
        dummies = [memory(x) for x in self.arrays]
        if len({d.strides for d in dummies}) > 1:
            self.layout_matters = True
        if self.layout_matters or all(d.flags.c_contiguous for d in dummies):
            return None
        strides: tuple[int, ...] = dummies[0].strides
        return strides

    @property
    def is_laid(self) -> bool:  # type: ignore[override]
        """Whether it lies in the same way whichever of them it is."""
        known = [is_laid_out(x) for x in self.arrays]
        return bool(known) and all(known) and len({memory(x).strides for x in self.arrays}) == 1

    @property
    def follows(self) -> bool:  # type: ignore[override]
        """Whether the order in memory of one of them follows from that of an argument."""
        return any(x.cell.follows for x in self.arrays)

    @property
    def listed(self) -> bool:
        """Whether one of them is an item of a list."""
        return any(c.listed for c in self.cells)

    @listed.setter
    def listed(self, is_listed: bool) -> None:
        for cell in self.cells:
            cell.listed = is_listed


class Left(Tracer):
    """An array as a region left it: what it held at the end, and which array it is."""

    __slots__ = ("array",)

    def __init__(self, content: Value, array: Tracer) -> None:
        super().__init__(content, "array")
        self.array = array


def array_of(x: Tracer) -> Tracer:
    """The array itself, of what a region left of one."""
    return x.array if isinstance(x, Left) else x


@dataclass(eq=False)
class _Met:
    """Two arrays that come together: which they are, and the output that holds their contents."""

    references: tuple[Reference, Reference]
    number: int
    is_listed: bool
    put: Put
    which: int | None = None  # the output that tells which array it is (capture.numbering)


class _Unknown(Exception):
    """Which array it is cannot be said outside of the branch."""


class _Side:
    """What one side of a branch has to tell of its arrays."""

    def __init__(self, block: Block, contents: dict[Cell, Value], exists: Predicate) -> None:
        self.block = block
        self.contents = contents  # of storages, at its end
        self.exists = exists  # whether this side is taken
        self.numbers: dict[Object, int] = {}  # outputs, by arrays that it has made
        self.bases: dict[Cell, int] = {}  # outputs, by storages of which several views are left
        self.atoms: dict[Any, int] = {}  # outputs, by truth values that it has computed
        # Outputs, by views of older arrays that it has computed the places of, by step and axis.
        self.places: dict[Object, dict[Where, int]] = {}
        self.stands: dict[Object, Object] = {}  # for its arrays
        self.cells: dict[Cell, Cell] = {}  # for its storages
        self.which: dict[Object, int] = {}  # outputs, by arrays: their numbers
        self._defined: set[Value] | None = None

    @property
    def defined(self) -> set[Value]:
        """What is known on this side alone."""
        if self._defined is None:
            results = [v for operation in self.block.operations for v in operation.results]
            self._defined = {*self.block.parameters, *results}
        return self._defined


class ArrayMerge:
    """The arrays of two sides of a branch; see the module header."""

    def __init__(
        self,
        heap: Arrays,
        builder: Builder,
        test: Value,
        blocks: tuple[Block, Block],
        contents: tuple[dict[Cell, Value], dict[Cell, Value]],
    ) -> None:
        self.heap, self.builder = heap, builder
        self.test = heap.logic.of(test)
        exists = [heap.logic.both(heap.path, p) for p in (test, heap.logic.negated(test))]
        self.sides = tuple(map(_Side, blocks, contents, exists))
        self.met: list[_Met] = []

    def add(self, a: Tracer, b: Tracer, number: int, is_listed: bool, put: Put) -> None:
        """Take up two arrays that come together, whose contents are an output."""
        references = (self.heap.reference(array_of(a)), self.heap.reference(array_of(b)))
        self.met.append(_Met(references, number, is_listed, put))

    def _is_inner(self, x: Object) -> bool:
        block = x.like.cell.block
        return block is not None and not self.builder.is_open(block)

    # -- what the sides have to give
    def settle(self, outputs: Sequence[list[Value]]) -> None:
        """Let the sides give what is to be known of the arrays that they have made."""
        if self.heap.numbering.is_carried:
            for met in self.met:
                met.which = len(outputs[0])
                for k, side in enumerate(self.sides):
                    with self.builder.reopened(side.block):
                        outputs[k].append(self.heap.numbering.value_of(met.references[k]))
        for k, side in enumerate(self.sides):
            uses: dict[Object, list[tuple[int, bool]]] = {}
            for met in self.met:
                reference = met.references[k]
                for x in objects_of(reference):
                    if self._is_inner(x):
                        direct = isinstance(reference, To)
                        uses.setdefault(x, []).append((met.number, direct))
                    elif x not in side.places:
                        self._give_places(outputs, k, x)
                for atom in _atoms(reference):
                    computed = {atom.a, atom.b} if isinstance(atom, Equal) else {atom}
                    if computed & side.defined and atom not in side.atoms:
                        with self.builder.reopened(side.block):
                            value = _value(atom)
                        side.atoms[atom] = self._output(outputs, k, value)
            if self.heap.numbering.is_carried:
                for x in uses:
                    with self.builder.reopened(side.block):
                        number = self.heap.numbering.value_of(x.like)
                    side.which[x] = self._output(outputs, k, number)
            views = Counter(x.like.cell for x in uses)
            for x, found in uses.items():
                numbers = [n for n, direct in found if direct or len(found) == 1]
                if numbers and views[x.like.cell] == 1:
                    side.numbers[x] = numbers[0]  # there it is what the name holds
                else:
                    self._give_base(outputs, k, x.like.cell)

    def _give_base(self, outputs: Sequence[list[Value]], k: int, cell: Cell) -> None:
        side = self.sides[k]
        if cell in side.bases or isinstance(cell, Chosen):
            return
        content = side.contents.get(cell, cell.value)
        if not any(symbols(n) & side.defined for n in content.shape if isinstance(n, Dim)):
            side.bases[cell] = self._output(outputs, k, content)

    def _give_places(self, outputs: Sequence[list[Value]], k: int, x: Object) -> None:
        """Where a view lies, as far as the side has computed it."""
        side, found = self.sides[k], {}
        for step, s in enumerate(x.like.path):
            selection = s.selection if isinstance(s, SliceStep) else None
            for axis, n in enumerate(() if selection is None else selection.starts):
                if isinstance(n, Dim) and symbols(n) & side.defined:
                    with self.builder.reopened(side.block):
                        value = place_of(x, (step, axis))
                    found[step, axis] = self._output(outputs, k, value)
        if found:
            side.places[x] = found

    def _output(self, outputs: Sequence[list[Value]], k: int, value: Value) -> int:
        """An output of one side, which the other one gives zeros for."""
        with self.builder.reopened(self.sides[1 - k].block):
            filler = zeros(value.shape, value.dtype).value
        for own, given in zip(outputs, (value, filler) if k == 0 else (filler, value), strict=True):
            own.append(given)
        return len(outputs[0]) - 1

    # -- what is known outside
    def finish(self, results: Sequence[Value]) -> None:
        """Hand out the arrays, now that the branch stands in the program."""
        for met in self.met:
            tracer = self._joined(met, results)
            if met.which is not None and isinstance(tracer.cell, Chosen):
                tracer.cell.number = Tracer(results[met.which], "python")
            if met.is_listed:
                tracer.cell.listed = True
            met.put(tracer)

    def _joined(self, met: _Met, results: Sequence[Value]) -> Tracer:
        content = results[met.number]
        try:
            a, b = (
                self._outside(side, reference, met, results)
                for side, reference in zip(self.sides, met.references, strict=True)
            )
            joined = self.heap.logic.join(self.test, a, b)
        except (_Unknown, Refused):
            return Tracer(Chosen(self.heap, None, content, self._older(met)), "array")
        if isinstance(joined, To):
            return Tracer(joined.object.like.cell, "array", joined.object.like.path)
        return Tracer(Chosen(self.heap, joined, content), "array")

    def _older(self, met: _Met) -> dict[Cell, None]:
        """The storages outside that an array may be a part of."""
        found: dict[Cell, None] = {}
        for side, reference in zip(self.sides, met.references, strict=True):
            for x in objects_of(reference):
                cell = x.like.cell
                if not self._is_inner(x):
                    found.update(cell.cells if isinstance(cell, Chosen) else {cell: None})
                elif isinstance(cell, Chosen):
                    found.update(
                        (c, None)
                        for c in cell.cells
                        if c.block is None or self.builder.is_open(c.block)
                    )
                elif cell in side.cells:
                    found[side.cells[cell]] = None
        return found

    def _outside(
        self, side: _Side, reference: Reference, met: _Met, results: Sequence[Value]
    ) -> Reference:
        """A reference of a side in terms of what there is outside."""
        if isinstance(reference, Choice):
            p = self._predicate(side, reference.predicate, results)
            a, b = (self._outside(side, x, met, results) for x in (reference.a, reference.b))
            return self.heap.logic.join(p, a, b)
        assert isinstance(reference, To)
        x = reference.object
        if not self._is_inner(x):
            path, places = x.like.path, side.places.get(x)
            if places is not None:
                path = moved(path, {at: Dim.symbol(results[n]) for at, n in places.items()})
            self._check_visible(side, path)
            return reference if places is None else To(self.heap.object_of(x.like.cell, path))
        if x not in side.stands:
            side.stands[x] = self._stand(side, x, met, results)
        return To(side.stands[x])

    def _stand(self, side: _Side, x: Object, met: _Met, results: Sequence[Value]) -> Object:
        """What stands outside for an array that a side has made."""
        cell = x.like.cell
        if isinstance(cell, Chosen):
            raise _Unknown
        if x not in side.numbers:
            if cell not in side.bases:
                raise _Unknown
            self._check_visible(side, x.like.path)
            if cell not in side.cells:
                side.cells[cell] = self._new(results[side.bases[cell]], side.exists)
            if x in side.which and not x.like.path:
                side.cells[cell].number = Tracer(results[side.which[x]], "python")
            return self.heap.object_of(side.cells[cell], x.like.path)
        twin = self._twin(side, x, met)
        exists = self.heap.path if twin is not None else side.exists
        side.cells[cell] = self._new(results[side.numbers[x]], exists)
        made = self.heap.object_of(side.cells[cell])
        if x in side.which:
            side.cells[cell].number = Tracer(results[side.which[x]], "python")
        if twin is not None:
            if x in side.which:
                numbers = [results[s.which[y]] for s, y in self._in_order(side, x, twin)]
                number = emit("select", (self.heap.value_of(self.test), *numbers))
                side.cells[cell].number = Tracer(number, "python")
            other = self.sides[0] if side is self.sides[1] else self.sides[1]
            other.stands[twin], other.cells[twin.like.cell] = made, side.cells[cell]
        return made

    def _twin(self, side: _Side, x: Object, met: _Met) -> Object | None:
        """The array of the other side that one array may stand for as well: they never exist together."""
        k = 1 if side is self.sides[0] else 0
        reference, other = met.references[k], self.sides[k]
        if not isinstance(met.references[1 - k], To) or not isinstance(reference, To):
            return None
        y = reference.object
        given = other.numbers.get(y) == side.numbers[x]
        return y if given and self._is_inner(y) and y not in other.stands else None

    def _in_order(self, side: _Side, x: Object, twin: Object) -> list[tuple[_Side, Object]]:
        """Both sides, each with its array of two that never exist together."""
        return [(s, x if s is side else twin) for s in self.sides]

    def _new(self, content: Value, exists: Predicate) -> Cell:
        cell = Cell(content)
        self.heap.object_of(cell).born = exists
        return cell

    def _check_visible(self, side: _Side, path: tuple[ViewStep, ...]) -> None:
        """Where a view lies must be known outside."""
        for step in path:
            extents = (*step.extents, getattr(step, "at", 0))
            if any(symbols(n) & side.defined for n in extents if isinstance(n, Dim)):
                raise _Unknown
            which = getattr(step, "number", None)
            if isinstance(which, Tracer) and which.value in side.defined:
                raise _Unknown

    def _predicate(self, side: _Side, p: Predicate, results: Sequence[Value]) -> Predicate:
        if isinstance(p, bool):
            return p
        atom = results[side.atoms[p.atom]] if p.atom in side.atoms else p.atom
        high, low = (self._predicate(side, x, results) for x in (p.high, p.low))
        return self.heap.logic.choose(atom, high, low)


def place_of(x: Object, where: tuple[int, int]) -> Value:
    """Where a view lies, of one step and axis."""
    step, axis = where
    return as_tracer(x.like.path[step].selection.starts[axis]).value


def moved(path: Sequence[ViewStep], at: dict[tuple[int, int], Extent]) -> tuple[ViewStep, ...]:
    """View steps with other places."""
    found = list(path)
    for k in {step for step, _ in at}:
        step = found[k]
        assert isinstance(step, SliceStep) and step.selection is not None
        starts = [at.get((k, axis), n) for axis, n in enumerate(step.selection.starts)]
        found[k] = step.moved(tuple(starts))
    return tuple(found)


def _atoms(reference: Reference) -> Iterator[Any]:
    """The truth values that decide a reference."""
    if isinstance(reference, Choice):
        pending: list[Predicate] = [reference.predicate]
        while pending:
            p = pending.pop()
            if isinstance(p, Node):
                yield p.atom
                pending += (p.high, p.low)
        yield from _atoms(reference.a)
        yield from _atoms(reference.b)


__all__ = [
    "ArrayMerge",
    "Arrays",
    "Chosen",
    "Equal",
    "Left",
    "array_of",
    "cells_of_reference",
    "moved",
    "place_of",
]
