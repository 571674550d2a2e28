"""``scipy.special`` on traced arrays; loaded when the user's program has imported that module.

Entries of :mod:`autodiff.ops.special`, or compositions that do not overflow where SciPy does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from autodiff.ops import special as entries
from autodiff.ops.function_table import functions, implements
from autodiff.ops.promotion import as_array, cast, constant, pointwise, select
from autodiff.ops.tracer import Tracer, emit_tracer


def as_float(x: Any) -> Tracer:
    """An operand in float64, or in float32 where it is that."""
    array = as_array(x)
    if array.dtype in (np.float32, np.float64) and array.form != "python":
        return Tracer(array.value, "array" if array.shape else "scalar")
    return cast(array, np.float64)


def _entry(name: str) -> Callable[..., Tracer]:
    def function(x: Any) -> Tracer:
        value = as_float(x)
        return Tracer(emit_tracer(name, value).value, "array" if value.shape else "scalar")

    return function


erf = implements(special.erf)(_entry("erf"))
erfc = implements(special.erfc)(_entry("erfc"))
gammaln = implements(special.gammaln, special.loggamma)(_entry("lgamma"))
implements(special.gamma)(_entry("tgamma"))
implements(special.erfinv)(_entry("erfinv"))
implements(special.digamma, special.psi)(lambda x: entries.digamma(as_float(x)))


@implements(special.expit)
def expit(x: Any) -> Tracer:
    """``1 / (1 + exp(-x))``, by exponentials of numbers that are never positive."""
    value = as_float(x)
    # exp(min(x, 0)) / (1 + exp(-|x|)): no overflow, and tiny results keep their accuracy.
    small = pointwise(
        "exp", select(pointwise("less", value, 0), value, pointwise("negative", value))
    )
    numerator = select(pointwise("less", value, 0), small, constant(1, value.dtype))
    return pointwise("divide", numerator, pointwise("add", 1.0, small))


@implements(special.logit)
def logit(x: Any) -> Tracer:
    """``log(x / (1 - x))``."""
    value = as_float(x)
    return pointwise(
        "subtract", pointwise("log", value), pointwise("log1p", pointwise("negative", value))
    )


@implements(special.log_expit)
def log_expit(x: Any) -> Tracer:
    """``log(expit(x))``."""
    value = as_float(x)
    return pointwise(
        "negative", pointwise("logaddexp", constant(0, value.dtype), pointwise("negative", value))
    )


@implements(special.xlogy)
def xlogy(x: Any, y: Any) -> Tracer:
    """``x log y``, 0 where x is 0."""
    a, b = as_float(x), as_float(y)
    zero = pointwise(
        "logical_and", pointwise("equal", a, 0), pointwise("logical_not", pointwise("isnan", b))
    )
    safe = select(zero, constant(1, b.dtype), b)
    return pointwise("multiply", a, pointwise("log", safe))


@implements(special.xlog1py)
def xlog1py(x: Any, y: Any) -> Tracer:
    """``x log(1 + y)``, 0 where x is 0."""
    a, b = as_float(x), as_float(y)
    zero = pointwise(
        "logical_and", pointwise("equal", a, 0), pointwise("logical_not", pointwise("isnan", b))
    )
    safe = select(zero, constant(0, b.dtype), b)
    return pointwise("multiply", a, pointwise("log1p", safe))


@implements(special.entr)
def entr(x: Any) -> Tracer:
    """``-x log x``; minus infinity for negative x."""
    value = as_float(x)
    return select(
        pointwise("less", value, 0),
        constant(-np.inf, value.dtype),
        pointwise("negative", xlogy(value, value)),
    )


@implements(special.ndtr)
def ndtr(x: Any) -> Tracer:
    """The normal distribution function, ``erfc(-x / sqrt 2) / 2``."""
    value = as_float(x)
    return pointwise("multiply", 0.5, erfc(pointwise("multiply", value, -float(np.sqrt(0.5)))))


@implements(special.betaln)
def betaln(a: Any, b: Any) -> Tracer:
    """The logarithm of the beta function."""
    x, y = as_float(a), as_float(b)
    return pointwise(
        "subtract", pointwise("add", gammaln(x), gammaln(y)), gammaln(pointwise("add", x, y))
    )


@implements(special.beta)
def beta(a: Any, b: Any) -> Tracer:
    """The beta function of positive arguments."""
    return pointwise("exp", betaln(a, b))


@implements(special.logsumexp)
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Tracer:
    """``log(sum(b * exp(a)))`` without overflow."""
    if return_sign:
        from autodiff.ops.ufuncs import unsupported

        raise unsupported(
            "scipy.special.logsumexp with return_sign=True", "write it with np.exp and np.sum"
        )
    x = as_float(a)
    top = functions[np.max](x, axis=axis, keepdims=True)
    top = select(pointwise("isfinite", top), top, constant(0, x.dtype))
    terms = pointwise("exp", pointwise("subtract", x, top))
    if b is not None:
        terms = pointwise("multiply", b, terms)
    total = pointwise("log", functions[np.sum](terms, axis=axis, keepdims=True))
    result = pointwise("add", total, top)
    if keepdims:
        return result
    axes = tuple(range(x.ndim)) if axis is None else axis
    squeezed = functions[np.squeeze](result, axes)
    return Tracer(squeezed.value, "array" if squeezed.shape else "scalar")


@implements(special.softmax)
def softmax(x: Any, axis: Any = None) -> Tracer:
    """``exp(x) / sum(exp(x))`` without overflow."""
    value = as_float(x)
    terms = pointwise(
        "exp", pointwise("subtract", value, functions[np.max](value, axis=axis, keepdims=True))
    )
    return pointwise("divide", terms, functions[np.sum](terms, axis=axis, keepdims=True))


@implements(special.log_softmax)
def log_softmax(x: Any, axis: Any = None) -> Tracer:
    """``log(softmax(x))``."""
    value = as_float(x)
    shifted = pointwise("subtract", value, functions[np.max](value, axis=axis, keepdims=True))
    total = functions[np.sum](pointwise("exp", shifted), axis=axis, keepdims=True)
    return pointwise("subtract", shifted, pointwise("log", total))
