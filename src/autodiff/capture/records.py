"""What the items of a list look like that are tuples or lists: a template, and one column a number.

    xs.append((k, [x, y]))        template (number, [number, number]), columns: ks, xs, ys
    xs.append(x if c else 0)      template (number of two types), columns: values, is_narrow

A list of such items keeps its numbers in columns, which are lists of numbers as ``lists`` has them;
an item is put together when it is read.  Tuples do not change, so nobody can tell.  Of a list that
is an item only a copy is kept: from then on it may not change, nor may what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import containers, tables
from autodiff.capture.choices import Among
from autodiff.capture.members import Members
from autodiff.capture.numbering import Known, Numbering, one_array
from autodiff.capture.pools import Pool, row_of
from autodiff.capture.slots import Slot, Types, as_parts, fit, is_numeric, tag_of, types_of
from autodiff.dims import Extent, same
from autodiff.ir.data import Value
from autodiff.ladder import NotStaged
from autodiff.ops.builder import asks
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import VARIES, Either, Kind, is_array, kinds_of, union
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Form, StoredList, Tracer, as_tracer, emit_tracer
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.capture.kept import KeptList


@dataclass(frozen=True)
class Number:
    """A number or an array."""


@dataclass(frozen=True)
class Typed:
    """A number of one of two types, held in the wide one, and whether it is of the narrow one."""

    types: Types

    def __post_init__(self) -> None:
        assert self.types.narrow is not None

    @property
    def narrow(self) -> Kind:
        """The narrow type."""
        assert self.types.narrow is not None
        return self.types.narrow

    def dtypes(self) -> tuple[np.dtype[Any], np.dtype[Any]]:
        """What ``np.array`` makes of numbers of either type."""
        return self.types.slot.dtype, self.narrow.dtype

    def holds(self, item: Any) -> bool:
        """Whether a number is of one of the types."""
        kinds = kinds_of(item)
        if kinds is None:
            return False
        joined = union(self.types.kinds(), kinds)
        return joined == self.types.kinds()

    def of_any_value(self, items: Sequence[Any]) -> Typed:
        """What holds some items as well, where they are of these types but for the constant that one has."""
        types: Types | None = self.types
        for kinds in (kinds_of(item) if is_numeric(item) else None for item in items):
            types = types.widened(kinds) if types is not None and kinds is not None else None
        if types is None or types.narrow is None or types.slot != self.types.slot:
            return self
        return Typed(types) if types.narrow.is_type(self.narrow) else self

    def parts_of(self, item: Any) -> tuple[Any, Any]:
        """The number in the wide type, and whether it is of the narrow one."""
        slot = self.types.slot
        if isinstance(item, (bool, int, float, np.generic)):
            held = slot.dtype.type(item)
            return held.item() if slot.form == "python" else held, tag_of(item, self.types)
        return Tracer(fit(item, slot), slot.form), tag_of(item, self.types)

    def item(self, value: Any, tag: Any) -> Any:
        """The number."""
        if isinstance(tag, Tracer):
            return Either(as_tracer(value), tag.value, self.narrow)
        if not tag:
            return value
        return Either(as_tracer(value), as_tracer(True).value, self.narrow).as_narrow()

    def of(self, value: Value, tag: Value) -> Any:
        """The number of its traced value and tag."""
        slot = self.types.slot
        value = fit(Tracer(value, "scalar"), slot)
        return self.item(Tracer(value, slot.form), Tracer(tag, "python"))

    def plain(self, value: Any, tag: Any) -> Any:
        """The number of numbers that a run has given."""
        if not tag:
            return value
        narrow = self.narrow
        if narrow.constant is not VARIES:
            return narrow.constant
        held = narrow.dtype.type(value)
        return held.item() if narrow.form == "python" else held


@dataclass(frozen=True)
class Complex:
    """A complex number or array, held in a column of real and one of imaginary parts."""

    form: Form
    dtype: np.dtype[Any]  # of the parts

    def item(self, re: Any, im: Any) -> Any:
        """The number of its parts."""
        return ComplexTracer((as_tracer(re), as_tracer(im)), self.form)

    def plain(self, re: Any, im: Any) -> Any:
        """The number of numbers that a run has given."""
        whole = np.empty(np.shape(re), np.result_type(self.dtype, np.complex64))
        whole.real, whole.imag = re, im
        return (
            whole if self.form == "array" else whole.item() if self.form == "python" else whole[()]
        )


@dataclass(frozen=True)
class Numbered:
    """A real or complex array, held beside the number that tells which one it is."""

    numbering: Numbering
    complex: Complex | None = None

    def item(self, found: Iterator[Any]) -> Any:
        """The array of its columns."""
        if self.complex is None:
            return self.numbering.item(next(found), next(found))
        parts, number = (next(found), next(found)), next(found)
        return self.complex.item(*[self.numbering.item(part, number) for part in parts])

    def content(self, found: Iterator[Any]) -> Any:
        """What a run has given of an array."""
        return next(found) if self.complex is None else self.complex.plain(next(found), next(found))


@dataclass(frozen=True)
class Several:
    """A tuple, a named tuple or a list of parts."""

    cls: type
    parts: tuple[Template, ...]
    is_given: bool = False  # an item of an argument

    def make(self, items: Sequence[Any]) -> Any:
        """The tuple of these items."""
        return list(items) if self.cls is list else containers.tuple_of(self.cls, items)


@dataclass(frozen=True)
class Fixed:
    """A string or None."""

    value: Any


@dataclass(frozen=True)
class Fields:
    """A dict or dataclass of an argument."""

    record: tables.Record
    parts: tuple[Template, ...]


@dataclass(frozen=True)
class Rows:
    """A list or tuple whose items are in a store: an array of so many rows."""

    length: Extent
    slot: Slot
    cls: Any  # the class of lists, or of tuples, in a store
    is_given: bool = False  # an item of an argument

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Rows)
            and (self.slot, self.cls) == (other.slot, other.cls)
            and same(self.length, other.length)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Ref:
    """What is known in a pool by its number: a list, object, dict or array."""

    pool: Pool | Members


Template = Number | Numbered | Typed | Complex | Several | Rows | Ref | Fixed | Fields


@asks
def template_of(item: Any, numbering: Numbering | None = None) -> Template | None:
    """What an item looks like; None where no columns can hold it.

    ``numbering``: of arrays it matters which they are.
    """
    if isinstance(item, Either):
        return Typed(types_of(item))
    if type(item) is Among:
        return None
    number = as_parts(item)
    if number is not None:
        found = Complex(number.form, number.part_dtype)
        return found if numbering is None or number.form != "array" else Numbered(numbering, found)
    if is_numeric(item):
        return Numbered(numbering) if numbering is not None and is_array(item) else Number()
    if isinstance(item, StoredList):
        kept: Any = item
        if kept.columns is not None:
            return None
        if kept.store is not None:
            one = type(kept)
            return None if kept.store.rows is not None else Rows(kept.extent, kept.store.slot, one)
        cls: type = item.python_type
    elif containers.is_plain_tuple(item):
        cls = type(item)
    else:
        return None
    parts = [template_of(part, numbering) for part in item]
    if not parts or any(part is None for part in parts):
        return None
    return Several(cls, tuple([part for part in parts if part is not None]))


def template_of_part(part: tables.Part, columns: Sequence[Tracer], cls: type) -> Template:
    """What a record of a table looks like; ``columns`` begins with its own, ``cls`` is that of lists."""
    if isinstance(part, tables.Fixed):
        return Fixed(part.value)
    if isinstance(part, tables.Numbers):
        rows = columns[0]
        return Rows(rows.shape[1], Slot(rows.dtype, (), form_of(part.kind)), cls, is_given=True)
    if not isinstance(part, tables.Record):
        return Number()
    parts: list[Template] = []
    for inner in part.parts:
        parts.append(template_of_part(inner, columns, cls))
        columns = columns[width(parts[-1]) :]
    if issubclass(part.cls, tuple):
        return Several(part.cls, tuple(parts), is_given=True)
    return Fields(part, tuple(parts))


def form_of(kind: type) -> Form:
    """What numbers of a type are to the user's code."""
    return "scalar" if kind is np.float64 else "python"


