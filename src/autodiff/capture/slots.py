"""Slots: the types of values that leave a region, and the type that holds two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture import choices
from autodiff.capture.arrays import array_of
from autodiff.capture.choices import Instance
from autodiff.dims import Dim, same_shape
from autodiff.ir.data import ArrayType, Value
from autodiff.ops.builder import asks, emit
from autodiff.ops.complex_numbers import ComplexTracer
from autodiff.ops.either import Either, Kind, is_array, is_in_64_bits, is_of, kinds_of, union
from autodiff.ops.known import type_name
from autodiff.ops.tracer import Cell, Form, StoredList, Tracer, as_tracer
from autodiff.plain_data import dataclass
from autodiff.sameness import same_value

if TYPE_CHECKING:
    pass

INT = np.dtype(np.int64)


def identity(x: Tracer) -> tuple[Cell, Any]:
    """Which array a tracer is: its storage and the path through it."""
    array = array_of(x)
    return array.cell, array.path


# -- types of values that may differ between paths or iterations ---------------------------------
@dataclass(frozen=True)
class Slot:
    """The type of a variable that a branch or loop gives: dtype, shape, form."""

    dtype: np.dtype[Any]
    shape: tuple[Any, ...]
    form: Form

    @property
    def type(self) -> ArrayType:
        """The type of the value that holds it."""
        return ArrayType(self.dtype, self.shape, self.form == "python")


def is_numeric(x: Any) -> bool:
    """Whether a variable's value can be an output of structured control flow."""
    if isinstance(x, Either) and isinstance(x.wide, ComplexTracer):
        return False
    if type(x) is int and not is_in_64_bits(x):
        return False
    return (
        not isinstance(x, ComplexTracer)
        and isinstance(x, (Tracer, Dim, np.generic, bool, int, float))
        and not (isinstance(x, np.generic) and x.dtype.kind not in "fiub")
    )


def slot_of(x: Any) -> Slot:
    """The slot a numeric value fits exactly; of one of two types, the slot of the wide one."""
    if isinstance(x, Either):
        x = x.wide
    if isinstance(x, Tracer):
        return Slot(x.dtype, x.shape, x.form)
    if isinstance(x, np.generic):
        return Slot(x.dtype, (), "scalar")
    if isinstance(x, bool):
        return Slot(np.dtype(bool), (), "python")
    return Slot(INT if isinstance(x, (int, Dim)) else np.dtype(float), (), "python")


@dataclass(frozen=True)
class Types:
    """What the values of a variable fit: a slot; where their types differ, the narrow one as well."""

    slot: Slot
    narrow: Kind | None = None

    def kinds(self) -> list[Kind]:
        """The types of numbers, the widest first."""
        wide = Kind(self.slot.dtype, self.slot.form)
        return [wide] if self.narrow is None else [wide, self.narrow]

    def widened(self, kinds: Sequence[Kind]) -> Types | None:
        """What holds scalars of these kinds as well; None where nothing does."""
        return _types_of_kinds(union(self.kinds(), kinds))


def types_of(x: Any) -> Types:
    """The types that a numeric value may have."""
    return Types(slot_of(x), x.narrow if isinstance(x, Either) else None)


def join(a: Types, b: Types, kinds: Sequence[Sequence[Kind] | None] = ()) -> Types | None:
    """What holds the values of both, each in its own type; None where nothing does.

    Nothing holds arrays of two dtypes, or numbers that neither type has all of.  ``kinds`` are those of numbers,
    with their values where these are constants.
    """
    if not same_shape(a.slot.shape, b.slot.shape):
        return None
    if a.narrow is None and b.narrow is None:
        if (a.slot.dtype, a.slot.form) == (b.slot.dtype, b.slot.form):
            return a
    if a.slot.shape or "array" in (a.slot.form, b.slot.form):
        return None
    first, second = kinds or (a.kinds(), b.kinds())
    return _types_of_kinds(union(first or a.kinds(), second or b.kinds()))


def _types_of_kinds(kinds: Sequence[Kind] | None) -> Types | None:
    if kinds is None:
        return None
    slot = Slot(kinds[0].dtype, (), kinds[0].form)
    return Types(slot, kinds[1] if len(kinds) == 2 else None)


def tag_of(x: Any, types: Types) -> Any:
    """Whether a value is of the narrow type: a bool, or a traced one."""
    assert types.narrow is not None
    return is_of(x, types.narrow)


