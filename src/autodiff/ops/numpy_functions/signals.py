"""Functions of sampled data: convolution, interpolation, differences, polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.dims import Dim, at_least, maximum, minimum
from autodiff.ops import structural
from autodiff.ops.function_table import functions, implements
from autodiff.ops.known import check, compare, decide, extent_of, require, require_equal
from autodiff.ops.marks import marked
from autodiff.ops.numpy_functions.shapes import array_of
from autodiff.ops.promotion import (
    as_array,
    cast,
    cast_safely,
    dtype_of,
    operand,
    pointwise,
    result_dtype,
    select,
    shape_of,
)
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer
from autodiff.ops.ufuncs import unsupported


# -- convolution ----------------------------------------------------------------------------------
@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Tracer:
    """``np.convolve``."""
    x, y = (functions[np.array](z, ndmin=1, copy=False) for z in (a, v))
    if x.ndim > 1 or y.ndim > 1:
        raise ValueError("object too deep for desired array")
    dtype = result_dtype(x, y)
    m, n = x.shape[0], y.shape[0]
    _require_elements(m, "a")
    _require_elements(n, "v")
    full = emit_tracer("convolve", cast(x, dtype), cast(y, dtype))
    if mode == "full":
        return full
    short, long = minimum(m, n), maximum(m, n)
    if mode == "valid":
        return full[short - 1 : long]
    if mode != "same":
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got '{mode}')")
    start = (short - 1) // 2
    return full[start : start + long]


def _require_elements(size: Any, what: str) -> None:
    """NumPy's exception where there is none, which only the run may know."""
    if not decide(lambda: at_least(size, 1)):
        require(compare("greater_equal", size, 1), ValueError(f"{what} cannot be empty"))


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Tracer:
    """``np.correlate``."""
    x, y = array_of(a), array_of(v)
    for z in (x, y):
        if z.ndim != 1:
            deep = "deep" if z.ndim else "small depth"
            raise ValueError(f"object {'too' if z.ndim else 'of too'} {deep} for desired array")
    m, n = x.shape[0], y.shape[0]
    _require_elements(m, "first array argument")
    _require_elements(n, "second array argument")
    if mode != "same":
        return convolve(x, functions[np.flip](y), mode)
    full = convolve(x, functions[np.flip](y), "full")
    # The centre is rounded the other way when the second signal is the longer one.
    usual, other = (minimum(m, n) - 1) // 2, m // 2
    start = usual
    is_longer = decide(lambda: at_least(n, m + 1))
    if is_longer:
        start = other
    elif is_longer is None:
        start = extent_of(select(compare("less", m, n), as_tracer(other), as_tracer(usual)))
    return full[start : start + maximum(m, n)]


