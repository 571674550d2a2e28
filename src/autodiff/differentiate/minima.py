"""Derivatives of minima (see autodiff.ops.minima), by those of the objective's gradient.

    g(x, p) = ∇_x F(x, p) = 0                       dx = -H⁻¹ g_p dp,   H = g_x

Unknowns that a bound holds move with it, and the others as if those were given: with F = 1 for what
is free and 0 for what is held,

    (F H F + 1 - F) dx = -F (g_p dp + H (1 - F) db) + (1 - F) db

With constraints c, of which those that hold are zero with multipliers λ, the unknowns are (x, λ), the
equations ∇_x (F - λ c) = 0 and c = 0, and a constraint that does not hold has the λ that is held, at zero.

A minimiser stops where the gradient is small, not where it is zero.  The formula is evaluated one step
of Newton's further, where its error is of second order.

Of many unknowns no matrix of second derivatives is formed: the equations are put as those of a root,

    F g(F x + (1 - F) b, p) + (1 - F) (x - b) = 0

whose derivative by x is the matrix above, and whose products are all that is computed.

Source: A. V. Fiacco, *Introduction to Sensitivity and Stability Analysis in Nonlinear Programming*
(1983), chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.differentiate import large
from autodiff.differentiate.forward import jvp
from autodiff.differentiate.jacobians import jacobian
from autodiff.differentiate.odes import put_in_place
from autodiff.differentiate.reverse import vjp
from autodiff.ir.copying import Mapping, copy_value, map_type
from autodiff.ir.data import ArrayType, Operation, Program, Value
from autodiff.ops.builder import building, current_builder
from autodiff.ops.control import INT, emit_for
from autodiff.ops.entries import Site
from autodiff.ops.minima import LOWER, START, UPPER, Minimizer
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import zeros, zeros_like
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.plain_data import dataclass

Tangents = Sequence[Tracer | None]
Array = Any  # a tracer, with which the rules compute as with an array


def push(operation: Operation, site: Site, tangents: Tangents) -> Sequence[Tracer | None]:
    """Tangents of the results of a ``minimized``."""
    solver: Minimizer = operation.attributes["solver"]
    read, moving = _read(site), tangents[solver.count :]
    given = [t for t in moving if t is not None]
    bounds = tangents[LOWER], tangents[UPPER]
    results: list[Tracer | None] = [None] * len(site.results)
    if given or (solver.is_bounded and any(t is not None for t in bounds)):
        point: _Point | _LargePoint = _point(operation, site)
        active = [t is not None for t in moving]
        if isinstance(point, _LargePoint):
            moved = point.moved(moving, *bounds)
        else:
            change: Array = 0.0
            if given:
                derived = jvp(point.gradient, [False, *active])
                change = put_in_place(derived, [point.x, *read, *given])[1]
            moved = _moved(point, change, *bounds)
        results[0] = moved[: site.results[0].shape[0]] if solver.equal else moved
        for number, what in solver.moved:
            program = _of_minimum(operation, what)
            derived = jvp(program, [True, *active])
            results[number] = put_in_place(
                derived, [site.results[0], *read, results[0], *given]
            )[1]  # fmt: skip
    return [_refused(solver, site, k) if r is None else r for k, r in enumerate(results)]


def pull(operation: Operation, site: Site, cotangents: Tangents) -> Sequence[Tracer | None]:
    """Cotangents of the operands of a ``minimized``."""
    solver: Minimizer = operation.attributes["solver"]
    for number, other in enumerate(cotangents):
        refusal = solver.refusal(number)
        if other is not None and refusal is not None:
            raise refusal
    read = _read(site)
    ct: Array | None = cotangents[0]
    wrt = [k for k, v in enumerate(read) if site.needed[solver.count + k] and v.value.type.is_float]
    pulled: list[Array | None] = [None] * len(site.operands)
    for number, what in solver.moved:
        seed = cotangents[number]
        if seed is None:
            continue
        derived = vjp(
            _of_minimum(operation, what), [0, *(1 + k for k in wrt)], [0], keep_values=False
        )
        by_x, *by_read = put_in_place(derived, [site.results[0], *read, seed])
        ct = by_x if ct is None else ct + by_x
        pulled = _summed(pulled, [None, None, *by_read], solver.count, wrt)
    if ct is None:
        return pulled
    point: _Point | _LargePoint = _point(operation, site)
    if solver.equal:
        ct = np.concatenate([ct, zeros((len(solver.equal),), FLOAT)])
    multiplier = point.divide(ct, transposed=True)
    if isinstance(point, _LargePoint):
        return _summed(pulled, point.pulled(multiplier, wrt), solver.count, wrt)
    through = multiplier if point.free is None else point.free * multiplier
    if wrt:
        derived = vjp(point.gradient, [1 + k for k in wrt], [0], keep_values=False)
        found = put_in_place(derived, [point.x, *read, -through])
        pulled = _summed(pulled, [None, None, *found], solver.count, wrt)
    if point.at_lower is not None:
        held = (1 - point.free) * (multiplier - point.times(through, transposed=True))
        pulled[LOWER] = np.where(point.at_lower, held, 0.0)
        pulled[UPPER] = np.where(point.at_lower, 0.0, held)
    return pulled


def _summed(
    pulled: list[Array | None], more: Sequence[Array | None], first: int, wrt: Sequence[int]
) -> list[Array | None]:
    """``pulled`` with the cotangents of the bounds and of what is read added to it."""
    places = [LOWER, UPPER, *(first + k for k in wrt)]
    for k, one in zip(places, more, strict=True):
        if one is not None:
            known = pulled[k]
            pulled[k] = one if known is None else known + one
    return pulled


def _read(site: Site) -> list[Array]:
    return list(site.operands[site.attributes["solver"].count :])


def _refused(solver: Minimizer, site: Site, number: int) -> Tracer | None:
    """The tangent of a result beside the minimum: none, or one that may not be asked for."""
    refusal = solver.refusal(number)
    x = site.results[number]
    if refusal is None or not x.value.type.is_float:
        return None
    return emit_tracer("refused", x, refusal=refusal)


# -- the objective ------------------------------------------------------------------------------------------
def _of_minimum(operation: Operation, what: str) -> Program:
    """A function of the minimum and of what is read: the objective or the residuals."""
    solver: Minimizer = operation.attributes["solver"]
    program: Program = operation.attributes["programs"][solver.objective]
    if len(program.outputs) > 1:  # the user's gradient beside the objective
        program = _first_output(program)
    if what == "residuals" or solver.loss is None:
        return program
    return _cost(program, solver)


def _first_output(program: Program) -> Program:
    block = type(program.block)(program.inputs, program.block.operations, program.outputs[:1])
    return Program(block, program.name)


def _cost(program: Program, solver: Minimizer) -> Program:
    """Half the sum of the losses of residuals."""
    with building() as builder:
        mapping: Mapping = {}
        # Extents first: the types of others are in terms of them.
        z, *read = program.inputs
        copies = [copy_value(v, mapping) for v in read]
        builder.block.parameters = [copy_value(z, mapping), *copies]
        given = [Tracer(v, "array") for v in builder.block.parameters]
        (residuals,) = put_in_place(program, given)
        squares = (residuals / solver.scale) ** 2
        total: Array = 0.5 * solver.scale**2 * np.sum(_LOSSES[solver.loss or "linear"](squares))
        builder.block.outputs = [total.value]
        return Program(builder.block, f"{program.name}_cost")


def _huber(z: Array) -> Array:
    large = z > 1
    return np.where(large, 2 * np.sqrt(np.where(large, z, 1.0)) - 1, z)


# As scipy.optimize.least_squares defines them, of squared residuals.
_LOSSES: dict[str, Any] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
    "huber": _huber,
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


# -- the point at which the gradient vanishes ---------------------------------------------------------------
@dataclass(frozen=True)
class _Point:
    """Where the formula is evaluated.

    ``matrix`` is the second derivative, ``system`` that of the free unknowns, with 1 for those held.
    ``free`` and ``at_lower`` are None where no bound is finite.
    """

    x: Array
    gradient: Program
    matrix: Array
    system: Array
    free: Array
    at_lower: Array

    def divide(self, b: Array, transposed: bool = False) -> Array:
        """``system⁻¹ b``."""
        if not self.system.shape:
            return b / self.system
        return np.linalg.solve(self.system.T if transposed else self.system, b)

    def times(self, b: Array, transposed: bool = False) -> Array:
        """``matrix b``."""
        if not self.matrix.shape:
            return self.matrix * b
        return (self.matrix.T if transposed else self.matrix) @ b


@dataclass(frozen=True)
class _LargePoint:
    """Where the formula is evaluated, of so many unknowns that no second derivatives are formed.

    ``program`` is zero at it; what it reads begins with ``free`` and the limits, where bounds or
    constraints may hold.  ``at_lower`` is None where no bound is finite.
    """

    x: Array
    program: Program
    read: list[Array]
    look: Callable[[Array], Array]
    solver: Minimizer
    symmetric: bool
    at_lower: Array = None

    @property
    def is_held(self) -> bool:
        """Whether anything may be held."""
        return self.at_lower is not None or not self.symmetric

    def divide(self, b: Array, transposed: bool = False) -> Array:
        """``J⁻¹ b`` or ``J⁻ᵀ b``, of the derivative J by the unknowns."""
        name, source = self.solver.name, self.solver.source
        where, turned = [self.x, *self.read], transposed and not self.symmetric
        return self.look(large.solution(self.program, b, where, turned, 1e-11, name, source))

    def moved(self, moving: Tangents, lower: Array | None, upper: Array | None) -> Array:
        """The tangent of the minimum."""
        tangents = list(moving)
        if self.is_held:
            tangents = [None, self._limit(lower, upper), *tangents]
        derived = jvp(self.program, [False, *(t is not None for t in tangents)])
        given = [t for t in tangents if t is not None]
        return -self.divide(put_in_place(derived, [self.x, *self.read, *given])[1])

    def _limit(self, lower: Array | None, upper: Array | None) -> Array | None:
        """The tangent of the limits."""
        if self.at_lower is None or (lower is None and upper is None):
            return None
        zero = zeros(self.x.shape, FLOAT)
        below, above = (zero if t is None else t for t in (lower, upper))
        return np.where(self.at_lower, below, above)

    def pulled(self, multiplier: Array, wrt: Sequence[int]) -> list[Array | None]:
        """The cotangents of the bounds and of what is read."""
        first = 3 if self.is_held else 1
        places = [2] if self.at_lower is not None else []
        places += [first + k for k in wrt]
        if not places:
            return [None, None]
        derived = vjp(self.program, places, [0], keep_values=False)
        found: list[Array | None] = list(put_in_place(derived, [self.x, *self.read, -multiplier]))
        if self.at_lower is None:
            return [None, None, *found]
        limit = (1 - self.read[0]) * found[0]
        return [
            np.where(self.at_lower, limit, 0.0),
            np.where(self.at_lower, 0.0, limit),
            *found[1:],
        ]


def _large_point(operation: Operation, site: Site, gradient: Program) -> _LargePoint:
    solver: Minimizer = operation.attributes["solver"]
    read, x, start = _read(site), site.results[0], site.operands[START]
    begin, at_lower = np.where(np.isfinite(start), start, x), None
    if solver.is_bounded:
        lower, upper = site.operands[LOWER], site.operands[UPPER]
        (slope,) = put_in_place(gradient, [x, *read])
        (first,) = put_in_place(gradient, [begin, *read])
        curved = _row_norms(gradient, [x, *read])
        seen = (x, slope, curved, lower, upper, begin, first)
        free, low = emit_tracer("free", *seen, name=solver.name, source=solver.source)
        at_lower = np.greater(low, 0)
        limits = np.where(free > 0, 0.0, np.where(at_lower, lower, upper))
        gradient, read = _held(gradient), [free, limits, *read]
    return _further(solver, gradient, read, x, begin, at_lower, symmetric=True)


def _further(
    solver: Minimizer,
    program: Program,
    read: list[Array],
    x: Array,
    begin: Array,
    at_lower: Array | None,
    symmetric: bool,
) -> _LargePoint:
    """One step of Newton's from ``x``, and a look at how far that is."""
    (residual,) = put_in_place(program, [x, *read])
    (first,) = put_in_place(program, [begin, *read])
    who = (solver.name, solver.source)
    step = large.solution(program, residual, [x, *read], False, 1e-11, *who, is_checked=True)
    turn = large.turn(program, step, [x, *read], *who)

    def look(found: Array) -> Array:
        seen = (found, residual, step, turn, x, begin, first, *read)
        return emit_tracer("calm", *seen, solver=solver, programs=(program,))

    return _LargePoint(x - step, program, read, look, solver, symmetric, at_lower)


