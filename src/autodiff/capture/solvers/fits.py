"""Fits of SciPy's in captured code: least squares of residuals, and of models of data.

curve_fit(model, t, y)      minimized(0, …, y; programs=(model(t, p), model(t, p) - y))
"""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.constraints import Callback, array_valued, spread
from autodiff.capture.solvers.minima import (
    Call,
    NotKept,
    is_full_output,
    refuse_options,
    start_of,
    two_vectors,
)
from autodiff.capture.solvers.patterns import structure_of
from autodiff.capture.solvers.programs import (
    array_of,
    as_float,
    bound,
    call_of,
    captured,
    closed_program,
    for_derivatives,
    further_arguments,
    with_names,
)
from autodiff.capture.trace import Declined
from autodiff.dims import equal_shapes
from autodiff.ir.data import ArrayType, Value
from autodiff.later import later
from autodiff.ops.control import CheckFailed
from autodiff.ops.solvers import FLOAT
from autodiff.ops.tracer import Tracer, is_traced

if TYPE_CHECKING:
    from autodiff.capture.solvers import handed
else:
    handed = later("autodiff.capture.solvers.handed")

_INT = np.dtype(np.int64)


def _loss_of(frame: Frame, given: dict[str, Any]) -> tuple[str, float]:
    """What weighs residuals, and its scale: a number of this call, which SciPy is given as it is."""
    loss, scale = given.get("loss", "linear"), given.get("f_scale", 1.0)
    if isinstance(scale, Tracer) and not scale.shape:
        scale = given["f_scale"] = float(frame.trace.concrete(scale))
    if not isinstance(loss, str) or not isinstance(scale, (int, float)):
        raise Declined("a loss of the user's own")
    return loss, float(scale)


