"""Squares of roots: ``abs(x)**2``, ``norm(v)**2``, ``hypot(x, y)**2``, ``sqrt(x)**2``, ``cbrt(x)**3``.

The root has a kink at 0, or an infinite slope, for which there is a convention; the square has none:
its second derivative is 2.  The product rule cannot know: 2 |x| sign(x) has the derivative
2 sign(x)**2, which is 0 at 0.  So the square keeps its value and takes its derivative from what the
root was taken of::

    power(absolute(x), 2)     =>  derived_as(power(absolute(x), 2), multiply(x, x))
    multiply(r, r), r = sqrt(s)   =>  derived_as(multiply(r, r), s)
    (norm(v) / c)**2              =>  derived_as((norm(v) / c)**2, sum(v * v) / c**2)

It sees even powers (multiples of three of ``cbrt``) that are known, of a root, of a view of one or of a
product or quotient with one as a factor; and products of two such that have a root in common.
``x**0.5`` is a root as well.  It does not see roots that a loop carries, nor products of different roots.
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
_FACTORED = frozenset(("multiply", "divide", "negative"))
# How often the root must be multiplied with itself.
_DEGREES = {"absolute": 2, "fabs": 2, "sqrt": 2, "hypot": 2, "cbrt": 3, "with_length": 2}


def power_of_root(kind: str, operands: tuple[Value, ...], result: Value) -> Value:
    """The result of a product or power, with the derivative that it has where a root has none."""
    if not result.type.is_float:
        return result
    exponent = _exponent(kind, operands)
    if exponent is not None:
        smooth = _power(operands[0], exponent, _DEPTH)
    elif kind == "multiply":
        smooth = _product(*operands)
    else:
        return result
    if smooth is None or smooth.dtype != result.type.dtype:
        return result
    if smooth.value.shape != result.type.shape:
        return result
    plain: Tracer = derived_as(Tracer(result), smooth)
    plain.value.type = result.type
    return plain.value


_DEPTH = 5  # of products that are searched for a root


def _power(value: Value, exponent: int, depth: int) -> Any:
    """``value**exponent`` without the root that the value has as a factor; None if it has none."""
    owner = value.owner
    if owner is None or not depth:
        return None
    if owner.kind in _VIEWS:
        inner = _power(owner.operands[0], exponent, depth - 1)
        return None if inner is None else emit_tracer(owner.kind, inner, **owner.attributes)
    degree = _degree(owner)
    if degree is not None:
        return None if exponent % degree else _without_root(owner, exponent // degree)
    if owner.kind == "negative":
        inner = _power(owner.operands[0], exponent, depth - 1)
        return None if inner is None else (-inner if exponent % 2 else inner)
    if owner.kind not in ("multiply", "divide"):
        return None
    a, b = owner.operands
    first = _power(a, exponent, depth - 1)
    second = None if owner.kind == "divide" else _power(b, exponent, depth - 1)
    if first is None and second is None:
        return None
    first, second = (
        _repeated(Tracer(x, "array"), exponent) if found is None else found
        for x, found in ((a, first), (b, second))
    )
    return first / second if owner.kind == "divide" else first * second


def _product(a: Value, b: Value) -> Any:
    """``a * b`` without a root that is a factor of both, as in ``c * norm(v) * norm(v)``."""
    for x in _roots_in(a, _DEPTH):
        for y in _roots_in(b, _DEPTH):
            if x.owner is not None and _degree(x.owner) == 2 and is_same(x, y):
                square = _without_root(x.owner, 1)
                return _with(a, x, square) * _with(b, y, np.ones((), y.dtype)[()])
    return None


def _roots_in(value: Value, depth: int) -> list[Value]:
    """The roots that are factors of a value."""
    owner = value.owner
    if owner is None or not depth:
        return []
    if _degree(owner) is not None:
        return [value]
    if owner.kind not in _FACTORED:
        return []
    parts = owner.operands[: 1 if owner.kind == "divide" else None]
    return [root for part in parts for root in _roots_in(part, depth - 1)]


def _with(value: Value, factor: Value, other: Any) -> Any:
    """A product in which a factor is replaced."""
    if value is factor:
        return other
    owner = value.owner
    if owner is None or owner.kind not in _FACTORED or not _has_factor(value, factor):
        return Tracer(value, "array")
    parts = [_with(part, factor, other) for part in owner.operands]
    if owner.kind == "negative":
        return -parts[0]
    return parts[0] / parts[1] if owner.kind == "divide" else parts[0] * parts[1]


def _has_factor(value: Value, factor: Value) -> bool:
    return any(root is factor for root in _roots_in(value, _DEPTH))


def _degree(owner: Operation) -> int | None:
    """How often a root must be multiplied with itself; None for all else."""
    if owner.kind in ("power", "float_power"):
        return 2 if _number(owner.operands[1]) == 0.5 else None
    return _DEGREES.get(owner.kind)


def _exponent(kind: str, operands: tuple[Value, ...]) -> int | None:
    """How often a value is multiplied with itself."""
    if kind == "square":
        return 2
    if kind == "multiply":
        return 2 if is_same(operands[0], operands[1]) else None
    exponent = _number(operands[1])
    if exponent is None or not exponent.is_integer() or not 0 < exponent < 1000:
        return None
    return int(exponent)


def is_square_root(operands: list[Any], values: list[Value]) -> bool:
    """Whether NumPy takes a power by ``sqrt``: of an array of float32 or float64, by 0.5.

    Of numbers it takes ``pow``, which differs at -0.0 and at minus infinity.
    """
    type = values[0].type
    if not type.shape or not type.is_float or type.dtype.itemsize < 4:
        return False
    base = operands[0]
    return isinstance(base, Tracer) and bool(base.shape) and _number(values[1]) == 0.5


def _number(value: Value) -> float | None:
    """The number that a value is, where it is a constant."""
    owner = value.owner
    while owner is not None and owner.kind in ("cast", "broadcast"):
        owner = owner.operands[0].owner
    if owner is None or owner.kind != "constant" or owner.attributes["value"].shape:
        return None
    return float(owner.attributes["value"])


_COMPARED = 8  # deep are expressions that are compared: a root is not far from its square


def is_same(a: Value, b: Value, depth: int = _COMPARED) -> bool:
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
        return bool(
            x.dtype == y.dtype
            and x.shape == y.shape == ()
            and (x == y or (np.isnan(x) and np.isnan(y)))
        )
    attributes = (*first.attributes.values(), *second.attributes.values())
    if not all(_is_plain(v) for v in attributes) or first.attributes != second.attributes:
        return False
    pairs = zip(first.operands, second.operands, strict=True)
    return all(is_same(x, y, depth - 1) for x, y in pairs)


def _is_plain(attribute: Any) -> bool:
    """Whether ``==`` decides about it, which extents leave to the run."""
    if isinstance(attribute, tuple):
        return all(_is_plain(item) for item in attribute)
    return attribute is None or isinstance(attribute, (int, float, str, np.dtype))


def _without_root(root: Operation, times: int) -> Any:
    """The root's operand, or sum of squares, ``times`` times multiplied with itself."""
    a: Any = Tracer(root.operands[0], "array")
    if root.kind == "with_length" and a.value.owner is not None:  # the root beside its operand
        return _without_root(a.value.owner, times)
    if root.kind in ("absolute", "fabs"):
        return _repeated(a, 2 * times)
    if root.kind == "hypot":
        b: Any = Tracer(root.operands[1], "array")
        a = a * a + b * b
    elif root.kind in ("sqrt", "power", "float_power"):
        a = a * np.where(a < 0, np.nan, 1.0).astype(a.dtype)  # no root, nor a derivative, below 0
    return _repeated(a, times)


def _repeated(a: Any, times: int) -> Any:
    if times == 1:
        return a
    return a * a if times == 2 else np.power(a, float(times))
