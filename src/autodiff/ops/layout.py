"""Memory layout of traced arrays: whether NumPy would give a view or make a copy.

A tracer's strides are found by repeating its view steps on a dummy array that has the strides of
the storage; the dummy is made with ``as_strided`` on a tiny buffer and never read.

    set_layout(x, array)        x stands for an array with these strides
    keep_order(result, x, y)    a new array laid out as NumPy lays out the result of x and y
    memory(x)                   the dummy
    lay_out(result, "F", x)     a new array in the order that was asked for
    remember(np.sort, args, kwargs, result)    a new array laid out as that function of NumPy's lays it out

How a function lays its result out is known to NumPy alone.  Where a value depends on it (``ravel("K")``,
``flags``, ``reshape(order="A")``), and only there, NumPy is asked: the function runs on look-alikes of what
it was given, of the same sizes and in the same order, and the strides of its result are looked at.  Where
it cannot be asked the layout is not known, and such an operation is refused rather than guessed at.

Programs are compiled for arguments in C order. What was decided by the order of an argument, or of
an array laid out like one, is noted in the builder: such a program is not run for another order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim, Extent, UndecidedExtent, evaluate
from autodiff.errors import UnsupportedError, is_signal_handlers
from autodiff.ops import builder as _builder
from autodiff.ops.known import known
from autodiff.ops.tracer import Cell, StoredList, Tracer

Array = np.ndarray[Any, Any]
_OPEN = object()  # a list whose items are in an array
_SINCE_2_1 = tuple(int(part) for part in np.__version__.split(".")[:2]) >= (2, 1)


def representative(n: Extent) -> int:
    """A size that stands for a symbolic extent when strides are compared: never 0 or 1."""
    if isinstance(n, int):
        return n
    return max(abs(evaluate(n, lambda symbol: 97 + id(symbol) % 1009)), 2)


def strided(a: Array, shape: Sequence[Extent], strides: Sequence[int]) -> Array:
    """A dummy array with these sizes and strides; its elements are never read."""
    sizes = [representative(n) for n in shape]
    return np.lib.stride_tricks.as_strided(a, sizes, list(strides), writeable=False)


def set_layout(x: Tracer, array: Array) -> None:
    """Remember that the storage of ``x`` has the strides of ``array``."""
    x.cell.strides = None if array.flags.c_contiguous else array.strides
    x.cell.is_laid = True


def _dense(shape: Sequence[Extent], order: Sequence[int], itemsize: int) -> list[int]:
    """Strides without gaps, axes from slowest to fastest as in ``order``."""
    strides = [0] * len(shape)
    step = itemsize
    for axis in reversed(order):
        strides[axis] = step
        step *= max(representative(shape[axis]), 1)
    return strides


def _order(strides: Sequence[int]) -> list[int]:
    return sorted(range(len(strides)), key=lambda k: -abs(strides[k]))


def noted_copy(copy: Tracer, x: Tracer) -> Tracer:
    """A copy that is made only because of the order in which ``x`` lies in memory."""
    if x.cell.follows:
        _builder.current_builder().ordered_copies.append((x.cell, copy.cell))
    return copy


def noted_view(view: Tracer, x: Tracer) -> Tracer:
    """A view that there is only because of the order in which ``x`` lies in memory."""
    if x.cell.follows:
        _builder.current_builder().ordered_views.append(x.cell)
    return view


def note_order(x: Tracer) -> None:
    """Values depend on the order of ``x`` in memory, which has to be certain."""
    if not is_laid_out(x):
        raise UnsupportedError(
            "the order in memory of an array that depends on run-time values, or was made elsewhere",
            source=_builder.current_builder().source,
            remedy="ask for the order C or F",
        )
    if x.cell.follows:
        _builder.current_builder().ordered_values = True


def memory(x: Tracer, make: Callable[..., Array] | None = None) -> Array:
    """A dummy array with the sizes and strides of ``x``, of storage that ``make`` gives; symbolic sizes have generic values."""
    _settle(x.cell)
    seen = x.cell.seen_by if x.path[: len(x.cell.seen_by)] == x.cell.seen_by else ()
    base = Tracer(x.cell, "array", seen)
    shape, strides = base.shape, x.cell.strides
    itemsize = x.cell.value.dtype.itemsize
    if strides is None or len(strides) != len(shape):
        strides = tuple(_dense(shape, range(len(shape)), itemsize))
    elif any(isinstance(n, Dim) for n in shape):
        strides = tuple(_dense(shape, _order(strides), itemsize))
    dummy = (make or _unread)(x.cell.value.dtype, shape, strides)
    for view in x.path[len(seen) :]:
        if view.relayout is None:
            return np.empty(0, x.dtype)
        dummy = view.relayout(dummy)
        if dummy is None:  # the generic values of the sizes do not fit each other
            raise UndecidedExtent("the order in memory of a view with sizes read at run time")
    return dummy


def _unread(dtype: Any, shape: Sequence[Extent], strides: Sequence[int]) -> Array:
    return strided(np.empty(1, dtype), shape, strides)


def reshape_view(a: Array, shape: Sequence[Extent]) -> Array | None:
    """The view of a dummy array with another shape, or None where NumPy would copy."""
    sizes = tuple(representative(n) for n in shape)
    if not _SINCE_2_1:
        view = a.view()
        try:
            view.shape = sizes
        except AttributeError:
            return None
        return view
    try:
        return a.reshape(sizes, copy=False)
    except ValueError:
        return None


def is_c_ordered(x: Tracer) -> bool:
    """Whether the elements lie in C order without gaps."""
    _settle(x.cell)
    if not x.path and x.cell.strides is None:
        return True
    return bool(memory(x).flags.c_contiguous)


def is_f_ordered(x: Tracer) -> bool:
    """Whether the elements lie in Fortran order without gaps."""
    _settle(x.cell)
    if not x.path and x.cell.strides is None and x.ndim < 2:
        return is_c_ordered(x)
    return bool(memory(x).flags.f_contiguous)


def order_of(order: str | None, *operands: Any) -> str:
    """``"C"``, ``"F"`` or ``"K"`` for an argument ``order=``: "A" is decided by the operands."""
    chosen = "K" if order is None else order.upper()
    if chosen == "A":
        arrays = [x for x in operands if isinstance(x, Tracer) and x.ndim > 1]
        for x in arrays:
            note_order(x)
        fortran = arrays and all(memory(x).flags.fnc for x in arrays)
        return "F" if fortran else "C"
    if chosen not in ("C", "F", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    return chosen


def lies_in(x: Tracer, order: str | None) -> bool:
    """Whether an array is in the order that was asked for, so that NumPy need not copy it."""
    chosen = order_of(order, x)
    if chosen == "K":
        return True
    note_order(x)
    return is_c_ordered(x) if chosen == "C" else is_f_ordered(x)


def lay_out(result: Tracer, order: str | None, *operands: Any) -> Tracer:
    """Lay a new array out in the order that was asked for; "K" is that of the operands."""
    chosen = order_of(order, *operands)
    if chosen == "K":
        return keep_order(result, *operands)
    if chosen == "F" and result.ndim > 1:
        backwards = range(result.ndim)[::-1]
        result.cell.strides = tuple(_dense(result.shape, backwards, result.dtype.itemsize))
    result.cell.is_laid = True
    return result


def keep_order(result: Tracer, *operands: Any) -> Tracer:
    """Lay a new array out as NumPy's order "K" does, asking its iterator about tiny look-alikes."""
    ndim = result.ndim
    if ndim < 2:
        return result
    arrays = [x for x in operands if isinstance(x, Tracer) and x.ndim > 1]
    if any(x.cell.origin is not None for x in arrays):  # asked for when it is needed
        result.cell.origin = lambda: keep_order(result, *filter(_is_settled, operands))
        return result
    result.cell.is_laid = all(x.cell.is_laid or len(x.cell.value.shape) < 2 for x in arrays)
    result.cell.follows = any(x.cell.follows for x in arrays)
    if all((not x.path and x.cell.strides is None) or memory(x).flags.c_contiguous for x in arrays):
        return result
    tiny: list[Any] = [_look_alike(x) for x in operands if isinstance(x, Tracer) and x.shape]
    flags: list[Any] = [["readonly"]] * len(tiny) + [["writeonly", "allocate"]]
    iterator = np.nditer([*tiny, None], [], flags, op_dtypes=[None] * len(tiny) + [tiny[0].dtype])
    order = _order(iterator.operands[-1].strides)
    if order != list(range(ndim)):
        result.cell.strides = tuple(_dense(result.shape, order, result.dtype.itemsize))
    return result


