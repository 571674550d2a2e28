"""Loops, branches, updates in place, checks: against the reference engine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff.dims import Dim
from autodiff.ir import Block, Value
from autodiff.ops.builder import current_builder
from autodiff.ops.control import CheckFailed, emit_check, emit_cond, emit_for, emit_while
from autodiff.ops.entries import ENTRIES
from autodiff.ops.structural import (
    INT,
    ArrayType,
    gather,
    scatter_add,
    scatter_update,
    slice_add,
    slice_of,
    slice_update,
    zeros,
)
from autodiff.ops.tracer import Tracer

from .programs import assert_engines_agree, traced


def region(types: list[ArrayType], function: Callable[..., Any]) -> Block:
    """The block of `function` over parameters of these types."""
    builder = current_builder()
    with builder.region() as block:
        parameters = [builder.parameter(t) for t in types]
        results = function(*[Tracer(p) for p in parameters])
        if not isinstance(results, (tuple, list)):
            results = (results,)
        block.outputs = [
            r.value if isinstance(r, Tracer) else Tracer.constant(r).value for r in results
        ]
    return block


def rolled(count: Any, carries: list[Tracer], function: Callable[..., Any]) -> list[Tracer]:
    """`for k in range(count): carries, *rows = function(k, *carries)`."""
    block = region([ArrayType(INT, ()), *[c.type for c in carries]], function)
    k = block.parameters[0]
    k.low, k.high = 0, count - 1
    return [Tracer(v) for v in emit_for(count, tuple(c.value for c in carries), block)]


def looped(
    carries: list[Tracer], test: Callable[..., Any], function: Callable[..., Any]
) -> list[Tracer]:
    """`while test(*carries): carries, *rows = function(k, *carries)`; the trip count comes first."""
    types = [c.type for c in carries]
    test_block = region(types, test)
    block = region([ArrayType(INT, ()), *types], function)
    return [Tracer(v) for v in emit_while(tuple(c.value for c in carries), test_block, block)]


def chosen(
    predicate: Tracer, then: Callable[..., Any], otherwise: Callable[..., Any]
) -> list[Tracer]:
    return [Tracer(v) for v in emit_cond(predicate.value, region([], then), region([], otherwise))]


def at(x: Tracer, *index: Any) -> Tracer:
    return slice_of(x, index, (None,) * len(index), (1,) * len(index))


def put(x: Tracer, v: Tracer, *index: Any) -> Tracer:
    return slice_update(x, v, index, (None,) * len(index), (1,) * len(index))


def dim(k: Tracer) -> Any:
    return Dim.symbol(k.value)


# -- for ----------------------------------------------------------------------------------------
def lorenz(x: Tracer) -> Any:
    def step(k: Tracer, a: Tracer, b: Tracer, c: Tracer) -> Any:
        return (
            a + 0.01 * (10.0 * (b - a)),
            b + 0.01 * (a * (28.0 - c) - b),
            c + 0.01 * (a * b - 2.5 * c),
        )

    return rolled(200, [at(x, 0), at(x, 1), at(x, 2)], step)


def recurrence_with_stores(x: Tracer) -> Any:
    n = x.shape[0]
    return rolled(
        n - 1, [x], lambda k, y: put(y, at(y, dim(k)) * 0.5 + np.sin(at(y, dim(k) + 1)), dim(k) + 1)
    )


def recurrence_from_zeros(x: Tracer) -> Any:
    n = x.shape[0]
    start = zeros((n,), x.dtype)
    return rolled(
        n - 1, [start], lambda k, y: put(y, at(y, dim(k)) * 0.5 + at(x, dim(k)), dim(k) + 1)
    )


def stacked_rows(x: Tracer) -> Any:
    return rolled(5, [x], lambda k, y: (y * 1.1, y, np.sum(y), np.exp(y[1:])))


def fibonacci_of_arrays(x: Tracer) -> Any:
    return rolled(6, [x, x * 0.5], lambda k, a, b: (b, a + b))


def swap_shifted(x: Tracer) -> Any:
    return rolled(4, [x, x * 2.0], lambda k, a, b: (b[::-1] * 1.0, a + 1.0))


def stencil(x: Tracer) -> Any:
    def step(k: Tracer, u: Tracer) -> Any:
        n = u.shape[0]
        inner = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        return slice_update(u, inner, (1,), (n - 2,), (1,))

    return rolled(7, [x], step)


def two_buffers(x: Tracer) -> Any:
    def step(k: Tracer, u: Tracer, v: Tracer) -> Any:
        return v, 0.5 * (u + v[::-1])

    return rolled(5, [x, np.sin(x)], step)


def triangular(x: Tracer) -> Any:
    n = x.shape[0]

    def row(i: Tracer, total: Tracer) -> Any:
        head = slice_of(x, (0,), (dim(i),), (1,))
        return total + np.sum(head * head)

    return rolled(n, [at(x, 0) * 0.0], row)


def triangular_stores(x: Tracer) -> Any:
    n = x.shape[0]

    def row(i: Tracer, out: Tracer) -> Any:
        tail = slice_of(x, (dim(i),), (n - dim(i),), (1,))
        return slice_add(out, tail * at(x, dim(i)), (dim(i),), (n - dim(i),), (1,))

    return rolled(n, [zeros((n,), x.dtype)], row)


def nested(x: Tracer) -> Any:
    n = x.shape[0]

    def outer(i: Tracer, y: Tracer, s: Tracer) -> Any:
        def inner(j: Tracer, y: Tracer, s: Tracer) -> Any:
            v = at(y, dim(j)) + 0.1 * at(x, dim(i)) * s
            return put(y, v, dim(j)), s * 0.9 + v

        return rolled(n, [y, s], inner)

    return rolled(n, [x * 2.0, at(x, 0)], outer)


def reversed_reads(x: Tracer) -> Any:
    n = x.shape[0]
    _, stack = rolled(n, [at(x, 0)], lambda k, s: (s * 0.9 + at(x, dim(k)), s))

    def back(k: Tracer, g: Tracer, ct: Tracer) -> Any:
        i = n - 1 - dim(k)
        g = slice_add(g, at(stack, i) * ct, (i,), (None,), (1,))
        return g, ct * 0.9 + at(g, i)

    return rolled(n, [zeros((n,), x.dtype), at(x, 1)], back)


def outer_value_used_often(x: Tracer) -> Any:
    table = np.exp(x) / (1.0 + x)
    return rolled(20, [at(x, 0)], lambda k, s: s + np.sum(table) * at(table, dim(k) % 3) * 1e-3)


def initial_value_is_used_after(x: Tracer) -> Any:
    y = np.exp(x)
    (z,) = rolled(3, [y], lambda k, z: put(z, at(z, dim(k)) + 1.0, dim(k)))
    return y, z, y + z


def same_array_twice(x: Tracer) -> Any:
    y = np.exp(x)
    return rolled(3, [y, y], lambda k, a, b: (put(a, at(b, dim(k)) + 1.0, dim(k)), b * 2.0))


def no_iterations(x: Tracer) -> Any:
    return rolled(0, [x, at(x, 0)], lambda k, y, s: (y * 2.0, s + 1.0, y, s))


def index_as_number(x: Tracer) -> Any:
    return rolled(4, [x], lambda k, y: y + k * 0.25)


def constant_results(x: Tracer) -> Any:
    return rolled(3, [x, at(x, 0)], lambda k, y, s: (zeros(x.shape, x.dtype), Tracer.constant(1.0)))


def small_state(x: Tracer) -> Any:
    def step(k: Tracer, y: Tracer) -> Any:
        a, b, c = y[0], y[1], y[2]
        return y + 0.01 * np.stack([10.0 * (b - a), a * (28.0 - c) - b, a * b - c])

    return rolled(50, [x[:3] * 1.0], step)


def temporary_in_loop(x: Tracer) -> Any:
    def step(k: Tracer, y: Tracer) -> Any:
        buffer = zeros((4,), x.dtype)
        buffer = put(buffer, at(y, dim(k)), dim(k) % 4)
        return put(y, np.sum(buffer) * 0.5, dim(k))

    return rolled(4, [x], step)


# -- while ----------------------------------------------------------------------------------------
def newton(x: Tracer) -> Any:
    a = at(x, 0) + 1.0
    return looped(
        [a], lambda r: np.abs(r * r - 2.0) > 1e-12, lambda k, r: r - (r * r - 2.0) / (2.0 * r)
    )


def growing_tape(x: Tracer) -> Any:
    results = looped(
        [x, np.sum(x)],
        lambda y, s: np.abs(s) < 300.0,
        lambda k, y, s: (y * 1.5, np.sum(y) + s * 1.01, s, y),
    )
    trips, _, _, stack, rows = results
    (total,) = rolled(
        dim(trips), [at(x, 0)], lambda k, t: t * 0.5 + at(stack, dim(trips) - 1 - dim(k))
    )
    return *results[:3], total, np.sum(rows), stack * 2.0, rows


def no_trips(x: Tracer) -> Any:
    return looped([x], lambda y: np.sum(y * y) < -1.0, lambda k, y: (y * 2.0, y))


def while_with_stores(x: Tracer) -> Any:
    n = x.shape[0]
    return looped(
        [x * 1.0, Tracer.constant(np.int64(0), np.int64)],
        lambda y, i: (i < n) & (np.max(y) < 50.0),
        lambda k, y, i: (put(y, at(y, dim(k)) + 20.0, dim(k)), i + 1),
    )[:3]


# -- cond -----------------------------------------------------------------------------------------
def scalar_branch(x: Tracer) -> Any:
    a = at(x, 0)
    (first,) = chosen(a > 1.0, lambda: a * 2.0, lambda: np.exp(a))
    (second,) = chosen(a < 100.0, lambda: first + 1.0, lambda: first)
    return first, second


def array_branch(x: Tracer) -> Any:
    y = np.sin(x)
    a, b = chosen(at(x, 0) > 1.0, lambda: (y * 2.0, x[:2]), lambda: (y, x[1:3] + 1.0))
    return a, b, a + y


def update_in_branch(x: Tracer) -> Any:
    def step(k: Tracer, y: Tracer) -> Any:
        return chosen(at(y, dim(k)) > 1.0, lambda: put(y, at(y, dim(k)) * 0.5, dim(k)), lambda: y)

    return rolled(x.shape[0], [x * 2.0], step)


def exchange_in_branch(x: Tracer) -> Any:
    a, b = x * 2.0, np.exp(x)
    (c,) = rolled(1, [a], lambda k, a: put(a, at(b, 0), 1))
    p, q = chosen(at(x, 0) > 0.0, lambda: (b, c), lambda: (c, b))
    return p, q


def branch_keeps_a_value_computed_from_what_it_overwrites(x: Tracer) -> Any:
    y = np.sin(x)
    y, x = chosen(at(x, 0) > 0.0, lambda: (put(y, at(y, 1), 2), x * 1.0), lambda: (y, x + 1.0))
    z = x + 0.3 * y
    return chosen(
        at(z, 0) > -9.0, lambda: (z, put(y, at(z, 1), 2)), lambda: (put(z, at(y, 2), 2), y)
    )


def loop_reads_a_view_of_what_it_carries(x: Tracer) -> Any:
    (y,) = rolled(2, [x], lambda k, y: y * 2.0)
    head = slice_of(y, (0,), (3,), (1,))
    return rolled(3, [y], lambda k, y: put(y, at(head, dim(k)) + at(y, 0) + np.sum(head), dim(k)))


def sort_by_swaps(x: Tracer) -> Any:
    n = x.shape[0]

    def outer(i: Tracer, y: Tracer) -> Any:
        def inner(j: Tracer, y: Tracer) -> Any:
            a, b = at(y, dim(j)), at(y, dim(j) + 1)
            return chosen(a > b, lambda: put(put(y, b, dim(j)), a, dim(j) + 1), lambda: y)

        return rolled(n - 1, [y], inner)

    return rolled(n, [x], outer)


# -- updates --------------------------------------------------------------------------------------
def overlapping_assignment(x: Tracer) -> Any:
    n = x.shape[0]
    y = np.sin(x) * 1.0
    shifted = slice_update(y, slice_of(y, (0,), (n - 1,), (1,)), (1,), (n - 1,), (1,))
    return shifted, np.sum(shifted)


def readers_of_the_old_value(x: Tracer) -> Any:
    (y,) = rolled(2, [x], lambda k, y: y * 2.0)
    before = y * 3.0
    row = y[1:3]
    z = put(y, at(y, 0) + 1.0, 0)
    return z, before, row + 1.0, np.sum(before)


def old_value_and_new_value(x: Tracer) -> Any:
    (y,) = rolled(2, [x], lambda k, y: y * 2.0)
    return put(y, at(y, 0) + 1.0, 0), y


def swap_of_rows(x: Tracer) -> Any:
    (y,) = rolled(1, [np.exp(x)[:, None] * x], lambda k, y: y * 2.0)
    n = x.shape[0]
    first, last = slice_of(y, (0, 0), (None, n), (1, 1)), slice_of(y, (n - 1, 0), (None, n), (1, 1))
    y = slice_update(y, last, (0, 0), (None, n), (1, 1))
    return slice_update(y, first, (n - 1, 0), (None, n), (1, 1))


def strided_stores(x: Tracer) -> Any:
    (y,) = rolled(1, [x], lambda k, y: y * 2.0)
    n = (x.shape[0] + 1) // 2
    y = slice_update(y, y[::2] * 10.0, (0,), (n,), (2,))
    return slice_add(y, x[::-1], (x.shape[0] - 1,), (x.shape[0],), (-1,))


def scatters(x: Tracer) -> Any:
    index = Tracer.constant(np.array([0, -1, 1, 0], np.int64))
    v = x[:2].sum() * np.array([1.0, 2.0, 3.0, 4.0]).astype(x.dtype)
    y = np.exp(x)
    return (
        gather(y, [index], (0,)), scatter_update(y, [index], v, (0,)), scatter_add(x, [index], v, (0,)),
        gather(x[:, None] * x, [index, index], (0, 1)), gather(x[:, None] * x, [index], (1,)),
    )  # fmt: skip


def kept_row_starts_an_inner_loop(x: Tracer) -> Any:
    """An array updated in place is stacked, and the inner loop that starts from it goes on with it."""

    def outer(k: Tracer, a: Tracer) -> Any:
        row = put(a, 1.0 + k, dim(k))
        (end,) = rolled(2, [row], lambda j, b: put(b, at(b, dim(j)) + 7.0, dim(j)))
        return end, row

    return rolled(3, [x * 2.0], outer)


LOOPS = [
    lorenz, recurrence_with_stores, recurrence_from_zeros, stacked_rows, fibonacci_of_arrays, swap_shifted,
    stencil, two_buffers, triangular, triangular_stores, nested, reversed_reads, outer_value_used_often,
    initial_value_is_used_after, same_array_twice, no_iterations, index_as_number, constant_results, small_state,
    temporary_in_loop, newton, growing_tape, no_trips, while_with_stores, scalar_branch, array_branch,
    update_in_branch, exchange_in_branch, branch_keeps_a_value_computed_from_what_it_overwrites,
    loop_reads_a_view_of_what_it_carries, sort_by_swaps, overlapping_assignment, readers_of_the_old_value,
    old_value_and_new_value, swap_of_rows, strided_stores, scatters,
    kept_row_starts_an_inner_loop,
]  # fmt: skip


@pytest.mark.parametrize("size", [4, 7, 100])
@pytest.mark.parametrize("program", LOOPS, ids=lambda f: f.__name__)
def test_engines_agree(program: Callable[..., Any], size: int, rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 2.0, size)
    compiled = traced(program, x)
    run = assert_engines_agree(compiled, [x], rtol=1e-12, atol=1e-13)
    assert_engines_agree(compiled, [-x], rtol=1e-12, atol=1e-13)
    again = run([x])  # nothing is left over from an earlier call
    for a, b in zip(again, run([x]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("index", [5, -6, 2**40])
def test_indices_out_of_bounds_fail(index: int) -> None:
    x = np.arange(5.0)
    for function in (
        lambda x, i: gather(x, [i], (0,)),
        lambda x, i: scatter_add(x, [i], np.sum(x), (0,)),
        lambda x, i: gather(x, [np.stack([i, i * 0])], (0,)),
    ):
        program = traced(function, x, np.int64(index))
        run = assert_engines_agree(program, [x, np.int64(-2)])
        with pytest.raises(CheckFailed, match="out of bounds for axis 0 with size 5"):
            run([x, np.int64(index)])


def test_failed_check_reports_its_message_and_frees_memory() -> None:
    def program(x: Any) -> Any:
        _, y, stack = looped([x], lambda y: np.sum(y) < 100.0, lambda k, y: (y * 2.0, y))
        emit_check((np.sum(x) > 0.5).value, "the sum is too small")
        return np.sum(stack) + np.sum(y)

    x = np.full(3, 0.25)
    run = assert_engines_agree(traced(program, x), [x])
    for _ in range(3):
        with pytest.raises(CheckFailed, match="the sum is too small"):
            run([x / 10])


def test_storing_one_element_an_iteration_copies_nothing() -> None:
    x = np.ones(1000)
    text = assert_engines_agree(traced(recurrence_with_stores, x), [x]).kernel.text
    body = text[text.index("define i32 @kernel") :]
    assert body.count(" phi ") == 2  # the copy of the argument, and the loop itself


def test_operations_without_a_routine_call_numpy(rng: np.random.Generator) -> None:
    x = rng.random((4, 5))
    program = traced(
        lambda x: (np.sort(x, axis=0), np.argsort(x, axis=1), np.sort(x, axis=1) * 2.0), x
    )
    assert_engines_agree(program, [x])
    assert ENTRIES["sort"].name == "sort"


def test_host_calls_pass_exceptions_on() -> None:
    def refuse(x: Any) -> Any:
        raise ZeroDivisionError("refused")

    def program(x: Tracer) -> Any:
        types = (ArrayType(x.dtype, x.shape),)
        results: tuple[Value, ...] = current_builder().emit(
            "host_call", (x.value,), {"function": refuse, "types": types}, types
        )
        return [Tracer(v) for v in results]

    from autodiff.engines.native.compile import compile_program

    run = compile_program(traced(program, np.ones(3)))
    with pytest.raises(ZeroDivisionError, match="refused"):
        run([np.ones(3)])


def test_a_stencil_alternates_between_two_buffers() -> None:
    x = np.linspace(0.0, 1.0, 200)
    for program, alternates in ((stencil, True), (recurrence_with_stores, False)):
        text = assert_engines_agree(traced(program, x), [x], 1e-13).kernel.text
        assert ("phi ptr" in text) == alternates
        assert ("parallel_accesses" in text) == alternates


def test_an_odd_and_an_even_number_of_alternations(rng: np.random.Generator) -> None:
    x = rng.random(60)

    def program(x: Tracer) -> Any:
        results = []
        for count in (0, 1, 2, 5):
            (y,) = rolled(
                count, [x], lambda k, u: np.concatenate([u[:1], 0.5 * (u[2:] + u[:-2]), u[-1:]])
            )
            (z,) = rolled(2, [y], lambda k, u: put(u, np.sum(u[1:]), dim(k)))
            results += [y, z]
        return results

    assert_engines_agree(traced(program, x), [x], 1e-13)
