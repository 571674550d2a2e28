"""What derivatives are made of: functions that are smooth, and whose derivatives are again of them.

    logistic(x)            1 / (1 + e**-x)            the slope of log(1 + e**x)
    logistic_slope(x)      the slope of logistic
    sech_squared(x)        1 / cosh(x)**2             the slope of tanh
    inverse_positive(x)    1 / x, NaN left of 0       the slope of log
    inverse_square(x)      1 / (1 + x**2)             the slope of arctan
    inverse_root(x)        1 / sqrt(1 + x**2)         the slope of arcsinh
    inverse_cosine(x)      1 / sqrt(1 - x**2)         the slope of arcsin
    inverse_hyperbolic(x)  1 / sqrt(x**2 - 1)         the slope of arccosh
    inverse_difference(x)  1 / (1 - x**2)             the slope of arctanh
    direction(a, b, h)     a / h, h = hypot(a, b)     the slope of hypot by a
    inverse_length(h)      1 / h, 0 at 0
    normal_density(x)      exp(-x**2 / 2) / sqrt(2 pi)
    half_slope(x)          x / (1 + x**2)             half the slope of log(1 + x**2)
    log_square(x)          log(1 + x**2)
    sine_ratio(z)          sin(z) / z
    exprel(x)              (exp(x) - 1) / x
    derived_as(y, z)       y, with the derivative of z
    with_slope(y, x, g)    y, with the derivative g by x, and
    with_slopes(y, a, b, g, h)    those by a and b
    where_defined(y, g)    g, NaN where y is, and so are all its derivatives
    rest_of_sum(r, a, b)   r and what a + b rounds off, of no derivative
    with_rest(s, r)        s + r where r is finite, with the derivative of s
    undefined(x)           NaN, with NaN as every derivative
    inverse_where(b, y)    1 / b, NaN where y is      the slope of y = a / b by a
    inverse_in_range(x)    1 / x, NaN left of 0 and at infinity, which may be a number out of range
    half_in_range(y)       1 / (2 y), 0 at 0, NaN at infinity: the slope of sqrt

A formula such as ``1 - tanh(x)**2`` is right to the last bit of 1, not of the result, and
``1 / (1 + x*x)`` is 0 or NaN where x*x overflows; one made of pieces that are joined by
``where(x == 0, constant, …)`` has a wrong derivative at the joint.  Each function here is accurate
relative to its own size, finite at infinity, and differentiable as often as wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from math import factorial
from typing import Any

import numpy as np

from autodiff import floating
from autodiff.errors import InternalError
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import ENTRIES, Entry, Partials, Pointwise, Samples, register
from autodiff.ops.tracer import Tracer, as_tracer, emit_tracer

# Beyond it 1 + x*x is x*x to the last bit, and x*x may overflow.
_FAR = 1e8


def _pointwise_type(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    shape: tuple[Any, ...] = ()
    for type in types:
        if type.dtype != types[0].dtype:
            raise InternalError("operands of different dtypes")
        shape = type.shape or shape
    return (ArrayType(types[0].dtype, shape),)


def smooth(
    name: str,
    meaning: Callable[..., Any],
    scalar: Callable[..., Any],
    *partials: Callable[..., Any] | None,
    domain: tuple[tuple[float, float], ...] = ((-2.0, 2.0),),
    beside: str = "",
    fading: bool = False,
) -> Callable[..., Any]:
    """Enter an operation, and give the function that applies it to tracers or arrays.

    ``fading``: that of one operand tends to a number at infinity.
    """

    def of_arrays(*operands: Any) -> Any:
        # A slope may be all that is left of its function: who notes what NumPy meets hears of it.
        with nullcontext() if floating.recorder() is not None else np.errstate(all="ignore"):
            result = meaning(*operands)
        return np.asarray(result, np.asarray(operands[0]).dtype)

    register(
        Entry(
            name,
            _pointwise_type,
            of_arrays,
            Pointwise(scalar),
            Partials(partials, fading=(0,) if fading else ()),
            samples=Samples(domain),
            beside=beside,
        )
    )

    def apply(*operands: Any) -> Any:
        like = next((x for x in operands if isinstance(x, Tracer)), None)
        if like is None:
            return ENTRIES[name].meaning(*operands)
        same = [as_tracer(x) for x in operands]
        same = [x if x.dtype == like.dtype else x.astype(like.dtype) for x in same]
        return emit_tracer(name, *same)

    return apply


def _logistic(s: Any, x: Any) -> Any:
    # Of exp(-|x|), which does not overflow; tiny results keep their accuracy.
    one, small = s.constant(1.0, x), s.call("exp", s.neg(s.abs(x)))
    top = s.select(s.lt(x, s.constant(0.0, x)), small, one)
    return s.div(top, s.add(one, small))


def _logistic_meaning(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(np.less(x, 0), small, 1.0) / (1.0 + small)


def _logistic_slope(s: Any, x: Any) -> Any:
    one, small = s.constant(1.0, x), s.call("exp", s.neg(s.abs(x)))
    whole = s.add(one, small)
    return s.div(small, s.mul(whole, whole))


# One operation, not logistic(x) * logistic(-x), whose derivatives cancel near 0: they are even or odd.
logistic_slope = smooth(
    "logistic_slope",
    lambda x: np.exp(-np.abs(x)) / (1.0 + np.exp(-np.abs(x))) ** 2,
    _logistic_slope,
    lambda y, x: -y * np.tanh(0.5 * x),
    domain=((-4.0, 4.0),),
    beside="logistic",
    fading=True,
)
logistic: Callable[..., Any] = smooth(
    "logistic",
    _logistic_meaning,
    _logistic,
    lambda y, x: logistic_slope(x),
    domain=((-4.0, 4.0),),
    fading=True,
)


sech_squared = smooth(
    "sech_squared",
    lambda x: 4.0 * np.exp(-2.0 * np.abs(x)) / (1.0 + np.exp(-2.0 * np.abs(x))) ** 2,
    lambda s, x: s.call("tanh_slope", x),
    lambda y, x: -2.0 * y * np.tanh(x),
    beside="tanh",
    fading=True,
)


# Where a logarithm is no number, its slope is none, and no derivative of that: y is one factor of each.
inverse_positive: Callable[..., Any] = smooth(
    "inverse_positive",
    lambda x: np.where(np.less(x, 0), np.nan, 1.0 / x),
    lambda s, x: s.div(
        s.select(s.lt(x, s.constant(0.0, x)), s.constant(float("nan"), x), s.constant(1.0, x)), x
    ),
    lambda y, x: (-y, y),  # one after the other: the square of what is a logarithm's may overflow
    domain=((0.2, 4.0),),
    fading=True,
)


def _one_plus_square(s: Any, x: Any) -> Any:
    return s.add(s.constant(1.0, x), s.mul(x, x))


def _far(s: Any, x: Any) -> Any:
    return s.gt(s.abs(x), s.constant(_FAR, x))


def _half_bend(y: Any, x: Any) -> Any:
    # (1 - x**2) / (1 + x**2), which is -1 far out, where 1 / (1 + x**2), its factor in the slope of
    # half_slope, underflows
    far = np.abs(x) > _FAR
    return 1.0 - 2.0 * np.where(far, 1.0, np.where(far, 0.0, x) * y)


inverse_square = smooth(
    "inverse_square",
    lambda x: 1.0 / (1.0 + x * x),
    lambda s, x: s.div(s.constant(1.0, x), _one_plus_square(s, x)),
    lambda y, x: (-2.0 * y, half_slope(x)),
    fading=True,
)
half_slope: Callable[..., Any] = smooth(
    "half_slope",
    lambda x: np.where(np.abs(x) > _FAR, 1.0 / x, x / (1.0 + x * x)),
    lambda s, x: s.div(
        s.select(_far(s, x), s.constant(1.0, x), x), s.select(_far(s, x), x, _one_plus_square(s, x))
    ),
    lambda y, x: (_half_bend(y, x) * inverse_root(x), inverse_root(x)),
    fading=True,
)
inverse_root: Callable[..., Any] = smooth(
    "inverse_root",
    lambda x: np.where(np.abs(x) > _FAR, 1.0 / np.abs(x), 1.0 / np.sqrt(1.0 + x * x)),
    lambda s, x: s.div(
        s.constant(1.0, x), s.select(_far(s, x), s.abs(x), s.sqrt(_one_plus_square(s, x)))
    ),
    lambda y, x: (-y, half_slope(x)),
    fading=True,
)
# Infinite at the ends, and so are their derivatives: those of a quotient by sqrt would be 0 there.
inverse_cosine = smooth(
    "inverse_cosine",
    lambda x: 1.0 / np.sqrt((1.0 - x) * (1.0 + x)),
    lambda s, x: s.div(
        s.constant(1.0, x),
        s.sqrt(s.mul(s.sub(s.constant(1.0, x), x), s.add(s.constant(1.0, x), x))),
    ),
    lambda y, x: x * y * y * y,
    domain=((-0.8, 0.8),),
)


def _inverse_hyperbolic(s: Any, x: Any) -> Any:
    # Beyond 1e8 x*x - 1 is x*x to the last bit, and x*x may overflow.
    # Left of 1 the function is no number.
    one = s.constant(1.0, x)
    size = s.select(_far(s, x), x, s.sqrt(s.mul(s.sub(x, one), s.add(x, one))))
    return s.div(s.select(s.lt(x, one), s.constant(float("nan"), x), one), size)


inverse_hyperbolic = smooth(
    "inverse_hyperbolic",
    lambda x: (
        np.where(np.less(x, 1), np.nan, 1.0)
        / np.where(np.abs(x) > _FAR, x, np.sqrt((x - 1.0) * (x + 1.0)))
    ),
    _inverse_hyperbolic,
    # x*y is near 1 far out, where y cubed underflows; of an infinite x, y is 0
    lambda y, x: (-np.where(y == 0, 0.0, x * y) * y, y),
    domain=((1.2, 4.0),),
    fading=True,
)


def _inverse_difference(s: Any, x: Any) -> Any:
    one = s.constant(1.0, x)
    outside = s.gt(s.abs(x), one)  # where the function is no number
    top = s.select(outside, s.constant(float("nan"), x), one)
    return s.div(top, s.mul(s.sub(one, x), s.add(one, x)))


# One operation, since at 1 the derivative of a product in the denominator is infinity times 0.
inverse_difference = smooth(
    "inverse_difference",
    lambda x: np.where(np.abs(x) > 1, np.nan, 1.0) / ((1.0 - x) * (1.0 + x)),
    _inverse_difference,
    lambda y, x: 2.0 * x * y * y,
    domain=((-0.8, 0.8),),
)


def _direction_meaning(a: Any, b: Any, h: Any) -> Any:
    ends = np.where(np.isinf(b), 0.0, np.sign(a))
    return np.where(np.isinf(a), ends, np.where(np.equal(h, 0), 0.0, a / h))


def _direction(s: Any, a: Any, b: Any, h: Any) -> Any:
    zero, one = s.constant(0.0, a), s.constant(1.0, a)
    ends = s.select(s.isinf(b), zero, s.copysign(one, a))
    return s.select(s.isinf(a), ends, s.select(s.eq(h, zero), zero, s.div(a, h)))


def inverse_length(h: Any) -> Any:
    """``1 / h``; 0 of no length, which has no direction."""
    none = h == 0
    return np.where(none, 0.0, 1 / np.where(none, 1.0, h))


def _turn(a: Any, b: Any, h: Any) -> tuple[Any, ...]:
    across = direction(b, a, h)
    return across, across, inverse_length(h)


# Not the slope 1/h - a a/h**3 of the quotient, whose terms cancel where a is most of the length, and
# whose powers over- and underflow: b b/h**3.  The length is no variable of its own.
direction: Callable[..., Any] = smooth(
    "direction",
    _direction_meaning,
    _direction,
    lambda y, a, b, h: _turn(a, b, h),
    lambda y, a, b, h: (-y, direction(b, a, h), inverse_length(h)),
    None,
    domain=((0.2, 2.0),) * 3,
)

_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


def _normal_density(s: Any, x: Any) -> Any:
    half = s.mul(s.constant(-0.5, x), s.mul(x, x))
    return s.div(s.call("exp", half), s.constant(_ROOT_TWO_PI, x))


# The density of the normal distribution; its derivatives are 0 at infinity.
normal_density: Callable[..., Any] = smooth(
    "normal_density",
    lambda x: np.exp(-0.5 * x * x) / _ROOT_TWO_PI,
    _normal_density,
    lambda y, x: -np.where(y == 0, 0.0, x) * y,
    fading=True,
)


def _log_square(s: Any, x: Any) -> Any:
    size = s.abs(x)
    far = _far(s, x)
    one = s.constant(1.0, x)
    double = s.mul(s.constant(2.0, x), s.call("log", s.select(far, size, one)))
    near = s.call("log1p", s.mul(s.select(far, one, x), s.select(far, one, x)))
    return s.select(far, double, near)


log_square = smooth(
    "log_square",
    lambda x: np.where(np.abs(x) > _FAR, 2.0 * np.log(np.maximum(np.abs(x), 1.0)), np.log1p(x * x)),
    _log_square,
    lambda y, x: 2.0 * half_slope(x),
)

# y, with the derivative of z, where z is the same number by a formula with the right derivative.
derived_as = smooth(
    "derived_as", lambda y, z: np.asarray(y), lambda s, y, z: y, None, lambda v, y, z: 1.0
)

# Where the chain rule meets infinity times zero, in another order forwards than backwards, and the
# derivative of the whole has a limit.  What is given as a derivative is differentiated further.
with_slope = smooth(
    "with_slope",
    lambda y, x, g: np.asarray(y),
    lambda s, y, x, g: y,
    None, lambda v, y, x, g: g, None,
)  # fmt: skip
with_slopes = smooth(
    "with_slopes",
    lambda y, a, b, g, h: np.asarray(y),
    lambda s, y, a, b, g, h: y,
    None, lambda v, y, a, b, g, h: g, lambda v, y, a, b, g, h: h, None, None,
)  # fmt: skip

# A function that is no number has no derivative: g, but NaN where y is, and all derivatives of it.
where_defined = smooth(
    "where_defined",
    lambda y, g: np.where(np.isnan(y), np.nan, g),
    lambda s, y, g: s.select(s.isnan(y), y, g),
    None, lambda v, y, g: np.where(np.isnan(y), np.nan, 1.0),
)  # fmt: skip


# One operation, so that its own slope is one product.
inverse_where: Callable[..., Any] = smooth(
    "inverse_where",
    lambda b, y: np.where(np.isnan(y), np.nan, 1.0) / b,
    lambda s, b, y: s.div(s.select(s.isnan(y), y, s.constant(1.0, b)), b),
    lambda v, b, y: (-v, v),
    None,
    domain=((0.5, 2.0),) * 2,
    fading=True,
)


inverse_in_range: Callable[..., Any] = smooth(
    "inverse_in_range",
    lambda x: np.where(np.less(x, 0) | np.equal(x, np.inf), np.nan, 1.0 / x),
    lambda s, x: s.div(
        s.select(
            s.lt(x, s.constant(np.inf, x)),
            s.select(s.lt(x, s.constant(0.0, x)), s.constant(float("nan"), x), s.constant(1.0, x)),
            s.constant(float("nan"), x),
        ),
        x,
    ),
    lambda y, x: (-y, y),
    domain=((0.2, 4.0),),
)
half_in_range: Callable[..., Any] = smooth(
    "half_in_range",
    lambda y: np.where(np.equal(y, 0), 0.0, np.where(np.equal(y, np.inf), np.nan, 0.5) / y),
    lambda s, y: s.select(
        s.eq(y, s.constant(0.0, y)),
        s.constant(0.0, y),
        s.div(
            s.select(
                s.eq(y, s.constant(np.inf, y)), s.constant(float("nan"), y), s.constant(0.5, y)
            ),
            y,
        ),
    ),
    lambda v, y: (-2.0 * v, v),
    domain=((0.2, 4.0),),
)


# A sum, and beside it what its additions have rounded off: with the formula of Knuth, The Art of Computer Programming 2,
# section 4.2.2, theorem B.  The derivative is that of the sum.
def _rest_meaning(r: Any, a: Any, b: Any) -> Any:
    total = a + b
    moved = total - a
    return r + ((a - (total - moved)) + (b - moved))


def _rest_of_sum(s: Any, r: Any, a: Any, b: Any) -> Any:
    total = s.add(a, b)
    moved = s.sub(total, a)
    return s.add(r, s.add(s.sub(a, s.sub(total, moved)), s.sub(b, moved)))


def _with_rest(s: Any, total: Any, r: Any) -> Any:
    # That nothing was rounded off may not turn -0 into 0; what infinities leave is NaN.
    kept = s.and_(s.isfinite(r), s.ne(r, s.constant(0.0, r)))
    return s.select(kept, s.add(total, r), total)


rest_of_sum = smooth("rest_of_sum", _rest_meaning, _rest_of_sum, None, None, None)
with_rest = smooth(
    "with_rest",
    lambda total, r: np.where(np.isfinite(r) & (r != 0), total + r, total),
    _with_rest,
    lambda y, total, r: 1.0, None,
)  # fmt: skip

undefined: Callable[..., Any] = smooth(
    "undefined",
    lambda x: np.full(np.shape(x), np.nan),
    lambda s, x: s.constant(float("nan"), x),
    lambda y, x: undefined(x),
)

# 0, with a derivative that is not known: where a formula for one value of a parameter stands alone.
unknown_slope = smooth(
    "unknown_slope",
    lambda p: np.zeros_like(p),
    lambda s, p: s.constant(0.0, p),
    lambda y, p: undefined(p),
)


# -- series where closed formulas cancel ---------------------------------------------------------
def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """``coefficients[0] + coefficients[1] x + …`` by Horner's rule."""
    result: Any = coefficients[-1] + 0.0 * x
    for c in reversed(coefficients[:-1]):
        result = result * x + c
    return result


