"""Values of functions that capture cannot look into, which refuse to be differentiated.

    without_derivative(0.3, [x], error)   0.3 in a program; ``error`` where its derivative is asked for

The value is that of one call, by way of which a program of the uncompiled tier is made.  The operands
are what the function was given: through them a derivative would have to flow, and the rules raise where one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import DerivativeError
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Rules, Site, register
from autodiff.ops.tracer import Form, Tracer, emit_tracer


def _refuse(site: Site, given: Any) -> Any:
    error: DerivativeError = site.attributes["error"]
    raise error


def _meaning(*operands: Any, value: Any, error: DerivativeError) -> Any:
    return np.array(value)


register(
    Entry(
        "opaque",
        lambda types, value, error: (ArrayType(value.dtype, value.shape),),
        _meaning,
        Kernel("opaque"),
        Rules(_refuse, _refuse),
    )
)


def without_derivative(value: Any, operands: Sequence[Any], error: DerivativeError) -> Tracer:
    """A float, a NumPy scalar or an array as a traced one without derivative."""
    array = np.array(value)
    array.setflags(write=False)
    form: Form = (
        "array" if isinstance(value, np.ndarray)
        else "scalar" if isinstance(value, np.generic) else "python"
    )  # fmt: skip
    found = emit_tracer("opaque", *operands, value=array, error=error)
    return Tracer(found.value, form)


__all__ = ["without_derivative"]
