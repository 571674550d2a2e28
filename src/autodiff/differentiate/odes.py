"""Derivatives of solutions of initial value problems (see autodiff.ops.odes), by those of their programs.

    y' = f(t, y, p),  y(t0) = y0,  Y = y(T)
    s' = f_y s + f_p dp,   s(t0) = dy0 - f(t0, y0) dt0,   dY = s(T) + f(T, Y) dT

The second line is the variational equation: with the first it is an initial value problem, a curve
of twice as many unknowns.  Reverse mode solves it for all directions at once, as a matrix S, and
takes the cotangent of Y times S.  Either is made of ordinary operations and of curves, so it is
differentiated again for second derivatives.

Source: E. Hairer, S. P. Nørsett and G. Wanner, *Solving Ordinary Differential Equations I*, 2nd ed.
(1993), section I.14; S. Serban and A. C. Hindmarsh, *CVODES* (2005), on error control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.differentiate import custom
from autodiff.differentiate.forward import jvp
from autodiff.differentiate.jacobians import jacobian
from autodiff.differentiate.reverse import vjp
from autodiff.dims import Extent, evaluate, product
from autodiff.ir.copying import Mapping, copy_value, map_type
from autodiff.ir.data import ArrayType, Operation, Program, Value
from autodiff.ops import adjoints  # noqa: F401 - enters its operation
from autodiff.ops.builder import building, current_builder
from autodiff.ops.control import INT, emit_for
from autodiff.ops.entries import Site
from autodiff.ops.jumps import watched
from autodiff.ops.odes import (
    ATOL,
    END,
    MAX_STEP,
    RTOL,
    START,
    STATE,
    TIMES,
    Problem,
    is_implicit,
)
from autodiff.ops.smooth import derived_as
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import reshape, zeros, zeros_like
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.plain_data import dataclass

Tangents = Sequence[Tracer | None]
Array = Any  # a tracer, with which the rules compute as with an array
_CURVE_STATE, _CURVE_READ = 2, 6  # positions among the operands of a curve
# Sensitivities from which on reverse mode goes by the adjoint equation.  With 20 states and 6 times both
# take 60 ms at 48,000 (an explicit method) and 0.2 s at some 10,000.
MANY, MANY_IMPLICIT = 40_000, 8_000
_USUAL = 10  # an extent that is known only at run time


@dataclass(frozen=True)
class _Curve:
    """A solution z of z' = program(t, z, *read), z(start) = z0, at some times.

    ``rows`` are its values at the times.  ``states`` and ``groups`` as in autodiff.ops.odes;
    ``of_states`` is the Jacobian of the user's right-hand side, which reads the first ``reads`` values.
    """

    problem: Problem
    program: Program
    start: Array
    times: Array
    z0: Array
    rows: Array
    read: list[Array]
    tolerances: tuple[Array, Array, Array]
    states: Extent
    groups: tuple[Extent, ...]
    of_states: Program | None
    reads: int
    is_exact: bool = True  # whether the rows are the solution, not what SciPy has returned

    def solved(self, rows: Array | None = None) -> _Curve:
        """The curve with rows of the solution itself, as far as they can be known.

        Its slope is the derivative by times, with an error of the user's tolerance and no more.
        """
        if self.is_exact:
            return self
        if rows is None:
            programs = [self.program]
            if is_implicit(self.problem.method):
                by_states = jacobian(self.program, [1], [0])
                programs += [by_states, by_states]
            rows = emit_tracer(
                "curve",
                *(self.start, self.times, self.z0, *self.tolerances, *self.read),
                problem=self.problem,
                programs=tuple(programs),
                states=self.states,
                groups=(),
                reads=self.reads,
                watches=None,
            )
        return replace(self, rows=rows, is_exact=True)

    def extended(
        self,
        program: Program,
        more: Array,
        read: Sequence[Array],
        directions: Extent,
        active: Sequence[bool],
    ) -> Array:
        """The rows of a curve of which this one is the first part, and ``more`` starts the rest.

        ``active``: by which of what is read the rest is the derivative.
        """
        programs = [program]
        if is_implicit(self.problem.method):
            programs += [
                jacobian(program, [1], [0]),
                self.of_states or jacobian(self.program, [1], [0]),
            ]
        looked_at = self._watched(active)
        operands = (
            self.start,
            self.times,
            np.concatenate([self.z0, more]),
            *self.tolerances,
            *read,
        )
        return emit_tracer(
            "curve",
            *operands,
            problem=self.problem,
            programs=(*programs, *looked_at),
            states=self.states,
            groups=(*self.groups, directions),
            reads=self.reads,
            watches=len(self.read) if looked_at else None,
        )

    def _watched(self, active: Sequence[bool]) -> list[Program]:
        """The program with the state of what decides by its own state or by what is active of ``read``."""
        _, state, *read = self.program.inputs
        moving = {state, *(v for v, a in zip(read, active, strict=True) if a)}
        found = watched(self.program, moving)
        return [] if found is None else [found]


def push(operation: Operation, site: Site, tangents: Tangents) -> Sequence[Tracer | None]:
    """Tangents of the results of an ``ivp`` or a ``curve``."""
    if operation.kind == "curve":
        curve = _curve_of(site)
        moved = _pushed(curve, tangents[0], tangents[1], tangents[2], tangents[_CURVE_READ:])
        return [None if moved is None else moved[0]]
    problem = operation.attributes["problem"]
    curve = _solution_of(site)
    start, end, z0, times = (tangents[k] for k in (START, END, STATE, TIMES))
    if not problem.has_times:
        times = _ends(curve.times, start, end)
    moved = _pushed(curve, start, times, z0, tangents[problem.count :])
    results: list[Tracer | None] = [None] * len(site.results)
    if moved is not None:
        tangent, exact = moved
        if exact is not None:
            tangent = _followed(curve, tangent, exact)
        results[0] = tangent.T if problem.in_columns else tangent
    if problem.in_columns:
        results[1] = times
    return [_refused(operation, site, k) if r is None else r for k, r in enumerate(results)]


def pull(operation: Operation, site: Site, cotangents: Tangents) -> Sequence[Tracer | None]:
    """Cotangents of the operands of an ``ivp`` or a ``curve``."""
    pulled: list[Tracer | None] = [None] * len(site.operands)
    if operation.kind == "curve":
        needed = (*site.needed[:3], *site.needed[_CURVE_READ:])
        found = _pulled(_curve_of(site), cotangents[0], needed, False)
        pulled[:3], pulled[_CURVE_READ:] = found[:3], found[3:]
        return pulled
    problem = operation.attributes["problem"]
    for number, other in enumerate(cotangents):
        refusal = problem.refusal(number)
        if other is not None and refusal is not None:
            raise refusal
    curve, ct = _solution_of(site), cotangents[0]
    moves = site.needed[TIMES] if problem.has_times else site.needed[START] or site.needed[END]
    needed = (site.needed[START], moves, site.needed[STATE], *site.needed[problem.count :])
    if ct is not None and problem.in_columns:
        ct = ct.T
    start, times, z0, *read = _pulled(curve, ct, needed, True)
    if problem.in_columns and cotangents[1] is not None:
        times = cotangents[1] if times is None else times + cotangents[1]
    pulled[START], pulled[STATE], pulled[problem.count :] = start, z0, read
    if problem.has_times:
        pulled[TIMES] = times
    elif times is not None:
        first = times[0]
        pulled[START] = first if start is None else start + first
        pulled[END] = times[-1]
    return pulled


# -- what an operation stands for ------------------------------------------------------------------------
def _curve_of(site: Site) -> _Curve:
    start, times, z0, *tolerances = site.operands[:_CURVE_READ]
    attributes = site.attributes
    return _Curve(
        attributes["problem"],
        attributes["programs"][0],
        start,
        times,
        z0,
        site.results[0],
        list(site.operands[_CURVE_READ:]),
        tuple(tolerances),
        attributes["states"],
        attributes["groups"],
        attributes["programs"][2] if len(attributes["programs"]) > 2 else None,
        attributes["reads"],
    )


def _solution_of(site: Site) -> _Curve:
    problem: Problem = site.attributes["problem"]
    operands, rows = site.operands, site.results[0]
    program = site.attributes["programs"][0]
    return _Curve(
        problem,
        program,
        operands[START],
        operands[TIMES] if problem.has_times else site.results[1],
        operands[STATE],
        rows.T if problem.in_columns else rows,
        list(operands[problem.count :]),
        (operands[RTOL], operands[ATOL], operands[MAX_STEP]),
        operands[STATE].shape[0],
        (),
        None,
        len(operands) - problem.count,
        is_exact=False,
    )


def _followed(curve: _Curve, sensitivity: Array, exact: Array, asked: Array | None = None) -> Array:
    """The sensitivity, once it is seen that SciPy's rows are the solution, where they are asked for."""
    seen = (curve.tolerances[1], curve.start, curve.times, curve.z0, *curve.read)
    everything: Array = zeros_like(exact)
    asked = everything + 1.0 if asked is None else asked
    return emit_tracer(
        "followed",
        *(sensitivity, exact, curve.rows, asked, *seen),
        problem=curve.problem,
        programs=(curve.program,),
    )


