"""Calls with which NumPy ends the process: an error at the user's line, before anybody makes them.

np.cumsum(x, out=np.zeros(()))          the axis of an array that has none is looked up
np.all(x, out=np.empty((), object))     an object is released that was never held

The first ends the process at once, most often.  The second gives the right answer and leaves one of
Python's own objects (``True``, the number 1) with a reference less, until there is none: it is the
kind of reduction that begins with a number of the dtype that it computes in, which is cast to
objects for ``out`` and counted there once too seldom.  Both in NumPy 2.4.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import NoReturnError
from autodiff.ops import builder as _builder

# Where ``out`` stands if it has no name; None: it has to be named.
_ACCUMULATIONS: dict[Any, int | None] = {
    np.cumsum: 3, np.cumprod: 3, np.nancumsum: 3, np.nancumprod: 3,
    np.ndarray.cumsum: 3, np.ndarray.cumprod: 3,
    **{
        getattr(np, name): None
        for name in ("cumulative_sum", "cumulative_prod")
        if hasattr(np, name)
    },
}  # fmt: skip


def require_axis(ndim: int, out: Any, shape: str = "(n,)") -> None:
    """Refuse to store what is accumulated along an axis into an array without axes.

    NumPy looks up the length and the stride of the axis that it accumulates along without asking
    whether ``out`` has one; of two axes and more it asks.
    """
    if out is not None and ndim == 1 and out.ndim == 0:
        raise NoReturnError(
            "what is accumulated is to be stored into an array without axes, which ends the "
            "process where NumPy does it",
            source=_builder.current_builder().source,
            remedy=f"make the array that is stored into one of shape {shape}",
        )


def refuse(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], method: str = "__call__"
) -> None:
    """The same for a call that nobody follows further, as of complex numbers."""
    if method == "__call__" and (function is np.all or function is np.any):
        refuse_objects(f"np.{function.__name__}", kwargs.get("out", args[2] if args[2:] else None))
        return
    if method == "accumulate":
        place: int | None = 3
    elif method == "__call__" and isinstance(function, Hashable) and function in _ACCUMULATIONS:
        place = _ACCUMULATIONS[function]
    else:
        return
    out = kwargs.get("out", args[place] if place is not None and len(args) > place else None)
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if not args or not hasattr(out, "ndim"):
        return
    ndim = _ndim(args[0])
    flat = method == "__call__" and kwargs.get("axis", args[1] if len(args) > 1 else None) is None
    require_axis(1 if flat or ndim == 0 else ndim, out)


def _ndim(x: Any) -> int:
    """How many axes; of a sequence of numbers not made into an array, which traced ones cannot be."""
    if isinstance(x, (list, tuple)):
        return 1 + max(map(_ndim, x), default=0)
    return int(getattr(x, "ndim", 0))


def refuse_objects(name: str, out: Any) -> None:
    """Refuse to store a reduction into objects that begins with a number of another dtype."""
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if isinstance(out, np.ndarray) and out.dtype.hasobject:
        raise NoReturnError(
            f"{name} is to be stored into an array of objects, which NumPy counts wrongly: after "
            "some hundred such calls the process ends",
            source=_builder.current_builder().source,
            remedy="assign the result: y[...] = np.all(x) in place of np.all(x, out=y)",
        )
