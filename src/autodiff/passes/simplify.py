"""Algebraic simplification, one operation at a time.

    power(x, 2)              multiply(x, x)         small integer exponents
    strong_multiply(ct, c)   multiply(ct, c)        c a finite constant; ct itself when c is 1
    strong_multiply(-y, y)   multiply(-y, y)        which are 0 together
    multiply(x, 1), add(x, -0.0), cast to the same dtype, reshape of reshape, transpose of transpose, …
    dot_general(a, D)        multiply(a, d)         in derivatives, where D is seen to be the diagonal matrix of d

Constant scalars are folded by their NumPy meaning.  Nothing is reassociated, and no rule assumes
that values are finite: a rule holds for NaN, infinities and signed zeros, but for the sign of a
zero that a strong multiplication gives, and for products of a derivative with a diagonal matrix, whose zeros
contribute nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import same_shape
from autodiff.ir.data import ArrayType, Operation, Program, Value
from autodiff.ops.entries import ENTRIES, Pointwise
from autodiff.passes.rewrite import Scope, append, rebuild

MAXIMUM_EXPONENT = 4  # x**5 and up by pow: more multiplications would lose accuracy


def simplify(program: Program) -> Program:
    """Apply the rules until each operation is as simple as they make it."""
    return rebuild(program, _visit)


def _visit(operation: Operation, scope: Scope) -> Sequence[Value] | None:
    folded = _fold(operation, scope)
    if folded is not None:
        return (folded,)
    rule = RULES.get(operation.kind)
    if rule is None:
        return None
    value = rule(operation, scope)
    return None if value is None else (value,)


def constant_of(value: Value) -> np.ndarray | None:
    """The scalar a value is, where it is a constant scalar or a broadcast of one."""
    owner = value.owner
    while owner is not None and owner.kind in ("broadcast", "reshape"):
        owner = owner.operands[0].owner
    if owner is not None and owner.kind == "constant" and not owner.attributes["value"].shape:
        return owner.attributes["value"]
    return None


def _constant(scope: Scope, array: Any, like: Operation) -> Value:
    array = np.asarray(array, like.results[0].type.dtype)
    return append(scope, "constant", (), like, value=array)


def _fold(operation: Operation, scope: Scope) -> Value | None:
    """Operations on constant scalars, or on broadcasts of them, are done now."""
    if len(operation.results) != 1 or not operation.operands:
        return None
    if not isinstance(ENTRIES[operation.kind].lowering, Pointwise):
        return None
    constants = [constant_of(operand) for operand in operation.operands]
    if any(c is None for c in constants):
        return None
    with np.errstate(all="ignore"):
        result = ENTRIES[operation.kind].meaning(*constants, **operation.attributes)
    type_ = operation.results[0].type
    if not type_.shape:
        return _constant(scope, result, operation)
    scalar = Value(ArrayType(type_.dtype, ()))
    array = np.asarray(result, type_.dtype)
    scope.block.operations.append(
        Operation("constant", (), {"value": array}, (scalar,), (), operation.source)
    )
    return append(scope, "broadcast", (scalar,), operation, shape=type_.shape, axes=())


def _fits(value: Value, operation: Operation) -> bool:
    """Whether a value can stand for the operation's result."""
    result = operation.results[0].type
    return value.type.dtype == result.dtype and same_shape(value.type.shape, result.shape)


def _multiply(operation: Operation, scope: Scope) -> Value | None:
    a, b = operation.operands
    for x, other in ((a, b), (b, a)):
        c = constant_of(other)
        if c is not None and c == 1 and _fits(x, operation):
            return x
        if c is not None and c == -1 and _fits(x, operation) and x.type.is_float:
            return append(scope, "negative", (x,), operation)
    return None


def _add(operation: Operation, scope: Scope) -> Value | None:
    """``x + -0.0`` is ``x``; ``x + 0.0`` is not, where ``x`` is ``-0.0``."""
    a, b = operation.operands
    for x, other in ((a, b), (b, a)):
        c = constant_of(other)
        if c is not None and c == 0 and np.signbit(c) and _fits(x, operation):
            return x
    return None


