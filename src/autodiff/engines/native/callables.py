"""The built-in function that runs machine code, and what it stands on.

    call = callable_of(machine, kept)      # machine.address("entry") is what is called
    call.__self__.status                           # what the kernel reported last

This is all that is needed of the engine to run what was compiled before: it loads nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

REPORT = "report"


if TYPE_CHECKING:

    class Addresses(Protocol):
        """Machine code in memory."""

        def address(self, name: str) -> int:
            """The address of a function or variable."""


class Report(ctypes.Structure):
    """Whom to call, and when not to: ``@report`` of an entry."""

    _fields_ = (
        ("listener", ctypes.c_void_p),
        ("quiet", ctypes.c_int64),
        ("skip", ctypes.c_int64),
        ("always", ctypes.c_int64),  # errors of every call, of computations made beforehand
        ("seen", ctypes.c_int64),  # whether a flag has been set after a call
        ("must", ctypes.c_int64),  # errors to hear of whatever ``np.errstate`` says: marks
    )


class _MethodDefinition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("method", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_METH_FASTCALL = 0x80


class NativeCode:
    """What a native callable stands on; the callable's ``__self__``."""

    def __init__(self, machine: Addresses, kept: Any, name: str, doc: str | None) -> None:
        self.machine = machine
        self._kept = kept
        self._name = name.encode()
        self._doc = None if doc is None else doc.encode()
        self._definition = _MethodDefinition(
            self._name, machine.address("entry"), _METH_FASTCALL, self._doc
        )
        self._status = ctypes.c_int64.from_address(machine.address("status"))
        self._report = Report.from_address(machine.address(REPORT))
        self._listener: Any = None

    @property
    def status(self) -> int:
        """What the kernel reported last: 0 when all went well or the arguments did not fit."""
        return self._status.value

    @property
    def always(self) -> int:
        """The errors of every call, see :class:`Report`."""
        return int(self._report.always)

    @property
    def must(self) -> int:
        """The errors to hear of in any case, see :class:`Report`."""
        return int(self._report.must)

    @property
    def objects(self) -> dict[str, Any]:
        """Names in the code that stand for objects of this process, and these."""
        return {f"own.{k}": x for k, x in enumerate(self._kept.keep)}

    def notify(self, listener: Callable[..., Any]) -> Report:
        """Have ``listener(errors, *arguments)`` called at the end of calls with such errors.

        What is returned lets it be left in peace for some calls.
        """
        self._listener = listener
        self._report.listener = id(listener)
        return self._report


def callable_of(
    machine: Addresses, kept: Any, name: str = "kernel", doc: str | None = None
) -> Callable[..., Any]:
    """The built-in function that runs an entry point.

    It keeps the machine code alive; when it goes, so does the code.  ``f.__self__.status`` is
    the status the kernel reported last.
    """
    code = NativeCode(machine, kept, name, doc)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    new = make(ctypes.cast(ctypes.pythonapi.PyCFunction_NewEx, ctypes.c_void_p).value or 0)
    # The function object keeps `code` as its __self__, and `code` keeps the definition.
    function: Callable[..., Any] = new(ctypes.addressof(code._definition), code, None)
    return function
