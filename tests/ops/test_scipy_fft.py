"""``scipy.fft``: cosine, sine, Hermitian and Hankel transforms, their values and exact transposes."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft
from scipy import fftpack

import autodiff
from autodiff.errors import FallbackWarning

ENGINES = ("numpy", "native")
RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(4, 5))
Z = X + 1j * RANDOM.normal(size=(4, 5))


def _assert_value(f: Callable[[Any], Any], x: np.ndarray, ulps: float = 64) -> None:
    wanted = f(x)
    for engine in ENGINES:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FallbackWarning)
            found = autodiff.function(f, engine=engine)(x)
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
        scale = float(np.max(np.abs(wanted)))
        limit = ulps * np.finfo(wanted.dtype).eps * scale
        np.testing.assert_allclose(found, wanted, rtol=0, atol=limit)


def _assert_transpose(f: Callable[[Any], Any], x: np.ndarray) -> None:
    """A linear function is its own tangent; ``vjp`` is its adjoint."""
    step = RANDOM.normal(size=x.shape) * (1 + 0.5j if np.iscomplexobj(x) else 1)
    for engine in ENGINES:
        value, pull = autodiff.vjp(f, x, engine=engine)
        ct = RANDOM.normal(size=value.shape) * (1 + 0.5j if np.iscomplexobj(value) else 1)
        left = np.sum((np.conj(ct) * f(step)).real)
        np.testing.assert_allclose(np.sum((np.conj(pull(ct)[0]) * step).real), left, rtol=1e-11)


_SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name", ["dct", *(pytest.param(n, marks=_SLOW) for n in ("idct", "dst", "idst"))]
)
@pytest.mark.parametrize("type", [2, *(pytest.param(n, marks=_SLOW) for n in (1, 3, 4))])
def test_transforms_of_every_type_norm_and_scaling(name: str, type: int) -> None:
    function = getattr(scipy.fft, name)
    for norm in (None, "ortho", "forward"):
        for orthogonalize in (None, True, False):

            def f(x: Any, norm: Any = norm, orthogonalize: Any = orthogonalize) -> Any:
                return function(x, type, norm=norm, orthogonalize=orthogonalize)

            if (norm, orthogonalize) in ((None, None), ("ortho", None)):
                _assert_value(f, X[0], ulps=0)
            _assert_transpose(f, X[0, :4] if orthogonalize else X[0])


@pytest.mark.parametrize(
    "name", ["dstn", *(pytest.param(n, marks=_SLOW) for n in ("dctn", "idctn", "idstn"))]
)
def test_transforms_along_several_axes(name: str) -> None:
    function = getattr(scipy.fft, name)
    for options in ({}, {"axes": (0,)}, {"s": (3, 6)}, {"type": 3, "norm": "ortho"}):
        _assert_value(lambda x, options=options: function(x, **options), X)
    _assert_transpose(lambda x: function(x, type=1), X)


@pytest.mark.parametrize("name", ["dct", pytest.param("idst", marks=_SLOW)])
def test_transforms_of_other_lengths_axes_and_dtypes(name: str) -> None:
    function = getattr(scipy.fft, name)
    for options in ({"axis": 0}, {"n": 3}, {"n": 8, "axis": 0}):
        for x in (X, Z, X.astype(np.float32), np.arange(20).reshape(4, 5)):
            _assert_value(lambda x, options=options: function(x, **options), x)
    f = autodiff.function(lambda x: function(x))
    for n in (3, 4, 6, 7):
        np.testing.assert_array_equal(f(np.arange(float(n))), function(np.arange(float(n))))


@pytest.mark.parametrize(
    "name", ["hfft2", *(pytest.param(n, marks=_SLOW) for n in ("ihfft2", "hfftn", "ihfftn"))]
)
def test_hermitian_transforms_along_several_axes(name: str) -> None:
    function = getattr(scipy.fft, name)
    x = X if name.startswith("i") else Z
    for options in ({}, {"norm": "ortho"}, {"s": (4, 6)}):
        _assert_value(lambda x, options=options: function(x, **options), x)
        _assert_transpose(lambda x, options=options: function(x, **options), x)


@pytest.mark.parametrize("name", ["fht", "ifht"])
def test_hankel_transforms(name: str) -> None:
    function = getattr(scipy.fft, name)
    for options in ({}, {"bias": 0.2, "offset": 0.05}):
        f = lambda x, options=options: function(x, 0.1, 0.5, **options)  # noqa: E731
        _assert_value(f, np.abs(X[0]))
        _assert_transpose(f, X[0])


_OF_FFTPACK: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "fft": (fftpack.fft, X[0]),
    "fft n": (lambda x: fftpack.fft(x, 3), X),
    "fft2": (fftpack.fft2, X),
    "ifftn": (fftpack.ifftn, Z),
    "rfft": (fftpack.rfft, X),
    "rfft even": (lambda x: fftpack.rfft(x, axis=0), X),
    "irfft": (fftpack.irfft, X),
    "irfft longer": (lambda x: fftpack.irfft(x, 8), X),
    "dct": (fftpack.dct, X),
    "idct": (lambda x: fftpack.idct(x, 2, norm="ortho"), X),
    "idst": (lambda x: fftpack.idst(x, 3, axis=0), X),
    "idctn": (fftpack.idctn, X),
    "diff": (lambda x: fftpack.diff(x[0], 1, 4.0) + fftpack.diff(x[1], 2), X),
    "diff of even length": (lambda x: fftpack.diff(x[:, 0], 2) + fftpack.diff(x[:, 1], 3), X),
    "shift": (lambda x: fftpack.shift(x[:, 0], x[0, 0], 3.0), X),
    "hilbert": (lambda x: fftpack.ihilbert(x[:, 0]), X),
    "diff of complex numbers": (lambda x: fftpack.diff(x[0]), Z),
}


@pytest.mark.parametrize("name", _OF_FFTPACK)
def test_the_older_transforms(name: str) -> None:
    f, x = _OF_FFTPACK[name]
    _assert_value(f, x)

    def number(x: Any) -> Any:
        return np.sum(np.sin(np.real(f(x))) + np.cos(np.imag(f(x))))

    along = np.roll(x, 1) * 0.5
    slope = (number(x + 1e-6 * along) - number(x - 1e-6 * along)) / 2e-6
    gradient = autodiff.gradient(number, engine="numpy")(x)
    np.testing.assert_allclose(np.vdot(gradient, along).real, slope, rtol=1e-6)


def test_lengths_that_are_fast_to_transform() -> None:
    def filtered(x: Any) -> Any:
        n = scipy.fft.next_fast_len(len(x) + 5)
        spectrum = scipy.fft.rfft(x, n) * np.exp(-scipy.fft.rfftfreq(n))
        return scipy.fft.irfft(spectrum, n)[: len(x)]

    f = autodiff.function(filtered)
    for n in (6, 7, 9):
        x = np.arange(float(n))
        np.testing.assert_allclose(f(x), filtered(x), rtol=1e-13, atol=1e-13)
