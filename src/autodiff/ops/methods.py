"""Attributes and methods of traced arrays: ``x.T``, ``x.sum(axis=0)``, ``x.reshape(2, -1)``.

    attribute(x, name)              what ``x.name`` is; AttributeError in NumPy's words
    set_attribute(x, name, value)   ``x.shape = …``, ``x.flat = …``, ``x.real = …``

A method is the NumPy function of the same meaning with the array as first argument; where the two
differ (``reshape(2, 3)``, ``sort`` in place) the difference is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.ladder import Declined
from autodiff.later import later
from autodiff.ops import complex_numbers, python_numbers, structural
from autodiff.ops.function_table import functions
from autodiff.ops.known import check, require_equal, type_name
from autodiff.ops.layout import lay_out, lies_in, memory, note_order, remember
from autodiff.ops.promotion import cast, supported
from autodiff.ops.protocol import protocol
from autodiff.ops.tracer import Tracer, ViewStep
from autodiff.ops.ufuncs import unsupported

if TYPE_CHECKING:
    from autodiff.ops import value_only
else:
    value_only = later("autodiff.ops.value_only")

_PROPERTIES: dict[str, Callable[[Tracer], Any]] = {}
_METHODS: dict[str, Callable[..., Any]] = {}
_NUMBER_METHODS: dict[str, Callable[..., Any]] = {}
_SETTERS: dict[str, Callable[[Tracer, Any], None]] = {}


def has(cls: type, name: str) -> bool:
    """Whether objects of a class have an attribute; ``hasattr(cls, name)`` counts those of its own class."""
    return any(name in vars(c) for c in cls.__mro__)


def unknown(x: Tracer, name: str) -> Exception:
    """What to raise for an attribute that no table has: a refusal, where the object has it in plain Python."""
    cls = x.python_type
    if has(cls, name):
        kind = "np.ndarray" if x.form == "array" else cls.__name__
        why = value_only.why_value_only(f"numpy.ndarray.{name}") if x.form == "array" else None
        if why is not None:
            return Declined(f"numpy.ndarray.{name} has its value alone, and no derivative: {why}")
        return Declined(f"{kind}.{name}, which is not supported")
    return AttributeError(f"'{type_name(x)}' object has no attribute '{name}'", name=name, obj=x)


def attribute(x: Tracer, name: str) -> Any:
    """What ``x.name`` is."""
    if not name.startswith("__"):
        if x.form == "python":
            return _number_attribute(x, name)
        found = _PROPERTIES.get(name)
        if found is not None:
            return found(x)
        method = _METHODS.get(name)
        if method is not None:
            return partial(method, x)
        raise unknown(x, name)
    raise AttributeError(f"'{type_name(x)}' object has no attribute '{name}'", name=name, obj=x)


def name_of(method: Callable[..., Any]) -> str | None:
    """By which name arrays have a method that is implemented here."""
    return next((name for name, known in _METHODS.items() if known is method), None)


def _number_attribute(x: Tracer, name: str) -> Any:
    if name in ("real", "numerator"):
        return python_numbers.unary(np.positive, x)
    if name == "imag":
        return python_numbers.number(0, float if x.dtype.kind == "f" else int)
    method = _NUMBER_METHODS.get(name)
    if method is None:
        raise unknown(x, name)
    return partial(method, x)


def set_attribute(x: Tracer, name: str, value: Any) -> None:
    """``x.name = value`` for the attributes of arrays that can be set."""
    if isinstance(x, complex_numbers.ComplexTracer):
        if x.form != "array" or name not in ("real", "imag"):
            raise complex_numbers.decline(f"a store into {name}")
        complex_numbers.part_of(x, 0 if name == "real" else 1)[...] = value
        return
    setter = _SETTERS.get(name) if x.form == "array" else None
    if setter is None:
        raise unknown(x, name)
    setter(x, value)


# -- properties ---------------------------------------------------------------------------------
def _flat_shape(args: tuple[Any, ...]) -> Any:
    if len(args) == 1 and isinstance(args[0], (Tracer, np.ndarray)) and args[0].ndim == 1:
        sizes = args[0]._concrete() if isinstance(args[0], Tracer) else args[0]
        return tuple(sizes)
    return args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


_PROPERTIES["T"] = lambda x: functions[np.transpose](x)
_PROPERTIES["mT"] = lambda x: functions[np.swapaxes](x, -1, -2)
_PROPERTIES["real"] = lambda x: x
_PROPERTIES["imag"] = lambda x: no_imaginary_part(x)
_PROPERTIES["device"] = lambda x: "cpu"


class _Flat(Tracer):
    """``x.flat``: stores go to ``x``, what is read is a copy."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Tracer(found.value, "array") if found.form == "array" else found


