"""Derivatives of solutions and minima with many unknowns: by products, without a matrix of derivatives."""

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy.linalg import solve_banded
from scipy.optimize import fsolve, minimize, newton_krylov

import autodiff
from autodiff.errors import NoSolutionWarning
from autodiff.ops.solvers import FORMED

ENGINES = ["numpy", pytest.param("native", marks=pytest.mark.slow)]
N = FORMED + 50
P = np.array([1.3, 0.7])


def equations(u, p):
    """A chain with a cubic force on each link, and a load."""
    wide = np.concatenate([np.zeros(1), u, np.zeros(1)])
    bent = 0.25 * (wide[2:] - 2 * u + wide[:-2])
    return bent - u - p[0] * u**3 + p[1] * np.linspace(0.1, 1.0, len(u))


def solved(p, n):
    """By Newton's method, as exactly as it can be."""
    u = np.zeros(n)
    for _ in range(30):
        band = np.full((3, n), 0.25)
        band[1] = -1.5 - 3 * p[0] * u**2
        u = u - solve_banded((1, 1), band, equations(u, p))
    return u


def exact_jacobian(p, n):
    u = solved(p, n)
    band = np.full((3, n), 0.25)
    band[1] = -1.5 - 3 * p[0] * u**2
    by_p = np.stack([-(u**3), np.linspace(0.1, 1.0, n)], axis=1)
    return -solve_banded((1, 1), band, by_p)


def by_search(p, n):
    return newton_krylov(lambda u: equations(u, p), np.zeros(n), f_tol=1e-12)


def by_residual(p, n):
    solution = autodiff.implicit(lambda p: solved(p, n), lambda u, p: equations(u, p))
    return solution(p)