def _held(program: Program) -> Program:
    """Of (x, F, b, p), the free components of g(F x + (1 - F) b, p), and x - b of the others."""
    with building() as builder:
        mapping: Mapping = {}
        z, *read = program.inputs
        copies = [copy_value(v, mapping) for v in read]
        unknown = copy_value(z, mapping)
        free, limits = (Value(unknown.type, name) for name in ("free", "limits"))
        builder.block.parameters = [unknown, free, limits, *copies]
        x: Array = Tracer(unknown, "array")
        at: Array = Tracer(free, "array")
        b: Array = Tracer(limits, "array")
        mixed: Array = at * x + (1 - at) * b
        (found,) = put_in_place(program, [mixed, *(Tracer(v, "array") for v in copies)])
        made: Array = at * found + (1 - at) * (x - b)
        builder.block.outputs = [made.value]
        return Program(builder.block, f"{program.name}_held")


_SIGNS = 8  # vectors of signs, which tell how long a row is to a third


def _row_norms(gradient: Program, point: Sequence[Array]) -> Array:
    """How long each row of the derivative of a gradient is, roughly: √(mean of (H s)²), signs s.

    |g| divided by it is the shortest way on which a component of the gradient may become zero.

    Source: C. Bekas, E. Kokiopoulou and Y. Saad, "An estimator for the diagonal of a matrix", Applied
    Numerical Mathematics 57 (2007).
    """
    x = point[0]
    derived = jvp(gradient, [True, *[False] * (len(gradient.inputs) - 1)])
    line: Array = emit_tracer("iota", size=x.shape[0], dtype=INT)
    line = line + 1.0
    with current_builder().region() as body:
        k = current_builder().parameter(ArrayType(INT, ()), "k")
        k.low, k.high = 0, _SIGNS - 1
        # Squares times irrational numbers are as good as random ones modulo a period.
        number: Array = Tracer(k, "array")
        angle: Array = np.sqrt(number + 2.5) * line * line
        sign = np.where(np.sin(angle) >= 0, 1.0, -1.0)
        product = put_in_place(derived, [*point, sign])[1]
        body.outputs = [(product * product).value]
    squares: Array = Tracer(emit_for(_SIGNS, (), body)[0], "array")
    return np.sqrt(np.mean(squares, axis=0))


