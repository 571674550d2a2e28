"""From what a capture found to what is compiled: the base of all transformations.

A :class:`Transformation` turns a capture into a :class:`Plan`: the program to compile, the forms of its
outputs, and how the result is rebuilt around them.  It also says which arguments are differentiated,
and what extra inputs (tangents, cotangents, vectors) a call brings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

from autodiff.capture import Captured, Result
from autodiff.capture.naming import Naming
from autodiff.engines import InputForm
from autodiff.ir.data import Program
from autodiff.plain_data import dataclass, replace
from autodiff.transform.arguments import Wrt, wrt_slots

Prepare = Callable[[Sequence[Any]], tuple[tuple[Any, ...], Callable[[Any], Any]]]


@dataclass
class Plan:
    """What to compile and how to present it."""

    program: Program
    output_forms: list[str]
    result: Result
    extra_inputs: list[InputForm] = field(default_factory=list)
    write_back: bool = False
    # Where extra inputs depend on the others of a call: what makes them of these, and what makes the
    # result of the call of that of the program.
    prepare: Prepare | None = None


class Transformation:
    """The value itself; base of the others."""

    name = "function"
    is_value = True
    gives_value = False  # whether a derivative comes with the value, as the first of a tuple
    takes_lists = True  # lists of numbers may be one array each
    takes_tables = True  # ... and lists of records one for each of their numbers
    takes_holomorphic = False  # whether there is df/dz of it
    holomorphic = False  # whether that is what is asked for
    takes_mode = False  # whether it is made by sweeps, forward or in reverse
    mode = "auto"  # which of the two is asked for
    # The bytes that loops may keep for the way back; None: as many as it takes.
    budget: int | None = None
    handing: Callable[..., Any] | None = (
        None  # makes the derivatives that SciPy's solvers are handed
    )
    # What is wrong where the program does not take the extra inputs of a call, and what to do.
    misfit = (
        "a vector does not have the shape of what is differentiated by",
        "give vectors the shapes of what they multiply with",
    )

    def __init__(self, wrt: Wrt = None) -> None:
        self.wrt = wrt

    def integer_slots_as_float(self, signature: Any, slots: Sequence[Any]) -> set[int]:
        """Parameters whose Python ints are differentiated, hence taken as floats."""
        return set()

    def differentiated_leaves(self, signature: Any, call: Any) -> list[int]:
        """Numbers of the leaves that carry derivatives."""
        return []

    def open_axes(self, signature: Any, call: Any) -> frozenset[tuple[int, int]]:
        """Leaves and their axes whose extents no program is made for, from the first call on.

        A call that the transformation cannot take is refused here, before it is captured.
        """
        return frozenset()

    def naming(self, signature: Any) -> Naming | None:
        """What a capture is asked for by name."""
        return None

    def named_slots(self, signature: Any, slots: Sequence[Any]) -> set[int]:
        """The parameters that ``wrt`` names."""
        return set() if self.wrt is None else set(wrt_slots(signature, self.wrt, slots))

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        """The plan for one captured call."""
        return Plan(
            captured.program,
            captured.output_forms,
            captured.result,
            write_back=bool(captured.mutated),
        )

    def refuse(self, signature: Any, captured: Captured) -> None:
        """Raise if this cannot be had of the function, whatever vectors a call brings."""

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        """Extra inputs of a call, flattened and checked."""
        return ()


class ValueOnly(Transformation):
    """The value beside a derivative, which leaves arguments and objects as they are."""

    is_value = False

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        plan = super().apply(signature, captured, call)
        leaves = [
            (leaf[0] == "output" and either_of(captured, leaf[1])) or leaf
            for leaf in plan.result.leaves
        ]
        return replace(plan, result=replace(plan.result, leaves=leaves), write_back=False)


def either_of(captured: Captured, number: int) -> tuple[Any, ...] | None:
    """How to make a result that is of one of two types, by the number of its output."""
    return None if captured.trace is None else captured.trace.either_outputs.get(number)
