"""Elementwise functions that are compositions: rounding to decimals, parts of numbers, sinc."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from autodiff.dims import equal
from autodiff.ir.data import ArrayType, Operation, Value
from autodiff.ops import smooth
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_numbers import is_complex
from autodiff.ops.entries import ENTRIES, Entry, Kernel, Pointwise, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import require_equal
from autodiff.ops.marks import note_deprecated
from autodiff.ops.methods import no_imaginary_part
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    check_number,
    constant,
    dtype_of,
    operand,
    pointwise,
    select,
    shape_of,
    weak_kind,
)
from autodiff.ops.python_numbers import number
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import as_output, call, unsupported, write_out


def _float(x: Any) -> Tracer:
    """An operand as a floating point array, integers in float64."""
    array = as_array(x)
    if array.form == "python":
        return cast(array, np.float64)
    return array if array.dtype.kind == "f" else cast(array, np.float64)


def _plain(x: Any) -> Any:
    return operand(x) if weak_kind(x) is None else x


# -- ufuncs without an operation of their own -------------------------------------------------------
@implements(np.conjugate)
def conjugate(x: Any) -> Tracer:
    """``np.conjugate`` of a real array: a copy; of bools in int8, which NumPy has it for."""
    if weak_kind(x) is None and dtype_of(x).kind == "b":
        return cast(as_array(x), np.int8)
    return call(np.positive, (_plain(x),))


@implements(np.divmod)
def divmod_(a: Any, b: Any) -> tuple[Tracer, Tracer]:
    """``np.divmod``."""
    return call(np.floor_divide, (a, b)), call(np.remainder, (a, b))


@implements(np.modf)
def modf(x: Any) -> tuple[Tracer, Tracer]:
    """``np.modf``: fractional and whole part, both with the sign of x."""
    value = call(np.positive, (_plain(x),), dtype=pointwise("sqrt", x).dtype)
    whole = pointwise("trunc", value)
    # The fraction of an infinity is zero.
    fraction = select(
        pointwise("isinf", value), constant(0, value.dtype), pointwise("subtract", value, whole)
    )
    signed = pointwise("copysign", fraction, value)  # for the sign of a zero alone
    return Tracer(smooth.derived_as(signed, fraction).value, signed.form), whole


@implements(np.frexp)
def frexp(x: Any) -> tuple[Tracer, Tracer]:
    """``np.frexp``: mantissa in [0.5, 1) and exponent."""
    value = cast(_plain(x), pointwise("sqrt", x).dtype)
    regular = pointwise(
        "logical_and", pointwise("isfinite", value), pointwise("not_equal", value, 0)
    )
    size = select(regular, pointwise("absolute", value), constant(1, value.dtype), value.dtype)
    guess = pointwise("add", pointwise("floor", pointwise("log2", size)), 1)
    # Half the exponent at a time: 2**guess overflows at both ends of the range.
    half = pointwise("floor", pointwise("multiply", guess, 0.5))
    rest = pointwise("subtract", guess, half)
    mantissa = pointwise("multiply", size, pointwise("exp2", pointwise("negative", half)))
    mantissa = pointwise("multiply", mantissa, pointwise("exp2", pointwise("negative", rest)))
    # The logarithm is rounded: put right what came out just outside.
    low, high = pointwise("less", mantissa, 0.5), pointwise("greater_equal", mantissa, 1)
    factor = select(
        low,
        constant(2, value.dtype),
        select(high, constant(0.5, value.dtype), constant(1, value.dtype)),
    )
    shift = select(
        low,
        constant(-1, value.dtype),
        select(high, constant(1, value.dtype), constant(0, value.dtype)),
    )
    mantissa = pointwise("copysign", pointwise("multiply", mantissa, factor), value)
    exponent = cast(
        select(regular, pointwise("add", guess, shift), constant(0, value.dtype)), np.int32
    )
    return select(regular, mantissa, value, value.dtype), exponent


@implements(np.ldexp)
def ldexp(x: Any, exponent: Any) -> Tracer:
    """``np.ldexp``: x times a power of two, rounded once."""
    weak: Any = exponent if type(exponent) is int else 0
    if weak_kind(exponent) is not int:
        weak = np.zeros(1, as_array(exponent).dtype)
    elif weak is not exponent:
        check_number(exponent, np.dtype(np.int32))  # what NumPy makes of a Python int
    sample: Any = 0 if weak_kind(x) is int else np.zeros(1, as_array(x).dtype)
    dtype = np.ldexp(sample, weak).dtype  # or its exception
    result = cast(_plain(x), dtype)
    wide = np.dtype(np.float32 if dtype == np.float16 else np.float64)
    result = cast(result, wide)
    rest: Any = cast(_plain(exponent), np.float64)
    if wide != dtype:  # one step does not overflow there
        most = 100.0 if dtype == np.float16 else 500.0
        scale = cast(np.exp2(np.clip(rest, -most, most)), wide)
        return cast(pointwise("multiply", result, scale), dtype)
    for _ in range(3):
        # Downwards by less than there is room for: the last step alone may lose digits.
        step = np.where(rest < -1022.0, -969.0, np.minimum(rest, 1023.0))
        result = pointwise("multiply", result, np.exp2(step))
        rest = pointwise("subtract", rest, step)
    return result


def _of_integers(ufunc: np.ufunc) -> Callable[..., Tracer]:
    """A ufunc of two integers that the engines leave to NumPy."""
    register(
        Entry(
            ufunc.__name__,
            lambda types: (types[0],),
            lambda a, b: np.asarray(ufunc(a, b)),
            Kernel(ufunc.__name__),
            zero_derivative=True,
        )
    )

    def run(a: Any, b: Any) -> Tracer:
        operands = [operand(x) for x in (a, b)]
        kinds = [dtype_of(x) for x in operands]
        if all(isinstance(d, type) for d in kinds):
            kinds = [np.dtype(d) for d in kinds]
        dtype = ufunc.resolve_dtypes((*kinds, None))[-1]
        for v in operands:
            if weak_kind(v) is int:
                check_number(v, dtype)
        shape = broadcast_shapes(*[shape_of(x) for x in operands])
        x, y = (broadcast_to(cast(v, dtype), shape) for v in operands)
        result: Tracer = emit_tracer(ufunc.__name__, x, y)
        return Tracer(result.value, "array" if shape else "scalar")

    return run


gcd = implements(np.gcd)(_of_integers(np.gcd))
lcm = implements(np.lcm)(_of_integers(np.lcm))


# -- rounding -----------------------------------------------------------------------------------
@implements(np.round, np.around)
def round_(a: Any, decimals: Any = 0, out: Any = None) -> Tracer:
    """``np.round``: half to even, as NumPy computes it (scale, rint, scale back)."""
    x = as_array(a)
    digits = operator.index(decimals)
    np.round(np.zeros(0, x.dtype), digits)  # NumPy's exception
    if x.dtype.kind in "iu":
        result = call(np.positive, (x,)) if digits >= 0 else _round_integer(x, digits)
    elif digits == 0:
        result = pointwise("rint", x)
    else:
        up, down = ("multiply", "divide") if digits > 0 else ("divide", "multiply")
        scale = constant(_power_of_ten(abs(digits)), x.dtype if x.dtype.kind == "f" else np.float64)
        result = pointwise(down, pointwise("rint", pointwise(up, x, scale)), scale)
    target = as_output(out)
    return result if target is None else write_out(result, target, "unsafe")


def _power_of_ten(n: int) -> float:
    """As NumPy computes it: of more than 22 by one rounded product after the other."""
    power = 10.0 ** min(n, 9)
    for _ in range(min(n, 400) - 9):  # infinite by then
        power *= 10.0
    return power


def _round_integer(x: Tracer, digits: int) -> Tracer:
    unit = _power_of_ten(-digits)
    scaled = pointwise("rint", pointwise("divide", x, unit))
    return cast(pointwise("multiply", scaled, unit), x.dtype)


IS_DEPRECATED = np.lib.NumpyVersion(np.__version__) >= "2.5.0"


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Tracer:
    """``np.fix``: towards zero."""
    if IS_DEPRECATED:
        note_deprecated()
    result = pointwise("trunc", x)
    target = as_output(out)
    return result if target is None else write_out(result, target)


# -- parts ----------------------------------------------------------------------------------------
@implements(np.real)
def real(val: Any) -> Tracer:
    """``np.real`` of a real array: the array itself."""
    return as_array(val)


@implements(np.imag)
def imag(val: Any) -> Tracer:
    """``np.imag`` of a real array: zeros; of a number of Python's one of its own."""
    x = as_array(val)
    if x.form == "python":
        return number(0, int if x.dtype.kind == "b" else x.dtype)
    return no_imaginary_part(x)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Tracer:
    """``np.angle`` of a real array: 0 or pi."""
    result = pointwise("arctan2", 0, array_of(z))
    return pointwise("rad2deg", result) if deg else result


