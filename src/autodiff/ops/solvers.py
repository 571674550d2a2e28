"""Calls of SciPy's root finders: operations whose attributes hold programs.

    root(*arguments, *read; solver, programs)         a zero of f(z, *read) by z
    regular(J, r, x, J', start; solver, source)       J, the derivative by z at a zero, once checked

The programs are those of the functions that the user hands to SciPy.  Each is closed: what it reads
is among the operands.  Nothing of them is put in place; an engine makes of each a function that
SciPy calls, so value, options and exceptions are SciPy's own, and a new operand compiles nothing.

``root`` gives the zero, what else was asked for, and where the search started.  The first programs
are what SciPy calls, one for each name in ``solver.callbacks``; of a solver of the user's own there
are none, and the zero is operand 0 itself.

Their derivatives are in :mod:`autodiff.differentiate.solvers`: a zero moves as the implicit function
theorem says.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import DerivativeError, NoSolutionWarning
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.entries import Entry, Kernel, OfPrograms, Rules, Site, register
from autodiff.ops.tracer import emit_tracer
from autodiff.plain_data import dataclass
from autodiff.tracebacks import depth_of_user

FLOAT = np.dtype(float)
Evaluator = Callable[..., Callable[[Any], Sequence[Any]]]
"""A program as an engine runs it: from what it reads to a function of its first input."""


def calling_from(source: Source | None) -> Callable[[Any, dict[str, Any]], Any]:
    """``function(**keywords)`` on the user's line, which is where SciPy says its warnings arise."""
    file, line = (source.file, source.line) if source is not None else ("<call>", 1)
    text = "\n" * (line - 1) + "lambda function, keywords: function(**keywords)"
    call: Callable[[Any, dict[str, Any]], Any] = eval(compile(text, file, "eval"), {})
    return call


@dataclass(frozen=True, eq=False)
class Solver:
    """A call of one of SciPy's root finders.

    Parameters
    ----------
    function : callable
        SciPy's function.
    name : str
        What the user calls it.
    callbacks : tuple of str
        Its parameters that take functions; one program each, from the first one on.
    count : int
        How many of the operands are its other arguments.
    keywords : callable
        From the values of those operands to the other arguments.
    leaves : callable
        From what SciPy returns to the numbers and arrays wanted of it, the zero first.
    types : tuple of ArrayType or str
        Their types; ``"n"``, ``"nn"``, ``"triangle"``: as many floats as there are unknowns, a square
        of them, half of that square.
    is_system : bool
        Whether the unknown is an array, the shape of which is that of operand 0.
    tolerance : float
        How far from the zero the user lets the solver stop.
    call : callable
        Calls ``function``; see :func:`calling_from`.
    others : tuple of str
        What SciPy calls the results beside the zero.
    zero : int
        The program of which the first output is zero at the solution: f(z, *read).  -1: there is none,
        since the solution gets its derivative from elsewhere.
    relative : float
        What share of the zero a step of Newton's may be, where the solver has done its work.
    looks_nearby : bool
        Of a system, whether its derivative is compared with that of a place near the zero.
    """

    function: Callable[..., Any]
    name: str
    callbacks: tuple[str, ...]
    count: int
    keywords: Callable[[Sequence[Any]], dict[str, Any]]
    leaves: Callable[[Any], tuple[Any, ...]]
    types: tuple[ArrayType | str, ...]
    is_system: bool
    tolerance: float
    call: Callable[[Any, dict[str, Any]], Any]
    others: tuple[str, ...]
    zero: int = 0
    relative: float = 1e-6
    looks_nearby: bool = False

    def __repr__(self) -> str:
        return self.name

    def refusal(self, number: int, source: Any) -> DerivativeError | None:
        """Why a result beside the zero has no derivative; None: it is zero, as a residual's is."""
        if not number or number > len(self.others) or self.others[number - 1] in ("fun", "fvec"):
            return None
        return DerivativeError(
            f"{self.name} has a derivative by its solution, not by its {self.others[number - 1]!r}.",
            source=source,
            remedy="compute it from the solution, or pass it through autodiff.stop_gradient if no "
            "derivative should flow",
        )


