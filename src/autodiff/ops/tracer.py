"""Tracers: arrays that record what NumPy code does to them.

A :class:`Tracer` stands for a NumPy array, a NumPy scalar, or a Python number (``form``).  NumPy
functions reach it through ``__array_ufunc__`` and ``__array_function__``, operators and methods
through Python; each finds the implementation in the table of
:mod:`autodiff.ops.dispatch` and appends operations to the builder in force.

Arrays have identity.  A tracer is a view of a storage :class:`Cell`, which holds the value the
storage has now, through a path of view steps; reading applies the steps, writing goes back
through them and puts a new value in the cell, so every other view of the cell sees it.

    b = a[1:]        same cell, path (slice,)
    b[0] = 3         cell.value = slice_update(cell.value, …)
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import numpy as np

from autodiff.dims import Dim, Extent, equal
from autodiff.errors import ArgumentError, DtypeError, InternalError, UnsupportedError
from autodiff.ir.data import ArrayType, Block, Value
from autodiff.ladder import AmbiguousStore, Declined
from autodiff.ops import builder as _builder
from autodiff.ops.protocol import protocol
from autodiff.plain_data import dataclass

Form = Literal["array", "scalar", "python"]


class Cell:
    """Storage: the value an array's memory holds now, and how often it was written.

    ``strides`` are those of the NumPy array it stands for, in bytes; None: C order without gaps.
    They are certain where ``is_laid``; elsewhere ``origin`` tells whom to ask (``ops.layout``).
    """

    __slots__ = (
        "block", "follows", "is_laid", "listed", "number", "origin", "seen_by", "strides", "value",
        "version",
    )  # fmt: skip

    def __init__(self, value: Value) -> None:
        self.value = value
        self.version = 0
        self.block = _builder.current_block()  # where it was made
        self.listed = False  # also an item of a list, which holds its content of that time
        self.strides: tuple[int, ...] | None = None
        self.is_laid = False
        self.origin: Any = None
        self.seen_by: tuple[ViewStep, ...] = ()  # the view whose strides these are
        self.number: Any = None  # which array it is, where that is carried
        self.follows = False  # whether its strides are those of an argument, or follow from them

    def write(self, value: Value) -> None:
        """Replace the content."""
        if self.listed:
            raise AmbiguousStore("a store into an array that is an item of a list")
        journal = _builder.current_builder().journal
        if journal is not None:
            journal.append((self, self.value))
        self.value = value
        self.version += 1

    def restore(self, value: Value) -> None:
        """Go back to an earlier content."""
        self.value = value
        self.version += 1


@dataclass(frozen=True)
class ViewStep:
    """One step from a parent array to a view of it, and the way back for stores.

    ``relayout`` repeats the step on a NumPy array that has the parent's strides, to find the
    view's own strides (NumPy decides by strides whether a reshape is a view).  ``repeat`` takes the
    step on a real array, given what ``extents`` are in this run: for views that are returned.
    """

    read: Callable[[Tracer], Tracer]
    write: Callable[[Tracer, Tracer], Tracer] | None
    relayout: Callable[[np.ndarray], np.ndarray] | None = None
    repeat: Callable[[np.ndarray, Sequence[int]], np.ndarray] | None = None
    extents: tuple[Extent, ...] = ()


# Set by capture: how a traced value is made concrete (specialise with a guard, or refuse).
_concretizer: ContextVar[Callable[..., Any] | None] = ContextVar(
    "autodiff_concretizer", default=None
)


def is_concretizing() -> bool:
    """Whether code is captured, which may ask for values."""
    return _concretizer.get() is not None


@contextmanager
def concretizing(concretize: Callable[..., Any]) -> Iterator[None]:
    """Answer Python's questions for the value of a tracer by ``concretize(tracer)``.

    ``concretize(tracer, leaves=True)`` is asked where the value goes on into a computation that is
    not seen, and may refuse; ``concretize(tracer, shown=text)`` is told that a text shows it.
    """
    token = _concretizer.set(concretize)
    try:
        yield
    finally:
        _concretizer.reset(token)


# Modules through which isinstance(x, abstract class) goes.
_ASKING = frozenset({"abc", "dataclasses", "inspect", "typing"})


# What NumPy says where the truth of an array is asked for.
MANY_ARE_AMBIGUOUS = (
    "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"
)
EMPTY_IS_AMBIGUOUS = (
    "The truth value of an empty array is ambiguous. "
    "Use `array.size > 0` to check that an array is not empty."
)


def type_name(x: Any) -> str:
    """The name of the type NumPy or Python would have in the place of ``x``."""
    if not isinstance(x, Tracer):
        return type(x).__name__
    if x.form == "array":
        return "numpy.ndarray"
    if x.form == "scalar":
        return f"numpy.{x.dtype.name}"
    return {"f": "float", "b": "bool"}.get(x.dtype.kind, "int")


def unsized(x: Any) -> str:
    """What NumPy or Python says of the length of what has no axes."""
    if x.form == "array":
        return "len() of unsized object"
    return f"object of type '{type_name(x)}' has no len()"


class Tracer:
    """A traced array or scalar; see the module header."""

    __slots__ = ("_cache", "cell", "form", "path")
    __array_priority__ = 1000.0

    def __init__(
        self, value: Value | Cell, form: Form | None = None, path: tuple[ViewStep, ...] = ()
    ) -> None:
        if not isinstance(value, Cell):
            if form is None:
                form = "array" if value.type.shape else ("python" if value.type.weak else "scalar")
            value = Cell(value)
        self.cell = value
        self.path = path
        self.form: Form = form or "array"
        self._cache: tuple[Value, Block, Value] | None = None

    # -- reading and writing ------------------------------------------------------------------
    @property
    def value(self) -> Value:
        """The value this array has now."""
        if not self.path:
            return self.cell.value
        # What was read before holds while the storage is unchanged and, since a value read inside
        # a region is unknown outside of it, while the block it was read in is open.
        cache, builder = self._cache, _builder.current_builder()
        if cache is not None and cache[0] is self.cell.value and builder.is_open(cache[1]):
            return cache[2]
        if builder.asking:  # of what type it is
            with builder.aside():
                return self._read(self.path)
        value = self._read(self.path)
        self._cache = (self.cell.value, builder.block, value)
        return value

    def _read(self, path: tuple[ViewStep, ...]) -> Value:
        tracer = Tracer(self.cell.value, "array")
        for step in path:
            tracer = step.read(tracer)
        return tracer.value

    def write(self, value: Value) -> None:
        """Replace the whole content of this view, in place."""
        if self.form != "array":
            raise InternalError("a store into a scalar")
        _builder.current_builder().stored = True
        self._write(self.path, Tracer(value, "array"))

    def _write(self, path: tuple[ViewStep, ...], new: Tracer) -> None:
        if path and path[-1].write is None:
            raise ValueError("assignment destination is read-only")
        if not path:
            self.cell.write(new.value)
            return
        step = path[-1]
        assert step.write is not None
        parent = Tracer(self._read(path[:-1]), "array")
        self._write(path[:-1], step.write(parent, new))

    def follow(self, step: ViewStep) -> Tracer:
        """A view of this array one step further."""
        return Tracer(self.cell, "array", (*self.path, step))

    @staticmethod
    def constant(value: Any, dtype: Any = None) -> Tracer:
        """A tracer of a constant."""
        weak = dtype is None and type(value) in (int, float)
        return Tracer(_builder.constant(value, dtype, weak))

    # -- what NumPy arrays tell ------------------------------------------------------------------
    @property
    def python_type(self) -> type:
        """The type that this object has in plain Python."""
        if self.form == "array":
            return np.ndarray
        if self.form == "scalar":
            return self.dtype.type
        return {"f": float, "i": int, "u": int, "b": bool}[self.dtype.kind]

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What ``isinstance`` goes by: code that runs on tracers unseen is told the plain type."""
        frame = sys._getframe(1)
        name = frame.f_globals.get("__name__", "")
        while name in _ASKING and frame.f_back is not None:
            frame = frame.f_back
            name = frame.f_globals.get("__name__", "")
        return type(self) if name.startswith("autodiff.") else self.python_type

    @property
    def type(self) -> ArrayType:
        """The type of the present value."""
        return self.value.type if self.path else self.cell.value.type

    @property
    def shape(self) -> tuple[Extent, ...]:
        """Shape, extents as integers or Dims."""
        return self.value.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""
        return self.value.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.value.type.shape)

    @property
    def size(self) -> Extent:
        """Number of elements."""
        total: Extent = 1
        for n in self.shape:
            total = total * n
        return total

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Extent:
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def weak(self) -> bool:
        """Whether this is a Python number (NEP 50)."""
        return self.form == "python"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(unsized(self))
        n = self.shape[0]
        # As long as it is at this call, guarded: for code that is not looked into.
        return int(as_tracer(n)._concrete()) if isinstance(n, Dim) else n

    # -- what Python may ask for -------------------------------------------------------------------
    def _concrete(self) -> Any:
        return self._concretizer()(self)

    def _concretizer(self) -> Callable[..., Any]:
        concretize = _concretizer.get()
        if concretize is None:
            raise ArgumentError("the value of a traced array is needed outside of a trace")
        return concretize

    def _number(self) -> Any:
        """The value for code that computes with it out of our sight: its derivative is lost."""
        return self._concretizer()(self, leaves=True)

    def _shown_in(self, text: str) -> None:
        """Its value is in a text whose characters Python has."""
        self._concretizer()(self, shown=text)

    def __bool__(self) -> bool:
        if self.shape and not equal(self.size, 1):
            raise ValueError(EMPTY_IS_AMBIGUOUS if equal(self.size, 0) else MANY_ARE_AMBIGUOUS)
        # Of an array of one element it is that of the element, which a check can be made of.
        return bool((self.reshape(())[()] if self.shape else self)._concrete())

    def __int__(self) -> int:
        return int(self._concrete())

    def __float__(self) -> float:
        return float(self._number())

    def __index__(self) -> int:
        whole = self.given_as_int()
        if whole is not None:
            return whole
        is_int = self.dtype.kind in "iu" or self.python_type is bool
        if not is_int or self.shape:
            if self.form == "array":
                raise TypeError("only integer scalar arrays can be converted to a scalar index")
            raise TypeError(f"'{type_name(self)}' object cannot be interpreted as an integer")
        return int(self._concrete())

    def given_as_int(self) -> int | None:
        """The int that an argument was given as that is differentiated as a float, else None.

        Where Python needs an int, for an index or a size, it is that one.
        """
        concretize = _concretizer.get()
        if self.dtype.kind != "f" or self.shape or concretize is None:
            return None
        number: int | None = concretize(self, as_given=True)
        return number

    def __hash__(self) -> int:
        if self.form == "array":
            raise TypeError("unhashable type: 'numpy.ndarray'")
        concrete = self._concretizer()(self, hashed=True)
        if concrete != concrete:
            raise Declined("the hash of NaN, which is that of the object")
        return hash(concrete)

    def __repr__(self) -> str:
        # In a trace it is the user's code that asks, and it must see what plain Python shows.
        if _concretizer.get() is None:
            return f"<traced {self.form}: {self.type}>"
        return self._text(repr(self._concrete()))

    def __str__(self) -> str:
        return repr(self) if _concretizer.get() is None else self._text(str(self._concrete()))

    def __format__(self, spec: str) -> str:
        return self._text(format(self._concrete(), spec))

    def _text(self, text: str) -> str:
        """A text that Python has of the value."""
        self._shown_in(text)
        return text

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self._number(), dtype=dtype)

    # -- the way NumPy comes in ----------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return protocol.apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return protocol.apply_function(function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return protocol.attribute(self, name)

    def __contains__(self, item: Any) -> Any:
        if self.form != "array":
            operator.contains(self.python_type(), item)  # which says that it holds nothing
        return bool(np.any(np.equal(self, item)))

    def __copy__(self) -> Any:
        return self.copy() if self.form == "array" else self

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    def __iter__(self) -> Any:
        if not self.shape:
            name = type_name(self)
            is_array = self.form == "array"
            raise TypeError(
                "iteration over a 0-d array" if is_array else f"'{name}' object is not iterable"
            )
        # One by one: the loop's body may store into what is still to come.
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return protocol.get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        protocol.set_item(self, index, value)


