"""Native routines: products by BLAS, factorisations and solves by LAPACK, running sums."""

from __future__ import annotations

from collections.abc import Callable

from autodiff.engines.native.generator import Generator
from autodiff.ir.data import Operation


def write(g: Generator, operation: Operation) -> bool:
    """Write the routine of an operation and bind its results; False where there is none."""
    routine = _ROUTINES.get(operation.kind)
    return routine is not None and routine(g, operation)


_ROUTINES: dict[str, Callable[[Generator, Operation], bool]] = {}
