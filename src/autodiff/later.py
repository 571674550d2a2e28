"""Modules that are loaded when something of them is first used.

    transform = later("autodiff.transform")        # loads nothing
    transform.Gradient(wrt)                        # loads it

    enter_later(TABLE, "autodiff.transform", key)  # TABLE[key](x): loads it, which enters what is called
    append_later(WAYS, "autodiff.transform")       # the same for what is asked in turn

For modules that most processes never need, or do not need when a result comes from the disk.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from autodiff.garbage import few_collections


def is_loaded(name: str) -> bool:
    """Load a module; whether that is complete, which it is not while the module's own body asks."""
    spec = importlib.import_module(name).__spec__
    return not getattr(spec, "_initializing", False)


class later:
    """What stands for a module."""

    __slots__ = ("__dict__", "_awaited")

    def __init__(self, name: str) -> None:
        self._awaited = name

    def __getattr__(self, name: str) -> Any:
        with few_collections():
            module = importlib.import_module(self._awaited)
        self.__dict__ = module.__dict__  # from now on what is said of one is said of the other
        return getattr(module, name)


def enter_later(table: dict[Any, Any], home: str, *keys: Any, through: Any = None) -> None:
    """Have a module enter what a table has for some keys, when one is first called, by ``through(table[key], …)`` if given."""

    def first(key: Any, /, *args: Any, **kwargs: Any) -> Any:
        importlib.import_module(home)
        function = table[key]
        return function(*args, **kwargs) if through is None else through(function, *args, **kwargs)

    table.update({key: functools.partial(first, key) for key in keys})


def append_later(ways: list[Any], home: str) -> None:
    """Have a module append what is asked in turn until something says something, when they are first asked."""

    def first(*args: Any) -> Any:
        if not is_loaded(home):  # its own body asks; other threads wait until it has been loaded
            return None
        if first in ways:
            ways.remove(first)
        return next(filter(None, (run(*args) for run in ways)), None)

    ways.append(first)
