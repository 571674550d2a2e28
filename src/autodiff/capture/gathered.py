"""A list of objects from outside that a loop goes through: an attribute of theirs is one array.

    for r in readings:                      y: float64[n], read as [r.y for r in readings]
        s += (r.y - a * r.t) ** 2           slice(y, k)

A list or tuple of numbers, or of records of numbers, is read as a whole: to the loop it is what it would be among the arguments
(:mod:`~autodiff.capture.given`).

In the loop's body a :class:`~autodiff.capture.choices.Among` stands for the object of that pass.  Its methods and
properties are interpreted; an attribute is read from all objects at once.  Everything else that would have to know the
object itself refuses, and the loop is unrolled.  Nothing may store into objects of their class.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from operator import attrgetter
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, tables
from autodiff.capture import given
from autodiff.capture.choices import Among
from autodiff.capture.lists import TracedList
from autodiff.capture.paths import Guard, Path
from autodiff.ladder import Bail, NotStaged, Rung
from autodiff.later import later
from autodiff.ops.tracer import Form, Tracer
from autodiff.plain_data import dataclass
from autodiff.tables import FEWEST, LARGEST_INT

if TYPE_CHECKING:
    from autodiff import columns
    from autodiff.capture.trace import Trace
else:
    columns = later("autodiff.columns")

ENOUGH = 32
"""Items from which on a list of numbers or records is read as a whole.  Fewer are constants under guards: these cost a call
less, and a loop over them, unrolled, is one pass over an array where the loop is one for each item.  Of any number, one
at a place that only the run knows is one of an array: as constants they would have the place known, and unroll a loop."""

OBJECTS = "objects"  # what an attempt has to know: that objects are read one by one
_KINDS: dict[type, tuple[Any, Form]] = {
    float: (np.float64, "python"), np.float64: (np.float64, "scalar"),
    int: (np.int64, "python"), bool: (np.bool_, "python"),
}  # fmt: skip


@dataclass(eq=False)
class Group:
    """The objects of a list, which are of one class, and the columns that were read of them."""

    trace: Trace
    cls: type
    objects: Sequence[Any]
    base: Path  # to the list
    columns: dict[str, Tracer] = field(default_factory=dict)

    def at(self, index: Any) -> Any:
        """The object at a position: itself, or what stands for it."""
        if isinstance(index, Tracer):
            return Among(self, index)
        return self.trace.lift(self.objects[index], self.base.item(index))

    row = at

    def refusal(self) -> Bail:
        """Why none of them can be had where it is not known which."""
        return NotStaged("a use of an object itself that stands in a list")

    def column(self, name: str) -> Tracer | None:
        """What all objects hold under a name, as one array; None where that is no array of numbers."""
        if any(self.trace.state.changes(x) for x in self.objects):
            raise NotStaged("a loop over objects that the function changes")
        if name not in self.columns:
            kind = type(getattr(self.objects[0], name, None))
            if kind not in _KINDS:
                return None
            read = _reader(self.cls, name, kind)
            try:
                values = read(self.objects)
            except (AttributeError, TypeError):
                return None
            root = Path.root(read, "column")
            at = self._applied(root)
            self.columns[name] = self.trace.add_input(
                values, at, None, name, title=f"the {name!r} of {self.base.describe()}"
            )
        return self.columns[name]

    def _applied(self, function: Path) -> Path:
        return Path(f"{function.text}({self.base.text})", (*function.roots, *self.base.roots))

    def lacks(self, name: str) -> bool:
        """Whether no object holds an attribute of its own by a name, now and at every call."""

        def lack(objects: Sequence[Any]) -> bool:
            return not any(name in containers.attributes_of(x) for x in objects)

        if lack(self.objects):
            self.trace.guards.append(Guard(self._applied(Path.root(lack, "lack")), "equal", True))
            return True
        return False

    def number(self, name: str, index: Tracer) -> Any:
        """What the object at a traced position holds under a name; None where that is no number."""
        column = self.column(name)
        if column is None:
            return None
        form = _KINDS[type(getattr(self.objects[0], name))][1]
        item = column[index]
        return item.item() if form == "python" else Tracer(item.value, form)

    def attribute(
        self,
        frame: Any,
        index: Any,
        name: str,
        static: Any,
        node: ast.AST,
        load: Callable[..., Any],
    ) -> Any:
        """``x.name`` of the object at a place; ``static``: what its class has."""
        if hasattr(type(static), "__get__") and type(static) is not MemberDescriptorType:
            raise NotStaged(f"a loop over objects of which {name!r} is no plain attribute")
        number = self.number(name, index)
        if number is not None:
            return number
        try:
            found = [load(frame, self.at(k), name, node) for k in range(len(self.objects))]
        except AttributeError:
            raise NotStaged(f"a loop over objects not all of which have {name!r}") from None
        literal = isinstance(found[0], (str, bytes, type(None), bool, int))
        if not literal or any(type(y) is not type(found[0]) or y != found[0] for y in found):
            raise NotStaged(f"a loop over objects that differ in {name!r}")
        return found[0]

    def store_attribute(self, index: Any, name: str, static: Any, value: Any) -> None:
        """``x.name = value``."""
        raise self.refusal()


def _reader(cls: type, name: str, kind: type) -> Callable[[Sequence[Any]], np.ndarray]:
    """What reads the numbers that objects of a class hold; a TypeError where one holds another thing."""
    get, dtype = attrgetter(name), _KINDS[kind][0]

    def column(objects: Sequence[Any]) -> np.ndarray:
        values = list(map(get, objects))
        if set(map(type, objects)) != {cls} or set(map(type, values)) != {kind}:
            raise TypeError(name)
        if kind is int and (max(values) >= LARGEST_INT or min(values) <= -LARGEST_INT):
            raise TypeError(name)
        return np.array(values, dtype)

    return column


def group_of(trace: Trace, source: Any) -> Group | None:
    """The objects that a loop goes through, if they are of one class and reached by one path."""
    if type(source) not in (list, tuple) or len(source) < FEWEST or not trace.gathers:
        return None
    if trace.naming is not None and (trace.naming.paths or trace.naming.objects):
        return None
    cls: Any = type(source[0])
    if set(map(type, source)) != {cls} or not _is_plain(cls, source[0]):
        return None
    base = _base(trace, source)
    if base is None or trace.state.changes(source):
        return None
    known = trace.gathered.get(base.text)
    if known is None:
        known = trace.gathered[base.text] = Group(trace, cls, list(source), base)
    return known if isinstance(known, Group) else None


def _is_plain(cls: Any, example: Any) -> bool:
    """Whether reading attributes of a class runs no code but properties."""
    kind = containers.kind_of(example)
    return (
        kind is not None
        and kind.name == "instance"
        and cls.__getattribute__ is object.__getattribute__
        and not hasattr(cls, "__getattr__")
    )


def _base(trace: Trace, source: Sequence[Any]) -> Path | None:
    """The path to a list whose items are those of ``source``."""
    path = trace.paths.get(id(source))
    if path is not None:
        return path
    first = trace.paths.get(id(source[0]))
    if first is None or not first.text.endswith("[0]") or not first.is_of_arguments:
        return None
    base = Path(first.text[: -len("[0]")], first.roots)
    try:
        found = eval(base.text, {"args": trace.slots, **dict(base.roots)})
    except (AttributeError, KeyError, IndexError, TypeError, NameError):
        return None
    alike = type(found) is type(source) and len(found) == len(source)
    return base if alike and all(a is b for a, b in zip(found, source, strict=True)) else None


@dataclass(frozen=True, eq=False)
class Whole:
    """A list or tuple from outside that is read as a whole, and what stands for it."""

    source: Sequence[Any]
    list: TracedList


def whole_of(trace: Trace, source: Any, fewest: int = ENOUGH) -> TracedList | None:
    """What stands for a list or tuple from outside whose items are numbers, or records of numbers, that look alike."""
    if type(source) not in (list, tuple) or len(source) < fewest:
        return None
    if not trace.gathers or not trace.tier.rolls:  # along one path stores are made at once
        return None
    if trace.naming is not None and (trace.naming.paths or trace.naming.objects):
        return None
    base = trace.paths.get(id(source))
    if base is None or trace.state.changes(source):
        return None
    known = trace.gathered.get(base.text)
    if known is None:
        whole = _entered(trace, source, base, min(fewest, FEWEST))
        if whole is None:
            return None
        known = trace.gathered[base.text] = Whole(source, whole)
    return known.list if isinstance(known, Whole) and known.source is source else None


def floats_of(trace: Any, source: Any) -> TracedList | None:
    """What stands for a list or tuple from outside whose items are floats: nothing that a library is given needs them at capture."""
    kind = given.kind_of(source)
    return None if kind is None or kind is int else whole_of(trace, source)


def _entered(trace: Trace, source: Any, base: Path, fewest: int) -> TracedList | None:
    """A list from outside as inputs of the program, one a column, which are read at every call."""
    kind = given.kind_of(source, fewest)
    if kind is None:
        table = tables.table_of(source, "fiub", fewest)
        layout = None if table is None else table.layout
    else:
        layout = tables.Layout(type(source), tables.Scalar(kind))
    if layout is None:
        return None
    try:
        read = columns.compile_read(layout, fewest)
    except columns.Unreadable:
        return None
    found = read(source)
    names = [
        base.describe() if kind is not None else f"{base.describe()}{name}"
        for name in tables.names(layout)
    ]
    if found is None:
        return None
    root = Path.root(_certain(read), "columns")
    whole = Path(f"{root.text}({base.text})", (*root.roots, *base.roots))
    inputs = []
    for number, (values, name) in enumerate(zip(found, names, strict=True)):
        at = replace(whole.item(number), described=name, shared=whole)
        inputs.append(trace.add_input(values, at, None, None, title=name))
    if kind is not None:
        return given.enter(trace, source, inputs[0], None)
    return given.enter_table(trace, tables.Table(layout, inputs))


def _certain(read: Any) -> Callable[[Any], tuple[np.ndarray, ...]]:
    """What reads the columns of a list; a TypeError where it looks otherwise."""

    def columns_of(source: Any) -> tuple[np.ndarray, ...]:
        found: tuple[np.ndarray, ...] | None = read(source)
        if found is None:
            raise TypeError("a list that looks otherwise")
        return found

    return columns_of


def refuse_changes(trace: Trace) -> None:
    """Refuse where something is stored into objects of a class of which columns were read, or into it."""
    whole = [known for known in trace.gathered.values() if isinstance(known, Whole)]
    if any(trace.state.changes(known.source) for known in whole):
        raise Bail(Rung.LEARNT, "a store into a list from outside", needs=(OBJECTS,))
    groups = [known for known in trace.gathered.values() if isinstance(known, Group)]
    classes = {group.cls for group in groups if group.columns}
    holders = {
        id(c) for cls in classes for c in cls.__mro__
    }  # whose attributes the objects have too
    owners = [place.owner for place in trace.state.places.values()]
    if any(type(owner) in classes or id(owner) in holders for owner in owners):
        reason = "a store into an object of a class that a list from outside has objects of"
        raise Bail(Rung.LEARNT, reason, needs=(OBJECTS,))


__all__ = ["OBJECTS", "Group", "group_of", "refuse_changes", "whole_of"]
