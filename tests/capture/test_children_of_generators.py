"""Random generators that the function makes from a seed, their children and copies: anew at every call."""

import copy

import numpy as np
import pytest

import autodiff


def child(x):
    return np.random.default_rng(3).spawn(1)[0].normal(x)


def sum_over_children(x):
    return sum(rng.normal(x) for rng in np.random.default_rng(3).spawn(3))


def loop_over_children(x):
    total = 0.0
    for rng in np.random.default_rng(3).spawn(6):
        total += rng.normal(x)
    return total


def grandchild(x):
    rng = np.random.default_rng(3).spawn(1)[0].spawn(2)[1]
    return rng.normal(x) + rng.random()


def second_children(x):
    rng = np.random.default_rng(3)
    first, second = rng.spawn(2), rng.spawn(2)
    return first[0].normal(x) * second[1].normal(x)


def deep_copy(x):
    rng = np.random.default_rng(3)
    other = copy.deepcopy(rng)
    return rng.normal(x) + 2 * other.normal(x)


def shallow_copy(x):
    rng = np.random.default_rng(3)
    other = copy.copy(rng)
    return rng.normal(x) + 2 * other.normal(x)


def child_in_branch(x):
    rng = np.random.default_rng(3)
    if x > 0:
        rng = rng.spawn(1)[0]
    return rng.normal(x)


def children_in_dict(x):
    rngs = dict(enumerate(np.random.default_rng(3).spawn(2)))
    return rngs[0].normal(x) - rngs[1].normal(x)


FUNCTIONS = [
    child,
    sum_over_children,
    loop_over_children,
    grandchild,
    second_children,
    deep_copy,
    shallow_copy,
    child_in_branch,
    children_in_dict,
]


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_call_draws_the_same_numbers(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for x in (0.7, 0.7, 1.5, 0.7):
        assert compiled(x) == pytest.approx(f(x), rel=1e-14)


def test_the_gradient_sees_the_same_draws() -> None:
    def f(x):
        return np.sum(x * np.random.default_rng(3).spawn(1)[0].normal(size=2))

    gradient = autodiff.gradient(f)
    expected = np.random.default_rng(3).spawn(1)[0].normal(size=2)
    for _ in range(3):
        np.testing.assert_allclose(gradient(np.ones(2)), expected)
