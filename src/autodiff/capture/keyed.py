"""Dicts that loops look up by keys that only the run knows: a column of ranks, a column of values.

    total = {}                                     ranks: int64[3] of -1, values: float64[3], count: 0
    for i, x in enumerate(xs):              =>     if ranks[i % 3] < 0: ranks[i % 3] = count; count += 1
        total[i % 3] = total.get(i % 3, 0.0) + x   values[i % 3] = …

The keys are integers of a range, tuples of such, or known strings, which are numbered.  A key that is not there has the rank -1; of the others the rank says which came first, so
that the dict is gone through in Python's order.  Ranks and values are ordinary lists of the capture, and what a method does
is text (``library_in_python``) that is interpreted: loops carry the lists, branches merge them, and a key that is not there
raises KeyError where Python does.

Where a loop looks a dict up so, the function is captured once more, and the dict is a :class:`KeyedDict` from the line on that
makes it, so that nobody knows it as something else.  Which keys it may have, and of which type its values are, is learnt in
the same way (:class:`Keys`).  In a result it is a dict of its keys in their order.  Whatever else is done with it (its text, to delete
from it, to keep it outside, to give it to a library) needs Python's own: the function is captured once more, with one made at that line.
"""

from __future__ import annotations

import ast
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import BuiltinFunctionType
from typing import Any, ClassVar

import numpy as np

from autodiff.capture import choices, words
from autodiff.capture import library_in_python as texts
from autodiff.capture.calls import SPECIAL_TYPES
from autodiff.capture.functions import run_text
from autodiff.capture.interpreter import Frame
from autodiff.capture.lists import TracedList
from autodiff.capture.slots import Slot, fit, is_numeric, kinds_of
from autodiff.dims import Dim, Extent, Func, bounds
from autodiff.ladder import Bail, Rung
from autodiff.ops.control import emit_check
from autodiff.ops.known import extent_of
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer, as_tracer
from autodiff.plain_data import dataclass

FIRST, LAST = -256, 767  # keys of which no range is known, such as int(x): others are Python's
OF_NUMPY = Slot(np.dtype(np.int64), (), "scalar")
FEW = -16, 239  # the same of parts of tuples
MOST_KEYS = 1_000_000
MOST_APART = 1000  # values that may become variables of their own, as they are of several types
NUMBERS: dict[Any, Any] = {int: 0, float: 0.0}  # what a defaultdict may make, and which


@dataclass(frozen=True)
class Keys:
    """What an attempt has to know of the dicts that one line makes: which keys there may be, and of which type values are."""

    site: Any
    low: int = 0  # of integers the range
    high: int = -1  # below ``low``: the dict is Python's own
    names: tuple[str, ...] = ()  # of strings all; they stand at their places
    # Of tuples the range of each part; their places are counted from 0.
    parts: tuple[tuple[int, int], ...] = ()
    form: Any = "python"
    has_lists: bool = False  # whether the values are lists (``grouped``)
    filler: Any = 0.0  # what stands in the place of a value that is not there yet
    of_type: type = float  # of it, for 0 and 0.0 are equal
    fillers: tuple[Any, ...] = ()  # and what stood there in the attempts before

    def relearnt(self, **changes: Any) -> Bail:
        """That something else has to be known."""
        kind = type(changes.get("filler", self.filler))
        return _learnt(replace(self, **changes, of_type=kind))

    def named(self, *more: str) -> Bail:
        """That more strings may be keys."""
        names = tuple(dict.fromkeys((*self.names, *more)))
        return self.relearnt(names=names, low=0, high=len(names) - 1)

    def of_tuples(self, parts: Sequence[tuple[int, int]], others: Any = ()) -> Bail:
        """That keys are tuples, whose parts have some ranges, and other tuples."""
        parts = [_hull(part, *((k[n], k[n]) for k in others)) for n, part in enumerate(parts)]
        if self.parts:
            parts = [_widened(own, part) for own, part in zip(self.parts, parts, strict=True)]
        size = math.prod(high - low + 1 for low, high in parts)
        if size > MOST_KEYS:
            return self.plain("keys far apart")
        return self.relearnt(parts=tuple(parts), low=0, high=size - 1)

    def place(self, key: Any) -> Any:
        """Where a key stands that is in the range."""
        if self.names:
            return self.names.index(key)
        if not self.parts:
            return key - self.low
        at: Any = 0
        for part, (low, high) in zip(key, self.parts, strict=True):
            at = at * (high - low + 1) + (part - low)
        return at

    def key(self, at: Any) -> Any:
        """The key at a place, where they are no integers of the range itself."""
        if self.names:
            return self.names[at]
        found: list[Any] = []
        for form, (low, high) in zip(reversed(self.form), reversed(self.parts), strict=True):
            size = high - low + 1
            part, at = at % size + low, at // size
            if form == "scalar":
                is_known = not isinstance(part, Tracer)
                part = np.int64(part) if is_known else Tracer(fit(part, OF_NUMPY), "scalar")
            found.append(part)
        return tuple(found[::-1])

    def plain(self, what: str) -> Bail:
        """That the dict has to be Python's own."""
        return _learnt(Keys(self.site), what)


