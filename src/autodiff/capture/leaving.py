"""The way out of a capture: a plan for each part of what the function returned.

A part is an output, a view of an output, an object that was given or found outside, or a
constant; :class:`~autodiff.capture.results.Result` follows the plans at each call.
"""

from __future__ import annotations

import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, tree
from autodiff.capture import effects, given, sharing
from autodiff.capture.arrays import Chosen
from autodiff.capture.choices import Objects, WordPlan, Words, is_choice, known_in, place_of, refuse
from autodiff.capture.functions import Closure
from autodiff.capture.gathered import Group, refuse_changes
from autodiff.capture.generators import TracedGenerator
from autodiff.capture.inputs import is_library
from autodiff.capture.iterators import TracedIterator
from autodiff.capture.lists import TracedList
from autodiff.capture.members import (
    Members,
    refuse_part,
    refuse_unknown_rows,
)
from autodiff.capture.numbering import ArrayPlan, ArraysMatter
from autodiff.capture.origins import type_of
from autodiff.capture.paths import Guard, Path
from autodiff.capture.plain_results import plain_keys, plain_lists
from autodiff.capture.pools import row_of
from autodiff.capture.records import (
    ArrayOfMemberPlan,
    ItemPlan,
    ItemsPlan,
    MembersPlan,
    PoolPlan,
    RecordPlan,
    Ref,
)
from autodiff.capture.results import Captured, Leaf, Result
from autodiff.capture.sequences import LazySequence
from autodiff.capture.sharing import OneOfParts, Part, take_apart
from autodiff.capture.slots import is_listed
from autodiff.capture.stores import ListPlan
from autodiff.capture.text import DeferredText, is_pending
from autodiff.capture.trace import Declined, NotStaged, Trace
from autodiff.capture.written_back import Container, Store, stores
from autodiff.dims import Dim, symbols
from autodiff.ir.data import Program, Value
from autodiff.ladder import Bail
from autodiff.later import later
from autodiff.ops.complex_numbers import PART_STEPS, ComplexTracer
from autodiff.ops.either import VARIES, Either, is_array
from autodiff.ops.tracer import Cell, HoldsTracers, Tracer, as_tracer
from autodiff.plain_data import replace

if TYPE_CHECKING:
    from autodiff.capture import regions
else:
    regions = later("autodiff.capture.regions")


def has_effects(trace: Trace) -> bool:
    """Whether the function does more than compute: a second run would do it again."""
    return trace.effects or any(r.leaf is None and r.cell.version for r in trace.inputs)


def path_of_part(path: Path, step: tuple[type, Any]) -> Path:
    """The path to a part of a container of a class."""
    cls, key = step
    if isinstance(key, str) and hasattr(cls, "__dataclass_fields__") or issubclass(cls, tuple):
        return Path(containers.path_to(cls, key, path.text), path.roots)
    return path.item(key)


