"""Objects and dicts that loops put into lists: one loop, whatever their number, and the same objects as in plain Python."""

import copy
from dataclasses import dataclass, replace

import numpy as np
import pytest

import autodiff
from autodiff.api import Function
from autodiff.ir.data import walk

from .support import ENGINES, agrees_with_slopes, one_loop_for_any_length

A = 0.7


def _xs(n):
    return np.linspace(0.5, 1.5, n)


class Particle:
    kind = "particle"
    scale = 2.0

    def __init__(self, x, v=0.0):
        self.x = x
        self.v = v

    def push(self, force, dt=0.1):
        self.v += dt * force
        self.x += dt * self.v

    @property
    def energy(self):
        return 0.5 * self.v**2 + self.x

    @property
    def speed(self):
        return abs(self.v)

    @speed.setter
    def speed(self, value):
        self.v = value * np.sign(self.v + 0.5)


@dataclass
class Reading:
    t: float
    y: float = 0.0
    label: str = "a"


@dataclass(frozen=True)
class Pair:
    p: float
    q: float


class Body:
    def __init__(self, at, mass):
        self.at = at
        self.v = np.zeros(2)
        self.mass = mass

    def kinetic(self):
        return 0.5 * self.mass * (self.v @ self.v)


def _bodies(xs):
    return [Body(np.array([x, x * x]), 1 + x) for x in xs]


# -- one loop -------------------------------------------------------------------------------------
def methods(xs, a):
    ps = [Particle(x) for x in xs]
    for _ in range(5):
        for p in ps:
            p.push(a - p.x)
    return sum(p.energy for p in ps)


def setters(xs, a):
    ps = [Particle(x, x - 1) for x in xs]
    for p in ps:
        p.speed = a * p.x
    return sum(p.v * p.scale for p in ps)


def pairs_of_all(xs, a):
    ps = [Particle(x) for x in xs]
    for i in range(len(ps)):
        for j in range(len(ps)):
            if i != j:
                ps[i].v += a / (1 + (ps[i].x - ps[j].x) ** 2)
    for p in ps:
        p.x += 0.1 * p.v
    return sum(p.x * p.v for p in ps)


def another_name(xs, a):
    ps = [Particle(x) for x in xs]
    first = ps[0]
    for p in ps:
        p.v = p.x * a
        first.x += p.v
    return first.x + sum(p.x for p in ps)


def identities(xs, a):
    ps = [Particle(x) for x in xs]
    third, s = ps[2], 0.0
    for p in ps:
        s += p.x * a if p is not third else -p.x
    return s


def the_best(xs, a):
    ps = [Particle(x) for x in xs]
    best = ps[0]
    for p in ps:
        if np.sin(3 * p.x) > np.sin(3 * best.x):
            best = p
    best.x = best.x * a
    return sum(p.x for p in ps) * best.x


def named_after_it_was_put(xs, a):
    ps = []
    for x in xs:
        p = Particle(x)
        ps.append(p)
        p.v = x * a
    return p.v + ps[-1].v + sum(p.v for p in ps)


def in_two_lists(xs, a):
    ps, large = [], []
    for x in xs:
        p = Particle(x)
        ps.append(p)
        if x > 1:
            large.append(p)
    for p in large:
        p.v = a
    return sum(p.v * p.x for p in ps)


def sifted(xs, a):
    ps = [Particle(x) for x in xs]
    for p in [p for p in ps if p.x > 0.8]:
        p.v = a
    return sum(p.v * p.x for p in ps)


def exchanged(xs, a):
    ps = [Particle(x) for x in xs]
    for i in range(len(ps) - 1):
        if ps[i].x < ps[i + 1].x:
            ps[i], ps[i + 1] = ps[i + 1], ps[i]
    ps[0].x *= a
    return sum(k * p.x for k, p in enumerate(ps))


def put_anew(xs, a):
    ps = [Particle(x) for x in xs]
    for i in range(len(ps)):
        ps[i] = Particle(ps[i].x * a, 1.0)
    return sum(p.x * p.v for p in ps)


def slices_and_copies(xs, a):
    ps = [Particle(x) for x in xs]
    same_ones, rest = list(ps), ps[1:]
    for p in rest:
        p.x *= a
    return sum(p.x for p in ps) + 2 * sum(p.x for p in same_ones)


