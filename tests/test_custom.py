"""Derivatives given by hand, and values through which none flows."""

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])
X = np.array([0.3, 0.5, 0.9])


@autodiff.custom_gradient(vjp=lambda ct, y, x: ct * 3 * x**2)
def cube(x):
    return x * x * x


@autodiff.custom_gradient(jvp=lambda tangents, y, a, b: tangents[0] * b + tangents[1] * a)
def product(a, b):
    return a * b


@autodiff.custom_gradient(vjp=lambda ct, y, x: 10.0 * ct)
def ten(x):
    return x**2


def test_a_custom_function_is_itself_outside_of_captured_code():
    assert cube(2.0) == 8.0
    assert cube.__name__ == "cube"


@ENGINES
def test_the_rule_replaces_the_derivative(engine):
    value, slope = autodiff.value_and_gradient(lambda x: np.sum(ten(x)), engine=engine)(X)
    assert np.isclose(value, np.sum(X**2))
    assert np.array_equal(slope, np.full(3, 10.0))


@ENGINES
def test_a_vjp_rule_serves_forward_mode_and_second_order(engine):
    def f(x):
        return np.sum(np.sin(cube(x)))

    slope = np.cos(X**3) * 3 * X**2
    _, tangent = autodiff.jvp(f, (X,), (np.ones(3),), engine=engine)
    assert np.isclose(tangent, slope.sum())
    second = -np.sin(X**3) * 9 * X**4 + np.cos(X**3) * 6 * X
    product_ = autodiff.hessian_vector(f, engine=engine)(X, _tensors=np.ones(3))
    assert np.allclose(product_, second)


@ENGINES
def test_a_jvp_rule_serves_reverse_mode(engine):
    def f(a, b):
        return np.sum(product(a, b) ** 2)

    slope_a, slope_b = autodiff.gradient(f, engine=engine)(X, X + 1)
    assert np.allclose(slope_a, 2 * X * (X + 1) ** 2)
    assert np.allclose(slope_b, 2 * X**2 * (X + 1))


@ENGINES
def test_a_custom_function_in_a_rolled_loop(engine):
    def f(x):
        total = 0.0
        for i in range(10):
            total = total + cube(x[i % 3]) * i
        return total

    assert autodiff.check_gradient(f, X, engine=engine).agrees


@ENGINES
def test_stop_gradient_is_a_constant_to_the_derivative(engine):
    f = autodiff.gradient(lambda x: x * autodiff.stop_gradient(x), engine=engine)
    assert f(3.0) == 3.0
    nested = autodiff.gradient(
        lambda x: autodiff.stop_gradient([x, {"a": x}])[1]["a"] * x, engine=engine
    )
    assert nested(3.0) == 3.0
    assert autodiff.stop_gradient(3.0) == 3.0


def test_exactly_one_rule_is_needed():
    with pytest.raises(ValueError) as caught:
        autodiff.custom_gradient(cube)
    assert str(caught.value) == (
        "AD109: custom_gradient needs exactly one rule, vjp or jvp.\n"
        "  Remedy: pass vjp=..., a function (ct, y, *args) -> cotangents"
    )
