"""Python's builtins and the ``math`` module on traced values.

    math.exp(x)     of a traced Python float: exp, and a check that fails where Python would raise
    min(a, b)       select(b < a, b, a)
    int(x)          truncation, still traced

Results are Python numbers; a failed check makes the caller run the function as plain Python,
which raises Python's own exception.
"""

from __future__ import annotations

import bisect
import math
import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.containers import is_plain_tuple, tuple_of
from autodiff.dims import Dim, Extent, at_least
from autodiff.ir.data import ArrayType, Value
from autodiff.ops import python_numbers, smooth, structural
from autodiff.ops.builder import current_builder, emit
from autodiff.ops.control import emit_for
from autodiff.ops.either import Either, choose
from autodiff.ops.function_table import builtin_functions, functions, implements_builtin
from autodiff.ops.known import check, compare, decide, extent_of, require, require_types, type_name
from autodiff.ops.promotion import as_array, cast, operand, pointwise, result_dtype, select
from autodiff.ops.protocol import protocol
from autodiff.ops.python_numbers import BOOL, FLOAT, INT, is_number, kind_of, number
from autodiff.ops.tracer import StoredList, Tracer, as_tracer, emit_tracer, unsized, whole_of
from autodiff.ops.ufuncs import unsupported
from autodiff.signals import run_users

# -- math -------------------------------------------------------------------------------------------
# Functions of floats by the operation that computes them, and whether they can raise.
_MATH: dict[str, tuple[str, bool]] = {
    "sin": ("sin", True), "cos": ("cos", True), "tan": ("tan", True),
    "asin": ("arcsin", True), "acos": ("arccos", True), "atan": ("arctan", False),
    "atan2": ("arctan2", False), "sinh": ("sinh", True), "cosh": ("cosh", True),
    "tanh": ("tanh", False), "asinh": ("arcsinh", False), "acosh": ("arccosh", True),
    "atanh": ("arctanh", True), "exp": ("exp", True), "exp2": ("exp2", True),
    "expm1": ("expm1", True), "log2": ("log2", True), "log10": ("log10", True),
    "log1p": ("log1p", True), "sqrt": ("sqrt", True), "cbrt": ("cbrt", False),
    "pow": ("power", True), "fmod": ("fmod", True), "copysign": ("copysign", False),
    "fabs": ("absolute", False), "nextafter": ("nextafter", False), "degrees": ("rad2deg", False),
    "radians": ("deg2rad", False), "erf": ("erf", False), "erfc": ("erfc", False),
    "gamma": ("tgamma", True), "lgamma": ("lgamma", True),
}  # fmt: skip


# What those raise that raise nothing else: of a result that is not finite.
_RAISES = {
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), OverflowError),
    **dict.fromkeys(
        ("sin", "cos", "tan", "arcsin", "arccos", "arccosh", "arctanh", "log", "log2", "log10",
         "log1p", "sqrt", "fmod"),
        ValueError,
    ),
}  # fmt: skip
_SPECIAL = {"erf", "erfc", "lgamma", "tgamma"}  # not ufuncs of NumPy


def _scalar(x: Any) -> Any:
    """An argument of a ``math`` function as a traced float."""
    if isinstance(x, Tracer) and x.shape:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    if not isinstance(x, (Tracer, Dim, int, float, np.generic, np.ndarray)):
        raise TypeError(f"must be real number, not {type(x).__name__}")
    return number(operand(x) if not is_number(x) else x, float)


def _python(name: str, *operands: Any, result: Any = FLOAT) -> Tracer:
    if name in _SPECIAL:
        return number(emit_tracer(name, *operands), float)
    dtypes = (*(x.dtype for x in operands), result)
    return pointwise(name, *operands, dtypes=dtypes, form="python")


def _check_math(
    y: Tracer, operands: tuple[Tracer, ...], error: type[Exception] | None = None
) -> Tracer:
    """CPython's rule: NaN from no NaN, or infinity from finite operands, raises."""
    fine = pointwise("isfinite", y)
    for x in operands:
        fine = pointwise("logical_or", fine, pointwise("isnan", x))
    infinite = pointwise("isinf", operands[0])
    for x in operands[1:]:
        infinite = pointwise("logical_or", infinite, pointwise("isinf", x))
    fine = pointwise("logical_or", fine, pointwise("logical_and", pointwise("isinf", y), infinite))
    check(fine, "math domain error or overflow", error)
    return y


