"""Cotangents of the solution of an initial value problem, by the adjoint equation.

    adjoint(t0, times, z0, rtol, atol, max_step, ct, *read; problem, programs, wrt, watches)
                      the solution at the times, and the cotangents of z0 and of what ``wrt`` names

    λ' = -f_zᵀ λ          backwards in time; at each of the times λ grows by the cotangent of z there
    μ' = -f_pᵀ λ          from 0 at the last of the times: μ(t0) is the cotangent of p

The number of unknowns on the way back is that of the states and of the parameters, where the
sensitivities are as many as their product: this is for many parameters.  The solution is integrated
once forwards, and kept as the interpolant of each step.  Both ways go at a hundredth of the user's
tolerances, λ and μ in the error norm, on the scale of the largest that each becomes.  Implicit methods
become Radau: the way back starts anew at each of the times, where multistep methods start at order one.

Source: Y. Cao, S. Li, L. Petzold and R. Serban, "Adjoint sensitivity analysis for differential-algebraic
equations", SIAM J. Sci. Comput. 24 (2003), section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, register
from autodiff.ops.odes import Lookout, Problem, as_asked, method_of, tolerance_below, unsolved
from autodiff.ops.solvers import FLOAT, Evaluator
from autodiff.plain_data import dataclass

READ = 7  # the position of the first of what is read
_ROUGH = 1e-3  # the tolerance at which it is found how large the unknowns become


@dataclass(frozen=True)
class _Adjoint:
    """One run: the problem, f(t, z), the right-hand side of (λ, μ), and perhaps f_z."""

    problem: Problem
    slope: Callable[..., Any]
    back: Callable[..., Any]
    jacobian: Callable[..., Any] | None
    max_step: float
    below: float
    atol: np.ndarray
    blocks: tuple[int, ...]  # how many numbers there are of each array that is differentiated by


class _Path:
    """The solution between the steps of the integration."""

    def __init__(self, pieces: Sequence[Any], start: float, direction: float) -> None:
        self.pieces = pieces
        self.direction = direction
        self.ends = direction * np.array([piece.t for piece in pieces])

    def __call__(self, t: float) -> Any:
        k = min(int(np.searchsorted(self.ends, self.direction * t)), len(self.pieces) - 1)
        return self.pieces[k](t)


def _forwards(
    run: _Adjoint, start: float, times: np.ndarray, z0: np.ndarray, lookout: Lookout | None
) -> tuple[np.ndarray, _Path]:
    """The solution at the times, and on the way."""
    options: dict[str, Any] = {} if run.jacobian is None else {"jac": run.jacobian}
    direction = 1.0 if times[-1] >= start else -1.0
    solver = method_of(run.problem, of_one_step=True)(
        run.slope, start, z0, times[-1], rtol=run.below, atol=run.atol, max_step=run.max_step, **options
    )  # fmt: skip
    found, pieces, done = np.empty((len(times), len(z0))), [], 0
    if lookout is not None:
        lookout.begin(start, z0)
    while solver.status == "running":
        message = solver.step()
        if solver.status == "failed":
            raise unsolved(run.problem, solver.t, message)
        if lookout is not None:
            lookout.follow(solver)
        pieces.append(solver.dense_output())
        upto = int(np.searchsorted(direction * times, direction * solver.t, side="right"))
        if upto > done:
            found[done:upto] = pieces[-1](times[done:upto]).T
        done = max(done, upto)
    return found, _Path(pieces, start, direction)


def _backwards(
    run: _Adjoint,
    path: _Path,
    start: float,
    times: np.ndarray,
    ct: np.ndarray,
    rtol: float,
    sizes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(λ, μ) at the start, and how large each became on the way."""
    n = ct.shape[1]
    w, largest = np.zeros(len(sizes)), np.zeros(len(sizes))
    implicit = run.jacobian is not None
    method = method_of(run.problem, of_one_step=True)
    step = None
    for k in reversed(range(len(times))):
        w[:n] += ct[k]
        largest = np.maximum(largest, np.abs(w))
        end = times[k - 1] if k else start
        if end == times[k] or not np.any(w):
            continue
        options: dict[str, Any] = {"jac": _block(run, path, len(sizes))} if implicit else {}
        if step is not None:
            options["first_step"] = min(step, abs(end - times[k]))
        solver = method(
            lambda t, w: run.back(t, path(t), w[:n]),
            times[k], w, end, rtol=rtol, atol=rtol * sizes, max_step=run.max_step, **options,
        )  # fmt: skip
        while solver.status == "running":
            message = solver.step()
            if solver.status == "failed":
                raise unsolved(run.problem, solver.t, message)
            largest = np.maximum(largest, np.abs(solver.y))
        w, step = np.array(solver.y), abs(solver.step_size) or None
    return w, largest


