"""What NumPy and Python say of operands that do not fit: they are asked, with arrays of the same types.

    np.stack([x, y])        x: float64[3], y: float64[2]
    verdict(np.stack, …)    ValueError("all input arrays must have the same shape")

An exception that a handler of the user's may see has the type and the text that it has in plain Python,
and arises only where it arises there.  So once an operation has raised, the function itself is called, on
stand-ins for what is traced, twice with different values.  What it does not raise is a refusal of this
library's, which no handler sees.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture.origins import is_impure, is_library, is_own, name_of, owner_of
from autodiff.capture.text import materialised
from autodiff.capture.trace import Trace
from autodiff.dims import Dim, Extent, UndecidedExtent, evaluate
from autodiff.errors import AutodiffError, DtypeError, ShapeError
from autodiff.ladder import Declined
from autodiff.ops import methods
from autodiff.ops.complex_numbers import ComplexTracer, whole_of
from autodiff.ops.either import Either
from autodiff.ops.tracer import StoredList, Tracer
from autodiff.signals import Signal, apply_users, door, is_ours

_NUMPYS = (np.ndarray, np.generic, np.dtype, np.ufunc, type(np.sum))


class Unasked(Exception):
    """There is no asking with stand-ins: an operand is an object of the user's, or more than data."""


def restated(
    trace: Trace,
    error: Exception,
    function: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
) -> Exception:
    """An exception of an operation as plain Python raises it; a bail where that raises none.

    Outside of a ``try`` it is plain Python that raises in the end, and only the types that Python's own
    operators name are to be known before.
    """
    of_operands = isinstance(error, TypeError) and not isinstance(error, AutodiffError)
    if not trace.tried and not of_operands:
        return error
    if isinstance(error, (Signal, StopIteration, MemoryError, RecursionError)):
        return error
    if isinstance(error, AutodiffError) and not isinstance(error, (ShapeError, DtypeError)):
        return error
    try:
        asked, given = _function_and_operands(function, [*args])
        said = verdict(trace, asked, given, kwargs or {})
    except Unasked:
        return error
    if said is not None:
        return said
    if not trace.tried or isinstance(error, DtypeError) or is_ours(error):
        return error
    what = f"{type(error).__name__}, which {name_of(function)} does not raise in plain Python"
    return Declined(what, trace.builder.source)


def verdict(
    trace: Trace,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    in_all: bool = False,
) -> Exception | None:
    """What ``function`` raises of such operands, None if nothing that does not depend on values.

    With ``in_all`` the text may: an exception of one type, whatever the values are.
    """
    if not all(map(_is_data, containers.walk((args, kwargs), _is_traced, keys=True))):
        raise Unasked
    rounds = (0, 1) if trace.tier.reusable else (0,)
    said = [_said(function, *_stand_ins(trace, (args, kwargs), k)) for k in rounds]
    if all(map(_is_like(said[0]), said)):
        return said[0]
    if in_all and all(type(x) is type(said[0]) for x in said):
        return said[0]
    if said[0] is not None and any(map(_has_sizes, _leaves((args, kwargs)))):
        raise UndecidedExtent("an exception whose text shows a size or an integer of the call")
    return None


def refuse_odd(
    trace: Trace, function: Any, args: list[Any], kwargs: dict[str, Any], is_asked: bool
) -> None:
    """Raise what NumPy raises of options that no function of its is usually given.

    It is not asked where it would store: what it stores into some arrays ends the process (``ops/fatal.py``).
    ``is_asked``: the function is one that stores nothing, whatever its arguments are.
    """
    outs = kwargs.get("out")
    outs = [*(outs if isinstance(outs, tuple) else (outs,)), *([] if is_asked else args[2:])]
    if any(isinstance(x, np.ndarray) or (_is_traced(x) and x.form == "array") for x in outs):
        return
    try:
        asked, given = _function_and_operands(function, args)
        said = verdict(trace, asked, given, kwargs, in_all=True)
    except Unasked:
        return
    if said is not None:
        raise said


def _has_sizes(x: Any) -> bool:
    """Whether a traced value is an integer, or has a shape, that is another one in other calls of a program."""
    if not isinstance(x, Tracer):
        return False
    return any(isinstance(n, Dim) for n in x.shape) or (x.dtype.kind in "iu" and not x.shape)


