"""A name that is one array or another, as a branch or a loop decides, and a store into either.

Whichever of the arrays is stored into, and whichever is read afterwards: as in plain Python.
"""

import collections
import functools

import numpy as np
import pytest

import autodiff
from tests.capture.support import uncompiled_allowed


# -- chosen by a branch ------------------------------------------------------------------------------
def expression_then_source(x, j):
    z = x if j > 1 else x * 2
    x[0] = 5.0
    return z.sum()


def statement_then_source(x, j):
    z = x
    if j > 1:
        z = x * 2
    x[0] = 5.0
    return z.sum()


def other_name(x, j):
    z = x.copy()
    v = z
    if x[0] > 0.3:
        z = x * 2
    v[0] = 5.0
    return z.sum()


def in_a_dict(x, j):
    z = x.copy()
    d = {"u": z}
    if x[0] > 0.3:
        z = x * 2
    d["u"][0] = 5.0
    return z.sum()


def in_a_tuple(x, j):
    z = x.copy()
    d = (z,)
    if x[0] > 0.3:
        z = x * 2
    z[0] = 5.0
    return d[0].sum()


def two_names_in_one_branch(x, j):
    z, y = x * 1, x * 1
    if x[0] > 0.3:
        z = x * 2
        y = z
    y[0] = 5
    return z.sum()


def two_choices(x, j):
    y, z = x.copy(), x.copy()
    w = y if x[0] > 0.5 else z
    v = z if x[1] > 0.5 else y
    w[0] = 3
    return v.sum()


def row_of_a_matrix(x, j):
    m, s = np.outer(x, x), 0.0
    for i in range(6):
        row = m[0] if x[i % 3] > 0.5 else m[1]
        s += row.sum()
        m[0] *= 0.5
    return s


def row_stored_into(x, j):
    m = np.outer(x, x)
    for i in range(6):
        if x[i % 3] > 0.5:
            y = m[0]
        else:
            y = m[1]
        y[1] += 0.25
    return m.sum()


def swapped_items(x, j):
    t = (x.copy(), x * 2)
    if x[0] > 0.5:
        t = (t[1], t[0])
    t[0][0] = 4
    return t[0].sum() - t[1].sum()


def stored_into_on_the_other_side(x, j):
    if x[0] > 0.5:
        x = x * 2
    else:
        x[0] = 0.3
    return x * j


def added_to_on_the_other_side(x, j):
    y = x[::-1]
    if x[0] > 0.5:
        y = x[1:] + x[:-1]
        y = np.append(y, 2.0)
    else:
        y += 0.3
    return y.sum() * j + x[1]


def item_stored_into_on_the_other_side(x, j):
    t = (x, x * 2)
    if x[0] > 0.5:
        t = (t[1], t[0] * 3)
    else:
        t[0][0] = 0.3
        t[1][0] = 0.4
    return t[0] - t[1] * j


# -- chosen by a loop ----------------------------------------------------------------------------------
def argument_bound_to_itself(x, j):
    for _ in range(j):
        x = x
    x += 1.0
    return x


def argument_in_nested_loops(x, j):
    for _ in range(3):
        for _ in range(j):
            x = x
        x[0] += 1
    return x.sum()


def perhaps_no_iteration_then_source(x, j):
    y = x
    for _ in range(j):
        x = x * 2
    y[0] = 5.0
    return x.sum()


def perhaps_no_iteration_then_result(x, j):
    y = x
    for _ in range(j):
        y = y * 2
    y[0] = 5.0
    return x.sum()


def while_then_source(x, j):
    y = x
    while y.sum() < j:
        y = y * 1.5
    x[0] = -3.0
    return y.sum()


def while_then_result(x, j):
    y = x
    while y.sum() < j:
        y = y * 1.5
    y[0] = -3.0
    return x.sum()


def while_with_a_list(x, j):
    y = x.copy()
    held = [y, x]
    k = 0
    while k < j:
        y = y * 2
        k += 1
    y[0] = 5.0
    return held[0].sum()


def while_with_a_closure(x, j):
    y = x * 0.1

    def total():
        return y.sum()

    z = y
    while y.sum() < j:
        y = y + x + 0.1
    z[0] = -3.0
    return total()


