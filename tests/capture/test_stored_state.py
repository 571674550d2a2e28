"""Named tuples and dataclasses are taken apart by what they hold, and no code of their class runs.

Each row of the tables makes an argument and says what is done with it.  The value is that of plain
Python; the derivative is that of differences by what the object holds: its items or fields moved one
by one, past everything that its class says.  Attributes besides the fields stay what they are.
"""

from __future__ import annotations

import copy
import dataclasses
from collections import deque, namedtuple
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pytest

import autodiff
import autodiff.optimize
from autodiff import containers

ENGINES = ("native", "numpy")


# -- classes that convert what they are given ------------------------------------------------------
class Metres(namedtuple("Metres", "length width")):
    """Given in another unit than kept."""

    __slots__ = ()

    def __new__(cls, length, width):
        return super().__new__(cls, length * 2.0, width)


class Square(namedtuple("Square", "side area")):
    """Made of fewer arguments than it has items."""

    def __new__(cls, side):
        return super().__new__(cls, side, side * 3.0)


class Scaled(namedtuple("Scaled", "a b")):
    """Its items are not what its ``[]`` gives."""

    def __getitem__(self, k):
        return tuple.__getitem__(self, k) * 10.0


class Marked(namedtuple("Marked", "a b")):
    """Has an attribute besides its items, which hides one of the class."""

    mark = 5.0


def marked(a, mark):
    made = Marked(a, 2.0)
    made.mark = mark
    return made


@dataclass
class Hiding:
    a: float
    k = 5.0


def hiding(a, k):
    made = Hiding(a)
    made.k = k
    return made


@dataclass
class Doubled:
    a: float

    def __post_init__(self):
        self.twice = 2.0 * self.a


@dataclass
class Checked:
    """A field behind a property: getter and setter convert."""

    b: float
    a: float

    @property
    def a(self):  # noqa: F811
        return self.__dict__["a"] * 2.0

    @a.setter
    def a(self, value):
        self.__dict__["a"] = value * 3.0


@dataclass
class Reading:
    a: float
    b: float

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        return found * 2.0 if name == "a" else found


@dataclass
class Storing:
    a: float
    b: float

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value * 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slotted:
    a: float
    b: float = 2.0


@dataclass
class Derived(Doubled):
    b: float = 3.0
    counts: list = field(default_factory=lambda: [1.0, 2.0])


@dataclass
class Node:
    value: float
    nodes: list = field(default_factory=list)

    def add(self, node):
        node.parent = self
        self.nodes.append(node)
        return self


def family(a):
    return Node(a).add(Node(2.0 * a)).add(Node(3.0).add(Node(4.0)))


def of_parents(node):
    total = 0.0
    for below in node.nodes:
        total = total + below.value**2 * below.parent.value + of_parents(below)
    return total


def product(p):
    return p.a * p.b


# What is done with it, and how to make an argument: of other numbers for each call.
ARGUMENTS: dict[str, tuple[Any, Any]] = {
    "a conversion in __new__": (lambda p: p.length * p.width + p[0], lambda s: Metres(s, 2.0)),
    "another signature": (lambda p: p.side**2 * p.area, lambda s: Square(s)),
    "a conversion when it is read": (lambda p: p[0] * p[1] + p.a, lambda s: Scaled(s, 2.0)),
    "a copy": (lambda p: copy.copy(p).a * p.b, lambda s: Marked(s, 2.0)),
    "another item": (lambda p: p._replace(b=p.a * 3.0).b * p.b, lambda s: Marked(s, 2.0)),
    "an attribute of a tuple": (lambda p: p.a * p.b * p.mark, lambda s: marked(s, 3.0 * s)),
    "a hidden class attribute": (lambda e: e.a**2 * e.k, lambda s: hiding(s, 4.0 * s)),
    "an attribute of __post_init__": (lambda e: e.a**2 * e.twice, lambda s: Doubled(s)),
    "an array of __post_init__": (
        lambda e: np.sum(e.a**2 * e.twice),
        lambda s: Doubled(np.array([1.0, 2.0]) * s),
    ),
    "a property": (product, lambda s: Checked(2.0, s)),
    "__getattribute__": (product, lambda s: Reading(s, 3.0)),
    "__setattr__": (product, lambda s: Storing(s, 3.0)),
    "slots": (product, lambda s: Slotted(a=s)),
    "inherited fields": (lambda e: e.twice * product(e) + sum(e.counts), lambda s: Derived(s)),
    "back references": (of_parents, family),
    "in a list": (lambda p: sum(q.side * q.area for q in p), lambda s: [Square(s), Square(2 * s)]),
    "in a dict": (lambda p: p["q"].a * p["r"].k, lambda s: {"q": Hiding(s), "r": hiding(s, s)}),
    "named tuples in a table": (
        lambda rows: sum(r.side * r.area for r in rows),
        lambda s: [Square(s * k / 40.0) for k in range(40)],
    ),
    "objects in a table": (
        lambda rows: sum(r.a**2 * r.k for r in rows),
        lambda s: [Hiding(s * k) for k in range(12)],
    ),
    "objects with attributes": (
        lambda rows: sum(r.a**2 * r.k for r in rows),
        lambda s: [hiding(s * k, 1.0 * k) for k in range(12)],
    ),
    "slots in a table": (
        lambda rows: sum(r.a**2 * r.b for r in rows),
        lambda s: [Slotted(a=s * k) for k in range(12)],
    ),
}


