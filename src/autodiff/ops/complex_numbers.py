"""Complex numbers as pairs of real ones: the tracer, its arithmetic, and what NumPy's ufuncs make of it.

    z = 1j * x             ComplexTracer(parts=(0·x − 1·0, 0·0 + 1·x))
    np.abs(z)              hypot(z.real, z.imag), a real tracer
    np.fft.fft(z)          one operation on the pair, an array with a last axis of length 2

Programs have no complex dtype.  A :class:`ComplexTracer` holds two real tracers, the parts; where an
operation wants them side by side along a last axis, as NumPy stores complex64 and complex128 (the
pair), they are stacked.  All that is done to it is made of real operations, so that engines, passes
and differentiation know nothing of it; the derivative of a real result is dL/dRe and dL/dIm by
construction.

An array's parts are real arrays with identity of their own: each a view of a storage cell.  A view
of the array is the same view of both, and a store into it one into each, so that ``z.real`` is the
first of them.  What is not in the tables here and in :mod:`autodiff.ops.complex_functions` raises
what :func:`decline` gives, so that the call runs as plain Python, or is differentiated along its
path, or is refused with the line.

Formulas are NumPy's own where these have a name: division after R. Smith, "Algorithm 116: Complex
division" (1962); the square root and the logarithm after W. Kahan, "Branch cuts for complex
elementary functions" (1987).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.dims import Dim, same_shape
from autodiff.errors import DtypeError
from autodiff.ladder import Bail, NotStaged
from autodiff.ops import builder as _builder
from autodiff.ops import fatal, python_numbers
from autodiff.ops.either import Either
from autodiff.ops.function_table import functions
from autodiff.ops.known import check, known, type_name
from autodiff.ops.layout import remember
from autodiff.ops.marks import note_discarded
from autodiff.ops.promotion import (
    as_array,
    broadcast_shapes,
    broadcast_to,
    cast,
    constant,
    describe,
    operand,
    pointwise,
    select,
    weak_kind,
)
from autodiff.ops.protocol import protocol
from autodiff.ops.smooth import derived_as, unknown_slope
from autodiff.ops.tracer import (
    Form,
    StoredList,
    Tracer,
    ViewStep,
    emit_tracer,
    is_concretizing,
)

# NumPy's functions on complex operands: filled in by :mod:`autodiff.ops.complex_functions`.
TABLE: dict[Any, Callable[..., Any]] = {}
# Methods of ufuncs that go through the elements one by one: filled in by :mod:`autodiff.ops.complex_folds`.
FOLDS: dict[str, Callable[..., Any]] = {}
Parts = tuple[Any, Any]
_PART = {
    np.dtype(whole): np.zeros((), whole).real.dtype
    for whole in (np.clongdouble, np.complex128, np.complex64)
}
_WHOLE: dict[Any, Any] = {part: whole for whole, part in _PART.items()}


def decline(what: str) -> Bail:
    """What is raised where complex numbers are not followed."""
    at = _builder.current_builder().source
    return NotStaged(f"{what} of complex numbers, which is not supported", at)


class ComplexTracer(Tracer):
    """A traced complex array or number; see the module header."""

    __slots__ = ("_pair", "parts")

    def __init__(self, parts: Parts, form: Form | None = None, pair: Tracer | None = None) -> None:
        self.parts: Parts = parts
        self._cache = None
        self.form = form or ("array" if self.shape else "scalar")
        # The array that both were taken from, as long as neither has changed since.
        self._pair = None if pair is None else (pair, parts[0].value, parts[1].value)

    @property
    def pair(self) -> Tracer:
        """Both in one array, along a last axis."""
        if self._pair is not None:
            pair, re, im = self._pair
            if self.parts[0].value is re and self.parts[1].value is im:
                return pair
        stacked: Tracer = functions[np.stack](list(map(plain, self.parts)), -1)
        return stacked

    # -- what arrays tell -------------------------------------------------------------------------
    @property
    def shape(self) -> Any:
        """Shape, extents as integers or Dims."""
        return self.parts[0].shape

    @property
    def part_dtype(self) -> np.dtype[Any]:
        """The dtype of each part."""
        dtype: np.dtype[Any] = self.parts[0].dtype
        return dtype

    @property
    def dtype(self) -> np.dtype[Any]:
        """complex64 or complex128."""
        whole: np.dtype[Any] = _WHOLE[self.part_dtype]
        return whole

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def python_type(self) -> type:
        """The type that this object has in plain Python."""
        if self.form == "array":
            return np.ndarray
        return complex if self.form == "python" else self.dtype.type

    # -- what real arrays have, and code that knows real ones alone would ask for ---------------------
    def _refuse(self) -> Any:
        raise decline("a use")

    value: Any = property(_refuse)
    type: Any = property(_refuse)
    cell: Any = property(_refuse)

    @property
    def path(self) -> Any:  # type: ignore[override]
        """Its parts are views of storage, not itself."""
        return ()

    def __repr__(self) -> str:
        if not is_concretizing():
            return f"<traced complex {self.form}: {self.dtype}{list(self.shape)}>"
        return self._text(repr(self._concrete()))

    def __str__(self) -> str:
        return self._text(str(self._concrete())) if is_concretizing() else repr(self)

    def __complex__(self) -> complex:
        return complex(self._number())

    def __float__(self) -> float:
        raise decline("a conversion to float")

    def __int__(self) -> int:
        raise decline("a conversion to int")

    def __index__(self) -> int:
        raise TypeError("only integer scalar arrays can be converted to a scalar index")

    def given_as_int(self) -> int | None:
        """No int is a complex number."""
        return None

    def __hash__(self) -> int:
        if self.form == "array":
            raise TypeError("unhashable type: 'numpy.ndarray'")
        return hash(self._concrete())

    def __bool__(self) -> bool:
        return bool(truth(self))

    def __contains__(self, item: Any) -> Any:
        raise decline("a search among elements")

    def __getattr__(self, name: str) -> Any:
        return protocol.complex_attribute(self, name)

    def __getitem__(self, index: Any) -> Any:
        if self.form == "python":
            raise TypeError("'complex' object is not subscriptable")
        if _is_advanced(index):  # one selection, whose size may be known at run time only
            several = index if isinstance(index, tuple) else (index,)
            inner = (slice(None),) if any(i is Ellipsis for i in several) else ()
            found = Tracer.__getitem__(self.pair, (*several, *inner))
            return from_pair(found, None if found.ndim == 1 and not inner else "array")
        re, im = (x[index] for x in self.parts)
        return ComplexTracer((re, im), re.form)

    def __setitem__(self, index: Any, value: Any) -> None:
        if self.form != "array":
            name = "complex" if self.form == "python" else f"numpy.{self.dtype.name}"
            raise TypeError(f"'{name}' object does not support item assignment")
        new = parts_of(value, self.part_dtype)
        for part, x in zip(self.parts, list(map(plain, new)), strict=True):
            part[index] = x

    def store(self, value: Any) -> None:
        """Replace the whole content by that of an operand that broadcasts to it."""
        self[...] = value

    def __copy__(self) -> Any:
        return joined(*self.parts, self.form)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()


def _is_advanced(index: Any) -> bool:
    """Whether an index has traced arrays in it."""
    several = index if isinstance(index, tuple) else (index,)
    return any(isinstance(i, Tracer) and i.form == "array" for i in several)


def whole_of(re: Any, im: Any, like: ComplexTracer) -> Any:
    """The complex array, NumPy scalar or Python number of real ones, as the traced one says."""
    whole = np.empty(np.shape(re), like.dtype)
    whole.real, whole.imag = re, im
    return whole if like.form == "array" else whole.item() if like.form == "python" else whole[()]


def parts_of_complex(x: Any) -> np.ndarray[Any, Any]:
    """A complex array or number as a program reads it: with a last axis of real and imaginary part.

    A view of the memory where its layout allows one.
    """
    array = np.asarray(x)
    real = array.real.dtype
    try:
        return array[..., None].view(real)
    except ValueError:
        return np.stack([array.real, array.imag], -1)


# -- making them ----------------------------------------------------------------------------------
def plain(x: Any) -> Tracer:
    """A real value of its own: an array, or a NumPy scalar where there are no axes."""
    return Tracer(x.value, "array" if x.shape else "scalar")


def joined(re: Any, im: Any, form: Form | None = None) -> ComplexTracer:
    """The complex number or array of two real ones."""
    shape = broadcast_shapes(re.shape, im.shape)
    form = form or ("array" if shape else "scalar")
    own: Form = "array" if form == "array" else "scalar"
    parts = (Tracer(broadcast_to(x, shape).value, own) for x in (re, im))
    return ComplexTracer((next(parts), next(parts)), form)


def from_pair(pair: Tracer, form: Form | None = None) -> ComplexTracer:
    """The complex number or array whose parts lie along the last axis of a real array."""
    pair = Tracer(pair.value, "array")
    found = joined(pair[..., 0], pair[..., 1], form)
    return ComplexTracer(found.parts, found.form, pair)


_NAMES = frozenset(
    "complex complex128 complex64 complex256 clongdouble cdouble csingle c8 c16 c32".split()
)


def is_complex_dtype(x: Any) -> bool:
    """Whether ``x`` names a complex dtype."""
    if isinstance(x, np.dtype):
        return x.kind == "c"
    if isinstance(x, type):
        return issubclass(x, (complex, np.complexfloating))
    return isinstance(x, str) and x in _NAMES


def is_complex(x: Any, around: tuple[Any, ...] = ()) -> bool:
    """Whether ``x`` is complex, or a sequence with a complex item; ``around``: what it is an item of."""
    cls = type(x)
    if cls is Tracer or cls is float or cls is int:
        return False
    if cls is ComplexTracer or cls is complex:
        return True
    if cls is Either:
        return type(x.wide) is ComplexTracer
    if isinstance(x, StoredList) and x.is_complex:
        return True
    if isinstance(x, (list, tuple)) and not isinstance(x, Tracer):
        if any(x is outer for outer in around):
            return False  # a list that holds itself
        items = list.__iter__(x) if isinstance(x, list) else iter(x)
        return any(is_complex(item, (*around, x)) for item in items)
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "c"


# Objects of these classes are neither complex nor name a complex dtype.
REAL = frozenset((Tracer, float, int, bool, type(None), slice))


CHARACTERS = ("D", "F", "G")  # of dtypes; of other arguments these may be orders


def concerns(args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> bool:
    """Whether a call computes with complex numbers, or names a complex dtype."""
    for x in args:
        if type(x) not in REAL and (is_complex(x) or is_complex_dtype(x)):
            return True
    if kwargs:
        if kwargs.get("dtype") in CHARACTERS:
            return True
        return concerns(list(kwargs.values()))
    return False


def example(x: Any) -> Any:
    """What stands for an operand where NumPy is asked for a dtype."""
    if isinstance(x, ComplexTracer):
        return 0j if x.form == "python" else x.dtype
    if type(x) is complex:
        return 0j
    if isinstance(x, StoredList) and x.is_complex:
        return np.dtype(np.complex128) if (whole := x.as_array()) is None else whole.dtype
    if isinstance(x, (list, tuple)):
        return np.result_type(*map(_item_example, x)) if x else np.dtype(float)
    kind = weak_kind(x)
    if kind is not None:
        return kind(0)
    if isinstance(x, (type, np.dtype, str)):  # a dtype, as ``np.result_type`` takes them
        return x
    return x.dtype if isinstance(x, (np.ndarray, np.generic)) else as_array(x).dtype


def _item_example(x: Any) -> Any:
    """What stands for an item of a list, where Python's numbers have the dtype that arrays give them."""
    found = example(x)
    return found if isinstance(found, np.dtype) else np.asarray(found).dtype


