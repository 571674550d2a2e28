"""``solve_bvp`` inside of functions: SciPy's values, and the derivative of the collocation equations."""

import warnings

import numpy as np
import pytest
from scipy.integrate import solve_bvp

import autodiff

XS = np.linspace(0, 1, 9)
P = np.array([1.3, 0.7])
over_engines = pytest.mark.parametrize(
    "engine", ["native", pytest.param("numpy", marks=pytest.mark.slow)]
)


def oscillation(p, tol=1e-8, nodes=5):
    """y'' = -p_0 y,  y(0) = 0,  y(1) = p_1."""
    return solve_bvp(
        lambda x, y: np.vstack([y[1], -p[0] * y[0]]),
        lambda a, b: np.array([a[0], b[0] - p[1]]),
        np.linspace(0, 1, nodes), np.zeros((2, nodes)), tol=tol, max_nodes=20000,
    )  # fmt: skip


def exact(p):
    return p[1] * np.sin(np.sqrt(p[0]) * XS) / np.sin(np.sqrt(p[0]))


def bratu(p):
    """Up to an end that moves; states, their slopes and the mesh."""
    found = solve_bvp(
        lambda x, y: [y[1], -p[0] * np.exp(y[0])], lambda a, b: np.array([a[0], b[0]]),
        np.linspace(0, p[1], 5), np.zeros((2, 5)), tol=1e-6,
    )  # fmt: skip
    return np.array([found.y[1, 0], found.sol(0.3)[0], found.sol(0.3, 1)[1], found.x[-1],
                     found.yp[1, -1]])  # fmt: skip


def frequency(p):
    """y'' = -q² p_0 y with an unknown q."""
    found = solve_bvp(
        lambda x, y, q: np.vstack([y[1], -(q[0] ** 2) * p[0] * y[0]]),
        lambda a, b, q: np.array([a[0], b[0], a[1] - q[0] * p[1]]),
        np.linspace(0, 1, 5), np.array([[0, 1.0, 0, -1, 0], [6, 0, -6, 0, 6.0]]), p=[6.0], tol=1e-6,
    )  # fmt: skip
    return np.append(found.p, found.y[1, -1])


def differences(f, p, step=1e-5):
    return np.stack([(f(p + step * e) - f(p - step * e)) / (2 * step) for e in np.eye(2)], axis=-1)


CASES = {
    "oscillation": (lambda p: oscillation(p).sol(XS)[0], exact),
    "bratu": (bratu, bratu),
    "frequency": (frequency, lambda p: np.array([2 * np.pi / p[0] ** 0.5, frequency(p)[1]])),
}


@over_engines
@pytest.mark.parametrize("name", [pytest.param(k, marks=pytest.mark.slow) for k in CASES])
def test_values_are_those_of_scipy_and_derivatives_those_of_the_equations(name, engine):
    f, reference = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", autodiff.FallbackWarning)
        function = autodiff.function(f, engine=engine)
        for at in (P, 1.1 * P):
            np.testing.assert_allclose(function(at), f(at), rtol=1e-12, atol=1e-14)
        expected = differences(reference, P)
        for mode in ("forward", "reverse"):
            found = autodiff.jacobian(f, mode=mode, engine=engine)(P)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
def test_the_error_of_a_gradient_follows_the_tolerance(tolerance):
    found = autodiff.jacobian(lambda p: oscillation(p, tolerance).sol(XS)[0])(P)
    expected = differences(exact, P)
    assert np.max(np.abs(found - expected)) <= 10 * tolerance * np.max(np.abs(expected))


@pytest.mark.slow
def test_second_derivatives():
    def slope(p):
        return 2 * exact(p) @ differences(exact, p, 1e-6)

    found = autodiff.hessian(lambda p: np.sum(oscillation(p).sol(XS)[0] ** 2))(P)
    np.testing.assert_allclose(found, differences(slope, P, 1e-4), rtol=1e-5, atol=1e-5)


