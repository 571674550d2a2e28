"""`minimize`: every method of `scipy.optimize.minimize`, each with the derivatives it can use.

    minimize(rosenbrock, [1.3, 0.7, 0.8], method="trust-krylov")   # gradient and H·v, both exact

SciPy does the optimising. This module looks the method up in the table (`methods`), makes the
derivatives it takes of the user's function and of the constraints (`constraints`), and gives the
result back in the shape of `x0`.

Derivatives that the caller passes (`jac`, `hess`, `hessp`) are left as they are: a callable is
used, and a string such as ``jac="2-point"`` asks SciPy for finite differences.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.api.options import OPTIONS, refuse_unknown
from autodiff.errors import ArgumentError
from autodiff.tracebacks import without_our_frames

from .constraints import prepare_constraints
from .evaluation import (
    History,
    Objective,
    Options,
    Recorder,
    SharedEvaluation,
    recording,
    scipy_optimize,
)
from .methods import Method, method_named
from .parameters import Array, Layout, as_parameters


@without_our_frames
def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    progress: bool = False,
    history: bool | History = False,
    **transformation: Any,
) -> Any:
    """Minimize a scalar function of one or more arrays, with exact derivatives.

    Parameters
    ----------
    fun
        ``fun(x, *args) -> number``, in plain NumPy.
    x0
        Where to start. Numbers or a list of numbers are a vector, as in SciPy. An array of any
        shape and a container of arrays (dict, tuple, dataclass, …) are
        kept: `fun` is called with the same, and ``result.x`` is the same.
    args, method, tol, options
        As in `scipy.optimize.minimize`.
    jac, hess, hessp
        None: exact derivatives, those that the method takes; of 1000 parameters or more the Hessian as
        a sparse array, where at most a fiftieth of it is filled and the method takes one
        (``"trust-constr"``, ``"Newton-CG"``). Anything else goes to SciPy.
    bounds
        As in SciPy, for the flat vector of all parameters; or one ``(low, high)`` pair of numbers
        for all of them.
    constraints
        As in SciPy: dictionaries, `LinearConstraint`, `NonlinearConstraint`, or several of these.
        Constraint functions in plain NumPy get exact Jacobians (and Hessians for trust-constr).
    callback
        As in SciPy, called with parameters in the shape of `x0`.
    progress
        Show a bar with the value, the largest entry of the gradient, and evaluations.
    history
        True keeps the convergence, as ``result.history``; a `History` is added to.
    **transformation
        ``engine=``, ``threads=`` for the compiled functions.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's; ``x`` and ``jac`` are in the shape of `x0`.

    Examples
    --------
    >>> import numpy as np
    >>> result = minimize(lambda p: np.sum((p["a"] - 1) ** 2) + p["b"] ** 2,
    ...                   {"a": np.zeros(3), "b": 5.0})
    >>> result.x["a"].round(6)
    array([1., 1., 1.])
    """
    optimize = scipy_optimize()

    args = args if isinstance(args, tuple) else (args,)
    parameters = as_parameters(x0)
    layout = Layout.of(parameters)
    entry = method_named(method, constrained=_any(constraints), bounded=bounds is not None)
    refuse_unknown(lambda: "minimize", transformation, [*_OPTIONS, *_PARAMETERS])
    how: Options = tuple(sorted(transformation.items()))

    with recording(f"minimize {entry.name}", progress=progress, history=history) as recorder:
        objective = Objective(fun, layout, args, how)
        start = layout.pack(parameters)
        keywords = _derivatives(objective, entry, recorder, jac, hess, hessp, start)
        result = optimize.minimize(
            x0=start,
            method=method,
            bounds=bounds_for_scipy(bounds, layout),
            constraints=prepare_constraints(constraints, entry, layout, how, start),
            tol=tol,
            callback=wrap_callback(callback, layout),
            options=options,
            **keywords,
        )
    if recorder is not None:
        result["history"] = recorder.history
    return shape_result(result, layout)


def _derivatives(
    objective: Objective,
    entry: Method,
    recorder: Recorder | None,
    jac: Any,
    hess: Any,
    hessp: Any,
    start: Array,
) -> dict[str, Any]:
    """`fun`, `jac`, `hess` and `hessp` for SciPy: the caller's where given, else exact ones."""
    layout, args = objective.layout, objective.args
    if jac is not None:
        keywords = _given_gradient(objective, jac, recorder)
    elif entry.gradient:
        evaluation = SharedEvaluation(objective.value_and_gradient(), recorder)
        keywords = {"fun": evaluation.value, "jac": evaluation.gradient}
    else:
        keywords = {"fun": recorded(objective.value(), recorder)}

    if callable(hess):
        keywords["hess"] = lambda x: hess(layout.unpack(x), *args)
    elif callable(hessp):
        keywords["hessp"] = _given_product(hessp, layout, args)
    elif hess is not None:
        keywords["hess"] = hess
    elif entry.curvature == "product":
        whole = objective.sparse_hessian(start) if entry.sparse else None
        if whole is None:
            keywords["hessp"] = objective.hessian_product()
        else:
            keywords["hess"] = whole
    elif entry.curvature == "matrix":
        keywords["hess"] = objective.hessian()
    return keywords


