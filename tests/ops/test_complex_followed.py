"""NumPy's functions in Python of complex arrays: values and gradients, compiled without a fallback."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import autodiff

pytestmark = pytest.mark.filterwarnings("error::autodiff.errors.FallbackWarning")
_rng = np.random.default_rng(12)
Y = _rng.normal(size=4) + 1j * _rng.normal(size=4)
X = _rng.normal(size=(3, 4)) + 1j * _rng.normal(size=(3, 4))
S = _rng.normal(size=(3, 3)) + 1j * _rng.normal(size=(3, 3))
HOLES = X.copy()
HOLES[0, 1], HOLES[2, 3] = complex(np.nan, 2.0), complex(-1.0, np.nan)

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
    "power.outer": (lambda y: np.power.outer(y, [1, 2]), Y),
    "linalg.cross": (lambda s: np.linalg.cross(s, s[::-1]), S),
    "linalg.trace": (lambda s: np.linalg.trace(s, offset=1), S),
    "linalg.vector_norm": (lambda s: np.linalg.vector_norm(s, axis=1, ord=3, keepdims=True), S),
    "linalg.matrix_norm": (lambda s: np.linalg.matrix_norm(s, ord=1), S),
    "linalg.tensorinv": (lambda s: np.linalg.tensorinv(s.reshape(3, 3, 1), ind=1), S),
    "linalg.vecdot": (lambda s: np.linalg.vecdot(s, s[0]), S),
    "sum with where": (lambda x: np.add.reduce(x, axis=0, where=np.abs(x) > 1, initial=1j), X),
    "prod with initial": (lambda x: np.multiply.reduce(x, axis=1, keepdims=True, initial=2.0), X),
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