def forms(part: tables.Part) -> Iterator[Form]:
    """What the items of each column of a table are."""
    if isinstance(part, tables.Record):
        for inner in part.parts:
            yield from forms(inner)
    elif isinstance(part, tables.Scalar):
        yield form_of(part.kind)
    elif not isinstance(part, tables.Fixed):
        yield "array"


@asks
def looks_like(template: Template, item: Any) -> bool:
    """Whether the columns of a template can hold an item."""
    if isinstance(template, Ref):
        return template.pool.fits(item)
    if isinstance(template, Typed):
        return template.holds(item)
    if isinstance(template, Numbered):
        return is_array(item) and template_of(item) == (template.complex or Number())
    found = template_of(item)
    if isinstance(template, Several) and isinstance(found, Several):
        alike = found.cls is template.cls and len(found.parts) == len(template.parts)
        return alike and all(map(looks_like, template.parts, item))
    return found == template


@asks
def has_lists(template: Template) -> bool:
    """Whether an item is or holds a list, which could change."""
    if isinstance(template, Several):
        return template.cls is list or any(has_lists(part) for part in template.parts)
    return isinstance(template, Rows) or isinstance(getattr(template, "pool", None), Pool)


@asks
def has_given(template: Template) -> bool:
    """Whether an item is or holds a record of an argument, of which there is but one."""
    if isinstance(template, Several):
        return template.is_given or any(has_given(part) for part in template.parts)
    return isinstance(template, (Fixed, Fields)) or (
        isinstance(template, Rows) and template.is_given
    )


