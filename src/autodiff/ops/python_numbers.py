"""Arithmetic of Python numbers: what operators do to traced ``int``, ``float`` and ``bool``.

Python's own rules, not NumPy's: ``int / int`` is a float, ``True + True`` is 2, division by zero,
overflow and complex results raise.  Where Python would raise, the program gets a check; a failed
check makes the caller run the user's function as plain Python, which raises Python's exception.
Integers are 64 bits wide; checks guard the operations that could leave that range.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.dims import Dim, at_least, bounds, symbols
from autodiff.ops.builder import current_builder
from autodiff.ops.known import check, decide, extent_of, known
from autodiff.ops.promotion import cast, pointwise
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer

INT, FLOAT, BOOL = np.dtype(np.int64), np.dtype(np.float64), np.dtype(bool)
_COMPARISONS = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
_BITWISE = {np.bitwise_and, np.bitwise_or, np.bitwise_xor}
# Integers beyond this are not taken for granted to stay within 64 bits.
_SMALL = 1 << 31


def is_number(x: Any) -> bool:
    """Whether ``x`` is a Python number, traced or not."""
    if isinstance(x, Tracer):
        return x.form == "python"
    return type(x) in (int, float, bool) or isinstance(x, Dim)


def plain(x: Any) -> Any:
    """A member of an ``IntEnum``, or a number of another subclass, as the number that it is.

    Beside a Python number it counts as one.  NumPy takes it for an array of its own dtype.
    """
    if isinstance(x, (int, float)) and not isinstance(x, (bool, np.generic)):
        return int(x) if isinstance(x, int) else float(x)
    return x


def kind_of(x: Any) -> str:
    """``b``, ``i`` or ``f``: bool, int or float."""
    if isinstance(x, Tracer):
        return x.dtype.kind
    return "b" if isinstance(x, bool) else "f" if isinstance(x, float) else "i"


def number(x: Any, dtype: Any) -> Tracer:
    """``x`` as a traced Python number of kind bool, int or float."""
    dtype = np.dtype(dtype)
    if isinstance(x, Tracer) and x.dtype == dtype and x.value.type.weak == (dtype.kind != "b"):
        return x if x.form == "python" else Tracer(x.value, "python")
    if not isinstance(x, (Tracer, Dim)):
        return as_tracer({"f": float, "i": int, "b": bool}[dtype.kind](x))
    result = emit_tracer("cast", as_tracer(x), dtype=dtype, weak=dtype.kind != "b")
    return Tracer(result.value, "python")


def _emit(name: str, *operands: Any, dtypes: tuple[Any, ...]) -> Tracer:
    return pointwise(name, *operands, dtypes=dtypes, form="python")


def _floats(name: str, *operands: Any) -> Tracer:
    return _emit(name, *operands, dtypes=(FLOAT,) * (len(operands) + 1))


def _ints(name: str, *operands: Any) -> Tracer:
    return _emit(name, *operands, dtypes=(INT,) * (len(operands) + 1))


# -- checks -------------------------------------------------------------------------------------
def _is_small(x: Any) -> bool:
    """Whether an integer is a small constant or made of loop indices and extents."""
    if not isinstance(x, Tracer):
        return isinstance(x, Dim) or abs(x) < _SMALL
    extent = extent_of(x) if x.dtype.kind == "i" else 0
    if isinstance(extent, int):
        return abs(extent) < _SMALL
    return all(s.low is not None or s.high is not None for s in symbols(extent))


def _is_wild(x: Any) -> bool:
    """Whether an integer may be near the ends of 64 bits.

    What a loop carries counts up from where it started, and is not.
    """
    if not isinstance(x, Tracer) or x.dtype.kind != "i":
        return not isinstance(x, (Tracer, Dim)) and abs(x) >= _SMALL
    builder = current_builder()
    inputs = (builder.stack[0] if builder.stack else builder.block).parameters
    extent = extent_of(x)
    if isinstance(extent, int):
        return abs(extent) >= _SMALL
    return any(
        s.low is None and s.high is None and (s.owner is not None or any(s is v for v in inputs))
        for s in symbols(extent)
    )


_LEAST = -(2**63)


def _check_negated(x: Any) -> None:
    """The least integer has no negative within 64 bits."""
    if _is_wild(x):
        check(pointwise("not_equal", x, _LEAST), "the integer exceeds 64 bits")


def _check_nonzero(b: Any, message: str) -> None:
    if not isinstance(b, (Tracer, Dim)):
        if b == 0:
            check(as_tracer(False), message, ZeroDivisionError)
        return
    if kind_of(b) == "i" and decide_bounds_nonzero(b):
        return
    check(pointwise("not_equal", b, 0), message, ZeroDivisionError)


def decide_bounds_nonzero(b: Any) -> bool:
    """Whether the known range of an integer excludes zero."""
    low, high = bounds(extent_of(b))
    return (low is not None and low > 0) or (high is not None and high < 0)


def _check_finite(y: Tracer, *operands: Any) -> Tracer:
    """Fail where the result is not finite although every operand is."""
    fine = pointwise("isfinite", y)
    for x in operands:
        if isinstance(x, Tracer) and x.dtype.kind == "f":
            fine = pointwise("logical_or", fine, pointwise("logical_not", pointwise("isfinite", x)))
        elif isinstance(x, float) and not np.isfinite(x):
            return y
    check(fine, "Python raises for this result (overflow, complex, or division by zero)")
    return y


# -- operators ----------------------------------------------------------------------------------
def _add(ufunc: str, a: Any, b: Any) -> Tracer:
    result = _ints(ufunc, a, b)
    if not ((_is_small(a) and not _is_wild(b)) or (_is_small(b) and not _is_wild(a))):
        # Overflow: the operands' signs say one thing, the result's another.
        other = result if ufunc == "subtract" else b
        base = a
        crossed = pointwise(
            "bitwise_and",
            pointwise("bitwise_xor", base, result if ufunc == "add" else b),
            pointwise("bitwise_xor", other, result if ufunc == "add" else a),
        )
        check(pointwise("greater_equal", crossed, 0), "the integer exceeds 64 bits")
    return result


def _multiply(a: Any, b: Any) -> Tracer:
    result = _ints("multiply", a, b)
    if not (_is_small(a) and _is_small(b)):
        size = pointwise("absolute", pointwise("multiply", cast(a, FLOAT), cast(b, FLOAT)))
        check(pointwise("less", size, 2.0**63), "the integer exceeds 64 bits")
    return result


def _divide(a: Any, b: Any) -> Tracer:
    _check_nonzero(b, "division by zero")
    return _floats("divide", a, b)


def _power(a: Any, b: Any) -> Tracer:
    if kind_of(a) == "f" or kind_of(b) == "f":
        return _check_finite(_floats("power", a, b), a, b)
    exponent = known(b)
    if exponent is not None and exponent < 0:
        _check_nonzero(a, "0.0 cannot be raised to a negative power")
        return _floats("power", a, b)
    if exponent is None and not decide(lambda: at_least(extent_of(b), 0)):
        check(pointwise("greater_equal", b, 0), "the type of the power depends on the exponent")
    result = _ints("power", a, b)
    if exponent is None or exponent > 1:
        size = pointwise("absolute", pointwise("power", cast(a, FLOAT), cast(b, FLOAT)))
        check(pointwise("less", size, 2.0**63), "the integer exceeds 64 bits")
    return result


def _shift(name: str, a: Any, b: Any) -> Tracer:
    check(pointwise("greater_equal", b, 0), "negative shift count")
    result = _ints(name, a, b)
    if name == "left_shift":
        check(pointwise("equal", _ints("right_shift", result, b), a), "the integer exceeds 64 bits")
    return result


def _quotient(name: str) -> Callable[[Any, Any], Tracer]:
    def apply(a: Any, b: Any) -> Tracer:
        _check_nonzero(b, "integer division or modulo by zero")
        if name == "floor_divide" and (isinstance(b, Tracer) or b == -1):
            _check_negated(a)
        return _ints(name, a, b)

    return apply


def _float_quotient(name: str) -> Callable[[Any, Any], Tracer]:
    def apply(a: Any, b: Any) -> Tracer:
        _check_nonzero(b, "float division or modulo by zero")
        return _floats(name, a, b)

    return apply


_ON_INTEGERS: dict[Any, Callable[[Any, Any], Tracer]] = {
    np.add: lambda a, b: _add("add", a, b),
    np.subtract: lambda a, b: _add("subtract", a, b),
    np.multiply: _multiply,
    np.divide: _divide,
    np.floor_divide: _quotient("floor_divide"),
    np.remainder: _quotient("remainder"),
    np.power: _power,
    np.left_shift: lambda a, b: _shift("left_shift", a, b),
    np.right_shift: lambda a, b: _shift("right_shift", a, b),
    np.bitwise_and: lambda a, b: _ints("bitwise_and", a, b),
    np.bitwise_or: lambda a, b: _ints("bitwise_or", a, b),
    np.bitwise_xor: lambda a, b: _ints("bitwise_xor", a, b),
}
_ON_FLOATS: dict[Any, Callable[[Any, Any], Tracer]] = {
    np.add: lambda a, b: _floats("add", a, b),
    np.subtract: lambda a, b: _floats("subtract", a, b),
    np.multiply: lambda a, b: _floats("multiply", a, b),
    np.divide: _divide,
    np.floor_divide: _float_quotient("floor_divide"),
    np.remainder: _float_quotient("remainder"),
    np.power: _power,
}
_SYMBOLS = {
    np.matmul: "@", np.bitwise_and: "&", np.bitwise_or: "|", np.bitwise_xor: "^",
    np.left_shift: "<<", np.right_shift: ">>",
}  # fmt: skip


def binary(ufunc: np.ufunc, a: Any, b: Any) -> Tracer:
    """A binary operator or comparison of two Python numbers."""
    kinds = {kind_of(a), kind_of(b)}
    if ufunc in _COMPARISONS:
        dtype = FLOAT if "f" in kinds else INT
        return _emit(ufunc.__name__, *_exact(a, b, kinds), dtypes=(dtype, dtype, BOOL))
    if kinds == {"b"} and ufunc in _BITWISE:
        return _emit(ufunc.__name__, a, b, dtypes=(BOOL, BOOL, BOOL))
    table = _ON_FLOATS if "f" in kinds else _ON_INTEGERS
    if ufunc not in table:
        names = ["float" if kind_of(x) == "f" else "int" for x in (a, b)]
        raise TypeError(
            f"unsupported operand type(s) for {_SYMBOLS[ufunc]}: '{names[0]}' and '{names[1]}'"
        )
    return table[ufunc](*_exact(a, b, kinds))


def _exact(a: Any, b: Any, kinds: set[str]) -> tuple[Any, Any]:
    # An int of any size meets a float as a float; a bool is an int.
    if "f" in kinds:
        a, b = (float(x) if isinstance(x, int) else x for x in (a, b))
    else:
        a, b = (number(x, int) if kind_of(x) == "b" else x for x in (a, b))
    return a, b


def unary(ufunc: np.ufunc, a: Any) -> Tracer:
    """``-a``, ``+a``, ``abs(a)`` or ``~a`` of a Python number."""
    if kind_of(a) == "f":
        if ufunc is np.invert:
            raise TypeError("bad operand type for unary ~: 'float'")
        return _floats(ufunc.__name__, a)
    if ufunc in (np.negative, np.absolute):
        _check_negated(a)
    return _ints(ufunc.__name__, a)
