"""Objects that the function makes and that its loops and branches change: what Python gives, by rolled loops."""

import copy
import itertools
import operator
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

import autodiff
from autodiff.ir import walk
from tests.capture.support import ENGINES, agrees, program_of

over_engines = pytest.mark.parametrize("engine", ENGINES)


Point = namedtuple("Point", "x y")


class Body:
    def __init__(self, mass, x, v):
        self.mass, self.x, self.v = mass, np.array(x, float), np.array(v, float)

    def kick(self, force, dt):
        self.v = self.v + dt * force / self.mass

    def drift(self, dt):
        self.x += dt * self.v


class Counter:
    total = 0.0

    def __init__(self, start):
        self._value = start
        self.calls = 0

    @property
    def value(self):
        return self._value

    @value.setter
    def value(self, new):
        self.calls += 1
        self._value = new * 1.0


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


@dataclass
class Fit:
    weights: np.ndarray
    step: float = 0.1
    losses: list = field(default_factory=list)

    def update(self, target):
        error = self.weights - target
        self.losses.append(np.sum(error**2))
        self.weights = self.weights - self.step * error
        self.step *= 0.99


def n_body(p, n):
    bodies = [Body(p[k] ** 2 + 1.0, [np.cos(k), k * 1.0], [0.1 * k, 0.0]) for k in range(2)]
    for _ in range(n):
        for a in bodies:
            force = np.zeros(2)
            for b in bodies:
                if a is not b:
                    d = b.x - a.x
                    force = force + b.mass * d / (np.sum(d * d) + 0.1)
            a.kick(force, 0.01)
        for a in bodies:
            a.drift(0.01)
    return bodies[0].x, bodies[1].v


def properties(p, n):
    c = Counter(p[0])
    for k in range(n):
        c.value = c.value * p[1] + k
    return c.value, c.calls


def gradient_descent(p, n):
    fit = Fit(p * 2.0)
    for _ in range(n):
        fit.update(p)
    return fit.weights, fit.step, fit.losses


def entries(p, n):
    state = {"x": p[0], "t": 0.0, "name": "run"}
    for k in range(n):
        state["x"] = state["x"] + 0.1 * np.sin(state["x"])
        state["t"] += 0.1
    return state, list(state)


def in_branches(p, n):
    c, d = Counter(p[0]), {"up": 0, "down": 0.0}
    for k in range(n):
        if np.sin(p[1] * k) > 0:
            c._value = c._value + 1.0
            d["up"] += 1
        else:
            c._value = c._value * 0.5
            d["down"] = d["down"] + p[0]
    return c._value, d


def in_a_branch_alone(p, n):
    c = Counter(p[0])
    if p[1] > 1.0:
        c._value = c._value * n
        c.calls = 5
    return c._value, c.calls


def in_while(p, n):
    c = Counter(p[0] ** 2 + 1.0)
    while c._value < 5.0 + n:
        c._value = c._value * 1.1 + p[1] ** 2
        c.calls += 1
    return c._value, c.calls


def with_break(p, n):
    c = Counter(p[0])
    for k in range(n):
        c._value = c._value + p[1]
        if c._value > 6.0:
            c.calls = k
            break
        c.total = c.total + c._value
    return c._value, c.calls, c.total


def nested_loops(p, n):
    c = Counter(p[0])
    for i in range(n):
        for j in range(i):
            c._value = c._value + np.cos(p[1] * j)
        c.calls += i
    return c._value, c.calls


def objects_in_objects(p, n):
    outer = Counter(0.0)
    outer.inner = Counter(p[0])
    outer.table = {"k": p[1]}
    for k in range(n):
        outer.inner._value = outer.inner._value * outer.table["k"]
        outer.table["k"] = outer.table["k"] * 0.9
        outer.inner.calls += 1
    return outer.inner._value, outer.table["k"], outer.inner.calls, outer.calls


def few_arrays(p, n):
    layers = [p * 1.0, np.outer(p, p), p[:1] * 2.0]
    for _ in range(n):
        for i in range(len(layers)):
            layers[i] = layers[i] - 0.1 * np.sin(layers[i])
        layers[-1] = layers[-1] + layers[0][:1]
    return layers


