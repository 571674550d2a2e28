"""Tuples, lists, dicts and objects that a loop binds anew in every iteration: carried as their leaves.

    for _ in range(n):                          carry  s.x, s.v
        s = State(s.x + dt * s.v, s.v - dt * s.x)

A structure is what has parts: a complex number, a tuple, a list or dict that the captured code made, an object that it
made and whose attributes are plain.  Its leaves are numbers and arrays, which are carried, and
anything else, which has to stay what it is.  In the body, and after the loop, the name is bound to a
structure made anew of the leaves.  So nothing else may refer to it: not before the loop
(:mod:`autodiff.capture.holders`), and not at the end of the body (``Outcome.entangled`` of a region).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from autodiff import containers
from autodiff.capture.choices import (
    Among,
    Instance,
    is_known,
    is_word,
    known_in,
    objects_of,
    place_of,
    words_of,
)
from autodiff.capture.choices import together as chosen_together
from autodiff.capture.contents import (
    carried_columns,
    carried_joint,
    carried_layout,
    carried_together,
    is_long,
    with_carried,
)
from autodiff.capture.lists import FEW, TracedList
from autodiff.capture.parts import is_frozen, table_of
from autodiff.capture.slots import are_complex, as_parts, is_numeric, same_object
from autodiff.capture.trace import Trace
from autodiff.ops.builder import asks
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import Either
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.plain_data import dataclass
from autodiff.sameness import same_value


@asks
def parts_of(trace: Trace, x: Any) -> list[tuple[Any, Any]] | None:
    """The parts of a structure with their keys; None of anything else. What has its numbers in arrays has no parts."""
    if isinstance(x, Either) and isinstance(x.wide, ComplexTracer):
        return [
            *zip(("real", "imag"), x.wide.parts, strict=True),
            ("narrow", Tracer(x.is_narrow, "python")),
        ]
    number = as_parts(x)
    if number is not None:
        return list(zip(("real", "imag"), number.parts, strict=True))
    if isinstance(x, Tracer):  # to ask one of two types for an attribute would decide which
        return None
    if isinstance(x, Instance):
        return list(x.table.items())
    if known_in(x) is not None:
        return []
    if isinstance(x, TracedList):
        if carried_layout(x) is not None:
            return []
        if x.store is not None or x.columns is not None or len(x) > FEW:
            return None
        return list(enumerate(x))
    if isinstance(x, tuple):
        return list(enumerate(x)) if containers.is_plain_tuple(x) else None
    if type(x) is dict:
        return list(x.items()) if trace.was_made(x) or not trace.is_external(x) else None
    table = table_of(x)
    return None if table is None or not trace.was_made(x) else list(table.items())


def class_of(x: Any) -> type:
    """What a structure is an instance of."""
    return x.cls if isinstance(x, Instance) else type(x)


@asks
def are_alike(trace: Trace, a: Any, b: Any) -> bool:
    """Whether two structures differ in numbers and arrays only."""
    if is_numeric(a) and is_numeric(b):
        return True
    if isinstance(a, Either) and isinstance(b, Either):
        return a.narrow == b.narrow and are_complex(a.wide, b.wide)
    first, second = as_parts(a), as_parts(b)
    if first is not None or second is not None:
        return are_complex(first, second)
    if known_in(a) is not None or known_in(b) is not None:
        return bool(known_in(a) == known_in(b))
    if carried_layout(a) is not None or carried_layout(b) is not None:
        lists = isinstance(a, TracedList) and isinstance(b, TracedList)
        layout = carried_layout(a)
        return lists and layout is not None and carried_joint(a, b) == layout
    mine, other = parts_of(trace, a), parts_of(trace, b)
    if mine is None or other is None:
        return same_object(a, b)
    return (
        class_of(a) is class_of(b)
        and same_value(tuple([k for k, _ in mine]), tuple([k for k, _ in other]))
        and all(are_alike(trace, x, y) for (_, x), (_, y) in zip(mine, other, strict=True))
    )


@asks
def is_cyclic(trace: Trace, x: Any, around: tuple[int, ...] = ()) -> bool:
    """Whether a structure is a part of itself: a state that knows what it is the state of."""
    if id(x) in around:
        return True
    parts = parts_of(trace, x) or ()
    return any(is_cyclic(trace, part, (*around, id(x))) for _, part in parts)


@asks
def holds(trace: Trace, x: Any, objects: dict[int, Any], around: tuple[int, ...] = ()) -> bool:
    """Whether one of some objects, by id, is a part of a structure that a region has left, or may be."""
    if is_numeric(x) or id(x) in around:
        return False
    if id(x.origin if isinstance(x, Instance) else x) in objects:
        return True
    if is_known(x):
        return any(holds(trace, one, objects, around) for one in objects_of(x))
    parts = parts_of(trace, x) or ()
    return any(holds(trace, part, objects, (*around, id(x))) for _, part in parts)


@asks
def is_plain(trace: Trace, x: Any) -> bool:
    """Whether a structure is made of real numbers, arrays and what cannot change."""
    if is_numeric(x) or x is None or isinstance(x, (str, bool, bytes)):
        return True
    parts = parts_of(trace, x)
    return parts is not None and all(is_plain(trace, part) for _, part in parts)


def pools_in(trace: Trace, x: Any, around: tuple[int, ...] = ()) -> list[Any]:
    """The pools in which the lists and objects of a structure are known by numbers, or their items."""
    known = known_in(x)
    if isinstance(known, tuple):  # an array that a member holds
        return [known[0]]
    if isinstance(x, Tracer) or is_numeric(x) or id(x) in around:
        return []
    template = getattr(x, "template", None) if isinstance(x, TracedList) else None
    pools: list[Any] = [known, getattr(template, "pool", None)]
    found = [pool for pool in pools if hasattr(pool, "block")]
    found += [inner for pool in found if hasattr(pool, "inner") for inner in pool.inner()]
    for _, part in parts_of(trace, x) or ():
        found += pools_in(trace, part, (*around, id(x)))
    return found


def leaves_of(trace: Trace, x: Any, at: str = "") -> dict[str, Any]:
    """The numbers and arrays of a structure by where they are."""
    if is_numeric(x):
        return {at: x}
    found: dict[str, Any] = {}
    known = None if isinstance(x, Tracer) else place_of(x)
    parts: Iterable[tuple[Any, Any]] = parts_of(trace, x) or ()
    if known is not None:
        parts = [("number", known[1])]
    elif carried_layout(x) is not None:
        parts = enumerate(carried_columns(x))
    for key, part in parts:
        name = f".{key}" if isinstance(key, str) else f"[{key!r}]"
        found.update(leaves_of(trace, part, at + name))
    return found


def rebuilt(trace: Trace, x: Any, leaves: Mapping[str, Any], at: str = "") -> Any:
    """A structure like ``x``, made anew, of leaves by where they are."""
    if is_numeric(x):
        return leaves[at]
    if not isinstance(x, Tracer) and (pool := known_in(x)) is not None:
        number = leaves[at + ".number"]
        # A string that is known would be no part that a loop carries by its number.
        return Among(pool, number) if is_word(x) else pool.row(number)
    if (layout := carried_layout(x)) is not None:
        return with_carried(x, [leaves[f"{at}[{k}]"] for k in range(len(layout.slots))])
    parts = parts_of(trace, x)
    if parts is None:
        return x
    made = {}
    for key, part in parts:
        name = f".{key}" if isinstance(key, str) else f"[{key!r}]"
        made[key] = rebuilt(trace, part, leaves, at + name)
    if isinstance(x, Either):
        wide = ComplexTracer((made["real"], made["imag"]), x.wide.form)
        return Either(wide, as_tracer(made["narrow"]).value, x.narrow)
    number = as_parts(x)
    if number is not None:
        return ComplexTracer((made["real"], made["imag"]), number.form)
    return _with_parts(trace, x, made)


def _with_parts(trace: Trace, x: Any, made: dict[Any, Any]) -> Any:
    """A tuple, list, dict or object like another one, of other parts."""
    cls = class_of(x)
    if isinstance(x, tuple):
        return trace.note_merged(containers.tuple_of(cls, made.values()))
    if isinstance(x, TracedList):
        items = trace.new_list(made.values())
        items.frozen = x.frozen  # type: ignore[attr-defined]
        return trace.fresh(items)
    if cls is dict:
        return trace.fresh(made)
    obj = trace.fresh(containers.new_instance(cls))
    containers.set_attributes(obj, made)
    return trace.note_merged(obj) if is_frozen(cls) else obj


def matched(trace: Trace, x: Any, like: Any) -> Any:
    """The structure with its lists in arrays that could hold those of ``like`` too, where either is in arrays or long.

    It is made anew where that changes anything; what does not go is left as it is.
    """
    if is_known(x) or is_known(like) or words_of(trace, x, like):
        found = chosen_together(trace, x, like)
        return x if found is None else found
    if is_numeric(x) or as_parts(x) is not None or known_in(x) is not None:
        return x
    if isinstance(x, TracedList) and isinstance(like, TracedList):
        grows = list.__len__(x) != list.__len__(like)
        found = carried_together(x, like) if grows or is_long(x) or is_long(like) else None
        if found is not None:
            return found
    mine, other = parts_of(trace, x), parts_of(trace, like)
    if mine is None or other is None or [k for k, _ in mine] != [k for k, _ in other]:
        return x
    made = {k: matched(trace, p, q) for (k, p), (_, q) in zip(mine, other, strict=True)}
    if all(made[k] is part for k, part in mine):
        return x
    return _with_parts(trace, x, made)


def hold_items(trace: Trace, x: Any, like: Any) -> bool:
    """Have the lists in ``x`` refuse to change where those in ``like``, of the same structure, do; whether any did not."""
    found = False
    if is_numeric(x):
        return found
    if isinstance(x, TracedList) and isinstance(like, TracedList) and like.frozen:
        found = not x.frozen
        x.frozen = True
    if carried_layout(x) is not None or carried_layout(like) is not None:
        return found  # numbers in arrays: nothing in it can change
    mine, other = parts_of(trace, x), parts_of(trace, like)
    if mine is None or other is None:  # one object
        return found
    for (_, a), (_, b) in zip(mine, other, strict=True):
        found |= hold_items(trace, a, b)
    return found


def mutable(trace: Trace, x: Any, frozen_too: bool = False) -> Iterator[Any]:
    """The lists, dicts and objects that a structure is made of, but for rows, which are known by a number."""
    yield from (part for _, part in mutable_at(trace, x, frozen_too))


def mutable_at(
    trace: Trace, x: Any, frozen_too: bool = False, at: str = ""
) -> Iterator[tuple[str, Any]]:
    """The lists, dicts and objects that a structure is made of, each with where it is."""
    if is_numeric(x) or known_in(x) is not None:
        return
    parts = parts_of(trace, x)
    can_change = frozen_too or not is_frozen(class_of(x))
    can_change &= not isinstance(x, (tuple, Either))
    is_list = isinstance(x, TracedList) and x.python_type is list
    if (parts is not None or is_list) and can_change and as_parts(x) is None:
        yield at, x
    for key, part in parts or ():
        yield from mutable_at(trace, part, frozen_too, f"{at}[{key!r}]")


@dataclass(eq=False)
class LeafScope:
    """The leaves of the structure that a variable holds, as variables of their own."""

    trace: Trace
    scope: Any
    name: str

    parent = None
    syntax = None

    def __post_init__(self) -> None:
        self.locals: MutableMapping[str, Any] = _Leaves(self)


class _Leaves(MutableMapping[str, Any]):
    def __init__(self, owner: LeafScope) -> None:
        self.owner = owner

    def _all(self) -> dict[str, Any]:
        return leaves_of(self.owner.trace, self.owner.scope.locals[self.owner.name])

    def __getitem__(self, name: str) -> Any:
        return self._all()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        owner = self.owner
        leaves = {**self._all(), name: value}
        known = owner.scope.locals[owner.name]
        owner.scope.locals[owner.name] = rebuilt(owner.trace, known, leaves)

    def __delitem__(self, name: str) -> None:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


__all__ = ["LeafScope", "are_alike", "leaves_of", "mutable", "parts_of", "pools_in"]
