"""SciPy's solvers of initial value problems in captured code: values as SciPy's, derivatives of the solution."""

import warnings

import numpy as np
import pytest
import scipy.integrate as si
import scipy.linalg as sl
import scipy.optimize as so
import scipy.sparse as sp

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
MOSTLY_NATIVE = pytest.mark.parametrize(
    "engine", [pytest.param("numpy", marks=pytest.mark.slow), "native"]
)
TIGHT = {"rtol": 1e-10, "atol": 1e-12}
METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")


class Pendulum:
    """What a method of it reads is found anew at each call."""

    def __init__(self):
        self.matrix = np.array([[0.0, 1.0], [-1.0, -0.3]])

    def slope(self, t, y):
        return self.matrix @ y


PENDULUM = Pendulum()


# Each is a function of a number near 1.3.
def logistic(r):
    found = si.solve_ivp(
        lambda t, y: r * y * (1 - y / 2.0), (0, 3), [0.1], t_eval=[1.0, 2.0, 3.0], **TIGHT
    )
    return found.y[0, 0] + 2 * found.y[0, 2]


def stores_into_an_array(k):
    def slope(t, y):
        dy = np.zeros(2)
        dy[0] = y[1]
        dy[1] = -k * y[0] - 0.1 * y[1]
        return dy

    return si.solve_ivp(slope, (0, 2), np.array([1.0, 0.0]), **TIGHT).y[0, -1]


def by_arguments(k):
    def slope(t, y, a, b):
        x, v = y
        return (v, -a * x - b * v * abs(v))

    return np.sum(si.solve_ivp(slope, (0, 2), (1.0, 0.0), args=(k, k * 0.1), **TIGHT).y[:, -1])


def with_a_loop(k):
    def slope(t, y):
        dy = np.zeros(3)
        for i in range(3):
            dy[i] = -k * (i + 1) * y[i]
            if i > 0:
                dy[i] += k * y[i - 1]
        return dy

    return si.solve_ivp(slope, (0, 2), [1.0, 0.5, k], **TIGHT).y[2, -1]


def of_numbers_of_two_types(k):
    def slope(t, y):
        return [-k * max(y[0], 0.0), k * y[0] if t < 9 else 0.0]

    return np.sum(si.solve_ivp(slope, (0, 2), [1.0, 0.5], max_step=0.1, **TIGHT).y[:, -1])


def in_a_loop(k):
    y = np.array([1.0, 0.0])
    for i in range(3):
        found = si.solve_ivp(
            lambda t, y: [y[1], -k * y[0]], (i, i + 1.0), y, t_eval=[i + 1.0], **TIGHT
        )
        y = found.y[:, -1] * 0.9
    return y[0]


def in_a_while_loop(k):
    t, y = 0.0, np.array([1.0])
    while t < 2:
        y = si.odeint(lambda y, t: -k * y, y, [t, t + 0.5])[-1]
        t += 0.5
    return y[0]


def on_a_branch(k):
    if k > 1:
        return si.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], **TIGHT).y[0, -1]
    return si.odeint(lambda y, t: -k * y, 1.0, [0, 1.0])[-1, 0]


def by_both_ends(k):
    return si.solve_ivp(lambda t, y: np.cos(t) * y + t, (k, 2 * k), [k], **TIGHT).y[0, -1]


def by_times(k):
    times = np.array([1.2 * k, 1.7 * k])
    found = si.solve_ivp(
        lambda t, y: np.cos(t) * y + t, (k, 2 * k), [k], t_eval=times, method="DOP853", **TIGHT
    )
    return found.t[0] * found.y[0, 1] + found.t[-1]


def by_times_of_its_own(k):
    found = si.solve_ivp(lambda t, y: np.cos(t) * y + t, (k, 2 * k), [k], **TIGHT)
    return found.t[0] * found.y[0, -1] + found.t[-1] + 0 * len(found.t)


def backwards(k):
    found = si.solve_ivp(
        lambda t, y: -k * y + np.sin(t), (2, 0), [k], t_eval=[1.5, 0.3], method="DOP853", **TIGHT
    )
    return found.y[0].sum()


def of_a_root(k):
    def miss(v):
        end = si.solve_ivp(lambda t, y: [y[1], -k * np.sin(y[0])], (0, 1), [0.0, v], **TIGHT)
        return end.y[0, -1] - 0.5

    return so.brentq(miss, 0, 3, xtol=1e-13)


