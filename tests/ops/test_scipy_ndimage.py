"""``scipy.ndimage`` in captured code: values in every mode and order, derivatives by all operands."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import autodiff
from tests.ops.calls import A, P, S, T, X, Y, Z, both_tests

MODES = ("reflect", "grid-mirror", "constant", "grid-constant", "nearest", "mirror", "grid-wrap", "wrap")  # fmt: skip
M = np.array([[0.9, 0.2], [-0.3, 1.1]])
FOOT = np.array([[1, 0, 1], [0, 1, 1]])
rng = np.random.default_rng(0)
IMAGE = rng.normal(size=(5, 6))
_edges = [[0.0, 4, 2, -1, 5, -5, -4, 9, 10, 4.5, -0.5], [0, 5, 3, -1, 6, -6, -5, 11, 12, 5.5, -0.5]]
PLACES = np.concatenate(
    [rng.uniform(-17, 22, (2, 40)), rng.uniform(0, 4, (2, 10)), np.array(_edges)], 1
)

CASES = [
    (lambda x, s: ndimage.correlate(x, s, mode="constant", cval=0.5), (X, S)),
    (lambda x, s: ndimage.convolve(x, s[:2]), (X, S)),
    (lambda x, y: ndimage.correlate1d(x, y, axis=0, mode="wrap", origin=1), (X, Y)),
    (lambda x, t: ndimage.gaussian_filter(x, t), (X, T)),
    (lambda x: ndimage.gaussian_laplace(x, 0.8), (X,)),
    (lambda x: ndimage.gaussian_gradient_magnitude(x, 0.8), (X,)),
    (lambda x: [ndimage.sobel(x), ndimage.prewitt(x, 0), ndimage.laplace(x)], (X,)),
    (lambda x: ndimage.uniform_filter(x, (2, 3)), (X,)),
    (lambda x: ndimage.maximum_filter(x, 3, mode="mirror"), (X,)),
    (lambda x: ndimage.minimum_filter(x, footprint=FOOT), (X,)),
    (lambda x, s: ndimage.grey_dilation(x, structure=s), (X, S)),
    (lambda x: ndimage.median_filter(x, (3, 2)), (X,)),
    (lambda x, y: [ndimage.shift(x, y[:2]), ndimage.shift(x, 0.3, order=1)], (X, Y)),
    (lambda x: ndimage.zoom(x, (1.7, 0.6), mode="nearest"), (X,)),
    (lambda x, s: ndimage.affine_transform(x, M + 0.1 * s[:2, :2], order=2, mode="reflect"), (X, S)),
    (lambda x, s: ndimage.affine_transform(x, np.eye(2) + 0.1 * s[0].reshape(-1)[:4].reshape(2, 2).T, order=1), (X, S.reshape(1, -1))),
    (lambda x: ndimage.rotate(x, 33.0, order=1), (X,)),
    (lambda x, p: ndimage.map_coordinates(x, p[:2], order=3, mode="mirror"), (X, P)),
    (lambda x, t: ndimage.geometric_transform(x, lambda q: (q[0] + 0.1 * t, q[1] - 0.2)), (X, T)),
    (lambda x: ndimage.spline_filter(x, 4), (X,)),
    (lambda x: ndimage.fourier_gaussian(x, 1.5), (X,)),
    (lambda z: ndimage.gaussian_filter(z, 0.7, axes=(1, 2)), (Z,)),
    (lambda a: ndimage.center_of_mass(a * a), (A,)),
]  # fmt: skip

_FIRST = 2
test_value, test_derivatives = both_tests(CASES[:_FIRST])
_all_values, _all_derivatives = both_tests(CASES[_FIRST:])
test_more_values = pytest.mark.slow(_all_values)
test_more_derivatives = pytest.mark.slow(_all_derivatives)


def filters(mode: str, origin: int) -> dict[str, Callable[..., Any]]:
    """Every kind of filter, in one mode."""
    how: dict[str, Any] = {"mode": mode, "origin": origin, "cval": 0.4}
    w, line = np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(-1, 2, 9)
    found = {
        "correlate": lambda x: ndimage.correlate(x, w, **how),
        "convolve": lambda x: ndimage.convolve(x, w, **how),
        "correlate1d": lambda x: ndimage.correlate1d(x, line, axis=0, **how),
        "uniform": lambda x: ndimage.uniform_filter(x, 4, **how),
        "maximum1d": lambda x: ndimage.maximum_filter1d(x, 7, axis=0, **how),
        "dilation": lambda x: ndimage.grey_dilation(x, structure=w[:, :3], **how),
    }
    if origin < 1:  # of this footprint
        found["minimum"] = lambda x: ndimage.minimum_filter(x, footprint=FOOT, **how)
        found["rank"] = lambda x: ndimage.rank_filter(x, 3, footprint=FOOT, **how)
    return found


def interpolations(mode: str, order: int) -> dict[str, Callable[..., Any]]:
    """Every way to places between the elements, in one mode."""
    how: dict[str, Any] = {"mode": mode, "order": order, "cval": 0.7}
    found = {
        "map": lambda x: ndimage.map_coordinates(x, PLACES, **how),
        "shift": lambda x: ndimage.shift(x, (1.3, -7.6), **how),
        "zoom": lambda x: ndimage.zoom(x, (1.7, 0.6), **how),
        "affine": lambda x: ndimage.affine_transform(x, M, [0.3, -1], (4, 7), **how),
        "diagonal": lambda x: ndimage.affine_transform(x, np.array([0.9, 1.2]), [0.3, -1], **how),
    }
    if mode not in ("constant", "mirror", "wrap"):  # which SciPy warns of
        found["grid"] = lambda x: ndimage.zoom(x, (1.7, 0.6), grid_mode=True, **how)
    return found


def check_all(table: dict[str, Callable[..., Any]], *args: Any) -> None:
    for name, f in table.items():
        wanted = f(*copy.deepcopy(args))
        found = autodiff.function(f, engine="numpy")(*copy.deepcopy(args))
        assert found.dtype == wanted.dtype, name
        np.testing.assert_allclose(found, wanted, 1e-6 if wanted.itemsize < 8 else 1e-9, 1e-9, err_msg=name)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("origin", [-1, 0, 1])
@pytest.mark.parametrize("mode", MODES)
def test_filters_beyond_the_ends(mode: str, origin: int) -> None:
    check_all(filters(mode, origin), IMAGE)


@pytest.mark.slow
@pytest.mark.parametrize("order", range(6))
@pytest.mark.parametrize("mode", MODES)
def test_interpolation_beyond_the_ends(mode: str, order: int) -> None:
    check_all(interpolations(mode, order), IMAGE)


def test_a_sample_of_modes() -> None:
    check_all({"map": interpolations("wrap", 1)["map"], "shift": interpolations("constant", 3)["shift"]}, IMAGE)  # fmt: skip
    check_all({"rank": filters("grid-constant", -1)["rank"]}, IMAGE)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bool"])
def test_dtypes(dtype: str) -> None:
    x = (np.abs(IMAGE) * 20).astype(dtype)
    check_all({"uniform": lambda x: ndimage.uniform_filter(x, 3), "zoom": lambda x: ndimage.zoom(x, 1.5)}, x)  # fmt: skip


def test_weights_of_zero_keep_infinite_elements_out() -> None:
    x = IMAGE.copy()
    x[2, 3] = np.inf
    cross = np.array([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]])
    check_all({"cross": lambda x: ndimage.convolve(x, cross)}, x)


def test_a_second_size_and_empty_arrays() -> None:
    f = autodiff.function(lambda x: ndimage.gaussian_filter(x, 1.0))
    for shape in ((4, 5), (6, 7), (0, 3), (2, 2)):
        x = rng.normal(size=shape)
        np.testing.assert_allclose(f(x), ndimage.gaussian_filter(x, 1.0), 1e-10, 1e-12)


def second_differences(line: Any, found: Any, weight: float = 1.0) -> None:
    for k in range(len(found)):
        found[k] = line[k] * weight - line[k + 1] ** 2 + line[k + 2]


OWN = [
    (lambda x: ndimage.generic_filter(x, np.sum, 3), (X,)),
    (lambda x: ndimage.generic_filter(x, np.std, (2, 3), mode="wrap"), (X,)),
    (lambda x, t: ndimage.generic_filter(x, lambda w: w[0] * w[-1] * t if w[0] > 0 else w.max(), footprint=[[1, 0, 1], [0, 1, 1]], mode="constant", cval=1.0), (X, T)),
    (lambda x: ndimage.generic_filter(x, lambda w, p, q=1.0: np.sum(np.abs(w) ** p) * q, 2, extra_arguments=(3.0,), extra_keywords={"q": 2.0}), (X,)),
    (lambda x: ndimage.generic_filter1d(x, second_differences, 3), (X,)),
    (lambda x: ndimage.generic_filter1d(x, second_differences, 3, axis=0, mode="nearest", extra_arguments=(2.5,)), (X,)),
]  # fmt: skip
test_filters_by_own_functions, test_derivatives_of_filters_by_own_functions = both_tests(OWN)


def spectral(filter: Callable[..., Any], real: bool = False) -> Callable[..., Any]:
    """An image that is filtered by what becomes of its spectrum."""
    if real:
        return lambda x, *how: np.fft.irfft2(filter(np.fft.rfft2(x), *how, n=x.shape[1]), s=x.shape)
    return lambda x, *how: np.abs(np.fft.ifft2(filter(np.fft.fft2(x), *how)))


SPECTRA = [
    (lambda x, t: spectral(ndimage.fourier_gaussian)(x, 0.3 * t), (X, T)),
    (lambda x, y: spectral(ndimage.fourier_gaussian, True)(x, y[:2]), (X, Y)),
    (lambda x: spectral(ndimage.fourier_gaussian)(x, (1.5, 0.0)), (X,)),
    (lambda x, t: spectral(ndimage.fourier_uniform)(x, t), (X, T)),
    (lambda x: spectral(ndimage.fourier_uniform, True)(x, 3), (X,)),
    (lambda x: spectral(ndimage.fourier_ellipsoid)(x, 2.5), (X,)),
    (lambda x, t: spectral(ndimage.fourier_shift)(x, t), (X, T)),
    (lambda x, y: spectral(ndimage.fourier_shift, True)(x, y[:2]), (X, Y)),
    (lambda x: ndimage.fourier_shift(x, 1.5).imag, (X,)),
]  # fmt: skip
test_filters_of_spectra, test_derivatives_of_filters_of_spectra = both_tests(SPECTRA)


@pytest.mark.parametrize("shape", [(3, 4), (0, 3), (5,)])
@pytest.mark.parametrize("dtype", ["float32", "complex64", "complex128", "int32"])
def test_dtypes_of_spectra(dtype: str, shape: tuple[int, ...]) -> None:
    x = (rng.normal(size=shape) * 5).astype(dtype)
    for filter in (ndimage.fourier_gaussian, ndimage.fourier_uniform, ndimage.fourier_shift):
        found, wanted = autodiff.function(lambda x, f=filter: f(x, 1.5))(x), filter(x, 1.5)
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)
