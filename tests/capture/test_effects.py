"""Effects happen at every call, in order, with the values of that call."""

import logging
import random
import time
import warnings

import numpy as np
import pytest

import autodiff

ENGINES = pytest.mark.parametrize("engine", ["numpy", "native"])


@ENGINES
def test_print_in_a_loop_and_a_branch_prints_what_plain_python_prints(engine, capsys):
    def f(x):
        total = 0.0
        for i in range(len(x)):
            total += x[i] ** 2
            if total > 1:
                print(f"total={total:.3f} at {i}", x[i])
        print("done", total, x)
        return total

    compiled = autodiff.function(f, engine=engine)
    for x in (np.array([0.5, 1.0, 2.0, 3.0, 1.0, 2.0]), np.full(6, 0.1)):
        f(x)
        expected = capsys.readouterr().out
        compiled(x)
        assert capsys.readouterr().out == expected
    assert len(compiled.cache) == 1


@ENGINES
def test_a_gradient_prints_once(engine, capsys):
    def f(x):
        print("x is", x)
        return x * x

    gradient = autodiff.gradient(f, engine=engine)
    assert [gradient(2.0), gradient(3.0)] == [4.0, 6.0]
    assert capsys.readouterr().out == "x is 2.0\nx is 3.0\n"


@ENGINES
def test_warnings_and_logging(engine, caplog):
    log = logging.getLogger("autodiff.tests")

    def f(x):
        if x > 1:
            warnings.warn(f"large: {x}", UserWarning, stacklevel=2)
        log.warning("x = %s", x)
        return x

    compiled = autodiff.function(f, engine=engine)
    with pytest.warns(UserWarning, match="large: 2.0"):
        compiled(2.0)
    compiled(0.5)
    assert [r.getMessage() for r in caplog.records] == ["x = 2.0", "x = 0.5"]


@ENGINES
def test_the_global_generator_gives_the_numbers_of_plain_numpy(engine):
    def f(mu, sigma):
        return np.random.normal(mu, sigma, size=3).sum() + np.random.rand() + random.random()

    compiled = autodiff.function(f, engine=engine)
    np.random.seed(7)
    random.seed(7)
    got = [compiled(1.0, 2.0) for _ in range(3)]
    np.random.seed(7)
    random.seed(7)
    assert got == [f(1.0, 2.0) for _ in range(3)]
    assert len(set(got)) == 3


@ENGINES
def test_draws_in_a_rolled_loop_from_a_generator_argument(engine):
    def f(x, rng):
        for _ in range(10):
            x = x + 0.1 * rng.standard_normal() * x
        return x

    compiled = autodiff.function(f, engine=engine)
    for seed in (0, 1):
        got = compiled(2.0, np.random.default_rng(seed))
        assert np.isclose(got, f(2.0, np.random.default_rng(seed)), rtol=1e-14)
    assert len(compiled.cache) == 1


@ENGINES
def test_derivatives_flow_through_location_and_scale(engine):
    rng = np.random.default_rng(3)

    def f(mu, sigma):
        return np.sum(rng.normal(mu, sigma, size=4))

    gradient = autodiff.gradient(f, engine=engine)
    state = rng.bit_generator.state
    by_mu, by_sigma = gradient(1.0, 2.0)
    rng.bit_generator.state = state
    assert by_mu == 4.0
    assert np.isclose(by_sigma, rng.standard_normal(4).sum())


@ENGINES
def test_a_clock_is_read_at_every_call(engine):
    compiled = autodiff.function(lambda x: x + time.perf_counter(), engine=engine)
    first = compiled(0.0)
    assert compiled(0.0) > first
