"""SciPy's ``quad`` in captured code: one operation, with the integrand in it.

quad(lambda t: t * x, 0, 1)      integral(0, 1, x; programs=(f(t, x),))
"""

from __future__ import annotations

import ast
from typing import Any

from autodiff.capture.interpreter import Frame
from autodiff.capture.regions import Slot, fit
from autodiff.capture.solvers.programs import (
    as_float,
    bound,
    further_arguments,
    number_program,
    presented,
)
from autodiff.capture.trace import Declined
from autodiff.ops.solvers import FLOAT, Quadrature, calling_from
from autodiff.ops.tracer import Tracer, is_traced


def integrate(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.integrate.quad``: the integral and the estimate of its error."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    integrand, limits = given.pop("func"), [given.pop("a"), given.pop("b")]
    extra = further_arguments(frame, given)
    options = {name: x for name, x in trace.deep(given).items() if name != "full_output"}
    if given.get("full_output") or given.get("complex_func") or given.get("weight") is not None:
        raise Declined("quad with more than an integral, or with a weight")
    if is_traced(list(options.values())) or not callable(integrand):
        raise Declined("quad with options known only at run time")
    program, read = number_program(frame, integrand, "python", extra, node)
    ends = [as_float(x) for x in limits]
    if any(end.shape for end in ends) or not (read or is_traced(limits)):
        raise Declined("quad of constants, or between arrays")
    values = (*(end.value for end in ends), *read)
    attributes = {
        "programs": (program,),
        "like": (None,),
        "options": Quadrature(function, options, calling_from(trace.builder.source)),
    }
    results = [Tracer(v) for v in trace.builder.emit("integral", values, attributes)]
    return tuple([presented(fit(r, Slot(FLOAT, (), "python"))) for r in results])


__all__ = ["integrate"]
