"""Regions: running a piece of user code into a block of its own, and undoing what it changed.

``run_region`` interprets a thunk with a new block open, then puts the local variables and the
storage cells back as they were and reports what they became: an :class:`Outcome`.  Branches and
loops are made of outcomes: two outcomes of the same start merge into a ``cond``, the outcome of a
loop body run on placeholders becomes the body of a ``for`` or ``while``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.arrays import ArrayMerge, Chosen, Left, array_of
from autodiff.capture.choices import Instance
from autodiff.capture.frames import UNBOUND, Completion, Maybe, Scope
from autodiff.capture.parts import ObjectScope, QueueScope, Region, table_of
from autodiff.dims import Dim, same_shape
from autodiff.errors import InternalError, UnrollWarning, UnsupportedError, is_signal_handlers
from autodiff.ir.data import ArrayType, Block, Operation, Value, free_values, uses, walk
from autodiff.ladder import AmbiguousStore, Bail, NotStaged, Rung
from autodiff.ops.builder import emit
from autodiff.ops.complex_numbers import ComplexTracer, as_kind
from autodiff.ops.either import Either, Kind, is_array, is_in_64_bits, kinds_of, union
from autodiff.ops.entries import ENTRIES
from autodiff.ops.known import type_name
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import (
    Cell,
    Form,
    StoredList,
    Tracer,
    as_tracer,
    whole_of,
)
from autodiff.plain_data import dataclass
from autodiff.sameness import same_value
from autodiff.signals import Signal, refuse_ours

if TYPE_CHECKING:
    from autodiff.capture.interpreter import Frame

INT = np.dtype(np.int64)
# What passes through the regions and handlers of the user's code: no exception of the user's.
INTERNAL = (Signal, InternalError, UnsupportedError, UnrollWarning)


@dataclass
class Outcome:
    """What a region did: its block, its value, the names and cells it changed, what it raised."""

    block: Block
    value: Any = None
    names: dict[tuple[Any, str], Any] = field(default_factory=dict)
    cells: dict[Cell, Value] = field(default_factory=dict)
    raised: Exception | None = None
    stored: set[Value] = field(default_factory=set)  # contents of cells that were overwritten
    # What cells held at its end that it wrote, those that it made too.
    contents: dict[Cell, Value] = field(default_factory=dict)
    # Names whose lists, dicts and objects have other names as well, or are from before the region.
    entangled: set[tuple[Any, str]] = field(default_factory=set)
    made: dict[int, Any] = field(default_factory=dict)  # lists, dicts and objects
    # Of the copies of lists and dicts in its value and names, by id: the copy, and whose it is.
    origins: dict[int, tuple[Any, Any]] = field(default_factory=dict)


FILLS = "a deque that has another length after a branch or pass"
MOST_QUEUED = 16  # items of a deque that a loop may fill in passes run by themselves


def live_scopes(frame: Frame) -> list[Scope]:
    """The scopes whose variables running code may change."""
    found: dict[int, Scope] = {}
    for scope in [*frame.trace.scopes, *frame.trace.kept_scopes.values(), frame.scope]:
        current: Scope | None = scope
        while current is not None:
            found[id(current)] = current
            current = current.parent
    return list(found.values())


def run_region(
    frame: Frame,
    thunk: Callable[[], Any],
    parameters: Sequence[Value] = (),
    settle: Callable[[Any, Any], Any] = lambda key, value: value,
    is_done: Callable[[Any], bool] = lambda key: False,
    is_pass: bool = False,
) -> Outcome:
    """Run ``thunk`` into a new block and undo its changes of names and cells.

    ``settle(key, value)`` gives what a name is taken to be at the end; ``is_pass``: it is one of a loop; ``is_done(key)`` tells of a name that
    nobody reads from then on.
    """
    trace, builder = frame.trace, frame.trace.builder
    outer_journal, builder.journal = builder.journal, []
    outer_source = builder.source
    # What is guarded inside is not guarded outside: the region may not run, or be given up.
    guarded, decided = len(trace.guarded), len(trace.decided)
    trace.made.append({})
    outcome = Outcome(Block())
    with trace.parts.region(trace.made[-1]) as changes:
        try:
            _run_into(outcome, frame, thunk, parameters, changes, settle, is_done, is_pass)
            _note_cells(outcome, builder.journal)
        finally:
            changes.restore()
            for cell, value in reversed(builder.journal or []):
                cell.restore(value)
            builder.journal = outer_journal
            builder.source = outer_source
            _forget_since(trace.guarded, guarded)
            _forget_since(trace.decided, decided)
            trace.made.pop()
    return outcome


def _run_into(
    outcome: Outcome,
    frame: Frame,
    thunk: Callable[[], Any],
    parameters: Sequence[Value],
    changes: Region,
    settle: Callable[[Any, Any], Any],
    is_done: Callable[[Any], bool],
    is_pass: bool,
) -> None:
    """Run ``thunk`` into a new block; the outcome takes up what it has done, frozen."""
    trace = frame.trace
    with trace.builder.region() as block:
        outcome.block = block
        block.parameters = list(parameters)
        try:
            outcome.value = thunk()
        except INTERNAL as problem:
            if isinstance(problem, Bail):
                problem.at(trace.builder.source)
            trace.state.restart()
            raise
        except Exception as error:  # the user's own: this path raises
            if is_signal_handlers(error):
                raise
            refuse_ours(error)
            outcome.raised = error
        trace.state.restart()
        # Now, while the storage still holds what the region left in it.
        outcome.made, origins = trace.made[-1], outcome.origins
        outcome.value = freeze(outcome.value, outcome.made, origins)
        for scope, before in changes.saved.values():
            if isinstance(scope, QueueScope) and len(scope.locals) != len(before):
                if isinstance(scope.obj, StoredList):
                    scope.obj.refuse_queue()
                limit = getattr(scope.obj, "maxlen", None)
                if is_pass and limit is not None and len(before) < len(scope.locals) <= MOST_QUEUED:
                    raise Bail(Rung.PEELED, FILLS)  # until it is full
                raise NotStaged(FILLS)
        changed = {
            (scope, name): value
            for scope, before in changes.saved.values()
            for name, value in scope.locals.items()
            if before.get(name, UNBOUND) is not value
        }
        lasting = {key: value for key, value in changed.items() if not is_done(key)}
        outcome.entangled = _entangled(lasting, trace.made[-1])
        for key, value in changed.items():
            outcome.names[key] = freeze(settle(key, value), outcome.made, origins)


def _forget_since(table: dict[Any, None], count: int) -> None:
    """Take out what was added to a set in order after the first ``count``."""
    while len(table) > count:
        table.popitem()


class Journal(list[tuple[Any, Value]]):
    """The cells written since something began within a block; ``outer`` has those written before."""

    def __init__(self, outer: list[tuple[Any, Value]] | None) -> None:
        super().__init__()
        self.outer = outer


@contextmanager
def undoing(frame: Frame) -> Iterator[None]:
    """Undo what has been done to names, cells and the program when staging is given up."""
    trace, builder = frame.trace, frame.trace.builder
    guarded, decided = len(trace.guarded), len(trace.decided)
    mark = trace.decisions.mark()
    block, length = builder.block, len(builder.block.operations)
    outer_journal, outer_source = builder.journal, builder.source
    builder.journal = Journal(outer_journal)
    try:
        with trace.parts.region(None) as changes:
            try:
                yield
            except Bail:
                changes.restore()
                raise
    except Bail as problem:
        problem.at(builder.source)
        trace.decisions.back_to(mark)
        for cell, value in reversed(builder.journal):
            cell.restore(value)
        builder.journal = []
        builder.source = outer_source
        # What was read of arrays is remembered with them; only effects must not stay.
        block.operations[length:] = _without_effects(block.operations[length:])
        _forget_since(trace.guarded, guarded)
        _forget_since(trace.decided, decided)
        if problem.rung is Rung.LEARNT and problem.needs is None and trace.distinguish_arrays:
            # Iteration by iteration it is known.
            raise NotStaged(problem.reason, problem.source) from None
        raise
    finally:
        if outer_journal is not None:
            outer_journal += builder.journal
        builder.journal = outer_journal


def _without_effects(operations: list[Operation]) -> list[Operation]:
    """The operations without those that have effects, and without what reads their results."""
    kept: list[Operation] = []
    dropped: set[Value] = set()
    for operation in operations:
        read = [*uses(operation), *[v for region in operation.regions for v in free_values(region)]]
        has_effect = any(ENTRIES[inner.kind].has_effect for inner in _with_inner(operation))
        if has_effect or any(value in dropped for value in read):
            dropped.update(operation.results)
        else:
            kept.append(operation)
    return kept


def _with_inner(operation: Operation) -> Iterator[Operation]:
    yield operation
    for region in operation.regions:
        yield from walk(region)


def _entangled(changed: dict[tuple[Any, str], Any], made: dict[int, Any]) -> set[Any]:
    """Names with a list, dict or object that is under two of them, or twice under one, or not new."""
    found: set[Any] = set()
    first: dict[int, Any] = {}

    def visit(key: Any, x: Any) -> None:
        if isinstance(x, Tracer) or is_numeric(x) or is_row(x):
            return
        if isinstance(x, choices.Among):
            return
        if choices.is_choice(x):
            for part in choices.parts_of(x)[1:]:
                if id(part) in made and id(part) not in first:
                    visit(key, part)
                else:  # what a name was before, as long as nobody else has it
                    found.update((key, first[id(part)]) if id(part) in first else ())
                    first[id(part)] = key
            return
        table = x if isinstance(x, dict) else table_of(x)
        if not isinstance(x, (list, tuple)) and table is None:
            return
        if not isinstance(x, tuple):
            if id(x) in first or id(x) not in made:
                found.update((key, first.get(id(x), key)))
                return
            first[id(x)] = key
        for part in (
            list(table.values())
            if table is not None
            else list.__iter__(x)
            if isinstance(x, list)
            else x
        ):
            visit(key, part)

    for key, value in changed.items():
        visit(key, value)
    return found


def freeze(
    x: Any,
    made: dict[int, Any] | None = None,
    origins: dict[int, tuple[Any, Any]] | None = None,
) -> Any:
    """``x`` with every array in it replaced by the content it has now, and whose it was.

    Objects are left as they are, but those ``made`` in the region.  ``origins`` takes up which list or
    dict each copy is of.
    """

    def copied(copy: Any) -> Any:
        if origins is not None and copy is not x:
            origins[id(copy)] = (copy, x)
        return copy

    def inner(part: Any) -> Any:
        return freeze(part, made, origins)

    if isinstance(x, ComplexTracer):
        re, im = map(inner, x.parts)
        return ComplexTracer((re, im), x.form) if x.form == "array" else x
    if isinstance(x, Tracer):
        if isinstance(x, Either) or x.form != "array":
            return x
        return _left(x)
    if isinstance(x, Maybe):
        return Maybe(x.bound, inner(x.value))
    if isinstance(x, Completion):
        return Completion(x.kind, inner(x.value))
    if choices.is_choice(x):
        return choices.freeze(x, made or {}, inner)
    if made is not None and made.get(id(x)) is x:
        table = None if isinstance(x, (list, dict)) else table_of(x)
        if table is not None:
            known, instance = (origins or {}).get(id(x), (None, None))
            if known is not x:
                instance = Instance(type(x), {}, x)
                if origins is not None:
                    origins[id(x)] = (x, instance)
                instance.table.update({k: inner(v) for k, v in table.items()})
            return instance
    if type(x) in (list, tuple) and any(_has_content(i, made) for i in x):
        return copied(type(x)(inner(i) for i in x))
    if isinstance(x, StoredList):
        if x.is_stored():
            return copied(x.as_left()) if made is None or id(x) in made else x
        if not any(_has_content(i, made) for i in x):
            return x
        return copied(x.with_items([inner(i) for i in x]))
    if isinstance(x, tuple) and containers.is_plain_tuple(x):
        return containers.tuple_of(type(x), map(inner, x))
    if type(x) is dict:
        return copied({k: inner(v) for k, v in x.items()})
    return x


def is_row(x: Any) -> bool:
    """Whether a list is a row of a pool, which is known by its number (``pools``)."""
    return isinstance(x, StoredList) and x.row is not None


def _are_sequences(a: Any, b: Any) -> bool:
    """Whether both are nothing but their items: lists and tuples, and named tuples."""
    return all(
        type(x) is list or isinstance(x, StoredList) or containers.is_plain_tuple(x) for x in (a, b)
    )


def _left(x: Tracer) -> Left:
    """An array as it is now."""
    cell = x.cell
    if isinstance(cell, Chosen):
        left = Left(cell.last[0] if cell.is_stale else x.value, array_of(x))
        if cell.is_stale:
            left.cell = Chosen.lost(cell)
        return left
    left = Left(x.value, array_of(x))
    left.cell.strides = cell.strides if not x.path else None
    left.cell.follows = cell.follows
    return left


def _has_content(x: Any, made: dict[int, Any] | None) -> bool:
    """Whether freezing may change an item."""
    if choices.is_choice(x):
        return True
    return isinstance(x, (Tracer, list, tuple, dict)) or (made is not None and id(x) in made)


def thaw(x: Any) -> Any:
    """The array that a frozen one was, where that one is from before the region."""
    if isinstance(x, ComplexTracer):
        re, im = map(thaw, x.parts)
        return ComplexTracer((re, im), x.form)
    return x.array if isinstance(x, Left) else x


def identity(x: Tracer) -> tuple[Cell, Any]:
    """Which array a tracer is: its storage and the path through it."""
    array = array_of(x)
    return array.cell, array.path


def cells_of(x: Any) -> dict[Cell, None]:
    """The storages that an array is or may be (a view of)."""
    if isinstance(x, ComplexTracer):
        re, im = map(cells_of, x.parts)
        return {**re, **im}
    if not is_array(x):
        return {}
    cell, _ = identity(x)
    return cell.cells if isinstance(cell, Chosen) else {cell: None}


def _note_cells(outcome: Outcome, journal: list[tuple[Any, Value]]) -> None:
    """Cells from before the region that it wrote; cells made inside of it are its own affair."""
    inside = set(outcome.block.parameters)
    for operation in outcome.block.operations:
        inside.update(operation.results)
    first: dict[Cell, Value] = {}
    for cell, old in journal:
        first.setdefault(cell, old)
        outcome.stored.add(old)
    for cell, old in first.items():
        outcome.contents[cell] = cell.value
        if old not in inside:
            outcome.cells[cell] = cell.value


# -- types of values that may differ between paths or iterations ---------------------------------
@dataclass(frozen=True)
class Slot:
    """The type of a variable that a branch or loop gives: dtype, shape, form."""

    dtype: np.dtype[Any]
    shape: tuple[Any, ...]
    form: Form

    @property
    def type(self) -> ArrayType:
        """The type of the value that holds it."""
        return ArrayType(self.dtype, self.shape, self.form == "python")


def is_numeric(x: Any) -> bool:
    """Whether a variable's value can be an output of structured control flow."""
    if isinstance(x, Either) and isinstance(x.wide, ComplexTracer):
        return False
    if type(x) is int and not is_in_64_bits(x):
        return False
    return (
        not isinstance(x, ComplexTracer)
        and isinstance(x, (Tracer, Dim, np.generic, bool, int, float))
        and not (isinstance(x, np.generic) and x.dtype.kind not in "fiub")
    )


