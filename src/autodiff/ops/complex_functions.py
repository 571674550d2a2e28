"""NumPy's functions, methods and attributes on complex traced arrays.

    np.sum(z, axis=0)      the sum of each part: what is linear with real factors goes part by part
    np.vdot(a, b)          real products of the parts
    z.real, z.T, z.sum()   attributes and methods

``apply(function, args, kwargs)`` is asked wherever an operand is complex or a complex dtype is
named.  What is not in the table is declined, so that it never meets code that knows real arrays alone.
"""

from __future__ import annotations

import cmath
import functools
import importlib
import inspect
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from autodiff.dims import Dim, equal, equal_shapes
from autodiff.ir.data import ArrayType
from autodiff.ops import builder as _builder
from autodiff.ops import (
    complex_folds,
    complex_followed,
    complex_linalg,
    complex_numbers,
    complex_stores,
    complex_ufuncs,
    fatal,
    python_numbers,
)
from autodiff.ops.complex_numbers import (
    NOT_HOLOMORPHIC,
    TABLE,
    UNARY,
    ComplexTracer,
    Parts,
    as_complex,
    as_stored,
    common,
    conjugate,
    decline,
    discarded,
    is_complex,
    is_complex_dtype,
    joined,
    note_real,
    note_unholomorphic,
    part_of,
    parts_of,
    plain,
    truth,
)
from autodiff.ops.control import emit_for
from autodiff.ops.either import Either, on_both
from autodiff.ops.entries import Entry, Kernel, register
from autodiff.ops.fourier import whole as fourier_whole
from autodiff.ops.function_table import as_taken, builtin_functions, entering, functions
from autodiff.ops.known import check, type_name
from autodiff.ops.layout import remember
from autodiff.ops.numpy_functions import fourier, selection
from autodiff.ops.promotion import as_array, broadcast_to, cast, constant, pointwise
from autodiff.ops.tracer import Form, Tracer, emit_tracer

implements_complex = entering(
    TABLE
)  # a function as the implementation of NumPy callables on complex operands


