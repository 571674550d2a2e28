"""Large loop nests, and loops whose steps are independent, on several threads.

    call void @ad.parallel(ptr @chunk.7, ptr %context, i64 n, i64 4)

A nest whose outermost loop can be cut anywhere becomes a function of its own, ``@chunk``, that runs
a range of it.  What it reads of the kernel's registers is handed over in memory.  Threads are made
when a nest begins and joined when it ends, so none is left behind and ``fork`` stays legal; that
takes some 20 µs, so only nests of many elements are cut.

The thread that waits for the others looks for signals meanwhile (`signals`), and all of them leave
the nest where a handler has raised.

A sum over the cut axis has a partial result for each thread; they are added up in order, so the
result depends on the number of threads, but not on how they are scheduled.

A loop of the program that carries nothing from step to step, as the one over the lanes of ``vmap``, is
cut likewise.  Its pieces have working memory and a status of their own; the kernel leaves with the
status of the first piece that has one.  What calls Python stays on one thread, in order.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff.dims import Dim, Extent, bounds, product
from autodiff.engines.native import flags, signals
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.ufunc_calls import PREFIX
from autodiff.engines.native.writer import LoopIndex, register_type
from autodiff.ir.data import Block, walk
from autodiff.patterns import pattern

if TYPE_CHECKING:
    from autodiff.engines.native.generator import Generator
    from autodiff.engines.native.nests import Job

SUPPORTED = sys.platform != "win32"
MOST = 64  # threads
TRIES = 1000  # looks at whether a thread has ended before the one that waits goes to sleep
LARGE = 100_000
"""Elements from which on a nest is cut; about 50 µs of the cheapest work."""

LARGE_WORK = signals.WORK
"""Instructions of all steps from which on a loop of the program is cut: 100 µs in vectors."""

UNKNOWN_WORK = 1000  # instructions that a loop of unknown length within a step stands for
NO_MEMORY = -1  # the status of a piece whose allocation failed

# fmt: off
RUNTIME = f"""
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @sched_yield()
declare i32 @usleep(i32)

%task = type {{ ptr, ptr, i64, i64, i64, i64 }}

define internal ptr @ad.task(ptr %task) {{
  %function = load ptr, ptr %task
  %p1 = getelementptr %task, ptr %task, i64 0, i32 1
  %context = load ptr, ptr %p1
  %p2 = getelementptr %task, ptr %task, i64 0, i32 2
  %low = load i64, ptr %p2
  %p3 = getelementptr %task, ptr %task, i64 0, i32 3
  %high = load i64, ptr %p3
  %p4 = getelementptr %task, ptr %task, i64 0, i32 4
  %number = load i64, ptr %p4
  call void %function(ptr %context, i64 %low, i64 %high, i64 %number)
  %p5 = getelementptr %task, ptr %task, i64 0, i32 5
{flags.ENDED if flags.is_x86() else "  %end = add i64 0, 1"}
  store atomic i64 %end, ptr %p5 release, align 8
  ret ptr null
}}