def attribute(x, j):
    class Held:
        pass

    held = Held()
    held.v = x * 1.0
    y = held.v
    for _ in range(j):
        y = y * 2
    y[0] = 8
    return held.v.sum()


def swapped_names(x, j):
    y = x.copy()
    z = y
    for _ in range(j):
        y, z = z, y
    z[0] = 5.0
    return y.sum() + 2 * z.sum()


def view_kept(x, j):
    y = x.copy()
    z = y[::-1]
    for _ in range(j):
        z = z
    z[0] = 5.0
    return y.sum() + 2 * z.sum()


def bound_to_another(x, j):
    y, z = x.copy(), x
    for _ in range(j):
        z = y[::-1]
    y[0] = 5.0
    return z.sum() + 2 * x.sum()


def best_row(x, j):
    m = np.outer(np.arange(7.0), x)
    best = m[0]
    for row in m:
        if row.sum() > best.sum():
            best = row
    m[:] = 7.0
    return best.sum()


def one_array_under_two_names(x, j):
    z, y, s = x * 1, x * 1, 0.0
    for i in range(7):
        y[0] += 1
        s += z[0]
        t = x * i
        z, y = t, t
    return s + z.sum()


def read_in_the_loop(x, j):
    s, y = 0.0, x
    for _ in range(7):
        s += y[0]
        x[0] += 1
        if x[1] > 0.5:
            y = y * 2
    return s


def bound_late_to_what_is_stored_into(x, j):
    s, y, z = 0.0, x.copy(), x.copy()
    for i in range(7):
        s += y[0]
        z[0] += 1
        if x[i % 3] > 0.5:
            y = z
    return s


def copied_when_best(x, j):
    y = x.copy()
    best, least = y, 100.0
    for k in range(7):
        y += 0.3 * np.cos(k + j) * (x + 1.0)
        if np.sum(y * y) < least:
            least, best = np.sum(y * y), y.copy()
    return best.sum() + 2 * y.sum()


CHOICES = [
    f for f in list(globals().values()) if getattr(f, "__module__", "") == __name__
]  # all of the above


@pytest.mark.parametrize("f", CHOICES, ids=lambda f: f.__name__)
def test_stores_reach_what_they_reach_in_plain_python(f) -> None:
    compiled, gradient = autodiff.function(f), autodiff.gradient(total(f), wrt="x")
    for number, j in enumerate((2, 0, 3, 1, 0, 2)):
        x = np.random.default_rng(number).uniform(0, 1, 3)
        ours, theirs = x.copy(), x.copy()
        with uncompiled_allowed():
            result, slope = compiled(ours, j), gradient(x, j)
        np.testing.assert_allclose(result, f(theirs, j), rtol=1e-14)
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
        steps = 1e-3 * np.eye(3)
        expected = [(total(f)(x + h, j) - total(f)(x - h, j)) / 2e-3 for h in steps]
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-8)


def total(f):
    """The sum of what a function returns."""
    return lambda x, j: np.sum(f(x, j))


def rebound(x, n):
    y = x.copy()
    for _ in range(n):
        y = y - 0.1 * y * y
    y[0] = 1.0
    return y.sum() + x.sum()


def chosen_and_read(x, n):
    y, s = x.copy(), 0.0
    for k in range(n):
        z = y if x[k % 3] > 0.5 else x
        s += z.sum()
        y = y * 0.5
    return s


@pytest.mark.parametrize("f", [rebound, chosen_and_read])
def test_what_nothing_else_holds_stays_one_loop(f) -> None:
    compiled = autodiff.function(f)
    for n in (30, 0, 7, 31):
        x = np.linspace(0.1, 0.9, 3)
        np.testing.assert_allclose(compiled(x, n), f(x, n), rtol=1e-13)
    assert len(compiled.cache) == 1


# -- whatever holds the array --------------------------------------------------------------------------
class Slotted:
    __slots__ = ("v",)

    def __init__(self, v):
        self.v = v

    def total(self):
        return self.v.sum()


def later(v):
    yield 0.0
    yield v.sum()


