"""A value that Python needs at capture and that comes out of a loop: known without running the loop in NumPy."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.capture import inputs
from autodiff.engines import run_native
from autodiff.ir import verify
from autodiff.ir.data import ArrayType
from autodiff.ops import evaluate
from autodiff.ops.builder import building, emit
from autodiff.ops.control import CheckFailed, emit_cond, emit_for
from autodiff.ops.entries import type_rule_of

X = np.arange(1.0, 7.0)
NAMES = ("negative", "small", "large")


def counted_loops(x, n):
    total = 0.0
    for i in range(n):
        for j in range(i):
            total += x[j % 5]
    return NAMES[int(total > 0) + int(total > 1e4)], total * x


def endless_loop(x, n):
    total, k = 0.0, 0
    while total < n * n:
        total += x[k % len(x)]
        k += 1
    return NAMES[k % 3], total * x[0]


def loop_of_arrays(x, n):
    table, part = np.zeros(2 * len(x)), x[: len(x) // 2]
    weights = np.ones((len(part), n))
    for i in range(n):
        for j in range(i):
            table[j % len(table)] += part[j % len(part)] * weights[0, j]
    axis = int(table.sum() > 0) - 1
    return np.sum(table.reshape(2, -1), axis=axis)


def loop_with_effects_not_met(x, n):
    total = 0.0
    for i in range(n):
        if total < -1.0:
            print("below")
        for _ in range(20):
            total += x[i % len(x)] ** 2
    return NAMES[int(total > 0)], total


def loop_of_constants(x, n):
    known = np.array([1, 2, 3])
    total = np.array(0)
    for i in range(n):
        for _ in range(50):
            total = total + known[i % 3]
    return NAMES[int(total) % 3], x * total


def loop_with_a_branch(x, n):
    best, at = -1.0, 0
    for i in range(n):
        for j in range(n):
            if x[(i * j) % len(x)] > best:
                best = x[(i * j) % len(x)]
                at = i
    return NAMES[at % 3], x * best


PROGRAMS = [
    counted_loops,
    endless_loop,
    loop_of_arrays,
    loop_with_effects_not_met,
    loop_of_constants,
    loop_with_a_branch,
]


@pytest.fixture
def iterations(monkeypatch):
    """The iterations of loops that NumPy ran, summed."""
    count = [0]
    plain = evaluate._run_body

    def run(*arguments):
        count[0] += 1
        return plain(*arguments)

    monkeypatch.setattr(evaluate, "_run_body", run)
    return count


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, tuple):
        for left, right in zip(a, b, strict=True):
            same(left, right)
    elif isinstance(a, str):
        assert a == b
    else:
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_what_numpy_runs_at_capture_does_not_grow_with_the_iterations(f, iterations):
    compiled = ad.function(f)
    for x in (X, np.append(X, 1.0), np.append(X, [1.0, 2.0])):  # the third has a length unfixed
        same(compiled(x, 300), f(x, 300))
    # What was compiled may guard the number of iterations or not.
    same(compiled(X, 30), f(X, 30))
    assert 0 < iterations[0] <= 5 * inputs.MAXIMUM_STEPS


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_the_numpy_engine_gives_the_same(f):
    same(ad.function(f, engine="numpy")(X, 12), f(X, 12))


def test_short_loops_compile_nothing_of_their_own(monkeypatch):
    monkeypatch.setattr("autodiff.compiled.compiling.run_native", None)
    same(ad.function(counted_loops)(X, 20), counted_loops(X, 20))


def test_a_derivative_knows_the_value_in_the_same_way(iterations):
    def f(x, n):
        name, values = counted_loops(x, n)
        return np.sum(values) * len(name)

    value, slope = ad.value_and_gradient(f, wrt="x")(X, 300)
    np.testing.assert_allclose(value, f(X, 300))
    uses = np.bincount(np.concatenate([np.arange(i) % 5 for i in range(300)]), minlength=6)
    total = np.sum(uses * X)
    expected = len("large") * (total + uses * np.sum(X))
    np.testing.assert_allclose(slope, expected)
    assert iterations[0] <= inputs.MAXIMUM_STEPS


def test_effects_of_the_loop_happen_once(capsys):
    def f(x, n):
        total = 0.0
        for i in range(n):
            if i % 1000 == 0:
                print("at", i)
            for _ in range(30):
                total += x[i % len(x)]
        return NAMES[int(total > 0)]

    f(X, 2000)
    expected = capsys.readouterr().out
    assert ad.function(f)(X, 2000) == f(X, 2000)
    out = capsys.readouterr().out
    assert out == expected * 2  # that of the compiled function, and that of the plain one


def test_a_check_that_fails_in_the_loop_raises_what_numpy_raises():
    def f(x, n):
        total = 0.0
        for i in range(n):
            for _ in range(30):
                total += x[i // 100]
        return NAMES[int(total > 0)]

    with (
        pytest.warns(ad.FallbackWarning, match="out of bounds"),
        pytest.raises(IndexError, match="index 6 is out of bounds"),
    ):
        ad.function(f)(X, 2000)


def test_what_a_draw_decides_is_not_drawn_twice():
    def f(x, n, generator):
        total = 0.0
        for i in range(n):
            if i >= n - 1:
                total += generator.random()
            for _ in range(40):
                total += x[i % len(x)]
        return NAMES[int(total > 0)], total

    plain = f(X, 40, np.random.default_rng(3))
    with pytest.warns(ad.FallbackWarning, match="a random draw or clock is needed by Python"):
        same(ad.function(f)(X, 40, np.random.default_rng(3)), plain)


@pytest.mark.parametrize("limit", [-1.0, 1.0])
def test_the_program_of_a_loop_calls_nothing_outside(limit):
    called = []

    def outside(total):
        called.append(total)
        return (total,)

    number = ArrayType(np.dtype(float), ())
    with building() as builder:
        bound = builder.parameter(number, "bound")
        start = builder.parameter(number, "start")
        with builder.region() as body:
            builder.parameter(ArrayType(np.dtype(np.int64), (), True), "k")
            total = builder.parameter(number, "total")
            with builder.region() as then:
                attributes = {"function": outside, "types": (number,)}
                then.outputs = list(builder.emit("host_call", (total,), attributes))
            with builder.region() as orelse:
                orelse.outputs = [total]
            (chosen,) = emit_cond(emit("less", (total, bound)), then, orelse)
            body.outputs = [emit("add", (chosen, chosen))]
        (result,) = emit_for(5, (start,), body)
    program, taken = evaluate.as_program(result.owner)
    assert taken == [start, bound]
    verify(program, type_rule_of)
    if limit < 0:  # the branch is not taken
        np.testing.assert_array_equal(run_native(program, [1.0, limit]), [32.0])
    else:
        with pytest.raises(CheckFailed, match="acts on the world"):
            run_native(program, [0.5, limit])
    assert not called
