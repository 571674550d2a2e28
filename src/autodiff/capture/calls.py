"""Calls: what runs as it is, what is interpreted, what is an operation, what is declined.

In this order: the interpreter's own functions and NumPy's (by the tables of
:mod:`autodiff.ops.dispatch`), the user's Python functions (interpreted, so that their globals,
branches and loops are seen), classes, bound methods, callable objects, library functions without
traced arguments (run at Python speed), and the rest: random numbers, files, time and unknown C
functions, which are declined, so that the call runs uncompiled rather than with a frozen value.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterable, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from autodiff import labelled
from autodiff.capture import generators, text
from autodiff.capture.construction import construct
from autodiff.capture.functions import Closure, call_function
from autodiff.capture.interpreter import (
    Frame,
)
from autodiff.capture.library import Callback, call_library
from autodiff.capture.lists import TracedList
from autodiff.capture.origins import (
    is_impure,
    is_library,
)
from autodiff.capture.text import DeferredText
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, product, same
from autodiff.ops import dispatch, structural
from autodiff.ops.builder import emit
from autodiff.ops.known import check
from autodiff.ops.tracer import Tracer, as_tracer, is_traced, whole_of


# -- the general call ---------------------------------------------------------------------------
def call(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """Call anything from captured code."""
    special = _SPECIAL.get(function) if _hashable(function) else None
    if special is not None:
        return special(frame, *args, **kwargs)
    if isinstance(function, (Closure, Callback)):
        return function(*args, **kwargs)
    nested = getattr(type(function), "__autodiff_inline__", None)
    if nested is not None:
        return nested(function, frame.trace, args, kwargs)
    if labelled.is_own(function) and labelled.holds(args, kwargs):
        return labelled.apply(function, args, kwargs)
    if isinstance(function, FunctionType) and "__autodiff_inline__" in function.__dict__:
        return function.__dict__["__autodiff_inline__"](frame.trace, args, kwargs)
    if isinstance(function, MethodType):
        if isinstance(function.__func__, Closure):
            return function.__func__(function.__self__, *args, **kwargs)
        if isinstance(function.__func__, FunctionType) and not is_library(function.__func__):
            return call_function(frame.trace, function.__func__, [function.__self__, *args], kwargs)
        return call_library(frame, function, args, kwargs, node)
    if isinstance(function, functools.partial):
        return call(
            frame, function.func, [*function.args, *args], {**function.keywords, **kwargs}, node
        )
    if isinstance(function, FunctionType) and not is_library(function):
        if function in dispatch.functions:
            return call_library(frame, function, args, kwargs, node)
        return call_function(frame.trace, function, args, kwargs)
    if isinstance(function, type) and not is_impure(function):
        return construct(frame, function, args, kwargs, node)
    if isinstance(function, np.vectorize):
        return _vectorize(frame, function, args, kwargs, node)
    method = getattr(type(function), "__call__", None)  # noqa: B004 - the function itself
    if isinstance(method, FunctionType) and not is_library(method):
        frame.trace.guard_class(type(function), "__call__", method)
        return call_function(frame.trace, method, [function, *args], kwargs)
    if isinstance(method, Closure):
        return method(function, *args, **kwargs)
    return call_library(frame, function, args, kwargs, node)


def _hashable(function: Any) -> bool:
    return isinstance(function, (type, BuiltinFunctionType, FunctionType, type(np.sum)))


def _vectorize(
    frame: Frame, function: np.vectorize, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``np.vectorize(f)(x)``: the function element by element, or on the axes of a signature."""
    named: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
    varying = [key for key in named if key not in function.excluded]
    if not varying:
        return call(frame, function.pyfunc, args, kwargs, node)
    arrays = [dispatch.functions[np.asanyarray](named[key]) for key in varying]
    inputs, outputs = _cores(function, len(arrays), [a.ndim for a in arrays])
    leads = [a.shape[: a.ndim - core] for a, core in zip(arrays, inputs, strict=True)]
    shape = np.broadcast_shapes(*leads)
    if any(isinstance(n, Dim) for n in shape):
        raise Declined("np.vectorize over an axis of run-time size", frame.source(node))
    arrays = [
        np.broadcast_to(a, (*shape, *a.shape[a.ndim - core :]))
        for a, core in zip(arrays, inputs, strict=True)
    ]

    def at(index: tuple[int, ...]) -> Any:
        # Without a signature NumPy passes Python numbers, by way of arrays of objects.
        items = [a[index] if outputs is not None else a[index].item() for a in arrays]
        given = {**named, **dict(zip(varying, items, strict=True))}
        positional = [given[k] for k in range(len(args))]
        return call(frame, function.pyfunc, positional, {k: given[k] for k in kwargs}, node)

    results = [at(index) for index in np.ndindex(*shape)]
    if not results:
        raise Declined("np.vectorize of an empty array", frame.source(node))
    several = isinstance(results[0], tuple)
    columns = list(zip(*results, strict=True)) if several else [tuple(results)]
    made = []
    for k, column in enumerate(columns):
        # NumPy takes the dtype of the first result, unless told otherwise.
        first = dispatch.functions[np.asanyarray](column[0])
        dtype = np.dtype(function.otypes[k]) if function.otypes else first.dtype
        stacked = dispatch.functions[np.array](list(column), dtype)
        made.append(np.reshape(stacked, (*shape, *stacked.shape[1:])))
    return tuple(made) if several else made[0]


