"""How the user wants floating-point errors treated: ``np.errstate`` and ``np.seterr``.

    is_strict()        # raise, call, print or log: NumPy's own loops have to run
    wanted()           # else: the errors that are to be warned of, as bits

Compiled code does not know what NumPy's loops would tell: its loops are others, and what they set in
the processor's flags differs (both sides of a ``where``, formulas of elementary functions).  Whoever
asks for an exception, a callback or a record of such errors gets them from NumPy itself: the call is
made in plain Python, and the texts, lines and order are NumPy's.  Warnings are NumPy's too, found
out where the flags say that there may be one (``compiled.warned``).

NumPy keeps the state in a context variable.  Its value is another object after each change, so to
know that nothing changed is to compare an address: that of the state in force at the start of the
process, or of the last one that was looked at and is not strict.  Native entries do that at every
call, and leave other calls to Python.
"""

from __future__ import annotations

import contextvars
import ctypes
import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
from numpy._core import umath

from autodiff.plain_data import dataclass

variable: contextvars.ContextVar[Any] = umath._extobj_contextvar

_STRICT = frozenset(("raise", "call", "print", "log"))
_RAISES = frozenset(("raise", "print"))

# The kinds of errors as x86 numbers them in the register MXCSR.
BITS = {"invalid": 1, "divide": 4, "over": 8, "under": 16}
ALL = sum(BITS.values())
LOUD = ALL & ~BITS["under"]  # those that NumPy warns of by default
_OF_TEXT = {
    "invalid value": BITS["invalid"],
    "divide by zero": BITS["divide"],
    "overflow": BITS["over"],
    "underflow": BITS["under"],
}


@dataclass(frozen=True)
class Quiet:
    """What the user's function has NumPy not warn of: kinds of errors as bits, filters of ``warnings``.

    ``told``: the kinds that it asks for, whatever holds outside.
    """

    kinds: int = 0
    filters: tuple[Any, ...] = ()
    told: int = 0


class Recorder:
    """What NumPy reports to while this library asks it what it meets: nothing that the user sees.

    Compiled code runs under such a state, and reports as well.
    """

    def __call__(self, text: str, flag: int) -> None:
        """Of a state that says ``call``: the kind of error."""
        self.take(text)

    def write(self, message: str) -> None:
        """Of a state that says ``log``: a line of text."""
        self.take(message.removeprefix("Warning: ").rstrip("\n"))

    def take(self, text: str) -> None:
        """Note an error."""
        raise NotImplementedError

    def take_said(self, text: str | None, category: type[Warning], frame: FrameType) -> None:
        """Note what NumPy would have warned of in the operation of a program that a frame runs.

        ``text``: where it is known here, as that of C is.
        """


def _recorder() -> Recorder | None:
    found = np.geterrcall()
    return found if isinstance(found, Recorder) else None


def _wanted() -> int:
    told = ("warn",) if _recorder() is None else ("warn", "call", "log")
    return sum(BITS[kind] for kind, how in np.geterr().items() if how in told)


def recorder() -> Recorder | None:
    """What errors are reported to in the state in force, where that is this library."""
    state = variable.get()
    known = _first if state is _first.state else _last
    return known.recorder if state is known.state else _recorder()


def wanted() -> int:
    """The errors that are to be warned of in the state in force, or reported to a recorder."""
    state = variable.get()
    known = _first if state is _first.state else _last
    return known.wanted if state is known.state else _wanted()


def watched() -> int:
    """The flags to look at, which tell that there may be such errors.

    Where a function has a pole, compiled code may set the flag of an invalid operation, and the other
    way round: of these kinds, each stands for all.
    """
    kinds = wanted()
    return kinds | LOUD if kinds & LOUD else kinds


class _State:
    """A state that is not strict, and what is known of it; kept, or another could take its address."""

    def __init__(self, state: Any, wanted: int, recorder: Recorder | None) -> None:
        self.state = state
        self.wanted = wanted
        self.recorder = recorder


_start = contextvars.Context()
_first = _State(_start.run(variable.get), _start.run(_wanted), None)
_last = _first
# The addresses of the two, and the flags to look at in them, for native entries.
cells = (ctypes.c_int64 * 4)(id(_first.state), 0, _start.run(watched), 0)


