"""Loops over generators of the user's: the loops of the generator are loops of the program."""

import warnings

import numpy as np
import pytest

import autodiff
from autodiff.api import Function

from .support import ENGINES, same

A = 0.7


def _xs(n):
    return np.linspace(0.5, 1.5, n)


def scaled(xs, a):
    for x in xs:
        yield x * a


def summed(xs, a):
    return sum(scaled(xs, a))


def with_continue(xs, a):
    s = 0.0
    for y in scaled(xs, a):
        if y > 0.9:
            continue
        s = s * a + y
    else:
        s *= 2
    return s


def endless(xs, a):
    def falling():
        s = xs[0] * 2
        while True:
            s = s * 0.9 + a * 0.01
            yield s

    total = 0.0
    for y in falling():
        if y < 0.3:
            break
        total += y
    return total


def one_through_another(xs, a):
    def larger(values):
        for y in values:
            if y > 0.5:
                yield y
                yield y * y

    return sum(larger(scaled(xs, a)))


def yielded_from(xs, a):
    def twice():
        yield from scaled(xs, a)
        yield from scaled(xs, a * a)

    return sum(y * y for y in twice())


def pairs(xs, a):
    def neighbours():
        for k in range(1, len(xs)):
            yield xs[k - 1], xs[k]

    return sum((q - a * p) ** 2 for p, q in neighbours())


def as_lists(xs, a):
    kept = list(scaled(xs, a))
    sifted = [y**2 for y in scaled(xs, a) if y > 0.5]
    return sum(kept) + sum(sifted) + max(scaled(xs, a)) + any(y > 1 for y in scaled(xs, a))


def path_of_arrays(xs, a):
    def path():
        u = np.ones(3)
        for x in xs:
            u *= a
            u[0] += x
            yield u

    s = np.zeros(3)
    for u in path():
        s = s * a + u
        last = u
    return s.sum() + last.sum()


def returned_from(xs, a):
    def until():
        for x in xs:
            if x > 1.2:
                return
            yield x * a

    s = 0.0
    for y in until():
        s += y
    return s


class Doubled:
    def __init__(self, xs):
        self.xs = xs

    def __iter__(self):
        for x in self.xs:
            yield 2 * x


def by_its_class(xs, a):
    s = 0.0
    for y in Doubled(xs):
        s = s * a + y
    return s


def in_turns(xs, a):
    state = [0.0]

    def growing():
        for x in xs:
            state[0] += x
            yield state[0] * a

    s = 0.0
    for y in growing():
        state[0] *= 0.5
        s += y
    return s + state[0]


def steps_of_a_solver(xs, a):
    def steps(y, t, h):
        while t < 1.0:
            y = y + h * (-a * y)
            t = t + h
            h = min(h * 1.1, 1.0 - t) if t < 1.0 else h
            yield t, y

    return sum(y * t for t, y in steps(xs[0], 0.0, 0.05))


ONE_LOOP = [
    summed, with_continue, endless, one_through_another, yielded_from, pairs, as_lists, path_of_arrays,
    returned_from, by_its_class, in_turns, steps_of_a_solver,
]  # fmt: skip


# -- where the generator stands still -------------------------------------------------------------
def held(xs, a):
    values = scaled(xs, a)
    s = next(values)
    for y in values:
        s = s * y + 1
        if s > 2:
            break
    for y in values:
        s += y
    return s


def left_by_a_return(xs, a):
    for y in scaled(xs, a):
        if y > 0.6:
            return y * 3
    return a


def in_a_try(xs, a):
    closed = []

    def tried():
        try:
            for x in xs:
                yield x * a
        finally:
            closed.append(1.0)

    s = 0.0
    for y in tried():
        s += y
        if y > 0.6:
            break
    return s + len(closed)


def answered(xs, a):
    def running():
        total = 0.0
        for x in xs:
            reset = yield x * a + total
            total = 0.0 if reset is None else reset

    return sum(running())


def beside_others(xs, a):
    s = 0.0
    for k, (x, y) in enumerate(zip(xs, scaled(xs, a), strict=True)):
        s += k * x * y
    return s


def raising(xs, a):
    try:
        for y in scaled(xs, a):
            if y > 0.8:
                raise ValueError(f"{y:.3f}")
    except ValueError as error:
        return y * len(str(error))
    return a


@pytest.mark.parametrize(
    "f",
    [*ONE_LOOP, held, left_by_a_return, in_a_try, answered, beside_others, raising],
    ids=lambda f: f.__name__,
)
def test_values_and_gradients_are_those_of_plain_python(f):
    engine = ENGINES[len(f.__name__) % 2]
    value, slope = Function(f, engine=engine), autodiff.gradient(f, wrt=1, engine=engine)
    for xs, a in [(_xs(11), A), (1.1 * _xs(11), A + 0.1)]:
        same(value(xs, a), f(xs, a))
        h = 1e-6
        expected = (f(xs, a + h) - f(xs, a - h)) / (2 * h)
        np.testing.assert_allclose(slope(xs, a), expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("f", ONE_LOOP, ids=lambda f: f.__name__)
def test_programs_are_as_long_for_any_number_of_values(f):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lengths = {str(Function(f, engine="numpy").ir(_xs(n), A)).count("\n") for n in (20, 33)}
    assert len(lengths) == 1


def test_effects_are_in_the_order_of_plain_python(capsys):
    def told(xs):
        for x in xs:
            print("made", x)
            yield x

    def f(xs):
        s = 0.0
        for x in told(xs):
            print("taken", x)
            s += x
        return s

    f(_xs(3))
    expected = capsys.readouterr().out
    Function(f)(_xs(3))
    assert capsys.readouterr().out == expected


def test_a_stop_iteration_of_the_loop_is_not_taken_for_one_of_the_generator():
    def f(xs, a):
        for y in scaled(xs, a):
            if y > 0.5:
                raise StopIteration(2)
        return a

    with pytest.raises(StopIteration):
        Function(f)(_xs(3), A)

    def stopping(xs):
        for x in xs:
            yield x
            raise StopIteration

    with pytest.raises(RuntimeError, match="generator raised StopIteration"):
        Function(lambda xs: sum(stopping(xs)))(_xs(3))