def _flat(x: Tracer) -> Tracer:
    size = x.size
    step = ViewStep(
        lambda p: structural.reshape(p, (size,)), lambda p, new: structural.reshape(new, p.shape)
    )
    return _Flat(x.cell, "array", (*x.path, step))


_PROPERTIES["flat"] = _flat
_PROPERTIES["base"] = lambda x: None if not x.path else Tracer(x.cell, "array")


def _strides(x: Tracer) -> tuple[int, ...]:
    if any(not isinstance(n, int) for n in x.cell.value.shape[1:]):
        raise unsupported("the strides of an array of run-time size", "use its shape")
    note_order(x)
    return memory(x).strides


_ORDERS = frozenset("c_contiguous f_contiguous contiguous fortran fnc forc".split())
_LETTERS = {"C": "c_contiguous", "F": "f_contiguous"}


class _Flags:
    """``x.flags``: what the order in memory says.

    Whether an array may be written to, or owns its memory, is not known before the call; a flag
    that is set would be lost.
    """

    __slots__ = ("_order",)

    def __init__(self, order: Any) -> None:
        object.__setattr__(self, "_order", order)

    def __getattr__(self, name: str) -> Any:
        if name not in _ORDERS:
            if not hasattr(self._order, name):
                raise AttributeError(f"'numpy.flagsobj' object has no attribute '{name}'")
            raise unsupported(f"the flag {name} of an array", "keep a flag of your own")
        return getattr(self._order, name)

    def __getitem__(self, key: Any) -> Any:
        self._order[key]  # raises of a name that is none
        return getattr(self, _LETTERS.get(key, key.lower()))

    def __setattr__(self, name: str, value: Any) -> None:
        raise unsupported(f"setting the flag {name} of an array", "store into copies only")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise unsupported(f"setting the flag {key} of an array", "store into copies only")

    def _refuse(self, *_: Any) -> Any:
        raise unsupported("all flags of an array at once", "name the flag")

    __eq__ = __hash__ = __str__ = __repr__ = _refuse


def _flags(x: Tracer) -> Any:
    note_order(x)
    return _Flags(memory(x).flags)


_PROPERTIES["strides"] = _strides
functions["strides"] = _strides
_PROPERTIES["flags"] = _flags


# -- methods that are the function of the same name ---------------------------------------------
_SAME: dict[str, Any] = {
    name: getattr(np, name)
    for name in (
        "all any argmax argmin argsort clip cumprod cumsum diagonal dot max mean min "
        "nonzero prod ptp put ravel repeat round searchsorted squeeze std sum swapaxes take trace "
        "var choose argpartition"
    ).split()
}


def _same(function: Any) -> Callable[..., Any]:
    def method(x: Tracer, *args: Any, **kwargs: Any) -> Any:
        if "correction" in kwargs:  # the functions have it, the methods do not
            name = function.__name__
            raise TypeError(f"_{name}() got an unexpected keyword argument 'correction'")
        return protocol.apply_function(function, (x, *args), kwargs)

    return method


_METHODS.update({name: _same(function) for name, function in _SAME.items()})


