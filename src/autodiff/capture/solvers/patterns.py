"""Structures of Jacobians that SciPy is told (``jac_sparsity``): read at every call, and made again for it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from autodiff.capture.opaque import is_sparse
from autodiff.capture.trace import Declined
from autodiff.ops.interpreting import interpreted


def structure_of(x: Any) -> Any:
    """The structure of a Jacobian as what it is made of, which is read at every call."""
    if not is_sparse(x):
        return x
    if x.format not in ("csr", "csc"):
        raise Declined(f"a structure of the form {x.format!r}")
    return (*interpreted(_lines, x), x.format == "csc")


def _lines(matrix: Any) -> Any:
    return matrix.indptr, matrix.indices


def made_structure(x: Any, shape: tuple[int, int]) -> Any:
    """The structure again, of the values of its parts."""
    if not isinstance(x, tuple):
        return x
    ends, indices, by_columns = x
    module = sys.modules["scipy.sparse"]
    kind = module.csc_array if by_columns else module.csr_array
    count = int(ends[-1])
    return kind((np.ones(count), np.array(indices[:count]), np.array(ends)), shape=shape)


__all__ = ["made_structure", "structure_of"]