def near_or_far(near: Any, x: Any, inside: Any, series: Callable[..., Any], closed: Any) -> Any:
    """``series(x)`` where ``near``, else ``closed(x)``; each sees harmless numbers elsewhere.

    Both formulas are right on both sides of the joint, so their derivatives are, too.  ``inside``
    is a number at which ``closed`` is finite.
    """
    return np.where(near, series(np.where(near, x, 0.0)), closed(np.where(near, inside, x)))


def of_size(function: Callable[[Any], Any], x: Any) -> Any:
    """``function(abs(x))``; at 0 its derivatives, of every order, are the means of those from both sides.

    Of an even function, as of ``abs(x)**b`` at b = 2, they are the derivatives; at a kink they are
    the convention.
    """
    right, left = np.where(x >= 0, x, -x), np.where(x > 0, x, -x)
    return 0.5 * (function(right) + function(left))


def beyond_infinity(x: Any, limit: float, slope: Callable[[Any], Any]) -> Any:
    """``slope(x)``, and at infinite x, where it is a quotient or product that is NaN, its limit."""
    infinite = np.isinf(x)
    return np.where(infinite, limit, slope(np.where(infinite, 1.0, x)))


# sin(z) / z = sum (-1)**k z**2k / (2k + 1)!; terms enough for six more derivatives up to |z| = 2.
_SINC_SLOPE = [(-1.0) ** k * 2 * k / factorial(2 * k + 1) for k in range(1, 18)]