def _refused(operation: Operation, site: Site, number: int) -> Tracer | None:
    """The tangent of a result beside the states: none, or one that may not be asked for."""
    refusal = operation.attributes["problem"].refusal(number)
    x = site.results[number]
    if refusal is None or not x.value.type.is_float:
        return None
    return emit_tracer("refused", x, refusal=refusal)


def _ends(times: Array, start: Array | None, end: Array | None) -> Array | None:
    """The tangent of times that the solver chose: they are constants, but for the two ends."""
    if start is None and end is None:
        return None
    line = emit_tracer("iota", size=times.shape[0], dtype=INT)
    first = 0.0 if start is None else np.where(np.equal(line, 0), start, 0.0)
    last = 0.0 if end is None else np.where(np.equal(line, times.shape[0] - 1), end, 0.0)
    return first + last


# -- the right-hand side at points of the solution ----------------------------------------------------------
def put_in_place(program: Program, arguments: Sequence[Array]) -> list[Array]:
    """The outputs of a program, put in place."""
    given = [_as(x, v) for x, v in zip(arguments, program.inputs, strict=True)]
    return [Tracer(v, "array") for v in custom.inline(current_builder(), program.block, given, {})]


def _as(x: Array, like: Value) -> Value:
    if x.value.type.weak == like.type.weak and x.dtype == like.dtype:
        return x.value
    cast = {"dtype": like.dtype, "weak": like.type.weak}
    return current_builder().emit("cast", (x.value,), cast)[0]


