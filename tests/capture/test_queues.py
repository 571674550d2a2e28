"""Deques that loops fill and empty: one loop for any number of items, Python's order, identity and errors."""

from collections import deque

import numpy as np
import pytest

import autodiff

from .support import agrees, agrees_with_slopes, kinds, one_loop_for_any_length


def until_empty(xs, a):
    q, s = deque([xs[0] * a, 4.0]), 0.0
    while q:
        v = q.popleft()
        s += v * v
        if v > 1:
            q.append(v * 0.5)
            q.append(v * a * 0.5)
    return s + len(q)


def tree(xs, a):
    n = len(xs)
    q, seen, s = deque([0]), [False] * n, 0.0
    while len(q) > 0:
        u = q.popleft()
        for v in (2 * u + 1, 2 * u + 2):
            if v < n and not seen[v]:
                seen[v] = True
                q.append(v)
                s += xs[u] * xs[v] * a
    return s


def levels(xs, a):
    q, s = deque([(xs[0], 0)]), 0.0
    while q:
        v, depth = q.popleft()
        s += v * depth
        if depth < 4:
            q.append((v * a, depth + 1))
            q.append((v * 0.5, depth + 2))
    return s


def from_both_ends(xs, a):
    q, s = deque([1.0]), 0.0
    for x in xs:
        if x > 1:
            q.append(x * a)
        else:
            q.appendleft(x)
        if len(q) > 3:
            s += q.popleft() * q.pop() + q[-1]
    return s + sum(q) + max(q) - min(q)


def largest_of_a_window(xs, a):
    q, s, k = deque(), 0.0, 4
    for i in range(len(xs)):
        while q and xs[q[-1]] <= xs[i]:
            q.pop()
        q.append(i)
        if q[0] <= i - k:
            q.popleft()
        if i >= k - 1:
            s += xs[q[0]] * a
    return s


def rising(xs, a):
    q, s = deque(), 0.0
    for x in xs:
        while len(q) > 1 and q[-1] > q[-2]:
            last = q.pop()
            q.pop()
            q.append(last * a)
        q.append(x)
        s += q[0]
    return s


class Station:
    def __init__(self, rate):
        self.queue, self.rate, self.waited = deque(), rate, 0.0

    def step(self, t, x):
        self.queue.append((t, x))
        while self.queue and self.queue[0][1] < self.rate:
            since, load = self.queue.popleft()
            self.waited += (t - since) * load


def of_an_object(xs, a):
    station = Station(a + 0.2)
    for t, x in enumerate(xs):
        station.step(t, x * a)
    return station.waited + len(station.queue)


def other_names(xs, a):
    q = deque()
    r, held = q, [q]
    for x in xs:
        q.append(x * a)
        if x > 1:
            r.popleft()
    return sum(held[0]) + (q is r) + 2 * len(r)


def emptied(xs, a):
    q, s = deque([xs[0]]), 0.0
    for x in xs:
        try:
            s += q.popleft() * a
        except IndexError as error:
            s += len(str(error))
        if x > 1:
            q.append(x)
    q.clear()
    return s + len(q)


def two_types(xs, a):
    q, s = deque([0]), 0.0
    while q:
        s += q.popleft()
        if s < 4:
            q.append(xs[0] * a)
            q.extend([a * xs[2], xs[1]])
    return s


def stored_and_copied(xs, a):
    q = deque([xs[0], xs[1] * a])
    for x in xs:
        q.append(x)
        q[1] = x * a
        if x < 1:
            q.popleft()
    r, t = q.copy(), deque(q)
    t.pop()
    r.append(a * xs[2])
    return len(r) * len(q) + np.sum(q) * np.mean(r) + t[-1]


ALL = [
    until_empty, tree, levels, from_both_ends, largest_of_a_window, rising, of_an_object, other_names, emptied, two_types,
    stored_and_copied,
]  # fmt: skip


