"""Lists, dicts and objects that the body of a loop binds anew: carried by what they hold, or by which one it is.

s = State(s.x + dt * s.v, s.v)          s.x, s.v: nobody else has the object
if c: p, q = q, p                       the numbers of p and q, and what each object holds
if c: best = p                          the same; for objects that passes make, others stand between passes
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture import choices, staging, structures
from autodiff.capture.carried_lists import CarriedLists
from autodiff.capture.carries import peel_first
from autodiff.capture.contents import has_own_rows, is_long, own_rows
from autodiff.capture.frames import UNBOUND, Maybe, Scope
from autodiff.capture.holders import has_holder, has_other_names
from autodiff.capture.lists import TracedList
from autodiff.capture.members import Joining, Members, member
from autodiff.capture.parts import ObjectScope
from autodiff.capture.reaching import reaches
from autodiff.capture.regions import Outcome, live_scopes
from autodiff.capture.slots import slot_of, type_text, types_of
from autodiff.capture.trace import NotStaged
from autodiff.dims import UndecidedExtent, at_least, bounds
from autodiff.ladder import Bail, Rung
from autodiff.ops.either import is_array
from autodiff.ops.tracer import Tracer, as_tracer


class CarriedObjects(CarriedLists):
    """The names that a loop binds to lists, dicts and objects."""

    def _take_structure(
        self, key: tuple[Scope, str], start: Any, end: Any, outcome: Outcome
    ) -> None:
        """Carry the leaves of a tuple, list, dict or object that the body binds anew."""
        (scope, name), trace = key, self.frame.trace
        if self._take_member(key, start, end):
            return
        chosen, end, kind = end, choices.alike(end, start), type_text(end)
        if structures.parts_of(trace, end) is None or structures.is_cyclic(trace, start):
            if self._take_number(key, start, chosen):
                return
            raise NotStaged(f"the loop changes {name!r}, a {kind}")
        # A change under the other name, in the body or later, would not show in what is made anew.
        parts = [*structures.mutable(trace, start)]
        whole = [*structures.mutable(trace, start, frozen_too=True)]
        given = [part for part in whole if trace.is_given(part)]
        outermost = len(trace.made) == 1
        surely_runs = self._surely_runs(asking=bool(given) and outermost)
        for part in parts:
            if id(part) in self.chosen:  # who may be it as well would not see what passes do to it
                trace.refuse_chosen(part)
        shared = has_other_names(self.frame, scope, name, start, surely_runs) or any(
            not surely_runs or self._changes_any(outcome)
            for part in given
            if isinstance(part, TracedList)
        )
        if not shared and any(self._is_callers(part, outcome) for part in parts):
            if not choices.is_known(chosen):
                raise peel_first(f"a store into {name!r}, which the caller has")
            shared = True
        self.whereabouts[key] = self._whereabouts(start, chosen, outcome, surely_runs)
        lasts = self._may_last(key, [] if surely_runs or not outermost else given)
        ends = structures.mutable(trace, end, frozen_too=True)
        shared |= lasts or any(
            after is not before and any(after is part for part in given)  # it has gone elsewhere
            for before, after in zip(whole, ends, strict=False)
        )
        if shared and isinstance(start, TracedList) and self._may_share(start):
            self.shared.add(key)
            shared = False
        let_go = [] if shared else [self._let_go(part) for part in parts]
        if any(let_go):
            self._take_structure(key, start, end, outcome)  # who else has the items is seen now
            return
        if (shared or key in outcome.entangled) and self._take_number(key, start, chosen):
            return
        known = structures.matched(trace, start, end)
        if not structures.are_alike(trace, known, end):
            raise peel_first(f"{name!r}, of which the first pass changes the structure")
        self._refuse_known_rows(key, start, end)
        if lasts:
            raise peel_first(f"{name!r}, which the caller has")
        if shared:
            raise NotStaged(f"the loop changes {name!r}, a {kind} with other names")
        if isinstance(start, TracedList) and is_long(known):
            self.begun[key] = start
        self._begin_structure(key, known)

    def _may_last(self, key: tuple[Scope, str], given: list[Any]) -> bool:
        """Whether it matters that a name has the caller's own after the loop: after no pass ``given``, which may be the result."""
        told_apart = self.frame.trace.distinguish_arrays >= choices.TOLD_APART
        ends = self.whereabouts[key][1][""]
        return any(not isinstance(part, TracedList) for part in given) or (
            told_apart and any(map(self.frame.trace.is_given, ends))
        )

    def _whereabouts(
        self, start: Any, end: Any, outcome: Outcome, surely_runs: bool
    ) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """What a name has before a pass, by where, and all that it may have there after one, or after none."""
        trace = self.frame.trace
        starts = dict(structures.mutable_at(trace, start, frozen_too=True))
        after = {**dict(structures.mutable_at(trace, end, frozen_too=True)), "": end}
        ends = dict[str, list[Any]]()
        for at, x in after.items():
            ends[at] = []
            for one in choices.known_objects_of(x):
                copy, left = outcome.origins.get(id(one), (None, None))
                ends[at] += trace.chosen_from(left if copy is one else one)
        for at, x in starts.items():
            if at not in ends or not surely_runs:
                ends.setdefault(at, []).append(x)
        return starts, ends

    def _exchanged(self) -> dict[int, list[Any]]:
        """By what each name has before a pass: all that the name may have in its place after one."""
        found: dict[int, list[Any]] = {}
        for starts, ends in self.whereabouts.values():
            for at, x in starts.items():
                found.setdefault(id(x), []).extend(ends.get(at, []))
        return found

    def note_callers(self, in_body: bool) -> None:
        """What stands for a caller's object that a name may have still refuses to change."""
        trace, exchanged = self.frame.trace, self._exchanged()
        for key, (_, ends) in self.whereabouts.items():
            x = key[0].locals.get(key[1], UNBOUND)
            value = x.value if isinstance(x, Maybe) else x
            for at, part in structures.mutable_at(trace, value, frozen_too=True):
                reached = _reached(ends.get(at, []), exchanged)
                known = [x for x in reached if trace.is_given(x)]
                inner = any(id(x) in trace.in_passes for x in reached)
                if not (known or inner) or (in_body and key in self.begun and at == ""):
                    continue
                if in_body or not known:  # the name has it alone, at the end of a pass
                    trace.ambiguous[id(part)] = trace.in_passes[id(part)] = part
                elif not any(part is x for x in known):
                    trace.make_ambiguous(known, part)

    def _surely_runs(self, asking: bool) -> bool:
        """Whether there is a pass: else each name has what it had; with ``asking`` it is decided at each call."""
        if self.count is None or not asking:
            return self.count is not None and (bounds(self.count)[0] or 0) > 0
        try:
            return at_least(self.count, 1)
        except UndecidedExtent:
            return bool(np.greater(as_tracer(self.count), 0))

    def _take_member(self, key: tuple[Scope, str], start: Any, end: Any) -> bool:
        """Have a name that has a member at one end of a pass have one at the other; whether it was not known that it has."""
        pool, other = (choices.known_in(x) for x in (start, end))
        if isinstance(pool, Members) and other is None:
            is_new = key not in self.enlisted and choices.class_of(end) is pool.cls
            self.enlisted[key] = pool
            return is_new
        if isinstance(other, Members) and self.frame.trace.made[-1].get(id(start)) is start:
            if other.fits(start):
                column = other.all_columns()[0]
                needs = (self, [(column, Joining(other, start))])
                raise Bail(Rung.CARRIED, "it changes a list", needs=needs)
        return False

    def _enlist(self) -> None:
        """What a pass has made under names that have members when it begins is a member when it ends."""
        for (scope, name), pool in self.enlisted.items():
            value = scope.locals.get(name, UNBOUND)
            if value is not UNBOUND and not choices.is_choice(value) and pool.fits(value):
                pool.number(value)

    def _refuse_known_rows(self, key: tuple[Scope, str], start: Any, end: Any) -> None:
        """Rows that are carried with their list are known by nobody else when the loop begins."""
        trace = self.frame.trace
        after = structures.pools_in(trace, end)
        before = [pool for pool in structures.pools_in(trace, start) if pool not in after]
        own = [*structures.mutable(trace, start)]
        own += [x for pool in before if hasattr(pool, "holders") for x in pool.holders()]

        def is_such(x: Any) -> bool:
            return not any(x is mine for mine in own) and _pool_of(x) in before

        if before and has_holder(self.frame, is_such):
            raise NotStaged(f"the loop gives {key[1]!r} other rows, of which some are known")

    def _is_callers(self, part: Any, outcome: Outcome) -> bool:
        """Whether a pass stores into a dict or object that the caller has as well, and will find changed."""
        return id(part) in self.frame.trace.given_at and any(
            isinstance(scope, ObjectScope) and scope.obj is part for scope, _ in outcome.names
        )

    def _changes_any(self, outcome: Outcome) -> bool:
        """Whether the body changes a list of a name that it binds anew: by then that may be any of them."""
        starts = [scope.locals.get(name) for scope, name in outcome.names]
        parts = [part for x in starts for part in structures.mutable(self.frame.trace, x)]
        return any(isinstance(part, TracedList) and part in self.before for part in parts)

    def _take_number(self, key: tuple[Scope, str], start: Any, end: Any) -> bool:
        """Carry which object a name has by its number: one from before the loop, or one that stands for those of passes."""
        trace = self.frame.trace
        found = choices.together(trace, start, end)
        sharing = key in self.sharing and key not in self.renewed
        if isinstance(key[0], ObjectScope) and any(key[0].obj is x for x in self.renewed.values()):
            raise NotStaged("the loop links objects that it makes")
        if sharing or (found is None and key not in self.renewed and choices.is_new(end)):
            slot = choices.stand_in(trace, next(choices.objects_of(start)))
            found = None if slot is None else choices.together(trace, start, slot)
            if found is not None:
                self.renewed[key] = slot
        if found is None or found is start:
            return False
        self._begin_structure(key, found)
        return True

    def _take_temporary(self, key: tuple[Scope, str], end: Any) -> bool:
        """Have what a pass binds first, and others have as well, be known by its number after the loop; whether it was not."""
        alike = [x for x in self.renewed.values() if choices.class_of(x) is choices.class_of(end)]
        if key in self.renewed or not alike:
            raise NotStaged(f"the loop chooses the object {key[1]!r}, which is read after it")
        self.renewed[key] = choices.stand_in(self.frame.trace, alike[0])
        return True

    def _renumber(self) -> None:
        """At the end of a pass, have names that may have an object of the pass have what stands for it.

        Of names that have one object it is what stands for that of the first.  What stands for an object holds what that
        does, and nobody but these names has it.
        """
        trace = self.frame.trace
        stand_ins = list(self.renewed.values())
        ends = [scope.locals.get(name, UNBOUND) for scope, name in self.renewed]
        if any(
            choices.class_of(x) is not choices.class_of(y)
            for x, y in zip(ends, stand_ins, strict=True)
        ):
            raise NotStaged("the loop chooses among objects of different classes")
        held = [containers.attributes_of(staging.chosen_object(self.frame, x)) for x in ends]
        before = list[tuple[Any, Any]]()
        for (scope, name), end, slot in zip(self.renewed, ends, stand_ins, strict=True):
            objects, _ = choices.numbered(trace, end)
            # What stands for an object that is kept outside is kept there.
            trace.state.keeping([*objects.values()], lambda x: None)(slot)
            passing = [x for x in objects.values() if id(x) in trace.made[-1]]
            self.passed.update((id(x), x) for x in passing)
            mine = [x for x in objects.values() if any(x is y for y in (*passing, *stand_ins))]
            before.append((end, slot))
            scope.locals[name] = choices.renumbered(trace, end, mine, before)
        for slot, attributes in zip(stand_ins, held, strict=True):
            for name, value in attributes.items():
                trace.changing(slot, None, name)
                containers.set_attributes(slot, {name: value})

    def _may_share(self, x: TracedList) -> bool:
        """Whether a list may be carried by its contents while it is known otherwise as well: if no pass changes it.

        Whoever has one of the objects in it would not see that change.
        """
        trace = self.frame.trace
        if not is_long(x) or x in self.before or trace.distinguish_arrays:
            return False
        return all(part is x for part in structures.mutable(trace, x))

    def _begin_structure(self, key: tuple[Scope, str], start: Any) -> None:
        """Carry the leaves of what a name stands for from now on, before the loop."""
        (scope, name), trace = key, self.frame.trace
        if start is not scope.locals[name]:
            if isinstance(scope, ObjectScope):
                trace.parts.save_scope(scope)
            scope.locals[name] = start
            self.has_two_types |= not choices.is_known(start)
        leaves = self.structures.get(key) or structures.LeafScope(trace, scope, name)
        self.structures[key] = leaves
        found = structures.leaves_of(trace, start)
        for stale in [k for k in self.names if k[0] is leaves and k[1] not in found]:
            del self.names[stale]  # of a list that was carried item by item
            self.narrow.pop(stale, None)
        for at, leaf in found.items():
            is_number = at.rpartition(".")[2] == "number"  # which object it is
            if type(leaf) is int and not is_number and (leaves, at) not in self.names:
                continue  # a size, say, until a pass is seen to change it
            known, slot = self.names.get((leaves, at)), slot_of(leaf)
            if known is None or known.dtype != slot.dtype or len(known.shape) != len(slot.shape):
                self._take_types((leaves, at), types_of(leaf))

    def _settle(self, key: tuple[Scope, str], value: Any) -> Any:
        """Of a choice between what a name was before and something new: an object that holds what it does.

        The name is the only one of either, or the loop is refused.
        """
        stand_in, trace = self.stand_ins.get(key), self.frame.trace
        if isinstance(value, TracedList):
            self.ends[key] = trace.chosen_from(value)
        if not choices.is_known(stand_in) and self._is_of_pass(value, stand_in):
            if not self.is_done(key):
                return staging.chosen_object(self.frame, value)
        if stand_in is None and not self.is_done(key):
            if isinstance(value, TracedList) or member(value) is not None:
                value = self._with_own_rows(key, value)
        like = value if stand_in is None else stand_in
        self._refuse_rows_from_before(key, value, like)
        plain = not choices.is_choice(value) and not structures.is_cyclic(trace, value)
        return structures.matched(trace, value, like) if plain or choices.is_known(like) else value

    def _refuse_rows_from_before(self, key: tuple[Scope, str], value: Any, like: Any) -> None:
        """A name that a loop carries with its rows is given others that were there before the loop: who has them sees changes."""
        trace = self.frame.trace
        if value is like or not any(map(has_own_rows, structures.mutable(trace, like))):
            return
        pools = structures.pools_in(trace, value)
        if any(pool.block is x for pool in pools for x in trace.builder.stack):
            raise NotStaged(f"the loop gives {key[1]!r} rows that have other names")

    def _with_own_rows(self, key: tuple[Scope, str], value: Any) -> Any:
        """A list that a pass makes, or one of its items, with the rows or the member of the pool that the pass has made.

        Where another name lasts that knows this pool it is left as it is, and not kept after the loop.
        """
        frame, pool = self.frame, _pool_of(value)
        if pool is None or any(pool.block is x for x in frame.trace.builder.stack):
            return value
        others = [
            x
            for scope in live_scopes(frame)
            for name, x in scope.locals.items()
            if (scope, name) != key and not self.is_done((scope, name))
        ]
        if reaches(frame.trace, others, lambda x: _pool_of(x) is pool):
            return value
        if isinstance(value, TracedList):
            own = value.copy() if value.row is not None else own_rows(value)
        else:
            own = _object_of(value)
        return value if own is None else own

    def _is_of_pass(self, value: Any, stand_in: Any) -> bool:
        """Whether each of the objects that a branch chose among has been made in this pass, or stands for that of before."""
        if not choices.is_known(value) or issubclass(choices.class_of(value), (list, dict)):
            return False
        made = self.frame.trace.made[-1]
        return all(x is stand_in or made.get(id(x)) is x for x in choices.objects_of(value))

    def is_done(self, key: tuple[Scope, str]) -> bool:
        """Whether a variable is bound anew by each pass before it is read, and by nobody after the loop."""
        scope, name = key
        if scope is self.frame.scope:
            return name in self.passing
        return (scope, name) in self.frame.passing

    def _learn_shared(self, outcome: Outcome) -> bool:
        """Find lists that two names may have at the end of a pass, or a name and something else; whether any is new."""
        count = len(self.shared)
        for key in self.begun:
            # What only the body knows by then is bound anew before it is read.
            others = outcome.entangled - {*self.begun} if key in outcome.entangled else set()
            has_holder = any(
                scope.locals.get(name, UNBOUND) is not UNBOUND for scope, name in others
            )
            has_holder |= self._is_passed_on(key)
            if has_holder or self._known_otherwise(key, outcome) or self._may_be_given(key):
                if not self._may_share(self.stand_ins[key]):
                    raise NotStaged(f"the loop gives {key[1]!r} parts that have other names")
                self.shared.add(key)
        self.given_on += [x for key in self.shared for x in self._ends_of(key)]
        return len(self.shared) > count

    def _learn_kept(self, outcome: Outcome) -> bool:
        """Find names that have at the end of a pass what passes have kept outside; whether any is new."""
        kept, count = self.frame.trace.state.appended_objects, len(self.kept)
        if not kept:
            return False
        copies = {id(copy): copy for copy, x in outcome.origins.values() if id(x) in kept}
        for key, end in outcome.names.items():
            value = end.value if isinstance(end, Maybe) else end
            if structures.holds(self.frame.trace, value, kept | copies):
                self.kept.add(key)
        return len(self.kept) > count

    def note_kept(self) -> None:
        """What such a name has now is kept outside."""
        trace = self.frame.trace
        for scope, name in self.kept:
            x = scope.locals.get(name, UNBOUND)
            value = x.value if isinstance(x, Maybe) else x
            for part in structures.mutable(trace, value, frozen_too=True):
                trace.state.appended_objects[id(part)] = part

    def _known_otherwise(self, key: tuple[Scope, str], outcome: Outcome) -> bool:
        """Whether the list that a name has at the end of a pass may be another name's, or from outside."""
        others = [x for other in self.begun if other != key for x in self._ends_of(other)]
        return any(
            id(x) not in outcome.made or any(x is other for other in others)
            for x in self._ends_of(key)
        )

    def _is_passed_on(self, key: tuple[Scope, str]) -> bool:
        """Whether a pass gives a name the list of another one that may be known otherwise."""
        others = [self.stand_ins.get(other) for other in self.shared if other != key]
        return key not in self.shared and any(x is y for x in self._ends_of(key) for y in others)

    def refuse_shared(self, key: tuple[Scope, str]) -> None:
        """A list that only the body knows is kept for what follows the loop: nobody else may have it that changes it."""
        assert self.outcome is not None
        if self.frame.trace.distinguish_arrays and (
            key in self.outcome.entangled or self._known_otherwise(key, self.outcome)
        ):
            raise NotStaged(f"the loop gives {key[1]!r} parts that have other names")

    def _may_be_given(self, key: tuple[Scope, str]) -> bool:
        """Whether a name may have an argument's list all the time."""
        keeps = any(x is self.stand_ins[key] for x in self._ends_of(key))
        return keeps and self.frame.trace.is_given(self.begun[key])

    def _ends_of(self, key: tuple[Scope, str]) -> list[Any]:
        return self.ends.get(key) or [self.stand_ins.get(key)]

    def share_results(self, ran: Any) -> None:
        """After the loop lists that may be one, or one from before the loop, refuse to change."""
        assert self.outcome is not None
        self.note_kept()
        self.note_callers(in_body=False)
        found = {key: key[0].locals.get(key[1]) for key in {**self.begun, **self.ends}}
        values = {key: x.value if isinstance(x, Maybe) else x for key, x in found.items()}
        lists = {key: x for key, x in values.items() if isinstance(x, TracedList)}
        for key, result in lists.items():
            known = []
            for x in self._ends_of(key):
                known += [
                    y
                    for other, y in lists.items()
                    if other != key and any(x is end for end in self._ends_of(other))
                ]
                known += [] if id(x) in self.outcome.made else [x]
            known += [
                self.begun[other] for other in self._passed_from(key) if self._is_known(other)
            ]
            if key in self.shared and ran is not True:
                known.append(self.begun[key])
            if known:
                self.frame.trace.make_ambiguous(known, result)

    def _passed_from(self, key: tuple[Scope, str]) -> list[tuple[Scope, str]]:
        """The names of whose lists from before the loop one may have one after a pass or several."""
        found, pending = list[tuple[Scope, str]](), [key]
        while pending:
            ends = self._ends_of(pending.pop())
            for other in self.begun:
                if other not in found and any(x is self.stand_ins.get(other) for x in ends):
                    found.append(other)
                    pending.append(other)
        return found

    def _is_known(self, key: tuple[Scope, str]) -> bool:
        """Whether somebody else may have the list that a name had before the loop."""
        return key in self.shared or self.frame.trace.is_given(self.begun[key])

    def _spread(self, key: tuple[Scope, str], outcome: Outcome) -> bool:
        """The leaves of a structure at the end of the body, as variables of their own.

        Lists in it that are items of other lists by then are so at the start of a pass and after the loop too: whether any
        was not known to be.
        """
        trace = self.frame.trace
        end = outcome.names.pop(key, UNBOUND)
        if end is UNBOUND:  # as it was
            return False
        start = key[0].locals[key[1]]
        alike = structures.are_alike(trace, start, end)
        wider = start if alike else structures.matched(trace, start, end)
        entangled = key in outcome.entangled and key not in self.begun
        if choices.is_known(start):
            entangled = key in self.sharing and key not in self.renewed
        if entangled or not structures.are_alike(trace, wider, end):
            if self._take_number(key, start, end):
                return True
            raise NotStaged(f"the loop gives {key[1]!r} parts that have other names, or others")
        if not alike:
            self._begin_structure(key, wider)
            return True
        pools = structures.pools_in(trace, end)
        others = [x for other, x in outcome.names.items() if pools and not self.is_done(other)]
        if any(pool in pools for x in others for pool in structures.pools_in(trace, x)):
            if any(map(has_own_rows, structures.mutable(trace, start))):
                raise NotStaged(f"the loop gives {key[1]!r} rows that have other names")
        with trace.builder.reopened(outcome.block):
            leaves = structures.leaves_of(trace, end)
        for at, leaf in leaves.items():
            outcome.names[self.structures[key], at] = leaf
        return structures.hold_items(trace, start, end)


def _reached(first: list[Any], exchanged: dict[int, list[Any]]) -> list[Any]:
    """What a name may have after any number of passes, which may exchange what names have."""
    found, pending = dict[int, Any](), [*first]
    while pending:
        x = pending.pop()
        if id(x) not in found:
            found[id(x)] = x
            pending += exchanged.get(id(x), [])
    return [*found.values()]


def _object_of(x: Any) -> Any:
    """An object that holds what a member does, of which nobody else knows; None where it holds members."""
    found = member(x)
    if found is None or found[0].inner():
        return None
    pool, number = found
    parts = {name: pool.load(name, number) for name in pool.form.order}
    table = {k: Tracer(v.value, "array") if is_array(v) else v for k, v in parts.items()}
    if pool.cls is dict:
        return pool.trace.fresh(table)
    made = pool.trace.fresh(containers.new_instance(pool.cls))
    containers.set_attributes(made, table)
    return made


def _pool_of(x: Any) -> Any:
    """The pool in which a list, object or array is known by a number, or the items of a list are."""
    if isinstance(x, TracedList) and x.row is None:
        return getattr(x.template, "pool", None)
    found = choices.known_in(x)
    return found[0] if isinstance(found, tuple) else found


__all__ = ["CarriedObjects"]
