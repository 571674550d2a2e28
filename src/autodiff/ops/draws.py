"""Random numbers as functions of the parameters they are drawn with, for derivatives.

    implicit("gamma", z, a)     z, which was drawn with the shape a; dz/da = -F_a(z; a) / f(z; a)

A number drawn by accepting and rejecting is no smooth function of its parameters, but its distribution is: the number z
whose probability F(z; a) stays what it is moves with a as the implicit function theorem says.  Derivatives of expected
values are right in this way.  F_a is taken at the result, which moves, so that second derivatives are right as well.

    gamma       the derivative of gammainc by its shape (:mod:`autodiff.ops.incomplete_functions`)
    beta        that of betainc
    vonmises    an integral over [0, z] by Gauss's rule
    noncentral_chisquare, noncentral_f    the derivatives of chndtr and ncfdtr
    wald        F_μ = -2λ/μ² Φ(B) exp(2λ/μ), F_λ = 2/μ Φ(B) exp(2λ/μ) - φ(A) r/λ; B = -r (z/μ + 1), A = r (z/μ - 1), r = √(λ/z)

Source: M. Figurnov, S. Mohamed, A. Mnih, Implicit Reparameterization Gradients (2018).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.later import later
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Partials, Pointwise, register
from autodiff.ops.incomplete_functions import beta_slopes, shape_slope
from autodiff.ops.promotion import as_array, pointwise, select
from autodiff.ops.python_numbers import number
from autodiff.ops.quadrature import gauss_legendre
from autodiff.ops.special import apply
from autodiff.ops.tracer import Tracer

if TYPE_CHECKING:
    from autodiff.ops import special_rows
else:
    special_rows = later("autodiff.ops.special_rows")  # few programs draw from what needs them

_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


def _gamma_by_shape(y: Any, z: Any, a: Any) -> Any:
    logarithm = (a - 1.0) * np.log(y) - y - apply("lgamma", a)
    return -shape_slope(a, y) / np.exp(logarithm)


def _beta_by(which: int) -> Callable[..., Any]:
    def partial(y: Any, z: Any, a: Any, b: Any) -> Any:
        logarithm = (a - 1.0) * np.log(y) + (b - 1.0) * np.log1p(-y) - apply("scipy_betaln", a, b)
        return -beta_slopes(a, b, y)[which] / np.exp(logarithm)

    return partial


def _vonmises_by_kappa(y: Any, z: Any, kappa: Any) -> Any:
    mean = apply("scipy_i1e", kappa) / apply("scipy_i0e", kappa)  # of cos t
    nodes, weights = gauss_legendre()
    t = np.reshape(y, (*y.shape, 1)) * nodes
    column = np.reshape(kappa, (*kappa.shape, 1))
    # exp(κ cos t) / exp(κ cos y), so that the density is left out
    growth = np.exp(column * (np.cos(t) - np.cos(np.reshape(y, (*y.shape, 1)))))
    terms = (np.cos(t) - np.reshape(mean, (*mean.shape, 1))) * growth
    return -y * np.sum(terms * weights, axis=-1)


def _wald_parts(y: Any, mean: Any, scale: Any) -> tuple[Any, Any, Any]:
    root = np.sqrt(scale / y)
    low = -root * (y / mean + 1.0)
    tail = np.exp(2.0 * scale / mean + apply("scipy_log_ndtr", low))
    normal = np.exp(-0.5 * (root * (y / mean - 1.0)) ** 2) / _ROOT_TWO_PI
    return root, tail, normal


def _wald_by_mean(y: Any, z: Any, mean: Any, scale: Any) -> Any:
    root, tail, normal = _wald_parts(y, mean, scale)
    return 2.0 * scale / mean**2 * tail * y / (normal * root)


def _wald_by_scale(y: Any, z: Any, mean: Any, scale: Any) -> Any:
    root, tail, normal = _wald_parts(y, mean, scale)
    return (normal * root / scale - 2.0 / mean * tail) * y / (normal * root)


def _noncentral(name: str, by_value: int, which: int) -> Callable[..., Any]:
    """From the partial derivatives of a cumulative distribution, whose argument ``by_value`` is the number."""

    def partial(y: Any, z: Any, *parameters: Any) -> Any:
        importlib.import_module("autodiff.ops.cumulative_functions")  # which few draws ask for
        rules = special_rows.ROWS[name].partials[0]
        arguments = (*parameters[:by_value], y, *parameters[by_value:])
        level = special_rows.of(name)(*arguments)
        slopes = [rules[k](level, *arguments) for k in (which + (which >= by_value), by_value)]  # type: ignore[operator, misc]
        return -slopes[0] / slopes[1]

    return partial


IMPLICIT: dict[str, tuple[Callable[..., Any], ...]] = {
    "gamma": (_gamma_by_shape,),
    "beta": (_beta_by(0), _beta_by(1)),
    "vonmises": (_vonmises_by_kappa,),
    "wald": (_wald_by_mean, _wald_by_scale),
    "noncentral_chisquare": (_noncentral("chndtr", 0, 0), _noncentral("chndtr", 0, 1)),
    "noncentral_f": tuple([_noncentral("ncfdtr", 3, k) for k in range(3)]),
}
for _name, _partials in IMPLICIT.items():
    register(
        Entry(
            f"draw_{_name}",
            lambda types: (types[0],),
            lambda z, *parameters: np.asarray(z),
            Pointwise(lambda s, z, *parameters: z),
            Partials((None, *_partials)),
        )
    )


def implicit(name: str, z: Any, *parameters: Any) -> Any:
    """``z`` as a function of the parameters it was drawn with."""
    operands = [as_array(v) for v in (stop(as_array(z)), *parameters)]
    types = tuple([np.dtype(np.float64)] * (len(operands) + 1))
    return pointwise(f"draw_{name}", *operands, dtypes=types)


def same_value(z: Any, smooth: Any) -> Any:
    """The number ``z`` with the derivatives of ``smooth``, which is ``z`` but for rounding."""
    value: Any = as_array(smooth)
    drawn = as_array(z)
    # Where rounding leaves no number (0 / 0), the value is still what was drawn.
    nothing: Any = value - stop(value)
    nothing = select(np.isnan(nothing), 0.0, nothing, np.float64)
    found: Any = stop(Tracer(drawn.value, "array")) + nothing
    return number(found, float) if drawn.form == "python" else Tracer(found.value, drawn.form)


__all__ = ["IMPLICIT", "implicit", "same_value"]
