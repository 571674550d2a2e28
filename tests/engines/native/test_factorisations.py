"""Factorisations are those of the very matrix, as NumPy's: what is refused and what is not finite is NumPy's too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autodiff

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "inv": lambda a: np.linalg.inv(a),
    "solve, a vector": lambda a: np.linalg.solve(a, a[0] + 1.0),
    "solve, a matrix": lambda a: np.linalg.solve(a, a + 1.0),
    "solve, of a transpose": lambda a: np.linalg.solve(a.T, a[0] + 1.0),
    "slogdet": lambda a: tuple(np.linalg.slogdet(a)),
    "slogdet and inv": lambda a: (np.linalg.slogdet(a)[1], np.linalg.inv(a)),
    "inv and solve": lambda a: (np.linalg.inv(a), np.linalg.solve(a, a[0])),
    "cholesky": lambda a: np.linalg.cholesky(a),
    "cholesky, upper": lambda a: np.linalg.cholesky(a, upper=True),
    "scipy, inv": lambda a: scipy.linalg.inv(a),
    "scipy, lu_factor": lambda a: scipy.linalg.lu_factor(a)[0],
    "scipy, cholesky": lambda a: scipy.linalg.cholesky(a),
    "scipy, cho_factor": lambda a: scipy.linalg.cho_factor(a, lower=True)[0],
    "scipy, cho_factor, in place": lambda a: scipy.linalg.cho_factor(a, overwrite_a=True)[0],
    "scipy, cho_factor, integers": lambda a: scipy.linalg.cho_factor(np.nan_to_num(a).astype(int))[
        0
    ],
}
LOOPED = {
    "inv": lambda a: np.linalg.inv(a),
    "solve": lambda a: np.linalg.solve(a, a + 1.0),
    "slogdet": lambda a: np.linalg.slogdet(a)[1] * np.ones_like(a),
    "cholesky": lambda a: np.linalg.cholesky(a),
    "cholesky, upper": lambda a: np.linalg.cholesky(a, upper=True),
}
KINDS = ("integers", "deficient", "not finite")


def matrices(kind: str, n: int, count: int, definite: bool) -> Any:
    """Small integers, of which some are singular; matrices whose rank is lower by one; some with infinities or NaN.

    Where a routine takes definite ones, they are so beyond rounding, or indefinite: whether the Cholesky factor of a
    singular matrix is refused depends on the order in which a version of LAPACK adds.
    """
    rng = np.random.default_rng(n)
    if kind == "deficient":
        left = rng.integers(-2, 3, (count, n, n - 1)).astype(float)
        right = rng.integers(-2, 3, (count, n - 1, n)).astype(float)
        if not definite:
            return left @ right
        signs = np.where(np.arange(count) % 2, 1.0, -1.0)
        return left @ np.swapaxes(left, 1, 2) + signs[:, None, None] * np.eye(n)
    a = rng.integers(-3, 4, (count, n, n)).astype(float)
    a = a @ np.swapaxes(a, 1, 2) + np.eye(n) if definite else a
    if kind == "not finite":
        for matrix in a:
            row, column = rng.integers(n, size=2)
            matrix[row, column] = matrix[column, row] = rng.choice([np.inf, -np.inf, np.nan])
    return a


def outcome(f: Callable[..., Any], a: Any) -> Any:
    with np.errstate(all="ignore"):
        try:
            result = f(a.copy())
        except (np.linalg.LinAlgError, ValueError) as error:
            return type(error).__name__
    return result if isinstance(result, tuple) else (result,)


def assert_same(found: Any, expected: Any, a: Any) -> None:
    if isinstance(found, str) or isinstance(expected, str):
        assert isinstance(found, str) and found == expected, a
        return
    condition = np.linalg.cond(a) if np.isfinite(a).all() else 1e3
    for x, y in zip(found, expected, strict=True):
        size = np.max(np.abs(y), initial=1.0, where=np.isfinite(y))
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13 * min(condition, 1e18) * size)


@pytest.mark.filterwarnings("ignore::scipy.linalg.LinAlgWarning")  # plain SciPy's
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_refusals_and_values_are_those_of_the_function(name: str, kind: str, engine: Any) -> None:
    f = FUNCTIONS[name]
    compiled = autodiff.function(f, engine=engine)
    for n in (2, 3, 4, 10):
        for a in matrices(kind, n, 25, "cho" in name):
            assert_same(outcome(compiled, a), outcome(f, a), a)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOOPED)
def test_in_a_loop(name: str, kind: str) -> None:
    f = LOOPED[name]

    def many(stack: Any) -> Any:
        out = np.zeros_like(stack)
        for i in range(len(stack)):
            out[i] = f(stack[i])
        return out

    compiled = autodiff.function(many)
    for n in (2, 3, 4, 9):
        for a in matrices(kind, n, 25, "cho" in name):
            stack = np.stack([a] * 20)
            found, expected = outcome(compiled, stack), outcome(f, a)
            if not isinstance(found, str):
                found = (found[0][0],)
            assert_same(found, expected, a)


def test_a_singular_matrix_whose_transpose_has_an_inverse() -> None:
    a = np.array([[-1.0, -2.0, 1.0], [2.0, -1.0, -1.0], [1.0, -3.0, 0.0]])
    for f in (lambda a: np.linalg.inv(a), lambda a: np.linalg.solve(a, a[0])):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            autodiff.function(f)(a)
    sign, logarithm = autodiff.function(lambda a: tuple(np.linalg.slogdet(a)))(a)
    assert (sign, logarithm) == tuple(np.linalg.slogdet(a)) == (0.0, -np.inf)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10])
def test_an_inverse_that_overflows_is_numpys(n: int) -> None:
    rng = np.random.default_rng(n)
    compiled = autodiff.function(lambda a: np.linalg.inv(a))
    for a in rng.integers(-3, 4, (20, n, n)) * 2.0**-1050:
        found, expected = outcome(compiled, a), outcome(np.linalg.inv, a)
        if isinstance(found, str) or isinstance(expected, str):
            assert found == expected
        else:
            np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 3, 4, 5, 7, 8, 11])
def test_matrices_of_every_size_are_turned(n: int, dtype: Any) -> None:
    rng = np.random.default_rng(n)
    a = (rng.standard_normal((2, n, n)) + 3 * np.eye(n)).astype(dtype)
    b = rng.standard_normal((2, n, 6)).astype(dtype)
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    for f in (
        lambda a, b: np.linalg.inv(a),
        lambda a, b: np.linalg.solve(a, b),
        lambda a, b: np.linalg.solve(np.swapaxes(a, 1, 2), b),
        lambda a, b: np.linalg.solve(a[::-1, ::-1], b[:, :, ::2]),
        lambda a, b: np.linalg.cholesky(a @ np.swapaxes(a, 1, 2)),
        lambda a, b: scipy.linalg.inv(a[1]),
    ):
        found, expected = autodiff.function(f)(a, b), f(a, b)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("upper", [False, True])
def test_an_error_of_cholesky_that_the_user_handles(upper: bool) -> None:
    def f(a: Any) -> Any:
        try:
            return np.sum(np.linalg.cholesky(a, upper=upper))
        except np.linalg.LinAlgError:
            return -1.0

    compiled = autodiff.function(f)
    for n in (4, 10):
        for a in matrices("deficient", n, 40, True):
            np.testing.assert_allclose(compiled(a), f(a), rtol=1e-6)
