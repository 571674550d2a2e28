"""Any distribution of ``scipy.stats``: SciPy's own code of its formulas, with support and scale around it.

    dist.logpdf(x, *shapes, loc, scale)   =>   z = (x - loc) / scale
                                               select(valid, select(inside, dist._logpdf(z) - log(scale), -inf), nan)

What surrounds ``_pdf``, ``_cdf``, ``_ppf``, … in SciPy fills arrays where masks hold; here both sides
are computed and one is chosen, with a point of the support in the place of those outside of it.  The
formulas themselves, plain NumPy, are interpreted as the user's code is (``Builder.interpret``).

Where SciPy has no formula for the quantile and searches, the value is the search's, and the derivative
that of Newton's iteration from there: ``x - (F(x) - p) / f(x)`` has the first derivative of the
solution, and a second step all up to the third.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.ops.builder import current_builder
from autodiff.ops.promotion import as_array, cast, select
from autodiff.ops.tracer import Tracer

_INF = float("inf")


def interpreted(function: Any, *args: Any) -> Any:
    """A method of a distribution of traced values: its code, as the user's code is run."""
    interpret = current_builder().interpret
    if interpret is None:  # no capture is under way: the code runs on tracers
        return function(*args)
    return interpret(function, args)


def _float(x: Any) -> Any:
    return cast(as_array(x), np.float64)


def parameters(
    dist: Any, args: Sequence[Any], kwds: dict[str, Any], scaled: bool
) -> tuple[list[Any], Any, Any]:
    """Shape parameters, location and scale of a call."""
    shapes = [] if not dist.shapes else [name.strip() for name in dist.shapes.split(",")]
    names = [*shapes, "loc", *(["scale"] if scaled else [])]
    given: dict[str, Any] = {"loc": 0.0, "scale": 1.0}
    if len(args) > len(names):
        raise TypeError("too many parameters of a distribution")
    given.update(zip(names, args, strict=False))
    for name, value in kwds.items():
        if name not in names:
            raise TypeError(f"a distribution got an unexpected keyword argument '{name}'")
        given[name] = value
    missing = [name for name in shapes if name not in given]
    if missing:
        raise TypeError(f"missing a shape parameter of a distribution: '{missing[0]}'")
    return [_float(given[n]) for n in shapes], _float(given["loc"]), _float(given["scale"])


def _inner(low: Any, high: Any) -> Any:
    """A point between bounds that may be infinite."""
    if not isinstance(low, Tracer) and not isinstance(high, Tracer):
        low, high = float(low), float(high)
        if np.isfinite(low) and np.isfinite(high):
            return 0.5 * (low + high)
        return low + 1.0 if np.isfinite(low) else high - 1.0 if np.isfinite(high) else 0.0
    low, high = _float(low), _float(high)
    below, above = np.isfinite(low), np.isfinite(high)
    finite_low = select(below, low, select(above, high - 2.0, -1.0, np.float64), np.float64)
    finite_high = select(above, high, finite_low + 2.0, np.float64)
    return 0.5 * (finite_low + finite_high)


def _finish(value: Any) -> Tracer:
    array = _float(value)
    return Tracer(array.value, "array" if array.shape else "scalar")


def _true(x: Any) -> Any:
    """A condition that SciPy's code gave, as an array of booleans."""
    return cast(as_array(x), np.bool_)


def _default(dist: Any, name: str) -> bool:
    """Whether a distribution leaves a method to SciPy's numerical one."""
    from scipy import stats

    base = stats.rv_discrete if isinstance(dist, stats.rv_discrete) else stats.rv_continuous
    return getattr(type(dist), name) is getattr(base, name)


# -- continuous -----------------------------------------------------------------------------------------
def density(dist: Any, log: bool, x: Any, args: Any, kwds: Any) -> Tracer:
    """``pdf`` or ``logpdf``."""
    shapes, loc, scale = parameters(dist, args, kwds, scaled=True)
    point = _float(x)
    z = (point - loc) / scale
    low, high = interpreted(dist._get_support, *shapes)
    valid = _true(interpreted(dist._argcheck, *shapes)) & (scale > 0)
    inside: Any = (z >= low) & (z <= high)
    safe = select(inside, z, _inner(low, high), np.float64)
    if log:
        value = interpreted(dist._logpdf, safe, *shapes) - np.log(scale)
    else:
        value = interpreted(dist._pdf, safe, *shapes) / scale
    value = select(inside, value, -_INF if log else 0.0, np.float64)
    return _finish(select(valid & np.equal(point, point), value, np.nan, np.float64))


