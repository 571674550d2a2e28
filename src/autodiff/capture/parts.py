"""Parts of objects that the captured code made: attributes, entries of dicts, items of short lists.

Where a branch or loop stores into one, the object's table of parts looks to regions like the scope of
a frame: what a region changes of it is undone and reported, merged and carried, as variables are.

    for _ in range(n):                    carry  body.x, body.v
        body.v += dt * force(body.x)
        body.x += dt * body.v

Only what needs no code of the class is taken so: attributes in the object's own ``__dict__``, existing keys of
a dict, items of a list at a known position.  Which objects those are is known by :meth:`Parts.save`, called before
the first store in a region.

The scopes of frames do the same before a variable changes (:class:`Locals`): what a region costs depends on what
it changes, not on how many frames are active around it.
"""

from __future__ import annotations

import inspect
import struct
from collections import deque
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import field
from types import SimpleNamespace, WrapperDescriptorType
from typing import TYPE_CHECKING, Any, Protocol

from autodiff import containers
from autodiff.capture.iterators import Iterating
from autodiff.dims import UndecidedExtent
from autodiff.plain_data import dataclass

if TYPE_CHECKING:

    class Variables(Protocol):
        """What regions take the variables of: the scope of a frame, the parts of an object."""

        @property
        def locals(self) -> MutableMapping[str, Any]: ...

        def restore(self, before: dict[str, Any]) -> None: ...


