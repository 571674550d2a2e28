"""Dead code elimination.

Removes operations whose results nobody uses and which have no effect; stacked outputs of loops
that nobody reads; and loop carries that are never changed (the start value stands for them) or
that only feed themselves.  Where one result of an operation is used, what computes it alone.

    w, v = np.linalg.eigh(a); return w      np.linalg.eigvalsh(a)

    np.linalg.cholesky(a)     kept: that it raises may be all it is there for

What the user wrote and what raises for some values is kept, unless what is kept anyway raises for
the same ones: the scatter of a gradient for a gather with the same indices.

    np.zeros((n, n)).size     sized(shape=(n, n)): no array, but NumPy's error where it does not fit

Of an array that the user made, of a size that integers of the call tell, its size is checked when the program
begins, or the side of a branch that it is made on. (In a loop of no passes that is too early;
then plain Python runs, and is right as well; a derivative is traced along the path of the call.)
A size that is computed (``n**2``) is checked where the array was made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from autodiff.dims import Dim, symbols
from autodiff.ir.copying import Mapping, Renaming, copy_value, map_attribute
from autodiff.ir.data import Block, Operation, Program, Source, Value, uses, walk
from autodiff.ops.control import MOST_BYTES
from autodiff.ops.entries import ENTRIES, Creation

Risk = tuple[str, Value, str | None]
_Size = tuple[Any, ...]  # the shape and the bytes of an element


def eliminate_dead_code(program: Program) -> Program:
    """Keep what the outputs and effects need."""
    block = Block(list(program.inputs), outputs=list(program.outputs))
    operations, _ = _sweep(program.block.operations, set(program.outputs), set(), {})
    if operations == program.block.operations:  # all of them, and no loops or branches among them
        return program
    if _drops_sizes(program, operations):
        sizes = _Sizes(program, operations)
        inner = _on_sides(program.block.operations)
        if any(map(sizes.lost, inner)) or any(map(sizes.lost_inside, walk(program.block))):
            checked = sizes.into_places(program.block.operations, sizes.made)
            operations, _ = _sweep(checked, set(program.outputs), set(), {})
        # Extents of inputs may name other inputs.
        given = filter(sizes.lost, _at_once(program.block.operations))
        operations = [*sizes.checks(given, sizes.made), *operations]
    block.operations = operations
    return _renamed(Program(block, program.name))


def _has_effect(operation: Operation) -> bool:
    entry = ENTRIES[operation.kind]
    if entry.has_effect or entry.kept:
        return True
    return any(
        _has_effect(inner) or (not inner.is_derived and bool(_risks(inner)))
        for region in operation.regions
        for inner in region.operations
    )


def _drops_sizes(program: Program, kept: list[Operation]) -> bool:
    """Whether an array is made no more that is large, or of a size that is not known here."""
    left = {id(operation) for operation in walk(Block(operations=kept))}
    for operation in walk(program.block):
        if id(operation) not in left and not operation.is_derived and _makes_an_array(operation):
            shape, itemsize = _size_of(operation.result)
            if any(isinstance(n, Dim) for n in shape) or math.prod(shape) * itemsize > MOST_BYTES:
                return True
    return False


class _Sizes:
    """The sizes of arrays that are no longer made, once ``kept`` is what is left of a program."""

    def __init__(self, program: Program, kept: list[Operation]) -> None:
        of_arrays = {s for v in program.inputs for n in v.shape for s in symbols(n)}
        self.inputs = set(program.inputs)
        self.bounded = of_arrays | {v for v in program.inputs if v.dtype.kind not in "iu"}
        self.bounded |= {
            operation.regions[-1].parameters[0]
            for operation in walk(program.block)
            if operation.kind in ("for", "while")
        }
        self.left = {id(operation) for operation in walk(Block(operations=kept))}
        self.made = self._made_in(kept)

    def _made_in(self, operations: list[Operation]) -> set[_Size]:
        """The sizes that these operations check, as they make arrays or for themselves."""
        left = [operation for operation in operations if id(operation) in self.left]
        return {_size_of(v) for operation in left for v in operation.results} | {
            tuple(operation.attributes.values()) for operation in left if operation.kind == "sized"
        }

    def _is_lost(self, operation: Operation, is_given: bool) -> bool:
        """Whether an array is made no more that no memory may hold, of a size that is given, or computed."""
        if id(operation) in self.left or operation.is_derived or not _makes_an_array(operation):
            return False
        shape, itemsize = _size_of(operation.result)
        found = {s for n in shape for s in symbols(n)}
        if not found:
            return is_given and math.prod(shape) * itemsize > MOST_BYTES
        return (found <= self.inputs) is is_given and not all(map(self._is_bounded, found))

    def _is_bounded(self, symbol: Value) -> bool:
        """Whether there are arrays, or passes of a loop, of this number: of other integers nobody knows."""
        return symbol in self.bounded or _is_count(symbol)

    def lost(self, operation: Operation) -> bool:
        """Whether one is made no more of a size that integers decide that the call is given."""
        return self._is_lost(operation, True)

    def lost_inside(self, operation: Operation) -> bool:
        """Whether one is made no more of a size that is computed."""
        return self._is_lost(operation, False)

    def checks(self, operations: Iterable[Operation], made: set[_Size]) -> Iterator[Operation]:
        """Checks of the arrays that are made no more and of no size that is checked anyway."""
        for operation in operations:
            size = _size_of(operation.result)
            if size not in made:
                made.add(size)
                attributes = dict(zip(("shape", "itemsize"), size, strict=True))
                yield Operation("sized", (), attributes, (), source=operation.source)

    def into_places(
        self, operations: list[Operation], made: set[_Size], filled: Source | None = None
    ) -> list[Operation]:
        """The operations, with the checks of each side at its beginning, others in the arrays' places.

        Arrays made at ``filled`` fill in, on one side of a branch, for a name of the other side.
        """
        found: list[Operation] = []
        for operation in operations:
            if self.lost_inside(operation) and operation.source != filled:
                found += self.checks([operation], made)
            regions = []
            for region in operation.regions:
                source = operation.source if operation.kind == "cond" else None
                known = made | self._made_in(region.operations)
                begin: list[Operation] = []
                if operation.kind == "cond":
                    at_once = filter(self.lost, _at_once(region.operations))
                    begin += self.checks((x for x in at_once if x.source != source), known)
                inner = [*begin, *self.into_places(region.operations, known, source)]
                regions.append(Block(region.parameters, inner, region.outputs))
            if regions:
                keep = list(range(len(operation.results)))
                operation = _with(operation, operation.operands, tuple(regions), keep)
            found.append(operation)
        return found


def _at_once(operations: list[Operation]) -> Iterator[Operation]:
    """Operations and those in loops, without those on sides of branches."""
    for operation in operations:
        yield operation
        if operation.kind != "cond":
            for region in operation.regions:
                yield from _at_once(region.operations)


def _on_sides(operations: list[Operation]) -> Iterator[Operation]:
    for operation in operations:
        for region in operation.regions:
            inner = walk(region) if operation.kind == "cond" else _on_sides(region.operations)
            yield from inner


def _makes_an_array(operation: Operation) -> bool:
    return operation.kind == "broadcast" or isinstance(ENTRIES[operation.kind].lowering, Creation)


def _size_of(value: Value) -> _Size:
    return value.shape, value.dtype.itemsize


def _is_count(symbol: Value) -> bool:
    """Whether a number counts passes of a loop, or elements: those of a mask that are true."""
    owner = symbol.owner
    if owner is None or owner.kind != "reduce_sum":
        return owner is not None and owner.kind == "while" and symbol is owner.results[0]
    summed = owner.operands[0].owner
    return summed is not None and summed.kind == "cast" and summed.operands[0].dtype.kind == "b"


# Operations of which one result costs less than all.
_ALONE = {
    ("eigh", 0): "eigenvalues",
    ("symmetric_eigen", 0): "symmetric_eigenvalues",
    ("svd", 1): "singular_values",
    ("real_eig", 0): "real_eigenvalues",
    ("complex_eig", 0): "complex_eigenvalues",
    ("complex_eigh", 0): "complex_eigvalsh",
    ("complex_svd", 1): "complex_svdvals",
}

# Operations that raise for some values of their first operand, and those of indices.
_OF_MATRICES = (
    "cholesky",
    "solve",
    "inverse",
    "triangular_solve",
    "eigh",
    "eigenvalues",
    "svd",
    "singular_values",
    "pseudo_inverse",
    "sqrtm",
    "real_eig",
    "real_eigenvalues",
    "complex_eig",
    "complex_eigenvalues",
)
_OF_INDICES = {"gather": 0, "scatter_update": 1, "scatter_add": 1}
# What gives positions that an axis has.
_POSITIONS = ("argsort", "argpartition", "partition_order", "nonzero", "constant")


def _risks(operation: Operation) -> list[Risk]:
    """What an operation raises for: a matrix, or the indices along an axis of some size."""
    if operation.kind in _OF_MATRICES:
        return [("matrix", _plain(operation.operands[0]), None)]
    values = _OF_INDICES.get(operation.kind)
    if values is None:
        return []
    axes = operation.attributes["axes"]
    indices = operation.operands[1 : len(axes) + 1]
    shape = operation.operands[0].shape
    return [
        ("index", _plain(index), str(shape[axis]))
        for index, axis in zip(indices, axes, strict=True)
        if not _is_position(index)
    ]


def _plain(value: Value) -> Value:
    """The value that another one is a transpose, reshape or cast of."""
    while value.owner is not None and value.owner.kind in (
        "transpose", "reshape", "broadcast", "cast",
    ):  # fmt: skip
        value = value.owner.operands[0]
    return value


def _is_position(index: Value) -> bool:
    owner = _plain(index).owner
    if owner is None:
        return False
    if owner.kind == "iota":
        return True
    return owner.kind in _POSITIONS


# Loops and branches that were swept, by what is alive of them and what is kept beside them; each with
# all that is alive then.  Without it a loop's body is swept twice at each level of nesting.
Memo: TypeAlias = dict[tuple[int, frozenset[Value], frozenset[Risk]], tuple[Operation, set[Value]]]


def _sweep(
    operations: list[Operation], live: set[Value], kept_risks: set[Risk], memo: Memo
) -> tuple[list[Operation], set[Value]]:
    """Operations needed for ``live`` (backwards), and all values then alive."""
    kept: list[Operation] = []
    for operation in reversed(operations):
        if not any(v in live for v in operation.results) and not _has_effect(operation):
            risks = [] if operation.is_derived else _risks(operation)
            if all(risk in kept_risks for risk in risks):
                continue
        if operation.regions:
            operation = _sweep_control(operation, live, kept_risks, memo)
        used = [k for k, v in enumerate(operation.results) if v in live]
        alone = _ALONE.get((operation.kind, used[0])) if len(used) == 1 else None
        if alone is not None:
            operation = _with(operation, operation.operands, (), used)
            operation.kind = alone
        live.update(uses(operation))
        kept_risks.update(_risks(operation))
        kept.append(operation)
    kept.reverse()
    return kept, live


def _sweep_control(
    operation: Operation, live: set[Value], risks: set[Risk], memo: Memo
) -> Operation:
    """Sweep a loop or branch; of one that is asked for again, such as a body's by its carries, what it was."""
    alive = {v for v in operation.results if v in live}
    key = id(operation), frozenset(alive), frozenset(risks)
    found = memo.get(key)
    if found is None:
        sweep = _sweep_cond if operation.kind == "cond" else _sweep_loop
        found = memo[key] = sweep(operation, alive, risks, memo), alive
    live |= found[1]
    return found[0]


