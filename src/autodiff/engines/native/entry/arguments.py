"""The checks of the arguments, and what the kernel is given.

    x: float64[10]  ->  exactly an ndarray, of float64 in native order, C-contiguous, aligned, (10,)
    3               ->  exactly an int that fits the kernel's type, or that very value

Whatever does not fit leads to ``%miss``.  Extents that are symbols are bound where they are met
first; everything else that mentions them is compared at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import CellType
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, Func
from autodiff.engines.native.entry.forms import (
    FEW,
    ArrayInput,
    ContainerInput,
    HiddenInput,
    Input,
    ScalarInput,
    Signature,
    StaticInput,
)
from autodiff.engines.native.entry.writer import Writer, dtype_name, element_type
from autodiff.engines.native.symbols import (
    ALIGNED,
    ARRAY_DATA,
    ARRAY_DESCR,
    ARRAY_FLAGS,
    ARRAY_NDIM,
    ARRAY_SHAPE,
    C_CONTIGUOUS,
    DESCR_BYTEORDER,
    DESCR_TYPE_NUMBER,
    HEADER,
    TYPE,
    WRITEABLE,
)
from autodiff.errors import InternalError
from autodiff.tables import FEWEST, Column

# What the functions below call: results and parameters by name.
_CALLED_FOR_NUMBERS = {
    "PyList_Size": ("i64", "ptr"),
    "PyTuple_Size": ("i64", "ptr"),
    "PyList_GetItem": ("ptr", "ptr, i64"),
    "PyTuple_GetItem": ("ptr", "ptr, i64"),
}
_CALLED_FOR_RECORDS = {
    "PyDict_Size": ("i64", "ptr"),
    "PyDict_Next": ("i32", "ptr, ptr, ptr, ptr"),
    "PyUnicode_Compare": ("i32", "ptr, ptr"),
    "PyObject_GenericGetDict": ("ptr", "ptr, ptr"),
    "PyObject_GetAttr": ("ptr", "ptr, ptr"),
    "PyErr_Clear": ("void", ""),
    "Py_IncRef": ("void", "ptr"),
    "Py_DecRef": ("void", "ptr"),
}

_COUNTED = f"""\
  br i1 %is.list, label %size.list, label %size.tuple
size.list:
  %count.list = call i64 @PyList_Size(ptr %obj)
  br label %counted
size.tuple:
  %count.tuple = call i64 @PyTuple_Size(ptr %obj)
  br label %counted
counted:
  %count = phi i64 [ %count.list, %size.list ], [ %count.tuple, %size.tuple ]
  %few = icmp ule i64 %count, {FEW}
