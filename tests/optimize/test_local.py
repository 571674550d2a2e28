"""`minimize`: parameters, constraints, callbacks, history, the caller's own derivatives."""

import numpy as np
import pytest
from scipy import optimize

from autodiff.optimize import METHODS, History, minimize
from autodiff.optimize.constraints import prepare_constraints
from autodiff.optimize.parameters import Layout


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def quadratic(p, scale):
    return scale * np.sum((p["a"] - 1) ** 2) + (p["b"] + 2) ** 2


# ---------------------------------------------------------------------------------- parameters


def test_result_is_scipys_with_scipys_exact_gradient():
    x0 = np.array([1.3, 0.7, 0.8, 1.9, 1.2])
    ours = minimize(rosenbrock, x0, method="BFGS")
    reference = optimize.minimize(optimize.rosen, x0, jac=optimize.rosen_der, method="BFGS")
    assert isinstance(ours, optimize.OptimizeResult)
    assert ours.nit == reference.nit
    assert ours.nfev == reference.nfev
    np.testing.assert_allclose(ours.x, reference.x, rtol=1e-9)


def test_a_container_is_given_back_as_it_was():
    start = {"a": np.zeros((2, 3)), "b": 5.0}
    result = minimize(quadratic, start, args=(3.0,))
    assert list(result.x) == ["a", "b"]
    assert result.x["a"].shape == (2, 3)
    np.testing.assert_allclose(result.x["a"], 1, atol=1e-5)
    assert result.x["b"] == pytest.approx(-2, abs=1e-5)
    assert result.jac["a"].shape == (2, 3)
    assert start["b"] == 5.0
    assert not start["a"].any()


@pytest.mark.parametrize("method", ["Newton-CG", "trust-exact", "trust-constr"])
def test_containers_work_with_second_derivatives(method):
    result = minimize(quadratic, {"a": np.zeros(2), "b": 5.0}, args=3.0, method=method)
    np.testing.assert_allclose(result.x["a"], 1, atol=1e-4)


def test_a_matrix_stays_a_matrix():
    target = np.arange(6.0).reshape(2, 3)
    result = minimize(lambda w: np.sum((w - target) ** 2), np.zeros((2, 3)))
    assert result.x.shape == (2, 3)
    np.testing.assert_allclose(result.x, target, atol=1e-5)


def test_a_number_to_start_from_is_a_vector_of_one_as_in_scipy():
    result = minimize(lambda x: (x - 3) ** 2, 0.0)
    assert result.x.shape == (1,)
    np.testing.assert_allclose(result.x, [3], atol=1e-5)


@pytest.mark.parametrize("method", ["BFGS", "trust-exact", "Newton-CG"])
def test_a_result_of_shape_one_counts_as_a_number_in_every_order(method):
    result = minimize(lambda x: (x - 3) ** 2 + (x - 3) ** 4, [0.0], method=method)
    np.testing.assert_allclose(result.x, [3], atol=1e-3)


def test_extra_arguments_are_not_differentiated():
    weights = np.array([1.0, 2.0])
    result = minimize(lambda x, w, shift: np.sum(w * (x - shift) ** 2), [0.0, 0.0], (weights, 4))
    np.testing.assert_allclose(result.x, 4, atol=1e-5)


def test_a_function_of_star_args_is_differentiated_in_its_first():
    result = minimize(lambda *p: np.sum((p[0] - p[1]) ** 2), np.zeros(2), args=(7.0,))
    np.testing.assert_allclose(result.x, 7, atol=1e-5)


def test_a_bound_method_is_minimized():
    class Loss:
        def __init__(self):
            self.target = np.array([1.0, -1.0])

        def __call__(self, x):
            return np.sum((x - self.target) ** 2)

        def value(self, x):
            return self(x)

    loss = Loss()
    np.testing.assert_allclose(minimize(loss.value, np.zeros(2)).x, loss.target, atol=1e-6)
    loss.target = np.array([5.0, 6.0])
    np.testing.assert_allclose(minimize(loss.value, np.zeros(2)).x, loss.target, atol=1e-6)
    np.testing.assert_allclose(minimize(loss, np.zeros(2)).x, loss.target, atol=1e-6)


