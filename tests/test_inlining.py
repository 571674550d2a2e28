"""Derivatives inside of captured functions: ordinary operations, differentiated again."""

import functools
import math
import pickle

import numpy as np
import pytest
from scipy import special

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


@ENGINES
def test_a_jvp_inside_is_compiled_and_differentiated(engine):
    def f(x):
        value, tangent = autodiff.jvp(lambda y: np.sum(y**3), (x,), (x,))
        return value + tangent  # sum(x^3) + sum(3 x^3)

    assert autodiff.function(f, engine=engine, on_fallback="error")(X) == 36.0
    assert np.allclose(autodiff.gradient(f, engine=engine, on_fallback="error")(X), 12 * X**2)


@ENGINES
def test_a_vjp_inside_is_compiled_and_differentiated(engine):
    def f(x):
        value, pull = autodiff.vjp(lambda a, b: a * b * b, x, 2 * x)
        by_a, by_b = pull(x)  # 4 x^3 and 4 x^3
        return np.sum(value + by_a + by_b)

    assert np.isclose(autodiff.function(f, engine=engine, on_fallback="error")(X), 12 * 9.0)
    assert np.allclose(autodiff.gradient(f, engine=engine, on_fallback="error")(X), 36 * X**2)


@ENGINES
def test_products_inside_take_and_give_containers(engine):
    def f(x):
        def parts(p):
            return {"u": p["a"] ** 2, "v": p["b"] * p["a"]}

        value, tangent = autodiff.jvp(parts, ({"a": x, "b": x},), ({"a": x, "b": 0 * x},))
        _, pull = autodiff.vjp(parts, {"a": x, "b": x})
        (by,) = pull({"u": np.ones(2), "v": x})
        return np.sum(tangent["u"] + value["v"] + by["a"] + by["b"])  # 3 x^2 + 2 x + 2 x^2

    gradient = autodiff.gradient(f, engine=engine, on_fallback="error")
    assert np.allclose(gradient(X), 10 * X + 2)


def test_a_newton_loop_with_a_jvp_inside_of_a_while_loop():
    def root(a):
        x = a
        while abs(x * x - a) > 1e-12:
            value, slope = autodiff.jvp(lambda z: z * z - a, (x,), (1.0,))
            x = x - value / slope
        return x

    assert np.isclose(autodiff.function(root, on_fallback="error")(2.0), np.sqrt(2.0))
    gradient = autodiff.gradient(root, on_fallback="error")
    assert np.isclose(gradient(2.0), 0.5 / np.sqrt(2.0))
    assert len(gradient.cache) == 1


def test_an_inner_derivative_names_the_arguments_of_a_function_defined_inside():
    def f(x):
        def inner(a, b=2.0):
            return np.sum(a * b * b)

        return autodiff.gradient(inner, wrt="b")(x, 3.0) + autodiff.gradient(inner, wrt="b")(x)

    assert np.isclose(autodiff.function(f, on_fallback="error")(X), 10 * np.sum(X))


def test_products_give_one_result_per_primal_also_for_ints():
    f = lambda x, n: x**n
    value, tangent = autodiff.jvp(f, (X, 3), (np.ones(2), 0))
    assert np.allclose(value, X**3) and np.allclose(tangent, 3 * X**2)
    _, pull = autodiff.vjp(f, X, 3)
    by_x, by_n = pull(np.ones(2))
    assert np.allclose(by_x, 3 * X**2) and by_n == 0.0
    inside = autodiff.function(lambda x: autodiff.vjp(f, x, 3)[1](x), on_fallback="error")
    by_x, by_n = inside(X)
    assert np.allclose(by_x, 3 * X**3) and by_n == 0.0


def test_a_tangent_inside_that_does_not_fit_is_named():
    f = autodiff.function(lambda x: autodiff.jvp(np.sin, (x,), (np.ones(3),)))
    with pytest.raises(autodiff.ShapeError) as caught:
        f(X)
    assert str(caught.value).startswith(
        "AD202: jvp: a vector has shape (3,) where the argument has (2,).\n"
    )


