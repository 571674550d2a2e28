"""The truth of traced values: what ``if``, ``while``, ``not``, ``and`` and ``or`` ask for."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.either import Either
from autodiff.ops.known import require_equal
from autodiff.ops.tracer import Tracer


def truth(value: Any) -> Tracer:
    """The truth of a traced scalar as a traced Python bool."""
    if isinstance(value, Either):
        value = value.wide
    shape = value.shape
    if shape:
        message = (
            "The truth value of an array with more than one element is ambiguous. "
            "Use a.any() or a.all()"
        )
        if not require_equal(value.size, 1, message):
            raise ValueError(message)
        value = value.reshape(())[()]
    if value.dtype.kind != "b":
        value = np.not_equal(value, 0)
    return value if value.form == "python" else Tracer(value.value, "python")


def python_not(value: Tracer) -> Tracer:
    """``not value`` of a traced scalar."""
    truth(value)
    return as_python(np.logical_not(value))


def as_python(value: Any) -> Tracer:
    """A traced scalar as the Python number of the same value."""
    return Tracer(value.value, "python")
