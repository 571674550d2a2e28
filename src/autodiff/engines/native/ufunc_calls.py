"""One element of a NumPy ufunc in machine code, by the C function that the ufunc itself runs.

    call = find("scipy.special.betaln", (FLOAT64, FLOAT64))
    call.result              # float64
    call.text(["%a", "%b"])  # call double @ufunc.scipy.special.betaln.dd_d.value(double %a, …)

So a value is the one that SciPy gives, bit by bit, in any loop and on any thread.  There are two ways:

value    ``scipy.special.cython_special`` exports functions of numbers for its users in C: a plain call.
loop     A ufunc holds, for each of its signatures, a C function ``loop(args, dimensions, steps, data)``
         that NumPy calls without the GIL.  Every ufunc has it.  Called for one element it costs 20 ns
         more, so it is for what is not exported: single precision, and functions for SciPy's own use.

The text of a module holds names (``ufunc.scipy.special.betaln.dd_d.loop``), which ``symbols`` resolves
in each process, so that machine code can be kept on disk.

The processor's floating-point flags: a loop clears them, so those from before the call are put back,
and what the function itself divided by zero on its way is its own affair, as in NumPy.  A function of
numbers clears none and may raise some.

Where SciPy warns or raises (``special.errstate``, an order that is not whole) it takes the GIL, if the
thread does not have it.  The exception is seen by the entry after the kernel has returned, see
``Kernel.calls_ufuncs``; threads are never waited for with the GIL in hand, see ``threads``.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.engines.native import symbols
from autodiff.engines.native.writer import register_type
from autodiff.errors import UnsupportedError

PREFIX = "ufunc."
_FLAGS = 0x1D  # invalid, divide, overflow, underflow, as x86 numbers them in MXCSR


@dataclass(frozen=True)
class UfuncCall:
    """The C function of one signature of a ufunc."""

    ufunc: str
    signature: str
    operands: tuple[np.dtype[Any], ...]
    result: np.dtype[Any]
    by_value: bool
    part: int | None = None  # 0, 1: of complex numbers, whose parts are the operands, that part

    @property
    def symbol(self) -> str:
        """The name that the others begin with; also that of a loop's function of one element."""
        return f"{PREFIX}{self.ufunc}.{self.signature.replace('->', '_')}"

    def text(self, names: Sequence[str]) -> str:
        """The instruction that computes an element."""
        types = [register_type(dtype) for dtype in self.operands]
        listed = ", ".join(f"{type} {name}" for type, name in zip(types, names, strict=True))
        if self.part is not None:
            symbol = f"{self.symbol}.part{self.part}"
        elif self.by_value:  # the last argument is Cython's, and not looked at
            listed, symbol = f"{listed}, i32 0", f"{self.symbol}.value"
        else:
            symbol = self.symbol
        return f"call {register_type(self.result)} @{symbol}({listed})"


@functools.lru_cache(maxsize=1024)
def find(ufunc: str, operands: tuple[np.dtype[Any], ...]) -> UfuncCall:
    """The C function of a ufunc, given by its dotted name, for operands of these very dtypes.

    Raises
    ------
    UnsupportedError
        When the ufunc has no such signature.
    """
    prefix, _, path = ufunc.rpartition(":")
    if prefix:
        return _of_complex(path, operands, ("real", "imag").index(prefix))
    for signature in symbols.ufunc_of(ufunc).types:
        given, _, made = signature.partition("->")
        if len(made) == 1 and tuple(np.dtype(c) for c in given) == operands:
            by_value = symbols.has_value_function(ufunc, signature)
            return UfuncCall(ufunc, signature, operands, np.dtype(made), by_value)
    listed = ", ".join(map(str, operands))
    raise UnsupportedError(f"{ufunc} has no loop for elements of dtype {listed}.")


