"""A report on one call: what is read and guarded, how it was compiled, what it keeps, how large it is."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Iterator
from typing import Any

from autodiff.compiled import Compiled
from autodiff.compiled.binding import NOT_GIVEN, Call
from autodiff.dims import UndecidedExtent
from autodiff.engines.choosing import has_long_doubles
from autodiff.engines.jax import advice
from autodiff.engines.jax.engine import on_the_host
from autodiff.engines.native.lowering import lower
from autodiff.engines.native.timing import Timer
from autodiff.ir import walk
from autodiff.ir.data import Operation, Program, Value
from autodiff.ir.printing import Text, as_html, format_type
from autodiff.ladder import Bail, Decision
from autodiff.ops.entries import ENTRIES, Kernel

_MEANINGS = {
    "input": "inputs", "fixed": "values that this is made for", "stores": "stores into arguments", "guard": "guards, compared at every call",
    "decided": "loops and branches", "program": "operations", "output": "outputs",
    "native": "machine code", "host": "calls of Python", "memory": "memory", "keeps": "kept for the reverse sweep",
    "slow": "loops of single steps",
}  # fmt: skip


class Explanation(Text):
    """The report as text; notebooks fold its sections."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        head, *lines = str(self).split("\n")
        sections: dict[str, list[str]] = {}
        for line in lines:
            word = line.split(maxsplit=1)[0]
            sections.setdefault(word, []).append(line.strip().removeprefix(word).strip())
        parts = [as_html(head)]
        for word, found in sections.items():
            body = as_html("\n".join(found))
            title = f"{_MEANINGS.get(word, word)} ({len(found)})"
            parts.append(f"<details><summary>{title}</summary>{body}</details>")
        return "".join(parts)


def explain(compiled: Compiled, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The report."""
    title = f"{compiled.transformation.name} of {compiled.signature.title}"
    try:
        call, captured, plan = compiled.first_way(
            lambda call: (call, *compiled.plan(call)), args, kwargs
        )
    except (Bail, UndecidedExtent) as problem:
        source = getattr(problem, "source", None)
        where = f" at {source}" if source is not None else ""
        return Explanation(f"{title}: runs uncompiled, because of {problem}{where}")
    lines = [f"{title}, engine {compiled.engine!r}"]
    for record in captured.inputs:
        kind = "argument" if record.leaf is not None else "read at every call"
        lines.append(f"  input   {record.path.describe():<24} {record.value.type}  ({kind})")
    lines += [f"  fixed   {text}" for text in _fixed(call)]
    for number in (n for n, _ in captured.mutated):
        lines.append(f"  stores  into {captured.inputs[number].path.describe()}")
    for text in dict.fromkeys(guard.describe() for guard in captured.guards):
        lines.append(f"  guard   {text}")
    file = getattr(getattr(compiled.function, "__code__", None), "co_filename", "")
    for decision in captured.decisions:
        lines.append(f"  decided {decision.text(file)}{_line_of(decision)}")
    count: Counter[str] = Counter(op.kind for op in walk(plan.program.block))
    lines.append(
        f"  program {sum(count.values())} operations: "
        + ", ".join(f"{n} {k}" for k, n in count.most_common())
    )
    lines += _kept(plan.program)
    if compiled.engine == "native" and has_long_doubles(plan.program):
        lines.append("  numpy   runs it: native code has no long doubles")
    elif compiled.engine == "native":
        lines += _machine(plan.program)
    for value in plan.program.outputs:
        lines.append(f"  output  {value.type}")
    if compiled.engine == "jax":
        lines += [f"  host    {text}" for text in on_the_host(plan.program)]
        lines += [f"  slow    on a GPU: {text}" for text in advice.sequences(plan.program)]
    return Explanation("\n".join(lines))


def _line_of(decision: Decision) -> str:
    """What stands in the user's line of a decision."""
    at = decision.source
    text = "" if at is None else linecache.getline(at.file, at.line).strip()
    return f"  # {text}" if text else ""


def _fixed(call: Call) -> Iterator[str]:
    """The arguments whose values shape the program: for others another one is compiled."""
    for k, (path, role, value) in enumerate(zip(call.paths, call.roles, call.leaves, strict=True)):
        if role == "static" and call.given[call.slot_of[k]] is not NOT_GIVEN:
            shown = repr(value)
            yield f"{path} equal {shown if len(shown) < 60 else shown[:57] + '…'}"


def _kept(program: Program) -> Iterator[str]:
    """What loops keep for the reverse sweep, by the kind of array."""
    found = Counter(
        (operation.source and operation.source.line, value.type, size_in_bytes(value))
        for operation, value in kept_values(program)
    )
    for (line, type_, size), count in found.items():
        arrays = f"{count} × " if count > 1 else ""
        room = "" if size is None else f": {count * size:,} bytes"
        yield f"  keeps   {arrays}{format_type(type_)} of the loop at line {line or '?'}{room}"


def kept_values(program: Program) -> Iterator[tuple[Operation, Value]]:
    """What loops of the function keep of each pass for the reverse sweep, with the loops."""
    for operation in walk(program.block):
        if operation.kind in ("for", "while") and not operation.is_derived:
            first = len(operation.operands) + (operation.kind == "while")
            for value in operation.results[first:]:
                yield operation, value


def size_in_bytes(value: Value) -> int | None:
    """The bytes of an array; None where its shape is known at run time only."""
    total = value.dtype.itemsize
    for n in value.shape:
        if not isinstance(n, int):
            return None
        total *= n
    return total


def _machine(program: Program) -> Iterator[str]:
    """How the native engine writes a program: loops, routines, calls of Python, memory."""
    timer = Timer()
    kernel = lower(program, timer=timer)
    nests = sum(part.kind == "nest" for part in timer.parts)
    routines = Counter(
        part.operations[0].kind
        for part in timer.parts
        if part.kind == "step" and isinstance(ENTRIES[part.operations[0].kind].lowering, Kernel)
    )
    text = f"{nests} loop{'s' * (nests != 1)} over arrays"
    if routines:
        text += "; routines: " + ", ".join(f"{n} {k}" for k, n in routines.most_common())
    yield f"  native  {text}"
    for call in kernel.host_calls:
        where = "" if call.source is None else f" at line {call.source.line}"
        yield f"  host    {call.name}{where}"
    beside = ", beside arrays of sizes not known yet" if kernel.allocates else ""
    yield f"  memory  {kernel.work_bytes + kernel.stack_bytes:,} bytes of work memory{beside}"
