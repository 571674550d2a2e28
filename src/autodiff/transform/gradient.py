"""The gradient of a scalar result, alone or with the value: one sweep in reverse, seeded with 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff import differentiate
from autodiff.capture import Captured
from autodiff.ir.data import ArrayType, Block, Program
from autodiff.ops.builder import building
from autodiff.ops.structural import zeros
from autodiff.transform.arguments import Wrt
from autodiff.transform.derivative import Derivative
from autodiff.transform.plans import Plan, either_of
from autodiff.transform.results import (
    Slot,
    form_of_leaf,
    leaf_results,
    result_of,
    scalar_output,
    with_tag,
)
from autodiff.transform.targets import Targets


def _zeros(program: Program, types: list[ArrayType]) -> Program:
    """A program that gives zeros; what the function checks and prints still happens."""
    with building() as builder:
        builder.block = Block(list(program.inputs), list(program.block.operations))
        builder.block.outputs = [zeros(t.shape, t.dtype).value for t in types]
    return Program(builder.block, f"{program.name}_zero")


def gradient_program(program: Program, output: int | None, inputs: Sequence[int]) -> Program:
    """The program of the gradient of one output by some inputs, and nothing else."""
    if output is None or not program.outputs[output].type.is_float:
        return _zeros(program, [program.inputs[k].type for k in inputs])
    return differentiate.vjp(program, inputs, [output], seed_ones=True, keep_values=False)


class Gradient(Derivative):
    """The gradient of a scalar result; with ``value`` the result itself as well."""

    name = "gradient"
    takes_holomorphic = True

    def __init__(self, wrt: Wrt = None, value: bool = False) -> None:
        super().__init__(wrt)
        self.value = self.gives_value = value
        if value:
            self.name = "value_and_gradient"
        items = wrt if isinstance(wrt, (list, tuple)) else [wrt]
        self.takes_tables = all(x is None or isinstance(x, (str, int)) for x in items)

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        what = "value_and_gradient" if self.value else "gradient"
        output = scalar_output(signature, captured, what, bool(targets.floats))
        first = 0
        forms: list[str] = []
        value_plan: Slot | None = None
        either: tuple[Any, ...] | None = None
        if self.value:
            plan = captured.result.leaves[0]
            if output is None:
                value_plan = Slot(plan)
                program = gradient_program(captured.program, output, targets.floats)
            else:
                kept = (
                    differentiate.vjp(captured.program, targets.floats, [output], seed_ones=True)
                    if targets.floats
                    else differentiate.with_outputs(captured.program, {})
                )
                outputs = kept.outputs
                n = len(captured.program.outputs)
                is_complex = plan[0] == "complex"
                kept.block.outputs = [outputs[plan[1] if is_complex else output], *outputs[n:]]
                either = either_of(captured, output)
                program = kept
                form = form_of_leaf(captured, plan)
                forms.append("array" if is_complex else form)
                value_plan = Slot(("complex" if is_complex else "output", 0, form))
                first = 1
        else:
            program = gradient_program(captured.program, output, targets.floats)
        structure, more, program = leaf_results(targets, program, first)
        forms += more
        if value_plan is not None and either is not None:
            value_plan = with_tag(value_plan.plan, either, program, outputs, forms)
        if value_plan is not None:
            structure = (value_plan, structure)
        return Plan(program, forms, result_of(structure))
