"""Statistics that SciPy computes in C or by a search, in captured code."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

import autodiff
from autodiff.errors import FallbackWarning
from tests.ops.calls import P, S, X, Y, both_tests
from tests.ops.support import ENGINES

# Far enough apart that differences do not change their order.
W = np.random.default_rng(4).permutation(np.linspace(-1.9, 2.1, 20)) + 0.03 * np.sin(
    np.arange(20.0) ** 2
)
CASES = [
    (lambda w: stats.shapiro(w)[:2], (W,)),
    (lambda w: stats.shapiro(w[:11])[:2], (W,)),
    (lambda w: stats.shapiro(w[:12])[:2], (W,)),
    (lambda w: stats.shapiro(w[:3])[:2], (W,)),
    (lambda x: stats.shapiro(x, axis=1).statistic, (X,)),
    (lambda w: stats.anderson(w, "norm", method="interpolate").statistic, (W,)),
    (lambda w: stats.anderson(w + 3.0, "expon", method="interpolate").statistic, (W,)),
    (lambda x, p: stats.wasserstein_distance_nd(x, p), (X, P)),
    (lambda s: stats.wasserstein_distance_nd(s, 1.5 * s[:2] + 1, [1, 2, 3.5], [0.1, 0.3]), (S,)),
    (lambda y: stats.wasserstein_distance_nd(y, y[:3] + 0.3), (Y,)),
    (lambda x, p: distance.directed_hausdorff(x, p)[0], (X, P)),
    (lambda s: distance.directed_hausdorff(s, s)[0], (S,)),
]  # fmt: skip
test_value, test_derivatives = both_tests(CASES)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_pair_is_the_one_that_scipy_finds(engine: str) -> None:
    """Of several that are as far apart the one that its order of random numbers comes to first."""
    u = np.eye(4)
    f = lambda u, v: distance.directed_hausdorff(u, v, 3)  # noqa: E731
    found = autodiff.function(f, engine=engine)(u, 1.0 - u)
    assert found == f(u, 1.0 - u)
    assert [type(x) for x in found] == [float, int, int]


def test_numbers_of_which_the_statistic_is_not_defined() -> None:
    """Which value and warning there are, SciPy's version says."""

    def asked(f: Any) -> tuple[Any, set[str]]:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            value = f(np.ones(5))
        return value, {str(w.message) for w in told if w.category is not FallbackWarning}

    plain: Any = lambda x: stats.shapiro(x).statistic  # noqa: E731
    f = autodiff.function(plain)
    (found, ours), (expected, theirs) = asked(f), asked(plain)
    assert np.array_equal(found, expected, equal_nan=True) and ours == theirs != set()
    assert f(W) == plain(W)


def test_infinitely_far_points() -> None:
    f = autodiff.function(lambda x, y: stats.wasserstein_distance_nd(x, y))
    assert f(np.full((2, 2), np.inf), np.eye(2)) == np.inf
    assert f(np.eye(2), np.eye(2)) == 0.0
