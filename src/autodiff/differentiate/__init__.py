"""Differentiation: programs to programs, in forward and in reverse mode."""

from autodiff.differentiate.budget import in_segments_throughout, within_budget
from autodiff.differentiate.compressed import forward_products, products_modes, reverse_products
from autodiff.differentiate.forward import jvp
from autodiff.differentiate.intermediate import perturbed, unperturbed
from autodiff.differentiate.jacobian import forward_jacobian, jacobian, reverse_jacobian
from autodiff.differentiate.linear import linearized
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
    "forward_jacobian",
    "forward_products",
    "in_segments_throughout",
    "jacobian",
    "jvp",
    "linearized",
    "pairs_last",
    "perturbed",
    "products_modes",
    "real_part",
    "reverse_jacobian",
    "reverse_products",
    "unperturbed",
    "vjp",
    "with_outputs",
    "within_budget",
]
