"""Objects that keep their attributes in slots, and dataclasses that are compared: as objects with a ``__dict__``."""

import copy
import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES, captured, uncompiled_allowed

engines = pytest.mark.parametrize("engine", ENGINES)


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def move(self, h):
        self.x += h * self.y
        self.y -= h * self.x


class Solid(Point):
    __slots__ = ("z",)

    def __init__(self, x, y, z):
        super().__init__(x, y)
        self.z = z


class Half(Point):  # slots, and a table
    pass


@dataclasses.dataclass(slots=True)
class State:
    x: float
    n: int = 0


@dataclasses.dataclass(slots=True, frozen=True, order=True)
class Fixed:
    x: float
    y: float = 1.0


def rebound(v):
    p, q = Point(0.0, 1.0), Point(v, 0.5)
    for _ in range(40):
        p = p + q
    return p.x * p.y


def moved(v):
    p = Solid(v, 1.0, 0.0)
    for _ in range(40):
        p.move(0.01)
        if p.x > 1:
            p.z = p.z + p.x
        else:
            p = Solid(p.x, p.y + 0.01, p.z)
    return p.x * p.y + p.z


def chosen(v):
    p = Point(v, 1.0) if v > 1 else Point(2.0, v)
    q = p
    q.x += v
    return p.x * p.y


def replaced(v):
    s = Fixed(v)
    for _ in range(20):
        s = dataclasses.replace(s, x=s.x + 0.1 * s.y)
    return s.x


def listed(v):
    states = [State(v * k) for k in range(12)]
    for s in states:
        s.x += s.n
        s.n += 2
    best = states[0]
    for s in states:
        if s.x > best.x:
            best = s
    best.x = 3 * v
    return sum([s.x * s.n for s in states])


def with_a_table(v):
    p = Half(v, 1.0)
    p.w = 2.0
    for _ in range(6):
        p.x += p.w
        p.w *= 0.9
    return p.x * p.y * p.w


def unset(v):
    p = Point.__new__(Point)
    p.x = v
    for k in range(6):
        p.y = p.x * k
        p.x += p.y
    return p.x * p.y


LOOPS = [rebound, moved, replaced, listed]


@engines
@pytest.mark.parametrize("f", [*LOOPS, chosen, with_a_table, unset])
def test_values_and_derivatives(f: Callable[..., Any], engine: str) -> None:
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    gradient = autodiff.gradient(f, engine=engine)
    for v in (0.5, 1.5):
        assert compiled(v) == pytest.approx(f(v), rel=1e-14)
        assert gradient(v) == pytest.approx((f(v + 1e-6) - f(v - 1e-6)) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("f", LOOPS)
def test_their_loops_are_loops(f: Callable[..., Any]) -> None:
    assert "unrolled" not in " ".join(str(d) for d in captured(f, 0.5).decisions)


@engines
def test_objects_outside_and_in_the_arguments_are_stored_into(engine: str) -> None:
    def f(s, v):
        for _ in range(5):
            s.x += v
            s.n += 1
            outside.x += s.x
        return s

    def run(g: Callable[..., Any]) -> Any:
        outside.x = 1.0
        given = State(1.0)
        return repr([g(given, 0.5), g(given, 2.0), given, outside.x])

    outside = Point(1.0, 2.0)
    assert run(autodiff.function(f, engine=engine)) == run(f)


def compared(x):
    a = State(x)
    return (
        a == State(x),
        a != State(2.0),
        a == State(x, 1),
        a == 3,
        a == a,
        a in [State(2.0), State(3.0)],
    )


def ordered(x):
    b = Fixed(x)
    return (
        b < Fixed(2.5),
        b >= Fixed(2.0, x),
        max(b, Fixed(2.5)).x,
        sorted([b, Fixed(0.0), Fixed(2.5)])[1].x,
    )


@dataclasses.dataclass
class Holder:
    v: np.ndarray


def of_arrays(x):
    return Holder(x) == Holder(x), Holder(x) == Holder(x * 1)


@engines
@pytest.mark.parametrize(("f", "calls"), [
    (compared, (2.0, 3.0, -1.0, float("nan"))),
    (ordered, (2.0, 3.0, -1.0)),
    (of_arrays, (np.array([2.0]), np.array([3.0]))),
])  # fmt: skip
def test_dataclasses_compare_as_in_python(
    f: Callable[..., Any], calls: tuple[Any, ...], engine: str
) -> None:
    compiled = autodiff.function(f, engine=engine, on_fallback="error")
    for x in calls:
        assert repr(compiled(copy.copy(x))) == repr(f(x))


@engines
def test_a_comparison_that_python_refuses_is_refused_in_its_words(engine: str) -> None:
    def f(x):
        return Holder(x) == Holder(x * 1)

    if sys.version_info >= (3, 13):  # which asks no array whether it is true
        assert repr(autodiff.function(f, engine=engine)(np.ones(3))) == repr(f(np.ones(3)))
    else:
        with pytest.raises(ValueError, match="truth value of an array with more than one element"):
            autodiff.function(f, engine=engine)(np.ones(3))
    with pytest.raises(
        TypeError, match="'<' not supported between instances of 'Fixed' and 'State'"
    ):
        autodiff.function(lambda x: Fixed(x) < State(x), engine=engine)(1.0)


class Watched(Point):
    __slots__ = ("stores",)

    def __init__(self, x, y):
        self.stores = 0
        super().__init__(x, y)

    @property
    def x(self):
        return 2 * Point.x.__get__(self)

    @x.setter
    def x(self, value):
        self.stores += 1
        Point.x.__set__(self, value)


@engines
def test_a_property_before_a_slot_is_called(engine: str) -> None:
    def f(v):
        p = Watched(v, 1.0)
        for _ in range(6):
            p.x = 0.6 * p.x
        return p.x * p.stores

    with uncompiled_allowed():  # the slot is asked for past its class
        assert autodiff.function(f, engine=engine)(0.5) == pytest.approx(f(0.5), rel=1e-14)
