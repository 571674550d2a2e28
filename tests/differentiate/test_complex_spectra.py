"""Vectors of complex matrices whose eigenvalues or singular values are equal.

Where the result does not depend on the basis of their span, gradient and tangent are those of the same
function written without vectors; elsewhere an error says so.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff.errors import DerivativeError

engines = pytest.mark.parametrize("engine", ["numpy", "native"])
# Of large tables: by default in machine code alone.
mostly_native = pytest.mark.parametrize(
    "engine", [pytest.param("numpy", marks=pytest.mark.slow), "native"]
)
RNG = np.random.default_rng(11)


def _random(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def _hermitian(a: Any) -> Any:
    return (a + a.conj().T) / 2


C, D = _random(4, 4), _random(4, 4)
Q, R = (np.linalg.qr(_random(4, 4))[0] for _ in "ab")
PAULI = np.array([[0, -1j], [1j, 0]])


def _with_eigenvalues(*values: float) -> np.ndarray:
    return np.asarray(_hermitian((Q * values) @ Q.conj().T))


MATRICES = {
    "zero": np.zeros((4, 4)) + 0j,
    "identity": np.eye(4) + 0j,
    "a pair on the diagonal": np.diag([1.0, 2.0, 1.0, 3.0]) + 0j,
    "a turned pair": _with_eigenvalues(1.0, 2.0, 2.0, 3.0),
    "a turned triple": _with_eigenvalues(0.5, 0.5, 0.5, 3.0),
    "two turned pairs": _with_eigenvalues(1.0, 1.0, 2.0, 2.0),
    "a pair and its negative": _with_eigenvalues(-1.0, -1.0, 1.0, 1.0),
    "one block twice": np.kron(np.eye(2), np.array([[2.0, 1j], [-1j, 3.0]])),
    "a spin": np.kron(PAULI, np.eye(2)),
    "a block and a pair": np.block(
        [
            [np.array([[3.0, 1 - 1j], [1 + 1j, 1.0]]), np.zeros((2, 2))],
            [np.zeros((2, 2)), np.eye(2)],
        ]
    ),
    "one part": np.diag([1.0, 1.0, 0.0, 0.0]) + 0j,
    "none equal": _with_eigenvalues(1.0, 2.0, 3.0, 4.5),
}


def _eigh(f: Callable[[Any], Any], eigh: Any = np.linalg.eigh, **options: Any) -> Any:
    def of_matrix(a: Any) -> Any:
        w, v = eigh((a + a.conj().T) / 2, **options)
        return np.sum((C * ((v * f(w)) @ v.conj().T)).real)

    return of_matrix


EXPONENTIALS = {
    "numpy": _eigh(np.exp),
    "upper triangle": _eigh(np.exp, UPLO="U"),
    "scipy": _eigh(np.exp, scipy.linalg.eigh),
}


@functools.cache
def _with_gradient(f: Any, engine: str) -> Any:
    return autodiff.value_and_gradient(f, engine=engine)  # compiled once for all matrices


def _check(f: Any, a: np.ndarray, d: np.ndarray, slope: np.ndarray, engine: str) -> None:
    """Value, gradient and tangent, given the gradient."""
    value, found = _with_gradient(f, engine)(a)
    np.testing.assert_allclose(value, f(a), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-11)
    value, tangent = autodiff.jvp(f, (a,), (d,), engine=engine)
    np.testing.assert_allclose(value, f(a), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(tangent, np.sum((slope.conj() * d).real), rtol=1e-9, atol=1e-11)


@mostly_native
@pytest.mark.parametrize("name", EXPONENTIALS)
@pytest.mark.parametrize("matrix", MATRICES)
def test_a_function_of_a_hermitian_matrix(name: str, matrix: str, engine: str) -> None:
    a = MATRICES[matrix]
    slope = _hermitian(scipy.linalg.expm_frechet(a, C.conj())[1])
    _check(EXPONENTIALS[name], a, D, slope, engine)


def test_the_gradient_is_that_of_differences() -> None:
    f, a, h = EXPONENTIALS["numpy"], MATRICES["two turned pairs"], 1e-6
    difference = (f(a + h * D) - f(a - h * D)) / (2 * h)
    np.testing.assert_allclose(autodiff.jvp(f, (a,), (D,))[1], difference, rtol=1e-7)


def _svd(f: Callable[[Any], Any], svd: Any = np.linalg.svd) -> Any:
    def of_matrix(a: Any) -> Any:
        u, s, vh = svd(a, full_matrices=False)
        weights = C[: u.shape[0], : vh.shape[1]]
        return np.sum((weights * ((u * f(s)) @ vh)).real)

    return of_matrix


REBUILT = {np.linalg.svd: _svd(lambda s: s), scipy.linalg.svd: _svd(lambda s: s, scipy.linalg.svd)}
CUBE, POLAR = _svd(lambda s: s**3), _svd(np.ones_like)
GENERAL = MATRICES | {
    "two equal and one that is 0": (Q * [3.0, 2.0, 2.0, 0.0]) @ R,
    "two equal and the rest 0": (Q * [2.0, 2.0, 0.0, 0.0]) @ R,
    "one that is 0": (Q * [3.0, 2.0, 1.0, 0.0]) @ R,
    "unitary": Q @ R,
}


@mostly_native
@pytest.mark.parametrize("svd", [np.linalg.svd, scipy.linalg.svd])
@pytest.mark.parametrize("matrix", GENERAL)
def test_a_matrix_put_together_again(matrix: str, svd: Any, engine: str) -> None:
    a = GENERAL[matrix]
    _check(REBUILT[svd], a, D, C.conj(), engine)


@mostly_native
@pytest.mark.parametrize("matrix", GENERAL)
def test_an_odd_function_of_singular_values(matrix: str, engine: str) -> None:
    a = GENERAL[matrix]  # u s**3 vh == a aᴴ a
    c = C.conj()
    slope = c @ a.conj().T @ a + a @ c.conj().T @ a + a @ a.conj().T @ c
    _check(CUBE, a, D, slope, engine)


REGULAR = {k: a for k, a in GENERAL.items() if np.linalg.matrix_rank(a) == 4}


@mostly_native
@pytest.mark.parametrize("matrix", REGULAR)
def test_the_polar_factor(matrix: str, engine: str) -> None:
    a = REGULAR[matrix]
    u, p = scipy.linalg.polar(a)
    # d = du p + u dp: x = uᴴ du is the skew-Hermitian solution of x p + p x = uᴴ d - dᴴ u.
    x = scipy.linalg.solve_sylvester(p, p, u.conj().T @ C.conj() - C.T @ u)
    _check(POLAR, a, D, u @ x, engine)


@engines
@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_rectangular_matrix(shape: tuple[int, int], turned: bool, engine: str) -> None:
    a = np.eye(*shape) + 0j
    a = 2 * Q[: shape[0], : shape[0]] @ a if turned and shape[0] == 4 else a
    a = a @ R[: shape[1], : shape[1]] if turned and shape[1] == 4 else a
    d = D[: shape[0], : shape[1]]
    _check(REBUILT[np.linalg.svd], a, d, C[: shape[0], : shape[1]].conj(), engine)


@engines
@pytest.mark.parametrize("matrix", ["a turned pair", "two turned pairs", "one block twice"])
def test_the_projector_on_a_whole_eigenspace(matrix: str, engine: str) -> None:
    a = MATRICES[matrix]
    w, v = np.linalg.eigh(a)
    below = w < 1.5

    def f(a: Any) -> Any:
        v = np.linalg.eigh((a + a.conj().T) / 2)[1][:, : below.sum()]
        return np.sum((C * (v @ v.conj().T)).real)

    # Pairs of vectors on both sides of the projector turn; v (m / gaps) vᴴ with m = vᴴ C v.
    apart = below[:, None] != below
    gaps = np.where(apart, np.abs(w[:, None] - w), 1.0)
    inner = -np.where(apart, v.conj().T @ _hermitian(C.conj()) @ v / gaps, 0.0)
    _check(f, a, D, v @ inner @ v.conj().T, engine)


@engines
def test_a_stack_of_matrices(engine: str) -> None:
    def f(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return np.sum((C * ((v * np.exp(w)[:, None, :]) @ np.swapaxes(v, -1, -2).conj())).real)

    stack = np.stack([MATRICES[k] for k in ("identity", "two turned pairs", "none equal")])
    slope = autodiff.gradient(f, engine=engine)
    np.testing.assert_allclose(slope(stack), [slope(a[None])[0] for a in stack], atol=1e-12)


def test_decompositions_in_a_loop() -> None:
    def f(a: Any) -> Any:
        for _ in range(3):
            w, v = np.linalg.eigh(a)
            a = (v * np.sqrt(w)) @ v.conj().T
        return np.sum((C * a).real)

    d = _hermitian(D)
    expected = 0.125 * 2**-0.875 * np.sum((C * d).real)
    tangent = autodiff.jvp(f, (2 * np.eye(4) + 0j,), (d,), engine="numpy")[1]
    np.testing.assert_allclose(tangent, expected)
    slope = autodiff.gradient(f)(2 * np.eye(4) + 0j)
    np.testing.assert_allclose(np.sum((slope.conj() * d).real), expected)


def test_single_precision() -> None:
    a = MATRICES["two turned pairs"].astype(np.complex64)
    slope = autodiff.gradient(EXPONENTIALS["numpy"])(a)
    assert slope.dtype == np.complex64
    expected = _hermitian(scipy.linalg.expm_frechet(a.astype(complex), C.conj())[1])
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-4)


DEPENDENT = {
    "a component": lambda a: np.abs(np.linalg.eigh(a)[1][0, 0]),
    "a real part": lambda a: np.linalg.eigh(a)[1][1, 0].real,
    "an imaginary part": lambda a: np.linalg.eigh(a)[1][1, 0].imag,
    "a column": lambda a: np.sum((np.linalg.eigh(a)[1][:, 0] * C[0]).real),
    "one projector": lambda a: (lambda v: (v[0, 0] * v[1, 0].conj()).real)(np.linalg.eigh(a)[1]),
    "another function for each": lambda a: _eigh(lambda w: w + np.arange(4.0))(a),
    "left vectors": lambda a: np.sum((C * np.linalg.svd(a)[0]).real),
    "right vectors": lambda a: np.sum((C * np.linalg.svd(a)[2]).real),
}


@pytest.mark.native_one_in(
    4
)  # the check is one operation on both engines, each program a second of LLVM
@engines
@pytest.mark.parametrize("matrix", ["a turned triple", "two turned pairs"])
@pytest.mark.parametrize("name", DEPENDENT)
def test_what_depends_on_the_basis_is_refused(name: str, matrix: str, engine: str) -> None:
    f, a = DEPENDENT[name], MATRICES[matrix]
    match = "AD305.*depends on which basis"
    with pytest.raises(DerivativeError, match=match) as caught:
        _with_gradient(f, engine)(a)
    assert "test_complex_spectra.py" in str(caught.value)
    with pytest.raises(DerivativeError, match=match):
        autodiff.jvp(f, (a,), (_hermitian(D),), engine=engine)
    assert np.all(np.isfinite(_with_gradient(f, engine)(MATRICES["none equal"])[1]))


def test_the_polar_factor_of_a_singular_matrix_is_refused() -> None:
    f, a = POLAR, GENERAL["two equal and one that is 0"]
    with pytest.raises(DerivativeError, match="AD305.*depends on which basis"):
        _with_gradient(f, "native")(a)
    with pytest.raises(DerivativeError, match="AD305.*depends on which basis"):
        autodiff.jvp(f, (a,), (D,), engine="native")


def test_second_derivatives_through_vectors_are_refused() -> None:
    f = EXPONENTIALS["numpy"]
    with pytest.raises(DerivativeError, match="AD305: second derivatives"):
        autodiff.hessian_vector(f, engine="numpy")(MATRICES["identity"], _tensors=D)


OF_EIGENVALUES = autodiff.hessian_vector(
    lambda a: np.sum(np.exp(np.linalg.eigvalsh((a + a.conj().T) / 2)))
)
OF_SINGULAR_VALUES = autodiff.hessian_vector(
    lambda a: np.sum(np.linalg.svd(a, compute_uv=False) ** 4)
)


@pytest.mark.parametrize("matrix", ["identity", "two turned pairs", "none equal"])
def test_second_derivatives_of_values_alone(matrix: str) -> None:
    a = MATRICES[matrix]
    found = OF_EIGENVALUES(a, _tensors=D)
    expected = scipy.linalg.expm_frechet(a, _hermitian(D))[1]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    found = OF_SINGULAR_VALUES(a, _tensors=D)
    h = a.conj().T
    expected = 4 * (D @ h @ a + a @ D.conj().T @ a + a @ h @ D)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@engines
@pytest.mark.parametrize("name", ["a real part", "one projector"])
def test_what_has_one_value_for_every_basis_and_many_slopes_is_refused(name: str, engine: str):
    # Each vector has an imaginary second element for a real first one, whatever the basis.
    with pytest.raises(DerivativeError, match="AD305.*depends on which basis"):
        _with_gradient(DEPENDENT[name], engine)(MATRICES["one block twice"])
    tangent = (_hermitian(C),)
    with pytest.raises(DerivativeError, match="AD305.*depends on which basis"):
        autodiff.jvp(DEPENDENT[name], (MATRICES["one block twice"],), tangent, engine=engine)
