"""Routines of BLAS and LAPACK as SciPy gives them out, in captured code."""

import numpy as np
import pytest
from scipy import linalg
from scipy.linalg import blas, lapack

import autodiff
from tests.ops.calls import A, P, S, T, X, Y, both_tests
from tests.ops.support import ENGINES

V = Y[:3]
CASES = [
    (lambda s, x: blas.dgemm(1.0, s, x), (S, X)),
    (lambda t, s, x, p: blas.dgemm(t, s, x, t, p), (T, S, X, P)),
    (lambda s, x: blas.dgemm(2.0, s, x, trans_a=1), (S, X)),
    (lambda s, x: blas.dgemm(2.0, x, s, trans_a=1, trans_b=1), (S, X)),
    (lambda t, s, v: blas.dgemv(t, s, v), (T, S, V)),
    (lambda s, v: blas.dgemv(1.5, s, v, 0.5, v, trans=1), (S, V)),
    (lambda s, x: blas.dsymm(1.0, s, x), (S, X)),
    (lambda s, x: blas.dsymm(1.0, s, x[:, :3], side=1, lower=1), (S, X)),
    (lambda s, v: blas.dsymv(2.0, s, v, lower=1), (S, V)),
    (lambda t, x: blas.dsyrk(t, x), (T, X)),
    (lambda x, s: blas.dsyrk(1.0, x[:, :3], 0.5, s, trans=1, lower=1), (X, S)),
    (lambda t, s, v, y: [blas.dger(t, v, y), blas.dger(2.0, v, v, a=s)], (T, S, V, Y)),
    (lambda t, s, v: [blas.dsyr(t, v), blas.dsyr(2.0, v, a=s), blas.dsyr(t, v, 1, a=s)], (T, S, V)),
    (lambda t, s, v: [blas.dsyr2(t, v, s[0]), blas.dsyr2(2.0, v, s[0], lower=1, a=s)], (T, S, V)),
    (lambda s, x: blas.dtrmm(1.0, s, x, lower=1), (S, X)),
    (lambda s, x: blas.dtrmm(2.0, s, x[:, :3], side=1, trans_a=1, diag=1), (S, X)),
    (lambda s, x: blas.dtrsm(2.0, s, x), (S, X)),
    (lambda s, x: blas.dtrsm(1.0, s, x.T, side=1, lower=1, trans_a=1), (S, X)),
    (lambda s, v: [blas.dtrmv(s, v, lower=1), blas.dtrsv(s, v, lower=1, trans=1)], (S, V)),
    (lambda v, y: [blas.ddot(v, y[1:]), blas.dnrm2(v), blas.dasum(v)], (V, Y)),
    (lambda a: lapack.dpotrf(a), (A,)),
    (lambda a: lapack.dpotrf(a, lower=1, clean=0), (A,)),
    (lambda a, x: lapack.dpotrs(lapack.dpotrf(a, lower=1)[0], x, lower=1), (A, X)),
    (lambda a, x: lapack.dpotrs(lapack.dpotrf(a)[0], x), (A, X)),
    (lambda a: lapack.dpotri(lapack.dpotrf(a, lower=1)[0], lower=1), (A,)),
    (lambda a: lapack.dpotri(a), (A,)),
    (lambda s, x: lapack.dtrtrs(s, x, lower=1), (S, X)),
    (lambda s, x: lapack.dtrtrs(s, x, lower=1, trans=1, unitdiag=1), (S, X)),
    (lambda s: lapack.dtrtri(s), (S,)),
    (lambda s: lapack.dtrtri(s, lower=1, unitdiag=1), (S,)),
]  # fmt: skip
test_value, test_derivatives = both_tests(CASES)


@pytest.mark.parametrize("engine", ENGINES)
def test_routines_of_single_precision(engine: str) -> None:
    s, x = S.astype(np.float32), X.astype(np.float32)
    f = lambda s, x: [blas.sgemm(1.0, s, x), lapack.strtrs(s, x)[0]]  # noqa: E731
    for got, want in zip(autodiff.function(f, engine=engine)(s, x), f(s, x), strict=True):
        assert got.dtype == want.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [
        lambda a: lapack.dpotrf(a - 10 * np.eye(3)),
        lambda a: lapack.dtrtrs(np.triu(a, 1), a),
        lambda a: lapack.dtrtri(np.tril(a, -1), lower=1),
        lambda a: lapack.dpotri(np.tril(a, -1), lower=1),
    ],
)
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_what_went_wrong_is_the_number_that_the_routine_says(f: object, engine: str) -> None:
    (_, info), (_, wanted) = autodiff.function(f, engine=engine)(A), f(A)  # type: ignore[operator, arg-type]
    assert info == wanted != 0


def test_routines_that_scipy_chooses_by_the_dtype() -> None:
    def f(a: np.ndarray, x: np.ndarray) -> np.ndarray:
        (potrs,) = linalg.get_lapack_funcs(("potrs",), (a, x))
        (gemm,) = linalg.get_blas_funcs(("gemm",), (a, x))
        return np.sum(gemm(1.0, x, potrs(linalg.cholesky(a), x)[0], trans_a=True))

    np.testing.assert_allclose(autodiff.function(f)(A, X), f(A, X))
    found = autodiff.gradient(f, wrt=1)(A, X)
    np.testing.assert_allclose(
        found, np.linalg.solve(A, X.sum(1))[:, None] * 2 * np.ones(4), rtol=1e-9
    )
