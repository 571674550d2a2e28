"""``scipy.linalg`` in captured code: values and derivatives to second order."""

import numpy as np
from scipy import linalg

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
    (lambda x, y, u, p: linalg.solve_banded((2, 1), np.stack([y, p[0] + 6, u, y]), x.T), (X, Y, U, P)),
    (lambda y, p: linalg.solveh_banded(np.stack([y, p[0] + 6]), y), (Y, P)),
    (lambda y, p: linalg.solveh_banded(np.stack([p[0] + 6, y]), y, lower=True), (Y, P)),
    (lambda x, s: linalg.lu_solve(linalg.lu_factor(s), x, trans=1), (X, S)),
]  # fmt: skip

test_value, test_derivatives = both_tests(CASES)
