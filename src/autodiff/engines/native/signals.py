"""Signals in native code: Ctrl-C, and every other handler that the user's Python has.

    call i32 @autodiff.poll()       # not 0: a handler raised; leave the kernel

CPython's own C handler of a signal notes it and returns; the Python handler runs when the main
thread next asks.  Native code has to ask too.  A kernel counts the work it has done, by the
instructions of a step times the steps, and asks after every ``WORK`` of them, a fraction of a
millisecond.  Loops that may be long run in stretches of many steps (`writer.loop`), and count
between two of them, so that the innermost loops are what they were: nothing is added to their
steps, and they are vectorised.

To ask is to take the GIL and call a function of Python's that does nothing (`symbols.pause`): where
it is entered CPython runs what is due, handlers in the main thread and exceptions that another
thread has set for this one, and gives the GIL to a thread that has waited for its switch interval.
(To drop the GIL and take it again is not fair: a waiting thread wakes later than it is taken, and
as often as it is signalled it never gets to demand it.)  What is raised there ends the kernel by its
usual way out, which frees what it holds; the entry finds the exception set, without the frame of
the function, and returns it.  Arguments are written after the kernel, so they are as they were.

A nest on several threads (`threads`) is left by all: the calling thread asks Python and tells the
others by a word in memory, which they look at when they have done so much work.
"""

from __future__ import annotations

WORK = 2**22
"""Instructions from one look for signals to the next: 0.1 ms in vectors, 50 where all memory misses."""

LOOKS = 4
"""Stretches of a long loop in so much work, at least."""

LEAVE = "interrupted"
"""The label of a function's way out when a handler has raised."""

POLL = "call preserve_mostcc i32 @autodiff.poll()"
POLL_PART = "call preserve_mostcc i32 @autodiff.poll.part(ptr %stop, i64 %number)"

# The convention leaves the kernel its registers: a prologue that saves some costs each call.
# It touches no memory that the kernel knows of, so nothing is loaded again after it.
_ATTRIBUTES = "cold noinline nounwind memory(inaccessiblemem: readwrite)"
DECLARATION = f"declare preserve_mostcc i32 @autodiff.poll() {_ATTRIBUTES}"

# Compiled once and linked to every kernel that polls (`session.SHARED`).
FUNCTION = f"""\
@object.pause = external global i8
@object.None = external global i8
@tb_next = private unnamed_addr constant [8 x i8] c"tb_next\\00"

declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare ptr @PyObject_CallNoArgs(ptr)
declare ptr @PyObject_GetAttrString(ptr, ptr)
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_Restore(ptr, ptr, ptr)
declare void @Py_DecRef(ptr)

define preserve_mostcc i32 @autodiff.poll() {_ATTRIBUTES} {{
  %type = alloca ptr, align 8
  %value = alloca ptr, align 8
  %trace = alloca ptr, align 8
  %state = call i32 @PyGILState_Ensure()
  %made = call ptr @PyObject_CallNoArgs(ptr @object.pause)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %raised, label %good
good:
  call void @Py_DecRef(ptr %made)
  br label %end
raised:
  call void @PyErr_Fetch(ptr %type, ptr %value, ptr %trace)
  %its.type = load ptr, ptr %type
  %its.value = load ptr, ptr %value
  %whole = load ptr, ptr %trace
  %has.trace = icmp ne ptr %whole, null
  br i1 %has.trace, label %traced, label %restore
traced:
  %next = call ptr @PyObject_GetAttrString(ptr %whole, ptr @tb_next)
  call void @Py_DecRef(ptr %whole)
  %is.last = icmp eq ptr %next, @object.None
  %handlers = select i1 %is.last, ptr null, ptr %next
  br label %restore
restore:
  %kept = phi ptr [ null, %raised ], [ %handlers, %traced ]
  call void @PyErr_Restore(ptr %its.type, ptr %its.value, ptr %kept)
  br label %end
end:
  call void @PyGILState_Release(i32 %state)
  %raises = zext i1 %failed to i32
  ret i32 %raises
}}
"""

# Of a piece of a nest: %number is that of its thread, 0 the one that Python knows.
RUNTIME_OF_PARTS = """\
define internal preserve_mostcc i32 @autodiff.poll.part(ptr %stop, i64 %number) cold noinline nounwind memory(argmem: readwrite, inaccessiblemem: readwrite) {
  %told = load atomic i64, ptr %stop monotonic, align 8
  %go = icmp eq i64 %told, 0
  br i1 %go, label %on, label %leave
on:
  %first = icmp eq i64 %number, 0
  br i1 %first, label %ask, label %stay
ask:
  %raised = call preserve_mostcc i32 @autodiff.poll()
  %good = icmp eq i32 %raised, 0
  br i1 %good, label %stay, label %tell
tell:
  store atomic i64 1, ptr %stop monotonic, align 8
  br label %leave
leave:
  ret i32 1
stay:
  ret i32 0
}"""
