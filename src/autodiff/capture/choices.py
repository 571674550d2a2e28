"""Objects that a branch or loop chose, each known by its number: which one it is, is known when the program runs.

    z = x if c else y          number of z = number of x if c else number of y
    z.t = 2.0                  if z is x: x.t = 2.0    else: y.t = 2.0
    z.t                        x.t if z is x else y.t
    z is x                     equal numbers

Every object that is chosen has a number in the capture (``Trace.numbers``), so whatever branches, loops and exchanges do
to the references is arithmetic of integers, and a loop carries the number.  A choice is no copy.  What is done with it is
done to each of its objects, on the path on which it is that one: so whoever knows one of them sees it.  Attributes, methods
and ``is`` know what a choice is.  Everything else meets an object that refuses (:class:`Among`), the call is captured
again, and the branch is decided under a guard.

Where a side has made its object, that one exists on no other path.  So the objects that two sides have made are one
object, which holds what each side put into its own; and of an object that one side has made and one from before there
is one new object beside the old one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture.parts import table_of
from autodiff.ladder import AmbiguousStore, Bail, NotStaged, Rung
from autodiff.ops.builder import asks, current_block
from autodiff.ops.tracer import StoredList, Tracer, as_tracer
from autodiff.plain_data import dataclass

TOLD_APART = 1  # of ``Trace.distinguish_arrays``: a list that a branch chose is a choice, no copy
WORDS = "words"  # what an attempt has to know: that no string is known by a number
MOST_CHOSEN = 32  # objects that one choice is among: each use is a path for each


@dataclass(eq=False)
class Instance:
    """An object made in a region, as the region left it; of which object."""

    cls: type
    table: dict[str, Any]
    origin: Any = None


def _refused(x: Any = None, *_: Any, **__: Any) -> Any:
    if type(x) is Among:
        raise group_and_index(x)[0].refusal()
    raise AmbiguousStore("a use of an object itself that a branch chose among others")


class Among:
    """An object of a group, at a place known only when the program runs."""

    __slots__ = ("_autodiff_parts",)

    def __init__(self, group: Any, index: Any) -> None:
        object.__setattr__(self, "_autodiff_parts", (group, index))

    def __getattribute__(self, name: str) -> Any:
        """What nobody but this module knows is refused."""
        return Among if name == "__class__" else _refused(self)

    __setattr__ = __delattr__ = __eq__ = __ne__ = __hash__ = __bool__ = __len__ = __iter__ = (
        _refused
    )
    __contains__ = __getitem__ = __setitem__ = __delitem__ = __call__ = __repr__ = __str__ = (
        _refused
    )
    __format__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = __rsub__ = (
        _refused
    )
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __matmul__ = _refused
    __rmatmul__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = __abs__ = _refused
    __float__ = __int__ = __index__ = __copy__ = __deepcopy__ = __reduce_ex__ = __enter__ = _refused
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __invert__ = __pos__ = _refused
    __array__ = __array_ufunc__ = __array_function__ = __next__ = __dir__ = __exit__ = _refused


def group_and_index(x: Among) -> tuple[Any, Any]:
    """The group of an object, and which of it it is."""
    parts: tuple[Any, Any] = object.__getattribute__(x, "_autodiff_parts")
    return parts


class Objects:
    """Objects of one class by their numbers, as the group of a choice.

    ``test`` is whether it is the first of two, where that is known otherwise than from the number, which is made of it
    where it is asked for.
    """

    def __init__(self, objects: dict[int, Any], test: Tracer | None = None) -> None:
        self.by_number = dict(sorted(objects.items()))
        self.test = test
        self.block = None if test is None else current_block()

    @property
    def objects(self) -> list[Any]:
        """The objects."""
        return list(self.by_number.values())

    @property
    def cls(self) -> type:
        """Their class."""
        return class_of(self.objects[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Objects) and list(self.by_number) == list(other.by_number)

    def __hash__(self) -> int:
        return hash(tuple(self.by_number))

    def lacks(self, name: str) -> bool:
        """Whether none of them holds something of its own under a name."""
        return not any(name in containers.attributes_of(x) for x in self.objects)

    def row(self, number: Any) -> Any:
        """The object of a number."""
        return self.by_number[number] if isinstance(number, int) else Among(self, number)

    def refusal(self) -> Bail:
        """Why none of them can be had."""
        return AmbiguousStore("a use of an object itself that a branch chose among others")


class Words:
    """Strings by their numbers: what a branch chose among some, or a list of some has at a place, is known by its number.

    Equal strings have one number.  Comparisons, lookups in dicts and what branches and loops carry know what it is
    (``words``).
    """

    cls = str

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, x: Any) -> Any:
        """The number of a string, or of a choice among some."""
        return self.numbers.setdefault(x, len(self.numbers)) if type(x) is str else number_now(x)

    def row(self, number: Any) -> Any:
        """The string of a number."""
        return list(self.numbers)[number] if isinstance(number, int) else Among(self, number)

    def lacks(self, name: str) -> bool:
        """Whether it has nothing of its own under a name: what a string has is not known here."""
        raise self.refusal()

    attribute = store_attribute = lambda self, *_: self.lacks("")

    def refusal(self) -> Bail:
        """Why the string itself cannot be had."""
        return Bail(Rung.LEARNT, "text itself that is chosen among others", needs=(WORDS,))


@dataclass(frozen=True)
class WordPlan:
    """How a string of the result is found by its number."""

    words: tuple[str, ...]
    output: int

    def build(self, outputs: Any, *_: Any) -> str:
        """The string."""
        return self.words[int(outputs[self.output])]


def is_word(x: Any) -> bool:
    """Whether something is one of several strings, known only when the program runs."""
    return type(x) is Among and isinstance(group_and_index(x)[0], Words)


def _is_of_numbers(x: Any) -> bool:
    return isinstance(x, StoredList) and x.is_numbers()


def refuse_words(trace: Any, x: Any) -> None:
    """Refuse a container of strings that are chosen among others: a library asks an item for its class."""
    if (
        trace.words is not None
        and trace.words.numbers
        and containers.holds(x, is_word, _is_of_numbers)
    ):
        raise trace.words.refusal()


def words_of(trace: Any, *given: Any) -> Words | None:
    """The strings by number, where all that is given are strings, or chosen among some."""
    words: Words | None = trace.words
    are_words = words is not None and all(type(x) is str or is_word(x) for x in given)
    return words if are_words else None


def is_choice(x: Any) -> bool:
    """Whether an object is one of several, known only when the program runs."""
    return type(x) is Among


def is_known(x: Any) -> bool:
    """Whether an object is a choice of Python's own objects."""
    return type(x) is Among and isinstance(group_and_index(x)[0], Objects)