# ------------------------------------------------------------------ one evaluation for both


def test_value_and_gradient_share_one_evaluation(monkeypatch):
    from autodiff import api

    calls = []
    real = api.value_and_gradient

    def counting(*args, **kwargs):
        made = real(*args, **kwargs)

        def evaluate(*a, **k):
            calls.append(1)
            return made(*a, **k)

        return evaluate

    monkeypatch.setattr(api, "value_and_gradient", counting)
    result = minimize(lambda x: np.sum((x - 2.0) ** 4), np.zeros(3), method="L-BFGS-B")
    assert result.nfev == result.njev
    assert len(calls) == result.nfev


# -------------------------------------------------------------------------------- constraints


def disk_constraint(x):
    return 1 - x[0] ** 2 - x[1] ** 2


def tilted(x):
    return x[0] + 2 * x[1]


ON_DISK = -np.array([1, 2]) / np.sqrt(5)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA", "COBYQA"])
def test_a_dictionary_constraint_is_met(method):
    result = minimize(
        tilted, [0.1, 0.1], method=method, constraints={"type": "ineq", "fun": disk_constraint}
    )
    np.testing.assert_allclose(result.x, ON_DISK, atol=2e-3)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA"])
def test_a_nonlinear_constraint_is_met(method):
    constraint = optimize.NonlinearConstraint(lambda x: x[0] ** 2 + x[1] ** 2, -np.inf, 1.0)
    result = minimize(tilted, [0.1, 0.1], method=method, constraints=constraint)
    np.testing.assert_allclose(result.x, ON_DISK, atol=2e-3)


def test_constraint_jacobians_are_exact():
    x = np.array([0.3, 0.4])
    prepared = prepare_constraints(
        {"type": "ineq", "fun": disk_constraint}, METHODS["slsqp"], Layout.of(x), ()
    )
    np.testing.assert_allclose(prepared["jac"](x), [[-0.6, -0.8]], rtol=1e-15)


def test_trust_constr_gets_the_hessian_of_the_weighted_constraints():
    def constraint(x):
        return np.array([x[0] ** 3, x[0] * x[1]])

    x, weights = np.array([2.0, 5.0]), np.array([10.0, 100.0])
    given = optimize.NonlinearConstraint(constraint, 0, 1)
    prepared = prepare_constraints(given, METHODS["trust-constr"], Layout.of(x), ())
    np.testing.assert_allclose(prepared.jac(x), [[12, 0], [5, 2]], rtol=1e-14)
    hessian = prepared.hess(x, weights) @ np.eye(2)
    np.testing.assert_allclose(hessian, [[120, 100], [100, 0]], rtol=1e-14)


def test_constraints_take_containers_and_arguments():
    def objective(p):
        return np.sum(p["u"]) + 2 * p["v"]

    def inside(p, radius):
        return radius**2 - np.sum(p["u"] ** 2) - p["v"] ** 2

    result = minimize(
        objective,
        {"u": np.full(1, 0.1), "v": 0.1},
        constraints=[{"type": "ineq", "fun": inside, "args": (2.0,)}],
    )
    np.testing.assert_allclose([result.x["u"][0], result.x["v"]], 2 * ON_DISK, atol=1e-4)


def test_equality_and_linear_constraints_together():
    result = minimize(
        lambda x: np.sum(x**2),
        np.array([1.0, 2.0, 3.0]),
        method="SLSQP",
        constraints=[
            {"type": "eq", "fun": lambda x: x[0] * x[1] - 1},
            optimize.LinearConstraint([[0, 0, 1]], 2, 5),
        ],
    )
    np.testing.assert_allclose(result.x, [1, 1, 2], atol=1e-4)


# ------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead"])
def test_bounds_hold(method):
    result = minimize(lambda x: np.sum((x - 3) ** 2), [0.5, 0.5], method=method,
                      bounds=[(0, 1), (None, 5)])  # fmt: skip
    np.testing.assert_allclose(result.x, [1, 3], atol=1e-3)


