"""From the user's function to what SciPy calls: shared evaluations, history, progress.

    evaluation = SharedEvaluation(value_and_gradient_of_a_vector, recorder)
    evaluation.value(x); evaluation.gradient(x)     # one evaluation, not two

SciPy asks for the value and then, at the same point, for the gradient. Both come out of one
compiled program, so the first question computes both and the second is answered from memory. The
point is recognised by its bytes: for the usual small vectors this costs a tenth of a microsecond.

`derivative` keeps the compiled derivatives of the functions used last, so that a second fit of the
same function starts at once.
"""

from __future__ import annotations

import inspect
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np

from autodiff.errors import NotScalarError, UnsupportedError
from autodiff.ir.printing import table_html

from .parameters import Array, Layout, real_entries

Options = tuple[tuple[str, Any], ...]


@dataclass
class History:
    """What every evaluation found, in order.

    Attributes
    ----------
    values
        The objective (for `least_squares` half the residual sum of squares; for `root` the largest
        absolute entry of the function).
    gradient_norms
        Largest absolute entry of the gradient; nan where none was computed.
    seconds
        Since the start.
    """

    values: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        if not self.values:
            return "History(no evaluations)"
        return (
            f"History({len(self)} evaluations, value {self.values[0]:.6g} -> "
            f"{np.nanmin(self.values):.6g}, {self.seconds[-1]:.3g} s)"
        )

    def _repr_html_(self) -> str:
        if not self.values:
            return table_html({"evaluations": "0"})
        known = [norm for norm in self.gradient_norms if norm == norm]
        return table_html(
            {
                "evaluations": str(len(self)),
                "first value": f"{self.values[0]:.6g}",
                "least value": f"{np.nanmin(self.values):.6g}",
                "last gradient norm": f"{known[-1]:.2e}" if known else "",
                "seconds": f"{self.seconds[-1]:.3g}",
            }
        )


class Recorder:
    """Takes note of evaluations: into a `History`, onto a progress bar, or both."""

    def __init__(self, bar: Any = None, history: History | None = None) -> None:
        self.history = History() if history is None else history
        self._bar = bar
        self._start = self._shown = time.perf_counter()

    def record(self, value: float, gradient: Array | None) -> None:
        """Note one evaluation."""
        now = time.perf_counter()
        norm = float("nan") if gradient is None else float(np.max(np.abs(gradient), initial=0.0))
        self.history.values.append(float(value))
        self.history.gradient_norms.append(norm)
        self.history.seconds.append(now - self._start)
        if self._bar is None:
            return
        # Formatting the line costs more than a small evaluation: only when it will be seen.
        if now - self._shown > self._bar.mininterval:
            self._shown = now
            self._show()
        self._bar.update(1)

    def refine(self, gradient: Array) -> None:
        """Add the gradient at the point recorded last, computed only now."""
        self.history.gradient_norms[-1] = float(np.max(np.abs(gradient), initial=0.0))

    def _show(self) -> None:
        line = {"value": f"{self.history.values[-1]:.6g}"}
        known = [norm for norm in self.history.gradient_norms[-50:] if norm == norm]
        if known:
            line["gradient norm"] = f"{known[-1]:.2e}"
        self._bar.set_postfix(line, refresh=False)

    def close(self) -> None:
        """Show the last state and end the bar."""
        if self._bar is not None:
            if self.history.values:
                self._show()
            self._bar.close()


@contextmanager
def recording(title: str, *, progress: bool, history: bool | History) -> Iterator[Recorder | None]:
    """A `Recorder` while an optimiser runs, or None when nobody wants to know.

    ``history=True`` keeps a new `History`; one that is given is added to.
    """
    given = history if isinstance(history, History) else None
    if not progress and given is None and not history:
        yield None
        return
    bar = None
    if progress:
        from tqdm.auto import tqdm

        bar = tqdm(desc=title, unit=" evaluations", unit_scale=True)
    recorder = Recorder(bar, given)
    try:
        yield recorder
    finally:
        recorder.close()


