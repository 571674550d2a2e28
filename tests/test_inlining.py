"""Derivatives inside of captured functions: ordinary operations, differentiated again."""

import pickle

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
X = np.array([1.0, 2.0])


def energy(x):
    return np.sum(x**3)


slope = autodiff.gradient(energy)


@autodiff.gradient
def decorated(x):
    return np.sum(x**2)


@ENGINES
def test_gradient_of_a_function_that_calls_a_gradient(engine):
    outer = autodiff.gradient(lambda x: np.sum(slope(x) * x), engine=engine)
    assert np.allclose(outer(X), 9 * X**2)


@ENGINES
def test_the_inner_function_may_close_over_what_is_differentiated_outside(engine):
    outer = autodiff.gradient(lambda x: autodiff.gradient(lambda y: y**3 * x)(x), engine=engine)
    assert np.isclose(outer(2.0), 36.0)  # d/dx 3x^2 x


@ENGINES
def test_jacobian_of_a_jacobian(engine):
    inner = autodiff.jacobian(lambda y: y**3)
    result = autodiff.jacobian(lambda x: inner(x), engine=engine)(X)
    expected = np.zeros((2, 2, 2))
    expected[[0, 1], [0, 1], [0, 1]] = 6 * X
    assert np.allclose(result, expected)


@ENGINES
def test_value_hessian_and_products_inside(engine):
    value, gradient = autodiff.function(
        lambda x: autodiff.value_and_gradient(energy)(x), engine=engine
    )(X)
    assert np.isclose(value, 9.0)
    assert np.allclose(gradient, 3 * X**2)
    product = autodiff.function(lambda x: autodiff.hessian(energy)(x) @ x, engine=engine)(X)
    assert np.allclose(product, 6 * X**2)
    vector = autodiff.function(
        lambda x: autodiff.hessian_vector(energy)(x, _tensors=x), engine=engine
    )(X)
    assert np.allclose(vector, 6 * X**2)


@ENGINES
def test_newton_iterations_with_exact_derivatives_are_differentiable(engine):
    def root(a):
        error = lambda x: (x * x - a) ** 2
        first, second = autodiff.gradient(error), autodiff.hessian(error)
        x = a
        for _ in range(40):
            x = x - first(x) / second(x)
        return x

    assert np.isclose(autodiff.function(root, engine=engine)(2.0), np.sqrt(2.0))
    assert np.isclose(autodiff.gradient(root, engine=engine)(2.0), 0.5 / np.sqrt(2.0))


def test_a_decorated_function_is_pickled_by_name():
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    again = pickle.loads(pickle.dumps(autodiff.gradient(np.sum)))
    assert np.array_equal(again(X), np.ones(2))
