"""`leastsq`, `fsolve`, `fmin_slsqp`, `newton` and `minimize_scalar`: what SciPy gives, with exact derivatives."""

import numpy as np
import pytest
import scipy.optimize

from autodiff import optimize
from autodiff.errors import ArgumentError
from autodiff.optimize import History

X = np.linspace(0, 2, 20)
Y = 2.5 * np.exp(-1.3 * X) + 0.01 * np.cos(7 * X)


def decay(p):
    return p[0] * np.exp(-p[1] * X) - Y


def decay_of(p, x, y):
    return p["a"] * np.exp(-p["k"] * x) - y


def equations(x):
    return np.array([x[0] ** 2 + x[1] ** 2 - 25, x[0] - x[1] - 1])


ENGINES = pytest.mark.parametrize("engine", ["native", "numpy"])


@ENGINES
def test_leastsq_is_scipys_with_fewer_evaluations(engine):
    ours = optimize.leastsq(decay, [1.0, 1.0], full_output=True, engine=engine)
    scipys = scipy.optimize.leastsq(decay, [1.0, 1.0], full_output=True)
    np.testing.assert_allclose(ours[0], scipys[0], rtol=1e-7)
    np.testing.assert_allclose(ours[1], scipys[1], rtol=1e-5)
    assert ours[2]["nfev"] < scipys[2]["nfev"]
    assert len(ours) == len(scipys)
    best, flag = optimize.leastsq(decay, [1.0, 1.0], engine=engine)
    assert flag in (1, 2, 3)
    np.testing.assert_array_equal(best, ours[0])


def test_leastsq_keeps_containers_and_takes_arguments():
    best, _ = optimize.leastsq(decay_of, {"a": 1.0, "k": 1.0}, args=(X, Y))
    exact = scipy.optimize.leastsq(decay, [1.0, 1.0])[0]
    np.testing.assert_allclose([best["a"], best["k"]], exact, rtol=1e-6)


@pytest.mark.parametrize("col_deriv", [False, True])
def test_leastsq_takes_the_callers_jacobian(col_deriv):
    def jacobian(p):
        found = np.stack([np.exp(-p[1] * X), -p[0] * X * np.exp(-p[1] * X)])
        return found if col_deriv else found.T

    best, _ = optimize.leastsq(decay, [1.0, 1.0], Dfun=jacobian, col_deriv=col_deriv)
    np.testing.assert_allclose(best, optimize.leastsq(decay, [1.0, 1.0])[0], rtol=1e-7)
    by_differences = optimize.leastsq(decay, [1.0, 1.0], Dfun=False, epsfcn=1e-10)[0]
    np.testing.assert_allclose(best, by_differences, rtol=1e-4)


@ENGINES
def test_fsolve_is_scipys(engine):
    np.testing.assert_allclose(optimize.fsolve(equations, [5.0, 2.0], engine=engine), [4, 3])
    x, report, flag, message = optimize.fsolve(equations, [5.0, 2.0], full_output=True)
    scipys = scipy.optimize.fsolve(equations, [5.0, 2.0], full_output=True)
    assert (flag, message) == scipys[2:]
    assert report.keys() == scipys[1].keys() | {"njev"}
    assert report["nfev"] < scipys[1]["nfev"]


def test_fsolve_in_the_shape_of_its_start():
    def of_matrix(m, target):
        return m @ m - target

    found = optimize.fsolve(of_matrix, np.eye(2), args=(np.diag([4.0, 9.0]),))
    np.testing.assert_allclose(found, np.diag([2.0, 3.0]), atol=1e-9)


def test_solvers_without_a_callback_of_scipys_show_each_point():
    seen, kept = [], History()
    optimize.fsolve(equations, [5.0, 2.0], callback=seen.append, history=kept)
    assert len(seen) == len(kept) > 3
    np.testing.assert_array_equal(seen[0], [5, 2])
    assert kept.values[0] == 4 and kept.values[-1] < 1e-8
    seen.clear()
    _, _, report, *_ = optimize.leastsq(
        decay, [1.0, 1.0], callback=seen.append, history=True, full_output=True
    )
    assert len(report["history"]) == len(seen)
    assert report["history"].values[0] == pytest.approx(0.5 * np.sum(decay(seen[0]) ** 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda: optimize.fsolve(equations, [5.0, 2.0], history=True),
        lambda: optimize.leastsq(decay, [1.0, 1.0], history=True),
        lambda: optimize.curve_fit(lambda x, a: a * x, X, Y, history=True),
        lambda: optimize.fmin_slsqp(lambda x: x @ x, [1.0], history=True),
    ],
    ids=["fsolve", "leastsq", "curve_fit", "fmin_slsqp"],
)
def test_a_history_without_a_place_to_stay_is_refused(call):
    with pytest.raises(ArgumentError, match=r"AD101.*history[\s\S]*Remedy: Give .*History\(\)"):
        call()