def parts_of(x: Among) -> tuple[Tracer, Any, Any]:
    """A test, and the object that a choice is, or those it is among, where it holds and where not."""
    group, number = group_and_index(x)
    if not isinstance(group, Objects):
        _refused(x)
    items = list(group.by_number.items())
    half = len(items) // 2
    test: Any = group.test
    if test is None:
        test = np.less(as_tracer(number), items[half][0])
    first, second = (_one_of(dict(part), number) for part in (items[:half], items[half:]))
    return _python(test), first, second


def _one_of(objects: dict[int, Any], number: Any) -> Any:
    return next(iter(objects.values())) if len(objects) == 1 else Among(Objects(objects), number)


def objects_of(x: Any) -> Iterator[Any]:
    """The objects that a choice is among."""
    yield from group_and_index(x)[0].objects if is_choice(x) else [x]


def known_objects_of(x: Any) -> Iterator[Any]:
    """The objects of Python's own that a choice is among; anything else is one by itself."""
    yield from objects_of(x) if is_known(x) else [x]


def class_of(x: Any) -> type:
    """The class of an object, or of those that a choice is among."""
    if is_choice(x):
        cls: type = group_and_index(x)[0].cls
        return cls
    return x.cls if isinstance(x, Instance) else type(x)


def table_of_member(x: Any) -> dict[Any, Any] | None:
    """What an object or dict that is an item of a list holds by name; None of anything else."""
    if not is_choice(x):
        return None
    group, number = group_and_index(x)
    is_pool = hasattr(group, "form")
    return {name: group.load(name, number) for name in group.form.order} if is_pool else None


