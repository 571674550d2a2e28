"""How a point stands to the equations that it shall solve: whether it does, and whether it can move.

    standing(J, r, units)      of F(z, p) = 0 at x:  r = F(x, p),  J = F_z(x, p),  and what is large and small there

Three questions have one answer, since each hides cases of the others: a step of Newton's tells nothing
where J is singular, J tells nothing far from the solution, and neither tells anything in units that are not
the problem's own.

- *Can J be divided by?*  Its condition is that in the units in which it is best, which is the largest
  eigenvalue of |J⁻¹| |J|, so a rate of 1e9 beside an amplitude of 1 is nothing singular.
- *Is the point a solution?*  Each unknown is as good as known: Newton's step s is a small share of it, or of
  the least change that is noticed beside the other terms of an equation in which it stands, min_i (|J| u)_i / |J_ij|.
  Of unknowns that are zero nothing says how small is small but what F reads: p may be off by as little.
- *Is the zero a simple one?*  It may be anywhere within |J⁻¹| times what F is off, by what is left of it or by
  rounding.  That is √ε of the way that the search went where J vanishes at the solution (∛ε at a flat minimum), and much
  less elsewhere.
  Where it is not, J is looked at once more at that distance, in the direction in which it is weakest.

Of a minimum between bounds there is one question more, which unknowns the bounds hold (``bounded``).  Where a
solver stopped tells little: one keeps off the bounds, another stays on one that it has met.  So the
minimum is found of the quadratic that touches the objective at that place, which has a step of Newton's for its
way there; what is closer to changing sides than that step is exact is undecided.

Source: F. L. Bauer, "Optimally scaled matrices", Numerische Mathematik 5 (1963); R. D. Skeel, "Scaling for
numerical stability in Gaussian elimination", Journal of the ACM 26 (1979); M. Hintermüller, K. Ito and
K. Kunisch, "The primal-dual active set strategy as a semismooth Newton method", SIAM Journal on
Optimization 13 (2002).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.plain_data import dataclass

Array = Any
EPSILON = float(np.finfo(float).eps)
_OWN = 1e-3  # the part of an unknown, however small it is beside others, that it may be off
# Where an unknown is small beside the way of the search, or what is left of an equation beside what
# it reads, this much less is asked for than of a share of the unknown itself.
_BESIDE = 1e-3
_POWERS = (
    12  # steps of the power method, after which a condition is taken to be as bad as its bound
)
_DIFFERS = 0.25  # the share by which a derivative may differ nearby; of z² it is all, of z⁴ a half


@dataclass(frozen=True)
class Units:
    """What is large and small in a problem.

    Parameters
    ----------
    x : array
        The unknowns, a vector.
    start : array or None
        Where the search for them began; None: nobody knows.
    share : float
        The part of each unknown that a step of Newton's may be.
    tolerance : float or array
        How far from the solution the user let the solver stop.
    noise : array or float
        What rounding makes of the equations.
    way : float
        The part of its way that a search may be off at its end.
    order : int
        The least order of a zero that is no simple one.
    terms : callable or None
        How large the equations are beside what they read: |F_p p|.
    """

    x: Array
    start: Array | None
    share: float
    tolerance: Any = 0.0
    noise: Any = 0.0
    way: float = _BESIDE
    order: int = 2
    terms: Callable[[], Array] | None = None

    def gone(self) -> Array:
        """The way that each unknown went; 0 where nobody knows."""
        if self.start is None:
            return np.zeros(len(self.x))
        gone: Array = np.abs(self.x - self.start)
        return gone if (gone < np.inf).all() else np.where(gone < np.inf, gone, 0.0)

    def sizes(self) -> Array:
        """How large each unknown is."""
        return np.maximum(np.abs(self.x), self.way * self.gone())


@dataclass(frozen=True)
class Standing:
    """What is known of a point; see :func:`standing`.

    ``step`` is what a step of Newton's subtracts, ``inverse`` that of the matrix, ``doubt`` how far the
    solution may be from the point, by each unknown.
    """

    step: Array
    inverse: Array
    is_reached: bool
    doubt: Array
    is_simple: bool
    """Whether it is certain that the zero is one of first order."""


def standing(matrix: Array, residual: Array, units: Units) -> Standing | None:
    """How a point stands to its equations; None where the matrix cannot be divided by.

    ``matrix`` is square, with a row for each equation and a column for each unknown; ``residual`` has as many.
    A vector is the diagonal of one without other numbers, as are then ``inverse`` and what is looked at nearby.
    """
    inverse = inverse_of(matrix)
    if inverse is None:
        return None
    times = np.multiply if matrix.ndim == 1 else np.matmul
    step = times(inverse, residual)
    doubt = times(np.abs(inverse), np.fmax(np.abs(residual), units.noise))
    # Of the way of the search: below that at a multiple zero.
    least = EPSILON ** (1 / units.order) / 8
    gone = units.gone()
    simple = bool((doubt < least * gone).all())
    # The doubt is no less than the step: as a rule it settles all.
    reached = simple and bool((doubt <= units.share * np.abs(units.x)).all())
    reached = reached or is_reached(step, residual, units, matrix)
    return Standing(step, inverse, reached, doubt, simple)


def inverse_of(matrix: Array) -> Array | None:
    """The inverse of a square matrix; None where it is singular, or rounding alone keeps it from being so."""
    if matrix.ndim == 1:
        with np.errstate(divide="ignore", over="ignore"):
            inverse = 1 / matrix
        return inverse if np.isfinite(matrix).all() and np.isfinite(inverse).all() else None
    if len(matrix) == 1:
        value = matrix.item()
        inverse = np.array([[1 / value if value else np.inf]])
        return inverse if math.isfinite(value) and math.isfinite(inverse.item()) else None
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None
    # Of a matrix without negative numbers, whatever positive v: ρ(B) <= max (B v)_i / v_i.
    forth, back, v = np.abs(matrix), np.abs(inverse), np.ones(len(matrix))
    most = 1 / (EPSILON * max(len(matrix), 1))
    for _ in range(_POWERS):
        found = back @ (forth @ v)
        if (found <= most * v).all():  # not where there is a NaN
            return inverse
        v = np.maximum(found / np.max(found), 1e-300)
    return None


def is_reached(step: Array, residual: Array, units: Units, matrix: Array | None = None) -> bool:
    """Whether a point is a solution, by the step of Newton's from it.

    Solvers measure all unknowns by the largest, so each by itself is not asked for so many digits.
    Without a matrix, as of very many unknowns, nothing but the largest is known.
    """
    length, sizes = np.abs(step), units.sizes()
    asked = 4 * units.tolerance
    most = units.share * np.max(sizes, initial=0.0) + asked
    if (length <= most).all():
        own = max(units.share, _OWN)
        if matrix is None or (length <= own * sizes + asked).all():
            return True
        if (length <= own * noticed(matrix, sizes) + asked).all():
            return True
    if units.terms is None or not np.isfinite(length).all():
        return False
    return bool((np.abs(residual) <= _BESIDE * units.share * units.terms()).all())


def noticed(matrix: Array, sizes: Array) -> Array:
    """Of each unknown, of which there is one at least, the change that one of the equations notices beside its other terms."""
    steep = np.abs(matrix)
    if steep.ndim == 1:
        return sizes
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Array = np.min(np.where(steep > 0, (steep @ sizes)[:, None] / steep, np.inf), axis=0)
    return found


def place_in_doubt(found: Standing, matrix: Array, residual: Array, units: Units) -> Array:
    """A place that cannot be told from the point, in the direction in which least is known.

    Where nobody knows where the search began, that is half of the digits of each unknown that moves.
    """
    own = _own(matrix, units)
    if matrix.ndim == 1:
        far = found.doubt / own
        far = np.minimum(far, 1e-4) if units.gone().any() else np.maximum(far, 1e-8)
        return units.x + far * own
    left = np.fmax(np.abs(residual), units.noise)
    if not left.any():
        left = np.abs(matrix) @ own
    _, column = divmod(int(np.argmax(np.abs(found.inverse) * left / own[:, None])), len(own))
    direction = found.inverse[:, column]
    moves = np.abs(direction) > EPSILON * np.max(np.abs(direction))
    far = np.max(found.doubt / own)
    if units.gone().any():
        far = min(far, 1e-4)
    else:
        far = max(far, 1e-8 * np.min(np.abs(units.x[moves] / own[moves])))
    place: Array = units.x + far * direction / np.max(np.abs(direction) / own)
    return place


def is_bent(
    found: Standing, matrix: Array, nearby: Array, units: Units, free: Any = slice(None)
) -> bool:
    """Whether a matrix nearby is another one in any direction: each column of its inverse, where that is largest.

    ``free``: the unknowns among which that is looked for.
    """
    if matrix.ndim == 1:
        differs = np.abs(found.inverse * (nearby - matrix))
        return not (differs <= _DIFFERS).all()
    own, inverse = _own(matrix, units)[free], found.inverse[free][:, free]
    if not len(inverse):
        return False
    change = (nearby - matrix)[free][:, free]
    columns = np.arange(len(own))
    rows = np.argmax(np.abs(inverse) / own[:, None], axis=0)
    differs = np.abs((inverse @ change @ inverse)[rows, columns])
    return not (differs <= _DIFFERS * np.abs(inverse[rows, columns])).all()


def is_turned(turn: Array, step: Array) -> bool:
    """As ``is_bent``, of very many unknowns: in the direction of a step of Newton's alone."""
    sizes = [np.max(np.abs(v), initial=0.0) for v in (turn, step)]
    return not sizes[0] <= _DIFFERS * sizes[1]