def started(v):
    steps = later(v)
    next(steps)
    return steps


Pair = collections.namedtuple("Pair", "v w")
OUTSIDE = {}


def put_outside(v):
    OUTSIDE["v"] = v
    return lambda: OUTSIDE["v"].sum()


HOLDERS = {
    "tuple": lambda v: lambda t=(v, 1): t[0].sum(),
    "named tuple": lambda v: lambda t=Pair(v, 1): t.v.sum(),  # noqa: B008
    "list in a dict": lambda v: lambda d={"a": [v]}: d["a"][0].sum(),
    "deque": lambda v: lambda d=collections.deque([v]): d[0].sum(),
    "iterator": lambda v: lambda items=iter([v]): next(items).sum(),  # noqa: B008
    "closure": lambda v: lambda: v.sum(),
    "default": lambda v: lambda w=v: w.sum(),
    "partial": lambda v: functools.partial(np.sum, v),
    "method of the array": lambda v: v.sum,
    "method of an object with slots": lambda v: Slotted(v).total,
    "suspended generator": lambda v: started(v).__next__,
    "generator expression": lambda v: (e.sum() for e in [v]).__next__,
    "object outside": put_outside,
}


def held(x, j, hold):
    y = x.copy()
    read = hold(y)
    for _ in range(j):
        y = y * 2
    y[0] = 5.0
    return read()


@pytest.mark.parametrize("holder", HOLDERS)
def test_an_array_that_anything_holds_is_not_stored_into_beside_it(holder) -> None:
    compiled = autodiff.function(held)
    with uncompiled_allowed():
        for j in (2, 0, 3, 0):
            x = np.arange(1.0, 4.0)
            assert compiled(x, j, HOLDERS[holder]) == held(x, j, HOLDERS[holder])


# -- chosen by a branch: one program, which stores to each where it is that one -----------------------
def into_either(x, t):
    y = 3.0 * x
    z = x if t > 0.5 else y
    z[0] = 5.0
    z[1] += x[0]
    return z.sum() + 10.0 * x.sum() + 100.0 * y.sum()


def into_either_of_two_arguments(x, v, t):
    z = v
    if t > 0.5:
        z = x
    z *= 2.0
    return x.sum() + 3.0 * v.sum()


def read_after_a_store_into_one(x, t):
    y = x * x
    z = y if t > 0.5 else x
    y[1] = 7.0
    first = z.sum()
    x[2] = -1.0
    return first + 3.0 * z.sum()


def view_of_the_choice(x, t):
    y = np.sin(x)
    z = x if t > 0.5 else y
    tail = z[1:]
    tail[0] = 4.0
    x[2] *= 3.0
    return tail.sum() + 2.0 * z.sum() + 5.0 * y.sum()


def choice_of_views(x, t):
    m = np.outer(x, x + 1.0)
    row = m[0] if t > 0.5 else m[:, 1]
    row[1] = 6.0
    m[0] += 1.0
    return row.sum() + 3.0 * m.sum()


def overlapping_views(x, t):
    z = x[1:] if t > 0.5 else x[:-1]
    z += 0.5 * x[0]
    return z[0] + 3.0 * x.sum()


def choice_of_a_choice(x, t):
    y, w = 2.0 * x, 3.0 * x
    z = (x if t > 0.9 else y) if t > 0.5 else w
    z[0] = 4.0
    return x.sum() + 10.0 * y.sum() + 100.0 * w.sum()


def choice_within_a_side(x, t):
    y = 2.0 * x
    if x[0] > 0.3:
        if t > 0.5:
            y = x
        z = y
    else:
        z = y[::-1]
    z[0] = 5.0
    return x.sum() + 2.0 * y.sum() + 3.0 * z.sum()


def two_names_of_what_one_side_makes(x, t):
    y = z = x
    if t > 0.5:
        y = 2.0 * x
        z = y
    y[0] = 3.0
    return z.sum() + 5.0 * x.sum()


def two_views_of_what_one_side_makes(x, t):
    y, z = x[1:], x[:2]
    if t > 0.5:
        w = 2.0 * x
        y, z = w[1:], w[:2]
    y[0] = 3.0
    return z.sum() + 5.0 * x.sum()


