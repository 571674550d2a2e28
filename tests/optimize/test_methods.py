"""The table of methods, against SciPy itself."""

import numpy as np
import pytest
from scipy import optimize

from autodiff.optimize import METHODS, methods_table, minimize


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
