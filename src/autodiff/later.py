"""Modules that are loaded when something of them is first used.

    transform = later("autodiff.transform")        # loads nothing
    transform.Gradient(wrt)                        # loads it

For modules that most processes never need, or do not need when a result comes from the disk.
"""

from __future__ import annotations

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
