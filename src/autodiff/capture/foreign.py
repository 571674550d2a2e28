"""Objects that compute for themselves: masked arrays, matrices, buffers, what SciPy's classes make.

Capture runs them as they are: ``np.ma.zeros(3)``, ``bytearray(24)``, ``scipy.sparse.eye(3)`` of values that are
no inputs are the real objects, changed where they are.  Two things follow.

    d = m.data                a view of memory that the masked array has as well: no array of the program
                              (:func:`is_apart`), since a store into it would not be seen in ``m``
    if x > 0: m.fill(3.0)     happens on one side only, but running it changes the object for good: it is
                              tried on a copy first (:func:`refuse_change`), and the branch is not staged
"""

from __future__ import annotations

import ast
import copy
import pickle
import sys
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff.capture.interpreter import Frame
from autodiff.capture.origins import owner_of
from autodiff.ops.tracer import StoredList, Tracer, is_traced
from autodiff.signals import door

_BUFFERS = (bytearray, memoryview, array)
_UNCHANGING = (type, ModuleType, FunctionType, BuiltinFunctionType, np.generic, np.dtype, np.ufunc)
_HOLDING = ("numpy", "scipy")  # libraries whose objects hold arrays


def is_apart(result: np.ndarray[Any, Any]) -> bool:
    """Whether no other object has the memory of an array that a library gave, and it may be stored into."""
    # Its base first: NumPy warns of the flag of what ``broadcast_arrays`` gives.
    return _base_is_apart(result) and result.flags.writeable


def holders_of(x: Any) -> int:
    """How often an object is referred to."""
    return sys.getrefcount(x)


def _base_is_apart(view: np.ndarray[Any, Any]) -> bool:
    if view.base is None:
        return True
    if holders_of(view.base) > _HOLDERS_OF_BASE:
        return False
    base = view.base
    if isinstance(base, np.ndarray):
        return _base_is_apart(base)
    # Memory that C code gave away together with an object that frees it, and nothing else.
    return type(base).__name__ == "PyCapsule"


_VIEW = np.empty(2)[:1]
_HOLDERS_OF_BASE = holders_of(_VIEW.base)


# -- changes ------------------------------------------------------------------------------------------
def changes_itself(x: Any) -> bool:
    """Whether an object is of this kind, and can change."""
    if isinstance(x, (Tracer, StoredList, *_UNCHANGING)):
        return False
    if isinstance(x, (np.ndarray, *_BUFFERS)):
        return True
    root = type(x).__module__.split(".")[0]
    return root in _HOLDING and hasattr(x, "__dict__")


def refuse_change(
    frame: Frame, function: Any, args: Sequence[Any], kwargs: dict[str, Any], node: ast.AST
) -> None:
    """Refuse a call that changes such an object, where what it does may not last or happens at every call.

    That is inside of a branch or loop, which is staged, and with objects from outside.
    """
    trace = frame.trace
    owner = owner_of(function)
    if isinstance(owner, _CONTAINERS):
        return  # its methods read what they are given, and it is looked after elsewhere
    objects = [x for x in (owner, *args, *kwargs.values()) if changes_itself(x)]
    objects = [x for x in objects if _may_not_change(trace, x)]
    if not trace.tier.holds_back or not objects or is_traced([*args, *kwargs.values()]):
        return
    for x in changed_by(function, args, kwargs, objects):
        trace.changing(x, frame.source(node))


def _may_not_change(trace: Any, x: Any) -> bool:
    return trace.is_external(x) or (len(trace.made) > 1 and id(x) not in trace.made[-1])


@door
def changed_by(
    function: Any, args: Sequence[Any], kwargs: dict[str, Any], objects: Sequence[Any]
) -> list[Any]:
    """Those of some objects that a call changes, found out by the same call of copies."""
    try:
        owner = owner_of(function)
        # The call of copies must not be done by the object itself: it would be done twice.
        owned = None if isinstance(owner, (ModuleType, type)) else owner
        copies, owned, given, named = copy.deepcopy((list(objects), owned, list(args), kwargs))
        before = [_state(c) for c in copies]
        tried = function if owned is None else _bound(function, owned)
    except Exception:  # it cannot be copied, so it cannot be tried
        return list(objects)
    try:
        tried(*given, **named)
    except Exception:
        pass  # the call itself will say so
    return [x for x, was, c in zip(objects, before, copies, strict=True) if _state(c) != was]


_CONTAINERS = (list, tuple, dict, set, frozenset, deque, str, bytes)


def _bound(function: Any, owner: Any) -> Callable[..., Any]:
    if isinstance(function, MethodType):
        return MethodType(function.__func__, owner)
    bound: Callable[..., Any] = getattr(owner, function.__name__)
    return bound


def _state(x: Any) -> Any:
    """What an object holds, to be compared."""
    if isinstance(x, np.ndarray):
        held = [id(item) for item in x.flat] if x.dtype.hasobject else x.tobytes()
        parts = [_state(part) for part in vars(x).values()] if hasattr(x, "__dict__") else []
        return held, str(x.dtype), x.shape, x.strides, x.__array_interface__["data"][1], parts
    if isinstance(x, _BUFFERS):
        return bytes(x)
    return pickle.dumps(x)


__all__ = ["changed_by", "changes_itself", "holders_of", "is_apart", "refuse_change"]
