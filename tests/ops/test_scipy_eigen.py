"""Some eigenvalues, those of two matrices, left vectors; factors of matrices that are not square."""

import numpy as np
import pytest
from scipy import linalg

import autodiff
from tests.ops.calls import A, S, X, both_tests

B = A[::-1, ::-1] + 2 * np.eye(3)
D = np.diag([3.0, -1.0, 2.0])


def _of_complex(found: object) -> list[np.ndarray]:
    """Sizes and powers, whatever the phase and the order."""
    return [np.sum(np.abs(np.asarray(v)) ** 3) for v in found]  # type: ignore[attr-defined]


CASES = [
    (lambda a, b: linalg.eigh(a, b, subset_by_index=[1, 2]), (A, B)),
    (lambda s: linalg.eig(s, left=True), (S + D,)),
    (lambda x: linalg.lu(x.T), (X,)),
    (lambda x: linalg.pinv(x, atol=0.3), (X,)),
    (lambda a, b: np.sum(linalg.eigvals(a, b) ** 3), (S, B)),
]
MORE = [
    (lambda a: linalg.eigh(a, subset_by_index=[0, 1]), (A,)),
    (lambda a: linalg.eigh(a, subset_by_index=(1, 1), lower=False), (A,)),
    (lambda a: linalg.eigh(a, subset_by_value=[0.0, 5.0]), (A,)),
    (lambda a: linalg.eigh(a, driver="evd"), (A,)),
    (lambda a, b: linalg.eigh(a, b), (A, B)),
    (lambda a, b: linalg.eigh(a, b=b, lower=False, driver="gv"), (A, B)),
    (lambda a, b: linalg.eigvalsh(a, b, subset_by_value=[0.5, 9.0]), (A, B)),
    (lambda a: linalg.eigvalsh(a, subset_by_index=[1, 2]), (A,)),
    (lambda s: linalg.eig(s, left=True, right=False), (S + D,)),
    (lambda s: _of_complex(linalg.eig(s, left=True)), (S,)),
    (lambda a, b: linalg.eig(a, b), (A, B)),
    (lambda a, b: linalg.eig(a, b, True), (A, B)),
    (lambda a, b: np.sum(linalg.eigvals(a + 1j * b, b) ** 3), (S, B)),
    (lambda a, b: np.sum(linalg.eig(a, b, right=False) ** 2), (S, B)),
    (lambda x: linalg.lu(x, permute_l=True), (X,)),
    (lambda x: linalg.lu(x.T, p_indices=True), (X,)),
    (lambda x: linalg.lu_factor(x)[0], (X,)),
    (lambda x: linalg.pinv(x, atol=0.1, rtol=0.2, return_rank=True), (X,)),
    (lambda x: linalg.pinv(x, atol=10.0), (X,)),
    (lambda a: linalg.pinvh(a, atol=0.1), (A,)),
    (lambda a, b: linalg.ordqz(a @ D, b), (A, B)),
    (lambda a, b: linalg.ordqz(a @ D, b, sort="rhp"), (A, B)),
    (lambda a: [linalg.eigh(k * a, subset_by_index=[0, 0])[0] for k in range(1, 4)], (A,)),
]  # fmt: skip
test_value, test_derivatives = both_tests(CASES)
_more_values, _more_derivatives = both_tests(MORE)
test_more_values, test_more_derivatives = map(pytest.mark.slow, (_more_values, _more_derivatives))


@pytest.mark.parametrize("lower", [True, False])
def test_signs_of_eigenvectors_are_those_of_the_triangle_that_is_read(lower: bool) -> None:
    f = lambda a: linalg.eigh(a, lower=lower)  # noqa: E731
    compiled = autodiff.function(f, engine="numpy")
    for seed in range(5):
        a = np.random.default_rng(seed).normal(size=(6, 6))
        for found, own in zip(compiled(a), f(a), strict=True):
            np.testing.assert_array_equal(found, own)
    squares = lambda a: np.sum(linalg.eigh(a, lower=lower)[1][0] ** 4)  # noqa: E731
    slope = autodiff.gradient(squares, engine="numpy")(a)
    assert not np.any(np.triu(slope, 1) if lower else np.tril(slope, -1))
    assert autodiff.check_gradient(squares, a, engine="numpy").agrees


