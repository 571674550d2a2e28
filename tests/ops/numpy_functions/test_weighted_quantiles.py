"""``np.quantile`` and its kin with weights: NumPy's numbers, and the derivative of the one that is taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.ops.support import ENGINES

X = np.random.default_rng(2).normal(size=(3, 5))
W = np.random.default_rng(3).uniform(0.2, 2.0, size=(3, 5))
V = np.array([0.5, 1.0, 0.0, 2.0, 0.3])
HOW: dict[str, Any] = {"method": "inverted_cdf"}
GAPS = np.where(np.arange(15).reshape(3, 5) % 4 == 1, np.nan, X)

CASES: dict[str, Callable[[Any], Any]] = {
    "one": lambda x: np.quantile(x, 0.3, weights=W, **HOW),
    "along": lambda x: np.quantile(x, [0.1, 0.6], axis=1, weights=V, **HOW),
    "kept": lambda x: np.percentile(x, 40, axis=1, weights=W, keepdims=True, **HOW),
    "several": lambda x: np.quantile(x, np.array([[0.2], [0.9]]) [:, 0], axis=0, weights=W, **HOW),
    "of a share": lambda x: np.quantile(x, np.abs(np.tanh(x[0, 0])), weights=W, **HOW),
    "without gaps": lambda x: np.nanquantile(x, 0.5, axis=1, weights=W, **HOW),
    "weights of values": lambda x: np.nanpercentile(x, [10, 90], weights=np.exp(x), **HOW),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_the_number_that_numpy_takes_has_the_derivative(name: str, engine: str) -> None:
    f = CASES[name]
    for x in (X, GAPS, X.astype(np.float32), np.round(3 * X).astype(int)):
        with np.errstate(all="ignore"):
            found, wanted = autodiff.function(f, engine=engine)(x), f(x)
        assert found.dtype == wanted.dtype
        if x is not GAPS:  # NumPy's type is another one where a NaN is found
            assert type(found) is type(wanted)
        np.testing.assert_array_equal(found, wanted)
    direction = np.sin(np.arange(15.0)).reshape(3, 5)
    slope = (f(X + 1e-7 * direction) - f(X - 1e-7 * direction)) / 2e-7
    pushed = autodiff.jvp(f, (X,), (direction,), engine=engine)[1]
    np.testing.assert_allclose(pushed, slope, atol=1e-7)
    gradient = autodiff.gradient(lambda x: np.sum(np.sin(f(x))), engine=engine)(X)
    np.testing.assert_allclose(np.sum(gradient * direction), np.sum(np.cos(f(X)) * slope), atol=1e-7)  # fmt: skip


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("options", [{}, {"method": "inverted_cdf", "weights": np.ones(4)}])
def test_what_numpy_refuses_is_refused(options: Any) -> None:
    given = {"weights": W, **options}
    with pytest.raises((ValueError, TypeError)) as wanted:
        np.quantile(X, 0.5, **given)
    with pytest.raises(type(wanted.value)) as found:
        autodiff.function(lambda x: np.quantile(x, 0.5, **given))(X)
    assert str(wanted.value) in str(found.value)
