"""Derivatives asked for where there is none: what is said, by SciPy's name and the user's line."""

import numpy as np
import pytest
import scipy.integrate as si
import scipy.optimize as so
import scipy.sparse as sp
import scipy.sparse.linalg as sl

import autodiff
from autodiff.errors import DerivativeError, NoSolutionWarning


def reached(p):
    """The moment of an event that never happens."""
    found = si.solve_ivp(lambda t, y: -p * y, (0, 1), [1.0], events=lambda t, y: y[0] - 100 * p)
    return found.t_events[0][0]


def boundary(p):
    def slope(x, y):
        return np.vstack([y[1], -9 * p * np.exp(y[0])])

    def ends(a, b):
        return np.array([a[0], b[0]])

    return si.solve_bvp(slope, ends, np.linspace(0, 1, 5), np.zeros((2, 5))).y[0, 2]


DIAGONAL = sp.csr_array(np.diag([1.0, 2.0, 3.0]))

# Not converged, or stopped early: a number, and a warning that it means nothing.
STOPPED = {
    "brentq": (lambda p: so.brentq(lambda t: t**3 - p, 0, 5, maxiter=2, disp=False), "the function is not zero"),
    "newton": (lambda p: so.newton(lambda t: t**3 - p, 5.0, maxiter=2, disp=False), "the function is not zero"),
    "root": (
        lambda p: so.root(lambda t: t**3 - p, [5.0], options={"maxfev": 3}).x[0],
        "the function is not zero",
    ),
    "minimize": (
        lambda p: so.minimize(lambda y: (y[0] - p) ** 2 + (y[0] * y[1] - 3) ** 4, [5.0, 1.0], options={"maxiter": 1}).x[0],
        "the gradient of the objective is not zero",
    ),
    "minimize_scalar": (
        lambda p: so.minimize_scalar(lambda y: (y - p) ** 2 + y**4, options={"maxiter": 1}).x,
        "the gradient of the objective is not zero",
    ),
    "least_squares": (
        lambda p: so.least_squares(lambda y: np.array([y[0] ** 3 - p, y[0] * 2 - 9]), [5.0], max_nfev=1).x[0],
        "the gradient of the objective is not zero",
    ),
}  # fmt: skip

# A singular Jacobian at the solution, no solution at all, a right-hand side that jumps: an error.
REFUSED = {
    "fsolve": (
        lambda p: so.fsolve(lambda y: [y[0] + y[1] - p, 2 * y[0] + 2 * y[1] - 2 * p], [1.0, 0.2])[0],
        r"fsolve has no derivative here: at the solution, the derivative of the function by its unknown is singular",
    ),
    "a double root": (
        lambda p: so.root(lambda y: y**2 - (p - 1), 1.0).x[0],
        r"root has no derivative here: at the solution, the derivative of the function by its unknown is singular",
    ),
    "curves that touch": (
        lambda p: so.fsolve(lambda y: [y[0] ** 2 + y[1] ** 2 - 2, y[0] + y[1] - 1 - p], [1.5, 0.3])[0],
        r"fsolve has no derivative here: at the solution, the derivative of the function by its unknown is singular",
    ),
    "a flat minimum": (
        lambda p: so.least_squares(lambda y: [y[0] ** 2 - (p - 1)], [1.0]).x[0],
        r"least_squares has no derivative here: at the solution, the second derivative of the objective .* singular",
    ),
    "a flat minimum of many": (
        lambda p: so.minimize(lambda y: (y[0] ** 2 - (p - 1)) ** 2 + (y[1] - 2) ** 2, [1.0, 0.0], method="Nelder-Mead").x[0],
        r"minimize has no derivative here: at the solution, the second derivative of the objective .* singular",
    ),
    "linprog": (
        lambda p: so.linprog([1.0], A_ub=[[1.0], [-1.0]], b_ub=[-p, -p]).fun,
        r"linprog has no derivative here: linprog: The problem is infeasible",
    ),
    "solve_bvp": (
        boundary,
        r"solve_bvp has no derivative by what the function it calls reads: solve_bvp stopped early: The maximum number",
    ),
    "solve_ivp": (
        lambda p: si.solve_ivp(lambda t, y: p * y**2, (0, 5), [1.0]).y[0, -1],
        r"solve_ivp has no derivative by what the function it calls reads: solve_ivp stopped early: Required step size",
    ),
    "a jump at a time": (
        lambda p: si.solve_ivp(lambda t, y: [1.0 if t < p else 0.0], (0, 2), [0.0]).y[0, -1],
        r"solve_ivp has no derivative here: at t = 1 the right-hand side or its derivative jumps",
    ),
    "a jump at a state": (
        lambda p: si.solve_ivp(lambda t, y: [1.0 if y[0] < p else 3.0], (0, 2), [0.0]).y[0, -1],
        r"solve_ivp has no derivative here: at t = (1|0.99\d*) the right-hand side or its derivative jumps",
    ),
    "odeint": (
        lambda p: si.odeint(lambda y, t: 1.0 * (t < p), 0.0, [0, 2.0])[-1, 0],
        r"odeint has no derivative here: at t = 1 the right-hand side or its derivative jumps",
    ),
}  # fmt: skip

