"""What a function has changed of the lists, dicts and objects among its arguments: stored into the caller's own.

The function has been given containers made anew (``docs/decisions/arguments-are-copies.md``), so what it stores into them is
a value of the program like any other.  At the end it is stored into what the caller has, in one effect.

    state["x"] = state["x"] + v          host_call: args[0]['x'] = v7
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autodiff import containers, tree
from autodiff.capture.frames import UNBOUND, Maybe, Poison
from autodiff.capture.lists import TracedList, is_stored
from autodiff.capture.parts import table_of
from autodiff.capture.running import current_run
from autodiff.capture.trace import Trace
from autodiff.ladder import Bail, Declined
from autodiff.ops.tracer import StoredList
from autodiff.plain_data import dataclass


@dataclass(frozen=True, eq=False)
class Container:
    """A list, dict or object that the function was given, and what it held then."""

    obj: Any
    keys: list[Any]
    values: list[Any]

    @staticmethod
    def of(obj: Any) -> Container:
        return Container(obj, *_parts_now(obj))

    @property
    def has_changed(self) -> bool:
        """Whether it holds other things now, or in another order."""
        keys, values = _parts_now(self.obj)
        return (
            keys != self.keys
            or len(values) != len(self.values)
            or any(a is not b for a, b in zip(values, self.values, strict=True))
        )

    def changes(self) -> list[tuple[str, Any, Any]] | None:
        """The stores that make what it held what it holds: of which kind, where, what; None where stores do not do that."""
        keys, values = _parts_now(self.obj)
        if isinstance(self.obj, (list, deque)):
            if len(values) != len(self.values):
                return [("items", None, tuple(values))]
            keys = before = list(range(len(values)))
        else:
            before = self.keys
            if not (type(self.obj) in _DICTS or table_of(self.obj) is not None):
                return None
        kind = "item" if isinstance(self.obj, (list, deque, dict)) else "attribute"
        kept = [key for key in before if key in keys]
        if keys[: len(kept)] != kept or (kind == "attribute" and kept != before):
            return None
        held = dict(zip(before, self.values, strict=True))
        found: list[tuple[str, Any, Any]] = [
            ("gone", key, None) for key in before if key not in keys
        ]
        for key, value in zip(keys, values, strict=True):
            if key not in held or value is not held[key]:
                found.append((kind, key, value))
        return found


_DICTS = (dict, OrderedDict, defaultdict, Counter)


def given_to(obj: Any) -> Iterator[Container]:
    """What can change in the arguments, each with its parts as they are now."""
    for part in tree.nodes([obj]):
        if isinstance(part, TracedList):
            continue  # knows itself whether it was changed
        if not isinstance(part, tuple) or containers.attributes_of(part):
            yield Container.of(part)


def _parts_now(obj: Any) -> tuple[list[Any], list[Any]]:
    """The keys and values of a list, dict or object."""
    if isinstance(obj, (list, deque)):
        return [], list(obj)
    held = obj if isinstance(obj, dict) else containers.attributes_of(obj)
    return list(held), list(dict.values(held))


@dataclass(frozen=True, eq=False)
class Store:
    """A store into a container of the caller's."""

    kind: str  # "attribute" or "item"; "gone" of one that is taken out, "items" of all
    reach: Callable[[], Any]
    key: Any
    value: Any


def stores(trace: Trace, given: Sequence[Container], result: Sequence[Any]) -> list[Store] | Bail:
    """What is to be stored at the end of a run, or why the function runs uncompiled instead."""
    changed = [container for container in given if container.has_changed]
    if not changed:
        return []
    found = list[Store]()
    for container in changed:
        path, changes = trace.given_at.get(id(container.obj)), container.changes()
        if (
            path is None
            or changes is None
            or not all(_can_be_kept(trace, x) for _, _, x in changes)
        ):
            kind = type(container.obj).__name__
            source = trace.changes.get(id(container.obj))
            return Declined(f"a change of a {kind} that is an argument", source)
        number = trace.number_of(path)
        reach = _reacher(number)
        # A key is what it is in this call, by whose hash it was stored.
        found += [Store(kind, reach, trace.untraced(key), x) for kind, key, x in changes]
    put = [part for store in found for part in _mutable(store.value)]
    returned = [part for x in result for part in _mutable(x)]
    trace.refuse_copies([*put, *returned])
    new = set(map(id, put))
    twice = [part for part in returned if id(part) in new]
    if twice:
        return Declined(
            f"a {type(twice[0]).__name__} that is put into an argument and returned too"
        )
    return found


def _mutable(x: Any) -> Iterator[Any]:
    """The containers in a value that can change, each of which the caller is to find once."""
    for part in containers.walk(x, is_stored):
        kind = containers.kind_of(part)
        if isinstance(part, StoredList) or (kind is not None and kind.is_mutable):
            yield part


def _can_be_kept(trace: Trace, x: Any) -> bool:
    """Whether a value holds none of the containers, and none of the tuples, that stand for the caller's."""
    if x is UNBOUND or isinstance(x, (Maybe, Poison)):
        return False

    def is_given(part: Any) -> bool:
        if isinstance(part, StoredList) and part.python_type is not list:
            return True
        return id(part) in trace.taken_apart or id(part) in trace.given or id(part) in trace.items

    return not containers.holds(x, is_given, is_stored)


def _reacher(number: int) -> Callable[[], Any]:
    return lambda: current_run().objects[number]


__all__ = ["Container", "Store", "given_to", "stores"]
