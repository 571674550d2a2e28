"""Clusters of ``scipy.cluster``: what SciPy chooses, and the derivatives of the distances given that."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.cluster import hierarchy, vq

import autodiff
from tests.ops.support import ENGINES

pytestmark = pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
X = np.random.default_rng(4).normal(size=(7, 3))
METHODS = ("single", "complete", "average", "weighted", "centroid", "median", "ward")


def _average(x: Any) -> Any:
    return hierarchy.linkage(x, "average")


CASES: dict[str, Callable[[Any], Any]] = {
    **{m: lambda x, m=m: hierarchy.linkage(x, m) for m in METHODS},
    "of distances": lambda x: hierarchy.linkage(np.abs(x).ravel(), "average"),
    "by name": lambda x: hierarchy.ward(x),
    "pairs": lambda x: hierarchy.cophenet(_average(x)),
    "correlation": lambda x: hierarchy.cophenet(_average(x), np.abs(x).ravel())[0],
    "largest": lambda x: hierarchy.maxdists(hierarchy.linkage(x, "centroid")),
    "inconsistent": lambda x: hierarchy.inconsistent(_average(x), 3),
    "largest of statistics": lambda x: [
        hierarchy.maxRstat(_average(x), hierarchy.inconsistent(_average(x)), k) for k in range(4)
    ],
    "nearest centre": lambda x: vq.vq(x, x[:2] + 0.3)[1],
    "nearest number": lambda x: vq.vq(x[:, 0], x[:2, 1])[1],
}  # fmt: skip
FAST = ("average", "nearest centre")
names = [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in CASES]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", names)
def test_distances_and_their_slopes(name: str, engine: str) -> None:
    f = lambda x: np.stack(CASES[name](x)) if name.endswith("statistics") else CASES[name](x)  # noqa: E731
    compiled = autodiff.function(f, engine=engine)
    for x in (X, X[::-1] * 1.1):  # other clusters are merged
        np.testing.assert_allclose(compiled(x), f(x), rtol=1e-12, atol=1e-14)
    direction = np.cos(np.arange(21.0)).reshape(7, 3)
    slope = (np.asarray(f(X + 1e-6 * direction)) - f(X - 1e-6 * direction)) / 2e-6
    pushed = autodiff.jvp(f, (X,), (direction,), engine=engine)[1]
    np.testing.assert_allclose(pushed, slope, rtol=1e-6, atol=1e-7)
    weights = np.cos(np.arange(1.0, slope.size + 1)).reshape(slope.shape)
    g = autodiff.gradient(lambda x: np.sum(f(x) * weights), engine=engine)(X)
    np.testing.assert_allclose(np.sum(g * direction), np.sum(slope * weights), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["fcluster", "leaves_list", "cut_tree", "cut_tree at a height"])
def test_labels(name: str) -> None:
    of: dict[str, Callable[[Any], Any]] = {
        "fcluster": lambda Z: hierarchy.fcluster(Z, 1.1, "distance"),
        "leaves_list": hierarchy.leaves_list,
        "cut_tree": lambda Z: hierarchy.cut_tree(Z, 3),
        "cut_tree at a height": lambda Z: hierarchy.cut_tree(Z, height=1.0),
    }
    f = lambda x: of[name](_average(x))  # noqa: E731
    compiled = autodiff.function(f)
    for x in (X, X[::-1] * 1.1):
        found, wanted = compiled(x), f(x)
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype


@pytest.mark.parametrize("of_centres", ["f4", "f8", "i4", "i8"])
@pytest.mark.parametrize("of_points", ["f4", "f8", "i4", "i8", "u1"])
def test_dtypes_of_the_nearest_are_those_of_scipy(of_points: str, of_centres: str) -> None:
    points, centres = np.abs(4 * X).astype(of_points), np.abs(3 * X[:3]).astype(of_centres)
    for x, c in ((points, centres), (points[:, 0].copy(), centres[:, 0].copy())):
        for engine in ENGINES:
            found = autodiff.function(lambda x, c: vq.vq(x, c), engine=engine)(x, c)
            for one, wanted in zip(found, vq.vq(x, c), strict=True):
                assert type(one) is type(wanted) and one.dtype == wanted.dtype
                np.testing.assert_allclose(one, wanted, rtol=1e-6)


def test_slopes_of_float32_distances_are_of_float32() -> None:
    x = X.astype(np.float32)
    slopes = autodiff.gradient(lambda x: np.sum(vq.vq(x, x[:2] + np.float32(0.3))[1]))(x)
    assert slopes.dtype == np.float32
    wanted = autodiff.gradient(lambda x: np.sum(vq.vq(x, x[:2] + 0.3)[1]))(x.astype(float))
    np.testing.assert_allclose(slopes, wanted, rtol=1e-4, atol=1e-5)
