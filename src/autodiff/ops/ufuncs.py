"""NumPy's universal functions on tracers: calls, ``out=``, ``where=``, ``dtype=``, and methods.

np.add(x, y, out=z, where=m)     z's storage gets select(m, x + y, z), cast to z's dtype
np.add.reduce(x)                 np.sum(x, axis=0)
np.add.at(a, index, v)           scatter_add into a's storage
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.dims import Dim, at_least, equal
from autodiff.errors import UnsupportedError
from autodiff.ir.data import ArrayType
from autodiff.later import later
from autodiff.ops import builder as _builder
from autodiff.ops import complex_numbers, indexing
from autodiff.ops.control import emit_for
from autodiff.ops.custom import stop
from autodiff.ops.entries import ENTRIES
from autodiff.ops.fatal import refuse_objects, require_axis
from autodiff.ops.function_table import functions
from autodiff.ops.known import check, compare, decide, known, require_equal
from autodiff.ops.layout import lay_out, remember
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    constant,
    describe,
    dtype_of,
    mask_of,
    operand,
    pointwise,
    resolve,
    select,
    shape_error,
)
from autodiff.ops.protocol import protocol
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, as_tracer

if TYPE_CHECKING:
    from autodiff.ops import interpreting, marks
else:
    marks = later("autodiff.ops.marks")
    interpreting = later("autodiff.ops.interpreting")

# Filled at import: the ufuncs that are operations of their own, and the operation's name.
NAMES: dict[np.ufunc, str] = {e.ufunc: e.name for e in ENTRIES.entered() if e.ufunc is not None}


def unsupported(what: str, remedy: str) -> UnsupportedError:
    """An error that says what cannot be compiled, at the user's line."""
    return UnsupportedError(what, source=_builder.current_builder().source, remedy=remedy)


# -- results into given arrays --------------------------------------------------------------------
def as_output(out: Any) -> Any:
    """The array that ``out=`` names, or None."""
    if isinstance(out, tuple):
        (out,) = out
    if out is not None and not isinstance(out, Tracer):
        if isinstance(out, np.ndarray):
            raise unsupported(
                "a traced result cannot be written into an array that is not traced",
                "create the array inside the function, or pass it as an argument",
            )
        raise TypeError("return arrays must be of ArrayType")
    if out is not None and out.form != "array":
        raise TypeError("return arrays must be of ArrayType")
    return out


def write_out(
    result: Tracer,
    out: Tracer,
    casting: str = "same_kind",
    name: str = "add",
    where: Any = True,
) -> Tracer:
    """Store a result in the array ``out``, where ``where`` holds, and return it."""
    if not np.can_cast(result.dtype, out.dtype, casting):  # type: ignore[arg-type]
        # NumPy's own exception, with its text.
        np.positive.resolve_dtypes((result.dtype, out.dtype), casting=casting)  # type: ignore[arg-type]
    if where is not True:  # after the conversion: what stays is not to pass through another dtype
        result = select(where, cast(result, out.dtype), out, out.dtype)
    shape = broadcast_shapes(result.shape, out.shape)
    fits = len(shape) == len(out.shape) and all(
        require_equal(m, n, "non-broadcastable output operand")
        for m, n in zip(shape, out.shape, strict=True)
    )
    if not fits:
        raise shape_error(
            f"non-broadcastable output operand with shape {describe(out.shape)} doesn't match "
            f"the broadcast shape {describe(shape)}"
        )
    out.write(broadcast_to(cast(result, out.dtype), out.shape).value)
    return out


_SPECIAL = {"absolute": "__abs__", "negative": "__neg__"}


def _by_method(x: Any, name: str) -> Any:
    """Interpreted."""
    return getattr(x, name)()