def mixed_items(p, n):
    state = [0, p[0], True]
    for k in range(n):
        state[0] += k
        state[1] = state[1] * p[1]
        state[2] = not state[2]
    return state


def type_changes_first(p, n):
    c = Counter(0)
    for k in range(n):
        c._value = c._value + p
    return c._value


def made_by_the_loop(p, n):
    c = Counter(p[0])
    for k in range(n + 2):
        c.last = c._value
        c._value = c._value + p[1]
    return c.last, c._value


@dataclass
class State:
    x: float
    v: float
    t: float = 0.0

    def next(self, p, dt=0.1):
        return State(self.x + dt * self.v, self.v - dt * p * np.sin(self.x), self.t + dt)


def bound_anew(p, n):
    s = State(p[0], 0.0)
    for _ in range(n):
        s = s.next(p[1])
    return s.x, s.v, s.t


def dict_bound_anew(p, n):
    s = {"x": p[0], "v": 1.0, "kind": "euler"}
    for k in range(n):
        s = {"x": s["x"] + 0.1 * s["v"], "v": s["v"] - p[1] * 0.1, "kind": s["kind"]}
    return s


def list_bound_anew(p, n):
    ws = [p * 1.0, np.outer(p, p)]
    for _ in range(n):
        ws = [w - 0.1 * np.sin(w) for w in ws]
    return ws


def tuple_bound_anew(p, n):
    s = (p[0], (p[1], [1.0, p * 2.0]))
    for k in range(n):
        a, (b, (c, d)) = s
        s = (a + b * 0.1, (b * 0.9, [c + k, d * a]))
    return s


def the_one_before(p, n):
    s, before = State(p[0], p[1]), None
    for _ in range(n):
        before = s
        s = s.next(p[1])
    return s.x, before.v


def in_while_bound_anew(p, n):
    s = State(p[0], p[1])
    while s.t < 0.1 * n - 0.05:
        s = s.next(1.5)
    return s.x, s.t


def the_best(p, n):
    best = (np.inf, 0)
    for k in range(n):
        loss = (p[0] * k - p[1]) ** 2 + 1.0
        if loss < best[0]:
            best = (loss, k)
    return best


def adam(p, n):
    w, state = p * 1.0, {"m": np.zeros(2), "v": np.zeros(2), "t": 0}
    for _ in range(n):
        g = 2 * (w - 0.3) * p
        state["t"] += 1
        state["m"] = 0.9 * state["m"] + 0.1 * g
        state["v"] = 0.99 * state["v"] + 0.01 * g * g
        scale = np.sqrt(1 - 0.99 ** state["t"]) / (1 - 0.9 ** state["t"])
        w = w - 0.05 * scale * state["m"] / (np.sqrt(state["v"]) + 1e-3)
    return w, state


# Where a copy would show.
def changed_and_bound_anew(p, n):
    first = State(p[0], p[1])
    s = first
    for _ in range(n):
        s.x = s.x + 1.0
        s = State(s.x, s.v)
    return first.x, s.x


def one_object_under_two_names(p, n):
    a, b = State(p[0], p[1]), State(p[1], p[0])
    for k in range(n):
        a = State(a.x + 1.0, b.v)
        b = a
    a.x = 99.0
    return a.x, b.x, b.v


def kept_where_no_iteration_runs(p, n):
    first = State(p[0], p[1])
    s = first
    for _ in range(n - 3):
        s = s.next(p[1])
    s.x = 7.0
    return first.x, s.x, s.v


def part_kept_where_no_iteration_runs(p, n):
    inner = [p[0]]
    s = (inner, p[1])
    for _ in range(n - 3):
        s = ([s[0][0] + 1.0], s[1])
    s[0][0] = 7.0
    return inner, s


def swapped(p, n):
    a, b = State(p[0], 0.0), State(p[1], 1.0)
    for k in range(n):
        a, b = b, a
        a.x = a.x + 1.0
    return a.x, b.x


