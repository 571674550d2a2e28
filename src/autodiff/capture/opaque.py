"""Functions that capture cannot look into: run as they are where that is right, else declined.

In the uncompiled tier such a function gets the values its arguments have at this call; the result
is a constant of this call's program.  An argument that carries a derivative would lose it, so
that is an error which names the function, never a silent zero: at once where the result is an
object, else where a derivative by a number of it is asked for (:mod:`autodiff.ops.opaque`).  So a
statistic has its derivative although the p-value beside it has none.
"""

from __future__ import annotations

import ast
import copy
import io
import sys
from collections.abc import Sequence
from types import MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff import containers
from autodiff.capture.foreign import holders_of, is_apart
from autodiff.capture.interpreter import Frame
from autodiff.capture.origins import ARRAY_LIBRARIES, name_of, owner_of
from autodiff.capture.trace import Declined, traced_leaves
from autodiff.errors import AutodiffError, DerivativeError
from autodiff.ops import opaque
from autodiff.ops.complex_numbers import as_complex
from autodiff.ops.tracer import as_tracer, is_traced
from autodiff.ops.value_only import why_value_only
from autodiff.signals import door


def call_opaque(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """Call a function that no table knows on traced arguments."""
    trace = frame.trace
    reason = f"{name_of(function)}, which is not known to autodiff"
    trace.tier.decline(reason, frame.source(node))
    owner = owner_of(function)
    given = _with_values(trace, trace.untraced((args, kwargs)))
    run, sparse = function, [x for x in containers.leaves(given) if is_sparse(x)]
    if isinstance(function, MethodType) and holds_traced([owner]):
        sparse.append(_valued(trace, owner))
        run = MethodType(function.__func__, sparse[-1])
    parts = [dict(vars(x)) for x in sparse]
    arrays = [
        x
        for x in containers.leaves((*given, *map(list, map(dict.values, parts))))
        if isinstance(x, np.ndarray)
    ]
    lists = [x for x in containers.walk(given) if isinstance(x, list)]
    before, copies = copy.deepcopy(arrays), [list(items) for items in lists]
    state = _state(owner)
    result = run_native(run, *given)
    unchanged = all(
        len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
        for a, b in zip(copies, lists, strict=True)
    ) and all(np.array_equal(a, b) for a, b in zip(before, arrays, strict=True))
    unchanged = unchanged and all(
        vars(x).get(name) is value
        for x, part in zip(sparse, parts, strict=True)
        for name, value in part.items()
    )
    # Nothing came of it (a file was written), or text, which has no derivative itself; but a method
    # in C may keep what it is given.
    if isinstance(result, str):
        for tracer in traced_leaves((args, kwargs)):
            trace.note_written(tracer, result)
    keeps = not isinstance(owner, (type(None), type, ModuleType, io.IOBase))
    keeps = keeps and not writes(owner)
    if not isinstance(result, (str, type(None))) or not unchanged or keeps:
        # What an object was given it may have kept, where what it says is nothing but that it has.
        took = keeps and (result is None or _differs(state, _state(owner)))
        plain = unchanged and not any(map(is_sparse, sparse)) and not took and is_numbers(result)
        lost = _lost(frame, (owner, *args, *kwargs.values()))
        if lost and plain:
            error = lost_derivative(name_of(function), frame.source(node))
            trace.refusals.append((name_of(function), error))
            return _without_derivative(result, lost, error)
        refuse_lost_derivative(frame, function, args, kwargs, node)
        if not unchanged:
            raise Declined(f"{name_of(function)}, which changes its argument", frame.source(node))
    return lift_result(result)


_WRITERS = frozenset(("csv", "json", "pprint", "reprlib", "string", "textwrap", "traceback"))


def writes(x: Any) -> bool:
    """Whether a function, or the class of an object, makes text of what it is given, and keeps none of it."""
    module = getattr(x, "__module__", None)
    return isinstance(module, str) and module.split(".")[0].lstrip("_") in _WRITERS


def _state(owner: Any) -> dict[str, Any]:
    """The attributes of an object, arrays as copies beside themselves."""
    if isinstance(owner, (type(None), type, ModuleType)):
        return {}
    held = containers.found_plainly(owner, "__dict__", {})
    return {k: (v, v.copy() if type(v) is np.ndarray else None) for k, v in held.items()}


def _differs(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether an object has other attributes than it had, or arrays with another content."""
    if before.keys() != after.keys():
        return True
    for name, (old, content) in before.items():
        new, now = after[name]
        if old is not new or (content is not None and content.tobytes() != now.tobytes()):
            return True
    return False


_NUMBERS = (float, int, bool, str, type(None), np.generic)


def is_numbers(result: Any) -> bool:
    """Whether a result is numbers and arrays of numbers, in tuples, lists and dicts."""
    if type(result) is np.ndarray:
        return result.dtype.kind in "fiub"
    if isinstance(result, np.generic):
        return result.dtype.kind in "fiub"
    if type(result) is dict:
        return all(map(is_numbers, result.values()))
    if type(result) in (list, tuple) or isinstance(result, tuple) and hasattr(result, "_make"):
        return all(map(is_numbers, result))
    return isinstance(result, _NUMBERS)


def _without_derivative(result: Any, lost: list[Any], error: DerivativeError) -> Any:
    """A result whose floating-point numbers refuse to be differentiated."""
    if isinstance(result, dict):
        return {k: _without_derivative(v, lost, error) for k, v in result.items()}
    if isinstance(result, (list, tuple)):
        items = [_without_derivative(x, lost, error) for x in result]
        return result._make(items) if hasattr(result, "_make") else type(result)(items)
    if isinstance(result, (float, np.floating)) or (
        isinstance(result, np.ndarray) and result.dtype.kind == "f"
    ):
        return opaque.without_derivative(result, lost, error)
    return lift_result(result)


def refuse_lost_derivative(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> None:
    """Raise where a value that carries a derivative goes into a function that loses it."""
    if _lost(frame, (owner_of(function), *args, *kwargs.values())):
        raise lost_derivative(name_of(function), frame.source(node))


def lost_derivative(name: str, source: Any) -> DerivativeError:
    """The error for a function that autodiff cannot look into."""
    return DerivativeError(
        lost_text(name),
        code="AD302",
        source=source,
        remedy=_remedy_of_others(name)
        or "give it one with autodiff.custom_gradient, or pass its argument through "
        "autodiff.stop_gradient if no derivative should flow",
    )


def _remedy_of_others(name: str) -> str | None:
    """What to write instead of a function of a library that has arrays of its own."""
    root, _, rest = name.partition(".")
    if root not in ARRAY_LIBRARIES:
        return None
    last = rest.rpartition(".")[2]
    if "operator" in name:
        return "an operand is an array of that library: make it one of NumPy's with np.asarray"
    instead = f"np.{last}" if callable(getattr(np, last, None)) else "NumPy's functions"
    return f"plain NumPy is differentiated: write {instead}"


def lost_text(what: str) -> str:
    """What is said of such a function, or of ``a, which b calls,``."""
    inner, _, outer = what.removesuffix(" calls,").partition(", which ")
    reason = why_value_only(outer or inner)
    if reason is not None:
        return f"{outer or inner} has its value alone, and no derivative: {reason}."
    return f"{what} is not known to autodiff, so it has no derivative."


def _lost(frame: Frame, given: Any) -> list[Any]:
    """What carries a derivative among the arguments of a function."""
    trace = frame.trace
    held = [list(vars(x).values()) for x in containers.leaves(given) if _is_of_scipy(x)]
    found = []
    for tracer in traced_leaves((given[1:], held)):
        _, depends = trace.evaluate(tracer.value)
        if depends and tracer.dtype.kind == "f" and trace.differentiated(tracer.value):
            found.append(tracer)
    return found


def refuse_lost_zeros(frame: Frame, what: str, parts: Any, node: ast.AST) -> None:
    """Raise where SciPy leaves out the elements of an array that are 0, and they carry a derivative."""
    trace = frame.trace
    for tracer in traced_leaves(parts):
        if tracer.dtype.kind == "f" and trace.differentiated(tracer.value):
            raise DerivativeError(
                f"{what} leaves out elements that are 0, whose derivative would be lost.",
                code="AD302",
                source=frame.source(node),
                remedy="say which elements there are, as csr_array((data, (i, j))) does",
            )


def refuse_lost_item(frame: Frame, matrix: Any, value: Any, node: ast.AST) -> None:
    """Raise where a value that carries a derivative becomes an item of a sparse array in Python's own objects."""
    name = f"scipy.sparse.{type(matrix).__name__}"
    if why_value_only(name) is not None and _lost(frame, (None, value)):
        raise lost_derivative(name, frame.source(node))


def is_sparse(x: Any) -> bool:
    """Whether an object is one of SciPy's sparse arrays."""
    return str(type(x).__module__).startswith("scipy.sparse._")


def _is_of_scipy(x: Any) -> bool:
    """Whether an object is of a class of SciPy's that is written in Python, and so may hold tracers."""
    return str(type(x).__module__).startswith("scipy.") and hasattr(x, "__dict__")


def _may_hold(kind: type) -> bool:
    return issubclass(kind, (list, tuple)) or str(kind.__module__).startswith("scipy.")


def holds_traced(objects: Sequence[Any]) -> bool:
    """Whether one of the objects is, or holds, an object of SciPy's that the function made of traced arrays."""
    if "scipy" not in sys.modules:
        return False
    pending, seen = list(objects), set[int]()
    while pending:
        x = pending.pop()
        if isinstance(x, (list, tuple)):
            if id(x) not in seen:  # a list may hold itself; what it has in a store are numbers
                seen.add(id(x))
                items = list(list.__iter__(x) if isinstance(x, list) else x)
                if any(map(_may_hold, set(map(type, items)))):  # of thousands, a few types
                    pending += items
        elif _is_of_scipy(x) and is_traced(list(vars(x).values())):
            return True
    return False


def _with_values(trace: Any, given: Any) -> Any:
    """Arguments with copies of the sparse arrays that hold tracers, with their values at this call."""
    args, kwargs = given

    return [_valued(trace, x) for x in args], {k: _valued(trace, x) for k, x in kwargs.items()}


def _valued(trace: Any, x: Any) -> Any:
    if isinstance(x, list) or type(x) is tuple:
        kind = list if isinstance(x, list) else tuple
        return kind([_valued(trace, item) for item in x]) if holds_traced(x) else x
    if not holds_traced([x]):
        return x
    made = object.__new__(type(x))  # not a copy, which SciPy's method would make of the tracers
    vars(made).update(trace.untraced(dict(vars(x))))
    return made


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
        and result.dtype.kind in "fiubc"
        and result.dtype.isnative
        and type(result) is np.ndarray
    ):
        if holders_of(result) > holders or not is_apart(result):
            return result
        return as_complex(result) if result.dtype.kind == "c" else as_tracer(result)
    if type(result) in (list, tuple):
        items = [lift_result(x, _HOLDERS_OF_ITEM) for x in result]
        # A list in it that a call only hands on stays that list.
        unchanged = all(a is b for a, b in zip(items, result, strict=True))
        return result if unchanged else type(result)(items)
    return result