# -- interpolation --------------------------------------------------------------------------------
def _beyond(x: Any, name: str) -> Any:
    """A value outside of the data, which NumPy wants to be a real number."""
    if np.dtype(dtype_of(x)).kind == "c" or shape_of(x):
        raise unsupported(f"np.interp with {name}= that is no real number", "give a number")
    return x


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Tracer:
    """``np.interp``: piecewise linear, constant outside."""
    at, knots, values = (cast_safely(v, np.float64) for v in (x, xp, fp))
    if period is not None:
        require(pointwise("not_equal", period, 0), ValueError("period must be a non-zero value"))
        if knots.ndim != 1 or values.ndim != 1:
            raise ValueError("Data points must be 1-D sequences")
        if not require_equal(knots.shape[0], values.shape[0], "fp and xp: not of the same length"):
            raise ValueError("fp and xp are not of the same length")
        at, knots, values = _periodic(at, knots, values, abs(period))
        left = right = None
    n = knots.shape[0]
    if not decide(lambda: at_least(n, 1)):
        some = compare("greater_equal", n, 1)
        require(some, ValueError("array of sample points is empty"))
    if not require_equal(n, values.shape[0], "fp and xp are not of the same length."):
        raise ValueError("fp and xp are not of the same length.")
    if isinstance(n, int) and n == 1:
        inside = pointwise("add", pointwise("multiply", at, 0.0), values[0])
    else:
        place = pointwise("subtract", functions[np.searchsorted](knots, at, "right"), 1)
        k = functions[np.clip](place, 0, n - 2)
        x0, x1, y0, y1 = (
            functions[np.take](z, pointwise("add", k, d), axis=0)
            for z in (knots, values)
            for d in (0, 1)
        )
        slope = pointwise("divide", pointwise("subtract", y1, y0), pointwise("subtract", x1, x0))
        inside = pointwise("add", pointwise("multiply", slope, pointwise("subtract", at, x0)), y0)
        # Where that is NaN, NumPy goes from the other knot, and between equal values stays there.
        unknown = pointwise("logical_and", pointwise("isnan", inside), pointwise("equal", at, at))
        back = pointwise("add", pointwise("multiply", slope, pointwise("subtract", at, x1)), y1)
        flat = pointwise("logical_and", pointwise("isnan", back), pointwise("equal", y0, y1))
        inside = select(unknown, select(flat, y0, back, np.float64), inside, np.float64)
        # An infinite slope times 0: NumPy has the value of the knot.
        nowhere = pointwise("logical_and", pointwise("isnan", inside), pointwise("equal", at, x0))
        inside = select(nowhere, y0, inside, np.float64)
    low = values[0] if left is None else _beyond(left, "left")
    high = values[n - 1] if right is None else _beyond(right, "right")
    inside = select(pointwise("greater", at, knots[n - 1]), high, inside, np.float64)
    inside = select(pointwise("equal", at, knots[n - 1]), values[n - 1], inside, np.float64)
    return select(pointwise("less", at, knots[0]), low, inside, np.float64)


def _periodic(
    at: Tracer, knots: Tracer, values: Tracer, period: Any
) -> tuple[Tracer, Tracer, Tracer]:
    at, knots = pointwise("remainder", at, period), pointwise("remainder", knots, period)
    order = functions[np.argsort](knots)
    knots, values = knots[order], values[order]
    join = functions[np.concatenate]
    knots = join(
        [pointwise("subtract", knots[-1:], period), knots, pointwise("add", knots[:1], period)]
    )
    return at, knots, join([values[-1:], values, values[:1]])


# -- differences and integrals ----------------------------------------------------------------------
@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tracer:
    """``np.trapezoid``."""
    f = array_of(y)
    places = [0] * f.ndim
    places[axis] = 1  # as NumPy does it, with the exception of a list
    k = places.index(1)
    lead = (slice(None),) * k
    if x is None:
        width: Any = dx
    else:
        grid = array_of(x)
        width = functions[np.diff](grid, axis=0 if grid.ndim == 1 else k)
        if grid.ndim == 1:
            width = structural.reshape(width, (width.shape[0],) + (1,) * (f.ndim - k - 1))
    total = pointwise("add", f[(*lead, slice(1, None))], f[(*lead, slice(None, -1))])
    return functions[np.sum](pointwise("divide", pointwise("multiply", width, total), 2.0), axis=k)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """``np.gradient``: central differences, second order also on uneven grids."""
    x = array_of(f)
    if x.dtype.kind == "b":
        pointwise("subtract", x, x)  # NumPy's exception
    x = x if x.dtype.kind == "f" else cast(x, np.float64)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    if len(varargs) == 0:
        spacings: list[Any] = [1.0] * len(axes)
    elif len(varargs) == 1 and not as_array(varargs[0]).ndim:
        spacings = [varargs[0]] * len(axes)
    elif len(varargs) == len(axes):
        spacings = list(varargs)
    else:
        raise TypeError("invalid number of arguments")
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    results = [_gradient_along(x, h, k, edge_order) for k, h in zip(axes, spacings, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def _gradient_along(f: Tracer, h: Any, axis: int, edge_order: int) -> Tracer:
    n = f.shape[axis]
    require(
        compare("greater", n, edge_order),
        ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) "
            "elements are required."
        ),
    )
    y = functions[np.moveaxis](f, axis, -1)
    h = operand(h)
    if isinstance(h, Tracer) and h.shape:
        if h.ndim != 1:
            raise ValueError("distances must be either scalars or 1d")
        message = "when 1d, distances must match the length of the corresponding dimension"
        if not require_equal(h.shape[0], n, message):
            raise ValueError(message)
        widths = functions[np.diff](cast(h, np.float64) if h.dtype.kind in "iu" else h)
        inner, ends = _uneven(y, widths, edge_order)
    else:
        inner, ends = _even(y, h, edge_order)
    joined = cast(functions[np.concatenate]([ends[0], inner, ends[1]], -1), f.dtype)
    return Tracer(functions[np.moveaxis](joined, -1, axis).value, "array")