def as_kind(x: Any, dtype: np.dtype[Any], form: Form) -> ComplexTracer:
    """A number as a complex one of a type."""
    re, im = parts_of(x, _PART[dtype])
    return joined(re, im, form)


def _no_such_dtype(dtype: np.dtype[Any]) -> DtypeError:
    return DtypeError(
        f"elements of dtype {dtype} are not supported", code="AD105", remedy="use complex128"
    )


def common(*xs: Any) -> np.dtype[Any]:
    """The dtype of the parts of what operands give together, as NumPy promotes."""
    dtype = np.result_type(np.result_type(*map(example, xs)), np.complex64)
    if dtype not in _PART:
        raise _no_such_dtype(dtype)
    return _PART[dtype]


def parts_of(x: Any, part: np.dtype[Any]) -> Parts:
    """Real and imaginary part of any operand; that of a real one is 0."""
    if isinstance(x, ComplexTracer):
        re, im = x.parts
        return cast(re, part), cast(im, part)
    if isinstance(x, StoredList) and x.is_complex:
        whole = x.as_array()
        if whole is None:
            raise decline("an array of a list")
        return parts_of(whole, part)
    if isinstance(x, (list, tuple)):
        re, im = (functions[np.array](_nested(x, k, part), part) for k in (0, 1))
        return re, im
    if isinstance(x, (complex, np.ndarray, np.generic)) and not isinstance(x, Tracer):
        return constant(np.real(x), part), constant(np.imag(x), part)
    return cast(operand(x), part), constant(0.0, part)