@pytest.mark.parametrize("engine", ["numpy", pytest.param("native", marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_values_and_slopes_are_those_of_plain_python(f, engine) -> None:
    agrees_with_slopes(f, engine)


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_it_is_one_loop_for_any_length(f) -> None:
    one_loop_for_any_length(f)
    xs = np.linspace(0.5, 1.5, 12)
    said = autodiff.function(f, engine="numpy").explain(xs, 0.7)
    assert "under a guard" not in said


def test_a_loop_that_few_items_go_through_has_the_engine() -> None:
    made = autodiff.function(largest_of_a_window)
    xs = np.sin(np.arange(300.0))
    assert made(xs, 0.5) == pytest.approx(largest_of_a_window(xs, 0.5), rel=1e-12)
    assert kinds(made.cache[-1].captured.program)["while"] == 1


def given_back(xs, a):
    q = deque()
    for x in xs:
        q.append(x * a)
        if x > 1:
            q.popleft()
    return q, [q], {"q": q}


def test_in_the_result_it_is_one_deque() -> None:
    made = agrees(given_back, (np.linspace(0.5, 1.5, 9), 0.5), (np.linspace(0.2, 2.5, 14), 2.0))
    q, (r,), found = made(np.linspace(0.5, 1.5, 9), 0.5)
    assert q is r is found["q"]
    assert type(q) is deque


KEPT: list[deque] = []


def kept_outside(xs, a):
    q = deque()
    for x in xs:
        q.append(x * a)
        if x > 1:
            q.popleft()
    KEPT.append(q)
    return sum(q)


def turned(xs, a):
    q = deque()
    for x in xs:
        q.append(x * a)
        if x > 1:
            q.rotate(1)
    return q[0] + 2 * q[-1] + len(q)


def compared(xs, a):
    q, r = deque(), deque([a])
    for x in xs:
        q.append(x * a)
        if x > 1:
            q.popleft()
    return (q == r) + (q < r) + (q is r) + len(deque(q, 2)) + len(str(r))


def exchanged(xs, a):
    q, r, s = deque([a]), deque(), 0.0
    for x in xs:
        q, r = r, q
        q.append(x)
        if len(r) > 1:
            s += r.popleft()
    return s + sum(q) * sum(r)


def chosen(xs, a):
    q, r = deque([a]), deque([1.0])
    for x in xs:
        either = q if x > 1 else r
        either.append(x)
        if len(either) > 2:
            either.popleft()
    return sum(q) + 2 * sum(r)


def many(xs, a):
    q, k, s = deque([xs[0]]), 0, 0.0
    while q:  # more than there is room for
        v = q.popleft()
        k += 1
        s += v
        if k < 1200:
            q.append(v * a**0.01)
    return s


@pytest.mark.filterwarnings("ignore:.*runs uncompiled")
@pytest.mark.parametrize(
    "f", [kept_outside, turned, compared, exchanged, chosen, many], ids=lambda f: f.__name__
)
def test_what_needs_pythons_own_deque_has_it(f) -> None:
    xs = np.linspace(0.5, 1.5, 7)
    made = agrees(f, (xs, 0.7), (xs[::-1].copy(), 0.3), (np.linspace(0.2, 2.5, 9), 0.5))
    if f is kept_outside:
        del KEPT[:]
        assert made(xs, 0.7) == f(xs, 0.7)
        assert KEPT[0] == KEPT[1] and KEPT[0] is not KEPT[1]


def of_nothing(xs, a):
    q = deque()
    for x in xs:
        q.append(x)
        if x > 1:
            q.popleft()
            q.popleft()
    return sum(q)


def while_it_is_gone_through(xs, a):
    q, s = deque([1.0]), 0.0
    for x in xs:
        q.append(x)
    for v in q:
        s += v
        if v > a:
            q.pop()
    return s


def beyond(xs, a):
    q = deque()
    for x in xs:
        q.append(x)
        if x > 1:
            q.popleft()
    return q[len(q)]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "f", [of_nothing, while_it_is_gone_through, beyond], ids=lambda f: f.__name__
)
def test_errors_are_those_of_a_deque(f, engine) -> None:
    xs = np.linspace(0.5, 1.5, 8)
    made = autodiff.function(f, engine=engine)
    for values in (xs[::-1].copy(), 1.1 * xs[::-1]):
        with pytest.raises((IndexError, RuntimeError)) as plain:
            f(values, 0.7)
        with pytest.raises(plain.type, match=f"^{plain.value}$"):
            made(values, 0.7)


def of_constants(xs, a):
    q, s = deque(), 0
    for i in range(300):
        q.append(i)
    for _ in range(300):
        s += q.popleft()
    return s * a + len(q)


def test_what_python_can_do_at_once_is_left_to_it() -> None:
    xs = np.ones(3)
    made = agrees(of_constants, (xs, 0.5), (xs, 2.0))
    assert "captured again" not in made.explain(xs, 0.5)
