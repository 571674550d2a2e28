"""``linprog``, ``nnls`` and ``lsq_linear`` in captured code: values as SciPy's, derivatives of the equations that hold."""

import numpy as np
import pytest
import scipy.optimize as so

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
A = np.array([[1.0, 0.2, 0.1], [0.3, 1.0, 0.4], [0.5, 0.6, 0.3], [0.2, 0.1, 1.0]])
B = np.array([1.0, -0.5, 0.8, 0.4])  # the second unknown is held


def nonnegative(t):
    x, norm = so.nnls(A * t[0] + 0.1 * t[1] ** 2, B + np.array([t[1], 0.0, t[0], 0.0]))
    return np.sum(x * np.array([1.0, 2.0, 3.0])) + norm


def between_bounds(t):
    found = so.lsq_linear(A, B * t[0], bounds=(-0.1 * t[1], [0.4, 5.0, 0.3]))
    return np.sum(found.x**2) + found.cost + np.sum(found.fun)


def program(t):
    """Two of the inequalities hold, and a bound."""
    found = so.linprog(
        [-1.0, -2.0 * t[0], 1.0],
        A_ub=[[1.0, t[1], 0.0], [3.0, 1.0, -1.0], [1.0, 1.0, 1.0]],
        b_ub=[2.0, 3.0 * t[0], 50.0],
    )
    return found.fun + np.sum(found.x * found.x) + found.slack[2]


def balanced(t):
    """With an equation, and bounds of all kinds."""
    found = so.linprog(
        t[0] * np.array([1.0, 2.0, 3.0]),
        A_eq=[[1.0, 1.0, 1.0]],
        b_eq=[t[1]],
        bounds=[(None, 0.3), (0.0, 0.4), (0.1, None)],
    )
    return found.x[2] * found.fun + found.eqlin.marginals[0] + found.lower.marginals[1]


def in_integers(t):
    """Constant but for the costs: of constraints made here, made outside, and as tuples."""
    found = so.milp(
        -t, constraints=[so.LinearConstraint([[1.0, 1.0]], ub=4 * t[0]), ROOM, ([[1, 0]], 0, 3)],
        integrality=1, bounds=so.Bounds(0, 9),
    )  # fmt: skip
    other = so.linprog(-t, A_ub=[[1, 3]], b_ub=[6.5], integrality=[1, 1])
    return found.fun * t[0] + found.x[0] * t[1] + other.fun + other.slack[0]


def rising(t):
    """Blocks of several numbers, with weights that move; then falling, without."""
    y = np.array([1.0, 0.3, 2.0, 1.5, 1.7, 4.0]) * t[0] + np.array([0.0, t[1], 0.0, 0.1, 0.0, 0.0])
    found = so.isotonic_regression(y, weights=np.linspace(1.0, 2.0, 6) ** t[1])
    other = so.isotonic_regression(y, increasing=False).x
    return np.sum(np.sin(found.x) * np.arange(6.0)) + other[1] ** 2


ROOM = so.LinearConstraint([[1.0, 3.0]], -np.inf, [6.0])
CALLS = {
    f.__name__: f for f in (nonnegative, between_bounds, program, balanced, in_integers, rising)
}
POINT = np.array([1.1, 1.3])


@ENGINES
@pytest.mark.parametrize("name", CALLS)
def test_solutions_and_their_derivatives(engine, name):
    f = CALLS[name]
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for t in (POINT, POINT + 0.01):
        assert np.isclose(compiled(t), f(t), rtol=1e-12)
    assert len(compiled.cache) == 1
    autodiff.check_gradient(f, POINT, engine=engine, tolerance=1e-5)
    slope = autodiff.gradient(f, engine=engine)
    forward = [autodiff.jvp(compiled, (POINT,), (e,))[1] for e in np.eye(2)]
    assert np.allclose(forward, slope(POINT), rtol=1e-10)
    h = 1e-5
    rows = [(slope(POINT + h * e) - slope(POINT - h * e)) / (2 * h) for e in np.eye(2)]
    assert np.allclose(autodiff.hessian(f, engine=engine)(POINT), rows, rtol=1e-5, atol=1e-6)


@ENGINES
def test_the_value_of_a_program_moves_by_its_prices(engine):
    """By the right-hand sides with the multipliers, by the costs with the solution."""
    ub, b, c = np.array([[1.0, 1.0], [3.0, 1.0]]), np.array([2.0, 3.0]), np.array([-2.0, -1.0])
    slope = autodiff.gradient(lambda c, b: so.linprog(c, ub, b).fun, engine=engine)
    by_c, by_b = slope(c, b)
    found = so.linprog(c, ub, b)
    assert np.allclose(by_c, found.x, rtol=1e-12)
    assert np.allclose(by_b, found.ineqlin.marginals, rtol=1e-12)


NOT_SMOOTH = {
    "nnls": (lambda a: so.nnls(np.eye(2), np.array([1.0, a]))[0][1], 0.0),
    "linprog": (
        lambda a: so.linprog([-1.0, -1.0], [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [1.0, 1.0, a]).x[
            0
        ],
        2.0,
    ),
    "lsq_linear": (lambda a: so.lsq_linear(np.ones((2, 2)), [a, a]).x[0], 1.0),
}


@ENGINES
@pytest.mark.parametrize("name", NOT_SMOOTH)
def test_a_degenerate_solution_has_no_derivative(engine, name):
    f, a = NOT_SMOOTH[name]
    assert np.isclose(autodiff.function(f, engine=engine)(a), f(a))
    for way in (autodiff.gradient, autodiff.jacobian):
        with pytest.raises(autodiff.DerivativeError) as caught:
            way(f, engine=engine)(a)
        text = str(caught.value)
        assert text.startswith(f"AD305: scipy.optimize.{name} has no derivative here: the ")
        assert "test_vertices.py, line" in text


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_a_program_without_a_solution_is_plain_pythons(engine):
    def f(a):
        found = so.linprog([1.0], A_ub=[[1.0], [-1.0]], b_ub=[a, -2.0])
        return float(found.status)

    compiled = autodiff.function(f, engine=engine)
    assert compiled(3.0) == f(3.0) == 0.0
    assert compiled(1.0) == f(1.0) == 2.0
