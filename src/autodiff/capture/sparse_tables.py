"""Products with SciPy's sparse arrays that are Python lists (``lil``), or rows of blocks.

    A @ x      A.tocsr() @ x, of an array made outside of the function, which is read anew at every call

Their own code goes through lists of numbers.  What it computes by turning into rows is taken from
the rows at once, where the result is no sparse array, whose form would be another one.
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
_ALONE = ("toarray", "todense", "sum", "mean", "diagonal", "trace")


def attempt(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """What a method of such an array gives; NotImplemented for anything else."""
    owner: Any = owner_of(function)
    if not isinstance(function, MethodType) or not is_sparse(owner):
        return NotImplemented
    form, name = getattr(owner, "format", None), function.__name__
    if form not in ("lil", "bsr") or form == "bsr" and name in ("__matmul__", "dot"):
        return NotImplemented
    path = frame.trace.paths.get(id(owner))
    with_arrays = name in _WITH_ARRAYS and not any(map(is_sparse, args))
    if path is None or not (with_arrays or name in _ALONE):
        return NotImplemented
    rows = frame.trace.lift(owner.tocsr(), Path(f"{path.text}.tocsr()", path.roots))
    return call(frame, getattr(rows, name), args, kwargs, node)


__all__ = ["attempt"]
