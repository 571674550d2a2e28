"""Pointwise operations: every float ufunc of NumPy, comparisons, logic, casts and select.

One line an operation: the NumPy ufunc, its partial derivatives as formulas in plain NumPy, how
one element is computed from the core scalar functions, where tests may sample.  In the formulas
``y`` is the result, ``x, a, b`` the operands.  Broadcasting, casts, zero tangents and summing
over broadcast axes are the differentiator's job.

Conventions: kinks (abs, sign, rounding, relu-like) have derivative 0 at the kink; ties of maximum
and minimum share equally; sqrt has derivative 0 at 0, so that norms have a finite gradient there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.dims import same_shape
from autodiff.errors import DtypeError, InternalError
from autodiff.ir.data import ArrayType
from autodiff.ops.entries import (
    ENTRIES,
    Bilinear,
    Entry,
    Linear,
    Partials,
    Pointwise,
    Samples,
    Site,
    register,
)
from autodiff.ops.known import known, may_overflow
from autodiff.ops.smooth import (
    direction,
    half_in_range,
    inverse_cosine,
    inverse_difference,
    inverse_hyperbolic,
    inverse_in_range,
    inverse_length,
    inverse_positive,
    inverse_root,
    inverse_square,
    inverse_where,
    logistic,
    sech_squared,
)
from autodiff.ops.tracer import Tracer, emit_tracer

_LOG2 = float(np.log(2.0))
_LOG10 = float(np.log(10.0))


def loop_dtypes(name: str, dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    """The dtypes NumPy's loop for ufunc ``name`` works in, given operand dtypes.

    A weak Python scalar is passed as ``int`` or ``float``; the last entry is the result's dtype.
    """
    # ``longlong`` equals the ``int64`` of its size, and hashes alike, yet NumPy tells them apart.
    numbers = tuple([d if isinstance(d, type) else d.num for d in dtypes])
    return _loop_dtypes(name, dtypes, numbers)


@lru_cache(maxsize=4096)
def _loop_dtypes(
    name: str, dtypes: tuple[Any, ...], numbers: tuple[Any, ...]
) -> tuple[np.dtype[Any], ...]:
    ufunc = ENTRIES[name].ufunc
    assert ufunc is not None
    if all(isinstance(d, type) for d in dtypes):
        dtypes = tuple(np.dtype(d) for d in dtypes)
    return ufunc.resolve_dtypes((*dtypes, *(None,) * ufunc.nout))


def _broadcast_result(name: str, types: tuple[ArrayType, ...]) -> tuple[Any, ...]:
    shape: tuple[Any, ...] = ()
    for type in types:
        if type.shape == () or same_shape(type.shape, shape):
            continue
        if shape != ():
            raise InternalError(f"{name}: operand shapes {shape} and {type.shape} differ")
        shape = type.shape
    return shape


def _ufunc_type_rule(name: str) -> Callable[..., tuple[ArrayType, ...]]:
    def rule(types: tuple[ArrayType, ...], of_scalars: bool = False) -> tuple[ArrayType, ...]:
        dtypes = loop_dtypes(name, tuple([t.dtype for t in types]))
        weak = all(t.weak for t in types)
        return (ArrayType(dtypes[-1], _broadcast_result(name, types), weak),)

    return rule


def elementwise(
    ufunc: np.ufunc,
    *partials: Callable[..., Any] | None,
    scalar: Callable[..., Any] | str | None = None,
    domain: tuple[tuple[float, float], ...] = ((-2.0, 2.0),),
    special: tuple[float, ...] = (),
    name: str | None = None,
    meaning: Callable[..., Any] | None = None,
    absorbing: tuple[int, ...] = (),
    fading: tuple[int, ...] = (),
) -> Entry:
    """Enter a ufunc.  Without partials its derivative is zero everywhere; ``absorbing``, ``fading`` as in `Partials`."""
    name = name or ufunc.__name__
    if scalar is None:
        scalar = name
    if isinstance(scalar, str):
        function = scalar
        scalar = lambda s, *x: s.call(function, *x)  # noqa: E731
    if len(domain) < ufunc.nin:
        domain = domain * ufunc.nin
    return register(
        Entry(
            name=name,
            type_rule=_ufunc_type_rule(name),
            meaning=meaning or ufunc,
            lowering=Pointwise(scalar),
            derivative=Partials(partials, absorbing, fading) if partials else None,
            ufunc=ufunc,
            samples=Samples(domain, special),
            zero_derivative=not partials,
        )
    )


def _core(name: str) -> Callable[..., Any]:
    return lambda s, *x: getattr(s, name)(*x)


def _by_kind(floating: Callable[..., Any], integer: Callable[..., Any]) -> Callable[..., Any]:
    """Choose the scalar expression by the dtype of the first element."""
    return lambda s, *x: floating(s, *x) if s.dtype(x[0]).kind == "f" else integer(s, *x)


def _is_bool(s: Any, x: Any) -> bool:
    return bool(s.dtype(x).kind == "b")


# -- arithmetic -------------------------------------------------------------------------------
# ``of_scalars``: Python's operator on NumPy's integer scalars, which warns where it overflows; the
# ufunc, also of arrays without axes, does not.
def _operator(ufunc: np.ufunc, operator: Callable[..., Any]) -> Callable[..., Any]:
    def meaning(*x: Any, of_scalars: bool = False) -> Any:
        return operator(*[np.asarray(a)[()] for a in x]) if of_scalars else ufunc(*x)

    return meaning


def _add(s: Any, a: Any, b: Any, of_scalars: bool = False) -> Any:
    if of_scalars:
        return s.watched("add", a, b)
    return s.or_(a, b) if _is_bool(s, a) else s.add(a, b)


def _subtract(s: Any, a: Any, b: Any, of_scalars: bool = False) -> Any:
    return s.watched("sub", a, b) if of_scalars else s.sub(a, b)


def _multiply(s: Any, a: Any, b: Any, of_scalars: bool = False) -> Any:
    if of_scalars:
        return s.watched("mul", a, b)
    return s.and_(a, b) if _is_bool(s, a) else s.mul(a, b)


def _negative(s: Any, x: Any, of_scalars: bool = False) -> Any:
    return s.watched("sub", s.constant(0, x), x) if of_scalars else s.neg(x)


def _absolute(s: Any, x: Any, of_scalars: bool = False) -> Any:
    if s.dtype(x).kind in "bu":
        return x
    if not of_scalars:
        return s.abs(x)
    zero = s.constant(0, x)
    negative = s.lt(x, zero)
    return s.select(negative, s.watched("sub", zero, s.select(negative, x, zero)), x)


def _float_floor_divide(s: Any, a: Any, b: Any) -> Any:
    # NumPy (npy_divmod): exact fmod first, then the quotient of the rest, then rounding fixes.
    mod = s.fmod(a, b)
    div = s.div(s.sub(a, mod), b)
    zero, one = s.constant(0.0, a), s.constant(1.0, a)
    differs = s.ne(s.lt(b, zero), s.lt(mod, zero))
    div = s.select(s.and_(s.ne(mod, zero), differs), s.sub(div, one), div)
    floor = s.floor(div)
    floor = s.select(s.gt(s.sub(div, floor), s.constant(0.5, a)), s.add(floor, one), floor)
    quotient = s.div(a, b)
    result = s.select(s.ne(div, zero), floor, s.copysign(zero, quotient))
    return s.select(s.eq(b, zero), quotient, result)


def _float_remainder(s: Any, a: Any, b: Any) -> Any:
    mod = s.fmod(a, b)
    zero = s.constant(0.0, a)
    differs = s.ne(s.lt(b, zero), s.lt(mod, zero))
    return s.select(s.ne(mod, zero), s.select(differs, s.add(mod, b), mod), s.copysign(zero, b))


def _integer_power(s: Any, a: Any, b: Any) -> Any:
    # Square and multiply over all bits of a non-negative exponent, branch-free.
    result, base = s.constant(1, a), a
    bits = 8 * s.dtype(a).itemsize
    for k in range(min(bits, 63)):
        bit = s.and_(s.shr(b, s.constant(k, b)), s.constant(1, b))
        result = s.select(s.ne(bit, s.constant(0, b)), s.mul(result, base), result)
        base = s.mul(base, base)
    return result


def _sign(s: Any, x: Any) -> Any:
    zero, one = s.constant(0, x), s.constant(1, x)
    if s.dtype(x).kind == "u":
        return s.select(s.eq(x, zero), zero, one)
    positive = s.select(s.gt(x, zero), one, s.select(s.lt(x, zero), s.constant(-1, x), zero))
    if s.dtype(x).kind != "f":
        return positive
    return s.select(s.isnan(x), x, positive)


def _ties(y: Any, a: Any, b: Any) -> Any:
    """1 where ``a`` is the result, 1/2 where both are, 0 elsewhere."""
    return np.where(a == b, 0.5, np.where(y == a, 1.0, 0.0))


# Of functions that grow ever slower the slope at infinity is 0 where infinity was given, and NaN where
# the operand has overflown: the slope of what overflows is not known, and a 0 would hide that.
def _sqrt_partial(y: Any, x: Any) -> Any:
    return half_in_range(y) if may_overflow(x) else np.where(y == 0, 0.0, 0.5 / y)


def _in_range(x: Any, slope: Any) -> Any:
    return np.where(np.isinf(x), np.nan, slope) if may_overflow(x) else slope


def _logarithmic(factor: float = 1.0, shift: float = 0.0) -> Callable[..., Any]:
    """The slope of a logarithm: a reciprocal, kept apart from the cotangent, as what follows it is as large as x."""

    def partial(y: Any, x: Any) -> Any:
        inner = x * factor if factor != 1 else x + shift if shift else x
        return (inverse_in_range(inner) if may_overflow(x) else inverse_positive(inner),)

    return partial


def _power_by_base(y: Any, a: Any, b: Any) -> Any:
    # b * a**(b - 1); an exponent of 0 contributes 0 also at a = 0.  A strong product, not a where:
    # by b it has the derivative a**-1 there.  Of an exponent below 0 y b / a, as a quotient has:
    # a**(b - 1) underflows where a**b does not.
    exponent = known(b)
    if exponent is not None and np.all(exponent < 0) and np.all(np.isfinite(exponent)):
        return b * y, 1 / (a if np.all(exponent == np.rint(exponent)) else np.abs(a))
    factor, slope = _power_by_base_above(a, b)
    if exponent is not None and not np.any(exponent < 0):
        return _strong(factor, slope)
    falls = (b < 0) & np.isfinite(b)
    slope = np.where(
        b > 2.0**53, np.copysign(slope, a), slope
    )  # b is even, and so is b - 1, rounded
    factor = np.where(y == y, factor, np.nan)  # a**(b - 1) is a number where b - 1 is rounded to -1
    return np.where(falls, b * np.where(falls, y, 1.0), factor), np.where(
        falls, 1 / np.where(falls, a, 1.0), slope
    )


def _power_by_base_above(a: Any, b: Any) -> tuple[Any, Any]:
    """``b`` and ``a**(b - 1)``."""
    if not _may_be_root(b):
        return b, np.power(a, b - 1)
    # A root has an infinite slope at 0, where it gets 0, as that of sqrt.
    steep = (a == 0) & (b > 0) & (b < 1)
    slope = np.power(np.where(steep, 1.0, a), b - 1)
    flat = np.isinf(b) & (slope == 0)  # where infinity times 0 has the limit 0
    return np.where(steep | flat, 0.0, b), slope


def _may_be_root(b: Any) -> bool:
    """Whether an exponent may lie between 0 and 1."""
    exponent = known(b)
    return exponent is None or bool(np.any((exponent > 0) & (exponent < 1)))


def _strong(a: Any, b: Any) -> Any:
    """``a * b``, 0 where ``a`` is exactly 0."""
    if not isinstance(a, Tracer) and not isinstance(b, Tracer):
        return _strong_multiply(a, b)
    if a.dtype != b.dtype:
        a = a.astype(b.dtype)
    return emit_tracer("strong_multiply", a, b)


def _power_meaning(a: Any, b: Any) -> Any:
    """``a ** b`` of numbers by C's function, as NumPy's scalars take it.

    ``np.power`` takes the square root for an exponent of 1/2, as the operator of arrays does: it is
    NaN of minus infinity, where C's power is infinite.
    """
    a, b = np.asarray(a), np.asarray(b)
    if not a.ndim and not b.ndim and a.dtype.kind == "f" and b == 0.5 and (a == 0 or a == -np.inf):
        return np.abs(a)  # what C's power gives there
    return np.power(a, b)


def _power_by_exponent(y: Any, a: Any, b: Any) -> Any:
    # y log a, with the limit 0 where y is 0: at a = 0 for positive exponents, at infinity for negative ones.
    none = ((a == 0) & (b == b)) | ((y == 0) & (a > 0))
    return np.where(none, 0.0, y * np.log(np.where(none, 1.0, a)))


def _turn(y: Any, x: Any, other: Any) -> tuple[Any, Any]:
    # x / (x*x + other*other), 0 at the origin, where the angle has no derivative.  By way of the
    # length, as the squares over- or underflow.
    length = np.where(
        np.isnan(y), np.nan, np.hypot(x, other)
    )  # hypot of infinity and NaN is infinite
    return direction(x, other, length), inverse_length(length)


def _difference(a: Any, b: Any) -> Any:
    # a - b, but 0 of equal infinities, which share equally
    same = (a == b) & np.isinf(a)
    return np.where(same, 0.0, a) - np.where(same, 0.0, b)


def _reciprocal(y: Any, a: Any, b: Any) -> Any:
    """``1 / b``, which ``y = a / b`` itself is where a is 1; NaN where both are out of range."""
    if np.shape(a) == () and known(a) == 1:
        return y
    if may_overflow(a) and may_overflow(b) and same_shape(y.shape, b.shape):
        return inverse_where(b, y)
    return 1 / b


def _by_divisor(y: Any, a: Any, b: Any) -> Any:
    """``-y / b``: first the factor that the slope by ``a`` has too, or last the one that is a number beside arrays."""
    inverse = _reciprocal(y, a, b)
    return (-y, inverse) if y.shape and not b.shape else (inverse, -y)


elementwise(
    np.add, lambda y, a, b: 1.0, lambda y, a, b: 1.0, scalar=_add,
    meaning=_operator(np.add, operator.add),
)  # fmt: skip
elementwise(
    np.subtract, lambda y, a, b: 1.0, lambda y, a, b: -1.0, scalar=_subtract,
    meaning=_operator(np.subtract, operator.sub),
)  # fmt: skip
elementwise(
    np.multiply, lambda y, a, b: b, lambda y, a, b: a, scalar=_multiply,
    meaning=_operator(np.multiply, operator.mul),
)  # fmt: skip
elementwise(
    # The reciprocal is shared, and no square of b is formed: it may overflow where the slope does not.
    np.divide, lambda y, a, b: _reciprocal(y, a, b), _by_divisor, scalar=_core("div"),
    domain=((-2.0, 2.0), (0.5, 2.0)), fading=(1,),
)  # fmt: skip
elementwise(
    np.floor_divide,
    scalar=_by_kind(_float_floor_divide, _core("idiv")),
    domain=((-3.3, 3.3), (0.7, 1.3)),
)
elementwise(
    np.remainder, lambda y, a, b: 1.0, lambda y, a, b: -np.floor_divide(a, b),
    scalar=_by_kind(_float_remainder, _core("irem")), domain=((-3.3, 3.3), (0.7, 1.3)),
)  # fmt: skip
elementwise(
    np.fmod, lambda y, a, b: 1.0, lambda y, a, b: -np.trunc(a / b),
    scalar=_by_kind(_core("fmod"), lambda s, a, b: _integer_fmod(s, a, b)),
    domain=((-3.3, 3.3), (0.7, 1.3)),
)  # fmt: skip
elementwise(
    np.power, _power_by_base, _power_by_exponent,
    scalar=_by_kind(lambda s, a, b: s.call("pow", a, b), _integer_power),
    domain=((0.2, 2.0), (-2.0, 2.0)), meaning=_power_meaning,
)  # fmt: skip
elementwise(
    np.float_power,
    _power_by_base,
    _power_by_exponent,
    scalar="pow",
    domain=((0.2, 2.0), (-2.0, 2.0)),
)
elementwise(
    np.negative, lambda y, x: -1.0, scalar=_negative,
    meaning=_operator(np.negative, operator.neg),
)  # fmt: skip
elementwise(np.positive, lambda y, x: 1.0, scalar=lambda s, x: x)
elementwise(
    np.absolute, lambda y, x: np.sign(x), scalar=_absolute,
    meaning=_operator(np.absolute, operator.abs),
)  # fmt: skip
elementwise(np.fabs, lambda y, x: np.sign(x), scalar=_core("abs"))
elementwise(np.sign, scalar=_sign)
elementwise(np.reciprocal, lambda y, x: (-y, y), domain=((0.5, 2.0),), fading=(0,), scalar=_by_kind(
    lambda s, x: s.div(s.constant(1.0, x), x), lambda s, x: _integer_reciprocal(s, x)))  # fmt: skip
elementwise(np.square, lambda y, x: 2 * x, scalar=lambda s, x: _multiply(s, x, x))
elementwise(np.sqrt, _sqrt_partial, scalar=_core("sqrt"), domain=((0.1, 4.0),))
elementwise(
    np.cbrt, lambda y, x: np.where(y == 0, 0.0, 1 / (3 * np.where(y == 0, 1.0, y) ** 2)),
    domain=((0.1, 4.0),),
)  # fmt: skip
elementwise(
    np.hypot, lambda y, a, b: direction(a, b, y), lambda y, a, b: direction(b, a, y),
    domain=((0.2, 2.0),),
)  # fmt: skip


def _integer_fmod(s: Any, a: Any, b: Any) -> Any:
    # C remainder from the floored one: same sign as the dividend.
    rest = s.irem(a, b)
    if s.dtype(a).kind == "u":
        return rest
    zero = s.constant(0, a)
    differs = s.and_(s.ne(rest, zero), s.ne(s.lt(a, zero), s.lt(b, zero)))
    return s.select(differs, s.sub(rest, b), rest)


def _integer_reciprocal(s: Any, x: Any) -> Any:
    # NumPy divides in double precision and cuts the quotient.
    wide = s.cast(x, np.dtype(np.float64))
    return s.cast(s.div(s.constant(1.0, wide), wide), s.dtype(x))


# -- exponentials and logarithms ----------------------------------------------------------------
def _log_add_exp(exp: str, log1p: Callable[..., Any]) -> Callable[..., Any]:
    def scalar(s: Any, a: Any, b: Any) -> Any:
        top, low = s.maximum(a, b), s.minimum(a, b)
        difference = s.sub(low, top)
        result = s.add(top, log1p(s, s.call(exp, difference)))
        # Equal infinities would give inf - inf; NumPy gives a + log 2 for equal operands.
        equal = s.add(a, s.constant(_LOG2 if exp == "exp" else 1.0, a))
        return s.select(s.eq(a, b), equal, result)

    return scalar


elementwise(np.exp, lambda y, x: y, fading=(0,))
elementwise(np.exp2, lambda y, x: _LOG2 * y, fading=(0,))
elementwise(np.expm1, lambda y, x: np.exp(x), fading=(0,))  # not y + 1, which is 0 far to the left
elementwise(np.log, _logarithmic(), domain=((0.2, 4.0),))
elementwise(np.log2, _logarithmic(_LOG2), domain=((0.2, 4.0),))
elementwise(np.log10, _logarithmic(_LOG10), domain=((0.2, 4.0),))
elementwise(np.log1p, _logarithmic(shift=1.0), domain=((-0.7, 3.0),))
elementwise(
    # Not exp(a - y), where y is rounded to what a is rounded to; equal infinities give 1/2 each.
    np.logaddexp,
    lambda y, a, b: logistic(_difference(a, b)),
    lambda y, a, b: logistic(_difference(b, a)),
    scalar=_log_add_exp("exp", lambda s, x: s.call("log1p", x)),
    fading=(0, 1),
)
elementwise(
    np.logaddexp2,
    lambda y, a, b: logistic(_LOG2 * _difference(a, b)),
    lambda y, a, b: logistic(_LOG2 * _difference(b, a)),
    scalar=_log_add_exp("exp2", lambda s, x: s.mul(s.call("log1p", x), s.constant(1 / _LOG2, x))),
    fading=(0, 1),
)

# -- trigonometric and hyperbolic ---------------------------------------------------------------
elementwise(np.sin, lambda y, x: np.cos(x))
elementwise(np.cos, lambda y, x: -np.sin(x))
elementwise(np.tan, lambda y, x: 1 + y * y, domain=((-1.2, 1.2),))
elementwise(np.arcsin, lambda y, x: inverse_cosine(x), scalar="asin", domain=((-0.8, 0.8),))
elementwise(np.arccos, lambda y, x: -inverse_cosine(x), scalar="acos", domain=((-0.8, 0.8),))
elementwise(np.arctan, lambda y, x: inverse_square(x), scalar="atan", fading=(0,))
elementwise(
    np.arctan2,
    lambda y, a, b: _turn(y, b, a),
    lambda y, a, b: _turn(y, -a, b),
    scalar="atan2",
    domain=((0.2, 2.0),),
)
elementwise(np.sinh, lambda y, x: np.cosh(x))
elementwise(np.cosh, lambda y, x: np.sinh(x))
elementwise(np.tanh, lambda y, x: sech_squared(x), fading=(0,))  # not 1 - y*y, which is 0 above 19
elementwise(np.arcsinh, lambda y, x: (_in_range(x, inverse_root(x)),), scalar="asinh")
elementwise(
    np.arccosh, lambda y, x: (_in_range(x, inverse_hyperbolic(x)),), scalar="acosh", domain=((1.2, 4.0),)
)  # fmt: skip
elementwise(np.arctanh, lambda y, x: inverse_difference(x), scalar="atanh", domain=((-0.8, 0.8),))


def _scaled(factor: float) -> Callable[..., Any]:
    return lambda s, x: s.mul(x, s.constant(factor, x))


elementwise(np.deg2rad, lambda y, x: np.pi / 180, scalar=_scaled(np.pi / 180))
elementwise(np.rad2deg, lambda y, x: 180 / np.pi, scalar=_scaled(180 / np.pi))
elementwise(np.radians, lambda y, x: np.pi / 180, scalar=_scaled(np.pi / 180))
elementwise(np.degrees, lambda y, x: 180 / np.pi, scalar=_scaled(180 / np.pi))


# -- rounding, extrema, signs ---------------------------------------------------------------------
def _prefer_number(pick: str) -> Callable[..., Any]:
    def scalar(s: Any, a: Any, b: Any) -> Any:
        best = getattr(s, pick)(a, b)
        if s.dtype(a).kind != "f":
            return best
        return s.select(s.isnan(a), b, s.select(s.isnan(b), a, best))

    return scalar


_or_integer = lambda name: _by_kind(_core(name), lambda s, x: x)  # noqa: E731
elementwise(np.floor, scalar=_or_integer("floor"))
elementwise(np.ceil, scalar=_or_integer("ceil"))
elementwise(np.trunc, scalar=_or_integer("trunc"))
elementwise(np.rint, scalar=_or_integer("rint"))
# Of what is not chosen an infinite derivative does not matter, nor does that of what comes next.
for _extremum, _scalar in (
    (np.maximum, _core("maximum")),
    (np.minimum, _core("minimum")),
    (np.fmax, _prefer_number("maximum")),
    (np.fmin, _prefer_number("minimum")),
):
    elementwise(_extremum, _ties, lambda y, a, b: _ties(y, b, a), scalar=_scalar, absorbing=(0, 1))
elementwise(
    np.copysign, lambda y, a, b: np.where(a == 0, 0.0, np.copysign(1.0, a) * np.copysign(1.0, b)), None,
    scalar=_core("copysign"),
)  # fmt: skip
elementwise(np.heaviside, None, lambda y, x, h: np.where(x == 0, 1.0, 0.0), absorbing=(1,), scalar=lambda s, x, h: s.select(
    s.isnan(x), x, s.select(s.eq(x, s.constant(0.0, x)), h,
    s.select(s.lt(x, s.constant(0.0, x)), s.constant(0.0, x), s.constant(1.0, x)))))  # fmt: skip
elementwise(np.nextafter, lambda y, a, b: 1.0, lambda y, a, b: 0.0, scalar="nextafter")
elementwise(np.spacing, scalar=lambda s, x: _spacing(s, x))


def _spacing(s: Any, x: Any) -> Any:
    # Distance to the neighbour away from zero, with the sign of x.
    # (-0.0 counts as positive).
    if s.dtype(x).itemsize == 2:
        return _half_spacing(s, x)
    infinity = s.constant(float("inf"), x)
    away = s.select(s.lt(x, s.constant(0.0, x)), s.neg(infinity), infinity)
    step = s.sub(s.call("nextafter", x, away), x)
    return s.select(s.isinf(x), s.constant(float("nan"), x), step)


def _half_spacing(s: Any, x: Any) -> Any:
    # float16, for which the core functions have no neighbour.  NumPy's loop gives the distance to
    # the next number upwards: 2**(exponent - 10), at least 2**-24, and half of it above -2**k.
    wide = s.cast(x, np.dtype(np.float32))
    zero, one = s.constant(0.0, wide), s.constant(1.0, wide)
    exponent = s.maximum(s.floor(s.call("log2", s.abs(wide))), s.constant(-14.0, wide))
    is_power = s.and_(
        s.eq(wide, s.neg(s.call("exp2", exponent))), s.gt(exponent, s.constant(-14.0, wide))
    )
    exponent = s.sub(exponent, s.select(is_power, one, zero))
    step = s.call("exp2", s.sub(exponent, s.constant(10.0, wide)))
    step = s.select(s.eq(wide, s.constant(65504.0, wide)), s.constant(float("inf"), wide), step)
    nan = s.constant(float("nan"), wide)
    return s.cast(s.select(s.isfinite(wide), step, nan), s.dtype(x))


# -- comparisons and logic ----------------------------------------------------------------------
def _truth(s: Any, x: Any) -> Any:
    return s.cast(x, np.dtype(bool))


elementwise(np.equal, scalar=_core("eq"))
elementwise(np.not_equal, scalar=_core("ne"))
elementwise(np.less, scalar=_core("lt"))
elementwise(np.less_equal, scalar=_core("le"))
elementwise(np.greater, scalar=_core("gt"))
elementwise(np.greater_equal, scalar=_core("ge"))
elementwise(np.logical_and, scalar=lambda s, a, b: s.and_(_truth(s, a), _truth(s, b)))
elementwise(np.logical_or, scalar=lambda s, a, b: s.or_(_truth(s, a), _truth(s, b)))
elementwise(np.logical_xor, scalar=lambda s, a, b: s.xor(_truth(s, a), _truth(s, b)))
elementwise(np.logical_not, scalar=lambda s, x: s.not_(_truth(s, x)))
elementwise(np.bitwise_and, scalar=_core("and_"))
elementwise(np.bitwise_or, scalar=_core("or_"))
elementwise(np.bitwise_xor, scalar=_core("xor"))
elementwise(np.invert, scalar=_core("not_"))
elementwise(np.left_shift, scalar=_core("shl"))
elementwise(np.right_shift, scalar=_core("shr"))
elementwise(np.isnan, scalar=_core("isnan"))
elementwise(np.isinf, scalar=_core("isinf"))
elementwise(np.isfinite, scalar=_core("isfinite"))
elementwise(np.signbit, scalar=_core("signbit"))


# -- operations that are not ufuncs ---------------------------------------------------------------
def _cast_rule(
    types: tuple[ArrayType, ...], dtype: np.dtype[Any], weak: bool = False
) -> tuple[ArrayType, ...]:
    if dtype.kind not in "fiub":
        raise DtypeError(f"elements of dtype {dtype} are not supported", remedy="use float64")
    return (ArrayType(dtype, types[0].shape, weak),)


def _cast_meaning(x: Any, dtype: np.dtype[Any], weak: bool = False) -> Any:
    return np.asarray(x).astype(dtype)


register(
    Entry(
        name="cast",
        type_rule=_cast_rule,
        meaning=_cast_meaning,
        lowering=Pointwise(lambda s, x, dtype, weak=False: s.cast(x, dtype)),
        derivative=Linear(lambda site, ct: (ct.astype(site.operands[0].dtype),)),
    )
)


def _select_transpose(site: Site, ct: Any) -> tuple[Any, ...]:
    c = site.operands[0]
    zero = np.zeros((), ct.dtype)[()]
    return (
        None,
        np.where(c, ct, zero) if site.needed[1] else None,
        np.where(c, zero, ct) if site.needed[2] else None,
    )


def _select_rule(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    _, a, b = types
    if a.dtype != b.dtype:
        raise InternalError(f"select: dtypes {a.dtype} and {b.dtype} differ")
    return (ArrayType(a.dtype, _broadcast_result("select", types), a.weak and b.weak),)


register(
    Entry(
        name="select",
        type_rule=_select_rule,
        meaning=np.where,
        lowering=Pointwise(lambda s, c, a, b: s.select(c, a, b)),
        derivative=Linear(_select_transpose, arguments=(1, 2)),
    )
)


def _same_type_rule(types: tuple[ArrayType, ...]) -> tuple[ArrayType, ...]:
    return (ArrayType(types[0].dtype, _broadcast_result("a strong product", types)),)


def _strong_multiply(ct: Any, p: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.where(np.equal(ct, 0), np.zeros((), np.asarray(ct).dtype), np.multiply(ct, p))


def _strong_multiply_transpose(site: Site, g: Any) -> tuple[Any, ...]:
    # The zero stays strong in second derivatives: where ct (or g) is exactly 0 nothing reaches p,
    # whose own derivative may be NaN there.
    ct, p = site.operands
    return (
        emit_tracer("strong_multiply", g, p) if site.needed[0] else None,
        _strong_product(ct, g) if site.needed[1] else None,
    )


def _strong_product(a: Any, b: Any) -> Any:
    # A product, not a where: by either factor it has a derivative where the other is not 0.
    return emit_tracer("strong_product", a, b)


def _strong_product_transpose(site: Site, g: Any) -> tuple[Any, ...]:
    a, b = site.operands
    return (
        _strong_product(g, b) if site.needed[0] else None,
        _strong_product(a, g) if site.needed[1] else None,
    )


def _strong_product_meaning(a: Any, b: Any) -> Any:
    with np.errstate(all="ignore"):
        none = np.equal(a, 0) | np.equal(b, 0)
        return np.where(none, np.zeros((), np.asarray(a).dtype), np.multiply(a, b))


# a * b, 0 where either is exactly 0, whatever the other is.
register(
    Entry(
        name="strong_product",
        type_rule=_same_type_rule,
        meaning=_strong_product_meaning,
        lowering=Pointwise(
            lambda s, a, b: s.select(
                s.or_(s.eq(a, s.constant(0.0, a)), s.eq(b, s.constant(0.0, b))),
                s.constant(0.0, a),
                s.mul(a, b),
            )
        ),
        derivative=Bilinear(_strong_product_transpose),
    )
)

# ct * p with the strong zero: a cotangent (or tangent) that is exactly 0 contributes 0, whatever
# the local partial, so that infinities of branches not taken do not turn into NaN.
register(
    Entry(
        name="strong_multiply",
        type_rule=_same_type_rule,
        meaning=_strong_multiply,
        lowering=Pointwise(
            lambda s, ct, p: s.select(
                s.eq(ct, s.constant(0.0, ct)), s.constant(0.0, ct), s.mul(ct, p)
            )
        ),
        derivative=Bilinear(_strong_multiply_transpose),
    )
)
