"""Which objects of a result are one, with one another and with the arguments; of which type each item is."""

import copy
import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import pytest

import autodiff
from autodiff.api import Function

from .support import uncompiled_allowed

over_engines = pytest.mark.parametrize(
    "engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)]
)


def shape_of(x, numbers):
    """What an object looks like from outside: types, values, and which of its parts are one object."""
    attributes = getattr(x, "__dict__", None)
    if isinstance(x, (list, tuple, dict, np.ndarray)) or attributes:
        if id(x) in numbers and not isinstance(x, tuple):
            return numbers[id(x)]
        number = numbers.setdefault(id(x), len(numbers))
        if isinstance(x, np.ndarray):
            return number, str(x.dtype), np.round(x, 9).tolist()
        held = x if isinstance(x, dict) else attributes
        items = x if held is None else list(held.items())
        parts = [shape_of(part, numbers) for part in items]
        return (type(x), parts) if isinstance(x, tuple) else (number, type(x), parts)
    return type(x), repr(round(x, 9) if isinstance(x, float) else x)


def outcome(function, arguments):
    """The result of a call beside the arguments as they are after it."""
    result = function(*arguments)
    return shape_of((arguments, result), {})


def is_as_in_python(function, make, engine, compiled=None):
    """Values, types and identities are those of plain Python, of a fresh call each."""
    compiled = compiled or Function(function, engine=engine)
    with uncompiled_allowed():
        assert outcome(compiled, make()) == outcome(function, make())
    return compiled


# -- one array in the arguments is one in a deep copy ------------------------------------------------
def deep(xs, a):
    return copy.deepcopy(xs)


def deep_and_stored(xs, a):
    made = copy.deepcopy(xs)
    made[0][0] = a
    return made, xs


def deep_of_parts(xs, a):
    return copy.deepcopy((xs, xs[0], [xs[-1]]))


def two_deep_copies(xs, a):
    return [copy.deepcopy(xs[0]), copy.deepcopy(xs[1])]


def arrays(*numbers, dtype=float):
    """Lists of arrays, of which equal numbers are one."""

    def make():
        known = [np.arange(3.0).astype(dtype) + k for k in range(max(numbers) + 1)]
        return [known[k] for k in numbers], 0.5

    return make


REPEATED = [arrays(0, 0), arrays(0, 1), arrays(0, 1, 0, 1, 1), arrays(0, 1, 0, dtype=complex)]


@over_engines
@pytest.mark.parametrize("f", [deep, deep_and_stored, deep_of_parts, two_deep_copies])
def test_a_deep_copy_has_one_array_where_the_argument_has_one(f, engine) -> None:
    compiled = Function(f, engine=engine)
    for make in [*REPEATED, arrays(0, 1, 2, 3, 4, 5, 6, 7, 8, 0), *REPEATED]:
        is_as_in_python(f, make, engine, compiled)


# -- arrays of a result are one where they are in Python ----------------------------------------------
def appended_twice(x, a):
    out = []
    for _ in range(5):
        out.append(x)
        out.append(x)
    return out


def history_and_last(x, a):
    history = []
    for _ in range(9):
        x = x * a
        history.append(x)
    return history, x


def history_of_what_was_before(x, a):
    y, history = x * 2, []
    for _ in range(9):
        history.append(y)
        y = y * a
    return history, y


def starts_with_the_argument(x, a):
    history = [x]
    for _ in range(9):
        history.append(history[-1] * a)
    return x, history


def made_before_the_loop(x, a):
    y = x * a
    out = [y]
    for _ in range(9):
        out.append(y)
    return out, y


def changed_or_not(x, a):
    out, y = [], x * a
    for k in range(9):
        if x[k % 3] > 0.3:
            y = y * a
        out.append(y)
    return out, y


def appended_or_not(x, a):
    out, y = [], x
    for k in range(12):
        y = y * a
        if x[k % 3] > 0.3:
            out.append(y)
    return out, y


def best_of_them(x, a):
    best, tried = x, []
    for k in range(9):
        y = x * k - a
        if y.sum() > best.sum():
            best = y
        tried.append(y)
    return tried, best


