"""`leastsq`, `fsolve`, `fmin_slsqp` and `minimize_scalar`: SciPy's older functions, kept by many.

    leastsq(lambda p: p[0] * np.exp(-p[1] * x) - y, [1.0, 0.1])

Signatures and results are SciPy's; derivatives that are not given are exact, and ``Dfun=False`` or
``fprime=False`` asks for finite differences. Of these SciPy has no callback but for `fmin_slsqp`:
``callback(parameters)`` is called here at each point where the function is evaluated.
``history=True`` needs ``full_output=True``, which has a place for it; a `History` is added to.

`minimize_scalar` uses no derivatives: none of its methods takes any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.tracebacks import without_our_frames

from .evaluation import (
    History,
    Objective,
    Options,
    Recorder,
    SharedEvaluation,
    attach_history,
    derivative,
    jacobian_of_vector,
    recording,
    scipy_optimize,
    value_of_vector,
    watched,
)
from .local import bounds_for_scipy, recorded, wrap_callback
from .parameters import Array, Layout, as_parameters
from .regression import transformation_options
from .roots import result_as_vector


@without_our_frames
def leastsq(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    Dfun: Any = None,
    full_output: bool = False,
    col_deriv: bool = False,
    *,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Minimize the sum of squares of a vector function by MINPACK's lmder, with its exact Jacobian.

    Arguments and result are those of `scipy.optimize.leastsq`; the solution has the shape of `x0`.
    """
    problem = _System(func, x0, args, transformation_options(engine, threads))
    _needs_full_output("leastsq", history, full_output)
    keywords = problem.jacobian("Dfun", Dfun, col_deriv)
    with recording("leastsq", progress=progress, history=history) as recorder:
        result = scipy_optimize().leastsq(
            problem.values(callback, recorder, _half_square),
            problem.start,
            full_output=full_output,
            **keywords,
            **options,
        )
    return problem.shaped(result, recorder, full_output, at=2)


