"""The C routines behind ``scipy.signal``, on traced arrays; loaded when that module is in use.

Its Python is followed, around a few routines, which are made here of operations:

    _correlateND, _convolve2d     :mod:`autodiff.ops.correlation`
    _linear_filter, _sosfilt      loops over time, each state of the filter carried (direct form II
                                  transposed, as SciPy): derivatives by coefficients, signal and state
    upfirdn                       zeros between elements, correlation, every k-th element
    _medfilt2d                    medians of shifted arrays
    _peak_prominences, _peak_widths    where SciPy finds bases and sides; heights and crossings follow
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal
from scipy.signal import _peak_finding_utils, _signaltools, _sigtools

from autodiff.dims import Dim, Extent
from autodiff.ir.data import ArrayType
from autodiff.ops import builder as _builder
from autodiff.ops import complex_functions, complex_numbers, scipy_ndimage
from autodiff.ops.control import emit_for
from autodiff.ops.correlation import correlate, extended, padded
from autodiff.ops.custom import stop
from autodiff.ops.entries import Entry, Kernel, register
from autodiff.ops.function_table import at_one_of, functions, implements
from autodiff.ops.interpreting import interpreted
from autodiff.ops.known import check, known
from autodiff.ops.promotion import as_array, broadcast_to, cast, result_dtype
from autodiff.ops.smooth import derived_as
from autodiff.ops.structural import INT, slice_update, zeros
from autodiff.ops.tracer import Tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported

_SOLVE = at_one_of(
    "scipy._external.array_api_compat.numpy.linalg.solve",
    "scipy._lib.array_api_compat.numpy.linalg.solve",
)
functions[_SOLVE] = functions[np.linalg.solve]
complex_numbers.TABLE[_SOLVE] = complex_numbers.TABLE[np.linalg.solve]


def _array(x: Any, dtype: Any = None) -> Any:
    found = as_array(x)
    return Tracer((found if dtype is None else cast(found, dtype)).value, "array")


# -- correlation --------------------------------------------------------------------------------------
_SAME = (
    1  # between 0, only where the second array lies inside of the first, and 2, wherever they meet
)


def _middle(x: Any, shape: Sequence[Extent], taken: Sequence[Extent]) -> Any:
    """The part of a full correlation that has the shape of the first array."""
    starts = [(n - 1) // 2 for n in taken]
    return x[tuple(slice(s, s + n) for s, n in zip(starts, shape, strict=True))]


@implements(_sigtools._correlateND)
def _correlate_nd(x: Any, w: Any, out: Any, mode: Any) -> Any:
    a, v = _array(x, out.dtype), _array(w, out.dtype)
    if not mode:
        return correlate(a, v)
    # SciPy has put as many zeros after the elements as a full correlation reads.
    whole = correlate(padded(a, [(n - 1, 0) for n in v.shape]), v)
    return _middle(whole, out.shape, v.shape) if mode == _SAME else whole


_BOUNDARIES = {0: "constant", 1: "reflect", 2: "wrap"}


@implements(_sigtools._convolve2d)
def _convolve_2d(x: Any, w: Any, flip: Any, mode: Any, boundary: Any, fill: Any) -> Any:
    dtype = result_dtype(as_array(x), as_array(w))
    a, v = _array(x, dtype), _array(w, dtype)
    v = functions[np.flip](v) if flip else v
    if not mode:
        return correlate(a, v)
    if int(boundary) >> 2 not in _BOUNDARIES:
        raise ValueError("Incorrect boundary value.")
    name = _BOUNDARIES[int(boundary) >> 2]
    whole = correlate(extended(a, [(n - 1, n - 1) for n in v.shape], name, fill), v)
    # Without the flip the centre of an even number of weights is rounded the other way.
    taken = v.shape if flip else [n + (n + 1) % 2 for n in v.shape]
    return _middle(whole, a.shape, taken) if mode == _SAME else whole


_UPFIRDN = {"constant": "constant", "wrap": "wrap", "edge": "nearest", "symmetric": "reflect", "reflect": "mirror"}  # fmt: skip


@implements(scipy.signal.upfirdn)
def upfirdn(
    h: Any,
    x: Any,
    up: Any = 1,
    down: Any = 1,
    axis: int = -1,
    mode: str = "constant",
    cval: Any = 0,
) -> Any:
    """``scipy.signal.upfirdn``."""
    if mode not in _UPFIRDN:
        raise unsupported(f"scipy.signal.upfirdn with mode={mode!r}", "pad the signal before")
    dtype = np.result_type(as_array(h).dtype, as_array(x).dtype, np.float32)
    filter, up, down = _array(h, dtype), int(up), int(down)
    if up < 1 or down < 1:
        raise ValueError("Both up and down must be >= 1")
    moved = functions[np.moveaxis](_array(x, dtype), axis, 0)
    n, length, rest = moved.shape[0], filter.shape[0], moved.shape[1:]
    if filter.ndim != 1 or isinstance(length, Dim):
        raise unsupported("scipy.signal.upfirdn with such a filter", "pass one of known length")
    reach = -(-(length - 1) // up)
    nothing = [(0, 0)] * len(rest)
    whole = extended(moved, [(reach, reach), *nothing], _UPFIRDN[mode], cval)
    spread = zeros((whole.shape[0], up, *rest), dtype)
    inner = functions[np.expand_dims](whole, 1)
    spread = slice_update(spread, inner, (0,) * spread.ndim, inner.shape, (1,) * spread.ndim)
    flat = functions[np.reshape](Tracer(spread.value, "array"), (whole.shape[0] * up, *rest))
    column = functions[np.reshape](functions[np.flip](filter), (length,) + (1,) * len(rest))
    found = correlate(flat, column)
    start = reach * up - (length - 1)
    count = ((n - 1) * up + length - 1) // down + 1
    found = found[start : start + (count - 1) * down + 1 : down]
    return functions[np.moveaxis](Tracer(found.value, "array"), 0, axis)


@implements(_sigtools._medfilt2d)
def _medfilt2d(image: Any, size: Any) -> Any:
    a = _array(image)
    output = Tracer(zeros(a.shape, a.dtype).value, "array")
    shape = tuple(int(n) for n in size)
    if min(shape) < 0:
        raise unsupported("scipy.signal.medfilt2d over a window of negative size", "pass odd sizes")
    rank = int(np.prod(shape)) // 2
    footprint = np.ones(shape, bool)
    constant = scipy_ndimage._MODES.index("constant")
    scipy_ndimage._rank(a, rank, footprint, output, constant, 0.0, [0] * len(shape))
    return output


@implements(scipy.signal.sepfir2d)
def sepfir2d(input: Any, hrow: Any, hcol: Any) -> Any:
    """``scipy.signal.sepfir2d``: rows, then columns, which go on as their mirror image."""
    image = as_array(input)
    dtype = np.dtype(np.float32 if image.dtype.char in "?bBhHef" else np.float64)
    if dtype == np.float32 and any(as_array(w).dtype != dtype for w in (hrow, hcol)):
        raise unsupported("scipy.signal.sepfir2d of filters in another dtype", "cast them")
    found = _array(image, dtype)
    for axis, weights in ((1, hrow), (0, hcol)):
        w = functions[np.flip](_array(weights, dtype))
        n = w.shape[0]
        if isinstance(n, Dim) or n % 2 == 0:
            raise unsupported(
                "scipy.signal.sepfir2d of such filters", "pass odd numbers of weights"
            )
        sizes = [(n // 2, n // 2) if k == axis else (0, 0) for k in (0, 1)]
        line = functions[np.reshape](w, (1, n) if axis else (n, 1))
        found = correlate(extended(found, sizes, "reflect"), line)
    return Tracer(found.value, "array")


# -- recursive filters -----------------------------------------------------------------------------------
def _over_time(
    x: Any, states: Sequence[Any], step: Callable[[Any, list[Any]], tuple[Any, list[Any]]]
) -> tuple[Any, list[Any]]:
    """Run ``step(x[k], states) -> y[k], states`` along the first axis."""
    n = x.shape[0]
    builder = _builder.current_builder()
    with builder.region() as body:
        k = builder.parameter(ArrayType(np.dtype(np.int64), ()), "k")
        carried = [builder.parameter(s.value.type) for s in states]
        k.low, k.high = 0, n - 1
        now = _array(x[Dim.symbol(k)])
        y, new = step(now, [Tracer(c, "array") for c in carried])
        body.outputs = [*[_array(s, x.dtype).value for s in new], _array(y, x.dtype).value]
    *last, ys = emit_for(n, tuple(s.value for s in states), body)
    return Tracer(ys, "array"), [Tracer(s, "array") for s in last]


def _filter_step(bs: list[Any], rest: list[Any]) -> Callable[[Any, list[Any]], Any]:
    """One step of a filter whose coefficients are divided by the first of the denominator."""
    count = len(bs) - 1

    def step(now: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        y = states[0] + bs[0] * now if count else bs[0] * now
        new = []
        for k in range(1, count + 1):
            value = states[k] if k < count else None
            for coefficient, factor, sign in ((bs[k], now, 1.0), (rest[k], y, -1.0)):
                if coefficient is not None:
                    term = coefficient * factor
                    if value is None:
                        value = term if sign > 0 else -term
                    else:
                        value = value + term if sign > 0 else value - term
            new.append(value)
        return y, new

    return step


@implements(_sigtools._linear_filter)
def _linear_filter(b: Any, a: Any, x: Any, axis: Any, zi: Any = None) -> Any:
    operands = [as_array(v) for v in (b, a, x) if v is not None]
    dtype = np.result_type(
        *[v.dtype for v in operands], *([] if zi is None else [as_array(zi).dtype])
    )
    if dtype.kind != "f":
        dtype = np.dtype(np.float64)
    numerator, denominator = _array(b, dtype), _array(a, dtype)
    m, n = numerator.shape[0], denominator.shape[0]
    if isinstance(m, Dim) or isinstance(n, Dim):
        raise unsupported(
            "a filter whose order is read at run time", "pass coefficients of one size"
        )
    check(denominator[0] != 0, "a first coefficient of zero")
    bs = [numerator[k] / denominator[0] if k < m else None for k in range(max(m, n))]
    rest = [denominator[k] / denominator[0] if k < n else None for k in range(max(m, n))]
    moved = functions[np.moveaxis](_array(x, dtype), axis, 0)
    shape = moved.shape[1:]
    count = max(m, n) - 1
    if zi is None:
        states = [Tracer(zeros(shape, dtype).value, "array") for _ in range(count)]
    else:
        given = functions[np.moveaxis](_array(zi, dtype), axis, 0)
        states = [_array(broadcast_to(given[k], shape)) for k in range(count)]

    step = _filter_step(bs, rest)
    y, last = _over_time(moved, states, step)
    y = functions[np.moveaxis](y, 0, axis)
    if zi is None:
        return y
    return y, functions[np.moveaxis](functions[np.stack](last, 0), 0, axis)


@implements(_signaltools._sosfilt)
def _sosfilt(sos: Any, x: Any, zi: Any) -> None:
    """Filter the rows of ``x`` by all sections, in place; ``zi`` becomes the states after."""
    sections, lines = _array(sos, as_array(x).dtype), functions[np.moveaxis](_array(x), 1, 0)
    count = sections.shape[0]
    if isinstance(count, Dim):
        raise unsupported("a filter whose order is read at run time", "pass sections of one size")
    given = _array(zi)
    states = [_array(given[:, k, j]) for k in range(count) for j in (0, 1)]

    def step(now: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        new = []
        for k in range(count):
            b0, b1, b2, a1, a2 = (sections[k, j] for j in (0, 1, 2, 4, 5))
            y = b0 * now + states[2 * k]
            new += [b1 * now - a1 * y + states[2 * k + 1], b2 * now - a2 * y]
            now = y
        return now, new

    y, last = _over_time(lines, states, step)
    x.write(cast(functions[np.moveaxis](y, 0, 1), x.dtype).value)
    found = functions[np.stack](last, 1)
    zi.write(cast(functions[np.reshape](found, given.shape), zi.dtype).value)


# What SciPy leaves out where a parameter is 1 has a derivative by that parameter.
def _vector(x: Any) -> Any:
    """Coefficients as a vector, which may be given as a list of traced numbers."""
    table = complex_numbers.TABLE if complex_numbers.is_complex(x) else functions
    return table[np.atleast_1d](table[np.asarray](x))


def _over_first(b: Any, a: Any) -> tuple[Any, Any]:
    """The coefficients of a filter, divided by the first of the denominator."""
    denominator = _vector(a)
    if denominator.ndim != 1:
        return b, a
    first = denominator[0]
    check(first != 0, "a first coefficient of zero")
    return _vector(b) / first, denominator / first


def lfilter_zi(b: Any, a: Any) -> Any:
    """``scipy.signal.lfilter_zi``."""
    return interpreted(_ZI, *_over_first(b, a))


def lfiltic(b: Any, a: Any, y: Any, x: Any = None) -> Any:
    """``scipy.signal.lfiltic``."""
    return interpreted(_IC, *_over_first(b, a), y, x)


def lp2hp(b: Any, a: Any, wo: Any = 1.0) -> Any:
    """``scipy.signal.lp2hp``: the frequency goes into the coefficients."""
    if np.ndim(wo):
        return interpreted(_HP, b, a, wo)

    def scaled(given: Any) -> Any:
        c = _vector(given)
        return c * wo ** np.arange(c.shape[0] - 1.0, -1.0, -1.0)

    return interpreted(_HP, scaled(b), scaled(a), 1.0)


_ZI: Any = scipy.signal.lfilter_zi
_IC: Any = scipy.signal.lfiltic
_HP: Any = scipy.signal.lp2hp
for _function, _own in ((_ZI, lfilter_zi), (_IC, lfiltic), (_HP, lp2hp)):
    functions[_function] = complex_numbers.TABLE[_function] = _own


# -- filters of complex signals -----------------------------------------------------------------------
def _real_coefficients(x: Any) -> Any:
    """Coefficients that are real, if of a complex dtype."""
    if not complex_numbers.is_complex(x):
        return x
    re, im = _parts_of(x)
    beside = known(im)
    return x if beside is None or beside.any() else re


def _filter_of_pairs(b: Any, a: Any, x: Any, axis: Any, zi: Any) -> Any:
    """A filter with complex coefficients: states and signals are pairs along a first axis."""
    given = [b, a, x, *([] if zi is None else [zi])]
    dtype = np.result_type(*map(complex_numbers.example, given))
    numerator, denominator, signal = (complex_numbers.as_complex(v, dtype) for v in (b, a, x))
    m, n = numerator.shape[0], denominator.shape[0]
    if isinstance(m, Dim) or isinstance(n, Dim):
        raise complex_numbers.decline("a filter whose order is read at run time")
    check(denominator[0] != 0, "a first coefficient of zero")
    count = max(m, n)
    bs: list[Any] = [numerator[k] / denominator[0] if k < m else None for k in range(count)]
    rest: list[Any] = [denominator[k] / denominator[0] if k < n else None for k in range(count)]
    step = _filter_step(bs, rest)

    def paired(z: Any) -> Any:
        return functions[np.stack](list(map(complex_numbers.plain, z.parts)), 0)

    def whole(pair: Any) -> Any:
        return complex_numbers.joined(pair[0], pair[1], "array")

    def of_pairs(now: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        y, new = step(whole(now), list(map(whole, states)))
        return paired(y), list(map(paired, new))

    moved = functions[np.moveaxis](paired(signal), axis % signal.ndim + 1, 0)
    shape = moved.shape[1:]
    if zi is None:
        states = [_array(zeros(shape, moved.dtype)) for _ in range(count - 1)]
    else:
        before = functions[np.moveaxis](
            paired(complex_numbers.as_complex(zi, dtype)), axis % signal.ndim + 1, 0
        )
        states = [_array(broadcast_to(before[k], shape)) for k in range(count - 1)]
    y, last = _over_time(moved, states, of_pairs)
    found = whole(functions[np.moveaxis](y, 0, axis % signal.ndim + 1))
    if zi is None:
        return found
    stacked = functions[np.stack](last, 0) if last else before
    return found, whole(functions[np.moveaxis](stacked, 0, axis % signal.ndim + 1))


def _parts_of(x: Any) -> Any:
    return complex_numbers.as_complex(x).parts


@complex_functions.implements_complex(_sigtools._linear_filter)
def _complex_linear_filter(b: Any, a: Any, x: Any, axis: Any, zi: Any = None) -> Any:
    """A filter with real coefficients, of the real and of the imaginary part; with others, of pairs."""
    b, a = map(_real_coefficients, (b, a))
    if complex_numbers.is_complex(b) or complex_numbers.is_complex(a):
        return _filter_of_pairs(b, a, x, axis, zi)
    states = (None, None) if zi is None else _parts_of(zi)
    found = [
        _linear_filter(b, a, part, axis, state)
        for part, state in zip(_parts_of(x), states, strict=True)
    ]
    if zi is None:
        return complex_numbers.joined(found[0], found[1], "array")
    return tuple([complex_numbers.joined(re, im, "array") for re, im in zip(*found, strict=True)])


@complex_functions.implements_complex(_signaltools._sosfilt)
def _complex_sosfilt(sos: Any, x: Any, zi: Any) -> None:
    """The same of sections, in place."""
    sos = _real_coefficients(sos)
    for part, state in zip(x.parts, zi.parts, strict=True):
        _sosfilt(sos, part, state)


# -- correlation of complex signals -------------------------------------------------------------------
def _of_parts(run: Callable[[int, Any, Any], Any], x: Any, w: Any, turned: bool = False) -> Any:
    """What ``run(k, part of x, part of w)`` is of both; ``turned``: of the conjugate of ``w``."""
    (a, b), (c, d) = _parts_of(x), _parts_of(w)
    if turned:
        d = -d
    dtype = np.result_type(a.dtype, c.dtype)
    re, im = run(0, a, c) - run(1, b, d), run(0, a, d) + run(1, b, c)
    return complex_numbers.joined(_array(re, dtype), _array(im, dtype), "array")


@complex_functions.implements_complex(_sigtools._correlateND)
def _complex_correlate_nd(x: Any, w: Any, out: Any, mode: Any) -> Any:
    real = complex_numbers.plain(_parts_of(out)[0])
    return _of_parts(lambda k, a, v: _correlate_nd(a, v, real, mode), x, w, turned=True)


@complex_functions.implements_complex(_sigtools._convolve2d)
def _complex_convolve_2d(x: Any, w: Any, flip: Any, mode: Any, boundary: Any, fill: Any) -> Any:
    fills = np.real(fill), np.imag(fill)
    run = lambda k, a, v: _convolve_2d(a, v, flip, mode, boundary, fills[k])  # noqa: E731
    return _of_parts(run, x, w)


@complex_functions.implements_complex(scipy.signal.upfirdn)
def _complex_upfirdn(
    h: Any,
    x: Any,
    up: Any = 1,
    down: Any = 1,
    axis: int = -1,
    mode: str = "constant",
    cval: Any = 0,
) -> Any:
    fills = np.real(cval), np.imag(cval)
    run = lambda k, a, v: upfirdn(v, a, up, down, axis, mode, fills[k])  # noqa: E731
    return _of_parts(run, x, h)


# -- symmetric filters --------------------------------------------------------------------------------
def _symmetric_filter(filtered: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that runs forwards and backwards, which is linear in the signal: by its matrix.

    The row k of the matrix is what SciPy's routine makes of a signal that is 1 at k alone; where it ends
    the sums of its boundary conditions does not depend on the signal.
    """

    def function(x: Any, first: Any, second: Any, precision: Any = -1.0) -> Any:
        a = as_array(x)
        a = _array(a, a.dtype if a.dtype == np.float32 else np.float64)
        n = a.shape[-1] if a.ndim in (1, 2) else None
        if not isinstance(n, int):
            raise unsupported("a symmetric filter of this form", "pass a signal of fixed size")
        numbers = [float(v) for v in (first, second, precision)]  # guarded where they are inputs
        matrix = filtered(np.eye(n, dtype=a.dtype), *numbers)
        return functions[np.matmul](a, matrix.astype(a.dtype))

    return function


