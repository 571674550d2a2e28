"""``scipy.linalg`` in captured code: values and derivatives to second order."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import linalg

import autodiff
from tests.ops.calls import A, P, S, U, X, Y, both_tests

# A function, and arguments to call it with.
CASES = [
    (lambda s, y: linalg.solve(s, y[:3]), (S, Y)),
    (lambda a, x: linalg.solve(a, x, assume_a="pos"), (A, X)),
    (lambda s, x: linalg.solve(s, x, lower=True), (S, X)),
    (lambda s: linalg.inv(s), (S,)),
    (lambda s: linalg.det(s), (S,)),
    (lambda a: linalg.cholesky(a), (A,)),
    (lambda a: linalg.cholesky(a, lower=True), (A,)),
    (lambda a: linalg.cho_factor(a)[0][0, 0], (A,)),
    (lambda a, y: linalg.cho_solve(linalg.cho_factor(a), y[:3]), (A, Y)),
    (lambda x, a: linalg.cho_solve((linalg.cholesky(a, lower=True), True), x), (X, A)),
    (lambda s, y: linalg.solve_triangular(s, y[:3]), (S, Y)),
    (lambda s, x: linalg.solve_triangular(s, x, lower=True), (S, X)),
    (lambda s, x: linalg.solve_triangular(s, x, trans="T", lower=True), (S, X)),
    (lambda s, x: linalg.solve_triangular(s, x, trans=1, unit_diagonal=True), (S, X)),
    (lambda s, y: linalg.lu_solve(linalg.lu_factor(s), y[:3]), (S, Y)),
    (lambda s: linalg.lu(s)[1], (S,)),
    (lambda s: linalg.lu(s), (S,)),
    (lambda x: linalg.qr(x.T, mode="economic"), (X,)),
    (lambda s: linalg.qr(s), (S,)),
    (lambda x: linalg.svd(x, full_matrices=False)[1], (X,)),
    (lambda x: linalg.svdvals(x), (X,)),
    (lambda a: linalg.eigh(a)[0], (A,)),
    (lambda a: linalg.eigh(a, eigvals_only=True), (A,)),
    (lambda a: linalg.eigvalsh(a), (A,)),
    (lambda a: linalg.eigh(a, np.eye(3) * 2.0, eigvals_only=True), (A,)),
    (lambda s: linalg.expm(s), (S,)),
    (lambda a: linalg.sqrtm(a), (A,)),
    (lambda s: linalg.sqrtm(s @ s + 2 * np.eye(3)), (S,)),
    (lambda a, s, x: linalg.solve_sylvester(a, s @ s.T + np.eye(3), x[:, :3].T @ x[:, :3]), (A, S, X)),
    (lambda a, s: linalg.solve_continuous_lyapunov(a, s), (A, S)),
    (lambda a, s: linalg.solve_lyapunov(a, s), (A, S)),
    (lambda x: linalg.norm(x), (X,)),
    (lambda x: linalg.norm(x, "fro"), (X,)),
    (lambda y: linalg.norm(y, 1), (Y,)),
    (lambda x: linalg.pinv(x), (X,)),
    (lambda a: linalg.pinvh(a), (A,)),
    (lambda y, x: linalg.lstsq(x.T, y)[0], (Y, X)),
    (lambda x, s: linalg.block_diag(x, s), (X, S)),
    (lambda y: linalg.toeplitz(y), (Y,)),
    (lambda y, u: linalg.toeplitz(y, u), (Y, U)),
    (lambda y: linalg.circulant(y), (Y,)),
    (lambda y: linalg.hankel(y), (Y,)),
    (lambda y, u: linalg.hankel(y, u), (Y, U)),
    (lambda y: linalg.solve_banded((1, 1), np.array([[0.0, 1, 1, 1], [4, 4, 4, 4], [1, 1, 1, 0]]), y), (Y,)),
    (lambda y: linalg.solveh_banded(np.array([[0.0, 1, 1, 1], [4, 4, 4, 4]]), y), (Y,)),
    (lambda s: linalg.khatri_rao(s, s), (S,)),
    (lambda y, u, p: linalg.solve_banded((1, 1), np.stack([y, p[0] + 4, u]), y), (Y, U, P)),
    # More diagonals than the matrix has.
    (lambda x, y, p: linalg.solve_banded((2, 3), np.concatenate([x, p])[:, :2] + 3 * np.eye(6, 2, -3), y[:2]), (X, Y, P)),
    (lambda x, y, u, p: linalg.solve_banded((2, 1), np.stack([y, p[0] + 6, u, y]), x.T), (X, Y, U, P)),
    (lambda y, p: linalg.solveh_banded(np.stack([y, p[0] + 6]), y), (Y, P)),
    (lambda y, p: linalg.solveh_banded(np.stack([p[0] + 6, y]), y, lower=True), (Y, P)),
    (lambda x, s: linalg.lu_solve(linalg.lu_factor(s), x, trans=1), (X, S)),
]  # fmt: skip

test_value, test_derivatives = both_tests(CASES)

BANDS = np.array([[0.0, 0.2, 0.3, 0.1], [1.0, 1.4, 2.1, 3.0]])
LOWER = np.array([[1.0, 1.4, 2.1, 3.0], [0.2, 0.3, 0.1, 0.0]])
FAR = np.array([9.0, 0.0, 0.0, 0.0])
MORE = [
    (lambda a: linalg.logm(a), (A,)),
    (lambda s: linalg.logm(linalg.expm(0.3 * s)), (S,)),
    (lambda a: linalg.fractional_matrix_power(a, 0.3), (A,)),
    (lambda s: [linalg.cosm(0.4 * s), linalg.sinm(0.4 * s), linalg.tanm(0.2 * s)], (S,)),
    (lambda s: linalg.signm(s + np.diag([3.0, -3.0, 3.0])), (S,)),
    (lambda y, u: linalg.eigh_tridiagonal(y, u[:3] + 2), (Y, U)),
    (lambda y, u: linalg.eigvalsh_tridiagonal(y, u[:3] + 2), (Y, U)),
    (lambda y: linalg.eig_banded(BANDS * y), (np.abs(Y) + 1,)),
    (lambda y: linalg.eig_banded(LOWER * y, lower=True), (np.abs(Y) + 1,)),
    (lambda y: linalg.eigvals_banded(BANDS * y), (np.abs(Y) + 1,)),
    (lambda y: linalg.cholesky_banded(BANDS * y), (np.abs(Y) + 1,)),
    (lambda y: linalg.cholesky_banded(LOWER * y, lower=True), (np.abs(Y) + 1,)),
    (lambda y, x: linalg.cho_solve_banded((linalg.cholesky_banded(BANDS * y), False), x.T), (np.abs(Y) + 1, X)),
    (lambda y, u: linalg.cho_solve_banded((linalg.cholesky_banded(LOWER * y, lower=True), True), u), (np.abs(Y) + 1, U)),
    (lambda y, x: linalg.solve_toeplitz(y + FAR, x.T), (Y, X)),
    (lambda y, u: linalg.solve_toeplitz((y + FAR, u), y), (Y, U)),
    (lambda s, x: [linalg.qr_multiply(s, x.T), linalg.qr_multiply(s, x, "left")], (S, X)),
    (lambda s: linalg.qr(s, False, None, "full"), (S,)),
    (lambda s, b, q, r: linalg.solve_continuous_are(s, b, q + q.T, r @ r.T), (S, S[:, :2] + 1, A, A[:2, :2])),
    (lambda s, b, q, r: linalg.solve_discrete_are(s, b, q + q.T, r @ r.T), (S, S[:, :2] + 1, A, A[:2, :2])),
    (lambda a, s: linalg.solve_discrete_lyapunov(0.2 * s, a), (A, S)),
    (lambda y, x: [linalg.solve_circulant(y + FAR, x.T), linalg.matmul_toeplitz(y, x.T)], (Y, X)),
    (lambda s: linalg.polar(s), (S,)),
]  # fmt: skip
_more_values, _more_derivatives = both_tests(MORE)
test_more_values, test_more_derivatives = map(pytest.mark.slow, (_more_values, _more_derivatives))
test_sample_of_values, test_sample_of_derivatives = both_tests([MORE[0], MORE[18]])


def test_eigenvectors_of_equal_eigenvalues_are_scipys() -> None:
    """In a span of equal eigenvalues another basis is as good: values come from SciPy itself."""
    f = autodiff.function(lambda d, e: linalg.eigh_tridiagonal(d, e))
    found = f(np.ones(4), np.zeros(3))
    for got, want in zip(found, linalg.eigh_tridiagonal(np.ones(4), np.zeros(3)), strict=True):
        np.testing.assert_array_equal(got, want)


def test_a_logarithm_that_is_complex_comes_from_scipy() -> None:
    matrix = np.diag([-1.0, 2.0])
    found = autodiff.function(lambda a: linalg.logm(a))(matrix)
    np.testing.assert_allclose(found, linalg.logm(matrix))
    autodiff.check_gradient(lambda a: np.sum(np.abs(linalg.logm(a)) ** 2), matrix)


STRUCTURES = [
    None, "gen", "pos", "sym", "her", "diagonal", "tridiagonal", "banded", "upper triangular",
    "lower triangular",
]  # fmt: skip
HILBERT = linalg.hilbert(13)
SYSTEMS = {
    "good": np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]]),
    "negative": -np.eye(3),
    "ill-conditioned": HILBERT,
    "indefinite and ill-conditioned": HILBERT - 3.0 * (np.arange(13) == 0),
    "a tiny pivot": np.diag([1.0, 1e-17, 2.0]),
    "a zero pivot": np.diag([1.0, 0.0, 2.0]),
    "singular": np.ones((3, 3)),
    "not a number": np.full((2, 2), np.nan),
    "a stack": np.stack([np.eye(3), np.diag([1.0, 1e-17, 2.0])]),
}


def _told(f: Any, *args: Any) -> Any:
    """A result, or the exception; and the categories and texts of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = f(*args)
        except Exception as error:
            found = repr(error)
    # Of NaN compiled code says the same twice: flags of the processor have plain Python asked as well.
    return found, {(w.category.__name__, str(w.message)) for w in caught}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_solve_gives_the_warnings_and_errors_of_scipy_near_singular_matrices(structure: Any):
    def f(a: Any, b: Any) -> Any:
        return linalg.solve(a, b, assume_a=structure, check_finite=False)

    compiled = {engine: autodiff.function(f, engine=engine) for engine in ("numpy", "native")}
    gradient = autodiff.gradient(lambda a, b: np.sum(f(a, b)), wrt="b")
    for a in SYSTEMS.values():
        b = np.arange(a.shape[-1], dtype=float)
        b = b[:, None] if a.ndim > 2 else b
        want, warned = _told(f, a, b)
        for g in compiled.values():
            found, heard = _told(g, a, b)
            assert heard == warned
            if isinstance(want, str):
                assert found == want
            else:
                size = np.nanmax(np.abs(want), initial=0.0)
                np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12 * size)
        slope, heard = _told(gradient, a, b)
        assert heard == warned
        assert not isinstance(want, str) or slope == want


def test_solve_refuses_a_structure_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="round is not a recognized matrix structure"):
        autodiff.function(lambda a, b: linalg.solve(a, b, assume_a="round"))(np.eye(2), np.ones(2))