def in_pairs(x, a):
    out, y = [], x * a
    for k in range(9):
        y = y * a
        out.append((y, k, y))
    return out, y


def last_and_first_item(x, a):
    out = []
    for _ in range(9):
        x = x * a
        out.append(x)
    return out, out[-1], out[0]


def lists_of_the_same(x, a):
    out = []
    for _ in range(9):
        x = x * a
        out.append(x)
    return out, [v for v in out], out[:], out[2:5], list(out), out + out[:1]


def in_a_loop_of_unknown_length(x, a):
    out = []
    while x.sum() > 0.5:
        x = x * a
        out.append(x)
        out.append(x)
    return out, x


def loops_in_loops(x, a):
    out, y = [], x
    for k in range(4):
        y = x * k
        for _ in range(9):
            out.append(y)
            z = y + a
            out.append(z)
    return out, y, z


def of_two_names(x, a):
    y, z, out = x * a, x + a, []
    for _ in range(6):
        y, z = z, y
        out.append(y)
    return out, y, z


def returned_from_the_loop(x, a):
    out = []
    for k in range(20):
        x = x * a
        out.append(x)
        if x.sum() < 0.1 + 0.01 * k:
            return out, x
    return out, out[0]


def asked_in_the_loop(x, a):
    out, y, found = [x], x * a, 0
    for k in range(6):
        if x[k % 3] > 0.3:
            y = y + a
        out.append(y)
        if out[-1] is out[-2]:
            found = found + 1
    return found, out


def chosen_by_a_branch(x, a):
    y, z = x * a, x + a
    return [y if x[0] > 0.5 else z, y, z], x if a > x[0] else y


def changed_by_a_branch(x, a):
    y = x
    if x[0] > 0.3:
        y = x * a
    return y


def a_view_chosen_by_a_branch(x, a):
    return x[1:] if x[0] > 0.3 else x[:-1], x


def a_view_beside_the_choice_of_a_branch(x, a):
    v = x[1:]
    w = v if x[0] > 0.3 else x[1:] * a
    w[0] = 5.0
    return v, w, x


def views_of_new_arrays_beside_choices_of_branches(x, a):
    y = x * a
    v, z = y[1:], (x * 2j)[1:]
    r, w = z.imag, v if x[0] > 0.3 else v * 1
    for k in range(3):
        v = w if x[k] > 0.3 else v
    return [w, v], {"z": z if x[0] > 0.3 else z * 1, "r": r if x[0] > 0.3 else y}, r, z


def views_by_number_beside_choices_of_branches(x, a):
    rows = [x[1:], x[::-1], (x * a)[:2]]
    v = rows[0 if a > 0.65 else 2]
    return rows, v if x[0] > 0.3 else rows[1]


def complex_and_in_a_list_twice(x, a):
    y = x * 2j
    out = []
    for _ in range(9):
        out.append(y)
        y = y * a
    return y, out, out, [y], x * 2j if x[0] > 0.3 else y


def item_or_as_it_was(x, a):
    p = [x * a]
    for k in range(9):
        x = p[-1] if x[0] > a else x
    return [x]


def at_a_place_or_as_it_was(x, a):
    p, y = [x * a, x + a], x
    for k in range(9):
        y = p[k % 2] if x[0] > a else y
    return [y]


ARRAYS = [
    item_or_as_it_was, at_a_place_or_as_it_was, complex_and_in_a_list_twice, appended_twice, history_and_last, history_of_what_was_before, starts_with_the_argument,
    made_before_the_loop, changed_or_not, appended_or_not, best_of_them, in_pairs, last_and_first_item,
    lists_of_the_same, in_a_loop_of_unknown_length, loops_in_loops, of_two_names,
    returned_from_the_loop, asked_in_the_loop, chosen_by_a_branch, changed_by_a_branch,
    a_view_chosen_by_a_branch, a_view_beside_the_choice_of_a_branch,
    views_of_new_arrays_beside_choices_of_branches, views_by_number_beside_choices_of_branches,
]  # fmt: skip


def _up(n):
    return np.linspace(0.1, 1.0, n), 0.7


def _down(n):
    return np.linspace(1.0, 0.2, n), 0.6