def _nested(x: Any, which: int, part: np.dtype[Any]) -> Any:
    """A nested list of the real, or of the imaginary parts."""
    if isinstance(x, (list, tuple)):
        return [_nested(item, which, part) for item in x]
    re, im = parts_of(x, part)
    return re if which == 0 else broadcast_to(im, re.shape)


def as_complex(x: Any, dtype: Any = None) -> ComplexTracer:
    """Any operand as a complex array or scalar."""
    part = common(x) if dtype is None else _PART.get(np.dtype(dtype))
    if part is None:
        raise _no_such_dtype(np.dtype(dtype))
    form: Form | None = "array" if isinstance(x, (list, tuple, np.ndarray)) else None
    if isinstance(x, Tracer):
        form = "array" if x.form == "array" else "scalar"
    return joined(*parts_of(x, part), form)


def note_unholomorphic(name: str, *results: Tracer) -> None:
    """Say that results are no holomorphic functions of what they were made of, if that is asked."""
    builder = _builder.current_builder()
    if builder.not_holomorphic is not None:
        values = tuple(x.value for x in results)
        builder.not_holomorphic.append(_builder.NotHolomorphic(name, builder.source, values))


def note_real(name: str, operands: Sequence[Any], result: Any) -> Any:
    """``result``; where operands are complex, real numbers in it are noted as not holomorphic."""
    if _builder.current_builder().not_holomorphic is not None and any(map(is_complex, operands)):
        items = result if isinstance(result, (tuple, list)) else (result,)
        for x in items:
            if type(x) is not ComplexTracer and isinstance(x, Tracer) and x.dtype.kind == "f":
                note_unholomorphic(name, x)
    return result


def _stays(x: Tracer) -> Tracer:
    if _builder.current_builder().not_holomorphic is None:
        return x
    read = emit_tracer("positive", x)  # a value apart from the part that the number is made of
    note_unholomorphic("the real or imaginary part", read)
    return read


def _replaced(x: Tracer, new: Tracer) -> Tracer:
    if _builder.current_builder().not_holomorphic is not None:
        raise decline("a store into the real or imaginary part, where f has to be holomorphic,")
    return new


def _apart(a: Any) -> Any:
    """The layout of a part, whose neighbours lie two numbers apart."""
    steps = [2 * step for step in a.strides]
    return np.lib.stride_tricks.as_strided(a, a.shape, steps, writeable=False)


PART_STEPS = (
    ViewStep(_stays, _replaced, _apart, lambda z, extents: z.real),
    ViewStep(_stays, _replaced, _apart, lambda z, extents: z.imag),
)


def part_of(z: ComplexTracer, which: int) -> Tracer:
    """``z.real`` and ``z.imag``: views of an array, numbers of a number."""
    x: Tracer = z.parts[which]
    if z.form != "array":
        x = plain(_stays(x))
    if z.form == "python":
        return python_numbers.number(x, float)
    return x.follow(PART_STEPS[which]) if z.form == "array" else x


def as_stored(x: Any, dtype: np.dtype[Any]) -> Any:
    """``x`` as elements of a real array can be: what is complex in it casts, if NumPy casts it."""
    if not is_complex(x):
        return x
    if isinstance(x, StoredList) and x.is_elsewhere():
        # Of Python's, it may be, which Python refuses.
        raise decline("a conversion to real numbers")
    if isinstance(x, (list, tuple)):
        return [as_stored(item, dtype) for item in x]
    return discarded(x, dtype)


def discarded(z: Any, dtype: Any = None) -> Tracer:
    """What NumPy makes of a complex array or scalar where it casts to real numbers, with a warning.

    To integers it is the real part's; to bool it is no loss, and whether either part is not 0.
    """
    if type(z) is complex:
        raise decline("a conversion to real numbers")  # which Python refuses
    z = z if isinstance(z, ComplexTracer) else as_complex(z)
    if z.form == "python":
        raise decline("a conversion to real numbers")
    if dtype is not None and np.dtype(dtype).kind == "b":
        return plain(truth(z))
    note_discarded()
    real = z.parts[0]
    if _builder.current_builder().not_holomorphic is not None:
        real = emit_tracer("positive", real)
        note_unholomorphic("a cast to real numbers", real)
    return plain(real if dtype is None else cast(real, dtype))


# -- real arithmetic, short -------------------------------------------------------------------------
def _op(name: str) -> Callable[..., Tracer]:
    return functools.partial(pointwise, name)


add, sub, mul, div = _op("add"), _op("subtract"), _op("multiply"), _op("divide")
_neg, _abs, _sqrt, _exp = _op("negative"), _op("absolute"), _op("sqrt"), _op("exp")
_sin, _cos, _sinh, _cosh = _op("sin"), _op("cos"), _op("sinh"), _op("cosh")
_both, _either, _not = _op("logical_and"), _op("logical_or"), _op("logical_not")
_is_inf, _is_nan, _equal = _op("isinf"), _op("isnan"), _op("equal")
_hypot = _op("hypot")