def _strong_multiply(operation: Operation, scope: Scope) -> Value | None:
    ct, partial = operation.operands
    c = constant_of(partial)
    if c is not None and c == 0 and operation.kind == "strong_product":
        return partial if _fits(partial, operation) else None
    if c is not None and np.isfinite(c):
        if c == 1 and _fits(ct, operation):
            return ct
        return _scalar_product(operation, scope, ct, partial)
    c = constant_of(ct)
    if c is not None and c != 0 and not np.isnan(c):
        if c == 1 and _fits(partial, operation):
            return partial
        return _scalar_product(operation, scope, ct, partial)
    if _unsigned(ct) is _unsigned(partial):  # where one is 0 so is the other
        return _scalar_product(operation, scope, ct, partial)
    if _fits(ct, operation) and _chooses_numbers(partial):
        return _times_chosen(operation, scope, ct, partial)
    if _unsigned(ct) is not ct or _unsigned(partial) is not partial:
        return _signed_product(operation, scope)
    return None


def _signed_product(operation: Operation, scope: Scope) -> Value:
    """A product without the signs of its factors, negated if they differ: it may be there already."""
    a, b = (_unsigned(x) for x in operation.operands)
    same = (a is operation.operands[0]) is (b is operation.operands[1])
    type = operation.results[0].type
    product = Operation(operation.kind, (a, b), {}, (Value(type),), (), operation.source)
    scope.block.operations.append(product)
    return product.result if same else append(scope, "negative", (product.result,), operation)


def _chooses_numbers(x: Value) -> bool:
    """Whether a value is one of several finite numbers, as the slopes of an extremum are."""
    if x.owner is None or x.owner.kind != "select":
        return False
    numbers = [constant_of(v) for v in x.owner.operands[1:]]
    return all(
        np.isfinite(c) if c is not None else _chooses_numbers(v)
        for c, v in zip(numbers, x.owner.operands[1:], strict=True)
    )


def _times_chosen(operation: Operation, scope: Scope, ct: Value, chosen: Value) -> Value:
    """``ct`` times each of the numbers, of which one is chosen: nothing is multiplied by 0 or 1."""
    c = constant_of(chosen)
    if c is not None:
        return _scalar_product(operation, scope, ct, chosen) if c else chosen
    assert chosen.owner is not None
    condition, *sides = chosen.owner.operands
    a, b = (_times_chosen(operation, scope, ct, side) for side in sides)
    type = ArrayType(operation.results[0].dtype, operation.results[0].shape)
    choice = Operation("select", (condition, a, b), {}, (Value(type),), (), operation.source)
    scope.block.operations.append(choice)
    return choice.result


def _unsigned(x: Value) -> Value:
    """What a value is, but for its sign."""
    owner = x.owner
    return owner.operands[0] if owner is not None and owner.kind == "negative" else x


def _scalar_product(operation: Operation, scope: Scope, a: Value, b: Value) -> Value:
    product = Operation(
        "multiply", (a, b), {}, (Value(operation.results[0].type),), (), operation.source
    )
    simpler = _multiply(product, scope)
    if simpler is not None:
        return simpler
    scope.block.operations.append(product)
    return product.result


def _power(operation: Operation, scope: Scope) -> Value | None:
    base, exponent = operation.operands
    c = constant_of(exponent)
    if (
        c is None
        or not base.type.is_float
        or not _fits(base, operation)
        or c != int(c if np.isfinite(c) else 0.5)
    ):
        return None
    n = int(c)
    if abs(n) > MAXIMUM_EXPONENT:
        return None
    if n == 0:
        return None
    result = base
    square = base
    if abs(n) >= 2:
        square = append(scope, "multiply", (base, base), operation)
        result = square
    if abs(n) == 3:
        result = append(scope, "multiply", (square, base), operation)
    if abs(n) == 4:
        result = append(scope, "multiply", (square, square), operation)
    if n < 0:
        one = Operation(
            "constant",
            (),
            {"value": np.ones((), base.dtype)},
            (Value(_scalar_type(operation)),),
            (),
            operation.source,
        )
        scope.block.operations.append(one)
        result = append(scope, "divide", (one.result, result), operation)
    return result


