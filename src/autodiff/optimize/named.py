"""Named parameters, with bounds, fixed and tied ones, as the vector of those that are free.

    parameters = named({"a": 1.0, "k": Parameter(0.1, low=0), "b": lambda a: 2 * a})
    parameters.start              ->  array([1. , 0.1])
    parameters.naming.values(vector)  ->  {"a": ..., "k": ..., "b": 2 * a}

`Naming.values` is plain Python: where a vector is traced, so are the values, and the derivative by
the vector goes through the ties.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, NameArgumentError

from .parameters import Array


@dataclass(frozen=True)
class Parameter:
    """One parameter of :func:`fit`.

    Attributes
    ----------
    value
        Where to start: a number or an array.
    low, high
        Bounds, of each entry.
    fixed
        Whether it stays at `value`.
    tied
        A function of other parameters, named as its arguments are, that gives this one its value:
        ``Parameter(tied=lambda a, k: a / k)``.
    """

    value: Any = 0.0
    low: Any = -np.inf
    high: Any = np.inf
    fixed: bool = False
    tied: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Slot:
    """A free parameter in the vector: an array of `shape`, or a number where that is ()."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Tie:
    """A parameter that others determine."""

    name: str
    function: Callable[..., Any]
    needed: tuple[str, ...]


@dataclass(frozen=True)
class Naming:
    """How a vector gives the value of every parameter: what a compiled function depends on.

    Attributes
    ----------
    slots, ties
        The free and the tied ones; a tie comes after those that it needs.
    fixed
        Name, type and value of the rest. (The type, for 2 and 2.0 are equal.)
    """

    slots: tuple[Slot, ...]
    ties: tuple[Tie, ...]
    fixed: tuple[tuple[str, type, Any], ...]

    def values(self, vector: Any) -> dict[str, Any]:
        """The value of every parameter."""
        found = {name: value for name, _, value in self.fixed}
        for slot in self.slots:
            if slot.shape == ():
                found[slot.name] = vector[slot.start]
            else:
                found[slot.name] = vector[slot.start : slot.stop].reshape(slot.shape)
        for tie in self.ties:
            found[tie.name] = tie.function(**{name: found[name] for name in tie.needed})
        return found


@dataclass(frozen=True)
class Named:
    """Parameters by name, and how the free ones lie in one vector.

    Attributes
    ----------
    given
        What the user said of each, in the user's order.
    naming
        From the vector to the values.
    start, low, high
        Vectors: where to start, and the bounds.
    labels
        A name for each entry of the vector: ``"a"``, ``"w[0]"``.
    """

    given: dict[str, Parameter]
    naming: Naming
    start: Array
    low: Array
    high: Array
    labels: tuple[str, ...]

    def entry(self, label: str) -> int:
        """Where in the vector the entry with this label is."""
        if label in self.labels:
            return self.labels.index(label)
        if label in self.given:
            why = "tied" if self.given[label].tied else "fixed" if self.given[label].fixed else ""
            why = why or f"an array, with entries {label}[0], …"
            raise NameArgumentError(
                f"{label} is {why}", remedy=f"name one of {', '.join(self.labels)}"
            )
        raise NameArgumentError(
            f"there is no parameter {label!r}", remedy=f"name one of {', '.join(self.labels)}"
        )


def named(parameters: Mapping[str, Any]) -> Named:
    """Take in what the user says of parameters: see :func:`fit` for the forms."""
    if not hasattr(parameters, "items"):
        raise ArgumentError(
            f"parameters are of type {type(parameters).__name__}, without names",
            remedy='give a dict of the model\'s parameters: {"a": 1.0, "k": (0.1, 0, 10)}',
        )
    given = {name: _parameter(name, entry) for name, entry in parameters.items()}
    slots: list[Slot] = []
    parts: list[tuple[Any, Any, Any]] = []
    fixed: list[tuple[str, type, Any]] = []
    position = 0
    for name, entry in given.items():
        if entry.tied is not None:
            continue
        if entry.fixed:
            fixed.append((name, type(entry.value), entry.value))
            continue
        shape = np.shape(entry.value)
        size = int(np.prod(shape))
        slots.append(Slot(name, position, position + size, shape))
        parts.append(_bounded(name, entry, shape))
        position += size
    if not slots:
        raise ArgumentError(
            "there is nothing to fit: no parameter is free", remedy="leave one of them free"
        )
    start, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
    labels = tuple([label for slot in slots for label in labels_of(slot.name, slot.shape)])
    ties = _in_order(given, {entry[0] for entry in fixed} | {slot.name for slot in slots})
    naming = Naming(tuple(slots), ties, tuple(fixed))
    return Named(given, naming, start, low, high, labels)


def labels_of(name: str, shape: tuple[int, ...]) -> list[str]:
    """The names of the entries of a parameter."""
    if shape == ():
        return [name]
    return [f"{name}[{', '.join(map(str, index))}]" for index in np.ndindex(shape)]


def off_bounds(x: Array, gradient: Array, low: Array, high: Array) -> Array:
    """Which entries no bound keeps from going down."""
    room = 1e-8 * (1 + np.abs(x))
    held = ((x - low <= room) & (gradient >= 0)) | ((high - x <= room) & (gradient <= 0))
    return ~held


def _parameter(name: str, entry: Any) -> Parameter:
    if isinstance(entry, Parameter):
        return entry
    if callable(entry):
        return Parameter(tied=entry)
    if isinstance(entry, tuple):
        if len(entry) != 3:
            raise ArgumentError(
                f"parameter {name}: {entry!r} is not (start, low, high)",
                remedy="give a start, a tuple of three, a function of others, or a Parameter",
            )
        return Parameter(*entry)
    return Parameter(entry)


def _bounded(name: str, entry: Parameter, shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Start and bounds of one parameter, as vectors."""
    try:
        if np.asarray(entry.value).dtype.kind not in "fiub":
            raise TypeError(f"its start is {entry.value!r}")
        start, low, high = (
            np.ravel(np.broadcast_to(np.asarray(end, dtype=np.float64), shape))
            for end in (entry.value, entry.low, entry.high)
        )
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"parameter {name} is not made of real numbers, with bounds of its shape: {error}",
            remedy="give numbers or arrays of floats",
        ) from None
    if not np.all((low <= start) & (start <= high) & (low < high)):
        raise NameArgumentError(
            f"parameter {name} starts at {entry.value}, outside of its bounds "
            f"{entry.low} … {entry.high}",
            remedy="start it within them; a parameter that shall not move is fixed=True",
        )
    return start, low, high


def _in_order(given: dict[str, Parameter], known: set[str]) -> tuple[Tie, ...]:
    """The ties, each after those that it needs."""
    waiting: dict[str, Tie] = {}
    for name, entry in given.items():
        if entry.tied is not None:
            needed = tuple(inspect.signature(entry.tied).parameters)
            for other in needed:
                if other not in given:
                    raise NameArgumentError(
                        f"parameter {name} is tied to {other}, which is no parameter",
                        remedy=f"name the arguments of the tie after some of {', '.join(given)}",
                    )
            waiting[name] = Tie(name, entry.tied, needed)
    ordered: list[Tie] = []
    while waiting:
        ready = [tie for tie in waiting.values() if known.issuperset(tie.needed)]
        if not ready:
            raise NameArgumentError(
                f"the ties of {', '.join(waiting)} go in a circle", remedy="leave one of them free"
            )
        for tie in ready:
            known.add(tie.name)
            ordered.append(waiting.pop(tie.name))
    return tuple(ordered)
