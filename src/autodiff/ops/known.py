"""What is known of a value while the program is built.

    known(tracer)        the NumPy array a tracer is, where it depends on constants alone, else None
    extent_of(x)         an integer (int, Dim, NumPy integer, traced scalar) as an extent:
                         ``i + 1`` of a traced ``i`` becomes the Dim ``i + 1``, so that algebra on
                         sizes such as ``n - (i + 1)`` stays exact
    decide(claim)        a decision about extents: True, False, or None where nobody can tell
    require(claim, …)    the same, but what cannot be told becomes a check at run time

Constants are folded lazily, on demand, and remembered per program under construction.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, UndecidedExtent, at_least, equal, maximum, minimum, symbols
from autodiff.ir.data import Operation, Program, Value
from autodiff.ops.builder import Raised, current_builder
from autodiff.ops.control import emit_check
from autodiff.ops.either import Either
from autodiff.ops.entries import ENTRIES, Control, Effect, View
from autodiff.ops.tracer import HoldsTracers, StoredList, Tracer, as_tracer, emit_tracer
from autodiff.ops.tracer import type_name as type_name
from autodiff.signals import run_users

_UNKNOWN = object()
# Larger results are not worth folding: they are never used as indices or sizes.
_LIMIT = 1 << 22


def known(x: Any) -> np.ndarray[Any, Any] | None:
    """The array ``x`` is when it depends on constants only, else None."""
    if not isinstance(x, Tracer):
        return None if isinstance(x, Dim) else np.asarray(x)
    if isinstance(x, Either):
        return None
    result = _evaluate(x.value, current_builder().known)
    return None if result is _UNKNOWN else np.asarray(result)


# What is infinite only where an operand is.
_KEEP_FINITE = frozenset(
    ("negative", "positive", "absolute", "fabs", "maximum", "minimum", "select", "cast", "constant")
)


def may_overflow(x: Any) -> bool:
    """Whether an infinity of ``x`` may be a number out of range: it is computed, not given."""
    return isinstance(x, Tracer) and _is_computed(x.value, 6)


def _is_computed(value: Value, depth: int) -> bool:
    operation = value.owner
    if operation is None or operation.kind == "stop_gradient":  # a scale, which is chosen in range
        return False
    is_view = isinstance(ENTRIES[operation.kind].lowering, View)
    if depth and (is_view or operation.kind in _KEEP_FINITE):
        return any(_is_computed(v, depth - 1) for v in operation.operands)
    return True


def _static(attribute: Any) -> bool:
    if isinstance(attribute, tuple):
        return all(_static(item) for item in attribute)
    return not isinstance(attribute, (Dim, Program))


def _foldable(operation: Operation | None) -> bool:
    if operation is None or isinstance(ENTRIES[operation.kind].lowering, (Control, Effect)):
        return False
    size = 1
    for result in operation.results:
        for n in result.type.shape:
            if isinstance(n, Dim):
                return False
            size *= n
    return size <= _LIMIT and all(_static(v) for v in operation.attributes.values())


def _evaluate(value: Value, memo: dict[Value, Any]) -> Any:
    # An explicit stack: programs may be chains of thousands of operations.
    stack = [value]
    while stack:
        top = stack[-1]
        if top in memo:
            stack.pop()
            continue
        operation = top.owner
        if not _foldable(operation):
            memo[top] = _UNKNOWN
            continue
        assert operation is not None
        waiting = [v for v in operation.operands if v not in memo]
        unknown = any(memo.get(v) is _UNKNOWN for v in operation.operands)
        if waiting and not unknown:
            stack.append(waiting[0])
            continue
        _fold(operation, memo, unknown)
    return memo[value]


def _fold(operation: Operation, memo: dict[Value, Any], unknown: bool) -> None:
    if unknown:
        memo.update((v, _UNKNOWN) for v in operation.results)
        return
    try:
        with np.errstate(all="ignore"):
            result = ENTRIES[operation.kind].meaning(
                *(memo[v] for v in operation.operands), **operation.attributes
            )
    except IndexError:  # there is no room in a list yet, the first time a loop is looked at
        memo.update((v, _UNKNOWN) for v in operation.results)
        return
    results = result if len(operation.results) > 1 else (result,)
    for v, array in zip(operation.results, results, strict=True):
        memo[v] = np.asarray(array, v.type.dtype)


# -- integers as extents ----------------------------------------------------------------------
_ALGEBRA: dict[str, Callable[..., Extent]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "negative": lambda a: -a,
    "positive": lambda a: a,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "minimum": minimum,
    "maximum": maximum,
}
_INT = np.dtype(np.int64)


def _algebra(value: Value, depth: int = 0) -> Extent:
    operation = value.owner
    if operation is not None and depth < 12:
        if operation.kind == "extent_value":
            extent: Extent = operation.attributes["value"]
            return extent
        if operation.kind == "constant":
            return int(operation.attributes["value"])
        if operation.kind == "cast" and operation.operands[0].dtype == _INT:
            return _algebra(operation.operands[0], depth + 1)
        rule = _ALGEBRA.get(operation.kind)
        # A floored quotient by a variable may divide by zero: only constants are taken apart.
        plain = operation.kind not in ("floor_divide", "remainder") or (
            _nonzero_constant(operation.operands[1])
        )
        if rule is not None and plain and all(v.dtype == _INT for v in operation.operands):
            return rule(*(_algebra(v, depth + 1) for v in operation.operands))
    return Dim.symbol(value)


def _nonzero_constant(value: Value) -> bool:
    owner = value.owner
    return owner is not None and owner.kind == "constant" and int(owner.attributes["value"]) > 0


def extent_of(x: Any) -> Extent:
    """An integer as an extent; TypeError for what is not an integer."""
    if isinstance(x, (int, Dim)) and not isinstance(x, bool):
        return x
    if isinstance(x, Tracer):
        if x.shape or x.dtype.kind not in "iu":
            whole = x.given_as_int()
            if whole is not None:
                return whole
            if x.form == "array":
                raise TypeError("only integer scalar arrays can be converted to a scalar index")
            raise TypeError(f"'{type_name(x)}' object cannot be interpreted as an integer")
        folded = known(x)
        if folded is not None:
            return int(folded)
        if x.dtype != _INT:
            x = emit_tracer("cast", x, dtype=_INT)
        return _algebra(x.value)
    return operator.index(x)


def is_integer(x: Any) -> bool:
    """Whether ``x`` can stand for an integer index: Python, NumPy or traced scalar, or extent."""
    if isinstance(x, Tracer):
        return not x.shape and x.dtype.kind in "iu"
    if isinstance(x, (bool, np.bool)):
        return False
    return isinstance(x, (int, Dim, np.integer))


# -- what Python refuses by types alone ----------------------------------------------------------
# The program has numbers, and lists and tuples of numbers, as arrays, for which more is defined.
_LARGEST = 1000  # elements of an array that is made to ask


class _Unknown(Exception):
    """Of an object nothing is known by its type alone."""


def require_types(function: Callable[..., Any], *args: Any) -> None:
    """Python's TypeError, if it is of the types of the arguments that ``function`` does not take."""
    answer_by_types(function, *args)