def as_dict(x: Any) -> Any:
    """A dict of the same entries as one that is an item of a list; anything else itself."""
    is_dict = is_choice(x) and class_of(x) is dict
    table = table_of_member(x) if is_dict else None
    return x if table is None else group_and_index(x)[0].trace.fresh(table)


# Methods that say how an object is copied.
_COPYING = (
    *("__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"),
    *("__getnewargs__", "__getnewargs_ex__"),
)


def is_copied_plainly(cls: Any) -> bool:
    """Whether a copy of an object of a class is made by copying what it holds."""
    return issubclass(cls, dict) or all(
        inspect.getattr_static(cls, hook, None) is inspect.getattr_static(object, hook, None)
        for hook in _COPYING
    )


def refuse(x: Any) -> None:
    """Refuse a choice where Python would have to be given the object."""
    if is_choice(x):
        _refused(x)


def number_of(trace: Any, x: Any) -> int:
    """The number of an object, or of what a region has made, in the capture."""
    x = x.origin if isinstance(x, Instance) else x
    known, number = trace.numbers.setdefault(id(x), (x, len(trace.numbers)))
    assert known is x
    return int(number)


def numbered(trace: Any, x: Any) -> tuple[dict[int, Any], Any]:
    """The objects by number that one is, or is a choice among, and its number."""
    number = number_now(x) if is_known(x) else number_of(trace, x)
    return candidates(trace, x), number


def candidates(trace: Any, x: Any) -> dict[int, Any]:
    """The objects by number that one is, or is a choice among."""
    return dict(group_and_index(x)[0].by_number) if is_known(x) else {number_of(trace, x): x}


def number_now(x: Any) -> Any:
    """The number of a choice."""
    group, number = group_and_index(x)
    return _python(np.where(group.test, *group.by_number)) if number is None else number


def together(trace: Any, x: Any, other: Any) -> Any:
    """An object as a choice among itself and another one, or those that this is among; None of what can be none."""
    words = words_of(trace, x, other)
    if words is not None:
        return x if is_word(x) else Among(words, words.number(x))
    if not all(is_known(one) or is_object(trace, one) or is_list(trace, one) for one in (x, other)):
        return None
    if class_of(x) is not class_of(other):
        return None
    objects, number = numbered(trace, x)
    union = objects | candidates(trace, other)
    if any(isinstance(one, Instance) or one is None for one in union.values()):
        return None
    if len(union) == len(objects) and (not is_choice(x) or group_and_index(x)[1] is number):
        return x
    return Among(Objects(union), number)


@asks
def known_in(x: Any) -> Any:
    """The pool in which an object, list or array of a list is known by a number; None of others.

    A pool is what has ``row(number)``: the rows that lists are (``pools``), what objects and arrays in lists hold
    (``members``), the objects of a list from outside (``gathered``), Python's own objects (:class:`Objects`).
    """
    if type(x) is Among:
        group, _ = group_and_index(x)
        return None if isinstance(group, Objects) and is_new(x) else group
    if isinstance(x, StoredList):
        return None if x.row is None else x.row.pool
    step: Any = x.path[0] if isinstance(x, Tracer) and len(x.path) == 1 else None
    return (step.pool, step.name) if hasattr(step, "pool") else None


