"""Values that leave the trace: guarded where they steer, refused where they carry a derivative."""

import functools

import numpy as np
import pytest

import autodiff
from autodiff.errors import DerivativeError


def without_source(text):
    namespace = {"np": np}
    exec(text, namespace)
    return namespace["f"]


def test_a_derivative_that_would_be_lost_in_a_plain_number_is_an_error():
    # Without source nothing sees that np.array takes the number out of the traced array.
    f = without_source("def f(x): return np.sum(np.exp(x) * np.array([x[0], 1.0]))")
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(autodiff.function(f)(x), f(x))
    with pytest.raises(DerivativeError, match="becomes a plain number here, which would lose"):
        autodiff.gradient(f)(x)


def test_integers_that_leave_the_trace_are_fine():
    f = without_source("def f(x): return np.sum(x[: int(np.array(np.argmax(x)))] ** 2)")
    x = np.array([1.0, 2.0, 5.0, 3.0])
    np.testing.assert_allclose(autodiff.gradient(f)(x), [2, 4, 0, 0])


class Loss:
    def __init__(self, target):
        self.target = target

    def value(self, x):
        return np.sum((x - self.target) ** 2)

    def __call__(self, x):
        return self.value(x)


@pytest.mark.parametrize("take", [lambda loss: loss.value, lambda loss: loss])
def test_attributes_of_the_object_of_a_method_are_read_at_every_call(take):
    loss = Loss(np.array([1.0, -1.0]))
    gradient = autodiff.gradient(take(loss))
    np.testing.assert_array_equal(gradient(np.zeros(2)), [-2, 2])
    loss.target = np.array([5.0, 6.0])
    np.testing.assert_array_equal(gradient(np.zeros(2)), [-10, -12])
    loss.target[0] = 1.0
    np.testing.assert_array_equal(gradient(np.zeros(2)), [-2, -12])


def test_arguments_held_by_a_partial_are_read_at_every_call():
    def loss(target, x):
        return np.sum((x - target) ** 2)

    target = np.array([1.0, -1.0])
    value = autodiff.function(functools.partial(loss, target))
    assert value(np.zeros(2)) == 2
    target[:] = 3.0
    assert value(np.zeros(2)) == 18
