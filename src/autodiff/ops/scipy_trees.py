"""``scipy.spatial.KDTree`` of traced points, or asked for the neighbours of traced ones.

    KDTree(x).query(y, 3)       (distances, which): SciPy's choice, and how far these points are from each other

Which points are the nearest is a whole number without a derivative, constant until two are equally far.  Where a distance
is 0 its derivative is 0, as that of ``np.linalg.norm``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import KDTree, cKDTree

from autodiff.ir.data import ArrayType
from autodiff.ops.function_table import functions, implements
from autodiff.ops.promotion import as_array, cast, select
from autodiff.ops.python_numbers import number
from autodiff.ops.scipy_distance import METRICS
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import INT
from autodiff.ops.tracer import HoldsTracers, Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported
from autodiff.ops.vertices import Call

_DOUBLE = np.dtype(np.float64)


def _points(x: Any) -> Any:
    return Tracer(cast(as_array(x), _DOUBLE).value, "array")


def _refuse_traced(*options: Any) -> None:
    if any(isinstance(option, Tracer) for option in options):
        raise unsupported("a KDTree with traced options", "give numbers")


def _neighbours(
    tree: Any, data: Any, x: Any, k: Any, eps: Any, p: Any, distance_upper_bound: Any, workers: Any
) -> tuple[Any, Any]:
    """Distances to the nearest of ``data``, and which these are; ``tree`` makes the tree that is asked."""
    how = (eps, p, distance_upper_bound, workers)
    _refuse_traced(k, *how)
    points, places = _points(data), _points(x)
    if k is None or places.ndim == 0 or points.ndim != 2:
        raise unsupported(
            "KDTree.query of this form", "give a matrix of points, and how many to find"
        )

    def run(values: Any) -> Any:
        given, asked = (np.array(v) for v in values)
        return tree(given).query(asked, k, *how)

    several = (k,) if isinstance(k, (int, np.integer)) else (len(k),)
    shape = places.shape[:-1] + (() if isinstance(k, (int, np.integer)) and k == 1 else several)
    types = (ArrayType(_DOUBLE, shape), ArrayType(INT, shape))
    call = Call("KDTree.query", run)
    found, which = emit_tracer("called", points, places, call=call, types=types)
    count = points.shape[0]
    missing = which >= count  # as many as there are; SciPy says that there are no more
    near = points[select(missing, 0, which, INT)]
    here = places if len(shape) < places.ndim else functions[np.expand_dims](places, -2)
    distance = METRICS["minkowski"](here, near, None, p)
    distance = derived_as(found, select(missing, np.inf, distance, _DOUBLE))
    return distance, which


def _result(found: tuple[Any, Any], whole: type) -> tuple[Any, Any]:
    distance, which = found
    if distance.ndim:
        return distance, which
    index = number(which, int) if whole is int else Tracer(as_array(which).value, "scalar")
    return number(distance, float), index


def _known_size(x: Any, axis: int = 0) -> int:
    size = x.shape[axis]
    if not isinstance(size, int):
        raise unsupported("pairs of a run-time number of points", "give arrays of one shape")
    return size


def _choice(name: str, run: Any, shape: tuple[int, ...], *given: Any) -> np.ndarray[Any, Any]:
    """Which points are near, as they are at this call: the program holds where they are the same."""
    call, types = Call(name, run), (ArrayType(np.dtype(bool), shape),)
    found = emit_tracer("called", *given, call=call, types=types)
    return np.asarray(found)


def _query_of(kind: type, whole: type) -> None:
    def query(
        self: Any, x: Any, k: Any = 1, eps: Any = 0.0, p: Any = 2.0,
        distance_upper_bound: Any = np.inf, workers: Any = 1,
    ) -> tuple[Any, Any]:  # fmt: skip
        """``tree.query`` of traced places."""
        found = _neighbours(
            lambda points: self, self.data, x, k, eps, p, distance_upper_bound, workers
        )
        return _result(found, whole)

    class Tree(HoldsTracers):
        """A tree of traced points, which is made anew whenever it is asked."""

        python_type = kind

        def __init__(self, data: Any, leafsize: Any = None, *options: Any, **more: Any) -> None:
            if more.get("boxsize") is not None or len(options) > 3:
                raise unsupported("a KDTree of traced points with boxsize=", "leave it out")
            self.data = data

        def query(
            self, x: Any, k: Any = 1, eps: Any = 0.0, p: Any = 2.0,
            distance_upper_bound: Any = np.inf, workers: Any = 1,
        ) -> tuple[Any, Any]:  # fmt: skip
            """``tree.query``."""
            found = _neighbours(kind, self.data, x, k, eps, p, distance_upper_bound, workers)
            return _result(found, whole)

        def query_pairs(
            self, r: Any, p: Any = 2.0, eps: Any = 0.0, output_type: str = "set"
        ) -> Any:  # fmt: skip
            """``tree.query_pairs``, whose numbers shape the program."""
            _refuse_traced(p, eps)
            points = _points(self.data)
            count = _known_size(points)

            def run(values: Any) -> Any:
                near = np.zeros((count, count), bool)
                data, radius = (np.array(v) for v in values)
                pairs = kind(data).query_pairs(float(radius), p, eps, "ndarray")
                near[pairs[:, 0], pairs[:, 1]] = True
                return (near,)

            near = _choice("KDTree.query_pairs", run, (count, count), points, as_array(r))
            pairs = np.argwhere(near)
            if output_type == "ndarray":
                return pairs
            return {(int(i), int(j)) for i, j in pairs}

        def query_ball_point(
            self, x: Any, r: Any, p: Any = 2.0, eps: Any = 0.0, workers: Any = 1,
            return_sorted: Any = None, return_length: bool = False,
        ) -> Any:  # fmt: skip
            """``tree.query_ball_point``, whose numbers shape the program."""
            _refuse_traced(p, eps, workers)
            points, places = _points(self.data), _points(x)
            shape = (*[_known_size(places, k) for k in range(places.ndim - 1)], _known_size(points))

            def run(values: Any) -> Any:
                near = np.zeros(shape, bool)
                data, asked, radius = (np.array(v) for v in values)
                found = kind(data).query_ball_point(asked, radius, p, eps, workers)
                for place in np.ndindex(*shape[:-1]):
                    near[place][found[place] if place else found] = True
                return (near,)

            near = _choice("KDTree.query_ball_point", run, shape, points, places, as_array(r))
            if return_length:
                return np.sum(near, axis=-1)
            lists = np.empty(shape[:-1], object)
            for place in np.ndindex(*shape[:-1]):
                lists[place] = [int(k) for k in np.flatnonzero(near[place])]
            return lists if shape[:-1] else lists[()]

    implements(getattr(kind, "query"))(query)  # noqa: B009 - of either class
    implements(kind)(Tree)


_query_of(KDTree, np.int64)
_query_of(cKDTree, int)

__all__: list[str] = []