def _is_settled(x: Any) -> bool:
    """True of any operand, whose strides are found first."""
    if isinstance(x, Tracer):
        _settle(x.cell)
    return True


def _look_alike(x: Tracer) -> Array:
    """An array of extents at most 2 whose axes lie in memory in the order those of ``x`` do."""
    order = _order(memory(x).strides)
    sizes = [1 if isinstance(n, int) and n <= 1 else 2 for n in x.shape]
    made = np.zeros([sizes[k] for k in order])
    return made.transpose([order.index(k) for k in range(len(order))])


# -- results whose layout NumPy knows ----------------------------------------------------------------
_LARGEST = 1 << 16
"""Elements of the look-alikes of one question."""


@_builder.asks
def remember(function: Any, args: Any, kwargs: Any, result: Any) -> Any:
    """A result whose new arrays are laid out as those of a function of NumPy's or SciPy's."""
    pairs: list[tuple[Any, Any]] = [(None, result)]
    if isinstance(result, (tuple, list)):
        pairs = list(enumerate(result))
    arrays = [(k, x) for k, x in pairs if isinstance(x, Tracer) and x.form == "array"]
    made = [
        (place, x)
        for place, whole in arrays
        for x in _parts(whole)
        if type(x.cell) is Cell and len(x.cell.value.shape) > 1
    ]
    if not made:
        return result
    args, kwargs = _as_given((args, kwargs))
    # A view is left alone: to ask for its shape would read it here.
    given = {id(x.cell) for whole in _tracers((args, kwargs)) for x in _parts(whole)}
    for place, x in made:
        if id(x.cell) not in given:
            x.cell.origin = _Origin(function, args, kwargs, place, x)
            x.cell.is_laid = x.cell.is_laid and function in _LAID_OUT
    return result


