"""Operations: their entries, the tracer that records them, the builder that collects them.

Those of solvers, minimisers, differential equations and interpolators are entered when they are first captured, those of
linear algebra, transforms and special functions when the table is first asked for one of them.
"""

from autodiff.ops import (
    control,
    custom,
    dispatch,
    pointwise,
    reductions,
    structural,
)
from autodiff.ops.entries import ENTRIES, Entry

__all__ = [
    "ENTRIES",
    "Entry",
    "control",
    "custom",
    "dispatch",
    "pointwise",
    "reductions",
    "structural",
]
