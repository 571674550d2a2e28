"""The distribution function of the normal distribution of several variables, and its derivatives.

    box(lower, upper, covariance)      the probability of lower < x < upper, of mean 0

Its value is SciPy's, which is a rule of fixed points up to two variables; beyond, SciPy draws its points. What a limit moves is
the density there times the probability of the others, given that value: a box of one variable less. By an
element of the covariance it is the second derivative by its two limits (Plackett, 1954), and half of that on the diagonal.
Derivatives of every order follow, as these boxes are differentiated in turn.

Source: R. L. Plackett, A reduction formula for normal multivariate integrals (1954); A. Genz and F. Bretz,
Computation of Multivariate Normal and t Probabilities (2009), 2.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from autodiff.ir.data import ArrayType
from autodiff.ops import special
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import functions
from autodiff.ops.tracer import emit_tracer

_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


def _meaning(lower: Any, upper: Any, cov: Any) -> Any:
    found = stats.multivariate_normal.cdf(upper, np.zeros(len(upper)), cov, lower_limit=lower)
    return np.asarray(found, np.float64)


def _density(x: Any, variance: Any) -> Any:
    """The density at a limit, which may be infinite."""
    finite = np.isfinite(x)
    place = np.where(finite, x, 0.0)
    return np.where(finite, np.exp(-0.5 * place * place / variance) / np.sqrt(variance) / _ROOT_TWO_PI, 0.0)  # fmt: skip


def _below(x: Any, variance: Any) -> Any:
    """The probability below a limit, which may be infinite."""
    finite = np.isfinite(x)
    value = special.apply("scipy_ndtr", np.where(finite, x, 0.0) / np.sqrt(variance))
    return np.where(finite, value, np.where(np.greater(x, 0), 1.0, 0.0))


def box(lower: Any, upper: Any, cov: Any) -> Any:
    """The probability of a box."""
    size = upper.shape[0]
    if size == 0:
        return 1.0
    if size == 1:
        return _below(upper[0], cov[0, 0]) - _below(lower[0], cov[0, 0])
    return emit_tracer("normal_box", lower, upper, cov)


def _given(limits: list[Any], cov: Any, k: int, value: Any) -> tuple[Any, Any, Any]:
    """The box of the other variables, given the value of variable k."""
    rest = [i for i in range(cov.shape[0]) if i != k]
    column = cov[k, :][rest]
    shift = column / cov[k, k] * value
    inner = cov[np.ix_(rest, rest)] - np.outer(column, column) / cov[k, k]
    lower, upper = (limit[rest] - shift for limit in limits)
    return lower, upper, inner


def _first(limits: list[Any], cov: Any, k: int, side: int) -> Any:
    """The derivative by the limit of variable k on a side, 0 or 1."""
    value = limits[side][k]
    finite = np.isfinite(value)
    place = np.where(finite, value, 0.0)
    found = _density(value, cov[k, k]) * box(*_given(limits, cov, k, place))
    return found if side else -found


def _mixed(limits: list[Any], cov: Any, j: int, k: int) -> Any:
    """The second derivative by the limits of two variables, summed over their sides."""
    total: Any = 0.0
    for side in (0, 1):
        value = limits[side][j]
        place = np.where(np.isfinite(value), value, 0.0)
        lower, upper, inner = _given(limits, cov, j, place)
        at = k if k < j else k - 1
        slopes = _first([lower, upper], inner, at, 0) + _first([lower, upper], inner, at, 1)
        term = _density(value, cov[j, j]) * slopes
        total = total + (term if side else -term)
    return total


def _by_covariance(limits: list[Any], cov: Any) -> Any:
    """The derivative by each element of the covariance, as a matrix."""
    size = cov.shape[0]
    rows: list[list[Any]] = [[None] * size for _ in range(size)]
    for j in range(size):
        for k in range(j):
            rows[j][k] = rows[k][j] = _mixed(limits, cov, j, k)
    for k in range(size):
        # x f + (sum of the others), as the density's own slope is -x / variance.
        total: Any = 0.0
        for side in (0, 1):
            value = limits[side][k]
            place = np.where(np.isfinite(value), value, 0.0)
            total = total - place * _first(limits, cov, k, side)
        for j in range(size):
            if j != k:
                total = total - cov[k, j] * rows[k][j]
        rows[k][k] = total / cov[k, k]
    return 0.5 * functions[np.stack]([functions[np.stack](row) for row in rows])


def _by_limit(limits: list[Any], cov: Any, side: int) -> Any:
    return functions[np.stack]([_first(limits, cov, k, side) for k in range(cov.shape[0])])


def _parts(site: Site, wanted: Any) -> list[Any]:
    lower, upper, cov = site.operands
    limits = [lower, upper]
    rules = (
        lambda: _by_limit(limits, cov, 0),
        lambda: _by_limit(limits, cov, 1),
        lambda: _by_covariance(limits, cov),
    )
    return [rule() if w else None for rule, w in zip(rules, wanted, strict=True)]


def _push(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    found: Any = None
    for part, d in zip(_parts(site, [d is not None for d in tangents]), tangents, strict=True):
        if part is not None:
            # Limits at infinity do not move, whatever their tangent.
            term = np.sum(np.where(np.equal(part, 0), 0.0, part * d))
            found = term if found is None else found + term
    return (found,)


def _pull(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([None if part is None else cts[0] * part for part in _parts(site, site.needed)])


register(
    Entry(
        "normal_box",
        lambda types: (ArrayType(np.dtype(np.float64), ()),),
        _meaning,
        Kernel("normal_box"),
        Rules(_push, _pull),
    )
)


__all__ = ["box"]
