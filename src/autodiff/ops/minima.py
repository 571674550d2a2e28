"""Calls of SciPy's minimisers: operations whose attributes hold programs.

    minimized(x0, lower, upper, *arguments, *read; solver, programs)   the minimum, what else was asked for
    free(x, g, H, lower, upper, x0, g0; name, source)                1 where x may move; 1 at a lower bound
    multipliers(c, A, g, g0, x; solver)                              1 where a constraint holds, and its force
    settled(H, g, x, x0, g0, free, *read; solver, programs)          H, once it can be divided by
    calm(u, g, step, turn, x, x0, g0, *read; solver, programs)       u, once a step of Newton's is small

``minimized`` is SciPy's call as the user wrote it.  Its derivative is that of the point at which the
gradient of the objective vanishes (:mod:`autodiff.differentiate.minima`), where that is what the
minimiser found: ``settled`` and ``free`` look.

    assignment(costs; maximize)                                      rows and columns, which are constant
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from autodiff.dims import minimum as least
from autodiff.errors import DerivativeError, NoSolutionWarning
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.control import CheckFailed
from autodiff.ops.entries import Entry, Kernel, OfPrograms, register
from autodiff.ops.solvers import (
    FLOAT,
    Evaluator,
    answer,
    register_looked_at,
    terms,
)
from autodiff.ops.standing import (
    EPSILON,
    Units,
    bounded,
    bounded_alone,
    is_bent,
    is_reached,
    is_turned,
    standing,
)
from autodiff.plain_data import dataclass
from autodiff.tracebacks import depth_of_user

START, LOWER, UPPER = range(3)
_INT = np.dtype(np.int64)
Returns = Literal["float", "number", "array", "pair", "number pair"]
"""What a callback returns: Python's number or NumPy's, an array, or a number and an array."""


@dataclass(frozen=True, eq=False)
class Minimizer:
    """A call of one of SciPy's minimisers.

    Parameters
    ----------
    name : str
        What the user calls it.
    callbacks : tuple of str
        Its parameters that take functions; the first programs.
    returns : tuple of str
        What each of these returns.
    count : int
        How many of the operands are its other arguments.
    run : callable
        From the functions and the values of those operands to what SciPy returns.
    leaves : callable
        From that to the numbers and arrays wanted of it, the minimum first.
    types : tuple of ArrayType
        Their types.
    names : tuple of str
        What SciPy calls them.
    objective : int
        The program of which the gradient vanishes; of least squares, that of the residuals.
    loss : str or None
        Of least squares, SciPy's name of the loss; None: the objective is a number.
    scale : float
        Of least squares, ``f_scale``.
    moved : tuple
        Which results beside the minimum have a derivative: their number, and what they are of the
        minimum: ``"objective"`` or ``"residuals"``.
    is_bounded : bool
        Whether any bound is finite.
    equal : tuple of bool
        Of each constraint whether it is an equation; else it is not to be negative.  Their functions
        are the last programs, ``functions`` of them.
    functions : int
        How many functions the constraints are.
    source : Source or None
        The user's line.
    is_inner : bool
        Whether it is a barrier method, which stops inside of what holds the minimum.
    """

    name: str
    callbacks: tuple[str, ...]
    returns: tuple[Returns, ...]
    count: int
    run: Callable[[dict[str, Any], Sequence[Any]], Any]
    leaves: Callable[[Any], tuple[Any, ...]]
    types: tuple[ArrayType, ...]
    names: tuple[str, ...]
    objective: int
    loss: str | None
    scale: float
    moved: tuple[tuple[int, str], ...]
    is_bounded: bool
    equal: tuple[bool, ...]
    functions: int
    source: Source | None
    is_inner: bool = False

    def __repr__(self) -> str:
        return self.name

    def refusal(self, number: int) -> DerivativeError | None:
        """Why a result beside the minimum has no derivative; None: it has one."""
        if not number or any(number == k for k, _ in self.moved):
            return None
        return DerivativeError(
            f"{self.name} has a derivative by its solution, not by its {self.names[number]!r}.",
            source=self.source,
            remedy="compute it from the solution, or pass it through autodiff.stop_gradient if no "
            "derivative should flow",
        )


class _Watched:
    """A function that SciPy calls; it remembers what was raised."""

    def __init__(self, evaluate: Callable[..., Sequence[Any]], returns: Returns) -> None:
        self.evaluate = evaluate
        self.returns = returns
        self.raised: BaseException | None = None

    def __call__(self, z: Any, *args: Any) -> Any:
        try:
            value, *more = self.evaluate(z)
        except BaseException as error:
            self.raised = self.raised or error
            raise
        if self.returns == "array":
            return value
        number = np.float64(value) if self.returns.startswith("number") else float(value)
        return (number, *more) if more else number


def solve(operands: Sequence[Any], solver: Minimizer, programs: Sequence[Evaluator]) -> Any:
    """What SciPy returns."""
    read = operands[solver.count :]
    watched = [
        _Watched(program(*read), returns)
        for program, returns in zip(programs, solver.returns, strict=False)
    ]
    functions = dict(zip(solver.callbacks, watched, strict=True))
    return answer(watched, lambda: solver.run(functions, operands[: solver.count]))


def _minimum_meaning(
    *operands: Any, solver: Minimizer, programs: Sequence[Evaluator]
) -> tuple[np.ndarray, ...]:
    result = solve(operands, solver, programs)
    try:
        leaves = solver.leaves(result)
    except (LookupError, AttributeError):
        raise CheckFailed(f"{solver.name} returned other things than before") from None
    arrays = [np.array(x, type.dtype) for x, type in zip(leaves, solver.types, strict=True)]
    for array, type in zip(arrays, solver.types, strict=True):
        if type.is_static and array.shape != type.shape:
            raise CheckFailed(f"{solver.name} returned arrays of other shapes than before")
    return tuple(arrays)


def _minimum_types(
    types: tuple[ArrayType, ...], solver: Minimizer, programs: Any
) -> tuple[ArrayType, ...]:
    return solver.types


register(
    Entry(
        "minimized", _minimum_types, _minimum_meaning, Kernel("minimized"), OfPrograms(), kept=True
    )
)


# -- whether the minimum is one -----------------------------------------------------------------------
def _where(solver: Minimizer) -> str:
    source = solver.source
    return f"{source.file}, line {source.line}" if source is not None else "?"


def _free_meaning(
    x: Any,
    g: Any,
    h: Any,
    lower: Any,
    upper: Any,
    x0: Any,
    g0: Any,
    *,
    name: str,
    source: Source | None,
) -> tuple[np.ndarray, np.ndarray]:
    """1 where the unknown may move, 0 where a bound holds it; and 1 where that is the lower one.

    ``h`` is the second derivative, or of very many unknowns of each how large its row is.
    """
    shape, n = np.shape(x), np.size(x)
    gone = np.ravel(np.abs(x - x0))
    noise = 4 * EPSILON * np.maximum(np.max(np.abs(g0), initial=0.0), np.ravel(np.abs(g)))
    x, g, lower, upper = (np.ravel(np.broadcast_to(v, shape)) for v in (x, g, lower, upper))
    if np.ndim(h) == 1:
        found = bounded_alone(x, g, h, (lower, upper), gone, noise)
    else:
        found = bounded(x, g, np.reshape(h, (n, n)), (lower, upper), gone, noise)
    if found.undecided.any():
        raise DerivativeError(
            f"{name} has no derivative here: the solution is at a bound that does not "
            "hold it, so it moves in one direction only.",
            code="AD305",
            source=source,
            remedy="move the bound, or give the call a derivative with autodiff.custom_gradient",
        )
    free = np.where(found.lower | found.upper, 0.0, 1.0)
    return np.reshape(free, shape), np.reshape(np.where(found.lower, 1.0, 0.0), shape)


def _held_inside(distance: Any, force: Any, width: Any) -> tuple[Any, Any]:
    """What holds a point that a barrier keeps inside, and what cannot be decided.

    The product of the distance and the force is the barrier's parameter, which is small: where one is
    much larger than the other, that is the one that stays when the parameter goes to zero.
    """
    near = distance <= 0.05 * width
    held = near & (force > 10 * distance)
    return held, near & ~held & (force >= np.maximum(0.1 * distance, 1e-9 * width))


register(
    Entry(
        "free",
        lambda types, name, source: (ArrayType(FLOAT, types[0].shape),) * 2,
        _free_meaning,
        Kernel("free"),
        zero_derivative=True,
    )
)


def _holding_inside(distance: Any, slopes: Any, g: Any, x: Any, equal: Any) -> tuple[Any, Any]:
    """As ``_held_inside``, of constraints: their forces are multipliers that are not negative."""
    from scipy.optimize import nnls

    width = max(np.max(np.abs(x), initial=0.0), 1.0)
    near = equal | (distance <= 0.05 * width)
    steep = np.maximum(np.max(np.abs(slopes), axis=1, initial=0.0), 1e-300)
    rows = slopes / steep[:, None]
    columns = np.concatenate([rows[near], -rows[equal]]).T  # an equation pushes both ways
    force = np.zeros(len(distance))
    if columns.shape[1]:
        force[near] = nnls(columns, g)[0][: np.count_nonzero(near)]
    held, undecided = _held_inside(distance / width, force, 1.0)
    return equal | held, undecided & ~equal


def _multipliers_meaning(
    c: Any, slopes: Any, g: Any, g0: Any, x: Any, *, solver: Minimizer
) -> tuple[np.ndarray, np.ndarray]:
    """Which constraints hold the minimum, and the multipliers λ with g = λ A.

    An inequality holds where it is zero, as far as a minimiser sees to that.
    """
    equal = np.array(solver.equal)
    steep = np.maximum(np.max(np.abs(slopes), axis=1, initial=0.0), 1e-300)
    scale = max(np.max(np.abs(g), initial=0.0), np.max(np.abs(g0), initial=0.0))
    if solver.is_inner:
        holds, undecided = _holding_inside(c / steep, slopes, g / max(scale, 1e-300), x, equal)
    else:
        holds, undecided = equal | (c <= 1e-5 * steep), False
    force = np.zeros(len(c))
    force[holds] = np.linalg.lstsq(slopes[holds].T, g, rcond=None)[0]
    if np.any(undecided | (holds & ~equal & (force * steep <= 1e-5 * scale))):
        raise DerivativeError(
            f"{solver.name} has no derivative here: the solution is at a constraint that does not "
            "hold it, so it moves in one direction only.",
            code="AD305",
            source=solver.source,
            remedy="move the constraint, or give the call a derivative with autodiff.custom_gradient",
        )
    return np.where(holds, 1.0, 0.0), force


register(
    Entry(
        "multipliers",
        lambda types, solver: (ArrayType(FLOAT, types[0].shape),) * 2,
        _multipliers_meaning,
        Kernel("multipliers"),
        zero_derivative=True,
    )
)


def _flat(solver: Minimizer) -> DerivativeError:
    return DerivativeError(
        f"{solver.name} has no derivative here: at the solution, the second derivative of the "
        "objective by its unknown is singular.",
        code="AD305",
        source=solver.source,
        remedy="a minimum that is flat does not move smoothly; add a term that makes it unique, "
        "or give the call a derivative with autodiff.custom_gradient",
    )


def _settled_meaning(
    h: Any,
    g: Any,
    x: Any,
    x0: Any,
    g0: Any,
    free: Any,
    *read: Any,
    solver: Minimizer,
    programs: Sequence[Evaluator],
) -> Any:
    """The second derivatives, where the minimum is one and they can be divided by.

    The programs are the gradient and its derivative, which are asked for elsewhere only in doubt: at a minimum
    that is flat (z⁴) a step of Newton's goes a third of the way, and they are less than half as large there.
    """
    n = np.size(x)
    if not n:
        return h
    matrix, left = np.reshape(h, (n, n)), np.reshape(g, n)
    units = _units(x, x0, g0, read, solver, programs[0])
    found = standing(matrix, left, units)
    if found is None:
        raise _flat(solver)
    if found.is_reached and found.is_simple:
        return h
    # At a flat minimum the search slows down: what is far on the scale of the unknown may be near on its own.
    wide = _units(x, x0, g0, read, solver, programs[0], 10.0, 1.0)
    if found.is_reached or is_reached(found.step, left, wide, matrix):
        nearby = programs[1](*read)(x - np.reshape(found.step, np.shape(x)))[0]
        among = np.flatnonzero(np.ravel(free)[: n - len(solver.equal)])
        if is_bent(found, matrix, np.reshape(nearby, (n, n)), units, among):
            raise _flat(solver)
    _warn_unless(found.is_reached, g, solver)
    return h


def _units(
    x: Any,
    x0: Any,
    g0: Any,
    read: Sequence[Any],
    solver: Minimizer,
    gradient: Evaluator,
    times: float = 1.0,
    way: float = 0.1,
) -> Units:
    return Units(
        np.ravel(x),
        np.ravel(x0),
        times * (1e-2 if solver.is_inner else 1e-3),
        noise=4 * EPSILON * np.max(np.abs(g0), initial=0.0),
        way=way,
        order=3,
        terms=lambda: terms(gradient, x, read),
    )


def _warn_unless(is_reached: bool, g: Any, solver: Minimizer) -> None:
    """Warn where the minimiser did not come as far as it can be asked to."""
    if not is_reached:
        slope = np.max(np.abs(g), initial=0.0)
        warnings.warn(
            f"{solver.name} ({_where(solver)}) stopped where the gradient of the objective is not zero "
            f"(it is {slope:.3g}): the derivative of what it returns is meaningless",
            NoSolutionWarning,
            stacklevel=depth_of_user(),
        )


def _calm_meaning(
    found: Any,
    g: Any,
    step: Any,
    turn: Any,
    x: Any,
    x0: Any,
    g0: Any,
    *read: Any,
    solver: Minimizer,
    programs: Sequence[Evaluator],
) -> Any:
    """``turn``: by how much the second derivatives differ a step of Newton's further, divided by them."""
    reached, near = (
        is_reached(step, g, _units(x, x0, g0, read, solver, programs[0], *how))
        for how in ((1.0, 0.1), (10.0, 1.0))
    )
    if (reached or near) and is_turned(turn, step):
        raise _flat(solver)
    _warn_unless(reached, g, solver)
    return found


register_looked_at("calm", _calm_meaning)
register_looked_at("settled", _settled_meaning)


# -- assignments ----------------------------------------------------------------------------------------
def _assignment_meaning(costs: Any, maximize: bool) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs, maximize)
    return rows.astype(_INT), columns.astype(_INT)


register(
    Entry(
        "assignment",
        lambda types, maximize: (ArrayType(_INT, (least(*types[0].shape),)),) * 2,
        _assignment_meaning,
        Kernel("assignment"),
        zero_derivative=True,
    )
)

__all__ = ["LOWER", "START", "UPPER", "Minimizer", "Returns", "solve"]
