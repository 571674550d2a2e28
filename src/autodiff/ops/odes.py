"""Initial value problems y' = f(t, y), y(t0) = y0: what SciPy returns, and the solution for derivatives.

    ivp_size(*arguments, *read; problem, programs)       how many times the solver chooses
    ivp(*arguments, *read; problem, programs, size)      the states, the times, what else is wanted
    ivp_at(…)                                            the same, of which nothing is kept that is not used
    events_size, events(…; …, sizes)                     what SciPy returns where it looks for events
    curve(t0, times, z0, rtol, atol, max_step, *read; problem, programs, …)
                                                         z at the times, one row each
    followed(S, Y, y, atol; problem)                     S, once Y and y are the same solution

``ivp`` is SciPy's call as the user wrote it, so its value is SciPy's own.  ``curve`` is the solution
itself as far as it can be known: it is integrated by a method of the same kind at a tolerance well
below the user's.  Derivatives are taken of the solution, not of the steps on the way: the tangent of
a curve solves the variational equation, which is one more curve, of more unknowns
(:mod:`autodiff.differentiate.odes`).

The arguments of ``ivp`` are, in this order, those named by ``START`` … ``MAX_STEP``, then further options.
"""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from autodiff.dims import Extent
from autodiff.errors import DerivativeError, NoSolutionWarning
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.control import CheckFailed
from autodiff.ops.entries import Entry, Kernel, OfPrograms, register
from autodiff.ops.jumps import Observer
from autodiff.ops.solvers import FLOAT, Evaluator, answer, register_looked_at
from autodiff.plain_data import dataclass
from autodiff.tracebacks import depth_of_user

START, END, STATE, TIMES, RTOL, ATOL, MAX_STEP = range(7)
_INT = np.dtype(np.int64)


@dataclass(frozen=True, eq=False)
class Problem:
    """A call of ``solve_ivp`` or ``odeint``.

    Parameters
    ----------
    name : str
        What the user calls the function.
    method : str
        SciPy's method.
    callbacks : tuple of str
        Its parameters that take functions; one program each.
    count : int
        How many of the operands are its other arguments.
    run : callable
        From the functions and the values of those operands to what SciPy returns.
    leaves : callable
        From that to the arrays wanted of it: the states, then the times if SciPy returns them, then
        others.  Raises CheckFailed where the integration did not reach its end.
    others : tuple
        Names and types of those others.
    has_times : bool
        Whether the user gives the times.
    in_columns : bool
        Whether the states at one time are a column.
    time_first : bool
        Whether the functions take the time first.
    source : Source or None
        The user's line.
    events : int
        How many functions are looked at for events: the last of the programs.
    """

    name: str
    method: str
    callbacks: tuple[str, ...]
    count: int
    run: Callable[[dict[str, Any], Sequence[Any]], Any]
    leaves: Callable[[Any], tuple[Any, ...]]
    others: tuple[tuple[str, ArrayType], ...]
    has_times: bool
    in_columns: bool
    time_first: bool
    source: Source | None
    events: int = 0
    last: threading.local = field(default_factory=threading.local)

    def __repr__(self) -> str:
        return self.name

    def refusal(self, number: int) -> DerivativeError | None:
        """Why a result beside the states and the times has no derivative; None: it has one."""
        first = 2 if self.in_columns else 1
        if number < first:
            return None
        return DerivativeError(
            f"{self.name} has a derivative by its states, not by its "
            f"{self.others[number - first][0]!r}.",
            source=self.source,
            remedy="compute it from the states, or pass it through autodiff.stop_gradient if no "
            "derivative should flow",
        )


class _Watched:
    """A function of time and state that SciPy calls; it remembers what was raised, and what it reads."""

    def __init__(
        self, evaluate: Callable[..., Sequence[Any]], time_first: bool, read: Sequence[Any] = ()
    ) -> None:
        self.evaluate = evaluate
        self.time_first = time_first
        self.read = read
        self.raised: BaseException | None = None

    def __call__(self, t: Any, y: Any) -> Any:
        if not self.time_first:
            t, y = y, t
        try:
            (value,) = self.evaluate(t, y)
        except BaseException as error:
            self.raised = self.raised or error
            raise
        return value


# -- the user's call ----------------------------------------------------------------------------------
def solve(operands: Sequence[Any], problem: Problem, programs: Sequence[Evaluator]) -> Any:
    """What SciPy returns."""
    read = operands[problem.count :]
    watched = [_Watched(program(*read), problem.time_first, read) for program in programs]
    functions = dict(zip(problem.callbacks, watched, strict=True))
    return answer(watched, lambda: problem.run(functions, operands[: problem.count]))


