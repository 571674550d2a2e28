"""Calls of SciPy's root finders: operations whose attributes hold programs.

    root(*arguments, *read; solver, programs)         a zero of f(z, *read) by z
    regular(J, r, x, x0, start, *read; solver, programs)  J, the derivative by z at a zero, once looked at
    reached(u, r, s, t, x, x0, start, *read; ...)     u, once a step s of Newton's is small

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

import functools
import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import DerivativeError, NoSolutionWarning
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.control import CheckFailed
from autodiff.ops.entries import Entry, Kernel, OfPrograms, Rules, Site, register
from autodiff.ops.standing import (
    EPSILON,
    Units,
    inverse_of,
    is_bent,
    is_reached,
    is_turned,
    place_in_doubt,
    standing,
)
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
    is_relative : bool
        Whether ``tolerance`` is a share of the unknown.
    is_pointwise : bool
        Whether each equation reads its own unknown alone, so that the derivative is a diagonal.
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
    is_relative: bool = False
    is_pointwise: bool = False

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

    It remembers what was raised, and of the first two calls how large the values were, and of numbers where.
    """

    def __init__(self, evaluate: Callable[[Any], Sequence[Any]], is_system: bool) -> None:
        self.evaluate = evaluate
        self.is_system = is_system
        self.raised: BaseException | None = None
        self.sizes: list[float] = []
        self.places: list[float] = []

    def __call__(self, z: Any, *args: Any) -> Any:
        try:
            value, *more = self.evaluate(z)
        except BaseException as error:
            self.raised = self.raised or error
            raise
        if not self.is_system:
            value = float(value)
        if len(self.sizes) < 2:
            self.sizes.append(_size(value) if self.is_system else abs(value))
            self.places.append(0.0 if self.is_system else float(z))
        # A function may give its derivative beside its value.
        return (value, *more) if more else value

    def start(self) -> np.ndarray:
        """The largest and the smallest of the first values; of a number, also where they were asked for."""
        if not self.sizes:
            return np.zeros(4)
        first, last = self.places[0], self.places[-1]
        return np.array([max(self.sizes), min(self.sizes), first, last])


def _size(x: Any) -> float:
    return float(np.abs(x).max()) if np.size(x) else 0.0


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
    return result, watched[0].start() if seen else np.full(4, np.nan)


# -- MINPACK itself --------------------------------------------------------------------------------
_KNOWN = {
    "scipy.optimize.fsolve": ("func", {"xtol", "maxfev", "epsfcn", "factor", "full_output"}),
    "scipy.optimize.root": ("fun", {"tol", "method"}),
}


def _at_once(
    operands: Sequence[Any], solver: Solver, programs: Sequence[Evaluator]
) -> tuple[Any, np.ndarray] | None:
    """A zero by the routine behind ``fsolve`` and ``root``; None where that is not done, or finds none.

    SciPy's Python around it asks first how long the function's value is, and counts calls.
    """
    name, known = _KNOWN.get(solver.name, ("", set()))
    if solver.callbacks != (name,) or not hasattr(programs[0], "plainly"):
        return None
    given = solver.keywords(operands[: solver.count])
    x0 = given.pop("x0")
    given = {key: x for key, x in given.items() if x is not None and x != ()}
    if not given.keys() <= known or given.get("method", "hybr") != "hybr":
        return None
    hybrd = getattr(_minpack(), "_hybrd", None)
    function = programs[0].plainly(*operands[solver.count :])
    xtol = given.get("tol", given.get("xtol", 1.49012e-8))
    most = given.get("maxfev", 0) or 200 * (len(x0) + 1)
    if hybrd is None or function is None:
        return None
    calls = [0]

    def counted(z: np.ndarray) -> Any:
        calls[0] += 1
        results = function(z)
        if results is NotImplemented:
            calls[0] = -(2**60)  # below zero to the end: SciPy meets what was met here
            return z * np.nan
        return results[0]

    size = _size(counted(x0))
    scale = given.get("epsfcn", EPSILON), given.get("factor", 100), None
    # Its start is where it works.
    x, found, status = hybrd(counted, x0, (), 1, xtol, most, -10, -10, *scale)
    if status != 1 or calls[0] < 0:
        return None
    found["nfev"] = calls[0]
    start = np.array([size, size, 0.0, 0.0])
    if name == "func":
        if not given.get("full_output"):
            return x, start
        return (x, found, status, ""), start
    found.update(x=x, success=True, status=status, fun=found["fvec"])
    return found, start


@functools.cache
def _minpack() -> Any:
    """SciPy's module of MINPACK's routines, which another version may not have."""
    try:
        return importlib.import_module("scipy.optimize._minpack")
    except ImportError:
        return None