def of_a_root_inside(k):
    def slope(t, y):
        return [-so.brentq(lambda z: z + z**3 - k * y[0], -5, 5, xtol=1e-14)]

    return si.solve_ivp(slope, (0, 1), [1.0], rtol=1e-9, atol=1e-9).y[0, -1]


def looks_at_success(k):
    found = si.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], **TIGHT)
    if not found.success or found.status:
        raise RuntimeError(found.message)
    return found.y[0][-1] + found.y.T[-1, 0]


def with_a_jacobian(k):
    def slope(t, y):
        return [-k * y[0] + y[1] ** 2, k * y[0] - y[1]]

    return si.solve_ivp(
        slope, (0, 2), [1.0, 0.2], "Radau", jac=lambda t, y: [[-k, 2 * y[1]], [k, -1]], **TIGHT
    ).y[1, -1]


def by_odeint(k):
    y = si.odeint(lambda y, t, k: [y[1], -k * y[0]], [1.0, k], np.linspace(0, k, 5), args=(k,))
    return np.sum(y[:, 0] ** 2)


def by_odeint_time_first(k):
    return si.odeint(lambda t, y: -k * y + np.sin(t), k, np.linspace(0, 2, 7), tfirst=True)[-1, 0]


def by_odeint_with_options(k):
    def slope(y, t, a):
        return [-a * y[0], a * y[0] - y[1]]

    return si.odeint(
        slope, [1.0, k], [0, 1, 1, 2.5], args=(k,), mxstep=5000, hmax=0.5,
        Dfun=lambda y, t, a: [[-a, 0], [a, -1]], rtol=1e-10, atol=np.array([1e-10, 1e-11]),
    )[1:].sum()  # fmt: skip


def with_a_largest_step(k):
    return si.solve_ivp(
        lambda t, y: -k * y + np.exp(-100 * (t - 1) ** 2),
        (0, 2),
        [1.0],
        max_step=0.1,
        first_step=0.01,
        **TIGHT,
    ).y[0, -1]


def by_a_method(k):
    return k * si.solve_ivp(PENDULUM.slope, (0, k), [1.0, 0.0], **TIGHT).y[0, -1]


def up_to_a_jump_and_on(k):
    there = si.solve_ivp(lambda t, y: [1.0], (0, k), [1.0], **TIGHT).y[:, -1]
    return si.solve_ivp(lambda t, y: [-1.0], (k, 2), there, **TIGHT).y[0, -1]


def does_not_reach_a_jump(k):
    return si.solve_ivp(
        lambda t, y: [-k if y[0] > -5 else 7.0], (0, 2), [1.0], **TIGHT
    ).y[0, -1]  # fmt: skip


def over_no_time(k):
    return si.solve_ivp(lambda t, y: -k * y, (1.0, 1.0), [k]).y[0, -1]


def by_method(method):
    def f(k):
        def slope(t, y):
            return [-k * y[0] + y[1] ** 2, k * y[0] - y[1]]

        return si.solve_ivp(slope, (0, 2), [1.0, 0.2], method=method, rtol=1e-8, atol=1e-10).y[
            1, -1
        ]

    return f


PROBLEMS = {
    **{
        f.__name__: f
        for f in (
            logistic, stores_into_an_array, by_arguments, with_a_loop, of_numbers_of_two_types,
            in_a_loop, in_a_while_loop, on_a_branch, by_both_ends, by_times, by_times_of_its_own,
            backwards, of_a_root, of_a_root_inside, looks_at_success, with_a_jacobian, by_odeint,
            by_odeint_time_first, by_odeint_with_options, with_a_largest_step, by_a_method,
            up_to_a_jump_and_on, does_not_reach_a_jump, over_no_time,
        )
    },
    **{method: by_method(method) for method in METHODS},
}  # fmt: skip
FAST = {
    "native": ("stores_into_an_array", "in_a_while_loop", "by_times_of_its_own", "by_odeint"),
    "numpy": ("looks_at_success", "by_odeint"),
}
ROWS = [
    pytest.param(engine, name, marks=() if name in FAST[engine] else pytest.mark.slow)
    for name in PROBLEMS
    for engine in ("native", *(["numpy"] if name in FAST["native"] + FAST["numpy"] else []))
]
ALL = pytest.mark.parametrize(("engine", "name"), ROWS)


ALL_SECOND = pytest.mark.parametrize(
    ("engine", "name"),
    [
        pytest.param("native", name, marks=() if name in ("by_odeint", "BDF") else pytest.mark.slow)
        for name in PROBLEMS
    ],
)


