"""Reverse mode through cond, for and while.

A loop runs forward and keeps its residuals: the values of the body that the backward body reads,
stacked along a new first axis.  The backward loop counts down over the stacks; it carries the
cotangents of the loop's carries, and an accumulator for each value from outside the body, so
that a store or read of one element per iteration costs one element, not the whole array.

    for k in n:  x' = body(k, x, w)        for k in n:  x', keep r
                                       =>  …
                                           for k in reversed(n):  ct_x, acc_w = pull(k, r, ct_x', acc_w)

Residuals that are cheap functions of other residuals, of the index and of values from outside
are recomputed instead of kept, as are those whose size has no bound outside of the loop: those of
a while loop inside of a loop.  A conditional is recomputed inside its backward conditional, but for the elements that
its branches read of arrays that the loop changes, which it keeps.  A
while loop counts its trips, so its backward loop is a counted one.

A while loop inside of another loop keeps nothing and is run again in the backward body, since
nobody knows how many residuals it would leave.  Residuals whose extents change between iterations are kept in a stack of the largest extents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from autodiff.differentiate import custom
from autodiff.differentiate.activity import useful
from autodiff.differentiate.reverse import Cotangents, Pull, Reverse, add
from autodiff.dims import Dim, Extent, last_index, maximum, same_shape, symbols, upper_bound
from autodiff.errors import DerivativeError
from autodiff.ir.copying import Mapping, copy_operation, copy_value, map_attribute, map_type
from autodiff.ir.data import ArrayType, Block, Operation, Value, free_values, uses, walk
from autodiff.ladder import Declined
from autodiff.ops.builder import emit
from autodiff.ops.control import INT, emit_cond, emit_for, emit_while
from autodiff.ops.entries import ENTRIES, Pointwise, View
from autodiff.ops.structural import slice_of, slice_update, zeros, zeros_like
from autodiff.ops.tracer import Tracer
from autodiff.plain_data import dataclass


def forward(sweep: Reverse, operation: Operation) -> Pull:
    """Emit a control operation so that it can be reversed; return its pull."""
    if operation.kind == "custom":
        return custom.reverse(sweep, operation)
    if operation.kind == "cond":
        return _cond(sweep, operation)
    if sweep.in_loop and (operation.kind == "while" or operation.attributes.get("run_again")):
        return _recomputed(sweep, operation)
    return _loop(sweep, operation)


def _recomputed(sweep: Reverse, operation: Operation) -> Pull:
    """A loop inside of another one whose residuals nobody can bound, or nobody wants to keep.

    It runs plainly in the forward pass, and again, with residuals, in the backward body.
    """
    refuse_to_run_again(operation)
    new = copy_operation(operation, sweep.mapping)
    sweep.builder.block.operations.append(new)

    def pull(cotangents: Cotangents) -> None:
        cts = [cotangents.pop(v, None) for v in new.results]
        if all(ct is None for ct in cts):
            return
        again = Reverse(
            sweep.builder, sweep.active, sweep.useful, dict(sweep.mapping), recompute=True
        )
        again.pulls.append(_loop(again, operation))
        for value, ct in zip(operation.results, cts, strict=True):
            if ct is not None:
                add(cotangents, again.primal(value), ct)
        again.backward(cotangents)

    return pull


def _active_outside(sweep: Reverse, regions: Sequence[Block]) -> list[Value]:
    """Active values of enclosing blocks that the regions use (in the new program)."""
    found: dict[Value, None] = {}
    for region in regions:
        for value in free_values(region):
            if value in sweep.active:
                found[sweep.primal(value)] = None
    return list(found)


# -- cond -------------------------------------------------------------------------------------
def _cond(sweep: Reverse, operation: Operation) -> Pull:
    saved = dict(sweep.saved)
    chosen = _elements(operation, sweep.local) if sweep.in_loop else set()
    chosen |= _drawn(operation)
    chosen = {v for v in chosen if v not in sweep.saved}
    if chosen:
        new, found = _copy_saving(sweep, operation, chosen)
        saved.update(found)
    else:
        new = copy_operation(operation, sweep.mapping, given=sweep.saved)
    sweep.builder.block.operations.append(new)
    outside = _active_outside(sweep, operation.regions)
    own = new.results[: len(operation.results)]

    def pull(cotangents: Cotangents) -> None:
        cts = [cotangents.pop(v, None) for v in own]
        if all(ct is None for ct in cts):
            return
        blocks = []
        for region in operation.regions:
            with sweep.builder.region() as block:
                _pull_branch(sweep, region, block, cts, outside, cotangents, saved)
            blocks.append(block)
        results = emit_cond(new.operands[0], blocks[0], blocks[1], operation.source)
        for value, ct in zip(outside, results, strict=True):
            cotangents[value] = Tracer(ct, "array")

    return pull


def _pull_branch(
    sweep: Reverse,
    region: Block,
    block: Block,
    cts: Sequence[Tracer | None],
    outside: list[Value],
    cotangents: Cotangents,
    saved: Mapping,
) -> None:
    """One branch of the backward conditional: recompute forward, pull back, yield accumulators."""
    local: Cotangents = {v: cotangents[v] for v in outside if v in cotangents}
    wanted = {v for v, ct in zip(region.outputs, cts, strict=True) if ct is not None}
    inner = Reverse(
        sweep.builder,
        sweep.active,
        useful(region, sweep.active, wanted),
        dict(sweep.mapping),
        recompute=True,
        saved=saved,
    )
    inner.leaving = region.outputs
    inner.forward(region)
    for value, ct in zip(region.outputs, cts, strict=True):
        if ct is not None and value in sweep.active:
            add(local, inner.primal(value), ct)
    inner.backward(local)
    for value in outside:
        ct = local.get(value)
        block.outputs.append((zeros_like(Tracer(value, "array")) if ct is None else ct).value)


def _elements(operation: Operation, local: frozenset[Value]) -> set[Value]:
    """The elements and rows that the branches of a conditional read of arrays that a loop changes.

    To read them again the whole array would have to be kept at each iteration.
    """
    inside = {v for region in operation.regions for op in walk(region) for v in op.results}
    found: set[Value] = set()
    pending = [operation]
    while pending:
        for region in pending.pop().regions:
            for op in region.operations:
                if op.kind == "cond":
                    pending.append(op)
                elif op.kind in ("slice", "gather"):
                    array, shape = op.operands[0], op.result.shape
                    known = not any(s in inside for n in shape for s in symbols(n))
                    if array in inside | local and len(shape) < len(array.shape) and known:
                        found.add(op.result)
    return found


def _drawn(operation: Operation) -> set[Value]:
    """What the branches of a conditional draw or have Python compute: another time it is another number."""
    inside = {v for region in operation.regions for op in walk(region) for v in op.results}
    found: set[Value] = set()
    pending = [operation]
    while pending:
        for op in [op for region in pending.pop().regions for op in region.operations]:
            if op.kind == "cond":
                pending.append(op)
            elif op.regions:
                refuse_to_run_again(op)
            elif ENTRIES[op.kind].has_effect:
                if any(s in inside for v in op.results for n in v.shape for s in symbols(n)):
                    refuse_to_run_again(op)
                found.update(op.results)
    return found


def refuse_to_run_again(operation: Operation) -> None:
    """Give up where the way back would draw other numbers than the way forward."""
    if not _may_run_again(operation):
        raise Declined(
            "the derivative of a branch or inner loop that draws random numbers or calls Python",
            operation.source,
        )


def _copy_saving(
    sweep: Reverse, operation: Operation, chosen: set[Value]
) -> tuple[Operation, Mapping]:
    """A copy of a conditional that also results in the ``chosen`` values of its branches.

    A branch that is not taken gives zeros for those of the other one.
    """
    blocks: list[Block] = []
    inside: list[list[tuple[Value, Value]]] = []
    for region in operation.regions:
        block, kept = Block(), list[tuple[Value, Value]]()
        for op in region.operations:
            if op.kind == "cond":
                new, more = _copy_saving(sweep, op, chosen)
                kept += more.items()
            else:
                new = copy_operation(op, sweep.mapping, share=False)
                if all(v in sweep.saved for v in op.results) and op.results:
                    sweep.mapping.update({v: sweep.saved[v] for v in op.results})
                    continue
                kept += [(v, sweep.mapping[v]) for v in op.results if v in chosen]
            block.operations.append(new)
        block.outputs = [sweep.primal(v) for v in region.outputs]
        blocks.append(block)
        inside.append(kept)
    results = [copy_value(v, sweep.mapping) for v in operation.results]
    found: Mapping = {}
    for mine, other, kept in zip(blocks, reversed(blocks), inside, strict=True):
        for old, value in kept:
            mine.outputs.append(value)
            with sweep.builder.reopened(other):
                # Nothing that the user has made: its size is not checked where nobody reads it.
                sweep.builder.source = operation.source and operation.source.derivative()
                other.outputs.append(zeros(value.shape, value.dtype).value)
                sweep.builder.source = operation.source
            results.append(Value(_plain(value.type)))
            found[old] = results[-1]
    new = Operation(
        operation.kind,
        tuple([sweep.primal(v) for v in operation.operands]),
        {k: map_attribute(v, sweep.mapping) for k, v in operation.attributes.items()},
        tuple(results),
        tuple(blocks),
        operation.source,
    )
    return new, found


# -- loops ------------------------------------------------------------------------------------
@dataclass
class _Backward:
    """The backward body, built against the values of the forward body itself."""

    block: Block
    index: Value  # index of the forward iteration
    stacked: list[tuple[Value, Value]]  # (parameter for the slice, output of the forward loop)
    live: list[int]  # carries with cotangents
    outside: list[Value]  # values from outside with accumulators
    residuals: list[Value] = field(default_factory=list)
    recomputed: list[Operation] = field(default_factory=list)
    position: dict[Operation, int] = field(default_factory=dict)  # in the forward body
    shapes: list[tuple[Extent, ...]] = field(default_factory=list)

    def place_of(self, value: Value) -> tuple[int, int]:
        """Where in the forward body a value is defined."""
        if value.owner is None:
            return -1, 0
        return self.position[value.owner], value.owner.results.index(value)


def _loop(sweep: Reverse, operation: Operation) -> Pull:
    body = operation.regions[-1]
    n = len(operation.operands)
    builder = sweep.builder
    outside = _active_outside(sweep, (body,))
    operands = tuple([sweep.primal(v) for v in operation.operands])
    first = 1 if operation.kind == "while" else 0
    wanted_stacks = [
        k for k in range(n, len(body.outputs)) if operation.results[first + k] in sweep.useful
    ]
    live = _live_carries(sweep, operation, operation.results[first:], wanted_stacks)
    wanted = {body.outputs[k] for k in live + wanted_stacks}
    test = _copy_test(sweep, operation) if operation.kind == "while" else None

    with builder.region() as block:
        block.parameters = [copy_value(p, sweep.mapping) for p in body.parameters]
        inner = Reverse(
            builder,
            sweep.active,
            useful(body, sweep.active, wanted),
            sweep.mapping,
            sweep.recompute,
            in_loop=True,
            local=frozenset(_definitions(body)),
            saved=sweep.saved,
        )
        inner.useful |= wanted
        inner.leaving = body.outputs
        inner.forward(body)
        block.outputs = [sweep.primal(v) for v in body.outputs]
        backward = _backward_body(sweep, inner, operation, live, wanted_stacks, outside, block)
        _drop_unread(backward.block)
        _compute_ahead(backward, block)
        _choose_residuals(backward, block)
        block.outputs += [
            _padded(v, shape) for v, shape in zip(backward.residuals, backward.shapes, strict=True)
        ]

    tape = operation.attributes.get("tape")
    if operation.kind == "for":
        count: Extent = map_attribute(operation.attributes["count"], sweep.mapping)
        results = emit_for(count, operands, block, operation.source, tape=tape)
    else:
        assert test is not None
        trips, *rest = emit_while(operands, test, block, operation.source, tape=tape)
        sweep.mapping[operation.results[0]] = trips
        count, results = Dim.symbol(trips), tuple(rest)
    old = operation.results[first:]
    sweep.mapping.update(zip(old, results, strict=False))
    stacks = results[len(old) :]
    return _loop_pull(sweep, operation, backward, count, results[: len(old)], operands, stacks)


def _live_carries(
    sweep: Reverse, operation: Operation, results: Sequence[Value], stacks: list[int]
) -> list[int]:
    """The carries that have cotangents: those of which something useful is made, in this pass or a later one."""
    body = operation.regions[-1]
    carries = {p: k for k, p in enumerate(body.parameters[1:]) if p in sweep.active}
    live = {k for k in carries.values() if results[k] in sweep.useful}
    while True:
        reached = useful(body, sweep.active, {body.outputs[k] for k in (*live, *stacks)})
        more = {carries[p] for p in reached & carries.keys()} - live
        if not more:
            return sorted(live)
        live |= more


def _copy_test(sweep: Reverse, operation: Operation) -> Block:
    test = operation.regions[0]
    mapping = dict(sweep.mapping)
    block = Block([copy_value(p, mapping) for p in test.parameters])
    block.operations = [copy_operation(inner, mapping, share=False) for inner in test.operations]
    block.outputs = [mapping.get(v, v) for v in test.outputs]
    return block


def _backward_body(
    sweep: Reverse,
    inner: Reverse,
    operation: Operation,
    live: list[int],
    wanted_stacks: list[int],
    outside: list[Value],
    forward_block: Block,
) -> _Backward:
    body = operation.regions[-1]
    with sweep.builder.region() as block:
        cotangents: Cotangents = {}
        carries = [sweep.builder.parameter(_plain(forward_block.outputs[k].type)) for k in live]
        accumulators = [sweep.builder.parameter(_plain(v.type)) for v in outside]
        stacked = []
        for value, parameter in zip(outside, accumulators, strict=True):
            cotangents[value] = Tracer(parameter, "array")
        for k, parameter in zip(live, carries, strict=True):
            if body.outputs[k] in sweep.active:
                add(cotangents, sweep.primal(body.outputs[k]), Tracer(parameter, "array"))
        for k in wanted_stacks:
            if body.outputs[k] in sweep.active:
                slot = Value(_plain(forward_block.outputs[k].type))
                stacked.append((slot, operation.results[k + (operation.kind == "while")]))
                add(cotangents, sweep.primal(body.outputs[k]), Tracer(slot, "array"))
        inner.backward(cotangents)
        parameters = forward_block.parameters
        block.outputs = [_dense(cotangents, parameters[1 + k]) for k in live]
        block.outputs += [_dense(cotangents, v) for v in outside]
    return _Backward(block, parameters[0], stacked, live, outside)


def _plain(type: ArrayType) -> ArrayType:
    return ArrayType(type.dtype, type.shape)


def _dense(cotangents: Cotangents, value: Value) -> Value:
    ct = cotangents.get(value)
    return (zeros_like(Tracer(value, "array")) if ct is None else ct).value


# -- residuals ----------------------------------------------------------------------------------
def _is_cheap(operation: Operation) -> bool:
    """Whether to compute an operation again costs no more than to load its result."""
    entry = ENTRIES[operation.kind]
    if operation.regions or entry.has_effect:
        return False
    if isinstance(entry.lowering, View) or operation.kind in ("constant", "iota", "extent_value"):
        return operation.kind != "concatenate"
    return isinstance(entry.lowering, Pointwise) and operation.kind in _CHEAP


_CHEAP = frozenset(
    "add subtract multiply negative positive absolute square cast select maximum minimum equal "
    "not_equal less less_equal greater greater_equal logical_and logical_or logical_not sign "
    "strong_multiply strong_product bitwise_and bitwise_or bitwise_xor invert floor ceil trunc rint isnan".split()
)


def _drop_unread(block: Block) -> None:
    """Leave out what nobody reads, such as what is run again in a branch: it asks for no residuals."""
    live = set(block.outputs)
    kept = []
    for operation in reversed(block.operations):
        effects = any(ENTRIES[op.kind].has_effect for r in operation.regions for op in walk(r))
        if effects or ENTRIES[operation.kind].has_effect or not live.isdisjoint(operation.results):
            for region in operation.regions:
                _drop_unread(region)
            live.update(_inputs(operation))
            kept.append(operation)
    block.operations = kept[::-1]


_AHEAD = frozenset("sin cos tan exp expm1 log log1p tanh sinh cosh arctan reciprocal sqrt".split())


def _compute_ahead(backward: _Backward, forward_block: Block) -> None:
    """Move functions of values of the forward body, as cos(x) of sin(x), from the backward body there.

    Only where no more is kept for it: the result in place of the operand. The forward loop has the function
    beside others of the same operand, and often waits for its last step anyway.
    """
    defined = _definitions(forward_block)
    index = forward_block.parameters[0]
    readers: dict[Value, int] = {}
    for operation in backward.block.operations:
        for value in set(_inputs(operation)):
            readers[value] = readers.get(value, 0) + 1
    for value in backward.block.outputs:
        readers[value] = readers.get(value, 0) + 1
    read = [v for v in readers if v in defined and v is not index]
    moved = []
    for operation in backward.block.operations:
        if operation.kind not in _AHEAD or operation.operands[0] not in defined:
            continue
        (operand,), result = operation.operands, operation.result
        others = [v for v in read if v is not operand or readers[v] > 1]
        changed = {**defined, result: operation}
        after = _kept(_storable([*others, result], changed, index), changed, index)
        if result in after and len(after) <= len(
            _kept(_storable(read, defined, index), defined, index)
        ):
            moved.append(operation)
            read, defined = [*others, result], changed
    forward_block.operations += moved
    gone = set(moved)
    backward.block.operations = [op for op in backward.block.operations if op not in gone]


def _definitions(block: Block) -> dict[Value, Operation | None]:
    """The values of a block with what defines them; its parameters with None."""
    defined: dict[Value, Operation | None] = dict.fromkeys(block.parameters)
    for operation in block.operations:
        defined.update(dict.fromkeys(operation.results, operation))
    return defined


def _choose_residuals(backward: _Backward, forward_block: Block) -> None:
    """Decide which values of the forward body are kept and which are recomputed."""
    defined = _definitions(forward_block)
    index = forward_block.parameters[0]
    local = set(defined)
    read = [v for v in free_values(backward.block) if v in defined and v is not index]
    kept = _kept(_storable(read, defined, index), defined, index)
    while unread := _extents(kept, local) - {index, *read}:
        read = [*read, *(v for v in defined if v in unread)]
        kept = _kept(_storable(read, defined, index), defined, index)
    available = {index, *kept}
    recomputed: dict[Operation, None] = {}

    def compute(value: Value) -> None:
        if value in available or value not in defined:
            return
        operation = defined[value]
        assert operation is not None
        for operand in _inputs(operation):
            compute(operand)
        recomputed[operation] = None
        available.update(operation.results)

    for value in read:
        compute(value)
    backward.position = {op: k for k, op in enumerate(forward_block.operations)}
    backward.recomputed = sorted(recomputed, key=backward.position.__getitem__)
    backward.residuals = sorted(kept, key=backward.place_of)
    backward.shapes = [_outer_shape(v, local) for v in backward.residuals]


def _extents(kept: Iterable[Value], local: set[Value]) -> set[Value]:
    """The values of a loop's body that say how much of a row of each stack holds what was kept."""
    return {s for value in kept for extent in value.shape for s in symbols(extent)} & local