"""  # of a list or tuple, and whether there are few of them

NUMBERS = f"""
; The numbers of a list or tuple of floats of exactly one type, at most {FEW}: how many, -1 for others.
define internal i64 @numbers_of(ptr %obj, ptr %wanted, ptr %room) {{
entry:
  %type.at = getelementptr i8, ptr %obj, i64 {TYPE}
  %type = load ptr, ptr %type.at
  %is.list = icmp eq ptr %type, @type.list
  %is.tuple = icmp eq ptr %type, @type.tuple
  %fits = or i1 %is.list, %is.tuple
  br i1 %fits, label %size, label %other
size:
{_COUNTED}  %some = icmp ne i64 %count, 0
  %good = and i1 %few, %some
  br i1 %good, label %next, label %other
next:
  %k = phi i64 [ 0, %counted ], [ %k.next, %number ]
  br i1 %is.list, label %item.list, label %item.tuple
item.list:
  %of.list = call ptr @PyList_GetItem(ptr %obj, i64 %k)
  br label %item
item.tuple:
  %of.tuple = call ptr @PyTuple_GetItem(ptr %obj, i64 %k)
  br label %item
item:
  %it = phi ptr [ %of.list, %item.list ], [ %of.tuple, %item.tuple ]
  %it.type.at = getelementptr i8, ptr %it, i64 {TYPE}
  %it.type = load ptr, ptr %it.type.at
  %is.wanted = icmp eq ptr %it.type, %wanted
  br i1 %is.wanted, label %number, label %other
number:
  %x.at = getelementptr i8, ptr %it, i64 {HEADER}
  %x = load double, ptr %x.at
  %to = getelementptr double, ptr %room, i64 %k
  store double %x, ptr %to
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %count
  br i1 %more, label %next, label %done
done:
  ret i64 %count
other:
  ret i64 -1
}}
"""

RECORDS = f"""
; One float of each record in a list or tuple of {FEWEST} to {FEW}: how many, -1 for others.  A record holds ``names`` in this
; order and nothing else.  ``way``: 0 a tuple, 1 a dict, 2 an object, whose attributes are read as Python reads them, for its
; class can change.
define internal i64 @column_of(ptr %obj, ptr %container, ptr %class, ptr %names, i64 %width, i64 %which, i32 %way, ptr %room) {{
entry:
  %position = alloca i64, align 8
  %key.at = alloca ptr, align 8
  %value.at = alloca ptr, align 8
  %type.at = getelementptr i8, ptr %obj, i64 {TYPE}
  %type = load ptr, ptr %type.at
  %is.container = icmp eq ptr %type, %container
  br i1 %is.container, label %size, label %other
size:
  %is.list = icmp eq ptr %type, @type.list
{_COUNTED}  %some = icmp uge i64 %count, {FEWEST}
  %good = and i1 %few, %some
  br i1 %good, label %next, label %other
next:
  %k = phi i64 [ 0, %counted ], [ %k.next, %number ]
  br i1 %is.list, label %item.list, label %item.tuple
item.list:
  %of.list = call ptr @PyList_GetItem(ptr %obj, i64 %k)
  br label %got
item.tuple:
  %of.tuple = call ptr @PyTuple_GetItem(ptr %obj, i64 %k)
  br label %got
got:
  %it = phi ptr [ %of.list, %item.list ], [ %of.tuple, %item.tuple ]
  %is.there = icmp ne ptr %it, null
  br i1 %is.there, label %item, label %failed
item:
  call void @Py_IncRef(ptr %it)
  %it.type.at = getelementptr i8, ptr %it, i64 {TYPE}
  %it.type = load ptr, ptr %it.type.at
  %is.record = icmp eq ptr %it.type, %class
  br i1 %is.record, label %look, label %drop
look:
  switch i32 %way, label %object [ i32 0, label %tuple
                                   i32 1, label %dict ]
tuple:
  %it.size = call i64 @PyTuple_Size(ptr %it)
  %is.wide = icmp eq i64 %it.size, %width
  br i1 %is.wide, label %tuple.item, label %drop
tuple.item:
  %of.it = call ptr @PyTuple_GetItem(ptr %it, i64 %which)
  call void @Py_IncRef(ptr %of.it)
  br label %value
dict:
  call void @Py_IncRef(ptr %it)
  br label %held
object:
  %its.dict = call ptr @PyObject_GenericGetDict(ptr %it, ptr null)
  %has.dict = icmp ne ptr %its.dict, null
  br i1 %has.dict, label %held, label %drop.failed
held:
  %d = phi ptr [ %it, %dict ], [ %its.dict, %object ]
  %d.size = call i64 @PyDict_Size(ptr %d)
  %is.full = icmp eq i64 %d.size, %width
  store i64 0, ptr %position
  br i1 %is.full, label %pair, label %drop.both
pair:
  %p = phi i64 [ 0, %held ], [ %p.next, %named ]
  %found = phi ptr [ null, %held ], [ %found.now, %named ]
  %is.pair = call i32 @PyDict_Next(ptr %d, ptr %position, ptr %key.at, ptr %value.at)
  %more.pairs = icmp ne i32 %is.pair, 0
  br i1 %more.pairs, label %compare, label %drop.both
compare:
  %name = call ptr @PyTuple_GetItem(ptr %names, i64 %p)
  %key = load ptr, ptr %key.at
  %same = icmp eq ptr %key, %name
  br i1 %same, label %named, label %kind
kind:
  %key.type.at = getelementptr i8, ptr %key, i64 {TYPE}
  %key.type = load ptr, ptr %key.type.at
  %is.str = icmp eq ptr %key.type, @type.str
  br i1 %is.str, label %text, label %drop.both
text:
  %order = call i32 @PyUnicode_Compare(ptr %key, ptr %name)
  %equal = icmp eq i32 %order, 0
  br i1 %equal, label %named, label %drop.both
named:
  %value.now = load ptr, ptr %value.at
  %is.which = icmp eq i64 %p, %which
  %found.now = select i1 %is.which, ptr %value.now, ptr %found
  %p.next = add i64 %p, 1
  %again = icmp ult i64 %p.next, %width
  br i1 %again, label %pair, label %all
all:
  %is.dict = icmp eq i32 %way, 1
  br i1 %is.dict, label %dict.item, label %attribute
dict.item:
  call void @Py_IncRef(ptr %found.now)
  call void @Py_DecRef(ptr %d)
  br label %value
attribute:
  call void @Py_DecRef(ptr %d)
  %asked = call ptr @PyTuple_GetItem(ptr %names, i64 %which)
  %read = call ptr @PyObject_GetAttr(ptr %it, ptr %asked)
  %was.read = icmp ne ptr %read, null
  br i1 %was.read, label %value, label %drop.failed
value:
  %v = phi ptr [ %of.it, %tuple.item ], [ %found.now, %dict.item ], [ %read, %attribute ]
  %v.type.at = getelementptr i8, ptr %v, i64 {TYPE}
  %v.type = load ptr, ptr %v.type.at
  %is.float = icmp eq ptr %v.type, @type.float
  %x.at = getelementptr i8, ptr %v, i64 {HEADER}
  br i1 %is.float, label %number, label %drop.value
number:
  %x = load double, ptr %x.at
  %to = getelementptr double, ptr %room, i64 %k
  store double %x, ptr %to
  call void @Py_DecRef(ptr %v)
  call void @Py_DecRef(ptr %it)
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %count
  br i1 %more, label %next, label %done
done:
  ret i64 %count
drop.value:
  call void @Py_DecRef(ptr %v)
  br label %drop
drop.both:
  call void @Py_DecRef(ptr %d)
  br label %drop
drop:
  call void @Py_DecRef(ptr %it)
  br label %other
drop.failed:
  call void @Py_DecRef(ptr %it)
  br label %failed
failed:
  call void @PyErr_Clear()
  br label %other
other:
  ret i64 -1
}}
"""

TOO_LARGE = "too_large"
"""The label of what is done where memory, or 64 bits, do not suffice: plain Python decides."""


class Arguments:
    """Writes the checks of the arguments and collects what the kernel is given."""

    def __init__(self, writer: Writer, signature: Signature) -> None:
        self.writer = writer
        self.signature = signature
        self.passed: dict[int, str] = {}  # kernel input -> typed value
        self.bound: dict[Hashable, str] = {}  # symbol -> i64 value
        self.later: list[tuple[str, Extent]] = []  # extents that must agree, once all are bound
        self.arrays: list[tuple[str, tuple[Extent, ...], int, bool]] = []  # data, shape, itemsize
        self.data_of: dict[int, str] = {}  # positional argument -> its array data
        self.symbol_of = {number: symbol for symbol, number in signature.extents.items()}

    def check(self, argument: str, spec: Input) -> str:
        """Write the checks of one argument; where its array data is, if it is an array."""
        if isinstance(spec, ArrayInput):
            return self._array(argument, spec)
        if isinstance(spec, ScalarInput):
            self._scalar(argument, spec)
        elif isinstance(spec, StaticInput):
            self._static(argument, spec.value)
        elif isinstance(spec, ContainerInput):
            self._container(argument, spec)
        else:
            raise InternalError(f"{spec!r} has no argument")
        return ""

    def hidden(self, spec: HiddenInput) -> None:
        """Read a hidden input, own a reference to it during the call, and check it."""
        w = self.writer
        if isinstance(spec.place, CellType):
            cell = w.own_object(spec.place)
            value = w.call("ptr", "PyCell_Get", f"ptr {cell}")  # a new reference
            self._hold(value)
            w.require_pointer(value, "miss")
        else:
            dictionary, key = (w.own_object(o) for o in spec.place)
            value = w.call("ptr", "PyDict_GetItem", f"ptr {dictionary}", f"ptr {key}")  # borrowed
            w.require_pointer(value, "miss")
            w.call("void", "Py_IncRef", f"ptr {value}")
            self._hold(value)
        self.check(value, spec.input)

    def _hold(self, value: str) -> None:
        w = self.writer
        slot = w.slot("ptr")
        w.locals.append(f"  store ptr null, ptr {slot}")
        w.store("ptr", value, slot)
        w.held.append(slot)

    def finish(self) -> list[str]:
        """Check what remained open; the kernel's inputs in order, with their types."""
        w = self.writer
        for value, extent in self.later:
            w.require_equal("i64", value, self.extent(extent))
        self._require_apart()
        for number, symbol in self.symbol_of.items():
            if number not in self.passed and symbol in self.bound:
                self.passed[number] = f"i64 {self.bound[symbol]}"
        missing = [k for k in range(len(self.signature.inputs)) if k not in self.passed]
        if missing:
            raise InternalError(f"no argument gives the kernel its inputs {missing}")
        return [self.passed[k] for k in range(len(self.signature.inputs))]

    # -- arrays
    def _array(self, argument: str, spec: ArrayInput) -> str:
        if spec.numbers is not None:
            return self._numbers(argument, spec, spec.numbers)
        data = self._array_data(argument, spec)
        return self._pass_array(data, spec)

    def _numbers(self, argument: str, spec: ArrayInput, kind: type | Column) -> str:
        """An array of one axis, or a list or tuple of a few numbers, which are read onto the stack."""
        w = self.writer
        data, extent, room = w.slot("ptr"), w.slot("i64"), w.slot(f"[{FEW} x double]", align=64)
        array, items, done = w.fresh("array"), w.fresh("items"), w.fresh("next")
        type = w.load("ptr", argument, TYPE)
        w.branch_if(w.value(f"icmp eq ptr {type}, {w.object('type.ndarray')}"), array, items)
        w.label(items)
        for name in ("type.list", "type.tuple"):
            w.object(name)
        self._declare(_CALLED_FOR_NUMBERS)
        if isinstance(kind, Column):
            count = self._column(argument, kind, room)
        else:
            wanted = w.object("type.float" if kind is float else "scalar.float64")
            count = w.value(f"call i64 @numbers_of(ptr {argument}, ptr {wanted}, ptr {room})")
        w.require(w.value(f"icmp sgt i64 {count}, 0"))
        w.store("ptr", room, data)
        w.store("i64", count, extent)
        w.line(f"br label %{done}")
        w.label(array)
        w.store("ptr", self._array_data(argument, spec, bind=False), data)
        w.store("i64", w.load("i64", w.load("ptr", argument, ARRAY_SHAPE)), extent)
        w.line(f"br label %{done}")
        w.label(done)
        self._require_extent(w.load("i64", extent), spec.shape[0])
        return self._pass_array(w.load("ptr", data), spec)

    def _declare(self, functions: dict[str, tuple[str, str]]) -> None:
        for name, (result, types) in functions.items():
            self.writer.declared[name] = f"declare {result} @{name}({types})"

    def _column(self, argument: str, column: Column, room: str) -> str:
        """Read a column of a few records; how many there are, -1 for others."""
        w, record = self.writer, column.record
        for name in ("type.str", "type.float"):
            w.object(name)
        self._declare(_CALLED_FOR_RECORDS)
        way = 0 if issubclass(record.cls, tuple) else 1 if record.cls is dict else 2
        objects = (column.layout.cls, record.cls, record.names)
        given = ", ".join([f"ptr {w.own_object(x)}" for x in objects])
        numbers = f"i64 {len(record.names)}, i64 {column.number}, i32 {way}"
        return w.value(f"call i64 @column_of(ptr {argument}, {given}, {numbers}, ptr {room})")

    def _array_data(self, argument: str, spec: ArrayInput, bind: bool = True) -> str:
        """Check an ndarray; where its data is.  ``bind``: its extents are those of the input."""
        w = self.writer
        w.require_type(argument, "type.ndarray")
        self._require_dtype(w.load("ptr", argument, ARRAY_DESCR), spec.dtype)
        w.require_equal("i32", w.load("i32", argument, ARRAY_NDIM), len(spec.shape))
        flags = C_CONTIGUOUS | ALIGNED | (WRITEABLE if spec.written else 0)
        has = w.value(f"and i32 {w.load('i32', argument, ARRAY_FLAGS)}, {flags}")
        w.require_equal("i32", has, flags)
        if spec.shape and bind:
            extents = w.load("ptr", argument, ARRAY_SHAPE)
            for axis, extent in enumerate(spec.shape):
                self._require_extent(w.load("i64", extents, 8 * axis), extent)
        return w.load("ptr", argument, ARRAY_DATA)

    def _pass_array(self, data: str, spec: ArrayInput) -> str:
        """Give the kernel an array that is known to fit."""
        w = self.writer
        self.arrays.append((data, spec.shape, spec.dtype.itemsize, spec.written))
        if spec.number is not None:
            dtype, shape = self.signature.inputs[spec.number]
            if dtype != spec.dtype or len(shape) != len(spec.shape):
                raise InternalError(f"kernel input {spec.number} is {dtype}{shape}, not {spec}")
            if shape:
                self.passed[spec.number] = f"ptr {data}"
            else:
                self._pass(spec.number, element_type(dtype), w.load(element_type(dtype), data))
        return data

    def _require_dtype(self, descr: str, dtype: np.dtype[Any]) -> None:
        """The descriptor is NumPy's own for ``dtype``, or says the same (one from a pickle)."""
        w = self.writer
        element_type(dtype)
        same = w.value(f"icmp eq ptr {descr}, {w.object('descr.' + dtype_name(dtype))}")
        done, look = w.fresh("next"), w.fresh("descr")
        w.branch_if(same, done, look)
        w.label(look)
        w.require_equal("i32", w.load("i32", descr, DESCR_TYPE_NUMBER), dtype.num)
        order = w.load("i8", descr, DESCR_BYTEORDER)
        foreign = w.value(f"icmp eq i8 {order}, {ord('<' if _is_big_endian() else '>')}")
        w.branch_if(foreign, "miss", done)
        w.label(done)

    def _require_extent(self, value: str, extent: Extent) -> None:
        if isinstance(extent, int):
            self.writer.require_equal("i64", value, extent)
            return
        symbol = bare_symbol(extent)
        if symbol is not None and symbol not in self.bound:
            self.bound[symbol] = value
            low = getattr(symbol, "low", None)
            if isinstance(low, int):  # the program relies on it: an extent of 1 would broadcast
                self.writer.require(self.writer.value(f"icmp sge i64 {value}, {low}"))
        else:
            self.later.append((value, extent))

    def _require_apart(self) -> None:
        """Arrays that are written overlap no other array."""
        w = self.writer
        for k, (data, shape, itemsize, written) in enumerate(self.arrays):
            for j, (other, shape_2, itemsize_2, written_2) in enumerate(self.arrays):
                if not written or j == k or (written_2 and j < k):
                    continue
                end = w.offset(data, self.bytes(shape, itemsize))
                end_2 = w.offset(other, self.bytes(shape_2, itemsize_2))
                before = w.value(f"icmp ule ptr {end}, {other}")
                after = w.value(f"icmp ule ptr {end_2}, {data}")
                w.require(w.value(f"or i1 {before}, {after}"))

    # -- numbers
    def _scalar(self, argument: str, spec: ScalarInput) -> None:
        w = self.writer
        to = None if spec.number is None else self.signature.inputs[spec.number]
        if to is not None and to[1]:
            raise InternalError(f"kernel input {spec.number} is an array, not {spec}")
        dtype = np.dtype(spec.kind) if to is None else to[0]
        if spec.kind is bool:
            true = w.value(f"icmp eq ptr {argument}, {w.object('object.True')}")
            false = w.value(f"icmp eq ptr {argument}, {w.object('object.False')}")
            w.require(w.value(f"or i1 {true}, {false}"))
            value = self._from_bool(true, dtype)
        elif spec.kind is int:
            w.require_type(argument, "type.int")
            value = self._from_int(argument, dtype)
        elif spec.kind is float:
            w.require_type(argument, "type.float")
            value = self._from_float(w.load("double", argument, HEADER), dtype)
        elif isinstance(spec.kind, np.dtype):
            if dtype != spec.kind:
                raise InternalError(f"kernel input {spec.number} is {dtype}, not {spec}")
            w.require_type(argument, "scalar." + dtype_name(dtype))
            value = w.load(element_type(dtype), argument, HEADER)
        else:
            raise InternalError(f"{spec!r} is no kind of number")
        if spec.number is not None:
            self._pass(spec.number, element_type(dtype), value)

    def _from_bool(self, truth: str, dtype: np.dtype[Any]) -> str:
        type = element_type(dtype)
        instruction = "uitofp" if dtype.kind == "f" else "zext"
        return self.writer.value(f"{instruction} i1 {truth} to {type}")

    def _from_float(self, value: str, dtype: np.dtype[Any]) -> str:
        if dtype.kind != "f":
            raise InternalError(f"a float for a kernel input of {dtype}")
        type = element_type(dtype)
        return value if type == "double" else self.writer.value(f"fptrunc double {value} to {type}")

    def _from_int(self, argument: str, dtype: np.dtype[Any]) -> str:
        w, type = self.writer, element_type(dtype)
        value = self._integer(argument)
        if dtype.kind == "f":
            return w.value(f"sitofp i64 {value} to {type}")  # rounds as float(int) does
        if type == "i64":
            if dtype.kind == "u":
                w.require(w.value(f"icmp sge i64 {value}, 0"))
            return value
        narrow = w.value(f"trunc i64 {value} to {type}")
        wide = w.value(f"{'zext' if dtype.kind in 'ub' else 'sext'} {type} {narrow} to i64")
        w.require_equal("i64", value, wide)
        return narrow

    def _integer(self, argument: str) -> str:
        """A Python int as i64; one that does not fit is a miss."""
        w = self.writer
        overflow = w.slot("i32")
        value = w.call("i64", "PyLong_AsLongLongAndOverflow", f"ptr {argument}", f"ptr {overflow}")
        w.require_equal("i32", w.load("i32", overflow), 0)
        return value

    def _pass(self, number: int, type: str, value: str) -> None:
        self.passed[number] = f"{type} {value}"
        symbol = self.symbol_of.get(number)
        if symbol is None:
            return
        if symbol in self.bound:
            self.writer.require_equal("i64", value, self.bound[symbol])
        self.bound[symbol] = value

    # -- objects
    def _static(self, argument: str, expected: Any) -> None:
        w = self.writer
        same = w.value(f"icmp eq ptr {argument}, {w.own_object(expected)}")
        compare = self._comparison(expected)
        if compare is None:
            w.require(same)
            return
        done, look = w.fresh("next"), w.fresh("compare")
        w.branch_if(same, done, look)
        w.label(look)
        compare(argument)
        w.line(f"br label %{done}")
        w.label(done)

    def _comparison(self, expected: Any) -> Callable[[str], None] | None:
        """What to require of an object that is not the expected one itself, if it may pass."""
        w = self.writer
        kind = type(expected)

        def equal_int(argument: str) -> None:
            w.require_type(argument, "type.int")
            w.require_equal("i64", self._integer(argument), expected)

        def equal_string(argument: str) -> None:
            w.require_type(argument, "type.str")
            other = w.own_object(expected)
            answer = w.call("i32", "PyUnicode_Compare", f"ptr {argument}", f"ptr {other}")
            w.require_equal("i32", answer, 0)

        def equal_bits(argument: str) -> None:
            # Bits, not values: 0.0 and -0.0 differ, and a NaN is itself.
            dtype = np.dtype(kind)
            w.require_type(
                argument, "type.float" if kind is float else f"scalar.{dtype_name(dtype)}"
            )
            bits = int.from_bytes(np.asarray(expected, dtype).tobytes(), _BYTE_ORDER)
            integer = f"i{8 * dtype.itemsize}"
            w.require_equal(integer, w.load(integer, argument, HEADER), bits)

        if kind is int and -(2**63) <= expected < 2**63:
            return equal_int
        if kind is str:
            return equal_string
        if kind is float or (isinstance(expected, np.number) and expected.dtype.kind in "iuf"):
            return equal_bits if np.dtype(kind).itemsize <= 8 else None
        return None

    def _container(self, argument: str, spec: ContainerInput) -> None:
        if spec.kind not in (tuple, list):
            raise InternalError(f"an argument cannot be taken apart as {spec.kind.__name__}")
        w = self.writer
        prefix = "PyTuple" if spec.kind is tuple else "PyList"
        w.require_equal(
            "ptr", w.load("ptr", argument, TYPE), w.object(f"type.{spec.kind.__name__}")
        )
        size = w.call("i64", f"{prefix}_Size", f"ptr {argument}")
        w.require_equal("i64", size, len(spec.items))
        for k, item in enumerate(spec.items):
            value = w.call("ptr", f"{prefix}_GetItem", f"ptr {argument}", f"i64 {k}")
            if spec.kind is list:  # a list can lose its item while the call runs
                w.require_pointer(value, "miss")
                w.call("void", "Py_IncRef", f"ptr {value}")
                self._hold(value)
            self.check(value, item)

    # -- extents
    def extent(self, extent: Extent) -> str:
        """The value of an extent, as i64."""
        if not isinstance(extent, Dim):
            return str(int(extent))
        total = ""
        for monomial, coefficient in extent.terms.items():
            product = str(coefficient)
            for atom, power in monomial:
                factor = self._atom(atom)
                for _ in range(power):
                    product = factor if product == "1" else self._checked("mul", product, factor)
            total = self.sum(total, product) if total else product
        return total

    def sum(self, a: str, b: str) -> str:
        """A sum of sizes."""
        return self._checked("add", a, b)

    def _checked(self, word: str, a: str, b: str) -> str:
        """A sum or product; one that 64 bits do not hold is the size of nothing that there is."""
        w = self.writer
        name = f"llvm.s{word}.with.overflow.i64"
        w.declared[name] = f"declare {{ i64, i1 }} @{name}(i64, i64)"
        both = w.value(f"call {{ i64, i1 }} @{name}(i64 {a}, i64 {b})")
        fits = w.value(f"xor i1 {w.value(f'extractvalue {{ i64, i1 }} {both}, 1')}, true")
        w.require(fits, TOO_LARGE)
        return w.value(f"extractvalue {{ i64, i1 }} {both}, 0")

    def _atom(self, atom: Any) -> str:
        w = self.writer
        if not isinstance(atom, Func):
            if atom not in self.bound:
                raise InternalError(f"no argument gives the extent {atom}")
            return self.bound[atom]
        a, b = self.extent(atom.left), self.extent(atom.right)
        if atom.name in ("min", "max"):
            less = w.value(f"icmp slt i64 {a}, {b}")
            first, second = (a, b) if atom.name == "min" else (b, a)
            return w.value(f"select i1 {less}, i64 {first}, i64 {second}")
        return self._floor_division(atom.name, a, b)

    def _floor_division(self, name: str, a: str, b: str) -> str:
        """Python's ``//`` or ``%``; the machine's division rounds towards zero."""
        w = self.writer
        zero = w.value(f"icmp eq i64 {b}, 0")  # traps; no array has such an extent anyway
        b = w.value(f"select i1 {zero}, i64 1, i64 {b}")
        remainder = w.value(f"srem i64 {a}, {b}")
        signs = w.value(f"xor i64 {remainder}, {b}")
        opposite = w.value(f"icmp slt i64 {signs}, 0")
        inexact = w.value(f"icmp ne i64 {remainder}, 0")
        adjust = w.value(f"and i1 {opposite}, {inexact}")
        if name == "mod":
            shift = w.value(f"select i1 {adjust}, i64 {b}, i64 0")
            return w.value(f"add i64 {remainder}, {shift}")
        quotient = w.value(f"sdiv i64 {a}, {b}")
        shift = w.value(f"sext i1 {adjust} to i64")
        return w.value(f"add i64 {quotient}, {shift}")

    def bytes(self, shape: tuple[Extent, ...], itemsize: int) -> str:
        """The bytes of an array, as i64."""
        size: Extent = itemsize
        for extent in shape:
            size = size * extent
        return self.extent(size)


_BYTE_ORDER: Any = "little" if np.little_endian else "big"


def _is_big_endian() -> bool:
    return not np.little_endian


def bare_symbol(extent: Extent) -> Hashable | None:
    """The symbol an extent consists of, or None."""
    if isinstance(extent, Dim) and len(extent.terms) == 1:
        ((monomial, coefficient),) = extent.terms.items()
        if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            atom: Hashable = monomial[0][0]
            return None if isinstance(atom, Func) else atom
    return None