def leave(trace: Trace, result: Any, name: str, taken: Sequence[Container]) -> Captured:
    """The finished capture around what the function returned."""
    derivative = trace.derivative
    if trace.tier.holds_back:
        trace.state.forget_unread()
    given.leave(trace, result, derivative)
    refuse_changes(trace)
    outputs: list[Value] = []
    forms: list[str] = []
    copies = derivative or not trace.tier.holds_back  # of what is found outside, or is shared
    if result is NotImplemented:  # by which a call of a program says that it is none for it
        raise Declined("a result that is NotImplemented")
    parts: list[Any] = []
    if not copies:
        own = trace.given_at
        result, parts = take_apart(result, lambda x: id(x) in own or trace.is_external(x))
    plain = [plain_keys(trace, plain_lists(x, whole=not derivative)) for x in (*parts, result)]
    plan, arrays = _plan_result(trace, plain, outputs, forms, copies, taken)
    for entered, record in trace.complex_inputs.values():
        if any(part.cell.version for part in entered.parts):
            record.cell.write(entered.pair.value)
    written = [k for k, record in enumerate(trace.inputs) if record.cell.version]
    mutated = [(number, len(outputs) + k) for k, number in enumerate(written)]
    outputs += [trace.inputs[number].cell.value for number in written]
    forms += ["array"] * len(written)
    trace.builder.block.outputs = outputs
    watched = False
    changed: list[Store] | Bail = []
    if trace.tier.holds_back:
        if not derivative:
            sharing.refuse_two_of_one(trace, [*parts, result])
            changed = stores(trace, taken, [*parts, result])
            trace.effects |= not isinstance(changed, Bail) and bool(changed)
        effects.store_state(trace, derivative, [] if isinstance(changed, Bail) else changed)
        sharing.refuse_kept_apart(trace, arrays)
        watched = effects.order_effects(trace.builder.block)
        plan.is_kept = watched and trace.numbering.is_carried and not copies
    extents = list(trace.extents.values())
    trace.builder.block.parameters += extents
    return Captured(
        Program(trace.builder.block, name),
        trace.inputs,
        trace.guards,
        plan,
        mutated,
        forms,
        trace.keep_alive,
        trace,
        trace.objects,
        extents,
        trace.naming,
        trace.named,
        watched,
        has_effects(trace),
        bool(trace.state.places),
        trace.tier.reusable and _decided_by_order(trace, [] if copies else arrays, bool(changed)),
        changed_argument=changed if isinstance(changed, Bail) else None,
        stores_into_arguments=bool(changed),
        lookups=frozenset(trace.lookups),
    )


def _decided_by_order(trace: Trace, arrays: Sequence[Any], is_kept: bool) -> bool:
    """Whether arguments in another order than C would give other values, or show a copy as a view.

    A store shows it, and so do the ``arrays`` of the result: the caller has the arguments as well.
    """
    builder = trace.builder
    copies, views = builder.ordered_copies, builder.ordered_views
    is_kept = is_kept or bool(trace.state.places)
    if builder.ordered_values or any(cell.version for cell in views):
        return True
    if (copies and builder.stored) or ((copies or views) and is_kept):
        return True
    times = Counter(cell for leaf in arrays for cell in regions.cells_of(leaf))
    views_of = [x for x in arrays if any(p.path or isinstance(p.cell, Chosen) for p in parts_of(x))]
    viewed = {cell for x in views_of for cell in regions.cells_of(x)}
    times.update(trace.cells_of_inputs())
    return any(times[source] and times[copy] for source, copy in copies) or any(
        times[cell] > 1 for cell in views if cell in viewed
    )


def _plan_list(
    trace: Trace, x: TracedList, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...]:
    """A list whose items are in a store: the array, and how many there are."""
    if id(x) in trace.given and given.is_unchanged(trace, x):
        leaf = trace.given[id(x)].leaf
        if leaf is None:
            raise NotStaged("a list of records that is an argument, in the result")
        return ("argument", leaf)
    if row_of(x) is not None:
        return _plan_item(trace, x, outputs, forms, seen)
    if x.columns is not None and isinstance(x.template, Ref):
        pool = _plan_pool(trace, x.template.pool, outputs, forms, seen)
        return ("list", ItemsPlan(pool, _plan_list(trace, x.columns[0], outputs, forms, seen)[1]))
    if x.columns is not None and x.template is not None:
        plans = [_plan_list(trace, c, outputs, forms, seen)[1] for c in x.columns]
        return ("list", RecordPlan(x.template, tuple(plans)))
    if x.block is not trace.builder.block or x.store is None:
        raise Declined("a list made inside of a branch or loop in the result")
    key = (x.store.buffer, "list")
    if key in seen:
        return seen[key]
    store = x.store
    array = x.whole()
    assert array is not None
    length, count, changed = store.length, None, None
    outputs.append(array.value)
    forms.append("array")
    buffer = len(outputs) - 1
    if isinstance(length, Dim):
        count = len(outputs)
        outputs.append(store.count.value)
        forms.append("int")
    head: list[Any] = []
    repeated: tuple[Any, ...] | None = None
    if store.changed is not None:
        known: dict[Any, tuple[Any, ...]] = {}
        for item in store.head:
            is_one = isinstance(item, Tracer) and not isinstance(item, Either)
            which = (item.value, item.form) if is_one else id(item)
            if which not in known:
                known[which] = _plan_leaf(trace, item, outputs, forms, {})
            head.append(known[which])
        if store.repeated is not None:
            repeated = _plan_leaf(trace, store.repeated[0], outputs, forms, {})
        if store.changed.value is not store.unchanged or store.repeated is not None:
            changed = len(outputs)
            outputs.append(store.changed.value)
            forms.append("array")
    known_length, form = None if isinstance(length, Dim) else length, store.slot.form
    items = (tuple(head), repeated, changed)
    seen[key] = ("list", ListPlan(buffer, known_length, count, form, *items, type_of(x)))
    return seen[key]


