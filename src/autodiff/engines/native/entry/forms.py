"""What a call is made of: the kernel's signature, the forms of arguments and of results.

    Signature([(float64, (n,))], [(float64, ()), (float64, (n,))], extents={n: 1})
    ArrayInput(float64, (n,), number=0)          ScalarInput(float, number=1)
    (ScalarOutput(0, float), ArrayOutput(1))     # returns (float, ndarray)

Plain data; ``build`` turns it into an entry point.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import field
from types import CellType
from typing import Any, TypeAlias

import numpy as np

from autodiff.dims import Extent
from autodiff.plain_data import dataclass
from autodiff.tables import Column


@dataclass(frozen=True)
class Signature:
    """The kernel's inputs and outputs.

    Parameters
    ----------
    inputs, outputs : sequence of (dtype, shape)
        In the order of the kernel's parameters.
    sized : set of int
        Outputs whose extents the kernel finds out.
    extents : mapping of symbol to int
        For symbols in shapes, the number of the scalar int64 input that receives its value.
    work_bytes : Extent
        Size of the kernel's working memory.
    release_gil : bool
        Whether other Python threads run meanwhile.  Never with calls back into Python.
    may_raise : bool
        Whether a Python exception may be set although the kernel reports success.
    """

    inputs: Sequence[tuple[np.dtype[Any], tuple[Extent, ...]]]
    outputs: Sequence[tuple[np.dtype[Any], tuple[Extent, ...]]]
    sized: frozenset[int] = frozenset()
    extents: Mapping[Hashable, int] = field(default_factory=dict)
    work_bytes: Extent = 0
    release_gil: bool = False
    may_raise: bool = False
    name: str = "kernel"


@dataclass(frozen=True)
class ArrayInput:
    """An ndarray for kernel input ``number`` (None: checked and not passed on).

    An extent that is a bare symbol takes the value met there; others must agree.  ``written``
    arguments receive a copy of an output and must be writeable.  ``numbers``: also a list or tuple
    of 1 to :data:`FEW` numbers of this type, ``float`` or ``np.float64``, or of as many records that
    have such a column.
    """

    dtype: np.dtype[Any]
    shape: tuple[Extent, ...]
    number: int | None = None
    written: bool = False
    numbers: type | Column | None = None


FEW = 256
"""The most numbers of a list that entries read themselves, onto the stack."""


@dataclass(frozen=True)
class ScalarInput:
    """A number: ``kind`` is float, int or bool for Python's, a dtype for NumPy's scalars."""

    kind: type | np.dtype[Any]
    number: int | None = None


@dataclass(frozen=True)
class StaticInput:
    """That very object, or for numbers and strings one of the same type and value."""

    value: Any


@dataclass(frozen=True)
class ContainerInput:
    """Exactly a tuple or list of so many items."""

    kind: type
    items: tuple[Input, ...]


@dataclass(frozen=True)
class HiddenInput:
    """A value that the user's function reads: an item of a dict (its globals) or a cell.

    It is read at each call.  ``place`` is ``(dictionary, key)`` or a cell.
    """

    input: Input
    place: tuple[dict[Any, Any], Any] | CellType


Input: TypeAlias = ArrayInput | ScalarInput | StaticInput | ContainerInput | HiddenInput


@dataclass(frozen=True)
class ArrayOutput:
    """Kernel output ``number`` as a new ndarray."""

    number: int


@dataclass(frozen=True)
class ScalarOutput:
    """Kernel output ``number`` as a number: Python's (float, int, bool) or NumPy's (a dtype)."""

    number: int
    kind: type | np.dtype[Any]


@dataclass(frozen=True)
class ArgumentOutput:
    """The positional argument ``index`` itself."""

    index: int


@dataclass(frozen=True, eq=False)
class ObjectOutput:
    """The same object at every call, such as None."""

    value: Any


@dataclass(frozen=True)
class ItemsOutput:
    """The elements of a float64 kernel output of one axis, in a new list or tuple of floats."""

    number: int
    kind: type


@dataclass(frozen=True)
class EitherOutput:
    """Where the bool that kernel output ``number`` is holds, ``narrow``, else ``wide``."""

    number: int
    narrow: ScalarOutput | ObjectOutput
    wide: ScalarOutput | ObjectOutput


OutputLeaf: TypeAlias = (
    ArrayOutput | ScalarOutput | ArgumentOutput | ObjectOutput | ItemsOutput | EitherOutput
)
OutputTree: TypeAlias = (
    OutputLeaf | tuple["OutputTree", ...] | list["OutputTree"] | dict[Any, "OutputTree"]
)


def leaves(tree: OutputTree) -> list[OutputLeaf]:
    """The leaves of an output tree, from left to right."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]
