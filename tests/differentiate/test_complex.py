"""Derivatives of complex results and by complex arguments, against differences and closed forms."""

import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.errors import ArgumentError, AutodiffError, FallbackWarning, NotScalarError

ENGINES = ("numpy", "native")
Z = np.array([0.3 + 0.5j, 1 - 0.2j, -0.7 + 1j])
W = np.array([1 + 2j, 0.5j, -1])
X = np.array([0.5, -1.0, 2.0])


def _sample(rows: Any, default: str) -> list[Any]:
    """Rows, of which those that are not named in ``default`` are slow."""
    chosen = default.split()
    return [
        row
        if getattr(row, "__name__", row) in chosen
        else pytest.param(row, marks=pytest.mark.slow)
        for row in rows
    ]


def _steps(z: Any) -> Any:
    s = 0j
    if z[0].real > 0:
        s = s + z[0] ** 2
    for k in range(10):
        if abs(s) > 100:
            break
        s = s * z[1] + k
    return s


def _stored(z: Any) -> Any:
    y = np.zeros(4, complex)
    y[1:] = z * z
    y[0] = np.exp(z[1])
    return np.sum(y * y[::-1])


# Functions of one complex number out of three, with df/dz by differences.
HOLOMORPHIC: dict[str, Callable[[Any], Any]] = {
    "exp": lambda z: np.sum(W * np.exp(z)),
    "rational": lambda z: np.sum(W * z**3 / (z + 1)),
    "elementary": lambda z: np.prod(np.sin(z)) + np.log(z[0]) * np.sqrt(z[1]) + np.tanh(z[2]),
    "products": lambda z: (z @ z) * np.dot(W, z) + np.einsum("i,j->", z, z),
    "fft": lambda z: np.sum(W * np.fft.fft(z) ** 2),
    "parts that cancel": lambda z: z[0] * (np.sum(z.real) > -5),
    "control flow": _steps,
    "stores": _stored,
}


@pytest.mark.parametrize("name", _sample(HOLOMORPHIC, "fft stores"))
@pytest.mark.parametrize("engine", ENGINES)
def test_derivatives_of_holomorphic_functions(name: str, engine: str) -> None:
    f, h = HOLOMORPHIC[name], 1e-5
    wanted = [(f(Z + h * e) - f(Z - h * e)) / (2 * h) for e in np.eye(3)]
    slope = autodiff.gradient(f, holomorphic=True, engine=engine)
    np.testing.assert_allclose(slope(Z), wanted, rtol=1e-7, atol=1e-8)
    value, found = autodiff.value_and_gradient(f, holomorphic=True, engine=engine)(Z)
    np.testing.assert_allclose(value, f(Z), rtol=1e-13)
    np.testing.assert_allclose(found, slope(Z), rtol=1e-14)
    second = [(slope(Z + h * e) - slope(Z - h * e)) / (2 * h) for e in np.eye(3)]
    curved = autodiff.hessian(f, holomorphic=True, engine=engine)(Z)
    np.testing.assert_allclose(curved, second, rtol=1e-6, atol=1e-7)
    along = autodiff.hessian_vector(f, holomorphic=True, engine=engine)(Z, _tensors=W)
    np.testing.assert_allclose(along, curved @ W, rtol=1e-11, atol=1e-12)
    rows = autodiff.jacobian(lambda z: np.stack([f(z), 2 * f(z)]), holomorphic=True, engine=engine)
    np.testing.assert_allclose(rows(Z), [found, 2 * found], rtol=1e-12)


# Where formulas of the parts have another branch on each side.
AXES = np.array([0.7j, -1.2j, 0.4, -0.6 + 1e-3j, 1 + 1j, 1 - 1j, 2.5j, 3 + 0j])


@pytest.mark.parametrize(
    "name",
    _sample("exp log sqrt sin cos tan sinh cosh tanh square reciprocal log2 log10".split(), "sqrt"),
)
def test_derivatives_on_axes_and_diagonals_are_those_of_the_function(name: str) -> None:
    f, h = getattr(np, name), 1e-5
    for engine in ENGINES:
        found = autodiff.jacobian(lambda z: f(z), holomorphic=True, engine=engine)(AXES)
        turned = (f(AXES + 1j * h) - f(AXES - 1j * h)) / (2j * h)
        np.testing.assert_allclose(np.diag(found), turned, rtol=1e-8)
        second = autodiff.hessian(lambda z: np.sum(f(z)), holomorphic=True, engine=engine)
        slope = autodiff.gradient(lambda z: np.sum(f(z)), holomorphic=True, engine=engine)
        curved = (slope(AXES + 1j * h) - slope(AXES - 1j * h)) / (2j * h)
        np.testing.assert_allclose(np.diag(second(AXES)), curved, rtol=1e-7)


