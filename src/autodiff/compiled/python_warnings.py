"""What NumPy's own Python warns of while a plain run is asked: its calls of ``warnings.warn``.

    with noted(log.add_spoken):
        run()                          # the warnings are given as they arise, by NumPy itself
    log.found                          # and known, so that later calls need not ask to give them again

Filters and records of ``warnings`` belong to the whole process, and profilers to the user, so none is
put in the way.  NumPy's modules find ``warn`` in their global ``warnings``; while somebody listens,
that is an object that has all that the module has, and whose ``warn`` tells the thread's listener first.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class Spoken:
    """A warning and the frame that it is about."""

    text: str
    category: type[Warning]
    frame: FrameType


class _Listening(threading.local):
    note: Callable[[Spoken], None] | None = None


_listening = _Listening()
_lock = threading.Lock()
_heard: list[ModuleType] = []  # the modules that are heard
_listeners = 0  # of all threads


def _warn(
    message: Any, category: Any = None, stacklevel: int = 1, source: Any = None, **how: Any
) -> None:
    """``warnings.warn``, which somebody may listen to."""
    note = _listening.note
    if note is not None:
        kind = type(message) if isinstance(message, Warning) else category or UserWarning
        at = sys._getframe(1)
        skipped = how.get("skip_file_prefixes", ())  # files whose calls are not counted
        for _ in range(max(stacklevel, 2 if skipped else 1) - 1):
            at = at.f_back or at
            while at.f_code.co_filename.startswith(skipped) and at.f_back is not None:
                at = at.f_back
        note(Spoken(str(message), kind, at))
    warnings.warn(message, category, max(stacklevel, 1) + 1, source, **how)


class _Warnings(ModuleType):
    """The module ``warnings``, with another ``warn``."""

    def __getattribute__(self, name: str) -> Any:
        return _warn if name == "warn" else getattr(warnings, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(warnings, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(warnings, name)


_WARNINGS = _Warnings("warnings")


def _is_heard(module: Any) -> bool:
    """Whether a module is one of NumPy's, in Python, that warns."""
    if not isinstance(module, ModuleType) or not module.__name__.startswith("numpy."):
        return False
    space = vars(module)
    return space.get("warnings") is warnings and str(space.get("__file__", "")).endswith(".py")


@contextmanager
def noted(note: Callable[[Spoken], None]) -> Iterator[None]:
    """Have ``note`` called for each warning that NumPy's Python gives in this thread."""
    _count(1)
    before, _listening.note = _listening.note, note
    try:
        yield
    finally:
        _listening.note = before
        _count(-1)


def _count(change: int) -> None:
    """Count the listeners; the first one finds all modules as they were, and the last one leaves them so."""
    global _listeners
    with _lock:
        _listeners += change
        if change > 0 and _listeners == 1:
            _heard[:] = filter(_is_heard, list(sys.modules.values()))
            for module in _heard:
                vars(module)["warnings"] = _WARNINGS
        elif not _listeners:
            for module in _heard:
                if vars(module).get("warnings") is _WARNINGS:
                    vars(module)["warnings"] = warnings