def _root_meaning(
    *operands: Any, solver: Solver, programs: Sequence[Evaluator]
) -> tuple[np.ndarray, ...]:
    made = _at_once(operands, solver, programs) if solver.is_system else None
    result, start = made or solve(operands, solver, programs)
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

    return (*map(known, solver.types), ArrayType(FLOAT, (4,)))


register(Entry("root", _root_types, _root_meaning, Kernel("root"), OfPrograms(), kept=True))


def _first_type(types: tuple[ArrayType, ...], **attributes: Any) -> tuple[ArrayType, ...]:
    return (ArrayType(types[0].dtype, types[0].shape),)


# -- whether a zero is one -------------------------------------------------------------------------
def _regular_meaning(
    slope: Any,
    residual: Any,
    x: Any,
    x0: Any,
    start: Any,
    *read: Any,
    solver: Solver,
    source: Any,
    programs: Sequence[Evaluator],
) -> Any:
    """The derivative by the unknown, at what shall be a zero where it can be divided by.

    The programs are the function and its derivative, which are asked for elsewhere only in doubt.
    """
    if not np.size(slope):
        return slope
    n = np.size(x)
    units = _units(x, x0, start, solver, lambda: terms(programs[0], x, read))
    shape = (n,) if solver.is_pointwise else (n, n)
    matrix, left = np.reshape(slope, shape), np.reshape(residual, n)
    found = standing(matrix, left, units)
    if found is None:
        raise _singular(solver.name, source)
    if not _is_reached(found.is_reached, left, start, solver, source) or found.is_simple:
        return slope
    away = np.reshape(place_in_doubt(found, matrix, left, units) - units.x, np.shape(x))
    for place in (x + away, x - away):  # an event has no states after it that ends an integration
        try:
            nearby = programs[1](*read)(place)[0]
        except (ArithmeticError, ValueError, CheckFailed):
            continue
        if is_bent(found, matrix, np.reshape(nearby, shape), units):
            raise _singular(solver.name, source)
        break
    return slope


def _units(x: Any, x0: Any, start: Any, solver: Solver, terms: Callable[[], Any]) -> Units:
    """What is large and small where a root finder stopped; NaN: nobody knows how it began."""
    tolerance: Any = solver.tolerance
    if solver.is_relative and tolerance:
        tolerance = tolerance * np.abs(np.ravel(x))
    if np.isnan(start[0]):
        return Units(np.ravel(x), None, solver.relative, tolerance, terms=terms)
    if not np.ndim(x):  # of a bracket the end that is farther away
        first, second = start[2:]
        x0 = first if abs(x - first) >= abs(x - second) else second
    noise = 4 * EPSILON * start[1]
    return Units(np.ravel(x), np.ravel(x0), solver.relative, tolerance, noise, terms=terms)


def terms(function: Evaluator, x: Any, read: Sequence[Any]) -> Any:
    """How much of a function's value is due to what it reads, |F_p p|, by a difference."""
    share = 2.0**-20
    more = [r + share * r if np.asarray(r).dtype.kind == "f" else r for r in read]
    here, there = (np.ravel(np.array(function(*values)(x)[0])) for values in (read, more))
    return np.abs(there - here) / share


def _is_reached(near: bool, residual: Any, start: Any, solver: Solver, source: Any) -> bool:
    """Whether the function is zero where the solver stopped, and no pole; warns if not."""
    error = _size(residual)
    if near and not error > start[0]:
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
    x0: Any,
    start: Any,
    *read: Any,
    solver: Solver,
    source: Any,
    programs: Sequence[Evaluator],
) -> Any:
    """``turn``: by how much the derivative differs a step of Newton's further, divided by it."""
    units = _units(x, x0, start, solver, lambda: terms(programs[0], x, read))
    near = is_reached(step, residual, units)
    if _is_reached(near, residual, start, solver, source) and is_turned(turn, step):
        raise _singular(solver.name, source)
    return found


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


def _singular(name: str, source: Any) -> DerivativeError:
    return DerivativeError(
        f"{name} has no derivative here: at the solution, the derivative of the function by "
        "its unknown is singular.",
        code="AD305",
        source=source,
        remedy="a multiple root does not move smoothly; solve for a simple one, or give the call a "
        "derivative with autodiff.custom_gradient",
    )


def register_looked_at(kind: str, meaning: Any, kept: bool = True) -> None:
    """An operation that gives its first operand, once ``meaning`` has looked at it beside others."""
    register(
        Entry(
            kind,
            _first_type,
            meaning,
            Kernel(kind),
            Rules(
                lambda site, tangents: (tangents[0],),
                lambda site, cts: (cts[0], *[None] * (len(site.operands) - 1)),
            ),
            kept=kept,
        )
    )


register_looked_at("regular", _regular_meaning)
register_looked_at("reached", _reached_meaning)


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
    if inverse_of(whole) is None:
        raise _singular(name, source)
    return np.linalg.solve(whole, b)
