"""NumPy's functions on tracers, written as compositions of the operations.

Each module enters its functions in the table of :mod:`autodiff.ops.function_table`; a function
takes the arguments NumPy's takes.  Where possible a composition is plain NumPy on tracers.
"""

from autodiff.ops.numpy_functions import (
    creation,
    decompositions,
    fourier,
    indices,
    linear_algebra,
    mathematics,
    reductions,
    selection,
    shapes,
    signals,
    statistics,
)

__all__ = [
    "creation",
    "decompositions",
    "fourier",
    "indices",
    "linear_algebra",
    "mathematics",
    "reductions",
    "selection",
    "shapes",
    "signals",
    "statistics",
]
