"""Lists of arrays that loops store into, replace and exchange."""

import itertools

import numpy as np
import pytest

import autodiff
from autodiff.api import Function

from .support import agrees_with_slopes, one_loop_for_any_length, same

both = pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])


def sampled(functions):
    """Every third of them by default, all where slow tests run."""
    return [
        f if k % 3 == 0 else pytest.param(f, marks=pytest.mark.slow)
        for k, f in enumerate(functions)
    ]


# -- one loop, whatever the length --------------------------------------------------------------------
def elements_stored(xs, a):
    rows = [np.zeros(3) for _ in xs]
    for i in range(len(xs)):
        for j in range(3):
            rows[i][j] = xs[i] * a + (rows[i - 1][j] if i else 0.0)
    return rows[-1].sum()


def added_in_place(xs, a):
    rows = [np.ones(3) for _ in xs]
    for i in range(1, len(xs)):
        rows[i] += a * xs[i] * rows[i - 1]
    return rows[-1].sum() + rows[1][0]


def replaced(xs, a):
    m = np.array([[a, 0.1], [0.2, 0.9]])
    rows = [np.zeros(2)] * len(xs)
    rows[0] = np.array([1.0, a])
    for i in range(1, len(xs)):
        rows[i] = m @ rows[i - 1] + xs[i]
    return rows[-1].sum() + rows[2][0]


def pairs_of_forces(xs, a):
    points = [np.array([x, a]) for x in xs]
    forces = [np.zeros(2) for _ in xs]
    for i in range(len(xs)):
        for j in range(i + 1, len(xs)):
            d = (points[i] - points[j]) * a
            forces[i] += d
            forces[j] -= d
    return sum([(f * f).sum() for f in forces])


def exchanged(xs, a):
    rows = [np.array([np.sin(9 * x), a]) for x in xs]
    for i in range(len(rows) - 1):
        if rows[i][0] > rows[i + 1][0]:
            rows[i], rows[i + 1] = rows[i + 1], rows[i]
    return rows[-1][0] + 2 * rows[0][0] * rows[0][1]


def steps(xs, a):
    places = [np.array([x, a]) for x in xs]
    speeds = [np.zeros(2) for _ in xs]
    for _ in range(10):
        for p, v in zip(places, speeds, strict=True):
            v -= 0.1 * p
            p += 0.1 * v
    return places[0][0] + speeds[-1][1]


def of_a_while_loop(xs, a):
    rows = [np.zeros(2) for _ in xs]
    while rows[0][0] < 3.0:
        for i in range(len(xs)):
            rows[i][0] += a + 0.1 * i
    return rows[0][0] + rows[-1][0]


class Chain:
    def __init__(self, xs):
        self.rows = [np.array([x, 1.0]) for x in xs]

    def step(self, a):
        for i in range(1, len(self.rows)):
            self.rows[i] = self.rows[i - 1] * a + self.rows[i]


def of_an_object(xs, a):
    chain = Chain(xs)
    for _ in range(6):
        chain.step(0.3 * a)
    return chain.rows[0][0] + chain.rows[-1][1]


ONE_LOOP = [
    elements_stored, added_in_place, replaced, pairs_of_forces, exchanged, steps, of_a_while_loop, of_an_object,
]  # fmt: skip


@both
@pytest.mark.parametrize("f", sampled(ONE_LOOP), ids=lambda f: f.__name__)
def test_values_and_slopes(f, engine) -> None:
    agrees_with_slopes(f, engine)


@pytest.mark.parametrize("f", sampled(ONE_LOOP), ids=lambda f: f.__name__)
def test_one_loop(f) -> None:
    one_loop_for_any_length(f)


def test_tangents() -> None:
    xs, h = np.linspace(0.5, 1.5, 11), 1e-6
    for f in (replaced, pairs_of_forces):
        _, tangent = autodiff.jvp(f, (xs, 0.7), (0 * xs, 1.0))
        assert tangent == pytest.approx((f(xs, 0.7 + h) - f(xs, 0.7 - h)) / (2 * h), rel=2e-6)


# -- which array is which -----------------------------------------------------------------------------
def one_of_them(xs, a):
    rows = [np.zeros(2) for _ in xs]
    r = rows[3]
    for i in range(len(xs)):
        rows[i][0] += xs[i] * a
        rows[i][1] = rows[i - 1][0]
    r[1] = 9.0
    return rows, r


def one_array_everywhere(xs, a):
    z = np.zeros(2)
    rows = [z] * len(xs)
    for i in range(len(xs)):
        rows[i][0] += xs[i] * a
    return rows, z


def old_one(xs, a):
    rows = [np.array([x, a]) for x in xs]
    old = rows[2]
    for i in range(1, len(xs)):
        rows[i] = rows[i - 1] * a
    old[0] = 5.0
    return rows, old


def the_one_before(xs, a):
    rows = [np.array([x, a]) for x in xs]
    for i in range(1, len(xs)):
        rows[i] = rows[i - 1]
        rows[i][0] += 1.0
    return rows


