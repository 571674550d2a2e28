"""Any distribution of ``scipy.stats``: SciPy's own code of its formulas, with support and scale around it.

    dist.logpdf(x, *shapes, loc, scale)   =>   z = (x - loc) / scale
                                               select(valid, select(inside, dist._logpdf(z) - log(scale), -inf), nan)

What surrounds ``_pdf``, ``_cdf``, ``_ppf``, … in SciPy fills arrays where masks hold; here both sides
are computed and one is chosen, with a point of the support in the place of those outside of it.  The
formulas themselves, plain NumPy, are interpreted as the user's code is (``Builder.interpret``).

Where SciPy chooses a formula by whether a parameter has some value (``c != 0``), the one for that value
does not know the parameter: the derivative by it is NaN there, not 0.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from autodiff.ops.custom import stop
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import known
from autodiff.ops.promotion import as_array, broadcast_shapes, broadcast_to, cast, select
from autodiff.ops.smooth import derived_as, undefined, unknown_slope
from autodiff.ops.tracer import Tracer
from autodiff.ops.ufuncs import unsupported
from autodiff.plain_data import dataclass

_INF = float("inf")
Formula = Callable[..., Any]


@dataclass(frozen=True)
class Distribution:
    """Formulas in the standardised variable ``z`` and the shape parameters.

    ``low`` and ``high`` bound the support; numbers, or functions of the shapes.  ``inner`` is a
    point of the support that stands for those outside of it.  ``density`` is given where it is more
    accurate than the exponential of its logarithm, whose error grows with the logarithm's size.
    ``open``: the density is 0 at the ends of the support, where the formula has no value.
    """

    shapes: tuple[str, ...]
    log_density: Formula
    low: Any = -_INF
    high: Any = _INF
    inner: Any = 0.5
    density: Formula | None = None
    open: bool = False
    cdf: Formula | None = None
    sf: Formula | None = None
    logcdf: Formula | None = None
    logsf: Formula | None = None
    ppf: Formula | None = None
    isf: Formula | None = None
    valid: Formula = field(default=lambda *shapes: [s > 0 for s in shapes])
    discrete: bool = False


# What stands for a formula that SciPy has in C, or finds by quadrature or by search: by the names of the distribution
# and of the formula.
RULES: dict[tuple[str, str], Formula] = {}
# Moments about 0 of the standardised variable, ``rule(n, *shapes)``, where SciPy's code is of one number at a time.
MOMENTS: dict[str, Formula] = {}
# Distributions with one shape parameter that is a list.
OF_LISTS = frozenset({"poisson_binom"})


def is_own(dist: Any) -> bool:
    """Whether a distribution is one of SciPy's, which is found by its name."""
    from scipy import stats

    return getattr(stats, str(getattr(dist, "name", "")), None) is dist


def _formula(dist: Any, name: str, *args: Any) -> Any:
    """``dist._name(*args)``; of numbers as of arrays of one axis, where the code stores into arrays.

    SciPy gives its formulas arrays of one axis always.  All have one shape, as code that goes through
    the elements takes for granted.
    """
    method = getattr(dist, f"_{name}")
    arrays = [as_array(x) for x in args]
    shape = broadcast_shapes(*[x.shape for x in arrays])
    args = tuple([broadcast_to(x, shape) if shape else x for x in arrays])
    rule = RULES.get((getattr(dist, "name", ""), name))
    if rule is not None and is_own(dist):
        return rule(*args)
    return run(method, args)


def run(method: Any, args: tuple[Any, ...]) -> Any:
    """The code of a formula; of numbers as of arrays of one axis where it is not for numbers."""
    try:
        return interpreted(method, *args)
    except (TypeError, IndexError, ValueError):
        if any(isinstance(x, Tracer) and x.shape for x in args):
            raise
    result = interpreted(method, *[as_array(x).reshape(1) for x in args])
    if isinstance(result, tuple):
        return tuple([as_array(part).reshape(()) for part in result])
    return as_array(result).reshape(())


def _support(dist: Any, shapes: list[Any]) -> tuple[Any, Any]:
    low, high = _formula(dist, "get_support", *shapes)
    return low, high


def _float(x: Any) -> Any:
    return cast(as_array(x), np.float64)