ENGINES = pytest.mark.parametrize("engine", ["native", "numpy"])


@ENGINES
@pytest.mark.parametrize("name", STOPPED)
def test_where_nothing_is_solved_a_warning_says_so(name, engine):
    f, text = STOPPED[name]
    with pytest.warns(NoSolutionWarning, match=f"{name} .*stopped where {text}.*meaningless"):
        autodiff.gradient(f, engine=engine)(1.0)


@ENGINES
def test_a_linear_solver_that_stops_early_warns(engine):
    def f(p):
        return sl.cg(DIAGONAL * p, np.ones(3), maxiter=1)[0].sum()

    with pytest.warns(NoSolutionWarning, match="cg .* stopped far from the solution"):
        autodiff.gradient(f, engine=engine)(1.0)


@ENGINES
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_where_there_is_no_derivative_an_error_says_so(name, engine):
    f, text = REFUSED[name]
    with pytest.raises(DerivativeError, match=text) as caught:
        autodiff.gradient(f, engine=engine)(1.0)
    assert "test_no_solution.py" in str(caught.value)


@ENGINES
def test_an_event_that_is_not_reached_raises_what_python_raises(engine):
    with pytest.raises(IndexError, match="index 0 is out of bounds for axis 0 with size 0"):
        autodiff.gradient(reached, engine=engine)(1.0)
    with pytest.raises(IndexError, match="index 0 is out of bounds for axis 0 with size 0"):
        reached(1.0)


@ENGINES
def test_objects_of_root_finders_in_loops_and_batches(engine):
    """The zero, and that it is one; of a call that failed, what SciPy says of it."""

    def cube(p):
        found = so.root_scalar(lambda t: t**3 + p * t - 2.0, bracket=(0, 5))
        other = so.root(lambda y: y**3 + p * y - 3.0, np.array([1.0]))
        return found.root + (other.x[0] if other.success and found.converged else 0.0)

    def total(ps):
        result = 0.0
        for p in ps:
            result += cube(p)
        return result

    ps = np.linspace(0.5, 2.0, 20)
    expected = [(cube(p + 1e-6) - cube(p - 1e-6)) / 2e-6 for p in ps]
    options = {"engine": engine, "on_fallback": "error"}
    assert autodiff.function(total, **options)(ps) == pytest.approx(total(ps), rel=1e-13)
    np.testing.assert_allclose(autodiff.gradient(total, **options)(ps), expected, rtol=1e-6)
    slopes = autodiff.vmap(autodiff.gradient(cube), **options)(ps)
    np.testing.assert_allclose(slopes, expected, rtol=1e-6)


def test_a_root_finder_that_fails_in_a_loop_says_why():
    def total(ps):
        result = 0.0
        for p in ps:
            result += so.root(lambda y: y**2 + p, np.array([1.0])).x[0]
        return result

    ps = np.concatenate([-np.ones(20), [1.0]])
    with pytest.raises(
        DerivativeError, match="root has no derivative here: at the solution, .* singular"
    ):
        autodiff.gradient(total)(ps)


@ENGINES
@pytest.mark.parametrize(
    "options", [{}, {"method": "golden"}, {"bounds": (-1.0, 2.0), "method": "bounded"}]
)
def test_a_minimum_at_zero_is_one(options, engine):
    """Where nothing is far from it: the search went far enough."""

    def f(p):
        return so.minimize_scalar(lambda y: (y - p) ** 2 + 0.5 * y**4 + 2.0 * y, **options).x

    assert autodiff.gradient(f, engine=engine)(1.0) == pytest.approx(1.0, rel=1e-5)


