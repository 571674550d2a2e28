"""Functions that change objects outside of them: value, gradient, printed text and the objects.

Each case makes a world of its own: a function, and the object that it changes.
"""

import collections
import contextlib
import copy
import io
import itertools
import operator
import threading
import types
import warnings

import numpy as np
import pytest
import scipy.special

import autodiff
from autodiff.capture.origins import name_of


def order():
    s = []

    def f(x, i):
        print("first")
        s.append(1.0)
        y = x[i]
        print("second", y)
        s.append(y)
        return y * 2

    return f, s


def types_():
    s = types.SimpleNamespace(n=0, conv=False, last=None, msg="")

    def f(x):
        s.n += x
        s.conv = x > 1
        s.last = np.full(2, x)
        s.msg = f"{x:.2f}"
        return x * s.n

    return f, s


def warm():
    s = types.SimpleNamespace(x0=np.float64(1.0), it=0)

    def f(a):
        x = s.x0
        while abs(x * x - a) > 1e-12:
            x = 0.5 * (x + a / x)
            s.it += 1
        s.x0 = x
        return x

    return f, s


def mid():
    s = types.SimpleNamespace(a=0, b=0)

    def f(x):
        s.a += 1
        if x < 0:
            raise ValueError("neg")
        s.b += 1
        return x * x

    return f, s


def dictapp():
    s = []

    def f(x, n):
        for k in range(n):
            x = np.sin(x)
            s.append({"k": k, "x": x, "v": [x, 2 * x]})
        return x

    return f, s


def nested():
    s = types.SimpleNamespace(n=0, h=[])

    class In:
        def __init__(q):
            q.c = 0

        def __call__(q, v, scale=2.0):
            q.c += 1
            s.n += q.c
            s.h.append(q.c)
            return v * scale

    q = In()
    s.q = q
    In.__repr__ = lambda q: f"In({q.c})"

    def f(x):
        return q(x) + q(x, 3.0) * q.c

    return f, s


def shapes():
    s = types.SimpleNamespace(last=None)

    def f(x):
        s.last = x * 2 if s.last is None or s.last.shape != x.shape else s.last + x
        return np.sum(s.last)

    return f, s


def lru():
    s = {}

    def f(x, k):
        if k not in s:
            s[k] = x * k
        return s[k] * x

    return f, s


def alias():
    s = types.SimpleNamespace(a=np.zeros(2))
    s.b = s.a

    def f(x):
        s.a[0] += x
        s.b = s.b * 2
        return s.a[0] * s.b[0]

    return f, s


def inlined():
    s = types.SimpleNamespace(n=0)

    def g(x):
        s.n += 1
        return x**3

    gg = autodiff.function(g)

    def f(x):
        return gg(x) * s.n

    return f, s


def custom():
    s = types.SimpleNamespace(n=0)

    def g(x):
        s.n += 1
        return x**3

    cg = autodiff.custom_gradient(g, vjp=lambda ct, y, x: ct * 3 * x**2)

    def f(x):
        return cg(x) * 2

    return f, s


def innergrad():
    s = types.SimpleNamespace(n=0)

    def g(x):
        s.n += 1
        return x**3

    dg = autodiff.gradient(g)

    def f(x):
        return dg(x) * 2

    return f, s


def popl():
    s = [1.0, 2.0, 3.0, 4.0]

    def f(x):
        v = s.pop()
        return v * x

    return f, s


def clear():
    s = types.SimpleNamespace(h=[1.0])

    def f(x):
        s.h = []
        s.h.append(x)
        s.h.append(2 * x)
        return s.h[-1] * len(s.h)

    return f, s


def settings():
    s = types.SimpleNamespace(t=(0.0, 0), d={"in": {"n": 1}})

    def f(x):
        s.t = (x, s.t[1] + 1)
        s.d["in"]["n"] += 1
        return x * s.d["in"]["n"] + s.t[0]

    return f, s


def in_place():
    s = {"xs": [1.0], "d": {"a": 0.0}}

    def f(x):
        xs, d = s["xs"], s["d"]
        xs += [x]
        d |= {"a": x * 2}
        return xs[-1] * d["a"]

    return f, s


def operators():
    s = {"xs": [1.0], "d": {"a": 0.0}}

    def f(x):
        operator.iadd(s["xs"], [x])
        operator.setitem(s["d"], "a", x * 2)
        list.append(s["xs"], 3 * x)
        return s["xs"][-1] * s["d"]["a"]

    return f, s


def default_entries():
    s = collections.defaultdict(list)

    def f(x):
        s["seen"].append(x)
        s["seen"].append(2 * x)
        return s["seen"][-1] * x

    return f, s


def own_entries():
    s = {}

    def f(x):
        seen = s.setdefault("seen", [x])
        seen.append(2 * x)
        return seen[-1] * x

    return f, s


def through_dict():
    s = types.SimpleNamespace(a=1.0)

    def f(x):
        s.__dict__["a"] = x * 2
        return s.a * x

    return f, s