def copied_deeply(xs, a):
    ps = [Particle(x) for x in xs]
    others = copy.deepcopy(ps)
    for p in others:
        p.x *= a
    return sum(p.x for p in ps) + 2 * sum(p.x for p in others)


def history_of_dicts(xs, a):
    rows, s = [], 1.0
    for x in xs:
        s = s * a + x
        rows.append({"s": s, "x": x})
        rows[-1]["x"] += s
    return sum(row["s"] * row["x"] for row in rows)


def frozen_ones(xs, a):
    return sum(r.p * r.q for r in [Pair(x, x * a) for x in xs])


def of_two_types(xs, a):
    ps = [{"n": k, "w": 0.0} for k, x in enumerate(xs)]
    for p, x in zip(ps, xs, strict=True):
        if p["n"] % 2:
            p["w"] = x * a
    return sum(p["n"] * p["w"] for p in ps)


def by_functions(xs, a):
    ps = [Particle(x) for x in xs]
    for p in ps:
        if isinstance(p, Particle):
            setattr(p, "v", getattr(p, "x") * a)  # noqa: B009, B010
    return min(ps, key=lambda p: (p.x - a) ** 2).v


def grown_by_a_while(xs, a):
    ps = [Particle(0.0, xs[0])]
    while ps[-1].x < 3.0:
        ps.append(Particle(ps[-1].x + a, ps[-1].v * 0.9))
    return sum(p.v for p in ps) + len(ps)


def put_by_an_addition(xs, a):
    rows, s = [], 0.0
    for x in xs:
        rows += [{"x": x * a}]
    for row in rows:
        s += row["x"]
    return s


def forces_between_bodies(xs, a):
    bodies = _bodies(xs)
    for _ in range(3):
        for b in bodies:
            force = np.zeros(2)
            for c in bodies:
                if c is not b:
                    d = c.at - b.at
                    force += a * c.mass * d / (d @ d + 0.1)
            b.v += 0.01 * force
        for b in bodies:
            b.at = b.at + 0.01 * b.v
    return sum(b.kinetic() for b in bodies)


def matrices_in_dicts(xs, a):
    states = [{"m": np.array([x, 0.0]), "P": np.eye(2)} for x in xs]
    for _ in range(4):
        for s in states:
            s["m"] = s["m"] * a + 0.1
            s["P"] = s["P"] * a + 0.01 * np.eye(2)
    return sum(s["m"].sum() + np.trace(s["P"]) for s in states)


def before_it_is_replaced(xs, a):
    s = 0.0
    for b in _bodies(xs):
        old = b.at
        b.at = b.at * a
        s += old.sum() + b.at.sum()
    return s


def replaced_under_a_name(xs, a):
    bodies = _bodies(xs)
    for b in bodies:
        new = b.at * a
        b.at = new
        new[0] = 5.0
    return sum(b.at.sum() * b.mass for b in bodies)


def a_part_with_a_name(xs, a):
    bodies = _bodies(xs)
    at = bodies[0].at
    for b in bodies:
        b.at += a
        b.at[0] = b.at[1] * a
        b.v[:] = b.at
    return at.sum() * 2 + sum((b.at * b.v).sum() for b in bodies)


def identities_of_arrays(xs, a):
    bodies, s = _bodies(xs), 0.0
    for b in bodies:
        s += a * (b.at is bodies[2].at) + b.mass * (b.at is b.at)
    return s


def parts_of_one_matrix(xs, a):
    whole = np.outer(xs, np.array([1.0, a]))
    bodies = [Body(whole[i], 1 + i) for i in range(len(xs))]
    for b in bodies:
        b.at = b.at * a
    return whole.sum() + sum(b.at.sum() for b in bodies)


def whole_numbers_as_keys(xs, a):
    rows = []
    for x in xs:
        rows.append({0: x, 1: x * a})
        rows[-1][0] += rows[0][1]
    total = 0.0
    for row in rows:
        for k in (0, 1):
            total += row[k] * (k + 1)
    return total + rows[2][1]


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y

    def __abs__(self):
        return np.sqrt(self.x**2 + self.y**2)

    def dot(self, other):
        return self.x * other.x + self.y * other.y