# -- calls --------------------------------------------------------------------------------------
def call(
    ufunc: np.ufunc,
    inputs: Sequence[Any],
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    casting: str = "same_kind",
    signature: Any = None,
    sig: Any = None,
    order: str = "K",
    subok: bool = True,
    **options: Any,
) -> Any:
    """``ufunc(*inputs, …)`` on tracers."""
    if ufunc.nin == 1 and hasattr(inputs[0], "tocoo") and out is None and not options:
        # Of a sparse array NumPy makes an object, and asks it for its method.
        return interpreting.interpreted(
            _by_method, inputs[0], _SPECIAL.get(ufunc.__name__, ufunc.__name__)
        )
    name = NAMES.get(ufunc)
    signature = sig if signature is None else signature
    where = where if where is True else mask_of(where)
    if name is None:
        return remember(
            ufunc, inputs, options, _composed(ufunc, inputs, out, where, dtype, options)
        )
    if options:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(options))}'")
    out = as_output(out)
    operands = [operand(x) for x in inputs]
    dtypes = None
    if dtype is not None or signature is not None or casting != "same_kind" or out is not None:
        dtypes = loop_of(ufunc, operands, out, dtype, signature, casting)
    result = pointwise(name, *operands, dtypes=dtypes)
    if name == "nextafter" and result.dtype == np.float16:  # the engines' is that of float32
        raise unsupported("np.nextafter of float16 is not available", "use float32")
    if name == "power" and result.dtype.kind == "i":
        _refuse_negative_exponents(operands[1])
    result = lay_out(result, order, *operands)
    if out is None:  # elsewhere the elements have no values
        return result if where is True else select(where, result, result, result.dtype)
    return write_out(result, out, casting, name, where)


def _refuse_negative_exponents(exponent: Any) -> None:
    """Integers to negative integer powers raise."""
    x = as_array(exponent)
    message = "Integers to negative integer powers are not allowed."
    found = known(x)
    if found is None:
        natural = pointwise("greater_equal", x, 0)
        check(functions[np.all](natural) if x.shape else natural, message)
    elif (found < 0).any():
        raise ValueError(message)


def loop_of(
    ufunc: np.ufunc,
    operands: list[Any],
    out: Any,
    dtype: Any = None,
    signature: Any = None,
    casting: str = "same_kind",
) -> tuple[np.dtype[Any], ...]:
    """The dtypes of the loop that these options choose; NumPy's exception where there is none."""
    if signature is None and dtype is not None:
        signature = (None,) * ufunc.nin + (np.dtype(dtype),)
    elif isinstance(signature, str):
        signature = tuple(np.dtype(c) for c in signature.replace("->", ""))
    kinds = [dtype_of(x) for x in operands]
    if all(isinstance(d, type) for d in kinds):
        kinds = [np.dtype(d) for d in kinds]
    options = (
        {"casting": casting} if signature is None else {"casting": casting, "signature": signature}
    )
    if signature is None:
        entered = NAMES.get(ufunc)
        loop = resolve(entered, operands) if entered else ufunc.resolve_dtypes((*kinds, None))
        if casting != "same_kind":  # NumPy's exception where the operands may not be cast so
            ufunc.resolve_dtypes((*kinds, None), **options)
    else:
        loop = ufunc.resolve_dtypes((*kinds, None), **options)
    if out is not None and not np.can_cast(loop[-1], out.dtype, casting):  # type: ignore[arg-type]
        ufunc.resolve_dtypes((*kinds, out.dtype), **options)  # raises NumPy's exception
    return loop


def _composed(
    ufunc: np.ufunc,
    inputs: Sequence[Any],
    out: Any,
    where: Any,
    dtype: Any,
    options: dict[str, Any],
) -> Any:
    function = functions.get(ufunc)
    if function is None:
        raise unsupported(
            f"np.{ufunc.__name__} is not available on traced arrays",
            "compute it outside of the function, or from other NumPy functions",
        )
    if dtype is not None and ufunc.signature is not None:  # the loop that computes in it
        inputs = [as_array(x) for x in inputs]
        if not all(np.can_cast(x.dtype, dtype, "same_kind") for x in inputs):
            raise unsupported(f"np.{ufunc.__name__} in the dtype {np.dtype(dtype)}", "cast before")
        inputs = [cast(x, dtype) for x in inputs]
    axes = options.pop("axes", None) if ufunc.signature is not None and out is None else None
    if axes is not None:
        inputs = [_core_last(x, places) for x, places in zip(inputs, axes, strict=False)]
    result = function(*inputs, **options)
    if axes is not None and len(axes) > len(inputs) and isinstance(result, Tracer):
        last = _axes_of(axes[-1])
        result = functions[np.moveaxis](result, range(-len(last), 0), last)
    if isinstance(result, tuple):
        outs = out if isinstance(out, tuple) else (None,) * len(result)
        pairs = zip(result, outs, strict=True)
        return tuple(_finish(r, o, where, dtype) for r, o in pairs)
    return _finish(result, as_output(out), where, dtype)


def _axes_of(places: Any) -> tuple[int, ...]:
    return (places,) if isinstance(places, int) else tuple(places)


def _core_last(x: Any, places: Any) -> Any:
    """An operand with the axes that a loop works on, which ``axes=`` names, behind the others."""
    places = _axes_of(places)
    return functions[np.moveaxis](x, places, range(-len(places), 0))