define internal void @ad.parallel(ptr %function, ptr %context, ptr %stop, i64 %n, i64 %threads) noinline {{
entry:
  %tasks = alloca [{MOST} x %task]
  %handles = alloca [{MOST} x i64]
  %made = alloca [{MOST} x i8]
  %register = alloca i32, align 4
  %more = add i64 %n, %threads
  %most = sub i64 %more, 1
  %chunk = udiv i64 %most, %threads
  br label %make
make:
  %t = phi i64 [ 1, %entry ], [ %t.next, %made.one ]
  %left = icmp ult i64 %t, %threads
  br i1 %left, label %fill, label %own
fill:
  %start = mul i64 %t, %chunk
  %low = call i64 @llvm.umin.i64(i64 %start, i64 %n)
  %end = add i64 %start, %chunk
  %high = call i64 @llvm.umin.i64(i64 %end, i64 %n)
  %task = getelementptr [{MOST} x %task], ptr %tasks, i64 0, i64 %t
  store ptr %function, ptr %task
  %p1 = getelementptr %task, ptr %task, i64 0, i32 1
  store ptr %context, ptr %p1
  %p2 = getelementptr %task, ptr %task, i64 0, i32 2
  store i64 %low, ptr %p2
  %p3 = getelementptr %task, ptr %task, i64 0, i32 3
  store i64 %high, ptr %p3
  %p4 = getelementptr %task, ptr %task, i64 0, i32 4
  store i64 %t, ptr %p4
  %p5 = getelementptr %task, ptr %task, i64 0, i32 5
  store i64 0, ptr %p5
  %handle = getelementptr [{MOST} x i64], ptr %handles, i64 0, i64 %t
  %code = call i32 @pthread_create(ptr %handle, ptr null, ptr @ad.task, ptr %task)
  %good = icmp eq i32 %code, 0
  %flag = zext i1 %good to i8
  %mark = getelementptr [{MOST} x i8], ptr %made, i64 0, i64 %t
  store i8 %flag, ptr %mark
  br i1 %good, label %made.one, label %alone
alone:
  call void %function(ptr %context, i64 %low, i64 %high, i64 %t)
  br label %made.one
made.one:
  %t.next = add i64 %t, 1
  br label %make
own:
  %own.high = call i64 @llvm.umin.i64(i64 %chunk, i64 %n)
  call void %function(ptr %context, i64 0, i64 %own.high, i64 0)
  br label %wait
wait:
  %w = phi i64 [ 1, %own ], [ %w.next, %joined ]
  %waits = icmp ult i64 %w, %threads
  br i1 %waits, label %look, label %done
look:
  %its.mark = getelementptr [{MOST} x i8], ptr %made, i64 0, i64 %w
  %its.flag = load i8, ptr %its.mark
  %runs = icmp ne i8 %its.flag, 0
  br i1 %runs, label %await, label %joined
await:
  %try = phi i64 [ 0, %look ], [ %try.next, %again ]
  %its.task = getelementptr [{MOST} x %task], ptr %tasks, i64 0, i64 %w
  %its.end = getelementptr %task, ptr %its.task, i64 0, i32 5
  %ended = load atomic i64, ptr %its.end acquire, align 8
  %unfinished = icmp eq i64 %ended, 0
  br i1 %unfinished, label %rest, label %join
rest:
  %soon = icmp ult i64 %try, {TRIES}
  br i1 %soon, label %yield, label %sleep
yield:
  %y = call i32 @sched_yield()
  br label %again
sleep:
  %s = call i32 @usleep(i32 1000)
  %p = call preserve_mostcc i32 @autodiff.poll.part(ptr %stop, i64 0)
  br label %again
again:
  %try.next = add i64 %try, 1
  br label %await
join:
  %its.handle = getelementptr [{MOST} x i64], ptr %handles, i64 0, i64 %w
  %thread = load i64, ptr %its.handle
  %joining = call i32 @pthread_join(i64 %thread, ptr null)
{flags.JOIN if flags.is_x86() else "  br label %joined"}
joined:
  %w.next = add i64 %w, 1
  br label %wait
done:
  ret void
}}
"""

RELEASED = "@ad.parallel.released"
# SciPy's functions take the GIL where they warn or raise: no thread may wait for them that holds it.
RELEASING = f"""
declare i32 @PyGILState_Check()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)

define internal void {RELEASED}(ptr %function, ptr %context, ptr %stop, i64 %n, i64 %threads) noinline {{
entry:
  %check = call i32 @PyGILState_Check()
  %free = icmp eq i32 %check, 0
  br i1 %free, label %run, label %release
run:
  call void @ad.parallel(ptr %function, ptr %context, ptr %stop, i64 %n, i64 %threads)
  ret void
release:
  %state = call ptr @PyEval_SaveThread()
  call void @ad.parallel(ptr %function, ptr %context, ptr %stop, i64 %n, i64 %threads)
  call void @PyEval_RestoreThread(ptr %state)
  ret void
}}
"""
# fmt: on


def can_cut(g: Generator, jobs: Sequence[Job]) -> bool:
    """Whether a nest may run in pieces along its outermost axis, and is or may be large."""
    if g.cut:
        return False
    order = jobs[0].order
    for job in jobs:
        if job.order != order or not order or job.in_turn or job.keeps_rest:
            return False
        if job.combine and order[0] in job.axes and job.place is not None:
            return False  # threads would add to the same elements
        if job.combine == "prod" and job.dtype.kind == "f" and order[0] in job.axes:
            return False  # the product of a piece may be out of range where the whole is not
    size = _size(jobs)
    most = bounds(size)[1] if isinstance(size, Dim) else size
    return most is None or most >= LARGE


def _size(jobs: Sequence[Job]) -> Extent:
    """The elements of the longest job; those of one nest differ at most in a line's length."""
    sizes = [product(job.domain) for job in jobs]
    return sizes[0] if isinstance(sizes[0], Dim) else max(n for n in sizes if isinstance(n, int))


