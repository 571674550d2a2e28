"""Promotion and broadcasting: pointwise operations with explicit casts and broadcasts.

    pointwise("add", x, 1.0)      x: float32[3]    ->  add(x, cast constant 1.0)  float32[3]

Dtypes are asked of NumPy (``ufunc.resolve_dtypes``), with Python numbers weak as in NEP 50.
Operands of shape () stay as they are; every other mismatch of shapes becomes a ``broadcast``
operation.  Shapes that do not fit raise :class:`~autodiff.errors.ShapeError` in NumPy's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.dims import Dim, Extent, equal, same, same_shape
from autodiff.errors import DtypeError, ShapeError
from autodiff.ir.data import ArrayType
from autodiff.later import later
from autodiff.ops import builder as _builder
from autodiff.ops import roots, structural
from autodiff.ops.known import check, decide, require_equal
from autodiff.ops.pointwise import loop_dtypes
from autodiff.ops.tracer import (
    SUPPORTED_KINDS,
    Form,
    StoredList,
    Tracer,
    as_tracer,
    emit_tracer,
    is_element,
)

if TYPE_CHECKING:
    from autodiff.ops import log_powers
else:
    log_powers = later("autodiff.ops.log_powers")  # most programs have no exponential

Dtype = np.dtype[Any]
Shape = tuple[Extent, ...]
_COMPARISONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}


# -- operands -----------------------------------------------------------------------------------
def weak_kind(x: Any) -> type | None:
    """``int`` or ``float`` for a Python number that is weak in promotion, else None."""
    if isinstance(x, Tracer):
        if x.form != "python" or x.dtype.kind == "b":
            return None
        return float if x.dtype.kind == "f" else int
    if isinstance(x, bool):
        return None
    if type(x) is int or isinstance(x, Dim):  # NumPy takes subclasses for arrays
        return int
    return float if type(x) is float else None


def as_array(x: Any) -> Tracer:
    """A tracer of any array-like; sequences that contain tracers are stacked."""
    if isinstance(x, (list, tuple)):
        return stack_sequence(x)
    return as_tracer(x)


def operand(x: Any) -> Any:
    """``x`` as an operand: Python numbers stay raw, sequences and arrays become tracers."""
    if isinstance(x, Tracer) or weak_kind(x) is not None:
        return x
    return as_array(x)


def shape_of(x: Any) -> Shape:
    """Shape of an operand."""
    return x.shape if isinstance(x, Tracer) else ()


def dtype_of(x: Any) -> Any:
    """Dtype of an operand as promotion sees it; ``int`` or ``float`` where it is weak."""
    return weak_kind(x) or x.dtype


def result_dtype(*xs: Any) -> Dtype:
    """The common dtype of array-likes as ``np.result_type`` gives it, Python numbers weak."""
    examples: list[Any] = []
    for x in xs:
        if isinstance(x, (np.dtype, type)) and not isinstance(x, Tracer):
            examples.append(np.dtype(x))
            continue
        kind = weak_kind(x)
        examples.append(operand(x).dtype if kind is None else kind(0))
    return np.result_type(*examples)


def supported(dtype: Any) -> np.dtype[Any]:
    """A dtype that the elements of a program may have.

    Raises
    ------
    DtypeError
        When it is none of the machine's own real numbers: bytes in the other order, whose results
        would show another dtype than NumPy's.
    """
    if isinstance(dtype, Tracer):  # which has a dtype, and is none
        raise TypeError("Cannot interpret a number or an array as a data type")
    found = np.dtype(dtype)
    if not is_element(found):
        name = found.str if found.kind in SUPPORTED_KINDS else found
        raise DtypeError(f"elements of dtype {name} are not supported", remedy="use float64")
    return found


def constant(value: Any, dtype: Any) -> Tracer:
    """A constant scalar (form ``scalar``) or array of a given dtype."""
    result = Tracer.constant(np.asarray(value, dtype))
    return result


def cast(x: Any, dtype: Any) -> Tracer:
    """``x`` with elements converted to ``dtype``, as an array or NumPy scalar."""
    dtype = supported(dtype)
    if not isinstance(x, Tracer):
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in SUPPORTED_KINDS:
            if not x.dtype.isnative:  # NumPy converts what it made
                return constant(x.astype(dtype), dtype)
        if weak_kind(x) is None or isinstance(x, Dim):
            x = as_array(x)
        elif isinstance(x, float) and dtype.kind in "iu":
            return constant(np.float64(x).astype(dtype), dtype)
        else:
            return constant(x, dtype)
    if x.dtype == dtype:
        return Tracer(x.value, "array" if x.shape else "scalar")
    return Tracer(emit_tracer("cast", x, dtype=dtype).value, "array" if x.shape else "scalar")


def doubles(x: Any) -> Any:
    """``x`` as an array of float64."""
    return Tracer(cast(as_array(x), np.float64).value, "array")


def cast_safely(x: Any, dtype: Any) -> Tracer:
    """``x`` as NumPy's C takes it in a dtype, which is an error where that may lose something."""
    array = as_array(x)
    if not np.can_cast(array.dtype, dtype, "safe"):
        raise TypeError(
            f"Cannot cast array data from {array.dtype!r} to {np.dtype(dtype)!r} "
            "according to the rule 'safe'"
        )
    return cast(array, dtype)