def _cores(function: np.vectorize, count: int, ndims: list[int]) -> tuple[list[int], Any]:
    """How many trailing axes each call takes of every operand, by the signature if there is one."""
    if function.signature is None:
        return [0] * count, None
    from numpy.lib._function_base_impl import _parse_gufunc_signature  # type: ignore[attr-defined]

    inputs, outputs = _parse_gufunc_signature(function.signature)
    if len(inputs) != count:
        raise TypeError(
            f"wrong number of positional arguments: expected {len(inputs)}, got {count}"
        )
    for core, ndim in zip(inputs, ndims, strict=True):
        if ndim < len(core):
            raise ValueError(
                f"{ndim}-dimensional argument does not have enough dimensions for all core "
                f"dimensions {core}"
            )
    return [len(core) for core in inputs], outputs


# -- iteration and the interpreter's own functions --------------------------------------------------
def iterate(frame: Frame, obj: Any) -> Iterable[Any]:
    """What ``for x in obj`` goes through."""
    if isinstance(obj, Tracer):
        return iter(obj)
    if isinstance(obj, generators.TracedGenerator):
        return obj
    path = frame.trace.paths.get(id(obj))
    frame.trace.refuse_changed(obj, "a loop over the items")
    if path is None:
        if isinstance(obj, np.ndarray):
            return iter(Tracer.constant(obj))
        from autodiff.capture.expressions import own_method

        method = own_method(frame, obj, "__iter__")
        if isinstance(method, FunctionType) and is_library(method):
            return iter(obj)
        if method is not None:
            return iterate(frame, call(frame, method, [obj], {}, frame.scope.syntax.node))
        return iter(obj)
    if isinstance(obj, (list, tuple)):
        return iter([frame.trace.lift(x, path.item(k)) for k, x in enumerate(obj)])
    if isinstance(obj, (dict, set, frozenset, str, range)):
        return iter(obj)
    raise Declined(f"iteration over {type(obj).__name__}")


def _isinstance(frame: Frame, obj: Any, kinds: Any) -> bool:
    if isinstance(obj, DeferredText):
        return issubclass(str, kinds)
    if not isinstance(obj, Tracer):
        return isinstance(obj, kinds)
    return issubclass(python_type(obj), kinds)


def python_type(tracer: Tracer) -> type:
    """The type a traced object has in plain Python."""
    if tracer.form == "array":
        return np.ndarray
    if tracer.form == "scalar":
        return tracer.dtype.type
    return {"f": float, "i": int, "u": int, "b": bool}[tracer.dtype.kind]


def _type(frame: Frame, obj: Any, *rest: Any) -> Any:
    if rest:
        raise Declined("a class made by type()")
    if isinstance(obj, DeferredText):
        return str
    if isinstance(obj, TracedList):
        return list
    return python_type(obj) if isinstance(obj, Tracer) else type(obj)


def _len(frame: Frame, obj: Any) -> Any:
    if isinstance(obj, Tracer) and obj.shape and isinstance(obj.shape[0], Dim):
        return as_tracer(obj.shape[0])
    if isinstance(obj, Tracer):
        return len(obj)
    if isinstance(obj, TracedList) and obj.store is not None:
        length = obj.store.length
        return as_tracer(length) if isinstance(length, Dim) else length
    from autodiff.capture.expressions import own_method

    method = own_method(frame, obj, "__len__")
    if method is not None:
        return call(frame, method, [obj], {}, frame.scope.syntax.node)
    frame.trace.refuse_changed(obj, "the length")
    return len(obj)


def _hasattr(frame: Frame, obj: Any, name: str) -> bool:
    if isinstance(obj, Tracer):
        return hasattr(np.ndarray if obj.form == "array" else python_type(obj), name)
    from autodiff.capture.expressions import load_attribute

    if frame.trace.state.changes(obj):
        try:
            load_attribute(frame, obj, name, frame.scope.syntax.node)
        except AttributeError:
            return False
        return True
    found = hasattr(obj, name)
    frame.trace.guard_presence(obj, name, found)
    return found


