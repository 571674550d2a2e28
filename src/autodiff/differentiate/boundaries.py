"""Derivatives of solutions of boundary value problems (see autodiff.ops.boundaries).

    R_j = y_j+1 - y_j - h/6 (f_j + f_j+1 + 4 f(x_m, y_m)),   y_m = (y_j + y_j+1)/2 - h/8 (f_j+1 - f_j)
    R_m = g(y_0, y_m, p)                                      du = -R_u⁻¹ R_q dq,   u = (y, p)

The matrix R_u has two blocks for each interval, and those of the boundary: it is put together by its
elements and factored as a sparse one, so that memory grows with the number of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.differentiate.forward import jvp
from autodiff.differentiate.jacobians import jacobian
from autodiff.differentiate.odes import put_in_place
from autodiff.differentiate.reverse import vjp
from autodiff.ir.copying import Mapping, copy_value
from autodiff.ir.data import Operation, Program
from autodiff.ops.builder import building
from autodiff.ops.control import INT
from autodiff.ops.entries import Site
from autodiff.ops.jumps import watched
from autodiff.ops.scipy_sparse_structure import solved_by_elements
from autodiff.ops.solvers import FLOAT
from autodiff.ops.structural import reshape, zeros
from autodiff.ops.tracer import Tracer, emit_tracer

Tangents = Sequence[Tracer | None]
Array = Any  # a tracer, with which the rules compute as with an array
_READ = 4  # the position of the first of what is read


def push(operation: Operation, site: Site, tangents: Tangents) -> Sequence[Tracer | None]:
    """Tangents of the states and parameters of a ``collocated``."""
    moving = [tangents[1], *tangents[_READ:]]
    given = [t for t in moving if t is not None]
    if not given:
        return [None, None]
    point = _point(operation, site)
    active = [
        False,
        tangents[1] is not None,
        False,
        False,
        *(t is not None for t in tangents[_READ:]),
    ]
    change = put_in_place(jvp(_residual(operation), active), [*point, *given])[1]
    u = -_unbroken(operation, point, active, _divided(operation, point, change, False))
    n, m = site.results[0].shape
    return [reshape(u[: n * m], (m, n)).T, u[n * m :]]


def pull(operation: Operation, site: Site, cotangents: Tangents) -> Sequence[Tracer | None]:
    """Cotangents of the operands of a ``collocated``."""
    pulled: list[Tracer | None] = [None] * len(site.operands)
    places = [1, *range(_READ, len(site.operands))]
    wrt = [k for k in places if site.needed[k] and site.operands[k].value.type.is_float]
    if all(ct is None for ct in cotangents) or not wrt:
        return pulled
    point = _point(operation, site)
    y, p = site.results
    n, m = y.shape
    by_y, by_p = (
        zeros(x.shape, FLOAT) if ct is None else ct
        for x, ct in zip((y, p), cotangents, strict=True)
    )
    whole: Array = np.concatenate([reshape(by_y.T, (n * m,)), by_p])
    active = [k in wrt for k in range(len(point))]
    multiplier = -_unbroken(operation, point, active, _divided(operation, point, whole, True))
    derived = vjp(_residual(operation), wrt, [0], keep_values=False)
    for k, found in zip(wrt, put_in_place(derived, [*point, multiplier]), strict=True):
        pulled[k] = found
    return pulled


def _point(operation: Operation, site: Site) -> list[Array]:
    """The operands, with the solution in place of what it was given as."""
    count, x, _, _, *read = site.operands
    return [count, x, *site.results, *read]


def _unbroken(
    operation: Operation, point: Sequence[Array], active: Sequence[bool], u: Array
) -> Array:
    """``u``, once it is known that nothing jumps where ``active`` operands decide."""
    f, _ = _programs(operation)
    moves = [False, active[1], True, True, *active[_READ:]]
    derived = jvp(f, moves)
    moving = {v for v, a in zip(derived.inputs, moves, strict=False) if a}
    found = watched(derived, moving)
    if found is None:
        return u
    return emit_tracer(
        "unbroken",
        u,
        *point,
        programs=(found,),
        active=tuple(moves[1:]),
        source=operation.source,
    )


def _programs(operation: Operation) -> tuple[Program, Program]:
    f, g = operation.attributes["programs"][:2]  # beside them what SciPy is given of their slopes
    return f, g


# -- the equations --------------------------------------------------------------------------------------
def _residual(operation: Operation) -> Program:
    """All equations, as a function of what the operation is given."""
    f, g = _programs(operation)
    with building() as builder:
        mapping: Mapping = {}
        inputs = [copy_value(v, mapping) for v in f.inputs]
        builder.block.parameters = inputs
        count, x, y, p, *read = [Tracer(v, "array") for v in inputs]
        n, m = y.shape
        values = put_in_place(f, [count, x, y, p, *read])[0]
        h, at, middle = _between(x, y, values)
        inner = put_in_place(f, [count, at, middle, p, *read])[0][:, :-1]
        left = y[:, 1:] - y[:, :-1] - h / 6 * (values[:, :-1] + values[:, 1:] + 4 * inner)
        ends = put_in_place(g, [y[:, 0], y[:, -1], p, *read])[0]
        equations: Array = np.concatenate([reshape(left.T, (n * (m - 1),)), ends])
        builder.block.outputs = [equations.value]
        return Program(builder.block, f"{f.name}_collocation")


def _between(x: Array, y: Array, values: Array) -> tuple[Array, Array, Array]:
    """Steps, and the places and states in the middle of each; last those of the last node once more.

    So there are as many as nodes, which is the number that the right-hand side is a program for.
    """
    h = x[1:] - x[:-1]
    inside = 0.5 * (y[:, 1:] + y[:, :-1]) - 0.125 * h * (values[:, 1:] - values[:, :-1])
    at: Array = np.concatenate([x[:-1] + 0.5 * h, x[-1:]])
    middle: Array = np.concatenate([inside, y[:, -1:]], axis=1)
    return h, at, middle


# -- their matrix -----------------------------------------------------------------------------------------
def _slopes(f: Program, arguments: Sequence[Array]) -> tuple[Array, Array]:
    """f_y and f_p at each node, of shapes (m, n, n) and (m, n, k)."""
    y, p = arguments[2], arguments[3]
    (n, m), k = y.shape, p.shape[0]
    none = [False] * (len(arguments) - _READ)
    by_y = jvp(f, [False, False, True, False, *none])
    columns = []
    for i in range(n):
        unit: Array = Tracer.constant(np.eye(n)[:, i : i + 1])
        direction = unit + zeros((n, m), FLOAT)
        columns.append(put_in_place(by_y, [*arguments, direction])[1].T)
    first: Array = np.stack(columns, axis=2)
    if not k:
        return first, zeros((m, n, 0), FLOAT)
    by_p = jvp(f, [False, False, False, True, *none])
    directions = [Tracer.constant(row) for row in np.eye(k)]
    columns = [put_in_place(by_p, [*arguments, row])[1].T for row in directions]
    return first, np.stack(columns, axis=2)


def _divided(operation: Operation, point: Sequence[Array], b: Array, transposed: bool) -> Array:
    """``R_u⁻¹ b``."""
    f, g = _programs(operation)
    count, x, y, p, *read = point
    n, m = y.shape
    k = p.shape[0]
    values = put_in_place(f, [count, x, y, p, *read])[0]
    h, at, middle = _between(x, y, values)
    by_y, by_p = _slopes(f, [count, x, y, p, *read])
    in_y, in_p = (v[:-1] for v in _slopes(f, [count, at, middle, p, *read]))
    step = h[:, None, None]
    unit: Array = Tracer.constant(np.eye(n))
    left, right = by_y[:-1], by_y[1:]
    square = step**2 / 12
    at_left = -unit - step / 6 * (left + 2 * in_y) - square * (in_y @ left)
    at_right = unit - step / 6 * (right + 2 * in_y) + square * (in_y @ right)
    both = by_p[:-1] + by_p[1:] + 4 * in_p + step / 2 * (in_y @ (by_p[:-1] - by_p[1:]))
    by_parameters = -step / 6 * both
    ends = put_in_place(jacobian(g, [0, 1, 2], [0]), [y[:, 0], y[:, -1], p, *read])
    line: Array = emit_tracer("iota", size=m - 1, dtype=INT)
    interval = line[:, None, None]
    row, column = (Tracer.constant(v) for v in (np.arange(n)[:, None], np.arange(n)[None, :]))
    parameter = Tracer.constant(np.arange(k)[None, :])
    lines = Tracer.constant(np.arange(n + k)[:, None])
    last = (m - 1) * n
    blocks = [
        (at_left, interval * n + row, interval * n + column),
        (at_right, interval * n + row, interval * n + n + column),
        (by_parameters, interval * n + row, 0 * interval + parameter + m * n),
        (ends[0], last + lines, column),
        (ends[1], last + lines, column + last),
        (ends[2], last + lines, parameter + m * n),
    ]
    parts: list[list[Array]] = [[], [], []]
    for data, rows, columns in blocks:
        for part, array in zip(parts, (data, rows, columns), strict=True):
            spread: Array = np.broadcast_to(array, data.shape)
            part.append(reshape(spread, (_size(data),)))
    data, rows, columns = (np.concatenate(part) for part in parts)
    return solved_by_elements(data, rows, columns, b, transposed)


def _size(x: Array) -> Any:
    size: Any = 1
    for extent in x.shape:
        size = size * extent
    return size


__all__ = ["pull", "push"]
