"""Solutions of linear programs and of linear least squares with bounds: what of them moves smoothly.

    called(*operands; call, types)             what SciPy returns: values, without a derivative
    strict(slack, force; name, source)         1 where there is slack, 0 where a force holds
    solvable(A; name, source)                  A, once it can be divided by
    agrees(x, exact, found; name, source)      x, once SciPy has found what a formula says
    distinct(x, exact, found; name, source)    the same of eigenvalues, where each is the only one

A solution at bounds moves as the equations say that hold there with a force (Karush, Kuhn, Tucker).
Where something is at a bound without force, or the equations do not determine the solution, it moves in
some directions only, or jumps: an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import DerivativeError, NoSolutionWarning
from autodiff.ir.data import ArrayType, Source
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.solvers import FLOAT
from autodiff.ops.standing import inverse_of
from autodiff.ops.tracer import emit_tracer
from autodiff.plain_data import dataclass
from autodiff.tracebacks import depth_of_user

Array = Any  # a tracer or an array


@dataclass(frozen=True, eq=False)
class Call:
    """A call of SciPy's: from the values of its operands to the arrays wanted of what it returns."""

    name: str
    run: Callable[[Sequence[Any]], Sequence[Any]]

    def __repr__(self) -> str:
        return self.name


def _called_meaning(
    *operands: Any, call: Call, types: tuple[ArrayType, ...]
) -> tuple[np.ndarray, ...]:
    found = call.run(operands)
    return tuple([np.asarray(x, type.dtype) for x, type in zip(found, types, strict=True)])


register(
    Entry(
        "called",
        lambda given, call, types: types,
        _called_meaning,
        Kernel("called"),
        zero_derivative=True,
        kept=True,
    )
)


def _strict_meaning(slack: Any, force: Any, *, name: str, source: Source | None) -> Any:
    free = slack > 1e-9 * max(1.0, float(np.max(np.abs(slack[np.isfinite(slack)]), initial=0.0)))
    if np.any(~free & (force <= 1e-9 * np.max(np.abs(force), initial=0.0))):
        raise DerivativeError(
            f"{name} has no derivative here: the solution is at a bound or constraint that does not "
            "hold it, so it moves in one direction only.",
            code="AD305",
            source=source,
            remedy="move the bound or constraint, or give the call a derivative with "
            "autodiff.custom_gradient",
        )
    return np.where(free, 1.0, 0.0)


register(
    Entry(
        "strict",
        lambda types, name, source: (ArrayType(FLOAT, types[0].shape),),
        _strict_meaning,
        Kernel("strict"),
        zero_derivative=True,
    )
)


def _solvable_meaning(a: Any, *, name: str, source: Source | None) -> Any:
    if inverse_of(a) is None:
        raise DerivativeError(
            f"{name} has no derivative here: the equations that hold at the solution do not determine "
            "it and its multipliers.",
            code="AD305",
            source=source,
            remedy="a solution that is not the only one jumps; leave out constraints that follow from "
            "others, or give the call a derivative with autodiff.custom_gradient",
        )
    return a


register(
    Entry(
        "solvable",
        lambda types, name, source: (ArrayType(types[0].dtype, types[0].shape),),
        _solvable_meaning,
        Kernel("solvable"),
        Rules(lambda site, tangents: (tangents[0],), lambda site, cts: (cts[0],)),
    )
)


def _far(exact: Any, found: Any, share: float) -> bool:
    """Whether two arrays differ by more than a share of the largest number."""
    size = max(np.max(np.abs(exact), initial=0.0), np.max(np.abs(found), initial=0.0))
    return not np.max(np.abs(exact - found), initial=0.0) <= share * size