def _math(operation: str, can_raise: bool) -> Callable[..., Tracer]:
    def function(*args: Any) -> Tracer:
        operands = tuple(_scalar(x) for x in args)
        y = _python(operation, *operands)
        return _check_math(y, operands, _RAISES.get(operation)) if can_raise else y

    return function


for _name, (_operation, _can_raise) in _MATH.items():
    if hasattr(math, _name):
        implements_builtin(getattr(math, _name))(_math(_operation, _can_raise))


@implements_builtin(math.log)
def log(x: Any, *base: Any) -> Tracer:
    """``math.log`` with an optional base."""
    value = _scalar(x)
    y = _check_math(_python("log", value), (value,), ValueError)
    if not base:
        return y
    bottom = log(base[0])
    return python_numbers.binary(np.divide, y, bottom)


@implements_builtin(math.hypot)
def hypot(*coordinates: Any) -> Tracer:
    """``math.hypot`` of any number of coordinates."""
    values = [_scalar(x) for x in coordinates]
    if not values:
        return number(0.0, float)
    y = python_numbers.unary(np.absolute, values[0])
    for v in values[1:]:
        y = _python("hypot", y, v)
    return y


@implements_builtin(math.dist)
def dist(p: Any, q: Any) -> Tracer:
    """``math.dist``."""
    return hypot(
        *[
            python_numbers.binary(np.subtract, _scalar(a), _scalar(b))
            for a, b in zip(p, q, strict=True)
        ]
    )


@implements_builtin(math.fsum)
def fsum(values: Any) -> Tracer:
    """``math.fsum``, to about twice the digits of a float."""
    whole = whole_of(values)
    if whole is None or whole.ndim != 1:
        items = [_scalar(v) for v in values]
        if not items:
            return number(0.0, float)
        whole = functions[np.array](items, dtype=np.float64)
    return number(exact_sum(whole), float)


def exact_sum(x: Tracer) -> Tracer:
    """The sum of a vector, with what each addition has lost added at the end.

    What ``s = a + b`` loses is ``(a - (s - (s - a))) + (b - (s - a))`` exactly (Knuth, The Art of Computer
    Programming 2, section 4.2.2, theorem B).  The derivative is that of the sum.
    """
    x = cast(Tracer(x.value, "array"), np.dtype(np.float64))
    none = functions[np.zeros](1)
    sums = functions[np.cumsum](functions[np.concatenate]([none, x]))
    before, after = sums[:-1], sums[1:]
    moved = after - before
    lost = functions[np.sum]((before - (after - moved)) + (x - moved))
    lost = functions[np.where](pointwise("isfinite", lost), lost, 0.0)  # of infinities it is NaN
    total = Tracer((sums[-1] + lost).value, "array")
    return smooth.derived_as(total, functions[np.sum](x))


@implements_builtin(math.isnan)
def isnan(x: Any) -> Tracer:
    """``math.isnan``."""
    return _python("isnan", _scalar(x), result=BOOL)


@implements_builtin(math.isinf)
def isinf(x: Any) -> Tracer:
    """``math.isinf``."""
    return _python("isinf", _scalar(x), result=BOOL)


@implements_builtin(math.isfinite)
def isfinite(x: Any) -> Tracer:
    """``math.isfinite``."""
    return _python("isfinite", _scalar(x), result=BOOL)


