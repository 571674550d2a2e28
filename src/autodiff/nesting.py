"""Tuples, lists and dicts of names, taken apart without optree, which takes as long to load as a small program to compile.

    leaves, definition = take_apart({"b": 1.0, "a": (2.0, 3.0)}, stops)     # [2.0, 3.0, 1.0]
    definition.unflatten([20.0, 30.0, 10.0])                                # {"b": 10.0, "a": (20.0, 30.0)}

The order of leaves, what of a dict counts as equal, and the methods are those of optree's ``PyTreeSpec``.  Anything else in
the container, a named tuple, a dataclass, another key, is optree's: then there is no definition here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_DEEPEST = 50  # levels; what is deeper, or contains itself, is optree's


class Entry:
    """A step from a container to its part."""

    __slots__ = ("entry", "type")

    def __init__(self, type: type, entry: Any) -> None:
        self.type = type
        self.entry = entry

    def codify(self, at: str) -> str:
        """The Python expression of the part of what ``at`` names."""
        return f"{at}[{self.entry!r}]"


class Definition:
    """The structure of a container; of a dict the names in order, and in the order that it has them."""

    __slots__ = ("given", "keys", "kind", "num_leaves", "parts")

    def __init__(self, kind: type, keys: Any, given: Any, parts: list[Definition | None]) -> None:
        self.kind = kind
        self.keys = keys
        self.given = given
        self.parts = tuple(parts)  # None: a leaf
        self.num_leaves: int = sum([1 if part is None else part.num_leaves for part in parts])

    def __eq__(self, other: object) -> bool:
        if type(other) is not Definition:
            return NotImplemented
        return (self.kind, self.keys, self.parts) == (other.kind, other.keys, other.parts)

    def __hash__(self) -> int:
        return hash((self.kind, self.keys, self.parts))

    def __repr__(self) -> str:
        return f"Definition({self.unflatten(['*'] * self.num_leaves)})".replace("'*'", "*")

    def unflatten(self, leaves: Any) -> Any:
        """The container around these leaves."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(f"{len(leaves)} leaves for a container of {self.num_leaves}")
        return self._built(iter(leaves))

    def _built(self, leaves: Iterator[Any]) -> Any:
        parts = [next(leaves) if part is None else part._built(leaves) for part in self.parts]
        if self.kind is dict:
            of_name = dict(zip(self.keys, parts, strict=True))
            return {name: of_name[name] for name in self.given}
        return tuple(parts) if self.kind is tuple else parts

    def accessors(self) -> list[tuple[Entry, ...]]:
        """For each leaf the steps to it."""
        found: list[tuple[Entry, ...]] = []
        for key, part in zip(self.keys, self.parts, strict=True):
            step = Entry(self.kind, key)
            found += [(step,)] if part is None else [(step, *rest) for rest in part.accessors()]
        return found

    def flatten_up_to(self, obj: Any) -> list[Any]:
        """What another container has where this one has leaves."""
        import optree  # which says where they differ

        whole = self.unflatten([0] * self.num_leaves)
        found: list[Any] = optree.tree_structure(whole, none_is_leaf=True).flatten_up_to(obj)
        return found


def take_apart(
    obj: Any, is_leaf: Callable[[Any], bool] | None, has_parts: Callable[[Any], bool]
) -> tuple[list[Any], Definition] | None:
    """Leaves and definition of a container; None where that is optree's to say.

    ``is_leaf``: what is not to be looked into, if anything.  ``has_parts``: what else optree might look into.
    """
    leaves: list[Any] = []
    try:
        definition = _visit(obj, is_leaf, has_parts, leaves, 0)
    except _OtherError:
        return None
    return None if definition is None else (leaves, definition)


def _visit(
    x: Any,
    is_leaf: Callable[[Any], bool] | None,
    has_parts: Callable[[Any], bool],
    leaves: list[Any],
    depth: int,
) -> Definition | None:
    kind = type(x)
    if is_leaf is not None and is_leaf(x):
        leaves.append(x)
        return None
    if kind is not dict and kind is not tuple and kind is not list:
        if has_parts(x):
            raise _OtherError
        leaves.append(x)
        return None
    if depth == _DEEPEST or (kind is dict and not all(type(name) is str for name in x)):
        raise _OtherError
    keys: Any = tuple(sorted(x)) if kind is dict else range(len(x))
    parts = [_visit(x[key], is_leaf, has_parts, leaves, depth + 1) for key in keys]
    return Definition(kind, keys, tuple(x) if kind is dict else keys, parts)


class _OtherError(Exception):
    """There is something in the container that is optree's."""