@implements(np.isreal)
def isreal(x: Any) -> Tracer:
    """``np.isreal``: true everywhere, which NumPy finds by comparing the imaginary part."""
    found = functions[np.imag](x)
    return found == 0


@implements(np.iscomplex)
def iscomplex(x: Any) -> Tracer:
    """``np.iscomplex``: false everywhere."""
    found = functions[np.zeros_like](as_array(x), dtype=bool)
    return found if found.shape else Tracer(found.value, "scalar")


implements(np.isrealobj)(lambda x: True)
implements(np.iscomplexobj)(lambda x: False)
implements(np.isscalar)(
    lambda element: element.form != "array" if isinstance(element, Tracer) else np.isscalar(element)
)


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Tracer:
    """``np.isposinf``."""
    result = pointwise("equal", _float(x), np.inf)
    return result if out is None else write_out(result, as_output(out))


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Tracer:
    """``np.isneginf``."""
    result = pointwise("equal", _float(x), -np.inf)
    return result if out is None else write_out(result, as_output(out))


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Tracer:
    """``np.nan_to_num``."""
    a = as_array(x)
    if a.dtype.kind != "f":
        kept = not copy and a.form == "array"
        return a if kept else Tracer(cast(a, a.dtype).value, "array" if a.shape else "scalar")
    limits = np.finfo(a.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    result = select(pointwise("isnan", a), cast(nan, a.dtype), a, a.dtype)
    result = select(pointwise("equal", a, np.inf), cast(high, a.dtype), result, a.dtype)
    result = select(pointwise("equal", a, -np.inf), cast(low, a.dtype), result, a.dtype)
    if not copy and a.form == "array":
        a.write(result.value)
        return a
    return result


# -- special functions of NumPy -----------------------------------------------------------------------
@implements(np.sinc)
def sinc(x: Any) -> Tracer:
    """``np.sinc``: sin(pi x) / (pi x)."""
    y = pointwise("multiply", np.pi, _float(x))
    return Tracer(smooth.sine_ratio(y).value, y.form)


@implements(np.i0)
def i0(x: Any) -> Tracer:
    """``np.i0``: the power series in (x/2)², 30 + terms, or the asymptotic one for large |x|.

    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 9.6.12 and 9.7.1.
    """
    given = as_array(x)
    signed = cast(given, np.float64)
    value = pointwise("absolute", signed)
    large = pointwise("greater", value, 30.0)
    near = select(large, constant(1, value.dtype), signed)  # not |x|, which has a kink
    far = select(large, value, constant(40, value.dtype))
    quarter = pointwise("multiply", pointwise("multiply", near, near), 0.25)
    series: Any = constant(1, np.float64)
    for k in range(90, 0, -1):
        series = pointwise(
            "add", 1.0, pointwise("multiply", pointwise("divide", quarter, float(k * k)), series)
        )
    tail: Any = constant(1, np.float64)
    for k in range(20, 0, -1):
        factor = pointwise("divide", (2 * k - 1) ** 2 / (8.0 * k), far)
        tail = pointwise("add", 1.0, pointwise("multiply", factor, tail))
    scale = pointwise("sqrt", pointwise("multiply", 2 * math.pi, far))
    asymptotic = pointwise("multiply", pointwise("divide", pointwise("exp", far), scale), tail)
    result = select(large, asymptotic, series)
    result = cast(result, given.dtype) if given.dtype.kind == "f" else result
    return Tracer(result.value, "array")


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Tracer:
    """``np.unwrap``."""
    x = as_array(p)
    steps = functions[np.diff](x, axis=axis)
    limit = period / 2 if discont is None else discont
    integers = x.dtype.kind in "iu" and as_array(period).dtype.kind in "iu"
    half = period // 2 if integers else period / 2
    wrapped = pointwise("add", pointwise("remainder", pointwise("add", steps, half), period), -half)
    ambiguous = period % 2 == 0 if integers else True
    if ambiguous is not False:
        at_edge = pointwise(
            "logical_and", pointwise("equal", wrapped, -half), pointwise("greater", steps, 0)
        )
        at_edge = pointwise("logical_and", at_edge, ambiguous)
        wrapped = select(at_edge, half, wrapped, wrapped.dtype)
    fixes = pointwise("subtract", wrapped, steps)
    small = pointwise("less", pointwise("absolute", steps), limit)
    fixes = select(small, constant(0, fixes.dtype), fixes, fixes.dtype)
    k = axis % x.ndim
    lead = (slice(None),) * k
    moved = pointwise("add", x[(*lead, slice(1, None))], functions[np.cumsum](fixes, axis=axis))
    first = cast(x[(*lead, slice(None, 1))], moved.dtype)
    return functions[np.concatenate]([first, moved], k)


# -- functions given by functions ---------------------------------------------------------------------
@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Tracer:
    """``np.piecewise``: of each element what the last function says whose condition holds.

    A function gets the elements for which its condition holds, in a row.  One that computes element by element
    runs on all of ``x``, and its results are chosen among: no number of elements is known at run time only.
    """
    a = as_array(x)
    conditions = _conditions(condlist, a)
    values = list(funclist)
    if len(values) == len(conditions) + 1:
        anything = conditions[0]
        for condition in conditions[1:]:
            anything = pointwise("logical_or", anything, condition)
        conditions.append(pointwise("logical_not", anything))
    elif len(values) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or {len(conditions) + 1} "
            "functions are expected"
        )
    result: Any = constant(0, a.dtype)
    for condition, value in zip(conditions, values, strict=True):
        if callable(value):
            f = partial(_with, value, args, kw)
            if not _is_elementwise(f, a):
                result = functions[np.copy](functions[np.broadcast_to](result, a.shape))
                chosen: Any = Tracer(a.value, "array")[condition]
                if chosen.size != 0:
                    result[condition] = f(chosen)
                continue
            value = f(a)
        result = select(condition, cast(operand(value), a.dtype), result, a.dtype)
    return Tracer(result.value, "array")