def difference(f, x, step=1e-3):
    """The derivative by five points."""
    near = f(x + step) - f(x - step)
    return (8 * near - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


@ALL
def test_values_are_those_of_scipy_and_derivatives_those_of_the_solution(engine, name):
    f, k = PROBLEMS[name], 1.3
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    slope = autodiff.gradient(f, engine=engine, on_fallback="error")
    value, forward = autodiff.jvp(compiled, (k,), (2.0,))
    assert np.isclose(slope(k), difference(f, k), rtol=2e-6, atol=1e-8)
    assert np.isclose(forward, 2 * slope(k), rtol=1e-7, atol=1e-9)
    assert np.isclose(value, f(k), rtol=1e-9)
    for x in (k, 1.01 * k, 1.02 * k):
        found, right = compiled(x), f(x)
        assert type(found) is type(right)
        assert np.isclose(found, right, rtol=1e-12)
        slope(x)
    assert len(slope.cache) == 1


@ALL_SECOND
def test_second_derivatives_are_those_of_differences_of_the_first(engine, name):
    f, k = PROBLEMS[name], 1.3
    curvature = autodiff.hessian(f, engine=engine)(k)
    expected = difference(autodiff.gradient(f, engine=engine), k, 1e-2)
    assert np.isclose(curvature, expected, rtol=1e-5, atol=1e-6)
    assert np.isclose(
        autodiff.hessian_vector(f, engine=engine)(k, _tensors=1.0), curvature, rtol=1e-6
    )


# -- closed forms --------------------------------------------------------------------------------------------
@MOSTLY_NATIVE
def test_a_linear_system_moves_as_the_exponential_of_its_matrix(engine):
    def end(a, y0):
        return si.solve_ivp(lambda t, y: a @ y, (0, 1.5), y0, **TIGHT).y[:, -1]

    def exact(a, y0):
        return sl.expm(1.5 * a) @ y0

    rng = np.random.default_rng(5)
    a, y0 = rng.normal(size=(3, 3)), rng.normal(size=3)
    for found, right in zip(
        autodiff.jacobian(end, engine=engine)(a, y0),
        autodiff.jacobian(exact, engine=engine)(a, y0),
        strict=True,
    ):
        assert np.allclose(found, right, rtol=1e-8, atol=1e-9)


@MOSTLY_NATIVE
def test_the_logistic_curve_in_closed_form(engine):
    def end(r, y0, t):
        return si.solve_ivp(lambda t, y: r * y * (1 - y), (0, t), [y0], **TIGHT).y[0, -1]

    def exact(r, y0, t):
        return 1 / (1 + (1 / y0 - 1) * np.exp(-r * t))

    arguments = (1.1, 0.2, 2.5)
    assert np.allclose(
        autodiff.gradient(end, engine=engine)(*arguments),
        autodiff.gradient(exact)(*arguments),
        rtol=1e-8,
    )
    assert np.allclose(
        autodiff.hessian(end, engine=engine)(*arguments),
        autodiff.hessian(exact)(*arguments),
        rtol=1e-7,
    )


def robertson(rates, method):
    def slope(t, y):
        a, b, c = rates[0] * y[0], rates[2] * y[1] * y[2], rates[1] * y[1] ** 2
        return [-a + b, a - b - c, c]

    return si.solve_ivp(
        slope, (0, 40.0), [1.0, 0, 0], method, rtol=1e-6, atol=np.array([1e-8, 1e-12, 1e-8])
    ).y[:, -1]


RATES = np.array([0.04, 3e7, 1e4])
# By the variational equations at a tolerance of 1e-10.
OF_ROBERTSON = np.array(
    [
        [-4.24755877e00, -2.28835509e-09, 1.37308080e-05],
        [4.59119625e-05, -1.13805951e-13, -2.35719211e-10],
        [4.24751286e00, 2.28846889e-09, -1.37305723e-05],
    ]
)


def test_many_directions_of_a_stiff_problem_are_blocks_of_one_jacobian():
    """Beyond a few dozens of unknowns, the Jacobian of all is not formed."""
    rng = np.random.default_rng(3)
    weights, start = rng.normal(size=(12, 12)) / 4, rng.normal(size=12)

    def end(weights):
        def slope(t, y):
            return np.concatenate([-200 * y[:1], np.tanh(weights @ y)[1:] - y[1:]])

        return np.sum(
            si.solve_ivp(slope, (0, 1), start, "BDF", rtol=1e-8, atol=1e-10).y[:, -1] ** 2
        )

    direction = rng.normal(size=(12, 12))
    slope = np.sum(autodiff.gradient(end)(weights) * direction)
    _, forward = autodiff.jvp(end, (weights,), (direction,))
    assert np.isclose(slope, forward, rtol=1e-6)
    assert np.isclose(slope, difference(lambda e: end(weights + e * direction), 0.0), rtol=1e-5)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_a_stiff_problem_has_sensitivities_of_all_sizes(method):
    found = autodiff.jacobian(lambda rates: robertson(rates, method))(RATES)
    assert np.allclose(found, OF_ROBERTSON, rtol=2e-6, atol=0)


@ENGINES
def test_a_jump_at_a_time_that_does_not_move_is_no_hindrance(engine):
    def f(k):
        return si.solve_ivp(lambda t, y: [k * y[0] if t < 1 else -1.0], (0, 2), [1.0], **TIGHT).y[
            0, -1
        ]

    assert np.isclose(autodiff.gradient(f, engine=engine)(1.3), np.exp(1.3), rtol=1e-8)


# -- what has no derivative, or none that means something -------------------------------------------------------
def jumps_at(k):
    return si.solve_ivp(lambda t, y: [1.0 if t < k else -1.0], (0, 2), [1.0], **TIGHT).y[0, -1]


def jumps_where(k):
    return si.solve_ivp(
        lambda t, y: [np.where(y[0] > 0.5, -k, -0.1)], (0, 2), [1.0], **TIGHT
    ).y[0, -1]  # fmt: skip


def jumps_in_a_loop(k):
    def slope(t, y):
        dy = np.zeros(3)
        for i in range(3):
            dy[i] = -k if y[i] > 0.5 else -0.1
        return dy

    return si.solve_ivp(slope, (0, 2), [1.0, 0.7, 0.4], **TIGHT).y[0, -1]


def jumps_by_rounding(k):
    return si.odeint(lambda y, t: np.floor(k * t) + 0 * y, [1.0], [0, 2.0])[-1, 0]


@ENGINES
@pytest.mark.parametrize("f", [jumps_at, jumps_where, jumps_in_a_loop, jumps_by_rounding])
def test_a_jump_that_moves_is_an_error(engine, f):
    assert np.isclose(autodiff.function(f, engine=engine)(1.3), f(1.3), rtol=1e-12)
    for derivative in (
        lambda: autodiff.gradient(f, engine=engine)(1.3),
        lambda: autodiff.jvp(autodiff.function(f, engine=engine), (1.3,), (1.0,)),
    ):
        with pytest.raises(autodiff.DerivativeError) as caught:
            derivative()
        first, where, *_ = str(caught.value).split("\n")
        assert first.startswith("AD305: scipy.integrate.")
        assert "has no derivative here: at t = " in first
        assert first.endswith(
            "the right-hand side or its derivative jumps, and what is differentiated decides when."
        )
        assert "test_odes.py, line " in where


@MOSTLY_NATIVE
def test_a_kink_has_a_first_derivative_and_no_second(engine):
    def f(k):
        return si.solve_ivp(lambda t, y: -k * np.abs(y - 0.5) - 0.2, (0, 2), [1.0], **TIGHT).y[
            0, -1
        ]

    def exact(k):
        moment = np.log(2.5 * k + 1) / k  # at which y is 0.5
        return 0.5 + 0.2 / k * (1 - np.exp(k * (2 - moment)))

    assert np.isclose(f(1.3), exact(1.3), rtol=1e-8)
    assert np.isclose(
        autodiff.gradient(f, engine=engine)(1.3), autodiff.gradient(exact)(1.3), rtol=1e-8
    )
    with pytest.raises(
        autodiff.DerivativeError, match="the right-hand side or its derivative jumps"
    ):
        autodiff.hessian(f, engine=engine)(1.3)


def grows_beyond_all_bounds(k):
    return si.solve_ivp(lambda t, y: k * y**2, (0, 2), [1.0]).y[0, -1]


def counts(k):
    calls = 0

    def slope(t, y):
        nonlocal calls
        calls += 1
        return -k * y

    return si.solve_ivp(slope, (0, 1), [1.0]).y[0, -1] + 0.0 * calls


@ENGINES
@pytest.mark.parametrize("f", [grows_beyond_all_bounds, counts])
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_what_is_out_of_reach_has_its_value_and_no_derivative(engine, f):
    assert autodiff.function(f, engine=engine)(1.3) == f(1.3)
    with pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(f, engine=engine)(1.3)
    assert str(caught.value).startswith("AD302: scipy.integrate.solve_ivp has no derivative")


def raises_late(k):
    def slope(t, y):
        if t > 0.5:
            raise KeyError("late")
        return -k * y

    return si.solve_ivp(slope, (0, 1), [1.0]).y[0, -1]


def no_tuple(k):
    return si.solve_ivp(lambda t, y, a: -a * y, (0, 1), [1.0], args=k).y[0, -1]


def times_outside(k):
    return si.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], t_eval=[0, 2.0]).y[0, -1]