def _given_gradient(objective: Objective, jac: Any, recorder: Recorder | None) -> dict[str, Any]:
    layout, args = objective.layout, objective.args
    if jac is True:  # the function returns the value and the gradient

        def both(x: Array) -> tuple[Any, Array]:
            found = objective.function(layout.unpack(x), *args)
            if not isinstance(found, (tuple, list)) or len(found) != 2:
                raise ArgumentError(
                    "jac=True says that the function returns its value and its gradient, and it does not",
                    remedy="leave jac out: the exact gradient is made from the function",
                )
            return found[0], layout.pack(found[1])

        evaluation = SharedEvaluation(both, recorder)
        return {"fun": evaluation.value, "jac": evaluation.gradient}
    value = recorded(objective.value(), recorder)
    if callable(jac):
        return {"fun": value, "jac": lambda x: layout.pack(jac(layout.unpack(x), *args))}
    return {"fun": value, "jac": jac}


def recorded(value: Callable[[Array], Any], recorder: Recorder | None) -> Callable[[Array], Any]:
    """`value`, telling the recorder of each result."""
    if recorder is None:
        return value

    def evaluate(x: Array) -> Any:
        found = value(x)
        recorder.record(float(np.asarray(found).item()), None)
        return found

    return evaluate


def _given_product(
    hessp: Callable[..., Any], layout: Layout, args: tuple[Any, ...]
) -> Callable[[Array, Array], Any]:
    """The caller's own product, which takes and returns what has the shape of `x0`."""
    if layout.direct:
        return lambda x, v: hessp(x, v, *args)
    return lambda x, v: layout.pack(hessp(layout.unpack(x), layout.unpack(v), *args))


def _any(constraints: Any) -> bool:
    if isinstance(constraints, list | tuple):
        return len(constraints) > 0
    return constraints is not None


def bounds_for_scipy(bounds: Any, layout: Layout) -> Any:
    """SciPy's bounds; one pair of numbers stands for all parameters."""
    if isinstance(bounds, tuple) and len(bounds) == 2:
        if all(bound is None or np.ndim(bound) == 0 for bound in bounds):
            return [bounds] * layout.size
    return bounds


def wrap_callback(callback: Callable[..., Any] | None, layout: Layout) -> Callable[..., Any] | None:
    """The caller's callback, with parameters in the shape of `x0`, in both of SciPy's forms."""
    if callback is None or layout.direct:
        return callback
    if "intermediate_result" in inspect.signature(callback).parameters:

        def with_result(*, intermediate_result: Any) -> Any:
            shown = type(intermediate_result)(intermediate_result)
            shown["x"] = layout.unpack(np.array(intermediate_result.x))
            return callback(intermediate_result=shown)

        return with_result
    return lambda x, *state, **more: callback(layout.unpack(np.array(x)), *state, **more)


def shape_result(result: Any, layout: Layout) -> Any:
    """`result` with `x` and `jac` in the shape of `x0`."""
    if layout.direct:
        return result
    for name in ("x", "jac"):
        entry = result.get(name)
        if isinstance(entry, np.ndarray) and entry.shape == (layout.size,):
            result[name] = layout.unpack(entry)
    return result


_OPTIONS = [name for name in OPTIONS if name != "wrt"]
_PARAMETERS = [
    name
    for name, parameter in inspect.signature(minimize).parameters.items()
    if parameter.kind is not inspect.Parameter.VAR_KEYWORD
]