def _of_complex(ufunc: str, operands: tuple[np.dtype[Any], ...], part: int) -> UfuncCall:
    """One part of a ufunc of complex numbers, given by the parts of its operands."""
    whole = "F" if operands[0] == np.dtype(np.float32) else "D"
    signature = whole * (len(operands) // 2) + "->" + whole
    if signature not in symbols.ufunc_of(ufunc).types:
        raise UnsupportedError(f"{ufunc} has no loop {signature}.")
    return UfuncCall(ufunc, signature, operands, operands[0], False, part)


# No memory that the caller sees is read or written: equal calls may be shared, and a call whose result
# is not used may go.
_ATTRIBUTES = "nounwind willreturn memory(none)"


def _definition(loop: UfuncCall) -> str:
    """A function of one element that calls a loop."""
    types = [register_type(dtype) for dtype in loop.operands]
    result = register_type(loop.result)
    listed = ", ".join(f"{type} %x{k}" for k, type in enumerate(types))
    width = 1 if loop.part is None else 2  # numbers in memory for each operand
    count = len(types) // width
    name = loop.symbol if loop.part is None else f"{loop.symbol}.part{loop.part}"
    lines = [f"define internal {result} @{name}({listed}) noinline {_ATTRIBUTES} {{"]
    for k, type in enumerate([*types[::width], result]):
        lines.append(f"  %place{k} = alloca [{width} x {type}], align 8")
    lines.append(f"  %places = alloca [{count + 1} x ptr], align 8")
    before, after = _FLAG_CODE if _is_x86() else _ENVIRONMENT_CODE
    lines.append(before)
    for k, type in enumerate(types):
        lines.append(
            f"  %in{k} = getelementptr {type}, ptr %place{k // width}, i64 {k % width}\n"
            f"  store {type} %x{k}, ptr %in{k}"
        )
    for k in range(count + 1):
        lines.append(f"  %at{k} = getelementptr ptr, ptr %places, i64 {k}")
        lines.append(f"  store ptr %place{k}, ptr %at{k}")
    lines.append(
        f"  call void @{loop.symbol}.loop(ptr %places, ptr @ufunc.count, ptr @ufunc.steps, "
        f"ptr @{loop.symbol}.data)"
    )
    lines += [
        after,
        f"  %out = getelementptr {result}, ptr %place{count}, i64 {loop.part or 0}",
        f"  %result = load {result}, ptr %out",
        f"  ret {result} %result",
        "}",
    ]
    return "\n".join(lines)


def module_text(calls: Iterable[UfuncCall]) -> str:
    """What a module with such calls declares and defines."""
    calls = sorted(calls, key=lambda call: (call.symbol, call.part or 0))
    parts = []
    for call in calls:
        if call.by_value:
            types = ", ".join(register_type(dtype) for dtype in call.operands)
            result = register_type(call.result)
            parts.append(f"declare {result} @{call.symbol}.value({types}, i32) {_ATTRIBUTES}")
    loops = [call for call in calls if not call.by_value]
    if not loops:
        return "\n".join(parts)
    most = max(len(loop.operands) for loop in loops) + 1
    parts += [
        "@ufunc.count = internal constant i64 1",
        f"@ufunc.steps = internal constant [{most} x i64] zeroinitializer",
    ]
    for symbol in dict.fromkeys(loop.symbol for loop in loops):
        parts.append(f"declare void @{symbol}.loop(ptr, ptr, ptr, ptr) nounwind")
        parts.append(f"@{symbol}.data = external global i8")
    parts += _FLAG_DECLARATIONS if _is_x86() else _ENVIRONMENT_DECLARATIONS
    return "\n".join([*parts, "", *map(_definition, loops)])


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


_FLAG_DECLARATIONS = [
    "declare void @llvm.x86.sse.stmxcsr(ptr)",
    "declare void @llvm.x86.sse.ldmxcsr(ptr)",
]
# Reading the register is cheap, writing is not: it is written where it changed.
_FLAG_CODE = (
    f"""\
  %flags = alloca i32, align 4
  %other = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %flags)
  %before = load i32, ptr %flags
  %raised = and i32 %before, {_FLAGS}
  %clear = icmp eq i32 %raised, 0
  br i1 %clear, label %call, label %hide
hide:
  %hidden = and i32 %before, {~_FLAGS}
  store i32 %hidden, ptr %other
  call void @llvm.x86.sse.ldmxcsr(ptr %other)
  br label %call
call:""",
    """\
  call void @llvm.x86.sse.stmxcsr(ptr %other)
  %after = load i32, ptr %other
  %same = icmp eq i32 %after, %before
  br i1 %same, label %done, label %restore
restore:
  call void @llvm.x86.sse.ldmxcsr(ptr %flags)
  br label %done
done:""",
)

_ENVIRONMENT_DECLARATIONS = [
    "declare i32 @feholdexcept(ptr) nounwind",
    "declare i32 @fesetenv(ptr) nounwind",
]
# feholdexcept saves the environment and clears the flags; no fenv_t of a C library is larger.
_ENVIRONMENT_CODE = (
    """\
  %flags = alloca [64 x i8], align 16
  %held = call i32 @feholdexcept(ptr %flags)""",
    "  %restored = call i32 @fesetenv(ptr %flags)",
)
