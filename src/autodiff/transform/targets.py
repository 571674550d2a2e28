"""What a derivative is by: one target for each array or number, in the order of ``wrt``.

    gradient(f, wrt=("b", "w"))     targets: the leaves of argument b, then those of argument w

Most are inputs of the program.  A tagged value inside of it becomes one: what is added to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from autodiff import differentiate, tree
from autodiff.capture import Captured
from autodiff.capture.naming import refuse_untagged_uses, single
from autodiff.capture.paths import Path, compile_reader
from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.ir.data import Value, live_values
from autodiff.plain_data import dataclass, replace
from autodiff.transform.arguments import Named, is_number, unknown_name


@dataclass
class Target:
    """One array or number to differentiate by: what it is at this call, and which program input."""

    example: Any
    number: int | None  # None: not an input of the program
    form: str
    leaf: int | None = None  # of the call, where it is one


class Targets:
    """Leaves to differentiate; ``combine`` arranges one item per leaf as the user expects.

    A tagged value inside of the program becomes an input: what is added to it (``perturbed``
    counts these); ``captured`` is the capture with that program.
    """

    def __init__(
        self,
        captured: Captured,
        call: Any,
        items: Sequence[int | Named],
        signature: Any,
        found: dict[int, Path],
    ) -> None:
        self.signature = signature
        self.call = call
        self.definitions: list[Any] = []  # per item, None where it is one leaf
        self.leaves: list[Target] = []
        values: list[Value] = []  # to differentiate by inside of the program
        first = len(captured.inputs) + len(captured.extents)
        by_leaf = {r.leaf: k for k, r in enumerate(captured.inputs) if r.leaf is not None}
        for item in items:
            if isinstance(item, int):
                self.definitions.append(call.definitions[item])
                for k in [k for k, s in enumerate(call.slot_of) if s == item]:
                    number = by_leaf.get(k)
                    form = "" if number is None else derivative_form(captured.inputs[number].form)
                    if call.roles[k].startswith("complex"):
                        form = call.roles[k]
                    self.leaves.append(Target(call.leaves[k], number, form, k))
                continue
            self.definitions.append(None)
            leaf = self._tag(captured, item) if item.is_tag else self._object(captured, item, found)
            if isinstance(leaf, Inside):
                if not leaf.value.type.is_float:
                    raise ArgumentError(
                        f"wrt={item.asked} of {signature.title} is {leaf.value.type}, "
                        "whose derivative is zero everywhere.",
                        code="AD103",
                        remedy="differentiate by a floating-point value",
                    )
                values.append(leaf.value)
                leaf = Target(leaf, first + len(values) - 1, leaf.form)
            self.leaves.append(leaf)
        # An empty container has an empty derivative.
        if self.leaves and all(leaf.number is None and not is_unread(leaf) for leaf in self.leaves):
            raise not_a_number(signature.title, self.leaves[0].example)
        self.perturbed = len(values)
        if values:
            program = differentiate.perturbed(captured.program, values)
            extents = [*captured.extents, *program.inputs[first:]]
            captured = replace(captured, program=program, extents=extents)
        self.captured = captured
        self.floats = [
            leaf.number
            for leaf in self.leaves
            if leaf.number is not None and captured.program.inputs[leaf.number].type.is_float
        ]

    def _tag(self, captured: Captured, item: Named) -> Any:
        if item.key not in captured.naming.tags:
            raise unknown_name(self.signature, item.key, captured.naming.tags)
        tagged = single(captured.naming, item.key, self.signature.title)
        refuse_untagged_uses(captured.program, tagged)
        return Inside(tagged.value, derivative_form(tagged.form))

    def _object(self, captured: Captured, item: Named, found: dict[int, Path]) -> Any:
        """An object that the function reads: by the path it was found by, at first by identity."""
        path = found.get(id(item.key))
        if path is not None:
            for number, record in enumerate(captured.inputs):
                if record.path.text == path.text:
                    return Target(record.example, number, derivative_form(record.form))
            (example,) = compile_reader((), (path,))(self.call.slots) or (item.key,)
            return Target(Unread(np.shape(example)), None, "array")
        values = captured.named.get(id(item.key), [])
        if not values:
            raise NameArgumentError(
                f"{self.signature.title} does not read wrt={item.asked}: it is not found among "
                "the arrays of its arguments, globals, closures and attributes.",
                source=None,
                remedy="name the array object itself, not a view or a copy of it",
            )
        if len(values) > 1:  # among the places that the result depends on
            used = live_values(captured.program)
            values = [v for v in values if v in used] or values[:1]
        if len(values) > 1:
            raise NameArgumentError(
                f"{self.signature.title} reads wrt={item.asked} in {len(values)} places.",
                remedy="name an argument, or tag the value that is meant",
            )
        if values[0] not in captured.program.inputs:
            form = "array" if isinstance(item.key, np.ndarray) else "scalar"
            return Inside(values[0], form)
        number = captured.program.inputs.index(values[0])
        record = captured.inputs[number]
        found[id(item.key)] = record.path
        return Target(record.example, number, derivative_form(record.form))

    def combine(self, items: Sequence[Any]) -> Any:
        """The structure of the differentiated arguments around one item per leaf."""
        structures = []
        position = 0
        for definition in self.definitions:
            count = 1 if definition is None else definition.num_leaves
            part = list(items[position : position + count])
            structures.append(part[0] if definition is None else tree.unflatten(definition, part))
            position += count
        return structures[0] if len(structures) == 1 else tuple(structures)


@dataclass
class Inside:
    """A value inside of the program."""

    value: Value
    form: str


@dataclass
class Unread:
    """An object that the function was found to read, but does not read in this capture."""

    shape: tuple[int, ...]


def is_unread(leaf: Target) -> bool:
    """Whether the function read the object at another call only."""
    return isinstance(leaf.example, Unread)


def derivative_form(form: str) -> str:
    """The form of the derivative by an input: a Python number has one that is a float."""
    return "float" if form == "python" else form


def not_a_number(title: str, leaf: Any) -> ArgumentError:
    """The error for an argument to differentiate by that holds no number."""
    return ArgumentError(
        f"{title} cannot be differentiated by an argument of type {type(leaf).__name__}.",
        code="AD103",
        remedy=_remedy_for(leaf),
    )


def _remedy_for(leaf: Any) -> str:
    if isinstance(leaf, np.void):
        return "pass its fields, record['name'], as arguments of their own"
    if hasattr(leaf, "__dict__") and not isinstance(leaf, (type, FunctionType)):
        return "name the arrays that it holds, wrt=model.weights, or pass them as arguments"
    return "pass floats or float arrays"


def is_object(leaf: Target) -> bool:
    """Whether a leaf is no number: it stands for itself in a derivative."""
    known = is_number(leaf.example) or is_whole_list(leaf.example) or is_unread(leaf)
    return leaf.number is None and not known


def is_whole_list(x: Any) -> bool:
    """Whether a leaf is a list or tuple of numbers that is one array to the program."""
    return type(x) in (list, tuple)


def shape_of(leaf: Target, targets: Targets) -> tuple[Any, ...]:
    """The shape of what is differentiated by, in the extents of the program."""
    if leaf.number is not None:
        return targets.captured.program.inputs[leaf.number].type.shape
    if is_whole_list(leaf.example):
        return (len(leaf.example),)
    return leaf.example.shape if isinstance(leaf.example, (Unread, np.ndarray)) else ()
