"""Transformations of a captured function: value, gradient, Jacobian, Hessian, jvp, vjp.

A :class:`Transformation` turns what a capture found into a :class:`Plan`: the program to compile,
the forms of its outputs, and how the result is rebuilt around them.  It also says which arguments
are differentiated, and what extra inputs (tangents, cotangents, vectors) a call brings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture import Captured, Result
from autodiff.differentiate import jacobian as jacobian_program
from autodiff.differentiate import jvp as jvp_program
from autodiff.differentiate import vjp as vjp_program
from autodiff.engines import InputForm
from autodiff.errors import ArgumentError, NameArgumentError, NotScalarError, ShapeError
from autodiff.ir.data import ArrayType, Block, Program
from autodiff.ops.builder import building
from autodiff.ops.structural import zeros

Wrt = str | int | Sequence[str | int] | None


@dataclass
class Plan:
    """What to compile and how to present it."""

    program: Program
    output_forms: list[str]
    result: Result
    extra_inputs: list[InputForm] = field(default_factory=list)
    write_back: bool = False


class Transformation:
    """The value itself; base of the others."""

    name = "function"
    is_value = True

    def __init__(self, wrt: Wrt = None) -> None:
        self.wrt = wrt

    def integer_slots_as_float(self, signature: Any, slots: Sequence[Any]) -> set[int]:
        """Parameters whose Python ints are differentiated, hence taken as floats."""
        return set()

    def differentiated_leaves(self, signature: Any, call: Any) -> list[int]:
        """Numbers of the leaves that carry derivatives."""
        return []

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        """The plan for one captured call."""
        return Plan(
            captured.program,
            captured.output_forms,
            captured.result,
            write_back=bool(captured.mutated),
        )

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        """Extra inputs of a call, flattened and checked."""
        return ()


# -- which arguments --------------------------------------------------------------------------------
def _is_number(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic, float)) or type(x) is int or tree.is_container(x)


def wrt_slots(signature: Any, wrt: Wrt, slots: Sequence[Any]) -> list[int]:
    """The parameters that are differentiated, in the order asked for."""
    if wrt is None:
        numeric = [k for k, x in enumerate(slots) if _is_number(x)]
        if len(numeric) == 1:
            return numeric
        return [k for k in numeric if _holds_float(slots[k])]
    if not isinstance(wrt, (str, int, list, tuple)):
        raise NameArgumentError(
            f"wrt={wrt!r} is neither the name nor the position of an argument.",
            remedy="give a name, a position, or a tuple of them",
        )
    names = [wrt] if isinstance(wrt, (str, int)) else list(wrt)
    found = []
    for name in names:
        if isinstance(name, int) and not isinstance(name, bool):
            position = name if name >= 0 else name + len(slots)
            if not 0 <= position < len(slots):
                raise NameArgumentError(
                    f"wrt={name!r}: {signature.title} has {len(slots)} arguments.",
                    remedy="name an argument, or give a position that exists",
                )
            found.append(position)
        elif name in signature.names:
            found.append(signature.names.index(name))
        else:
            raise NameArgumentError(
                f"wrt={name!r} is not an argument of {signature.title}; "
                f"its arguments are {', '.join(signature.names) or 'unnamed'}.",
                remedy="name one of them",
            )
    return found


def _holds_float(slot: Any) -> bool:
    leaves = tree.flatten(slot)[0] if tree.is_container(slot) else [slot]
    return any(
        isinstance(x, float) or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f")
        for x in leaves
    )


class Derivative(Transformation):
    """Base of the transformations that differentiate arguments."""

    name = "derivative"
    is_value = False

    def integer_slots_as_float(self, signature: Any, slots: Sequence[Any]) -> set[int]:
        if self.wrt is None:
            numeric = [k for k, x in enumerate(slots) if _is_number(x)]
            return (
                set(numeric)
                if len(numeric) == 1 and not isinstance(slots[numeric[0]], np.ndarray)
                else set()
            )
        return {
            k
            for k in wrt_slots(signature, self.wrt, slots)
            if not isinstance(slots[k], np.ndarray) or slots[k].ndim == 0
        }

    def differentiated_leaves(self, signature: Any, call: Any) -> list[int]:
        slots = wrt_slots(signature, self.wrt, call.given)
        for slot in slots:
            leaves = [x for x, s in zip(call.leaves, call.slot_of, strict=True) if s == slot]
            if leaves and not any(_is_number(x) for x in leaves):
                raise _not_a_number(signature.title, leaves[0])
        return [k for k, slot in enumerate(call.slot_of) if slot in slots]

    def targets(self, signature: Any, captured: Captured, call: Any) -> _Targets:
        """The differentiated leaves and how the result is put together from one array per leaf."""
        slots = wrt_slots(signature, self.wrt, call.given)
        if not slots:
            raise ArgumentError(
                f"{signature.title} has no floating-point argument to differentiate in this call.",
                code="AD103",
                remedy="pass floats or float arrays, or name the argument in wrt",
            )
        return _Targets(captured, call, slots, signature.title)


def _not_a_number(title: str, leaf: Any) -> ArgumentError:
    return ArgumentError(
        f"{title} cannot be differentiated by an argument of type {type(leaf).__name__}.",
        code="AD103",
        remedy="pass floats or float arrays",
    )


class _Targets:
    """Leaves to differentiate; ``combine`` arranges one item per leaf as the user expects."""

    def __init__(self, captured: Captured, call: Any, slots: list[int], title: str) -> None:
        self.slots = slots
        self.call = call
        by_leaf = {r.leaf: k for k, r in enumerate(captured.inputs) if r.leaf is not None}
        self.leaves = [k for slot in slots for k, s in enumerate(call.slot_of) if s == slot]
        self.inputs = [by_leaf.get(k) for k in self.leaves]
        if all(number is None for number in self.inputs):
            raise _not_a_number(title, call.leaves[self.leaves[0]] if self.leaves else None)
        self.floats = [
            number
            for number in self.inputs
            if number is not None and captured.program.inputs[number].type.is_float
        ]
        self.captured = captured

    def form(self, number: int) -> str:
        form = self.captured.inputs[number].form
        return "float" if form == "python" else form

    def combine(self, items: Sequence[Any]) -> Any:
        """The structure of the differentiated arguments around one item per leaf."""
        structures = []
        position = 0
        for slot in self.slots:
            definition = self.call.definitions[slot]
            count = 1 if definition is None else definition.num_leaves
            part = list(items[position : position + count])
            structures.append(part[0] if definition is None else tree.unflatten(definition, part))
            position += count
        return structures[0] if len(structures) == 1 else tuple(structures)


class _Slot:
    """Stands for a leaf while the structure of a result is worked out."""

    def __init__(self, plan: tuple[Any, ...]) -> None:
        self.plan = plan


def _result(structure: Any) -> Result:
    """The result whose leaves are the plans in ``structure``."""
    if isinstance(structure, _Slot):
        return Result([structure.plan], None)
    leaves, definition = tree.flatten(structure)
    return Result([leaf.plan for leaf in leaves], definition)


# -- gradient ---------------------------------------------------------------------------------------
def _scalar_output(signature: Any, captured: Captured, what: str) -> int | None:
    """The number of the scalar output; None for a constant result."""
    plans = captured.result.leaves
    if captured.result.definition is not None or not plans:
        raise NotScalarError(
            f"{what} of {signature.title}: its result is a container, not one number.",
            remedy="return one number; for other results use autodiff.jacobian",
        )
    plan = plans[0]
    if plan[0] == "constant":
        if isinstance(plan[1], (float, int, np.generic)) and not isinstance(plan[1], bool):
            return None
        raise NotScalarError(
            f"{what} of {signature.title}: its result is {type(plan[1]).__name__}, not one number.",
            remedy="return one floating-point number",
        )
    if plan[0] == "argument":
        numbers = [k for k, r in enumerate(captured.inputs) if r.leaf == plan[1]]
        value = captured.inputs[numbers[0]].cell.value
    else:
        value = captured.program.outputs[plan[1]]
    if value.shape:
        shape = (
            "("
            + ", ".join(str(n) for n in value.shape)
            + ("," if len(value.shape) == 1 else "")
            + ")"
        )
        raise NotScalarError(
            f"{what} of {signature.title}: its result has shape {shape}, not one number.",
            source=value.owner.source if value.owner is not None else None,
            remedy="reduce it, for example with np.sum, or use autodiff.jacobian",
        )
    if not value.type.is_float:
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


def _zeros(program: Program, types: list[ArrayType]) -> Program:
    """A program that gives zeros; what the function checks and prints still happens."""
    with building() as builder:
        builder.block = Block(list(program.inputs), list(program.block.operations))
        builder.block.outputs = [zeros(t.shape, t.dtype).value for t in types]
    return Program(builder.block, f"{program.name}_zero")


def gradient_program(program: Program, output: int | None, inputs: Sequence[int]) -> Program:
    """The program of the gradient of one output by some inputs, and nothing else."""
    if output is None:
        return _zeros(program, [program.inputs[k].type for k in inputs])
    return vjp_program(program, inputs, [output], seed_ones=True, keep_values=False)


class Gradient(Derivative):
    """The gradient of a scalar result; with ``value`` the result itself as well."""

    name = "gradient"

    def __init__(self, wrt: Wrt = None, value: bool = False) -> None:
        super().__init__(wrt)
        self.value = value
        if value:
            self.name = "value_and_gradient"

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        what = "value_and_gradient" if self.value else "gradient"
        targets = self.targets(signature, captured, call)
        output = _scalar_output(signature, captured, what)
        first = 0
        forms: list[str] = []
        value_plan: _Slot | None = None
        if self.value:
            plan = captured.result.leaves[0]
            if output is None:
                value_plan = _Slot(plan)
                program = gradient_program(captured.program, output, targets.floats)
            else:
                kept = vjp_program(captured.program, targets.floats, [output], seed_ones=True)
                outputs = kept.outputs
                n = len(captured.program.outputs)
                kept.block.outputs = [outputs[output], *outputs[n:]]
                program = kept
                form = (
                    plan[2] if plan[0] == "output" else targets.form(_input_of(captured, plan[1]))
                )
                forms.append(form)
                value_plan = _Slot(("output", 0, form))
                first = 1
        else:
            program = gradient_program(captured.program, output, targets.floats)
        structure, more, program = _leaf_results(targets, program, first)
        forms += more
        if value_plan is not None:
            structure = (value_plan, structure)
        return Plan(program, forms, _result(structure))


def _input_of(captured: Captured, leaf: int) -> int:
    return next(k for k, r in enumerate(captured.inputs) if r.leaf == leaf)


def _leaf_results(
    targets: _Targets, program: Program, first: int
) -> tuple[Any, list[str], Program]:
    """One output per float leaf, zeros for integer leaves, the object itself for other leaves."""
    items: list[_Slot] = []
    forms: list[str] = []
    zero_types: list[ArrayType] = []
    position = first
    for leaf, number in zip(targets.leaves, targets.inputs, strict=True):
        if number is None:
            items.append(_Slot(("constant", _static_zero(targets.call.leaves[leaf]))))
        elif number in targets.floats:
            form = targets.form(number)
            items.append(_Slot(("output", position, form)))
            forms.append(form)
            position += 1
        else:
            record = targets.captured.inputs[number]
            if record.form == "python":
                items.append(_Slot(("constant", 0.0)))
                continue
            zero_types.append(ArrayType(np.dtype(float), record.value.type.shape))
            items.append(_Slot(("zero", len(zero_types) - 1)))
    if zero_types:
        program = _with_zeros(program, zero_types)
        for item in items:
            if item.plan[0] == "zero":
                item.plan = ("output", position + item.plan[1], "array")
        forms += ["array"] * len(zero_types)
    return targets.combine(items), forms, program


def _static_zero(leaf: Any) -> Any:
    """The gradient by an int used as a size or index is zero; other objects stand for themselves."""
    return 0.0 if type(leaf) is int else leaf


def _with_zeros(program: Program, types: list[ArrayType]) -> Program:
    with building() as builder:
        builder.block = Block(list(program.inputs), list(program.block.operations), [])
        extra = [zeros(t.shape, t.dtype).value for t in types]
        builder.block.outputs = [*program.outputs, *extra]
    return Program(builder.block, program.name)


# -- Jacobian and Hessian -----------------------------------------------------------------------------
def _ensure_output(captured: Captured, plan: tuple[Any, ...]) -> int | None:
    """The program output that holds a leaf of the result; None where it is constant."""
    if plan[0] == "constant":
        return None
    if plan[0] == "output":
        return int(plan[1])
    captured.program.outputs.append(captured.inputs[_input_of(captured, plan[1])].cell.value)
    return len(captured.program.outputs) - 1


class Jacobian(Derivative):
    """Derivatives of every element of the result: shape (*result, *argument)."""

    name = "jacobian"

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        targets = self.targets(signature, captured, call)
        plans = captured.result.leaves
        numbers = [_ensure_output(captured, plan) for plan in plans]
        live = [n for n in numbers if n is not None and captured.program.outputs[n].type.is_float]
        if len(live) != len(plans):
            raise ArgumentError(
                f"jacobian of {signature.title}: every result must be a floating-point array "
                "that is computed from the arguments.",
                code="AD106",
                remedy="return floating-point arrays only",
            )
        program = jacobian_program(captured.program, targets.floats, live)
        forms: list[str] = []
        rows: list[Any] = []
        for row, number in enumerate(live):
            rows.append(
                _matrix_row(targets, captured.program.outputs[number].type, row, program, forms)
            )
        definition = captured.result.definition
        structure = rows[0] if definition is None else tree.unflatten(definition, rows)
        return Plan(program, forms, _result(structure))


def _matrix_row(
    targets: _Targets, out: ArrayType, row: int, program: Program, forms: list[str]
) -> Any:
    """The structure of the derivatives of one output by every target."""
    items: list[_Slot] = []
    for leaf, number in zip(targets.leaves, targets.inputs, strict=True):
        if number is None or number not in targets.floats:
            items.append(_Slot(("constant", _static_zero(targets.call.leaves[leaf]))))
            continue
        position = len(forms)
        shape = program.outputs[position].shape
        form = "array" if shape or targets.form(number) == "array" else targets.form(number)
        if not shape and form == "array":
            form = "scalar"
        forms.append(form)
        items.append(_Slot(("output", position, form)))
    return targets.combine(items)


class Hessian(Derivative):
    """Second derivatives of a scalar result: shape (*argument, *argument)."""

    name = "hessian"

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        targets = self.targets(signature, captured, call)
        output = _scalar_output(signature, captured, "hessian")
        first = gradient_program(captured.program, output, targets.floats)
        program = jacobian_program(first, targets.floats, list(range(len(first.outputs))))
        forms: list[str] = []
        rows: list[Any] = []
        number = 0
        for leaf, position in zip(targets.leaves, targets.inputs, strict=True):
            if position is None or position not in targets.floats:
                rows.append(_Slot(("constant", _static_zero(targets.call.leaves[leaf]))))
                continue
            rows.append(_matrix_row(targets, first.outputs[number].type, number, program, forms))
            number += 1
        return Plan(program, forms, _result(targets.combine(rows)))


# -- products -----------------------------------------------------------------------------------------
def _flat_vectors(targets_slots: list[int], call: Any, vectors: Any, what: str) -> list[Any]:
    """One vector leaf per differentiated leaf, checked against the arguments' structure."""
    if len(targets_slots) == 1:
        vectors = (vectors,)
    if not isinstance(vectors, (tuple, list)) or len(vectors) != len(targets_slots):
        raise NameArgumentError(
            f"{what}: {len(targets_slots)} arguments are differentiated, so {len(targets_slots)} "
            "vectors are needed.",
            code="AD108",
            remedy="pass a tuple with one vector per differentiated argument",
        )
    flat: list[Any] = []
    for slot, vector in zip(targets_slots, vectors, strict=True):
        leaves = [k for k, s in enumerate(call.slot_of) if s == slot]
        parts = [vector] if call.definitions[slot] is None else tree.flatten(vector)[0]
        if len(parts) != len(leaves):
            raise ShapeError(
                f"{what}: a vector has {len(parts)} parts where the argument has {len(leaves)}.",
                code="AD202",
                remedy="give vectors the structure of the arguments",
            )
        for leaf, part in zip(leaves, parts, strict=True):
            x = call.leaves[leaf]
            if call.roles[leaf] == "static" or (isinstance(x, np.ndarray) and x.dtype.kind != "f"):
                continue
            array = _vector(part, what)
            if array.shape != np.shape(x):
                raise ShapeError(
                    f"{what}: a vector has shape {array.shape} where the argument has {np.shape(x)}.",
                    code="AD202",
                    remedy="give vectors the shapes of the arguments",
                )
            flat.append(array)
    return flat


