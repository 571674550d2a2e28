"""Seeing what happens: the environment variables AUTODIFF_DEBUG and AUTODIFF_CHECK.

``AUTODIFF_DEBUG``: 1 what was captured and compiled, with times and fallbacks; 2 the program after
capture, differentiation and the last pass; 3 after every pass; 4 LLVM; 5 assembly.
``AUTODIFF_CHECK=1`` verifies the program after every stage (on in the tests); ``2`` also has native
code fill its results and its scratch memory with NaN before it starts, so that what is read before
it is written shows; ``3`` also has it compare every place it loads from or stores to with the bounds
of its array, and raises InternalError for one outside.

``AUTODIFF_DEBUG_NAN=1`` has NumPy run every program, operation by operation, and raises NonFiniteError
where a value or derivative is NaN, with the operation that made it.
"""

from __future__ import annotations

import os
import sys


def level() -> int:
    """The debug level in force."""
    text = os.environ.get("AUTODIFF_DEBUG", "0")
    return int(text) if text.isdigit() else 1


def _checks() -> int:
    text = os.environ.get("AUTODIFF_CHECK", "") or "0"
    return int(text) if text.isdigit() else 1


def checking() -> bool:
    """Whether programs are verified after every stage."""
    return _checks() >= 1


def poisoning() -> bool:
    """Whether native code fills its memory with NaN before it starts."""
    return _checks() >= 2


def bounding() -> bool:
    """Whether native code compares every place it reads and writes with the bounds of its array."""
    return _checks() >= 3


def finding_nan() -> bool:
    """Whether a NaN in a value or derivative is an error that names the operation that made it."""
    return os.environ.get("AUTODIFF_DEBUG_NAN", "0") not in ("", "0")


def show(minimum: int, text: object) -> None:
    """Print ``text`` to standard error from debug level ``minimum`` on."""
    if level() >= minimum:
        print(text, file=sys.stderr)