def _clip(x: Tracer, *args: Any, **options: Any) -> Any:
    """``x.clip()``, which names its bounds as the function does and may have none."""
    for name, bound in zip(("min", "max"), args, strict=False):
        if name in options:
            raise TypeError(f"argument for clip() given by name ('{name}') and position")
        options[name] = bound
    rest = args[2:]
    low, high = options.pop("min", None), options.pop("max", None)
    return _same(np.clip)(x, low, high, *rest, **options)


_METHODS["clip"] = _clip
_METHODS["conj"] = _METHODS["conjugate"] = lambda x: x  # of real numbers the array itself


# -- methods of their own -----------------------------------------------------------------------
def _reshape(x: Tracer, *shape: Any, order: str = "C", copy: Any = None) -> Tracer:
    result: Tracer = functions[np.reshape](x, _flat_shape(shape), order=order, copy=copy)
    return result


def _transpose(x: Tracer, *axes: Any) -> Tracer:
    chosen = _flat_shape(tuple(axes[0]) if len(axes) == 1 and type(axes[0]) is range else axes)
    if axes == () or axes == (None,):
        chosen = None
    result: Tracer = functions[np.transpose](x, chosen)
    return result


def _copy(x: Tracer, order: str = "C") -> Tracer:
    if x.form != "array":
        return x
    result: Tracer = functions[np.copy](x, order=order)
    return result


def _flatten(x: Tracer, order: str = "C") -> Tracer:
    return Tracer(functions[np.ravel](x, order=order).value, "array")


def _astype(
    x: Tracer,
    dtype: Any,
    order: str = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Tracer:
    if isinstance(dtype, Tracer):
        supported(dtype)  # its exception
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return complex_numbers.as_complex(x, dtype)
    if casting not in ("no", "equiv", "safe", "same_kind", "unsafe"):
        raise unsupported(f"astype with casting={casting!r}", "cast without, and compare")
    if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {x.dtype!r} to {dtype!r} according to the rule '{casting}'"
        )
    if not copy and x.dtype == dtype and lies_in(x, order):
        return x
    result = Tracer(cast(x, dtype).value, x.form)
    return lay_out(result, order, x)


def _fill(x: Tracer, value: Any) -> None:
    if x.form == "scalar":  # NumPy fills an array of its own
        x = Tracer(x.value, "array")
    x[...] = value


def _read_only(x: Tracer) -> Tracer:
    return Tracer(x.value, "array")


def _locked(array: np.ndarray, extents: Any) -> np.ndarray:
    view = array.view()
    view.setflags(write=False)
    return view


# What stores meet in an array that was made read-only.
_LOCK = ViewStep(_read_only, None, lambda array: array, _locked)


def _locked_itself(array: np.ndarray, extents: Any) -> np.ndarray:
    array.setflags(write=False)
    return array


# The same of an array that nobody else has.
_LOCK_ITSELF = ViewStep(_read_only, None, lambda array: array, _locked_itself)


def no_imaginary_part(x: Tracer) -> Tracer:
    """The imaginary part of what is real: zeros, and read-only where it is an array."""
    zeros: Tracer = functions[np.zeros_like](x)
    if x.form == "array":
        return zeros.follow(_LOCK_ITSELF)
    return Tracer(zeros.value, "scalar")


def _getfield(x: Tracer, dtype: Any, offset: int = 0) -> Tracer:
    """``x.getfield(dtype)``, of the bytes of all of an element."""
    if np.dtype(dtype) != x.dtype or offset:
        raise unsupported("np.ndarray.getfield of a part of an element", "use x.real or x.imag")
    return _view(x)


def _set_flags(x: Tracer, write: Any = None, align: Any = None, uic: Any = None) -> None:
    """``x.setflags`` of an array that the function made: from then on a store is an error.

    The flag of an array from outside would be seen there.
    """
    locked = bool(x.path) and x.path[-1] is _LOCK
    if align is not None or uic is not None or x.cell.version or x.cell.value.owner is None:
        raise unsupported("setflags of an array from outside, or after stores", "store into copies")
    if write is None or bool(write) != locked:
        return
    if not locked:
        x.path = (*x.path, _LOCK)
    else:
        x.path = x.path[:-1]


