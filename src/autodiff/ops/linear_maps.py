"""Linear functions of the lines of an array that a host function computes, with exact transposes.

    along(x, LineMap(function, options), axis)     function(lines, **options) of all lines along an axis

``function`` takes an array whose columns are lines, and is linear in it.  Its transpose is that of its
matrix, which is what it makes of the unit matrix: n² numbers for lines of n, found anew at each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ir.data import ArrayType
from autodiff.ops.entries import Entry, Kernel, Linear, Site, register
from autodiff.ops.function_table import functions
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.plain_data import dataclass


@dataclass(frozen=True)
class LineMap:
    """A linear function of columns that keeps their length."""

    function: Callable[..., Any]
    options: tuple[tuple[str, Any], ...]

    def __call__(self, lines: Any) -> Any:
        """What becomes of the columns."""
        return self.function(lines, **dict(self.options))


def _meaning(x: Any, map: LineMap, transposed: bool) -> Any:
    lines = x.reshape(x.shape[0], -1)
    if not lines.size:
        return np.zeros_like(x)
    found = map(np.eye(len(x), dtype=x.dtype)).T @ lines if transposed else map(lines)
    return np.asarray(found, x.dtype).reshape(x.shape)


def _transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    transposed = not site.attributes["transposed"]
    return (emit_tracer("line_map", ct, map=site.attributes["map"], transposed=transposed),)


register(
    Entry(
        "line_map",
        lambda types, **how: (ArrayType(types[0].dtype, types[0].shape),),
        _meaning,
        Kernel("line_map"),
        Linear(_transpose),
    )
)


def along(x: Tracer, map: LineMap, axis: int) -> Tracer:
    """``map`` of the lines along an axis."""
    moved = functions[np.moveaxis](x, axis, 0)
    found = emit_tracer("line_map", moved, map=map, transposed=False)
    return functions[np.moveaxis](Tracer(found.value, "array"), 0, axis)


__all__ = ["LineMap", "along"]