def test_slsqp_gets_the_derivatives_of_all_constraints():
    def objective(x, shift):
        return np.sum((x - shift) ** 2)

    ours = optimize.fmin_slsqp(
        objective,
        [0.2, 0.3, 0.5],
        eqcons=[lambda x, s: x[0] + x[1] + x[2] - 1],
        ieqcons=[lambda x, s: 0.4 - x[2], lambda x, s: x[0] - 0.1 * x[1] ** 2],
        bounds=[(0, 1)] * 3,
        args=(np.array([0.0, 0.3, 1.0]),),
        full_output=True,
        acc=1e-12,
    )
    np.testing.assert_allclose(ours[0].sum(), 1, atol=1e-9)
    assert ours[0][2] == pytest.approx(0.4)
    assert ours[3] == 0
    vector = optimize.fmin_slsqp(
        objective,
        np.array([[0.2, 0.8]]),
        f_eqcons=lambda x, s: np.ravel(x)[:1] - 2 * np.ravel(x)[1:],
        args=(np.ones((1, 2)),),
        acc=1e-14,
    )
    assert vector.shape == (1, 2)
    np.testing.assert_allclose(vector, [[1.2, 0.6]], atol=1e-6)


@pytest.mark.parametrize("method", ["brent", "golden", "bounded"])
def test_minimize_scalar_is_scipys(method):
    bounds = (0, 4) if method == "bounded" else None
    ours = optimize.minimize_scalar(
        lambda x, c: (x - c) ** 2 + 1, args=(1.5,), method=method, bounds=bounds, history=True
    )
    assert ours.x == pytest.approx(1.5, abs=1e-5)
    assert len(ours.history) == ours.nfev
    assert min(ours.history.values) == ours.fun


# -- newton ----------------------------------------------------------------------------------------
@ENGINES
@pytest.mark.parametrize("second", [None, True])
def test_newton_of_a_number_an_array_and_a_complex_number(engine, second):
    def cubic(x, a):
        return x**3 - a

    root, report = optimize.newton(
        cubic, 1, args=(2.0,), fprime2=second, engine=engine, full_output=True
    )
    assert root == pytest.approx(2 ** (1 / 3), rel=1e-15)
    assert report.method == ("halley" if second else "newton")
    assert (
        report.iterations
        < scipy.optimize.newton(cubic, 1, args=(2.0,), full_output=True)[1].iterations
    )
    several = optimize.newton(
        cubic, np.ones(3), args=(np.array([1.0, 8, 27]),), fprime2=second, engine=engine
    )
    np.testing.assert_allclose(several, [1, 2, 3], rtol=1e-12)
    of_integers = optimize.newton(
        cubic, np.array([1, 2, 3]), args=(np.array([1.0, 8, 27]),), fprime2=second, engine=engine
    )
    np.testing.assert_allclose(of_integers, several, rtol=1e-12)
    of_unity = optimize.newton(lambda z: z**3 - 1, 0.5 + 0.9j, fprime2=second, engine=engine)
    assert of_unity**3 == pytest.approx(1)
    assert abs(of_unity.imag) > 0.8


def test_newton_falls_back_on_secants_only_where_asked():
    for how in ({"x1": 1.1}, {"fprime": False}):
        report = optimize.newton(lambda x: x**2 - 2, 1.0, full_output=True, **how)[1]
        assert report.method == "secant" and report.root == pytest.approx(np.sqrt(2))


def test_roots_of_numbers_can_be_watched():
    seen = []
    result = optimize.root_scalar(lambda x: x**3 - 2, x0=1.0, callback=seen.append, history=True)
    assert len(result.history) == len(seen) == result.function_calls // 2
    kept = History()
    optimize.newton(lambda x: x**3 - 2, 1.0, history=kept)
    assert kept.values == result.history.values


# -- curve_fit and the classes of SciPy's ----------------------------------------------------------
@pytest.mark.parametrize(
    "sigma", [None, np.linspace(0.1, 0.2, 20), np.diag(np.linspace(0.1, 0.2, 20) ** 2)]
)
def test_the_history_of_curve_fit_is_half_the_weighted_sum_of_squares(sigma):
    _, _, report, *_ = optimize.curve_fit(
        lambda x, a, k: a * np.exp(-k * x),
        X,
        Y,
        p0=(1.0, 1.0),
        sigma=sigma,
        full_output=True,
        history=True,
    )
    off = decay(np.ones(2)) / (1 if sigma is None else np.linspace(0.1, 0.2, 20))
    assert report["history"].values[0] == pytest.approx(0.5 * off @ off)


@pytest.mark.parametrize("how", [{}, {"bounds": (0, 10)}, {"method": "dogbox"}])
def test_the_callback_of_curve_fit(how):
    seen = []
    best, _ = optimize.curve_fit(
        lambda x, a, k: a * np.exp(-k * x),
        X,
        Y,
        callback=lambda p=None, *, intermediate_result=None: seen.append(
            p if intermediate_result is None else intermediate_result.x
        ),
        **how,
    )
    assert len(seen) > 2
    np.testing.assert_allclose(seen[-1], best, rtol=1e-3)


def test_scipys_classes_are_at_hand():
    limited = optimize.NonlinearConstraint(lambda x: x @ x, 0, 1)
    result = optimize.minimize(
        lambda x: x[0] + x[1],
        [0.5, 0.5],
        method="SLSQP",
        constraints=[limited, optimize.LinearConstraint([[1, 0]], -0.5, 1)],
        bounds=optimize.Bounds(-2, 2),
    )
    np.testing.assert_allclose(result.x, [-0.5, -np.sqrt(0.75)], atol=1e-6)
    assert {"Bounds", "newton"} <= set(dir(optimize))
    with pytest.raises(AttributeError, match="has no attribute 'simplex'"):
        optimize.simplex  # noqa: B018
