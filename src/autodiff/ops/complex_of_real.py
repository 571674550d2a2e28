"""Functions of real matrices with negative eigenvalues, which are complex.

    complex_of_real(a; name, options)      scipy.linalg.sqrtm(a), logm(a), fractional_matrix_power(a, p)

Whether they are depends on values: the operation of the real function fails, and where it is tried as
it is met (``capture.tiers``), this one stands in its place.  An eigenvalue on the cut of the root stays
there when a real matrix changes, so that the derivative is that along the cut; it is made of
eigenvectors, as the function of a block matrix, whose eigenvalues are double, would fall on both sides.

Source: Yu. L. Daleckii and S. G. Krein (1965), via N. J. Higham, Functions of Matrices (2008), section 3.2.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.ir.data import ArrayType
from autodiff.ops.complex_linalg import _given, _h, eig_results, inv
from autodiff.ops.complex_numbers import as_complex, from_pair
from autodiff.ops.complex_scipy_linalg import check_apart
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.function_table import functions, implements
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import cast
from autodiff.ops.scipy_linalg import IsComplex
from autodiff.ops.tracer import emit_tracer

# Of an eigenvalue: the function and its derivative.
_SCALAR: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sqrtm": (lambda w: np.sqrt(w), lambda w: 0.5 / np.sqrt(w)),
    "logm": (lambda w: np.log(w), lambda w: 1.0 / w),
    "fractional_matrix_power": (lambda w, p: w**p, lambda w, p: p * w ** (p - 1.0)),
}


def _or_complex(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a real matrix, real or complex."""

    @functools.wraps(real)
    def function(A: Any, *options: Any, **how: Any) -> Any:
        try:
            return real(A, *options, **how)
        except IsComplex:  # of this call's matrix, where an operation is tried as it is met
            x = array_of(A)
            if name != "sqrtm" or x.dtype.kind != "f":  # SciPy's root alone keeps float32
                x = cast(x, np.float64)
            numbers = tuple(map(float, options))
            pair: Any = emit_tracer("complex_of_real", x, name=name, options=numbers)
            return from_pair(pair, "array")

    return function


def _meaning(a: Any, name: str, options: Any) -> Any:
    found = np.asarray(getattr(linalg, name)(a, *options))
    if not np.iscomplexobj(found) or not np.any(found.imag):
        raise ValueError(f"the result of {name} is real")
    return np.stack([found.real, found.imag], -1).astype(a.dtype)


def _by_eigenvectors(site: Site) -> tuple[Any, Any, Any]:
    """Eigenvectors, their inverse, and the difference quotients of the function between eigenvalues."""
    (a,) = site.operands
    function, slope = _SCALAR[site.attributes["name"]]
    options = site.attributes["options"]
    values, vectors = eig_results(a)
    check_apart(as_complex(a), values)
    unit = np.eye(a.shape[-1])
    images = function(values, *options)
    apart = values[:, None] - values[None, :] + unit
    quotients = (images[:, None] - images[None, :]) / apart
    return vectors, inv(vectors), quotients + unit * slope(values, *options)[:, None]


def _jvp(site: Site, tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    vectors, back, quotients = _by_eigenvectors(site)
    inner = quotients * (back @ as_complex(tangents[0]) @ vectors)
    return ((vectors @ inner @ back).pair,)


def _vjp(site: Site, cts: tuple[Any, ...]) -> tuple[Any, ...]:
    vectors, back, quotients = _by_eigenvectors(site)
    inner = quotients.conj() * (_h(vectors) @ _given(cts[0]) @ _h(back))
    return ((_h(back) @ inner @ _h(vectors)).real,)


register(
    Entry(
        "complex_of_real",
        lambda types, name, options: (ArrayType(types[0].dtype, (*types[0].shape, 2)),),
        _meaning,
        Kernel("complex_of_real"),
        Rules(_jvp, _vjp),
        kept=True,
    )
)

for _name in _SCALAR:
    _scipy = getattr(linalg, _name)
    implements(_scipy)(_or_complex(_name, functions[_scipy]))