@over_engines
@pytest.mark.parametrize("f", ARRAYS)
def test_arrays_of_the_result_are_one_where_they_are_in_python(f, engine) -> None:
    compiled = Function(f, engine=engine)
    for make in (_up, _down, _up):
        is_as_in_python(f, lambda make=make: make(3), engine, compiled)


IN_LOOPS = [f for f in ARRAYS if "branch" not in f.__name__ and f is not returned_from_the_loop]


@pytest.mark.parametrize("f", IN_LOOPS)
def test_they_are_told_apart_in_one_loop(f) -> None:
    told = Function(f, engine="numpy").explain(*_up(3))
    assert "unrolled" not in str(told)


def stored_into_before_it_is_rebound(x, a):
    for k in range(9):
        if x[0].real > 0.2:
            x[2] = a * 2
            x = x * a
    return x


@over_engines
def test_a_store_into_a_complex_argument_that_the_loop_then_rebinds(engine) -> None:
    def make():
        return np.linspace(1.0, 0.2, 3) * (1 - 0.5j), 0.6

    is_as_in_python(stored_into_before_it_is_rebound, make, engine)


# -- lists and dicts that a branch chose are these -------------------------------------------------------
def one_of_two_lists(x, a):
    p, q = [a, 1.0], [a, 2.0]
    return [p if x[0] > 0.5 else q, p, q]


def list_or_a_new_one(x, a):
    p = [a, 1.0]
    return {"p": p, "q": p if x[0] > 0.5 else [a, 2.0]}


def dict_or_a_new_one(x, a):
    d = {"x": x, "y": a}
    return d, d if x[0] > 0.5 else {"x": x * a, "y": 1.0}


def lists_that_follow(x, a):
    row, out = [a, 1.0], []
    for k in range(6):
        out.append(row)
        row = row if x[k % 3] > 0.3 else [y * a for y in row]
    return out, row


def items_that_are_chosen(x, a):
    rows = [[a, 1.0], [2.0, a], [a, a]]
    m = rows[:]
    for k in range(3):
        m[k] = rows[k] if x[k] > 0.3 else rows[k - 1]
    m[0][0] = a * 7
    return m, rows


def chosen_and_read_only(x, a):
    p = [a, 1.0]
    q = p if x[0] > 0.5 else [a, 2.0]
    return sum(q) * a


CHOSEN = [
    one_of_two_lists, list_or_a_new_one, dict_or_a_new_one, lists_that_follow, items_that_are_chosen,
    chosen_and_read_only,
]  # fmt: skip


@over_engines
@pytest.mark.parametrize("f", CHOSEN)
def test_lists_and_dicts_that_a_branch_chose_are_these(f, engine) -> None:
    compiled = Function(f, engine=engine)
    for make in (_up, _down, _up):
        is_as_in_python(f, lambda make=make: make(3), engine, compiled)


def test_a_choice_that_is_only_read_is_captured_once() -> None:
    told = Function(chosen_and_read_only, engine="numpy").explain(*_up(3))
    assert "decided" not in str(told)


# -- an item is of its own type ------------------------------------------------------------------------
def sorted_by_exchanges(xs, a):
    m = list(xs)
    for _ in range(len(m)):
        for j in range(len(m) - 1):
            if m[j] > m[j + 1]:
                m[j], m[j + 1] = m[j + 1], m[j]
    return m


def exchanged_twice(xs, a):
    m = list(xs)
    for _ in range(2):
        for j in range(2):
            if m[j] > m[j + 1]:
                m[j], m[j + 1] = m[j + 1], m[j]
    return m


def sorted_constants(xs, a):
    m = [1, 2.5, 0.5, True, 0]
    for _ in range(len(m)):
        for j in range(len(m) - 1):
            if m[j] > m[j + 1] + 0 * a:
                m[j], m[j + 1] = m[j + 1], m[j]
    return m


def larger_of_each_pair(xs, a):
    m, found = list(xs), []
    for k in range(len(m) - 1):
        found.append(m[k] if m[k] > m[k + 1] else m[k + 1])
    return found


def moved_to_the_front(xs, a):
    m, total = list(xs), 0
    for k in range(20):
        j = (k * 7) % len(m)
        m[j], m[0] = m[0], m[j]
        total = total + m[0]
    return m, total


