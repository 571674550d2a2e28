"""Functions that capture cannot look into: run as they are where that is right, else declined.

In the uncompiled tier such a function gets the values its arguments have at this call; the result
is a constant of this call's program.  An argument that carries a derivative would lose it, so
that is an error which names the function, never a silent zero.
"""

from __future__ import annotations

import ast
import copy
import io
from types import ModuleType
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture.foreign import holders_of, is_apart
from autodiff.capture.interpreter import Frame
from autodiff.capture.origins import name_of
from autodiff.capture.trace import Declined, traced_leaves
from autodiff.errors import AutodiffError, DerivativeError
from autodiff.ops.tracer import Tracer
from autodiff.signals import door


def call_opaque(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """Call a function that no table knows on traced arguments."""
    trace = frame.trace
    reason = f"{name_of(function)}, which is not known to autodiff"
    trace.tier.decline(reason, frame.source(node))
    given = trace.untraced((args, kwargs))
    arrays = [x for x in containers.leaves(given) if isinstance(x, np.ndarray)]
    lists = [x for x in containers.walk(given) if isinstance(x, list)]
    before, copies = copy.deepcopy(arrays), [list(items) for items in lists]
    result = run_native(function, *given)
    unchanged = all(
        len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
        for a, b in zip(copies, lists, strict=True)
    ) and all(np.array_equal(a, b) for a, b in zip(before, arrays, strict=True))
    # Nothing came of it (a file was written), or text, which has no derivative itself; but a method
    # in C may keep what it is given.
    if isinstance(result, str):
        for tracer in traced_leaves((args, kwargs)):
            trace.note_written(tracer, result)
    owner = getattr(function, "__self__", None)
    keeps = not isinstance(owner, (type(None), type, ModuleType, io.IOBase))
    if not isinstance(result, (str, type(None))) or not unchanged or keeps:
        refuse_lost_derivative(frame, function, args, kwargs, node)
        if not unchanged:
            raise Declined(f"{name_of(function)}, which changes its argument", frame.source(node))
    return lift_result(result)


def refuse_lost_derivative(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> None:
    """Raise where a value that carries a derivative goes into a function that loses it."""
    trace = frame.trace
    for tracer in traced_leaves((args, kwargs)):
        _, depends = trace.evaluate(tracer.value)
        if depends and tracer.dtype.kind == "f" and trace.differentiated(tracer.value):
            raise DerivativeError(
                f"{name_of(function)} is not known to autodiff, so it has no derivative.",
                code="AD302",
                source=frame.source(node),
                remedy="give it one with autodiff.custom_gradient, or pass its argument through "
                "autodiff.stop_gradient if no derivative should flow",
            )


@door
def run_native(function: Any, args: Any, kwargs: Any) -> Any:
    """Call a library function; where it loses an error of the user's callback, that is raised."""
    try:
        return function(*args, **kwargs)
    except SystemError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, AutodiffError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        raise cause from None


def as_given(trace: Any, obj: Any) -> Any:
    """An argument with the values that its tracers have at this call."""
    return trace.untraced(obj)


def refuse_unseen(frame: Frame, objects: Any, node: Any = None) -> None:
    """Decline where Python itself would look into objects from outside, unseen."""
    trace = frame.trace
    if trace.tier.reusable and any(map(trace.reads_instance, objects)):
        reason = "a look into an object from outside of the function"
        raise Declined(reason, trace.builder.source if node is None else frame.source(node))


def _holders(result: Any, holders: int = 0) -> int:
    return holders_of(result)


# How often an array is referred to that a function has just returned, and one in a list of them,
# in a function that is called as :func:`lift_result` is.
_HOLDERS = _holders(np.empty(1))
(_HOLDERS_OF_ITEM,) = [_holders(x, 0) for x in [np.empty(1)]]


def lift_result(result: Any, holders: int = _HOLDERS) -> Any:
    """Arrays made by library calls become constants of the program, so that they can be stored into.

    One that shares its memory with something that is not traced (a masked array, a buffer) stays
    what it is: a store into a constant would not be seen there.  ``result`` is given as it is
    returned, without a name.
    """
    if (
        isinstance(result, np.ndarray)
        and result.dtype.kind in "fiub"
        and result.dtype.itemsize <= 8  # others are refused or converted where they are used
        and result.dtype.isnative
        and type(result) is np.ndarray
    ):
        if holders_of(result) > holders or not is_apart(result):
            return result
        return Tracer(Tracer.constant(result).value, "array")
    if type(result) in (list, tuple):
        items = [lift_result(x, _HOLDERS_OF_ITEM) for x in result]
        # A list in it that a call only hands on stays that list.
        unchanged = all(a is b for a, b in zip(items, result, strict=True))
        return result if unchanged else type(result)(items)
    return result
