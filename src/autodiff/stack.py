"""Room for deep recursion: what runs deep in one thread's stack goes on in another thread.

An interpreter written in Python takes some twenty of Python's frames for one of the user's.  So
that a recursion of the user's may be as deep as in plain Python, a call that begins deep in the
stack runs in a thread of its own, which begins with an empty one, while its caller waits:

    thread 1   f(900) … f(870)           waits
    thread 2             f(869) … f(840)           waits
    thread 3                       f(839) …

Python's limit, and what a thread has of C's stack, are as they always are.  To everything else it
is one thread: context variables are those of the caller, locks (:class:`Lock`) belong to the chain
of threads, exceptions go through, and Ctrl-C, which reaches the main thread, ends the last one.

How deep the user's recursion is, in the user's own frames, is counted (:func:`users_depth`), and
compared with Python's limit by who interprets calls.
"""

from __future__ import annotations

import contextvars
import ctypes
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# Frames of one thread from which on a call goes to the next; and less, where Python's limit is low.
_DEEP = 2000


class _Chain:
    """The threads that stand for one."""

    def __init__(self) -> None:
        self.threads: list[int] = [threading.get_ident()]


_chain: contextvars.ContextVar[_Chain | None] = contextvars.ContextVar(
    "autodiff_chain", default=None
)
# The user's frames in the threads that wait.
_below: contextvars.ContextVar[int] = contextvars.ContextVar("autodiff_users_depth", default=0)


def thread_identity() -> int:
    """The thread that runs, or the one that it stands for."""
    chain, me = _chain.get(), threading.get_ident()
    return me if chain is None or chain.threads[-1] != me else chain.threads[0]


def _current_chain() -> _Chain | None:
    """The chain that this thread runs for; a thread that only inherited the variable is in none."""
    chain = _chain.get()
    return chain if chain is not None and chain.threads[-1] == threading.get_ident() else None


def users_depth() -> int:
    """How many frames outside of this package there are, those of waiting threads included."""
    count = _below.get() if _current_chain() is not None else 0
    frame: Any = sys._getframe(1)
    while frame is not None:
        count += not frame.f_code.co_filename.startswith(_PACKAGE)
        frame = frame.f_back
    return count


def is_deep() -> bool:
    """Whether what runs now has used half of its thread's stack."""
    try:
        sys._getframe(min(sys.getrecursionlimit() // 2, _DEEP))
    except ValueError:
        return False
    return True


def with_room(depth: int, function: Callable[..., T], *args: Any) -> T:
    """``function(*args)``, in a new thread where this one's stack is deep.

    ``depth`` is how deep the user's recursion is.
    """
    return in_new_thread(depth, function, *args) if is_deep() else function(*args)


def in_new_thread(depth: int, function: Callable[..., T], *args: Any) -> T:
    """``function(*args)`` in a thread that stands for this one, which waits."""
    chain = _current_chain() or _Chain()
    if len(chain.threads) > 50 + sys.getrecursionlimit() // 10:
        raise RecursionError("maximum recursion depth exceeded")
    outcome: list[Any] = []
    done = threading.Lock()  # not Thread.join, which an interrupt leaves in disorder
    done.acquire()

    def run() -> None:
        chain.threads.append(threading.get_ident())
        _chain.set(chain)
        _below.set(depth)
        try:
            outcome.append(function(*args))
        except BaseException as error:  # whatever it is, it is raised where it was called
            outcome.append(None)
            outcome.append(error)
        finally:
            chain.threads.pop()
            done.release()

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), daemon=True)
    thread.start()
    interrupt: BaseException | None = None
    while True:
        try:
            if done.acquire(timeout=0.2):  # not for ever: a signal need not end the wait
                break
        except BaseException as error:  # Ctrl-C: the thread that works is to end with it
            interrupt = error
            working = chain.threads[-1]
            known = working if working != threading.get_ident() else thread.ident
            _raise_in(known or 0, type(error))
    failure: BaseException | None = interrupt
    if len(outcome) > 1:
        failure = outcome[1]
    if failure is None:
        return outcome[0]
    try:
        raise failure
    finally:
        outcome.clear()
        del failure, interrupt  # no cycle through the traceback


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


class Lock:
    """A lock that a chain of threads may take again, as a thread may a reentrant lock."""

    __slots__ = ("_lock", "_owner", "_times")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._times = 0

    def __enter__(self) -> None:
        me = threading.get_ident() if _chain.get() is None else thread_identity()
        if self._owner != me:
            self._lock.acquire()
            self._owner = me
        self._times += 1

    def __exit__(self, *exception: object) -> None:
        self._times -= 1
        if not self._times:
            self._owner = None
            self._lock.release()

    def begin_again(self) -> None:
        """In a forked child: free, unless the thread that has forked holds it."""
        if self._owner != thread_identity():
            self._lock, self._owner, self._times = threading.Lock(), None, 0


def lock_of_the_process() -> Lock:
    """A lock for a module, which a forked child does not find held by a thread that it has not."""
    lock = Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock.begin_again)
    return lock


__all__ = [
    "Lock",
    "in_new_thread",
    "is_deep",
    "lock_of_the_process",
    "thread_identity",
    "users_depth",
    "with_room",
]
