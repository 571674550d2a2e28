"""Lists of lists that loops change, and lists that loops insert into, take from and sort."""

import copy
import math

import numpy as np
import pytest

import autodiff
from autodiff.api import Function

from .support import (
    ENGINES,
    agrees,
    agrees_with_slopes,
    one_loop_for_any_length,
    same,
    sharing,
    uncompiled_allowed,
)

over_engines = pytest.mark.parametrize("engine", ENGINES)


def _matrix(n):
    return [[1.0 + (i == j) * n + 0.1 * i * j for j in range(n)] for i in range(n)]


def _numbers(n):
    return [0.5 + ((7 * k) % 11) / 11 for k in range(n)]


# -- lists of lists -----------------------------------------------------------------------------------
def eliminated(rows, a):
    m = [row[:] for row in rows]
    b = [a * k for k in range(len(rows))]
    n = len(m)
    for i in range(n):
        for k in range(i + 1, n):
            f = m[k][i] / m[i][i]
            for j in range(i, n):
                m[k][j] -= f * m[i][j]
            b[k] -= f * b[i]
    return b[-1] / m[-1][-1]


def pivoted(rows, a):
    m = [[x * a for x in row] for row in rows]
    for i in range(len(m) - 1):
        if m[i + 1][i] > 0.3 * m[i][i]:
            m[i], m[i + 1] = m[i + 1], m[i]
        m[i + 1][0] += m[i][0] * 0.5
    return sum(m[0]) + m[-1][0]


def table_of_sums(rows, a):
    n = len(rows)
    best = [[0.0] * n for _ in rows]
    for i in range(n):
        for j in range(n):
            before = best[i - 1][j] if i else 0.0
            best[i][j] = before * a + rows[i][j]
    return best[-1][-1] + best[0][1]


def one_row_everywhere(rows, a):
    m = [[a, 2.0, 3.0]] * len(rows)
    for i in range(len(rows)):
        m[i][i % 3] += rows[i][0]
    return sum(m[0]) * a


def row_under_another_name(rows, a):
    m = [row[:] for row in rows]
    first = m[0]
    for i in range(len(m)):
        m[i] = m[i - 1]
        m[i][0] = a * i
        first[1] += m[i][0]
    return sum(first) + m[3][0]


def rows_made_anew(rows, a):
    m = [row[:] for row in rows]
    kept = m[1]
    for i in range(len(m)):
        m[i] = [x * a for x in m[i - 1]]
    kept[0] = a
    return m[2][0] + kept[0]


def chosen_row(rows, a):
    m = [row[:] for row in rows]
    for i in range(len(m)):
        row = m[i] if rows[i][i] > 1.2 * a else m[0]
        row[i] = row[i] * a + 1.0
    return sum(m[0]) + m[-1][-1]


def list_in_many_passes(rows, a):
    kept, out = [a, 1.0], []
    for row in rows:
        out.append(kept)
        kept[0] = kept[0] * row[0]
    return out[0][0] + out[-1][1]


def same_or_not(rows, a):
    m = [row[:] for row in rows]
    total = a
    for i in range(len(m)):
        m[i] = m[-1]
        total = total * (0.5 if m[i] is m[0] else 0.9)
        m[i][0] = total
    return total


def copied_deeply(rows, a):
    m = [rows[0][:], rows[1][:], rows[0][:]]
    for i in range(len(rows)):
        m[i % 3] = m[0]
        m[i % 3][1] += a
    other = copy.deepcopy(m)
    other[0][0] = a * 3
    return other[1][0] + m[0][0]


MATRICES = [
    eliminated, pivoted, table_of_sums, one_row_everywhere, row_under_another_name, rows_made_anew,
    chosen_row, list_in_many_passes, same_or_not, copied_deeply,
]  # fmt: skip


# -- lists of numbers -----------------------------------------------------------------------------------
def window(xs, a):
    q = [1.0, a, 2.0]
    for x in xs:
        q.append(x * q[0])
        q.pop(0)
    return sum(q)


def put_first(xs, a):
    q = []
    for x in xs:
        q.insert(0, x * a)
    return sum(k * x for k, x in enumerate(q))


def put_anywhere(xs, a):
    q = [a]
    for k, x in enumerate(xs):
        q.insert(3 - k, x * a)
        q.insert(-1, x)
    return sum((k + 1) * x for k, x in enumerate(q))


