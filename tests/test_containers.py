"""The table of containers: each kind is recognised, taken apart, and made anew of other parts."""

import copy
import dataclasses
import functools
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from enum import Enum
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import containers

Pair = namedtuple("Pair", "a b")


@dataclasses.dataclass
class Data:
    a: object


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: object


@dataclasses.dataclass(slots=True)
class Slots:
    a: object


class Plain:
    def __init__(self, a):
        self.a = a

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None

    def method(self):
        return self.a


class Mixed(Plain):
    __slots__ = ("extra",)


class Row(list):
    pass


class Table(dict):
    pass


class Colour(Enum):
    RED = 1


class Mark:
    """What is exchanged."""


OLD, NEW = "old", "new"


def noted(error):
    error.note = OLD
    return error


def mixed():
    x = Mixed(OLD)
    x.extra = OLD
    return x


EXAMPLES = {
    "list": lambda: [OLD, 1],
    "class of lists": lambda: Row([OLD]),
    "tuple": lambda: (OLD, 1),
    "named tuple": lambda: Pair(OLD, 2),
    "dict": lambda: {"k": OLD},
    "dict by key": lambda: {OLD: 1},
    "class of dicts": lambda: Table(k=OLD),
    "OrderedDict": lambda: OrderedDict([("b", OLD), ("a", 1)]),
    "defaultdict": lambda: defaultdict(list, k=OLD),
    "Counter": lambda: Counter({OLD: 2}),
    "deque": lambda: deque([OLD, 1], maxlen=4),
    "set": lambda: {OLD, 1},
    "frozenset": lambda: frozenset([OLD, 1]),
    "slice": lambda: slice(OLD, 1),
    "mappingproxy": lambda: types.MappingProxyType({"k": OLD}),
    "keys": lambda: {OLD: 1}.keys(),
    "values": lambda: {"k": OLD}.values(),
    "items": lambda: {"k": OLD}.items(),
    "ordered items": lambda: OrderedDict(k=OLD).items(),
    "exception": lambda: noted(ValueError("bad", OLD)),
    "partial": lambda: functools.partial(max, OLD, key=OLD),
    "bound method": lambda: Plain(OLD).method,
    "namespace": lambda: types.SimpleNamespace(a=OLD),
    "dataclass": lambda: Data(OLD),
    "frozen dataclass": lambda: Frozen(OLD),
    "slots": lambda: Slots(OLD),
    "instance": lambda: Plain(OLD),
    "dict and slots": mixed,
}
LEAVES = [
    1,
    1.5,
    "s",
    b"s",
    None,
    True,
    np.ones(2),
    np.float64(1),
    len,
    Plain,
    Colour.RED,
    np,
    range(3),
]


def is_old(x):
    return isinstance(x, str) and x == OLD


def exchanged(x):
    return containers.replaced(x, is_old, lambda part: NEW)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_container_is_made_anew_of_other_parts(name):
    x = EXAMPLES[name]()
    made = exchanged(x)
    assert type(made) is type(x)
    assert not containers.holds(made, is_old)
    assert containers.holds(made, lambda part: isinstance(part, str) and part == NEW)
    assert containers.holds(x, is_old), "the container itself is as it was"
    assert getattr(made, "maxlen", None) == getattr(x, "maxlen", None)
    assert getattr(made, "default_factory", None) is getattr(x, "default_factory", None)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_container_in_which_nothing_changes_is_not_copied(name):
    x = EXAMPLES[name]()
    assert containers.replaced([x, x], lambda part: isinstance(part, Mark), repr)[0] is x


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_and_back_again(name):
    x = EXAMPLES[name]()
    back = containers.replaced(
        exchanged(x), lambda p: isinstance(p, str) and p == NEW, lambda p: OLD
    )
    if name in ("values", "exception", "partial", "bound method", "dict and slots"):
        assert list(containers.leaves(back)) == list(containers.leaves(x))
    else:
        assert back == x


