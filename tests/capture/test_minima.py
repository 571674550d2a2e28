"""SciPy's minimisers in captured code: minima as SciPy's, derivatives of the point where the gradient vanishes."""

import warnings

import numpy as np
import pytest
import scipy.optimize as so

import autodiff
from autodiff.errors import DerivativeError, NoSolutionWarning

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
TIMES = np.linspace(0, 1, 8)
DATA = np.exp(-1.1 * TIMES) + 0.05 * np.cos(20 * TIMES)


def valley(z, a):
    return (z[0] - a) ** 2 + (z[1] - z[0] * a) ** 2 + 0.1 * z[1] ** 4


# Each is a function of a number near 1.3.
def by_method(method, **options):
    return lambda a: so.minimize(
        lambda z: (z[0] - a) ** 2 + (z[1] - z[0] * a) ** 2 + 0.1 * z[1] ** 4,
        [0.5, 0.5],
        method=method,
        **options,
    ).x[1]


def gradient_beside_the_objective(a):
    def f(z):
        r = z - np.array([a, a**2])
        return np.sum(r**2) + np.sum(r**4), 2 * r + 4 * r**3

    found = so.minimize(f, [0.0, 0.0], jac=True)
    return found.x[1] * found.x[0] + found.fun


def gradient_by_autodiff(a):
    def f(z):
        return valley(z, a)

    slope, curvature = autodiff.gradient(f), autodiff.hessian(f)
    return so.minimize(f, [0.5, 0.5], method="Newton-CG", jac=slope, hess=curvature).x[1]


def curved_along_a_direction(a):
    def product(z, direction, p):
        return autodiff.hessian(lambda z: valley(z, p))(z) @ direction

    given = {"jac": lambda z, p: autodiff.gradient(lambda z: valley(z, p))(z), "hessp": product}
    one = so.minimize(valley, [0.5, 0.5], (a,), "Newton-CG", **given)
    other = so.minimize(valley, [0.5, 0.5], (a,), "trust-ncg", **given)
    return one.x[1] + other.x[0]


def the_value_at_the_minimum(a):
    found = so.minimize(lambda z: np.sum((z - a) ** 2) + a * np.sum(z**2), np.ones(2))
    return found.fun if found.success else 0.0


def by_arguments(a):
    return so.minimize(valley, [0.1, 0.2], args=(a,)).x[0] + so.minimize(
        lambda z, p: (z[0] - p) ** 2 + np.exp(z[0]), 0.0, args=a
    ).x[0]  # fmt: skip


def held_by_bounds(a):
    found = so.minimize(
        lambda z: (z[0] - a) ** 2 + (z[1] + z[0] - 3 * a) ** 2,
        [0.0, 0.0],
        bounds=[(0, 1.0), (None, a * 1.5)],
    )
    return found.x[0] + 2 * found.x[1] + found.fun


def bounds_that_hold_nothing(a):
    return so.minimize(lambda z: valley(z, a), [0.5, 0.5], bounds=[(-9, 9), (-9, None)]).x[1]


def golden_section(a):
    return so.minimize_scalar(lambda z: (z - a) ** 2 + 0.1 * z**4, method="golden").x


def brent(a):
    found = so.minimize_scalar(lambda z, b: (z - b) ** 2 + 0.1 * z**4, args=(a,), bracket=(0, 1))
    return found.x + found.fun


def bounded(a):
    found = so.minimize_scalar(
        lambda z: (z - a) ** 2 + 0.1 * z**4, bounds=(0, 3 * a), method="bounded"
    )
    return found.x * found.nfev / found.nfev


def bounded_and_held(a):
    return so.minimize_scalar(lambda z: (z - 5 * a) ** 2, bounds=(0, a), method="bounded").x


def least_squares(a):
    found = so.least_squares(lambda p: p[0] * np.exp(-p[1] * TIMES * a) - DATA, [1.0, 1.0])
    return found.x[1] + found.cost + np.sum(found.fun**2)


def least_squares_with_a_jacobian(a):
    def residuals(p, b):
        return p[0] * np.exp(-p[1] * TIMES * b) - DATA

    def slopes(p, b):
        e = np.exp(-p[1] * TIMES * b)
        return np.stack([e, -p[0] * TIMES * b * e], axis=1)

    return so.least_squares(residuals, [1.0, 1.0], jac=slopes, args=(a,), method="lm").x[1]


def least_squares_held_by_a_bound(a):
    return so.least_squares(
        lambda p: p[0] * np.exp(-p[1] * TIMES) - DATA, [0.5, 1.0], bounds=([0, 0.5], [0.7 * a, np.inf])
    ).x.sum()  # fmt: skip


def robust(loss):
    return lambda a: so.least_squares(
        lambda p: p[0] * np.exp(-p[1] * TIMES * a) - DATA * a, [1.0, 1.0], loss=loss, f_scale=0.5
    ).x[1]  # fmt: skip


def fit(a):
    best, _ = so.curve_fit(
        lambda t, amplitude, rate: amplitude * np.exp(-rate * t),
        TIMES,
        DATA * a + TIMES,
        p0=[1.0, 1.0],
    )
    return best[0] * best[1]


def fit_with_weights_and_bounds(a):
    def model(t, amplitude, rate):
        return amplitude * np.exp(-rate * t)

    best, _ = so.curve_fit(
        model, TIMES * a, DATA, p0=(1.0, 1.0), sigma=0.1 + TIMES * a, bounds=(0, [3.0, 5.0])
    )
    return best[1]