def numbers(template: Template, item: Any) -> Iterator[Any]:
    """The numbers of an item that looks like the template, in order."""
    if isinstance(template, (Fixed, Fields)):
        raise NotStaged("a change of a list that is an argument")
    if isinstance(template, Several):
        for part, inner in zip(template.parts, item, strict=True):
            yield from numbers(part, inner)
    elif isinstance(template, Typed):
        yield from template.parts_of(item)
    elif isinstance(template, Ref):
        yield template.pool.number(item)
    elif isinstance(template, Numbered):
        yield from (item,) if template.complex is None else item.parts
        yield template.numbering.of(item)
    elif isinstance(template, Complex):
        number = as_parts(item)
        assert number is not None
        yield from number.parts
    elif isinstance(template, Rows):
        yield item.whole()
    else:
        yield item


def width(template: Template) -> int:
    """How many numbers an item has."""
    if isinstance(template, (Several, Fields)):
        return sum(map(width, template.parts))
    if isinstance(template, Fixed):
        return 0
    if isinstance(template, Numbered):
        return 2 if template.complex is None else 3
    return 2 if isinstance(template, (Typed, Complex)) else 1


def freeze_lists(item: Any) -> None:
    """Have the lists that an item is made of refuse to change, but for rows of a pool."""
    if row_of(item) is not None:
        return
    if isinstance(item, StoredList):
        kept: Any = item
        kept.frozen = True
        if kept.store is not None:
            return
    if isinstance(item, (tuple, StoredList)):
        for part in item:
            freeze_lists(part)


def build(template: Template, found: Iterator[Any], home: KeptList) -> Any:
    """The item made of numbers."""
    if isinstance(template, Several):
        items = [build(part, found, home) for part in template.parts]
        if template.cls is list:
            return home.frozen_list(items)
        made = home.trace.note_merged(template.make(items))
        return home.trace.hold_item(made) if template.is_given else made
    if isinstance(template, Fixed):
        return template.value
    if isinstance(template, Fields):
        made = template.record.make([build(part, found, home) for part in template.parts])
        return home.trace.hold_item(made)
    if isinstance(template, Typed):
        return template.item(next(found), next(found))
    if isinstance(template, Complex):
        return template.item(next(found), next(found))
    if isinstance(template, Rows):
        rows = home.frozen_rows(next(found), template.slot, template.cls)
        return home.trace.note_item(rows) if template.is_given else rows
    if isinstance(template, Ref):
        return template.pool.row(next(found))
    if isinstance(template, Numbered):
        return template.item(found)
    return next(found)