def _getattr(frame: Frame, obj: Any, name: str, *default: Any) -> Any:
    from autodiff.capture.expressions import load_attribute

    if default and not _hasattr(frame, obj, name):
        return default[0]
    return load_attribute(frame, obj, name, frame.scope.syntax.node)


def _callable(frame: Frame, obj: Any) -> bool:
    return not isinstance(obj, Tracer) and callable(obj)


def _range(frame: Frame, *arguments: Any) -> Any:
    if frame.trace.eager or not any(isinstance(a, (Tracer, Dim)) for a in arguments):
        return range(*arguments)
    from autodiff.capture.rolling import lazy_range

    return lazy_range(*arguments)


def _lazily(frame: Frame, sequences: Sequence[Any]) -> Any:
    """The sequences as one lazy sequence of tuples, if a loop may be rolled over them."""
    from autodiff.capture.rolling import lazy_zip

    return None if frame.trace.eager else lazy_zip(frame, sequences)


def _same_lengths(frame: Frame, sequences: Sequence[Any]) -> bool:
    """Whether sequences are known to have one length."""
    counts = [lazy.count for lazy in (_lazily(frame, (s,)) for s in sequences)]
    return all(same(count, counts[0]) for count in counts)


def _zip(frame: Frame, *sequences: Any, strict: bool = False) -> Any:
    lazy = _lazily(frame, sequences)
    if lazy is not None and not (strict and not _same_lengths(frame, sequences)):
        return lazy
    return zip(*[iterate(frame, s) for s in sequences], strict=strict)


def _enumerate(frame: Frame, sequence: Any, start: int = 0) -> Any:
    lazy = _lazily(frame, (sequence,))
    if lazy is not None:
        from autodiff.capture.rolling import LazySequence

        return LazySequence(
            lazy.count, lambda k: (k + start if start else k, lazy.item(k)[0]), lazy.lists
        )
    return enumerate(iterate(frame, sequence), start)


def _reversed(frame: Frame, sequence: Any) -> Any:
    if isinstance(sequence, range):
        return sequence[::-1]
    lazy = _lazily(frame, (sequence,))
    if lazy is not None:
        from autodiff.capture.rolling import LazySequence

        last = lazy.count - 1
        return LazySequence(
            lazy.count,
            lambda k: lazy.item((as_tracer(last) if isinstance(last, Dim) else last) - k)[0],
            lazy.lists,
        )
    return iter(list(iterate(frame, sequence))[::-1])


def _positions(k: Any, shape: Sequence[Any]) -> tuple[Any, ...]:
    """The index of element ``k`` in C order."""
    index: list[Any] = []
    for n in reversed(shape):
        index.append(k % n)
        k = k // n
    return tuple(reversed(index))


def _ndindex(frame: Frame, *shape: Any) -> Any:
    """``np.ndindex``: a loop that is rolled where its body allows."""
    extents = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    if frame.trace.eager:
        return np.ndindex(*[int(n) for n in extents])
    from autodiff.capture.rolling import LazySequence

    sizes = [dispatch.extent_of(n) for n in extents]
    numbers = [as_tracer(n) if isinstance(n, Dim) else n for n in sizes]
    return LazySequence(product(tuple(sizes)), lambda k: _positions(k, numbers))


def _ndenumerate(frame: Frame, array: Any) -> Any:
    """``np.ndenumerate``: pairs of index and element."""
    x = dispatch.functions[np.asarray](frame.trace.deep(array))
    if frame.trace.eager:
        return ((index, x[index]) for index in np.ndindex(*x.shape))
    from autodiff.capture.rolling import LazySequence

    sizes = [as_tracer(n) if isinstance(n, Dim) else n for n in x.shape]

    def item(k: Any) -> Any:
        index = _positions(k, sizes)
        return index, x[index]

    return LazySequence(x.size, item)


def _poly1d(frame: Frame, c_or_r: Any, r: bool = False, variable: str | None = None) -> Any:
    """``np.poly1d``; of traced coefficients, the first of which is taken not to be zero."""
    given = frame.trace.deep(c_or_r)
    if isinstance(given, np.poly1d) or not is_traced([given]):
        return frame.trace.fresh(np.poly1d(given, r, variable))
    coefficients = dispatch.functions[np.poly if r else np.atleast_1d](given)
    if coefficients.ndim > 1:
        raise ValueError("Polynomial must be 1d only.")
    # NumPy drops leading zeros; where there are any, the call runs as plain Python.
    check(coefficients[0] != 0, "a leading coefficient of zero")
    polynomial = object.__new__(np.poly1d)
    polynomial.__dict__.update(coeffs=coefficients, _variable=variable or "x")
    return frame.trace.fresh(polynomial)