def _size_meaning(*operands: Any, problem: Problem, programs: Sequence[Evaluator]) -> Any:
    """How many times the solver chooses; the result waits for the ``ivp`` of the same call.

    Memory for the states is there only once their number is known.
    """
    problem.last.result = solve(operands, problem, programs)
    problem.last.key = _key(operands)
    return np.asarray(len(problem.last.result.t), _INT)


def _key(operands: Sequence[Any]) -> list[bytes]:
    return [np.asarray(x).tobytes() for x in operands]


def _ivp_meaning(
    *operands: Any, problem: Problem, programs: Sequence[Evaluator], size: int
) -> tuple[np.ndarray, ...]:
    last = problem.last.__dict__
    if not problem.has_times and last.pop("key", None) == _key(operands):
        result = last.pop("result")
    else:
        result = solve(operands, problem, programs)
    leaves = [np.asarray(x) for x in problem.leaves(result)]
    n = operands[STATE].shape[0]
    if leaves[0].shape != ((n, size) if problem.in_columns else (size, n)):
        raise CheckFailed(f"{problem.name} stopped before the last of the times")
    return tuple(leaves)


def _ivp_types(
    types: tuple[ArrayType, ...], problem: Problem, programs: Any, size: Extent
) -> tuple[ArrayType, ...]:
    n = types[STATE].shape[0]
    others = [type for _, type in problem.others]
    if problem.in_columns:
        return (ArrayType(FLOAT, (n, size)), ArrayType(FLOAT, (size,)), *others)
    return (ArrayType(FLOAT, (size, n)), *others)


register(
    Entry(
        "ivp_size",
        lambda types, problem, programs: (ArrayType(_INT, ()),),
        _size_meaning,
        Kernel("ivp_size"),
        zero_derivative=True,
    )
)
register(Entry("ivp", _ivp_types, _ivp_meaning, Kernel("ivp"), OfPrograms(), kept=True))


def _ivp_at_meaning(
    *operands: Any, problem: Problem, programs: Sequence[Evaluator], size: int
) -> tuple[np.ndarray, ...]:
    if size:
        return _ivp_meaning(*operands, problem=problem, programs=programs, size=size)
    others = [np.zeros((), type.dtype) for _, type in problem.others]
    return (np.zeros((operands[STATE].shape[0], 0)), np.zeros(0), *others)


register(Entry("ivp_at", _ivp_types, _ivp_at_meaning, Kernel("ivp_at"), OfPrograms()))


# -- events ---------------------------------------------------------------------------------------------
def _events_size_meaning(
    *operands: Any, problem: Problem, programs: Sequence[Evaluator]
) -> tuple[np.ndarray, ...]:
    """How many times there are, and how many events of each kind; see :func:`_size_meaning`."""
    result = problem.last.result = solve(operands, problem, programs)
    problem.last.key = _key(operands)
    counts = [len(result.t), *(len(times) for times in result.t_events)]
    return tuple([np.asarray(n, _INT) for n in counts])


def _events_meaning(
    *operands: Any, problem: Problem, programs: Sequence[Evaluator], sizes: tuple[int, ...]
) -> tuple[np.ndarray, ...]:
    last = problem.last.__dict__
    known = last.pop("key", None) == _key(operands)
    result = last.pop("result") if known else solve(operands, problem, programs)
    n = operands[STATE].shape[0]
    found = [*problem.leaves(result), result.status, *result.t_events]
    # Of no event at all the array of states has no columns either.
    states = [
        np.reshape(y, (len(t), n)) for t, y in zip(result.t_events, result.y_events, strict=True)
    ]
    return tuple([np.asarray(x) for x in (*found, *states)])


def _events_types(
    types: tuple[ArrayType, ...], problem: Problem, programs: Any, sizes: tuple[Extent, ...]
) -> tuple[ArrayType, ...]:
    n, (size, *counts) = types[STATE].shape[0], sizes
    others = [type for _, type in problem.others]
    times = [ArrayType(FLOAT, (count,)) for count in counts]
    states = [ArrayType(FLOAT, (count, n)) for count in counts]
    start = [ArrayType(FLOAT, (n, size)), ArrayType(FLOAT, (size,))]
    return (*start, *others, ArrayType(_INT, ()), *times, *states)