def times_out_of_order(k):
    return si.odeint(lambda y, t: -k * y, [1.0], [0, 2.0, 1.0])[-1, 0]


@ENGINES
@pytest.mark.parametrize("f", [raises_late, no_tuple, times_outside, times_out_of_order])
@pytest.mark.parametrize("way", [autodiff.function, autodiff.gradient])
def test_exceptions_are_those_of_the_plain_call(engine, f, way):
    with pytest.raises(Exception) as plain:  # noqa: B017, PT011 - whatever it is
        f(1.3)
    with pytest.raises(type(plain.value)) as caught:
        way(f, engine=engine)(1.3)
    assert type(caught.value) is type(plain.value)
    assert str(caught.value) == str(plain.value)


@ENGINES
def test_states_that_are_no_solution_are_warned_of(engine):
    def late(k):
        return si.solve_ivp(
            lambda t, y: [y[1], -k * y[0]], (0, 30), [1.0, 0.0], "RK23", rtol=0.1
        ).y[0, -1]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert autodiff.function(late, engine=engine)(2.0) == late(2.0)
    with pytest.warns(autodiff.errors.NoSolutionWarning) as caught:
        autodiff.gradient(late, engine=engine)(2.0)
    text = str(caught[-1].message)
    assert text.startswith("scipy.integrate.solve_ivp (") and "test_odes.py, line " in text
    assert "returned states that are far from the solution" in text
    assert caught[-1].filename == __file__


