"""`fit`: named parameters, bounds and ties in; values, errors, intervals and contours out.

    result = fit(decay, (t, y), {"a": 1.0, "k": (0.1, 0, np.inf)})
    result.values["k"], result.errors["k"], result.interval("k")

SciPy does the fitting (`least_squares`; `minimize` for likelihoods) with exact derivatives by the
vector of free parameters. The same compiled functions then give the errors, from the Jacobian or
the Hessian at the best fit, and the profiles: the fit is repeated with one or two parameters held,
which needs no new derivative.

What is not done: errors of parameters at a bound (none is defined; the others' hold it there), and
profiles of tied parameters (make it a free one, and tie another).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

import numpy as np

from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.tracebacks import without_our_frames

from .evaluation import (
    History,
    Objective,
    Options,
    Recorder,
    SharedEvaluation,
    derivative,
    jacobian_of_vector,
    recording,
    scipy_optimize,
    value_of_vector,
    watched,
)
from .named import Naming, named, off_bounds
from .parameters import Array, Layout
from .regression import transformation_options
from .report import FitResult

Cost = Literal["least_squares", "residuals", "likelihood"]


class Problem(Protocol):
    """What is minimised, as a function of the free parameters."""

    def cost(self, x: Array) -> float:
        """Half the sum of squares, or minus the logarithm of the likelihood."""

    def gradient(self, x: Array) -> Array:
        """Its gradient."""

    def hessian(self, x: Array) -> Array:
        """Its Hessian."""

    def solve(self, start: Array, moving: Array, low: Array, high: Array, **how: Any) -> Any:
        """SciPy's result of minimising over the entries `moving`; ``x`` has all of them."""


@without_our_frames
def fit(
    model: Callable[..., Any],
    data: Any,
    parameters: Mapping[str, Any],
    *,
    sigma: Any = None,
    absolute_sigma: bool = False,
    cost: Cost = "least_squares",
    errors: Literal["jacobian", "hessian"] | None = None,
    method: str | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    history: bool | History = False,
    engine: str | None = None,
    threads: int | None = None,
    **options: Any,
) -> FitResult:
    """Fit a model to data, and report what is known of its parameters.

    Parameters
    ----------
    model
        Plain NumPy, with the parameters by name; what it returns depends on `cost`.
    data
        ``(x, y)`` for ``cost="least_squares"``; whatever the model takes first for the others, or
        None if it takes nothing but parameters.
    parameters
        By name, each one of: a start (number or array); ``(start, low, high)``; a function of
        other parameters, to which it is tied; a :class:`Parameter`.
    sigma
        Standard deviations of `y`, one for all or one each, or a covariance matrix.
    absolute_sigma
        Whether `sigma` is known in size. If not, as in SciPy, only its proportions count, and errors
        are scaled such that chi-square is what it should be.
    cost
        ``"least_squares"``: ``model(x, **parameters)`` is compared with `y`. ``"residuals"``: the
        model returns residuals. ``"likelihood"``: it returns logarithms of likelihoods, to be added up.
    errors
        What they come from: the Jacobian (the default of the first two, as in `curve_fit` and lmfit) or the
        Hessian of the cost (that of the last, as in iminuit).
    method
        SciPy's, of `least_squares` or of `minimize`.
    callback
        ``callback(values)``, with the parameters by name, at each evaluation.
    progress, history
        As in `minimize`; the history is ``result.history``.
    engine, threads
        For the compiled functions.
    **options
        Further ones of SciPy's `least_squares`; ``options`` of `minimize`.

    Returns
    -------
    FitResult

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(6.0)
    >>> y = np.array([5.1, 3.0, 1.9, 1.0, 0.7, 0.4])
    >>> result = fit(lambda t, a, k: a * np.exp(-k * t), (t, y), {"a": 1.0, "k": (0.1, 0, 10)})
    >>> {name: round(float(value), 3) for name, value in result.values.items()}
    {'a': 5.089, 'k': 0.514}
    """
    if cost not in ("least_squares", "residuals", "likelihood"):
        raise NameArgumentError(
            f"cost={cost!r} is not known",
            remedy="use 'least_squares', 'residuals' or 'likelihood'",
        )
    known = named(parameters)
    how = transformation_options(engine, threads)
    given = _data(data, cost, sigma)
    functions = _functions(model, cost, known.naming)
    problem: Problem = (
        _Likelihood(functions.total, given, how)
        if cost == "likelihood"
        else _Squares(functions.residuals, given, how)
    )
    with recording(f"fit {cost}", progress=progress, history=history) as recorder:
        found = problem.solve(
            known.start,
            np.arange(known.start.size),
            known.low,
            known.high,
            method=method,
            recorder=recorder,
            callback=None if callback is None else lambda x: callback(known.naming.values(x)),
            **options,
        )
    return FitResult(
        name=getattr(model, "__name__", "the model"),
        kind=cost,
        named=known,
        problem=problem,
        vector=found.x,
        scipy=found,
        predicted=functions.prediction(how),
        data=given,
        scaled=cost != "likelihood" and not absolute_sigma,
        errors_from=errors or ("hessian" if cost == "likelihood" else "jacobian"),
        history=None if recorder is None else recorder.history,
    )