def _sweep_region(
    block: Block, outputs: list[Value], live: set[Value], risks: set[Risk], memo: Memo
) -> Block:
    inner_live = set(outputs)
    operations, inner_live = _sweep(block.operations, inner_live, set(risks), memo)
    live |= inner_live
    return Block(block.parameters, operations, outputs)


def _sweep_cond(operation: Operation, live: set[Value], risks: set[Risk], memo: Memo) -> Operation:
    keep = [k for k, v in enumerate(operation.results) if v in live]
    regions = tuple(
        [
            _sweep_region(r, [r.outputs[k] for k in keep], live, risks, memo)
            for r in operation.regions
        ]
    )
    return _with(operation, operation.operands, regions, keep)


def _with(
    operation: Operation, operands: tuple[Value, ...], regions: tuple[Block, ...], keep: list[int]
) -> Operation:
    """A copy of the operation with some results; the values themselves are renewed at the end."""
    new = Operation.__new__(Operation)
    new.kind, new.operands, new.attributes = operation.kind, operands, operation.attributes
    new.results = tuple([operation.results[k] for k in keep])
    new.regions, new.source = regions, operation.source
    return new


def _sweep_loop(operation: Operation, live: set[Value], risks: set[Risk], memo: Memo) -> Operation:
    first = 1 if operation.kind == "while" else 0
    n = len(operation.operands)
    body = operation.regions[-1]
    test = operation.regions[0] if operation.kind == "while" else None
    carries = _needed_carries(operation, live, first, memo)
    stacks = [k for k in range(n, len(body.outputs)) if operation.results[first + k] in live]
    block = _sweep_region(body, [body.outputs[k] for k in carries + stacks], live, risks, memo)
    block.parameters = [body.parameters[0], *(body.parameters[1 + k] for k in carries)]
    regions: tuple[Block, ...] = (block,)
    if test is not None:
        new_test = _sweep_region(test, test.outputs, live, risks, memo)
        new_test.parameters = [test.parameters[k] for k in carries]
        regions = (new_test, block)
    keep = list(range(first)) + [first + k for k in carries + stacks]
    return _with(operation, tuple([operation.operands[k] for k in carries]), regions, keep)


