"""Differentiation: programs to programs, in forward and in reverse mode."""

from autodiff.differentiate.forward import jvp
from autodiff.differentiate.intermediate import perturbed, unperturbed
from autodiff.differentiate.jacobian import forward_jacobian, jacobian, reverse_jacobian
from autodiff.differentiate.reverse import vjp

__all__ = [
    "forward_jacobian",
    "jacobian",
    "jvp",
    "perturbed",
    "reverse_jacobian",
    "unperturbed",
    "vjp",
]