def lists_swapped(p, n):
    a, b = [p[0], 1.0], [p[1], 2.0]
    for k in range(n):
        a, b = b, a
        a[0] = a[0] * 0.5
    return a, b


def array_of_a_state_stored_into(p, n):
    s = {"u": p.copy(), "t": 0.0}
    u = s["u"]
    for k in range(n):
        s["u"][0] += 1.0
        s = {"u": s["u"], "t": s["t"] + 1.0}
    return s["u"], u


def shared_with_a_tuple_bound_anew(p, n):
    c = Counter(p[0])
    s = (c, 0.0)
    for _ in range(8):
        s = (s[0], s[1] + s[0]._value)
        c._value = c._value * 0.5
    return s[1], c._value, s[0]._value


def shared_and_changed_after_the_loop(p, n):
    c = Counter(p[0])
    s = (c, 0.0)
    for _ in range(8):
        s = (s[0], s[1] + s[0]._value)
    c._value = p[1]
    return s[1], s[0]._value


def shared_through_a_method(p, n):
    d = {"x": p[0]}
    s, change = (d, 0.0), d.update
    for _ in range(8):
        s = (s[0], s[1] + s[0]["x"])
    change(x=p[1])
    return s[1], s[0]["x"]


def of_another_kind(p, n):
    s = (p[0],)
    for k in range(min(n, 6)):
        s = (*s, p[1] * k)
    return s


def two_names(p, n):
    a = Counter(p[0])
    b = a
    for k in range(n):
        a._value = a._value + 1.0
        b._value = b._value * 2.0
    return a._value, b._value, a is b


def shared_by_a_list(p, n):
    c = Counter(p[0])
    every = [c, Counter(p[1]), c]
    for k in range(n):
        for one in every:
            one._value = one._value + k
    return [one._value for one in every]


def an_array_in_two_objects(p, n):
    x = p.copy()
    a, b = Counter(x), {"x": x}
    for k in range(n):
        a._value[0] += 1.0
        b["x"][1] *= 0.5
    return a._value, b["x"], x


def an_array_that_is_rebound_and_stored_into(p, n):
    x = p.copy()
    a = Counter(x)
    for k in range(n):
        a._value[0] = a._value[0] + 1.0
        a._value = a._value * 2.0
    return a._value, x


def handed_from_one_to_the_other(p, n):
    a, b = Counter(p.copy()), Counter(p * 3.0)
    for k in range(n):
        a._value, b._value = b._value, a._value + 1.0
    a._value[0] = 7.0
    return a._value, b._value


def new_keys(p, n):
    table = {}
    for k in range(n):
        table[k % 3] = p[0] * k
    return table


def keys_that_go(p, n):
    table = {"a": p[0], "b": p[1]}
    for k in range(n):
        if "a" in table and k == 2:
            del table["a"]
        table["b"] = table["b"] + 1.0
    return table


def slots(p, n):
    s = Slotted(p[0])
    for k in range(n):
        s.x = s.x + p[1]
    return s.x


def ordered(p, n):
    table = OrderedDict(b=p[0], a=p[1])
    for k in range(n):
        table["a"] = table["a"] + table["b"]
    return dict(table), list(table)


def replaced_objects(p, n):
    c = Counter(p[0])
    for k in range(n):
        new = Counter(c._value + p[1])
        new.calls = c.calls + 1
        c = new
    return c._value, c.calls


def object_kept_in_a_list(p, n):
    seen, c = [], Counter(p[0])
    for k in range(n):
        c._value = c._value + 1.0
        seen.append(c)
    return [s._value for s in seen]


def through_a_function(p, n):
    def bump(c, by):
        c._value += by
        return c

    c = Counter(p[0])
    for k in range(n):
        bump(bump(c, p[1]), k)._value *= 0.9
    return c._value


def in_a_closure(p, n):
    c = Counter(p[0])

    def step(k):
        nonlocal_value = c._value
        c._value = nonlocal_value * 0.5 + p[1] * k

    for k in range(n):
        step(k)
    return c._value


def class_attributes(p, n):
    class Settings:
        scale = 1.0

    s = Settings()
    for k in range(n):
        s.scale = s.scale + p[0]
    return s.scale, Settings.scale