def _inputs(operation: Operation) -> list[Value]:
    """Everything an operation takes from its block, for itself and for its regions."""
    return [*uses(operation), *(v for region in operation.regions for v in free_values(region))]


def _storable(
    read: list[Value], defined: dict[Value, Operation | None], index: Value
) -> list[Value]:
    """The values read, those that no stack can hold replaced by what they are computed from.

    The residuals of a while loop inside of a loop are as many as it makes trips, which has no
    bound: the inner loop is run again in the backward pass, from its own start.
    """
    local = set(defined)
    found: dict[Value, None] = {}
    pending = list(reversed(read))
    seen: set[Value] = set()
    while pending:
        value = pending.pop()
        if value in seen or value not in defined or value is index:
            continue
        seen.add(value)
        operation = defined[value]
        if _is_bounded(value, local) or operation is None or not _may_run_again(operation):
            found[value] = None
        else:
            pending.extend(reversed(_inputs(operation)))
    return list(found)


def _is_bounded(value: Value, local: set[Value]) -> bool:
    """Whether an extent known outside of the loop bounds each extent of ``value``."""
    return all(
        upper_bound(extent, local) is not None
        for extent in value.type.shape
        if isinstance(extent, Dim)
    )


def _may_run_again(operation: Operation) -> bool:
    """Whether running an operation twice gives the same: no random numbers, no calls of Python."""
    inner = [op for region in operation.regions for op in walk(region)]
    return not any(ENTRIES[op.kind].has_effect and op.results for op in (operation, *inner))