def slot_of(x: Any) -> Slot:
    """The slot a numeric value fits exactly; of one of two types, the slot of the wide one."""
    if isinstance(x, Either):
        x = x.wide
    if isinstance(x, Tracer):
        return Slot(x.dtype, x.shape, x.form)
    if isinstance(x, np.generic):
        return Slot(x.dtype, (), "scalar")
    if isinstance(x, bool):
        return Slot(np.dtype(bool), (), "python")
    return Slot(INT if isinstance(x, (int, Dim)) else np.dtype(float), (), "python")


@dataclass(frozen=True)
class Types:
    """What the values of a variable fit: a slot; where their types differ, the narrow one as well."""

    slot: Slot
    narrow: Kind | None = None

    def kinds(self) -> list[Kind]:
        """The types of numbers, the widest first."""
        wide = Kind(self.slot.dtype, self.slot.form)
        return [wide] if self.narrow is None else [wide, self.narrow]

    def widened(self, kinds: Sequence[Kind]) -> Types | None:
        """What holds scalars of these kinds as well; None where nothing does."""
        return _types_of_kinds(union(self.kinds(), kinds))


def types_of(x: Any) -> Types:
    """The types that a numeric value may have."""
    return Types(slot_of(x), x.narrow if isinstance(x, Either) else None)


