"""``scipy.signal`` in captured code: correlation in every mode, filters, resampling."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import signal

import autodiff
from autodiff.errors import DerivativeError
from tests.ops.calls import S, T, X, Y, both_tests
from tests.ops.test_scipy_ndimage import check_all

rng = np.random.default_rng(0)
W, K, IMAGE = rng.normal(size=20), rng.normal(size=(3, 2)), rng.normal(size=(5, 6))
A1 = np.array([2.0, 0.3, 0.1])
SOS = signal.butter(4, 0.3, output="sos")
ONE_SECTION = signal.butter(2, 0.3, output="sos")

PEAKS = signal.find_peaks(W)[0]
CASES = [
    (lambda w: [f(signal.lfilter([1.0, 0.2], [1.0, 0.3], w + 1j * w**2)) for f in (np.real, np.imag)], (W,)),
    (lambda w: [f(signal.sosfilt(SOS, w[:8] * (1 + 2j))) for f in (np.real, np.imag)], (W,)),
    (lambda w: [signal.symiirorder1(w, 0.5, 0.1), signal.symiirorder2(w, 0.1, 0.3)], (W,)),
    (lambda w: [signal.cspline2d(w[:, None] * w), signal.qspline2d(w[:, None] * w)], (W,)),
    (lambda w: signal.spline_filter(w[:, None] * w, 0.5), (W,)),
    (lambda y: [signal.sawtooth(4 * y), signal.sawtooth(y, 0.3)], (Y,)),
    (lambda x, s: [signal.convolve(x, s, m) for m in ("full", "same", "valid")], (X, S)),
    (lambda x, y, t: signal.lfilter(y, np.array([1.0, 0.2, 0.1]) * t, x), (X, Y, T)),
    (lambda x, s: [signal.correlate(x, s, m) for m in ("full", "same", "valid")], (X, S)),
    (lambda x, k: signal.convolve2d(x, k, "same", "symm"), (X, K)),
    (lambda x, k: signal.correlate2d(x, k, "full", "wrap"), (X, K)),
    (lambda y, s: [signal.convolve(y, s[0]), signal.oaconvolve(y, s[0])], (Y, S)),
    (lambda x, y, s: signal.lfilter(y[:2], s[0] * 0.1 + A1, x, axis=0, zi=x[:2])[1], (X, Y, S)),
    (lambda s, t: signal.sosfilt(SOS * np.array([t, t, t, 1, 1, 1]), s), (S, T)),
    (lambda w: signal.sosfiltfilt(SOS, w, padlen=3), (W,)),
    (lambda w: signal.sosfiltfilt(ONE_SECTION, w, padlen=3), (W,)),
    (lambda y, w: signal.filtfilt(y, A1, w), (Y, W)),
    (lambda y, w: signal.upfirdn(y, w, 3, 2), (Y, W)),
    (lambda w: [signal.resample_poly(w, 3, 2), signal.resample(w, 15)], (W,)),
    (lambda w: signal.decimate(w, 2, n=2), (W,)),
    (lambda w: signal.savgol_filter(w, 5, 2), (W,)),
    (lambda x: [signal.medfilt2d(x, 3), signal.order_filter(x, np.ones((3, 3)), 2)], (X,)),
    (lambda w: signal.detrend(w), (W,)),
    (lambda x, y, s: signal.sepfir2d(x, y[:3], s[0]), (X, Y, S)),
    (lambda w, t: w * signal.windows.gaussian(20, t), (W, T)),
    (lambda w: signal.peak_prominences(w, PEAKS), (W,)),
    (lambda w: signal.peak_widths(w, PEAKS, rel_height=0.7), (W,)),
    (lambda w, t: signal.peak_widths(w, PEAKS, 0.2 * t, wlen=5), (W, T)),
]  # fmt: skip

_FIRST = 2
test_value, test_derivatives = both_tests(CASES[:_FIRST])
_all_values, _all_derivatives = both_tests(CASES[_FIRST:])
test_more_values = pytest.mark.slow(_all_values)
test_more_derivatives = pytest.mark.slow(_all_derivatives)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_correlation_of_any_shapes(mode: str) -> None:
    shapes: list[Any] = [((5, 6), (3, 2)), ((3, 2), (5, 6)), ((7,), (3,)), ((3,), (7,)), ((2, 3, 4), (2, 2, 2)),
                         ((4, 4), (4, 4)), ((5, 1), (2, 1)), ((5, 6), (3, 6))]  # fmt: skip
    for first, second in shapes:
        x, w = rng.normal(size=first), rng.normal(size=second)
        table = {name: lambda x, w, name=name: getattr(signal, name)(x, w, mode)
                 for name in ("convolve", "correlate", "fftconvolve", "oaconvolve")}  # fmt: skip
        check_all(table, x, w)
    for boundary in ("fill", "wrap", "symm"):
        table = {
            name: lambda x, w, name=name: getattr(signal, name)(x, w, mode, boundary, 0.7)
            for name in ("convolve2d", "correlate2d")
        }
        check_all(table, IMAGE, K)
        check_all(table, K, IMAGE)
    check_all({"integers": lambda x, w: signal.convolve(x, w, mode)}, np.arange(9).reshape(3, 3), np.eye(2, dtype=int))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["constant", "wrap", "edge", "symmetric", "reflect"])
def test_upfirdn(mode: str) -> None:
    for up, down, length in itertools.product((1, 2, 5), (1, 3), (1, 4, 7)):
        h = rng.normal(size=length)
        f = lambda h, x: signal.upfirdn(h, x, up, down, axis=0, mode=mode)  # noqa: B023
        check_all({"image": f, "line": lambda h, x: f(h, x[:, 0])}, h, IMAGE)  # noqa: B023


@pytest.mark.slow
@pytest.mark.parametrize(
    ("b", "a"), [([1.0, 2, 3], [2.0, 0.3]), ([1.0], A1), ([1.0, 2, 3], [2.0]), ([0.2, 0.3], [1.0, 0.5, 0.2, 0.1])]
)  # fmt: skip
def test_recursive_filters_and_their_states(b: Any, a: Any) -> None:
    b, a = np.array(b), np.array(a)
    n = max(len(a), len(b)) - 1
    for axis, shapes in ((0, ((n, 6), (n, 1))), (1, ((5, n), (1, n)))):
        check_all({"axis": lambda b, a, x: signal.lfilter(b, a, x, axis=axis)}, b, a, IMAGE)  # noqa: B023
        for shape in shapes:
            f = lambda b, a, x, z: np.concatenate(signal.lfilter(b, a, x, axis, z), axis)  # noqa: B023
            check_all({"state": f}, b, a, IMAGE, rng.normal(size=shape))
    check_all({"single": lambda b, a, x: signal.lfilter(b, a, x)}, *(np.float32(v) for v in (b, a, W)))  # fmt: skip
    check_all({"integers": lambda x: signal.lfilter(b, a, x)}, np.arange(9))


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
def test_one_array_given_twice_stays_one_out_of_sight() -> None:
    """SciPy compares two arguments by ``is``, and refuses what it takes for two signals."""
    slope = autodiff.gradient(lambda x: np.sum(np.abs(signal.stft(x, nperseg=8)[2])))
    try:
        assert np.all(np.isfinite(slope(W)))
    except DerivativeError as error:
        assert "scipy.signal.stft is not known" in str(error)


# SciPy divides and scales by what is not 1 alone.
_BY_ONE = {
    "lfilter_zi": lambda t: signal.lfilter_zi([1.0, 0.4], t * np.array([1.0, 0.3, 0.2])),
    "lfilter_zi by the first": lambda t: signal.lfilter_zi([1.0, 0.4], np.stack([t, 0.3 + 0 * t])),
    "coefficients in a list": lambda t: signal.lfilter_zi([t, 0.4 * t], [t, 0.3, 0.2]),
    "lp2hp of a list": lambda t: signal.lp2hp([1.0], [1.0, t, t * t], 1.0)[1],
    "lfiltic": lambda t: signal.lfiltic([1.0, 0.4], np.stack([t, 0.3 * t]), [0.2], [0.7]),
    "lp2hp": lambda t: np.concatenate(signal.lp2hp([1.0, 0.4], [1.0, 2.0, 3.0], t)),
    "lp2hp shorter": lambda t: np.concatenate(signal.lp2hp([1.0, 0.4, 0.1], [1.0, 2.0], t)),
}


@pytest.mark.parametrize("at", [1.0, 2.0])
@pytest.mark.parametrize("name", _BY_ONE)
def test_slopes_where_a_parameter_is_one(name, at):
    f = lambda t: np.sum(_BY_ONE[name](t) ** 2)  # noqa: E731
    compiled = autodiff.function(_BY_ONE[name], engine="numpy", on_fallback="error")(at)
    np.testing.assert_allclose(compiled, _BY_ONE[name](at), rtol=1e-14)
    slope = (f(at + 1e-6) - f(at - 1e-6)) / 2e-6
    np.testing.assert_allclose(autodiff.gradient(f, engine="numpy")(at), slope, rtol=1e-7)


_U, _V = [np.exp(1j * np.arange(n) ** 1.5) * np.arange(1.0, n + 1) for n in (7, 3)]
_OF_COMPLEX = {
    **{
        f"{f.__name__} {mode}": (lambda u, v, f=f, mode=mode: f(u, v, mode, method="direct"))
        for f in (signal.convolve, signal.correlate)
        for mode in ("full", "same", "valid")
    },
    "of two axes": lambda u, v: signal.convolve(
        np.outer(u, u), np.outer(v, u[:2]), "same", "direct"
    ),
    "convolve2d": lambda u, v: signal.convolve2d(np.outer(u, v), np.outer(v, v), "same", "symm"),
    "correlate2d": lambda u, v: signal.correlate2d(np.outer(u, v), v[None] * u[0], fillvalue=0.5),
    "one of them": lambda u, v: signal.correlate(u.real, v, method="direct"),
    "upfirdn": lambda u, v: signal.upfirdn(v, u, 2, 3),
    "resample_poly": lambda u, v: signal.resample_poly(u, 3, 2) * v[0],
    "detrend": lambda u, v: signal.detrend(u) * v[0],
    "filter of complex coefficients": lambda u, v: signal.lfilter(
        v, 9 + v * 1j, np.outer(v, u), zi=np.outer(v, v[:2])
    )[1],
    "filtfilt of complex coefficients": lambda u, v: signal.filtfilt(
        v, 9 + v * 1j, np.abs(u), padlen=3
    ),
    "deconvolve": lambda u, v: signal.deconvolve(u, v + 3)[0],
    "lfiltic": lambda u, v: signal.lfiltic(v, 9 + v * 1j, u[:2], u[2:4]),
    "resample": lambda u, v: signal.resample(u, 5) * v[0],
    "envelope": lambda u, v: signal.envelope(u)[0] * v[0],
    "welch": lambda u, v: signal.welch(u, nperseg=4)[1] * np.abs(v[0]),
}


@pytest.mark.parametrize("name", _OF_COMPLEX)
def test_complex_signals(name):
    f = _OF_COMPLEX[name]
    compiled = autodiff.function(f, engine="numpy")
    np.testing.assert_allclose(compiled(_U, _V), f(_U, _V), rtol=1e-11, atol=1e-11)
    number = lambda u, v: np.sum(np.abs(f(u, v) + 1) ** 2)  # noqa: E731
    du, dv = _U[::-1] * 0.1j, _V[::-1] * 0.2
    gradients = autodiff.gradient(number, wrt=(0, 1), engine="numpy")(_U, _V)
    step = 1e-6
    slope = (number(_U + step * du, _V + step * dv) - number(_U - step * du, _V - step * dv)) / 2e-6
    found = sum(np.vdot(g, d).real for g, d in zip(gradients, (du, dv), strict=True))
    np.testing.assert_allclose(found, slope, rtol=1e-6)


FRACTIONS = {
    "real poles": ([1.0, 3.0], [1.0, 3.0, 1.5]),
    "a pair": ([1.0, 3.0], [2.0, 1.0, 3.0]),
    "two pairs": ([0.5, 1.0, 2.0], [1.0, 0.5, 3.0, 1.0, 0.7]),
    "with a polynomial": ([1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 3.0, 1.5]),
}


@pytest.mark.parametrize("of", [signal.residue, signal.residuez])
@pytest.mark.parametrize("name", FRACTIONS)
def test_partial_fractions_of_simple_poles(name, of):
    """Poles stay in the order of their moduli: of a pair the sum of the residues is taken."""
    b, a = map(np.array, FRACTIONS[name])
    for engine in ("numpy", "native"):
        found = autodiff.function(of, engine=engine, on_fallback="error")(b, a)
        for x, y in zip(found, of(b, a), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, rtol=1e-10)

    def number(b, a):
        r, p, k = of(b, a)
        return np.sum(np.real(r * np.abs(p)) + np.abs(r) ** 2) + np.sum(np.sin(k))

    db, da, h = np.cos(np.arange(len(b))), np.sin(1.0 + np.arange(len(a))), 1e-5
    slope = autodiff.gradient(number, wrt=(0, 1), engine="numpy")

    def difference(f):
        up, down = (f(b + t * db, a + t * da) for t in (h, -h))
        return [
            (x - y) / (2 * h) for x, y in zip(np.atleast_1d(up), np.atleast_1d(down), strict=True)
        ]

    along = lambda b, a: slope(b, a)[0] @ db + slope(b, a)[1] @ da  # noqa: E731
    np.testing.assert_allclose(along(b, a), difference(number)[0], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        autodiff.jvp(number, (b, a), (db, da), engine="numpy")[1], along(b, a), rtol=1e-9
    )
    bend = autodiff.hessian_vector(number, wrt=(0, 1), engine="numpy")(b, a, _tensors=(db, da))
    np.testing.assert_allclose(bend[0] @ db + bend[1] @ da, difference(along)[0], rtol=1e-5)


def test_partial_fractions_of_equal_poles_have_no_derivative():
    b, a = np.array([1.0, 3.0]), np.array([1.0, 2.0, 1.0])
    f = lambda b: np.sum(signal.residue(b, a)[0])  # noqa: E731
    assert autodiff.function(f)(b) == f(b)
    with pytest.raises(autodiff.errors.AutodiffError, match="poles that are apart"):
        autodiff.gradient(f, engine="numpy")(b)
