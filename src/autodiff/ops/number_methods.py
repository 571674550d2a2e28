"""Methods of Python's and NumPy's numbers that are called by name.

    x.__add__(1.5)         of an int NotImplemented, of a float the sum
    float.__mul__(x, 2)    a float, of a NumPy float as well; of an int Python's TypeError
    (2.5).__radd__(x)      the sum, or NotImplemented

An operator asks both of its operands, a method of a class knows what that class knows.  Which operands
it takes is asked of the method itself, with numbers of the same types; what it gives is computed by the
operation of the same meaning, on numbers of that class.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import BuiltinFunctionType, MethodDescriptorType, MethodWrapperType
from typing import Any

import numpy as np

from autodiff.ladder import Declined
from autodiff.ops import dispatch, either
from autodiff.ops.known import answer_by_types
from autodiff.ops.python_numbers import number
from autodiff.ops.tracer import BINARY, COMPARISON, UNARY, HoldsTracers, Tracer, is_traced
from autodiff.signals import run_users

_BUILTIN = dispatch.builtin_functions


def _operator(ufunc: np.ufunc, reflected: bool = False) -> Callable[[Any, Any], Any]:
    def operator(x: Any, other: Any) -> Any:
        a, b = (other, x) if reflected else (x, other)
        return dispatch.binary_operator(ufunc, a, b)

    return operator


def _power(x: Any, other: Any, mod: Any = None) -> Any:
    return _BUILTIN[pow](x, other, mod)


_MEANING: dict[str, Callable[..., Any]] = {
    **{f"__{name}__": _operator(ufunc) for name, ufunc in (BINARY | COMPARISON).items()},
    **{f"__r{name}__": _operator(ufunc, True) for name, ufunc in BINARY.items()},
    **{
        f"__{name}__": functools.partial(dispatch.unary_operator, ufunc)
        for name, ufunc in UNARY.items()
    },
    "__pow__": _power,
    "__rpow__": lambda x, other, mod=None: _power(other, x, mod),
    "__divmod__": lambda x, other: _BUILTIN[divmod](x, other),
    "__rdivmod__": lambda x, other: _BUILTIN[divmod](other, x),
    "__round__": lambda x, digits=None: _BUILTIN[round](x, digits),
    "__trunc__": lambda x: _BUILTIN[math.trunc](x),
    "__floor__": lambda x: _BUILTIN[math.floor](x),
    "__ceil__": lambda x: _BUILTIN[math.ceil](x),
    "__int__": lambda x: _BUILTIN[int](x),
    "__index__": lambda x: _BUILTIN[int](x),
    "__float__": lambda x: _BUILTIN[float](x),
    "__bool__": lambda x: _BUILTIN[bool](x),
    "__complex__": lambda x: _BUILTIN[complex](x),
    "__hash__": hash,
    "__repr__": repr,
    "__str__": str,
    "__format__": format,
    "is_integer": lambda x: x.is_integer(),
    "conjugate": lambda x: x.conjugate(),
    "conj": lambda x: x.conj(),
}


def is_of_numbers(cls: Any) -> bool:
    """Whether a class is one of Python's or NumPy's real numbers."""
    if cls in (float, int, bool):
        return True
    return isinstance(cls, type) and issubclass(cls, np.generic) and cls not in _COMPLEX


_COMPLEX = (np.complexfloating, np.complex64, np.complex128, np.clongdouble)


def find(function: Any) -> Callable[..., Any] | None:
    """A method of a class of numbers, or of a number, as captured code calls it; None of what no table has."""
    cls, name = function.__objclass__, function.__name__
    if name not in _MEANING or not is_of_numbers(cls):
        return None
    if isinstance(function, MethodWrapperType):
        return BoundMethod(function.__self__, name, cls)
    return functools.partial(call_method, function, cls, name)


def bound(x: Tracer, name: str) -> BoundMethod | None:
    """A method that a traced number has in plain Python; None of what no table has."""
    cls: Any = getattr(getattr(x.python_type, name, None), "__objclass__", None)
    return BoundMethod(x, name, cls) if name in _MEANING and is_of_numbers(cls) else None


def call_method(asked: Callable[..., Any], cls: type, name: str, /, *args: Any) -> Any:
    """What a method of a class of numbers gives; ``asked`` is called with numbers of the same types."""
    if either.eithers(args):
        return either.on_both(functools.partial(call_method, asked, cls, name), args)
    if not any(isinstance(x, Tracer) for x in args):
        return run_users(asked, *args)
    answer = _answer(asked, args)
    if answer is NotImplemented:
        return NotImplemented
    result = _MEANING[name](*(_as_seen(x, cls) for x in args))
    if result is NotImplemented and isinstance(answer, (bool, np.bool)):  # of what equals no number
        return answer
    if result is NotImplemented:
        raise Declined(f"{cls.__name__}.{name} of such operands")
    return result


def _answer(asked: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What the method answers to numbers of the same types; what is in a list or tuple is a type to NumPy too."""
    at = [k for k, x in enumerate(args) if type(x) not in (list, tuple) or is_traced(x)]

    def put(*given: Any) -> Any:
        found = dict(zip(at, given, strict=True))
        return asked(*(found.get(k, x) for k, x in enumerate(args)))

    return answer_by_types(put, *(args[k] for k in at))


def _as_seen(x: Any, cls: type) -> Any:
    """An operand as a method of a class of numbers sees it: of ``float`` NumPy's floats are floats."""
    if isinstance(x, Tracer):
        is_float = x.dtype == np.float64
        if cls is float and x.form == "scalar" and is_float:
            return number(x, float)
        return number(x, int) if cls is int and x.dtype.kind == "b" and x.form == "python" else x
    if isinstance(x, np.float64):
        return float(x) if cls is float else x
    return int(x) if cls is int and isinstance(x, bool) else x


class BoundMethod(HoldsTracers):
    """``x.__add__`` of a number, to be called."""

    def __init__(self, x: Any, name: str, cls: type) -> None:
        self.owner, self.name, self.cls = x, name, cls
        in_c = isinstance(getattr(cls, name), MethodDescriptorType)
        self.python_type = BuiltinFunctionType if in_c else MethodWrapperType

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the number's own method gives."""

        def asked(x: Any, *args: Any) -> Any:
            return getattr(x, self.name)(*args, **kwargs)

        return call_method(asked, self.cls, self.name, self.owner, *args)
