"""Modules that are loaded when something of them is first used.

    transform = later("autodiff.transform")        # loads nothing
    transform.Gradient(wrt)                        # loads it

For modules that most processes never need, or do not need when a result comes from the disk.
"""

from __future__ import annotations

import importlib
from typing import Any


class later:
    """What stands for a module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)