def _point(operation: Operation, site: Site) -> _Point | _LargePoint:
    solver: Minimizer = operation.attributes["solver"]
    read, x = _read(site), site.results[0]
    start, lower, upper = (site.operands[k] for k in (START, LOWER, UPPER))
    gradient = vjp(_of_minimum(operation, "objective"), [0], [0], True, keep_values=False)
    if solver.equal:
        return _point_of_constraints(operation, site, gradient)
    if large.is_large(x):
        return _large_point(operation, site, gradient)
    hessian = slope_of(gradient)
    (slope,) = put_in_place(gradient, [x, *read])
    (matrix,) = put_in_place(hessian, [x, *read])
    free: Array = None
    at_lower: Array = None
    begin = np.where(np.isfinite(start), start, x)
    (first,) = put_in_place(gradient, [begin, *read])
    if solver.is_bounded:
        seen = (x, slope, matrix, lower, upper, begin, first)
        free, low = emit_tracer("free", *seen, name=solver.name, source=solver.source)
        at_lower = np.greater(low, 0)
        # What is held is not quite at its bound where a solver keeps off it.
        shift: Array = np.where(free > 0, 0.0, np.where(at_lower, lower, upper) - x)
        slope = free * (slope + (matrix @ shift if matrix.shape else matrix * shift)) - shift
    moves = Tracer.constant(np.ones(x.shape)) if free is None else free
    looked = (_of_free(matrix, free), slope, x, start, first, moves, *read)
    system = emit_tracer("settled", *looked, solver=solver, programs=(gradient, hessian))
    point = _Point(x, gradient, matrix, system, free, at_lower)
    further = x - point.divide(slope)
    (matrix,) = put_in_place(hessian, [further, *read])
    return _Point(further, gradient, matrix, _of_free(matrix, free), free, at_lower)


