"""Parameters as the user holds them, and as the one flat vector that SciPy works on.

    layout = Layout.of({"w": np.ones((2, 3)), "b": 0.5})
    layout.pack({"w": ..., "b": ...})   ->  array of shape (7,)
    layout.unpack(x)                    ->  {"b": float, "w": array of shape (2, 3)}

A single one-dimensional float64 array, by far the most common case, passes through untouched: no
copy and no Python work per evaluation. Other arrays are reshaped views of the vector; only parts
of another dtype are copied.

Integers become floats: a parameter that is moved in small steps is not an integer. A complex number is
two entries, its real and its imaginary part side by side; the gradient by it, dL/dRe + i dL/dIm, is
packed in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autodiff import tree as trees
from autodiff.errors import ArgumentError, DtypeError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Part:
    """One leaf of the container: where it lies in the vector, and what it is made into.

    None is a leaf without entries.
    """

    start: int
    stop: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: Literal["array", "number", "none"]

    @property
    def is_complex(self) -> bool:
        """Whether it holds complex numbers, of two entries each."""
        return self.dtype.kind == "c"


@dataclass(frozen=True)
class Layout:
    """How the leaves of a container lie in one vector of float64.

    Attributes
    ----------
    structure
        The container without its leaves.
    parts
        The leaves, in the container's order.
    size
        Length of the vector.
    direct
        Whether the container *is* the vector.
    example
        The container itself, where dataclasses in it carry attributes that are no parameters.
    """

    structure: Any
    parts: tuple[Part, ...]
    size: int
    direct: bool
    example: Any = None

    @classmethod
    def of(cls, tree: Any) -> Layout:
        """The layout of `tree`, an array, a number, or a container of them."""
        leaves, structure = trees.flatten_argument(tree)
        carries = any(isinstance(leaf, trees.Carried) for leaf in leaves)
        parts: list[Part] = []
        start = 0
        for leaf in trees.parts(tree):
            part = _part(leaf, start)
            parts.append(part)
            start = part.stop
        direct = len(parts) == 1 and leaves[0] is tree and _is_plain_vector(parts[0])
        return cls(structure, tuple(parts), start, direct, tree if carries else None)

    def pack(self, tree: Any) -> Array:
        """The vector of the leaves of `tree`, which must have this layout's structure."""
        if self.direct:
            return np.asarray(tree, dtype=np.float64)
        leaves = trees.parts(tree)
        vector = np.empty(self.size)
        for part, leaf in zip(self.parts, leaves, strict=True):
            if part.kind != "none":
                vector[part.start : part.stop] = _entries(leaf, part)
        return vector

    def unpack(self, vector: Array) -> Any:
        """The container whose leaves lie in `vector`."""
        if self.direct:
            return vector
        leaves: list[Any] = []
        for part in self.parts:
            if part.kind == "none":
                leaves.append(None)
            elif part.kind == "number":
                piece = vector[part.start : part.stop]
                leaves.append(complex(*piece) if part.is_complex else float(piece[0]))
            else:
                piece = vector[part.start : part.stop]
                if part.is_complex:
                    piece = np.ascontiguousarray(piece, np.float64).view(np.complex128)
                leaves.append(piece.reshape(part.shape).astype(part.dtype, copy=False))
        if self.example is None:
            return trees.unflatten(self.structure, leaves)
        of_parts = iter(leaves)
        items = [
            leaf if isinstance(leaf, trees.Carried) else next(of_parts)
            for leaf in trees.flatten_argument(self.example)[0]
        ]
        return trees.link([self.example], [trees.unflatten(self.structure, items)])[0]

    def pack_jacobian(self, blocks: Any) -> Array:
        """The matrix (results, size) of a Jacobian's blocks.

        A function of containers that returns containers has one block, of shape (*result, *part),
        for each part of its result and each part of its parameters, the latter running faster. A
        list of numbers as result is such a container.
        """
        if (
            self.direct
            and isinstance(blocks, np.ndarray)
            and blocks.ndim == 2
            and blocks.dtype.kind != "c"
        ):
            return blocks
        leaves = trees.flatten(blocks)[0]
        width = len(self.parts)
        bands = []
        for first in range(0, len(leaves), width):
            band = [
                _rows(block, part)
                for part, block in zip(self.parts, leaves[first : first + width], strict=True)
                if part.kind != "none"
            ]
            bands.append(np.concatenate(band, axis=1))
        return np.concatenate(bands, axis=0).astype(np.float64, copy=False)


def _part(leaf: Any, start: int) -> Part:
    if leaf is None:
        return Part(start, start, (), np.dtype(np.float64), "none")
    if callable(leaf):
        raise ArgumentError(
            f"a parameter is a {type(leaf).__name__}; an optimiser needs numbers",
            remedy="the function comes first, where to start after it: minimize(f, x0)",
        )
    array = np.asarray(leaf)
    if array.dtype.kind not in "fiubc":
        raise DtypeError(
            f"a parameter has dtype {array.dtype}; an optimiser needs numbers",
            remedy="Pass float or complex arrays.",
        )
    dtype = array.dtype if array.dtype.kind in "fc" else np.dtype(np.float64)
    kind: Literal["array", "number"] = (
        "number" if array.ndim == 0 and not isinstance(leaf, np.ndarray) else "array"
    )
    count = array.size * (2 if dtype.kind == "c" else 1)
    return Part(start, start + count, array.shape, dtype, kind)


def _entries(leaf: Any, part: Part) -> Array:
    """A leaf as its entries in the vector."""
    flat = np.ravel(leaf)
    return flat.astype(np.complex128).view(np.float64) if part.is_complex else flat


def _rows(block: Any, part: Part) -> Array:
    """A block of a Jacobian as a matrix: a column for each entry of a part, a row for each of the result.

    Of a complex result by real parameters each row is two.
    """
    if part.is_complex:
        block = np.ascontiguousarray(block, np.complex128).reshape(-1).view(np.float64)
    rows = np.reshape(block, (-1, part.stop - part.start))
    if rows.dtype.kind == "c":
        rows = np.stack([rows.real, rows.imag], axis=1).reshape(-1, rows.shape[1])
    return rows


def real_entries(found: Any) -> Any:
    """A result as optimisers take it: complex numbers as real and imaginary part side by side."""
    if isinstance(found, complex | np.complexfloating):
        found = np.atleast_1d(found)
    if isinstance(found, np.ndarray) and found.dtype.kind == "c":
        return np.ascontiguousarray(found, np.complex128).reshape(-1).view(np.float64)
    return found


def _is_plain_vector(part: Part) -> bool:
    return len(part.shape) == 1 and part.dtype == np.float64


def as_parameters(x0: Any) -> Any:
    """`x0` of SciPy's signatures as parameters: numbers in a list are a vector, as in SciPy.

    A number becomes a vector of one, also as in SciPy. Everything else (an array of any shape, a
    dict, a tuple of arrays) is kept, and the objective is called with the same.
    """
    if isinstance(x0, np.ndarray):
        return x0 if x0.ndim else x0.reshape(1)
    if isinstance(x0, int | float | complex | np.number):
        return np.atleast_1d(np.asarray(x0))
    flat = isinstance(x0, Sequence) and not hasattr(x0, "_fields")
    if flat and all(isinstance(entry, int | float | complex | np.number) for entry in x0):
        return np.asarray(x0)
    if hasattr(x0, "__array__") and not isinstance(x0, np.generic):
        return np.asarray(x0)  # pandas and xarray objects
    return x0
