"""What stands in a program for a DataFrame of pandas, its rows by label or number, and groups of its rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.capture.dataframe_groups import (
    REDUCED,
    SPREAD,
    Grouping,
    aggregated,
    by_group,
    grouped,
    key_of,
    of_length,
    spread,
    taken_rows,
    values_of,
)
from autodiff.capture.paths import Guard, Path
from autodiff.capture.table_heads import Contents, Head, head_of, is_of_numbers
from autodiff.labelled import (
    Labelled,
    Method,
    StandIn,
    apply,
    concrete,
    is_labelled,
    lift,
    of_series,
    refused,
)
from autodiff.ladder import NotStaged
from autodiff.ops.builder import current_builder
from autodiff.ops.tracer import Tracer

if TYPE_CHECKING:
    from autodiff.capture.trace import Trace


_NUMBER = "__number_of_the_row__"
_OF_NUMBERS = frozenset("sum mean prod max min std var any all to_numpy dot abs values T".split())


def lifted(trace: Trace, frame: Any, path: Path) -> Table:
    """The Table of a DataFrame that a path leads to."""
    at = Path(f"_head_of({path.text})", (*path.roots, ("_head_of", head_of)))
    trace.guards.append(Guard(at, "equal", Head(frame)))

    def reader(name: Any) -> Callable[[], Any]:
        def read() -> Any:
            column = frame[name]
            if is_of_numbers(column.dtype):
                there = path.item(name)
                values = trace.lift(
                    column.to_numpy(), Path(f"{there.text}.to_numpy()", there.roots)
                )
                return of_series(values, frame.index, name)
            there = path.item(name)
            where = Path(f"_contents({there.text})", (*path.roots, ("_contents", Contents)))
            trace.guards.append(Guard(where, "equal", Contents(column.copy())))
            return column.copy()

        return read

    return Table(frame.index, {n: Unread(reader(n)) for n in frame.columns}, is_users=True)


class Unread:
    """A column that nobody has asked for yet."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[], Any]) -> None:
        self.read = read


