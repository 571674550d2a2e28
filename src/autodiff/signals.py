"""Whose exception is it: the user's, one of our own signals, or a mistake of this library.

Capture runs the user's code inside of its own, so an ``AttributeError`` may be the program's, which
the user's ``except`` catches and plain Python raises too, or ours, which nothing may swallow: taken
for the user's, it would turn a branch into a check, a loop into its unrolled form, or have the
user's handler run.  Three kinds are told apart:

    Signal        what the stages say to each other, such as a Bail (ladder.py); never a user's
    the user's    raised below a *door* (``run_users``), by a ``raise`` that states what NumPy or
                  Python says here, or by NumPy asked by an operation what it makes of its operands
    ours          anything else: it becomes an :class:`~autodiff.errors.InternalError`

The traceback tells them apart, so that a step of the interpreter costs nothing: what matters is the
deepest frame of this package in it.  Where it is not certain that a mistake is ours, plain Python
has the last word (:mod:`autodiff.compiled.fallback`): what it raises as well is the user's.
"""

from __future__ import annotations

import dis
import os
import re
import sys
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import Any, TypeVar

from autodiff.errors import AutodiffError, InternalError
from autodiff.patterns import pattern
from autodiff.plain_data import dataclass
from autodiff.tracebacks import is_internal

F = TypeVar("F", bound=Callable[..., Any])

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Here NumPy and Python are asked what they make of the user's operands.
_ASKING = tuple(
    _HERE + name.replace("/", os.sep)
    for name in (
        "ops/",
        "labelled.py",
        "tree.py",
        "capture/lists.py",
        "capture/text.py",
        "capture/python_builtins.py",
        "capture/numpy_callables.py",
        "capture/copying.py",
        "capture/matching.py",
    )
)
# NotImplementedError is a RuntimeError, as is what solvers say that do not converge.
_VERDICTS = (TypeError, ValueError, IndexError, ArithmeticError, RuntimeError)
# NumPy, SciPy, and the Python files of the standard library.
_LIBRARY = pattern(
    r"[/\\](numpy|scipy)[/\\]|"
    + re.escape(os.path.dirname(os.__file__) + os.sep)
    + r"(?!(site|dist)-packages)|^<__array_function__"
)
# Not a mistake in the code of anybody: no memory, no stack.
_CIRCUMSTANCES = (MemoryError, RecursionError)
_RAISE = dis.opmap["RAISE_VARARGS"]

_DOORS: set[CodeType] = set()
_NOTE = "__autodiff_arose__"


class Signal(Exception):
    """What the stages of this library say to each other; no user ever sees one."""


class RuleFailed(Signal):
    """What a derivative by hand raises: no handler of the function sees it, the derivative's caller does.

    ``is_certain``: the rule raises it in plain Python too.
    """

    def __init__(self, error: Exception, is_certain: bool) -> None:
        super().__init__(text_of(error))
        self.error = error
        self.is_certain = is_certain


def door(function: F) -> F:
    """Mark a function that does nothing but run what is the user's."""
    _DOORS.add(getattr(function, "__code__"))  # noqa: B009 - functions only
    return function