def put_or_not(xs, a):
    q = [a]
    for x in xs:
        if x > 1.0:
            q.insert(0, x * a)
        else:
            q.append(x)
            q.pop(0)
    return q[0] + 2 * q[-1] + len(q)


def sorted_each_time(xs, a):
    q = [1.0, a, 2.0]
    for x in xs:
        q.sort()
        q[0] = x * a
    return q[0] + 2 * q[1] + 3 * q[2]


def best_few(xs, a):
    best = []
    for x in xs:
        best.append(np.sin(9 * x) * a)
        best.sort(reverse=True)
        if len(best) > 3:
            best.pop()
    return best[0] + 2 * best[1] + 3 * best[2]


def turned(xs, a):
    q = [1.0, a, 2.0]
    for x in xs:
        q.reverse()
        q[1] = q[0] * x
        q[0] += a
    return q[0] + 2 * q[1]


def deleted(xs, a):
    q = [1.0, a, 2.0]
    total = 0.0
    for k, x in enumerate(xs):
        q.insert(1, x)
        total = total + q[k % 3] * a
        del q[0]
    return total


def queue_of_pairs(xs, a):
    q = [(x, a) for x in xs]
    total = 0.0
    for x in xs:
        t, u = q.pop(0)
        total = total + t * u
        q.insert(2, (t * a, x))
    return total + q[0][0] * q[-1][1]


def queue_of_lists(xs, a):
    q = [[x, a] for x in xs]
    done = []
    for x in xs:
        r = q.pop(0)
        r[0] = x * a
        done.append(r)
        q.insert(1, r)
    done[0][1] = a * a
    return q[0][0] + q[1][1] + done[-1][0]


LISTS = [
    queue_of_pairs, queue_of_lists, window, put_first, put_anywhere, put_or_not, sorted_each_time, best_few, turned, deleted,
]  # fmt: skip


