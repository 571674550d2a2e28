"""Text of whatever holds traced values: each kind of container, each way to make text of it.

Every pair is a function that shows the text (printed, warned, logged) and one that lets it decide (its
length, a comparison, a key); its value, its gradient and what it shows are those of plain Python, at
two calls of one object.
"""

import argparse
import contextlib
import dataclasses
import functools
import io
import itertools
import logging
import pathlib
import types
import warnings
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserList,
    UserString,
    defaultdict,
    deque,
    namedtuple,
)

import numpy as np
import pytest

import autodiff

Pair = namedtuple("Pair", "a b")
ENGINES = ("native", "numpy")


@dataclasses.dataclass
class Data:
    a: object
    b: object = 2


@dataclasses.dataclass(slots=True, kw_only=True)
class Hidden:
    a: object
    b: object = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: object
    items: tuple = ()


class Thing:
    def __init__(self, a):
        self.a = a

    def __repr__(self):
        return f"Thing({self.a!r})"


class Worded(Thing):
    def __str__(self):
        return "worded " + str(self.a)

    def __format__(self, specification):
        return f"<{self.a:{specification or '.1f'}}>"


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a):
        self.a = a

    def __repr__(self):
        return "Slotted(%r)" % (self.a,)


class Row(list):
    pass


class Named(dict):
    def __repr__(self):
        return "Named" + super().__repr__()


class Problem(Exception):
    pass


def default_table(v):
    table = defaultdict(list)
    table["k"].append(v)
    return table


def ring(v):
    items = [v]
    items.append(items)
    return items


def scale(v, by):
    return v * by


CONTAINERS = {
    "number": lambda v, x: v,
    "float": lambda v, x: float(v),
    "array": lambda v, x: x * 2,
    "list": lambda v, x: [v, 1],
    "list of floats": lambda v, x: [float(v), "s"],
    "list of arrays": lambda v, x: [x, x * 2],
    "tuple": lambda v, x: (v, None),
    "tuple of one": lambda v, x: (v,),
    "dict": lambda v, x: {"k": v, 2: [v]},
    "dict by value": lambda v, x: {v: 1},
    "namedtuple": lambda v, x: Pair(v, x),
    "dataclass": lambda v, x: Data(v),
    "frozen dataclass": lambda v, x: Frozen(v, (v,)),
    "deque": lambda v, x: deque([v, 2.0], maxlen=3),
    "OrderedDict": lambda v, x: OrderedDict(a=v),
    "defaultdict": lambda v, x: default_table(v),
    "Counter": lambda v, x: Counter({"a": v, "b": 1.0}),
    "set": lambda v, x: {v},
    "frozenset": lambda v, x: frozenset([v]),
    "namespace": lambda v, x: types.SimpleNamespace(a=v, b=[v]),
    "slice": lambda v, x: slice(v, None, 2),
    "mappingproxy": lambda v, x: types.MappingProxyType({"k": v}),
    "keys": lambda v, x: {v: 1}.keys(),
    "values": lambda v, x: {"k": v}.values(),
    "items": lambda v, x: {"k": v}.items(),
    "exception": lambda v, x: ValueError("bad", v),
    "own exception": lambda v, x: Problem(v),
    "partial": lambda v, x: functools.partial(max, v, key=abs),
    "instance": lambda v, x: Thing(v),
    "own str and format": lambda v, x: Worded(v),
    "slots": lambda v, x: Slotted(v),
    "list of instances": lambda v, x: [Thing(v), Worded(v)],
    "dict of dataclasses": lambda v, x: {"d": Data(v, Thing(v))},
    "class of lists": lambda v, x: Row([v]),
    "class of dicts": lambda v, x: Named(a=v),
    "contains itself": lambda v, x: ring(v),
    "nested": lambda v, x: ([{"a": (v, [x])}], Pair([v], {"z": Data(v)})),
    "comprehension": lambda v, x: [k * v for k in range(3)],
    "text": lambda v, x: f"{v:.3f}",
    "tuple of texts": lambda v, x: (f"{v:.3f}", "s"),
}
TEXTS = {
    "str": lambda c: str(c),
    "repr and ascii": lambda c: repr(c) + ascii(c),
    "f-strings": lambda c: f"<{c}> {c!r:>80}",
    "format": lambda c: format(c) + "{0} {0!r} {k!s:>9}".format(c, k=[c]),
    "percent": lambda c: "%s %r %%" % (c, c) + "%(c)s" % {"c": c},
    "join and sum": lambda c: ", ".join([str(c), repr(c)]) + "a" + f"{c}",
}


