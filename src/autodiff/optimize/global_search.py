"""`differential_evolution` and `shgo`: populations and samples, refined with exact derivatives.

    differential_evolution(rastrigin, [(-5, 5)] * 3)
    shgo(rastrigin, [(-5, 5)] * 3, constraints={"type": "ineq", "fun": lambda x: 1 - x @ x})

The search itself uses values. What refines its finds is `minimize` (`differential_evolution` polishes
its best, `shgo` starts a local search in each pool), and gets exact derivatives of the objective and
of the constraints. Signatures and results are SciPy's.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.tracebacks import depth_of_user, without_our_frames

from .constraints import prepare_constraints
from .evaluation import (
    History,
    Options,
    Recorder,
    attach_history,
    derivative,
    recording,
    scipy_optimize,
)
from .local import minimize, recorded
from .methods import METHODS
from .parameters import Array, Layout
from .regression import transformation_options
from .stochastic import prepare_local


@without_our_frames
def shgo(
    func: Callable[..., Any],
    bounds: Any,
    args: Any = (),
    constraints: Any = None,
    n: int = 100,
    iters: int = 1,
    callback: Callable[..., Any] | None = None,
    minimizer_kwargs: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    sampling_method: Any = "simplicial",
    *,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **more: Any,
) -> Any:
    """Find the global and all local minima within bounds by simplicial homology.

    Arguments and result are those of `scipy.optimize.shgo`.
    """
    pairs = [*zip(bounds.lb, bounds.ub, strict=True)] if hasattr(bounds, "lb") else bounds
    layout = Layout.of(np.zeros(len(pairs)))
    how = transformation_options(engine, threads)
    # SciPy's own defaults, which it takes only when minimizer_kwargs is None.
    local: dict[str, Any] = dict(minimizer_kwargs or {"options": {"ftol": 1e-12}})
    local.setdefault("method", "SLSQP")
    local["args"] = args if isinstance(args, tuple) else (args,)
    if constraints is not None:
        # Its local searches take constraints as they were given, so these have their derivatives.
        constraints = prepare_constraints(
            constraints, METHODS[local["method"].lower()], layout, how
        )
    with recording("shgo", progress=progress, history=history) as recorder:
        value = prepare_local(func, layout, local, recorder, engine, threads, share=False)
        result = scipy_optimize().shgo(
            value,
            pairs,
            constraints=constraints,
            n=n,
            iters=iters,
            callback=callback,
            minimizer_kwargs=local,
            options=options,
            sampling_method=sampling_method,
            **more,
        )
    attach_history(result, recorder)
    return result


@without_our_frames
def differential_evolution(
    func: Callable[..., Any],
    bounds: Any,
    args: Any = (),
    *,
    polish: Any = True,
    constraints: Any = (),
    integrality: Any = None,
    vectorized: bool = False,
    workers: Any = 1,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Find a global minimum within bounds by differential evolution, polished by exact derivatives.

    Arguments and result are those of `scipy.optimize.differential_evolution`. The best of the last
    population is polished by L-BFGS-B, by trust-constr under constraints, as SciPy does with finite
    differences. With `workers` the history has one entry for each generation.
    """
    args = args if isinstance(args, tuple) else (args,)
    how = transformation_options(engine, threads)
    compiled: Callable[..., Any] = derivative("function", func, None, how)
    ours = polish is True and not (integrality is not None and np.all(integrality))
    with recording("differential_evolution", progress=progress, history=history) as recorder:
        if recorder is not None and workers == 1 and not vectorized:
            compiled = _recorded_with_arguments(compiled, recorder)
        elif recorder is not None:
            callback = _noting_generations(callback, recorder)
        result = scipy_optimize().differential_evolution(
            compiled,
            bounds,
            args=args,
            polish=False if ours else polish,
            constraints=constraints,
            integrality=integrality,
            vectorized=vectorized,
            workers=workers,
            callback=callback,
            **options,
        )
        if ours:
            limits = _limits(bounds, integrality, result.x)
            one = _one_of_many(func) if vectorized else func
            _polish(result, one, args, limits, constraints, recorder, how)
    attach_history(result, recorder)
    return result


