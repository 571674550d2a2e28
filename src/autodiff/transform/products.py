"""Derivatives along vectors: Hessian times vector, jvp, vjp, and a linear map that is kept.

hessian_vector   forward over reverse
jvp              the result and its tangent
vjp              cotangents of the arguments for one of the result
linearize        the result, and the derivative there as a program of its own
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from autodiff import differentiate, tree
from autodiff.capture import Captured, Result
from autodiff.engines import InputForm, runner
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.ops.complex_numbers import parts_of_complex
from autodiff.passes import optimize
from autodiff.plain_data import dataclass
from autodiff.transform.derivative import Derivative, has_complex_results
from autodiff.transform.gradient import gradient_program
from autodiff.transform.plans import Plan, either_of
from autodiff.transform.results import (
    Slot,
    ensure_output,
    form_of_leaf,
    leaf_results,
    result_of,
    scalar_output,
    structured,
    which_are_taken,
    with_tag,
)
from autodiff.transform.targets import Targets
from autodiff.transform.vectors import flat_vectors


class HessianVector(Derivative):
    """The Hessian of a scalar result times a vector, forward over reverse."""

    name = "hessian_vector"
    takes_holomorphic = True

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        output = scalar_output(signature, captured, self.name, bool(targets.floats))
        first = gradient_program(captured.program, output, targets.floats)
        active = [k in targets.floats for k in range(len(first.inputs))]
        program = _in_order_of_wrt(differentiate.jvp(first, active), captured, targets)
        n = len(first.outputs)
        program.block.outputs = program.outputs[n:]
        structure, forms, program = leaf_results(targets, program, 0)
        extra = _vector_forms(program, captured)
        return Plan(program, forms, result_of(structure), extra)

    def refuse(self, signature: Any, captured: Captured) -> None:
        if not self.holomorphic:
            what = f"{self.name} of {signature.title}"
            self.refuse_parts(what, is_complex=has_complex_results(captured), by_complex=False)
        scalar_output(signature, captured, self.name)

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        return flat_vectors(self, signature, call, vectors, "hessian_vector")


def _in_order_of_wrt(program: Program, captured: Captured, targets: Targets) -> Program:
    """A program of tangents whose tangents come as ``wrt`` names what they belong to.

    Forward mode puts them in the order of the inputs.
    """
    tangents = captured.extra_inputs(program)
    own = program.inputs[: len(program.inputs) - len(tangents)]
    of_input = dict(zip(sorted(targets.floats), tangents, strict=True))
    program.block.parameters = [*own, *(of_input[k] for k in targets.floats)]
    return program


def _arranged(captured: Captured, slots: list[Slot]) -> Any:
    """What stands for the leaves of the result, in its structure."""
    definition = captured.result.definition
    return slots[0] if definition is None else tree.unflatten(definition, slots)


def _vector_forms(program: Program, captured: Captured) -> list[InputForm]:
    """Forms of the inputs beyond those of the captured program: arrays, or floats where 0-d."""
    return [
        InputForm("array" if v.shape else "python", ArrayType(v.dtype, v.shape, not v.shape))
        for v in captured.extra_inputs(program)
    ]


class Jvp(Derivative):
    """The result and its tangent for given tangents of the arguments."""

    name = "jvp"
    gives_value = True

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        """There is always one: tangents are pairs where what moves is complex."""

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        numbers = [ensure_output(captured, plan) for plan in captured.result.leaves]
        active = [k in targets.floats for k in range(len(captured.program.inputs))]
        program = _in_order_of_wrt(differentiate.jvp(captured.program, active), captured, targets)
        floats = [k for k, v in enumerate(captured.program.outputs) if v.type.is_float]
        n = len(captured.program.outputs)
        outputs: list[Any] = []
        forms: list[Any] = []
        values: list[Slot] = []
        tangents: list[Slot] = []
        tags: list[tuple[int, tuple[Any, ...]]] = []
        for plan, number in zip(captured.result.leaves, numbers, strict=True):
            if number is None or number not in floats:
                values.append(Slot(plan))
                tangents.append(Slot(("constant", 0.0)))
                if number is not None:
                    values[-1] = Slot(("output", len(outputs), plan[2]))
                    outputs.append(program.outputs[number])
                    forms.append(plan[2])
                continue
            kind = "complex" if plan[0] == "complex" else "output"
            form = form_of_leaf(captured, plan)
            for slots, value in (
                (values, program.outputs[number]),
                (tangents, program.outputs[n + floats.index(number)]),
            ):
                slots.append(Slot((kind, len(outputs), form)))
                outputs.append(value)
                forms.append("array" if kind == "complex" else form)
            either = either_of(captured, number)
            if either is not None:
                tags.append((len(values) - 1, either))
        computed = program.outputs
        program.block.outputs = outputs
        for k, tag in tags:
            values[k] = with_tag(values[k].plan, tag, program, computed, forms)
        taken = [
            x for x, is_taken in zip(tangents, which_are_taken(captured), strict=True) if is_taken
        ]
        structure = (_arranged(captured, values), structured(captured, taken))
        return Plan(program, forms, result_of(structure), _vector_forms(program, captured))

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        return flat_vectors(self, signature, call, vectors, "jvp")


@dataclass(eq=False)
class LinearMap:
    """The derivative at the point of one call: a program of what was kept there, and of tangents."""

    program: Program
    forms: list[str]  # of its outputs
    result: Result  # made of these
    runners: dict[Any, Callable[[Sequence[Any]], list[Any]]] = field(default_factory=dict)

    def __call__(
        self, engine: str, device: str | None, kept: Sequence[Any], tangents: Sequence[Any]
    ) -> Any:
        """The tangent of the result."""
        run = self.runners.get((engine, device))
        if run is None:
            run = runner(optimize(self.program), engine, device)
            self.runners[engine, device] = run
        outputs = run([*kept, *tangents])
        return self.result.rebuild(
            [_AS[form](x) for form, x in zip(self.forms, outputs, strict=True)], ()
        )


_AS: dict[str, Callable[[Any], Any]] = {
    "array": np.asarray,
    "scalar": lambda x: x[()],
    "float": float,
}


class Linearize(Derivative):
    """The result, what its derivative reads, and the derivative as a map of tangents."""

    name = "linearize"
    gives_value = True
    takes_lists = False  # whose items would be told by the call alone

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        """There is always one, as there is of jvp."""

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        plans = captured.result.leaves
        numbers = [ensure_output(captured, plan) for plan in plans]
        own = captured.program.outputs
        live = list(dict.fromkeys(n for n in numbers if n is not None and own[n].type.is_float))
        program, linear = differentiate.linearized(captured.program, targets.floats, live)
        computed = program.outputs
        outputs: list[Value] = []
        forms: list[str] = []
        values: list[Slot] = []
        tangents: list[Slot] = []
        of_tangents = ["array"] * len(live)
        tagged: list[tuple[int, tuple[Any, ...]]] = []
        for plan, number in zip(plans, numbers, strict=True):
            if number is None:
                values.append(Slot(plan))
                tangents.append(Slot(("constant", 0.0)))
                continue
            form = form_of_leaf(captured, plan)
            kind = "complex" if plan[0] == "complex" else "output"
            values.append(Slot((kind, len(outputs), form)))
            outputs.append(computed[number])
            forms.append("array" if kind == "complex" else form)
            if number in live:
                at = live.index(number)
                tangents.append(Slot((kind, at, form)))
                of_tangents[at] = forms[-1]
            else:
                tangents.append(Slot(("constant", 0.0)))
            either = either_of(captured, number)
            if either is not None:
                tagged.append((len(values) - 1, either))
        kept: list[Any] = []
        for value in computed[len(own) :]:
            form = "array" if value.shape else "scalar"
            kept.append(Slot(("output", len(outputs), form)))
            outputs.append(value)
            forms.append(form)
        program.block.outputs = outputs
        for k, either in tagged:
            values[k] = with_tag(values[k].plan, either, program, computed, forms)
        push = LinearMap(linear, of_tangents, result_of(_arranged(captured, tangents)))
        structure = (_arranged(captured, values), kept, Slot(("constant", push)))
        return Plan(program, forms, result_of(structure))

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        return flat_vectors(self, signature, call, vectors, "linearize")


class Vjp(Derivative):
    """The cotangents of the arguments for a given cotangent of the result."""

    name = "vjp"
    misfit = (
        "a cotangent does not have the shape of the result",
        "give cotangents the shapes of the results",
    )

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        """There is always one, the adjoint in Re(conj(a) b), which is that of the pairs."""

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        numbers = [ensure_output(captured, plan) for plan in captured.result.leaves]
        outputs = captured.program.outputs
        live = [n for n in numbers if n is not None and outputs[n].type.is_float]
        program = differentiate.vjp(
            captured.program, targets.floats, live, keep_values=False, compare_sizes=True
        )
        structure, forms, program = leaf_results(targets, program, 0)
        # Cotangents of ints, texts and the like are given as well, and not looked at.
        more = captured.extra_inputs(program)
        cotangents, sizes = more[: len(live)], more[len(live) :]
        own = program.inputs[: len(program.inputs) - len(more)]
        of_live = iter(cotangents)
        program.block.parameters = own + [
            next(of_live)
            if n in live
            else Value(ArrayType(np.dtype(float), () if n is None else outputs[n].shape))
            for n in numbers
        ]
        extra = _vector_forms(program, captured)
        program.block.parameters += sizes
        return Plan(program, forms, result_of(structure), extra)

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        leaves = tree.flatten(vectors)[0] if tree.is_container(vectors) else [vectors]
        return tuple(
            parts_of_complex(x) if np.iscomplexobj(x) else np.asarray(x, dtype=float)
            for x in leaves
        )