def _slopes(curve: _Curve) -> Array:
    """The right-hand side at every time, one row each."""
    count = curve.times.shape[0]
    with current_builder().region() as body:
        k = current_builder().parameter(ArrayType(INT, ()), "k")
        k.low, k.high = 0, count - 1
        at = Tracer(k, "array")
        (slope,) = put_in_place(curve.program, [curve.times[at], curve.rows[at], *curve.read])
        body.outputs = [slope.value]
    return Tracer(emit_for(count, (), body)[0], "array")


def _slope_at_start(curve: _Curve) -> Array:
    return put_in_place(curve.program, [curve.start, curve.z0, *curve.read])[0]


# -- forward mode --------------------------------------------------------------------------------------------
def _pushed(
    curve: _Curve, start: Array | None, times: Array | None, z0: Array | None, read: Tangents
) -> tuple[Array, Array | None] | None:
    """The tangent of the rows, and the rows themselves where they are known better."""
    given = [t for t in read if t is not None]
    tangent: Array | None = None
    exact: Array | None = None
    if start is not None:
        back = -(_slope_at_start(curve) * start)
        z0 = back if z0 is None else z0 + back
    if z0 is not None or given:
        active = [t is not None for t in read]
        program = _variational(curve.program, active)
        n = curve.z0.shape[0]
        z0 = zeros_like(curve.z0) if z0 is None else z0
        rows = curve.extended(program, z0, [*curve.read, *given], 1, active)
        exact, tangent = rows[:, :n], rows[:, n:]
    if times is not None:
        best = curve.solved(exact)
        if not curve.is_exact:
            exact = best.rows
        moved = times[:, None] * _slopes(best)
        tangent = moved if tangent is None else tangent + moved
    return None if tangent is None else (tangent, exact)


