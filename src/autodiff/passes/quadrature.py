"""The first look that QUADPACK has at an integrand, put into the program: most integrals need no second.

    v, error = integral(a, b, *read; programs=(f,))
                                =>      values = for(count=21): f at the nodes of Gauss and Kronrod
                                        sum, estimate, is_enough = …
                                        v, error = cond(is_enough): sum, estimate, or integral(a, b, *read)

``quad`` begins with one rule of 21 points over the whole interval (dqk21 in dqagse: Piessens, de Doncker-Kapenga,
Überhuber, Kahaner, *QUADPACK*, 1983), and is done where its estimate of the error is small enough, as it is for a
smooth integrand.  That rule is computed here, in QUADPACK's order, so that the number is the same to the last bit;
wherever the decision is another, or a close one, SciPy is called.  An integral inside of an integrand is then part of
it, and no Python runs between them.

``quad_vec`` halves the interval once whatever the first rule says, so its first look is three rules (``_bisected``); it adds
the nodes from one end to the other, and the length of an array is its size (in an order of ours, so where the estimate of
an array's error is read SciPy is called).

Only between finite limits, and ``quad`` only of numbers.  The estimate of the error is QUADPACK's, but for the rounding of a
power where the integrand is not smooth to the last digits.  That of an integral in several dimensions is the largest of
all (``Quadrature.errors``): where it is read SciPy is called, and where it is not nobody keeps it.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.dims import Dim
from autodiff.ir.copying import Mapping, copy_operation
from autodiff.ir.data import ArrayType, Block, Operation, Program, Value, uses, walk
from autodiff.ops.builder import Builder, building, constant, current_builder, emit
from autodiff.ops.control import emit_cond, emit_for
from autodiff.ops.structural import zeros
from autodiff.ops.tracer import Tracer
from autodiff.passes import optimize
from autodiff.passes.rewrite import Scope, rebuild

_POINTS = 21
_INDEX = ArrayType(np.dtype(np.int64), (), weak=True)
# Nodes of Kronrod's rule in (0, 1), the second, fourth, … of which are Gauss's, and the weights of both.
_NODES = (
    0.995657163025808080735527280689003, 0.973906528517171720077964012084452,
    0.930157491355708226001207180059508, 0.865063366688984510732096688423493,
    0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
    0.562757134668604683339000099272694, 0.433395394129247190799265943165784,
    0.294392862701460198131126603103866, 0.148874338981631210884826001129720,
)  # fmt: skip
_KRONROD = (
    0.011694638867371874278064396062192, 0.032558162307964727478818972459390,
    0.054755896574351996031381300244580, 0.075039674810919952767043140916190,
    0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
    0.123491976262065851077958109831074, 0.134709217311473325928054001771707,
    0.142775938577060080797094273138717, 0.147739104901338491374841515972068,
    0.149445554002916905664936468389821,
)  # fmt: skip
_GAUSS = (
    0.066671344308688137593568809893332, 0.149451349150580593145776339657697,
    0.219086362515982043995534934228163, 0.269266719309996355091226921569469,
    0.295524224714752870173892994651338,
)  # fmt: skip

_EPSILON = float(np.finfo(float).eps)
_TINY = float(np.finfo(float).tiny)
_CLOSE = 1e-9  # relative: the estimate of the error is QUADPACK's but for the rounding of a power
_KNOWN = frozenset(("epsabs", "epsrel", "limit"))
_MOST = 4096  # elements along an axis of an array whose integral is looked at first


def look_first(program: Program, is_integrand: bool = False) -> Program:
    """The program with the first look at each integral that may be done by it.

    An integrand is part of an integral, which may ask how accurate those in it are.
    """
    read = _read(program.block)
    with_errors = {
        id(operation.attributes["programs"][0])
        for operation in walk(program.block)
        if operation.kind == "integral" and operation.results[-1] in read
    }

    def visit(operation: Operation, scope: Scope) -> Sequence[Value] | None:
        if operation.kind != "integral":
            return None
        is_read = id(operation.attributes["programs"][0]) in with_errors
        if is_read and (
            operation.attributes["options"].errors is not None
            or len(operation.results) > 2
            or operation.results[0].shape
        ):
            return None
        if not is_read:
            operation = _without_errors(operation, is_integrand)
        if _tolerances(operation) is None:
            scope.block.operations.append(operation)
            return operation.results
        return _looked(operation, scope)

    return rebuild(program, visit)


def _read(block: Block) -> set[Value]:
    """The values that anything reads, in regions too."""
    found = set(block.outputs)
    for operation in block.operations:
        found.update(uses(operation))
        for region in operation.regions:
            found |= _read(region)
    return found


def _without_errors(operation: Operation, is_integrand: bool) -> Operation:
    """The integral with nobody to note the largest estimate of an error, nor in those within."""
    options = operation.attributes["options"]
    if options.errors is None or (is_integrand and not options.is_outer):
        return operation

    def visit(inner: Operation, scope: Scope) -> Sequence[Value] | None:
        if inner.kind != "integral" or inner.attributes["options"].errors is not options.errors:
            return None
        scope.block.operations.append(made := _renewed(inner))
        return made.results

    def _renewed(old: Operation) -> Operation:
        attributes = {
            **old.attributes,
            "options": replace(old.attributes["options"], errors=None),
            "programs": tuple([rebuild(p, visit) for p in old.attributes["programs"]]),
        }
        results = tuple([Value(v.type, v.hint) for v in old.results])
        return Operation(old.kind, old.operands, attributes, results, (), old.source)

    return _renewed(operation)


def _tolerances(operation: Operation) -> tuple[float, float] | None:
    """``epsabs`` and ``epsrel`` of an integral that one look may be enough for; None of another one."""
    options, programs = operation.attributes["options"], operation.attributes["programs"]
    if options.errors is not None or operation.attributes["watches"] is not None:
        return None
    if options.count or options.weight is not None or options.is_full:
        return None
    if options.is_vector and options.name != "scipy.integrate.quad_vec":
        return None
    if len(programs) != 1 or any(v.dtype != np.float64 for v in programs[0].outputs):
        return None
    if any(v.shape for v in operation.results) and not _is_small(operation):
        return None
    given = options.keywords(())
    if not given.keys() <= _KNOWN or given.get("limit", 50) < 2:
        return None
    usual = (1e-200, 1e-8) if options.is_vector else (1.49e-8, 1.49e-8)
    absolute, relative = map(given.get, ("epsabs", "epsrel"), usual)
    if not (isinstance(absolute, float) and isinstance(relative, float) and absolute > 0):
        return None
    return absolute, relative


def _is_small(operation: Operation) -> bool:
    """Whether SciPy integrates arrays at once, whose values at all nodes are no burden."""
    if not operation.attributes["options"].is_vector:
        return False
    return all(all(isinstance(n, int) and n <= _MOST for n in v.shape) for v in operation.results)


def _looked(operation: Operation, scope: Scope) -> Sequence[Value]:
    """Emit the first look, and the integral itself for where that is not enough."""
    builder = Builder()
    builder.block, builder.source = scope.block, operation.source
    a: Any
    b: Any
    a, b = [Tracer(v, "scalar") for v in operation.operands[:2]]
    count = len(operation.results) - 1
    with building(builder):
        is_finite = (a != b) & (np.abs(a) < math.inf) & (np.abs(b) < math.inf)
        with builder.region() as here:
            is_vector = operation.attributes["options"].is_vector
            here.outputs = (_bisected if is_vector else _rule)(operation, a, b)
        with builder.region() as elsewhere:
            nothing = [zeros(v.shape, v.dtype).value for v in operation.results[:count]]
            elsewhere.outputs = [*nothing, constant(0.0), constant(False)]
        *found, enough = emit_cond(is_finite.value, here, elsewhere)
        with builder.region() as done:
            done.outputs = list(found)
        with builder.region() as asked:
            mapping: Mapping = {}
            asked.operations.append(again := copy_operation(operation, mapping, share=False))
            asked.outputs = list(again.results)
        return emit_cond(enough, done, asked)


def _rule(operation: Operation, a: Any, b: Any) -> list[Value]:
    """The sums of each integrand, the estimate of the last one's error, and whether all are accurate enough."""
    absolute, relative = _tolerances(operation) or (0.0, 0.0)
    half = 0.5 * np.abs(b - a)  # SciPy integrates from the lower limit, and changes the sign
    lines = _values(operation, 0.5 * (a + b), half)
    enough: Any = None
    error: Any = None
    sums = []
    for line in lines:
        total, error, is_enough = _sum(line, half, absolute, relative)
        sums.append(np.where(a < b, total, -total).value)
        enough = is_enough if enough is None else enough & is_enough
    return [*sums, error.value, enough.value]


