"""The places of the kernel's outputs, and the objects made from them.

Arrays that are returned are allocated by NumPy before the kernel runs; numbers lie on the stack;
outputs that are only copied into arguments lie in working memory.  Every reference is in a slot
until it is given out, so that a failure drops exactly what there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.dims import Extent
from autodiff.engines.native.entry.arguments import TOO_LARGE, Arguments
from autodiff.engines.native.entry.forms import (
    ArgumentOutput,
    ArrayOutput,
    EitherOutput,
    ItemsOutput,
    ObjectOutput,
    OutputLeaf,
    OutputTree,
    ScalarOutput,
    leaves,
)
from autodiff.engines.native.entry.writer import Writer, dtype_name, element_type
from autodiff.engines.native.pool import LARGE_BYTES, handler
from autodiff.engines.native.symbols import (
    ALIGNED,
    ARRAY_DATA,
    ARRAY_FLAGS,
    C_CONTIGUOUS,
    OWNS_DATA,
    WRITEABLE,
)
from autodiff.errors import InternalError

POOL_DECLARATIONS = {
    "PyArray_NewFromDescr": "declare ptr @PyArray_NewFromDescr"
    "(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)",
    "PyDataMem_SetHandler": "declare ptr @PyDataMem_SetHandler(ptr)",
    "Py_DecRef": "declare void @Py_DecRef(ptr)",
}


class Results:
    """Writes the allocation of the outputs, and the objects made from them."""

    def __init__(
        self,
        writer: Writer,
        arguments: Arguments,
        outputs: OutputTree,
        copies: Sequence[tuple[int, int]],
    ) -> None:
        self.writer = writer
        self.arguments = arguments
        self.signature = arguments.signature
        self.tree = outputs
        self.copies = copies
        self.arrays: dict[int, str] = {}  # output -> slot of the new ndarray
        self.data: dict[int, str] = {}  # output -> pointer the kernel is given
        self.temporary: list[tuple[int, Extent]] = []  # outputs in working memory, their bytes
        self.owned: list[str] = []  # slots of references to drop when something fails
        self.uses: dict[str, int] = {}  # slot -> references still to be given out
        self.wanted = {leaf.number for leaf in leaves(outputs) if isinstance(leaf, ArrayOutput)}

    def own(self) -> str:
        """A slot for a reference, dropped on failure."""
        slot = self.writer.slot("ptr")
        self.writer.locals.append(f"  store ptr null, ptr {slot}")
        self.owned.append(slot)
        return slot

    def allocate(self) -> None:
        """Give every output its place."""
        for number, (dtype, shape) in enumerate(self.signature.outputs):
            if number in self.signature.sized:
                self._prepare_descriptor(number, len(shape))
            elif number in self.wanted:
                self._new_array(number, dtype, shape)
            elif not shape:
                self.data[number] = self.writer.slot("i64")
            else:
                size: Extent = dtype.itemsize
                for extent in shape:
                    size = size * extent
                self.temporary.append((number, size))

    def _new_array(self, number: int, dtype: np.dtype[Any], shape: tuple[Extent, ...]) -> None:
        w = self.writer
        extents = w.slot(f"[{max(len(shape), 1)} x i64]")
        for axis, extent in enumerate(shape):
            w.store("i64", self.arguments.extent(extent), extents, 8 * axis)
        size = self.arguments.bytes(shape, dtype.itemsize)
        if size.startswith("%") or int(size) >= LARGE_BYTES:
            slot = self._make_large_array(dtype, len(shape), extents, size)
        else:
            slot = self._make_array(dtype, len(shape), extents, "null")
        self.arrays[number] = slot
        self.data[number] = w.load("ptr", w.load("ptr", slot), ARRAY_DATA)

    def _make_large_array(self, dtype: np.dtype[Any], ndim: int, extents: str, size: str) -> str:
        """A new ndarray whose data, if large, comes from the pool."""
        w = self.writer
        slot = self.own()
        descr = w.object("descr." + dtype_name(dtype))
        w.call("void", "Py_IncRef", f"ptr {descr}")
        w.declared |= POOL_DECLARATIONS
        array = w.value(
            f"call ptr @new_large_array(ptr {w.own_object(handler())}, "
            f"ptr {w.object('type.ndarray')}, ptr {descr}, i32 {ndim}, ptr {extents}, i64 {size})"
        )
        w.store("ptr", array, slot)
        w.require_pointer(array, TOO_LARGE)
        return slot

    def _make_array(self, dtype: np.dtype[Any], ndim: int, extents: str, data: str) -> str:
        """A new ndarray in a slot of its own."""
        w = self.writer
        slot = self.own()
        descr = w.object("descr." + dtype_name(dtype))
        w.call("void", "Py_IncRef", f"ptr {descr}")  # the call below takes a reference
        array = w.call(
            "ptr", "PyArray_NewFromDescr",
            f"ptr {w.object('type.ndarray')}", f"ptr {descr}", f"i32 {ndim}", f"ptr {extents}",
            "ptr null", f"ptr {data}", f"i32 {0 if data == 'null' else C_CONTIGUOUS | ALIGNED | WRITEABLE}", "ptr null",
        )  # fmt: skip
        w.store("ptr", array, slot)
        w.require_pointer(array, TOO_LARGE if data == "null" else "error")
        return slot

    def _prepare_descriptor(self, number: int, ndim: int) -> None:
        w = self.writer
        slot = w.slot(f"[{1 + ndim} x i64]")
        w.locals.append(f"  store ptr null, ptr {slot}")
        self.data[number] = slot

    def adopt_sized(self) -> None:
        """Make ndarrays of what the kernel allocated; NumPy frees it."""
        w = self.writer
        for number in sorted(self.signature.sized):
            if number not in self.wanted:
                w.call("void", "free", f"ptr {w.load('ptr', self.data[number])}")
                continue
            dtype, shape = self.signature.outputs[number]
            data = w.load("ptr", self.data[number])
            extents = w.offset(self.data[number], 8)
            slot = self._make_array(dtype, len(shape), extents, data)
            array = w.load("ptr", slot)
            # An array that owns its data and names no handler is freed with free().
            flags = w.value(f"or i32 {w.load('i32', array, ARRAY_FLAGS)}, {OWNS_DATA}")
            w.store("i32", flags, array, ARRAY_FLAGS)
            w.store("ptr", "null", self.data[number])
            self.arrays[number] = slot

    def free_sized(self) -> None:
        """Free what the kernel allocated and nobody took."""
        w = self.writer
        for number in sorted(self.signature.sized):
            w.call("void", "free", f"ptr {w.load('ptr', self.data[number])}")

    # -- objects
    def collect(self) -> str:
        """The result, a new reference."""
        made: dict[OutputLeaf, str] = {}
        for leaf in leaves(self.tree):
            if leaf not in made:
                made[leaf] = self._leaf(leaf)
            slot = made[leaf]
            self.uses[slot] = self.uses.get(slot, 0) + 1
        return self._take(self._build(self.tree, made))

    def _leaf(self, leaf: OutputLeaf) -> str:
        """The slot with a reference to the object."""
        if isinstance(leaf, ArrayOutput):
            return self.arrays[leaf.number]
        if isinstance(leaf, ItemsOutput):
            return self._items(leaf)
        slot = self.own()
        if isinstance(leaf, EitherOutput):
            self._either(leaf, slot)
        else:
            self._object(leaf, slot)
        return slot

    def _object(self, leaf: ScalarOutput | ArgumentOutput | ObjectOutput, slot: str) -> None:
        """Put a reference to a number or to an object that there is into a slot."""
        w = self.writer
        if isinstance(leaf, ScalarOutput):
            value = self._number(leaf)
            w.store("ptr", value, slot)
            w.require_pointer(value)
            return
        if isinstance(leaf, ArgumentOutput):
            value = w.load("ptr", "%arguments", 8 * leaf.index)
        else:
            value = w.own_object(leaf.value)
        w.call("void", "Py_IncRef", f"ptr {value}")
        w.store("ptr", value, slot)

    def _either(self, leaf: EitherOutput, slot: str) -> None:
        w = self.writer
        holds, fails, done = w.fresh("narrow"), w.fresh("wide"), w.fresh("next")
        tag = w.load("i8", self.data[leaf.number])
        w.branch_if(w.value(f"icmp ne i8 {tag}, 0"), holds, fails)
        for label, part in ((holds, leaf.narrow), (fails, leaf.wide)):
            w.label(label)
            self._object(part, slot)
            w.line(f"br label %{done}")
        w.label(done)

    def _items(self, leaf: ItemsOutput) -> str:
        """The slot with a new list or tuple of the elements."""
        w = self.writer
        dtype, shape = self.signature.outputs[leaf.number]
        if dtype != np.float64 or len(shape) != 1 or leaf.number in self.signature.sized:
            raise InternalError(f"kernel output {leaf.number} is {dtype}{shape}, not {leaf}")
        prefix = "PyTuple" if leaf.kind is tuple else "PyList"
        count = self.arguments.extent(shape[0])
        slot, counter = self.own(), w.slot("i64")
        container = w.call("ptr", f"{prefix}_New", f"i64 {count}")
        w.store("ptr", container, slot)
        w.require_pointer(container)
        w.store("i64", "0", counter)
        head, body, done = w.fresh("head"), w.fresh("body"), w.fresh("next")
        w.line(f"br label %{head}")
        w.label(head)
        k = w.load("i64", counter)
        w.branch_if(w.value(f"icmp slt i64 {k}, {count}"), body, done)
        w.label(body)
        at = w.value(f"getelementptr double, ptr {self.data[leaf.number]}, i64 {k}")
        item = w.call("ptr", "PyFloat_FromDouble", f"double {w.load('double', at)}")
        w.require_pointer(item)
        w.call("i32", f"{prefix}_SetItem", f"ptr {container}", f"i64 {k}", f"ptr {item}")
        w.store("i64", w.value(f"add i64 {k}, 1"), counter)
        w.line(f"br label %{head}")
        w.label(done)
        return slot

    def _number(self, leaf: ScalarOutput) -> str:
        w = self.writer
        dtype, shape = self.signature.outputs[leaf.number]
        if shape or leaf.number in self.signature.sized:
            raise InternalError(f"kernel output {leaf.number} is an array, not {leaf}")
        place = self.data[leaf.number]
        if isinstance(leaf.kind, np.dtype):
            if leaf.kind != dtype:
                raise InternalError(f"kernel output {leaf.number} is {dtype}, not {leaf}")
            descr = w.object("descr." + dtype_name(dtype))
            return w.call("ptr", "PyArray_Scalar", f"ptr {place}", f"ptr {descr}", "ptr null")
        type = element_type(dtype)
        value = w.load(type, place)
        if leaf.kind is float and dtype.kind == "f":
            if type != "double":
                value = w.value(f"fpext {type} {value} to double")
            return w.call("ptr", "PyFloat_FromDouble", f"double {value}")
        if leaf.kind is int and dtype.kind == "f" and type == "double":
            return w.call("ptr", "PyLong_FromDouble", f"double {value}")
        if leaf.kind is bool:
            compare = "fcmp une" if dtype.kind == "f" else "icmp ne"
            zero = "0.0" if dtype.kind == "f" else "0"
            truth = w.value(f"{compare} {type} {value}, {zero}")
            true, false = w.object("object.True"), w.object("object.False")
            chosen = w.value(f"select i1 {truth}, ptr {true}, ptr {false}")
            w.call("void", "Py_IncRef", f"ptr {chosen}")
            return chosen
        if leaf.kind is int and dtype.kind in "iub":
            signed = dtype.kind == "i"
            if type != "i64":
                value = w.value(f"{'sext' if signed else 'zext'} {type} {value} to i64")
            make = "PyLong_FromLongLong" if signed else "PyLong_FromUnsignedLongLong"
            return w.call("ptr", make, f"i64 {value}")
        raise InternalError(f"no {leaf.kind!r} is made of {dtype}")

    def _build(self, tree: OutputTree, made: dict[OutputLeaf, str]) -> str:
        """The slot with the object that ``tree`` describes."""
        w = self.writer
        if isinstance(tree, dict):
            return self._dictionary(tree, made)
        if not isinstance(tree, (tuple, list)):
            return made[tree]
        parts = [self._build(part, made) for part in tree]
        prefix = "PyTuple" if isinstance(tree, tuple) else "PyList"
        container = w.call("ptr", f"{prefix}_New", f"i64 {len(parts)}")
        slot = self.own()
        self.uses[slot] = 1
        w.store("ptr", container, slot)
        w.require_pointer(container)
        for k, part in enumerate(parts):
            item = self._take(part)
            w.call("i32", f"{prefix}_SetItem", f"ptr {container}", f"i64 {k}", f"ptr {item}")
        return slot

    def _dictionary(self, tree: dict[Any, OutputTree], made: dict[OutputLeaf, str]) -> str:
        w = self.writer
        parts = {key: self._build(part, made) for key, part in tree.items()}
        container = w.call("ptr", "PyDict_New")
        slot = self.own()
        self.uses[slot] = 1
        w.store("ptr", container, slot)
        w.require_pointer(container)
        for key, part in parts.items():
            item = w.load("ptr", part)  # the dictionary takes a reference of its own
            at = f"ptr {w.own_object(key)}"
            status = w.call("i32", "PyDict_SetItem", f"ptr {container}", at, f"ptr {item}")
            w.require_equal("i32", status, 0, "error")
            self.uses[part] -= 1
            if not self.uses[part]:
                w.store("ptr", "null", part)
                w.call("void", "Py_DecRef", f"ptr {item}")
        return slot

    def _take(self, slot: str) -> str:
        """A reference to the object in a slot: with its last use, the slot's own."""
        w = self.writer
        item = w.load("ptr", slot)
        self.uses[slot] -= 1
        if self.uses[slot]:
            w.call("void", "Py_IncRef", f"ptr {item}")
        else:
            w.store("ptr", "null", slot)
        return item

    def write_back(self) -> None:
        """Copy outputs into the arguments they belong to."""
        w = self.writer
        for number, target in self.copies:
            dtype, shape = self.signature.outputs[number]
            size = self.arguments.bytes(shape, dtype.itemsize)
            place = self.arguments.data_of[target]
            w.call("ptr", "memcpy", f"ptr {place}", f"ptr {self.data[number]}", f"i64 {size}")