def _is_data(x: Any) -> bool:
    """Whether an operand is traced, or one of NumPy's or Python's objects that is as before when it was asked."""
    if isinstance(x, (Tracer, StoredList)):
        return True
    if isinstance(x, type):
        return _is_pythons(x)
    runs = isinstance(x, (FunctionType, MethodType)) or hasattr(type(x), "__next__")
    return _is_pythons(type(x)) and not runs


def _is_pythons(cls: type) -> bool:
    """Whether a class has no methods of the user's, which would be called once more."""
    if issubclass(cls, _NUMPYS):
        return cls.__module__.partition(".")[0] == "numpy"
    return cls.__module__ in ("builtins", "collections", "types")


def _said(function: Any, args: Any, kwargs: Any) -> Exception | None:
    try:
        with np.errstate(all="ignore"):
            apply_users(function, args, kwargs)
    except Exception as error:
        return error
    return None


def _is_like(first: Exception | None) -> Callable[[Exception | None], bool]:
    return lambda other: type(other) is type(first) and str(other) == str(first)


def _leaves(x: Any) -> list[Any]:
    return list(containers.leaves(x, _is_traced, keys=True))


def _is_traced(x: Any) -> bool:
    return isinstance(x, Tracer)


def _stand_ins(trace: Trace, given: Any, round: int) -> Any:
    """The operands with arrays and numbers in place of what is traced, all of it new."""
    made = materialised(given, lambda x: _stand_in(trace, x, round))
    try:
        return copy.deepcopy(made)
    except TypeError:  # of a memoryview
        raise Unasked from None


def _stand_in(trace: Trace, x: Tracer, round: int) -> Any:
    """What a traced value may be: of this call the first time, another number the second time."""
    if isinstance(x, ComplexTracer):
        re, im = (_stand_in(trace, part, round) for part in x.parts)
        return whole_of(re, im, x)
    if isinstance(x, Either):
        raise Unasked
    try:
        value, depends = trace.evaluate(x.value)
    except Exception:  # of a loop, or drawn: known to no call
        shape = tuple([_size(trace, n, round) for n in x.shape])
        value, depends = np.ones(shape, x.dtype), True
    else:
        if round and any(isinstance(n, Dim) for n in x.shape):
            value = np.ones(tuple([_size(trace, n, round) for n in x.shape]), x.dtype)
    if round and depends and x.dtype.kind == "f":
        size = max(value.size, 1)
        value = np.resize(np.cos(np.arange(size)) + 1.25, value.shape).astype(x.dtype)
    if round and depends and x.dtype.kind in "iu":
        value = value + np.ones((), x.dtype)
    return trace.present(x, value)


def _size(trace: Trace, n: Extent, round: int) -> int:
    if not isinstance(n, Dim):
        return n
    return max(evaluate(n, lambda s: int(trace.known[s][0]) if s in trace.known else 1), 0) + round


def _function_and_operands(function: Any, args: list[Any]) -> tuple[Any, list[Any]]:
    """The function of plain Python that an operation is of, and its operands, its object among them."""
    if isinstance(function, Tracer):
        return _called, [function, *args]
    if is_own(function):
        owner = owner_of(function)
        if isinstance(owner, StoredList):
            return _Method(function.__name__), [owner, *args]
        name = methods.name_of(function)
        if name is None or not args:
            raise Unasked
        return _Method(name), args
    owner = owner_of(function)
    if is_impure(function) or (isinstance(function, FunctionType) and not is_library(function)):
        raise Unasked
    if owner is None or isinstance(owner, (type, ModuleType)):
        return function, args
    if not _is_data(owner):
        raise Unasked
    return _Method(function.__name__), [owner, *args]


@door
def _called(x: Any, *args: Any, **kwargs: Any) -> Any:
    return x(*args, **kwargs)


class _Method:
    """A method, by its name, of its first operand."""

    def __init__(self, name: str) -> None:
        self.name = name

    @door
    def __call__(self, owner: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(owner, self.name)(*args, **kwargs)


__all__ = ["Unasked", "refuse_odd", "restated", "verdict"]
