"""``solver_jacobians=True``: SciPy is handed exact derivatives where it takes them and none was given."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import integrate, optimize, sparse

import autodiff


def system(z, p):
    return [z[0] ** 2 + p * z[1] - 3, z[1] ** 3 - z[0] + p]


def residuals(z, p):
    return np.array([z[0] - p, 10 * (z[1] - z[0] ** 2), z[0] * z[1] - p])


def valley(z, p):
    return (z[0] - p) ** 2 + 5 * (z[1] - z[0] ** 2) ** 2


def oscillator(t, y, p):
    return [y[1], p * (1 - y[0] ** 2) * y[1] - y[0]]


def in_columns(t, y):
    return np.array([y[1], 1.3 * (1 - y[0] ** 2) * y[1] - y[0]])


def bent(x, y, p):
    return np.vstack((y[1], -p * np.exp(y[0])))


def diffusing(y, p):
    """Of a state, or of many as columns."""
    around = np.concatenate([0 * y[:1], y, 0 * y[:1]])
    return 20 * p * (around[2:] - 2 * y + around[:-2]) + y - y**3


LINE = sparse.diags_array([1, 1, 1], offsets=[-1, 0, 1], shape=(9, 9), format="csr", dtype=float)
START = np.sin(np.linspace(0.3, 2.8, 9))
TIMES = np.linspace(0, 1, 20)
MESH = np.linspace(0, 1, 5)
EXACT = {"rtol": 1e-7, "atol": 1e-9}


def fitted(p, **options):
    data = 2 * np.exp(-p * TIMES) + 0.01 * np.sin(20 * TIMES)
    return optimize.curve_fit(lambda t, a, b: a * np.exp(-b * t), TIMES, data, **options)[0]


def integrated(p, method, **options):
    return integrate.solve_ivp(
        oscillator, (0, 2), [2.0, 0.0], method, args=(p,), **EXACT, **options
    )


def vibrating(p):
    guess = np.zeros((2, 5))
    guess[0, 1], guess[0, 3] = 1, -1
    return integrate.solve_bvp(
        lambda x, y, k: np.vstack((y[1], -(k[0] ** 2) * p * y[0])),
        lambda a, b, k: np.array([a[0], b[0], a[1] - k[0]]),
        MESH, guess, p=[6.0],
    ).p[0]  # fmt: skip


def until_zero(p):
    def down(t, y, p):
        return y[0] - 1

    down.terminal = True
    return integrated(p, "LSODA", events=down).t[-1]


def constrained(p, method, constraint):
    start = [0.5, 0.7]
    return optimize.minimize(
        lambda z: z[0] ** 2 + 2 * z[1] ** 2, start, method=method, constraints=constraint(p)
    ).x


def product_is(p):
    return [
        {"type": "eq", "fun": lambda z: z[0] * z[1] - p},
        {"type": "ineq", "fun": lambda z: z + 9},
    ]


def product_between(p):
    return optimize.NonlinearConstraint(lambda z: z[0] * z[1] - p, 0, 0)


CALLS = {
    "fsolve": lambda p: optimize.fsolve(system, [1.0, 1.0], args=(p,)),
    "fsolve of one": lambda p: optimize.fsolve(lambda z: z**2 - p, 1.0),
    "root": lambda p: optimize.root(system, [1.0, 1.0], args=(p,)).x,
    "root lm": lambda p: optimize.root(system, [1.0, 1.0], args=(p,), method="lm").x,
    "root krylov": lambda p: optimize.root(system, [1.0, 1.0], args=(p,), method="krylov").x,
    "newton": lambda p: optimize.newton(lambda z: z**3 - p * z - 1, 2.0),
    "newton of many": lambda p: optimize.newton(lambda z: z**3 - p * z, np.array([2.0, 3.0])),
    "root_scalar": lambda p: optimize.root_scalar(lambda z: z**3 - p * z - 1, x0=2.0).root,
    "root_scalar bracket": lambda p: optimize.root_scalar(lambda z: z**3 - p, bracket=(0, 3)).root,
    "least_squares": lambda p: optimize.least_squares(residuals, [0.5, 0.5], args=(p,)).x,
    "least_squares by name": lambda p: optimize.least_squares(
        residuals, [0.5, 0.5], kwargs={"p": p}, method="lm"
    ).x,
    "least_squares with a structure": lambda p: optimize.least_squares(
        lambda y: diffusing(y, p) - START, np.zeros(9), jac_sparsity=LINE
    ).x,
    "leastsq": lambda p: optimize.leastsq(residuals, [0.5, 0.5], args=(p,))[0],
    "curve_fit": fitted,
    "curve_fit with bounds": lambda p: fitted(
        p, p0=[1.0, 1.0], bounds=([0, 0], [5, 5]), sigma=1 + TIMES
    ),
    **{
        f"minimize {method}": lambda p, method=method: optimize.minimize(
            valley, [0.5, 0.5], args=(p,), method=method, tol=1e-7
        ).x
        for method in (None, "CG", "L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead")
    },
    "minimize, an equation": lambda p: constrained(p, None, product_is),
    "minimize, a constraint": lambda p: constrained(p, "trust-constr", product_between),
    "fmin_bfgs": lambda p: optimize.fmin_bfgs(valley, [0.5, 0.5], args=(p,), disp=0),
    "fmin_cg": lambda p: optimize.fmin_cg(valley, [0.5, 0.5], args=(p,), disp=0),
    "fmin_slsqp": lambda p: optimize.fmin_slsqp(valley, [0.5, 0.5], args=(p,), iprint=0),
    "Radau": lambda p: integrated(p, "Radau").y[:, -1],
    "BDF": lambda p: integrated(p, "BDF", t_eval=[0.0, 1.0, 2.0]).y,
    "LSODA": lambda p: integrated(p, "LSODA").y[:, -1],
    "RK45": lambda p: integrated(p, "RK45").y[:, -1],
    "in columns": lambda p: integrate.solve_ivp(
        in_columns, (0, 2), [p, 0.0], "BDF", vectorized=True, **EXACT
    ).y[:, -1],
    **{
        f"a structure, {method}": lambda p, method=method, more=more: integrate.solve_ivp(
            lambda t, y: diffusing(y, p), (0, 1), START, method, jac_sparsity=LINE, **more, **EXACT
        ).y[:, -1]
        for method, more in (("BDF", {}), ("Radau", {"vectorized": True}))
    },
    "an event": until_zero,
    "odeint": lambda p: integrate.odeint(
        lambda y, t: oscillator(t, y, p), [2.0, 0.0], TIMES[::5]
    ),
    "odeint, time first": lambda p: integrate.odeint(
        oscillator, [2.0, 0.0], TIMES[::5], args=(p,), tfirst=True
    ),
    **{
        f"ode, {name}": lambda p, name=name, options=options: (
            integrate.ode(oscillator).set_f_params(p)
            .set_integrator(name, **options).set_initial_value([2.0, 0.0]).integrate(1.0)
        )
        for name, options in (("lsoda", EXACT), ("vode", {"method": "bdf", **EXACT}))
    },
    "solve_bvp": lambda p: integrate.solve_bvp(
        lambda x, y: bent(x, y, p), lambda a, b: np.array([a[0], b[0]]), MESH, np.zeros((2, 5))
    ).sol(0.5),
    "solve_bvp for a parameter": vibrating,
}  # fmt: skip
# Where SciPy refuses the call as long as nobody gives the derivative.
REQUIRED = {
    "halley": lambda p: optimize.root_scalar(
        lambda z: z**3 - p * z - 1, x0=2.0, method="halley"
    ).root,
    **{
        method: lambda p, method=method: optimize.minimize(
            valley, [1.2, 1.5], args=(p,), method=method, tol=1e-9
        ).x
        for method in ("Newton-CG", "dogleg", "trust-ncg", "trust-krylov", "trust-exact")
    },
    "beside a gradient": lambda p: optimize.minimize(
        lambda z: (np.sum((z - p) ** 4 + z**2), 4 * (z - p) ** 3 + 2 * z),
        [0.5, 0.5], jac=True, method="trust-exact",
    ).x,
}  # fmt: skip
HOW = {"engine": "numpy", "on_fallback": "error"}


@pytest.mark.parametrize("name", CALLS)
def test_the_solution_and_its_derivative_are_those_without(name):
    f, p = CALLS[name], 1.3
    plain = f(p)
    found = autodiff.function(f, solver_jacobians=True, **HOW)(p)
    np.testing.assert_allclose(found, plain, rtol=2e-3 if "TNC" in name else 2e-5, atol=1e-7)
    slopes = autodiff.jacobian(f, **HOW)(p)
    handed = autodiff.jacobian(f, solver_jacobians=True, **HOW)(p)
    np.testing.assert_allclose(handed, slopes, rtol=1e-4, atol=1e-8)
    _, tangent = autodiff.jvp(f, (p,), (1.0,), solver_jacobians=True, **HOW)
    np.testing.assert_allclose(tangent, slopes, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_derivative_that_scipy_requires_is_there(name):
    f, p = REQUIRED[name], 1.3
    with pytest.raises(ValueError, match="required|specified"):
        autodiff.function(f, **HOW)(p)
    found = autodiff.function(f, solver_jacobians=True, **HOW)
    slope = autodiff.jacobian(f, solver_jacobians=True, **HOW)(p)
    np.testing.assert_allclose(slope, (found(p + 1e-4) - found(p - 1e-4)) / 2e-4, rtol=1e-3)


def evaluations(p):
    return optimize.root(system, [1.0, 1.0], args=(p,)).nfev


def test_fewer_evaluations_are_counted_natively_too():
    handed = autodiff.function(evaluations, solver_jacobians=True)
    assert handed(1.3) < autodiff.function(evaluations)(1.3) == evaluations(1.3)
    handed(1.4)
    assert len(handed.cache) == 1


def test_what_the_user_gives_stays():
    calls = []

    def f(p):
        def slopes(z):
            calls.append(1)
            return np.array([[2 * z[0]]])

        return optimize.root(lambda z: [z[0] ** 2 - p], [1.0], jac=slopes).x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        autodiff.function(f, solver_jacobians=True)(2.0)
    assert calls

    def by_differences(p):
        return optimize.least_squares(residuals, [0.5, 0.5], "3-point", args=(p,)).x

    found = autodiff.function(by_differences, solver_jacobians=True)(1.3)
    np.testing.assert_array_equal(found, autodiff.function(by_differences)(1.3))


def test_the_option_holds_for_functions_inside_and_of_the_function_around():
    inner = autodiff.function(evaluations, solver_jacobians=True)
    few, many = inner(1.3), evaluations(1.3)
    assert autodiff.function(lambda p: inner(p) + 100 * evaluations(p))(1.3) == few + 100 * many
    around = autodiff.function(
        lambda p: autodiff.function(evaluations)(p) + 100 * evaluations(p), solver_jacobians=True
    )
    assert around(1.3) == 101 * few


def test_a_function_that_cannot_be_differentiated_is_called_without():
    def f(p):
        return optimize.fsolve(lambda z: np.nextafter(z**2 - p, np.inf), [1.0])

    np.testing.assert_allclose(autodiff.function(f, solver_jacobians=True)(2.0), 2**0.5)


def test_the_option_is_kept_by_pickles_and_is_part_of_what_is_remembered():
    f = CALLS["fsolve"]
    assert autodiff.jvp(f, (1.3,), (1.0,), solver_jacobians=True)
    pickled = pickle.loads(pickle.dumps(autodiff.gradient(evaluations, solver_jacobians=True)))
    assert pickled._hands_jacobians
    with pytest.raises(autodiff.errors.NameArgumentError, match="solver_jacobians=1 is not known"):
        autodiff.function(f, solver_jacobians=1)
