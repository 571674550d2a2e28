"""Products with SciPy's sparse arrays that are Python lists or dicts (``lil``, ``dok``), or rows of blocks.

    A @ x      A.tocsr() @ x, of an array made outside of the function, which is read anew at every call

Their own code goes through lists of numbers.  What it computes by turning into rows is taken from
the rows at once, where the result is no sparse array, or one of rows: its form is as it would be.
"""

from __future__ import annotations

import ast
from types import MethodType
from typing import Any

from autodiff.capture.calls import call
from autodiff.capture.interpreter import Frame
from autodiff.capture.opaque import is_sparse
from autodiff.capture.origins import owner_of
from autodiff.capture.paths import Path

_WITH_ARRAYS = ("__matmul__", "__rmatmul__", "dot", "_matmul_dispatch", "_rmatmul_dispatch")
_WITH_SPARSE = {"lil": ("__matmul__", "__add__", "__sub__"), "dok": ("__matmul__",)}
_ALONE = ("toarray", "todense", "sum", "mean", "diagonal", "trace")


def attempt(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """What a method of such an array gives; NotImplemented for anything else."""
    owner: Any = owner_of(function)
    if not isinstance(function, MethodType) or not is_sparse(owner):
        return NotImplemented
    form, name = getattr(owner, "format", None), function.__name__
    if form not in ("lil", "dok", "bsr") or form == "bsr" and name in ("__matmul__", "dot"):
        return NotImplemented
    path = frame.trace.paths.get(id(owner))
    if any(map(is_sparse, args)):
        is_known = name in _WITH_SPARSE.get(form, ())
    else:
        is_known = name in (*_WITH_ARRAYS, *_ALONE) or (form != "bsr" and name == "tocsr")
    if path is None or not is_known:
        return NotImplemented
    rows: Any = frame.trace.lift(owner.tocsr(), Path(f"{path.text}.tocsr()", path.roots))
    return rows if name == "tocsr" else call(frame, getattr(rows, name), args, kwargs, node)


__all__ = ["attempt"]
