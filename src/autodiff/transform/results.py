"""Outputs of programs of derivatives, put together as the user gets them.

A :class:`Slot` stands for one leaf of a result, with the plan of how it is made of an output; structures
of slots (tuples, dicts, dataclasses) become a ``Result``.  Derivatives by integers are zeros, which
are added to the program; what is no number stands for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import BuiltinFunctionType
from typing import Any

import numpy as np

from autodiff import differentiate, tree
from autodiff.capture import Captured, Result
from autodiff.capture.stores import ListPlan
from autodiff.errors import NotScalarError
from autodiff.ir.data import ArrayType, Block, Program, Value
from autodiff.ladder import NotStaged
from autodiff.ops.builder import building
from autodiff.ops.structural import zeros
from autodiff.transform.arguments import defined_at
from autodiff.transform.targets import (
    Target,
    Targets,
    derivative_form,
    is_object,
    is_whole_list,
    shape_of,
)


class Slot:
    """Stands for a leaf while the structure of a result is worked out."""

    def __init__(self, plan: tuple[Any, ...]) -> None:
        self.plan = plan


# Objects that are equal at each call of a specialisation.
_ASKED_AT_EACH_CALL = (str, bytes, bool, type(None), type)


def is_gradient(function: Any) -> bool:
    """Whether a function is itself a gradient, which has a number for each parameter."""
    compiled = getattr(function, "_compiled", None)
    return getattr(getattr(compiled, "transformation", None), "name", "") == "gradient"


def result_of(structure: Any) -> Result:
    """The result whose leaves are the plans in ``structure``."""
    if isinstance(structure, Slot):
        return Result([structure.plan], None)
    leaves, definition = tree.flatten(structure)
    return Result([leaf.plan for leaf in leaves], definition)


def scalar_output(
    signature: Any, captured: Captured, what: str, by_floats: bool = True
) -> int | None:
    """The number of the scalar output; None for a constant result.

    Of a complex number that is its real part, which holomorphic functions are differentiated by.
    It may be an integer where only integers are differentiated by: all is zero there.
    """
    plans = captured.result.leaves
    if captured.result.definition is not None or not plans:
        raise NotScalarError(
            f"{what} of {signature.title}: its result is a container, not one number.",
            source=defined_at(signature),
            remedy="return one number; for other results use autodiff.jacobian",
        )
    plan = plans[0]
    if plan[0] == "complex" and captured.program.outputs[plan[1]].shape == (2,):
        captured.program = differentiate.with_outputs(
            captured.program, {}, [(plan[1], differentiate.real_part)]
        )
        return len(captured.program.outputs) - 1
    if plan[0] == "constant":
        kinds = (float, int, complex, np.generic)
        if isinstance(plan[1], kinds) and not isinstance(plan[1], (bool, np.bool_)):
            # The user's own code may return 0 where it need not look at the values; ``len`` never does.
            if by_floats and isinstance(signature.function, BuiltinFunctionType):
                raise NotScalarError(
                    f"{what} of {signature.title}: its result has dtype int64, "
                    "whose derivative is zero everywhere.",
                    remedy="return a floating-point number",
                )
            return None
        is_none = plan[1] is None
        kind = "None" if is_none else type(plan[1]).__name__
        raise NotScalarError(
            f"{what} of {signature.title}: its result is {kind}, not one number.",
            source=defined_at(signature),
            remedy="end it with return and one floating-point number"
            if is_none
            else "return one floating-point number",
        )
    if plan[0] == "argument":
        numbers = [k for k, r in enumerate(captured.inputs) if r.leaf == plan[1]]
        value = captured.inputs[numbers[0]].cell.value
    else:
        value = captured.program.outputs[plan[1]]
    if value.shape:
        sizes = value.shape[:-1] if plan[0] == "complex" else value.shape
        shape = "(" + ", ".join(map(str, sizes)) + ("," if len(sizes) == 1 else "") + ")"
        raise NotScalarError(
            f"{what} of {signature.title}: its result has shape {shape}, not one number.",
            source=value.owner.source if value.owner is not None else None,
            remedy="take the second derivative with autodiff.hessian"
            if is_gradient(signature.function)
            else "reduce it, for example with np.sum, or use autodiff.jacobian",
        )
    if not value.type.is_float and (by_floats or value.dtype.kind == "b"):
        raise NotScalarError(
            f"{what} of {signature.title}: its result has dtype {value.dtype}, "
            "whose derivative is zero everywhere.",
            source=value.owner.source if value.owner is not None else None,
            remedy="return a floating-point number",
        )
    if plan[0] == "argument":
        captured.program.outputs.append(value)
        return len(captured.program.outputs) - 1
    return plan[1]


def with_tag(
    plan: tuple[Any, ...],
    either: tuple[Any, ...],
    program: Program,
    outputs: Sequence[Value],
    forms: list[str],
) -> Slot:
    """A value of one of two types: an output that tells which one is added to the program."""
    _, tag, narrow, _ = either
    program.block.outputs = [*program.outputs, outputs[tag]]
    forms.append("bool")
    if narrow[0] in ("converted", "real part", "complex number"):
        narrow = (narrow[0], plan[1], narrow[2])
    return Slot(("either", len(forms) - 1, narrow, plan))


def input_of(captured: Captured, leaf: int) -> int:
    """The number of the program's input that is a leaf of the arguments."""
    return next(k for k, r in enumerate(captured.inputs) if r.leaf == leaf)