def join(a: Types, b: Types, kinds: Sequence[Sequence[Kind] | None] = ()) -> Types | None:
    """What holds the values of both, each in its own type; None where nothing does.

    Nothing holds arrays of two dtypes, or numbers that neither type has all of.  ``kinds`` are those of numbers,
    with their values where these are constants.
    """
    if not same_shape(a.slot.shape, b.slot.shape):
        return None
    if a.narrow is None and b.narrow is None:
        if (a.slot.dtype, a.slot.form) == (b.slot.dtype, b.slot.form):
            return a
    if a.slot.shape or "array" in (a.slot.form, b.slot.form):
        return None
    first, second = kinds or (a.kinds(), b.kinds())
    return _types_of_kinds(union(first or a.kinds(), second or b.kinds()))


def _types_of_kinds(kinds: Sequence[Kind] | None) -> Types | None:
    if kinds is None:
        return None
    slot = Slot(kinds[0].dtype, (), kinds[0].form)
    return Types(slot, kinds[1] if len(kinds) == 2 else None)


def tag_of(x: Any, types: Types) -> Any:
    """Whether a value is of the narrow type: a bool, or a traced one."""
    if isinstance(x, Either):
        return Tracer(x.is_narrow, "python")
    assert types.narrow is not None
    slot = slot_of(x)
    return (slot.dtype, slot.form) == (types.narrow.dtype, types.narrow.form)


