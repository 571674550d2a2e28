"""A program for arrays that lie in Fortran order: it takes their transposes, which lie in C order.

    def f(a: float64[4,3]):                        def f(a: float64[3,4]):
        v0 = multiply(a, a)                            v0 = multiply(a, a)
        v1 = reduce_sum(v0, axes=(0, 1))               v1 = reduce_sum(v0, axes=(0, 1))

Elements lie where they lay, and nothing is copied.  What is computed element by element, reduced, cut out and stored
into is computed of the transpose (*turned*: with its axes in reverse), products of matrices sum over the other axis;
where something else needs the array itself, it is a transpose of the transpose, and so are outputs.

A sum of all elements goes through them in the order in which they lie, as NumPy's does.

Not here: branches and loops that use such an array, and programs that need one in its own order more than twice: to copy
it once is cheaper there.  Those are None.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from autodiff.ir.copying import Mapping, copy_operation, map_attribute, map_type
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, free_values
from autodiff.ops.entries import ENTRIES, Pointwise, Reduction

_MOST = 2
"""How often an array may be needed in its own order."""


def by_columns(program: Program, numbers: Collection[int]) -> Program | None:
    """The program of the transposes of some inputs; None where to copy these is better."""
    turning = _Turning()
    for k, value in enumerate(program.inputs):
        turning.block.parameters.append(turning.parameter(value) if k in numbers else value)
    for operation in program.block.operations:
        if not turning.take(operation):
            return None
    turning.block.outputs = [turning.plain(v) for v in program.outputs]
    if any(count > _MOST for count in turning.needed.values()):
        return None
    return Program(turning.block, program.name)


class _Turning:
    """The block that is made, and where in it what was in the other is."""

    def __init__(self) -> None:
        self.block = Block()
        self.mapping: Mapping = {}  # values as they were
        self.turned: Mapping = {}  # values with their axes in reverse
        self.needed: dict[Value, int] = {}  # values that are turned and are needed as they were

    def parameter(self, value: Value) -> Value:
        """The input for the transpose of one."""
        return self._turn(value)

    def take(self, operation: Operation) -> bool:
        """Append what an operation is here; whether that is worth it."""
        if operation.regions:
            inner = [v for region in operation.regions for v in free_values(region)]
            if not self.turned.keys().isdisjoint([*inner, *operation.operands]):
                return False
        if self.turned.keys().isdisjoint(operation.operands) or not self._is_turned(operation):
            for value in dict.fromkeys(operation.operands):
                self.plain(value)
            self.block.operations.append(copy_operation(operation, self.mapping))
        return True

    def plain(self, value: Value) -> Value:
        """A value as it was."""
        if value in self.turned:
            self.needed[value] = self.needed.get(value, 0) + 1
            if value not in self.mapping:
                self.mapping[value] = self._transpose(self.turned[value], value)
        return self.mapping.get(value, value)

    def _is_turned(self, operation: Operation) -> bool:
        """Whether an operation is appended that gives the transpose of its result, or needs no other operands."""
        lowering = ENTRIES[operation.kind].lowering
        if isinstance(lowering, Pointwise):
            return self._pointwise(operation)
        if isinstance(lowering, Reduction):
            return self._reduction(operation)
        rule = _RULES.get(operation.kind)
        return rule is not None and rule(self, operation)

    # -- rules ---------------------------------------------------------------------------------------
    def _pointwise(self, operation: Operation) -> bool:
        axes = len(operation.result.shape)
        if any(len(v.shape) not in (0, axes) for v in operation.operands):
            return False
        operands = [self._reversed(v) for v in operation.operands]
        if None in operands:
            return False
        self._append(operation, operands, operation.attributes)
        return True

    def _reduction(self, operation: Operation) -> bool:
        (x,) = operation.operands
        axes = tuple(sorted(len(x.shape) - 1 - k for k in operation.attributes["axes"]))
        self._append(operation, [self.turned[x]], {**operation.attributes, "axes": axes})
        return True

    def _slice(self, operation: Operation) -> bool:
        base, *pieces = operation.operands
        if base not in self.turned:
            return False
        turned = [self._reversed(v) for v in pieces]
        if None in turned:
            turned = [self._transpose(self.plain(v), v) for v in pieces]
        attributes = {
            k: v[::-1] if k in ("starts", "sizes", "steps") else v
            for k, v in operation.attributes.items()
        }
        self._append(operation, [self.turned[base], *turned], attributes)
        return True

    def _transposition(self, operation: Operation) -> bool:
        (x,) = operation.operands
        last = len(x.shape) - 1
        axes = tuple(last - k for k in operation.attributes["axes"])
        found = self.turned[x]
        if axes != tuple(range(last + 1)):
            found = self._transpose(found, operation.result, axes)
        self.mapping[operation.result] = found
        return True

    def _product(self, operation: Operation) -> bool:
        """A product whose operands have one axis at most that is neither summed over nor of a batch."""
        pairs = list(
            zip(operation.attributes["contract"], operation.attributes["batch"], strict=True)
        )
        attributes: dict[str, list[Any]] = {"contract": [], "batch": []}
        operands = []
        for x, (contract, batch) in zip(operation.operands, pairs, strict=True):
            is_turned, axes = x in self.turned, len(x.shape)
            if is_turned and axes - len(contract) - len(batch) > 1:
                return False
            for name, numbers in (("contract", contract), ("batch", batch)):
                turned = tuple(axes - 1 - k for k in numbers)
                attributes[name].append(turned if is_turned else numbers)
            operands.append(self.turned[x] if is_turned else self.mapping.get(x, x))
        given = {k: tuple(v) for k, v in attributes.items()}
        result = Value(map_type(operation.result.type, self.mapping), operation.result.hint)
        self.mapping[operation.result] = result
        self._put(operation.kind, operands, {**operation.attributes, **given}, result, operation)
        return True

    # -- parts ---------------------------------------------------------------------------------------
    def _reversed(self, value: Value) -> Value | None:
        """The transpose of a value, if it is there or costs nothing."""
        if value in self.turned:
            return self.turned[value]
        if len(value.shape) < 2:
            return self.mapping.get(value, value)
        made = value.owner
        if made is None or made.kind != "broadcast":
            return None
        (x,) = made.operands
        inner = self.turned.get(x) or self.mapping.get(x, x)
        if len(x.shape) > 1 and x not in self.turned:  # of fewer elements: a line, most often
            inner = self._transpose(inner, x)
        last = len(value.shape) - 1
        attributes = {
            **made.attributes,
            "shape": made.attributes["shape"][::-1],
            "axes": tuple(last - k for k in reversed(made.attributes["axes"])),
        }
        result = self._turn(value)
        self._put("broadcast", [inner], attributes, result, made)
        return result

    def _append(
        self, operation: Operation, operands: list[Any], attributes: dict[str, Any]
    ) -> None:
        self._put(operation.kind, operands, attributes, self._turn(operation.result), operation)

    def _put(
        self,
        kind: str,
        operands: list[Value],
        attributes: dict[str, Any],
        result: Value,
        like: Operation,
    ) -> None:
        given = {k: map_attribute(v, self.mapping) for k, v in attributes.items()}
        made = Operation(kind, tuple(operands), given, (result,), (), like.source)
        self.block.operations.append(made)

    def _turn(self, value: Value) -> Value:
        """A new value for the transpose of one; of one axis or none it is the value itself."""
        old = map_type(value.type, self.mapping)
        new = Value(ArrayType(old.dtype, old.shape[::-1], old.weak), value.hint)
        new.low, new.high = value.low, value.high
        (self.turned if len(value.shape) > 1 else self.mapping)[value] = new
        return new

    def _transpose(self, x: Value, like: Value, axes: tuple[int, ...] | None = None) -> Value:
        """``x`` with its axes in reverse or another order."""
        order = tuple(reversed(range(len(x.shape)))) if axes is None else axes
        result = Value(ArrayType(x.dtype, tuple(x.shape[k] for k in order)), like.hint)
        source = None if like.owner is None else like.owner.source
        made = Operation("transpose", (x,), {"axes": order}, (result,), (), source)
        self.block.operations.append(made)
        return result


_RULES: dict[str, Callable[[_Turning, Operation], bool]] = {
    "slice": _Turning._slice,
    "slice_update": _Turning._slice,
    "slice_add": _Turning._slice,
    "transpose": _Turning._transposition,
    "dot_general": _Turning._product,
}


__all__ = ["by_columns"]