def _learnt(keys: Keys, why: str = "a dict with keys that only the run knows") -> Bail:
    return Bail(Rung.LEARNT, why, keys.site, needs=(keys,))


def want(frame: Frame, container: Any, key: Any, *value: Any) -> None:
    """Ask for a dict in columns, where one made here is looked up by a key that only the run knows, or gets one on a path."""
    trace = frame.trace
    known = trace.made_at.get(id(container))
    if known is None or not trace.builder.stack or trace.keys is None or known[1] in trace.keys:
        return
    if isinstance(container, set):
        container = dict.fromkeys(container, 0)
    if type(key) in (int, str) or (type(key) is tuple and all(type(k) is int for k in key)):
        is_new = key not in container and id(known[0]) not in trace.made[-1]
        if not (is_new and trace.rolling):
            return
    form = _form_of(key)
    if form is None or not _can_be_columns(container, form, *value):
        return
    if type(form) is tuple and trace.in_hand:
        return  # a loop around goes pass by pass, in which half of the keys are known
    numbers = [*value, *container.values()]
    filler = NUMBERS.get(getattr(container, "default_factory", None), 0.0)
    if isinstance(container, Counter) or (numbers and not any(map(_is_float, numbers))):
        filler = 0
    if has_lists := _has_lists(container, *value):
        filler = 0  # how many items there are
    keys = Keys(known[1], form=form, has_lists=has_lists, filler=filler)
    if form == "name":
        raise keys.named(*container, *([key] if type(key) is str else trace.words.numbers))
    if type(form) is tuple:
        raise keys.of_tuples(_ranges(key), container)
    low, high = _hull(_range_of(extent_of(key)), *((k, k) for k in container))
    if high - low < MOST_KEYS:
        raise keys.relearnt(low=low, high=high)


def _form_of(key: Any) -> Any:
    """Of which kind a key is, if columns can have such: of a tuple the kinds of its parts."""
    if type(key) is tuple:
        forms = tuple([_form_of(part) for part in key])
        return forms if key and all(form in ("python", "scalar") for form in forms) else None
    if type(key) is str or choices.is_word(key):
        return "name"
    if type(key) is int:
        return "python"
    return key.form if _is_key(key) else None


def _can_be_columns(container: Any, form: str, *value: Any) -> bool:
    """Whether what is in a dict by now, and what it is to hold, could be in columns."""
    if any(_form_of(key) != form for key in container):
        return False
    values, factory = (*container.values(), *value), getattr(container, "default_factory", None)
    of_lists = factory in (None, list) and all(type(x) is TracedList for x in values)
    return of_lists or (factory in (None, *NUMBERS) and all(map(is_number, values)))