@dataclass
class State:
    at: Vector
    v: Vector
    t: float = 0.0


def _advanced(s, x, a):
    force = s.at * (-a * x / (s.at.dot(s.at) + 0.1))
    return State(s.at + 0.1 * s.v, s.v + x * force, s.t + 0.1)


def objects_that_hold_objects(xs, a):
    s = State(Vector(1.0, 0.0), Vector(0.0, 1.0))
    history = [s]
    for x in xs:
        s = _advanced(s, x, a)
        history.append(s)
    return sum(h.at.dot(h.v) * h.t + h.at.x for h in history) + abs(history[-1].at)


def held_before_it_is_replaced(xs, a):
    s, history = State(Vector(1.0, 0.0), Vector(0.0, 1.0)), []
    for x in xs:
        history.append(s)
        s = _advanced(s, x, a)
    return sum(h.at.x * h.t for h in history) + s.t * s.v.y


def stores_into_objects_in_objects(xs, a):
    rows = [State(Vector(x, a), Vector(a, x)) for x in xs]
    for k, row in enumerate(rows):
        row.at.x += rows[0].v.x
        rows[k - 1].v = Vector(row.at.y, row.at.x * a)
        row.v = row.at
    rows[1].at.x = a
    return sum(r.at.dot(r.v) for r in rows) + rows[1].v.x


def objects_in_objects_are_themselves(xs, a):
    rows = [State(Vector(x, a), Vector(a, x)) for x in xs]
    third, s = rows[2].at, 0.0
    for row in rows:
        s += row.v.x if row.at is third else row.at.x * a
    return s + (rows[0].at == rows[1].at)


def deep_copies_of_objects_in_objects(xs, a):
    rows = [State(Vector(x, a), Vector(a, x)) for x in xs]
    others = copy.deepcopy(rows)
    for row, other in zip(rows, others, strict=True):
        row.at.x *= a
        other.v.x += row.at.x
    return sum(r.at.x * r.v.x for r in rows) - sum(r.at.x * r.v.x for r in others)


class Simulation:
    def __init__(self, a):
        self.a = a
        self.state = Reading(1.0)
        self.history = []
        self.by_name = {"last": None}

    def step(self, x):
        s = self.state
        self.state = Reading(s.t + 0.1 * s.y, s.y + 0.1 * (x - self.a * s.t))
        self.history.append(self.state)


def states_of_a_simulation(xs, a):
    simulation = Simulation(a)
    for x in xs:
        simulation.step(x)
    simulation.state.y += a
    return sum(s.t * s.y for s in simulation.history)


def replaced_as_dataclasses(xs, a):
    s = Reading(1.0)
    history = [s]
    for x in xs:
        s = replace(s, t=s.t + 0.1 * s.y, y=s.y + 0.1 * (x - a * s.t))
        history.append(s)
    return sum(s.t * s.y for s in history)


def one_object_in_each_pass(xs, a):
    one, ps = Particle(1.0), []
    for x in xs:
        ps.append(one)
        one.x += x * a
    ps[0].x += a
    return sum(p.x for p in ps)


