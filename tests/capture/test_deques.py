"""Deques that loops and branches change: carried by their items, as long as their length ends as it began.

Each program is compared with plain Python, its derivative with a difference; those of ROLLED are one loop.
"""

from collections import deque

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, kinds, same


class State:
    def __init__(self, t, y):
        self.t = t
        self.y = y


def maxlen(numbers, a):
    q = deque([1.0, a, a], maxlen=3)
    for v in numbers:
        q.append(q[0] * a + v)
    return sum(q)


def two_names(numbers, a):
    q = deque([1.0, a, a], maxlen=3)
    r = q
    s = 0.0
    for v in numbers:
        q.append(q[0] * a + v)
        s = s + r[-1]
    r[0] = 5.0
    return sum(q) + s + (7 if q is r else 0)


def popleft(numbers, a):
    q = deque([1.0, a, a])
    for v in numbers:
        x = q.popleft()
        q.append(x * a + v)
    return q[0] + 2 * q[1] + 3 * q[2]


def rotate(numbers, a):
    q = deque([1.0, a, 3.0])
    for v in numbers:
        q.rotate(1)
        q[0] = q[0] * a + v
    return q[0] + 2 * q[1] + 3 * q[2]


def appendleft(numbers, a):
    q = deque([1.0, a, 3.0], maxlen=3)
    for v in numbers:
        q.appendleft(v * a + q[-1])
    return q[0] + 2 * q[1] + 3 * q[2]


def on_a_condition(numbers, a):
    q = deque([1.0, a, 3.0], maxlen=3)
    for v in numbers:
        if v > 1:
            q.append(v * a + q[0])
    return q[0] + 2 * q[1] + 3 * q[2]


def cond_grow(numbers, a):
    q = deque([1.0, a, 3.0])
    for v in numbers:
        if v > 1:
            q.append(v * a + q[0])
    return q[0] + 2 * q[1] + 3 * q[2] + len(q)


def cond_shrink(numbers, a):
    q = deque([1.0 * k * a for k in range(20)])
    for v in numbers:
        if v > 1:
            q.pop()
    return q[0] + 2 * q[1] + 3 * q[-1] + len(q)


def grow(numbers, a):
    q = deque()
    for v in numbers:
        q.append(v * a)
    return sum(q)


def fill(numbers, a):
    q = deque(maxlen=3)
    for v in numbers:
        q.append(v * a)
    return sum(q) + len(q)


def objects(numbers, a):
    q = deque([State(1.0, 2.0), State(a, 3.0)], maxlen=2)
    for v in numbers:
        q.append(State(q[0].t * a + v, q[1].y))
    return q[0].t + 2 * q[1].t + q[0].y


def objects_stored(numbers, a):
    q = deque([State(1.0, 2.0), State(a, 3.0)], maxlen=2)
    for v in numbers:
        q.append(State(q[0].t * a + v, q[1].y))
        q[0].t = q[0].t + 1
        q[1].y = q[1].y + q[0].t
    return q[0].t + 2 * q[1].t + q[0].y


def objects_kept(numbers, a):
    s = State(1.0, 2.0)
    q = deque([s, State(a, 3.0)], maxlen=2)
    for v in numbers:
        q.append(State(q[0].t * a + v, q[1].y))
        q[0].t = q[0].t + 1
    return q[0].t + 2 * q[1].t + q[0].y + 5 * s.t


def objects_twice(numbers, a):
    q = deque([State(1.0, 2.0), State(a, 3.0)], maxlen=2)
    for v in numbers:
        n = State(v * a, q[0].t)
        q.append(n)
        q.append(n)
        q[0].t = q[0].t + 1
    return q[0].t + 2 * q[1].t + (3 if q[0] is q[1] else 0)


def arrays(numbers, a):
    q = deque([np.ones(2), np.ones(2) * a], maxlen=2)
    for v in numbers:
        q.append(q[0] * a + v)
        q[0][0] = q[0][0] + 1
    return q[0].sum() + 2 * q[1].sum()