def through_vars():
    s = types.SimpleNamespace(a=1.0)

    def f(x):
        vars(s)["a"] = x * 2
        return s.a * x

    return f, s


# The calls, and how many programs they need at most (0: the function runs uncompiled).
CASES = {
    order: ([(np.ones(3), 1), (np.ones(3), 2), (np.ones(3), 7)], 1),
    types_: ([(1.5,), (0.5,), (2.5,), (2.5,)], 2),
    warm: ([(2.0,), (2.1,), (3.0,)], 1),
    mid: ([(1.0,), (-1.0,), (2.0,)], 1),
    dictapp: ([(1.0, 6), (0.5, 3)], 1),
    nested: ([(1.0,), (2.0,), (3.0,)], 1),
    shapes: ([(np.ones(2),), (np.ones(2),), (np.ones(3),), (np.ones(3),), (np.ones(2),)], 5),
    lru: ([(2.0, 1), (3.0, 1), (2.0, 2), (4.0, 2), (1.0, 3)], 5),
    alias: ([(2.0,), (3.0,), (4.0,)], 2),
    inlined: ([(2.0,), (3.0,)], 1),
    custom: ([(2.0,), (3.0,)], 1),
    innergrad: ([(2.0,), (3.0,)], 0),
    popl: ([(2.0,), (3.0,)], 0),
    clear: ([(2.0,), (3.0,)], 2),
    settings: ([(2.0,), (3.0,), (4.0,)], 1),
    in_place: ([(2.0,), (3.0,)], 0),
    operators: ([(2.0,), (3.0,)], 0),
    default_entries: ([(2.0,)], 0),
    own_entries: ([(2.0,), (3.0,)], 0),
    through_dict: ([(2.0,), (3.0,)], 0),
    through_vars: ([(2.0,), (3.0,)], 0),
}


