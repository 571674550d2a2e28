"""``scipy.spatial.distance`` on traced arrays: every metric of ``cdist`` and ``pdist``, by one formula each.

    cdist_euclidean(xa, xb, w=None)     formula(xa[:, None], xb[None], w): rows (m, 1, k) against (1, n, k)
    pdist_euclidean(x, w=None)          the same of the pairs i < j

SciPy's Python, which checks arguments and chooses the routine, is followed.  Where a distance is 0 a root has no
derivative: there it is 0, as that of ``np.linalg.norm``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial import _distance_wrap, _hausdorff, distance

from autodiff.dims import Dim
from autodiff.ir.data import ArrayType
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import check
from autodiff.ops.promotion import as_array, cast, constant, doubles, pointwise, select
from autodiff.ops.python_numbers import number
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported, write_out
from autodiff.ops.vertices import Call


def _sum(x: Any, w: Any) -> Any:
    return functions[np.sum](x if w is None else x * w, axis=-1)


def root(x: Any) -> Any:
    """The square root, with derivative 0 where it is 0."""
    zero = x == 0.0
    return select(zero, 0.0, np.sqrt(select(zero, 1.0, x, np.float64)), np.float64)


def _quotient(a: Any, b: Any) -> Any:
    """``a / b``, and 0 where both are 0."""
    zero = (b == 0.0) & (a == 0.0)
    return select(zero, 0.0, a / select(zero, 1.0, b, np.float64), np.float64)


def _truth(x: Any) -> Any:
    return cast(x, np.float64)


def _total(u: Any, v: Any, w: Any) -> Any:
    """The sum of the weights: how many elements there are, if there are none."""
    ones: Any = functions[np.ones](u.shape[-1])
    return functions[np.sum](ones if w is None else ones * w)


def _unequal(u: Any, v: Any, w: Any) -> Any:
    return _sum(_truth((u != 0.0) ^ (v != 0.0)), w)


def _both(u: Any, v: Any, w: Any) -> Any:
    return _sum(_truth((u != 0.0) & (v != 0.0)), w)


# -- formulas -----------------------------------------------------------------------------------------
def _minkowski(u: Any, v: Any, w: Any, p: Any = 2.0) -> Any:
    if isinstance(p, (int, float)):
        if p == np.inf:
            return _chebyshev(u, v, w)
        if p == 1:
            return _sum(np.abs(u - v), w)
        if p == 2:
            return root(_sum((u - v) ** 2, w))
    if isinstance(p, Tracer):
        check(pointwise("less", p, np.inf), "a finite p")
    total: Any = _sum(np.abs(u - v) ** p, w)
    zero = total == 0.0
    safe: Any = select(zero, 1.0, total, np.float64)
    return select(zero, 0.0, safe ** (1.0 / p), np.float64)


def _chebyshev(u: Any, v: Any, w: Any) -> Any:
    size: Any = np.abs(u - v)
    if w is not None:
        size = select(w > 0.0, size, 0.0, np.float64)
    return functions[np.max](size, axis=-1)


def _cosine(u: Any, v: Any, w: Any) -> Any:
    cosine: Any = _sum(u * v, w) / (np.sqrt(_sum(u * u, w)) * np.sqrt(_sum(v * v, w)))
    return 1.0 - np.clip(cosine, -1.0, 1.0)


def _correlation(u: Any, v: Any, w: Any) -> Any:
    total = _total(u, v, w)
    first, second = (functions[np.expand_dims](_sum(x, w) / total, -1) for x in (u, v))
    return _cosine(u - first, v - second, w)


def _relative_entropy(p: Any, m: Any) -> Any:
    used = (p > 0.0) & (m > 0.0)
    ratio: Any = select(used, p / select(used, m, 1.0, np.float64), 1.0, np.float64)
    return p * np.log(ratio)


def _jensenshannon(u: Any, v: Any, w: Any) -> Any:
    p: Any = u / functions[np.sum](u, axis=-1, keepdims=True)
    q: Any = v / functions[np.sum](v, axis=-1, keepdims=True)
    middle: Any = (p + q) / 2.0
    total: Any = _sum(_relative_entropy(p, middle) + _relative_entropy(q, middle), w)
    return root(np.maximum(total, 0.0) / 2.0)


def _mahalanobis(u: Any, v: Any, w: Any, VI: Any) -> Any:
    d: Any = u - v
    return root(functions[np.sum](functions[np.matmul](d, doubles(VI)) * d, axis=-1))


def _dice(u: Any, v: Any, w: Any) -> Any:
    # Of numbers that are not 0 or 1 SciPy makes of "and" and "not" these products.
    differing: Any = _sum(u * (1.0 - v) + (1.0 - u) * v, w)
    return differing / (2.0 * _sum(u * v, w) + differing)


def _jaccard(u: Any, v: Any, w: Any) -> Any:
    return _quotient(_unequal(u, v, w), _sum(_truth((u != 0.0) | (v != 0.0)), w))


def _yule(u: Any, v: Any, w: Any) -> Any:
    a, b = u != 0.0, v != 0.0
    here, there = _sum(_truth(a & ~b), w), _sum(_truth(~a & b), w)
    product = here * there
    agreeing = _sum(_truth(a & b), w) * _sum(_truth(~a & ~b), w)
    return _quotient(2.0 * product, agreeing + product)


METRICS: dict[str, Callable[..., Any]] = {
    "braycurtis": lambda u, v, w: _sum(np.abs(u - v), w) / _sum(np.abs(u + v), w),
    "canberra": lambda u, v, w: _sum(_quotient(np.abs(u - v), np.abs(u) + np.abs(v)), w),
    "chebyshev": _chebyshev,
    "cityblock": lambda u, v, w: _sum(np.abs(u - v), w),
    "cosine": _cosine,
    "correlation": _correlation,
    "euclidean": lambda u, v, w: root(_sum((u - v) ** 2, w)),
    "jensenshannon": _jensenshannon,
    "mahalanobis": _mahalanobis,
    "minkowski": _minkowski,
    "seuclidean": lambda u, v, w, V: root(_sum((u - v) ** 2 / doubles(V), w)),
    "sqeuclidean": lambda u, v, w: _sum((u - v) ** 2, w),
    "dice": _dice,
    "hamming": lambda u, v, w: _sum(_truth(u != v), w) / _total(u, v, w),
    "jaccard": _jaccard,
    "rogerstanimoto": lambda u, v, w: (
        2.0 * _unequal(u, v, w) / (_total(u, v, w) + _unequal(u, v, w))
    ),
    "russellrao": lambda u, v, w: (_total(u, v, w) - _both(u, v, w)) / _total(u, v, w),
    "sokalsneath": lambda u, v, w: (
        2.0 * _unequal(u, v, w) / (2.0 * _unequal(u, v, w) + _both(u, v, w))
    ),
    "yule": _yule,
}


# -- routines -------------------------------------------------------------------------------------------
def _pairs(x: Any) -> tuple[Any, Any]:
    """The rows of each pair i < j."""
    m = x.shape[0]
    if isinstance(m, Dim):
        raise unsupported("scipy.spatial.distance.pdist of run-time size", "use cdist")
    first, second = (constant(k, INT) for k in np.triu_indices(m, 1))
    return x[first], x[second]


def _result(found: Any, out: Any) -> Any:
    found = Tracer(found.value, "array")
    return found if out is None else write_out(found, out)


def _cdist(formula: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, y: Any, w: Any = None, out: Any = None, **how: Any) -> Any:
        u, v = doubles(x), doubles(y)
        weights = None if w is None else doubles(w)
        rows = functions[np.expand_dims](u, 1), functions[np.expand_dims](v, 0)
        return _result(formula(*rows, weights, **how), out)

    return function


def _pdist(formula: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, w: Any = None, out: Any = None, **how: Any) -> Any:
        weights = None if w is None else doubles(w)
        return _result(formula(*_pairs(doubles(x)), weights, **how), out)

    return function


# Parameters that are statistics of the rows where they are not given, as SciPy takes them.
def _inverse_covariance(rows: Any) -> Any:
    if isinstance(rows.shape[0], int) and rows.shape[0] <= rows.shape[1]:
        raise ValueError(
            f"The number of observations ({rows.shape[0]}) is too small; the covariance matrix is "
            f"singular. For observations with {rows.shape[1]} dimensions, at least "
            f"{rows.shape[1] + 1} observations are required."
        )
    covariance = functions[np.atleast_2d](functions[np.cov](rows, rowvar=False))
    return functions[np.linalg.inv](covariance)


def _variance(rows: Any) -> Any:
    return functions[np.var](rows, axis=0, ddof=1)


_DEFAULTS = {"mahalanobis": ("VI", _inverse_covariance), "seuclidean": ("V", _variance)}
_UNWEIGHTED = ("jensenshannon", "mahalanobis", "seuclidean")


def _checked(name: str, function: Callable[..., Any], arrays: int) -> Callable[..., Any]:
    """A metric whose options SciPy's own routine would look at."""

    def call(*args: Any, **how: Any) -> Any:
        if name in _UNWEIGHTED and how.get("w") is not None:
            raise unsupported(f"weights of the metric {name!r}", "leave them out")
        if name in _DEFAULTS:
            option, default = _DEFAULTS[name]
            if how.get(option) is None:
                rows = [doubles(x) for x in args[:arrays]]
                how[option] = default(functions[np.concatenate](rows, 0))
        return function(*args, **how)

    return call