def _point_of_constraints(
    operation: Operation, site: Site, gradient: Program
) -> _Point | _LargePoint:
    solver: Minimizer = operation.attributes["solver"]
    read, x, start = _read(site), site.results[0], site.operands[START]
    programs = operation.attributes["programs"]
    constraints = programs[len(programs) - solver.functions :]
    values = [put_in_place(program, [x, *read])[0] for program in constraints]
    slopes = [put_in_place(jacobian(program, [0], [0]), [x, *read])[0] for program in constraints]
    begin = np.where(np.isfinite(start), start, x)
    (slope,), (first,) = (put_in_place(gradient, [at, *read]) for at in (x, begin))
    together: Array = np.concatenate(values)
    steep: Array = np.concatenate(slopes)
    holds, force = emit_tracer("multipliers", together, steep, slope, first, x, solver=solver)
    equations = _equations(gradient, constraints, len(solver.equal))
    free: Array = np.concatenate([np.ones(x.shape), holds])
    whole: Array = np.concatenate([x, force])
    begin_all: Array = np.concatenate([begin, force])
    if large.is_large(x):
        held = [free, zeros(whole.shape, FLOAT), *read]
        return _further(solver, _held(equations), held, whole, begin_all, None, symmetric=False)
    hessian = jacobian(equations, [0], [0])
    (residual,) = put_in_place(equations, [whole, *read])
    residual = free * residual
    (matrix,) = put_in_place(hessian, [whole, *read])
    (first,) = put_in_place(equations, [begin_all, *read])
    seen = (residual, whole, begin_all, first, free, *read)
    made = (equations, hessian)
    system = emit_tracer("settled", _of_free(matrix, free), *seen, solver=solver, programs=made)
    further = whole - np.linalg.solve(system, residual)
    (matrix,) = put_in_place(hessian, [further, *read])
    return _Point(further, equations, matrix, _of_free(matrix, free), free, None)