def _block(run: _Adjoint, path: _Path, count: int) -> Callable[..., Any]:
    """The Jacobian of (λ, μ) without that of μ by λ.

    The iteration in a step has λ after one round, and then μ, which nothing depends on, after another.
    """
    import scipy.sparse

    def jacobian(t: float, w: Any) -> Any:
        assert run.jacobian is not None
        whole = scipy.sparse.csc_array(-np.asarray(run.jacobian(t, path(t))).T)
        whole.resize((count, count))
        return whole

    return jacobian


def _with_floor(largest: np.ndarray, n: int, run: _Adjoint, share: float) -> np.ndarray:
    """How large each unknown is taken to be: no less than rounding by the others of its array."""
    floors, at = [], 0
    for size in (n, *run.blocks):
        part = largest[at : at + size]
        top = np.max(part, initial=0.0)
        floors.append(np.maximum(part, share * top if top > 0 else 1.0))
        at += size
    return np.concatenate(floors)


def _meaning(
    start: Any,
    times: Any,
    z0: Any,
    rtol: Any,
    atol: Any,
    max_step: Any,
    ct: Any,
    *read: Any,
    problem: Problem,
    programs: Sequence[Evaluator],
    wrt: tuple[int, ...],
    watches: int | None,
) -> tuple[np.ndarray, ...]:
    n, shapes = len(z0), [np.shape(read[k]) for k in wrt]
    blocks = tuple([int(np.prod(shape)) for shape in shapes])
    if len(times) == 0 or n == 0 or np.all(times == start):
        rows = np.tile(z0, (len(times), 1))
        return (rows, np.sum(ct, axis=0), *(np.zeros(shape) for shape in shapes))
    lookout = None
    if watches is not None:
        *programs, watched = programs
        lookout = Lookout(problem, watched(*read[:watches]), n)
    functions: list[Any] = [program(*read) for program in programs]
    slope, back, *jacobian = functions
    below = tolerance_below(rtol)
    run = _Adjoint(
        problem,
        lambda t, z: slope(t, z)[0],
        lambda t, z, cotangent: back(t, z, cotangent)[0],
        (lambda t, z: jacobian[0](t, z)[0]) if jacobian else None,
        float(max_step),
        below,
        1e-2 * np.broadcast_to(atol, (n,)),
        blocks,
    )
    times = np.array(times)
    rows, path = _forwards(run, float(start), times, np.array(z0), lookout)
    sizes = np.full(n + sum(blocks), max(float(np.max(np.abs(ct), initial=0.0)), 1e-300))
    w = np.zeros(len(sizes))
    # Nobody gave absolute tolerances: they follow from how large each becomes, roughly at first.
    for tolerance in (_ROUGH, below, below, below):
        w, largest = _backwards(run, path, float(start), times, np.array(ct), tolerance, sizes)
        known = _with_floor(as_asked(largest, np.abs(w)), n, run, 1e-15 / below)
        enough = np.all(known >= 0.1 * sizes) and tolerance == below
        if enough or not np.all(np.isfinite(known)):
            break
        sizes = known
    ends = np.cumsum([n, *blocks])
    parts = [
        w[low : low + size].reshape(shape)
        for low, size, shape in zip(ends, blocks, shapes, strict=False)
    ]
    return (rows, w[:n], *parts)


def _types(types: tuple[ArrayType, ...], wrt: tuple[int, ...], **attributes: Any) -> Any:
    read = types[READ:]
    rows = ArrayType(FLOAT, (types[1].shape[0], types[2].shape[0]))
    return (
        rows,
        ArrayType(FLOAT, types[2].shape),
        *(ArrayType(FLOAT, read[k].shape) for k in wrt),
    )


register(Entry("adjoint", _types, _meaning, Kernel("adjoint"), zero_derivative=True))

__all__ = ["READ"]