def answer_by_types(function: Callable[..., Any], *args: Any) -> Any:
    """What ``function`` gives of objects of the types of the arguments; None where only the values tell.

    Raises Python's TypeError.
    """
    try:
        return _ask(function, [_alike(x, _nothing_of) for x in args])
    except _Unknown:
        return None


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


def _ask(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    try:
        return run_users(function, *args)
    except TypeError:
        raise
    except Exception:  # of these numbers, not of their types
        return None


def _nothing_of(x: tuple[Any, ...]) -> tuple[Any, ...]:
    return ()


def _alike_or_hashed(x: Any) -> Any:
    """An item of a tuple, which has a hash unless it is a list or the like."""
    if isinstance(x, Tracer) and not isinstance(x, Either) and x.form == "array":
        return np.empty(0)
    if isinstance(x, (StoredList, tuple, list)) or type(x) in (dict, set):
        return _alike(x, lambda of: tuple(map(_alike_or_hashed, of)))
    return 0


def _alike(x: Any, of_tuple: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Any:
    """An object of the type that ``x`` has in plain Python."""
    if isinstance(x, Either):  # whose type the run knows
        raise _Unknown
    if isinstance(x, Tracer) and x.given_as_int() is not None:  # where the program has a float
        return 1
    kind: Any = x.python_type if isinstance(x, (Tracer, HoldsTracers, StoredList)) else type(x)
    if kind is list:
        return []
    if kind is tuple:
        return of_tuple(x) if type(x) is tuple else ()
    if kind in (str, bytes, bytearray, dict, set, frozenset, type(None)):
        return kind()
    if isinstance(x, Tracer) and x.form == "array":
        if all(isinstance(n, int) for n in x.shape) and math.prod(x.shape) <= _LARGEST:
            return np.ones(x.shape, x.dtype)
    elif kind in (bool, int, float, complex) or issubclass(kind or object, np.generic):
        return kind(1)
    raise _Unknown


# -- deciding comparisons ---------------------------------------------------------------------
def decide(claim: Callable[[], bool]) -> bool | None:
    """What ``equal`` or ``at_least`` decide, or None where that is open until run time."""
    try:
        return claim()
    except UndecidedExtent:
        return None


def require_equal(a: Extent, b: Extent, message: str) -> bool:
    """Whether two extents are equal; where it is open, a run-time check makes it so."""
    answer = decide(lambda: equal(a, b))
    if answer is None:
        check(compare("equal", a, b), message)
        return True
    return answer


def natural(n: Extent, message: str = "negative dimensions are not allowed") -> Extent:
    """A size that was asked for, which must not be negative; checked at run time where it is open."""
    answer = decide(lambda: at_least(n, 0))
    if answer is False:
        raise ValueError(message)
    if answer is None:
        check(compare("greater_equal", n, 0), message)
    return n


# Sums and products of two numbers up to this stay within 64 bits.
_FAR = 1 << 31


def within_reach(n: Extent) -> Extent:
    """An offset, bound or step of an index, of which sums and products do not leave 64 bits.

    A number of run time that is larger makes the run fail: plain NumPy answers.
    """
    for symbol in symbols(n):
        if symbol.low is not None and symbol.high is not None:
            continue
        value = Tracer(symbol, "python")
        low, high = as_tracer(-_FAR), as_tracer(_FAR)
        above = emit_tracer("greater", value, low)
        inside = emit_tracer("logical_and", above, emit_tracer("less", value, high))
        check(inside, "an index far outside of what an array has")
    return n


def compare(ufunc: str, a: Extent, b: Extent) -> Tracer:
    """A traced comparison of two extents."""
    result: Tracer = emit_tracer(ufunc, as_tracer(a), as_tracer(b))
    return result


def check(predicate: Tracer, message: str, error: Raised | None = None) -> None:
    """Fail the run when ``predicate`` is false; nothing to do when it is known to be true.

    ``error`` is what plain Python raises exactly then, or its type.
    """
    folded = known(predicate)
    if folded is None or not folded:
        emit_check(predicate.value, message, error)


def require(predicate: Tracer, failure: Exception) -> None:
    """Raise what NumPy raises where ``predicate`` is known to be false, else check it at run time."""
    folded = known(predicate)
    if folded is None:
        emit_check(predicate.value, str(failure), failure)
    elif not folded:
        raise failure