def _even(y: Tracer, h: Any, edge_order: int) -> tuple[Any, tuple[Any, Any]]:
    inner = (y[..., 2:] - y[..., :-2]) / (2.0 * h)
    if edge_order == 1:
        return inner, ((y[..., 1:2] - y[..., :1]) / h, (y[..., -1:] - y[..., -2:-1]) / h)
    first = (-1.5 / h) * y[..., :1] + (2.0 / h) * y[..., 1:2] + (-0.5 / h) * y[..., 2:3]
    last = (0.5 / h) * y[..., -3:-2] + (-2.0 / h) * y[..., -2:-1] + (1.5 / h) * y[..., -1:]
    return inner, (first, last)


def _uneven(y: Tracer, w: Any, edge_order: int) -> tuple[Any, tuple[Any, Any]]:
    a, b = w[:-1], w[1:]
    inner = (
        -b / (a * (a + b)) * y[..., :-2]
        + (b - a) / (a * b) * y[..., 1:-1]
        + a / (b * (a + b)) * y[..., 2:]
    )
    if edge_order == 1:
        return inner, ((y[..., 1:2] - y[..., :1]) / w[:1], (y[..., -1:] - y[..., -2:-1]) / w[-1:])
    p, q = w[:1], w[1:2]
    first = -(2.0 * p + q) / (p * (p + q)) * y[..., :1] + (p + q) / (p * q) * y[..., 1:2]
    first = first - p / (q * (p + q)) * y[..., 2:3]
    p, q = w[-2:-1], w[-1:]
    last = q / (p * (p + q)) * y[..., -3:-2] - (q + p) / (p * q) * y[..., -2:-1]
    last = last + (2.0 * q + p) / (q * (p + q)) * y[..., -1:]
    return inner, (first, last)


# -- polynomials ----------------------------------------------------------------------------------
def _coefficients(p: Any) -> Tracer:
    x = array_of(p)
    if isinstance(x.shape[0] if x.shape else 0, Dim):
        raise unsupported(
            "a polynomial with a run-time number of coefficients", "write Horner's loop"
        )
    return x


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Tracer:
    """``np.polyval``: Horner's scheme, highest power first."""
    coefficients, at = _coefficients(p), array_of(x)
    result: Any = functions[np.zeros_like](at)
    if coefficients.shape[0] == 0:
        return result
    for k in range(coefficients.shape[0]):  # type: ignore[arg-type]
        # Also the first, which NumPy adds to zero times x: NaN where x is infinite.
        result = pointwise("add", pointwise("multiply", result, at), coefficients[k])
    return result


