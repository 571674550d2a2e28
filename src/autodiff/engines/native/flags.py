"""The processor's flags of floating-point errors, before and after a kernel.

    watch.begin()           # clear them, where one has ever been set
    call @kernel(...)
    watch.end()             # read them
    ...
    watch.report(result)    # one that the user wants to hear of: call the listener

The flags are in a register and stay set until they are cleared, so loops pay nothing for them; an
entry pays one read, two to three nanoseconds.  They tell less than NumPy's warnings do, and now and then too much (a compiler
may compute both sides of a choice), so whoever listens has to look into it.  It may ask to be left in
peace: errors among ``quiet`` do not call it for the next ``skip`` calls that have them.

Python code that a kernel calls clears the flags, as each of NumPy's loops does first: ``kept`` puts them
back, and adds those of a NumPy function that stands in for native code.  Threads of a nest have flags
of their own, which the thread that waits for them takes over (``JOIN``).

On processors other than x86 nothing is watched, and nothing warned of.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from autodiff import floating
from autodiff.engines.native import symbols
from autodiff.engines.native.callables import REPORT, Report

if TYPE_CHECKING:
    from autodiff.engines.native.entry.writer import Writer

CALL = "report_errors"
DEFINITION = f"@{REPORT} = global {{ ptr, i64, i64, i64, i64, i64 }} zeroinitializer"


@functools.cache
def is_x86() -> bool:
    """Whether the processor has the register that is read here."""
    return platform.machine().lower() in ("x86_64", "amd64")


# -- in code that is called ------------------------------------------------------------------------
@functools.cache
def _flag_functions() -> tuple[Callable[[int], int], Callable[[int], int]]:
    """C's functions that read and set flags, whose numbers on x86 are those of the register."""
    kind = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int)
    test, set_ = (symbols.process_address(n) for n in ("fetestexcept", "feraiseexcept"))
    return kind(test), kind(set_)


def before_python() -> int:
    """The flags that are set where Python code runs in the middle of a kernel."""
    if not is_x86() or sys.platform == "win32":  # where they have other numbers
        return 0
    return _flag_functions()[0](floating.LOUD)


def after_python(errors: int) -> None:
    """Let the kernel find flags again: those from before, and errors that were met.

    Which they were it does not: C's function sets that of an overflow elsewhere, so one stands for all.
    """
    if errors & floating.LOUD and is_x86() and sys.platform != "win32":
        _flag_functions()[1](floating.BITS["invalid"])


# Integers set no flag: where one is divided by 0, a float is.
CALL_MARK = "call preserve_mostcc void @autodiff.mark()"
MARK = """\
define internal preserve_mostcc void @autodiff.mark() cold noinline nounwind memory(inaccessiblemem: readwrite) {
  %place = alloca float, align 4
  store volatile float 0.0, ptr %place
  %zero = load volatile float, ptr %place
  %infinite = fdiv float 1.0, %zero
  store volatile float %infinite, ptr %place
  ret void
}"""

# Of a thread: its flags, above the bit that says that it has ended.
DECLARATIONS_OF_THREADS = (
    "declare void @llvm.x86.sse.stmxcsr(ptr)",
    "declare void @llvm.x86.sse.ldmxcsr(ptr)",
)
ENDED = f"""\
  %place = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %place)
  %register = load i32, ptr %place
  %flags = and i32 %register, {floating.ALL}
  %wide = zext i32 %flags to i64
  %shifted = shl i64 %wide, 1
  %end = or i64 %shifted, 1"""
JOIN = """\
  %its.flags = lshr i64 %ended, 1
  %its.own = trunc i64 %its.flags to i32
  %quiet = icmp eq i32 %its.own, 0
  br i1 %quiet, label %joined, label %take
take:
  call void @llvm.x86.sse.stmxcsr(ptr %register)
  %mine = load i32, ptr %register
  %both = or i32 %mine, %its.own
  store i32 %both, ptr %register
  call void @llvm.x86.sse.ldmxcsr(ptr %register)
  br label %joined"""