def sinc_slope(z: Any) -> Any:
    """The derivative of ``sin(z) / z``: the closed formula loses z**-2 of its digits near 0."""
    return near_or_far(
        np.abs(z) < 2.0,
        z,
        2.0,
        lambda z: z * polynomial(z * z, _SINC_SLOPE),
        lambda z: (np.cos(z) - np.sin(z) / z) / z,
    )


def _ratio(name: str) -> Callable[..., Any]:
    def scalar(s: Any, x: Any) -> Any:
        zero, one = s.eq(x, s.constant(0.0, x)), s.constant(1.0, x)
        return s.select(zero, one, s.div(s.call(name, x), x))

    return scalar


def _ratio_meaning(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: np.where(np.equal(x, 0), 1.0, function(x) / x)


sine_ratio = smooth("sine_ratio", _ratio_meaning(np.sin), _ratio("sin"), lambda y, z: sinc_slope(z))

# (e**x - 1) / x = sum x**k / (k + 1)!
_EXPREL_SLOPE = [(k + 1) / factorial(k + 2) for k in range(24)]


def exprel_slope(x: Any) -> Any:
    """The derivative of ``(exp(x) - 1) / x``."""
    return near_or_far(
        np.abs(x) < 1.5,
        x,
        1.5,
        lambda x: polynomial(x, _EXPREL_SLOPE),
        _exprel_slope_far,
    )


def _exprel_slope_far(x: Any) -> Any:
    # exp(x) (x - 1) / x**2 + 1 / x**2, without the overflow of the square, and without a difference
    # of infinities where exp overflows: beyond 1000 all derivatives are infinite, as exp is.
    over = x > 1000.0
    z = np.where(over, 1000.0, x)
    return np.where(over, np.exp(x), (np.exp(z) * (1.0 - 1.0 / z) + 1.0 / z) / z)


def _exprel(s: Any, x: Any) -> Any:
    infinite = s.eq(x, s.constant(np.inf, x))
    return s.select(infinite, x, _ratio("expm1")(s, x))


exprel = smooth(
    "exprel",
    lambda x: np.where(np.equal(x, np.inf), x, _ratio_meaning(np.expm1)(x)),
    _exprel,
    lambda y, x: exprel_slope(x),
)

# log(1 + x) / x = sum (-x)**k / (k + 1)
_LOG1P_RATIO = [(-1.0) ** k / (k + 1) for k in range(26)]


def log1p_ratio(x: Any) -> Any:
    """``log(1 + x) / x``, 1 at 0."""
    return near_or_far(
        np.abs(x) < 0.1,
        x,
        0.5,
        lambda x: polynomial(x, _LOG1P_RATIO),
        lambda x: np.log1p(x) / x,
    )
