"""Sparse matrices that a function fills element by element have SciPy's values, and derivatives."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sl

import autodiff
from autodiff.errors import FallbackWarning

KINDS = (sp.lil_matrix, sp.lil_array)
D = np.array([1.5, 0.4, 2.0, 0.3, 0.2, 1.9])
B = np.array([1.0, 2.0, 0.5, -1.0, 0.3, 0.9])


def one_by_one(kind, d):
    A = kind((6, 6))
    for k in range(6):
        A[k, k] = d[k] + 3
    A[0, 1], A[2, 3] = d[4], d[5]
    return sl.spsolve(A.tocsr(), B) @ B


def springs(kind, d):
    n = len(d) + 1
    K = kind((n, n))
    for e in range(len(d)):
        K[e, e] += d[e]
        K[e + 1, e + 1] += d[e]
        K[e, e + 1] -= d[e]
        K[e + 1, e] -= d[e]
    K[0, :] = 0
    K[0, 0] = 1.0
    u = sl.spsolve(K.tocsc(), np.arange(n) * 1.0)
    return u @ u


def only_where(kind, d):
    A = kind((6, 6))
    for k in range(6):
        A[k, k] = 2 * d[0] + 1
        if d[k] > 1:
            A[k, 0] = -d[k]
    return A.tocsr().sum() + (A @ B) @ B


def diagonals(kind, d):
    A = kind((6, 6))
    A.setdiag(d + 2)
    A.setdiag(-d[1:], 1)
    A.setdiag(-1.0, -2)
    return sl.spsolve(A.tocsc(), B).sum() + A.toarray()[0, 1] + A.T.sum() + (2 * A - A / d[0]).sum()


def blocks(kind, d):
    A, element = kind((6, 6)), np.array([[1.0, -1.0], [-1.0, 1.0]])
    for e in range(3):
        A[2 * e : 2 * e + 2, 2 * e : 2 * e + 2] = element * d[e]
        A[2 * e, 2 * e] = d[e] * 3
    A[[4, 5], [0, 1]] = d[:2]
    return (A @ B) @ B + A[1, 1] * A[-1, 0]


def known(kind, d):
    """A matrix of what is known is SciPy's own, in whatever is asked of it."""
    L = kind((6, 6))
    L.setdiag(2.0)
    L.setdiag(-np.ones(5), 1)
    L[5, 0] = -1
    whole = sp.vstack([L, L]).sum() + L.nnz + np.asarray(L.sum(axis=1)).sum()
    return sl.spsolve(L.tocsc() + sp.diags(d), B).sum() + whole * d[0] + (-L @ d).sum()


PROGRAMS = (one_by_one, springs, only_where, diagonals, blocks, known)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_filled_has_the_value_and_derivatives_of_what_it_holds(program, kind):
    def f(d):
        return program(kind, d)

    with warnings.catch_warnings():
        warnings.simplefilter("error", FallbackWarning)
        value, slope = autodiff.value_and_gradient(f, engine="numpy")(D)
        forward = autodiff.jacobian(f, mode="forward", engine="numpy")(D)
    h = 1e-6
    want = [(f(D + h * e) - f(D - h * e)) / (2 * h) for e in np.eye(6)]
    assert np.isclose(value, f(D), rtol=1e-14)
    np.testing.assert_allclose(slope, want, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(forward, slope, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("program", PROGRAMS[:4])
def test_it_is_filled_natively(program):
    def f(d):
        return program(sp.lil_matrix, d)

    value, slope = autodiff.function(f), autodiff.gradient(f)
    oracle = autodiff.gradient(f, engine="numpy")
    for d in (D, D * 1.1):
        assert np.isclose(value(d), f(d), rtol=1e-14)
        np.testing.assert_allclose(slope(d), oracle(d), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_columns_are_those_that_scipy_makes(kind):
    def parts(d):
        A = kind((4, 5))
        for k in range(4):
            A[k, k] = d[k]
            A[k, (2 * k + 1) % 5] = d[k] * 2 - 1
        A[1, 1] = 0
        A[3, -1] += 2.5
        C, E = A.tocsr(), A.tocsc()
        said = f"{type(A)} {type(C)} {type(E)} {isinstance(A, kind)} {sp.issparse(A)} {A.shape}"
        return C.data, C.indices, C.indptr, E.data, E.indices, A[0, 0], C.nnz, said

    for given in ([0.3, 1.0, 2.0, 4.0], [0.5, 1.0, 0.0, 4.0]):  # of which some make zeros
        d = np.array(given)
        for x, y in zip(autodiff.function(parts, engine="numpy")(d), parts(d), strict=True):
            np.testing.assert_array_equal(x, y)


def test_an_element_that_is_zero_has_no_derivative():
    def f(d):
        A = sp.lil_matrix((2, 2))
        A[0, 0], A[0, 1] = d
        return A.tocsr().sum()

    slope = autodiff.gradient(f, engine="numpy")
    np.testing.assert_array_equal(slope(np.array([1.0, 2.0])), [1.0, 1.0])
    with pytest.raises(autodiff.errors.AutodiffError, match="that is 0 is left out"):
        slope(np.array([1.0, 0.0]))


def test_what_it_cannot_do_says_so():
    def f(d):
        A = sp.lil_matrix((2, 2))
        A[0, 0], A[1, 1] = d
        return sl.spsolve(A, d).sum()

    with pytest.raises(FallbackWarning, match="use its tocsr"):
        autodiff.gradient(f, engine="numpy")(np.array([1.0, 2.0]))
