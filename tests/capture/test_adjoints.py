"""Reverse mode through ``solve_ivp`` and ``odeint`` for many parameters: by the adjoint equation."""

import warnings

import numpy as np
import pytest
import scipy.integrate as si
import scipy.linalg as sla

import autodiff
from autodiff.differentiate import odes
from autodiff.errors import NoSolutionWarning

over_engines = pytest.mark.parametrize(
    "engine", ["native", pytest.param("numpy", marks=pytest.mark.slow)]
)
over_methods = pytest.mark.parametrize(
    "method",
    [
        "RK45",
        *(pytest.param(m, marks=pytest.mark.slow) for m in ("Radau", "DOP853", "BDF", "LSODA")),
    ],
)
RNG = np.random.default_rng(2)
A, Y0 = RNG.normal(size=(4, 4)) / 2, RNG.normal(size=4)
TIMES = np.array([0.3, 0.3001, 1.0, 2.0])


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """However few parameters there are."""
    monkeypatch.setattr(odes, "MANY", 0)
    monkeypatch.setattr(odes, "MANY_IMPLICIT", 0)


def in_order(f, x, step=1e-6):
    flat = np.ravel(x)
    found = []
    for k in range(len(flat)):
        e = np.zeros(len(flat))
        e[k] = step
        found.append(
            (f(np.reshape(flat + e, x.shape)) - f(np.reshape(flat - e, x.shape))) / (2 * step)
        )
    return np.reshape(found, x.shape)


