"""A ``yield`` inside of an expression: what stands before it is evaluated before it, once."""

# ruff: noqa: E701, E702

import pytest

import autodiff
from tests.capture.support import ENGINES


def send(g, vs):
    out = [next(g)]
    for v in vs:
        try:
            out.append(g.send(v))
        except StopIteration as e:
            out.append(e.value)
            break
    return out


def sent_or_more(x):
    def gen(x):
        while True:
            x = (yield x) or x + 1

    g = gen(x)
    return next(g) + g.send(2 * x) + g.send(None)


def among_arguments(x):
    def gen(v):
        r = max(v, (yield v), (yield 2 * v)) + (yield 3 * v) * v
        return r

    return send(gen(x), [1.0, 2.0, 3.0])


def after_effects(x):
    log = []

    def p(k):
        log.append(k)
        return k

    def gen():
        r = p(1) + (yield p(2)) * p(3)
        s = [p(4), (yield p(5)), p(6)]
        t = (p(7), *[p(8)], (yield x))
        u = dict(a=p(9), b=(yield p(10)), c=p(11))
        return r, s, t, sorted(u.items())

    return send(gen(), [1.0, 2.0, x, 4.0]), log


class Holder:
    pass


def after_what_changes(x):
    o = Holder()
    o.n = x
    l = [x]

    def gen():
        r = o.n + (yield 1.0)
        s = l[0] + (yield r)
        return r, s

    g = gen()
    next(g)
    o.n = 100.0
    v = g.send(5.0)
    l[0] = 50.0
    try:
        g.send(6.0)
    except StopIteration as e:
        return v, e.value


def in_conditions(x):
    log = []

    def p(k):
        log.append(k)
        return k

    def gen():
        while (v := (yield x)) is not None:
            if (yield v) > 1:
                return 7.0
        p((yield 3.0))
        r = 1.0 if (yield 4.0) else 2.0
        return -(yield 5.0) + r

    return send(gen(), [x, 0.5, None, 1.0, 0.0, 9.0])


def in_comparisons(x):
    def gen():
        y = (yield x) < 5 and x > 0
        z = 2 * x > (yield 2.0)
        return y, z

    return send(gen(), [1.0, 2.0])


FUNCTIONS = [
    sent_or_more,
    among_arguments,
    after_effects,
    after_what_changes,
    in_conditions,
    in_comparisons,
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_operands_around_a_yield_are_evaluated_in_pythons_order(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in (1.5, 0.25):
        assert compiled(x) == f(x)


def test_what_is_sent_into_an_expression_carries_derivatives():
    assert autodiff.gradient(sent_or_more)(1.5) == 1.0 + 2.0 + 2.0