def _variational(program: Program, active: Sequence[bool]) -> Program:
    """Of f(t, z, *read): the right-hand side for z and one tangent of it."""
    derived = jvp(program, [False, True, *active])
    count = len(program.inputs)
    with building() as builder:
        mapping: Mapping = {}
        read = [copy_value(v, mapping) for v in program.inputs[2:]]
        moving = [copy_value(v, mapping) for v in derived.inputs[count + 1 :]]
        t = copy_value(program.inputs[0], mapping)
        n = map_type(program.inputs[1].type, mapping).shape[0]
        w = Value(ArrayType(FLOAT, (2 * n,)), "w")
        builder.block.parameters = [t, w, *read, *moving]
        whole = Tracer(w, "array")
        z, s = whole[:n], whole[n:]
        outputs = put_in_place(derived, [*_tracers([t]), z, *_tracers(read), s, *_tracers(moving)])
        whole_slope: Array = np.concatenate(outputs)
        builder.block.outputs = [whole_slope.value]
        return Program(builder.block, f"{program.name}_variational")


def _tracers(values: Sequence[Value]) -> list[Array]:
    return [Tracer(v, "array") for v in values]


# -- reverse mode ----------------------------------------------------------------------------------------------
def _pulled(
    curve: _Curve,
    ct: Array | None,
    needed: Sequence[bool],
    compared: bool,
) -> list[Array | None]:
    """Cotangents of the start, the times, z0 and what is read, from that of the rows.

    ``compared``: whether the rows are SciPy's, which are not the solution itself.
    """
    pulled: list[Array | None] = [None] * len(needed)
    if ct is None:
        return pulled
    wrt = [k for k, v in enumerate(curve.read) if needed[3 + k] and v.value.type.is_float]
    by_state = needed[0] or needed[2]
    n = curve.z0.shape[0]
    best: _Curve | None = None
    if wrt or by_state:
        program = _sensitivities(curve.program, wrt, by_state)
        directions = (n if by_state else 0) + sum(
            [product(curve.read[k].shape) for k in wrt], start=0
        )
        starts = _starts(curve, wrt, by_state)
        rows = curve.extended(program, starts, curve.read, directions, needed[3:])
        exact, sensitivity = rows[:, :n], rows[:, n:]
        if compared:
            sensitivity = _followed(curve, sensitivity, exact, ct)
            best = curve.solved(exact)
        count = product(ct.shape)
        line: Array = reshape(ct, (count,))
        whole = line @ reshape(sensitivity, (count, directions))
        at: Any = 0
        if by_state:
            pulled[2] = whole[:n]
            at = n
        for k in wrt:
            shape = curve.read[k].shape
            size = product(shape)
            pulled[3 + k] = reshape(whole[at : at + size], shape)
            at = at + size
        if compared and _are_many(n * directions, curve.problem.method):
            _by_adjoint(curve, ct, wrt, by_state, needed[3:], pulled)
            best = None  # else the sensitivities would be integrated for it
    if needed[0]:
        pulled[0] = -np.sum(pulled[2] * _slope_at_start(curve))
    if not needed[2]:
        pulled[2] = None
    if needed[1]:
        best = best or curve.solved()
        along = _slopes(best)
        if compared:
            along = _followed(curve, along, best.rows, ct)
        pulled[1] = np.sum(ct * along, axis=1)
    return pulled


def _are_many(unknowns: Extent, method: str) -> bool:
    """Whether there are so many sensitivities that the adjoint equation is less work."""
    count = evaluate(unknowns, lambda value: _USUAL)
    return count > (MANY_IMPLICIT if is_implicit(method) else MANY)