def _equations(gradient: Program, constraints: Sequence[Program], count: int) -> Program:
    """Of (x, λ): the gradient of F - λ c by x, and c."""
    with building() as builder:
        mapping: Mapping = {}
        z, *read = gradient.inputs
        copies = [copy_value(v, mapping) for v in read]
        n = map_type(z.type, mapping).shape[0]
        u = Value(ArrayType(FLOAT, (n + count,)), "u")
        builder.block.parameters = [u, *copies]
        whole = Tracer(u, "array")
        given = [whole[:n], *(Tracer(v, "array") for v in copies)]
        (total,) = put_in_place(gradient, given)
        parts, at = [], n
        for program in constraints:
            size = program.outputs[0].shape[0]
            derived = vjp(program, [0], [0])
            value, pulled = put_in_place(derived, [*given, whole[at : at + size]])
            total, at = total - pulled, at + size
            parts.append(value)
        made: Array = np.concatenate([total, *parts])
        builder.block.outputs = [made.value]
        return Program(builder.block, f"{gradient.name}_conditions")


def slope_of(program: Program, is_pointwise: bool = False) -> Program:
    """The derivative of a program by its first input; of one that is pointwise, for each number its own."""
    if program.inputs[0].shape and not is_pointwise:
        return jacobian(program, [0], [0])
    derived = jvp(program, [True, *[False] * (len(program.inputs) - 1)])
    with building() as builder:
        mapping: Mapping = {}
        z, *read = program.inputs
        copies = [copy_value(v, mapping) for v in read]
        builder.block.parameters = [copy_value(z, mapping), *copies]
        given: list[Array] = [Tracer(v, "array") for v in builder.block.parameters]
        none: Array = zeros_like(given[0])
        found = put_in_place(derived, [*given, none + 1.0])
        builder.block.outputs = [found[1].value]
        return Program(builder.block, f"{program.name}_slope")


def _of_free(matrix: Array, free: Array | None) -> Array:
    if free is None:
        return matrix
    if not matrix.shape:
        return free * matrix + (1 - free)
    line = emit_tracer("iota", size=matrix.shape[0], dtype=INT)
    unit = np.where(np.equal(line[:, None], line[None, :]), 1.0, 0.0)
    return free[:, None] * matrix * free[None, :] + unit * (1 - free)


def _moved(point: _Point, change: Array, lower: Array | None, upper: Array | None) -> Array:
    """The tangent of the minimum."""
    if point.free is None:
        return -point.divide(change)
    held: Array = 0.0
    if point.at_lower is None:
        return point.divide(-point.free * change)
    if lower is not None:
        held = held + np.where(point.at_lower, lower, 0.0)
    if upper is not None:
        held = held + np.where(point.at_lower, 0.0, upper)
    held = (1 - point.free) * held
    return point.divide(held - point.free * (change + point.times(held)))


__all__ = ["pull", "push", "slope_of"]
