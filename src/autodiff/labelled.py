"""pandas and xarray objects whose numbers are traced: labels stay, values are computed with.

    labels, values = take_apart(series)      # what tree.flatten does
    x = put_together(labels, values)         # a Series of arrays; a Labelled of traced values

A :class:`Labelled` answers as the object it stands for would: arithmetic keeps labels, reductions
skip missing values, indexing goes by labels.  Labels never meet values: each object carries a
*template*, an object of the same kind whose numbers are positions, and pandas or xarray itself
says which positions an expression such as ``x.loc["a":"c"]`` selects.

What would give another result than pandas or xarray is refused, with an error that says how to get
plain arrays: objects with different labels in one expression (they would be aligned), stores, and
methods that are not among those below.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import UnsupportedError

_KINDS = {"pandas": ("Series", "DataFrame"), "xarray": ("DataArray",)}
_NUMERIC = "fiub"


def is_labelled(obj: Any) -> bool:
    """Whether ``obj`` is a Series, DataFrame or DataArray of numbers."""
    cls = type(obj)
    names = _KINDS.get(cls.__module__.split(".")[0])
    if names is None or cls.__name__ not in names:
        return False
    if cls.__name__ == "DataFrame":
        kinds = {getattr(dtype, "kind", "O") for dtype in obj.dtypes}
        same = len(set(obj.dtypes)) == 1
        return same and kinds <= set(_NUMERIC) and isinstance(obj.dtypes.iloc[0], np.dtype)
    return isinstance(obj.dtype, np.dtype) and obj.dtype.kind in _NUMERIC


def is_foreign(obj: Any) -> bool:
    """Whether ``obj`` is of pandas or xarray, whatever it holds: a table with words, say."""
    return type(obj).__module__.split(".")[0] in _KINDS


class Labels:
    """The labels of an object, as its template; equal if kind and all labels are equal."""

    __slots__ = ("template",)

    def __init__(self, template: Any) -> None:
        self.template = template

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Labels) and same_labels(self.template, other.template, name=True)

    def __hash__(self) -> int:
        return hash((type(self.template).__name__, self.template.shape))

    def __repr__(self) -> str:
        return f"<labels of a {type(self.template).__name__} of shape {self.template.shape}>"


def same_labels(a: Any, b: Any, name: bool = False) -> bool:
    """Whether two objects have the same labels, so that pairing them needs no alignment."""
    if type(a) is not type(b) or a.shape != b.shape:
        return False
    if hasattr(a, "dims"):
        if a.dims != b.dims or set(a.coords) != set(b.coords):
            return False
        return all(a.coords[key].identical(b.coords[key]) for key in a.coords) and (
            not name or a.name == b.name
        )
    if name and getattr(a, "name", None) != getattr(b, "name", None):
        return False
    return all(x is y or x.equals(y) for x, y in zip(a.axes, b.axes, strict=True))


def take_apart(obj: Any) -> tuple[Labels, Any]:
    """The labels of an object (also of a `Labelled`) and its values."""
    if isinstance(obj, Labelled):
        return Labels(obj._template), obj._values
    shape = obj.shape
    return Labels(_like(obj, np.arange(int(np.prod(shape))).reshape(shape))), obj.to_numpy()


def labels_of(obj: Any) -> Labels | None:
    """The labels of an object; None if it has none (any more)."""
    return take_apart(obj)[0] if is_labelled(obj) else None


def put_together(labels: Labels, values: Any) -> Any:
    """The object with these labels around an array; a `Labelled` around anything else.

    An array of another shape, such as a block of a Jacobian, is given as it is.
    """
    if not isinstance(values, np.ndarray):
        return Labelled(labels.template, values)
    return _like(labels.template, values) if values.shape == labels.template.shape else values


def _like(obj: Any, values: Any) -> Any:
    if hasattr(obj, "dims"):
        return obj.copy(data=values)
    if values.ndim == 1:
        return type(obj)(values, index=obj.index, name=obj.name)
    return type(obj)(values, index=obj.index, columns=obj.columns)


def refused(what: str, remedy: str = "") -> UnsupportedError:
    """The error for what is not done with labelled values."""
    return UnsupportedError(
        f"{what} is not available while derivatives are taken.",
        remedy=remedy or "compute with plain arrays: x.to_numpy(), or x.values",
    )


_refuse = refused


class StandIn:
    """What takes the place of an object of pandas or xarray while its numbers are traced."""

    __slots__ = ()


class Method:
    """A method of a stand-in, which may be given functions of the user's and calls them itself."""

    __slots__ = ("function", "given")

    def __init__(self, function: Callable[..., Any], *given: Any) -> None:
        self.function, self.given = function, given

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*self.given, *args, **kwargs)


