"""Factorisations by Householder's reflections, in plain NumPy, as LAPACK makes them (dlarfg, dgeqrf, dgehrd).

    complete_qr(a) -> (q, r)             all columns of q, of a matrix that is not wide
    reduce_to_hessenberg(a) -> (h, q)    a = q h qᵀ
    reduce_complex_to_hessenberg(a)      a = q h qᴴ
    complex_qr(z, is_complete, thin_qr)  both factors of a complex matrix of any shape

The columns of q beyond those of the matrix are known by the reflections alone: whoever differentiates them
differentiates the algorithm, which is what this code is for.

Source: G. Golub and C. Van Loan, *Matrix Computations* (2013), algorithms 5.1.1, 5.2.1 and 7.4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.dims import at_least, equal
from autodiff.ops.complex_numbers import decline
from autodiff.ops.interpreting import interpreted


def _reflector(x: Any) -> Any:
    """``(v, tau, beta)`` with ``x - tau v (vᵀ x) = (beta, 0, …)`` and ``v[0] = 1``, as dlarfg."""
    rest = np.sum(x[1:] * x[1:])
    none = rest == 0
    length = np.sqrt(x[0] * x[0] + np.where(none, 1.0, rest))
    beta = np.where(none, x[0], -np.copysign(length, x[0]))
    scale = np.where(none, 1.0, x[0] - beta)
    v = x / scale
    v[0] = 1.0
    return v, np.where(none, 0.0, (beta - x[0]) / np.where(none, 1.0, beta)), beta


def _unit(a: Any) -> Any:
    """The unit matrix with a row for each of ``a``, which can be stored into as that can."""
    return np.zeros_like(np.outer(a[:, 0], a[:, 0])) + np.eye(a.shape[0], dtype=a.dtype)


def _householder(a: Any) -> Any:
    """The complete factors of a matrix of at least as many rows as columns."""
    r, q = a.copy(), _unit(a)
    for k in range(min(a.shape[1], a.shape[0] - 1)):
        v, tau, beta = _reflector(r[k:, k].copy())
        r[k:, k:] -= tau * np.outer(v, v @ r[k:, k:])
        r[k, k] = beta
        r[k + 1 :, k] = 0.0
        q[:, k:] -= tau * np.outer(q[:, k:] @ v, v)
    return q, r


def reduce_to_hessenberg(a: Any) -> Any:
    """``(h, q)`` with ``a = q h qᵀ``, as dgehrd."""
    h, q = a.copy(), _unit(a)
    for k in range(a.shape[0] - 2):
        v, tau, beta = _reflector(h[k + 1 :, k].copy())
        h[k + 1 :, k:] -= tau * np.outer(v, v @ h[k + 1 :, k:])
        h[:, k + 1 :] -= tau * np.outer(h[:, k + 1 :] @ v, v)
        h[k + 1, k] = beta
        h[k + 2 :, k] = 0.0
        q[:, k + 1 :] -= tau * np.outer(q[:, k + 1 :] @ v, v)
    return h, q


def complete_qr(x: Any) -> tuple[Any, Any]:
    """All columns of the orthogonal factor, and a triangular one with rows of zeros below."""
    found: tuple[Any, Any] = interpreted(_householder, x)
    return found


# -- of complex matrices ------------------------------------------------------------------------------
def _complex_reflector(x: Any) -> Any:
    """``(v, tau, beta)``, as zlarfg: ``beta`` is real, also where the vector is one number."""
    first = x[0]
    square = np.sum(x[1:].real ** 2 + x[1:].imag ** 2) + first.imag**2
    none = square == 0
    length = np.sqrt(first.real**2 + np.where(none, 1.0, square))
    beta = np.where(none, first.real, -np.copysign(length, first.real))
    v = x / np.where(none, 1.0, first - beta)
    v[0] = 1.0
    return v, np.where(none, 0.0, (beta - first) / np.where(none, 1.0, beta)), beta


def _complex_householder(a: Any) -> Any:
    """The complete factors of a matrix of more rows than columns."""
    r, q = (
        a.copy(),
        np.zeros((a.shape[0], a.shape[0]), dtype=a.dtype) + np.eye(a.shape[0], dtype=a.dtype),
    )
    for k in range(a.shape[1]):
        v, tau, beta = _complex_reflector(r[k:, k].copy())
        r[k:, k:] -= np.conj(tau) * np.outer(v, np.conj(v) @ r[k:, k:])
        r[k, k] = beta
        r[k + 1 :, k] = 0.0
        q[:, k:] -= tau * np.outer(q[:, k:] @ v, np.conj(v))
    return q, r


def reduce_complex_to_hessenberg(a: Any) -> Any:
    """``(h, q)`` with ``a = q h qᴴ``, as zgehrd: what is left below the diagonal is real."""
    h, q = a.copy(), np.zeros(a.shape, dtype=a.dtype) + np.eye(a.shape[0], dtype=a.dtype)
    for k in range(a.shape[0] - 1):
        v, tau, beta = _complex_reflector(h[k + 1 :, k].copy())
        h[k + 1 :, k:] -= np.conj(tau) * np.outer(v, np.conj(v) @ h[k + 1 :, k:])
        h[:, k + 1 :] -= tau * np.outer(h[:, k + 1 :] @ v, np.conj(v))
        h[k + 1, k] = beta
        h[k + 2 :, k] = 0.0
        q[:, k + 1 :] -= tau * np.outer(q[:, k + 1 :] @ v, np.conj(v))
    return h, q


def complex_qr(z: Any, is_complete: bool, thin_qr: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Both factors; those of a wide matrix are those of its first columns, and what these make of the rest."""
    m, n = z.shape[-2:]
    if equal(m, n) or (at_least(m, n) and not is_complete):
        q, r = thin_qr(z)
        return q, r
    if not (isinstance(m, int) and isinstance(n, int)) or (z.ndim > 2 and m > n):
        raise decline("QR factors of a stack of matrices, or of run-time size")
    if m > n:
        found: tuple[Any, Any] = interpreted(_complex_householder, z)
        return found
    q, r = thin_qr(z[..., :, :m])
    return q, np.concatenate([r, np.swapaxes(q, -1, -2).conj() @ z[..., :, m:]], -1)


__all__ = ["complete_qr", "complex_qr", "reduce_complex_to_hessenberg", "reduce_to_hessenberg"]
