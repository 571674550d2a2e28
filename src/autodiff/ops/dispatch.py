"""How NumPy reaches the operations: the front door for tracers and for capture.

    apply_ufunc(ufunc, method, inputs, kwargs)     ``__array_ufunc__``
    apply_function(function, args, kwargs)         ``__array_function__``
    attribute(tracer, name)                        attributes and methods of arrays
    binary_operator, unary_operator, in_place_operator
    functions, builtin_functions                   tables: callable -> implementation
    pointwise(name, *args)                         one operation, promotion and broadcasting done
    known(tracer)                                  its array, if it depends on constants only

Operators between two Python numbers follow Python; everything else follows NumPy.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.dims import Dim
from autodiff.later import later
from autodiff.ops import complex_numbers, either, indexing, python_numbers
from autodiff.ops.function_table import (
    as_taken,
    builtin_functions,
    functions,
    implements,
    implements_builtin,
)
from autodiff.ops.known import extent_of, known, type_name
from autodiff.ops.layout import remember
from autodiff.ops.methods import attribute, set_attribute
from autodiff.ops.promotion import broadcast_to, cast, pointwise, result_dtype, select
from autodiff.ops.protocol import protocol
from autodiff.ops.tracer import BINARY, COMPARISON, Tracer
from autodiff.ops.ufuncs import NAMES, apply_ufunc, call, unsupported

if TYPE_CHECKING:
    from autodiff.ops import complex_functions
else:
    complex_functions = later("autodiff.ops.complex_functions")  # most programs are real

__all__ = [
    "apply_function",
    "apply_ufunc",
    "attribute",
    "binary_operator",
    "broadcast_to",
    "builtin_functions",
    "cast",
    "extent_of",
    "functions",
    "implements",
    "implements_builtin",
    "in_place_operator",
    "indexing",
    "is_known_ufunc",
    "known",
    "pointwise",
    "result_dtype",
    "select",
    "set_attribute",
    "unary_operator",
]

# Sequences that NumPy makes arrays of, as what they are in its operators: those of one kind are repeated by an int.
_SEQUENCES: dict[type, Callable[[Any], Any]] = {deque: list, range: np.asarray}
_OPERANDS = (Tracer, int, float, complex, np.ndarray, np.generic, list, tuple, Dim)


def apply_function(function: Any, args: Any, kwargs: Any) -> Any:
    """What ``__array_function__`` asks for: the implementation of a NumPy function."""
    if complex_numbers.concerns(args, kwargs):
        return complex_functions.apply(function, args, kwargs)
    implementation = functions.get(function)
    if implementation is None:
        name = (
            f"{getattr(function, '__module__', 'numpy')}.{getattr(function, '__name__', function)}"
        )
        raise unsupported(
            f"{name.replace('numpy.', 'np.', 1)} is not available on traced arrays",
            "compute it outside of the function, or from other NumPy functions",
        )
    args, kwargs = as_taken(function, implementation, args, kwargs)
    return remember(function, args, kwargs, implementation(*args, **kwargs))


def is_known_ufunc(function: Any) -> bool:
    """Whether there is an operation for a ufunc, or a function made of operations."""
    return isinstance(function, np.ufunc) and (function in NAMES or function in functions)


_NO_NUMBERS = (str, bytes, set, frozenset, dict)


def binary_operator(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """``a + b`` and the like, in the order written; at least one side is traced."""
    if isinstance(a, either.Either) or isinstance(b, either.Either):
        return either.on_both(lambda x, y: _binary_of_one_type(ufunc, x, y), (a, b))
    if type(a) in _SEQUENCES or type(b) in _SEQUENCES:
        if any(isinstance(x, Tracer) and x.form == "python" for x in (a, b)):
            return NotImplemented
        a, b = _as_operand(a), _as_operand(b)
    real = complex_numbers.REAL
    if not (type(a) in real and type(b) in real) and complex_numbers.concerns((a, b)):
        if not (isinstance(a, _OPERANDS) and isinstance(b, _OPERANDS)):
            return NotImplemented
        return complex_numbers.binary(ufunc, a, b)
    if python_numbers.is_number(a) and python_numbers.is_number(b):
        return python_numbers.binary(ufunc, a, b)
    for x, other in ((a, b), (b, a)):
        if python_numbers.is_number(x) and python_numbers.is_number(python_numbers.plain(other)):
            return python_numbers.binary(ufunc, python_numbers.plain(a), python_numbers.plain(b))
    if not (isinstance(a, _OPERANDS) and isinstance(b, _OPERANDS)):
        if ufunc in (np.equal, np.not_equal) and (b is None or isinstance(b, _NO_NUMBERS)):
            # An array is compared element by element also with what no number equals.
            if isinstance(a, Tracer) and a.form == "array":
                return np.logical_xor(np.equal(a, a), np.equal(a, a)) ^ (ufunc is np.not_equal)
            if isinstance(a, Tracer) and a.form == "scalar" and isinstance(b, (str, bytes)):
                return np.bool_(ufunc is np.not_equal)
        return NotImplemented
    if isinstance(a, (list, tuple)) and python_numbers.is_number(b):
        return NotImplemented  # repetition of a sequence
    if isinstance(b, (list, tuple)) and python_numbers.is_number(a):
        return NotImplemented
    if ufunc is np.multiply and isinstance(a, (list, tuple)) != isinstance(b, (list, tuple)):
        number = b if isinstance(a, (list, tuple)) else a
        if isinstance(number, Tracer) and number.form == "scalar":
            if number.dtype.kind in "iu" or number.given_as_int() is not None:
                return NotImplemented  # repetition
            raise TypeError(f"can't multiply sequence by non-int of type '{type_name(number)}'")
    bools = isinstance(a, Tracer) and a.form == "array" and a.dtype.kind == "b"
    if bools and ufunc is np.power and type(b) is int and b == 2:
        return call(np.square, (a,))  # int8, unlike np.power
    halves = isinstance(a, Tracer) and a.form == "array" and a.dtype == np.float16
    if halves and ufunc is np.power and type(b) is float and b == 0.5:
        return call(np.sqrt, (a,))  # unlike np.power, which of wider floats is the root as well
    if ufunc in _WATCHED and _is_scalar(a) and _is_scalar(b):
        return pointwise(NAMES[ufunc], a, b, of_scalars=True)
    return call(ufunc, (a, b))


def _as_operand(x: Any) -> Any:
    """An operand beside an array."""
    made = _SEQUENCES.get(type(x))
    return x if made is None else made(x)


def _binary_of_one_type(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    traced = isinstance(a, Tracer) or isinstance(b, Tracer)
    return binary_operator(ufunc, a, b) if traced else _PLAIN[ufunc](a, b)


_PLAIN = {ufunc: getattr(operator, f"__{name}__") for name, ufunc in (BINARY | COMPARISON).items()}

# Operators that tell of NumPy's integer scalars where they overflow.
_WATCHED = frozenset((np.add, np.subtract, np.multiply, np.negative, np.absolute))


def _is_scalar(x: Any) -> bool:
    """Whether an operand is a number to Python's operators, not an array without axes."""
    if isinstance(x, Tracer):
        return x.form != "array"
    return isinstance(x, (int, float, np.generic, Dim))