def by_minimum(p, n):
    def energy(u):
        stretch = np.sum((u[1:] - u[:-1]) ** 2) + u[0] ** 2 + u[-1] ** 2
        own = 0.5 * np.sum(u**2) + 0.25 * p[0] * np.sum(u**4)
        return 0.125 * stretch + own - p[1] * (u @ np.linspace(0.1, 1.0, n))

    start, how = np.zeros(n), {"ftol": 1e-15, "gtol": 1e-9}
    return minimize(energy, start, jac=autodiff.gradient(energy), method="L-BFGS-B", options=how).x


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "solution",
    [by_search, *(pytest.param(f, marks=pytest.mark.slow) for f in (by_residual, by_minimum))],
)
def test_both_modes_have_the_derivative_of_the_equations(solution, engine):
    expected = exact_jacobian(P, N)[::50]
    for mode in ("forward", "reverse"):
        jacobian = autodiff.jacobian(lambda p: solution(p, N)[::50], mode=mode, engine=engine)
        np.testing.assert_allclose(jacobian(P), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("solution", [by_search, by_minimum])
def test_second_derivatives(solution):
    def f(p):
        return np.sum(solution(p, N) ** 2)

    def slope(p):
        return 2 * solved(p, N) @ exact_jacobian(p, N)

    expected = [(slope(P + 1e-5 * e) - slope(P - 1e-5 * e)) / 2e-5 for e in np.eye(2)]
    np.testing.assert_allclose(autodiff.hessian(f)(P), expected, rtol=1e-5, atol=1e-5)


def test_any_number_of_unknowns_by_one_program():
    gradient = autodiff.gradient(lambda p, start: np.sum(by_residual_of(p, start)))
    for n in (3, 4, 5, 30, N):
        found, _ = gradient(P, np.zeros(n))
        np.testing.assert_allclose(found, np.sum(exact_jacobian(P, n), axis=0), rtol=1e-8)
    assert len(gradient.cache) <= 2


def by_residual_of(p, start):
    return fsolve(lambda u: equations(u, p), start, xtol=1e-13)


@pytest.mark.slow
def test_a_matrix_that_would_not_fit_into_memory_is_not_formed():
    n = 100_000  # 80 GB
    found = autodiff.jacobian(lambda p: by_residual(p, n)[:: n // 5], mode="reverse")(P)
    np.testing.assert_allclose(found, exact_jacobian(P, n)[:: n // 5], rtol=1e-8)


@pytest.mark.parametrize(
    "residual",
    [
        lambda u, p: p * (u - np.mean(u)),  # solved by any constant
        lambda u, p: u - np.mean(u) + p - 2.0,  # solved for one p alone
        lambda u, p: p * u**3,
        lambda u, p: np.concatenate([0 * u[:1], u[1:] - p + 2.0]),  # one direction of many
        lambda u, p: (u + 1e-9) ** 2 - (p - 2.0),  # a double root, nearly reached
    ],
)
@pytest.mark.parametrize("mode", [pytest.param("forward", marks=pytest.mark.slow), "reverse"])
def test_singular_equations_are_an_error(residual, mode):
    solution = autodiff.implicit(lambda p: np.zeros(N), residual)
    with pytest.raises(autodiff.DerivativeError, match="is singular") as caught:
        autodiff.jacobian(lambda p: solution(p)[:2], mode=mode)(2.0)
    assert caught.value.code == "AD305"


def quartic(u, p, flat):
    return np.sum((u[1:] - p) ** 2) + (u[0] - p) ** 2 * (1.0 if not flat else (u[0] - p) ** 2)


@pytest.mark.parametrize(
    "options", [{"method": "L-BFGS-B"}, {"method": "L-BFGS-B", "bounds": [(-9.0, 9.0)] * N}]
)
def test_a_minimum_that_is_flat_in_one_direction_of_many_is_an_error(options):
    def f(p, flat):
        jac = autodiff.gradient(lambda u: quartic(u, p, flat))
        how = {"ftol": 1e-16, "gtol": 1e-9}
        start = np.full(N, 2.0)
        return minimize(lambda u: quartic(u, p, flat), start, jac=jac, options=how, **options).x[0]

    assert autodiff.gradient(lambda p: f(p, False), engine="numpy")(1.0) == pytest.approx(1.0)
    with pytest.raises(autodiff.DerivativeError, match="second derivative of the objective"):
        autodiff.gradient(lambda p: f(p, True), engine="numpy")(1.0)


SCALES = [
    (1.0, 1.0),
    *(pytest.param(*s, marks=pytest.mark.slow) for s in ((1e8, 1e-8), (1e-8, 1e8))),
]
WELL_POSED = {
    "a shift": (lambda y, q: y**3 + y - q, lambda y: 1 + 3 * y**2),
    "weak directions": (lambda y, q: np.logspace(0, -4, N) * (y - q), lambda y: np.ones(N)),
}


@pytest.mark.filterwarnings(
    "ignore:(xtol|The iteration):RuntimeWarning"
)  # at 0 nothing is relative
@pytest.mark.parametrize("scale, size", SCALES)
@pytest.mark.parametrize("middle", [0.0, 1.0])
@pytest.mark.parametrize("name", WELL_POSED)
def test_no_false_alarm_of_many_unknowns_however_they_are_scaled(name, middle, scale, size):
    equation, slope = WELL_POSED[name]

    def solution(p):
        found = fsolve(lambda u: scale * equation(u / size, p), np.full(N, 0.9 * size), xtol=1e-6)
        return found / size

    found = autodiff.jacobian(solution, mode="forward", engine="numpy")(middle)
    np.testing.assert_allclose(found, 1 / slope(solution(middle)), rtol=1e-6)


@pytest.mark.slow
def test_what_is_no_solution_is_warned_of():
    solution = autodiff.implicit(lambda p: np.ones(N), lambda u, p: equations(u, p))
    with pytest.warns(NoSolutionWarning, match="stopped where the function is not zero"):
        autodiff.jacobian(lambda p: solution(p)[:3], mode="forward")(P)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(autodiff.function(lambda p: solution(p)[:3])(P), np.ones(3))


# -- bounds and constraints ------------------------------------------------------------------------------
def between_bounds(p, limit, n, method="L-BFGS-B"):
    """A chain that a load presses against its bounds at two links of seven."""

    def energy(u):
        stretch = 0.05 * np.sum((u[1:] - u[:-1]) ** 2)
        return stretch + 0.5 * np.sum(u**2) + 0.25 * p[0] * np.sum(u**4) - p[1] * (u @ pressing(n))

    bounds = np.stack([np.full(n, -limit), np.full(n, 2 * limit)], axis=1)
    how = {"ftol": 1e-16, "gtol": 1e-10}
    start, slope = np.zeros(n), autodiff.gradient(energy)
    return minimize(energy, start, jac=slope, method=method, bounds=bounds, options=how).x


def pressing(n):
    return np.array([-3.0, 0.1, 0.2, 5.0, -0.1, 0.15, 0.05])[np.arange(n) % 7]


def bounded_exactly(p, limit, n):
    """The minimum, and its derivatives by p and by the limit, with what is held at a bound known."""
    held = np.isin(np.arange(n) % 7, (0, 3))
    at = np.where(np.arange(n) % 7 == 3, 2.0, -1.0) * limit
    u = np.where(held, at, 0.0)

    def solve(rhs, u):
        band = np.zeros((3, n))
        band[1] = np.where(held, 1.0, 1.2 + 3 * p[0] * u**2)
        band[1, [0, -1]] -= np.where(held[[0, -1]], 0.0, 0.1)
        band[0, 1:] = np.where(held[:-1], 0.0, -0.1)
        band[2, :-1] = np.where(held[1:], 0.0, -0.1)
        return solve_banded((1, 1), band, rhs)

    def slope(u):
        found = u + p[0] * u**3 - p[1] * pressing(n)
        found[1:] += 0.1 * (u[1:] - u[:-1])
        found[:-1] -= 0.1 * (u[1:] - u[:-1])
        return found

    for _ in range(30):
        u = u - solve(np.where(held, u - at, slope(u)), u)
    by_p = np.where(held, 0.0, np.stack([-(u**3), pressing(n)])).T
    return u, solve(by_p, u), solve(np.where(held, at / limit, 0.0), u)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", [pytest.param("forward", marks=pytest.mark.slow), "reverse"])
def test_unknowns_between_bounds_move_as_those_that_are_free_and_with_the_bounds(engine, mode):
    def f(p, limit):
        return between_bounds(p, limit, N)[:21]

    found = autodiff.jacobian(f, wrt=(0, 1), mode=mode, engine=engine)(P, 0.3)
    _, by_p, by_limit = bounded_exactly(P, 0.3, N)
    np.testing.assert_allclose(found[0], by_p[:21], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found[1], by_limit[:21], rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_second_derivatives_between_bounds():
    def f(p, limit):
        return np.sum(between_bounds(p, limit, N)[:30] ** 2)

    def slope(p, limit):
        u, by_p, by_limit = bounded_exactly(p, limit, N)
        return 2 * u[:30] @ np.column_stack([by_p, by_limit])[:30]

    (by_p, _), (_, by_limit) = autodiff.hessian(f, wrt=(0, 1))(P, 0.3)
    h = 1e-5
    for k, e in enumerate(np.eye(2)):
        expected = (slope(P + h * e, 0.3) - slope(P - h * e, 0.3)) / (2 * h)
        np.testing.assert_allclose(by_p[k], expected[:2], rtol=1e-5)
    expected = (slope(P, 0.3 + h) - slope(P, 0.3 - h)) / (2 * h)
    np.testing.assert_allclose(by_limit, expected[2], rtol=1e-5)


@pytest.mark.slow
def test_memory_between_bounds_is_in_proportion_to_the_unknowns():
    n = 100_000  # 80 GB
    gradient = autodiff.gradient(lambda p, x: np.sum(between_bounds(p, x, n)), wrt=(0, 1))
    by_p, by_limit = gradient(P, 0.3)
    tracemalloc.start()
    gradient(P * 1.01, 0.3)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3000 * n  # what GMRES keeps: a hundred vectors and some
    _, expected, by_bound = bounded_exactly(P, 0.3, n)
    np.testing.assert_allclose(by_p, np.sum(expected, axis=0), rtol=1e-8)
    np.testing.assert_allclose(by_limit, np.sum(by_bound), rtol=1e-8)


def test_a_bound_that_does_not_hold_is_an_error_with_many_unknowns_too():
    def f(p):
        def energy(u):
            return np.sum((u - p * np.linspace(0.5, 1.0, N)) ** 2)

        bounds = [(-5.0, 0.5), *[(-5.0, 5.0)] * (N - 1)]  # the first is reached without a force
        start, slope = np.zeros(N), autodiff.gradient(energy)
        return np.sum(minimize(energy, start, jac=slope, method="L-BFGS-B", bounds=bounds).x)

    with pytest.raises(autodiff.DerivativeError, match="at a bound that does not hold it"):
        autodiff.gradient(f)(1.0)


def on_a_plane(p, n):
    """The nearest point of a plane; another constraint holds as well, and a third does not."""

    def distance(u):
        return 0.5 * np.sum((u - p[1] * pressing(n)) ** 2)

    constraints = [
        {"type": "eq", "fun": lambda u: np.sum(u) - p[0]},
        {"type": "ineq", "fun": lambda u: u[:2] - np.array([-0.5, -9.0]) * p[0]},
    ]
    slope = autodiff.gradient(distance)
    start, how = np.full(n, 0.1), {"ftol": 1e-15}
    return minimize(
        distance, start, jac=slope, method="SLSQP", constraints=constraints, options=how
    ).x


@pytest.mark.parametrize("mode", [pytest.param("forward", marks=pytest.mark.slow), "reverse"])
def test_constraints_hold_many_unknowns(mode):
    n = N
    found = autodiff.jacobian(lambda p: on_a_plane(p, n), mode=mode)(P)
    # u[0] = -0.5 p0, the others are the load and the same shift.
    load = pressing(n)
    expected = np.empty((n, 2))
    expected[0] = -0.5, 0.0
    expected[1:, 0] = 1.5 / (n - 1)
    expected[1:, 1] = load[1:] - np.sum(load[1:]) / (n - 1)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
