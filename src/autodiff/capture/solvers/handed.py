"""Exact derivatives in the place of SciPy's differences, where the user gave none (``solver_jacobians=True``).

    root(f, x0)                    =>  root(f, x0, jac=autodiff.jacobian(f))
    solve_ivp(f, …, method="BDF")  =>  solve_ivp(f, …, method="BDF", jac=autodiff.jacobian(f, wrt="y"))

The call is what it would be had the user written them, so all that is known of such calls holds: they are
programs of their own, compiled, and new values of what they read compile nothing.  What the user says, a
scheme of differences (``jac="3-point"``) included, stays; so does a method that takes no derivative.

Each row of ``ROWS`` says of one of SciPy's functions which keywords are added.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.solvers.programs import as_float, bound, call_of
from autodiff.dims import product
from autodiff.ladder import Bail
from autodiff.ops.complex_numbers import is_complex
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer
from autodiff.plain_data import dataclass

Given = dict[str, Any]


@dataclass(frozen=True)
class _OfOne:
    """A function of capture's own of one unknown, to be differentiated."""

    function: Callable[[Any], Any]

    def __autodiff_inline__(self, trace: Any, args: Any, kwargs: Given) -> Any:
        """How capture treats a call."""
        return self.function(*args)

    def __call__(self, z: Any) -> Any:
        """As in capture, where alone it is called."""
        return self.function(z)