# -- what bounds hold ---------------------------------------------------------------------------------
_SETS = 50  # of unknowns held by bounds that are tried
_EXACT = 0.02  # the share of a step of Newton's that the place where it leads may be off
_AT = 1e-8  # the share of the width in which a place is the bound itself


@dataclass(frozen=True)
class Held:
    """The unknowns that their lower and upper bounds hold, and those of which that is not decided."""

    lower: Array
    upper: Array
    undecided: Array


def bounded(
    x: Array, g: Array, h: Array, sides: tuple[Array, Array], gone: Array, noise: Array
) -> Held:
    """Which bounds hold a minimum, by its gradient and second derivatives at a point nearby; all vectors.

    ``gone``: the way that each unknown went, ``noise``: what rounding makes of the gradient.
    """
    lower, upper = sides
    curved = np.abs(np.diagonal(h))
    curved = np.where(curved > 0, curved, 1.0)
    at_lower, at_upper, y, force = _between(x, g, h, sides, curved)
    width = _width(x, gone, sides)
    exact = _EXACT * (np.abs(h) @ np.abs(y - x)) / curved + _AT * width + noise / curved
    held = at_lower | at_upper
    beyond = np.where(held, np.abs(force) / curved, np.minimum(y - lower, upper - y))
    return Held(at_lower, at_upper, ~(beyond > exact) & (lower < upper))


