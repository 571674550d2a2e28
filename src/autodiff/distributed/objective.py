"""`sum_over`, `rows_over`, `model_over` and `map`: what a function of one shard is as one of all.

    sum_over(loss, shards)         ->  the sum of loss(params, *shard), for minimize and samplers
    rows_over(residuals, shards)   ->  the residuals of all shards in their order, for least_squares
    model_over(f, shards)          ->  f(*shard, *params) of all, for curve_fit
    map(fit, shards)               ->  [fit(*shard), ...]: many fits that have nothing to do with each other

What they return is called like an ordinary function of the parameters, and gives its derivatives itself:
`optimize` asks for them where it would else transform the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import tree
from autodiff.errors import ArgumentError, UnsupportedError
from autodiff.ops.tracer import is_traced
from autodiff.optimize.evaluation import Options
from autodiff.optimize.parameters import Array
from autodiff.tracebacks import without_our_frames

from . import tasks
from .workers import backend


class _Over:
    """A function of parameters that is made of one of parameters and a shard."""

    _gives: tuple[str, ...] = ()

    def __init__(self, function: Callable[..., Any], shards: Any, client: Any) -> None:
        if not callable(function):
            raise ArgumentError(
                f"a function is needed, not {type(function).__name__}",
                remedy="pass the function of one shard first",
            )
        self._function = function
        self._client = client
        self._apart: bool | None = None
        self._backend = backend(client, function, shards)
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def _task(
        self, transformation: str, options: Options, parameters: Any, keywords: dict[str, Any]
    ) -> tuple[Any, ...]:
        """What the workers are asked for."""
        if is_traced([parameters]):
            raise UnsupportedError(
                f"{self!r} runs elsewhere: it cannot be compiled or differentiated from outside",
                remedy=f"use its own {', '.join(self._gives)}",
            )
        if self._apart is None:
            self._apart = self._backend.shapes() <= tasks.MOST_APART
        return tasks.evaluate, transformation, options, self._apart, parameters, keywords

    def __autodiff_derivatives__(self, transformation: str, options: Options) -> Callable[..., Any]:
        """How `optimize` gets what it would else make of the function."""
        if transformation not in ("function", *self._gives):
            raise UnsupportedError(
                f"{self!r} has no {transformation}", remedy=f"it has {', '.join(self._gives)}"
            )

        def call(parameters: Any, **keywords: Any) -> Any:
            return self._evaluate(transformation, options, parameters, keywords)

        return call

    @without_our_frames
    def _evaluate(
        self, transformation: str, options: Options, parameters: Any, keywords: dict[str, Any]
    ) -> Any:
        raise NotImplementedError

    def __reduce__(self) -> Any:
        if self._client is not None:
            raise ArgumentError(
                f"{self!r} has its data on a cluster and cannot be pickled",
                remedy="make it where it is used, or without a client",
            )
        return type(self), (self._function, self._backend.shards, None)

    def __repr__(self) -> str:
        where = "threads" if self._client is None else "a cluster"
        count = self._backend.count
        return f"<{type(self).__name__} of {self.__name__}, {count} shard{'s' * (count != 1)} on {where}>"


class SumOver(_Over):
    """The sum of a function over shards; see :func:`sum_over`."""

    _gives = ("value_and_gradient", "gradient", "hessian_vector", "hessian", "jacobian")

    @without_our_frames
    def __call__(self, parameters: Any) -> Any:
        return self._evaluate("function", (), parameters, {})

    def value_and_gradient(self, parameters: Any, **options: Any) -> tuple[Any, Any]:
        """The sum and its gradient by the parameters."""
        found: tuple[Any, Any] = self._evaluate(
            "value_and_gradient", tuple(sorted(options.items())), parameters, {}
        )
        return found

    def gradient(self, parameters: Any, **options: Any) -> Any:
        """The gradient of the sum."""
        return self._evaluate("gradient", tuple(sorted(options.items())), parameters, {})

    def hessian_vector(self, parameters: Any, _tensors: Any, **options: Any) -> Any:
        """The Hessian of the sum times a vector in the structure of the parameters."""
        how = tuple(sorted(options.items()))
        return self._evaluate("hessian_vector", how, parameters, {"_tensors": _tensors})

    def hessian(self, parameters: Any, **options: Any) -> Any:
        """The Hessian of the sum."""
        return self._evaluate("hessian", tuple(sorted(options.items())), parameters, {})

    def jacobian(self, parameters: Any, **options: Any) -> Any:
        """The Jacobian of the sum, of a function with an array as result."""
        return self._evaluate("jacobian", tuple(sorted(options.items())), parameters, {})

    @without_our_frames
    def _evaluate(
        self, transformation: str, options: Options, parameters: Any, keywords: dict[str, Any]
    ) -> Any:
        return self._backend.total(*self._task(transformation, options, parameters, keywords))


class RowsOver(_Over):
    """The results of a function for all shards, one after the other; see :func:`rows_over`."""

    _gives = ("jacobian",)

    @without_our_frames
    def __call__(self, parameters: Any) -> Array:
        found: Array = self._evaluate("function", (), parameters, {})
        return found

    def jacobian(self, parameters: Any, **options: Any) -> Any:
        """The Jacobian: a row for each result."""
        return self._evaluate("jacobian", tuple(sorted(options.items())), parameters, {})

    @without_our_frames
    def _evaluate(
        self, transformation: str, options: Options, parameters: Any, keywords: dict[str, Any]
    ) -> Any:
        parts = self._backend.gathered(*self._task(transformation, options, parameters, keywords))
        if transformation == "function":
            return np.concatenate([np.atleast_1d(part) for part in parts])
        columns = [tree.flatten(part)[0] for part in parts]
        joined = [np.concatenate(blocks) for blocks in zip(*columns, strict=True)]
        return tree.unflatten(tree.flatten(parts[0])[1], joined)


class ModelOver:
    """A model for `curve_fit` whose data are in shards; see :func:`model_over`."""

    def __init__(self, model: Callable[..., Any], shards: Any, client: Any) -> None:
        self._model = model
        self._rows = RowsOver(_OfVector(model), shards, client)

    @without_our_frames
    def __call__(self, xdata: Any, *parameters: Any) -> Array:
        return self._rows(np.array(parameters, dtype=np.float64))

    def jacobian(self, xdata: Any, *parameters: Any) -> Any:
        """The Jacobian by the parameters, as `curve_fit` takes it."""
        return self._rows.jacobian(np.array(parameters, dtype=np.float64))

    def __autodiff_derivatives__(self, transformation: str, options: Options) -> Callable[..., Any]:
        """How `optimize` gets what it would else make of the function."""
        if transformation == "function":
            return self
        of_vector = self._rows.__autodiff_derivatives__(transformation, options)
        return lambda xdata, *parameters: of_vector(np.array(parameters, dtype=np.float64))

    def __repr__(self) -> str:
        return f"<ModelOver of {getattr(self._model, '__name__', self._model)}>"


class _OfVector:
    """``f(*shard, *parameters)`` as a function of (parameters, *shard)."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self.model = model

    def __call__(self, parameters: Array, *shard: Any) -> Any:
        return self.model(*shard, *parameters)