def widest(a: Slot, b: Slot) -> Slot | None:
    """The smallest slot that holds both, as NumPy promotes; None where the shapes differ."""
    if not same_shape(a.shape, b.shape):
        return None
    form = a.form if _RANK[a.form] >= _RANK[b.form] else b.form
    if a.dtype == b.dtype:
        return Slot(a.dtype, a.shape, form)
    if a.form == "python" or b.form == "python":
        weak, strong = (a, b) if a.form == "python" else (b, a)
        if weak.dtype.kind == "b" and strong.dtype.kind != "b":
            return Slot(strong.dtype, a.shape, form)
        if strong.form != "python":
            example: Any = {"f": 0.0, "i": 0, "b": False}[weak.dtype.kind]
            return Slot(np.result_type(strong.dtype, example), a.shape, form)
    return Slot(np.result_type(a.dtype, b.dtype), a.shape, form)


_RANK = {"python": 0, "scalar": 1, "array": 2}


def fit(x: Any, slot: Slot) -> Value:
    """``x`` as a value of the slot's type (emits the conversion)."""
    tracer = x.wide if isinstance(x, Either) else as_tracer(x)
    value = tracer.value
    weak = slot.form == "python"
    if value.type.dtype != slot.dtype or value.type.weak != weak:
        return emit("cast", (value,), dtype=slot.dtype, weak=weak)
    return value