for _filter in (scipy.signal.symiirorder1, scipy.signal.symiirorder2):
    implements(_filter)(_symmetric_filter(_filter))

# -- peaks ----------------------------------------------------------------------------------------------
_FLOAT = np.dtype(np.float64)


def _by_peaks(peaks: ArrayType, *dtypes: Any) -> tuple[ArrayType, ...]:
    return tuple([ArrayType(dtype, peaks.shape) for dtype in dtypes])


def _bases(x: Any, peaks: Any, wlen: int) -> Any:
    return tuple(_peak_finding_utils._peak_prominences(np.ascontiguousarray(x), peaks, wlen))


def _sides(x: Any, peaks: Any, share: Any, *more: Any) -> Any:
    whole = np.ascontiguousarray(x)
    return tuple(_peak_finding_utils._peak_widths(whole, peaks, float(share), *more))


for _name, _types, _meaning in (
    ("peak_bases", lambda types, wlen: _by_peaks(types[1], _FLOAT, INT, INT), _bases),
    ("peak_sides", lambda types: _by_peaks(types[1], *[_FLOAT] * 4), _sides),
):
    register(Entry(_name, _types, _meaning, Kernel(_name), zero_derivative=True))


@implements(_peak_finding_utils._peak_prominences)
def _peak_prominences(x: Any, peaks: Any, wlen: Any) -> Any:
    """How far each peak stands out above the higher one of its two bases."""
    if isinstance(wlen, Tracer):
        raise unsupported("prominences with a traced wlen", "pass an integer")
    line, at = _array(x, _FLOAT), _array(peaks, INT)
    found, left, right = emit_tracer("peak_bases", stop(line), at, wlen=int(wlen))
    return derived_as(found, line[at] - np.maximum(line[left], line[right])), left, right