def _where(condition: Any, a: Any, b: Any) -> Tracer:
    dtype = b.dtype if isinstance(b, Tracer) else a.dtype
    return select(condition, a, b, dtype)


def multiply(a: Parts, b: Parts) -> Parts:
    """The product of two numbers, or arrays of one shape, given by their parts."""
    (ar, ai), (br, bi) = a, b
    return sub(mul(ar, br), mul(ai, bi)), add(mul(ar, bi), mul(ai, br))


def _no_slope(z: Parts) -> Tracer:
    """0, which has no derivative by a number of any order: for a pole, in a branch of its own."""
    return add(unknown_slope(z[0]), unknown_slope(z[1]))


def _divide(a: Parts, b: Parts, python: bool = False) -> Parts:
    # Smith: the larger part of the divisor is divided by, so that nothing overflows on the way.
    (ar, ai), (br, bi) = a, b
    real_is_larger = pointwise("greater_equal", _abs(br), _abs(bi))
    large, small = _where(real_is_larger, br, bi), _where(real_is_larger, bi, br)
    zero = _both(_equal(br, 0), _equal(bi, 0))
    if python:
        check(_not(zero), "complex division by zero")
        ratio = div(small, large)
        by = add(large, mul(small, ratio))
        scaled: Callable[[Any], Any] = lambda x: div(x, by)  # noqa: E731
    else:
        safe = _where(zero, 1.0, large)
        ratio = div(small, safe)
        scale = div(1.0, add(safe, mul(small, ratio)))
        scaled = lambda x: mul(x, scale)  # noqa: E731
    up = add(_where(real_is_larger, ar, ai), mul(_where(real_is_larger, ai, ar), ratio))
    down = _where(real_is_larger, sub(ai, mul(ar, ratio)), sub(mul(ai, ratio), ar))
    re, im = scaled(up), scaled(down)
    if python:
        return re, im
    nothing = add(_abs(br), _no_slope(b))
    return _where(zero, div(ar, nothing), re), _where(zero, div(ai, nothing), im)


# -- functions of one number ------------------------------------------------------------------------
def _product(c: Any, s: Any) -> Tracer:
    """``c * s``; where one is 0 and the other infinite or NaN it is 0, as in C's functions."""
    t = mul(c, s)
    zero = _either(_equal(c, 0), _equal(s, 0))
    nothing = _where(_equal(c, 0), c, s)
    signed = pointwise("copysign", nothing, mul(_sign_of(c), _sign_of(s)))
    nothing = _where(_either(_is_inf(c), _is_inf(s)), signed, nothing)
    return _where(_both(_is_nan(t), zero), nothing, t)


def _sign_of(x: Any) -> Tracer:
    return pointwise("copysign", constant(1.0, x.dtype), x)


def complex_exp(z: Parts) -> Parts:
    """``exp``: a magnitude beyond the largest number may still have a part that is in range."""
    re, im = z
    double = re.dtype == np.dtype(float)
    limit, step = (700.0, 300.0) if double else (80.0, 40.0)
    beyond = pointwise("greater", re, limit)
    zero, one = constant(0.0, re.dtype), constant(1.0, re.dtype)
    e = _exp(sub(re, _where(beyond, constant(step, re.dtype), zero)))
    factor = _where(beyond, constant(np.exp(step), re.dtype), one)
    x, y = mul(mul(e, _cos(im)), factor), mul(mul(e, _sin(im)), factor)
    ends = _is_inf(re)
    x = _where(_both(_is_nan(x), ends), _exp(re), x)
    y = _where(_both(_is_nan(y), _equal(im, 0)), im, y)
    vanishes = _both(ends, pointwise("less", re, 0))
    return x, _where(_both(_is_nan(y), vanishes), pointwise("copysign", zero, im), y)


def complex_log(z: Parts) -> Parts:
    """``log``: near the unit circle by ``log1p`` of ``|z|**2 - 1``, which does not cancel."""
    re, im = z
    size = _hypot(re, im)
    size = _where(_equal(size, 0), _no_slope(z), size)
    near = _both(pointwise("greater", size, 0.6), pointwise("less", size, 1.6))

    def excess(a: Any, b: Any) -> Any:
        return add(mul(sub(a, 1.0), add(a, 1.0)), mul(b, b))

    by_real = pointwise("greater_equal", _abs(re), _abs(im))
    over = _where(by_real, excess(re, im), excess(im, re))
    over = _where(near, over, constant(0.0, re.dtype))
    x = _where(near, mul(0.5, pointwise("log1p", over)), pointwise("log", size))
    return x, pointwise("arctan2", im, re)


def complex_sqrt(z: Parts) -> Parts:
    """``sqrt``: the part that does not cancel first, the other one by division."""
    re, im = z
    right = pointwise("greater_equal", re, 0)
    # Not the absolute value, whose derivative at 0 is 0 by convention: that of sqrt at 1j is none.
    t = _sqrt(add(mul(0.5, _where(right, re, _neg(re))), mul(0.5, _hypot(re, im))))
    zero = _equal(t, 0)
    other = div(im, mul(2.0, _where(zero, constant(1.0, re.dtype), t)))
    other = _where(zero, im, other)
    side = pointwise("copysign", constant(1.0, re.dtype), im)
    x, y = _where(right, t, mul(side, other)), _where(right, other, mul(side, t))
    endless = _is_inf(im)
    return _where(endless, _abs(im), x), _where(endless, im, y)


def _hyperbolic(x: Any) -> tuple[Any, Any, Any]:
    """``sinh``, ``cosh``, and a factor of both, 1 but where they would overflow."""
    double = x.dtype == np.dtype(float)
    limit, step = (700.0, 300.0) if double else (80.0, 40.0)
    one, size = constant(1.0, x.dtype), _abs(x)
    far = pointwise("greater", size, limit)
    near = _where(far, constant(0.0, x.dtype), x)
    half = mul(0.5, _exp(sub(_where(far, size, constant(0.0, x.dtype)), step)))
    sinh = _where(far, mul(pointwise("copysign", one, x), half), _sinh(near))
    cosh = _where(far, half, _cosh(near))
    return sinh, cosh, _where(far, constant(np.exp(step), x.dtype), one)


