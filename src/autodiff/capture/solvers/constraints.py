"""Constraints of ``minimize`` in captured code: dicts, ``LinearConstraint`` and ``NonlinearConstraint``.

    {"type": "ineq", "fun": g}        g(x) >= 0, a program that SciPy is given and the derivative has
    LinearConstraint(A, lb, ub)       A x - lb >= 0, ub - A x >= 0, or A x - lb = 0 where both are equal
    NonlinearConstraint(g, lb, ub)    likewise, of what g gives

SciPy gets objects of the user's kind, made of their parts as these are at the call.  The distances to both
sides are programs beside it, which only the derivative has.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.opaque import is_sparse
from autodiff.capture.solvers.programs import (
    array_of,
    as_float,
    bound,
    call_of,
    captured,
    closed_program,
)
from autodiff.capture.trace import Declined
from autodiff.dims import equal, equal_shapes
from autodiff.ir.data import ArrayType, Program, Value
from autodiff.ops.minima import Returns
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import reshape
from autodiff.ops.tracer import Tracer, is_traced
from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class Callback:
    """A function as SciPy calls it: as a program, the values that it reads, what it returns."""

    name: str
    program: Program
    read: list[Value]
    returns: Returns


def array_valued(
    frame: Frame, name: str, function: Any, z: Tracer, extra: Sequence[Any], shape: Any, node: Any
) -> Callback:
    """A function from the unknown to an array of ``shape``; None: to any vector."""
    parameter = Value(z.value.type, "z")
    outcome = captured(frame, function, [Tracer(parameter, z.form)], extra, node)
    with frame.trace.builder.reopened(outcome.block):
        if shape is None:
            result = as_float(outcome.value)
            result = result if result.shape else reshape(result, (1,))
            if len(result.shape) != 1:
                raise Declined("residuals that are no vector")
        else:
            result = array_of(outcome.value, shape)
        outcome.block.outputs = [result.value]
    program, read = closed_program(outcome.block, getattr(function, "__name__", "f"))
    return Callback(name, program, read, "array")


def product_valued(
    frame: Frame, name: str, function: Any, z: Tracer, extra: Sequence[Any], node: Any
) -> Callback:
    """Of the unknown and a direction, which are one vector, the product of a matrix with the latter."""
    n: Any = z.shape[0]
    parameter = Value(ArrayType(FLOAT, (2 * n,)), "z")
    both: Any = Tracer(parameter, "array")

    def product() -> Any:
        return call_of(frame, function, [both[:n], both[n:], *extra], node)

    outcome = captured(frame, function, [both], extra, node, [parameter], product)
    with frame.trace.builder.reopened(outcome.block):
        outcome.block.outputs = [array_of(outcome.value, (n,)).value]
    program, read = closed_program(outcome.block, getattr(function, "__name__", "f"))
    return Callback(name, program, read, "array")


def spread(x: Any, n: Any) -> Tracer:
    """A number or vector as a vector of ``n``."""
    value = as_float(x)
    if len(value.shape) > 1 or (value.shape and not any(equal(value.shape[0], m) for m in (1, n))):
        raise Declined("bounds of another size than the unknown's")
    array: Any = value
    return value if equal_shapes(value.shape, (n,)) else as_float(np.broadcast_to(array, (n,)))


def limits(frame: Frame, x0: Tracer, limit: Tracer, sign: float, equal: list[bool]) -> Callback:
    """Bounds that are finite as a constraint that is not to be negative."""
    finite: Any = np.isfinite(limit)
    at = np.flatnonzero(frame.trace.concrete(finite))
    z = Tracer(Value(x0.value.type, "z"), "array")

    def distances() -> Any:
        return sign * (z[at] - limit[at])

    outcome = captured(frame, None, [z], (), frame.scope.syntax.node, thunk=distances)
    with frame.trace.builder.reopened(outcome.block):
        outcome.block.outputs = [as_float(outcome.value).value]
    equal += [False] * len(at)
    program, read = closed_program(outcome.block, "bounds")
    return Callback("bounds", program, read, "array")


class Constraints:
    """All constraints of a call.

    Attributes
    ----------
    order : list of str
        The constraints as the user has them, by their names.
    given : list of Callback
        The functions of dicts, which SciPy and the derivative have.
    called : list of Callback
        Functions that only SciPy has: Jacobians, and those of NonlinearConstraint.
    sides : list of Callback
        Distances that only the derivative has.
    equal : list of bool
        Of each component of ``given`` and ``sides`` whether it is an equation.
    parts : dict
        Matrices and bounds, which SciPy is given too.
    """

    def __init__(
        self,
        frame: Frame,
        given: Any,
        x0: Tracer,
        node: ast.AST,
        matrix: Callable[[Any], Any] | None = None,
    ) -> None:
        self.frame, self.x0, self.node = frame, x0, node
        self.matrix = matrix  # makes the Jacobians that SciPy is handed; None: it is handed none
        self.order: list[str] = []
        self.given: list[Callback] = []
        self.called: list[Callback] = []
        self.sides: list[Callback] = []
        self.equal: list[bool] = []
        self.parts: dict[str, Any] = {}
        self.options: dict[str, dict[str, Any]] = {}
        ends: list[bool] = []
        if isinstance(given, dict) or _kind(given) is not None:
            given = [given]
        if not isinstance(given, (list, tuple)):
            raise Declined("constraints of another kind")
        for number, one in enumerate(given):
            name = f"constraint {number}"
            self.order.append(name)
            if isinstance(one, dict):
                self._add_dict(name, one)
            elif (kind := _kind(one)) is not None:
                self._add_object(name, kind, one, ends)
            else:
                raise Declined("constraints of another kind")
        self.equal += ends

    @property
    def names(self) -> tuple[str, ...]:
        """What the functions of dicts are called among those that SciPy is given."""
        return tuple([name for name in self.order if self.options[name]["kind"] in ("eq", "ineq")])

    def _add_dict(self, name: str, one: dict[str, Any]) -> None:
        frame, x0 = self.frame, self.x0
        if not set(one) <= {"type", "fun", "args", "jac"}:
            raise Declined("constraints of another kind")
        kind, extra = one["type"], frame.trace.deep(one.get("args", ()))
        if kind not in ("eq", "ineq") or not isinstance(extra, (tuple, list)):
            raise Declined("constraints of another kind")
        callback = array_valued(frame, name, one["fun"], x0, extra, None, self.node)
        size = _size(callback)
        self.equal += [kind == "eq"] * size
        self.options[name] = {"kind": kind}
        if callable(one.get("jac")):
            shape = (size, x0.shape[0])
            self._add_slopes(name, one["jac"], extra, shape)
        elif one.get("jac") is None and self.matrix is not None:
            self._add_slopes(name, self.matrix(one["fun"]), extra, (size, x0.shape[0]))
        elif one.get("jac") is not None:
            raise Declined("constraints whose Jacobian is no function")
        self.given.append(callback)

    def _add_slopes(self, name: str, function: Any, extra: Sequence[Any], shape: Any) -> None:
        slopes = _slopes_of(
            self.frame, f"jac of {name}", function, self.x0, extra, shape, self.node
        )
        self.called.append(slopes)

    def _add_object(self, name: str, kind: str, one: Any, ends: list[bool]) -> None:
        frame, x0 = self.frame, self.x0

        path = frame.trace.paths.get(id(one))

        def read(part: str) -> Any:
            value = vars(one)[part]
            # From outside, where it may be changed.
            found = value if path is None else frame.trace.lift(value, path.attribute(part))
            return frame.trace.deep(found)

        if np.any(read("keep_feasible")):
            raise Declined("constraints that are kept all the time")
        options: dict[str, Any] = {"kind": kind}
        if kind == "LinearConstraint":
            matrix = read("A")
            if is_sparse(matrix):
                raise Declined("a linear constraint of a sparse matrix")
            rows = as_float(matrix)
            rows = rows if len(rows.shape) == 2 else reshape(rows, (1, *rows.shape))
            self.parts[f"matrix of {name}"] = rows
            size = rows.shape[0]

            def values(z: Any) -> Any:
                return np.matmul(rows, z)
        else:
            function, slopes = read("fun"), read("jac")
            steps = [read("finite_diff_rel_step"), read("finite_diff_jac_sparsity")]
            if any(x is not None for x in steps) or not _is_usual(vars(one)["hess"]):
                raise Declined("a nonlinear constraint with more than a Jacobian")
            callback = array_valued(frame, f"fun of {name}", function, x0, (), None, self.node)
            size = _size(callback)
            self.called.append(callback)
            if slopes == "2-point" and self.matrix is not None:  # what it is if nothing is said
                slopes = self.matrix(function)
            if callable(slopes):
                self._add_slopes(name, slopes, (), (size, x0.shape[0]))
            else:
                options["jac"] = slopes

            def values(z: Any) -> Any:
                found = as_float(call_of(frame, function, [z], self.node))
                return found if found.shape else reshape(found, (1,))

        if not isinstance(size, int):
            raise Declined("constraints of a number known only at run time")
        self.options[name] = options
        lower, upper = (spread(read(part), size) for part in ("lb", "ub"))
        self.parts |= {f"lb of {name}": lower, f"ub of {name}": upper}
        self.sides.append(_distances(frame, x0, values, lower, upper, ends))

    def made(self, given: dict[str, Any]) -> list[Any]:
        """What SciPy is given, made of the parts, which are taken out of ``given``."""
        optimize = sys.modules["scipy.optimize"]
        found: list[Any] = []
        for name in self.order:
            options = dict(self.options[name])
            kind = options.pop("kind")
            if f"jac of {name}" in given:
                options["jac"] = given.pop(f"jac of {name}")
            if kind in ("eq", "ineq"):
                found.append({"type": kind, "fun": given.pop(name), **options})
                continue
            lower, upper = (np.array(given.pop(f"{part} of {name}")) for part in ("lb", "ub"))
            part = "matrix" if kind == "LinearConstraint" else "fun"
            first = given.pop(f"{part} of {name}")
            found.append(getattr(optimize, kind)(first, lower, upper, **options))
        return found


def make_constraint(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """``LinearConstraint``, ``NonlinearConstraint`` and ``Bounds`` with parts that are traced."""
    given = bound(function, args, kwargs)
    parts = {name: frame.trace.deep(given.get(name)) for name in ("A", "lb", "ub")}
    if not is_traced(list(parts.values())):
        return NotImplemented
    made = object.__new__(function)
    defaults = {"lb": -np.inf, "ub": np.inf, "keep_feasible": False, "jac": "2-point"}
    for name, parameter in inspect.signature(function).parameters.items():
        value = parts.get(name)
        if value is None:
            value = given.get(name, defaults.get(name))
            value = parameter.default if value is None and name not in defaults else value
        vars(made)[name] = value
    for name in ("lb", "ub"):
        if function.__name__ != "NonlinearConstraint":  # which leaves them as they are
            vars(made)[name] = _at_least_1d(vars(made)[name])
    return frame.trace.fresh(made)


def _at_least_1d(x: Any) -> Tracer:
    array = as_float(x)
    return array if array.shape else reshape(array, (1,))


def _kind(x: Any) -> str | None:
    optimize = sys.modules["scipy.optimize"]
    for kind in ("LinearConstraint", "NonlinearConstraint"):
        if type(x) is getattr(optimize, kind):
            return kind
    return None


def _is_usual(strategy: Any) -> bool:
    """Whether it is what SciPy takes for the Hessian of a constraint where nothing is said of it."""
    usual = sys.modules["scipy.optimize"].BFGS()
    return strategy is None or (
        type(strategy) is type(usual) and repr(vars(strategy)) == repr(vars(usual))
    )


def _size(callback: Callback) -> int:
    size = callback.program.outputs[0].shape[0]
    if not isinstance(size, int):
        raise Declined("constraints of a number known only at run time")
    return size


def _distances(
    frame: Frame,
    x0: Tracer,
    values: Callable[[Any], Any],
    lower: Any,
    upper: Any,
    ends: list[bool],
) -> Callback:
    """How far values are from both of their bounds; which are equal, and finite, is guarded."""
    concrete = frame.trace.concrete
    same = concrete(np.equal(lower, upper))
    below, above = concrete(np.isfinite(lower)) & ~same, concrete(np.isfinite(upper)) & ~same
    fixed, from_below, from_above = (np.flatnonzero(x) for x in (same, below, above))
    z = Tracer(Value(x0.value.type, "z"), "array")

    def distances() -> Any:
        v = values(z)
        parts: list[Any] = [v[fixed] - lower[fixed], v[from_below] - lower[from_below]]
        return np.concatenate([*parts, upper[from_above] - v[from_above]])

    outcome = captured(frame, None, [z], (), frame.scope.syntax.node, thunk=distances)
    with frame.trace.builder.reopened(outcome.block):
        outcome.block.outputs = [as_float(outcome.value).value]
    ends += [True] * len(fixed) + [False] * (len(from_below) + len(from_above))
    program, read = closed_program(outcome.block, "constraints")
    return Callback("constraints", program, read, "array")


def _slopes_of(
    frame: Frame, name: str, function: Any, z: Tracer, extra: Sequence[Any], shape: Any, node: Any
) -> Callback:
    """The Jacobian of a constraint; that of a number may be a vector."""
    parameter = Value(z.value.type, "z")
    outcome = captured(frame, function, [Tracer(parameter, z.form)], extra, node)
    with frame.trace.builder.reopened(outcome.block):
        result = as_float(outcome.value)
        if shape[0] == 1 and len(result.shape) < 2:
            result = reshape(result, shape)
        if not equal_shapes(result.shape, shape):
            raise Declined("a Jacobian of another shape than its constraint's")
        outcome.block.outputs = [result.value]
    program, read = closed_program(outcome.block, getattr(function, "__name__", "f"))
    return Callback(name, program, read, "array")


__all__ = [
    "Callback",
    "Constraints",
    "array_valued",
    "limits",
    "make_constraint",
    "product_valued",
    "spread",
]
