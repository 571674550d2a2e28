"""Special names are looked for in the class, as Python does: no code of the user's runs that Python would not run."""

import functools
import json
import math
import warnings

import numpy as np
import pytest

import autodiff

ASKED = []


def loud(base, slots=False):
    """A class that tells which names it is asked for that it does not have, and fails as some do."""

    class Loud(base):
        if slots:
            __slots__ = ("kept",)

        def __getattr__(self, name):
            ASKED.append(name)
            if name == "extra":
                return 2.0
            raise KeyError(name)  # no AttributeError: hasattr would raise it

        def __call__(self, x):
            return 3.0 * x

        def method(self, x):
            return 2.0 * x

    return Loud


CLASSES = {
    "object": (loud(object), ()),
    "slots": (loud(object, True), ()),
    "dict": (loud(dict), ({"a": 1.5},)),
    "list": (loud(list), ([1.5, 2.5],)),
    "tuple": (loud(tuple), ((1.5, 2.5),)),
    "str": (loud(str), ("ab",)),
    "float": (loud(float), (1.5,)),
    "int": (loud(int), (3,)),
    "set": (loud(set), ([1, 2],)),
}


def made(name):
    cls, arguments = CLASSES[name]
    return cls(*arguments)


def named(x, o):
    return x * o.extra


def called(x, o):
    return o(x) + o.method(x)


def held(x, o):
    d, l, t = {"o": o}, [o, x], (o, x)
    return x * len(d) * len(l) * len(t) * d["o"].extra * l[0].extra


def stored(x, o):
    class Holder:
        pass

    h = Holder()
    h.o = o
    return h.o.method(x) if h.o is o else x


def chosen(x, o):
    a = o if x > 1.0 else None
    return x if a is None else a.method(x)


def passed(x, o):
    def inner(v, w):
        return v * w.extra

    return functools.partial(inner, x)(o) + inner(x, w=o) + inner(*(x, o))


def in_a_loop(x, o):
    total = 0.0
    for k in range(20):
        total += o(x) * k
    return total


def asked_for(x, o):
    return x * isinstance(o, dict) + x * callable(o) + x * (type(o) is dict) + x * bool(o)


def compared(x, o):
    return x * (o == o) + x * (o in [o]) + x * (o is not None)


def opaque(x, o):
    return x * math.fsum([x, 1.0]) + x * len(repr(type(o))) + x * (hash(type(o)) == 3)


def raised(x, o):
    try:
        raise ValueError(o)
    except ValueError as error:
        return x * (error.args[0] is o)


def returned(x, o):
    return (x, o)[0] * 2.0, o


def items(x, o):
    return x * sum(1 for _ in o) + x * len(o)


def looked_up(x, o):
    return x * o.get("a", 9.0) * o["a"] * len(o.keys()) + x * ("a" in o) + x * len(list(o.items()))


def dumped(x, o):
    return x * len(json.dumps(o))


def copied(x, o):
    return x * len(dict(o)) + x * len({**o})


def arithmetic(x, o):
    return x * o + o - x + (o > x) + np.sin(o) * x + math.sqrt(o) + float(o)


def made_inside(x, o):
    p = type(o)(*CLASSES["dict"][1]) if isinstance(o, dict) else type(o)()
    return p.method(x) + p.extra


FUNCTIONS = {
    **dict.fromkeys(
        [named, called, held, stored, chosen, passed, in_a_loop, compared]
        + [raised, returned, made_inside],
        [*CLASSES],
    ),
    **dict.fromkeys([asked_for, opaque], [n for n in CLASSES if n != "float"]),  # a number to us
    items: ["dict", "list", "tuple", "str", "set"],
    **dict.fromkeys([looked_up, copied], ["dict"]),
    dumped: ["dict", "list", "float"],
    arithmetic: ["float", "int"],
}


def outcome(f, *arguments):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = f(*arguments)
        except Exception as error:
            found = type(error), str(error)[:60]
    return found, [str(w.message) for w in said if "internal error" in str(w.message)]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_nobody_asks_an_instance_for_special_names(f):
    for name in FUNCTIONS[f]:
        o = made(name)
        ASKED.clear()
        expected, _ = outcome(f, 1.5, o)
        plainly = {*ASKED}
        for run in (autodiff.function(f, engine="numpy"), autodiff.gradient(f, engine="numpy")):
            ASKED.clear()
            found, complaints = outcome(run, 1.5, o)
            assert plainly >= {*ASKED}, name
            assert not complaints, name
        found, _ = outcome(autodiff.function(f, engine="numpy"), 1.5, o)
        assert found == expected, name


@pytest.mark.parametrize("name", CLASSES)
def test_nobody_asks_a_global_for_special_names(name):
    space = {"o": made(name), "np": np, "__name__": __name__}

    def f(x):
        return o.extra * x + o(x)  # noqa: F821

    f = type(f)(f.__code__, space)
    ASKED.clear()
    assert autodiff.function(f)(1.5) == 2.0 * 1.5 + 4.5
    assert autodiff.gradient(f)(1.5) == 5.0
    assert {*ASKED} <= {"extra"}