def exponential(t, amplitude, rate):
    return amplitude * np.exp(-rate * t)


def fit_without_a_start(a):
    free, _ = so.curve_fit(exponential, TIMES, DATA * a)
    bounded, _ = so.curve_fit(exponential, TIMES, DATA * a, bounds=([0, 0], [3, 4]))
    return free[0] * bounded[1] + so.curve_fit(lambda t, b, c: b + c * t, TIMES, DATA * a)[0][1]


def leastsq(a):
    x, flag = so.leastsq(
        lambda p, b: p[0] * np.exp(-p[1] * TIMES) - DATA * b, [1.0, 1.0], args=(a,)
    )
    return x[0] * x[1] if flag in (1, 2, 3, 4) else 0.0


BOUNDS = so.Bounds([0, 0], [1, 5])


def bounds_as_objects(a):
    made = so.minimize(
        lambda z: np.sum((z - a) ** 2), [0.5, 0.5], bounds=so.Bounds([-1, 0.5], [np.inf, 1.2])
    )
    found = so.minimize(lambda z: np.sum((z - a) ** 2), [0.5, 0.5], bounds=BOUNDS)
    return found.x @ np.array([1.0, 2.0]) + made.x @ np.array([3.0, 4.0])


def held_by_an_equation(a):
    return so.minimize(
        lambda z: (z[0] - a) ** 2 + (z[1] - 1) ** 2 + 0.1 * z[0] ** 4,
        [0.5, 0.5],
        constraints=[{"type": "eq", "fun": lambda z: z[0] - a * z[1] ** 2}],
    ).x @ np.array([1.0, 2.0])


def held_by_an_inequality(a):
    found = so.minimize(
        lambda z: np.sum((z - a) ** 2),
        np.full(3, 0.3),
        constraints={"type": "ineq", "fun": lambda z: 1.0 - np.sum(z * z) * a},
    )
    return found.x @ np.array([1.0, 2.0, 3.0]) + found.fun


def held_by_some_of_several_constraints(a):
    return so.minimize(
        lambda z: np.sum((z - np.array([a, 2 * a, 0.5])) ** 2),
        np.full(3, 0.3),
        constraints=(
            {"type": "ineq", "fun": lambda z, b: np.array([b - z[0], 5.0 - z[1]]), "args": (1.0,)},
            {"type": "eq", "fun": lambda z: z[1] + z[2] ** 2 - 2 * a},
        ),
    ).x @ np.array([1.0, 2.0, 3.0])


def assignment(a):
    costs = np.array([[4.0, 1, 3], [2, 0, 5], [3, 2, 2]]) * a + a**2 * np.eye(3)
    rows, columns = so.linear_sum_assignment(costs)
    return costs[rows, columns].sum()


def in_a_loop(a):
    total = 0.0
    for k in range(3):
        found = so.minimize(
            lambda z: (z[0] - a * k) ** 2 + 0.1 * z[0] ** 4 + total * z[0] * 0.1, [0.1]
        )
        total += found.x[0] + 0.1 * found.fun
    return total


def on_the_last_digit(a):
    """Searches that stop where rounding is all that is left, and say that they have not succeeded."""
    total, calls = 0.0, 0
    for k in range(8):
        found = so.minimize(
            lambda z: (z[0] - a) ** 2 + z[0] ** 4 * (1.0 + 0.1 * k), [0.5], tol=1e-13
        )
        total += found.x[0] if found.success or found.status == 2 else 7.0 * a
        calls += found.nfev > 0
    return total + calls


def fits_of_which_nobody_reads_the_errors(a):
    start, total = [1.0, 1.0], 0.0
    for k in range(6):
        data = DATA * a + 0.05 * k * a**2 * TIMES
        found, errors = so.curve_fit(
            lambda t, p, q: p * np.exp(-q * t), TIMES, data, start, xtol=1e-14
        )
        total = total + found[0] * found[1]
        start = found
    return total


def that_say_why(a):
    tight = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}
    total, steps = 0.0, 0
    for k in range(8):
        found = so.minimize_scalar(lambda z: (z - a * k) ** 2 + 0.1 * z**4)
        fit = so.least_squares(lambda z: np.array([z[0] - a, k * z[0] ** 2]), [1.0], **tight)
        if not found.success or fit.status <= 0:
            raise RuntimeError(f"{found.message} and {fit.message}")
        total += found.x * fit.x[0]
        steps += (found.nit > 0) + (fit.nfev > 0) + (found.nfev > 0)
    return total + steps


def inside_of_a_root(a):
    def miss(b):
        return so.minimize_scalar(lambda z: (z - b) ** 2 + 0.1 * z**4).x - a

    return so.brentq(miss, 0, 5)


def on_a_branch(a):
    if a > 1:
        return so.minimize(lambda z: (z[0] - a) ** 2 + z[0] ** 4, [0.0]).x[0]
    return a


def held_by_constraints_and_bounds(a):
    """One constraint and one moving bound hold; other bounds do not."""
    found = so.minimize(
        lambda z: np.sum((z - np.array([2.0, 3.0, 1.0]) * a) ** 2) + z[0] * z[1],
        [0.5, 0.5, 0.5],
        bounds=[(0.0, 9.0), (None, 0.4 * a), (-1.0, None)],
        constraints=[{"type": "eq", "fun": lambda z: z[0] + z[1] + z[2] - 2 * a}],
        options={"ftol": 1e-14},
    )
    return found.x[0] * found.x[1] + found.fun