@implements(_peak_finding_utils._peak_widths)
def _peak_widths(x: Any, peaks: Any, rel_height: Any, height: Any, left: Any, right: Any) -> Any:
    """Widths, at which height, and from where to where: between elements on straight lines."""
    line, at, share = _array(x, _FLOAT), _array(peaks, INT), as_array(rel_height)
    prominences, *bases = _array(height, _FLOAT), _array(left, INT), _array(right, INT)
    given = (line, at, cast(share, _FLOAT), prominences)
    found = emit_tracer("peak_sides", *map(stop, given), *bases)
    level = line[at] - prominences * cast(share, _FLOAT)
    last, sides = line.shape[0] - 1, []
    for end, step in ((np.floor(found[2]), 1), (np.ceil(found[3]), -1)):
        first: Any = cast(end, INT)
        low, high = line[first], line[np.clip(first + step, 0, last)]
        is_below = low < level
        apart = np.where(is_below, high - low, 1.0)
        sides.append(end + step * np.where(is_below, (level - low) / apart, 0.0))
    formulas = (sides[1] - sides[0], level, *sides)
    return tuple([derived_as(y, z) for y, z in zip(found, formulas, strict=True)])


# -- partial fractions ----------------------------------------------------------------------------------
def _simple_poles(b: Any, a: Any, tol: Any) -> tuple[Any, Any, Any]:
    """Both polynomials, and the roots of the second one as SciPy orders them, all of which are apart."""
    b, a = (functions[np.atleast_1d](x) for x in (b, a))
    b, a = (cast(x, np.float64) for x in (b, a))
    n = a.shape[0]
    if not (isinstance(n, int) and isinstance(b.shape[0], int) and n > 1 and b.shape[0] > 0):
        raise unsupported("scipy.signal.residue of these coefficients", "give two polynomials")
    whole = (a[0] != 0) & (a[-1] != 0) & (b[0] != 0) & (b[-1] != 0)
    check(whole, "coefficients of residue that do not begin or end with 0")
    first: Any = -a[1:] / np.where(a[0] == 0, 1.0, a[0])
    below = Tracer.constant(np.eye(n - 1, k=-1)[1:])
    companion = functions[np.concatenate]([first[None, :], below])
    poles: Any = functions[np.linalg.eigvals](companion)
    poles = poles[np.argsort(np.abs(poles))]
    apart: Any = np.abs(poles[:, None] - poles[None, :]) + np.eye(n - 1) * 1e300
    check(np.min(apart) > tol, "poles that are apart")
    return b, a, poles


