"""Knots and coefficients of FITPACK's splines, in captured code."""

import numpy as np
import pytest
from scipy import interpolate

import autodiff
from tests.ops.calls import both_tests
from tests.ops.support import ENGINES

X = np.arange(12.0)
Y = np.random.default_rng(0).normal(size=12)
ENDS = np.zeros(4)


def through(y: np.ndarray, k: int = 3) -> tuple[np.ndarray, np.ndarray, int]:
    return interpolate.splrep(X, y, k=k)


CASES = [
    (lambda y: interpolate.splder(through(y))[:2], (Y,)),
    (lambda y: interpolate.splder(through(y), 2)[:2], (Y,)),
    (lambda y: interpolate.splder(through(y), -1)[:2], (Y,)),
    (lambda y: interpolate.splev(np.array([0.5, 3.3]), interpolate.splder(through(y))), (Y,)),
    (lambda y: interpolate.splder((X + 0.1 * y, np.outer(y, y[:2]), 3))[:2], (Y,)),
    (lambda y: interpolate.splantider(through(y))[1], (Y,)),
    # FITPACK leaves what is behind the coefficients as it was.
    (lambda y: interpolate.insert(1.5 + 0.1 * y[0], through(y))[1][:-4], (Y,)),
    (lambda y: interpolate.insert(4.0, through(y), 2)[1][:-4], (Y,)),
    (lambda y: interpolate.insert(1.5 + 0.1 * y[0], through(y, 1), 1)[0], (Y,)),
    (lambda y: interpolate.insert(0.5, (np.concatenate([ENDS, [0.3 + 0.01 * y[0]], ENDS + 1]), y[:9], 3))[1][:5], (Y,)),
    (lambda y: interpolate.splev(np.array([0.5, 3.3]), interpolate.insert(3.3, through(y))), (Y,)),
    (lambda y: interpolate.spalde(3.3 + 0.1 * y[0], through(y)), (Y,)),
    (lambda y: np.stack(interpolate.spalde(np.array([0.5, 3.2]), through(y, 2))), (Y,)),
]  # fmt: skip
test_value, test_derivatives = both_tests(CASES)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_has_no_derivative_is_an_error(engine: str) -> None:
    def f(t: np.ndarray) -> np.ndarray:
        return interpolate.splder((t, Y, 3), 3)[1]

    repeated = np.array([0, 0, 0, 0, 1.0, 1.0, 1.0, 2, 2, 2, 2, 2])
    for t in (np.sort(repeated), np.zeros(12)):
        with pytest.raises(ValueError, match="internal repeated knots"):
            f(t)
        with pytest.raises(ValueError, match="internal repeated knots"):
            autodiff.function(f, engine=engine)(t)
    with pytest.raises(ValueError, match="Order of derivative"):
        autodiff.function(lambda y: interpolate.splder(through(y), 4)[1], engine=engine)(Y)


@pytest.mark.parametrize("place", [-1.0, 12.0])
def test_places_outside_of_a_spline(place: float) -> None:
    for f in (
        lambda p: interpolate.insert(p, through(Y))[0],
        lambda p: interpolate.spalde(p, through(Y)),
    ):
        with pytest.raises((ValueError, TypeError)) as wanted:
            f(place)
        with pytest.raises(wanted.type):
            autodiff.function(f)(place)