def widest(a: Slot, b: Slot) -> Slot | None:
    """The smallest slot that holds both, as NumPy promotes; None where the shapes differ."""
    if not same_shape(a.shape, b.shape):
        return None
    form = a.form if _RANK[a.form] >= _RANK[b.form] else b.form
    if a.dtype == b.dtype:
        return Slot(a.dtype, a.shape, form)
    if a.form == "python" or b.form == "python":
        weak, strong = (a, b) if a.form == "python" else (b, a)
        if weak.dtype.kind == "b" and strong.dtype.kind != "b":
            return Slot(strong.dtype, a.shape, form)
        if strong.form != "python":
            example: Any = {"f": 0.0, "i": 0, "b": False}[weak.dtype.kind]
            return Slot(np.result_type(strong.dtype, example), a.shape, form)
    return Slot(np.result_type(a.dtype, b.dtype), a.shape, form)


_RANK = {"python": 0, "scalar": 1, "array": 2}


def fit(x: Any, slot: Slot) -> Value:
    """``x`` as a value of the slot's type (emits the conversion)."""
    tracer = x.wide if isinstance(x, Either) else as_tracer(x)
    value = tracer.value
    weak = slot.form == "python"
    if value.type.dtype != slot.dtype or value.type.weak != weak:
        return emit("cast", (value,), dtype=slot.dtype, weak=weak)
    return value


def placeholder(value: Value, slot: Slot) -> Tracer:
    """A tracer that stands for a slot's value."""
    return Tracer(value, slot.form)


@asks
def is_listed(x: Any) -> bool:
    """Whether a value is an array that is an item of a list as well."""
    if isinstance(x, ComplexTracer):
        return any(map(is_listed, x.parts))
    return is_array(x) and (x.cell.listed or identity(x)[0].listed)


def are_complex(a: Any, b: Any) -> bool:
    """Whether two values are traced complex numbers, or arrays of them, of one type."""
    return (
        isinstance(a, ComplexTracer)
        and isinstance(b, ComplexTracer)
        and (a.form, a.part_dtype) == (b.form, b.part_dtype)
    )


def as_parts(x: Any) -> ComplexTracer | None:
    """A complex number or array as the pair of its parts; None of anything else.

    The parts of a constant that the code holds as a number are constants.
    """
    if isinstance(x, ComplexTracer):
        return x
    if type(x) is complex or type(x) in _COMPLEX_SCALARS:
        number = np.asarray(x)
        form: Form = "python" if type(x) is complex else "scalar"
        parts = (Tracer.constant(part[()]) for part in (number.real, number.imag))
        return ComplexTracer((next(parts), next(parts)), form)
    return None


_COMPLEX_SCALARS = (np.complex64, np.complex128, np.clongdouble)


def complex_pair(a: Any, b: Any) -> tuple[ComplexTracer, ComplexTracer] | None:
    """Two values as complex numbers of one type; None where they are not."""
    first, second = as_parts(a), as_parts(b)
    if first is None or second is None or not are_complex(first, second):
        return None
    return first, second


def complex_types(a: Any, b: Any) -> tuple[Kind, Kind] | None:
    """The complex type that holds two scalars exactly, and the other type that one of them has."""
    first, second = kinds_of(a), kinds_of(b)
    if first is None or second is None:
        return None
    found = union(first, second)
    if found is None or len(found) != 2 or found[0].dtype.kind != "c":
        return None
    return found[0], found[1]


@asks
def same_object(a: Any, b: Any) -> bool:
    """Whether two values are one and the same array, or equal constants of one type."""
    if a is b:
        return True
    if isinstance(a, Either) or isinstance(b, Either):
        return False
    if isinstance(a, ComplexTracer) or isinstance(b, ComplexTracer):
        return are_complex(a, b) and all(map(same_object, a.parts, b.parts))
    if isinstance(a, Tracer) and isinstance(b, Tracer):
        if a.form != b.form:
            return False
        if a.form == "array":
            (cell, path), (other, other_path) = identity(a), identity(b)
            return cell is other and path == other_path
        return a.value is b.value
    if isinstance(a, Dim) and isinstance(b, Dim):
        return a.terms == b.terms
    return isinstance(a, (bool, int, float, str, type(None))) and same_value(a, b)


def type_text(x: Any) -> str:
    """The name of the type that an object has in plain Python; of a number of two types, that of the wide one."""
    if isinstance(x, Either):
        return type_text(x.wide)
    if isinstance(x, Instance) or choices.is_choice(x):
        return choices.class_of(x).__name__
    if isinstance(x, StoredList):
        return x.python_type.__name__
    return type_name(x) if isinstance(x, Tracer) else _OURS.get(type(x).__name__, type(x).__name__)


_OURS = {"TracedGenerator": "generator", "Closure": "function", "DeferredText": "str", "Unbound": "name without a value"}  # fmt: skip
