"""NumPy's functions that take functions, iterate, or make objects of Python.

    np.vectorize(f)(x)         the function element by element
    for i in np.ndindex(3, n)  a loop that is rolled where its body allows
    np.poly1d(c)(x)            an object whose coefficients are traced

NumPy's functions of arrays are in :mod:`autodiff.ops.numpy_functions`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.calls import SPECIAL, SPECIAL_TYPES, call, iterate
from autodiff.capture.interpreter import Frame
from autodiff.capture.sequences import Elements, LazySequence
from autodiff.capture.trace import Declined
from autodiff.dims import Dim, product, same_shape
from autodiff.ops import dispatch
from autodiff.ops.known import check, compare, require
from autodiff.ops.layout import lies_in
from autodiff.ops.promotion import broadcast_shapes
from autodiff.ops.smooth import unknown_slope
from autodiff.ops.tracer import Tracer, ViewStep, as_tracer, is_traced


def call_vectorized(
    frame: Frame, function: np.vectorize, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``np.vectorize(f)(x)``: the function element by element, or on the axes of a signature."""
    inner = frame.trace.wrapped(function, "pyfunc")
    named: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
    varying = [key for key in named if key not in function.excluded]
    if not varying:
        return call(frame, inner, args, kwargs, node)
    arrays = [dispatch.apply_function(np.asanyarray, (named[key],), {}) for key in varying]
    inputs, outputs = _cores(function, len(arrays), [a.ndim for a in arrays])
    leads = [a.shape[: a.ndim - core] for a, core in zip(arrays, inputs, strict=True)]
    shape: Any = broadcast_shapes(*leads)
    if any(isinstance(n, Dim) for n in shape):
        raise Declined("np.vectorize over an axis of run-time size", frame.source(node))
    arrays = [
        np.broadcast_to(a, (*shape, *a.shape[a.ndim - core :]))
        for a, core in zip(arrays, inputs, strict=True)
    ]

    def at(index: tuple[int, ...], as_numbers: bool = True) -> Any:
        # Without a signature NumPy passes Python numbers, by way of arrays of objects.
        items = [a[index].item() if as_numbers else a[index] for a in arrays]
        given = {**named, **dict(zip(varying, items, strict=True))}
        positional = [given[k] for k in range(len(args))]
        return call(frame, inner, positional, {k: given[k] for k in kwargs}, node)

    indices = list(np.ndindex(*shape))
    if not indices:
        raise Declined("np.vectorize of an empty array", frame.source(node))
    # The dtypes are those of a first call, with NumPy scalars, unless they are given.
    first: Any = at(indices[0], False) if outputs is not None or not function.otypes else None
    kept = 1 if outputs is not None or (function.cache and not function.otypes) else 0
    results = [first] * kept + [at(index, outputs is None) for index in indices[kept:]]
    several = isinstance(results[0], tuple)
    columns = list(zip(*results, strict=True)) if several else [tuple(results)]
    made = []
    for k, column in enumerate(columns):
        if function.otypes:
            dtype = np.dtype(function.otypes[k])
        else:
            example = (first[k] if several else first,)
            dtype = dispatch.apply_function(np.asanyarray, example, {}).dtype
        stacked = dispatch.apply_function(np.array, (list(column), dtype), {})
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


def _ndindex(frame: Frame, *shape: Any) -> Any:
    """``np.ndindex``: a loop that is rolled where its body allows."""
    extents = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    if not frame.trace.tier.rolls:
        return np.ndindex(*[int(n) for n in extents])
    sizes = [dispatch.extent_of(n) for n in extents]
    numbers = [as_tracer(n) if isinstance(n, Dim) else n for n in sizes]
    return LazySequence(product(tuple(sizes)), lambda k: _positions(k, numbers))


def _ndenumerate(frame: Frame, array: Any) -> Any:
    """``np.ndenumerate``: pairs of index and element."""
    x = dispatch.functions[np.asarray](frame.trace.deep(array))
    if not frame.trace.tier.rolls:
        return ((index, x[index]) for index in np.ndindex(*x.shape))
    sizes = [as_tracer(n) if isinstance(n, Dim) else n for n in x.shape]

    def item(k: Any) -> Any:
        index = _positions(k, sizes)
        return index, x[index]

    return LazySequence(x.size, item)


