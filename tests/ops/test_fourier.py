"""Fourier transforms in captured code: values, exact transposes, derivatives to second order."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft

import autodiff
from autodiff.errors import FallbackWarning
from autodiff.ops.entries import ENTRIES
from autodiff.ops.fourier import SWAPPED

ENGINES = ("numpy", "native")
RANDOM = np.random.default_rng(5)
REAL = RANDOM.normal(size=(4, 6))
COMPLEX = REAL + 1j * RANDOM.normal(size=(4, 6))
ALONG_ONE = "fft ifft rfft irfft hfft ihfft".split()
ALONG_SEVERAL = "fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn".split()
OF_REALS = ("rfft", "ihfft", "rfft2", "rfftn")
OPTIONS: list[dict[str, Any]] = [
    {}, {"norm": "ortho"}, {"norm": "forward"}, {"n": 5}, {"n": 9}, {"n": 1}, {"axis": 0, "n": 7},
]  # fmt: skip
SEVERAL_OPTIONS: list[dict[str, Any]] = [
    {}, {"norm": "ortho"}, {"s": (3, 8), "axes": (0, 1)}, {"axes": (1, 0)}, {"axes": (-2, -1)},
]  # fmt: skip


def _assert_value(function: Callable[[Any], Any], x: Any) -> None:
    wanted = function(x)
    step = np.finfo(wanted.dtype).eps
    for engine in ENGINES:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FallbackWarning)
            found = autodiff.function(function, engine=engine)(x)
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= 8 * step * np.abs(wanted).max()


@pytest.mark.parametrize("library", [np.fft, scipy.fft], ids=["numpy", "scipy"])
@pytest.mark.parametrize("name", ALONG_ONE + ALONG_SEVERAL)
def test_values_are_those_of_the_library(library: Any, name: str) -> None:
    transform = getattr(library, name)
    for options in OPTIONS if name in ALONG_ONE else SEVERAL_OPTIONS:
        for x in (REAL, COMPLEX, REAL.astype(np.float32), np.arange(24).reshape(4, 6)):
            if x.dtype.kind != "c" or name not in OF_REALS:
                _assert_value(lambda x, options=options: transform(x, **options), x)


@pytest.mark.parametrize("library", [np.fft, scipy.fft], ids=["numpy", "scipy"])
def test_helpers(library: Any) -> None:
    for shift in (library.fftshift, library.ifftshift):
        for x in (REAL, COMPLEX):
            _assert_value(lambda x, shift=shift: shift(x) * 1, x)
            _assert_value(lambda x, shift=shift: shift(x, axes=1) * 1, x)
    _assert_value(lambda d: library.fftfreq(6, d), 0.5)
    _assert_value(lambda d: library.rfftfreq(6, d), 0.5)


def test_errors_are_those_of_numpy() -> None:
    for call in (
        lambda x: np.fft.fft(x, n=0),
        lambda x: np.fft.fft(x, axis=3),
        lambda x: np.fft.fft(x, norm="none"),
        lambda x: np.fft.fft2(x[0]),
    ):
        with pytest.raises(Exception) as plain:  # noqa: PT011 - whichever NumPy raises
            call(REAL)
        with pytest.raises(type(plain.value)):
            autodiff.function(call)(REAL)


def test_transforms_of_lengths_that_differ_between_calls() -> None:
    for transform in (np.fft.fft, np.fft.ifft, np.fft.rfft):
        f = autodiff.function(lambda x, transform=transform: np.abs(transform(x)) ** 2)
        for n in (3, 4, 7, 8, 1):
            x = RANDOM.normal(size=n)
            np.testing.assert_allclose(f(x), np.abs(transform(x)) ** 2, rtol=1e-12, atol=1e-14)


# -- the operations ---------------------------------------------------------------------------------
@pytest.mark.parametrize("norm", SWAPPED)
@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_transposes_are_exact(n: int, norm: str) -> None:
    def matrix(kind: str, rows: tuple[int, ...], columns: tuple[int, ...], **how: Any) -> Any:
        size = int(np.prod(columns))
        units = np.eye(size).reshape(size, *columns)
        made = [np.asarray(ENTRIES[kind].meaning(unit, axis=0, **how)) for unit in units]
        assert made[0].shape == rows
        return np.stack(made, -1).reshape(-1, size)

    m = n // 2 + 1
    other = SWAPPED[norm]
    forward = matrix("fft", (n, 2), (n, 2), inverse=False, norm=norm)
    backward = matrix("fft", (n, 2), (n, 2), inverse=True, norm=other)
    np.testing.assert_allclose(forward.T, backward, rtol=0, atol=1e-14 * n)
    factors = np.full(m, 0.5)
    factors[0] = 1
    if n % 2 == 0:
        factors[-1] = 1
    of_real = matrix("rfft", (m, 2), (n,), norm=norm)
    to_real = matrix("irfft", (n,), (m, 2), n=n, norm=other) * np.repeat(factors, 2)
    np.testing.assert_allclose(of_real.T, to_real, rtol=0, atol=1e-14 * n)


def _loss(transform: Any, is_real: bool, **options: Any) -> Callable[[Any], Any]:
    def loss(x: Any) -> Any:
        half = len(x) // 2
        z = x[:half] * x[half:] if is_real else x[:half] + 1j * x[half:]
        y = transform(z, **options)
        return np.sum((y**2 * (1 + 0.5j)).real) + 0.1 * np.sum(np.abs(y) ** 2)

    return loss


@pytest.mark.parametrize("name", ALONG_ONE)
@pytest.mark.parametrize("options", [{}, {"norm": "ortho"}, {"n": 7}, {"n": 4, "norm": "forward"}])
def test_both_derivatives_of_transforms(name: str, options: dict[str, Any]) -> None:
    loss = _loss(getattr(np.fft, name), name in OF_REALS, **options)
    x, h = RANDOM.normal(size=10), 1e-5
    slope = autodiff.gradient(loss)
    steps = h * np.eye(10)
    for engine in ENGINES:
        found = autodiff.gradient(loss, engine=engine)(x)
        wanted = [(loss(x + e) - loss(x - e)) / (2 * h) for e in steps]
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)
        second = autodiff.hessian(loss, engine=engine)(x)
        curved = [(slope(x + e) - slope(x - e)) / (2 * h) for e in steps]
        np.testing.assert_allclose(second, curved, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ALONG_SEVERAL)
@pytest.mark.parametrize("options", [{}, {"axes": (1, 0)}, {"s": (3, 5), "axes": (0, 1)}])
def test_gradient_of_transforms_along_several_axes(name: str, options: dict[str, Any]) -> None:
    transform, h = getattr(np.fft, name), 1e-6

    def power(x: Any) -> Any:
        return np.sum(np.abs(transform(x, **options) * (1 + 0.3j)) ** 2)

    x = REAL[:2, :4].copy()
    wanted = [(power(x + e) - power(x - e)) / (2 * h) for e in h * np.eye(8).reshape(8, 2, 4)]
    for engine in ENGINES:
        found = autodiff.gradient(power, engine=engine)(x)
        np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-6, atol=1e-6)


def test_power_spectrum_that_is_zero_has_a_hessian() -> None:
    curved = autodiff.hessian(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(np.zeros(3))
    np.testing.assert_allclose(curved, 6 * np.eye(3), rtol=0, atol=1e-14)


def test_forward_mode_agrees_with_reverse_mode() -> None:
    def spectrum(x: Any) -> Any:
        return np.abs(np.fft.rfft(x) + 0.1) ** 2

    x = RANDOM.normal(size=5)
    wanted = autodiff.jacobian(spectrum)(x)
    for k, unit in enumerate(np.eye(5)):
        _, tangent = autodiff.jvp(spectrum, (x,), (unit,))
        np.testing.assert_allclose(tangent, wanted[:, k], rtol=1e-12, atol=1e-13)


@pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize(("name", "size"), [("fft", 6), ("rfft", 4), ("irfft", 10)])
def test_transforms_into_an_array(name: str, size: int) -> None:
    def f(x: Any) -> Any:
        result = np.zeros(size, float if name == "irfft" else complex)
        found = getattr(np.fft, name)(x, out=result)
        return result * x[0], found is result

    x = np.cos(np.arange(6.0) ** 2)
    value, same = autodiff.function(f, engine="numpy")(x)
    np.testing.assert_allclose(value, f(x)[0], rtol=1e-13)
    assert same is True
    loss = lambda x: np.sum(np.abs(f(x)[0]) ** 2)  # noqa: E731
    assert autodiff.check_gradient(loss, x).agrees
