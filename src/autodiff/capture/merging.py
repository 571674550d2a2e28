"""Merging: what a variable is after a branch whose sides gave it different values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.arrays import ArrayMerge
from autodiff.capture.contents import columns_of, together, with_columns
from autodiff.capture.frames import UNBOUND, Maybe, Scope
from autodiff.capture.members import Members
from autodiff.capture.parts import ObjectScope
from autodiff.capture.slots import (
    Slot,
    Types,
    as_parts,
    complex_pair,
    complex_types,
    fit,
    is_listed,
    is_numeric,
    join,
    same_object,
    slot_of,
    tag_of,
    type_text,
    types_of,
)
from autodiff.dims import same_shape, symbols
from autodiff.ir.data import Block, Value, walk
from autodiff.ladder import AmbiguousStore, Bail, NotStaged, Rung
from autodiff.ops.builder import emit
from autodiff.ops.complex_numbers import ComplexTracer, as_kind
from autodiff.ops.either import Either, Kind, is_of, kinds_of
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import StoredList, Tracer, as_tracer
from autodiff.sameness import same_value

if TYPE_CHECKING:
    from autodiff.capture.interpreter import Frame
from autodiff.capture.regions import Outcome, are_sequences, freeze, thaw


class Joined(NamedTuple):
    """What a side has made, by its number and under which name, that meets an item of a list: it is to be one of its pool."""

    side: int
    key: Any
    pool: Any


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
        self.key: Any = None  # the name whose value is merged
        # The lists and dicts that come together, by id; what they are merged into.
        self.pairs: dict[tuple[int, int], list[Any]] = {}

    def value(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        """Merge ``a`` and ``b`` and hand the result to ``put`` once the ``cond`` exists."""
        first, second = self._origin(a), self._origin(b)
        put = self.frame.trace.state.keeping((first, second), put)
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
        elif (words := choices.words_of(self.frame.trace, a, b)) is not None:
            self.value(words.number(a), words.number(b), lambda number: put(words.row(number)))
        elif not choices.is_known(a) and (known := choices.both(a, b)) is not None:
            pool, mine, others = known
            self.value(mine, others, lambda number: put(pool.row(number)))
        elif (side := self._side_that_joins(a, b)) is not None:
            pool = choices.known_in((a, b)[1 - side])
            reason = "a branch chooses among objects of which one is an item of a list"
            raise Bail(Rung.CARRIED, reason, needs=Joined(side, self.key, pool))
        elif choices.are_lists(self.frame.trace, first, second):
            self.objects.value(first, second, put)
        elif any(isinstance(x, StoredList) and x.is_stored() for x in (a, b)):
            self._lists(a, b, self._paired(first, second, self._one_of(first, second, put)))
        elif (id(first), id(second)) in self.pairs:  # under another name, or in another place
            pair = self.pairs[id(first), id(second)]
            self.finish.append(lambda results: put(pair[0]))
        elif type(a) is type(b) and are_sequences(a, b) and len(a) == len(b):
            self._sequence(a, b, self._paired(first, second, self._one_of(first, second, put)))
        elif type(a) is dict and type(b) is dict and same_value(tuple(a), tuple(b)):
            self._dict(a, b, self._paired(first, second, self._one_of(first, second, put)))
        elif choices.is_object(self.frame.trace, a) and choices.is_object(self.frame.trace, b):
            self.objects.value(a, b, put)
        else:
            raise NotStaged(
                f"the branches give a {type_text(a)} and a {type_text(b)}, which do not merge"
            )

    def _side_that_joins(self, a: Any, b: Any) -> int | None:
        """Which of two objects can become a member of the pool that the other one is of."""
        for side, (x, other) in enumerate(((a, b), (b, a))):
            pool = choices.known_in(other) if choices.is_choice(other) else None
            if isinstance(pool, Members) and not choices.is_choice(x):
                return side if choices.class_of(x) is pool.cls else None
        return None

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
            if isinstance(x, (list, dict)) and any(map(self._is_old, trace.chosen_from(x)))
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
            trace.sides[id(merged)] = (merged, self.test.value, a, b)
            put(merged)

        return marked

    def _is_old(self, x: Any) -> bool:
        """Whether a list or dict is from before the branch."""
        return not any(id(x) in outcome.made for outcome in self.outcomes)

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
        held, flags = [], []
        for x, block in zip((a, b), self.blocks, strict=True):
            with self.frame.trace.builder.reopened(block):
                number = x.wide if isinstance(x, Either) else x
                held.append(as_kind(number, wide.dtype, wide.form))
                flags.append(is_of(x, narrow))
        self._complex((held[0], held[1]), partial(found.__setitem__, 0))
        self.value(flags[0], flags[1], partial(found.__setitem__, 1))
        self.finish.append(lambda results: put(Either(found[0], as_tracer(found[1]).value, narrow)))

    def _output(self, a: Any, b: Any, slot: Slot) -> int:
        """Let both blocks give a value; the number of the output."""
        for x, block, outputs in zip((a, b), self.blocks, self.outputs, strict=True):
            with self.frame.trace.builder.reopened(block):
                outputs.append(fit(x, slot))
        return len(self.outputs[0]) - 1

    def _tag(self, a: Any, b: Any, types: Types) -> Callable[[tuple[Value, ...]], Value]:
        """Whether what is merged is of the narrow type, given the results of the ``cond``."""
        flags = []
        for x, block in zip((a, b), self.blocks, strict=True):
            with self.frame.trace.builder.reopened(block):
                flags.append(tag_of(x, types))
        first, second = flags
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
                lists = isinstance(x, StoredList) and isinstance(other, StoredList)
                known = together(x, other) if lists else None
                if known is None or known.frozen:  # it matters which item of a list it is
                    raise NotStaged("the branches give different lists")
                found.append((known, columns_of(known)))
        (first, mine), (_, others) = found
        columns: list[Any] = [None] * len(mine)
        for k, (x, y) in enumerate(zip(mine, others, strict=True)):
            self.value(x, y, partial(columns.__setitem__, k))
        self.finish.append(lambda results: put(with_columns(first, columns)))

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
            x if x is not UNBOUND else _zero_like(present[0], block, other, self.frame)
            for x, block, other in zip(known, self.blocks, self.blocks[::-1], strict=True)
        ]
        flags = [x.bound if isinstance(x, Maybe) else x is not UNBOUND for x in (a, b)]
        self.value(flags[0], flags[1], lambda merged: bound.__setitem__(0, merged))
        self.value(filler[0], filler[1], lambda merged: held.__setitem__(0, merged))

        def finish(results: tuple[Value, ...]) -> None:
            put(Maybe(as_tracer(bound[0]), held[0]))

        self.finish.append(finish)


def _zero_like(x: Any, block: Block, other: Block, frame: Frame) -> Tracer:
    """Zeros on one side, in the place of ``x`` on the other one, whose block is ``other``."""
    number = as_parts(x)
    if number is not None:
        re, im = (_zero_like(part, block, other, frame) for part in number.parts)
        return ComplexTracer((re, im), number.form)
    slot = slot_of(x)
    sizes = {s for n in slot.shape for s in symbols(n)}
    if sizes and not sizes.isdisjoint(v for op in walk(other) for v in op.results):
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
