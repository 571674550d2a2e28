"""Densities with derivatives at the ends of their support, or at 0, where SciPy's own formula has none.

    burr.pdf(x, c, d)        c d x**(c d - 1) / (1 + x**c)**(d + 1): SciPy's has negative powers of x, and one for x = 0
    rice.pdf(x, b)           by I0, where the scaled function has a kink at 0
    dweibull.pdf(x, c)       a function of abs(x), which may have derivatives where abs has none

The value is SciPy's own.  Densities that are ``exp`` of a sum with ``xlogy`` need no row, see ``log_powers``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from autodiff.ops import special
from autodiff.ops.distributions import RULES, run
from autodiff.ops.smooth import derived_as, of_size

_gammaln, _i0, _i0e = (
    (lambda *x, name=name: special.apply(name, *x)) for name in ("lgamma", "scipy_i0", "scipy_i0e")
)


def _burr(x: Any, c: Any, d: Any) -> Any:
    # The two forms are one function; each is finite on its side of 1.
    near = np.less(x, 1)
    small, large = np.where(near, x, 0.5), np.where(near, 2.0, x)
    left = small ** (c * d - 1) / (1 + small**c) ** (d + 1)
    right = large ** (-c - 1.0) / (1 + large ** (-c)) ** (d + 1)
    return c * d * np.where(near, left, right)


def _rice(x: Any, b: Any) -> Any:
    z = x * b
    end = np.equal(z, 0)
    scaled = np.where(end, np.exp(-z) * _i0(np.where(end, z, 0.0)), _i0e(np.where(end, 1.0, z)))
    return x * np.exp(-(x - b) * (x - b) / 2.0) * scaled


def _argus(x: Any, chi: Any) -> Any:
    # The factor that depends on chi alone, from the density at a place inside.
    factor = run(stats.argus._pdf, (0.0 * x + 0.5, chi)) / _argus_shape(0.5, chi)
    return factor * _argus_shape(x, chi)


def _argus_shape(x: Any, chi: Any) -> Any:
    y = (1.0 - x) * (1.0 + x)
    return x * np.sqrt(y) * np.exp(-0.5 * chi * chi * y)


def _gamma_both_sides(x: Any, a: Any) -> Any:
    return 0.5 * of_size(lambda size: size ** (a - 1.0) * np.exp(-size - _gammaln(a)), x)


def _weibull_both_sides(x: Any, c: Any) -> Any:
    return 0.5 * of_size(lambda size: c * size ** (c - 1.0) * np.exp(-(size**c)), x)


def _weibull_cdf(x: Any, c: Any) -> Any:
    # Not by abs(x), whose kink would be one of the derivatives.
    right = np.greater(x, 0)
    half = 0.5 * np.exp(-(np.where(right, x, -x) ** c))
    return np.where(right, 1 - half, half)


def _weibull_sf(x: Any, c: Any) -> Any:
    return _weibull_cdf(-x, c)


# By name and method: SciPy's value with the derivatives of these.
_ENDS: dict[tuple[str, str], Callable[..., Any]] = {
    ("burr", "pdf"): _burr,
    ("fisk", "pdf"): lambda x, c: _burr(x, c, 1.0),
    ("rice", "pdf"): _rice,
    ("argus", "pdf"): _argus,
    ("dgamma", "pdf"): _gamma_both_sides,
    ("dweibull", "pdf"): _weibull_both_sides,
    ("dweibull", "cdf"): _weibull_cdf,
    ("dweibull", "sf"): _weibull_sf,
}


def _rule(name: str, method: str, formula: Callable[..., Any]) -> Callable[..., Any]:
    own = getattr(getattr(stats, name), f"_{method}")
    return lambda *x: derived_as(run(own, x), formula(*x))


RULES.update({key: _rule(*key, formula) for key, formula in _ENDS.items()})
