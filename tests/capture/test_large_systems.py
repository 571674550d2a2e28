"""Derivatives of solutions and minima with many unknowns: by products, without a matrix of derivatives."""

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
    ],
)
@pytest.mark.parametrize("mode", [pytest.param("forward", marks=pytest.mark.slow), "reverse"])
def test_singular_equations_are_an_error(residual, mode):
    solution = autodiff.implicit(lambda p: np.zeros(N), residual)
    with pytest.raises(autodiff.DerivativeError, match="is singular") as caught:
        autodiff.jacobian(lambda p: solution(p)[:2], mode=mode)(2.0)
    assert caught.value.code == "AD305"


@pytest.mark.slow
def test_what_is_no_solution_is_warned_of():
    solution = autodiff.implicit(lambda p: np.ones(N), lambda u, p: equations(u, p))
    with pytest.warns(NoSolutionWarning, match="stopped where the function is not zero"):
        autodiff.jacobian(lambda p: solution(p)[:3], mode="forward")(P)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(autodiff.function(lambda p: solution(p)[:3])(P), np.ones(3))