@pytest.mark.parametrize("name", EXAMPLES)
def test_settled_containers_that_can_change_are_the_same_objects(name):
    x = EXAMPLES[name]()
    holder = [x]
    containers.settle([holder], is_old, lambda part: NEW, stop=lambda part: False)
    assert not containers.holds(holder, is_old)
    kind = containers.kind_of(x)
    if kind.is_mutable or name in (
        "mappingproxy",
        "keys",
        "values",
        "items",
        "ordered items",
        "bound method",
    ):
        assert not containers.holds(x, is_old)
    if kind.is_mutable:
        assert holder[0] is x


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: type(leaf).__name__)
def test_everything_else_is_a_leaf(leaf):
    assert containers.kind_of(leaf) is None
    assert containers.parts_of(leaf) == []
    assert list(containers.leaves([leaf])) == [leaf] or leaf is LEAVES[6]


def test_order_and_keys_stay():
    assert list(exchanged(OrderedDict([("b", OLD), ("a", OLD)]))) == ["b", "a"]
    assert list(exchanged({"b": 1, OLD: 2, "a": OLD})) == ["b", NEW, "a"]


def test_one_object_in_two_places_is_one_object():
    inner = [OLD]
    made = exchanged([inner, {"k": inner}, Pair(inner, 1)])
    assert made[0] is made[1]["k"] is made[2].a
    assert made[0] == [NEW]


def test_containers_may_contain_themselves():
    items = [OLD]
    pair = (items, OLD)
    items += [items, pair]
    made = exchanged(pair)
    assert made[1] == NEW
    assert made[0][1] is made[0]
    assert made[0][2] is made
    node = Plain(OLD)
    node.self = node
    assert exchanged(node).self.a == NEW


def test_a_plan_makes_new_containers_each_time():
    items = [OLD]
    make = containers.planned([items, items], is_old, lambda part: lambda given: given)
    first, second = make(1), make(2)
    assert (first, second) == ([[1], [1]], [[2], [2]])
    assert first[0] is first[1]
    assert first[0] is not second[0]


def test_walks_end_where_they_are_told():
    x = [OLD, (OLD, [OLD])]
    assert containers.replaced(x, is_old, lambda p: NEW, stop=lambda p: isinstance(p, tuple)) == [
        NEW,
        (OLD, [OLD]),
    ]
    assert len(list(containers.leaves(x, stop=lambda p: isinstance(p, tuple)))) == 2


def test_copies_are_as_deep_as_asked():
    x = {"a": [1, (2, {3})]}
    made = containers.replaced(x, is_old, repr, copied=lambda part: True)
    assert made == copy.deepcopy(x)
    assert made["a"] is not x["a"]
    assert made["a"][1][1] is not x["a"][1][1]


def moved(x: Any) -> Any:
    made = OrderedDict(a=x[0], b=x[1], c=x[2])
    made.move_to_end("a")
    if x[0] > 0:
        made.move_to_end("b", last=False)
    return made


def told(made: Any) -> Any:
    return sum(k * v for k, v in enumerate(made.values()))


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_moved_keys_are_where_they_were_moved_to(engine: str) -> None:
    x = np.array([1.0, 2.0, 4.0])
    made, value = autodiff.function(moved, engine=engine), autodiff.function(told, engine=engine)
    slope = autodiff.gradient(told, engine=engine)
    for given in (x, -x, x):
        assert list(made(given).items()) == list(moved(given).items())
        table = moved(given)
        assert value(table) == told(table)
        assert list(slope(table).items()) == [(key, float(k)) for k, key in enumerate(table)]


def test_a_sequence_of_python_itself_is_compared_as_it_is():
    def f(x):
        return x * (2.0 if sys.version_info >= (3, 8) else 1.0) + sys.version_info.major

    np.testing.assert_array_equal(autodiff.function(f)(np.ones(2)), f(np.ones(2)))
