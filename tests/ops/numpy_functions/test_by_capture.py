"""NumPy functions that take or make Python objects, and those that are followed into, in captured code."""

import copy
import math

import numpy as np
import scipy.interpolate

from tests.ops.calls import K, S, T, U, X, Y, Z, both_tests, check_value, engines


def _multiplied_in_place(y):
    p = np.poly1d(y[0])
    p *= np.poly1d([1.0, -2.0]) / 3.0
    p += np.poly1d(y)
    p -= y[1]
    return p(0.5)


# A function, and arguments to call it with.
CASES = [
    (lambda x: [i for i, v in np.ndenumerate(x)], (X,)),
    (lambda y: [v for i, v in np.ndenumerate(y)], (Y,)),
    (lambda x: sum(v * (i[0] + 2 * i[1]) for i, v in np.ndenumerate(x)), (X,)),
    (lambda x: sum(x[i] for i in np.ndindex(3, 4)), (X,)),
    (lambda x: sum(x[i] ** 2 for i in np.ndindex(x.shape)), (X,)),
    (lambda y: np.fromiter((v * 2 for v in y), float), (Y,)),
    (lambda y: np.fromiter([v * 2 for v in y], dtype=float, count=4), (Y,)),
    (lambda y: np.fromiter((y[j] ** 2 for j in range(4)), float, 4), (Y,)),
    (lambda x: np.poly1d([1.0, 2.0, 3.0])(x), (X,)),
    (lambda y: np.poly1d(y)(2.0), (Y,)),
    (lambda x, y: np.poly1d(y)(x), (X, Y)),
    (lambda t, y: np.poly1d(y).deriv()(t), (T, Y)),
    (lambda y: (np.poly1d(y) + 1.0).coeffs, (Y,)),
    (_multiplied_in_place, (Y,)),
    (lambda y: scipy.interpolate.lagrange([0.0, 0.5, 1.0, 2.0], y)(0.7), (Y,)),
    (lambda y: np.lib.stride_tricks.sliding_window_view(y, 2), (Y,)),
    (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3, axis=1).mean(axis=-1), (X,)),
    (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)), (X,)),
    (lambda z: np.lib.stride_tricks.sliding_window_view(z, (2, 2), axis=(0, 2)), (Z,)),
    (lambda x: np.vectorize(lambda v: v ** 2 if v > 0 else -v)(x), (X,)),
    (lambda x, y: np.vectorize(lambda v, w: v * w)(x, y), (X, Y)),
    (lambda x, y: np.vectorize(lambda v, w=2.0: v * w)(x, w=y), (X, Y)),
    (lambda x: np.vectorize(lambda r: r.sum(), signature="(n)->()")(x), (X,)),
    (lambda y: np.vectorize(lambda r: r.sum(), signature="(n)->()")(y), (Y,)),
    (lambda x, y: np.vectorize(lambda r, q: r @ q, signature="(n),(n)->()")(x, y), (X, Y)),
    (lambda x: np.vectorize(lambda r: (r.sum(), r * 2), signature="(n)->(),(n)")(x), (X,)),
    (lambda x: np.vectorize(lambda v: (v, v * v))(x), (X,)),
    (lambda t: np.vectorize(lambda v: v * v, excluded=[0])(t), (T,)),
    (lambda t: np.vectorize(lambda v: v * v)(t), (T,)),
    (lambda x, t: np.vectorize(lambda v, c: v * c, excluded=["c"])(x, c=t), (X, T)),
    (lambda k: np.unique(k, return_inverse=True, return_counts=True), (K,)),
    (lambda y: np.pad(y, 2, mode="linear_ramp", end_values=2.0), (Y,)),
    (lambda x: np.pad(x, ((1, 2), (2, 0)), mode="linear_ramp", end_values=2.0), (X,)),
    (lambda y: np.pad(y, 2, mode="mean"), (Y,)),
    (lambda x: np.pad(x, 2, mode="maximum"), (X,)),
    (lambda x: np.pad(x, 1, mode="minimum", stat_length=2), (X,)),
    (lambda y: np.pad(y, 1, mode="median"), (Y,)),
    (lambda k: np.pad(k, 1, mode="mean"), (K,)),
    (lambda x: np.iterable(x), (X,)),
    (lambda y: np.trim_zeros(y), (Y,)),
    (lambda t: np.trim_zeros(np.array([0, 0, 1.0, 2, 0])) * t, (T,)),
    (lambda k: np.setxor1d(k, [1, 7]), (K,)),
    (lambda y, u: np.polydiv(y, u[:2]), (Y, U)),
    (lambda s, x: np.einsum("ij,jk,kl->il", s, x, x.T, optimize=np.einsum_path("ij,jk,kl->il", s, x, x.T)[0]), (S, X)),
    (lambda t: np.kaiser(5, t), (T,)),
    (lambda x, y: np.polynomial.polynomial.polyval(x, y), (X, Y)),
    (lambda x: np.polynomial.Polynomial([1.0, 2.0, 3.0])(x), (X,)),
    (lambda x, y: np.polynomial.Polynomial(y)(x), (X, Y)),
    (lambda x, y: np.polynomial.chebyshev.chebval(x, y), (X, Y)),
    (lambda x: np.polynomial.legendre.legval(x, [1.0, 2.0, 3.0]), (X,)),
    (lambda x: np.polynomial.hermite_e.hermeval(x, [1.0, 2.0, 3.0]), (X,)),
    (lambda y: [np.real(np.vander(y + 1j, 3)), np.imag(np.vander(y * 1j, increasing=True))], (Y,)),
    (lambda x: np.poly(x[:, :3]), (X,)),
    (lambda x: np.poly(np.eye(3) + 0 * x[:, :3]), (X,)),
    (lambda x: [np.real(np.prod(x + 1j * x[::-1], axis=k)) for k in (0, 1, None)], (X,)),
    (lambda x: np.imag(np.cumprod((1.1 + 0.1 * x) * (1 + 0.2j))), (X,)),
    (lambda y: np.imag(np.prod(np.roots(y) - 1j)), (Y + 3,)),
    (lambda y: np.real((y + 1j).astype("D") * np.array([1j], dtype="D")), (Y,)),
    (lambda y: np.polynomial.legendre.legdiv(y, y[:2] + 3), (Y,)),
    (lambda y: (np.polynomial.Hermite(y) // np.polynomial.Hermite(y[:2] + 3)).coef, (Y,)),
    (lambda y: np.polynomial.laguerre.lagadd(y, -y), (Y,)),
    (lambda y: np.polynomial.polynomial.polyvander(y, 3), (Y,)),
    (lambda y: np.polynomial.chebyshev.chebvander(y, 3), (Y,)),
    (lambda y: np.polynomial.legendre.legvander(y, 3), (Y,)),
    (lambda x: x.compress([True, False, True], axis=0), (X,)),
    (lambda x: [x.device, 3.0 in x, x[0, 0] in x, x.__contains__(3.0)], (X,)),
    (lambda t: [t.is_integer(), np.float64(t).is_integer()], (T,)),
    (lambda x: np.ndarray.sum(x, axis=0), (X,)),
    (lambda x: np.ndarray.reshape(x, (4, 3)), (X,)),
    (lambda x: [copy.copy(x), *copy.deepcopy([x, x[0]])], (X,)),
    (lambda t: [math.remainder(t, 0.7), math.remainder(-t, 0.7), math.remainder(t, math.inf)], (T,)),
    (lambda t: [math.remainder(t * k / 2.5, 1.0) for k in (0.3, -0.3, 1.4, 2.4)], (T,)),
    (lambda t: math.frexp(t), (T,)),
    (lambda x: [x.item(1, 2), *x.tolist()[0], x.flat[3]], (X,)),
]  # fmt: skip

test_value, test_derivatives = both_tests(CASES)


@engines
def test_ties_of_a_remainder_go_to_an_even_multiple(engine: str) -> None:
    check_value(lambda t: [math.remainder(t * k, 1.0) for k in (1, -1, 3, 5)], 0.5, engine=engine)
