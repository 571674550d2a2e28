"""Groups of rows of one column of numbers: what ``groupby`` makes of each, spread over its rows or one number each.

grouping = grouped([series], index, {})         # asked of pandas, on positions in the place of numbers
aggregated(column, grouping, "mean", {})
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.labelled import Labelled, concrete, of_series, refused
from autodiff.ops.tracer import Tracer


class Grouping:
    """Which rows are in which group, and the labels of groups."""

    def __init__(self, codes: np.ndarray, labels: Any, sizes: Any) -> None:
        self.codes, self.labels, self.sizes = codes, labels, sizes

    def rows(self) -> list[np.ndarray]:
        """The numbers of the rows of each group."""
        return [np.flatnonzero(self.codes == k) for k in range(len(self.labels))]


def key_of(by: Any, index: Any) -> Any:
    """What rows are grouped by, as a Series of pandas."""
    pandas = sys.modules["pandas"]
    if isinstance(by, Labelled):
        by = concrete(by)
    if isinstance(by, Tracer):
        by = by._concrete()
    if isinstance(by, pandas.Series) and not by.index.equals(index):
        raise refused("groups by a Series with another index, which is aligned first,")
    if not isinstance(by, (pandas.Series, np.ndarray, pandas.Index)) or callable(by):
        raise refused(f"groups by a {type(by).__name__}")
    return by if isinstance(by, pandas.Series) else pandas.Series(by, index=index)


def grouped(keys: list[Any], index: Any, options: dict[str, Any]) -> Grouping:
    """Which rows are in which group: asked of pandas, of the numbers of the rows."""
    numbered = sys.modules["pandas"].Series(np.arange(len(index)), index=index)
    found = numbered.groupby(keys if len(keys) > 1 else keys[0], **options)
    sizes = found.size()
    codes = found.ngroup().to_numpy()
    if np.issubdtype(codes.dtype, np.floating):
        codes = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    if len(sizes) and len(sizes) != codes.max(initial=-1) + 1:
        raise refused("groups without rows")
    return Grouping(codes, sizes.index, sizes)


REDUCED = frozenset("sum mean prod max min std var median first last count".split())
SPREAD = frozenset("cumsum cumprod diff shift".split())


def taken_rows(series: Labelled, rows: np.ndarray) -> Labelled:
    """Some rows of a column."""
    template = series._template.iloc[rows]
    return of_series(series._values[rows], template.index, template.name)


def require_numbers(series: Any) -> Labelled:
    """A column, refused unless it is numbers."""
    if not isinstance(series, Labelled):
        raise refused("groups of a column that is no numbers")
    return series


def aggregated(series: Any, grouping: Grouping, function: Any, options: dict[str, Any]) -> Any:
    """One number for each group."""
    series = require_numbers(series)
    values, count = series._values, len(grouping.labels)
    if function in ("sum", "mean", "count") and not options and count > 0:
        is_there = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(series), bool)
        inside = is_there & (grouping.codes >= 0)
        codes = np.where(grouping.codes >= 0, grouping.codes, 0)
        counts = np.bincount(codes, weights=inside * 1.0, minlength=count)
        if function == "count":
            return of_series(counts.astype(np.int64), grouping.labels, series._template.name)
        if values.dtype.kind == "f":
            sums = np.bincount(codes, weights=np.where(inside, values, 0.0), minlength=count)
            found = sums if function == "sum" else sums / counts
            return of_series(found, grouping.labels, series._template.name)
    numbers: list[Any] = []
    for rows in grouping.rows():
        part = taken_rows(series, rows)
        if function in ("first", "last"):
            numbers.append(part._values[0 if function == "first" else -1])
        else:
            made = function(part) if callable(function) else getattr(part, function)(**options)
            numbers.append(made)
    if not numbers:
        raise refused("groups of no rows")
    return of_series(np.stack(numbers), grouping.labels, series._template.name)


def spread(each: Labelled, grouping: Grouping, like: Labelled) -> Labelled:
    """One number for each group, at each of its rows."""
    values = each._values[np.where(grouping.codes >= 0, grouping.codes, 0)]
    if (grouping.codes < 0).any():
        values = np.where(grouping.codes >= 0, values, np.nan)
    return of_series(values, like._template.index, like._template.name)


def by_group(series: Any, grouping: Grouping, function: Callable[[Any], Any]) -> Labelled:
    """What a function makes of each group, at its rows."""
    series = require_numbers(series)
    if (grouping.codes < 0).any() or not len(grouping.labels):
        raise refused("groups that leave rows out")
    parts, places = [], []
    for rows in grouping.rows():
        made = function(taken_rows(series, rows))
        values = made._values if isinstance(made, Labelled) else made
        if np.ndim(values) == 0:
            values = of_length(values, len(rows))
        if np.shape(values) != (len(rows),):
            raise refused("'transform' by a function that gives another number of rows")
        parts.append(values)
        places.append(rows)
    order = np.argsort(np.concatenate(places), kind="stable")
    return of_series(np.concatenate(parts)[order], series._template.index, series._template.name)


def of_length(value: Any, count: int) -> Any:
    """An array of so many numbers, of an array or a number."""
    values = values_of(value)
    if np.ndim(values) == 0:
        values = (
            np.full(count, values) if not isinstance(values, Tracer) else _repeated(values, count)
        )
    if np.shape(values) != (count,):
        length = np.shape(values)[0]
        raise ValueError(f"Length of values ({length}) does not match length of index ({count})")
    return values


def _repeated(number: Any, count: int) -> Any:
    return np.broadcast_to(number, (count,))


def values_of(value: Any) -> Any:
    """A number, an array or a list of numbers as an array, or a traced one."""
    if isinstance(value, Tracer):
        return value
    if not isinstance(value, (list, tuple)):
        return np.asarray(value)
    items = list(list.__iter__(value) if isinstance(value, list) else value)
    return np.stack(items) if any(isinstance(x, Tracer) for x in items) else np.array(items)
