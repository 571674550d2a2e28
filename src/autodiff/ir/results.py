"""What a call makes of a program's outputs: a tree of their numbers, as plain data.

    0                                             the only output, in the form that it has
    (0, {"w": 1, "n": Constant(0.0)})             outputs in tuples, lists and dicts
    Either(1, Converted(0, int), 0)               an int where output 1 is true

Engines put it together; whatever else a result is made of is rebuilt around the bare outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from autodiff.plain_data import dataclass


@dataclass(frozen=True, eq=False)
class Constant:
    """The same object at every call."""

    value: Any


@dataclass(frozen=True)
class Items:
    """The elements of a float64 output of one axis, as Python floats in a list or tuple."""

    number: int
    kind: type


@dataclass(frozen=True)
class Converted:
    """An output that is a number, as a Python float, int or bool."""

    number: int
    kind: type


@dataclass(frozen=True)
class Either:
    """Where the bool that output ``number`` is holds, ``narrow``, else ``wide``."""

    number: int
    narrow: Constant | Converted
    wide: int


ResultTree: TypeAlias = (
    int
    | Constant
    | Items
    | Converted
    | Either
    | tuple["ResultTree", ...]
    | list["ResultTree"]
    | dict[Any, "ResultTree"]
)
"""What a call returns: an int is the number of an output, in the form that it has."""


def assembled(tree: ResultTree, outputs: Sequence[Any]) -> Any:
    """What a result tree makes of outputs, which have their Python forms."""
    if isinstance(tree, int):
        return outputs[tree]
    if isinstance(tree, Constant):
        return tree.value
    if isinstance(tree, Items):
        return tree.kind(outputs[tree.number].tolist())
    if isinstance(tree, Converted):
        return tree.kind(outputs[tree.number])
    if isinstance(tree, Either):
        return assembled(tree.narrow if outputs[tree.number] else tree.wide, outputs)
    if isinstance(tree, dict):
        return {key: assembled(part, outputs) for key, part in tree.items()}
    return type(tree)([assembled(part, outputs) for part in tree])