def apply_method(ufunc: np.ufunc, method: str, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """A method of a ufunc, of complex operands: it looks into the tables that are filled here."""
    return complex_numbers.apply_ufunc(ufunc, method, inputs, kwargs)


def apply(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """``function(*args, **kwargs)``, where an operand or a dtype named is complex."""
    if isinstance(function, np.ufunc) and function not in TABLE:
        _enter_special(function)
        inputs, outs = args[: function.nin], args[function.nin :]
        if outs:
            kwargs = {**kwargs, "out": outs if len(outs) > 1 else outs[0]}
        return complex_numbers.apply_ufunc(function, "__call__", inputs, kwargs)
    if any(isinstance(x, Either) for x in args):
        return on_both(lambda *x: apply(function, x, kwargs), args)
    name = getattr(function, "__name__", type(function).__name__)
    implementation = find(function)
    fatal.refuse(function, args, kwargs)
    if implementation is None:
        raise decline(name)
    args, kwargs = as_taken(function, implementation, args, kwargs)
    _require_known(implementation, name, args, kwargs)
    result = remember(function, args, kwargs, implementation(*args, **kwargs))
    if function in NOT_HOLOMORPHIC and any(map(is_complex, args)):
        for z in _leaves(result):
            if isinstance(z, ComplexTracer):
                note_unholomorphic(name, *z.parts)
    return note_real(name, args, result)


def _require_known(
    implementation: Callable[..., Any], name: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> None:
    """Decline arguments of NumPy's function that its implementation does not have."""
    try:
        inspect.signature(implementation).bind(*args, **kwargs)
    except TypeError:
        options = ", ".join(f"{option}=" for option in kwargs) or f"{len(args)} arguments"
        raise decline(f"{name} with {options}") from None
    except ValueError:  # without a signature
        return


def _enter_special(ufunc: np.ufunc) -> None:
    """Enter SciPy's functions of complex numbers once one of its ufuncs is met."""
    if not hasattr(np, ufunc.__name__) or getattr(np, ufunc.__name__) is not ufunc:
        for special, function in complex_ufuncs.of_scipy().items():
            UNARY.setdefault(special, function)
        for special, by_two in complex_ufuncs.of_scipy_by_two().items():
            complex_numbers.BINARY.setdefault(special, by_two)


_BY_ORDER = frozenset(
    """partition argpartition searchsorted lexsort unique unique_all unique_counts unique_inverse array_equiv
    nanmax nanmin nanargmax nanargmin nanmedian histogram polymul apply_along_axis
    shares_memory may_share_memory""".split()
)


def find(function: Any) -> Callable[..., Any] | None:
    """The implementation of a callable on complex operands, if there is one."""
    try:
        found = TABLE.get(function)
        module = getattr(function, "__module__", None) or ""  # None, of methods in C
        if found is None and getattr(function, "__name__", "") in _BY_ORDER:
            importlib.import_module("autodiff.ops.complex_order")
            found = TABLE.get(function)
        if found is None and module.startswith("scipy."):
            functions.get(function)  # which enters those of SciPy
            found = TABLE.get(function)
        if found is None and module.startswith("scipy.linalg"):
            more = importlib.import_module("autodiff.ops.complex_scipy_linalg").of_scipy()
            for known, implementation in (complex_linalg.of_scipy() | more).items():
                TABLE.setdefault(known, implementation)
            found = TABLE.get(function)
        return found
    except TypeError:  # unhashable
        return None


# -- part by part -----------------------------------------------------------------------------------
def _data_part(x: Any, which: int, part: np.dtype[Any]) -> Any:
    """One part of an operand: of an array, or of each array in a sequence of them."""
    if x is None or x is np._NoValue:
        return x
    if isinstance(x, (list, tuple)) and not isinstance(x, Tracer):
        return [_data_part(item, which, part) for item in x]
    if isinstance(x, ComplexTracer) and x.part_dtype == part:
        return x.parts[which]
    re, im = parts_of(x, part)
    if which == 0:
        return re
    im = broadcast_to(im, re.shape)
    array = isinstance(x, np.ndarray) or (isinstance(x, Tracer) and x.form == "array")
    return Tracer(im.value, "array") if array else im


def _leaves(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)) and not isinstance(x, Tracer):
        return [leaf for item in x for leaf in _leaves(item)]
    return [x]


def _join_results(re: Any, im: Any) -> Any:
    if isinstance(re, (list, tuple)):
        return type(re)([_join_results(a, b) for a, b in zip(re, im, strict=True)])
    return ComplexTracer((re, im), re.form)


_REFUSED = ("out", "dtype", "initial", "casting")
_DEFAULTS = {"casting": "same_kind"}
# Functions whose operand is cast beforehand.
_CAST_BEFOREHAND = frozenset((np.sum, np.mean, np.cumsum, np.ascontiguousarray, np.asfortranarray))


def part_by_part(function: Any, data: Sequence[int | str] = (0,)) -> Callable[..., Any]:
    """The function on the real parts and on the imaginary parts; ``data`` names what is data."""

    def run(*args: Any, **kwargs: Any) -> Any:
        dtype = kwargs.pop("dtype", None)
        if dtype is not None and not is_complex_dtype(dtype):
            if function not in _CAST_BEFOREHAND and kwargs.get("casting") != "unsafe":
                raise decline(f"np.{function.__name__} with dtype={np.dtype(dtype)}")
            real = as_stored(args[0], np.dtype(dtype))
            return functions[function](real, *args[1:], **kwargs, dtype=dtype)
        start = kwargs.pop("initial", np._NoValue) if function is np.sum else np._NoValue
        for name in _REFUSED:
            if kwargs.get(name) not in (None, np._NoValue, _DEFAULTS.get(name)):
                raise decline(f"np.{function.__name__} with {name}=")
            kwargs.pop(name, None)
        found = [args[k] for k in data if isinstance(k, int) and k < len(args)]
        found += [kwargs[k] for k in data if isinstance(k, str) and k in kwargs]
        leaves = [leaf for x in found for leaf in _leaves(x)]
        part = common(*[x for x in leaves if x is not None and x is not np._NoValue])
        if dtype is not None:
            part = common(constant_of(dtype))

        def one(which: int) -> Any:
            given = [_data_part(x, which, part) if k in data else x for k, x in enumerate(args)]
            named = {k: _data_part(x, which, part) if k in data else x for k, x in kwargs.items()}
            if start is not np._NoValue:
                named["initial"] = _data_part(start, which, part)
            return functions[function](*given, **named)

        return _join_results(one(0), one(1))

    return run


def constant_of(dtype: Any) -> Any:
    """A number of a dtype."""
    return np.zeros((), np.dtype(dtype))[()]


_FIRST = """
    sum mean cumsum trace transpose reshape ravel moveaxis swapaxes rollaxis expand_dims squeeze
    broadcast_to flip fliplr flipud roll rot90 tile repeat take take_along_axis diag diagonal
    diagflat tril triu diff copy split array_split hsplit vsplit dsplit concatenate stack hstack
    vstack dstack column_stack delete resize ediff1d matrix_transpose block
    ascontiguousarray asfortranarray
""".split()
_NAMES_OF_FIRST = ("a", "A", "m", "v", "arr", "ary", "array", "arrays", "tup")
_BESIDE: dict[str, tuple[int | str, ...]] = {
    "diff": (3, 4, "prepend", "append"),
    "ediff1d": (1, 2, "to_end", "to_begin"),
}
for _name in _FIRST:
    if hasattr(np, _name) and getattr(np, _name) in functions:
        _beside = _BESIDE.get(_name, ())
        TABLE[getattr(np, _name)] = part_by_part(
            getattr(np, _name), (0, *_NAMES_OF_FIRST, *_beside)
        )
_ediff1d = TABLE[np.ediff1d]


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """``np.ediff1d``, which gives what is of the type of ``ary``."""
    for name, ends in (("to_begin", to_begin), ("to_end", to_end)):
        if is_complex(ends) and not is_complex(ary):
            raise TypeError(
                f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule."
            )
    return _ediff1d(ary, to_end, to_begin)


TABLE[np.ediff1d] = ediff1d
TABLE[np.matmul] = lambda a, b: matmul(a, b)
TABLE[np.compress] = part_by_part(np.compress, (1, "a"))
_function: Any
for _function in (np.fft.fftshift, np.fft.ifftshift):

    def _shift(x: Any, axes: Any = None, _function: Any = _function) -> Any:
        back = _function is np.fft.ifftshift
        axes = tuple(range(x.ndim)) if axes is None else axes
        several = axes if isinstance(axes, (tuple, list)) else (axes,)
        steps = [-(x.shape[k] // 2) if back else x.shape[k] // 2 for k in several]
        return TABLE[np.roll](x, tuple(steps), tuple(several))

    TABLE[_function] = _shift


@implements_complex(np.where)
def where(condition: Any, *choices: Any) -> Any:
    """``np.where``."""
    if len(choices) != 2:
        raise decline("np.where without values")
    part = common(*choices)
    if is_complex(condition):
        condition = truth(as_complex(condition))
        if not any(map(is_complex, choices)):
            return functions[np.where](condition, *choices)
    (ar, ai), (br, bi) = (parts_of(x, part) for x in choices)
    return joined(_selected(condition, ar, br), _selected(condition, ai, bi), "array")


def _selected(condition: Any, a: Any, b: Any) -> Any:
    return functions[np.where](condition, a, b)


@implements_complex(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """``np.pad`` with numbers, or with elements of the array."""
    if "end_values" in kwargs:
        raise decline("np.pad with end_values=")
    values = kwargs.pop("constant_values", 0)
    if mode != "constant":
        return part_by_part(np.pad)(array, pad_width, mode, **kwargs)
    if is_complex(values) and np.shape(values):
        raise decline("np.pad with several complex values")
    z = as_complex(array)
    beside = parts_of(values, z.part_dtype) if is_complex(values) else (values, 0)
    padded = [
        functions[np.pad](x, pad_width, mode, constant_values=value, **kwargs)
        for x, value in zip(z.parts, beside, strict=True)
    ]
    return joined(padded[0], padded[1], "array")


# -- products ---------------------------------------------------------------------------------------
def _sign(operands: Sequence[int]) -> tuple[int, int]:
    """The part that a product of parts belongs to, and its sign: those with 1 are imaginary."""
    count = sum(operands) % 4
    return count % 2, -1 if count in (2, 3) else 1


def product(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """A function that is linear in each operand, as real functions of their parts."""
    part = common(*operands)
    split = [_full_parts(x, part) for x in operands]
    total: list[Any] = [None, None]
    real = [not is_complex(x) for x in operands]
    for which in itertools.product(*((0,) if r else (0, 1) for r in real)):
        term = function(*(parts[k] for parts, k in zip(split, which, strict=True)))
        place, sign = _sign(which)
        if total[place] is None:
            total[place] = term if sign > 0 else -term
        else:
            total[place] = total[place] + term if sign > 0 else total[place] - term
    re, im = total
    return joined(re, im, "array" if term.form == "array" else None)  # a sum of such is a number


def _full_parts(x: Any, part: np.dtype[Any]) -> Parts:
    return _data_part(x, 0, part) if not _is_list(x) else functions[np.array](
        _data_part(x, 0, part)
    ), _data_part(x, 1, part) if not _is_list(x) else functions[np.array](_data_part(x, 1, part))


def _is_list(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and not isinstance(x, Tracer)


def _bilinear(function: Any) -> Callable[..., Any]:
    def run(a: Any, b: Any, *rest: Any, **kwargs: Any) -> Any:
        if any(kwargs.pop(name, None) is not None for name in _REFUSED):
            raise decline(f"np.{function.__name__} with out= or dtype=")
        return product(lambda x, y: functions[function](x, y, *rest, **kwargs), (a, b))

    return run


for _function in (np.dot, np.inner, np.outer, np.tensordot, np.kron, np.convolve, np.cross):
    if _function in functions:
        TABLE[_function] = _bilinear(_function)


def matmul(a: Any, b: Any) -> Any:
    """``a @ b``."""
    return product(lambda x, y: np.matmul(x, y), (a, b))


@implements_complex(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """``np.vdot``: the first operand is conjugated."""
    flat = [TABLE[np.ravel](as_complex(x)) for x in (a, b)]
    return TABLE[np.dot](joined(*conjugate(flat[0].parts), "array"), flat[1])


@implements_complex(np.vecdot)
def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """``np.vecdot``: the first operand is conjugated."""
    return TABLE[np.sum](complex_numbers.call(np.multiply, (conj_of(a), b)), axis=axis)


def copy_of(z: ComplexTracer) -> ComplexTracer:
    """An array of its own with the same elements; a number is itself."""
    re, im = z.parts
    return joined(re, im, z.form)


if hasattr(np, "matvec"):

    @implements_complex(np.matvec)
    def matvec(a: Any, x: Any) -> Any:
        """``np.matvec``."""
        return product(lambda p, q: functions[np.matvec](p, q), (a, x))

    @implements_complex(np.vecmat)
    def vecmat(x: Any, a: Any) -> Any:
        """``np.vecmat``: the vector is conjugated."""
        return product(lambda p, q: functions[np.vecmat](p, q), (conj_of(x), a))


def conj_of(x: Any) -> Any:
    """The conjugate of a complex or real operand."""
    return joined(*conjugate(as_complex(x).parts)) if is_complex(x) else x


@implements_complex(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """``np.correlate``: the second operand is conjugated."""
    return product(lambda x, y: functions[np.correlate](x, y, mode), (a, conj_of(v)))


NOT_HOLOMORPHIC.update((np.vdot, np.vecdot, np.correlate, getattr(np, "vecmat", None)))


@implements_complex(np.einsum)
def einsum(subscripts: Any, *operands: Any, **kwargs: Any) -> Any:
    """``np.einsum`` of up to four operands."""
    kwargs.pop("optimize", None)
    if not isinstance(subscripts, str) or kwargs or len(operands) > 4:
        raise decline("this form of np.einsum")
    return product(lambda *parts: functions[np.einsum](subscripts, *parts), operands)


def _multiplied_in_a_loop(z: ComplexTracer, axis: int, keep: bool) -> Any:
    """The same, of many factors, or of a number of them that is known at run time only."""
    builder = _builder.current_builder()
    first = [functions[np.moveaxis](plain(x), axis, 0) for x in z.parts]
    ones = [functions[f](first[0].shape[1:], first[0].dtype) for f in (np.ones, np.zeros)]
    starts = [Tracer(as_array(x).value, "array") for x in ones]
    with builder.region() as body:
        k = builder.parameter(ArrayType(np.dtype(np.int64), ()), "k")
        carries = [builder.parameter(x.value.type) for x in starts]
        k.low, k.high = 0, first[0].shape[0] - 1
        so_far = joined(Tracer(carries[0], "array"), Tracer(carries[1], "array"), "array")
        re, im = (plain(x[Dim.symbol(k)]) for x in first)
        factor = joined(re, im, "array")
        new = complex_numbers.call(np.multiply, (so_far, factor)).parts
        start = pointwise("equal", Tracer(k, "scalar"), 0)  # 1 times an infinite factor is NaN
        pairs = zip(factor.parts, new, strict=True)
        values = [functions[np.where](start, plain(x), plain(y)).value for x, y in pairs]
        body.outputs = [*values, *values] if keep else values
    found = emit_for(first[0].shape[0], tuple([x.value for x in starts]), body)
    re, im = (Tracer(v, "array") for v in (found[2:] if keep else found))
    if keep:
        re, im = (functions[np.moveaxis](x, 0, axis) for x in (re, im))
    return joined(re, im, None)


def _multiplied(z: ComplexTracer, axis: int, keep: bool) -> Any:
    """Products along an axis, one factor after the other."""
    n = z.shape[axis]
    if isinstance(n, Dim) or n > 8:
        return _multiplied_in_a_loop(z, axis, keep)
    lead = (slice(None),) * axis
    if n == 0:
        re = functions[np.prod](z.parts[0], axis)
        return joined(re, functions[np.zeros_like](re), None)
    found = [z[(*lead, 0)]]
    for k in range(1, n):
        found.append(complex_numbers.call(np.multiply, (found[-1], z[(*lead, k)])))
    return TABLE[np.stack](found, axis) if keep else found[-1]


@implements_complex(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """``np.vander``."""
    z = as_complex(x)
    count = z.shape[0] if N is None else N
    if z.ndim != 1 or not isinstance(count, int) or count < 1:
        raise decline("np.vander of this form")
    columns = [TABLE[np.ones_like](z)]
    for _ in range(count - 1):
        columns.append(complex_numbers.call(np.multiply, (columns[-1], z)) if columns[1:] else z)
    return TABLE[np.stack](columns if increasing else columns[::-1], -1)


@implements_complex(np.prod)
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = np._NoValue, where: Any = np._NoValue,
) -> Any:  # fmt: skip
    """``np.prod``."""
    keepdims = keepdims is not np._NoValue and keepdims
    if out is not None or isinstance(axis, tuple):
        raise decline("np.prod with out= or several axes")
    if dtype is not None and not is_complex_dtype(dtype):
        how = {k: v for k, v in (("initial", initial), ("where", where)) if v is not np._NoValue}
        return functions[np.prod](discarded(a, dtype), axis, dtype, None, keepdims, **how)
    if where is not np._NoValue and where is not True:
        a = TABLE[np.where](where, a, 1.0)
    if initial is not np._NoValue:
        return prod(a, axis, dtype, None, keepdims) * initial
    z = as_complex(a, dtype)
    if axis is None:
        if keepdims:
            whole = prod(TABLE[np.ravel](z), 0)
            return TABLE[np.reshape](whole, (1,) * z.ndim)
        return _multiplied(TABLE[np.ravel](z), 0, False)
    axis = int(np.lib.array_utils.normalize_axis_index(axis, z.ndim))
    result = _multiplied(z, axis, False)
    return TABLE[np.expand_dims](result, axis) if keepdims else result


@implements_complex(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """``np.cumprod``."""
    if out is not None:
        raise decline("np.cumprod with out=")
    if dtype is not None and not is_complex_dtype(dtype):
        return functions[np.cumprod](discarded(a, dtype), axis, dtype)
    z = as_complex(a, dtype)
    if axis is None:
        return _multiplied(TABLE[np.ravel](z), 0, True)
    return _multiplied(z, int(np.lib.array_utils.normalize_axis_index(axis, z.ndim)), True)


@implements_complex(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, **kw: Any
) -> Any:
    """``np.var``: the mean of the squared distances, which is the sum of those of the parts."""
    if dtype is not None or out is not None or set(kw) - {"keepdims"}:
        raise decline("np.var with more than axis, ddof and keepdims")
    x, y = (functions[np.var](p, axis=axis, ddof=ddof, **kw) for p in as_complex(a).parts)
    return pointwise("add", x, y)


@implements_complex(np.std)
def std(a: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.std``."""
    return pointwise("sqrt", var(a, *args, **kwargs))


@implements_complex(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.linalg.norm`` of vectors, and the Frobenius norm: the real norm of all parts."""
    z = as_complex(x)
    plain_vectors = isinstance(axis, int) or (axis is None and z.ndim == 1)
    if ord in (None, 2) and plain_vectors or (ord is None and axis is None):
        pair = functions[np.stack](list(z.parts), -1)
        if axis is None and not keepdims:
            return functions[np.linalg.norm](functions[np.ravel](pair))
        if isinstance(axis, int):
            k = int(np.lib.array_utils.normalize_axis_index(axis, z.ndim))
            whole = functions[np.moveaxis](pair, k, -2)
            whole = functions[np.reshape](whole, (*whole.shape[:-2], -1))
            found = functions[np.linalg.norm](whole, axis=-1)
            return functions[np.expand_dims](found, k) if keepdims else found
    if plain_vectors:
        size: Any = complex_numbers.modulus(z, z.part_dtype, "array")
        return functions[np.linalg.norm](size, ord, axis, keepdims)
    return complex_linalg.norm(x, ord, axis, keepdims)


TABLE.update({getattr(np.linalg, name): f for name, f in complex_linalg.OF_NUMPY.items()})


# -- made of the others -----------------------------------------------------------------------------
# Linear with real factors; which operands are data.
for _name, _data in (
    ("interp", (2, 3, 4, "fp", "left", "right")),
    ("gradient", (0, "f")),
    ("trapezoid", (0, "y")),
):
    if getattr(np, _name, None) in functions:
        TABLE[getattr(np, _name)] = part_by_part(getattr(np, _name), _data)


_interp_by_parts = TABLE[np.interp]


@implements_complex(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """``np.interp``: complex beyond the data only if the data are."""
    inside = fp if isinstance(fp, (list, tuple)) else [fp]
    if not any(is_complex(v) or np.iscomplexobj(v) for v in inside):
        raise decline("np.interp of real data with a complex number beyond them")
    return _interp_by_parts(x, xp, fp, left, right, period)


@implements_complex(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """``np.append``."""
    joined_to = [asarray(x) if is_complex(x) else functions[np.asarray](x) for x in (arr, values)]
    if axis is None:
        joined_to = [
            functions[np.ravel](x) if not is_complex(x) else TABLE[np.ravel](x) for x in joined_to
        ]
        axis = 0
    return TABLE[np.concatenate](joined_to, axis)


@implements_complex(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """``np.insert`` into a complex array, whose dtype what is inserted takes."""
    if not is_complex(arr):
        return functions[np.insert](arr, obj, as_stored(values, arr.dtype), axis)
    z = as_complex(arr)
    new = as_complex(values, z.dtype)
    parts = (
        functions[np.insert](plain(x), obj, plain(v), axis)
        for x, v in zip(z.parts, new.parts, strict=True)
    )
    return joined(next(parts), next(parts), "array")


@implements_complex(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """``np.polyval``, by Horner's scheme."""
    coefficients = as_complex(p) if is_complex(p) else functions[np.asarray](p)
    n = coefficients.shape[0]
    if isinstance(n, Dim) or isinstance(x, (list, tuple)):
        raise decline("np.polyval of run-time degree, or at a list")
    found: Any = complex_numbers.call(np.multiply, (as_complex(x), 0))
    for k in range(n):
        found = found * x + coefficients[k]
    return found


if np.linalg.multi_dot in functions:

    @implements_complex(np.linalg.multi_dot)
    def multi_dot(arrays: Any, *, out: Any = None) -> Any:
        """``np.linalg.multi_dot``, from the left."""
        if out is not None:
            raise decline("np.linalg.multi_dot with out=")
        return functools.reduce(lambda a, b: TABLE[np.dot](a, b), arrays)


@implements_complex(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """``np.select``: the first choice whose condition holds."""
    found = default
    for k, condition in enumerate(condlist):
        if is_complex(condition):
            raise TypeError(f"invalid entry {k} in condlist: should be boolean ndarray")
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        found = where(condition, choice, found)
    return found


@implements_complex(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """``np.choose``, of the real and of the imaginary parts."""
    if out is not None:
        raise decline("np.choose with out=")
    parts = zip(*[map(plain, as_complex(x).parts) for x in choices], strict=True)
    re, im = (functions[np.choose](a, list(part), mode=mode) for part in parts)
    return joined(re, im)


@implements_complex(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None) -> Any:
    """``np.clip``, in NumPy's order."""
    if out is not None:
        raise decline("np.clip with out=")
    found = a if a_min is None else complex_numbers.call(np.maximum, (a, a_min))
    return found if a_max is None else complex_numbers.call(np.minimum, (found, a_max))


for _function in (np.nonzero, np.flatnonzero, np.argwhere):
    if _function in functions:
        TABLE[_function] = lambda x, _function=_function: functions[_function](truth(as_complex(x)))


# -- making arrays ----------------------------------------------------------------------------------
@implements_complex(np.asarray, np.asanyarray)
def asarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """``np.asarray``: the array itself where it is one of that dtype."""
    if isinstance(a, ComplexTracer) and a.form == "array" and order in (None, "K", "A"):
        if not options.get("copy") and (dtype is None or np.dtype(dtype) == a.dtype):
            return a
    return array(a, dtype, order=order or "K", **options)


def _named(dtype: Any) -> Any:
    """A dtype given by its character, which of other arguments may be an order."""
    return np.dtype(dtype) if dtype in complex_numbers.CHARACTERS else dtype


@implements_complex(np.asarray_chkfinite)
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """``np.asarray_chkfinite``."""
    z = asarray(a, dtype, order)
    for part in z.parts:
        functions[np.asarray_chkfinite](plain(part))
    return z


@implements_complex(np.array)
def array(
    obj: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", ndmin: int = 0, **rest: Any
) -> Any:
    """``np.array``."""
    if set(rest) - {"subok"}:
        raise decline("np.array with " + ", ".join(rest))
    dtype = _named(dtype)
    if dtype is not None and not is_complex_dtype(dtype):
        dtype = np.dtype(dtype)
        real = functions[np.array](as_stored(obj, dtype), dtype, ndmin=ndmin)
        return Tracer(real.value, "array")
    z = as_complex(obj, None if dtype is None else np.dtype(dtype))
    if not is_complex(obj) and isinstance(obj, (list, tuple)):
        z = as_complex(functions[np.array](obj), dtype)
    z = joined(*z.parts, "array")
    if ndmin > z.ndim:
        z = TABLE[np.reshape](z, (1,) * (ndmin - z.ndim) + tuple(z.shape))
    return z


def _filled(function: Any) -> Callable[..., Any]:
    def run(*args: Any, dtype: Any = None, **named: Any) -> Any:
        if function in (np.zeros, np.ones, np.empty) and dtype is None and len(args) > 1:
            args, dtype = (args[0], *args[2:]), args[1]
        dtype = _named(dtype)
        if dtype is None or not is_complex_dtype(dtype):
            raise decline(f"np.{function.__name__}")
        re = functions[function](*args, dtype=common(constant_of(dtype)), **named)
        return joined(re, functions[np.zeros_like](re), "array")

    return run


for _function in (np.zeros, np.ones, np.empty, np.eye, np.identity):
    TABLE[_function] = _filled(_function)


def _filled_like(value: float) -> Callable[..., Any]:
    def run(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
    ) -> Any:
        if shape is not None:
            raise decline("an array of another shape")
        if dtype is not None and not is_complex_dtype(dtype):
            like = {0.0: np.zeros, 1.0: np.ones}[value]
            return functions[like](a.shape, dtype)
        part = common(a) if dtype is None else common(constant_of(dtype))
        re = functions[np.zeros if value == 0.0 else np.ones](np.shape(a), part)
        return joined(re, functions[np.zeros](np.shape(a), part), "array")

    return run


TABLE[np.zeros_like] = TABLE[np.empty_like] = _filled_like(0.0)
TABLE[np.ones_like] = _filled_like(1.0)


@implements_complex(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> Any:  # fmt: skip
    """``np.full_like``."""
    if dtype is None:
        dtype = a.dtype if is_complex(a) or isinstance(a, Tracer) else np.asarray(a).dtype
    return full(np.shape(a) if shape is None else shape, fill_value, dtype)


@implements_complex(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """``np.linspace``: each part goes evenly."""
    if retstep:
        raise decline("np.linspace with retstep=")
    if dtype is not None:
        found = linspace(start, stop, num, endpoint, axis=axis)
        return _astype(found, dtype)
    part = common(start, stop, 1.0)
    ends = (parts_of(x, part) for x in (start, stop))
    re, im = (
        functions[np.linspace](a, b, num, endpoint=endpoint, axis=axis)
        for a, b in zip(*ends, strict=True)
    )
    return joined(re, im, "array")


@implements_complex(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> Any:
    """``np.full``."""
    if dtype is not None and not is_complex_dtype(dtype):
        made = as_complex(fill_value) if type(fill_value) is complex else fill_value
        return functions[np.full](shape, as_stored(made, np.dtype(dtype)), dtype, order)
    z = as_complex(fill_value, dtype)
    shape = shape if isinstance(shape, (tuple, list)) else (shape,)
    re, im = TABLE[np.broadcast_to](z, shape).parts
    return joined(re, im, "array")


# -- parts and questions ------------------------------------------------------------------------------
@implements_complex(np.real)
def real(x: Any) -> Any:
    """``np.real``."""
    return part_of(x if isinstance(x, ComplexTracer) else as_complex(x), 0)


@implements_complex(np.imag)
def imag(x: Any) -> Any:
    """``np.imag``."""
    return part_of(x if isinstance(x, ComplexTracer) else as_complex(x), 1)


def _is_real(x: Any) -> Any:
    found = pointwise("equal", as_complex(x).parts[1], 0)
    python = isinstance(x, ComplexTracer) and x.form == "python"
    return Tracer(found.value, "python") if python else found


@implements_complex(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """``np.angle``."""
    re, im = as_complex(z).parts
    found = pointwise("arctan2", im, re)
    return pointwise("multiply", found, 180 / np.pi) if deg else found


TABLE[np.iscomplexobj] = lambda x: True
TABLE[np.iterable] = lambda y: bool(as_complex(y).shape)
TABLE[np.isrealobj] = lambda x: False
TABLE[np.shape] = lambda x: as_complex(x).shape
TABLE[np.ndim] = lambda x: as_complex(x).ndim
TABLE[np.size] = lambda x, axis=None: (
    as_complex(x).size if axis is None else as_complex(x).shape[axis]
)
TABLE[np.iscomplex] = lambda x: pointwise("not_equal", as_complex(x).parts[1], 0)
TABLE[np.isreal] = _is_real
TABLE[np.result_type] = lambda *xs: np.result_type(*map(complex_numbers.example, xs))
for _function in (np.any, np.all, np.count_nonzero):
    TABLE[_function] = lambda x, *args, _function=_function, **kwargs: functions[_function](
        truth(as_complex(x)), *args, **kwargs
    )
TABLE.update({getattr(np.fft, _name): _function for _name, _function in fourier.TRANSFORMS.items()})


# -- order ------------------------------------------------------------------------------------------
def _order_meaning(pair: Any, axis: int, method: Any) -> Any:
    return np.argsort(fourier_whole(pair), axis, kind=method)


register(
    Entry(
        "complex_argsort",
        lambda types, axis, method: (ArrayType(np.dtype(np.int64), types[0].shape[:-1]),),
        _order_meaning,
        Kernel("complex_argsort"),
        zero_derivative=True,
    )
)


def _extreme_meaning(pair: Any, axis: int, name: str) -> Any:
    return getattr(np, name)(fourier_whole(pair), axis)


register(
    Entry(
        "complex_arg_extreme",
        lambda types, axis, name: (
            ArrayType(np.dtype(np.int64), types[0].shape[:axis] + types[0].shape[axis + 1 : -1]),
        ),
        _extreme_meaning,
        Kernel("complex_arg_extreme"),
        zero_derivative=True,
    )
)


def _axis_of(z: ComplexTracer, axis: Any) -> tuple[ComplexTracer, int]:
    """The array, raveled where no axis is given, and the axis."""
    if axis is None:
        return TABLE[np.ravel](z), 0
    return z, int(np.lib.array_utils.normalize_axis_index(axis, z.ndim))


def _positions(z: ComplexTracer, axis: int, kind: Any, stable: Any) -> Tracer:
    kind = "stable" if stable else kind or "quicksort"
    found: Tracer = emit_tracer("complex_argsort", plain(z.pair), axis=axis, method=kind)
    return Tracer(found.value, "array")


@implements_complex(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """``np.argsort``, in NumPy's order: by real parts, then by imaginary ones, NaN last."""
    z, axis = _axis_of(as_complex(a), axis)
    return _positions(z, axis, kind, stable)


@implements_complex(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """``np.sort``."""
    z, axis = _axis_of(as_complex(a), axis)
    return _taken(z, _positions(z, axis, kind, stable), axis)


def _taken(z: ComplexTracer, positions: Any, axis: int) -> ComplexTracer:
    re, im = (functions[np.take_along_axis](plain(x), positions, axis) for x in z.parts)
    return ComplexTracer((re, im), "array")


TABLE[np.sort_complex] = lambda a: sort(a, -1)


def _arg_extreme(name: str) -> Callable[..., Any]:
    def run(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = np._NoValue) -> Any:
        if out is not None:
            raise decline(f"np.{name} with out=")
        z, at = _axis_of(as_complex(a), axis)
        found: Any = emit_tracer("complex_arg_extreme", plain(z.pair), axis=at, name=name)
        found = Tracer(found.value, "array" if found.shape else "scalar")
        if keepdims is np._NoValue or not keepdims:
            return found
        if axis is None:
            return functions[np.reshape](found, (1,) * as_complex(a).ndim)
        return functions[np.expand_dims](found, at)

    return run


def _extreme_of(name: str) -> Callable[..., Any]:
    where = _arg_extreme(f"arg{name}")

    def run(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = np._NoValue,
        initial: Any = np._NoValue, where_: Any = np._NoValue, **rest: Any,
    ) -> Any:  # fmt: skip
        if out is not None or initial is not np._NoValue or rest or isinstance(axis, tuple):
            raise decline(f"np.{name} with more than axis and keepdims")
        z = as_complex(a)
        if equal(z.size, 0):
            raise decline(f"np.{name} of no elements")
        flat, at = _axis_of(z, axis)
        found = _taken(flat, functions[np.expand_dims](where(flat, at), at), at)
        if keepdims is not np._NoValue and keepdims:
            return TABLE[np.reshape](found, (1,) * z.ndim) if axis is None else found
        return found[(slice(None),) * at + (0,)]

    return run


for _name in ("argmax", "argmin"):
    TABLE[getattr(np, _name)] = _arg_extreme(_name)
for _name in ("max", "min"):
    TABLE[getattr(np, _name)] = TABLE[getattr(np, f"a{_name}")] = _extreme_of(_name)


@implements_complex(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = np._NoValue) -> Any:
    """``np.ptp``."""
    if out is not None or keepdims is not np._NoValue:
        raise decline("np.ptp with out= or keepdims=")
    return complex_numbers.call(np.subtract, (TABLE[np.max](a, axis), TABLE[np.min](a, axis)))


@implements_complex(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Any:
    """``np.real_if_close``: whether it is, is decided by the values of this call, with a guard."""
    z = asarray(a)
    if tol > 1:
        tol = float(np.finfo(z.dtype).eps) * tol
    near = functions[np.all](pointwise("less", pointwise("absolute", z.parts[1]), tol))
    return part_of(z, 0) if bool(near) else z


@implements_complex(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """``np.nan_to_num``, of each part."""
    if not copy:
        raise decline("np.nan_to_num with copy=False")
    given = as_complex(x)
    re, im = (functions[np.nan_to_num](part, True, nan, posinf, neginf) for part in given.parts)
    return joined(re, im, given.form)


@implements_complex(np.round, np.around)
def round_(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """``np.round``, of each part."""
    if out is not None:
        raise decline("np.round with out=")
    z = as_complex(a)
    re, im = (functions[np.round](part, decimals) for part in z.parts)
    return joined(re, im, "array" if z.form == "array" else "scalar")


@implements_complex(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """``np.isclose``."""
    x, y = as_complex(a), as_complex(b)
    gap = np.abs(complex_numbers.call(np.subtract, (x, y)))
    near = pointwise("less_equal", gap, atol + rtol * np.abs(y))
    sure = pointwise("logical_and", near, np.isfinite(np.abs(y)))
    result = pointwise("logical_or", sure, complex_numbers.call(np.equal, (x, y)))
    return pointwise("logical_or", result, _both_nan(x, y)) if equal_nan else result


def _both_nan(x: ComplexTracer, y: ComplexTracer) -> Tracer:
    first, second = (complex_numbers.call(np.isnan, (z,)) for z in (x, y))
    return pointwise("logical_and", first, second)


@implements_complex(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """``np.allclose``: a Python bool."""
    return selection.python_bool(functions[np.all](isclose(a, b, rtol, atol, equal_nan)))


@implements_complex(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """``np.array_equal``: a Python bool."""
    if not equal_shapes(np.shape(a1), np.shape(a2)):
        return False
    x, y = as_complex(a1), as_complex(a2)
    same = complex_numbers.call(np.equal, (x, y))
    same = pointwise("logical_or", same, _both_nan(x, y)) if equal_nan else same
    return selection.python_bool(functions[np.all](same))


# -- Python's own ------------------------------------------------------------------------------------
def _python_parts(x: Any) -> Parts:
    if isinstance(x, Tracer) and x.shape:
        raise decline("a conversion of an array to a Python number")
    return parts_of(x, np.dtype(float))


@implements_complex(complex)
def make_complex(real: Any = 0, imag: Any = None) -> Any:
    """``complex(a, b)``: a + i b, also of complex ``a`` and ``b``."""
    if isinstance(real, str):
        raise decline("complex() of text")
    a, b = _python_parts(real)
    if imag is None:
        return joined(a, b, "python")
    c, d = _python_parts(imag)
    re = pointwise("subtract", a, d) if is_complex(imag) else a
    return joined(re, pointwise("add", b, c) if is_complex(real) else c, "python")


def _real_number(function: Any) -> Callable[..., Any]:
    def run(x: Any = 0) -> Any:
        if not isinstance(x, ComplexTracer) or x.form != "scalar":
            raise decline(function.__name__)  # which Python refuses
        return builtin_functions[function](discarded(x))

    return run


for _function in (float, int):
    TABLE[_function] = _real_number(_function)


@implements_complex(bool)
def bool_(x: Any = False) -> Any:
    """``bool`` of a number."""
    if not isinstance(x, ComplexTracer) or x.form == "array":
        raise decline("bool of this")
    return Tracer(truth(x).value, "python")


@implements_complex(math.prod)
def product_of_all(iterable: Any, /, *, start: Any = 1) -> Any:
    """``math.prod`` of a list or tuple."""
    if not isinstance(iterable, (list, tuple)) or isinstance(iterable, Tracer):
        raise decline("math.prod of this")
    return functools.reduce(operator.mul, iterable, start)


@implements_complex(abs)
def absolute(x: Any) -> Any:
    """``abs``."""
    return complex_numbers.call(np.absolute, (x,), operator=True)


@implements_complex(pow)
def power(x: Any, y: Any) -> Any:
    """``pow``."""
    return complex_numbers.call(np.power, (x, y), operator=True)


def _of_cmath(function: Callable[[Parts], Parts]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        z = _python_parts(x)
        re, im = function(z)
        fine = constant(True, bool)
        for part in (*z, re, im):
            fine = pointwise("logical_and", fine, pointwise("isfinite", part))
        check(fine, "a result of cmath that is not finite")
        return joined(re, im, "python")

    return run


CMATH: dict[Any, Callable[..., Any]] = {
    getattr(cmath, name): _of_cmath(UNARY[getattr(np, name)])
    for name in "exp sqrt sin cos tan sinh cosh tanh log10".split()
}
CMATH.update(
    {
        getattr(cmath, name): _of_cmath(UNARY[getattr(np, f"arc{name[1:]}")])
        for name in "asin acos atan asinh acosh atanh".split()
    }
)


def _question(ask: Any, join: str) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        found = pointwise(join, *(pointwise(ask, part) for part in _python_parts(x)))
        return Tracer(found.value, "python")

    return run


CMATH[cmath.isfinite] = _question("isfinite", "logical_and")
CMATH[cmath.isnan] = _question("isnan", "logical_or")
CMATH[cmath.isinf] = _question("isinf", "logical_or")


def _is_close(a: Any, b: Any, *, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> Any:
    """``cmath.isclose`` of finite numbers, or equal ones."""
    x, y = (as_complex(v) for v in (a, b))
    gap = abs(complex_numbers.call(np.subtract, (x, y)))
    largest = np.maximum(rel_tol * np.maximum(abs(x), abs(y)), abs_tol)
    same = pointwise("logical_and", *map(np.equal, x.parts, y.parts))
    near = pointwise("logical_and", gap <= largest, pointwise("isfinite", largest))
    return Tracer(pointwise("logical_or", same, near).value, "python")


CMATH[cmath.isclose] = _is_close


def _cmath_log(x: Any, *base: Any) -> Any:
    top = _of_cmath(UNARY[np.log])(x)
    return top if not base else complex_numbers.call(np.divide, (top, _cmath_log(*base)), True)


def _phase(x: Any) -> Any:
    re, im = _python_parts(x)
    found = pointwise("arctan2", im, re)
    note_unholomorphic("the phase", found)
    return python_numbers.number(found, float)


def _rect(r: Any, phi: Any) -> Any:
    (r, _), (phi, _) = _python_parts(r), _python_parts(phi)
    re, im = (pointwise("multiply", r, pointwise(name, phi)) for name in ("cos", "sin"))
    return joined(re, im, "python")


CMATH[cmath.log] = _cmath_log
CMATH[cmath.phase] = _phase
CMATH[cmath.polar] = lambda x: (
    complex_numbers.modulus(as_complex(x), np.dtype(float), "python"),
    _phase(x),
)
CMATH[cmath.rect] = _rect
TABLE.update(CMATH)
builtin_functions.update({**CMATH, complex: make_complex})  # of real numbers too


# -- methods and attributes -----------------------------------------------------------------------------
def _method(function: Any) -> Callable[..., Any]:
    return lambda z, *args, **kwargs: apply(function, (z, *args), kwargs)


METHODS: dict[str, Callable[..., Any]] = {
    name: _method(getattr(np, name))
    for name in (
        "all any argmax argmin argsort cumprod cumsum diagonal dot max mean min prod ptp ravel repeat "
        "round squeeze std sum swapaxes take trace var conjugate argpartition nonzero searchsorted"
    ).split()
}


def _shape_arguments(args: tuple[Any, ...]) -> Any:
    return args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


def _astype(z: ComplexTracer, dtype: Any, *args: Any, **kwargs: Any) -> Any:
    order, casting = (*args, *("K", "unsafe")[len(args) :])[:2]
    if len(args) > 2 or set(kwargs) - {"copy", "order", "casting", "subok"}:
        raise decline("astype of this form")
    dtype, casting = _named(dtype), kwargs.get("casting", casting)
    order = kwargs.get("order", order)
    if order not in ("K", "A", "C") or not np.can_cast(z.dtype, dtype, casting):
        raise decline(f"astype with order={order!r} or casting={casting!r}")
    if not is_complex_dtype(dtype):
        real = discarded(z, dtype)
        return Tracer(real.value, "array" if z.form == "array" else "scalar")
    form: Form = "array" if z.form == "array" else "scalar"
    return joined(*as_complex(z, np.dtype(dtype)).parts, form)


def _item(z: ComplexTracer, *index: Any) -> Any:
    if index:
        z = z[tuple(index)] if len(index) > 1 else TABLE[np.ravel](z)[index[0]]
    elif not all(equal(n, 1) for n in z.shape):
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    re, im = (functions[np.reshape](p, ()) for p in z.parts)
    return joined(cast(re, np.float64), cast(im, np.float64), "python")


def _view(z: ComplexTracer, dtype: Any = None, *kind: Any) -> Any:
    if kind or (dtype is not None and np.dtype(dtype) != z.dtype):
        raise decline("a view as another type")
    re, im = (part.view() for part in z.parts)
    return ComplexTracer((re, im), z.form)


def _flat(z: ComplexTracer) -> Any:
    re, im = (part.flat for part in z.parts)
    return ComplexTracer((re, im), "array")


def _set_flags(z: ComplexTracer, *args: Any, **options: Any) -> None:
    for part in z.parts:
        part.setflags(*args, **options)


def _tolist(z: ComplexTracer) -> Any:
    return [_tolist(row) for row in z] if z.shape else _item(z)


_OWN: dict[str, Callable[..., Any]] = {
    "conj": METHODS["conjugate"],
    "clip": lambda z, *limits, **options: TABLE[np.clip](z, *limits, **options),
    "put": lambda z, *args, **options: TABLE[np.put](z, *args, **options),
    "compress": lambda z, condition, axis=None: TABLE[np.compress](condition, z, axis),
    "astype": _astype,
    "reshape": lambda z, *shape, **how: TABLE[np.reshape](z, _shape_arguments(shape), **how),
    "transpose": lambda z, *axes: TABLE[np.transpose](z, _shape_arguments(axes) or None),
    "flatten": lambda z: TABLE[np.ravel](copy_of(z)),
    "copy": lambda z: copy_of(z),
    "sort": lambda z, *args, **kwargs: z.store(sort(z, *args, **kwargs)),
    "partition": lambda z, *args, **kwargs: z.store(apply(np.partition, (z, *args), kwargs)),
    "setflags": _set_flags,
    "to_device": lambda z, device, **options: [z.parts[0].to_device(device, **options), z][1],
    "view": _view,
    "fill": lambda z, value: z.store(value),
    "item": _item,
    "tolist": _tolist,
}
METHODS.update(_OWN)
PROPERTIES: dict[str, Callable[[ComplexTracer], Any]] = {
    "real": lambda z: part_of(z, 0),
    "imag": lambda z: part_of(z, 1),
    "T": lambda z: TABLE[np.transpose](z),
    "size": lambda z: functions[np.size](z.parts[0]),
    "itemsize": lambda z: z.dtype.itemsize,
    "flat": _flat,
    "nbytes": lambda z: z.size * z.dtype.itemsize,
    "mT": lambda z: TABLE[np.swapaxes](z, -1, -2),
}
_NUMBER = frozenset(("real", "imag", "conjugate"))


def attribute(z: ComplexTracer, name: str) -> Any:
    """What ``z.name`` is."""
    if z.form != "python" or name in _NUMBER:
        found = PROPERTIES.get(name)
        if found is not None:
            return found(z)
        if name in METHODS:
            method = METHODS[name]
            if z.form == "python":
                return lambda: complex_numbers.call(np.conjugate, (z,), operator=True)
            return partial(method, z)
    if z.form != "python" and hasattr(np.ndarray, name) and not name.startswith("__"):
        raise decline(f"the attribute {name}")
    raise AttributeError(f"'{type_name(z)}' object has no attribute '{name}'", name=name, obj=z)


__all__ = [
    "CMATH",
    "METHODS",
    "TABLE",
    "apply",
    "attribute",
    "complex_folds",
    "complex_followed",
    "complex_stores",
    "find",
    "product",
]
