"""Counts of draws of which SciPy has the masses in C++: its values, with derivatives by odds and probabilities.

    nchypergeom_fisher.pmf(k, M, n, N, w)       binom(n, k) binom(M - n, N - k) w**k over the sum of these
    nchypergeom_wallenius.pmf(k, M, n, N, w)    N draws one after the other, of which each is of the first kind with
                                                probability w a / (w a + b) where a and b of both kinds are left
    poisson_binom.pmf(k, p)                     one trial after the other, each of its own probability

The first two SciPy finds as integrals to a tolerance.  The sums are finite, so all derivatives are exact; those of draws
cost their number times the support.  Sizes are known where the program is made: an urn has no derivative by them.

Source: A. Fog, Calculation methods for Wallenius' noncentral hypergeometric distribution, Communications in
Statistics 37 (2008), equations 2 and 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as known_special
from scipy import stats

from autodiff.ops import distributions
from autodiff.ops.distribution_routines import constant
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import known
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.smooth import derived_as
from autodiff.ops.ufuncs import unsupported


def _column(x: Any) -> Any:
    return np.reshape(x, (*np.shape(x), 1))


def _sizes(*sizes: Any) -> tuple[int, int, int]:
    """How many there are, how many of the first kind, how many are drawn: numbers, not arrays."""
    found = []
    for size in map(known, sizes):
        if size is None or not size.size or np.any(size != size.flat[0]):
            raise unsupported(
                "an urn whose sizes are known only at run time, or are several",
                "give the sizes of the urn as numbers",
            )
        found.append(int(size.flat[0]))
    return found[0], found[1], found[2]


def _log_binomial(n: int, k: Any) -> Any:
    return known_special.gammaln(n + 1.0) - known_special.gammaln(k + 1.0) - known_special.gammaln(n - k + 1.0)  # fmt: skip


def _fisher(counts: Any, whole: int, first: int, drawn: int, odds: Any) -> Any:
    """The probabilities of the counts, along a last axis."""
    ways = _log_binomial(first, counts) + _log_binomial(whole - first, drawn - counts)
    terms = ways + counts * np.log(_column(odds))
    terms = np.exp(terms - np.max(terms, axis=-1, keepdims=True))
    return terms / np.sum(terms, axis=-1, keepdims=True)


def _one_after_the_other(odds, first, second, drawn):  # type: ignore[no-untyped-def]
    """Interpreted as a user's function is, so that the draws are one loop."""
    counts = np.arange(drawn + 1.0)
    probability = (counts == 0) + 0.0 * odds
    for n in range(drawn):
        left, others = np.maximum(first - counts, 0.0), np.maximum(second - n + counts, 0.0)
        some = (left + others) > 0
        taken = probability * np.where(
            some, odds * left / np.where(some, odds * left + others, 1.0), 0.0
        )
        moved = np.concatenate([0.0 * odds, taken[..., :-1]], axis=-1)
        probability = probability - taken + moved
    return probability


def _wallenius(counts: Any, whole: int, first: int, drawn: int, odds: Any) -> Any:
    """The probabilities of the counts, along a last axis."""
    column = _column(odds)
    found = interpreted(_one_after_the_other, column, float(first), float(whole - first), drawn)
    return found[..., int(counts[0]) : int(counts[-1]) + 1]


def _trials(chances):  # type: ignore[no-untyped-def]
    """The probabilities of 0, 1, … successes along a last axis, of trials along the first one; interpreted."""
    counts = np.arange(chances.shape[0] + 1.0)
    probability = (counts == 0) + 0.0 * chances[0]
    for n in range(chances.shape[0]):
        taken = probability * chances[n]
        moved = np.concatenate([0.0 * chances[n], taken[..., :-1]], axis=-1)
        probability = probability - taken + moved
    return probability


_PROBABILITIES: dict[str, Callable[..., Any]] = {
    "nchypergeom_fisher": _fisher,
    "nchypergeom_wallenius": _wallenius,
}


def _all(dist: Any, *shapes: Any) -> tuple[Any, Any]:
    """The counts that are possible and their probabilities."""
    if dist.name in distributions.OF_LISTS:
        chances = np.stack([_column(p) for p in shapes])
        return np.arange(len(shapes) + 1.0), interpreted(_trials, chances)
    whole, first, drawn = _sizes(*shapes[:3])
    counts = np.arange(max(0, drawn - whole + first), min(drawn, first) + 1.0)
    return counts, _PROBABILITIES[dist.name](counts, whole, first, drawn, shapes[3])


def _mass(dist: Any, k: Any, *shapes: Any) -> Any:
    counts, table = _all(dist, *shapes)
    chosen = np.equal(_column(k), counts)
    return derived_as(constant(dist, "pmf", k, *shapes), np.sum(table * chosen, axis=-1))


def _cumulative(dist: Any, k: Any, *shapes: Any) -> Any:
    counts, table = _all(dist, *shapes)
    below = np.less_equal(counts, _column(k))
    return derived_as(constant(dist, "cdf", k, *shapes), np.sum(table * below, axis=-1))


def _entropy(dist: Any, *shapes: Any) -> Any:
    _, table = _all(dist, *shapes)
    some = table > 0  # what is too rare for a number adds nothing
    terms = np.where(some, -table * np.log(np.where(some, table, 1.0)), 0.0)
    return derived_as(constant(dist, "entropy", *shapes), np.sum(terms, axis=-1))


def _moments(dist: Any, *shapes: Any) -> tuple[Any, ...]:
    """Mean and variance, as ``_stats`` gives them."""
    counts, table = _all(dist, *shapes)
    mean = np.sum(counts * table, axis=-1)
    variance = np.sum((counts - _column(mean)) ** 2 * table, axis=-1)
    values = [constant(dist, name, *shapes) for name in ("mean", "variance")]
    return derived_as(values[0], mean), derived_as(values[1], variance), None, None


def _of(rule: Callable[..., Any], dist: Any) -> Callable[..., Any]:
    return lambda *x: rule(dist, *[cast(as_array(v), np.float64) for v in x])


# What SciPy makes of those that are entered.
def _logarithm(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *x: np.log(rule(*x))


def _complement(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *x: 1.0 - rule(*x)


def _enter() -> None:
    rules = distributions.RULES
    for name in (*_PROBABILITIES, *distributions.OF_LISTS):
        dist = getattr(stats, name, None)  # of older versions
        if dist is None:
            continue

        formulas = {"pmf": _mass, "cdf": _cumulative, "entropy": _entropy}
        if name in _PROBABILITIES:
            formulas["stats"] = _moments
        rules.update({(name, what): _of(rule, dist) for what, rule in formulas.items()})
        rules[name, "logpmf"] = _logarithm(rules[name, "pmf"])
        rules[name, "sf"] = _complement(rules[name, "cdf"])
        for what in ("cdf", "sf"):
            rules[name, f"log{what}"] = _logarithm(rules[name, what])


_enter()

__all__: list[str] = []
