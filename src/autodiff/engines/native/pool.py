"""Memory of large results, used again.

A new array of some megabytes comes from the operating system page by page: filling 62 MB takes
14 ms that way and 5 ms in memory that was used before.  NumPy lets whoever makes an array choose
how its data is allocated and freed (NEP 49); large results take theirs from a few blocks that
earlier results gave back.  An array is an ordinary one that owns its data: nothing is shared or
reused while anybody can reach it.

    make = f"call ptr @new_large_array(...)"     # writes to be made with FUNCTIONS in the module
    handler()                                    # the NEP 49 handler, for arrays made so

Kernels take large arrays of sizes that are known at run time from it as well, and entries their working
memory.  How much is kept free follows the machine's memory, and of large free blocks the system may have
the pages when it is short of memory: to use them again costs nothing if it was not.

A block lies in one of a few cells while it is free, its size in its first bytes: all that it has, or
blocks used for less and less would be thought small, and a few small arrays would hold gigabytes.  Cells are read
and written by atomic exchange, so no two threads get the same block.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from typing import Any

from autodiff.engines.native import session, symbols

LARGE_BYTES = 2 * 2**20
"""Results of this size and more come from the pool: below it NumPy's own allocator is as fast."""

_LEAST_KEPT = 256 * 2**20
_CELLS = 6

# Blocks of several huge pages begin at one, and say so: the first use costs fewer faults.
_HUGE_PAGE = 2 * 2**20
_MADV_HUGEPAGE = 14
# Of a free block from this size on, the system may take the pages when it is short of memory.
_IDLE_BYTES = 32 * 2**20
_MADV_FREE = 8

# What the C library tells of a block's whole size: the last that had it may have used less of it.
_WHOLE_SIZES = {"linux": "malloc_usable_size", "darwin": "malloc_size"}  # by system

# For kernels and entries, of blocks of any size: of less than LARGE_BYTES they are malloc and free.
DECLARATIONS = """\
declare ptr @pool.malloc(ptr, i64) nounwind
declare void @pool.free(ptr, ptr, i64) nounwind"""

NEW_LARGE_ARRAY = f"""
define internal ptr @new_large_array(ptr %handler, ptr %type, ptr %descr, i32 %ndim, ptr %shape, i64 %bytes) {{
  %large = icmp uge i64 %bytes, {LARGE_BYTES}
  br i1 %large, label %pooled, label %plain
plain:
  %array = call ptr @PyArray_NewFromDescr(ptr %type, ptr %descr, i32 %ndim, ptr %shape, ptr null, ptr null, i32 0, ptr null)
  ret ptr %array
pooled:
  %usual = call ptr @PyDataMem_SetHandler(ptr %handler)
  %known = icmp ne ptr %usual, null
  br i1 %known, label %make, label %plain.error
plain.error:
  call void @Py_DecRef(ptr %descr)
  ret ptr null
make:
  %made = call ptr @PyArray_NewFromDescr(ptr %type, ptr %descr, i32 %ndim, ptr %shape, ptr null, ptr null, i32 0, ptr null)
  %ours = call ptr @PyDataMem_SetHandler(ptr %usual)
  call void @Py_DecRef(ptr %usual)
  call void @Py_DecRef(ptr %ours)
  ret ptr %made
}}
"""


