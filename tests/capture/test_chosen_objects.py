"""Objects that a branch chooses, in and outside of loops: who sees a store, and which object it is.

    z = x if v > 1 else y          z is x or y
    z.t = z.t * a + v              a store into whichever it is, seen under each of their names

    if v > 1:                      a new object, or that of before: carried by what it holds
        s = State(v * a, s.y)

Each program is compared with plain Python, its derivative with a difference; those of ROLLED are one loop.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff.ladder import Rung
from tests.capture.support import ENGINES, kinds, same, uncompiled_allowed


@dataclass(eq=False)
class State:
    t: Any
    y: Any

    def energy(self):
        return self.t * self.y

    def bump(self, v):
        self.t = self.t + v
        return self

    @property
    def total(self):
        return self.t + self.y


class Sim:
    def __init__(self):
        self.state = State(0.0, 1.0)
        self.prev = State(5.0, 6.0)


def both_new(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
        else:
            s = State(v, s.y - v)
    return s.y + s.t


def one_new(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
    return s.y + s.t


def elif_(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1.3:
            s = State(v * a, s.y + v)
        elif v > 0.9:
            s = State(a, s.t)
        elif v < 0.6:
            s = State(a * s.y, s.t)
    return s.y + s.t


def attr_cond(numbers, a):
    o = Sim()
    for v in numbers:
        if v > o.state.t:
            o.state = State(v * a, o.state.y + v)
    return o.state.y + o.state.t


def store_after(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
        s.t = s.t * a + 1
    return s.y + s.t


def alias_old(numbers, a):
    s = State(0.0, 1.0)
    k = s
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
        s.t = s.t * a + 1
    return s.y + s.t + 10 * k.t + (100 if k is s else 0)


def choose(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    for v in numbers:
        z = x if v > 1 else y
        z.t = z.t * a + v
    return x.t + 2 * y.t


def choose_is(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    n = 0.0
    for v in numbers:
        z = x if v > 1 else y
        if z is x:
            n = n + v * a
        if z is not y:
            n = n + 1
        z.y = n
    return x.y + 2 * y.y + n


def choose_methods(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    n = 0.0
    for v in numbers:
        z = x if v > 1 else y
        n = n + z.bump(v * a).energy() + z.total
    return x.t + 2 * y.t + n


def choose_alias_before(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    q = x
    for v in numbers:
        z = x if v > 1 else y
        z.t = z.t * a + v
        q.t = q.t + z.t
    return x.t + 2 * y.t


def choose_nested(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    w = State(5.0, 6.0)
    for v in numbers:
        z = x if v > 1.2 else (y if v > 0.8 else w)
        z.t = z.t * a + v
    return x.t + 2 * y.t + 3 * w.t


def choose_three_if(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    w = State(5.0, 6.0)
    for v in numbers:
        z = x
        if v > 0.8:
            z = y
        if v > 1.2:
            z = w
        z.t = z.t * a + v
    return x.t + 2 * y.t + 3 * w.t


def choose_same(numbers, a):
    x = State(1.0, 2.0)
    y = x
    for v in numbers:
        z = x if v > 1 else y
        z.t = z.t * a + v
    return x.t + 2 * y.t


def choose_after_loop(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x
    for v in numbers:
        z = x if v > 1 else y
        z.t = z.t * a + v
    z.t = z.t * 10
    return x.t + 2 * y.t


def no_loop(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x if a > 0.5 else y
    z.t = a * 7
    w = y if a > 0.2 else x
    w.t = w.t + z.t
    return x.t + 2 * y.t + (50 if z is w else 0)


def isinst(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x if a > 0.5 else y
    return (
        (1.0 if isinstance(z, State) else 2.0) * a
        + (3.0 if type(z) is State else 4.0)
        + (5.0 if z else 6.0)
    )


def in_list(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x if a > 0.5 else y
    l = [z, y]
    l[0].t = a * 5
    return x.t + y.t + len(l) + (100 if z in l else 0) + (200 if x in l else 0)


def getattr_(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x if a > 0.5 else y
    setattr(z, "t", a * 9)  # noqa: B010
    return x.t + 2 * y.t + getattr(z, "y")  # noqa: B009


def passed(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)

    def f(o, v):
        o.t = v * a
        return o

    for v in numbers:
        w = f(x if v > 1 else y, v)
        w.y = w.y + 1
    return x.t + 2 * y.t + x.y * y.y


def two_names_new(numbers, a):
    s = State(0.0, 1.0)
    p = s
    if a > 0.5:
        s = State(a, 2.0)
        p = s
    else:
        s = State(1.0, a)
        p = State(3.0, a)
    p.t = 10.0
    return s.t + p.t


def two_names_new2(numbers, a):
    s = State(0.0, 1.0)
    p = s
    if a > 0.5:
        s = p = State(a, 2.0)
    else:
        s = p = State(1.0, a)
    p.t = 10.0
    return s.t + p.t + (1 if s is p else 0)


def two_names_old(numbers, a):
    s = State(0.0, 1.0)
    p = s
    if a > 0.5:
        s = State(a, 2.0)
    p.t = 10.0 * a
    s.y = 7.0
    return s.t + p.t + s.y + 10 * p.y + (100 if s is p else 0)


def stored_two_places(numbers, a):
    o = Sim()
    q = Sim()
    for v in numbers:
        if v > 1:
            n = State(v * a, v)
            o.state = n
            q.state = n
        o.state.t = o.state.t + 1
    return o.state.t + q.state.t


def prev_kept(numbers, a):
    s = State(0.0, 1.0)
    p = State(0.0, 0.0)
    for v in numbers:
        if v > 1:
            p = s
            s = State(v * a, s.y + v)
    return s.y + 10 * p.y + (100 if p is s else 0)


def prev_kept2(numbers, a):
    s = State(0.0, 1.0)
    p = s
    for v in numbers:
        p = s
        if v > 1:
            s = State(v * a, s.y + v)
    return s.y + 10 * p.y + (100 if p is s else 0)


def breaks(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
        if s.y > 4:
            break
    else:
        s.y = s.y + 100
    return s.y + s.t


def returns(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
        if s.y > 4:
            return s.t * a
    return s.y + s.t


def arrays(numbers, a):
    s = State(np.zeros(2), 1.0)
    for v in numbers:
        if v > 1:
            s = State(s.t + v * a, s.y + v)
        s.t[0] = s.t[0] + 1
    return s.y + s.t.sum()


def arrays_alias(numbers, a):
    x = np.zeros(2)
    s = State(x, 1.0)
    for v in numbers:
        if v > 1:
            s = State(s.t + v * a, s.y + v)
        s.t[0] = s.t[0] + 1
    return s.y + s.t.sum() + 10 * x.sum()


def arrays_kept(numbers, a):
    x = np.zeros(2)
    s = State(x, 1.0)
    for v in numbers:
        if v > 1:
            s = State(x, s.y + v)
        s.t[0] = s.t[0] * a + 1
    return s.y + s.t.sum() + 10 * x.sum()


def nested_objects(numbers, a):
    s = State(State(0.0, 1.0), 1.0)
    for v in numbers:
        if v > 1:
            s = State(State(v * a, s.t.y), s.y + v)
    return s.y + s.t.y + s.t.t


def nested_kept(numbers, a):
    s = State(State(0.0, 1.0), 1.0)
    for v in numbers:
        if v > 1:
            s = State(s.t, s.y + v * a)
        s.t.y = s.t.y + 1
    return s.y + s.t.y + s.t.t


def type_differs(numbers, a):
    s = State(0, 1)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
    return s.y + s.t


def none_part(numbers, a):
    s = State(None, 1.0)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
    return s.y + (s.t if s.t is not None else 0.0)


def different_classes(numbers, a):
    class T(State):
        pass

    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1:
            s = T(v * a, s.y + v)
    return s.y + s.t + (10 if isinstance(s, T) else 0)


def dyn_attr(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        if v > 1:
            s = State(v * a, s.y + v)
            s.extra = v
    return s.y + s.t + (s.extra if hasattr(s, "extra") else 0)


def cyc(numbers, a):
    s = State(0.0, 1.0)
    s.me = s
    if a > 0.5:
        s = State(a, 2.0)
        s.me = s
    s.me.t = 5.0 * a
    return s.t + s.y


def cyc_both(numbers, a):
    if a > 0.5:
        s = State(a, 2.0)
        s.me = s
    else:
        s = State(3.0, a)
        s.me = s
    s.me.t = 5.0 * a
    return s.t + s.y + (10 if s.me is s else 0)


def text(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x if a > 0.5 else y
    return len(str(z)) * 0 + a * z.t


def vars_(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x if a > 0.5 else y
    return sum(vars(z).values()) * a


def handler(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        try:
            s = State(1 / (v - 1), s.y)
        except ZeroDivisionError:
            s = State(s.t, s.y + a)
    return s.t + s.y


def handler2(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        try:
            s = State(1 / (v - 1), s.y + v * a)
        except ZeroDivisionError:
            pass
    return s.t + s.y


def closure(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    z = x if a > 0.5 else y

    def go(v):
        z.t = z.t + v * a

    for v in numbers:
        go(v)
    return x.t + 2 * y.t


def what_was_tested_changes(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    c = a
    z = x if c > 0.5 else y
    c = 0.0
    z.t = 9 * a
    z2 = x if c > 0.5 else y
    z2.t = z2.t + 1
    return x.t + 2 * y.t


def swap_cond(numbers, a):
    s = State(0.0, 1.0)
    p = State(3.0, 4.0)
    for v in numbers:
        if v > 1:
            s, p = p, s
        s = State(s.t + v * a, s.y)
    return s.t + 10 * p.t + s.y


def prev_cond_obj(numbers, a):
    o = Sim()
    for v in numbers:
        if v > 1:
            o.prev = o.state
        o.state = State(o.state.t + 0.1, o.state.y * a + v)
    return o.state.y + 10 * o.prev.y


def store_old_after(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        p = s
        if v > 1:
            s = State(v * a, s.y + v)
        p.t = p.t + 5
    return s.t + s.y


def store_old_attr(numbers, a):
    o = Sim()
    for v in numbers:
        p = o.state
        if v > 1:
            o.state = State(v * a, o.state.y + v)
        p.y = p.y + a
    return o.state.t + o.state.y


def array_in_old_after(numbers, a):
    s = State(np.zeros(2), 1.0)
    for v in numbers:
        p = s.t
        if v > 1:
            s = State(s.t * 1.0 + v * a, s.y + v)
        p[0] = p[0] + 5
    return s.t.sum() + s.y


def array_in_old_kept(numbers, a):
    s = State(np.zeros(2), 1.0)
    for v in numbers:
        p = s.t
        if v > 1:
            s = State(s.t, s.y + v * a)
        p[0] = p[0] + 5 * a
    return s.t.sum() + s.y


def choose_arrays(numbers, a):
    x = State(np.zeros(2), 1.0)
    y = State(np.ones(2), 1.0)
    q = x.t
    for v in numbers:
        z = x if v > 1 else y
        z.t[0] = z.t[0] * a + v
        q[1] = q[1] + z.t[0]
    return x.t.sum() + 10 * y.t.sum()


def choose_rebind_arrays(numbers, a):
    x = State(np.zeros(2), 1.0)
    y = State(np.ones(2), 1.0)
    for v in numbers:
        z = x if v > 1 else y
        z.t = z.t * a + v
        z.t[0] += 1
    return x.t.sum() + 10 * y.t.sum()


def swap_into(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    for v in numbers:
        if v > 1:
            z, w = x, y
        else:
            z, w = y, x
        z.t = z.t * a + v
        w.y = w.y + z.t
    return x.t + 2 * y.t + 3 * x.y + 4 * y.y


def choose_in_function(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)

    def pick(v):
        if v > 1:
            return x
        return y

    for v in numbers:
        pick(v).t += v * a
        pick(v).t *= a
    return x.t + 2 * y.t


def new_in_function(numbers, a):
    def make(s, v):
        if v > 1:
            return State(v * a, s.y)
        return State(s.t, s.y + v)

    s = State(0.0, 1.0)
    for v in numbers:
        s = make(s, v)
    return s.t + 2 * s.y


def same_or_new_in_function(numbers, a):
    def make(s, v):
        if v > 1:
            return State(v * a, s.y + 1)
        return s

    s = State(0.0, 1.0)
    for v in numbers:
        s = make(s, v)
    return s.t + 2 * s.y


def ifexp_new(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        s = State(v * a, s.y + 1) if v > 1 else State(s.t, s.y + v)
    return s.t + 2 * s.y


def ifexp_keep(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        s = State(v * a, s.y + 1) if v > 1 else s
    return s.t + 2 * s.y


def branch_in_branch(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    n = 0.0
    for v in numbers:
        z = x if v > 1 else y
        if v > 0.8:
            z.t = z.t + a
            if z is x:
                z.y = z.y * a
        n = n + z.t
    return x.t + 2 * y.t + 3 * x.y + 4 * y.y + n


def inner_loop(numbers, a):
    x = State(1.0, 2.0)
    y = State(3.0, 4.0)
    for v in numbers:
        z = x if v > 1 else y
        for w in numbers:
            z.t = z.t * 0.5 + w * a
    return x.t + 2 * y.t


def inner_loop_new(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        for w in numbers:
            if w * v > 1:
                s = State(s.t * 0.5 + w * a, s.y + 1)
        if v < 0.7:
            s = State(s.t, s.y * a)
    return s.t + 2 * s.y


def while_(numbers, a):
    s = State(0.0, 1.0)
    k = 0
    while s.y < 8 and k < 50:
        if k % 3 == 0:
            s = State(s.t + a, s.y * 1.1)
        before = s
        k += 1
    return s.t + 2 * before.y


def best(numbers, a):
    b = State(-1.0, 0.0)
    for v in numbers:
        c = State(np.sin(3 * v * a), v)
        if c.t > b.t:
            b = c
    return b.t + b.y


def best_and_store(numbers, a):
    b = State(-1.0, 0.0)
    for v in numbers:
        c = State(np.sin(3 * v * a), v)
        if c.t > b.t:
            b = c
        c.y = c.y + 100
    return b.t + b.y


def best_and_last(numbers, a):
    b = State(-1.0, 0.0)
    c = State(0.0, 0.0)
    for v in numbers:
        c = State(np.sin(3 * v * a), v)
        if c.t > b.t:
            b = c
    c.y = 50.0
    return b.t + b.y


def temp_read_after(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        p = State(v * a, s.y)
        s, q = State(s.t + p.t, p.y * a), s
    return p.t + 2 * q.y + s.t


def temp_same_as_carried(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        p = State(v * a, s.y)
        s = p
    p.t = 100.0
    return s.t + s.y


def temp_mutated_after(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        p = State(v * a, s.y)
        s = State(p.t, s.y * a)
    p.t = 100.0
    return s.t + s.y + p.y


def temp_cyc(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        p = State(v * a, s.y)
        p.me = p
        s = State(p.t, s.y * a)
    return s.t + s.y + p.me.t + (10 if p.me is p else 0)


def two_loops(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        new = State(s.t + v * a, s.y * a)
        s = new
    for v in numbers:
        new = State(s.t * a, s.y + v)
        s = new
    return s.t + s.y


def temp_two_names_after(numbers, a):
    for v in numbers:
        p = State(v * a, a)
        q = p
    q.t = 5.0 * a
    return p.t + (10 if p is q else 0)


def temp_in_list_after(numbers, a):
    for v in numbers:
        p = State(v * a, a)
        q = [p, v]
    q[0].t = 5.0 * a
    return p.t


def nested_loop_temp(numbers, a):
    s = State(0.0, 1.0)
    for v in numbers:
        b = State(-1.0, 0.0)
        for w in numbers:
            c = State(np.sin(3 * v * w * a), w)
            if c.t > b.t:
                b = c
        s = State(s.t + b.t, s.y * b.y * a)
    return s.t + s.y


def min_max(numbers, a):
    lo = State(100.0, 0.0)
    hi = State(-100.0, 0.0)
    for v in numbers:
        c = State(np.sin(3 * v * a), v)
        if c.t < lo.t:
            lo = c
        if c.t > hi.t:
            hi = c
    return lo.t + 2 * hi.t + 3 * lo.y + 4 * hi.y + (10 if lo is hi else 0)


def min_max_store(numbers, a):
    lo = State(100.0, 0.0)
    hi = State(-100.0, 0.0)
    for v in numbers:
        c = State(np.sin(3 * v * a), v)
        if c.t < lo.t:
            lo = c
        if c.t > hi.t:
            hi = c
        lo.y = lo.y + 1
    return lo.t + 2 * hi.t + 3 * lo.y + 4 * hi.y


ROLLED = [
    both_new,
    one_new,
    elif_,
    attr_cond,
    store_after,
    choose,
    choose_is,
    choose_methods,
    choose_alias_before,
    choose_nested,
    choose_three_if,
    choose_same,
    passed,
    breaks,
    returns,
    arrays,
    arrays_alias,
    arrays_kept,
    handler,
    handler2,
    closure,
    swap_cond,
    prev_cond_obj,
    store_old_after,
    store_old_attr,
    array_in_old_after,
    array_in_old_kept,
    choose_arrays,
    choose_rebind_arrays,
    swap_into,
    choose_in_function,
    new_in_function,
    same_or_new_in_function,
    ifexp_new,
    ifexp_keep,
    branch_in_branch,
    inner_loop,
    best,
    best_and_store,
    temp_read_after,
    temp_mutated_after,
    nested_loop_temp,
]
OTHERS = [
    alias_old,
    choose_after_loop,
    no_loop,
    isinst,
    in_list,
    getattr_,
    two_names_new,
    two_names_new2,
    two_names_old,
    stored_two_places,
    prev_kept,
    prev_kept2,
    nested_objects,
    nested_kept,
    type_differs,
    none_part,
    different_classes,
    dyn_attr,
    cyc,
    cyc_both,
    text,
    vars_,
    what_was_tested_changes,
    inner_loop_new,
    while_,
    best_and_last,
    temp_same_as_carried,
    temp_cyc,
    two_loops,
    temp_two_names_after,
    temp_in_list_after,
    min_max,
    min_max_store,
]
UP, DOWN = np.linspace(0.5, 1.5, 9).tolist(), np.linspace(1.5, 0.5, 11).tolist()


ALL = [
    pytest.param(f, marks=[pytest.mark.slow] if k % 3 else [])
    for k, f in enumerate(ROLLED + OTHERS)
]


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_values_are_those_of_plain_python(f, engine) -> None:
    value = autodiff.function(f, engine=engine)
    for numbers, a in ((UP, 0.7), (DOWN, 0.3)):
        same(value(numbers, a), f(numbers, a))


@pytest.mark.slow
@pytest.mark.parametrize("f", ROLLED + OTHERS, ids=lambda f: f.__name__)
def test_derivatives_are_those_of_plain_python(f) -> None:
    slope = autodiff.gradient(f, wrt="a", engine="numpy")
    with uncompiled_allowed():
        for numbers, a in ((UP, 0.7), (DOWN, 0.3)):
            difference = (f(numbers, a + 1e-6) - f(numbers, a - 1e-6)) / 2e-6
            np.testing.assert_allclose(slope(numbers, a), difference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "f", [choose, one_new, best, *(pytest.param(f, marks=pytest.mark.slow) for f in ROLLED)]
)
def test_it_is_one_loop_of_any_length(f) -> None:
    found = []
    for n in (1, 3):
        made = autodiff.function(f, engine="numpy")
        made(UP * n, 0.7)
        found.append(made.cache[-1].captured)
    assert kinds(found[0].program) == kinds(found[1].program)
    assert not any(d.rung in (Rung.UNROLLED, Rung.GUARDED) for d in found[0].decisions)


def test_the_object_that_was_chosen_is_in_the_result() -> None:
    def f(a):
        x, y = State(1.0, 2.0 * a), State(3.0, 4.0)
        return [x if a > 0.5 else y, x, y]

    value = autodiff.function(f)
    for a in (0.7, 0.3):
        chosen, x, y = value(a)
        assert [chosen is x, chosen is y] == [a > 0.5, a <= 0.5]
        same([x.t, x.y, y.t, y.y], [1.0, 2.0 * a, 3.0, 4.0])