def placeholder(value: Value, slot: Slot) -> Tracer:
    """A tracer that stands for a slot's value."""
    return Tracer(value, slot.form)


def is_listed(x: Any) -> bool:
    """Whether a value is an array that is an item of a list as well."""
    if isinstance(x, ComplexTracer):
        return any(map(is_listed, x.parts))
    return is_array(x) and (x.cell.listed or identity(x)[0].listed)


def are_complex(a: Any, b: Any) -> bool:
    """Whether two values are traced complex numbers, or arrays of them, of one type."""
    return (
        isinstance(a, ComplexTracer)
        and isinstance(b, ComplexTracer)
        and (a.form, a.part_dtype) == (b.form, b.part_dtype)
    )


def as_parts(x: Any) -> ComplexTracer | None:
    """A complex number or array as the pair of its parts; None of anything else.

    The parts of a constant that the code holds as a number are constants.
    """
    if isinstance(x, ComplexTracer):
        return x
    if type(x) is complex or type(x) in _COMPLEX_SCALARS:
        number = np.asarray(x)
        form: Form = "python" if type(x) is complex else "scalar"
        parts = (Tracer.constant(part[()]) for part in (number.real, number.imag))
        return ComplexTracer((next(parts), next(parts)), form)
    return None


_COMPLEX_SCALARS = (np.complex64, np.complex128)


def complex_pair(a: Any, b: Any) -> tuple[ComplexTracer, ComplexTracer] | None:
    """Two values as complex numbers of one type; None where they are not."""
    first, second = as_parts(a), as_parts(b)
    if first is None or second is None or not are_complex(first, second):
        return None
    return first, second


def complex_types(a: Any, b: Any) -> tuple[Kind, Kind] | None:
    """The complex type that holds two scalars exactly, and the other type that one of them has."""
    first, second = kinds_of(a), kinds_of(b)
    if first is None or second is None:
        return None
    found = union(first, second)
    if found is None or len(found) != 2 or found[0].dtype.kind != "c":
        return None
    return found[0], found[1]


def _is_kind(x: Any, kind: Kind) -> bool:
    own = kinds_of(x)
    return own is not None and own[0].is_type(kind)


