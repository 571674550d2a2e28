"""Operations: their entries, the tracer that records them, the builder that collects them."""

from autodiff.ops import (
    control,
    custom,
    decompositions,
    dispatch,
    fourier,
    gamma_functions,
    interpolation,
    linear_algebra,
    minima,
    odes,
    pointwise,
    reductions,
    solvers,
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
    "interpolation",
    "linear_algebra",
    "minima",
    "odes",
    "pointwise",
    "reductions",
    "solvers",
    "special",
    "structural",
]