def _finish(result: Tracer, out: Tracer | None, where: Any, dtype: Any) -> Tracer:
    if dtype is not None:
        result = cast(result, dtype)
    if out is None:
        return result if where is True else select(where, result, result, result.dtype)
    return write_out(result, out, where=where)


# -- methods ------------------------------------------------------------------------------------
_REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_or: np.any, np.logical_and: np.all,
}  # fmt: skip
_ASSOCIATIVE = frozenset(
    {
        np.maximum, np.minimum, np.fmax, np.fmin, np.logical_and, np.logical_or, np.logical_xor,
        np.bitwise_and, np.bitwise_or, np.bitwise_xor,
    }
)  # fmt: skip
_LOGICAL = frozenset({np.logical_and, np.logical_or, np.logical_xor})
_MISCOUNTED = _LOGICAL | {np.multiply}
_ACCUMULATIONS: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _reduce(
    ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **options: Any
) -> Any:
    if dtype is not None and ufunc in _MISCOUNTED:
        refuse_objects(f"np.{ufunc.__name__}.reduce with dtype=", out)
    function = _REDUCTIONS.get(ufunc)
    if function is None or (ufunc in _LOGICAL and (dtype is not None or "initial" in options)):
        return _fold(ufunc, array, axis, out, dtype=dtype, **options)
    if dtype is not None and function in (np.max, np.min):
        array = Tracer(cast(as_array(array), dtype).value, "array")
    elif dtype is not None:
        options["dtype"] = dtype
    return functions[function](array, axis=axis, out=as_output(out), **options)


def _truth(ufunc: np.ufunc, x: Tracer) -> Tracer:
    """The operand of a reduction: of a logical one its truth, also where nothing is combined."""
    return Tracer(cast(x, bool).value, "array") if ufunc in _LOGICAL else x


