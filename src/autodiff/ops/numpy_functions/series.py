"""What ``numpy.polynomial`` makes of coefficients, entered once that module is in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.dims import at_least
from autodiff.ops.complex_numbers import TABLE, as_complex, is_complex
from autodiff.ops.function_table import implements
from autodiff.ops.known import check, compare, decide, require
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import cast
from autodiff.ops.tracer import Tracer, is_concretizing


def _trimmed(a: Any) -> Any:
    """A vector without zeros at its end, but for the first element; how many there are is guarded."""
    n = a.shape[0]
    if isinstance(n, int) and n == 1:
        return a
    if not isinstance(n, int) or not is_concretizing():
        check(a[-1] != 0, "a last coefficient of zero")
        return a
    while n > 1 and not bool(a[n - 1] != 0):
        n -= 1
    return a if n == a.shape[0] else a[:n]


@implements(np.polynomial.polyutils.as_series)
def as_series(alist: Any, trim: bool = True) -> list[Tracer]:
    """``as_series``: vectors of one dtype, without last coefficients of zero."""
    arrays = [np.atleast_1d(a if is_complex(a) else array_of(a)) for a in alist]
    for a in arrays:
        if not decide(lambda n=a.size: at_least(n, 1)):  # type: ignore[misc]
            some = compare("greater_equal", a.size, 1)
            require(some, ValueError("Coefficient array is empty"))
        if a.ndim != 1:
            raise ValueError("Coefficient array is not 1-d")
    if any(a.dtype.kind == "b" for a in arrays):
        raise ValueError("Coefficient arrays have no common type")
    if trim:  # a number is a polynomial whatever it is
        arrays = list(map(_trimmed, arrays))
    dtype = np.common_type(*[np.empty(0, a.dtype) for a in arrays])
    if np.dtype(dtype).kind == "c":
        return [as_complex(a, dtype) for a in arrays]
    return [Tracer(cast(a, dtype).value, "array") for a in arrays]


TABLE[np.polynomial.polyutils.as_series] = as_series