# -- rows with numbers of two types --------------------------------------------------------------------
def longest_alike(xs, a):
    n = len(xs)
    best = [[0.0] * (n + 1) for _ in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            if abs(xs[i - 1] - xs[j - 1]) < 0.17:
                best[i][j] = best[i - 1][j - 1] + xs[i - 1] * a
            else:
                best[i][j] = max(best[i - 1][j], best[i][j - 1])
    return best[n][n]


def chain_of_products(xs, a):
    n = len(xs)
    best = [[0.0] * n for _ in range(n)]
    for i in range(n):
        best[i][i] = xs[i]
    for length in range(1, n):
        for i in range(n - length):
            best[i][i + length] = max(
                best[i][k] + a * best[k + 1][i + length] for k in range(i, i + length)
            )
    return best[0][n - 1]


def exchanged_and_stored(xs, a):
    m = [[0.0] * 3 for _ in xs]
    for i in range(len(xs)):
        m[i][0] = xs[i]
        m[i][1] = a
        m[i - 1], m[i] = m[i], m[i - 1]
        m[i][2] = m[i - 1][2] + m[i][0]
    return m[-1][2] + m[0][1]


def square_root_of_a_matrix(xs, a):
    n = len(xs)
    m = [[0.1 * xs[i] * xs[j] + (3.0 + a if i == j else 0.0) for j in range(n)] for i in range(n)]
    root = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            s = sum(root[i][k] * root[j][k] for k in range(j))
            if i == j:
                root[i][j] = math.sqrt(m[i][i] - s)
            else:
                root[i][j] = (m[i][j] - s) / root[j][j]
    return sum(root[i][i] for i in range(n))


def two_triangles(xs, a):
    n = len(xs)
    m = [[0.1 * xs[i] * xs[j] + (3.0 + a if i == j else 0.0) for j in range(n)] for i in range(n)]
    lower = [[0.0] * n for _ in range(n)]
    upper = [[0.0] * n for _ in range(n)]
    for i in range(n):
        lower[i][i] = 1.0
        for j in range(i, n):
            upper[i][j] = m[i][j] - sum(lower[i][k] * upper[k][j] for k in range(i))
        for j in range(i + 1, n):
            s = sum(lower[j][k] * upper[k][i] for k in range(i))
            lower[j][i] = (m[j][i] - s) / upper[i][i]
    return sum(math.log(upper[i][i]) for i in range(n))


def substituted_backwards(xs, a):
    n = len(xs)
    upper = [[(xs[i] + a if j >= i else 0.0) for j in range(n)] for i in range(n)]
    found = [0.0] * n
    for i in range(n - 1, -1, -1):
        s = sum(upper[i][j] * found[j] for j in range(i + 1, n))
        found[i] = (xs[i] - s) / upper[i][i]
    return sum(found)


def best_of_three_from_zeros(xs, a):
    n = len(xs)
    best = [[0] * (n + 1) for _ in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, n + 1):
            step = best[i - 1][j - 1] + xs[i - 1] * xs[j - 1] - a
            best[i][j] = max(best[i - 1][j], best[i][j - 1], step)
    return best[n][n] * 1.0


OF_TWO_TYPES = [
    longest_alike, chain_of_products, exchanged_and_stored, square_root_of_a_matrix, two_triangles, substituted_backwards,
    best_of_three_from_zeros,
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", OF_TWO_TYPES, ids=lambda f: f.__name__)
def test_rows_of_two_types_are_one_loop_with_the_slopes_of_it(f, engine) -> None:
    agrees_with_slopes(f, engine)
    one_loop_for_any_length(f)


def some_stored(xs, a):
    m = [[0.0] * 3 for _ in xs]
    for i in range(len(xs)):
        m[i][i % 3] = xs[i]
        m[i] = m[i - 1]
        m[i][1] = a
    return m, [sum(row) for row in m], max(m[3]), sorted(m[2])


def copied_deeply_with_both(xs, a):
    m = [[0.0] * 3 for _ in xs]
    for i in range(len(xs)):
        m[i][0] = xs[i]
        m[i - 1], m[i] = m[i], m[i - 1]
    other = copy.deepcopy(m)
    other[0][1] = xs[2]
    return m, other, m[0] is m[1]


def made_anew_of_both(xs, a):
    m = [[1.0] * 3 for _ in xs]
    for i in range(len(xs)):
        m[i][1] = xs[i]
        m[i] = [2 * x for x in m[i]]
    return m


def of_either_type(xs, a):
    m = [[1.0] * 3 for _ in xs]
    for i in range(len(xs)):
        m[i][1] = xs[i] if xs[i] > 1.0 else a
    return m


def whole_numbers_and_others(xs, a):
    m = [[0] * len(xs) for _ in xs]
    for i in range(len(xs)):
        for j in range(len(xs)):
            if i != j:
                m[i][j] = xs[i] * xs[j]
    return m


def sums_of_one_of_three_types(xs, a):
    m, sums = [[0.0] * len(xs) for _ in xs], []
    for i in range(len(xs)):
        sums.append(sum(m[i][k] for k in range(i)))
        for j in range(i):
            m[i][j] = xs[j]
            m[i][i] = sum(m[i][k] for k in range(j, i)) + a
        sums.append(m[i][i])
    return sums


def zeros_of_either_row(xs, a):
    m = [[0] * len(xs) for _ in xs]
    for i in range(1, len(xs)):
        for j in range(len(xs)):
            m[i][j] = m[i - 1][j] if xs[j] > a else max(m[i][j - 1], m[i - 1][j])
        m[i][0] = xs[i]
    return m


def read_in_other_ways(xs, a):
    m, s = [[0.0] * 3 for _ in xs], 0.0
    for i in range(len(xs)):
        m[i][1] += xs[i] * a
        for x in m[i]:
            s = s + x
        copied = list(m[i])
        copied[0] = 1.0
        s = s + sum(copied) + len(m[i])
    return s, m[1:3], m[0] + m[1], np.array(m), np.sum(m)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "f",
    [
        some_stored,
        copied_deeply_with_both,
        made_anew_of_both,
        of_either_type,
        whole_numbers_and_others,
        sums_of_one_of_three_types,
        zeros_of_either_row,
        read_in_other_ways,
    ],
    ids=lambda f: f.__name__,
)
def test_each_number_of_a_row_is_of_its_type(f, engine) -> None:
    first = np.linspace(0.5, 1.5, 9)
    agrees(f, (first, 0.7), (1.1 * first, 1.3), engine=engine)


ALL = [*((f, _matrix) for f in MATRICES), *((f, _numbers) for f in LISTS)]


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("f", "first"), ALL, ids=lambda x: x.__name__)
def test_one_loop_gives_what_plain_python_gives(f, first, engine) -> None:
    agrees(f, (first(9), 0.7), (first(8), 1.3), engine=engine)


@pytest.mark.parametrize(("f", "first"), ALL, ids=lambda x: x.__name__)
def test_it_is_one_loop_however_long(f, first) -> None:
    lengths = {str(autodiff.function(f).ir(first(n), 0.7)).count("\n") for n in (9, 14)}
    assert len(lengths) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("f", "first"), ALL, ids=lambda x: x.__name__)