# -- around a kernel ---------------------------------------------------------------------------------
class Watch:
    """Writes the instructions around a kernel call.

    Parameters
    ----------
    writer : Writer
        Of the entry.
    state : str
        The register with the address of the state of ``np.errstate``; empty: nothing is watched.
    count : int
        The number of arguments, which the listener is given.
    """

    def __init__(self, writer: Writer, state: str, count: int) -> None:
        self.writer = writer
        self.state = state if is_x86() else ""
        self.count = count
        self.slot = writer.slot("i32", 4) if self.state else ""
        self.errors = ""

    def _read(self) -> str:
        self.writer.call("void", "llvm.x86.sse.stmxcsr", f"ptr {self.slot}")
        return self.writer.load("i32", self.slot)

    def begin(self) -> None:
        """Clear the flags, once a call has ended with one.

        To read the register takes two or three nanoseconds, to write it more: so the first such call
        is looked into although it may be another one's flag, and only then calls begin with this.
        """
        if not self.state:
            return
        w = self.writer
        look, clear, run = (w.fresh(stem) for stem in ("look", "clear", "run"))
        seen = w.load("i64", f"@{REPORT}", Report.seen.offset)
        w.branch_if(w.value(f"icmp eq i64 {seen}, 0"), run, look)
        w.label(look)
        before = self._read()
        old = w.value(f"and i32 {before}, {floating.ALL}")
        w.branch_if(w.value(f"icmp eq i32 {old}, 0"), run, clear)
        w.label(clear)
        w.store("i32", w.value(f"and i32 {before}, {~floating.ALL}"), self.slot)
        w.call("void", "llvm.x86.sse.ldmxcsr", f"ptr {self.slot}")
        w.line(f"br label %{run}")
        w.label(run)

    def end(self) -> None:
        """Read the flags."""
        if self.state:
            w = self.writer
            always = w.load("i32", f"@{REPORT}", Report.always.offset)
            found = w.value(f"or i32 {self._read()}, {always}")
            self.errors = w.value(f"and i32 {found}, {floating.ALL}")

    def report(self, result: str) -> None:
        """Call the listener if there is something to tell; its exception is raised."""
        if not self.state:
            return
        w = self.writer
        told, done, failed = (w.fresh(stem) for stem in ("told", "done", "failed"))
        w.branch_if(w.value(f"icmp eq i32 {self.errors}, 0"), done, told)
        w.label(told)
        for name, declaration in DECLARATIONS.items():
            w.declared.setdefault(name, declaration)
        given = w.slot(f"[{self.count + 1} x ptr]")
        raised = w.value(
            f"call i32 @{CALL}(i32 {self.errors}, ptr {self.state}, ptr %arguments, i64 %count, "
            f"ptr {given})"
        )
        w.branch_if(w.value(f"icmp eq i32 {raised}, 0"), done, failed)
        w.label(failed)
        w.call("void", "Py_DecRef", f"ptr {result}")
        w.line("ret ptr null")
        w.label(done)


DECLARATIONS = {
    "PyLong_FromLongLong": "declare ptr @PyLong_FromLongLong(i64)",
    "PyObject_Vectorcall": "declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)",
    "Py_DecRef": "declare void @Py_DecRef(ptr)",
}

FUNCTION = f"""\
define internal i32 @{CALL}(i32 %flags, ptr %state, ptr %arguments, i64 %count, ptr %given) noinline {{
  %seen.place = getelementptr {{ ptr, i64, i64, i64, i64, i64 }}, ptr @{REPORT}, i64 0, i32 4
  store i64 1, ptr %seen.place
  %found = zext i32 %flags to i64
  %initial = load ptr, ptr @errstate.cells
  %is.initial = icmp eq ptr %state, %initial
  %place = select i1 %is.initial, i64 16, i64 24
  %mask.place = getelementptr i8, ptr @errstate.cells, i64 %place
  %wanted = load i64, ptr %mask.place
  %must.place = getelementptr {{ ptr, i64, i64, i64, i64, i64 }}, ptr @{REPORT}, i64 0, i32 5
  %must = load i64, ptr %must.place
  %mask = or i64 %wanted, %must
  %errors = and i64 %found, %mask
  %silent = icmp eq i64 %errors, 0
  br i1 %silent, label %good, label %look
look:
  %listener = load ptr, ptr @{REPORT}
  %deaf = icmp eq ptr %listener, null
  br i1 %deaf, label %good, label %ask
ask:
  %quiet.place = getelementptr {{ ptr, i64, i64, i64, i64, i64 }}, ptr @{REPORT}, i64 0, i32 1
  %skip.place = getelementptr {{ ptr, i64, i64, i64, i64, i64 }}, ptr @{REPORT}, i64 0, i32 2
  %quiet = load i64, ptr %quiet.place
  %loud = xor i64 %quiet, -1
  %new = and i64 %errors, %loud
  %known = icmp eq i64 %new, 0
  br i1 %known, label %count.down, label %tell
count.down:
  %skip = load i64, ptr %skip.place
  %less = sub i64 %skip, 1
  %peace = icmp sgt i64 %skip, 0
  br i1 %peace, label %leave, label %tell
leave:
  store i64 %less, ptr %skip.place
  br label %good
tell:
  %number = call ptr @PyLong_FromLongLong(i64 %errors)
  store ptr %number, ptr %given
  br label %copy
copy:
  %k = phi i64 [ 0, %tell ], [ %next, %one ]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %call
one:
  %from = getelementptr ptr, ptr %arguments, i64 %k
  %argument = load ptr, ptr %from
  %next = add i64 %k, 1
  %to = getelementptr ptr, ptr %given, i64 %next
  store ptr %argument, ptr %to
  br label %copy
call:
  %all = add i64 %count, 1
  %answer = call ptr @PyObject_Vectorcall(ptr %listener, ptr %given, i64 %all, ptr null)
  call void @Py_DecRef(ptr %number)
  %failed = icmp eq ptr %answer, null
  br i1 %failed, label %bad, label %drop
drop:
  call void @Py_DecRef(ptr %answer)
  br label %good
good:
  ret i32 0
bad:
  ret i32 1
}}"""