def _operator(name: str, ufunc: np.ufunc, reflected: bool) -> Callable[..., Any]:
    def method(self: Tracer, other: Any) -> Any:
        return (
            protocol.binary_operator(ufunc, other, self)
            if reflected
            else protocol.binary_operator(ufunc, self, other)
        )

    method.__name__ = name
    return method


def _in_place(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Tracer, other: Any) -> Any:
        return protocol.in_place_operator(ufunc, self, other)

    method.__name__ = name
    return method


def _unary(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    def method(self: Tracer) -> Any:
        return protocol.unary_operator(ufunc, self)

    method.__name__ = name
    return method


BINARY: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift,
}  # fmt: skip
COMPARISON: dict[str, np.ufunc] = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
UNARY: dict[str, np.ufunc] = {
    "neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert,
}  # fmt: skip

for _name, _ufunc in BINARY.items():
    setattr(Tracer, f"__{_name}__", _operator(f"__{_name}__", _ufunc, False))
    setattr(Tracer, f"__r{_name}__", _operator(f"__r{_name}__", _ufunc, True))
    setattr(Tracer, f"__i{_name}__", _in_place(f"__i{_name}__", _ufunc))
for _name, _ufunc in COMPARISON.items():
    setattr(Tracer, f"__{_name}__", _operator(f"__{_name}__", _ufunc, False))