@implements_builtin(math.isclose)
def isclose(a: Any, b: Any, *, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> Tracer:
    """``math.isclose``."""
    x, y = _scalar(a), _scalar(b)
    size = _python("maximum", _python("absolute", x), _python("absolute", y))
    bound = _python(
        "maximum", _python("multiply", number(rel_tol, float), size), number(abs_tol, float)
    )
    near = _python("less_equal", _python("absolute", _python("subtract", x, y)), bound, result=BOOL)
    finite = _python("logical_and", isfinite(x), isfinite(y), result=BOOL)
    near = _python("logical_and", near, finite, result=BOOL)
    return _python("logical_or", near, _python("equal", x, y, result=BOOL), result=BOOL)


@implements_builtin(math.ldexp)
def ldexp(x: Any, i: Any) -> Tracer:
    """``math.ldexp``."""
    require_types(math.ldexp, x, i)
    value, most = _scalar(x), 5000  # beyond which the result is zero or infinite
    steps: Any = functions[np.clip](i, -most, most) if isinstance(i, Tracer) else _clipped(i, most)
    scaled = functions[np.ldexp](Tracer(value.value, "scalar"), steps)
    return _check_math(number(scaled, float), (value,))


def _clipped(i: int, most: int) -> int:
    return max(-most, min(most, i))


@implements_builtin(math.modf)
def modf(x: Any) -> tuple[Tracer, Tracer]:
    """``math.modf``."""
    fraction, whole = functions[np.modf](Tracer(_scalar(x).value, "scalar"))
    return number(fraction, float), number(whole, float)


@implements_builtin(math.frexp)
def frexp(x: Any) -> tuple[Tracer, Tracer]:
    """``math.frexp``."""
    mantissa, exponent = functions[np.frexp](Tracer(_scalar(x).value, "scalar"))
    return number(mantissa, float), number(exponent, int)


@implements_builtin(math.remainder)
def remainder(x: Any, y: Any) -> Tracer:
    """``math.remainder``: the difference from the closest multiple, ties to an even one."""
    a, b = _scalar(x), _scalar(y)
    size, step = _python("absolute", a), _python("absolute", b)
    low = _python("fmod", size, step)
    high = _python("subtract", step, low)
    # In a tie the multiple is even if half of what the multiple is made of is one of the step.
    half = _python("multiply", _python("subtract", size, low), number(0.5, float))
    tie = _python(
        "subtract", low, _python("multiply", _python("fmod", half, step), number(2.0, float))
    )
    result = select(
        pointwise("less", low, high),
        low,
        select(pointwise("greater", low, high), _python("negative", high), tie),
    )
    sign = _python("copysign", number(1.0, float), a)
    itself = pointwise("logical_and", pointwise("isinf", b), pointwise("isfinite", a))
    signed = select(itself, a, _python("multiply", sign, number(result, float)))
    return _check_math(number(signed, float), (a, b))


# -- integers from floats ---------------------------------------------------------------------------
def _to_integer(x: Any, rounding: str) -> Tracer:
    if kind_of(x) in "bi":
        return number(x, int)
    value = _scalar(x)
    whole = _python(rounding, value)
    inside = pointwise("less", pointwise("absolute", whole), 2.0**63)
    check(inside, "the float does not fit into a 64-bit integer")  # also false for NaN
    return number(whole, int)


@implements_builtin(int)
def int_(x: Any = 0, *base: Any) -> Tracer:
    """``int(x)``: towards zero."""
    return _to_integer(_item(x), "trunc")


@implements_builtin(math.trunc)
def trunc(x: Any) -> Tracer:
    """``math.trunc``: what has no such method of its own is refused."""
    require_types(math.trunc, x)
    return int_(x)


@implements_builtin(math.floor)
def floor(x: Any) -> Tracer:
    """``math.floor``: an int."""
    return _to_integer(_item(x), "floor")


@implements_builtin(math.ceil)
def ceil(x: Any) -> Tracer:
    """``math.ceil``: an int."""
    return _to_integer(_item(x), "ceil")


def _item(x: Any, convert: Callable[[Any], Any] = float) -> Any:
    if isinstance(x, Tracer) and x.shape:
        # NumPy refuses what it refuses, with its own words: newer versions also arrays of one.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            convert(np.zeros([n if isinstance(n, int) and n < 2 else 2 for n in x.shape]))
        return functions[np.reshape](x, ())[()]
    return x


@implements_builtin(float)
def float_(x: Any = 0.0) -> Tracer:
    """``float(x)``."""
    return number(_item(x), float)


@implements_builtin(bool)
def bool_(x: Any = False) -> Any:
    """``bool(x)``."""
    x = x.wide if isinstance(x, Either) else _item(x, bool)
    if isinstance(x, Tracer) and x.dtype == BOOL:
        return Tracer(x.value, "python")
    return _python("not_equal", as_tracer(x), _zero_like(x), result=BOOL)


def _zero_like(x: Any) -> Tracer:
    dtype = x.dtype if isinstance(x, Tracer) else INT
    return cast(0, dtype)


@implements_builtin(round)
def round_(x: Any, ndigits: Any = None) -> Any:
    """``round``: half to even; an int without ``ndigits``."""
    if isinstance(x, Tracer) and x.form == "array":
        raise TypeError("type numpy.ndarray doesn't define __round__ method")
    if isinstance(x, Tracer) and x.form == "scalar" and x.dtype == BOOL:
        raise TypeError(f"type {type_name(x)} doesn't define __round__ method")
    if isinstance(x, Tracer) and x.form != "python":
        if ndigits is None and x.form == "scalar":
            return _to_integer(x, "rint")
        return functions[np.round](x, 0 if ndigits is None else ndigits)
    if ndigits is None:
        return _to_integer(x, "rint")
    if kind_of(x) in "bi":
        return _round_integer(x, int(ndigits))
    return _round_float(_scalar(x), int(ndigits))


def _round_float(x: Tracer, digits: int) -> Tracer:
    """``round(x, digits)``, right also where scaling rounds to a tie that x itself is not.

    The error of the scaling, exact by Dekker's product (1971), says on which side of the tie x is.
    """
    scale = 10.0 ** min(abs(digits), 22)
    up, down = ("multiply", "divide") if digits >= 0 else ("divide", "multiply")
    scaled = pointwise(up, x, scale)
    whole = pointwise("rint", scaled)
    low = pointwise("floor", scaled)
    is_tie = pointwise("equal", pointwise("subtract", scaled, low), 0.5)
    error = _product_error(x, scale, scaled) if digits >= 0 else _quotient_error(x, scale, scaled)
    up_or_down = select(pointwise("greater", error, 0.0), pointwise("add", low, 1.0), low)
    decided = pointwise("logical_and", is_tie, pointwise("not_equal", error, 0.0))
    whole = select(decided, up_or_down, whole)
    # Beyond 2**52 every float is a multiple of the unit already (and splitting could overflow).
    large = pointwise("logical_not", pointwise("less", pointwise("absolute", scaled), 2.0**52))
    keep = large if digits >= 0 else pointwise("logical_not", pointwise("isfinite", x))
    rounded = select(keep, x, pointwise(down, whole, scale))
    return number(Tracer(rounded.value, "scalar"), float)


def _halves(x: Any) -> tuple[Tracer, Tracer]:
    """Veltkamp's split of a float into two of 26 bits."""
    c = pointwise("multiply", x, 134217729.0)
    high = pointwise("subtract", c, pointwise("subtract", c, x))
    return high, pointwise("subtract", x, high)


def _product_error(a: Any, b: Any, product: Any) -> Tracer:
    """``a * b - product``, exactly."""
    (a1, a2), (b1, b2) = _halves(a), _halves(b)

    def times(x: Any, y: Any) -> Tracer:
        return pointwise("multiply", x, y)

    rest = pointwise("subtract", times(a1, b1), product)
    rest = pointwise("add", pointwise("add", rest, times(a1, b2)), times(a2, b1))
    return pointwise("add", rest, times(a2, b2))


def _quotient_error(a: Any, b: Any, quotient: Any) -> Tracer:
    """The sign of ``a / b - quotient``."""
    back = pointwise("multiply", quotient, b)
    return pointwise("subtract", pointwise("subtract", a, back), _product_error(quotient, b, back))


def _round_integer(x: Any, digits: int) -> Tracer:
    if digits >= 0:
        return number(x, int)
    unit = 10**-digits
    value = number(x, int)
    half = _python("rint", _python("divide", number(value, float), number(float(unit), float)))
    return python_numbers.binary(np.multiply, number(half, int), unit)


# -- arithmetic -------------------------------------------------------------------------------------
@implements_builtin(abs)
def abs_(x: Any) -> Any:
    """``abs``."""
    return abs(as_tracer(x) if isinstance(x, Dim) else x)


@implements_builtin(divmod)
def divmod_(a: Any, b: Any) -> tuple[Any, Any]:
    """``divmod``."""
    quotient = protocol.binary_operator(np.floor_divide, a, b)
    if quotient is NotImplemented:
        raise _no_divmod(a, b)
    return quotient, protocol.binary_operator(np.remainder, a, b)


def _no_divmod(a: Any, b: Any) -> TypeError:
    """What is raised for operands that ``divmod`` does not take."""
    sides = (a, b)
    if any(isinstance(x, (str, bytes)) or getattr(x, "form", "") == "array" for x in sides):
        if any(isinstance(x, Tracer) and x.form != "python" for x in sides):
            return TypeError(
                "ufunc 'divmod' not supported for the input types, and the inputs could not be "
                "safely coerced to any supported types according to the casting rule ''safe''"
            )
    # NumPy's numbers are named as the Python numbers that they are turned into.
    names = [type_name(Tracer(x.value, "python") if isinstance(x, Tracer) else x) for x in sides]
    return TypeError(f"unsupported operand type(s) for divmod(): '{names[0]}' and '{names[1]}'")


@implements_builtin(pow)
def pow_(base: Any, exp: Any, mod: Any = None) -> Any:
    """``pow`` with two or three arguments."""
    if mod is not None:
        require_types(pow, base, exp, mod)
    result = protocol.binary_operator(np.power, base, exp)
    return result if mod is None else protocol.binary_operator(np.remainder, result, mod)


@implements_builtin(len)
def len_(x: Any) -> Any:
    """``len`` of a traced array: an int, or the extent as a traced int."""
    if isinstance(x, Tracer):
        if not x.shape:
            raise TypeError(unsized(x))
        n = x.shape[0]
        return as_tracer(n) if isinstance(n, Dim) else n
    return len(x)


@implements_builtin(sum)
def sum_(iterable: Any, start: Any = 0) -> Any:
    """``sum``: of a traced array one reduction, of anything else one addition an item."""
    if isinstance(iterable, Tracer):
        x = iterable
        if not x.shape:
            raise TypeError(f"'{x.dtype}' object is not iterable")
        dtype = x.dtype if x.dtype.kind != "b" else np.dtype(np.int64)
        total = functions[np.sum](x, axis=0, dtype=dtype)
        return (
            total
            if isinstance(start, int) and start == 0
            else protocol.binary_operator(np.add, start, total)
        )
    total = start
    for item in iterable:
        total = total + item
    return total


@implements_builtin(any)
def any_(iterable: Any) -> Any:
    """``any``: a Python bool."""
    return _truth(iterable, np.any)


@implements_builtin(all)
def all_(iterable: Any) -> Any:
    """``all``: a Python bool."""
    return _truth(iterable, np.all)


def _truth(iterable: Any, function: Any) -> Tracer:
    if isinstance(iterable, Tracer):
        return Tracer(functions[function](iterable).value, "python")
    result: Any = None
    name = "logical_or" if function is np.any else "logical_and"
    for item in iterable:
        truth = bool_(item)
        result = truth if result is None else _python(name, result, truth, result=BOOL)
    return as_tracer(function is np.all) if result is None else result


# -- extrema ----------------------------------------------------------------------------------------
def _extreme(ufunc: np.ufunc, reduction: Any) -> Callable[..., Any]:
    def function(*args: Any, key: Any = None, **options: Any) -> Any:
        if len(args) == 1:
            if isinstance(args[0], Tracer) and args[0].ndim == 1 and key is None and not options:
                _require_items(args[0].shape[0], ufunc)
                return _extreme_of_vector(args[0], reduction)
            whole = whole_of(args[0])
            if whole is not None and whole.ndim == 1 and key is None and not options:
                typed = args[0].typed()
                if typed is not None:
                    template, *columns = typed
                    return template.of(*_extreme_of_rows(ufunc, columns))
                if args[0].is_of_one_type:
                    (extreme,) = _extreme_of_rows(ufunc, [whole])
                    return _of_form(extreme, args[0].item_form)
            items = list(args[0])
            if not items and "default" in options:
                return options["default"]
            if not items:
                raise _of_nothing(ufunc)
        else:
            items = list(args)
        best, best_key = items[0], items[0] if key is None else key(items[0])
        for item in items[1:]:
            item_key = item if key is None else key(item)
            better = goes_before(ufunc, item_key, best_key)
            if isinstance(better, Tracer) and better.shape:
                better = bool_(better)  # an error but for one element
            best, best_key = _choose(better, item, best), _choose(better, item_key, best_key)
        return best

    return function


def _of_nothing(ufunc: np.ufunc) -> ValueError:
    """What Python says of the extreme of no items."""
    nothing: tuple[float, ...] = ()
    try:
        max(nothing) if ufunc is np.greater else min(nothing)
    except ValueError as error:
        return error
    raise AssertionError("an extreme of no items")


def _require_items(n: Extent, ufunc: np.ufunc) -> None:
    positive = decide(lambda: at_least(n, 1))
    if positive is None:
        require(compare("greater", n, 0), _of_nothing(ufunc))
    elif not positive:
        raise _of_nothing(ufunc)


def _extreme_of_vector(x: Tracer, reduction: Any) -> Tracer:
    """The extreme of a vector: a comparison with NaN is false, so that only a first NaN stays."""
    if x.dtype.kind != "f":
        return functions[reduction](x)
    x = x[::-1]  # of zeros of both signs Python keeps the first, NumPy the last
    worst = -np.inf if reduction is np.max else np.inf
    best = functions[reduction](select(pointwise("isnan", x), worst, x, x.dtype))
    first = x[-1]
    return Tracer(select(pointwise("isnan", first), first, best, x.dtype).value, "scalar")


def _of_form(value: Value, form: Any) -> Tracer:
    if form == "python":
        return Tracer(emit("cast", (value,), dtype=value.type.dtype, weak=True), "python")
    return Tracer(value, form)


def _extreme_of_rows(ufunc: np.ufunc, columns: Sequence[Tracer]) -> Sequence[Value]:
    """The row with the extreme of the first column, comparing one after the other as Python does."""
    n = columns[0].shape[0]
    _require_items(n, ufunc)
    first = [structural.slice_of(x, (0,), (None,), (1,)).value for x in columns]
    builder = current_builder()
    with builder.region() as body:
        k = builder.parameter(ArrayType(np.dtype(np.int64), ()), "k")
        best = [Tracer(builder.parameter(x.type), "scalar") for x in first]
        k.low, k.high = 0, n - 2
        row = [structural.slice_of(x, (Dim.symbol(k) + 1,), (None,), (1,)) for x in columns]
        better = pointwise(ufunc.__name__, row[0], best[0])
        body.outputs = [
            select(better, *pair, pair[0].dtype).value for pair in zip(row, best, strict=True)
        ]
    return emit_for(n - 1, tuple(first), body)


def goes_before(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """Whether one item is beyond another: a bool, or a traced one."""
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        kinds = [getattr(x, "python_type", type(x)) for x in (a, b)]
        if {*kinds} == {list, tuple}:  # Python says that they have no order
            run_users(operator.gt if ufunc is np.greater else operator.lt, *[k() for k in kinds])
        return _is_beyond(ufunc, list(a), list(b))
    if not isinstance(a, (Tracer, Dim)) and not isinstance(b, (Tracer, Dim)):
        return bool(ufunc(a, b))
    return bool_(protocol.binary_operator(ufunc, a, b))


def _is_beyond(ufunc: np.ufunc, a: list[Any], b: list[Any]) -> Any:
    """The same of sequences: by the first items that differ, else by length."""
    if not a or not b:
        return bool(ufunc(len(a), len(b)))
    first = goes_before(ufunc, a[0], b[0])
    if first is True:
        return True
    rest = _is_beyond(ufunc, a[1:], b[1:])
    if rest is False:
        return first
    nested = isinstance(a[0], (tuple, list)) and isinstance(b[0], (tuple, list))
    if nested or not any(isinstance(x, (Tracer, Dim)) for x in (a[0], b[0])):
        return bool(first) or (not goes_before(ufunc, b[0], a[0]) and rest)
    equal = bool_(protocol.binary_operator(np.equal, a[0], b[0]))
    tie = _python("logical_and", as_tracer(equal), as_tracer(rest), result=BOOL)
    return _python("logical_or", first, tie, result=BOOL)


def _is_alike(a: Any, b: Any) -> bool:
    """Whether two items differ in their numbers only."""
    if isinstance(a, tuple):
        both = is_plain_tuple(a) and is_plain_tuple(b)
        return both and type(a) is type(b) and len(a) == len(b) and all(map(_is_alike, a, b))
    if is_number(a) and is_number(b):
        return kind_of(a) == kind_of(b)
    if not all(isinstance(x, (Tracer, np.ndarray, np.generic)) for x in (a, b)):
        return a is b
    x, y = as_tracer(a), as_tracer(b)
    return x.dtype == y.dtype and x.form == y.form and len(x.shape) == len(y.shape) == 0


def _choose(condition: Any, a: Any, b: Any) -> Any:
    if isinstance(condition, bool):
        return a if condition else b
    if a is b:
        return a
    if isinstance(a, tuple) and _is_alike(a, b):
        parts = [_choose(condition, x, y) for x, y in zip(a, b, strict=True)]
        return tuple_of(type(a), parts)
    if not all(isinstance(x, (Tracer, Dim, np.ndarray, np.generic, int, float)) for x in (a, b)):
        return a if condition else b  # as it is at this call, with a guard
    chosen = choose(condition, a, b)
    if chosen is not NotImplemented:
        return chosen
    arrays = [
        isinstance(x, np.ndarray) or (isinstance(x, Tracer) and x.form == "array") for x in (a, b)
    ]
    if all(arrays) and as_array(a).dtype == as_array(b).dtype:
        return select(condition, as_array(a), as_array(b), result_dtype(a, b))
    return a if condition else b


# Python's min(a, b) is b where b < a, else a.
builtin_functions[min] = _extreme(np.less, np.min)
builtin_functions[max] = _extreme(np.greater, np.max)


def _bisect(a: Any, x: Any, lo: Any, hi: Any, key: Any, right: bool) -> Any:
    """Binary search step by step, so that unsorted lists and NaN give what they give in Python."""
    name = "bisect_right" if right else "bisect_left"
    if key is not None or type(lo) is not int or not isinstance(hi, (int, type(None))):
        raise unsupported(
            f"bisect.{name} with a key or traced bounds is not available",
            "use np.searchsorted",
        )
    if lo < 0:
        raise ValueError("lo must be non-negative")
    is_whole = isinstance(a, Tracer) or (isinstance(a, StoredList) and a.is_stored())
    items = as_array(a if is_whole else list(a))
    sought = as_array(x)
    count = extent_of(items.shape[0])
    if isinstance(count, Dim) and hi is not None:
        raise unsupported(f"bisect.{name} up to a bound in a list of any length", "slice the list")
    if isinstance(count, Dim):
        ordered = functions[np.all](pointwise("less_equal", items[:-1], items[1:]))
        check(ordered & pointwise("equal", sought, sought), "a list that is not sorted")
        side = "right" if right else "left"
        found = functions[np.searchsorted](items, sought, side)
        return number(pointwise("maximum", found, lo) if lo else found, int)
    low: Any = number(lo, int)
    high: Any = number(count if hi is None else hi, int)
    for _ in range(max((count if hi is None else hi) - lo, 0).bit_length()):
        going = pointwise("less", low, high)
        middle = pointwise("floor_divide", pointwise("add", low, high), 2)
        item = functions[np.take](items, middle, mode="clip")
        above = pointwise("less", item, sought)
        if right:
            above = pointwise("logical_not", pointwise("less", sought, item))
        above = pointwise("logical_and", going, above)
        below = pointwise("logical_and", going, pointwise("logical_not", above))
        low = select(above, pointwise("add", middle, 1), low, INT)
        high = select(below, middle, high, INT)
    return number(low, int)


@implements_builtin(bisect.bisect_left)
def bisect_left(a: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> Any:
    """``bisect.bisect_left`` of numbers."""
    return _bisect(a, x, lo, hi, key, False)


@implements_builtin(bisect.bisect_right)
def bisect_right(a: Any, x: Any, lo: Any = 0, hi: Any = None, *, key: Any = None) -> Any:
    """``bisect.bisect_right`` of numbers."""
    return _bisect(a, x, lo, hi, key, True)


@implements_builtin(math.prod)
def prod(iterable: Any, *, start: Any = 1) -> Any:
    """``math.prod``."""
    if isinstance(iterable, Tracer):
        require_types(math.prod, iterable)
        dtype = np.dtype(np.int64) if iterable.dtype.kind == "b" else iterable.dtype
        total = functions[np.prod](iterable, axis=0, dtype=dtype)
        return total if isinstance(start, int) and start == 1 else total * start
    whole = whole_of(iterable)
    if whole is not None and whole.ndim == 1 and whole.dtype.kind == "f":
        form = iterable.item_form
        if iterable.is_of_one_type and decide(lambda: whole.shape[0] > 0):
            return _of_form(functions[np.prod](whole).value, form) * start
    result = start
    for item in iterable:
        result = result * item
    return result
