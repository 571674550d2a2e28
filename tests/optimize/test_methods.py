"""The table of methods, against SciPy itself."""

from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from autodiff.optimize import METHODS, methods_table, minimize, root


def test_the_table_has_every_method_of_scipy():
    scipy_methods = optimize._minimize.MINIMIZE_METHODS
    # The old names of the table's "_custom" entry are not methods.
    assert set(METHODS) == set(scipy_methods)


def convex(x):
    return np.sum(np.cosh(x - np.arange(1, 4))) + 0.1 * np.sum(x**2)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_minimizes_with_what_the_table_gives_it(method):
    # SciPy warns of derivatives a method cannot use, and warnings are errors here.
    result = minimize(convex, [0.5, 0.5, 0.5], method=method)
    reference = optimize.minimize(convex, [0.5, 0.5, 0.5], method="BFGS", tol=1e-9)
    assert result.fun <= reference.fun + 1e-6
    np.testing.assert_allclose(result.x, reference.x, atol=2e-3)


@pytest.mark.parametrize("method", [name for name, entry in METHODS.items() if not entry.gradient])
def test_methods_without_derivatives_only_see_values(method, monkeypatch):
    from autodiff import api

    def refuse(*args, **kwargs):
        raise AssertionError("a derivative was made that nobody can use")

    for name in ("gradient", "value_and_gradient", "hessian", "hessian_vector", "jacobian"):
        monkeypatch.setattr(api, name, refuse)
    minimize(lambda x: np.sum((x - 1) ** 2), [0.0, 0.0], method=method)


def test_an_unknown_method_is_an_error_that_lists_the_methods():
    with pytest.raises(ValueError, match="no method 'bgfs'; it has Nelder-Mead, Powell, CG, BFGS"):
        minimize(convex, np.zeros(3), method="bgfs")


def test_the_printed_table_has_a_line_for_each_method():
    lines = methods_table().splitlines()
    assert len(lines) == 2 + len(METHODS)
    assert "| Newton-CG | exact | Hessian-vector product |  |  |" in lines
    assert "| trust-exact | exact | Hessian |  |  |" in lines


def test_the_documentation_has_the_table():
    page = Path(__file__).parents[2] / "docs" / "optimisation.md"
    assert methods_table() in page.read_text()


@pytest.mark.parametrize("method", METHODS)
def test_scipy_is_handed_exactly_what_the_table_says(method, monkeypatch):
    handed = {}

    def record(**keywords):
        handed.update(keywords)
        return optimize.OptimizeResult(x=keywords["x0"], fun=0.0)

    monkeypatch.setattr(optimize, "minimize", record)
    constraint = optimize.NonlinearConstraint(lambda x: np.sum(x**2), 0, 1)
    entry = METHODS[method]
    constraints = constraint if entry.constraints != "none" else ()
    minimize(convex, [0.5, 0.5, 0.5], method=method, constraints=constraints)
    assert ("jac" in handed) == entry.gradient
    assert ("hessp" in handed) == (entry.curvature == "product")
    assert ("hess" in handed) == (entry.curvature == "matrix")
    if entry.constraints != "none":
        given = handed["constraints"]
        assert callable(given.jac) == (entry.constraints in ("jacobian", "hessian"))
        exact_hessian = callable(given.hess) and not isinstance(given.hess, optimize.BFGS)
        assert exact_hessian == (entry.constraints == "hessian")
    x, v = np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.0, -1.0])
    hessian = np.diag(np.cosh(x - np.arange(1, 4)) + 0.2)
    assert handed["fun"](x) == pytest.approx(convex(x), rel=1e-14)
    if entry.gradient:
        slope = np.sinh(x - np.arange(1, 4)) + 0.2 * x
        np.testing.assert_allclose(handed["jac"](x), slope, rtol=1e-13)
    if entry.curvature == "product":
        np.testing.assert_allclose(handed["hessp"](x, v), hessian @ v, rtol=1e-13)
    if entry.curvature == "matrix":
        np.testing.assert_allclose(handed["hess"](x), hessian, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_containers_arguments_and_bounds(method):
    def misfit(p, target, weight):
        return weight * np.sum((p["w"] - target) ** 2) + (p["b"] - 2.0) ** 2

    start = {"w": np.full((2, 1), 0.3), "b": 0.4}
    target = np.array([[0.5], [1.5]])
    bounds = (0.0, 1.0) if METHODS[method].bounds else None
    result = minimize(misfit, start, args=(target, 3.0), method=method, bounds=bounds)
    w, b = (target, 2.0) if bounds is None else (np.minimum(target, 1), 1.0)
    assert result.x["w"].shape == (2, 1)
    assert isinstance(result.x["b"], float)
    np.testing.assert_allclose(result.x["w"], w, atol=2e-3)
    assert result.x["b"] == pytest.approx(b, abs=2e-3)


@pytest.mark.parametrize("jac", [True, None, "callable"])
def test_roots_with_the_jacobian_of_the_caller(jac):
    def function(x):
        return np.array([x[0] ** 2 - 4, x[0] * x[1] - 6])

    def jacobian(x):
        return np.array([[2 * x[0], 0], [x[1], x[0]]])

    given = {True: True, None: None, "callable": jacobian}[jac]
    fun = (lambda x: (function(x), jacobian(x))) if jac is True else function
    result = root(fun, [1.0, 1.0], jac=given)
    np.testing.assert_allclose(result.x, [2, 3])
    assert result.njev >= 1