def _with(f: Callable[..., Any], args: Any, kw: Any, x: Any) -> Any:
    return f(x, *args, **kw)


def _conditions(given: Any, a: Tracer) -> list[Any]:
    """The conditions as masks of the shape of ``a``, whose first axes are theirs, as those of indices are."""
    alone = np.isscalar(given) or (isinstance(given, Tracer) and not given.shape)
    if alone or (a.ndim and not _has_axes(given[0])):
        given = [given]
    masks = [cast(as_array(condition), np.bool_) for condition in given]
    for mask in masks:
        if mask.ndim != masks[0].ndim or not all(map(equal, mask.shape, masks[0].shape)):
            raise unsupported(
                "np.piecewise with conditions of several shapes", "give them one shape"
            )
    found = []
    for mask in masks:
        if mask.ndim > a.ndim:
            raise IndexError(
                f"too many indices for array: array is {a.ndim}-dimensional, but {mask.ndim} were indexed"
            )
        for axis, (n, m) in enumerate(zip(a.shape, mask.shape, strict=False)):
            if not require_equal(n, m, "a condition of np.piecewise of the length of the array"):
                raise IndexError(
                    f"boolean index did not match indexed array along axis {axis}; size of axis is "
                    f"{n} but size of corresponding boolean axis is {m}"
                )
        longer = (*mask.shape, *[1] * (a.ndim - mask.ndim))
        found.append(functions[np.reshape](mask, longer) if mask.ndim < a.ndim else mask)
    return [functions[np.broadcast_to](mask, a.shape) for mask in found]


