"""PyAutoDiff's optimisers: `fmin_l_bfgs_b`, `fmin_cg`, `fmin_ncg`.

    best = fmin_l_bfgs_b(loss, init_args=(weights, bias))        # -> (weights, bias)

All arguments given are optimised: one array or number gives one result, a tuple gives a tuple, in
the order of the signature. What follows is SciPy's, passed through to the functions of the same
name in `scipy.optimize`. Newton-CG gets exact Hessian-vector products.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.tracebacks import without_our_frames

from .evaluation import History, Options, SharedEvaluation, derivative, recording, scipy_optimize
from .local import wrap_callback
from .parameters import Array, Layout

Function = Callable[..., Any]

_PASSED_BY_US = ("func", "f", "x0", "fprime", "fhess", "fhess_p", "approx_grad", "full_output")


@without_our_frames
def fmin_l_bfgs_b(
    fn: Function,
    init_args: Any = (),
    init_kwargs: dict[str, Any] | None = None,
    scalar_bounds: tuple[float | None, float | None] | None = None,
    return_info: bool = False,
    callback: Function | None = None,
    *,
    progress: bool = False,
    history: bool | History = False,
    **scipy_options: Any,
) -> Any:
    """Minimize `fn` with respect to all its arguments by limited-memory BFGS.

    Parameters
    ----------
    fn
        A scalar function in plain NumPy.
    init_args
        Where to start: one array or number, or a tuple of several arguments.
    init_kwargs
        Arguments by name, optimised like the others.
    scalar_bounds
        ``(low, high)`` for every entry of every argument.
    return_info
        Return ``(result, info)``; `info` has ``f_opt``, SciPy's ``info`` and the ``history``.
    callback
        ``callback(x)`` after each iteration, `x` in the shape of the result.
    progress, history
        Show a progress bar; keep the convergence as ``info["history"]``.
    **scipy_options
        Options of `scipy.optimize.fmin_l_bfgs_b` (``m``, ``factr``, ``pgtol``, ``maxiter``, …),
        and ``engine=``, ``threads=``.

    Returns
    -------
    The arguments at the minimum, in the shapes and containers of `init_args`.
    """
    optimize = scipy_optimize()

    bound = _Bound(fn, init_args, init_kwargs, scipy_options)
    if scalar_bounds is not None:
        if "bounds" in scipy_options:
            raise ArgumentError(
                "fmin_l_bfgs_b got both scalar_bounds and bounds",
                remedy="Give one of them.",
            )
        scipy_options["bounds"] = [scalar_bounds] * bound.layout.size
    with recording("fmin_l_bfgs_b", progress=progress, history=history) as recorder:
        evaluation = SharedEvaluation(bound.value_and_gradient(), recorder)
        x, value, info = optimize.fmin_l_bfgs_b(
            evaluation.value,
            bound.start,
            fprime=evaluation.gradient,
            callback=wrap_callback(callback, bound.layout),
            **scipy_options,
        )
    report = {"f_opt": value, "info": info, "history": recorder and recorder.history}
    return bound.result(x, report, return_info)


@without_our_frames
def fmin_cg(
    fn: Function,
    init_args: Any = (),
    init_kwargs: dict[str, Any] | None = None,
    return_info: bool = False,
    callback: Function | None = None,
    *,
    progress: bool = False,
    history: bool | History = False,
    **scipy_options: Any,
) -> Any:
    """Minimize `fn` with respect to all its arguments by nonlinear conjugate gradients.

    The arguments are those of `fmin_l_bfgs_b`, without bounds; `scipy_options` are those of
    `scipy.optimize.fmin_cg`. Silent unless ``disp=True``.
    """
    optimize = scipy_optimize()

    bound = _Bound(fn, init_args, init_kwargs, scipy_options)
    scipy_options.setdefault("disp", False)
    with recording("fmin_cg", progress=progress, history=history) as recorder:
        evaluation = SharedEvaluation(bound.value_and_gradient(), recorder)
        x, value, evaluations, gradients, flag, *iterates = optimize.fmin_cg(
            evaluation.value,
            bound.start,
            fprime=evaluation.gradient,
            full_output=True,
            callback=wrap_callback(callback, bound.layout),
            **scipy_options,
        )
    info = {"funcalls": evaluations, "gradcalls": gradients, "warnflag": flag}
    if iterates:
        info["allvecs"] = [bound.layout.unpack(iterate) for iterate in iterates[0]]
    report = {"f_opt": value, "info": info, "history": recorder and recorder.history}
    return bound.result(x, report, return_info)


@without_our_frames
def fmin_ncg(
    fn: Function,
    init_args: Any = (),
    init_kwargs: dict[str, Any] | None = None,
    return_info: bool = False,
    callback: Function | None = None,
    *,
    progress: bool = False,
    history: bool | History = False,
    **scipy_options: Any,
) -> Any:
    """Minimize `fn` with respect to all its arguments by Newton-CG, with exact curvature.

    The arguments are those of `fmin_l_bfgs_b`, without bounds; `scipy_options` are those of
    `scipy.optimize.fmin_ncg`. Silent unless ``disp=True``.
    """
    optimize = scipy_optimize()

    bound = _Bound(fn, init_args, init_kwargs, scipy_options)
    scipy_options.setdefault("disp", False)
    with recording("fmin_ncg", progress=progress, history=history) as recorder:
        evaluation = SharedEvaluation(bound.value_and_gradient(), recorder)
        x, value, evaluations, gradients, products, flag, *iterates = optimize.fmin_ncg(
            evaluation.value,
            bound.start,
            fprime=evaluation.gradient,
            fhess_p=bound.hessian_product(),
            full_output=True,
            callback=wrap_callback(callback, bound.layout),
            **scipy_options,
        )
    info = {
        "funcalls": evaluations,
        "gradcalls": gradients,
        "hessian_products": products,
        "warnflag": flag,
    }
    if iterates:
        info["allvecs"] = [bound.layout.unpack(iterate) for iterate in iterates[0]]
    report = {"f_opt": value, "info": info, "history": recorder and recorder.history}
    return bound.result(x, report, return_info)


class _Bound:
    """`fn` with the arguments to be optimised: by position, by name, and as one flat vector."""

    def __init__(
        self,
        fn: Function,
        init_args: Any,
        init_kwargs: dict[str, Any] | None,
        scipy_options: dict[str, Any],
    ) -> None:
        for name in _PASSED_BY_US:
            if name in scipy_options:
                raise ArgumentError(
                    f"{name} is not an option here: it follows from the function",
                    remedy=f"Leave {name} out, or call scipy.optimize yourself.",
                )
        self.fn = fn
        args = init_args if isinstance(init_args, tuple) else (init_args,)
        self.positional, self.named, self.names = _in_order(fn, args, init_kwargs or {})
        values = (*self.positional, *self.named.values())
        if not values:
            raise ArgumentError(
                "there is nothing to optimise: no initial arguments",
                remedy="Give init_args (one array, a number, or a tuple) or init_kwargs.",
            )
        # One argument gives one result. A tuple of one is a container the caller chose.
        self.single = len(values) == 1
        parameters = values[0] if self.single else values
        self.layout = Layout.of(parameters)
        self.start = self.layout.pack(parameters)
        self.how: Options = tuple(
            (key, scipy_options.pop(key)) for key in ("engine", "threads") if key in scipy_options
        )

    def _call(self, x: Array, function: Function, **more: Any) -> Any:
        found = self.layout.unpack(x)
        values = (found,) if self.single else found
        count = len(self.positional)
        named = dict(zip(self.named, values[count:], strict=True))
        return function(*values[:count], **named, **more)

    def value_and_gradient(self) -> Callable[[Array], tuple[Any, Array]]:
        """``x -> (value, gradient)`` for SciPy."""
        both = derivative("value_and_gradient", self.fn, self._wrt(), self.how)
        if self.layout.direct and not self.named:
            return both
        pack = self.layout.pack

        def evaluate(x: Array) -> tuple[Any, Array]:
            value, gradient = self._call(x, both)
            return value, pack(gradient)

        return evaluate

    def hessian_product(self) -> Callable[[Array, Array], Array]:
        """``(x, v) -> H(x) v`` for SciPy."""
        product = derivative("hessian_vector", self.fn, self._wrt(), self.how)
        if self.layout.direct and not self.named:
            return lambda x, v: product(x, _tensors=v)
        unpack, pack = self.layout.unpack, self.layout.pack
        return lambda x, v: pack(self._call(x, product, _tensors=unpack(v)))

    def _wrt(self) -> str | tuple[str, ...] | None:
        if self.names is None:
            return None
        return self.names[0] if self.single else self.names

    def result(self, x: Array, report: dict[str, Any], return_info: bool) -> Any:
        """The arguments that lie in `x`, and `report` if asked for."""
        best = self.layout.unpack(np.asarray(x))
        return (best, report) if return_info else best


def _in_order(
    fn: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], tuple[str, ...] | None]:
    """Arguments by position and by name, in the signature's order, and all their names.

    The names are None if every argument is differentiated anyway or some argument has no name.
    """
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return args, kwargs, None
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(
            f"the initial arguments do not fit {getattr(fn, '__name__', fn)}{signature}: {error}",
            remedy="Give a start for each argument without default in init_args or init_kwargs.",
        ) from None
    if any(
        parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for name, parameter in signature.parameters.items()
        if name in bound.arguments
    ):
        return bound.args, bound.kwargs, None
    names = tuple(bound.arguments)
    everything = len(names) == len(signature.parameters)
    return bound.args, bound.kwargs, None if everything else names
