"""Simple containers are taken apart as optree takes them apart, and without it."""

import collections
from typing import Any, NamedTuple

import numpy as np
import optree
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff
from autodiff import nesting, tree
from tests.test_import import loaded_by


class Point(NamedTuple):
    x: float
    y: float


NESTED = st.recursive(
    st.sampled_from([1.0, None, "text", 3, np.float64(2.0)]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text("ab'", max_size=2), inner, max_size=3),
    ),
    max_leaves=8,
)


def theirs(obj: Any) -> tuple[list[Any], Any]:
    return optree.tree_flatten(obj, none_is_leaf=True)


@settings(max_examples=200, deadline=None)
@given(NESTED, NESTED)
def test_leaves_and_definitions_are_those_of_optree(obj: Any, other: Any) -> None:
    if not isinstance(obj, (list, tuple, dict)):
        obj = [obj]
    leaves, definition = tree.flatten(obj)
    expected, spec = theirs(obj)
    assert type(definition) is nesting.Definition
    assert len(leaves) == len(expected) == definition.num_leaves
    assert all(a is b for a, b in zip(leaves, expected, strict=True))
    numbers = list(range(len(leaves)))
    made, wanted = definition.unflatten(numbers), spec.unflatten(numbers)
    assert made == wanted
    assert repr(made) == repr(wanted)  # the order of names as well
    paths = ["x" + "".join(e.codify("") for e in a) for a in spec.accessors()]
    assert list(tree.paths(definition, "x")) == paths
    if isinstance(other, (list, tuple, dict)):
        same = tree.flatten(other)[1]
        assert (same == definition) == (theirs(other)[1] == spec)
        assert same != definition or hash(same) == hash(definition)


@pytest.mark.parametrize(
    "obj",
    [
        [Point(1.0, 2.0)],
        (collections.OrderedDict(a=1.0),),
        {"a": collections.deque([1.0])},
        {1: 2.0},
        {"a": 1.0, 2: 3.0},
    ],
    ids=repr,
)
def test_other_containers_are_optrees(obj: Any) -> None:
    leaves, definition = tree.flatten(obj)
    assert type(definition) is not nesting.Definition
    assert leaves == theirs(obj)[0]


def test_deep_and_endless_containers_are_optrees() -> None:
    deep: Any = 1.0
    for _ in range(60):
        deep = [deep, 2.0]
    assert tree.flatten(deep)[0] == theirs(deep)[0]
    endless: list[Any] = [1.0]
    endless += [endless, endless]
    with pytest.raises(RecursionError):
        tree.flatten(endless)


def test_what_is_a_leaf_is_not_looked_into() -> None:
    leaves, definition = tree.flatten({"b": [1, 2], "a": (3, 4)}, is_leaf=lambda x: type(x) is list)
    assert leaves == [3, 4, [1, 2]]
    assert definition.unflatten("xyz") == {"b": "z", "a": ("x", "y")}


def test_another_container_is_flattened_as_far() -> None:
    definition = tree.flatten({"a": 1.0, "b": (2.0, 3.0)})[1]
    assert definition.flatten_up_to({"b": ([1], 2), "a": 3}) == [3, [1], 2]
    with pytest.raises(ValueError, match="Expected an instance of tuple"):
        definition.flatten_up_to({"a": 1, "b": 2})
    with pytest.raises(ValueError, match="2 leaves for a container of 3"):
        definition.unflatten([1, 2])


@pytest.mark.parametrize(
    "call",
    [
        "autodiff.gradient(lambda x, a: a * np.sum(x * x))(np.ones(3), 2.0)",
        "autodiff.value_and_gradient(lambda p: np.sum(p['w'] * p['b'][0]))({'w': np.ones(3), 'b': [2.0]})",
    ],
    ids=["two arguments", "dict"],
)
def test_simple_containers_do_not_load_optree(call: str) -> None:
    found = loaded_by(f"import numpy as np, autodiff; {call}")
    assert "autodiff" in found and "optree" not in found


RATES = {1: 2.0, 2: 3.0, 3: 5.0}


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_derivative_inside_whose_function_asks_for_a_value(engine):
    """What is differentiated inside is known at the call: Python may ask for it, under a guard."""

    def energy(x):
        return np.sum(x**2) * RATES[int(x[0])]

    slope = autodiff.gradient(energy)
    total = autodiff.gradient(lambda x: np.sum(slope(x * 1.0) ** 2), engine=engine)
    for start in (1.5, 1.25, 2.5, 1.75):
        x = np.array([start, 0.5])
        np.testing.assert_allclose(total(x), 8 * RATES[int(start)] ** 2 * x)