class Labelled(StandIn):
    """A Series, DataFrame or DataArray whose values are traced; see the module header."""

    __slots__ = ("_template", "_values")
    __array_priority__ = 2000.0  # before tracers

    def __init__(self, template: Any, values: Any) -> None:
        self._template = template
        self._values = values

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # what `isinstance(x, pd.Series)` in the user's code asks
        return type(self._template)

    # -- what it is ---------------------------------------------------------------------------------
    @property
    def values(self) -> Any:
        """The plain (traced) array."""
        return self._values

    def to_numpy(self) -> Any:
        """The plain (traced) array."""
        return self._values

    def __len__(self) -> int:
        return len(self._template)

    def __iter__(self) -> Any:
        if self._template.ndim == 1 and not hasattr(self._template, "dims"):
            return iter([self._values[k] for k in range(len(self))])
        if hasattr(self._template, "dims"):
            return iter([self[k] for k in range(len(self))])
        return iter(self._template)

    def __contains__(self, key: Any) -> bool:
        if hasattr(self._template, "dims"):
            raise _refuse("`in` on the values of a DataArray")
        return key in self._template

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python and NumPy ask for is defined, or is not there
            raise AttributeError(name)
        template = self._template
        kind = type(template).__name__
        if name in _PLAIN:
            return getattr(template, name)
        if name == "data" and kind == "DataArray":
            return self._values
        if name == "dtype" and kind != "DataFrame":
            return self._values.dtype
        if name in _INDEXERS:
            return _Indexer(self, name)
        if kind == "DataFrame" and name in OF_FRAME:
            return Method(OF_FRAME[name], self)
        if name in _SELECTING:
            return lambda *args, **kwargs: self._select(
                lambda t: getattr(t, name)(*args, **kwargs), name
            )
        if name == "T":
            return self._select(lambda t: t.T, name)
        if name in _REDUCTIONS:
            return lambda *args, **kwargs: self._reduce(name, *args, **kwargs)
        if kind == "Series" and name in OF_SERIES:
            return Method(OF_SERIES[name], self)
        if not hasattr(template, name):
            raise AttributeError(f"'{kind}' object has no attribute '{name}'")
        if name in getattr(template, "columns", ()) or (
            kind == "Series" and name in template.index
        ):
            return self[name]
        raise _refuse(f"the attribute {name!r} of a {kind}")

    # -- selection, by asking the template --------------------------------------------------------------
    def _select(self, choose: Callable[[Any], Any], what: str) -> Any:
        found = choose(self._template)
        positions = np.asarray(found)
        if positions.dtype.kind != "i":
            raise _refuse(f"{what!r}, which makes missing values,")
        flat = self._values.reshape(-1)
        values = flat[positions.reshape(-1)].reshape(positions.shape)
        if positions.ndim == 0:
            return values
        return Labelled(_like(found, np.arange(positions.size).reshape(positions.shape)), values)

    def __getitem__(self, key: Any) -> Any:
        return self._select(lambda t: t[_concrete(key)], "this index")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise _refuse(f"a store into a {type(self._template).__name__}")

    # -- arithmetic ----------------------------------------------------------------------------------
    def _combine(self, function: Callable[..., Any], *operands: Any) -> Any:
        """``function`` element by element; one of the operands is this object."""
        template, values = self._template, []
        for operand in operands:
            if isinstance(operand, Labelled):
                template = _common(template, operand._template)
                values.append(operand._values)
            elif is_labelled(operand):
                labels, array = take_apart(operand)
                template = _common(template, labels.template)
                values.append(array)
            elif isinstance(operand, (list, tuple)):
                values.append(np.asarray(operand))
            else:
                values.append(operand)
        result = function(*values)
        if np.shape(result) != template.shape:
            raise _refuse(
                f"an operation of a {type(template).__name__} of shape {template.shape} with a "
                f"result of shape {np.shape(result)}"
            )
        return Labelled(template, result)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            raise _refuse(f"np.{ufunc.__name__} with options on labelled values")
        if ufunc is np.matmul:
            return _matmul(*inputs)
        return self._combine(ufunc, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply(function, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.asarray(self._values, *args, **kwargs)

    def __matmul__(self, other: Any) -> Any:
        return _matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _matmul(other, self)

    def dot(self, other: Any) -> Any:
        """The matrix product, as ``@``."""
        return _matmul(self, other)

    def __bool__(self) -> bool:
        raise ValueError(
            f"The truth value of a {type(self._template).__name__} is ambiguous. "
            "Use a.empty, a.bool(), a.item(), a.any() or a.all()."
        )

    # -- reductions ------------------------------------------------------------------------------------
    def _reduce(
        self, name: str, axis: Any = None, skipna: bool | None = None, **kwargs: Any
    ) -> Any:
        """A method such as ``mean``: missing values are left out, as pandas and xarray do."""
        template = self._template
        ddof = kwargs.pop("ddof", 0 if hasattr(template, "dims") else 1)
        dims = kwargs.pop("dim", None)
        if hasattr(template, "dims") and axis is not None and not isinstance(axis, int):
            dims, axis = axis, None  # xarray's methods take the dimension first
        kwargs = {
            k: v for k, v in kwargs.items() if v is not None and (k, v) != ("keepdims", False)
        }
        if kwargs:
            raise _refuse(f"{name!r} with the option {next(iter(kwargs))}")
        if dims is not None:
            named = () if dims is ... else (dims,) if isinstance(dims, str) else tuple(dims)
            axis = None if dims is ... else tuple(template.dims.index(d) for d in named)
        if axis in ("index", "columns", "rows"):
            axis = 1 if axis == "columns" else 0
        if type(template).__name__ == "DataFrame" and axis is None:
            axis = 0
        if type(template).__name__ == "DataFrame" and axis == "both":
            axis = None
        return self._reduced(name, axis, ddof, skipna)

    def _reduced(self, name: str, axis: Any, ddof: int, skipna: bool | None) -> Any:
        template, values = self._template, self._values
        skip = values.dtype.kind == "f" and skipna is not False and name not in ("any", "all")
        function = getattr(np, f"nan{name}" if skip else name)
        options = {"ddof": ddof} if name in ("std", "var") else {}
        result = function(values, axis=axis, **options)
        if np.ndim(result) == 0:
            return result
        # The labels that are left, by asking the template.
        if hasattr(template, "dims"):
            left = template.max(dim=[template.dims[k] for k in np.atleast_1d(axis)])
        else:
            left = template.max(axis=axis)
        return Labelled(_like(left, np.arange(left.size).reshape(left.shape)), result)


def _common(a: Any, b: Any) -> Any:
    """The labels of an expression of two objects, which must need no alignment."""
    frame, other = (a, b) if a.ndim >= b.ndim else (b, a)
    if type(a) is not type(b):
        columns = getattr(frame, "columns", None)
        if columns is None or not columns.equals(getattr(other, "index", None)):
            raise _alignment(a, b)
        return frame
    if not same_labels(a, b):
        raise _alignment(a, b)
    if getattr(a, "name", None) == getattr(b, "name", None) or type(a).__name__ == "DataFrame":
        return a
    return a.rename(None)


def _alignment(a: Any, b: Any) -> UnsupportedError:
    return _refuse(
        f"an expression of a {type(a).__name__} and a {type(b).__name__} with different labels, "
        "which are aligned first,"
    )


def _matmul(a: Any, b: Any) -> Any:
    left, right = (
        x if isinstance(x, Labelled) else lift(x) if is_labelled(x) else x for x in (a, b)
    )
    names = [type(x._template).__name__ if isinstance(x, Labelled) else "" for x in (left, right)]
    if "DataArray" in names:
        raise _refuse("the matrix product of a DataArray")
    if all(names) and not left._template.axes[-1].equals(right._template.axes[0]):
        raise _alignment(left._template, right._template)
    result = np.matmul(left._values if names[0] else left, right._values if names[1] else right)
    if np.ndim(result) == 0:
        return result
    pandas = sys.modules["pandas"]
    rows = left._template.axes[0] if names[0] == "DataFrame" else None
    columns = right._template.axes[1] if names[1] == "DataFrame" else None
    positions = np.arange(int(np.prod(np.shape(result)))).reshape(np.shape(result))
    if positions.ndim == 1:
        index = rows if rows is not None else columns
        return Labelled(pandas.Series(positions, index=index), result)
    return Labelled(pandas.DataFrame(positions, index=rows, columns=columns), result)


def lift(obj: Any) -> Labelled:
    """A `Labelled` of the values that an object has now."""
    labels, values = take_apart(obj)
    return Labelled(labels.template, values)


def of_series(values: Any, index: Any, name: Any) -> Labelled:
    """A Series of traced values."""
    series = sys.modules["pandas"].Series
    return Labelled(series(np.arange(len(index)), index=index, name=name), values)


def concrete(x: Any) -> Any:
    """What an object is at this call; the program is then for calls with the same values."""
    return _like(x._template, np.asarray(x._values._concrete())) if isinstance(x, Labelled) else x


def _concrete(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple([_concrete(k) for k in key])
    if isinstance(key, Labelled) and type(key._template).__name__ == "Series":
        return concrete(key)
    if isinstance(key, StandIn) or (isinstance(key, list) and any(
        isinstance(k, StandIn) for k in key
    )):  # fmt: skip
        raise _refuse("an index that depends on values")
    return key


class _Indexer:
    """``x.loc`` and the like."""

    def __init__(self, of: Labelled, name: str) -> None:
        self.of = of
        self.name = name

    def __getitem__(self, key: Any) -> Any:
        return self.of._select(lambda t: getattr(t, self.name)[_concrete(key)], self.name)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise _refuse(f"a store into a {type(self.of._template).__name__}")


# -- methods of a Series ----------------------------------------------------------------------------
def _of_same(of: Labelled, values: Any) -> Labelled:
    return Labelled(of._template, values)


def _other(of: Labelled, x: Any) -> Any:
    """An operand as an array or number, its labels those of the Series."""
    if is_labelled(x) and not isinstance(x, Labelled):
        x = lift(x)
    if isinstance(x, Labelled):
        if not same_labels(of._template, x._template):
            raise _alignment(of._template, x._template)
        return x._values
    return x.to_numpy() if hasattr(x, "to_numpy") else x


def _where(of: Labelled, holds: Any, other: Any = np.nan) -> Labelled:
    return _of_same(of, np.where(_other(of, holds), of._values, _other(of, other)))


def _mask(of: Labelled, holds: Any, other: Any = np.nan) -> Labelled:
    return _of_same(of, np.where(_other(of, holds), _other(of, other), of._values))


def _clip(of: Labelled, lower: Any = None, upper: Any = None) -> Labelled:
    values = of._values
    # Missing values stay missing, as they do in NumPy's functions.
    if lower is not None:
        values = np.maximum(values, _other(of, lower))
    if upper is not None:
        values = np.minimum(values, _other(of, upper))
    return _of_same(of, values)


def _running(name: str, identity: float) -> Callable[[Labelled], Labelled]:
    def run(of: Labelled) -> Labelled:
        """Missing values are left out, and stay missing."""
        values, function = of._values, getattr(np, name)
        if values.dtype.kind != "f":
            return _of_same(of, function(values))
        missing = np.isnan(values)
        return _of_same(
            of, np.where(missing, np.nan, function(np.where(missing, identity, values)))
        )

    return run


def _shift(of: Labelled, periods: int = 1) -> Labelled:
    values = _as_floats(of)
    count = len(of)
    gap = np.full(min(abs(periods), count), np.nan)
    if periods >= 0:
        return _of_same(of, np.concatenate([gap, values[: count - len(gap)]]))
    return _of_same(of, np.concatenate([values[len(gap) :], gap]))


def _as_floats(of: Labelled) -> Any:
    return of._values if of._values.dtype.kind == "f" else of._values.astype(np.float64)


def _diff(of: Labelled, periods: int = 1) -> Labelled:
    return _of_same(of, _as_floats(of) - _shift(of, periods)._values)


def _pct_change(of: Labelled, periods: int = 1) -> Labelled:
    return _of_same(of, _as_floats(of) / _shift(of, periods)._values - 1)


def _fillna(of: Labelled, value: Any) -> Labelled:
    if of._values.dtype.kind != "f":
        return of
    return _of_same(of, np.where(np.isnan(of._values), _other(of, value), of._values))


def _isna(of: Labelled) -> Labelled:
    values = of._values
    return _of_same(of, np.isnan(values) if values.dtype.kind == "f" else values != values)


def _dropna(of: Labelled) -> Any:
    return of[_notna(of)] if of._values.dtype.kind == "f" else of


def _notna(of: Labelled) -> Labelled:
    return _of_same(of, np.logical_not(_isna(of)._values))


def _between(of: Labelled, left: Any, right: Any) -> Labelled:
    return _of_same(of, (of._values >= _other(of, left)) & (of._values <= _other(of, right)))


def _median(of: Labelled) -> Any:
    return np.nanmedian(of._values) if of._values.dtype.kind == "f" else np.median(of._values)


def _quantile(of: Labelled, q: float = 0.5) -> Any:
    return (
        np.nanquantile(of._values, q)
        if of._values.dtype.kind == "f"
        else np.quantile(of._values, q)
    )


def _astype(of: Labelled, dtype: Any) -> Labelled:
    return _of_same(of, of._values.astype(np.dtype(dtype)))


def _apply(of: Labelled, function: Any) -> Any:
    if isinstance(function, np.ufunc):
        return function(of)
    if not callable(function):
        raise _refuse(f"'apply' of a {type(function).__name__}")
    found = [function(of._values[k]) for k in range(len(of))]
    if not found or any(np.ndim(x) for x in found):
        raise _refuse("'apply' of a function that gives more than a number")
    return _of_same(of, np.stack(found))


def _sort_values(of: Labelled, *, ascending: bool = True) -> Any:
    known = sys.modules["pandas"].Series(concrete(of).to_numpy())
    return of.iloc[known.sort_values(ascending=ascending, kind="stable").index.to_numpy()]


def _by_operator(function: Callable[..., Any], swap: bool = False) -> Callable[..., Any]:
    def run(of: Labelled, other: Any) -> Any:
        other = lift(other) if is_labelled(other) and not isinstance(other, Labelled) else other
        return function(other, of) if swap else function(of, other)

    return run


OF_SERIES: dict[str, Callable[..., Any]] = {
    "where": _where, "mask": _mask, "clip": _clip, "shift": _shift, "diff": _diff,
    "pct_change": _pct_change, "fillna": _fillna, "isna": _isna, "isnull": _isna, "notna": _notna,
    "notnull": _notna, "dropna": _dropna, "between": _between, "median": _median,
    "quantile": _quantile, "astype": _astype, "apply": _apply, "sort_values": _sort_values,
    "cumsum": _running("cumsum", 0.0), "cumprod": _running("cumprod", 1.0),
    "abs": lambda of: abs(of), "add": _by_operator(operator.add), "sub": _by_operator(operator.sub),
    "mul": _by_operator(operator.mul), "div": _by_operator(operator.truediv),
    "truediv": _by_operator(operator.truediv), "pow": _by_operator(operator.pow),
    "rsub": _by_operator(operator.sub, swap=True), "rdiv": _by_operator(operator.truediv, swap=True),
    "items": lambda of: zip(of._template.index, iter(of), strict=True),
    "tolist": lambda of: list(of), "to_list": lambda of: list(of),
}  # fmt: skip
"""What a Series of traced values has beside reductions and selections; `groupby` is entered by the capture."""


OF_FRAME: dict[str, Callable[..., Any]] = {}
"""What a DataFrame of numbers has besides: what may make columns of several kinds.  Entered by the capture."""


# -- functions ------------------------------------------------------------------------------------------
def is_own(function: Any) -> bool:
    """Whether a function belongs to pandas or xarray: it wants real objects, not traced ones."""
    return (getattr(function, "__module__", None) or "").split(".")[0] in _KINDS


def holds(args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a call has a `Labelled` among its arguments, or among the items of a list."""
    return any(
        isinstance(x, StandIn)
        or (isinstance(x, (list, tuple)) and any(isinstance(y, StandIn) for y in _items(x)))
        for x in (*args, *kwargs.values())
    )


def _items(x: Any) -> Any:
    # As a plain list: the lists of captured code are changed by being looked into.
    return list.__iter__(x) if isinstance(x, list) else x


def apply(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """A function of NumPy or of Python with labelled arguments, as pandas and xarray answer it."""
    args = [
        x._numbers(getattr(function, "__name__", "a function")) if _is_table(x) else x for x in args
    ]
    if isinstance(function, np.ufunc):
        first = next(x for x in args if isinstance(x, Labelled))
        return first.__array_ufunc__(function, "__call__", *args, **kwargs)
    name = _REDUCING.get(function)
    if name is not None and isinstance(args[0], Labelled):
        taken = dict(kwargs)
        axis = args[1] if len(args) > 1 else taken.pop("axis", None)
        if len(args) > 2 or taken.keys() - {"ddof"}:
            raise _refuse(f"np.{name} with options on labelled values")
        frame = type(args[0]._template).__name__ == "DataFrame"
        if frame and axis is None:
            _needs_pandas_3()
            axis = "both"
        # NumPy hands its own ddof, 0, to the method.
        return args[0]._reduce(name, axis, ddof=taken.get("ddof", 0))
    if function in (len, isinstance, hasattr, getattr):
        return function(*args)
    if function in (list, tuple, sum, zip, enumerate):
        return function(*[list(x) if isinstance(x, Labelled) else x for x in args], **kwargs)
    if function is abs:
        return args[0]._combine(np.abs, args[0])
    if function in _CONVERTING:
        plain = [_plain(x) for x in args]
        return function(*plain, **{k: _plain(v) for k, v in kwargs.items()})
    title = getattr(function, "__name__", repr(function))
    raise _refuse(f"{title} of labelled values")


def _is_table(x: Any) -> bool:
    return isinstance(x, StandIn) and not isinstance(x, Labelled) and hasattr(x, "_numbers")


def _needs_pandas_3() -> None:
    version = sys.modules["pandas"].__version__
    if int(version.split(".")[0]) < 3:
        raise _refuse(f"a sum over all of a DataFrame with pandas {version}")


def _plain(x: Any) -> Any:
    if isinstance(x, Labelled):
        return x._values
    if isinstance(x, (list, tuple)):
        return [_plain(item) for item in _items(x)]
    return x


# Attributes that depend on the labels alone.
_PLAIN = frozenset("shape ndim size index columns name dims coords sizes axes empty".split())
_INDEXERS = frozenset(("loc", "iloc", "at", "iat"))
_SELECTING = frozenset(
    "head tail copy drop sort_index transpose squeeze isel sel set_axis rename reset_index "
    "to_frame stack".split()
)
_REDUCTIONS = frozenset("sum mean prod max min std var any all".split())

# NumPy functions that call the method of that name; they give missing values no say either.
_REDUCING: dict[Any, str] = {
    np.sum: "sum", np.mean: "mean", np.prod: "prod", np.max: "max", np.min: "min",
    np.amax: "max", np.amin: "min", np.std: "std", np.var: "var", np.any: "any", np.all: "all",
}  # fmt: skip

# NumPy functions that make plain arrays of their arguments first.
_CONVERTING: frozenset[Any] = frozenset(
    (
        np.asarray, np.array, np.where, np.dot, np.vdot, np.inner, np.outer, np.stack,
        np.concatenate, np.column_stack, np.vstack, np.hstack, np.linalg.norm, np.linalg.solve,
        np.median, np.diff, np.interp, np.einsum, np.average, np.logical_not, np.tensordot,
        np.cross, np.linalg.inv, np.linalg.det, np.nansum, np.nanmean, np.shape, np.ndim, np.size,
        np.atleast_1d, np.atleast_2d, np.isclose, np.allclose,
    )
)  # fmt: skip


def _install() -> None:
    """Give `Labelled` the operators."""

    def forward(function: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Labelled, other: Any) -> Any:
            return self._combine(function, self, other)

        return method

    def reflected(function: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Labelled, other: Any) -> Any:
            return self._combine(function, other, self)

        return method

    def unary(function: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Labelled) -> Any:
            return self._combine(function, self)

        return method

    def refused(name: str) -> Callable[..., Any]:
        def method(self: Labelled, other: Any) -> Any:
            raise _refuse(f"{name}, which changes a {type(self._template).__name__},")

        return method

    for name in "add sub mul truediv floordiv mod pow".split():
        function = getattr(operator, name)
        setattr(Labelled, f"__{name}__", forward(function))
        setattr(Labelled, f"__r{name}__", reflected(function))
        setattr(Labelled, f"__i{name}__", refused(f"the in-place {name}"))
    for name, function in (("and", operator.and_), ("or", operator.or_), ("xor", operator.xor)):
        setattr(Labelled, f"__{name}__", forward(function))
        setattr(Labelled, f"__r{name}__", reflected(function))
    for name in "lt le gt ge eq ne".split():
        setattr(Labelled, f"__{name}__", forward(getattr(operator, name)))
    for name in "neg pos abs invert".split():
        setattr(Labelled, f"__{name}__", unary(getattr(operator, name)))


_install()
Labelled.__hash__ = None  # type: ignore[assignment]
