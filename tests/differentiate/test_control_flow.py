"""Reversing loops and branches: what is kept, what is computed again, in which order.

Values against finite differences, and the shape of the program where that is the point: cheap
residuals are recomputed, residuals without a bound are not stored, effects happen once.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.ir import Operation, Program, walk

over_engines = pytest.mark.parametrize("engine", ["numpy", "native"])


def loops(program: Program) -> list[Operation]:
    return [op for op in program.block.operations if op.kind in ("for", "while")]


def stacks(operation: Operation) -> int:
    """How many values a loop keeps of every iteration."""
    first = 1 if operation.kind == "while" else 0
    return len(operation.results) - first - len(operation.operands)


# -- residuals --------------------------------------------------------------------------------------
def product_of_sines(x):
    p = 1.0
    for i in range(len(x)):
        p = p * np.sin(x[i])
    return p


def linear_recurrence(x):
    s = 0.0
    for i in range(len(x)):
        s = 0.5 * s + 2.0 * x[i]
    return s


def shifted_square(x):
    s = 0.0
    for i in range(len(x)):
        s = s + (x[i] - 1.0) ** 2
    return s


def chain_of_sines(x):
    y = x[0]
    for i in range(1, len(x)):
        y = 0.9 * np.sin(y) + x[i]
    return y


def sine_of_what_is_known(x):
    s = 0.0
    for i in range(len(x)):
        s = s + np.sin(0.1 * i * x[i])
    return s


def sine_and_its_argument(x):
    s = 0.0
    for i in range(len(x)):
        u = np.exp(x[i])
        s = s + np.sin(u) * x[i]
    return s


@pytest.mark.parametrize(
    ("f", "kept"),
    [
        (chain_of_sines, 1),  # cos(y) in place of y
        (sine_of_what_is_known, 0),  # the argument is computed again
        (sine_and_its_argument, 2),  # sin(u) and u, of which exp needs u too, so cos(u) waits
        (product_of_sines, 2),  # p and sin(x[i]); x[i] itself is read again
        (linear_recurrence, 0),
        (shifted_square, 0),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_only_what_is_dear_is_kept(f: Callable[..., Any], kept: int) -> None:
    program = autodiff.gradient(f, engine="numpy").ir(np.linspace(0.5, 1.5, 9))
    assert sum(stacks(loop) for loop in loops(program)) == kept


def test_a_linear_loop_does_not_run_forward() -> None:
    """What the backward loop does not read is dead: here the whole forward loop."""
    program = autodiff.gradient(linear_recurrence, engine="numpy").ir(np.ones(9))
    assert len(loops(program)) == 1


@over_engines
def test_the_order_of_residuals_is_reversed(engine) -> None:
    # d/dx of x0 ** (x1 ** (x2 ...)): every factor belongs to its own iteration.
    def tower(x):
        y = 1.0
        for i in range(len(x) - 1, -1, -1):
            y = x[i] ** y
        return y

    autodiff.check_gradient(tower, np.array([1.3, 0.7, 1.9, 1.1, 0.4, 1.2]), engine=engine)


# -- while -------------------------------------------------------------------------------------------
def newton(a):
    x = a
    while abs(x * x - a) > 1e-14 * a:
        x = 0.5 * (x + a / x)
    return x


def roots_of_all(a):
    """A while loop inside of a for loop: its residuals are as many as its trips."""
    total = 0.0
    for i in range(len(a)):
        x = a[i]
        while abs(x * x - a[i]) > 1e-14 * a[i]:
            x = 0.5 * (x + a[i] / x)
        total = total + x * a[i]
    return total


def halving(x):
    """Three levels: for, while, while."""
    total = 0.0
    for i in range(len(x)):
        t = x[i]
        while t > 1.0:
            u = t
            while u > 2.0:
                u = u * 0.5
                total = total + np.sin(u) * x[i]
            t = t * 0.6
    return total


def collatz_weights(x, start):
    total = 0.0
    n = start
    while n != 1:
        total = total * 0.9 + np.sin(x * n)
        n = n // 2 if n % 2 == 0 else 3 * n + 1
    return total


@over_engines
@pytest.mark.parametrize("a", [2.0, 1e6, 1e-6])
def test_a_root_by_newton(a, engine) -> None:
    assert autodiff.gradient(newton, engine=engine)(a) == pytest.approx(0.5 / np.sqrt(a), rel=1e-12)


@over_engines
def test_while_loops_inside_of_a_loop(engine) -> None:
    a = np.array([2.0, 9.0, 1e4, 0.3, 1.1, 77.0])
    gradient = autodiff.gradient(roots_of_all, engine=engine)(a)
    np.testing.assert_allclose(gradient, 1.5 * np.sqrt(a), rtol=1e-10)
    product = autodiff.hessian_vector(roots_of_all, engine=engine)(a, _tensors=np.ones(6))
    np.testing.assert_allclose(product, 0.75 / np.sqrt(a), rtol=1e-7)


@over_engines
def test_three_nested_loops(engine) -> None:
    x = np.array([0.5, 9.3, 3.1, 17.2, 1.7])
    autodiff.check_gradient(halving, x, engine=engine)


@over_engines
def test_an_integer_that_controls_the_trips(engine) -> None:
    gradient = autodiff.gradient(collatz_weights, wrt="x", engine=engine)
    for start in (1, 6, 27):
        expected, n = 0.0, start
        while n != 1:
            expected, n = expected * 0.9 + n * np.cos(0.1 * n), n // 2 if n % 2 == 0 else 3 * n + 1
        assert gradient(0.1, start) == pytest.approx(expected, rel=1e-10)


# -- sizes that change -------------------------------------------------------------------------------
def triangle_sums(x):
    total = 0.0
    for i in range(1, len(x)):
        total = total + np.sum(np.exp(x[:i])) * np.sin(x[i])
    return total


def size_by_arithmetic(x):
    total = 0.0
    for i in range(len(x)):
        m = (3 * i) % len(x)
        total = total + np.sum(np.sin(x[:m]) ** 2) * x[i]
    return total


def tail_updates(x):
    a = x.copy()
    for i in range(len(x)):
        a[i + 1 :] = a[i + 1 :] - a[i] * np.sin(a[i + 1 :])
    return a[-1]


def grows_with_data(x):
    total = 0.0
    for i in range(len(x)):
        n = 0
        while n < i and x[n] < 0.6:
            n += 1
        total += np.sum(np.exp(x[:n])) * x[i]
    return total


def bound_on_one_side(x):
    total = 0.0
    for i in range(30):
        k = i % len(x)
        m = int(abs(x[k]) * 5) + 1
        y = x[:m] * 2
        if x[k] > 0.25:
            z, w = np.sin(y), x[:m]
        else:
            total = total + 1.0
        if x[k] > 0.25:
            total = total + np.sum(z * w)
    return total


@over_engines
@pytest.mark.parametrize(
    "f", [triangle_sums, size_by_arithmetic, tail_updates, grows_with_data, bound_on_one_side]
)
def test_sizes_that_change_between_iterations(f, engine) -> None:
    x = np.array([0.3, 0.51, 0.22, 0.9, 0.1, 0.43])
    autodiff.check_gradient(f, x, engine=engine)


# -- branches ----------------------------------------------------------------------------------------
def zigzag(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            y = np.exp(x[i]) * total
            total = total + y * x[i]
        elif x[i] < -1:
            total = total * np.sin(x[i])
        else:
            total = total + 1.0
    return total


@over_engines
def test_branches_inside_of_a_loop(engine) -> None:
    for seed in range(4):
        x = np.random.default_rng(seed).normal(scale=1.5, size=8)
        autodiff.check_gradient(zigzag, x, engine=engine)


def test_a_branch_keeps_nothing() -> None:
    """A conditional is run again inside its backward conditional; only its inputs are kept."""
    program = autodiff.gradient(zigzag, engine="numpy").ir(np.ones(8))
    assert (
        sum(stacks(loop) for loop in loops(program)) <= 2
    )  # total before the branch, and once more


# -- carries -----------------------------------------------------------------------------------------
def with_what_nobody_reads(x):
    total, last, other, seen = 0.0, x[0], x[0], x[0]
    for i in range(len(x)):
        total = total + other * x[i]
        other = np.sin(other) + last
        last = last * x[i]
        seen = seen + np.exp(last)
    return total


@over_engines
def test_only_what_is_useful_is_carried_backwards(engine) -> None:
    """``seen`` is read by itself alone; ``last`` by what ``total`` will be in two passes."""
    x = np.array([0.5, 1.2, 0.7, -0.4])
    autodiff.check_gradient(with_what_nobody_reads, x, engine=engine)
    backward = loops(autodiff.gradient(with_what_nobody_reads, engine="numpy").ir(np.ones(30)))[-1]
    assert len(backward.operands) == 4  # total, last, other, and what x[i] adds up to


# -- effects -----------------------------------------------------------------------------------------
@over_engines
def test_effects_happen_once(engine, capsys) -> None:
    def noisy(x):
        total = 0.0
        for i in range(len(x)):
            t = x[i]
            while t > 1.0:
                t = t * 0.5
                total = total + np.sin(t)
            if x[i] > 2:
                print("large", i)
                total = total * x[i]
        return total

    x = np.array([0.5, 3.0, 1.5, 9.0, 2.5, 7.0])
    gradient = autodiff.gradient(noisy, engine=engine)
    for _ in range(2):
        capsys.readouterr()
        gradient(x)
        assert capsys.readouterr().out == "large 1\nlarge 3\nlarge 4\nlarge 5\n"


@over_engines
def test_a_random_draw_is_the_same_forward_and_backward(engine) -> None:
    def noisy(x):
        total = 0.0
        for i in range(len(x)):
            if x[i] > 0:
                total = total + np.exp(x[i] * np.random.normal())
        return total

    start = np.array([0.5, -1.0, 0.3, 0.8, 0.1, 0.2])
    gradient = autodiff.gradient(noisy, engine=engine)
    # A guard of a later branch may fail after a draw, and the call run again: the numbers are
    # drawn once all the same.
    for seed, x in ((1, start), (2, -start), (3, start), (4, start[::-1])):
        np.random.seed(seed)
        z = np.zeros(6)
        for i in range(6):
            z[i] = np.random.normal() if x[i] > 0 else 0.0
        np.random.seed(seed)
        np.testing.assert_allclose(gradient(x), z * np.exp(x * z), rtol=1e-12)


# -- what has no derivative ------------------------------------------------------------------------
def test_activity_stops_at_integers() -> None:
    def rounded(x):
        n = np.floor(x).astype(int)
        return np.sum(x * n) + np.sum(np.sort(n))

    x = np.array([1.5, 2.5, -0.5])
    for engine in ("numpy", "native"):
        np.testing.assert_array_equal(autodiff.gradient(rounded, engine=engine)(x), np.floor(x))
    program = autodiff.gradient(rounded, engine="numpy").ir(x)
    assert "sort" not in {op.kind for op in walk(program.block)}


def test_the_test_of_a_while_loop_is_its_own_in_every_column_of_a_jacobian() -> None:
    def f(x: Any) -> Any:
        s = 1.5
        while s < 20.0:
            s *= 1.0 + x[0] ** 2
        return s * x[1]

    x = np.array([0.9, 0.4, 2.0])
    expected = np.zeros((3, 3))
    trips, base = 5, 1.81
    expected[0, 0] = 0.4 * 1.5 * trips * base ** (trips - 2) * (2 * base + 4 * 0.81 * (trips - 1))
    expected[0, 1] = expected[1, 0] = 1.5 * trips * base ** (trips - 1) * 2 * 0.9
    np.testing.assert_allclose(autodiff.hessian(f)(x), expected, rtol=1e-12)
