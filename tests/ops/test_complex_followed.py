"""NumPy's functions in Python of complex arrays: values and gradients, compiled without a fallback."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special
from scipy._lib._array_api import array_namespace

import autodiff

pytestmark = pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
_rng = np.random.default_rng(12)
Y = _rng.normal(size=4) + 1j * _rng.normal(size=4)
X = _rng.normal(size=(3, 4)) + 1j * _rng.normal(size=(3, 4))
S = _rng.normal(size=(3, 3)) + 1j * _rng.normal(size=(3, 3))
HOLES = X.copy()
HOLES[0, 1], HOLES[2, 3] = complex(np.nan, 2.0), complex(-1.0, np.nan)


def _partitioned(x: Any) -> Any:
    copy = x.copy()
    copy.partition(1, axis=0)
    return copy


def _multiplied_at(x: Any) -> Any:
    copy = x.copy()
    np.multiply.at(copy, ([0, 1, 0], [1, 2, 1]), x[0, :3])
    np.maximum.at(copy, [2, 2], x[:2])
    return copy


def _made_by_a_library(y: Any) -> Any:
    xp = array_namespace(y)
    made = xp.zeros((4,), dtype=y.dtype)
    made[1:] = y[1:] ** 2
    made[0] += 1j
    return made


TABLE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "unstack": (lambda x: np.stack(np.unstack(x)), X),
    "extract": (lambda x: np.extract(np.abs(x) > 0.8, x), X),
    "diag_indices_from": (lambda s: s[np.diag_indices_from(s)], S),
    "tril_indices_from": (lambda s: s[np.tril_indices_from(s)], S),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, (0, 1)), X),
    "piecewise": (lambda y: np.piecewise(y, [y.real < 0], [lambda v: v * v, lambda v: v]), Y),
    "poly": (lambda y: np.poly(y), Y),
    "polyder": (lambda y: np.polyder(y), Y),
    "polyint": (lambda y: np.polyint(y, 2, k=[1, 2j]), Y),
    "polyfit": (lambda y: np.polyfit(np.arange(4.0), y, 2), Y),
    "polyadd": (lambda y: np.polyadd(y, [1, 2j]), Y),
    "sinc": (lambda x: np.sinc(x), X),
    "logspace": (lambda y: np.logspace(y[0], y[1], 4), Y),
    "geomspace": (lambda y: np.geomspace(y[0], y[1], 4), Y),
    "corrcoef": (lambda x: np.corrcoef(x), X),
    "cov of two": (lambda x: np.cov(x[0], x[1], ddof=0), X),
    "average": (lambda x: np.average(x, axis=1, weights=np.arange(1, 5.0)), X),
    "nansum": (lambda x: np.nansum(x, axis=1), HOLES),
    "nanmean": (lambda x: np.nanmean(x, axis=1), HOLES),
    "nanprod": (lambda x: np.nanprod(x, axis=1), HOLES),
    "nanvar": (lambda x: np.nanvar(x, axis=0), HOLES),
    "nancumsum": (lambda x: np.nancumsum(x, axis=1), HOLES),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, axis=1, include_initial=True), X),
    "astype": (lambda x: np.astype(x, np.complex128, copy=False) * 2, X),
    "union1d": (lambda y: np.union1d(y, np.array([0.5, 3.0])), Y),
    "setxor1d": (lambda y: np.setxor1d(y, y[:1]), Y),
    "isin": (lambda y: np.isin(y, y[:2]) * y, Y),
    "unique": (lambda y: np.unique(np.concatenate([y, y])), Y),
    "median": (lambda x: np.median(x, axis=1, keepdims=True), X),
    "median of all": (lambda x: np.median(x), X),
    "require": (lambda x: np.require(x, np.complex128, "C") * 2, X),
    "compress": (lambda x: x.compress([True, False, True], axis=0), X),
    "np.ndarray.sum": (lambda x: np.ndarray.sum(x, axis=0), X),
    "broadcast_arrays": (lambda y: np.stack(np.broadcast_arrays(y, X)), Y),
    "sliding windows": (lambda y: np.lib.stride_tricks.sliding_window_view(y, 2) ** 2, Y),
    "arange": (lambda y: np.arange(4, dtype=complex) * y, Y),
    "dtype by a letter": (lambda y: np.ones((4, 1), "D") @ y[None], Y),
    "pad": (lambda y: np.pad(y, (1, 2), constant_values=1j), Y),
    "clip": (lambda y: y.clip(-0.5, 1j), Y),
    "math.prod": (lambda y: np.asarray(math.prod([y[0], y[1], 2j])), Y),
    "bool": (lambda y: y * bool(y[0]), Y),
    "is": (lambda y: y * (y is y) + (y[:] is y), Y),
    "xlogy": (lambda y: special.xlogy(y * [0, 1, 1, 1], y[::-1]), Y),
    "xlogy at 0": (lambda y: special.xlogy(y * 0, [0, 1j, 2, -1j]) + y, Y),
    "xlog1py": (lambda y: special.xlog1py(y[::-1], y), Y),
    "logsumexp": (lambda x: special.logsumexp(x, axis=1, b=[1, 2j, -1, 1]), X),
    "softmax": (lambda x: special.softmax(x, axis=0), X),
    "log_softmax": (lambda x: special.log_softmax(3 * x, axis=1), X),
    "power.outer": (lambda y: np.power.outer(y, [1, 2]), Y),
    "linalg.cross": (lambda s: np.linalg.cross(s, s[::-1]), S),
    "linalg.trace": (lambda s: np.linalg.trace(s, offset=1), S),
    "linalg.vector_norm": (lambda s: np.linalg.vector_norm(s, axis=1, ord=3, keepdims=True), S),
    "linalg.matrix_norm": (lambda s: np.linalg.matrix_norm(s, ord=1), S),
    "linalg.tensorinv": (lambda s: np.linalg.tensorinv(s.reshape(3, 3, 1), ind=1), S),
    "linalg.vecdot": (lambda s: np.linalg.vecdot(s, s[0]), S),
    "sum with where": (lambda x: np.add.reduce(x, axis=0, where=np.abs(x) > 1, initial=1j), X),
    "prod with initial": (lambda x: np.multiply.reduce(x, axis=1, keepdims=True, initial=2.0), X),
    "nanmax": (lambda x: np.nanmax(x, axis=1), HOLES),
    "nanmin": (lambda x: np.nanmin(x, axis=0, keepdims=True), HOLES),
    "nanargmax": (lambda x: np.nanargmax(x, axis=1) + np.abs(x[0, 0]), HOLES),
    "nanmedian": (lambda x: np.nanmedian(x, axis=1), X),
    "partition": (lambda x: np.partition(x, (1, 2), axis=1), X),
    "argpartition": (lambda x: x[0][x[0].argpartition(2)], X),
    "partition in place": (_partitioned, X),
    "searchsorted": (lambda y: y * np.searchsorted(np.sort(Y) + 0.1, y, "right"), Y),
    "lexsort": (lambda y: y[np.lexsort((y, np.round(y.real)))], Y),
    "unique_all": (lambda y: np.concatenate(np.unique_all(np.concatenate([y, y[:2]]))), Y),
    "unique_inverse": (lambda x: np.unique_inverse(x).values[np.unique_inverse(x)[1]] * x, X),
    "array_equiv": (lambda x: x * np.array_equiv(x[0], np.stack([x[0]] * 3)), X),
    "histogram": (lambda y: np.histogram(np.arange(4.0), 3, weights=y, density=True)[0], Y),
    "meshgrid": (lambda y: np.stack(np.meshgrid(y, np.arange(3.0), indexing="ij")), Y),
    "meshgrid keeps what is real": (lambda y: np.meshgrid(y, np.arange(3.0))[1] * y, Y),
    "apply_along_axis": (lambda x: np.apply_along_axis(lambda v: v * v.sum(), 0, x), X),
    "vectorize": (lambda y: np.vectorize(lambda v: v * v.conjugate() + 1j)(y), Y),
    "polymul": (lambda y: np.polymul(y, [1, 2j]), Y),
    "polynomials": (
        lambda y: np.polynomial.Chebyshev(y).convert(kind=np.polynomial.Polynomial)(y),
        Y,
    ),
    "product of series": (lambda y: np.polynomial.legendre.legmul(y, y[:2]), Y),
    "vstack": (lambda y: np.vstack([y, y * 1j], casting="same_kind"), Y),
    "flat": (lambda x: x.flat[2:5] * 2, X),
    "nonzero": (lambda x: x[(x * (np.abs(x) > 1)).nonzero()], X),
    "view": (lambda x: x.view() * x.view(complex), X),
    "shares_memory": (lambda x: x * np.shares_memory(x, x), X),
    "tensorsolve": (lambda s: np.linalg.tensorsolve(s.reshape(3, 1, 3), s[:, :1]), S),
    "power.reduce": (lambda x: np.power.reduce(x, axis=0), X),
    "power.accumulate": (lambda x: np.power.accumulate(x[:2], axis=0), X),
    "multiply.at": (_multiplied_at, X),
    "logical_and.reduce": (lambda x: x * np.logical_and.reduce(x * [0, 1, 1, 1], axis=0), X),
    "logical_or.reduce of one": (lambda x: x * np.logical_or.reduce(x[:1], axis=0), X),
    "made by a library": (_made_by_a_library, Y),
    "interp beyond": (lambda y: np.interp([-1, 0.5, 7], np.arange(4.0), y, left=2j, right=y[1]), Y),
    "diff": (lambda y: np.diff(y, 2, prepend=1j, append=y[0]), Y),
    "ediff1d": (lambda y: np.ediff1d(y, to_begin=1j), Y),
    "fft into": (lambda x: np.fft.fft(x, 4, 0, None, np.zeros((4, 4), complex)), X),
    "reshape": (lambda x: x.reshape(2, 6, order="F") * np.arange(6), X),
    "median of axes": (lambda x: np.median(np.stack([x, x * 1j]), axis=(0, 2), keepdims=True), X),
    "unique with more": (
        lambda y: np.unique(np.append(y, y[:2]), return_index=True, return_counts=True)[0],
        Y,
    ),
    "out and where": (lambda x: np.multiply(x, 2, where=np.abs(x) > 1, out=x * 0), X),
}


@pytest.mark.parametrize("name", TABLE)
def test_followed(name: str) -> None:
    f, z = TABLE[name]
    wanted, value = f(z), autodiff.function(f, engine="numpy")(z)
    assert type(value) is type(wanted) and value.dtype == wanted.dtype
    np.testing.assert_allclose(value, wanted, rtol=1e-10, atol=1e-12)
    weights = np.cos(np.arange(np.size(wanted))).reshape(np.shape(wanted))

    def number(z: Any) -> Any:
        return np.sum(weights * np.real(f(z)) + (weights + 0.5) * np.imag(f(z)))

    along = np.cos(np.arange(z.size) ** 2).reshape(z.shape) * (1 + 0.5j)
    slope = (number(z + 1e-6 * along) - number(z - 1e-6 * along)) / 2e-6
    gradient = autodiff.gradient(number, engine="numpy")(z)
    np.testing.assert_allclose(np.vdot(gradient, along).real, slope, rtol=1e-5, atol=1e-7)


R = np.arange(1.0, 13.0).reshape(3, 4)
BESIDE_REAL: dict[str, Callable[[Any, Any], Any]] = {
    "where": lambda x, z: (
        np.where(z, x, 1),
        np.where(z, 1.0, x[0]),
        np.where(z, np.float32(1), 2),
    ),
    "atleast": lambda x, z: (*np.atleast_2d(x, z), *np.atleast_3d(z, x), np.atleast_1d(z)),
    "broadcast_arrays": lambda x, z: (*np.broadcast_arrays(x, z[0]), *np.broadcast_arrays(x, z)),
    "meshgrid": lambda x, z: (*np.meshgrid(x[0], z[1]), *np.meshgrid(z[0], x[1], copy=False)),
    "windows": lambda x, z: np.lib.stride_tricks.sliding_window_view(z[0], 2),
    "select": lambda x, z: np.select([z], [x]),
    "stacks": lambda x, z: (np.stack([x, z]), np.vstack([x, z[:1]])),
}


@pytest.mark.filterwarnings("ignore:future versions will not create a writeable:FutureWarning")
@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("name", BESIDE_REAL)
def test_real_arrays_beside_complex_ones_stay_real(name, engine):
    f = BESIDE_REAL[name]

    def told(given):
        x, z = R.copy(), X.copy()
        try:
            found = given(x, z)
        except TypeError as error:
            return str(error).splitlines()[0]
        arrays = found if isinstance(found, tuple) else (found,)
        shared = [[np.shares_memory(a, b) for b in (x, z)] for a in arrays]
        return [(a.dtype, a.flags.writeable, a.tolist()) for a in arrays], shared

    assert told(autodiff.function(f, engine=engine)) == told(f)


def test_grids_are_the_same_whatever_was_asked_for_before():
    # Tables of complex functions are loaded when one of theirs is asked for.
    autodiff.function(lambda z: np.partition(z, 1)[0])(X[0])
    for options in ({"copy": False}, {"copy": False, "sparse": True}, {"sparse": True}):
        f = lambda z: np.meshgrid(z, z.real, **options)  # noqa: B023, E731
        found, expected = autodiff.function(f)(X[0]), f(X[0])
        assert type(found) is type(expected)
        assert [x.dtype for x in found] == [x.dtype for x in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
