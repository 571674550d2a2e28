"""What the parts of code generation share: bindings of values, scopes, failure, materialising.

A value is bound to an :class:`Element` (shape ()) or a :class:`Buffer`; an array without a binding
is virtual.  A :class:`Scope` is one block being written: its plan, how far it is, its bindings.
A buffer's slot counts the values that live in it; after each node the values that are not read
again give their slots up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from autodiff import debug
from autodiff.dims import Extent, product, same
from autodiff.engines.native.planning import Plan, Root
from autodiff.engines.native.scalars import Element, Scalars
from autodiff.engines.native.storage import BOUNDS, Buffer, Memory
from autodiff.engines.native.writer import Writer, literal, memory_type
from autodiff.errors import InternalError
from autodiff.ir.data import Block, Operation, Source, Value
from autodiff.ops.entries import ENTRIES, Pointwise
from autodiff.plain_data import dataclass

if TYPE_CHECKING:
    from autodiff.engines.native.timing import Timer

Binding: TypeAlias = Element | Buffer
Sink: TypeAlias = Callable[[], "Buffer | None"]

CONSTANT_TEXT_BYTES = 4096  # larger constants are not written into the module


@dataclass(frozen=True)
class Check:
    """What the number of a failed check means."""

    message: str
    source: Source | None
    is_bound: bool = False  # of an access of memory: failing is a mistake of this library


@dataclass(frozen=True)
class HostCall:
    """A call of Python from the kernel: operand and result types are (dtype, number of axes)."""

    function: Callable[..., Any]
    name: str
    operands: tuple[tuple[np.dtype[Any], int], ...]
    results: tuple[tuple[np.dtype[Any], int], ...]
    is_users: bool  # a function of the user's, not NumPy's meaning of an operation
    source: Source | None = None


@dataclass(frozen=True)
class Factors:
    """LU factors of a matrix by columns, and the slot of the result code."""

    matrix: Buffer
    pivots: Buffer
    info: str


class Scope:
    """One block being written."""

    def __init__(self, parent: Scope | None, kind: str, block: Block) -> None:
        self.parent = parent
        self.kind = kind  # entry, branch, loop
        self.block = block
        self.plan: Plan | None = None
        self.bindings: dict[Value, Binding] = {}
        self.buffers: dict[Value, Buffer] = {}  # those among the bindings
        self.now = 0
        self.sinks: list[Sink] = []
        self.protected: set[Value] = set()  # virtual in the plan, kept in memory to the end
        self.factors: dict[Value, Factors] = {}  # of matrices, for what comes later in the block


@dataclass
class Generator:
    """State of the generation of one kernel."""

    w: Writer = field(default_factory=Writer)
    checks: list[Check] = field(default_factory=list)
    host_calls: list[HostCall] = field(default_factory=list)
    constants: list[np.ndarray] = field(default_factory=list)
    in_nest: bool = False
    running: set[Operation] = field(default_factory=set)  # maxima and minima of all steps of a loop
    threads: int = 1  # that a large nest may use
    cut: bool = False  # what is written now is a piece of a nest
    arguments: dict[str, str] = field(default_factory=dict)  # types of the kernel's arguments
    extents_of_inputs: set[Value] = field(default_factory=set)  # extents that arrays have
    integer_inputs: set[Value] = field(default_factory=set)
    ranged: dict[Value, int] = field(default_factory=dict)  # what those in extents are bounded by
    counters: set[Value] = field(default_factory=set)  # of loops
    is_guarded: bool = False  # whether checks tell calls that another program is for

    def __post_init__(self) -> None:
        self.s = Scalars(self.w)
        self.memory = Memory(self.w)
        self.scope: Scope = Scope(None, "entry", Block())
        self.source: Source | None = None  # of what is being written
        self.timer: Timer | None = None
        if debug.bounding():
            self.memory.note = self._note_access
            self.w.globals.append(BOUNDS)
        self.w.symbol = self._symbol
        self._constant_buffers: dict[Any, Buffer] = {}

    def _note_access(self, message: str) -> int:
        """The number of a new check for an access of memory."""
        self.checks.append(Check(f"native code leaves its array: {message}", self.source, True))
        return len(self.checks)

    # -- bindings -----------------------------------------------------------------------------
    def lookup(self, value: Value) -> Binding | None:
        """The binding of a value, or None: it is virtual."""
        scope: Scope | None = self.scope
        while scope is not None:
            found = scope.bindings.get(value)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def bind(self, value: Value, binding: Binding) -> None:
        """Give a value its register or its buffer."""
        self.scope.bindings[value] = binding
        if isinstance(binding, Buffer):
            binding.slot.holders += 1
            self.scope.buffers[value] = binding
        else:
            self.scope.buffers.pop(value, None)
            self.w.settle(binding.name)

    def release(self, value: Value) -> None:
        """A value is not read again: its slot has one holder less."""
        binding = self.scope.bindings.get(value)
        if isinstance(binding, Buffer):
            binding.slot.holders -= 1
            del self.scope.bindings[value], self.scope.buffers[value]

    def release_dead(self) -> None:
        """After a node: release the values of this block that no later node reads."""
        scope = self.scope
        assert scope.plan is not None
        self.memory.recent.clear()
        last = scope.plan.last_read
        for value in list(scope.buffers):
            if last.get(value, -1) <= scope.now and value not in scope.protected:
                self.release(value)

    @contextmanager
    def nested(self, kind: str, block: Block) -> Iterator[Scope]:
        """Write a block inside this one."""
        outer = self.scope
        self.scope = Scope(outer, kind, block)
        try:
            with self.w.scope():
                yield self.scope
        finally:
            for value in list(self.scope.bindings):
                self.release(value)
            self.scope = outer

    def may_overwrite(self, value: Value) -> bool:
        """Whether the buffer of a value can be written from here on: nobody reads it again."""
        scope: Scope | None = self.scope
        while scope is not None:
            plan = scope.plan
            if plan is not None and plan.last_read.get(value, -1) > scope.now:
                return False
            if value in scope.protected:  # its readers are known to the plan as readers of another
                return False
            binding = scope.bindings.get(value)
            if binding is not None:
                return (
                    isinstance(binding, Buffer)
                    and binding.slot.writable
                    and same(binding.offset, 0)
                )
            if scope.kind != "branch":
                return False
            scope = scope.parent
        return False

    def _symbol(self, symbol: Any) -> str:
        binding = self.lookup(symbol)
        if not isinstance(binding, Element):
            raise InternalError(f"the extent symbol {symbol!r} is not a scalar in reach")
        return self.s.cast(binding, np.dtype(np.int64)).name

    # -- buffers ------------------------------------------------------------------------------
    def sink_of(self, value: Value) -> Buffer | None:
        """The place an output of the block should be computed in, if it is free."""
        plan = self.scope.plan
        number = None if plan is None else plan.hints.get(value)
        return None if number is None else self.scope.sinks[number]()

    def destination(self, value: Value) -> Buffer:
        """A buffer for a new value: its output place, or fresh memory."""
        return self.sink_of(value) or self.memory.allocate(value.dtype, value.shape)

    def constant_buffer(self, value: Value, array: np.ndarray) -> Buffer:
        """The memory of a constant array."""
        found = self._constant_buffers.get(value)
        if found is None:
            array = np.ascontiguousarray(array)
            n = len(self._constant_buffers)
            if array.nbytes <= CONSTANT_TEXT_BYTES:
                name = f"@data.{n}"
                type = memory_type(array.dtype)
                items = ", ".join(
                    f"{type} {_memory_literal(x, array.dtype)}" for x in array.reshape(-1)
                )
                self.w.globals.append(
                    f"{name} = internal constant [{array.size} x {type}] [{items}], align 64"
                )
            else:
                name = f"@constant.{len(self.constants)}"
                self.constants.append(array)
                self.w.globals.append(f"{name} = external constant i8, align 16")
            found = self.memory.fixed(name, array.dtype, array.shape, writable=False)
            self._constant_buffers[value] = found
        return found

    def buffer(self, value: Value) -> Buffer:
        """The buffer of a value; a virtual one is computed into memory here."""
        binding = self.lookup(value)
        if isinstance(binding, Buffer):
            return binding
        if binding is None and value.owner is not None and value.owner.kind == "constant":
            return self.constant_buffer(value, value.owner.attributes["value"])
        if isinstance(binding, Element):
            place = self.memory.allocate(value.dtype, ())
            self.memory.store(binding.name, place, 0)
            return place
        return self.materialise(value)

    def materialise(self, value: Value, place: Buffer | None = None) -> Buffer:
        """Compute a virtual value into memory and bind it in this scope."""
        place = place or self.memory.allocate(value.dtype, value.shape)
        self.store(value, place)
        self.bind(value, place)
        return place

    def store(self, value: Value, place: Buffer) -> None:
        """Write a value, virtual or not, to a place (a nest of its own)."""
        from autodiff.engines.native.nests import emit_stores

        emit_stores(self, [(value, place)])

    def leaves(self, value: Value) -> dict[Value, bool]:
        """As ``Plan.leaves``, by the bindings that exist now and across blocks."""
        return self._leaves(value, {})

    def leaf_slots(self, value: Value) -> dict[Any, bool]:
        """Slots that computing a value reads; True where only at the element's own index."""
        found: dict[Any, bool] = {}
        for leaf, aligned in self.leaves(value).items():
            binding = self.lookup(leaf)
            if isinstance(binding, Buffer):
                found[binding.slot] = found.get(binding.slot, True) and aligned
        return found

    def _leaves(self, value: Value, memo: dict[Value, dict[Value, bool]]) -> dict[Value, bool]:
        if self.lookup(value) is not None or value.owner is None:
            return {value: True}
        if value in memo:
            return memo[value]
        operation = value.owner
        aligned = isinstance(ENTRIES[operation.kind].lowering, Pointwise)
        found: dict[Value, bool] = {}
        for x in operation.operands:
            for leaf, at_index in self._leaves(x, memo).items():
                keep = at_index and (aligned or leaf.shape == ())
                found[leaf] = found.get(leaf, True) and keep
        memo[value] = found
        return found

    # -- failure ------------------------------------------------------------------------------
    def fail_unless(self, condition: str, message: str, source: Source | None) -> None:
        """Leave the kernel with the number of a new check where ``condition`` is false."""
        if condition == "true":
            return
        self.checks.append(Check(message, source))
        n = self.w.number()
        self.w.branch(condition, f"good{n}", f"bad{n}")
        self.w.label(f"bad{n}")
        self.w.line(f"store i32 {len(self.checks)}, ptr %status")
        self.w.line("br label %exit")
        self.w.label(f"good{n}")

    def count(self, shape: tuple[Extent, ...]) -> Extent:
        """Number of elements."""
        return product(shape)


def _memory_literal(x: Any, dtype: np.dtype[Any]) -> str:
    return str(int(x)) if dtype.kind == "b" else literal(x, dtype)


__all__ = ["Binding", "Check", "Generator", "HostCall", "Root", "Scope"]