def _scalar_type(operation: Operation) -> ArrayType:
    return ArrayType(operation.results[0].type.dtype, ())


def _cast(operation: Operation, scope: Scope) -> Value | None:
    (x,) = operation.operands
    return x if _fits(x, operation) else None


def _identity(operation: Operation, scope: Scope) -> Value | None:
    return operation.operands[0] if _fits(operation.operands[0], operation) else None


def _negative(operation: Operation, scope: Scope) -> Value | None:
    owner = operation.operands[0].owner
    if owner is not None and owner.kind == "negative":
        return owner.operands[0]
    return None


def _select(operation: Operation, scope: Scope) -> Value | None:
    condition, a, b = operation.operands
    if a is b and _fits(a, operation):
        return a
    c = constant_of(condition)
    if c is None:
        return None
    chosen = a if c else b
    return chosen if _fits(chosen, operation) else None


def _broadcast(operation: Operation, scope: Scope) -> Value | None:
    (x,) = operation.operands
    if _fits(x, operation) and operation.attributes["axes"] == tuple(range(len(x.type.shape))):
        return x
    owner = x.owner
    if owner is not None and owner.kind == "broadcast":
        outer = operation.attributes["axes"]
        axes = tuple(outer[k] for k in owner.attributes["axes"])
        return append(
            scope,
            "broadcast",
            owner.operands,
            operation,
            shape=operation.attributes["shape"],
            axes=axes,
        )
    return None


def _reshape(operation: Operation, scope: Scope) -> Value | None:
    (x,) = operation.operands
    if _fits(x, operation):
        return x
    owner = x.owner
    if owner is not None and owner.kind == "reshape":
        if _fits(owner.operands[0], operation):
            return owner.operands[0]
        return append(
            scope, "reshape", owner.operands, operation, shape=operation.attributes["shape"]
        )
    return None


def _transpose(operation: Operation, scope: Scope) -> Value | None:
    (x,) = operation.operands
    axes = operation.attributes["axes"]
    owner = x.owner
    if owner is not None and owner.kind == "transpose":
        inner = owner.attributes["axes"]
        axes = tuple(inner[k] for k in axes)
        if axes != tuple(range(len(axes))):
            return append(scope, "transpose", owner.operands, operation, axes=axes)
        return owner.operands[0]
    return x if axes == tuple(range(len(axes))) else None


def _is_zeros(value: Value) -> bool:
    c = constant_of(value)
    return c is not None and c == 0


def _covers(operation: Operation) -> bool:
    """Whether a slice update covers its whole first operand in order."""
    shape = operation.operands[0].type.shape
    a = operation.attributes
    return (
        all(isinstance(s, int) and s == 0 for s in a["starts"])
        and all(isinstance(s, int) and s == 1 for s in a["steps"])
        and None not in a["sizes"]
        and same_shape(tuple(a["sizes"]), shape)
    )


def _slice_update(operation: Operation, scope: Scope) -> Value | None:
    v = operation.operands[1]
    return v if _covers(operation) and _fits(v, operation) else None


def _slice_add(operation: Operation, scope: Scope) -> Value | None:
    base, v = operation.operands
    if _covers(operation) and _fits(v, operation):
        return v if _is_zeros(base) else append(scope, "add", (base, v), operation)
    return None


def _slice(operation: Operation, scope: Scope) -> Value | None:
    (x,) = operation.operands
    a = operation.attributes
    whole = (
        all(isinstance(s, int) and s == 0 for s in a["starts"])
        and all(isinstance(s, int) and s == 1 for s in a["steps"])
        and None not in a["sizes"]
    )
    return x if whole and _fits(x, operation) else None