def a_raise_after_changes(p, n):
    c = Counter(p[0])
    try:
        for k in range(n):
            c._value = c._value + p[1]
            if k == 5:
                raise KeyError("stop")
    except KeyError:
        c._value = c._value * 10.0
    return c._value


# Which of two it is.
def which_of_two(p, n):
    a, b, c, d = [p[0]], [p[1]], {"x": p[0]}, {"x": p[1]}
    e, f = (a, c) if p[0] > p[1] else (b, d)
    found = 1.0 if e is a else p[0] * n
    same = operator.is_(e, a), operator.is_not(f, c)
    return found, e is b, f is c, f is not d, [z is e for z in (b, a)], same


def which_array_in_a_loop(p, n):
    a, b = p * 2.0, p * 3.0
    x, y, first, count = a, b, a, [0, 0]
    for _ in range(n):
        if x is a:
            count[0] += 1
        if first is not a:
            count[1] += 1
        x, y = y, x
        first = first + 1.0
    return count, x is b, first, y


def which_in_a_loop(p, n):
    a, b = State(p[0], p[1]), [p[0]]
    c, d, count = a, b, 0
    for _ in range(12):
        if c is a:
            count += 1
        if d is b:
            count += 10
        c, d = State(c.x + 1.0, c.v), [d[0] * n]
    return count, c is a, d, c.x


def two_names_from_one_branch(p, n):
    if p[0] > p[1]:
        a = [p[0] * n]
        b, c = a, {"a": a}
    else:
        a = [p[1]]
        b, c = a, {"a": a}
    a[0] = a[0] + 9.0
    c["a"][0] *= 2.0
    return b[0], b is a, c["a"] is b


def two_names_from_one_of_the_branches(p, n):
    if p[0] > p[1]:
        a = b = [p[0] * n]
    else:
        a, b = [p[1]], [p[0]]
    a[0] = a[0] + 9.0
    return b[0], b is a


# Changes that do not look like stores.
@dataclass(frozen=True)
class Frozen:
    x: float
    y: float = 0.0

    def bump(self, by):
        object.__setattr__(self, "x", self.x + by)


def by_object_setattr(p, n):
    a, b = Frozen(p[0]), Counter(p[1])
    if p[0] > p[1]:
        a.bump(p[1])
    for k in range(n):
        a.bump(p[0] * k)
        object.__setattr__(b, "_value", b._value * 0.9)
    return a.x, b._value


def by_operators(p, n):
    table, items, array, grown = {"x": p[0]}, [p[0], 1.0], p * 2.0, [p[0]]
    if p[0] > p[1]:
        operator.setitem(table, "x", 3.0 * p[1])
        operator.setitem(items, 0, 4.0)
        operator.iadd(grown, [p[1]])
        operator.delitem(grown, 0)
    for k in range(n):
        operator.setitem(table, "x", table["x"] + p[1])
        operator.setitem(array, 0, items[0] + k)
        operator.iadd(array, 1.0)
        operator.iadd(grown, [p[1] * k])
        operator.methodcaller("append", p[0])(grown)
    return table, items, array, grown


def by_methods_of_the_class(p, n):
    items, table, array = [p[0]], {"x": p[0]}, p * 2.0
    if p[0] > p[1]:
        list.append(items, p[1])
        dict.update(table, x=p[1] * 7.0)
        np.ndarray.__setitem__(array, 0, 5.0)
    for k in range(n):
        list.append(items, p[1] * k)
        dict.__setitem__(table, "x", table["x"] * 0.9)
        array.__iadd__(1.0)
    return items, table, array


def iterators_that_go_on(p, n):
    values, counter = iter([p[0], p[1], *range(80)]), itertools.count(1)
    first = p[0] * 0
    if p[0] > p[1]:
        first = first + next(values)
        for a, _ in zip(values, range(2), strict=False):
            first = first + a * 3.0
    for k in range(n):
        first = first + next(counter) * p[0] * k
        first = first + next(map(np.sin, values))
        if p[1] * k > 3.0:
            first = first + next(filter(None, values), 1.0) * p[1] + next(counter)
    return first, next(counter), list(values)[-3:], next(values, -1.0)


