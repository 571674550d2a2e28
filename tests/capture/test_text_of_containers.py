"""Text of whatever holds traced values: each kind of container, each way to make text of it.

Every pair is a function that shows the text (printed, warned, logged) and one that lets it decide (its
length, a comparison, a key); its value, its gradient and what it shows are those of plain Python, at
two calls of one object.
"""

import contextlib
import dataclasses
import functools
import io
import logging
import types
import warnings
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest

import autodiff

Pair = namedtuple("Pair", "a b")
ENGINES = ("native", "numpy")


@dataclasses.dataclass
class Data:
    a: object
    b: object = 2


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
    "repr": lambda c: repr(c),
    "ascii": lambda c: ascii(c),
    "f-string": lambda c: f"<{c}>",
    "f-string repr": lambda c: f"{c!r:>80}",
    "format": lambda c: format(c),
    "str.format": lambda c: "{0} {0!r} {k!s:>9}".format(c, k=c),
    "percent": lambda c: "%s %r %%" % (c, c),
    "named percent": lambda c: "%(c)s" % {"c": c},
    "join": lambda c: ", ".join([str(c), repr(c)]),
    "sum of strings": lambda c: "a" + str(c) + f"{c}",
}


def printed(text, value):
    print(text)
    return value


def compared(text, value):
    if "1.5" in text:
        return 2.0 * value
    return 3.0 * value


def keyed(text, value):
    table = {text: value}
    table[text] = table.get(text, 0.0) + value
    return sum(table.values()) * len(table) * len(text)


USES = {"shown": printed, "compared": compared, "key": keyed}


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


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_text_is_that_of_plain_python(container, text, use):
    assert_as_plain(program(CONTAINERS[container], TEXTS[text], USES[use]))