def parameters(
    dist: Any, args: Sequence[Any], kwds: dict[str, Any], scaled: bool, convert: Formula = _float
) -> tuple[list[Any], Any, Any]:
    """Shape parameters, location and scale of a call, each as ``convert`` makes it.

    A parameter that is a list (of ``poisson_binom``) is as many parameters, along its last axis.
    """
    if is_own(dist) and dist.name in OF_LISTS:
        given = inspect.signature(_of_list).bind(*args, **kwds)
        listed, loc = _of_list(*given.args, **given.kwargs)
        listed = convert(listed)
        return [listed[..., k] for k in range(listed.shape[-1])], convert(loc), convert(1.0)
    shapes = [] if not dist.shapes else [name.strip() for name in dist.shapes.split(",")]
    names = [*shapes, "loc", *(["scale"] if scaled else [])]
    named: dict[str, Any] = {"loc": 0, "scale": 1}
    if len(args) > len(names):
        raise TypeError("too many parameters of a distribution")
    named.update(zip(names, args, strict=False))
    for name, value in kwds.items():
        if name not in names:
            raise TypeError(f"a distribution got an unexpected keyword argument '{name}'")
        named[name] = value
    missing = [name for name in shapes if name not in named]
    if missing:
        raise TypeError(f"missing a shape parameter of a distribution: '{missing[0]}'")
    return [convert(named[n]) for n in shapes], convert(named["loc"]), convert(named["scale"])


def _of_list(p: Any, loc: Any = 0) -> tuple[Any, Any]:
    return p, loc


def _inner(low: Any, high: Any) -> Any:
    """A point between bounds that may be infinite."""
    if not isinstance(low, Tracer) and not isinstance(high, Tracer):
        low, high = float(low), float(high)
        if np.isfinite(low) and np.isfinite(high):
            return 0.5 * (low + high)
        return low + 1.0 if np.isfinite(low) else high - 1.0 if np.isfinite(high) else 0.0
    low, high = _float(low), _float(high)
    below, above = np.isfinite(low), np.isfinite(high)
    finite_low: Any = select(below, low, select(above, high - 2.0, -1.0, np.float64), np.float64)
    finite_high: Any = select(above, high, finite_low + 2.0, np.float64)
    return 0.5 * (finite_low + finite_high)


def answer(valid: Any, value: Any, *arguments: Any) -> Tracer:
    """``value`` where the arguments are valid; elsewhere it is NaN, and so are all its derivatives."""
    free: Any = sum([x for x in arguments if isinstance(x, Tracer) and known(x) is None])
    none = undefined(free) if isinstance(free, Tracer) else np.nan
    array = _float(select(valid, value, none, np.float64))
    return Tracer(array.value, "array" if array.shape else "scalar")


def _true(x: Any) -> Any:
    """A condition that SciPy's code gave, as an array of booleans."""
    return cast(as_array(x), np.bool_)


def _default(dist: Any, name: str) -> bool:
    """Whether a distribution leaves a method to SciPy's numerical one."""
    from scipy import stats

    base = stats.rv_discrete if isinstance(dist, stats.rv_discrete) else stats.rv_continuous
    return getattr(type(dist), name) is getattr(base, name)


def _inside(dist: Any, z: Any, low: Any, high: Any, shapes: list[Any]) -> Any:
    """Whether a point is in the support, open or closed, as the distribution says."""
    from scipy.stats import rv_continuous

    mask = type(dist)._support_mask
    if mask is rv_continuous._support_mask:
        return (z >= low) & (z <= high)
    if mask is rv_continuous._open_support_mask:
        return (z > low) & (z < high)
    return _true(_formula(dist, "support_mask", z, *shapes))


# -- continuous -----------------------------------------------------------------------------------------
def density(dist: Any, log: bool, x: Any, args: Any, kwds: Any) -> Tracer:
    """``pdf`` or ``logpdf``."""
    shapes, loc, scale = parameters(dist, args, kwds, scaled=True)
    point = _float(x)
    z = (point - loc) / scale
    low, high = _support(dist, shapes)
    valid = _true(interpreted(dist._argcheck, *shapes)) & (scale > 0)
    inside = _inside(dist, z, low, high, shapes)
    safe = select(inside, z, _inner(low, high), np.float64)
    if log:
        value = _log_density(dist, "pdf", safe, shapes) - np.log(scale)
    else:
        value = _formula(dist, "pdf", safe, *shapes) / scale
    value = select(inside, value, -_INF if log else 0.0, np.float64)
    return answer(valid & np.equal(point, point), value, point, *shapes, loc, scale)