@ENGINES
def test_counts_of_calls_have_no_derivative_and_are_those_of_scipy(engine):
    def f(k):
        found = si.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0])
        return found.y[0, -1] * 0 + found.nfev

    assert autodiff.function(f, engine=engine)(1.3) == f(1.3)
    assert autodiff.gradient(f, engine=engine)(1.3) == 0.0


@ENGINES
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_a_result_that_is_returned_whole_is_that_of_scipy(engine):
    def f(k):
        return si.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0])

    found, right = autodiff.function(f, engine=engine)(2.0), f(2.0)
    assert type(found) is type(right) and list(found) == list(right)
    assert str(found) == str(right)


@MOSTLY_NATIVE
def test_systems_of_any_size(engine):
    def f(w):
        times = np.linspace(0, 1, len(w))
        found = si.solve_ivp(
            lambda t, y: -w * y + 0.1 * np.sum(y), (0, 1), np.ones(len(w)), t_eval=times, **TIGHT
        )
        return np.sum(found.y[0] * w)

    compiled, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for n in (3, 4, 5):
        w = np.arange(1.0, n + 1)
        assert np.isclose(compiled(w), f(w), rtol=1e-12)
        numeric = [
            difference(lambda x, k=k: f(np.r_[w[:k], x, w[k + 1 :]]), w[k]) for k in range(n)
        ]
        assert np.allclose(slope(w), numeric, rtol=1e-6, atol=1e-8)
    assert len(compiled.cache) == len(slope.cache) == 2


@ENGINES
def test_what_the_right_hand_side_reads_is_read_at_every_call(engine):
    compiled = autodiff.function(by_a_method, engine=engine)
    before = compiled(1.3)
    PENDULUM.matrix[1, 1] = -0.5
    try:
        assert np.isclose(compiled(1.3), by_a_method(1.3), rtol=1e-12)
        assert compiled(1.3) != before
    finally:
        PENDULUM.matrix[1, 1] = -0.3


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("method", ["RK45", "LSODA", "Radau"])
def test_the_error_of_a_gradient_follows_the_tolerance(method, tolerance):
    def end(k):
        return si.solve_ivp(
            lambda t, y: [y[1], -k * y[0]],
            (0, 3),
            [1.0, 0.0],
            method,
            rtol=tolerance,
            atol=tolerance,
        ).y[0, -1]

    exact = autodiff.gradient(lambda k: np.cos(3 * np.sqrt(k)))(2.0)
    assert abs(autodiff.gradient(end)(2.0) - exact) <= 10 * tolerance * abs(exact)


# -- large systems: the structure of the Jacobian, states in columns -------------------------------------
LINE = sp.diags_array([1.0, 1.0, 1.0], offsets=[-1, 0, 1], shape=(6, 6), format="csc")


