"""Which outputs of a program depend on which of its last inputs, element by element.

    program:   def f(x: float64[3], dx: float64[3]): dx[1:] - dx[:-1]
    pattern:   [1 1 0]
               [0 1 1]

The program is one of tangents, linear in the last inputs, so that what is found is the structure of
its matrix.  It is run on sets of inputs in the place of tangents (``sets``): views, stores, gathers
and scatters move the sets as they move numbers, exactly; what computes unites those of its operands;
a routine in which everything may depend on everything gives each result all of them.

Other values are computed only where they *steer*: an index, an extent, the count of a loop, the test
of a ``while``, a condition that depends on integers alone.  A condition on floating-point numbers is
not looked at: both sides are followed, and each result depends on what it depends on in either.  So a
pattern holds for every call with the same sizes and the same values of the inputs that steer, which
``Dependencies.key`` tells, however different all others are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.dims import symbols
from autodiff.ir.data import Block, Operation, Program, Value, attribute_symbols, uses
from autodiff.ops.entries import ENTRIES, Pointwise, Reduction
from autodiff.ops.evaluate import resolve, run_operation, without_effects
from autodiff.ops.structural import index_of
from autodiff.plain_data import dataclass
from autodiff.sparse.sets import INDEX, Sets

# Sets, element by element; that of a number is an int, since loops over numbers make many of them.
# None: all are empty.
Numbers = np.ndarray | int | None

Given = np.ndarray | None  # those of an operand
Rule = Callable[["_Run", Operation, Value, Sequence[Given]], Any]

# Of a side of a branch that may not be taken: iterations that a loop may make before it counts as
# one that never ends, and what may be raised there because something is not as it takes it to be.
_MOST_ITERATIONS = 10_000
_FAILURES = (IndexError, ValueError, ArithmeticError, np.linalg.LinAlgError)


@dataclass(frozen=True, eq=False)
class Pattern:
    """The structure of a matrix by rows, and the shapes of what its rows and columns stand for."""

    ends: np.ndarray
    columns: np.ndarray
    row_shapes: tuple[tuple[int, ...], ...]
    column_shapes: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        return len(self.ends) - 1, sum(_size(s) for s in self.column_shapes)


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=INDEX))


class Step:
    """One operation, and what is done with it: its results are followed, computed, or both."""

    __slots__ = ("active", "control", "of_numbers", "operation", "result", "rule", "steers")

    def __init__(self, of: Dependencies, operation: Operation) -> None:
        self.operation = operation
        self.result = operation.results[0] if operation.results else None
        self.active = any(v in of.active for v in operation.results)
        self.steers = any(v in of.steering for v in operation.results)
        self.control = _CONTROL.get(operation.kind)
        lowering = ENTRIES[operation.kind].lowering
        self.rule = _RULES.get(operation.kind) or _BY_CLASS.get(type(lowering), _any_on_any)
        # Of numbers alone: no shapes are to be found.
        self.of_numbers = self.rule is _pointwise and not any(
            v.shape for v in (*operation.operands, *operation.results)
        )


class Dependencies:
    """What follows one program; ``first`` is the number of the first input that is followed.

    ``pattern(values)`` is the pattern for given values of the inputs before that.
    """

    def __init__(self, program: Program, first: int) -> None:
        self.program = program
        self.first = first
        self.followed = program.inputs[first:]
        block = program.block
        self.active = set(self.followed)
        _flow(block, self.active)
        moving = {v for v in program.inputs[:first] if v.type.is_float}
        moving.update(_effects(block))
        _flow(block, moving)
        self.made_from = dict(_made_from(block))
        extents = [s for v in program.outputs for n in v.shape for s in symbols(n)]
        self.steering = self._wanted([*extents, *self._steering(block, moving)])
        self.steering.update(s for v in program.inputs for n in v.shape for s in symbols(n))
        self.steps: dict[int, list[Step]] = {}  # by id of the block
        # Without its values nothing is known of what is drawn, read or depends on a tangent.
        effects = set(_effects(block))
        self.opaque = any(v in self.active or v in effects for v in self.steering)

    # -- what steers --------------------------------------------------------------------------------
    def _steering(self, block: Block, moving: set[Value]) -> Iterator[Value]:
        """The values that say where the tangents of a block go."""
        for operation in block.operations:
            if not any(v in self.active for v in operation.results):
                continue
            operands = operation.operands
            yield from [v for v in uses(operation) if v not in operands]
            if operation.kind == "gather":
                yield from operands[1:]
            elif operation.kind in ("scatter_update", "scatter_add"):
                yield from operands[1:-1]
            elif operation.kind in ("cond", "select"):
                if operands[0] not in moving and operands[0] not in self.active:
                    yield operands[0]
            elif operation.kind == "while":
                yield operation.regions[0].outputs[0]
            for region in operation.regions:
                yield from self._steering(region, moving)

    def _wanted(self, roots: Sequence[Value]) -> set[Value]:
        """The values, and all that they are computed from."""
        wanted: set[Value] = set()
        left = list(roots)
        while left:
            value = left.pop()
            if value in wanted:
                continue
            wanted.add(value)
            left.extend(self.made_from.get(value, ()))
        return wanted

    def key(self, values: Sequence[Any]) -> bytes:
        """What a pattern depends on: the sizes, and the values of the inputs that steer."""
        digest = hashlib.blake2b(digest_size=32)
        for value, given in zip(self.program.inputs, values, strict=False):
            array = np.asarray(given)
            digest.update(repr((array.shape, array.dtype.str)).encode())
            if value in self.steering:
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()

    def steps_of(self, block: Block) -> list[Step]:
        """The operations of a block that are followed or computed."""
        steps = self.steps.get(id(block))
        if steps is None:
            found = [Step(self, operation) for operation in block.operations]
            steps = self.steps[id(block)] = [step for step in found if step.active or step.steers]
        return steps

    # -- the pattern --------------------------------------------------------------------------------
    def pattern(self, values: Sequence[Any]) -> Pattern:
        """The pattern for these inputs.

        Raises whatever NumPy raises where an index is out of bounds and the like.
        """
        known = dict(zip(self.program.inputs, values, strict=False))
        shapes = tuple([resolve(v.shape, known) for v in self.followed])
        sets = Sets(sum(map(_size, shapes)))
        first = 0
        given: dict[Value, Numbers] = {}
        for value, shape in zip(self.followed, shapes, strict=True):
            given[value] = _kept(sets.of_inputs(first, _size(shape)).reshape(shape))
            first += _size(shape)
        run = _Run(self, sets, known, given)
        rows: list[np.ndarray] = []
        row_shapes: list[tuple[int, ...]] = []
        with np.errstate(all="ignore"), without_effects():
            if not self.opaque:
                run.block(self.program.block)
            for value in self.program.outputs:
                numbers = run.everything(value) if self.opaque else run.numbers.get(value)
                if numbers is None:
                    numbers = np.zeros(run.shape(value), INDEX)
                rows.append(np.ravel(numbers))
                row_shapes.append(np.shape(numbers))
        ends, columns = sets.rows(np.concatenate([np.zeros(0, INDEX), *rows]))
        return Pattern(ends, columns, tuple(row_shapes), shapes)


# -- what is known without running ------------------------------------------------------------------
def _effects(block: Block) -> Iterator[Value]:
    """What only an effect gives: draws, clocks, functions that are not known."""
    for operation in block.operations:
        if operation.kind == "host_call":
            yield from operation.results
        for region in operation.regions:
            yield from _effects(region)


def _flow(block: Block, marked: set[Value]) -> None:
    """Mark every value that depends on a marked one, by data, extents or conditions."""
    for operation in block.operations:
        if operation.kind in ("for", "while"):
            _flow_around(operation, marked)
            continue
        for region in operation.regions:
            _flow(region, marked)
        if any(v in marked for v in uses(operation)):
            marked.update(operation.results)
        for region in operation.regions:
            pairs = zip(operation.results, region.outputs, strict=True)
            marked.update(v for v, out in pairs if out in marked)


def _flow_around(operation: Operation, marked: set[Value]) -> None:
    body = operation.regions[-1]
    count = len(operation.operands)
    while True:
        before = len(marked)
        for k in range(count):
            inner = [region.parameters[k - count] for region in operation.regions]
            if any(v in marked for v in (operation.operands[k], body.outputs[k], *inner)):
                marked.update(inner)
        for region in operation.regions:
            _flow(region, marked)
        if len(marked) == before:
            break
    results = operation.results
    if operation.kind == "while":
        results = results[1:]
    marked.update(v for v, out in zip(results, body.outputs, strict=True) if out in marked)
    marked.update(v for v, x in zip(results, operation.operands, strict=False) if x in marked)
    if any(v in marked for v in _controls(operation)):
        marked.update(operation.results)


def _controls(operation: Operation) -> list[Value]:
    """What says how often a loop runs."""
    if operation.kind == "while":
        return [operation.regions[0].outputs[0]]
    return list(attribute_symbols(operation.attributes["count"]))


def _made_from(block: Block) -> Iterator[tuple[Value, list[Value]]]:
    """Of each value in a block the values that it is computed from."""
    for operation in block.operations:
        if operation.kind in ("for", "while"):
            yield from _made_by_loop(operation)
        elif operation.regions:
            extents = [s for v in operation.results for n in v.shape for s in symbols(n)]
            for k, value in enumerate(operation.results):
                sides = [region.outputs[k] for region in operation.regions]
                yield value, [operation.operands[0], *sides, *extents]
        else:
            used = list(uses(operation))
            yield from ((value, used) for value in operation.results)
        for region in operation.regions:
            yield from _made_from(region)


def _made_by_loop(operation: Operation) -> Iterator[tuple[Value, list[Value]]]:
    controls = _controls(operation)
    body, results = operation.regions[-1], operation.results
    if operation.kind == "while":
        yield results[0], controls
        results = results[1:]
    count = len(operation.operands)
    for k, value in enumerate(results):
        extents = [s for n in value.shape for s in symbols(n)]
        used = [body.outputs[k], *controls, *extents]
        if k < count:  # handed from one iteration to the next by the parameters of the regions
            inner = [region.parameters[k - count] for region in operation.regions]
            used += [operation.operands[k], *inner]
            yield from ((parameter, used) for parameter in inner)
        yield value, used


# -- one run ----------------------------------------------------------------------------------------
class _Run:
    """One run: values that steer in ``known``, sets in ``numbers``."""

    def __init__(
        self, of: Dependencies, sets: Sets, known: dict[Value, Any], numbers: dict[Value, Numbers]
    ) -> None:
        self.of = of
        self.sets = sets
        self.known = known
        self.numbers = numbers
        self.maybe = 0  # how many sides of branches that may not be taken are around
        self._all: int | None = None

    def shape(self, value: Value) -> tuple[int, ...]:
        """The shape of a value in this run."""
        shape: Any = value.type.shape
        found: tuple[int, ...] = shape if value.type.is_static else resolve(shape, self.known)
        return found

    def everything(self, value: Value) -> Numbers:
        """The set of all inputs, for each element of a value."""
        if self._all is None:
            self._all = self.sets.unite_all([self.sets.of_inputs(0, self.sets.count)])
        return _kept(np.full(self.shape(value), self._all, INDEX))

    def block(self, block: Block) -> None:
        """Run the operations of a block whose parameters are bound."""
        for step in self.of.steps_of(block):
            operation = step.operation
            if step.control is not None:
                step.control(self, operation)
                continue
            if step.steers:
                results = run_operation(operation, self.known)
                self.known.update(zip(operation.results, results, strict=True))
            if not step.active:
                continue
            if step.of_numbers:
                self.numbers[operation.results[0]] = self._of_numbers(operation)
            else:
                self._follow(operation, step.rule)

    def _of_numbers(self, operation: Operation) -> Numbers:
        total: Any = None
        for value in operation.operands:
            number: Any = self.numbers.get(value)
            if number is not None:
                total = number if total is None else self.sets.pair(total, number)
        found: int | None = total
        return found

    def _follow(self, operation: Operation, rule: Rule) -> None:
        numbers = [self.numbers.get(v) for v in operation.operands]
        if all(x is None for x in numbers):
            self.numbers.update(dict.fromkeys(operation.results))
            return
        given = [None if x is None else np.asarray(x) for x in numbers]
        for value in operation.results:
            made = rule(self, operation, value, given)
            if np.shape(made) != self.shape(value):
                raise IndexError("a slice of a side that is not taken lies outside of its array")
            self.numbers[value] = _kept(made)

    def union(self, a: Numbers, b: Numbers) -> Numbers:
        """The unions of two values of one shape."""
        if a is None or b is None:
            return b if a is None else a
        return _kept(self.sets.unite(np.asarray(a), np.asarray(b)))

    def attributes(self, operation: Operation) -> dict[str, Any]:
        """The attributes with numbers in the place of extents."""
        return {k: resolve(v, self.known) for k, v in operation.attributes.items()}

    def bind(self, values: Sequence[Value], sources: Sequence[Value]) -> None:
        """Give values what others have."""
        of = self.of
        known = [self.known.get(x) for x in sources]
        numbers = [self.numbers.get(x) for x in sources]
        for value, x, number in zip(values, known, numbers, strict=True):
            if value in of.steering:
                self.known[value] = x
            if value in of.active:
                self.numbers[value] = number


def _kept(numbers: Any) -> Numbers:
    """Sets as they are kept: an array, or an int."""
    kept: np.ndarray | int = numbers if np.ndim(numbers) else int(numbers)
    return kept


def _array(run: _Run, numbers: Given, value: Value) -> np.ndarray:
    """The sets of a value, empty ones where there are none."""
    return np.zeros(run.shape(value), INDEX) if numbers is None else numbers


# -- rules: run, operation, result, sets of the operands -> sets of the result ------------------------
def _pointwise(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    shape = run.shape(value)
    total: np.ndarray | None = None
    for numbers in given:
        if numbers is not None:
            spread = np.broadcast_to(numbers, shape)
            total = spread if total is None else run.sets.unite(total, spread)
    return total


def _select(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    condition = operation.operands[0]
    if condition not in run.of.steering:
        return _pointwise(run, operation, value, given)
    a, b = [0 if x is None else x for x in given[1:]]
    chosen = np.where(run.known[condition], a, b)
    return np.array(np.broadcast_to(chosen, run.shape(value)), INDEX)


def _reduction(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    (numbers,) = given
    assert numbers is not None  # or there would be no rule
    return run.sets.unite_along(numbers, operation.attributes["axes"])


def _moved(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    """What gives elements of its operands as they are: on sets it does what it does on numbers."""
    count = len(operation.operands)
    indices = {"gather": (1, count), "scatter_update": (1, count - 1)}.get(operation.kind, (0, 0))
    operands = [
        run.known[v] if indices[0] <= k < indices[1] else _array(run, x, v)
        for k, (v, x) in enumerate(zip(operation.operands, given, strict=True))
    ]
    return ENTRIES[operation.kind].meaning(*operands, **run.attributes(operation))


def _slice_add(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    x, v = [_array(run, n, o) for n, o in zip(given, operation.operands, strict=True)]
    index = index_of(**run.attributes(operation))
    result = np.array(x)
    result[index] = run.sets.unite(np.array(result[index]), np.broadcast_to(v, result[index].shape))
    return result


def _scatter_add(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    operands = operation.operands
    x, v = _array(run, given[0], operands[0]), _array(run, given[-1], operands[-1])
    places = np.arange(x.size).reshape(x.shape)
    indices = [run.known[i] for i in operands[1:-1]]
    at = ENTRIES["gather"].meaning(places, *indices, **run.attributes(operation))
    groups = np.concatenate([places.ravel(), at.ravel()])
    numbers = np.concatenate([x.ravel(), np.broadcast_to(v, at.shape).ravel()])
    return run.sets.unite_groups(groups, numbers, x.size).reshape(x.shape)


def _dot(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    """Each element on its row of the first operand and its column of the second."""
    contract, batch = operation.attributes["contract"], operation.attributes["batch"]
    shape = run.shape(value)
    lead = len(batch[0])
    free = [x.type.ndim - len(c) - lead for x, c in zip(operation.operands, contract, strict=True)]
    total: np.ndarray | None = None
    for k, numbers in enumerate(given):
        if numbers is None:
            continue
        rest = [a for a in range(numbers.ndim) if a not in batch[k] and a not in contract[k]]
        ordered = np.transpose(numbers, (*batch[k], *rest, *contract[k]))
        united = run.sets.unite_along(ordered, tuple(range(lead + len(rest), numbers.ndim)))
        ones = (1,) * free[1 - k]
        own = united.shape[lead:]
        aligned = united.reshape(united.shape[:lead] + (own + ones if k == 0 else ones + own))
        spread = np.broadcast_to(aligned, shape)
        total = spread if total is None else run.sets.unite(total, spread)
    return total


def _cumulative(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    axis = operation.attributes["axis"]
    numbers = np.moveaxis(np.array(given[0]), axis, 0)
    order = range(len(numbers))
    if operation.attributes["reverse"]:
        order = order[::-1]
    for before, k in zip(order, order[1:], strict=False):
        numbers[k] = run.sets.unite(numbers[before : before + 1], numbers[k : k + 1])[0]
    return np.moveaxis(numbers, 0, axis)


def _convolved(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    """Of two vectors: each shifted by as many places as the other is long, the shorter one in turn."""
    lengths = [run.shape(v)[0] for v in operation.operands]
    result = np.zeros(run.shape(value), INDEX)
    for numbers, length in zip(given, reversed(lengths), strict=True):
        if numbers is None:
            continue
        count = len(numbers)
        for k in range(min(count, length)):
            part = slice(k, k + max(count, length))
            moved = numbers if count > length else np.full(length, numbers[k])
            result[part] = run.sets.unite(result[part], moved)
    return result


def _of_matrices(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    """Routines on the matrices in the last two axes, each for itself."""
    shape = run.shape(value)
    total: np.ndarray | None = None
    for numbers in given:
        if numbers is None:
            continue
        united = run.sets.unite_along(numbers, (numbers.ndim - 2, numbers.ndim - 1))
        spread = np.broadcast_to(united[..., None, None], shape)
        total = spread if total is None else run.sets.unite(total, spread)
    return total


def _any_on_any(run: _Run, operation: Operation, value: Value, given: Sequence[Given]) -> Any:
    number = run.sets.unite_all([x for x in given if x is not None])
    return np.full(run.shape(value), number, INDEX)


_BY_CLASS: dict[type, Rule] = {Pointwise: _pointwise, Reduction: _reduction}
_RULES: dict[str, Rule] = {
    "select": _select,
    **dict.fromkeys(
        (
            "broadcast",
            "reshape",
            "transpose",
            "slice",
            "concatenate",
            "gather",
            "slice_update",
            "scatter_update",
        ),
        _moved,
    ),
    "slice_add": _slice_add,
    "scatter_add": _scatter_add,
    "dot_general": _dot,
    "cumulative_sum": _cumulative,
    "convolve": _convolved,
    **dict.fromkeys(("cholesky", "solve", "triangular_solve", "inverse"), _of_matrices),
}


# -- control flow -----------------------------------------------------------------------------------
def _cond(run: _Run, operation: Operation) -> None:
    condition = operation.operands[0]
    if condition in run.of.steering:
        region = operation.regions[0 if run.known[condition] else 1]
        run.block(region)
        run.bind(operation.results, region.outputs)
        return
    sides = [_side(run, operation, region) for region in operation.regions]
    if condition in run.of.active:
        sides.append([run.everything(v) for v in operation.results])
    for value, *found in zip(operation.results, *sides, strict=True):
        total: Numbers = None
        for numbers in found:
            total = run.union(total, numbers)
        run.numbers[value] = total


def _side(run: _Run, operation: Operation, region: Block) -> list[Numbers]:
    """The sets of what one side yields; of one that cannot be followed, all that there is."""
    run.maybe += 1
    try:
        run.block(region)
        return [run.numbers.get(v) for v in region.outputs]
    except _FAILURES:
        return [run.everything(v) for v in operation.results]
    finally:
        run.maybe -= 1


def _for(run: _Run, operation: Operation) -> None:
    (body,) = operation.regions
    inner = body.parameters[1:]
    run.bind(inner, operation.operands)
    rows = _Rows(run, operation)
    for k in range(resolve(operation.attributes["count"], run.known)):
        run.known[body.parameters[0]] = np.int64(k)
        run.block(body)
        rows.add()
        run.bind(inner, body.outputs[: len(inner)])
    run.bind(operation.results[: len(inner)], inner)
    rows.stack(operation.results[len(inner) :])


def _while(run: _Run, operation: Operation) -> None:
    test, body = operation.regions
    inner = body.parameters[1:]
    run.bind(test.parameters, operation.operands)
    rows = _Rows(run, operation)
    k = 0
    while True:
        run.block(test)
        if not run.known[test.outputs[0]]:
            break
        if run.maybe and k >= _MOST_ITERATIONS:
            raise ValueError("a loop of a side that is not taken does not end")
        run.known[body.parameters[0]] = np.int64(k)
        run.bind(inner, test.parameters)
        run.block(body)
        rows.add()
        run.bind(test.parameters, body.outputs[: len(inner)])
        k += 1
    run.known[operation.results[0]] = np.int64(k)
    run.bind(operation.results[1 : 1 + len(inner)], test.parameters)
    rows.stack(operation.results[1 + len(inner) :])


class _Rows:
    """What a loop stacks."""

    def __init__(self, run: _Run, operation: Operation) -> None:
        self.run = run
        self.outputs = operation.regions[-1].outputs[len(operation.operands) :]
        self.known: list[list[Any]] = []
        self.numbers: list[list[Numbers]] = []

    def add(self) -> None:
        """Keep the row of one iteration."""
        self.known.append([self.run.known.get(v) for v in self.outputs])
        self.numbers.append([self.run.numbers.get(v) for v in self.outputs])

    def stack(self, results: Sequence[Value]) -> None:
        """Stack the rows."""
        run = self.run
        for k, value in enumerate(results):
            if value in run.of.steering:
                rows = [row[k] for row in self.known]
                shape = run.shape(value)
                run.known[value] = np.stack(rows) if rows else np.zeros(shape, value.dtype)
            if value in run.of.active:
                numbers = [row[k] for row in self.numbers]
                if all(x is None for x in numbers):
                    run.numbers[value] = None
                    continue
                shape = run.shape(value)[1:]
                empty = np.zeros(shape, INDEX)
                run.numbers[value] = np.stack([empty if x is None else x for x in numbers])


_CONTROL: dict[str, Callable[[_Run, Operation], None]] = {
    "cond": _cond,
    "for": _for,
    "while": _while,
}