def _as_given(x: Any) -> Any:
    """Arguments as they are now: lists may change until they are asked for."""
    if isinstance(x, StoredList):
        return _OPEN if x.is_elsewhere() else [_as_given(item) for item in list.__iter__(x)]
    if type(x) in (list, tuple):
        return type(x)([_as_given(item) for item in x])
    if type(x) is dict:
        return {key: _as_given(item) for key, item in x.items()}
    return x


def remembering(function: Any, implementation: Callable[..., Any]) -> Callable[..., Any]:
    """An implementation whose results are laid out as the function lays them out."""

    @functools.wraps(implementation)
    def run(*args: Any, **kwargs: Any) -> Any:
        return remember(function, args, kwargs, implementation(*args, **kwargs))

    return run


# Functions that lay their results out themselves, also where their arguments are not known.
_LAID_OUT: frozenset[Any] = frozenset(
    (np.array, np.asarray, np.copy, np.zeros, np.ones, np.full, np.empty, np.where, np.reshape, np.ravel,
     np.zeros_like, np.ones_like, np.full_like, np.empty_like)
)  # fmt: skip


def _parts(x: Any) -> Sequence[Tracer]:
    """The real and imaginary part of complex numbers."""
    return getattr(x, "parts", None) or (x,)


def _tracers(x: Any) -> Iterator[Tracer]:
    if isinstance(x, Tracer):
        yield x
    elif isinstance(x, (tuple, list)):
        for item in x:
            yield from _tracers(item)
    elif isinstance(x, dict):
        yield from _tracers(list(x.values()))


def is_laid_out(x: Tracer) -> bool:
    """Whether it is certain in which order an array lies in memory."""
    return _settle(x.cell) and x.path[: len(x.cell.seen_by)] == x.cell.seen_by


