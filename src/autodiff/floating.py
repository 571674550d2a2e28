"""How the user wants floating-point errors treated: ``np.errstate`` and ``np.seterr``.

    is_strict()        # raise, call, print or log: NumPy's own loops have to run

Compiled code neither warns nor raises where NumPy's loops would: its loops are others, and what
they set in the processor's flags differs (both sides of a ``where``, formulas of elementary
functions).  Whoever asks for an exception, a callback or a record of such errors gets them from
NumPy itself: the call is made in plain Python, and the texts, lines and order are NumPy's.

NumPy keeps the state in a context variable.  Its value is another object after each change, so to
know that nothing changed is to compare an address: that of the state in force at the start of the
process, or of the last one that was looked at and is not strict.  Native entries do that at every
call, and leave other calls to Python.
"""

from __future__ import annotations

import contextvars
import ctypes
from typing import Any

import numpy as np
from numpy._core import umath

variable: contextvars.ContextVar[Any] = umath._extobj_contextvar

_STRICT = frozenset(("raise", "call", "print", "log"))

# The addresses of states that are not strict; the objects are kept, or others could take their place.
_initial: Any = contextvars.Context().run(variable.get)
cells = (ctypes.c_int64 * 2)(id(_initial), 0)
_lenient: list[Any] = [None]


def is_known() -> bool:
    """Whether compiled code runs under the state in force, as native entries see it."""
    state = id(variable.get())
    return state == cells[0] or state == cells[1]


def is_strict() -> bool:
    """Whether floating-point errors have consequences other than a warning or nothing."""
    if is_known():
        return False
    state = variable.get()
    if not _STRICT.isdisjoint(np.geterr().values()):
        return True
    cells[1] = 0  # first, so that no address is there whose object may go
    _lenient[0] = state
    cells[1] = id(state)
    return False
