"""Iterative solvers, eigenvalues and exponentials of ``scipy.sparse.linalg`` inside of functions."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sl

import autodiff
from autodiff.errors import NoSolutionWarning

FULL = np.array([[4.0, 0.5, 0, 0], [0, 3, -1, 0], [1, 0, 5, 0.2], [0, 0, 0.3, 6]])
FIXED = sp.csr_array(FULL)
SYMMETRIC = sp.csr_array(FULL + FULL.T)
ROWS, COLUMNS = np.array([0, 1, 2, 3, 0, 1, 2, 1, 2, 3]), np.array([0, 1, 2, 3, 1, 2, 3, 0, 1, 2])
X = np.array([1.0, -2.0, 0.5, 3.0])
B = np.array([1.0, 2.0, 3.0, 4.0])
JACOBI = sp.diags_array(1.0 / FULL.diagonal(), format="csr")
NEARLY = sl.spilu(FIXED.tocsc())
TIGHT = {"rtol": 1e-13, "atol": 0.0}


def symmetric(x, cls=sp.csr_array):
    data = np.concatenate([x**2 + 10.0, np.sin(x[:3]), np.sin(x[:3])])
    return cls((data, (ROWS, COLUMNS)), shape=(4, 4))


def general(x):
    data = np.concatenate([x**2 + 10.0, np.sin(x[:3]), np.cos(x[:3])])
    return sp.csc_array((data, (ROWS, COLUMNS)), shape=(4, 4))


def turning(x):
    off = [8.0 + np.sin(x[0]), 0.1, x[1], -9.0 + np.cos(x[2]), 0.3, 0.1]
    data = np.concatenate([x**2 + 10.0, np.stack([np.float64(1.0) * y for y in off])])
    return sp.csr_array((data, (ROWS, COLUMNS)), shape=(4, 4))


def parts_of_pairs(z):
    return np.array([np.sum(z.real), np.sum(np.abs(z.imag)), np.max(np.abs(z))])


def squares_of_vectors(found):
    u, _, vt = found
    return np.concatenate([u[:, 1] ** 2, vt[0] ** 2, u[0, 0] * vt[0]])


def tall(x):
    return sp.vstack([general(x), FIXED], format="csr")


def product(x):
    return sl.LinearOperator((4, 4), matvec=lambda v: (x**2 + 10) * v + np.roll(v, 1))


def both_products(x):
    return sl.LinearOperator(
        (5, 4),
        matvec=lambda v: np.concatenate([x * v, [v @ x**2]]),
        rmatvec=lambda v: x * v[:4] + v[4] * x**2,
    )


CASES = {
    "cg": lambda x: sl.cg(symmetric(x), B, **TIGHT)[0],
    "cg by b": lambda x: sl.cg(SYMMETRIC, x**2, **TIGHT)[0],
    "cg from x0": lambda x: sl.cg(symmetric(x), B, x0=x, **TIGHT)[0],
    "cg of a full one": lambda x: sl.cg(np.diag(x**2) + SYMMETRIC.toarray(), x, **TIGHT)[0],
    "cg with M": lambda x: sl.cg(symmetric(x), B, M=JACOBI, **TIGHT)[0],
    "cg of products": lambda x: sl.cg(
        sl.LinearOperator((4, 4), matvec=lambda v: (x**2 + 1) * v + 0.1 * np.sum(v)), B, **TIGHT
    )[0],
    "minres": lambda x: sl.minres(symmetric(x), B, rtol=1e-13)[0],
    "minres, shifted": lambda x: sl.minres(symmetric(x), B, shift=0.3 * x[0], rtol=1e-13)[0],
    "minres of products": lambda x: sl.minres(
        sl.LinearOperator((4, 4), matvec=lambda v: (x**2 + 5) * v), B, shift=x[1], rtol=1e-13
    )[0],
    "minres of a full one": lambda x: sl.minres(
        np.diag(x**2) + SYMMETRIC.toarray(), x, shift=x[1], rtol=1e-13
    )[0],
    "lsqr by diagonals": lambda x: sl.lsqr(
        sp.diags_array([x + 4.0, x[1:]], offsets=[0, 1]), x**2, atol=1e-14, btol=1e-14
    )[0],
    "gmres": lambda x: sl.gmres(general(x), x, **TIGHT)[0],
    "gmres of products": lambda x: sl.gmres(product(x), x, **TIGHT)[0],
    "gmres with spilu": lambda x: sl.gmres(
        general(x), B, M=sl.LinearOperator((4, 4), NEARLY.solve), **TIGHT
    )[0],
    "bicgstab": lambda x: sl.bicgstab(general(x), B, **TIGHT)[0],
    "bicg": lambda x: sl.bicg(general(x), B, **TIGHT)[0],
    "lgmres": lambda x: sl.lgmres(general(x), B, **TIGHT)[0],
    "lsqr": lambda x: sl.lsqr(tall(x), np.append(x, B), atol=1e-14, btol=1e-14)[0],
    "lsqr damped": lambda x: sl.lsqr(general(x), B, damp=x[0], atol=1e-14, btol=1e-14)[0],
    "lsqr wide": lambda x: sl.lsqr(tall(x).T, B, atol=1e-14, btol=1e-14)[0],
    "lsqr of products": lambda x: sl.lsqr(
        both_products(x), np.append(B, 2.0), atol=1e-14, btol=1e-14
    )[0],
    "lsmr": lambda x: sl.lsmr(tall(x), np.append(B, B), atol=1e-14, btol=1e-14)[0],
    "eigsh": lambda x: sl.eigsh(symmetric(x), k=2, which="LA", tol=0)[0],
    "eigsh, vectors": lambda x: sl.eigsh(symmetric(x), k=1, which="SA")[1][:, 0] ** 2,
    "eigsh, values alone": lambda x: sl.eigsh(
        symmetric(x), k=2, sigma=9.0, return_eigenvectors=False
    ),
    "eigsh, of two": lambda x: sl.eigsh(
        symmetric(x), k=2, M=sp.diags_array(x**2 + 1.0, format="csc"), sigma=0.0
    )[0],
    "eigsh, of two, vectors": lambda x: (
        sl.eigsh(symmetric(x, sp.csc_array), k=1, M=sp.csc_array(SYMMETRIC) * (9.0 + x[0]), v0=B)[
            1
        ][:, 0]
        ** 2
    ),
    "eigsh, of two full ones": lambda x: sl.eigsh(
        symmetric(x).toarray(), k=1, M=np.diag(x**2 + 1.0), v0=B, return_eigenvectors=False
    ),
    "eigsh of products": lambda x: sl.eigsh(
        sl.LinearOperator((4, 4), matvec=lambda v: SYMMETRIC @ v + x**2 * v), k=2, v0=B
    )[0],
    "eigsh of products, vectors": lambda x: (
        sl.eigsh(sl.aslinearoperator(symmetric(x)), k=1, which="SA", v0=B)[1][:, 0] ** 2
    ),
    "eigs, real": lambda x: np.sort(sl.eigs(general(x), k=2, v0=B)[0].real),
    "eigs, complex": lambda x: parts_of_pairs(sl.eigs(turning(x), k=2, v0=B)[0]),
    "eigs, full, values alone": lambda x: np.sum(
        np.abs(
            sl.eigs(turning(x).toarray(), k=2, which="LI", v0=B, return_eigenvectors=False).imag
        ),
        keepdims=True,
    ),
    "svds": lambda x: sl.svds(tall(x), k=2, v0=B)[1],
    "svds, vectors": lambda x: squares_of_vectors(sl.svds(tall(x), k=2, v0=B)),
    "svds, full and wide": lambda x: sl.svds(
        tall(x).toarray().T, k=2, v0=B, return_singular_vectors=False
    ),
    "svds, right": lambda x: sl.svds(tall(x), k=1, v0=B, return_singular_vectors="vh")[2][0] ** 2,
    "expm_multiply": lambda x: sl.expm_multiply(symmetric(x) * 0.3 - SYMMETRIC, x),
    "expm_multiply by elements": lambda x: sl.expm_multiply(symmetric(x, sp.coo_array) * 0.3, x),
    "expm_multiply by diagonals": lambda x: sl.expm_multiply(
        sp.diags_array([x, x[1:]], offsets=[0, 1]), np.stack([x, B], 1), traceA=0.2
    ),
    "expm_multiply at times": lambda x: sl.expm_multiply(
        symmetric(x) * 0.1, x, start=0.2, stop=x[0], num=3
    ),
    "expm_multiply before the last time": lambda x: sl.expm_multiply(
        general(x) * 0.1, np.stack([x, B], 1), start=x[1], stop=1, num=2, endpoint=False
    ),
    "spsolve_triangular": lambda x: sl.spsolve_triangular(
        sp.tril(general(x), format="csr"), x, lower=True
    ),
    "a LinearOperator": lambda x: product(x) @ x + product(x).matvec(B),
}


def jacobian_by_differences(f, x, step=1e-6):
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]
    return np.stack([np.asarray(c) for c in columns], axis=-1)


def sampled(*tables, one_in):
    rows = list(itertools.product(*tables))
    return [
        pytest.param(*row, marks=[pytest.mark.slow] if k % one_in else [])
        for k, row in enumerate(rows)
    ]


@pytest.mark.parametrize(("name", "engine"), sampled(CASES, ["numpy", "native"], one_in=23))
def test_values_are_those_of_scipy_and_derivatives_those_of_the_equations(name, engine):
    f = CASES[name]
    function = autodiff.function(f, engine=engine)
    for at in (X, X[::-1].copy()):
        np.testing.assert_allclose(function(at), f(at), rtol=1e-10)
    expected = jacobian_by_differences(f, X)
    for mode in ("forward", "reverse"):
        found = autodiff.jacobian(f, mode=mode, engine=engine)(X)
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cg", "gmres of products", "lsqr", "eigsh", "eigsh, vectors"])
def test_second_derivatives(name):
    def f(x):
        return np.sum(CASES[name](x) ** 2)

    expected = jacobian_by_differences(autodiff.gradient(f), X)
    np.testing.assert_allclose(autodiff.hessian(f)(X), expected, rtol=2e-6, atol=1e-7)


@pytest.mark.slow
def test_the_derivative_is_that_of_the_solution_however_roughly_it_is_asked_for():
    A = sp.diags_array([-1.0, 2.1, -1.0], offsets=[-1, 0, 1], shape=(50, 50), format="csr")

    def f(s):
        x, info = sl.cg(A * s, np.ones(50), rtol=1e-3)
        assert info == 0
        return np.sum(x)

    exact = -np.sum(sl.spsolve(A, np.ones(50))) / 4.0
    np.testing.assert_allclose(autodiff.gradient(f)(2.0), exact, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "f",
    [
        lambda x: sl.cg(symmetric(x), B, maxiter=1, rtol=1e-14)[0],
        lambda x: sl.gmres(product(1e2 * x), B, maxiter=1, restart=1, rtol=1e-14)[0],
    ],
)
def test_an_iteration_that_stopped_early_is_warned_of(f):
    x = np.array([1.0, -20.0, 5.0, 30.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoSolutionWarning)
        np.testing.assert_allclose(autodiff.function(f)(x), f(x))
    with pytest.warns(NoSolutionWarning, match="test_systems.*meaningless"):
        autodiff.jacobian(f)(x)


@pytest.mark.slow
def test_an_eigenvalue_that_is_there_twice_has_no_derivative():
    def f(x):
        data = np.concatenate([x**2, np.zeros(6)])
        A = sp.csr_array((data, (ROWS, COLUMNS)), shape=(4, 4))
        return sl.eigsh(A, k=1, which="LA", v0=B)[0]

    x = np.array([3.0, 3.0, 1.0, 2.0])
    np.testing.assert_allclose(autodiff.function(f)(x), [9.0])
    with pytest.raises(autodiff.AutodiffError, match="more than once|exactly singular"):
        autodiff.jacobian(f)(x)


def test_vectors_with_any_phase_have_no_derivative():
    def f(x):
        return np.sum(sl.eigs(turning(x), k=2, v0=B)[1].real)

    np.testing.assert_allclose(autodiff.function(f)(X), f(X))
    for derivative in (autodiff.gradient(f), autodiff.jacobian(f, mode="forward")):
        with pytest.raises(autodiff.DerivativeError, match="eigenvalues, not by its eigenvectors"):
            derivative(X)


def test_other_results_have_no_derivative():
    def f(x):
        return sl.lsqr(tall(x), np.append(B, B))[3]

    np.testing.assert_allclose(autodiff.function(f)(X), f(X))
    with pytest.raises(autodiff.DerivativeError, match="r1norm|r2norm"):
        autodiff.gradient(f)(X)


@pytest.mark.slow
@pytest.mark.parametrize(
    "f",
    [
        lambda x: sl.cg(symmetric(x), np.append(B, 1.0))[0],
        lambda x: sl.cg(symmetric(x)[:3], B)[0],
        lambda x: sl.eigsh(symmetric(x), k=0)[0],
        lambda x: product(x) @ np.ones(5),
    ],
)
def test_exceptions_are_those_of_scipy(f):
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever SciPy raises
        f(X)
    with pytest.raises(expected.type), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        autodiff.function(f)(X)


RANDOM = np.random.default_rng(1).standard_normal((12, 12)) + np.diag(np.arange(12.0))
START = np.ones(12)


SPECTRA = {
    "eigs": lambda A, **how: sl.eigs(A, 4, v0=START.astype(A.dtype), **how),
    "eigs, smallest": lambda A, **how: sl.eigs(A, 4, v0=START.astype(A.dtype), which="SM", **how),
    "eigs, real parts": lambda A, **how: sl.eigs(A, 3, v0=START.astype(A.dtype), which="LR", **how),
    "eigsh": lambda A, **how: sl.eigsh(A + A.T, 4, v0=START.astype(A.dtype), **how),
    "eigsh, algebraic": lambda A, **how: sl.eigsh(A + A.T, 4, v0=START.astype(A.dtype), which="SA", **how),
    "eigsh, ends": lambda A, **how: sl.eigsh(A + A.T, 4, v0=START.astype(A.dtype), which="BE", **how),
    "eigsh, shifted": lambda A, **how: sl.eigsh(A + A.T, 4, v0=START.astype(A.dtype), sigma=3.3, **how),
    "svds": lambda A, return_eigenvectors=True: sl.svds(
        A, 4, v0=START.astype(A.dtype), return_singular_vectors=return_eigenvectors
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize("name", SPECTRA)
def test_spectra_are_in_the_order_and_of_the_dtype_of_scipy(name, vectors, dtype):
    def f(A):
        found = SPECTRA[name](A, return_eigenvectors=vectors)
        return found if vectors else (found,)

    A = RANDOM.astype(dtype)
    for found, wanted in zip(autodiff.function(f)(A), f(A), strict=True):
        assert type(found) is type(wanted) and found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-12 if dtype is np.float64 else 1e-4)


@pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("name", SPECTRA)
def test_slopes_of_values_without_vectors_are_in_their_order(name):
    shift = np.sin(np.arange(144.0)).reshape(12, 12)

    def f(t):
        values = SPECTRA[name](RANDOM + t * shift, return_eigenvectors=False)
        return np.concatenate([values.real, values.imag])

    h = 1e-5
    slopes = (f(h) - f(-h)) / (2 * h)
    found = autodiff.jvp(f, (0.0,), (1.0,))[1]
    np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-6)