def place_of(x: Any) -> tuple[Any, Any] | None:
    """That pool, and the number."""
    pool: Any = known_in(x)
    if pool is None:
        return None
    if type(x) is Among:
        return pool, number_now(x)
    return pool, x.row.number if isinstance(x, StoredList) else x.path[0].number


def both(a: Any, b: Any) -> tuple[Any, Any, Any] | None:
    """The one pool that two things are known in, and their numbers; None of others."""
    first, second = place_of(a), place_of(b)
    if first is None or second is None or first[0] != second[0]:
        return None
    return first[0], first[1], second[1]


def same(a: Any, b: Any) -> Any:
    """``a is b`` of two things one of which is known by its number: a bool, or a traced one."""
    for x, other in ((a, b), (b, a)):
        if is_word(x) and (type(other) is str or is_word(other)):
            _refused(x)  # equal strings may be one or two
        if is_known(x):
            return _same_object(x, other)
    found = both(a, b)
    return found is not None and _truth(np.equal(*found[1:]))


def _truth(x: Any) -> Any:
    return _python(x) if isinstance(x, Tracer) else bool(x)


def _same_object(x: Any, other: Any) -> Any:
    """Whether a choice is an object, or what another choice is."""
    group, number = group_and_index(x)[0], number_now(x)
    if is_known(other):
        if group.by_number.keys().isdisjoint(group_and_index(other)[0].by_number):
            return False
        return _truth(np.equal(number, number_now(other)))
    wanted = next((n for n, one in group.by_number.items() if one is other), None)
    if wanted is None:
        return False
    if group.test is not None:
        return (
            group.test
            if next(iter(group.by_number)) == wanted
            else _python(np.logical_not(group.test))
        )
    return _truth(np.equal(number, wanted))


def _python(x: Any) -> Tracer:
    return Tracer(as_tracer(x).value, "python")


# -- loops ------------------------------------------------------------------------------------------
def stand_in(trace: Any, x: Any) -> Any:
    """An object like one of before, to stand between the passes of a loop for those that they make; None where none can."""
    if not is_object(trace, x) or is_choice(x):
        return None
    made = trace.fresh(containers.new_instance(class_of(x)))
    parts = containers.attributes_of(x)
    is_array = [isinstance(part, Tracer) and part.form == "array" for part in parts.values()]
    copies = [
        Tracer(part.value, "array") if is_copied else part
        for part, is_copied in zip(parts.values(), is_array, strict=True)
    ]
    containers.set_attributes(made, dict(zip(parts, copies, strict=True)))
    return made


def renumbered(trace: Any, x: Any, passing: list[Any], names: list[tuple[Any, Any]]) -> Any:
    """What a name has after a pass: for ``passing`` objects what stands for that of the first of the names that has it.

    ``names``: what each has, up to this one, and what stands for it.
    """
    objects, number = numbered(trace, x)
    if not passing:
        return x
    stand_ins = {number_of(trace, slot): slot for _, slot in names}
    numbers = list(stand_ins)
    target: Any = numbers[-1]
    for (other, _), n in reversed(list(zip(names[:-1], numbers, strict=False))):
        is_one = same(x, other) if is_known(x) or is_known(other) else x is other
        target = (
            np.where(is_one, n, target) if isinstance(is_one, Tracer) else n if is_one else target
        )
    old = {n: one for n, one in objects.items() if not any(one is other for other in passing)}
    for n in old if isinstance(number, Tracer) else ():
        target = np.where(np.equal(number, n), n, target)
    return Objects({**old, **stand_ins}).row(target if isinstance(target, int) else _python(target))


# -- regions ----------------------------------------------------------------------------------------
def freeze(x: Among, made: dict[int, Any], inner: Callable[[Any], Any]) -> Any:
    """A choice at the end of a region that has ``made`` objects; ``inner`` freezes those."""
    group = group_and_index(x)[0]
    if not isinstance(group, Objects):
        return x
    is_inner = group.block is current_block()  # only in here its test is known
    if not is_inner and not any(id(one) in made for one in group.objects):
        return x
    left = {n: _left(one, made, inner) for n, one in group.by_number.items()}
    return Among(Objects(left), number_now(x))


