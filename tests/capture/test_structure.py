"""Staged control flow: one ``cond``, ``for`` or ``while`` in the program, of a size that does not grow.

The program's text has exactly the loops and branches of the source, and its number of operations
is the same for 10 iterations and for 10,000; values are compared with plain Python besides.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.ir import Program
from autodiff.ir.data import walk
from tests.capture.support import ENGINES, agrees, kinds, program_of, run

over_engines = pytest.mark.parametrize("engine", ENGINES)


def control(program: Program) -> dict[str, int]:
    found = kinds(program)
    return {kind: found[kind] for kind in ("cond", "for", "while") if found[kind]}


def size(program: Program) -> int:
    return sum(kinds(program).values())


# -- one construct each: (function, arguments, control flow of the program) ---------------------------
def sum_loop(x):
    s = 0.0
    for v in x:
        s += v * v
    return s


def range_loop(x):
    s = 0.0
    for i in range(len(x)):
        s = s * 0.5 + x[i]
    return s


def range_with_step(x):
    s = 0.0
    for i in range(len(x) - 1, 0, -2):
        s = s * 0.5 + x[i] * i
    return s


def enumerated(x):
    s = 0.0
    for k, v in enumerate(x, 3):
        s += k * v
    return s


def zipped(x):
    s = 0.0
    for a, b in zip(x, reversed(x), strict=True):
        s = s * 0.9 + a * b
    return s


def store_loop(x):
    a = np.zeros(len(x))
    for i in range(len(x)):
        a[i] = np.sin(x[i])
    return a


def nested_loop(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            s += x[i] * x[j] * (i - j)
    return s


def triangular_loop(x):
    s = 0.0
    for i in range(len(x)):
        for j in range(i):
            s += x[i] * x[j]
    return s


def branch_in_loop(x):
    s = 0.0
    for v in x:
        if v > 0:
            s += v
        else:
            s -= 2 * v
    return s


def elif_in_loop(x):
    s = 0.0
    for v in x:
        if v > 1:
            s += v
        elif v > 0:
            s += v * v
        elif v < -1:
            s -= 1
    return s


def continue_in_loop(x):
    s = 0.0
    for v in x:
        if v < 0:
            continue
        s += np.sqrt(v)
    return s


def break_in_loop(x):
    s = 0.0
    for v in x:
        s += v
        if s > 3:
            break
    return s


def return_in_loop(x):
    s = 0.0
    for v in x:
        s += v
        if s > 3:
            return s * 100
    return s


def else_of_loop(x):
    for v in x:
        if v > 1.5:
            r = v
            break
    else:
        r = -1.0
    return np.sum(r)


def first_iteration_differs(x):
    s = 0
    for v in x:
        s = s + v
    return s


def shape_changes_once(x):
    y = 0.0
    for v in x:
        y = y * 0.5 + v * x[:2]
    return y


def counted_while(x):
    i, s = 0, 0.0
    while i < len(x):
        s += x[i] * i
        i += 1
    return s


def slices_of_the_index(x):
    s = 0.0
    for i in range(1, len(x)):
        s += np.dot(x[:i], x[-i:]) + x[i:].sum()
    return s


def rows_of_a_matrix(x):
    m = np.outer(x, x)
    s = 0.0
    for row in m:
        s += row.max() * row[0]
    return s


def loop_variable_afterwards(x):
    for i in range(len(x)):
        v = x[i]
    return v * i


def found_position(x):
    for i in range(len(x)):
        if x[i] > 1:
            position, value = i, x[i] * 2
            break
    else:
        return np.float64(-1.0)
    return position * value


def last_position(x):
    for i in range(len(x)):
        if x[i] > 0:
            last = i
            peak = x[i] ** 2
    return peak * last


def tuple_of_accumulators(x):
    low, high = x[0], x[0]
    for v in x:
        low, high = min(low, v), max(high, v)
    return high - low


def shrinking_array(x):
    for _ in range(len(x) - 1):
        x = 0.5 * (x[1:] + x[:-1])
    return x


def growing_array(x):
    c = np.ones(1)
    for r in x:
        c = np.concatenate([c, [0.0]]) - 0.1 * r * np.concatenate([[0.0], c])
    return c


def sizes_in_two_axes(x):
    a = np.outer(x, x + 1)
    for _ in range(len(x) - 3):
        a = 0.5 * a[1:, 1:] - 0.25 * a[:-1, 1:]
        last = a[:, :2]
    return a[0] + last[0, 1]


def appended_list(x):
    found = []
    for v in x:
        found.append(v * v)
    return np.array(found)


def listed(x):
    return np.array([np.sin(v) * k for k, v in enumerate(x)])


def recurrence_in_a_list(x):
    y = [x[0]]
    for i in range(1, len(x)):
        y.append(0.5 * y[-1] + x[i] * y[i - 1])
    return np.array(y)


def selected_list(x):
    chosen = []
    for v in x:
        if v > 0:
            chosen.append(v)
    return np.array(chosen)


def stored_list(x):
    table = [0.0] * len(x)
    for i in range(1, len(x)):
        table[i] = 0.5 * table[i - 1] + x[i]
    return table[-1] + sum(table)


def list_of_arrays(x):
    states = [x]
    for _ in range(len(x)):
        states.append(0.5 * np.sin(states[-1]))
    return np.stack(states)


def listed_until(x):
    h = [x[0]]
    while len(h) < len(x) and h[-1] < 9.0:
        h.append(0.5 * h[-1] + x[1])
    return np.array(h)


def summed_generator(x):
    return sum(v * np.sin(x[k]) for k, v in enumerate(x))


def filtered_comprehension(x):
    return np.array([v * v for v in x if v > 0])


def nested_appends(x):
    pairs = []
    for i in range(len(x)):
        for j in range(6):
            pairs.append(x[i] * x[j])
    return np.array(pairs)


LOOPS: list[tuple[Callable[..., Any], dict[str, int]]] = [
    (sum_loop, {"for": 1}),
    (range_loop, {"for": 1}),
    (range_with_step, {"for": 1}),
    (enumerated, {"for": 1}),
    (zipped, {"for": 1}),
    (store_loop, {"for": 1}),
    (nested_loop, {"for": 2}),
    (triangular_loop, {"for": 2}),
    (branch_in_loop, {"for": 1, "cond": 1}),
    (elif_in_loop, {"for": 1, "cond": 3}),
    (continue_in_loop, {"for": 1, "cond": 1}),
    (break_in_loop, {"while": 1}),
    (return_in_loop, {"while": 1}),
    (else_of_loop, {"while": 1}),
    (first_iteration_differs, {"for": 1}),
    (shape_changes_once, {"for": 1}),
    (counted_while, {"while": 1}),
    (slices_of_the_index, {"for": 1}),
    (rows_of_a_matrix, {"for": 1}),
    (loop_variable_afterwards, {"for": 1}),
    (tuple_of_accumulators, {"for": 1}),
    (found_position, {"while": 1}),
    (last_position, {"for": 1}),
    (shrinking_array, {"for": 1}),
    (growing_array, {"for": 1}),
    (sizes_in_two_axes, {"for": 1}),
    (appended_list, {"for": 1}),
    (listed, {"for": 1}),
    (recurrence_in_a_list, {"for": 1}),
    (selected_list, {"for": 1, "cond": 1}),
    (stored_list, {"for": 1}),
    (list_of_arrays, {"for": 1}),
    (listed_until, {"while": 1}),
    (summed_generator, {"for": 1}),
    (filtered_comprehension, {"for": 1, "cond": 1}),
    (nested_appends, {"for": 2}),
]
IDS = [f.__name__ for f, _ in LOOPS]


def data(n: int) -> np.ndarray:
    # Away from the numbers at which the functions branch.
    return np.round(np.random.default_rng(n).normal(size=n), 1) + 0.03


@pytest.mark.parametrize(("f", "expected"), LOOPS, ids=IDS)
def test_the_program_has_the_loops_of_the_source(f, expected) -> None:
    found = control(autodiff.function(f, engine="numpy").ir(data(12)))
    for kind in ("for", "while"):
        assert found.get(kind, 0) == expected.get(kind, 0), found
    if "cond" in expected:
        assert found.get("cond", 0) == expected["cond"], found


@pytest.mark.parametrize(("f", "expected"), LOOPS, ids=IDS)
def test_the_size_of_the_program_does_not_depend_on_the_trip_count(f, expected) -> None:
    assert size(program_of(f, data(10))) == size(program_of(f, data(10_000)))
    gradient = autodiff.gradient(lambda x: np.sum(f(x)), engine="numpy")
    assert size(gradient.ir(data(10))) == size(gradient.ir(data(10_000)))


def test_slices_that_no_iteration_changes_stand_ahead_of_the_loop() -> None:
    def rows(x):
        y = x.reshape(-1, 4).copy()
        total = 0.0
        for i in range(len(y)):
            y[i] = y[i] * 2.0
            for j in range(i):
                total += np.sum(y[i] ** 3) * x[j]
        return total

    text = str(program_of(rows, data(40)))
    assert re.search(r"starts=\(k, 0\).*\n.*for\(", text), text

    # Once derived, a row is kept of each iteration, not the array.
    shapes = {
        v.shape
        for operation in walk(autodiff.gradient(rows, engine="numpy").ir(data(40)).block)
        for v in operation.results
    }
    assert (10, 4) in shapes and (10, 10, 4) not in shapes


def test_slices_beyond_the_end_stay_in_the_loop_that_does_not_run() -> None:
    def beyond(x):
        total = 0.0
        for i in range(len(x)):
            for _ in range(len(x) - 1 - i):
                total += x[i + 1]
        return total

    agrees(beyond, (data(9),), engine="native")
    autodiff.check_gradient(beyond, data(9), engine="native")


def test_short_loops_around_loops_are_not_copied_out() -> None:
    def sweeps(x):
        y = x.copy()
        for _ in range(2):
            for i in range(1, len(x)):
                y[i] = 0.5 * (y[i] + y[i - 1])
        return np.sum(y)

    assert control(program_of(sweeps, data(12))) == {"for": 2}


@over_engines
@pytest.mark.parametrize("f", [f for f, _ in LOOPS], ids=IDS)
def test_values_and_gradients(f, engine) -> None:
    agrees(f, (data(7),), (data(9),), (data(12),), engine=engine)
    autodiff.check_gradient(lambda x: np.sum(f(x)), data(7), engine=engine)


@over_engines
@pytest.mark.parametrize(
    "f", [sum_loop, range_loop, store_loop, branch_in_loop, break_in_loop, counted_while]
)
def test_no_iterations_and_one(f, engine) -> None:
    # What never met an array is a Python float: np.sum makes the type the same for every length.
    agrees(
        lambda x: np.sum(f(x)), (np.zeros(0),), (data(1),), (data(2),), (data(8),), engine=engine
    )


# -- integers and lengths ------------------------------------------------------------------------------
@over_engines
def test_trip_counts_are_never_frozen(engine) -> None:
    def power(x, n):
        y = 1.0
        for _ in range(n):
            y = y * x
        return y

    value, gradient = (
        autodiff.function(power, engine=engine),
        autodiff.gradient(power, wrt="x", engine=engine),
    )
    for n in (4, 5, 0, 1, 300, 4):
        assert value(1.01, n) == pytest.approx(1.01**n, rel=1e-12)
        assert gradient(1.01, n) == pytest.approx(n * 1.01 ** (n - 1), rel=1e-12)
    assert len(value.cache) <= 3
    assert len(gradient.cache) <= 3


@over_engines
def test_a_count_computed_from_data(engine) -> None:
    def f(x):
        s = 0.0
        for i in range(int(x[0])):
            s += x[i]
        return np.sum(s)

    agrees(
        f,
        (np.array([3.0, 1.0, 2.0, 5.0]),),
        (np.array([1.0, 1.0, 2.0, 5.0]),),
        (np.zeros(4),),
        engine=engine,
    )


@over_engines
def test_a_while_on_data_takes_as_many_trips_as_it_needs(engine) -> None:
    def f(x):
        n = 0
        while x > 1:
            x = x / 2
            n += 1
        return x * n

    compiled = agrees(f, (5.0,), (1e9,), (0.5,), (1e-9,), engine=engine)
    assert len(compiled.cache) == 1


# -- branches -------------------------------------------------------------------------------------------
def test_one_branch_is_one_cond() -> None:
    def f(x):
        if x > 0:
            y = np.sin(x)
        else:
            y = np.cos(x)
        return y * 2

    program = program_of(f, 1.0)
    assert control(program) == {"cond": 1}
    for x in (1.0, -1.0):
        assert run(program, [np.array(x)])[0] == f(x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x > 0 else -x,
        lambda x: x * 2 if x > 0 and x < 2 else x * 3 if x > 5 or x < -5 else x,
        lambda x: max(x, 1.0, 2 * x) + min(x, -1.0),
        lambda x: (x > 0) * x + (not x > 1) * 3.0,
        lambda x: 1.0 if 0 < x < 1 else 2.0 if 1 <= x <= 2 else x,
    ],
)
@over_engines
def test_one_program_serves_every_side(f, engine) -> None:
    compiled = agrees(f, *[(x,) for x in (0.5, -0.5, 1.0, 1.5, 7.0, -7.0, 0.0, 2.0)], engine=engine)
    assert len(compiled.cache) == 1


def test_a_branch_on_what_is_known_is_no_cond() -> None:
    def f(x, flag=True, mode="a"):
        if flag and mode == "a" and x.ndim == 1 and len(x) > 2 and isinstance(x, np.ndarray):
            return x * 2
        return x

    assert control(program_of(f, data(3))) == {}


def test_a_check_costs_no_branch() -> None:
    def f(x):
        if np.any(x < 0):
            raise ValueError("negative")
        assert x[0] < 100, "too large"
        return np.sqrt(x)

    program = program_of(f, np.ones(3))
    assert control(program) == {}
    assert kinds(program)["check"] == 2


# -- what else there is in reach ------------------------------------------------------------------------
class World:
    def __init__(self, n):
        self.things = [{"a": [k]} for k in range(n)]
        self.numbers = [0.5] * n
        self.scale = 2.0


class Particle:
    def __init__(self, x, v):
        self.x = x
        self.v = v


def in_a_world(world, x, n):
    p = Particle(x, 0.0)
    first = world.things[0]
    for _ in range(n):
        p = Particle(p.x + 0.1 * p.v, p.v - world.scale * p.x)
    return p.x + first["a"][0]


def test_programs_do_not_depend_on_how_much_else_is_in_reach():
    sizes = set()
    for n in (10, 30_000):
        world = World(n)
        compiled = autodiff.function(in_a_world, on_fallback="error")
        assert compiled(world, 1.5, 40) == pytest.approx(in_a_world(world, 1.5, 40), rel=1e-12)
        sizes.add(str(compiled.ir(world, 1.5, 40)).count("\n"))
    assert len(sizes) == 1


# -- objects of each kind of class, bound anew in a loop ----------------------------------------------
@dataclass
class Level:
    u: Any
    s: Any


@dataclass(frozen=True)
class FrozenLevel:
    u: Any
    s: Any


class NamedSpace(SimpleNamespace):
    pass


class OwnLevel:
    def __init__(self, u, s):
        self.u, self.s = u, s


@over_engines
@pytest.mark.parametrize("cls", [Level, FrozenLevel, SimpleNamespace, NamedSpace, OwnLevel])
@pytest.mark.parametrize("copied", [False, True])
def test_a_loop_binds_an_object_anew(cls: Any, copied: bool, engine: str) -> None:
    def f(x):
        state = cls(u=x, s=0.5)
        for e in x:
            for _ in range(2):
                new = copy.copy(state) if copied else cls(u=state.u * 0.5, s=state.s + e)
                state, old = new, state
        return state.s + old.u.sum()

    ours, slope = (make(f, engine=engine) for make in (autodiff.function, autodiff.gradient))
    for n in (3, 5, 6, 3):
        x = np.linspace(0.5, 1.0, n)
        np.testing.assert_allclose(ours(x), f(x), rtol=1e-14)
        steps = [(f(x + h) - f(x - h)) / 2e-6 for h in 1e-6 * np.eye(n)]
        np.testing.assert_allclose(slope(x), steps, rtol=1e-7, atol=1e-9)