def _agrees_meaning(x: Any, exact: Any, found: Any, *, name: str, source: Source | None) -> Any:
    # A tenth, as of trajectories: what is that far off was stopped early, not asked for roughly.
    if _far(exact, found, 0.1):
        where = f"{source.file}, line {source.line}" if source is not None else "?"
        warnings.warn(
            f"{name} ({where}) stopped far from the solution: the derivative of what it returns is "
            "meaningless; ask for a smaller tolerance, or for more iterations",
            NoSolutionWarning,
            stacklevel=depth_of_user(),
        )
    return x


def _distinct_meaning(x: Any, exact: Any, found: Any, *, name: str, source: Source | None) -> Any:
    if not np.all(np.isfinite(exact)) or _far(exact, found, 1e-3):
        raise DerivativeError(
            f"{name} has no derivative here: an eigenvalue is there more than once, or was not found "
            "exactly.",
            code="AD305",
            source=source,
            remedy="of equal eigenvalues each moves on its own; ask for others or for a smaller "
            "tolerance, or give the call a derivative with autodiff.custom_gradient",
        )
    return x


def _first_alone(kind: str) -> Rules:
    """Derivatives of a first operand that is looked at, and kept."""

    def look(site: Site, x: Any) -> Any:
        return emit_tracer(kind, x, *site.operands[1:], **site.attributes)

    return Rules(
        lambda site, tangents: (None if tangents[0] is None else look(site, tangents[0]),),
        lambda site, cts: (look(site, cts[0]), None, None),
    )


for _kind, _meaning in (("agrees", _agrees_meaning), ("distinct", _distinct_meaning)):
    register(
        Entry(
            _kind,
            lambda types, name, source: (ArrayType(types[0].dtype, types[0].shape),),
            _meaning,
            Kernel(_kind),
            _first_alone(_kind),
        )
    )


# -- formulas for solutions, of which the derivatives are taken ---------------------------------------
def least_squares_vertex(
    a: Array, b: Array, held_at: Array, free: Array, name: str, source: Source | None
) -> Array:
    """The least squares solution of A x = b with unknowns that are not ``free`` held where they are.

    With F for what is free, (F AᵀA F + 1 - F) x = F Aᵀ(b - A x_held) + x_held.
    """
    held = (1 - free) * np.where(free > 0, 0.0, held_at)
    system = free[:, None] * (a.T @ a) * free[None, :] + np.diag(1 - free)
    system = emit_tracer("solvable", system, name=name, source=source)
    return np.linalg.solve(system, free * (a.T @ (b - a @ held)) + held)


def program_vertex(
    c: Array,
    equal: tuple[Array, Array],
    below: tuple[Array, Array],
    held_at: Array,
    free: Array,
    loose: Array,
    name: str,
    source: Source | None,
) -> tuple[Array, Array, Array]:
    """The vertex of a linear program, and the multipliers of its equations and inequalities.

    ``free``: 1 for unknowns that no bound holds; ``loose``: for inequalities that are not active.  The
    unknowns x, λ, μ solve A_eq x = b_eq; A_ub x = b_ub or μ = 0; A_eqᵀ λ + A_ubᵀ μ = c or x = bound.
    """
    (a_eq, b_eq), (a_ub, b_ub) = equal, below
    n, e, u = c.shape[0], b_eq.shape[0], b_ub.shape[0]
    tight = 1 - loose
    rows = [
        np.concatenate([np.diag(1 - free), free[:, None] * a_eq.T, free[:, None] * a_ub.T], axis=1),
        np.concatenate([a_eq, np.zeros((e, e + u))], axis=1),
        np.concatenate([tight[:, None] * a_ub, np.zeros((u, e)), np.diag(loose)], axis=1),
    ]
    system: Array = np.concatenate(rows)
    system = emit_tracer("solvable", system, name=name, source=source)
    held = np.where(free > 0, 0.0, held_at)
    right: Array = np.concatenate([free * c + (1 - free) * held, b_eq, tight * b_ub])
    whole = np.linalg.solve(system, right)
    return whole[:n], whole[n : n + e], whole[n + e :]


__all__ = ["Call", "least_squares_vertex", "program_vertex"]