def _values(operation: Operation, centre: Any, half: Any) -> list[Any]:
    """The integrands at the centre, then left and right of it, from the ends inwards."""
    places = np.array([0.0, *[side * x for x in _NODES for side in (-1.0, 1.0)]])
    with current_builder().region() as body:
        k = _counter(_POINTS)
        values = _integrands(operation, centre + half * _item(constant(places), k))
        body.outputs = [v.value for v in values]
    return [Tracer(v, "array") for v in emit_for(_POINTS, (), body)]


def _counter(count: int) -> Value:
    """The index of a loop, in its body."""
    k = current_builder().parameter(_INDEX)
    k.low, k.high = 0, count - 1
    return k


def _item(values: Value, k: Value) -> Any:
    """The k-th along the first axis."""
    rest = len(values.shape) - 1
    starts = (Dim.symbol(k), *[0] * rest)
    sizes = (None, *values.shape[1:])
    return Tracer(emit("slice", (values,), starts=starts, sizes=sizes, steps=(1,) * (rest + 1)))


def _integrands(operation: Operation, t: Any) -> list[Any]:
    """The values of the integrands at a place."""
    (program,) = operation.attributes["programs"]
    first = 2 + operation.attributes["options"].count
    given = (t.value, *operation.operands[first:])
    mapping: Mapping = dict(zip(program.inputs, given, strict=True))
    looked = look_first(optimize(program), True).block
    body = current_builder().block
    for inner in looked.operations:
        body.operations.append(copy_operation(inner, mapping, share=False))
    return [Tracer(mapping.get(v, v)) for v in looked.outputs]


