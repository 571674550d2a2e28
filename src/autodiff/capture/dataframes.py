"""DataFrames of pandas with columns of several kinds: those that are computed with, and those left to pandas.

    table = in_place_of(trace, frame)      # a Table in the place of the user's DataFrame
    table["c"] = table["a"] * p            # a new column, of traced numbers
    table["tag"] == "u"                    # pandas itself, on a column that the program is made for

A :class:`Table` has, by its label, a ``Labelled`` Series for each column of numbers, and pandas'
own Series for the others (words, dates, categories), whose contents are compared at each call once they
are looked at.  Which rows an expression takes, in which order and group, is asked of pandas, on
positions in the place of numbers; where that depends on numbers, as ``df[df["a"] > 1]`` does, the
program holds for calls with the same answer, and another is made when another comes.

A Table changes in place, as a DataFrame does; in a branch or loop that is part of the program it may
not, nor may the user's own.  What is not here is refused, with its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.origins import owner_of
from autodiff.capture.table_heads import is_table
from autodiff.labelled import OF_FRAME, OF_SERIES, Labelled, Method, StandIn, is_foreign, refused
from autodiff.later import later

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff.capture import dataframe_tables as tables
    from autodiff.capture.trace import Trace
else:
    tables = later("autodiff.capture.dataframe_tables")  # few programs have one


def in_place_of(trace: Trace, obj: Any) -> Any:
    """The Table of a DataFrame from outside, the same each time; any other object itself."""
    if type(obj).__name__ != "DataFrame" or isinstance(obj, StandIn):
        return obj
    path = trace.paths.get(id(obj))
    if path is None or not is_table(obj):
        return obj
    if id(obj) not in trace.dataframes:
        trace.dataframes[id(obj)] = (tables.lifted(trace, obj, path), obj)
    return trace.dataframes[id(obj)][0]


def is_its_own(trace: Trace, obj: Any) -> bool:
    """Whether an object is a stand-in, or made by pandas of what the program is made for."""
    if isinstance(obj, StandIn):
        return True
    return (
        is_foreign(obj) and type(obj).__module__.startswith("pandas") and id(obj) not in trace.paths
    )


def _is_plain(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return all(map(_is_plain, list.__iter__(x) if isinstance(x, list) else x))
    if isinstance(x, dict):
        return all(map(_is_plain, dict.values(x)))
    plain = (str, bytes, int, float, complex, type(None), slice, np.generic, type)
    return isinstance(x, plain) or (isinstance(x, np.ndarray) and type(x) is np.ndarray)


def _is_of_pandas(obj: Any) -> bool:
    return type(obj).__module__.startswith("pandas")


def computes_alone(trace: Trace, left: Any, right: Any) -> bool:
    """Whether an operation is of pandas' objects that the program is made for, and what is known."""
    if not (_is_of_pandas(left) or _is_of_pandas(right)):
        return False
    own = [is_its_own(trace, x) and not isinstance(x, StandIn) for x in (left, right)]
    return any(own) and all(
        is_own or _is_plain(x) for is_own, x in zip(own, (left, right), strict=True)
    )


def answers(trace: Trace, function: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a call is a method of a stand-in, or of pandas' objects that the program is made for."""
    if isinstance(function, Method):
        return True
    if id(function) in _BUILTIN and args and not kwargs:
        obj = in_place_of(trace, args[0])
        return (isinstance(obj, StandIn) and isinstance(obj, tables.Table)) or (
            is_its_own(trace, obj)
            and not isinstance(obj, StandIn)
            and all(map(_is_plain, args[1:]))
        )
    owner = owner_of(function)
    if owner is None or isinstance(owner, (type, np.ndarray)):
        return False
    if isinstance(owner, StandIn):
        return True
    if not is_foreign(owner) or not is_its_own(trace, owner):
        return False
    if getattr(function, "__name__", "").startswith("to_") and function.__name__ not in _GIVING:
        return False  # a file
    given = (*args, *kwargs.values())
    return all(_is_plain(x) or (is_its_own(trace, x) and not isinstance(x, StandIn)) for x in given)


_BUILTIN = frozenset(map(id, (len, list, tuple, set, sorted, iter)))
_GIVING = ("to_numpy", "to_list", "to_dict", "to_frame", "to_series")


def store(trace: Trace, container: Any, index: Any, value: Any) -> None:
    """``container[index] = value`` of pandas' and stand-ins: of a Table, or not at all."""
    if isinstance(container, StandIn):
        table = container.of if isinstance(container, tables.Rows) else container
        if isinstance(table, tables.Table) and table._is_users:
            trace.tier.decline("a change of a DataFrame from outside of the function")
        changed: Any = container
        changed[index] = value
        return
    raise refused(f"a store into a {type(container).__name__}")


def _groups_of(series: Labelled, *args: Any, **options: Any) -> Any:
    return tables.groups_of(series, *args, **options)


def _of_frame(name: str) -> Callable[..., Any]:
    def method(frame: Labelled, *args: Any, **options: Any) -> Any:
        return getattr(tables.table_of(frame), name)(*args, **options)

    return method


OF_SERIES["groupby"] = _groups_of
OF_FRAME.update(
    {name: _of_frame(name) for name in "groupby assign sort_values query dropna copy".split()}
)