def played(call, args):
    """What a call gives or raises, prints and warns of."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(*copy.deepcopy(args))
        except (ValueError, IndexError) as error:
            result = error
    return result, printed.getvalue(), [str(w.message) for w in caught]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_calls_leave_what_plain_python_leaves(make, engine):
    calls, limit = CASES[make]
    (plain, expected), (ours, value_state) = make(), make()
    differentiated, gradient_state = make()
    value = autodiff.function(ours, engine=engine)
    gradient = autodiff.gradient(differentiated, wrt=0, engine=engine)
    warned = 0
    for args in calls:
        result, text, _ = played(plain, args)
        got, printed, caught = played(value, args)
        slope, printed_too, caught_too = played(gradient, args)
        assert printed == printed_too == text
        assert repr(value_state) == repr(gradient_state) == repr(expected)
        if isinstance(result, Exception):
            for error in (got, slope):
                assert (type(error), str(error)) == (type(result), str(result))
            assert caught == caught_too == []
        else:
            assert got == pytest.approx(result, rel=1e-14)
        warned += len(caught)
    assert len(value.cache) <= limit
    assert warned == (limit == 0)


def slope_of(make, calls, number):
    """The derivative of the last of some calls by its first argument, by differences."""
    ends = []
    for step in (1e-6, -1e-6):
        f, _ = make()
        for args in calls[:number]:
            played(f, args)
        ends.append(np.sum(f(calls[number][0] + step, *calls[number][1:])))
    return (ends[0] - ends[1]) / 2e-6


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_derivatives_see_the_objects_as_they_are(make):
    calls, _ = CASES[make]
    f, _ = make()
    gradient = autodiff.gradient(f, wrt=0)
    for number, args in enumerate(calls):
        slope, _, _ = played(gradient, args)
        if not isinstance(slope, Exception):
            assert np.sum(slope) == pytest.approx(slope_of(make, calls, number), rel=1e-5)


def test_threads_count_every_call():
    counter = types.SimpleNamespace(n=0, seen=[])

    def f(x):
        counter.n += 1
        counter.seen.append(x)
        return x * x

    compiled, gradient = autodiff.function(f), autodiff.gradient(f)
    compiled(0.0), gradient(0.0)

    def work():
        for _ in range(100):
            compiled(1.0)
            gradient(2.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.n == len(counter.seen) == 802
    assert counter.seen.count(1.0) == counter.seen.count(2.0) == 400


# -- effects through objects of C ---------------------------------------------------------------------
class Streams:
    def __init__(self):
        self.buffer = io.StringIO()
        self.numbers = iter(range(100))


streams = Streams()


def writes(x):
    streams.buffer.write("called\n")
    return x * x


def writes_an_array(x):
    np.savetxt(streams.buffer, np.array([x]))
    return x * x


def prints_to_a_buffer(x):
    print(x, file=streams.buffer)
    return x * x


def takes_the_next(x):
    return x * next(streams.numbers)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("f", [writes, writes_an_array, prints_to_a_buffer, takes_the_next])
def test_streams_are_used_at_every_call(f):
    global streams
    results = []
    for transformation in (None, autodiff.function, autodiff.gradient):
        call = f if transformation is None else transformation(f)
        streams = Streams()
        values = [call(2.0) for _ in range(3)]
        first = streams
        streams = Streams()
        values.append(call(2.0))
        if transformation is autodiff.gradient:
            values = [float(v) * (1.0 if f is not takes_the_next else 2.0) for v in values]
        left = [(s.buffer.getvalue(), next(s.numbers)) for s in (first, streams)]
        results.append((values, left))
    assert results[0] == results[1] == results[2]


# What Python's own functions hand on of a container from outside is what it holds, not a copy.
HANDED_ON = {
    "copy.copy(d)": lambda s: copy.copy(s)["rows"],
    "d.copy()": lambda s: s.copy()["rows"],
    "dict(d)": lambda s: dict(s)["rows"],
    "dict(name=d)": lambda s: dict(given=s)["given"]["rows"],  # noqa: C408 - the call is meant
    "{**d}": lambda s: {**s}["rows"],
    "d | e": lambda s: (s | {"more": 1})["rows"],
    "d.values()": lambda s: [v for v in s.values() if isinstance(v, list)][0],
    "d.items()": lambda s: [v for k, v in s.items() if k == "rows"][0],
    "d.get": lambda s: s.get("rows"),
    "list(xs)": lambda s: list(s["rows"]),
    "xs.copy()": lambda s: s["rows"].copy(),
    "xs[:]": lambda s: s["rows"][:],
    "xs + ys": lambda s: s["rows"] + [[3.0]],
    "xs * 2": lambda s: s["rows"] * 2,
    "[*xs]": lambda s: [*s["rows"]],
    "tuple(xs)": lambda s: tuple(s["rows"]),
    "reversed(xs)": lambda s: list(reversed(s["rows"]))[::-1],
    "sorted(xs)": lambda s: sorted(s["rows"]),
    "sorted by key": lambda s: sorted(s["rows"], key=lambda row: row[0]),
    "min(xs)": lambda s: [min(s["rows"])],
    "next(iter(xs))": lambda s: [next(iter(s["rows"]))],
    "itertools.chain": lambda s: list(itertools.chain(s["rows"], [[3.0]])),
    "filter, map": lambda s: list(map(lambda row: row, filter(None, s["rows"]))),
    "zip": lambda s: [row for row, _ in zip(s["rows"], range(9), strict=False)],
    "enumerate": lambda s: [row for _, row in enumerate(s["rows"])],
    "in a new list": lambda s: sorted([[s["rows"][0]], [s["rows"][1]]])[0],
}


def extended(s):
    found = []
    found.extend(s["rows"])
    return found


def updated(s):
    found = {}
    found.update(s)
    return found["rows"]


def appended_in_place(s):
    found = [[0.5]]
    found += s["rows"]
    return found[1:]


HANDED_ON |= {"xs.extend": extended, "d.update": updated, "xs += ys": appended_in_place}


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("rows", HANDED_ON.values(), ids=HANDED_ON)
def test_a_change_of_what_is_handed_on_is_a_change_outside(rows, engine):
    def world():
        s = {"n": {"a": 0.5}, "rows": [[1.0], [2.0]]}

        def f(x):
            rows(s)[0][0] = x * 2.0
            return s["rows"][0][0] * x + s["rows"][1][0]

        return f, s

    (plain, expected), (ours, state), (differentiated, after) = world(), world(), world()
    value = autodiff.function(ours, engine=engine)
    gradient = autodiff.gradient(differentiated, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.errors.FallbackWarning)
        for x in (0.75, 0.25, 0.5):
            assert value(x) == plain(x)
            assert gradient(x) == pytest.approx(4 * x)
            assert state == after == expected


@pytest.mark.parametrize("rows", HANDED_ON.values(), ids=HANDED_ON)
def test_a_change_of_what_is_handed_on_of_an_argument(rows):
    def f(x, s):
        rows(s)[0][0] = x * 2.0
        return s["rows"][0][0] * x + s["rows"][1][0]

    ours, plain, kept = [{"n": {"a": 0.5}, "rows": [[1.0], [2.0]]} for _ in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.errors.FallbackWarning)
        assert autodiff.function(f)(1.5, ours) == f(1.5, plain)
        assert autodiff.gradient(f, wrt="x")(1.5, kept) == pytest.approx(6.0)
    assert ours == plain
    assert kept["rows"] == [[1.0], [2.0]]


def test_an_object_without_a_name_has_that_of_its_home(monkeypatch):
    """Of SciPy 1.16 `sph_harm_y` is an object that does not know what it is called."""

    class Called:
        __module__ = "scipy.special._hidden"

        def __call__(self, x):
            return x

    monkeypatch.setattr(scipy.special, "called_so", known := Called(), raising=False)
    assert name_of(known) == "scipy.special.called_so"
    assert name_of(Called()).startswith("scipy.special._hidden.<")