def attributes_that_go(p, n):
    c = Counter(p[0])
    c.extra = p[1]
    if p[0] > p[1]:
        delattr(c, "extra")
    for _ in range(n):
        c._value = c._value + 1.0
    return c._value, getattr(c, "extra", -1.0)


def default_entries(p, n):
    groups, sums = defaultdict(list), defaultdict(float)
    if p[0] > p[1]:
        groups["first"].append(p[0])
        sums["first"] += p[1]
    for k in range(n):
        groups[str(k % 2)].append(p[1] * k)
        sums[str(k % 3)] += p[0] * k
    return dict(groups), dict(sums), len(groups)


def updates(p, n):
    state = {"x": p[0], "v": p[1]}
    for _ in range(n):
        state.update(x=state["x"] + 0.1 * state["v"])
        state.update({"v": state["v"] * 0.9})
        state |= {"x": state["x"] * 0.99}
        other = dict(state)
        other["x"] = other["x"] + state.setdefault("v", 0.0)
        state["v"] += other.copy()["x"] * 0.01
    return state


def updates_of_copies(p, n):
    state = {"x": p[0], "v": p[1]}
    for _ in range(n):
        state.update(x=state["x"] + 0.1 * state["v"])
        state = (state | {"v": state["v"] * 0.9}).copy()
        state["v"] += 0.01
    return state


# Copies.
def deep_copies(p, n):
    state = {"a": p[0], "b": [p[1], 1.0], "u": p * 1.0, "t": (n, [p[0]])}
    state["again"] = state["u"]
    fit, before = Fit(p * 2.0), []
    for _ in range(n):
        old, was = copy.deepcopy(state), copy.deepcopy(fit)
        state["a"] = state["a"] + old["b"][0] + old["t"][1][0]
        old["u"][0] = 100.0
        was.weights[1] = 50.0
        state["u"][1] += old["again"][0] * 0.01
        fit.weights = fit.weights * 0.9 + was.weights * 0.01
        before.append(old["a"])
    return state, before, fit.weights


def deep_copies_of_lists(p, n):
    xs, records = [], []
    for k in range(n):
        xs.append(p[0] * k)
        records.append((k, p[1]))
    nested = {"xs": xs, "same": xs, "records": records}
    other = copy.deepcopy(nested)
    other["xs"].append(p[1])
    other["records"].append((9, p[0]))
    return nested, other, copy.copy(records)


def shallow_copies(p, n):
    fit, table = Fit(p * 1.0), {"rows": [p[0]], "x": p[1]}
    for _ in range(n):
        other, entries = copy.copy(fit), copy.copy(table)
        other.losses.append(p[0])
        other.step = 7.0
        entries["x"] = 0.0
        entries["rows"].append(entries["rows"][-1] * 0.5)
        fit.weights = other.weights + fit.step
    return fit.weights, fit.losses, fit.step, table


class Copied:
    def __init__(self, x):
        self.x = x

    def __copy__(self):
        return Copied(self.x + 1.0)

    def __deepcopy__(self, memo):
        return Copied(self.x * 2.0)


def copied_by_the_class(p, n):
    c = Copied(p[0])
    for _ in range(n):
        c.x = copy.copy(c).x * 0.25 + copy.deepcopy({"c": c})["c"].x * 0.25
    return c.x


OUTSIDE = Fit(np.array([1.0, 2.0]), losses=[1.0, 2.0])
SETTINGS = {"rates": [0.1, 0.2], "w": np.array([1.0, 2.0]), "more": {"n": 3}}


def copies_of_what_is_outside(p, n):
    fit, settings, light = copy.deepcopy(OUTSIDE), copy.deepcopy(SETTINGS), copy.copy(OUTSIDE)
    for _ in range(n):
        fit.update(p)
        settings["rates"][0] = settings["rates"][0] * p[0]
        settings["w"][1] = settings["w"][1] + p[1]
        light.step = light.step * p[0]
    return fit.weights, fit.losses, settings, light.step, OUTSIDE.step, OUTSIDE.losses[0]