@dataclass(frozen=True)
class Handed:
    """A derivative that SciPy gets as if the user had given it."""

    function: Callable[..., Any]

    def __autodiff_inline__(self, trace: Any, args: Any, kwargs: Given) -> Any:
        """How capture treats a call."""
        return self.function(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As in capture, where alone it is called."""
        return self.function(*args, **kwargs)


class Derivatives:
    """What makes the derivatives of the functions of one call."""

    def __init__(self, frame: Frame, node: ast.AST) -> None:
        self.frame, self.node = frame, node

    def of(
        self, kind: str, function: Any, result: Callable[[Any], Any], position: int = 0
    ) -> Handed:
        """``jacobian``, ``gradient`` or ``hessian`` by one of the arguments, of ``result(value)``."""

        def handed(*args: Any, **kwargs: Any) -> Any:
            def value(z: Any) -> Any:
                given = [*args[:position], z, *args[position + 1 :]]
                return result(call_of(self.frame, function, given, self.node, kwargs))

            return self.at(kind, value, args[position])

        return Handed(handed)

    def at(self, kind: str, function: Callable[[Any], Any], z: Any) -> Any:
        """The derivative of a function of one argument at a place."""
        trace = self.frame.trace
        assert trace.handing is not None
        return trace.handing(kind, _OfOne(function), trace, z)

    def matrix(self, function: Any, position: int = 0) -> Handed:
        """The Jacobian of a function from a vector to a vector."""
        return self.of("jacobian", function, _vector, position)

    def gradient(self, function: Any) -> Handed:
        """The gradient of a function from a vector to a number."""
        return self.of("gradient", function, _number)

    def hessian(self, function: Any) -> Handed:
        """The matrix of second derivatives of a function from a vector to a number."""
        return self.of("hessian", function, _number)

    def slope(self, function: Any) -> Handed:
        """The derivative of a function of a number, or of many numbers one by one."""
        return self.of("gradient", function, _total)

    def products(self, function: Any, position: int = 0) -> Handed:
        """Products with the Jacobian by one of the arguments: of z and v, as one vector."""

        def product_with(*args: Any, **kwargs: Any) -> Any:
            both: Any = args[position]
            n = both.shape[0] // 2

            def moved(s: Any) -> Any:
                given = [*args[:position], both[:n] + s * both[n:], *args[position + 1 :]]
                return _vector(call_of(self.frame, function, given, self.node, kwargs))

            return self.at("jacobian", moved, 0.0)

        return Handed(product_with)

    def of_one_state(self, function: Any, in_columns: bool) -> Any:
        """A right-hand side of one state, of one that takes and gives many as columns."""

        def of_column(t: Any, y: Any, *extra: Any) -> Any:
            return call_of(self.frame, function, [t, reshape(y, (*y.shape, 1)), *extra], self.node)

        return Handed(of_column) if in_columns else function


def _vector(value: Any) -> Any:
    result = as_float(value)
    return result if len(result.shape) == 1 else reshape(result, (product(result.shape),))


def _number(value: Any) -> Any:
    return reshape(as_float(value), ())


def _total(value: Any) -> Any:
    result: Any = as_float(value)
    return np.sum(result) if result.shape else result


def handed(
    frame: Frame, function: Any, args: list[Any], kwargs: Given, node: ast.AST
) -> Given | None:
    """The arguments of a call by name, with the derivatives that SciPy is handed; None: there are none."""
    row = ROWS.get(function.__name__)
    if row is None:
        return None
    try:
        given = bound(function, args, kwargs)
    except Bail:  # which the call itself is too
        return None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            given |= given.pop(parameter.name, {})
    more = row(Derivatives(frame, node), given)
    return given | more if more else None


def _lacks(given: Given, *names: str) -> bool:
    """Whether nothing is said of some arguments."""
    return all(given.get(name) is None or given[name] is False for name in names)


# -- zeros ----------------------------------------------------------------------------------------------
def _root(d: Derivatives, given: Given) -> Given:
    takes = given.get("method", "hybr") in ("hybr", "lm")
    return {"jac": d.matrix(given["fun"])} if takes and _lacks(given, "jac") else {}


def _fsolve(d: Derivatives, given: Given) -> Given:
    free = _lacks(given, "fprime", "band", "col_deriv")
    return {"fprime": d.matrix(given["func"])} if free else {}


def _newton(d: Derivatives, given: Given) -> Given:
    free = _lacks(given, "fprime", "fprime2", "x1")
    return {"fprime": d.slope(given["func"])} if free else {}


def _root_scalar(d: Derivatives, given: Given) -> Given:
    method = given.get("method")
    if method is None and _lacks(given, "bracket", "x1", "fprime2"):
        method = "newton"
    more: Given = {}
    if method in ("newton", "halley") and _lacks(given, "fprime"):
        more["fprime"] = d.slope(given["f"])
    if method == "halley" and _lacks(given, "fprime2"):
        more["fprime2"] = d.slope(more.get("fprime", given.get("fprime")))
    return more


# -- minima ---------------------------------------------------------------------------------------------
_WITH_GRADIENT = (
    "cg", "bfgs", "newton-cg", "l-bfgs-b", "tnc", "slsqp", "dogleg", "trust-ncg", "trust-krylov",
    "trust-exact", "trust-constr",
)  # fmt: skip
_MOST = (
    1000  # unknowns of which a full matrix is made for a method that needs products with it only
)
_WITH_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov")
_WITH_HESSIAN = (
    "newton-cg", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr",
)  # fmt: skip


def for_constraints(frame: Frame, node: ast.AST, given: Given) -> Callable[[Any], Handed] | None:
    """What makes the Jacobians of constraints; None where the method takes none."""
    if _method_of(given) not in ("slsqp", "trust-constr"):
        return None
    return Derivatives(frame, node).matrix


def _method_of(given: Given) -> str | None:
    """The method of a call of ``minimize``; None: another thing than a name."""
    method = given.get("method")
    if method is None:  # SciPy chooses among these
        held = given.get("constraints")
        return "bfgs" if held is None or (isinstance(held, (tuple, list)) and not held) else "slsqp"
    return method.lower() if isinstance(method, str) else None


def _minimize(d: Derivatives, given: Given) -> Given:
    method, more = _method_of(given), {}
    if method in _WITH_GRADIENT and _lacks(given, "jac"):
        more["jac"] = d.gradient(given["fun"])
    few = method not in _WITH_PRODUCTS or _is_short(given["x0"])
    if method in _WITH_HESSIAN and few and _lacks(given, "hess", "hessp"):
        both = given.get("jac") is True
        more["hess"] = d.of("hessian", given["fun"], lambda v: _number(v[0] if both else v))
    return more


def _is_short(x0: Any) -> bool:
    size = product(x0.shape) if isinstance(x0, Tracer) else np.size(x0)
    return isinstance(size, int) and size <= _MOST


def _by_gradient(d: Derivatives, given: Given) -> Given:
    """``fmin_bfgs`` and its like."""
    return {"fprime": d.gradient(given["f"])} if _lacks(given, "fprime") else {}


def _fmin_ncg(d: Derivatives, given: Given) -> Given:
    free = _lacks(given, "fhess", "fhess_p") and _is_short(given["x0"])
    return {"fhess": d.hessian(given["f"])} if free else {}


def _fmin_slsqp(d: Derivatives, given: Given) -> Given:
    return {"fprime": d.gradient(given["func"])} if _lacks(given, "fprime") else {}


# -- fits -----------------------------------------------------------------------------------------------
def _least_squares(d: Derivatives, given: Given) -> Given:
    free = _lacks(given, "jac", "jac_sparsity")
    return {"jac": d.matrix(given["fun"])} if free else {}


def _leastsq(d: Derivatives, given: Given) -> Given:
    return {"Dfun": d.matrix(given["func"])} if _lacks(given, "Dfun", "col_deriv") else {}


def _curve_fit(d: Derivatives, given: Given) -> Given:
    if not _lacks(given, "jac"):
        return {}
    model = given["f"]

    def slopes(x: Any, *parameters: Any) -> Any:
        def values(q: Any) -> Any:
            found = [q[k] for k in range(len(parameters))]
            return _vector(call_of(d.frame, model, [x, *found], d.node))

        return d.at("jacobian", values, np.stack(parameters))

    return {"jac": Handed(slopes)}


# -- trajectories ---------------------------------------------------------------------------------------
def _solve_ivp(d: Derivatives, given: Given) -> Given:
    implicit = given.get("method") in ("Radau", "BDF", "LSODA")
    if not implicit or not _lacks(given, "jac", "jac_sparsity") or is_complex(given["y0"]):
        return {}
    return {"jac": d.matrix(d.of_one_state(given["fun"], not _lacks(given, "vectorized")), 1)}


def for_structure(
    frame: Frame, node: ast.AST, function: Any, method: str, in_columns: bool
) -> dict[str, Any]:
    """Of a right-hand side with a Jacobian of known structure, what is handed in place of differences."""
    if method not in ("Radau", "BDF"):
        return {}
    d = Derivatives(frame, node)
    return {"products": d.products(d.of_one_state(function, in_columns), 1)}


def of_states(frame: Frame, node: ast.AST, function: Any) -> Handed:
    """The Jacobian of a right-hand side f(t, y) by the states."""
    return Derivatives(frame, node).matrix(function, 1)


def _odeint(d: Derivatives, given: Given) -> Given:
    free = _lacks(given, "Dfun", "col_deriv", "ml", "mu")
    return {"Dfun": d.matrix(given["func"], 1 if given.get("tfirst") else 0)} if free else {}


def _solve_bvp(d: Derivatives, given: Given) -> Given:
    """Of the right-hand side at all nodes, of which each has its own slopes; and of the conditions."""
    if not _lacks(given, "fun_jac", "bc_jac", "S"):
        return {}
    fun, bc = given["fun"], given["bc"]
    by_state = d.of("jacobian", fun, lambda v: np.sum(as_float(v), axis=1), 1)
    by_parameter = d.of("jacobian", fun, as_float, 2)
    of_conditions = [d.matrix(bc, k) for k in range(3)]

    def of_nodes(x: Any, y: Any, *p: Any) -> Any:
        found = [by_state(x, y, *p)]
        if p:
            found.append(np.transpose(by_parameter(x, y, *p), (0, 2, 1)))
        return tuple(found) if p else found[0]

    def of_ends(*ends: Any) -> Any:
        return tuple([by_end(*ends) for by_end in of_conditions[: len(ends)]])

    return {"fun_jac": Handed(of_nodes), "bc_jac": Handed(of_ends)}


ROWS: dict[str, Callable[[Derivatives, Given], Given]] = {
    "root": _root,
    "fsolve": _fsolve,
    "newton": _newton,
    "root_scalar": _root_scalar,
    "minimize": _minimize,
    "fmin_cg": _by_gradient,
    "fmin_bfgs": _by_gradient,
    "fmin_ncg": _fmin_ncg,
    "fmin_slsqp": _fmin_slsqp,
    "least_squares": _least_squares,
    "leastsq": _leastsq,
    "curve_fit": _curve_fit,
    "solve_ivp": _solve_ivp,
    "odeint": _odeint,
    "solve_bvp": _solve_bvp,
}

__all__ = ["for_constraints", "for_structure", "handed", "of_states"]
