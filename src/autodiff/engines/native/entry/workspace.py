"""The kernel's working memory, and the outputs that nobody keeps.

Little of it lies on the stack.  Otherwise one block for the process lies in ``workspace.cell``
while no call uses it: a call takes it by an atomic exchange, so that no two calls have it, or
allocates one; afterwards it puts its block back, and frees the one another call left meanwhile.
Memory used again costs no page faults.
"""

from __future__ import annotations

from autodiff.dims import Extent
from autodiff.engines.native import pool
from autodiff.engines.native.entry.arguments import TOO_LARGE, Arguments
from autodiff.engines.native.entry.results import Results

STACK_BYTES = 16 * 1024
"""Working memory up to this size lies on the stack, which every thread has."""

KEPT_BYTES = 256 * 2**20
"""A block up to this size is kept for the next call; larger ones go to the ``pool``."""

# Before the data of a block: its size, and the pointer that the pool gave.
FUNCTIONS = f"""
define internal ptr @workspace_take(i64 %bytes) {{
  %held = atomicrmw xchg ptr @workspace.cell, i64 0 seq_cst
  %none = icmp eq i64 %held, 0
  br i1 %none, label %new, label %look
look:
  %block = inttoptr i64 %held to ptr
  %size.at = getelementptr i8, ptr %block, i64 -16
  %size = load i64, ptr %size.at
  %fits = icmp uge i64 %size, %bytes
  br i1 %fits, label %found, label %small
found:
  ret ptr %block
small:
  %old.at = getelementptr i8, ptr %block, i64 -8
  %old = load ptr, ptr %old.at
  %old.total = add i64 %size, 128
  call void @pool.free(ptr null, ptr %old, i64 %old.total)
  br label %new
new:
  %total = add i64 %bytes, 128
  %raw = call ptr @pool.malloc(ptr null, i64 %total)
  %failed = icmp eq ptr %raw, null
  br i1 %failed, label %error, label %align
align:
  %from = ptrtoint ptr %raw to i64
  %past = add i64 %from, 79
  %aligned = and i64 %past, -64
  %data = inttoptr i64 %aligned to ptr
  %new.size.at = getelementptr i8, ptr %data, i64 -16
  store i64 %bytes, ptr %new.size.at
  %raw.at = getelementptr i8, ptr %data, i64 -8
  store ptr %raw, ptr %raw.at
  ret ptr %data
error:
  ret ptr null
}}
define internal void @workspace_give(ptr %data) {{
  %nothing = icmp eq ptr %data, null
  br i1 %nothing, label %done, label %look
look:
  %size.at = getelementptr i8, ptr %data, i64 -16
  %size = load i64, ptr %size.at
  %large = icmp ugt i64 %size, {KEPT_BYTES}
  %here = ptrtoint ptr %data to i64
  br i1 %large, label %release, label %keep
keep:
  %held = atomicrmw xchg ptr @workspace.cell, i64 %here seq_cst
  %none = icmp eq i64 %held, 0
  br i1 %none, label %done, label %release
release:
  %which = phi i64 [ %here, %look ], [ %held, %keep ]
  %block = inttoptr i64 %which to ptr
  %raw.at = getelementptr i8, ptr %block, i64 -8
  %raw = load ptr, ptr %raw.at
  %which.size.at = getelementptr i8, ptr %block, i64 -16
  %which.size = load i64, ptr %which.size.at
  %which.total = add i64 %which.size, 128
  call void @pool.free(ptr null, ptr %raw, i64 %which.total)
  br label %done
done:
  ret void
}}
"""


class Workspace:
    """Writes the placing of the kernel's working memory and of outputs that nobody keeps."""

    def __init__(self, arguments: Arguments, results: Results) -> None:
        self.writer = arguments.writer
        self.arguments = arguments
        sizes = [arguments.signature.work_bytes, *(size for _, size in results.temporary)]
        self.results = results
        self.slot = ""  # holds what was taken and is to be given back
        self.pointers = self._place(sizes)
        for (number, _), pointer in zip(results.temporary, self.pointers[1:], strict=True):
            results.data[number] = pointer

    def _place(self, sizes: list[Extent]) -> list[str]:
        w = self.writer
        offsets, end = [], "0"
        known = [size for size in sizes if isinstance(size, int)]
        if len(known) == len(sizes):
            total = 0
            for count in known:
                offsets.append(str(total))
                total += -(-count // 64) * 64
            if total == 0:
                return ["null"] * len(sizes)
            if total <= STACK_BYTES:
                base = w.slot(f"[{total} x i8]", align=64)
                return [w.offset(base, offset) for offset in offsets]
            end = str(total)
        else:
            for size in sizes:
                offsets.append(end)
                past = self.arguments.sum(self.arguments.extent(size), "127")
                end = self.arguments.sum(end, w.value(f"and i64 {past}, -64"))
        w.object("workspace.cell")
        w.declared["pool"] = pool.DECLARATIONS
        block = w.value(f"call ptr @workspace_take(i64 {end})")
        w.require_pointer(block, TOO_LARGE)
        self.slot = w.slot("ptr")
        w.locals.append(f"  store ptr null, ptr {self.slot}")
        w.store("ptr", block, self.slot)
        return [w.offset(block, offset) for offset in offsets]

    def give_back(self) -> None:
        """Let the next call have the block."""
        if self.slot:
            block = self.writer.load("ptr", self.slot)
            self.writer.line(f"call void @workspace_give(ptr {block})")
