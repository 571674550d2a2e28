"""One element of a NumPy ufunc as machine code calls it: by the ufunc's own inner loop.

    loop = find("scipy.special.betaln", (FLOAT64, FLOAT64))
    loop.symbol              # ufunc.scipy.special.betaln.dd_d
    loop.result              # float64
    definition(loop)         # define internal double @ufunc.scipy.special.betaln.dd_d(double …) …

A ufunc holds, for each of its signatures, a C function ``loop(args, dimensions, steps, data)`` that
NumPy calls without the GIL.  Generated code calls the same function with one element, so a value is
the one that SciPy gives, bit by bit, in any loop and on any thread.  The text of a module holds names
(``ufunc.scipy.special.betaln.dd_d.loop`` and ``.data``), which ``symbols`` resolves in each process.

The processor's floating-point flags are as before the call: what a special function divides by zero
on its way is its own affair (as in NumPy, where its loop clears them), and what happened before it
is not forgotten.  The loop finds them clear, since SciPy reports what it finds (``special.errstate``).
An exception that the loop sets (``special.errstate(all="raise")``, a warning that is an error) is seen
by the entry after the kernel has returned, see ``Kernel.calls_ufuncs``.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.engines.native import symbols
from autodiff.engines.native.writer import register_type
from autodiff.errors import UnsupportedError

PREFIX = "ufunc."
_FLAGS = 0x1D  # invalid, divide, overflow, underflow, as x86 numbers them in MXCSR


@dataclass(frozen=True)
class Loop:
    """The inner loop of one signature of a ufunc."""

    ufunc: str
    signature: str
    operands: tuple[np.dtype[Any], ...]
    result: np.dtype[Any]

    @property
    def symbol(self) -> str:
        """The name of the function of one element, without '@'."""
        return f"{PREFIX}{self.ufunc}.{self.signature.replace('->', '_')}"


@functools.lru_cache(maxsize=1024)
def find(ufunc: str, operands: tuple[np.dtype[Any], ...]) -> Loop:
    """The loop of a ufunc, given by its dotted name, for operands of these very dtypes.

    Raises
    ------
    UnsupportedError
        When the ufunc has no such loop.
    """
    for signature in symbols.ufunc_of(ufunc).types:
        given, _, made = signature.partition("->")
        if len(made) == 1 and tuple(np.dtype(c) for c in given) == operands:
            return Loop(ufunc, signature, operands, np.dtype(made))
    listed = ", ".join(map(str, operands))
    raise UnsupportedError(f"{ufunc} has no loop for elements of dtype {listed}.")


def definition(loop: Loop) -> str:
    """The function of one element, as text of a module."""
    # No memory that the caller sees is read or written: equal calls may be shared, and a call whose
    # result is not used may go.
    types = [register_type(dtype) for dtype in loop.operands]
    result, count = register_type(loop.result), len(types)
    listed = ", ".join(f"{type} %x{k}" for k, type in enumerate(types))
    lines = [
        f"define internal {result} @{loop.symbol}({listed}) "
        "noinline nounwind willreturn memory(none) {"
    ]
    for k, type in enumerate([*types, result]):
        lines.append(f"  %place{k} = alloca {type}, align 8")
    lines.append(f"  %places = alloca [{count + 1} x ptr], align 8")
    before, after = _FLAG_CODE if _is_x86() else _ENVIRONMENT_CODE
    lines.append(before)
    for k, type in enumerate(types):
        lines.append(f"  store {type} %x{k}, ptr %place{k}")
    for k in range(count + 1):
        lines.append(f"  %at{k} = getelementptr ptr, ptr %places, i64 {k}")
        lines.append(f"  store ptr %place{k}, ptr %at{k}")
    lines.append(
        f"  call void @{loop.symbol}.loop(ptr %places, ptr @ufunc.count, ptr @ufunc.steps, "
        f"ptr @{loop.symbol}.data)"
    )
    lines += [after, f"  %result = load {result}, ptr %place{count}", f"  ret {result} %result", "}"]
    return "\n".join(lines)


def module_text(loops: Iterable[Loop]) -> str:
    """The functions of one element, and what they refer to."""
    loops = sorted(loops, key=lambda loop: loop.symbol)
    most = max(len(loop.operands) for loop in loops) + 1
    parts = [
        "@ufunc.count = internal constant i64 1",
        f"@ufunc.steps = internal constant [{most} x i64] zeroinitializer",
    ]
    for loop in loops:
        parts.append(f"declare void @{loop.symbol}.loop(ptr, ptr, ptr, ptr) nounwind")
        parts.append(f"@{loop.symbol}.data = external global i8")
    parts += _FLAG_DECLARATIONS if _is_x86() else _ENVIRONMENT_DECLARATIONS
    return "\n".join([*parts, "", *map(definition, loops)])


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
