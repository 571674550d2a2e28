"""A function run once for each lane of a batch: one loop of the program, results stacked.

    lanes(frame, node, 3, lane)     for k in range(3): rows.append(lane(k)); stack them

The batch is a loop like any other (:mod:`~autodiff.capture.rolling`), so lanes take their own
branches and make their own numbers of iterations, and what a lane prints, draws or stores outside
happens in the order of the lanes.  It goes down the same ladder: where only the first lane differs,
that runs by itself; where nothing else helps, lanes are interpreted one by one.

The results are rows of the loop, not items of a list that it fills: nothing but what lanes share
is carried from one to the next.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.capture.effort import PASS
from autodiff.capture.interpreter import Frame
from autodiff.capture.regions import run_region
from autodiff.capture.rolling import roll_rows
from autodiff.capture.slots import Slot, as_parts, fit, is_numeric, slot_of
from autodiff.capture.trace import Declined
from autodiff.capture.unrolling import Passes
from autodiff.dims import Dim, Extent, UndecidedExtent, at_least
from autodiff.ir.data import ArrayType, Value
from autodiff.ladder import Bail, NotStaged, Rung
from autodiff.ops import dispatch
from autodiff.ops.complex_numbers import ComplexTracer, joined
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, as_tracer
from autodiff.plain_data import dataclass

MOST_UNROLLED = 16  # lanes that are interpreted one by one; of more, Python runs the loop


@dataclass
class Stacks:
    """What all lanes give: the structure of one lane's result, and its leaves stacked.

    ``differ`` tells of each leaf whether it may differ between lanes, None where that is not known.
    A leaf that is None is None in every lane.
    """

    definition: Any
    leaves: list[Any]
    differ: list[bool | None]


class _Rows:
    """The structure of what lanes give, which has to be the same for each."""

    def __init__(self, refuse: Callable[[Any], Exception]) -> None:
        self.refuse = refuse
        self.definition: Any = None
        self.kinds: list[str] = []

    def leaves(self, result: Any) -> list[Any]:
        """The leaves of one lane's result."""
        container = tree.is_container(result)
        leaves, definition = tree.flatten(result) if container else ([result], None)
        kinds = [self._kind(x) for x in leaves]
        if self.kinds and (definition, len(kinds)) != (self.definition, len(self.kinds)):
            raise NotStaged("lanes give results of different structures")
        self.definition, self.kinds = definition, kinds
        return leaves

    def _kind(self, x: Any) -> str:
        if x is None:
            return "none"
        if isinstance(x, np.ndarray) and x.dtype.kind in "fiubc":
            return "complex" if x.dtype.kind == "c" else "real"
        if as_parts(x) is not None:
            return "complex"
        if not is_numeric(x):
            raise self.refuse(x)
        return "real"

    def values(self, result: Any) -> list[Value]:
        """The values of one lane's result: one for a real leaf, two for a complex one."""
        made: list[Value] = []
        for x, kind in zip(self.leaves(result), self.kinds, strict=True):
            if kind == "complex":
                whole = x if as_parts(x) is not None else as_tracer(x)
                parts = as_parts(whole)
                assert parts is not None
                made += map(_row, parts.parts)
            elif kind == "real":
                made.append(_row(x))
        return made

    def stacked(self, stacks: Sequence[tuple[Any, bool | None]]) -> Stacks:
        """The stacks of the values, as those of the leaves."""
        left = iter(stacks)
        leaves: list[Any] = []
        differ: list[bool | None] = []
        for kind in self.kinds:
            if kind == "none":
                leaves.append(None)
                differ.append(False)
                continue
            (first, varies), second = next(left), next(left) if kind == "complex" else None
            if second is not None:
                first, varies = joined(first, second[0], "array"), varies or second[1]
            leaves.append(first)
            differ.append(varies)
        return Stacks(self.definition, leaves, differ)


def _row(x: Any) -> Value:
    """A leaf as a row of a stack, which knows no Python numbers."""
    x = as_tracer(x) if isinstance(x, np.ndarray) else x
    slot = slot_of(x)
    return fit(x, Slot(slot.dtype, slot.shape, "array"))


def lanes(
    frame: Frame,
    node: ast.AST,
    count: Extent,
    lane: Callable[[Any], Any],
    refuse: Callable[[Any], Exception],
) -> Stacks:
    """The results of ``lane(k)`` for each ``k`` below ``count``, stacked along a new first axis.

    ``refuse(x)`` makes the error for a leaf of a result that is no number and no array.
    """
    rows = _Rows(refuse)
    if not frame.trace.tier.rolls:
        return _one_by_one(frame, node, count, lane, rows, "")
    try:
        return _rolled(frame, node, count, 0, lane, rows)
    except Bail as problem:
        if problem.rung is Rung.PEELED:
            differs = problem
        elif problem.rung is Rung.UNROLLED:
            return _one_by_one(frame, node, count, lane, rows, problem)
        else:
            raise
    return _peeled(frame, node, count, lane, rows, differs)


