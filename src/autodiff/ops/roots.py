"""Squares of roots: ``abs(x)**2``, ``norm(v)**2``, ``hypot(x, y)**2``, ``sqrt(x)**2``, ``cbrt(x)**3``.

The root has a kink at 0, or an infinite slope, for which there is a convention; the square has none:
its second derivative is 2.  The product rule cannot know: 2 |x| sign(x) has the derivative
2 sign(x)**2, which is 0 at 0.  So the square keeps its value and takes its derivative from what the
root was taken of::

    power(absolute(x), 2)     =>  derived_as(power(absolute(x), 2), multiply(x, x))
    multiply(r, r), r = sqrt(s)   =>  derived_as(multiply(r, r), s)

It sees even powers (multiples of three of ``cbrt``) that are known, of a root or of a view of one.
It does not see roots that a loop carries, nor products of several roots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ir.data import Operation, Value
from autodiff.ops.entries import ENTRIES
from autodiff.ops.smooth import derived_as
from autodiff.ops.tracer import Tracer, emit_tracer

POWERS = frozenset(("multiply", "square", "power", "float_power"))
_VIEWS = frozenset(("reshape", "broadcast", "transpose", "slice"))
# How often the root must be multiplied with itself.
_DEGREES = {"absolute": 2, "fabs": 2, "sqrt": 2, "hypot": 2, "cbrt": 3}


def power_of_root(kind: str, operands: tuple[Value, ...], result: Value) -> Value:
    """The result of a product or power, with the derivative that it has where a root has none."""
    if not result.type.is_float:
        return result
    views: list[Operation] = []
    root = _root_of(operands[0], views)
    if root is None:
        return result
    exponent = _exponent(kind, operands)
    degree = _DEGREES[root.kind]
    if exponent is None or exponent < degree or exponent % degree:
        return result
    smooth = _without_root(root, exponent // degree)
    for view in reversed(views):
        smooth = emit_tracer(view.kind, smooth, **view.attributes)
    if smooth.dtype != result.type.dtype or smooth.value.shape != result.type.shape:
        return result
    plain: Tracer = derived_as(Tracer(result), smooth)
    plain.value.type = result.type
    return plain.value


def _root_of(value: Value, views: list[Operation]) -> Operation | None:
    """The root that a value is, or is a view of."""
    owner = value.owner
    while owner is not None and owner.kind in _VIEWS:
        views.append(owner)
        owner = owner.operands[0].owner
    return owner if owner is not None and owner.kind in _DEGREES else None


def _exponent(kind: str, operands: tuple[Value, ...]) -> int | None:
    """How often a value is multiplied with itself."""
    if kind == "square":
        return 2
    if kind == "multiply":
        return 2 if _same(operands[0], operands[1]) else None
    owner = operands[1].owner
    while owner is not None and owner.kind in ("cast", "broadcast"):
        owner = owner.operands[0].owner
    if owner is None or owner.kind != "constant" or owner.attributes["value"].shape:
        return None
    exponent = float(owner.attributes["value"])
    return int(exponent) if exponent.is_integer() and 0 < exponent < 1000 else None


_DEPTH = 8  # of expressions that are compared: a root is not far from its square


def _same(a: Value, b: Value, depth: int = _DEPTH) -> bool:
    """Whether two values are computed alike, as by two calls of one function."""
    if a is b:
        return True
    first, second = a.owner, b.owner
    if first is None or second is None or not depth or first.regions or first.kind != second.kind:
        return False
    if len(first.results) != 1 or ENTRIES[first.kind].has_effect:
        return False
    if first.kind == "constant":
        x, y = first.attributes["value"], second.attributes["value"]
        return bool(x.dtype == y.dtype and x.shape == y.shape == () and x == y)
    attributes = (*first.attributes.values(), *second.attributes.values())
    if not all(_is_plain(v) for v in attributes) or first.attributes != second.attributes:
        return False
    pairs = zip(first.operands, second.operands, strict=True)
    return all(_same(x, y, depth - 1) for x, y in pairs)


def _is_plain(attribute: Any) -> bool:
    """Whether ``==`` decides about it, which extents leave to the run."""
    if isinstance(attribute, tuple):
        return all(_is_plain(item) for item in attribute)
    return attribute is None or isinstance(attribute, (int, float, str, np.dtype))


def _without_root(root: Operation, times: int) -> Any:
    """The root's operand, or sum of squares, ``times`` times multiplied with itself."""
    a: Any = Tracer(root.operands[0], "array")
    if root.kind in ("absolute", "fabs"):
        return np.power(a, 2.0 * times) if times > 1 else a * a
    if root.kind == "hypot":
        b: Any = Tracer(root.operands[1], "array")
        a = a * a + b * b
    elif root.kind == "sqrt":
        a = a * np.where(a < 0, np.nan, 1.0).astype(a.dtype)  # no root, nor a derivative, below 0
    return np.power(a, float(times)) if times > 1 else a