def emit(g: Generator, jobs: list[Job]) -> bool:
    """Write a nest as a call of its pieces; False, and nothing written, where that is not possible."""
    from autodiff.engines.native.nests import Nest, combined, identity

    w = g.w
    n = Nest(g, jobs).domain[jobs[0].order[0]]
    number = w.number()
    low, high = LoopIndex("%low", 0, n), LoopIndex("%high", 0, n)
    reduced = [job for job in jobs if job.combine and job.place is None]
    partials = f"%partials{number}"
    g.cut = True
    try:
        with w.apart() as (lines, slots):
            Nest(g, jobs, (Dim.symbol(low), Dim.symbol(high))).write()
            for k, job in enumerate(reduced):
                assert job.result is not None
                place = w.here(f"getelementptr i64, ptr {partials}, i64 {MOST * k}")
                place = w.here(f"getelementptr i64, ptr {place}, i64 %number")
                w.line(f"store {register_type(job.dtype)} {job.result.name}, ptr {place}")
    finally:
        g.cut = False
    captured = _captured([*slots, *lines])
    types = _types(captured, [line for frame in w.frames for line in frame.lines] + w.entry)
    types |= {name: "ptr" for name in captured if _is_pointer(name)}
    types |= {name: type for name, type in g.arguments.items() if name in captured}
    types[partials] = "ptr"
    if any(name not in types for name in captured):
        for job in jobs:
            job.result = None
        return False
    w.outlined.append(_chunk(number, captured, types, slots, lines))
    if reduced:
        w.entry.append(f"  {partials} = alloca [{MOST * len(reduced)} x i64], align 64")
    for k, job in enumerate(reduced):
        for t in range(g.threads):
            place = w.here(f"getelementptr i64, ptr {partials}, i64 {MOST * k + t}")
            type = register_type(job.dtype)
            w.line(f"store {type} {identity(job.combine, job.dtype)}, ptr {place}")
    _call(g, number, captured, types, w.extent(n), _threads(g, jobs), lines)
    for k, job in enumerate(reduced):
        total: Element | None = None
        for t in range(g.threads):
            place = w.here(f"getelementptr i64, ptr {partials}, i64 {MOST * k + t}")
            part = Element(w.here(f"load {register_type(job.dtype)}, ptr {place}"), job.dtype)
            total = part if total is None else combined(g, job.combine, total, part)
        job.result = total
    return True


def _threads(g: Generator, jobs: Sequence[Job]) -> str:
    """How many threads: all, or one where the sizes of this run are small."""
    size = _size(jobs)
    if isinstance(size, int):
        return str(g.threads)
    name = g.w.extent(size)
    large = g.w.op(f"icmp sge i64 {name}, {LARGE}", name)
    return g.w.op(f"select i1 {large}, i64 {g.threads}, i64 1", large)


# -- loops of the program ---------------------------------------------------------------------------
def can_cut_loop(g: Generator, body: Block, count: Extent) -> bool:
    """Whether the steps of a loop that carries nothing may run in pieces.

    Not where there are fewer of them than threads, or where a nest within is surely large: that is cut.
    """
    if g.cut or g.timer is not None:
        return False
    most = bounds(count)[1] if isinstance(count, Dim) else count
    if most is not None and most < g.threads:
        return False
    sizes = [product(v.shape) for operation in walk(body) for v in operation.results]
    return not any(isinstance(size, int) and size >= LARGE for size in sizes)


