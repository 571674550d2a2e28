"""`root`, `root_scalar` and `newton` with exact derivatives.

    root(lambda x: np.array([x[0] + x[1] - 3, x[0] ** 2 + x[1] ** 2 - 9]), [1.0, 5.0])

Of the methods of `root`, hybr and lm take a Jacobian and get it, krylov a sparse one to divide by where there
are many unknowns; the others build their own. Of
`root_scalar`, newton takes f' and halley f' and f''; so does the function `newton`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.api.products import jvp
from autodiff.tracebacks import without_our_frames

from .evaluation import (
    History,
    Options,
    Recorder,
    attach_history,
    derivative,
    first_parameter,
    jacobian_of_vector,
    recording,
    scipy_optimize,
    sparse_jacobian,
    value_of_vector,
)
from .local import shape_result, wrap_callback
from .methods import ROOT_METHODS_WITH_JACOBIAN, ROOT_SCALAR_DERIVATIVES
from .parameters import Array, Layout, as_parameters, real_entries
from .regression import transformation_options


@without_our_frames
def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
) -> Any:
    """Find a root of a vector function, with its exact Jacobian where the method takes one.

    Arguments and result are those of `scipy.optimize.root`; ``jac=None`` means exact,
    ``jac=False`` finite differences. `x0` may be an array of any shape or a container of arrays;
    `fun` then returns the same, and so is ``result.x``.

    The method ``"krylov"``, for many unknowns, takes no Jacobian but a preconditioner: where the Jacobian
    is large and mostly empty, that is the sparse Jacobian at each step, factored.
    """
    optimize = scipy_optimize()

    args = args if isinstance(args, tuple) else (args,)
    parameters = as_parameters(x0)
    layout = Layout.of(parameters)
    how = transformation_options(engine, threads)
    keywords: dict[str, Any] = {}
    if jac is None and method.lower() in ROOT_METHODS_WITH_JACOBIAN:
        keywords["jac"] = jacobian_of_vector(fun, layout, args=args, options=how)
    elif callable(jac):
        keywords["jac"] = lambda x: jac(layout.unpack(x), *args)
    elif jac:
        keywords["jac"] = jac
    if method.lower() == "krylov" and jac is None:
        options = _preconditioned(fun, layout, parameters, args, how, options)
    if callback is not None:
        keywords["callback"] = wrap_callback(callback, layout)

    with recording(f"root {method}", progress=progress, history=history) as recorder:
        value = value_of_vector(fun, layout, args=args, options=how)
        with_pair = keywords.get("jac") is True

        def residuals(x: Array) -> Any:
            found = value(x)
            if with_pair:
                return found
            vector = result_as_vector(found)
            if recorder is not None:
                recorder.record(float(np.max(np.abs(vector), initial=0.0)), None)
            return vector

        result = optimize.root(
            residuals, layout.pack(parameters), method=method, tol=tol, options=options, **keywords
        )
    if recorder is not None:
        result["history"] = recorder.history
    return shape_result(result, layout)


class _Factored:
    """The inverse of the sparse Jacobian, factored anew at each step of the search."""

    def __init__(self, jacobian: Callable[[Array], Any], start: Array) -> None:
        self.jacobian = jacobian
        self.shape = (start.size, start.size)
        self.dtype = np.dtype(np.float64)
        self.factors: Any = None
        self.update(start, None)

    def update(self, x: Array, f: Any) -> None:
        """What SciPy calls after each step."""
        from scipy.sparse.linalg import splu

        try:
            self.factors = splu(self.jacobian(np.ravel(x)).tocsc())
        except RuntimeError:  # singular here: the search goes on with what it has
            pass

    def matvec(self, v: Array) -> Array:
        """The product with the inverse."""
        return v if self.factors is None else np.asarray(self.factors.solve(np.ravel(v)))


def _preconditioned(
    fun: Callable[..., Any],
    layout: Layout,
    parameters: Any,
    args: tuple[Any, ...],
    how: Options,
    options: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """The options of ``"krylov"`` with a preconditioner, unless the caller gave one."""
    given = dict((options or {}).get("jac_options") or {})
    if "inner_M" in given or given.get("method", "lgmres") != "lgmres":
        return options
    jacobian = sparse_jacobian(fun, layout, parameters, args, None, how)
    if jacobian is None:
        return options
    start = layout.pack(parameters)
    if jacobian(start).shape != (start.size, start.size):
        return options  # SciPy says what is wrong
    given["inner_M"] = _Factored(jacobian, start)
    return {**(options or {}), "jac_options": given}


def result_as_vector(found: Any) -> Array:
    """The function's result, an array or a container of arrays, as a vector."""
    found = real_entries(found)
    if isinstance(found, np.ndarray):
        return found if found.ndim == 1 else np.ravel(found)
    if isinstance(found, int | float | np.number):
        return np.atleast_1d(np.asarray(found, dtype=np.float64))
    return Layout.of(found).pack(found)


