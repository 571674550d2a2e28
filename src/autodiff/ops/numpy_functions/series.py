"""What ``numpy.polynomial`` makes of coefficients, entered once that module is in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import check
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import cast, pointwise
from autodiff.ops.tracer import Tracer


@implements(np.polynomial.polyutils.as_series)
def as_series(alist: Any, trim: bool = True) -> list[Tracer]:
    """``as_series``: vectors of one dtype; a last coefficient of zero is for plain Python to drop."""
    arrays = [functions[np.atleast_1d](array_of(a)) for a in alist]
    for a in arrays:
        if a.ndim != 1:
            raise ValueError("Coefficient array is not 1-d")
        if isinstance(a.shape[0], int) and a.shape[0] == 0:
            raise ValueError("Coefficient array is empty")
        # A number is a polynomial whatever it is.
        if trim and not (isinstance(a.shape[0], int) and a.shape[0] == 1):
            check(pointwise("not_equal", a[-1], 0), "a last coefficient of zero")
    dtype = np.result_type(np.float64, *[a.dtype for a in arrays])
    return [Tracer(cast(a, dtype).value, "array") for a in arrays]
