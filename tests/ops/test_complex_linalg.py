"""Linear algebra of complex matrices, and eigenvalues of real ones that are complex.

Values are NumPy's and SciPy's.  Tangents are those of differences, of vectors with the signs that
LAPACK happens to give them set aside; ``vjp`` is the adjoint of ``jvp``.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import autodiff
from autodiff.errors import DerivativeError, FallbackWarning

ENGINES = ("numpy", "native")
RANDOM = np.random.default_rng(1)


def _random(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape) + 1j * RANDOM.normal(size=shape)


A, TALL, VECTOR, BLOCK = _random(3, 3), _random(4, 3), _random(3), _random(3, 2)
HERMITIAN = A @ A.conj().T + np.eye(3)
INDEFINITE = HERMITIAN - 6 * np.eye(3)
INDEFINITE = (INDEFINITE + INDEFINITE.conj().T) / 2
OTHER = A.T.copy()
BATCH = np.stack([A, A.T * 2])
ROTATING = np.array([[0.0, 1, 2], [-1, 0.5, 0.3], [0.2, -2, 1]])
REAL = np.array([[2.0, 1, 0], [0.3, -1, 0.2], [0, 0.5, 4]])
WIDE = np.array([[0.0, 0, 0], [9, 8, 9]])
RIGHT = np.arange(4.0) + 1j

CALLS: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "solve": (lambda a: np.linalg.solve(a, VECTOR), A),
    "solve for columns": (lambda a: np.linalg.solve(a, BLOCK), A),
    "solve by the right side": (lambda b: np.linalg.solve(A, b), VECTOR),
    "solve real matrix": (lambda a: np.linalg.solve(a, VECTOR), A.real.copy()),
    "solve batch": (lambda a: np.linalg.solve(a, BATCH), BATCH),
    "inv": (lambda a: np.linalg.inv(a), BATCH),
    "pinv": (lambda a: np.linalg.pinv(a), TALL),
    "pinv wide": (lambda a: np.linalg.pinv(a), TALL.T.copy()),
    "lstsq": (lambda a: np.linalg.lstsq(a, RIGHT, rcond=None)[0], TALL),
    "det": (lambda a: np.linalg.det(a), BATCH),
    "det of one": (lambda a: np.linalg.det(a), A),
    "slogdet": (lambda a: tuple(np.linalg.slogdet(a)), A),
    "slogdet, batch": (lambda a: tuple(np.linalg.slogdet(a)), BATCH),
    "sign of slogdet": (lambda a: np.linalg.slogdet(a)[0], A),
    "signs of slogdet": (lambda a: np.linalg.slogdet(a)[0], BATCH),
    "size of slogdet": (lambda a: np.linalg.slogdet(a)[1], A),
    "sign and size": (lambda a: np.linalg.slogdet(a)[0] * np.linalg.slogdet(a)[1], A),
    "cholesky": (lambda a: np.linalg.cholesky(a), HERMITIAN),
    "eigh": (lambda a: tuple(np.linalg.eigh(a)), HERMITIAN),
    "eigh upper": (lambda a: tuple(np.linalg.eigh(a, "U")), HERMITIAN + 0.1 * A),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a), HERMITIAN),
    "eigvalsh upper": (lambda a: np.linalg.eigvalsh(a, "U"), HERMITIAN),
    "eig": (lambda a: tuple(np.linalg.eig(a)), A),
    "eig batch": (lambda a: tuple(np.linalg.eig(a)), BATCH),
    "eigvals": (lambda a: np.linalg.eigvals(a), A),
    "eig of a real matrix": (lambda a: tuple(np.linalg.eig(a)), ROTATING),
    "eig with real values": (lambda a: tuple(np.linalg.eig(a)), REAL),
    "eigvals with real values": (lambda a: np.linalg.eigvals(a), REAL),
    "svd": (lambda a: tuple(np.linalg.svd(a, full_matrices=False)), TALL),
    "svd wide": (lambda a: tuple(np.linalg.svd(a, full_matrices=False)), TALL.T.copy()),
    "svd square": (lambda a: tuple(np.linalg.svd(a)), A),
    "singular values": (lambda a: np.linalg.svd(a, compute_uv=False), TALL),
    "qr": (lambda a: tuple(np.linalg.qr(a)), TALL),
    "qr square": (lambda a: tuple(np.linalg.qr(a)), A),
    "qr, r alone": (lambda a: np.linalg.qr(a, mode="r"), TALL),
    "spectral norm": (lambda a: np.linalg.norm(a, 2), A),
    "nuclear norm": (lambda a: np.linalg.norm(a, "nuc"), A),
    "norm over the first axes": (lambda a: np.linalg.norm(a, axis=(0, 1)), BATCH),
    "nuclear norm over other axes": (lambda a: np.linalg.norm(a, "nuc", axis=(0, 2)), BATCH),
    "norms that keep axes": (
        lambda a: (
            np.linalg.norm(a, "fro", (2, 0), True), np.linalg.norm(a, -1, (2, 1), True), np.linalg.norm(a, keepdims=True),
        ),
        BATCH,
    ),
    "norm by columns": (lambda a: np.linalg.norm(a, 1), A),
    "powers": (lambda a: np.linalg.matrix_power(a, 3) + np.linalg.matrix_power(a, -2), A),
    "cond": (lambda a: np.linalg.cond(a), A),
    "expm": (lambda a: scipy.linalg.expm(a), A),
    "scipy solve": (lambda a: scipy.linalg.solve(a, VECTOR), A),
    "scipy inv": (lambda a: scipy.linalg.inv(a), A),
    "scipy det": (lambda a: scipy.linalg.det(a), A),
    "scipy cholesky": (lambda a: scipy.linalg.cholesky(a), HERMITIAN),
    "scipy cholesky lower": (lambda a: scipy.linalg.cholesky(a, lower=True), HERMITIAN),
    "scipy qr": (lambda a: scipy.linalg.qr(a, mode="economic"), TALL),
    "scipy svd": (lambda a: scipy.linalg.svd(a, full_matrices=False), TALL),
    "scipy eigh": (lambda a: scipy.linalg.eigh(a), HERMITIAN),
    "scipy eigvalsh": (lambda a: scipy.linalg.eigvalsh(a), HERMITIAN),
    "scipy eig": (lambda a: scipy.linalg.eig(a), A),
    "scipy eigvals": (lambda a: scipy.linalg.eigvals(a), A),
    "scipy lstsq": (lambda a: scipy.linalg.lstsq(a, RIGHT)[0], TALL),
    "scipy pinv": (lambda a: scipy.linalg.pinv(a), TALL),
    "logm": (lambda a: scipy.linalg.logm(a @ a + 5 * np.eye(3)), 0.3 * A),
    "sqrtm": (lambda a: scipy.linalg.sqrtm(a), HERMITIAN + 0.1 * A),
    "cosm and sinm": (lambda a: (scipy.linalg.cosm(a), scipy.linalg.sinm(a)), A),
    "power of a matrix": (lambda a: scipy.linalg.fractional_matrix_power(a, 0.3), HERMITIAN + 0.1 * A),
    "funm": (lambda a: scipy.linalg.funm(a, np.exp), A),
    "sylvester": (lambda a: scipy.linalg.solve_sylvester(a, a.conj().T, a + 1), A),
    "lyapunov": (lambda a: scipy.linalg.solve_continuous_lyapunov(a, a + 1j * a.T), A),
    "riccati": (lambda a: scipy.linalg.solve_continuous_are(a, a[:, :2], np.eye(3), 2 * np.eye(2)), A),
    "discrete riccati": (lambda a: scipy.linalg.solve_discrete_are(a, a[:, :2], np.eye(3), 2 * np.eye(2)), A),
    "toeplitz": (lambda a: (scipy.linalg.toeplitz(a[0]), scipy.linalg.toeplitz(a[0], a[1])), A),
    "hankel": (lambda a: (scipy.linalg.hankel(a[0]), scipy.linalg.hankel(a[0], a[1])), A),
    "circulant": (lambda a: scipy.linalg.circulant(a[0]), A),
    "blocks": (lambda a: scipy.linalg.block_diag(a, a[:1]), A),
    "toeplitz system": (lambda a: scipy.linalg.solve_toeplitz((a[0] + 5, a[1]), a[2]), A),
    "triangles": (
        lambda a: (
            scipy.linalg.solve_triangular(a, VECTOR, lower=True),
            scipy.linalg.solve_triangular(a, BLOCK, trans=1),
            scipy.linalg.solve_triangular(a, VECTOR, trans="C", unit_diagonal=True),
        ),
        A,
    ),
    "cho_solve": (lambda a: scipy.linalg.cho_solve((a, False), VECTOR), A),
    "cho_solve lower": (lambda a: scipy.linalg.cho_solve((a, True), BLOCK), A),
    "subspace angles": (lambda a: scipy.linalg.subspace_angles(a[:, :1], a[:, 1:]), TALL),
    "rq": (lambda a: scipy.linalg.rq(a), A),
    "qr complete": (lambda a: tuple(np.linalg.qr(a, "complete")), TALL),
    "qr wide": (lambda a: tuple(np.linalg.qr(a)), TALL.T.copy()),
    "scipy qr full, pivoted": (lambda a: (*scipy.linalg.qr(a), *scipy.linalg.qr(a, mode="economic", pivoting=True)[:2]), TALL),
    "solve by one triangle": (
        lambda a: tuple(
            scipy.linalg.solve(a, VECTOR, assume_a=kind, lower=kind == "sym")
            for kind in ("her", "sym", "tridiagonal", "lower triangular")
        ),
        HERMITIAN,
    ),
    "scipy eigh upper": (lambda a: tuple(scipy.linalg.eigh(a, lower=False)), HERMITIAN + 0.1 * A),
    "scipy eigvalsh, some": (
        lambda a: (
            scipy.linalg.eigh(a, eigvals_only=True, subset_by_index=[1, 2]),
            scipy.linalg.eigvalsh(a, HERMITIAN.T),
        ),
        HERMITIAN,
    ),
    "svd full, values": (lambda a: np.linalg.svd(a)[1], TALL),
    "hermitian": (
        lambda a: (np.linalg.svd(a, compute_uv=False, hermitian=True), np.linalg.pinv(a, hermitian=True)),
        HERMITIAN - 2 * np.eye(3),
    ),
    "hessenberg": (lambda a: scipy.linalg.hessenberg(a, calc_q=True), A),
    "hessenberg of a small one": (lambda a: scipy.linalg.hessenberg(a[:2, :2]), A),
    "ldl": (lambda a: scipy.linalg.ldl(a + a.conj().T), INDEFINITE),
    "ldl in blocks": (lambda a: scipy.linalg.ldl((a + a.conj().T)[:2, :2] * (1 - np.eye(2)) + 0.1 * np.eye(2)), HERMITIAN),
    "ldl upper": (lambda a: scipy.linalg.ldl(a + a.conj().T, lower=False), INDEFINITE),
    "ldl symmetric": (lambda a: (*scipy.linalg.ldl(a, hermitian=False), *scipy.linalg.ldl(a, False, False)), A),
    "left eigenvectors": (lambda a: scipy.linalg.eig(a, left=True), A),
    "left eigenvectors alone": (lambda a: scipy.linalg.eig(a, left=True, right=False), A),
    "eigenvalues alone": (lambda a: scipy.linalg.eig(a, right=False), A),
    "eigenvalues of two": (lambda a: scipy.linalg.eig(a, OTHER + 1)[0], A),
    "eigh of two": (lambda a: scipy.linalg.eigh(a @ a.conj().T, a.conj().T @ a + HERMITIAN), A),
    "eigh of two, upper, some": (
        lambda a: scipy.linalg.eigh(a @ a.conj().T, HERMITIAN, lower=False, subset_by_index=[1, 2]), A,
    ),
    "eigh, some": (lambda a: scipy.linalg.eigh(a, subset_by_index=[0, 1]), HERMITIAN),
    "lu_factor": (lambda a: scipy.linalg.lu_factor(a)[0], A),
    "lu_factor tall": (lambda a: scipy.linalg.lu_factor(a)[0], TALL),
    "lu": (lambda a: scipy.linalg.lu(a), A),
    "lu wide": (lambda a: scipy.linalg.lu(a, permute_l=True), TALL.T.copy()),
    "lu_solve": (
        lambda a: tuple(scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), BLOCK, trans=k) for k in (0, 1, 2)),
        A,
    ),
    "lu_solve of real factors": (lambda b: scipy.linalg.lu_solve(scipy.linalg.lu_factor(REAL), b), VECTOR),
    "cho_factor": (lambda a: (scipy.linalg.cho_factor(a)[0], scipy.linalg.cho_factor(a, lower=True)[0]), HERMITIAN),
    "bands": (
        lambda a: (
            scipy.linalg.solveh_banded(a[:2] + WIDE, VECTOR),
            scipy.linalg.cholesky_banded(a[:2] + WIDE),
            scipy.linalg.cho_solve_banded((a[:2] + WIDE[::-1], True), VECTOR),
            scipy.linalg.eigvals_banded(a[:2] + WIDE[::-1], lower=True),
        ),
        A,
    ),
    "pinvh": (lambda a: scipy.linalg.pinvh(a), HERMITIAN - 2 * A @ A.conj().T),
    "qr_multiply": (lambda a: scipy.linalg.qr_multiply(a, BLOCK, "left", conjugate=True), A),
    "matrix_balance": (lambda a: scipy.linalg.matrix_balance(a * np.array([1, 1e3, 1]))[0], A),
    "scipy norm": (lambda a: (scipy.linalg.norm(a), scipy.linalg.norm(a[0], 3)), A),
}  # fmt: skip
if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
    CALLS["cholesky upper"] = (lambda a: np.linalg.cholesky(a, upper=True), HERMITIAN)
DEFAULT = (
    "solve",
    "det",
    "slogdet",
    "sign of slogdet",
    "sign and size",
    "eigh",
    "eig of a real matrix",
    "sylvester",
)


def _several(x: Any) -> list[Any]:
    return list(x) if isinstance(x, tuple) else [x]


def _aligned(x: Any, like: Any) -> Any:
    """Vectors, one of which LAPACK may give with the other sign for a neighbouring matrix."""
    x = np.asarray(x)
    for axis in (-2, -1):
        if x.ndim > 1 and np.allclose(np.abs(x), np.abs(like), atol=1e-3):
            side = np.sign(np.sum(np.conj(like) * x, axis=axis, keepdims=True).real)
            turned = x * np.where(side == 0, 1, side)
            if np.allclose(turned, like, atol=1e-3):
                return turned
    return x


def _names() -> list[Any]:
    return [n if n in DEFAULT else pytest.param(n, marks=pytest.mark.slow) for n in CALLS]


@pytest.mark.parametrize("name", _names())
@pytest.mark.parametrize("engine", ENGINES)
def test_values_tangents_and_cotangents(name: str, engine: str) -> None:
    f, a = CALLS[name]
    wanted = _several(f(a))
    with warnings.catch_warnings():
        warnings.simplefilter("error", FallbackWarning)
        found = _several(autodiff.function(f, engine=engine)(a))
    for x, y in zip(found, wanted, strict=True):
        assert np.asarray(x).dtype == np.asarray(y).dtype and np.shape(x) == np.shape(y)
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
    step = RANDOM.normal(size=a.shape) + (1j if np.iscomplexobj(a) else 0) * RANDOM.normal(
        size=a.shape
    )
    h = 1e-6
    value, tangent = autodiff.jvp(f, (a,), (step,), engine=engine)
    tangents = _several(tangent)
    for x, up, down, y in zip(
        tangents, _several(f(a + h * step)), _several(f(a - h * step)), wanted, strict=True
    ):
        difference = (_aligned(up, y) - _aligned(down, y)) / (2 * h)
        np.testing.assert_allclose(x, difference, rtol=1e-6, atol=1e-7)
    cotangents = [
        RANDOM.normal(size=np.shape(y)) * (1 + 0.7j if np.iscomplexobj(y) else 1) for y in wanted
    ]
    value, pull = autodiff.vjp(f, a, engine=engine)
    (back,) = pull(tuple(cotangents) if isinstance(value, tuple) else cotangents[0])
    assert back.dtype == a.dtype
    left = sum(np.sum((np.conj(c) * t).real) for c, t in zip(cotangents, tangents, strict=True))
    np.testing.assert_allclose(np.sum((np.conj(back) * step).real), left, rtol=1e-8)


def test_vectors_that_complete_a_basis_are_known_up_to_a_rotation() -> None:
    def projector(a: Any) -> Any:
        rest = np.linalg.svd(a)[0][:, 2:]
        return np.sum(np.abs(rest @ rest.conj().T + np.arange(4) * 1j) ** 3)

    a, step = TALL[:, :2], TALL[:, 1:] * 1j
    slope = (projector(a + 1e-6 * step) - projector(a - 1e-6 * step)) / 2e-6
    gradient = autodiff.gradient(projector, engine="numpy")(a)
    np.testing.assert_allclose(np.vdot(gradient, step).real, slope, rtol=1e-6)
    with pytest.raises(DerivativeError, match="depends on which were chosen"):
        autodiff.gradient(lambda a: np.sum(np.abs(np.linalg.svd(a)[0] + 1)), engine="numpy")(a)


@pytest.mark.slow
@pytest.mark.parametrize("function", [np.linalg.det, np.linalg.eigvals, scipy.linalg.expm])
def test_second_derivatives_of_holomorphic_functions_of_matrices(function: Any) -> None:
    def f(a: Any) -> Any:
        return np.sum(function(a) ** 2)

    slope, h = autodiff.gradient(f, holomorphic=True), 1e-5
    found = autodiff.hessian_vector(f, holomorphic=True)(A, _tensors=BATCH[1])
    wanted = (slope(A + h * BATCH[1]) - slope(A - h * BATCH[1])) / (2 * h)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


PARTS = [
    (name, k) for name, (f, a) in CALLS.items() if isinstance(f(a), tuple) for k in range(len(f(a)))
]


@pytest.mark.parametrize(
    ("name", "part"),
    [p if p[0] == "slogdet" else pytest.param(*p, marks=pytest.mark.slow) for p in PARTS],
)
def test_each_result_alone_has_the_derivative_it_has_among_others(name: str, part: int) -> None:
    f, a = CALLS[name]
    step = RANDOM.normal(size=a.shape) * (1 + 0.3j if np.iscomplexobj(a) else 1)
    tangent = autodiff.jvp(lambda a: f(a)[part], (a,), (step,))[1]
    ct = np.asarray(
        RANDOM.normal(size=np.shape(tangent)) * (1 - 2j if np.iscomplexobj(tangent) else 1)
    )
    (back,) = autodiff.vjp(lambda a: f(a)[part], a)[1](ct if ct.ndim else ct[()])
    left = np.sum((np.conj(ct) * tangent).real)
    np.testing.assert_allclose(np.sum((np.conj(back) * step).real), left, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cholesky", "eigh", "svd", "qr", "eig"])
def test_second_derivatives_of_decompositions(name: str) -> None:
    f, a = CALLS[name]

    def loss(a: Any) -> Any:
        return sum(np.sum(np.abs(x * 1.1 - 0.3) ** 2) for x in _several(f(a)))

    slope, h, step = autodiff.gradient(loss), 1e-5, a[::-1] * 0.3
    found = autodiff.hessian_vector(loss)(a, _tensors=step)
    wanted = (slope(a + h * step) - slope(a - h * step)) / (2 * h)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_vectors_of_equal_eigenvalues_are_refused_where_they_are_differentiated() -> None:
    a = np.diag([1.0, 1.0, 2.0]) + 0j
    for function in (np.linalg.eigh, np.linalg.svd, np.linalg.eig):

        def loss(a: Any, function: Any = function) -> Any:
            return np.sum(np.abs(function(a)[0] if function is np.linalg.svd else function(a)[1]))

        assert autodiff.function(loss)(a) == loss(a)
        with pytest.raises(DerivativeError, match="AD305.* equal"):
            autodiff.gradient(loss)(a)
    found = autodiff.gradient(lambda a: np.sum(np.linalg.eigvalsh(a)))(a)
    np.testing.assert_allclose(found, np.eye(3), atol=1e-15)


def test_type_of_the_eigenvalues_of_a_real_matrix_is_decided_at_each_call() -> None:
    f = autodiff.function(lambda a: np.linalg.eigvals(a))
    for a in (REAL, ROTATING, REAL):
        assert f(a).dtype == np.linalg.eigvals(a).dtype
        np.testing.assert_allclose(f(a), np.linalg.eigvals(a), rtol=1e-12)


def test_singular_and_misshapen_matrices_raise_what_numpy_raises() -> None:
    for function, a in (
        (np.linalg.inv, np.ones((2, 2)) + 0j),
        (np.linalg.solve, np.zeros((2, 2)) + 0j),
        (np.linalg.cholesky, -HERMITIAN),
        (np.linalg.det, TALL),
    ):
        args = (a, np.ones(2)) if function is np.linalg.solve else (a,)
        with warnings.catch_warnings(), pytest.raises(np.linalg.LinAlgError):
            warnings.simplefilter("ignore", FallbackWarning)
            autodiff.function(lambda *x, function=function: function(*x))(*args)
    assert autodiff.function(lambda a: np.linalg.det(a))(np.zeros((2, 2)) + 0j) == 0
    assert autodiff.function(lambda a: np.linalg.matrix_rank(a))(np.ones((3, 3)) + 0j) == 1


@pytest.mark.parametrize("eigenvalues", [np.linalg.eigvals, lambda a: np.linalg.eig(a)[0]])
@pytest.mark.parametrize("a", [np.eye(3), np.diag([1.0, 2.0, 2.0]), np.eye(3) * (1 + 1j)])
def test_functions_of_equal_eigenvalues_alone_have_their_derivative_in_both_modes(
    eigenvalues: Any, a: Any
) -> None:
    da = np.arange(9.0).reshape(3, 3) * (1 if a.dtype == float else 1 - 2j)
    right = np.linalg.det(a) * np.trace(np.linalg.solve(a, da))
    f = lambda a: np.prod(eigenvalues(a))  # noqa: E731
    assert autodiff.jvp(f, (a,), (da,))[1] == pytest.approx(right)
    slopes = autodiff.jacobian(f, mode="forward", holomorphic=a.dtype != float)(a)
    assert np.sum(slopes * da) == pytest.approx(right)
    if a.dtype == float:
        gradient = autodiff.gradient(lambda a: f(a).real)
        assert np.sum(gradient(a) * da) == pytest.approx(right)


@pytest.mark.parametrize("kind", [float, complex])
def test_eigenvalues_of_a_defective_matrix_have_no_derivative(kind: Any) -> None:
    # Its eigenvectors are no basis to the last digit: slopes by their inverse would be noise.
    a = np.array([[2, 1, 0], [0, 2, 0], [0, 0, 3]], kind)
    f = lambda a: np.sum(np.linalg.eigvals(a) ** 3).real  # noqa: E731
    with pytest.raises(DerivativeError, match=r"AD305.*defective"):
        autodiff.gradient(f)(a)
    with pytest.raises(DerivativeError, match=r"AD305.*defective"):
        autodiff.jvp(f, (a,), (a,))


@pytest.mark.parametrize("right", [VECTOR, BLOCK])
def test_complex_bands(right: Any) -> None:
    bands = np.exp(1j * np.arange(4 * 3)).reshape(4, 3) + np.array([[0], [0], [3], [0]])
    solved = lambda ab, b: scipy.linalg.solve_banded((1, 2), ab, b)  # noqa: E731
    np.testing.assert_allclose(
        autodiff.function(solved)(bands, right), solved(bands, right), rtol=1e-12
    )
    number = lambda ab, b: np.sum(np.abs(solved(ab, b) + 1j) ** 2)  # noqa: E731
    gradients = autodiff.gradient(number, wrt=(0, 1))(bands, right)
    along = np.conj(bands) * 0.1, right[::-1] * 1j
    step = 1e-6
    slope = (
        number(*[x + step * d for x, d in zip((bands, right), along, strict=True)])
        - number(*[x - step * d for x, d in zip((bands, right), along, strict=True)])
    ) / (2 * step)
    found = sum(np.vdot(g, d).real for g, d in zip(gradients, along, strict=True))
    np.testing.assert_allclose(found, slope, rtol=1e-6)


_WEIGHTS = np.cos(np.arange(9.0)).reshape(3, 3)


def _projected(*bases: np.ndarray) -> Any:
    """What is the same for all phases of the columns, which turn together in all bases."""
    found = [x * np.arange(1.0, 4.0) @ y.conj().T for x in bases for y in bases]
    return sum(np.sum(_WEIGHTS * (p.real + 2 * p.imag)) for p in found)


# The columns of these have phases of LAPACK's own.
PHASED: dict[str, Callable[[Any], Any]] = {
    "schur, form": lambda a: np.sum(_WEIGHTS * np.abs(scipy.linalg.schur(a)[0]) ** 2),
    "schur, eigenvalues": lambda a: np.sum(np.diag(scipy.linalg.schur(a)[0]) ** 2 * np.arange(3)).imag,
    "schur, basis": lambda a: _projected(scipy.linalg.schur(a)[1]),
    "schur, sorted": lambda a: np.sum(np.abs(scipy.linalg.schur(a, sort="lhp")[1]) ** 2 * _WEIGHTS),
    "qz, forms": lambda a: sum(np.sum(_WEIGHTS * np.abs(x) ** 2) for x in scipy.linalg.qz(a, OTHER)[:2]),
    "qz, diagonal": lambda a: np.sum(np.diag(scipy.linalg.qz(a, a.T + A)[1]).real * np.arange(3)),
    "qz, bases": lambda a: _projected(*scipy.linalg.qz(a, OTHER + 0.3 * a)[2:]),
    "ordqz": lambda a: (lambda s, t, x, y, q, z: _projected(q, z) + np.sum((x / y)[:1]).real)(*scipy.linalg.ordqz(a, OTHER, "rhp")),
    "eig of two": lambda a: sum(np.sum(np.abs(v) ** 2 * _WEIGHTS) for v in scipy.linalg.eig(a, OTHER, left=True)[1:]),
    "eig of two real ones": lambda a: np.sum(np.abs(scipy.linalg.eig(a.real, ROTATING + a.imag)[1]) ** 2 * _WEIGHTS),
}  # fmt: skip


@pytest.mark.parametrize("name", PHASED)
def test_results_that_do_not_depend_on_phases_of_lapacks_own(name: str) -> None:
    f, a = PHASED[name], 0.3 * ROTATING + A
    first, second = (RANDOM.normal(size=(3, 3)) + 1j * RANDOM.normal(size=(3, 3)) for _ in range(2))

    def slope(a: Any, along: Any = first) -> Any:
        found = autodiff.gradient(f, engine="numpy")(a)
        return np.sum(found.real * along.real + found.imag * along.imag)

    def differences(of: Any, along: Any, h: float = 1e-5) -> Any:
        return (of(a + h * along) - of(a - h * along)) / (2 * h)

    np.testing.assert_allclose(autodiff.function(f, on_fallback="error")(a), f(a), rtol=1e-10)
    np.testing.assert_allclose(slope(a), differences(f, first), rtol=1e-6, atol=1e-7)
    twice = autodiff.gradient(slope, engine="numpy")(a)
    found = np.sum(twice.real * second.real + twice.imag * second.imag)
    np.testing.assert_allclose(found, differences(slope, second), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(scipy.linalg.schur(a)[0]).real,
        lambda a: scipy.linalg.schur(a)[1][0, 0].imag,
        lambda a: scipy.linalg.qz(a, OTHER)[3][1, 0].real,
        lambda a: scipy.linalg.eig(a, OTHER)[1][1, 0].real,
    ],
)
def test_results_that_depend_on_phases_of_lapacks_own_are_refused(f: Any) -> None:
    with pytest.raises(DerivativeError, match="AD305.*and the result depends on them"):
        autodiff.gradient(f, engine="numpy")(A)
    with pytest.raises(DerivativeError, match="AD305.*no derivative in forward mode"):
        autodiff.jvp(f, (A,), (A,), engine="numpy")


def test_forms_of_equal_eigenvalues_are_refused() -> None:
    with pytest.raises(DerivativeError, match="AD305.*eigenvalues are equal"):
        autodiff.gradient(PHASED["schur, form"], engine="numpy")(np.eye(3) + 0j)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.pinv(a + a.conj().T, hermitian=True),
        lambda a: np.linalg.qr(a[:, :2], mode="complete").Q,
        lambda a: np.linalg.qr(a[:, :2], mode="complete").R,
        np.linalg.cond,
    ],
)
def test_single_precision_stays_single(f: Any) -> None:
    a = np.exp(1j * np.arange(9.0) ** 2).reshape(3, 3).astype(np.complex64)
    found, expected = autodiff.function(f)(a), f(a)
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_condition_of_a_singular_matrix_is_infinite() -> None:
    a = np.stack([np.eye(2) * 1j, np.zeros((2, 2))])
    np.testing.assert_array_equal(autodiff.function(np.linalg.cond)(a), [1.0, np.inf])
    assert autodiff.function(lambda a: np.linalg.cond(a, 2))(a[1]) == np.inf


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("size", [0, 1, 2, 4])
@pytest.mark.parametrize(
    "f",
    [
        scipy.linalg.schur,
        lambda a: scipy.linalg.hessenberg(a, calc_q=True),
        lambda a: scipy.linalg.ldl(a, hermitian=False),
        lambda a: scipy.linalg.eig(a, left=True) if a.size else (a,),
    ],
)
def test_forms_of_any_size_have_scipys_types(f: Any, size: int, dtype: Any) -> None:
    a = np.exp(1j * np.arange(size * size) ** 2).reshape(size, size).astype(dtype)
    for x, y in zip(autodiff.function(f, engine="numpy")(a), f(a), strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)
