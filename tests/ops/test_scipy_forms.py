"""Forms of matrices under ``scipy.linalg``: values and derivatives to second order."""

import numpy as np
import pytest
from scipy import linalg

import autodiff
from autodiff.errors import DerivativeError
from tests.ops.calls import A, P, S, X, both_tests

R = np.random.default_rng(4)
# Real eigenvalues, one pair, two pairs.
REAL = np.array([[1.0, 0.3, -0.2], [0.1, 2.5, 0.4], [0.3, -0.1, 4.0]])
PAIR = np.array([[1.0, 2.3, -0.2], [-1.1, 1.5, 0.4], [0.3, -0.1, 4.0]])
PAIRS = 0.3 * R.normal(size=(4, 4)) + np.array(
    [[2, 3, 0, 0], [-1, 2, 0, 0], [0, 0, 0, 5], [0, 0, -1, 0.0]]
)
FIVE, OTHER = R.normal(size=(5, 5)), R.normal(size=(5, 5)) + 3 * np.eye(5)
INDEFINITE = FIVE + FIVE.T
SINGLE = FIVE.astype(np.float32)


def aligned(factors, *references):
    """Factors of ``q s zᵀ``, the columns of q and z with the signs that they have at the references.

    LAPACK's signs change with the number of its iterations, and differences would show the jumps.
    """
    *forms, left, right = factors if len(factors) > 2 else (*factors, factors[1])
    signs = [
        np.where(np.sum(q * reference, axis=0) < 0, -1.0, 1.0)
        for q, reference in zip((left, right), references, strict=True)
    ]
    return [*[signs[0][:, None] * f * signs[1] for f in forms], left * signs[0], right * signs[1]]


def schur_case(a, **options):
    z = linalg.schur(a, **options)[1]
    return lambda a: aligned(linalg.schur(a, **options)[:2], z, z), (a,)


def qz_case(a, b):
    q, z = linalg.qz(a, b)[2:]
    return lambda a, b: aligned(linalg.qz(a, b), q, z), (a, b)


CASES = [
    schur_case(REAL),
    schur_case(PAIR),
    schur_case(PAIRS),
    schur_case(FIVE, sort="lhp"),
    schur_case(FIVE),
    (lambda a: linalg.hessenberg(a, calc_q=True), (FIVE,)),
    (lambda a: linalg.hessenberg(a), (S,)),
    qz_case(REAL, A),
    qz_case(PAIR, A),
    qz_case(FIVE, OTHER),
    (lambda x: linalg.rq(x), (X,)),
    (lambda x: linalg.rq(x, mode="economic"), (X,)),
    (lambda x: linalg.rq(x, mode="r"), (S,)),
    (lambda a: linalg.ldl(a), (A,)),
    (lambda a: linalg.ldl(a), (INDEFINITE,)),
    (lambda x: linalg.qr(x.T), (X,)),
    (lambda x: linalg.qr(x), (X,)),
    (lambda x: linalg.qr(x.T, mode="r"), (X,)),
    (lambda x: linalg.qr(x.T, pivoting=True), (X,)),
    (lambda a: linalg.qr(a[:3], pivoting=True, mode="economic"), (OTHER * np.arange(1.0, 6.0),)),
    (lambda s: linalg.matrix_balance(s * np.array([1.0, 40.0, 0.01])), (S,)),
    (lambda s: linalg.matrix_balance(s, separate=True)[0], (S,)),
    (lambda a: [linalg.eig(a)[0].real, linalg.eig(a)[1]], (REAL,)),
    (lambda a: [f(v) for v in linalg.eig(a) for f in (np.real, np.imag)], (PAIRS,)),
    (lambda a: [linalg.eigvals(a).real, linalg.eigvals(a).imag], (FIVE,)),
    (lambda s: linalg.qr_update(*linalg.qr(s), s[0], s[:, 1]), (S,)),
    (lambda s: linalg.qr_update(*linalg.qr(s), s[:, :2], s[:, 1:]), (S,)),
    (lambda a: linalg.qr_update(*linalg.qr(a[:, :3], mode="economic"), a[:, 3], a[0, :3]), (FIVE,)),
    (lambda s: linalg.qr_insert(*linalg.qr(s), s[0] + 1, -2), (S,)),
    (lambda a: linalg.qr_insert(*linalg.qr(a[:, :3]), a[:, 3:], 1, which="col"), (FIVE,)),
    (lambda s: linalg.qr_delete(*linalg.qr(s), 1), (S,)),
    (lambda a: linalg.qr_delete(*linalg.qr(a), -3, p=2, which="row"), (FIVE,)),
    (lambda a: linalg.qr_delete(*linalg.qr(a[:, :3], mode="economic"), 0, which="col"), (FIVE,)),
    (lambda a: linalg.funm(a, lambda v: v * v + 1), (A,)),
    (lambda a: linalg.funm(a, np.exp), (PAIR,)),
    (lambda z: linalg.expm(np.stack([z, 0.3 * z.T])), (S,)),
    (lambda a: linalg.sqrtm(np.stack([a, a + np.eye(3)])), (A,)),
    (lambda a: linalg.cosm(np.stack([a, a + np.eye(3)])[None]), (A,)),
]  # fmt: skip
VALUES = [
    (lambda a: linalg.schur(a, sort="lhp"), (FIVE,)),
    (lambda a: linalg.schur(a), (SINGLE,)),
    (lambda a: linalg.hessenberg(a, calc_q=True), (SINGLE,)),
    (lambda a: linalg.qz(a, a + a.T), (SINGLE,)),
    (lambda a: linalg.schur(a), (np.arange(9).reshape(3, 3),)),
    (lambda a: linalg.hessenberg(a), (np.ones((1, 1)),)),
    (lambda a: linalg.schur(a), (np.ones((1, 1)),)),
    (lambda x: linalg.qr(x[:, :2], mode="full"), (P.astype(np.float32),)),
]  # fmt: skip
_values, _derivatives = both_tests(CASES)
test_values, test_derivatives = map(pytest.mark.slow, (_values, _derivatives))
test_more_values, _ = both_tests(VALUES)
test_sample_of_values, test_sample_of_derivatives = both_tests([CASES[1], CASES[13]])


