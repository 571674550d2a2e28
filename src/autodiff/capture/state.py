"""Changes of Python objects from outside: counters on ``self``, globals, entries of dicts and lists.

A place that the function stores into (``self.nfev``, a global, a variable of an enclosing function,
``table["n"]``, ``counter[0]``) is a variable of the program: its value is read when the call
begins, branches and loops carry it like a local name, and what it has become is stored when the
run has succeeded.

    self.nfev += 1      input  args[0].nfev    ...    host_call: args[0].nfev = v3

Which places there are is found out on the way: where there were stores into unknown ones the capture
starts again with those known (``Rung.LEARNT``), at its end or that of the branch or loop in
which they are, so that not each starts it again.  A list that is only appended to needs no
reading: each ``append`` is an effect of its own (:func:`append`).

What is read of such an object in any other way (its ``__dict__``, a loop over the dict, a library
function that gets it) would see it as it was, so that is declined.  In the uncompiled tier
everything is stored at once, as in plain Python; ``Trace.kept`` tells which traced value a stored
one was, so that derivatives flow through objects.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import CellType, FunctionType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers
from autodiff.capture.arrays import Chosen, array_of
from autodiff.capture.choices import refuse
from autodiff.capture.frames import UNBOUND, Maybe, Poison
from autodiff.capture.inputs import is_library
from autodiff.capture.numbering import ARRAYS
from autodiff.capture.origins import type_of
from autodiff.capture.outside import is_count
from autodiff.capture.parts import Locals, Parts
from autodiff.capture.paths import Guard, Path
from autodiff.capture.references import Choice, Reference, To
from autodiff.capture.running import current_run
from autodiff.capture.sharing import is_found
from autodiff.capture.slots import is_listed
from autodiff.capture.text import is_pending
from autodiff.capture.trace import Trace, refuse_captured_class
from autodiff.dims import Dim, Extent
from autodiff.ir.data import Source, Value, uses, walk
from autodiff.ladder import Bail, Declined, Rung
from autodiff.later import later
from autodiff.ops.either import is_array
from autodiff.ops.tracer import Cell, Tracer, ViewStep, as_tracer
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.capture import given
else:
    given = later("autodiff.capture.given")

MAXIMUM_PLACES = 64


@dataclass(frozen=True, eq=False)
class Place:
    """Something outside of the function that holds a value: an attribute, or an item by its key."""

    owner: Any
    path: Path
    kind: str  # "attribute" or "item"
    key: Any

    @property
    def text(self) -> str:
        """How the place is named."""
        return self.at.text

    @property
    def at(self) -> Path:
        """The path to the value."""
        return (
            self.path.attribute(self.key) if self.kind == "attribute" else self.path.item(self.key)
        )


class _Missing:
    def __repr__(self) -> str:
        return "<missing>"


MISSING = _Missing()


class Unread:
    """What a place held when the call began, as long as nothing reads it: it shapes nothing."""

    def __init__(self, value: Any) -> None:
        self.value = value


class StateScope:
    """The places as variables; looks to branches and loops like the scope of a frame."""

    parent = None
    syntax = None

    def __init__(self, parts: Parts) -> None:
        self.locals = Locals(self)
        self.locals.watch(parts)

    def restore(self, before: dict[str, Any]) -> None:
        """Put places back."""
        self.locals.restore(before)


class State:
    """The places that one capture knows to change, and their values so far."""

    def __init__(self, trace: Trace, places: list[Place]) -> None:
        self.trace = trace
        self.scope = StateScope(trace.parts)
        self.places = {place.text: place for place in places}
        self.by_owner: dict[int, dict[Any, str]] = {}
        self.appended: dict[int, Path] = {}
        self.appended_at: dict[int, Source | None] = {}
        self.appended_arrays: list[tuple[Any, int, Source | None]] = []
        self.appended_objects: dict[int, Any] = {}
        self.unknown: list[Place] = []  # stored into, though not known when the capture began
        self.unknown_at: Source | None = None  # where the first of them was
        self.read: set[str] = set()  # places whose values the function has seen
        for place in places:
            self._enter(place)
        self.initial = dict(self.scope.locals)

    def _enter(self, place: Place) -> None:
        """Make a place a variable, with the value it has."""
        trace = self.trace
        trace.remember(place.owner, place.path)
        self.by_owner.setdefault(id(place.owner), {})[place.key] = place.text
        value = _read(place)
        numeric = isinstance(value, (np.ndarray, np.floating, float)) or is_count(value)
        self.scope.locals[place.text] = (
            trace.lift(value, place.at, changing=True) if numeric else Unread(value)
        )

    def restart(self) -> None:
        """Begin again where places have come up that were not known."""
        if self.unknown:
            names = ", ".join(place.at.describe() for place in self.unknown)
            raise Bail(Rung.LEARNT, f"it changes {names}", self.unknown_at, self.unknown)

    def changes(self, obj: Any) -> bool:
        """Whether an object has places that change, or is appended to."""
        return id(obj) in self.by_owner or id(obj) in self.appended

    def is_inside(self, path: Path) -> bool:
        """Whether a path leads into the value of a place that changes."""
        return any(path.text.startswith((f"{text}[", f"{text}.")) for text in self.places)

    def is_kept(self, obj: Any) -> bool:
        """Whether an object made by the function was appended to a list outside of it."""
        return id(obj) in self.appended_objects

    def keeping(self, sides: Sequence[Any], put: Callable[[Any], None]) -> Callable[[Any], None]:
        """``put`` for what stands for one of several, which is kept outside where one of these is."""
        if not any(map(self.is_kept, sides)):
            return put

        def noted(x: Any) -> None:
            if not isinstance(x, Tracer) and containers.kind_of(x) is not None:
                self.appended_objects[id(x)] = x
            put(x)

        return noted

    def append(self, obj: list[Any], item: Any, source: Source | None) -> None:
        """Note that ``item``, as it is now, is appended to a list from outside."""
        self.trace.touch()
        self.appended[id(obj)] = self.trace.paths[id(obj)]
        self.appended_at[id(obj)] = source
        self._refuse_kept(item, source)
        self._note(item, source)

    def _refuse_kept(self, x: Any, source: Source | None) -> None:
        """Decline where ``x`` holds what was appended already: each effect makes its objects for itself."""
        for part in self.trace.made_in(x):
            kind = containers.kind_of(part)
            if id(part) in self.appended_objects and kind is not None and kind.is_mutable:
                reason = f"a {type(part).__name__} that is kept outside in two places"
                raise Declined(reason, source)

    def _note(self, item: Any, source: Source | None) -> None:
        if isinstance(item, Tracer):
            if is_array(item):
                array, numbering = array_of(item), self.trace.numbering
                self.appended_arrays.append((array.cell, array.cell.version, source))
                if len(self.trace.made) > 1 or is_listed(array):  # it may be elsewhere as well
                    numbering.keeps = True
                    numbering.note_item(array)
        elif containers.kind_of(item) is not None and id(item) not in self.appended_objects:
            if not self.trace.is_external(item):
                self.appended_objects[id(item)] = item
                for part in containers.parts_of(item):
                    self._note(part, source)

    def forget_unread(self) -> None:
        """Let go of what places held that were only stored into: it need not be there at a call.

        A dict has no entry at the first call that a call makes: it takes the same program as later ones.
        """
        trace = self.trace
        used: set[Value] = set()
        for operation in walk(trace.builder.block):
            used.update(uses(operation))
            used.update(*(region.outputs for region in operation.regions))
        for text in self.places:
            held = self.initial.get(text)
            if text in self.read or not isinstance(held, Tracer) or held.form == "array":
                continue
            record = next((r for r in trace.inputs if r.cell is held.cell), None)
            if record is not None and record.leaf is None and record.value not in used:
                trace.remove_input(record)

    def leave(self) -> list[tuple[Place, Any]]:
        """The places that have another value at the end; refuses what could not be seen."""
        inputs = {id(record.cell) for record in self.trace.inputs if record.leaf is not None}
        for cell, version, source in self.appended_arrays:
            if cell.version != version and id(cell) not in inputs:
                reason = "an array that is appended to a list from outside and changed later"
                raise Declined(reason, source)
        for key, _ in self.trace.lengths:
            if key in self.appended:
                reason = "a list from outside that is both read and appended to"
                raise Declined(reason, self.appended_at[key])
        changed = []
        for text, place in self.places.items():
            value = self.scope.locals[text]
            if value is self.initial[text]:
                continue
            if value is UNBOUND or isinstance(value, (Maybe, Poison)):
                raise Declined(f"a change of {text} on some paths only")
            self._refuse_kept(value, next(iter(self.appended_at.values()), None))
            changed.append((place, value))
        self._guard_distinct()
        return changed

    def _guard_distinct(self) -> None:
        """The objects that change must not turn out to be one object in another call."""
        trace = self.trace
        changing = [*{id(p.owner): p.path for p in self.places.values()}.items()]
        changing += self.appended.items()
        objects = {id(obj): obj for obj in trace.keep_alive if id(obj) in trace.paths}
        for key, path in changing:
            mine = objects[key]
            trace.refuse_given(mine)
            trace.guard_not_given(mine)
            for other, obj in objects.items():
                if other != key and type(obj) is type(mine) and not isinstance(mine, CellType):
                    trace.guards.append(Guard(path, "apart", trace.paths[other]))

    def kept(self) -> list[Any]:
        """The objects that can change, made by the function and kept outside of it."""
        values = [self.scope.locals[text] for text in self.places]
        found = [*self.appended_objects.values()]
        found += self.trace.made_in(values)
        return [x for x in found if (kind := containers.kind_of(x)) and kind.is_mutable]

    def outside(self) -> list[Any]:
        """What is kept outside of the function, whether it can change or not."""
        return [*self.kept(), *self.scope.locals.values()]

    def kept_arrays(self, more: Sequence[Any]) -> list[Any]:
        """The arrays that are kept outside: in places that change, appended to lists, and in ``more``."""
        values = [*(self.scope.locals[text] for text in self.places), *more]
        found = self.trace.made_in(values)
        appended = [Tracer(cell, "array") for cell, _, _ in self.appended_arrays]
        return [x for x in found if is_array(x)] + appended

    def is_appended(self, obj: Any) -> bool:
        """Whether an object is a list from outside that was appended to."""
        return id(obj) in self.appended

    def load(self, obj: Any, key: Any) -> Any:
        """The value of a place, or MISSING where it is not one of those that change."""
        text = self.by_owner.get(id(obj), {}).get(key)
        if text is None:
            return MISSING
        self.read.add(text)
        value = self.scope.locals[text]
        if isinstance(value, Maybe):
            value = self.scope.locals[text] = value.resolve(text)
        elif isinstance(value, Poison):
            raise Declined(f"{text} after the loop that changes it")
        place = self.places[text]
        if isinstance(value, Unread) and value.value is not MISSING:
            return self.trace.lift(value.value, place.at)
        if isinstance(value, Unread):
            relation = "lacks" if place.kind == "attribute" else "missing"
            self.trace.guards.append(Guard(place.path, relation, place.key))
        if isinstance(value, Unread) or value is UNBOUND:
            if place.kind == "attribute":
                raise AttributeError(f"{type(obj).__name__!r} object has no attribute {key!r}")
            raise KeyError(key)
        return value

    def store(self, place: Place, value: Any) -> None:
        """Let a place have another value."""
        self.trace.touch()
        known = self.by_owner.get(id(place.owner), {}).get(place.key)
        if known is None:
            self.unknown.append(place)
            self.unknown_at = self.unknown_at or self.trace.builder.source
            if len(self.unknown) > MAXIMUM_PLACES:
                self.restart()
            self.places[place.text] = place
            self._enter(place)
            known = place.text
        self.trace.effects = True
        self.scope.locals[known] = value


def _read(place: Place) -> Any:
    if place.kind == "attribute":
        try:
            return getattr(place.owner, place.key)
        except (AttributeError, ValueError):  # ValueError: an empty closure cell
            return MISSING
    try:
        return place.owner[place.key]
    except (KeyError, IndexError):
        return MISSING


# -- what may be stored into, and kept ------------------------------------------------------------------
def attribute_place(trace: Trace, obj: Any, name: str) -> Place | None:
    """The place of ``obj.name``; None where storing would run code of the class."""
    if isinstance(obj, ModuleType):
        return Place(vars(obj), Path.root(vars(obj), "g"), "item", name)
    cls = type(obj)
    setter: Any = cls.__setattr__
    if isinstance(obj, type):
        plain = setter is type.__setattr__ and not is_library(obj)
        return Place(obj, trace.paths[id(obj)], "attribute", name) if plain else None
    static = inspect.getattr_static(cls, name, None)
    described = hasattr(type(static), "__set__") and type(static).__name__ != "member_descriptor"
    if setter not in _PLAIN_SETTERS or described:
        return None
    return Place(obj, trace.paths[id(obj)], "attribute", name)


# Setters that put the value into the object's dict or slot and do nothing else.
_PLAIN_SETTERS: tuple[Any, ...] = (object.__setattr__, SimpleNamespace.__setattr__)


def item_place(trace: Trace, container: Any, key: Any) -> Place | None:
    """The place of ``container[key]`` in a dict or list."""
    if type(container) is list and type(key) is int and -len(container) <= key < len(container):
        return Place(container, trace.paths[id(container)], "item", key % len(container))
    if type(container) is dict and isinstance(key, (str, int, float, bool, tuple, type(None))):
        return Place(container, trace.paths[id(container)], "item", key)
    return None


_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic, np.dtype, range)
# Containers that a call may leave to the user; a method, or a view of a dict, is one of another object.
_KEPT = frozenset(
    ("list", "tuple", "named tuple", "dict", "set", "frozenset", "deque", "slice", "namespace",
     "instance", "exception")
)  # fmt: skip


def keeper(trace: Trace, x: Any, operands: Any) -> Callable[[tuple[Any, ...]], Any]:
    """From the arrays of a host call to the object that the user's object is to keep.

    Identity is kept where plain Python keeps it: an argument, an array from outside and a result
    are the same objects in both places.  What two effects would each make is refused at the end (``sharing``).
    """

    def is_leaf(part: Any) -> bool:
        if trace.is_external(part) and not isinstance(part, _PLAIN):
            return True
        if given_reacher(trace, part) is not None:
            return True
        kind = containers.kind_of(part)
        if kind is not None and kind.name == "instance":
            refuse_captured_class(type(part), trace.builder.source)
        return kind is None or kind.name not in _KEPT

    arrays_kept: dict[Any, Made] = {}

    def plan(part: Any) -> Made:
        if isinstance(part, Tracer) and part.form == "array":
            array = array_of(part)
            key = (array.cell, array.path)
            if key not in arrays_kept:
                whole = Tracer(array.cell, "array")
                base = arrays_kept.setdefault(
                    (array.cell, ()), _once((array.cell, ()), _whole_keeper(trace, whole, operands))
                )
                if array.path:
                    _refuse_views(trace, array.cell)
                    arrays_kept[key] = _once(key, _view_keeper(base, array.path, operands))
                if array.path or not trace.numbering.is_carried:
                    operands.kept[key] = any(
                        trace.builder.is_around(array.cell.block, x.home) for x in trace.rolling
                    )
            return arrays_kept[key]
        own = given_reacher(trace, part)
        if own is not None:
            return lambda run: own()
        if is_pending(part) and not trace.is_external(part):
            make = operands.pending(part)
            return lambda run: make(run[0])
        if trace.is_external(part) and not isinstance(part, _PLAIN):
            reach = reacher(trace, part)
            return lambda run: reach()
        if isinstance(part, (*_PLAIN, type, FunctionType, ModuleType)):
            return lambda run: part
        refuse(part)
        kind_name = getattr(type(part), "__name__", "value")
        raise Declined(f"a {kind_name} made by the function and kept outside of it")

    make_all = containers.planned(x, is_leaf, plan, copied=lambda part: True)
    return lambda arrays: make_all((arrays, {}))


Made = Callable[[tuple[Any, dict[Any, Any]]], Any]


def _once(key: Any, make: Made) -> Made:
    """Makes an array for the first of the places that it is kept in, in each run."""

    def made(run: tuple[Any, dict[Any, Any]]) -> Any:
        known = run[1]
        if key not in known:
            known[key] = make(run)
        return known[key]

    return made


def _whole_keeper(trace: Trace, x: Tracer, operands: Any) -> Made:
    """Keeps a whole array, which is one wherever a run knows it by one number."""
    numbering = trace.numbering
    if not numbering.is_carried:
        return _array_keeper(trace, x, operands)
    which = numbering.of(x)
    make, kept = _array_keeper(trace, x, operands), numbering.kept
    number = operands.template(which)

    def one(run: tuple[Any, dict[Any, Any]]) -> Any:
        n, made = int(number(run[0])), current_run().made
        if n in kept:
            return kept[n]()
        if (ARRAYS, (n, False)) not in made:
            made[ARRAYS, (n, False)] = make(run)
        return made[ARRAYS, (n, False)]

    return one


def note_inputs(trace: Trace) -> None:
    """Have effects find the arrays of the inputs by their numbers."""
    for x, number in trace.numbering.sites.items():
        for record in trace.inputs:
            is_changed = trace.derivative and record.leaf is not None and record.cell.version
            if record.cell is x.like.cell and not (x.like.path or record.private or is_changed):
                trace.numbering.kept[number] = _itself(_input_keeper(trace.inputs, record, None))


def _itself(keep: Callable[[tuple[Any, ...]], Any]) -> Callable[[], Any]:
    return lambda: keep(())


def _array_keeper(trace: Trace, x: Tracer, operands: Any) -> Made:
    """Keeps a whole array: an argument or one from outside as it is, a result as the one that is returned."""
    if isinstance(x.cell, Chosen) and x.cell.reference is not None and is_found(trace, x.cell):
        return _choosing(trace, x.cell.reference, operands)
    copy = operands.template(x)
    for record in trace.inputs:
        if record.cell is x.cell:
            itself = _input_keeper(trace.inputs, record, copy)
            return lambda run: itself(run[0])

    def result(run: tuple[Any, dict[Any, Any]]) -> Any:
        running, number = current_run(), trace.output_of.get(x.cell)
        if number is None or not running.is_value or number >= len(running.outputs):
            return copy(run[0])
        return running.outputs[number]

    return result


def _choosing(trace: Trace, reference: Reference, operands: Any) -> Made:
    """Keeps the very array that was chosen."""
    if isinstance(reference, Choice):
        test = operands.template(Tracer(trace.heap.value_of(reference.predicate), "python"))
        a, b = (_choosing(trace, side, operands) for side in (reference.a, reference.b))
        return lambda run: (a if test(run[0]) else b)(run)
    assert isinstance(reference, To)
    return _array_keeper(trace, Tracer(reference.object.like.cell, "array"), operands)


def _refuse_views(trace: Trace, cell: Cell) -> None:
    """Nobody has the array that the program made of an input which is none.

    Of an array that is changed a derivative has a copy; and what the views share with it, the next call
    would be asked for.
    """
    stored = trace.derivative and any(record.cell.version for record in trace.inputs)
    if any(record.cell is cell and (record.private or stored) for record in trace.inputs):
        raise Declined("a view of an array from outside that is kept outside")


def _view_keeper(base: Made, path: Sequence[ViewStep], operands: Any) -> Made:
    """Keeps a view: its steps are taken on the array itself, in each run."""
    steps: list[tuple[Callable[..., Any], list[Callable[[tuple[Any, ...]], Any]]]] = []
    for step in path:
        if step.repeat is None:
            raise Declined("a view that is kept outside of the function")
        steps.append((step.repeat, [_extent_keeper(extent, operands) for extent in step.extents]))

    def view(run: tuple[Any, dict[Any, Any]]) -> Any:
        array = base(run)
        for repeat, extents in steps:
            array = repeat(array, [extent(run[0]) for extent in extents])
        return array

    return view


def _extent_keeper(extent: Extent, operands: Any) -> Callable[[tuple[Any, ...]], Any]:
    if not isinstance(extent, Dim):
        return lambda arrays: extent
    number = operands.template(as_tracer(extent))
    return lambda arrays: int(number(arrays))


def _input_keeper(
    inputs: Sequence[Any], record: Any, copy: Callable[[tuple[Any, ...]], Any] | None
) -> Callable[[tuple[Any, ...]], Any]:
    """Keeps an argument or an array from outside, as the object that it is."""
    cell, leaf = record.cell, record.leaf

    def itself(arrays: tuple[Any, ...]) -> Any:
        run = current_run()
        if leaf is None:
            # Which it is of these is known when the capture is complete: what is not read is taken back.
            hidden = [r for r in inputs if r.leaf is None]
            return run.hidden[next(k for k, r in enumerate(hidden) if r is record)]
        if copy is not None and cell.version and not run.is_value:
            return copy(arrays)  # derivatives leave the argument as it is
        return run.leaves[leaf]

    return itself


def reacher(trace: Trace, obj: Any) -> Callable[[], Any]:
    """How a host call gets at an object from outside: by its path, read anew at each call."""
    if id(obj) in trace.reached:
        return trace.reached[id(obj)][1]
    path = trace.paths.get(id(obj))
    if path is None:
        trace.keep_alive.append(obj)  # NumPy's global generator, or one made while capturing
        return lambda: obj
    number = trace.number_of(path)
    return lambda: current_run().objects[number]


_EMPTY: tuple[()] = ()  # of which there is one


def given_reacher(trace: Trace, part: Any) -> Callable[[], Any] | None:
    """How a host call gets at the caller's own of a container among the arguments; None of any other.

    And None of one that a derivative has changed: it leaves the argument as it is.
    """
    if part is _EMPTY or (id(part) not in trace.taken_apart and id(part) not in trace.given):
        return None
    if trace.derivative and id(part) in trace.changes:
        return None
    path = trace.callers_at.get(id(part))
    if path is not None:
        number = trace.number_of(path)
        return lambda: current_run().objects[number]
    found = trace.given.get(id(part))
    if found is None or found.leaf is None or not given.is_unchanged(trace, part):
        raise Declined(f"a {type_of(part).__name__} that is an argument and is kept outside")
    leaf = found.leaf
    return lambda: current_run().leaves[leaf]


__all__ = [
    "MISSING",
    "Place",
    "State",
    "attribute_place",
    "given_reacher",
    "item_place",
    "keeper",
    "reacher",
]
