"""Transformations of a captured function: value, gradient, Jacobian, Hessian, jvp, vjp.

A :class:`Transformation` turns what a capture found into a :class:`Plan`: the program to compile,
the forms of its outputs, and how the result is rebuilt around them.  It also says which arguments
are differentiated, and what extra inputs (tangents, cotangents, vectors) a call brings.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture import Captured, Result
from autodiff.capture.naming import Naming, Tagged, refuse_untagged_uses, single
from autodiff.capture.paths import Path, compile_reader
from autodiff.capture.stores import ListPlan
from autodiff.differentiate import (
    broken_by,
    conjugate,
    linearized,
    pairs_last,
    perturbed,
    real_part,
    unperturbed,
    with_outputs,
    within_budget,
)
from autodiff.differentiate import jacobian as jacobian_program
from autodiff.differentiate import jvp as jvp_program
from autodiff.differentiate import vjp as vjp_program
from autodiff.engines import InputForm, runner
from autodiff.errors import (
    ArgumentError,
    DtypeError,
    IntegerWarning,
    NameArgumentError,
    NotScalarError,
    ShapeError,
)
from autodiff.ir.data import ArrayType, Block, Program, Value, live_values
from autodiff.ladder import NotStaged
from autodiff.ops.builder import building
from autodiff.ops.complex_numbers import parts_of_complex
from autodiff.ops.structural import zeros
from autodiff.passes import optimize
from autodiff.plain_data import dataclass
from autodiff.tracebacks import depth_of_user

Prepare = Callable[[Sequence[Any]], tuple[tuple[Any, ...], Callable[[Any], Any]]]

# An argument by name or position, a tag by its key or value, an array that the function reads.
Wrt = str | int | Tagged | np.ndarray | np.generic | Sequence[Any] | None


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
    budget: int | None = (
        None  # the bytes that loops may keep for the way back; None: as many as it takes
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
            (leaf[0] == "output" and _either(captured, leaf[1])) or leaf
            for leaf in plan.result.leaves
        ]
        return replace(plan, result=replace(plan.result, leaves=leaves), write_back=False)


# -- which arguments --------------------------------------------------------------------------------
def is_number(x: Any) -> bool:
    """Whether an argument, or a leaf of one, is a number or an array of numbers.

    Python's bools are flags that choose what a function does, not numbers.
    """
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind in "fiubc"
    return isinstance(x, (float, complex)) or type(x) is int


def holds_numbers(slot: Any) -> bool:
    """Whether an argument is a number, an array, or a container with some."""
    return any(is_number(x) for x in _each_leaf(slot))


def by_default(slots: Sequence[Any], signature: Any = None) -> list[int]:
    """The arguments that are differentiated where ``wrt`` names none: all that hold numbers.

    What they are does not depend on dtypes, so neither does the structure of a derivative.
    """
    numeric = [k for k, x in enumerate(slots) if holds_numbers(x)]
    # An empty list has an empty derivative; no arguments in ``*rest`` are no argument.
    return numeric or [
        k
        for k, x in enumerate(slots)
        if tree.is_container(x) and not _leaves(x) and not _is_variadic(signature, k)
    ]


def _is_variadic(signature: Any, slot: int) -> bool:
    parameters = signature.parameters if signature is not None else ()
    return slot < len(parameters) and parameters[slot].kind in (
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    )


def _each_leaf(slot: Any) -> Iterator[Any]:
    """The leaves one after the other: who looks for one of a kind need not see those of a long list."""
    if type(slot) in (list, tuple, dict):
        for part in slot.values() if type(slot) is dict else slot:
            yield from _each_leaf(part)
    else:
        yield from _leaves(slot)


def by_parameter(signature: Any, items: Sequence[Any]) -> list[Any]:
    """What is given for each argument by position, for each parameter: a tuple for ``*rest``."""
    at = _rest_of(signature)
    return list(items) if at is None else [*items[:at], tuple(items[at:])]


def by_position(
    signature: Any, parts: dict[int, Any], primals: Sequence[Any], zero: Callable[[Any], Any]
) -> tuple[Any, ...]:
    """The parts that parameters have, for each argument by position; ``zero(x)`` where there is none."""
    at = _rest_of(signature)
    if at is not None and at in parts:
        rest = dict(enumerate(parts[at], at))
        # What is no number is itself in the structure of a derivative.
        of_rest = {k: y for k, y in rest.items() if y is not primals[k]}
        parts = {**{k: y for k, y in parts.items() if k < at}, **of_rest}
    return tuple([parts[k] if k in parts else zero(x) for k, x in enumerate(primals)])


def _rest_of(signature: Any) -> int | None:
    kinds = [p.kind for p in signature.parameters]
    rest = inspect.Parameter.VAR_POSITIONAL
    return kinds.index(rest) if rest in kinds else None


def _leaves(slot: Any) -> list[Any]:
    return tree.parts(slot)


@dataclass(frozen=True, eq=False)
class Named:
    """Something to differentiate by that is no argument: a tag, or an object of the caller's."""

    key: Any  # of the tag
    is_tag: bool
    asked: str  # how the user wrote it