def heated(p, **options):
    def slope(t, u):
        edge = np.zeros((1, *u.shape[1:]))
        wide = np.concatenate([edge, u, edge])
        return p[0] * (wide[2:] - 2 * u + wide[:-2]) * 20 - p[1] * u**3

    start = np.sin(np.linspace(0.3, 3, 6))
    return si.solve_ivp(slope, (0, 1), start, rtol=1e-8, atol=1e-10, **options).y[:, -1]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"method": "BDF", "jac_sparsity": LINE}, marks=pytest.mark.slow),
        pytest.param({"method": "Radau", "jac_sparsity": LINE.tocsr()}, marks=pytest.mark.slow),
        pytest.param({"method": "Radau", "jac_sparsity": LINE.toarray()}, marks=pytest.mark.slow),
        {"method": "Radau", "vectorized": True, "jac_sparsity": LINE},
        pytest.param({"vectorized": True}, marks=pytest.mark.slow),
    ],
)
def test_the_structure_of_a_jacobian_and_states_in_columns(options):
    p = np.array([0.7, 0.4])
    function = autodiff.function(lambda p: heated(p, **options))
    for at in (p, 2 * p):
        assert np.allclose(function(at), heated(at, **options), rtol=1e-13)
    exact = autodiff.jacobian(lambda p: heated(p, method="DOP853"))(p)
    for mode in ("forward", "reverse"):
        found = autodiff.jacobian(lambda p: heated(p, **options), mode=mode)(p)
        assert np.allclose(found, exact, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_a_structure_is_read_at_every_call():
    held = {"S": LINE}
    function = autodiff.function(lambda p: heated(p, method="BDF", jac_sparsity=held["S"]))
    p = np.array([0.7, 0.4])
    for structure in (LINE, sp.csc_array(np.ones((6, 6))), sp.eye_array(6, format="csc")):
        held["S"] = structure
        assert np.allclose(function(p), heated(p, method="BDF", jac_sparsity=structure), rtol=1e-13)


@pytest.mark.filterwarnings("ignore:Excess work done")
def test_a_solution_that_ends_before_the_last_time_is_an_error_and_no_hang():
    """y' = p y**2 ends at 1 / p, beyond which LSODA goes on with steps of no length."""

    def f(p):
        return si.odeint(lambda y, t: p * y**2, [1.0], [0.0, 5.0])[-1, 0]

    text = (
        "odeint has no derivative here: the equations of its derivative cannot be integrated beyond"
    )
    for mode in ("forward", "reverse"):
        with pytest.raises(autodiff.DerivativeError, match=text):
            autodiff.jacobian(f, mode=mode)(1.0)


def test_a_derivative_that_was_a_million_times_as_large_on_the_way_has_its_digits_at_the_end():
    """Van der Pol's oscillator after its jump, at which the derivative is 1,000."""

    def f(p):
        slope = lambda t, y: [y[1], p * (1 - y[0] ** 2) * y[1] - y[0]]  # noqa: E731
        return si.solve_ivp(slope, (0, 1500.0), [2.0, 0.0], "Radau", rtol=1e-6, atol=1e-9).y[0, -1]

    # That of the variational equations by Radau at 1e-12.
    assert autodiff.gradient(f)(1e3) == pytest.approx(-2.43193076e-3, rel=1e-5)


# -- the error of a gradient, over methods and problems ---------------------------------------------------
def oscillator(p, method, tolerance):
    """Also by the end time: p[1] is in it."""
    return si.solve_ivp(
        lambda t, y: [y[1], -p[0] * y[0]], (0, 3 + p[1]), [1.0, p[1]], method, rtol=tolerance,
        atol=tolerance,
    ).y[:, -1]  # fmt: skip


def predator_and_prey(p, method, tolerance):
    def slope(t, y):
        hares, lynxes = y
        return [
            p[0] * hares - p[1] * hares * lynxes,
            p[2] * hares * lynxes - p[3] * lynxes,
        ]

    return si.solve_ivp(
        slope, (0, 10), [10.0, 5.0], method, rtol=tolerance, atol=tolerance
    ).y[:, -1]  # fmt: skip


def kinetics(p, method, tolerance):
    def slope(t, y):
        a, b, c = y
        first, second = -p[0] * a + p[1] * b * c, p[2] * b**2
        return [first, -first - second, second]

    return si.solve_ivp(
        slope, (0, 100.0), [1.0, 0.0, 0.0], method, rtol=tolerance, atol=1e-2 * tolerance
    ).y[:, -1]  # fmt: skip


def relaxation(p, method, tolerance):
    """Van der Pol's oscillator up to its first jump: beyond it, the state is as bad as the tolerance."""
    return si.solve_ivp(
        lambda t, y: [y[1], p[0] * (1 - y[0] ** 2) * y[1] - y[0]], (0, 500.0), [2.0, p[1]], method,
        rtol=tolerance, atol=tolerance,
    ).y[:1, -1]  # fmt: skip


def falls(t, y):
    return y[0]


falls.terminal = True
falls.direction = -1


def bouncing(p, method, tolerance):
    """A ball that keeps a part of its speed: where and how fast it is at its third bounce."""
    start, state = 0.0, np.array([1.0, 0.0])
    for _ in range(3):
        found = si.solve_ivp(
            lambda t, y: [y[1], -p[0] - 0.1 * y[1]], (start, start + 5), state, method,
            events=falls, rtol=tolerance, atol=tolerance,
        )  # fmt: skip
        start = found.t_events[0][0]
        state = np.array([0.0, -p[1] * found.y_events[0][0][1]])
    return np.array([start, state[1]])


OF_ERRORS = {
    oscillator: ([2.0, 0.1], METHODS),
    predator_and_prey: ([1.1, 0.4, 0.1, 0.4], METHODS),
    kinetics: ([0.04, 1e4, 3e7], ("Radau", "BDF", "LSODA")),
    relaxation: ([1000.0, 0.1], ("Radau", "BDF", "LSODA")),
    bouncing: ([9.81, 0.8], METHODS),
}
BY_DEFAULT = {(oscillator, "RK23", 1e-3)}
GRADIENTS = [
    pytest.param(
        f, method, tolerance,
        marks=() if (f, method, tolerance) in BY_DEFAULT else pytest.mark.slow,
        id=f"{f.__name__} {method} {tolerance:g}",
    )
    for f, (_, methods) in OF_ERRORS.items() for method in methods for tolerance in (1e-3, 1e-6)
]  # fmt: skip


@pytest.mark.parametrize(("f", "method", "tolerance"), GRADIENTS)
def test_the_error_of_a_gradient_is_at_most_ten_times_the_tolerance(f, method, tolerance):
    """Compared with the variational equation at a tolerance of 1e-11, by columns of the Jacobian."""
    p = np.array(OF_ERRORS[f][0])
    kind = "Radau" if f in (kinetics, relaxation) else "DOP853"
    exact = autodiff.jacobian(lambda p: f(p, kind, 1e-11), mode="forward")(p)
    size = np.max(np.abs(exact), axis=0)
    for mode in ("forward", "reverse"):
        found = autodiff.jacobian(lambda p: f(p, method, tolerance), mode=mode)(p)
        assert np.max(np.abs(found - exact) / size) <= 10 * tolerance


@pytest.mark.parametrize("mode", ["forward", pytest.param("reverse", marks=pytest.mark.slow)])
def test_predator_and_prey_have_the_derivatives_of_their_variational_equations(mode):
    """Written by hand and solved by themselves: f_y S + f_p, of which nothing is ours."""
    p = np.array([1.1, 0.4, 0.1, 0.4])

    def whole(t, z):
        (a, b), s = z[:2], z[2:].reshape(2, 4)
        slope = [p[0] * a - p[1] * a * b, p[2] * a * b - p[3] * b]
        by_state = np.array([[p[0] - p[1] * b, -p[1] * a], [p[2] * b, p[2] * a - p[3]]])
        by_rates = np.array([[a, -a * b, 0, 0], [0, 0, a * b, -b]])
        return np.concatenate([slope, (by_state @ s + by_rates).ravel()])

    start = np.concatenate([[10.0, 5.0], np.zeros(8)])
    known = si.solve_ivp(whole, (0, 10), start, "DOP853", rtol=1e-13, atol=1e-13)
    exact = known.y[2:, -1].reshape(2, 4)
    found = autodiff.jacobian(lambda p: predator_and_prey(p, "DOP853", 1e-10), mode=mode)(p)
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-10 * np.max(np.abs(exact)))


