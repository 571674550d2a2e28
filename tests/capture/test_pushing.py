"""Loops over generators of the user's: the loops of the generator are loops of the program."""

import subprocess
import sys

import numpy as np
import pytest

from autodiff.api import Function

from .support import ENGINES, agrees_with_slopes, one_loop_for_any_length

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


# -- functions that Python calls in turn ----------------------------------------------------------
def mapped_with_what_the_body_changes(xs, a):
    k, s = a, 0.0
    for y in map(lambda x: x * k, xs):
        k += 1.0
        s += y
    return s


def kept_by_what_the_body_changes(xs, a):
    last, s = 0.0, 0.0
    for y in filter(lambda x: np.sin(9 * x) > last, xs):
        last = np.sin(9 * y) * a
        s += y * last
    return s


def kept_of_a_generator(xs, a):
    taken = [0]

    def counted():
        for x in xs:
            taken[0] += 1
            yield x

    for y in filter(lambda x: x > 0.6, counted()):
        if y > 0.7:
            break
    return taken[0] * y * a


def backwards_over_what_changes(xs, a):
    values, s = [1.0, 2.0, 3.0], xs[0]
    for v in reversed(values):
        values[0] = a
        s += v * a
    return s


def left_inside_of_a_with(xs, a):
    log = []

    class Noted:
        def __enter__(self):
            log.append(1.0)

        def __exit__(self, *error):
            log.append(2.0)

    def inside():
        with Noted():
            for x in xs:
                yield x * a

    for y in inside():
        if y > 0.5:
            break
    log.append(4.0)
    return y * sum(k * v for k, v in enumerate(log))


IN_TURN = [
    mapped_with_what_the_body_changes, kept_by_what_the_body_changes, kept_of_a_generator,
    backwards_over_what_changes, left_inside_of_a_with,
]  # fmt: skip


@pytest.mark.parametrize(
    "f",
    [*ONE_LOOP, *IN_TURN, held, left_by_a_return, in_a_try, answered, beside_others, raising],
    ids=lambda f: f.__name__,
)
def test_values_and_gradients_are_those_of_plain_python(f):
    agrees_with_slopes(f, ENGINES[len(f.__name__) % 2])  # each program on one, so all on either


@pytest.mark.parametrize("f", ONE_LOOP, ids=lambda f: f.__name__)
def test_programs_are_as_long_for_any_number_of_values(f):
    one_loop_for_any_length(f)


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


def test_a_generator_may_be_the_first_to_meet_a_with() -> None:
    # In a process of its own: what runs such statements is loaded by the first of them, wherever it stands.
    program = (
        "import warnings, numpy as np, autodiff\n"
        "from tests.capture.test_pushing import left_inside_of_a_with as f\n"
        "warnings.simplefilter('error')\n"
        "x = np.linspace(0.5, 1.5, 11)\n"
        "print(autodiff.function(f)(x, 0.7) == f(x, 0.7))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