def emit_loop(g: Generator, count: Extent, write: Callable[[], float]) -> bool:
    """Write a loop as a call of its pieces; False, and nothing written, where that is not possible.

    ``write`` writes the steps from ``%low`` up to ``%high``, and tells what one costs, in instructions.
    """
    w = g.w
    number = w.number()
    checks, calls = len(g.checks), len(g.host_calls)
    g.cut = True
    try:
        with g.memory.apart(), w.apart() as (lines, slots):
            cost, polls = write(), w.polls
            make, free, used = g.memory.layout()
    finally:
        g.cut = False
    outside = [x for x in _captured([*make, *slots, *lines, *free]) if x not in _OF_KERNEL]
    types = _types(outside, [line for frame in w.frames for line in frame.lines] + w.entry)
    types |= {name: "ptr" for name in outside if _is_pointer(name)}
    types |= {name: type for name, type in g.arguments.items() if name in outside}
    if len(g.host_calls) > calls or any(name not in types for name in outside):
        del g.checks[checks:], g.host_calls[calls:]
        return False
    names = [*outside, f"%kept{number}", f"%statuses{number}"]
    types |= dict.fromkeys(names[-2:], "ptr")
    body = [*slots, "  br label %start", "start:", *lines]
    w.outlined.append(_piece(number, names, types, [*make, *body], free, used, polls))
    w.entry.append(
        f"  {names[-2]} = getelementptr i8, ptr {g.memory.scratch(used * g.threads)}, i64 0"
    )
    w.entry.append(f"  {names[-1]} = alloca [{MOST} x i32], align 64")
    statuses = [w.here(f"getelementptr i32, ptr {names[-1]}, i64 {t}") for t in range(g.threads)]
    for place in statuses:
        w.line(f"store i32 0, ptr {place}")
    n, enough = w.extent(count), -(-LARGE_WORK // max(1, int(cost)))
    threads = w.here(f"select i1 {w.here(f'icmp sge i64 {n}, {enough}')}, i64 {g.threads}, i64 1")
    _call(g, number, names, types, n, threads, lines)
    _leave_with_the_first(g, number, statuses)
    return True


def _leave_with_the_first(g: Generator, number: int, statuses: Sequence[str]) -> None:
    """Leave the kernel with the first status that is not 0, if there is one."""
    w = g.w
    status = "0"
    for place in reversed(statuses):
        own = w.here(f"load i32, ptr {place}")
        good = w.here(f"icmp eq i32 {own}, 0")
        status = w.here(f"select i1 {good}, i32 {status}, i32 {own}")
    w.branch(w.here(f"icmp eq i32 {status}, 0"), f"good{number}", f"bad{number}")
    w.label(f"bad{number}")
    w.line(f"store i32 {status}, ptr %status")
    w.branch(w.here(f"icmp eq i32 {status}, {NO_MEMORY}"), "memory.failed", "exit")
    w.label(f"good{number}")


def _call(
    g: Generator,
    number: int,
    names: Sequence[str],
    types: Mapping[str, str],
    count: str,
    threads: str,
    lines: Iterable[str],
) -> None:
    """Call the pieces with what they read, and leave the kernel where a handler of a signal has raised."""
    w = g.w
    context = f"%context{number}"
    w.entry.append(f"  {context} = alloca [{len(names) + 1} x i64], align 8")
    stop = w.here(f"getelementptr i64, ptr {context}, i64 {len(names)}")
    w.line(f"store i64 0, ptr {stop}")
    for k, name in enumerate(names):
        place = w.here(f"getelementptr i64, ptr {context}, i64 {k}")
        w.line(f"store {types[name]} {name}, ptr {place}")
    loops = any(f"@{PREFIX}" in line for line in lines)
    parallel = RELEASED if loops else "@ad.parallel"
    w.line(
        f"call void {parallel}(ptr @chunk.{number}, ptr {context}, ptr {stop}, "
        f"i64 {count}, i64 {threads})"
    )
    told = w.here(f"load atomic i64, ptr {stop} monotonic, align 8")
    w.line(f"%left{number} = icmp ne i64 {told}, 0")
    w.branch(f"%left{number}", signals.LEAVE, f"whole{number}")
    w.label(f"whole{number}")
    w.polls_here()


def _piece(
    number: int,
    names: list[str],
    types: Mapping[str, str],
    body: list[str],
    free: list[str],
    used: int,
    polls: bool,
) -> str:
    """A range of the steps of a loop, with the ways out that a kernel has."""
    kept, statuses = names[-2:]
    leave = [f"{signals.LEAVE}:", "  br label %exit"] if polls else []
    return "\n".join([
        *_head(number, names, types),
        "  %status = alloca i32, align 4",
        "  store i32 0, ptr %status",
        f"  %own = mul i64 %number, {used}",
        f"  %work = getelementptr i8, ptr {kept}, i64 %own",
        *body,
        "  br label %exit",
        "memory.failed:",
        f"  store i32 {NO_MEMORY}, ptr %status",
        "  br label %exit",
        *leave,
        "exit:",
        *free,
        "  %its.status = load i32, ptr %status",
        f"  %its.place = getelementptr i32, ptr {statuses}, i64 %number",
        "  store i32 %its.status, ptr %its.place",
        "  ret void",
        "}",
    ])  # fmt: skip


# -- from lines of the kernel to a function ---------------------------------------------------------
_NAME = pattern(r"%[\w.]+")
_DEFINITION = pattern(r"\s*(%[\w.]+) = (.*)")
_OWN = frozenset(("%low", "%high", "%number", "%context", "%stop", f"%{signals.LEAVE}"))
_OF_KERNEL = frozenset(("%work", "%status", "%exit", "%memory.failed"))  # and of pieces of a loop


def _captured(lines: Iterable[str]) -> list[str]:
    """The names that lines use and do not define, in order."""
    used: dict[str, None] = {}
    defined = set(_OWN)
    for line in lines:
        found = _DEFINITION.match(line)
        if found is not None:
            defined.add(found.group(1))
        elif line.endswith(":"):
            defined.add("%" + line[:-1])
        used.update(dict.fromkeys(_NAME.findall(line)))
    return [name for name in used if name not in defined]


def _is_pointer(name: str) -> bool:
    """Whether a name is that of memory that the kernel's frame sets up last."""
    return re.fullmatch(r"%(s\d+|out\d+|work|status)", name) is not None


_RESULT = (
    (pattern(r"(?:load|phi|freeze) (\w+)[, ]"), 1),
    (pattern(r"[fi]cmp \w"), "i1"),
    (pattern(r"(?:getelementptr|alloca) "), "ptr"),
    (pattern(r"select i1 [^,]+, (\w+) "), 1),
    (pattern(r"(?:trunc|[sz]ext|[su]itofp|fpto[su]i|fpext|fptrunc|bitcast|ptrtoint) .* to (\w+)$"), 1),
    (pattern(r"call (?:(?:contract|reassoc|nsz) )*(\w+) @"), 1),
    (pattern(r"extractvalue { i64, i1 } .*, 0$"), "i64"),
    (pattern(r"extractvalue { i64, i1 } .*, 1$"), "i1"),
    (pattern(r"(?:f?(?:add|sub|mul|neg)|[fsu]?div|[fsu]rem|and|or|xor|shl|[la]shr)"
                r"(?: (?:nsw|nuw|contract|reassoc|nsz|exact))* (\w+) "), 1),
)  # fmt: skip


def _types(names: Iterable[str], lines: Iterable[str]) -> dict[str, str]:
    """The types of names, by the instructions that define them."""
    wanted, types = set(names), {}
    for line in lines:
        found = _DEFINITION.match(line)
        if found is None or found.group(1) not in wanted:
            continue
        for form, what in _RESULT:
            match = form.match(found.group(2))
            if match is not None:
                types[found.group(1)] = what if isinstance(what, str) else match.group(what)
                break
    return types


def _head(number: int, captured: list[str], types: Mapping[str, str]) -> list[str]:
    """The lines with which the function of a piece begins."""
    lines = [
        f"define internal void @chunk.{number}(ptr %context, i64 %low, i64 %high, i64 %number) #0 {{",
        "entry:",
    ]
    for k, name in enumerate(captured):
        lines.append(f"  %c.{k} = getelementptr i64, ptr %context, i64 {k}")
        lines.append(f"  {name} = load {types[name]}, ptr %c.{k}")
    lines.append(f"  %stop = getelementptr i64, ptr %context, i64 {len(captured)}")
    return lines


def _chunk(
    number: int, captured: list[str], types: dict[str, str], slots: list[str], lines: list[str]
) -> str:
    leave = ["  ret void", f"{signals.LEAVE}:"] if any(signals.LEAVE in x for x in lines) else []
    return "\n".join([*_head(number, captured, types), *slots, "  br label %start", "start:", *lines,
                      *leave, "  ret void", "}"])  # fmt: skip


__all__ = [
    "LARGE",
    "MOST",
    "RELEASED",
    "RELEASING",
    "RUNTIME",
    "SUPPORTED",
    "UNKNOWN_WORK",
    "can_cut",
    "can_cut_loop",
    "emit",
    "emit_loop",
]