def _by_adjoint(
    curve: _Curve,
    ct: Array,
    wrt: Sequence[int],
    by_state: bool,
    active: Sequence[bool],
    pulled: list[Array | None],
) -> None:
    """Put in place of cotangents by the sensitivities those by the adjoint equation.

    What they were stays their derivative, which nobody may ask for: then nothing of it is computed.
    """
    programs = [curve.program, _backward(curve.program, wrt)]
    if is_implicit(curve.problem.method):
        programs.append(jacobian(curve.program, [1], [0]))
    looked_at = curve._watched(active)
    rows, by_z0, *by_read = emit_tracer(
        "adjoint",
        curve.start,
        curve.times,
        curve.z0,
        *curve.tolerances,
        ct,
        *curve.read,
        problem=curve.problem,
        programs=(*programs, *looked_at),
        wrt=tuple(wrt),
        watches=len(curve.read) if looked_at else None,
    )
    found = [*([(2, by_z0)] if by_state else []), *zip([3 + k for k in wrt], by_read, strict=True)]
    for place, value in found:
        known = pulled[place]
        assert known is not None
        pulled[place] = derived_as(_followed(curve, value, rows), known)


def _backward(program: Program, wrt: Sequence[int]) -> Program:
    """Of f(t, z, *read): the slope of (λ, μ), as a function of t, z, λ and what is read."""
    derived = vjp(program, [1, *(2 + k for k in wrt)], [0], keep_values=False)
    with building() as builder:
        mapping: Mapping = {}
        read = [copy_value(v, mapping) for v in program.inputs[2:]]
        t = copy_value(program.inputs[0], mapping)
        z = copy_value(program.inputs[1], mapping)
        multiplier = Value(ArrayType(FLOAT, z.shape), "l")
        builder.block.parameters = [t, z, multiplier, *read]
        found = put_in_place(derived, [*_tracers([t, z, *read]), Tracer(multiplier, "array")])
        flat: list[Array] = [reshape(x, (product(x.shape),)) for x in found]
        slope: Array = -np.concatenate(flat)
        builder.block.outputs = [slope.value]
        return Program(builder.block, f"{program.name}_adjoint")


def _starts(curve: _Curve, wrt: Sequence[int], by_state: bool) -> Array:
    """The matrix S at the start, row after row: dz0/dz0 = 1, dz0/dp = 0."""
    n = curve.z0.shape[0]
    columns = sum([product(curve.read[k].shape) for k in wrt], start=0)
    if not by_state:
        return zeros((n * columns,), FLOAT)
    unit = np.where(np.equal(_line(n)[:, None], _line(n)[None, :]), 1.0, 0.0)
    matrix: Array = np.concatenate([unit, zeros((n, columns), FLOAT)], axis=1)
    return reshape(matrix, (n * (n + columns),))


def _line(n: Extent) -> Array:
    return emit_tracer("iota", size=n, dtype=INT)


def _sensitivities(program: Program, wrt: Sequence[int], by_state: bool) -> Program:
    """Of f(t, z, *read): the right-hand side for z and the matrix of derivatives S of z.

    Its columns are those by z at the start, then those by the inputs ``2 + wrt``.
    """
    derived = jacobian(program, [1, *(2 + k for k in wrt)], [0])
    with building() as builder:
        mapping: Mapping = {}
        read = [copy_value(v, mapping) for v in program.inputs[2:]]
        t = copy_value(program.inputs[0], mapping)
        n = map_type(program.inputs[1].type, mapping).shape[0]
        sizes = [product(read[k].shape) for k in wrt]
        columns = (n if by_state else 0) + sum(sizes, start=0)
        w = Value(ArrayType(FLOAT, (n + n * columns,)), "w")
        builder.block.parameters = [t, w, *read]
        whole = Tracer(w, "array")
        z, s = whole[:n], reshape(whole[n:], (n, columns))
        arguments = [*_tracers([t]), z, *_tracers(read)]
        (slope,) = put_in_place(program, arguments)
        by_z, *by_read = put_in_place(derived, arguments)
        sources = [reshape(j, (n, size)) for j, size in zip(by_read, sizes, strict=True)]
        if by_state:
            sources.insert(0, zeros((n, n), FLOAT))
        moved = by_z @ s + np.concatenate(sources, axis=1)
        whole_slope: Array = np.concatenate([slope, reshape(moved, (n * columns,))])
        builder.block.outputs = [whole_slope.value]
        return Program(builder.block, f"{program.name}_sensitivities")


__all__ = ["pull", "push", "put_in_place"]
