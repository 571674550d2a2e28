"""SciPy's sparse arrays of which the elements are no arrays: lists, dicts (``lil``, ``dok``), or blocks.

    A.T, A + B, 2 * A, A[1:3]      what SciPy makes of arrays from outside, anew at every call
    A @ x, A.multiply(x), …        A.tocsr() @ x, with rows that SciPy makes at every call

Their own code goes through lists of numbers.  What SciPy makes of them and of what is known it makes itself, as an
input of the program; what it computes by turning into rows is taken from the rows at once, where the result is
no sparse array, or one of rows: its form is as it would be.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from types import MethodType
from typing import Any

import numpy as np

from autodiff.capture import opaque
from autodiff.capture.calls import call
from autodiff.capture.interpreter import Frame
from autodiff.capture.lists import is_stored
from autodiff.capture.opaque import is_sparse
from autodiff.capture.origins import owner_of
from autodiff.capture.paths import Guard, Path, is_literal
from autodiff.ops.tracer import is_traced

_BY_ROWS = frozenset(
    "__matmul__ __rmatmul__ dot _matmul_dispatch _rmatmul_dispatch multiply __mul__ __rmul__ "
    "__add__ __radd__ __sub__ __rsub__ toarray todense sum mean diagonal trace".split()
)
_OF_BLOCKS = frozenset("__matmul__ dot multiply".split())  # whose own code is followed
_MADE = frozenset(
    "tocsr tocsc tocoo todia tobsr tolil todok asformat copy transpose conj conjugate astype reshape "
    "__neg__ __abs__ power __pow__ __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ multiply "
    "maximum minimum __matmul__ __rmatmul__ dot __getitem__ getrow getcol get nnz _getnnz getnnz count_nonzero".split()
)


def attempt(
    frame: Frame, function: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST
) -> Any:
    """What a method of such an array gives; NotImplemented for anything else."""
    kept = sys.modules.get("autodiff.capture.assembled")
    if kept is not None and kept.holds(args):
        return call(frame, function, kept.as_scipy(args, function.__name__), kwargs, node)
    function, args = _bound(function, args)
    owner: Any = owner_of(function)
    if not isinstance(function, MethodType) or not is_sparse(owner):
        return NotImplemented
    form, name = getattr(owner, "format", None), function.__name__
    if form not in ("lil", "dok", "bsr") or opaque.holds_traced([owner]):
        return NotImplemented
    trace = frame.trace
    path = trace.paths.get(id(owner))
    if path is not None and trace.tier.reusable and name in _MADE:
        made = _made(frame, function, path, args, kwargs)
        if made is not NotImplemented:
            return made
    if not _is_by_rows(owner, name, args) or (
        path is None and not is_traced(args) and not opaque.holds_traced(args)
    ):
        return NotImplemented
    lines = "tocsc" if form == "dok" and name == "__add__" and is_sparse(args[0]) else "tocsr"
    rows = getattr(owner, lines)()
    if path is not None:
        trace.refuse_changed(owner)
        _guard_shape(frame, owner, path)
        rows = _read(frame, rows, _called(frame, path, lines, [], {}))
    return call(frame, getattr(rows, name), args, kwargs, node)


def _bound(function: Any, args: list[Any]) -> tuple[Any, list[Any]]:
    """A method of a class as that of its first argument, as operators and ``abs`` call them."""
    name = "__abs__" if function is abs else getattr(function, "__name__", "")
    if args and is_sparse(args[0]) and not isinstance(function, MethodType):
        own = getattr(type(args[0]), name, None)
        if function is abs or own is function:
            return getattr(args[0], name), args[1:]
    return function, args


def _is_by_rows(owner: Any, name: str, args: list[Any]) -> bool:
    """Whether SciPy's method is, by its result, that of the same matrix by rows."""
    if name not in _BY_ROWS or (owner.format == "bsr" and name in _OF_BLOCKS):
        return False
    if not args or name not in (
        "__mul__",
        "__rmul__",
        "__add__",
        "__radd__",
        "__sub__",
        "__rsub__",
    ):
        return True
    if is_sparse(args[0]):
        return owner.format != "bsr" and name in ("__add__", "__sub__")
    return bool(getattr(args[0], "shape", ()))  # a multiple has the form of the matrix


# -- what SciPy makes at every call ---------------------------------------------------------------------------
def _of_method(owner: Any, name: str, *args: Any, **options: Any) -> Any:
    """What a method gives of an array as it is at this call."""
    return getattr(owner, name)(*args, **options)


_ARRAYS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data",),
    "dia": ("data", "offsets"),
}


