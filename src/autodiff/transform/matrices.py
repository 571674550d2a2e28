"""Jacobian and Hessian: derivatives of every element of a result by every element of the arguments.

    jacobian   shape (*result, *argument)
    hessian    shape (*argument, *argument): the Jacobian of the gradient

Each output has a row of blocks, one for each target.  A list of numbers that is one array to the
program is a list again in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import differentiate, tree
from autodiff.capture import Captured, Result
from autodiff.errors import ArgumentError
from autodiff.ir.data import ArrayType
from autodiff.transform.derivative import Derivative
from autodiff.transform.gradient import gradient_program
from autodiff.transform.plans import Plan
from autodiff.transform.results import (
    Outputs,
    Slot,
    ensure_output,
    itself,
    result_of,
    scalar_output,
    structured,
    taken_leaves,
)
from autodiff.transform.targets import Target, Targets, is_object, is_whole_list, shape_of


class Jacobian(Derivative):
    """Derivatives of every element of the result: shape (*result, *argument)."""

    name = "jacobian"
    takes_holomorphic = True
    takes_mode = True

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        if is_complex and by_complex:
            raise ArgumentError(
                f"{what}: its result is complex, and so is an argument; in general no complex "
                "matrix is its derivative.",
                code="AD103",
                remedy="pass holomorphic=True if it is holomorphic, return real and imaginary "
                "part as two results, or use autodiff.jvp and autodiff.vjp",
            )

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        plans = taken_leaves(captured)
        live = self.live_outputs(signature, captured, targets)
        complex_rows = [plan[0] == "complex" for plan in plans]
        program = captured.program
        if self.holomorphic:  # the real parts tell all
            program = differentiate.with_outputs(
                program, dict.fromkeys(live, differentiate.real_part)
            )
            complex_rows = [False] * len(live)
        outputs = Outputs(differentiate.jacobian(program, targets.floats, live, self.mode))
        columns = len(targets.floats)
        rows = [
            _matrix_row(targets, program.outputs[number].type, row * columns, outputs, of_pairs)
            for row, (number, of_pairs) in enumerate(zip(live, complex_rows, strict=True))
        ]
        structure = structured(captured, rows)
        return Plan(outputs.finished(), outputs.forms, result_of(structure))

    def live_outputs(self, signature: Any, captured: Captured, targets: Targets) -> list[int]:
        """The outputs of the program that hold the leaves of the result, all floating point."""
        plans = taken_leaves(captured)
        numbers = [ensure_output(captured, plan) for plan in plans]
        kinds = "f" if targets.floats else "fiu"  # by integers alone all is zero
        live = [n for n in numbers if n is not None]
        live = [n for n in live if captured.program.outputs[n].dtype.kind in kinds]
        if len(live) != len(plans):
            raise ArgumentError(
                f"jacobian of {signature.title}: every result must be a floating-point array "
                "that is computed from the arguments.",
                code="AD106",
                remedy="return floating-point arrays only",
            )
        return live


class Hessian(Derivative):
    """Second derivatives of a scalar result: shape (*argument, *argument)."""

    name = "hessian"
    takes_holomorphic = True
    takes_mode = True

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        super().refuse_parts(what, is_complex, by_complex)
        if by_complex:
            raise ArgumentError(
                f"{what} by a complex argument: in general no complex matrix is the second "
                "derivative.",
                code="AD103",
                remedy="pass real and imaginary parts as two arguments, use "
                "autodiff.hessian_vector, or pass holomorphic=True for a holomorphic function",
            )

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        output = scalar_output(signature, captured, "hessian", bool(targets.floats))
        first = gradient_program(captured.program, output, targets.floats)
        if self.holomorphic:  # of df/dz as well the real parts tell all
            first = differentiate.with_outputs(
                first, dict.fromkeys(range(len(targets.floats)), differentiate.real_part)
            )
        columns = len(targets.floats)
        matrix = differentiate.jacobian(first, targets.floats, list(range(columns)), self.mode)
        outputs = Outputs(matrix)
        rows: list[Any] = []
        number = 0
        for leaf in targets.leaves:
            if leaf.number is not None and leaf.number in targets.floats:
                out = first.outputs[number].type
                row = _matrix_row(targets, out, number * columns, outputs)
                rows.append(_rows(row, leaf, targets))
                number += 1
            elif is_object(leaf):
                rows.append(itself(leaf))
            else:
                rows.append(_rows(_zero_row(targets, leaf, outputs), leaf, targets))
        return Plan(outputs.finished(), outputs.forms, result_of(targets.combine(rows)))


def _zero_row(targets: Targets, by: Target, outputs: Outputs) -> Any:
    """The second derivatives by integers and by every target, all zero."""
    shape = shape_of(by, targets)
    items = [
        itself(leaf) if is_object(leaf) else _columns(outputs.block(shape, leaf, targets), leaf)
        for leaf in targets.leaves
    ]
    return targets.combine(items)


def _matrix_row(
    targets: Targets, out: ArrayType, first: int, outputs: Outputs, of_pairs: bool = False
) -> Any:
    """The structure of the derivatives of one output, which may be of pairs, by every target.

    ``first`` numbers the derivatives by the targets that are floats among the program's outputs.
    """
    items: list[Slot] = []
    axis = len(out.shape) - 1 if of_pairs else None
    if of_pairs:
        out = ArrayType(out.dtype, out.shape[:-1])
    for leaf in targets.leaves:
        if leaf.number is not None and leaf.number in targets.floats:
            items.append(_columns(outputs.slot(first, leaf.form, axis), leaf))
            first += 1
        elif is_object(leaf):
            items.append(itself(leaf))
        else:  # integers: zero for every element of both
            items.append(_columns(outputs.block(out.shape, leaf, targets), leaf))
    return targets.combine(items)


def _columns(block: Slot, leaf: Target) -> Slot:
    """Derivatives by a leaf; those by a list that is one array are a list."""
    if not is_whole_list(leaf.example):
        return block
    form = "scalar" if type(leaf.example[0]) is np.float64 else "float"
    return Slot(("columns", block.plan, type(leaf.example), form))


def _rows(row: Any, leaf: Target, targets: Targets) -> Any:
    """Derivatives of the derivatives by a leaf; of a list that is one array there is a row for each item.

    In a row, what was an array of numbers, one an item, is a number.
    """
    if not is_whole_list(leaf.example):
        return row
    result = result_of(row)
    forms = {id(slot): other.form for slot, other in zip(_slots(row), targets.leaves, strict=True)}
    plans = []
    for slot in _slots(row):
        plan = slot.plan
        if plan[0] == "output":
            form = forms[id(slot)]
            plan = ("output", plan[1], "scalar" if form == "array" else form)
        plans.append(plan)
    return Slot(("rows", Result(plans, result.definition), type(leaf.example)))


def _slots(row: Any) -> list[Slot]:
    return [row] if isinstance(row, Slot) else tree.flatten(row)[0]
