"""`least_squares` and `curve_fit` with exact Jacobians.

    curve_fit(lambda x, a, k: a * np.exp(-k * x), x, y, p0=(1.0, 0.1))

The signatures and results are SciPy's. A Jacobian by finite differences has about eight correct
digits, often fewer; the solver then stops where the error of the derivative outweighs the progress,
and the last digits of the parameters are noise. With exact Jacobians the fit goes on to what the
arithmetic allows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.tracebacks import without_our_frames

from .evaluation import (
    History,
    Options,
    Recorder,
    attach_history,
    derivative,
    jacobian_of_vector,
    recording,
    scipy_optimize,
    sparse_jacobian,
    value_of_vector,
)
from .local import shape_result, wrap_callback
from .parameters import Array, Layout, as_parameters, real_entries

_UNBOUNDED = (-np.inf, np.inf)


@without_our_frames
def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    *,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Solve a nonlinear least-squares problem, with bounds if need be, by exact Jacobians.

    Parameters
    ----------
    fun
        ``fun(x, *args, **kwargs) -> residuals``, in plain NumPy.
    x0
        Where to start: a vector, an array of any shape, or a container of arrays.
    jac
        None: exact; of 1000 parameters or more, where at most a fiftieth of the matrix is filled, as
        a sparse array, which methods "trf" and "dogbox" solve with by ``tr_solver="lsmr"``.  Otherwise
        as in SciPy (``"2-point"``, ``"3-point"``, ``"cs"``, a callable).
    bounds, method, args, kwargs, callback, **options
        As in `scipy.optimize.least_squares`; bounds are for the flat vector.
    progress, history
        Show a progress bar; keep the convergence as ``result.history``.
    engine, threads
        For the compiled functions.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's; ``x`` has the shape of `x0`; ``jac`` is the matrix (residuals, parameters).
    """
    optimize = scipy_optimize()

    parameters = as_parameters(x0)
    layout = Layout.of(parameters)
    how = transformation_options(engine, threads)
    value = value_of_vector(_with_keywords(fun, kwargs), layout, args=args, options=how)

    if jac is None:
        with_sparse = method != "lm" and options.get("tr_solver") != "exact"
        jac = (
            sparse_jacobian(fun, layout, parameters, args, kwargs, how) if with_sparse else None
        ) or jacobian_of_vector(fun, layout, args=args, keywords=kwargs, options=how)
    elif callable(jac):
        given, keywords = jac, kwargs or {}

        def jac(x: Array) -> Any:
            return given(layout.unpack(x), *args, **keywords)

    if callback is not None:
        options["callback"] = wrap_callback(callback, layout)
    with recording(f"least_squares {method}", progress=progress, history=history) as recorder:
        residuals, jac = _recorded_pair(_as_vector(value), jac, recorder)
        result = optimize.least_squares(
            residuals, layout.pack(parameters), jac=jac, bounds=bounds, method=method, **options
        )
    if recorder is not None:
        result["history"] = recorder.history
    return _keep_matrix(result, layout)


