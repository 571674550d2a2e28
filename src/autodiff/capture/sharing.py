"""What a result has in several places: lists, dicts and the like are made once, and arrays of which it has views.

    return xs, {"best": xs}          part 0: xs,  result: (part 0, {"best": part 0})
    return rows[0], rows.T           rows is made, and the result are two views of it

Who changes one of them later, changes the others, as in plain Python.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.arrays import Chosen, array_of
from autodiff.capture.lists import TracedList
from autodiff.capture.numbering import ArraysMatter
from autodiff.capture.references import objects_of
from autodiff.capture.regions import cells_of
from autodiff.capture.trace import Declined, Trace
from autodiff.dims import Dim, Extent
from autodiff.ir.data import walk
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import is_array
from autodiff.ops.tracer import Cell, HoldsTracers, Tracer, ViewStep


class Part:
    """Stands in a result for what it has in several places; not a dataclass, which is a container."""

    def __init__(self, number: int) -> None:
        self.number = number


class OneOfParts:
    """Stands in a result for what a branch or loop chose: the part of a number that the run gives."""

    def __init__(self, number: Any, parts: dict[int, int]) -> None:
        self.number = number
        self.parts = parts


def take_apart(result: Any, is_external: Callable[[Any], bool]) -> tuple[Any, list[Any]]:
    """The result, and its shared parts in an order in which each is made of those before it."""
    times: dict[int, int] = {}
    _count(result, times, is_external)
    if all(n == 1 for n in times.values()):
        return result, []
    parts: list[Any] = []
    known: dict[int, Part | None] = {}

    def replaced(x: Any) -> Any:
        if choices.is_known(x):
            objects = choices.group_and_index(x)[0].by_number
            numbers = {n: replaced(one).number for n, one in objects.items()}
            return OneOfParts(choices.number_now(x), numbers)
        if times.get(id(x), 1) == 1:
            return x if is_external(x) else _with_items(x, replaced)
        if id(x) not in known:
            known[id(x)] = None
            parts.append(x if is_external(x) else _with_items(x, replaced))
            known[id(x)] = Part(len(parts) - 1)
        found = known[id(x)]
        if found is None:
            raise Declined(f"a result with a {type(x).__name__} that contains itself")
        return found

    return replaced(result), parts


def _count(x: Any, times: dict[int, int], is_external: Callable[[Any], bool]) -> None:
    if choices.is_known(x):
        for one in choices.objects_of(x):  # each is a part, wherever else it is
            _count(one, times, is_external)
            times[id(one)] = times.get(id(one), 0) + 2
        return
    items = _items(x)
    if items is None or is_external(x):
        return
    if not isinstance(x, tuple):
        times[id(x)] = times.get(id(x), 0) + 1
        if times[id(x)] > 1:
            return
    for item in items:
        _count(item, times, is_external)


def _kind(x: Any) -> containers.Kind | None:
    """What kind of container a part of a result is; None of a leaf."""
    kind = containers.kind_of(x)
    if kind is None or kind.name not in _IN_RESULTS:
        return None
    if kind.name == "instance" and not dataclasses.is_dataclass(x):
        return None
    return kind


_IN_RESULTS = frozenset(("list", "tuple", "named tuple", "dict", "deque", "instance"))


def _items(x: Any) -> Sequence[Any] | None:
    """What a container holds; None of a leaf."""
    if isinstance(x, HoldsTracers) and x.is_keyed:
        return ()  # which is a whole
    kind = _kind(x)
    if kind is None:
        return None
    return () if isinstance(x, TracedList) and x.is_stored() else kind.values(x)


def _with_items(x: Any, new: Callable[[Any], Any]) -> Any:
    """The container with other items; itself where they are the same."""
    items = list(_items(x) or ())
    made = [new(item) for item in items]
    if all(a is b for a, b in zip(items, made, strict=True)):
        return x
    kind = _kind(x)
    assert kind is not None
    return kind.make(x, kind.keys(x), made)


def refuse_two_of_one(trace: Trace, result: Any) -> None:
    """Decline where the result holds an object that is kept outside too: each would be made for itself."""
    kept = {id(x): x for x in trace.state.kept()}
    # Lists in a store are another kind of result; their items need not be computed to see that.
    for part in trace.made_in(result):
        if id(part) in kept:
            raise Declined(f"a {type(part).__name__} that is kept outside and returned as well")


def refuse_kept_apart(trace: Trace, leaves: Sequence[Any]) -> None:
    """Decline where two effects, or an effect and the result, would each make an array, or the same view, for itself.

    An argument, one from outside and an array of the result is itself in each of them.  An array that a branch or loop
    has chosen is made anew, so it may be none of them: whoever called may keep what a place held before, too.
    """
    times, views = Counter[Cell](), Counter[Any]()
    for operation in walk(trace.builder.block):
        kept = getattr(operation.attributes.get("function"), "kept", None)
        if not kept:
            continue
        views.update(key for key in kept if key[1])
        times.update({cell for cell, _ in kept})
        again = [key for key, is_again in kept.items() if is_again]
        views.update(key for key in again if key[1] and not _is_chosen_by_run(key[1]))
        times.update({cell for cell, _ in again})
    if not times:
        return
    arrays = [array_of(x) for x in leaves if is_array(x) and not isinstance(x, ComplexTracer)]
    views.update({(x.cell, x.path) for x in arrays if x.path} & views.keys())
    if any(n > 1 for n in views.values()):
        raise Declined("a view that is kept outside, there or in the result twice")
    known = _made_once(trace)
    if any(n > 1 and cell not in known for cell, n in times.items()):
        raise Declined("an array that is kept outside in two places")
    there = {cell for x in arrays for cell in cells_of(x)} | times.keys()
    there |= {record.cell for record in trace.inputs}
    among = Counter(one for cell in times if isinstance(cell, Chosen) for one in cell.cells)
    there |= {one for one, n in among.items() if n > 1}  # of two each of which may be it
    for cell in times:
        if isinstance(cell, Chosen) and is_found(trace, cell):
            continue
        if isinstance(cell, Chosen) and not there.isdisjoint(cell.cells):
            raise ArraysMatter("an array that is one of several, and is kept outside")


def is_found(trace: Trace, cell: Chosen) -> bool:
    """Whether what a branch or loop has chosen is, whichever it is, a whole argument or array from outside."""
    if cell.reference is None:
        return False
    found = {r.cell for r in trace.inputs if not r.private and not r.cell.version}
    return all(x.like.cell in found and not x.like.path for x in objects_of(cell.reference))


def _is_chosen_by_run(path: Sequence[ViewStep]) -> bool:
    """Whether each pass of a loop may take another view."""
    return any(isinstance(extent, Dim) for step in path for extent in step.extents)


def _made_once(trace: Trace) -> set[Cell]:
    """The arrays that are themselves wherever they are kept."""
    known = set[Cell]() if trace.derivative else set(trace.output_of)
    return known | {
        record.cell
        for record in trace.inputs
        if not record.private
        and not (trace.derivative and record.leaf is not None and record.cell.version)
    }


def arrays_behind(leaves: Sequence[Any], kept: Sequence[Any]) -> list[Cell]:
    """The arrays that a function has made, of which a result has views that show it.

    They have elements in common with another array of the result, or with one that is ``kept`` outside, or they
    are read-only.
    """
    views: dict[Cell, list[Tracer]] = {}
    for leaf in leaves:
        if is_array(leaf) and not isinstance(leaf, ComplexTracer):
            array = array_of(leaf)
            if array.path and not isinstance(array.cell, Chosen):
                views.setdefault(array.cell, []).append(array)
    outside = {array_of(x).cell for x in kept if is_array(x) and not isinstance(x, ComplexTracer)}
    return [
        cell
        for cell, found in views.items()
        if cell in outside
        or any(map(_is_read_only, found))
        or any(_may_meet(a, b) for a, b in itertools.combinations(found, 2))
    ]


def plan_untraced(trace: Trace, leaf: Any) -> tuple[Any, ...]:
    """What is no traced array: the same for all calls, unless each call makes one that may be changed."""
    is_made = id(leaf) in trace.reached or id(leaf) in trace.seeded
    if type(leaf).__hash__ is None and not trace.is_external(leaf):  # as texts, dates, polynomials
        owner = leaf
        while isinstance(getattr(owner, "base", None), np.ndarray):
            owner = owner.base
        path = trace.paths.get(id(owner)) if trace.is_external(owner) else None
        if owner is leaf and isinstance(leaf, np.ndarray):
            return ("copy", leaf)
        if path is None and isinstance(leaf, np.ndarray) and not leaf.flags.writeable:
            return ("constant", leaf)
        is_made = is_made or path is None or path.is_of_arguments
    if is_made:
        raise Declined(f"a result of type {type(leaf).__name__} that each call makes")
    return ("constant", leaf)


def _is_read_only(view: Tracer) -> bool:
    """Whether NumPy makes of an array a view that nobody may store to."""
    steps = view.path
    return any(step.write is None for step in steps) and all(step.repeat for step in steps)


_EFFORT: Any = 1000  # at most so many candidates are looked at


def _may_meet(a: Tracer, b: Tracer) -> bool:
    """Whether two views of an array may have elements in common; views that depend on the run may."""
    if a.path == b.path:
        return False  # one array
    try:
        whole = np.empty([_known(n) for n in a.cell.value.shape], bool)
        parts = [_taken(whole, view.path) for view in (a, b)]
        return np.shares_memory(parts[0], parts[1], max_work=_EFFORT)
    except (_Unknown, np.exceptions.TooHardError):
        return True


def _taken(array: Any, path: Sequence[ViewStep]) -> Any:
    for step in path:
        if step.repeat is None:
            raise _Unknown
        array = step.repeat(array, [_known(n) for n in step.extents])
    return array


class _Unknown(Exception):
    """Something depends on the run."""


def _known(extent: Extent) -> int:
    if isinstance(extent, Dim):
        raise _Unknown
    return extent


__all__ = [
    "OneOfParts",
    "Part",
    "arrays_behind",
    "plan_untraced",
    "refuse_kept_apart",
    "refuse_two_of_one",
    "take_apart",
]
