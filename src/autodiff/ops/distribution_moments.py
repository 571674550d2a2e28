"""Moments, entropy, median and support of any distribution of ``scipy.stats``, by SciPy's own code of its formulas.

    gamma.var(a, loc, scale)      =>   select(valid, gamma._stats(a)[1] * scale**2, nan)
    gamma.entropy(a)              =>   gamma._entropy(a) + log(scale)

``_stats`` gives mean, variance, skewness and excess kurtosis of the standardised variable, or None for those
that follow from ``_munp``, moments about 0. Where a distribution has neither, or no ``_entropy``, SciPy integrates
one number at a time; so does its code here, which is followed, of numbers only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np

from autodiff.ops import distributions
from autodiff.ops.distributions import _float, _formula, _true, answer, interpreted, run
from autodiff.ops.function_table import functions
from autodiff.ops.known import check, known
from autodiff.ops.promotion import as_array, broadcast_shapes, broadcast_to, select
from autodiff.ops.smooth import unknown_slope
from autodiff.ops.tracer import Tracer
from autodiff.ops.ufuncs import unsupported

# Up to these absolute values of its parameter, or from them on, SciPy's mean, variance, skewness and kurtosis have a
# slope that is rounding, some powers of the parameter as large, or none: constants are in their place, or terms that
# cancel. Moments about 0 are as the last.
_UNKNOWN = {
    "genextreme": (1e-5, 1e-3, 5e-3, 1e-2),
    "bradford": (2e-3, 2e-2, 1e-1, 2e-1),
    "truncexpon": (1e-3, 1e-3, 1e-3, 1e-3),
}
_UNKNOWN_FROM = {"chi": (np.inf, 700.0, 200.0, 100.0)}


def _of_known_slope(dist: Any, k: int, value: Any, shapes: Any) -> Any:
    """A moment, with a derivative that is NaN where SciPy's formula has none."""
    name = dist.name
    if value is None or not distributions.is_own(dist):
        return value
    if name not in _UNKNOWN and name not in _UNKNOWN_FROM:
        return value
    c = _float(shapes[0])
    lost: Any = c > _UNKNOWN_FROM[name][k] if name in _UNKNOWN_FROM else np.abs(c) < _UNKNOWN[name][k]  # fmt: skip
    return value + select(lost, unknown_slope(c), 0.0, np.float64)


