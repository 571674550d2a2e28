"""Objects, lists and dicts that a loop binds anew to a part of an object, and who else holds them.

    for v in numbers:
        sim.state = State(sim.state.t + 0.1, sim.state.y * a + v)

Each program is compared with plain Python, its derivative with a difference; those of ROLLED are one loop.
"""

import numpy as np
import pytest

import autodiff
from autodiff.ladder import Rung
from tests.capture.support import ENGINES, kinds, same


class State:
    def __init__(self, t, y):
        self.t = t
        self.y = y


class Sim:
    def __init__(self):
        self.state = State(0.0, 1.0)
        self.prev = State(5.0, 6.0)
        self.history = []


def with_a_history(numbers, a):
    o = Sim()
    for v in numbers:
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
        o.history.append(o.state.y)
    return o.state.y + sum(o.history)


def alias_before(numbers, a):
    o = Sim()
    st = o.state
    for v in numbers:
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
        o.state.t = o.state.t + 1
    return o.state.y + st.y * 3 + st.t + (10 if st is o.state else 0)


def two_owners(numbers, a):
    o = Sim()
    q = Sim()
    q.state = o.state
    for v in numbers:
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
    q.state.y = 7.0
    return o.state.y + q.state.y


def prev(numbers, a):
    o = Sim()
    for v in numbers:
        o.prev = o.state
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
    return o.state.y + 10 * o.prev.y + (100 if o.prev is o.state else 0)


def prev_cond(numbers, a):
    o = Sim()
    for v in numbers:
        if v > 1:
            o.prev = o.state
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
    return o.state.y + 10 * o.prev.y


def prev_alias(numbers, a):
    o = Sim()
    for v in numbers:
        o.prev = o.state
        o.state.t = o.state.t + v
        o.prev.y = o.prev.y * a
    return o.state.y + 10 * o.prev.t + (100 if o.prev is o.state else 0)


def parent(numbers, a):
    o = Sim()
    o.state.owner = o
    for v in numbers:
        s = State(o.state.t + 0.1, o.state.y * a + v)
        s.owner = o
        o.state = s
    return o.state.owner.state.y


def selfref(numbers, a):
    o = Sim()
    o.state.me = o.state
    for v in numbers:
        s = State(o.state.t + 0.1, o.state.y * a + v)
        s.me = s
        o.state = s
    return o.state.me.y + (5 if o.state.me is o.state else 0)


def held_by_list(numbers, a):
    o = Sim()
    keep = [o.state]
    for v in numbers:
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
    keep[0].y = 3.0
    return o.state.y + keep[0].y


def kept_history_objects(numbers, a):
    o = Sim()
    hist = []
    for v in numbers:
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
        hist.append(o.state)
    o.state.y = 100.0
    return sum(h.y for h in hist)


def nested(numbers, a):
    o = Sim()
    o.state = State(State(0.0, 1.0), a)
    for v in numbers:
        o.state = State(State(o.state.t.y, o.state.t.t + v), o.state.y * a)
    return o.state.t.t + o.state.y


def shared_inner(numbers, a):
    o = Sim()
    i = State(0.0, 1.0)
    o.state = State(i, a)
    for v in numbers:
        o.state = State(i, o.state.y * a + v)
        i.t = i.t + v
    return o.state.t.t + o.state.y


def stored_then_replaced(numbers, a):
    o = Sim()
    for v in numbers:
        o.state.y = o.state.y * a
        o.state = State(o.state.t + 0.1, o.state.y + v)
        o.state.t *= a
    return o.state.y + o.state.t


def mutate_only_half(numbers, a):
    o = Sim()
    for v in numbers:
        o.state.y = o.state.y * a + v
        if v > 1.2:
            o.state = State(v, o.state.y)
    return o.state.y + o.state.t


def returned(numbers, a):
    o = Sim()
    for v in numbers:
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
    pair = {"s": o.state, "t": [o.state]}
    return pair["s"].y + 2 * pair["t"][0].t


def bound_method(numbers, a):
    class M(State):
        def go(s):
            return s.y

    o = Sim()
    o.state = M(0.0, 1.0)
    m = o.state.go
    for v in numbers:
        o.state = M(o.state.t + 0.1, o.state.y * a + v)
    return o.state.y + m()


def array_inside(numbers, a):
    o = Sim()
    x = np.ones(2)
    o.state = State(x, 1.0)
    for v in numbers:
        o.state = State(o.state.t * a + v, o.state.y)
    x[0] = 7
    return o.state.t.sum() + x.sum()


