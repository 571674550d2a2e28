"""Holomorphic functions whose values are a ufunc's own: NumPy's inverse functions, SciPy's special ones.

    np.arcsin(z)    complex_arcsin_real(x, y), complex_arcsin_imag(x, y): pointwise, by the C function
                    that the ufunc runs for complex numbers, called for one part or the other

A function is one line of a table: its dotted name and f'(z) in plain NumPy.  From f' = p + i q follow
the four partial derivatives, by the Cauchy-Riemann equations: p and -q of the real part, q and p of the
imaginary one.  Equal calls are shared by the passes, so that f' is computed once.

Derivatives at a branch cut are those of the side that the sign of zero says, as the value is: hence
1 / (sqrt(1 - z) sqrt(1 + z)), not 1 / sqrt(1 - z**2).  Formulas: DLMF, chapters 4 to 7 and 25.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops.builder import current_builder
from autodiff.ops.complex_numbers import UNARY, ComplexTracer, Parts, choose, joined, multiply
from autodiff.ops.entries import Entry, Partials, Pointwise, Samples, register
from autodiff.ops.promotion import constant, pointwise
from autodiff.ops.special import _float_type
from autodiff.ops.tracer import Tracer

_ROOT_PI = float(np.sqrt(np.pi))
_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))
Derivative = Callable[[Any, Any], Any]


def _refuse(name: str) -> Derivative:
    def derivative(y: Any, z: Any) -> Any:
        raise DerivativeError(
            f"scipy.special.{name} of complex numbers has no derivative here.",
            code="AD302",
            source=current_builder().source,
            remedy="give the function one with autodiff.custom_gradient",
        )

    return derivative


def _special(name: str) -> Callable[[Any], Any]:
    """A function of the table, of tracers or arrays."""
    return lambda z: _call(f"scipy.special.{name}", z)


def _plus(c: float, z: Any, sign: float = 1.0) -> Any:
    """``c + sign z`` with the sign of a zero kept, which tells the side of a branch cut."""
    return _number(c + sign * _part(z, 0), sign * _part(z, 1))


def _times_i(z: Any) -> Any:
    return _number(-_part(z, 1), _part(z, 0))


def _product(z: Any) -> Any:
    """``sqrt(1 - z) sqrt(1 + z)``."""
    return np.sqrt(_plus(1.0, z, -1.0)) * np.sqrt(_plus(1.0, z))


# f'(z), given f(z) by a function that is asked only where it is needed.
_OF_NUMPY: dict[str, Derivative] = {
    "arcsin": lambda y, z: 1 / _product(z),
    "arccos": lambda y, z: -1 / _product(z),
    "arctan": lambda y, z: 1 / (1 + 1j * z) / (1 - 1j * z),  # the product overflows far out
    "arcsinh": lambda y, z: 1 / _product(_times_i(z)),
    "arccosh": lambda y, z: 1 / (np.sqrt(_plus(-1.0, z)) * np.sqrt(_plus(1.0, z))),
    "arctanh": lambda y, z: 1 / (1 - z) / (1 + z),
    "expm1": lambda y, z: np.exp(z),
    "log1p": lambda y, z: 1 / (1 + z),
    "exp2": lambda y, z: y() * float(np.log(2.0)),
}
_OF_SCIPY: dict[str, Derivative] = {
    "erf": lambda y, z: 2 / _ROOT_PI * np.exp(-z * z),
    "erfc": lambda y, z: -2 / _ROOT_PI * np.exp(-z * z),
    "erfcx": lambda y, z: 2 * z * y() - 2 / _ROOT_PI,
    "erfi": lambda y, z: 2 / _ROOT_PI * np.exp(z * z),
    "dawsn": lambda y, z: 1 - 2 * z * y(),
    "wofz": lambda y, z: -2 * z * y() + 2j / _ROOT_PI,
    "gamma": lambda y, z: y() * _special("psi")(z),
    "loggamma": lambda y, z: _special("psi")(z),
    "rgamma": lambda y, z: -y() * _special("psi")(z),
    "psi": _refuse("psi"),
    "exp1": lambda y, z: -np.exp(-z) / z,
    "expi": lambda y, z: np.exp(z) / z,
    "spence": lambda y, z: np.log(z) / (1 - z),
    "ndtr": lambda y, z: np.exp(-0.5 * z * z) / _ROOT_TWO_PI,
    "log_ndtr": lambda y, z: np.exp(-0.5 * z * z - y()) / _ROOT_TWO_PI,
    "wrightomega": lambda y, z: y() / (1 + y()),
    "expm1": lambda y, z: np.exp(z),
    "log1p": lambda y, z: 1 / (1 + z),
}


def _ufunc(path: str) -> np.ufunc:
    module, _, name = path.rpartition(".")
    found: np.ufunc = getattr(importlib.import_module(module), name)
    return found


def _kinds(path: str) -> tuple[str, str]:
    name = path.removeprefix("numpy.").replace(".", "_")
    return f"complex_{name}_real", f"complex_{name}_imag"


def _number(x: Any, y: Any) -> Any:
    """The complex number of two parts, traced or not."""
    if isinstance(x, Tracer) or isinstance(y, Tracer):
        return joined(x, y)
    z = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, np.complex64))
    z.real, z.imag = x, y
    return z[()]


def _call(path: str, z: Any) -> Any:
    if not isinstance(z, ComplexTracer):
        return _ufunc(path)(z)
    re, im = _on_parts(path)(z.parts)
    return joined(re, im)


def _part(z: Any, which: int) -> Any:
    return z.parts[which] if isinstance(z, ComplexTracer) else (z.real, z.imag)[which]


def _meaning(path: str, which: int) -> Callable[..., Any]:
    def meaning(x: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.array(_part(_ufunc(path)(_number(x, y)), which))

    return meaning


def _partials(path: str, derivative: Derivative, which: int) -> Partials:
    def slope(part: int, sign: int) -> Callable[..., Any]:
        def rule(value: Any, x: Any, y: Any) -> Any:
            z = _number(x, y)
            found = _part(derivative(lambda: _call(path, z), z), part)
            return found if sign > 0 else -found

        return rule

    return Partials((slope(0, 1), slope(1, -1)) if which == 0 else (slope(1, 1), slope(0, 1)))


def _type(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    return _float_type(types)


def _enter(path: str, derivative: Derivative) -> None:
    for which, kind in enumerate(_kinds(path)):
        register(
            Entry(
                kind,
                _type,
                _meaning(path, which),
                Pointwise(lambda s, x, y, part=which: s.ufunc(path, x, y, part=part)),
                _partials(path, derivative, which),
                samples=Samples(((0.2, 0.8), (0.3, 0.9))),
            )
        )


def _on_parts(path: str) -> Callable[[Parts], Parts]:
    def run(z: Parts) -> Parts:
        dtypes = (z[0].dtype,) * 3
        re, im = (pointwise(kind, *z, dtypes=dtypes) for kind in _kinds(path))
        return re, im

    return run


for _name, _derivative in _OF_NUMPY.items():
    _enter(f"numpy.{_name}", _derivative)
    UNARY[getattr(np, _name)] = _on_parts(f"numpy.{_name}")
for _name, _derivative in _OF_SCIPY.items():
    _enter(f"scipy.special.{_name}", _derivative)


def of_scipy() -> dict[Any, Callable[[Parts], Parts]]:
    """SciPy's ufuncs of the table, which is imported for it."""
    return {
        _ufunc(f"scipy.special.{name}"): _on_parts(f"scipy.special.{name}") for name in _OF_SCIPY
    }


