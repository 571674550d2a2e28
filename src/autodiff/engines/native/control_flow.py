"""cond, for and while as branches and loops of LLVM IR.

Scalar carries are phi nodes.  An array carry has one buffer for the whole loop: the initial value
is computed into it (or already lives there and is not read again), the body's updates write into
it, and what else the body yields is stored there at the end of the iteration.  Slices that a body
yields for stacking go straight to their row.

At the end of a body or branch the outputs are assigned all at once: values that read a buffer
which another assignment overwrites are computed into memory first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.dims import Dim, Extent, bounds, product, same, same_shape, substitute
from autodiff.engines.native.elements import element
from autodiff.engines.native.generator import Generator, Scope, Sink
from autodiff.engines.native.nests import emit_stores
from autodiff.engines.native.planning import Plan
from autodiff.engines.native.scalars import Element
from autodiff.engines.native.storage import Buffer, Slot
from autodiff.engines.native.writer import Step, register_type
from autodiff.ir.data import Block, Operation, Value, free_values, uses, walk
from autodiff.later import later
from autodiff.ops.entries import ENTRIES, Update
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native import threads
else:
    threads = later("autodiff.engines.native.threads")

WriteBlock = Callable[[Generator, Plan], None]
_INT64 = np.dtype(np.int64)
SMALL = 32  # elements of an array that LLVM may keep in registers


def write(g: Generator, operation: Operation, write_block: WriteBlock) -> None:
    """Write a control flow operation and bind its results."""
    if operation.kind == "cond":
        _write_cond(g, operation, write_block)
    else:
        _Loop(g, operation, write_block).write()


# -- assigning outputs ----------------------------------------------------------------------------
def assign(g: Generator, pending: list[tuple[Buffer, Value]]) -> None:
    """Store values to places, all at once."""
    pending = [(p, v) for p, v in pending if not _lives_in(g, v, p)]
    places = {p.slot for p, _ in pending}
    direct: list[tuple[Value, Buffer]] = []
    saved: list[tuple[Value, Buffer]] = []
    shapes = [p.shape for p, _ in pending]
    one_nest = all(same_shape(s, shapes[0]) for s in shapes[1:])
    for place, value in pending:
        reads = {s: aligned for s, aligned in g.leaf_slots(value).items() if s in places}
        # In one nest with the others, reading at the same index comes before any store.
        harmless = all(reads.values()) and (one_nest or set(reads) <= {place.slot})
        if harmless and not one_nest:
            others = (v for p, v in pending if p is not place)
            harmless = not any(place.slot in g.leaf_slots(v) for v in others)
        (direct if harmless else saved).append((value, place))
    if saved and direct:  # a saved value may read what a direct one overwrites: save first
        pass
    copies: list[tuple[Value, Buffer]] = []
    for value, place in saved:
        copy = g.memory.allocate(value.dtype, value.shape)
        g.store(value, copy)
        copied = Value(value.type, value.hint)
        g.bind(copied, copy)
        copies.append((copied, place))
    emit_stores(g, direct)
    emit_stores(g, copies)
    for value, _ in copies:
        g.release(value)


def unsettled(plan: Plan, outputs: list[tuple[Buffer, Value]]) -> list[tuple[Buffer, Value]]:
    """The outputs that no node of the plan stores, for ``assign``.

    The plan leaves it to the operation that makes a value to make it in the first place that asks
    for it.  An update may instead have gone on in the buffer of the old value.
    """
    found: dict[Value, Buffer] = {}
    for place, value in outputs:
        if value in plan.sinks and value not in plan.virtual:
            if plan.hints.get(value) == plan.sinks[value][0]:
                found.setdefault(value, place)
    return [(place, value) for value, place in found.items()]


def _row_sink(row: Buffer) -> Sink:
    # A chain of updates passes the row on; a value that lives there still keeps it.
    holders = row.slot.holders
    return lambda: row if row.slot.holders == holders else None


def _lives_in(g: Generator, value: Value, place: Buffer) -> bool:
    binding = g.lookup(value)
    return (
        isinstance(binding, Buffer)
        and binding.slot is place.slot
        and binding.pointer == place.pointer
        and same(binding.offset, place.offset)
    )


def prepare_outer(g: Generator, block: Block) -> list[Value]:
    """Compute virtual values of outer blocks that a loop would compute again and again."""
    prepared = []
    for value in free_values(block):
        if g.lookup(value) is None and value.shape and _is_costly(g, value):
            g.materialise(value)
            prepared.append(value)
    return prepared


def _is_costly(g: Generator, value: Value) -> bool:
    scope: Scope | None = g.scope
    while scope is not None:
        if scope.plan is not None and value in scope.plan.virtual:
            assert value.owner is not None
            return scope.plan.cost(value) > 0 or value.owner.kind == "concatenate"
        scope = scope.parent
    return False


# -- cond -------------------------------------------------------------------------------------------
def _write_cond(g: Generator, operation: Operation, write_block: WriteBlock) -> None:
    predicate = g.lookup(operation.operands[0])
    assert isinstance(predicate, Element)
    n = g.w.number()
    places = [_cond_place(g, operation, k) for k in range(len(operation.results))]
    for place in places:
        if place is not None:
            place.slot.holders += 1
    g.w.branch(predicate.name, f"then{n}", f"else{n}")
    incoming: list[list[tuple[str, str]]] = [[] for _ in places]
    for word, region in zip(("then", "else"), operation.regions, strict=True):
        g.w.label(f"{word}{n}")
        with g.nested("branch", region):
            sinks: dict[Value, list[int]] = {}
            for value, place in zip(region.outputs, places, strict=True):
                if place is not None and value not in sinks:
                    sinks[value] = [len(g.scope.sinks)]
                    g.scope.sinks.append(_carry_sink(g, place, None))
            plan = Plan(region, {}, region.outputs, g.leaves)
            _hint_outputs(plan, sinks)
            write_block(g, plan)
            scalars = _scalar_outputs(g, region.outputs)
            assign(
                g, [(p, v) for p, v in zip(places, region.outputs, strict=True) if p is not None]
            )
        g.w.line(f"br label %{word}.end{n}")
        g.w.label(f"{word}.end{n}")
        g.w.line(f"br label %join{n}")
        for k, name in scalars.items():
            incoming[k].append((name, f"{word}.end{n}"))
    g.w.label(f"join{n}")
    for result, place, pairs in zip(operation.results, places, incoming, strict=True):
        if place is not None:
            g.bind(result, place)
            place.slot.holders -= 1
        else:
            listed = ", ".join(f"[ {name}, %{label} ]" for name, label in pairs)
            phi = g.w.here(f"phi {register_type(result.dtype)} {listed}")
            g.bind(result, Element(phi, result.dtype))


def _scalar_outputs(g: Generator, outputs: Sequence[Value]) -> dict[int, str]:
    found = {}
    for k, value in enumerate(outputs):
        if not value.shape:
            with g.w.scope():
                found[k] = element(g, value, ()).name
    return found


def _cond_place(g: Generator, operation: Operation, k: int) -> Buffer | None:
    """Where an array result of a cond goes: the buffer both sides update, if it may be lost."""
    result = operation.results[k]
    if not result.shape:
        return None
    roots = [_outer_root(region, region.outputs[k]) for region in operation.regions]
    root = roots[0]
    if root is not None and root is roots[1] and g.may_overwrite(root):
        binding = g.lookup(root)
        if isinstance(binding, Buffer):
            taken = [_outer_root(operation.regions[0], v) for v in operation.regions[0].outputs[:k]]
            if root not in taken:
                return binding
    place = g.destination(result)
    return place


def _outer_root(block: Block, value: Value) -> Value | None:
    """The value of an outer block that ``value`` is made from by updates alone."""
    inside = {v for operation in block.operations for v in operation.results}
    while value in inside:
        operation = value.owner
        assert operation is not None
        if isinstance(ENTRIES[operation.kind].lowering, Update):
            value = operation.operands[0]
        elif operation.kind == "cond":  # where both sides make it of one value
            k = operation.results.index(value)
            then, otherwise = (_outer_root(r, r.outputs[k]) for r in operation.regions)
            if then is None or then is not otherwise:
                return None
            value = then
        elif operation.kind in ("for", "while"):
            k = operation.results.index(value) - (operation.kind == "while")
            if not 0 <= k < len(operation.operands):
                return None
            value = operation.operands[k]
        else:
            return None
    return value


def _hint_outputs(plan: Plan, sinks: dict[Value, list[int]]) -> None:
    """Hints alone: the outputs are assigned after the block, not stored by nodes of the plan."""
    plan.sinks = sinks
    plan.hints = {}
    plan._hint()
    plan.sinks = {}


def _carry_sink(g: Generator, place: Buffer, old: Value | None) -> Sink:
    """A place that may be written once the old value in it is not read any more."""
    used: list[bool] = []
    scope = g.scope

    def _is_read(old: Value) -> bool:
        """Whether the old value, or one that updates made of it in its place, is read again."""
        assert scope.plan is not None
        here = [v for v, b in scope.buffers.items() if b.slot is place.slot]
        return any(scope.plan.last_read.get(v, -1) >= scope.now for v in (old, *here))

    def sink() -> Buffer | None:
        plan = scope.plan
        if used or plan is None:
            return None
        if old is not None and _is_read(old):
            return None
        if old is None and place.slot.holders > 1:  # more than the cond's own hold
            return None
        used.append(True)
        return place

    return sink


# -- loops --------------------------------------------------------------------------------------------
# A carry that these make of its old value and of values of the step alone is a sum, a product, … of all steps.
_ACCUMULATING = frozenset("add multiply maximum minimum logical_and logical_or".split())


_STEPS_BACK = 3  # how far back a step may read what an earlier one has written, to be seen here


def _reads_what_was_written(body: Block, array: Value, k: Value) -> bool:
    """Whether a step reads an element of an array it carries where one of the last few steps wrote."""

    def place(extent: Extent, back: int) -> Extent:
        def replace(atom: Any) -> Extent:
            if atom is k:
                return Dim.symbol(k) - back
            owner = atom.owner if isinstance(atom, Value) else None
            if owner is not None and owner.kind == "extent_value":
                return place(owner.attributes["value"], back)
            return Dim.symbol(atom)

        return substitute(extent, replace)

    read, written = [], []
    for operation in walk(body):
        if operation.kind == "slice" and operation.operands[0] is array:
            read.append(operation.attributes["starts"])
        elif operation.kind in ("slice_update", "slice_add"):
            if same_shape(operation.result.shape, array.shape):
                written.append(operation.attributes["starts"])
    return any(
        same_shape(tuple([place(e, 0) for e in r]), tuple([place(e, back) for e in w]))
        for r in read
        for w in written
        for back in range(1, _STEPS_BACK + 1)
    )


@dataclass
class _Stack:
    """A stacked output: one buffer (for), or one that grows (while)."""

    value: Value
    slot: Slot | None
    buffer: Buffer | None
    row: tuple[Extent, ...]


@dataclass
class _Phi:
    """A register that a loop carries: ``final`` of a step is the value in the next."""

    at: int  # the line it is written to
    type: str
    name: str
    start: str
    final: str

    def line(self, name: str, first: str, origin: str, second: str, back: str) -> str:
        """The phi of two values and the blocks they come from."""
        return f"  {name} = phi {self.type} [ {first}, %{origin} ], [ {second}, %{back} ]"


@dataclass
class _Loop:
    g: Generator
    operation: Operation
    write_block: WriteBlock
    phis: dict[int, tuple[int, str]] = field(default_factory=dict)
    cost: float = 0.0  # of a step, in instructions

    def __post_init__(self) -> None:
        self.is_for = self.operation.kind == "for"
        self.body = self.operation.regions[-1]
        self.count = len(self.operation.operands)
        k = self.body.parameters[0]
        if k.low is None:
            k.low = 0
        if k.high is None and self.is_for:
            k.high = self.operation.attributes["count"] - 1
        self.plan = self._plan()
        self.alternating = self._find_alternating()
        self.exchanged = self._find_exchanged()
        first = 0 if self.is_for else 1
        self.carried = self.operation.results[first : first + self.count]
        self.stacked = self.operation.results[first + self.count :]
        self.n = self.g.w.number()

    # -- before the loop
    def _plan(self) -> Plan:
        """The plan of the body; the sinks of its stacked rows are numbered in order."""
        outputs = self.body.outputs
        carried, stacked = outputs[: self.count], outputs[self.count :]
        sinks: dict[Value, list[int]] = {}
        for number, value in enumerate(v for v in stacked if v.shape):
            sinks.setdefault(value, []).append(number)
        kept = (*carried, *[v for v in stacked if not v.shape])
        return Plan(self.body, sinks, kept, self.g.leaves)

    def _find_alternating(self) -> set[int]:
        """Array carries computed from their own old elements at other indices (a stencil).

        They alternate between two buffers, so that nothing is copied.  Not the small ones, which
        LLVM keeps in registers when they stay in one place.
        """
        found = set()
        outputs = self.body.outputs[: self.count]
        for k, (old, new) in enumerate(zip(self.body.parameters[1:], outputs, strict=True)):
            if new in self.plan.virtual and self.plan.leaves(new).get(old) is False:
                small = new.type.is_static and product(new.shape) <= SMALL
                if new not in outputs[:k] and not small:
                    found.add(k)
        return found

    def _find_exchanged(self) -> dict[int, int]:
        """Array carries that take each other's places, as in ``u, v = v, u``: where each comes from.

        Pointers are exchanged, so that nothing is copied, however little a step does to the arrays.
        """
        old, new = self.body.parameters[1:], self.body.outputs[: self.count]
        sources: dict[int, int] = {}
        for k, value in enumerate(new):
            root = _outer_root(self.body, value) if value.shape else None
            if root in old and k not in self.alternating:
                sources[k] = old.index(root)
        found: dict[int, int] = {}
        for k in sources:
            cycle, at = [k], sources[k]
            while at in sources and at not in cycle:
                cycle.append(at)
                at = sources[at]
            alike = all(
                old[j].dtype == old[k].dtype and same_shape(old[j].shape, old[k].shape)
                for j in cycle
            )
            small = old[k].type.is_static and product(old[k].shape) <= SMALL
            if at == k and len(cycle) > 1 and alike and not small:
                found[k] = sources[k]
        return found

    def _exchanged_places(self) -> dict[int, Buffer]:
        """A place for each of the carries that are exchanged, with the initial value in it."""
        g = self.g
        places: dict[int, Buffer] = {}
        for k in self.exchanged:
            if k in places:
                continue
            cycle = [k]
            while (following := self.exchanged[cycle[-1]]) != k:
                cycle.append(following)
            value = self.operation.operands[k]
            memory = g.memory.allocate(value.dtype, (len(cycle), *value.shape))
            memory.slot.holders += 1
            places |= {
                j: memory.at(place * product(value.shape), value.shape)
                for place, j in enumerate(cycle)
            }
        assign(g, [(place, self.operation.operands[k]) for k, place in places.items()])
        return places

    def _exchange(
        self, places: list[Buffer | None], firsts: dict[int, str], carries: list[_Phi]
    ) -> None:
        """Bind exchanged carries to pointers that change their places.

        To planning each is memory of its own, as no two of them are ever one; to LLVM they are one memory, as
        each pointer has been in every one.
        """
        for k, source in self.exchanged.items():
            place, name = places[k], f"%p{self.n}.{k}"
            assert place is not None
            carries.append(self._carry("ptr", name, firsts[k], f"%p{self.n}.{source}"))
            slot = Slot("fixed", name, place.slot.tag, holders=1)
            places[k] = Buffer(slot, name, place.dtype, place.shape, product(place.shape))

    def _places(self) -> list[Buffer | None]:
        """The buffers of the array carries, with the initial values in them."""
        g = self.g
        places: list[Buffer | None] = []
        pending: list[tuple[Buffer, Value]] = []
        free: set[Value] = set()
        for region in self.operation.regions:
            for value in free_values(region):
                free.update(g.leaves(value))
        taken: set[Slot] = set()
        exchanged = self._exchanged_places()
        for k, (operand, result) in enumerate(
            zip(self.operation.operands, self.carried, strict=True)
        ):
            if not operand.shape:
                places.append(None)
                continue
            if k in exchanged:
                places.append(exchanged[k])
                continue
            if k in self.alternating:
                pair = g.memory.allocate(operand.dtype, (2, *operand.shape))
                pair.slot.holders += 1
                pending.append((pair.at(0, operand.shape), operand))
                places.append(pair.at(0, operand.shape))
                continue
            binding = g.lookup(operand)
            place = None
            if isinstance(binding, Buffer) and operand not in free and g.may_overwrite(operand):
                if binding.slot not in taken:
                    place = binding
            if place is None:
                place = g.sink_of(result)
                if place is None or place.slot in taken:
                    place = g.memory.allocate(operand.dtype, operand.shape)
                pending.append((place, operand))
            place.slot.holders += 1
            taken.add(place.slot)
            places.append(place)
        assign(g, pending)
        return places

    def _stacks(self) -> list[_Stack]:
        g = self.g
        stacks = []
        for value in self.stacked:
            row = value.shape[1:]
            if self.is_for:
                buffer = g.destination(value)
                buffer.slot.holders += 1
                stacks.append(_Stack(value, None, buffer, row))
            else:
                stacks.append(_Stack(value, g.memory.growing(), None, row))
        return stacks

    # -- looking for signals
    def _most(self) -> Extent | None:
        """A bound of the steps, or None."""
        if not self.is_for:
            return None
        count = self.operation.attributes["count"]
        return bounds(count)[1] if isinstance(count, Dim) else count

    def _stretch(self, carries: Sequence[_Phi], trips: str, step: Step) -> list[str]:
        """The lines where a stretch of a counted loop begins: from ``%k.s`` up to ``%to``."""
        w, n = self.g.w, self.n
        lines = w.frames[-1].lines
        mark = len(lines)
        w.line(f"br label %stretch{n}")
        w.label(f"stretch{n}")
        for phi in carries:
            lines.append(phi.line(f"{phi.name}.s", phi.start, f"pre{n}", phi.name, f"rest{n}"))
        w.stretch(n, f"%k{n}.s", trips, step)
        written = lines[mark:]
        del lines[mark:]
        return written

    def _poll_in_turn(self, step: Step, carries: list[_Phi], at: int) -> None:
        """Count the work of a loop of unknown length, in stretches that are counted down.

        To count down to zero takes one instruction beside the branch, to look at the bits of a
        counter two.
        """
        w, n = self.g.w, self.n
        carries.append(_Phi(at, "i64", f"%todo{n}", str(step.stretch), f"%left{n}"))
        w.line(f"br label %count{n}")
        w.label(f"count{n}")
        w.line(f"%fewer{n} = sub i64 %todo{n}, 1")
        w.line(f"%due{n} = icmp eq i64 %fewer{n}, 0")
        w.branch(f"%due{n}", f"turn{n}", f"on{n}")
        w.label(f"turn{n}")
        w.spend(str(step.stretch * step.units), f"turned{n}")
        w.line(f"br label %on{n}")
        w.label(f"on{n}")
        pairs = f"[ {step.stretch}, %turned{n} ], [ %fewer{n}, %count{n} ]"
        w.line(f"%left{n} = phi i64 {pairs}")

    def _space(self) -> int:
        """The number of a line that is written later."""
        lines = self.g.w.frames[-1].lines
        lines.append("")
        return len(lines) - 1

    def _carry(self, type: str, name: str, start: str, final: str) -> _Phi:
        """A carried register; till its line is complete, that tells the type to what reads it."""
        at = self._space()
        self.g.w.frames[-1].lines[at] = f"  {name} = phi {type} "
        return _Phi(at, type, name, start, final)

    # -- the loop
    def write(self) -> None:
        """Write the loop and bind the results."""
        g = self.g
        prepared = []
        for region in self.operation.regions:
            prepared += prepare_outer(g, region)
        places = self._places()
        stacks = self._stacks()
        names: list[str | None] = [None] * len(places)
        if not (self.is_for and not places and self._write_in_pieces(stacks)):
            trips = g.w.extent(self.operation.attributes["count"]) if self.is_for else ""
            names = self._write_steps(places, stacks, "0", trips)
        self._bind_results(places, stacks, names, f"%k{self.n}")
        for value in prepared:
            g.release(value)

    def _write_in_pieces(self, stacks: list[_Stack]) -> bool:
        """Write a loop whose steps carry nothing as a call of pieces, on several threads."""

        def piece() -> float:
            self._write_steps([], stacks, "%low", "%high")
            return self.cost

        count = self.operation.attributes["count"]
        if self.g.threads < 2 or not threads.can_cut_loop(self.g, self.body, count):
            return False
        if threads.emit_loop(self.g, count, piece):
            return True
        self.plan = self._plan()
        return False

    def _write_steps(
        self, places: list[Buffer | None], stacks: list[_Stack], begin: str, trips: str
    ) -> list[str | None]:
        """The steps from ``begin`` up to ``trips``; the registers of the scalar carries."""
        g, n = self.g, self.n
        initial = [g.lookup(v) if not v.shape else None for v in self.operation.operands]
        starts = {k: self._halves(places[k]) for k in self.alternating}
        firsts = {k: g.memory.address(p) for k in self.exchanged if (p := places[k]) is not None}
        g.w.line(f"br label %pre{n}")
        g.w.label(f"pre{n}")
        lines = g.w.frames[-1].lines
        head = len(lines)  # where a stretch begins
        g.w.line(f"br label %head{n}")
        g.w.label(f"head{n}")
        carries: list[_Phi] = []
        with g.w.scope(), g.w.step(self._most()) as step:
            counter = f"%k{n}"
            carries.append(self._carry("i64", counter, begin, f"%kn{n}"))
            todo = None if self.is_for else self._space()
            names: list[str | None] = []
            for k, place in enumerate(places):
                names.append(None)
                if place is None:
                    names[k] = f"%c{n}.{k}"
                    start = initial[k]
                    assert isinstance(start, Element)
                    type = register_type(start.dtype)
                    carries.append(self._carry(type, f"%c{n}.{k}", start.name, ""))
            self._exchange(places, firsts, carries)
            targets = [places[self.exchanged.get(k, k)] for k in range(self.count)]
            for k in sorted(self.alternating):
                places[k], targets[k] = self._alternate(k, starts[k], carries)
            begun = len(lines)
            if self.is_for:
                test = self._space()
                self._space()
            else:
                self._write_test(places, names)
                g.w.branch(f"%more{n}", f"body{n}", f"end{n}")
            g.w.label(f"body{n}")
            outer, g.s.in_sequence = g.s.in_sequence, self._is_sequence()
            with g.w.repeated(self.operation.attributes["count"] if self.is_for else None):
                finals = self._write_body(places, targets, stacks, names, counter)
            g.s.in_sequence = outer
            step.lines = len(lines) - begun
            if g.w.charged:
                g.w.spend(str(step.lines), f"spent{n}")
                self.cost = threads.UNKNOWN_WORK
        self.cost += step.cost
        if step.polls and self.is_for and step.is_long:
            g.w.spend(str(step.units), f"spent{n}")
            step.polls = False
        g.w.line(f"%kn{n} = add nuw nsw i64 {counter}, 1")
        if step.polls and todo is not None:
            self._poll_in_turn(step, carries, todo)
        g.w.line(f"br label %next{n}")
        g.w.label(f"next{n}")
        g.w.line(f"br label %head{n}{g.w.loop_metadata()}")
        scalars = [k for k, place in enumerate(places) if place is None]
        for phi, k in zip(carries[1:], scalars, strict=False):
            phi.final = finals[k]
        in_stretches = step.polls and self.is_for
        if in_stretches:
            g.w.label(f"rest{n}")
            g.w.line(f"%again{n} = icmp slt i64 {counter}, {trips}")
            g.w.line(f"br i1 %again{n}, label %stretch{n}, label %end{n}")
        g.w.label(f"end{n}")
        for phi in carries:
            first, origin = (f"{phi.name}.s", "ready") if in_stretches else (phi.start, "pre")
            lines[phi.at] = phi.line(phi.name, first, f"{origin}{n}", phi.final, f"next{n}")
        if self.is_for:
            stop, then = (f"%to{n}", "rest") if in_stretches else (trips, "end")
            lines[test] = f"  %more{n} = icmp slt i64 {counter}, {stop}"
            lines[test + 1] = f"  br i1 %more{n}, label %body{n}, label %{then}{n}"
        if in_stretches:
            lines[head:head] = self._stretch(carries, trips, step)
        elif todo is not None and not step.polls:
            del lines[todo]
        return names

    def _is_sequence(self) -> bool:
        """Whether a step of the loop surely waits for the one before, so that it cannot be vectorised."""
        if not self.is_for:
            return True
        body = self.body
        counts = Counter(v for operation in walk(body) for v in uses(operation))
        for old, new in zip(body.parameters[1:], body.outputs[: self.count], strict=True):
            if new is old:
                continue
            if old.shape:
                if _reads_what_was_written(body, old, body.parameters[0]):
                    return True
            elif new.owner is None or not (
                new.owner.kind in _ACCUMULATING and old in new.owner.operands and counts[old] == 1
            ):
                return True
        # The maximum of all steps, which LLVM finds in any order by its own operation alone.
        new_values = [v.owner for v in body.outputs[: self.count] if not v.shape]
        self.g.running.update(o for o in new_values if o is not None and o.kind in _ACCUMULATING)
        return False

    def _halves(self, place: Buffer | None) -> tuple[Buffer, str, str]:
        """A carry's first buffer, and pointers to it and to the second one."""
        assert place is not None
        first = self.g.memory.address(place)
        size = product(place.shape)
        return place, first, self.g.memory.address(place, size, size)

    def _alternate(
        self, k: int, start: tuple[Buffer, str, str], carries: list[_Phi]
    ) -> tuple[Buffer, Buffer]:
        """The buffer that holds a carry in this iteration, and the one for the next."""
        place, first, second = start
        old, new = f"%p{self.n}.{k}", f"%q{self.n}.{k}"
        carries.append(self._carry("ptr", old, first, new))
        carries.append(self._carry("ptr", new, second, old))
        return (
            Buffer(place.slot, old, place.dtype, place.shape, product(place.shape)),
            Buffer(place.slot, new, place.dtype, place.shape, product(place.shape)),
        )

    def _parameters(
        self, block: Block, places: list[Buffer | None], names: list[str | None]
    ) -> None:
        g = self.g
        for parameter, place, name in zip(
            block.parameters[-self.count :] if self.count else [], places, names, strict=True
        ):
            if place is not None:
                g.bind(parameter, place)
            else:
                assert name is not None
                g.bind(parameter, Element(name, parameter.dtype))

    def _write_test(self, places: list[Buffer | None], names: list[str | None]) -> None:
        g = self.g
        test = self.operation.regions[0]
        with g.nested("loop", test):
            self._parameters(test, places, names)
            # The carries are read by the body after this.
            self.write_block(g, Plan(test, {}, (*test.outputs, *test.parameters), g.leaves))
            with g.w.scope():
                name = element(g, test.outputs[0], ()).name
            g.w.line(f"%more{self.n} = or i1 {name}, false")

    def _write_body(
        self,
        places: list[Buffer | None],
        targets: list[Buffer | None],
        stacks: list[_Stack],
        names: list[str | None],
        counter: str,
    ) -> dict[int, str]:
        """The body; the names of the scalar carries it yields."""
        g, body = self.g, self.body
        with g.nested("loop", body):
            k = body.parameters[0]
            g.bind(k, Element(counter, _INT64))
            self._parameters(body, places, names)
            rows = [self._row(stack, k) for stack in stacks]
            carried, stacked = body.outputs[: self.count], body.outputs[self.count :]
            for value, row in zip(stacked, rows, strict=True):
                if value.shape:
                    g.scope.sinks.append(_row_sink(row))
            plan = self.plan
            sinks = plan.sinks
            hints: dict[Value, list[int]] = {}
            for j, (value, place) in enumerate(zip(carried, targets, strict=True)):
                if place is None or j in self.alternating or value in sinks or value in hints:
                    continue
                hints[value] = [len(g.scope.sinks)]
                old = body.parameters[1 + self.exchanged.get(j, j)]
                g.scope.sinks.append(_carry_sink(g, place, old))
            kept = dict(plan.hints)
            _hint_outputs(plan, hints)
            plan.hints.update(kept)
            plan.sinks = sinks
            self.write_block(g, plan)
            assign(g, unsettled(plan, list(zip(rows, stacked, strict=True))))
            for value, row in zip(stacked, rows, strict=True):
                if not value.shape:
                    with g.w.scope():
                        x = element(g, value, ())
                    g.memory.store(x.name, row, 0)
            finals = _scalar_outputs(g, carried)
            alternating = [(carried[j], targets[j]) for j in sorted(self.alternating)]
            with g.w.parallel():
                emit_stores(g, [(v, p) for v, p in alternating if p is not None])
            rest = [j for j in range(self.count) if j not in self.alternating]
            assign(g, [(p, carried[j]) for j in rest if (p := targets[j]) is not None])
        return finals

    def _row(self, stack: _Stack, k: Value) -> Buffer:
        """The place of this iteration's slice."""
        size = product(stack.row)
        index = Dim.symbol(k)
        if stack.buffer is not None:
            return stack.buffer.at(index * size, stack.row)
        g = self.g
        assert stack.slot is not None
        needed = (index + 1) * size * stack.value.dtype.itemsize
        pointer = g.memory.reserve(stack.slot, needed, keep=True)
        whole = Buffer(stack.slot, pointer, stack.value.dtype, stack.row, (index + 1) * size)
        return whole.at(index * size, stack.row)

    # -- after the loop
    def _bind_results(
        self,
        places: list[Buffer | None],
        stacks: list[_Stack],
        names: list[str | None],
        counter: str,
    ) -> None:
        g = self.g
        if not self.is_for:
            g.bind(self.operation.results[0], Element(counter, _INT64))
        for result, place, name in zip(self.carried, places, names, strict=True):
            if place is not None:
                g.bind(result, place)
                place.slot.holders -= 1
            else:
                assert name is not None
                g.bind(result, Element(name, result.dtype))
        for stack in stacks:
            if stack.buffer is not None:
                g.bind(stack.value, stack.buffer)
                stack.buffer.slot.holders -= 1
            else:
                assert stack.slot is not None
                pointer = g.memory.reserve(stack.slot, 1, keep=True)
                dtype, shape = stack.value.dtype, stack.value.shape
                g.bind(stack.value, Buffer(stack.slot, pointer, dtype, shape, product(shape)))
                stack.slot.holders -= 1


__all__ = ["Any", "assign", "unsettled", "write"]