def _vector(part: Any, what: str) -> np.ndarray:
    try:
        return np.asarray(part, dtype=float)
    except (TypeError, ValueError):
        raise NameArgumentError(
            f"{what}: a vector is of type {type(part).__name__}, not an array of numbers.",
            code="AD108",
            remedy="pass arrays or numbers with the shapes of the arguments",
        ) from None


class HessianVector(Derivative):
    """The Hessian of a scalar result times a vector, forward over reverse."""

    name = "hessian_vector"

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        targets = self.targets(signature, captured, call)
        output = _scalar_output(signature, captured, "hessian_vector")
        first = gradient_program(captured.program, output, targets.floats)
        active = [k in targets.floats for k in range(len(first.inputs))]
        program = jvp_program(first, active)
        n = len(first.outputs)
        program.block.outputs = program.outputs[n:]
        structure, forms, program = _leaf_results(targets, program, 0)
        extra = _vector_forms(program, captured)
        return Plan(program, forms, _result(structure), extra)

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        slots = wrt_slots(signature, self.wrt, call.given)
        return tuple(_flat_vectors(slots, call, vectors, "hessian_vector"))


def _vector_forms(program: Program, captured: Captured) -> list[InputForm]:
    """Forms of the inputs beyond those of the captured program: arrays, or floats where 0-d."""
    return [
        InputForm("array" if v.shape else "python", ArrayType(v.dtype, v.shape, not v.shape))
        for v in captured.extra_inputs(program)
    ]


