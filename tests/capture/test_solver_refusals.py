"""A derivative that a solver cannot have is refused with the reason and the user's line."""

import numpy as np
import pytest
from scipy import integrate, optimize

import autodiff

COSTS = np.array([1.0, 1.0])


def stops_early(a):
    return integrate.solve_ivp(lambda t, y: a * y * y, (0, 5), [1.0]).y[0, -1]


def continuous_unknowns(a):
    held = optimize.LinearConstraint([[1.0, 2.0]], a, np.inf)
    return optimize.milp(COSTS, constraints=held).fun


def some_integers(a):
    held = optimize.LinearConstraint([[1.0, 2.0]], 1.0, np.inf)
    return optimize.milp(COSTS * a, integrality=[0, 1], constraints=held).fun


REFUSALS = {
    stops_early: "solve_ivp stopped early: Required step size",
    continuous_unknowns: "milp with unknowns that are no integers",
    some_integers: "milp with unknowns that are no integers",
}


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("function", REFUSALS, ids=lambda f: f.__name__)
def test_the_cause_is_named(engine, function):
    with pytest.raises(autodiff.DerivativeError, match="AD302") as caught:
        autodiff.gradient(function, engine=engine)(1.0)
    text = str(caught.value)
    assert REFUSALS[function] in text
    assert "test_solver_refusals.py, line" in text
    assert f"in {function.__name__}" in text


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("function", REFUSALS, ids=lambda f: f.__name__)
def test_the_value_is_that_of_scipy(function):
    assert autodiff.function(function)(1.0) == function(1.0)
