"""`casadi_callback`: Jacobians and Hessians in CasADi's order, and a problem that IPOPT solves with them."""

import numpy as np
import pytest

casadi = pytest.importorskip("casadi")
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("error::autodiff.FallbackWarning")]

from autodiff.errors import ArgumentError, DtypeError  # noqa: E402
from autodiff.interop import casadi_callback  # noqa: E402


def scalar(x, m, w):
    return np.sum(x**3) * w + np.sum(m @ x * m[0, 1]) + np.sin(x[0] * m[1, 2])


def several(x, m, w):
    return np.outer(x, m[0]) * w, m @ x


def in_casadi(x, m, w):
    value = casadi.sum1(x**3) * w + casadi.sum1(m @ x) * m[0, 1] + casadi.sin(x[0] * m[1, 2])
    return value, x @ m[0, :] * w, m @ x


@pytest.mark.parametrize("order", [0, 1, 2])
def test_values_and_derivatives_are_casadis(order):
    arguments = [casadi.MX.sym("x", 3), casadi.MX.sym("m", 2, 3), casadi.MX.sym("w")]
    examples = [np.ones(3), np.ones((2, 3)), 1.0]
    first, others = casadi_callback(scalar, *examples), casadi_callback(several, *examples)
    ours = casadi.vertcat(*[casadi.vec(r) for r in (first(*arguments), *others(*arguments))])
    theirs = casadi.vertcat(*[casadi.vec(r) for r in in_casadi(*arguments)])
    along = casadi.vertcat(*[casadi.vec(a) for a in arguments])
    for _ in range(order):
        ours = casadi.vec(casadi.horzcat(*[casadi.jacobian(ours, a) for a in arguments]))
        theirs = casadi.vec(casadi.horzcat(*[casadi.jacobian(theirs, a) for a in arguments]))
    f = casadi.Function("f", arguments, [casadi.densify(ours), casadi.densify(theirs), along])
    found = f(np.array([0.3, -0.5, 0.9]), np.arange(6.0).reshape(2, 3) / 4, 1.7)
    np.testing.assert_allclose(found[0].full(), found[1].full(), rtol=1e-12, atol=1e-12)


def test_a_constrained_problem_is_solved_by_ipopt_with_exact_hessians():
    def valley(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    objective = casadi_callback(valley, np.zeros(3))
    radius = casadi_callback(lambda x: x @ x, np.zeros(3))
    x = casadi.MX.sym("x", 3)
    quiet = {"ipopt.print_level": 0, "print_time": 0, "ipopt.sb": "yes"}
    solver = casadi.nlpsol("solver", "ipopt", {"x": x, "f": objective(x), "g": radius(x)}, quiet)
    found = solver(x0=[0, 0, 0], lbg=0, ubg=1)
    assert solver.stats()["success"] and solver.stats()["iter_count"] < 30
    best = np.ravel(found["x"].full())
    assert best @ best == pytest.approx(1, abs=1e-6)
    from autodiff import optimize

    inside = {"type": "ineq", "fun": lambda x: 1 - x @ x}
    theirs = optimize.minimize(
        valley, np.zeros(3), constraints=inside, method="SLSQP", options={"ftol": 1e-12}
    )
    np.testing.assert_allclose(best, theirs.x, atol=1e-4)


def test_what_cannot_be_is_said():
    with pytest.raises(ArgumentError, match="needs an example of each argument"):
        casadi_callback(scalar)
    with pytest.raises(DtypeError, match="casadi_callback was given an array of dtype complex128"):
        casadi_callback(lambda x: x, np.ones(2) * 1j)