@door
def run_users(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Run what is the user's: what it raises is the user's as well."""
    return function(*args, **kwargs)


@door
def apply_users(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The same with keywords that may be no strings: that is Python's to say."""
    return function(*args, **kwargs)


def is_ours(error: BaseException) -> bool:
    """Whether an exception is a mistake of this library, as far as its traceback tells."""
    if isinstance(error, InternalError):
        return True
    if isinstance(error, (Signal, AutodiffError, *_CIRCUMSTANCES)):
        return False
    if not isinstance(error, Exception):
        return False
    return _is_accident(error) and not (isinstance(error, _VERDICTS) and _is_asked(error))


def _is_asked(error: BaseException) -> bool:
    """Whether an operation of ours asked NumPy or Python, which answered by an exception."""
    deepest, innermost = _entries(error.__traceback__)
    if deepest is None or innermost is None:
        return False
    answering = innermost.tb_frame.f_code.co_filename
    asks = deepest.tb_frame.f_code.co_filename.startswith(_ASKING)
    return asks and (deepest is innermost or _LIBRARY.search(answering) is not None)


def is_of_operation(error: BaseException) -> bool:
    """Whether an exception is raised by what stands for a function of NumPy's or Python's."""
    deepest, _ = _entries(error.__traceback__)
    return deepest is not None and deepest.tb_frame.f_code.co_filename.startswith(_ASKING)


def is_unconfirmed(error: BaseException) -> bool:
    """Whether an exception that plain Python did not raise is a mistake of ours."""
    if isinstance(error, (Signal, AutodiffError, *_CIRCUMSTANCES)):
        return False
    return isinstance(error, Exception) and _is_accident(error)


def _is_accident(error: BaseException) -> bool:
    """Whether neither a door nor a ``raise`` of ours is where an exception comes from."""
    deepest, innermost = _entries(error.__traceback__)
    if deepest is None:
        return False
    code = deepest.tb_frame.f_code
    here = deepest is innermost
    raised = here and code.co_code[deepest.tb_lasti] == _RAISE
    if code in _DOORS:
        return here and not raised and isinstance(error, NameError)
    return type(error) is AssertionError if raised else True


# Whose exceptions are raised where this library calls something.
_RAISED_BELOW = frozenset(
    ("builtins", "autodiff", "numpy", "scipy", "llvmlite", "jax", "jaxlib", "pandas")
)


def _is_thrown_in(error: BaseException) -> bool:
    """Whether an exception that looks like a mistake of ours was set by another thread.

    ``PyThreadState_SetAsyncExc`` raises wherever the thread is, as a rule a class of the user's, which nothing of ours
    raises.
    """
    root = type(error).__module__.partition(".")[0]
    if root in _RAISED_BELOW or (root != "__main__" and root in sys.stdlib_module_names):
        return False
    deepest, innermost = _entries(error.__traceback__)
    return deepest is innermost and _is_accident(error)


def refuse_ours(error: BaseException) -> None:
    """Raise an :class:`InternalError` if an exception is no exception of the user's."""
    if is_ours(error):
        raise as_internal(error) from error


def as_internal(error: BaseException, stage: str = "") -> InternalError:
    """The error that reports a mistake of ours: what it was, and in which line of which module.

    What another thread has thrown in is no mistake, and goes on.
    """
    if isinstance(error, InternalError):
        return error
    if _is_thrown_in(error):
        raise error
    deepest, _ = _entries(error.__traceback__)
    where = ""
    if deepest is not None:
        file = deepest.tb_frame.f_code.co_filename.removeprefix(_HERE).replace(os.sep, "/")
        where = f" ({file}, line {deepest.tb_lineno})"
    when = f" during {stage}" if stage else ""
    internal = InternalError(f"{text_of(error)}{when}{where}")
    internal.__cause__ = error
    internal.arose = vars(error).pop(_NOTE, None) or getattr(error, "arose", None)
    return internal


def text_of(error: BaseException) -> str:
    """Type and text of an exception, whose own text may need values that are not known."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# -- where it arose -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Arose:
    """Where capture met an exception, and whether the function had done more than compute."""

    source: Any
    has_effects: bool


def note_arising(error: BaseException, arose: Arose) -> None:
    """Keep with an exception of the user's code where capture met it."""
    vars(error)[_NOTE] = arose


def take_arising(error: BaseException) -> Arose:
    """Where capture met an exception, which is then as the user's code raised it."""
    found = vars(error).pop(_NOTE, None) or getattr(error, "arose", None)
    return found or Arose(None, False)


def _entries(
    entry: TracebackType | None,
) -> tuple[TracebackType | None, TracebackType | None]:
    """The deepest entry of a traceback that is of this package, and the deepest of all."""
    deepest = innermost = None
    while entry is not None:
        innermost = entry
        if is_internal(entry.tb_frame.f_code.co_filename):
            deepest = entry
        entry = entry.tb_next
    return deepest, innermost


__all__ = [
    "Arose",
    "RuleFailed",
    "Signal",
    "apply_users",
    "as_internal",
    "door",
    "is_of_operation",
    "is_ours",
    "is_unconfirmed",
    "note_arising",
    "refuse_ours",
    "run_users",
    "take_arising",
    "text_of",
]
