"""Sparse derivatives are handed to the methods that take them, where they are large and mostly empty."""

import numpy as np
import pytest
import scipy.optimize as so
import scipy.sparse as sp

from autodiff.optimize import minimize, root

N = 1000


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def chain(u):
    """Zero for a stretched chain with a cubic force on each link."""
    wide = np.concatenate([np.zeros(1), u, np.zeros(1)])
    bent = (wide[2:] - 2 * u + wide[:-2]) * 0.01 * len(u) ** 2
    return bent - u - 0.3 * u**3 + np.linspace(0.0, 1.0, len(u))


def given(monkeypatch, name):
    """What SciPy's function of that name is given."""
    seen = {}
    original = getattr(so, name)

    def call(*args, **kwargs):
        seen.update(kwargs)
        return original(*args, **kwargs)

    monkeypatch.setattr(so, name, call)
    return seen


@pytest.mark.parametrize(
    "method", ["trust-constr", pytest.param("Newton-CG", marks=pytest.mark.slow)]
)
def test_the_hessian_of_many_parameters_is_sparse(monkeypatch, method):
    seen = given(monkeypatch, "minimize")
    found = minimize(rosenbrock, np.full(N, 0.99), method=method)
    hessian = seen["hess"](np.ones(N))
    assert isinstance(hessian, sp.csr_array) and hessian.nnz == 3 * N - 2
    assert found.success and np.allclose(found.x[: N // 2], 1.0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("f", "x0"),
    [
        (rosenbrock, np.full(30, 0.99)),  # few
        (lambda x: np.sum(x) ** 2 + np.sum(x**2), np.ones(N)),  # filled
    ],
)
def test_a_small_or_filled_hessian_is_given_by_products(monkeypatch, f, x0):
    seen = given(monkeypatch, "minimize")
    minimize(f, x0, method="trust-constr", options={"maxiter": 3})
    assert "hess" not in seen and callable(seen["hessp"])


@pytest.mark.slow
def test_the_jacobian_of_a_constraint_is_sparse():
    constraint = so.NonlinearConstraint(lambda x: x[1:] * x[:-1], 0.3, np.inf)

    def objective(x):
        return np.sum((x - 0.5) ** 4 + x**2)

    found = minimize(
        objective, np.full(N, 0.9), method="trust-constr", constraints=constraint,
        options={"maxiter": 60},
    )  # fmt: skip
    assert sp.issparse(found.jac[0]) and found.jac[0].nnz == 2 * (N - 1)
    assert np.allclose(found.x[400:600], np.sqrt(0.3), atol=1e-3)


@pytest.mark.slow
def test_several_constraints_have_jacobians_of_one_kind():
    both = [so.NonlinearConstraint(lambda x: x[1:] * x[:-1], 0.3, np.inf),
            so.LinearConstraint(np.ones((1, N)), 0.0, np.inf)]  # fmt: skip
    found = minimize(
        lambda x: np.sum(x**2), np.full(N, 0.9), method="trust-constr", constraints=both,
        options={"maxiter": 2},
    )  # fmt: skip
    assert found.nit == 2


def test_krylov_divides_by_the_sparse_jacobian():
    found = root(chain, np.zeros(N), method="krylov", options={"fatol": 1e-8})
    assert found.success and found.nit <= 8
    assert np.max(np.abs(chain(found.x))) < 1e-8
    without = root(
        chain, np.zeros(N), method="krylov", jac=False, options={"fatol": 1e-8, "maxiter": 8}
    )
    assert not without.success


@pytest.mark.slow
def test_a_preconditioner_of_the_callers_own_is_kept(monkeypatch):
    seen = given(monkeypatch, "root")
    own = sp.eye_array(N, format="csr")
    options = {"maxiter": 1, "jac_options": {"inner_M": own}}
    root(chain, np.zeros(N), method="krylov", options=options)
    assert seen["options"]["jac_options"]["inner_M"] is own
