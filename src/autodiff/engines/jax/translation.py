"""From a program to a function of JAX arrays, operation by operation.

    outputs, status, rows = translated(program, inputs, shared)     under ``jax.jit``

What is known while the function is traced stays a NumPy number, so sizes made of extents are plain
integers and branches on them are taken.  Control flow becomes ``lax.cond``, ``lax.scan`` (a counted
loop), ``lax.fori_loop`` (one whose count the run tells) and ``lax.while_loop``; the iterations of a
loop that carries nothing, as that over the lanes of ``vmap``, are computed side by side.

*Failures.*  XLA cannot stop in the middle: a check that fails writes its number into a status, which
is carried through loops and branches and returned beside the outputs; the first failure stays.  A
``while`` loop ends at once where something has failed, for what it waits for may never come.

*Rounding.*  XLA makes one operation of a product and a sum, and of factors that are numbers one number, in one place and
not in the next, where it computes the same again.  A maximum would then be equal to none of its
elements.  So a product that goes into a sum or a product has -0.0 added to it first, which changes
nothing and takes the product's place in a fused operation; so has a number that is divided by.

*Sizes.*  XLA wants to know each size beforehand.  An array whose size is known at run time only is
held in one of the largest size it may have, the rest being of no meaning; see ``arrays``.

*Tapes.*  A ``while`` loop that stacks (what reverse mode keeps of each iteration) has a table of
``shared.rows`` rows, and so has an array whose size nothing bounds; how many would have been needed
is returned, so that the engine can run it again with more.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from autodiff.dims import Dim, Extent, Func, symbols
from autodiff.engines.jax import host
from autodiff.engines.jax.elements import Elements
from autodiff.errors import AutodiffError, UnsupportedError
from autodiff.ir.data import Block, Operation, Program, Value, walk
from autodiff.ops.control import MEMORY_FAILED, MOST_BYTES, Refusal
from autodiff.ops.entries import ENTRIES, Kernel, Pointwise, View
from autodiff.plain_data import dataclass

OPERATIONS: dict[str, Callable[[Translation, Operation], Any]] = {}
"""How each operation that is not pointwise is translated; filled by the modules that know it."""

INT32 = np.dtype(np.int32)
_OF_INTEGERS: dict[str, Callable[[int, int], int]] = {
    "floordiv": operator.floordiv, "mod": operator.mod, "min": min, "max": max
}  # fmt: skip
_OF_ARRAYS: dict[str, Callable[[Any, Any], Any]] = {
    "floordiv": jnp.floor_divide, "mod": jnp.mod, "min": jnp.minimum, "max": jnp.maximum
}  # fmt: skip
Range: TypeAlias = tuple[int | None, int | None]
"""The least and the largest that an integer may be, as far as it is known."""


def translates(*kinds: str) -> Callable[[Any], Any]:
    """Enter a function as the translation of operations; it gives the result, or a tuple of them."""

    def enter(function: Any) -> Any:
        OPERATIONS.update(dict.fromkeys(kinds, function))
        return function

    return enter


@dataclass(eq=False)
class Shared:
    """What all blocks of one program share."""

    rows: int = 64  # of the tape of a while loop, and of arrays whose size nothing bounds
    has_open_sizes: bool = False  # whether there are sizes that the inputs do not tell
    rounded: frozenset[Value] = frozenset()  # products that are rounded before they are used
    minus_zero: Any = None  # -0.0, as an argument, of which XLA does not know what it is
    ticket: Any = None  # the number of the run, as an argument, for what Python does in it
    platform: str = "cpu"  # what the program runs on
    failures: list[str] = field(default_factory=list)  # number 1 is the first
    numbers: dict[tuple[int, str], int] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)  # several threads may trace at once

    def traced(
        self, rows: int, platform: str, ticket: Any = None, minus_zero: Any = None
    ) -> Shared:
        """The same while the function for tapes of so many rows is traced."""
        return Shared(
            rows,
            self.has_open_sizes,
            self.rounded,
            minus_zero,
            ticket,
            platform,
            self.failures,
            self.numbers,
            self.lock,
        )

    def number_of(self, operation: Operation, message: str) -> int:
        """The number that a failure of this operation has in the status."""
        key = (id(operation), message)
        with self.lock:
            if key not in self.numbers:
                self.failures.append(message)
                self.numbers[key] = len(self.failures)
            return self.numbers[key]


def translated(
    program: Program, inputs: Sequence[Any], shared: Shared
) -> tuple[list[Any], tuple[Any, ...], tuple[Any, ...]]:
    """The outputs; the status, if anything can fail; the rows needed, if there are tapes."""
    whole = Translation(shared)
    whole.bind(program.inputs, inputs)
    shared.has_open_sizes = _has_open_sizes(program)
    outputs = whole.block(program.block)
    status = () if whole.status is None else (jnp.asarray(whole.status, INT32),)
    rows = () if whole.rows is None else (jnp.asarray(whole.rows, np.int64),)
    return [whole.cut(v, x) for v, x in zip(program.outputs, outputs, strict=True)], status, rows


def refused(what: str, operation: Operation, remedy: str = "") -> UnsupportedError:
    """The error for what JAX cannot do, at the user's line."""
    return UnsupportedError(
        f"the JAX engine cannot run this: {what}.",
        code="AD306",
        source=operation.source,
        remedy=remedy or "use engine='native', or keep this line out of what runs on the device",
    )