def _has_lists(container: Any, *value: Any) -> bool:
    """Whether the values of a dict are lists."""
    values, factory = (*container.values(), *value), getattr(container, "default_factory", None)
    return factory is list or (bool(values) and all(type(x) is TracedList for x in values))


def _is_key(key: Any) -> bool:
    return isinstance(key, Tracer) and key.form != "array" and key.dtype == np.int64


def is_number(x: Any) -> bool:
    """Whether columns can hold it."""
    return is_numeric(x) and all(kind.form != "array" for kind in kinds_of(x) or ())


def _is_float(x: Any) -> bool:
    return any(kind.dtype.kind == "f" for kind in kinds_of(x) or ())


def _filler_for(kind: Any) -> Any:
    """What stands where there is no number of a type yet, if it has to be of that type."""
    if kind.form == "python":
        return {"f": 0.0, "b": False}.get(kind.dtype.kind, 0)
    return np.float64(0.0) if kind.dtype == np.float64 else None


def _hull(*ranges: tuple[int, int]) -> tuple[int, int]:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _widened(own: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    """A range of both: with room beyond where it grows, for keys of one pass after the other come one by one."""
    low, high = _hull(own, part)
    room = (high - low) // 2
    return low - room * (low < own[0]), high + room * (high > own[1])


def _range_of(key: Extent, unknown: tuple[int, int] = (FIRST, LAST)) -> tuple[int, int]:
    """Of which range a key is; where nothing is known, one that is checked when the program runs."""
    found = _remainder(key) if isinstance(key, Dim) else None
    low, high = found or bounds(key)
    return unknown if low is None or high is None else (low, high)


def _ranges(key: tuple[Any, ...]) -> list[tuple[int, int]]:
    return [_range_of(extent_of(part), FEW) for part in key]


def _check(key: Any, extent: Extent, known: tuple[int, int], unknown: tuple[int, int]) -> None:
    """Leave a key of which no range is known, and that is beyond, to Python."""
    if known == unknown and isinstance(extent, Dim):
        is_in = np.logical_and(np.greater_equal(key, unknown[0]), np.less_equal(key, unknown[1]))
        emit_check(as_tracer(is_in).value, "a key of a dict that its columns do not have")


def _remainder(key: Dim) -> tuple[int, int] | None:
    """The range of ``x % m``, which is ``x - m * (x // m)``."""
    for monomial, c in key.terms.items():
        atom = monomial[0][0] if len(monomial) == 1 else None
        if isinstance(atom, Func) and atom.name == "floordiv" and atom.right == -c and c < 0:
            offset = key - Dim.symbol(atom) * c - atom.left
            if isinstance(offset, int):
                return offset, offset - c - 1
    return None


def made(frame: Frame, plain: Any, keys: Keys, is_known: bool, kind: Any = None) -> Any:
    """The dict in columns of one that was just made; ``is_known``: what its values are is nobody else's."""
    if keys.low > keys.high:
        return plain
    if isinstance(plain, set):
        kind, plain = KeyedSet, dict.fromkeys(plain, 0)
    if not (is_known and _can_be_columns(plain, keys.form)):
        raise keys.plain("a dict of other things than numbers")
    if keys.form == "name":
        if not all(key in keys.names for key in plain):
            raise keys.named(*plain)
    elif keys.parts:
        if any(len(key) != len(keys.parts) for key in plain):
            raise keys.plain("keys of several types")
        wider = keys.of_tuples(keys.parts, plain)
        if wider.needs != (keys,):
            raise wider
    else:
        low, high = _hull((keys.low, keys.high), *((k, k) for k in plain))
        if (low, high) != (keys.low, keys.high):
            raise keys.relearnt(low=low, high=high)
    frame.trace.has_keyed = True
    return (kind or KeyedDict)(frame, plain, keys)


def made_like(frame: Frame, site: Any, source: InColumns) -> Any:
    """An empty dict for the keys of another, which a line makes of it; None where that is Python's own."""
    trace, facts = frame.trace, source.facts
    if trace.keys is None:
        return None
    if site not in trace.keys:
        raise _learnt(replace(facts, site=site, has_lists=False, filler=0.0, fillers=()))
    keys = trace.keys[site]
    return None if keys.low > keys.high else KeyedDict(frame, {}, keys)


class InColumns(HoldsTracers):
    """A dict in columns, or a view of one: what is not asked here needs Python's own."""

    is_keyed = True
    facts: Keys

    def _refuse_part(self, name: str) -> None:
        raise self.facts.plain(f"{name} of a {self.python_type.__name__}")

    def refuse_unknown(self, name: str) -> None:
        """Refuse what is not answered here."""
        self._refuse_part(name)

    def attribute(self, name: str) -> Any:
        """``d.name``."""
        self._refuse_part(name)

    def load(self, key: Any) -> Any:
        """``d[key]``."""
        self._refuse_part("an item")

    def store(self, key: Any, value: Any, is_new: bool = False) -> None:
        """``d[key] = value``; whether the value is nobody else's."""
        self._refuse_part("a store")

    def delete(self, key: Any) -> None:
        """``del d[key]``."""
        self._refuse_part("a deletion")

    def has(self, item: Any) -> Any:
        """``item in d``."""
        self._refuse_part("a search")

    def length(self) -> Any:
        """``len(d)``."""
        self._refuse_part("the length")

    def through(self) -> Any:
        """What a loop goes through."""
        self._refuse_part("the items")

    def copied(self) -> Any:
        """``dict(d)``."""
        self._refuse_part("a copy")

    def plan(self, of_list: Callable[[Any], Any]) -> Any:
        """How it is made where it is in the result; ``of_list`` is how a list of numbers is."""
        self._refuse_part("a result")


def refusing(name: str) -> Any:
    """A method that needs Python's own."""
    return lambda self, *_: self._refuse_part(name)


for _name in (
    "bool len iter next getitem setitem delitem contains eq ne hash or ror ior and rand xor rxor reversed str format copy "
    "deepcopy reduce_ex array call index int float enter exit dir add radd sub rsub lt gt le ge iand isub ixor"
).split():
    setattr(InColumns, f"__{_name}__", refusing(f"__{_name}__"))


class KeyedDict(InColumns):
    """A dict in columns."""

    arguments: ClassVar = {  # how many its methods have
        "get": (1, 2),
        "setdefault": (2,),
        "pop": (1, 2),
        "keys": (0,),
        "values": (0,),
        "items": (0,),
        "copy": (0,),
    }

    def __init__(self, frame: Frame, plain: Any, keys: Keys) -> None:
        trace = frame.trace
        size = keys.high - keys.low + 1
        ranks, values = [-1] * size, [keys.filler] * size
        for rank, (key, value) in enumerate(plain.items()):
            at = keys.place(key)
            ranks[at], values[at] = rank, value
        self.facts = keys
        self.python_type = type(plain)
        self.trace = trace
        self.had_values = bool(plain) or hasattr(plain, "default_factory")
        self.kind: Any = np.int64 if keys.form == "scalar" else int
        self.factory = getattr(plain, "default_factory", None)
        # How many there are, and how many have come: some are gone, perhaps.
        self.ranks, self.numbers, self.count = (
            trace.fresh(trace.new_list(items)) for items in (ranks, values, [len(plain)] * 2)
        )

    # -- keys and values ------------------------------------------------------------------------
    def _place(self, key: Any, stores: bool = False) -> tuple[Any, Any]:
        """Where a key is in the columns; a key from outside of them is Python's."""
        form, own = _form_of(key), self.facts.form
        alike = (form == "name") == (own == "name") and type(form) is type(own)
        if form is None or not alike or (type(form) is tuple and len(form) != len(own)):
            raise self.facts.plain("keys of several types")
        if form != own and stores:
            raise self.facts.plain("keys of several types")
        if type(form) is tuple:
            return self._place_of_tuple(key), key
        if form == "name":
            names = self.facts.names
            asked = [key] if type(key) is str else list(self.trace.words.numbers)
            if not all(name in names for name in asked):
                raise self.facts.named(*asked)
            if type(key) is str:
                return names.index(key), key
            return words.at(key, [names.index(name) for name in asked]), key
        extent = extent_of(key)
        low, high = _range_of(extent)
        _check(key, extent, (low, high), (FIRST, LAST))
        low, high = _hull((low, high), (self.facts.low, self.facts.high))
        if high - low >= MOST_KEYS:
            raise self.facts.plain("keys far apart")
        if (low, high) != (self.facts.low, self.facts.high):
            raise self.facts.relearnt(low=low, high=high)
        at = extent - self.facts.low
        return at if isinstance(at, int) else Tracer(as_tracer(at).value, "python"), key

    def _place_of_tuple(self, key: tuple[Any, ...]) -> Any:
        extents, ranges = [extent_of(part) for part in key], _ranges(key)
        for part, extent, known in zip(key, extents, ranges, strict=True):
            _check(part, extent, known, FEW)
        facts = self.facts
        if any(_hull(one, own) != own for one, own in zip(ranges, facts.parts, strict=True)):
            raise facts.of_tuples(ranges)
        at = facts.place(extents)
        return at if isinstance(at, int) else Tracer(as_tracer(at).value, "python")

    def _stored(self, value: Any) -> Any:
        """A value as it is to be stored, where the column can hold it."""
        if type(value) is TracedList and not self.facts.fillers:
            raise self.facts.relearnt(has_lists=True, filler=0)
        if not is_number(value):
            raise self.facts.plain("another value than a number")
        tried = {type(x): x for x in (*self.facts.fillers, self.facts.filler)}
        for kind in kinds_of(value) or ():
            wanted = _filler_for(kind)
            if type(wanted) is np.float64 and (self.had_values or np.float64 in tried):
                continue  # beside Python's numbers
            if wanted is None or type(wanted) is type(self.facts.filler):
                continue
            if type(wanted) is bool or type(wanted) in tried:
                raise self.facts.plain("values of several types")
            if type(wanted) is np.float64:
                del tried[type(self.facts.filler)]
            raise self.facts.relearnt(filler=wanted, fillers=tuple(tried.values()))
        column, is_long = self.numbers, self.facts.high - self.facts.low >= MOST_APART
        if is_long and column.store and column.is_here() and not column.can_hold(value):
            raise self.facts.plain("values of several types")
        return value

    def _run(self, text: Callable[..., Any], *args: Any) -> Any:
        try:
            return run_text(self.trace, text, self.ranks, *args)
        except IndexError:  # where a pass is taken by itself, its key is looked at
            raise self.facts.plain("a key that its columns do not have") from None

    def get(self, key: Any, default: Any = None, is_new: bool = False) -> Any:
        """``d.get(key, default)``."""
        if type(default) is TracedList:
            self._stored(default)
        at, _ = self._place(key)
        return self._run(texts.value_of, self.numbers, at, default)

    def setdefault(self, key: Any, default: Any = None, is_new: bool = False) -> Any:
        """``d.setdefault(key, default)``."""
        at, _ = self._place(key, stores=True)
        return self._run(texts.value_or_put, self.numbers, self.count, at, self._stored(default))

    def attribute(self, name: str) -> Any:
        """``d.name``."""
        if name not in self.arguments:
            self._refuse_part(name)
        return Method(self, name)

    def load(self, key: Any) -> Any:
        """``d[key]``."""
        if self.python_type is Counter:
            return self.get(key, 0)
        if self.factory is not None:
            return self.setdefault(key, NUMBERS[self.factory])
        at, key = self._place(key)
        return self._run(texts.value_at, self.numbers, at, key)

    def store(self, key: Any, value: Any, is_new: bool = False) -> None:
        """``d[key] = value``."""
        at, _ = self._place(key, stores=True)
        self._run(texts.put_at, self.numbers, self.count, at, self._stored(value))

    def pop(self, key: Any, *default: Any) -> Any:
        """``d.pop(key)``, ``d.pop(key, default)``."""
        at, key = self._place(key)
        if default:
            return self._run(texts.taken_or, self.numbers, self.count, at, *default)
        return self._run(texts.taken_at, self.numbers, self.count, at, key)

    def delete(self, key: Any) -> None:
        """``del d[key]``."""
        self.pop(key)

    def has(self, key: Any) -> Any:
        """``key in d``."""
        return self._run(texts.is_there, self._place(key)[0])

    def length(self) -> Any:
        """``len(d)``."""
        return self.count[0]

    def copy(self, kind: Any = None) -> KeyedDict:
        """Another dict of the same entries."""
        made = object.__new__(KeyedDict)
        vars(made).update(vars(self), python_type=kind or self.python_type)
        made.factory = None if kind is dict else self.factory
        for name in ("ranks", "numbers", "count"):
            setattr(made, name, self.trace.fresh(getattr(self, name).copy()))
        return made

    def copied(self) -> Any:
        """``dict(d)``."""
        return self.copy(dict)

    # -- what goes through it -------------------------------------------------------------------
    def through(self, name: str = "keys") -> Any:
        """What a loop over the keys, values or items goes through."""
        if self.facts.names and name != "values":
            self._refuse_part("the keys")
        places = self._run(texts.places_in, self.count)
        text = getattr(texts, f"{name}_in")
        kind = TupleKey(self) if self.facts.parts else self.kind
        args = places, SameSize(self), self._values(), self.facts.low, kind
        found = run_text(self.trace, text, *args)
        found.kind = type(iter(getattr({}, name)()))
        return found

    def _values(self) -> Any:
        return self.numbers

    def lists(self) -> Any:
        """The keys and the values as lists."""
        places = self._run(texts.places_in, self.count)
        return run_text(self.trace, texts.lists_of, places, self.numbers, self.facts.low, self.kind)

    def plan(self, of_list: Callable[[Any], Any]) -> Any:
        """How it is made where it is in the result."""
        lists = self.lists()
        if not all(isinstance(x, StoredList) and x.is_stored() for x in lists):
            self._refuse_part("the items")
        keys, values = map(of_list, lists)
        return "list", KeyedPlan(self.python_type, self.factory, self.facts, keys[1], values[1])


class KeyedSet(KeyedDict):
    """A set in columns: a dict of which nobody asks for the values.

    Its order is that of Python's hashes, so that nothing goes through it; where something was taken out of one, a set
    that is made of what is left might have another.
    """

    arguments: ClassVar = {"add": (1,), "discard": (1,), "remove": (1,)}

    def __init__(self, frame: Frame, plain: Any, keys: Keys) -> None:
        super().__init__(frame, plain, keys)
        self.python_type = set
        self.is_left = False  # whether something was taken out

    def add(self, key: Any) -> None:
        """``s.add(key)``."""
        super().store(key, 0)

    def remove(self, key: Any) -> None:
        """``s.remove(key)``."""
        self.is_left = True
        self.pop(key)

    def discard(self, key: Any) -> None:
        """``s.discard(key)``."""
        self.is_left = True
        self.pop(key, 0)

    def load(self, key: Any) -> Any:
        """``s[key]``."""
        self._refuse_part("an item")

    def store(self, key: Any, value: Any, is_new: bool = False) -> None:
        """``s[key] = value``."""
        self._refuse_part("a store")

    def delete(self, key: Any) -> None:
        """``del s[key]``."""
        self._refuse_part("a deletion")

    def copied(self) -> Any:
        """``dict(s)``."""
        self._refuse_part("a copy")

    def through(self, name: str = "keys") -> Any:
        """What a loop goes through."""
        self._refuse_part("the order")

    def plan(self, of_list: Callable[[Any], Any]) -> Any:
        """How it is made where it is in the result."""
        if self.is_left:
            self._refuse_part("the order")
        return super().plan(of_list)


@dataclass(frozen=True)
class KeyedPlan:
    """How a dict of the result is made of lists of its keys and values."""

    kind: Any
    factory: Any
    facts: Keys  # of which keys are numbers, perhaps
    keys: Any
    values: Any

    def build(self, *given: Any) -> Any:
        """The dict, from what ``ListPlan.build`` is given."""
        keys = self.keys.build(*given)
        if self.facts.names or self.facts.parts:
            keys = map(self.facts.key, keys)
        entries = dict(zip(keys, self.values.build(*given), strict=True))
        if self.kind is set:  # by additions, as there: set(entries) would have another order
            return {key for key in entries}  # noqa: C416
        return self.kind(*(self.factory,) * (self.kind is defaultdict), entries)


class View(InColumns):
    """``d.values()`` and the like."""

    def __init__(self, of: KeyedDict, name: str) -> None:
        self.of, self.name, self.facts = of, name, of.facts
        self.python_type = type(getattr({}, name)())

    def through(self) -> Any:
        """What a loop over it goes through."""
        return self.of.through(self.name)

    def length(self) -> Any:
        """How many there are."""
        return self.of.length()

    def has(self, item: Any) -> Any:
        """``item in d.keys()``."""
        return self.of.has(item) if self.name == "keys" else self._refuse_part("a search")


class Method(InColumns):
    """``d.get``, to be called."""

    python_type = BuiltinFunctionType

    def __init__(self, of: Any, name: str) -> None:
        self.of, self.name, self.facts = of, name, of.facts

    def run(self, args: list[Any], kwargs: dict[str, Any], node: ast.AST) -> Any:
        """Its call."""
        if kwargs or len(args) not in self.of.arguments[self.name]:
            self._refuse_part(self.name)  # Python says what is wrong
        if self.name in ("keys", "values", "items"):
            return View(self.of, self.name)
        if self.name in ("get", "setdefault"):
            given = node.args[1:] if isinstance(node, ast.Call) else []
            args = [*args, *[None] * (2 - len(args)), is_new_list(given)]
        return getattr(self.of, self.name)(*args)


class TupleKey(Method):
    """What makes a key of its place, where keys are tuples."""

    def __init__(self, of: KeyedDict) -> None:
        super().__init__(of, "__iter__")

    def run(self, args: list[Any], kwargs: dict[str, Any], node: ast.AST) -> Any:
        """The key."""
        return self.facts.key(Tracer(as_tracer(args[0]).value, "python"))


class SameSize(Method):
    """What asks, while a dict is gone through, whether it has the keys that it had at first."""

    def __init__(self, of: KeyedDict) -> None:
        super().__init__(of, "__len__")
        self.before = of.count[0], of.count[1]
        self.buffer = of.count.store and of.count.store.buffer.value

    def run(self, args: list[Any], kwargs: dict[str, Any], node: ast.AST) -> Any:
        """Leave it to Python where it has not."""
        count = self.of.count
        if count.store is not None and count.store.buffer.value is self.buffer:
            return
        has_come, has_gone = (np.not_equal(count[k], self.before[k]) for k in (1, 0))
        changes = np.logical_or(has_come, has_gone)
        if isinstance(changes, Tracer):
            is_same = as_tracer(np.logical_not(changes))
            emit_check(is_same.value, "a dict that changes its size while it is gone through")
        elif has_gone:
            raise RuntimeError("dictionary changed size during iteration")
        elif has_come:  # one for another
            raise self.facts.plain("other keys while it is gone through")


def is_new_list(nodes: Sequence[ast.AST]) -> bool:
    """Whether what an expression, if there is one, gives is a list that nobody else has."""
    return all(isinstance(node, ast.List) for node in nodes) and bool(nodes)


def call_of(
    frame: Frame, method: Method, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """A call of a method of a dict in columns."""
    statement = frame.statement
    if method.name == "pop" and isinstance(statement, ast.Expr) and statement.value is node:
        args = [*args[:1], *[method.facts.filler for _ in args[1:]]]  # which nobody asks for
    return method.run(args, kwargs, node)


SPECIAL_TYPES[Method] = call_of