def test_one_pair_of_bounds_stands_for_all():
    result = minimize(lambda p: np.sum((p["a"] - 3) ** 2), {"a": np.zeros((2, 2))}, bounds=(-1, 2))
    np.testing.assert_allclose(result.x["a"], 2)


# -------------------------------------------------------------- callbacks, history, progress


def test_callbacks_see_parameters_in_their_own_shape():
    seen = []
    minimize(quadratic, {"a": np.zeros(2), "b": 5.0}, args=(3.0,), callback=seen.append)
    assert seen
    assert all(set(p) == {"a", "b"} and p["a"].shape == (2,) for p in seen)


def test_callbacks_with_an_intermediate_result_see_it():
    values = []

    def callback(intermediate_result):
        assert set(intermediate_result.x) == {"a", "b"}
        values.append(intermediate_result.fun)

    minimize(quadratic, {"a": np.zeros(2), "b": 5.0}, args=(3.0,), callback=callback)
    assert values == sorted(values, reverse=True)
    assert values


def test_a_callback_can_stop_the_search():
    def callback(intermediate_result):
        raise StopIteration

    result = minimize(rosenbrock, np.zeros(4), callback=callback)
    assert result.nit == 1


@pytest.mark.parametrize("method", ["BFGS", "Nelder-Mead"])
def test_history_has_an_entry_for_each_evaluation(method):
    result = minimize(rosenbrock, np.zeros(2), method=method, history=True)
    history = result.history
    assert isinstance(history, History)
    assert len(history) == result.nfev
    assert min(history.values) == result.fun
    assert history.seconds == sorted(history.seconds)
    assert np.isfinite(history.gradient_norms).all() == (method == "BFGS")
    assert repr(history).startswith(f"History({result.nfev} evaluations, value 1 -> ")


def test_no_history_unless_asked_for():
    assert "history" not in minimize(rosenbrock, np.zeros(2))


def test_progress_shows_value_gradient_norm_and_evaluations(capsys):
    result = minimize(rosenbrock, np.zeros(2), method="L-BFGS-B", progress=True)
    shown = capsys.readouterr().err
    assert "minimize L-BFGS-B" in shown
    assert f"{result.nfev}.0 evaluations" in shown
    assert "value=" in shown
    assert "gradient norm=" in shown


# ----------------------------------------------------------------- the caller's own derivatives


def test_a_given_gradient_is_used():
    calls = []

    def gradient(x):
        calls.append(1)
        return 2 * (x - 1)

    minimize(lambda x: np.sum((x - 1) ** 2), np.zeros(2), jac=gradient)
    assert calls


def test_jac_true_means_the_function_returns_both():
    result = minimize(lambda x: (np.sum((x - 1) ** 2), 2 * (x - 1)), np.zeros(2), jac=True)
    np.testing.assert_allclose(result.x, 1, atol=1e-6)
    assert result.nfev == result.njev


def test_differences_can_be_asked_for_by_name():
    result = minimize(lambda x: np.sum((x - 1) ** 2), np.zeros(5), jac="2-point")
    assert result.nfev > 2 * result.njev


def test_a_given_hessian_is_used():
    seen = []

    def hessian(x):
        seen.append(1)
        return 2 * np.eye(2)

    minimize(lambda x: np.sum((x - 1) ** 2), np.zeros(2), method="trust-exact", hess=hessian)
    assert seen


def test_a_custom_method_gets_gradient_and_product():
    def steepest(fun, x0, args=(), jac=None, hessp=None, **options):
        gradient = jac(x0)
        step = gradient @ gradient / (gradient @ hessp(x0, gradient))
        x = x0 - step * gradient
        return optimize.OptimizeResult(x=x, fun=fun(x), success=True)

    result = minimize(lambda x: np.sum((x - 3) ** 2), np.zeros(2), method=steepest)
    np.testing.assert_allclose(result.x, 3)
