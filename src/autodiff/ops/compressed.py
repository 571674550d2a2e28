"""A sparse Jacobian of which the structure is known, from products with it.

    jac = compressed(structure, product);  jac(t, y)       a csc_array with the elements of the structure

Columns that no row has in common share a product (Curtis, Powell, Reid 1974); which do, SciPy says, as it does for its
differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def compressed(structure: Any, product: Callable[..., Any]) -> Callable[..., Any]:
    """The Jacobian as SciPy calls it: ``jac(*others, z)``.

    Parameters
    ----------
    structure : array or sparse array
        Not zero where the Jacobian may be.
    product : callable
        ``product(*others, [z, v])`` is the Jacobian at z times v.
    """
    from scipy.optimize._numdiff import group_columns
    from scipy.sparse import csc_array

    pattern = csc_array(structure)
    pattern.sort_indices()
    groups = np.asarray(group_columns(pattern))
    columns = np.repeat(np.arange(pattern.shape[1]), np.diff(pattern.indptr))
    of_element = groups[columns], pattern.indices
    directions = [(groups == k).astype(float) for k in range(int(groups.max(initial=-1)) + 1)]

    def jac(*given: Any) -> Any:
        *others, z = given
        found = [product(*others, np.concatenate([z, v])) for v in directions]
        elements = np.array(found)[of_element] if found else np.zeros(0)
        return csc_array((elements, pattern.indices, pattern.indptr), shape=pattern.shape)

    return jac


__all__ = ["compressed"]
