"""Containers to vectors and back."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from autodiff.errors import DtypeError
from autodiff.optimize.parameters import Layout, as_parameters

Point = namedtuple("Point", "a b")

TREES = {
    "vector": np.arange(3.0),
    "matrix": np.arange(6.0).reshape(2, 3),
    "number": 2.5,
    "zero-dimensional": np.array(2.5),
    "tuple": (np.ones(2), np.zeros((2, 2))),
    "dict": {"w": np.ones((2, 2)), "b": 0.5},
    "nested": {"layers": [np.ones(2), (np.zeros(1), 3.0)], "empty": []},
    "namedtuple": Point(np.ones(2), 1.0),
    "ordered": OrderedDict(z=np.ones(1), a=np.zeros(2)),
    "float32": (np.ones(2, dtype=np.float32), np.ones(1)),
    "None is kept": (None, np.ones(2)),
    "complex": (np.array([[1 + 2j, 3j]]), 0.5 - 1j, np.ones(2, np.complex64), 2.0),
    "no elements": (np.zeros((0, 3)), np.ones(2)),
}


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif a is None:
        assert b is None
    elif isinstance(a, list | tuple):
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        np.testing.assert_array_equal(a, b)
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_unpack_undoes_pack(tree):
    layout = Layout.of(tree)
    vector = layout.pack(tree)
    assert vector.shape == (layout.size,)
    assert vector.dtype == np.float64
    assert_same(layout.unpack(vector), tree)


def test_a_float_vector_passes_through_without_a_copy():
    x = np.arange(3.0)
    layout = Layout.of(x)
    assert layout.direct
    assert layout.pack(x) is x
    assert layout.unpack(x) is x


def test_unpacked_float64_arrays_are_views_of_the_vector():
    layout = Layout.of((np.zeros((2, 2)), np.zeros(1)))
    vector = np.arange(5.0)
    assert np.shares_memory(layout.unpack(vector)[0], vector)


def test_integers_become_floats():
    assert Layout.of(np.arange(3)).unpack(np.ones(3)).dtype == np.float64
    assert isinstance(Layout.of({"n": 3}).unpack(np.ones(1))["n"], float)


def test_parameters_of_other_dtypes_are_refused_with_a_remedy():
    with pytest.raises(DtypeError, match="dtype <U1; an optimiser needs numbers") as error:
        Layout.of(np.array(["a"]))
    assert "Pass float or complex arrays." in str(error.value)


def test_pack_jacobian_sorts_blocks_by_result_and_parameter():
    layout = Layout.of((np.zeros((2, 2)), 0.0))
    of_array = (np.arange(12.0).reshape(3, 2, 2), np.array([100.0, 101, 102]))
    matrix = layout.pack_jacobian(of_array)
    np.testing.assert_array_equal(matrix[1], [4, 5, 6, 7, 101])
    of_list = [(np.zeros((2, 2)), 1.0), (np.ones((2, 2)), 2.0)]
    np.testing.assert_array_equal(layout.pack_jacobian(of_list), [[0, 0, 0, 0, 1], [1, 1, 1, 1, 2]])


@pytest.mark.parametrize("x0", [[1.0, 2.0], (1, 2), np.array([1.0, 2.0])], ids=repr)
def test_numbers_in_a_row_are_a_vector(x0):
    parameters = as_parameters(x0)
    assert isinstance(parameters, np.ndarray)
    np.testing.assert_array_equal(parameters, [1, 2])


def test_a_number_is_a_vector_of_one_and_containers_are_kept():
    assert as_parameters(3.0).shape == (1,)
    assert as_parameters(np.array(3.0)).shape == (1,)
    tree = {"a": 1.0}
    assert as_parameters(tree) is tree
    pair = (np.ones(2), np.ones(3))
    assert as_parameters(pair) is pair