_HIGHEST_ORDER = 200  # NumPy takes one after the other in a recursion


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Tracer:
    """``np.polyder``."""
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    if m > _HIGHEST_ORDER:
        raise unsupported("np.polyder of so high an order", "it is zero")
    c = _coefficients(p)
    if c.ndim != 1:
        c = functions[np.atleast_1d](c)
    if c.ndim > 1 and m:
        n = c.shape[0] - 1
        pointwise("multiply", c[:-1], np.arange(n, 0, -1))  # type: ignore[arg-type]  # NumPy's error
    for _ in range(m):
        n = c.shape[0] - 1
        c = pointwise("multiply", c[:-1], np.arange(n, 0, -1))  # type: ignore[arg-type]
    return c


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Tracer:
    """``np.polyint``."""
    c = _coefficients(p)
    constants = np.zeros(m) if k is None else k
    constants = array_of(constants)
    constants = functions[np.broadcast_to](functions[np.atleast_1d](constants), (m,))
    for step in range(m):
        n = c.shape[0]
        c = pointwise("divide", c, np.arange(n, 0, -1))  # type: ignore[arg-type]
        c = functions[np.concatenate]([c, constants[step : step + 1]])
    return c


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Tracer:
    """``np.polymul``."""
    for c in (array_of(a1), array_of(a2)):
        if c.ndim == 1 and not (isinstance(c.shape[0], int) and c.shape[0] < 2):
            # NumPy drops leading zeros, which changes the length.
            check(pointwise("not_equal", c[0], 0), "a leading coefficient is zero")
    return convolve(a1, a2)


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Tracer:
    """``np.polyadd``."""
    return pointwise("add", *_aligned(a1, a2))


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Tracer:
    """``np.polysub``."""
    return pointwise("subtract", *_aligned(a1, a2))


def _aligned(a1: Any, a2: Any) -> tuple[Tracer, Tracer]:
    p, q = (functions[np.atleast_1d](_coefficients(a)) for a in (a1, a2))
    width = max(p.shape[0], q.shape[0])
    return tuple(functions[np.pad](c, (width - c.shape[0], 0)) for c in (p, q))


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Tracer:
    """``np.polyfit``: least squares on scaled powers, as NumPy does it."""
    if full or cov:
        raise unsupported(
            "np.polyfit with full= or cov= is not available on traced arrays", "use lstsq"
        )
    require(compare("greater_equal", extent_of(deg), 0), ValueError("expected deg >= 0"))
    at, values = pointwise("add", array_of(x), 0.0), pointwise("add", array_of(y), 0.0)
    if at.ndim != 1:
        raise TypeError("expected 1D vector for x")
    if not decide(lambda: at_least(at.shape[0], 1)):
        some = compare("greater_equal", at.shape[0], 1)
        require(some, TypeError("expected non-empty vector for x"))
    if values.ndim < 1 or values.ndim > 2:
        raise TypeError("expected 1D or 2D array for y")
    if not require_equal(at.shape[0], values.shape[0], "expected x and y to have same length"):
        raise TypeError("expected x and y to have same length")
    left = functions[np.vander](at, deg + 1)
    right = values
    if w is not None:
        weights = array_of(w)
        left = pointwise("multiply", left, functions[np.expand_dims](weights, 1))
        tall = weights if right.ndim == 1 else functions[np.expand_dims](weights, 1)
        right = pointwise("multiply", right, tall)
    scale = pointwise("sqrt", functions[np.sum](pointwise("multiply", left, left), axis=0))
    left = pointwise("divide", left, scale)
    if rcond is None and isinstance(at.shape[0], int):
        rcond = at.shape[0] * float(np.finfo(at.dtype).eps)
    solution, _, rank, _ = functions[np.linalg.lstsq](left, right, rcond)
    marked(pointwise("not_equal", rank, deg + 1))
    scale = scale if solution.ndim == 1 else functions[np.expand_dims](scale, 1)
    return pointwise("divide", solution, scale)


# -- frequencies ----------------------------------------------------------------------------------
@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Tracer:
    """``np.fft.fftshift``."""
    a = array_of(x)
    places = (
        range(a.ndim) if axes is None else normalize_axis_tuple(axes, a.ndim, allow_duplicate=True)
    )
    return functions[np.roll](a, [a.shape[k] // 2 for k in places], list(places))


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Tracer:
    """``np.fft.ifftshift``."""
    a = array_of(x)
    places = (
        range(a.ndim) if axes is None else normalize_axis_tuple(axes, a.ndim, allow_duplicate=True)
    )
    return functions[np.roll](a, [-(a.shape[k] // 2) for k in places], list(places))
