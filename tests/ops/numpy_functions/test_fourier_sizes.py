"""Fourier transforms of sizes that are known at run time: NumPy's values, derivatives and exceptions."""

import numpy as np
import pytest

import autodiff

X = np.array([0.3, -1.0, 0.8, 1.4, 0.2, -0.5, 0.9])
FORMS = {
    "fft": lambda z: np.fft.fft(z), "ifft": lambda z: np.fft.ifft(z * (1 + 1j)), "rfft": lambda z: np.fft.rfft(z, norm="ortho"), "ihfft": lambda z: np.fft.ihfft(z), "hfft": lambda z: np.fft.hfft(z + 0j),
    "irfft": lambda z: np.fft.irfft(z + 0.5j), "irfft odd": lambda z: np.fft.irfft(z + 0.5j, 2 * len(z) - 1), "longer": lambda z: np.fft.fft(z, 2 * len(z)), "shorter": lambda z: np.fft.rfft(z, len(z) // 2 + 1),
    "fftn": lambda z: np.fft.fftn(z), "rfftn": lambda z: np.fft.rfftn(np.stack([z, z**2])), "fft2": lambda z: np.fft.fft2(np.outer(z, z)), "known": lambda z: np.fft.fft(z, 4), "given": lambda z: np.fft.rfft(z, 5),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("name", FORMS)
def test_transforms_of_selections_are_numpys(name, engine):
    form = FORMS[name]
    f = lambda x: form(x[x > 0])  # noqa: E731
    compiled = autodiff.function(f, engine=engine)
    for x in (X, np.abs(X), -np.abs(X) + np.eye(7)[2] * 3, -np.abs(X)):
        try:
            expected = f(x)
        except ValueError as error:
            with pytest.raises(ValueError) as raised:
                compiled(x)
            assert str(raised.value) == str(error)
            continue
        np.testing.assert_allclose(compiled(x), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", FORMS)
def test_their_derivatives_are_those_of_differences(name):
    def f(x):
        z = FORMS[name](x[x > 0])
        return np.sum(np.cos(np.arange(z.size)).reshape(z.shape) * np.abs(z) ** 2)

    slope, step = autodiff.gradient(f, engine="numpy"), 1e-6
    for x in (X, X[1:]):
        expected = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]
        np.testing.assert_allclose(slope(x), expected, rtol=1e-6, atol=1e-7)


def test_a_transform_of_nothing_is_numpys_exception():
    f = autodiff.function(lambda x, n: np.fft.fft(x, n))
    assert f(X, 3).shape == (3,)
    with pytest.raises(ValueError, match=r"Invalid number of FFT data points \(0\) specified"):
        f(X, 0)
    with pytest.raises(ValueError, match=r"Invalid number of FFT data points \(0\) specified"):
        autodiff.gradient(lambda x: np.sum(np.abs(np.fft.rfft(x[x > 9]))))(X)
