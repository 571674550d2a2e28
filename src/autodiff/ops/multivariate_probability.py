"""The distribution functions of the normal and of Student's distribution of several variables, and their derivatives.

    box(lower, upper, covariance, how)            the probability of lower < x < upper, of mean 0
    student_box(lower, upper, shape, df, how)     that of Student's distribution

Its value is SciPy's, which is a rule of fixed points up to two normal variables; beyond, SciPy draws its points, and
``how`` says how many and by which seed. What a limit moves is the density there times the probability of the others,
given that value: a box of one variable less. By an element of the covariance it is the second derivative by its two
limits (Plackett, 1954), and half of that on the diagonal. Given a value x of variance s, the others have Student's
distribution of one degree of freedom more, and a shape (df + x x / s) / (df + 1) times as large; as a mixture of normal
ones, the derivative by an element of the shape has the same degrees of freedom.
Derivatives of every order follow, as these boxes are differentiated in turn. By the degrees of freedom there is none.

Source: R. L. Plackett, A reduction formula for normal multivariate integrals (1954); A. Genz and F. Bretz,
Computation of Multivariate Normal and t Probabilities (2009), 2.3; C. W. Dunnett and M. Sobel, A bivariate
generalization of Student's t-distribution (1954).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops import special
from autodiff.ops.builder import current_builder
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import functions
from autodiff.ops.known import check
from autodiff.ops.tracer import emit_tracer

_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


# How SciPy draws its points: at most so many, errors, and the seed. Zero and -1 where nothing is said.
DRAWN = {"maxpts": 0, "abseps": 1e-5, "releps": 1e-5, "seed": -1}


def _meaning(
    lower: Any, upper: Any, cov: Any, maxpts: int, abseps: float, releps: float, seed: int
) -> Any:
    words = {} if seed < 0 else {"rng": seed}
    found = stats.multivariate_normal.cdf(
        upper, np.zeros(len(upper)), cov, maxpts=maxpts or None, abseps=abseps, releps=releps,
        lower_limit=lower, **words,
    )  # fmt: skip
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


def box(lower: Any, upper: Any, cov: Any, how: dict[str, Any]) -> Any:
    """The probability of a box."""
    size = upper.shape[0]
    if size == 0:
        return 1.0
    if size == 1:
        return _below(upper[0], cov[0, 0]) - _below(lower[0], cov[0, 0])
    return emit_tracer("normal_box", lower, upper, cov, **how)


def _given(limits: list[Any], cov: Any, k: int, value: Any) -> tuple[Any, Any, Any]:
    """The box of the other variables, given the value of variable k."""
    rest = [i for i in range(cov.shape[0]) if i != k]
    column = cov[k, :][rest]
    shift = column / cov[k, k] * value
    inner = cov[np.ix_(rest, rest)] - np.outer(column, column) / cov[k, k]
    lower, upper = (limit[rest] - shift for limit in limits)
    return lower, upper, inner


def _first(limits: list[Any], cov: Any, k: int, side: int, how: dict[str, Any]) -> Any:
    """The derivative by the limit of variable k on a side, 0 or 1."""
    value = limits[side][k]
    finite = np.isfinite(value)
    place = np.where(finite, value, 0.0)
    found = _density(value, cov[k, k]) * box(*_given(limits, cov, k, place), how)
    return found if side else -found


def _mixed(limits: list[Any], cov: Any, j: int, k: int, how: dict[str, Any]) -> Any:
    """The second derivative by the limits of two variables, summed over their sides."""
    total: Any = 0.0
    for side in (0, 1):
        value = limits[side][j]
        place = np.where(np.isfinite(value), value, 0.0)
        lower, upper, inner = _given(limits, cov, j, place)
        at = k if k < j else k - 1
        slopes = sum(_first([lower, upper], inner, at, end, how) for end in (0, 1))
        term = _density(value, cov[j, j]) * slopes
        total = total + (term if side else -term)
    return total


def _by_covariance(
    limits: list[Any], cov: Any, first: Callable[[int, int], Any], mixed: Callable[[int, int], Any]
) -> Any:
    """The derivative by each element of the covariance, as a matrix.

    ``first(k, side)`` and ``mixed(j, k)`` are those by limits. The diagonal is what is left: scaling a variable, its
    limits and its row and column, changes nothing.
    """
    size = cov.shape[0]
    rows: list[list[Any]] = [[None] * size for _ in range(size)]
    for j in range(size):
        for k in range(j):
            rows[j][k] = rows[k][j] = mixed(j, k)
    for k in range(size):
        total: Any = 0.0
        for side in (0, 1):
            value = limits[side][k]
            place = np.where(np.isfinite(value), value, 0.0)
            total = total - place * first(k, side)
        for j in range(size):
            if j != k:
                total = total - cov[k, j] * rows[k][j]
        rows[k][k] = total / cov[k, k]
    return 0.5 * functions[np.stack]([functions[np.stack](row) for row in rows])


def _by_limit(size: int, first: Callable[[int, int], Any], side: int) -> Any:
    return functions[np.stack]([first(k, side) for k in range(size)])


def _normal_parts(site: Site, wanted: Any) -> list[Any]:
    lower, upper, cov = site.operands
    how = dict(site.attributes)
    first = lambda k, side: _first([lower, upper], cov, k, side, how)  # noqa: E731
    mixed = lambda j, k: _mixed([lower, upper], cov, j, k, how)  # noqa: E731
    return _parts([lower, upper], cov, first, mixed, wanted)


def _parts(limits: list[Any], cov: Any, first: Any, mixed: Any, wanted: Any) -> list[Any]:
    rules = (
        lambda: _by_limit(cov.shape[0], first, 0),
        lambda: _by_limit(cov.shape[0], first, 1),
        lambda: _by_covariance(limits, cov, first, mixed),
    )
    return [rule() if w else None for rule, w in zip(rules, wanted, strict=True)]


# -- covariances without full rank ------------------------------------------------------------------------------
def degenerate(difference: Any, cov: Any) -> tuple[Any, Any, Any, Any]:
    """Of rows, under a covariance that may be singular: squared distances, and whether they are in its range.

    Also the logarithm of the product of its eigenvalues that are not 0, and how many there are. With n the
    projector on what it takes to 0, that is the determinant of ``cov + n``, of which all derivatives are those of a
    covariance of the same rank. What counts as 0 is said by SciPy, as are rows that are rounding apart from the range.
    """
    size = cov.shape[0]
    values: Any = functions[np.linalg.eigvalsh](stop(cov))
    cond = 1e6 * float(np.finfo(np.float64).eps)
    tiny = cond * np.max(np.abs(values))
    check(
        np.min(values) >= -tiny,
        "the covariance is positive semidefinite",
        ValueError("The input matrix must be symmetric positive semidefinite."),
    )
    inverse: Any = functions[np.linalg.pinv](cov, cond)
    null = functions[np.eye](size) - np.matmul(cov, inverse)
    rank = np.count_nonzero(values > tiny)
    _, logarithm = functions[np.linalg.slogdet](cov + null)
    distance = np.sum(np.matmul(difference, inverse) * difference, axis=-1)
    apart: Any = np.matmul(stop(difference), stop(null))
    return distance, logarithm, rank, np.sqrt(np.sum(apart * apart, axis=-1)) < 1e3 * tiny


# -- Student's ------------------------------------------------------------------------------------------------
def _student_meaning(lower: Any, upper: Any, shape: Any, df: Any, maxpts: int, seed: int) -> Any:
    found = stats.multivariate_t.cdf(
        upper, np.zeros(len(upper)), shape, float(df), maxpts=maxpts or None, lower_limit=lower,
        random_state=None if seed < 0 else seed,
    )  # fmt: skip
    return np.asarray(found, np.float64)


def student_box(lower: Any, upper: Any, shape: Any, df: Any, how: dict[str, Any]) -> Any:
    """The probability of a box under Student's distribution, by SciPy's points."""
    points = {name: how[name] for name in ("maxpts", "seed")}  # SciPy asks it for no errors
    return emit_tracer("student_box", lower, upper, shape, df, **points)


def _student_inner(limits: tuple[Any, Any], shape: Any, df: Any, how: dict[str, Any]) -> Any:
    lower, upper = limits
    if upper.shape[0] == 0:
        return 1.0
    if upper.shape[0] > 1:
        return student_box(lower, upper, shape, df, how)
    high, low = (_student_below(limit[0] / np.sqrt(shape[0, 0]), df) for limit in (upper, lower))
    return high - low


def _student_below(x: Any, df: Any) -> Any:
    finite = np.isfinite(x)
    value = special.apply("scipy_stdtr", df, np.where(finite, x, 0.0))
    return np.where(finite, value, np.where(np.greater(x, 0), 1.0, 0.0))


def _student_first(limits: list[Any], shape: Any, df: Any, k: int, side: int, how: Any) -> Any:
    value = limits[side][k]
    finite = np.isfinite(value)
    place = np.where(finite, value, 0.0)
    square = place * place / shape[k, k]
    # Not a difference of log-gammas: poch is the quotient itself.
    level = special.apply("scipy_poch", 0.5 * df, 0.5) / np.sqrt(np.pi * df * shape[k, k])
    density = np.where(finite, level * np.exp(-0.5 * (df + 1.0) * np.log1p(square / df)), 0.0)
    lower, upper, inner = _given(limits, shape, k, place)
    scale = (df + square) / (df + 1.0)
    found = density * _student_inner((lower, upper), inner * scale, df + 1.0, how)
    return found if side else -found


def _student_mixed(limits: list[Any], shape: Any, df: Any, j: int, k: int, how: Any) -> Any:
    """Of the derivative by an element of the shape, summed over the corners of its two variables."""
    size = shape.shape[0]
    pair, rest = [j, k], [i for i in range(size) if i not in (j, k)]
    block, beside = shape[np.ix_(pair, pair)], shape[np.ix_(rest, pair)]
    determinant = block[0, 0] * block[1, 1] - block[0, 1] * block[1, 0]
    turned = functions[np.stack]([
        functions[np.stack]([block[1, 1], -block[0, 1]]),
        functions[np.stack]([-block[1, 0], block[0, 0]]),
    ]) / determinant  # fmt: skip
    slopes: Any = np.matmul(beside, turned) if rest else None
    total: Any = 0.0
    for first, second in ((0, 0), (0, 1), (1, 0), (1, 1)):
        corner = functions[np.stack]([limits[first][j], limits[second][k]])
        finite = functions[np.all](np.isfinite(corner))
        place = np.where(finite, corner, 0.0)
        square = np.sum(place * np.matmul(turned, place))
        term: Any = np.exp(-0.5 * df * np.log1p(square / df)) / (2 * np.pi * np.sqrt(determinant))
        if rest:
            inner = shape[np.ix_(rest, rest)] - np.matmul(slopes, functions[np.transpose](beside))
            shift = np.matmul(slopes, place)
            lower, upper = (limit[rest] - shift for limit in limits)
            term = term * _student_inner((lower, upper), inner * (1.0 + square / df), df, how)
        term = np.where(finite, term, 0.0)
        total = total + (term if first == second else -term)
    return total


def _student_parts(site: Site, wanted: Any) -> list[Any]:
    lower, upper, shape, df = site.operands
    if wanted[3]:
        raise DerivativeError(
            "scipy.stats.multivariate_t.cdf has no derivative by its degrees of freedom: no formula of it is known.",
            code="AD302",
            source=current_builder().source,
            remedy="pass them through autodiff.stop_gradient if no derivative should flow",
        )
    how = dict(site.attributes)
    first = lambda k, side: _student_first([lower, upper], shape, df, k, side, how)  # noqa: E731
    mixed = lambda j, k: _student_mixed([lower, upper], shape, df, j, k, how)  # noqa: E731
    return [*_parts([lower, upper], shape, first, mixed, wanted[:3]), None]


# -- entries ----------------------------------------------------------------------------------------------------
def _enter(name: str, meaning: Callable[..., Any], parts: Callable[..., list[Any]]) -> None:
    def push(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
        found: Any = None
        for part, d in zip(parts(site, [d is not None for d in tangents]), tangents, strict=True):
            if part is not None:
                # Limits at infinity do not move, whatever their tangent.
                term = np.sum(np.where(np.equal(part, 0), 0.0, part * d))
                found = term if found is None else found + term
        return (found,)

    def pull(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([None if x is None else cts[0] * x for x in parts(site, site.needed)])

    result = ArrayType(np.dtype(np.float64), ())
    register(Entry(name, lambda types, **how: (result,), meaning, Kernel(name), Rules(push, pull)))


_enter("normal_box", _meaning, _normal_parts)
_enter("student_box", _student_meaning, _student_parts)


__all__ = ["DRAWN", "box", "degenerate", "student_box"]