def _fold(
    ufunc: np.ufunc,
    array: Any,
    axis: Any,
    out: Any,
    keepdims: bool = False,
    dtype: Any = None,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """A reduction without an operation of its own: one element after the other."""
    x = Tracer(as_array(array).value, "array")
    if where is not True:
        raise unsupported(
            f"np.{ufunc.__name__}.reduce with where= is not available on traced arrays",
            "write the reduction as a loop",
        )
    target = as_output(out)
    if dtype is None and target is not None and ufunc not in _LOGICAL:
        dtype = target.dtype
    # NumPy's dtype, or its exception, from an array of the same kind.
    with np.errstate(all="ignore"):
        example = ufunc.reduce(np.ones((1,) * x.ndim, x.dtype), axis=axis, dtype=dtype)
    x = cast(_truth(ufunc, x), example.dtype)
    # A number has an axis 0 and -1 to NumPy, which has refused others above.
    whole = axis is None or x.ndim == 0
    axes = tuple(range(x.ndim)) if whole else normalize_axis_tuple(axis, x.ndim)
    moved = functions[np.moveaxis](x, axes, range(len(axes)))
    rest = moved.shape[len(axes) :]
    moved = functions[np.reshape](moved, (-1, *rest)) if len(axes) != 1 else moved
    if initial is not np._NoValue and initial is not None:
        start = broadcast_to(cast(operand(initial), example.dtype), rest)
        moved = functions[np.concatenate]([start[None], moved], 0)
    n = moved.shape[0]
    filled = decide(lambda: at_least(n, 1))
    if filled is None:
        check(compare("greater", n, 0), f"zero-size array to reduction operation {ufunc.__name__}")
    if filled is False:
        if ufunc.identity is None:
            raise ValueError(
                f"zero-size array to reduction operation {ufunc.__name__} which has no identity"
            )
        result = functions[np.full](rest, ufunc.identity, example.dtype)
    else:
        result = _one_by_one(ufunc, moved, keep=False)
        if ufunc is np.hypot and (not isinstance(n, int) or n > 2):
            result = Tracer(derived_as(result, _length(moved, result)).value, "array")
        alone = decide(lambda: equal(n, 1)) if ufunc.identity is not None else False
        if alone is not False:
            # NumPy begins with the identity, which shows where it is met by one element alone.
            first = constant(ufunc.identity, x.dtype)
            met = cast(call(ufunc, (first, Tracer(moved[0].value, "array"))), x.dtype)
            result = met if alone else select(compare("equal", n, 1), met, result, x.dtype)
    if keepdims:
        result = functions[np.expand_dims](result, axes)
    result = Tracer(result.value, "array" if result.shape else "scalar")
    if target is not None and target.ndim != result.ndim:
        raise ValueError(
            f"output parameter for reduction operation {ufunc.__name__} has the wrong number of "
            f"dimensions: Found {target.ndim} but expected {result.ndim}"
        )
    return result if target is None else write_out(result, target)


def _length(x: Tracer, folded: Tracer) -> Tracer:
    """The norm along the first axis, whose derivatives have no kink where the first few are 0.

    Of the elements over the largest of them, as their squares over- or underflow; the largest is a
    constant to the derivative, as the result does not depend on it.  At infinity, ``folded``.
    """
    top = functions[np.max](pointwise("absolute", x), axis=0)
    finite = pointwise("isfinite", top)
    usable = pointwise("logical_and", pointwise("greater", top, 0), finite)
    top = stop(select(usable, top, constant(1, x.dtype), x.dtype))
    ratio = pointwise("divide", x, top)
    total = functions[np.sum](pointwise("multiply", ratio, ratio), axis=0)
    return select(finite, pointwise("multiply", top, pointwise("sqrt", total)), folded, x.dtype)


def _one_by_one(ufunc: np.ufunc, x: Tracer, keep: bool) -> Tracer:
    """``x[0] ∘ x[1] ∘ …`` along the first axis, from the left; with ``keep`` all of them on the way."""
    n, first = x.shape[0], Tracer(x[0].value, "array")

    def step(so_far: Tracer, item: Tracer) -> Tracer:
        return cast(call(ufunc, (so_far, Tracer(item.value, "array"))), x.dtype)

    if isinstance(n, int) and n <= 8:
        found = [first]
        for j in range(1, n):
            found.append(step(found[-1], x[j]))
        return functions[np.stack](found, 0) if keep else found[-1]
    builder = _builder.current_builder()
    with builder.region() as body:
        k = builder.parameter(ArrayType(np.dtype(np.int64), ()), "k")
        carry = builder.parameter(first.value.type)
        k.low, k.high = 0, n - 2
        new = step(Tracer(carry, "array"), x[Dim.symbol(k) + 1])
        body.outputs = [new.value, new.value] if keep else [new.value]
    results = emit_for(n - 1, (first.value,), body)
    if not keep:
        return Tracer(results[0], "array")
    return functions[np.concatenate]([first[None], Tracer(results[1], "array")], 0)


def _accumulate(
    ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    if not as_array(array).shape:
        raise TypeError("cannot accumulate on a scalar")
    function = _ACCUMULATIONS.get(ufunc)
    if function is not None:
        if axis is not None and not isinstance(axis, tuple):
            axis = normalize_axis_index(operator.index(axis), as_array(array).ndim)
        return functions[function](array, axis=axis, dtype=dtype, out=as_output(out))
    x = Tracer(as_array(array).value, "array")
    target = as_output(out)
    if dtype is None and target is not None and ufunc not in _LOGICAL:
        dtype = target.dtype
    with np.errstate(all="ignore"):  # NumPy's dtype, or its exception
        example = ufunc.accumulate(np.ones((1,) * x.ndim, x.dtype), axis=axis, dtype=dtype)
    k = normalize_axis_index(axis, x.ndim)
    if ufunc in _ASSOCIATIVE and isinstance(x.shape[k], int):
        result = functions["accumulate"](ufunc, cast(_truth(ufunc, x), example.dtype), k)
    else:
        moved = functions[np.moveaxis](cast(_truth(ufunc, x), example.dtype), k, 0)
        filled = decide(lambda: at_least(moved.shape[0], 1))
        if filled is None:
            check(compare("greater", moved.shape[0], 0), "accumulation along an empty axis")
        result = moved if filled is False else _one_by_one(ufunc, moved, keep=True)
        result = functions[np.moveaxis](result, 0, k)
    result = Tracer(result.value, "array")
    if target is None:
        return result
    require_axis(result.ndim, target, describe(result.shape))
    message = "provided out is the wrong size for the accumulation."
    fits = target.ndim == result.ndim and all(
        require_equal(m, n, message) for m, n in zip(target.shape, result.shape, strict=True)
    )
    if not fits:
        raise ValueError(message)
    return write_out(result, target)


def _outer(ufunc: np.ufunc, a: Any, b: Any, **options: Any) -> Any:
    # Python numbers become arrays here, whose dtypes count.
    a, b = (Tracer(cast(x, x.dtype).value, "array") for x in map(as_array, (a, b)))
    if b.shape:
        a = Tracer(reshape(a, a.shape + (1,) * b.ndim).value, "array")
    return call(ufunc, (a, b), **options)


def _at(ufunc: np.ufunc, a: Any, indices: Any, b: Any = None) -> None:
    indexing.update_at(ufunc, as_output(a), indices, b)


def _reduceat(
    ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    """Reductions over the pieces between positions; a piece that is not one is its start."""
    x, bounds = as_array(array), known(as_array(indices))
    if bounds is None:
        result = _reduce_pieces(ufunc, x, as_array(indices), axis, dtype)
        target = as_output(out)
        return result if target is None else write_out(result, target)
    lead = (slice(None),) * (axis % x.ndim)
    n = x.shape[axis]
    for place in bounds.tolist():
        message = f"index {place} out-of-bounds in {ufunc.__name__}.reduceat [0, {n})"
        inside = decide(lambda place=place: at_least(n, place + 1)) if place >= 0 else False  # type: ignore[misc]
        if inside is None:
            check(compare("greater", n, place), message)
        elif not inside:
            raise IndexError(message)
    pieces = []
    for start, end in zip(bounds, [*bounds[1:], x.shape[axis]], strict=True):
        piece = x[(*lead, slice(start, end if end > start else start + 1))]
        pieces.append(_reduce(ufunc, piece, axis=axis, dtype=dtype))
    result = functions[np.stack](pieces, axis)
    out = as_output(out)
    return result if out is None else write_out(result, out)


def _reduce_pieces(ufunc: np.ufunc, x: Any, places: Any, axis: Any, dtype: Any) -> Tracer:
    """Reductions over the pieces between positions that only a run knows: a loop over the pieces."""
    if places.ndim != 1 or not np.can_cast(places.dtype, np.int64):
        raise unsupported(f"np.{ufunc.__name__}.reduceat at such positions", "write a loop")
    k = normalize_axis_index(operator.index(axis), x.ndim)
    moved = functions[np.moveaxis](Tracer(x.value, "array"), k, 0)
    n, starts = moved.shape[0], Tracer(cast(places, np.dtype(np.int64)).value, "array")
    inside = pointwise("logical_and", pointwise("greater_equal", starts, 0), starts < n)
    check(functions[np.all](inside), f"index out-of-bounds in {ufunc.__name__}.reduceat")
    after = functions[np.concatenate](
        [starts[1:], functions[np.full](starts[:1].shape, as_tracer(n))]
    )
    ends = select(after > starts, after, pointwise("add", starts, 1), np.dtype(np.int64))
    builder = _builder.current_builder()
    with builder.region() as body:
        j = builder.parameter(ArrayType(np.dtype(np.int64), ()), "j")
        j.low, j.high = 0, starts.shape[0] - 1
        piece = moved[starts[Dim.symbol(j)] : ends[Dim.symbol(j)]]
        body.outputs = [as_array(_reduce(ufunc, piece, axis=0, dtype=dtype)).value]
    (result,) = emit_for(starts.shape[0], (), body)
    return Tracer(functions[np.moveaxis](Tracer(result, "array"), 0, k).value, "array")


_METHODS: dict[str, Callable[..., Any]] = {
    "__call__": lambda ufunc, *inputs, **kwargs: call(ufunc, inputs, **kwargs),
    "reduce": _reduce,
    "accumulate": _accumulate,
    "outer": _outer,
    "at": _at,
    "reduceat": _reduceat,
}


def _is_root(x: Any, exponent: Any) -> bool:
    """Whether ``np.power`` takes the square root of a number, unlike the operator of numbers."""
    if not isinstance(x, Tracer) or x.shape or x.dtype not in (np.float32, np.float64):
        return False
    same = type(exponent) is float or (type(exponent) is x.dtype.type and x.form != "python")
    return same and bool(exponent == 0.5)


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What ``__array_ufunc__`` asks for."""
    if complex_numbers.concerns(inputs, kwargs):
        if method != "__call__":
            return protocol.complex_method(ufunc, method, inputs, kwargs)
        return complex_numbers.apply_ufunc(ufunc, method, inputs, kwargs)
    if type(inputs[0]) is complex_numbers.Modulus and method == "__call__" and not kwargs:
        if inputs[0].is_squared(ufunc, inputs):
            return inputs[0].squared()
    if ufunc is np.power and method == "__call__" and not kwargs and _is_root(*inputs):
        return call(np.sqrt, inputs[:1])
    result = _METHODS[method](ufunc, *inputs, **kwargs)
    if method == "__call__":
        if kwargs.get("where", True) is not True and "out" not in kwargs:
            marks.note_unwritten()
        return result
    return remember(getattr(ufunc, method), inputs, kwargs, result)
