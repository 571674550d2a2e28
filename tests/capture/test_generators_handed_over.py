"""A generator that a library is given draws at every call, whatever it is called and wherever it comes from."""

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from scipy import linalg, optimize, stats

import autodiff

rng = np.random.default_rng(0)
holder: dict[str, Any] = {}


def _bowl(x: Any) -> Any:
    return np.sum((x - 0.1) ** 2)


def _count(a: Any, b: Any) -> Any:
    return np.mean(a) - np.mean(b)


CALLS: list[Callable[[], Any]] = [
    lambda: linalg.clarkson_woodruff_transform(np.ones((30, 2)), 20, seed=rng),
    lambda: linalg.clarkson_woodruff_transform(np.ones((30, 2)), 20, rng=rng),
    lambda: scipy.sparse.random(3, 4, 0.5, random_state=rng).toarray(),
    lambda: stats.norm.rvs(size=3, random_state=rng),
    lambda: stats.bootstrap((np.arange(9.0),), np.mean, n_resamples=5, rng=rng).standard_error,
    lambda: stats.permutation_test((np.arange(4.0), np.arange(3.0)), _count, n_resamples=5, rng=rng).pvalue,
    lambda: optimize.dual_annealing(_bowl, [(-1, 1)], maxiter=2, rng=rng).x,
    lambda: optimize.differential_evolution(_bowl, [(-1, 1)], maxiter=2, seed=rng).x,
    lambda: {"rng": rng}.pop("rng").normal(size=2),
    lambda: [rng].pop().normal(size=2) + next(iter((rng,))).normal(size=2),
    lambda: operator.itemgetter("rng")(holder).normal(size=2) + holder["rng"].normal(size=2),
    lambda: stats.norm.rvs(size=2, random_state=holder.get("rng")),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "at",
    [pytest.param(k, marks=[] if k in (0, 6, 9) else pytest.mark.slow) for k in range(len(CALLS))],
)
def test_a_generator_draws_at_every_call(at: int) -> None:
    global rng
    call = CALLS[at]

    def draws() -> Any:
        return rng.standard_normal(2), call(), rng.standard_normal(2)

    compiled = autodiff.function(draws)
    for seed in (7, 7, 8):
        results, states = [], []
        for f in (draws, compiled):
            holder["rng"] = rng = np.random.default_rng(seed)
            results.append(f())
            states.append(rng.bit_generator.state)
        for found, wanted in zip(results[1], results[0], strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
        assert states[0] == states[1]


def _fresh_by_way_of_a_dict() -> Any:
    return {"rng": np.random.default_rng()}.pop("rng").normal(size=3)


def test_a_generator_made_anew_is_not_one_of_a_seed() -> None:
    f = autodiff.function(_fresh_by_way_of_a_dict)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not np.allclose(f(), f())