register(
    Entry(
        "events_size",
        lambda types, problem, programs: (ArrayType(_INT, ()),) * (1 + problem.events),
        _events_size_meaning,
        Kernel("events_size"),
        zero_derivative=True,
    )
)
register(
    Entry(
        "events",
        _events_types,
        _events_meaning,
        Kernel("events"),
        zero_derivative=True,
        kept=True,
    )
)


# -- the solution itself -----------------------------------------------------------------------------
_DENSE = 60  # unknowns up to which the Jacobian of all of them is used
# How far below the user's tolerances derivatives are integrated.  A global error is some ten times the
# tolerance of a step; the price is 100**(1/5) = 2.5 times the steps of a method of order five.
_BELOW = 1e-2
# Between these: SciPy warns of less than 100 rounding errors; of more, sensitivities that grow have none left.
_LEAST, _MOST = 1e-13, 1e-6
_METHODS = {"RK23": "DOP853", "RK45": "DOP853"}  # of high order, since the tolerance is small


def is_implicit(method: str) -> bool:
    """Whether derivatives are integrated by a method that uses the Jacobian of the right-hand side."""
    return method in ("Radau", "BDF", "LSODA")


def tolerance_below(rtol: Any) -> float:
    """The relative tolerance of derivatives."""
    return float(np.clip(_BELOW * np.min(rtol), _LEAST, _MOST))


def method_of(problem: Problem, of_one_step: bool = False) -> Any:
    """The class of SciPy's that derivatives are integrated by; ``of_one_step``: not by earlier steps."""
    if of_one_step and is_implicit(problem.method):
        return _integrate_module().Radau
    return getattr(_integrate_module(), _METHODS.get(problem.method, problem.method))


def _curve_meaning(
    start: Any,
    times: Any,
    z0: Any,
    rtol: Any,
    atol: Any,
    max_step: Any,
    *read: Any,
    problem: Problem,
    programs: Sequence[Evaluator],
    states: int,
    groups: tuple[int, ...],
    reads: int,
    watches: int | None,
) -> np.ndarray:
    if len(times) == 0 or len(z0) == 0 or np.all(times == start):
        return np.tile(z0, (len(times), 1))
    lookout = None
    if watches is not None:
        *programs, watched = programs
        size = states * math.prod([1 + directions for directions in groups[:-1]])
        lookout = Lookout(problem, watched(*read[:watches]), size)
    # The third program is that of the states alone, which reads the first of what is read.
    few = read[:reads]
    functions = [program(*(few if k == 2 else read)) for k, program in enumerate(programs)]
    task = _Task(
        problem, functions, float(start), np.array(times), np.array(z0), float(max_step),
        states, groups, lookout,
    )  # fmt: skip
    below = tolerance_below(rtol)
    absolute = _BELOW * np.broadcast_to(atol, (states,))
    sizes = _first_sizes(task, states)
    # Nobody gave absolute tolerances of derivatives.  They follow from how large each is, which
    # is known once they are integrated: roughly at first, and again where it was far off.
    for tolerance in (1e-3, below, below, below):
        found, largest = _march(task, tolerance, np.r_[absolute, below * sizes])
        largest = as_asked(largest, np.abs(found[-1]))
        known = _with_floor(largest, states, groups, 1e-15 / below)
        enough = np.all(known >= 0.1 * sizes) and np.all(sizes > 0) and tolerance == below
        if enough or not np.all(np.isfinite(known)):
            break
        sizes = known
    return found