def some_scaled(xs, a):
    m = list(xs)
    for j in range(len(m)):
        if m[j] > a:
            m[j] = m[j] * 1.5
    return m


TYPED = [
    sorted_by_exchanges, exchanged_twice, sorted_constants, larger_of_each_pair, moved_to_the_front,
    some_scaled,
]  # fmt: skip
MIXED = {
    "ints": lambda k: 3 - k if k % 2 else 2.5 - k,
    "large ints": lambda k: 2**53 + 2 * k + 1 if k % 2 else 2.5 - k,
    "bools": lambda k: True if k % 2 else 2.5 - k,
    "NumPy": lambda k: np.float64(3 - k) if k % 2 else 2.5 - k,
    "ints alone": lambda k: (5 * k) % 7 - 2,
}


@over_engines
@pytest.mark.parametrize("f", TYPED)
def test_an_item_keeps_its_type(f, engine) -> None:
    for item in MIXED.values():
        is_as_in_python(f, lambda item=item: ([item(k) for k in range(7)], 0.7), engine)


# -- NaN is equal to itself where it is one object ------------------------------------------------------
def items_of_a_list(xs, a):
    q = [x * a for x in xs]
    return q[1] in q, q.count(q[1]), q.index(q[1]), q == q[:], q != list(q)


def items_of_arguments(xs, a):
    q = [x for x in xs]
    return xs == q, xs[1] in q, q.index(xs[1]), xs.count(xs[1]), xs <= q


def removed(xs, a):
    q = [x for x in xs]
    q.remove(xs[1])
    del q[q.index(xs[2])]
    return q


def in_a_loop(xs, a):
    found, before = 0, xs[0]
    for x in xs:
        if x in xs:
            found = found + 1
        if (before, a) == (x, a):
            found = found + 10
        before = x
    return found


def read_twice(xs, a):
    found = 0
    for k in range(len(xs)):
        if [xs[k]] == [xs[k]]:
            found = found + 1
    return found


def of_tuples(xs, a):
    t = tuple(xs)
    return t == tuple(xs), xs[1] in t, t.count(xs[1]), t.index(xs[1])


def of_dicts(xs, a):
    d, e, f = {"u": xs[1], "v": a}, {"u": xs[1], "v": a}, {"u": xs[1] * 1, "v": a}
    return d == e, d == f, d == dict(d), xs[1] in d.values()


def of_lists_in_lists(xs, a):
    m = [[x, a] for x in xs]
    return m == [r[:] for r in m], m.index(m[1]), [xs[1], a] in m, m.count([xs[1], a])


def of_deques(xs, a):
    q = deque(xs)
    return xs[1] in q, q.count(xs[1]), q == deque(xs), q.index(xs[1])


def of_results(xs, a):
    y, z = xs[1] * 1.0, xs[1] * 1.0
    return [y] == [z], y in [z], (y,) == (y,), [y, z].index(z)


def of_sets(xs, a):
    return {xs[1], xs[1]} == {xs[1]}, len({xs[1], xs[2]})


SOUGHT = [
    items_of_a_list, items_of_arguments, removed, in_a_loop, read_twice, of_tuples, of_dicts,
    of_lists_in_lists, of_deques, of_results, of_sets,
]  # fmt: skip


def _with_nan(n):
    return [1.0, math.nan, 2.0] + [0.5 * k for k in range(n)], 0.7


def _with_one_nan_twice(n):
    nan = float("nan")
    return [1.0, nan, nan] + [0.5 * k for k in range(n)], 0.7


def _without_nan(n):
    return [1.0, 3.25, 1.0] + [0.5 * k for k in range(n)], 0.7


@over_engines
@pytest.mark.parametrize("f", SOUGHT)
def test_nan_is_found_by_identity(f, engine) -> None:
    for n in (1, 9):
        for make in (_with_nan, _with_one_nan_twice, _without_nan):
            is_as_in_python(f, lambda n=n, make=make: make(n), engine)


def test_numbers_are_sought_without_falling_back() -> None:
    compiled = Function(items_of_arguments, engine="numpy")
    for n in (9, 12):
        assert outcome(compiled, _without_nan(n)) == outcome(items_of_arguments, _without_nan(n))