def _run_again(operation: Operation, mapping: Mapping) -> Operation:
    """A copy of an operation; the effects and checks in its regions have happened, and are left out."""
    new = copy_operation(operation, mapping, share=False)
    for region in new.regions:
        _drop_effects(region)
    return new


def _drop_effects(block: Block) -> None:
    block.operations = [
        op for op in block.operations if op.results or not ENTRIES[op.kind].has_effect
    ]
    for operation in block.operations:
        for region in operation.regions:
            _drop_effects(region)


def _kept(
    read: list[Value], defined: dict[Value, Operation | None], index: Value
) -> dict[Value, None]:
    """The values to keep: those read that are no cheap function of others kept."""
    kept: dict[Value, None] = dict.fromkeys(read)

    def derivable(value: Value, root: Value, depth: int) -> bool:
        """Whether ``value`` follows from the kept values other than ``root``."""
        if value is index or value not in defined or (value in kept and value is not root):
            return True
        operation = defined[value]
        if operation is None or depth == 0 or not _is_cheap(operation):
            return False
        return all(derivable(v, root, depth - 1) for v in uses(operation))

    for value in read:
        if derivable(value, value, 6):
            del kept[value]
    return kept


def _outer_shape(value: Value, local: set[Value]) -> tuple[Extent, ...]:
    """The shape of a residual with extents that vary inside the body replaced by their bound."""
    shape = []
    for extent in value.type.shape:
        if isinstance(extent, Dim) and symbols(extent) & local:
            bound = upper_bound(extent, local)
            if bound is None:
                owner = value.owner
                raise DerivativeError(
                    f"the extent {extent} of an intermediate array has no bound outside its loop.",
                    code="AD303",
                    source=owner.source if owner is not None else None,
                    remedy="give the array a size that does not depend on values computed in the loop",
                )
            extent = maximum(bound, 0)  # it is one of no iteration as well
        shape.append(extent)
    return tuple(shape)


