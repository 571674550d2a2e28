"""Searches that are part of the program ask the function where SciPy's do, and find the same numbers."""

import numpy as np
import pytest
import scipy.optimize as so

import autodiff
from autodiff.engines.native import host

WAYS = {
    "brentq": lambda f, g, a, b, **how: so.brentq(f, a, b, full_output=True, **how),
    "brenth": lambda f, g, a, b, **how: so.brenth(f, a, b, full_output=True, **how),
    "bisect": lambda f, g, a, b, **how: so.bisect(f, a, b, full_output=True, **how),
    "ridder": lambda f, g, a, b, **how: so.ridder(f, a, b, full_output=True, **how),
    "toms748": lambda f, g, a, b, **how: so.toms748(f, a, b, full_output=True, **how),
    "toms748 by two": lambda f, g, a, b, **how: so.toms748(f, a, b, k=2, full_output=True, **how),
    "newton": lambda f, g, a, b, **how: so.newton(f, b, fprime=g, full_output=True, **how),
    "secant": lambda f, g, a, b, **how: so.newton(f, b, full_output=True, **how),
    "halley": lambda f, g, a, b, **how: so.newton(
        f, b, g, fprime2=lambda z: 6 * z, full_output=True, **how
    ),
}
# Sums and products alone, which are rounded everywhere alike.
FUNCTIONS = {
    "a cubic": (lambda z, p: z * z * z - p[0] * z - p[1], lambda z, p: 3 * z * z - p[0]),
    "a ratio": (lambda z, p: (z - p[0]) / (1.0 + z * z), lambda z, p: 1.0 / (1.0 + z * z)),
    "a high power": (
        lambda z, p: (z - p[0]) * (z * z * z * z + p[1] * p[1]),
        lambda z, p: 9.0 + 9.0 * z * z * z * z,
    ),
    "a line": (lambda z, p: p[0] - z, lambda z, p: -1.0),
    "no zero": (lambda z, p: z * z + p[0] * p[0] + 1.0, lambda z, p: 2 * z),
}
OPTIONS = {
    "usual": ({}, {}),
    "rough": ({"xtol": 0.1, "rtol": 0.01}, {"tol": 0.1, "rtol": 0.01}),
    "few steps": ({"maxiter": 5}, {"maxiter": 5}),
}


def outcome(f, *args):
    try:
        root, iterations, calls = f(*args)
    except (RuntimeError, ValueError) as error:
        return type(error), str(error)
    # Of a zero at an end SciPy does not count iterations: the number is of memory that nobody wrote.
    return root, iterations if calls > 2 else 0, calls


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_searches_go_scipys_way(way, how):
    options = OPTIONS[how][way in ("newton", "secant", "halley")]
    random = np.random.default_rng(3)
    for function, slope in FUNCTIONS.values():

        def f(a, b, p, function=function, slope=slope):
            root, found = WAYS[way](
                lambda z: function(z, p), lambda z: slope(z, p), a, b, **options
            )
            return root, found.iterations, found.function_calls

        compiled = autodiff.function(f)
        for _ in range(12):
            p = random.normal(size=2) * random.choice([0.1, 1.0, 3.0])
            a, b = map(float, random.normal(size=2) * random.choice([1.0, 3.0, 100.0]))
            assert outcome(compiled, a, b, p) == outcome(f, a, b, p), (way, how, a, b, p)


SEARCHES = {
    "brentq": lambda x: so.brentq(lambda z: z**3 + z - x, -10.0, 10.0, xtol=1e-14),
    "root_scalar": lambda x: (
        so.root_scalar(
            lambda z: np.exp(z) - x, bracket=(-5.0, 5.0), method="bisect", xtol=1e-14
        ).root
    ),
    "ridder": lambda x: so.ridder(lambda z: z**3 + z - x, -10.0, 10.0, xtol=1e-14),
    "toms748": lambda x: so.toms748(lambda z: z**3 + z - x, -10.0, 10.0, xtol=1e-14),
    "newton": lambda x: so.newton(lambda z: z * z - x, 1.0, lambda z: 2 * z, tol=1e-13),
    "root_scalar by Newton": lambda x: (
        so.root_scalar(
            lambda z: z * z - x, x0=1.0, fprime=lambda z: 2 * z, method="newton", xtol=1e-13
        ).root
    ),
    "root_scalar by Halley": lambda x: (
        so.root_scalar(
            lambda z: z**3 - x,
            x0=1.2,
            fprime=lambda z: 3 * z * z,
            fprime2=lambda z: 6 * z,
            method="halley",
            xtol=1e-13,
        ).root
    ),
    "one in another": lambda x: so.brentq(
        lambda z: so.newton(lambda u: u * u - z * x, 1.0, tol=1e-14) - 2.0, 0.5, 9.0, xtol=1e-14
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_no_python_runs_in_a_search_or_in_its_derivative(name, monkeypatch):
    f = SEARCHES[name]
    ways = [autodiff.function(f), autodiff.gradient(f), autodiff.vmap(autodiff.gradient(f))]
    oracle = autodiff.gradient(f, engine="numpy")
    assert np.isclose(ways[0](1.7), f(1.7), rtol=1e-15)
    assert np.isclose(ways[1](1.7), oracle(1.7), rtol=1e-13)
    np.testing.assert_allclose(
        ways[2](np.array([1.7, 2.0])), [oracle(1.7), oracle(2.0)], rtol=1e-13
    )

    def called(*args):
        raise AssertionError("Python ran")

    monkeypatch.setattr(host.HostCaller, "_run", called)
    ways[0](1.8), ways[1](1.8), ways[2](np.array([1.8, 2.1]))
