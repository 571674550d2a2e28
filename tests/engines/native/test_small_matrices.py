"""Matrices of a few rows, which are solved and multiplied without LAPACK and BLAS: NumPy's values, and NumPy's refusals."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff.engines.native import small_matrices

SIZES = (1, 3, 8)
BATCHES: tuple[tuple[int, ...], ...] = ((), (2, 10), (0,))


def matrices(n: int, batch: tuple[int, ...], seed: int = 0) -> tuple[Any, Any, Any]:
    """Any matrices, definite ones, and right-hand sides."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((*batch, n, n))
    definite = a @ np.swapaxes(a, -1, -2) + n * np.eye(n)
    return a, definite, rng.standard_normal((*batch, n, 2))


FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "inv": lambda a, s, b: np.linalg.inv(a),
    "solve": lambda a, s, b: np.linalg.solve(a, b),
    "solve, transposed": lambda a, s, b: np.linalg.solve(np.swapaxes(a, -1, -2), b),
    "cholesky": lambda a, s, b: np.linalg.cholesky(s),
    "cholesky, upper": lambda a, s, b: np.linalg.cholesky(s, upper=True),
    "both": lambda a, s, b: np.linalg.inv(np.linalg.cholesky(s)) @ np.linalg.solve(s, b),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", SIZES)
def test_values_and_derivatives(n: int, name: str) -> None:
    f = FUNCTIONS[name]
    for batch in BATCHES:
        given = matrices(n, batch, n)
        np.testing.assert_allclose(autodiff.function(f)(*given), f(*given), rtol=1e-9, atol=1e-10)

        if n == 1 or batch == (0,):
            continue

        def loss(a: Any, s: Any, b: Any) -> Any:
            return np.sum(np.sin(f(a, s, b)))

        found = autodiff.gradient(loss)(*given)
        expected = autodiff.gradient(loss, engine="numpy")(*given)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("trans", [0, 1])
@pytest.mark.parametrize("n", [1, 3, 8])
def test_triangles(n: int, trans: int, lower: bool) -> None:
    a, _, b = matrices(n, (), 1)
    a += 3 * np.eye(n)

    def f(a: Any, b: Any) -> Any:
        return scipy.linalg.solve_triangular(a, b, trans=trans, lower=lower)

    def often(a: Any, b: Any) -> Any:
        x = b
        for _ in range(20):
            x = b + 0.1 * f(a, x)
        return x

    for right in (b, b[:, 0].copy()):
        for g in (f, often):
            np.testing.assert_allclose(autodiff.function(g)(a, right), g(a, right), rtol=1e-11)
    a[0, 0] = 0.0
    for g in (f, often):
        with pytest.raises(scipy.linalg.LinAlgError):
            autodiff.function(g)(a, b)