def _log_density(dist: Any, name: str, z: Any, shapes: list[Any]) -> Any:
    """``logpdf`` or ``logpmf``: where SciPy takes the logarithm of what may underflow, see ``logarithm``."""
    if not _default(dist, f"_log{name}"):
        return _formula(dist, f"log{name}", z, *shapes)
    value = _formula(dist, name, z, *shapes)
    return _with_rule(dist, f"log{name}", np.log(value), np.equal(value, 0), z, *shapes)


def _with_rule(dist: Any, name: str, found: Any, lost: Any, *arguments: Any) -> Any:
    """A logarithm with the derivatives of its rule; without one they are not known where its argument is lost."""
    rule = RULES.get((dist.name, name)) if is_own(dist) else None
    if rule is not None:
        return derived_as(found, rule(*arguments))
    return found + _lost(lost, *arguments)


def at_ends(name: str, below: Any, above: Any, ends: tuple[float, float], value: Any) -> Any:
    """The values beyond both ends; of a support without a point that end counts where they are certain."""
    low, high = (below, ends[0]), (above, ends[1])
    for place, end in (high, low) if name.endswith("sf") else (low, high):
        value = select(place, end, value, np.float64)
    return value


def probability(dist: Any, name: str, x: Any, args: Any, kwds: Any) -> Tracer:
    """``cdf``, ``sf`` and their logarithms."""
    shapes, loc, scale = parameters(dist, args, kwds, scaled=True)
    point = _float(x)
    z = (point - loc) / scale
    low, high = _support(dist, shapes)
    valid = _true(interpreted(dist._argcheck, *shapes)) & (scale > 0)
    below: Any = z <= low
    above: Any = z >= high
    safe = select(below | above, _inner(low, high), z, np.float64)
    value = _cumulative(dist, name, safe, shapes)
    ends = (0.0, 1.0) if name.endswith("cdf") else (1.0, 0.0)
    if name.startswith("log"):
        ends = (-_INF, 0.0) if name.endswith("cdf") else (0.0, -_INF)
    value = at_ends(name, below, above, ends, value)
    return answer(valid & np.equal(point, point), value, point, *shapes, loc, scale)


def _cumulative(dist: Any, name: str, z: Any, shapes: list[Any]) -> Any:
    if not name.startswith("log") or not _default(dist, f"_{name}"):
        return _formula(dist, name, z, *shapes)
    plain, other = ("cdf", "sf") if name == "logcdf" else ("sf", "cdf")
    value = _formula(dist, plain, z, *shapes)
    complement = _formula(dist, other, z, *shapes)
    return logarithm(dist, name, value, complement, z, *shapes)


def logarithm(dist: Any, name: str, value: Any, complement: Any, *arguments: Any) -> Any:
    """The logarithm of a probability as SciPy takes it: near 1 that of its complement.

    A probability that underflows keeps no trace of its slope, which is not known but by a rule for the logarithm.
    """
    small: Any = value < 0.5
    below = np.log(select(small, value, 0.5, np.float64))
    rest: Any = select(small, 0.5, complement, np.float64)
    found = select(small, below, np.log1p(-rest), np.float64)
    return _with_rule(dist, name, found, np.equal(value, 0), *arguments)


def _lost(where: Any, *arguments: Any) -> Any:
    """-0, which changes no sum; its derivatives by the arguments are NaN where a number has underflown."""
    free = [unknown_slope(_float(x)) for x in arguments if isinstance(x, Tracer) and known(x) is None]  # fmt: skip
    return select(where, sum(free), -0.0, np.float64) if free else -0.0


def quantile(dist: Any, name: str, q: Any, args: Any, kwds: Any) -> Tracer:
    """``ppf`` or ``isf``."""
    shapes, loc, scale = parameters(dist, args, kwds, scaled=True)
    level = _float(q)
    low, high = _support(dist, shapes)
    valid = _true(interpreted(dist._argcheck, *shapes)) & (scale > 0) & np.equal(loc, loc)
    inside: Any = (level > 0) & (level < 1)
    value = _formula(dist, name, select(inside, level, 0.5, np.float64), *shapes)
    first, last = (low, high) if name == "ppf" else (high, low)
    value = select(np.equal(level, 0), first, value, np.float64)
    value = select(np.equal(level, 1), last, value, np.float64) * scale + loc
    fine = valid & (level >= 0) & (level <= 1)
    return answer(fine, value, level, *shapes, loc, scale)


