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


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_projection_on_equal_eigenvalues_has_a_derivative(engine: str) -> None:
    """Vectors of SciPy's are another basis of the span than those of the full decomposition."""
    turn = linalg.expm(np.array([[0.0, 0.4, -0.2], [-0.4, 0.0, 0.7], [0.2, -0.7, 0.0]]))
    a = turn @ np.diag([1.0, 1.0, 3.0]) @ turn.T
    weights = np.arange(9.0).reshape(3, 3)

    def f(a: np.ndarray) -> np.ndarray:
        v = linalg.eigh(0.5 * (a + a.T), subset_by_index=[0, 1])[1]
        return np.sum(v @ v.T * weights)

    moved = np.cos(np.arange(9.0)).reshape(3, 3)
    slope = (f(a + 1e-5 * moved) - f(a - 1e-5 * moved)) / 2e-5
    try:
        found = autodiff.gradient(f, engine=engine)(a)
    except autodiff.DerivativeError as error:  # or it is refused, never wrong
        assert "equal" in str(error)
    else:
        np.testing.assert_allclose(np.sum(found * moved), slope, rtol=1e-6)


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
