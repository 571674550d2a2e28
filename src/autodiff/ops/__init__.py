"""Operations: their entries, the tracer that records them, the builder that collects them.

Those of solvers, minimisers, differential equations and interpolators are entered when they are first captured.
"""

from autodiff.ops import (
    control,
    custom,
    decompositions,
    dispatch,
    fourier,
    gamma_functions,
    linear_algebra,
    pointwise,
    reductions,
    special,
    structural,
)
from autodiff.ops.entries import ENTRIES, Entry

__all__ = [
    "ENTRIES",
    "Entry",
    "control",
    "custom",
    "decompositions",
    "dispatch",
    "fourier",
    "gamma_functions",
    "linear_algebra",
    "pointwise",
    "reductions",
    "special",
    "structural",
]
