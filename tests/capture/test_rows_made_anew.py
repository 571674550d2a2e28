"""Lists of lists that a loop makes anew in every pass and stores into: carried with their rows, one loop of any length.

new = [row[:] for row in grid]; new[i][j] = …       carry  which rows the items are, and the rows
grid = new
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.capture.support import (
    ENGINES,
    agrees,
    agrees_with_slopes,
    one_loop_for_any_length,
    same,
)

over_engines = pytest.mark.parametrize("engine", ENGINES)


class Holder:
    pass


def made(v):
    rows = [[v * k, 1.0] for k in range(9)]
    for i in range(9):
        rows[i][1] = v + i
    return rows


def diffused(xs, a):
    n = len(xs)
    grid = [[xs[(i + j) % n] * a for j in range(n)] for i in range(n)]
    for _ in range(12):
        new = [row[:] for row in grid]
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                around = grid[i - 1][j] + grid[i + 1][j] + grid[i][j - 1] + grid[i][j + 1]
                new[i][j] = grid[i][j] + 0.1 * (around - 4 * grid[i][j])
        grid = new
    return sum([row[2] for row in grid])


def diffused_from_zeros(xs, a):
    n = len(xs)
    grid = [[xs[(i + j) % n] * a for j in range(n)] for i in range(n)]
    for _ in range(12):
        new = [[0.0] * n for _ in range(n)]
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                new[i][j] = 0.4 * grid[i][j] + 0.3 * (grid[i - 1][j] + grid[i][j + 1])
        grid = new
    return sum([row[2] for row in grid])


def table_of_before(xs, a):
    after = made(a)
    for v in xs:
        before = after
        after = [[0.0] * 2 for _ in range(9)]
        for i in range(1, 9):
            after[i][0] = before[i - 1][0] * 0.5 + v
            after[i][1] = max(before[i][1] * 0.9, after[i][0])
    return after[3][0] + before[2][1]


def the_two_before(xs, a):
    u, w = made(a), made(xs[0])
    for v in xs:
        new = [row[:] for row in u]
        new[1][1] = v * w[1][0] * 0.1
        w = u
        u = new
    return u[2][0] + u[1][1] + w[1][1]


def one_row_at_two_places(xs, a):
    grid = made(a)
    for v in xs:
        new = [row[:] for row in grid]
        new[2] = new[1]
        new[2][0] = new[2][0] * 0.5 + v
        new[3][1] = new[1][0]
        grid = new
    grid[1][0] += 100.0
    return grid[2][0] + grid[1][0] + grid[3][1]


def as_an_attribute(xs, a):
    holder = Holder()
    holder.grid, holder.count = made(a), 0
    for v in xs:
        new = [row[:] for row in holder.grid]
        new[1][1] = v + new[2][0]
        holder.grid = new
        holder.count += 1
    return holder.grid[1][1] + holder.grid[2][1] + holder.count


def in_a_loop_in_a_loop(xs, a):
    total = 0.0
    for v in xs:
        grid = made(v * a)
        for _ in range(3):
            new = [row[:] for row in grid]
            for i in range(1, 8):
                new[i][0] = 0.5 * (grid[i - 1][0] + grid[i + 1][0])
            grid = new
        total += grid[3][0]
    return total


def the_last_one_is_read(xs, a):
    for v in xs:
        new = made(v * a)
    return new[3][0] + new[2][1]


def a_row_of_the_last_one_is_read(xs, a):
    for v in xs:
        new = made(v * a)
        row = new[3]
    return row[0] + row[1]


def until_it_is_large(xs, a):
    grid, i = made(a), 0
    while i < len(xs) and grid[1][1] < 50.0:
        new = [row[:] for row in grid]
        new[1][1] = xs[i] + 0.1 * grid[2][0]
        new[2][0] = 0.5 * grid[1][1]
        grid = new
        i += 1
    return grid[1][1] * grid[2][0]


ONE_LOOP = [
    diffused, diffused_from_zeros, table_of_before, the_two_before, one_row_at_two_places, as_an_attribute, in_a_loop_in_a_loop,
    the_last_one_is_read, a_row_of_the_last_one_is_read, until_it_is_large,
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", ONE_LOOP, ids=lambda f: f.__name__)
def test_it_is_one_loop_with_the_slopes_of_it(f: Callable[..., Any], engine: str) -> None:
    agrees_with_slopes(f, engine)
    one_loop_for_any_length(f)


# -- rows that somebody else knows ---------------------------------------------------------------------
def known_before(xs, a):
    grid = made(a)
    first = grid[0]
    for v in xs:
        grid[0][0] += v
        grid = [row[:] for row in grid]
        grid[1][1] = v
    return first[0] + grid[0][0]


def shared_by_two(xs, a):
    grid = made(a)
    other = grid[:]
    for v in xs:
        new = [row[:] for row in grid]
        new[1][1] = v
        grid = new
        other = new[:]
        other[1][0] += 1.0
    return grid[1][0] + other[1][0]


def replaced_now_and_then(xs, a):
    grid = made(a)
    for v in xs:
        if v > 1.0:
            grid = made(v)
        grid[1][0] += 1.0
    return grid[1][0] + grid[2][1]


def best_of_all(xs, a):
    best, cost = made(a), xs[0]
    for v in xs:
        new = made(v)
        if v > cost:
            best, cost = new, v
    return best[1][0] + best[2][1]


def rows_in_the_result(xs, a):
    grid = made(a)
    for v in xs:
        new = [row[:] for row in grid]
        new[1][1] = v
        new[2] = new[1]
        grid = new
    return grid, grid[1]


@over_engines
@pytest.mark.parametrize(
    "f",
    [known_before, shared_by_two, replaced_now_and_then, best_of_all, rows_in_the_result],
    ids=lambda f: f.__name__,
)
@pytest.mark.filterwarnings("ignore::autodiff.errors.UnrollWarning")
def test_rows_that_are_known_otherwise_are_those_rows(f: Callable[..., Any], engine: str) -> None:
    xs = np.linspace(0.5, 1.5, 9)
    agrees(f, (xs, 0.7), (1.2 * xs, 0.8), engine=engine)


# -- what a pass has made, under several names after the loop ------------------------------------------
def a_list_and_its_row(xs, a):
    for v in xs:
        new = made(v)
        row = new[3]
    row[0] = 5.0 * a
    return row[1] + new[3][0]


def arrays_in_a_list(xs, a):
    for v in xs:
        rows = [np.array([v * k, 1.0]) for k in range(9)]
        for i in range(9):
            rows[i][1] = v + i
    return rows[3][0] + rows[4][1]


@over_engines
@pytest.mark.parametrize("f", [a_list_and_its_row, arrays_in_a_list], ids=lambda f: f.__name__)
def test_what_cannot_be_kept_after_the_loop_is_not_lost(f: Callable[..., Any], engine: str) -> None:
    xs = np.linspace(0.5, 1.5, 9)
    compiled = autodiff.function(f, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        for a in (0.7, 0.9):
            same(compiled(xs * a, a), f(xs * a, a))