def test_a_transformed_method_is_looked_into() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = 2.0

        @autodiff.function
        def value(self, x):
            return self.w * x**2

        @autodiff.gradient(wrt="x")
        def slope(self, x):
            return self.w * np.sum(x**3)

    model = Model()
    both = autodiff.gradient(lambda x: model.value(x) + model.slope(x))
    assert both(3.0) == 2 * 2 * 3 + 2 * 6 * 3
    model.w = 1.0
    assert both(3.0) == 2 * 3 + 6 * 3
    assert len(both.cache) == 1


BARE = {
    "tanh": (np.tanh, lambda x: np.tanh(x), (0.3,)),
    "hypot": (np.hypot, lambda x, y: np.hypot(x, y), (0.3, 0.5)),
    "sin of math": (math.sin, lambda x: math.sin(x), (0.3,)),
    "erf": (special.erf, lambda x: special.erf(x), (0.3,)),
    "partial": (functools.partial(np.power, 2.0), lambda y: np.power(2.0, y), (1.5,)),
    "vectorize": (np.vectorize(lambda x: x**3), lambda x: x**3, (2.0,)),
    "norm": (np.linalg.norm, lambda x: np.linalg.norm(x), (X,)),
}
NESTED = {
    "ggg": lambda g, j, h: lambda f: g(g(g(f))),
    "gggg": lambda g, j, h: lambda f: g(g(g(g(f)))),
    "jgg": lambda g, j, h: lambda f: j(g(g(f))),
    "hg": lambda g, j, h: lambda f: h(g(f)),
}


@pytest.mark.parametrize("nest", NESTED)
@pytest.mark.parametrize("name", BARE)
def test_callables_without_a_signature_are_differentiated_as_often_as_functions(name, nest):
    bare, function, arguments = BARE[name]
    transform = NESTED[nest](
        lambda f: autodiff.gradient(f, wrt=0), lambda f: autodiff.jacobian(f, wrt=0),
        lambda f: autodiff.hessian(f, wrt=0),
    )  # fmt: skip
    try:
        wanted = transform(function)(*arguments)
    except autodiff.errors.NotScalarError:
        with pytest.raises(autodiff.errors.NotScalarError):
            transform(bare)(*arguments)
    else:
        assert np.allclose(transform(bare)(*arguments), wanted)


@pytest.mark.parametrize(
    ("x", "d"),
    [(np.array([1 + 2j, 0.5 - 1j]), np.array([0.3 - 0.2j, 1 + 1j])), (1 + 0.5j, 0.2 - 0.1j)],
)
def test_derivatives_by_complex_numbers_inside_of_a_function(x, d):
    def loss(y):
        return np.sum(np.real(y * y * y) + np.abs(y) ** 2 * np.imag(y))

    def of_gradient(x):
        return np.sum(np.real(np.conj(autodiff.gradient(loss)(x)) * (1.0 + 0.5j)))

    def of_jvp(x):
        return autodiff.jvp(loss, (x,), (d,))[1] ** 2

    def of_product(x):
        return np.sum(np.abs(autodiff.hessian_vector(loss)(x, _tensors=d)) ** 2)

    def of_pull(x):
        value, pull = autodiff.vjp(loss, x)
        return np.sum(np.abs(pull(value)[0]) ** 2)

    for f in (of_gradient, of_jvp, of_product, of_pull):
        wanted = (f(x + 1e-6 * d) - f(x - 1e-6 * d)) / 2e-6
        found = np.sum(np.real(np.conj(autodiff.gradient(f)(x)) * d))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        np.testing.assert_allclose(autodiff.jvp(f, (x,), (d,))[1], wanted, rtol=1e-6)


def test_conjugates_of_python_numbers():
    found = autodiff.gradient(lambda x: np.conj(autodiff.gradient(lambda y: y**3)(x)))(1.5)
    np.testing.assert_allclose(found, 9.0)
