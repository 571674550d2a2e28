"""Where arrays live: slots of memory, and C-contiguous buffers in them.

    fixed     memory of the caller: inputs, outputs, constants
    stack     up to STACK_BYTES: an alloca, which LLVM turns into registers where it can
    arena     static size: a place in the caller's ``work``, shared by arrays that live at
              different times
    dynamic   size known at run time only: from malloc, kept for the next use, freed at the end

A slot counts the values that live in it (an in-place update lets the new value live where the old
one did) and is free for others when the count is zero.  Loads and stores carry the slot's number
as TBAA metadata: memory of different slots never overlaps, which is what the vectoriser needs to
know.  A slot that is reused keeps its number, so that order is kept within it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Any

import numpy as np

from autodiff import debug
from autodiff.dims import Dim, Extent, bounds, product, same
from autodiff.engines.native import pool
from autodiff.engines.native.writer import METADATA, Writer, memory_type
from autodiff.plain_data import dataclass

STACK_BYTES = 512
STACK_TOTAL = 256 * 1024  # of all arrays on the stack; threads may have no more than a megabyte
ALIGNMENT = 64


@dataclass(eq=False)
class Slot:
    """A piece of memory; ``holders`` counts the values that live in it."""

    kind: str
    pointer: str
    tag: int
    capacity: int = 0
    holders: int = 0
    writable: bool = True


@dataclass(frozen=True, eq=False)
class Buffer:
    """A C-contiguous array at ``offset`` elements into memory of ``limit`` elements."""

    slot: Slot
    pointer: str
    dtype: np.dtype[Any]
    shape: tuple[Extent, ...]
    limit: Extent
    offset: Extent = 0

    def strides(self) -> tuple[Extent, ...]:
        """Elements from one index to the next, per axis."""
        return row_strides(self.shape)

    def at(self, offset: Extent, shape: tuple[Extent, ...]) -> Buffer:
        """The contiguous part that begins ``offset`` elements further."""
        return Buffer(self.slot, self.pointer, self.dtype, shape, self.limit, self.offset + offset)


def row_strides(shape: tuple[Extent, ...]) -> tuple[Extent, ...]:
    """Strides in elements of a C-contiguous array."""
    strides: list[Extent] = []
    step: Extent = 1
    for n in reversed(shape):
        strides.append(step)
        step = step * n
    return tuple(reversed(strides))


def linear(indices: tuple[Extent, ...], shape: tuple[Extent, ...]) -> Extent:
    """The position of an element in C order."""
    total: Extent = 0
    for i, stride in zip(indices, row_strides(shape), strict=True):
        total = total + i * stride
    return total


def divide(e: Extent, n: Extent) -> tuple[Extent, Extent]:
    """Quotient and remainder of an index by a positive extent, by algebra where possible."""
    if isinstance(n, int) and n == 1:
        return e, 0
    if not isinstance(e, Dim):
        if isinstance(n, int):
            return divmod(e, max(n, 1))
        e = Dim({(): e}) if e else Dim({})
    whole: Extent = 0
    rest: Extent = 0
    for monomial, c in e.terms.items():
        term = Dim({monomial: c}) if monomial else c
        part = term // n if not (isinstance(n, int) and n == 0) else term
        if same(part * n, term):
            whole = whole + part
        else:
            rest = rest + term
    low, _ = bounds(rest)
    room, _ = bounds(n - 1 - rest)
    if low is not None and low >= 0 and room is not None and room >= 0:
        return whole, rest
    quotient = rest // n
    return whole + quotient, rest - quotient * n


def unflatten(e: Extent, shape: tuple[Extent, ...]) -> tuple[Extent, ...]:
    """The indices of the element at position ``e`` in C order."""
    indices: list[Extent] = []
    for n in reversed(shape[1:]):
        e, i = divide(e, n)
        indices.append(i)
    indices.append(e)
    return tuple(reversed(indices))


@dataclass
class Memory:
    """Slots of one kernel."""

    w: Writer
    slots: list[Slot] = field(default_factory=list)
    recent: set[Slot] = field(default_factory=set)  # allocated, perhaps not bound yet
    note: Callable[[str], int] | None = None  # numbers an access that is to be compared
    _on_stack: int = 0
    _tags: int = 0
    _made: int = 0

    def _tag(self) -> int:
        self._tags += 1
        return self._tags

    def fixed(
        self, pointer: str, dtype: np.dtype[Any], shape: tuple[Extent, ...], writable: bool
    ) -> Buffer:
        """A buffer in memory of the caller."""
        slot = Slot("fixed", pointer, self._tag(), writable=writable)
        return Buffer(slot, pointer, dtype, shape, product(shape))

    def allocate(self, dtype: np.dtype[Any], shape: tuple[Extent, ...]) -> Buffer:
        """A buffer of its own; free when its slot has no holders after the present node."""
        size = product(shape) * dtype.itemsize
        _, most = bounds(size) if isinstance(size, Dim) else (size, size)
        if most is None or most > 2**40:
            slot, pointer = self._dynamic(size)
        else:
            most = max(most, 1)
            small = most <= STACK_BYTES and self._on_stack < STACK_TOTAL
            slot = self._static("stack" if small else "arena", most)
            pointer = slot.pointer
        self.recent.add(slot)
        return Buffer(slot, pointer, dtype, shape, product(shape))

    def _is_free(self, slot: Slot) -> bool:
        return slot.holders == 0 and slot not in self.recent

    def _static(self, kind: str, size: int) -> Slot:
        free = [s for s in self.slots if s.kind == kind and self._is_free(s)]
        if free:
            # The best fit; else the largest grows (offsets are settled at the end).
            fitting = [s for s in free if s.capacity >= size]
            slot = (
                min(fitting, key=lambda s: s.capacity)
                if fitting
                else max(free, key=lambda s: s.capacity)
            )
            if fitting and slot.capacity > 4 * size:
                slot = self._new(kind, size)  # a small array would keep a large place busy
        else:
            slot = self._new(kind, size)
        slot.capacity = max(slot.capacity, size)
        return slot

    def _new(self, kind: str, size: int) -> Slot:
        slot = Slot(kind, f"%s{self._made}", self._tag(), size)
        self._made += 1
        if kind == "stack":
            self._on_stack += STACK_BYTES  # which it may grow to
        self.slots.append(slot)
        return slot

    def _dynamic(self, size: Extent) -> tuple[Slot, str]:
        slot = next((s for s in self.slots if s.kind == "dynamic" and self._is_free(s)), None)
        if slot is None:
            slot = self._new("dynamic", 0)
        return slot, self.reserve(slot, size, keep=False)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Code for a function of its own, with slots of its own: they are in force for ``layout``."""
        outer, self.slots = self.slots, []
        try:
            yield
        finally:
            self.slots = outer

    def scratch(self, size: int) -> str:
        """So many bytes of ``work``, which nothing else has; their address."""
        slot = self._new("arena", size)
        slot.holders = 1
        return slot.pointer

    def growing(self) -> Slot:
        """A dynamic slot for :meth:`reserve` alone."""
        slot = self._new("dynamic", 0)
        slot.holders = 1
        return slot

    def reserve(self, slot: Slot, size: Extent, keep: bool) -> str:
        """Make a dynamic slot hold ``size`` bytes, keeping its content where asked; its memory."""
        word = "true" if keep else "false"
        self.w.declared.setdefault("reserve", RESERVE)
        poisoned = not keep and debug.poisoning()
        n = self.w.extent(size)
        pointer = self.w.here(f"call ptr @autodiff.reserve(ptr {slot.pointer}, i64 {n}, i1 {word})")
        self.w.line(f"%ok{pointer[1:]} = icmp ne ptr {pointer}, null")
        self.w.branch(f"%ok{pointer[1:]}", f"got{pointer[1:]}", "memory.failed")
        self.w.label(f"got{pointer[1:]}")
        if poisoned:
            self.poison(pointer, size)
        return pointer

    def poison(self, pointer: str, size: Extent) -> None:
        """Fill memory with NaN."""
        self.w.declared.setdefault("poison", POISON)
        self.w.line(_poison(pointer, self.w.extent(size)))

    # -- access -------------------------------------------------------------------------------
    def _address(self, buffer: Buffer, position: Extent, access: str) -> tuple[str, str]:
        offset = self.w.extent(buffer.offset + position)
        type = memory_type(buffer.dtype)
        if self.note is not None:
            return self._checked(buffer, position, offset, access), type
        if offset == "0":
            return buffer.pointer, type
        text = f"getelementptr inbounds {type}, ptr {buffer.pointer}, i64 {offset}"
        return self.w.op(text, buffer.pointer, offset), type

    def _checked(self, buffer: Buffer, position: Extent, offset: str, access: str) -> str:
        """The address if it lies in the buffer, else that of memory which is there for nothing."""
        assert self.note is not None
        number = self.note(self._told(access, buffer, position))
        limit = self.w.extent(buffer.limit)
        text = (
            f"call ptr @autodiff.access(ptr {buffer.pointer}, i64 {offset}, "
            f"i64 {buffer.dtype.itemsize}, i64 {limit}, i64 {number})"
        )
        return self.w.op(text, buffer.pointer, offset, limit)

    def _told(self, access: str, buffer: Buffer, position: Extent) -> str:
        shape = ", ".join(map(str, buffer.shape))
        at = position + buffer.offset
        return f"{access} at element {at} of {buffer.limit}, of {buffer.dtype.name}[{shape}]"

    def address(
        self, buffer: Buffer, position: Extent = 0, count: Extent | None = None, used: Extent = 1
    ) -> str:
        """A pointer to an element, by its position in C order.

        What is called with it touches ``count`` elements from there on (None: the whole buffer),
        or nothing where ``used`` is 0.
        """
        if self.note is not None:
            self._require_span(
                buffer, position, product(buffer.shape) if count is None else count, used
            )
        offset = self.w.extent(buffer.offset + position)
        if offset == "0":
            return buffer.pointer
        type = memory_type(buffer.dtype)
        text = f"getelementptr inbounds {type}, ptr {buffer.pointer}, i64 {offset}"
        return self.w.op(text, buffer.pointer, offset)

    def _require_span(self, buffer: Buffer, position: Extent, count: Extent, used: Extent) -> None:
        """Leave the kernel unless so many elements lie in the buffer."""
        assert self.note is not None
        w = self.w
        number = self.note(self._told(f"a routine for {count} elements", buffer, position))
        words = [w.extent(e) for e in (buffer.offset + position, count, used, buffer.limit)]
        listed = ", ".join(f"i64 {word}" for word in (*words, str(number)))
        good = w.here(f"call i1 @autodiff.span({listed})")
        n = w.number()
        w.branch(good, f"inside{n}", "exit")
        w.label(f"inside{n}")

    def load(self, buffer: Buffer, position: Extent, invariant: bool) -> str:
        """Load an element; ``invariant``: memory does not change in the loops that are open."""
        pointer, type = self._address(buffer, position, "load")
        text = f"load {type}, ptr {pointer}, align {buffer.dtype.itemsize}{self._facts(buffer)}"
        name = self.w.op(text, pointer) if invariant else self.w.here(text)
        if buffer.dtype.kind == "b":
            name = self.w.op(f"icmp ne i8 {name}, 0", name)
        return name

    def store(self, name: str, buffer: Buffer, position: Extent) -> None:
        """Store an element here."""
        pointer, type = self._address(buffer, position, "store")
        if buffer.dtype.kind == "b":
            name = self.w.op(f"zext i1 {name} to i8", name)
        facts = self._facts(buffer)
        self.w.line(f"store {type} {name}, ptr {pointer}, align {buffer.dtype.itemsize}{facts}")

    def clear(self, buffer: Buffer) -> None:
        """Set all bits of a buffer to zero."""
        pointer = self.address(buffer)
        size = self.w.extent(product(buffer.shape) * buffer.dtype.itemsize)
        name = "llvm.memset.p0.i64"
        self.w.declared.setdefault(name, f"declare void @{name}(ptr, i8, i64, i1)")
        facts = f"ptr align {buffer.dtype.itemsize} {pointer}, i8 0, i64 {size}, i1 false"
        self.w.line(f"call void @{name}({facts}), !tbaa !{2 * buffer.slot.tag}")

    def _facts(self, buffer: Buffer) -> str:
        group = f", !llvm.access.group {self.w.group}" if self.w.group else ""
        return f", !tbaa !{2 * buffer.slot.tag}{group}"

    # -- at the end ---------------------------------------------------------------------------
    def layout(self) -> tuple[list[str], list[str], int]:
        """Lines that make the slots, lines that free them, and the bytes of ``work``."""
        make: list[str] = []
        free: list[str] = []
        poisoned: list[str] = []
        used = 0
        for slot in self.slots:
            if slot.kind == "stack":
                make.append(f"  {slot.pointer} = alloca [{slot.capacity} x i8], align {ALIGNMENT}")
                poisoned.append(_poison(slot.pointer, slot.capacity))
            elif slot.kind == "arena":
                make.append(f"  {slot.pointer} = getelementptr inbounds i8, ptr %work, i64 {used}")
                used += -(-slot.capacity // ALIGNMENT) * ALIGNMENT
            else:
                make.append(f"  {slot.pointer} = alloca {{ ptr, i64 }}, align 8")
                make.append(f"  store {{ ptr, i64 }} zeroinitializer, ptr {slot.pointer}")
                number = slot.pointer[2:]
                free.append(f"  %free{number} = load {{ ptr, i64 }}, ptr {slot.pointer}")
                free.append(f"  %held{number} = extractvalue {{ ptr, i64 }} %free{number}, 0")
                free.append(f"  %size{number} = extractvalue {{ ptr, i64 }} %free{number}, 1")
                free.append(
                    f"  call void @pool.free(ptr null, ptr %held{number}, i64 %size{number})"
                )
                self.w.declared.setdefault("pool", pool.DECLARATIONS)
        if debug.poisoning() and (used or poisoned):
            self.w.declared.setdefault("poison", POISON)
            poisoned.append(_poison("%work", used))
            make += [f"  {line}" for line in poisoned]
        return make, free, used

    def on_stack(self) -> int:
        """The bytes of small arrays of known sizes."""
        return sum(slot.capacity for slot in self.slots if slot.kind == "stack")

    def has_unbounded(self) -> bool:
        """Whether there are arrays of sizes that are known at run time only."""
        return any(slot.kind not in ("stack", "arena") for slot in self.slots)

    def metadata(self) -> str:
        """The TBAA nodes: tag k has its type in !(2k-1) and its access in !(2k)."""
        lines = ['!0 = !{!"autodiff"}']
        for k in range(1, self._tags + 1):
            lines.append(f'!{2 * k - 1} = !{{!"m{k}", !0, i64 0}}')
            lines.append(f"!{2 * k} = !{{!{2 * k - 1}, !{2 * k - 1}, i64 0}}")
        lines += [f"!{METADATA + k} = {node}" for k, node in enumerate(self.w.nodes)]
        return "\n".join(lines)


# AUTODIFF_CHECK=3.  The first access outside of its array leaves its number in @bounds.failed, which
# the kernel returns in the end; meanwhile it reads and writes memory that nobody needs.
BOUNDS = """\
@bounds.failed = internal global i64 0
@bounds.spare = internal global [64 x i8] zeroinitializer, align 64
define internal void @autodiff.outside(i64 %number) noinline nounwind {
  %before = cmpxchg ptr @bounds.failed, i64 0, i64 %number seq_cst seq_cst
  ret void
}
define internal ptr @autodiff.access(ptr %memory, i64 %position, i64 %size, i64 %limit, i64 %number) noinline nounwind {
  %inside = icmp ult i64 %position, %limit
  %some = icmp sgt i64 %limit, 0
  %good = and i1 %inside, %some
  br i1 %good, label %right, label %wrong
right:
  %bytes = mul i64 %position, %size
  %place = getelementptr i8, ptr %memory, i64 %bytes
  ret ptr %place
wrong:
  call void @autodiff.outside(i64 %number)
  ret ptr @bounds.spare
}
define internal i1 @autodiff.span(i64 %position, i64 %count, i64 %used, i64 %limit, i64 %number) noinline nounwind {
  %end = add i64 %position, %count
  %begins = icmp sge i64 %position, 0
  %ends = icmp sle i64 %end, %limit
  %inside = and i1 %begins, %ends
  %none = icmp sle i64 %count, 0
  %unused = icmp eq i64 %used, 0
  %empty = or i1 %none, %unused
  %good = or i1 %inside, %empty
  br i1 %good, label %right, label %wrong
right:
  ret i1 true
wrong:
  call void @autodiff.outside(i64 %number)
  ret i1 false
}"""

POISON = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"


def _poison(pointer: str, size: str | int) -> str:
    """Fill memory with NaN (AUTODIFF_CHECK=2): all bits set."""
    return f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 -1, i64 {size}, i1 false)"