def _left(x: Any, made: dict[int, Any], inner: Callable[[Any], Any]) -> Any:
    if isinstance(x, (list, dict)):  # one that the region has made is known to nobody by that
        return None if id(x) in made else x
    return inner(x)


def is_new(x: Any) -> bool:
    """Whether an object, or one of those of a choice, was made by the region that left it."""
    return isinstance(x, Instance) or (
        is_known(x) and any(isinstance(one, Instance) or one is None for one in objects_of(x))
    )


class Method:
    """A method of a list or dict that a branch chose."""

    def __init__(self, owner: Among, name: str) -> None:
        self.owner = owner
        self.name = name


def alike(x: Any, start: Any) -> Any:
    """An object that looks like a choice between ``start`` and something new: the new one."""
    if not is_known(x):
        return x
    others = [one for one in objects_of(x) if one is not start]
    return others[0] if len(others) == 1 else x


# -- merging ----------------------------------------------------------------------------------------
def is_object(trace: Any, x: Any) -> bool:
    """Whether what a side left is an object that the captured code has made, or a choice of some."""
    if isinstance(x, Instance) or is_choice(x):
        return True
    kind = containers.kind_of(x)
    if kind is None or kind.name != "instance" or table_of(x) is None:
        return False
    return bool(trace.was_made(x)) or (trace.tier.holds_back and id(x) in trace.paths)


def is_list(trace: Any, x: Any) -> bool:
    """Whether something is a list or dict from before, or a choice of some, where these are told apart."""
    if trace.distinguish_arrays != TOLD_APART or not issubclass(class_of(x), (StoredList, dict)):
        return False
    return is_choice(x) or bool(trace.was_made(x))


def are_lists(trace: Any, a: Any, b: Any) -> bool:
    """Whether two sides leave lists, or dicts, from before, or choices of some, where these are told apart."""
    return class_of(a) is class_of(b) and is_list(trace, a) and is_list(trace, b)