def wrt_items(signature: Any, wrt: Wrt, slots: Sequence[Any]) -> list[int | Named]:
    """What is differentiated by, in the order asked for: parameters by number, and named things."""
    if wrt is None:
        return list(by_default(slots, signature))
    if not isinstance(wrt, (str, int, list, tuple, Tagged, np.ndarray, np.generic)):
        raise NameArgumentError(
            f"wrt={wrt!r} is neither the name nor the position of an argument.",
            remedy="give a name, a position, a tag, an array that the function reads, or a tuple "
            "of them",
        )
    items = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    found = [_wrt_item(signature, item, slots) for item in items]
    for k, item in enumerate(found):
        if any(_is_same(item, other) for other in found[:k]):
            raise NameArgumentError(
                f"wrt={written(wrt)} names {written(items[k])} twice.",
                remedy="name each argument, tag or array once",
            )
    return found


def _is_same(a: int | Named, b: int | Named) -> bool:
    if isinstance(a, Named) and isinstance(b, Named) and a.is_tag == b.is_tag:
        return bool(a.key == b.key) if a.is_tag else a.key is b.key
    return isinstance(a, int) and a == b


def _wrt_item(signature: Any, item: Any, slots: Sequence[Any]) -> int | Named:
    if isinstance(item, bool):
        raise _unknown(signature, item, None)
    if isinstance(item, int):
        position = item if item >= 0 else item + len(slots)
        if not 0 <= position < len(slots):
            raise NameArgumentError(
                f"wrt={item!r}: {signature.title} has {len(slots)} arguments.",
                remedy="name an argument, or give a position that exists",
            )
        return position
    if isinstance(item, (np.ndarray, np.generic)):
        return Named(item, False, written(item))
    if isinstance(item, str) and item in signature.names:
        return int(signature.names.index(item))
    if isinstance(item, Named):
        return item
    key = item.key if isinstance(item, Tagged) else item
    return Named(key, True, repr(key))


def written(wrt: Any) -> str:
    """``wrt`` as a message shows it: arrays by dtype and shape."""
    if isinstance(wrt, (list, tuple)):
        inner = ", ".join(written(item) for item in wrt)
        return f"({inner},)" if len(wrt) == 1 else f"({inner})"
    if isinstance(wrt, np.ndarray) and wrt.shape:
        return f"<array {wrt.dtype}{list(wrt.shape)}>"
    return repr(wrt)


def _unknown(signature: Any, item: Any, tags: Any) -> NameArgumentError:
    tagged = f", its tags {', '.join(map(repr, tags))}" if tags else ""
    return NameArgumentError(
        f"wrt={item!r} is not an argument of {signature.title}; "
        f"its arguments are {', '.join(signature.names) or 'unnamed'}{tagged}.",
        remedy="name one of them",
    )


def wrt_slots(signature: Any, wrt: Wrt, slots: Sequence[Any]) -> list[int]:
    """The parameters among what is differentiated by, in the order asked for."""
    return [k for k in wrt_items(signature, wrt, slots) if isinstance(k, int)]


