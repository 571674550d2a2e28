"""Constraints in plain NumPy, given the derivatives that the method takes.

    {"type": "ineq", "fun": lambda x: 1 - x @ x}   ->   the same with "jac": exact

SciPy knows three forms: a dictionary, `NonlinearConstraint` and `LinearConstraint`. The first two
get an exact Jacobian unless the caller gave one; for trust-constr a `NonlinearConstraint` also gets
the Hessian of v·c(x), which that method asks for. `LinearConstraint` and `Bounds` need none and
apply to the flat vector of all parameters.

SciPy fills in ``jac="2-point"`` and ``hess=BFGS()`` when a `NonlinearConstraint` is made without
them; an object that holds just these counts as "nothing given".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .evaluation import (
    Options,
    derivative,
    jacobian_of_vector,
    sparse_jacobian,
    value_of_vector,
)
from .methods import Method
from .parameters import Array, Layout


def prepare_constraints(
    constraints: Any, entry: Method, layout: Layout, how: Options, start: Array | None = None
) -> Any:
    """The constraints for SciPy, with exact derivatives where `entry` takes them.

    The Jacobian of one that is alone is sparse, where it is large and mostly empty at `start`: SciPy
    wants those of several to be of one kind.
    """
    if constraints is None or (isinstance(constraints, list | tuple) and not constraints):
        return ()
    if isinstance(constraints, list | tuple):
        only = start if len(constraints) == 1 else None
        return [_prepare(constraint, entry, layout, how, only) for constraint in constraints]
    return _prepare(constraints, entry, layout, how, start)


def _prepare(
    constraint: Any, entry: Method, layout: Layout, how: Options, start: Array | None
) -> Any:
    from scipy.optimize import NonlinearConstraint

    if isinstance(constraint, dict):
        return _prepare_dictionary(constraint, entry, layout, how)
    if isinstance(constraint, NonlinearConstraint):
        return _prepare_nonlinear(constraint, entry, layout, how, start)
    return constraint  # LinearConstraint and Bounds


def _prepare_dictionary(
    constraint: dict[str, Any], entry: Method, layout: Layout, how: Options
) -> dict[str, Any]:
    prepared = dict(constraint)
    args = tuple(prepared.pop("args", ()))
    function, jacobian = constraint["fun"], constraint.get("jac")
    prepared["fun"] = _values(function, layout, args, how)
    if callable(jacobian):
        prepared["jac"] = _given_jacobian(jacobian, layout, args)
    elif jacobian is None and entry.constraints in ("jacobian", "hessian"):
        prepared["jac"] = jacobian_of_vector(function, layout, args=args, options=how)
    return prepared


def _prepare_nonlinear(
    constraint: Any, entry: Method, layout: Layout, how: Options, start: Array | None
) -> Any:
    from scipy.optimize import NonlinearConstraint

    function, jacobian, hessian = constraint.fun, constraint.jac, constraint.hess
    if callable(jacobian):
        jacobian = _given_jacobian(jacobian, layout, ())
    elif jacobian == "2-point" and entry.constraints in ("jacobian", "hessian"):
        sparse = None
        if start is not None and entry.constraints == "hessian":
            sparse = sparse_jacobian(function, layout, layout.unpack(start), (), None, how)
        jacobian = sparse or jacobian_of_vector(function, layout, options=how)
        if _is_default_hessian(hessian) and entry.constraints == "hessian":
            hessian = _weighted_hessian(function, layout, how)
    return NonlinearConstraint(
        _values(function, layout, (), how),
        constraint.lb,
        constraint.ub,
        jac=jacobian,
        hess=hessian,
        keep_feasible=constraint.keep_feasible,
        finite_diff_rel_step=constraint.finite_diff_rel_step,
        finite_diff_jac_sparsity=constraint.finite_diff_jac_sparsity,
    )


def _is_default_hessian(hessian: Any) -> bool:
    from scipy.optimize import BFGS

    return type(hessian) is BFGS and hessian.exception_strategy == BFGS().exception_strategy


def _values(
    function: Callable[..., Any], layout: Layout, args: tuple[Any, ...], how: Options
) -> Callable[[Array], Any]:
    value = value_of_vector(function, layout, args=args, options=how)
    return lambda x: np.ravel(value(x))


def _given_jacobian(
    jacobian: Callable[..., Any], layout: Layout, args: tuple[Any, ...]
) -> Callable[[Array], Any]:
    return lambda x: jacobian(layout.unpack(x), *args)


def _weighted_hessian(
    function: Callable[..., Any], layout: Layout, how: Options
) -> Callable[[Array, Array], Any]:
    """``(x, v) -> H``, the Hessian of ``v . function(x)``, as an operator: products only."""
    from scipy.sparse.linalg import LinearOperator

    product = derivative("hessian_vector", _weighted(function), "parameters", how)

    def hessian(x: Array, weights: Array) -> Any:
        weights = np.asarray(weights, dtype=np.float64)

        def apply(vector: Array) -> Array:
            direction = layout.unpack(np.ravel(vector))
            return layout.pack(product(layout.unpack(x), weights, _tensors=direction))

        return LinearOperator((layout.size, layout.size), matvec=apply, dtype=np.float64)

    return hessian


@lru_cache(maxsize=16)
def _weighted(function: Callable[..., Any]) -> Callable[..., Any]:
    def weighted(parameters: Any, weights: Array) -> Any:
        return np.sum(weights * np.ravel(function(parameters)))

    return weighted