def linear_constraints(a):
    """One that moves, with a matrix that moves, one that is an equation, and one made outside."""
    found = so.minimize(
        lambda z: np.sum((z - 2 * a) ** 2) + z[0] ** 4,
        [0.5, 0.4, 0.3],
        constraints=[
            so.LinearConstraint(np.array([[a, 1.0, 0.0], [1.0, -1.0, 0.0]]), [-9.0, -9.0], 0.8),
            so.LinearConstraint([1.0, 1.0, 1.0], 1.5 * a, 1.5 * a),
            WIDE,
        ],
        options={"ftol": 1e-14},
    )
    return found.x[0] * found.x[1] + found.x[2]


WIDE = so.LinearConstraint(np.eye(3), -10.0, [10.0, np.inf, 10.0])


def nonlinear_constraints(a):
    def objective(z):
        return (z[0] - a) ** 2 + (z[1] - 2.0) ** 2

    circle = so.NonlinearConstraint(lambda z: z[0] ** 2 + a * z[1] ** 2, -np.inf, 1.0)
    first = so.minimize(objective, [0.2, 0.3], constraints=circle, options={"ftol": 1e-14}).x
    between = so.NonlinearConstraint(
        lambda z: np.array([z[0] * z[1], z[0]]),
        np.array([0.1, 0.0]),
        np.array([0.5 * a, 9.0]),
        jac=lambda z: np.array([[z[1], z[0]], [1.0, 0.0]]),
    )
    second = so.minimize(
        objective, [0.4, 0.5], bounds=so.Bounds([0.0, 0.1], [9.0, a]), constraints=[between],
        options={"ftol": 1e-14},
    ).x  # fmt: skip
    return first[0] * first[1] + second[0]


def bounds_that_move(a):
    box = so.Bounds([-1.0, 0.0], [0.5 * a, 9.0])
    found = so.minimize(lambda z: np.sum((z - 2) ** 2) + z[0] * z[1], [0.1, 0.2], bounds=box)
    return found.x[0] * found.x[1]


def constraints_with_jacobians(a):
    found = so.minimize(
        lambda z: np.sum((z - a) ** 2) + z[0] ** 4,
        [0.5, 0.5],
        jac=lambda z: 2 * (z - a) + np.array([4 * z[0] ** 3, 0.0]),
        constraints=[
            {"type": "eq", "fun": lambda z: z[0] - 2 * z[1] ** 2 + a / 9,
             "jac": lambda z: np.array([1.0, -4 * z[1]])},
            {"type": "ineq", "fun": lambda z: np.array([5.0 - z[0]]),
             "jac": lambda z: np.array([[-1.0, 0.0]])},
        ],
        options={"ftol": 1e-14},
    )  # fmt: skip
    return found.x[0] * found.x[1]


def older_names(a):
    def objective(z, c):
        return (z[0] - c) ** 2 + z[0] ** 4 + (z[1] - z[0]) ** 2

    def slope(z, c):
        first = 2 * (z[0] - c) + 4 * z[0] ** 3 - 2 * (z[1] - z[0])
        return np.array([first, 2 * (z[1] - z[0])])

    x = so.fmin(objective, [0.1, 0.2], (a,), xtol=1e-8, ftol=1e-14, disp=0)
    y = so.fmin_bfgs(objective, [0.1, 0.2], slope, (a,), gtol=1e-9, disp=0)
    z = so.fmin_cg(objective, [0.1, 0.2], slope, (a,), gtol=1e-9, disp=0)
    return x[0] * y[1] + so.fmin_ncg(objective, [0.1, 0.2], slope, args=(a,), disp=0)[0] + z[0]


def along_a_line(a):
    def objective(z, c):
        return (z - c) ** 2 + 0.1 * z**4

    x = so.fminbound(objective, -a, 3.0, (a,), xtol=1e-9)
    return x * so.brent(objective, (a,)) + so.golden(objective, (a,), tol=1e-10)


def all_that_older_names_tell(a):
    """The minimum, its value, and a flag that the search went well."""

    def objective(z, c):
        return (z[0] - c) ** 2 + z[0] ** 4 + (z[1] - z[0]) ** 2

    total = 0.0
    for search, options in (
        (so.fmin, {"xtol": 1e-9, "ftol": 1e-15}), (so.fmin_powell, {"xtol": 1e-9, "ftol": 1e-15}),
        (so.fmin_cg, {"gtol": 1e-9}), (so.fmin_bfgs, {"gtol": 1e-9}),
    ):  # fmt: skip
        found = search(objective, [0.1, 0.2], args=(a,), disp=0, full_output=True, **options)
        total = total + found[0][0] + found[1] + 0 * found[-1]

    def of_one(z, c):
        return (z - c) ** 2 + 0.1 * z**4

    for search, options in (
        (so.brent, {}), (so.golden, {"tol": 1e-11}), (so.fminbound, {"x1": -3, "x2": 3, "xtol": 1e-11}),
    ):  # fmt: skip
        x, value, *_ = search(of_one, args=(a,), full_output=True, **options)
        total = total + x * value
    return total