def _endless(re: Any, x: Any) -> Tracer:
    """A real part that is infinite where the direction is not known."""
    return _where(_both(_is_nan(x), _is_inf(re)), _abs(re), x)


def _complex_sinh(z: Parts) -> Parts:
    re, im = z
    sinh, cosh, factor = _hyperbolic(re)
    x = mul(_product(_cos(im), sinh), factor)
    return _endless(re, x), mul(_product(_sin(im), cosh), factor)


def _complex_cosh(z: Parts) -> Parts:
    re, im = z
    sinh, cosh, factor = _hyperbolic(re)
    x = mul(_product(_cos(im), cosh), factor)
    y = mul(_product(_sin(im), sinh), factor)
    beside = _both(_equal(re, 0), _is_nan(_sin(im)))  # a zero whose sign is not that of re
    return _endless(re, x), _where(beside, constant(0.0, re.dtype), y)


def _complex_tanh(z: Parts) -> Parts:
    # Kahan's formula; beyond 20 the parts are 1 and what is left of the other one.
    re, im = z
    far = pointwise("greater", _abs(re), 20.0 if re.dtype == np.dtype(float) else 10.0)
    near = _where(far, constant(0.0, re.dtype), re)
    t, s = pointwise("tan", im), _sinh(near)
    beta, square = add(1.0, mul(t, t)), mul(s, s)
    rho, below = _sqrt(add(1.0, square)), add(1.0, mul(beta, square))
    left = mul(mul(4.0, mul(_sin(im), _cos(im))), _exp(mul(-2.0, _abs(re))))
    one, zero = pointwise("copysign", constant(1.0, re.dtype), re), constant(0.0, re.dtype)
    end = _is_inf(re)
    x = _where(far, add(one, _where(end, zero, mul(0.0, left))), div(mul(beta, mul(rho, s)), below))
    nothing = pointwise("copysign", zero, im)
    y = _where(far, _where(_both(end, _is_nan(left)), nothing, left), div(t, below))
    x = _where(_both(_is_nan(x), _equal(re, 0)), re, x)
    return x, _where(_both(_is_nan(y), _equal(im, 0)), im, y)


def _turned(function: Callable[[Parts], Parts]) -> Callable[[Parts], Parts]:
    """The circular function of a hyperbolic odd one: ``-i f(i z)``, whose parts change places."""

    def run(z: Parts) -> Parts:
        im, re = function((z[1], z[0]))
        return re, im

    return run


def _complex_cos(z: Parts) -> Parts:
    return _complex_cosh((_neg(z[1]), z[0]))


def _square(z: Parts) -> Parts:
    return multiply(z, z)


def _reciprocal(z: Parts) -> Parts:
    # NumPy's own steps: of 0 it is NaN, where 1 / z is infinite, and signs of zeros differ from 1 / z.
    re, im = z
    real_is_larger = pointwise("greater_equal", _abs(re), _abs(im))
    large, small = _where(real_is_larger, re, im), _where(real_is_larger, im, re)
    ratio = div(small, large)
    by = add(large, mul(small, ratio))
    one = constant(1.0, re.dtype)
    up, down = _where(real_is_larger, one, ratio), _where(real_is_larger, ratio, one)
    return div(up, by), div(_neg(down), by)


def _scaled_log(base: float) -> Callable[[Parts], Parts]:
    scale = float(1.0 / np.log(base))

    def run(z: Parts) -> Parts:
        re, im = complex_log(z)
        return mul(re, scale), mul(im, scale)

    return run


def conjugate(z: Parts) -> Parts:
    """The complex conjugate."""
    return z[0], _neg(z[1])


UNARY: dict[Any, Callable[[Parts], Parts]] = {
    np.positive: lambda z: z,
    np.negative: lambda z: (_neg(z[0]), _neg(z[1])),
    np.conjugate: conjugate,
    np.square: _square,
    np.reciprocal: _reciprocal,
    np.exp: complex_exp,
    np.log: complex_log,
    np.log2: _scaled_log(2.0),
    np.log10: _scaled_log(10.0),
    np.sqrt: complex_sqrt,
    np.sinh: _complex_sinh,
    np.cosh: _complex_cosh,
    np.tanh: _complex_tanh,
    np.sin: _turned(_complex_sinh),
    np.cos: _complex_cos,
    np.tan: _turned(_complex_tanh),
}
BINARY: dict[Any, Callable[[Parts, Parts], Parts]] = {
    np.add: lambda a, b: (add(a[0], b[0]), add(a[1], b[1])),
    np.subtract: lambda a, b: (sub(a[0], b[0]), sub(a[1], b[1])),
    np.multiply: multiply,
    np.divide: _divide,
}
NOT_HOLOMORPHIC: set[Any] = {np.conjugate}  # though their results are complex
_OF_PARTS: dict[Any, str] = {
    np.isfinite: "logical_and",
    np.isnan: "logical_or",
    np.isinf: "logical_or",
}


# -- the modulus ------------------------------------------------------------------------------------
class Modulus(Tracer):
    """``abs(z)``, whose square is smooth where ``z`` is 0 and is therefore made of the parts."""

    __slots__ = ("of",)
    of: Parts

    def squared(self) -> Tracer:
        """``abs(z)**2``; by the modulus itself where that is no number (infinite and NaN parts)."""
        re, im = self.of
        sum_of_squares = add(mul(re, re), mul(im, im))
        size = Tracer(self.value, self.form if self.form == "array" else "scalar")
        result = _where(_is_nan(sum_of_squares), mul(size, size), sum_of_squares)
        note_unholomorphic("the modulus", result)
        return Tracer(result.value, "array" if result.shape else "scalar")

    def __pow__(self, exponent: Any) -> Any:
        if _is_two(exponent):
            return self._as_form(self.squared())
        return super().__pow__(exponent)  # type: ignore[misc]

    def __mul__(self, other: Any) -> Any:
        return self._as_form(self.squared()) if other is self else super().__mul__(other)  # type: ignore[misc]

    def _as_form(self, x: Tracer) -> Tracer:
        return python_numbers.number(x, float) if self.form == "python" else x

    def is_squared(self, ufunc: np.ufunc, inputs: Sequence[Any]) -> bool:
        """Whether a ufunc computes the square of this one."""
        if inputs[0] is not self:
            return False
        if ufunc is np.multiply:
            return inputs[1] is self
        return ufunc is np.square or (ufunc is np.power and _is_two(inputs[1]))