def places(x: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the numbers are that a derivative has."""
    if isinstance(x, float):
        return [at]
    if isinstance(x, np.ndarray):
        return [(*at, k) for k in range(len(x))]
    return [place for key, part in parts(x) for place in places(part, (*at, key))]


def parts(x: Any) -> list[tuple[Any, Any]]:
    if isinstance(x, dict):
        return list(x.items())
    if isinstance(x, (list, tuple)):
        return list(enumerate(type(x).__base__.__iter__(x) if type(x) is tuple else _items(x)))
    held = containers.attributes_of(x)
    return [(f.name, held[f.name]) for f in dataclasses.fields(x) if f.name in held]


def _items(x: Any) -> list[Any]:
    return list((tuple if isinstance(x, tuple) else list).__iter__(x))


def moved(x: Any, at: tuple[Any, ...], step: float) -> Any:
    """``x``, in which the number at a place is another."""
    if not at:
        return x + step
    key, rest = at[0], at[1:]
    if isinstance(x, tuple):
        items = _items(x)
        items[key] = moved(items[key], rest, step)
        made = tuple.__new__(type(x), items)
        if hasattr(x, "__dict__"):
            made.__dict__.update(x.__dict__)
        return made
    if isinstance(x, (list, dict, np.ndarray)):
        x[key] = moved(x[key], rest, step)
        return x
    old = containers.attributes_of(x)[key]
    containers.set_attributes(x, {key: moved(old, rest, step)})
    return x


def number_at(x: Any, at: tuple[Any, ...]) -> float:
    for key in at:
        if isinstance(x, tuple):
            x = tuple.__getitem__(x, key)
        elif isinstance(x, (list, dict, np.ndarray)):
            x = x[key]
        else:
            x = containers.attributes_of(x)[key]
    return float(x)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_an_argument_is_what_it_holds(kind: str, engine: str) -> None:
    f, make = ARGUMENTS[kind]
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for s in (1.5, 0.75):
        assert value(make(s)) == pytest.approx(f(make(s)), rel=1e-14)
        found = slope(make(s))
        assert type(found) is type(make(s))
        assert places(found) == places(make(s))
        for at in places(found):
            differences = (f(moved(make(s), at, 1e-6)) - f(moved(make(s), at, -1e-6))) / 2e-6
            assert number_at(found, at) == pytest.approx(differences, rel=1e-6, abs=1e-6), at


# Made inside of the function: in branches, loops, lists, and as results.
def in_a_branch(x):
    p = Metres(x, x * x) if x > 1.0 else Metres(x * x, 1.0 * x)
    return p.length * p.width


def in_a_loop(x):
    p = Square(x)
    for _ in range(40):
        p = Square(p.area * 0.25 + 0.1 * p.side)
    return p.side * p.area


def in_a_list(x):
    made = []
    for k in range(40):
        made.append(Square(x * k))
    return sum(p.side * p.area for p in made)


def with_attributes_in_a_loop(x):
    p = marked(x, 3.0 * x)
    for _ in range(20):
        p = Marked(p.a * 0.9, p.b * p.mark)
        p.mark = 0.1 * x
    return p.a * p.mark * p.b


def an_attribute_in_a_branch(x):
    e = Hiding(x)
    if x > 1.0:
        e.k = 2.0 * x
    return e.a * e.k


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f", [in_a_branch, in_a_loop, in_a_list, with_attributes_in_a_loop, an_attribute_in_a_branch]
)
def test_made_inside(f: Any, engine: str) -> None:
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for x in (1.5, 0.75):
        assert value(x) == pytest.approx(f(x), rel=1e-13)
        assert slope(x) == pytest.approx((f(x + 1e-6) - f(x - 1e-6)) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "f",
    [
        lambda x: Metres(x, x * x),
        lambda x: [Square(x), {"a": Square(2.0 * x)}],
        lambda x: marked(x, 2.0 * x),
        lambda x: hiding(x, 2.0 * x),
        lambda x: [Doubled(x * k) for k in range(10)],
        lambda x: Storing(x, 2.0 * x),
        lambda x: Slotted(a=x),
    ],
)
def test_results_hold_what_plain_python_stores(f: Any, engine: str) -> None:
    value = autodiff.function(f, engine=engine)
    for x in (1.5, 0.75):
        assert held(value(x)) == held(f(x))


def held(x: Any) -> Any:
    """What an object holds, and those in it."""
    if isinstance(x, float):
        return x
    attributes = {name: held(y) for name, y in containers.attributes_of(x).items()}
    if isinstance(x, dict):
        return type(x), {key: held(y) for key, y in x.items()}, attributes
    items = [held(y) for y in _items(x)] if isinstance(x, (list, tuple)) else []
    return type(x), items, attributes


@dataclass
class Cached:
    a: float

    @cached_property
    def squared(self):
        return self.a**2


def test_what_a_cached_property_has_computed_is_computed_again_for_a_derivative() -> None:
    def f(e):
        return e.a * e.squared

    warm = Cached(2.0)
    assert f(warm) == 8.0
    assert autodiff.gradient(f)(warm).a == pytest.approx(12.0)
    stale = Cached(2.0)
    stale.__dict__["squared"] = 5.0
    assert autodiff.function(f)(stale) == f(stale) == 10.0


def test_other_attributes_at_later_calls() -> None:
    def f(e):
        return e.a * (e.k if isinstance(e.k, float) else len(e.k))

    value, slope = autodiff.function(f), autodiff.gradient(f)
    for k in (7.0, [1.0, 2.0], [3.0], "text", 8.0):
        assert value(hiding(2.0, k)) == f(hiding(2.0, k))
        assert slope(hiding(2.0, k)).a == f(hiding(1.0, k))
    assert value(Hiding(2.0)) == 10.0
    assert not hasattr(slope(hiding(2.0, 7.0)), "__dict__") or "k" not in vars(
        slope(hiding(2.0, 1.0))
    )


def test_a_node_that_is_moved_to_another_parent() -> None:
    slope = autodiff.gradient(of_parents)
    tree, other = family(1.5), family(2.5)
    assert slope(tree).value == pytest.approx(3.0**2 + 3.0**2)
    tree.nodes[0].parent = other
    assert slope(tree).value == pytest.approx(3.0**2)


# -- code of classes that runs inside of the function is interpreted -------------------------------
SCALE = 3.0


@dataclass
class Initialised:
    a: float

    def __post_init__(self):
        self.b = self.a * SCALE
        if self.a > SCALE:
            self.b = self.b + 1.0


@dataclass
class Converting:
    a: float

    def __setattr__(self, name, value):
        super().__setattr__(name, value * SCALE)


@dataclass
class WithFactory:
    a: float
    b: list = field(default_factory=lambda: [SCALE])


@dataclass(frozen=True, kw_only=True)
class FrozenInitialised:
    a: float
    weight: dataclasses.InitVar[float] = 2.0
    b: float = field(init=False)

    def __post_init__(self, weight):
        object.__setattr__(self, "b", self.a * weight * SCALE)


class Reader:
    def __init__(self, a):
        self.a = a

    def __getattribute__(self, name):
        found = object.__getattribute__(self, name)
        return found * SCALE if name == "a" else found


class Unit:
    """A descriptor."""

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, obj, owner=None):
        return self if obj is None else getattr(obj, self.name) * SCALE

    def __set__(self, obj, value):
        setattr(obj, self.name, value * 2.0)


class Described:
    a = Unit()

    def __init__(self, a):
        self.a = a


class Tail(deque):
    def __init__(self, a):
        super().__init__([a, 2.0 * a], maxlen=3)


def of_tail(x):
    tail = Tail(x)
    tail.append(x * SCALE)
    tail.append(x)
    return tail[0] * tail[1] * tail[2]


def in_a_loop_of_setters(x):
    e = Converting(x)
    for _ in range(12):
        e.a = 0.1 * e.a + x
    return e.a


CODE: dict[str, Any] = {
    "__post_init__": lambda x: Initialised(x).b * x,
    "__setattr__": lambda x: Converting(x).a,
    "__setattr__ in a loop": in_a_loop_of_setters,
    "a factory": lambda x: WithFactory(x).a * WithFactory(x).b[0],
    "a frozen dataclass": lambda x: FrozenInitialised(a=x, weight=x).b,
    "a default of what is only given": lambda x: FrozenInitialised(a=x).b,
    "dataclasses.replace": lambda x: dataclasses.replace(Initialised(1.0), a=x).b,
    "__getattribute__": lambda x: Reader(x).a * x,
    "a descriptor": lambda x: Described(x).a * x,
    "a class of deques": of_tail,
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", CODE)
def test_code_of_a_class_reads_globals_at_every_call(
    kind: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = CODE[kind]
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for scale in (3.0, 5.0, 1.25):
        monkeypatch.setitem(globals(), "SCALE", scale)
        for x in (1.5, 4.0):
            assert value(x) == pytest.approx(f(x), rel=1e-14)
            assert slope(x) == pytest.approx((f(x + 1e-6) - f(x - 1e-6)) / 2e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: Initialised().b * x, "missing 1 required positional argument: 'a'"),
        (lambda x: Initialised(x, b=2.0), "unexpected keyword argument 'b'"),
        (lambda x: dataclasses.replace(FrozenInitialised(a=x), b=x), "init=False"),
        (lambda x: dataclasses.replace(x, a=1.0), "dataclass instances"),
    ],
)
def test_wrong_arguments_of_a_dataclass_are_refused_as_by_python(call: Any, message: str) -> None:
    for run in (call, autodiff.function(call)):
        with pytest.raises((TypeError, ValueError), match=message):
            run(2.0)


# -- fields and attributes that lead back ---------------------------------------------------------
@dataclass
class Branch:
    value: float
    branches: list = field(default_factory=list)
    parent: Any = field(default=None, repr=False, compare=False)

    def add(self, branch):
        branch.parent = self
        self.branches.append(branch)
        return self


def grown(s):
    return Branch(s).add(Branch(2.0 * s)).add(Branch(3.0))


def of_branches(branch):
    return sum(b.value**2 * b.parent.value for b in branch.branches)


def ring(s):
    """Two objects that are given, and one that is not, which all know each other."""
    first, second, third = Hiding(s), Hiding(2.0 * s), Hiding(3.0)
    first.near, second.near, third.near = [second, third], [first], [first, second]
    return [first, second]


def of_ring(pair):
    return pair[0].a * sum(x.a * x.near[0].a for x in pair[0].near)


def of_identity(pair):
    first, second = pair
    return (
        first.a
        * (2.0 if first.near[0] is second else 3.0)
        * (5.0 if first.near[1] is second else 7.0)
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("f", "make"), [(of_branches, grown), (of_ring, ring), (of_identity, ring)]
)
def test_what_leads_back_into_the_arguments(f: Any, make: Any, engine: str) -> None:
    value, slope = autodiff.function(f, engine=engine), autodiff.gradient(f, engine=engine)
    for s in (1.5, 0.75):
        assert value(make(s)) == pytest.approx(f(make(s)), rel=1e-14)
        found = slope(make(s))
        for at in (
            (("value",), ("branches", 0, "value")) if f is of_branches else ((0, "a"), (1, "a"))
        ):
            differences = (f(moved(make(s), at, 1e-6)) - f(moved(make(s), at, -1e-6))) / 2e-6
            assert number_at(found, at) == pytest.approx(differences, rel=1e-6, abs=1e-6), at


def test_a_list_that_contains_itself_is_an_object() -> None:
    def f(x, items):
        return x * items[0] * items[1][0]

    value, slope = autodiff.function(f), autodiff.gradient(f, wrt=0)
    for s in (2.0, 3.0, 4.0):
        items: list[Any] = [s]
        items.append(items)
        assert value(1.5, items) == 1.5 * s * s
        assert slope(1.5, items) == s * s


def test_derivatives_of_results_have_the_fields_alone() -> None:
    def f(e):
        return Doubled(e.a * e.twice)

    e = Doubled(1.5)
    row = autodiff.jacobian(f)(e)
    assert held(row) == (Doubled, [], {"a": (Doubled, [], {"a": 3.0})})
    value, tangent = autodiff.jvp(f, (e,), (Doubled(2.0),))
    assert held(value) == held(f(e)) and held(tangent) == (Doubled, [], {"a": 6.0})
    value, pull = autodiff.vjp(f, e)
    for cotangent in (value, tangent):
        assert pull(cotangent)[0].a == pytest.approx(3.0 * cotangent.a)


def test_other_transformations_take_arguments_apart_in_the_same_way() -> None:
    def f(e):
        return (e.a - 1.0) ** 2 * e.k

    e = hiding(3.0, 4.0)
    assert autodiff.hessian(f)(e).a.a == 8.0
    assert autodiff.hessian_vector(f)(e, _tensors=autodiff.gradient(f)(e)).a == 8.0 * 16.0
    autodiff.check_gradient(f, e)  # raises where they differ
    assert autodiff.optimize.minimize(f, e).x.a == pytest.approx(1.0)
    inner = autodiff.function(lambda x: autodiff.gradient(f)(hiding(x, x)).a)
    assert inner(3.0) == 12.0
