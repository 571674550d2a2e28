"""Special functions beyond NumPy's: the error function, the gamma function and their relatives.

    erf, erfc, lgamma, tgamma (x)      pointwise, libm's in machine code
    erfinv (x)                         a kernel: SciPy's
    digamma(x)                         a composition, so that it has derivatives of every order

SciPy is imported when a value is first computed by the reference engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType
from autodiff.ops.entries import (
    Entry,
    Kernel,
    Lowering,
    Partials,
    Pointwise,
    Samples,
    register,
)

_TWO_OVER_SQRT_PI = float(2 / np.sqrt(np.pi))


def _same_type(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    return (types[0],)


def _scipy(name: str) -> Callable[[Any], Any]:
    def meaning(x: Any) -> Any:
        from scipy import special

        y = getattr(special, name)(x)
        # SciPy's log-gamma is -inf at -inf; the C library's and Python's is +inf.
        return np.where(np.isneginf(x), np.inf, y).astype(y.dtype) if name == "gammaln" else y

    return meaning


def _enter(
    name: str,
    scipy_name: str,
    partial: Callable[..., Any],
    low: float,
    high: float,
    kernel: bool = False,
) -> Entry:
    lowering: Lowering = Kernel(name) if kernel else Pointwise(lambda s, x: s.call(name, x))
    return register(
        Entry(
            name,
            _same_type,
            _scipy(scipy_name),
            lowering,
            Partials((partial,)),
            samples=Samples(((low, high),)),
        )
    )


def digamma(x: Any) -> Any:
    """The derivative of lgamma: recurrence up to 10, then the asymptotic series.

    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 6.3.5, 6.3.7 and 6.3.18.
    """
    reflected = np.less(x, 0.5)
    z = np.where(reflected, 1 - x, x)
    shift = 0.0
    for k in range(10):
        shift = shift + 1 / (z + k)
    top = z + 10
    r = 1 / (top * top)
    # Bernoulli numbers over 2k: 1/12, -1/120, 1/252, -1/240, 1/132, -691/32760.
    tail = 1 / 252 - r * (1 / 240 - r * (1 / 132 - r * (691 / 32760)))
    series = r * (1 / 12 - r * (1 / 120 - r * tail))
    value = np.log(top) - 0.5 / top - series - shift
    # pi cot(pi x), with 1/2 in the place of arguments that do not need it.
    angle = np.pi * np.where(reflected, x, 0.5)
    return value - np.where(reflected, np.pi * np.cos(angle) / np.sin(angle), 0.0)


_enter("erf", "erf", lambda y, x: _TWO_OVER_SQRT_PI * np.exp(-x * x), -2.0, 2.0)
_enter("erfc", "erfc", lambda y, x: -_TWO_OVER_SQRT_PI * np.exp(-x * x), -2.0, 2.0)
_enter("lgamma", "gammaln", lambda y, x: digamma(x), 0.3, 6.0)
_enter("tgamma", "gamma", lambda y, x: y * digamma(x), 0.3, 4.0)
_enter("erfinv", "erfinv", lambda y, x: np.exp(y * y) / _TWO_OVER_SQRT_PI, -0.9, 0.9, kernel=True)
