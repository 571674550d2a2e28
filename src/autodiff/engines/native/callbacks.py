"""The way from a kernel into Python: no exception of a called function is lost on it.

    call i32 @autodiff.call_host(ptr @host_caller, i64 number, ptr operands, ptr results)

calls ``host_caller(number, operands, results)`` (see `host`).  Where it raises, the exception becomes
``host_caller.error`` and the result is 1.  So it is, without a call, where a routine of NumPy's has raised
before (it lacked memory), which is looked at when the kernel has ended.

A callback of ctypes would print an exception that reaches its outermost frame, and go on as if there
were none.  The ``try`` of a Python function cannot catch them all: CPython runs the handlers of
signals where a function is entered, before its first statement, so a Control-C that came while
native code ran would be lost there each time.
"""

from __future__ import annotations

NAME = "autodiff.call_host"
CALLER = "host_caller"

DECLARATION = f"declare i32 @{NAME}(ptr, i64, ptr, ptr) nounwind"
GLOBAL = f"@{CALLER} = external global i8"

# Compiled once and linked to every kernel that calls Python (`session.SHARED`).
FUNCTION = f"""\
@format = private unnamed_addr constant [4 x i8] c"LLL\\00"
@error = private unnamed_addr constant [6 x i8] c"error\\00"

declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_NormalizeException(ptr, ptr, ptr)
declare void @PyErr_Clear()
declare ptr @PyErr_Occurred()
declare i32 @PyException_SetTraceback(ptr, ptr)
declare i32 @PyObject_SetAttrString(ptr, ptr, ptr)
declare void @Py_DecRef(ptr)

define i32 @{NAME}(ptr %caller, i64 %number, ptr %operands, ptr %results) cold noinline nounwind {{
  %type = alloca ptr, align 8
  %value = alloca ptr, align 8
  %trace = alloca ptr, align 8
  %state = call i32 @PyGILState_Ensure()
  %already = call ptr @PyErr_Occurred()
  %is.free = icmp eq ptr %already, null
  br i1 %is.free, label %try, label %end
try:
  %made = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %caller, ptr @format, i64 %number, ptr %operands, ptr %results)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %raised, label %good
good:
  call void @Py_DecRef(ptr %made)
  br label %end
raised:
  call void @PyErr_Fetch(ptr %type, ptr %value, ptr %trace)
  call void @PyErr_NormalizeException(ptr %type, ptr %value, ptr %trace)
  %its.type = load ptr, ptr %type
  %its.value = load ptr, ptr %value
  %its.trace = load ptr, ptr %trace
  %has.trace = icmp ne ptr %its.trace, null
  br i1 %has.trace, label %traced, label %keep
traced:
  call i32 @PyException_SetTraceback(ptr %its.value, ptr %its.trace)
  br label %keep
keep:
  call i32 @PyObject_SetAttrString(ptr %caller, ptr @error, ptr %its.value)
  call void @PyErr_Clear()
  call void @Py_DecRef(ptr %its.type)
  call void @Py_DecRef(ptr %its.value)
  call void @Py_DecRef(ptr %its.trace)
  br label %end
end:
  %status = phi i32 [ 1, %0 ], [ 0, %good ], [ 1, %keep ]
  call void @PyGILState_Release(i32 %state)
  ret i32 %status
}}
"""