def _padded(value: Value, shape: tuple[Extent, ...]) -> Value:
    if same_shape(value.type.shape, shape):
        return value
    x = Tracer(value, "array")
    zero = (0,) * len(shape)
    return slice_update(
        zeros(shape, value.dtype), x, zero, value.type.shape, (1,) * len(shape)
    ).value


# -- the backward loop ----------------------------------------------------------------------------
def _loop_pull(
    sweep: Reverse,
    operation: Operation,
    backward: _Backward,
    count: Extent,
    results: Sequence[Value],
    operands: Sequence[Value],
    stacks: Sequence[Value],
) -> Pull:
    builder = sweep.builder

    def pull(cotangents: Cotangents) -> None:
        if all(v not in cotangents for v in results):
            return
        starts = [_dense(cotangents, results[k]) for k in backward.live]
        starts += [_dense(cotangents, v) for v in backward.outside]
        stack_cts = [_dense(cotangents, sweep.primal(v)) for _, v in backward.stacked]
        for v in results:
            cotangents.pop(v, None)
        with builder.region() as block:
            k = builder.parameter(ArrayType(INT, ()), "k")
            k.low, k.high = 0, last_index(count)
            mapping: Mapping = {}
            forward_index = emit("extent_value", value=count - 1 - Dim.symbol(k))
            forward_index.low, forward_index.high = 0, last_index(count)
            mapping[backward.index] = forward_index
            _restore(backward, block, stacks, forward_index, mapping)
            for (slot, _), stack in zip(backward.stacked, stack_cts, strict=True):
                mapping[slot] = _row(stack, forward_index, map_type(slot.type, mapping))
            block.parameters += [copy_value(p, mapping) for p in backward.block.parameters]
            for inner in backward.block.operations:
                block.operations.append(copy_operation(inner, mapping, share=False))
            block.outputs = [mapping.get(v, v) for v in backward.block.outputs]
        outputs = emit_for(count, tuple(starts), block, operation.source)
        m = len(backward.live)
        for value, ct in zip(backward.outside, outputs[m:], strict=True):
            cotangents[value] = Tracer(ct, "array")
        for carry, ct in zip(backward.live, outputs[:m], strict=True):
            if operation.operands[carry] in sweep.active:
                add(cotangents, operands[carry], Tracer(ct, "array"))

    return pull


def _restore(
    backward: _Backward, block: Block, stacks: Sequence[Value], index: Value, mapping: Mapping
) -> None:
    """Bring back what the backward body reads, from the stacks or by computing it again.

    In the order of the forward body: an extent of one may be the value of another.
    """
    rows = list(zip(backward.residuals, stacks, strict=True))

    def load(before: int) -> None:
        while rows and backward.place_of(rows[0][0])[0] <= before:
            value, stack = rows.pop(0)
            mapping[value] = _row(stack, index, map_type(value.type, mapping))

    for operation in backward.recomputed:
        load(backward.position[operation])
        block.operations.append(_run_again(operation, mapping))
    load(len(backward.position))


def _row(stack: Value, index: Value, type: ArrayType) -> Value:
    starts = (Dim.symbol(index),) + (0,) * len(type.shape)
    return slice_of(Tracer(stack, "array"), starts, (None, *type.shape), (1,) * len(starts)).value