for _name, _ufunc in UNARY.items():
    setattr(Tracer, f"__{_name}__", _unary(f"__{_name}__", _ufunc))


SUPPORTED_KINDS = "fiub"


def is_element(dtype: np.dtype[Any]) -> bool:
    """Whether elements of programs may have a dtype: bytes in the other order are not those of results."""
    return dtype.kind in SUPPORTED_KINDS and dtype.isnative


def as_tracer(x: Any) -> Tracer:
    """A tracer of ``x``: itself, or a constant made of a number, NumPy scalar, array or sequence."""
    if isinstance(x, Tracer):
        return x
    if isinstance(x, Dim):
        return Tracer(_builder.emit("extent_value", value=x), "python")
    if type(x) in (float, int):
        return Tracer(_builder.constant(x, None, True), "python")
    if isinstance(x, bool):
        return Tracer(_builder.constant(x, None, False), "python")
    if isinstance(x, np.matrix):
        raise UnsupportedError(
            "a np.matrix meets a traced array: its products and rows are not those of arrays",
            code="AD304",
            source=_builder.current_builder().source,
            remedy="make an array of it: np.asarray(matrix)",
        )
    array = np.asarray(x)
    of = array.dtype
    if not is_element(of):
        raise DtypeError(
            f"elements of dtype {array.dtype} are not supported",
            code="AD105",
            remedy="use real floating point, integer or bool arrays",
        )
    form: Form = "scalar" if isinstance(x, np.generic) else "array"
    made = Tracer(_builder.constant(array), form)
    made.cell.strides = None if array.flags.c_contiguous else array.strides
    made.cell.is_laid = True
    return made