@without_our_frames
def sum_over(loss: Callable[..., Any], shards: Any, client: Any = None) -> SumOver:
    """The sum of ``loss(params, *shard)`` over all shards, with its derivatives.

    Parameters
    ----------
    loss
        Of parameters (an array, a number or a container of arrays) and one shard, in plain NumPy.
    shards
        A list, of which each item is the tuple of arguments after the parameters, or the one argument;
        a list of delayed objects of Dask's that give such items; a collection of Dask's (an array cut
        along its first axis, a dataframe), of which each partition is a shard; or a tuple of such
        collections with equally many partitions.
    client
        A `dask.distributed.Client`; None for the threads of this process.

    Returns
    -------
    SumOver
        ``objective(params)``, with methods ``value_and_gradient``, ``gradient``, ``hessian_vector``,
        ``hessian`` and ``jacobian``. Whatever takes an objective in `autodiff.optimize` takes it.

    Raises
    ------
    WorkerError
        if a worker lacks autodiff, or has another version of it or of Python.

    Notes
    -----
    The order of the additions depends on the number of shards alone, and each shape of shards has code of
    its own (of up to 64 shapes: more share code, and may then differ in the last digit from run to run). Shards of
    one size compile once. On CPUs of another kind a term may differ in its last digit.

    Data that are given as arrays stay in this process too: what a dead worker held is sent again. What the
    loss reads from outside goes to a cluster with it, as it is when the objective is made.

    Examples
    --------
    >>> import numpy as np
    >>> from autodiff import distributed, optimize
    >>> def loss(p, x, y):
    ...     return np.sum((p[0] + p[1] * x - y) ** 2)
    >>> x = np.arange(6.0)
    >>> objective = distributed.sum_over(loss, [(x[:3], 2 * x[:3]), (x[3:], 2 * x[3:])])
    >>> objective(np.zeros(2)), objective.gradient(np.zeros(2))
    (np.float64(220.0), array([ -60., -220.]))
    >>> optimize.minimize(objective, np.zeros(2)).x.round(6) + 0.0
    array([0., 2.])
    """
    return SumOver(loss, shards, client)