def unary_operator(ufunc: np.ufunc, a: Any) -> Any:
    """``-a`` and the like."""
    if isinstance(a, either.Either):
        return either.on_both(lambda x: unary_operator(ufunc, x), (a,))
    if complex_numbers.is_complex(a):
        return complex_numbers.call(ufunc, (a,), operator=True)
    if python_numbers.is_number(a):
        return python_numbers.unary(ufunc, a)
    if ufunc in _WATCHED and _is_scalar(a):
        return pointwise(NAMES[ufunc], a, of_scalars=True)
    return call(ufunc, (a,))


def in_place_operator(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """``a += b``: into the storage of an array, a new value for anything else."""
    if not isinstance(a, Tracer) or a.form != "array":
        return binary_operator(ufunc, a, b)
    b = _as_operand(b)
    if complex_numbers.concerns((a, b)):
        return complex_numbers.in_place(ufunc, a, b)
    if not isinstance(b, _OPERANDS):
        return NotImplemented
    b = either.stored(ufunc, a, b)
    if ufunc is np.matmul and (a.ndim < 1 or functions[np.ndim](b) < 2):
        raise ValueError(
            "inplace matrix multiplication requires the first operand to have at least one and the "
            "second at least two dimensions."
        )
    return call(ufunc, (a, b), out=a)


protocol.answered_by(
    apply_ufunc=apply_ufunc,
    apply_function=apply_function,
    attribute=attribute,
    complex_attribute=lambda x, name: complex_functions.attribute(x, name),
    complex_method=lambda *args: complex_functions.apply_method(*args),
    binary_operator=binary_operator,
    unary_operator=unary_operator,
    in_place_operator=in_place_operator,
    get_item=indexing.get_item,
    set_item=indexing.set_item,
    as_complex=complex_numbers.as_kind,
)