def emit_tracer(kind: str, *operands: Tracer, **attributes: Any) -> Any:
    """Append an operation on tracers; one tracer, or a tuple where it has several results."""
    results = _builder.current_builder().emit(kind, tuple([x.value for x in operands]), attributes)
    tracers = tuple(Tracer(v) for v in results)
    return tracers[0] if len(tracers) == 1 else tracers


class StoredList(list[Any]):
    """A list whose items may be the rows of one traced array (see ``capture.lists``)."""

    counts_as_list = True  # to ``tree``
    is_complex = False  # whether it holds the parts of complex numbers
    python_type: type = list  # what it is to the user's code
    row: Any = None  # the row of a pool that it is (``capture.pools``)
    template: Any = None  # what its items are, where they are kept in columns

    def refuse_queue(self) -> None:
        """A pass or branch has changed how many items there are."""

    def whole(self) -> Tracer | None:
        """That array, if so; None for an ordinary list."""
        return None

    def as_array(self) -> Tracer | None:
        """What ``np.array`` makes of the items; None where they must be looked at one by one."""
        return self.whole()

    def is_stored(self) -> bool:
        """Whether the items are in traced arrays, one or several."""
        return self.whole() is not None

    def is_numbers(self) -> bool:
        """Whether the items are the numbers of one array and nothing else."""
        return False

    def is_elsewhere(self) -> bool:
        """Whether the list itself is empty: its items are in arrays, or their parts in lists of their own."""
        return self.is_stored()

    def as_left(self) -> StoredList:
        """A list of the same items, in arrays of their own: the region ends that has made this one."""
        return self

    def numbers(self) -> Tracer | None:
        """That array, if so."""
        return None

    def with_items(self, items: list[Any]) -> StoredList:
        """A list made where this one was, of other items."""
        return type(self)(items)

    def typed(self) -> tuple[Any, Tracer, Tracer] | None:
        """Of numbers of two types, those types, the values and whether they are of the narrow type.

        ``types.of(value, tag)`` is the number of a value and a tag.
        """
        return None

    @property
    def is_of_one_type(self) -> bool:
        """Whether every item is of the type of the rows."""
        return True

    @property
    def item_form(self) -> Form:
        """What its rows are to the user's code."""
        return "array"


