"""Lists, dicts and the like that a result has in several places: they are made once.

    return xs, {"best": xs}          part 0: xs,  result: (part 0, {"best": part 0})

Who changes one of them later, changes the others, as in plain Python.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from autodiff.capture.lists import TracedList
from autodiff.capture.trace import Declined


class Part:
    """Stands in a result for what it has in several places; not a dataclass, which is a container."""

    def __init__(self, number: int) -> None:
        self.number = number


def take_apart(result: Any, is_external: Callable[[Any], bool]) -> tuple[Any, list[Any]]:
    """The result, and its shared parts in an order in which each is made of those before it."""
    times: dict[int, int] = {}
    _count(result, times, is_external)
    if all(n == 1 for n in times.values()):
        return result, []
    parts: list[Any] = []
    known: dict[int, Part | None] = {}

    def replaced(x: Any) -> Any:
        if times.get(id(x), 1) == 1:
            return x if is_external(x) else _with_items(x, replaced)
        if id(x) not in known:
            known[id(x)] = None
            parts.append(_with_items(x, replaced))
            known[id(x)] = Part(len(parts) - 1)
        found = known[id(x)]
        if found is None:
            raise Declined(f"a result with a {type(x).__name__} that contains itself")
        return found

    return replaced(result), parts


def _count(x: Any, times: dict[int, int], is_external: Callable[[Any], bool]) -> None:
    items = _items(x)
    if items is None or is_external(x):
        return
    if not isinstance(x, tuple):
        times[id(x)] = times.get(id(x), 0) + 1
        if times[id(x)] > 1:
            return
    for item in items:
        _count(item, times, is_external)


def _items(x: Any) -> Iterable[Any] | None:
    """What a container holds; None of a leaf."""
    if isinstance(x, TracedList):
        return [] if x.is_stored() else list.__iter__(x)
    if isinstance(x, (list, tuple, deque)):
        return x
    if isinstance(x, dict):
        return x.values()
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return [getattr(x, f.name, None) for f in dataclasses.fields(x)]
    return None


def _with_items(x: Any, new: Callable[[Any], Any]) -> Any:
    """The container with other items; itself where they are the same."""
    items = list(_items(x) or ())
    made = [new(item) for item in items]
    if all(a is b for a, b in zip(items, made, strict=True)):
        return x
    if isinstance(x, list):
        return made
    if isinstance(x, tuple):
        return type(x)(*made) if hasattr(x, "_fields") else tuple(made)
    if isinstance(x, deque):
        return deque(made, x.maxlen)
    changed = copy.copy(x)
    if isinstance(x, dict):
        changed.update(zip(x, made, strict=True))
    else:
        for one, value in zip(dataclasses.fields(x), made, strict=True):
            if hasattr(x, one.name):
                object.__setattr__(changed, one.name, value)
    return changed


__all__ = ["Part", "take_apart"]