def _times_logarithm(logarithm: Callable[[Parts], Parts], start: float) -> Callable[..., Parts]:
    """``x log(y)``, 0 where ``x`` is 0 and the logarithm is infinite; ``start``: of ``1 + y``, 1."""

    def run(x: Parts, y: Parts) -> Parts:
        zero = pointwise("logical_and", *(pointwise("equal", part, 0) for part in x))
        pole = pointwise(
            "logical_and", pointwise("equal", y[0], -start), pointwise("equal", y[1], 0)
        )
        endless = pointwise("logical_or", *(pointwise("isinf", part) for part in y))
        nothing = pointwise("logical_and", zero, pointwise("logical_or", pole, endless))
        one = constant(1.0, y[0].dtype), constant(0.0, y[0].dtype)
        return multiply(x, logarithm(choose(nothing, one, y)))

    return run


def of_scipy_by_two() -> dict[Any, Callable[[Parts, Parts], Parts]]:
    """SciPy's ufuncs of two complex numbers."""
    return {
        _ufunc("scipy.special.xlogy"): _times_logarithm(UNARY[np.log], 0.0),
        _ufunc("scipy.special.xlog1py"): _times_logarithm(UNARY[np.log1p], 1.0),
    }


__all__ = ["of_scipy", "of_scipy_by_two"]