def test_derivatives(f, first) -> None:
    slope = autodiff.gradient(f, wrt="a")(first(9), 0.7)
    step = 1e-6
    expected = (f(first(9), 0.7 + step) - f(first(9), 0.7 - step)) / (2 * step)
    assert slope == pytest.approx(expected, rel=1e-6, abs=1e-6)


# -- which lists of the result are one ----------------------------------------------------------------
def shared_rows(rows, a):
    kept = [a, 1.0]
    out = [kept]
    for row in rows:
        out.append(kept)
        out.append([row[0], a])
        out.append(out[-1])
    return out, kept, out[2]


def rows_and_one_of_them(rows, a):
    m = [[x * a for x in row] for row in rows]
    return m, m[0], m[-1]


def row_twice_in_a_pair(rows, a):
    out = []
    for row in rows:
        pair = [row[0], a]
        out.append((pair, pair))
    return out


def argument_as_an_item(rows, a):
    out = []
    for _ in range(6):
        out.append(rows[0])
    return out, rows


def exchanged(rows, a):
    m = [row[:] for row in rows]
    names = m[:]
    for i in range(len(m) - 1):
        m[i], m[i + 1] = m[i + 1], m[i]
    names[0][0] = a
    return m, names


def tuples_stay_tuples(rows, a):
    first = tuple(rows[0])
    out = []
    for row in rows:
        out.append((first, row[0] * a))
    return out, isinstance(out[1][0], tuple)


SHARED = [
    shared_rows, rows_and_one_of_them, row_twice_in_a_pair, argument_as_an_item, exchanged,
    tuples_stay_tuples,
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("f", SHARED, ids=lambda f: f.__name__)
def test_rows_of_the_result_are_one_where_they_are_in_python(f, engine) -> None:
    agrees(f, (_matrix(9), 0.7), (_matrix(3), 0.2), engine=engine)


def trajectory(a):
    made = [[0.0, a]]
    while made[-1][0] < 3.0:
        t, y = made[-1]
        made.append([t + 0.25, y * 0.9])
    return np.array(made)


def steps(a):
    made = [[0.0, a]]
    for k in range(40):
        made.append([made[-1][0] + k, a * made[-1][1]])
    return made


@pytest.mark.parametrize("f", [trajectory, steps], ids=lambda f: f.__name__)
def test_where_nobody_can_tell_copies_will_do(f) -> None:
    agrees(f, (1.5,), (0.3,))
    told = autodiff.function(f).explain(1.5)
    assert "is one loop" in str(told)
    assert "captured again" not in str(told)


# -- errors ---------------------------------------------------------------------------------------------
def takes_too_far(xs, a):
    q = [a, 1.0]
    for _ in xs:
        q.pop(5)
    return q


def takes_too_many(xs, a):
    q = [a, 1.0]
    for _ in xs:
        q.pop(0)
    return q


def row_out_of_range(xs, a):
    m = [[a, 1.0], [2.0, a]]
    for k, x in enumerate(xs):
        m[k][0] = x
    return m


@over_engines
@pytest.mark.parametrize(
    "f", [takes_too_far, takes_too_many, row_out_of_range], ids=lambda f: f.__name__
)
def test_indices_out_of_range_are_pythons_errors(f, engine) -> None:
    with pytest.raises(IndexError) as expected:
        f(_numbers(9), 0.7)
    for _ in range(2):
        with pytest.raises(IndexError) as found:
            Function(f, engine=engine)(_numbers(9), 0.7)
        assert str(found.value).splitlines()[0] == str(expected.value)


def deep_copy(rows, a):
    m = copy.deepcopy(rows)
    m[1][0] += a
    return m


@over_engines
@pytest.mark.parametrize("n", [3, 9])
def test_a_deep_copy_has_one_list_where_the_argument_has_one(n, engine) -> None:
    """Whether it has is asked at each call: a call that differs from the first is another program."""
    value, row = Function(deep_copy, engine=engine), [1.0, 2.0]
    apart, twice = [[1.0, 2.0] for _ in range(n)], [row] * n
    same(value(apart, 0.5), deep_copy(apart, 0.5))
    with uncompiled_allowed():
        result = value(twice, 0.5)
    same(result, deep_copy(twice, 0.5))
    assert sharing(result) == sharing(twice)
