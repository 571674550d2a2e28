"""`basinhopping` and `dual_annealing`."""

import numpy as np
import pytest

from autodiff.optimize import basinhopping, dual_annealing


def wavy(x):
    return np.cos(14.5 * x[0] - 0.3) + (x[0] + 0.2) * x[0]


def rastrigin(x):
    return np.sum(x * x - 10 * np.cos(2 * np.pi * x)) + 10 * len(x)


def test_basinhopping_finds_the_global_minimum():
    result = basinhopping(wavy, [1.0], niter=50, rng=1)
    np.testing.assert_allclose(result.x, [-0.195], atol=1e-3)
    assert result.fun == pytest.approx(-1.0009, abs=1e-4)
    assert result.lowest_optimization_result.njev > 0


def test_basinhopping_keeps_the_shape_of_its_parameters():
    result = basinhopping(lambda p: wavy(np.ravel(p["x"])), {"x": np.ones((1, 1))}, niter=20, rng=1)
    assert result.x["x"].shape == (1, 1)
    assert result.fun == pytest.approx(-1.0009, abs=1e-4)


def test_basinhopping_takes_the_local_method_and_its_arguments():
    result = basinhopping(
        lambda x, shift: wavy(x - shift),
        [1.0],
        niter=30,
        rng=1,
        minimizer_kwargs={"method": "trust-exact", "args": (1.0,)},
    )
    np.testing.assert_allclose(result.x, [0.805], atol=1e-3)


def test_dual_annealing_finds_the_global_minimum():
    result = dual_annealing(rastrigin, [(-5.12, 5.12)] * 3, rng=1, maxiter=100)
    np.testing.assert_allclose(result.x, 0, atol=1e-6)
    assert result.njev > 0


def test_dual_annealing_takes_arguments_and_a_local_method():
    result = dual_annealing(
        lambda x, shift: rastrigin(x - shift),
        [(-5.12, 5.12)] * 2,
        args=(1.0,),
        rng=1,
        maxiter=100,
        minimizer_kwargs={"method": "BFGS"},
        history=True,
    )
    np.testing.assert_allclose(result.x, 1, atol=1e-6)
    assert len(result.history) > result.njev
