"""Lists that loops bind anew: rows of dynamic programs, time steps over Python lists."""

import copy
import linecache

import numpy as np
import pytest

import autodiff
from autodiff.api import Function

from .support import (
    ENGINES,
    agrees_with_slopes,
    one_loop_for_any_length,
    same,
    sharing,
    uncompiled_allowed,
)

over_engines = pytest.mark.parametrize("engine", ENGINES)


def sampled(functions, every=3):
    """Every third of them by default, all where slow tests run."""
    return [
        f if k % every == 0 else pytest.param(f, marks=pytest.mark.slow)
        for k, f in enumerate(functions)
    ]


# -- one loop, whatever the length --------------------------------------------------------------------
def edit_distance(xs, a):
    n = len(xs)
    before = [float(j) for j in range(n + 1)]
    for i in range(1, n + 1):
        row = [float(i)] + [0.0] * n
        for j in range(1, n + 1):
            cost = abs(xs[i - 1] - a * xs[j - 1])
            row[j] = min(before[j] + 1.0, row[j - 1] + 1.0, before[j - 1] + cost)
        before = row
    return before[n]


def edit_distance_appended(xs, a):
    before = [float(j) for j in range(len(xs) + 1)]
    for i, x in enumerate(xs):
        row = [i + 1.0]
        for j, y in enumerate(xs):
            row.append(min(before[j + 1] + 1.0, row[j] + 1.0, before[j] + abs(x - a * y)))
        before = row
    return before[-1]


def time_warp(xs, a):
    n = len(xs)
    before, row = [1e9] * (n + 1), [1e9] * (n + 1)
    before[0] = 0.0
    for x in xs:
        row[0] = 1e9
        for j in range(n):
            row[j + 1] = (x - a * xs[j]) ** 2 + min(before[j], before[j + 1], row[j])
        before, row = row, before
    return before[n]


def soft_time_warp(xs, a):
    n = len(xs)
    before, row = [0.0] + [50.0] * n, [0.0] * (n + 1)
    for x in xs:
        row[0] = 50.0
        for j in range(n):
            total = np.exp(-before[j]) + np.exp(-before[j + 1]) + np.exp(-row[j])
            row[j + 1] = (x - a * xs[j]) ** 2 - np.log(total)
        before, row = row, [0.0] * (n + 1)
    return before[n]


def best_path(xs, a):
    n = len(xs)
    best = [a * x for x in xs]
    for x in xs:
        best = [max(best[i] - abs(xs[i] - y) for i in range(n)) + x * a for y in xs]
    return max(best)


def forward_sums(xs, a):
    weights = [a / len(xs)] * len(xs)
    for x in xs:
        weights = [x * sum(weights) + 0.1 * w for w in weights]
    return sum(weights)


def steps_of_two_lists(xs, a):
    n = len(xs)
    x, v = [0.1 * i for i in range(n)], [a] * n
    for h in xs:
        force = [-x[i] for i in range(n)]
        v = [v[i] + 0.1 * h * force[i] for i in range(n)]
        x = [xi + 0.1 * h * vi for xi, vi in zip(x, v, strict=True)]
    return sum(x)


def three_terms(xs, a):
    n = len(xs)
    p, q = [a] * n, [1.0] * n
    for x in xs:
        r = [0.0] * n
        for j in range(n):
            r[j] = x * q[j] - 0.3 * p[j]
        p, q = q, r
    return sum(q) - sum(p)


def turned_round(xs, a):
    p, q, r = [a] * len(xs), [1.0] * len(xs), [0.0] * len(xs)
    for x in xs:
        p[0] += x
        q[1] *= a
        p, q, r = q, r, p
    return p[0] + 2 * q[0] + 3 * r[0] + q[1]


def changed_under_both_names(xs, a):
    row = [a] * len(xs)
    for x in xs:
        new = [x * t for t in row]
        row = new
        new[0] = 2 * x
        row[1] = new[0] + a * new[2]
    return sum(row)