def made_on_both_sides_and_crossed(x, t):
    if t > 0.5:
        y = 2.0 * x
        z = y
        w = x
    else:
        y = 3.0 * x
        z = x
        w = y
    y[0] = 4.0
    z[1] = 5.0
    w[2] = 6.0
    return y.sum() + 10.0 * z.sum() + 100.0 * w.sum() + 1000.0 * x.sum()


def stored_on_the_same_condition(x, t):
    y = 2.0 * x
    z = x if t > 0.5 else y
    if t > 0.5:
        z[0] = 9.0
    else:
        z[1] = 8.0
    return x.sum() + 10.0 * y.sum()


def bound_on_one_side(x, t):
    if t > 0.5:
        z = x
    y = x + 1.0
    if t > 0.5:
        z[0] = 2.0
        y = z
    y[1] = 4.0
    return x.sum() + 10.0 * y.sum()


def items_and_attributes(x, t):
    class Held:
        pass

    held = Held()
    held.v, table = x, {"w": 2.0 * x}
    if t > 0.5:
        held.v, table["w"] = table["w"], held.v
    held.v[0] = 4.0
    table["w"][1] = 5.0
    return held.v.sum() + 10.0 * table["w"].sum() + 100.0 * x.sum()


def complex_arrays(x, t):
    y, w = x * (1 + 2j), x * (2 - 1j)
    z = y if t > 0.5 else w
    z[0] = 3.0 + 1j
    z.real[1] = 4.0
    return np.abs(y).sum() + 10.0 * np.abs(w).sum() + 100.0 * np.abs(z).sum()


def chosen_in_a_loop(x, t):
    m = np.outer(x, x)
    for i in range(6):
        row = m[0] if x[i % 3] > t else m[1]
        row[1] += 0.25
    return (m * np.outer(x, x)).sum()


def asked_which(x, t):
    y = 2.0 * x
    z = x if t > 0.5 else y
    if z is x:
        y[0] = 3.0
    return z.sum() + y.sum() if z is not y else 7.0 * z.sum()


def asked_of_two_choices(x, t):
    y = 2.0 * x
    z = x if t > 0.5 else y
    w = y if x[0] > 0.3 else x
    z[0] = 1.0 if z is w else 2.0
    return x.sum() + 10.0 * y.sum()