def namespaces(p, n):
    s = SimpleNamespace(x=p[0], best=None, t=0)
    for k in range(n):
        s.x = np.sin(s.x + p[1] * k)
        if s.best is None or s.x > s.best:
            s.best = s.x
        s.t += 1
    return s.x, s.best or 0.0, s.t


def keywords_that_a_function_takes_out(p, n):
    def scaled(x, **options):
        scale = options.pop("scale", 1.0)
        options["more"] = options.get("more", 0.0) + p[1]
        return x * scale + options["more"]

    x, point = p[0], Point(p[0], p[1])
    for k in range(n):
        x = scaled(x, scale=0.5, more=k)
        point = point._replace(x=point.x + point.y)
    return x, point


FUNCTIONS = [
    n_body, properties, gradient_descent, entries, in_branches, in_a_branch_alone, in_while, with_break, nested_loops,
    objects_in_objects, few_arrays, mixed_items, type_changes_first, made_by_the_loop, two_names, shared_by_a_list,
    an_array_in_two_objects, an_array_that_is_rebound_and_stored_into, handed_from_one_to_the_other, new_keys, keys_that_go,
    slots, ordered, replaced_objects, object_kept_in_a_list, through_a_function, in_a_closure,
    class_attributes, a_raise_after_changes, bound_anew, dict_bound_anew, list_bound_anew, tuple_bound_anew, the_one_before,
    in_while_bound_anew, the_best, adam, changed_and_bound_anew, one_object_under_two_names, kept_where_no_iteration_runs,
    part_kept_where_no_iteration_runs, swapped, lists_swapped, array_of_a_state_stored_into, shared_with_a_tuple_bound_anew, shared_and_changed_after_the_loop, shared_through_a_method, of_another_kind,
    which_of_two, which_array_in_a_loop, which_in_a_loop, two_names_from_one_branch,
    two_names_from_one_of_the_branches, deep_copies, deep_copies_of_lists, shallow_copies, copied_by_the_class,
    copies_of_what_is_outside, namespaces, keywords_that_a_function_takes_out, by_object_setattr, by_operators,
    by_methods_of_the_class, attributes_that_go, default_entries, iterators_that_go_on, updates, updates_of_copies,
]  # fmt: skip
ROLLED = [
    n_body, properties, gradient_descent, entries, in_branches, with_break, nested_loops, objects_in_objects, few_arrays,
    mixed_items, type_changes_first, made_by_the_loop, two_names, an_array_in_two_objects, through_a_function, in_a_closure, class_attributes, bound_anew,
    dict_bound_anew, list_bound_anew, tuple_bound_anew, the_one_before, in_while_bound_anew, the_best, adam,
    namespaces, keywords_that_a_function_takes_out, updates,
]  # fmt: skip
P = np.array([0.7, 1.3])


@pytest.mark.native_one_in(3)
@over_engines
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_results_are_those_of_plain_python(f, engine) -> None:
    agrees(f, (P, 12), (P, 7), (-P, 20), (P, 3), (P[::-1].copy(), 12), engine=engine)


def _sum(result):
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        total = 0.0
        for part in result:
            total = total + _sum(part)
        return total
    return 0.0 if isinstance(result, (str, bool)) else np.sum(result)


@pytest.mark.native_one_in(3)
@over_engines
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_derivatives(f, engine) -> None:
    gradient = autodiff.gradient(lambda p, n: _sum(f(p, n)), wrt="p", engine=engine)
    steps = 1e-6 * np.eye(2)
    for n in (9, 14, 4):
        expected = [(_sum(f(P + d, n)) - _sum(f(P - d, n))) / 2e-6 for d in steps]
        np.testing.assert_allclose(gradient(P, n), expected, rtol=2e-6, atol=1e-5)


@pytest.mark.parametrize("f", ROLLED, ids=lambda f: f.__name__)
def test_the_size_of_the_program_does_not_depend_on_the_length(f) -> None:
    def size(n):
        return sum(1 for _ in walk(program_of(lambda p: f(p, n), P).block))

    assert size(40) == size(400)
