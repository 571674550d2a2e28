"""What has a traced number in it as a key of a dict or a member of a set, and is found and returned as in Python."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

import autodiff
from tests.capture.support import ENGINES

Pair = namedtuple("Pair", "a b")


@dataclass(frozen=True, order=True)
class Point:
    a: float
    b: float = 1.0


class Hashed:
    def __init__(self, a):
        self.a = a

    def __hash__(self):
        return hash(self.a)

    def __eq__(self, other):
        return isinstance(other, Hashed) and self.a == other.a

    def __repr__(self):
        return f"Hashed({self.a})"


MAKE = {
    "number": lambda x: x, "tuple": lambda x: (x, 1.0), "nested": lambda x: (1, (x, "a")), "named": lambda x: Pair(x, 1),
    "frozen": lambda x: frozenset([x]), "dataclass": Point, "object": Hashed, "mixed": lambda x: (Point(x), Pair(x, 0)),
}  # fmt: skip
USES = [
    lambda k, x: {k(x): x}, lambda k, x: {k(x), k(x + 1)}, lambda k, x: {k(x): x}[k(x)] * 2, lambda k, x: k(x) in {k(x): 1},
    lambda k, x: len({k(x), k(x), k(2 * x)}), lambda k, x: {k(x): 1, k(2 * x): 2}[k(2 * x)] * x, lambda k, x: {k(x): x}.get(k(x + 1), x * 3),
    lambda k, x: frozenset([k(x)]), lambda k, x: set([k(x)]) | {1}, lambda k, x: {k(x)} & {k(x)}, lambda k, x: {k(x), 1} - {1},
    lambda k, x: {k(y) for y in [x, x]}, lambda k, x: {k(y): y for y in [x, x + 1]}, lambda k, x: dict.fromkeys([k(x), k(x)], x),
    lambda k, x: {k(x): {k(x): [x]}}, lambda k, x: [{k(x)}, {*[k(x)]}], lambda k, x: {k(x): 1} | {2: x}, lambda k, x: ({k(x)}.union([1]), x),
    lambda k, x: hash(k(x)) == hash(k(x)), lambda k, x: [k(x), k(x + 1)].index(k(x + 1)), lambda k, x: (k(x), 1) in {(k(x), 1)},
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", MAKE)
def test_found_and_returned(kind, engine):
    make = MAKE[kind]
    for use in USES:
        compiled = autodiff.function(lambda x: use(make, x), engine=engine)
        for x in (2.0, np.float64(3.5), 2.0):
            assert repr(compiled(x)) == repr(use(make, x))


GIVEN = [
    lambda x: {x: 1}, lambda x: {x, 1}, lambda x: {x}, lambda x: ({x} | {1}, x), lambda x: {"a": 1}.get(x, 2.0), lambda x: {x: 3.0}[x],
    lambda x: frozenset([x]), lambda x: x in {x: 1}, lambda x: {(x, 1): 2}, lambda x: [{x}, {y for y in [x]}], lambda x: dict.fromkeys([x], x),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::autodiff.errors.FallbackWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("f", GIVEN)
def test_a_tuple_that_is_an_argument(f, engine):
    compiled = autodiff.function(f, engine=engine)
    for x in ((1.0, 2.0), (3.0, 2.0)):
        assert repr(compiled(x)) == repr(f(x))


def remembered(x, table):
    key = round(x, 1)
    if key not in table:
        table[key] = 10.0 * x
    table.pop((x, "gone"), None)
    return table[key] * x


@pytest.mark.parametrize("engine", ENGINES)
def test_keys_that_are_stored_into_an_argument(engine):
    compiled = autodiff.function(remembered, engine=engine)
    for x in (2.0, 0.5, 2.0, 2.04):
        for table in ({}, {2.0: 7.0}, {(x, "gone"): 1, 0.5: 3.0}):
            ours, plain = dict(table), dict(table)
            assert compiled(x, ours) == remembered(x, plain)
            assert repr(ours) == repr(plain)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", MAKE)
def test_slopes_of_what_is_found(kind, engine):
    make = MAKE[kind]

    def f(x):
        table = {make(x): x * x, make(x + 1): x}
        return table[make(x)] + table.get(make(x + 1)) + table.get(make(x + 2), 3 * x)

    assert autodiff.value_and_gradient(f, engine=engine)(2.0) == (12.0, 8.0)
