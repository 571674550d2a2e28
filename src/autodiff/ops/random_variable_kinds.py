"""Kinds of random variables: SciPy's distributions, and what is computed of them.

    Named(stats.norm, m, s)      a distribution of the older kind with its parameters
    Scaled Mapped Folded         2 * X + 1, exp(X) and log(X), abs(X): the density at the place that is mapped there
    Truncated(X, a, b)           the density over the probability between a and b
    Ordered(X, r, n)             by the beta distribution of cdf(X)
    Mixed([X, Y], weights=w)     sums, or sums of exponentials of logarithms

What is made of another variable asks it for densities and probabilities; quantiles that have no formula are found
by bisection between those of the parts.

Source: H. A. David and H. N. Nagaraja, Order Statistics (2003), 2.1.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from scipy.stats import _distribution_infrastructure as infrastructure

from autodiff.later import later
from autodiff.ops import distributions, special
from autodiff.ops.complex_numbers import joined
from autodiff.ops.custom import stop
from autodiff.ops.function_table import functions
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.tracer import HoldsTracers, Tracer
from autodiff.ops.ufuncs import unsupported

if TYPE_CHECKING:
    from autodiff.ops import distribution_moments as moments
    from autodiff.ops import scipy_functions, scipy_stats
else:
    # Which ask the tables for functions while they are loaded.
    moments = later("autodiff.ops.distribution_moments")
    scipy_functions = later("autodiff.ops.scipy_functions")
    scipy_stats = later("autodiff.ops.scipy_stats")

_INF = float("inf")


def as_float(x: Any) -> Any:
    """An operand in float64."""
    return cast(as_array(x), np.float64)


def _number(x: Any) -> Any:
    array = as_float(x)
    return Tracer(array.value, "array" if array.shape else "scalar")


def _log_difference(high: Any, low: Any) -> Any:
    """``log(exp(high) - exp(low))`` for high >= low; minus infinity where they agree."""
    same = np.equal(high, low)
    d = np.where(same, -1.0, low - high)
    return np.where(same, -_INF, high + np.log(-np.expm1(d)))


def _bisect(excess: Callable[..., Any], low: Any, high: Any) -> Any:
    """Between two bounds, where a rising function is 0."""
    for _ in range(64):
        middle = 0.5 * (low + high)
        above = excess(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


class Variable(HoldsTracers):
    """A random variable. Subclasses give ``pdf``, ``logpdf``, ``cdf1`` … ``logccdf1``, ``icdf``, ``iccdf``."""

    discrete = False
    closed = False  # the ends of the support have a density

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._unknown(name)

    def _unknown(self, name: str) -> Exception:
        return unsupported(f"{name} of a random variable {_WHAT[type(self)]}", "write its formula")

    def _raw(self, n: int) -> Any:
        """The moment of order n about 0."""
        raise self._unknown("a moment")

    def cdf(self, x: Any, y: Any = None, /) -> Any:
        """The probability below x, or between x and y, which is negative where y < x."""
        if y is None:
            return self.cdf1(x)
        return _number(self._between(x, y))

    def ccdf(self, x: Any, y: Any = None, /) -> Any:
        """The complement of ``cdf``."""
        if y is None:
            return self.ccdf1(x)
        first, second, swapped = self._rising(x, y)
        outside = self.cdf1(first) + self.ccdf1(second)
        return _number(np.where(swapped, 2.0 - outside, outside))

    def logcdf(self, x: Any, y: Any = None, /) -> Any:
        """The logarithm of ``cdf``; of two limits a complex number, also where they rise."""
        if y is None:
            return self.logcdf1(x)
        first, second, swapped = self._rising(x, y)
        real = _number(self._log_between(first, second))
        imaginary = np.where(np.isnan(real), 0.0, np.where(swapped, np.pi, 0.0))
        return joined(real, _number(imaginary), real.form)

    def _log_between(self, first: Any, second: Any) -> Any:
        """The logarithm of the probability between two limits that rise."""
        low = self.cdf1(first) < 0.5
        left = _log_difference(self.logcdf1(second), self.logcdf1(first))
        right = _log_difference(self.logccdf1(first), self.logccdf1(second))
        return np.where(low, left, right)

    def logccdf(self, x: Any, y: Any = None, /) -> Any:
        """The logarithm of ``ccdf``."""
        if y is None:
            return self.logccdf1(x)
        first, second, swapped = self._rising(x, y)
        outside = np.logaddexp(self.logcdf1(first), self.logccdf1(second))
        return _number(np.where(swapped, np.log1p(-np.expm1(outside)), outside))

    def _rising(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        """Two limits in order, and whether they were not."""
        first, second = as_float(x), as_float(y)
        return np.minimum(first, second), np.maximum(first, second), second < first

    def _between(self, x: Any, y: Any) -> Any:
        # In the upper tail by complements, which are small there.
        low = self.cdf1(x) < 0.5
        return np.where(low, self.cdf1(y) - self.cdf1(x), self.ccdf1(x) - self.ccdf1(y))

    def ilogcdf(self, logp: Any, /) -> Any:
        """The quantile of a probability that is given by its logarithm."""
        return self.icdf(np.exp(as_float(logp)))

    def ilogccdf(self, logp: Any, /) -> Any:
        """The upper quantile of a probability that is given by its logarithm."""
        return self.iccdf(np.exp(as_float(logp)))

    def median(self) -> Any:
        """The quantile of one half."""
        return self.icdf(0.5)

    def mean(self) -> Any:
        """The first moment about 0."""
        return self.moment(1, "raw")

    def variance(self) -> Any:
        """The second moment about the mean."""
        return self.moment(2, "central")

    def standard_deviation(self) -> Any:
        """The root of the variance."""
        return np.sqrt(self.variance())

    def skewness(self) -> Any:
        """The third standardised moment."""
        return self.moment(3, "standardized")

    def kurtosis(self, *, convention: str = "non-excess") -> Any:
        """The fourth standardised moment, or what it has above 3."""
        conventions = {"non-excess", "excess"}
        if convention.lower() not in conventions:
            raise ValueError(
                f"Parameter `convention` of `{self.python_type.__name__}.kurtosis` must be one of {conventions}."
            )
        value = self.moment(4, "standardized")
        return value if convention.lower() == "non-excess" else value - 3.0

    def moment(self, order: int = 1, kind: str = "raw") -> Any:
        """A moment about 0, about the mean, or that over a power of the standard deviation."""
        n = int(order)
        if n != order or n < 0:
            raise ValueError(
                f"Argument `order` of `{type(self).__name__}.moment` must be a finite, positive integer."
            )
        if kind not in ("raw", "central", "standardized"):
            raise ValueError(f"Argument `kind` is {kind!r}.")
        if kind == "raw":
            return _number(self._raw(n))
        value = self._central(n)
        return _number(value if kind == "central" else value / self._central(2) ** (0.5 * n))

    def _central(self, n: int) -> Any:
        if n < 2:
            return 0.0 * self._raw(1) + (1.0 - n)
        mean, total = self._raw(1), 0.0
        for k in range(n + 1):
            total = total + comb(n, k) * (self._raw(k) if k else 1.0) * (-mean) ** (n - k)
        return total

    def _solved(self, p: Any, function: Any, sign: float, low: Any, high: Any) -> Any:
        """Where a probability is p: by bisection, then by two steps of Newton's method, which have its derivatives."""
        level = as_float(p)
        goal = stop(level)
        found = interpreted(_bisect, lambda x: stop(sign * (function(x) - goal)), low, high)
        x: Any = found
        for _ in range(2):
            x = x - sign * (function(x) - level) / self.pdf(x)
            x = x + stop(
                np.clip(x, low, high) - x
            )  # not beyond the bounds, with the derivative of the step
        value = np.where(np.isfinite(x), x, found)
        return _number(np.where((level >= 0) & (level <= 1), value, np.nan))

    # -- arithmetic ----------------------------------------------------------------------------------
    def __add__(self, loc: Any) -> Variable:
        return Scaled(self, loc, 1.0)

    def __sub__(self, loc: Any) -> Variable:
        return Scaled(self, -as_float(loc), 1.0)

    def __rsub__(self, loc: Any) -> Variable:
        return Scaled(self, loc, -1.0)

    def __mul__(self, scale: Any) -> Variable:
        return Scaled(self, 0.0, scale)

    def __truediv__(self, scale: Any) -> Variable:
        return Scaled(self, 0.0, 1.0 / as_float(scale))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Variable:
        return Scaled(self, 0.0, -1.0)

    def __abs__(self) -> Variable:
        return Folded(self)