def _is_two(x: Any) -> bool:
    return isinstance(x, (int, float, np.number)) and not isinstance(x, Tracer) and bool(x == 2)


def modulus(z: ComplexTracer, part: np.dtype[Any], form: Form) -> Tracer:
    """``abs(z)``."""
    re, im = parts_of(z, part)
    size = _hypot(re, im)
    if form == "python":
        fine = _either(_is_inf(re), _is_inf(im))
        fine = _either(fine, _either(_is_nan(re), _is_nan(im)))
        check(_either(pointwise("isfinite", size), fine), "absolute value too large")
        size = python_numbers.number(size, float)
    note_unholomorphic("the modulus", size)
    result = Modulus(size.value, form)
    result.of = (re, im)
    return result


# -- powers -----------------------------------------------------------------------------------------
def _whole_exponent(x: Any) -> int | None:
    """The integer that an exponent is for certain, where NumPy multiplies."""
    if isinstance(x, Tracer) or not isinstance(x, (int, float, complex, np.generic)):
        return None
    number = complex(x)
    if number.imag or not np.isfinite(number.real) or number.real != int(number.real):
        return None
    return int(number.real) if abs(number.real) < 100 else None


def _repeated(z: Parts, n: int, result: Parts | None = None) -> Parts:
    power = z
    while n:
        if n & 1:
            result = power if result is None else multiply(result, power)
        n >>= 1
        power = multiply(power, power) if n else power
    assert result is not None
    return result


def _whole_power(z: Parts, n: int) -> Parts:
    """``z**n`` with the signs of zeros that NumPy's loop gives: from 4 on, and of a reciprocal, it begins with 1."""
    one = constant(1.0, z[0].dtype), constant(0.0, z[0].dtype)
    if n in (1, 2, 3):
        return _repeated(z, n)
    found = _repeated(z, abs(n), one)
    return found if n > 0 else _divide(one, found)


def _is_quick(a: Any, b: Any) -> bool:
    """Whether the operator of an array has a function of its own for an exponent of -1 or 1/2."""
    return is_complex(a) and getattr(a, "form", "array") == "array" and not isinstance(b, Tracer)


def _power(a: Any, b: Any, part: np.dtype[Any], python: bool, operator: bool) -> Parts:
    z, n = parts_of(a, part), _whole_exponent(b)
    if operator and _is_quick(a, b) and np.shape(b) == () and b in (0.5, -1):
        return complex_sqrt(z) if b == 0.5 else _reciprocal(z)
    zero = _both(_equal(z[0], 0), _equal(z[1], 0))
    if n == 0:
        one = add(mul(z[0], 0.0), 1.0)
        return functions[np.ones_like](one), functions[np.zeros_like](one)
    if n is not None:
        if not python:
            return _whole_power(z, n)
        if n < 0:
            check(_not(zero), "0.0 to a negative or complex power")
        found = _repeated(z, abs(n))
        return _finite(found if n > 0 else _reciprocal(found))
    e = parts_of(b, part)
    if python:
        check(_not(zero), "0.0 to a negative or complex power")
    # exp(b log a); of 0 it is 0 where the exponent's real part is positive, 1 where it is 0.
    base = _where(zero, constant(1.0, part), z[0]), z[1]
    x, y = complex_exp(multiply(e, complex_log(base)))
    no_exponent = _both(_equal(e[0], 0), _equal(e[1], 0))
    nan = add(constant(float("nan"), part), _no_slope(z))
    at_zero = _where(pointwise("greater", e[0], 0), constant(0.0, part), nan)
    x, y = _where(zero, at_zero, x), _where(zero, at_zero, y)
    x = _where(no_exponent, constant(1.0, part), x)
    y = _where(no_exponent, constant(0.0, part), y)
    if python:
        x, y = _finite((x, y))
    if not _may_be_whole(b):
        return x, y
    value = choose(_either(zero, no_exponent), (x, y), _multiplied(z, e, (x, y), python))
    return derived_as(value[0], x), derived_as(value[1], y)


def _finite(z: Parts) -> Parts:
    """A result of Python's operator, which raises, or has values of its own, where it is not finite."""
    finite = [pointwise("isfinite", x) for x in z]
    check(_both(*finite), "a power of complex numbers that is finite")
    return z


def _may_be_whole(b: Any) -> bool:
    """Whether an exponent, or an element of one, may be a whole number."""
    found = known(b) if isinstance(b, Tracer) and not is_complex(b) else None
    if found is None and not isinstance(b, (np.ndarray, np.generic, int, float, complex)):
        return True
    numbers = np.asarray(b if found is None else found)
    return bool(np.any((numbers.real == np.rint(numbers.real)) & (numbers.imag == 0)))


def _multiplied(z: Parts, e: Parts, other: Parts, python: bool) -> Parts:
    """``z**e`` where ``e`` is a whole number below 100, as loops multiply; elsewhere ``other``."""
    one = constant(1.0, z[0].dtype), constant(0.0, z[0].dtype)
    size = _abs(e[0])
    small = pointwise("less_equal" if python else "less", size, 100)
    whole = _both(_both(_equal(e[1], 0), _equal(e[0], pointwise("rint", e[0]))), small)
    left, result, power = _where(whole, size, 0.0), one, z
    for k in range(7):  # the digits of a number up to 100
        half = pointwise("floor", mul(left, 0.5))
        result = choose(_equal(left, mul(half, 2.0)), result, multiply(result, power))
        left, power = half, multiply(power, power) if k < 6 else power
    found = choose(pointwise("less", e[0], 0), _divide(one, result), result)
    for n in () if python else (3, 2, 1):  # which NumPy's loop does not begin with 1
        found = choose(_equal(e[0], n), _repeated(z, n), found)
    return choose(whole, found, other)


