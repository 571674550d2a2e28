"""What stands for a module until something of it is used."""

import sys
import types

import pytest

from autodiff.later import later


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType("some_module_of_a_test")
    made.__dict__["value"] = 1
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def test_it_is_as_the_module_from_its_first_use_on(module: types.ModuleType) -> None:
    awaited = later(module.__name__)
    assert awaited.value == 1
    module.__dict__["value"] = 2
    assert awaited.value == 2
    awaited.other = 3
    assert module.__dict__["other"] == 3
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        awaited.nothing  # noqa: B018


def test_nothing_is_loaded_before() -> None:
    awaited = later("autodiff.no_such_module")
    with pytest.raises(ModuleNotFoundError):
        awaited.anything  # noqa: B018