class ObjectMerge:
    """The objects of two sides; ``merge`` merges what they hold."""

    def __init__(self, merge: Any) -> None:
        self.merge = merge
        self.trace = merge.frame.trace
        # What each side has made, by its number: the object that stands for it afterwards, and its number.
        self.known: tuple[dict[int, tuple[int, Any]], ...] = ({}, {})

    def value(self, a: Any, b: Any, put: Callable[[Any], None]) -> None:
        """Merge two objects, or choices."""
        if class_of(a) is not class_of(b):
            raise NotStaged(
                f"the branches give a {class_of(a).__name__} and a {class_of(b).__name__}, "
                "which do not merge"
            )
        sides = []
        for x, block in zip((a, b), self.merge.blocks, strict=True):
            with self.trace.builder.reopened(block):
                sides.append(numbered(self.trace, x))
        if any(is_choice(one) for objects, _ in sides for one in objects.values()):
            raise NotStaged("a branch chooses among objects of which one is an item of a list")
        self._join(*(objects for objects, _ in sides))
        objects = dict[int, Any]()
        for known, (mine, _) in zip(self.known, sides, strict=True):
            objects.update(known.get(number, (number, one)) for number, one in mine.items())
        if len(objects) == 1:
            (one,) = objects.values()
            self.merge.finish.append(lambda results: put(one))
            return
        for one, other in combinations(objects.values(), 2):
            self.trace.guard_apart(one, other)
        if self.trace.distinguish_arrays > TOLD_APART:
            raise NotStaged("a branch chooses among objects, and the choice is used as a whole")
        if len(objects) > MOST_CHOSEN:
            raise NotStaged(f"a branch chooses among more than {MOST_CHOSEN} objects")
        numbers = [self._renumbered(side, *sides[side]) for side in (0, 1)]
        if all(isinstance(number, int) for number in numbers):
            self.merge.finish.append(lambda results: put(self._of_two(objects, *numbers)))
            return
        found: list[Any] = [None]
        self.merge.value(*numbers, partial(found.__setitem__, 0))
        self.merge.finish.append(lambda results: put(Objects(objects).row(found[0])))

    def _of_two(self, objects: dict[int, Any], first: int, second: int) -> Any:
        """The choice between two objects."""
        test: Any = self.merge.test
        return Among(
            Objects(objects, test if first < second else _python(np.logical_not(test))), None
        )

    def _renumbered(self, side: int, objects: dict[int, Any], number: Any) -> Any:
        """The number of what a side has, with what it has made under the numbers that these have afterwards."""
        known = self.known[side]
        if isinstance(number, int):
            return known.get(number, (number, None))[0]
        moved = [(n, known[n][0]) for n in objects if n in known and known[n][0] != n]
        with self.trace.builder.reopened(self.merge.blocks[side]):
            result: Any = number
            for old, new in moved:
                result = np.where(np.equal(number, old), new, result)
            return Tracer(as_tracer(result).value, "python")

    def _join(self, first: dict[int, Any], second: dict[int, Any]) -> None:
        """Have objects stand for what the sides have made: one for one of each, which never exist together."""
        new = [self._unknown(side, objects) for side, objects in enumerate((first, second))]
        for k in range(max(map(len, new))):
            (n, a), (m, b) = (
                # What it holds where the other side was taken is of no matter.
                side[k] if k < len(side) else (None, self._filler(objects))
                for side, objects in zip(new, (first, second), strict=True)
            )
            made = self.trace.fresh(containers.new_instance(class_of(a)))
            origins = [x.origin for x in (a, b) if isinstance(x, Instance)]
            self.trace.state.keeping(origins, lambda x: None)(made)
            for origin in origins:  # it may be the caller's, as a loop left it
                found, others = self.trace.chosen.get(id(origin), (None, ()))
                if found is origin:
                    self.trace.make_ambiguous(others, made)
            number: Any = m if n is None else n
            self.trace.numbers[id(made)] = (made, number)
            for known, old in zip(self.known, (n, m), strict=True):
                if old is not None:
                    known[old] = (number, made)
            self._fill(made, a, b)

    def _unknown(self, side: int, objects: dict[int, Any]) -> list[tuple[Any, Any]]:
        if any(one is None for one in objects.values()):
            raise NotStaged("a branch chooses among lists or dicts of which it has made one")
        known = self.known[side]
        return [(n, x) for n, x in objects.items() if isinstance(x, Instance) and n not in known]

    def _filler(self, objects: dict[int, Any]) -> Any:
        old = [x for x in objects.values() if not isinstance(x, Instance)]
        return (old or list(objects.values()))[0]

    def _fill(self, made: Any, a: Any, b: Any) -> None:
        """Have an object hold what the sides have put into theirs."""
        mine, others = (
            x.table if isinstance(x, Instance) else containers.attributes_of(x) for x in (a, b)
        )
        if list(mine) != list(others):
            raise NotStaged("the branches give objects with different attributes")
        table: Any = table_of(made)
        table.update(dict.fromkeys(mine))
        for name in mine:
            self.merge.value(mine[name], others[name], partial(table.__setitem__, name))


__all__ = [
    "TOLD_APART",
    "WORDS",
    "Among",
    "Instance",
    "Method",
    "ObjectMerge",
    "Objects",
    "WordPlan",
    "Words",
    "alike",
    "are_lists",
    "as_dict",
    "both",
    "class_of",
    "freeze",
    "is_choice",
    "is_copied_plainly",
    "is_known",
    "is_new",
    "is_object",
    "is_word",
    "known_in",
    "known_objects_of",
    "number_of",
    "objects_of",
    "parts_of",
    "place_of",
    "refuse",
    "refuse_words",
    "same",
    "table_of_member",
    "together",
    "words_of",
]