def _within(probability: Any) -> Any:
    """A probability that rounding may have moved beyond 0 or 1, where it is smooth all the same."""
    value = as_array(probability)
    return (
        derived_as(np.clip(value, 0, 1), value)
        if isinstance(value, Tracer)
        else np.clip(value, 0, 1)
    )


# -- discrete -------------------------------------------------------------------------------------------
def mass(dist: Any, log: bool, k: Any, args: Any, kwds: Any) -> Tracer:
    """``pmf`` or ``logpmf``."""
    shapes, loc, _ = parameters(dist, args, kwds, scaled=False)
    point = _float(k)
    z = point - loc
    low, high = _support(dist, shapes)
    valid = _true(interpreted(dist._argcheck, *shapes))
    inside: Any = (z >= low) & (z <= high) & _true(interpreted(dist._nonzero, z, *shapes))
    some = low if not isinstance(low, Tracer) and np.isfinite(low) else select(np.isfinite(_float(low)), low, 0.0, np.float64)  # fmt: skip
    safe = select(inside, z, some, np.float64)
    value = (
        _log_density(dist, "pmf", safe, shapes)
        if log
        else _within(_formula(dist, "pmf", safe, *shapes))
    )
    value = select(inside, value, -_INF if log else 0.0, np.float64)
    return answer(valid & np.equal(point, point), value, point, *shapes, loc)


def cumulative(dist: Any, name: str, k: Any, args: Any, kwds: Any) -> Tracer:
    """``cdf``, ``sf`` and their logarithms of a discrete distribution."""
    shapes, loc, _ = parameters(dist, args, kwds, scaled=False)
    point = _float(k)
    z = point - loc
    low, high = _support(dist, shapes)
    valid = _true(interpreted(dist._argcheck, *shapes))
    below: Any = (z < low) | np.isneginf(z)
    above: Any = z >= high
    if name == "logcdf":  # SciPy asks for this before it asks for the parameters
        valid = valid | above
    some = low if not isinstance(low, Tracer) and np.isfinite(low) else select(np.isfinite(_float(low)), low, 0.0, np.float64)  # fmt: skip
    # Formulas cut what is between, but for some.
    safe = select((z < low) | above, some, z, np.float64)
    if name.startswith("log") and _default(dist, f"_{name}"):
        plain = _formula(dist, name.removeprefix("log"), safe, *shapes)
        value = _with_rule(dist, name, np.log(plain), np.equal(plain, 0), safe, *shapes)
    else:
        value = _formula(dist, name, safe, *shapes)
        value = (
            value + _lost(np.isneginf(value), safe, *shapes) if name.startswith("log") else value
        )
    if name.startswith("log") and (isinstance(low, Tracer) or np.isneginf(low)):
        # At an end that is infinite SciPy asks the formula, which may be NaN.
        endless = np.isneginf(z) & np.equal(z, low)
        valid = valid & ~(endless & np.isnan(value))
    if name in ("cdf", "sf"):
        value = _within(value)
    ends = (0.0, 1.0) if name.endswith("cdf") else (1.0, 0.0)
    if name.startswith("log"):
        ends = (-_INF, 0.0) if name.endswith("cdf") else (0.0, -_INF)
    value = at_ends(name, below, above, ends, value)
    return answer(valid & np.equal(point, point), value, point, *shapes, loc)


def count(dist: Any, name: str, q: Any, args: Any, kwds: Any) -> Tracer:
    """``ppf`` or ``isf`` of a discrete distribution: constant by pieces, but for the location."""
    shapes, loc, _ = parameters(dist, args, kwds, scaled=False)
    level = _float(q)
    low, high = _support(dist, shapes)
    valid = _true(interpreted(dist._argcheck, *shapes)) & np.equal(loc, loc)
    inside: Any = (level > 0) & (level < 1)
    # A search of SciPy's, where it is one, is of no concern to derivatives.
    given, shapes = shapes, [stop(as_array(s)) for s in shapes]
    value = _formula(dist, name, stop(select(inside, level, 0.5, np.float64)), *shapes)
    first, last = (low - 1, high) if name == "ppf" else (high, low - 1)
    value = select(np.equal(level, 0), first, value, np.float64)
    value = stop(select(np.equal(level, 1), last, value, np.float64)) + loc
    fine = valid & (level >= 0) & (level <= 1)
    return answer(fine, value, level, *given, loc)