def test_a_derivative_by_the_end_time_is_that_of_the_solution():
    """Not the right-hand side at the state that SciPy returns, which is as bad as the tolerance."""

    def end(T):
        return si.solve_ivp(
            lambda t, y: [y[1], -2 * y[0]], (0, T), [1.0, 0.0], "RK23", rtol=1e-2, atol=1e-2
        ).y[0, -1]

    exact = -np.sqrt(2) * np.sin(3 * np.sqrt(2))
    assert abs(end(3.0) - np.cos(3 * np.sqrt(2))) > 0.02
    for derivative in (autodiff.gradient(end), autodiff.jacobian(end, mode="forward")):
        assert abs(derivative(3.0) / exact - 1) < 1e-3


# -- complex states ---------------------------------------------------------------------------------------
def two_levels(p):
    """Schrödinger's equation of two states."""
    hamiltonian = np.array([[p[0], p[1]], [p[1], -p[0]]])
    return si.solve_ivp(
        lambda t, y: -1j * (hamiltonian @ y), (0, 2), np.array([1.0, 0.0j]), **TIGHT
    )


def nonlinear(p):
    return si.solve_ivp(
        lambda t, y: [1j * p[0] * y[1], -p[1] * y[0] * np.abs(y[0]) ** 2], (0, 2), [1.0 + 0j, 0.5j],
        t_eval=[1.0, 2.0], **TIGHT,
    )  # fmt: skip