class _Watched:
    """A function that SciPy calls.

    It remembers what was raised, and of the first two calls where they were and how large the values.
    """

    def __init__(self, evaluate: Callable[[Any], Sequence[Any]], is_system: bool) -> None:
        self.evaluate = evaluate
        self.is_system = is_system
        self.raised: BaseException | None = None
        self.first: list[tuple[Any, Any]] = []

    def __call__(self, z: Any, *args: Any) -> Any:
        try:
            value, *more = self.evaluate(z)
        except BaseException as error:
            self.raised = self.raised or error
            raise
        if len(self.first) < 2:
            # Copies: MINPACK goes on writing into the arrays that it is given.
            self.first.append((np.array(z), np.array(value)) if self.is_system else (z, value))
        if more:  # a function that gives its derivative beside its value
            return (value if self.is_system else float(value), *more)
        return value if self.is_system else float(value)

    def start(self) -> np.ndarray:
        """The largest and the smallest of the first values, and how far from 0 they were asked for."""
        if not self.first:
            return np.zeros(3)
        size = _size if self.is_system else abs
        sizes = [size(value) for _, value in self.first]
        far = max(size(z) for z, _ in self.first)
        return np.array([max(sizes), min(sizes), far])


def _size(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def answer(watched: Sequence[Any], call: Callable[[], Any]) -> Any:
    """What SciPy returns; what one of the functions raised is raised, whatever SciPy makes of it."""
    try:
        result = call()
    except BaseException:
        for one in watched:
            if one.raised is not None:
                raise one.raised from None
        raise
    for one in watched:
        if one.raised is not None:
            raise one.raised
    return result


def solve(
    operands: Sequence[Any], solver: Solver, programs: Sequence[Evaluator]
) -> tuple[Any, np.ndarray]:
    """What SciPy's root finder returns, and where it started (:meth:`_Watched.start`)."""
    read = operands[solver.count :]
    called = programs[: len(solver.callbacks)]
    watched = [_Watched(program(*read), solver.is_system) for program in called]
    keywords = solver.keywords(operands[: solver.count])
    given = dict(zip(solver.callbacks, watched, strict=True))
    result = answer(watched, lambda: solver.call(solver.function, given | keywords))
    seen = bool(called) and solver.zero == 0
    return result, watched[0].start() if seen else np.full(3, np.nan)


def _root_meaning(
    *operands: Any, solver: Solver, programs: Sequence[Evaluator]
) -> tuple[np.ndarray, ...]:
    result, start = solve(operands, solver, programs)
    return tuple([np.asarray(leaf) for leaf in (*solver.leaves(result), start)])


def _root_types(
    types: tuple[ArrayType, ...], solver: Solver, programs: Any
) -> tuple[ArrayType, ...]:
    def known(type_: ArrayType | str) -> ArrayType:
        if isinstance(type_, ArrayType):
            return type_
        n: Any = types[0].shape[0]
        if type_ == "triangle":
            return ArrayType(FLOAT, ((n * (n + 1)) // 2,))
        return ArrayType(FLOAT, (n,) * len(type_))

    return (*map(known, solver.types), ArrayType(FLOAT, (3,)))


register(Entry("root", _root_types, _root_meaning, Kernel("root"), OfPrograms(), kept=True))


def _first_type(types: tuple[ArrayType, ...], **attributes: Any) -> tuple[ArrayType, ...]:
    return (ArrayType(types[0].dtype, types[0].shape),)


# -- whether a zero is one -------------------------------------------------------------------------
def _regular_meaning(
    slope: Any, residual: Any, x: Any, nearby: Any, start: Any, *, solver: Solver, source: Any
) -> Any:
    """The derivative by the unknown, at what shall be a zero where it can be divided by.

    ``nearby`` is the slope at a place that cannot be told from the zero (:func:`doubt`).
    """
    step = newton_step(slope, residual, x, solver.relative)
    if step is None:
        raise _singular(solver.name, source)
    if not _is_reached(residual, step, x, start, solver, source):
        return slope
    if np.ndim(slope):
        if not solver.looks_nearby or not len(slope):
            return slope
        # In the direction in which it is weakest; the others may be as different as they like.
        left, least, right = weakest(slope)
        differs = abs(left @ (nearby - slope) @ right)
    else:
        least, differs = _size(slope), _size(nearby - slope)
    if not differs <= 0.25 * least:
        raise _singular(solver.name, source)
    return slope


def weakest(slope: Any) -> tuple[Any, Any, Any]:
    """The smallest singular value of a matrix between its vectors, in units of its own where it has none otherwise."""
    if has_inverse(slope):
        u, sizes, vt = np.linalg.svd(slope)
        return u[:, -1], sizes[-1], vt[-1]
    rows, columns = units(slope)
    u, sizes, vt = np.linalg.svd(slope / rows[:, None] / columns)
    return u[:, -1] / rows, sizes[-1], vt[-1] / columns


def units(matrix: Any) -> tuple[Any, Any]:
    """What rows and columns are divided by, so that the largest of each is about 1.

    A rate of 1e9 beside an amplitude of 1 is nothing singular; powers of 2, which leave all digits.
    """
    rows, columns = (np.ones(n) for n in matrix.shape)
    for _ in range(8):
        sizes = np.abs(matrix / rows[:, None] / columns)
        for divisors, axis in ((rows, 1), (columns, 0)):
            largest = np.max(sizes, axis=axis, initial=0.0)
            divisors *= np.exp2(np.round(np.log2(np.where(largest == 0, 1.0, largest)) / 2))
    return rows, columns


def _is_reached(residual: Any, step: Any, x: Any, start: Any, solver: Solver, source: Any) -> bool:
    """Whether the function is zero where the solver stopped, by a step of Newton's; warns if not."""
    length, distance, error = map(_size, (step, x, residual))
    # Where the search started is not known (NaN) of another function than SciPy was given.
    close = length <= 4 * solver.tolerance + solver.relative * distance or error <= 1e-8 * start[0]
    if close and not error > start[0]:
        return True
    where = f"{source.file}, line {source.line}" if source is not None else "?"
    warnings.warn(
        f"{solver.name} ({where}) stopped where the function is not zero (it is "
        f"{error:.3g}): the derivative of what it returns is meaningless",
        NoSolutionWarning,
        stacklevel=depth_of_user(),
    )
    return False


def _reached_meaning(
    found: Any,
    residual: Any,
    step: Any,
    turn: Any,
    x: Any,
    start: Any,
    *,
    solver: Solver,
    source: Any,
) -> Any:
    """``turn``: by how much the derivative differs a step of Newton's further, divided by it."""
    reached = _is_reached(residual, step, x, start, solver, source)
    if reached and not _size(turn) <= 0.25 * _size(step):
        raise _singular(solver.name, source)
    return found


def doubt(residual: Any, slope: Any, x: Any, start: Any) -> Any:
    """How far a zero is from where the solver stopped, for all that can be known.

    That is a step of Newton's, or one that changes the function by its rounding error, but not far on the
    scale of the search; where nothing is known of the search, half of the digits.  At a zero of higher
    order the slope differs over that distance.
    """
    noise = np.fmax(abs(residual), 4 * np.finfo(float).eps * start[1])
    near = np.where(np.isnan(start[1]), 1e-8 * abs(x), 0.0)
    return np.fmin(np.maximum(noise / abs(slope), near), 1e-4 * start[2])


def _beside_meaning(slope: Any, residual: Any, x: Any, start: Any) -> Any:
    """A place that cannot be told from the zero of a system, in the direction in which it is weakest."""
    if not len(x) or newton_step(slope, residual, x, np.inf) is None:
        return np.array(x)
    left, least, right = weakest(slope)
    noise = np.abs(left) @ np.fmax(np.abs(residual), 4 * np.finfo(float).eps * start[1])
    length = _size(right)
    right, near = right / length, 0.0
    if np.isnan(start[1]):  # half of the digits of each unknown that moves in it
        moves = np.abs(right) > np.finfo(float).eps
        near = 1e-8 * np.min(np.abs(x[moves] / right[moves]))
    return x + np.fmin(np.maximum(noise * length / least, near), 1e-4 * start[2]) * right


register(
    Entry(
        "beside",
        lambda types: (ArrayType(FLOAT, types[2].shape),),
        _beside_meaning,
        Kernel("beside"),
        zero_derivative=True,
    )
)


def _refused_meaning(x: Any, *, refusal: DerivativeError) -> Any:
    raise refusal


def _refuse_tangents(site: Site, tangents: Sequence[Any]) -> Any:
    return (emit_tracer("refused", tangents[0], **site.attributes),)


def _refuse_cotangents(site: Site, cotangents: Sequence[Any]) -> Any:
    raise site.attributes["refusal"]


register(
    Entry(
        "refused",
        _first_type,
        _refused_meaning,
        Kernel("refused"),
        Rules(_refuse_tangents, _refuse_cotangents),
    )
)


# What has a value, and an error in the place of its derivative.
register(
    Entry(
        "refusing",
        _first_type,
        lambda x, refusal: x,
        Kernel("refusing"),
        Rules(_refuse_tangents, _refuse_cotangents),
    )
)


def has_inverse(slope: Any) -> bool:
    """Whether a slope, or a matrix of slopes, can be divided by."""
    if not np.all(np.isfinite(slope)):
        return False
    if np.ndim(slope) == 0:
        return bool(slope != 0)
    values = np.linalg.svd(slope, compute_uv=False)
    return bool(values.size == 0 or values[-1] > values[0] * len(values) * np.finfo(float).eps)


def newton_step(slope: Any, residual: Any, x: Any, near: float) -> Any:
    """What a step of Newton's from x subtracts; None where the slope cannot be divided by.

    A matrix that is singular only because its rows or columns are in different units can be, where the
    step is small beside each unknown.
    """
    if np.ndim(slope) == 0:
        return residual / slope if has_inverse(slope) else None
    if has_inverse(slope):
        return np.linalg.solve(slope, residual)
    if not np.all(np.isfinite(slope)):
        return None
    rows, columns = units(slope)
    balanced = slope / rows[:, None] / columns
    if not has_inverse(balanced):
        return None
    step = np.linalg.solve(balanced, residual / rows) / columns
    return step if np.all(np.abs(step) <= near * np.abs(x)) else None


def _singular(name: str, source: Any) -> DerivativeError:
    return DerivativeError(
        f"{name} has no derivative here: at the solution, the derivative of the function by "
        "its unknown is singular.",
        code="AD305",
        source=source,
        remedy="a multiple root does not move smoothly; solve for a simple one, or give the call a "
        "derivative with autodiff.custom_gradient",
    )


def register_looked_at(kind: str, meaning: Any, count: int, kept: bool = True) -> None:
    """An operation that gives its first operand, once ``meaning`` has looked at it beside ``count`` others."""
    register(
        Entry(
            kind,
            _first_type,
            meaning,
            Kernel(kind),
            Rules(
                lambda site, tangents: (tangents[0],),
                lambda site, cts: (cts[0], *[None] * count),
            ),
            kept=kept,
        )
    )


register_looked_at("regular", _regular_meaning, 4)
register_looked_at("reached", _reached_meaning, 5)


# -- linear systems of which products are known ----------------------------------------------------------
FORMED = 300  # unknowns up to which a matrix of derivatives is formed and factored
_MOST = 4000  # ... and up to which it is where products alone do not lead to the solution


def linear_solver(name: str, tolerance: float, is_checked: bool, source: Source | None) -> Solver:
    """What solves the linear systems of derivatives of a solution; see :func:`_solve_linear`."""
    options = {"name": name, "tolerance": tolerance, "is_checked": is_checked, "source": source}
    return Solver(
        _solve_linear,
        name,
        ("equation",),
        1,
        lambda arrays: {"like": arrays[0]},
        lambda result: (result,),
        ("n",),
        True,
        tolerance,
        lambda function, given: function(**options, **given),
        (),
        relative=1e-2,  # a linear equation has the same derivative everywhere
    )


def _by_products(product: Callable[[Any], Any], b: Any, tolerance: float) -> np.ndarray | None:
    """The solution by GMRES, None where it is not found."""
    from scipy.sparse.linalg import LinearOperator, gmres

    size = float(np.linalg.norm(b))
    if not size:
        return np.zeros(len(b))
    matrix = LinearOperator((len(b), len(b)), matvec=product, dtype=FLOAT)
    u, _ = gmres(matrix, b, rtol=tolerance, atol=0.0, restart=100, maxiter=10)
    near = np.linalg.norm(product(u) - b) <= 10 * tolerance * size
    return np.asarray(u) if near else None


def _loses_a_direction(product: Callable[[Any], Any], n: int) -> bool | None:
    """Whether a matrix is singular; None: products do not tell.

    Of singular equations that have solutions GMRES finds one: not the one that was put in.  What is lost
    may be one direction of many, of which a vector of random numbers holds a share of 1/√n.  What is
    missing is put in once more: alone, it is found where the matrix is but badly conditioned.
    """
    known = np.random.default_rng(0).normal(size=n)
    for share in (1 / np.sqrt(n), 1.0):
        found = _by_products(product, product(known), 1e-11)
        if found is None:
            return None
        lost, size = known - found, np.linalg.norm(known)
        if np.linalg.norm(lost) <= 1e-2 * share * size:
            return False
        known = lost / np.linalg.norm(lost)
    return True


def _solve_linear(
    equation: Callable[[Any], Any],
    like: Any,
    name: str,
    tolerance: float,
    is_checked: bool,
    source: Any,
) -> np.ndarray:
    """The zero of u ↦ J u - b: by GMRES above a size, by the matrix J where that fails or below it.

    ``is_checked``: whether J is looked at for being singular.

    Source: Y. Saad and M. H. Schultz, "GMRES", SIAM J. Sci. Stat. Comput. 7 (1986).
    """
    n = len(like)
    if not n:
        return np.zeros(0)
    b = -np.array(equation(np.zeros(n)))
    if not np.all(np.isfinite(b)):
        return np.full(n, np.nan)

    def product(u: Any) -> np.ndarray:
        found: np.ndarray = np.array(equation(np.ravel(u))) + b
        return found

    if n > FORMED:
        loses = _loses_a_direction(product, n) if is_checked else False
        u = _by_products(product, b, tolerance)
        if loses is not None and u is not None:
            if loses:
                raise _singular(name, source)
            return u
    elif not np.any(b) and not is_checked:
        return np.zeros(n)
    if n > _MOST:
        raise DerivativeError(
            f"{name} has no derivative here: the linear equations of the derivative, with "
            f"{n} unknowns, could not be solved by products alone; they may be singular.",
            code="AD305",
            source=source,
            remedy="scale the unknowns and the equations alike, or solve the equations with a sparse "
            "matrix and scipy.sparse.linalg.spsolve",
        )
    whole = np.stack([product(e) for e in np.eye(n)], axis=1)
    if not has_inverse(whole):
        raise _singular(name, source)
    return np.linalg.solve(whole, b)