def older_names_with_bounds(a):
    def objective(z):
        return (z[0] - a) ** 2 + a * z[1] ** 2 + z[0] * z[1]

    def slope(z):
        return np.array([2 * (z[0] - a) + z[1], 2 * a * z[1] + z[0]])

    tight = {"factr": 10.0, "pgtol": 1e-10}
    x, value, _ = so.fmin_l_bfgs_b(objective, [0.1, 0.2], approx_grad=True, **tight)
    y, _, _ = so.fmin_l_bfgs_b(objective, [0.1, 0.2], fprime=slope, **tight)
    box = [(None, 0.9), (-5, 5)]
    z, held, _ = so.fmin_l_bfgs_b(
        lambda z: (objective(z), slope(z)), [0.1, 0.2], bounds=box, **tight
    )
    w, _, _ = so.fmin_tnc(objective, [0.1, 0.2], fprime=slope, disp=0, ftol=1e-15, pgtol=1e-10)
    return x[0] * value + y[1] + z[1] * held + w[0]


MOMENTS = np.linspace(0, 2, 9)
EXACT = {"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14}


def decay(t, p, q):
    return p * np.exp(-q * t)


def decays(t, p, q):
    return np.stack([np.exp(-q * t), -p * t * np.exp(-q * t)], axis=1)


def measured(a):
    return np.exp(-a * MOMENTS) + 0.02 * np.cos(9 * MOMENTS)


def fit_with_correlated_errors(a):
    errors = np.eye(9) + 0.1 * a * np.ones((9, 9))
    popt, _ = so.curve_fit(decay, MOMENTS, measured(a), p0=[1, 1], sigma=errors, **EXACT)
    return popt[0] * popt[1]


def fit_with_a_jacobian(a):
    popt, _, _, _, flag = so.curve_fit(
        decay, MOMENTS, measured(a), p0=[1, 1], jac=decays, full_output=True, **EXACT
    )
    return popt[0] * popt[1] * (1.0 if flag in (1, 2, 3, 4) else np.nan)


def fit_with_a_loss(a):
    popt, _ = so.curve_fit(
        decay, MOMENTS, measured(a), p0=[1, 1], method="trf", loss="soft_l1", f_scale=0.3, **EXACT
    )
    return popt[0] * popt[1]


SCALE, LOSS = 0.3, "soft_l1"


def fit_with_a_loss_from_outside(a):
    popt, _ = so.curve_fit(
        decay, MOMENTS, measured(a), p0=[1, 1], method="trf", loss=LOSS, f_scale=SCALE, **EXACT
    )
    return popt[0] * popt[1]


def residuals_by_names(a):
    def residuals(z, y, scale):
        return scale * (decay(MOMENTS, *z) - y)

    def slopes(z, y, scale):
        return scale * decays(MOMENTS, *z)

    found = so.least_squares(
        residuals, [1.0, 1.0], args=(measured(a),), kwargs={"scale": a}, jac=slopes, **EXACT
    )
    return found.x[0] * found.x[1] + found.cost


def leastsq_with_a_jacobian(a):
    def residuals(z, y):
        return decay(MOMENTS, *z) - y

    given = {"args": (measured(a),), "ftol": 1e-14, "xtol": 1e-14}
    x, _ = so.leastsq(residuals, [1.0, 1.0], Dfun=lambda z, y: decays(MOMENTS, *z), **given)
    y, _, _, _, _ = so.leastsq(
        residuals, [1.0, 1.0], Dfun=lambda z, y: decays(MOMENTS, *z).T, col_deriv=True,
        full_output=True, **given,
    )  # fmt: skip
    return x[0] * y[1]


MINIMA = {
    **{
        f.__name__: f
        for f in (
            gradient_beside_the_objective, gradient_by_autodiff, the_value_at_the_minimum,
            curved_along_a_direction,
            by_arguments, held_by_bounds, bounds_that_hold_nothing, golden_section, brent, bounded,
            bounded_and_held, least_squares, least_squares_with_a_jacobian,
            least_squares_held_by_a_bound, fit, fit_with_weights_and_bounds, fit_without_a_start, leastsq, bounds_as_objects,
            held_by_an_equation, held_by_an_inequality, held_by_some_of_several_constraints,
            assignment, in_a_loop, on_the_last_digit, that_say_why,
            fits_of_which_nobody_reads_the_errors,
            inside_of_a_root, on_a_branch, held_by_constraints_and_bounds,
            constraints_with_jacobians, linear_constraints, nonlinear_constraints, bounds_that_move,
            older_names, along_a_line, all_that_older_names_tell, older_names_with_bounds,
            fit_with_correlated_errors, fit_with_a_jacobian, fit_with_a_loss, fit_with_a_loss_from_outside,
            residuals_by_names,
            leastsq_with_a_jacobian,
        )
    },
    **{loss: robust(loss) for loss in ("soft_l1", "huber", "cauchy", "arctan")},
    **{m: by_method(m) for m in ("Nelder-Mead", "Powell", "CG", "BFGS", "L-BFGS-B", "TNC")},
    **{m: by_method(m) for m in ("COBYLA", "SLSQP", "trust-constr")},
}  # fmt: skip
FAST = (
    "gradient_beside_the_objective", "held_by_bounds", "brent", "bounded_and_held", "least_squares",
    "fit", "assignment", "in_a_loop", "L-BFGS-B", "held_by_some_of_several_constraints",
    "linear_constraints",
)  # fmt: skip
# Minimisers that stop by comparing values of the objective are as good as the root of its rounding error.
ROUGH = {
    "linear_constraints": 1e-5, "nonlinear_constraints": 1e-5,
    "held_by_constraints_and_bounds": 1e-5, "older_names": 1e-5,
    "all_that_older_names_tell": 1e-5, "older_names_with_bounds": 1e-5,
    "held_by_an_equation": 1e-5, "held_by_an_inequality": 1e-5,
    "held_by_some_of_several_constraints": 1e-5, "Nelder-Mead": 1e-4, "COBYLA": 1e-3, "TNC": 1e-4, "SLSQP": 1e-4,
}  # fmt: skip
ALL = pytest.mark.parametrize(
    ("engine", "name"),
    [
        pytest.param(engine, name, marks=() if name in FAST else pytest.mark.slow)
        for name in MINIMA
        for engine in ("native", *(["numpy"] if name in FAST[1:5] else []))
    ],
)


ALL_SECOND = pytest.mark.parametrize(
    ("engine", "name"),
    [
        pytest.param(
            "native", name, marks=() if name in ("held_by_bounds", "fit") else pytest.mark.slow
        )
        for name in MINIMA
    ],
)


def difference(f, x, step=1e-2):
    """The derivative by five points."""
    near = f(x + step) - f(x - step)
    return (8 * near - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


@ALL
def test_values_are_those_of_scipy_and_derivatives_those_of_the_minimum(engine, name):
    f, a = MINIMA[name], 1.3
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(f, engine=engine, on_fallback="error")
    error = ROUGH.get(name, 2e-6)
    assert np.isclose(slope(a), difference(f, a, 0.05), rtol=max(200 * error, 3e-4))
    value, forward = autodiff.jvp(compiled, (a,), (2.0,))
    assert np.isclose(forward, 2 * slope(a), rtol=1e-7)
    assert np.isclose(value, f(a), rtol=error)
    for x in (a, 1.01 * a, 1.02 * a, 1.03 * a):
        found, right = compiled(x), f(x)
        assert type(found) is type(right)
        assert np.isclose(found, right, rtol=error)
        slope(x)
    assert len(slope.cache) == 1


@ALL_SECOND
def test_second_derivatives_are_those_of_differences_of_the_first(engine, name):
    f, a = MINIMA[name], 1.3
    curvature = autodiff.hessian(f, engine=engine)(a)
    expected = difference(autodiff.gradient(f, engine=engine), a, 1e-2)
    assert np.isclose(curvature, expected, rtol=1e-3, atol=1e-4)
    found = autodiff.hessian_vector(f, engine=engine)(a, _tensors=1.0)
    assert np.isclose(found, curvature, rtol=1e-6, atol=1e-8)


# -- closed forms ---------------------------------------------------------------------------------------------
@ENGINES
@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead", "L-BFGS-B"])
def test_a_quadratic_in_closed_form(engine, method):
    """The derivative is better than the minimum, which is as good as the method's tolerance."""

    def found(m, b):
        return so.minimize(lambda z: 0.5 * z @ m @ z - b @ z, np.zeros(2), method=method).x

    def exact(m, b):
        return np.linalg.solve(0.5 * (m + m.T), b)

    m, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, -0.7])
    for a, right in zip(
        autodiff.jacobian(found, engine=engine)(m, b), autodiff.jacobian(exact)(m, b), strict=True
    ):
        assert np.allclose(a, right, rtol=1e-9, atol=1e-10)


