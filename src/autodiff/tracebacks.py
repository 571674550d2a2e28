"""Tracebacks as the user wants them: the line of the call, then the lines of the user's code.

    Traceback (most recent call last):
      File "model.py", line 20, in <module>
        slope(x)
      File ".../autodiff/api.py", line 110, in __call__
        return self._compiled.call(args, kwargs)
      File "model.py", line 12, in loss
        return w[9]
    IndexError: index 9 is out of bounds for axis 0 with size 3

What lies between, frames of this package, is left out of the traceback and of those of the
exceptions it is chained to, unless ``AUTODIFF_DEBUG`` is set.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

from autodiff import debug

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Models and objectives that are written as users write theirs.
_AS_USERS = tuple(_PACKAGE + name for name in ("nist", "optimize", "demo.py"))


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
    """Take this package's frames out of a traceback, but the first, from which it is called."""
    if debug.level():
        return
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        first = current.__traceback__
        if first is not None:
            kept = first if current is error else _users(first)
            if kept is not None and current is error:
                kept.tb_next = _users(first.tb_next)
            current.__traceback__ = kept
        current = current.__cause__ if current.__cause__ is not None else current.__context__


def _users(entry: TracebackType | None) -> TracebackType | None:
    """The entries of a traceback outside of this package."""
    kept = []
    while entry is not None:
        if not is_internal(entry.tb_frame.f_code.co_filename):
            kept.append(entry)
        entry = entry.tb_next
    following: TracebackType | None = None
    for one in reversed(kept):
        one.tb_next = following
        following = one
    return following


__all__ = ["depth_of_user", "hide_frames", "is_internal"]
