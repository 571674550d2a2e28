"""``np.errstate(all="raise")`` inside of a function: operations after which nothing may be wrong.

    with np.errstate(divide="raise"):
        y = a / b                          check(isfinite(y) or not isfinite(a) or not isfinite(b))

Compiled code has no exceptions of its own.  What NumPy may raise here is a check, and where one fails plain
Python decides.  So a check may be stricter than NumPy, never laxer: of a reduction or a routine it
is asked that all of its result is finite, and a small result counts as one that has lost digits.  What a result
does not tell, as an underflow inside of a product of matrices, is declined.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from autodiff import floating
from autodiff.ir.data import Operation
from autodiff.ladder import Declined
from autodiff.ops.builder import Builder
from autodiff.ops.dispatch import functions
from autodiff.ops.entries import ENTRIES, Kernel, Pointwise, Reduction
from autodiff.ops.known import check
from autodiff.ops.promotion import pointwise
from autodiff.ops.tracer import Tracer

_INFINITE = floating.BITS["over"] | floating.BITS["divide"]
# What cannot underflow: sums of numbers are exact where they are small, the rest picks, rounds, or is small at 0 alone.
_NEVER_SMALL = frozenset(
    "add subtract negative positive absolute fabs sign floor ceil trunc rint maximum minimum fmax fmin copysign "
    "select sqrt cbrt remainder fmod floor_divide log log2 log10 cos arccos cosh arccosh heaviside".split()
)
_PICKS = frozenset("argmax argmin argsort argpartition partition_order sort searchsorted".split())


def heed(builder: Builder, operation: Operation) -> None:
    """Append the check of an operation that has just been appended."""
    kinds, builder.strict = builder.strict, 0
    try:
        fine = _is_fine(operation, kinds)
        if fine is not None:
            check(functions[np.all](fine), f"a floating-point error in {operation.kind}")
    finally:
        builder.strict = kinds


def _is_fine(operation: Operation, kinds: int) -> Tracer | None:
    """What holds where NumPy raises nothing; None where it never does."""
    entry, result = ENTRIES[operation.kind], operation.results[0].type
    operands = [Tracer(v, "array") for v in operation.operands]
    if operation.kind == "cast" and result.dtype.kind in "iu":
        return _fits(operands[0], result.dtype) if kinds & floating.BITS["invalid"] else None
    if result.dtype.kind in "iu" and isinstance(entry.lowering, Pointwise):
        return _of_integers(operation, operands, kinds)
    if result.dtype.kind != "f" or result.weak:  # Python's own numbers have their own errors
        return None
    y = Tracer(operation.results[0], "array")
    if isinstance(entry.lowering, Pointwise):
        numbers = [x for x in operands if x.dtype.kind != "b"]
        return _all_of(_of_elements(operation.kind, y, numbers, kinds)) if numbers else None
    if not isinstance(entry.lowering, (Reduction, Kernel)) or operation.kind in _PICKS:
        return None
    multiplies = isinstance(entry.lowering, Kernel) or operation.kind == "reduce_prod"
    if kinds & floating.BITS["under"] and multiplies:
        raise Declined(f"np.errstate that raises underflow, and {operation.kind}")
    return pointwise("isfinite", y)


def _of_elements(name: str, y: Tracer, operands: list[Tracer], kinds: int) -> list[Tracer]:
    strange = [pointwise("logical_not", pointwise("isfinite", x)) for x in operands]
    claims = []
    if kinds & _INFINITE:  # infinite though the operands are not
        claims.append(_any_of([pointwise("isfinite", y), *strange, pointwise("isnan", y)]))
    if kinds & floating.BITS["invalid"]:  # no number though the operands are
        nans = [pointwise("isnan", x) for x in operands]
        claims.append(_any_of([pointwise("equal", y, y), *nans]))
    if kinds & floating.BITS["under"] and name not in _NEVER_SMALL:
        large = pointwise("greater_equal", pointwise("absolute", y), np.finfo(y.dtype).tiny)
        zeros = [pointwise("equal", x, 0) for x in operands]
        zero = pointwise("logical_and", pointwise("equal", y, 0), _any_of([*zeros, *strange]))
        claims.append(_any_of([large, pointwise("isnan", y), zero]))
    return claims


def _fits(x: Tracer, dtype: np.dtype[Any]) -> Tracer | None:
    if x.dtype.kind != "f":
        return None
    info = np.iinfo(dtype)
    above = pointwise("greater", x, float(info.min) - 1)
    return pointwise("logical_and", above, pointwise("less", x, float(info.max)))


def _of_integers(operation: Operation, operands: list[Tracer], kinds: int) -> Tracer | None:
    """Integers are divided by 0; those of NumPy's scalars overflow, which no result tells."""
    if kinds & floating.BITS["over"] and operation.attributes.get("of_scalars"):
        raise Declined("np.errstate that raises, and arithmetic of NumPy's integers")
    if operation.kind not in ("floor_divide", "remainder", "fmod") or not kinds & _INFINITE:
        return None
    return pointwise("greater", pointwise("absolute", operands[1]), 1)  # nor the smallest one by -1


def _any_of(claims: list[Tracer]) -> Tracer:
    return reduce(lambda a, b: pointwise("logical_or", a, b), claims)


def _all_of(claims: list[Tracer]) -> Tracer | None:
    return reduce(lambda a, b: pointwise("logical_and", a, b), claims) if claims else None