def probability(dist: Any, name: str, x: Any, args: Any, kwds: Any) -> Tracer:
    """``cdf``, ``sf`` and their logarithms."""
    shapes, loc, scale = parameters(dist, args, kwds, scaled=True)
    point = _float(x)
    z = (point - loc) / scale
    low, high = interpreted(dist._get_support, *shapes)
    valid = _true(interpreted(dist._argcheck, *shapes)) & (scale > 0)
    below: Any = z <= low
    above: Any = z >= high
    safe = select(below | above, _inner(low, high), z, np.float64)
    value = interpreted(getattr(dist, f"_{name}"), safe, *shapes)
    ends = (0.0, 1.0) if name.endswith("cdf") else (1.0, 0.0)
    if name.startswith("log"):
        ends = (-_INF, 0.0) if name.endswith("cdf") else (0.0, -_INF)
    value = select(below, ends[0], select(above, ends[1], value, np.float64), np.float64)
    return _finish(select(valid & np.equal(point, point), value, np.nan, np.float64))


def quantile(dist: Any, name: str, q: Any, args: Any, kwds: Any) -> Tracer:
    """``ppf`` or ``isf``."""
    shapes, loc, scale = parameters(dist, args, kwds, scaled=True)
    level = _float(q)
    low, high = interpreted(dist._get_support, *shapes)
    valid = _true(interpreted(dist._argcheck, *shapes)) & (scale > 0) & np.equal(loc, loc)
    inside: Any = (level > 0) & (level < 1)
    value = interpreted(getattr(dist, f"_{name}"), select(inside, level, 0.5, np.float64), *shapes)
    first, last = (low, high) if name == "ppf" else (high, low)
    value = select(np.equal(level, 0), first, value, np.float64)
    value = select(np.equal(level, 1), last, value, np.float64) * scale + loc
    known = valid & (level >= 0) & (level <= 1)
    return _finish(select(known, value, np.nan, np.float64))


# -- discrete -------------------------------------------------------------------------------------------
def mass(dist: Any, log: bool, k: Any, args: Any, kwds: Any) -> Tracer:
    """``pmf`` or ``logpmf``."""
    shapes, loc, _ = parameters(dist, args, kwds, scaled=False)
    point = _float(k)
    z = point - loc
    low, high = interpreted(dist._get_support, *shapes)
    valid = _true(interpreted(dist._argcheck, *shapes))
    inside: Any = (z >= low) & (z <= high) & _true(interpreted(dist._nonzero, z, *shapes))
    some = low if not isinstance(low, Tracer) and np.isfinite(low) else select(np.isfinite(_float(low)), low, 0.0, np.float64)  # fmt: skip
    safe = select(inside, z, some, np.float64)
    value = interpreted(dist._logpmf if log else dist._pmf, safe, *shapes)
    value = value if log else np.clip(value, 0, 1)
    value = select(inside, value, -_INF if log else 0.0, np.float64)
    return _finish(select(valid & np.equal(point, point), value, np.nan, np.float64))


def cumulative(dist: Any, name: str, k: Any, args: Any, kwds: Any) -> Tracer:
    """``cdf``, ``sf`` and their logarithms of a discrete distribution."""
    shapes, loc, _ = parameters(dist, args, kwds, scaled=False)
    point = _float(k)
    z = point - loc
    low, high = interpreted(dist._get_support, *shapes)
    valid = _true(interpreted(dist._argcheck, *shapes))
    below: Any = z < low
    above: Any = z >= high
    some = low if not isinstance(low, Tracer) and np.isfinite(low) else select(np.isfinite(_float(low)), low, 0.0, np.float64)  # fmt: skip
    safe = np.floor(select(below | above, some, z, np.float64))
    value = interpreted(getattr(dist, f"_{name}"), safe, *shapes)
    if name in ("cdf", "sf"):
        value = np.clip(value, 0, 1)
    ends = (0.0, 1.0) if name.endswith("cdf") else (1.0, 0.0)
    if name.startswith("log"):
        ends = (-_INF, 0.0) if name.endswith("cdf") else (0.0, -_INF)
    value = select(below, ends[0], select(above, ends[1], value, np.float64), np.float64)
    return _finish(select(valid & np.equal(point, point), value, np.nan, np.float64))


def evaluate(dist: Any, name: str, x: Any, args: Any, kwds: Any) -> Tracer | None:
    """A method of any distribution; None where there is no such route."""
    from scipy import stats

    discrete = isinstance(dist, stats.rv_discrete)
    if name in ("pdf", "logpdf"):
        return None if discrete else density(dist, name == "logpdf", x, args, kwds)
    if name in ("pmf", "logpmf"):
        return mass(dist, name == "logpmf", x, args, kwds) if discrete else None
    if name in ("ppf", "isf"):
        return None if discrete else quantile(dist, name, x, args, kwds)
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
    named = [] if not kwargs else [kwargs]
    words = named[0] if named else {}
    first = _called(f1, operands, words)
    other = fill_value if f2 is None else _called(f2, operands, words)
    return select(cond, first, other, np.float64)


def _called(function: Any, operands: list[Any], words: dict[str, Any]) -> Any:
    if words:
        function = (lambda f: lambda *x: f(*x, **words))(function)
    if inspect.isfunction(function) and not words:
        return interpreted(function, *operands)
    return function(*operands)
