"""Derivatives given by hand, and values through which none flows.

    stop_gradient(x)                       x itself, with derivative zero
    custom(*args; rule)                    regions: primal(*args) -> results, and either
                                           vjp: pull(*args, *results, *cts) -> cts of args, or
                                           jvp: push(*args, *results, *tangents) -> tangents

``custom`` is inlined, by its primal region, before a program runs.  Where only one of the two
rules is given, the other is its transpose: both are linear in their last arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType, Operation
from autodiff.ops.entries import Control, Entry, Pointwise, register, require_types
from autodiff.ops.tracer import Tracer, emit_tracer


def _same(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    return (types[0],)


def _stated(types: Any, **attributes: Any) -> tuple[ArrayType, ...]:
    raise AssertionError("a custom operation states its result types")


register(
    Entry(
        "stop_gradient",
        _same,
        lambda x: np.asarray(x),
        Pointwise(lambda s, x: x),
        zero_derivative=True,
    )
)


def _regions(operation: Operation) -> None:
    """What a rule gives has the type of what it is the cotangent, or the tangent, of."""
    primal, rule = operation.regions
    operands = [v.type for v in operation.operands]
    results = [v.type for v in operation.results]
    require_types("the parameters of the function", primal.parameters, operands)
    require_types("the results of the function", primal.outputs, results)
    pulls = operation.attributes["rule"] == "vjp"
    last, wanted = (results, operands) if pulls else (operands, results)
    require_types("the parameters of the rule", rule.parameters, [*operands, *results, *last])
    require_types("what the rule gives", rule.outputs, wanted)


register(Entry("custom", _stated, _stated, Control(), regions=_regions))


def stop(x: Tracer) -> Tracer:
    """The same value, without derivative."""
    return Tracer(emit_tracer("stop_gradient", x).value, x.form)