# A dynamic slot is {memory, capacity}.  It grows by doubling and never shrinks.
RESERVE = f"""\
{pool.DECLARATIONS}
declare ptr @realloc(ptr, i64) nounwind
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define internal ptr @autodiff.reserve(ptr %slot, i64 %size, i1 %keep) noinline nounwind {{
  %place = getelementptr i8, ptr %slot, i64 8
  %capacity = load i64, ptr %place
  %memory = load ptr, ptr %slot
  %large = icmp sle i64 %size, %capacity
  %made = icmp ne ptr %memory, null
  %enough = and i1 %large, %made
  br i1 %enough, label %done, label %grow
grow:
  %double = shl i64 %capacity, 1
  %more = call i64 @llvm.smax.i64(i64 %size, i64 %double)
  %least = call i64 @llvm.smax.i64(i64 %more, i64 64)
  br i1 %keep, label %extend, label %renew
extend:
  %small = icmp ult i64 %least, {pool.LARGE_BYTES}
  br i1 %small, label %resize, label %move
resize:
  %extended = call ptr @realloc(ptr %memory, i64 %least)
  %bad = icmp eq ptr %extended, null
  br i1 %bad, label %failed, label %settle
move:
  %moved = call ptr @pool.malloc(ptr null, i64 %least)
  %none = icmp eq ptr %moved, null
  br i1 %none, label %failed, label %copy
copy:
  call void @llvm.memcpy.p0.p0.i64(ptr %moved, ptr %memory, i64 %capacity, i1 false)
  call void @pool.free(ptr null, ptr %memory, i64 %capacity)
  br label %settle
renew:
  call void @pool.free(ptr null, ptr %memory, i64 %capacity)
  store ptr null, ptr %slot
  store i64 0, ptr %place
  %new = call ptr @pool.malloc(ptr null, i64 %least)
  %lacking = icmp eq ptr %new, null
  br i1 %lacking, label %failed, label %settle
failed:
  ret ptr null
settle:
  %result = phi ptr [ %extended, %resize ], [ %moved, %copy ], [ %new, %renew ]
  store ptr %result, ptr %slot
  store i64 %least, ptr %place
  ret ptr %result
done:
  ret ptr %memory
}}"""