# -- shapes -------------------------------------------------------------------------------------
def describe(shape: Sequence[Any]) -> str:
    """A shape as NumPy's messages write it: ``(2,3)``, ``(3,)``."""
    return f"({','.join(str(n) for n in shape)}{',' if len(shape) == 1 else ''})"


def shape_error(message: str) -> ShapeError:
    """A shape error at the user's line."""
    return ShapeError(message, source=_builder.current_builder().source)


def _mismatch(shapes: Sequence[Shape]) -> ShapeError:
    listed = " ".join(describe(s) for s in shapes)
    return shape_error(f"operands could not be broadcast together with shapes {listed} ")


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape operands broadcast to."""
    first = shapes[0] if shapes else ()
    if all(s == () or s is first or same_shape(s, first) for s in shapes):
        return first
    result: Shape = ()
    for shape in shapes:
        if same_shape(shape, result):
            continue
        if len(shape) < len(result):
            shape = (1,) * (len(result) - len(shape)) + shape
        elif len(shape) > len(result):
            result = (1,) * (len(shape) - len(result)) + result
        merged = [_merge(m, n) for m, n in zip(result, shape, strict=True)]
        if any(n is None for n in merged):
            raise _mismatch(shapes)
        result = tuple([n for n in merged if n is not None])
    return result


def _is_one(n: Extent) -> bool:
    return n == 1 if isinstance(n, int) else decide(lambda: equal(n, 1)) is True


def _merge(a: Extent, b: Extent) -> Extent | None:
    if same(a, b):
        return a
    if isinstance(a, int) and a == 1:
        return b
    if isinstance(b, int) and b == 1:
        return a
    if isinstance(a, int) and isinstance(b, int):
        return None
    answer = decide(lambda: equal(a, b))
    if answer is not False:
        # Open until run time: sizes that differ fail there (a size of 1 is not stretched).
        if answer is None:
            require_equal(a, b, "operands could not be broadcast together")
        return a if isinstance(a, int) else b
    return b if _is_one(a) else (a if _is_one(b) else None)


def broadcast_to(x: Tracer, shape: Shape) -> Tracer:
    """``x`` stretched to ``shape`` by a broadcast operation; the shapes are known to fit."""
    old = x.shape
    if len(old) == len(shape) and same_shape(old, shape):
        return x
    offset = len(shape) - len(old)
    # An extent that only a guard knows to be 1 is written as the integer 1.
    plain = tuple(
        1 if not isinstance(n, int) and not same(n, shape[k + offset]) and _is_one(n) else n
        for k, n in enumerate(old)
    )
    x = structural.reshape(x, plain) if not same_shape(plain, old) else x
    return structural.broadcast(x, shape, tuple(range(offset, len(shape))))


# -- pointwise operations -----------------------------------------------------------------------
def fit(x: Any, dtype: Any, shape: Shape) -> Tracer:
    """An operand as a pointwise operation wants it: cast, and broadcast unless its shape is ()."""
    x = cast(x, dtype)
    return x if not x.shape else broadcast_to(x, shape)


def resolve(name: str, operands: Sequence[Any]) -> tuple[Dtype, ...]:
    """The dtypes of the loop NumPy would run, operands first, result last."""
    dtypes = loop_dtypes(name, tuple([dtype_of(x) for x in operands]))
    if name in _COMPARISONS:
        for x, d in zip(operands, dtypes, strict=False):
            # NumPy compares a small integer array with any Python integer exactly.
            if _is_traced_int(x) and d.kind in "iu" and d.itemsize < 8:
                return (np.dtype(np.int64), np.dtype(np.int64), dtypes[-1])
            if isinstance(x, int) and d.kind in "iu" and not _holds(d, x):
                wide = (
                    np.dtype(np.float64)
                    if not _holds(np.dtype(np.int64), x)
                    else np.dtype(np.int64)
                )
                return (wide, wide, dtypes[-1])
    return dtypes


def _is_traced_int(x: Any) -> bool:
    return isinstance(x, Tracer) and x.form == "python" and x.dtype.kind == "i"


def _holds(dtype: Dtype, x: int) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= x <= limits.max)


def check_number(value: Any, dtype: np.dtype[Any]) -> None:
    """NumPy makes an int of a number, which raises where an array of integers cannot hold it."""
    if type(value) in (int, float):
        if dtype.kind in "iub":
            np.array(value, dtype)  # NumPy's exception
        return
    if dtype.kind not in "iu" or not isinstance(value, Tracer) or value.form == "array":
        return
    if value.dtype.kind == "b" or np.can_cast(value.dtype, dtype, "safe"):
        return
    limits = np.iinfo(dtype)
    least, most = value.value.low, value.value.high
    if type(least) is int and type(most) is int and limits.min <= least <= most <= limits.max:
        return
    if value.dtype.kind == "f":  # truncated; comparisons with NaN are false
        low, high = float(limits.min) - 1.0, float(limits.max) + 1.0
        x = cast(value, np.float64)
        inside = [pointwise("greater", x, low), pointwise("less", x, high)]
    else:
        widest = np.iinfo(value.dtype)
        inside = []
        if widest.min < limits.min:
            inside.append(pointwise("greater_equal", value, int(limits.min)))
        if widest.max > limits.max:
            inside.append(pointwise("less_equal", value, int(limits.max)))
    for within in inside:
        check(within, f"a number out of bounds for {dtype}")


def _like(x: Any, other: Tracer) -> Tracer:
    return broadcast_to(cast(as_array(x), other.dtype), other.shape)


def pointwise(
    name: str,
    *args: Any,
    dtypes: tuple[Dtype, ...] | None = None,
    form: Form | None = None,
    of_scalars: bool = False,
) -> Tracer:
    """The pointwise operation ``name`` with NumPy's promotion and broadcasting.

    Parameters
    ----------
    name : str
        Name of a pointwise entry that is a ufunc.
    *args : array_like or Tracer
        Operands.
    dtypes : tuple of dtype, optional
        The loop to use instead of the one NumPy would choose.
    form : {"array", "scalar", "python"}, optional
        What a result without axes is; by default a NumPy scalar.
    of_scalars : bool, optional
        Whether an overflow of integers is told, as it is by operators of NumPy's scalars.
    """
    operands = [operand(x) for x in args]
    if name in _REFLECTED and dtypes is None:
        decided = _compare_beyond(name, operands, form)
        if decided is not None:
            return decided
    loop = resolve(name, operands) if dtypes is None else dtypes
    if any(d.kind not in "fiub" for d in loop):
        raise DtypeError(f"{name}: dtype {loop[-1]} is not supported", remedy="use float64")
    for x, d in zip(operands, loop, strict=False):
        if _is_traced_int(x):
            check_number(x, d)
    if name in _REFLECTED and loop[0] != loop[1]:
        return _compare_with_unsigned(name, operands, loop, form)
    shape = broadcast_shapes(*[shape_of(x) for x in operands])
    values = [fit(x, d, shape).value for x, d in zip(operands, loop, strict=False)]
    type = ArrayType(loop[-1], shape, form == "python")
    if name == "power" and roots.is_square_root(operands, values):
        name, values = "sqrt", values[:1]
    attributes = {"of_scalars": True} if of_scalars and loop[-1].kind in "iu" else {}
    (result,) = _builder.current_builder().emit(name, tuple(values), attributes, (type,))
    if name in roots.POWERS:
        result = roots.power_of_root(name, tuple(values), result)
    elif name == "exp":
        result = log_powers.exponential_of_sum(values[0], result, _like)
    return Tracer(result, "array" if shape else (form or "scalar"))


# Comparisons, with the one that has the operands the other way round.
_REFLECTED = {
    "equal": "equal", "not_equal": "not_equal", "less": "greater", "less_equal": "greater_equal",
    "greater": "less", "greater_equal": "less_equal",
}  # fmt: skip


def _compare_beyond(name: str, operands: Any, form: Form | None) -> Tracer | None:
    """A comparison of integers with a Python number that their dtype does not hold, if it is one."""
    a, b = operands
    number, x = (a, b) if type(a) is int else (b, a)
    if type(number) is not int or not isinstance(x, Tracer) or weak_kind(x) is not None:
        return None
    if x.dtype.kind == "b" and not -(2**63) <= number < 2**63:
        raise OverflowError("Python int too large to convert to C long")
    if x.dtype.kind not in "iu" or np.iinfo(x.dtype).min <= number <= np.iinfo(x.dtype).max:
        return None
    name = _REFLECTED[name] if number is a else name
    is_true = name == "not_equal" or name.startswith("less" if number > 0 else "greater")
    answer = broadcast_to(constant(is_true, np.bool_), x.shape)
    return Tracer(answer.value, "array" if x.shape else (form or "scalar"))


def _compare_with_unsigned(
    name: str, operands: Any, loop: tuple[Dtype, ...], form: Form | None
) -> Tracer:
    """A comparison of int64 with uint64: NumPy compares the numbers, of which no dtype holds all."""
    signed, unsigned = (cast(operands[k], loop[k]) for k in (0, 1))
    if loop[0].kind == "u":
        name, signed, unsigned = _REFLECTED[name], unsigned, signed
    same_sign = pointwise(name, cast(signed, unsigned.dtype), unsigned, form=form)
    negative = pointwise("less", signed, 0, form=form)
    if name in ("not_equal", "less", "less_equal"):
        return pointwise("logical_or", negative, same_sign, form=form)
    return pointwise("logical_and", pointwise("logical_not", negative), same_sign, form=form)


def select(condition: Any, a: Any, b: Any, dtype: Any = None) -> Tracer:
    """``np.where(condition, a, b)``."""
    dtype = np.dtype(dtype) if dtype is not None else result_dtype(a, b)
    c, a, b = as_array(condition), operand(a), operand(b)
    shape = broadcast_shapes(c.shape, shape_of(a), shape_of(b))
    result = emit_tracer("select", fit(c, bool, shape), fit(a, dtype, shape), fit(b, dtype, shape))
    return Tracer(result.value, "array" if shape else "scalar")


def mask_of(where: Any) -> Any:
    """What is given for ``where=``: an array must be one of bools; numbers and lists count as truth.

    Raises
    ------
    TypeError
        NumPy's, for an array of another dtype.
    """
    is_array = where.form == "array" if isinstance(where, Tracer) else isinstance(where, np.ndarray)
    if is_array and where.dtype != np.bool_:
        np.add(0.0, 0.0, out=np.zeros(1), where=np.zeros(1, where.dtype))
    return where


# -- sequences ----------------------------------------------------------------------------------
def contains_tracer(x: Any) -> bool:
    """Whether a nested list or tuple has a tracer (or a symbolic extent) somewhere inside."""
    if isinstance(x, (list, tuple)):
        stored = isinstance(x, StoredList) and x.is_stored()
        return stored or any(contains_tracer(item) for item in x)
    return isinstance(x, (Tracer, Dim))


def stack_sequence(x: Any, dtype: Any = None) -> Tracer:
    """``np.array`` of a nested sequence that may contain tracers."""
    whole = x.as_array() if isinstance(x, StoredList) else None
    if whole is not None:
        return whole if dtype is None else cast(whole, dtype)
    if not contains_tracer(x):
        # At once of the dtype: on the way, 2**64 - 1 beside 2 would be rounded to a float64.
        return as_tracer(np.array(x, dtype))
    items = [stack_sequence(v, dtype) if isinstance(v, (list, tuple)) else operand(v) for v in x]
    shape = shape_of(items[0])
    for k, item in enumerate(items):
        if len(shape_of(item)) != len(shape) or not all(
            require_equal(m, n, "inhomogeneous shape")
            for m, n in zip(shape, shape_of(item), strict=True)
        ):
            raise shape_error(
                "setting an array element with a sequence. The requested array has an "
                f"inhomogeneous shape after 1 dimensions: item 0 has shape {describe(shape)}, "
                f"item {k} has shape {describe(shape_of(item))}"
            )
    if dtype is None:
        dtype = np.result_type(*[_default(item) for item in items])
    rows = [structural.reshape(cast(item, dtype), (1, *shape)) for item in items]
    result = rows[0] if len(rows) == 1 else emit_tracer("concatenate", *rows, axis=0)
    return Tracer(result.value, "array")


def _default(x: Any) -> Dtype:
    # In np.array a Python number counts as float64 or int64, and one from 2**63 on as uint64.
    kind = weak_kind(x)
    if kind is None:
        return x.dtype
    return np.array(x).dtype if type(x) is int else np.dtype(kind)