@without_our_frames
def root_scalar(
    f: Callable[..., Any],
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: float | None = None,
    x1: float | None = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    options: dict[str, Any] | None = None,
    *,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
) -> Any:
    """Find a root of a function of one number, with exact derivatives where the method takes them.

    Arguments and result are those of `scipy.optimize.root_scalar`. Without `method`, `bracket` and
    `x1`, Newton's method runs from `x0` with the exact derivative. ``callback(x)`` is called at each
    point where `f` is evaluated, SciPy having none of its own here.
    """
    optimize = scipy_optimize()

    args = args if isinstance(args, tuple) else (args,)
    how = transformation_options(engine, threads)
    if method is None and bracket is None and x0 is not None and x1 is None:
        method = "halley" if fprime2 is not None else "newton"
    order = ROOT_SCALAR_DERIVATIVES.get((method or "").lower(), 0)
    if order >= 1 and fprime is None:
        fprime = _number(derivative("gradient", f, first_parameter(f, args), how))
    if order >= 2 and fprime2 is None:
        fprime2 = _second_derivative(f, args, how)
    if x0 is not None:
        x0 = float(x0)
    with recording(
        f"root_scalar {method or ''}".strip(), progress=progress, history=history
    ) as recorder:
        result = optimize.root_scalar(
            watched_number(derivative("function", f, None, how), callback, recorder),
            args=args,
            method=method,
            bracket=bracket,
            fprime=fprime,
            fprime2=fprime2,
            x0=x0,
            x1=x1,
            xtol=xtol,
            rtol=rtol,
            maxiter=maxiter,
            options=options,
        )
    attach_history(result, recorder)
    return result


@without_our_frames
def newton(
    func: Callable[..., Any],
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    tol: float = 1.48e-8,
    maxiter: int = 50,
    fprime2: Any = None,
    x1: Any = None,
    rtol: float = 0.0,
    full_output: bool = False,
    disp: bool = True,
    *,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
) -> Any:
    """Find a root by Newton's method, of one function or element by element of many.

    Arguments and result are those of `scipy.optimize.newton`, except that ``fprime=None`` means the
    exact derivative, unless `x1` asks for the secant method; ``fprime=False`` does too.
    ``fprime2=True`` is the exact second derivative, for Halley's method. `x0` may be complex, for a
    holomorphic `func`, and an array, for one that works element by element.

    Examples
    --------
    >>> import numpy as np
    >>> newton(lambda x, a: x**3 - a, np.ones(3), args=(np.array([1.0, 8.0, 27.0]),)).round(12)
    array([1., 2., 3.])
    """
    optimize = scipy_optimize()

    args = args if isinstance(args, tuple) else (args,)
    how = transformation_options(engine, threads)
    if np.asarray(x0).dtype.kind in "iub":  # by which there is no derivative
        x0 = np.asarray(x0, dtype=np.float64)[()]
    if fprime is False:
        fprime = None
    elif fprime is None and x1 is None:
        fprime = _elementwise_derivative(func, 1, how)
    if fprime2 is True:
        fprime2 = _elementwise_derivative(func, 2, how)
    with recording("newton", progress=progress, history=history) as recorder:
        return optimize.newton(
            watched_number(derivative("function", func, None, how), callback, recorder),
            x0,
            fprime=fprime,
            args=args,
            tol=tol,
            maxiter=maxiter,
            fprime2=fprime2,
            x1=x1,
            rtol=rtol,
            full_output=full_output,
            disp=disp,
        )


def _elementwise_derivative(
    func: Callable[..., Any], order: int, how: Options
) -> Callable[..., Any]:
    """The derivative of each element of the result by its element of the argument.

    Along ones, as the elements do not depend on each other. For a complex argument it is df/dz.
    """
    if order == 1:
        return lambda x, *args: jvp(func, (x, *args), (np.ones_like(x),), wrt=0, **dict(how))[1]
    total = _total(func)

    def second(x: Any, *args: Any) -> Any:
        options = {**dict(how), "holomorphic": np.iscomplexobj(x)}
        product = derivative("hessian_vector", total, "x", tuple(options.items()))
        return product(x, *args, _tensors=np.ones_like(x))

    return second


@lru_cache(maxsize=16)
def _total(func: Callable[..., Any]) -> Callable[..., Any]:
    """The sum of the elements, whose Hessian is diagonal."""

    def total(x: Any, *args: Any) -> Any:
        return np.sum(func(x, *args))

    return total


def watched_number(
    function: Callable[..., Any], callback: Callable[..., Any] | None, recorder: Recorder | None
) -> Callable[..., Any]:
    """`function`, telling `callback` of each argument and the recorder of each result's size."""
    if callback is None and recorder is None:
        return function

    def evaluate(x: Any, *args: Any) -> Any:
        if callback is not None:
            callback(x)
        found = function(x, *args)
        if recorder is not None:
            recorder.record(float(np.max(np.abs(found), initial=0.0)), None)
        return found

    return evaluate


def _number(gradient: Callable[..., Any]) -> Callable[..., float]:
    return lambda x, *args: float(gradient(float(x), *args))


def _second_derivative(
    f: Callable[..., Any], args: tuple[Any, ...], how: Options
) -> Callable[..., float]:
    # For one number the Hessian-vector product with 1 is the second derivative.
    product = derivative("hessian_vector", f, first_parameter(f, args), how)
    return lambda x, *rest: float(product(float(x), *rest, _tensors=1.0))
