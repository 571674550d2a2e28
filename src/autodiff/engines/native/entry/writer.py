"""Lines of LLVM IR for one function, with what they declare and refer to.

    w.require(w.value(f"icmp eq i64 {count}, 3"))      # go on, or branch to %miss
    w.call("ptr", "PyFloat_FromDouble", f"double {x}")  # declares the function as well

The text is meant to be translated as it stands, without optimisation: values live in registers,
only what must survive a failing call has a slot on the stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.engines.native.symbols import TYPE
from autodiff.errors import InternalError

SCALAR_TYPES: dict[str, str] = {
    "b1": "i8", "i1": "i8", "u1": "i8", "i2": "i16", "u2": "i16", "i4": "i32", "u4": "i32",
    "i8": "i64", "u8": "i64", "f2": "half", "f4": "float", "f8": "double",
}  # fmt: skip
"""LLVM's type of an element, by NumPy's code."""


class Writer:
    """Lines of one function, the names it declares, and the objects it refers to."""

    def __init__(self) -> None:
        self.locals: list[str] = []  # stack slots, at the head of the function
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.extra: dict[str, int] = {}
        self.keep: list[Any] = []
        self.held: list[str] = []  # slots of references that are ours until the call ends
        self._count = 0

    def fresh(self, stem: str = "v") -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{stem}{self._count}"

    def line(self, text: str) -> None:
        """Add an instruction."""
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{name}:")

    def value(self, expression: str) -> str:
        """Add an instruction and name its value."""
        name = "%" + self.fresh()
        self.line(f"{name} = {expression}")
        return name

    def slot(self, type: str, align: int = 8) -> str:
        """Room on the stack, for the whole call."""
        name = "%" + self.fresh("slot")
        self.locals.append(f"  {name} = alloca {type}, align {align}")
        return name

    def load(self, type: str, base: str, offset: int = 0) -> str:
        """Read a field of an object."""
        return self.value(f"load {type}, ptr {self.offset(base, offset)}, align 1")

    def store(self, type: str, value: str, base: str, offset: int = 0) -> None:
        """Write a field of an object."""
        self.line(f"store {type} {value}, ptr {self.offset(base, offset)}, align 1")

    def offset(self, base: str, offset: int | str) -> str:
        """The address so many bytes on."""
        return base if offset == 0 else self.value(f"getelementptr i8, ptr {base}, i64 {offset}")

    def call(self, result: str, name: str, *arguments: str) -> str:
        """Call a C function; arguments are written with their types."""
        if name not in self.declared:
            types = ", ".join(a.split(" ", 1)[0] for a in arguments)
            self.declared[name] = f"declare {result} @{name}({types})"
        text = f"call {result} @{name}({', '.join(arguments)})"
        if result == "void":
            self.line(text)
            return ""
        return self.value(text)

    def object(self, name: str) -> str:
        """The address of an object known to ``symbols``."""
        self.declared[name] = f"@{name} = external global i8"
        return f"@{name}"

    def own_object(self, value: Any) -> str:
        """The address of any object, kept alive with the entry."""
        name = _KNOWN.get(id(value)) if value is None or isinstance(value, bool) else None
        if name is None:
            name = f"own.{len(self.keep)}"
            self.keep.append(value)
            self.extra[name] = id(value)
        return self.object(name)

    def branch_if(self, condition: str, yes: str, no: str) -> None:
        """End a basic block with a choice."""
        self.line(f"br i1 {condition}, label %{yes}, label %{no}")

    def require(self, condition: str, otherwise: str = "miss") -> None:
        """Go on where ``condition`` holds."""
        then = self.fresh("next")
        self.branch_if(condition, then, otherwise)
        self.label(then)

    def require_equal(self, type: str, a: str, b: str | int, otherwise: str = "miss") -> None:
        """Go on where two values are equal."""
        self.require(self.value(f"icmp eq {type} {a}, {b}"), otherwise)

    def require_pointer(self, pointer: str, otherwise: str = "error") -> None:
        """Go on unless a call failed."""
        self.require(self.value(f"icmp ne ptr {pointer}, null"), otherwise)

    def require_type(self, argument: str, name: str) -> None:
        """Go on where the type of an object is exactly the one called ``name``."""
        self.require_equal("ptr", self.load("ptr", argument, TYPE), self.object(name))


_KNOWN = {id(None): "object.None", id(True): "object.True", id(False): "object.False"}


def element_type(dtype: np.dtype[Any]) -> str:
    """LLVM's type for an element of ``dtype``."""
    try:
        if not dtype.isnative:
            raise KeyError
        return SCALAR_TYPES[f"{dtype.kind}{dtype.itemsize}"]
    except KeyError:
        raise InternalError(f"native code has no element type {dtype!r}") from None


def dtype_name(dtype: np.dtype[Any]) -> str:
    """A name that gives this very dtype back: ``longlong`` is not the ``int64`` of its size."""
    return dtype.name if np.dtype(dtype.name).num == dtype.num else dtype.char
