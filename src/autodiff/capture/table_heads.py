"""What of a DataFrame is compared at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.labelled import (
    is_labelled,
)

if TYPE_CHECKING:
    pass


# -- what is compared at each call ------------------------------------------------------------------
class Head:
    """What a DataFrame is but for its contents: index, labels and dtypes of the columns."""

    __slots__ = ("dtypes", "index", "names")

    def __init__(self, frame: Any) -> None:
        self.index, self.names, self.dtypes = frame.index, list(frame.columns), list(frame.dtypes)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Head)
            and self.names == other.names
            and self.dtypes == other.dtypes
            and (self.index is other.index or _is_same(self.index, other.index))
        )

    def __hash__(self) -> int:
        return hash(tuple(self.names))

    def __repr__(self) -> str:
        return f"<a DataFrame of {len(self.index)} rows, {len(self.names)} columns>"


class Contents:
    """What a column holds."""

    __slots__ = ("series",)

    def __init__(self, series: Any) -> None:
        self.series = series

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Contents) and self.series.equals(other.series)

    def __hash__(self) -> int:
        return hash(len(self.series))

    def __repr__(self) -> str:
        return f"<the contents of {self.series.name}>"


def _is_same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a.dtype == b.dtype and a.names == b.names and a.equals(b)


def head_of(frame: Any) -> Head | None:
    """What a DataFrame is but for its contents; None where it is none any more."""
    return Head(frame) if type(frame).__name__ == "DataFrame" else None


def is_table(obj: Any) -> bool:
    """Whether an object is a DataFrame with columns of several kinds, by names."""
    cls = type(obj)
    if cls.__name__ != "DataFrame" or cls.__module__.split(".")[0] != "pandas":
        return False
    names = list(obj.columns)
    return (
        not is_labelled(obj)
        and all(type(name) in (str, int) for name in names)
        and len(set(names)) == len(names)
        and any(map(is_of_numbers, obj.dtypes))
    )


def is_of_numbers(dtype: Any) -> bool:
    """Whether a column of this dtype is an array of numbers."""
    return isinstance(dtype, np.dtype) and dtype.kind in "fiub"
