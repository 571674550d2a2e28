"""Errors as the user sees them: the place in their code, a cause, a remedy, a stable code.

    DerivativeError: AD301: frobnicate has no derivative.
      model.py, line 12, in loss
        return np.sum(np.frobnicate(x))
                      ^^^^^^^^^^^^^^^^
      Remedy: …

Every class also derives from the built-in exception a NumPy user would expect, so an ordinary
``except TypeError`` works.  :class:`InternalError` is for mistakes of this library alone.
"""

from __future__ import annotations

import linecache
from typing import Any


def locate(source: Any) -> str:
    """The lines that show a place in the user's code with a caret, or an empty string."""
    if source is None:
        return ""
    text = linecache.getline(source.file, source.line).rstrip("\n")
    lines = [f"  {source.file}, line {source.line}, in {source.function}"]
    stripped = text.lstrip()
    if stripped:
        shift = len(text) - len(stripped)
        start = max(source.column - shift, 0)
        width = max(min(source.end_column - shift, len(stripped)) - start, 1)
        lines += [f"    {stripped}", "    " + " " * start + "^" * width]
    return "\n".join(lines)


class AutodiffError(Exception):
    """Base of every error this library raises on purpose.

    Parameters
    ----------
    message : str
        One sentence that says what is wrong.
    code : str
        Stable code such as ``"AD104"``, explained on the errors page of the documentation.
    source : Source, optional
        Where in the user's code.
    remedy : str, optional
        What to do.
    """

    code = "AD000"
    arose: Any = None  # of type autodiff.signals.Arose, where capturing the user's code raised it

    def __init__(
        self, message: str, *, code: str | None = None, source: Any = None, remedy: str = ""
    ) -> None:
        self.code = code or type(self).code
        self.source = source
        self.remedy = remedy
        self.message = message
        super().__init__(message)

    def __str__(self) -> str:
        return self.text()

    def text(self, code: bool = True) -> str:
        """The sentence, the place and the remedy; with or without the code before them."""
        parts = [f"{self.code}: {self.message}" if code else self.message]
        where = locate(self.source)
        if where:
            parts.append(where)
        if self.remedy:
            parts.append(f"  Remedy: {self.remedy}")
        return "\n".join(parts)


class ShapeError(AutodiffError, ValueError):
    """Shapes that do not fit each other."""

    code = "AD201"


class NoReturnError(ShapeError):
    """Shapes with which NumPy itself ends the process: it is not asked what it says of them."""


class ArgumentError(AutodiffError, TypeError):
    """Arguments that the function or transformation cannot take."""

    code = "AD101"


class NameArgumentError(AutodiffError, ValueError):
    """A name in ``wrt`` that is not an argument, a missing option, and the like."""

    code = "AD102"


class NotScalarError(AutodiffError, TypeError):
    """A gradient asked of a function whose result is not one number."""

    code = "AD104"


class DtypeError(AutodiffError, TypeError):
    """An element type that is not supported."""

    code = "AD105"


class EngineError(AutodiffError, RuntimeError):
    """An engine that is not installed, or a device that is not there."""

    code = "AD110"


class DerivativeError(AutodiffError, NotImplementedError):
    """An operation that has a value but no derivative."""

    code = "AD301"


class MemoryBudgetError(AutodiffError, MemoryError):
    """A derivative that keeps more for the way back than the memory it is given."""

    code = "AD307"


class NonFiniteError(AutodiffError, FloatingPointError):
    """NaN or infinity in a value or derivative, with the operation that made it (``find_nan``)."""

    code = "AD402"
    cause: Any = None  # of type autodiff.ops.nonfinite.Cause


class UnsupportedError(AutodiffError, NotImplementedError):
    """Python or NumPy that cannot be compiled."""

    code = "AD304"


class MissingPackageError(AutodiffError, ImportError):
    """A library that autodiff works with, but does not bring, is not installed."""

    code = "AD602"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed", remedy=f'pip install "autodiff-numpy[{extra}]"'
        )
        self.package, self.extra = package, extra

    def __reduce__(self) -> Any:
        return type(self), (self.package, self.extra)


class WorkerError(AutodiffError, RuntimeError):
    """A worker of a cluster that cannot do what it is asked for."""

    code = "AD603"


class FallbackWarning(UserWarning):
    """The function, or one call of it, runs uncompiled."""


class UnrollWarning(UserWarning):
    """A loop is being unrolled into so many operations that compiling them will take seconds."""

    code = "AD501"


class SequentialWarning(UserWarning):
    """A loop of small steps, one after the other, is sent to a GPU or TPU."""

    code = "AD502"


class IntegerWarning(UserWarning):
    """A derivative by an array of integers or bools, which is zero."""


class StoredValueWarning(UserWarning):
    """A derivative by way of a value that an earlier call has kept outside, which is zero."""

    code = "AD503"


WARNINGS_OF_COMPILING = (UnrollWarning, IntegerWarning, SequentialWarning, StoredValueWarning)
"""Warnings that are given while a call is compiled; a filter of the user's makes errors of them."""


class NoSolutionWarning(UserWarning):
    """A derivative of what a solver returned, where that solves nothing."""


class InternalError(AutodiffError, AssertionError):
    """A mistake of this library, never of the user's."""

    code = "AD900"


def is_signal_handlers(error: BaseException) -> bool:
    """Whether an exception comes from a signal handler: out of place where it was raised.

    What tries something and goes another way where it fails must let such exceptions pass: a
    timeout is no reason to begin anew.
    """
    import signal

    codes = set()
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        function = getattr(handler, "__func__", handler)
        code = getattr(function, "__code__", None)
        if code is not None:
            codes.add(code)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False
