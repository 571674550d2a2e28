"""Lists whose items may be in a store: in which columns, of which types, and how they are read.

    xs.append((k, y))        columns ks, ys: a list of numbers for each number of an item
    xs[i], np.array(xs)      read from the buffer

A list asks the loop that is being staged to begin with a store for it where it needs one (``request``).  What Python's
lists do is in :mod:`autodiff.capture.lists`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from autodiff.capture import contents, members
from autodiff.capture.numbering import Numbering
from autodiff.capture.pools import (
    Pool,
    RowsMatter,
    RowStore,
    TypesMatter,
    Wanted,
    make_pool,
    refuse_new_length,
    row_of,
    stored_in_loops,
)
from autodiff.capture.records import (
    Complex,
    Number,
    Numbered,
    Ref,
    Several,
    Template,
    Typed,
    as_array,
    build,
    freeze_lists,
    has_lists,
    looks_like,
    numbers,
    template_of,
    width,
)
from autodiff.capture.regions import live_scopes
from autodiff.capture.slots import Slot, Types, fit, is_numeric, slot_of, types_of, widest
from autodiff.capture.stores import FLAG, INDEX, ItemStep, Rows, Store, array_of, count_of, place
from autodiff.dims import Extent, UndecidedExtent, at_least, bounds, maximum, same, symbols
from autodiff.ir.data import Value
from autodiff.ladder import AmbiguousStore, Bail, NotStaged, Rung
from autodiff.ops.builder import current_block, emit
from autodiff.ops.control import emit_check
from autodiff.ops.either import VARIES, Either, Kind, Probe, embeds, is_array, kinds_of, union
from autodiff.ops.structural import broadcast, slice_of, slice_update, zeros
from autodiff.ops.tracer import Cell, Form, StoredList, Tracer, as_tracer, emit_tracer
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.capture.trace import Trace

FEW = 64  # items of different types, or arrays, that a loop may carry one by one

# What a list is to begin a loop with: items of a type, or of two; rows of a pool, or to be one of a pool; its
# items one by one ("queue"), or a store as soon as it needs one ("store").
Needed: TypeAlias = (
    Slot | Types | Wanted | Pool | members.Form | members.Joining | members.Members | str | None
)


@dataclass(frozen=True)
class Contents:
    """Where the items of a list are: as objects, in a store or in columns."""

    items: list[Any]
    store: Store | None
    columns: tuple[Any, ...] | None
    template: Template | None


class KeptList(StoredList):
    """A list whose items may be in a store, and how they are read."""

    __slots__ = ("block", "columns", "frozen", "is_column", "queue", "store", "template", "trace")

    def __new__(cls, items: Iterable[Any] = (), trace: Trace | None = None) -> Any:
        """A list; a plain one where Python's library makes one like it, by ``type(x)(items)``."""
        return cls.python_type(items) if trace is None else super().__new__(cls)

    def __init__(self, items: Iterable[Any], trace: Trace) -> None:
        super().__init__(items)
        self.trace = trace
        self.block = current_block()  # where it was made: there it may change without ado
        self.store: Store | None = None
        # Of a list of tuples or lists: the lists of their numbers, and what an item looks like.
        self.columns: tuple[Any, ...] | None = None
        self.template: Template | None = None
        self.is_column = False  # holds one number of each item of another list
        self.frozen = False  # an item of a list that keeps a copy of it
        # Whether loops change it in any way but its length, and carry its items one by one.
        self.queue: bool | None = None

    @property
    def row(self) -> RowStore | None:
        """The row of a pool that it is."""
        if self.columns:
            return self.columns[0].row if isinstance(self.template, Typed) else None
        return self.store if isinstance(self.store, RowStore) else None

    def as_left(self) -> Self:
        """A list of the same items, in arrays of their own: the region ends that has made this one."""
        if self.row is not None or (self.store is not None and self.store.rows is not None):
            return self
        made = self._new(())
        made.block, made.frozen, made.is_column = self.block, self.frozen, self.is_column
        made.template = contents.template_as_left(self)
        if self.columns is not None:
            made.columns = tuple([column.as_left() for column in self.columns])
        elif self.store is None:
            list.extend(made, self._plain_items())
        else:
            made._keep(self.store.as_left())
        return made

    # -- columns ------------------------------------------------------------------------------
    def is_stored(self) -> bool:
        """Whether items are in traced arrays."""
        if self.columns is not None:
            return any(column.store is not None for column in self.columns)
        return self.store is not None

    def is_even(self) -> bool:
        """Whether all of it is."""
        return all(part.store is not None for part in self.parts())

    def parts(self) -> tuple[Self, ...]:
        """The lists of numbers that it is made of: its columns, or itself."""
        return (self,) if self.columns is None else self.columns

    @property
    def extent(self) -> Extent:
        """How many items there are."""
        first = self.parts()[0]
        return list.__len__(first) if first.store is None else first.store.length

    def _split(self, item: Any) -> bool:
        """Keep the numbers of tuples or lists like ``item`` in columns; False where that cannot be."""
        if self.trace.shares_rows and isinstance(item, StoredList):
            self._ask_for_rows(item)
            return False
        if self._holds_arrays and is_array(item):
            self._ask_for_arrays(item)
            return False
        template = template_of(item, self._numbering)
        if template is None and isinstance(item, StoredList):  # of numbers of two types
            self._ask_for_rows(item)
        elif template is None:
            self._ask_for_members(item)
        if template is None or isinstance(template, (Number, Typed)):
            return False
        return self._split_as(template)

    @property
    def _numbering(self) -> Numbering | None:
        """The numbers of arrays, where items are held beside these."""
        numbering = self.trace.numbering
        return numbering if numbering.is_carried and not self.is_column else None

    def _is_split(self, item: Any) -> bool:
        """Whether columns hold an item, rather than one array."""
        if is_numeric(item) and not is_array(item):
            return False
        return not is_numeric(item) or self._numbering is not None or self._holds_arrays

    @property
    def _holds_arrays(self) -> bool:
        """Whether items that are arrays are these themselves."""
        return self.trace.holds_arrays and not self.is_column

    @property
    def is_complex(self) -> bool:  # type: ignore[override]
        """Whether the columns are the parts of complex numbers."""
        return isinstance(self._whole_template, Complex)

    @property
    def _whole_template(self) -> Template | None:
        """The template but for the numbers of arrays."""
        template = self.template
        return template.complex if isinstance(template, Numbered) else template

    @contextmanager
    def _at_home(self) -> Iterator[None]:
        """Append operations to the block that the list was made in, which is open around this one."""
        builder = self.trace.builder
        if self.block is not None and any(block is self.block for block in builder.stack):
            with builder.reopened(self.block):
                yield
        else:
            yield

    def _split_as(self, template: Template) -> bool:
        head = list(self._plain_items())
        if self.frozen or not all(looks_like(template, known) for known in head):
            return False
        if has_lists(template) and (self.trace.distinguish_arrays or self.trace.shares_rows):
            return False
        if has_lists(template) and self._is_stored_into():
            raise RowsMatter("a list of lists that changes")
        seen = set[int]()
        for known in head if has_lists(template) else ():
            self._refuse_shared(known, seen, again=False)
            self.trace.note_copied(known)
        if any(self.trace.parts.holds_changed(known) for known in head):
            return False  # what a region has stored into an item, it puts back
        if self.trace.parts.holds_changed(self):
            self.request("store")  # ... and what it has done to the items one by one
        with (
            self._at_home()
        ):  # what splits them stays where the region that it is asked for in goes
            columns = list(zip(*[numbers(template, known) for known in head], strict=True))
        for known in head:
            freeze_lists(known)
        made = [self._new(column) for column in columns or [()] * width(template)]
        for column in made:
            column.block, column.is_column = self.block, True
            self.trace.fresh_with(column, self)
        list.clear(self)
        self.template, self.columns = template, tuple(made)
        return True

    def make_typed(self, types: Types) -> None:
        """Keep numbers of two types in columns, each in its own (where the list was made)."""
        refuse_new_length(self, "an item of another type")
        known = contents.kinds_of_numbers(self)
        joined: Types | None = types
        if known is not None or not same(self.extent, 0):
            joined = None if known is None else types.widened(known)
        if joined is None or self.frozen:
            raise NotStaged("a list of items of different types")
        template = Typed(joined)
        columns = contents.typed(self, template)
        list.clear(self)
        self.have_columns(template, (joined.slot, FLAG), columns)

    def _needs_types(self, item: Any) -> None:
        """Have the loop begin with columns that hold ``item`` in its own type as well."""
        kinds = kinds_of(item)
        if isinstance(self.template, Typed) and kinds is not None:
            joined = self.template.types.widened(kinds)
        else:
            joined = types_of(item) if isinstance(item, Either) else None
        if joined is None:
            raise NotStaged("a list of items of different types")
        self.request(joined)

    def _split_anew(self) -> None:
        """Have the loop begin without columns: its items are lists whose numbers are in one array by now."""
        if not isinstance(self.template, Several) or self.template.cls is not list:
            return
        for body in self.trace.rolling:
            if body.home is self.block:
                known = [body.before.get(column) for column in self.parts()]
                if all(x is not None and not x.items and x.store is None for x in known):
                    self.request("store")

    def _is_stored_into(self) -> bool:
        """Whether loops of the running function store into items of its items, as its text says."""
        scopes = live_scopes(self.trace.calling)
        names = {k for scope in scopes for k, x in scope.locals.items() if x is self}
        return not names.isdisjoint(stored_in_loops(self.trace.active[-1]))

    def _numbers_of(self, item: Any) -> Iterator[Any]:
        """The numbers of an item that looks like the template, which this list holds from now on."""
        assert self.template is not None
        if has_lists(self.template) and not self.trace.shares_rows:
            self._refuse_shared(item, set())
        yield from numbers(self.template, item)
        freeze_lists(item)

    def _refuse_shared(self, item: Any, seen: set[int], again: bool = True) -> None:
        """A copy of the items of a list will do only if nothing else holds that list.

        ``again``: it becomes an item in each pass of a loop.
        """
        if isinstance(item, KeptList) and item.python_type is list:
            if item.frozen or id(item) in seen or (again and item.is_of_many_passes()):
                raise RowsMatter("a list that is an item of a list several times")
            self.trace.refuse_held(item)
            seen.add(id(item))
        if isinstance(item, tuple) or (isinstance(item, StoredList) and not item.is_stored()):
            for part in item:
                self._refuse_shared(part, seen, again)

    def is_of_many_passes(self) -> bool:
        """Whether the list was made before a loop that is being staged, which has it in each pass."""
        blocks = [*self.trace.builder.stack, self.trace.builder.block]
        at = [k for k, block in enumerate(blocks) if block is self.block]
        homes = [k for body in self.trace.rolling for k, b in enumerate(blocks) if b is body.home]
        return not at or max(homes, default=-1) >= at[0]

    def _ask_for_rows(self, item: Any) -> None:
        """Have the items be rows of a pool, ``item`` among them, where that can be."""
        if self.trace.distinguish_arrays:
            return
        wanted = Wanted.by([item, *self._plain_items()], self.trace.row_kinds)
        if wanted is None or not any(body.home is self.block for body in self.trace.rolling):
            return
        if not self.trace.shares_rows:
            raise RowsMatter("a list of lists that changes")
        self.request(wanted)

    def _ask_for_members(self, item: Any) -> None:
        """Have the items, objects like ``item``, be members of a pool, where that can be."""
        if not self.trace.has_members or self.frozen or is_numeric(item):
            return
        known = members.member(item)
        if known is not None and not self.trace.builder.is_around(known[0].block, self.block):
            return  # the loop makes or carries them
        form = known[0] if known is not None else members.form_of(self.trace, item)
        if form is not None and any(body.home is self.block for body in self.trace.rolling):
            self.request(form)

    def _ask_for_arrays(self, item: Any) -> None:
        """Have the items, arrays like ``item``, be rows of a pool, where that can be."""
        step = members.row_step(item)
        form = members.form_of_array(self.trace, item) if step is None else step.pool
        if form is not None and any(body.home is self.block for body in self.trace.rolling):
            self.request(form)

    def _ask_for_types(self, item: Any) -> None:
        """Have rows hold numbers of the type of ``item`` as well, where that can be."""
        row, kinds = self.row, kinds_of(item) if is_numeric(item) else None
        if row is None or kinds is None or self.is_column:
            return
        known, first = row.pool.kinds(), row.pool.first
        joined = union(known, kinds)
        if joined is None and first is not None and len(known) == 1:
            joined = union([first], kinds)
        if joined is not None and joined != known:
            raise TypesMatter(kinds)

    def make_members(self, pool: members.Members) -> None:
        """Have the items be members of a pool (where the list was made)."""
        items = list(self._plain_items())
        if self.columns is not None or self.store is not None:
            raise NotStaged("a list of different things")
        list.clear(self)
        number = self._new(pool.numbers(items))
        number.block, self.template, self.columns = self.block, Ref(pool), (number,)

    def make_rows(self, wanted: Wanted) -> None:
        """Have the items, which are lists, be rows of a pool (where the list was made)."""
        items = list(self._plain_items())
        every = Wanted.by(items, wanted.kinds) if items else wanted
        kinds = None if every is None else union(wanted.kinds, every.kinds)
        if every is None or kinds is None or not same(every.length, wanted.length):
            raise NotStaged("a list of lists of different types or lengths")
        if symbols(wanted.length) - set(self.trace.extents.values()):
            raise NotStaged("a list of lists whose length depends on the loop")
        pool = every.pool or wanted.pool
        if wanted.pool not in (None, pool):
            raise NotStaged("a list of lists of which some are items of another one")
        new = list({id(item): item for item in items if row_of(item) is None}.values())
        if not all(item.is_here() for item in new):
            raise NotStaged("a list of lists that were made inside of a branch or loop")
        if pool is None:
            wide = Slot(kinds[0].dtype, (), kinds[0].form)
            template = Typed(Types(wide, kinds[1])) if len(kinds) == 2 else None
            pool = make_pool(self, replace(wanted, kinds=tuple(kinds)), new, template)
        column = self._new([pool.number(item) for item in items])
        column.block = self.block
        column.make_store(INDEX)
        list.clear(self)
        self.template, self.columns = Ref(pool), (column,)

    def _record(self, index: Any) -> Any:
        assert self.columns is not None and self.template is not None
        return build(self.template, iter([column[index] for column in self.columns]), self)

    def frozen_list(self, items: Sequence[Any]) -> Self:
        """A list that is (a copy of) an item of this one."""
        made = self._new(items)
        made.frozen = True
        return made

    def frozen_rows(self, rows: Tracer, slot: Slot, cls: Any) -> KeptList:
        """A list or tuple, of the rows of an array, that is an item of this one."""
        made: KeptList = cls((), self.trace)
        made.frozen = True
        made.fill(rows, slot)
        return made

    def _refuse_frozen(self) -> None:
        self.trace.refuse_held(self)
        if self.frozen and not self.trace.shares_rows and id(self) not in self.trace.items:
            raise RowsMatter("a change of a list that is an item of a list")
        if self.frozen:
            raise AmbiguousStore("a change of a list that is an item of a list")

    # -- the store ----------------------------------------------------------------------------
    def is_here(self) -> bool:
        """Whether the code that runs now is in the region that the list was made in."""
        return self.block is self.trace.builder.block

    def request(self, items: Needed) -> None:
        """Have the loop that is staged from where the list was made begin with a store for it."""
        self.request_all([(self, items)])

    def request_all(self, changes: Sequence[tuple[KeptList, Needed]]) -> None:
        """The same for several lists that were made together."""
        for body in self.trace.rolling:
            if body.home is self.block:
                raise Bail(Rung.CARRIED, "it changes a list", needs=(body, changes))
        raise NotStaged("a change of a list inside of a branch")

    def ask_for_room(self, what: str) -> None:
        """Have the loop of unknown length that the list grows in begin with room for its items, to be used in any order."""
        store = self.store
        if store is None or store.rows is None:
            return
        if store.slot.form == "array":
            raise NotStaged(f"{what} a list of arrays that grows in a loop of unknown length")
        self.request("room")

    def is_free(self, last: bool) -> bool:
        """Whether the items may be put in, taken out and moved as those of a plain list, for now.

        That is where the list was made, and in regions that carry the items one by one, since they end with as many.
        ``last``: an item is put to the end, or taken from there, which a list in a store can have done as well.
        """
        if self.columns is not None:
            return False
        if self.store is None and self.is_here():
            return True
        if self.store is None:
            wanted = self.queue is True if last else self.queue is not False
            if not wanted or list.__len__(self) > FEW or not self.trace.parts.save_items(self):
                return False
            self.queue = True
            return True
        if not last and self.queue is None and not self.is_here():
            for body in self.trace.rolling:
                known = body.before.get(self)
                if body.home is self.block and known and 0 < len(known.items) <= FEW:
                    raise Bail(Rung.CARRIED, "it changes a list", needs=(body, [(self, "queue")]))
        return False

    def refuse_queue(self) -> None:
        """A pass or branch has changed how many items there are: they go to a store."""
        self.request("store")

    def can_store(self) -> bool:
        """Whether a loop being staged could give the list a store."""
        if self.store is not None:
            return False
        if self.columns is None and len(self) and self._is_split(list.__getitem__(self, 0)):
            self._split(list.__getitem__(self, 0))
        if self.columns is not None:
            return all(column.can_store() for column in self.columns)
        return any(body.home is self.block for body in self.trace.rolling) and bool(
            len(self)
            and all(is_numeric(x) for x in self._plain_items())
            or any(is_numeric(x) for x in self._plain_items())
            and self._may_have_holes()
        )

    def _may_have_holes(self) -> bool:
        """Whether items that are None wait for numbers, and the function does not ask which of them are."""
        items = set(map(type, self._plain_items()))
        if type(None) not in items or any(
            not is_numeric(x) for x in self._plain_items() if x is not None
        ):
            return False
        return not any(
            isinstance(n, ast.Compare)
            and any(
                isinstance(x, ast.Constant) and x.value is None for x in (n.left, *n.comparators)
            )
            for n in ast.walk(self.trace.active[-1])
        )

    def _plain_items(self) -> Iterator[Any]:
        return list.__iter__(self)

    def make_store(self, slot: Slot | None) -> None:
        """Move the items to a store (where the list was made)."""
        if self.store is not None:
            self._widen(slot)
            return
        head = list(self._plain_items())
        known = [x for x in head if x is not None] if self._may_have_holes() else head
        if not all(is_numeric(x) and not isinstance(x, Either) for x in known) or (
            slot is None and not known
        ):
            raise NotStaged("a list of other things than numbers and arrays")
        whole = slot or slot_of(known[0])
        if len(known) < len(head) and (whole.form == "array" or any(map(is_array, known))):
            raise NotStaged("a list of arrays and None")
        for item in known:
            wider = widest(whole, slot_of(item))
            if wider is None or (slot is not None and wider != slot):
                raise NotStaged("a list of items of different types")
            whole = wider
        integers = [kinds_of(x) or () for x in known if whole.dtype.kind in "iu"]
        if not all(embeds(kind, Kind(whole.dtype, whole.form)) for x in integers for kind in x):
            raise NotStaged("a list of items of different types")
        if any(symbols(n) - set(self.trace.extents.values()) for n in whole.shape):
            raise NotStaged("a list of arrays whose size depends on the loop")
        if whole.form == "array" and (self.trace.distinguish_arrays or self._numbering is not None):
            raise NotStaged("a list of arrays that are stored into")
        n = len(head)
        nothing = whole.dtype.type(0)
        buffer = array_of([nothing if x is None else x for x in head], whole)
        for item in known:
            if is_array(item):
                self.trace.numbering.note_item(item)
        self._keep(store := Store(Cell(buffer.value), Cell(as_tracer(n).value), whole))
        is_wide = [x is not None and slot_of(x) == whole for x in head]
        if not all(is_wide):
            flags = Tracer.constant(np.array([*is_wide, True])).value
            store.head, store.changed, store.unchanged = head, Cell(flags), flags
        list.clear(self)

    def contents(self) -> Contents:
        """Where the items are."""
        return Contents(list(self._plain_items()), self.store, self.columns, self.template)

    def restore(self, before: Contents) -> None:
        """Go back to an earlier state."""
        self.store, self.columns, self.template = before.store, before.columns, before.template
        list.__init__(self, before.items)

    def whole(self) -> Tracer | None:
        """The items as one array, where they are in a store."""
        if self.columns is not None and self.template is not None:
            found = [column._rows_up_to(self.extent) for column in self.columns]
            known = [x for x in found if x is not None]
            return as_array(self.template, iter(known)) if len(known) == len(found) else None
        return self._rows_up_to(self.extent)

    def is_numbers(self) -> bool:
        """Whether the items are the numbers of one array and nothing else."""
        store = self.store
        if store is None or store.changed is not None or store.rows is not None:
            return False
        return store.slot.form != "array"

    def numbers(self) -> Tracer | None:
        """That array, if so."""
        if self.store is None or not self.is_numbers():
            return None
        return self._rows_up_to(self.store.length)

    def fill(self, rows: Tracer, slot: Slot, count: Value | None = None) -> None:
        """Have the rows of an array as items (of a list without any)."""
        self._keep(Store(Cell(rows.value), Cell(count or count_of(rows.shape[0])), slot))

    def _keep(self, store: Store) -> None:
        self.store = store
        self.trace.counts.add(store.count)

    def have_columns(
        self, template: Template, slots: Sequence[Slot], columns: Sequence[Any]
    ) -> None:
        """Have items of the numbers in some columns (a list without any)."""
        parts = []
        for column, slot in zip(columns, slots, strict=True):
            part = self._new(())
            part.block, part.is_column = self.block, True
            part.fill(as_tracer(column), slot)
            parts.append(part)
        self.store, self.template, self.columns = None, template, tuple(parts)

    def with_rows(self, rows: Tracer) -> Self:
        """A list like this one of numbers, with the rows of an array as items."""
        assert self.store is not None
        made = self._new(())
        made.is_column = self.is_column
        if self.store.slot.form == "array":
            self.trace.numbering.derives = True
        made.fill(rows, self.store.slot)
        return made

    def places_of(self, item: Any) -> Tracer | None:
        """Which of the numbers of one array equal a number; None where Python must compare."""
        rows = self.numbers()
        if rows is None or isinstance(item, Either) or not is_numeric(item) or is_array(item):
            return None
        if slot_of(item).dtype.kind == "f":  # Python finds a NaN by its identity
            no_nan: Any = np.logical_not(np.isnan(as_tracer(item)))
            emit_check(no_nan.value, "a search for NaN")
        equal: Any = np.equal(rows, Tracer(as_tracer(item).value, "scalar"))
        return equal

    def as_array(self) -> Tracer | None:
        """What ``np.array`` makes of the items: of none, float64 of shape (0,)."""
        whole = self.whole()
        if whole is None or (len(whole.shape) == 1 and whole.dtype == np.float64):
            return whole
        try:
            some = at_least(self.extent, 1)
        except UndecidedExtent:
            filled: Any = np.greater(as_tracer(self.extent), 0)
            emit_check(filled.value, "an array of an empty list")
            some = True
        return whole if some else Tracer.constant(np.array([]))

    @property
    def item_form(self) -> Form:
        """What its rows are to the user's code."""
        template = self._whole_template
        if isinstance(template, Complex):
            return template.form
        return "array" if self.store is None else self.store.slot.form

    def _fitting(self, item: Any) -> Value:
        """An item as the store holds it."""
        assert self.store is not None
        slot = slot_of(item) if is_numeric(item) else None
        if slot is None:
            raise NotStaged("a list of other things than numbers and arrays")
        if isinstance(item, Either):
            self._needs_types(item)
        if slot != self.store.slot:
            both = None if "array" in (slot.form, self.store.slot.form) else self._both_types(item)
            self.request(slot if both is None else both)
        if is_array(item):
            self.trace.numbering.note_item(item)
        return fit(item, slot)

    def _both_types(self, item: Any) -> Types | None:
        """What holds the numbers in the store and one of another type, each in its own; None where nothing does."""
        store, kinds = self.store, kinds_of(item)
        if store is None or kinds is None or store.repeated is not None or self.row is not None:
            return None
        if store.has_holes:
            return None
        return Types(store.slot).widened(kinds)

    def can_hold(self, item: Any) -> bool:
        """Whether the store, perhaps a wider one, can have an item (where the list was made)."""
        if not is_numeric(item) or isinstance(item, Either):
            return False
        try:
            self._widen(slot_of(item))
        except Bail as problem:
            if problem.rung is not Rung.UNROLLED:
                raise
            return False
        return True

    def _item(self, index: Any) -> Any:
        store = self.store
        assert store is not None
        at = store.position(index)
        if store.rows is not None:
            row = self._row(store, store.rows, at)
            if row is not None:
                return row
        if isinstance(at, int) and at < len(store.head) and self.is_here():
            if store.has_all_of_before:
                return store.head[at]
        probe = self._probe(store, at)
        if probe is not None:
            return probe
        if store.is_beyond(at):
            return self._at(at)
        types = store.types()
        if types is None:
            raise NotStaged("an item of a list of numbers of types that none of them holds")
        if types.narrow is None:
            return self._at(at)
        self.ask_for_room("an item of")
        is_narrow = store.is_narrow(at)
        for body in self.trace.rolling:
            if store.has_all_of_before:
                body.reads_first = True
            elif body.reads_one_type:
                emit_check(emit("logical_not", (is_narrow,)), "an item of a list of another type")
                return self._at(at)
            else:
                body.reads_types = True
        return Typed(types).of(store.item(at).value, is_narrow)

    def _probe(self, store: Store, at: Extent) -> Tracer | None:
        """In a first look at a loop, an item of ``[0] * n``, or of such rows, passes for that constant: floats may be stored later."""
        home = self.block if self.row is None else self.row.pool.rows.block
        body = next((body for body in self.trace.rolling if body.home is home), None)
        if body is None or body.attempts or store.slot.dtype.kind not in "iub":
            return None
        if self.row is not None:
            first = self.row.pool.first
            constant = VARIES if first is None else first.constant
        else:
            before = body.before.get(self)
            known = (
                before.items if before and store.repeated is None else (store.repeated or ())[:1]
            )
            kinds = [kinds_of(x) for x in {id(x): x for x in known}.values()]
            if not known or kinds[0] is None or any(kind != kinds[0] for kind in kinds):
                return None
            constant = kinds[0][0].constant
        if constant is VARIES:
            return None
        item = self._at(at)
        return Probe(item.value, item.form, constant, body.taken)

    def typed(self) -> tuple[Typed, Tracer, Tracer] | None:
        """Of numbers of two types, those types, the values and whether they are of the narrow type."""
        if self.columns is not None:
            if not isinstance(self.template, Typed):
                return None
            values, tags = (column._rows_up_to(self.extent) for column in self.columns)
            return None if values is None or tags is None else (self.template, values, tags)
        store = self.store
        if store is None or store.changed is None or store.rows is not None:
            return None
        types = store.types()
        if types is None or types.narrow is None:
            return None
        template = Typed(types)
        size = store.changed.value.type.shape[0] - 1
        tags = broadcast(as_tracer(False), (maximum(size, store.capacity),), ())
        is_narrow = emit_tracer(
            "logical_not", slice_of(Tracer(store.changed.value, "array"), (0,), (size,), (1,))
        )
        tags = slice_update(tags, Tracer(is_narrow.value, "array"), (0,), (size,), (1,))
        whole = self.whole()
        assert whole is not None
        return template, whole, slice_of(tags, (0,), (store.length,), (1,))

    @property
    def is_of_one_type(self) -> bool:
        """Whether no item is of another type than the rows."""
        if isinstance(self.template, Typed):
            return False
        store = self.store
        if store is not None and store.has_holes:
            return all(x is None or slot_of(x) == store.slot for x in store.head)
        return store is None or store.changed is None

    def _at(self, at: Extent) -> Any:
        store = self.store
        assert store is not None
        if store.slot.form == "array":
            return Tracer(store.buffer, "array", (ItemStep.of(at, store.slot),))
        return Tracer(fit(store.item(at), store.slot), store.slot.form)

    def _settle(self, what: str) -> None:
        """Be an ordinary list again, for what a store cannot do."""
        self._refuse_frozen()
        refuse_new_length(self, what)
        if self.store is not None or self.columns is not None:
            if not self.is_here():
                raise NotStaged(f"{what} of a list inside of a branch or loop")
            items = list(self)
            self.store = self.columns = None
            self.template = None if isinstance(self.template, Ref) else self.template
            list.extend(self, items)
        elif not self.is_here():
            raise NotStaged(f"{what} of a list inside of a branch or loop")

    def _row(self, store: Store, rows: Rows, at: Extent) -> Any:
        """An item, in a loop of unknown length: one of the last, or from before the loop."""
        low, _ = bounds(rows.start - 1 - at)
        if low is not None and low >= 0:
            return None
        back = store.length - at
        if not isinstance(back, int):
            self.ask_for_room("an item of")
            raise NotStaged("an item of a list that grows in a loop of unknown length")
        if back > len(rows.last):
            store.wanted_last = back
            self.request(store.slot)
        return Tracer(rows.last[back - 1].value, store.slot.form)

    def _widen(self, slot: Slot | None) -> None:
        """``[number] * n`` for items of another type, which the number can be taken for."""
        store = self.store
        assert store is not None
        if slot is None or slot == store.slot:
            return
        if store.repeated is None or store.repeated[2] is not store.buffer.value:
            raise NotStaged("a list of items of different types")
        item, n, _ = store.repeated
        if symbols(n) - set(self.trace.extents.values()):
            raise NotStaged("a list of items of different types, whose length depends on the loop")
        if widest(slot, slot_of(item)) != slot:
            raise NotStaged("a list of items of different types")
        content = broadcast(Tracer(fit(item, slot), "array"), (n,), ())
        flags = slice_update(zeros((n + 1,), bool), as_tracer(True), *place(n, FLAG)).value
        repeated = (item, n, content.value)
        count = Cell(store.count.value)
        self._keep(Store(Cell(content.value), count, slot, (), Cell(flags), flags, repeated))

    def _rows_up_to(self, length: Extent) -> Tracer | None:
        return None if self.store is None else self.store.rows_up_to(length)

    def _new(self, items: Iterable[Any]) -> Self:
        raise NotImplementedError


def both_types(items: Sequence[Any], slot: Slot | None) -> Slot | Types | None:
    """The types of items that a loop reads or moves, and of a slot, where an item may be of either of two; else the slot."""
    found = next((types_of(x) for x in items if isinstance(x, Either) and is_numeric(x)), None)
    if found is not None and slot is not None:
        found = found.widened([Kind(slot.dtype, slot.form)])
    return slot if found is None else found


__all__ = ["KeptList", "both_types"]
