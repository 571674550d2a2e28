"""Finding the operation that makes a NaN or an infinity: ``find_nan(f)(*args)``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.api import BoundTransformed, Function, Jacobian, Transformed, ValueAndGradient
from autodiff.api.options import refuse_no_function
from autodiff.errors import ArgumentError, NotScalarError
from autodiff.ir.printing import Text
from autodiff.ops.nonfinite import Cause, Finder, error_of, is_bad, telling
from autodiff.tracebacks import without_our_frames


class Found(Text):
    """What was found, as text; ``cause`` has its parts: operation, place, operands, passes."""

    cause: Cause


@without_our_frames
def find_nan(f: Any, **options: Any) -> Callable[..., Found | None]:
    """The first operation that makes a NaN or infinity, in the value or the derivative.

    Parameters
    ----------
    f : callable
        A function: its value and derivative are searched (the gradient, or the Jacobian where the
        result is not one number).  Or a transformed one, ``autodiff.hessian(g)``: then that.
    **options
        ``wrt``, ``holomorphic`` as for :func:`autodiff.gradient`.

    Returns
    -------
    callable
        It takes the arguments of ``f`` and gives None where all that comes out is finite.  Else a
        text with the line, the operation and its operands, the pass of each loop around it, and a
        remedy; its ``cause`` has these parts as attributes.

    Raises
    ------
    UnsupportedError
        If the function has no derivative and its value cannot be compiled.

    Notes
    -----
    The function runs once, operation by operation by NumPy, and does what it does (prints, draws).
    Of what an operation made, only what reaches the result counts: ``np.where(x > 0, np.log(x), 0)``
    is no fault at 0.  The environment variable ``AUTODIFF_DEBUG_NAN=1`` has every call of every
    transformed function searched, and NonFiniteError raised where a result holds NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import autodiff
    >>> def entropy(p):
    ...     return -np.sum(p * np.log(p))
    >>> autodiff.find_nan(entropy)(np.array([0.5, 0.5])) is None
    True
    >>> with np.errstate(all="ignore"):
    ...     found = autodiff.find_nan(entropy)(np.array([1.0, 0.0]))
    >>> found.cause.kind, found.cause.index, found.cause.source.function
    ('log', (1,), 'entropy')
    """
    refuse_no_function(f, "find_nan")

    @without_our_frames
    def find(*args: Any, **kwargs: Any) -> Found | None:
        for search in _searches(f, options):
            runs: list[tuple[Finder, Sequence[Any]]] = []

            def told(finder: Finder, outputs: Sequence[Any]) -> None:
                runs.append((finder, outputs))  # noqa: B023 - called below, in this pass

            try:
                with telling(told):
                    search(*args, **kwargs)
            except NotScalarError:
                continue
            except ArgumentError as error:
                if error.code != "AD103":
                    raise
                continue  # nothing to differentiate by: the value alone
            finder, outputs = runs[-1] if runs else (Finder(), [])
            cause = finder.cause_of(outputs)
            if cause is not None:
                with_value = isinstance(search, (Function, ValueAndGradient))
                derived = not (with_value and is_bad(outputs[0]))
                found = Found(error_of(cause, derived).text(code=False))
                found.cause = cause
                return found
            if isinstance(search, ValueAndGradient):
                return None
        return None

    return find


def _searches(f: Any, options: dict[str, Any]) -> list[Any]:
    """What is run, one after the other, until something is found."""
    if isinstance(f, BoundTransformed):
        whole = _on_numpy(f.__func__, options)
        return [BoundTransformed(whole, f.__self__)]
    if isinstance(f, Transformed) and not isinstance(f, Function):
        return [_on_numpy(f, options)]
    function = f.__wrapped__ if isinstance(f, Transformed) else f
    value: Any = Function(function, engine="numpy", on_fallback="error")
    derivatives: list[Any] = [
        cls(function, engine="numpy", **options) for cls in (ValueAndGradient, Jacobian)
    ]
    return [derivatives[0], value, derivatives[1]]


def _on_numpy(f: Transformed, options: dict[str, Any]) -> Transformed:
    given = {"wrt": f._wrt, "holomorphic": f._holomorphic, **options}
    return type(f)(f.__wrapped__, engine="numpy", **given)