# Each is shown, logged, looked at and kept in one function.
MORE = {
    "UserList": lambda v, x: UserList([v, [x]]),
    "ChainMap": lambda v, x: ChainMap({"k": v}, {"z": 1}),
    "UserString": lambda v, x: UserString(f"{v} text"),
    "argparse": lambda v, x: argparse.Namespace(a=v, b=[x]),
    "asdict": lambda v, x: dataclasses.asdict(Data(v, [x, {"k": (v,)}])),
    "astuple": lambda v, x: dataclasses.astuple(Data(v, [x])),
    "another list of its class": lambda v, x: type([v])(k * v for k in (1, 2)),
    "hidden field": lambda v, x: Hidden(a=v, b=x),
    "0-d array": lambda v, x: [np.array(v), v > 2, -v * 0.0],
    "other dtypes": lambda v, x: [np.float32(v), x.astype(np.float16), v + 1j],
    "complex": lambda v, x: (complex(v, -0.0), complex(-0.0, v)),
    "of two types": lambda v, x: {"k": v if v > 2 else 1, "b": 0 < v < 2},
}


def printed(text, value):
    print(text)
    return value


def decides(text, value):
    table = {text: value}
    table[text] = table.get(text, 0.0) + value
    factor = 2.0 if "1.5" in text else 3.0
    return factor * sum(table.values()) * len(table) * len(text)


USES = {"shown": printed, "decides": decides}


def program(container, text, use):
    def f(x):
        return use(text(container(x[0], x)), x[0] * x[1])

    return f


def seen(f, x):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        result = f(x.copy())
    return result, out.getvalue()


def assert_as_plain(f, x_first=(1.5, 3.0), x_second=(12.25, -2.0), engine="native"):
    function, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for x in (np.array(x_first), np.array(x_second), np.array(x_first)):
        value, text = seen(f, x)
        assert seen(function, x) == (value, text)
        slope, shown = seen(gradient, x)
        assert shown == text
        factor = value / (x[0] * x[1])
        np.testing.assert_allclose(slope, [factor * x[1], factor * x[0]])


def _sampled():
    """Every container in two or three of the twelve ways to write and use its text, all of which come round; the rest is slow."""
    for number, row in enumerate(itertools.product(CONTAINERS, TEXTS, USES)):
        yield pytest.param(*row, marks=[pytest.mark.slow] if number % 5 else [], id="-".join(row))


@pytest.mark.parametrize(("container", "text", "use"), list(_sampled()))
def test_text_is_that_of_plain_python(container, text, use):
    assert_as_plain(program(CONTAINERS[container], TEXTS[text], USES[use]))


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_reference_engine_writes_the_same_text(container):
    def f(x):
        held = CONTAINERS[container](x[0], x)
        print(held, f"{held}")
        return x[0] * x[1] * len(repr(held))

    assert_as_plain(f, engine="numpy")


@pytest.mark.parametrize("container", CONTAINERS)
def test_text_is_right_in_loops_and_branches(container):
    def f(x):
        total = x[0] * x[1]
        for k in range(3):
            held = CONTAINERS[container](x[0] * k, x + k)
            if x[0] > 2.0:
                print(k, held)
            else:
                print(f"{held!r} small")
            total = total + 0.0 * len(str(held))
        return total

    assert_as_plain(f)


