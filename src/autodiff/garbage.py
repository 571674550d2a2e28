"""Python's search for garbage, which is put off while modules are imported and programs are made.

    with few_collections():
        …

Capture and compilation make many objects, most of which live as long as the program.  To go through
all objects again and again in search of cycles takes a twelfth of their time.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_OBJECTS = 200_000  # new objects from one search to the next: tens of megabytes at most
_lock = threading.Lock()
_inside = 0
_mine = threading.local()  # .inside: how many of them are this thread's
_before = (0, 0, 0)
_left = 4  # blocks, of imports and first programs, whose objects are called old when they end
_MANY = 1000  # objects that a block has left, or it is none of these
_frozen = False  # whether the user has frozen objects: to count them takes as long as a search


@contextmanager
def few_collections() -> Iterator[None]:
    """Search less often until the block ends, in all threads that are in one."""
    global _inside, _before
    with _lock:
        _mine.inside = getattr(_mine, "inside", 0) + 1
        _inside += 1
        if _inside == 1:
            _before = gc.get_threshold()
            if 0 < _before[0] < _OBJECTS:  # 0: the user wants none
                gc.set_threshold(_OBJECTS, *_before[1:])
    try:
        yield
    finally:
        with _lock:
            _mine.inside -= 1
            _inside -= 1
            if not _inside and gc.get_threshold() == (_OBJECTS, *_before[1:]):
                gc.set_threshold(*_before)  # what the user has set meanwhile stays
                _call_old()


def _begin_again() -> None:
    """In a forked child, leave the blocks of the threads that do not exist there, and their lock."""
    global _lock, _inside
    _lock = threading.Lock()
    _inside = getattr(_mine, "inside", 0)
    if not _inside and gc.get_threshold() == (_OBJECTS, *_before[1:]):
        gc.set_threshold(*_before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


def _call_old() -> None:
    """Count all objects as old ones, or the next search among the young ones takes milliseconds.

    Only of the first blocks, for Python would not look for garbage among them: what later programs leave goes.
    """
    global _frozen, _left
    if not _left or gc.get_count()[0] < _MANY:
        return
    _left -= 1
    _frozen = _frozen or gc.get_freeze_count() != 0
    if not _frozen:  # what the user has frozen is to stay so
        gc.freeze()
        gc.unfreeze()
