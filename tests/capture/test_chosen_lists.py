"""Lists and dicts that a branch chooses: a store into whichever it is shows under each name of it.

    z = x if v > 1 else y
    z[0] = z[0] * a + v

Each program is compared with plain Python, its derivative with a difference; those of ROLLED are one loop.
"""

import numpy as np
import pytest

import autodiff
from autodiff.ladder import Rung
from tests.capture.support import ENGINES, kinds, same


class Holder:
    def __init__(self, items):
        self.items = items


def choose(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    for v in numbers:
        z = x if v > 1 else y
        z[0] = z[0] * a + v
    return x[0] + 2 * y[0]


def choose_alias(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    q = x
    for v in numbers:
        z = x if v > 1 else y
        z[0] = z[0] * a + v
        q[1] = q[1] + z[0]
    return x[0] + 2 * y[0] + 3 * x[1]


def choose_is(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    n = 0.0
    for v in numbers:
        z = x if v > 1 else y
        z[-1] = z[0] * a + v
        if z is x:
            n = n + v * a
    return x[1] + 2 * y[1] + n


def choose_dict(numbers, a):
    x = {"t": 1.0, "y": 2.0}
    y = {"t": 3.0, "y": 4.0}
    for v in numbers:
        z = x if v > 1 else y
        z["t"] = z["t"] * a + v
    return x["t"] + 2 * y["t"] + z["y"]


def choose_dict_get(numbers, a):
    x = {"t": 1.0, "y": 2.0}
    y = {"t": 3.0, "y": 4.0}
    for v in numbers:
        z = x if v > 1 else y
        z["t"] = z.get("t") * a + v
    return x["t"] + 2 * y["t"]


def choose_append(numbers, a):
    x = [1.0]
    y = [2.0]
    for v in numbers:
        z = x if v > 1 else y
        z.append(z[-1] * a + v)
    return sum(x) + 2 * sum(y)


def choose_append_once(numbers, a):
    x = [1.0]
    y = [2.0]
    z = x if a > 0.5 else y
    z.append(z[-1] * a)
    return sum(x) + 2 * sum(y) + len(x)


def choose_sum(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    n = 0.0
    for v in numbers:
        z = x if v > 1 else y
        z[0] = z[0] * a + v
        n = n + sum(z)
    return x[0] + 2 * y[0] + n


def choose_nested(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    w = [4.0, 5.0]
    for v in numbers:
        z = x if v > 1.2 else (y if v > 0.8 else w)
        z[0] = z[0] * a + v
    return x[0] + 2 * y[0] + 3 * w[0]


def made_in_body(numbers, a):
    n = 0.0
    for v in numbers:
        x = [v, 1.0]
        y = [2.0 * v, 3.0]
        z = x if v > 1 else y
        z[0] = z[0] * a + v
        n = n + x[0] + 2 * y[0]
    return n


def made_in_side(numbers, a):
    n = 0.0
    for v in numbers:
        z = [0.0, 0.0]
        if v > 0.8:
            x = [v, 1.0]
            y = [2.0 * v, 3.0]
            z = x if v > 1 else y
            z[0] = z[0] * a + v
            n = n + x[0] + 2 * y[0]
        z[1] = z[0] + 1
        n = n + z[1]
    return n


def after_loop(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    for v in numbers:
        z = x if v > 1 else y
        z[0] = z[0] * a + v
    z[0] = z[0] * 10
    return x[0] + 2 * y[0]


def no_loop(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    z = x if a > 0.5 else y
    z[0] = a * 5
    w = z
    w[1] = w[0] * a
    return x[0] + 2 * y[0] + 3 * x[1] + 4 * y[1]


def no_loop_iter(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    z = x if a > 0.5 else y
    z[0] = a * 5
    return sum(q * a for q in z) + x[0] + 2 * y[0]


def in_tuple(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    z, w = (x, y) if a > 0.5 else (y, x)
    z[0] = a * 5
    w[1] = a * 7
    return x[0] + 2 * y[0] + 3 * x[1] + 4 * y[1]


def stored(numbers, a):
    x = [v * a for v in numbers]
    y = [v + a for v in numbers]
    for k, v in enumerate(numbers):
        z = x if v > 1 else y
        z[k] = z[k] * a + v
    return sum(x) + 2 * sum(y)


def list_or_none(numbers, a):
    x = [0.0, 1.0]
    y = [2.0, 3.0]
    z = x if a > 0.5 else None
    if z is not None:
        z[0] = a
    return x[0] + y[0]


def objects_with_lists(numbers, a):
    x = Holder([0.0, 1.0])
    y = Holder([2.0, 3.0])
    for v in numbers:
        z = x if v > 1 else y
        z.items[0] = z.items[0] * a + v
    return x.items[0] + 2 * y.items[0]


def rebound_list(numbers, a):
    s = [0.0, 1.0]
    for v in numbers:
        if v > 1:
            s = [v * a, s[1] + v]
    return s[0] + 2 * s[1]


def rebound_list_store(numbers, a):
    s = [0.0, 1.0]
    for v in numbers:
        if v > 1:
            s = [v * a, s[1] + v]
        s[0] = s[0] * a + 1
    return s[0] + 2 * s[1]


def rebound_list_alias(numbers, a):
    s = [0.0, 1.0]
    k = s
    for v in numbers:
        if v > 1:
            s = [v * a, s[1] + v]
        s[0] = s[0] * a + 1
    return s[0] + 2 * s[1] + 5 * k[0]


def changed_or_replaced(numbers, a):
    total = 0.0
    for v in numbers:
        d = {"x": v, "y": 1.0}
        if v > 1:
            d["x"] *= a
        else:
            d = {"x": a, "y": 2.0}
        total += d["x"] * d["y"]
    return total


def changed_or_another(numbers, a):
    d, e = {"x": a}, {"x": 1.0}
    if numbers[0] > 1:
        d["x"] = d["x"] * 3
        e["x"] = 9.0 * a
    else:
        d = e
    d["x"] += 1
    return d["x"] + 2 * e["x"]


def changed_and_chosen(numbers, a):
    d, e = {"x": a}, {"x": 1.0}
    if numbers[0] > 1:
        e["x"] = a * a
        d = e
    else:
        d.update(x=2 * a)
        e = d
    return d["x"] + 3 * e["x"]


def changed_inside_or_another(numbers, a):
    d, e = ({"x": {"y": a}}, 1.0), ({"x": {"y": 2.0}}, a)
    if numbers[0] > 1:
        d[0]["x"]["y"] *= a
    else:
        d = e
    return d[0]["x"]["y"] * d[1]


def changed_by_a_function_or_new(numbers, a):
    def advanced(d):
        if numbers[0] > 1:
            d["x"] *= a
            return d
        return {"x": a + 2}

    d = {"x": a}
    e = advanced(d)
    return d["x"] * 2 + e["x"]


def changed_until_an_exception(numbers, a):
    d = {"x": a}
    e = d
    try:
        d["x"] = a / (numbers[0] - 0.5)
        d = {"x": a * 2}
    except ZeroDivisionError:
        e["x"] = 8.0 * a
    return d["x"] * 3 + e["x"]


ROLLED = [
    choose,
    choose_alias,
    choose_is,
    choose_dict_get,
    choose_append,
    choose_nested,
    objects_with_lists,
    rebound_list,
]
OTHERS = [
    choose_dict,
    choose_append_once,
    choose_sum,
    made_in_body,
    made_in_side,
    after_loop,
    no_loop,
    no_loop_iter,
    in_tuple,
    stored,
    list_or_none,
    rebound_list_store,
    rebound_list_alias,
]
# Here a branch changes a dict, and what its name means as well.
CHANGED = [
    changed_or_replaced,
    changed_or_another,
    changed_and_chosen,
    changed_inside_or_another,
    changed_by_a_function_or_new,
    changed_until_an_exception,
]
UP, DOWN = np.linspace(0.5, 1.5, 9).tolist(), np.linspace(1.5, 0.5, 11).tolist()
ALL = [
    pytest.param(f, marks=[pytest.mark.slow] if k % 3 else [])
    for k, f in enumerate(ROLLED + OTHERS)
] + CHANGED


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_values_and_derivatives_are_those_of_plain_python(f, engine) -> None:
    value = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, wrt="a", engine=engine)
    for numbers, a in ((UP, 0.7), (DOWN, 0.3)):
        same(value(numbers, a), f(numbers, a))
        difference = (f(numbers, a + 1e-6) - f(numbers, a - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope(numbers, a), difference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("f", ROLLED)
def test_it_is_one_loop_of_any_length(f) -> None:
    found = []
    for n in (1, 3):
        made = autodiff.function(f, engine="numpy")
        made(UP * n, 0.7)
        found.append(made.cache[-1].captured)
    assert kinds(found[0].program) == kinds(found[1].program)
    assert not any(d.rung in (Rung.UNROLLED, Rung.GUARDED) for d in found[0].decisions)


def chosen_tuple(x, c):
    a, b = (x, 1.0), (c, 2.0)
    z = a if x < 2 else b
    return z is a, z is b, z[0]


def tuple_of_a_list(x, c):
    rows = []
    for k in range(3):
        rows.append((x * k, c))
    return rows[-1] is rows[2], rows[0] is rows[1], rows[1][0]


def tuple_bound_anew(x, c):
    a = (x, 1.0)
    z = b = (c, 2.0)
    for k in range(2):
        if x < 2 + k:
            z = a
    return z is a, z is b, z[0]


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("f", [chosen_tuple, tuple_of_a_list, tuple_bound_anew])
def test_which_tuple_it_is_python_decides(f) -> None:
    value = autodiff.function(f)
    for x in (1.0, 2.5, 4.0):
        same(value(x, 3.0), f(x, 3.0))


def moved_on_one_side(x, a, items):
    if a > 0:
        items = items + [x]
        items.pop(0)
    return x * items[0] + items[2]


@pytest.mark.parametrize("engine", ENGINES)
def test_list_in_arrays_that_one_side_bound(engine) -> None:
    """Nothing of the side may be asked for outside of it, not even whether the list is in arrays."""
    value = autodiff.function(moved_on_one_side, engine=engine)
    slope = autodiff.gradient(moved_on_one_side, engine=engine)
    for a, expected in ((1.0, (3.0, 0.0, [0.0, 2.0, 0.0])), (-1.0, (1.0, 0.0, [2.0, 0.0, 1.0]))):
        same(value(2.0, a, [1.0, 2.0, 3.0]), moved_on_one_side(2.0, a, [1.0, 2.0, 3.0]))
        same(slope(2.0, a, [1.0, 2.0, 3.0]), expected)


def shortened_on_one_side(x, items, others):
    for c in range(6):
        items.append(x * c)
        items.pop(0)
        for _ in range(6):
            others.append(x)
            others.pop(0)
            others = others + [x]
            if len(items) > 2:
                items.pop()
            others.sort()
    return sum(items) + sum(others)


def test_number_of_items_that_a_side_changed_is_a_number_of_items() -> None:
    """It is at least 0, so that what the list is next joined with has its length for certain."""
    slope = autodiff.gradient(shortened_on_one_side, wrt="x", engine="numpy")
    for n, expected in ((5, 46.0), (1, 42.0), (2, 46.0), (4, 46.0)):  # the second has any length
        items = [1.0 + k for k in range(n)]
        same(slope(1.5, [*items], [*items]), expected)


def moved_in_both_loops(x, n, items):
    for _ in range(n):
        for _ in range(6):
            items.pop(0)
            items.extend(x)
    return sum(items) * items[0]


def queue_of_three(x, n, items):
    for k in range(n):
        items.insert(0, x[0] * k)
        if len(items) > 3:
            items.pop()
        if k % 2:
            items[0] += 1
    return items


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [moved_in_both_loops, queue_of_three])
def test_items_are_moved_within_a_room_of_any_size(f, engine) -> None:
    value = autodiff.function(f, engine=engine)
    x = np.array([1.5, 2.5])
    for n in (1, 2, 0, 3):
        mine, yours = [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]
        same(value(x, n, mine), f(x, n, yours))
        assert mine == yours
