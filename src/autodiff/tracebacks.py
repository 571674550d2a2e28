"""Tracebacks as the user wants them: the line of the call, then the lines of the user's code.

    Traceback (most recent call last):
      File "model.py", line 20, in <module>
        slope(x)
      File "model.py", line 12, in loss
        return w[9]
    IndexError: index 9 is out of bounds for axis 0 with size 3

What lies between, frames of this package, is left out of the traceback and of those of the
exceptions it is chained to, unless ``AUTODIFF_DEBUG`` is set.  The frame of the call itself goes as well:
Python writes it down when an exception first reaches a frame, and not again where a bare
``raise`` in a handler lets it go on.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from autodiff import debug

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Models and objectives that are written as users write theirs.
_AS_USERS = tuple(_PACKAGE + name for name in ("nist", "optimize", "demo.py"))
# Of these a traceback shows the lines of models, but not how optimisers come to call an objective.
_SHOWN = tuple(_PACKAGE + name for name in ("nist", "demo.py"))


def is_internal(file: str) -> bool:
    """Whether a file is one of this package, but for what is written as users write."""
    return file.startswith(_PACKAGE) and not file.startswith(_AS_USERS)


def depth_of_user() -> int:
    """How many frames above the caller the first one outside of this package is."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        depth, frame = depth + 1, frame.f_back
    return depth


def hide_frames(error: BaseException) -> None:
    """Take this package's frames out of a traceback.

    For handlers that end with a bare ``raise``: ``raise error`` would write their own frame down again.
    """
    if debug.level():
        return
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        current.__traceback__ = _users(current.__traceback__)
        current = current.__cause__ if current.__cause__ is not None else current.__context__


def without_our_frames(function: Callable[P, R]) -> Callable[P, R]:
    """A function that users call, whose exceptions show no frames of this package."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            hide_frames(error)
            raise

    return called


def _users(entry: TracebackType | None) -> TracebackType | None:
    """The entries of a traceback outside of this package, and of ``with`` in it."""
    kept = []
    is_ours = False
    while entry is not None:
        file = entry.tb_frame.f_code.co_filename
        is_ours = (file.startswith(_PACKAGE) and not file.startswith(_SHOWN)) or (
            is_ours and file == contextlib.__file__
        )
        if not is_ours:
            kept.append(entry)
        entry = entry.tb_next
    following: TracebackType | None = None
    for one in reversed(kept):
        one.tb_next = following
        following = one
    return following


__all__ = ["depth_of_user", "hide_frames", "is_internal", "without_our_frames"]
