"""Python's objects from before the call, and the objects of the heap that stand for them.

    originals = Originals(lift)
    heap = Heap(algebra, loader=originals)
    originals.reference(args[0], path)       To(an object), a Leaf, or Static

One object stands for each, by whichever way it is reached first, so two ways to one list are two ways to one object of
the heap.  What it holds is read when it is asked for, past what its class says about attributes: no code of the
user's runs here.  Nothing is stored to it while the function is captured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import containers
from autodiff.capture.heap import CONTENT
from tests.capture.heap_entries import Heap, Object, Outside
from tests.capture.heap_kinds import Kind
from tests.capture.heap_kinds import kind_of as kind_of_container
from tests.capture.heap_references import UNBOUND, Leaf, Reference, Static, To


class Originals:
    """What was there before the call.

    Parameters
    ----------
    lift : callable
        ``lift(x, path)``: the leaf that a number, or an array's content, reached by a path is; None of what is no
        number.
    kind_of : callable, optional
        The kind of an object; None of what has no identity that matters.
    """

    heap: Heap

    def __init__(
        self,
        lift: Callable[[Any, Any], Any],
        kind_of: Callable[[Any], Kind | None] = kind_of_container,
    ) -> None:
        self.lift = lift
        self.kind_of = kind_of
        # By the identity of what it stands for, which this keeps alive: the one table of that sort.
        self.known: dict[int, tuple[Any, Object]] = {}
        self.originals: dict[Object, Any] = {}

    def reference(self, x: Any, path: tuple[Any, ...]) -> Reference:
        """What a location holds that leads to ``x``; ``path`` are the keys on the way there."""
        if id(x) in self.known:
            return To(self.known[id(x)][1])
        kind = self.kind_of(x)
        if kind is None:
            leaf = self.lift(x, path)
            return Static(x) if leaf is None else Leaf(leaf)
        made = self.heap.new(kind, Outside(path), x)
        self.known[id(x)] = (x, made)
        self.originals[made] = x
        return To(made)

    def load(self, object: Object, key: Any) -> Reference:
        """What an object holds."""
        x = self.originals[object]
        assert isinstance(object.origin, Outside)
        path = (*object.origin.path, key)
        if key is CONTENT:
            return Leaf(self.lift(x, path))
        found = part_of(object.kind, x, key)
        return UNBOUND if found is UNBOUND else self.reference(found, path)

    def keys(self, object: Object) -> Sequence[Any]:
        """Its keys, in Python's order."""
        row = object.kind.container
        return (CONTENT,) if row is None else row.keys(self.originals[object])


def part_of(kind: Kind, x: Any, key: Any) -> Any:
    """One part of a Python object, UNBOUND where it has none by that key; O(1)."""
    try:
        if isinstance(x, list):
            return list.__getitem__(x, key) if 0 <= key < list.__len__(x) else UNBOUND
        if isinstance(x, (tuple, deque)):
            return x[key] if 0 <= key < len(x) else UNBOUND
        if isinstance(x, dict):
            return dict.__getitem__(x, key)
        if kind.name in ("instance", "namespace"):
            if key in containers.slots_of(type(x)):
                return object.__getattribute__(x, key)
            return object.__getattribute__(x, "__dict__")[key]
    except (KeyError, AttributeError):
        return UNBOUND
    row = kind.container
    assert row is not None
    return dict(zip(row.keys(x), row.values(x), strict=True)).get(key, UNBOUND)


__all__ = ["Originals", "part_of"]
