"""What has identity, one row for each kind: how its parts are found, ordered and put together.

    kind_of([1, 2])       the row of lists: parts by index
    kind_of((1, 2))       the row of tuples: parts by index
    VARIABLES, ARRAY      what Python has no container for: the names of a frame, the memory of an array

The rows of what Python's own objects are made of stand on :mod:`autodiff.containers`, which takes objects
apart and makes new ones; this table adds what the object model of capture asks: which order the parts have, whether
there can come to be more of them, whether Python code that is not looked into may change them.

Sets have no row: their elements are found by a hash, which a traced value does not have.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Any

from autodiff import containers
from autodiff.plain_data import dataclass


class Order(Enum):
    """Which order Python shows the parts of an object in."""

    NONE = "none"  # nobody can tell: the variables of a frame
    STORES = "stores"  # that in which they were first stored: dicts, attributes
    INDEX = "index"  # that of their indexes, which are 0, 1, … without gaps: lists, tuples


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes
    ----------
    name : str
        What it is called.
    order : Order
        The order of its parts.
    container : containers.Kind, optional
        How Python's objects of this kind are taken apart and made; None of what is made in another way.
    """

    name: str
    order: Order
    container: containers.Kind | None = None

    @property
    def is_sequence(self) -> bool:
        """Whether the parts are items 0, 1, … without gaps."""
        return self.order is Order.INDEX

    def alike(self, a: Any, b: Any) -> bool:
        """Whether two objects of this kind can differ in their parts only, given what never changes of each."""
        if a is b or self.container is None:
            return a is b or bool(a == b)
        return type(a) is type(b) and (type(a) in _PLAIN or self.name in _TOLD_BY_CLASS)

    def __repr__(self) -> str:
        return self.name


# Of the others more than the class never changes: how long a deque may be, what a defaultdict makes.
_PLAIN = (list, tuple, dict, OrderedDict)
_TOLD_BY_CLASS = frozenset(("named tuple", "instance", "namespace"))

VARIABLES = Kind("variables", Order.NONE)  # of a frame; a closure's cells are theirs
ARRAY = Kind("array", Order.NONE)  # a memory: its one part is its CONTENT

_ORDER = {
    "list": Order.INDEX,
    "named tuple": Order.INDEX,
    "tuple": Order.INDEX,
    "deque": Order.INDEX,
    "dict": Order.STORES,
    "slice": Order.NONE,
    "exception": Order.STORES,
    "partial": Order.NONE,
    "bound method": Order.NONE,
    "namespace": Order.STORES,
    "instance": Order.STORES,
}

KINDS: dict[str, Kind] = {
    row.name: Kind(row.name, _ORDER[row.name], row)
    for row in containers.KINDS
    if row.name in _ORDER
}
LIST, TUPLE, DICT, INSTANCE = (KINDS[name] for name in ("list", "tuple", "dict", "instance"))


def kind_of(x: Any) -> Kind | None:
    """The kind of a Python object; None of a leaf, and of what has no row."""
    row = containers.kind_of(x)
    return None if row is None else KINDS.get(row.name)


__all__ = [
    "ARRAY", "DICT", "INSTANCE", "KINDS", "LIST", "TUPLE", "VARIABLES", "Kind", "Order",
    "kind_of",
]  # fmt: skip