def _exponential(w: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.sum((v * np.exp(w)) @ v.T * np.arange(9.0).reshape(3, 3))


TURN = linalg.expm(np.array([[0.0, 0.4, -0.2], [-0.4, 0.0, 0.7], [0.2, -0.7, 0.0]]))
FACTOR = np.linalg.cholesky(B @ B.T)
# Of these the eigenvalues are 1, 1 and 3, alone and beside ``FACTOR @ FACTOR.T``.
ALONE = TURN @ np.diag([1.0, 1.0, 3.0]) @ TURN.T
BESIDE = FACTOR @ ALONE @ FACTOR.T
WITH_EQUAL = {
    "driver": (ALONE, lambda a: _exponential(*linalg.eigh(a, driver="ev"))),
    "by index": (ALONE, lambda a: _exponential(*linalg.eigh(a, subset_by_index=[0, 1]))),
    "the rest": (ALONE, lambda a: _exponential(*linalg.eigh(a, subset_by_index=[2, 2]))),
    "by value": (ALONE, lambda a: _exponential(*linalg.eigh(a, subset_by_value=[0.0, 2.0]))),
    "twice": (2 * ALONE, lambda a: _exponential(*linalg.eigh(a, 2 * np.eye(3)))),
    "of two": (BESIDE, lambda a: _exponential(*linalg.eigh(a, FACTOR @ FACTOR.T))),
    "by the second": (
        np.eye(3),
        lambda a: _exponential(*linalg.eigh(BESIDE, FACTOR @ a @ FACTOR.T)),
    ),
    "pair of two": (
        BESIDE,
        lambda a: _exponential(*linalg.eigh(a, FACTOR @ FACTOR.T, subset_by_index=[0, 1])),
    ),
    "upper": (BESIDE, lambda a: _exponential(*linalg.eigh(a, FACTOR @ FACTOR.T, lower=False))),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", WITH_EQUAL)
def test_a_function_of_matrices_with_equal_eigenvalues(name: str, engine: str) -> None:
    """SciPy's vectors are another basis of the span than those of a decomposition of our own."""
    matrix, function = WITH_EQUAL[name]

    def f(a: np.ndarray) -> np.ndarray:
        return function(0.5 * (a + a.T))

    moved = np.cos(np.arange(9.0)).reshape(3, 3)
    steps = [f(matrix + h * moved) - f(matrix - h * moved) for h in (1e-4, 2e-4)]
    slope = (8 * steps[0] - steps[1]) / 12e-4
    found = autodiff.gradient(f, engine=engine)(matrix)
    np.testing.assert_allclose(np.sum(found * moved), slope, rtol=1e-6)
    forward = autodiff.jvp(f, (matrix,), (moved,), engine=engine)[1]
    np.testing.assert_allclose(forward, slope, rtol=1e-6)


@pytest.mark.parametrize("columns", [[0, 0], [1, 2]])
def test_some_vectors_of_equal_eigenvalues_have_no_derivative(columns: list[int]) -> None:
    def f(a: np.ndarray) -> np.ndarray:
        return _exponential(*linalg.eigh(a, FACTOR @ FACTOR.T, subset_by_index=columns))

    with pytest.raises(autodiff.DerivativeError, match="AD305"):
        autodiff.gradient(f)(BESIDE)
    with pytest.raises(autodiff.DerivativeError, match="AD305"):
        autodiff.jvp(f, (BESIDE,), (A,))


def test_vectors_are_those_of_scipy_to_the_last_bit() -> None:
    for f in (
        lambda a: linalg.eigh(a, FACTOR @ FACTOR.T),
        lambda a: linalg.eigh(a, B, subset_by_index=[0, 1]),
        lambda a: linalg.eigh(a, driver="evr"),
    ):
        for found, wanted in zip(autodiff.function(f)(A), f(A), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_single_precision_stays_single() -> None:
    a = A.astype(np.float32)
    for f in (
        lambda a: linalg.eigh(a, subset_by_index=[0, 1]),
        lambda a: linalg.lu(a[:2]),
        lambda a: (linalg.pinv(a, atol=0.1),),
    ):
        for found, wanted in zip(autodiff.function(f)(a), f(a), strict=True):
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_indices_that_are_not_there_raise_as_in_scipy() -> None:
    with pytest.raises(ValueError) as caught:
        linalg.eigh(A, subset_by_index=[1, 3])
    with pytest.raises(ValueError) as found:
        autodiff.function(lambda a: linalg.eigh(a, subset_by_index=[1, 3]))(A)
    assert str(caught.value) in str(found.value)