def watched(
    function: Callable[[Array], Any], layout: Layout, callback: Callable[..., Any] | None
) -> Callable[[Array], Any]:
    """`function`, with ``callback(parameters)`` before each evaluation.

    For the solvers of which SciPy has no callback: what they call is all that can be seen of them.
    """
    if callback is None:
        return function

    def evaluate(x: Array) -> Any:
        callback(layout.unpack(np.array(x, dtype=np.float64)))
        return function(x)

    return evaluate


def attach_history(report: dict[str, Any], recorder: Recorder | None) -> None:
    """Put the history into a result or an ``infodict``, if one was kept."""
    if recorder is not None:
        report["history"] = recorder.history


class SharedEvaluation:
    """`value(x)` and `gradient(x)` of a function that computes both at once.

    Parameters
    ----------
    evaluate
        ``evaluate(x) -> (value, gradient)``, both for SciPy: a number and a vector.
    recorder
        Told of every evaluation.
    """

    __slots__ = ("_evaluate", "_gradient", "_key", "_recorder", "_value", "evaluations")

    def __init__(
        self, evaluate: Callable[[Array], tuple[Any, Array]], recorder: Recorder | None = None
    ) -> None:
        self._evaluate = evaluate
        self._recorder = recorder
        self._key: bytes | None = None
        self._value: Any = None
        self._gradient: Any = None
        self.evaluations = 0

    def value(self, x: Array) -> Any:
        """The value at `x`."""
        key = x.tobytes()
        if key != self._key:
            self._update(x, key)
        return self._value

    def gradient(self, x: Array) -> Array:
        """The gradient at `x`."""
        key = x.tobytes()
        if key != self._key:
            self._update(x, key)
        return self._gradient

    def _update(self, x: Array, key: bytes) -> None:
        self._value, self._gradient = self._evaluate(x)
        self._key = key
        self.evaluations += 1
        if self._recorder is not None:
            self._recorder.record(self._value, self._gradient)


