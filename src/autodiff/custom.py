"""Derivatives by hand: ``custom_gradient``, ``implicit`` and ``stop_gradient``.

    @custom_gradient(vjp=lambda ct, y, x: ct * np.clip(x, -1, 1))
    def f(x): ...

    root = implicit(solve, residual)      residual(root(p), p) == 0

The rule is plain NumPy, captured like the function itself, so it is differentiated again for
second derivatives.  One rule serves both modes: the other one is its transpose.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

import numpy as np

from autodiff import tree
from autodiff.capture import Declined
from autodiff.capture.naming import capturing
from autodiff.capture.nested import inline_custom, inline_plainly, is_differentiated
from autodiff.capture.solvers import implied
from autodiff.errors import ArgumentError, NameArgumentError
from autodiff.ops import custom as _custom
from autodiff.ops.complex_numbers import ComplexTracer, joined
from autodiff.ops.tracer import Tracer, is_traced
from autodiff.tracebacks import without_our_frames

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def stop_gradient(x: T) -> T:
    """``x`` itself, through which no derivative flows.

    Parameters
    ----------
    x : array_like or container of them
        Any value; outside of a differentiated function this is the identity.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.gradient(lambda x: x * autodiff.stop_gradient(x))(3.0)
    3.0
    """
    stopped: T = _stopped(x)
    return stopped


def _stopped(x: Any) -> Any:
    if isinstance(x, ComplexTracer):
        re, im = (_custom.stop(part) for part in x.parts)
        return joined(re, im, x.form)
    if isinstance(x, Tracer):
        return _custom.stop(x)
    if tree.is_container(x):
        leaves, definition = tree.flatten(x)
        return tree.unflatten(definition, [_stopped(leaf) for leaf in leaves])
    return x


@without_our_frames
def checkpoint(items: T) -> T:
    """``items``, for a loop of which reverse mode shall keep little.

    ``for k in checkpoint(range(n))`` is ``for k in range(n)``, in plain Python and in value.  A
    gradient through the loop runs it in about the root of ``n`` segments, keeps what the loop
    carries from one segment to the next, and runs each segment once more on the way back.  So it
    keeps about ``2 sqrt(n)`` in place of ``n`` iterations, and takes the time of one more run of
    the loop.

    Parameters
    ----------
    items : iterable
        What the loop goes through: a range, an array, an ``enumerate`` or a ``zip``; or the condition
        of a ``while`` loop.  It is written where the loop is, ``for x in checkpoint(...)``,
        ``while checkpoint(error > 1e-6)``.

    Returns
    -------
    iterable
        ``items`` itself.

    Raises
    ------
    ArgumentError
        if ``items`` is a function or no iterable at all.

    Notes
    -----
    Of loops whose length is not known, ``while`` loops and those that end early (``break``,
    ``return``), the segments grow, so that they keep about ``2 sqrt(2 n)`` iterations.  What a loop of
    known length draws is drawn once and kept, its states are not; a loop of unknown length that draws, or one that
    draws in a branch or in an inner loop, keeps every iteration, marked or not.  Large arrays that
    the loop only stores into are kept once for each segment.

    ``checkpoint="auto"``, an option of ``gradient`` and its like, cuts loops without a mark, so that they keep
    no more than ``memory`` bytes.

    Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 12.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> def heat(u):
    ...     for _ in autodiff.checkpoint(range(10_000)):
    ...         u = u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    ...     return np.sum(u**2)
    >>> autodiff.gradient(heat)(np.ones(4))
    array([2., 2., 2., 2.])
    """
    if isinstance(items, (bool, np.bool_)):
        return items
    if callable(items) or not hasattr(items, "__iter__"):
        raise ArgumentError(
            f"checkpoint takes what a loop goes through, not a {type(items).__name__}.",
            remedy="write it in the loop: for k in checkpoint(range(n))",
        )
    return items


def _checkpoint_inside(trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    trace.checkpointed = checkpoint(*args, **kwargs)
    return trace.checkpointed


# How capture treats a call.
checkpoint.__autodiff_inline__ = _checkpoint_inside  # type: ignore[attr-defined]


class CustomGradient(Generic[P, R]):
    """A function with a derivative given by hand; see :func:`custom_gradient`."""

    __autodiff_wraps__ = True

    def __init__(self, function: Callable[P, R], rule: Callable[..., Any], mode: str) -> None:
        self.function = function
        self.rule = rule
        self.mode = mode
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's value."""
        trace = capturing()
        if trace is not None and is_traced([*args, *kwargs.values()]):
            # Python itself calls it with traced values: from a function without source, a library.
            traced: R = self.__autodiff_inline__(trace, args, kwargs)
            return traced
        return self.function(*args, **kwargs)

    def __autodiff_inline__(self, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call: one operation that carries its own rule, where that is asked for."""
        if not is_differentiated(trace):
            return inline_plainly(trace, trace.wrapped(self, "function"), args, kwargs)
        if kwargs:
            raise Declined("keyword arguments of a function with a custom gradient")
        for argument in args:
            if tree.is_container(argument) and is_traced(tree.flatten(argument)[0]):
                kind = type(argument).__name__
                raise Declined(f"a {kind} of arrays given to a function with a custom gradient")
        function, rule = trace.wrapped(self, "function"), trace.wrapped(self, "rule")
        return inline_custom(trace, function, rule, self.mode, list(args))


class _CustomGradientDecorator(Protocol):
    """``custom_gradient`` with its rule, waiting for the function."""

    def __call__(self, f: Callable[P, R]) -> CustomGradient[P, R]: ...


@overload
def custom_gradient(
    f: Callable[P, R],
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
) -> CustomGradient[P, R]: ...
@overload
def custom_gradient(
    f: None = None,
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
) -> _CustomGradientDecorator: ...
@without_our_frames
def custom_gradient(
    f: Callable[..., Any] | None = None,
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
) -> Any:
    """Give a function its derivative by hand.

    Parameters
    ----------
    f : callable
        A function of arrays or numbers that returns one array or number.
    vjp : callable
        ``vjp(ct, y, *args)``: the cotangent of each argument (one alone, several as a tuple) from
        the cotangent ``ct`` of the result ``y = f(*args)``; linear in ``ct``.
    jvp : callable
        ``jvp(tangents, y, *args)``: the tangent of ``y`` from the tangents of the arguments (one
        alone, several as a tuple); linear in them.  Give one of the two rules.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> @autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 10.0)
    ... def f(x):
    ...     return x**2
    >>> autodiff.value_and_gradient(lambda x: np.sum(f(x)))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([10., 10.]))
    """
    if (vjp is None) == (jvp is None):
        raise NameArgumentError(
            "custom_gradient needs exactly one rule, vjp or jvp.",
            code="AD109",
            remedy="pass vjp=..., a function (ct, y, *args) -> cotangents",
        )
    mode = "vjp" if vjp is not None else "jvp"
    rule = vjp if vjp is not None else jvp
    assert rule is not None
    if f is None:
        return lambda function: CustomGradient(function, rule, mode)
    return CustomGradient(f, rule, mode)


class Implicit(Generic[P, R]):
    """A solver with the derivative that a residual gives it; see :func:`implicit`."""

    __autodiff_wraps__ = True

    def __init__(self, solve: Callable[P, R], residual: Callable[..., Any]) -> None:
        self.solve = solve
        self.residual = residual
        functools.update_wrapper(self, solve, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The solution."""
        trace = capturing()
        if trace is not None and is_traced([*args, *kwargs.values()]):
            traced: R = self.__autodiff_inline__(trace, args, kwargs)
            return traced
        return self.solve(*args, **kwargs)

    def __autodiff_inline__(self, trace: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """How capture treats a call: the solution, and a residual that is zero at it, where that is asked for."""
        if not is_differentiated(trace):
            return inline_plainly(trace, trace.wrapped(self, "solve"), args, kwargs)
        solve, residual = trace.wrapped(self, "solve"), trace.wrapped(self, "residual")
        return implied.solution(trace, implied.Definition(solve, residual), args, dict(kwargs))


@without_our_frames
def implicit(solve: Callable[P, R], residual: Callable[..., Any]) -> Implicit[P, R]:
    """Give a solver of your own the derivative of the solution.

    The solution moves as the residual says, which is zero at it (the implicit function theorem):
    with ``residual(x, p) = 0``, ``dx = -(∂residual/∂x)⁻¹ (∂residual/∂p) dp``.  How it was found is not
    differentiated, so ``solve`` may be anything: a loop with a tolerance, a library, compiled code.

    Parameters
    ----------
    solve : callable
        ``solve(*args)``: the solution ``x``, a real number, an array, or a container of these.
    residual : callable
        ``residual(x, *args)``: zero at the solution, with as many elements as ``x`` has.  Derivatives
        flow to all that it reads, arguments or not.

    Returns
    -------
    callable
        It takes the arguments of ``solve``, and gives what that gives.

    Raises
    ------
    ArgumentError
        if one of the two is no function, or ``solve`` gives other than real numbers.
    ShapeError
        if the residual has another number of elements than the solution (AD202).
    DerivativeError
        if the derivative of the residual by the solution is singular (AD305).

    Warns
    -----
    NoSolutionWarning
        if the residual is not zero: a step of Newton's from the solution is more than 1e-5 of it.

    Notes
    -----
    The derivative of the residual by the solution is a matrix of n² numbers for n unknowns.

    Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 15.

    Examples
    --------
    >>> import autodiff
    >>> def root(p):
    ...     x = 1.0
    ...     while abs(x * x - p) > 1e-12:
    ...         x = (x + p / x) / 2
    ...     return x
    >>> square_root = autodiff.implicit(root, lambda x, p: x * x - p)
    >>> value, slope = autodiff.value_and_gradient(square_root)(4.0)
    >>> round(value, 12), round(slope, 12)
    (2.0, 0.25)
    """
    for name, function in (("solve", solve), ("residual", residual)):
        if not callable(function):
            raise ArgumentError(
                f"implicit takes functions; {name} is a {type(function).__name__}.",
                remedy="pass implicit(solve, residual): x = solve(*args), residual(x, *args) is zero",
            )
    return Implicit(solve, residual)