class Named(Variable):
    """One of SciPy's distributions with its parameters."""

    def __init__(self, python_type: Any, dist: Any, *args: Any, **kwds: Any) -> None:
        self.python_type = python_type
        self.frozen = scipy_stats.Frozen(dist, args, kwds)
        self.dist, self.discrete = dist, isinstance(dist, stats.rv_discrete)
        self.closed = dist not in (stats.norm, stats.logistic)

    def support(self) -> Any:
        """The ends of the support; of whole numbers too they are floats."""
        return tuple([_number(end) for end in self.frozen.support()])

    def entropy(self) -> Any:
        """The differential entropy, or of counts the entropy."""
        return self.frozen.entropy()

    def mode(self) -> Any:
        """The place of the largest density, of those that are symmetric."""
        if self.dist not in (stats.norm, stats.logistic, stats.uniform):
            raise self._unknown("the mode")
        return self.median()

    def moment(self, order: int = 1, kind: str = "raw") -> Any:
        """Those of the distribution of the older kind."""
        if order == 1 and kind == "raw":
            return self.frozen.mean()
        if order == 2 and kind == "central":
            return self.frozen.var()
        if order in (3, 4) and kind == "standardized":
            found = moments.stats_of(
                self.dist, *self.frozen.args, moments="s" if order == 3 else "k", **self.frozen.kwds
            )
            return found if order == 3 else found + 3.0
        return super().moment(order, kind)

    def _raw(self, n: int) -> Any:
        return self.frozen.moment(n)

    def _central(self, n: int) -> Any:
        if n == 2:
            return self.frozen.var()
        if n in (3, 4):
            return self.moment(n, "standardized") * self.frozen.std() ** n
        return super()._central(n)