def products_inside(program: Program) -> frozenset[Value]:
    """Products of which sums or products are made, maybe by way of views."""
    inside: set[Value] = set()
    found: set[Value] = set()
    for operation in reversed(list(walk(program.block))):
        kind = operation.kind
        is_used = not inside.isdisjoint(operation.results)
        if kind in ("multiply", "square", "strong_multiply"):
            if is_used and operation.result.dtype.kind == "f":
                found.add(operation.result)
        if (
            kind in ("add", "subtract", "multiply", "strong_multiply", "divide")
            or is_used
            and isinstance(ENTRIES[kind].lowering, View)
        ):
            inside.update(operation.operands)
    return frozenset(found)


def hides_numbers(program: Program) -> bool:
    """Whether the translation needs a -0.0 of which XLA does not know what it is."""
    return bool(products_inside(program)) or any(
        operation.kind == "divide" for operation in walk(program.block)
    )


def _has_open_sizes(program: Program) -> bool:
    """Whether an array has a size that the inputs do not tell."""
    given = set(program.inputs)
    return any(
        isinstance(n, Dim) and not symbols(n) <= given
        for operation in walk(program.block)
        for value in operation.results
        for n in value.shape
    )


def is_known(x: Any) -> bool:
    """Whether a value is NumPy's, known while tracing."""
    return isinstance(x, (np.ndarray, np.generic))


