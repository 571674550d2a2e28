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
from typing import TYPE_CHECKING, Any

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.arrays import Chosen, Left, array_of
from autodiff.capture.choices import Instance
from autodiff.capture.frames import UNBOUND, Completion, Maybe, Scope
from autodiff.capture.parts import QueueScope, Region, table_of
from autodiff.capture.slots import identity, is_numeric
from autodiff.capture.standing import refuse_standing
from autodiff.errors import InternalError, UnrollWarning, UnsupportedError, is_signal_handlers
from autodiff.ir.data import Block, Operation, Value, free_values, uses, walk
from autodiff.ladder import Bail, NotStaged, Rung
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import Either, is_array
from autodiff.ops.entries import ENTRIES
from autodiff.ops.tracer import Cell, StoredList, Tracer
from autodiff.plain_data import dataclass
from autodiff.signals import Signal, refuse_ours

if TYPE_CHECKING:
    from autodiff.capture.interpreter import Frame
    from autodiff.capture.trace import Trace

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
FIRST = "items of a list that are of another type than those that follow"
MOST_QUEUED = 16  # items of a deque that a loop may fill in passes run by themselves


@dataclass(frozen=True)
class QueuesOf:
    """What an attempt has to know of the deques that one line makes: that they are lists (:mod:`queued`), or Python's own."""

    site: Any
    is_plain: bool = False

    def plain(self, what: str) -> Bail:
        """That the deque has to be Python's own."""
        return Bail(Rung.LEARNT, what, self.site, needs=(QueuesOf(self.site, True),))


def _refuse_filling(
    trace: Trace, scope: QueueScope, before: Any, is_pass: bool, block: Block
) -> None:
    """Say what becomes of a deque or list that has another number of items after a branch or pass."""
    if isinstance(scope.obj, StoredList):
        scope.obj.refuse_queue()
    limit = getattr(scope.obj, "maxlen", None)
    if is_pass and limit is not None and len(before) < len(scope.locals) <= MOST_QUEUED:
        raise Bail(Rung.PEELED, FILLS)  # until it is full
    site = trace.made_at.get(id(scope.obj), (None, None))[1]
    is_open = trace.keys is not None and site not in trace.keys
    # A pass that computes nothing of what is older, but constants, is Python's.
    computes = any(x.owner is None or x.owner.kind != "constant" for x in free_values(block))
    if limit is None and site is not None and is_open and (computes or not is_pass):
        raise Bail(Rung.LEARNT, "a deque that loops fill and empty", site, needs=(QueuesOf(site),))
    raise NotStaged(FILLS)


def live_scopes(frame: Frame) -> list[Scope]:
    """The scopes whose variables running code may change."""
    found: dict[int, Scope] = {}
    for scope in [*frame.trace.scopes, *frame.trace.kept_scopes.values(), frame.scope]:
        current: Scope | None = scope
        while current is not None:
            found[id(current)] = current
            current = current.parent
    return list(found.values())


def defined(outcome: Outcome) -> set[Value]:
    """The values that a region knows and nobody outside of it."""
    found = set(outcome.block.parameters)
    for operation in outcome.block.operations:
        found.update(operation.results)
    return found


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
        else:
            refuse_standing(trace, trace.made[-1])
        trace.state.restart()
        # Now, while the storage still holds what the region left in it.
        outcome.made, origins = trace.made[-1], outcome.origins
        outcome.value = freeze(outcome.value, outcome.made, origins)
        for scope, before in changes.saved.values():
            if isinstance(scope, QueueScope) and len(scope.locals) != len(before):
                _refuse_filling(trace, scope, before, is_pass, block)
        changed = {
            (scope, name): value
            for scope, before in changes.saved.values()
            for name, value in scope.locals.items()
            if before.get(name, UNBOUND) is not value
        }
        lasting = {key: value for key, value in changed.items() if not is_done(key)}
        outcome.entangled = _entangled(lasting, trace)
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


def _entangled(changed: dict[tuple[Any, str], Any], trace: Any) -> set[Any]:
    """Names with a list, dict or object that is, or may be, under two of them, or twice under one, or not new."""
    made = trace.made[-1]
    found: set[Any] = set()
    first: dict[int, Any] = {}
    places: dict[
        int, list[tuple[Any, Any]]
    ] = {}  # of what may be one: all that may, with their names

    def note(key: Any, x: Any) -> None:
        for one in trace.chosen_from(x):  # of what a branch chose: what it may be
            if id(one) not in made:
                found.add(key)
            if id(one) in first and id(one) not in places:  # beside a choice of objects
                found.update((key, first[id(one)]))
            for other, place in places.setdefault(id(one), []):
                if trace.may_be_one(x, other):
                    found.update((key, place))
            places[id(one)].append((x, key))
        first.setdefault(id(x), key)

    def visit(key: Any, x: Any) -> None:
        if isinstance(x, Tracer) or is_numeric(x):
            return
        if not choices.is_known(x) and choices.known_in(x) is not None:
            return
        if choices.is_choice(x):
            for part in choices.objects_of(x):
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
            is_known = id(x) in first
            note(key, x)
            if is_known:
                return
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
    x: Any, made: dict[int, Any] | None = None, origins: dict[int, tuple[Any, Any]] | None = None
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


def are_sequences(a: Any, b: Any) -> bool:
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
    left.cell.follows, left.cell.is_laid = cell.follows, cell.is_laid and not x.path
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
