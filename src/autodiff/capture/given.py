"""Lists and tuples of numbers among the arguments: one array to the program, whatever their length.

    def loss(a, xs, ys):
        s = 0.0
        for x, y in zip(xs, ys):         loss(2.0, [0.1, 0.2, …], [1.0, 1.5, …])
            s += (a * x - y) ** 2
        return s

    float64[n0], float64[n0]             the inputs that xs and ys are: no program for each length

What the function sees is a list in a store (:mod:`~autodiff.capture.lists`), whose items are the
elements of an input.  It may be read in every way; where it is changed (by a function whose value is
asked for), or its numbers shape the program, or a tuple is used as no array can be, the call
is captured again with the numbers one by one.

Which lists these are is told by the types of their items, which must be one: Python's floats or ints
or NumPy's float64.  Short lists of ints are shapes, axes and counts, which programs are made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers
from autodiff.capture import choices, contents
from autodiff.capture.lists import TracedList, is_stored
from autodiff.capture.numbering import ArraysMatter
from autodiff.capture.pools import RowsMatter, pool_of
from autodiff.capture.records import (
    Number,
    Several,
    forms,
    has_given,
    has_lists,
    template_of_part,
    width,
)
from autodiff.capture.slots import Slot, is_listed
from autodiff.capture.stores import is_item, is_unknown
from autodiff.dims import bounds
from autodiff.ir.data import Value
from autodiff.ladder import NotStaged
from autodiff.ops.either import is_array
from autodiff.ops.tracer import Form, Tracer
from autodiff.plain_data import dataclass
from autodiff.tables import Array, Table, classes_of

if TYPE_CHECKING:
    from autodiff.capture.trace import Trace

FEW_INTS = 8
_LARGEST_INT = 2**62


def kind_of(obj: Any, few_ints: int = FEW_INTS) -> type | None:
    """The one type of the numbers in a list or tuple that is one array, else None."""
    if type(obj) not in (list, tuple) or not obj:
        return None
    kind: type = type(obj[0])
    if kind not in (float, int, np.float64) or set(map(type, obj)) != {kind}:
        return None
    if kind is int and (
        len(obj) < few_ints or max(obj) >= _LARGEST_INT or min(obj) <= -_LARGEST_INT
    ):
        return None
    return kind


def is_whole(obj: Any) -> bool:
    """Whether a list or tuple is one array to the program."""
    return kind_of(obj) is not None


def array_of(obj: Any, as_float: bool) -> np.ndarray:
    """The numbers as an array; ``as_float``: ints that are differentiated."""
    return np.array(obj, np.float64 if as_float or type(obj[0]) is not int else np.int64)


class TracedTuple(TracedList):
    """A tuple whose items are elements of one array."""

    __slots__ = ()
    python_type = tuple

    def _refuse_frozen(self) -> None:
        raise NotStaged("a change of a tuple")

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, (tuple, TracedTuple)):
            return NotImplemented
        return _joined(self, other)

    def __radd__(self, other: Any) -> Any:
        return _joined(other, self) if isinstance(other, tuple) else NotImplemented

    def __iadd__(self, other: Any) -> Any:
        return self + other

    def __mul__(self, times: Any) -> Any:
        made = super().__mul__(times) if type(times) is int else None
        return made if isinstance(made, TracedTuple) and made.is_stored() else tuple(self) * times

    __rmul__ = __mul__
    __imul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, TracedTuple) else other)

    def __hash__(self) -> int:  # type: ignore[override]
        raise NotStaged("the hash of a tuple")

    def __repr__(self) -> str:
        return repr(tuple(self))

    __str__ = __repr__

    def _new(self, items: Any) -> TracedTuple:
        return TracedTuple(items, self.trace)

    def copy(self) -> TracedTuple:
        """A tuple is its own copy."""
        return self

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> TracedTuple:
        return self


def converted(x: TracedList, kind: type[TracedList]) -> TracedList | None:
    """The list of a tuple's items, or the tuple of a list's; None where they are not all in one array."""
    array = x.numbers()
    if array is None or x.store is None:
        return None
    made = kind((), x.trace)
    made.fill(array, x.store.slot, x.store.count.value)
    return made


def _joined(*tuples: Any) -> Any:
    (trace,) = {x.trace for x in tuples if isinstance(x, TracedTuple)}
    lists = [
        converted(x, TracedList) if isinstance(x, TracedTuple) else TracedList(x, trace)
        for x in tuples
    ]
    both = None if any(x is None for x in lists) else contents.joined(*lists)
    made = None if both is None else converted(both, TracedTuple)
    return (*tuples[0], *tuples[1]) if made is None else made


TracedTuple.__name__ = "tuple"  # what errors call it


def transposed(x: Any) -> list[TracedTuple] | None:
    """What ``zip(*x)`` gives, of records of a list that is kept in columns; None of anything else."""
    if not isinstance(x, TracedList) or not isinstance(x.template, Several):
        return None
    low, _ = bounds(x.extent)
    if x.columns is None or not x.is_even() or low is None or low < 1:
        return None
    columns = [_as_tuple(column) for column in x.columns]
    made, first = [], 0
    for part in x.template.parts:
        mine = columns[first : first + width(part)]
        first += width(part)
        if not mine or any(column is None for column in mine):
            return None
        whole = mine[0] if isinstance(part, Number) else TracedTuple((), x.trace)
        if whole is not None and whole is not mine[0]:
            whole.columns, whole.template = tuple(mine), part
        made.append(whole)
    return [whole for whole in made if whole is not None]


def _as_tuple(column: TracedList) -> TracedTuple | None:
    """The tuple of the items that a column has now."""
    store = column.store
    if store is None or store.changed is not None or store.rows is not None:
        return None
    made = TracedTuple((), column.trace)
    made.fill(Tracer(store.buffer.value), store.slot, store.count.value)
    return made


@dataclass(frozen=True, eq=False)
class Given:
    """A list that is an argument: what stands for it, which leaf, and what it began with."""

    list: TracedList
    leaf: int | None  # None: a column of records
    buffer: Value
    count: Value


def _given(made: TracedList, leaf: int | None) -> Given:
    assert made.store is not None
    return Given(made, leaf, made.store.buffer.value, made.store.count.value)


def enter(trace: Trace, obj: Any, tracer: Tracer, leaf: int | None) -> TracedList:
    """What stands for a list or tuple whose items are the elements of an input."""
    form: Form = "scalar" if kind_of(obj) is np.float64 else "python"
    made = TracedTuple((), trace) if type(obj) is tuple else TracedList((), trace)
    made.fill(tracer, Slot(tracer.dtype, (), form))
    trace.given[id(made)] = _given(made, leaf)
    return made


def enter_table(trace: Trace, table: Table) -> TracedList:
    """What stands for a list or tuple of records whose columns are inputs."""
    made = TracedTuple((), trace) if table.layout.cls is tuple else TracedList((), trace)
    part = table.layout.part
    columns = []
    for tracer, form in zip(table.columns, forms(part), strict=True):
        column = made if isinstance(part, Array) else TracedList((), trace)
        column.fill(tracer, Slot(tracer.dtype, tuple(tracer.shape[1:]), form))
        trace.given[id(column)] = _given(column, None)
        columns.append(column)
        if form == "array" and column.store is not None:
            trace.copied[column.store.buffer] = None
    if not isinstance(part, Array):
        made.columns = tuple(columns)
        made.template = template_of_part(part, table.columns, TracedList)
    trace.tables.append((made, made.columns, table))
    return made


def is_unchanged(trace: Trace, x: TracedList) -> bool:
    """Whether a list is an argument, as it was given."""
    found, store = trace.given[id(x)], x.store
    return (
        store is not None
        and store.buffer.value is found.buffer
        and store.count.value is found.count
    )


def leave(trace: Trace, result: Any, derivative: bool) -> None:
    """Refuse what cannot be done with whole lists, at the end of a capture."""
    _refuse_copied(trace, result)
    _refuse_shared(trace, None if derivative else result)
    unchanged = all(is_unchanged(trace, x.list) for x in trace.given.values())
    if not derivative and not (unchanged and all(x.columns is y for x, y, _ in trace.tables)):
        raise NotStaged("a change of a list that is an argument")
    ints = {x.buffer for x in trace.given.values() if x.buffer.dtype.kind == "i"}
    if ints and any(v in ints for value in trace.guarded for v in trace.origins(value)):
        raise NotStaged("an int of a list that shapes the program")


def refuse_change_beside(trace: Trace) -> None:
    """A list or dict among the arguments has changed: it may be a record, of which there are copies."""
    if any(classes_of(table.layout.part) for _, _, table in trace.tables):
        raise NotStaged("a change beside records in a list that is an argument")


def _refuse_copied(trace: Trace, result: Any) -> None:
    """Refuse where it shows that the records of a table are copies."""
    if not trace.copied and not trace.tables:
        return
    if trace.copied and any(record.cell.version for record in trace.inputs):
        raise NotStaged("a store beside arrays in a list that is an argument")
    if trace.has_changed_items():
        raise NotStaged("a change of a record of a list that is an argument")
    if any(_may_be_a_record(trace, place.owner) for place in trace.state.places.values()):
        raise NotStaged("a store beside records in a list that is an argument")
    moved = Moved([cell.value for cell in trace.copied])

    def is_copied(x: Any) -> bool:
        if id(x) in trace.items:
            return True
        if isinstance(x, TracedList):
            is_given = x.template is not None and has_given(x.template)
            stores = [part.store for part in x.parts() if part.store is not None]
            return is_given or any(moved.is_moved(store.buffer.value) for store in stores)
        return is_array(x) and moved.is_moved(x.value)

    kept = [result, *trace.state.outside()]
    if containers.holds(kept, is_copied, stop=is_stored):
        raise NotStaged("a record of a list that is an argument is kept")


def _refuse_shared(trace: Trace, result: Any) -> None:
    """Refuse where it shows that lists are items of others, or several times, of which there are copies."""
    outside = trace.state.outside()
    found = [
        x
        for x in trace.made_in([outside, result])
        if isinstance(x, TracedList) and x.python_type is list and id(x) not in trace.items
    ]
    if trace.chosen:
        parts = [*trace.made_in([outside, result])]
        trace.refuse_copies(
            [*parts, *(x for part in parts for x in choices.known_objects_of(part))]
        )
    _refuse_shared_arrays(trace, outside, result)
    if trace.shares_rows:
        made = {id(x) for x in containers.walk(outside, is_stored)}
        if any(id(x) in made and pool_of(x) is not None for x in found):
            raise NotStaged("lists that are items of a list, kept outside")
        return
    copies = [x for x in found if x.frozen]
    holders = [x for x in found if x.columns and x.template and has_lists(x.template)]
    if copies and len(copies) + len(holders) > 1 or (trace.copies_given and (copies or holders)):
        raise RowsMatter("a list that is an item of a list, in the result as well")


def _refuse_shared_arrays(trace: Trace, outside: list[Any], result: Any) -> None:
    """Refuse copies of arrays in lists where it shows that these are in the result several times."""
    numbering = trace.numbering
    given = any(cell.listed for cell in trace.cells_of_inputs())

    parts = list(trace.made_in([outside, result]))
    lists = [x for x in parts if _holds_arrays(x)]
    arrays = {id(x): x for x in parts if is_array(x)}.values()
    items = [x for x in arrays if is_listed(x) or is_item(x) or (lists and is_unknown(x))]
    if not (lists or numbering.keeps) and len(items) + given < 2:
        return
    if items or given or numbering.repeats or (numbering.derives and len(lists) > 1):
        if not numbering.is_carried:
            raise ArraysMatter("arrays of a list that are one, or in the result as well")
        if any(_holds_arrays(x) for x in trace.made_in(outside)):
            raise NotStaged("arrays that are items of a list, kept outside")


def _holds_arrays(x: Any) -> bool:
    """Whether a list holds copies of arrays."""
    if not isinstance(x, TracedList):
        return False
    for part in x.parts():
        if part.store is not None:
            if part.store.slot.form == "array":
                return True
        elif x.columns is not None and any(map(is_array, list.__iter__(part))):
            return True
    return False


def _may_be_a_record(trace: Trace, owner: Any) -> bool:
    """Whether an object that is stored into may be a record of a table as well."""
    is_namespace = isinstance(owner, dict) and "__name__" in owner
    return not is_namespace and any(
        type(owner) in classes_of(table.layout.part) for _, _, table in trace.tables
    )


# Operations whose result has elements of their operands, as they are.
_MOVES = frozenset(
    (
        "broadcast", "cast", "concatenate", "gather", "reshape", "reverse", "scatter_update", "select",
        "slice", "slice_update", "sort", "stop_gradient", "transpose",
    )
)  # fmt: skip


class Moved:
    """Which values of a program may be, or be made of, some arrays or parts of them as they are."""

    def __init__(self, sources: Sequence[Value]) -> None:
        self.sources = set(sources)
        self.before: dict[Value, list[Value]] = {}  # of parameters of loops: what they may be

    def is_moved(self, value: Value) -> bool:
        """Whether nothing was computed between one of the arrays and a value."""
        seen: set[Value] = set()
        pending = [value]
        while pending:
            current = pending.pop()
            if current in self.sources:
                return True
            if current not in seen:
                seen.add(current)
                pending += self._made_of(current)
        return False

    def _made_of(self, value: Value) -> Sequence[Value]:
        owner = value.owner
        if owner is None:
            return self.before.get(value, ())
        if owner.kind in _MOVES:
            return owner.operands
        if owner.kind == "cond":
            k = owner.results.index(value)
            return [block.outputs[k] for block in owner.regions]
        if owner.kind not in ("for", "while"):
            return ()
        body, first = owner.regions[-1], 1 if owner.kind == "while" else 0
        for block in owner.regions:
            parameters = block.parameters[len(block.parameters) - len(owner.operands) :]
            for k, parameter in enumerate(parameters):
                self.before[parameter] = [owner.operands[k], body.outputs[k]]
        k = owner.results.index(value) - first
        return [body.outputs[k], *owner.operands[k : k + 1]] if k >= 0 else ()


__all__ = [
    "TracedTuple",
    "array_of",
    "converted",
    "enter",
    "enter_table",
    "is_unchanged",
    "is_whole",
    "kind_of",
    "leave",
    "refuse_change_beside",
    "transposed",
]