def holds_float(slot: Any) -> bool:
    """Whether an argument is or holds a floating-point (or complex) number or array."""
    return any(
        isinstance(x, (float, complex))
        or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc")
        for x in _each_leaf(slot)
    )


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
        return [_wrt_item(signature, x, ()) for x in items if isinstance(x, kinds)]

    def differentiated_leaves(self, signature: Any, call: Any) -> list[int]:
        slots = wrt_slots(signature, self.wrt, call.given)
        for slot in slots:
            leaves = [x for x, s in zip(call.leaves, call.slot_of, strict=True) if s == slot]
            if leaves and not any(is_number(x) or _is_whole_list(x) for x in leaves):
                raise _not_a_number(signature.title, leaves[0])
        return [k for k, slot in enumerate(call.slot_of) if slot in slots]

    def targets(self, signature: Any, captured: Captured, call: Any) -> _Targets:
        """What is differentiated by, and how the result is put together from one array a leaf."""
        items = wrt_items(signature, self.wrt, call.given)
        if not items:
            raise ArgumentError(
                f"{signature.title} has no argument to differentiate by in this call: none is a "
                "number, an array or a container with some.",
                code="AD103",
                remedy="pass floats or float arrays, or name what is meant in wrt",
            )
        targets = _Targets(captured, call, items, signature, self.found)
        self._warn_of_integers(signature, call, items, targets)
        return targets

    def _warn_of_integers(
        self, signature: Any, call: Any, items: Sequence[int | Named], targets: _Targets
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
            plan.program = unperturbed(plan.program, first, targets.perturbed)
        return plan

    def _derived(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        """The plan, whose loops keep no more for the way back than there is memory for."""
        if self.budget is None:
            return self.derive(signature, captured, call, targets)
        known = {} if captured.trace is None else captured.trace.known

        def derive(program: Program) -> Plan:
            return self.derive(signature, replace(captured, program=program), call, targets)

        return within_budget(
            captured.program, self.budget, known, derive, lambda plan: plan.program
        )

    def _refuse_complex(self, signature: Any, captured: Captured, targets: _Targets) -> None:
        """Raise where a result is complex, or an argument is, and there is no such derivative."""
        what = f"{self.name} of {signature.title}"
        results = (captured.result, *captured.result.parts)
        plans = [plan for part in results for plan in part.leaves]
        if self.holomorphic:
            self._refuse_unholomorphic(what, captured, plans, targets)
            return
        is_complex = any(plan[0] == "complex" for plan in plans)
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
        self, what: str, captured: Captured, plans: Sequence[tuple[Any, ...]], targets: _Targets
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
        found = broken_by(captured.program, targets.floats, notes or ())
        if found is not None:
            raise ArgumentError(
                f"{what}: it is not holomorphic, because its result depends on {found.name}.",
                code="AD103",
                source=found.source,
                remedy="leave holomorphic=True out: return the real and the imaginary part, and "
                "differentiate each",
            )

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        """The plan, given what is differentiated by."""
        raise NotImplementedError

    def vectors(self, signature: Any, call: Any, vectors: Any, what: str) -> tuple[Any, ...]:
        """The vectors that multiply with what is differentiated by, flattened and checked."""
        items = wrt_items(signature, self.wrt, call.given)
        examples = [x if isinstance(x, int) else self._present(x, call) for x in items]
        return tuple(_flat_vectors(examples, call, vectors, what))

    def _present(self, item: Named, call: Any) -> Any:
        """What a named object is at this call; None for a tag, which only the program knows."""
        if item.is_tag:
            return _Unknown
        path = self.found.get(id(item.key))
        if path is None:
            return item.key
        found = compile_reader((), (path,))(call.slots)
        return _Unknown if found is None else found[0]


class _Unknown:
    """In place of an array whose shape only the program knows."""


def _not_a_number(title: str, leaf: Any) -> ArgumentError:
    return ArgumentError(
        f"{title} cannot be differentiated by an argument of type {type(leaf).__name__}.",
        code="AD103",
        remedy="pass its fields, record['name'], as arguments of their own"
        if isinstance(leaf, np.void)
        else "pass floats or float arrays",
    )


@dataclass
class _Leaf:
    """One array or number to differentiate by: what it is at this call, and which program input."""

    example: Any
    number: int | None  # None: not an input of the program
    form: str


class _Targets:
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
        self.leaves: list[_Leaf] = []
        values: list[Value] = []  # to differentiate by inside of the program
        first = len(captured.inputs) + len(captured.extents)
        by_leaf = {r.leaf: k for k, r in enumerate(captured.inputs) if r.leaf is not None}
        for item in items:
            if isinstance(item, int):
                self.definitions.append(call.definitions[item])
                for k in [k for k, s in enumerate(call.slot_of) if s == item]:
                    number = by_leaf.get(k)
                    form = "" if number is None else _derivative_form(captured.inputs[number].form)
                    if call.roles[k].startswith("complex"):
                        form = call.roles[k]
                    self.leaves.append(_Leaf(call.leaves[k], number, form))
                continue
            self.definitions.append(None)
            leaf = self._tag(captured, item) if item.is_tag else self._object(captured, item, found)
            if isinstance(leaf, _Inside):
                if not leaf.value.type.is_float:
                    raise ArgumentError(
                        f"wrt={item.asked} of {signature.title} is {leaf.value.type}, "
                        "whose derivative is zero everywhere.",
                        code="AD103",
                        remedy="differentiate by a floating-point value",
                    )
                values.append(leaf.value)
                leaf = _Leaf(leaf, first + len(values) - 1, leaf.form)
            self.leaves.append(leaf)
        # An empty container has an empty derivative.
        if self.leaves and all(
            leaf.number is None and not _is_unread(leaf) for leaf in self.leaves
        ):
            raise _not_a_number(signature.title, self.leaves[0].example)
        self.perturbed = len(values)
        if values:
            program = perturbed(captured.program, values)
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
            raise _unknown(self.signature, item.key, captured.naming.tags)
        tagged = single(captured.naming, item.key, self.signature.title)
        refuse_untagged_uses(captured.program, tagged)
        return _Inside(tagged.value, _derivative_form(tagged.form))

    def _object(self, captured: Captured, item: Named, found: dict[int, Path]) -> Any:
        """An object that the function reads: by the path it was found by, at first by identity."""
        path = found.get(id(item.key))
        if path is not None:
            for number, record in enumerate(captured.inputs):
                if record.path.text == path.text:
                    return _Leaf(record.example, number, _derivative_form(record.form))
            (example,) = compile_reader((), (path,))(self.call.slots) or (item.key,)
            return _Leaf(_Unread(np.shape(example)), None, "array")
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
            return _Inside(values[0], form)
        number = captured.program.inputs.index(values[0])
        record = captured.inputs[number]
        found[id(item.key)] = record.path
        return _Leaf(record.example, number, _derivative_form(record.form))

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
class _Inside:
    """A value inside of the program."""

    value: Value
    form: str


@dataclass
class _Unread:
    """An object that the function was found to read, but does not read in this capture."""

    shape: tuple[int, ...]


def _is_unread(leaf: _Leaf) -> bool:
    return isinstance(leaf.example, _Unread)


def _derivative_form(form: str) -> str:
    return "float" if form == "python" else form


class _Slot:
    """Stands for a leaf while the structure of a result is worked out."""

    def __init__(self, plan: tuple[Any, ...]) -> None:
        self.plan = plan


def slot(plan: tuple[Any, ...]) -> Any:
    """What stands for one leaf of a result in the structure that :func:`result_of` takes."""
    return _Slot(plan)


def result_of(structure: Any) -> Result:
    """The result whose leaves are the plans in ``structure``."""
    if isinstance(structure, _Slot):
        return Result([structure.plan], None)
    leaves, definition = tree.flatten(structure)
    return Result([leaf.plan for leaf in leaves], definition)


# -- gradient ---------------------------------------------------------------------------------------
def _conjugated(plan: Plan, first: int) -> Program:
    """The program of a plan with its complex outputs from ``first`` on conjugated.

    The gradient of the real part of a holomorphic function is the conjugate of df/dz.
    """
    places = [leaf[1] for leaf in plan.result.leaves if leaf[0] == "complex" and leaf[1] >= first]
    return with_outputs(plan.program, dict.fromkeys(places, conjugate))


def _scalar_output(
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
            remedy="return one number; for other results use autodiff.jacobian",
        )
    plan = plans[0]
    if plan[0] == "complex" and captured.program.outputs[plan[1]].shape == (2,):
        captured.program = with_outputs(captured.program, {}, [(plan[1], real_part)])
        return len(captured.program.outputs) - 1
    if plan[0] == "constant":
        kinds = (float, int, complex, np.generic)
        if isinstance(plan[1], kinds) and not isinstance(plan[1], bool):
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
        sizes = value.shape[:-1] if plan[0] == "complex" else value.shape
        shape = "(" + ", ".join(map(str, sizes)) + ("," if len(sizes) == 1 else "") + ")"
        raise NotScalarError(
            f"{what} of {signature.title}: its result has shape {shape}, not one number.",
            source=value.owner.source if value.owner is not None else None,
            remedy="reduce it, for example with np.sum, or use autodiff.jacobian",
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
    return vjp_program(program, inputs, [output], seed_ones=True, keep_values=False)


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

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        what = "value_and_gradient" if self.value else "gradient"
        output = _scalar_output(signature, captured, what, bool(targets.floats))
        first = 0
        forms: list[str] = []
        value_plan: _Slot | None = None
        either: tuple[Any, ...] | None = None
        if self.value:
            plan = captured.result.leaves[0]
            if output is None:
                value_plan = _Slot(plan)
                program = gradient_program(captured.program, output, targets.floats)
            else:
                kept = (
                    vjp_program(captured.program, targets.floats, [output], seed_ones=True)
                    if targets.floats
                    else with_outputs(captured.program, {})
                )
                outputs = kept.outputs
                n = len(captured.program.outputs)
                is_complex = plan[0] == "complex"
                kept.block.outputs = [outputs[plan[1] if is_complex else output], *outputs[n:]]
                either = _either(captured, output)
                program = kept
                form = (
                    plan[2]
                    if plan[0] in ("output", "complex")
                    else _derivative_form(captured.inputs[_input_of(captured, plan[1])].form)
                )
                forms.append("array" if is_complex else form)
                value_plan = _Slot(("complex" if is_complex else "output", 0, form))
                first = 1
        else:
            program = gradient_program(captured.program, output, targets.floats)
        structure, more, program = _leaf_results(targets, program, first)
        forms += more
        if value_plan is not None and either is not None:
            value_plan = _with_tag(value_plan.plan, either, program, outputs, forms)
        if value_plan is not None:
            structure = (value_plan, structure)
        return Plan(program, forms, result_of(structure))


def _either(captured: Captured, number: int) -> tuple[Any, ...] | None:
    """How to make a result that is of one of two types, by the number of its output."""
    return None if captured.trace is None else captured.trace.either_outputs.get(number)


def _with_tag(
    plan: tuple[Any, ...],
    either: tuple[Any, ...],
    program: Program,
    outputs: Sequence[Value],
    forms: list[str],
) -> _Slot:
    """A value of one of two types: an output that tells which one is added to the program."""
    _, tag, narrow, _ = either
    program.block.outputs = [*program.outputs, outputs[tag]]
    forms.append("bool")
    if narrow[0] in ("converted", "real part"):
        narrow = (narrow[0], plan[1], narrow[2])
    return _Slot(("either", len(forms) - 1, narrow, plan))


def _input_of(captured: Captured, leaf: int) -> int:
    return next(k for k, r in enumerate(captured.inputs) if r.leaf == leaf)


def _leaf_results(
    targets: _Targets, program: Program, first: int
) -> tuple[Any, list[str], Program]:
    """One output per float leaf, zeros for integer leaves, the object itself for other leaves."""
    items: list[_Slot] = []
    outputs = _Outputs(program)
    position = first
    for leaf in targets.leaves:
        if leaf.number is not None and leaf.number in targets.floats:
            kind, _, form = leaf.form.rpartition(" ")  # "complex array" and the like
            outputs.forms[position] = "array" if kind else form
            items.append(_Slot((kind or "output", position, form)))
            position += 1
        elif _is_object(leaf):
            items.append(_itself(leaf))
        else:
            items.append(outputs.zeros(_shape_of(leaf, targets), leaf.form))
    for item, leaf in zip(items, targets.leaves, strict=True):
        if item.plan[0] == "output" and _is_whole_list(leaf.example):
            of, item_form = type(leaf.example), "python"
            if type(leaf.example[0]) is np.float64:
                item_form = "scalar"
            item.plan = ("list", ListPlan(item.plan[1], None, None, item_form, (), None, None, of))
    return targets.combine(items), outputs.forms[first:], outputs.finished()


def _is_object(leaf: _Leaf) -> bool:
    """Whether a leaf is no number: it stands for itself in a derivative."""
    known = is_number(leaf.example) or _is_whole_list(leaf.example) or _is_unread(leaf)
    return leaf.number is None and not known


def _itself(leaf: _Leaf) -> _Slot:
    """What stands for an object in a derivative: itself, but for what an argument only carries."""
    is_carried = isinstance(leaf.example, tree.Carried)
    return _Slot(("constant", tree.NOTHING if is_carried else leaf.example))


def _is_whole_list(x: Any) -> bool:
    """Whether a leaf is a list or tuple of numbers that is one array to the program."""
    return type(x) in (list, tuple)


def _shape_of(leaf: _Leaf, targets: _Targets) -> tuple[Any, ...]:
    if leaf.number is not None:
        return targets.captured.program.inputs[leaf.number].type.shape
    if _is_whole_list(leaf.example):
        return (len(leaf.example),)
    return leaf.example.shape if isinstance(leaf.example, (_Unread, np.ndarray)) else ()


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
    if plan[0] in ("output", "complex"):
        return int(plan[1])
    if any(_is_whole_list(r.example) for r in captured.inputs if r.leaf == plan[1]):
        raise NotStaged("a list that is returned as it was given")
    captured.program.outputs.append(captured.inputs[_input_of(captured, plan[1])].cell.value)
    return len(captured.program.outputs) - 1


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

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        plans = _taken_leaves(captured)
        live = self.live_outputs(signature, captured, targets)
        complex_rows = [plan[0] == "complex" for plan in plans]
        program = captured.program
        if self.holomorphic:  # the real parts tell all
            program = with_outputs(program, dict.fromkeys(live, real_part))
            complex_rows = [False] * len(live)
        outputs = _Outputs(jacobian_program(program, targets.floats, live, self.mode))
        columns = len(targets.floats)
        rows = [
            _matrix_row(targets, program.outputs[number].type, row * columns, outputs, of_pairs)
            for row, (number, of_pairs) in enumerate(zip(live, complex_rows, strict=True))
        ]
        structure = structured(captured, rows)
        return Plan(outputs.finished(), outputs.forms, result_of(structure))

    def live_outputs(self, signature: Any, captured: Captured, targets: _Targets) -> list[int]:
        """The outputs of the program that hold the leaves of the result, all floating point."""
        plans = _taken_leaves(captured)
        numbers = [_ensure_output(captured, plan) for plan in plans]
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


def _is_taken(captured: Captured) -> list[bool]:
    """For each leaf of the result whether a derivative has it: not what a dataclass only carries."""
    definition = captured.result.definition
    return [True] if definition is None else tree.is_of_derivatives(definition)


def _taken_leaves(captured: Captured) -> list[Any]:
    """The plans of the leaves of the result that a derivative has."""
    leaves = captured.result.leaves
    return [x for x, taken in zip(leaves, _is_taken(captured), strict=True) if taken]


def structured(captured: Captured, parts: Sequence[Any]) -> Any:
    """The structure of the result around a part for each leaf that derivatives have."""
    if captured.result.definition is None:
        return parts[0]
    of_leaf = iter(parts)
    items = [next(of_leaf) if taken else tree.NOTHING for taken in _is_taken(captured)]
    return tree.unflatten(captured.result.definition, items)


def _matrix_row(
    targets: _Targets, out: ArrayType, first: int, outputs: _Outputs, of_pairs: bool = False
) -> Any:
    """The structure of the derivatives of one output, which may be of pairs, by every target.

    ``first`` numbers the derivatives by the targets that are floats among the program's outputs.
    """
    items: list[_Slot] = []
    axis = len(out.shape) - 1 if of_pairs else None
    if of_pairs:
        out = ArrayType(out.dtype, out.shape[:-1])
    for leaf in targets.leaves:
        if leaf.number is not None and leaf.number in targets.floats:
            items.append(_columns(outputs.slot(first, leaf.form, axis), leaf))
            first += 1
        elif _is_object(leaf):
            items.append(_itself(leaf))
        else:  # integers: zero for every element of both
            items.append(_columns(outputs.block(out.shape, leaf, targets), leaf))
    return targets.combine(items)


def _columns(block: _Slot, leaf: _Leaf) -> _Slot:
    """Derivatives by a leaf; those by a list that is one array are a list."""
    if not _is_whole_list(leaf.example):
        return block
    form = "scalar" if type(leaf.example[0]) is np.float64 else "float"
    return _Slot(("columns", block.plan, type(leaf.example), form))


def _rows(row: Any, leaf: _Leaf, targets: _Targets) -> Any:
    """Derivatives of the derivatives by a leaf; of a list that is one array there is a row for each item.

    In a row, what was an array of numbers, one an item, is a number.
    """
    if not _is_whole_list(leaf.example):
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
    return _Slot(("rows", Result(plans, result.definition), type(leaf.example)))


def _slots(row: Any) -> list[_Slot]:
    return [row] if isinstance(row, _Slot) else tree.flatten(row)[0]


class _Outputs:
    """The outputs of a program of derivatives, and the zeros that are to be added to them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.forms: list[str] = ["array"] * len(program.outputs)
        self.zero_types: list[ArrayType] = []
        self.changed: dict[int, Any] = {}

    def slot(self, position: int, form: str, axis: int | None = None) -> _Slot:
        """An output of the program; a number where neither side is an array.

        Of pairs, where ``form`` is that of something complex; they may lie along ``axis``.
        """
        kind, _, form = form.rpartition(" ")
        if kind or axis is not None:
            if axis is not None:
                self.changed[position] = pairs_last(axis)
            if len(self.program.outputs[position].shape) > 1:
                form = "array"
            return _Slot(
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
        return _Slot(("output", position, form))

    def block(self, shape: tuple[Any, ...], leaf: _Leaf, targets: _Targets) -> _Slot:
        """Zeros for every element of what has this shape and of a leaf."""
        shape = (*shape, *_shape_of(leaf, targets))
        return self.zeros(shape, leaf.form if shape or leaf.form != "array" else "scalar")

    def zeros(self, shape: tuple[Any, ...], form: str) -> _Slot:
        """Zeros of this shape, as one more output; a constant where they are one number."""
        if not shape and form != "array":
            return _Slot(("constant", np.float64(0.0) if form == "scalar" else 0.0))
        self.zero_types.append(ArrayType(np.dtype(float), shape))
        self.forms.append("array")
        return _Slot(("output", len(self.forms) - 1, "array"))

    def finished(self) -> Program:
        """The program with its zeros."""
        program = with_outputs(self.program, self.changed) if self.changed else self.program
        return _with_zeros(program, self.zero_types) if self.zero_types else program


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

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        output = _scalar_output(signature, captured, "hessian", bool(targets.floats))
        first = gradient_program(captured.program, output, targets.floats)
        if self.holomorphic:  # of df/dz as well the real parts tell all
            first = with_outputs(first, dict.fromkeys(range(len(targets.floats)), real_part))
        columns = len(targets.floats)
        matrix = jacobian_program(first, targets.floats, list(range(columns)), self.mode)
        outputs = _Outputs(matrix)
        rows: list[Any] = []
        number = 0
        for leaf in targets.leaves:
            if leaf.number is not None and leaf.number in targets.floats:
                out = first.outputs[number].type
                row = _matrix_row(targets, out, number * columns, outputs)
                rows.append(_rows(row, leaf, targets))
                number += 1
            elif _is_object(leaf):
                rows.append(_itself(leaf))
            else:
                rows.append(_rows(_zero_row(targets, leaf, outputs), leaf, targets))
        return Plan(outputs.finished(), outputs.forms, result_of(targets.combine(rows)))


def _zero_row(targets: _Targets, by: _Leaf, outputs: _Outputs) -> Any:
    """The second derivatives by integers and by every target, all zero."""
    shape = _shape_of(by, targets)
    items = [
        _itself(leaf) if _is_object(leaf) else _columns(outputs.block(shape, leaf, targets), leaf)
        for leaf in targets.leaves
    ]
    return targets.combine(items)


# -- products -----------------------------------------------------------------------------------------
def _flat_vectors(items: Sequence[Any], call: Any, vectors: Any, what: str) -> list[Any]:
    """One vector leaf per differentiated leaf, checked against the arguments' structure.

    ``items`` are numbers of parameters, objects, or ``_Unknown``.
    """
    vectors = _one_for_each(items, call, vectors, what)
    flat: list[Any] = []
    for item, vector in zip(items, vectors, strict=True):
        if item is _Unknown:
            flat.append(_vector(vector, what))
            continue
        if type(item) is not int:
            if np.asarray(item).dtype.kind == "f":
                flat.append(_fitting(vector, item, what))
            continue
        leaves = [k for k, s in enumerate(call.slot_of) if s == item]
        if not any(moves(call, k) for k in leaves):
            continue
        parts = _parts_of(vector, call.definitions[item], any(k in call.lists for k in leaves))
        leaves = [k for k in leaves if not isinstance(call.leaves[k], tree.Carried)]
        _require_parts(len(parts), len(leaves), what)
        for leaf, part in zip(leaves, parts, strict=True):
            if leaf in call.wholes:
                whole = call.wholes[leaf]
                flat.append(parts_of_complex(_fitting(part, whole, what, np.asarray(whole).dtype)))
            elif moves(call, leaf):
                if leaf in call.lists:
                    count = len(part) if isinstance(part, (list, tuple)) else 1
                    _require_parts(count, len(call.leaves[leaf]), what)
                flat.append(_fitting(part, call.leaves[leaf], what))
    return flat


def _require_parts(given: int, count: int, what: str) -> None:
    if given != count:
        raise ShapeError(
            f"{what}: a vector has {given} parts where the argument has {count}.",
            code="AD202",
            remedy="give vectors the structure of the arguments",
        )


def _parts_of(vector: Any, definition: Any, has_lists: bool) -> list[Any]:
    """The parts of a vector by the leaves of an argument."""
    if definition is None:
        return [vector]
    if has_lists:  # the vector may have numbers of other types in the place of a list
        with suppress(ValueError, TypeError):  # another structure: there are not as many leaves
            found = definition.flatten_up_to(vector)
            return [x for x in found if not isinstance(x, tree.Carried)]
    return tree.parts(vector)


def _one_for_each(items: Sequence[Any], call: Any, vectors: Any, what: str) -> Sequence[Any]:
    """One vector for each item; integers need none, as their derivative is zero."""
    if len(items) == 1:
        return (vectors,)
    if isinstance(vectors, (tuple, list)) and len(vectors) == len(items):
        return vectors
    moving = [
        type(x) is not int or any(moves(call, k) for k, s in enumerate(call.slot_of) if s == x)
        for x in items
    ]
    count = sum(moving)
    given = [vectors] if count == 1 else vectors
    if not isinstance(given, (tuple, list)) or len(given) != count:
        raise NameArgumentError(
            f"{what}: {count} arguments are differentiated, so {count} vectors are needed.",
            code="AD108",
            remedy="pass a tuple with one vector per differentiated argument",
        )
    of_moving = iter(given)
    return [next(of_moving) if moves else None for moves in moving]


def moves(call: Any, leaf: int) -> bool:
    """Whether derivatives by an argument leaf are not zero by its type."""
    x = call.leaves[leaf]
    if leaf in call.lists and type(x[0]) is int:
        return bool(call.roles[leaf] == "float")
    return call.roles[leaf].startswith(("float", "complex")) or (
        call.roles[leaf] == "array"
        and (not isinstance(x, (np.ndarray, np.generic)) or x.dtype.kind == "f")
    )


def _fitting(part: Any, x: Any, what: str, dtype: Any = float) -> np.ndarray:
    array = _vector(part, what, dtype)
    if array.shape != np.shape(x) and isinstance(part, tuple) and len(part) == 1:
        array = _vector(part[0], what, dtype)  # a tuple of one vector for one argument
    if array.shape != np.shape(x):
        raise ShapeError(
            f"{what}: a vector has shape {array.shape} where the argument has {np.shape(x)}.",
            code="AD202",
            remedy="give vectors the shapes of the arguments",
        )
    return array


def _refuse_masked(part: Any, what: str) -> None:
    """What is masked would count: a derivative has a number for every element."""
    if isinstance(part, np.ma.MaskedArray):
        raise DtypeError(
            f"{what} a {type(part).__name__}, which is not supported.",
            remedy="pass a plain array, such as x.filled(0.0)",
        )


def _vector(part: Any, what: str, dtype: Any = float) -> np.ndarray:
    _refuse_masked(part, f"{what}: a vector is")
    if np.iscomplexobj(part) and dtype is float:
        raise ArgumentError(
            f"{what}: a vector is complex where the argument is real.",
            code="AD103",
            remedy="give real vectors for real arguments",
        )
    try:
        return np.asarray(part, dtype=dtype)
    except (TypeError, ValueError):
        raise NameArgumentError(
            f"{what}: a vector is of type {type(part).__name__}, not an array of numbers.",
            code="AD108",
            remedy="pass arrays or numbers with the shapes of the arguments",
        ) from None


class HessianVector(Derivative):
    """The Hessian of a scalar result times a vector, forward over reverse."""

    name = "hessian_vector"
    takes_holomorphic = True

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        output = _scalar_output(signature, captured, self.name, bool(targets.floats))
        first = gradient_program(captured.program, output, targets.floats)
        active = [k in targets.floats for k in range(len(first.inputs))]
        program = _in_order_of_wrt(jvp_program(first, active), captured, targets)
        n = len(first.outputs)
        program.block.outputs = program.outputs[n:]
        structure, forms, program = _leaf_results(targets, program, 0)
        extra = _vector_forms(program, captured)
        return Plan(program, forms, result_of(structure), extra)

    def refuse(self, signature: Any, captured: Captured) -> None:
        _scalar_output(signature, captured, self.name)

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        return self.vectors(signature, call, vectors, "hessian_vector")


def _in_order_of_wrt(program: Program, captured: Captured, targets: _Targets) -> Program:
    """A program of tangents whose tangents come as ``wrt`` names what they belong to.

    Forward mode puts them in the order of the inputs.
    """
    tangents = captured.extra_inputs(program)
    own = program.inputs[: len(program.inputs) - len(tangents)]
    of_input = dict(zip(sorted(targets.floats), tangents, strict=True))
    program.block.parameters = [*own, *(of_input[k] for k in targets.floats)]
    return program


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

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        numbers = [_ensure_output(captured, plan) for plan in captured.result.leaves]
        active = [k in targets.floats for k in range(len(captured.program.inputs))]
        program = _in_order_of_wrt(jvp_program(captured.program, active), captured, targets)
        floats = [k for k, v in enumerate(captured.program.outputs) if v.type.is_float]
        n = len(captured.program.outputs)
        outputs: list[Any] = []
        forms: list[Any] = []
        values: list[_Slot] = []
        tangents: list[_Slot] = []
        tags: list[tuple[int, tuple[Any, ...]]] = []
        for plan, number in zip(captured.result.leaves, numbers, strict=True):
            if number is None or number not in floats:
                values.append(_Slot(plan))
                tangents.append(_Slot(("constant", 0.0)))
                if number is not None:
                    values[-1] = _Slot(("output", len(outputs), plan[2]))
                    outputs.append(program.outputs[number])
                    forms.append(plan[2])
                continue
            kind = "complex" if plan[0] == "complex" else "output"
            form = (
                plan[2]
                if plan[0] in ("output", "complex")
                else _derivative_form(captured.inputs[_input_of(captured, plan[1])].form)
            )
            for slots, value in (
                (values, program.outputs[number]),
                (tangents, program.outputs[n + floats.index(number)]),
            ):
                slots.append(_Slot((kind, len(outputs), form)))
                outputs.append(value)
                forms.append("array" if kind == "complex" else form)
            either = _either(captured, number)
            if either is not None:
                tags.append((len(values) - 1, either))
        computed = program.outputs
        program.block.outputs = outputs
        for k, tag in tags:
            values[k] = _with_tag(values[k].plan, tag, program, computed, forms)
        definition = captured.result.definition

        def arrange(slots: list[_Slot]) -> Any:
            return slots[0] if definition is None else tree.unflatten(definition, slots)

        taken = [x for x, is_taken in zip(tangents, _is_taken(captured), strict=True) if is_taken]
        structure = (arrange(values), structured(captured, taken))
        return Plan(program, forms, result_of(structure), _vector_forms(program, captured))

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        return self.vectors(signature, call, vectors, "jvp")


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

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        plans = captured.result.leaves
        numbers = [_ensure_output(captured, plan) for plan in plans]
        own = captured.program.outputs
        live = list(dict.fromkeys(n for n in numbers if n is not None and own[n].type.is_float))
        program, linear = linearized(captured.program, targets.floats, live)
        computed = program.outputs
        outputs: list[Value] = []
        forms: list[str] = []
        values: list[_Slot] = []
        tangents: list[_Slot] = []
        of_tangents = ["array"] * len(live)
        tagged: list[tuple[int, tuple[Any, ...]]] = []
        for plan, number in zip(plans, numbers, strict=True):
            if number is None:
                values.append(_Slot(plan))
                tangents.append(_Slot(("constant", 0.0)))
                continue
            form = (
                plan[2]
                if plan[0] in ("output", "complex")
                else _derivative_form(captured.inputs[_input_of(captured, plan[1])].form)
            )
            kind = "complex" if plan[0] == "complex" else "output"
            values.append(_Slot((kind, len(outputs), form)))
            outputs.append(computed[number])
            forms.append("array" if kind == "complex" else form)
            if number in live:
                at = live.index(number)
                tangents.append(_Slot((kind, at, form)))
                of_tangents[at] = forms[-1]
            else:
                tangents.append(_Slot(("constant", 0.0)))
            either = _either(captured, number)
            if either is not None:
                tagged.append((len(values) - 1, either))
        kept: list[Any] = []
        for value in computed[len(own) :]:
            form = "array" if value.shape else "scalar"
            kept.append(_Slot(("output", len(outputs), form)))
            outputs.append(value)
            forms.append(form)
        program.block.outputs = outputs
        for k, either in tagged:
            values[k] = _with_tag(values[k].plan, either, program, computed, forms)
        definition = captured.result.definition

        def arrange(slots: list[_Slot]) -> Any:
            return slots[0] if definition is None else tree.unflatten(definition, slots)

        push = LinearMap(linear, of_tangents, result_of(arrange(tangents)))
        structure = (arrange(values), kept, _Slot(("constant", push)))
        return Plan(program, forms, result_of(structure))

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        return self.vectors(signature, call, vectors, "linearize")


class Vjp(Derivative):
    """The cotangents of the arguments for a given cotangent of the result."""

    name = "vjp"
    misfit = (
        "a cotangent does not have the shape of the result",
        "give cotangents the shapes of the results",
    )

    def refuse_parts(self, what: str, is_complex: bool, by_complex: bool) -> None:
        """There is always one, the adjoint in Re(conj(a) b), which is that of the pairs."""

    def derive(self, signature: Any, captured: Captured, call: Any, targets: _Targets) -> Plan:
        numbers = [_ensure_output(captured, plan) for plan in captured.result.leaves]
        outputs = captured.program.outputs
        live = [n for n in numbers if n is not None and outputs[n].type.is_float]
        program = vjp_program(captured.program, targets.floats, live, keep_values=False)
        structure, forms, program = _leaf_results(targets, program, 0)
        # Cotangents of ints, texts and the like are given as well, and not looked at.
        cotangents = captured.extra_inputs(program)
        own = program.inputs[: len(program.inputs) - len(cotangents)]
        of_live = iter(cotangents)
        program.block.parameters = own + [
            next(of_live)
            if n in live
            else Value(ArrayType(np.dtype(float), () if n is None else outputs[n].shape))
            for n in numbers
        ]
        return Plan(program, forms, result_of(structure), _vector_forms(program, captured))

    def extra(self, signature: Any, call: Any, vectors: Any) -> tuple[Any, ...]:
        leaves = tree.flatten(vectors)[0] if tree.is_container(vectors) else [vectors]
        return tuple(
            parts_of_complex(x) if np.iscomplexobj(x) else np.asarray(x, dtype=float)
            for x in leaves
        )


def as_cotangent(value: Any, cotangent: Any) -> Any:
    """A cotangent with complex numbers where the value has complex numbers, and real ones elsewhere.

    Of what is no floating-point number any cotangent will do, or none at all.
    """
    if not tree.is_container(value):
        return _cotangent_of(value, cotangent)
    leaves, definition = tree.flatten(value)
    taken = tree.is_of_derivatives(definition)
    parts = [x for x, is_taken in zip(leaves, taken, strict=True) if is_taken]
    given = tree.parts(cotangent)
    if len(given) == sum(map(holds_float, parts)) < len(parts):
        of_floats = iter(given)
        given = [next(of_floats) if holds_float(x) else None for x in parts]
    if len(given) != len(parts):
        return cotangent  # which is refused for its structure
    found = iter([_cotangent_of(x, g) for x, g in zip(parts, given, strict=True)])
    return tree.unflatten(
        definition,
        [
            next(found) if is_taken else np.zeros(np.shape(x) if is_number(x) else ())
            for x, is_taken in zip(leaves, taken, strict=True)
        ],
    )


def _cotangent_of(x: Any, cotangent: Any) -> Any:
    _refuse_masked(cotangent, "vjp: a cotangent is")
    if not holds_float(x) and not (is_number(cotangent) and np.shape(cotangent) == np.shape(x)):
        return np.zeros(np.shape(x) if is_number(x) else ())
    if np.iscomplexobj(x):
        return np.asarray(cotangent, dtype=np.asarray(x).dtype)
    if np.iscomplexobj(cotangent):
        raise ArgumentError(
            "vjp: a cotangent is complex where the result is real.",
            code="AD103",
            remedy="give real cotangents for real results",
        )
    return cotangent


__all__ = [
    "Gradient",
    "Hessian",
    "HessianVector",
    "Jacobian",
    "Jvp",
    "LinearMap",
    "Linearize",
    "Named",
    "Plan",
    "Transformation",
    "ValueOnly",
    "Vjp",
    "Wrt",
    "by_default",
    "by_parameter",
    "by_position",
    "moves",
    "result_of",
    "slot",
    "written",
    "wrt_items",
]