# -- objects that cannot change, as a loop left them ---------------------------------------------------
@dataclass(frozen=True)
class Frozen:
    p: float
    inner: object = None


def frozen_in_a_loop(x, n):
    c = first = Frozen(x)
    for _ in range(n):
        c = replace(c, p=c.p * 0.9)
    return c is first, c is not first, c == first, c.p


def frozen_in_lists(x, n):
    kept = rows = [Frozen(x * (k + 1)) for k in range(2)]
    for _ in range(n):
        rows = [replace(c, p=c.p * 0.9) for c in rows]
    return rows[0] is kept[0], rows is kept, kept[0] in rows


def frozen_in_one_another(x, n):
    c = Frozen(x, Frozen(x))
    part = c.inner
    for _ in range(n):
        c = Frozen(c.p * 0.9, c.inner if c.p < 0.5 else Frozen(c.p))
    return c.inner is part, c.inner.p


@over_engines
@pytest.mark.parametrize("f", [frozen_in_a_loop, frozen_in_lists, frozen_in_one_another])
def test_an_object_that_cannot_change_may_be_the_one_from_before_the_loop(f, engine) -> None:
    compiled = Function(f, engine=engine)
    with uncompiled_allowed():
        for x, n in ((0.5, 12), (0.5, 0), (2.0, 0), (2.0, 12), (0.3, 3)):
            assert compiled(x, n) == f(x, n)


# -- what is from outside, as a loop without a pass leaves it --------------------------------------------
KEPT_CELL, KEPT_DICT = Frozen(0.75), {"u": 1.5}


def cells_counted(c, n):
    for _ in range(n):
        c = replace(c, p=0.5 * c.p)
    return c


def cells_while(c, n):
    while c.p > 4.0 - n:
        c = Frozen(0.5 * c.p)
    return c


def cells_of_chosen_numbers(c, n):
    x = np.arange(4.0)
    for v in x[x < n]:
        c = Frozen(0.5 * c.p + v)
    return c


def dicts_counted(d, n):
    for k in range(n):
        d = {**d, "u": 0.5 * d["u"] + k}
    return d


def dicts_while(d, n):
    while d["u"] > 4.0 - n:
        d = {"u": 0.5 * d["u"]}
    return d


def dicts_of_chosen_numbers(d, n):
    x = np.arange(4.0)
    for v in x[x < n]:
        d = {"u": 0.5 * d["u"] + v}
    return d


def cell_of_a_global(_, n):
    return cells_counted(KEPT_CELL, n)


def dict_of_a_global(_, n):
    return dicts_counted(KEPT_DICT, n)


FROM_OUTSIDE = [
    *((f, Frozen) for f in (cells_counted, cells_while, cells_of_chosen_numbers)),
    *((f, lambda p: {"u": p}) for f in (dicts_counted, dicts_while, dicts_of_chosen_numbers)),
    *((f, float) for f in (cell_of_a_global, dict_of_a_global)),
]


@pytest.mark.parametrize(("f", "make"), FROM_OUTSIDE)
def test_after_no_pass_a_name_has_what_the_caller_gave(f, make) -> None:
    known = [KEPT_CELL, KEPT_DICT]
    for numbers in ((3, 0, 2, 0, 1), (0, 3, 0)):
        compiled = Function(f, engine="numpy")
        for n in numbers:
            given = make(2.0)
            ours, plain = compiled(given, n), f(given, n)
            assert ours == plain
            assert [ours is x for x in (given, *known)] == [plain is x for x in (given, *known)]


# -- objects of the caller's that a loop puts elsewhere ------------------------------------------------
@dataclass(eq=False)
class Moving:
    x: float
    y: float = 0.5

    def on(self, t=0.1):
        return Moving(self.x + t * self.y, self.y - t * self.x)


def exchanged_in_a_tuple(a, b, n):
    pair = (a, b)
    for _ in range(n):
        pair = (pair[1], pair[0])
    return pair


def exchanged_in_what_was_a_list(a, b, n):
    pair = [a, b]
    for _ in range(n):
        pair = (pair[1], pair[0])
    return list(pair)


