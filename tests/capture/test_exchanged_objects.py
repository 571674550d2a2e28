"""Objects that loops exchange or choose, each known by its number: one loop of any length, with the values of plain Python.

    if v > 1:                              carry the numbers of p and q, and what each object holds
        p, q = q, p

Objects that the passes make and several names keep have stand-ins that are known by numbers too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.ladder import Rung
from tests.capture.support import ENGINES, captured, kinds, same, uncompiled_allowed


@dataclass(eq=False)
class Point:
    x: Any
    cost: Any

    def move(self, step):
        self.x = self.x * 0.9 + step
        return self.x


@dataclass(eq=False)
class Node:
    value: Any
    left: Any = None
    right: Any = None


class Slotted:
    __slots__ = ("cost", "x")

    def __init__(self, x, cost):
        self.x, self.cost = x, cost


def exchanged(numbers, a):
    p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
    for v in numbers:
        if v > 1:
            p, q = q, p
        p.x = p.x * 0.9 + v
    return p.x + 2 * q.x + q.cost


def exchanged_and_read(numbers, a):
    p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
    total = 0.0
    for v in numbers:
        if v > 1:
            p, q = q, p
        total += p.x * v + q.cost
    return total


def methods(numbers, a):
    p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
    total = 0.0
    for v in numbers:
        if v > 1:
            p, q = q, p
        total += p.move(v) - q.move(a)
    return total


def slotted(numbers, a):
    p, q = Slotted(a, 2.0), Slotted(2.0, 3.0 * a)
    for v in numbers:
        if v > 1:
            p, q = q, p
        p.x = p.x * 0.9 + v
    return p.x + 2 * q.x + q.cost


def lists(numbers, a):
    p, q = [a, 2.0], [2.0, 3.0 * a]
    for v in numbers:
        if v > 1:
            p, q = q, p
        p[0] = p[0] * 0.9 + v
    return p[0] + 2 * q[1]


def dicts(numbers, a):
    p, q = {"x": a, "y": 2.0}, {"x": 2.0, "y": 3.0 * a}
    for v in numbers:
        if v > 1:
            p, q = q, p
        p["x"] = p["x"] * 0.9 + v
    return p["x"] + 2 * q["y"]


def arrays_in_objects(numbers, a):
    p, q = Point(np.ones(3) * a, 2.0), Point(np.arange(3.0) * a, 3.0)
    for v in numbers:
        if v > 1:
            p, q = q, p
        p.x[1] = p.x[1] * 0.9 + v
    return p.x.sum() + 2 * q.x.sum()


def sorted_by_exchanges(numbers, a):
    p, q, r = Point(a, 2.0), Point(2.0, 3.0 * a), Point(5.0, a)
    for v in numbers:
        p.cost = p.cost * v
        if p.cost > q.cost:
            p, q = q, p
        if q.cost > r.cost:
            q, r = r, q
    return p.x + 2 * q.x + 3 * r.x + p.cost


def best_of_several(numbers, a):
    p, q, r = Point(a, 2.0), Point(2.0, 3.0 * a), Point(5.0, a)
    best = p
    for v in numbers:
        q.cost = q.cost * 0.9 + 0.1 * v
        best = q if q.cost < best.cost else best
        r.cost = r.cost * 0.95 + 0.01 * v
        best = r if r.cost < best.cost else best
        best.x = best.x + v
    return best.x + 2 * p.x + 3 * q.x + 4 * r.x


def one_of_three(numbers, a):
    p, q, r = Point(a, 2.0), Point(2.0, 3.0 * a), Point(5.0, a)
    current = p
    for v in numbers:
        current = q if v > 1.2 else (r if v > 0.9 else current)
        current.x = current.x * a + v
    return p.x + 2 * q.x + 3 * r.x + 10 * current.cost


def ring(numbers, a):
    first, second, third = Node(a), Node(2.0 * a), Node(3.0 * a)
    first.left, first.right = second, third
    second.left, second.right = third, first
    third.left, third.right = first, second
    current = first
    for v in numbers:
        current.value = current.value * 0.9 + v
        current = current.left if v > 1 else current.right
    return current.value + 2 * first.value + 3 * second.value + 4 * third.value


def exchanged_attributes(numbers, a):
    both = Node(0.0, Point(a, 2.0), Point(2.0, 3.0 * a))
    for v in numbers:
        if v > 1:
            both.left, both.right = both.right, both.left
        both.left.x = both.left.x * 0.9 + v
    return both.left.x + 2 * both.right.x


def identity(numbers, a):
    p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
    first, total = p, 0.0
    for v in numbers:
        if v > 1:
            p, q = q, p
        total += v * a if p is first else 0.5 * a
        if q is not first and p is not q:
            total += v
    return total + (100 if p is first else 0)


def another_name(numbers, a):
    p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
    first = p
    for v in numbers:
        p, q = q, p
        first.x = first.x + v
        p.cost = p.cost * a
    return p.x + 2 * q.x + 3 * first.cost


def current_and_best(numbers, a):
    current = Point(a, 100.0)
    best = current
    for v in numbers:
        new = Point(v * a + 0.1 * current.x, (v - 1.1) ** 2)
        if v > 0.8:
            current = new
        if current.cost < best.cost:
            best = current
    current.x = current.x + 1
    return best.x + current.x + (10 if best is current else 0)


def one_before(numbers, a):
    now, before = Point(a, 1.0), Point(0.0, 0.0)
    for v in numbers:
        if v > 1:
            before = now
            now = Point(v * a, now.cost + v)
    before.x = before.x + 3
    return now.x + 10 * before.x + (100 if before is now else 0)


def smallest_and_largest(numbers, a):
    low = high = Point(a, 1.0)
    for v in numbers:
        new = Point(v * a, v)
        if new.cost < low.cost:
            low = new
        if new.cost > high.cost:
            high = new
    low.x = low.x * 2
    return low.x + 3 * high.x + (100 if low is high else 0)


def made_and_kept_by_two(numbers, a):
    s = Point(0.0, 1.0)
    first = s
    for v in numbers:
        if v > 1:
            s = Point(v * a, s.cost + v)
        s.x = s.x * a + 1
    return s.cost + s.x + 10 * first.x + (100 if first is s else 0)


def in_a_loop_in_a_loop(numbers, a):
    p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
    for v in numbers:
        for w in numbers:
            if v * w > 1:
                p, q = q, p
            p.x = p.x * 0.9 + w
    return p.x + 2 * q.x


def until(numbers, a):
    p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
    for v in numbers:
        if v > 1:
            p, q = q, p
        p.x = p.x * 0.9 + v
        if p.x > 4:
            break
    return p.x + 2 * q.x


def in_a_list(numbers, a):
    points = [Point(a, 2.0), Point(2.0, 3.0 * a), Point(4.0, a)]
    for v in numbers:
        if v > 1:
            points[0], points[1] = points[1], points[0]
        points[0].x = points[0].x * 0.9 + v
    return points[0].x + 2 * points[1].x


def sorted_in_a_list(numbers, a):
    points = [Point(a, 2.0), Point(2.0, 3.0 * a), Point(4.0, a)]
    for v in numbers:
        points[0].cost = points[0].cost * v
        for i in range(2):
            if points[i].cost > points[i + 1].cost:
                points[i], points[i + 1] = points[i + 1], points[i]
    return points[0].x + 2 * points[1].x + 3 * points[2].x


def in_a_dict(numbers, a):
    points = {"p": Point(a, 2.0), "q": Point(2.0, 3.0 * a)}
    for v in numbers:
        if v > 1:
            points["p"], points["q"] = points["q"], points["p"]
        points["p"].x = points["p"].x * 0.9 + v
    return points["p"].x + 2 * points["q"].x


def best_two_in_a_list(numbers, a):
    best = [Point(a, 5.0), Point(a, 6.0)]
    for v in numbers:
        new = Point(v * a, (v - 1.1) ** 2)
        if new.cost < best[0].cost:
            best[1] = best[0]
            best[0] = new
        elif new.cost < best[1].cost:
            best[1] = new
    return best[0].x + 2 * best[1].x


def in_a_list_and_a_variable(numbers, a):
    points = [Point(a, 2.0), Point(2.0, 3.0 * a)]
    p = points[0]
    for v in numbers:
        points[0], points[1] = points[1], points[0]
        points[0].x = points[0].x + v
        if v > 1:
            p = points[0]
        p.cost = p.cost * a
    return points[0].x + 2 * points[1].x + p.cost + (10 if p is points[0] else 0)


ROLLED = [
    exchanged,
    exchanged_and_read,
    methods,
    slotted,
    lists,
    dicts,
    arrays_in_objects,
    sorted_by_exchanges,
    best_of_several,
    one_of_three,
    ring,
    exchanged_attributes,
    identity,
    another_name,
    current_and_best,
    one_before,
    smallest_and_largest,
    made_and_kept_by_two,
    in_a_loop_in_a_loop,
    until,
    in_a_list,
    in_a_dict,
    best_two_in_a_list,
    in_a_list_and_a_variable,
]
QUICK = {exchanged, best_of_several, ring, current_and_best}
ALL = [pytest.param(f, marks=[] if f in QUICK else [pytest.mark.slow]) for f in ROLLED]


def drawn(length):
    return np.random.default_rng(length).uniform(0.5, 1.5, length)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_values_and_derivatives_are_those_of_plain_python(f, engine) -> None:
    value = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, wrt="a", engine=engine)
    with uncompiled_allowed():
        for length in (0, 1, 5, 9, 13):
            numbers = drawn(length)
            same(value(numbers, 0.7), f(numbers, 0.7))
            difference = (f(numbers, 0.7 + 1e-6) - f(numbers, 0.7 - 1e-6)) / 2e-6
            np.testing.assert_allclose(slope(numbers, 0.7), difference, rtol=1e-5, atol=1e-6)


def test_objects_in_a_list_are_sorted_by_a_loop_in_the_loop() -> None:
    counted = [kinds(captured(sorted_in_a_list, drawn(length), 0.7).program) for length in (11, 40)]
    assert counted[0] == counted[1]
    value = autodiff.function(sorted_in_a_list)
    for length in (9, 13):
        same(value(drawn(length), 0.7), sorted_in_a_list(drawn(length), 0.7))


@pytest.mark.parametrize("f", ROLLED)
def test_it_is_one_loop_with_as_many_operations_for_any_length(f) -> None:
    found = [captured(f, drawn(length), 0.7) for length in (11, 40)]
    assert kinds(found[0].program) == kinds(found[1].program)
    assert not any(d.rung in (Rung.UNROLLED, Rung.GUARDED) for x in found for d in x.decisions)


@pytest.mark.parametrize("length", [4, 8, 16])
def test_operations_of_a_loop_that_is_unrolled_are_linear_in_its_passes(length) -> None:
    def f(numbers, a):
        p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
        for k in range(length):
            if numbers[k] > 1:
                p, q = q, p
            p.x = p.x * 0.9 + numbers[k]
            str(k)  # which Python knows in each pass
        return p.x

    counted = sum(kinds(captured(f, drawn(16), 0.7).program).values())
    assert counted < 40 * length


def test_the_objects_of_the_result_are_those_that_the_loop_chose() -> None:
    def f(numbers, a):
        p, q = Point(a, 2.0), Point(2.0, 3.0 * a)
        first = p
        for v in numbers:
            if v > 1:
                p, q = q, p
            p.x = p.x * 0.9 + v
        return p, q, first

    value = autodiff.function(f)
    for length in (9, 10, 11, 12, 13):
        ours, plain = value(drawn(length), 0.7), f(drawn(length), 0.7)
        assert [ours[2] is x for x in ours] == [plain[2] is x for x in plain]
        assert ours[0] is not ours[1]
        for one, other in zip(ours, plain, strict=True):
            same([one.x, one.cost], [other.x, other.cost])


def test_lists_of_the_result_are_those_that_the_loop_chose() -> None:
    def f(numbers, a):
        p, q = [a, 2.0], [2.0, 3.0 * a]
        first = p
        for v in numbers:
            if v > 1:
                p, q = q, p
            p[0] = p[0] * 0.9 + v
        return {"p": p, "q": q}, first

    value = autodiff.function(f)
    for length in (9, 10, 11, 12):
        (ours, first), (plain, other) = value(drawn(length), 0.7), f(drawn(length), 0.7)
        assert [x is first for x in ours.values()] == [x is other for x in plain.values()]
        same(ours, plain)


def test_the_argument_that_was_chosen_is_the_result() -> None:
    def f(numbers, p, q):
        best = p
        for v in numbers:
            q.x = q.x * v
            best = q if q.x > best.x else best
        return best

    value = autodiff.function(f)
    for start in (1.0, 1.3, 5.0):
        mine, others = ([Point(start, 2.0), Point(3.0, 4.0)] for _ in range(2))
        ours, plain = value(drawn(9), *mine), f(drawn(9), *others)
        assert [ours is x for x in mine] == [plain is x for x in others]
        same([x.x for x in mine], [x.x for x in others])


def test_a_branch_gives_the_argument_itself() -> None:
    def f(a, p, q):
        return p if a > 1 else q

    value, p, q = autodiff.function(f), Point(1.0, 2.0), Point(3.0, 4.0)
    assert value(2.0, p, q) is p
    assert value(0.5, p, q) is q


FIRST, SECOND = Point(1.0, 2.0), Point(3.0, 4.0)


def test_objects_from_outside_are_exchanged_and_chosen(monkeypatch) -> None:
    def read(numbers, a):
        p, q, total = FIRST, SECOND, 0.0
        for v in numbers:
            if v > 1:
                p, q = q, p
            total += p.x * v * a + q.cost
        return total, p

    def store(numbers, a):
        p = FIRST
        for v in numbers:
            p = SECOND if v > 1 else p
            p.x = p.x * 0.5 + v
        return p.x + FIRST.x * a, p

    for f in (read, store):
        value = autodiff.function(f)
        for length in (9, 10, 11):
            found = []
            for g in (f, value):
                FIRST.x, SECOND.x = 1.0 + length, 3.0
                result, chosen = g(drawn(length), 0.7)
                found.append([result, chosen is FIRST, chosen is SECOND, FIRST.x, SECOND.x])
            same(*found)
        assert not any(d.rung is Rung.UNROLLED for d in value.cache[0].captured.decisions)
        with monkeypatch.context() as changed:
            changed.setattr("tests.capture.test_exchanged_objects.SECOND", FIRST)
            found = []
            for g in (f, value):
                FIRST.x = 1.0
                found.append([g(drawn(9), 0.7)[0], FIRST.x])
            same(*found)