# -- lists that each pass makes anew
def steps_of_all(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(6):
        ps = [Particle(p.x + 0.1 * p.v, p.v - 0.1 * a * p.x) for p in ps]
        ps[0], ps[1] = ps[1], ps[0]
        ps[2] = ps[3]
    ps[2].x += a
    return sum(p.x * k for k, p in enumerate(ps))


def of_the_step_before(xs, a):
    ps, old = [Particle(x, a) for x in xs], [Particle(x, x) for x in xs]
    for _ in range(6):
        new = [Particle(2 * p.x - q.x, p.v * a) for p, q in zip(ps, old, strict=True)]
        old = ps
        ps = new
    return sum(p.x * q.x for p, q in zip(ps, old, strict=True))


def the_best_of_each_generation(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(5):
        best = min(ps, key=lambda p: (p.x - a) ** 2)
        ps = [Particle(p.x + 0.5 * (best.x - p.x), p.v) for p in ps]
    best.x *= a
    return best.x * sum(p.v * p.x for p in ps)


def arrays_of_all(xs, a):
    bodies = [Body(np.array([x, a]), x) for x in xs]
    for _ in range(5):
        bodies = [Body(b.at * a + 0.1 * b.mass, b.mass * 0.9) for b in bodies]
    return sum(b.at @ b.at * b.mass for b in bodies)


def objects_in_all(xs, a):
    rows = [State(Vector(x, a), Vector(a, x)) for x in xs]
    for _ in range(5):
        rows = [State(r.at + 0.1 * r.v, r.v * 0.9, r.t + a) for r in rows]
        rows[0].v.x += a
    return sum(r.at.dot(r.v) * r.t for r in rows)


ONE_LOOP = [
    steps_of_all, of_the_step_before, the_best_of_each_generation, arrays_of_all, objects_in_all,
    objects_that_hold_objects, held_before_it_is_replaced, stores_into_objects_in_objects, objects_in_objects_are_themselves,
    deep_copies_of_objects_in_objects, states_of_a_simulation, replaced_as_dataclasses, one_object_in_each_pass,
    whole_numbers_as_keys, methods, setters, pairs_of_all, another_name, identities, the_best, named_after_it_was_put, in_two_lists, sifted,
    exchanged, put_anew, slices_and_copies, copied_deeply, history_of_dicts, frozen_ones, of_two_types, by_functions,
    grown_by_a_while, put_by_an_addition, forces_between_bodies, matrices_in_dicts, before_it_is_replaced, replaced_under_a_name,
    a_part_with_a_name, identities_of_arrays, parts_of_one_matrix,
]  # fmt: skip


# -- what needs the objects themselves ------------------------------------------------------------
def new_entries(xs, a):
    rows = [{"n": k, "x": x} for k, x in enumerate(xs)]
    for row in rows:
        row["z"] = row["x"] * a
        row.update(n=1.0)
    return sum(row["z"] + row.get("q", a) for row in rows)


def shown(xs, a):
    ps = [Reading(float(x)) for x in xs]
    return a * len(repr(ps[0]))


def other_labels(xs, a):
    rows = []
    for k, x in enumerate(xs):
        rows.append(Reading(x, 0.0, "a" if k % 2 else "b"))
    return sum(r.t * a if r.label == "a" else r.t for r in rows)


def kept_by_another(xs, a):
    class Last:
        particle = None

    last, ps = Last(), []
    for x in xs:
        p = Particle(x)
        ps.append(p)
        last.particle = p
        last.particle.v = a * x
    return sum(p.v for p in ps) + last.particle.v


def one_array_for_all(xs, a):
    shared = np.ones(2)
    bodies = []
    for x in xs:
        bodies.append(Body(shared, x))
    shared[0] = a
    return sum(b.at.sum() * b.mass for b in bodies)


def array_of_another(xs, a):
    bodies = _bodies(xs)
    bodies[0].at = bodies[1].at
    for b in bodies:
        b.v = b.at
        b.at[0] = b.at[0] * a
    return sum(b.at.sum() * b.mass + b.v.sum() for b in bodies)


def parts_stored_into(xs, a):
    whole = np.outer(xs, np.array([1.0, a]))
    bodies = [Body(whole[i], 1 + i) for i in range(len(xs))]
    for b in bodies:
        b.at *= a
    return whole.sum() + sum(b.at.sum() for b in bodies)


def array_after_the_loop(xs, a):
    bodies = _bodies(xs)
    for b in bodies:
        at = b.at
    at[0] = a * 9
    return sum(b.at.sum() for b in bodies)


# -- members of lists that passes make, which others know
def first_of_before(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    first = ps[0]
    for _ in range(4):
        ps = [Particle(p.x + 0.1 * p.v, p.v) for p in ps]
    first.x = a * 3
    return sum(p.x for p in ps) + first.x


def one_that_lasts(xs, a):
    ps, s = [Particle(x, a * x) for x in xs], 0.0
    for _ in range(4):
        ps = [Particle(p.x + 0.1 * p.v, p.v) for p in ps]
        one = ps[1]
        one.x += a
        s += one.x
    one.v = a
    return s + sum(p.x * p.v for p in ps)


def another_list_of_them(xs, a):
    ps = [Particle(x, a * x) for x in xs]
    for _ in range(4):
        ps = [Particle(p.x + 0.1 * p.v, p.v) for p in ps]
        qs = ps[:]
        qs[0].x += a
    qs[2].x = a
    return sum(p.x * p.v for p in ps) + sum(q.x for q in qs)


def a_part_that_lasts(xs, a):
    rows = [State(Vector(x, a), Vector(a, x)) for x in xs]
    keep = rows[0].at
    for _ in range(2):
        rows = [State(Vector(r.at.x * a, r.at.y), r.v) for r in rows]
        rows[0].v.x += keep.x * 0.1
        keep = rows[1].at
        keep.y += a
    return sum(r.at.x * r.v.x for r in rows) + keep.x


def an_array_that_lasts(xs, a):
    bodies = [Body(np.array([x, a]), x) for x in xs]
    at = bodies[0].at
    for _ in range(4):
        at[0] += a
        bodies = [Body(b.at * a + 0.1 * b.mass, b.mass * 0.9) for b in bodies]
        at = bodies[0].at
    at[1] = a * 5
    return sum(b.at @ b.at * b.mass for b in bodies)


NEEDED = [
    first_of_before, one_that_lasts, another_list_of_them, a_part_that_lasts, an_array_that_lasts,
    new_entries, shown, other_labels, kept_by_another, one_array_for_all, array_of_another,
    parts_stored_into, array_after_the_loop,
]  # fmt: skip


@pytest.mark.parametrize("f", [*ONE_LOOP, *NEEDED], ids=lambda f: f.__name__)
def test_values_and_gradients_are_those_of_plain_python(f):
    agrees_with_slopes(f, ENGINES[len(f.__name__) % 2])  # each program on one, so all on either


@pytest.mark.parametrize("f", ONE_LOOP, ids=lambda f: f.__name__)
def test_programs_are_as_long_for_any_number_of_objects(f):
    one_loop_for_any_length(f)


def history_of_lists_made_anew(xs, a):
    ps, history = [Particle(x, a) for x in xs], [Particle(a, a)]
    for _ in xs:
        ps = [Particle(p.x * 0.9, p.v * a) for p in ps]
        history.append(ps[0])
        ps[1] = ps[2]
    return sum(h.x * k + h.v for k, h in enumerate(history)) + sum(p.x * p.v for p in ps)


def beside_those_of_a_loop_before(xs, a):
    c, cur, s = Particle(1.0, a), Particle(1.0, 0.5), 0.0
    history, old = [], [Particle(0.5, a)]
    rows, ps = [State(Particle(a, a), c)], [Particle(x, a) for x in xs]
    ps[0] = c
    for x in xs:
        history.append(cur)
        c = rows[-1].at
        ps[1] = c
        s += c.x * x
        old[-1].v += x
        cur = c
    cur.x += 1.0
    both = sum(p.x * k + p.v for k, p in enumerate(ps)) + sum(h.x for h in history)
    return s + both + c.v + rows[0].at.x + old[0].v


@pytest.mark.parametrize("f", [history_of_lists_made_anew, beside_those_of_a_loop_before])
def test_members_of_another_pool_are_not_taken_for_those_of_one(f):
    value = Function(f, engine="numpy")
    for n in (7, 6, 5):
        np.testing.assert_allclose(value(_xs(n), A), f(_xs(n), A), rtol=1e-12)


# -- results --------------------------------------------------------------------------------------
def all_of_them(xs, a):
    ps = [Particle(x) for x in xs]
    for p in ps:
        p.v = a * p.x
    return ps


def some_twice(xs, a):
    ps = [Particle(x) for x in xs]
    best = ps[0]
    for p in ps:
        if np.sin(5 * p.x) > np.sin(5 * best.x):
            best = p
    best.v = a
    ps[2] = ps[3]
    return ps, best, [best, ps[1]], {"last": ps[-1]}


def rows_as_dicts(xs, a):
    rows = []
    for k, x in enumerate(xs):
        rows.append({"t": k, "label": "z", "w": x * a})
    return rows[::2], rows


def frozen_rows(xs, a):
    return [Pair(x, x * a) for x in xs]


def bodies_as_they_are(xs, a):
    bodies = _bodies(xs)
    for b in bodies:
        b.at *= a
    return bodies, bodies[0].at


def objects_with_objects(xs, a):
    s, one = State(Vector(1.0, 0.0), Vector(a, 1.0)), Vector(a, a)
    history = [s]
    for x in xs:
        s = State(s.at + 0.1 * s.v, one, s.t + x)
        history.append(s)
    history[1].v.x += a
    return history, s, [h.at for h in history[2:4]], one


def history_of_a_simulation(xs, a):
    simulation = Simulation(a)
    for x in xs:
        simulation.step(x)
    return simulation.history, simulation.state


def _graph(x, known):
    """What an object is made of, and which of its parts are one."""
    if isinstance(x, (bool, int, float, str, np.generic)):
        return type(x), round(x, 9) if isinstance(x, (float, np.floating)) else x
    number = known.setdefault(id(x), len(known))
    if isinstance(x, np.ndarray):
        return "array", number, x.dtype.str, x.round(9).tolist()
    if isinstance(x, (list, tuple)):
        return type(x), number, [_graph(part, known) for part in x]
    table = x if isinstance(x, dict) else vars(x)
    return type(x), number, [(name, _graph(part, known)) for name, part in table.items()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [
        all_of_them,
        some_twice,
        rows_as_dicts,
        frozen_rows,
        bodies_as_they_are,
        objects_with_objects,
        history_of_a_simulation,
    ],  # fmt: skip
    ids=lambda f: f.__name__,
)
def test_objects_in_results_are_one_where_they_are_in_plain_python(f, engine):
    value = Function(f, engine=engine)
    for a in (A, 0.9):
        assert _graph(value(_xs(11), a), {}) == _graph(f(_xs(11), a), {})


class _Mass:
    def __init__(self, mass, place):
        self.mass, self.place, self.speed = mass, place, 0.0 * place


def five_masses(x, a):
    masses = [_Mass(1.0 + k, row) for k, row in enumerate(x)]
    for _ in range(3):
        for one in masses:
            for other in masses:
                if one is not other:
                    between = other.place - one.place
                    one.speed = one.speed + a * other.mass * between / (between @ between + 1.0)
        for one in masses:
            one.place = one.place + 0.1 * one.speed
    return sum(one.mass * (one.speed @ one.speed) for one in masses)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_few_objects_that_loops_go_through_in_one_another_are_one_loop(engine):
    x = np.linspace(-1.0, 1.0, 10).reshape(5, 2) ** 3
    value = autodiff.function(five_masses, engine=engine)
    assert value(x, 0.5) == pytest.approx(five_masses(x, 0.5), rel=1e-12)
    slope = autodiff.gradient(five_masses, wrt="a", engine=engine)(x, 0.5)
    step = (five_masses(x, 0.5 + 1e-6) - five_masses(x, 0.5 - 1e-6)) / 2e-6
    assert slope == pytest.approx(step, rel=1e-6)
    (one,) = value.cache
    assert sum(1 for _ in walk(one.captured.program.block)) < 250


class _Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b


def _known_before_lists_are_joined(x, n):
    ones = [_Pair(x[0], x[1]), _Pair(x[2], 1.0), _Pair(1.0, x[0])]
    others = [_Pair(x[0] * 2, x[1]), _Pair(x[2], 2.0), _Pair(2.0, x[0])]
    first, t = ones[0], x[0]
    for i in range(n):
        if i == 1:
            first.a += t
        else:
            ones[i % 3], others[2] = others[(i + 1) % 3], ones[(i + 1) % 3]
    first.a = 9.0
    return [one.a for one in ones], ones[0] is first, others[2] is first


@pytest.mark.parametrize("engine", ENGINES)
def test_name_of_an_item_of_a_list_that_becomes_one_with_another(engine):
    """The items of both lists are members of one pool: the name has the member that it is there."""
    value, x = Function(_known_before_lists_are_joined, engine=engine), np.array([0.7, -0.4, 1.3])
    for n in (3, 0, 1, 2):
        assert value(x, n) == _known_before_lists_are_joined(x, n)