class Objective:
    """A scalar function of parameters, and its derivatives, as functions of one flat vector.

    Parameters
    ----------
    function
        ``function(parameters, *args) -> number``. A result of shape (1,) counts as a number, as in
        SciPy; this is found out at the first evaluation.
    layout
        How the parameters lie in the vector.
    args
        Further arguments, not differentiated.
    options
        ``engine`` and the like, for every transformation.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        layout: Layout,
        args: tuple[Any, ...] = (),
        options: Options = (),
    ) -> None:
        self.function = function
        self.layout = layout
        self.args = args
        self.options = options

    def value(self) -> Callable[[Array], Any]:
        """``x -> value``."""
        return value_of_vector(self.function, self.layout, args=self.args, options=self.options)

    def value_and_gradient(self) -> Callable[[Array], tuple[Any, Array]]:
        """``x -> (value, gradient)``."""
        evaluate = current = self._both()

        def first(x: Array) -> tuple[Any, Array]:
            nonlocal current, evaluate
            try:
                result = evaluate(x)
            except NotScalarError:
                if np.size(self.function(self.layout.unpack(x), *self.args)) != 1:
                    raise
                self.function = _single_number(self.function)
                evaluate = self._both()
                result = evaluate(x)
            current = evaluate
            return result

        current = first
        return lambda x: current(x)

    def hessian_product(self) -> Callable[[Array, Array], Array]:
        """``(x, v) -> H(x) v``."""
        product = _later(lambda: self._transformed("hessian_vector"))
        args = self.args
        if self.layout.direct:
            return lambda x, v: product()(x, *args, _tensors=v)
        unpack, pack = self.layout.unpack, self.layout.pack
        return lambda x, v: pack(product()(unpack(x), *args, _tensors=unpack(v)))

    def hessian(self) -> Callable[[Array], Array]:
        """``x -> H(x)``, a matrix."""
        if self.layout.direct:
            whole = _later(lambda: self._transformed("hessian"))
            return lambda x: whole()(x, *self.args)
        # The Hessian of a container is a container of containers of blocks; columns are simpler.
        product, basis = self.hessian_product(), np.eye(self.layout.size)
        return lambda x: np.stack([product(x, column) for column in basis], axis=1)

    def sparse_hessian(self, start: Array) -> Callable[[Array], Any] | None:
        """``x -> H(x)`` as a sparse array; None where it is small or mostly filled."""
        if start.size < _MANY or not self.layout.direct:
            return None
        wrt = first_parameter(self.function, self.args)
        gradient = derivative("gradient", self.function, wrt, self.options)
        structure = derivative("sparsity", gradient, wrt, self.options)
        if not _is_sparse(structure, start, self.args, {}):
            return None
        options = (*self.options, ("sparse", True))
        hessian = derivative("hessian", self.function, wrt, options)
        return lambda x: hessian(x, *self.args)

    def _both(self) -> Callable[[Array], tuple[Any, Array]]:
        both, args = self._transformed("value_and_gradient"), self.args
        if self.layout.direct:
            return both if not args else lambda x: both(x, *args)
        unpack, pack = self.layout.unpack, self.layout.pack

        def evaluate(x: Array) -> tuple[Any, Array]:
            value, gradient = both(unpack(x), *args)
            return value, pack(gradient)

        return evaluate

    def _transformed(self, transformation: str) -> Callable[..., Any]:
        wrt = first_parameter(self.function, self.args)
        return derivative(transformation, self.function, wrt, self.options)


def _later(make: Callable[[], Callable[..., Any]]) -> Callable[[], Callable[..., Any]]:
    """`make()`, called at the first use: after the first value has settled the function."""
    made: list[Callable[..., Any]] = []

    def get() -> Callable[..., Any]:
        if not made:
            made.append(make())
        return made[0]

    return get


@lru_cache(maxsize=16)
def _single_number(function: Callable[..., Any]) -> Callable[..., Any]:
    def single_number(parameters: Any, *rest: Any) -> Any:
        return np.reshape(function(parameters, *rest), ())

    return single_number


def value_of_vector(
    function: Callable[..., Any],
    layout: Layout,
    *,
    args: tuple[Any, ...] = (),
    options: Options = (),
) -> Callable[[Array], Any]:
    """``x -> function(parameters in x, *args)``, compiled."""
    compiled = derivative("function", function, None, options)
    if layout.direct and not args:
        return compiled
    unpack = layout.unpack
    return lambda x: compiled(unpack(x), *args)


def jacobian_of_vector(
    function: Callable[..., Any],
    layout: Layout,
    *,
    args: tuple[Any, ...] = (),
    keywords: dict[str, Any] | None = None,
    options: Options = (),
) -> Callable[[Array], Array]:
    """``x -> matrix (results, parameters)`` of a function with an array or a number as result."""
    if any(part.is_complex for part in layout.parts):
        return _jacobian_by_columns(function, layout, args, keywords, options)
    blocks = derivative("jacobian", function, first_parameter(function, args, keywords), options)
    unpack, pack, keywords = layout.unpack, layout.pack_jacobian, keywords or {}
    return lambda x: pack(blocks(unpack(x), *args, **keywords))


# From so many parameters on the structure of a derivative is looked at, and used where at most this
# part of it is filled: of fewer the whole matrix costs less than what SciPy does with a sparse one.
_MANY, _FILLED = 1000, 0.02


def _is_sparse(
    structure: Callable[..., Any], start: Array, args: tuple[Any, ...], keywords: dict[str, Any]
) -> bool:
    """Whether a matrix of derivatives is mostly empty, by its structure at the start."""
    try:
        pattern = structure(start, *args, **keywords)
    except UnsupportedError:  # what is wrong with the function comes again; else it is not sparse
        return False
    full = getattr(pattern, "shape", (0, 0))[0] * start.size
    return bool(full and pattern.nnz <= _FILLED * full)


def sparse_jacobian(
    fun: Callable[..., Any],
    layout: Layout,
    parameters: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    how: Options,
) -> Callable[[Array], Any] | None:
    """The Jacobian as a sparse array, where it is large and most of it is empty."""
    if layout.size < _MANY or not layout.direct:
        return None
    wrt, keywords = first_parameter(fun, args, kwargs), kwargs or {}
    start = layout.pack(parameters)
    if not _is_sparse(derivative("sparsity", fun, wrt, how), start, args, keywords):
        return None
    jacobian = derivative("jacobian", fun, wrt, (*how, ("sparse", True)))
    return lambda x: jacobian(x, *args, **keywords)


def _jacobian_by_columns(
    function: Callable[..., Any],
    layout: Layout,
    args: tuple[Any, ...],
    keywords: dict[str, Any] | None,
    options: Options,
) -> Callable[[Array], Array]:
    """As :func:`jacobian_of_vector`, of complex parameters: no complex matrix is the derivative."""
    from autodiff import api

    basis = np.eye(layout.size)
    given = partial(_of_first, function, args, tuple((keywords or {}).items()))

    def matrix(x: Array) -> Array:
        primal = layout.unpack(x)
        tangents = [
            api.jvp(given, (primal,), (layout.unpack(e),), **dict(options))[1] for e in basis
        ]
        return np.stack([_as_row(t) for t in tangents], axis=1)

    return matrix


def _of_first(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    keywords: tuple[tuple[str, Any], ...],
    parameters: Any,
) -> Any:
    return function(parameters, *args, **dict(keywords))


def _as_row(tangent: Any) -> Array:
    if isinstance(tangent, np.ndarray | complex | float | np.number):
        return np.ravel(real_entries(tangent))
    return Layout.of(tangent).pack(tangent)


def scipy_optimize() -> Any:
    """`scipy.optimize`, imported at the first use.

    Untyped on purpose: its stubs spell out which options go with which method, and here the method
    is whatever the user says.
    """
    from scipy import optimize

    return optimize


def derivative(
    transformation: str,
    function: Callable[..., Any],
    wrt: str | tuple[str, ...] | None,
    options: Options = (),
) -> Callable[..., Any]:
    """``transformation(function, wrt=wrt, **options)``, compiled once for each function.

    A few functions are remembered, the one used longest ago is forgotten first. Only plain
    functions and methods are: another callable may compare equal to one that computes otherwise.
    """
    if isinstance(function, types.FunctionType | types.MethodType):
        try:
            return _remembered(transformation, function, wrt, options)
        except TypeError as error:  # a method of an unhashable object, an unhashable option
            if "unhashable" not in str(error):
                raise
    return transformed(transformation, function, wrt, options)


def transformed(
    transformation: str,
    function: Callable[..., Any],
    wrt: str | tuple[str, ...] | None,
    options: Options = (),
) -> Callable[..., Any]:
    """As :func:`derivative`, an object of its own: it shares no compiled code with others."""
    own = getattr(function, "__autodiff_derivatives__", None)
    if own is not None:  # such as what runs elsewhere: autodiff.distributed
        found: Callable[..., Any] = own(transformation, options)
        return found
    from autodiff import api

    if wrt is ANONYMOUS:
        function, wrt = _naming_the_first(function), "parameters"
    keywords: dict[str, Any] = dict(options)
    if transformation != "function":
        keywords["wrt"] = wrt
    if transformation == "hessian_vector" and wrt is None:
        del keywords["wrt"]
    made: Callable[..., Any] = getattr(api, transformation)(function, **keywords)
    return made


_remembered = lru_cache(maxsize=32)(transformed)

# Stands for "the first argument" of a function whose signature gives it no name.
ANONYMOUS = "<first argument>"


def first_parameter(
    function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any] | None = None
) -> str | None:
    """The name of the first argument; None if it is the only one, so that none need be named."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = bool(parameters) and parameters[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    if named:
        return None if len(parameters) == 1 else parameters[0].name
    return ANONYMOUS if args or keywords else None


def _naming_the_first(function: Callable[..., Any]) -> Callable[..., Any]:
    def named(parameters: Any, *rest: Any, **keywords: Any) -> Any:
        return function(parameters, *rest, **keywords)

    return named