def arrays_that_rotate(numbers, a):
    x = np.ones(2)
    y = np.ones(2) * a
    q = deque([x, y])
    for v in numbers:
        q.rotate(1)
        q[0][0] = q[0][0] * a + v
    return x.sum() + 2 * y.sum() + 3 * q[0].sum()


def iterated(numbers, a):
    q = deque([1.0, a, a], maxlen=3)
    s = 0.0
    for v in numbers:
        for x in q:
            s = s + x * a
        q.append(s * 0.1 + v)
    return s


def breaks(numbers, a):
    q = deque([1.0, a, a], maxlen=3)
    for v in numbers:
        q.append(q[0] * a + v)
        if q[-1] > 2.5:
            break
    return q[0] + 2 * q[1] + 3 * q[2]


def in_a_function(numbers, a):
    q = deque([1.0, a, a], maxlen=3)

    def push(x):
        q.append(x)
        return q[0]

    s = 0.0
    for v in numbers:
        s = s + push(v * a + q[1])
    return s + sum(q)


def in_an_attribute(numbers, a):
    o = State(deque([1.0, a], maxlen=2), 0.0)
    for v in numbers:
        o.t.append(o.t[0] * a + v)
        o.y = o.y + o.t[1]
    return sum(o.t) + o.y


def changed_before_it_raises(numbers, a):
    q = deque([1.0, a, a])
    s = 0.0

    def go(v):
        q.popleft()
        if v > 1:
            raise ValueError
        q.append(v * a)

    for v in numbers:
        try:
            go(v)
        except ValueError:
            q.append(7.0 * a)
        s = s + q[0]
    return s + sum(q)


def shorter_before_it_raises(numbers, a):
    q = deque([1.0 * k for k in range(30)])
    s = 0.0

    def go(v):
        q.popleft()
        if v > 1:
            raise ValueError

    for v in numbers[:5] + [0.2, 0.3]:
        try:
            go(v)
        except ValueError:
            s = s + a
    return s + sum(q) * a + len(q)


def iterator_kept(numbers, a):
    q = deque([1.0, a, a], maxlen=3)
    it = iter(q)
    assert it is not None
    for v in numbers:
        q.append(v * a)
    return sum(q)


def first_of_other_types(numbers, a):
    q = deque([0, 0], maxlen=2)
    for v in numbers:
        q.append(v * a)
    return sum(q)


def chosen(numbers, a):
    x = deque([1.0, a], maxlen=2)
    y = deque([2.0, a], maxlen=2)
    for v in numbers:
        z = x if v > 1 else y
        z.append(v * a)
    return x[0] + 2 * y[1]


def copied(numbers, a):
    q = deque([1.0, a], maxlen=2)
    h = 0.0
    for v in numbers:
        r = q.copy()
        q.append(v * a)
        h = h + r[0]
        r.append(3.0)
    return sum(q) + h


def moving_average(numbers, a):
    q = deque(maxlen=4)
    out = []
    for v in numbers:
        q.append(v * a)
        out.append(sum(q) / len(q))
    return sum(k * o for k, o in enumerate(out))


def in_order_of_need(numbers, a):
    n = len(numbers)
    waits = [0] * n
    for i in range(n):
        for j in (i + 1, i + 4):
            if j < n:
                waits[j] += 1
    ready = deque(i for i in range(n) if waits[i] == 0)
    value = [0.0] * n
    while ready:
        i = ready.popleft()
        value[i] += numbers[i]
        for j in (i + 1, i + 4):
            if j < n:
                value[j] += a * value[i]
                waits[j] -= 1
                if waits[j] == 0:
                    ready.append(j)
    return value[n - 1]


def returned(numbers, a):
    q = deque([1.0, a], maxlen=2)
    for v in numbers:
        q.append(v * a)
    return float(q[0])