def moved_on(xs, a):
    rows = [np.array([x, a]) for x in xs]
    for i in range(1, len(xs)):
        r = rows[i]
        r += rows[i - 1]
        rows[i - 1] = r
    return rows


def changed_by_its_name_afterwards(xs, a):
    rows = [np.array([x, a]) for x in xs]
    for i in range(1, len(xs)):
        new = rows[i] * 2
        rows[i] = new
        new[0] = xs[i]
    new[1] = 77.0
    return rows, new


def asked_which_it_is(xs, a):
    rows, count = [np.array([x, a]) for x in xs], 0
    for i in range(1, len(xs)):
        if xs[i] > 1.0:
            rows[i] = rows[0]
        count += rows[i] is rows[0]
        rows[0][1] += a
    return count, rows[-1]


def in_two_lists(xs, a):
    rows = [np.array([x, a]) for x in xs]
    others = rows[:]
    for i in range(len(xs)):
        rows[i][0] = a * i
        others[len(xs) - 1 - i][1] += xs[i]
    return rows, others


def appended_and_changed(xs, a):
    rows = []
    for i in range(len(xs)):
        rows.append(np.array([xs[i], a]))
        rows[i // 2][0] += 1.0
    return np.array(rows), rows


def appended_under_a_name(xs, a):
    rows, x = [], np.array([a, 1.0])
    for t in xs:
        x = x * t
        rows.append(x)
        x[0] += 1.0
    return rows, x


def parts_of_them(xs, a):
    rows = [np.zeros(2) for _ in xs]
    parts = [r[:1] for r in rows]
    for i in range(len(xs)):
        rows[i][0] += xs[i] * a
    return parts[3], rows[3]


def views_of_an_array(xs, a):
    whole = np.outer(xs, xs)
    rows = [whole[i] for i in range(len(xs))]
    for i in range(1, len(xs)):
        rows[i] += a * rows[i - 1]
    return whole, rows[2]


def chosen_one(xs, a):
    rows = [np.zeros(2) for _ in xs]
    best = rows[0]
    for i in range(1, len(xs)):
        rows[i] = rows[i - 1] + xs[i] * a
        if rows[i][0] > 1.0 and best[0] == 0.0:
            best = rows[i]
    best[1] = 7.0
    return best, rows[2][1], rows[4][1]


def of_another_size(xs, a):
    rows = [np.zeros(2) for _ in xs]
    for i in range(len(xs)):
        rows[i] = np.zeros(3) + xs[i] if i > 4 else rows[i]
        rows[i][0] = a
    return rows


def used_as_a_whole(xs, a):
    rows = [np.zeros(2) for _ in xs]
    for i in range(len(xs)):
        rows[i][:] = a * i
        rows[i][rows[i] > 2.0] = 1.0
    total = sum(rows)
    return total, np.sum(rows, axis=0), len(rows), rows[1:3]


IDENTITY = [
    one_of_them, one_array_everywhere, old_one, the_one_before, moved_on, changed_by_its_name_afterwards, asked_which_it_is,
    in_two_lists, appended_and_changed, appended_under_a_name, parts_of_them, views_of_an_array, chosen_one, of_another_size,
    used_as_a_whole,
]  # fmt: skip


def _arrays(x):
    if isinstance(x, (list, tuple)):
        return [array for part in x for array in _arrays(part)]
    return [x] if isinstance(x, np.ndarray) else []


def _shared(x):
    """Which pairs of arrays in a result have memory in common."""
    return [np.shares_memory(p, q) for p, q in itertools.combinations(_arrays(x), 2)]


@both
@pytest.mark.parametrize("f", sampled(IDENTITY), ids=lambda f: f.__name__)
def test_each_array_is_the_one_that_it_is_in_python(f, engine) -> None:
    """Of two lengths, by which the length becomes one of the run."""
    compiled = Function(f, engine=engine)
    for n, a in [(9, 0.7), (9, 1.3), (11, 2.3), (9, 0.2)]:
        xs = np.linspace(0.5, 1.5, n)
        found, expected = compiled(xs.copy(), a), f(xs.copy(), a)
        same(found, expected)
        assert _shared(found) == _shared(expected)


def _beside_a_view_of_a_branch(x, rows, at, c, pair, n):
    pair = [*pair]
    if c:
        row = rows[at[0]]  # noqa: F841
    for k in range(n):
        first, _ = (x, pair[k % 2]) if np.sum(x) > 0.01 else (pair[k % 2], x)  # noqa: F841
    return pair


@both
def test_list_of_arrays_beside_a_view_at_a_place_that_a_branch_computes(engine) -> None:
    value = autodiff.function(_beside_a_view_of_a_branch, engine=engine)
    x, rows, at = np.arange(3.0), np.ones((4, 3)), np.array([2, 1])
    for c, n in ((1.0, 2), (0.0, 3), (1.0, 0)):
        pair = [x + 1, x * 2]
        found = value(x, rows, at, c, pair, n)
        assert found[0] is pair[0] and found[1] is pair[1] and len(found) == 2


def _bound_in_passes(x, n):
    rows, others = [x * 1.0, x + 1.0], [x * 3.0, x + 3.0]
    row = rows[0]
    for i in range(n):
        row = others[1]
        rows[i % 2][0] *= 2.0
    row[1] = 5.0
    return rows, row, row is rows[0], others[0]


def _bound_by_a_branch(x, n):
    rows, others = [x * 1.0, x + 1.0], [x * 3.0, x + 3.0]
    row = rows[0]
    for i in range(n):
        if x[i] < 0:
            row = others[1]
        rows[i % 2][0] *= 2.0
    rows[0][1] = 5.0
    return rows, row, row is rows[0], row is others[1]


def _bound_at_places(x, n):
    rows = [x * 1.0, x + 1.0]
    row = rows[0]
    for i in range(n):
        row = rows[(i + 1) % 2]
        rows[i % 2][0] += 1.0
    return rows[0] is row, rows[1] is row, row


def _parts_at_places(x, n):
    rows = [x * 1.0, x + 1.0]
    row = rows[0]
    for i in range(n):
        row = rows[i % 2][:]
        rows[i % 2][0] += 1.0
    return rows[0] is row, rows[1] is row, row


@both
@pytest.mark.parametrize(
    "f", [_bound_in_passes, _bound_by_a_branch, _bound_at_places, _parts_at_places]
)
def test_name_that_passes_bind_beside_arrays_that_they_change(f, engine) -> None:
    """After no pass it has the array that is an item; the name was seen before the list was."""
    compiled = Function(f, engine=engine)
    x = np.array([0.7, -0.4, 1.3])
    for n in (3, 0, 1, 2):
        found, expected = compiled(x.copy(), n), f(x.copy(), n)
        same(found, expected)
        assert _shared(found) == _shared(expected)


def _chosen_by_passes(xs, n):
    rows = [np.array([u, 1.0]) for u in xs]
    row = rows[0]
    for i in range(n):
        if xs[i] > 0:
            row = rows[1]
    return rows, row


@both
def test_item_that_a_loop_chooses_is_an_item_of_a_list_that_passes_made(engine) -> None:
    """Of two lengths, by which the list is one of copies."""
    compiled = Function(_chosen_by_passes, engine=engine)
    for m, n in [(3, 2), (4, 2), (5, 0), (5, 3)]:
        xs = np.linspace(-0.5, 1.5, m)
        found, expected = compiled(xs.copy(), n), _chosen_by_passes(xs.copy(), n)
        same(found, expected)
        assert _shared(found) == _shared(expected)


def _moved_round(xs, n):
    rows = [np.array([u, 1.0]) for u in xs]
    row, old = rows[0], list(rows)
    for _ in range(n):
        rows = rows[1:] + rows[:1]
    return [[one is other for one in rows] for other in old], rows[1] is row


@both
def test_items_of_lists_that_are_moved_round_are_those_of_before(engine) -> None:
    """Each of few names for an item has one that a pass has chosen."""
    compiled = Function(_moved_round, engine=engine)
    for m, n in [(3, 1), (4, 1), (4, 3), (5, 3), (5, 0)]:
        xs = np.linspace(-0.5, 1.5, m)
        assert compiled(xs.copy(), n) == _moved_round(xs.copy(), n)


def _never_bound(xs, n):
    rows = [np.array([u, 1.0]) for u in xs]
    row = rows[0]
    for i in range(n):
        if xs[i % 3] > 100.0:
            row = rows[1]
    rows[0][0] += 1.0
    return rows, row


def _never_bound_by_what_is_known(xs, n):
    rows, at = [np.array([u, 1.0]) for u in xs], 0.5
    row = rows[0]
    for _ in range(n):
        if at > 1.0:
            row = rows[1]
    rows[0][0] += 1.0
    return rows, row


def _bound_to_itself(xs, n):
    rows = [np.array([u, 1.0]) for u in xs]
    row, s = rows[0], 0.0
    for _ in range(n):
        row = row  # noqa: PLW0127
        row[0] += 1.0
        s += rows[0][0]
    return rows, row, s


def _bound_later(xs, n):
    rows = [np.array([u, 1.0]) for u in xs]
    row, s = rows[0], 0.0
    for i in range(n):
        if i > 0:
            row = rows[i % 2]
        row[0] += 1.0
        s += rows[0][0]
    return rows, row, s


@both
@pytest.mark.parametrize(
    "f", [_never_bound, _never_bound_by_what_is_known, _bound_to_itself, _bound_later]
)
def test_name_of_an_item_that_passes_may_bind(f, engine) -> None:
    """Of two lengths, by which the list is one of copies: stores by the name and by the list are seen by both."""
    compiled = Function(f, engine=engine)
    for m, n in [(3, 1), (4, 1), (4, 0), (5, 6), (3, 4)]:
        xs = np.linspace(0.25, 2.0, m)
        found, expected = compiled(xs.copy(), n), f(xs.copy(), n)
        same(found, expected)
        assert _shared(found) == _shared(expected)
