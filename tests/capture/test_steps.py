"""``scipy.integrate.ode``: SciPy's numbers bit for bit, derivatives those of the solution."""

import numpy as np
import pytest
from scipy.integrate import ode

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
INTEGRATORS = ["dopri5", "dop853", "vode", "lsoda"]
K = np.array([0.7, 1.3])
Y0 = np.array([1.0, 2.0])


def decay(t, y, k):
    return -k * y


def at_once(k, y0, end, integrator):
    r = ode(decay).set_integrator(integrator, rtol=1e-9, atol=1e-11)
    r.set_initial_value(y0, 0.25).set_f_params(k)
    return r.integrate(end)


def in_steps(k, y0, end, integrator):
    r = ode(lambda t, y: -k * y).set_integrator(integrator, rtol=1e-9, atol=1e-11)
    r.set_initial_value(y0, 0.25)
    rows = []
    while r.successful() and r.t < end:
        rows.append(r.integrate(r.t + 0.25).copy())
    return np.array(rows)


def exactly(k, y0, times):
    """The solution, and its derivative by k, one row for each time."""
    spent = np.asarray(times)[:, None] - 0.25
    y = y0 * np.exp(-k * spent)
    return y, -spent * y


@ENGINES
@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_at_once(engine, integrator):
    f = autodiff.function(at_once, engine=engine, on_fallback="error")
    for end in (1.25, 2.0):
        assert np.array_equal(f(K, Y0, end, integrator), at_once(K, Y0, end, integrator))
    by_k, by_y0, by_end = autodiff.jacobian(at_once, wrt=("k", "y0", "end"), engine=engine)(
        K, Y0, 1.25, integrator
    )
    (y,), (slope,) = exactly(K, Y0, [1.25])
    assert np.allclose(by_k, np.diag(slope), rtol=1e-7, atol=1e-9)
    assert np.allclose(by_y0, np.diag(y / Y0), rtol=1e-7, atol=1e-9)
    assert np.allclose(by_end, -K * y, rtol=1e-7, atol=1e-9)


@ENGINES
@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_in_steps(engine, integrator):
    """``vode`` and ``lsoda`` go on from the steps before."""
    f = autodiff.function(in_steps, engine=engine, on_fallback="error")
    for k in (K, 2 * K, K):
        assert np.array_equal(f(k, Y0, 1.0, integrator), in_steps(k, Y0, 1.0, integrator))
    _, slopes = exactly(K, Y0, [0.5, 0.75, 1.0])
    for mode in ("forward", "reverse"):
        by_k = autodiff.jacobian(in_steps, wrt="k", mode=mode, engine=engine)(
            K, Y0, 1.0, integrator
        )
        assert np.allclose(by_k, slopes[:, :, None] * np.eye(2), rtol=1e-6, atol=1e-8)


def test_second_derivative():
    def f(k):
        return np.sum(at_once(k, Y0, 1.25, "dop853"))

    (y,), _ = exactly(K, Y0, [1.25])
    assert np.allclose(autodiff.hessian(f)(K), np.diag(y), rtol=1e-6, atol=1e-8)


def test_a_stiff_method_with_a_jacobian():
    def f(k):
        r = ode(lambda t, y: -k * y**2, lambda t, y: np.diag(-2 * k * y))
        r.set_integrator("vode", method="bdf", rtol=1e-9, atol=1e-11).set_initial_value(Y0)
        r.integrate(0.5)
        return r.integrate(1.0)

    assert np.array_equal(autodiff.function(f, on_fallback="error")(K), f(K))
    right = -(Y0**2) / (1 + K * Y0) ** 2
    assert np.allclose(autodiff.jacobian(f)(K), np.diag(right), rtol=1e-6, atol=1e-8)


def test_arrays_that_scipy_fills_again_are_filled_again():
    def f(k):
        r = ode(decay).set_integrator("lsoda").set_initial_value(Y0).set_f_params(k)
        first = r.integrate(0.5)
        r.integrate(1.0)
        return first

    assert np.array_equal(autodiff.function(f, on_fallback="error")(K), f(K))


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning", "ignore::UserWarning")
def test_what_is_out_of_reach_has_its_value_and_no_derivative():
    outside = ode(decay).set_integrator("dopri5")

    def complex_states(k):
        r = ode(lambda t, y: -1j * k * y).set_integrator("zvode").set_initial_value(Y0 + 0j)
        return np.abs(r.integrate(1.0) + 1)

    def single_steps(k):
        r = ode(decay).set_integrator("vode").set_initial_value(Y0).set_f_params(k)
        return r.integrate(1.0, step=True)

    def stopped_early(k):
        r = ode(lambda t, y: k * y**2).set_integrator("dopri5").set_initial_value(Y0)
        return r.integrate(5.0)

    def made_outside(k):
        return outside.set_initial_value(Y0).set_f_params(k).integrate(1.0)

    for f in (complex_states, single_steps, stopped_early, made_outside):
        assert np.array_equal(autodiff.function(f)(K), f(K))
        with pytest.raises((autodiff.DerivativeError, autodiff.UnsupportedError)):
            autodiff.jacobian(f)(K)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning", "ignore::UserWarning")
def test_an_integration_that_stops_says_why():
    def f(k):
        r = ode(lambda t, y: k * y**2).set_integrator("dopri5").set_initial_value(Y0)
        return np.sum(r.integrate(5.0))

    with pytest.raises(autodiff.UnsupportedError, match="ode stopped early: dopri5: step size"):
        autodiff.gradient(f)(K)


@pytest.mark.parametrize("name", ["dopri5", "vode", "lsoda"])
def test_tolerances_that_are_known_only_at_run_time(name):
    def f(p, rtol):
        made = ode(lambda t, y: [-p * y[0]]).set_integrator(name, rtol=rtol, atol=1e-2 * rtol)
        return made.set_initial_value([1.0], 0.0).integrate(1.0)[0]

    found = autodiff.function(f, engine="numpy", on_fallback="error")
    for rtol in (1e-4, 1e-7):
        assert found(1.3, rtol) == f(1.3, rtol)
    assert len(found.cache) == 1
    slope, _ = autodiff.gradient(f, engine="numpy")(1.3, 1e-7)
    np.testing.assert_allclose(slope, -np.exp(-1.3), rtol=1e-6)
