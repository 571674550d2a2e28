"""Determinants of matrices of every rank, with derivatives of three orders, against exact integers."""

import functools
from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg

import autodiff

SIZES = [4, 5, 6]
RANKS = [(n, rank) for n in SIZES for rank in range(n + 1)]


def rows(all_of_them, sizes):
    """Those of these sizes in every run, the others in the slow ones."""
    return [r if r[0] in sizes else pytest.param(*r, marks=pytest.mark.slow) for r in all_of_them]


def exact(rows) -> Fraction:
    """The determinant of a matrix of integers or fractions, by elimination."""
    a = [[Fraction(x) for x in row] for row in rows]
    result = Fraction(1)
    for k in range(len(a)):
        pivot = next((i for i in range(k, len(a)) if a[i][k]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != k:
            a[k], a[pivot] = a[pivot], a[k]
            result = -result
        result *= a[k][k]
        for i in range(k + 1, len(a)):
            factor = a[i][k] / a[k][k]
            a[i] = [x - factor * y for x, y in zip(a[i], a[k], strict=True)]
    return result


def minors(rows) -> np.ndarray:
    """The derivative by each element: cofactors."""
    n = len(rows)

    def without(i, j):
        return [[rows[r][c] for c in range(n) if c != j] for r in range(n) if r != i]

    return np.array(
        [[float((-1) ** (i + j) * exact(without(i, j))) for j in range(n)] for i in range(n)]
    )


def taylor(a, e) -> list[float]:
    """Derivatives of orders 0 … 3 of det(a + t e) at t = 0, from its values at n + 1 integers."""
    n = len(a)
    values = [exact((np.array(a) + t * np.array(e)).tolist()) for t in range(n + 1)]
    coefficients = [Fraction(0)] * (n + 1)
    for t, value in enumerate(values):  # Lagrange's polynomials
        basis, scale = [Fraction(1)], Fraction(1)
        for s in range(n + 1):
            if s != t:
                basis = [x - s * y for x, y in zip([Fraction(0), *basis], [*basis, 0], strict=True)]
                scale *= t - s
        for k, c in enumerate(basis):
            coefficients[k] += value * c / scale
    coefficients += [Fraction(0)] * 4
    return [float(c) * f for c, f in zip(coefficients[:4], (1, 1, 2, 6), strict=True)]


def of_rank(n: int, rank: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng((n, rank, seed))
    while True:
        if rank == n:
            a = random.integers(-4, 5, (n, n))
        else:
            a = random.integers(-3, 4, (n, rank)) @ random.integers(-3, 4, (rank, n))
        if np.linalg.matrix_rank(a) == rank:
            return a


def close(got, want, size):
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9 * size)


def size_of(a) -> float:
    """Of what derivatives of the determinant are sums of products of."""
    return max(1.0, float(np.abs(a).max())) ** (len(a) - 1)


def det(a):
    return np.linalg.det(a)


@functools.cache
def first(engine: str):
    return autodiff.value_and_gradient(det, engine=engine)


@functools.cache
def along(engine: str):
    """The determinant along a line, and its three derivatives."""
    functions = [autodiff.function(lambda t, a, e: np.linalg.det(a + t * e), engine=engine)]
    for _ in range(3):
        functions.append(autodiff.gradient(functions[-1], wrt="t", engine=engine))
    return functions


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(("n", "rank"), rows(RANKS, (4, 5)))
def test_the_gradient_is_the_matrix_of_cofactors(n: int, rank: int, engine: str) -> None:
    a = of_rank(n, rank)
    value, slope = first(engine)(a.astype(float))
    np.testing.assert_allclose(value, det(a.astype(float)), rtol=1e-11, atol=1e-12 * size_of(a))
    close(slope, minors(a.tolist()), size_of(a))


@pytest.mark.parametrize("engine", [pytest.param("native", marks=pytest.mark.slow), "numpy"])
@pytest.mark.parametrize(("n", "rank"), rows([r for r in RANKS if r[0] < 6], (4, 5)))
def test_three_derivatives_in_a_direction(n: int, rank: int, engine: str) -> None:
    a, e = of_rank(n, rank), np.random.default_rng(n).integers(-2, 3, (n, n))

    for order, want in enumerate(taylor(a.tolist(), e.tolist())):
        got = along(engine)[order](0.0, a.astype(float), e.astype(float))
        close(got, want, 10 * size_of(a) * size_of(e))


@pytest.mark.parametrize("rank", [3, *[pytest.param(r, marks=pytest.mark.slow) for r in (2, 4)]])
def test_hessian_and_products_with_it(rank: int) -> None:
    a, e = of_rank(4, rank), np.random.default_rng(1).integers(-2, 3, (4, 4))
    h = autodiff.hessian(det, engine="numpy")(a.astype(float))
    _, _, second, _ = taylor(a.tolist(), e.tolist())
    close(np.einsum("ijkl,ij,kl", h, e, e), second, size_of(a))
    product = autodiff.hessian_vector(det, engine="numpy")(
        a.astype(float), _tensors=e.astype(float)
    )
    close(product, np.einsum("ijkl,kl", h, e), size_of(a))


def test_matrices_of_several_ranks_at_once() -> None:
    stack = np.array([of_rank(5, rank) for rank in (5, 4, 3, 0, 1)])
    got = autodiff.gradient(lambda a: np.sum(np.linalg.det(a)))(stack.astype(float))
    for part, a in zip(got, stack, strict=True):
        close(part, minors(a.tolist()), size_of(a))


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_sizes_that_are_not_fixed(engine: str) -> None:
    compiled = autodiff.gradient(det, engine=engine)
    for n in (5, 4, 6, 3, 2, 4):
        a = of_rank(n, n - 1, seed=1)
        close(compiled(a.astype(float)), minors(a.tolist()), size_of(a))


def test_second_derivatives_at_sizes_that_are_not_fixed() -> None:
    second = autodiff.gradient(lambda t, a: det(a + t), wrt="t", engine="numpy")
    third = autodiff.gradient(second, wrt="t", engine="numpy")
    for n in (4, 6, 5, 2, 3):
        a = of_rank(n, max(n - 2, 0), seed=2)
        want = taylor(a.tolist(), np.ones((n, n), int).tolist())[2]
        close(third(0.0, a.astype(float)), want, size_of(a))


def test_single_precision_and_scipy() -> None:
    a = of_rank(4, 3)
    slope = autodiff.gradient(det)(a.astype(np.float32))
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, minors(a.tolist()), rtol=1e-4, atol=1e-3)
    slope = autodiff.gradient(lambda a: scipy.linalg.det(a))(a.astype(float))
    close(slope, minors(a.tolist()), size_of(a))


def test_nearly_singular_matrices_have_second_derivatives() -> None:
    # Differences of products with an inverse of size 1e14 would leave no digit.
    a = of_rank(5, 4).astype(float)
    a[0, 0] += 1e-13
    e = np.random.default_rng(3).integers(-2, 3, (5, 5))
    rows = [[Fraction(float(x)) for x in row] for row in a]
    want = taylor_of_fractions(rows, e)
    second = autodiff.gradient(autodiff.gradient(lambda t, a, e: det(a + t * e), wrt="t"), wrt="t")(
        0.0, a, e.astype(float)
    )
    close(second, want, size_of(a))


def taylor_of_fractions(rows, e) -> float:
    h = Fraction(1, 10**9)
    at = [
        exact(
            [
                [x + s * h * int(d) for x, d in zip(r, dr, strict=True)]
                for r, dr in zip(rows, e, strict=True)
            ]
        )
        for s in (-1, 0, 1)
    ]
    return float((at[0] - 2 * at[1] + at[2]) / h**2)


def test_a_determinant_alone_computes_no_derivative() -> None:
    program = autodiff.function(det).ir(np.eye(5))
    assert "singular_bases" not in str(program)
    assert "inverse" not in str(program)
