"""Parts of objects that the captured code made: attributes, entries of dicts, items of short lists.

Where a branch or loop stores into one, the object's table of parts looks to regions like the scope of
a frame: what a region changes of it is undone and reported, merged and carried, as variables are.

    for _ in range(n):                    carry  body.x, body.v
        body.v += dt * force(body.x)
        body.x += dt * body.v

Only what needs no code of the class is taken so: attributes in the object's own ``__dict__``, existing keys of
a dict, items of a list at a known position.  Which objects those are is known by :meth:`Parts.save`, called before
the first store in a region.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, MutableMapping
from types import SimpleNamespace
from typing import Any

from autodiff.dims import UndecidedExtent


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

    @locals.setter  # noqa: A003 - what scopes call it
    def locals(self, before: dict[str, Any]) -> None:
        if isinstance(self.table, dict):
            self.table.clear()
        self.table.update(before)


class _Items(MutableMapping[str, Any]):
    """The items of a list by position, as text."""

    def __init__(self, items: list[Any]) -> None:
        self.items_of = items

    def __getitem__(self, name: str) -> Any:
        if int(name) >= list.__len__(self.items_of):
            raise KeyError(name)
        return list.__getitem__(self.items_of, int(name))

    def __setitem__(self, name: str, value: Any) -> None:
        if int(name) >= list.__len__(self.items_of):
            # Its items have gone into an array meanwhile, so the region cannot be undone.
            raise UndecidedExtent("a list of which a loop changes single items and the length")
        list.__setitem__(self.items_of, int(name), value)

    def __delitem__(self, name: str) -> None:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return map(str, range(list.__len__(self.items_of)))

    def __len__(self) -> int:
        return list.__len__(self.items_of)


class Parts:
    """The objects that regions have stored into, and what the open regions know of them."""

    def __init__(self) -> None:
        self.scopes: dict[int, ObjectScope] = {}
        # Of each open region: what it puts back at its end, and the objects made in it.
        self.open: list[tuple[list[tuple[Any, Any]], dict[int, Any] | None]] = []

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

    def holds_changed(self, item: Any) -> bool:
        """Whether an open region has stored into a list, or into one that is part of a list or tuple."""
        if not isinstance(item, (list, tuple)):
            return False
        if any(getattr(scope, "obj", None) is item for saved, _ in self.open for scope, _ in saved):
            return True
        items = list.__iter__(item) if isinstance(item, list) else item
        return any(self.holds_changed(part) for part in items)

    def save_scope(self, scope: ObjectScope) -> None:
        """The same, of parts that are known."""
        for saved, made in reversed(self.open):
            if made is not None and id(scope.obj) in made:
                break  # made in this region: those outside do not know it
            if not any(known is scope for known, _ in saved):
                saved.append((scope, dict(scope.locals)))


_PLAIN_SETTERS: tuple[Any, ...] = (object.__setattr__, SimpleNamespace.__setattr__)


def _table(obj: Any, part: Any) -> MutableMapping[str, Any] | None:
    if type(obj) is dict:
        return obj if part in obj and isinstance(part, str) else None
    if isinstance(obj, list):
        known = isinstance(part, int) and 0 <= part < list.__len__(obj)
        return _Items(obj) if known else None
    if not isinstance(part, str):
        return None
    described = hasattr(type(inspect.getattr_static(type(obj), part, None)), "__set__")
    return None if described else table_of(obj)


def table_of(obj: Any) -> dict[str, Any] | None:
    """The attributes of an object that are nothing but entries of its ``__dict__``."""
    cls = type(obj)
    if isinstance(obj, type) or cls.__setattr__ not in _PLAIN_SETTERS:
        return None
    table = getattr(obj, "__dict__", None)
    return table if type(table) is dict else None


__all__ = ["ObjectScope", "Parts", "table_of"]