@dataclass(frozen=True)
class _Functions:
    """Model and data compared, as functions of the free vector, which are what is differentiated.

    The data are their arguments: a second fit of the same model to other data compiles nothing.
    """

    residuals: Callable[..., Any]
    total: Callable[..., Any]
    curve: Callable[..., Any] | None

    def prediction(self, how: Options) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
        """The model and its Jacobian by the free vector, of ``(vector, x)``."""
        if self.curve is None:
            return None
        return (
            derivative("function", self.curve, None, how),
            derivative("jacobian", self.curve, "vector", how),
        )


def _functions(model: Callable[..., Any], cost: Cost, naming: Naming) -> _Functions:
    try:
        return _remembered(model, cost, naming)
    except TypeError as error:  # a fixed parameter that is an array
        if "unhashable" not in str(error):
            raise
    return _remembered.__wrapped__(model, cost, naming)


@lru_cache(maxsize=16)
def _remembered(model: Callable[..., Any], cost: Cost, naming: Naming) -> _Functions:
    if cost != "least_squares":

        def returned(vector: Any, *first: Any) -> Any:
            return _flat(model(*first, **naming.values(vector)))

        def total(vector: Any, *first: Any) -> Any:
            return -np.sum(model(*first, **naming.values(vector)))

        return _Functions(returned, total, None)

    def curve(vector: Any, x: Any) -> Any:
        values = naming.values(vector)
        return model(**values) if x is None else model(x, **values)

    def residuals(vector: Any, x: Any, y: Any, weights: Any) -> Any:
        off = curve(vector, x) - y
        if weights is None:
            return _flat(off)
        return weights @ _flat(off) if weights.ndim == 2 else _flat(off * weights)

    return _Functions(residuals, residuals, curve)


def _data(data: Any, cost: Cost, sigma: Any) -> tuple[Any, ...]:
    """The arguments of the functions compared, after the vector."""
    if cost == "least_squares":
        if not (isinstance(data, tuple | list) and len(data) == 2):
            raise ArgumentError("data is not (x, y)", remedy="give a tuple of two")
        x, y = data[0], np.asarray(data[1])
        if isinstance(x, list | tuple) and np.asarray(x).dtype.kind in "iuf":
            x = np.asarray(x, dtype=np.float64)  # as `curve_fit` takes them
        return x, y, _weights(sigma, y)
    if sigma is not None:
        raise ArgumentError(
            f"cost={cost!r} has no use for sigma", remedy="divide by it in the model"
        )
    return () if data is None else (data,)


def _weights(sigma: Any, y: Array) -> Array | None:
    """What residuals are multiplied by: 1/sigma, or a matrix that whitens them."""
    if sigma is None:
        return None
    sigma = np.asarray(sigma, dtype=np.float64)
    if sigma.ndim == 2 and sigma.shape == (y.size, y.size) and y.ndim < 2:
        # sigma = L Lᵀ: the entries of L⁻¹ r are independent, with unit variance.
        return np.linalg.inv(np.linalg.cholesky(sigma))
    if not np.all(sigma > 0):
        raise NameArgumentError(
            "sigma has entries that are not positive", remedy="leave out the data without weight"
        )
    return np.array(np.broadcast_to(1 / sigma, y.shape))


def _flat(residuals: Any) -> Any:
    """A vector of real numbers; of complex ones the real parts, then the imaginary ones."""
    flat = np.ravel(residuals)
    if np.iscomplexobj(flat):
        return np.concatenate([flat.real, flat.imag])
    return flat


@lru_cache(maxsize=16)
def _half_square(residuals: Callable[..., Any]) -> Callable[..., Any]:
    def half_square(vector: Any, *data: Any) -> Any:
        found = residuals(vector, *data)
        return 0.5 * np.sum(found * found)

    return half_square