def of_many(f: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled function of matrices, which is called for twenty of them, the first of which is given."""
    compiled = autodiff.function(lambda *args: f(*args))

    def first(a: Any, *others: Any) -> Any:
        many = [np.stack([x, *[np.eye(len(a))[:, : x.shape[1]]] * 19]) for x in (a, *others)]
        return compiled(*many)[0]

    return first


def outcome(f: Callable[..., Any], *args: Any) -> str:
    try:
        f(*args)
    except np.linalg.LinAlgError as error:
        return str(error)
    return "is fine"


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_what_is_singular_is_what_numpy_calls_singular(n: int) -> None:
    # Of small integers, many are exactly singular, and rounding decides for some.
    rng = np.random.default_rng(n)
    inv, solve = of_many(np.linalg.inv), of_many(np.linalg.solve)
    cholesky = of_many(np.linalg.cholesky)
    seen = set()
    for scale in (1.0, 0.1, 1e-200, 1e150):
        for _ in range(40):
            a = rng.integers(-2, 3, (n, n)) * scale
            gram = (a / scale) @ (a / scale).T * scale
            for compiled, plain, args in (
                (inv, np.linalg.inv, (a,)),
                (solve, np.linalg.solve, (a, np.ones((n, 1)))),
                (cholesky, np.linalg.cholesky, (gram,)),
            ):
                expected = outcome(plain, *args)
                assert outcome(compiled, *args) == expected
                seen.add(expected)
    assert len(seen) == 3


def test_one_singular_matrix_of_a_batch() -> None:
    a, definite, b = matrices(3, (20,), 2)
    a[4, 1] = a[4, 0]
    definite[2, 1, 1] = -1.0
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        autodiff.function(lambda a: np.linalg.inv(a))(a)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        autodiff.function(lambda a, b: np.linalg.solve(a, b))(a, b)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        autodiff.function(lambda a: np.linalg.cholesky(a))(definite)


def test_nearly_singular_matrices_are_lapacks() -> None:
    rng = np.random.default_rng(5)
    for power in (4, 8, 12, 15):
        a = rng.standard_normal((4, 4))
        a[3] = a[2] + 10.0**-power * a[0]
        compiled, ones = of_many(np.linalg.solve), np.ones((4, 1))
        expected = outcome(np.linalg.solve, a, ones)
        assert outcome(compiled, a, ones) == expected
        if expected == "is fine":  # the error of the solution is that of the matrix, not more
            x = compiled(a, ones)
            assert np.abs(a @ x - 1).max() <= 1e-12 * np.abs(a).max() * np.abs(x).max()
        spread = np.diag(10.0 ** -np.arange(0, 4 * power, power))
        found = of_many(np.linalg.inv)(spread)
        np.testing.assert_allclose(found, np.linalg.inv(spread), rtol=1e-14)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(value: float) -> None:
    many = {f: of_many(f) for f in (np.linalg.solve, np.linalg.inv, np.linalg.cholesky)}
    for place in itertools.product(range(3), range(3)):
        a, definite, b = matrices(3, (), 7)
        a[place] = definite[place] = definite[place[::-1]] = value
        with np.errstate(all="ignore"):
            for f, args in (
                (np.linalg.solve, (a, b)),
                (np.linalg.inv, (a,)),
                (np.linalg.cholesky, (definite,)),
            ):
                expected = outcome(f, *args)
                assert outcome(many[f], *args) == expected
                if expected == "is fine":
                    found, plain = many[f](*args), f(*args)
                    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(plain))


def test_an_error_that_the_user_handles() -> None:
    def f(a: Any) -> Any:
        try:
            return np.sum(np.linalg.inv(a))
        except np.linalg.LinAlgError:
            return np.sum(a) * 10.0

    compiled = autodiff.function(f)
    for a in (np.eye(3), np.ones((3, 3)), np.diag([1.0, 2.0, 0.0]), np.eye(3)):
        np.testing.assert_allclose(compiled(a), f(a))


def test_in_loops_and_in_single_precision() -> None:
    def filtered(p: Any, h: Any, r: Any) -> Any:
        for _ in range(20):
            s = h @ p @ h.T + r
            gain = np.linalg.solve(s, h @ p).T
            p = p - gain @ h @ p + 0.1 * np.eye(4)
        return p

    rng = np.random.default_rng(3)
    h = rng.standard_normal((2, 4))
    given = (np.eye(4), h, np.eye(2))
    np.testing.assert_allclose(autodiff.function(filtered)(*given), filtered(*given), rtol=1e-11)
    slope = autodiff.gradient(lambda p, h, r: np.sum(filtered(p, h, r)))
    reference = autodiff.gradient(lambda p, h, r: np.sum(filtered(p, h, r)), engine="numpy")
    for one, other in zip(slope(*given), reference(*given), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)
    single = matrices(3, (40,), 9)[0].astype(np.float32)
    found = autodiff.function(lambda a: np.linalg.inv(a))(single)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.linalg.inv(single), rtol=2e-6)


def test_neither_lapack_nor_blas_is_called_where_all_is_small() -> None:
    a, definite, b = matrices(6, (20,), 0)
    for name, of_lapack in (("inv", "dgetri"), ("solve", None), ("cholesky", None)):
        text = autodiff.function(FUNCTIONS[name]).llvm(a, definite, b)
        assert "@autodiff.small." in text
        assert of_lapack is None or of_lapack not in text
    few = autodiff.function(FUNCTIONS["inv"]).llvm(a[:3], definite[:3], b[:3])
    assert "@autodiff.small.solve" not in few  # for few matrices it does not pay
    text = autodiff.function(lambda a, s: a @ s).llvm(a, definite)
    assert "dgemm" not in text and "autodiff.product.f8.6.6.6" in text


@pytest.mark.parametrize(("n", "dtype"), [(2, np.float64), (7, np.float32), (16, np.float64)])
def test_products(n: int, dtype: Any) -> None:
    rng = np.random.default_rng(n)
    rtol = 1e-12 if dtype == np.float64 else 1e-4

    def product(x: Any, y: Any) -> Any:
        return x @ y

    def turned(x: Any, y: Any) -> Any:
        return np.swapaxes(np.swapaxes(y, -1, -2) @ np.swapaxes(x, -1, -2), -1, -2)

    for m, k, batch in ((2, 5, ()), (3, 9, (4,)), (13, 6, (2, 3))):
        x = rng.standard_normal((*batch, m, k)).astype(dtype)
        y = rng.standard_normal((*batch, k, n)).astype(dtype)
        for f in (product, turned):
            found = autodiff.function(f)(x, y)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, x @ y, rtol=rtol, atol=rtol)

            def loss(x: Any, y: Any, f: Any = f) -> Any:
                return np.sum(f(x, y) ** 2)

            slope = autodiff.gradient(loss, wrt=(0, 1))(x, y)
            ct = 2 * (x @ y)
            for one, other in zip(
                slope, (ct @ np.swapaxes(y, -1, -2), np.swapaxes(x, -1, -2) @ ct), strict=True
            ):
                np.testing.assert_allclose(one, other, rtol=10 * rtol, atol=100 * rtol)


def test_products_of_strided_operands_and_of_any_number() -> None:
    rng = np.random.default_rng(0)
    f = autodiff.function(lambda x, y: x[..., ::2, 1:7] @ y[..., 1:7, ::3])
    for count in (3, 4, 7, 1, 12):
        x, y = rng.standard_normal((count, 9, 8)), rng.standard_normal((count, 8, 15))
        np.testing.assert_allclose(f(x, y), x[..., ::2, 1:7] @ y[..., 1:7, ::3], rtol=1e-12)
    assert len(f.cache) <= 3
    assert "dgemm" not in f.llvm(x, y)


@pytest.mark.parametrize(
    "name",
    [
        "solve",
        "cholesky",
        "upper",
        "forward",
        "back",
        "turn.float",
        "finite.double",
        "finite.float",
    ],
)
def test_vectors_have_no_other_alignment_than_the_place_that_they_are_in(name: str) -> None:
    # What is not said is that of the whole vector, which neither the stack nor an array has.
    lines = small_matrices.text(small_matrices.SMALL + name).splitlines()
    access = re.compile(r"store <\d+ x \w+> |= load <\d+ x \w+>, ")
    assert [line for line in lines if access.search(line) and ", align " not in line] == []