@over_methods
@over_engines
def test_a_linear_system_in_closed_form(method, engine):
    def by_solver(A, y0):
        found = si.solve_ivp(
            lambda t, y: A @ y, (0, 2), y0, method, t_eval=TIMES, rtol=1e-7, atol=1e-9
        )
        return np.sum(np.cos(found.y))

    def exactly(A, y0):
        return sum(np.sum(np.cos(sla.expm(A * t) @ y0)) for t in TIMES)

    by_a, by_y0 = autodiff.gradient(by_solver, engine=engine)(A, Y0)
    np.testing.assert_allclose(by_a, in_order(lambda a: exactly(a, Y0), A), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(by_y0, in_order(lambda y: exactly(A, y), Y0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "tolerance", [1e-6, *(pytest.param(t, marks=pytest.mark.slow) for t in (1e-3, 1e-9))]
)
@pytest.mark.parametrize("method", ["RK45", pytest.param("Radau", marks=pytest.mark.slow), "LSODA"])
def test_the_error_of_a_gradient_is_at_most_ten_times_the_tolerance(method, tolerance):
    def end(p):
        return si.solve_ivp(
            lambda t, y: [y[1], -p[0] * y[0] * p[1]],
            (0, 3), [1.0, 0.0], method, rtol=tolerance, atol=tolerance,
        ).y[0, -1]  # fmt: skip

    exact = autodiff.gradient(lambda p: np.cos(3 * np.sqrt(p[0] * p[1])))(np.array([2.0, 1.0]))
    found = autodiff.gradient(end)(np.array([2.0, 1.0]))
    np.testing.assert_allclose(found, exact, rtol=10 * tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_stiff_problems(method):
    """As forward mode has them, whose sensitivities are compared with published ones elsewhere."""

    def robertson(rates):
        def slope(t, y):
            a, b, c = rates[0] * y[0], rates[2] * y[1] * y[2], rates[1] * y[1] ** 2
            return [-a + b, a - b - c, c]

        atol = np.array([1e-8, 1e-12, 1e-8])
        return si.solve_ivp(slope, (0, 40.0), [1.0, 0, 0], method, rtol=1e-6, atol=atol).y[:, -1]

    def oscillator(p):
        def slope(t, y):
            return [y[1], p[0] * (1 - y[0] ** 2) * y[1] - p[1] * y[0]]

        return si.solve_ivp(slope, (0, 500.0), [2.0, 0.0], method, rtol=1e-6, atol=1e-9).y[:, -1]

    for f, p in ((robertson, np.array([0.04, 3e7, 1e4])), (oscillator, np.array([1e3, 1.0]))):
        forward = autodiff.jacobian(f, mode="forward")(p)
        reverse = autodiff.jacobian(f, mode="reverse")(p)
        np.testing.assert_allclose(reverse, forward, rtol=2e-5, atol=1e-18)


CASES = {
    "backwards in time": lambda p: si.solve_ivp(
        lambda t, y: p * np.sin(t * y), (2, 0), [0.5, 1.0], rtol=1e-9, atol=1e-9
    ).y[:, -1],
    "odeint": lambda p: si.odeint(
        lambda y, t: -p[0] * y + p[1] * np.sin(t), p, np.linspace(0, 1, 4)
    ).ravel(),
    "by times": lambda p: si.solve_ivp(
        lambda t, y: p * y, (0, 3), p, t_eval=[p[0], 2 * p[0]], rtol=1e-9, atol=1e-9
    ).y.ravel(),
    "by the ends": lambda p: si.solve_ivp(
        lambda t, y: p[:1] * y * t, (p[1] * 0.1, p[0]), p, rtol=1e-9, atol=1e-9
    ).y[:, -1],
    "an event": lambda p: np.append(
        (
            found := si.solve_ivp(
                lambda t, y: [y[1], -p[0] * y[0]], (0, 9), p, events=lambda t, y: y[0],
                rtol=1e-10, atol=1e-10,
            )
        ).t_events[0],
        found.y_events[0][:, 1],
    ),
    "a solution in between": lambda p: si.solve_ivp(
        lambda t, y: -p * y**2, (0, 2), [1.0, 2.0], dense_output=True, rtol=1e-10, atol=1e-10
    ).sol(np.array([0.7, 0.2])).ravel(),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(k, marks=[pytest.mark.slow] if n else []) for n, k in enumerate(CASES)],
)
def test_reverse_mode_is_forward_mode(name):
    p = np.array([0.7, 1.1])
    forward = autodiff.jacobian(CASES[name], mode="forward")(p)
    reverse = autodiff.jacobian(CASES[name], mode="reverse")(p)
    np.testing.assert_allclose(reverse, forward, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_second_derivatives():
    def f(p):
        return np.sum(CASES["a solution in between"](p) ** 3)

    p = np.array([0.7, 1.1])
    slope = autodiff.gradient(f)
    expected = [(slope(p + 1e-5 * e) - slope(p - 1e-5 * e)) / 2e-5 for e in np.eye(2)]
    np.testing.assert_allclose(autodiff.hessian(f)(p), expected, rtol=1e-6, atol=1e-7)


def test_thousands_of_parameters_are_as_few_equations(monkeypatch):
    monkeypatch.undo()
    h = 2000
    w1, w2 = RNG.normal(size=(h, 4)) / 2, RNG.normal(size=(4, h)) / np.sqrt(h)

    def loss(w1, w2):
        y = si.solve_ivp(lambda t, y: w2 @ np.tanh(w1 @ y), (0, 1), Y0, rtol=1e-6, atol=1e-8).y
        return np.sum(y[:, -1] ** 2)

    by_w1, by_w2 = autodiff.gradient(loss)(w1, w2)
    d1, d2 = RNG.normal(size=w1.shape), RNG.normal(size=w2.shape)
    _, along = autodiff.jvp(loss, (w1, w2), (d1, d2))
    np.testing.assert_allclose(np.sum(by_w1 * d1) + np.sum(by_w2 * d2), along, rtol=1e-6)


@pytest.mark.slow
def test_a_jump_that_moves_is_an_error():
    def f(p):
        return si.solve_ivp(
            lambda t, y: [p[0] if t < p[1] else 0.0], (0, 2), [0.0], max_step=0.1
        ).y[0, -1]

    with pytest.raises(autodiff.DerivativeError, match="jumps") as caught:
        autodiff.gradient(f)(np.array([1.0, 1.1]))
    assert caught.value.code == "AD305"


@pytest.mark.slow
def test_states_that_are_no_solution_are_warned_of():
    def f(p):
        return si.solve_ivp(
            lambda t, y: [y[1], -p[0] * y[0]], (0, 60), [p[1], 0.0], "RK23", rtol=0.1, atol=0.1
        ).y[0, -1]

    with pytest.warns(NoSolutionWarning, match="far from the solution"), warnings.catch_warnings():
        warnings.simplefilter("always")
        autodiff.gradient(f)(np.array([40.0, 1.0]))


def by_steps(method, rtol, p):
    """The gradient of the sum of the last states of predator and prey along the steps that were taken."""

    def slope(y):
        return np.array([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])

    def by_state(y):
        return np.array([[p[0] - p[1] * y[1], -p[1] * y[0]], [p[2] * y[1], p[2] * y[0] - p[3]]])

    def by_parameters(y):
        return np.array([[y[0], -y[0] * y[1], 0, 0], [0, 0, y[0] * y[1], -y[1]]])

    scheme = getattr(si, method)
    found = si.solve_ivp(lambda t, y: slope(y), (0, 10), [10.0, 5.0], method, rtol=rtol, atol=rtol)
    count, a, b = len(scheme.B), np.zeros((len(scheme.B),) * 2), scheme.B
    a[:, : scheme.A.shape[1]] = scheme.A
    ct, total = np.ones(2), np.zeros(4)
    for k in reversed(range(len(found.t) - 1)):
        h, stages, slopes = found.t[k + 1] - found.t[k], [], np.zeros((count, 2))
        for i in range(count):
            stages.append(found.y[:, k] + h * (a[i, :i] @ slopes[:i]))
            slopes[i] = slope(stages[i])
        pulled = np.zeros((count, 2))
        for i in reversed(range(count)):
            ct_slope = h * (b[i] * ct + a[i + 1 :, i] @ pulled[i + 1 :])
            pulled[i] = by_state(stages[i]).T @ ct_slope
            total += by_parameters(stages[i]).T @ ct_slope
        ct = ct + np.sum(pulled, axis=0)
    return total


@pytest.mark.slow
def test_the_derivative_along_the_steps_is_off_by_more_than_ten_times_the_tolerance():
    def ends(p, method, rtol):
        def slope(t, y):
            return [p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]]

        options = {"method": method, "rtol": rtol, "atol": rtol}
        return np.sum(si.solve_ivp(slope, (0, 10), [10.0, 5.0], **options).y[:, -1])

    p = np.array([1.1, 0.4, 0.1, 0.4])
    exact = by_steps("DOP853", 1e-13, p)
    size = np.max(np.abs(exact))
    for rtol in (1e-3, 1e-6):
        off = []
        for method in ("RK23", "RK45"):
            off.append(np.max(np.abs(by_steps(method, rtol, p) - exact)) / size)
            ours = autodiff.gradient(lambda p, m=method, r=rtol: ends(p, m, r))(p)
            assert np.max(np.abs(ours - exact)) <= rtol * size
        assert max(off) > 20 * rtol
