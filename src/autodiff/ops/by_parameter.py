"""Derivatives of special functions by orders and parameters of which no formula in known functions exists.

    by_parameter(jv, 0, of_order)        the rule ∂/∂v of jv(v, x)

The functions are analytic in their parameters, so the polynomial through values at 16 Chebyshev points about
a parameter has the derivative there, but for ``(ρ + sqrt(ρ² + 1))^-16``, where ρ is the distance of the closest singularity in
units of the radius, or ``(c r)^16 / 2^15 16!`` of a function that grows no faster than ``exp(c |v|)``. A radius of a quarter
of the distance, or ``3 / 2c``, makes that less than the rounding of the values, of which there remains 15 / r times
their error: the derivative has two digits fewer than SciPy's own values, relative to ``|f| / r + |f'|``. The last
coefficients of the polynomial are nothing but that error: where they say that fewer than five digits would be right,
as where SciPy's hypergeometric function of nearly equal exponents has few itself, the derivative is NaN.

The points are 16 values of the same function, so mixed and second derivatives follow.

Source: L. N. Trefethen, Approximation Theory and Approximation Practice (2013), theorems 8.2 and 21.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ops.custom import stop
from autodiff.ops.tracer import Tracer

_COUNT = 16
_HALF = (2 * np.arange(_COUNT // 2) + 1) * (np.pi / (2 * _COUNT))
# Of 30 binary digits, as a radius is of 10: the points of the points, in second derivatives, are the parameter itself
# where they should be, not next to it, where a function of whole orders would be one of any.
_PLACES = np.rint(np.cos(_HALF) * 2.0**30) / 2.0**30
NODES = np.concatenate([_PLACES, -_PLACES])
_SPLIT = 2.0**43 + 1


def _weight(j: int) -> float:
    """The derivative at 0 of the polynomial that is 1 at one node and 0 at the others, whose inverses sum up to 0."""
    others = np.delete(NODES, j)
    return float(np.prod(others / (others - NODES[j])) / NODES[j])


WEIGHTS = np.array([_weight(j) for j in range(_COUNT)])
# Coefficients of the Chebyshev polynomials of degree 13 and 15.
_LAST = tuple([np.cos(k * np.arccos(NODES)) * (2 / _COUNT) for k in (13, 15)])
_NOISE = 1e-5
_REACH = 1.5
_CLOSEST = 1e-8  # a radius whose values are of different arguments, of half of the digits
_ROUNDING = 1e3 * float(np.finfo(np.float64).eps)


def by_parameter(
    function: Callable[..., Any], k: int, growth: Callable[..., Any], size: float = 0.0
) -> Any:
    """The partial derivative of ``function`` by its argument ``k``, as a rule.

    Parameters
    ----------
    function : callable
        The function, of arrays or tracers of one shape.
    k : int
        The argument.
    growth : callable
        Of the arguments: c, where the function grows as ``exp(c |v|)``; six over the distance of a singularity.
    size : float
        That of what the function is a sum of: near a root, where they cancel, digits are counted from there.
    """

    def partial(y: Any, *operands: Any) -> Any:
        radius: Any = _REACH / np.maximum(growth(*operands), _REACH)
        radius = stop(radius) if isinstance(radius, Tracer) else radius
        many = radius * _SPLIT
        radius = many - (many - radius)
        columns = [np.reshape(x, (*np.shape(x), 1)) for x in operands]
        columns[k] = columns[k] + np.reshape(radius, (*np.shape(radius), 1)) * NODES
        values = function(*columns)
        slope = np.sum(values * WEIGHTS, axis=-1) / radius
        # A factor, so that derivatives of the derivative know of it.  Next to a singularity all values are one.
        lost = np.less(radius, _CLOSEST * np.maximum(np.abs(operands[k]), 1e-280))
        return slope * np.where(_is_noisy(values, size) | lost, np.nan, 1.0)

    return partial


def _is_noisy(values: Any, size: float) -> Any:
    """Whether an error of the values is more than a small part of them, or of ``size``, when multiplied."""
    error = sum(np.abs(np.sum(values * last, axis=-1)) for last in _LAST)
    right = _COUNT * error <= _NOISE * np.max(np.abs(values), axis=-1) + _ROUNDING * size
    return np.logical_not(right & np.isfinite(error))


def of_order(v: Any, x: Any, *imaginary: Any) -> Any:
    """A Bessel function by its order: ``(x / 2v)^v``, and trigonometric functions of ``πv``."""
    size = np.abs(x) + sum(np.abs(part) for part in imaginary)
    rate = np.log(2 * np.maximum(np.abs(v), 1.0)) - np.log(np.where(np.equal(size, 0), 1.0, size))
    return np.hypot(np.maximum(rate, 0.0), 4.0 if imaginary else 2.0)


def beyond(v: Any) -> Any:
    """Six over the distance from the closest of the poles, which are 0, -1, -2 and so on."""
    near = np.where(np.less(v, 0.5), np.abs(v - np.rint(v)), v)
    return 6.0 / np.maximum(near, 1e-300)


def whole_degree(n: Any, growth: Any) -> Any:
    """A polynomial in its parameter where the degree is whole, of that degree; else as ``growth`` says."""
    whole = np.equal(n, np.floor(n)) & np.greater_equal(n, 0)
    return np.where(whole, np.log1p(np.where(whole, n, 1.0)), growth)


def power_of(x: Any, *imaginary: Any) -> Any:
    """A function that grows as a power of ``1 + |x|``."""
    return np.log1p(np.abs(x) + sum(np.abs(part) for part in imaginary)) + _REACH


__all__ = ["beyond", "by_parameter", "of_order", "power_of", "whole_degree"]