def _arrays_of(matrix: Any) -> tuple[np.ndarray, ...]:
    """The arrays that say all of a matrix but its shape."""
    arrays = tuple([getattr(matrix, name) for name in _ARRAYS[matrix.format]])
    return (*arrays, *matrix.coords) if matrix.format == "coo" else arrays


_HELPERS = (("_of_method", _of_method), ("_arrays_of", _arrays_of))


def _called(frame: Frame, path: Path, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The path to what a method gives; None where no path says its arguments."""
    said = [_said(frame, x) for x in (*args, *kwargs.values())]
    known = [part for part in said if part is not None]
    if len(known) < len(said):
        return None
    names = [""] * len(args) + [f"{k}=" for k in kwargs]
    texts = [name + text for name, (text, _) in zip(names, known, strict=True)]
    roots = [root for _, own in known for root in own]
    text = ", ".join((path.text, repr(name), *texts))
    return Path(f"_of_method({text})", (*path.roots, *roots, *_HELPERS))


def _said(frame: Frame, x: Any) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
    """The text of an argument in a path, and the objects in it; None of what no path says."""
    path = frame.trace.paths.get(id(x)) if is_sparse(x) else None
    if path is not None:
        frame.trace.refuse_changed(x)
        _guard_shape(frame, x, path)
        return path.text, path.roots
    if isinstance(x, slice):
        ends = x.start, x.stop, x.step
        return (f"slice{ends!r}", ()) if is_literal(ends) else None
    if isinstance(x, list):
        if is_stored(x):
            return None
        items = [_said(frame, item) for item in list.__iter__(x)]
        known = [item for item in items if item is not None]
        is_plain = len(known) == len(items) and not any(roots for _, roots in known)
        return (f"[{', '.join([text for text, _ in known])}]", ()) if is_plain else None
    if type(x) is tuple and not is_literal(x):
        items = [_said(frame, item) for item in x]
        known = [item for item in items if item is not None]
        is_plain = len(known) == len(items) and not any(roots for _, roots in known)
        return (f"({''.join([f'{text}, ' for text, _ in known])})", ()) if is_plain else None
    return (repr(x), ()) if is_literal(x) else None


def _guard_shape(frame: Frame, matrix: Any, path: Path) -> None:
    """What SciPy makes of a matrix has a shape that follows from its own."""
    if not path.text.startswith("_of_method("):
        frame.trace.guards.append(Guard(path.attribute("shape"), "equal", matrix.shape))


def _made(frame: Frame, function: Any, path: Path, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A sparse array that SciPy makes, at every call, of one from outside and of what is known."""
    owner, name = function.__self__, function.__name__
    whole = _called(frame, path, name, args, kwargs)
    if whole is None:
        return NotImplemented
    frame.trace.refuse_changed(owner)
    result = _of_method(owner, name, *args, **kwargs)
    if isinstance(result, (float, int, np.number)):
        return frame.trace.lift(result, whole)
    if not is_sparse(result) or _is_shared(owner, result):
        return NotImplemented
    _guard_shape(frame, owner, path)
    if result.format in _ARRAYS:
        return _read(frame, result, whole)
    frame.trace.remember(result, whole)
    frame.trace.instances.add(id(result))
    return result


def _is_shared(owner: Any, result: Any) -> bool:
    """Whether a store into what a method gave would be one into its owner."""
    if result is owner:
        return True
    arrays = [[x for x in vars(m).values() if isinstance(x, np.ndarray)] for m in (owner, result)]
    return any(np.may_share_memory(x, y) for x in arrays[0] for y in arrays[1])


def _read(frame: Frame, matrix: Any, path: Path) -> Any:
    """A matrix of arrays that are read at every call."""
    trace = frame.trace
    whole = Path(f"_arrays_of({path.text})", (*path.roots, *_HELPERS))
    arrays = []
    for number, array in enumerate(_arrays_of(matrix)):
        at = replace(whole.item(number), shared=whole)
        known = trace.by_path.get(at.text)
        if known is None:
            known = trace.by_path[at.text] = trace.add_input(array, at, None, None)
        arrays.append(known.copy())  # what is stored into them stays in the function
    made = object.__new__(type(matrix))
    attributes = {k: v for k, v in vars(matrix).items() if not k.startswith("_has_")}
    names = _ARRAYS[matrix.format]
    vars(made).update(attributes, **dict(zip(names, arrays, strict=False)))
    if matrix.format == "coo":
        vars(made).update(coords=tuple(arrays[1:]), has_canonical_format=False)
    return made


__all__ = ["attempt"]