def _of_older_kind(name: str) -> Callable[..., Any]:
    def method_of(self: Named, x: Any, /) -> Any:
        return getattr(self.frozen, name)(x)

    return method_of


# The names of methods, and those of the older kind.
_OLDER = {
    "pdf": "pdf", "logpdf": "logpdf", "pmf": "pmf", "logpmf": "logpmf", "cdf1": "cdf", "ccdf1": "sf",
    "logcdf1": "logcdf", "logccdf1": "logsf", "icdf": "ppf", "iccdf": "isf",
}  # fmt: skip
for _name, _older in _OLDER.items():
    setattr(Named, _name, _of_older_kind(_older))


class _OfOne(Variable):
    """What is made of another continuous variable."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        if self.inner.discrete:
            raise unsupported("a transformation of a variable that counts", "sum over its masses")
        self.closed = self.inner.closed

    def pdf(self, x: Any, /) -> Any:
        """The density."""
        return np.exp(self.logpdf(x))

    def logcdf1(self, x: Any) -> Any:
        """The logarithm of the probability below x."""
        return np.log(self.cdf1(x))

    def logccdf1(self, x: Any) -> Any:
        """The logarithm of the probability above x."""
        return np.log(self.ccdf1(x))


class Scaled(_OfOne):
    """``scale * X + loc``, of a scale of either sign."""

    python_type = infrastructure.ShiftedScaledDistribution

    def __init__(self, inner: Any, loc: Any, scale: Any) -> None:
        super().__init__(inner)
        self.loc, self.scale = as_float(loc), as_float(scale)

    def mode(self) -> Any:
        """The place of the largest density."""
        return _number(self.inner.mode() * self.scale + self.loc)

    def _either(self, of_positive: Any, of_negative: Any) -> Any:
        value = np.where(self.scale > 0, of_positive, of_negative)
        return _number(np.where(np.equal(self.scale, 0), np.nan, value))

    def _place(self, x: Any) -> Any:
        return (as_float(x) - self.loc) / self.scale

    def support(self) -> Any:
        """The ends of the support."""
        low, high = (as_float(end) * self.scale + self.loc for end in self.inner.support())
        return self._either(low, high), self._either(high, low)

    def pdf(self, x: Any, /) -> Any:
        """The density."""
        return _number(self.inner.pdf(self._place(x)) / np.abs(self.scale))

    def logpdf(self, x: Any, /) -> Any:
        """The logarithm of the density."""
        return _number(self.inner.logpdf(self._place(x)) - np.log(np.abs(self.scale)))

    def entropy(self) -> Any:
        """The differential entropy."""
        return _number(self.inner.entropy() + np.log(np.abs(self.scale)))

    def icdf(self, p: Any, /) -> Any:
        """The quantile."""
        return self._either(self.inner.icdf(p), self.inner.iccdf(p)) * self.scale + self.loc

    def iccdf(self, p: Any, /) -> Any:
        """The upper quantile."""
        return self._either(self.inner.iccdf(p), self.inner.icdf(p)) * self.scale + self.loc

    def _raw(self, n: int) -> Any:
        total: Any = self.loc**n
        for k in range(1, n + 1):
            total = total + comb(n, k) * self.inner._raw(k) * self.scale**k * self.loc ** (n - k)
        return total

    def _central(self, n: int) -> Any:
        return self.inner._central(n) * self.scale**n


def _of_either_sign(name: str, other: str) -> Callable[..., Any]:
    def method_of(self: Scaled, x: Any) -> Any:
        place = self._place(x)
        return self._either(getattr(self.inner, name)(place), getattr(self.inner, other)(place))

    return method_of


for _name, _other in (("cdf1", "ccdf1"), ("logcdf1", "logccdf1")):
    setattr(Scaled, _name, _of_either_sign(_name, _other))
    setattr(Scaled, _other, _of_either_sign(_other, _name))


class Mapped(_OfOne):
    """``exp(X)`` or ``log(X)``."""

    python_type = infrastructure.MonotonicTransformedDistribution

    def __init__(self, inner: Any, exponential: bool) -> None:
        super().__init__(inner)
        self.exponential = exponential

    def _place(self, x: Any) -> tuple[Any, Any]:
        """What is mapped to a place, and whether anything is."""
        point = as_float(x)
        if not self.exponential:
            return np.exp(point), True
        inside = np.logical_not(point < 0)  # at 0 SciPy multiplies 0 by infinity
        return np.log(np.where(inside, point, 1.0)), inside

    def support(self) -> Any:
        """The ends of the support."""
        mapped = np.exp if self.exponential else np.log
        return tuple([_number(mapped(as_float(end))) for end in self.inner.support()])

    def logpdf(self, x: Any, /) -> Any:
        """The logarithm of the density."""
        point = as_float(x)
        place, inside = self._place(point)
        slope = place if self.exponential else -point
        value = self.inner.logpdf(place) - slope
        low, high = self.support()
        outside = np.logical_not(inside) | (point < low) | (point > high)
        # A place that underflows to a pole says nothing of the density.
        return _number(np.where(outside, -_INF, np.where(np.isposinf(value), np.nan, value)))

    def icdf(self, p: Any, /) -> Any:
        """The quantile."""
        return (np.exp if self.exponential else np.log)(self.inner.icdf(p))

    def iccdf(self, p: Any, /) -> Any:
        """The upper quantile."""
        return (np.exp if self.exponential else np.log)(self.inner.iccdf(p))


def _of_mapped(name: str, outside: float) -> Callable[..., Any]:
    def method_of(self: Mapped, x: Any) -> Any:
        place, inside = self._place(x)
        return _number(np.where(inside, getattr(self.inner, name)(place), outside))

    return method_of


for _name, _outside in (("cdf1", 0.0), ("ccdf1", 1.0), ("logcdf1", -_INF), ("logccdf1", 0.0)):
    setattr(Mapped, _name, _of_mapped(_name, _outside))


class Folded(_OfOne):
    """``abs(X)``, whose density at 0 is that of X twice."""

    python_type = infrastructure.FoldedDistribution

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.closed = True

    def support(self) -> Any:
        """The ends of the support."""
        low, high = (as_float(end) for end in self.inner.support())
        across, first, second = (low < 0) & (high > 0), np.abs(low), np.abs(high)
        return (
            _number(np.where(across, 0.0, np.minimum(first, second))),
            _number(np.maximum(first, second)),
        )

    def pdf(self, x: Any, /) -> Any:
        """The density."""
        point = as_float(x)
        both = self.inner.pdf(point) + self.inner.pdf(-point)
        return _number(np.where(point < 0, 0.0, both))

    def logpdf(self, x: Any, /) -> Any:
        """The logarithm of the density."""
        point = as_float(x)
        both = np.logaddexp(self.inner.logpdf(point), self.inner.logpdf(-point))
        return _number(np.where(point < 0, -_INF, both))

    def cdf1(self, x: Any) -> Any:
        """The probability below x."""
        point = as_float(x)
        return _number(np.where(point <= 0, 0.0, self.inner._between(-point, point)))

    def ccdf1(self, x: Any) -> Any:
        """The probability above x."""
        point = as_float(x)
        both = self.inner.cdf1(-point) + self.inner.ccdf1(point)
        return _number(np.where(point <= 0, 1.0, both))

    def icdf(self, p: Any, /) -> Any:
        """The quantile: there is no more between the quantiles of half of the rest."""
        level = as_float(p)
        return self._solved(p, self.cdf, 1.0, *self._ends((1 - level) / 2, (1 + level) / 2))

    def iccdf(self, p: Any, /) -> Any:
        """The upper quantile."""
        level = as_float(p)
        return self._solved(p, self.ccdf, -1.0, *self._ends(level / 2, 1 - level / 2))

    def _ends(self, low: Any, high: Any) -> tuple[Any, Any]:
        first, second = (stop(np.abs(self.inner.icdf(x))) for x in (low, high))
        highest: Any = np.maximum(first, second)
        return np.where(np.isnan(highest), highest, 0.0), highest


class Truncated(_OfOne):
    """``truncate(X, lb, ub)``."""

    python_type = infrastructure.TruncatedDistribution

    def __init__(self, inner: Any, lb: Any = -_INF, ub: Any = _INF) -> None:
        super().__init__(inner)
        low, high = (as_float(end) for end in self.inner.support())
        self.low, self.high = np.maximum(low, as_float(lb)), np.minimum(high, as_float(ub))
        self.mass = self.inner._log_between(self.low, self.high)

    def support(self) -> Any:
        """The ends of the support."""
        return _number(self.low), _number(self.high)

    def logpdf(self, x: Any, /) -> Any:
        """The logarithm of the density."""
        point = as_float(x)
        outside = (point < self.low) | (point > self.high)
        if not self.closed:
            outside = (point <= self.low) | (point >= self.high)
        value = self.inner.logpdf(point) - self.mass
        return _number(np.where(outside, -_INF, value))

    def _part(self, x: Any, below: bool) -> Any:
        """The logarithm of the probability on one side of x."""
        point = np.clip(as_float(x), self.low, self.high)
        if below:
            return _number(self.inner._log_between(self.low, point) - self.mass)
        return _number(self.inner._log_between(point, self.high) - self.mass)

    def logcdf1(self, x: Any) -> Any:
        """The logarithm of the probability below x."""
        return self._part(x, True)

    def logccdf1(self, x: Any) -> Any:
        """The logarithm of the probability above x."""
        return self._part(x, False)

    def cdf1(self, x: Any) -> Any:
        """The probability below x."""
        return np.exp(self._part(x, True))

    def ccdf1(self, x: Any) -> Any:
        """The probability above x."""
        return np.exp(self._part(x, False))

    def icdf(self, p: Any, /) -> Any:
        """The quantile."""
        level = self.inner.cdf1(self.low) + as_float(p) * np.exp(self.mass)
        return self._inside(p, self.inner.icdf(level), self.low, self.high)

    def iccdf(self, p: Any, /) -> Any:
        """The upper quantile."""
        level = self.inner.ccdf1(self.high) + as_float(p) * np.exp(self.mass)
        return self._inside(p, self.inner.iccdf(level), self.high, self.low)

    def _inside(self, p: Any, value: Any, first: Any, last: Any) -> Any:
        level = as_float(p)
        value = np.where(np.equal(level, 0), first, np.where(np.equal(level, 1), last, value))
        return _number(np.where((level >= 0) & (level <= 1), value, np.nan))


def _of_ordered(inverse: str) -> Callable[..., Any]:
    def method_of(self: Ordered, p: Any, /) -> Any:
        level = special.apply(f"scipy_{inverse}", self.r, self.rest + 1.0, as_float(p))
        return self.inner.icdf(level)

    return method_of


class Ordered(_OfOne):
    """The r-th smallest of n draws."""

    python_type = infrastructure.OrderStatisticDistribution

    def __init__(self, inner: Any, r: Any, n: Any) -> None:
        super().__init__(inner)
        self.r, self.rest = as_float(r), as_float(n) - as_float(r)

    def support(self) -> Any:
        """The ends of the support."""
        return self.inner.support()

    def logpdf(self, x: Any, /) -> Any:
        """The logarithm of the density."""
        below = _power(self.r - 1.0, self.inner.logcdf1(x))
        above = _power(self.rest, self.inner.logccdf1(x))
        return _number(
            self.inner.logpdf(x) + below + above - scipy_functions.betaln(self.r, self.rest + 1.0)
        )

    def cdf1(self, x: Any) -> Any:
        """The probability below x."""
        return special.apply("scipy_betainc", self.r, self.rest + 1.0, self.inner.cdf1(x))

    def ccdf1(self, x: Any) -> Any:
        """The probability above x."""
        return special.apply("scipy_betaincc", self.r, self.rest + 1.0, self.inner.cdf1(x))


for _name, _inverse in (("icdf", "betaincinv"), ("iccdf", "betainccinv")):
    setattr(Ordered, _name, _of_ordered(_inverse))


def _power(exponent: Any, logarithm: Any) -> Any:
    """``exponent * logarithm``, 0 of an exponent 0."""
    some = np.logical_not(np.equal(exponent, 0) & np.isneginf(logarithm))
    return exponent * np.where(some, logarithm, 0.0)


class Mixed(Variable):
    """A mixture of variables."""

    python_type = infrastructure.Mixture

    def __init__(self, components: Any, *, weights: Any = None) -> None:
        self.parts = list(components)
        if not self.parts:
            raise ValueError("`components` must contain at least one random variable.")
        count = len(self.parts)
        given = np.full(count, 1 / count) if weights is None else weights
        self.weights = as_float(functions[np.asarray](given))
        if self.weights.shape != (count,):
            raise ValueError("`components` and `weights` must have the same length.")

    def _sum(self, name: str, *args: Any) -> Any:
        total: Any = 0.0
        for k, part in enumerate(self.parts):
            total = total + getattr(part, name)(*args) * self.weights[k]
        return _number(total)

    def _log_sum(self, name: str, *args: Any) -> Any:
        if name == "logcdf" and len(args) > 1:
            raise self._unknown(
                "logcdf between two limits"
            )  # of which SciPy adds no complex numbers
        total: Any = None
        for k, part in enumerate(self.parts):
            term = getattr(part, name)(*args) + np.log(self.weights[k])
            total = term if total is None else np.logaddexp(total, term)
        return _number(total)

    def support(self) -> Any:
        """The ends of the support."""
        low, high = zip(*[part.support() for part in self.parts], strict=True)
        return (
            _number(np.min(functions[np.stack]([as_float(x) for x in low]), axis=0)),
            _number(np.max(functions[np.stack]([as_float(x) for x in high]), axis=0)),
        )

    def icdf(self, p: Any, /) -> Any:
        """The quantile: it is between those of the parts."""
        return self._solved(p, self.cdf, 1.0, *self._ends("icdf", p))

    def iccdf(self, p: Any, /) -> Any:
        """The upper quantile."""
        return self._solved(p, self.ccdf, -1.0, *self._ends("iccdf", p))

    def _ends(self, name: str, p: Any) -> tuple[Any, Any]:
        ends: Any = functions[np.stack]([stop(getattr(part, name)(p)) for part in self.parts])
        return np.min(ends, axis=0), np.max(ends, axis=0)

    def _raw(self, n: int) -> Any:
        return sum(self.weights[k] * part._raw(n) for k, part in enumerate(self.parts))

    def _central(self, n: int) -> Any:
        mean, total = self._raw(1), 0.0
        for j, part in enumerate(self.parts):
            shift = part._raw(1) - mean
            for k in range(n + 1):
                term = comb(n, k) * part._central(k) * shift ** (n - k)
                total = total + self.weights[j] * term
        return total


for _name in ("pdf", "pmf", "cdf", "ccdf"):
    setattr(Mixed, _name, lambda self, *args, name=_name: self._sum(name, *args))
    setattr(
        Mixed, f"log{_name}",
        lambda self, *args, name=_name: self._log_sum(f"log{name}", *args),
    )  # fmt: skip


_WHAT: dict[type, str] = {
    Named: "of this kind", Scaled: "that is a multiple of another", Mapped: "that is exp or log of another",
    Folded: "that is the absolute value of another", Truncated: "that is truncated",
    Ordered: "that is an order statistic", Mixed: "that is a mixture",
}  # fmt: skip


for _cls in (Variable, _OfOne, *_WHAT):
    distributions.take_method(_cls)


__all__ = ["Folded", "Mapped", "Mixed", "Named", "Ordered", "Scaled", "Truncated", "Variable", "as_float"]  # fmt: skip