@without_our_frames
def fsolve(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    fprime: Any = None,
    full_output: bool = False,
    col_deriv: bool = False,
    *,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Find a root of a vector function by MINPACK's hybrj, with its exact Jacobian.

    Arguments and result are those of `scipy.optimize.fsolve`; the solution has the shape of `x0`.
    """
    problem = _System(func, x0, args, transformation_options(engine, threads))
    _needs_full_output("fsolve", history, full_output)
    keywords = problem.jacobian("fprime", fprime, col_deriv)
    with recording("fsolve", progress=progress, history=history) as recorder:
        result = scipy_optimize().fsolve(
            problem.values(callback, recorder, _largest),
            problem.start,
            full_output=full_output,
            **keywords,
            **options,
        )
    return problem.shaped(result, recorder, full_output, at=1)


class _System:
    """A vector function of parameters, as MINPACK takes it: of one flat vector."""

    def __init__(self, func: Callable[..., Any], x0: Any, args: Any, how: Options) -> None:
        self.func = func
        self.args = args if isinstance(args, tuple) else (args,)
        parameters = as_parameters(x0)
        self.layout = Layout.of(parameters)
        self.start = self.layout.pack(parameters)
        self.how = how

    def values(
        self,
        callback: Callable[..., Any] | None,
        recorder: Recorder | None,
        size: Callable[[Array], float],
    ) -> Callable[[Array], Array]:
        """``x -> vector``, noting `size` of each."""
        value = value_of_vector(self.func, self.layout, args=self.args, options=self.how)

        def vector(x: Array) -> Array:
            found = result_as_vector(value(x))
            if recorder is not None:
                recorder.record(size(found), None)
            return found

        return watched(vector, self.layout, callback)

    def jacobian(self, name: str, given: Any, col_deriv: bool) -> dict[str, Any]:
        """The Jacobian for SciPy, under its name: exact, the caller's, or none."""
        if given is None:
            exact = jacobian_of_vector(self.func, self.layout, args=self.args, options=self.how)
            return {name: exact}
        if given is False:
            return {}
        unpack, args = self.layout.unpack, self.args
        return {name: lambda x: given(unpack(x), *args), "col_deriv": col_deriv}

    def shaped(self, result: Any, recorder: Recorder | None, full_output: bool, at: int) -> Any:
        """SciPy's result with the solution in the shape of `x0`, and the history in its report."""
        if full_output:
            attach_history(result[at], recorder)
        elif not isinstance(result, tuple):  # fsolve
            return self.layout.unpack(result)
        return (self.layout.unpack(result[0]), *result[1:])


def _half_square(residuals: Array) -> float:
    return 0.5 * float(residuals @ residuals)


def _largest(residuals: Array) -> float:
    return float(np.max(np.abs(residuals), initial=0.0))


def _needs_full_output(name: str, history: bool | History, full_output: bool) -> None:
    if history is True and not full_output:
        raise ArgumentError(
            f"{name} returns the history in its report, which it was not asked for",
            remedy="Give full_output=True, or a History() of your own as history.",
        )


@without_our_frames
def fmin_slsqp(
    func: Callable[..., Any],
    x0: Any,
    eqcons: Any = (),
    f_eqcons: Callable[..., Any] | None = None,
    ieqcons: Any = (),
    f_ieqcons: Callable[..., Any] | None = None,
    bounds: Any = (),
    fprime: Any = None,
    fprime_eqcons: Any = None,
    fprime_ieqcons: Any = None,
    args: Any = (),
    *,
    iprint: int = 0,
    full_output: bool = False,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Minimize under constraints by sequential least squares, with all derivatives exact.

    Arguments and result are those of `scipy.optimize.fmin_slsqp`, but that it is silent unless
    `iprint` says otherwise, and that the solution has the shape of `x0`. The single functions in
    `eqcons` and `ieqcons` get exact derivatives like all others, which SciPy has no argument for.
    A ``history`` that shall be kept is a `History` of the caller's.
    """
    if history is True:
        raise ArgumentError(
            "fmin_slsqp has no place for the history in what it returns",
            remedy="Give a History() of your own as history.",
        )
    args = args if isinstance(args, tuple) else (args,)
    parameters = as_parameters(x0)
    layout = Layout.of(parameters)
    how = transformation_options(engine, threads)
    objective = Objective(func, layout, args, how)
    equal = _Constraint([*eqcons] if f_eqcons is None else [f_eqcons], fprime_eqcons, objective)
    above = _Constraint([*ieqcons] if f_ieqcons is None else [f_ieqcons], fprime_ieqcons, objective)
    with recording("fmin_slsqp", progress=progress, history=history) as recorder:
        keywords: dict[str, Any] = {}
        value: Callable[[Array], Any]
        if fprime is None:
            evaluation = SharedEvaluation(objective.value_and_gradient(), recorder)
            value, keywords["fprime"] = evaluation.value, evaluation.gradient
        else:
            value = recorded(objective.value(), recorder)
            if fprime is not False:
                keywords["fprime"] = lambda x: layout.pack(fprime(layout.unpack(x), *args))
        result = scipy_optimize().fmin_slsqp(
            value,
            layout.pack(parameters),
            bounds=bounds_for_scipy(bounds, layout) if np.size(bounds) else (),
            iprint=iprint,
            full_output=full_output,
            callback=wrap_callback(callback, layout),
            **equal.keywords("eqcons"),
            **above.keywords("ieqcons"),
            **keywords,
            **options,
        )
    if full_output:
        return (layout.unpack(np.asarray(result[0])), *result[1:])
    return layout.unpack(np.asarray(result))


class _Constraint:
    """Constraint functions of `fmin_slsqp` as one function of the flat vector, and its Jacobian."""

    def __init__(self, functions: list[Any], given: Any, objective: Objective) -> None:
        layout, args, how = objective.layout, objective.args, objective.options
        self.values = [value_of_vector(f, layout, args=args, options=how) for f in functions]
        self.given, self.layout, self.args = given, layout, args
        self.jacobians = [jacobian_of_vector(f, layout, args=args, options=how) for f in functions]

    def keywords(self, kind: str) -> dict[str, Any]:
        """What SciPy gets under the names of this kind."""
        if not self.values:
            return {}
        found: dict[str, Any] = {
            f"f_{kind}": lambda x: np.concatenate([np.ravel(value(x)) for value in self.values])
        }
        if self.given is None:
            found[f"fprime_{kind}"] = lambda x: np.concatenate(
                [np.reshape(jacobian(x), (-1, self.layout.size)) for jacobian in self.jacobians]
            )
        elif self.given is not False:
            found[f"fprime_{kind}"] = lambda x: self.given(self.layout.unpack(x), *self.args)
        return found


@without_our_frames
def minimize_scalar(
    fun: Callable[..., Any],
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    *,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
) -> Any:
    """Minimize a function of one number, compiled, by SciPy's methods, which use values only.

    Arguments and result are those of `scipy.optimize.minimize_scalar`.
    """
    args = args if isinstance(args, tuple) else (args,)
    how = transformation_options(engine, threads)
    with recording("minimize_scalar", progress=progress, history=history) as recorder:
        compiled = derivative("function", fun, None, how)

        def evaluate(x: Any, *more: Any) -> Any:
            if callback is not None:
                callback(x)
            found = compiled(x, *more)
            if recorder is not None:
                recorder.record(float(np.asarray(found).item()), None)
            return found

        result = scipy_optimize().minimize_scalar(
            compiled if callback is None and recorder is None else evaluate,
            bracket=bracket,
            bounds=bounds,
            args=args,
            method=method,
            tol=tol,
            options=options,
        )
    attach_history(result, recorder)
    return result