# -- order, signs, rounding ---------------------------------------------------------------------------
def _is_nan_number(z: Parts) -> Tracer:
    return _either(_is_nan(z[0]), _is_nan(z[1]))


def before(a: Parts, b: Parts, strictly: bool) -> Tracer:
    """Whether ``a`` comes before ``b`` as NumPy's comparisons go: real parts first, then imaginary ones."""
    last = pointwise("less" if strictly else "less_equal", a[1], b[1])
    tied = _both(_equal(a[0], b[0]), last)
    nan = _either(_is_nan(a[1]), _is_nan(b[1]))
    return _either(_both(pointwise("less", a[0], b[0]), _not(nan)), tied)


_COMPARED: dict[Any, Callable[[Parts, Parts], Tracer]] = {
    np.less: lambda a, b: before(a, b, True),
    np.less_equal: lambda a, b: before(a, b, False),
    np.greater: lambda a, b: before(b, a, True),
    np.greater_equal: lambda a, b: before(b, a, False),
}


def choose(condition: Any, a: Parts, b: Parts) -> Parts:
    """Elements of ``a`` where the condition holds, else those of ``b``."""
    return _where(condition, a[0], b[0]), _where(condition, a[1], b[1])


def _extreme(later: bool, skip: bool) -> Callable[[Parts, Parts], Parts]:
    """The later or earlier one in NumPy's order; NaN wins, or loses where it is skipped."""

    def run(a: Parts, b: Parts) -> Parts:
        first = before(b, a, False) if later else before(a, b, False)
        if skip:
            first = _either(first, _is_nan_number(b))
            return choose(_both(first, _either(_not(_is_nan_number(a)), _is_nan_number(b))), a, b)
        return choose(_either(first, _is_nan_number(a)), a, b)

    return run


def _sign(z: Parts) -> Parts:
    # z / |z|; 0 of 0, and scaled, so that neither overflow nor underflow spoils the direction.
    re, im = z
    size = _hypot(re, im)
    zero, endless = _equal(size, 0), _is_inf(size)
    one = constant(1.0, re.dtype)
    by = _where(_either(zero, endless), one, size)
    nothing = constant(0.0, re.dtype)
    x, y = _where(zero, nothing, div(re, by)), _where(zero, nothing, div(im, by))
    # Of one infinite part the direction is its axis, of two it is not known.
    both = _both(_is_inf(re), _is_inf(im))
    nan = constant(float("nan"), re.dtype)

    def far(part: Any) -> Tracer:
        alone = _where(_is_inf(part), pointwise("copysign", one, part), nothing)
        return _where(both, nan, alone)

    return _where(endless, far(re), x), _where(endless, far(im), y)


UNARY[np.sign] = _sign
UNARY[np.rint] = lambda z: (pointwise("rint", z[0]), pointwise("rint", z[1]))
BINARY[np.maximum], BINARY[np.minimum] = _extreme(True, False), _extreme(False, False)
BINARY[np.fmax], BINARY[np.fmin] = _extreme(True, True), _extreme(False, True)
NOT_HOLOMORPHIC.add(np.sign)


# -- what ufuncs and operators do ----------------------------------------------------------------------
def truth(z: ComplexTracer) -> Tracer:
    """Whether each element is not zero."""
    re, im = z.parts
    result = _either(pointwise("not_equal", re, 0), pointwise("not_equal", im, 0))
    return Tracer(result.value, "python" if z.form == "python" else result.form)


def call(ufunc: np.ufunc, inputs: Sequence[Any], operator: bool = False) -> Any:
    """``ufunc(*inputs)`` with a complex operand; an operator of Python numbers gives one."""
    return remember(ufunc, inputs, {}, _call(ufunc, inputs, operator))


def _call(ufunc: np.ufunc, inputs: Sequence[Any], operator: bool) -> Any:
    of_numpy = getattr(np, ufunc.__name__, None) is ufunc
    name = f"{'np' if of_numpy else 'scipy.special'}.{ufunc.__name__}"
    if ufunc.signature is None and len(inputs) > 2:
        raise decline(name)
    if ufunc.signature is not None:
        if ufunc not in TABLE:
            raise decline(name)
        return TABLE[ufunc](*inputs)
    python = operator and (all(_is_python(x) for x in inputs) or _python_decides(inputs))
    form: Form | None = "python" if python else None
    if not python and any(_is_zero_dimensional_array(x) for x in inputs):
        form = None
    part = common(*inputs)
    if len(inputs) == 1:
        return _call_unary(ufunc, inputs[0], part, form, name)
    if ufunc is np.float_power:
        part = np.dtype(float)
    if ufunc in (np.power, np.float_power):
        return joined(*_power(inputs[0], inputs[1], part, python, operator), form)
    a, b = (parts_of(x, part) for x in inputs)
    if ufunc is np.divide and python:
        return joined(*_divide(a, b, python=True), form)
    function = BINARY.get(ufunc)
    if function is not None:
        return joined(*function(a, b), form)
    if ufunc in (np.equal, np.not_equal):
        if operator and any(map(_is_python, inputs)) and any(map(_is_float64, inputs)):
            raise decline("a comparison")  # whose result is Python's or NumPy's, by the order
        same = _both(_equal(a[0], b[0]), _equal(a[1], b[1]))
        result = same if ufunc is np.equal else _not(same)
        return Tracer(result.value, form or result.form)
    if ufunc in _COMPARED:
        if operator and not any(
            isinstance(x, (Tracer, np.ndarray)) and _of_numpy(x) for x in inputs
        ):
            sign: dict[Any, str] = {
                np.less: "<",
                np.less_equal: "<=",
                np.greater: ">",
                np.greater_equal: ">=",
            }
            kinds = " and ".join(repr(type_name(x)) for x in inputs)
            raise TypeError(f"'{sign[ufunc]}' not supported between instances of {kinds}")
        result = _COMPARED[ufunc](a, b)
        return Tracer(result.value, form or result.form)
    if ufunc in (np.logical_and, np.logical_or, np.logical_xor):
        left, right = (truth(as_complex(x)) for x in inputs)
        return ufunc(left, right)
    raise decline(name)


