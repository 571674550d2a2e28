"""Sizes and ints that differ between calls are read at run time: few compilations serve all."""

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])


@ENGINES
def test_loop_lengths_are_never_frozen(engine):
    def loop_mult(x, n):
        total = 0 * x
        for _ in range(n):
            total = total + x
        return total

    compiled = autodiff.function(loop_mult, engine=engine)
    assert [compiled(2.0, 4), compiled(2.0, 5), compiled(2.0, 0)] == [8.0, 10.0, 0.0]
    assert len(compiled.cache) == 1
    gradient = autodiff.gradient(loop_mult, wrt="x", engine=engine)
    assert [gradient(2.0, 4), gradient(2.0, 7)] == [4.0, 7.0]
    assert len(gradient.cache) == 1


@ENGINES
def test_a_hundred_lengths_compile_at_most_three_times(engine):
    def f(x, w):
        z = np.tanh(x @ w)
        return np.sum(z**2) / len(x) + np.mean(x[1:] - x[:-1]) + sum(x[0])

    value, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    rng = np.random.default_rng(0)
    w = rng.normal(size=3)
    for n in range(2, 102):
        x = rng.normal(size=(n, 3))
        assert np.isclose(value(x, w), f(x, w))
        by_x, by_w = gradient(x, w)
        slope = 2 * np.tanh(x @ w) * (1 - np.tanh(x @ w) ** 2) / n
        assert by_x.shape == (n, 3)
        assert np.allclose(by_w, x.T @ slope)
    assert len(value.cache) <= 3
    assert len(gradient.cache) <= 3


@ENGINES
def test_extents_of_one_stay_fixed_since_they_broadcast(engine):
    compiled = autodiff.function(lambda a, b: np.sum(a * b), engine=engine)
    for m, n in ((3, 3), (1, 3), (3, 1), (4, 4), (1, 1), (5, 5), (1, 5)):
        a, b = np.arange(1.0, m + 1), np.arange(1.0, n + 1)
        assert compiled(a, b) == np.sum(a * b)


@ENGINES
def test_ints_that_shape_the_program_are_specialised_on(engine):
    axis = autodiff.function(lambda x, a: np.sum(x, axis=a), engine=engine)
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(axis(x, 0), x.sum(axis=0))
    assert np.array_equal(axis(x, 1), x.sum(axis=1))
    rows = autodiff.function(lambda x, n: (x.reshape(n, -1) ** 2).sum(axis=0), engine=engine)
    y = np.arange(12.0)
    for n in (3, 4, 3, 6):
        assert np.allclose(rows(y, n), (y.reshape(n, -1) ** 2).sum(axis=0))


@ENGINES
def test_mismatched_lengths_raise_what_numpy_raises_after_sizes_became_symbols(engine):
    compiled = autodiff.function(lambda a, b: np.sum(a + b), engine=engine)
    for n in (3, 4, 5):
        compiled(np.ones(n), np.ones(n))
    with pytest.raises(ValueError, match="could not be broadcast together"):
        compiled(np.ones(4), np.ones(5))
    assert compiled(np.ones(6), np.ones(6)) == 12.0


def test_defaults_are_arguments_only_when_passed():
    def loss(x, scale=1.0, n=2):
        return np.sum(scale * x**n)

    gradient = autodiff.gradient(loss)
    x = np.ones(3)
    assert np.array_equal(gradient(x), np.full(3, 2.0))
    by_x, by_scale = gradient(x, 2.0)
    assert np.array_equal(by_x, np.full(3, 4.0))
    assert by_scale == 3.0
    assert autodiff.gradient(loss, wrt="scale")(x) == 3.0
