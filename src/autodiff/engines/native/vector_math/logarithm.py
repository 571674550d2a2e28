"""log, log2, log10 and log1p as straight-line code.

x = 2**k m with m between sqrt(1/2) and sqrt(2), taken from the bits; with f = m - 1, s = f / (2 + f) and z = s**2,

    log m = 2 atanh s = f - (f**2/2 - s (f**2/2 + R)),     R = z q(z) the minimax rest of 2 atanh(s)/s - 2,

which is the arrangement of fdlibm (Sun Microsystems, 1993): the large terms are exact or nearly so.
"""

from __future__ import annotations

from autodiff.engines.native.vector_math.emit import (
    Value,
    bits,
    fast_two_sum,
    fma,
    from_bits,
    literal,
    magnitude,
    muladd,
    polynomial,
    select,
)
from autodiff.engines.native.vector_math.exponential import LN2_PARTS

INFINITY = float("inf")
NAN = float("nan")

_LOG = {
    "f64": (
        0.6666666666666734,
        0.3999999999941473,
        0.2857142874238629,
        0.22222198572848692,
        0.18183564353642923,
        0.15314049785282283,
        0.14795956882006228,
    ),
    "f32": (0.6666666269302368, 0.4000033438205719, 0.2853730618953705, 0.23582179844379425),
}
# 1/ln 10, 1/ln 2 in two parts; log10 2 in two parts, k times the first exact
_INVERSE_LN10 = {
    "f64": (0.4342944819032518, 1.098319650216765e-17),
    "f32": (0.4342944920063019, -1.0103049952192578e-08),
}
_INVERSE_LN2 = {
    "f64": (1.4426950408889634, 2.0355273740931033e-17),
    "f32": (1.4426950216293335, 1.925963033500011e-08),
}
_LOG10_2 = {
    "f64": (0.3010299956640665, -8.532344317057107e-14),
    "f32": (0.301025390625, 4.605039066518657e-06),
}


def _pattern(x: Value, value: float) -> int:
    """The bits of a constant in the format of x."""
    double = int(literal(value, "double"), 16)
    if x.format.bits == 64:
        return double
    exponent = (double >> 52) - 1023 + 127
    return (exponent << 23) | ((double >> 29) & 0x7FFFFF)


def split(x: Value, subnormal: bool = True) -> tuple[Value, Value, Value]:
    """(m, k, e) with x = 2**k m, sqrt(1/2) <= m < sqrt(2), for finite x > 0.

    e are bits: k + bias of the argument, scaled to be normal. Without `subnormal`, x is known to be normal.
    """
    form = x.format
    root = _pattern(x, 0.7071067811865476)
    # an integer below 2**fraction put under the bits of 2**fraction is that integer, as a float
    offset: Value = x.constant(2.0**form.fraction + form.bias)
    if subnormal:
        up = form.fraction + 2
        small = x < form.tiny
        x = select(small, x * 2.0**up, x)
        offset = select(small, 2.0**form.fraction + form.bias + up, offset)
    shifted = bits(x) + (form.one - root)
    e = shifted >> form.fraction
    k = from_bits(e | _pattern(x, 2.0**form.fraction)) - offset
    m = from_bits((shifted & ((1 << form.fraction) - 1)) + root)
    return m, k, e


def _rest(f: Value) -> tuple[Value, Value]:
    """(f**2/2, s (f**2/2 + R)), so that log(1 + f) = f - (first - second)."""
    s = f / (f + 2.0)
    z = s * s
    half_square = 0.5 * f * f
    return half_square, s * muladd(z, polynomial(z, _LOG[f.format.name]), half_square)


def atanh_rest(s: Value) -> Value:
    """2 atanh(s) - 2 s, for |s| <= 3 - 2 sqrt(2)."""
    z = s * s
    return (s * z) * polynomial(z, _LOG[s.format.name])


def _with_specials(x: Value, result: Value, pole: float = 0.0) -> Value:
    """-inf at the pole, NaN below it, inf and NaN of the argument kept."""
    special = select(x > pole, x, select(x.equals(pole), x.constant(-INFINITY), NAN))
    return select((x > pole) & (x < INFINITY), result, special)


def log(x: Value) -> Value:
    """The natural logarithm."""
    high, low = LN2_PARTS[x.format.name]
    m, k, _ = split(x)
    f = m - 1.0
    half_square, second = _rest(f)
    result = muladd(k, high, f - (half_square - muladd(k, low, second)))
    return _with_specials(x, result)


def _log_two_parts(x: Value) -> tuple[Value, Value, Value]:
    """(k, high, low) with log x = k ln 2 + high + low, high + low to about 5 bits more than a float."""
    m, k, _ = split(x)
    f = m - 1.0
    half_square, second = _rest(f)
    high, error = fast_two_sum(f, -half_square)
    return k, high, error + second


def _scaled(high: Value, low: Value, factor: tuple[float, float]) -> tuple[Value, Value]:
    """(high + low) times a constant in two parts."""
    product = high * factor[0]
    return product, fma(high, factor[0], -product) + muladd(high, factor[1], low * factor[0])


def log2(x: Value) -> Value:
    """The logarithm to base 2; exact at powers of two."""
    k, high, low = _log_two_parts(x)
    high, low = _scaled(high, low, _INVERSE_LN2[x.format.name])
    total, error = fast_two_sum(k, high)
    return _with_specials(x, total + (error + low))


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    k, high, low = _log_two_parts(x)
    high, low = _scaled(high, low, _INVERSE_LN10[x.format.name])
    two, two_low = _LOG10_2[x.format.name]
    total, error = fast_two_sum(k * two, high)
    return _with_specials(x, total + (error + muladd(k, two_low, low)))


def log1p(x: Value) -> Value:
    """log(1 + x): f is 1 + x over 2**k, less 1, with what the sum 1 + x lost put back.

    For k = 0, that is |x| small, f is x itself.
    """
    high, low = LN2_PARTS[x.format.name]
    u = x + 1.0
    lost = x - (u - 1.0)
    m, k, e = split(u, subnormal=False)
    # 2**(1-k), as 2**-k has no normal pattern for the largest k
    twice = from_bits(x.format.one - ((e - (x.format.bias + 1)) << x.format.fraction))
    f = muladd(0.5 * lost, twice, m - 1.0)
    half_square, second = _rest(f)
    result = muladd(k, high, f - (half_square - muladd(k, low, second)))
    keep = magnitude(x) < 2.0 ** -(x.format.fraction + 2)
    return _with_specials(x, select(keep, x, result), -1.0)