def _polish(
    result: Any,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    limits: Any,
    constraints: Any,
    recorder: Recorder | None,
    how: Options,
) -> None:
    """Refine ``result`` in place where a local search finds something better within the limits."""
    constrained = not (isinstance(constraints, tuple | list) and not constraints)
    if constrained and result.maxcv > 0:
        warnings.warn(
            "differential evolution didn't find a solution satisfying the constraints, "
            "attempting to polish from the least infeasible solution",
            UserWarning,
            stacklevel=depth_of_user(),
        )
    found = minimize(
        func,
        np.copy(result.x),
        args,
        method="trust-constr" if constrained else "L-BFGS-B",
        bounds=limits,
        constraints=constraints,
        # At its usual 1e-8 the barrier of exact derivatives stays some 1e-4 above an edge.
        options={"gtol": 1e-12} if constrained else None,
        history=False if recorder is None else recorder.history,
        **dict(how),
    )
    result.nfev += found.nfev
    inside = np.all(found.x <= limits.ub) and np.all(limits.lb <= found.x)
    if not (found.fun < result.fun and found.success and inside):
        return
    result.fun, result.x, result.jac = found.fun, found.x, found.get("jac")
    result.population[0], result.population_energies[0] = found.x, found.fun
    if constrained:
        several = constraints if isinstance(constraints, tuple | list) else (constraints,)
        result.constr = [_violation(constraint, found.x) for constraint in several]
        result.constr_violation = result.maxcv = np.max(np.concatenate(result.constr))
        if result.maxcv > 0:
            result.success = False
            result.message = (
                f"The solution does not satisfy the constraints, MAXCV = {result.maxcv}"
            )


def _violation(constraint: Any, x: Array) -> Array:
    """By how much `x` lies outside, for each row of a constraint."""
    if hasattr(constraint, "fun"):
        value = np.atleast_1d(constraint.fun(x))
    elif hasattr(constraint, "A"):
        matrix = constraint.A
        value = np.atleast_1d((matrix if hasattr(matrix, "dot") else np.asarray(matrix)).dot(x))
    else:
        value = x  # Bounds
    return np.maximum(constraint.lb - value, 0) + np.maximum(value - constraint.ub, 0)


def _limits(bounds: Any, integrality: Any, x: Array) -> Any:
    """The bounds as SciPy's object; integers stay where the search has put them."""
    low, high = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else np.transpose(bounds)
    low, high = (np.array(np.broadcast_to(end, x.shape), dtype=np.float64) for end in (low, high))
    if integrality is not None:
        fixed = np.broadcast_to(np.asarray(integrality, dtype=bool), x.shape)
        low[fixed] = high[fixed] = x[fixed]
    return scipy_optimize().Bounds(low, high)


@lru_cache(maxsize=16)
def _one_of_many(func: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a population, an array (parameters, members), as one of a single member."""

    def one(x: Array, *args: Any) -> Any:
        return np.reshape(func(x[:, None], *args), ())

    return one


def _recorded_with_arguments(
    function: Callable[..., Any], recorder: Recorder
) -> Callable[..., Any]:
    return lambda x, *args: recorded(lambda at: function(at, *args), recorder)(x)


def _noting_generations(
    callback: Callable[..., Any] | None, recorder: Recorder
) -> Callable[..., Any]:
    """The caller's callback, in either of SciPy's forms, told of each generation; and the recorder."""
    whole = callback is not None and "intermediate_result" in inspect.signature(callback).parameters

    def note(intermediate_result: Any) -> Any:
        recorder.record(float(intermediate_result.fun), None)
        if callback is None:
            return False
        if whole:
            return callback(intermediate_result=intermediate_result)
        return callback(np.copy(intermediate_result.x), convergence=intermediate_result.convergence)

    return note