HELD = {
    "SLSQP, an equation": ("SLSQP", {"constraints": [{"type": "eq", "fun": lambda y: y[1] - 1.0}]}),
    "SLSQP, a curve": (
        "SLSQP",
        {"constraints": [{"type": "eq", "fun": lambda y: 1e-8 * (y[1] ** 2 + y[2] ** 2 - 1.0)}]},
    ),
    "SLSQP, a constraint that holds": (
        "SLSQP",
        {"constraints": [{"type": "ineq", "fun": lambda y: 1e8 * (1.0 - y[1])}]},
    ),
    "SLSQP, one that does not": (
        "SLSQP",
        {"constraints": [{"type": "ineq", "fun": lambda y: 50.0 - y[1]}]},
    ),
    "SLSQP, bounds": ("SLSQP", {"bounds": [(-5.0, 5.0), (-5.0, 1.0), (-5.0, 5.0)]}),
    "trust-constr, an equation": (
        "trust-constr",
        {"constraints": [{"type": "eq", "fun": lambda y: y[1] - 1.0}]},
    ),
    "trust-constr, bounds": ("trust-constr", {"bounds": [(-5.0, 5.0)] * 3}),
    "L-BFGS-B": ("L-BFGS-B", {"bounds": [(-5.0, 5.0), (-5.0, 1.0), (-5.0, 5.0)]}),
    "TNC": ("TNC", {"bounds": [(-5.0, 5.0)] * 3}),
}
HOW = {
    "SLSQP": {"ftol": 1e-15, "maxiter": 500},
    "trust-constr": {"gtol": 1e-10},
    "L-BFGS-B": {"ftol": 1e-16, "gtol": 1e-10},
    "TNC": {"maxfun": 3000},
}


