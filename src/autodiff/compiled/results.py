"""What the entry of a program returns: where it can be, the result itself.

    (y, {"w": z, "n": 0.0})     (0, {"w": 1, "n": Constant(0.0)})     a tree for the engine

Outputs, constants, floats in lists, and built-in containers of these are put together by the entry,
for a tenth of the time.  Where lists of records are among them a generated function makes it of the
outputs (``result_maker``).  Everything else (arguments and views of them, copies, complex numbers,
other classes of containers) is rebuilt around the bare outputs, see ``capture.Result``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import tree
from autodiff.capture import Captured
from autodiff.capture.stores import ListPlan
from autodiff.dims import symbols
from autodiff.ir.data import Program
from autodiff.ir.results import Constant, Converted, Either, Items, ResultTree
from autodiff.later import later
from autodiff.tables import Table
from autodiff.transform.plans import Plan

if TYPE_CHECKING:
    from autodiff import columns
else:
    columns = later("autodiff.columns")


class _Unsuited(Exception):
    """The entry cannot make this."""


def result_tree(captured: Captured, plan: Plan, followed: bool) -> ResultTree | None:
    """How the entry makes the result; None where it gives the outputs, as one flat tuple.

    ``followed``: effects follow the run, which get the outputs beside the result.
    """
    result = plan.result
    if plan.write_back or result.parts or (captured.objects or captured.watched) and not followed:
        return None
    try:
        leaves = [_leaf(leaf, plan) for leaf in result.leaves]
        if result.definition is None:
            return leaves[0]
        # A container of the numbers of its leaves shows how it is nested.
        nested = tree.unflatten(result.definition, [_Number(k) for k in range(len(leaves))])
        return _nested(nested, leaves)
    except _Unsuited:
        return None


def result_maker(captured: Captured, plan: Plan) -> Callable[[Sequence[Any]], Any] | None:
    """What makes a result with lists of records of the outputs; None for other results."""
    result = plan.result
    if plan.write_back or captured.objects or captured.watched or result.parts:
        return None
    if result.definition is None or not all(x[0] in ("output", "constant") for x in result.leaves):
        return None
    nested = tree.unflatten(result.definition, [_Number(k) for k in range(len(result.leaves))])
    objects: dict[str, Any] = {}
    try:
        text = _expression(nested, result.leaves, objects)
    except (_Unsuited, columns.Unreadable):
        return None
    make: Callable[[Sequence[Any]], Any] = eval(f"lambda outputs: {text}", objects)
    return make


def _expression(part: Any, leaves: list[tuple[Any, ...]], objects: dict[str, Any]) -> str:
    """The result of ``outputs`` as an expression; ``objects`` are those that it names."""
    name = f"o{len(objects)}"
    if type(part) is _Number:
        kind, what = leaves[part][:2]
        if kind == "output":
            return f"outputs[{what}]"
        objects[name] = what
        return name
    if type(part) is Table:
        of = [leaves[number] for number in part.columns]
        if any(leaf[0] != "output" for leaf in of):
            raise _Unsuited
        objects[name] = columns.compile_write(part.layout)
        given = [_expression(x, leaves, objects) for x in part.columns]
        return f"{name}({', '.join(given)})"
    if type(part) in (tuple, list):
        items = "".join([f"{_expression(item, leaves, objects)}, " for item in part])
        return f"({items})" if type(part) is tuple else f"[{items}]"
    if type(part) is dict and all(type(key) in (str, int) for key in part):
        pairs = [f"{key!r}: {_expression(item, leaves, objects)}" for key, item in part.items()]
        return "{" + ", ".join(pairs) + "}"
    raise _Unsuited


class _Number(int):
    """The number of a leaf: nothing else in a container is of this class."""


def _nested(part: Any, leaves: list[ResultTree]) -> ResultTree:
    if type(part) is _Number:
        return leaves[part]
    if type(part) in (tuple, list):
        items = [_nested(item, leaves) for item in part]
        return tuple(items) if type(part) is tuple else items
    if type(part) is dict and all(type(key) in (str, int) for key in part):
        return {key: _nested(item, leaves) for key, item in part.items()}
    raise _Unsuited


def _leaf(leaf: tuple[Any, ...], plan: Plan) -> ResultTree:
    kind, what = leaf[0], leaf[1]
    if kind == "output":
        return int(what)
    if kind == "constant":
        return Constant(what)
    if kind == "list" and isinstance(what, ListPlan):
        return _items(what, plan.program)
    if kind == "either":
        narrow = _narrow(leaf[2], plan)
        if leaf[3][0] == "output":
            return Either(what, narrow, leaf[3][1])
    raise _Unsuited


def _items(of: ListPlan, program: Program) -> Items:
    """A list that is all of an output, whose length the arguments tell."""
    output = program.outputs[of.buffer]
    if (
        not of.is_whole
        or of.form != "python"
        or output.dtype != np.float64
        or len(output.shape) != 1
    ):
        raise _Unsuited
    given = {symbol for x in program.inputs for n in x.shape for symbol in symbols(n)}
    if not symbols(output.shape[0]) <= given:
        raise _Unsuited
    return Items(of.buffer, of.kind)


def _narrow(leaf: tuple[Any, ...], plan: Plan) -> Constant | Converted:
    if leaf[0] == "constant":
        return Constant(leaf[1])
    if leaf[0] == "converted":
        kind, dtype = leaf[2], plan.program.outputs[leaf[1]].dtype
        kept = dtype == np.float64 or dtype.kind in "iub"
        if kind in (int, bool) and kept or (kind is float and dtype.kind == "f"):
            return Converted(leaf[1], kind)
    raise _Unsuited
