"""One element of a NumPy ufunc in machine code, by the C function that the ufunc itself runs.

    call = find("scipy.special.betaln", (FLOAT64, FLOAT64))
    call.results             # (float64,)
    call.text(["%a", "%b"])  # call double @ufunc.scipy.special.betaln.dd_d.value(double %a, …)

A ufunc of several results (``airy``) gives them as a structure, and so does one of complex numbers
(``wofz``), whose operands and results are counted by their real and imaginary parts.

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
from typing import Any

import numpy as np

from autodiff.engines.native import symbols
from autodiff.engines.native.writer import register_type
from autodiff.errors import UnsupportedError
from autodiff.plain_data import dataclass

PREFIX = "ufunc."
_FLAGS = 0x1D  # invalid, divide, overflow, underflow, as x86 numbers them in MXCSR


@dataclass(frozen=True)
class UfuncCall:
    """The C function of one signature of a ufunc; complex numbers count as two."""

    ufunc: str
    signature: str
    operands: tuple[np.dtype[Any], ...]
    results: tuple[np.dtype[Any], ...]
    by_value: bool

    @property
    def symbol(self) -> str:
        """The name that the others begin with; also that of a loop's function of one element."""
        return f"{PREFIX}{self.ufunc}.{self.signature.replace('->', '_')}"

    @property
    def returned(self) -> str:
        """The LLVM type of what is returned: of the result, or a structure of all."""
        types = [register_type(dtype) for dtype in self.results]
        return types[0] if len(types) == 1 else f"{{ {', '.join(types)} }}"

    def text(self, names: Sequence[str]) -> str:
        """The instruction that computes an element."""
        types = [register_type(dtype) for dtype in self.operands]
        listed = ", ".join(f"{type} {name}" for type, name in zip(types, names, strict=True))
        if self.by_value:  # the last argument is Cython's, and not looked at
            listed, symbol = f"{listed}, i32 0", f"{self.symbol}.value"
        else:
            symbol = self.symbol
        return f"call {self.returned} @{symbol}({listed})"


@functools.lru_cache(maxsize=1024)
def find(ufunc: str, operands: tuple[np.dtype[Any], ...]) -> UfuncCall:
    """The C function of a ufunc, given by its dotted name, for operands of these very dtypes.

    Raises
    ------
    UnsupportedError
        When the ufunc has no such signature.
    """
    for signature in symbols.ufunc_of(ufunc).types:
        given, _, made = signature.partition("->")
        if sum(map(_parts, given), ()) == operands:
            by_value = symbols.has_value_function(ufunc, signature)
            return UfuncCall(ufunc, signature, operands, sum(map(_parts, made), ()), by_value)
    listed = ", ".join(map(str, operands))
    raise UnsupportedError(f"{ufunc} has no loop for elements of dtype {listed}.")


def _parts(code: str) -> tuple[np.dtype[Any], ...]:
    """The dtypes of the parts of a number of a type code: two of a complex one."""
    return (np.dtype(code.lower()),) * 2 if code in "FD" else (np.dtype(code),)


# No memory that the caller sees is read or written: equal calls may be shared, and a call whose result
# is not used may go.
_ATTRIBUTES = "nounwind willreturn memory(none)"


def _definition(loop: UfuncCall) -> str:
    """A function of one element that calls a loop."""
    listed = ", ".join(f"{register_type(d)} %x{k}" for k, d in enumerate(loop.operands))
    head = f"define internal {loop.returned} @{loop.symbol}({listed}) noinline {_ATTRIBUTES} {{"
    given, _, made = loop.signature.partition("->")
    lines, slots, names = [head], [], []
    for k, code in enumerate(given + made):
        parts = _parts(code)
        slots.append(f"%place{k}")
        lines.append(f"  %place{k} = alloca [{len(parts)} x {register_type(parts[0])}], align 8")
        for part, dtype in enumerate(parts):
            names.append(f"%place{k}.{part}")
            lines.append(
                f"  %place{k}.{part} = getelementptr {register_type(dtype)}, ptr %place{k}, i64 {part}"
            )
    lines.append(f"  %places = alloca [{len(slots)} x ptr], align 8")
    before, after = _FLAG_CODE if _is_x86() else _ENVIRONMENT_CODE
    lines.append(before)
    for k, (dtype, name) in enumerate(zip(loop.operands, names, strict=False)):
        lines.append(f"  store {register_type(dtype)} %x{k}, ptr {name}")
    for k, slot in enumerate(slots):
        lines.append(f"  %at{k} = getelementptr ptr, ptr %places, i64 {k}")
        lines.append(f"  store ptr {slot}, ptr %at{k}")
    lines.append(
        f"  call void @{loop.symbol}.loop(ptr %places, ptr @ufunc.count, ptr @ufunc.steps, "
        f"ptr @{loop.symbol}.data)"
    )
    lines.append(after)
    found = zip(loop.results, names[len(loop.operands) :], strict=True)
    whole = "undef"
    for k, (dtype, name) in enumerate(found):
        type = register_type(dtype)
        lines.append(f"  %result{k} = load {type}, ptr {name}")
        if len(loop.results) == 1:
            whole = "%result0"
            break
        lines.append(f"  %whole{k} = insertvalue {loop.returned} {whole}, {type} %result{k}, {k}")
        whole = f"%whole{k}"
    lines += [f"  ret {loop.returned} {whole}", "}"]
    return "\n".join(lines)


def module_text(calls: Iterable[UfuncCall]) -> str:
    """What a module with such calls declares and defines."""
    calls = sorted(calls, key=lambda call: call.symbol)
    parts = []
    for call in calls:
        if call.by_value:
            types = ", ".join(register_type(dtype) for dtype in call.operands)
            parts.append(
                f"declare {call.returned} @{call.symbol}.value({types}, i32) {_ATTRIBUTES}"
            )
    loops = [call for call in calls if not call.by_value]
    if not loops:
        return "\n".join(parts)
    most = max(len(loop.signature) for loop in loops)
    parts += [
        "@ufunc.count = internal constant i64 1",
        f"@ufunc.steps = internal constant [{most} x i64] zeroinitializer",
    ]
    for loop in loops:
        parts.append(f"declare void @{loop.symbol}.loop(ptr, ptr, ptr, ptr) nounwind")
        parts.append(f"@{loop.symbol}.data = external global i8")
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
