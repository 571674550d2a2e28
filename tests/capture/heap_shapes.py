"""What of a location may differ between the iterations of a loop: its shape.

    Same(reference)        nothing: every iteration finds what the first one found
    Number(type)           a number, in one slot
    OneOf(references)      one of a few things that are older than the loop; a slot says which
    Structure(parts)       another object of the same kind, whose parts have shapes:  s = State(s.x + dt * s.v, s.v)
    Perhaps(shape)         bound or not; a slot says whether

:mod:`tests.capture.heap_carries` finds the shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any, Protocol

from autodiff.capture.predicates import Refused
from autodiff.plain_data import dataclass
from tests.capture.heap_entries import Location, Object
from tests.capture.heap_references import UNBOUND, Algebra, Reference


class LoopAlgebra(Algebra, Protocol):
    """What loops ask of leaves beyond what branches do."""

    def type_of(self, leaf: Any) -> Any:
        """The type of a leaf; types are compared by ``==``."""

    def widened(self, type: Any, other: Any) -> Any:
        """The type that holds the values of both; None where there is none."""

    def placeholder(self, type: Any) -> Any:
        """A leaf that stands for a value of a type."""

    def filler(self, type: Any) -> Any:
        """Any leaf of a type, for what is not bound."""

    def equal(self, a: Any, b: Any) -> Any:
        """The predicate of whether two whole numbers are equal."""

    def numbered(self, index: Any, step: int, offset: int) -> Any:
        """The whole number ``index * step + offset``."""


class Rotation(Refused):
    """A loop that hands objects on from one location to another, which others hold as well."""

    def __init__(self, structures: Sequence[Structure]) -> None:
        self.structures = tuple(structures)
        names = ", ".join(repr(s.names[0].key) for s in structures)
        super().__init__(f"a loop that exchanges {names}, which have other names as well")


class Growth(Refused):
    """A loop in which a list or the like gets longer or shorter."""

    def __init__(self, object: Object) -> None:
        self.object = object
        super().__init__(f"a loop in which the length of a {object.kind} changes")


# -- shapes -------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Same:
    """What every iteration finds as the first one found it."""

    reference: Reference


@dataclass(frozen=True, eq=False)
class Number:
    """A number of a type."""

    type: Any


@dataclass(frozen=True, eq=False)
class OneOf:
    """One of a few things that are older than the loop."""

    references: tuple[Reference, ...]


@dataclass(frozen=True, eq=False)
class Perhaps:
    """Bound or not."""

    inner: Shape


@dataclass(eq=False)
class Structure:
    """An object whose parts have shapes: another one in each iteration."""

    like: Object  # an object that it looks like
    start: Reference | None  # what it is before the loop; None where nothing is
    names: list[Location]  # where it was found first
    parts: dict[Any, Shape] = field(default_factory=dict)
    round: int = 0
    end: Reference = UNBOUND  # what it is at the end of the body
    visits: int = 0  # how many locations hold it
    stand: Object | None = None
    is_loose: bool = False


Shape = Same | Number | OneOf | Perhaps | Structure


@dataclass(eq=False)
class Slot:
    """One number that is carried."""

    type: Any
    placeholder: Any
    start: Any = None
    end: Any = None


@dataclass(eq=False)
class Memory:
    """What has been found out of a loop in the round before of the loop around it."""

    shapes: dict[Location, Shape] = field(default_factory=dict)
    inner: dict[Any, Memory] = field(default_factory=dict)


__all__ = [
    "Growth", "LoopAlgebra", "Memory", "Number", "OneOf", "Perhaps", "Rotation", "Same", "Shape", "Slot",
    "Structure",
]  # fmt: skip