def _settle(cell: Any) -> bool:
    """Find the strides of an array where they can be found; whether they are certain."""
    shape = cell.value.shape
    if any(isinstance(n, int) and n == 0 for n in shape):  # in every order at once
        return True
    if cell.origin is not None:
        origin, cell.origin = cell.origin, None
        origin()
    return cell.is_laid or len(shape) < 2


class _Origin:
    """The call that has made an array."""

    def __init__(self, function: Any, args: Any, kwargs: Any, place: Any, result: Tracer) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.place, self.result = place, result

    def __call__(self) -> None:
        """Ask NumPy how it lays the result out."""
        self.left = _LARGEST
        cell, path = self.result.cell, self.result.path
        try:
            args, kwargs = self._look_alike((self.args, self.kwargs))
            with np.errstate(all="ignore"):
                found = self.function(*args, **kwargs)
            found = found if self.place is None else found[self.place]
        except Exception as error:
            if is_signal_handlers(error):
                raise
            return
        if not isinstance(found, np.ndarray) or found.ndim != self.result.ndim:
            return
        operands = [x for whole in _tracers((self.args, self.kwargs)) for x in _parts(whole)]
        shape = self.result.shape
        fits = found.shape == tuple(shape) and found.itemsize == self.result.dtype.itemsize
        strides = (
            found.strides
            if fits
            else _dense(shape, _order(found.strides), self.result.dtype.itemsize)
        )
        cell.strides = None if fits and found.flags.c_contiguous and not path else tuple(strides)
        cell.seen_by, cell.is_laid = path, True
        cell.follows = any(x.cell.follows for x in operands)

    def _look_alike(self, x: Any) -> Any:
        if isinstance(x, Tracer):
            parts = [self._array(part) for part in _parts(x)]
            return parts[0] if len(parts) == 1 else _complex(parts[0])
        if isinstance(x, Dim):
            return representative(x)
        if isinstance(x, (tuple, list)):
            items = [self._look_alike(item) for item in x]
            return items if isinstance(x, list) else tuple(items)
        if type(x) is dict:
            return {key: self._look_alike(item) for key, item in x.items()}
        if x is _OPEN:
            raise UndecidedExtent("a list of any length")
        if callable(x) and not isinstance(x, type):
            raise UndecidedExtent("a function, which is not called here")
        return x

    def _array(self, x: Tracer) -> Any:
        constant = known(x) if x.dtype.kind in "iub" or not x.shape else None
        if constant is not None and not constant.ndim:
            return constant[()]
        if not x.shape:
            return x.dtype.type(1)
        if not _settle(x.cell):
            raise UndecidedExtent("an array in an order that is not known")
        made = memory(x, self._filled)
        if constant is not None and constant.shape == made.shape:
            made[...] = constant
        return made

    def _filled(self, dtype: Any, shape: Sequence[Extent], strides: Sequence[int]) -> Array:
        """An array with these strides: of numbers a matrix with a heavy diagonal, of integers zeros."""
        sizes = [representative(n) for n in shape]
        reach = [(n - 1) * abs(s) // dtype.itemsize for n, s in zip(sizes, strides, strict=True)]
        self.left -= max(sum(reach) + 1, math.prod(sizes))
        if self.left < 0 or 0 in sizes:  # of nothing NumPy may warn
            raise UndecidedExtent("more elements than are looked at, or none")
        # Where strides are negative the first element is the last in memory.
        first = sum(r for r, s in zip(reach, strides, strict=True) if s < 0)
        base = np.zeros(sum(reach) + 1, dtype)
        made = np.lib.stride_tricks.as_strided(base[first:], sizes, list(strides))
        if dtype.kind == "f" and made.size and 0 not in strides:
            made[...] = 1.5 + np.cos(1.7 * np.arange(made.size)).reshape(made.shape)
            if made.ndim > 1 and made.shape[-1] == made.shape[-2]:
                made += 4 * made.shape[-1] * np.eye(made.shape[-1], dtype=dtype)
        return made


def _complex(part: Any) -> Any:
    """Complex numbers in the order of their real parts."""
    made = np.zeros_like(part, dtype=np.result_type(part, np.complex64))
    made[...] = part
    return made