@pytest.mark.parametrize("take", ["gradient", "jvp"])
@pytest.mark.parametrize(
    "a", [np.eye(3), np.array([[0.0, 1.0, 0], [-1.0, 0.0, 0], [0, 0, 3.0]])], ids=["equal", "rotation"]
)  # fmt: skip
def test_a_factor_that_turns_freely_is_refused(a: np.ndarray, take: str) -> None:
    """The Schur vectors of the unit matrix, or of a rotation, are any: they have no derivative."""

    def f(a):
        return np.sum(linalg.schur(a)[1] * np.arange(9.0).reshape(3, 3))

    with pytest.raises(DerivativeError, match="turn freely"):
        autodiff.gradient(f)(a) if take == "gradient" else autodiff.jvp(f, (a,), (a + 1,))


NEGATIVE = np.array([[-2.0, 1.0, 0.3], [0.4, 1.5, -0.2], [0.1, 0.7, 3.0]])


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "root",
    [
        lambda a: linalg.sqrtm(a),
        lambda a: linalg.logm(a),
        lambda a: linalg.fractional_matrix_power(a, 0.3),
    ],
)
def test_functions_of_real_matrices_that_are_complex(root, engine):
    """An eigenvalue on the cut stays there; real matrices after them have a program of their own."""
    rng = np.random.default_rng(3)
    weights, along = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    number = lambda a: np.sum(weights * np.real(root(a)) + weights.T * np.imag(root(a)))  # noqa: E731
    gradient = autodiff.gradient(number, engine=engine)
    for matrix in (NEGATIVE, NEGATIVE @ NEGATIVE.T, NEGATIVE):
        slope = (number(matrix + 1e-6 * along) - number(matrix - 1e-6 * along)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient(matrix) * along), slope, rtol=1e-6)
        turned = lambda a: np.sum(gradient(a) * along)  # noqa: E731
        bend = (turned(matrix + 1e-6 * along) - turned(matrix - 1e-6 * along)) / 2e-6
        found = autodiff.jvp(turned, (matrix,), (along,), engine=engine)[1]
        np.testing.assert_allclose(found, bend, rtol=1e-5)