# -- the first look of quad_vec ---------------------------------------------------------------------------
# From one end of the interval to the other, as SciPy has them; Gauss's weights are 0 at Kronrod's nodes.
_IN_ORDER = np.array([*_NODES, 0.0, *[-x for x in reversed(_NODES)]])
_WEIGHTS = np.array([*_KRONROD, *reversed(_KRONROD[:-1])])
_OF_GAUSS = np.zeros(_POINTS)
_OF_GAUSS[1::2] = [*_GAUSS, *reversed(_GAUSS)]


def _bisected(operation: Operation, a: Any, b: Any) -> list[Value]:
    """The integrals by both halves of the interval, the estimate of the error, and whether SciPy ends there."""
    absolute, relative = _tolerances(operation) or (0.0, 0.0)
    middle = 0.5 * (a + b)
    limits: list[Any] = [np.stack([a, a, middle]), np.stack([b, middle, b])]
    lower, upper = (ends.value for ends in limits)
    with current_builder().region() as body:
        k = _counter(3)
        body.outputs = _rule_in_order(operation, _item(lower, k), _item(upper, k))
    *lines, errors, roundings = [Tracer(v, "array") for v in emit_for(3, (), body)]
    # Sums as SciPy has them: what the halves give is added as a change of the whole.
    totals, error, rounding = (
        [v[0] + ((v[1] + v[2]) - v[0]) for v in lines],
        errors[0] + ((errors[1] + errors[2]) - errors[0]),
        roundings[0] + (roundings[1] + roundings[2]),
    )
    limit = np.maximum(absolute, relative * _size(totals)) / 8
    surely = error + _CLOSE * (errors[1] + errors[2]) + 4 * _EPSILON * errors[0]
    enough = (surely < limit) | ((surely < rounding) & (error > limit * (1 + _CLOSE)))
    return [
        *(v.value for v in totals),
        (error + rounding).value,
        (enough & (rounding < math.inf)).value,
    ]