def _quotient(b: Any, a: Any) -> Any:
    """The quotient of two polynomials, which are at least as long as they seem."""
    count, scale = b.shape[0] - a.shape[0] + 1, 1.0 / a[0]
    if count <= 0:
        return functions[np.zeros](0)
    found, rest = [], b
    for _ in range(count):
        found.append(scale * rest[0])
        beside = functions[np.zeros](rest.shape[0] - a.shape[0])
        rest = rest[1:] - found[-1] * functions[np.concatenate]([a, beside])[1:]
    return functions[np.stack](found)


@implements(scipy.signal.residue)
def residue(b: Any, a: Any, tol: Any = 1e-3, rtype: str = "avg") -> Any:
    """``scipy.signal.residue`` of simple poles: b(p) / a'(p)."""
    b, a, poles = _simple_poles(b, a, tol)
    found = np.polyval(b, poles) / np.polyval(np.polyder(a), poles)
    return found, poles, _quotient(b, a)


@implements(scipy.signal.residuez)
def residuez(b: Any, a: Any, tol: Any = 1e-3, rtype: str = "avg") -> Any:
    """``scipy.signal.residuez`` of simple poles: in powers of 1 / z."""
    b, a, poles = _simple_poles(b, a, tol)
    b, a = b[::-1], a[::-1]
    found = -poles * np.polyval(b, 1 / poles) / np.polyval(np.polyder(a), 1 / poles)
    return found, poles, _quotient(b, a)[::-1]


__all__ = ["upfirdn"]