@ENGINES
def test_a_linear_fit_in_closed_form(engine):
    design = np.stack([np.ones(8), TIMES], axis=1)

    def found(y):
        return so.curve_fit(lambda t, a, b: a + b * t, TIMES, y, p0=[0.0, 0.0])[0]

    jacobian = autodiff.jacobian(found, engine=engine)(DATA)
    assert np.allclose(jacobian, np.linalg.pinv(design), rtol=1e-9, atol=1e-10)


@ENGINES
def test_the_value_at_a_minimum_moves_as_the_objective(engine):
    """The envelope theorem."""

    def found(a):
        return so.minimize(lambda z: np.sum((z - a) ** 2) + a[0] * np.sum(z**2), np.ones(3)).fun

    a = np.array([0.5, 1.0, -2.0])
    z = a / (1 + a[0])
    right = 2 * (a - z) + np.array([np.sum(z**2), 0, 0])
    assert np.allclose(autodiff.gradient(found, engine=engine)(a), right, rtol=1e-6, atol=1e-6)


@ENGINES
@pytest.mark.parametrize("options", [{}, {"sigma": np.array([0.5])}, {"method": "trf"}])
def test_one_number_as_the_data_of_a_fit_stands_for_all_of_them(engine, options):
    """The closed form: the data is y times a vector of ones."""
    design = np.stack([np.ones(8) + TIMES, TIMES**2], axis=1)

    def found(y):
        return so.curve_fit(
            lambda t, a, b: a + a * t + b * t**2, TIMES, y, p0=[1.0, 1.0], **options
        )[0]

    y = np.array([2.0])
    value = autodiff.function(found, engine=engine, on_fallback="error")(y)
    assert np.allclose(value, found(y), rtol=1e-12)
    slope = autodiff.jacobian(found, engine=engine, on_fallback="error")(y)
    right = np.linalg.pinv(design) @ np.ones((8, 1))
    assert np.allclose(slope, right, rtol=1e-6, atol=1e-8)


