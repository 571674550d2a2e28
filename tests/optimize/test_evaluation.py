"""Shared evaluations, remembered derivatives, recorders."""

import gc
import weakref

import numpy as np
import pytest

from autodiff.optimize.evaluation import (
    History,
    SharedEvaluation,
    derivative,
    first_parameter,
    recording,
)


def counting_pair():
    points = []

    def evaluate(x):
        points.append(x.copy())
        return float(x @ x), 2 * x

    return points, evaluate


def test_value_then_gradient_at_one_point_is_one_evaluation():
    points, evaluate = counting_pair()
    shared = SharedEvaluation(evaluate)
    x = np.array([1.0, 2.0])
    assert shared.value(x) == 5
    np.testing.assert_array_equal(shared.gradient(x), [2, 4])
    assert shared.value(x.copy()) == 5
    assert len(points) == shared.evaluations == 1


def test_gradient_first_and_points_changed_in_place():
    points, evaluate = counting_pair()
    shared = SharedEvaluation(evaluate)
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(shared.gradient(x), [2, 4])
    x[0] = 3.0  # SciPy may hand over its own working array
    assert shared.value(x) == 13
    assert len(points) == 2


def test_nan_is_a_point_like_any_other():
    points, evaluate = counting_pair()
    shared = SharedEvaluation(evaluate)
    x = np.array([np.nan])
    shared.value(x)
    shared.gradient(x)
    assert len(points) == 1


def test_derivatives_of_a_function_are_made_once():
    def f(x):
        return np.sum(x**2)

    assert derivative("gradient", f, None) is derivative("gradient", f, None)
    assert derivative("gradient", f, None) is not derivative("gradient", f, "x")
    assert derivative("gradient", f, None) is not derivative("value_and_gradient", f, None)


def test_objects_that_compare_equal_are_not_confused():
    class Always:
        def __init__(self, power):
            self.power = power

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 1

        def __call__(self, x):
            return x**self.power

    assert derivative("gradient", Always(2), None)(3.0) == 6
    assert derivative("gradient", Always(3), None)(3.0) == 27


@pytest.mark.usefixtures("new_objects_only")
def test_forgotten_functions_are_released():
    def make():
        data = np.ones(3)

        def f(x):
            return np.sum(x * data)

        derivative("gradient", f, None)
        return weakref.ref(f)

    released = [make() for _ in range(80)]
    gc.collect()
    assert sum(reference() is None for reference in released) >= 40


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (lambda x: x, (), None),
        (lambda x, a: x, (1,), "x"),
        (lambda weights, a=2: weights, (), "weights"),
        (lambda *x: x, (), None),
        (lambda *x: x, (1,), "<first argument>"),
    ],
)
def test_the_first_argument_is_named_when_it_is_not_alone(function, args, expected):
    assert first_parameter(function, args) == expected


def test_nothing_is_recorded_unless_asked():
    with recording("x", progress=False, history=False) as recorder:
        assert recorder is None


def test_a_history_without_evaluations_says_so():
    assert repr(History()) == "History(no evaluations)"
