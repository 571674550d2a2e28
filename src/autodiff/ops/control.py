"""Structured control flow and effects.

    cond(predicate)              regions: then(), else(); each yields the results
    for(*carries; count)         region: body(k, *carries) yields (*carries, *stacked)
                                 results: (*carries, *stacks), stack shape (count, …)
    while(*carries)              regions: test(*carries) yields a bool;
                                 body(k, *carries) yields (*carries, *stacked)
                                 results: (trips, *carries, *stacks), stack shape (trips, …)
    check(predicate, *operands; message)      fails the run when false
    sized(; shape, itemsize)                  fails the run when no memory holds such an array
    host_call(*operands; function, types)     calls Python at every run, in order

``k`` counts iterations from 0 (int64 scalar).  The number of carries is the number of operands;
what a body yields beyond them is stacked along a new first axis, one slice an iteration.  Blocks
use values of enclosing blocks directly.  A failed check makes the engine report failure; the
caller then runs the user's function as plain Python, which raises NumPy's own exception.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, bounds
from autodiff.errors import ShapeError
from autodiff.ir.data import ArrayType, Block, Operation, Value, uses
from autodiff.ops.builder import Raised, current_builder
from autodiff.ops.entries import Control, Effect, Entry, register, require_types
from autodiff.signals import Signal

INT = np.dtype(np.int64)


def _no_rule(types: Any, **attributes: Any) -> tuple[ArrayType, ...]:
    raise AssertionError("control flow states its result types")


def _no_meaning(*operands: Any, **attributes: Any) -> Any:
    raise AssertionError("control flow is run by the engine")


MEMORY_FAILED = "out of memory"
"""What an engine says of a run that asked for more memory than there is."""


GUARD = "guard: a value that shaped the program"
"""What a check says of a call that another program is for."""


MOST_BYTES = 2**42
"""What no array has: NumPy, asked beyond it, has the memory or says that it has not."""


class CheckFailed(Signal):
    """A check of a program failed at run time."""


def _check_meaning(predicate: Any, *operands: Any, message: str) -> tuple[()]:
    if not predicate:
        raise CheckFailed(message)
    return ()


def _host_meaning(*operands: Any, function: Any, types: Any) -> Any:
    results = function(*operands)
    if not types:
        return ()
    name = getattr(function, "__name__", "a function")
    return tuple([fitted_result(r, t, name) for r, t in zip(results, types, strict=True)])


def fitted_result(result: Any, type: ArrayType, name: str) -> Any:
    """What Python gave a program, as the array that the program goes on with.

    Nothing is stretched, cut or converted to another kind of number: engines compute by the type.

    Raises
    ------
    ShapeError
        When it has another rank, shape or kind than the one that the program was made for.
    """
    array = np.asarray(result)
    fits = (
        array.ndim == len(type.shape)
        and all(isinstance(n, Dim) or n == m for n, m in zip(type.shape, array.shape, strict=True))
        and (array.size == 0 or np.can_cast(array.dtype, type.dtype, "same_kind"))
    )
    if not fits:
        got = ArrayType(array.dtype, array.shape)
        raise ShapeError(
            f"{name} gives {got} at this call, {type} when the program was made.", code="AD202"
        )
    return array.astype(type.dtype, copy=False)


def _cond_regions(operation: Operation) -> None:
    types = [v.type for v in operation.results]
    for region in operation.regions:
        require_types("what a branch yields", region.outputs, types)


def _loop_regions(operation: Operation) -> None:
    """Carries keep their types from one iteration to the next; rows fit what they are stacked in."""
    count = len(operation.operands)
    body = operation.regions[-1]
    carries = [v.type for v in operation.operands]
    results = operation.results[0 if operation.kind == "for" else 1 :]
    for region in operation.regions:
        # The body also counts the iterations.
        given = region.parameters[1:] if region is body else region.parameters
        require_types("the parameters of a loop", given, carries)
    require_types("what a loop carries on", body.outputs[:count], carries)
    require_types("the results of a loop", results[:count], carries)
    stacks = [v.type for v in results[count:]]
    require_types("what a loop stacks", body.outputs[count:], stacks, stacked=True)


register(Entry("cond", _no_rule, _no_meaning, Control(), regions=_cond_regions))
for _name in ("for", "while"):
    register(Entry(_name, _no_rule, _no_meaning, Control(), regions=_loop_regions))
register(Entry("check", lambda types, message: (), _check_meaning, Effect(), zero_derivative=True))


def _sized_meaning(shape: tuple[int, ...], itemsize: int) -> tuple[()]:
    # Python's integers: no product is too large for them.
    if any(n > MOST_BYTES for n in shape) or math.prod(shape) * itemsize > MOST_BYTES:
        raise CheckFailed(MEMORY_FAILED)
    return ()


register(Entry("sized", lambda types, **_: (), _sized_meaning, Effect(), zero_derivative=True))


def _host_rule(operands: Any, function: Any, types: Any) -> tuple[ArrayType, ...]:
    return tuple(types)


register(Entry("host_call", _host_rule, _host_meaning, Effect()))


def emit_cond(
    predicate: Value, then: Block, orelse: Block, source: Any = None
) -> tuple[Value, ...]:
    """Append a conditional; the blocks' outputs agree in type."""
    types = tuple(v.type for v in then.outputs)
    return current_builder().emit("cond", (predicate,), {}, types, (then, orelse), source)