# What a barrier method is kept from, and the slope of x[0] + 3 x[1] by the place of the free minimum.
SIZE = np.hypot(1.3, 2)
BARRIERS = {
    "a plane": (lambda: {"constraints": so.LinearConstraint([[1, 1]], -np.inf, 1)}, -1.0),
    "both bounds": (lambda: {"bounds": [(-5, 1), (-5, 1)]}, 0.0),
    "one bound": (lambda: {"bounds": [(-5, 5), (-5, 1)]}, 1.0),
    "far bounds": (lambda: {"bounds": [(-5, 5), (-5, 5)]}, 1.0),
    "a bound and a far plane": (
        lambda: {
            "bounds": [(-5, 1), (-5, 5)],
            "constraints": so.LinearConstraint([[1, 1]], -np.inf, 9),
        },
        0.0,
    ),
    "an equation and a bound": (
        lambda: {"bounds": [(0, 5), (0, 5)], "constraints": so.LinearConstraint([[1, 1]], 1, 1)},
        -1.0,
    ),
    "a circle": (
        lambda: {"constraints": so.NonlinearConstraint(lambda z: z @ z, -np.inf, 1.0)},
        1 / SIZE - 1.3 * (1.3 + 6) / SIZE**3,  # the point (a, 2) moved onto it
    ),
}


@ENGINES
@pytest.mark.parametrize("name", BARRIERS)
def test_a_barrier_method_stops_inside_of_what_holds_the_minimum(engine, name, recwarn):
    options, slope = BARRIERS[name]

    def place(a):
        return so.minimize(
            lambda z: (z[0] - a) ** 2 + (z[1] - 2) ** 2,
            [0.0, 0.0],
            method="trust-constr",
            **options(),
        ).x @ np.array([1.0, 3.0])

    found = autodiff.gradient(place, engine=engine, on_fallback="error")(1.3)
    assert np.isclose(found, slope, rtol=1e-4, atol=1e-6)
    assert not [w for w in recwarn if issubclass(w.category, NoSolutionWarning)]


@ENGINES
@pytest.mark.parametrize("kind", ["bounds", "constraints"])
def test_a_barrier_that_hardly_holds_is_an_error(engine, kind):
    def place(a):
        held = so.Bounds(-5, 1.3) if kind == "bounds" else so.LinearConstraint([[1, 0]], -5, 1.3)
        return so.minimize(
            lambda z: np.sum((z - a) ** 2), [0.0, 0.0], method="trust-constr", **{kind: held}
        ).x[0]

    with pytest.raises(DerivativeError, match="AD305"):
        autodiff.gradient(place, engine=engine)(1.3)


# -- what is no minimum, or no smooth one ------------------------------------------------------------------------
def stopped_early(a):
    return so.minimize(
        lambda z: 100 * (z[1] - z[0] ** 2) ** 2 + (a - z[0]) ** 2,
        [-1.0, 1.0],
        options={"maxiter": 3},
    ).x[0]


def with_a_kink(a):
    return so.minimize_scalar(lambda z: abs(z - a) + 0.1 * z * z).x


@ENGINES
@pytest.mark.parametrize("f", [stopped_early, with_a_kink])
def test_a_derivative_where_the_gradient_is_not_zero_says_so(engine, f):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isclose(autodiff.function(f, engine=engine)(1.3), f(1.3), rtol=1e-6)
    with pytest.warns(autodiff.errors.NoSolutionWarning) as caught:
        autodiff.gradient(f, engine=engine)(1.3)
    text = str(caught[-1].message)
    assert text.startswith("scipy.optimize.minimize") and "test_minima.py, line " in text
    assert "stopped where the gradient of the objective is not zero" in text
    assert caught[-1].filename == __file__


NOT_SMOOTH = {
    "a flat valley": (
        lambda a: so.minimize(lambda z: (z[0] - a) ** 2, [0.0, 1.0]).x[0],
        "at the solution, the second derivative of the objective by its unknown is singular.",
    ),
    "a constraint that does not hold": (
        lambda a: so.minimize(
            lambda z: np.sum((z - a) ** 2),
            [0.3],
            constraints={"type": "ineq", "fun": lambda z: 1.3 - z},
        ).x[0],
        "the solution is at a constraint that does not hold it, so it moves in one direction only.",
    ),
    "a bound that does not hold": (
        lambda a: so.minimize(lambda z: (z[0] - (a - 1.3)) ** 2, [0.5], bounds=[(0, 1)]).x[0],
        "the solution is at a bound that does not hold it, so it moves in one direction only.",
    ),
}


@ENGINES
@pytest.mark.parametrize("name", NOT_SMOOTH)
def test_a_minimum_that_does_not_move_smoothly_has_no_derivative(engine, name):
    f, text = NOT_SMOOTH[name]
    assert np.isclose(autodiff.function(f, engine=engine)(1.3), f(1.3), atol=1e-7)
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(f, engine=engine)(1.3)
    first, where, *_ = str(caught.value).split("\n")
    assert first == f"AD305: scipy.optimize.minimize has no derivative here: {text}"
    assert "test_minima.py, line " in where


def with_a_callback(a):
    seen = []
    return so.minimize(lambda z: (z[0] - a) ** 2, [0.0], callback=lambda x: seen.append(1)).x[0]


