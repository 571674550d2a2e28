"""Graphs of ``scipy.sparse.csgraph``: which edges are on a path or in a tree SciPy says, lengths follow.

    shortest_path(A), dijkstra(A, indices=0), yen(A, 0, 3, 2)    sums of the edges on the paths
    minimum_spanning_tree(A), breadth_first_tree(A, 0)           edges of A, in their places
    csgraph_from_dense(A), csgraph_to_dense(A)                   elements that are moved

The choice of edges is whole numbers without a derivative, constant until two paths are equally long.  A length is
the sum of its edges, so its derivative by one is how often the path goes along it.  The sums of all paths are
found together by doubling: if d[v] is the sum of the last m edges of the path to v, and p[v] the node before
them, that of the last 2m is d[v] + d[p[v]].

Source: R. Ahuja, T. Magnanti and J. Orlin, *Network Flows* (1993), 4.1 (the tree of shortest paths); J. JáJá,
*An Introduction to Parallel Algorithms* (1992), 2.2 (pointer jumping).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph as scipy_graphs

from autodiff.ir.data import ArrayType
from autodiff.ops.control import CheckFailed
from autodiff.ops.function_table import functions, implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.promotion import as_array, cast
from autodiff.ops.scipy_sparse_structure import (
    FLOAT,
    Form,
    Plan,
    of_lines,
    parts_of,
    rows_of,
    structure,
)
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer, emit_tracer, is_traced
from autodiff.ops.ufuncs import unsupported
from autodiff.ops.vertices import Call

Array = Any
_INT, _NODE = np.dtype(np.int64), np.dtype(np.int32)


class _Graph:
    """A traced graph, full or sparse: its arrays, and how SciPy's is made of their values."""

    def __init__(self, graph: Any, name: str) -> None:
        self.name = f"scipy.sparse.csgraph.{name}"
        self.form: Form | None = None
        if sp.issparse(graph):
            if graph.format not in ("csr", "csc"):
                if name in ("floyd_warshall", "csgraph_to_dense"):
                    raise unsupported(f"{self.name} of this form", "pass a matrix by rows")
                graph = interpreted(rows_of, graph)  # where elements in one place are added
            self.form = Form(type(graph), graph.format, graph.shape)
            self.parts = parts_of(graph)
            shape = graph.shape
        else:
            if isinstance(graph, (list, tuple)):
                raise unsupported(f"{self.name} of a list", "pass an array, as SciPy wants it")
            full = cast(as_array(graph), FLOAT)
            shape = full.shape
            self.parts = [full]
        if len(shape) != 2 or not isinstance(shape[0], int) or shape[0] != shape[1]:
            raise unsupported(f"{self.name} of this form", "pass a square matrix of fixed size")
        self.n: int = shape[0]
        self.weights: Array = self.parts[-1].reshape(-1)

    @property
    def count(self) -> int:
        """How many of the operands are its arrays."""
        return len(self.parts)

    def of(self, values: Sequence[Any]) -> Any:
        """The graph of SciPy's."""
        if self.form is None:
            return values[0]
        # SciPy's own searches take indices of 32 bits.
        return self.form.of([x.astype(_NODE) for x in values[:-1]], values[-1])

    def empty(self) -> Any:
        """A graph of this form without edges."""
        return np.zeros((self.n, self.n)) if self.form is None else self.form.empty()