def _nditer(
    frame: Frame,
    op: Any,
    flags: Any = (),
    op_flags: Any = None,
    op_dtypes: Any = None,
    order: str = "K",
) -> Any:
    """``np.nditer`` of arrays in C order, or of one in any: their elements, as arrays without axes."""
    several = isinstance(op, (list, tuple))
    node, asked = frame.scope.syntax.node, [str(flag) for flag in flags or ()]
    x = [dispatch.functions[np.asarray](frame.trace.deep(a)) for a in (op if several else [op])]
    plain = op_dtypes is None and len(asked) < 2 and set(asked) <= set(_PLACES)
    by_columns = order == "F" and not asked
    if not plain or not (by_columns or (order in "KCA" and all(lies_in(a, "C") for a in x))):
        raise Declined("np.nditer beyond the elements of arrays in C order", frame.source(node))
    given = op_flags or [("readonly",)] * len(x)
    if not several and all(isinstance(flag, str) for flag in given):
        given = [given]  # of one array they may stand alone
    chosen = [[str(flag) for flag in one] for one in given]
    kinds = (["readonly"], ["readwrite"], ["writeonly"])
    if len(chosen) != len(x) or not all(c in kinds for c in chosen):
        raise Declined("np.nditer with these op_flags", frame.source(node))
    shape: Any = broadcast_shapes(*[a.shape for a in x])
    if any(not same_shape(a.shape, shape) for a in x):
        if any(c != ["readonly"] for c in chosen):
            raise Declined("np.nditer that stores into broadcast arrays", frame.source(node))
        x = [np.broadcast_to(a, shape) for a in x]
    size = product(shape)
    require(
        compare("greater", size, 0),
        ValueError("Iteration of zero-sized operands is not enabled"),
    )
    if by_columns:
        x, shape = [np.transpose(a) for a in x], tuple(reversed(shape))
    sizes = [as_tracer(n) if isinstance(n, Dim) else n for n in shape]

    def index_of(k: Any) -> tuple[Any, ...]:
        if isinstance(k, Tracer) or any(isinstance(n, Tracer) for n in sizes):
            return _positions(k, sizes)
        return np.unravel_index(k, shape)

    def element(k: Any) -> Any:
        index = index_of(k)
        found = [
            a[(*index, ...)].follow(_READ_ONLY) if c == ["readonly"] else a[(*index, ...)]
            for a, c in zip(x, chosen, strict=True)
        ]
        return tuple(found) if several else found[0]

    def place(kind: str, k: Any) -> Any:
        if kind != _PLACES[asked[0]]:
            raise Declined(f"{kind} of np.nditer without that flag", frame.source(node))
        index = index_of(k)
        if kind == "multi_index":
            return tuple([n if isinstance(n, Tracer) else int(n) for n in index])
        return k if asked[0] == "c_index" else _column_number(index, sizes)

    return Elements(size, element, place=place if asked else None)


_PLACES = {"multi_index": "multi_index", "c_index": "index", "f_index": "index"}


def _column_number(index: Sequence[Any], sizes: Sequence[Any]) -> Any:
    """The number of an element in the order of Fortran."""
    total: Any = 0
    for at, n in zip(reversed(index), reversed(sizes), strict=True):
        total = total * n + (at if isinstance(at, Tracer) else int(at))
    return total


def _locked(a: np.ndarray[Any, Any], numbers: Sequence[int]) -> np.ndarray[Any, Any]:
    view = a.view()
    view.flags.writeable = False
    return view


_READ_ONLY = ViewStep(lambda p: p, None, lambda a: a, _locked)


def _positions(k: Any, shape: Sequence[Any]) -> tuple[Any, ...]:
    """The index of element ``k`` in C order."""
    index: list[Any] = []
    for n in reversed(shape):
        index.append(k % n)
        k = k // n
    return tuple(reversed(index))


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
    if count != -1:
        if len(items) < count:
            raise ValueError(
                f"iterator too short: Expected {count} but iterator had only {len(items)} items."
            )
        items = items[: max(count, 0)]
    if not items:
        return dispatch.functions[np.zeros](0, dtype)
    return dispatch.functions[np.array](items, dtype)


def _roots(frame: Frame, p: Any) -> Any:
    """``np.roots``: NumPy drops coefficients of 0 at both ends, by which the roots move as by any other."""
    implementation: Any = np.roots
    found = call(frame, implementation._implementation, [p], {}, frame.scope.syntax.node)
    if not is_traced([frame.trace.deep(p)]) or not len(found):
        return found
    given = dispatch.apply_function(np.asarray, (frame.trace.deep(p),), {})
    if given.dtype.kind not in "fc":
        return found
    there = given != 0
    dropped = (np.cumsum(there) == 0) | (np.cumsum(there[::-1])[::-1] == 0)
    parts = (np.real(given), np.imag(given)) if given.dtype.kind == "c" else (given,)
    return found + sum(np.sum(unknown_slope(np.where(dropped, part, 0.0))) for part in parts)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.ndindex: _ndindex,
    np.ndenumerate: _ndenumerate,
    np.nditer: _nditer,
    np.fromiter: _fromiter,
    np.poly1d: _poly1d,
    np.roots: _roots,
}

SPECIAL.update(FUNCTIONS)
SPECIAL_TYPES[np.vectorize] = call_vectorized