@ENGINES
@pytest.mark.parametrize("f", [with_a_callback])
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_what_is_out_of_reach_has_its_value_and_no_derivative(engine, f):
    assert autodiff.function(f, engine=engine)(1.3) == f(1.3)
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(f, engine=engine)(1.3)
    assert str(caught.value).startswith("AD302: scipy.optimize.minimize has no derivative")


@ENGINES
def test_unknowns_of_any_number(engine):
    def f(w):
        found = so.least_squares(lambda z: np.concatenate([z - w, 0.1 * z**2]), np.zeros(len(w)))
        other = so.minimize(lambda z: np.sum((z - w) ** 2) + 0.1 * np.sum(z**4), np.zeros(len(w)))
        return np.sum(found.x**2) + found.cost + np.sum(other.x)

    def exact(w):
        z = so.brentq(lambda z: z + 0.02 * z**3 - w, 0, 5, xtol=1e-14)
        u = so.brentq(lambda u: 2 * (u - w) + 0.4 * u**3, 0, 5, xtol=1e-14)
        return 2 * z / (1 + 0.06 * z**2) + (w - z) + 2 / (2 + 1.2 * u**2)

    slope = autodiff.gradient(f, engine=engine)
    for n in (2, 3, 4):
        w = np.arange(1.0, n + 1) / 2
        assert np.allclose(slope(w), [exact(x) for x in w], rtol=1e-5)
    assert len(slope.cache) == 2


@ENGINES
def test_bounds_from_outside_are_read_at_every_call(engine):
    compiled = autodiff.function(bounds_as_objects, engine=engine, on_fallback="error")
    before = compiled(1.3)
    BOUNDS.ub = np.array([2.0, 5.0])
    try:
        assert np.isclose(compiled(1.3), bounds_as_objects(1.3), rtol=1e-6)
        assert np.isclose(autodiff.gradient(bounds_as_objects, engine=engine)(1.3), 1 + 2 + 3)
        assert compiled(1.3) != before
    finally:
        BOUNDS.ub = np.array([1.0, 5.0])


@ENGINES
def test_results_beside_the_minimum_have_no_derivative(engine):
    def f(a):
        return so.minimize(lambda z: (z[0] - a) ** 2, [0.0]).hess_inv[0, 0] + a

    expected = (
        "AD301: scipy.optimize.minimize has a derivative by its solution, not by its 'hess_inv'."
    )
    for derivative in (
        lambda: autodiff.gradient(f, engine=engine)(2.0),
        lambda: autodiff.jvp(autodiff.function(f, engine=engine), (2.0,), (1.0,)),
    ):
        with pytest.raises(autodiff.DerivativeError) as caught:
            derivative()
        assert str(caught.value).split("\n")[0] == expected


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_parts_of_a_result_that_are_no_arrays_are_those_of_scipy(engine):
    def f(a):
        return so.minimize(lambda z: (z[0] - a) ** 2, [0.5], method="L-BFGS-B").hess_inv.todense()[
            0, 0
        ]

    def whole(a):
        return so.minimize(lambda z: (z[0] - a) ** 2, [0.0])

    assert autodiff.function(f, engine=engine)(1.3) == f(1.3)
    found, right = autodiff.function(whole, engine=engine)(1.3), whole(1.3)
    assert type(found) is type(right) and str(found) == str(right)


def raises_far_away(a):
    def f(z):
        if z[0] > 0.5:
            raise KeyError("far")
        return (z[0] - a) ** 2

    return so.minimize(f, [0.0]).x[0]


def from_a_matrix(a):
    return so.minimize(lambda z: np.sum((z - a) ** 2), np.zeros((2, 2))).x[0]


def outside_of_bounds(a):
    return so.least_squares(lambda z: z - a, [3.0], bounds=(0, 1)).x[0]


@ENGINES
@pytest.mark.parametrize("f", [raises_far_away, from_a_matrix, outside_of_bounds])
@pytest.mark.parametrize("way", [autodiff.function, autodiff.gradient])
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_exceptions_are_those_of_the_plain_call(engine, f, way):
    with pytest.raises(Exception) as plain:  # noqa: B017, PT011 - whatever it is
        f(1.3)
    with pytest.raises(type(plain.value)) as caught:
        way(f, engine=engine)(1.3)
    assert type(caught.value) is type(plain.value)
    assert str(caught.value) == str(plain.value)


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_texts_of_results_are_those_of_each_call(engine):
    def f(a):
        found = so.minimize(lambda z: (z[0] - a) ** 2 + 1e-9 * z[0] ** 4, [1.3], method="L-BFGS-B")
        return f"{found.message} {found.x[0] > 1}"

    compiled = autodiff.function(f, engine=engine)
    for a in (1.3, 2.0, 1e6, 1.3, 2.0):
        assert compiled(a) == f(a)


