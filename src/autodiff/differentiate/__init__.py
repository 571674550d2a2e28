"""Differentiation: programs to programs, in forward and in reverse mode.

What not every derivative needs stands in modules of its own: ``jacobian``, ``linear``, ``compressed``.
"""

from autodiff.differentiate.forward import jvp
from autodiff.differentiate.intermediate import perturbed, unperturbed
from autodiff.differentiate.pairs import (
    broken_by,
    conjugate,
    pairs_last,
    real_part,
    with_outputs,
)
from autodiff.differentiate.reverse import vjp

__all__ = [
    "broken_by",
    "conjugate",
    "jvp",
    "pairs_last",
    "perturbed",
    "real_part",
    "unperturbed",
    "vjp",
    "with_outputs",
]
