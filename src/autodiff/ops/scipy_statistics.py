"""Statistics of ``scipy.stats`` that it computes in C or by a search: SciPy's values, derivatives by formulas.

shapiro                      the statistic of Shapiro and Wilk, and its probability (Royston 1995, algorithm AS R94)
siegelslopes, weightedtau    medians of slopes; a count of pairs
wasserstein_distance_nd      what the cheapest transport costs, of which the plan stays
yeojohnson, boxcox_llf       power transforms, which depend on the power at 0 and 2 as well

"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from scipy import special, stats
from scipy.optimize import linprog
from scipy.stats import _stats

from autodiff.ir.data import ArrayType
from autodiff.ops.draws import same_value
from autodiff.ops.function_table import functions, implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check, known
from autodiff.ops.promotion import as_array, weak_kind
from autodiff.ops.python_numbers import number
from autodiff.ops.scipy_distance import root
from autodiff.ops.scipy_functions import as_float, ndtr
from autodiff.ops.tracer import emit_tracer
from autodiff.ops.ufuncs import unsupported
from autodiff.ops.vertices import Call


def _repeated_medians(y: Any, x: Any, method: str) -> tuple[Any, Any]:
    """Of ``siegelslopes``: medians of the medians of slopes from each point, of points apart from it."""
    apart: Any = x[:, None] - x[None, :]
    same = np.equal(apart, 0)
    width = np.where(same, 1.0, apart)
    medians: Any = functions[np.nanmedian]

    def of_points(of_pairs: Any) -> Any:
        return functions[np.median](medians(np.where(same, np.nan, of_pairs / width), axis=1))

    slope = of_points(y[:, None] - y[None, :])
    if method == "separate":
        return slope, of_points(y[None, :] * x[:, None] - y[:, None] * x[None, :])
    return slope, functions[np.median](y - slope * x)


_slopes = getattr(importlib.import_module("scipy.stats._stats_pythran"), "siegelslopes", None)
if _slopes is not None:
    implements(_slopes)(_repeated_medians)


def _weighted_tau(x: Any, y: Any, rank: Any, weigher: Any, additive: Any) -> Any:
    """A weighted count of pairs in the same order, as SciPy's routine; constant between changes of order."""
    if weigher is not None:
        raise unsupported("scipy.stats.weightedtau with a weigher", "leave it out")
    given = [as_array(v) for v in (x, y, *([] if rank is None else [rank]))]

    def run(values: Any) -> Any:
        a, b, *ranks = (np.ascontiguousarray(v) for v in values)
        return (_stats._weightedrankedtau(a, b, ranks[0] if ranks else None, None, additive),)

    call, types = Call("scipy.stats.weightedtau", run), (ArrayType(np.dtype(float), ()),)
    return number(emit_tracer("called", *given, call=call, types=types), float)


implements(_stats._weightedrankedtau)(_weighted_tau)


# -- the test of Shapiro and Wilk, which SciPy has in C --------------------------------------------------
def _wilk_probability(w: Any, count: int) -> Any:
    """The probability of the statistic of so many numbers (Royston 1995, algorithm AS R94)."""
    if count == 3:
        return 6.0 / np.pi * (np.arcsin(np.sqrt(w)) - np.arcsin(np.sqrt(0.75)))
    distance = np.log(1.0 - w)
    if count <= 11:
        mean = np.polyval((-0.0006714, 0.025054, -0.39978, 0.544), count)
        spread = np.exp(np.polyval((-0.0020322, 0.062767, -0.77857, 1.3822), count))
        distance = -np.log(-2.273 + 0.459 * count - distance)
    else:
        size = np.log(float(count))
        mean = np.polyval((0.0038915, -0.083751, -0.31082, -1.5861), size)
        spread = np.exp(np.polyval((0.0030302, -0.082676, -0.4803), size))
    return ndtr(-(distance - mean) / spread)


