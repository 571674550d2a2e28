"""Differentiation: programs to programs, in forward and in reverse mode."""

from autodiff.differentiate.forward import jvp
from autodiff.differentiate.reverse import vjp

__all__ = ["jvp", "vjp"]