def _rule_in_order(operation: Operation, a: Any, b: Any) -> list[Value]:
    """Kronrod's sums of each integrand over an interval, the estimate of their error, and of what is rounded."""
    centre, half = 0.5 * (a + b), 0.5 * (b - a)
    nodes, weights, of_gauss = map(constant, (_IN_ORDER, _WEIGHTS, _OF_GAUSS))
    shapes = [v.shape for v in operation.results[:-1]]
    none = tuple([zeros(shape, np.dtype(float)).value for shape in shapes])
    count = len(shapes)
    with current_builder().region() as body:
        k = _counter(_POINTS)
        sums = [Tracer(current_builder().parameter(v.type)) for v in none * 3]
        values = _integrands(operation, centre + half * _item(nodes, k))
        terms = [_item(weights, k) * v for v in values]
        terms += [_item(weights, k) * np.abs(v) for v in values]
        terms += [_item(of_gauss, k) * v for v in values]
        added = [s + term for s, term in zip(sums, terms, strict=True)]
        body.outputs = [v.value for v in (*added, *values)]
    found = emit_for(_POINTS, none * 3, body)
    sums_of: list[list[Any]] = [
        [Tracer(v) for v in found[j * count : (j + 1) * count]] for j in range(3)
    ]
    kronrod, sizes, gauss = sums_of
    lines = found[3 * count :]
    with current_builder().region() as body:
        k = _counter(_POINTS)
        sums = [Tracer(current_builder().parameter(v.type)) for v in none]
        far = [np.abs(_item(f, k) - s / 2.0) for f, s in zip(lines, kronrod, strict=True)]
        body.outputs = [(s + _item(weights, k) * d).value for s, d in zip(sums, far, strict=True)]
    spreads = [Tracer(v) for v in emit_for(_POINTS, none, body)]
    error: Any = _size([(s - g) * half for s, g in zip(kronrod, gauss, strict=True)])
    spread: Any = _size([s * half for s in spreads])
    rounding: Any = _size([50 * _EPSILON * half * s for s in sizes])
    ratio = 200 * error / np.where(spread == 0.0, 1.0, spread)
    scaled = spread * np.minimum(1.0, ratio * np.sqrt(ratio))
    error = np.where((spread == 0.0) | (error == 0.0), error, scaled)
    error = np.where(rounding > _TINY, np.maximum(error, rounding), error)
    return [*((half * s).value for s in kronrod), error.value, rounding.value]


def _size(values: Sequence[Any]) -> Any:
    """The length of all arrays as one vector, which is SciPy's norm where the user names none."""
    if len(values) == 1 and not values[0].shape:
        return np.abs(values[0])
    return np.sqrt(functools.reduce(operator.add, [np.sum(v * v) for v in values]))


def _sum(line: Any, half: Any, absolute: float, relative: float) -> tuple[Any, Any, Any]:
    """Kronrod's sum of 21 values, the estimate of its error, and whether QUADPACK surely takes it for the integral."""
    middle = line[0]
    left, right = [line[2 * j + 1] for j in range(10)], [line[2 * j + 2] for j in range(10)]
    kronrod, gauss, size = _KRONROD[10] * middle, 0.0, np.abs(_KRONROD[10] * middle)
    for j in (1, 3, 5, 7, 9, 0, 2, 4, 6, 8):  # QUADPACK's order: Gauss's nodes, then the others
        both = left[j] + right[j]
        if j % 2:
            gauss = gauss + _GAUSS[j // 2] * both
        kronrod = kronrod + _KRONROD[j] * both
        size = size + _KRONROD[j] * (np.abs(left[j]) + np.abs(right[j]))
    mean = 0.5 * kronrod
    spread = _KRONROD[10] * np.abs(middle - mean)
    for j in range(10):
        spread = spread + _KRONROD[j] * (np.abs(left[j] - mean) + np.abs(right[j] - mean))
    total, size, spread = kronrod * half, size * half, spread * half
    error = np.abs((kronrod - gauss) * half)
    ratio = 200.0 * error / np.where(spread == 0.0, 1.0, spread)
    scaled = spread * np.minimum(1.0, ratio * np.sqrt(ratio))
    error = np.where(spread == 0.0, error, scaled)
    error = np.where(
        size > _TINY / (50.0 * _EPSILON), np.maximum(50.0 * _EPSILON * size, error), error
    )
    small = error * (1.0 + _CLOSE) <= np.maximum(absolute, relative * np.abs(total))
    # An error as large as the spread tells QUADPACK that the sum tells nothing.
    told = (error < spread * (1.0 - _CLOSE)) | (error > spread * (1.0 + _CLOSE)) | (error == 0.0)
    return total, error, small & told
