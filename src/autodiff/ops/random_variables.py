"""Random variables as objects: ``scipy.stats.Normal``, ``make_distribution``, and what is computed of them.

    Normal(mu=m, sigma=s).logpdf(x)       that of stats.norm(m, s)
    make_distribution(stats.gamma)(a=a)   of stats.gamma
    2 * X + 1, abs(X), exp(X), log(X)     and
    truncate, order_statistic, Mixture    those of :mod:`autodiff.ops.random_variable_kinds`

SciPy's objects keep caches and replace what is out of range by masks. Here an object holds a distribution of the
older kind with its parameters, whose formulas (:mod:`autodiff.ops.distributions`) know what is out of range, or other
objects. What SciPy finds by quadrature or search (the mean of a truncated variable, the entropy of a mixture) has no
derivative here.

Source: SciPy's documentation of ``scipy.stats``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from autodiff.later import later
from autodiff.ops.function_table import implements
from autodiff.ops.ufuncs import unsupported

if TYPE_CHECKING:
    from autodiff.ops import random_variable_kinds as kinds
    from autodiff.ops.random_variable_kinds import Variable
else:
    kinds = later("autodiff.ops.random_variable_kinds")


# -- SciPy's objects --------------------------------------------------------------------------------------
def _uniform(a: Any, b: Any) -> tuple[Any, ...]:
    return stats.uniform, a, kinds.as_float(b) - kinds.as_float(a)


def _made(cls: Any, *args: Any, **words: Any) -> Variable:
    """An object of one of SciPy's classes; what these refuse they refuse themselves."""
    if args:
        cls.__init__(object.__new__(cls), *args, **words)  # which takes none by position
    parameters = _MADE.get(cls.__name__)
    if parameters is None:
        return _of_class(cls, words)
    try:
        inspect.signature(parameters).bind(**words)
    except TypeError:
        raise unsupported(f"{cls.__name__} of {', '.join(words)}", "give its parameters") from None
    if any(v is None for v in words.values()):
        raise unsupported(f"{cls.__name__} of None", "give its parameters")
    standard = cls.__name__ == "Normal" and not words
    return kinds.Named(
        stats._new_distributions.StandardNormal if standard else cls, *parameters(**words)
    )


def _of_class(cls: Any, words: dict[str, Any]) -> Variable:
    """An object of a class that ``make_distribution`` made of a distribution of the older kind."""
    for member in vars(cls).values():
        owner = member.__self__ if isinstance(member, MethodType) else None
        if isinstance(owner, (stats.rv_continuous, stats.rv_discrete)):
            return kinds.Named(cls, owner, **words)
    raise unsupported(f"a random variable of the class {cls.__name__}", "write its formulas")


def variable(x: Any) -> Variable:
    """A random variable of SciPy's as one that takes traced values."""
    if isinstance(x, kinds.Variable):
        return x
    words = {k: v for k, v in vars(x).get("_parameters", {}).items() if not k.startswith("_")}
    inner, kind = vars(x).get("_dist"), type(x).__name__
    if kind == "Mixture":
        return kinds.Mixed(map(variable, x.components), weights=x.weights)
    if inner is None:
        if kind in _MADE:
            own = type(x)._parameterizations[0].parameters if type(x)._parameterizations else {}
            return _made(type(x), **{k: v for k, v in words.items() if k in own})
        return _of_class(type(x), words)
    return _transformed(x, kind, variable(inner), words)


def _transformed(x: Any, kind: str, inner: Variable, words: dict[str, Any]) -> Variable:
    if kind == "ShiftedScaledDistribution":
        return kinds.Scaled(inner, words["loc"], words["scale"])
    if kind == "TruncatedDistribution":
        return kinds.Truncated(inner, words["lb"], words["ub"])
    if kind == "OrderStatisticDistribution":
        return kinds.Ordered(inner, words["r"], words["n"])
    if kind == "FoldedDistribution":
        return kinds.Folded(inner)
    if kind == "MonotonicTransformedDistribution" and x._g in (np.exp, np.log):
        return kinds.Mapped(inner, x._g is np.exp)
    raise unsupported(f"{x!r} at a traced value", "write its formula")


# The distributions of the older kind and their parameters, of those of the classes.
_MADE: dict[str, Callable[..., tuple[Any, ...]]] = {
    "Normal": lambda mu=0.0, sigma=1.0: (stats.norm, mu, sigma),
    "StandardNormal": lambda: (stats.norm,),
    "Logistic": lambda: (stats.logistic,),
    "Uniform": _uniform,
    "Binomial": lambda n, p: (stats.binom, n, p),
}
_METHODS = (
    "pdf logpdf pmf logpmf cdf logcdf ccdf logccdf icdf iccdf ilogcdf ilogccdf support entropy median mean variance "
    "standard_deviation skewness kurtosis moment __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__"
).split()


def _method(name: str) -> Callable[..., Any]:
    def of_traced(self: Any, *args: Any, **words: Any) -> Any:
        return getattr(variable(self), name)(*args, **words)

    return of_traced


def _enter() -> None:
    from scipy.stats import _distribution_infrastructure as infrastructure

    for name in _MADE:
        if hasattr(stats, name):
            implements(getattr(stats, name))(functools.partial(_made, getattr(stats, name)))
    for cls in (infrastructure.UnivariateDistribution, infrastructure.Mixture):
        for name in _METHODS:
            if name in vars(cls):
                implements(vars(cls)[name])(_method(name))
    for name in ("__add__", "__sub__", "__mul__", "__truediv__"):
        implements(vars(infrastructure.ShiftedScaledDistribution)[name])(_method(name))
    implements(infrastructure.UnivariateDistribution.__init__)(_made)
    implements(stats.Mixture)(
        lambda components, *, weights=None: kinds.Mixed(map(variable, components), weights=weights)
    )
    implements(stats.truncate)(
        lambda X, lb=-np.inf, ub=np.inf: kinds.Truncated(variable(X), lb, ub)
    )
    implements(stats.order_statistic)(lambda X, /, *, r, n: kinds.Ordered(variable(X), r, n))
    implements(stats.abs)(lambda X, /: kinds.Folded(variable(X)))
    implements(stats.exp)(lambda X, /: kinds.Mapped(variable(X), True))
    implements(stats.log)(lambda X, /: kinds.Mapped(variable(X), False))


if hasattr(stats, "Normal"):
    _enter()


__all__ = ["variable"]