class Jvp(Derivative):
    """The result and its tangent for given tangents of the arguments."""

    name = "jvp"

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        targets = self.targets(signature, captured, call)
        numbers = [_ensure_output(captured, plan) for plan in captured.result.leaves]
        active = [k in targets.floats for k in range(len(captured.program.inputs))]
        program = jvp_program(captured.program, active)
        floats = [k for k, v in enumerate(captured.program.outputs) if v.type.is_float]
        n = len(captured.program.outputs)
        outputs: list[Any] = []
        forms: list[Any] = []
        values: list[_Slot] = []
        tangents: list[_Slot] = []
        for plan, number in zip(captured.result.leaves, numbers, strict=True):
            if number is None or number not in floats:
                values.append(_Slot(plan))
                tangents.append(_Slot(("constant", 0.0)))
                if number is not None:
                    values[-1] = _Slot(("output", len(outputs), plan[2]))
                    outputs.append(program.outputs[number])
                    forms.append(plan[2])
                continue
            form = plan[2] if plan[0] == "output" else targets.form(_input_of(captured, plan[1]))
            for slots, value in (
                (values, program.outputs[number]),
                (tangents, program.outputs[n + floats.index(number)]),
            ):
                slots.append(_Slot(("output", len(outputs), form)))
                outputs.append(value)
                forms.append(form)
        program.block.outputs = outputs
        definition = captured.result.definition

        def arrange(slots: list[_Slot]) -> Any:
            return slots[0] if definition is None else tree.unflatten(definition, slots)

        structure = (arrange(values), arrange(tangents))
        return Plan(program, forms, _result(structure), _vector_forms(program, captured))

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        slots = wrt_slots(signature, self.wrt, call.given)
        return tuple(_flat_vectors(slots, call, vectors, "jvp"))


class Vjp(Derivative):
    """The cotangents of the arguments for a given cotangent of the result."""

    name = "vjp"

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        targets = self.targets(signature, captured, call)
        numbers = [_ensure_output(captured, plan) for plan in captured.result.leaves]
        live = [n for n in numbers if n is not None and captured.program.outputs[n].type.is_float]
        program = vjp_program(captured.program, targets.floats, live, keep_values=False)
        structure, forms, program = _leaf_results(targets, program, 0)
        return Plan(program, forms, _result(structure), _vector_forms(program, captured))

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        leaves = tree.flatten(vectors)[0] if tree.is_container(vectors) else [vectors]
        return tuple(np.asarray(x, dtype=float) for x in leaves)


__all__ = [
    "Gradient",
    "Hessian",
    "HessianVector",
    "Jacobian",
    "Jvp",
    "Plan",
    "Transformation",
    "Vjp",
    "Wrt",
]