def whole_of(x: Any) -> Tracer | None:
    """The traced array that the items of a list are the rows of, if it is such a list."""
    return x.whole() if isinstance(x, StoredList) else None


class HoldsTracers:
    """An object of a table's, which stands for one of a library's and holds tracers.

    It has the methods that the table knows.  What else that class has (attributes, its text) and leaving the
    captured code are for plain Python, in which it is the library's own.
    """

    python_type: Any = object  # its class in plain Python
    stays_inside = True
    is_keyed = False  # whether it is a dict in columns, or a part of one (capture.keyed)

    def refuse_unknown(self, name: str) -> None:
        """Refuse what is no method of the class that it stands for: whether there is one depends on the object."""
        if not callable(getattr(self.python_type, name, None)):
            self._refuse_part(name)

    def _refuse_part(self, name: str) -> None:
        raise Declined(f"{name} of a {self.python_type.__name__} made of traced values")

    def __repr__(self) -> str:
        self._refuse_part("the text")
        return ""


def _refusing(name: str) -> Any:
    return lambda self, *operands: self._refuse_part(name)


for _name in "pow rpow matmul rmatmul rtruediv lt le gt ge add radd sub rsub mul rmul truediv neg abs".split():
    setattr(HoldsTracers, f"__{_name}__", _refusing(f"__{_name}__"))


def is_traced(values: Sequence[Any]) -> bool:
    """Whether any of the values, or the items of lists and tuples among them, is a tracer."""
    for x in values:
        if isinstance(x, (Tracer, HoldsTracers)) or (isinstance(x, StoredList) and x.is_stored()):
            return True
        if isinstance(x, (list, tuple)) and is_traced(x):
            return True
    return False
