"""What all derivatives have in common: what they are by, and where there is none.

A derivative is made in :meth:`Derivative.derive` of the program that was captured, once its targets
are found.  Complex results are refused here unless ``holomorphic`` asks for df/dz; integers that
are asked for get a warning, as their derivative is zero.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff import differentiate
from autodiff.capture import Captured
from autodiff.capture.inputs import unsupported_dtype
from autodiff.capture.naming import Naming, Tagged
from autodiff.capture.paths import Path
from autodiff.errors import ArgumentError, IntegerWarning, NameArgumentError, NotScalarError
from autodiff.ir.data import Program
from autodiff.plain_data import replace
from autodiff.tracebacks import depth_of_user
from autodiff.transform.arguments import (
    Named,
    Wrt,
    by_default,
    defined_at,
    holds_float,
    is_number,
    without_numbers,
    written,
    wrt_item,
    wrt_items,
    wrt_slots,
)
from autodiff.transform.plans import Plan, Transformation
from autodiff.transform.targets import Targets, is_whole_list, not_a_number


def _plans(captured: Captured) -> list[tuple[Any, ...]]:
    """What the result is made of."""
    results = (captured.result, *captured.result.parts)
    return [plan for part in results for plan in part.leaves]


def has_complex_results(captured: Captured) -> bool:
    """Whether a number or array of the result is complex."""
    return any(plan[0] == "complex" for plan in _plans(captured))


class Derivative(Transformation):
    """Base of the transformations that differentiate arguments."""

    name = "derivative"
    is_value = False
    takes_tables = False

    def __init__(self, wrt: Wrt = None) -> None:
        super().__init__(wrt)
        # Where objects named in wrt were found at the first call, by their id: read by that path
        # from then on, so that what a name is bound to now is what is differentiated by.
        self.found: dict[int, Path] = {}

    def integer_slots_as_float(self, signature: Any, slots: Sequence[Any]) -> set[int]:
        if self.wrt is not None:
            return set(wrt_slots(signature, self.wrt, slots))
        numeric = by_default(slots, signature)
        return set() if any(holds_float(slots[k]) for k in numeric) else set(numeric)

    def naming(self, signature: Any) -> Naming | None:
        named = [x for x in self._named(signature) if isinstance(x, Named)]
        if not named:
            return Naming(holomorphic=True) if self.holomorphic else None
        return Naming(
            holomorphic=self.holomorphic,
            by_tags=frozenset(x.key for x in named if x.is_tag),
            objects=tuple(x.key for x in named if not x.is_tag),
            paths=frozenset(path.text for path in self.found.values()),
        )

    def _named(self, signature: Any) -> Sequence[int | Named]:
        if self.wrt is None or isinstance(self.wrt, (str, int)) and self.wrt in signature.names:
            return ()
        items = self.wrt if isinstance(self.wrt, (list, tuple)) else [self.wrt]
        kinds = (str, Tagged, Named, np.ndarray, np.generic)
        return [wrt_item(signature, x, ()) for x in items if isinstance(x, kinds)]

    def open_axes(self, signature: Any, call: Any) -> frozenset[tuple[int, int]]:
        flags = getattr(getattr(signature.function, "__code__", None), "co_flags", 0)
        for flag, kind, remedy in _NO_RESULT:
            if flags & flag:
                raise ArgumentError(
                    f"{self.name} of {signature.title}: it is {kind}, whose call has no result yet.",
                    source=defined_at(signature),
                    remedy=remedy,
                )
        return super().open_axes(signature, call)

    def differentiated_leaves(self, signature: Any, call: Any) -> list[int]:
        slots = wrt_slots(signature, self.wrt, call.given)
        every = range(len(call.given)) if self.wrt is None else ()
        for slot in slots or every:
            x = call.given[slot]
            if isinstance(x, np.ndarray) and not is_number(x):  # of text, dates: nothing else is
                raise unsupported_dtype(f"argument {signature.names[slot]}", x.dtype)
        for slot in slots:
            leaves = [x for x, s in zip(call.leaves, call.slot_of, strict=True) if s == slot]
            if leaves and not any(is_number(x) or is_whole_list(x) for x in leaves):
                raise not_a_number(signature.title, leaves[0])
        return [k for k, slot in enumerate(call.slot_of) if slot in slots]

    def targets(self, signature: Any, captured: Captured, call: Any) -> Targets:
        """What is differentiated by, and how the result is put together from one array a leaf."""
        items = wrt_items(signature, self.wrt, call.given)
        if not items:
            if self.wrt is not None:
                raise NameArgumentError(
                    f"wrt={written(self.wrt)} names nothing to differentiate by.",
                    remedy="name an argument, or leave wrt out",
                )
            raise without_numbers(signature, call.given)
        targets = Targets(captured, call, items, signature, self.found)
        self._warn_of_integers(signature, call, items, targets)
        return targets

    def _warn_of_integers(
        self, signature: Any, call: Any, items: Sequence[int | Named], targets: Targets
    ) -> None:
        """Say that derivatives by integer arrays are zero, where nothing else is asked for."""
        slots = [k for k in items if isinstance(k, int)]
        if self.wrt is None and targets.floats:
            return  # data beside parameters
        for leaf, slot in enumerate(call.slot_of):
            example = call.leaves[leaf]
            if (
                slot in slots
                and isinstance(example, np.ndarray)
                and (example.dtype.kind in "iub" and call.roles[leaf] != "float")
            ):
                name = signature.names[slot] if slot < len(signature.names) else str(slot)
                at = call.paths[leaf].replace(f"args[{slot}]", name, 1)
                warnings.warn(
                    f"{self.name} of {signature.title}: the derivative by {at} is zero, because it "
                    f"is an array of {example.dtype}; pass {at}.astype(float) to differentiate by "
                    "its values",
                    IntegerWarning,
                    stacklevel=depth_of_user(),
                )

    def apply(self, signature: Any, captured: Captured, call: Any) -> Plan:
        targets = self.targets(signature, captured, call)
        self._refuse_complex(signature, captured, targets)
        plan = self._derived(signature, targets.captured, call, targets)
        if self.holomorphic:
            plan.program = _conjugated(plan, first=int(self.gives_value))
        if targets.perturbed:
            first = len(captured.inputs) + len(captured.extents)
            plan.program = differentiate.unperturbed(plan.program, first, targets.perturbed)
        return plan

    def _derived(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        """The plan, whose loops keep no more for the way back than there is memory for."""
        if self.budget is None:
            return self.derive(signature, captured, call, targets)
        known = {} if captured.trace is None else captured.trace.known

        def derive(program: Program) -> Plan:
            return self.derive(signature, replace(captured, program=program), call, targets)

        return differentiate.within_budget(
            captured.program, self.budget, known, derive, lambda plan: plan.program
        )

    def _refuse_complex(self, signature: Any, captured: Captured, targets: Targets) -> None:
        """Raise where a result is complex, or an argument is, and there is no such derivative."""
        what = f"{self.name} of {signature.title}"
        if self.holomorphic:
            self._refuse_unholomorphic(what, captured, _plans(captured), targets)
            return
        is_complex = has_complex_results(captured)
        by_complex = any(leaf.form.startswith("complex") for leaf in targets.leaves)
        self.refuse_parts(what, is_complex, by_complex)

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        """Raise where there is no such derivative of a complex result, or by complex arguments."""
        if is_complex:
            raise NotScalarError(
                f"{what}: its result is complex.",
                remedy="return real numbers: the real part, the imaginary part, the absolute "
                "value; or pass holomorphic=True for df/dz",
            )

    def _refuse_unholomorphic(
        self, what: str, captured: Captured, plans: Sequence[tuple[Any, ...]], targets: Targets
    ) -> None:
        """Raise unless complex numbers go in, complex numbers come out, and f is holomorphic."""
        for leaf in targets.leaves:
            if not leaf.form.startswith("complex"):
                raise ArgumentError(
                    f"{what}: with holomorphic=True an argument is not complex.",
                    code="AD103",
                    remedy="pass complex numbers, or name the complex arguments in wrt",
                )
        for plan in plans:
            is_number = plan[0] == "constant" and isinstance(plan[1], (complex, np.generic))
            if plan[0] != "complex" and not is_number:
                raise NotScalarError(
                    f"{what}: with holomorphic=True its result is not complex.",
                    remedy="leave holomorphic=True out: of a real result the gradient is "
                    "dL/dRe + i dL/dIm",
                )
        trace = captured.trace
        notes = None if trace is None else trace.builder.not_holomorphic
        found = differentiate.broken_by(captured.program, targets.floats, notes or ())
        if found is not None:
            raise ArgumentError(
                f"{what}: it is not holomorphic, because its result depends on {found.name}.",
                code="AD103",
                source=found.source,
                remedy="leave holomorphic=True out: return the real and the imaginary part, and "
                "differentiate each",
            )

    def derive(self, signature: Any, captured: Captured, call: Any, targets: Targets) -> Plan:
        """The plan, given what is differentiated by."""
        raise NotImplementedError


_PLAIN = "put what is computed into a plain function, and await around its call"
_NO_RESULT = (
    (inspect.CO_GENERATOR, "a generator", "collect what it yields: np.array([...]), or their sum"),
    (inspect.CO_COROUTINE, "a coroutine (async def)", _PLAIN),
    (inspect.CO_ASYNC_GENERATOR, "an asynchronous generator", _PLAIN),
)


def _conjugated(plan: Plan, first: int) -> Program:
    """The program of a plan with its complex outputs from ``first`` on conjugated.

    The gradient of the real part of a holomorphic function is the conjugate of df/dz.
    """
    places = [leaf[1] for leaf in plan.result.leaves if leaf[0] == "complex" and leaf[1] >= first]
    return differentiate.with_outputs(plan.program, dict.fromkeys(places, differentiate.conjugate))
