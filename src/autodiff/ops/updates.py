"""``array_api_extra``, by which SciPy stores into arrays and chooses; loaded when its module is in use.

    xpx.at(x)[mask].set(y)         x[mask] = y, and x
    xpx.at(x, mask).add(y)         x[mask] += y, and x
    xpx.apply_where(mask, x, f)    see :mod:`autodiff.ops.distributions`

As SciPy's own does with arrays of NumPy: the array itself is changed, a scalar is copied.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ops.complex_numbers import TABLE, is_complex
from autodiff.ops.distributions import apply_where
from autodiff.ops.function_table import at_one_of, functions, implements
from autodiff.ops.tracer import Tracer


class At:
    """A place of an array that is about to be stored to."""

    def __init__(self, x: Any, idx: Any = None) -> None:
        self.x, self.index = x, idx

    def __getitem__(self, index: Any) -> At:
        return At(self.x, index)

    def set(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] = y``."""
        return self._store(lambda old: y, copy)

    def add(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] += y``."""
        return self._store(lambda old: operator.add(old, y), copy)

    def subtract(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] -= y``."""
        return self._store(lambda old: operator.sub(old, y), copy)

    def multiply(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] *= y``."""
        return self._store(lambda old: operator.mul(old, y), copy)

    def divide(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] /= y``."""
        return self._store(lambda old: operator.truediv(old, y), copy)

    def power(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] **= y``."""
        return self._store(lambda old: operator.pow(old, y), copy)

    def min(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] = minimum(x[index], y)``."""
        return self._store(lambda old: np.minimum(old, y), copy)

    def max(self, y: Any, /, copy: bool | None = None, xp: Any = None) -> Any:
        """``x[index] = maximum(x[index], y)``."""
        return self._store(lambda old: np.maximum(old, y), copy)

    def _store(self, change: Callable[[Any], Any], copy: bool | None) -> Any:
        x = self.x
        if copy or (isinstance(x, Tracer) and x.form != "array") or isinstance(x, np.generic):
            x = (TABLE if is_complex(x) else functions)[np.array](x)
        x[self.index] = change(x[self.index])
        return x


def _enter() -> None:
    module = at_one_of("scipy._external.array_api_extra", "scipy._lib.array_api_extra")
    for name, function in (("at", At), ("apply_where", apply_where)):
        found = getattr(module, name, None)  # which an older version lacks
        if found is not None:
            implements(found)(function)
            if function is At:
                TABLE[found] = At


_enter()

__all__ = ["At"]
