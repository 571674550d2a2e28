"""The function that ``vjp`` gives starts from the arguments as they were, however often it is called."""

from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff

ENGINES = ("numpy", "native")


class Box:
    def __init__(self, v):
        self.v = v
        self.items = [v, 2.0 * v]
        self.array = np.array([v, 1.0])
        self.inner = None


class Slotted:
    __slots__ = ("v",)

    def __init__(self, v):
        self.v = v


@dataclass
class Record:
    v: float


def attribute(b, x):
    b.v = b.v * x
    return b.v * x


def parts_of_an_object(b, x):
    b.array[0] = b.array[0] * x
    b.items[1] = b.items[1] * x
    return b.array[0] * b.items[1]


def in_a_loop(b, x):
    for _ in range(12):
        b.v = b.v * x
    return b.v


def objects_of_objects(b, x):
    b.inner.v = b.inner.v * x
    return b.v * b.inner.v * x


def first(b, x):
    b[0] = b[0] * x
    return b[0] * x


def taken_out(b, x):
    return b.pop() * x * len(b)


def entry(b, x):
    b["v"] = b["v"] * x
    return b["v"] * x


def in_a_dict(b, x):
    return attribute(b["box"], x)


def itself_twice(b, x):
    b[0].v = b[0].v * x
    return b[1].v * x


def nested():
    box = Box(0.5)
    box.inner = Box(1.3)
    return box


def twice():
    box = Box(1.3)
    return [box, box]


CASES = [
    (attribute, lambda: Box(1.3)), (attribute, lambda: Slotted(1.3)), (attribute, lambda: Record(1.3)),
    (parts_of_an_object, lambda: Box(1.3)), (in_a_loop, lambda: Box(1.3)), (objects_of_objects, nested),
    (first, lambda: [1.3]), (first, lambda: [1.3, "s"]), (first, lambda: np.array([1.3, 2.0])),
    (first, lambda: deque([1.3])), (taken_out, lambda: [1.3, 2.0]), (entry, lambda: {"v": 1.3}),
    (in_a_dict, lambda: {"box": Box(1.3)}), (itself_twice, twice),
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("f", "make"), CASES)
def test_cotangents_are_those_of_the_arguments_as_they_were(f, make, engine) -> None:
    given = make()
    value, pull = autodiff.vjp(f, given, 1.5, wrt=1, engine=engine)
    assert value == pytest.approx(f(make(), 1.5))
    expected = (f(make(), 1.5 + 1e-6) - f(make(), 1.5 - 1e-6)) / 2e-6
    for _ in range(3):
        assert pull(1.0) == (pytest.approx(expected, rel=1e-7),)


def test_an_object_that_does_not_change_is_itself() -> None:
    known = Box(2.0)

    def f(b, x):
        return b.v * x if b is known else x

    assert autodiff.vjp(f, known, 1.5, wrt=1)[1](1.0) == (2.0,)


def test_an_array_of_a_changed_object_is_found_by_wrt() -> None:
    box = Box(2.0)
    array = box.array

    def f(b, x):
        b.v = x
        return np.sum(b.array**2) * b.v

    (cotangent,) = autodiff.vjp(f, box, 3.0, wrt=array)[1](1.0)
    np.testing.assert_allclose(cotangent, 6.0 * array)
