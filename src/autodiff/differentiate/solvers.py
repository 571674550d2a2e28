"""Derivatives of solutions and integrals, by those of their programs.

    f(x, p) = 0                     dx = -f_x⁻¹ f_p dp                  the implicit function theorem
    I = ∫_a^b w(t) f(t, p) dt       dI = w(b) f(b) db - w(a) f(a) da + ∫ w f_p dp dt    Leibniz' rule

A search is not differentiated along its path.  What is emitted are ordinary operations, at the
solution, so it is differentiated again for second derivatives; the integral of a derivative is
one more call of the integrator, with the options and the weight that the user gave.  By the frequency
of a weight cos(ω t) the derivative is the integral of -t f with sin(ω t).  The operations are in
autodiff.ops.solvers and autodiff.ops.integrals.

Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 15.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.differentiate import boundaries, large, minima, odes
from autodiff.differentiate.forward import jvp
from autodiff.differentiate.odes import put_in_place
from autodiff.differentiate.reverse import vjp
from autodiff.errors import DerivativeError
from autodiff.ir.copying import Mapping, copy_value
from autodiff.ir.data import Block, Operation, Program, Value
from autodiff.ops.builder import building, current_builder
from autodiff.ops.control import emit_cond
from autodiff.ops.entries import Site
from autodiff.ops.integrals import Like, Quadrature
from autodiff.ops.jumps import watched
from autodiff.ops.smooth import undefined, where_defined
from autodiff.ops.solvers import Solver
from autodiff.ops.structural import zeros_like
from autodiff.ops.tracer import Tracer, emit_tracer

Tangents = Sequence[Tracer | None]
Array = Any  # a tracer, with which the rules compute as with an array
_FREQUENCY = 2  # the position of the operand of an integral


def push(operation: Operation, site: Site, tangents: Tangents) -> Sequence[Tracer | None]:
    """Tangents of the results of an operation whose attributes hold programs."""
    if operation.kind in ("ivp", "ivp_at", "curve"):
        return odes.push(operation, site, tangents)
    if operation.kind == "collocated":
        return boundaries.push(operation, site, tangents)
    if operation.kind == "minimized":
        return minima.push(operation, site, tangents)
    if operation.kind == "root":
        return _push_root(operation, site, tangents)
    return _push_integral(operation, site, tangents)


def pull(operation: Operation, site: Site, cotangents: Tangents) -> Sequence[Tracer | None]:
    """Cotangents of the operands of an operation whose attributes hold programs."""
    if operation.kind in ("ivp", "ivp_at", "curve"):
        return odes.pull(operation, site, cotangents)
    if operation.kind == "collocated":
        return boundaries.pull(operation, site, cotangents)
    if operation.kind == "minimized":
        return minima.pull(operation, site, cotangents)
    if operation.kind == "root":
        return _pull_root(operation, site, cotangents)
    return _pull_integral(operation, site, cotangents)


# -- zeros --------------------------------------------------------------------------------------------
def _read(operation: Operation, site: Site) -> list[Array]:
    return list(site.operands[operation.attributes["solver"].count :])


def _equation(operation: Operation) -> Program:
    """The function that is zero at the solution."""
    program: Program = operation.attributes["programs"][operation.attributes["solver"].zero]
    return _with_outputs(program, program.outputs[:1])


def _push_root(operation: Operation, site: Site, tangents: Tangents) -> Sequence[Tracer | None]:
    solver = operation.attributes["solver"]
    read, x = _read(operation, site), site.results[0]
    moving = tangents[solver.count :]
    given = [t for t in moving if t is not None]
    others = [_other(operation, site, k) for k in range(1, len(site.results))]
    if solver.zero < 0:
        return [None, *others]
    if not given:  # the brackets and starting points alone move, and the zero does not
        return [None] * len(site.results)
    program = _equation(operation)
    derived = jvp(program, [False, *(t is not None for t in moving)])
    _, change = put_in_place(derived, [x, *read, *given])
    if _is_large(operation, site):
        return [-_divided(operation, site, change, False), *others]
    slope = _slope(operation, site, read)
    moved: Array = -(np.linalg.solve(slope, change) if _is_matrix(solver) else change / slope)
    return [moved, *others]


def _is_matrix(solver: Solver) -> bool:
    """Whether the derivative by the unknown is a matrix, not a number for each equation."""
    return solver.is_system and not solver.is_pointwise


def _is_large(operation: Operation, site: Site) -> bool:
    """Whether no matrix is formed."""
    return not operation.attributes["solver"].is_pointwise and large.is_large(site.results[0])


def _other(operation: Operation, site: Site, number: int) -> Tracer | None:
    """The tangent of a result beside the zero: none, or one that may not be asked for."""
    refusal = operation.attributes["solver"].refusal(number, operation.source)
    x = site.results[number]
    if refusal is None or not x.value.type.is_float:
        return None
    return emit_tracer("refused", x, refusal=refusal)


def _pull_root(operation: Operation, site: Site, cotangents: Tangents) -> Sequence[Tracer | None]:
    solver = operation.attributes["solver"]
    count, read, x, ct = solver.count, _read(operation, site), site.results[0], cotangents[0]
    pulled: list[Tracer | None] = [None] * len(site.operands)
    for number, other in enumerate(cotangents):
        refusal = solver.refusal(number, operation.source)
        if other is not None and refusal is not None:
            raise refusal
    wrt = [k for k, v in enumerate(read) if site.needed[count + k] and v.value.type.is_float]
    if ct is None or not wrt or solver.zero < 0:
        return pulled
    program = _equation(operation)
    if _is_large(operation, site):
        multiplier = -_divided(operation, site, ct, True)
    else:
        slope = _slope(operation, site, read)
        multiplier = -(np.linalg.solve(slope.T, ct) if _is_matrix(solver) else ct / slope)
    derived = vjp(program, [1 + k for k in wrt], [0], keep_values=False)
    for k, found in zip(wrt, put_in_place(derived, [x, *read, multiplier]), strict=True):
        pulled[count + k] = found
    return pulled


def _slope(operation: Operation, site: Site, read: Sequence[Array]) -> Array:
    """The derivative by the unknown at the zero, looked at before anything is divided by it."""
    program = _equation(operation)
    x = site.results[0]
    (residual,) = put_in_place(program, [x, *read])
    derived = minima.slope_of(program, operation.attributes["solver"].is_pointwise)
    (slope,) = put_in_place(derived, [x, *read])
    return _looked_at("regular", operation, site, (program, derived), slope, residual, x)


def _looked_at(
    kind: str, operation: Operation, site: Site, programs: tuple[Program, ...], *found: Array
) -> Array:
    """The first of what was found at the zero, if the zero is one."""
    solver = operation.attributes["solver"]
    began = site.operands[0] if solver.is_system else site.results[0]
    return emit_tracer(
        kind,
        *found,
        began,
        site.results[-1],
        *_read(operation, site),
        solver=solver,
        source=operation.source,
        programs=programs,
    )


# -- large systems ------------------------------------------------------------------------------------
def _divided(operation: Operation, site: Site, b: Array, transposed: bool) -> Array:
    """``J⁻¹ b`` by products with J, or its transpose, once the zero has been looked at."""
    solver, program, read = (
        operation.attributes["solver"],
        _equation(operation),
        _read(operation, site),
    )
    x = site.results[0]
    (residual,) = put_in_place(program, [x, *read])
    # The step of Newton's is only looked at: two digits are enough.
    where, who = [x, *read], (solver.name, operation.source)
    step = large.solution(program, residual, where, False, 1e-2, *who, True)
    turn = large.turn(program, step, where, *who)
    found = large.solution(program, b, where, transposed, 1e-11, *who)
    return _looked_at("reached", operation, site, (program,), found, residual, step, turn, x)


# -- integrals ----------------------------------------------------------------------------------------
def _push_integral(operation: Operation, site: Site, tangents: Tangents) -> Sequence[Tracer | None]:
    """Tangents of the results of an ``integral``."""
    program, like, options = _parts(operation)
    first, operands = options.first, site.operands
    read, moving = operands[first:], tangents[first:]
    _refuse_moving(options, [t is not None for t in tangents])
    total: list[Any] = [None] * len(like)

    def add(terms: Sequence[Array]) -> None:
        total[:] = [t if s is None else s + t for s, t in zip(total, terms, strict=True)]

    given = [t for t in moving if t is not None]
    if given:
        active = [t is not None for t in moving]
        derived = jvp(program, [False, *active])
        derived = _with_outputs(derived, derived.outputs[len(like) :])
        whole = [*operands[:first], *read, *given]
        values = site.results[: len(like)]
        add(
            _where_numbers(
                site, values, lambda: _integrals(options, derived, whole, like, program, active)
            )
        )
    if options.weight in _TURNED and tangents[_FREQUENCY] is not None:
        turned = _by_frequency(options, program, operands, like)
        add([tangents[_FREQUENCY] * v for v in turned])
    for k, sign in ((0, -1.0), (1, 1.0)):
        tangent: Any = tangents[k]
        if tangent is not None:
            add([sign * tangent * v for v in _at_limit(options, program, k, operands)])
    total = [
        t if t is None else where_defined(y, t) for y, t in zip(site.results, total, strict=False)
    ]
    return [*total, None]


def _pull_integral(
    operation: Operation, site: Site, cotangents: Tangents
) -> Sequence[Tracer | None]:
    """Cotangents of the operands of an ``integral``."""
    program, like, options = _parts(operation)
    first, operands = options.first, site.operands
    read = operands[first:]
    pulled: list[Any] = [None] * len(operands)
    cts: list[Any] = list(cotangents[: len(like)])
    if all(ct is None for ct in cts):
        return pulled
    _refuse_moving(options, site.needed)

    def times(values: Sequence[Array]) -> Array:
        numbers = zip(cts, values, site.results, strict=False)
        terms = [np.sum(ct * where_defined(y, v)) for ct, v, y in numbers if ct is not None]
        return sum(terms[1:], terms[0])

    for k, sign in ((0, -1.0), (1, 1.0)):
        if site.needed[k]:
            pulled[k] = sign * times(_at_limit(options, program, k, operands))
    if options.weight in _TURNED and site.needed[_FREQUENCY]:
        pulled[_FREQUENCY] = times(_by_frequency(options, program, operands, like))
    wrt = [k for k, v in enumerate(read, 1) if site.needed[first + k - 1] and v.value.type.is_float]
    if not wrt:
        return pulled
    of = [first + k - 1 for k in wrt]
    active = [k in wrt for k in range(1, len(read) + 1)]
    if len(like) == 1 and not program.outputs[0].shape:
        derived = vjp(program, wrt, [0], seed_ones=True, keep_values=False)
        found = _where_numbers(
            site,
            [operands[k] for k in of],
            lambda: _integrals(options, derived, operands, of, program, active),
        )
        (ct,) = cts
        found = [emit_tracer("strong_multiply", _spread(ct, v), v) for v in found]
    else:
        derived = vjp(program, wrt, keep_values=False)
        dense = [
            zeros_like(r) if ct is None else ct for r, ct in zip(site.results, cts, strict=False)
        ]
        found = _where_numbers(
            site,
            [operands[k] for k in of],
            lambda: _integrals(options, derived, [*operands, *dense], of, program, active),
        )
    for k, v in zip(of, found, strict=True):
        pulled[k] = v
    return pulled


def _where_numbers(
    site: Site, like: Sequence[Array], integrals: Callable[[], list[Array]]
) -> list[Array]:
    """Integrals of the shapes of ``like``; NaN, and not asked for, where the integral is no number itself."""
    missing = [np.any(np.isnan(y)) for y in site.results[:-1]]
    defined: Any = np.logical_not(functools.reduce(np.logical_or, missing))
    builder = current_builder()
    with builder.region() as then:
        then.outputs = [v.value for v in integrals()]
    with builder.region() as orelse:
        # Neither has it derivatives of higher order, by whatever moves it.
        moving = [x for x in site.operands if x.value.type.is_float]
        none = functools.reduce(operator.add, [np.sum(undefined(x)) for x in moving])
        orelse.outputs = [(zeros_like(x) + none).value for x in like]
    return [Tracer(v, "array") for v in emit_cond(defined.value, then, orelse)]


def _parts(operation: Operation) -> tuple[Program, tuple[Like, ...], Quadrature]:
    attributes = operation.attributes
    return attributes["programs"][0], attributes["like"], attributes["options"]


def _refuse_moving(options: Quadrature, moves: Sequence[bool]) -> None:
    """Raise for what has no derivative: the singular ends of a weight, and a pole that moves."""
    algebraic = options.weight is not None and options.weight.startswith("alg")
    limits = algebraic and any(moves[:2])
    if limits or (options.weight not in (None, *_TURNED) and any(moves[2 : options.first])):
        raise DerivativeError(
            f"{options.name} with weight={options.weight!r} has a derivative by what its integrand "
            f"reads, not by its {'limits' if limits else 'wvar'}.",
            source=options.source,
            remedy="substitute, so that the weight and its limits stay where they are, or pass them "
            "through autodiff.stop_gradient if no derivative should flow",
        )


def _integrals(
    options: Quadrature,
    derived: Program,
    operands: Sequence[Array],
    like: Sequence[Like],
    program: Program,
    active: Sequence[bool],
) -> list[Array]:
    """Integrals of ``derived``, which is made of derivatives of ``program`` by what is ``active``."""
    along, *inputs = program.inputs
    moving = {v for v, a in zip(inputs, active, strict=True) if a}
    looked_at = watched(program, moving, along)
    attributes = {
        "programs": (derived,) if looked_at is None else (derived, looked_at),
        "like": tuple(like),
        "options": replace(options, is_derivative=True),
        "watches": None if looked_at is None else len(inputs),
    }
    results = current_builder().emit("integral", tuple([t.value for t in operands]), attributes)
    return [Tracer(v, "array") for v in results[:-1]]


def _with_outputs(program: Program, outputs: Sequence[Value]) -> Program:
    """The program with other outputs."""
    return Program(Block(program.inputs, program.block.operations, list(outputs)), program.name)


def _at_limit(
    options: Quadrature, program: Program, k: int, operands: Sequence[Array]
) -> list[Array]:
    """The integrands at a limit; 0 at an infinite one, which does not move."""
    limit, finite = operands[k], np.isfinite(operands[k])
    at = np.where(finite, limit, 0.0)
    values = put_in_place(program, [at, *operands[options.first :]])
    if options.weight is not None:
        values = [v * _WEIGHTS[options.weight](at, operands[_FREQUENCY]) for v in values]
    return [np.where(finite, v, 0.0) for v in values]


_WEIGHTS: dict[str, Any] = {
    "cos": lambda t, w: np.cos(w * t),
    "sin": lambda t, w: np.sin(w * t),
    "cauchy": lambda t, c: 1 / (t - c),
}
_TURNED = {"cos": ("sin", -1.0), "sin": ("cos", 1.0)}


def _by_frequency(
    options: Quadrature, program: Program, operands: Sequence[Array], like: Sequence[Like]
) -> list[Array]:
    """The derivative by the frequency: integrals of ±t f with the other of the two weights."""
    weight, sign = _TURNED[options.weight or ""]
    with building() as builder:
        mapping: Mapping = {}
        t, *read = program.inputs
        copies = [copy_value(v, mapping) for v in read]
        builder.block.parameters = [copy_value(t, mapping), *copies]
        given: list[Array] = [Tracer(v, "array") for v in builder.block.parameters]
        values = [sign * given[0] * v for v in put_in_place(program, given)]
        builder.block.outputs = [v.value for v in values]
        turned = Program(builder.block, f"{program.name}_by_frequency")
    options = replace(options, weight=weight)
    return _integrals(options, turned, operands, like, turned, [False] * (len(program.inputs) - 1))


def _spread(ct: Array, like: Array) -> Array:
    ct = ct if ct.dtype == like.dtype else ct.astype(like.dtype)
    return np.broadcast_to(ct, like.shape) if like.shape else ct


__all__ = ["pull", "push"]