def _has_axes(x: Any) -> bool:
    return isinstance(x, (list, np.ndarray)) or (isinstance(x, Tracer) and x.form == "array")


def _is_elementwise(f: Callable[[Any], Any], a: Tracer) -> bool:
    """Whether a function does the same to each element, whatever the others are and however many.

    It does if of rows of other lengths, the shortest among them, it makes the same operations, all of them pointwise.
    """
    builder = current_builder()
    try:
        with builder.aside():
            whole = operand(f(a)).value
            rows = [builder.parameter(ArrayType(a.dtype, (length,))) for length in (1, 7, 64)]
            parts = [operand(f(Tracer(row, "array"))).value for row in rows]
            if not all(map(_is_pointwise, builder.block.operations)):
                return False  # it prints, or draws, or looks at them all
    except Exception:
        return False  # what it raises, it raises of the elements that it gets
    return all(
        _alike(whole, part, (a.value, row), {}) for part, row in zip(parts, rows, strict=True)
    )


def _alike(x: Value, y: Value, ends: tuple[Value, Value], known: dict[Any, bool]) -> bool:
    """Whether two values are made by the same pointwise operations, the one of an array, the other of a row."""
    if (x, y) == ends or x is y:
        return x is not ends[0] or y is ends[1]
    if (x, y) in known:
        return known[x, y]
    one, two = x.owner, y.owner
    known[x, y] = found = (
        one is not None
        and two is not None
        and one.kind == two.kind
        and _is_pointwise(one)
        and _same_attributes(one.attributes, two.attributes)
        and all(_alike(p, q, ends, known) for p, q in zip(one.operands, two.operands, strict=True))
    )
    return found


