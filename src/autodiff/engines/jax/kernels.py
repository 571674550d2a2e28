"""Products, factorisations and transforms in JAX.

    dot_general(a, b)       lax.dot_general, at the highest precision: no shorter floats on a GPU
    cholesky(a)             jnp.linalg.cholesky; where there is no factor the run fails, as NumPy's does
    eigh(a)  svd(a)         jnp.linalg's; the signs of vectors are those of JAX's own LAPACK
    fft(x)                  jnp.fft.fft, of pairs of real numbers

JAX marks what cannot be factorised by NaN; here that is a failure, unless the matrix had NaN or
infinity before, of which NumPy makes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import lu_factor, lu_solve, solve_triangular

from autodiff.engines.jax.translation import FAILING, Translation, fit, refused, translates
from autodiff.ir.data import Operation, Value

HIGHEST = lax.Precision.HIGHEST
FAILING.update(
    "cholesky solve inverse triangular_solve eigh svd pseudo_inverse eigh_turned svd_turned "
    "complex_cholesky singular_bases".split()
)


def _whole(t: Translation, operation: Operation) -> list[Any]:
    """Operands of known sizes."""
    for value in operation.operands:
        _require_known_size(t, operation, value)
    return [jnp.asarray(t[v]) for v in operation.operands]


def _require_known_size(t: Translation, operation: Operation, value: Value) -> None:
    if t.open_axes(value):
        raise refused(
            f"{operation.kind.replace('_', ' ')} of an array whose size is known at run time only",
            operation,
            "JAX needs its size beforehand: use arrays of a fixed size, or engine='native'",
        )


# -- products ---------------------------------------------------------------------------------------
@translates("dot_general")
def _dot_general(t: Translation, operation: Operation) -> Any:
    a, b = operation.operands
    x, y = (t.filled(v, t[v], 0) for v in (a, b))
    contract, batch = operation.attributes["contract"], operation.attributes["batch"]
    for axes in (contract, batch):  # sizes that are equal may be held in different shapes
        for i, j in zip(*axes, strict=True):
            n = max(x.shape[i], y.shape[j])
            x = fit(x, (*x.shape[:i], n, *x.shape[i + 1 :]))
            y = fit(y, (*y.shape[:j], n, *y.shape[j + 1 :]))
    if x.dtype == bool:
        made = lax.dot_general(x.astype(np.int32), y.astype(np.int32), (contract, batch)) != 0
    else:
        made = lax.dot_general(x, y, (contract, batch), precision=HIGHEST)
    return fit(made, t.shape_of(operation.result)).astype(operation.result.dtype)


@translates("convolve")
def _convolve(t: Translation, operation: Operation) -> Any:
    a, v = _whole(t, operation)
    if a.dtype.kind == "f":
        return jnp.convolve(a, v, precision=HIGHEST)
    # XLA has no convolution of integers everywhere: as sums of shifted products.
    terms = jnp.outer(a, v)
    m, n = terms.shape
    place = np.arange(m)[:, None] + np.arange(n)
    if terms.dtype == bool:  # whose sum is whether one of them is true
        return jnp.zeros(m + n - 1, bool).at[place].max(terms)
    return jnp.zeros(m + n - 1, terms.dtype).at[place].add(terms)


# -- factorisations and solves --------------------------------------------------------------------
def _is_finite(*x: Any) -> Any:
    found: Any = True
    for each in x:
        found = found & jnp.all(jnp.isfinite(each))
    return found


def _require_found(t: Translation, given: Any, found: Any, message: str) -> None:
    """Fail where NaN came of numbers."""
    t.require(~(_is_finite(given) & jnp.any(jnp.isnan(found))), message)


@translates("cholesky")
def _cholesky(t: Translation, operation: Operation) -> Any:
    (a,) = _whole(t, operation)
    factor = _factor(a)
    failed = jnp.any(jnp.isnan(jnp.diagonal(factor, axis1=-2, axis2=-1)))
    t.require(~failed, "Matrix is not positive definite")
    return factor


def _factor(a: Any) -> Any:
    """The lower factor, of which only the lower triangle is read; NaN where there is none."""
    lower = jnp.tril(a)
    return jnp.linalg.cholesky(
        lower + jnp.swapaxes(jnp.tril(a, -1), -1, -2), symmetrize_input=False
    )


def _pivots(lu: Any) -> Any:
    return jnp.diagonal(lu, axis1=-2, axis2=-1)


@translates("factorises")
def _factorises(t: Translation, operation: Operation) -> Any:
    (a,) = _whole(t, operation)
    if operation.attributes["routine"] != "lu":
        return ~jnp.any(jnp.isnan(_pivots(_factor(a))))
    return jnp.all(_pivots(lu_factor(a)[0]) != 0)


@translates("solve")
def _solve(t: Translation, operation: Operation) -> Any:
    a, b = _whole(t, operation)
    if not a.size:
        return jnp.zeros(b.shape, b.dtype)
    factors = lu_factor(a)
    t.require(jnp.all(_pivots(factors[0]) != 0), "Singular matrix")
    return lu_solve(factors, b)


@translates("well_conditioned")
def _well_conditioned(t: Translation, operation: Operation) -> Any:
    # On a device nobody warns.
    return jnp.asarray(True)


@translates("scipy_solve")
def _scipy_solve(t: Translation, operation: Operation) -> Any:
    return _whole(t, operation)[2]


@translates("inverse")
def _inverse(t: Translation, operation: Operation) -> Any:
    (a,) = _whole(t, operation)
    if not a.size:
        return a
    factors = lu_factor(a)
    t.require(jnp.all(_pivots(factors[0]) != 0), "Singular matrix")
    return lu_solve(factors, jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape))


@translates("triangular_solve")
def _triangular_solve(t: Translation, operation: Operation) -> Any:
    a, b = _whole(t, operation)
    t.require(jnp.all(_pivots(a) != 0), "Singular matrix")
    how = operation.attributes
    return solve_triangular(a, b, trans=1 if how["transposed"] else 0, lower=how["lower"])


@translates("slogdet")
def _slogdet(t: Translation, operation: Operation) -> Any:
    return tuple(jnp.linalg.slogdet(_whole(t, operation)[0]))


@translates("determinant")
def _determinant(t: Translation, operation: Operation) -> Any:
    (a,) = _whole(t, operation)
    sign, size = jnp.linalg.slogdet(a)
    return sign * jnp.exp(size) if not a.size else jnp.linalg.det(a)


@translates("singular_bases")
def _singular_bases(t: Translation, operation: Operation) -> Any:
    # As the NumPy meaning in ops.determinants, array by array.
    (a,) = _whole(t, operation)
    *batch, n, _ = a.shape
    last = t.shape_of(operation.results[4])[-2]
    few = min(n, last)
    u, s, vh = jnp.linalg.svd(a)
    _require_found(t, a, s, "SVD did not converge")
    sign = jnp.sign(jnp.linalg.det(u) * jnp.linalg.det(vh)) if a.size else jnp.ones(batch, a.dtype)
    left = jnp.swapaxes(u, -1, -2)
    left = left.at[..., :1, :].multiply(sign[..., None, None])
    lead = jnp.broadcast_to(np.arange(n) < n - few, (*batch, n))
    scale = jnp.ones(batch, a.dtype)
    if n > last:
        tiny = s[..., n - last - 1] <= n * np.finfo(a.dtype).eps * s[..., 0]
        lead = lead & ~tiny[..., None]
        scale = jnp.where(tiny, 0.0, 1.0)
    pick, fill = np.zeros((last, n)), np.eye(last)
    pick[np.arange(few), np.arange(n - few, n)] = 1.0
    fill[np.arange(few), np.arange(few)] = 0.0
    made = (
        left, jnp.swapaxes(vh, -1, -2), lead, np.eye(n) * ~lead[..., None, :],
        jnp.broadcast_to(pick, (*batch, last, n)), jnp.broadcast_to(fill, (*batch, last, last)), scale,
    )  # fmt: skip
    return tuple([jnp.asarray(x).astype(a.dtype) for x in made])


@translates("eigh")
def _eigh(t: Translation, operation: Operation) -> Any:
    (a,) = _whole(t, operation)
    uplo = "U" if operation.attributes.get("upper") else "L"
    w, v = jnp.linalg.eigh(a, UPLO=uplo, symmetrize_input=False)
    _require_found(t, a, w, "Eigenvalues did not converge")
    return w, v


@translates("svd")
def _svd(t: Translation, operation: Operation) -> Any:
    (a,) = _whole(t, operation)
    u, s, vh = jnp.linalg.svd(a, full_matrices=False)
    _require_found(t, a, s, "SVD did not converge")
    return u, s, vh


def _noise(w: Any) -> Any:
    largest = jnp.max(jnp.abs(w), axis=-1, keepdims=True, initial=0.0)
    return 8 * w.shape[-1] * np.finfo(w.dtype).eps * largest


@translates("eigh_turned")
def _eigh_turned(t: Translation, operation: Operation) -> Any:
    w, v, _ = _whole(t, operation)
    t.require(~jnp.any(jnp.abs(jnp.diff(w)) <= _noise(w)), "some eigenvalues are equal")
    return v, jnp.asarray(False)


@translates("svd_turned")
def _svd_turned(t: Translation, operation: Operation) -> Any:
    u, s, vh, _ = _whole(t, operation)
    equal = jnp.any(jnp.abs(jnp.diff(s)) <= _noise(s)) | jnp.any(s <= _noise(s))
    t.require(~equal, "some singular values are equal, or zero")
    return u, vh, jnp.asarray(False)


@translates("qr")
def _qr(t: Translation, operation: Operation) -> Any:
    return tuple(jnp.linalg.qr(_whole(t, operation)[0]))


@translates("pseudo_inverse")
def _pseudo_inverse(t: Translation, operation: Operation) -> Any:
    (a,) = _whole(t, operation)
    rcond = operation.attributes["rcond"]
    limit = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rcond in (None, "sizes") else rcond
    u, s, vh = jnp.linalg.svd(a, full_matrices=False)
    _require_found(t, a, s, "SVD did not converge")
    if not a.size:
        return jnp.swapaxes(a, -1, -2), s
    large = s > limit * jnp.max(s, axis=-1, keepdims=True)
    inverse = jnp.where(large, 1 / jnp.where(large, s, 1), 0)
    left = jnp.swapaxes(vh, -1, -2) * inverse[..., None, :]
    return jnp.matmul(left, jnp.swapaxes(u, -1, -2), precision=HIGHEST), s


# -- transforms -----------------------------------------------------------------------------------
def _complex(pair: Any) -> Any:
    return lax.complex(pair[..., 0], pair[..., 1])


def _pair(z: Any) -> Any:
    return jnp.stack([jnp.real(z), jnp.imag(z)], axis=-1)


@translates("fft")
def _fft(t: Translation, operation: Operation) -> Any:
    (x,) = _whole(t, operation)
    how = operation.attributes
    if not x.size:
        return x
    function = jnp.fft.ifft if how["inverse"] else jnp.fft.fft
    return _pair(function(_complex(x), axis=how["axis"], norm=how["norm"]))


@translates("rfft")
def _rfft(t: Translation, operation: Operation) -> Any:
    (x,) = _whole(t, operation)
    how = operation.attributes
    if not x.size:
        return jnp.zeros(t.shape_of(operation.result), x.dtype)
    return _pair(jnp.fft.rfft(x, axis=how["axis"], norm=how["norm"]))


@translates("irfft")
def _irfft(t: Translation, operation: Operation) -> Any:
    (x,) = _whole(t, operation)
    how = operation.attributes
    if not x.size:
        return jnp.zeros(t.shape_of(operation.result), x.dtype)
    return jnp.fft.irfft(_complex(x), t._held(how["n"]), axis=how["axis"], norm=how["norm"])


# -- complex matrices -----------------------------------------------------------------------------
@translates("complex_slogdet")
def _complex_slogdet(t: Translation, operation: Operation) -> Any:
    sign, size = jnp.linalg.slogdet(_complex(_whole(t, operation)[0]))
    return _pair(sign), size


@translates("complex_cholesky")
def _complex_cholesky(t: Translation, operation: Operation) -> Any:
    z = _complex(_whole(t, operation)[0])
    lower = jnp.tril(z)
    whole = lower + jnp.conj(jnp.swapaxes(jnp.tril(z, -1), -1, -2))
    factor = jnp.linalg.cholesky(whole, symmetrize_input=False)
    t.require(~jnp.any(jnp.isnan(jnp.real(_pivots(factor)))), "Matrix is not positive definite")
    return _pair(factor)


# -- integers ---------------------------------------------------------------------------------------
def _of_integers(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def run(t: Translation, operation: Operation) -> Any:
        a, b = _whole(t, operation)
        shape = jnp.broadcast_shapes(a.shape, b.shape)
        a, b = jnp.broadcast_to(a, shape), jnp.broadcast_to(b, shape)
        return function(a, b).astype(operation.result.dtype)

    return run


translates("gcd")(_of_integers(jnp.gcd))
translates("lcm")(_of_integers(jnp.lcm))