def all_that_were(a, b, n):
    past = [a]
    for _ in range(n):
        past.append(past[-1].on())
    return past, a is past[0]


def the_state_before(a, b, n):
    past, state = [], a
    for _ in range(n):
        past.append(state)
        state = state.on()
    return past[-1] if past else None, state, len(past)


def one_many_times(a, b, n):
    past = []
    for _ in range(n):
        past.append(b)
    return past


def stored_into_by_passes(a, b, n):
    past = [a]
    for _ in range(n):
        past[0].x += 0.1
        past.append(past[-1].on())
    return past


def stored_into_afterwards(a, b, n):
    past = [a, b]
    for _ in range(n):
        past.append(past[-1].on())
    past[n % 2].y = 7.0
    return past


def moving_in(x):
    if isinstance(x, Moving):
        return [x]
    return [part for item in x for part in moving_in(item)] if isinstance(x, (list, tuple)) else []


@pytest.mark.parametrize(
    ("f", "is_loop"),
    [
        (exchanged_in_a_tuple, False),
        (exchanged_in_what_was_a_list, False),
        (all_that_were, True),
        (the_state_before, True),
        (one_many_times, True),
        (stored_into_by_passes, False),
        (stored_into_afterwards, False),
    ],
)
def test_objects_of_the_caller_are_themselves_wherever_a_loop_puts_them(f, is_loop) -> None:
    compiled = Function(f, engine="numpy")
    for n in (12, 0, 1, 2, 5):
        seen = []
        for function in (compiled, f):
            given = [Moving(1.0), Moving(2.0)]
            result = function(*given, n)
            parts = [*given, *moving_in(result)]
            first = {id(part): k for k, part in reversed([*enumerate(parts)])}
            numbers = [(part.x, part.y) for part in parts]
            seen.append(([first[id(part)] for part in parts], np.array(numbers)))
        assert seen[0][0] == seen[1][0]
        np.testing.assert_allclose(seen[0][1], seen[1][1], rtol=1e-13)
    assert not is_loop or len(compiled.cache) <= 2


# -- keys that change their dict when they are compared ------------------------------------------------
def keys_that_empty_their_dict(a):
    class Key(int):
        def __hash__(self):
            return 13

        def __eq__(self, other):
            if len(d) > 1:
                d.clear()
            return False

    d = {}
    d = {Key(1): 1, Key(2): 2}
    try:
        made = dict.fromkeys(d, a)
    except RuntimeError:
        return "changed"
    return len(made), len(d)


def test_keys_that_change_their_dict_are_no_mistake_of_ours() -> None:
    compiled = Function(keys_that_empty_their_dict, engine="numpy")
    with uncompiled_allowed():
        assert compiled(0.5) == keys_that_empty_their_dict(0.5)


# -- a view at several places of the result is one object ------------------------------------------------
SEVERAL_PLACES = {
    "of an argument": lambda x: (lambda v: [v, v])(x[1:]),
    "and one made for itself": lambda x: (lambda v: {"a": v, "b": [v, x[1:]]})(x[1:]),
    "of a new array": lambda x: (lambda y: (y[1:], y, y[1:]))(x * 2),
    "twice of a new array": lambda x: (lambda v: (v, v))((x * 2)[1:]),
    "of a view": lambda x: (lambda v: (lambda w: [v, w, v, w])(v[:1]))(x[1:]),
    "of complex numbers": lambda x: (lambda v: [v, v])((x + 1j)[::2]),
}


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", SEVERAL_PLACES.values(), ids=SEVERAL_PLACES)
def test_a_view_at_several_places_is_one_object(f, engine):
    compiled = Function(f, engine=engine)
    for x in (np.arange(3.0), np.arange(4.0), np.arange(3.0) + 1j):
        assert outcome(compiled, [x.copy()]) == outcome(f, [x.copy()])


# -- numbers and texts: a program knows what they are, not which object --------------------------------
TEXT, COUNT = "".join(["ab", "cd"]), int("1000")
SAME_TEXT, TEXTS = TEXT, ["".join(["ab", "cd"]), COUNT]


def chosen_number(x, y):
    r = x if x > y else y
    return r is x, r is y, r is not x