def test_a_fine_mesh_takes_memory_by_its_nodes():
    nodes = 10_001  # full matrices of which would be 3 GB each
    found = autodiff.jacobian(lambda p: oscillation(p, 1e-6, nodes).sol(XS)[0], mode="reverse")(P)
    np.testing.assert_allclose(found, differences(exact, P), rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_a_problem_that_was_not_solved_has_no_derivative():
    def f(p):
        found = solve_bvp(
            lambda x, y: np.vstack([y[1], -30 * p[0] * np.exp(y[0])]),
            lambda a, b: np.array([a[0], b[0] - p[1]]),
            np.linspace(0, 1, 5), np.zeros((2, 5)), tol=1e-9, max_nodes=20,
        )  # fmt: skip
        return found.y[1, 0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.allclose(autodiff.function(f)(P), f(P), equal_nan=True)
        with pytest.raises(autodiff.AutodiffError):
            autodiff.gradient(f)(P)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_jump_or_kink_that_moves_is_an_error(mode):
    def of(load, tol=1e-4):
        return lambda p: solve_bvp(
            lambda x, y: np.vstack([y[1], load(x, y, p)]), lambda a, b: np.array([a[0], b[0]]),
            np.linspace(0, 1, 11), np.zeros((2, 11)), tol=tol,
        ).y[1, 0]  # fmt: skip

    for broken in (
        of(lambda x, y, p: np.where(x < p[0] - 0.9, p[1], 0.0), 0.9),
        of(lambda x, y, p: p[0] * np.abs(x - p[1]) - y[0]),
        of(lambda x, y, p: p[0] * (x - 0.5) - np.abs(y[1])),
    ):
        with pytest.raises(autodiff.DerivativeError, match="jumps or has a kink") as caught:
            autodiff.jacobian(broken, mode=mode)(P)
        assert caught.value.code == "AD305"
    for whole in (
        of(lambda x, y, p: p[0] * np.abs(x - 0.5) - p[1] * y[0]),  # which does not move
        of(lambda x, y, p: np.maximum(x - p[1], 0.0) ** 2 - p[0] * y[0], 1e-6),
        of(lambda x, y, p: p[0] + np.abs(y[0]) * p[1]),  # 0 at the ends alone
    ):
        found = autodiff.jacobian(whole, mode=mode)(P)
        np.testing.assert_allclose(found, differences(whole, P), rtol=2e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bad",
    [
        lambda p: solve_bvp(lambda x, y: y[:1], lambda a, b: a + b, XS, np.zeros((2, 9))).y * p[0],
        lambda p: solve_bvp(lambda x, y: p[0] * y, lambda a, b: a, XS, np.zeros((2, 8))).y,
        lambda p: solve_bvp(lambda x, y: p[0] * y, lambda a, b: a[:1], XS, np.zeros((2, 9))).y,
    ],
)
def test_exceptions_are_those_of_scipy(bad):
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever SciPy raises
        bad(P)
    with pytest.raises(expected.type), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        autodiff.function(bad)(P)


def test_slopes_of_the_users_own_are_passed_on():
    def solved(p):
        def slopes(x, y):
            return np.array([[0 * x, 1 + 0 * x], [-p[0] * np.exp(y[0]), 0 * x]])

        def of_ends(a, b):
            return np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])

        return solve_bvp(
            lambda x, y: np.vstack([y[1], -p[0] * np.exp(y[0])]), lambda a, b: np.array([a[0], b[0]]),
            np.linspace(0, 1, 7), np.zeros((2, 7)), fun_jac=slopes, bc_jac=of_ends, tol=1e-8,
        ).sol(XS)[0]  # fmt: skip

    f = autodiff.function(lambda p: solved(p).sum(), engine="numpy")
    np.testing.assert_allclose(f(P), solved(P).sum(), rtol=1e-14)
    found = autodiff.gradient(lambda p: solved(p).sum(), engine="numpy")(P)
    np.testing.assert_allclose(found, differences(lambda p: solved(p).sum(), P), rtol=1e-6)


def test_machine_code_answers():
    f = autodiff.function(lambda p: oscillation(p, 1e-3, 9).sol(XS)[0])
    np.testing.assert_allclose(f(P), oscillation(P, 1e-3, 9).sol(XS)[0], rtol=1e-12)
    assert f.cache[0].calls == 1
