"""What a function stores into lists, dicts and objects among its arguments is stored into the caller's."""

import copy
import warnings
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest

import autodiff
from autodiff.api import Function
from autodiff.errors import FallbackWarning

from .support import ENGINES
from .test_members import _graph


@dataclass
class State:
    x: float
    v: np.ndarray
    n: int = 0


@dataclass
class Run:
    state: State
    log: list = field(default_factory=list)


def stored(q, a):
    q["x"] = q["x"] * a
    return q["x"] + q["y"]


def new_keys(q, a):
    q["z"], q["array"] = q["x"] * a, np.ones(2) * a
    q.update(x=a, w=a * 2)
    return q.setdefault("u", a * 3)


def returned_too(q, a):
    q["x"] = q["x"] * a
    return q, [q, q["x"]]


def taken_out(q, a):
    del q["y"]
    q["w"] = a
    return q.pop("x") * a


def in_a_loop(q, a):
    for k in range(20):
        q["x"] = q["x"] * a + k
    return q["x"]


def on_a_condition(q, a):
    if q["x"] > a:
        q["x"] = a
    return q["x"]


def other_types(q, a):
    q["y"], q["x"] = a > 1, np.float32(a)
    return a


def raised_after_it(q, a):
    q["x"] = 2.0 * a
    if q["x"] > 0.5:
        raise ValueError("large")
    return q["x"]


def attributes(s, a):
    for _ in range(12):
        s.x, s.n = s.x * a, s.n + 1
        s.v = s.v * a
    s.v[0] = 7.0
    return s


def inner(run, a):
    run.state = State(run.state.x * a, run.state.v * 2)
    run.log.append(a * 3)
    return run.log[-1]


def items(xs, a):
    for k in range(1, len(xs)):
        xs[k] = xs[k - 1] * a
    return sum(xs)


def more_items(xs, a):
    xs.append(a)
    return sum(xs)


def inner_dicts(q, a):
    q["in"]["z"], q["x"] = q["x"], q["in"]["z"] * a
    q["in"] = {"z": a * q["in"]["z"]}
    return q["in"]["z"]


def one_array_twice(q, a):
    q["y"] = q["x"]
    q["y"][0] = a
    return q["x"].sum()


def arrays_exchanged(q, a):
    q["x"], q["y"] = q["y"], q["x"]
    q["x"][0] = a
    return q["x"].sum() + 2 * q["y"].sum()


def replaced_in_a_loop(s, a):
    for k in range(20):
        s.x = a * k
        s = State(s.x + 1.0, s.v * a)
    return s.x


def replaced_on_a_condition(s, a):
    for k in range(20):
        s.x = s.x * a
        if k > 3.0 * a:
            s = State(s.x, s.v, k)
    return s.x


def replaced_while(run, a):
    n = 0
    while n < 9.0 * a:
        run.state.x = a
        run.state = State(a * n, run.state.v)
        n += 1
    return run.state.x


def a_dict_replaced(q, a):
    for k in range(20):
        q["x"] = k * a
        q = dict(q, y=a * q["x"])
    return q["y"]


def _numbers():
    return {"x": 1.0, "y": 2.0}


def _arrays():
    return {"x": np.ones(3), "y": np.zeros(3)}


CASES = [
    (stored, _numbers), (new_keys, _numbers), (returned_too, _numbers), (taken_out, _numbers), (in_a_loop, _numbers),
    (on_a_condition, _numbers), (other_types, _numbers), (raised_after_it, _numbers),
    (stored, lambda: OrderedDict(x=1.0, y=2.0)), (stored, lambda: defaultdict(float, x=1.0, y=2.0)),
    (attributes, lambda: State(1.0, np.ones(3))), (inner, lambda: Run(State(1.0, np.ones(3)), [1.0, 2.0])),
    (items, lambda: [1.0, 2.0, 3.0]), (more_items, lambda: [1.0, 2.0, 3.0]),
    (inner_dicts, lambda: {"x": 1.0, "in": {"z": 2.0}}), (one_array_twice, _arrays), (arrays_exchanged, _arrays),
    (replaced_in_a_loop, lambda: State(1.0, np.ones(3))), (replaced_on_a_condition, lambda: State(1.0, np.ones(3))),
    (replaced_while, lambda: Run(State(1.0, np.ones(3)))), (a_dict_replaced, _numbers),
]  # fmt: skip