class Standardised:
    """A distribution with its parameters, and the moments that are asked of it, each made once."""

    def __init__(self, dist: Any, args: Any, kwds: dict[str, Any]) -> None:
        from scipy import stats

        self.dist, self.args, self.kwds = dist, args, kwds
        self.discrete = isinstance(dist, stats.rv_discrete)
        scaled = not self.discrete
        self.shapes, self.loc, self.scale = distributions.parameters(dist, args, kwds, scaled)
        valid = _true(interpreted(dist._argcheck, *self.shapes)) if self.shapes else True
        self.valid = (valid & (self.scale > 0)) & np.equal(self.loc, self.loc)
        self._given: tuple[Any, Any, Any, Any] | None = None
        self._raw: dict[int, Any] = {}
        numbers: list[Any] = [known(s) for s in self.shapes]
        own = type(dist).__module__.startswith("scipy.stats.")
        fixed = own and all(x is not None and not np.shape(x) for x in numbers)
        # Shapes that are no inputs: what follows from them is a constant, found by SciPy itself.
        self.fixed = [np.array([float(x)]) for x in numbers] if fixed else None

    def checked(self, value: Any) -> Any:
        """A result: NaN for parameters out of range."""
        defined = self.valid & np.equal(value, value)  # a moment may not exist
        return answer(defined, value, *self.shapes, self.loc, self.scale)

    def numbers(self, what: str) -> None:
        """SciPy integrates one number at a time."""
        if any(as_array(s).shape for s in self.shapes):
            title = type(self.dist).__name__.removesuffix("_gen")
            raise unsupported(
                f"scipy.stats.{title}.{what} of arrays", "ask for one number at a time"
            )

    def given(self) -> tuple[Any, Any, Any, Any]:
        """What ``_stats`` gives: mean, variance, skewness, kurtosis, each or None."""
        from scipy.stats._distn_infrastructure import rv_generic

        if self._given is None:
            method = self.dist._stats
            if type(self.dist)._stats is rv_generic._stats:
                self._given = (None, None, None, None)
            elif self.fixed is not None:
                words = {"moments": "mvsk"} if self.dist._stats_has_moments else {}
                found = method(*self.fixed, **words)
                self._given = tuple([_number(part) for part in found])
            elif (self.dist.name, "stats") in distributions.RULES and distributions.is_own(
                self.dist
            ):
                self._given = _formula(self.dist, "stats", *self.shapes)
            elif "moments" in inspect.signature(method).parameters:
                self._given = self._known(run(method, (*self._broadcast(), "mvsk")))
            elif self.shapes:
                self._given = self._known(_formula(self.dist, "stats", *self.shapes))
            else:
                self._given = interpreted(method)
        assert self._given is not None
        return self._given

    def _known(self, given: Any) -> Any:
        found = [_of_known_slope(self.dist, k, m, self.shapes) for k, m in enumerate(given)]
        return tuple(found)

    def _broadcast(self) -> list[Any]:
        arrays = [as_array(s) for s in self.shapes]
        shape = broadcast_shapes(*[a.shape for a in arrays])
        return [broadcast_to(a, shape) if shape else a for a in arrays]

    def about_zero(self, n: int) -> Any:
        """The moment of order n about 0, of the standardised variable."""
        if n not in self._raw:
            rule = distributions.MOMENTS.get(self.dist.name)
            if self.fixed is not None:
                self._raw[n] = _number(self.dist._munp(n, *self.fixed))
            elif rule is not None and distributions.is_own(self.dist):
                self._raw[n] = rule(n, *self._broadcast())
            elif distributions._default(self.dist, "_munp"):
                self.numbers("moment")
                self._raw[n] = interpreted(self.dist._mom0_sc, n, *self.shapes)
            else:
                raw = run(self.dist._munp, (n, *self._broadcast()))
                self._raw[n] = _of_known_slope(self.dist, 3, raw, self.shapes)
        return self._raw[n]

    def mean(self) -> Any:
        """The mean of the standardised variable."""
        mean = self.given()[0]
        return self.about_zero(1) if mean is None else mean

    def variance(self) -> Any:
        """Its variance: infinite where its mean is."""
        variance = self.given()[1]
        if variance is not None:
            return variance
        mean = self.mean()
        finite = np.logical_not(np.isinf(mean))
        square = self.about_zero(2) - np.where(finite, mean, 0.0) ** 2
        return np.where(finite, square, np.inf)

    def third(self) -> Any:
        """Its third central moment."""
        skewness = self.given()[2]
        if skewness is not None:
            return skewness * np.power(self.variance(), 1.5)
        mean = self.mean()
        return (-mean * mean - 3 * self.variance()) * mean + self.about_zero(3)

    def fourth(self) -> Any:
        """Its fourth central moment."""
        kurtosis = self.given()[3]
        variance = self.variance()
        if kurtosis is not None:
            return (kurtosis + 3.0) * variance**2
        mean = self.mean()
        return ((-(mean**2) - 6 * variance) * mean - 4 * self.third()) * mean + self.about_zero(4)

    def moment(self, n: int) -> Any:
        """Its moment of order n about 0, from what ``_stats`` gives where that is enough."""
        if n == 0:
            return 1.0
        mean = self.mean()
        if n == 1:
            return mean
        if n == 2 and self.given()[1] is not None:
            return self.variance() + mean * mean
        if n == 3 and self.given()[2] is not None:
            return self.third() + 3 * mean * self.variance() + mean**3
        if n == 4 and self.given()[3] is not None:
            return self.fourth() + 4 * mean * self.third() + 6 * mean**2 * self.variance() + mean**4
        return self.about_zero(n)