def _wilk(y: Any, a: Any, init: Any) -> tuple[Any, Any, Any]:
    """Of sorted numbers the statistic, its probability as SciPy has it, and that all went well."""
    x = as_array(y)
    if not isinstance(x.shape[0], int):
        raise unsupported("scipy.stats.shapiro of run-time size", "give arrays of one size")
    count = x.shape[0]
    half = np.zeros(count // 2)
    _wilk_routine(np.arange(float(count)), half, 0)  # which stores the weights there

    def run(values: Any) -> Any:
        return _wilk_routine(np.ascontiguousarray(values[0], float), np.zeros(count // 2), 0)

    call = Call("scipy.stats.shapiro", run)
    types = (*[ArrayType(np.dtype(float), ())] * 2, ArrayType(np.dtype(np.int64), ()))
    statistic, probability, failed = emit_tracer("called", x, call=call, types=types)
    check(np.equal(failed, 0), "numbers that differ, and not too many of them")
    distances: Any = x - functions[np.mean](x)
    pairs = functions[np.sum](half * (x[::-1] - x)[: count // 2])
    w = same_value(statistic, pairs**2 / functions[np.sum](distances**2))
    return w, same_value(probability, _wilk_probability(w, count)), 0


_wilk_routine = importlib.import_module("scipy.stats._ansari_swilk_statistics").swilk
implements(_wilk_routine)(_wilk)


# -- transport ----------------------------------------------------------------------------------------------
def _plan(costs: Any, first: Any, second: Any) -> Any:
    """How much goes from where to where, at the least cost."""
    m, n = costs.shape
    rows, columns = np.kron(np.eye(m), np.ones(n)), np.kron(np.ones(m), np.eye(n))
    shares = [w / np.sum(w) for w in (first, second)]
    found = linprog(costs.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate(shares))
    return np.reshape(found.x, (m, n))


def _transport(u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None) -> Any:
    """``wasserstein_distance_nd``: between points that move a little the same plan is the cheapest."""
    u, v = as_array(u_values), as_array(v_values)
    given = [None if w is None else known(as_array(w)) for w in (u_weights, v_weights)]
    if u.ndim != 2 or v.ndim != 2:
        return interpreted(stats.wasserstein_distance_nd, u, v, u_weights, v_weights)
    for weights, w in ((u_weights, given[0]), (v_weights, given[1])):
        if weights is not None and w is None:
            raise unsupported(
                "wasserstein_distance_nd with traced weights", "give them as they are"
            )
    sizes = [n for x in (u, v) if isinstance(n := x.shape[0], int)]
    if len(sizes) < 2:
        raise unsupported("wasserstein_distance_nd of run-time size", "give arrays of one size")

    def run(values: Any) -> Any:
        x, y = (np.asarray(a, float) for a in values)
        distance = stats.wasserstein_distance_nd(x, y, *given)
        if not np.isfinite(distance):
            return distance, np.zeros(sizes)
        costs = np.sqrt(np.sum((x[:, None] - y[None, :]) ** 2, axis=-1))
        shares = [np.ones(n) if w is None else w for n, w in zip(sizes, given, strict=True)]
        return distance, _plan(costs, *shares)

    call, double = Call("scipy.stats.wasserstein_distance_nd", run), np.dtype(float)
    types = (ArrayType(double, ()), ArrayType(double, tuple(sizes)))
    distance, plan = emit_tracer("called", u, v, call=call, types=types)
    costs = root(functions[np.sum]((u[:, None] - v[None, :]) ** 2, axis=-1))
    return number(same_value(distance, functions[np.sum](plan * costs)), float)


implements(stats.wasserstein_distance_nd)(_transport)


def _power_transform(x: Any, lmbda: Any, xp: Any = None) -> Any:
    """Of ``yeojohnson``: SciPy's code takes logarithms at the powers 0 and 2, as if it did not depend on them."""
    x, above = as_array(x), np.greater_equal(x, 0)
    power: Any = functions[special.boxcox1p]
    up = power(np.where(above, x, 0.0), lmbda)
    down = power(np.where(above, 0.0, -x), 2.0 - lmbda)
    return np.where(above, up, -down)


def _likelihood(data: Any, axis: int = 0, *, lmb: Any) -> Any:
    """Of ``boxcox_llf``: SciPy's code has another formula at the power 0, as if it did not depend on it."""
    power: Any = as_array(lmb)
    data = as_float(data)
    if power.shape or not data.size:
        raise unsupported("scipy.stats.boxcox_llf of no data, or of several powers", "pass one")
    is_weak = weak_kind(lmb) is not None
    data = data if is_weak else data.astype(np.promote_types(data.dtype, power.dtype))
    logs: Any = np.log(data)
    small = np.abs(power) < 1e-3
    transformed = functions[special.boxcox](data, np.where(small, power, 0.0))
    near = np.log(functions[np.var](transformed, axis=axis))
    apart: Any = np.where(small, 1.0, power)
    scaled = apart * logs
    top = functions[np.max](scaled, axis=axis, keepdims=True)  # exp does not overflow
    spread = np.log(functions[np.var](np.exp(scaled - top), axis=axis))
    far = spread + 2.0 * functions[np.squeeze](top, axis=axis) - 2.0 * np.log(np.abs(apart))
    total = functions[np.sum](logs, axis=axis)
    found: Any = (power - 1.0) * total - data.shape[axis] / 2 * np.where(small, near, far)
    return found.astype(data.dtype)


_morestats = importlib.import_module("scipy.stats._morestats")
_transform = getattr(_morestats, "_yeojohnson_transform", None)
if _transform is not None:
    implements(_transform)(_power_transform)
_llf = getattr(getattr(_morestats, "_boxcox_llf", None), "__wrapped__", None)
if _llf is not None:
    implements(_llf)(_likelihood)

__all__: list[str] = []