def _sort(
    x: Tracer, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    x[...] = functions[np.sort](x, axis=axis)


def _partition(
    x: Tracer, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
) -> None:
    x[...] = functions[np.partition](x, kth, axis)


def _item(x: Tracer, *index: Any) -> Tracer:
    if index:
        where = _flat_shape(index)
        x = functions[np.ravel](x)[where[0]] if len(where) == 1 else x[tuple(where)]
    else:
        message = "can only convert an array of size 1 to a Python scalar"
        if not all(require_equal(n, 1, message) for n in x.shape):
            raise ValueError(message)
    scalar = functions[np.reshape](x, ())
    require_integers(scalar)
    if x.dtype.itemsize > 8:  # of which Python has no number
        return Tracer(scalar.value, "scalar")
    return python_numbers.number(scalar, {"f": float, "b": bool}.get(x.dtype.kind, int))


def require_integers(x: Tracer) -> None:
    """Check that Python's integers of ``x`` are among those of a program, which have 64 bits and a sign."""
    if x.dtype == np.uint64:
        small: Any = np.all(np.less_equal(x, np.uint64(2**63 - 1)))
        check(small, "an integer that has no more than 63 bits")


def tolist(x: Tracer) -> Any:
    """``x.tolist()``: a Python number, or a list of such."""
    if not x.shape:
        return _item(x)
    return [tolist(row) for row in x]


def _compress(x: Tracer, condition: Any, axis: Any = None, out: Any = None) -> Tracer:
    result: Tracer = functions[np.compress](condition, x, axis, out)
    return result


def _is_whole(x: Tracer) -> Any:
    """``np.float64.is_integer``: a Python bool."""
    if x.form == "array":
        raise AttributeError(
            "'numpy.ndarray' object has no attribute 'is_integer'", name="is_integer", obj=x
        )
    whole: Any = np.isfinite(x) & np.equal(np.trunc(x), x)
    return Tracer(whole.value, "python")


_METHODS.update(
    {
        "compress": _compress,
        "is_integer": _is_whole,
        "to_device": lambda x, device: x,
        "reshape": _reshape,
        "transpose": _transpose,
        "copy": _copy,
        "flatten": _flatten,
        "astype": _astype,
        "fill": _fill,
        "setflags": _set_flags,
        "sort": _sort,
        "partition": _partition,
        "item": _item,
        "getfield": _getfield,
        "tolist": tolist,
        "view": lambda x, *args, **options: _view(x, *args, **options),
    }
)


def _remembered(name: str) -> Callable[..., Any]:
    run = _METHODS[name]
    of_array = lambda x, *args, **options: getattr(x, name)(*args, **options)  # noqa: E731

    def method(x: Tracer, *args: Any, **options: Any) -> Any:
        return remember(of_array, (x, *args), options, run(x, *args, **options))

    return method


_METHODS.update(
    {name: _remembered(name) for name in "compress reshape copy flatten astype".split()}
)


def _view(x: Tracer, *args: Any, **options: Any) -> Tracer:
    if any(kind is not np.ndarray for kind in (*args, *options.values())):
        raise unsupported("view() of an array with another dtype", "use astype, which converts")
    result: Tracer = x[...]
    return result


def _is_integer(x: Tracer) -> Any:
    return _is_whole(Tracer(x.value, "scalar"))


_NUMBER_METHODS.update(
    {
        "conjugate": lambda x: python_numbers.unary(np.positive, x),
        "is_integer": _is_integer,
    }
)


# -- attributes that can be set --------------------------------------------------------------------
def _set_shape(x: Tracer, shape: Any) -> None:
    reshaped = functions[np.reshape](x, shape, copy=False)
    x.path, x._cache = reshaped.path, None


def _set_flat(x: Tracer, value: Any) -> None:
    flat = functions[np.reshape](functions[np.resize](value, x.shape), x.shape)
    x[...] = flat


_SETTERS.update(
    {
        "shape": _set_shape,
        "flat": _set_flat,
        "real": lambda x, value: x.__setitem__(..., value),
    }
)