class Locals(dict[str, Any]):
    """The variables of a frame; the open regions note what they were before one changes.

    ``born`` is the number of the last region that had been opened when the frame began: that one and those
    before it do not know the frame.
    """

    __slots__ = ("born", "parts", "scope")

    def __init__(self, scope: Any) -> None:
        super().__init__()
        self.scope = scope
        self.parts: Parts | None = None
        self.born = 0

    def watch(self, parts: Parts) -> None:
        """Have the regions note changes, from now on."""
        if self.parts is None:
            self.parts, self.born = parts, parts.opened

    def _save(self) -> None:
        if self.parts is not None and self.parts.open:
            self.parts.save_frame(self)

    def __setitem__(self, name: str, value: Any) -> None:
        self._save()
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: str) -> None:
        self._save()
        dict.__delitem__(self, name)

    def pop(self, *args: Any) -> Any:
        """As for a dict."""
        self._save()
        return dict.pop(self, *args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As for a dict."""
        self._save()
        dict.update(self, *args, **kwargs)

    def _whole(self, *args: Any) -> Any:
        raise AssertionError("a change of variables that regions do not see")

    clear = setdefault = popitem = __ior__ = _whole

    def restore(self, before: dict[str, Any]) -> None:
        """What they were."""
        dict.clear(self)
        dict.update(self, before)


@dataclass(eq=False)
class Region:
    """An open region: what it puts back at its end, by the identity of the scope."""

    number: int
    made: dict[int, Any] | None  # the objects made in it
    saved: dict[int, tuple[Variables, dict[str, Any]]] = field(default_factory=dict)

    def restore(self) -> None:
        """Put back what was changed."""
        for scope, before in self.saved.values():
            scope.restore(before)


class ObjectScope:
    """The parts of one object as variables; looks to branches and loops like the scope of a frame."""

    parent = None
    syntax = None

    def __init__(self, obj: Any, table: MutableMapping[str, Any]) -> None:
        self.obj = obj
        self.table = table

    @property
    def locals(self) -> MutableMapping[str, Any]:
        """The parts by name."""
        return self.table

    def restore(self, before: dict[str, Any]) -> None:
        """What they were."""
        if isinstance(self.table, dict):
            self.table.clear()
        self.table.update(before)


class QueueScope(ObjectScope):
    """The items of a deque or list by position: its length may change in a region that ends with as many as at its start."""

    def __init__(self, obj: deque[Any] | list[Any]) -> None:
        super().__init__(obj, _Items(obj))

    def restore(self, before: dict[str, Any]) -> None:
        """What they were."""
        kind: Any = list if isinstance(self.obj, list) else deque
        kind.clear(self.obj)
        kind.extend(self.obj, before.values())


class _Items(MutableMapping[str, Any]):
    """The items of a deque or list by position, as text."""

    def __init__(self, items: deque[Any] | list[Any]) -> None:
        self.items_of = items
        self.kind: Any = list if isinstance(items, list) else deque

    def __getitem__(self, name: str) -> Any:
        if int(name) >= len(self):
            raise KeyError(name)
        return self.kind.__getitem__(self.items_of, int(name))

    def __setitem__(self, name: str, value: Any) -> None:
        if int(name) >= len(self):
            # Its items have gone into an array meanwhile, so the region cannot be undone.
            raise UndecidedExtent("a list of which a loop changes single items and the length")
        self.kind.__setitem__(self.items_of, int(name), value)

    def __delitem__(self, name: str) -> None:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return map(str, range(len(self)))

    def __len__(self) -> int:
        length: int = self.kind.__len__(self.items_of)
        return length


class _Slots(MutableMapping[str, Any]):
    """The attributes of an object that keeps them in slots, in the order of its class."""

    def __init__(self, obj: Any) -> None:
        self.obj = obj

    def __getitem__(self, name: str) -> Any:
        try:
            return containers.slots_of(type(self.obj))[name].__get__(self.obj)
        except AttributeError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, value: Any) -> None:
        containers.slots_of(type(self.obj))[name].__set__(self.obj, value)

    def __delitem__(self, name: str) -> None:
        containers.slots_of(type(self.obj))[name].__delete__(self.obj)

    def __iter__(self) -> Iterator[str]:
        return iter(containers.attributes_of(self.obj))

    def __len__(self) -> int:
        return len(containers.attributes_of(self.obj))


class Parts:
    """The objects that regions have stored into, and what the open regions know of them."""

    def __init__(self) -> None:
        self.scopes: dict[int, ObjectScope] = {}
        self.open: list[Region] = []
        self.opened = 0  # regions so far

    @contextmanager
    def region(self, made: dict[int, Any] | None) -> Iterator[Region]:
        """Open a region, which takes up what is changed until it ends."""
        self.opened += 1
        region = Region(self.opened, made)
        self.open.append(region)
        try:
            yield region
        finally:
            self.open.pop()

    def save_frame(self, variables: Locals) -> None:
        """Note the variables of a frame before one of them changes."""
        for region in reversed(self.open):
            if region.number <= variables.born or id(variables.scope) in region.saved:
                break  # those outside do not know it, or know it as well
            region.saved[id(variables.scope)] = (variables.scope, dict(variables))

    def scope_of(self, obj: Any, part: Any) -> ObjectScope | None:
        """The parts of an object, ``part`` among them; None where a store would run code or add one."""
        known = self.scopes.get(id(obj))
        table = _table(obj, part)
        if table is None:
            return None
        if known is None or known.obj is not obj:
            known = self.scopes[id(obj)] = ObjectScope(obj, table)
        return known

    def save(self, obj: Any, part: Any) -> bool:
        """Note what an object holds before a region changes a part; False where regions cannot."""
        scope = self.scope_of(obj, part)
        if scope is not None:
            self.save_scope(scope)
        return scope is not None

    def save_items(self, obj: Any) -> bool:
        """Note the items of a deque or list before a region changes it in any way; False of anything else."""
        if type(obj) is not deque and not isinstance(obj, list):
            return False
        known = self.scopes.get(id(obj))
        if known is not None and known.obj is obj and not isinstance(known, QueueScope):
            if any(id(known) in region.saved for region in self.open):
                return False
        if not isinstance(known, QueueScope) or known.obj is not obj:
            known = self.scopes[id(obj)] = QueueScope(obj)
        self.save_scope(known)
        return True

    def holds_changed(self, item: Any) -> bool:
        """Whether an open region has stored into a list, or into one that is part of a list or tuple."""
        if not isinstance(item, (list, tuple)):
            return False
        known = self.scopes.get(id(item))
        if known is not None and known.obj is item:
            if any(id(known) in region.saved for region in self.open):
                return True
        items = list.__iter__(item) if isinstance(item, list) else item
        return any(self.holds_changed(part) for part in items)

    def save_scope(self, scope: ObjectScope) -> None:
        """The same, of parts that are known."""
        for region in reversed(self.open):
            if region.made is not None and id(scope.obj) in region.made:
                break  # made in this region: those outside do not know it
            if id(scope) not in region.saved:
                region.saved[id(scope)] = (scope, dict(scope.locals))


_PLAIN_SETTERS: tuple[Any, ...] = (object.__setattr__, SimpleNamespace.__setattr__)


def is_frozen(cls: type) -> bool:
    """Whether a class is a dataclass that refuses stores, and has no other ``__setattr__``."""
    owner = next(base for base in cls.__mro__ if "__setattr__" in vars(base))
    if "__dataclass_params__" not in vars(owner):
        return False
    described: Any = owner
    return bool(described.__dataclass_params__.frozen)  # which may be there when it is asked for


def _table(obj: Any, part: Any) -> MutableMapping[str, Any] | None:
    if type(obj) is dict:
        return obj if part in obj and isinstance(part, str) else None
    if isinstance(obj, list):
        known = isinstance(part, int) and 0 <= part < list.__len__(obj)
        return _Items(obj) if known else None
    if not isinstance(part, str):
        return None
    table = table_of(obj)
    if isinstance(table, _Slots):
        return table if part in table else None
    described = hasattr(type(inspect.getattr_static(type(obj), part, None)), "__set__")
    return None if described else table


def table_of(obj: Any) -> MutableMapping[str, Any] | None:
    """The attributes of an object that are nothing but entries of its ``__dict__``, or all of its slots."""
    cls = type(obj)
    if issubclass(cls, Iterating):  # what ours keep is no attribute of Python's iterator
        return None
    if isinstance(obj, type) or not (_sets_plainly(cls) or is_frozen(cls)):
        return None
    table = containers.found_plainly(obj, "__dict__")
    if type(table) is dict:
        return None if containers.slots_of(cls) else table
    return _Slots(obj) if _keeps_slots(cls) else None


def _sets_plainly(cls: type) -> bool:
    """Whether stores end in the object's ``__dict__`` or slots, seen: a setter of the user's is interpreted."""
    setter: Any = cls.__setattr__
    return setter in _PLAIN_SETTERS or not (
        isinstance(setter, WrapperDescriptorType)
        or containers.is_library_class(next(c for c in cls.__mro__ if "__setattr__" in vars(c)))
    )


def _keeps_slots(cls: type) -> bool:
    """Whether instances are their slots, and nothing that is written in another language or computed."""
    slots = containers.slots_of(cls)
    if not cls.__basicsize__ == _BARE + _POINTER * len(slots) > _BARE:
        return False
    return all(inspect.getattr_static(cls, name, None) is slot for name, slot in slots.items())


_BARE, _POINTER = object.__basicsize__, struct.calcsize("P")


__all__ = ["Locals", "ObjectScope", "Parts", "QueueScope", "Region", "is_frozen", "table_of"]
