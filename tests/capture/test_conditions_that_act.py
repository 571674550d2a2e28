"""``while`` loops whose condition draws, prints, stores or counts: once for each time that Python asks it."""

import warnings

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES

LOG = []


def note(value):
    LOG.append(value)
    return value


def draws(x, rng):
    n = 0
    while rng.random() < x and n < 50:
        n += 1
    return x * n, rng.random()


def draws_last(x, rng):
    n = 0
    while n < 50 and note(rng.random()) < x:
        n += 1
    return x * n, rng.random()


def ends_early(x, rng):
    s = 0.0
    while note(rng.random()) < x:
        if rng.random() < 0.2:
            continue
        s += x
        if s > 2.5:
            break
    else:
        s += 100
    return s + rng.random()


def returns(x, rng):
    s = 0.0
    while note(rng.random()) < x:
        s += rng.random() * x
        if s > 1:
            return s * 10
    return s


def of_two_loops(x, rng):
    s = x
    while note(s) < 3.05:
        t = 0.0
        while note(rng.random()) < x:
            t += 0.1
        s += t + x
    return s, s


def drawn_in_the_test(x, rng):
    while (z := rng.normal()) ** 2 > x:
        note(z)
    return z * x, z


def without_a_body(x, rng):
    while not note(rng.normal() ** 2) < x:
        pass
    return x, x


def counts_in_both(x, rng):
    n = 0
    while (n := n + 1) < 50 and x < 100:
        x, n = x * 2, n + 1
    return x, n


def counts_elsewhere(x, rng):
    n = 0

    def goes_on(x):
        nonlocal n
        n += 1
        return x < 100

    while goes_on(x):
        x, n = x * 2, n + 100
    return x, n


def stores(x, rng):
    seen = np.zeros(2)

    def goes_on(x):
        seen[0] += 1
        return x < 100

    while goes_on(x):
        x = x * 2
        seen[1] += seen[0]
    return x, seen


def stores_an_entry(x, rng):
    seen = {"n": 0}

    def goes_on(x):
        seen["n"] += 1
        return x < 100

    while goes_on(x):
        x = x * 2
        seen["n"] += 100
    return x, seen


def takes_out(x, rng):
    items = [0.5, -9.0, 2.0, 7.0, 3.0, 8.0, 9.0]
    while items.pop() > x:
        x = x - 0.1
    return x, items


def takes_on(x, rng):
    items = iter([9.0, 8.0, 3.0, 7.0, -9.0, 2.0])
    while next(items) > 3 * x:
        x = x - 0.1
    return x, list(items)


class Walk:
    def __init__(self, rng):
        self.rng, self.asked = rng, 0

    def __bool__(self):
        self.asked += 1
        return bool(self.rng.random() < 0.6)


def asks_an_object(x, rng):
    walk, s = Walk(rng), x
    while walk:
        s += x
    return s, walk.asked


def moves_itself(x, rng):
    state = [x]

    def goes_on():
        state[0] = state[0] * 0.8 + 0.1 * rng.random()
        return state[0] > 0.3

    n = 0
    while goes_on():
        n += 1
    return state[0], n


def ends_by_a_handler(x, rng):
    while note(rng.random()) > 0:
        try:
            if note(rng.random()) > x:
                raise KeyError
        except KeyError:
            break
    return x, rng.random()


def ends_inside(x, rng):
    n = 0
    while note(n < 20):
        n += 1
        if rng.random() > x:
            break
    return x * n, n


FUNCTIONS = [
    draws, draws_last, ends_early, returns, of_two_loops, drawn_in_the_test, without_a_body, counts_in_both, counts_elsewhere, stores,
    stores_an_entry, takes_out, takes_on, asks_an_object, moves_itself, ends_by_a_handler, ends_inside,
]  # fmt: skip


def first(result):
    return 1.0 * (result[0] if isinstance(result, tuple) else result)


def seen(f, x, rng):
    """The result, what was noted, and where the generator then is."""
    LOG.clear()
    return repr((f(x, rng), LOG, rng.bit_generator.state))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_condition_acts_as_often_as_python_asks_it(f, engine):
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for x in (0.7, 0.2, 0.95):
        for seed in range(3):
            rng = np.random.default_rng
            assert seen(compiled, x, rng(seed)) == seen(f, x, rng(seed))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_so_does_that_of_a_derivative(f, engine):
    slope = autodiff.value_and_gradient(lambda x, rng: first(f(x, rng)), wrt=0, engine=engine)
    for x in (0.7, 0.2, 0.95):
        rng, plain = np.random.default_rng(1), np.random.default_rng(1)
        LOG.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            value, found = slope(x, rng)
        noted = repr(LOG)
        assert (repr(float(value)), noted) == (seen_value(f, x, plain), repr(LOG))
        assert rng.bit_generator.state == plain.bit_generator.state
        moved = [first(f(x + h, np.random.default_rng(1))) for h in (1e-7, -1e-7)]
        assert found == pytest.approx((moved[0] - moved[1]) / 2e-7, rel=1e-5, abs=1e-6)


def seen_value(f, x, rng):
    LOG.clear()
    return repr(float(first(f(x, rng))))


def test_what_prints_prints_once(capsys):
    def f(x):
        def goes_on(x):
            print("at", x)
            return x < 10

        while goes_on(x):
            x = x * 2
        return x

    for call in (autodiff.function(f), autodiff.gradient(f)):
        call(1.0)
        assert capsys.readouterr().out == "".join(f"at {x}\n" for x in (1.0, 2.0, 4.0, 8.0, 16.0))


def test_a_condition_that_only_answers_stays_one():
    def f(x):
        while np.sum(x) < 100:
            x = x * 2
        return x

    text = str(autodiff.function(f).ir(np.ones(3)))
    assert "reduce_sum" in text.split("region 0")[1].split("region 1")[0]
