"""SciPy's solvers and integrators in captured code: one operation, with the user's function in it.

    roots.py       brentq … root        zeros of functions
    implied.py     autodiff.implicit    what a residual defines
    integrals.py   quad … nquad         integrals of functions
    cubatures.py   tanhsinh, nsum, cubature
    odes.py        solve_ivp, odeint
    steps.py       ode
    boundaries.py  solve_bvp
    minima.py      minimize, minimize_scalar, linear_sum_assignment
    fits.py        least_squares, leastsq, curve_fit
    constraints.py of minimize
    searches.py    differential_evolution … shgo, brute, fmin_slsqp, fmin_cobyla
    handed.py      the derivatives that they are handed where the user gave none
    patterns.py    structures of Jacobians
    vertices.py    linprog, milp, nnls, lsq_linear, isotonic_regression
    systems.py     cg … lsqr, expm_multiply, LinearOperator
    spectra.py     eigsh, eigs, svds

A new value of what the user's function reads compiles nothing, and a derivative by it has a rule.
A call of another kind, or of a function that does more than compute, goes the way of any call of
a library.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers import fits, minima, spectra, steps, systems, vertices
from autodiff.capture.solvers.boundaries import solve_boundary_problem
from autodiff.capture.solvers.constraints import make_constraint
from autodiff.capture.solvers.cubatures import CUBATURES
from autodiff.capture.solvers.integrals import INTEGRATORS
from autodiff.capture.solvers.odes import solve_by_odeint, solve_initial_value_problem
from autodiff.capture.solvers.roots import ROOT_FINDERS, find_root
from autodiff.capture.solvers.searches import SEARCHES
from autodiff.capture.trace import traced_leaves
from autodiff.dims import UndecidedExtent
from autodiff.errors import AutodiffError, DerivativeError, InternalError
from autodiff.ladder import Bail
from autodiff.later import later

if TYPE_CHECKING:
    from autodiff.capture.solvers import handed
else:
    handed = later("autodiff.capture.solvers.handed")


def attempt(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """The result of a call of a solver or integrator; NotImplemented where it is none of these."""
    name = getattr(function, "__name__", "")
    handler = _handler(function, name)
    if handler is None:
        return steps.attempt(frame, function, args, kwargs, node)
    if frame.trace.handing is not None:
        more = handed.handed(frame, function, args, kwargs, node)
        found = _attempt(
            frame, handler, function, *((args, kwargs) if more is None else ([], more)), node
        )
        if found is not NotImplemented:
            return found
        asked, frame.trace.handing = frame.trace.handing, None
        try:
            return _attempt(frame, handler, function, args, kwargs, node)
        finally:
            frame.trace.handing = asked
    return _attempt(frame, handler, function, args, kwargs, node)


def _attempt(
    frame: Frame,
    handler: Callable[..., Any],
    function: Any,
    args: list[Any],
    kwargs: dict[str, Any],
    node: ast.AST,
) -> Any:
    name = function.__name__
    try:
        return handler(frame, function, args, kwargs, node)
    except InternalError:
        raise
    except (Bail, UndecidedExtent, AutodiffError) as problem:
        if isinstance(problem, Bail) and problem.needs is not None:
            raise
        reason = str(getattr(problem, "reason", problem)) if isinstance(problem, Bail) else ""
        frame.trace.set_aside = (function, reason)
        if reason and name in ("linprog", "milp"):  # whose code cannot be followed
            _refuse_derivative(frame, function, [*args, *kwargs.values()], reason, node)
        return NotImplemented  # what is known of the call is told on its ordinary way


def _refuse_derivative(
    frame: Frame, function: Any, given: list[Any], reason: str, node: ast.AST
) -> None:
    parts: list[Any] = []
    for x in given:
        for one in x if isinstance(x, (list, tuple)) else [x]:
            made = type(one).__module__.startswith("scipy.") and hasattr(one, "__dict__")
            parts += vars(one).values() if made else [one]
    if any(map(frame.trace.differentiated, (t.value for t in traced_leaves(parts)))):
        raise DerivativeError(
            f"scipy.optimize.{function.__name__} has no derivative here: {reason}.",
            code="AD302",
            source=frame.source(node),
            remedy="give it one with autodiff.custom_gradient, or pass its arguments through "
            "autodiff.stop_gradient if no derivative should flow",
        )


# By module and name: how a call is captured.
_ROWS: dict[tuple[str, str], Callable[..., Any]] = {
    **{("scipy.optimize", name): find_root for name in ROOT_FINDERS},
    **{("scipy.integrate", name): handler for name, handler in INTEGRATORS.items()},
    **{("scipy.integrate", name): handler for name, handler in CUBATURES.items()},
    ("scipy.integrate", "solve_ivp"): solve_initial_value_problem,
    ("scipy.integrate", "odeint"): solve_by_odeint,
    ("scipy.integrate", "solve_bvp"): solve_boundary_problem,
    **{("scipy.optimize", name): minima.minimize_by_name for name in minima.OLDER},
    **{("scipy.optimize", name): minima.minimize_along_a_line for name in minima.ALONG_A_LINE},
    **{("scipy.optimize", name): minima.minimize_with_bounds for name in minima.WITH_BOUNDS},
    **{("scipy.optimize", name): handler for name, handler in SEARCHES.items()},
    ("scipy.optimize", "minimize"): minima.minimize,
    ("scipy.optimize", "minimize_scalar"): minima.minimize_scalar,
    ("scipy.optimize", "least_squares"): fits.least_squares,
    ("scipy.optimize", "leastsq"): fits.leastsq,
    ("scipy.optimize", "curve_fit"): fits.curve_fit,
    ("scipy.optimize", "linear_sum_assignment"): minima.assign,
    **{
        ("scipy.optimize", name): make_constraint
        for name in ("LinearConstraint", "NonlinearConstraint", "Bounds")
    },
    ("scipy.optimize", "nnls"): vertices.solve_nonnegative,
    ("scipy.optimize", "isotonic_regression"): vertices.fit_isotonic,
    ("scipy.optimize", "lsq_linear"): vertices.solve_with_bounds,
    ("scipy.optimize", "linprog"): vertices.solve_program,
    ("scipy.optimize", "milp"): vertices.solve_in_integers,
    **{
        ("scipy.sparse.linalg", name): handler
        for name, handler in {**systems.ROWS, **spectra.ROWS}.items()
    },
}


def _handler(function: Any, name: str) -> Callable[..., Any] | None:
    for module in ("scipy.optimize", "scipy.integrate", "scipy.sparse.linalg"):
        handler = _ROWS.get((module, name))
        if handler and getattr(sys.modules.get(module), name, None) is function:
            return handler
    return None


__all__ = ["attempt"]
