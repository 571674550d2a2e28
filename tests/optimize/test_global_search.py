"""`differential_evolution` and `shgo`: refined by exact derivatives, whatever they are given."""

import numpy as np
import pytest
import scipy.optimize

from autodiff.optimize import (
    History,
    LinearConstraint,
    NonlinearConstraint,
    differential_evolution,
    shgo,
)

BOX = [(-3.0, 4.0)] * 2


def rastrigin(x, shift=0.0):
    x = x - shift
    return np.sum(x * x - 10 * np.cos(2 * np.pi * x)) + 10 * len(x)


def valley(x, a):
    return (a - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def bowl(x):
    return (x[0] - 1) ** 2 + (x[1] - 2) ** 2


def many_bowls(x):
    return (x[0] - 1) ** 2 + 2 * (x[1] - 2) ** 2


def in_order(points):
    """By coordinates, not by values, which are equal where the function is symmetric."""
    return sorted(np.round(points, 3).tolist())


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_the_best_of_a_population_is_polished_with_few_evaluations(engine):
    how = {"rng": 1, "maxiter": 10, "popsize": 8}
    ours = differential_evolution(valley, BOX, args=(1.0,), engine=engine, **how)
    scipys = scipy.optimize.differential_evolution(valley, BOX, args=(1.0,), **how)
    np.testing.assert_allclose(ours.x, 1, atol=1e-4)
    assert ours.fun <= scipys.fun + 1e-10
    assert ours.nfev < scipys.nfev
    np.testing.assert_allclose(ours.jac, 0, atol=1e-4)
    np.testing.assert_array_equal(ours.population[0], ours.x)
    plain = differential_evolution(valley, BOX, args=(1.0,), polish=False, **how)
    assert plain.fun > ours.fun and "jac" not in plain


@pytest.mark.parametrize(
    "constraint",
    [
        NonlinearConstraint(lambda x: x[0] ** 2 + x[1] ** 2, 0, 1),
        (LinearConstraint([[1.0, 1.0]], -np.inf, 1), NonlinearConstraint(lambda x: x[:1], 0, 3)),
    ],
    ids=["one", "two"],
)
@pytest.mark.filterwarnings("ignore:delta_grad == 0.0:UserWarning")  # of SciPy's own polishing
def test_polishing_stays_within_constraints(constraint):
    ours = differential_evolution(bowl, BOX, constraints=constraint, rng=2, maxiter=60, popsize=6)
    scipys = scipy.optimize.differential_evolution(
        bowl, BOX, constraints=constraint, rng=2, maxiter=60, popsize=6
    )
    assert ours.fun <= scipys.fun + 1e-5
    assert ours.success and ours.maxcv == 0
    assert [c.shape for c in ours.constr] == [c.shape for c in scipys.constr]


def test_integers_populations_and_recordings():
    kept, seen = History(), []
    ours = differential_evolution(
        many_bowls,
        BOX,
        integrality=[True, False],
        vectorized=True,
        updating="deferred",
        rng=1,
        history=kept,
        callback=lambda x, convergence: seen.append(x),
    )
    assert ours.x[0] == 1
    assert ours.x[1] == pytest.approx(2, abs=1e-7)
    assert len(kept) >= len(seen) > 1  # one a generation, and those of the polishing
    assert ours.history is kept
    whole = differential_evolution(
        bowl, BOX, rng=1, history=True, callback=lambda intermediate_result: True
    )
    assert len(whole.history) == whole.nfev


@pytest.mark.parametrize("method", [None, "L-BFGS-B", "trust-constr"])
def test_shgo_finds_all_minima_with_exact_derivatives(method):
    given = None if method is None else {"method": method}
    ours = shgo(
        rastrigin,
        [(-1.5, 1.6)] * 2,
        args=(0.1,),
        n=60,
        sampling_method="sobol",
        minimizer_kwargs=given,
    )
    np.testing.assert_allclose(ours.x, 0.1, atol=1e-5)
    assert len(ours.xl) > 1
    assert ours.nljev > 0 or method == "trust-constr"
    if method is None:
        scipys = scipy.optimize.shgo(
            rastrigin, [(-1.5, 1.6)] * 2, args=(0.1,), n=60, sampling_method="sobol"
        )
        assert ours.nlfev < scipys.nlfev
        np.testing.assert_allclose(in_order(ours.xl), in_order(scipys.xl), atol=1e-4)


def test_shgo_takes_constraints_in_both_forms():
    for constraint in (
        {"type": "ineq", "fun": lambda x, limit: limit - x @ x, "args": (1.0,)},
        NonlinearConstraint(lambda x: x @ x, -1, 1),
    ):
        ours = shgo(bowl, BOX, constraints=constraint, history=True)
        np.testing.assert_allclose(ours.x, np.array([1, 2]) / np.sqrt(5), atol=1e-6)
        assert len(ours.history) > 10
