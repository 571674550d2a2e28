"""Containers: flattening and rebuilding, order of leaves, what counts as a leaf."""

import dataclasses
import subprocess
import sys
from collections import OrderedDict, deque, namedtuple
from typing import Any

import numpy as np
import pytest

from autodiff import tree

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Layer:
    weight: Any
    bias: Any = 0.0


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any


@dataclasses.dataclass
class Checked:
    """Its constructor refuses what is not a float: rebuilding must not go through it."""

    value: Any

    def __post_init__(self) -> None:
        if not isinstance(self.value, float):
            raise TypeError("a float, please")


CASES: list[tuple[Any, list[Any], list[str]]] = [
    ((1, 2), [1, 2], ["[0]", "[1]"]),
    ([1, [2, 3]], [1, 2, 3], ["[0]", "[1][0]", "[1][1]"]),
    ({"b": 1, "a": (2,)}, [2, 1], ["['a'][0]", "['b']"]),
    (Pair(1, [2]), [1, 2], [".left", ".right[0]"]),
    (OrderedDict(b=1, a=2), [1, 2], ["['b']", "['a']"]),
    (deque([1, 2]), [1, 2], ["[0]", "[1]"]),
    (Layer(1, 2), [1, 2], [".weight", ".bias"]),
    ([Layer(1, Frozen(2))], [1, 2], ["[0].weight", "[0].bias.value"]),
    ((), [], []),
    ((None, 1), [None, 1], ["[0]", "[1]"]),
]


@pytest.mark.parametrize(("container", "leaves", "paths"), CASES, ids=lambda x: repr(x)[:30])
def test_flattening_and_rebuilding(container: Any, leaves: list[Any], paths: list[str]) -> None:
    assert tree.is_container(container)
    found, definition = tree.flatten(container)
    assert found == leaves
    rebuilt = tree.unflatten(definition, found)
    assert rebuilt == container
    assert type(rebuilt) is type(container)
    doubled = tree.unflatten(definition, [x if x is None else 10 * x for x in found])
    assert tree.flatten(doubled)[0] == [x if x is None else 10 * x for x in leaves]


@pytest.mark.parametrize(("container", "leaves", "paths"), CASES, ids=lambda x: repr(x)[:30])
def test_accessors_are_python_that_reaches_the_leaf(
    container: Any, leaves: list[Any], paths: list[str]
) -> None:
    _, definition = tree.flatten(container)
    found = [path.removeprefix("container") for path in tree.paths(definition, "container")]
    assert found == paths
    assert [eval(f"container{path}", {"container": container}) for path in found] == leaves


@pytest.mark.parametrize("leaf", [1.0, None, "text", np.ones(3), {1, 2}, Layer, range(3), object()])
def test_leaves(leaf: Any) -> None:
    assert not tree.is_container(leaf)
    found, definition = tree.flatten(leaf)
    assert len(found) == 1
    assert found[0] is leaf
    assert tree.unflatten(definition, [7]) == 7


def test_a_dict_keeps_the_order_of_its_keys() -> None:
    container = {"b": 1, "a": 2}
    leaves, definition = tree.flatten(container)
    assert list(tree.unflatten(definition, leaves)) == ["b", "a"]


def test_rebuilding_a_dataclass_does_not_run_its_constructor() -> None:
    leaves, definition = tree.flatten(Checked(1.0))
    assert tree.unflatten(definition, ["traced"]).value == "traced"


def test_a_field_that_is_not_set_is_no_leaf() -> None:
    layer = Layer.__new__(Layer)
    layer.weight = 3
    assert tree.flatten(layer)[0] == [3]  # a default is an attribute of the class
    frozen = Frozen.__new__(Frozen)
    leaves, definition = tree.flatten(frozen)
    assert leaves == []
    assert not hasattr(tree.unflatten(definition, []), "value")


def test_equal_structures_have_equal_definitions() -> None:
    first = tree.flatten({"a": [1, 2]})[1]
    assert first == tree.flatten({"a": [3, 4]})[1]
    assert first != tree.flatten({"a": (3, 4)})[1]
    assert len({first, tree.flatten({"a": [5, 6]})[1]}) == 1


def test_optree_is_not_loaded_for_plain_arrays() -> None:
    code = (
        "import sys, numpy as np, autodiff;"
        "autodiff.function(lambda x: x + 1, engine='numpy')(np.ones(2));"
        "sys.exit('optree' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_order_of_keys_is_found_in_every_kind_of_container() -> None:
    @dataclasses.dataclass
    class Holder:
        inside: dict

    ab, ba = {"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}
    for wrap in (
        lambda d: d,
        lambda d: [1.0, (d,)],
        lambda d: {"k": d},
        Holder,
        lambda d: deque([d]),
    ):
        assert tree.key_orders(wrap(ab)) != tree.key_orders(wrap(ba))
        assert tree.key_orders(wrap(ab)) == tree.key_orders(wrap(dict(ab)))
    assert tree.key_orders([1.0, (2.0, [])]) == []


def test_moved_keys_of_an_ordered_dict_keep_their_places():
    moved = OrderedDict(a=1.0, b=2.0, c=3.0)
    moved.move_to_end("a")
    for held in (moved, [moved, 4.0], {"k": (moved,)}):
        leaves, definition = tree.flatten(held)
        assert leaves[:3] == [2.0, 3.0, 1.0]
        again = tree.unflatten(definition, leaves)
        assert repr(again) == repr(held)
