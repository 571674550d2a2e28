"""Graphs of ``scipy.sparse.csgraph``: SciPy's paths and trees, and the derivatives of their lengths."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csgraph

import autodiff
from tests.ops.support import ENGINES

pytestmark = pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
W = np.array([1.1, 0.7, 2.3, 0.4, 1.9, 0.8])
I, J = np.array([[0, 0, 1, 1, 2, 3], [1, 2, 2, 3, 3, 4]], np.int32)


def _sparse(w: Any, form: Any = sparse.csr_array) -> Any:
    return form((w, (I, J)), shape=(6, 6))


def _full(w: Any) -> Any:
    a = np.zeros((6, 6))
    a[I, J] = w
    a[J, I] = 1.3 * w
    return a


def _finite(x: Any) -> Any:
    return np.where(np.isfinite(x), x, 0.0)


CASES: dict[str, Callable[[Any], Any]] = {
    **{
        f"{name} of a {form.__name__}": lambda w, name=name, form=form: _finite(
            getattr(csgraph, name)(_sparse(w, form))
        )
        for name in ("shortest_path", "dijkstra", "bellman_ford", "johnson", "floyd_warshall")
        for form in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array)
        if (name, form) != ("floyd_warshall", sparse.coo_array)  # of which SciPy has none
    },
    "full": lambda w: _finite(csgraph.shortest_path(_full(w))),
    "full, either way": lambda w: _finite(csgraph.dijkstra(_full(w), directed=False)),
    "either way": lambda w: _finite(csgraph.dijkstra(_sparse(w), directed=False)),
    "from one": lambda w: _finite(csgraph.dijkstra(_sparse(w), indices=1)),
    "from two": lambda w: _finite(csgraph.johnson(_sparse(w), indices=[1, 0])),
    "up to a limit": lambda w: _finite(csgraph.dijkstra(_sparse(w), limit=2.0)),
    "from the nearer": lambda w: _finite(
        csgraph.dijkstra(_sparse(w), indices=[1, 2], min_only=True)
    ),
    "negative": lambda w: _finite(csgraph.bellman_ford(_sparse(w - 0.5))),
    "by name": lambda w: _finite(csgraph.shortest_path(csgraph=_full(w), method="D", indices=1)),
    "trees by name": lambda w: (
        csgraph.minimum_spanning_tree(csgraph=_sparse(w)).toarray()
        + csgraph.breadth_first_tree(csgraph=_sparse(w), i_start=1).toarray()
        + csgraph.csgraph_to_dense(csgraph=csgraph.csgraph_from_dense(graph=_full(w)))
    ),
    "in a branch": lambda w: _finite(
        csgraph.dijkstra(_sparse(w))[0] if w[0] > 0 else csgraph.dijkstra(_sparse(w))[1]
    ),
    "of predecessors": lambda w: _finite(
        csgraph.construct_dist_matrix(
            _sparse(w), csgraph.dijkstra(_sparse(w), return_predecessors=True)[1]
        )
    ),
    "tree of predecessors": lambda w: csgraph.reconstruct_path(
        _sparse(w), csgraph.dijkstra(_sparse(w), indices=0, return_predecessors=True)[1]
    ).toarray(),
    "spanning": lambda w: csgraph.minimum_spanning_tree(_sparse(w)).toarray(),
    "spanning, full": lambda w: csgraph.minimum_spanning_tree(_full(w)).toarray(),
    "breadth first": lambda w: csgraph.breadth_first_tree(_sparse(w), 0).toarray(),
    "depth first, either way": lambda w: csgraph.depth_first_tree(
        _sparse(w), 4, directed=False
    ).toarray(),
    "from full": lambda w: csgraph.csgraph_from_dense(_full(w)).toarray(),
    "to full": lambda w: csgraph.csgraph_to_dense(_sparse(w), null_value=7.0),
    "several": lambda w: csgraph.yen(_sparse(w), 0, 4, 3),
    "several, either way": lambda w: csgraph.yen(_sparse(w), 4, 0, 2, directed=False),
    "several, full": lambda w: csgraph.yen(_full(w), 0, 4, 2),
}
FAST = ("full, either way", "by name", "from one", "spanning", "several", "dijkstra of a csr_array")
names = [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in CASES]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", names)
def test_lengths_and_their_slopes(name: str, engine: str) -> None:
    f = CASES[name]
    compiled = autodiff.function(f, engine=engine)
    for w in (W, W[::-1].copy()):  # other paths are shorter
        np.testing.assert_array_equal(compiled(w), f(w))
    direction = np.cos(np.arange(6.0))
    square = lambda w: np.sin(f(w))  # noqa: E731  of which there are second derivatives
    slope = (square(W + 1e-6 * direction) - square(W - 1e-6 * direction)) / 2e-6
    pushed = autodiff.jvp(square, (W,), (direction,), engine=engine)[1]
    np.testing.assert_allclose(pushed, slope, atol=1e-8)
    weights = np.cos(np.arange(1.0, slope.size + 1)).reshape(slope.shape)
    number = lambda w: np.sum(np.sin(f(w)) * weights)  # noqa: E731
    g = autodiff.gradient(number, engine=engine)
    np.testing.assert_allclose(g(W) @ direction, np.sum(pushed * weights), rtol=1e-12)
    bend = (g(W + 1e-5 * direction) - g(W - 1e-5 * direction)) / 2e-5
    found = autodiff.hessian_vector(number, engine=engine)(W, _tensors=direction)
    np.testing.assert_allclose(found, bend, atol=1e-7)


@pytest.mark.parametrize("form", [_sparse, _full])
def test_counts_of_edges_and_predecessors(form: Callable[[Any], Any]) -> None:
    def f(w: Any) -> Any:
        a = form(w)
        found = csgraph.dijkstra(a, indices=[0, 2], min_only=True, return_predecessors=True)
        return csgraph.shortest_path(a, unweighted=True), *found

    for found, wanted in zip(autodiff.function(f)(W), f(W), strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    counted = autodiff.gradient(lambda w: np.sum(_finite(f(w)[0])))(W)
    np.testing.assert_array_equal(counted, 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda w: sparse.coo_array((w, ([0, 0, 1], [1, 1, 2])), shape=(3, 3)),
        lambda w: sparse.csr_array((w, [1, 1, 2], [0, 2, 3, 3]), shape=(3, 3)),
    ],
)
def test_parallel_edges_are_what_scipy_makes_of_them(make: Callable[[Any], Any]) -> None:
    f = lambda w: csgraph.dijkstra(make(w), indices=0)[2]  # noqa: E731  added, or the shorter one
    w = np.array([2.0, 0.5, 1.0])
    slopes = [(f(w + h) - f(w - h)) / 2e-6 for h in 1e-6 * np.eye(3)]
    assert autodiff.function(f)(w) == f(w)
    np.testing.assert_allclose(autodiff.gradient(f)(w), slopes, atol=1e-8)


@pytest.mark.filterwarnings("default::autodiff.errors.FallbackWarning")
def test_a_negative_cycle_raises_as_in_plain_python() -> None:
    a = np.array([[0.0, 1.0], [-2.0, 0.0]])
    with pytest.raises(csgraph.NegativeCycleError):
        autodiff.function(lambda a: csgraph.bellman_ford(a))(a)


def test_a_graph_that_is_overwritten_is_as_in_plain_python() -> None:
    def f(w: Any) -> Any:
        a = np.ascontiguousarray(_full(w))
        found = csgraph.floyd_warshall(a, overwrite=True)
        return found, a

    with pytest.warns(autodiff.FallbackWarning):
        given = autodiff.function(f)(W)
    for found, wanted in zip(given, f(W), strict=True):
        np.testing.assert_array_equal(found, wanted)
