"""The exponential of one matrix, as SciPy computes it.

    exponential(a)      scipy.linalg.expm(a), to the last bit

Of a small matrix, most of SciPy's time goes into what is asked before its two functions in C are called (Al-Mohy and Higham,
"A New Scaling and Squaring Algorithm for the Matrix Exponential", 2009).  They are called at once here.  They are private
to SciPy, so what they give is compared first; in a version where it differs, and of matrices that are diagonal or
triangular, SciPy's own function answers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

Routines = tuple[Callable[..., Any], Callable[..., Any]]


def exponential(a: np.ndarray) -> Any:
    """``scipy.linalg.expm`` of one matrix."""
    if a.dtype == np.float64 and len(a) > 1:
        routines = _routines()
        # Neither diagonal nor triangular, as its corners say most often.
        is_full = a.item(0, -1) and a.item(-1, 0) or all(linalg.bandwidth(a))
        if routines is not None and is_full:
            found = _approximated(a, routines)
            if found is not None:
                return found
    return linalg.expm(a)


def _approximated(a: np.ndarray, routines: Routines) -> np.ndarray | None:
    """The exponential by an approximation of the order that the norm asks for, squared again and again."""
    structure, approximant = routines
    work = np.empty((5, *a.shape))
    work[0] = a
    order, squarings = structure(work)
    if order < 0 or approximant(work, order) != 0:
        return None
    result: np.ndarray = work[0]
    for _ in range(squarings):
        result = result @ result
    return result


@functools.cache
def _routines() -> Routines | None:
    """SciPy's functions, if they do what is expected of each order of approximation, with and without squarings."""
    try:
        from scipy.linalg import _matfuncs_expm as private

        routines = private.pick_pade_structure, private.pade_UV_calc
        for size in (0.001, 0.1, 0.5, 1.0, 3.0, 40.0):
            a = size * np.array([[0.1, -0.7, 0.2], [0.4, 0.3, -0.5], [-0.6, 0.2, 0.8]])
            if not np.array_equal(_approximated(a, routines), linalg.expm(a)):  # type: ignore[arg-type]
                return None
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
    return routines


__all__ = ["exponential"]