def least_squares(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.least_squares``."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    named = trace.deep(given.pop("kwargs", None))
    refuse_options(given, "callback")
    loss, scale = _loss_of(frame, given)
    x0 = start_of(trace.deep(given.pop("x0")))
    n = x0.shape[0]
    function_of = given.pop("fun")
    slopes = given.pop("jac") if callable(given.get("jac")) else None
    if named:
        function_of = with_names(frame, function_of, named, node)
        slopes = None if slopes is None else with_names(frame, slopes, named, node)
    residuals = array_valued(frame, "fun", function_of, x0, extra, None, node)
    callbacks = [residuals]
    if given.get("jac_sparsity") is not None:
        callbacks += _of_structure(frame, given, slopes, function_of, x0, extra, node, residuals)
    if slopes is not None:
        shape = (residuals.program.outputs[0].shape[0], n)
        if not isinstance(shape[0], int):
            raise Declined("a Jacobian of a number of residuals known only at run time")
        callbacks.append(array_valued(frame, "jac", slopes, x0, extra, shape, node))
    lower, upper = two_vectors(frame, trace.deep(given.get("bounds", (-np.inf, np.inf))), n)
    call = Call(frame, function, "x0", callbacks, loss=loss, scale=scale)
    moved = (("cost", "objective"), ("fun", "residuals"))
    return call.emitted([x0, lower, upper], given, ("x",), moved)


def _of_structure(
    frame: Frame,
    given: dict[str, Any],
    slopes: Any,
    function: Any,
    x0: Tracer,
    extra: Any,
    node: ast.AST,
    residuals: Callback,
) -> list[Callback]:
    """Have the structure of the Jacobian read at every call; the products that SciPy is handed."""
    m = residuals.program.outputs[0].shape[0]
    if not isinstance(m, int):
        raise Declined("a structure of a number of residuals known only at run time")
    given |= {"jac_sparsity": structure_of(given["jac_sparsity"]), "rows": m}
    if frame.trace.handing is None or slopes is not None or given.get("jac") is not None:
        return []
    both = Tracer(Value(ArrayType(FLOAT, (2 * x0.shape[0],))), "array")
    product_with = handed.Derivatives(frame, node).products(function)
    return [array_valued(frame, "products", product_with, both, extra, (m,), node)]


def leastsq(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.leastsq``: the minimum, and a number for how it was found."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    extra = further_arguments(frame, given)
    is_full = is_full_output(given)
    x0 = start_of(trace.deep(given.pop("x0")))
    n = x0.shape[0]
    callbacks = [array_valued(frame, "func", given.pop("func"), x0, extra, None, node)]
    if given.get("Dfun") is not None:
        shape = (callbacks[0].program.outputs[0].shape[0], n)
        if not isinstance(shape[0], int) or is_traced([given.get("col_deriv")]):
            raise Declined("a Jacobian of a number of residuals known only at run time")
        shape = shape[::-1] if given.get("col_deriv") else shape
        slopes = given.pop("Dfun")
        callbacks.append(array_valued(frame, "Dfun", slopes, x0, extra, shape, node))
    call = Call(frame, function, "x0", callbacks, "linear")
    flag = ArrayType(_INT, (), True)
    start = [x0, spread(-np.inf, n), spread(np.inf, n)]
    if not is_full:
        return call.known(start, given, ("x", "ier"), (x0.value.type, flag))
    types = (x0.value.type, ArrayType(FLOAT, (n, n)), flag)
    x, cov, ier = call.known(start, given, ("x", "cov_x", "ier"), types, _with_covariance)
    return x, cov, NotKept(), NotKept(), ier


def _with_covariance(result: Any) -> tuple[Any, ...]:
    """The minimum, its covariance and the flag, of what a fit returns with ``full_output``."""
    if result[1] is None:
        raise CheckFailed("a fit without a covariance")
    return result[0], result[1], result[4]


def curve_fit(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``scipy.optimize.curve_fit``: of a model of data, the parameters that fit best."""
    trace = frame.trace
    given = bound(function, args, kwargs)
    given.update(given.pop("kwargs", {}))
    is_full = is_full_output(given)
    if given.get("nan_policy"):
        raise Declined("curve_fit of data that may be missing")
    loss, scale = _loss_of(frame, given)
    model = given.pop("f")
    x, y = trace.deep(given.pop("xdata")), as_float(trace.deep(given.pop("ydata")))
    x = as_float(x) if isinstance(x, (list, tuple, np.ndarray, Tracer)) else x
    sigma = trace.deep(given.pop("sigma", None))
    if sigma is not None:
        sigma = as_float(sigma)
        if len(sigma.shape) != 1 and not equal_shapes(sigma.shape, y.shape * 2):
            raise Declined("curve_fit with errors of another size than the data")
        if len(sigma.shape) == 1 and not equal_shapes(sigma.shape, y.shape):
            raise Declined("curve_fit with errors of another size than the data")
    p0 = trace.deep(given.pop("p0", None))
    start = spread(np.nan, _parameters(model)) if p0 is None else start_of(p0)
    n = start.shape[0]
    if not isinstance(n, int) or len(y.shape) != 1:
        raise Declined("curve_fit of a number of parameters known only at run time")
    lower, upper = two_vectors(frame, trace.deep(given.get("bounds", (-np.inf, np.inf))), n)
    slopes = given.pop("jac") if callable(given.get("jac")) else None
    callbacks = _of_model(frame, model, x, y, sigma, n, node, slopes)
    call = Call(
        frame, function, None if p0 is None else "p0", callbacks, loss, scale,
        objective=len(callbacks) - 1,
    )  # fmt: skip
    given.update(xdata=x if isinstance(x, Tracer) else np.zeros(0), ydata=y)
    if sigma is not None:
        given["sigma"] = sigma
    types = (start.value.type, ArrayType(FLOAT, (n, n)))
    if not is_full:
        return call.known([start, lower, upper], given, ("popt", "pcov"), types)
    names, flag = ("popt", "pcov", "ier"), ArrayType(_INT, (), True)
    fit = call.known([start, lower, upper], given, names, (*types, flag), _with_covariance)
    return (*fit[:2], NotKept(), NotKept(), fit[2])


def _parameters(model: Any) -> int:
    """How many parameters a model has beside its data, as its signature says."""
    parameters = inspect.signature(model).parameters.values()
    if any(p.kind is not p.POSITIONAL_OR_KEYWORD for p in parameters) or len(parameters) < 2:
        raise Declined("a model that does not say how many parameters it has")
    return len(parameters) - 1


def _of_model(
    frame: Frame, model: Any, x: Any, y: Tracer, sigma: Any, n: int, node: ast.AST, slopes: Any
) -> list[Callback]:
    """The model as SciPy calls it, its slopes, if given, and the residuals, of the parameters as a vector."""
    factor: Any = None
    if sigma is not None and len(sigma.shape) == 2:
        with for_derivatives(frame.trace):
            factor = np.linalg.cholesky(sigma)

    def program(residuals: bool, name: str = "f", function: Any = model) -> Callback:
        parameter = Value(ArrayType(FLOAT, (n,)), "p")
        z = Tracer(parameter, "array")

        def run(vector: Any) -> Any:
            values = [vector[k] for k in range(n)]
            return call_of(frame, function, [x, *values], node)

        outcome = captured(frame, None, [z], (), node, thunk=lambda: run(z))
        with frame.trace.builder.reopened(outcome.block):
            length = y.shape
            if isinstance(y.shape[0], int) and y.shape[0] == 1:  # one number for all of the data
                length = np.shape(outcome.value)[:1] or y.shape
            shape = (*length, n) if name == "jac" else length
            result: Any = array_of(outcome.value, shape)
            if residuals:
                result = result - y
                if factor is not None:
                    result = np.linalg.solve(factor, result)
                elif sigma is not None:
                    result = result / sigma
            outcome.block.outputs = [result.value]
        made, read = closed_program(outcome.block, getattr(function, "__name__", "f"))
        return Callback(name, made, read, "array")

    given = [] if slopes is None else [program(False, "jac", slopes)]
    return [program(False), *given, program(True)]


__all__ = ["curve_fit", "least_squares", "leastsq"]
