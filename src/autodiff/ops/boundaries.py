"""Boundary value problems y' = f(x, y, p), g(y(a), y(b), p) = 0: what SciPy returns, and what is zero there.

    boundary_size(*arguments, *read; call, programs)     how many nodes the mesh has
    boundary(*arguments, *read; call, programs, size)    mesh, states, parameters, what else is returned
    collocated(m, x, y, p, *read; programs)              y and p, as the collocation equations define them
    unbroken(u, m, x, y, p, *read; programs)             u, where the right-hand side does not jump

The first two are SciPy's call as the user wrote it.  Its result solves the equations of collocation at
the nodes and in the middle between them, one block for each interval; it moves as these say
(:mod:`autodiff.differentiate.boundaries`).

Source: J. Kierzenka and L. F. Shampine, "A BVP solver based on residual control and the MATLAB PSE", ACM
Trans. Math. Softw. 27 (2001).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from autodiff.dims import Extent
from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.control import CheckFailed
from autodiff.ops.entries import Entry, Kernel, OfPrograms, Rules, register
from autodiff.ops.jumps import Observer
from autodiff.ops.solvers import FLOAT, Evaluator, answer
from autodiff.plain_data import dataclass

_INT = np.dtype(np.int64)


@dataclass(frozen=True, eq=False)
class Boundary:
    """A call of ``solve_bvp``.

    Parameters
    ----------
    run : callable
        From the functions and the values of the arguments to what SciPy returns.
    callbacks : tuple of str
        SciPy's parameters that take functions, f and g first; one program each.
    count : int
        How many of the operands are arguments.
    states, parameters : int
        How many states and parameters there are.
    source : Source or None
        The user's line.
    """

    run: Callable[[dict[str, Any], Sequence[Any]], Any]
    callbacks: tuple[str, ...]
    count: int
    states: int
    parameters: int
    source: Source | None
    last: threading.local = field(default_factory=threading.local)

    def __repr__(self) -> str:
        return "scipy.integrate.solve_bvp"


class _Watched:
    """A function that SciPy calls; it remembers what was raised."""

    def __init__(
        self, evaluate: Callable[..., Sequence[Any]], parameters: int, nodes: bool
    ) -> None:
        self.evaluate = evaluate
        self.parameters = parameters
        self.nodes = nodes
        self.raised: BaseException | None = None

    def __call__(self, *given: Any) -> Any:
        arguments = given if self.parameters else (*given, np.zeros(0))
        count = (np.asarray(len(given[0])),) if self.nodes else ()
        try:
            values = self.evaluate(*count, *map(np.ascontiguousarray, arguments))
        except BaseException as error:
            self.raised = self.raised or error
            raise
        return values[0] if len(values) == 1 else tuple(values)


def _solve(operands: Sequence[Any], call: Boundary, programs: Sequence[Evaluator]) -> Any:
    read = operands[call.count :]
    watched = {
        name: _Watched(program(*read), call.parameters, name.startswith("fun"))
        for name, program in zip(call.callbacks, programs, strict=True)
    }
    return answer([*watched.values()], lambda: call.run(watched, operands[: call.count]))


def _size_meaning(*operands: Any, call: Boundary, programs: Sequence[Evaluator]) -> Any:
    """How many nodes there are; the result waits for the ``boundary`` of the same call."""
    result = _solve(operands, call, programs)
    call.last.found = [np.asarray(x).tobytes() for x in operands], result
    return np.asarray(len(result.x), _INT)


def _meaning(
    *operands: Any, call: Boundary, programs: Sequence[Evaluator], size: int
) -> tuple[np.ndarray, ...]:
    before, result = call.last.__dict__.pop("found", (None, None))
    if before != [np.asarray(x).tobytes() for x in operands]:
        result = _solve(operands, call, programs)
    if result.status != 0:
        raise CheckFailed(f"solve_bvp stopped early: {result.message}")
    p = np.zeros(0) if result.p is None else result.p
    found = (result.x, result.y, p, result.yp, result.rms_residuals, result.niter)
    return tuple([np.asarray(x, order="C") for x in found])


def _types(types: Any, call: Boundary, programs: Any, size: Extent) -> tuple[ArrayType, ...]:
    n, k = call.states, call.parameters
    shapes: list[Any] = [(size,), (n, size), (k,), (n, size), (size - 1,)]
    return (*(ArrayType(FLOAT, shape) for shape in shapes), ArrayType(_INT, (), True))


register(
    Entry(
        "boundary_size",
        lambda types, call, programs: (ArrayType(_INT, ()),),
        _size_meaning,
        Kernel("boundary_size"),
        zero_derivative=True,
    )
)
register(Entry("boundary", _types, _meaning, Kernel("boundary"), zero_derivative=True, kept=True))


def _collocated_meaning(
    count: Any, x: Any, y: Any, p: Any, *read: Any, source: Source | None, programs: Any
) -> tuple[np.ndarray, ...]:
    return np.array(y), np.array(p)


register(
    Entry(
        "collocated",
        lambda types, source, programs: (
            ArrayType(FLOAT, types[2].shape),
            ArrayType(FLOAT, types[3].shape),
        ),
        _collocated_meaning,
        Kernel("collocated"),
        OfPrograms(),
    )
)


# -- jumps of the right-hand side ----------------------------------------------------------------------
def _unbroken_meaning(
    u: Any,
    count: Any,
    x: Any,
    y: Any,
    p: Any,
    *read: Any,
    programs: Sequence[Evaluator],
    active: tuple[bool, ...],
    source: Source | None,
) -> Any:
    """``u``, where neither the right-hand side nor a derivative of it jumps on the way.

    A kink is enough: the equations are sums over the nodes, in which the slope is off by a share of a
    step on the side of the kink where it does not belong.
    """
    own = (np.ones(1), y[:, :1], p, *read)
    tangents = [_some(v) for v, moves in zip(own, active, strict=True) if moves]
    observer = Observer(programs[0](*read, *tangents))

    def place(t: float) -> Sequence[Any]:
        j = min(max(int(np.searchsorted(x, t)) - 1, 0), len(x) - 2)
        share = (t - x[j]) / (x[j + 1] - x[j])
        state = y[:, j : j + 1] * (1 - share) + y[:, j + 1 : j + 2] * share
        return np.asarray(1), np.array([t]), state, p

    # Not at the nodes: what is decided there may be a draw, as at an end where a state is 0.
    h = np.diff(x)
    points = np.ravel([x[:-1] + 1e-3 * h, x[1:] - 1e-3 * h], order="F")
    states = [observer.look(*place(t))[0] for t in points]
    for low, high, before, after in zip(points, points[1:], states, states[1:], strict=False):
        if before != after and observer.jump(low, high, place) is not None:
            raise DerivativeError(
                f"scipy.integrate.solve_bvp has no derivative here: between x = {low:.6g} and {high:.6g} "
                "the right-hand side jumps or has a kink, and what is differentiated decides where.",
                code="AD305",
                source=source,
                remedy="solve up to there and from there on, as two parts of one problem",
            )
    return u


def _some(like: Any) -> np.ndarray:
    """A direction in which nothing cancels."""
    size = int(np.size(like))
    return np.reshape(1.0 + np.sqrt(2 + np.arange(size)), np.shape(like))


register(
    Entry(
        "unbroken",
        lambda types, **attributes: (ArrayType(types[0].dtype, types[0].shape),),
        _unbroken_meaning,
        Kernel("unbroken"),
        Rules(
            lambda site, tangents: (tangents[0],),
            lambda site, cts: (cts[0], *[None] * (len(site.operands) - 1)),
        ),
    )
)

__all__ = ["Boundary"]
