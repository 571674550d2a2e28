"""Objects and dicts that are items of a list: one array for each attribute, each object known by its number.

    ps = [Particle(x, 0.0) for x in xs]     x: float64[n], v: float64[n]; ps: int64[n], the numbers of its items
    for p in ps:
        p.v += a * p.x                      a load of x, a load and a store of v

A *member* is an object that the captured code has made, once it has been put into a list that a loop fills.  Whichever
variables and lists hold it from then on hold its number (:class:`~autodiff.capture.choices.Among`), so two of them are one
object exactly where they are in plain Python.  Members are of one class, with numbers of one type under a name; what is
no number (a string, None) is the same for all.

Whoever needs a member as the Python object that it is (a library, text, the result) refuses, and the function is captured
once more without members.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import fields, replace
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from autodiff import containers
from autodiff.capture import choices
from autodiff.capture.arrays import Chosen
from autodiff.capture.choices import Among, group_and_index
from autodiff.capture.parts import table_of
from autodiff.capture.reaching import reaches
from autodiff.capture.slots import Slot, is_numeric, slot_of
from autodiff.capture.stores import array_of, place
from autodiff.dims import Extent
from autodiff.ladder import AmbiguousStore, Bail, NotStaged, Rung
from autodiff.later import later
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.dispatch import extent_of
from autodiff.ops.either import is_array
from autodiff.ops.indexing import Basic, SliceStep, slice_step
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import StoredList, Tracer, as_tracer
from autodiff.plain_data import dataclass
from autodiff.sameness import same_value

if TYPE_CHECKING:
    from autodiff.capture import regions
else:
    regions = later("autodiff.capture.regions")

ANEW = "anew"  # what an attempt has to know: that no loop carries those of lists that passes make
MEMBERS = "members"  # what an attempt has to know: that objects in lists are Python's own


Needed: TypeAlias = "Slot | Form | Members"  # what a list of some parts has to hold


def MemberNeeded(what: str) -> Bail:
    """A member is needed as the object that it is."""
    return Bail(Rung.LEARNT, what, needs=(MEMBERS,))


@dataclass(frozen=True)
class Form:
    """What members have in common: the class, the types of their parts, and what is no part of its own."""

    cls: type
    slots: dict[str, Needed]  # what the list of each part has to hold
    fixed: dict[str, Any]
    order: tuple[str, ...]
    owned: frozenset[str]  # the arrays that nobody else has

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Form)
            and self.cls is other.cls
            and (self.order, self.owned) == (other.order, other.owned)
            and self.slots.keys() == other.slots.keys()
            and all(_are_alike(slot, other.slots[name]) for name, slot in self.slots.items())
            and same_value(tuple(self.fixed.items()), tuple(other.fixed.items()))
        )

    __hash__ = None  # type: ignore[assignment]

    def is_array(self, name: str) -> bool:
        """Whether members hold arrays under a name."""
        slot = self.slots[name]
        return isinstance(slot, Slot) and slot.form == "array"


def _are_alike(a: Needed, b: Needed) -> bool:
    """Whether one column can hold parts of two members; of which types numbers are, it sees to itself."""
    if isinstance(a, Slot) and isinstance(b, Slot):
        return a == b if "array" in (a.form, b.form) else True
    a, b = (x.form if isinstance(x, Members) else x for x in (a, b))
    return isinstance(a, Form) and a == b


def form_of(trace: Any, x: Any, around: tuple[int, ...] = ()) -> Form | None:
    """What an object or dict is as a member; None where it can be none, as that which is a part of itself (``around``)."""
    table = _parts(x)
    if not table or not all(type(name) in (str, int) for name in table):
        return None
    slots, fixed = dict[str, Needed](), dict[str, Any]()
    for name, part in table.items():
        needed = needed_for(trace, part, (*around, id(x)))
        if part is None or isinstance(part, (str, bytes)):
            fixed[name] = part
        elif needed is None:
            return None
        else:
            slots[name] = needed
    arrays = [name for name, part in table.items() if is_array(part)]
    if not slots or (arrays and trace.distinguish_arrays):
        return None
    owned = frozenset(name for name in arrays if _is_owned(trace, x, name))
    return Form(type(x), slots, fixed, tuple(table), owned)


def needed_for(trace: Any, x: Any, around: tuple[int, ...] = ()) -> Needed | None:
    """What a list has to be to hold a number, array or object among its items; None where no array holds it."""
    if is_numeric(x):
        return slot_of(x)
    known = member(x)
    if known is not None:
        return known[0]
    return None if id(x) in around else form_of(trace, x, around)


def _is_owned(trace: Any, x: Any, name: str) -> bool:
    """Whether nobody but an object has the array that it holds under a name."""
    table = _parts(x)
    assert table is not None
    array = table[name]
    if not _is_whole(trace, array):
        return False
    others = [value for key, value in table.items() if key != name]

    def partly(other: Any) -> list[Any] | None:
        return others if other is x or other is containers.found_plainly(x, "__dict__") else None

    objects = [*regions.live_scopes(trace.calling), *others]
    return not reaches(trace, objects, _is_part_of(array), partly)


def _is_whole(trace: Any, array: Any) -> bool:
    """Whether something is an array that the captured code has made, and no part of another one."""
    if not isinstance(array, Tracer) or array.path or isinstance(array.cell, Chosen):
        return False
    if array.cell.listed or isinstance(array, ComplexTracer):
        return False
    return not any(record.cell is array.cell for record in trace.inputs)


def _is_part_of(array: Tracer) -> Callable[[Any], bool]:
    return lambda x: isinstance(x, Tracer) and array.cell in regions.cells_of(x)


def _parts(x: Any) -> Mapping[str, Any] | None:
    """What an object or dict holds by name, if that is all there is to it."""
    if type(x) is dict:
        return x
    cls: Any = type(x)
    if isinstance(x, (Tracer, list, tuple)) or not hasattr(cls, "__dict__"):
        return None
    if cls.__getattribute__ is not object.__getattribute__ or hasattr(cls, "__getattr__"):
        return None
    return table_of(x)


@dataclass(frozen=True)
class RowStep(SliceStep):
    """The step from a column to the array that the member of a number holds."""

    pool: Any = None
    name: str = ""
    number: Any = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowStep) and self.selection == other.selection

    __hash__ = None  # type: ignore[assignment]

    def moved(self, starts: tuple[Extent, ...]) -> RowStep:
        """The row of another number."""
        at = starts[0]
        number = at if isinstance(at, int) else Tracer(as_tracer(at).value, "python")
        return row_at(SliceStep.moved(self, starts), self.pool, self.name, number)


class Members:
    """The members that there are; what each holds is a list for itself, whose items may be members too."""

    is_own = False

    @property
    def can_be_own(self) -> bool:
        """Whether they may be carried with the one list that has them."""
        return bool(self.trace.renews_members)

    def __init__(self, home: Any, form: Form) -> None:
        self.trace = home.trace
        self.trace.used_members.append(self)
        self.form = form
        self.cls = form.cls
        self.columns: dict[str, Any] = {}
        self.given: dict[int, int | None] = {}  # identities of those that the caller has
        for name in form.slots:
            self.columns[name] = home._new(())
            self.columns[name].block = home.block

    def copy(self, clones: dict[Any, tuple[Any, Any]]) -> Members:
        """A pool of copies of all members, which Python would make by copying what they hold."""
        if not choices.is_copied_plainly(self.cls):
            raise self.refusal()
        made = copy(self)
        made.given = {}
        made.columns = {
            name: copy_of_members(column, clones) or column.copy()
            for name, column in self.columns.items()
        }
        self.trace.used_members.append(made)
        return made

    @property
    def block(self) -> Any:
        """Where it was made."""
        return next(iter(self.columns.values())).block

    @property
    def objects(self) -> Any:
        """The objects as they are: nobody has them."""
        raise self.refusal()

    def all_columns(self) -> list[Any]:
        """The lists of numbers and arrays that members are made of, those in members that are parts too."""
        columns = [c for pool in (self, *self.inner()) for c in pool.columns.values()]
        lasting = [
            c.parts()[0] if isinstance(getattr(c.template, "pool", None), Members) else c
            for c in columns
        ]
        return list({id(column): column for column in lasting}.values())

    def inner(self, known: tuple[Any, ...] = ()) -> list[Any]:
        """The pools of members that are parts of these."""
        found = list[Any]()
        for column in self.columns.values():
            pool = getattr(column.template, "pool", None)
            if pool is not None and not any(pool is x for x in (*known, *found, self)):
                found += [pool, *pool.inner((*known, *found, self, pool))]
        return found

    def holders(self) -> list[Any]:
        """The lists that members are made of, whose items may be members of other pools."""
        return list(self.columns.values())

    def lists(self) -> list[Any]:
        """The lists in stores that members are made of."""
        return [part for column in self.all_columns() for part in column.parts()]

    def layout(self, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """What two pools have in common of which one can be in the place of the other."""
        if self in known:
            return (known.index(self),)
        known, parts = (*known, self), list[Any]()
        for name, column in self.columns.items():
            pool = getattr(column.template, "pool", None)
            if pool is None:
                parts.append((name, column.template, [part.store.slot for part in column.parts()]))
            else:
                parts.append((name, pool.layout(known)))
        form = self.form
        return self.cls, form.order, form.owned, tuple(form.fixed.items()), parts

    def of_lists(self, lists: Sequence[Any]) -> Members:
        """A pool like this one of other parts, whose members are items of one list alone."""
        self.trace.has_renewed = True
        return self._of(dict(zip(map(id, self.lists()), lists, strict=True)), {})

    def _of(self, lists: dict[int, Any], known: dict[Any, Members]) -> Members:
        if self in known:
            return known[self]
        made = known[self] = copy(self)
        made.is_own, made.columns = True, {}
        for name, column in self.columns.items():
            parts = [lists[id(part)] for part in column.parts()]
            if column.columns is None:
                made.columns[name] = parts[0]
                continue
            made.columns[name] = parts[0]._new(())
            pool, template = getattr(column.template, "pool", None), column.template
            made.columns[name].columns = tuple(parts)
            made.columns[name].template = (
                template if pool is None else replace(template, pool=pool._of(lists, known))
            )
        self.trace.used_members.append(made)
        return made

    def refusal(self) -> Bail:
        """Why none of them can be had."""
        return MemberNeeded("a use of an object itself that is an item of a list")

    def _unfit(self, reason: str) -> Bail:
        """What no loop can do with members; and nothing else can."""
        return NotStaged(reason) if self.trace.rolling else MemberNeeded(reason)

    def whole(self, numbers: Tracer) -> Tracer | None:
        """Members of some numbers as one array: there is none."""
        return None

    def row(self, number: Any) -> Any:
        """The member of a number."""
        return Among(self, number)

    def fits(self, item: Any) -> bool:
        """Whether something is a member, or can become one."""
        if type(item) is Among:
            return group_and_index(item)[0] is self
        form = form_of(self.trace, item)
        return form is not None and form == self.form

    def number(self, item: Any) -> Any:
        """The number of a member; of an object that becomes one now."""
        if type(item) is Among:
            return group_and_index(item)[1]
        if self.trace.state.is_kept(item):
            raise self._unfit("an object that is put into a list and is kept outside")
        if not self._is_of_pass(item):
            self._take_before(item)
        length = next(iter(self.columns.values())).extent
        number = length if isinstance(length, int) else Tracer(as_tracer(length).value, "python")
        table = _parts(item)
        assert table is not None
        for name, column in self.columns.items():
            column.append(table[name])
        if isinstance(number, int):
            self.given[number] = id(item) if self.trace.is_given(item) else None
        elif self.trace.is_given(item):
            raise self._unfit("an object of the caller's that passes put into a list")
        self._rename(item, number)
        return number

    def numbers(self, items: list[Any]) -> list[Any]:
        """The numbers of the items of a list that was made before, each of which may be in it several times."""
        if not all(map(self.fits, items)):
            raise self._unfit("a list of different things")
        known: dict[int, Any] = {}
        for item in items:
            if id(item) not in known:
                known[id(item)] = self.number(item)
        return [known[id(item)] for item in items]

    def _rename(self, item: Any, number: Any) -> None:
        """Have the variables that hold an object hold the member; nothing else may."""
        trace = self.trace
        scopes = regions.live_scopes(trace.calling)
        for scope in scopes:
            for name in [k for k, value in scope.locals.items() if value is item]:
                self._give(scope.locals, name, number)
        holders = list[Any]()

        def partly(x: Any) -> list[Any] | None:
            table = _parts(x) if x is not item and trace.was_made(x) else None
            if table is None or not any(value is item for value in table.values()):
                return [] if x is item else None
            holders.append((x, table))
            return [value for value in table.values() if value is not item]

        if reaches(trace, list(scopes), lambda x: False, partly):
            raise self._unfit("an object that is put into a list, among very many others")
        for x, table in holders:  # objects and dicts that have it as a part
            for name in [k for k, value in table.items() if value is item]:
                if not trace.parts.save(x, name):
                    raise self._unfit("an object that is put into a list and is a part of others")
                self._give(table, name, number)
        if reaches(trace, list(scopes), lambda x: x is item):
            raise self._unfit("an object that is put into a list and is known otherwise as well")

    def _give(self, table: Any, name: str, number: Any) -> None:
        """Have a variable, or a part of something, hold the member (``findings.Findings.renamed``)."""
        row = self.row(number)
        self.trace.renamed.append((self, table, name, table[name], row))
        table[name] = row

    def _is_of_pass(self, item: Any) -> bool:
        """Whether an object was made in this region, or in this pass of a loop around it that carries the members."""
        made = self.trace.made
        depths = [body.depth for body in self.trace.rolling if body.home is self.block]
        return any(x.get(id(item)) is item for x in (made[min(depths) :] if depths else made[-1:]))

    def _take_before(self, item: Any) -> None:
        """Have an object that was made before the loop, with the pool, become a member before it."""
        home = next(iter(self.columns.values()))
        if home.is_here() or not any(made.get(id(item)) is item for made in self.trace.made[:-1]):
            raise self._unfit("an object that is put into a list and was made before")
        home.request(Joining(self, item))

    def load(self, name: str, number: Any) -> Any:
        """What a member holds under a name."""
        if name not in self.columns:
            return self.form.fixed[name]
        if not self.form.is_array(name):
            return self.columns[name][number]
        if name in self.form.owned:
            return self._view(name, number)
        store = self._store(name)
        made = Tracer(reshape(store.item(extent_of(number)), store.slot.shape).value, "array")
        made.cell.listed = True
        return made

    def _store(self, name: str) -> Any:
        store = self.columns[name].store
        if store is None or store.rows is not None:
            raise self._unfit("arrays of objects that a loop of unknown length puts into a list")
        return store

    def _view(self, name: str, number: Any) -> Tracer:
        """The array that a member holds, as the part of the column that it is."""
        store = self._store(name)
        starts, sizes, steps = place(extent_of(number), store.slot)
        axes = tuple(range(1, len(starts)))
        step = slice_step(Basic(starts, sizes, steps, store.slot.shape, axes))
        return Tracer(store.buffer, "array", (row_at(step, self, name, number),))

    def holds(self, name: Any) -> bool:
        """Whether members hold something under a name."""
        return name in self.columns or name in self.form.fixed

    def lacks(self, name: str) -> bool:
        """Whether members hold nothing of their own under a name."""
        return not self.holds(name)

    def attribute(
        self,
        frame: Any,
        number: Any,
        name: str,
        static: Any,
        node: ast.AST,
        load: Callable[..., Any],
    ) -> Any:
        """``x.name`` of a member, that no property or method of its class is; ``static``: what the class has."""
        if issubclass(self.cls, dict):
            raise MemberNeeded(f"the method {name!r} of a dict that is an item of a list")
        if self.holds(name) and not _is_described(static):
            return self.load(name, number)
        if static is None or hasattr(type(static), "__get__"):
            raise MemberNeeded(f"the attribute {name!r} of an object that is an item of a list")
        return load(frame, self.cls, name, node)

    def store_attribute(self, number: Any, name: str, static: Any, value: Any) -> None:
        """``x.name = value`` of a member."""
        cls: Any = self.cls
        if cls.__setattr__ is not object.__setattr__ or _is_described(static):
            raise MemberNeeded(f"a store of {name!r} into an object that is an item of a list")
        self.store(name, number, value)

    def store(self, name: Any, number: Any, value: Any) -> None:
        """Have a member hold another number under a name."""
        own = self.given.values() if not isinstance(number, int) else [self.given.get(number)]
        if any(own):
            raise MemberNeeded("a store into an object of the caller's that is an item of a list")
        if name not in self.columns or needed_for(self.trace, value) is None:
            raise MemberNeeded(f"a store of {name!r} into an object that is an item of a list")
        if self.form.is_array(name):
            self._put(name, number, value)
        else:
            self.columns[name][number] = value

    def _put(self, name: str, number: Any, value: Any) -> None:
        """Have a member hold another array under a name."""
        store = self._store(name)
        if not is_array(value) or slot_of(value) != store.slot:
            raise self._unfit(
                "arrays of different types or shapes in objects that are items of a list"
            )
        if name not in self.form.owned:
            value.cell.listed = True
            store.put(extent_of(number), Tracer(value.value, "array"))
            return
        view = self._view(name, number)
        if value.cell is view.cell and value.path == view.path:
            return  # ``p.x += y``, which has stored into it
        if not _is_whole(self.trace, value):
            raise self._unfit(
                "an array of others that is put into an object that is an item of a list"
            )
        scopes = regions.live_scopes(self.trace.calling)
        held = [(scope.locals, k, x) for scope in scopes for k, x in scope.locals.items()]
        parts = _is_part_of(view)
        for variables, k, x in held:  # what was there is from now on the variables' alone
            if parts(x):
                if x.path != view.path:
                    raise self._unfit(
                        "an array of an object that is an item of a list has another name"
                    )
                variables[k] = Tracer(x.value, "array")
        names = [(variables, k) for variables, k, x in held if _is_part_of(value)(x)]
        for variables, k in names:
            if variables[k].path:
                raise self._unfit(
                    "a part of an array that is put into an object that is an item of a list"
                )
        store.put(extent_of(number), Tracer(value.value, "array"))
        for variables, k in names:
            variables[k] = self._view(name, number)
        if reaches(self.trace, list(scopes), lambda x: _is_part_of(value)(x)):
            raise self._unfit(
                "an array that is put into an object in a list and is known otherwise as well"
            )


@dataclass(frozen=True)
class Joining:
    """What a loop needs: that an object which was there before it is a member from then on."""

    pool: Members
    item: Any


def _is_described(static: Any) -> bool:
    """Whether a store to an attribute of instances is more than that."""
    return hasattr(type(static), "__set__") and type(static) is not MemberDescriptorType


class HeldArrays(Members):
    """Arrays that are items of lists, and change: rows of one array, each known by its number.

    rows[i] += x                    a load and a store of the row
    rows[i] = a @ rows[i - 1]       one more row, and its number is stored
    rows[i], rows[j] = rows[j], rows[i]
    """

    @property
    def slot(self) -> Slot:
        """The type of the arrays."""
        slot = self.form.slots[""]
        assert isinstance(slot, Slot)
        return slot

    def row(self, number: Any) -> Any:
        """The array of a number."""
        return self._view("", number)

    def fits(self, item: Any) -> bool:
        """Whether something is one of the arrays, or can become one."""
        if not is_array(item) or isinstance(item, ComplexTracer):
            return False
        if slot_of(item) != self.slot:
            return False
        return self._is_own(item) or _is_whole(self.trace, item)

    def _is_own(self, item: Tracer) -> bool:
        step = row_step(item)
        return step is not None and step.pool is self

    def number(self, item: Any) -> Any:
        """The number of an array; of one that becomes an item now, and is an item of nothing else."""
        step = row_step(item)
        if step is not None and step.pool is self:
            return step.number
        if item.cell.block is not self.trace.builder.block:
            raise self._unfit("an array that is put into a list and was made before")
        (column,) = self.columns.values()
        length = column.extent
        number = length if isinstance(length, int) else Tracer(as_tracer(length).value, "python")
        column.append(Tracer(item.value, "array"))
        self._take_name(item, number)
        return number

    def _take_name(self, item: Tracer, number: Any) -> None:
        """Have the variables that hold an array hold the row; nothing else may."""
        scopes, parts = regions.live_scopes(self.trace.calling), _is_part_of(item)
        for scope in scopes:
            for name in [k for k, x in scope.locals.items() if parts(x)]:
                if scope.locals[name].path:
                    raise self._unfit("a part of an array that is put into a list")
                self._give(scope.locals, name, number)
        if reaches(self.trace, list(scopes), parts):
            raise self._unfit("an array that is put into a list and is known otherwise as well")

    def numbers(self, items: list[Any]) -> list[Any]:
        """The numbers of the items of a list that was made before, each of which may be in it several times."""
        if not all(map(self.fits, items)):
            raise self._unfit("a list of different things")
        (column,) = self.columns.values()
        new = list({x.cell: x for x in items if not self._is_own(x)}.values())
        if not new or column.store is not None:
            return [self.number(x) for x in items]
        if any(x.cell.block is not column.block for x in new):
            raise self._unfit("an array that is put into a list and was made before")
        column.fill(array_of([Tracer(x.value, "array") for x in new], self.slot), self.slot)
        for number, x in enumerate(new):
            self._take_name(x, number)
        known = {x.cell: number for number, x in enumerate(new)}
        return [known[x.cell] for x in items]

    def _unfit(self, reason: str) -> Bail:
        return NotStaged(reason) if self.trace.rolling else AmbiguousStore(reason)

    def whole(self, numbers: Tracer) -> Tracer | None:
        """The arrays of some numbers as one."""
        store = self._store("")
        whole: Tracer = store.rows_up_to(store.length)[Tracer(numbers.value, "array")]
        return whole

    def copy(self, clones: dict[Any, tuple[Any, Any]]) -> Members:
        """A pool of copies of all arrays."""
        made = copy(self)
        made.columns = {name: column.copy() for name, column in self.columns.items()}
        self.trace.used_members.append(made)
        return made


def form_of_array(trace: Any, x: Any) -> Form | None:
    """What an array is as an item of a list that changes; None of others."""
    if not is_array(x) or isinstance(x, ComplexTracer) or not _is_whole(trace, x):
        return None
    return Form(np.ndarray, {"": slot_of(x)}, {}, ("",), frozenset(("",)))


def pool_for(home: Any, form: Form) -> Members:
    """A pool of members, made where a list was."""
    return HeldArrays(home, form) if form.cls is np.ndarray else Members(home, form)


def copy_of_members(x: Any, clones: dict[Any, tuple[Any, Any]]) -> Any:
    """``copy.deepcopy`` of a list of members: of a pool of its own; None of anything else."""
    template: Any = getattr(x, "template", None) if isinstance(x, StoredList) else None
    pool = getattr(template, "pool", None)
    if not isinstance(pool, Members):
        return None
    if pool not in clones:
        clones[pool] = (pool, pool.copy(clones))
    made = x.copy()
    made.template = replace(template, pool=clones[pool][1])
    return made


def member(x: Any) -> tuple[Members, Any] | None:
    """The pool and the number of a member."""
    if type(x) is not Among:
        return None
    group, number = group_and_index(x)
    return (group, number) if isinstance(group, Members) else None


def row_at(step: SliceStep, pool: Members, name: str, number: Any) -> RowStep:
    """A slice of a column as the step to what the member of a number holds."""
    known = {f.name: getattr(step, f.name) for f in fields(step)}
    return RowStep(**known, pool=pool, name=name, number=number)


def row_step(x: Tracer) -> RowStep | None:
    """How an array is one that a member holds, if it is."""
    step = x.path[0] if len(x.path) == 1 else None
    return step if isinstance(step, RowStep) else None


def refuse_part(trace: Any, x: Tracer) -> None:
    """Refuse an array in the result that is a part of one that a member holds."""
    for pool in trace.used_members:
        stores = [column.store for column in pool.columns.values()]
        if any(store is not None and store.buffer is x.cell for store in stores):
            raise pool.refusal()


def refuse_unknown_rows(trace: Any, leaves: Sequence[Any]) -> None:
    """Refuse a result with an array that may be any of a pool, beside others of the pool: which it is, is not known."""
    for pool in trace.used_members:
        stores = [column.store for column in pool.columns.values() if column.store is not None]
        buffers = {store.buffer for store in stores}
        arrays = {
            id(x): x for x in leaves if is_array(x) and not buffers.isdisjoint(regions.cells_of(x))
        }
        unknown = [x for x in arrays.values() if row_step(x) is None]
        lists = [x for x in leaves if isinstance(x, StoredList) and _is_of(x, pool)]
        if unknown and len(arrays) + len(lists) > 1:
            raise pool.refusal()


def _is_of(x: StoredList, pool: Members) -> bool:
    return x.template is not None and getattr(x.template, "pool", None) is pool


__all__ = [
    "ANEW", "MEMBERS", "Form", "HeldArrays", "Joining", "MemberNeeded", "Members", "copy_of_members", "form_of",
    "form_of_array", "member", "pool_for", "refuse_part", "refuse_unknown_rows", "row_step",
]  # fmt: skip
