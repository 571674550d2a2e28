"""Lists and dicts that a branch chose or that are the caller's, and that a loop exchanges: no pass makes copies of them."""

import pytest

import autodiff
from autodiff.api import Function

from .support import ENGINES, uncompiled_allowed


def lists(x, n):
    p, q = [x, 1.0], [2.0, 2.0]
    s = q if p[0] < 1.0 else p
    for _ in range(n):
        p, s = s, p
    s[1] += 10 * x
    return p[1] + q[1] * 100


def dicts(x, n):
    p, q = {"u": x, "v": 1.0}, {"u": 2.0, "v": 2.0}
    s = q if p["u"] < 1.0 else p
    for _ in range(n):
        p, s = s, p
    s["v"] += 10 * x
    return p["v"] + q["v"] * 100


def chosen_of_the_callers(b, c, x, n):
    s = c if b[0] < x else b
    for _ in range(n):
        b, s = s, b
    s[1] += 10 * x
    return b, s, s is b


def stored_in_passes(b, c, x, n):
    p, s, q = b, [0.5, x], [x, 1.0]
    for _ in range(n):
        if x > 1:
            s[1] -= 0.5 * x
        s, q = q, s
        p, s = s, p
    return x


def stored_after_passes(b, c, x, n):
    s = [0.5, x]
    for _ in range(11):
        b, s = s, b
    s[1] = x
    return x


def returned(b, c, x, n):
    p, s = b, [0.5, x]
    for _ in range(n):
        p, s = s, p
    return p, b, p is b


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", [lists, dicts])
def test_stores_after_the_loop_are_seen_under_every_name(f, engine):
    value, slope = Function(f, engine=engine), autodiff.gradient(f, wrt=0, engine=engine)
    with uncompiled_allowed():
        for x, n in ((1.5, 3), (0.4, 2), (0.4, 1), (1.5, 30), (0.4, 31)):
            assert value(x, n) == f(x, n)
            assert abs(slope(x, n) - (f(x + 1e-6, n) - f(x - 1e-6, n)) / 2e-6) < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f", [chosen_of_the_callers, stored_in_passes, stored_after_passes, returned]
)
def test_the_callers_lists_hold_what_passes_store(f, engine):
    value = Function(f, engine=engine)
    for x, n in ((1.5, 0), (1.5, 3), (0.4, 2), (1.5, 12)):
        mine, others = ([[1.87, 0.47], [2.0, 3.0], x, n] for _ in range(2))
        with uncompiled_allowed():
            found = value(*mine)
        assert found == f(*others)
        assert mine == others
