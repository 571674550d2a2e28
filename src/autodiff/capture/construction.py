"""Instances of classes: a user's ``__init__`` is interpreted.

    Model(w, 0.5)        a fresh object, whose attributes the interpreted ``__init__`` stores
    Point(x, y)          named tuples, enumerations and the like: made by their own machinery
    np.float64(x)        a cast
    ValueError("…")      only to be raised

Classes of NumPy and of the standard library are called as their functions are.
"""

from __future__ import annotations

import ast
import contextlib
from types import FunctionType
from typing import Any

import numpy as np

from autodiff.capture import generators
from autodiff.capture.functions import Closure, call_function
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import call_library
from autodiff.capture.origins import INTERPRETED, PURE_MODULES, module_of
from autodiff.capture.sourcecode import syntax_of
from autodiff.ops import dispatch
from autodiff.ops.tracer import Tracer


def construct(
    frame: Frame, cls: type, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """An instance of a class: a user's ``__init__`` is interpreted."""
    if issubclass(cls, np.generic) and len(args) == 1 and isinstance(args[0], Tracer):
        return dispatch.cast(args[0], cls)
    if issubclass(cls, BaseException):
        # Only to be raised: a path that raises becomes a check, and plain Python raises for it.
        return cls(*args, **kwargs)
    if cls is contextlib._GeneratorContextManager:
        return generators.make_context(frame, args[0], args[1], args[2], node)
    init = cls.__init__
    interpreted = module_of(init).startswith(INTERPRETED)
    if cls.__module__.split(".")[0] in PURE_MODULES and not interpreted:
        return call_library(frame, cls, args, kwargs, node)
    new = cls.__new__
    if type(cls).__call__ is not type.__call__ or new is not object.__new__:
        # Enumerations, named tuples and the like: made by their own machinery.
        return frame.trace.fresh(cls(*args, **kwargs))
    if not isinstance(init, (FunctionType, Closure)):
        return frame.trace.fresh(cls(*args, **kwargs))
    if isinstance(init, FunctionType):
        frame.trace.guard_class(cls, "__init__", init)
    instance = frame.trace.fresh(cls.__new__(cls))
    if isinstance(init, Closure) or syntax_of(init) is None:
        init(instance, *args, **kwargs)  # generated, as by dataclasses: plain assignments
    else:
        call_function(frame.trace, init, [instance, *args], kwargs)
    return instance
