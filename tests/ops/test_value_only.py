"""What has its value alone says so, and is there."""

import importlib

import numpy as np
import pytest
from scipy import integrate, interpolate, linalg, sparse

import autodiff
from autodiff.ops.value_only import REASONS, why_value_only


@pytest.mark.parametrize("name", REASONS)
def test_what_is_listed_is_there(name: str) -> None:
    place, _, beginning = name.rpartition(".")
    module, _, cls = place.rpartition(".")
    of_class = bool(module) and hasattr(importlib.import_module(module), cls)
    space = (
        getattr(importlib.import_module(module), cls)
        if of_class
        else importlib.import_module(place)
    )
    inside = [*dir(space), *[f"_{n}" for n in dir(space)]]
    assert any(n.startswith(beginning) for n in inside) or importlib.import_module(name)


def test_the_longest_beginning_counts() -> None:
    assert why_value_only("scipy.sparse.csgraph.dijkstra") == REASONS["scipy.sparse.csgraph"]
    assert why_value_only("scipy.sparse.csr_array") is None
    assert why_value_only("numpy.ma.core.array") != why_value_only("numpy.matrix")


def _kept_by_an_integrator(y):
    solver = integrate.complex_ode(lambda t, v: -v)
    solver.set_initial_value(y, 0.0)
    return np.sum(solver.integrate(1.0).real)


def _kept_by_a_matrix(y):
    matrix = sparse.dok_array((3, 3))
    matrix[1, 2] = y[0]
    return np.sum(matrix.toarray())


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize(
    ("f", "why"),
    [
        (_kept_by_an_integrator, "a routine in Fortran"),
        (_kept_by_a_matrix, "Python's own objects"),
        (lambda y: np.sum(np.frompyfunc(lambda v: v * v, 1, 1)(y).astype(float)), "np.vectorize"),
        (lambda y: np.sum(interpolate.AAA(np.arange(3.0), y)(0.5)), "by comparing errors"),
    ],
)
def test_what_an_object_keeps_is_not_lost_without_a_word(f, why: str) -> None:
    with pytest.raises(autodiff.DerivativeError, match=why):
        autodiff.gradient(f)(np.ones(3))


def test_the_error_says_why() -> None:
    with pytest.warns(autodiff.FallbackWarning), pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(lambda q: np.sum(linalg.cossin(q, 1, 1, separate=True)[1]))(np.eye(3))
    assert str(caught.value).startswith(
        "AD302: scipy.linalg.cossin has its value alone, and no derivative: it is one routine of LAPACK, of "
        "which no derivative is known."
    )
