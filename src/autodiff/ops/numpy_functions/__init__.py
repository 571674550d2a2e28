"""NumPy's functions on tracers, written as compositions of the operations.

Each module enters its functions in the table of :mod:`autodiff.ops.function_table`; a function
takes the arguments NumPy's takes.  Where possible a composition is plain NumPy on tracers.
"""

from autodiff.ops.numpy_functions import (
    creation,
    linear_algebra,
    reductions,
    selection,
    shapes,
)

__all__ = ["creation", "linear_algebra", "reductions", "selection", "shapes"]