# -- the table ------------------------------------------------------------------------------------
class Table(StandIn):
    """A DataFrame while it is captured; see the module header."""

    __slots__ = ("_block", "_columns", "_index", "_is_users")
    __array_priority__ = 2000.0

    def __init__(self, index: Any, columns: dict[Any, Any], is_users: bool = False) -> None:
        self._index = index
        self._columns = columns
        self._is_users = is_users
        self._block = current_builder().block

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # what `isinstance(x, pd.DataFrame)` in the user's code asks
        return sys.modules["pandas"].DataFrame

    def _column(self, name: Any) -> Any:
        column = self._columns[name]
        if isinstance(column, Unread):
            column = column.read()
            if self._block is current_builder().block:  # what is made in a loop stays in it
                self._columns[name] = column
        return column

    # -- what it is ---------------------------------------------------------------------------------
    @property
    def columns(self) -> Any:
        """The labels of the columns."""
        return sys.modules["pandas"].Index(list(self._columns))

    @property
    def index(self) -> Any:
        """The labels of the rows."""
        return self._index

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self._index), len(self._columns)

    @property
    def empty(self) -> bool:
        """Whether it has no elements."""
        return 0 in self.shape

    ndim = 2

    @property
    def loc(self) -> Rows:
        """Rows and columns by label."""
        return Rows(self, "loc")

    at = loc

    @property
    def iloc(self) -> Rows:
        """Rows and columns by number."""
        return Rows(self, "iloc")

    iat = iloc

    def __len__(self) -> int:
        return len(self._index)

    def knows(self, name: str) -> bool:
        """Whether an attribute is answered here; if not, the user's DataFrame is asked itself."""
        return name in self._columns or name in _OF_NUMBERS or hasattr(Table, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._columns))

    def __contains__(self, key: Any) -> bool:
        return key in self._columns

    def keys(self) -> Any:
        """The labels of the columns."""
        return self.columns

    def __delitem__(self, key: Any) -> None:
        self._changing()
        if key not in self._columns:
            raise KeyError(key)
        self._columns = {k: c for k, c in self._columns.items() if k != key}

    def pop(self, key: Any) -> Any:
        """A column, which is taken out."""
        column = self[key]
        del self[key]
        return column

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Labels and columns."""
        return iter([(name, self._column(name)) for name in self._columns])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._columns:
            return self._column(name)
        frame = sys.modules["pandas"].DataFrame
        if name in _OF_NUMBERS or (hasattr(frame, name) and self._is_of_numbers()):
            return getattr(self._numbers(name), name)
        if not hasattr(frame, name):
            raise AttributeError(f"'DataFrame' object has no attribute '{name}'")
        raise refused(f"the attribute {name!r} of a DataFrame with columns of several kinds")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        given = [x._numbers(ufunc.__name__) if isinstance(x, Table) else x for x in inputs]
        return next(x for x in given if isinstance(x, Labelled)).__array_ufunc__(
            ufunc, method, *given, **options
        )

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply(function, args, kwargs)

    def __bool__(self) -> bool:
        raise ValueError(
            "The truth value of a DataFrame is ambiguous. "
            "Use a.empty, a.bool(), a.item(), a.any() or a.all()."
        )

    def __repr__(self) -> str:
        raise refused("the text of a DataFrame")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.asarray(self._numbers("__array__")._values, *args, **kwargs)

    def is_of_numbers(self) -> bool:
        return all(isinstance(self._column(name), Labelled) for name in self._columns)

    def _numbers(self, what: str) -> Labelled:
        """All of it as one array of numbers."""
        columns = [self._column(name) for name in self._columns]
        if not columns or not all(isinstance(c, Labelled) for c in columns):
            raise refused(f"{what!r} of a DataFrame with columns that are no numbers")
        kinds = {c._values.dtype.kind == "b" for c in columns}
        if len(kinds) > 1:
            raise refused(f"{what!r} of a DataFrame with numbers and truth values")
        template = sys.modules["pandas"].DataFrame(
            np.arange(len(self) * len(columns)).reshape(self.shape),
            index=self._index,
            columns=list(self._columns),
        )
        return Labelled(template, np.stack([c._values for c in columns], axis=1))

    # -- columns ------------------------------------------------------------------------------------
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (str, int)) and not isinstance(key, bool):
            if key not in self._columns:
                raise KeyError(key)
            return self._column(key)
        if isinstance(key, list) and all(isinstance(k, (str, int)) for k in list.__iter__(key)):
            if not any(isinstance(k, bool) for k in list.__iter__(key)):
                return self._with({k: self._column(k) for k in list.__iter__(key)})
        if isinstance(key, (StandIn, Tracer, slice)) or hasattr(key, "dtype"):
            return self._take(lambda rows: rows[_mask(key, self._index)])
        raise refused(f"an index of type {type(key).__name__} of a DataFrame")

    def _with(self, columns: dict[Any, Any]) -> Any:
        """The same rows with these columns, all numbers of one dtype or not."""
        return Table(self._index, columns)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Table.__slots__:
            object.__setattr__(self, name, value)
        elif name in self._columns:
            self[name] = value
        else:
            raise refused("an attribute that is stored into a DataFrame")

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, (str, int)):
            raise refused("a store into several columns of a DataFrame")
        self._changing()
        self._columns = {**self._columns, key: self._as_column(key, value)}

    def _changing(self) -> None:
        if self._is_users:
            raise refused("a store into a DataFrame from outside", "copy it first: df = df.copy()")
        if self._block is not current_builder().block:
            raise NotStaged("a store into a DataFrame")

    def _as_column(self, name: Any, value: Any) -> Any:
        pandas = sys.modules["pandas"]
        if isinstance(value, Labelled) and type(value._template).__name__ == "Series":
            if not value._template.index.equals(self._index):
                raise refused("a column with another index, which is aligned first,")
            return of_series(value._values, self._index, name)
        if isinstance(value, pandas.Series) and not isinstance(value, StandIn):
            if is_labelled(value):
                return self._as_column(name, lift(value))
            return value.reindex(self._index).rename(name)
        if isinstance(value, StandIn):
            raise refused("a column that is a DataFrame")
        if isinstance(value, (str, bytes, type(None))) or not _is_number_like(value):
            return pandas.Series(value, index=self._index, name=name)
        values = of_length(value, len(self))
        return of_series(values, self._index, name)

    def assign(self, **columns: Any) -> Table:
        """A copy with new columns, of values or functions of the table so far."""
        made = self.copy()
        for name, value in columns.items():
            made[name] = value(made) if callable(value) else value
        return made

    def copy(self, deep: bool = True) -> Table:
        """A copy, which may be stored into."""
        return Table(self._index, dict(self._columns))

    def drop(
        self,
        labels: Any = None,
        *,
        axis: Any = 0,
        index: Any = None,
        columns: Any = None,
        **options: Any,
    ) -> Any:
        """Without some rows or columns."""
        if options:
            raise refused(f"'drop' with the option {next(iter(options))}")
        if axis in (1, "columns"):
            columns, labels = labels, None
        if columns is not None:
            names = [columns] if isinstance(columns, (str, int)) else list(columns)
            missing = [n for n in names if n not in self._columns]
            if missing:
                raise KeyError(f"{missing} not found in axis")
            kept = {k: c for k, c in self._columns.items() if k not in names}
            return Table(self._index, kept).drop(labels, index=index)
        labels = index if labels is None else labels
        return self.copy() if labels is None else self._take(lambda rows: rows.drop(labels))

    def rename(self, *, columns: Any, **options: Any) -> Table:
        """With other labels of columns."""
        if options or not isinstance(columns, dict):
            raise refused("'rename' of a DataFrame but by a dict of columns")
        new = {columns.get(k, k): c for k, c in self._columns.items()}
        if len(new) < len(self._columns):
            raise refused("two columns with one label")
        found = {}
        for name, k in zip(new, list(self._columns), strict=True):
            column = self._column(k)
            found[name] = (
                of_series(column._values, self._index, name)
                if isinstance(column, Labelled)
                else column.rename(name)
            )
        return Table(self._index, found)

    # -- rows ---------------------------------------------------------------------------------------
    def _take(self, choose: Callable[[Any], Any]) -> Any:
        """Some rows, in some order: ``choose`` takes them of a Series of their numbers."""
        return self._rows(choose(sys.modules["pandas"].Series(np.arange(len(self)), self._index)))

    def _rows(self, chosen: Any) -> Table:
        numbers = chosen.to_numpy()
        if numbers.dtype.kind != "i":
            raise refused("rows that are missing")

        def taken(name: Any) -> Callable[[], Any]:
            def read() -> Any:
                column = self._column(name)
                if isinstance(column, Labelled):
                    return of_series(column._values[numbers], chosen.index, name)
                series = column.iloc[numbers]
                series.index = chosen.index
                return series

            return read

        return Table(chosen.index, {n: Unread(taken(n)) for n in self._columns})

    def head(self, n: int = 5) -> Any:
        """The first rows."""
        return self._take(lambda rows: rows.head(n))

    def tail(self, n: int = 5) -> Any:
        """The last rows."""
        return self._take(lambda rows: rows.tail(n))

    def sort_index(self, **options: Any) -> Any:
        """The rows by their labels."""
        return self._take(lambda rows: rows.sort_index(**options))

    def sort_values(self, by: Any, **options: Any) -> Any:
        """The rows by the contents of columns."""
        names = [by] if isinstance(by, (str, int)) else list(by)
        return self._by(names, lambda frame: frame.sort_values(names, **options))

    def query(self, expression: str) -> Any:
        """The rows of which an expression of columns is true."""
        names = [n for n in self._columns if isinstance(n, str) and n in expression]
        if "@" in expression:
            raise refused("'query' with variables")
        return self._by(names, lambda frame: frame.query(expression))

    def dropna(self, *, subset: Any = None) -> Any:
        """The rows without missing values."""
        return self._by(list(subset or self._columns), lambda frame: frame.dropna())

    def drop_duplicates(self, subset: Any = None, **options: Any) -> Any:
        """The rows that differ from those before."""
        names = list(self._columns) if subset is None else subset
        names = [names] if isinstance(names, (str, int)) else list(names)
        return self._by(names, lambda frame: frame.drop_duplicates(names, **options))

    def reset_index(self, drop: bool = False) -> Any:
        """Rows that are numbered."""
        if not drop:
            raise refused("'reset_index' that keeps the index as a column")
        return self._take(lambda rows: rows.reset_index(drop=True))

    def _by(self, names: list[Any], choose: Callable[[Any], Any]) -> Any:
        """Rows by the contents of columns, as they are at this call."""
        frame = self._known(names)
        frame[_NUMBER] = np.arange(len(self))
        rows = list(dict.fromkeys(choose(frame[[*names, _NUMBER]])[_NUMBER]))
        return self._take(lambda numbers: numbers.iloc[rows])

    def _known(self, names: list[Any]) -> Any:
        """A DataFrame of the contents that columns have at this call."""
        held = {name: concrete(self._column(name)) for name in names}
        return sys.modules["pandas"].DataFrame(held, index=self._index)

    def groupby(self, by: Any, **options: Any) -> Groups:
        """Groups of rows with equal contents in some columns, or in a column from elsewhere."""
        left = options.keys() - {"sort", "observed", "group_keys", "dropna", "as_index"}
        if left or options.get("as_index", True) is not True:
            raise refused(f"'groupby' with the option {next(iter(left), 'as_index')}")
        taken = {k: v for k, v in options.items() if k != "group_keys"}
        names = [by] if isinstance(by, (str, int)) else by
        if isinstance(names, list) and all(isinstance(n, (str, int)) for n in names):
            known = self._known(names)
            keys = [known[n] for n in names]
        else:
            keys, names = [key_of(by, self._index)], []
        grouping = grouped(keys, self._index, taken)
        columns = {k: c for k, c in self._columns.items() if k not in names}
        return Groups(Table(self._index, columns), None, grouping)


def _is_number_like(value: Any) -> bool:
    if isinstance(value, Tracer):
        return True
    if isinstance(value, (list, tuple)):
        return all(map(_is_number_like, list.__iter__(value) if isinstance(value, list) else value))
    return isinstance(value, (bool, int, float)) or (
        isinstance(value, (np.ndarray, np.generic)) and is_of_numbers(value.dtype)
    )


def _mask(key: Any, index: Any) -> Any:
    """An index for rows, known at this call."""
    if isinstance(key, Labelled):
        if not key._template.index.equals(index):
            raise refused("rows by a Series with another index, which is aligned first,")
        return concrete(key)
    if isinstance(key, Tracer):
        return key._concrete()
    return key


class Rows(StandIn):
    """``df.loc`` and ``df.iloc``."""

    __slots__ = ("name", "of")

    def __init__(self, of: Table, name: str) -> None:
        self.of, self.name = of, name

    def _parts(self, key: Any) -> tuple[Any, list[Any], bool, bool]:
        """The numbers of rows, the labels of columns, and whether each is a single one."""
        table, pandas = self.of, sys.modules["pandas"]
        rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        if callable(rows) and not isinstance(rows, (StandIn, pandas.Series)):
            rows = rows(table)
        rows = _mask(rows, table._index)
        if self.name == "iloc" and isinstance(rows, pandas.Series):
            rows = rows.to_numpy()
        numbers = pandas.Series(np.arange(len(table)), table._index)
        found = getattr(numbers, self.name)[rows]
        names = pandas.Series(list(table._columns), index=list(table._columns), dtype=object)
        chosen = getattr(names, self.name)[columns]
        one = not isinstance(chosen, pandas.Series)
        return found, [chosen] if one else list(chosen), np.ndim(found) == 0, one

    def __getitem__(self, key: Any) -> Any:
        found, names, one_row, one_column = self._parts(key)
        table = self.of
        if one_row:
            row = [
                c._values[int(found)] if isinstance(c, Labelled) else c.iloc[int(found)]
                for c in (table._column(n) for n in names)
            ]
            if one_column:
                return row[0]
            if not all(isinstance(x, Tracer) for x in row):
                raise refused("a row of a DataFrame with columns that are no numbers")
            index = table._index[int(found)]
            return of_series(np.stack(row), sys.modules["pandas"].Index(names), index)
        rows = Table(table._index, {n: table._columns[n] for n in names})._rows(found)
        return rows._column(names[0]) if one_column else rows

    def __setitem__(self, key: Any, value: Any) -> None:
        table = self.of
        table._changing()
        try:
            found, names = self._parts(key)[:2]
        except KeyError:
            rows, name = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
            if name is None or not isinstance(name, (str, int)) or self.name != "loc":
                raise
            found = self._parts((rows, slice(None)))[0]
            names = [name]
        numbers = np.atleast_1d(np.asarray(found))
        if len(set(numbers.tolist())) < len(numbers):
            raise refused("a store into a row twice")
        for name in names:
            new = _stored(table, name, numbers, found, value)
            table._columns = {**table._columns, name: new}


def _stored(table: Table, name: Any, numbers: np.ndarray, found: Any, value: Any) -> Any:
    """A column with some rows replaced."""
    is_new = name not in table._columns
    if not is_new and not isinstance(table._column(name), Labelled):
        raise refused("a store into part of a column that is no numbers")
    old = np.full(len(table), np.nan) if is_new else table._column(name)._values
    if not is_new and old.dtype.kind != "f":
        raise refused("a store into part of a column that is no floats")
    if isinstance(value, Labelled):
        index = value._template.index
        if index.equals(table._index) and len(numbers) != len(table):
            value = value._values[numbers]
        elif np.ndim(found) and index.equals(found.index):
            value = value._values
        else:
            raise refused("a store of a Series with another index, which is aligned first,")
    elif isinstance(value, StandIn) or not _is_number_like(value):
        raise refused(f"a store of a {type(value).__name__} into a DataFrame")
    value = values_of(value)
    chosen, place = np.zeros(len(table), bool), np.zeros(len(table), np.int64)
    chosen[numbers], place[numbers] = True, np.arange(len(numbers))
    if np.ndim(value):
        if np.shape(value) != (len(numbers),):
            raise ValueError("cannot set using a list-like indexer with a different length")
        value = value[place] if len(numbers) else old
    return of_series(np.where(chosen, value, old), table._index, name)


# -- groups -----------------------------------------------------------------------------------------
class Groups(StandIn):
    """``df.groupby(…)``, of one column or of several."""

    __slots__ = ("grouping", "name", "of")

    def __init__(self, of: Any, name: Any, grouping: Grouping) -> None:
        self.of, self.name, self.grouping = of, name, grouping

    def __getitem__(self, key: Any) -> Groups:
        if isinstance(key, list):
            return Groups(self.of[key], None, self.grouping)
        return Groups(self.of[key], key, self.grouping)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if isinstance(self.of, Table) and name in self.of:
            return self[name]
        if name in REDUCED:
            return Method(partial(self._reduced, name))
        if name in SPREAD:
            return Method(partial(self._run, name))
        raise refused(f"{name!r} of groups")

    def _reduced(self, name: str, **options: Any) -> Any:
        return self._each(lambda s: aggregated(s, self.grouping, name, options))

    def _run(self, name: str, *args: Any, **options: Any) -> Any:
        def of_part(part: Any) -> Any:
            return getattr(part, name)(*args, **options)

        return self._each(lambda s: by_group(s, self.grouping, of_part))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for label, rows in zip(self.grouping.labels, self.grouping.rows(), strict=True):
            yield label, self._part(rows)

    def _part(self, rows: np.ndarray) -> Any:
        if isinstance(self.of, Table):
            return self.of.iloc[rows]
        return (
            self.of.iloc[rows] if not isinstance(self.of, Labelled) else taken_rows(self.of, rows)
        )

    def size(self) -> Any:
        """How many rows each group has."""
        return self.grouping.sizes.copy()

    def transform(self, function: Any, *args: Any, **options: Any) -> Any:
        """What a function makes of each group, spread over its rows."""
        if args or (options and not isinstance(function, str)):
            raise refused("'transform' with further arguments")

        def of_column(series: Any) -> Any:
            if isinstance(function, str) and function in REDUCED:
                each = aggregated(series, self.grouping, function, options)
                return spread(each, self.grouping, series)
            if isinstance(function, str):
                return by_group(
                    series, self.grouping, lambda part: getattr(part, function)(**options)
                )
            return by_group(series, self.grouping, function)

        return self._each(of_column)

    def agg(self, function: Any) -> Any:
        """What a function makes of each group, one number each."""
        if isinstance(function, str):
            return getattr(self, function)()
        return self._each(lambda s: aggregated(s, self.grouping, function, {}))

    aggregate = agg

    def apply(self, function: Any) -> Any:
        """What a function makes of each group, one number each."""
        found = [function(part) for _, part in self]
        if not all(isinstance(x, Tracer) and not x.shape for x in found):
            raise refused("'apply' of a function that gives more than a number")
        return of_series(np.stack(found), self.grouping.labels, self.name)

    def _each(self, make: Callable[[Any], Any]) -> Any:
        if not isinstance(self.of, Table):
            return make(self.of)
        made = {name: make(self.of._column(name)) for name in self.of}
        index = next(iter(made.values()))._template.index
        return Table(index, made)


def groups_of(series: Labelled, by: Any = None, **options: Any) -> Groups:
    """``series.groupby(by)``."""
    if by is None:
        raise refused("'groupby' by the index")
    index = series._template.index
    taken = {k: v for k, v in options.items() if k in ("sort", "observed", "dropna")}
    if len(taken) + ("group_keys" in options) < len(options):
        raise refused("'groupby' with these options")
    return Groups(series, series._template.name, grouped([key_of(by, index)], index, taken))


def table_of(frame: Labelled) -> Table:
    """The Table of a DataFrame of numbers of one kind."""
    template = frame._template
    columns = {
        name: of_series(frame._values[:, k], template.index, name)
        for k, name in enumerate(template.columns)
    }
    if len(columns) < frame._values.shape[1]:
        raise refused("a DataFrame with two columns of one label")
    return Table(template.index, columns)


def _install() -> None:
    """Give a `Table` the operators, where all of its columns are numbers."""

    def on_numbers(name: str) -> Callable[..., Any]:
        def method(self: Table, *other: Any) -> Any:
            given = [x._numbers(name) if isinstance(x, Table) else x for x in other]
            return getattr(self._numbers(name), name)(*given)

        return method

    binary = "add sub mul truediv floordiv mod pow matmul".split()
    names = [f"__{r}{name}__" for name in binary for r in ("", "r")]
    names += [f"__{name}__" for name in "lt le gt ge eq ne neg pos abs invert".split()]
    for name in names:
        setattr(Table, name, on_numbers(name))
    Table.__hash__ = None  # type: ignore[assignment]


_install()