@pytest.mark.parametrize("container", CONTAINERS)
def test_what_is_shown_later_is_as_it_was(container):
    def f(x):
        y = x * 1.0
        held = CONTAINERS[container](y[0], y)
        text = f"{held} {held!r}"
        y[0] = 100.0
        if isinstance(held, list):
            held.append(5.0)
        print(text)
        return x[0] * x[1]

    assert_as_plain(f)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MORE)
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_text_of_more_objects(name, engine):
    box = types.SimpleNamespace()

    def f(x):
        held = MORE[name](x[0], x)
        print(held, [held], f"{held}|{held!r:>70}", "%s %r" % (held, held))
        LOG.info("%s and %r", held, [held])
        box.held = (held, [held])
        return x[0] * x[1] * len(str(held)) * {repr(held): 2.0}[repr(held)]

    def left(run, x):
        box.held = None
        shown = []
        records, caught = recorded(lambda x: shown.append(seen(run, x)), x)
        return shown[0][1], records, caught, repr(box.held)

    function, gradient = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    uncompiled = autodiff.gradient(f, engine=engine, use_cache=False)
    for x in (np.array([1.5, 3.0]), np.array([12.25, -2.0])):
        expected = left(f, x)
        assert seen(function, x)[0] == seen(f, x)[0]
        for run in (function, gradient, uncompiled):
            assert left(run, x) == expected


