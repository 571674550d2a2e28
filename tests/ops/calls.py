"""Functions as users call them, through the public objects: values and derivatives of every kind.

    CASES = [(lambda x: special.erf(x), (X,)), …]      # a function, and arguments to call it with
    test_value, test_derivatives = both_tests(CASES)

For functions that reach the operations by capture alone: SciPy's do not dispatch on traced arrays.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.capture.support import same
from tests.ops.support import DERIVATIVE_ENGINES, ENGINES, differences, leaves

engines = pytest.mark.parametrize("engine", ENGINES)

# Arguments: any matrix, positive, a vector, square, positive definite, three axes, a number, sorted, a permutation.
rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4))
P, Y, S = np.abs(X) + 0.5, rng.normal(size=4), rng.normal(size=(3, 3))
A, Z, T = S @ S.T + 3 * np.eye(3), rng.normal(size=(2, 3, 4)), 2.5
U, K = np.sort(Y), np.array([3, 1, 2, 0])


def both_tests(
    cases: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]],
) -> tuple[Callable[..., None], Callable[..., None]]:
    """The tests of a table: the value of each case on each engine, and its derivatives."""
    numbers = pytest.mark.parametrize("number", range(len(cases)))

    @engines
    @numbers
    def test_value(number: int, engine: str) -> None:
        f, args = cases[number]
        check_value(f, *args, engine=engine)

    @pytest.mark.parametrize("engine", DERIVATIVE_ENGINES)
    @numbers
    def test_derivatives(number: int, engine: str) -> None:
        f, args = cases[number]
        check_derivatives(f, *args, engine=engine)

    return test_value, test_derivatives


def check_value(f: Callable[..., Any], *args: Any, engine: str) -> None:
    """``function(f)`` returns what ``f`` returns; running uncompiled is an error, as any warning."""
    with np.errstate(all="ignore"):
        expected = f(*copy.deepcopy(args))
    found = autodiff.function(f, engine=engine)(*copy.deepcopy(args))
    for got, want in zip(leaves(found), leaves(expected), strict=True):
        assert type(got) is type(want)
        if isinstance(want, (np.ndarray, np.generic)) and want.dtype.kind == "f":
            assert (got.dtype, got.shape) == (want.dtype, want.shape)
            rtol = 1e-10 if want.dtype == np.float64 else 1e-5
            np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)
        else:
            same(got, want)


def check_derivatives(f: Callable[..., Any], *args: Any, engine: str, rtol: float = 1e-6) -> None:
    """Gradient, jvp and Hessian product of a number made of the results, against differences."""
    rng = np.random.default_rng(3)
    active = [k for k, a in enumerate(args) if np.asarray(a).dtype == np.float64]
    directions, others = (
        [rng.normal(size=np.shape(args[k])) if np.ndim(args[k]) else float(rng.normal()) for k in active]
        for _ in range(2)
    )  # fmt: skip
    with np.errstate(all="ignore"):
        results = [np.asarray(leaf) for leaf in leaves(f(*args))]
    if not active:
        return
    chosen = [k for k, r in enumerate(results) if r.dtype.kind == "f" and r.size]
    if not chosen:
        return
    weights = [rng.normal(size=results[k].shape) for k in chosen]

    def number(*x):
        values = leaves(f(*x))
        total = 0.0
        for k, w in zip(chosen, weights, strict=True):
            total = total + np.sum(np.sin(values[k]) * w)
        return total

    number = _with_names(number, len(args))

    def moved(t: float) -> list[Any]:
        x = list(args)
        for k, d in zip(active, directions, strict=True):
            x[k] = x[k] + t * d
        return x

    wrt = tuple(active)
    gradient = autodiff.gradient(number, wrt=wrt, engine=engine)
    product = autodiff.hessian_vector(number, wrt=wrt, engine=engine)

    def along(found: Any, vectors: list[Any]) -> float:
        found = found if isinstance(found, tuple) else (found,)
        return float(sum(np.sum(np.asarray(g) * d) for g, d in zip(found, vectors, strict=True)))

    with np.errstate(all="ignore"):
        (slope,) = differences(lambda t: [np.asarray(number(*moved(t)))])
        np.testing.assert_allclose(
            along(gradient(*args), directions), slope, rtol=rtol, atol=10 * rtol
        )
        if len(active) == len(args):
            _, pushed = autodiff.jvp(number, args, tuple(directions))
            np.testing.assert_allclose(float(pushed), slope, rtol=rtol, atol=10 * rtol)
        (bend,) = differences(lambda t: [np.asarray(along(gradient(*moved(t)), others))])
        found = along(
            product(*args, _tensors=tuple(directions) if len(active) > 1 else directions[0]), others
        )
        np.testing.assert_allclose(found, bend, rtol=10 * rtol, atol=100 * rtol)


def _with_names(f: Callable[..., Any], count: int) -> Callable[..., Any]:
    """``f`` with as many named parameters, so that they can be chosen by position."""
    return {
        1: lambda a: f(a),
        2: lambda a, b: f(a, b),
        3: lambda a, b, c: f(a, b, c),
        4: lambda a, b, c, d: f(a, b, c, d),
    }[count]