def same_object(a: Any, b: Any) -> bool:
    """Whether two values are one and the same array, or equal constants of one type."""
    if a is b:
        return True
    if isinstance(a, Either) or isinstance(b, Either):
        return False
    if isinstance(a, ComplexTracer) or isinstance(b, ComplexTracer):
        return are_complex(a, b) and all(map(same_object, a.parts, b.parts))
    if isinstance(a, Tracer) and isinstance(b, Tracer):
        if a.form != b.form:
            return False
        if a.form == "array":
            (cell, path), (other, other_path) = identity(a), identity(b)
            return cell is other and path == other_path
        return a.value is b.value
    if isinstance(a, Dim) and isinstance(b, Dim):
        return a.terms == b.terms
    return isinstance(a, (bool, int, float, str, type(None))) and same_value(a, b)


def _group(x: Any) -> Any:
    return choices.group_and_index(x)[0]


def _number(x: Any) -> Any:
    return choices.group_and_index(x)[1]


def type_text(x: Any) -> str:
    """The name of the type that an object has in plain Python."""
    if isinstance(x, (Instance, choices.Left)) or choices.is_choice(x):
        return choices.class_of(x).__name__
    if isinstance(x, StoredList):
        return x.python_type.__name__
    return type_name(x) if isinstance(x, Tracer) else _OURS.get(type(x).__name__, type(x).__name__)


_OURS = {"TracedGenerator": "generator", "Closure": "function", "DeferredText": "str", "Unbound": "name without a value"}  # fmt: skip