class _Squares:
    """Half the sum of squares of residuals; minimised by `least_squares`."""

    def __init__(self, residuals: Callable[..., Any], data: tuple[Any, ...], how: Options) -> None:
        layout = Layout.of(np.zeros(1))
        self.residuals = value_of_vector(residuals, layout, args=data, options=how)
        self.jacobian = jacobian_of_vector(residuals, layout, args=data, options=how)

        self._hessian = Objective(_half_square(residuals), layout, data, how).hessian()

    def cost(self, x: Array) -> float:
        found = self.residuals(x)
        return 0.5 * float(found @ found)

    def gradient(self, x: Array) -> Array:
        return np.asarray(self.jacobian(x)).T @ self.residuals(x)

    def hessian(self, x: Array) -> Array:
        return self._hessian(x)

    def solve(
        self, start: Array, moving: Array, low: Array, high: Array, *,
        method: str | None = None, recorder: Recorder | None = None,
        callback: Callable[[Array], Any] | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        whole = _filling(start, moving)
        bounded = bool(np.any(np.isfinite(low[moving]) | np.isfinite(high[moving])))
        count = self.residuals(start).size
        if method is None:
            method = "trf" if bounded or count < moving.size else "lm"
        if method != "lm":
            options = {"x_scale": "jac", "bounds": (low[moving], high[moving]), **options}
        # What is left of the way is squared at each step: the last digits cost one or two more.
        options = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12, **options}

        def residuals(z: Array) -> Array:
            found: Array = self.residuals(whole(z))
            if recorder is not None:
                recorder.record(0.5 * float(found @ found), None)
            return found

        result = scipy_optimize().least_squares(
            watched(
                residuals, Layout.of(start[moving]), callback and (lambda z: callback(whole(z)))
            ),
            start[moving],
            jac=lambda z: np.asarray(self.jacobian(whole(z)))[:, moving],
            method=method,
            **options,
        )
        result.x = whole(result.x)
        result.method = method
        return result


class _Likelihood:
    """Minus the logarithm of a likelihood; minimised by `minimize`, to the end by Newton's steps."""

    def __init__(self, total: Callable[..., Any], data: tuple[Any, ...], how: Options) -> None:
        objective = Objective(total, Layout.of(np.zeros(1)), data, how)
        self._both = objective.value_and_gradient()
        self._hessian = objective.hessian()

    def cost(self, x: Array) -> float:
        return float(self._both(x)[0])

    def gradient(self, x: Array) -> Array:
        return self._both(x)[1]

    def hessian(self, x: Array) -> Array:
        return self._hessian(x)

    def solve(
        self, start: Array, moving: Array, low: Array, high: Array, *,
        method: str | None = None, recorder: Recorder | None = None,
        callback: Callable[[Array], Any] | None = None, options: dict[str, Any] | None = None,
        **more: Any,
    ) -> Any:  # fmt: skip
        whole = _filling(start, moving)
        bounds = None
        if np.any(np.isfinite(low[moving]) | np.isfinite(high[moving])):
            bounds = scipy_optimize().Bounds(low[moving], high[moving])
        # BFGS is quick from near; from where it runs out of the domain, a trust region comes back.
        methods = (
            [method] if method else ["L-BFGS-B"] if bounds is not None else ["BFGS", "trust-exact"]
        )

        def both(z: Array) -> tuple[Any, Array]:
            value, gradient = self._both(whole(z))
            return (value if value == value else np.inf), gradient[moving]

        evaluation = SharedEvaluation(both, recorder)
        value = watched(
            evaluation.value,
            Layout.of(start[moving]),
            callback and (lambda z: callback(whole(z))),
        )
        for name in methods:
            if name == "trust-exact":
                more["hess"] = lambda z: self._hessian(whole(z))[np.ix_(moving, moving)]
            result = scipy_optimize().minimize(
                value, start[moving], jac=evaluation.gradient, method=name, bounds=bounds,
                options=options, **more,
            )  # fmt: skip
            result.x = whole(result.x)
            result.method = name
            self._finish(result, moving, low, high)
            if result.success:
                break
        return result

    def _finish(self, result: Any, moving: Array, low: Array, high: Array) -> None:
        """Newton's steps from where the search has stopped, while they lead down.

        What is left above the minimum, gᵀH⁻¹g / 2, says whether it was reached: a search may stop for
        want of digits in the value and call that a failure.
        """
        for _ in range(10):
            gradient = self.gradient(result.x)
            inside = moving[off_bounds(result.x, gradient, low, high)[moving]]
            if inside.size == 0:
                return
            hessian = self.hessian(result.x)[np.ix_(inside, inside)]
            try:
                np.linalg.cholesky(hessian)
                step = -np.linalg.solve(hessian, gradient[inside])
            except np.linalg.LinAlgError:  # a saddle, or not even near a minimum
                return
            left = -0.5 * float(step @ gradient[inside])
            if not 0 <= left < np.inf:
                return  # not at a minimum
            if left < 1e-9:
                result.success = True
                result.message = "The value is within 1e-9 of that of the minimum."
            moved = np.array(result.x)
            moved[inside] = np.clip(moved[inside] + step, low[inside], high[inside])
            value = self.cost(moved)
            # So near, the step is right in more digits than two values can be told apart by.
            if left < 1e-20 or not (value <= result.fun or left < 1e-9):
                return
            result.x, result.fun = moved, value


def _filling(start: Array, moving: Array) -> Callable[[Array], Array]:
    """``z -> x``: `start` with the entries `moving` replaced."""

    def whole(z: Array) -> Array:
        x = np.array(start)
        x[moving] = z
        return x

    return whole
