"""Eigenvectors and singular vectors where eigenvalues or singular values are equal."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff.errors import DerivativeError

engines = pytest.mark.parametrize("engine", ["numpy", "native"])
RNG = np.random.default_rng(5)
C, D = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
Q = np.linalg.qr(RNG.normal(size=(3, 3)))[0]


def _symmetric(a: Any) -> Any:
    return (a + a.T) / 2


MATRICES = {
    "zero": np.zeros((3, 3)),
    "identity": np.eye(3),
    "a pair": np.diag([1.0, 2.0, 1.0]),
    "a turned pair": _symmetric(Q @ np.diag([1.0, 1.0, 2.5]) @ Q.T),
    "none equal": np.diag([1.0, 2.0, 4.0]) + 0.1,
}


def _eigh(f: Callable[[Any], Any], eigh: Any = np.linalg.eigh, **options: Any) -> Any:
    def of_matrix(a: Any) -> Any:
        w, v = eigh(_symmetric(a), **options)
        return np.sum(C * ((v * f(w)) @ v.T))

    return of_matrix


def _svd(f: Callable[[Any], Any]) -> Any:
    def of_matrix(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a)
        return np.sum(C * ((u * f(s)) @ vh))

    return of_matrix


def _entries(a: Any) -> Any:
    w, v = np.linalg.eigh(_symmetric(a))
    return np.einsum("ij,ik,k,jk->", C, v, np.exp(w), v)


# A function by its factors, and the same by a function of the matrix that has none.
EXPONENTIALS = {
    "numpy": _eigh(np.exp),
    "upper triangle": _eigh(np.exp, UPLO="U"),
    "scipy": _eigh(np.exp, scipy.linalg.eigh),
    "einsum": _entries,
}


def _exact_exponential(a: np.ndarray) -> np.ndarray:
    c = _symmetric(C)
    return scipy.linalg.expm_frechet(_symmetric(a), c)[1]


@engines
@pytest.mark.parametrize("name", EXPONENTIALS)
@pytest.mark.parametrize("matrix", MATRICES)
def test_a_function_of_a_matrix(name: str, matrix: str, engine: str) -> None:
    f, a = EXPONENTIALS[name], MATRICES[matrix]
    value, slope = autodiff.value_and_gradient(f, engine=engine)(a)
    np.testing.assert_allclose(value, f(a), rtol=1e-13)
    np.testing.assert_allclose(slope, _exact_exponential(a), rtol=1e-11, atol=1e-12)
    value, tangent = autodiff.jvp(f, (a,), (D,))
    np.testing.assert_allclose(value, f(a), rtol=1e-13)
    np.testing.assert_allclose(tangent, np.sum(_exact_exponential(a) * D), rtol=1e-11)


@engines
@pytest.mark.parametrize("matrix", MATRICES)
def test_a_matrix_put_together_again(matrix: str, engine: str) -> None:
    a = MATRICES[matrix]
    slope = autodiff.gradient(_svd(lambda s: s), engine=engine)(a)
    np.testing.assert_allclose(slope, C, atol=1e-12)
    np.testing.assert_allclose(autodiff.jvp(_svd(lambda s: s), (a,), (D,))[1], np.sum(C * D))


@engines
@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
@pytest.mark.parametrize("kind", ["eye", "zeros", "ones"])
def test_a_rectangular_matrix_put_together_again(
    shape: tuple[int, int], kind: str, engine: str
) -> None:
    weights = np.arange(8.0).reshape(shape)

    def f(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum(weights * ((u * s) @ vh))

    a = np.eye(*shape) if kind == "eye" else np.full(shape, float(kind == "ones"))
    np.testing.assert_allclose(autodiff.gradient(f, engine=engine)(a), weights, atol=1e-12)


@pytest.mark.parametrize("matrix", ["identity", "a pair", "a turned pair", "none equal"])
def test_the_polar_factor(matrix: str) -> None:
    a = MATRICES[matrix]  # symmetric and positive definite, so that the factor is the identity
    f = _svd(np.ones_like)
    # With a = P: the derivative is the antisymmetric X of X P + P X = D - Dᵀ.
    x = scipy.linalg.solve_sylvester(a, a, D - D.T)
    np.testing.assert_allclose(autodiff.jvp(f, (a,), (D,))[1], np.sum(C * x), rtol=1e-10)
    np.testing.assert_allclose(np.sum(autodiff.gradient(f)(a) * D), np.sum(C * x), rtol=1e-10)


@engines
def test_a_vector_that_is_not_of_the_pair(engine: str) -> None:
    def f(t: Any) -> Any:
        w, v = np.linalg.eigh(np.array([[1.0, 0.0, t], [0.0, 1.0, 0.0], [t, 0.0, 3.0]]))
        return v[0, 2] / v[2, 2]

    assert autodiff.gradient(f, engine=engine)(0.0) == pytest.approx(0.5)


@engines
@pytest.mark.parametrize("columns", [slice(0, 2), slice(2, 3)])
def test_projectors_beside_and_on_a_pair(columns: slice, engine: str) -> None:
    def f(t: Any) -> Any:
        _, v = np.linalg.eigh(np.array([[1.0, 0.0, t], [0.0, 1.0, 0.0], [t, 0.0, 3.0]]))
        return (v[:, columns] @ v[:, columns].T)[0, 2]

    expected = 0.5 if columns.start else -0.5
    assert autodiff.gradient(f, engine=engine)(0.0) == pytest.approx(expected)
    assert autodiff.jvp(f, (0.0,), (1.0,))[1] == pytest.approx(expected)


def test_a_stack_of_matrices() -> None:
    def f(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.sum(C * ((v * np.exp(w)[:, None, :]) @ np.swapaxes(v, -1, -2)))

    stack = np.stack([np.eye(3), np.diag([1.0, 2.0, 2.0]), _symmetric(C)])
    slopes = [autodiff.gradient(f)(a[None])[0] for a in stack]
    np.testing.assert_allclose(autodiff.gradient(f)(stack), slopes)


@pytest.mark.parametrize("trips", [3, 30])
def test_decompositions_in_a_loop(trips: int) -> None:
    def f(a: Any) -> Any:
        for _ in range(trips):
            w, v = np.linalg.eigh(a)
            a = (v * np.sqrt(w)) @ v.T
        return np.sum(C * a)

    power = 2.0**-trips
    a = 2 * np.eye(3)
    expected = power * 2 ** (power - 1) * np.sum(C * _symmetric(D))
    np.testing.assert_allclose(autodiff.jvp(f, (a,), (_symmetric(D),))[1], expected, rtol=1e-6)
    slope = autodiff.gradient(f)(a)
    np.testing.assert_allclose(np.sum(slope * _symmetric(D)), expected, rtol=1e-6)


DEPENDENT = {
    "a component": lambda a: np.linalg.eigh(a)[1][0, 0],
    "a column": lambda a: np.sum(np.linalg.eigh(a)[1][:, 0] * C[0]),
    "a projector on one of them": lambda a: (lambda v: v[0, 0] * v[1, 0])(np.linalg.eigh(a)[1]),
    "left vectors": lambda a: np.sum(C * np.linalg.svd(a)[0]),
}


@engines
@pytest.mark.parametrize("name", DEPENDENT)
def test_what_depends_on_the_basis_is_refused(name: str, engine: str) -> None:
    slope = autodiff.gradient(DEPENDENT[name], engine=engine)
    with pytest.raises(DerivativeError, match="AD305.*depends on which basis") as caught:
        slope(np.eye(3))
    assert "test_spectra.py" in str(caught.value)
    assert np.all(np.isfinite(slope(np.diag([1.0, 2.0, 3.0]))))


BESIDE = {
    "eigenvectors": lambda a: (lambda v: v[0, 0] * v[1, 0])(np.linalg.eigh(_symmetric(a))[1]),
    "left and right vectors": lambda a: (lambda u, s, vh: u[0, 0] * vh[0, 1])(*np.linalg.svd(a)),
}


@engines
@pytest.mark.parametrize("name", BESIDE)
def test_what_has_one_value_for_every_basis_and_many_slopes_is_refused(name, engine):
    # Each vector has 0 where the other set has its vectors, whatever the basis of its span.
    a = np.diag([1.0, 2.0, 1.0, 2.0])
    with pytest.raises(DerivativeError, match="AD305.*depends on which basis"):
        autodiff.gradient(BESIDE[name], engine=engine)(a)
    for da in (np.ones((4, 4)), np.diag([1.0, 2.0, 3.0, 4.0]) + 0.5):
        with pytest.raises(DerivativeError, match="AD305.*depends on which basis"):
            autodiff.function(lambda a, da: autodiff.jvp(BESIDE[name], (a,), (da,)), engine=engine)(
                a, da
            )


def test_a_basis_that_leaves_a_loop_is_refused() -> None:
    def f(a: Any) -> Any:
        v = np.eye(3)
        total = 0.0
        for _ in range(20):
            total = total + v[0, 1]
            _, v = np.linalg.eigh(a)
        return total

    with pytest.raises(DerivativeError, match="AD305"):
        autodiff.gradient(f)(np.eye(3))


def test_second_derivatives_are_refused_where_values_are_equal() -> None:
    hessian = autodiff.hessian(_eigh(np.exp))
    with pytest.raises(DerivativeError, match="AD305: second derivatives"):
        hessian(np.eye(3))
    assert np.all(np.isfinite(hessian(np.diag([1.0, 2.0, 3.0]))))


def test_second_derivatives_of_eigenvalues_alone() -> None:
    def f(a: Any) -> Any:
        return np.sum(np.exp(np.linalg.eigvalsh(_symmetric(a))))

    found = autodiff.hessian_vector(f)(np.eye(3), _tensors=D)
    np.testing.assert_allclose(found, np.e * _symmetric(D), rtol=1e-10)


@engines
@pytest.mark.parametrize("triangle", ["L", "U"])
def test_vectors_are_those_that_numpy_returns(triangle: str, engine: str) -> None:
    def f(a: Any) -> Any:
        return tuple(np.linalg.eigh(a, triangle))

    for a in (C, _symmetric(C), np.eye(3)):
        for found, right in zip(autodiff.function(f, engine=engine)(a), f(a), strict=True):
            np.testing.assert_array_equal(found, right)


# -- bases that are completed -----------------------------------------------------------------------
def _rest(u: Any, vh: Any) -> Any:
    """The vectors that the thin form lacks, as columns."""
    k = min(len(u), len(vh))
    return u[:, k:] if len(u) > k else vh[k:].T


def _of_bases(f: Callable[..., Any]) -> Any:
    def of_matrix(a: Any) -> Any:
        weights = np.cos(np.arange(30.0))
        x = f(*np.linalg.svd(a))
        return np.sum(weights[: x.size] * x.ravel())

    return of_matrix


OF_BASES = {
    "values": lambda u, s, vh: s**3,
    "low rank": lambda u, s, vh: (u[:, :2] * s[:2]) @ vh[:2],
    "projector": lambda u, s, vh: _rest(u, vh) @ _rest(u, vh).T,
    "one vector": lambda u, s, vh: _rest(u, vh)[:, 0] ** 2,
}


@engines
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 3), (3, 4)])
@pytest.mark.parametrize("name", OF_BASES)
def test_full_matrices_have_derivatives_where_the_completion_does_not_matter(name, shape, engine):
    f = _of_bases(OF_BASES[name])
    a = np.random.default_rng(8).normal(size=shape)
    assert autodiff.function(f, engine=engine)(a) == pytest.approx(f(a), rel=1e-13)
    if name == "one vector" and abs(shape[0] - shape[1]) > 1:
        with pytest.raises(DerivativeError, match="AD305: the singular vectors that complete"):
            autodiff.gradient(f, engine=engine)(a)
        return
    slope = autodiff.gradient(f, engine=engine)(a)
    steps = 1e-6 * np.eye(a.size).reshape(-1, *shape)
    differences = [(f(a + h) - f(a - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(slope.ravel(), differences, rtol=1e-6, atol=1e-8)
    if abs(shape[0] - shape[1]) == 1:
        d = np.cos(np.arange(a.size)).reshape(shape)
        np.testing.assert_allclose(autodiff.jvp(f, (a,), (d,))[1], np.sum(slope * d), rtol=1e-9)


def test_forward_mode_through_completed_bases_is_refused_with_the_remedy():
    f = _of_bases(OF_BASES["projector"])
    with pytest.raises(
        DerivativeError, match="in forward mode.*\n.*\n.*\n.*\n.*full_matrices=False"
    ):
        autodiff.jvp(f, (np.ones((5, 2)),), (np.ones((5, 2)),))