def _plan_pool(
    trace: Trace, pool: Any, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> Any:
    """The rows or members of a pool."""
    if (pool, "pool") in seen:
        return seen[pool, "pool"]
    if isinstance(pool, Members):
        arrays = {name for name in pool.form.slots if pool.form.is_array(name)}
        if trace.derivative or arrays - pool.form.owned:  # of which several may have one
            raise pool.refusal()
        columns = {
            name: _plan_list(trace, column, outputs, forms, seen)[1]
            for name, column in pool.columns.items()
        }
        given = {}
        for number, known in pool.given.items():
            if known is None:
                continue
            path = trace.given_at.get(known) or trace.paths.get(known)
            if path is None or not path.is_of_arguments:
                raise pool.refusal()
            given[number] = ("found", trace.number_of(path))
        plan: Any = MembersPlan(len(outputs), pool.form, columns, given)
    else:
        if pool.rows.block is not trace.builder.block:
            raise Declined("a list made inside of a branch or loop in the result")
        plan = PoolPlan(len(outputs), pool.slot, len(outputs) + 1, pool.template)
        for one in (pool, pool.tags) if pool.tags is not None else (pool,):
            outputs.append(one.content.value)
            forms.append("array")
    seen[pool, "pool"] = plan
    return plan


def _plan_item(
    trace: Trace, x: Any, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...]:
    """An object, list or array that is known in a pool by its number."""
    place = place_of(x)
    if place is None or isinstance(place[0], (Group, Objects)):
        refuse(x)
    assert place is not None
    pool, number = place
    if isinstance(pool, Words):
        outputs.append(as_tracer(number).value)
        forms.append("int")
        return "list", WordPlan(tuple(pool.numbers), len(outputs) - 1)
    pool, name = pool if isinstance(pool, tuple) else (pool, None)
    plan = _plan_pool(trace, pool, outputs, forms, seen)
    is_output = not isinstance(number, int)
    if is_output:
        outputs.append(as_tracer(number).value)
        forms.append("int")
        number = len(outputs) - 1
    item = ItemPlan(plan, number, is_output)
    return ("list", item if name is None else ArrayOfMemberPlan(item, name))


_EMPTY: tuple[()] = ()  # of which there is one


class _Held:
    """A container from outside that is part of the result: it is returned itself."""

    def __init__(self, obj: Any, path: Path | None = None) -> None:
        self.obj = obj
        self.path = path  # of one among the arguments


def _own(trace: Trace, x: Any, given: dict[int, Path]) -> _Held | None:
    """How to return a container that is one of the user's own."""
    if isinstance(x, TracedList) or not tree.is_container(x) or x is _EMPTY:
        return None
    copied, obj = trace.copies.get(id(x), (None, None))
    obj = obj if copied is x else x
    path = given.get(id(x)) or trace.paths.get(id(obj))
    return None if path is None else _Held(obj, path if path.is_of_arguments else None)


def _hold(trace: Trace, result: Any) -> Any:
    """The result with what is returned itself in place of the user's own containers."""
    given = trace.given_at if containers.kind_of(result) is not None else {}
    return containers.replaced(
        result,
        lambda x: _own(trace, x, given) is not None,
        lambda x: _own(trace, x, given),
        stop=lambda x: isinstance(x, TracedList) or not tree.is_container(x),
    )


def name_of_leaf(leaf: Leaf) -> tuple[str, int] | None:
    """The parameter that a leaf belongs to, and the number of its slot."""
    # No expression of ``re``: to compile one takes longer than all that is looked at here.
    title, text = leaf.title, leaf.path.text
    name = _first(title[9:], lambda c: c == "_" or c.isalnum()) if title[:9] == "argument " else ""
    before = _first(text, lambda c: not c.isdecimal())
    number, bracket, _ = text[len(before) :].partition("]")
    if not name or not bracket or not before.endswith("args[") or not number.isdecimal():
        return None
    return name, int(number)


def _first(text: str, is_one: Callable[[str], bool]) -> str:
    """The characters at the beginning that are such."""
    return "".join(itertools.takewhile(is_one, text))


def given_containers(trace: Trace) -> dict[int, Path]:
    """Where the containers are in whose places others were made, by the identities of these."""
    found: dict[int, Path] = {}
    args, kwargs = trace.arguments
    for k, (original, made) in enumerate(zip(trace.slots, args, strict=False)):
        if not _match(trace, original, made, Path(f"args[{k}]"), found):
            break  # *rest: what comes after are its items
    for name, made in kwargs.items():
        k = trace.slot_of.get(name, len(trace.slots))
        if k < len(trace.slots):
            _match(trace, trace.slots[k], made, Path(f"args[{k}]"), found)
    return found


def _match(trace: Trace, original: Any, made: Any, path: Path, found: dict[int, Path]) -> bool:
    """Note what was made of a container and of those in it; whether that is what it was made of."""
    cls = type(original)
    if id(made) in trace.given:
        return given.is_unchanged(trace, made)
    if cls is not type(made) or not tree.is_container(original) or id(made) in found:
        return not tree.is_container(original) and not tree.is_container(made)
    attributes = containers.attributes_of(made) if containers.is_record(made) else {}
    parts = dict(tree.children(made)) | attributes
    found[id(made)] = path
    fits = True
    for key, part in tree.children(original):
        fits = (
            fits
            and key in parts
            and _match(trace, part, parts[key], path_of_part(path, (cls, key)), found)
        )
    if not fits:
        del found[id(made)]
    return fits


def _plan_result(
    trace: Trace,
    pieces: Sequence[Any],
    outputs: list[Value],
    forms: list[str],
    copies: bool,
    taken: Sequence[Container],
) -> tuple[Result, list[Any]]:
    """How to rebuild the last of the pieces, of which the others are parts; the arrays among their leaves.

    ``copies``: what is returned of arrays and objects from outside need not be these.
    """
    leaves: list[Any] = []
    structures = []
    for piece in pieces:
        held = piece if copies else _hold(trace, piece)
        if tree.is_container(held) and not isinstance(held, TracedList):
            found, definition = tree.flatten(held, whole_lists=True)
        else:
            found, definition = [held], None
        structures.append((len(leaves), len(leaves) + len(found), definition))
        leaves += found
    plans: dict[int, tuple[Any, ...]] = {}
    seen: dict[tuple[Cell, Any], tuple[Any, ...]] = {}
    arrays = [leaf for leaf in leaves if is_array(leaf)]
    whole = {part.cell for leaf in arrays for part in parts_of(leaf) if not part.path}

    def is_view(k: int) -> bool:
        """Whether a leaf is a view of another one, which is planned before it."""
        leaf = leaves[k]
        return is_array(leaf) and any(p.path and p.cell in whole for p in parts_of(leaf))

    if not copies:
        refuse_unknown_rows(trace, leaves)
        kept = trace.state.kept_arrays([x.obj for x in taken if x.has_changed])
        for cell in sharing.arrays_behind(leaves, kept):
            if _source_of(trace, cell, seen) is None:
                _plan_leaf(trace, Tracer(cell, "array"), outputs, forms, seen)
    numbered = None if copies else Numbered(trace, leaves, outputs, forms, seen)
    for k in sorted(range(len(leaves)), key=is_view):
        if isinstance(leaves[k], Part):
            plans[k] = ("part", leaves[k].number)
            continue
        if isinstance(leaves[k], OneOfParts):
            outputs.append(as_tracer(leaves[k].number).value)
            forms.append("int")
            plans[k] = ("one of parts", len(outputs) - 1, leaves[k].parts)
            continue
        plan = None if copies else _plan_found(trace, leaves[k], outputs, forms, seen)
        plans[k] = plan or _plan_leaf(trace, leaves[k], outputs, forms, seen)
        if numbered is not None and is_array(leaves[k]):
            plans[k] = numbered.plan(leaves[k], plans[k])
    if numbered is not None:
        numbered.finish()
    *parts, result = [
        Result([plans[k] for k in range(first, end)], definition)
        for first, end, definition in structures
    ]
    return replace(result, parts=tuple(parts)), arrays


class Numbered:
    """The arrays of a result of which it depends on the path, or on a list's items, whether they are one."""

    def __init__(
        self,
        trace: Trace,
        leaves: Sequence[Any],
        outputs: list[Value],
        forms: list[str],
        seen: dict[Any, Any],
    ) -> None:
        self.trace, self.outputs, self.forms, self.seen = trace, outputs, forms, seen
        self.numbering = trace.numbering
        arrays = {id(leaf): leaf for leaf in leaves if is_array(leaf)}.values()
        self.times = Counter(cell for leaf in arrays for cell in regions.cells_of(leaf))
        self.times.update(trace.cells_of_inputs())
        self.kept = {c for x in trace.state.kept_arrays(()) for c in regions.cells_of(x)}
        self.times.update(self.kept)

    def _matters(self, leaf: Tracer) -> bool:
        """Whether others may be an array that is one of several."""
        chosen = [x.cell for x in parts_of(leaf) if isinstance(x.cell, Chosen)]
        return any(self.times[cell] > 1 for one in chosen for cell in one.cells)

    def plan(self, leaf: Tracer, plan: tuple[Any, ...]) -> tuple[Any, ...]:
        """How the result has an array that is planned as if no other were it."""
        if isinstance(plan[1], ArrayPlan):
            return plan
        matters = self._matters(leaf)
        if not (matters or self.numbering.is_carried):
            return plan
        is_kept = not self.kept.isdisjoint(regions.cells_of(leaf))
        if matters and is_kept and not self.numbering.is_carried:
            raise ArraysMatter("an array in the result that is one of several, and is kept outside")
        number = self._number(leaf, matters)
        if number is None:
            return plan
        is_output = isinstance(number, Tracer)
        is_complex = isinstance(leaf, ComplexTracer)
        if not is_output and plan[0] not in ("output", "complex"):
            self.numbering.known[number, is_complex] = plan
            return plan
        if is_output:
            self.outputs.append(number.value)
            self.forms.append("int")
            number = len(self.outputs) - 1
        made = ArrayPlan(number, is_output, plan, self.numbering.known, is_complex)
        for key in [key for key, known in self.seen.items() if known is plan]:
            self.seen[key] = ("list", made)
        return ("list", made)

    def _number(self, leaf: Tracer, matters: bool) -> Any:
        try:
            return self.numbering.of(leaf)
        except Bail as problem:
            if not self.numbering.is_carried:
                raise ArraysMatter(problem.reason) from None
            if matters or is_listed(leaf):
                raise Declined(f"{problem.reason}, and in the result") from None
            return None

    def finish(self) -> None:
        """Say how the arrays are made that are, or are views of, those of the arguments and from outside."""
        for x, number in [*self.numbering.sites.items()]:
            _refuse_places_of_branches(self.trace, x.like)
            plan = _plan_found(self.trace, x.like, self.outputs, self.forms, self.seen)
            plan = plan or self.seen.get((x.like.cell, x.like.path))
            if plan is not None and not isinstance(plan[1], ArrayPlan):
                self.numbering.known.setdefault((number, self._is_complex(x.like, plan)), plan)

    def _is_complex(self, like: Tracer, plan: tuple[Any, ...]) -> bool:
        """Whether what is planned so is complex, of which only the real part is known here."""
        if any(step in PART_STEPS for step in like.path):
            return False
        while plan[0] == "view":
            plan = plan[1]
        given = plan[0] == "argument" and plan[1] in self.trace.complex_inputs
        return given or plan[0] == "complex"


def _refuse_places_of_branches(trace: Trace, leaf: Any) -> None:
    """A view at a place that a branch or loop has computed cannot be made where that is over."""
    if not is_array(leaf) or not parts_of(leaf)[0].path:
        return
    extents = [extent for step in parts_of(leaf)[0].path for extent in step.extents]
    asked = {symbol for extent in extents for symbol in symbols(extent)}
    block = trace.builder.block
    here = {*block.parameters, *(x for op in block.operations for x in op.results)}
    if not asked <= here:
        raise Declined("a view of an array at a place that a branch or loop computes")


def parts_of(leaf: Tracer) -> tuple[Tracer, ...]:
    """The real arrays that an array is made of: both parts of a complex one, or itself."""
    return leaf.parts if isinstance(leaf, ComplexTracer) else (leaf,)


def _plan_found(
    trace: Trace, leaf: Any, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...] | None:
    """An array or object that was there before the call, or a view of an array."""
    if isinstance(leaf, _Held):
        if leaf.path is not None:
            return ("found", trace.number_of(leaf.path))
        leaf = leaf.obj
    if not isinstance(leaf, Tracer):
        if trace.is_external(leaf):
            path = trace.paths[id(leaf)]
            if isinstance(leaf, np.void) or path.is_of_arguments:  # another one at each call
                return ("found", trace.number_of(path))
            trace.guards.append(Guard(path, "is", leaf))
            return ("constant", leaf)
        if isinstance(leaf, (set, bytearray)):
            return ("copy", leaf)
        kind = type(leaf)
        if _is_plain(leaf) or is_library(kind) or isinstance(leaf, (type, FunctionType, Enum)):
            return None
        if isinstance(leaf, DeferredText) or kind.__module__.startswith("autodiff"):
            return None
        raise Declined(f"a result of type {kind.__name__} that the function makes")
    if not is_array(leaf):
        return None
    part = parts_of(leaf)[0]
    source = _source_of(trace, part.cell, seen)
    if source is None or not part.path:
        return source
    array = trace.heap.object_of(part.cell, part.path)
    steps = []
    for step in part.path:
        if step.repeat is None:
            return None
        extents = []
        for extent in step.extents:
            if isinstance(extent, Dim):
                outputs.append(as_tracer(extent).value)
                forms.append("int")
            extents.append((extent, len(outputs) - 1 if isinstance(extent, Dim) else None))
        steps.append((step.repeat, extents))
    # The array that is a view at two places of the result is one object.
    return ("view", source, steps, seen.setdefault(("view", array), len(seen)))


def _source_of(trace: Trace, cell: Cell, seen: dict[Any, Any]) -> tuple[Any, ...] | None:
    """The array outside, or the whole array among the results, that has this storage."""
    first = sum(record.leaf is not None for record in trace.inputs)
    for number, record in enumerate(trace.inputs):
        if record.cell is cell and not record.private:
            if record.leaf is not None:
                return ("argument", record.leaf)
            return ("hidden", number - first)
    for number, (entered, _) in trace.complex_inputs.items():
        if any(part.cell is cell for part in entered.parts):
            return ("argument", number)
    return seen.get((cell, ()))


def _plan_leaf(
    trace: Trace,
    leaf: Any,
    outputs: list[Value],
    forms: list[str],
    seen: dict[Any, tuple[Any, ...]],
) -> tuple[Any, ...]:
    if is_choice(leaf):
        return _plan_item(trace, leaf, outputs, forms, seen)
    if isinstance(leaf, DeferredText):
        raise Declined("a result that is text made of traced values")
    if isinstance(leaf, TracedIterator):
        raise Declined(f"a result that is an iterator ({leaf.kind.__name__})")
    ours = inspect.isgenerator(leaf) and not trace.is_external(leaf)
    if ours or isinstance(leaf, TracedGenerator) or inspect.iscoroutine(leaf):
        if inspect.iscoroutine(leaf):
            leaf.close()
        raise Declined("a result that is a generator or coroutine")
    if isinstance(leaf, TracedList):
        return _plan_list(trace, leaf, outputs, forms, seen)
    if isinstance(leaf, LazySequence):
        raise Declined("a result that is a range of run-time size")
    if not isinstance(leaf, Tracer):
        if isinstance(leaf, HoldsTracers) and leaf.is_keyed and not trace.derivative:
            return leaf.plan(lambda x: _plan_list(trace, x, outputs, forms, seen))  # type: ignore[attr-defined]
        if getattr(type(leaf), "stays_inside", False):
            raise Declined(f"a result of type {type_of(leaf).__name__} that holds traced arrays")
        if not _is_plain(leaf) and not trace.is_external(leaf) and _reaches_tracer(leaf):
            raise Declined(f"a result of type {type(leaf).__name__} that holds traced arrays")
        return sharing.plan_untraced(trace, leaf)
    if isinstance(leaf, ComplexTracer):
        return _plan_complex(leaf, outputs, forms, seen)
    if isinstance(leaf, Either):
        return _plan_either(trace, leaf, outputs, forms, seen)
    if trace.used_members and not trace.derivative and leaf.path:
        if known_in(leaf) is not None:
            return _plan_item(trace, leaf, outputs, forms, seen)
        refuse_part(trace, leaf)
    if leaf.form == "array" and not leaf.path:
        for record in trace.inputs:
            if record.cell is leaf.cell and record.leaf is not None:
                return ("argument", record.leaf)
    key = (leaf.cell, leaf.path)
    if leaf.form == "array" and key in seen:
        return seen[key]
    form: str = leaf.form
    if form == "python":
        form = {"f": "float", "i": "int", "u": "int", "b": "bool"}[leaf.dtype.kind]
    plan = ("output", len(outputs), form)
    outputs.append(leaf.value)
    forms.append(form)
    seen[key] = plan
    if form == "array" and not leaf.path:
        trace.output_of[leaf.cell] = plan[1]
    return plan


def _plan_complex(
    leaf: ComplexTracer, outputs: list[Value], forms: list[str], seen: dict[Any, tuple[Any, ...]]
) -> tuple[Any, ...]:
    """A complex result: an output with real and imaginary parts along its last axis."""
    re, im = leaf.parts
    key = (re.cell, (re.path, im.cell, im.path)) if leaf.form == "array" else (id(leaf), "number")
    if key in seen:
        return seen[key]
    plan = ("complex", len(outputs), leaf.form)
    outputs.append(leaf.pair.value)
    forms.append("array")
    seen[key] = plan
    for part in leaf.parts:  # views of it, its parts among them, are views of what is made
        if leaf.form == "array":
            seen[part.cell, part.path] = plan
    return plan


def _plan_either(
    trace: Trace, leaf: Either, outputs: list[Value], forms: list[str], seen: dict[Any, Any]
) -> tuple[Any, ...]:
    """A number that is of one of two types."""
    wide = _plan_leaf(trace, leaf.wide, outputs, forms, seen)
    narrow: tuple[Any, ...] = ("constant", leaf.narrow.constant)
    if leaf.narrow.constant is VARIES:
        kind = leaf.narrow.dtype
        python = leaf.narrow.form == "python"
        how = "real part" if wide[0] == "complex" else "converted"
        how = "complex number" if kind.kind == "c" else how
        narrow = (how, wide[1], type(kind.type().item()) if python else kind.type)
    outputs.append(leaf.is_narrow)
    forms.append("bool")
    trace.either_outputs[wide[1]] = ("either", len(outputs) - 1, narrow, wide)
    return wide if trace.derivative else trace.either_outputs[wide[1]]


def _is_plain(obj: Any) -> bool:
    return obj is None or isinstance(
        obj, (bool, int, float, complex, str, bytes, np.generic, np.ndarray)
    )


def _reaches_tracer(obj: Any) -> bool:
    if isinstance(obj, MethodType):
        return _reaches_tracer(obj.__self__) or _reaches_tracer(obj.__func__)
    parts = (
        []
        if isinstance(obj, type)
        else list(containers.found_plainly(obj, "__dict__", {}).values())
    )
    # A function that was made here runs in its scope, which is of this trace.
    return any(
        containers.holds(part, lambda x: is_pending(x) or isinstance(x, (HoldsTracers, Closure)))
        for part in (obj, *parts)
    )