def _needed_carries(operation: Operation, live: set[Value], first: int, memo: Memo) -> list[int]:
    """Carries that an output, a stack, the test or another needed carry depends on."""
    n = len(operation.operands)
    body = operation.regions[-1]
    parameters = body.parameters[1:]
    needed = {k for k in range(n) if operation.results[first + k] in live}
    wanted = {
        body.outputs[k] for k in range(n, len(body.outputs)) if operation.results[first + k] in live
    }
    if operation.kind == "while":
        test = operation.regions[0]
        _, alive = _sweep(test.operations, set(test.outputs), set(), memo)
        needed |= {k for k, p in enumerate(test.parameters) if p in alive}
    while True:
        roots = set(wanted) | {body.outputs[k] for k in needed}
        _, alive = _sweep(body.operations, roots, set(), memo)
        more = {k for k, p in enumerate(parameters) if p in alive} - needed
        if not more:
            return sorted(needed)
        needed |= more


def _renamed(program: Program) -> Program:
    """Give reshaped control operations values and blocks of their own."""
    mapping = Renaming()
    block = Block(list(program.inputs))
    block.operations = [_renew(op, mapping) for op in program.block.operations]
    block.outputs = [mapping.get(v, v) for v in program.outputs]
    return Program(block, program.name)


def _renew(operation: Operation, mapping: Mapping) -> Operation:
    made_here = operation.regions or operation.kind in _ALONE.values()
    if not made_here and mapping.keys().isdisjoint(uses(operation)):
        return operation
    operands = tuple([mapping.get(v, v) for v in operation.operands])
    attributes = {k: map_attribute(v, mapping) for k, v in operation.attributes.items()}
    regions = tuple([_renew_block(r, mapping) for r in operation.regions])
    results = tuple([copy_value(v, mapping) for v in operation.results])
    return Operation(operation.kind, operands, attributes, results, regions, operation.source)


def _renew_block(block: Block, mapping: Mapping) -> Block:
    new = Block([copy_value(p, mapping) for p in block.parameters])
    new.operations = [_renew(op, mapping) for op in block.operations]
    new.outputs = [mapping.get(v, v) for v in block.outputs]
    return new