def largest(x, y):
    return max(x, y) is x, sorted([x, y])[0] is y, (x or y) is x


def best_in_a_loop(x, y):
    best = None
    for v in (x, y):
        if best is None or v > best:
            best = v
    return best is x


def handed_on(x, y):
    return float(x) is x, +x is x, int(y) is y, round(y) is y


def counted(x, y):
    n = k = 0
    while n < x:
        n, k = n + 1, k + 1
    return n is k


def of_a_global(x, s):
    return x * (2 if s is TEXT else 3)


def of_two_globals(x, s):
    return x * (2 if TEXT is SAME_TEXT else 3)


def of_a_large_int(x, s):
    return x * (2 if s is COUNT else 3)


def of_items(x, s):
    return x * sum(s is t for t in TEXTS)


VALUES = [(1.5, 2.5), (2.5, 1.5), (1.5, 1.5), (3, 2), (np.float64(2.5), 1.5), (2.5, 300)]
CONSTANTS = [(1.5, TEXT), (1.5, "".join(["ab", "cd"])), (2.5, TEXT), (1.5, TEXTS[0]), (1.5, COUNT)]
CONSTANTS += [(1.5, int("1000")), (1.5, "abc")]


@over_engines
@pytest.mark.parametrize("f", [chosen_number, largest, best_in_a_loop, handed_on, counted])
def test_numbers_are_one_object_where_they_are_in_python(f, engine) -> None:
    compiled = Function(f, engine=engine)
    with uncompiled_allowed():
        for arguments in VALUES:
            assert compiled(*arguments) == f(*arguments), arguments


@over_engines
@pytest.mark.parametrize("f", [of_a_global, of_two_globals, of_a_large_int, of_items])
def test_equal_texts_and_ints_from_outside_are_told_apart(f, engine) -> None:
    compiled = Function(f, engine=engine)  # compiled: no call falls back
    for arguments in (*CONSTANTS, *CONSTANTS):
        assert compiled(*arguments) == f(*arguments), arguments


def test_two_texts_from_outside_may_become_two_later(monkeypatch) -> None:
    compiled = Function(of_two_globals, engine="numpy")
    assert compiled(1.5, "") == 3.0
    monkeypatch.setitem(globals(), "SAME_TEXT", "".join(["ab", "cd"]))
    assert compiled(1.5, "") == 4.5


def test_what_types_and_arithmetic_tell_is_compiled() -> None:
    def f(x, a):
        y = x * 1.0
        return y is x, x is None, x is a[0], a[0] is a[0], y is y, (x > 0) is True, x is COUNT

    compiled = Function(f, engine="numpy")
    for x in (1.5, -2.0):
        arguments = x, np.array([x, x])
        assert compiled(*arguments) == f(*arguments)


def test_a_derivative_says_that_it_does_not_know_which_number_it_is() -> None:
    def f(x, y):
        return x * 3.0 if max(x, y) is x else x * 2.0

    refused = pytest.raises(autodiff.errors.UnsupportedError, match="numbers or texts are one")
    with uncompiled_allowed(), refused:
        autodiff.gradient(f, engine="numpy")(2.0, 1.0)


class HasArray:
    def __init__(self, held):
        self.held = held


def stored_in_a_branch(owner, a, t):
    if t > 0.8:
        owner.held = a
    return a is owner.held


def named_in_a_branch(owner, a, t):
    b = owner.held
    if t > 0.8:
        b = a
    return a is b


def stored_in_a_loop(owner, a, t):
    for k in range(5):
        if k * t > 0.8:
            owner.held = a
    return a is owner.held


@pytest.mark.parametrize("f", [stored_in_a_branch, named_in_a_branch, stored_in_a_loop])
def test_arrays_from_outside_that_a_branch_chose_may_be_one_from_the_start(f) -> None:
    compiled = autodiff.function(f, engine="numpy")
    for same, t in [(True, 0.1), (False, 0.1), (True, 0.9), (False, 0.9), (True, 0.1)]:
        a = np.ones(2)
        results = []
        for g in (compiled, f):
            with uncompiled_allowed():
                results.append(bool(g(HasArray(a if same else np.ones(2)), a, t)))
        assert results[0] == results[1], (same, t)