for _name, _formula in METRICS.items():
    for _prefix, _make, _arrays in (("cdist", _cdist, 2), ("pdist", _pdist, 1)):
        _routine = getattr(distance._METRICS[_name], f"{_prefix}_func")
        functions[_routine] = _checked(_name, _make(_formula), _arrays)


def _to_square(matrix: Any, vector: Any) -> None:
    first, second = (constant(k, INT) for k in np.triu_indices(matrix.shape[0], 1))
    matrix[first, second] = vector
    matrix[second, first] = vector


def _to_vector(matrix: Any, vector: Any) -> None:
    first, second = (constant(k, INT) for k in np.triu_indices(matrix.shape[0], 1))
    vector[...] = as_array(matrix)[first, second]


@implements(_hausdorff.directed_hausdorff)
def _farthest(u: Any, v: Any, seed: Any = 0) -> tuple[Any, Any, Any]:
    """How far a row of ``u`` is from the nearest of ``v`` at most, and which two these are: SciPy's choice."""
    a, b = doubles(u), doubles(v)
    if isinstance(seed, Tracer):
        raise unsupported("directed_hausdorff with a traced seed", "give a number")

    def run(values: Any) -> Any:
        rows = [np.ascontiguousarray(x) for x in values]
        return _hausdorff.directed_hausdorff(*rows, seed)[1:]

    call, types = Call("directed_hausdorff", run), (ArrayType(INT, ()),) * 2
    first, second = emit_tracer("called", a, b, call=call, types=types)
    distance = root(functions[np.sum]((a[first] - b[second]) ** 2))
    return number(distance, float), number(first, int), number(second, int)


functions[_distance_wrap.to_squareform_from_vector_wrap] = _to_square
functions[_distance_wrap.to_vector_from_squareform_wrap] = _to_vector

__all__ = ["METRICS", "root"]
