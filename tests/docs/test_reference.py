"""The pages of reference have every public name, and no other."""

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import autodiff

PAGES = sorted((Path(__file__).parents[2] / "docs" / "reference").glob("*.rst"))
DIRECTIVE = re.compile(r"^\.\. auto(?:function|class|exception|data):: ([\w.]+)$", re.MULTILINE)
NAMED = [name for page in PAGES for name in DIRECTIVE.findall(page.read_text(encoding="utf-8"))]


def found(name: str) -> object:
    """What a dotted name leads to."""
    parts = name.split(".")
    for k in range(len(parts) - 1, 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for part in parts[k:]:
            value = getattr(value, part)
        return value
    raise AssertionError(f"there is no {name}")


def public(module: ModuleType) -> list[str]:
    """The functions and classes that a module defines and does not hide."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__.startswith(module.__name__)
    ]


@pytest.mark.parametrize(
    "module",
    [
        "autodiff",
        "autodiff.optimize",
        "autodiff.errors",
        "autodiff.plot",
        "autodiff.testing",
        "autodiff.distributed",
    ],
)
def test_every_public_name_has_its_place(module: str) -> None:
    home = importlib.import_module(module)
    names = getattr(home, "__all__", None) or public(home)
    shown = [found(name) for name in NAMED]
    hidden = {"pyplot", "is_signal_handlers", "locate"}  # for this package's own modules
    lacking = [
        name
        for name in names
        if not isinstance(value := getattr(home, name), (ModuleType, str))
        and name not in hidden
        and not getattr(value, "__module__", "").startswith("scipy.")  # handed on
        and not any(value is other for other in shown)
    ]
    assert lacking == []


def test_no_name_is_shown_twice_and_each_has_a_docstring() -> None:
    assert len(NAMED) == len(set(NAMED))
    for name in NAMED:
        value = found(name)
        if not isinstance(value, (dict, tuple)):
            assert inspect.getdoc(value), name


def test_every_method_of_a_compiled_function_is_described() -> None:
    for name, value in vars(autodiff.Function.__mro__[1]).items():
        if not name.startswith("_") and name != "function":
            assert inspect.getdoc(value), name
