"""What Python refuses by the types alone of what it is given, it refuses of traced values as well: it is asked.

    require_types(operator.add, a, b)     a tuple, a list      TypeError: can only concatenate tuple (not "list") to tuple
    require_hashable((v, x))              v: a list            TypeError: unhashable type: 'list'

The program has numbers, and lists and tuples of numbers, as arrays, for which more is defined.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.origins import type_of
from autodiff.ops.either import Either
from autodiff.ops.tracer import StoredList, Tracer
from autodiff.signals import run_users

_LARGEST = 1000  # elements of an array that is made to ask


class _Unknown(Exception):
    """Of an object nothing is known by its type alone."""


def require_types(function: Callable[..., Any], *args: Any) -> None:
    """Python's TypeError, if it is of the types of the arguments that ``function`` does not take."""
    try:
        alike = [_alike(x, _nothing_of) for x in args]
    except _Unknown:
        return
    _ask(function, alike)


def require_hashable(x: Any) -> None:
    """Python's TypeError of what has no hash: a list, in tuples perhaps."""
    if isinstance(x, (tuple, StoredList)):
        try:
            alike = _alike(x, lambda of: tuple(_alike_or_hashed(item) for item in of))
        except _Unknown:
            return
        _ask(hash, [alike])


def require_formattable(directive: str, x: Any) -> None:
    """Python's TypeError of what a ``%d`` or the like does not show."""
    try:
        alike = _alike(x, _nothing_of)
    except _Unknown:
        return
    _ask(operator.mod, [directive, (alike,)])


def _ask(function: Callable[..., Any], args: Sequence[Any]) -> None:
    try:
        run_users(function, *args)
    except TypeError:
        raise
    except Exception:  # of these numbers, not of their types
        return


def _nothing_of(x: tuple[Any, ...]) -> tuple[Any, ...]:
    return ()


def _alike_or_hashed(x: Any) -> Any:
    """An item of a tuple, which has a hash unless it is a list."""
    return _alike(x, lambda of: tuple(map(_alike_or_hashed, of))) if _has_lists(x) else 0


def _has_lists(x: Any) -> bool:
    return isinstance(x, (StoredList, tuple, list))


def _alike(x: Any, of_tuple: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Any:
    """An object of the type that ``x`` has in plain Python."""
    if isinstance(x, Either):  # whose type the run knows
        raise _Unknown
    kind = type_of(x)
    if kind is list:
        return []
    if kind is tuple:
        return of_tuple(x) if type(x) is tuple else ()
    if kind is str:
        return ""
    if isinstance(x, Tracer) and x.form == "array":
        if all(isinstance(n, int) for n in x.shape) and math.prod(x.shape) <= _LARGEST:
            return np.ones(x.shape, x.dtype)
    elif kind in (bool, int, float, complex) or issubclass(kind or object, np.generic):
        return kind(1)
    raise _Unknown


__all__ = ["require_formattable", "require_hashable", "require_types"]