BY_BRANCHES = [
    into_either, into_either_of_two_arguments, read_after_a_store_into_one, view_of_the_choice,
    choice_of_views, overlapping_views, choice_of_a_choice, choice_within_a_side,
    two_names_of_what_one_side_makes, two_views_of_what_one_side_makes,
    made_on_both_sides_and_crossed, stored_on_the_same_condition, bound_on_one_side,
    items_and_attributes, complex_arrays, chosen_in_a_loop, asked_which, asked_of_two_choices,
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", BY_BRANCHES, ids=lambda f: f.__name__)
def test_a_chosen_array_is_one_program_on_every_path(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for number, t in enumerate((0.7, 0.2, 0.95)):
        arrays = np.random.default_rng(number).uniform(0.1, 1.0, (f.__code__.co_argcount - 1, 3))
        ours, theirs = ([a.copy() for a in arrays] for _ in range(2))
        np.testing.assert_allclose(compiled(*ours, t), f(*theirs, t), rtol=1e-13)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
        slope = autodiff.gradient(f, wrt="x", engine=engine)(*arrays.copy(), t)
        steps = np.zeros((3, *arrays.shape))
        steps[range(3), 0, range(3)] = 1e-5
        expected = [(f(*(arrays + h), t) - f(*(arrays - h), t)) / 2e-5 for h in steps]
        np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-7)
    assert len(compiled.cache) == 1
    said = str(compiled.explain(*arrays, t))
    assert "captured again" not in said and "under a guard" not in said


# -- bound anew by a loop: one loop, and stores reach what they reach ----------------------------------
def stored_after_perhaps_no_iteration(x, n, t):
    y = z = x
    for _ in range(n):
        y = y * t
    y[0] = 5.0
    return y.sum() + 3.0 * z.sum()


def source_stored_after_perhaps_no_iteration(x, n, t):
    y = x
    for _ in range(n):
        y = y * t
    x[1] = 5.0
    return y.sum() + 3.0 * x.sum()


def stored_and_bound_anew(x, n, t):
    y = x
    for k in range(n):
        y[0] += 1.0
        y = y * t + k
    return y.sum() + 3.0 * x.sum()


def bound_anew_on_a_condition(x, n, t):
    y, s = x, 0.0
    for k in range(n):
        y[1] += 0.1
        if x[k % 3] > t:
            y = y * 0.5
        s += y.sum()
    y[0] = 4.0
    return s + x.sum() + 3.0 * y.sum()


def swapped_each_time(x, n, t):
    y, z = x, 2.0 * x
    for k in range(n):
        z[k % 3] += t
        y, z = z, y
    y[0] = 7.0
    return y.sum() + 3.0 * z.sum() + 5.0 * x.sum()


def swapped_on_a_condition(x, n, t):
    y, z = 3.0 * x, 2.0 * x
    for k in range(n):
        z[0] *= 1.0 + t
        if x[k % 3] > t:
            y, z = z, y
    z[1] = 7.0
    return y.sum() + 3.0 * z.sum()


def rotation(x, n, t):
    a, b, c = x, 2.0 * x, 3.0 * x
    for k in range(n):
        a, b, c = b, c, a
        a[0] += t
        c = c + b
    b[1] = 2.0
    return a.sum() + 3.0 * b.sum() + 5.0 * c.sum() + 7.0 * x.sum()


def one_array_under_two_names_at_the_end(x, n, t):
    y, z = x * 1.0, x * 2.0
    s = 0.0
    for k in range(n):
        y[0] += 1.0
        s += z[0]
        w = x * t + k
        y, z = w, w
    y[1] = 6.0
    return s + y.sum() + 3.0 * z.sum()


def best_and_current(x, n, t):
    y = x
    best, least = y, 100.0
    for k in range(n):
        y = y + np.cos(k + x) * t
        if np.sum(y * y) < least:
            least, best = np.sum(y * y), y
    y[0] = 3.0
    return best.sum() + 3.0 * y.sum() + 5.0 * x.sum()


def best_is_stored_into_in_the_loop(x, n, t):
    y, best = x * 1.0, x
    for k in range(n):
        best[2] += 0.1
        y = y * (1.0 + 0.1 * np.sin(k))
        if y.sum() > t:
            best = y
    return best.sum() + 3.0 * y.sum() + 5.0 * x.sum()


def previous_and_current(x, n, t):
    before, now = x, x * 1.0
    for k in range(n):
        before, now = now, now * t + before
    before[0] = 4.0
    return before.sum() + 3.0 * now.sum() + 5.0 * x.sum()


def row_of_a_matrix_chosen(x, n, t):
    m = np.outer(np.cos(np.arange(5.0)), x)
    best = m[0]
    for k in range(n):
        if m[k % 5].sum() > best.sum() * t:
            best = m[k % 5]
    best[0] = 9.0
    m[:, 1] *= 2.0
    return best.sum() + 3.0 * m.sum()


def row_stored_in_the_loop(x, n, t):
    m = np.outer(np.cos(np.arange(5.0)), x)
    row = m[0]
    for k in range(n):
        row[1] += t
        row = m[k % 5]
        row[0] *= 0.5
    return row.sum() + 3.0 * m.sum()


def one_of_two_arrays_of_before(x, n, t):
    y, z, s = x * 1.0, x, 0.0
    w = y
    for k in range(n):
        w = z if x[k % 3] > t else y
        w[0] += 1.0
        s += y.sum() * k
    w[1] = 3.0
    return s + y.sum() + 3.0 * z.sum() + 5.0 * w.sum()


def bound_to_itself(x, n, t):
    y = x
    for _ in range(n):
        y = y
        y[0] += t
    y[1] = 2.0
    return x.sum() + 3.0 * y.sum()


def in_nested_loops(x, n, t):
    y = x
    for _ in range(3):
        for _ in range(n):
            y = y * t
        y[0] += 1.0
    y[1] = 3.0
    return x.sum() + 3.0 * y.sum()


def while_it_is_small(x, n, t):
    y = x
    while y.sum() < n:
        y = y + t + 0.1
        y[0] = 0.3
    y[1] = 3.0
    return x.sum() + 3.0 * y.sum()


def last_of_the_temporaries(x, n, t):
    y = x
    for k in range(n + 1):
        old = y
        y = y * t
        new = y
    new[0] = 2.0
    return y.sum() + 3.0 * old.sum()


def attribute_bound_anew(x, n, t):
    class Held:
        pass

    held = Held()
    held.v = x
    for _ in range(n):
        held.v = held.v * t
    held.v[0] = 5.0
    return held.v.sum() + 3.0 * x.sum()


def complex_bound_anew(x, n, t):
    y = z = x * (1.0 + 2j)
    for k in range(n):
        y = y * (t + 0.5j) if x[k % 3] > 0.5 else y
    y[0] = 1j
    return np.abs(y).sum() + 3.0 * np.abs(z).sum()


def asked_after_a_loop(x, n, t):
    y = x
    for k in range(n):
        if x[k % 3] > t:
            y = y * 2.0
    return 7.0 * y.sum() if y is x else y.sum()


BY_LOOPS = [
    stored_after_perhaps_no_iteration, source_stored_after_perhaps_no_iteration,
    stored_and_bound_anew, bound_anew_on_a_condition, swapped_each_time, swapped_on_a_condition,
    rotation, one_array_under_two_names_at_the_end, best_and_current,
    best_is_stored_into_in_the_loop, previous_and_current, row_of_a_matrix_chosen,
    row_stored_in_the_loop, one_of_two_arrays_of_before, bound_to_itself, in_nested_loops,
    while_it_is_small, last_of_the_temporaries, attribute_bound_anew, complex_bound_anew,
    asked_after_a_loop,
]  # fmt: skip


@pytest.mark.native_one_in(3)
@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("f", BY_LOOPS, ids=lambda f: f.__name__)
def test_an_array_that_a_loop_binds_anew_is_one_loop(f, engine) -> None:
    compiled = autodiff.function(f, engine=engine)
    for number, (n, t) in enumerate(((9, 0.5), (0, 0.4), (1, 0.7), (2, 0.3), (6, 0.6))):
        x = np.random.default_rng(number).uniform(0.1, 1.0, 3)
        ours, theirs = x.copy(), x.copy()
        np.testing.assert_allclose(compiled(ours, n, t), f(theirs, n, t), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
        if number < 3:
            slope = autodiff.gradient(f, wrt="x", engine=engine)(x.copy(), n, t)
            steps = 1e-5 * np.eye(3)
            expected = [(f(x + h, n, t) - f(x - h, n, t)) / 2e-5 for h in steps]
            np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-7)
    said = str(compiled.explain(x, 9, 0.5))
    assert not any(w in said for w in ("captured again", "unrolled", "under a guard", "by itself"))


def appended_then_stored_into(x, n):
    y, kept = x * 1.0, []
    for _ in range(n):
        y = y * 2.0
        kept.append(y)
    y[0] = 1.0
    return kept[-1].sum() + 3.0 * y.sum()


def appended_temporary_then_stored_into(x, n):
    kept = []
    for k in range(n):
        y = x * k
        kept.append(y)
    y[0] = 1.0
    return kept[-1].sum() + 3.0 * y.sum()


def appended_and_chosen(x, n):
    y, kept = x, [x]
    for k in range(n):
        if x[k % 3] > 0.5:
            y = y * 2.0
        kept.append(y)
        y[1] += 1.0
    return kept[-1].sum() + y.sum() + x.sum()


@pytest.mark.parametrize(
    "f", [appended_then_stored_into, appended_temporary_then_stored_into, appended_and_chosen]
)
def test_an_item_of_a_list_is_the_array_that_a_loop_bound(f) -> None:
    compiled = autodiff.function(f)
    for n in (7, 9):
        ours, theirs = np.array([0.1, 0.7, 0.3]), np.array([0.1, 0.7, 0.3])
        np.testing.assert_allclose(compiled(ours, n), f(theirs, n), rtol=1e-13)
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