def form_of_leaf(captured: Captured, plan: tuple[Any, ...]) -> Any:
    """The form of a leaf of the result, given how it is to be had."""
    if plan[0] in ("output", "complex"):
        return plan[2]
    return derivative_form(captured.inputs[input_of(captured, plan[1])].form)


def ensure_output(captured: Captured, plan: tuple[Any, ...]) -> int | None:
    """The program output that holds a leaf of the result; None where it is constant."""
    if plan[0] == "constant":
        return None
    if plan[0] in ("output", "complex"):
        return int(plan[1])
    if any(is_whole_list(r.example) for r in captured.inputs if r.leaf == plan[1]):
        raise NotStaged("a list that is returned as it was given")
    captured.program.outputs.append(captured.inputs[input_of(captured, plan[1])].cell.value)
    return len(captured.program.outputs) - 1


def leaf_results(targets: Targets, program: Program, first: int) -> tuple[Any, list[str], Program]:
    """One output per float leaf, zeros for integer leaves, the object itself for other leaves."""
    items: list[Slot] = []
    outputs = Outputs(program)
    position = first
    for leaf in targets.leaves:
        if leaf.number is not None and leaf.number in targets.floats:
            kind, _, form = leaf.form.rpartition(" ")  # "complex array" and the like
            outputs.forms[position] = "array" if kind else form
            items.append(Slot((kind or "output", position, form)))
            position += 1
        elif is_object(leaf):
            items.append(itself(leaf))
        else:
            items.append(outputs.zeros(shape_of(leaf, targets), leaf.form))
    for item, leaf in zip(items, targets.leaves, strict=True):
        if item.plan[0] == "output" and is_whole_list(leaf.example):
            of, item_form = type(leaf.example), "python"
            if type(leaf.example[0]) is np.float64:
                item_form = "scalar"
            item.plan = ("list", ListPlan(item.plan[1], None, None, item_form, (), None, None, of))
    return targets.combine(items), outputs.forms[first:], outputs.finished()


def itself(leaf: Target) -> Slot:
    """What stands for an object in a derivative: itself, that of each call, but for what an argument only carries."""
    if isinstance(leaf.example, tree.Carried):
        return Slot(("constant", tree.NOTHING))
    if leaf.leaf is None or isinstance(leaf.example, _ASKED_AT_EACH_CALL):
        return Slot(("constant", leaf.example))
    return Slot(("argument", leaf.leaf))


def which_are_taken(captured: Captured) -> list[bool]:
    """For each leaf of the result whether a derivative has it: not what a dataclass only carries."""
    definition = captured.result.definition
    return [True] if definition is None else tree.is_of_derivatives(definition)


def taken_leaves(captured: Captured) -> list[Any]:
    """The plans of the leaves of the result that a derivative has."""
    leaves = captured.result.leaves
    return [x for x, taken in zip(leaves, which_are_taken(captured), strict=True) if taken]


def structured(captured: Captured, parts: Sequence[Any]) -> Any:
    """The structure of the result around a part for each leaf that derivatives have."""
    if captured.result.definition is None:
        return parts[0]
    of_leaf = iter(parts)
    items = [next(of_leaf) if taken else tree.NOTHING for taken in which_are_taken(captured)]
    return tree.unflatten(captured.result.definition, items)


class Outputs:
    """The outputs of a program of derivatives, and the zeros that are to be added to them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.forms: list[str] = ["array"] * len(program.outputs)
        self.zero_types: list[ArrayType] = []
        self.changed: dict[int, Any] = {}

    def slot(self, position: int, form: str, axis: int | None = None) -> Slot:
        """An output of the program; a number where neither side is an array.

        Of pairs, where ``form`` is that of something complex; they may lie along ``axis``.
        """
        kind, _, form = form.rpartition(" ")
        if kind or axis is not None:
            if axis is not None:
                self.changed[position] = differentiate.pairs_last(axis)
            if len(self.program.outputs[position].shape) > 1:
                form = "array"
            return Slot(
                (
                    "complex",
                    position,
                    {"array": "scalar", "float": "python"}.get(form, form)
                    if len(self.program.outputs[position].shape) == 1
                    else form,
                )
            )
        if not self.program.outputs[position].shape:
            form = "scalar" if form == "array" else form
        else:
            form = "array"
        self.forms[position] = form
        return Slot(("output", position, form))

    def block(self, shape: tuple[Any, ...], leaf: Target, targets: Targets) -> Slot:
        """Zeros for every element of what has this shape and of a leaf."""
        shape = (*shape, *shape_of(leaf, targets))
        return self.zeros(shape, leaf.form if shape or leaf.form != "array" else "scalar")

    def zeros(self, shape: tuple[Any, ...], form: str) -> Slot:
        """Zeros of this shape, as one more output; a constant where they are one number."""
        if not shape and form != "array":
            return Slot(("constant", np.float64(0.0) if form == "scalar" else 0.0))
        self.zero_types.append(ArrayType(np.dtype(float), shape))
        self.forms.append("array")
        return Slot(("output", len(self.forms) - 1, "array"))

    def finished(self) -> Program:
        """The program with its zeros."""
        program = (
            differentiate.with_outputs(self.program, self.changed) if self.changed else self.program
        )
        return _with_zeros(program, self.zero_types) if self.zero_types else program


def _with_zeros(program: Program, types: list[ArrayType]) -> Program:
    with building() as builder:
        builder.block = Block(list(program.inputs), list(program.block.operations), [])
        extra = [zeros(t.shape, t.dtype).value for t in types]
        builder.block.outputs = [*program.outputs, *extra]
    return Program(builder.block, program.name)