@pytest.mark.parametrize("kind", [complex, np.complex128, np.complex64])
def test_df_dz_of_a_number_is_of_its_type(kind: Any) -> None:
    for engine in ENGINES:
        found = autodiff.gradient(lambda z: z**3, holomorphic=True, engine=engine)(kind(1 + 2j))
        assert type(found) is kind
        assert abs(found - 3 * (1 + 2j) ** 2) < 1e-5


CONJUGATING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "conj": (lambda z: np.sum(np.conj(z) * z), "np.conjugate"),
    "method": (lambda z: (z.conj() * z).sum(), "np.conjugate"),
    "of a number": (lambda z: complex(z[0]).conjugate() * 1j, "np.conjugate"),
    "modulus": (lambda z: np.sum(abs(z) * 1j), "the modulus"),
    "real": (lambda z: np.sum(z.real * 1j), "the real or imaginary part"),
    "np.imag": (lambda z: np.sum(np.imag(z) * z), "the real or imaginary part"),
    "vdot": (lambda z: np.vdot(z, z) + 0j, "vdot"),
    "angle": (lambda z: np.sum(np.exp(1j * np.angle(z))), "angle"),
    "irfft": (lambda z: np.sum(np.fft.irfft(z)) * 1j, "irfft"),
    "norm": (lambda z: z.sum() / np.linalg.norm(z), "norm"),
    "squared": (lambda z: np.sum(abs(z) ** 2) * 1j, "the modulus"),
}


@pytest.mark.parametrize("name", _sample(CONJUGATING, "conj modulus irfft squared"))
def test_what_is_not_holomorphic_is_refused_by_its_line(name: str) -> None:
    f, because = CONJUGATING[name]
    for derivative in (autodiff.gradient, autodiff.hessian, autodiff.jacobian):
        with pytest.raises(ArgumentError, match="it is not holomorphic") as error:
            derivative(f, holomorphic=True)(Z)
        assert f"depends on {because}." in str(error.value)
        assert re.search(r"test_complex\.py, line \d+", str(error.value))


def test_what_a_loop_conjugates_is_refused() -> None:
    def loop(z: Any) -> Any:
        s = 0j
        for _ in range(10):
            s = s * 0.1 + z[1].conjugate()
        return s

    with pytest.raises(ArgumentError, match=r"(?s)depends on np\.conjugate.*conjugate\(\)"):
        autodiff.gradient(loop, holomorphic=True)(Z)


def test_parts_stored_into_are_refused_where_f_has_to_be_holomorphic() -> None:
    def stored(z: Any) -> Any:
        y = z * 1
        y.real = 0
        return np.sum(y)

    with warnings.catch_warnings(), pytest.raises(AutodiffError, match="line"):
        warnings.simplefilter("ignore", FallbackWarning)
        autodiff.gradient(stored, holomorphic=True)(Z)


def test_holomorphic_asks_for_complex_arguments_and_results() -> None:
    with pytest.raises(ArgumentError, match="an argument is not complex"):
        autodiff.gradient(lambda x: np.sum(x * 1j), holomorphic=True)(X)
    with pytest.raises(NotScalarError, match="its result is not complex"):
        autodiff.gradient(lambda z: np.sum(abs(z)), holomorphic=True)(Z)
    for taken in (autodiff.function, autodiff.jvp):
        args = ((Z,), (Z,)) if taken is autodiff.jvp else ()
        with pytest.raises(ArgumentError, match="has no option 'holomorphic'"):
            taken(np.sum, *args, holomorphic=True)


def test_option_is_pickled() -> None:
    slope = autodiff.gradient(np.prod, holomorphic=True)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(slope))(Z), slope(Z))


