"""Calls: what runs as it is, what is interpreted, what is an operation, what is declined.

In this order: functions that capture answers in its own way (:mod:`~autodiff.capture.python_builtins`
and others), the user's Python functions (interpreted, so that their globals, branches and loops
are seen: :mod:`~autodiff.capture.functions`), bound methods, classes
(:mod:`~autodiff.capture.construction`), callable objects, and library functions
(:mod:`~autodiff.capture.library`): by the tables of :mod:`autodiff.ops.dispatch`, at Python speed
without traced arguments, and the rest, random numbers, files, time and unknown C functions, with
care or declined, so that the call runs uncompiled rather than with a frozen value.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from autodiff import labelled
from autodiff.capture import generators
from autodiff.capture.construction import construct
from autodiff.capture.functions import Closure, call_function
from autodiff.capture.interpreter import Frame
from autodiff.capture.library import Callback, call_library
from autodiff.capture.origins import is_impure, is_library
from autodiff.capture.trace import Declined
from autodiff.ops import dispatch
from autodiff.ops.tracer import Tracer


def call(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """Call anything from captured code."""
    special = _special().get(function) if _hashable(function) else None
    if special is not None:
        return special(frame, *args, **kwargs)
    if isinstance(function, (Closure, Callback)):
        return function(*args, **kwargs)
    nested = getattr(type(function), "__autodiff_inline__", None)
    if nested is not None:
        return nested(function, frame.trace, args, kwargs)
    if labelled.is_own(function) and labelled.holds(args, kwargs):
        return labelled.apply(function, args, kwargs)
    if isinstance(function, FunctionType) and "__autodiff_inline__" in function.__dict__:
        return function.__dict__["__autodiff_inline__"](frame.trace, args, kwargs)
    if isinstance(function, MethodType):
        if isinstance(function.__func__, Closure):
            return function.__func__(function.__self__, *args, **kwargs)
        if isinstance(function.__func__, FunctionType) and not is_library(function.__func__):
            return call_function(frame.trace, function.__func__, [function.__self__, *args], kwargs)
        return call_library(frame, function, args, kwargs, node)
    if isinstance(function, functools.partial):
        return call(
            frame, function.func, [*function.args, *args], {**function.keywords, **kwargs}, node
        )
    if isinstance(function, FunctionType) and not is_library(function):
        if function in dispatch.functions:
            return call_library(frame, function, args, kwargs, node)
        return call_function(frame.trace, function, args, kwargs)
    if isinstance(function, type) and not is_impure(function):
        return construct(frame, function, args, kwargs, node)
    if isinstance(function, np.vectorize):
        from autodiff.capture.numpy_callables import call_vectorized

        return call_vectorized(frame, function, args, kwargs, node)
    method = getattr(type(function), "__call__", None)  # noqa: B004 - the function itself
    if isinstance(method, FunctionType) and not is_library(method):
        frame.trace.guard_class(type(function), "__call__", method)
        return call_function(frame.trace, method, [function, *args], kwargs)
    if isinstance(method, Closure):
        return method(function, *args, **kwargs)
    return call_library(frame, function, args, kwargs, node)


@functools.cache
def _special() -> dict[Any, Callable[..., Any]]:
    """The functions that capture answers in its own way: ``handler(frame, *args)``."""
    from autodiff.capture import numpy_callables, python_builtins, text

    return {**python_builtins.FUNCTIONS, **numpy_callables.FUNCTIONS, **text.FUNCTIONS}


def _hashable(function: Any) -> bool:
    return isinstance(function, (type, BuiltinFunctionType, FunctionType, type(np.sum)))


def iterate(frame: Frame, obj: Any) -> Iterable[Any]:
    """What ``for x in obj`` goes through."""
    if isinstance(obj, Tracer):
        return iter(obj)
    if isinstance(obj, generators.TracedGenerator):
        return obj
    path = frame.trace.paths.get(id(obj))
    frame.trace.refuse_changed(obj, "a loop over the items")
    if path is None:
        if isinstance(obj, np.ndarray):
            return iter(Tracer.constant(obj))
        from autodiff.capture.expressions import own_method

        method = own_method(frame, obj, "__iter__")
        if isinstance(method, FunctionType) and is_library(method):
            return iter(obj)
        if method is not None:
            return iterate(frame, call(frame, method, [obj], {}, frame.scope.syntax.node))
        return iter(obj)
    if isinstance(obj, (list, tuple)):
        return iter([frame.trace.lift(x, path.item(k)) for k, x in enumerate(obj)])
    if isinstance(obj, (dict, set, frozenset, str, range)):
        return iter(obj)
    raise Declined(f"iteration over {type(obj).__name__}")
