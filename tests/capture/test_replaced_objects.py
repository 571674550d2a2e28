"""Objects in lists that a loop keeps or replaces, or leaves out: one loop, whatever their number and that of the passes."""

import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest

import autodiff
from autodiff.ladder import Rung

from .support import ENGINES, agrees_with_slopes, one_loop_for_any_length

PASSES = 15


class Particle:
    def __init__(self, x, v):
        self.x = x
        self.v = v

    def step(self, dt):
        return Particle(self.x + dt * self.v, self.v - dt * self.x)


class Slotted:
    __slots__ = ("v", "x")

    def __init__(self, x, v):
        self.x, self.v = x, v


@dataclass
class Agent:
    x: float
    v: float
    age: int = 0
    alive: bool = True
    kind: str = "a"


class Pair(NamedTuple):
    x: float
    v: float


def _total(ps):
    return sum(p.x * p.v for p in ps)


# -- kept or replaced
def by_an_expression(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        ps = [p if p.x > 0.9731 else p.step(0.1) for p in ps]
    return _total(ps)


def by_the_other_side(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        ps = [p.step(0.1) if p.x < 0.9731 else p for p in ps]
    return _total(ps)


def by_a_branch(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        out = []
        for p in ps:
            if p.x > 0.9731:
                out.append(p)
            else:
                out.append(Particle(p.x + 0.1 * p.v, p.v))
        ps = out
    return _total(ps)


def by_a_store(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        for i in range(len(ps)):
            if ps[i].x < 0.9731:
                ps[i] = Particle(ps[i].x + 0.1 * a, ps[i].v)
    return _total(ps)


def new_ones_first(xs, a):
    ps = [Agent(x, a * x) for x in xs]
    for _ in range(PASSES):
        new = []
        for p in ps:
            if p.x < 0.9731:
                new.append(Agent(p.x + 0.1 * p.v, p.v, p.age + 1, p.alive, p.kind))
            else:
                new.append(p)
        ps = new
    return sum(p.x * p.v + p.age for p in ps)


class Swarm:
    def __init__(self, xs, a):
        self.ps = [Particle(x, a * x) for x in xs]
        self.t, self.best = 0.0, self.ps[0]

    def advance(self, dt):
        new = []
        for p in self.ps:
            q = p.step(dt)
            if q.x > p.x:
                new.append(q)
            else:
                new.append(p)
            if p.x > self.best.x:
                self.best = p
        self.ps = new
        self.t += dt


def by_a_method(xs, a):
    swarm = Swarm(xs, a)
    for _ in range(PASSES):
        swarm.advance(0.1)
    swarm.best.x += a
    return _total(swarm.ps) + swarm.best.x * swarm.t


def under_a_name(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        new = []
        for p in ps:
            if p.x < 0.9731:
                p = p.step(0.1)
            new.append(p)
        ps = new
    return _total(ps)


def with_slots(xs, a):
    ps = [Slotted(x, a * x) for x in xs]
    for _ in range(PASSES):
        ps = [p if p.x > 0.9731 else Slotted(p.x + 0.1 * p.v, p.v) for p in ps]
    return _total(ps)


def by_dataclasses(xs, a):
    ps = [Agent(x, a * x) for x in xs]
    for _ in range(PASSES):
        ps = [p if p.x > 0.9731 else replace(p, x=p.x + 0.1 * p.v, age=p.age + 1) for p in ps]
    return sum(p.x * p.v + p.age for p in ps)


def by_named_tuples(xs, a):
    ps = [Pair(x, a * x) for x in xs]
    for _ in range(PASSES):
        ps = [p if p.x > 0.9731 else p._replace(x=p.x + 0.1 * p.v) for p in ps]
    return _total(ps)


def by_dicts(xs, a):
    ps = [{"x": x, "v": a * x} for x in xs]
    for _ in range(PASSES):
        ps = [p if p["x"] > 0.9731 else {"x": p["x"] + 0.1 * p["v"], "v": p["v"]} for p in ps]
    return sum(p["x"] * p["v"] for p in ps)


def by_dicts_of_them(xs, a):
    ps = [{"x": x, "v": a * x} for x in xs]
    for _ in range(PASSES):
        ps = [p if p["x"] > 0.9731 else {**p, "x": p["x"] + 0.1 * a} for p in ps]
        ps = [p if p["x"] > 1.2 else dict(p, v=p.get("v", 0.0) * 1.01) for p in ps]
        ps = [p | {"x": p["x"] * 1.01} if "x" in p else p for p in ps]
    return sum(p["x"] * p["v"] for p in ps)


def by_copies(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        new = []
        for p in ps:
            if p.x < 0.9731:
                p = copy.copy(p)
                p.x += 0.1 * a
            new.append(p)
        ps[0].v += 0.01
        ps = new
    ps = [copy.deepcopy(p) for p in ps]
    ps[0].v *= 2.0
    return _total(ps)


class Body:
    def __init__(self, at, mass):
        self.at = at
        self.mass = mass


def with_arrays(xs, a):
    bodies = [Body(np.array([x, x * a]), x) for x in xs]
    for _ in range(PASSES):
        bodies = [b if b.at[0] > 0.9731 else Body(b.at * 1.1, b.mass * a) for b in bodies]
        for b in bodies:
            b.at += 0.01 * b.mass
    return sum(b.at.sum() * b.mass for b in bodies)


def with_arrays_by_a_store(xs, a):
    bodies = [Body(np.array([x, x * a]), x) for x in xs]
    for _ in range(PASSES):
        for i in range(len(bodies)):
            if bodies[i].at[0] < 0.9731:
                bodies[i] = Body(bodies[i].at * 1.1, bodies[i].mass * a)
    return sum(b.at.sum() * b.mass for b in bodies)


# -- identity
def which_are_those_of_before(xs, a):
    ps, n = [Particle(x, a * x) for x in xs], 0.0
    for _ in range(PASSES):
        new = [p if p.x > 0.9731 else p.step(0.1) for p in ps]
        for p, q in zip(ps, new, strict=True):
            if p is not q:
                n += q.x - p.x
        ps = new
    return n


def stored_into_the_kept(xs, a):
    old = ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        ps = [p if p.x > 0.9731 else p.step(0.1) for p in ps]
        ps[0].v *= 1.1
        ps[-1].x += 0.01 * a
    return _total(ps) + sum(p.v for p in old)


def the_best_of_all(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    best = ps[0]
    for _ in range(PASSES):
        ps = [p if p.x > 0.9731 else p.step(0.1) for p in ps]
        for p in ps:
            if p.x * p.v > best.x * best.v:
                best = p
    best.x += 1.0
    return sum(p.x for p in ps) + best.v


# -- left out
def those_that_live(xs, a):
    ps = [Agent(x, a * x) for x in xs]
    for _ in range(PASSES):
        for p in ps:
            p.x += 0.1 * p.v
            p.age += 1
            if p.x > 1.5317:
                p.alive = False
        ps = [p for p in ps if p.alive]
    return sum(p.x * p.v + p.age for p in ps)


def those_that_are_small(xs, a):
    every = ps = [Particle(x, a * x) for x in xs]
    for _ in range(PASSES):
        ps = [p for p in ps if p.x < 1.5317]
        for p in ps:
            p.x += 0.1 * p.v
    return _total(ps) + 0.1 * _total(every)


# -- numbers
def numbers_of_either_side(xs, a):
    ps = list(xs)
    for _ in range(PASSES):
        out = []
        for p in ps:
            if p > 0.9731:
                out.append(p)
            else:
                out.append(p + 0.1 * a)
        ps = out
    return sum(ps)


def numbers_left_out(xs, a):
    ps = list(xs)
    for _ in range(PASSES):
        ps = [p for p in ps if p < 1.5317]
        ps = [p + 0.1 * a for p in ps]
    return sum(ps)


ONE_LOOP = [
    *(by_an_expression, by_the_other_side, by_a_branch, by_a_store, under_a_name, with_slots),
    *(
        new_ones_first,
        by_a_method,
        by_dicts_of_them,
        by_copies,
        with_arrays,
        with_arrays_by_a_store,
    ),
    *(by_dataclasses, by_named_tuples, by_dicts, which_are_those_of_before, stored_into_the_kept),
    *(the_best_of_all, those_that_live, those_that_are_small),
    *(numbers_of_either_side, numbers_left_out),
]


@pytest.mark.parametrize("f", ONE_LOOP, ids=lambda f: f.__name__)
def test_values_and_gradients_are_those_of_plain_python(f):
    agrees_with_slopes(f, ENGINES[len(f.__name__) % 2])


@pytest.mark.parametrize("f", ONE_LOOP, ids=lambda f: f.__name__)
def test_it_is_one_loop_for_any_number_of_objects_and_passes(f, monkeypatch):
    one_loop_for_any_length(f)
    found = []
    for n in (15, 40):
        monkeypatch.setitem(globals(), "PASSES", n)
        compiled = autodiff.function(f, engine="numpy")
        compiled(np.linspace(0.5, 1.5, 20), 0.7)
        captured = compiled.cache[0].captured
        assert not [d for d in captured.decisions if d.rung > Rung.CARRIED]
        found.append(str(captured.program).count("\n"))
    assert len(set(found)) == 1


@dataclass
class Kept:
    x: float
    v: float


def kept_and_replaced(xs, a):
    old = ps = [Kept(x, a) for x in xs]
    for _ in range(PASSES):
        ps = [p if p.x > 0.9731 else Kept(p.x + 0.1, p.v) for p in ps]
    return old, ps, [p for p in ps if p.x > 1.2]


def of_an_argument(ps, a):
    return [p if p.x > 0.9731 else Kept(p.x + a, p.v) for p in ps], ps


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_kept_is_the_object_of_before(engine):
    xs = np.linspace(0.5, 1.5, 11)
    made, expected = (f(xs, 0.7) for f in (autodiff.function(kept_and_replaced), kept_and_replaced))
    for a, b in zip(made, expected, strict=True):
        assert [p.x for p in a] == pytest.approx([p.x for p in b])
    for k, (new, was) in enumerate(zip(expected[1], expected[0], strict=True)):
        assert (made[1][k] is made[0][k]) == (new is was)
    rest = len(made[1]) - len(made[2])
    assert all(p is q for p, q in zip(made[2], made[1][rest:], strict=True))
    ps = [Kept(x, 1.0) for x in xs.tolist()]
    found, back = autodiff.function(of_an_argument, engine=engine)(ps, 0.7)
    assert back is ps
    assert [p is q for p, q in zip(found, ps, strict=True)] == [p.x > 0.9731 for p in ps]


@dataclass(eq=False)
class Place:
    at: float


@dataclass(eq=False)
class Visit:
    place: Place | int
    t: float


def changed_for_all_who_have_it(xs, by_item):
    home = Place(2.0)
    visits = [Visit(3, 0.5)]
    for x in xs:
        visits.append(Visit(1, x))
    for x in xs:
        visits.append(Visit(home, x))
    for _ in range(PASSES):
        visits = [Visit(v.place, 0.9 * v.t) for v in visits]
    if by_item:
        visits[-1].place.at = 7.0
    else:
        home.at = 7.0
    return sum(v.place.at + v.t for v in visits[-3:])


@pytest.mark.parametrize("by_item", [False, True])
def test_objects_that_several_items_have_stay_one_where_passes_make_the_items_anew(by_item):
    xs = [0.1 * k for k in range(5)]
    compiled = autodiff.function(changed_for_all_who_have_it, engine="numpy")
    expected = changed_for_all_who_have_it(xs, by_item)
    assert compiled(xs, by_item) == pytest.approx(expected)
    assert expected > 21


def grown_or_changed(xs, a, grows):
    pairs = [Kept(x, a) for x in xs]
    for x in xs:
        for t in np.linspace(0.1, 0.9, len(xs)):
            pairs = [Kept(p.x + t * p.v, p.v - t * p.x) for p in pairs]
        if grows:
            pairs.append(Kept(2, 0))
        else:
            pairs[0].x = 0.3
    return pairs[0].v


@pytest.mark.filterwarnings("ignore:AD501")  # it is unrolled, as numbers are of two types
@pytest.mark.parametrize("grows", [False, True])
def test_numbers_of_another_type_in_objects_of_lists_of_several_lengths(grows):
    compiled = autodiff.function(grown_or_changed, engine="numpy")
    for n in (5, 3, 2):
        xs = np.linspace(-1.0, 1.0, n)
        assert compiled(xs, 0.5, grows) == pytest.approx(grown_or_changed(xs, 0.5, grows))
