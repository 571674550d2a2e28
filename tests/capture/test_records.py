"""Lists of tuples and of lists that loops make: what Python gives, at any length, by one program."""

from collections import namedtuple

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, agrees, program_of, uncompiled_allowed

over_engines = pytest.mark.parametrize("engine", ENGINES)
Point = namedtuple("Point", "x y")


def trajectory(p, n):
    x, y, out = p[0], p[1], []
    for k in range(n):
        x, y = x + 0.01 * y, y - 0.01 * np.sin(x)
        out.append([x, y])
    return np.array(out), out


def timed(p, n):
    u, out = p.copy(), [(0.0, p.copy())]
    for k in range(n):
        u = u + 0.1 * np.sin(u)
        out.append(((k + 1) * 0.1, u))
    total = p[0] * 0
    for t, v in out:
        total += t * v[0]
    return total, out[-1], out[0], len(out)


def nested(p, n):
    out = []
    for k in range(n):
        out.append((k, (np.sin(p[0] * k), [k + 1, p[1]])))
    return [(a * b, d) for a, (b, (_, d)) in out], out


def named(p, n):
    points = [Point(p[0], p[1])]
    for _ in range(n):
        last = points[-1]
        points.append(Point(last.x + last.y, last.y * 0.5))
    return points, points[-1].x, points[n // 2]


def conditional(p, n):
    kept = []
    for k in range(n):
        v = np.cos(p[0] * k)
        if v > p[1] - 1.0:
            kept.append((k, v))
    return sum((k * v for k, v in kept), p[0]), len(kept)


def in_while(p, n):
    x, steps = p[0], []
    while len(steps) < n:
        x = x * 0.9 + 0.1 * p[1]
        steps.append((len(steps), x))
    return steps, np.array(steps).sum() if steps else 0.0


def stores(p, n):
    pairs = []
    for k in range(n + 2):
        pairs.append((p[0] * k, p[1]))
    for k in range(1, n + 1):
        a, b = pairs[k - 1]
        pairs[k] = (a + 1.0, b * pairs[k][0])
    return pairs


def stack(p, n):
    todo, total = [(p[0], 0.0)], p[0] * 0
    for k in range(n):
        todo.append((p[1] * k, float(k)))
    for _ in range(n):
        a, b = todo.pop()
        total += a * b
    return total, todo


def parts(p, n):
    out = []
    for k in range(n + 4):
        out.append((p[0] * k, p[1] + k))
    head, tail, every = out[:2], out[-2:], out[::2]
    return head, tail, np.array(every), np.array(out)[:, 1], out[1][0], np.asarray(out).T


def through_functions(p, n):
    def step(state):
        a, b = state
        return a + 0.1 * b, b - 0.1 * a

    def record(history, state):
        history.append(state)
        return state

    history, state = [], (p[0], p[1])
    for _ in range(n):
        state = record(history, step(state))
    return history, max(history, key=lambda s: s[0]) if n else None, list(reversed(history))[:1]


def comprehensions(p, n):
    table = [[p[0] * i + np.sin(p[1] * j) for j in range(3)] for i in range(n)]
    pairs = [(v[0], v[2] ** 2) for v in table]
    return np.array(table).sum(), pairs, [a - b for a, b in pairs]


def rows_made_by_loops(p, n):
    table = []
    for i in range(n):
        row = []
        for j in range(6):
            row.append(np.sin(p[0] * i + j))
        table.append(row)
    return table, np.sum(np.array(table) * p[1]), [r[-1] for r in table]


def transposed(p, n):
    out = []
    for k in range(n + 1):
        out.append((k * p[0], k + p[1]))
    a, b = zip(*out, strict=True)
    return np.array(a) * 2, sum(b)


def counted(p, n):
    out = []
    for k in range(n):
        out.append((k, p[0] * k, k % 2 == 0, np.float32(k)))
    total = p[0] * 0
    for position, (i, v, even, _) in enumerate(out):
        total += v * i if even else position
    return total, out


# What changes after it was appended, or where it is kept: the copies must not show.
def row_that_grows_later(p, n):
    row, out = [p[0]], []
    for _ in range(n):
        out.append(row)
    row.append(p[1])
    return out


def row_that_changes_in_the_loop(p, n):
    row, out = [p[0], p[1]], []
    for k in range(n):
        row[0] = row[0] + 1.0
        out.append(row)
    return out


def item_that_changes(p, n):
    out = []
    for k in range(n + 1):
        out.append([p[0] * k, p[1]])
    out[-1][0] = 7.0
    out[0].append(3.0)
    return out


def item_that_changes_in_a_loop(p, n):
    out = [[p[0], p[1]]]
    for k in range(n):
        out.append([p[0] * k, p[1]])
        out[-1][1] += out[-2][0]
    return out


def items_of_another_kind(p, n):
    out = []
    for k in range(n):
        out.append((p[0], k))
    out.append("end")
    out.append((p[0], k, 1) if n else None)
    return out


def one_row_twice(p, n):
    out = []
    for k in range(n):
        row = [p[0] * k]
        out.append(row)
        out.append(row)
    if n:
        out[0][0] = p[1]
    return out


def array_that_changes(p, n):
    u, out = p.copy(), []
    for k in range(n):
        u += 1.0
        out.append((k, u))
    return out


def which_row_it_is(p, n):
    rows, arrays, found = [], [], [0, 0, 0]
    row = array = None
    for k in range(n + 1):
        row, array = [p[0] * k, p[1]], p * k
        rows.append(row)
        arrays.append(array)
        if rows[-1] is row:
            found[0] += 1
        if arrays[-1] is array:
            found[1] += 1
        if arrays[0] is array or rows[0] is row:
            found[2] += 1
    return found, rows[-1] is row, arrays[-1] is array, arrays[0] is array, rows[-1][0]


def joined_by_sum(p, n):
    rows = []
    for k in range(n):
        if p[k % 2] > 0:
            rows.append((p[0] * k, k))
    return sum(rows, ()), sum([list(row) for row in rows], [p[1]])


class Holder:
    def __init__(self, row, v):
        self.row, self.v = row, v


def kept_row_that_changes_after_the_loop(p, n):
    row, rows = [p[0]], []
    for k in range(n):
        row = [row[0] * p[1]]
        rows.append(row)
    same = [row is other for other in rows[-1:]]
    row[0] = p[0] * 5
    return rows, same


def kept_row_that_changes_in_the_next_pass(p, n):
    row, rows = [p[0]], []
    for k in range(n):
        row[0] = row[0] + p[0]
        row = [row[0] * 0.5]
        rows.append((row, k))
    return sum([one[0] * k for one, k in rows])


def kept_row_that_changes_through_the_list(p, n):
    row, rows = [p[0], 0.0], []
    for k in range(n):
        if p[1] * k < 4:
            row = [row[0] * p[1], 1.0]
        rows.append(row)
    if rows:
        rows[-1][0] = p[0] * 3
    return row[0] + p[1]


def kept_row_of_a_structure(p, n):
    holder, entries, rows = Holder([p[0]], p[1]), {"row": [p[1]]}, []
    for k in range(n):
        holder = Holder([holder.row[0] * p[1]], holder.v + 1)
        entries["row"] = [entries["row"][0] * 0.5]
        rows.append(holder.row)
        rows.append(entries["row"])
    holder.row[0] = p[1] * 2
    entries["row"].append(p[0])
    return rows


def kept_row_of_either_branch(p, n):
    row, rows = [0.0], []
    for k in range(n):
        if p[0] * k > 1:
            row = [p[0]]
            rows.append(row)
        else:
            row = [p[1] * 3]
            rows.append(row)
        row[0] = row[0] + k
    return rows


FUNCTIONS = [
    kept_row_that_changes_after_the_loop, kept_row_that_changes_in_the_next_pass,
    kept_row_that_changes_through_the_list, kept_row_of_a_structure, kept_row_of_either_branch,
    which_row_it_is, joined_by_sum,
    trajectory, timed, nested, named, conditional, in_while, stores, stack, parts, through_functions, comprehensions,
    rows_made_by_loops, transposed, counted, row_that_grows_later, row_that_changes_in_the_loop, item_that_changes,
    item_that_changes_in_a_loop, items_of_another_kind, one_row_twice, array_that_changes,
]  # fmt: skip
P = np.array([0.7, 1.3])


@over_engines
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_results_are_those_of_plain_python(f, engine) -> None:
    agrees(f, (P, 12), (P, 7), (-P, 20), (P, 1), (P, 0), (P[::-1].copy(), 12), engine=engine)


@over_engines
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_derivatives(f, engine) -> None:
    steps = 1e-6 * np.eye(2)
    gradient = autodiff.gradient(lambda p, n: _sum(f(p, n)), wrt="p", engine=engine)
    for n in (9, 14, 2):
        expected = [(_sum(f(P + d, n)) - _sum(f(P - d, n))) / 2e-6 for d in steps]
        np.testing.assert_allclose(gradient(P, n), expected, rtol=1e-6, atol=1e-6)


def _sum(result):
    """The numbers of a result added up, as user code would."""
    if isinstance(result, (list, tuple)):
        total = 0.0
        for part in result:
            total = total + _sum(part)
        return total
    return 0.0 if result is None or isinstance(result, str) else np.sum(result)


@pytest.mark.parametrize(
    "f",
    [trajectory, timed, nested, named, comprehensions, rows_made_by_loops],
    ids=lambda f: f.__name__,
)
def test_the_size_of_the_program_does_not_depend_on_the_length(f) -> None:
    def sizes(n):
        program = program_of(lambda p: f(p, n)[0], P)
        return sum(1 for _ in autodiff.ir.walk(program.block))

    assert sizes(50) == sizes(500)


EXTREMES = [
    lambda p: max([(p[0], p[1]), (p[1], p[0]), (p[0] * p[1], 3.0)], key=lambda s: s[0]),
    lambda p: min([(p[0], p[1]), (p[1], p[0]), (p[0] * p[1], p[0])]),
    lambda p: max([(1, p[1]), (1, p[0]), (1, p[0] * p[1])]),
    lambda p: max([(1, (p[1], 2)), (1, (p[0], 5))]),
    lambda p: max([[p[0], 1], [p[1], 2]]),
    lambda p: max([("a", p[0]), ("b", p[1])], key=lambda s: s[1]),
    lambda p: max(("a", p[0]), ("b", p[1])),
    lambda p: min(Point(p[0], p[1]), Point(p[1], p[0])),
    lambda p: max({"a": p[0], "b": p[1]}.items(), key=lambda item: item[1]),
    lambda p: max([{"x": p[0]}, {"x": p[1]}], key=lambda d: d["x"])["x"] * 2,
    lambda p: max([p, p * 2], key=lambda v: v.sum()),
    lambda p: max(p[:1], p[1:]),
]


@over_engines
@pytest.mark.parametrize("f", EXTREMES, ids=range(len(EXTREMES)))
def test_extremes_of_tuples_and_of_other_things(f, engine) -> None:
    agrees(f, (P,), (np.array([1.7, 1.3]),), (np.array([-1.0, -1.0]),), (-P,), engine=engine)


def test_the_extreme_of_arrays_is_ambiguous_as_in_python() -> None:
    with pytest.raises(
        ValueError, match="The truth value of an array with more than one element is ambiguous"
    ):
        autodiff.function(lambda p: max(p, p[::-1]))(P)


@over_engines
def test_an_array_of_an_empty_list_is_numpys(engine) -> None:
    def counts(p, n):
        return np.array([k for k in range(n)]), np.array([p * k for k in range(n)])

    def chosen(p, n):
        found = []
        for k in range(n):
            if p[0] * k > 1.0:
                found.append((k, p[1]))
        return np.array(found)

    for f in (counts, chosen):
        agrees(f, (P, 12), (P, 20), (P, 0), (-P, 12), (P, 1), (P, 9), engine=engine)


# -- an item changes, and the list grows, in one branch ------------------------------------------------
def in_a_branch(x, n):
    rows = [[1.0, x[0]], [x[1], 0.5]]
    if x[0] > 0:
        rows[0][0] = np.sin(x[0])
        rows.append([x[1], x[0]])
    return rows


def in_an_inner_while(x, n):
    rows = [[1.0, x[0]], [x[1], 0.5]]
    for i in range(n):
        c = 0
        while c < 4 and i > 1:
            c += 1
            rows[0][0] = 9.0
            rows.append(list(rows[-1]))
            rows[-1][0] = x[0]
    return rows


def in_a_while_on_values(x, n):
    rows, s = [[1.0, x[0]], [x[1], 0.5]], 0.0
    while s < x[0] * n:
        s += 1
        rows[0][0] = 7.0 + s
        rows.append(list(rows[-1]))
    return rows


def in_a_tuple(x, n):
    rows, s = [(1.0, [x[0], 2.0])], 0.0
    for i in range(n):
        if x[0] > 0:
            rows[0][1][1] = 7.0 + i
            rows.append((s, [x[1], 3.0]))
    return rows


@over_engines
@pytest.mark.parametrize(
    "function", [in_a_branch, in_an_inner_while, in_a_while_on_values, in_a_tuple]
)
def test_what_a_branch_stores_into_an_item_is_not_there_after_another_branch(
    function, engine
) -> None:
    compiled = autodiff.function(function, engine=engine)
    for first in (1.0, -1.0):
        for n in (1, 0, 3, 1):
            x = np.array([first, 2.0])
            with uncompiled_allowed():
                found, expected = compiled(x, n), function(x, n)
            assert np.allclose(*(np.ravel([np.hstack(r) for r in f]) for f in (found, expected)))
            assert len(found) == len(expected)