def given_to_functions(numbers, a):
    q, s = deque([0.0] * 4, maxlen=4), 0.0
    for v in numbers:
        q.append(a * v)
        s += max(q) - min(q) + np.mean(q) + np.std(list(q)) + sorted(q)[1]
    return s


def extremes_once_it_is_full(numbers, a):
    q, s = deque(maxlen=2), 0.0
    for v in numbers:
        q.append(a * v * v)
        if len(q) == 2:
            s += max(q) * 2 - min(q)
    return s


ROLLED = [
    given_to_functions,
    maxlen,
    two_names,
    popleft,
    rotate,
    appendleft,
    on_a_condition,
    objects,
    objects_stored,
    arrays,
    arrays_that_rotate,
    iterated,
    breaks,
    in_a_function,
    in_an_attribute,
    changed_before_it_raises,
    iterator_kept,
    first_of_other_types,
    returned,
]
OTHERS = [
    extremes_once_it_is_full,
    cond_grow,
    cond_shrink,
    grow,
    fill,
    objects_kept,
    objects_twice,
    shorter_before_it_raises,
    chosen,
    copied,
    moving_average,
    in_order_of_need,
]
UP, DOWN = np.linspace(0.5, 1.5, 9).tolist(), np.linspace(1.5, 0.5, 11).tolist()
ALL = [
    pytest.param(f, marks=[pytest.mark.slow] if k % 3 else [])
    for k, f in enumerate(ROLLED + OTHERS)
]


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)])
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_values_and_derivatives_are_those_of_plain_python(f, engine) -> None:
    value = autodiff.function(f, engine=engine)
    slope = autodiff.gradient(f, wrt="a", engine=engine)
    for numbers, a in ((UP, 0.7), (DOWN, 0.3)):
        same(value(numbers, a), f(numbers, a))
        difference = (f(numbers, a + 1e-6) - f(numbers, a - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope(numbers, a), difference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "f", [maxlen, on_a_condition, *(pytest.param(f, marks=pytest.mark.slow) for f in ROLLED)]
)
def test_it_is_one_loop_of_any_length(f) -> None:
    found = []
    for n in (1, 3):
        made = autodiff.function(f, engine="numpy")
        made(UP * n, 0.7)
        found.append(made.cache[-1].captured.program)
    assert kinds(found[0]) == kinds(found[1])


# -- a deque beside what is NumPy's ------------------------------------------------------------------
BESIDE_NUMPY = {
    "a == x": lambda a, x: deque(a) == x,
    "x == a": lambda a, x: x == deque(a),
    "x != a": lambda a, x: x != deque(a),
    "of deques": lambda a, x: deque([deque(a)]) == x,
    "an array": lambda a, x: deque(a) == np.array([x, x]),
    "a range": lambda a, x: (x == range(3), range(2) == x, x * range(3)),
    "arithmetic": lambda a, x: (x - deque(a), deque(a) / x, np.float64(3) ** deque(a)),
    "repeated": lambda a, x: x * deque(a),
    "in order": lambda a, x: deque(a) < x,
    "sought": lambda a, x: [deque(a), x].index(x),
    "counted": lambda a, x: [x, deque(a)].count(x),
    "in": lambda a, x: x in [deque(a)],
    "in itself": lambda a, x: x in deque(a),
    "none": lambda a, x: deque() == x,
}


@pytest.mark.filterwarnings("ignore:.*runs uncompiled")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [np.float64, float, np.float32])
@pytest.mark.parametrize("f", BESIDE_NUMPY.values(), ids=BESIDE_NUMPY)
def test_numpys_numbers_take_a_deque_as_an_array(f, kind, engine) -> None:
    def outcome(function):
        try:
            return repr(function([1.0, 2.0], kind(1.0)))
        except (TypeError, ValueError) as error:
            return f"{type(error).__name__}: {error}"

    assert outcome(autodiff.function(f, engine=engine)) == outcome(f)