def _fromiter(frame: Frame, iterable: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    """``np.fromiter`` of numbers."""
    items = list(iterate(frame, iterable))
    if count >= 0:
        if len(items) < count:
            raise ValueError(
                f"iterator too short: Expected {count} but iterator had only {len(items)} items."
            )
        items = items[:count]
    if not items:
        return dispatch.functions[np.zeros](0, dtype)
    return dispatch.functions[np.array](items, dtype)


def _map(frame: Frame, function: Any, *sequences: Any) -> Any:
    node = frame.scope.syntax.node
    return iter(
        [
            call(frame, function, list(items), {}, node)
            for items in zip(*[iterate(frame, s) for s in sequences], strict=False)
        ]
    )


def _filter(frame: Frame, function: Any, sequence: Any) -> Any:
    node = frame.scope.syntax.node
    return iter(
        [
            x
            for x in iterate(frame, sequence)
            if (x if function is None else call(frame, function, [x], {}, node))
        ]
    )


def _list(frame: Frame, *sequence: Any) -> list[Any]:
    if sequence and isinstance(sequence[0], TracedList):
        return frame.trace.fresh(sequence[0].copy())
    items = list(iterate(frame, sequence[0])) if sequence else []
    return frame.trace.fresh(frame.trace.new_list(items))


def _tuple(frame: Frame, *sequence: Any) -> tuple[Any, ...]:
    return tuple(iterate(frame, sequence[0])) if sequence else ()


def _reduce(frame: Frame, function: Any, sequence: Any, *initial: Any) -> Any:
    node = frame.scope.syntax.node
    return functools.reduce(
        lambda a, b: call(frame, function, [a, b], {}, node), iterate(frame, sequence), *initial
    )


def _sum(frame: Frame, sequence: Any, start: Any = 0) -> Any:
    total = start
    whole = whole_of(sequence)
    if whole is not None:
        return total + _sum_of_rows(sequence, whole)
    for item in iterate(frame, sequence):
        total = total + item
    return total


def _sum_of_rows(sequence: TracedList, whole: Tracer) -> Any:
    """The sum of the items of a list in a store, as the type of item it has."""
    assert sequence.store is not None
    form = sequence.store.slot.form
    if whole.dtype.kind == "b":
        whole = dispatch.cast(whole, np.int64)
    total = structural.reduce_sum(Tracer(whole.value, "array"), (0,))
    if form == "python":
        return Tracer(emit("cast", (total.value,), dtype=total.dtype, weak=True), "python")
    return Tracer(total.value, form)


def _any_all(stop: bool) -> Callable[..., Any]:
    def run(frame: Frame, sequence: Any) -> Any:
        from autodiff.capture.expressions import truth

        result: Any = not stop
        for item in iterate(frame, sequence):
            if isinstance(item, Tracer):
                item = truth(item)
                joined = np.logical_or(result, item) if stop else np.logical_and(result, item)
                result = Tracer(joined.value, "python")
            elif bool(item) == stop:
                return stop
        return result

    return run


def _abs(frame: Frame, obj: Any) -> Any:
    from autodiff.capture.expressions import own_method

    method = own_method(frame, obj, "__abs__")
    if method is not None:
        return call(frame, method, [obj], {}, frame.scope.syntax.node)
    return dispatch.builtin_functions[abs](obj) if isinstance(obj, Tracer) else abs(obj)


def _setattr(frame: Frame, obj: Any, name: str, value: Any) -> None:
    from autodiff.capture.interpreter import store_attribute

    store_attribute(frame, obj, name, value, frame.scope.syntax.node)


_SPECIAL: dict[Any, Callable[..., Any]] = {
    isinstance: _isinstance,
    abs: _abs,
    type: _type,
    len: _len,
    hasattr: _hasattr,
    getattr: _getattr,
    setattr: _setattr,
    callable: _callable,
    range: _range,
    zip: _zip,
    enumerate: _enumerate,
    reversed: _reversed,
    map: _map,
    filter: _filter,
    list: _list,
    tuple: _tuple,
    sum: _sum,
    any: _any_all(True),
    all: _any_all(False),
    functools.reduce: _reduce,
    np.ndindex: _ndindex,
    np.ndenumerate: _ndenumerate,
    np.fromiter: _fromiter,
    np.poly1d: _poly1d,
    **text.FUNCTIONS,
}
