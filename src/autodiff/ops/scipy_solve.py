"""What ``scipy.linalg.solve`` gives beside the solution: warnings, and errors of the routine for a structure.

    well_conditioned(a, norm; routine, limit)      whether a matrix has LU, or Cholesky, factors, and by LAPACK's
                                                   estimate a reciprocal condition number above the limit
    scipy_solve(a, b, x; assume_a, …)              SciPy's own function, whose result is of the type of x

A well-conditioned system has one solution to half of the digits or more, whichever factors it is found by: there
it is that of NumPy's routine, in machine code.  Else SciPy is asked, which takes the routine for the structure, warns
of results that may not be accurate, and refuses what is not positive definite.  The derivative is that of the solution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from autodiff.ir.data import ArrayType
from autodiff.ops.builder import current_builder
from autodiff.ops.control import emit_cond
from autodiff.ops.entries import Entry, Kernel, Rules, register
from autodiff.ops.function_table import functions
from autodiff.ops.linear_algebra import t
from autodiff.ops.smooth import derived_as
from autodiff.ops.tracer import Tracer, emit_tracer


def _well_conditioned(a: Any, norm: Any, routine: str, limit: float) -> Any:
    try:
        if routine == "cholesky":
            np.linalg.cholesky(a)
        of_inverse = np.max(np.sum(np.abs(np.linalg.inv(a)), axis=-2), axis=-1)
    except np.linalg.LinAlgError:
        return np.bool_(False)
    with np.errstate(all="ignore"):
        return np.bool_(np.all(1 / of_inverse / norm > limit))


def _scipy_solve(a: Any, b: Any, x: Any, **options: Any) -> Any:
    return np.asarray(linalg.solve(a, b, **options), x.dtype)


register(
    Entry(
        "well_conditioned",
        lambda types, routine, limit: (ArrayType(np.dtype(bool), ()),),
        _well_conditioned,
        Kernel("well_conditioned"),
        zero_derivative=True,
    )
)
register(
    Entry(
        "scipy_solve",
        lambda types, **options: (ArrayType(types[2].dtype, types[2].shape),),
        _scipy_solve,
        Kernel("scipy_solve"),
        Rules(lambda site, tangents: (tangents[2],), lambda site, cts: (None, None, cts[0])),
        kept=True,
    )
)


def solved(a: Tracer, b: Tracer, assume_a: str | None, transposed: bool, check: bool) -> Tracer:
    """The solution for a matrix of which all is read; ``check``: whether SciPy refuses what is not finite."""
    matrix = t(a) if transposed else a
    x: Tracer = functions[np.linalg.solve](matrix, b)
    routine = "cholesky" if assume_a in ("pos", "positive definite") else "lu"
    norm: Any = np.max(np.sum(np.abs(matrix), axis=-2), axis=-1, initial=0.0)
    limit = float(np.finfo(x.dtype).eps) ** 0.5
    fine = emit_tracer("well_conditioned", matrix, norm, routine=routine, limit=limit)
    builder = current_builder()
    with builder.region() as then:
        then.outputs = [x.value]
    with builder.region() as orelse:
        options = {"assume_a": assume_a, "transposed": transposed, "check_finite": check}
        asked = emit_tracer("scipy_solve", a, b, x, **options)
        orelse.outputs = [asked.value]
    (found,) = emit_cond(fine.value, then, orelse)
    result: Tracer = derived_as(Tracer(found, "array"), x)
    return result