class Translation:
    """The values of one block and those around it; what has failed; how many rows tapes need."""

    def __init__(self, shared: Shared, around: Translation | None = None) -> None:
        self.shared = shared
        self.around = around
        self.values: dict[Value, Any] = {}
        self.ranges: dict[Value, Range] = {} if around is None else around.ranges
        self.status: Any = None
        self.rows: Any = None
        self.operation: Operation | None = None

    # -- values -----------------------------------------------------------------------------------
    def __getitem__(self, value: Value) -> Any:
        frame: Translation | None = self
        while frame is not None:
            if value in frame.values:
                return frame.values[value]
            frame = frame.around
        raise KeyError(value)

    def bind(self, values: Sequence[Value], arrays: Sequence[Any]) -> None:
        """Give values their arrays; extents of input arrays come out as plain numbers."""
        self.values.update(zip(values, arrays, strict=True))

    def known(self, value: Value) -> Any:
        """The number that a value is, if it is known; else None."""
        x = self[value]
        return x if is_known(x) else None

    def block(self, block: Block) -> list[Any]:
        """Translate a block whose parameters are bound; its outputs."""
        for operation in block.operations:
            self.operation = operation
            try:
                results = self._results(operation)
            except AutodiffError as error:
                if error.source is None:
                    error.source = operation.source
                raise
            self.bind(operation.results, results)
            if self.shared.has_open_sizes:
                for value in operation.results:
                    self._note_sizes(value)
        return [self[v] for v in block.outputs]

    def _results(self, operation: Operation) -> Sequence[Any]:
        lowering = ENTRIES[operation.kind].lowering
        if isinstance(lowering, Pointwise):
            try:
                return [self._pointwise(operation, lowering)]
            except UnsupportedError:  # a function of SciPy's that JAX has not
                if self.shared.platform != "cpu":
                    raise
                return host.infallible(self, operation)
        translate = OPERATIONS.get(operation.kind)
        if translate is None:
            return self._by_numpy(operation)
        try:
            found = translate(self, operation)
        except UnsupportedError:  # of an array whose size is known at run time only
            return self._by_numpy(operation)
        return found if isinstance(found, (tuple, list)) else [found]

    def _by_numpy(self, operation: Operation) -> Sequence[Any]:
        """An operation without a counterpart, where its arrays lie in the memory of the host."""
        if self.shared.platform != "cpu":
            name = operation.kind.replace("_", " ")
            raise refused(f"{name} has no counterpart in JAX", operation)
        if is_computed(operation) or operation.kind in FAILING:
            return host.computed(self, operation)
        return host.infallible(self, operation)

    def _pointwise(self, operation: Operation, lowering: Pointwise) -> Any:
        result = operation.result
        operands = [self[v] for v in operation.operands]
        if not result.shape and all(map(is_known, operands)):
            with np.errstate(all="ignore"):
                found = ENTRIES[operation.kind].meaning(*operands, **operation.attributes)
            return np.asarray(found, result.dtype)[()]
        shape = self.shape_of(result)
        stretched = [
            self.fitted(v, x, result) if v.shape else stretch(x, shape)
            for v, x in zip(operation.operands, operands, strict=True)
        ]
        if operation.kind == "divide" and is_known(operands[1]) and result.dtype.kind == "f":
            # Else XLA multiplies by the reciprocal, which is rounded twice.
            stretched[1] = stretched[1] + jnp.asarray(self.shared.minus_zero, stretched[1].dtype)
        s = Elements(shape)
        made = lowering.scalar(s, *stretched, **operation.attributes)
        if made.dtype != result.dtype:
            made = s.cast(made, result.dtype)
        if result in self.shared.rounded:
            made = made + jnp.asarray(self.shared.minus_zero, made.dtype)
        return made

    # -- sizes ------------------------------------------------------------------------------------
    def extent(self, extent: Extent) -> Any:
        """An extent as an integer, or as a traced number where it is known at run time only."""
        if not isinstance(extent, Dim):
            return int(extent)
        total: Any = 0
        for monomial, factor in extent.terms.items():
            product: Any = factor
            for atom, power in monomial:
                number = self._atom(atom)
                for _ in range(power):
                    product = product * number
            total = total + product
        return total

    def _atom(self, atom: Any) -> Any:
        if not isinstance(atom, Func):
            x = self[atom]
            return int(x) if is_known(x) else x.astype(np.int64)
        left, right = self.extent(atom.left), self.extent(atom.right)
        if isinstance(left, int) and isinstance(right, int):
            return _OF_INTEGERS[atom.name](left, right)
        return _OF_ARRAYS[atom.name](left, right)

    def most(self, extent: Extent) -> int:
        """The largest number that an extent may be; where nothing bounds it, the rows of a tape."""
        _, high = self._range(extent)
        return self.shared.rows if high is None else max(high, 0)

    def _note_sizes(self, value: Value) -> None:
        """Have the sizes of an array that nothing bounds counted, as the rows of a tape are."""
        for n in value.shape:
            if isinstance(n, Dim) and self._range(n)[1] is None:
                self.note_rows(self.extent(n))

    def _range(self, extent: Extent) -> Range:
        if not isinstance(extent, Dim):
            return int(extent), int(extent)
        low: int | None = 0
        high: int | None = 0
        for monomial, factor in extent.terms.items():
            ends: Any = (factor, factor)
            for atom, power in monomial:
                for _ in range(power):
                    ends = _product_of(ends, self._range_of_atom(atom))
            low = None if low is None or ends[0] is None else low + ends[0]
            high = None if high is None or ends[1] is None else high + ends[1]
        return low, high

    def _range_of_atom(self, atom: Any) -> Range:
        if not isinstance(atom, Func):
            return self._range_of_symbol(atom)
        (a, b), (c, d) = self._range(atom.left), self._range(atom.right)
        if atom.name == "min":
            return _least(a, c), min([x for x in (b, d) if x is not None], default=None)
        if atom.name == "max":
            lows = [x for x in (a, c) if x is not None]
            return max(lows, default=None), None if b is None or d is None else max(b, d)
        if c is None or c <= 0:
            return None, None
        if atom.name == "mod":
            return 0, None if d is None else d - 1
        divisors = [x for x in (c, d) if x is not None]
        if d is None:
            return None, None if b is None else max(b // c, 0)
        return (
            None if a is None else min(a // x for x in divisors),
            None if b is None else max(b // x for x in divisors),
        )

    def _range_of_symbol(self, symbol: Value) -> Range:
        found = self.ranges.get(symbol)
        if found is not None:
            return found
        x = self.known(symbol)
        if x is not None:
            return int(x), int(x)
        low = None if symbol.low is None else self._range(symbol.low)[0]
        high = None if symbol.high is None else self._range(symbol.high)[1]
        return low, high

    def shape_of(self, value: Value) -> tuple[int, ...]:
        """The shape in which an array is held: sizes where they are known, else the largest."""
        return tuple([self._held(n) for n in value.shape])

    def _held(self, extent: Extent) -> int:
        if not isinstance(extent, Dim):
            return int(extent)
        found = self.extent(extent)
        return found if isinstance(found, int) else self.most(extent)

    def shape_among(self, value: Value, operation: Operation) -> tuple[int, ...]:
        """The shape in which a result is held, whose size may be another result."""
        own = set(operation.results)
        shape = []
        for n in value.shape:
            if isinstance(n, Dim) and not own.isdisjoint(symbols(n)):
                shape.append(self.most(n))
            else:
                shape.append(self._held(n))
        return tuple(shape)

    def open_axes(self, value: Value) -> dict[int, Any]:
        """The axes whose size is known at run time only, with that size."""
        sizes = {k: self.extent(n) for k, n in enumerate(value.shape) if isinstance(n, Dim)}
        return {k: n for k, n in sizes.items() if not isinstance(n, int)}

    def fitted(self, value: Value, x: Any, like: Value) -> Any:
        """An array in the shape in which another of the same size is held."""
        return fit(x, self.shape_of(like))

    def filled(self, value: Value, x: Any, fill: Any) -> Any:
        """An array with what lies beyond its size replaced."""
        x = jnp.asarray(x)
        for axis, size in self.open_axes(value).items():
            inside = lax.broadcasted_iota(np.int64, x.shape, axis) < size
            x = jnp.where(inside, x, np.asarray(fill).astype(x.dtype))
        return x

    def cut(self, value: Value, x: Any) -> tuple[Any, tuple[Any, ...]]:
        """An output as it is held, and its true size where that is another thing."""
        x = jnp.asarray(x, value.dtype)
        sizes = self.open_axes(value)
        return x, tuple([sizes.get(k, n) for k, n in enumerate(x.shape)]) if sizes else ()

    # -- failures ---------------------------------------------------------------------------------
    def require(self, holds: Any, message: str) -> None:
        """Fail with this message unless ``holds``."""
        assert self.operation is not None
        if is_known(holds) or isinstance(holds, bool):
            if holds:
                return
            number: Any = jnp.asarray(self.shared.number_of(self.operation, message), INT32)
        else:
            code = np.int32(self.shared.number_of(self.operation, message))
            number = jnp.where(jnp.reshape(holds, ()), np.int32(0), code)
        before = self.status
        self.status = number if before is None else jnp.where(before == 0, number, before)

    def region(self) -> Translation:
        """The translation of a block inside of this one, with nothing failed yet."""
        return Translation(self.shared, self)

    def note_rows(self, rows: Any) -> None:
        """So many rows are needed."""
        rows = jnp.asarray(rows, np.int64).reshape(())
        self.rows = rows if self.rows is None else jnp.maximum(self.rows, rows)


def _least(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else min(a, b)


def _product_of(one: Any, other: Any) -> Range:
    """The range of a product of two numbers with ranges."""
    ends = (*one, *other)
    if not any(x is None for x in ends):
        products = [a * b for a in one for b in other]
        return min(products), max(products)
    (a, b), (c, d) = one, other
    if None not in (a, b) and a == b:  # a factor
        if a < 0:
            c, d = d, c
        return None if c is None else a * c, None if d is None else a * d
    if None not in (a, c) and a >= 0 and c >= 0:
        return a * c, None
    return None, None


def stretch(x: Any, shape: tuple[int, ...]) -> Any:
    """A number as an array."""
    return lax.broadcast(jnp.asarray(x), shape) if shape else jnp.asarray(x)


def fit(x: Any, shape: tuple[int, ...]) -> Any:
    """An array cut, or filled up with zeros, to a shape."""
    x = jnp.asarray(x)
    if x.shape == shape:
        return x
    x = x[tuple([slice(0, n) for n in shape])]
    return jnp.pad(x, [(0, n - m) for n, m in zip(shape, x.shape, strict=True)])


# -- checks and effects ---------------------------------------------------------------------------
@translates("check")
def _check(t: Translation, operation: Operation) -> tuple[()]:
    t.require(t[operation.operands[0]], operation.attributes["message"])
    return ()


@translates("sized")
def _sized(t: Translation, operation: Operation) -> tuple[()]:
    number: Any = operation.attributes["itemsize"]
    for n in operation.attributes["shape"]:
        size = t.extent(n)
        if not isinstance(size, int):
            size = t.most(n)
        number = number * max(size, 0)
    t.require(bool(number <= MOST_BYTES), MEMORY_FAILED)
    return ()


@translates("host_call")
def _host_call(t: Translation, operation: Operation) -> Sequence[Any]:
    function = operation.attributes["function"]
    if not isinstance(function, Refusal):
        return host.acted(t, operation)
    error = function.error
    t.require(False, f"{type(error).__name__}: {error}")
    return ()


def can_fail(block: Block) -> bool:
    """Whether a status may come out of a block that had none before."""
    return any(operation.kind in FAILING or is_computed(operation) for operation in walk(block))


def is_computed(operation: Operation) -> bool:
    """Whether an operation has no counterpart in JAX."""
    is_pointwise = isinstance(ENTRIES[operation.kind].lowering, Pointwise)
    return not is_pointwise and operation.kind not in OPERATIONS


def is_by_numpy(operation: Operation) -> bool:
    """Whether an operation is computed by its NumPy meaning, or refused where that is far away."""
    lowering = ENTRIES[operation.kind].lowering
    if not isinstance(lowering, Pointwise):
        return is_computed(operation)
    scalars = [jax.ShapeDtypeStruct((), v.dtype) for v in operation.operands]
    try:
        jax.eval_shape(lambda *x: lowering.scalar(Elements(), *x, **operation.attributes), *scalars)
    except UnsupportedError:
        return True
    return False


def asks_python(program: Program) -> bool:
    """Whether a run may leave something with its number: an exception, or what effects gave."""
    sizes_are_open = _has_open_sizes(program)
    return acts(program.block) or any(
        is_computed(operation)
        or (
            sizes_are_open
            and operation.kind in FAILING
            and isinstance(ENTRIES[operation.kind].lowering, Kernel)
        )
        for operation in walk(program.block)
    )


def acts(block: Block) -> bool:
    """Whether something in a block acts on the world, so that iterations come one after the other."""
    return any(
        operation.kind == "host_call" and not isinstance(operation.attributes["function"], Refusal)
        for operation in walk(block)
    )


FAILING: set[str] = {"check", "sized", "host_call"}


def has_tapes(block: Block) -> bool:
    """Whether a while loop in a block stacks what it does."""
    return any(
        operation.kind == "while" and len(operation.results) > 1 + len(operation.operands)
        for operation in walk(block)
    )


# -- control flow -----------------------------------------------------------------------------------
class _Channel:
    """Status and rows, as they pass through a region: present where the region may change them."""

    def __init__(self, t: Translation, *blocks: Block) -> None:
        self.fails = any(map(can_fail, blocks))
        self.tapes = t.shared.has_open_sizes or any(map(has_tapes, blocks))
        self.start = self.packed(t)

    def packed(self, t: Translation) -> tuple[Any, ...]:
        """What goes in, or comes out."""
        status = jnp.asarray(0 if t.status is None else t.status, INT32)
        rows = jnp.asarray(0 if t.rows is None else t.rows, np.int64)
        return (status,) * self.fails + (rows,) * self.tapes

    def enter(self, t: Translation, packed: Sequence[Any]) -> Translation:
        """The translation of the region."""
        inner = t.region()
        left = list(packed)
        inner.status = left.pop(0) if self.fails else None
        inner.rows = left.pop(0) if self.tapes else None
        return inner

    def leave(self, t: Translation, packed: Sequence[Any]) -> None:
        """Go on with what came out."""
        left = list(packed)
        if self.fails:
            t.status = left.pop(0)
        if self.tapes:
            t.rows = left.pop(0)


def _typed(t: Translation, values: Sequence[Value], arrays: Sequence[Any]) -> list[Any]:
    """Arrays in the form in which values are held."""
    return [
        fit(jnp.asarray(x, v.dtype), t.shape_of(v)) for v, x in zip(values, arrays, strict=True)
    ]


@translates("cond")
def _cond(t: Translation, operation: Operation) -> list[Any]:
    predicate = t[operation.operands[0]]
    if is_known(predicate):
        block = operation.regions[0 if predicate else 1]
        inner = t.region()
        inner.status, inner.rows = t.status, t.rows
        outputs = inner.block(block)
        t.status, t.rows = inner.status, inner.rows
        return outputs
    channel = _Channel(t, *operation.regions)
    # A size among the results, which others of them have, is at most the larger of the two sides.
    _ranges_of_choices(t, operation)

    def side(block: Block) -> Callable[..., Any]:
        def run(packed: Any) -> Any:
            inner = channel.enter(t, packed)
            outputs = inner.block(block)
            held = [t.shape_among(v, operation) for v in operation.results]
            made = [
                fit(jnp.asarray(x, v.dtype), n)
                for v, x, n in zip(operation.results, outputs, held, strict=True)
            ]
            return made, channel.packed(inner)

        return run

    then, orelse = map(side, operation.regions)
    made, packed = lax.cond(jnp.reshape(predicate, ()), then, orelse, channel.start)
    channel.leave(t, packed)
    return list(made)


def _ranges_of_choices(t: Translation, operation: Operation) -> None:
    for k, value in enumerate(operation.results):
        if value.shape or value.dtype.kind not in "iu" or value.high is not None:
            continue
        ends = []
        for region in operation.regions:
            output = region.outputs[k]
            try:
                ends.append(t._range_of_symbol(output))
            except KeyError:
                low = None if output.low is None else _range_or_none(t, output.low)
                high = None if output.high is None else _range_or_none(t, output.high)
                ends.append((low and low[0], high and high[1]))
        lows = [a for a, _ in ends if a is not None]
        highs = [b for _, b in ends if b is not None]
        if len(lows) == len(highs) == len(ends):
            t.ranges[value] = (min(lows), max(highs))


def _range_or_none(t: Translation, extent: Extent) -> Any:
    try:
        return t._range(extent)
    except KeyError:
        return None


@translates("for")
def _for(t: Translation, operation: Operation) -> list[Any]:
    (body,) = operation.regions
    count = t.extent(operation.attributes["count"])
    index, *parameters = body.parameters
    width = len(parameters)
    stacks = operation.results[width:]
    most = t._range(operation.attributes["count"])[1]
    t.ranges[index] = (0, None if most is None else max(most - 1, 0))
    start = _typed(t, operation.results[:width], [t[v] for v in operation.operands])
    if isinstance(count, int) and count <= 0:
        return [*start, *[jnp.zeros(t.shape_of(v), v.dtype) for v in stacks]]
    channel = _Channel(t, body)

    def step(k: Any, packed: Any, carries: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
        inner = channel.enter(t, packed)
        inner.bind(body.parameters, [jnp.asarray(k, np.int64), *carries])
        outputs = inner.block(body)
        moved = _typed(inner, parameters, outputs[:width])
        rows = [
            fit(jnp.asarray(x, v.dtype), t.shape_of(v)[1:])
            for v, x in zip(stacks, outputs[width:], strict=True)
        ]
        return channel.packed(inner), moved, rows

    if isinstance(count, int) and not width and not acts(body):
        return _lanes(t, operation, count, channel, step)
    if isinstance(count, int):

        def scanned(state: Any, k: Any) -> Any:
            packed, moved, rows = step(k, *state)
            return (packed, moved), rows

        line = np.arange(count, dtype=np.int64)
        (packed, carries), tables = lax.scan(scanned, (channel.start, start), line)
        channel.leave(t, packed)
        return [*carries, *tables]
    tables = [jnp.zeros(t.shape_of(v), v.dtype) for v in stacks]

    def turn(k: Any, state: Any) -> Any:
        packed, carries, tables = state
        packed, moved, rows = step(k, packed, carries)
        filled = [
            lax.dynamic_update_index_in_dim(table, row, k, 0)
            for table, row in zip(tables, rows, strict=True)
        ]
        return packed, moved, filled

    state = (channel.start, start, tables)
    packed, carries, tables = lax.fori_loop(np.int64(0), count, turn, state)
    channel.leave(t, packed)
    return [*carries, *tables]


BYTES_AT_ONCE = 2**30
"""What iterations that do not wait for one another may take when they are computed at once."""


def _lanes(
    t: Translation,
    operation: Operation,
    count: int,
    channel: _Channel,
    step: Callable[..., tuple[Any, list[Any], list[Any]]],
) -> list[Any]:
    """A loop that carries nothing, as ``vmap`` makes it: its iterations side by side."""

    def lane(k: Any) -> tuple[Any, list[Any]]:
        packed, _, rows = step(k, channel.start, ())
        return packed, rows

    line = jnp.arange(count, dtype=np.int64)
    at_once = max(BYTES_AT_ONCE // max(_bytes_of(t, operation.regions[0]), 1), 1)
    if at_once >= count:
        packed, tables = jax.vmap(lane)(line)
    else:
        packed, tables = lax.map(lane, line, batch_size=at_once)
    left = list(packed)
    joined: tuple[Any, ...] = ()
    if channel.fails:
        statuses = left.pop(0)
        joined += (statuses[jnp.argmax(statuses != 0)],)
    if channel.tapes:
        joined += (jnp.max(left.pop(0)),)
    channel.leave(t, joined)
    return list(tables)


def _bytes_of(t: Translation, block: Block) -> int:
    """About what an iteration of a loop computes, in bytes; loops inside of it count once."""
    total = 0
    for operation in block.operations:
        for value in operation.results:
            sizes = [n if isinstance(n, int) else 1 for n in value.shape]
            rows = t.shared.rows if operation.kind == "while" and value.shape else 1
            total += math.prod(sizes) * rows * value.dtype.itemsize
        total += sum(_bytes_of(t, region) for region in operation.regions)
    return total


@translates("while")
def _while(t: Translation, operation: Operation) -> list[Any]:
    test, body = operation.regions
    _, *parameters = body.parameters
    width = len(parameters)
    trips, stacks = operation.results[0], operation.results[1 + width :]
    start = _typed(t, operation.results[1 : 1 + width], [t[v] for v in operation.operands])
    capacity = t.shared.rows
    if stacks:
        t.ranges[trips] = (0, capacity)
        t.ranges[body.parameters[0]] = (0, capacity - 1)
    channel = _Channel(t, test, body)

    def asked(packed: Any, carries: Sequence[Any]) -> tuple[Any, Any]:
        inner = channel.enter(t, packed)
        inner.bind(test.parameters, carries)
        (holds,) = inner.block(test)
        holds = jnp.asarray(holds, bool).reshape(())
        if inner.status is not None:
            holds = holds & (jnp.asarray(inner.status) == 0)
        if t.shared.has_open_sizes:  # of what was cut off, it may wait for ever
            holds = holds & (jnp.asarray(inner.rows) <= capacity)
        return holds, channel.packed(inner)

    def turn(state: Any) -> Any:
        _, k, packed, carries, tables = state
        inner = channel.enter(t, packed)
        inner.bind(body.parameters, [k, *carries])
        outputs = inner.block(body)
        moved = _typed(inner, parameters, outputs[:width])
        filled = [
            lax.dynamic_update_index_in_dim(
                table, fit(jnp.asarray(x, table.dtype), table.shape[1:]), k, 0
            )
            for table, x in zip(tables, outputs[width:], strict=True)
        ]
        holds, packed = asked(channel.packed(inner), moved)
        return holds, k + 1, packed, moved, filled

    tables = [jnp.zeros((capacity, *[t._held(n) for n in v.shape[1:]]), v.dtype) for v in stacks]
    holds, packed = asked(channel.start, start)
    state = (holds, jnp.asarray(0, np.int64), packed, start, tables)
    _, count, packed, carries, tables = lax.while_loop(lambda state: state[0], turn, state)
    channel.leave(t, packed)
    if stacks:
        t.note_rows(count)
    return [count, *carries, *tables]


@translates("custom")
def _custom(t: Translation, operation: Operation) -> list[Any]:
    primal = operation.regions[0]
    inner = t.region()
    inner.status, inner.rows = t.status, t.rows
    inner.bind(primal.parameters, [t[v] for v in operation.operands])
    outputs = inner.block(primal)
    t.status, t.rows = inner.status, inner.rows
    return outputs
