"""Clusters of ``scipy.cluster``: what is nearest and what is merged is chosen by SciPy, the distances follow.

    vq(x, centres)              (which centre is nearest, the distance to it)
    linkage(y, "average")       rows of two clusters, their distance, and how many points are in both
    cophenet(Z), maxdists(Z)    distances of the linkage, by pairs of points, by clusters

The choices are whole numbers without a derivative, constant until two distances agree. Given them, the distance of a
merged cluster from the others is a formula of those of its two parts, by the method (Lance and Williams).

Source: G. N. Lance and W. T. Williams, A general theory of classificatory sorting strategies (1967); D. Müllner,
Modern hierarchical, agglomerative clustering algorithms (2011), figure 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.cluster import hierarchy, vq
from scipy.spatial import distance

from autodiff.ir.data import ArrayType
from autodiff.ops import scipy_distance
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import INT
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported

_FLOAT = np.dtype(np.float64)


def _choice(name: str, types: Callable[..., tuple[ArrayType, ...]], meaning: Any) -> None:
    register(Entry(name, types, meaning, Kernel(name), zero_derivative=True))


# -- the nearest --------------------------------------------------------------------------------------------
def _nearest(x: Any, centres: Any) -> Any:
    return vq.vq(x, centres, check_finite=False)


def _types_of_nearest(types: Any) -> tuple[ArrayType, ...]:
    """Those of SciPy, which has routines for floats and compares whole numbers by arrays."""
    both = np.result_type(types[0].dtype, types[1].dtype)
    codes, found = (
        (np.int32, both) if both.kind == "f" and both.itemsize > 2 else (np.int64, np.float64)
    )
    count = types[0].shape[:1]
    return ArrayType(np.dtype(codes), count), ArrayType(np.dtype(found), count)


_choice("nearest_centre", _types_of_nearest, _nearest)


@implements(vq.vq)
def quantise(obs: Any, code_book: Any, check_finite: bool = True) -> Any:
    """``scipy.cluster.vq.vq``."""
    x, centres = as_array(obs), as_array(code_book)
    kinds = {x.dtype.kind, centres.dtype.kind}
    if x.ndim not in (1, 2) or x.ndim != centres.ndim or not kinds <= set("fiu"):
        raise unsupported("scipy.cluster.vq.vq of this form", "pass two matrices")
    if check_finite:
        for a in (x, centres):
            check(functions[np.all](np.isfinite(a)), "what is quantised is finite")
    codes, found = emit_tracer("nearest_centre", stop(x), stop(centres))
    x, centres = (cast(a, found.dtype) for a in (x, centres))
    apart = x - centres[codes]
    square = np.sum(apart * apart, axis=1) if x.ndim == 2 else apart * apart
    return codes, derived_as(found, np.sqrt(square))


# -- merging ------------------------------------------------------------------------------------------------
def _root(x: Any) -> Any:
    return np.sqrt(np.where(x > 0, x, 0.0))


# The distance of others (of s points) from a merged cluster, by those of its parts (of n and m), and that between these.
_RULES: dict[str, Callable[..., Any]] = {
    "single": lambda a, b, c, n, m, s: np.minimum(a, b),
    "complete": lambda a, b, c, n, m, s: np.maximum(a, b),
    "average": lambda a, b, c, n, m, s: (n * a + m * b) / (n + m),
    "weighted": lambda a, b, c, n, m, s: 0.5 * (a + b),
    "centroid": lambda a, b, c, n, m, s: _root(
        (n * a * a + m * b * b - n * m * c * c / (n + m)) / (n + m)
    ),
    "median": lambda a, b, c, n, m, s: _root(0.5 * (a * a + b * b) - 0.25 * c * c),
    "ward": lambda a, b, c, n, m, s: _root(
        ((s + n) * a * a + (s + m) * b * b - s * c * c) / (n + m + s)
    ),
}


def _heights(square: Any, first: Any, second: Any, rule: Callable[..., Any]) -> Any:
    """The distances of the clusters that are merged, in the order of merging."""
    n = square.shape[0]
    d = np.zeros((2 * n - 1, 2 * n - 1))
    d[:n, :n] = square
    sizes = np.ones(2 * n - 1)
    heights = np.zeros(n - 1)
    for m in range(n - 1):
        i, j = first[m], second[m]
        heights[m] = d[i, j]
        row = rule(d[i], d[j], d[i, j], sizes[i], sizes[j], sizes)
        d[n + m, :] = row
        d[:, n + m] = row
        sizes[n + m] = sizes[i] + sizes[j]
    return heights


_choice(
    "linkage",
    lambda types, method, count: (ArrayType(_FLOAT, (count - 1, 4)),),
    lambda y, method, count: hierarchy.linkage(y, method),
)


@implements(hierarchy.linkage)
def linkage(
    y: Any, method: str = "single", metric: Any = "euclidean", optimal_ordering: bool = False
) -> Any:
    """``scipy.cluster.hierarchy.linkage``."""
    x = cast(as_array(y), np.float64)
    if optimal_ordering or method not in _RULES:
        raise unsupported("scipy.cluster.hierarchy.linkage with these options", "leave them out")
    if x.ndim == 2:
        x = interpreted(distance.pdist, x, metric)
    if x.ndim != 1 or not isinstance(x.shape[0], int):
        raise unsupported("a linkage of this form", "pass points of one number, or distances")
    check(functions[np.all](np.isfinite(x)), "distances are finite")
    count = distance.num_obs_y(np.empty(x.shape[0]))
    found = emit_tracer("linkage", stop(x), method=method, count=count)
    square = interpreted(distance.squareform, x)
    first, second = (cast(found[:, k], np.int64) for k in (0, 1))
    heights = interpreted(_heights, square, first, second, _RULES[method])
    return _with_heights(found, derived_as(found[:, 2], heights))


def _with_heights(table: Any, heights: Any) -> Any:
    return functions[np.stack]([table[:, 0], table[:, 1], heights, table[:, 3]], 1)


# -- distances of a linkage ---------------------------------------------------------------------------------
def _ranked(table: Any) -> tuple[Any, Any]:
    """The linkage with ranks in the place of its distances, and which distance has a rank."""
    order = np.argsort(table[:, 2], kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order))
    return np.column_stack([table[:, :2], ranks, table[:, 3]]), order


def _of_pairs(table: Any) -> Any:
    marked = np.column_stack([table[:, :2], np.arange(len(table)), table[:, 3]])
    return np.asarray(hierarchy.cophenet(marked), np.int64)


def _of_clusters(table: Any) -> Any:
    ranked, order = _ranked(table)
    return np.asarray(order[hierarchy.maxdists(ranked).astype(int)], np.int64)


def _pairs(n: Any) -> Any:
    return n * (n + 1) // 2


_choice("linkage_of_pairs", lambda types: (ArrayType(INT, (_pairs(types[0].shape[0]),)),), _of_pairs)  # fmt: skip
_choice("linkage_below", lambda types: (ArrayType(INT, types[0].shape[:1]),), _of_clusters)


def _table(Z: Any) -> Tracer:
    table = cast(as_array(Z), np.float64)
    if table.ndim != 2 or not isinstance(table.shape[0], int):
        raise unsupported("a linkage of this form", "pass what scipy.cluster.hierarchy.linkage gives")  # fmt: skip
    return table


@implements(hierarchy.cophenet)
def cophenet(Z: Any, Y: Any = None) -> Any:
    """``scipy.cluster.hierarchy.cophenet``."""
    table: Any = _table(Z)
    found: Any = table[:, 2][emit_tracer("linkage_of_pairs", stop(table))]
    if Y is None:
        return found
    given: Any = cast(as_array(Y), np.float64)
    a, b = given - np.mean(given), found - np.mean(found)
    return np.sum(a * b) / np.sqrt(np.sum(a * a) * np.sum(b * b)), found


@implements(hierarchy.maxdists)
def maxdists(Z: Any) -> Any:
    """``scipy.cluster.hierarchy.maxdists``."""
    table: Any = _table(Z)
    return table[:, 2][emit_tracer("linkage_below", stop(table))]


def _below(table: Any, depth: int) -> Any:
    """Of each cluster: 1 where a cluster is merged into it, itself or up to some levels below."""
    count = len(table)
    found = np.zeros((count, count))
    for row in range(count):
        pending = [(row, depth)]
        while pending:
            at, left = pending.pop()
            found[row, at] = 1.0
            parts = (int(k) - count - 1 for k in table[at, :2])
            pending += [(k, left - 1) for k in parts if k >= 0 and left > 1]
    return found


_choice(
    "linkage_depths",
    lambda types, depth: (ArrayType(_FLOAT, (types[0].shape[0],) * 2),),
    _below,
)


@implements(hierarchy.inconsistent)
def inconsistent(Z: Any, d: int = 2) -> Any:
    """``scipy.cluster.hierarchy.inconsistent``: means and deviations of the distances below."""
    table: Any = _table(Z)
    heights = table[:, 2]
    member = emit_tracer("linkage_depths", stop(table), depth=int(d))
    count: Any = np.sum(member, axis=1)
    mean: Any = np.sum(member * heights, axis=1) / count
    apart = member * (heights - mean[:, None])
    variance = np.sum(apart * apart, axis=1) / np.where(count > 1, count - 1, 1.0)
    spread = variance > 0
    deviation = np.where(spread, np.sqrt(np.where(spread, variance, 1.0)), 0.0)
    ratio = np.where(spread, (heights - mean) / np.where(spread, deviation, 1.0), 0.0)
    return functions[np.stack]([mean, deviation, count, ratio], 1)


def _largest(table: Any, values: Any) -> Any:
    """Where the largest of some values is, in each cluster and those below."""
    order = np.argsort(values, kind="stable")
    ranks = np.zeros((len(order), 4))
    ranks[order, 0] = np.arange(len(order))
    ranks[:, 2] = 1.0
    return np.asarray(order[hierarchy.maxRstat(table, ranks, 0).astype(int)], np.int64)


_choice("linkage_largest", lambda types: (ArrayType(INT, types[0].shape[:1]),), _largest)


@implements(hierarchy.maxRstat)
def maxRstat(Z: Any, R: Any, i: int) -> Any:
    """``scipy.cluster.hierarchy.maxRstat``."""
    column: Any = cast(as_array(R), np.float64)[:, i]
    return column[emit_tracer("linkage_largest", stop(_table(Z)), stop(column))]


@implements(hierarchy.maxinconsts)
def maxinconsts(Z: Any, R: Any) -> Any:
    """``scipy.cluster.hierarchy.maxinconsts``."""
    return maxRstat(Z, R, 3)


# -- labels -------------------------------------------------------------------------------------------------
def _labels(table: Any, name: str, how: tuple[tuple[str, Any], ...], shape: Any) -> Any:
    return np.asarray(getattr(hierarchy, name)(table, **dict(how)), _LABELS[name]).reshape(shape)


_LABELS: dict[str, np.dtype[Any]] = {
    "fcluster": np.dtype(np.int32), "leaves_list": np.dtype(np.int32), "cut_tree": np.dtype(np.int64),
}  # fmt: skip
_choice(
    "linkage_labels",
    lambda types, name, how, shape: (ArrayType(_LABELS[name], shape),),
    _labels,
)


def _labelled(name: str, Z: Any, how: dict[str, Any], shape: Callable[[int], Any]) -> Any:
    table: Any = _table(Z)
    if any(isinstance(x, Tracer) or not np.isscalar(x) for x in how.values()):
        raise unsupported(f"scipy.cluster.hierarchy.{name} with such options", "pass numbers")
    return emit_tracer(
        "linkage_labels", stop(table), name=name, how=tuple(how.items()), shape=shape(table.shape[0] + 1),
    )  # fmt: skip


@implements(hierarchy.fcluster)
def fcluster(
    Z: Any, t: Any, criterion: str = "inconsistent", depth: int = 2, R: Any = None, monocrit: Any = None
) -> Any:  # fmt: skip
    """``scipy.cluster.hierarchy.fcluster``."""
    if R is not None or monocrit is not None:
        raise unsupported("scipy.cluster.hierarchy.fcluster with statistics", "leave them out")
    how = {"t": t, "criterion": criterion, "depth": depth}
    return _labelled("fcluster", Z, how, lambda n: (n,))


@implements(hierarchy.leaves_list)
def leaves_list(Z: Any) -> Any:
    """``scipy.cluster.hierarchy.leaves_list``."""
    return _labelled("leaves_list", Z, {}, lambda n: (n,))


@implements(hierarchy.cut_tree)
def cut_tree(Z: Any, n_clusters: Any = None, height: Any = None) -> Any:
    """``scipy.cluster.hierarchy.cut_tree`` at one number of clusters, or one height."""
    how = {"n_clusters": n_clusters, "height": height}
    given = {name: x for name, x in how.items() if x is not None}
    return _labelled("cut_tree", Z, given, lambda n: (n, 1) if given else (n, n))


__all__ = ["cophenet", "linkage", "maxdists", "quantise", "scipy_distance"]
