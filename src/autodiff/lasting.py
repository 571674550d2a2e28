"""What is as lasting as its module, and references to what is not.

    Weak.of(np.sin)       np.sin
    Weak.of(h)            a weak reference to a function that another one has made

What is compiled for an object that may go must not keep it.
"""

from __future__ import annotations

import sys
import weakref
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np


class Weak(weakref.ref[Any]):
    """A weak reference to what a guard compares with: none may be equal to it any more."""

    __slots__ = ("__name__",)
    __name__: str

    @classmethod
    def of(cls, obj: Any) -> Any:
        """A weak reference to an object that may go, else the object."""
        if is_lasting(obj):
            return obj
        try:
            made = cls(obj)
        except TypeError:
            return obj
        try:  # before ``__getattr__`` of the user's, which may do anything
            name = object.__getattribute__(obj, "__name__")
        except AttributeError:
            name = None
        made.__name__ = name if isinstance(name, str) else f"the same {type(obj).__name__}"
        return made

    @staticmethod
    def compared(name: str) -> str:
        """The text to the right of ``x is``, for a reference of this name: None is not what is gone."""
        return f"{name}() is not None"


def is_lasting(obj: Any) -> bool:
    """Whether an object is there as long as a module: a class that it has by its name, what is in C.

    Functions are not: who deletes one, or defines it anew in a notebook, is rid of its defaults.
    """
    if isinstance(obj, type):
        found: Any = sys.modules.get(obj.__module__ or "")
        for name in obj.__qualname__.split("."):
            found = getattr(found, "__dict__", {}).get(name)
        return found is obj
    if type(obj) is dict:
        module = sys.modules.get(str(obj.get("__name__")))
        return module is not None and vars(module) is obj
    if isinstance(obj, BuiltinFunctionType):
        return obj.__self__ is None or isinstance(obj.__self__, ModuleType)
    return isinstance(obj, (ModuleType, np.ufunc))


def holds_nothing(obj: Any) -> bool:
    """Whether an object is a function with no closure, defaults or attributes: only code of its module."""
    return (
        isinstance(obj, FunctionType)
        and not (obj.__closure__ or obj.__defaults__ or obj.__kwdefaults__ or obj.__dict__)
        and is_lasting(obj.__globals__)
    )


__all__ = ["Weak", "holds_nothing", "is_lasting"]