def _is_pointwise(operation: Operation) -> bool:
    kind = operation.kind
    return kind == "constant" or (kind in ENTRIES and isinstance(ENTRIES[kind].lowering, Pointwise))


def _same_attributes(one: dict[str, Any], two: dict[str, Any]) -> bool:
    if one.keys() != two.keys():
        return False
    pairs = [(np.asarray(one[k]), np.asarray(two[k])) for k in one]
    return all(
        p.dtype == q.dtype and p.shape == q.shape and p.tobytes() == q.tobytes() for p, q in pairs
    )


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.apply_along_axis``: one call a line, sizes known."""
    x: Any = np.moveaxis(arr, axis, -1)
    lead = x.shape[:-1]
    if not all(isinstance(n, int) for n in lead):
        raise unsupported("np.apply_along_axis over axes of run-time size", "write a loop")
    # What the user passes stands for code that is interpreted; a library's function is itself.
    of_line = partial(interpreted, func1d) if isinstance(func1d, FunctionType) else func1d
    results: Any = [of_line(x[index], *args, **kwargs) for index in np.ndindex(*lead)]
    results = [y if is_complex(y) else as_array(y) for y in results]
    inner = results[0].shape
    shaped = np.reshape(np.stack(results), (*lead, *inner))
    axes = tuple(range(len(lead), len(lead) + len(inner)))
    place = axis % x.ndim
    return np.moveaxis(shaped, axes, tuple(range(place, place + len(inner))))
