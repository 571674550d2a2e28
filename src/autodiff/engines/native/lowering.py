"""From a program to the LLVM IR of one function, the *kernel*.

    kernel = lower(program)
    kernel.text            # LLVM IR of  i32 kernel(inputs…, outputs…, ptr work)

Inputs in program order: shape () by value (bool as i8), an array as a pointer to C-contiguous
aligned elements.  A symbolic extent is the value of an int64 scalar input.  Outputs in program
order: shape () a pointer to a slot, an array a pointer to a C-contiguous buffer of the caller's;
an output in ``sized`` has extents that arise at run time and is a pointer to
``{ptr data, i64 extents…}`` with ``data`` from malloc, which the caller frees.  ``work`` is
scratch memory of ``work_bytes``, 64-byte aligned.  Inputs are never written, outputs never overlap
them or each other.

The result is 0, or the number of the check in ``checks`` that failed (counted from 1).  Module
level names that the loader must supply beyond libraries: ``constant.k`` (the data of
``constants[k]``) and ``host_caller`` where ``host_calls`` is not empty (see ``host``).
Where ``calls_ufuncs``, a Python exception may be set when it returns (see ``ufunc_calls``).

Each block is planned (``planning``) and its nodes written in order: scalars as instructions,
nests as loops (``nests``), everything else by ``steps``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import nullcontext
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import debug
from autodiff.dims import Extent, product, symbols
from autodiff.engines.native import flags, nests, signals, sizes, vector_math
from autodiff.engines.native.control_flow import assign, unsettled
from autodiff.engines.native.elements import element
from autodiff.engines.native.generator import Check, Generator, HostCall, Scope, Sink
from autodiff.engines.native.planning import Node, Plan
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.storage import Buffer
from autodiff.engines.native.vector_math import library
from autodiff.engines.native.writer import memory_type
from autodiff.errors import InternalError
from autodiff.ir.data import Operation, Program, Source, Value, walk
from autodiff.later import later
from autodiff.ops.control import GUARD, MEMORY_FAILED
from autodiff.ops.entries import ENTRIES
from autodiff.ops.entries import Kernel as KernelEntry
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native import steps, ufunc_calls
    from autodiff.engines.native import threads as nest_threads
    from autodiff.engines.native.timing import Timer
else:
    nest_threads = later("autodiff.engines.native.threads")
    steps = later("autodiff.engines.native.steps")
    ufunc_calls = later("autodiff.engines.native.ufunc_calls")

INTERRUPTED = "a signal handler raised"


@dataclass(frozen=True)
class Kernel:
    """A program as LLVM IR, and how it is called; see the module header."""

    text: str
    inputs: tuple[tuple[np.dtype[Any], tuple[Extent, ...]], ...]
    outputs: tuple[tuple[np.dtype[Any], tuple[Extent, ...]], ...]
    sized: frozenset[int]
    extents: Mapping[Hashable, int]
    work_bytes: int
    checks: tuple[Check, ...]
    host_calls: tuple[HostCall, ...] = ()
    constants: tuple[np.ndarray, ...] = ()
    calls_ufuncs: bool = False
    stack_bytes: int = field(default=0, compare=False)  # of small arrays, beside ``work_bytes``
    allocates: bool = field(default=False, compare=False)  # arrays of sizes known at run time only
    symbol: str = "kernel"
    threads: int = field(default=1, compare=False)

    def failure(self, status: int) -> str:
        """What a status other than 0 says.

        Raises
        ------
        InternalError
            Where the kernel left an array (AUTODIFF_CHECK=3).
        """
        check = self.checks[status - 1]
        if check.is_bound:
            raise InternalError(check.message, source=check.source)
        return check.message


def lower(program: Program, threads: int = 1, timer: Timer | None = None) -> Kernel:
    """The LLVM IR of a program.

    Parameters
    ----------
    program : Program
        What to compile.
    threads : int
        Most threads that large loops may use.
    timer : Timer, optional
        Has the parts of the kernel timed.

    Returns
    -------
    Kernel
    """
    several = threads > 1 and nest_threads.SUPPORTED
    g = Generator(threads=min(threads, nest_threads.MOST) if several else 1)
    g.timer = timer
    g.scope = Scope(None, "entry", program.block)
    g.is_guarded = any(
        operation.kind == "check" and operation.attributes["message"] == GUARD
        for operation in walk(program.block)
    )
    parameters = _bind_inputs(g, program)
    outputs, sized = _outputs(program)
    places: dict[int, Buffer] = {}
    sinks: dict[Value, list[int]] = {}
    for number, value in enumerate(program.outputs):
        parameters.append(f"ptr noalias %out{number}")
        if value.shape and number not in sized:
            place = g.memory.fixed(f"%out{number}", value.dtype, value.shape, writable=True)
            places[number] = place
            sinks.setdefault(value, []).append(len(g.scope.sinks))
            g.scope.sinks.append(_output_sink(place))
    kept = [v for number, v in enumerate(program.outputs) if not v.shape or number in sized]
    with g.w.scope(), timer.whole(g) if timer is not None else nullcontext():
        if debug.poisoning():
            for place in places.values():
                g.memory.poison(place.pointer, product(place.shape) * place.dtype.itemsize)
        plan = Plan(program.block, sinks, kept)
        write_block(g, plan)
        assign(g, unsettled(plan, [(p, program.outputs[k]) for k, p in places.items()]))
        for number, value in enumerate(program.outputs):
            if number in sized:
                _store_sized(g, value, f"%out{number}")
            elif not value.shape:
                _store_scalar(g, value, f"%out{number}")
    if timer is not None:
        g.w.globals.append(timer.definition())
    g.w.line("br label %exit")
    parameters.append("ptr noalias %work")
    text = _module(g, parameters)
    return Kernel(
        text=text,
        inputs=tuple([(v.dtype, v.shape) for v in program.inputs]),
        outputs=outputs,
        sized=sized,
        extents=_input_symbols(program),
        work_bytes=g.memory.layout()[2],
        checks=(*g.checks, Check(MEMORY_FAILED, None), Check(INTERRUPTED, None)),
        host_calls=tuple(g.host_calls),
        constants=tuple(g.constants),
        calls_ufuncs=bool(g.w.ufuncs) or g.w.routines,
        stack_bytes=g.memory.on_stack(),
        allocates=g.memory.has_unbounded(),
        threads=threads,
    )


def _output_sink(place: Buffer) -> Sink:
    # A chain of updates passes the place on; a value that lives there still keeps it.
    return lambda: place if place.slot.holders == 0 else None


def _input_symbols(program: Program) -> dict[Hashable, int]:
    used: set[Any] = set()
    for value in (*program.inputs, *program.outputs):
        for extent in value.shape:
            used |= symbols(extent)
    return {v: k for k, v in enumerate(program.inputs) if v in used}


def _outputs(program: Program) -> tuple[Any, frozenset[int]]:
    inputs = set(program.inputs)
    sized = set()
    for number, value in enumerate(program.outputs):
        if any(s not in inputs for extent in value.shape for s in symbols(extent)):
            sized.add(number)
    return tuple([(v.dtype, v.shape) for v in program.outputs]), frozenset(sized)


def _bind_inputs(g: Generator, program: Program) -> list[str]:
    parameters = []
    for number, value in enumerate(program.inputs):
        name, type = f"%in{number}", memory_type(value.dtype)
        if value.shape:
            g.extents_of_inputs |= {s for n in value.shape for s in symbols(n)}
            parameters.append(f"ptr noalias readonly %in{number}")
            g.arguments[name] = "ptr"
            g.bind(value, g.memory.fixed(name, value.dtype, value.shape, writable=False))
        else:
            parameters.append(f"{type} {name}")
            if value.dtype.kind in "iu":
                g.integer_inputs.add(value)
            g.arguments[name] = type
            if value.dtype.kind == "b":
                name = g.w.op(f"icmp ne i8 {name}, 0", name)
            g.bind(value, Element(name, value.dtype))
    return parameters


def _store_scalar(g: Generator, value: Value, pointer: str) -> None:
    x = element(g, value, ())
    place = g.memory.fixed(pointer, value.dtype, (), writable=True)
    g.memory.store(x.name, place, 0)


def _store_sized(g: Generator, value: Value, descriptor: str) -> None:
    """Allocate an output whose size is known now, fill it, and describe it."""
    g.w.declared.setdefault("malloc", "declare ptr @malloc(i64) nounwind")
    count = g.w.extent(product(value.shape) * value.dtype.itemsize)
    least = g.w.intrinsic("smax", "i64", count, "1")
    pointer = g.w.here(f"call ptr @malloc(i64 {least})")
    n = g.w.number()
    g.w.line(f"%ok{n} = icmp ne ptr {pointer}, null")
    g.w.branch(f"%ok{n}", f"got{n}", "memory.failed")
    g.w.label(f"got{n}")
    if debug.poisoning():
        g.memory.poison(pointer, product(value.shape) * value.dtype.itemsize)
    g.w.line(f"store ptr {pointer}, ptr {descriptor}")
    for axis, extent in enumerate(value.shape):
        name = g.w.extent(extent)
        place = g.w.op(f"getelementptr i8, ptr {descriptor}, i64 {8 * (axis + 1)}")
        g.w.line(f"store i64 {name}, ptr {place}")
    place_of = g.memory.fixed(pointer, value.dtype, value.shape, writable=True)
    g.store(value, place_of)


def _module(g: Generator, parameters: list[str]) -> str:
    make, free, _ = g.memory.layout()
    failed = len(g.checks) + 1
    leave = (
        [f"{signals.LEAVE}:", f"  store i32 {failed + 1}, ptr %status", "  br label %exit"]
        if g.w.polls
        else []
    )
    body = [
        f"define i32 @kernel({', '.join(parameters)}) #0 {{",
        "entry:",
        "  %status = alloca i32, align 4",
        "  store i32 0, ptr %status",
        *make,
        *g.w.entry,
        "  br label %start",
        "start:",
        *g.w.frames[0].lines,
        "memory.failed:",
        f"  store i32 {failed}, ptr %status",
        "  br label %exit",
        *leave,
        "exit:",
        *free,
        *_result(g),
        "  ret i32 %result",
        "}",
    ]
    declared = list(dict.fromkeys("\n".join(g.w.declared.values()).split("\n")))
    parts = ["\n".join(g.w.globals), *g.w.outlined, "\n".join(body), g.memory.metadata()]
    if g.w.polls or g.w.outlined:
        declared.append(signals.DECLARATION)
    if g.w.outlined:
        parts.insert(0, nest_threads.RUNTIME)
        if any(nest_threads.RELEASED in line for line in g.w.frames[0].lines):
            parts.insert(1, nest_threads.RELEASING)
        parts.insert(0, signals.RUNTIME_OF_PARTS)
        declared.append("declare i64 @llvm.umin.i64(i64, i64)")
        declared += flags.DECLARATIONS_OF_THREADS if flags.is_x86() else ()
    if g.w.marks:
        parts.insert(0, flags.MARK)
    if g.w.called:
        parts.insert(0, library.declarations(g.w.called))
    if g.w.ufuncs:
        parts.insert(0, ufunc_calls.module_text(g.w.ufuncs))
    if g.w.functions:
        parts.insert(0, vector_math.module_text(g.w.functions))
    present = set("\n".join(parts).split("\n"))
    head = "\n".join(_without_repeats(declared, present))
    return "\n\n".join([head, *parts]) + "\n"


def _result(g: Generator) -> list[str]:
    """The status; what lies outside of an array, where that is looked for, comes before all else."""
    if g.memory.note is None:
        return ["  %result = load i32, ptr %status"]
    return [
        "  %outside = atomicrmw xchg ptr @bounds.failed, i64 0 seq_cst",
        "  %left.array = icmp ne i64 %outside, 0",
        "  %other.status = load i32, ptr %status",
        "  %outside.number = trunc i64 %outside to i32",
        "  %result = select i1 %left.array, i32 %outside.number, i32 %other.status",
    ]


def _without_repeats(declared: list[str], present: set[str]) -> list[str]:
    """Declarations that no other part of the module has; LLVM allows a name once."""
    known = {_declared_name(line) for line in present if line.startswith("declare")}
    kept = []
    for line in declared:
        if line.startswith("declare"):
            name = _declared_name(line)
            if name in known:
                continue
            known.add(name)
        kept.append(line)
    return kept


def _declared_name(line: str) -> str:
    return line[line.index("@") : line.index("(")]


# -- blocks -------------------------------------------------------------------------------------------
def write_block(g: Generator, plan: Plan) -> None:
    """Write the nodes of the block of the scope in force."""
    g.scope.plan = plan
    pending = sizes.begin(g, g.scope.block)
    for number, node in enumerate(plan.ordered):
        g.scope.now = number
        write_node(g, node)
        g.release_dead()
        if pending:
            pending = sizes.settle(g, pending)
    g.scope.now = len(plan.ordered)


def _source_of(node: Node) -> Source | None:
    if node.operation is not None:
        return node.operation.source
    owners = [root.value.owner for root in node.roots]
    return next((o.source for o in owners if o is not None and o.source is not None), None)


_ELEMENT_COST = 8  # of a routine, in instructions; it may well be more


def _count_work(g: Generator, operation: Operation) -> None:
    """Count the work of a library's routine, which cannot be interrupted, in the loop around it."""
    size = sum(product(v.shape) for v in (*operation.operands, *operation.results))
    if isinstance(size, int):
        g.w.work += size * _ELEMENT_COST
    elif g.w.depth:
        g.w.charge(g.w.here(f"mul i64 {g.w.extent(size)}, {_ELEMENT_COST}"))


def write_node(g: Generator, node: Node) -> None:
    """Write one node and bind its results."""
    if g.timer is None:
        _write_node(g, node)
    else:
        with g.timer.measured(g, node):
            _write_node(g, node)


def _write_node(g: Generator, node: Node) -> None:
    g.source = _source_of(node) or g.source
    if node.kind == "nest":
        nests.emit_node(g, node)
        return
    operation = node.operation
    assert operation is not None
    if node.kind == "step":
        if isinstance(ENTRIES[operation.kind].lowering, KernelEntry):
            _count_work(g, operation)
        steps.write_step(g, operation, write_block)
        return
    if operation.kind == "gather":
        steps.check_indices(g, operation)
    g.s.may_branch = True
    try:
        with g.w.scope():  # what is loaded here may change in memory later
            x = element(g, operation.result, ())
    finally:
        g.s.may_branch = False
    g.bind(operation.result, x)