def _stacked(count: Extent, values: list[Value]) -> tuple[ArrayType, ...]:
    return tuple(ArrayType(v.type.dtype, (count, *v.type.shape)) for v in values)


def emit_for(
    count: Extent,
    carries: tuple[Value, ...],
    body: Block,
    source: Any = None,
    **marks: Any,
) -> tuple[Value, ...]:
    """Append a counted loop; ``body.parameters`` are ``(k, *carries)``.

    Marks say how reverse mode goes through it: ``checkpointed`` in segments, and ``run_again`` by
    running it again on the way back where it stands in another loop; ``tape`` is the number of a
    loop of which it is to be known how much it keeps.
    """
    _hoist_slices(body)
    n = len(carries)
    types = tuple(v.type for v in body.outputs[:n]) + _stacked(count, body.outputs[n:])
    attributes = {"count": count, **_given(marks)}
    return current_builder().emit("for", carries, attributes, types, (body,), source)


MARKS = ("checkpointed", "tape")  # those that a loop has in forward mode too


def _given(marks: dict[str, Any]) -> dict[str, Any]:
    return {name: mark for name, mark in marks.items() if mark is not None and mark is not False}


def _hoist_slices(body: Block) -> None:
    """Move slices that are the same in every iteration out of a loop's body.

    What reverse mode has to keep of them is then the slice, not the array that it is a slice of.
    """
    inside = set(body.parameters)
    moved, kept = [], []
    for operation in body.operations:
        if operation.kind == "slice" and inside.isdisjoint(uses(operation)) and _fits(operation):
            moved.append(operation)
        else:
            kept.append(operation)
            inside.update(operation.results)
    body.operations = kept
    current_builder().block.operations.extend(moved)


def _fits(operation: Operation) -> bool:
    """Whether a slice lies within its array for certain, also where the loop makes no iteration."""
    attributes = operation.attributes
    for n, start, size, step in zip(
        operation.operands[0].shape,
        attributes["starts"],
        attributes["sizes"],
        attributes["steps"],
        strict=True,
    ):
        end = start if size is None else start + (size - 1) * step
        for margin in (start, n - 1 - start, end, n - 1 - end):
            low = bounds(margin)[0] if isinstance(margin, Dim) else margin
            if low is None or low < 0:
                return False
    return True


def emit_while(
    carries: tuple[Value, ...], test: Block, body: Block, source: Any = None, **marks: Any
) -> tuple[Value, ...]:
    """Append a while loop; results begin with the trip count.  Marks are as of :func:`emit_for`."""
    n = len(carries)
    builder = current_builder()
    types = (ArrayType(INT, ()), *(v.type for v in body.outputs[:n]))
    types += _stacked(0, body.outputs[n:])
    attributes = _given(marks)
    results = builder.emit("while", carries, attributes, types, (test, body), source)
    trips = results[0]
    trips.low = 0
    for value in results[1 + n :]:
        value.type = ArrayType(value.type.dtype, (Dim.symbol(trips), *value.type.shape[1:]))
    return results


def emit_check(predicate: Value, message: str, error: Raised | None = None) -> None:
    """Append a check that fails the run when ``predicate`` is false.

    ``error`` is what plain Python raises exactly then, or its type: the user's ``try`` may be there for it.
    """
    builder = current_builder()
    if error is None or builder.raising is None or not builder.raising(predicate, error):
        builder.emit("check", (predicate,), {"message": message}, ())


class Refusal:
    """What a ``host_call`` runs that only raises."""

    # As the effects of the user's code are asked: it happens where it stands.
    has_result = True
    generator = None
    at_the_end = False

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.may_fail_later = False
        self.__name__ = "refuse"

    def __call__(self, *operands: Any) -> Any:
        raise self.error


def emit_refusal(predicate: Value, error: Exception) -> None:
    """Append what raises ``error`` at run time where ``predicate`` is true."""
    builder = current_builder()
    with builder.region() as then:
        builder.emit("host_call", (), {"function": Refusal(error), "types": ()}, ())
    with builder.region() as orelse:
        pass
    emit_cond(predicate, then, orelse)