@pytest.mark.filterwarnings("ignore:delta_grad:UserWarning")
@pytest.mark.parametrize("middle", [0.0, pytest.param(3.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", HELD)
def test_a_flat_minimum_with_bounds_or_constraints_is_told_from_one_that_is_not(name, middle):
    method, held = HELD[name]

    def f(p, power, size=1.0):
        def objective(y):
            near = y[0] - middle - (p - 1.0)
            return size * (near**power + near**4 + (y[1] - 2.0) ** 2 + (y[2] - y[1]) ** 2)

        start, slope = np.array([middle + 1.5, 0.6, 0.7]), autodiff.gradient(objective)
        return so.minimize(
            objective, start, jac=slope, method=method, options=HOW[method], **held
        ).x[0]

    def slope_of(*how):
        return autodiff.gradient(lambda p: f(p, *how), engine="numpy")(1.0)

    assert slope_of(2) == pytest.approx(1.0, rel=1e-6)
    with pytest.raises(DerivativeError, match="minimize has no derivative here") as caught:
        slope_of(4)
    assert caught.value.code == "AD305"
    if method == "L-BFGS-B":  # however large the second derivatives are beside what is held
        with pytest.raises(DerivativeError, match="second derivative of the objective"):
            slope_of(4, 1e8)


def test_multipliers_do_not_hide_that_a_minimiser_stopped_early():
    """A constraint has its own scale: that it holds says nothing of the gradient."""

    def f(p):
        constraint = {"type": "eq", "fun": lambda y: 1e-8 * (y[1] - 1.0)}
        return so.minimize(
            lambda y: 1e-8 * ((y[0] - p) ** 2 + (y[1] - 2.0) ** 2),
            np.array([5.0, 0.5]),
            method="SLSQP",
            constraints=[constraint],
        ).x[0]

    with pytest.warns(NoSolutionWarning, match="minimize .*stopped where the gradient"):
        autodiff.gradient(f, engine="numpy")(1.0)


# What is small is small beside the unknown itself, its equation and what that reads: not beside the start
# of the search, other unknowns or 1.
NOT_SOLVED = {
    "a start that is far off": lambda p: so.root(lambda z: np.exp(z) - p, [50.0], options={"maxfev": 40}).x[0],
    "a cubic from afar": lambda p: so.newton(lambda z: z**3 - p, 1e6, maxiter=30, disp=False),
    "beside a large unknown": lambda p: so.root(
        lambda z: [z[0] - 1e7 * p, np.exp(z[1]) - p], [1e7, 8.0], method="lm", options={"maxiter": 12}
    ).x[1],
    "a tolerance is a share": lambda p: so.fsolve(
        lambda z: (1e8 * z) ** 5 - p, 5e-8, xtol=1e-6, maxfev=4
    )[0],
    "a small number": lambda p: autodiff.implicit(lambda p: 1.5e-10 * p, lambda z, p: z - 1e-10 * p)(p),
    "a small unknown": lambda p: autodiff.implicit(
        lambda p: np.array([p, 3e-10 * p]), lambda z, p: np.array([z[0] - p, (1e10 * z[1]) ** 2 - p**2])
    )(p)[1],
    "a minimum from afar": lambda p: so.minimize(
        lambda z: (z[0] - p) ** 2 + (z[1] - 1) ** 2, [1e4, 3.0], method="Nelder-Mead", options={"maxiter": 48}
    ).x[0],
    "a fit from afar": lambda p: so.least_squares(
        lambda z: [z[0] * 1e-6 - p, np.exp(z[1]) - p], [1e6, 8.0], max_nfev=4
    ).x[1],
}  # fmt: skip
WARNS = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@WARNS
@pytest.mark.parametrize("name", NOT_SOLVED)
def test_no_unit_hides_that_a_point_is_no_solution(name):
    with pytest.warns(NoSolutionWarning, match="is not zero .*meaningless"):
        autodiff.gradient(NOT_SOLVED[name], engine="numpy")(1.3)


SOLVED = {  # each a number whose derivative by p is 1
    "rates and amplitudes": lambda p: 1e9 * so.fsolve(
        lambda z: [z[0] * 1e-9 + z[1] * 1e9 - 2 * p, z[0] * 1e-9 - z[1] * 1e9], [5e8, 5e-10], xtol=1e-13
    )[1],
    "small beside another": lambda p: autodiff.implicit(
        lambda p: np.array([1e9, 1.0]) * p, lambda z, p: (z / np.array([1e9, 1.0])) ** 3 - p**3
    )(p)[1],
    "a zero at 0": lambda p: so.fsolve(lambda z: np.sin(z) * p + z * z, 0.4)[0] + p,
    "one of several at 0": lambda p: so.fsolve(
        lambda u: 2 * u - np.append(0.0, u[:-1]) - np.append(u[1:], 0.0) + u**3 - p * np.linspace(-1, 1, 9),
        np.zeros(9),
    )[4] + p,
    "numbers far from 0": lambda p: 1e3 * so.fsolve(lambda z: z - 1e-3 * (p + 1.6e9), 0.0)[0],
    "as steep as numbers go": lambda p: so.brentq(lambda z: np.exp(3000 * (z - p)) - 2.0, p - 0.1, p + 0.1),
    "a start at the solution": lambda p: so.fsolve(lambda z: [z[0] ** 2 - 1.69, z[1] - z[0] * p / 1.3], [1.3, 1.3])[1],
    "a minimum at 0": lambda p: so.minimize(
        lambda z: (z[0] - p + 1.3) ** 2 + (z[1] - 1) ** 2, [1.0, 3.0], method="Nelder-Mead"
    ).x[0],
    "Brown's function": lambda p: 5e5 * so.least_squares(
        lambda z: [z[0] - 1e6, z[1] - 2e-6 * p, z[0] * z[1] - 2 * p], [1.0, 1.0],
        x_scale=[1e6, 1e-6], xtol=1e-15, ftol=1e-15, gtol=1e-15,
    ).x[1],
}  # fmt: skip


@WARNS
@pytest.mark.parametrize("name", SOLVED)
def test_no_unit_makes_a_solution_look_like_none(name):
    assert autodiff.gradient(SOLVED[name], engine="numpy")(1.3) == pytest.approx(1.0, rel=1e-7)


def test_states_that_nobody_reads_are_not_warned_of():
    """What grows is the second state, at the last of the times; with a loose tolerance it is far off."""

    def grows(k, column):
        found = si.solve_ivp(
            lambda t, y: [k, y[0] * 0 + 30 * y[1]], (0.0, 3.0), [1.0, 1e-3], t_eval=[0.01, 3.0], rtol=1e-2
        )  # fmt: skip
        return found.y[column, 1]

    slope = autodiff.gradient(grows, wrt=0, engine="numpy")
    assert np.isclose(slope(2.0, 0), 3.0)  # and no warning, which would be an error here
    with pytest.warns(NoSolutionWarning, match="far from the solution"):
        slope(2.0, 1)


def test_chaos_is_warned_of_where_states_are_right_by_chance():
    def convection(r, until, rtol):
        found = si.solve_ivp(
            lambda t, y: [10 * (y[1] - y[0]), y[0] * (r - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]],
            (0.0, until), [1.0, 1.0, 1.0], rtol=rtol, atol=1e-3 * rtol,
        )  # fmt: skip
        return found.y[2, -1]

    slope = autodiff.gradient(convection, wrt=0, engine="numpy")
    assert np.isclose(slope(28.0, 10.0, 1e-5), -9.8303715, rtol=1e-5)  # and no warning
    with pytest.warns(NoSolutionWarning, match="far from the solution"):
        assert abs(slope(28.0, 20.0, 1e-4) - 330.595) > 100  # by tolerances of 1e-10 and 1e-12


def test_states_at_the_moments_at_which_they_are_zero_are_as_good_as_others():
    def turning(w):
        found = si.solve_ivp(
            lambda t, y: [y[1], -w * w * y[0]], (0.0, 6.0), [1.0, 0.0], events=lambda t, y: y[1],
            rtol=1e-10, atol=1e-13,
        )  # fmt: skip
        return found.y_events[0][1, 0] + found.t_events[0][1]  # -1 and π/w

    for mode in ("forward", "reverse"):
        slope = autodiff.jacobian(turning, mode=mode, engine="numpy")(2.0)
        assert np.isclose(slope, -np.pi / 4, rtol=1e-6), mode
