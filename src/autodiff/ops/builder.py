"""Building programs: the block under construction, and ``emit``.

    with building() as builder:
        x = builder.parameter(ArrayType(float64, (3,)), "x")
        y = emit("sin", (x,))
    builder.block.outputs = [y]

The builder in force is per thread (a context variable).  ``emit`` asks the operation's entry for
the result types and appends the operation with the source position in force.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import numpy as np

from autodiff.dims import Extent
from autodiff.errors import InternalError
from autodiff.floating import Quiet
from autodiff.ir.data import ArrayType, Block, Operation, Source, Value
from autodiff.ops.entries import result_types
from autodiff.plain_data import dataclass, replace


@dataclass(frozen=True)
class NotHolomorphic:
    """Something of complex numbers that is no holomorphic function of them, and what it gave."""

    name: str
    source: Source | None
    values: tuple[Value, ...]


P = ParamSpec("P")
R = TypeVar("R")
Raised = BaseException | type[BaseException]  # the type alone where its text is not known
Claim = Value | Callable[[], Value]  # what holds where nothing is raised, or what emits it


class Builder:
    """Appends operations to the innermost open block."""

    def __init__(self) -> None:
        self.block = Block()
        self.stack: list[Block] = []
        self.source: Source | None = None
        self.quiet: Quiet | None = None  # what the user's function has NumPy not warn of
        # Kinds of floating-point errors that it has NumPy raise, and what appends the checks for them.
        self.strict = 0
        self.heed: Callable[[Builder, Operation], None] | None = None
        self.asking = 0  # questions about values that are being answered, which may add nothing
        self.emitted = 0  # operations, those of regions that were undone too
        self.stored = False  # whether the program stores into arrays, so that views show
        # What was decided by the order in which the elements of arguments lie in memory.
        self.ordered_values = False  # values
        # That something is a copy: of which storage cell, and its own; of which cells something is a view.
        self.ordered_copies: list[tuple[Any, Any]] = []
        self.ordered_views: list[Any] = []
        # While a region is captured: the storage cells written, with what they held before.
        self.journal: list[tuple[Any, Value]] | None = None
        # Values that depend on constants only, and those of which that is not so (``known``).  They lead to the trace of a
        # capture, so that a table of all builders would keep it.
        self.known: dict[Value, Any] = {}
        # Of tangents and cotangents that are products, or sums of products: the factors of each.
        self.factors: dict[Value, tuple[Any, ...]] = {}
        # How many multiplications there are more for the terms of such sums.
        self.repeated = 0
        # Whether somebody takes up that something may raise, so that no check is needed.
        self.raising: Callable[[Claim, Raised], bool] | None = None
        # Runs Python code of a library on traced values, as the user's own; None outside of capture.
        self.interpret: Callable[..., Any] | None = None
        # Where it is asked whether the function is holomorphic: what is not.
        self.not_holomorphic: list[NotHolomorphic] | None = None

    def parameter(self, type: ArrayType, hint: str | None = None) -> Value:
        """Add a parameter to the open block."""
        value = Value(type, hint)
        self.block.parameters.append(value)
        return value

    def index(self, count: Extent) -> Value:
        """Add the number of the repetition to the open block, of which there are ``count``."""
        k = self.parameter(ArrayType(np.dtype(np.int64), ()), "k")
        k.low, k.high = 0, count - 1
        return k

    def is_open(self, block: Block) -> bool:
        """Whether values defined in ``block`` may be used by the next operation."""
        return block is self.block or any(block is outer for outer in self.stack)

    def is_around(self, block: Block | None, inner: Block | None) -> bool:
        """Whether ``block`` is an open block around another one, or that one."""
        blocks = [*self.stack, self.block]
        at = next((k for k, one in enumerate(blocks) if one is inner), -1)
        return any(one is block for one in blocks[: at + 1])

    @contextmanager
    def region(self) -> Iterator[Block]:
        """Open a nested block; operations go there until the context ends."""
        outer, inner = self.block, Block()
        self.stack.append(outer)
        self.block = inner
        try:
            yield inner
        finally:
            self.block = outer
            self.stack.pop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While a question is answered: operations that are no part of the program."""
        asking, self.asking = self.asking, 0
        try:
            with self.region():
                yield
        finally:
            self.asking = asking

    @contextmanager
    def reopened(self, block: Block) -> Iterator[None]:
        """Append to a nested block that was closed before."""
        outer = self.block
        self.stack.append(outer)
        self.block = block
        try:
            yield
        finally:
            self.block = outer
            self.stack.pop()

    def emit(
        self,
        kind: str,
        operands: tuple[Value, ...],
        attributes: dict[str, Any],
        types: tuple[ArrayType, ...] | None = None,
        regions: tuple[Block, ...] = (),
        source: Source | None = None,
    ) -> tuple[Value, ...]:
        """Append an operation and return its results."""
        if self.asking and kind != "constant":
            raise InternalError(f"a question about values adds {kind} to the program")
        if types is None:
            types = result_types(kind, tuple([v.type for v in operands]), attributes)
        source = source or self.source
        if self.quiet is not None and source is not None:
            source = replace(source, quiet=self.quiet)
        operation = Operation(
            kind,
            operands,
            attributes,
            tuple([Value(t) for t in types]),
            regions,
            source,
        )
        self.block.operations.append(operation)
        self.emitted += 1
        if self.strict and self.heed is not None and operation.results:
            self.heed(self, operation)
        return operation.results


_current: ContextVar[Builder | None] = ContextVar("autodiff_builder", default=None)


def current_builder() -> Builder:
    """The builder in force."""
    builder = _current.get()
    if builder is None:
        raise InternalError("an operation on a traced array outside of any trace")
    return builder


def current_block() -> Block | None:
    """The block being built, if any."""
    builder = _current.get()
    return None if builder is None else builder.block


@contextmanager
def building(builder: Builder | None = None) -> Iterator[Builder]:
    """Make ``builder`` (or a new one) the builder in force."""
    builder = builder or Builder()
    token = _current.set(builder)
    try:
        yield builder
    finally:
        _current.reset(token)


def asks(question: Callable[P, R]) -> Callable[P, R]:
    """A function that only asks about values: that it adds nothing to the program, but constants, is checked."""

    @functools.wraps(question)
    def ask(*args: P.args, **kwargs: P.kwargs) -> R:
        builder = _current.get()
        if builder is None:
            return question(*args, **kwargs)
        builder.asking += 1
        try:
            return question(*args, **kwargs)
        finally:
            builder.asking -= 1

    return ask


def emit(kind: str, operands: tuple[Value, ...] = (), **attributes: Any) -> Value:
    """Append an operation with one result to the builder in force."""
    return current_builder().emit(kind, operands, attributes)[0]


def constant(value: Any, dtype: Any = None, weak: bool = False) -> Value:
    """A constant array or scalar."""
    array = np.array(value, dtype=dtype)
    array.setflags(write=False)
    type = ArrayType(array.dtype, array.shape, weak)
    return current_builder().emit("constant", (), {"value": array}, (type,))[0]
