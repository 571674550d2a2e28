"""What is computed from the outputs of a recording, and the object that users call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from autodiff import tree
from autodiff.api.classes import WithVectors
from autodiff.capture import Captured, Result
from autodiff.capture.naming import Naming, refuse_untagged_uses, single
from autodiff.differentiate.custom import inline
from autodiff.errors import NameArgumentError
from autodiff.ir.data import Block, Program
from autodiff.ops.builder import building
from autodiff.symbolic.replay import Replay, Tag
from autodiff.tracebacks import without_our_frames
from autodiff.transform.arguments import Wrt
from autodiff.transform.derivative import Derivative
from autodiff.transform.gradient import Gradient
from autodiff.transform.plans import Plan, Transformation
from autodiff.transform.products import HessianVector
from autodiff.transform.results import Slot, result_of
from autodiff.transform.vectors import flat_vectors


class Combination(Derivative):
    """The values of the outputs, the gradient, the Hessian-vector product: any of them."""

    name = "symbolic function"

    def __init__(
        self,
        replay: Replay,
        definition: Any,
        wrt: Wrt,
        value: bool,
        gradient: bool,
        hessian_vector: bool,
    ) -> None:
        super().__init__(wrt)
        self.replay = replay
        self.definition = definition  # structure of the outputs
        self.value = value
        self.derivatives: list[Derivative] = []
        if gradient:
            self.derivatives.append(Gradient(wrt))
        if hessian_vector:
            self.derivatives.append(HessianVector(wrt))
        self.multiplies = hessian_vector

    def integer_slots_as_float(self, signature: Any, slots: Sequence[Any]) -> set[int]:
        return super().integer_slots_as_float(signature, slots) if self.derivatives else set()

    def differentiated_leaves(self, signature: Any, call: Any) -> list[int]:
        return super().differentiated_leaves(signature, call) if self.derivatives else []

    def naming(self, signature: Any) -> Naming | None:
        asked = (super().naming(signature) if self.derivatives else None) or Naming()
        outputs = frozenset(o.key for o in self.replay.outputs if isinstance(o, Tag))
        return replace(asked, outputs=outputs)

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        for key in captured.naming.given:
            tagged = single(captured.naming, key, signature.title)
            refuse_untagged_uses(captured.program, tagged)
        leaves = captured.result.leaves
        n = len(self.replay.outputs)
        plans = []
        if self.value:
            plans.append(_values(captured, leaves[:n], self.definition))
        for derivative in self.derivatives:
            derivative.found = self.found
            # The reduced output comes last; without a reduction it is the only one.
            part = replace(_own_program(captured), result=Result([leaves[-1]], None))
            plans.append(derivative.apply(signature, part, call))
        return plans[0] if len(plans) == 1 else _joined(plans, captured)

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        if not self.multiplies:
            return ()
        return flat_vectors(self, signature, call, vectors, "hessian_vector")


def _own_program(captured: Captured) -> Captured:
    """The capture with a program whose outputs may be changed."""
    block = captured.program.block
    own = Block(list(block.parameters), list(block.operations), list(block.outputs))
    return replace(captured, program=Program(own, captured.program.name))


def _values(captured: Captured, leaves: Sequence[tuple[Any, ...]], definition: Any) -> Plan:
    """The outputs as they are."""
    captured = _own_program(captured)
    outputs: list[Any] = []
    forms: list[str] = []
    plans: list[tuple[Any, ...]] = []
    for leaf in leaves:
        if leaf[0] != "output":
            plans.append(leaf)
            continue
        plans.append(("output", len(outputs), leaf[2]))
        outputs.append(captured.program.outputs[leaf[1]])
        forms.append(leaf[2])
    captured.program.block.outputs = outputs
    return Plan(captured.program, forms, Result(plans, definition))


def _joined(plans: Sequence[Plan], captured: Captured) -> Plan:
    """One program for several plans; the result is the tuple of theirs."""
    n = len(captured.inputs) + len(captured.extents)
    forms: list[str] = []
    extra = []
    structures = []
    with building() as builder:
        shared = list(captured.program.inputs)
        builder.block.parameters = list(shared)
        outputs: list[Any] = []
        for plan in plans:
            own = plan.program.inputs[n:]
            builder.block.parameters += own
            first = len(outputs)
            outputs += inline(builder, plan.program.block, [*shared, *own], {})
            forms += plan.output_forms
            extra += plan.extra_inputs
            slots = [
                Slot(("output", leaf[1] + first, leaf[2]) if leaf[0] == "output" else leaf)
                for leaf in plan.result.leaves
            ]
            definition = plan.result.definition
            structures.append(slots[0] if definition is None else tree.unflatten(definition, slots))
        builder.block.outputs = outputs
    result = result_of(tuple(structures))
    return Plan(Program(builder.block, captured.program.name), forms, result, extra)


class SymbolicFunction(WithVectors):
    """A function compiled from a recording: called with one value for each of its inputs.

    With a Hessian-vector product, the vectors are passed as ``_tensors``.  ``cache``, ``ir``,
    ``explain`` and the like are those of :class:`autodiff.Function`.
    """

    def __init__(self, replay: Replay, combination: Combination, **options: Any) -> None:
        self._combination = combination
        super().__init__(replay, **options)

    def _transformation(self, wrt: Wrt) -> Transformation:
        return self._combination

    @without_our_frames
    def __call__(self, *args: Any, _tensors: Any = None, **kwargs: Any) -> Any:
        if not self._combination.multiplies:
            if _tensors is not None:
                raise NameArgumentError(
                    f"{self._compiled.signature.title} takes no _tensors: it has no Hessian-vector product.",
                    code="AD108",
                    remedy="compile it with hessian_vector=True",
                )
            return super().__call__(*args, **kwargs)
        if _tensors is None:
            raise NameArgumentError(
                f"{self._compiled.signature.title} needs the vectors to multiply with.",
                code="AD108",
                remedy="pass _tensors=v, with a tuple of vectors for several arguments",
            )
        return self._call_with(args, kwargs, _tensors)

    def __reduce__(self) -> Any:
        raise TypeError(
            "a function compiled by Symbolic cannot be pickled: its recording names objects of this "
            "process"
        )

    def __repr__(self) -> str:
        count = len(self.cache)
        inputs = ", ".join(self._compiled.signature.names)
        return (
            f"<autodiff symbolic function of ({inputs}): {self.__doc__} "
            f"{count} specialisation{'s' * (count != 1)}>"
        )