def evaluate(dist: Any, name: str, x: Any, args: Any, kwds: Any) -> Tracer | None:
    """A method of any distribution; None where there is no such route."""
    from scipy import stats

    discrete = isinstance(dist, stats.rv_discrete)
    if name in ("pdf", "logpdf"):
        return None if discrete else density(dist, name == "logpdf", x, args, kwds)
    if name in ("pmf", "logpmf"):
        return mass(dist, name == "logpmf", x, args, kwds) if discrete else None
    if name in ("ppf", "isf"):
        return (count if discrete else quantile)(dist, name, x, args, kwds)
    return (cumulative if discrete else probability)(dist, name, x, args, kwds)


# -- what SciPy chooses by masks ------------------------------------------------------------------------
def apply_where(
    cond: Any,
    args: Any,
    f1: Callable[..., Any],
    f2: Callable[..., Any] | None = None,
    /,
    *,
    fill_value: Any = None,
    xp: Any = None,
    kwargs: Any = None,
) -> Any:
    """``array_api_extra.apply_where``: f1 of the arguments where ``cond``, else f2 or the value."""
    operands = list(args) if isinstance(args, (tuple, list)) else [args]
    words = kwargs or {}
    first = _called(f1, operands, words)
    other = fill_value if f2 is None else _called(f2, operands, words)
    return _chosen(cond, first, other)


def lazyselect(conditions: Any, choices: Any, arrays: Any, default: Any = 0) -> Any:
    """``scipy._lib._util._lazyselect``: the last function whose condition holds."""
    result = default
    for condition, function in zip(conditions, choices, strict=False):
        result = _chosen(condition, _called(function, list(arrays), {}), result)
    return result


def _called(function: Any, operands: list[Any], words: dict[str, Any]) -> Any:
    if isinstance(function, np.ufunc):
        return function(*operands)
    if words:
        return function(*operands, **words)
    return interpreted(function, *operands)


def _chosen(cond: Any, first: Any, other: Any) -> Any:
    """``first`` where ``cond`` holds; the other one knows nothing of parameters with a fixed value."""
    value: Any = select(cond, first, other, np.float64)
    if not isinstance(cond, Tracer):
        return value
    for comparison, kind, parameter in _fixed(cond.value):
        poison = unknown_slope(_float(parameter))
        # Of x > c and c != 1 the second alone says where c is fixed.
        where, a, b = (cond, poison, 0.0) if kind == "equal" else (comparison, 0.0, poison)
        value = value + select(where, a, b, np.float64)
    return value


def _fixed(value: Any) -> list[tuple[Any, str, Any]]:
    """The comparisons with a number of which a condition is made, and what is compared.

    Not with infinity: by an infinite parameter the derivative of a limit is 0.
    """
    operation = value.owner
    if operation is None:
        return []
    if operation.kind in ("logical_and", "bitwise_and", "broadcast", "cast"):
        return [pair for v in operation.operands for pair in _fixed(v)]
    if operation.kind in ("equal", "not_equal"):
        a, b = operation.operands
        pairs = [(Tracer(x), Tracer(y)) for x, y in ((a, b), (b, a))]
        return [
            (Tracer(value, "array"), operation.kind, x)
            for x, y in pairs
            if _is_finite(known(y)) and known(x) is None
        ]
    return []


def _is_finite(x: Any) -> bool:
    """Whether it is known, and no infinity."""
    return x is not None and bool(np.all(np.isfinite(x)))


# Methods of random variables that may be told how to compute.
_TAKE_METHOD = frozenset(
    "pdf logpdf pmf logpmf cdf logcdf ccdf logccdf icdf iccdf ilogcdf ilogccdf entropy median mode mean variance "
    "standard_deviation skewness kurtosis moment".split()
)


def take_method(cls: type) -> None:
    """Have the methods of a class take ``method``, by which SciPy is told how to compute what they give."""

    def with_method(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def asked(self: Any, *args: Any, method: Any = None, **words: Any) -> Any:
            if method is not None:
                raise unsupported(f"{name} of a random variable with method=", "leave it out")
            return function(self, *args, **words)

        return asked

    for name, function in list(vars(cls).items()):
        if name in _TAKE_METHOD:
            setattr(cls, name, with_method(name, function))