@without_our_frames
def rows_over(residuals: Callable[..., Any], shards: Any, client: Any = None) -> RowsOver:
    """The results of ``residuals(params, *shard)`` for all shards in their order, for `least_squares`.

    The arguments are those of :func:`sum_over`; the function returns an array of one axis, or a number.

    Examples
    --------
    >>> import numpy as np
    >>> from autodiff import distributed, optimize
    >>> shards = [(np.array([0.0, 1.0]), np.array([1.0, 3.0])), (np.array([2.0]), np.array([5.0]))]
    >>> rows = distributed.rows_over(lambda p, x, y: p[0] + p[1] * x - y, shards)
    >>> optimize.least_squares(rows, np.zeros(2)).x.round(6)
    array([1., 2.])
    """
    return RowsOver(residuals, shards, client)


@without_our_frames
def model_over(model: Callable[..., Any], shards: Any, client: Any = None) -> ModelOver:
    """A model of ``curve_fit(model, None, ydata)`` whose ``xdata`` are in shards.

    Parameters
    ----------
    model
        ``model(*shard, *parameters)``, as for `curve_fit`.
    shards, client
        As for :func:`sum_over`.

    Examples
    --------
    >>> import numpy as np
    >>> from autodiff import distributed, optimize
    >>> x = np.linspace(0, 1, 8)
    >>> model = distributed.model_over(lambda x, a, k: a * np.exp(-k * x), np.split(x, 2))
    >>> optimize.curve_fit(model, None, 3 * np.exp(-0.5 * x), p0=[1.0, 1.0])[0].round(6)
    array([3. , 0.5])
    """
    return ModelOver(model, shards, client)


@without_our_frames
def map(f: Callable[..., Any], shards: Any, client: Any = None) -> list[Any]:
    """``[f(*shard) for shard in shards]`` on the workers, in the order of the shards.

    For many computations that have nothing to do with each other, such as one fit for each shard. `f` is
    called as it is: pass ``autodiff.function(f)`` to have it compiled, ``autodiff.vmap(f)`` for shards that
    are batches. With ``client=None`` threads run it, which gain where it is compiled.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> slopes = autodiff.vmap(autodiff.gradient(lambda x: x**3))
    >>> autodiff.distributed.map(slopes, [np.array([1.0, 2.0]), np.array([3.0])])
    [array([ 3., 12.]), array([27.])]
    """
    return backend(client, f, shards).gathered(tasks.call)
