"""The truth of traced values: what ``if``, ``while``, ``not``, ``and`` and ``or`` ask for."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import equal
from autodiff.ops.either import Either
from autodiff.ops.known import compare, decide, require, require_equal
from autodiff.ops.tracer import EMPTY_IS_AMBIGUOUS, MANY_ARE_AMBIGUOUS, Tracer


def truth(value: Any) -> Tracer:
    """The truth of a traced scalar as a traced Python bool."""
    if isinstance(value, Either):
        value = value.wide
    shape = value.shape
    if shape:
        size = value.size
        is_empty = decide(lambda: equal(size, 0))
        if is_empty is None:
            require(compare("not_equal", size, 0), ValueError(EMPTY_IS_AMBIGUOUS))
        elif is_empty:
            raise ValueError(EMPTY_IS_AMBIGUOUS)
        if not require_equal(size, 1, MANY_ARE_AMBIGUOUS):
            raise ValueError(MANY_ARE_AMBIGUOUS)
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