def changed_before_it_is_bound_anew(xs, a):
    row = [a] * len(xs)
    for i, x in enumerate(xs):
        row[i] += x
        row = [x * t for t in row]
    return row[0] + row[-1]


def in_order(xs, a):
    row = [a * x for x in xs]
    for x in xs:
        row = sorted(row)
        row[0] = row[-1] * x
    return row[0] - row[1]


def rows_of_pairs(xs, a):
    pairs = [(x, a) for x in xs]
    for x in xs:
        pairs = [(u * x, v + u) for u, v in pairs]
    return pairs[0][0] + pairs[-1][1]


class State:
    def __init__(self, row, t):
        self.row, self.t = row, t


def row_of_an_object(xs, a):
    state = State([a] * len(xs), 0.0)
    for x in xs:
        state = State([x * t for t in state.row], state.t + x)
    return sum(state.row) * state.t


def attribute(xs, a):
    state = State([a] * len(xs), 0.0)
    for x in xs:
        state.row = [x * t for t in state.row]
    return sum(state.row)


def entry(xs, a):
    table = {"row": [a] * len(xs)}
    for x in xs:
        table["row"] = [x * t for t in table["row"]]
    return sum(table["row"])


def part_of_a_tuple(xs, a):
    state = ([a] * len(xs), 0.0)
    for x in xs:
        row, t = state
        row[0] += x
        state = ([x * v for v in row], t + x)
    return sum(state[0]) + state[1]


def in_a_while_loop(xs, a):
    row, k = [a] * len(xs), 0
    while sum(row) < 1e3 and k < 50:
        row = [xs[3] * t + 1.0 for t in row]
        k += 1
    return sum(row) + k


def best_so_far(xs, a):
    row = [a * x for x in xs]
    best, least = row, 1e9
    for x in xs:
        row = [x * t + 0.1 for t in row]
        if sum(row) < least:
            best, least = row, sum(row)
    return sum(best) + least


def up_to_a_size(xs, a):
    row = [a] * len(xs)
    for x in xs:
        new = [x * t + 1.0 for t in row]
        if sum(new) > 20.0:
            break
        row = new
    return sum(row)


def first_of_a_size(xs, a):
    row = [a] * len(xs)
    for x in xs:
        new = [x * t + 1.0 for t in row]
        if sum(new) > 20.0:
            return new[0] * new[1]
        row = new
    return sum(row)


def history(xs, a):
    row, rows = [a] * len(xs), []
    for x in xs:
        row = [x * t for t in row]
        rows.append(row)
    return rows[-1][0] + rows[2][1]


def read_after_it(xs, a):
    row = [a] * len(xs)
    for x in xs:
        new = [x * t for t in row]
        old = row
        row = new
    return sum(row) + new[1] + old[0]


def interpolated(xs, a):
    """Of Neville's scheme: one number fewer in every pass."""
    row = [np.sin(x) for x in xs]
    for k in range(1, len(xs)):
        row = [
            ((a - xs[i + k]) * row[i] + (xs[i] - a) * row[i + 1]) / (xs[i] - xs[i + k])
            for i in range(len(xs) - k)
        ]
    return row[0]


def tree_of_prices(xs, a):
    values = [max(a * x - 0.8, 0.0) for x in xs]
    for i in range(len(xs) - 1, 0, -1):
        values = [max(0.5 * (values[j] + values[j + 1]), 0.1 * j) for j in range(i)]
    return values[0]


def halves_of_neighbours(xs, a):
    row = [a * x for x in xs]
    while len(row) > 1:
        row = [0.5 * (row[i] + row[i + 1] * a) for i in range(len(row) - 1)]
    return row[0]


def improved_order_by_order(xs, a):
    row = [a * x for x in xs]
    for _ in range(len(xs)):
        new = [row[0]]
        for i in range(1, len(row)):
            new.append(new[i - 1] + (row[i] - row[i - 1]) / (1.0 + i))
        row = new
    return row[-1]