@ENGINES
def test_what_a_search_in_a_loop_says_is_known_where_it_is_said(engine):
    def f(a, tol, catch):
        total, said = 0.0, ""
        for k in range(20):
            found = so.minimize(lambda z: (z[0] - a - k) ** 2 + z[0] ** 4, [0.5], tol=tol)
            try:
                if not found.success:
                    raise ValueError(f"no minimum: {found.message}")
                total = total + found.x[0]
            except ValueError as error:
                if not catch:
                    raise
                said += str(error)
        return total + len(said)

    for way in (autodiff.function, autodiff.gradient):
        compiled = way(f, wrt="a", engine=engine) if way is autodiff.gradient else way(f)
        with pytest.raises(ValueError, match="no minimum: Desired error not necessarily achieved"):
            compiled(1.3, 1e-14, False)
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    assert np.isclose(compiled(1.3, 1e-5, False), f(1.3, 1e-5, False), rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        assert autodiff.function(f, engine=engine)(1.3, 1e-14, True) > 20


@ENGINES
def test_a_search_that_fails_may_raise_its_message(engine):
    def f(a):
        found = so.minimize(lambda z: (z[0] - a) ** 2 + z[0] ** 4, [0.0], options={"maxiter": 20})
        if not found.success:
            raise RuntimeError(f"no minimum: {found.message}")
        return found.x[0]

    assert np.isclose(autodiff.function(f, engine=engine)(1.3), f(1.3), rtol=1e-6)
    assert np.isclose(autodiff.gradient(f, engine=engine)(1.3), difference(f, 1.3), rtol=1e-4)


@ENGINES
@pytest.mark.parametrize("maximize", [False, True])
def test_an_assignment_is_that_of_scipy_and_constant(engine, maximize):
    def f(costs):
        rows, columns = so.linear_sum_assignment(costs, maximize=maximize)
        return np.sum(costs[rows, columns] ** 2), rows, columns

    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    rng = np.random.default_rng(7)
    for shape in ((3, 3), (2, 4), (4, 2), (5, 5)):
        costs = rng.normal(size=shape)
        for found, right in zip(compiled(costs), f(costs), strict=True):
            assert np.array_equal(found, right)
            assert np.asarray(found).dtype == np.asarray(right).dtype
        _, rows, columns = f(costs)
        slope = np.zeros(shape)
        slope[rows, columns] = 2 * costs[rows, columns]
        assert np.allclose(autodiff.gradient(lambda c: f(c)[0], engine=engine)(costs), slope)


def _near_a_bound(how, limit):
    """Functions of c that are max(c, 0): the first of two unknowns that attract each other."""
    solver, _, method = how.partition(" ")
    rows = np.array([[1.0, 0.0], [-2.0, 1.0], [0.0, 0.0]])
    bounds = ([0.0, -5.0], [limit, 5.0])

    def residuals(z, c):
        return np.array([z[0] - c, z[1] - 2 * z[0] - 0.3, 0.5])

    def line(t, a, b):
        return a * t + b

    t = np.linspace(0.0, 1.0, 8)
    return {
        "least_squares": lambda c: so.least_squares(
            residuals, [0.5, 0.4], args=(c,), bounds=bounds, method=method
        ).x[0],
        "curve_fit": lambda c: so.curve_fit(
            line, t, line(t, c, 0.3), p0=[0.5, 0.5], bounds=bounds, method=method
        )[0][0],
        "minimize": lambda c: so.minimize(
            lambda z: np.sum(residuals(z, c) ** 2), [0.5, 0.4], bounds=so.Bounds(*bounds), method=method
        ).x[0],
        "minimize_scalar": lambda c: so.minimize_scalar(
            lambda z: (z - c) ** 2, bounds=(0, min(limit, 3.0)), method="bounded"
        ).x,
        "lsq_linear": lambda c: so.lsq_linear(
            rows, np.stack([c, 0.3, 0.5]), bounds=bounds, method=method
        ).x[0],
        "nnls": lambda c: so.nnls(rows, np.stack([c, 0.3, 0.5]))[0][0],
    }[solver]  # fmt: skip


BOUNDED = {
    "least_squares trf": np.inf, "least_squares dogbox": 1e12, "curve_fit trf": 1e12,
    "minimize L-BFGS-B": 1e12, "minimize TNC": np.inf, "minimize Nelder-Mead": 1e12,
    "minimize SLSQP": np.inf, "minimize_scalar": np.inf, "lsq_linear trf": np.inf,
    "lsq_linear bvls": 1e12, "nnls": np.inf,
}  # fmt: skip


@pytest.mark.parametrize(("how", "limit"), BOUNDED.items())
def test_a_bound_holds_or_does_not_or_there_is_no_derivative(how, limit):
    slopes = {
        mode: autodiff.jacobian(_near_a_bound(how, limit), mode=mode, engine="numpy")
        for mode in ("forward", "reverse")
    }
    for mode, slope in slopes.items():
        assert np.isclose(slope(0.02), 1.0, rtol=1e-5), mode
        assert np.isclose(slope(-0.02), 0.0, atol=1e-5), mode
        with pytest.raises(autodiff.DerivativeError, match="at a bound that does not hold it"):
            slope(0.0)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_cost_and_the_residuals_move_together(mode):
    """Both read what the residuals read; the last residual does not."""

    def f(p):
        found = so.least_squares(
            lambda q: np.array([q[0] - p, q[1] - p**2, q[0] * q[1] - 1.0]), [1.0, 1.0], xtol=1e-14,
            ftol=1e-14, gtol=1e-14,
        )  # fmt: skip
        return found.cost + found.fun[2] * found.x[0]

    slope = autodiff.jacobian(f, mode=mode, engine="numpy")(1.3)
    assert np.isclose(slope, (f(1.3 + 1e-4) - f(1.3 - 1e-4)) / 2e-4, rtol=1e-5)