def by_its_start(p):
    return si.solve_ivp(lambda t, y: 1j * y**2, (0, 1), [p[0] + 1j * p[1]], "RK23", **TIGHT)


def real_slope(p):
    return si.solve_ivp(lambda t, y: [np.abs(y[0]) * p[0]], (0, p[1]), [1.0 + 1j], **TIGHT)


def stiff(p):
    return si.solve_ivp(
        lambda t, y: 1j * p[0] * y - p[1] * y, (0, 2), [1.0 + 0j], "BDF", rtol=1e-9, atol=1e-11
    )


def passes(t, y):
    return y[0].real - 0.3


passes.terminal = True


def turning(p):
    return si.solve_ivp(
        lambda t, y: 1j * p[0] * y, (0, 4), [p[1] + 0j], events=passes, dense_output=True, **TIGHT
    )


def all_of(p, solved):
    """Real numbers of all parts of a result."""
    found = solved(p)
    states = [found.y[:, -1]]
    if solved is turning:
        states += [found.y_events[0][0], found.sol(0.2), found.t_events[0].astype(complex)]
    whole = np.concatenate(states)
    return np.concatenate([whole.real, whole.imag])


COMPLEX = [
    two_levels,
    *(
        pytest.param(f, marks=pytest.mark.slow)
        for f in (nonlinear, by_its_start, real_slope, stiff, turning)
    ),
]


@MOSTLY_NATIVE
@pytest.mark.parametrize("solved", COMPLEX)
def test_states_may_be_complex(solved, engine):
    p = np.array([1.3, 0.7])
    compiled = autodiff.function(lambda p: all_of(p, solved), engine=engine)
    tolerance = 1e-10 if solved is stiff else 1e-12  # whose Jacobian SciPy finds by differences
    for at in (p, 1.1 * p):
        assert np.allclose(compiled(at), all_of(at, solved), rtol=tolerance, atol=tolerance)
    assert len(compiled.cache) == 1
    numeric = np.stack(
        [
            difference(lambda e, k=k: all_of(p + e * np.eye(2)[k], solved), 0.0)
            for k in range(2)
        ],
        axis=1,
    )  # fmt: skip
    for mode in ("forward", "reverse"):
        found = autodiff.jacobian(lambda p: all_of(p, solved), mode=mode, engine=engine)(p)
        assert np.allclose(found, numeric, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_complex_states_have_second_derivatives():
    def chance(p):
        return np.abs(two_levels(p).y[0, -1]) ** 2

    p = np.array([1.3, 0.7])
    # Rabi's formula: the chance to be where one has started.
    exact = autodiff.hessian(
        lambda p: 1 - p[1] ** 2 / np.sum(p**2) * np.sin(2 * np.sqrt(np.sum(p**2))) ** 2
    )(p)
    assert np.allclose(autodiff.hessian(chance)(p), exact, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "LSODA"},
        {"method": "BDF", "jac": lambda t, y: np.array([[1j]])},
        {"atol": np.array([1e-6])},
    ],
    ids=["method", "jac", "atol"],
)
def test_what_is_out_of_reach_of_complex_states_is_scipys(options):
    def end(k):
        return si.solve_ivp(lambda t, y: 1j * k * y, (0, 1), [1.0 + 0j], **options).y.real[0, -1]

    if options.get("method") == "LSODA":
        with pytest.raises(ValueError, match="does not support integration in a complex domain"):
            autodiff.gradient(end)(1.3)
        return
    with pytest.warns(autodiff.FallbackWarning):
        value = autodiff.function(end)(1.3)
    assert value == end(1.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        with pytest.raises(NotImplementedError):
            autodiff.gradient(end)(1.3)