def array_stored_into(numbers, a):
    o = Sim()
    x = np.ones(2)
    o.state = State(x, 1.0)
    for v in numbers:
        o.state.t[0] = o.state.t[0] * a + v
        o.state = State(o.state.t, o.state.y + 1)
    return o.state.t.sum() + x.sum() * o.state.y


def two_that_swap(numbers, a):
    o = Sim()
    for v in numbers:
        o.state, o.prev = o.prev, o.state
        o.state.y = o.state.y * a + v
    return o.state.y + 3 * o.prev.y


def dict_state(numbers, a):
    d = {"s": {"t": 0.0, "y": 1.0}}
    for v in numbers:
        d["s"] = {"t": d["s"]["t"] + 1, "y": d["s"]["y"] * a + v}
    return d["s"]["y"] + d["s"]["t"]


def list_state(numbers, a):
    d = Sim()
    d.state = [0.0, 1.0]
    old = d.state
    for v in numbers:
        d.state = [d.state[1], d.state[0] * a + v]
    old[0] = 5.0
    return d.state[0] + d.state[1] * 3 + old[0]


def list_state_loose(numbers, a):
    d = Sim()
    d.state = [0.0, 1.0]
    for v in numbers:
        d.state = [d.state[1], d.state[0] * a + v]
    return d.state[0] + d.state[1] * 3


def until_large(numbers, a):
    o = Sim()
    for v in numbers:
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
        if o.state.y > 6:
            break
    return o.state.y


def none_first(numbers, a):
    o = Sim()
    o.state = None
    s = 0.0
    for v in numbers:
        if o.state is not None:
            s = s + o.state.y
        o.state = State(v, v * a)
    return s + o.state.y


def attr_of_attr(numbers, a):
    w = Sim()
    w.prev = Sim()
    for v in numbers:
        w.prev.state = State(w.prev.state.t + 1, w.prev.state.y * a + v)
    return w.prev.state.y + w.prev.state.t


def owner_replaced_too(numbers, a):
    o = Sim()
    p = o
    for k, v in enumerate(numbers):
        o.state = State(o.state.t + 1, o.state.y * a + v)
        if k == 3:
            q = Sim()
            q.state = o.state
            o = q
    return o.state.y + p.state.y


def cond_replace(numbers, a):
    o = Sim()
    for v in numbers:
        if v > o.state.t:
            o.state = State(v * a, o.state.y + v)
    return o.state.y + o.state.t


def cond_replace_else(numbers, a):
    o = Sim()
    for v in numbers:
        if v > 1:
            o.state = State(v * a, o.state.y + v)
        else:
            o.state = State(v, o.state.y - v)
    return o.state.y + o.state.t


ROLLED = [
    prev_cond,
    stored_then_replaced,
    mutate_only_half,
    two_that_swap,
    cond_replace,
    cond_replace_else,
    with_a_history,
    prev,
    nested,
    returned,
    array_inside,
    array_stored_into,
    dict_state,
    list_state_loose,
    until_large,
    attr_of_attr,
    none_first,
]
OTHERS = [
    alias_before,
    two_owners,
    prev_alias,
    parent,
    selfref,
    held_by_list,
    kept_history_objects,
    shared_inner,
    bound_method,
    list_state,
    owner_replaced_too,
]
UP, DOWN = list(np.linspace(0.5, 1.5, 9)), list(np.linspace(1.6, 0.4, 12))


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "f",
    [
        pytest.param(f, marks=[pytest.mark.slow] if k % 3 else [])
        for k, f in enumerate(ROLLED + OTHERS)
    ],
    ids=lambda f: f.__name__,
)
def test_values_and_derivatives_are_those_of_plain_python(f, engine) -> None:
    value, slope = (
        autodiff.function(f, engine=engine),
        autodiff.gradient(f, wrt="a", engine=engine),
    )
    for numbers, a in ((UP, 0.7), (DOWN, 1.1)):
        same(value(numbers, a), f(numbers, a))
        difference = (f(numbers, a + 1e-6) - f(numbers, a - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope(numbers, a), difference, rtol=1e-5, atol=1e-6)


def _captured(f, numbers):
    made = autodiff.function(f, engine="numpy")
    made(numbers, 0.7)
    return made.cache[-1].captured


@pytest.mark.parametrize("f", ROLLED, ids=lambda f: f.__name__)
def test_it_is_one_loop_of_any_length(f) -> None:
    short, long = (_captured(f, UP * n) for n in (1, 4))
    assert kinds(short.program) == kinds(long.program)
    assert not any(d.rung is Rung.UNROLLED for d in short.decisions)