def as_array(template: Template, columns: Iterator[Tracer]) -> Tracer | None:
    """All items as one array, as ``np.array`` makes it; None where their parts differ in shape."""
    if isinstance(template, Typed):
        values, _ = next(columns), next(columns)
        return values if template.types.slot.dtype == np.result_type(*template.dtypes()) else None
    if isinstance(template, Complex):
        return ComplexTracer((next(columns), next(columns)), "array")
    if isinstance(template, Numbered):
        whole = as_array(template.complex or Number(), columns)
        next(columns)
        return whole
    if isinstance(template, (Fixed, Fields)):
        return None
    if isinstance(template, Ref):
        return template.pool.whole(next(columns))
    if not isinstance(template, Several):
        return next(columns)
    if _has_complex(template):
        return None
    parts = [as_array(part, columns) for part in template.parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    shape = known[0].shape
    for part in known[1:]:
        if len(part.shape) != len(shape) or not all(map(same, part.shape, shape)):
            return None
    dtype = np.result_type(*[part.dtype for part in known])
    rows = [
        reshape(part if part.dtype == dtype else part.astype(dtype), (shape[0], 1, *shape[1:]))
        for part in known
    ]
    joined: Tracer = emit_tracer("concatenate", *rows, axis=1) if len(rows) > 1 else rows[0]
    return Tracer(joined.value, "array")


def _has_complex(template: Template) -> bool:
    if isinstance(template, Several):
        return any(map(_has_complex, template.parts))
    if isinstance(template, Numbered):
        return template.complex is not None
    return isinstance(template, Complex)


@dataclass(frozen=True)
class RecordPlan:
    """How a list of tuples or lists in the result is made of the lists that its columns are."""

    template: Template
    columns: tuple[Any, ...]  # plans of lists, with ``build``

    def build(
        self, outputs: Any, leaf: Callable[[tuple[Any, ...]], Any], made: dict[Any, Any]
    ) -> list[Any]:
        """The list; ``leaf`` makes one of the result."""
        columns = [column.build(outputs, leaf, made) for column in self.columns]

        def array(content: Any, known: Known, key: Any) -> Any:
            return one_array(known, key, lambda: content, leaf, made)

        return [_plain(self.template, iter(row), array) for row in zip(*columns, strict=True)]


def _plain(template: Template, found: Iterator[Any], array: Callable[..., Any]) -> Any:
    if isinstance(template, Several):
        return template.make([_plain(part, found, array) for part in template.parts])
    if isinstance(template, Numbered):
        content = template.content(found)
        key = next(found), template.complex is not None
        return array(content, template.numbering.known, key)
    if isinstance(template, Typed):
        return template.plain(next(found), next(found))
    if isinstance(template, Complex):
        return template.plain(next(found), next(found))
    if isinstance(template, Rows):
        row = next(found)
        items = [np.array(x) for x in row] if row.ndim > 1 else items_of(row, template.slot)
        return template.cls.python_type(items)
    return next(found)


def items_of(row: np.ndarray[Any, Any], slot: Slot) -> list[Any]:
    """The numbers of a row of a run."""
    return row.tolist() if slot.form == "python" else list(row)


@dataclass(frozen=True)
class PoolPlan:
    """The rows of a pool in the result: each is made once, wherever it is."""

    output: int
    slot: Slot
    tags: int = 0  # an output that tells of which of two types each number is
    template: Typed | None = None

    def row(self, outputs: Any, leaf: Any, number: int, made: dict[Any, Any]) -> list[Any]:
        """The row of a number; ``made`` has those of this result."""
        key = self.output, number
        if key not in made:
            items = items_of(np.asarray(outputs[self.output])[number], self.slot)
            if self.template is not None:
                tags = np.asarray(outputs[self.tags])[number]
                items = [self.template.plain(x, t) for x, t in zip(items, tags, strict=True)]
            made[key] = items
        row: list[Any] = made[key]
        return row


@dataclass(frozen=True)
class MembersPlan:
    """The members of a pool in the result: each is made once, wherever it is."""

    key: int  # of this pool among those of the result
    form: Any  # of the members
    columns: dict[str, Any]  # plans of lists, by name
    given: dict[int, Any]  # plans of those that are the caller's own, by number

    def row(self, outputs: Any, leaf: Any, number: int, made: dict[Any, Any]) -> Any:
        """The member of a number; ``made`` has those of this result."""
        if number in self.given:
            return leaf(self.given[number])
        if (self.key, number) in made:
            return made[self.key, number]
        if (self.key, "columns") not in made:
            made[self.key, "columns"] = {
                name: plan.build(outputs, leaf, made) for name, plan in self.columns.items()
            }
        columns, form = made[self.key, "columns"], self.form
        table = {
            name: columns[name][number] if name in columns else form.fixed[name]
            for name in form.order
        }
        x: Any = table[""] if form.cls is np.ndarray else table
        if form.cls not in (dict, np.ndarray):
            x = containers.new_instance(form.cls)
            containers.set_attributes(x, table)
        made[self.key, number] = x
        return x


@dataclass(frozen=True)
class ArrayOfMemberPlan:
    """An array in the result that a member holds."""

    member: Any  # the plan of what holds it
    name: str

    def build(self, outputs: Any, leaf: Any, made: dict[Any, Any]) -> Any:
        """The array."""
        owner = self.member.build(outputs, leaf, made)
        if isinstance(owner, np.ndarray):
            return owner
        return owner[self.name] if isinstance(owner, dict) else vars(owner)[self.name]


@dataclass(frozen=True)
class ItemPlan:
    """What is known in a pool by its number, in the result; that is an output, or known."""

    pool: Any  # the plan of a pool
    number: int
    is_output: bool

    def build(self, outputs: Any, leaf: Any, made: dict[Any, Any]) -> Any:
        """The list or object."""
        number = int(outputs[self.number]) if self.is_output else self.number
        return self.pool.row(outputs, leaf, number, made)


@dataclass(frozen=True)
class ItemsPlan:
    """How a list of such things is made of the list that their numbers are."""

    pool: Any
    column: Any

    def build(self, outputs: Any, leaf: Any, made: dict[Any, Any]) -> list[Any]:
        """The list."""
        numbers = self.column.build(outputs, leaf, made)
        return [self.pool.row(outputs, leaf, number, made) for number in numbers]


__all__ = [
    "ArrayOfMemberPlan", "Complex", "ItemPlan", "ItemsPlan", "MembersPlan", "Number", "PoolPlan", "RecordPlan", "Ref", "Rows", "Several", "Template", "Typed", "as_array", "build",
    "forms", "freeze_lists", "has_given", "has_lists", "looks_like", "numbers", "template_of", "template_of_part",
    "width",
]  # fmt: skip
