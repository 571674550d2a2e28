"""The quadrature of Gauss and Legendre, for derivatives that are integrals.

    nodes, weights = gauss_legendre()     64 of each, on [0, 1]

Made at the first use: the nodes are eigenvalues, which take as long as a dozen imports.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

POINTS = 64


@functools.cache
def gauss_legendre() -> tuple[Any, Any]:
    """Nodes and weights on [0, 1], exact for polynomials up to degree 127."""
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    return (nodes + 1) / 2, weights / 2


__all__ = ["gauss_legendre"]