@functools.cache
def kept_limit() -> int:
    """Free blocks together stay below this size: an eighth of the machine's memory, or 256 MiB."""
    return max(_LEAST_KEPT, memory_of_the_machine() // 8)


def memory_of_the_machine() -> int:
    """The bytes of the machine's memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 0


def _text() -> str:
    """The allocator: LLVM IR of the functions a NEP 49 handler consists of."""
    size_of_block = _WHOLE_SIZES.get(sys.platform)
    if sys.platform == "win32":
        allocate = "  %new = call ptr @malloc(i64 %size)\n  ret ptr %new"
        declare = idle = ""
    else:
        declare = "declare i32 @posix_memalign(ptr, i64, i64)\n"
        if size_of_block:
            declare += f"declare i64 @{size_of_block}(ptr)\n"
        advise = idle = ""
        if sys.platform == "linux":
            declare += "declare i32 @madvise(ptr, i64, i32)\n"
            advise = (
                f"  %whole = and i64 %size, {-4096}\n"
                f"  %_ = call i32 @madvise(ptr %new, i64 %whole, i32 {_MADV_HUGEPAGE})\n"
            )
            # All but the huge page in which its size stands.
            idle = f"""\
  %idle = icmp uge i64 %size, {_IDLE_BYTES}
  br i1 %idle, label %offer, label %search
offer:
  %rest = getelementptr i8, ptr %data, i64 {_HUGE_PAGE}
  %rest.size = sub i64 %size, {_HUGE_PAGE}
  %rest.whole = and i64 %rest.size, {-4096}
  %offered = call i32 @madvise(ptr %rest, i64 %rest.whole, i32 {_MADV_FREE})
  br label %search"""
        allocate = f"""  %place = alloca ptr
  %error = call i32 @posix_memalign(ptr %place, i64 {_HUGE_PAGE}, i64 %size)
  %failed = icmp ne i32 %error, 0
  br i1 %failed, label %none, label %some
none:
  ret ptr null
some:
  %new = load ptr, ptr %place
{advise}  ret ptr %new"""
    whole = f"call i64 @{size_of_block}(ptr %data)" if size_of_block else "add i64 %used, 0"
    started = "[ 0, %keep ], [ 0, %offer ]" if idle else "[ 0, %keep ]"
    return f"""
@cells = internal global [{_CELLS} x i64] zeroinitializer
@next = internal global i64 0
@kept = global i64 0
@limit = global i64 {kept_limit()}
declare ptr @malloc(i64)
declare ptr @calloc(i64, i64)
declare ptr @realloc(ptr, i64)
declare void @free(ptr)
{declare}
define internal ptr @obtain(i64 %size) {{
{allocate}
}}
define internal void @release(i64 %block) {{
  %at = inttoptr i64 %block to ptr
  %size = load i64, ptr %at
  %left = atomicrmw sub ptr @kept, i64 %size seq_cst
  call void @free(ptr %at)
  ret void
}}
define ptr @pool_malloc(ptr %context, i64 %size) {{
start:
  %small = icmp ult i64 %size, {LARGE_BYTES}
  br i1 %small, label %usual, label %search
usual:
  %plain = call ptr @malloc(i64 %size)
  ret ptr %plain
search:
  %k = phi i64 [ 0, %start ], [ %k.next, %another ]
  %cell = getelementptr [{_CELLS} x i64], ptr @cells, i64 0, i64 %k
  %block = atomicrmw xchg ptr %cell, i64 0 seq_cst
  %empty = icmp eq i64 %block, 0
  br i1 %empty, label %another, label %look
look:
  %at = inttoptr i64 %block to ptr
  %has = load i64, ptr %at
  %enough = icmp uge i64 %has, %size
  %half = lshr i64 %has, 1
  %wasteful = icmp ugt i64 %half, %size
  %sparing = xor i1 %wasteful, true
  %fits = and i1 %enough, %sparing
  br i1 %fits, label %take, label %put.back
take:
  %left = atomicrmw sub ptr @kept, i64 %has seq_cst
  ret ptr %at
put.back:
  %other = atomicrmw xchg ptr %cell, i64 %block seq_cst
  %none = icmp eq i64 %other, 0
  br i1 %none, label %another, label %drop
drop:
  call void @release(i64 %other)
  br label %another
another:
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, {_CELLS}
  br i1 %more, label %search, label %new
new:
  %fresh = call ptr @obtain(i64 %size)
  ret ptr %fresh
}}
define void @pool_free(ptr %context, ptr %data, i64 %used) {{
start:
  %small = icmp ult i64 %used, {LARGE_BYTES}
  br i1 %small, label %usual, label %count
usual:
  call void @free(ptr %data)
  ret void
count:
  %size = {whole}
  %before = atomicrmw add ptr @kept, i64 %size seq_cst
  store i64 %size, ptr %data
  %block = ptrtoint ptr %data to i64
  %after = add i64 %before, %size
  %limit = load i64, ptr @limit
  %many = icmp ugt i64 %after, %limit
  br i1 %many, label %drop, label %keep
keep:
{idle or "  br label %search"}
search:
  %k = phi i64 {started}, [ %k.next, %another ]
  %cell = getelementptr [{_CELLS} x i64], ptr @cells, i64 0, i64 %k
  %swap = cmpxchg ptr %cell, i64 0, i64 %block seq_cst seq_cst
  %kept.here = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %kept.here, label %done, label %another
another:
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, {_CELLS}
  br i1 %more, label %search, label %replace
replace:
  %turn = atomicrmw add ptr @next, i64 1 seq_cst
  %which = urem i64 %turn, {_CELLS}
  %chosen = getelementptr [{_CELLS} x i64], ptr @cells, i64 0, i64 %which
  %old = atomicrmw xchg ptr %chosen, i64 %block seq_cst
  %none = icmp eq i64 %old, 0
  br i1 %none, label %done, label %drop
drop:
  %victim = phi i64 [ %block, %count ], [ %old, %replace ]
  call void @release(i64 %victim)
  br label %done
done:
  ret void
}}
define ptr @pool_calloc(ptr %context, i64 %count, i64 %size) {{
  %new = call ptr @calloc(i64 %count, i64 %size)
  ret ptr %new
}}
define ptr @pool_realloc(ptr %context, ptr %data, i64 %size) {{
  %new = call ptr @realloc(ptr %data, i64 %size)
  ret ptr %new
}}
"""


class _Handler(ctypes.Structure):
    """PyDataMem_Handler, numpy/ndarraytypes.h."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    ]


_FUNCTIONS = ("pool_malloc", "pool_calloc", "pool_realloc", "pool_free")
_forever: list[Any] = []  # arrays may live as long as the process, so what frees them must


@functools.cache
def _machine() -> session.Machine:
    extra = {}
    if sys.platform != "win32":
        names = ("posix_memalign", "madvise", *_WHOLE_SIZES.values())
        extra = {name: symbols.process_address(name) for name in names}
    machine = session.load("", (*_FUNCTIONS, "kept", "limit"), glue=_text(), extra=extra)
    _forever.append(machine)
    return machine


# Kernels and entries call @pool.malloc and @pool.free.
symbols.PROVIDERS["pool"] = lambda name: _machine().address(f"pool_{name}")


@functools.cache
def handler() -> Any:
    """The capsule that NumPy knows the allocator by."""
    machine = _machine()
    described = _Handler(b"autodiff_pool", 1, None, *map(machine.address, _FUNCTIONS))
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        symbols.address("PyCapsule_New")
    )
    name = ctypes.create_string_buffer(b"mem_handler")
    capsule = make(ctypes.addressof(described), ctypes.addressof(name), None)
    _forever.extend((described, name, capsule))
    return capsule


def kept_bytes() -> int:
    """How much free memory the pool holds."""
    return ctypes.c_int64.from_address(_machine().address("kept")).value
