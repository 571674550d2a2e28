"""``scipy.spatial.KDTree`` of traced points, in captured code."""

import numpy as np
import pytest
from scipy.spatial import KDTree, cKDTree

import autodiff
from tests.ops.calls import both_tests
from tests.ops.support import ENGINES

X, Y = np.random.default_rng(0).normal(size=(6, 2)), np.random.default_rng(1).normal(size=(3, 2))
KNOWN, KNOWN_IN_C = KDTree(X), cKDTree(X)


def pulled(x: np.ndarray) -> float:
    """The energy of springs between points that are near."""
    energy = 0.0
    for i, j in sorted(KDTree(x).query_pairs(1.0)):
        energy += np.sum((x[i] - x[j]) ** 2)
    return energy


CASES = [
    (lambda x, y: KDTree(x).query(y)[0], (X, Y)),
    (lambda x, y: KDTree(x).query(y, 3)[0], (X, Y)),
    (lambda x: KDTree(x).query(x, [2])[0], (X,)),
    (lambda x, y: cKDTree(x).query(y, [1, 3], p=1)[0], (X, Y)),
    (lambda x, y: KDTree(x).query(y, p=np.inf)[0], (X, Y)),
    (lambda x, y: KDTree(x).query(y[0])[0], (X, Y)),
    (lambda x, y: np.minimum(cKDTree(x).query(y, 9)[0], 9.0), (X, Y)),
    (lambda x, y: np.minimum(KDTree(x).query(y, 3, distance_upper_bound=0.8)[0], 5.0), (X, Y)),
    (lambda x, y: x[KDTree(x).query(y)[1]] * y, (X, Y)),
    (lambda y: KNOWN.query(y, 2)[0], (Y,)),
    (lambda y: KNOWN_IN_C.query(y)[0], (Y,)),
    (pulled, (X,)),
    (lambda x, y: np.stack([np.sum(x[near], 0) for near in KDTree(x).query_ball_point(y, 1.0)]), (X, Y)),
]  # fmt: skip
test_value, test_derivatives = both_tests(CASES)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [KDTree, cKDTree])
def test_results_have_the_types_of_scipy(kind: type, engine: str) -> None:
    for k in (1, 2, [2], 9):
        for y in (Y, Y[0], Y[:0], Y.reshape(1, 3, 2)):
            f = lambda x, y, k=k: kind(x).query(y, k)  # noqa: E731
            for got, want in zip(autodiff.function(f, engine=engine)(X, y), f(X, y), strict=True):
                assert type(got) is type(want)
                np.testing.assert_array_equal(got, want)


def test_pairs_are_those_of_each_call() -> None:
    f, slope = autodiff.function(pulled), autodiff.gradient(pulled)
    for x in (X, 2.0 * X, X[::-1] + 0.1, X[:4]):
        assert f(x) == pytest.approx(pulled(x), rel=1e-12)
        moved = (pulled(x * (1 + 1e-6)) - pulled(x * (1 - 1e-6))) / 2e-6
        assert np.sum(slope(x) * x) == pytest.approx(moved, rel=1e-6, abs=1e-7)


def test_pairs_as_an_array_and_counts() -> None:
    def f(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tree = KDTree(x)
        pairs = tree.query_pairs(1.2, output_type="ndarray")
        return x[pairs[:, 0]] - x[pairs[:, 1]], tree.query_ball_point(Y, 1.0, return_length=True)

    (a, b), (c, d) = autodiff.function(f)(X), f(X)
    np.testing.assert_allclose(np.sort(a, 0), np.sort(c, 0))
    np.testing.assert_array_equal(b, d)