def as_asked(largest: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """How large derivatives are at the end, not on the way there.

    At a jump of van der Pol's oscillator they are a million times as large as after it.  One that is 0 by
    chance is not asked for its digits.
    """
    return np.maximum(asked, 1e-5 * largest)


@dataclass(frozen=True)
class _Task:
    problem: Problem
    functions: Sequence[Callable[..., Sequence[Any]]]
    start: float
    times: np.ndarray
    z0: np.ndarray
    max_step: float
    states: int
    groups: tuple[int, ...]
    lookout: Lookout | None


def _first_sizes(task: _Task, states: int) -> np.ndarray:
    """A guess of how large derivatives become: by the first slope, over the whole time."""
    (slope,) = task.functions[0](task.start, task.z0)
    span = abs(task.times[-1] - task.start)
    guess = np.abs(task.z0[states:]) + span * np.abs(np.asarray(slope)[states:])
    top = np.max(guess, initial=0.0, where=np.isfinite(guess))
    return np.full(len(guess), top if top > 0 else 1.0)


def _with_floor(
    largest: np.ndarray, states: int, groups: Sequence[int], share: float
) -> np.ndarray:
    """How large each derivative is taken to be: no less than rounding by the others of its direction.

    ``groups[k]`` directions are added by the k-th differentiation: rows are the unknowns before it.
    """
    sizes, known = [], states
    for directions in groups:
        part = largest[known : known * (1 + directions)].reshape(known, directions)
        top = np.max(part, axis=0, keepdims=True)
        sizes.append(np.maximum(part, share * np.where(top > 0, top, 1.0)).ravel())
        known *= 1 + directions
    return np.concatenate([*sizes, np.zeros(0)])


_STALLED = 100  # steps that do not move


def _march(task: _Task, rtol: float, atol: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solution at the times, and how large each derivative becomes on the way."""
    problem = task.problem
    method = method_of(problem)
    options: dict[str, Any] = {}
    if len(task.functions) > 1:
        large = len(task.z0) > _DENSE and problem.method != "LSODA"
        options["jac"] = functools.partial(_jacobian_of_blocks if large else _jacobian, task)
    solver = method(
        lambda t, z: task.functions[0](t, z)[0],
        task.start, task.z0, task.times[-1], rtol=rtol, atol=atol, max_step=task.max_step, **options,
    )  # fmt: skip
    found = np.empty((len(task.times), len(task.z0)))
    largest = np.abs(task.z0)
    done = stalled = 0
    if task.lookout is not None:
        task.lookout.begin(task.start, task.z0)
    while solver.status == "running":
        before = solver.t
        message = solver.step()
        # LSODA goes on with steps of no length, and with infinite states.
        stalled = stalled + 1 if solver.t == before else 0
        if stalled > _STALLED or not np.all(np.isfinite(solver.y)):
            raise unsolved(problem, solver.t, "the solution does not stay finite")
        if solver.status == "failed":
            raise unsolved(problem, solver.t, message)
        if task.lookout is not None:
            task.lookout.follow(solver)
        largest = np.maximum(largest, np.abs(solver.y))
        ahead = task.times[done:] * solver.direction
        upto = done + int(np.searchsorted(ahead, solver.t * solver.direction, side="right"))
        if upto > done:
            dense = solver.dense_output()
            found[done:upto] = dense(task.times[done:upto]).T
        done = upto
    return found, largest


# -- jumps of the right-hand side ----------------------------------------------------------------------
class Lookout:
    """Looks for jumps between the steps of a solver.

    There the solution is continuous, but its derivative jumps by the difference times that of the
    moment: which the variational equation does not say.  A solver's vector starts with the ``states`` of
    the watched program.
    """

    def __init__(
        self, problem: Problem, watched: Callable[..., Sequence[Any]], states: int
    ) -> None:
        self.problem = problem
        self.observer = Observer(lambda t, z: watched(np.asarray(float(t)), z[:states]))
        self.state = 0

    def begin(self, t: float, z: np.ndarray) -> None:
        """Start here."""
        self.state, _ = self.observer.look(t, z)

    def follow(self, solver: Any) -> None:
        """Raise where the right-hand side jumped in the last step."""
        state, _ = self.observer.look(solver.t, solver.y)
        if state != self.state:
            dense = solver.dense_output()
            where = self.observer.jump(solver.t_old, solver.t, lambda t: (t, dense(t)))
            if where is not None:
                raise _jumps(self.problem, where)
        self.state = state


def _jumps(problem: Problem, t: float) -> DerivativeError:
    return DerivativeError(
        f"{problem.name} has no derivative here: at t = {t:.6g} the right-hand side or its "
        "derivative jumps, and what is differentiated decides when.",
        code="AD305",
        source=problem.source,
        remedy="integrate up to the jump and from there on, in two calls: a derivative by the ends of "
        "an interval is known",
    )


def _jacobian(task: _Task, t: float, z: np.ndarray) -> Any:
    return task.functions[1](t, z)[0]


def _jacobian_of_blocks(task: _Task, t: float, z: np.ndarray) -> Any:
    """The Jacobian without the second derivatives of the user's right-hand side.

    Every direction moves by the Jacobian of the states: so many blocks on the diagonal.  The iteration
    in a step converges nearly as fast with it (the simultaneous corrector of CVODES does the same).
    """
    import scipy.sparse

    whole = scipy.sparse.csc_array(task.functions[2](t, z[: task.states])[0])
    for directions in task.groups:
        more = scipy.sparse.kron(whole, scipy.sparse.eye_array(directions))
        whole = scipy.sparse.block_diag((whole, more), format="csc")
    return whole


def _integrate_module() -> Any:
    import scipy.integrate

    return scipy.integrate


def unsolved(problem: Problem, t: float, message: str | None) -> DerivativeError:
    """The error where derivatives cannot be integrated beyond a time."""
    return DerivativeError(
        f"{problem.name} has no derivative here: the equations of its derivative cannot be "
        f"integrated beyond t = {t:.6g} ({str(message).rstrip('.')}).",
        code="AD305",
        source=problem.source,
        remedy="the solution may end there, or the right-hand side may jump; stop before it",
    )


def _curve_types(types: tuple[ArrayType, ...], **attributes: Any) -> tuple[ArrayType, ...]:
    return (ArrayType(FLOAT, (types[1].shape[0], types[2].shape[0])),)


register(Entry("curve", _curve_types, _curve_meaning, Kernel("curve"), OfPrograms()))


# -- whether what SciPy returned is the solution -----------------------------------------------------
def _followed_meaning(
    sensitivity: Any,
    exact: Any,
    found: Any,
    asked: Any,
    atol: Any,
    start: Any,
    times: Any,
    z0: Any,
    *read: Any,
    problem: Problem,
    programs: Sequence[Evaluator],
) -> Any:
    """``asked``: not 0 where a state is read.  The program is the right-hand side, integrated in doubt only."""
    # Within a tenth of the largest, states are as bad as a loose tolerance makes them.
    scale = np.max(np.abs(exact), axis=0, initial=0.0)
    error = np.max(np.where(asked != 0, np.abs(found - exact), 0.0), axis=0, initial=0.0)
    least = 10 * np.asarray(atol)
    if not np.all(error <= 0.1 * scale + least):
        scale = np.maximum(
            scale, _largest_on_the_way(problem, programs[0](*read), start, times, z0)
        )
    if not np.all(error <= 0.1 * scale + least) or _has_parted(
        np.abs(found - exact) / (scale + 10 * least), times, asked
    ):
        source = problem.source
        where = f"{source.file}, line {source.line}" if source is not None else "?"
        warnings.warn(
            f"{problem.name} ({where}) returned states that are far from the solution: the "
            "derivative of what it returns is meaningless; ask for a smaller tolerance",
            NoSolutionWarning,
            stacklevel=depth_of_user(),
        )
    return sensitivity


def _has_parted(error: Any, times: Any, asked: Any) -> bool:
    """Whether states went another way before those that are read, which may be near the solution by chance.

    That is so where the solution is chaotic.  In the last fifth of the time until then, a tenth of the largest on
    average over time, in which a moment at which they jump counts as little as it lasts.  ``error`` is relative.
    """
    read = np.nonzero(np.any(asked != 0, axis=1))[0]
    if not len(read):
        return False
    last = read[-1] + 1
    behind = np.abs(times[last - 1] - times[:last])
    late = behind <= 0.2 * behind[0]
    if np.count_nonzero(late) < 8:
        return False
    states = np.any(asked != 0, axis=0)
    t, shares = times[:last][late], np.minimum(error[:last][late][:, states], 1.0)
    steps = np.abs(np.diff(t))[:, None]
    means = np.sum((shares[1:] + shares[:-1]) / 2 * steps, axis=0) / np.sum(steps)
    return bool(np.any(means > 0.1))


def _largest_on_the_way(problem: Problem, slope: Any, start: Any, times: Any, z0: Any) -> Any:
    """How large each state becomes: all of the times may be those at which it passes through zero."""
    task = _Task(problem, [slope], float(start), times, np.array(z0), np.inf, len(z0), (), None)
    try:
        return _march(task, 1e-4, 1e-4 * np.maximum(np.abs(z0), 1e-2 * np.max(np.abs(z0))))[1]
    except (ArithmeticError, ValueError, DerivativeError):
        return np.abs(z0)


register_looked_at("followed", _followed_meaning, kept=False)

__all__ = [
    "ATOL",
    "END",
    "MAX_STEP",
    "RTOL",
    "START",
    "STATE",
    "TIMES",
    "Lookout",
    "Problem",
    "is_implicit",
    "method_of",
    "solve",
    "tolerance_below",
    "unsolved",
]
