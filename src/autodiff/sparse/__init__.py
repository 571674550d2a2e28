"""Sparse derivatives: which elements are not zero, and these alone, as SciPy's sparse arrays.

sets           sets of inputs, united by whole arrays
dependencies   the pattern: which outputs of a program depend on which inputs
colouring      columns that share no row get one colour, so that one product serves them all
derivatives    the transformations: Jacobian, Hessian, and the pattern alone
structure      a pattern as the user gets it, with a picture
"""

from autodiff.sparse.derivatives import SparseHessian, SparseJacobian, Sparsity
from autodiff.sparse.structure import Structure

__all__ = ["SparseHessian", "SparseJacobian", "Sparsity", "Structure"]