@without_our_frames
def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = _UNBOUNDED,
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Fit ``f(xdata, *parameters)`` to data by least squares, with exact Jacobians.

    All arguments and results are those of `scipy.optimize.curve_fit`, except that ``jac=None``
    means exact derivatives; ``jac="2-point"`` asks for finite differences.

    ``callback(parameters)`` is called at each evaluation of `f` by method "lm", of which SciPy has
    no callback, else as in `least_squares`. ``history=True`` is kept as ``infodict["history"]`` and
    so needs ``full_output=True``; a `History` that is given is added to.

    Returns
    -------
    popt : ndarray
        The parameters.
    pcov : ndarray
        Their covariance; its diagonal's roots are the standard deviations.
    """
    optimize = scipy_optimize()

    how = transformation_options(engine, threads)
    if not callable(f):
        raise ArgumentError(
            f"curve_fit needs a function, not {type(f).__name__}",
            remedy="the model comes first, then the data: curve_fit(model, x, y)",
        )
    if jac is None:
        jac = _parameter_jacobian(f, how)
    model = derivative("function", f, None, how)
    if p0 is None and bounds is _UNBOUNDED:
        count = _parameter_count(f)
        p0 = None if count is None else np.ones(count)  # SciPy's start, without its inspection
    if history is True and not full_output:
        raise ArgumentError(
            "curve_fit has no place for the history in (popt, pcov)",
            remedy="Give full_output=True, or a History() of your own as history.",
        )
    if (
        callback is not None
        and method not in (None, "lm")
        or callback is not None
        and np.any(np.isfinite(_as_bounds(bounds)))
    ):
        options["callback"], callback = callback, None
    with recording("curve_fit", progress=progress, history=history) as recorder:
        seen = _watched_model(model, callback, recorder, ydata, sigma)
        result = optimize.curve_fit(
            _same_signature(seen, f) if p0 is None or seen is not model else model,
            xdata,
            ydata,
            p0=p0,
            sigma=sigma,
            absolute_sigma=absolute_sigma,
            check_finite=check_finite,
            bounds=bounds,
            method=method,
            jac=jac,
            full_output=full_output,
            nan_policy=nan_policy,
            **options,
        )
    if full_output:
        attach_history(result[2], recorder)
    return result


def _as_bounds(bounds: Any) -> Array:
    """All bounds in one vector."""
    low, high = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    return np.concatenate([np.ravel(low), np.ravel(high)])


def _watched_model(
    model: Callable[..., Any],
    callback: Callable[..., Any] | None,
    recorder: Recorder | None,
    ydata: Any,
    sigma: Any,
) -> Callable[..., Any]:
    """`model`, telling `callback` of the parameters and the recorder of half the sum of squares."""
    if callback is None and recorder is None:
        return model

    def watched(xdata: Any, *parameters: Any) -> Any:
        if callback is not None:
            callback(np.array(parameters))
        found = model(xdata, *parameters)
        if recorder is not None:
            off = weighted(np.ravel(found) - np.ravel(ydata), sigma)
            recorder.record(0.5 * float(off @ off), None)
        return found

    return watched


def weighted(residuals: Array, sigma: Any) -> Array:
    """Residuals in units of their standard deviations, or whitened by their covariance matrix."""
    if sigma is None:
        return residuals
    sigma = np.asarray(sigma, dtype=np.float64)
    if sigma.ndim < 2:
        return residuals / sigma
    from scipy.linalg import cholesky, solve_triangular

    whitened: Array = solve_triangular(cholesky(sigma, lower=True), residuals, lower=True)
    return whitened


def transformation_options(engine: str | None, threads: int | None) -> Options:
    """The options given, for `evaluation.derivative`."""
    given = {"engine": engine, "threads": threads}
    return tuple((name, value) for name, value in given.items() if value is not None)


def _parameter_jacobian(f: Callable[..., Any], how: Options) -> Callable[..., Array]:
    """``(xdata, *parameters) -> matrix (data, parameters)``."""
    own = getattr(f, "__autodiff_derivatives__", None)
    if own is not None:
        given: Callable[..., Array] = own("jacobian", how)
        return given
    jacobian = derivative("jacobian", _with_vector(f), "parameters", how)

    def matrix(xdata: Any, *parameters: float) -> Array:
        vector = np.array(parameters, dtype=np.float64)
        return np.asarray(jacobian(vector, xdata))

    return matrix


@lru_cache(maxsize=16)
def _with_vector(f: Callable[..., Any]) -> Callable[..., Any]:
    def model(parameters: Array, xdata: Any) -> Any:
        return f(xdata, *parameters)

    return model


def _parameter_count(f: Callable[..., Any]) -> int | None:
    """How many parameters SciPy would count; None where that is for SciPy to say."""
    if not isinstance(f, FunctionType):
        return None
    code = f.__code__
    plain = not code.co_kwonlyargcount and not hasattr(f, "__wrapped__")
    return code.co_argcount - 1 if plain and code.co_argcount > 1 else None


def _same_signature(model: Callable[..., Any], f: Callable[..., Any]) -> Callable[..., Any]:
    """`model` as a plain function with the signature of `f`: SciPy counts its parameters."""
    from functools import wraps

    @wraps(f)
    def call(xdata: Any, *parameters: Any) -> Any:
        return model(xdata, *parameters)

    return call


def _with_keywords(fun: Callable[..., Any], keywords: dict[str, Any] | None) -> Callable[..., Any]:
    if not keywords:
        return fun
    return lambda x, *args: fun(x, *args, **keywords)


def _as_vector(value: Callable[[Array], Any]) -> Callable[[Array], Array]:
    def residuals(x: Array) -> Array:
        found = real_entries(value(x))
        return found if getattr(found, "ndim", 0) == 1 else np.ravel(found)

    return residuals


def _recorded_pair(
    residuals: Callable[[Array], Array], jac: Any, recorder: Recorder | None
) -> tuple[Callable[[Array], Array], Any]:
    """Residuals and Jacobian, telling the recorder of the cost and of its gradient Jᵀr."""
    if recorder is None:
        return residuals, jac
    latest: list[Array] = []

    def recorded_residuals(x: Array) -> Array:
        found = residuals(x)
        latest[:] = [found]
        recorder.record(0.5 * float(found @ found), None)
        return found

    def recorded_jacobian(x: Array) -> Any:
        matrix = jac(x)
        # SciPy asks for the Jacobian at the point whose residuals it has just seen and accepted.
        recorder.refine((matrix if hasattr(matrix, "T") else np.asarray(matrix)).T @ latest[0])
        return matrix

    return recorded_residuals, recorded_jacobian if callable(jac) else jac


def _keep_matrix(result: Any, layout: Layout) -> Any:
    """`x` in the shape of `x0`; the Jacobian stays the matrix that it is."""
    matrix = result.get("jac")
    result = shape_result(result, layout)
    result["jac"] = matrix
    return result