def _of_numpy(x: Any) -> bool:
    """Whether a comparison is NumPy's: Python's complex numbers have no order."""
    return not isinstance(x, Tracer) or x.form != "python"


def _call_unary(ufunc: np.ufunc, x: Any, part: np.dtype[Any], form: Form | None, name: str) -> Any:
    z = parts_of(x, part)
    function = UNARY.get(ufunc)
    if function is not None:
        made = joined(*function(z), form)
        if ufunc in NOT_HOLOMORPHIC:
            note_unholomorphic(name, *[x for x in made.parts if x.value is not z[0].value])
        return made
    if ufunc is np.absolute:
        whole = joined(*z)
        return modulus(whole, part, form or ("array" if whole.shape else "scalar"))
    if ufunc in _OF_PARTS:
        return pointwise(_OF_PARTS[ufunc], *(ufunc(part) for part in z))
    if ufunc is np.logical_not:
        return _not(truth(joined(*z)))
    raise decline(name)


def _is_zero_dimensional_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and not x.shape


def _python_decides(inputs: Sequence[Any]) -> bool:
    """Whether Python's complex comes first and a ``np.float64``, which is a float to it, second."""
    first = len(inputs) == 2 and is_complex(inputs[0]) and _is_python(inputs[0])
    return first and _is_float64(inputs[-1])


def _is_float64(x: Any) -> bool:
    if isinstance(x, Tracer):
        return x.form == "scalar" and x.dtype == np.dtype(float)
    return type(x) is np.float64


def _is_python(x: Any) -> bool:
    if isinstance(x, Tracer):
        return x.form == "python"
    return type(x) in (int, float, bool, complex) or isinstance(x, Dim)


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What ``__array_ufunc__`` asks for, of complex operands."""
    fatal.refuse(ufunc, inputs, kwargs, method)
    kwargs, out = dict(kwargs), kwargs.get("out")
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if isinstance(out, ComplexTracer) and out.form == "array" and method != "__call__":
        del kwargs["out"]
        return stored(out, apply_ufunc(ufunc, method, inputs, kwargs))
    options = {k: v for k, v in kwargs.items() if not _is_default(k, v)}
    if method == "__call__" and options:
        return FOLDS["with_options"](ufunc, inputs, options)
    if method == "at" and ufunc in (np.add, np.subtract) and isinstance(inputs[0], ComplexTracer):
        new = parts_of(inputs[2], inputs[0].part_dtype)
        for part, x in zip(inputs[0].parts, list(map(plain, new)), strict=True):
            ufunc.at(part, inputs[1], x)
        return None
    if method == "__call__":
        return call(ufunc, inputs)
    along: dict[str, dict[Any, Any]] = {
        "reduce": {np.add: np.sum, np.multiply: np.prod},
        "accumulate": {np.add: np.cumsum, np.multiply: np.cumprod},
    }
    taken = {"reduce": ("dtype", "initial", "where"), "accumulate": ("dtype",)}.get(method, ())
    is_along = ufunc in along.get(method, ())
    more = [k for k in options if not (is_along and k in taken)]
    if more or (method != "at" and len(inputs) > 2):
        raise decline(f"np.{ufunc.__name__} with {next(iter(more), 'dtype')}=")
    if is_along:
        how = {k: v for k, v in kwargs.items() if k in ("axis", "keepdims") or k in options}
        how.setdefault("axis", inputs[1] if len(inputs) > 1 else 0)
        return TABLE[along[method][ufunc]](inputs[0], **how)
    if method == "outer" and ufunc.nin == 2 and ufunc.signature is None:
        a, b = (as_complex(x) for x in inputs)
        return call(ufunc, (a[(..., *(None,) * b.ndim)] if b.ndim else a, b))
    how = {k: v for k, v in kwargs.items() if k == "axis" or (k == "keepdims" and v)}
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature or method not in FOLDS:
        raise decline(f"np.{ufunc.__name__}.{method}")
    return FOLDS[method](ufunc, *inputs, **how)


def _is_default(name: str, value: Any) -> bool:
    if isinstance(value, (Tracer, np.ndarray)):
        return False
    return (
        value is None
        or value is np._NoValue
        or value == (None,)
        or (name, value) in (("casting", "same_kind"), ("order", "K"))
        or (name in ("where", "subok") and value is True)
        or name in ("axis", "keepdims")
    )


def binary(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """``a + b`` and the like."""
    sequences = [x for x in (a, b) if isinstance(x, (list, tuple))]
    if sequences and not any(isinstance(x, Tracer) and x.form == "array" for x in (a, b)):
        raise decline("an operation with a sequence")
    return call(ufunc, (a, b), operator=True)


def in_place(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """``a += b``: into the storage of an array, a new number for anything else."""
    if not isinstance(a, Tracer) or a.form != "array":
        return binary(ufunc, a, b)
    if not isinstance(a, ComplexTracer):
        raise decline("a store into a real array")
    return stored(a, call(ufunc, (a, b)))


def stored(out: ComplexTracer, result: Any) -> ComplexTracer:
    """What ``out`` is once a ufunc's result is stored into it."""
    if not same_shape(broadcast_shapes(out.shape, result.shape), out.shape):
        raise ValueError(
            f"non-broadcastable output operand with shape {describe(out.shape)} doesn't match "
            f"the broadcast shape {describe(broadcast_shapes(out.shape, result.shape))}"
        )
    out.store(result)
    return out


__all__ = ["PART_STEPS", "ComplexTracer", "as_complex", "call", "concerns", "from_pair", "joined"]