def product_of_factors(xs, a):
    p = [1.0]
    for x in xs:
        p = [u - a * x * v for u, v in zip(p + [0.0], [0.0] + p, strict=True)]
    return sum(p)


ONE_LOOP = [
    edit_distance, edit_distance_appended, time_warp, soft_time_warp, best_path, forward_sums, steps_of_two_lists, three_terms,
    turned_round, changed_under_both_names, changed_before_it_is_bound_anew, in_order, rows_of_pairs, row_of_an_object, attribute,
    entry, part_of_a_tuple, in_a_while_loop, best_so_far, up_to_a_size, first_of_a_size, history,
    read_after_it, interpolated, tree_of_prices, halves_of_neighbours, improved_order_by_order,
    product_of_factors,
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", sampled(ONE_LOOP), ids=lambda f: f.__name__)
def test_values_and_slopes(f, engine) -> None:
    agrees_with_slopes(f, engine)


@pytest.mark.parametrize("f", sampled(ONE_LOOP), ids=lambda f: f.__name__)
def test_one_loop(f) -> None:
    one_loop_for_any_length(f)


# -- which list is which, whatever the way ------------------------------------------------------------
def read_after_the_loop(xs, a):
    row = [a] * len(xs)
    for x in xs:
        new = [x * t for t in row]
        old = row
        row = new
    new[0] = 7.0
    return row, new, old


def another_name_before(xs, a):
    row = [a] * len(xs)
    first = row
    for i, x in enumerate(xs):
        row[i] += x
        row = [x * t for t in row]
    return row, first


def changed_by_another_name(xs, a):
    row = [a] * len(xs)
    first = row
    for x in xs:
        first[0] += 1.0
        row = [x * t + row[0] for t in row]
    return row, first


def asked_which_it_is(xs, a):
    row, known = [a] * len(xs), 0
    first = row
    for x in xs:
        known += row is first
        old, row = row, [x * t for t in row]
        known += 10 * (old is row)
    return row, known


def kept_in_a_list(xs, a):
    row, rows = [a] * len(xs), []
    for x in xs:
        rows.append(row)
        row = [x * t for t in row]
    rows[0][0] = 5.0
    return rows, row


def changed_after_it_is_kept(xs, a):
    row, rows = [a] * len(xs), []
    for x in xs:
        row[0] += x
        row = [x * t for t in row]
        rows.append(row)
    return rows


def kept_in_a_dict(xs, a):
    row = [a] * len(xs)
    table = {"row": row}
    for x in xs:
        row = [x * t for t in row]
        table["row"] = row
        row[1] = a
    return table, row


def changed_by_a_function(xs, a):
    row = [a] * len(xs)

    def put(v):
        row[0] = v

    for x in xs:
        put(x)
        row = [x * t + row[0] for t in row]
    return row


def in_an_iterator(xs, a):
    row = [a] * len(xs)
    items = iter(row)
    for x in xs:
        row[3] = x
        row = [x * t for t in row]
    return sum(row) + sum(items)


def bound_on_a_condition(xs, a):
    row = [a] * len(xs)
    best = row
    for x in xs:
        row = [x * t + 1.0 for t in row]
        if sum(row) > 20 * a:
            best = row
    best[0] = 0.0
    return row, best


def two_names_of_one(xs, a):
    p, q = [a] * len(xs), [1.0] * len(xs)
    for x in xs:
        p = [x * t for t in q]
        q = p
    p[0] = 3.0
    return p, q


def of_two_types(xs, a):
    row = [0.0] * len(xs)
    for x in xs:
        new = [1.0] + [0.0] * (len(xs) - 1)
        for j in range(2, len(xs)):
            new[j] = x * row[j - 1]
        row = new
    return row


def whole_numbers_first(xs, a):
    row = [0] * len(xs)
    for x in xs:
        new = [0] * len(xs)
        for j in range(2, len(xs)):
            new[j] = x * row[j - 1] + a
        row = new
    return row


def bound_anew_or_changed(xs, a):
    row = [a] * len(xs)
    for x in xs:
        if x > 0.9:
            row = [x * t + 1.0 for t in row]
        elif x > 0.7:
            row[0] += x
    return row[0] + row[1]


def longer_in_every_pass(xs, a):
    row = [a, 1.0]
    for x in xs:
        new = [0.0] * (len(row) + 1)
        for i in range(len(row)):
            new[i] += row[i] * x
            new[i + 1] += row[i]
        row = new
    return row


def item_of_a_list(xs, a):
    rows, row = [[x * a for x in xs] for _ in xs], [a] * len(xs)
    for i in range(len(xs)):
        row[1] += xs[i]
        row = rows[i]
    return rows, row


def one_of_two_lists(xs, a):
    p, q = [x * a for x in xs], [x + a for x in xs]
    r = p
    for x in xs:
        r = p if x > 1.0 else q
        p[0] += x
    r[1] = 9.0
    return p, q, r


IDENTITY = [
    read_after_the_loop, another_name_before, changed_by_another_name, asked_which_it_is, kept_in_a_list, changed_after_it_is_kept,
    kept_in_a_dict, changed_by_a_function, in_an_iterator, bound_on_a_condition, two_names_of_one, of_two_types,
    whole_numbers_first, bound_anew_or_changed, longer_in_every_pass, item_of_a_list, one_of_two_lists,
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", sampled(IDENTITY), ids=lambda f: f.__name__)
def test_each_list_is_the_one_that_it_is_in_python(f, engine) -> None:
    """Of two lengths, by which the length becomes one of the run."""
    compiled = Function(f, engine=engine)
    for n, a in [(9, 0.7), (9, 1.3), (11, 2.3), (9, 0.2)]:
        xs = np.linspace(0.5, 1.5, n)
        found, expected = compiled(xs, a), f(xs, a)
        same(found, expected)
        assert sharing(found) == sharing(expected)


# -- lists that are arguments -------------------------------------------------------------------------
def argument_bound_anew(u, a):
    for _ in range(len(u)):
        u = [a * t for t in u]
    return u


def argument_perhaps_bound_anew(u, a):
    for _ in range(int(a * 3)):
        u = [a * t for t in u]
    return u


def argument_changed_first(u, a):
    for k in range(len(u)):
        u[k] += 1.0
        u = [a * t for t in u]
    return u


def argument_changed_by_its_name(u, a):
    v = u
    for _ in range(9):
        u[0] += 1.0
        v = [a * t + v[0] for t in v]
    return u, v


ARGUMENTS = [
    argument_bound_anew,
    argument_perhaps_bound_anew,
    argument_changed_first,
    argument_changed_by_its_name,
]


@over_engines
@pytest.mark.parametrize("f", ARGUMENTS, ids=lambda f: f.__name__)
def test_arguments_are_changed_as_in_python(f, engine) -> None:
    compiled = Function(f, engine=engine)
    for n, a in [(9, 0.7), (9, 0.2), (11, 1.3)]:
        ours = [0.5 + 0.1 * k for k in range(n)]
        plain = copy.copy(ours)
        with uncompiled_allowed():
            found = compiled(ours, a)
        expected = f(plain, a)
        same([found, ours], [expected, plain])
        assert sharing([found, ours]) == sharing([expected, plain])


def shortened_and_stored(x, n):
    s = [x, 2.0 * x]
    for i in range(n):
        s = s[1:] + [x * i, x]
        if s:
            s.pop(0)
        s[-1] = x * i
    return s


def shortened_from_the_front(x, n):
    s = [x, 2.0 * x, x * x]
    for i in range(n):
        s = s[1:] + [x * i]
        s.insert(0, x)
        s.pop()
        s[0] = s[1] * x
    return s


def emptied(x, n):
    s = [x, 2.0 * x]
    for i in range(n):
        s = s[1:] + [x * i]
        if s:
            s.pop(0)
        s[-1] = x
    return s


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("f", [shortened_and_stored, shortened_from_the_front, emptied])
def test_lists_bound_anew_that_get_shorter_in_their_store(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    gradient = autodiff.gradient(lambda x, n: sum(f(x, n)), wrt="x", engine=engine)
    for x, n in ((1.5, 3), (0.4, 1), (2.5, 0), (0.7, 9)):
        try:
            expected = f(x, n)
        except IndexError:
            with pytest.raises(IndexError):
                compiled(x, n)
            continue
        assert compiled(x, n) == pytest.approx(expected)
        slope = (sum(f(x + 1e-6, n)) - sum(f(x - 1e-6, n))) / 2e-6
        assert gradient(x, n) == pytest.approx(slope, rel=1e-7)


def pushed_or_renewed(k, numbers, x):
    numbers = list(numbers)
    for c in range(6):
        numbers.append(np.float64(x * c))
        numbers.pop(0)
        if k == 0:
            pass
        elif k == 1:
            numbers = [0.0] * 3
        else:
            numbers[0] = x
    return numbers


@over_engines
@pytest.mark.parametrize("k", [0, 1, 2])
def test_lists_of_two_types_that_a_branch_binds_anew(k, engine) -> None:
    compiled = autodiff.function(pushed_or_renewed, engine=engine)
    for length in (3, 3, 4):
        numbers = [0.5 * i for i in range(length)]
        same(compiled(k, numbers, 0.7), pushed_or_renewed(k, numbers, 0.7))


# -- what the list of before the loop holds, known otherwise as well ---------------------------------------------
class Item:
    def __init__(self, x):
        self.x = x


KINDS = {
    "object": ("Item({0})", "{0}.x", "Item({0}.x)"),
    "list": ("[{0}, 2.0]", "{0}[0]", "[{0}[0], {0}[1]]"),
    "dict": ("dict(x={0})", "{0}['x']", "dict(x={0}['x'])"),
    "array": ("np.array([{0}, 2.0])", "{0}[0]", "{0}.copy()"),
}
HOLDERS = {
    "names": ("a, b = items[0], items[-1]", "a", "b"),
    "attributes": ("h = Item(items[0]); h.y = items[1]", "h.x", "h.y"),
    "entries": ("d = dict(u=items[0], v=items[1])", "d['u']", "d['v']"),
    "another list": ("others = [items[1], items[0]]", "others[1]", "others[0]"),
}
BOUND = {
    "by a comprehension": "items = [{again} for q in items]",
    "to others": "items = [{new}, {new}]",
    "in a branch": "if t > 0.7: items = [{again} for q in items]",
    "beside one of them": "items = [items[0], {new}]",
}
PROGRAM = """
def held(k, numbers, x):
    items = [{first}, {second}]
    {hold}
    for t in numbers:
        {item} += 0.5
        {bound}
    return ({u} + 10 * {v}) * x
"""


def held_otherwise(kind, holder, bound):
    new, read, again = KINDS[kind]
    hold, u, v = HOLDERS[holder]
    text = PROGRAM.format(
        first=new.format("1.0"),
        second=new.format("3.0"),
        hold=hold,
        item=read.format("items[k]"),
        bound=BOUND[bound].format(again=again.format("q"), new=new.format("t")),
        u=read.format(u),
        v=read.format(v),
    )
    file = f"<{kind}, {holder}, {bound}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    names = {"Item": Item, "np": np}
    exec(compile(text, file, "exec"), names)
    return names["held"]


WAYS = [(k, h, b) for k in KINDS for h in HOLDERS for b in BOUND]


@pytest.mark.parametrize("way", sampled(WAYS, 5), ids=", ".join)
def test_what_else_has_an_item_sees_the_first_pass_change_it(way) -> None:
    """Names were those of the items that a loop, not made in the end, had in columns: what they had was not changed."""
    held = held_otherwise(*way)
    compiled = autodiff.function(held, engine="numpy")
    slope = autodiff.gradient(held, wrt="x", engine="numpy")
    with uncompiled_allowed():
        for k, numbers in ((0, [0.5, 0.9, 0.6, 1.1, 0.8]), (1, [0.9] * 7), (0, [0.4])):
            same(compiled(k, numbers, 0.7), held(k, numbers, 0.7))
            difference = (held(k, numbers, 0.7 + 1e-6) - held(k, numbers, 0.7 - 1e-6)) / 2e-6
            np.testing.assert_allclose(slope(k, numbers, 0.7), difference, rtol=1e-6)


# -- rows that loops bind to other names ----------------------------------------------------------------------
TABLES = {
    "lists": ("[[{0}] * 3 for _ in range(3)]", "[{0}][{1}]"),
    "arrays": ("[np.full(3, {0}) for _ in range(3)]", "[{0}][{1}]"),
    "dicts": ("[dict(u={0}) for _ in range(3)]", "[{0}]['u']"),
    "objects": ("[Item({0}) for _ in range(3)]", "[{0}].x"),
    "numbers": ("[{0}] * 3", "[{0}]"),
}
NAMES = {"names": ("A", "C"), "attributes": ("h.a", "h.c")}
GIVEN = [
    "{c} = {a}",
    "{a}, {c} = {c}, {a}",
    "{c} = {a}[:]",
    "{c} = [{a}[0], {c}[1], {c}[2]]",
    "{c}[0] = {a}[0]",
    "{c} = {a}; {a} = {new}",
    "if x[q % 3] > 0.3: {c} = {a}",
]
EXCHANGE = """
def exchanged(x):
    h = Item(0.0)
    {a}, {c} = {zeros}, {zeros}
    for i in range(3):
        for j in range(3):
            {a}{filled} = x[i] + j
            {c}{filled} = x[i] * 2
    total = 0.0
    for q in range(6):
        total += {a}{first}
        {c}{second} += x[0] * (q + 1)
        {given}
        {c}{place} += 0.25
    for i in range(3):
        total += {a}{last} * (i + 1) + 10 * {c}{last} * (i + 2)
    return total
"""


def exchange_of(table, names, given):
    new, item = TABLES[table]
    a, c = NAMES[names]
    text = EXCHANGE.format(
        a=a,
        c=c,
        zeros=new.format("0.0"),
        filled=item.format("i", "j"),
        first=item.format("1", "2"),
        second=item.format("1", "2"),
        place=item.format("q % 3", "2"),
        last=item.format("i", "2"),
        given=given.format(a=a, c=c, new=new.format("x[1]")),
    )
    file = f"<{table}, {names}, {given}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    known = {"Item": Item, "np": np}
    exec(compile(text, file, "exec"), known)
    return known["exchanged"]


EXCHANGES = [(t, n, g) for t in TABLES for n in NAMES for g in GIVEN]


@pytest.mark.parametrize("way", sampled(EXCHANGES, 6), ids=", ".join)
def test_rows_that_a_loop_gives_to_other_names(way) -> None:
    """Stores into rows that a loop carries were lost where it exchanged the lists, and into those that another name has."""
    exchanged = exchange_of(*way)
    compiled = autodiff.function(exchanged, engine="numpy")
    slope = autodiff.gradient(exchanged, engine="numpy")
    along = np.array([1.0, -0.5, 0.25])
    with uncompiled_allowed():
        for x in (np.array([0.5, 0.25, 1.5]), np.array([0.1, 0.6, 0.9])):
            same(compiled(x), exchanged(x))
            difference = (exchanged(x + 1e-6 * along) - exchanged(x - 1e-6 * along)) / 2e-6
            np.testing.assert_allclose(slope(x) @ along, difference, rtol=1e-6)
