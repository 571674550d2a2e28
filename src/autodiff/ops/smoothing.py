"""Smoothing splines of data that carry derivatives: SciPy's knots and coefficients, and formulas for them.

    by_knots(...)     FITPACK's: among the splines on its knots with sum (w (y - f(x)))**2 <= s, the one whose
                      k-th derivative jumps least
    penalised(...)    of ``make_smoothing_spline``: least sum w (y - f(x))**2 + lam * integral of f''**2

Which knots FITPACK takes is decided by comparing numbers: each is one of the places x of the data, or half way between
two of them, and moves with it.  The coefficients c then satisfy, with B the B-splines at the places and J the jumps of their derivatives,

    (Bᵀ W² B + λ JᵀJ) c = Bᵀ W² y        sum (w (y - B c))**2 = s

with λ = 0 in place of the second equation where the least squares are already as close as s asks for.  FITPACK
solves the second one to a thousandth; by how much it misses is taken as a constant.  Formulas are two steps of
Newton's from the coefficients that SciPy found, taken as constants: exact to the third derivative.

Sources: P. Dierckx, *Curve and Surface Fitting with Splines* (1993), chapter 5;
P. Green, B. Silverman, *Nonparametric Regression and Generalized Linear Models* (1994), chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, register
from autodiff.ops.interpolation import spline
from autodiff.ops.promotion import cast
from autodiff.ops.scipy_sparse_structure import FLOAT, Plan, structure
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import INT
from autodiff.ops.tracer import as_tracer, emit_tracer

Array = Any
_MISSED = 1.1e-3  # FITPACK's tolerance for s, and a little


# -- FITPACK ------------------------------------------------------------------------------------------------
def chosen(
    name: str, make: Callable[..., tuple[Any, Any, int]], k: int, operands: Sequence[Array]
) -> tuple[Array, Array]:
    """Knots and coefficients as SciPy makes them of the operands; how many, it says when it runs."""

    def run(values: Sequence[Any]) -> Sequence[Any]:
        t, c, _ = make(*[np.array(x) for x in values])
        return t, c[: len(t) - k - 1]

    t, c = structure(
        Plan(f"scipy.interpolate.{name}", run, (("beside", k + 1, "n"), "n"), FLOAT),
        operands,
        k + 1,
    )
    return t, c


def _matrices_meaning(t: Any, x: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """B, and JᵀJ up to a factor."""
    from scipy.interpolate import BSpline

    n = len(t) - k - 1
    functions = BSpline.design_matrix(x, t, k).toarray()
    steps = BSpline(t, np.eye(n), k)((t[k:n] + t[k + 1 : n + 1]) / 2, k)
    jumps = np.diff(steps, axis=0) / np.max(np.abs(steps))
    return functions, jumps.T @ jumps


register(
    Entry(
        "spline_matrices",
        lambda types, k: (
            ArrayType(FLOAT, (types[1].shape[0], types[0].shape[0] - k - 1)),
            ArrayType(FLOAT, (types[0].shape[0] - k - 1, types[0].shape[0] - k - 1)),
        ),
        _matrices_meaning,
        Kernel("spline_matrices"),
        zero_derivative=True,
    )
)


def _between_meaning(t: Any, x: Any, name: str, source: Source | None) -> tuple[Any, Any]:
    """The places of the data on both sides of each knot, twice the same where it is one of them."""
    high = np.clip(np.searchsorted(x, t), 1, len(x) - 1)
    near = 8 * np.finfo(float).eps * np.maximum(np.abs(x[high - 1]), np.abs(x[high]))
    sides = [(high - 1, high - 1), (high, high), (high - 1, high)]
    fits = [np.abs(0.5 * (x[a] + x[b]) - t) <= near for a, b in sides]
    if np.any(np.diff(x) <= 0) or not np.all(np.logical_or.reduce(fits)):
        raise DerivativeError(
            f"{name} has no derivative by where the values are given: two are given at one place, "
            "or a knot is at none of them.",
            code="AD305",
            source=source,
            remedy="pass the places through autodiff.stop_gradient if no derivative should flow",
        )
    low, up = (np.select(fits, column) for column in zip(*sides, strict=True))
    return low, up


register(
    Entry(
        "knots_between",
        lambda types, name, source: (ArrayType(INT, types[0].shape),) * 2,
        _between_meaning,
        Kernel("knots_between"),
        zero_derivative=True,
    )
)


def moving(t: Array, x: Array, name: str, source: Source | None) -> Array:
    """Knots that move with the places of the data at which FITPACK has put them."""
    low, high = emit_tracer("knots_between", stop(t), stop(x), name=name, source=source)
    return derived_as(t, 0.5 * (x[low] + x[high]))


def _matrices(t: Array, x: Array, k: int) -> tuple[Array, Array]:
    """What :func:`_matrices_meaning` computes, with derivatives by the knots and places."""
    functions, penalty = emit_tracer("spline_matrices", stop(t), stop(x), k=k)
    n = t.shape[0] - k - 1
    line = emit_tracer("iota", size=n, dtype=INT)
    unit: Array = cast(np.equal(line[:, None], line), FLOAT)
    steps = spline(t, unit, k, (t[k:n] + t[k + 1 : n + 1]) / 2, k)
    jumps = (steps[1:] - steps[:-1]) / stop(np.max(np.abs(steps)))
    exact = spline(t, unit, k, x), jumps.T @ jumps
    return derived_as(functions, exact[0]), derived_as(penalty, exact[1])


def by_knots(t: Array, found: Array, k: int, x: Array, y: Array, w: Array, s: Array) -> Array:
    """The coefficients of a smoothing spline on its knots, as a formula of the data, weights and ``s``."""
    c: Array = stop(found)
    functions, penalty = _matrices(t, x, k)
    weighted = functions * (w * w)[:, None]
    normal, right = weighted.T @ functions, weighted.T @ y
    missed = np.sum((w * (y - functions @ c)) ** 2) - s
    miss: Array = stop(np.clip(missed, -_MISSED * s, _MISSED * s))
    # λ of the coefficients that were found, and whether there is one.
    pull: Array = stop(penalty @ c)
    slope: Array = stop(right - normal @ c)
    size = np.maximum(np.sum(pull * pull), 1e-300)
    multiplier: Array = stop(np.sum(pull * slope) / size)
    rounding = 1e-11 * np.sum(np.abs(weighted).T @ np.abs(y))
    chosen_by_s: Array = np.where((np.sum(np.abs(slope)) > rounding) & (s > 0), 1.0, 0.0)
    held: Array = stop(chosen_by_s)
    multiplier = multiplier * held
    for _ in range(2):
        residual = y - functions @ c
        matrix = normal + multiplier * penalty
        first = matrix @ c - right
        last = held * (np.sum((w * residual) ** 2) - s - miss) + (1 - held) * multiplier
        row = -2 * held * (weighted.T @ residual)
        column = penalty @ c
        # By elimination of c: the matrix is regular, the border may be zero but for its corner.
        a: Array = np.linalg.solve(matrix, np.stack([first, column], axis=1))
        step = (last - np.sum(row * a[:, 0])) / (1 - held - np.sum(row * a[:, 1]))
        c, multiplier = c - a[:, 0] + step * a[:, 1], multiplier - step
    return c


# -- natural cubic splines ----------------------------------------------------------------------------------
def _natural_meaning(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """K with fᵀ K f the integral of f''**2 of the natural spline through f; its coefficients by f."""
    from scipy.interpolate import make_interp_spline

    n, h = len(x), np.diff(x)
    bends = np.diff(np.diff(np.eye(n), axis=0) / h[:, None], axis=0)
    apart = np.diag(h[1:-1] / 6, 1)
    band = np.diag((h[1:] + h[:-1]) / 3) + apart + apart.T
    rough = bends.T @ np.linalg.solve(band, bends)
    return rough, make_interp_spline(x, np.eye(n), k=3, bc_type="natural").c


def _validation_meaning(x: Any, y: Any, w: Any) -> np.ndarray:
    """The ``lam`` that SciPy finds, of which it gives the spline only: w (y - f) = lam K f."""
    from scipy.interpolate import make_smoothing_spline

    f = make_smoothing_spline(x, y, w)(x)
    pull = _natural_meaning(x)[0] @ f
    return np.asarray(pull @ (w * (y - f)) / max(pull @ pull, 1e-300))


register(
    Entry(
        "natural_matrices",
        lambda types: (
            ArrayType(FLOAT, (types[0].shape[0], types[0].shape[0])),
            ArrayType(FLOAT, (types[0].shape[0] + 2, types[0].shape[0])),
        ),
        _natural_meaning,
        Kernel("natural_matrices"),
        zero_derivative=True,
    )
)
register(
    Entry(
        "validation",
        lambda types: (ArrayType(FLOAT, ()),),
        _validation_meaning,
        Kernel("validation"),
        zero_derivative=True,
    )
)


def penalised(x: Array, y: Array, w: Array, lam: Array | None) -> tuple[Array, Array, Array]:
    """The coefficients of ``make_smoothing_spline``; ``lam``, and where it begins if SciPy finds it."""
    rough, of_values = emit_tracer("natural_matrices", x)
    found = lam
    if lam is None:
        found = emit_tracer("validation", x, y, w)
        lam = _validated(rough, y, w, stop(found))
    f = np.linalg.solve(np.diag(w) + lam * rough, np.reshape(w, (-1, *[1] * (y.ndim - 1))) * y)
    return np.tensordot(of_values, f, ((1,), (0,))), lam, found


def _validated(rough: Array, y: Array, w: Array, found: Array) -> Array:
    """The ``lam`` of least generalised cross validation, from the one that SciPy found.

    Of log(sum r**2) - 2 log(1 - tr A / n) with f = A y = M⁻¹ W y, M = W + λ K and r = y - f.
    """
    n, lam = y.shape[0], found
    if isinstance(n, Dim):
        n = as_tracer(n)
    for _ in range(2):
        matrix = np.diag(w) + lam * rough
        inverse = np.linalg.inv(matrix)
        f = inverse @ (w * y)
        turn = inverse @ rough
        f1 = -(turn @ f)
        f2 = -2 * (turn @ f1)
        r = y - f
        total, total1, total2 = r @ r, -2 * (r @ f1), 2 * (f1 @ f1) - 2 * (r @ f2)
        share = inverse * w[None, :]  # A
        once = turn @ share
        left = 1 - np.trace(share) / n
        left1, left2 = np.trace(once) / n, -2 * np.trace(turn @ once) / n
        slope = total1 / total - 2 * left1 / left
        bend = total2 / total - (total1 / total) ** 2 - 2 * left2 / left + 2 * (left1 / left) ** 2
        # The search goes up to n, which holds it where the criterion still falls there.
        lam = lam - np.where((found > 0.999 * n) & (slope < 0), 0.0, slope / bend)
    return lam


__all__ = ["by_knots", "chosen", "moving", "penalised"]