def _number(x: Any) -> Any:
    """What SciPy gives of arrays of one element."""
    return None if x is None else float(np.asarray(x).reshape(-1)[0])


def _mean(d: Standardised) -> Any:
    return d.checked(d.mean() * d.scale + d.loc)


def _variance(d: Standardised) -> Any:
    return d.checked(d.variance() * d.scale * d.scale)


def _deviation(d: Standardised) -> Any:
    return d.checked(np.sqrt(d.variance()) * d.scale)


def _skewness(d: Standardised) -> Any:
    found = d.given()[2]
    return d.checked(d.third() / np.power(d.variance(), 1.5) if found is None else found)


def _kurtosis(d: Standardised) -> Any:
    found = d.given()[3]
    return d.checked(d.fourth() / d.variance() ** 2 - 3.0 if found is None else found)


def _entropy(d: Standardised) -> Any:
    if d.fixed is not None:
        return d.checked(_number(d.dist.vecentropy(*d.fixed)) + np.log(d.scale))
    rule = distributions.RULES.get((d.dist.name, "entropy"))
    if rule is not None and distributions.is_own(d.dist):
        return d.checked(_formula(d.dist, "entropy", *d.shapes) + np.log(d.scale))
    if distributions._default(d.dist, "_entropy"):
        d.numbers("entropy")
    value = (
        run(d.dist._entropy, tuple(d._broadcast())) if d.shapes else interpreted(d.dist._entropy)
    )
    return d.checked(value + np.log(d.scale))


def _support(d: Standardised) -> tuple[Any, Any]:
    """The ends of the support: integers where all that they are made of is."""
    shapes, loc, scale = distributions.parameters(
        d.dist, d.args, d.kwds, scaled=not d.discrete, convert=as_array
    )
    wide = broadcast_shapes(*[x.shape for x in (*shapes, loc, scale)])
    loc = broadcast_to(loc, wide) if wide else loc
    found = [as_array(end) * scale + loc for end in distributions._support(d.dist, shapes)]
    return tuple([d.checked(x) if x.dtype.kind == "f" else _whole(d, x) for x in found])


def _whole(d: Standardised, end: Any) -> Any:
    """An end that is an integer; of parameters out of range it is NaN, which plain Python gives."""
    check(functions[np.all](d.valid), "the parameters of a distribution are in their ranges")
    return Tracer(as_array(end).value, "array" if end.shape else "scalar")


OF_PARAMETERS: dict[str, Callable[[Standardised], Any]] = {
    "mean": _mean, "var": _variance, "std": _deviation, "entropy": _entropy, "support": _support,
}  # fmt: skip
_LETTERS = {"m": _mean, "v": _variance, "s": _skewness, "k": _kurtosis}


def stats_of(dist: Any, *args: Any, moments: str = "mv", **kwds: Any) -> Any:
    """``dist.stats``: mean, variance, skewness and kurtosis, those whose letters are given."""
    made = Standardised(dist, args, kwds)
    found = tuple([rule(made) for letter, rule in _LETTERS.items() if letter in moments])
    return found[0] if len(found) == 1 else found


def moment_of(dist: Any, order: int, *args: Any, **kwds: Any) -> Any:
    """``dist.moment``: about 0, by the binomial theorem in location and scale."""
    if int(order) != order or order < 0:
        raise ValueError("Moment must be an integer." if order >= 0 else "Moment must be positive.")
    d, n = Standardised(dist, args, kwds), int(order)
    total: Any = 0.0
    for k in range(n + 1):
        term = comb(n, k) * d.moment(k) * d.scale**k
        total = total + (term * d.loc ** (n - k) if k < n else term)
    return d.checked(total)


__all__ = ["OF_PARAMETERS", "Standardised", "moment_of", "stats_of"]
