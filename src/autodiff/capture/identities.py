"""Which objects are one object, as far as the program has to know."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from types import FunctionType, ModuleType
from typing import Any

from autodiff import containers, tree
from autodiff.capture.given import converted
from autodiff.capture.inputs import Inputs
from autodiff.capture.lists import TracedList, is_stored
from autodiff.capture.parts import table_of
from autodiff.capture.paths import Guard, Path, containers_in, has_repeats
from autodiff.dims import Extent
from autodiff.ir.data import Source
from autodiff.ladder import AmbiguousStore, Declined, NotStaged
from autodiff.ops.tracer import Cell, StoredList, Tracer
from autodiff.sameness import same_value


class Identities(Inputs):
    """Which objects are one object: those that were given, made, merged or copied."""

    def new_list(self, items: Any = ()) -> list[Any]:
        """A list made by the captured code."""
        return self.tier.new_list(items, self)

    def listed(self, items: StoredList) -> StoredList:
        """A list of the same items."""
        assert isinstance(items, TracedList)
        return converted(items, TracedList) or items

    def length(self, items: list[Any]) -> Extent:
        """How many items there are, which for a list in an array may be known only at run time."""
        return items.extent if isinstance(items, TracedList) else len(items)

    def fresh(self, obj: Any) -> Any:
        """Note a container made during the capture: changing it has no effect outside."""
        self.made[-1][id(obj)] = obj
        return obj

    def fresh_with(self, obj: Any, whole: Any) -> None:
        """The same of a part of a container: whichever region made this has made it."""
        self.made[-1].pop(id(obj), None)
        for made in self.made:
            if made.get(id(whole)) is whole:
                made[id(obj)] = obj

    def seed(self, generator: Any) -> Any:
        """Note a random generator that is made anew, from a fixed seed, at every call."""
        self.seeded[id(generator)] = generator
        return self.fresh(generator)

    def touch(self) -> None:
        """What cannot be put back is about to change: a statement that does it is not run twice."""
        for attempt in self.attempts:
            attempt.touched = True

    def given_containers(self) -> dict[int, Any]:
        """The lists, dicts and the like in the arguments, which the program has taken apart, by id."""
        if self._given is None:
            self._given = {id(x): x for x in tree.nodes(self.slots)}
        return self._given

    def refuse_given(self, obj: Any, source: Source | None = None) -> None:
        """Refuse the change of an object from outside that is in the arguments too."""
        path = self.paths.get(id(obj))
        if path is not None and id(obj) in self.given_containers():
            kind = type(obj).__name__
            reason = f"a change of {path.describe()}, a {kind} that is in the arguments too"
            raise Declined(reason, source)

    def guard_not_given(self, obj: Any) -> None:
        """Have an object from outside compared with the containers in the arguments of each call."""
        path = self.paths.get(id(obj))
        if path is None or "defaults__" in path.text:
            return
        if any(type(x) is type(obj) for x in self.given_containers().values()):
            self.guards.append(Guard(path, "not given", None))

    def hold(self, objects: Iterable[Any]) -> None:
        """Have objects refuse to change: others may refer to what they stand for."""
        self.held.update((id(obj), obj) for obj in objects)

    def hold_item(self, obj: Any) -> Any:
        """A record of an argument, which stands for the one that was given: it may be read."""
        self.hold([obj])
        return self.note_item(obj)

    def note_item(self, obj: Any) -> Any:
        """The same for one that knows itself that it may not change."""
        self.items[id(obj)] = (obj, _parts_now(obj))
        return obj

    def has_changed_items(self) -> bool:
        """Whether one was stored into where nobody saw it: by a function without source."""
        return any(
            any(a is not b for a, b in zip_longest(parts, _parts_now(obj)))
            for obj, parts in self.items.values()
        )

    def note_given(self, arguments: Any) -> None:
        """Note the containers that the function is given in the place of those of the arguments."""
        for part in tree.nodes(arguments):
            self.taken_apart[id(part)] = part
            if type(part) is dict or table_of(part) is not None:
                self.fresh(part)  # so loops carry what they change of it

    def _guard_identity(self, left: Any, right: Any) -> None:
        """Each container in the arguments is taken apart by itself, though two may be one."""
        given = [id(x) in self.taken_apart for x in (left, right)]
        if all(given):
            self.guard_no_repeats("an identity test", tuples=True)
        elif any(given):
            other = left if given[1] else right
            if id(other) in self.given_containers():
                raise Declined("an identity test of an argument with itself")
            self.guard_not_given(other)

    def guard_no_repeats(
        self, what: str, source: Source | None = None, tuples: bool = False
    ) -> None:
        """Have no container twice in the arguments, now and at every call; of tuples only if it matters."""
        if has_repeats(self.slots, tuples):
            where = self._with_repeats(tuples)
            raise Declined(f"{what}, where {where} one container twice", source)
        self.guards.append(Guard(Path("args"), "without repeats", tuples))

    def _with_repeats(self, tuples: bool) -> str:
        """The arguments that have a container in common with another one, or have one twice."""
        name_of = {number: name for name, number in self.slot_of.items()}
        times = Counter(id(part) for part in containers_in(self.slots, tuples))
        names = [
            name_of.get(number)
            for number, slot in enumerate(self.slots)
            if any(times[id(part)] > 1 for part in containers_in([slot], tuples))
        ]
        known = [name for name in names if name is not None]
        if len(known) < len(names):  # of one without leaves nothing is known
            return "arguments have"
        return f"{' and '.join(known)} {'has' if len(known) == 1 else 'have'}"

    def guard_apart(self, left: Any, right: Any) -> None:
        """Have two objects from outside be two at every call."""
        first, second = self.paths.get(id(left)), self.paths.get(id(right))
        if left is right or first is None or second is None or first.text == second.text:
            return
        if isinstance(
            left, FunctionType | type | ModuleType
        ):  # guarded by itself wherever it is read
            return
        if self.tier.reusable and type(left) is type(right):
            self.guards.append(Guard(first, "apart", second))

    def is_one_constant(self, left: Any, right: Any) -> bool:
        """Whether two numbers or texts that shape the program are one object, now and at every call it is made for.

        They are compared by value at each call: of those from outside that are equal, it is guarded.
        """
        if not same_value(left, right):
            return False
        if -5 <= left <= 256 if type(left) is int else type(left) in (str, bytes) and not left:
            return True  # Python has one of each
        first, second = self._places(left), self._places(right)
        if left is right:
            self.guards += [Guard(first[0], "alias", other) for other in first[1:]]
            return True
        if not first or not second:
            if left != left:  # each call that makes a NaN makes another one
                return False
            raise Declined("whether two equal numbers or texts are one object")
        self.guards += [Guard(one, "apart", other) for one in first for other in second]
        return False

    def _places(self, value: Any) -> list[Path]:
        """Where a number or text that shapes the program was found outside of it."""
        found = [leaf.path for leaf in self.given_leaves if leaf.value is value]
        found += [g.path for g in self.guards if g.relation == "equal" and g.expected is value]
        return list({path.text: path for path in found}.values())

    def refuse_identity(self, left: Any, right: Any) -> None:
        """It matters whether two objects are one: not of copies."""
        self._guard_identity(left, right)
        self.guard_apart(left, right)
        arrays = isinstance(left, Tracer) and isinstance(right, Tracer)
        if arrays and self.copied and left.form == right.form == "array":
            raise NotStaged("an identity test of arrays beside a list of arrays")
        lists = isinstance(left, StoredList) and isinstance(right, StoredList)
        if lists and (id(left) in self.items or id(right) in self.items):
            raise NotStaged("an identity test of a list that is an item of a list")
        if type(left) is type(right) and (id(left) in self.merged or id(right) in self.merged):
            kind = "a tuple" if isinstance(left, tuple) else f"an object of {type(left).__name__}"
            raise Declined(f"an identity test of {kind} that a branch or loop chose")

    def note_merged(self, x: Any) -> Any:
        """A tuple, or an object that cannot change, made of those that a branch or loop chose from: it may be any of them."""
        self.merged[id(x)] = x
        return x

    def refuse_items(self, *objects: Any) -> None:
        """It matters which objects these are, or that are in them, and not only what they hold."""
        if self.items and containers.holds(
            objects, lambda x: id(x) in self.items, stop=lambda x: isinstance(x, StoredList)
        ):
            raise NotStaged("a comparison of records of a list that is an argument")

    def made_in(self, x: Any) -> Iterator[Any]:
        """Everything in a value but what is from outside, and the items of lists that an array holds."""
        return containers.walk(x, lambda part: is_stored(part) or self.is_external(part))

    def note_copied(self, x: Any) -> None:
        """A list of lists is to hold copies: note if any of those is one of the user's own."""
        for part in containers.walk(x, is_stored):
            if isinstance(part, list) and self.is_given(part):
                self.copies_given = True

    def is_given(self, x: Any) -> bool:
        """Whether a container is from outside, or stands for one of the arguments."""
        return id(x) in self.taken_apart or id(x) in self.given or self.is_external(x)

    def cells_of_inputs(self) -> Iterator[Cell]:
        """The storages of the arrays among the inputs; of complex ones those of their parts."""
        yield from (record.cell for record in self.inputs if record.form == "array")
        for entered, _ in self.complex_inputs.values():
            yield from (part.cell for part in entered.parts)

    def make_ambiguous(self, known: Sequence[Any], merged: Any) -> None:
        """Have lists and dicts refuse to change: a branch chose one of them, or what it made."""
        self.ambiguous.update((id(obj), obj) for obj in (*known, merged))
        self.chosen[id(merged)] = (merged, known)

    def may_be_one(self, x: Any, y: Any, known: dict[tuple[int, int], bool] | None = None) -> bool:
        """Whether two lists or dicts, which branches may have chosen, may be one object on any path."""
        if x is y:
            return True
        known = {} if known is None else known
        at = id(x), id(y)
        if at not in known:
            first, second = self.sides.get(id(x)), self.sides.get(id(y))
            if first is not None and second is not None and first[1] is second[1]:
                pairs = [*zip(first[2:], second[2:], strict=True)]
            elif first is not None:
                pairs = [(part, y) for part in first[2:]]
            else:
                pairs = [(x, part) for part in second[2:]] if second is not None else []
            known[at] = any(self.may_be_one(a, b, known) for a, b in pairs)
            if first is None and second is None:
                mine, others = (
                    self.chosen.get(id(x), (None, ())),
                    self.chosen.get(id(y), (None, ())),
                )
                known[at] = any(a is b for a in (x, *mine[1]) for b in (y, *others[1]))
        return known[at]

    def refuse_copies(self, parts: Sequence[Any]) -> None:
        """Refuse where it shows, in a result, that what a branch chose of lists and dicts is a copy."""
        ids = {id(x) for x in parts}
        for x in parts:
            merged, pending = self.chosen.get(id(x), (None, ()))
            pending = [*pending] if merged is x else []
            seen = {id(x)}
            while pending:
                one = pending.pop()
                if id(one) not in seen:  # of lists that passes exchange, each may be the other
                    seen.add(id(one))
                    pending += self.chosen.get(id(one), (None, ()))[1]
                if self.is_given(one) or id(one) in ids or getattr(one, "frozen", False):
                    raise AmbiguousStore("a list or dict in the result that a branch chose")
        chosen = list({id(x): x for x in parts if self.chosen.get(id(x), (None,))[0] is x}.values())
        if any(self.may_be_one(x, y) for x, y in itertools.combinations(chosen, 2)):
            raise AmbiguousStore("lists or dicts in the result that may be one")

    def refuse_chosen(self, obj: Any) -> None:
        """It matters which of several lists or dicts an object is, of which a branch made a copy."""
        if id(obj) in self.ambiguous:
            raise AmbiguousStore("a use of a list or dict itself that a branch chose among others")

    def refuse_held(self, obj: Any) -> None:
        """A change is about to happen, or it matters which object it is."""
        self.refuse_chosen(obj)
        if id(obj) in self.held:
            raise NotStaged(f"a use of a {type(obj).__name__} itself that a loop binds anew")


def _parts_now(obj: Any) -> list[Any]:
    """What a record holds; of a list that knows itself whether it changes, nothing."""
    return [] if isinstance(obj, StoredList) else list(containers.parts_of(obj, keys=True))