def _width(x: Array, gone: Array, sides: tuple[Array, Array]) -> Array:
    """In what each unknown is measured; of bounds that are far away it is the unknown itself."""
    size = np.maximum(np.abs(x), gone)
    width: Array = np.fmin(np.where(size > 0, size, 1.0), sides[1] - sides[0])
    return width


def bounded_alone(
    x: Array, g: Array, h: Array, sides: tuple[Array, Array], gone: Array, noise: Array
) -> Held:
    """As ``bounded``, of very many unknowns, each by itself: ``h`` says how large its row is.

    A bound of which a solver keeps off is met when the product of distance and force is small: where
    one is much larger than the other, that is the one that stays.
    """
    lower, upper = sides
    width = _width(x, gone, sides)
    force = np.abs(g) / np.where(h > 0, h, 1.0)
    held, undecided = [], np.zeros(len(x), bool)
    for distance, pushes in ((x - lower, g > 0), (upper - x, g < 0)):
        pushed = pushes & (force > 1e-7 * width) & (distance <= 0.05 * width)
        held.append(pushed & (force > 10 * distance) | (lower == upper))
        undecided |= pushed & ~held[-1] & (force > 0.1 * distance)
        undecided |= (distance <= _AT * width) & (force <= 1e-7 * width)
    return Held(held[0], held[1] & ~held[0], undecided & (lower < upper))


def _between(
    x: Array, g: Array, h: Array, sides: tuple[Array, Array], curved: Array
) -> tuple[Array, Array, Array, Array]:
    """The minimum of g s + s H s / 2 between bounds: who is at them, the place and the slope there."""
    lower, upper = sides
    y, force = x, g
    at_lower, at_upper = np.zeros(len(x), bool), np.zeros(len(x), bool)
    for count in range(_SETS):
        # What is held stays so by its force, what is free by its distance.
        further = y - force / curved
        lows, highs = (further < lower) | (lower == upper), (further > upper) & (lower < upper)
        if count and (lows == at_lower).all() and (highs == at_upper).all():
            break
        at_lower, at_upper = lows, highs
        y = np.where(at_lower, lower, np.where(at_upper, upper, x))
        free = ~(at_lower | at_upper)
        try:
            step = np.linalg.solve(h[free][:, free], (g + h @ (y - x))[free])
        except np.linalg.LinAlgError:  # who divides by it says so
            break
        y = y.copy()
        y[free] -= step
        force = np.where(free, 0.0, g + h @ (y - x))
    return at_lower, at_upper, y, force


def _own(matrix: Array, units: Units) -> Array:
    """The units of the unknowns, 1 where nothing says what they are."""
    own = noticed(matrix, np.maximum(np.abs(units.x), units.gone()))
    return np.where((own > 0) & np.isfinite(own), own, 1.0)


__all__ = [
    "Held", "Standing", "Units", "bounded", "bounded_alone", "inverse_of", "is_bent", "is_reached", "is_turned", "noticed", "place_in_doubt", "standing",
]  # fmt: skip
