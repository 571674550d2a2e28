"""QR factors of a changed matrix: ``scipy.linalg.qr_update``, ``qr_delete`` and ``qr_insert``.

    qr_update(q, r, u, v)      the factors of q r + u vᵀ

The factors are those that a factorisation of the changed matrix has, up to the signs of the columns of q, which are
those of SciPy's routine: its rotations keep other signs than reflections do.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from scipy import linalg

from autodiff.ir.data import ArrayType
from autodiff.ops import complex_of_real, scipy_eigen, scipy_forms
from autodiff.ops.custom import stop
from autodiff.ops.function_table import functions, implements
from autodiff.ops.linear_algebra import mm, t
from autodiff.ops.promotion import doubles
from autodiff.ops.reflections import complete_qr
from autodiff.ops.scipy_matrices import _routine
from autodiff.ops.ufuncs import unsupported


def _factors(name: str, q: Any, r: Any, rest: tuple[Any, ...], changed: Any, **how: Any) -> Any:
    """The factors of the changed matrix, with the signs of SciPy's."""
    economic = q.shape[0] != q.shape[1]
    m, n = changed.shape
    if not (isinstance(m, int) and isinstance(n, int)):
        raise unsupported(f"scipy.linalg.{name} of run-time size", "give arrays of one shape")
    if economic and m < n or not economic and m > n + 1:  # more columns than the matrix decides
        raise unsupported(f"scipy.linalg.{name} of this shape", "use scipy.linalg.qr")
    columns = n if economic else m
    types = (ArrayType(q.dtype, (m, columns)), ArrayType(q.dtype, (columns, n)))
    found = _routine(name, (q, r, *rest), types, **how)
    made, upper = (
        complete_qr(changed) if not economic and m > n else functions[np.linalg.qr](changed)
    )
    signs: Any = np.sign(np.sum(found[0] * stop(made), axis=0))
    return made * signs, signs[:, None] * upper


def _pair(q: Any, r: Any) -> tuple[Any, Any]:
    first, second = doubles(q), doubles(r)
    if first.ndim != 2 or second.ndim != 2:
        raise unsupported("an update of factors of this form", "pass two matrices")
    return first, second


@implements(linalg.qr_update)
def qr_update(
    Q: Any, R: Any, u: Any, v: Any, overwrite_qruv: bool = False, check_finite: bool = True
) -> Any:
    """``scipy.linalg.qr_update`` of real factors."""
    q, r = _pair(Q, R)
    left, right = doubles(u), doubles(v)
    columns = [x if x.ndim == 2 else x.reshape(-1, 1) for x in (left, right)]
    return _factors("qr_update", q, r, (left, right), mm(q, r) + mm(columns[0], t(columns[1])))


def _place(k: Any, size: int) -> int:
    place = operator.index(k)
    return place + size if place < 0 else place


def _joined(parts: list[Any], axis: int) -> Any:
    return functions[np.concatenate](parts, axis)


@implements(linalg.qr_delete)
def qr_delete(
    Q: Any, R: Any, k: Any, p: Any = 1, which: str = "row", overwrite_qr: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.qr_delete`` of real factors."""
    q, r = _pair(Q, R)
    matrix: Any = mm(q, r)
    axis = 0 if which == "row" else 1
    at, count = _place(k, matrix.shape[axis]), operator.index(p)
    rows = slice(None), slice(None)
    before, after = list(rows), list(rows)
    before[axis], after[axis] = slice(0, at), slice(at + count, None)
    changed = _joined([matrix[tuple(before)], matrix[tuple(after)]], axis)
    return _factors("qr_delete", q, r, (), changed, k=at, p=count, which=which)


@implements(linalg.qr_insert)
def qr_insert(
    Q: Any, R: Any, u: Any, k: Any, which: str = "row", rcond: Any = None,
    overwrite_qru: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """``scipy.linalg.qr_insert`` of real factors."""
    q, r = _pair(Q, R)
    added, matrix = doubles(u), mm(q, r)
    axis = 0 if which == "row" else 1
    at = _place(k, matrix.shape[axis])
    shape = (1, -1) if axis == 0 else (-1, 1)
    block: Any = added if added.ndim == 2 else added.reshape(shape)
    parts = (
        (matrix[:at], block, matrix[at:]) if axis == 0 else (matrix[:, :at], block, matrix[:, at:])
    )
    changed = _joined(list(parts), axis)
    return _factors("qr_insert", q, r, (added,), changed, k=at, which=which)


__all__ = ["complex_of_real", "qr_delete", "qr_insert", "qr_update", "scipy_eigen", "scipy_forms"]
