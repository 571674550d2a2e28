"""`basinhopping` and `dual_annealing`, whose local searches use exact derivatives.

    basinhopping(lambda x: np.cos(14.5 * x[0] - 0.3) + (x[0] + 0.2) * x[0], [1.0])

Both take random steps and refine them by `minimize`. The random steps need values only; the local
search gets what the table (`methods`) says for its method. Signatures and results are SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.tracebacks import without_our_frames

from .constraints import prepare_constraints
from .evaluation import History, Objective, SharedEvaluation, recording, scipy_optimize
from .local import recorded, shape_result
from .methods import method_named
from .parameters import Array, Layout, as_parameters
from .regression import transformation_options


@without_our_frames
def basinhopping(
    func: Callable[..., Any],
    x0: Any,
    niter: int = 100,
    T: float = 1.0,
    stepsize: float = 0.5,
    minimizer_kwargs: dict[str, Any] | None = None,
    *,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Find a global minimum by basin-hopping, with exact derivatives in each local search.

    Arguments and result are those of `scipy.optimize.basinhopping`. `x0` may be an array of any
    shape or a container of arrays; ``result.x`` is the same.
    """
    optimize = scipy_optimize()

    parameters = as_parameters(x0)
    layout = Layout.of(parameters)
    local = dict(minimizer_kwargs or {})
    with recording("basinhopping", progress=progress, history=history) as recorder:
        value = prepare_local(func, layout, local, recorder, engine, threads)
        if callback is not None:
            options["callback"] = lambda x, f, accept: callback(layout.unpack(x), f, accept)
        result = optimize.basinhopping(
            value,
            layout.pack(parameters),
            niter=niter,
            T=T,
            stepsize=stepsize,
            minimizer_kwargs=local,
            **options,
        )
    if recorder is not None:
        result["history"] = recorder.history
    result["lowest_optimization_result"] = shape_result(result.lowest_optimization_result, layout)
    return shape_result(result, layout)


@without_our_frames
def dual_annealing(
    func: Callable[..., Any],
    bounds: Any,
    args: Any = (),
    *,
    minimizer_kwargs: dict[str, Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Find a global minimum within bounds by dual annealing, with exact local derivatives.

    Arguments and result are those of `scipy.optimize.dual_annealing`.
    """
    optimize = scipy_optimize()

    args = args if isinstance(args, tuple) else (args,)
    if not hasattr(bounds, "lb"):
        bounds = optimize.Bounds(*np.asarray(bounds, dtype=float).T)
    layout = Layout.of(np.zeros(np.size(bounds.lb)))
    # SciPy's own default, which it takes only when minimizer_kwargs is empty.
    local = dict(minimizer_kwargs) if minimizer_kwargs else {
        "method": "L-BFGS-B",
        "bounds": list(zip(bounds.lb, bounds.ub, strict=True)),
        "options": {"maxiter": min(max(layout.size * 6, 100), 1000)},
    }  # fmt: skip
    local["args"] = args
    with recording("dual_annealing", progress=progress, history=history) as recorder:
        value = prepare_local(func, layout, local, recorder, engine, threads, share=False)
        result = optimize.dual_annealing(value, bounds, minimizer_kwargs=local, **options)
    if recorder is not None:
        result["history"] = recorder.history
    return result


def prepare_local(
    func: Callable[..., Any],
    layout: Layout,
    local: dict[str, Any],
    recorder: Any,
    engine: str | None,
    threads: int | None,
    *,
    share: bool = True,
) -> Callable[[Array], Any]:
    """Add derivatives to the local search's arguments; return the function of values.

    `share` says that the values are asked for by the local search, which wants the gradient too;
    annealing asks for many values at random points and gets them without gradients.
    """
    how = transformation_options(engine, threads)
    args = local.pop("args", ())
    args = args if isinstance(args, tuple) else (args,)
    constraints = local.get("constraints", ())
    entry = method_named(
        local.get("method"), constrained=bool(constraints), bounded=local.get("bounds") is not None
    )
    if constraints:
        local["constraints"] = prepare_constraints(constraints, entry, layout, how)
    objective = Objective(func, layout, args, how)
    value = recorded(objective.value(), recorder)
    given = any(local.get(name) is not None for name in ("jac", "hess", "hessp"))
    if given or not entry.gradient:
        return value
    if entry.curvature == "product":
        local["hessp"] = objective.hessian_product()
    elif entry.curvature == "matrix":
        local["hess"] = objective.hessian()
    evaluation = SharedEvaluation(objective.value_and_gradient(), recorder)
    local["jac"] = evaluation.gradient
    return evaluation.value if share else value