class _Edges:
    """Where among the weights of a graph the edge between two nodes is."""

    def __init__(self, graph: Any) -> None:
        self.n = graph.shape[0]
        if sp.issparse(graph):
            elements = graph.tocoo()
            keys, self.weights = elements.row.astype(_INT) * self.n + elements.col, elements.data
            self.order = np.lexsort((self.weights, keys))  # of parallel edges the shortest
            self.keys, self.none = keys[self.order], np.zeros(len(keys), bool)
        else:
            self.weights = np.ravel(graph)
            self.keys = self.order = np.arange(self.n * self.n)
            self.none = ~np.isfinite(self.weights) | (self.weights == 0)

    def _along(self, tails: Any, heads: Any) -> Any:
        wanted = tails * self.n + heads
        at = np.searchsorted(self.keys, wanted)
        at = np.minimum(at, len(self.keys) - 1)
        found: np.ndarray = np.where(self.keys[at] == wanted, self.order[at], -1)
        return found

    def between(self, tails: Any, heads: Any, directed: bool = True) -> Any:
        """The places of edges; of a graph that is not directed those of the shorter of two."""
        if not len(self.keys):
            raise CheckFailed("a path in a graph without edges")
        found = self._along(tails, heads)
        if not directed:
            back = self._along(heads, tails)
            first, second = (self._length(x) for x in (found, back))
            found = np.where(second < first, back, found)
        if np.any(found < 0):
            raise CheckFailed("a path along no edge")
        return found

    def _length(self, places: Any) -> Any:
        return np.where((places < 0) | self.none[places], np.inf, self.weights[places])


