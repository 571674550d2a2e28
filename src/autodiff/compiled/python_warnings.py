"""What NumPy's own Python warns of while a plain run is asked: its calls of ``warnings.warn``.

    with noted(log.add_spoken):
        run()                          # the warnings are given as they arise, by NumPy itself
    log.found                          # and known, so that later calls need not ask to give them again

Filters and records of ``warnings`` belong to the whole process, so none is put in the way: Python's
profiling tells of a call before it is made, and what it is called with is read off NumPy's source at
the instruction that calls, in NumPy's frame.
"""

from __future__ import annotations

import ast
import functools
import linecache
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class Spoken:
    """A warning and the frame that it is about."""

    text: str
    category: type[Warning]
    frame: FrameType


@functools.cache
def _call_at(code: CodeType, instruction: int) -> ast.Call | None:
    """The call in the source of a function that an instruction makes."""
    positions = list(code.co_positions())[instruction // 2]
    first, last, start, end = positions
    if first is None or last is None or start is None or end is None:
        return None
    lines = [linecache.getline(code.co_filename, n).encode() for n in range(first, last + 1)]
    if len(lines) == 1:
        lines = [lines[0][start:end]]
    else:
        lines = [lines[0][start:], *lines[1:-1], lines[-1][:end]]
    try:
        found = ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except SyntaxError:
        return None
    return found if isinstance(found, ast.Call) else None


def _value(node: ast.expr, frame: FrameType) -> Any:
    code = compile(ast.Expression(node), "<warning>", "eval")
    return eval(code, frame.f_globals, dict(frame.f_locals))


def _spoken(frame: FrameType) -> Spoken | None:
    """The warning that is about to be given in a frame of NumPy's."""
    call = _call_at(frame.f_code, frame.f_lasti)
    if call is None or any(isinstance(x, ast.Starred) for x in call.args):
        return None
    names = ("message", "category", "stacklevel")
    given = dict(zip(names, [_value(x, frame) for x in call.args], strict=False))
    given |= {k.arg: _value(k.value, frame) for k in call.keywords if k.arg in names}
    message, category = given["message"], given.get("category") or UserWarning
    if isinstance(message, Warning):
        category = type(message)
    at = frame
    for _ in range(given.get("stacklevel", 1) - 1):
        if at.f_back is None:
            break
        at = at.f_back
    return Spoken(str(message), category, at)


@contextmanager
def noted(note: Callable[[Spoken], None]) -> Iterator[None]:
    """Have ``note`` called for each warning that NumPy's Python gives in this thread."""

    def hear(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or called is not warnings.warn:
            return
        if not str(frame.f_globals.get("__name__", "")).startswith("numpy."):
            return
        found = _spoken(frame)
        if found is not None:
            note(found)

    before = sys.getprofile()
    sys.setprofile(hear)
    try:
        yield
    finally:
        sys.setprofile(before)
