"""The body of a loop under study: what it carries, found by running it on placeholders until nothing new turns up.

    body = Body(frame, run, count, limit, names)      ``names`` are carried to begin with
    body.interpret()                                  runs the body; learns names, types, extents, cells, lists
    body.outcome                                      the last interpretation, from which the loop is made

The first run takes the names that the body assigns; later runs add what else turned out to change, or to change its type or
size.  What cannot be carried raises a ``Bail``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from autodiff.capture import structures
from autodiff.capture.carried_objects import CarriedObjects
from autodiff.capture.carries import ATTEMPTS, leading, peel_first
from autodiff.capture.frames import UNBOUND, Maybe, Poison, Scope
from autodiff.capture.lists import TracedList
from autodiff.capture.parts import ObjectScope
from autodiff.capture.regions import FIRST, Outcome, defined, run_region
from autodiff.capture.slots import (
    INT,
    Slot,
    Types,
    as_parts,
    is_listed,
    is_numeric,
    join,
    placeholder,
    same_object,
    slot_of,
    tag_of,
    type_text,
    types_of,
)
from autodiff.capture.stores import is_item
from autodiff.capture.structures import LeafScope
from autodiff.capture.trace import NotStaged
from autodiff.dims import Dim, UndecidedExtent, last_index, same
from autodiff.ir.data import ArrayType, Value, free_values, walk
from autodiff.ladder import AmbiguousStore, Bail, Rung
from autodiff.ops.dispatch import known
from autodiff.ops.either import VARIES, Either, Probe, is_array, kinds_of
from autodiff.ops.tracer import Tracer, as_tracer


class Body(CarriedObjects):
    """A loop body under study: what it carries, and its last interpretation."""

    def is_asked(self, problem: Bail) -> bool:
        """Whether it is this loop that has to carry more."""
        return problem.rung is Rung.CARRIED and problem.needs[0] is self

    def stands(self, node: ast.AST) -> None:
        """Note that the loop is in the program."""
        taken = Rung.ROLLED if self.needed is None else Rung.CARRIED
        trace = self.frame.trace
        trace.decisions.take(taken, self.needed or "", self.frame.source(node))

    def bind(self, index: Value | None) -> list[Value]:
        """Parameters for the carries; called before each interpretation."""
        values = [] if index is None else [index]
        most = {size.key: size.most for size in self.carried_sizes()}
        for key, slot in self.names.items():
            type = ArrayType(slot.dtype, self.room(key)) if key in self.sizes else slot.type
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
        self.index = index
        given = self.numbers = dict(zip(self.names, parameters[:n], strict=True))
        self._take_arrays()
        for (key, slot), value in zip(self.names.items(), parameters[:n], strict=True):
            scope, name = key
            owner = scope.scope if isinstance(scope, LeafScope) else scope
            if isinstance(owner, ObjectScope):
                self.frame.trace.parts.save_scope(owner)
            if key in self.sizes:
                k = None if index is None else Dim.symbol(index)
                value = leading(value, self.shape(key, k, given))
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
        self.ends.clear()
        self.note_kept()
        self.note_callers(in_body=True)
        for scope, name in self.structures:
            self.stand_ins[scope, name] = scope.locals[name]
            if (scope, name) in self.shared:
                self.frame.trace.hold([scope.locals[name]])

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

    def interpret(self, through: Sequence[TracedList] = ()) -> None:
        """Run the body until what it changes is stable; the lists it goes through keep their length."""
        self.home, self.depth = self.frame.trace.builder.block, len(self.frame.trace.made)
        self._interpret()
        if self.lists and self._is_concrete():
            raise NotStaged("nothing in the loop depends on inputs: Python runs it")
        for source in through:  # Python would go on
            count = None if source.store is None else source.store.count
            if count in self.cells or count in self.inductive:
                raise NotStaged("a loop appends to the list it goes through")

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
                words = self.frame.trace.words
                before = len(words.numbers) if words is not None else 0
                settled = self._attempt() and not self.taken
                # What the body asks of all strings, it asks of those that it has chosen since.
                settled &= words is None or len(words.numbers) == before
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
                    if target.store.is_bounded:
                        continue
                    if self.limit is None:
                        if target.store.slot.form == "array":
                            raise NotStaged("a list that grows in a loop of unknown length")
                        target.request("room")
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
            self._enlist()
            if self.renewed:
                self._renumber()
            self._tell_apart()

        trace = self.frame.trace
        trace.decisions.back_to(self.mark)
        # Nor may a pass change what a name may have from the pass before.
        starts = [*(self.begun[key] for key in self.shared), *self.given_on]
        trace.hold(starts)
        try:
            outcome = run_region(self.frame, thunk, parameters, self._settle, self.is_done, True)
        except Bail as problem:
            if self._reads_on(problem):
                return False
            if problem.rung is not Rung.UNROLLED or not (self.narrow or self.has_two_types):
                raise
            # It may be that a type was needed that differs at first.
            raise Bail(Rung.PEELED, problem.reason, problem.source) from None
        except UndecidedExtent as problem:
            if trace.extents:  # of known sizes it may be decided for all passes
                raise
            raise NotStaged(str(problem)) from None
        finally:
            trace.let_go(starts)
        if outcome.raised is not None:
            raise NotStaged(f"the loop body raises {type(outcome.raised).__name__}")
        self.outcome, self.parameters = outcome, parameters
        try:
            return not self._learn(outcome)
        except Bail as problem:
            if not self._reads_on(problem):
                raise
            return False

    def _reads_on(self, problem: Bail) -> bool:
        """Where no type holds what items of two types give: whether the body may have it checked that they are of one."""
        if problem.rung not in (Rung.UNROLLED, Rung.PEELED):
            return False
        if self.reads_first and not self.reads_types:
            raise Bail(Rung.PEELED, FIRST, problem.source) from None
        tried, self.reads_one_type = self.reads_one_type, self.reads_types
        return self.reads_types and not tried

    def _learn(self, outcome: Outcome) -> bool:
        """Take up what the last run changed beyond the carries; whether there was anything."""
        changed = False
        self.temporaries = {}
        self.passed.update((id(x), x) for x in self.renewed.values())
        for key, end in outcome.names.items() if self.passed else ():
            if key not in self.renewed and structures.holds(self.frame.trace, end, self.passed):
                self.sharing.add(key)
                outcome.entangled.add(key)
        changed |= self._learn_kept(outcome) | self._learn_shared(outcome)
        for key in self.structures:
            changed |= self._spread(key, outcome)
        for key, end in list(outcome.names.items()):
            if key in self.names:
                changed |= self._widen(key, self.names[key], end)
                continue
            scope, name = key
            start = scope.locals.get(name, UNBOUND)
            if start is UNBOUND and isinstance(scope, ObjectScope):
                raise peel_first(f"the attribute {name!r} that the first pass makes")
            if isinstance(start, Maybe) and start.is_read:
                # What a pass finds is what the pass before has left.
                raise peel_first(f"{name!r}, which may not be bound before the loop")
            if start is UNBOUND or isinstance(start, (Poison, Maybe)):
                if key in self.sharing and not self.is_done(key):
                    changed |= self._take_temporary(key, end)
                self.temporaries[key] = end
            elif not same_object(start, end):
                if not is_numeric(end):
                    self._take_structure(key, start, end, outcome)
                    changed = True
                    continue
                if not is_numeric(start):
                    raise peel_first(f"{name!r}, a {type_text(start)} before the loop")
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
        changed |= self.arrays.learn(outcome, {*self.sizes}, defined(outcome))
        self.arrays.note_repeats(outcome)
        self._check_listed(outcome)
        if not changed:
            self.arrays.leave(outcome)
        return changed

    def _widen(self, key: tuple[Scope, str], slot: Slot, end: Any) -> bool:
        if as_parts(end) is not None or (isinstance(end, Either) and not is_numeric(end)):
            raise peel_first(f"{key[1]!r}, which the first pass makes complex")
        if not is_numeric(end):
            raise NotStaged(f"the loop makes {key[1]!r} a {type_text(end)}")
        found = slot_of(end)
        if key in self.sizes:
            if not self._has_sizes(key, slot, found):
                return True
            found = Slot(found.dtype, slot.shape, found.form)
        known, kinds = self._types(key)
        if key in self.sizes:
            wider = join(known, Types(found))
        else:
            wider = join(known, types_of(end), (kinds, kinds_of(end)))
        if wider is None:
            if self._grow(key, slot, found) or self._carry_extents(key, slot, found):
                return True
            raise peel_first(f"{key[1]!r} of another type or shape before the loop")
        if wider == known:
            if key in self.narrow:
                assert self.outcome is not None
                with self.frame.trace.builder.reopened(self.outcome.block):
                    self.outcome.names[self.tags[key]] = tag_of(end, wider)
            return False
        self._take_types(key, wider)
        return True

    def _check_listed(self, outcome: Outcome) -> None:
        """An array that the body stores into and binds anew must not be an item of a list, before that or then."""
        for key in self.names:
            if self.placed.get(key) not in outcome.stored:
                continue
            start = key[0].locals.get(key[1])
            was_item = is_array(start) and (is_listed(start) or is_item(start))
            if was_item or is_listed(outcome.names.get(key)):
                raise AmbiguousStore("a store into an array that is an item of a list")


def _hint(name: str) -> str | None:
    return name if name.isidentifier() else None


def _plain(type: ArrayType) -> ArrayType:
    return ArrayType(type.dtype, type.shape)


__all__ = ["Body"]