def _constant(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options that the program holds."""
    for key, x in options.items():
        if is_traced([x]):
            raise unsupported(f"{name} with a traced {key}", "pass a number of Python's")
    if options.pop("overwrite", False):
        raise unsupported(f"{name} with overwrite=True", "leave it out")
    return options


# -- shortest paths -----------------------------------------------------------------------------------------------
def _before(edges: _Edges, predecessors: Any, directed: bool) -> tuple[Any, Any]:
    """Of each node of each path the edge to it, -1 for none, and the node before it, or itself."""
    before = np.reshape(predecessors, (-1, edges.n))
    nodes = np.broadcast_to(np.arange(edges.n), before.shape)
    is_reached = before >= 0
    taken: np.ndarray = np.full(before.shape, -1)
    if np.any(is_reached):
        taken[is_reached] = edges.between(before[is_reached], nodes[is_reached], directed)
    return taken, np.where(is_reached, before, nodes)


def _summed(graph: _Graph, taken: Array, before: Array) -> Array:
    """The lengths of the paths, by doubling."""
    one = np.maximum(taken, 0)
    length: Array = np.where(taken >= 0, graph.weights[one], 0.0)
    for _ in range(max(graph.n - 1, 1).bit_length()):
        length = length + np.take_along_axis(length, before, 1)
        before = np.take_along_axis(before, before, 1)
    return length


def _asked(call: Callable[..., Any], graph: Any) -> Any:
    try:
        return call(graph)
    except scipy_graphs.NegativeCycleError:
        raise CheckFailed("a cycle of negative length") from None


def _shortest(graph: _Graph, call: Callable[..., Any], options: dict[str, Any]) -> Any:
    """What SciPy's search finds: lengths, and whatever stands beside them, by the options."""
    n, directed = graph.n, bool(options.get("directed", True))
    asks = options.pop("return_predecessors", False)
    indices, min_only = options.get("indices"), options.get("min_only", False)
    sources = n if indices is None else np.size(indices)
    is_line = min_only or (indices is not None and np.ndim(indices) == 0)
    shape = (n,) if is_line else (sources, n)
    rows = (1 if is_line else sources, n)

    def run(values: Sequence[Any]) -> Sequence[Any]:
        given = graph.of(values)
        found = _asked(lambda g: call(g, return_predecessors=True, **options), given)
        edges = _Edges(given)
        if options.get("unweighted"):
            return (*found, np.full(rows, -1), np.zeros(rows, _INT))
        return (*found, *_before(edges, found[1], directed))

    types = [ArrayType(FLOAT, shape), ArrayType(_NODE, shape)]
    types += [ArrayType(_NODE, shape)] * bool(min_only)
    types += [ArrayType(_INT, rows)] * 2
    *found, taken, before = emit_tracer(
        "called", *graph.parts, call=Call(graph.name, run), types=tuple(types)
    )
    length = found[0]
    if not options.get("unweighted"):
        length = derived_as(length, _summed(graph, taken, before).reshape(shape))
    return (length, *found[1:]) if asks else length


def _enter_search(function: Any, names: Sequence[str]) -> None:
    """A search whose parameters after the graph have these names."""

    def search(csgraph: Any, *args: Any, **options: Any) -> Any:
        name = function.__name__
        given = dict(zip(names, args, strict=False)) | options
        asked = _constant(f"scipy.sparse.csgraph.{name}", given)
        return _shortest(_Graph(csgraph, name), function, asked)

    search.__name__, search.__doc__ = function.__name__, f"``{function.__name__}``."
    implements(function)(search)


for _function, _names in {
    scipy_graphs.shortest_path: "method directed return_predecessors unweighted overwrite indices",
    scipy_graphs.dijkstra: "directed indices return_predecessors unweighted limit min_only",
    scipy_graphs.bellman_ford: "directed indices return_predecessors unweighted",
    scipy_graphs.johnson: "directed indices return_predecessors unweighted",
    scipy_graphs.floyd_warshall: "directed return_predecessors unweighted overwrite",
}.items():
    _enter_search(_function, _names.split())


@implements(scipy_graphs.construct_dist_matrix)
def lengths_of_paths(
    graph: Any, predecessors: Any, directed: bool = True, null_value: Any = np.inf
) -> Any:
    """``construct_dist_matrix``."""
    given = _Graph(graph, "construct_dist_matrix")
    options = _constant(given.name, {"directed": directed, "null_value": null_value})
    before: Array = as_array(predecessors)
    n, count = given.n, given.count

    def run(values: Sequence[Any]) -> Sequence[Any]:
        own = given.of(values[:count])
        found = scipy_graphs.construct_dist_matrix(own, values[count], **options)
        return found, *_before(_Edges(own), values[count], directed)

    types = (ArrayType(FLOAT, (n, n)), *[ArrayType(_INT, (n, n))] * 2)
    call = Call(given.name, run)
    found, *paths = emit_tracer("called", *given.parts, before, call=call, types=types)
    return derived_as(found, _summed(given, *paths))


@implements(scipy_graphs.yen)
def shortest_paths(
    csgraph: Any,
    source: Any,
    sink: Any,
    K: Any,
    *,
    directed: bool = True,
    return_predecessors: bool = False,
    unweighted: bool = False,
) -> Any:
    """``yen``: the lengths of as many paths as there are, up to ``K``."""
    given = _Graph(csgraph, "yen")
    ends = _constant(given.name, {"source": source, "sink": sink, "K": K})
    if return_predecessors:
        raise unsupported(f"{given.name} with return_predecessors=True", "leave it out")

    def run(values: Sequence[Any]) -> Sequence[Any]:
        own = given.of(values)
        how = {"directed": directed, "unweighted": unweighted, "return_predecessors": True}
        found, trees = _asked(lambda g: scipy_graphs.yen(g, **ends, **how), own)
        edges, taken, numbers = _Edges(own), [], []
        for number, before in enumerate(np.reshape(trees, (len(found), given.n))):
            node = sink
            while node != source:
                taken.append((before[node], node))
                numbers.append(number)
                node = before[node]
        pairs = np.array(taken, _INT).reshape(-1, 2)
        tails, heads = pairs.T
        places = edges.between(tails, heads, directed) if len(pairs) else tails
        return found, places, np.array(numbers, float)

    plan = Plan(given.name, run, ("paths", "edges", "edges"), FLOAT)
    found, places, numbers = structure(plan, given.parts)
    if unweighted:
        return found
    total: Any = Tracer(zeros(found.shape, FLOAT).value, "array")
    np.add.at(total, cast(numbers, _INT), given.weights[cast(places, _INT)])
    return derived_as(found, total)


# -- edges that are kept ------------------------------------------------------------------------------------------
def _kept(
    graph: Any, name: str, call: Callable[..., Any], directed: bool = True, more: Sequence[Any] = ()
) -> Any:
    """The sparse graph ``call(graph, *more)``, of edges of ``graph``."""
    given = _Graph(graph, name)
    others: list[Array] = [as_array(x) for x in more]
    count, n = given.count, given.n
    example = call(given.empty(), *(np.full(n, -9999, _NODE) for _ in more))

    def run(values: Sequence[Any]) -> Sequence[Any]:
        own = given.of(values[:count])
        found = call(own, *values[count:]).tocsr()
        tails = np.repeat(np.arange(n), np.diff(found.indptr))
        places = found.indices[:0].astype(_INT)
        if found.nnz:
            places = _Edges(own).between(tails, found.indices.astype(_INT), directed)
        return found.indptr, found.indices, places

    plan = Plan(given.name, run, (n + 1, "elements", "elements"))
    ends, indices, taken = structure(plan, [*given.parts, *others])
    lines = (ends.astype(_NODE), indices.astype(_NODE))
    return interpreted(of_lines, type(example), lines, given.weights[taken], (n, n))


@implements(scipy_graphs.minimum_spanning_tree)
def minimum_spanning_tree(csgraph: Any, overwrite: bool = False) -> Any:
    """``minimum_spanning_tree``."""
    _constant("scipy.sparse.csgraph.minimum_spanning_tree", {"overwrite": overwrite})
    return _kept(csgraph, "minimum_spanning_tree", scipy_graphs.minimum_spanning_tree)


@implements(scipy_graphs.breadth_first_tree)
def breadth_first_tree(csgraph: Any, i_start: Any, directed: bool = True) -> Any:
    """``breadth_first_tree``."""
    how = _constant("breadth_first_tree", {"i_start": i_start, "directed": directed})
    call = lambda g: scipy_graphs.breadth_first_tree(g, **how)  # noqa: E731
    return _kept(csgraph, "breadth_first_tree", call, directed)


@implements(scipy_graphs.depth_first_tree)
def depth_first_tree(csgraph: Any, i_start: Any, directed: bool = True) -> Any:
    """``depth_first_tree``."""
    how = _constant("depth_first_tree", {"i_start": i_start, "directed": directed})
    call = lambda g: scipy_graphs.depth_first_tree(g, **how)  # noqa: E731
    return _kept(csgraph, "depth_first_tree", call, directed)


@implements(scipy_graphs.reconstruct_path)
def reconstruct_path(csgraph: Any, predecessors: Any, directed: bool = True) -> Any:
    """``reconstruct_path``."""
    call = lambda g, before: scipy_graphs.reconstruct_path(g, before, directed)  # noqa: E731
    return _kept(csgraph, "reconstruct_path", call, directed, [predecessors])


# -- full and sparse graphs ---------------------------------------------------------------------------------------
@implements(scipy_graphs.csgraph_from_dense)
def csgraph_from_dense(graph: Any, *args: Any, **options: Any) -> Any:
    """``csgraph_from_dense``."""
    if sp.issparse(graph) or is_traced([*args, *options.values()]):
        raise unsupported("scipy.sparse.csgraph.csgraph_from_dense of this form", "pass an array")
    call = lambda g: scipy_graphs.csgraph_from_dense(g, *args, **options)  # noqa: E731
    return _kept(graph, "csgraph_from_dense", call)


@implements(scipy_graphs.csgraph_to_dense)
def csgraph_to_dense(csgraph: Any, null_value: Any = 0) -> Any:
    """``csgraph_to_dense``."""
    given = _Graph(csgraph, "csgraph_to_dense")
    if given.form is None or isinstance(null_value, Tracer):
        raise unsupported(f"{given.name} of this form", "pass a sparse array, and a number")
    n = given.n

    def run(values: Sequence[Any]) -> Sequence[Any]:
        edges = _Edges(given.of(values))
        places = np.full((n, n), -1)
        first = np.diff(edges.keys, prepend=-1) > 0
        places[np.divmod(edges.keys[first], n)] = edges.order[first]
        return (places,)

    call = Call(given.name, run)
    places = emit_tracer("called", *given.parts, call=call, types=(ArrayType(_INT, (n, n)),))
    if given.weights.shape[0] == 0:
        return functions[np.full]((n, n), float(null_value))
    return np.where(places >= 0, given.weights[np.maximum(places, 0)], float(null_value))


__all__ = ["csgraph_from_dense", "csgraph_to_dense", "minimum_spanning_tree", "shortest_paths"]
