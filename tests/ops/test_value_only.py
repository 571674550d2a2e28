"""What has its value alone says so, and is there."""

import importlib

import numpy as np
import pytest
from scipy import linalg

import autodiff
from autodiff.ops.value_only import REASONS, why_value_only


@pytest.mark.parametrize("name", REASONS)
def test_what_is_listed_is_there(name: str) -> None:
    place, _, beginning = name.rpartition(".")
    module, _, cls = place.rpartition(".")
    of_class = cls.startswith("_") and hasattr(importlib.import_module(module), cls)
    space = (
        getattr(importlib.import_module(module), cls)
        if of_class
        else importlib.import_module(place)
    )
    inside = [*dir(space), *[f"_{n}" for n in dir(space)]]
    assert any(n.startswith(beginning) for n in inside) or importlib.import_module(name)


def test_the_longest_beginning_counts() -> None:
    assert why_value_only("scipy.sparse.csgraph.dijkstra") == REASONS["scipy.sparse.csgraph"]
    assert why_value_only("scipy.sparse.csr_array") is None
    assert why_value_only("numpy.ma.core.array") != why_value_only("numpy.matrix")


def test_the_error_says_why() -> None:
    with pytest.warns(autodiff.FallbackWarning), pytest.raises(autodiff.DerivativeError) as caught:
        autodiff.gradient(lambda q: np.sum(linalg.cossin(q, 1, 1, separate=True)[1]))(np.eye(3))
    assert str(caught.value).startswith(
        "AD302: scipy.linalg.cossin has its value alone, and no derivative: it is one routine of LAPACK, of "
        "which no derivative is known."
    )
