"""``warnings.warn`` of a user's line, given while the compiled function runs.

The warning names the line that Python's own would name, counted over the calls that capture has followed
(``stacklevel``, from Python 3.12 on ``skip_file_prefixes``), and is noted in the module of that line, so that it is
given once for a line where the user's filters say so.
"""

from __future__ import annotations

import ast
import operator
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

from autodiff.capture.interpreter import Frame
from autodiff.signals import run_users
from autodiff.tracebacks import is_internal


def warning_from(frame: Frame, node: ast.AST) -> Callable[..., None]:
    """``warnings.warn`` as the user's line calls it, which the warning names and whose module notes it."""
    places = [(frame.scope.syntax.file, getattr(node, "lineno", 0), frame.scope.globals)]
    calls = frame.trace.calls
    for k in range(len(calls) - 1, 0, -1):
        caller, called_at = calls[k - 1][0], calls[k][1]
        if called_at is not None and not is_internal(caller.syntax.file):
            places.append((called_at.file, called_at.line, caller.globals))

    def warn(
        message: Any, category: Any = None, stacklevel: int = 1, source: Any = None, **how: Any
    ) -> None:
        if how.keys() - _PREFIXES:
            run_users(
                warnings.warn, message, category, stacklevel, source, **how
            )  # it says what is wrong
        skipped = how.get("skip_file_prefixes", ())
        if not isinstance(skipped, tuple):
            raise TypeError(f"skip_file_prefixes must be tuple, not {type(skipped).__name__}")
        kind = type(message) if isinstance(message, Warning) else category or UserWarning
        if not isinstance(kind, type) or not issubclass(kind, Warning):
            given = type(kind).__name__
            raise TypeError(f"category must be a Warning subclass, not '{given}'")
        above = max(operator.index(stacklevel), 2 if skipped else 1) - 1
        here = [places[0], *[place for place in places[1:] if not place[0].startswith(skipped)]]
        file, line, names = (
            here[above] if above < len(here) else _place_outside(above - len(here), skipped)
        )
        registry = names.setdefault("__warningregistry__", {})
        module = names.get("__name__") or "<string>"
        warnings.warn_explicit(message, kind, file, line, module, registry, source=source)

    return warn


# What Python's own takes besides, from 3.12 on: files whose calls are not counted.
_PREFIXES = {"skip_file_prefixes"} if sys.version_info >= (3, 12) else set[str]()


def _place_outside(above: int, skipped: tuple[str, ...]) -> tuple[str, int, dict[str, Any]]:
    """File, line and names of who called what is compiled, or of one so many calls above."""
    at: FrameType | None = sys._getframe(1)
    while at is not None and is_internal(at.f_code.co_filename):
        at = at.f_back
    for k in range(above + 1):
        at = at.f_back if at is not None and k else at
        while at is not None and at.f_code.co_filename.startswith(skipped):
            at = at.f_back
    if at is None:  # as Python says where nobody is left
        return "sys", 1, vars(sys)
    return at.f_code.co_filename, at.f_lineno, at.f_globals