# -- objects that hold values where nobody sees them -------------------------------------------------
HIDDEN = {
    "count": lambda v, x: itertools.count(v),
    "repeat": lambda v, x: itertools.repeat([v], 2),
    "polynomial": lambda v, x: np.polynomial.Polynomial([1.0, v]),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_traced_is_shown_of_other_objects(name):
    def f(x):
        held = HIDDEN[name](x[0], x)
        print(held)
        print(f"{held}", [held])
        return x[0] * x[1]

    assert_as_plain(f)


@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_traced_is_logged_of_other_objects(name):
    def f(x):
        LOG.info("%s", HIDDEN[name](x[0], x))
        return x[0]

    function, gradient = autodiff.function(f), autodiff.gradient(f)
    for x in (np.array([1.5, 3.0]), np.array([12.25, -2.0])):
        assert recorded(function, x) == recorded(f, x)
        with pytest.raises(NotImplementedError, match="that holds traced values, used as a whole"):
            gradient(x)


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.filterwarnings("ignore::autodiff.FallbackWarning")
def test_what_comes_after_a_line_that_capture_cannot_follow_is_shown_once(transform, capsys):
    def f(x):
        path = pathlib.PurePath(f"run{x[0]}")
        print(path, path.name)
        return x[0] * len(str(path))

    for run in (f, transform(f)):
        run(np.array([1.5, 3.0]))
        assert capsys.readouterr().out == "run1.5 run1.5\n"


# -- warnings, logging, exceptions ------------------------------------------------------------------
class Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(
            (record.getMessage(), repr(record.args), repr(vars(record).get("held")))
        )


LOG = logging.getLogger("autodiff.tests.text")
LOG.propagate = False
LOG.setLevel(logging.DEBUG)


def recorded(f, x):
    handler = Kept()
    LOG.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            f(x.copy())
    finally:
        LOG.removeHandler(handler)
    ours = [w for w in caught if not issubclass(w.category, autodiff.FallbackWarning)]
    return handler.records, [(w.category, str(w.message), repr(w.message)) for w in ours]


@pytest.mark.parametrize("container", CONTAINERS)
def test_warnings_and_logs_show_the_values(container):
    def f(x):
        held = CONTAINERS[container](x[0], x)
        warnings.warn(str(held), stacklevel=1)
        warnings.warn(UserWarning(f"{held}", [x[0]]), stacklevel=1)
        LOG.info("%s and %r", held, [held])
        LOG.info(f"{held}", extra={"held": {"k": x[0]}})
        return x[0]

    function, gradient = autodiff.function(f), autodiff.gradient(f)
    for x in (np.array([1.5, 3.0]), np.array([12.25, -2.0])):
        expected = recorded(f, x)
        assert recorded(function, x) == expected
        assert recorded(gradient, x) == expected


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_exceptions_leave_with_values(container, transform):
    box = types.SimpleNamespace()

    def f(x):
        held = CONTAINERS[container](x[0], x)
        box.held = [x[0]]
        if x[0] > 1.0:
            raise Problem(f"{held}", held, x[0])
        return x[0]

    def raised(g):
        box.held = None
        with pytest.raises(Problem) as caught:
            g(np.array([1.5, 3.0]))
        return repr(caught.value.args), repr(box.held)

    assert raised(transform(f)) == raised(f)


def test_text_of_a_caught_exception_is_that_of_its_values():
    def f(x):
        try:
            raise Problem([x[0]], Thing(x[0]))
        except Problem as problem:
            print(problem, repr(problem), problem.args, f"{problem}")
            return x[0] * x[1] * len(str(problem))

    assert_as_plain(f)


@pytest.mark.parametrize(
    "text",
    [
        lambda v: f"{[v]:>10}",
        lambda v: f"{v:d}",
        lambda v: "%d %s" % (v,),  # noqa: F507
        lambda v: "%s" % (v, v),  # noqa: F507
        lambda v: "{} {}".format(v),  # noqa: F524
        lambda v: "{} {0}".format(v),  # noqa: F525
        lambda v: "{a}".format(b=v),  # noqa: F522, F524
        lambda v: ", ".join([v, "a"]),
    ],
)
def test_what_formatting_refuses_is_refused_where_it_stands(text):
    def f(x):
        print("before")
        text(x[0])
        print("after")
        return x[0]

    def outcome(g):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            with pytest.raises(Exception) as caught:
                g(np.array([1.5, 3.0]))
        return type(caught.value), str(caught.value), out.getvalue()

    expected = outcome(f)
    assert outcome(autodiff.function(f)) == expected
    assert outcome(autodiff.gradient(f)) == expected


# -- what is read from outside ------------------------------------------------------------------------
SETTINGS = {"rate": 0.5, "sizes": [1.0, 2]}
DATA, THING, PAIR = Data(0.5, [1.5]), Thing(0.5), Pair(0.5, "q")
QUEUE, DIGITS = deque([0.5]), 2


class Rounded(Thing):
    def __repr__(self):
        return f"{self.a:.{DIGITS}f} of {SETTINGS['rate']}"


@pytest.mark.parametrize(
    "shown",
    [
        lambda x: SETTINGS,
        lambda x: [SETTINGS, x[0]],
        lambda x: DATA,
        lambda x: [DATA],
        lambda x: THING,
        lambda x: {"k": THING},
        lambda x: PAIR,
        lambda x: QUEUE,
        lambda x: Rounded(x[0]),
        lambda x: [Rounded(x[0])],
    ],
)
def test_text_of_what_is_outside_is_that_of_every_call(shown, monkeypatch):
    def f(x):
        held = shown(x)
        print(held, f"{held!r}")
        return x[0] * x[1] * len(str(held))

    function, gradient = autodiff.function(f), autodiff.gradient(f)
    for k in range(3):
        monkeypatch.setitem(SETTINGS, "rate", 0.5 * k)
        monkeypatch.setitem(globals(), "DIGITS", k)
        monkeypatch.setitem(globals(), "PAIR", Pair(0.25 + k, "q"))
        monkeypatch.setattr(DATA, "a", 0.5 * k)
        monkeypatch.setattr(THING, "a", 10.0**k)
        QUEUE[0] = 10.0**k
        x = np.array([1.5, 3.0])
        value, text = seen(f, x)
        assert seen(function, x) == (value, text)
        slope, shown_too = seen(gradient, x)
        assert shown_too == text
        np.testing.assert_allclose(slope, [value / 1.5, value / 3.0])


# -- what the user's objects hold afterwards ------------------------------------------------------------
KEPT = {name: make for name, make in CONTAINERS.items() if name not in ("keys", "values", "items")}


@pytest.mark.parametrize("options", [{}, {"use_cache": False}, {"engine": "numpy"}])
@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
@pytest.mark.parametrize("container", KEPT)
def test_objects_hold_what_plain_python_stores(container, transform, options):
    box = types.SimpleNamespace()

    def f(x):
        held = KEPT[container](x[0], x)
        box.one = held
        box.two = [held, {"k": held}]
        box.all = []
        for k in range(2):
            box.all.append(KEPT[container](x[0] * k, x))
        return np.sum(x) * x[1]

    def left(g, x):
        box.one = box.two = box.all = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            g(x)
        held = box.one
        is_one = isinstance(held, (float, str)) or box.two[0] is held is box.two[1]["k"]
        return repr(held), repr(box.two), repr(box.all), is_one

    transformed = transform(f, **options)
    for x in (np.array([1.5, 3.0]), np.array([12.25, -2.0])):
        assert left(transformed, x) == left(f, x)


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_what_is_stored_is_what_the_function_changes_later(transform):
    box = types.SimpleNamespace()

    def f(x):
        items, thing = [x[0]], Thing(x * 2)
        box.items, box.pair, box.thing = items, Pair(items, thing), thing
        items.append(x[1])
        thing.a = [x[0], thing.a]
        box.extended = [1.0]
        box.extended.extend(k * x[0] for k in range(3))
        box.extended += [x[1]]
        box.extended[1:2] = [x[0], x[0]]
        return box.pair.a[1] * box.thing.a[0] * box.extended[1]

    def left(g):
        vars(box).clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", autodiff.FallbackWarning)
            result = g(np.array([1.5, 3.0]))
        return result, repr(vars(box)), box.pair.a is box.items, box.pair.b is box.thing

    expected, found = left(f), left(transform(f))
    assert found[1:] == expected[1:]
    right = expected[0] if transform is autodiff.function else [2 * 1.5 * 3.0, 1.5**2]
    np.testing.assert_allclose(found[0], right)


def test_what_is_kept_and_returned_is_one_object():
    box = types.SimpleNamespace()

    def f(x):
        box.held = {"a": x * 2.0}
        return box.held

    with pytest.warns(autodiff.FallbackWarning, match="kept outside and returned as well"):
        assert autodiff.function(f)(np.ones(2)) is box.held


@pytest.mark.parametrize("transform", [autodiff.function, autodiff.gradient])
def test_functions_without_source_leave_nothing_traced(transform):
    names = {"np": np, "BOX": types.SimpleNamespace()}
    exec(
        "def f(x):\n    global TOTAL\n    TOTAL = x * 2\n    BOX.held = [x[0]]\n    return np.sum(x)\n",
        names,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autodiff.FallbackWarning)
        transform(names["f"])(np.array([1.5, 3.0]))
    assert repr(names["TOTAL"]) == "array([3., 6.])"
    assert repr(names["BOX"].held) == "[np.float64(1.5)]"


def test_zero_and_minus_zero_are_written_differently():
    def f(x):
        return x * (2.0 if str(x * 0.0) == "-0.0" else 3.0)

    function = autodiff.function(f)
    assert [function(x) for x in (1.0, -1.0, 1.0, -1.0)] == [3.0, -2.0, 3.0, -2.0]


def test_addresses_are_those_of_the_object():
    class Plain:
        pass

    def f(x):
        held = Plain()
        held.a = x
        return x * (2.0 if str(held) in repr([held]) and repr(held) == str(held) else 3.0)

    assert autodiff.function(f)(1.5) == 3.0


def test_lists_that_loops_build_stay_in_their_store_where_the_text_of_others_is_made():
    def f(x, n):
        rows = []
        for k in range(n):
            rows.append((k, x[0] * k))
        print(Pair(x[0], n))
        return rows

    def size(n):
        return str(autodiff.function(f).ir(np.ones(3), n)).count("\n")

    assert size(50) == size(500)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "show", [print, lambda r: print(repr(r)), lambda r: print(f"{r!s:.9}", len(r))]
)
def test_a_list_of_arrays_that_a_loop_shows_and_lengthens_and_that_is_returned(
    engine, show, capsys
):
    """Its arrays are numbered, as they are in the result; the loop does not stay one, as it shows them."""

    def f(x):
        r, t = [np.sort(x), x * 2.0], 0
        while t < 3 and x[0] < 5.0:
            t += 1
            show(r)
            r.append(np.sin(x))
        return r

    compiled = autodiff.function(f, engine=engine)
    for x in (np.array([0.5, 1.0, -2.0]), np.array([0.25, -1.0, 3.0])):
        f(x)
        expected = capsys.readouterr().out
        result = compiled(x)
        assert capsys.readouterr().out == expected
        np.testing.assert_allclose(result, f(x), rtol=1e-15)
        capsys.readouterr()