def _reduce_sum(operation: Operation, scope: Scope) -> Value | None:
    return operation.operands[0] if not operation.attributes["axes"] else None


# -- diagonal matrices ------------------------------------------------------------------------------
def _dot_general(operation: Operation, scope: Scope) -> Value | None:
    """A product of two matrices, one of which is diagonal, of a derivative: its cotangent was that of a diagonal."""
    a, b = operation.operands
    (in_a, in_b), (batch, _) = operation.attributes["contract"], operation.attributes["batch"]
    if (
        not operation.is_derived
        or batch
        or len(a.shape) != 2
        or len(b.shape) != 2
        or len(in_a) != 1
    ):
        return None
    for diagonal, other, axis in ((_diagonal_of(b), a, 1), (_diagonal_of(a), b, 0)):
        if diagonal is None:
            continue
        if (in_a if axis else in_b)[0] != axis:
            other = append(scope, "transpose", (other,), operation, axes=(1, 0))
        scale = append(
            scope, "broadcast", (diagonal,), operation, shape=operation.result.shape, axes=(axis,)
        )
        return append(scope, "multiply", (other, scale), operation)
    return None


def _diagonal_of(x: Value) -> Value | None:
    """The vector on the diagonal of what is zero elsewhere: what the cotangent of a diagonal is added into."""
    owner = x.owner
    if owner is None:
        return None
    if (
        owner.kind == "select"
        and _is_zeros(owner.operands[2])
        and _holds_on_diagonal(owner.operands[0])
    ):
        return _diagonal_of(owner.operands[1])
    added = owner.operands[0].owner if owner.kind == "reshape" else None
    if added is None or added.kind != "slice_add" or not _is_zeros(added.operands[0]):
        return None
    n, m = (*owner.result.shape, None, None)[:2]
    whole = isinstance(n, int) and n == m and len(owner.result.shape) == 2
    slots = (
        {"starts": (0,), "sizes": (n,), "steps": (n + 1,)} if whole and isinstance(n, int) else None
    )
    return (
        added.operands[1] if slots == {k: tuple(v) for k, v in added.attributes.items()} else None
    )


def _holds_on_diagonal(condition: Value) -> bool:
    """Whether it compares the number of a row with that of the column, which are the same there."""
    owner = condition.owner
    if owner is None or owner.kind not in ("greater_equal", "less_equal", "equal"):
        return False
    return sorted([_counted_axis(v) for v in owner.operands]) == [0, 1]


def _counted_axis(x: Value) -> int:
    """The axis of a matrix along which its elements count from 0; -1 if it is not such a matrix."""
    if x.owner is None or x.owner.kind != "broadcast" or len(x.shape) != 2:
        return -1
    (line,), axes = x.owner.operands, x.owner.attributes["axes"]
    if line.owner is not None and line.owner.kind == "reshape":
        long = [k for k, n in enumerate(line.shape) if n != 1]
        axes, line = tuple([axes[k] for k in long]), line.owner.operands[0]
    counts = line.owner is not None and line.owner.kind == "iota"
    return int(axes[0]) if counts and len(axes) == 1 else -1


RULES: dict[str, Callable[[Operation, Scope], Value | None]] = {
    "add": _add,
    "dot_general": _dot_general,
    "multiply": _multiply,
    "strong_multiply": _strong_multiply,
    "strong_product": _strong_multiply,
    "power": _power,
    "float_power": _power,
    "cast": _cast,
    "positive": _identity,
    "derived_as": _identity,
    "with_slope": _identity,
    "with_slopes": _identity,
    "with_length": _identity,
    "with_turn": _identity,
    "first_order": _identity,
    "stop_gradient": _identity,
    "negative": _negative,
    "select": _select,
    "broadcast": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "slice_update": _slice_update,
    "slice_add": _slice_add,
    "reduce_sum": _reduce_sum,
}
