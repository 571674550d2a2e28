"""`root` and `root_scalar`."""

import numpy as np
import pytest

from autodiff.optimize import root, root_scalar


def circle_and_line(x):
    return np.array([x[0] ** 2 + x[1] ** 2 - 25, x[0] - x[1] - 1])


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1", "df-sane", "krylov"])
def test_every_kind_of_method_finds_the_root(method):
    result = root(circle_and_line, [5.0, 2.0], method=method)
    np.testing.assert_allclose(result.x, [4, 3], atol=1e-4)


def test_the_jacobian_saves_the_evaluations_of_differences():
    exact = root(circle_and_line, [5.0, 2.0])
    differences = root(circle_and_line, [5.0, 2.0], jac=False)
    np.testing.assert_allclose(exact.x, differences.x, rtol=1e-8)
    assert exact.nfev < differences.nfev
    assert exact.njev >= 1


def test_lists_as_results_and_arguments():
    result = root(lambda x, c: [x[0] - c, x[1] ** 2 - x[0]], [1.0, 1.0], args=(4.0,))
    np.testing.assert_allclose(result.x, [4, 2])


def test_containers_in_containers_out():
    def equations(p):
        return {"u": p["u"] ** 2 - 2, "v": p["v"] - p["u"]}

    result = root(equations, {"u": 1.0, "v": np.ones(2)})
    assert result.x["u"] == pytest.approx(np.sqrt(2))
    np.testing.assert_allclose(result.x["v"], np.sqrt(2))


def test_history_of_a_root():
    result = root(circle_and_line, [5.0, 2.0], history=True)
    assert result.history.values[0] == 4
    assert min(result.history.values) < 1e-8


def test_newton_is_the_default_from_a_start():
    result = root_scalar(lambda x: x**3 - 2, x0=1)
    assert result.converged
    assert result.root == pytest.approx(2 ** (1 / 3), rel=1e-14)
    assert result.method == "newton"


def test_halley_gets_the_second_derivative():
    newton = root_scalar(lambda x, a: np.exp(x) - a, args=(7.0,), x0=0.0, method="newton")
    halley = root_scalar(lambda x, a: np.exp(x) - a, args=(7.0,), x0=0.0, method="halley")
    assert halley.root == pytest.approx(np.log(7), rel=1e-14)
    assert halley.iterations < newton.iterations


@pytest.mark.parametrize("method", [None, "brentq", "bisect", "toms748"])
def test_brackets_need_no_derivative(method):
    result = root_scalar(lambda x: x**3 - 2, bracket=[0, 2], method=method)
    assert result.root == pytest.approx(2 ** (1 / 3), rel=1e-9)


def test_secant_from_two_starts():
    assert root_scalar(lambda x: x**2 - 2, x0=1.0, x1=2.0).root == pytest.approx(np.sqrt(2))