def _outcome(f, arguments):
    try:
        result = f(*arguments)
    except ValueError as error:
        result = str(error)
    return _graph([result, *arguments], {})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=[f"{f.__name__}-{k}" for k, (f, _) in enumerate(CASES)]
)
def test_arguments_hold_what_plain_python_stores(number, engine):
    f, make = CASES[number]
    value = Function(f, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a in (0.5, 0.4, 0.5):
            assert _outcome(value, (make(), a)) == _outcome(f, (make(), a))


def test_a_derivative_leaves_arguments_as_they_are():
    q = _numbers()
    assert autodiff.gradient(lambda q, a: stored(q, a), wrt=1)(q, 0.5) == 1.0
    assert q == _numbers()


def test_one_container_in_two_arguments_is_changed_under_both_names():
    def f(p, q, a):
        p["x"] = p["x"] * a
        return p["x"] + q["x"]

    value = Function(f)
    assert value(_numbers(), _numbers(), 0.5) == 1.5
    both = _numbers()
    with pytest.warns(FallbackWarning, match="one container twice"):
        assert value(both, both, 0.5) == 1.0
    assert both["x"] == 0.5


SETTINGS = {"x": 5.0}


def test_a_container_that_is_read_by_another_way_is_seen_to_change():
    def f(q, a):
        q["x"] = a
        return SETTINGS["x"]

    value = Function(f)
    assert value(_numbers(), 0.5) == 5.0
    before = copy.deepcopy(SETTINGS)
    try:
        with pytest.warns(FallbackWarning, match="SETTINGS too"):
            assert value(SETTINGS, 0.25) == 0.25
    finally:
        SETTINGS.update(before)


# -- what an argument holds although no variable leads to it any more -----------------------------------
def an_array_of_a_dict_that_is_copied(x, p, k):
    p["u"] = x * 1.5
    for _ in range(k):
        p["u"][1] *= 2
        if x[2] > 0.8:
            p = {**p}
    return x


def an_array_whose_dict_is_let_go(x, p, k):
    p["u"] = u = x * 1.5
    del p
    for _ in range(k):
        u[1] *= 2
        if x[2] > 0.8:
            u = u + 1.0
    return u


def in_a_list_that_is_copied(x, p, k):
    p["v"] = [x * 1.5]
    for _ in range(k):
        p["v"][0][1] *= 2
        if x[2] > 0.8:
            p = {"v": list(p["v"])}
    return x


def a_list_whose_dict_is_let_go(x, p, k):
    p["v"] = v = [x[0] * 1.5]
    p = None
    for _ in range(k):
        v[0] *= 2
        if x[2] > 0.8:
            v = list(v)
    return v[0]


def an_object_that_is_replaced(x, p, k):
    p["s"] = s = State(1.0, x * 2.0)
    p = None
    for _ in range(k):
        s.v[0] *= 2
        s.x = s.x * 2
        if x[2] > 0.8:
            s = State(s.x, s.v)
    return s.x


def an_object_in_a_dict_that_is_copied(x, p, k):
    p["s"] = State(1.0, x * 1.0)
    for _ in range(k):
        p["s"].v[1] *= 2
        if x[2] > 0.8:
            p = {"s": State(2.0, p["s"].v)}
    return x


def until_it_is_large(x, p, k):
    p["u"] = x * 1.5
    while p["u"][0] < 20 * k:
        p["u"][0] *= 2
        if x[2] > 0.8:
            p = dict(p)
    return x


def two_that_change_places(x, p, k):
    p["a"], p["b"] = x * 1.5, x * 2.5
    for _ in range(k):
        p = {"a": p["b"], "b": p["a"]}
        p["a"][0] *= 2
    return x


LET_GO = [
    an_array_of_a_dict_that_is_copied, an_array_whose_dict_is_let_go, in_a_list_that_is_copied,
    a_list_whose_dict_is_let_go, an_object_that_is_replaced, an_object_in_a_dict_that_is_copied,
    until_it_is_large, two_that_change_places,
]  # fmt: skip


@pytest.mark.parametrize("f", LET_GO)
def test_what_was_stored_into_an_argument_is_held_there(f):
    value = Function(f, engine="numpy")
    for third in (0.9, 0.3):
        for k in (2, 0, 3):
            x = np.array([1.0, 0.5, third, 2.0])
            theirs, ours = {"u": np.zeros(4)}, {"u": np.zeros(4)}
            expected = f(x, theirs, k)
            np.testing.assert_allclose(value(x, ours, k), expected)
            assert list(ours) == list(theirs)
            assert repr(ours) == repr(theirs)