def _rolled(
    frame: Frame,
    node: ast.AST,
    count: Extent,
    first: int,
    lane: Callable[[Any], Any],
    rows: _Rows,
) -> Stacks:
    def row(k: Any) -> list[Value]:
        return rows.values(lane(k + first if first else k))

    made = roll_rows(frame, node, count - first, row)
    return rows.stacked([(Tracer(value, "array"), differs) for value, differs in made])


def _peeled(
    frame: Frame,
    node: ast.AST,
    count: Extent,
    lane: Callable[[Any], Any],
    rows: _Rows,
    why: Bail,
) -> Stacks:
    """The first lane by itself, the others in a loop."""
    try:
        several = at_least(count, 2)
    except UndecidedExtent:
        several = False
    if not several:
        return _one_by_one(frame, node, count, lane, rows, why)
    frame.trace.decisions.take(Rung.PEELED, why, frame.source(node))
    first = [Tracer(value, "array") for value in rows.values(lane(0))]
    rest = _rolled(frame, node, count, 1, lane, rows)
    stacks = [
        dispatch.functions[np.concatenate]([x[None], y])
        for x, y in zip(first, _parts(rest), strict=True)
    ]
    return rows.stacked([(x, None) for x in stacks])


def _parts(stacks: Stacks) -> list[Any]:
    found: list[Any] = []
    for x in stacks.leaves:
        if x is not None:
            found += x.parts if isinstance(x, ComplexTracer) else [x]
    return found


def _one_by_one(
    frame: Frame,
    node: ast.AST,
    count: Extent,
    lane: Callable[[Any], Any],
    rows: _Rows,
    why: Bail | str,
) -> Stacks:
    """Each lane interpreted by itself."""
    number = int(as_tracer(count)._concrete()) if isinstance(count, Dim) else count
    if number == 0:
        raise Declined("a batch without lanes", frame.source(node))
    if number > MOST_UNROLLED:
        reason, source = (why.reason, why.source) if isinstance(why, Bail) else (why, None)
        frame.trace.tier.decline(reason, source or frame.source(node))
    passes = Passes(frame, node, why)
    found: list[list[Any]] = []
    for k in range(number):
        frame.trace.allowance.take(PASS)
        found.append([x for x in rows.leaves(lane(k)) if x is not None])
        passes.made()
    passes.end()
    columns = zip(*found, strict=True)
    stacks = iter([dispatch.functions[np.stack](list(column)) for column in columns])
    leaves = [None if kind == "none" else next(stacks) for kind in rows.kinds]
    differ = [False if kind == "none" else None for kind in rows.kinds]
    return Stacks(rows.definition, leaves, differ)


def no_lanes(
    frame: Frame,
    lane: Callable[[Sequence[Any]], Any],
    types: Sequence[tuple[np.dtype[Any], tuple[Any, ...]]],
    refuse: Callable[[Any], Exception],
) -> Stacks:
    """Empty stacks, of the types that a lane would give which nobody runs.

    ``lane`` gets values of ``types`` for what would be its parts of the batch.
    """
    rows = _Rows(refuse)
    parameters: list[Value] = []

    def placeholder(dtype: np.dtype[Any], shape: tuple[Any, ...]) -> Any:
        if dtype.kind == "c":
            half = np.empty(0, dtype).real.dtype
            re, im = placeholder(half, shape), placeholder(half, shape)
            return joined(re, im, "array" if shape else "scalar")
        parameters.append(Value(ArrayType(dtype, shape)))
        return Tracer(parameters[-1], "array" if shape else "scalar")

    given = [placeholder(dtype, shape) for dtype, shape in types]
    made: list[Value] = []
    outcome = run_region(frame, lambda: made.extend(rows.values(lane(given))), parameters)
    if outcome.raised is not None:
        raise outcome.raised
    if any(isinstance(n, Dim) for value in made for n in value.shape):
        raise Declined("a result of a size that no lane tells")
    stacks = [Tracer(zeros((0, *v.shape), v.dtype).value, "array") for v in made]
    return rows.stacked([(x, None) for x in stacks])


__all__ = ["Stacks", "lanes", "no_lanes"]