# -- products with tangents and cotangents ----------------------------------------------------------
MIXED: dict[str, Callable[[Any, Any], Any]] = {
    "two results": lambda z, x: (np.exp(z) * x.sum() * np.conj(z), abs(z)),
    "complex": lambda z, x: z * x + np.fft.fft(x),
    "real": lambda z, x: np.sum(abs(z) ** 2 * x),
    "number": lambda z, x: z[0] * x[0],
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("engine", ENGINES)
def test_vjp_is_the_adjoint_of_jvp_in_the_real_inner_product(name: str, engine: str) -> None:
    f, h, dx = MIXED[name], 1e-6, np.array([0.3, 0.1, -0.4])
    value, tangent = autodiff.jvp(f, (Z, X), (W, dx), engine=engine)
    several = isinstance(value, tuple)
    up, down = f(Z + h * W, X + h * dx), f(Z - h * W, X - h * dx)
    values, tangents, ups, downs = (x if several else (x,) for x in (value, tangent, up, down))
    for y, dy, a, b, wanted in zip(
        values, tangents, ups, downs, f(Z, X) if several else (f(Z, X),), strict=True
    ):
        np.testing.assert_allclose(y, wanted, rtol=1e-13)
        np.testing.assert_allclose(dy, (a - b) / (2 * h), rtol=1e-7, atol=1e-8)
        assert np.asarray(dy).dtype == np.asarray(y).dtype
    random = np.random.default_rng(0)
    cotangents = tuple(
        random.normal(size=np.shape(y)) * (1 + 0.5j if np.iscomplexobj(y) else 1) for y in values
    )
    _, pull = autodiff.vjp(f, Z, X, engine=engine)
    ct_z, ct_x = pull(cotangents if several else cotangents[0])
    assert ct_z.dtype == complex and ct_x.dtype == float
    left = sum(np.sum((np.conj(ct) * dy).real) for ct, dy in zip(cotangents, tangents, strict=True))
    right = np.sum((np.conj(ct_z) * W).real) + np.sum(ct_x * dx)
    np.testing.assert_allclose(left, right, rtol=1e-12)


def test_real_cotangents_stand_for_complex_ones_and_not_the_other_way_round() -> None:
    value, pull = autodiff.vjp(lambda z: z * z, 1 + 2j)
    assert value == -3 + 4j and pull(1.0) == (2 - 4j,) and pull(1j) == (4 + 2j,)
    with pytest.raises(ArgumentError, match="a cotangent is complex where the result is real"):
        autodiff.vjp(lambda x: x, 2.0)[1](1j)
    with pytest.raises(ArgumentError, match="a vector is complex where the argument is real"):
        autodiff.jvp(lambda x: x, (1.0,), (1j,))
    with pytest.raises(
        AutodiffError, match=r"a vector has shape \(\) where the argument has \(3,\)"
    ):
        autodiff.jvp(lambda z: z, (Z,), (1j,))


# -- matrices ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
def test_jacobians_of_complex_results_and_by_complex_arguments(engine: str) -> None:
    curve = autodiff.jacobian(lambda x: np.exp(1j * x), engine=engine)
    np.testing.assert_allclose(curve(X), np.diag(1j * np.exp(1j * X)), rtol=1e-13)
    assert type(curve(0.5)) is complex and abs(curve(0.5) - 1j * np.exp(0.5j)) < 1e-15
    outer = autodiff.jacobian(lambda x: np.outer(np.exp(1j * x), [1, 2]), engine=engine)
    wanted = np.einsum("ik,j->ijk", np.diag(1j * np.exp(1j * X)), [1, 2])
    np.testing.assert_allclose(outer(X), wanted, rtol=1e-13)
    steepest = autodiff.jacobian(lambda z: abs(z) ** 2, engine=engine)
    np.testing.assert_allclose(steepest(Z), np.diag(2 * Z), rtol=1e-13)
    both = autodiff.jacobian(lambda x: (x * 1j, {"a": np.sum(x)}), engine=engine)(X)
    np.testing.assert_array_equal(both[0], 1j * np.eye(3))
    np.testing.assert_array_equal(both[1]["a"], np.ones(3))
    transform = autodiff.jacobian(np.fft.fft, holomorphic=True, engine=engine)
    np.testing.assert_allclose(transform(Z), np.fft.fft(np.eye(3)).T, atol=1e-15)


def test_curvature_of_a_real_loss_along_a_complex_direction() -> None:
    def loss(z: Any) -> Any:
        return np.sum(abs(z) ** 2 * z.real)

    slope, h = autodiff.gradient(loss), 1e-6
    wanted = (slope(Z + h * W) - slope(Z - h * W)) / (2 * h)
    for engine in ENGINES:
        found = autodiff.hessian_vector(loss, engine=engine)(Z, _tensors=W)
        np.testing.assert_allclose(found, wanted, rtol=1e-7)


def test_what_no_complex_matrix_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no complex matrix is its derivative"):
        autodiff.jacobian(lambda z: np.conj(z))(Z)
    with pytest.raises(ArgumentError, match="no complex matrix is the second derivative"):
        autodiff.hessian(lambda z: np.sum(abs(z)))(Z)
    with pytest.raises(NotScalarError, match="its result is complex"):
        autodiff.gradient(np.sum)(Z)
