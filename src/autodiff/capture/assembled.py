"""Sparse matrices that the function puts together element by element.

    A = lil_matrix((n, n));  A[i, j] = v;  A[i, j] += w;  spsolve(A.tocsr(), b)

SciPy's own keep Python's lists of numbers, through which no derivative goes.  Here the elements
are a full array, beside one that says which are stored; capture reads the class below as if the user had
written it, so that loops carry both.  What else is asked of such a matrix than to be filled, read, or turned into another
form is declined: the function runs plainly, and has no derivative.

A number that is 0 is not stored, whatever it depends on, and its derivative would be lost.  So each that carries one is
checked not to be 0.

Not here: ``dok``, whose rows have their elements in the order in which they were stored.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from autodiff.capture.trace import Declined
from autodiff.ops.control import emit_check
from autodiff.ops.known import known
from autodiff.ops.tracer import Tracer, is_traced

_MOST = 4_000_000  # elements of a matrix that is kept as a full one


class _Stored:
    """Whether values that are put into a matrix are stored: a function that capture knows."""

    def __autodiff_inline__(self, trace: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        (value,) = args
        if isinstance(value, (int, float, np.ndarray, np.generic)) and not is_traced([value]):
            if np.asarray(value).dtype.kind not in "bif":
                raise Declined("a sparse matrix of other than real numbers")
            return np.not_equal(value, 0)
        if not isinstance(value, Tracer) or value.dtype.kind != "f":
            raise Declined("a sparse matrix of other than real numbers")
        present: Any = np.all(np.not_equal(value, 0))
        emit_check(present.value, "an element of a sparse matrix that is 0 is left out of it")
        return True


class _Plain:
    """The matrix as SciPy has it, as long as its elements are known: a function that capture knows."""

    def __autodiff_inline__(self, trace: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        return plain(args[0], args[1])

    def __call__(self, matrix: Any, what: str) -> Any:
        """As in capture, which looks for attributes by itself."""
        return plain(matrix, what)


def plain(matrix: Any, what: str) -> Any:
    """The matrix as SciPy has it; declines what is asked of it where its elements are traced."""
    values = known(matrix.values)
    if values is None or known(matrix.stored) is None:
        raise Declined(f"{what} of a sparse matrix that is being put together: use its tocsr()")
    return matrix.python_type(values)


class _Known:
    """The matrix as SciPy has it, or None: a function that capture knows."""

    def __autodiff_inline__(self, trace: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """How capture treats a call."""
        matrix = args[0]
        is_known = known(matrix.values) is not None and known(matrix.stored) is not None
        return plain(matrix, "") if is_known else None


_is_stored: Any = _Stored()
_plain: Any = _Plain()
_known: Any = _Known()


def _form(matrix: Any) -> Any:
    """What does the work of a matrix: itself as SciPy has it, where its elements are known, or its rows."""
    whole = _known(matrix)
    return matrix.tocsr() if whole is None else whole


class Assembled:
    """A matrix of a class of SciPy's that is filled; ``rows`` makes one by rows of elements and where they are."""

    stays_inside = True
    python_type: Any = None

    def __init__(self, python_type: Any, shape: Any, rows: Any) -> None:
        self.python_type = python_type
        self.shape = shape
        self.rows = rows
        self.values = np.zeros(shape)
        self.stored = np.zeros(shape, bool)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.stored[key] = _is_stored(value)
        self.values[key] = value

    def __getitem__(self, key: Any) -> Any:
        value = self.values[key]
        if np.ndim(value) == 0:
            return value
        return _plain(self, "a part")[key]

    def setdiag(self, values: Any, k: int = 0) -> None:
        """Fill a diagonal, by as many of the values as there are, or by one."""
        n = min(self.shape[0] + min(k, 0), self.shape[1] - max(k, 0))
        if np.ndim(values):
            n = min(n, len(values))
            values = values[:n]
        i = np.arange(n)
        self[i - min(k, 0), i + max(k, 0)] = values

    def tocsr(self, copy: bool = False) -> Any:
        """The matrix by rows, with the elements that are stored."""
        whole = _known(self)
        if whole is not None:
            return whole.tocsr()
        i, j = np.nonzero(self.stored)
        return self.rows((self.values[i, j], (i, j)), shape=self.shape)

    def tocsc(self, copy: bool = False) -> Any:
        return self.tocsr().tocsc()

    def tocoo(self, copy: bool = False) -> Any:
        return _form(self).tocoo()

    def asformat(self, format: Any, copy: bool = False) -> Any:
        if format in ("lil", "dok"):
            return _plain(self, "asformat").asformat(format)
        return self.tocsr().asformat(format)

    def toarray(self) -> Any:
        return np.array(self.values)

    def diagonal(self, k: int = 0) -> Any:
        return np.array(np.diagonal(self.values, k))

    def sum(self, axis: Any = None) -> Any:
        return _form(self).sum(axis)

    def dot(self, other: Any) -> Any:
        return _form(self) @ other

    @property
    def T(self) -> Any:
        return _form(self).T

    def transpose(self) -> Any:
        return _form(self).T

    def __matmul__(self, other: Any) -> Any:
        return _form(self) @ other

    def __rmatmul__(self, other: Any) -> Any:
        return other @ _form(self)

    def __add__(self, other: Any) -> Any:
        return _form(self) + other

    def __radd__(self, other: Any) -> Any:
        return other + _form(self)

    def __sub__(self, other: Any) -> Any:
        return _form(self) - other

    def __rsub__(self, other: Any) -> Any:
        return other - _form(self)

    def __mul__(self, other: Any) -> Any:
        return _form(self) * other

    def __rmul__(self, other: Any) -> Any:
        return other * _form(self)

    def __truediv__(self, other: Any) -> Any:
        return _form(self) / other

    def __neg__(self) -> Any:
        return -_form(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_plain(self, name), name)


def as_scipy(args: list[Any], what: str) -> list[Any]:
    """Arguments of a function of a library, with such matrices as SciPy has them."""
    if what.startswith("is"):  # ``issparse``, which reads the class alone
        return [x.python_type((1, 1)) if type(x) is Assembled else x for x in args]
    made: list[Any] = []
    for x in args:
        if type(x) is Assembled:
            made.append(plain(x, what))
        elif holds([x], 3):
            made.append(type(x)(as_scipy(list(x), what)))
        else:
            made.append(x)
    return made


def holds(args: Any, depth: int = 3) -> bool:
    """Whether there is such a matrix among arguments, or in lists and tuples among them."""
    for x in args:
        if type(x) is Assembled:
            return True
        if depth and isinstance(x, (list, tuple)):
            items = list.__iter__(x) if isinstance(x, list) else x
            if holds(items, depth - 1):
                return True
    return False


def begun(cls: type, args: list[Any], kwargs: dict[str, Any]) -> list[Any] | None:
    """What ``Assembled`` is made of for a new matrix without elements; None for anything else."""
    if cls.__name__ not in ("lil_matrix", "lil_array") or set(kwargs) - {"dtype"}:
        return None
    shape, *more = args if args else (None,)
    kinds = [*more, *kwargs.values()]
    if type(shape) is not tuple or [type(n) for n in shape] != [int, int] or len(kinds) > 1:
        return None
    if any(k is not None and np.dtype(k) != float for k in kinds) or min(shape) < 0:
        return None
    if shape[0] * shape[1] > _MOST:
        return None
    form = "csr_matrix" if cls.__name__.endswith("matrix") else "csr_array"
    return [cls, shape, getattr(sys.modules["scipy.sparse"], form)]


__all__ = ["Assembled", "as_scipy", "begun", "holds"]