class Merge:
    """Two outcomes of one start, merged value by value into the outputs of a ``cond``."""

    def __init__(self, frame: Frame, test: Tracer, then: Outcome, orelse: Outcome) -> None:
        self.frame = frame
        self.test = test
        self.blocks = (then.block, orelse.block)
        self.outcomes = (then, orelse)
        self.outputs: tuple[list[Value], list[Value]] = ([], [])
        self.finish: list[Callable[[tuple[Value, ...]], None]] = []
        trace = frame.trace
        contents = (then.contents, orelse.contents)
        self.arrays = ArrayMerge(trace.heap, trace.builder, test.value, self.blocks, contents)
        self.objects = choices.ObjectMerge(self)
        # The lists and dicts that come together, by id; what they are merged into.
        self.pairs: dict[tuple[int, int], list[Any]] = {}

    def value(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        """Merge ``a`` and ``b`` and hand the result to ``put`` once the ``cond`` exists."""
        first, second = self._origin(a), self._origin(b)
        if first is second and isinstance(first, (list, dict)):
            self.finish.append(lambda results: put(first))
        elif same_object(a, b):
            self.finish.append(lambda results: put(thaw(a)))
        elif a is UNBOUND or b is UNBOUND or isinstance(a, Maybe) or isinstance(b, Maybe):
            self._maybe(a, b, put)
        elif is_numeric(a) and is_numeric(b):
            self._numeric(a, b, put)
        elif (numbers := complex_pair(a, b)) is not None:
            self._complex(numbers, put)
        elif (types := complex_types(a, b)) is not None:
            self._complex_of_types(a, b, types, put)
        elif is_row(a) and is_row(b) and a.row.pool is b.row.pool:
            make = a.row.pool.row
            self.value(a.row.number, b.row.number, lambda number: put(make(number)))
        elif choices.is_pooled(a) and choices.is_pooled(b) and _group(a) is _group(b):
            made = _group(a).row
            self.value(_number(a), _number(b), lambda number: put(made(number)))
        elif choices.are_lists(self.frame.trace, first, second):
            self.objects.value(first, second, put)
        elif whole_of(a) is not None or whole_of(b) is not None:
            self._lists(a, b, self._paired(first, second, self._one_of(first, second, put)))
        elif (id(first), id(second)) in self.pairs:  # under another name, or in another place
            pair = self.pairs[id(first), id(second)]
            self.finish.append(lambda results: put(pair[0]))
        elif type(a) is type(b) and _are_sequences(a, b) and len(a) == len(b):
            self._sequence(a, b, self._paired(first, second, self._one_of(first, second, put)))
        elif type(a) is dict and type(b) is dict and same_value(tuple(a), tuple(b)):
            self._dict(a, b, self._paired(first, second, self._one_of(first, second, put)))
        elif choices.is_object(self.frame.trace, a) and choices.is_object(self.frame.trace, b):
            self.objects.value(a, b, put)
        else:
            raise NotStaged(
                f"the branches give a {type_text(a)} and a {type_text(b)}, which do not merge"
            )

    def complete(self, results: tuple[Value, ...]) -> None:
        """Hand out everything, now that the ``cond`` stands in the program."""
        self.arrays.finish(results)
        for finish in self.finish:
            finish(results)

    def _origin(self, x: Any) -> Any:
        """The list or dict that ``x`` is, or is a copy of."""
        for outcome in self.outcomes:
            copy, origin = outcome.origins.get(id(x), (None, None))
            if copy is x and x is not None:
                return origin
        return x

    def _paired(self, a: Any, b: Any, put: Callable[[Any], None]) -> Callable[[Any], None]:
        """``put`` for list or dict ``a`` and ``b``, which wherever they come together are one."""
        if isinstance(a, tuple):
            return put
        if any(id(a) == one or id(b) == other for one, other in self.pairs):
            raise NotStaged("the branches give lists or dicts that have other names in one of them")
        pair = self.pairs[id(a), id(b)] = [None]

        def noted(merged: Any) -> None:
            pair[0] = merged
            put(merged)

        return noted

    def _one_of(self, a: Any, b: Any, put: Callable[[Any], None]) -> Callable[[Any], None]:
        """``put`` for what is list or dict ``a`` or ``b``.

        Where one of them is from before the branch, a change of what is merged would have to change it too, and the
        other way round: neither may change from then on.
        """
        trace = self.frame.trace
        known = [
            x
            for x in (a, b)
            if isinstance(x, (list, dict)) and not any(id(x) in o.made for o in self.outcomes)
        ]
        if not known:
            return put
        if trace.distinguish_arrays:
            raise NotStaged("a branch chooses among lists or dicts, and the choice is changed")
        if any(
            isinstance(scope, ObjectScope) and scope.obj is x
            for x in known
            for scope in self._changed()
        ):
            # What is merged would be what it held before the branch.
            raise AmbiguousStore(
                "a list or dict that a branch changes, or puts another in the place of"
            )

        def marked(merged: Any) -> None:
            trace.make_ambiguous(known, merged)
            put(merged)

        return marked

    def _changed(self) -> Iterator[Any]:
        """The scopes that either side has changed."""
        for outcome in self.outcomes:
            for scope, _ in outcome.names:
                yield scope

    def _numeric(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        types = join(types_of(a), types_of(b), (kinds_of(a), kinds_of(b)))
        if types is None and not same_shape(slot_of(a).shape, slot_of(b).shape):
            raise NotStaged("the branches give arrays of different shapes")
        if types is None:
            raise NotStaged("the branches give values of different types")
        slot, narrow = types.slot, types.narrow
        number = self._output(a, b, slot)
        if slot.form == "array":
            self.arrays.add(a, b, number, is_listed(a) or is_listed(b), put)
            return
        tag = None if narrow is None else self._tag(a, b, types)
        form = slot.form

        def finish(results: tuple[Value, ...]) -> None:
            merged = Tracer(results[number], form)
            if narrow is not None and tag is not None:
                merged = Either(merged, tag(results), narrow)
            put(merged)

        self.finish.append(finish)

    def _complex(
        self, numbers: tuple[ComplexTracer, ComplexTracer], put: Callable[[Any], None]
    ) -> None:
        """Merge complex numbers part by part."""
        a, b = numbers
        parts: list[Any] = [None, None]
        for k, (x, y) in enumerate(zip(a.parts, b.parts, strict=True)):
            self.value(x, y, partial(parts.__setitem__, k))
        self.finish.append(lambda results: put(ComplexTracer((parts[0], parts[1]), a.form)))

    def _complex_of_types(
        self, a: Any, b: Any, types: tuple[Kind, Kind], put: Callable[[Any], None]
    ) -> None:
        """Merge numbers of which one is complex and the other of another type, with a tag."""
        wide, narrow = types
        found: list[Any] = [None, None]
        held = []
        for x, block in zip((a, b), self.blocks, strict=True):
            with self.frame.trace.builder.reopened(block):
                number = x.wide if isinstance(x, Either) else x
                held.append(as_kind(number, wide.dtype, wide.form))
        self._complex((held[0], held[1]), partial(found.__setitem__, 0))
        first, second = (
            Tracer(x.is_narrow, "python") if isinstance(x, Either) else _is_kind(x, narrow)
            for x in (a, b)
        )
        self.value(first, second, partial(found.__setitem__, 1))
        self.finish.append(lambda results: put(Either(found[0], as_tracer(found[1]).value, narrow)))

    def _output(self, a: Any, b: Any, slot: Slot) -> int:
        """Let both blocks give a value; the number of the output."""
        for x, block, outputs in zip((a, b), self.blocks, self.outputs, strict=True):
            with self.frame.trace.builder.reopened(block):
                outputs.append(fit(x, slot))
        return len(self.outputs[0]) - 1

    def _tag(self, a: Any, b: Any, types: Types) -> Callable[[tuple[Value, ...]], Value]:
        """Whether what is merged is of the narrow type, given the results of the ``cond``."""
        first, second = tag_of(a, types), tag_of(b, types)
        if isinstance(first, bool) and isinstance(second, bool):
            if first:
                return lambda results: self.test.value
            return lambda results: emit("logical_not", (self.test.value,))
        number = self._output(first, second, Slot(np.dtype(bool), (), "python"))
        return lambda results: results[number]

    def _lists(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        """Merge lists, one of which is in arrays, by their contents."""
        found = []
        for x, other, block in zip((a, b), (b, a), self.blocks, strict=True):
            with self.frame.trace.builder.reopened(block):
                known = x.together(other) if isinstance(x, StoredList) else None
                if known is None or known.frozen:  # it matters which item of a list it is
                    raise NotStaged("the branches give different lists")
                found.append((known, known.columns_now()))
        (first, mine), (_, others) = found
        columns: list[Any] = [None] * len(mine)
        for k, (x, y) in enumerate(zip(mine, others, strict=True)):
            self.value(x, y, partial(columns.__setitem__, k))
        self.finish.append(lambda results: put(first.with_columns(columns)))

    def _sequence(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        items: list[Any] = [None] * len(a)
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            self.value(x, y, partial(items.__setitem__, k))
        kind = type(a)

        def finish(results: tuple[Value, ...]) -> None:
            if issubclass(kind, list):
                merged: Any = self.frame.trace.new_list(items)
                # An item of another list on one side is one as far as anybody knows.
                merged.frozen = any(getattr(x, "frozen", False) for x in (a, b))
                put(self.frame.trace.fresh(merged))
            else:
                put(self.frame.trace.note_merged(containers.tuple_of(kind, items)))

        self.finish.append(finish)

    def _dict(self, a: dict[Any, Any], b: dict[Any, Any], put: Callable[[Any], None]) -> None:
        items: dict[Any, Any] = dict.fromkeys(a)
        for key in a:
            self.value(a[key], b[key], partial(items.__setitem__, key))
        self.finish.append(lambda results: put(self.frame.trace.fresh(items)))

    def _maybe(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        """A name that is bound on one side only."""
        bound: list[Any] = [None]
        held: list[Any] = [UNBOUND]
        known = [x.value if isinstance(x, Maybe) else x for x in (a, b)]
        present = [x for x in known if x is not UNBOUND]
        if not present or not all(is_numeric(x) or as_parts(x) is not None for x in present):
            raise NotStaged("a name is bound on one branch only")
        filler = [
            x if x is not UNBOUND else _zero_like(present[0], block, self.frame)
            for x, block in zip(known, self.blocks, strict=True)
        ]
        flags = [x.bound if isinstance(x, Maybe) else x is not UNBOUND for x in (a, b)]
        self.value(flags[0], flags[1], lambda merged: bound.__setitem__(0, merged))
        self.value(filler[0], filler[1], lambda merged: held.__setitem__(0, merged))

        def finish(results: tuple[Value, ...]) -> None:
            put(Maybe(as_tracer(bound[0]), held[0]))

        self.finish.append(finish)


def _zero_like(x: Any, block: Block, frame: Frame) -> Tracer:
    number = as_parts(x)
    if number is not None:
        re, im = (_zero_like(part, block, frame) for part in number.parts)
        return ComplexTracer((re, im), number.form)
    slot = slot_of(x)
    if any(isinstance(n, Dim) for n in slot.shape):
        raise NotStaged("an array of run-time size is bound on one branch only")
    with frame.trace.builder.reopened(block):
        return Tracer(zeros(slot.shape, slot.dtype).value, slot.form)


def variable(frame: Frame, outcome: Outcome, scope: Scope, name: str) -> Any:
    """The value of a variable after an outcome."""
    if (scope, name) in outcome.names:
        return outcome.names[scope, name]
    value = scope.locals.get(name, UNBOUND)
    if not outcome.cells:
        return value
    # It names what it did, but the region may have stored into that.
    before = [(cell, cell.value) for cell in outcome.cells]
    for cell, content in outcome.cells.items():
        cell.value = content
    try:
        with frame.trace.builder.reopened(outcome.block):
            return freeze(value, None, outcome.origins)
    finally:
        for cell, content in before:
            cell.value = content