def is_known() -> bool:
    """Whether compiled code runs under the state in force, as native entries see it."""
    state = id(variable.get())
    return state == cells[0] or state == cells[1]


def is_strict() -> bool:
    """Whether floating-point errors have consequences other than a warning or nothing."""
    if is_known():
        return False
    state = variable.get()
    found = _recorder()
    strict = _STRICT if found is None else _RAISES
    if not strict.isdisjoint(np.geterr().values()):
        return True
    cells[1] = 0  # first, so that no address is there whose object may go
    global _last
    _last = _State(state, _wanted(), found)
    cells[3] = watched()
    cells[1] = id(state)
    return False


def of_text(message: str) -> int:
    """The kind of error that a message of NumPy's is about: ``overflow encountered in exp``."""
    return _OF_TEXT.get(message.partition(" encountered")[0], 0)


class _Kinds(Recorder):
    """Which kinds of errors there were."""

    found = 0

    def take(self, text: str) -> None:
        self.found |= _OF_TEXT.get(text, 0) or of_text(text)

    def take_said(self, text: str | None, category: type[Warning], frame: FrameType) -> None:
        self.found |= BITS["divide"]  # as native code marks the run


@functools.cache
def _called_of(kinds: int) -> dict[str, Any]:
    return {kind: "call" if bit & kinds else "ignore" for kind, bit in BITS.items()}


@contextmanager
def noting(kinds: int) -> Iterator[Callable[[], int]]:
    """Run NumPy silently; which of these kinds of errors it has met, asked as a function."""
    note = _Kinds()
    with np.errstate(call=note, **_called_of(kinds)):
        yield lambda: note.found


class _Silent:
    """A state under which NumPy is silent and all kinds of errors are noted."""

    __slots__ = ("note", "state", "token")

    def __init__(self) -> None:
        self.note = _Kinds()
        with np.errstate(call=self.note, **_called_of(ALL)):
            self.state = variable.get()
        self.token: Any = None


class _Spare(threading.local):
    """States of a thread that are not in force: one is made once, as it costs more than what runs under it."""

    def __init__(self) -> None:
        self.states: list[_Silent] = []


_spare = _Spare()


def begin_noting() -> _Silent:
    """Have NumPy run silently, to :func:`end_noting`."""
    states = _spare.states
    silent = states.pop() if states else _Silent()
    silent.note.found = 0
    silent.token = variable.set(silent.state)
    return silent


def end_noting(silent: _Silent) -> int:
    """The errors that NumPy has met; the state before is in force again."""
    variable.reset(silent.token)
    _spare.states.append(silent)
    return silent.note.found


# -- what a user's function silences itself
def quiet_in(manager: Any, quiet: Quiet | None) -> Quiet | None:
    """What NumPy is not to warn of inside of a ``with``."""
    if isinstance(manager, np.errstate):
        quiet = quiet or Quiet()
        kinds, told = quiet.kinds, quiet.told
        for name, bit in BITS.items():
            how = getattr(manager, f"_{name}") or getattr(manager, "_all", None)
            if how is not None:
                kinds = kinds | bit if how == "ignore" else kinds & ~bit
                told = told | bit if how == "warn" else told & ~bit
        return Quiet(kinds, quiet.filters, told)
    given = getattr(manager, "_filter", None)
    if isinstance(manager, warnings.catch_warnings) and given is not None:
        return filtered_by(warnings.simplefilter, given, {}, quiet)
    return quiet


def strict_in(manager: Any, kinds: int) -> int:
    """The kinds of errors that NumPy raises inside of a ``with``, by the function's own ``np.errstate``."""
    if isinstance(manager, np.errstate):
        for name, bit in BITS.items():
            how = getattr(manager, f"_{name}") or getattr(manager, "_all", None)
            if how is not None:
                kinds = kinds | bit if how == "raise" else kinds & ~bit
    return kinds


def filtered_by(function: Any, args: Any, kwargs: Any, quiet: Quiet | None) -> Quiet:
    """What NumPy is not to warn of after a call of a function that sets filters of ``warnings``."""
    kept = Quiet() if quiet is None else quiet
    with warnings.catch_warnings():
        warnings.resetwarnings()
        function(*args, **kwargs)
        return Quiet(kept.kinds, (*warnings.filters, *kept.filters), kept.told)
